# SPDX-License-Identifier: MIT
"""Connections are not workers: those that wait for their client wait in the park."""

import contextlib
import hashlib
import os
import re
import signal
import threading
import time

import pytest

import fastcgi
import procs
import server
from fastcgi import KEEP_CONN, PARAMS, STDIN, begin, environment, pairs, record, request_bytes, stream
from load import Held

PID = "<?php echo getmypid();"
LENGTH = "<?php echo strlen(file_get_contents('php://input'));"


def wait_park(s, other_than=()):
    return procs.until("a park", lambda: [p for p in s.parks() if p not in other_than])[0]


def fds(pid):
    """How many of a process's descriptors are sockets."""
    return sum(name.startswith("socket:") for name in procs.files(pid))


def numbers(s):
    """Of the first pool's park."""
    return s.status()["pools"][0]["park"]


def n_waiting(s, pool):
    """How many connections the park has, or has beside a worker."""
    n = next(p["park"] for p in s.status()["pools"] if p["name"] == pool)
    return n["idle"] + n["receiving"]


class Parked:
    """Connections that have come to the park, in the state that a test wants."""

    def __init__(self, s, n, kind, pool="www"):
        self.params = environment(s.pid_script)
        self.bytes = request_bytes(self.params, keep=True)
        wait_park(s)
        before = n_waiting(s, pool)
        self.connections = [s.connect(pool) for _ in range(n)]
        for c in self.connections:
            if kind == "idle":
                assert c.request(self.params).complete
            elif kind == "half":
                c.send(self.bytes[:len(self.bytes) // 2])
        procs.until(f"{n} {kind} connections in the park", lambda: n_waiting(s, pool) >= before + n)
        self.kind = kind

    def finish(self, c):
        """The rest of a request, and its answer."""
        c.send(self.bytes[len(self.bytes) // 2:] if self.kind == "half" else self.bytes)
        return c.read_response()

    def close(self):
        for c in self.connections:
            c.close()


# --- no client holds a worker

@pytest.mark.parametrize("workers", [1, 4])
def test_waiting_connections_hold_no_worker(start, workers):
    s = start({"www": {"park.first_byte_timeout": "5m", "pm.max_children": workers}})
    waiting = [Parked(s, 100, "idle"), Parked(s, 100, "half"), Parked(s, 20, "silent")]
    took = []
    for _ in range(50):
        began = time.monotonic()
        assert s.run(s.pid_script).complete
        took.append(time.monotonic() - began)
    assert sorted(took)[25] < 0.1 and max(took) < 3, took
    for w in waiting:
        for c in w.connections:
            assert w.finish(c).complete
        w.close()


@pytest.mark.parametrize("listen", ["unix", "tcp"])
def test_request_split_anywhere(start, listen):
    where = {} if listen == "unix" else {"listen": f"127.0.0.1:{server.free_port()}"}
    s = start({"www": {"pm.max_children": 1, **where}})
    code = s.script("echo.php", LENGTH)
    params = {"SCRIPT_FILENAME": code, "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "9", "CONTENT_TYPE": "x/y"}
    data = request_bytes(params, b"123456789", keep=True, padding=3)
    with s.connect() as c:
        for at in range(1, len(data)):
            c.send(data[:at])
            assert s.run(s.pid_script).complete  # which takes the worker: what was read so far goes to the park
            c.send(data[at:])
            assert c.read_response().text == "9", at


def test_request_byte_by_byte_with_pauses(start):
    s = start({"www": {"pm.max_children": 1}})
    data = request_bytes(environment(s.pid_script), keep=True)
    with s.connect() as c:
        for i in range(0, len(data), 40):
            c.send(data[i:i + 40])
            assert s.run(s.pid_script).complete
        assert c.read_response().complete


@pytest.mark.parametrize("size", [60000, 65536, 70000, 300000])
def test_body_around_the_limit_arrives_in_pieces(start, size):
    s = start({"www": {"pm.max_children": 1}})
    body = os.urandom(size)
    code = s.script("md5.php", "<?php echo md5(file_get_contents('php://input'));")
    params = environment(code, body=body, method="POST", CONTENT_TYPE="x/y")
    data = request_bytes(params, body, keep=True, chunk=7001)
    with s.connect() as c:
        for _ in range(2):
            c.send_pieces(data, 4999)
            assert c.read_response().text == hashlib.md5(body).hexdigest()


def test_pipelined_requests_are_answered_in_order(start):
    s = start({"www": {"pm.max_children": 2}})
    code = s.script("i.php", "<?php echo $_GET['i'];")
    data = b"".join(request_bytes(environment(code, query=f"i={i}"), keep=True) for i in range(60))
    with s.connect() as c:
        for at in (0, 100, len(data) - 1):
            c.send(data[:at])
            assert s.run(s.pid_script).complete
            c.send(data[at:])
            assert [c.read_response().text for _ in range(60)] == [str(i) for i in range(60)]


def test_questions_and_refusals_hold_no_worker(start):
    """Records that are answered by themselves, in the middle of a request that does not go on."""
    s = start({"www": {"pm.max_children": 1}})
    params = environment(s.pid_script)
    with s.connect() as c:
        c.send(begin(flags=KEEP_CONN) + record(fastcgi.GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""}))
               + begin(2) + record(99, 0, b"abc"))
        assert c.read_record().kind == fastcgi.GET_VALUES_RESULT
        assert c.read_record().end() == (0, fastcgi.CANT_MPX_CONN)
        assert c.read_record().kind == fastcgi.UNKNOWN_TYPE
        for _ in range(3):
            assert s.run(s.pid_script).complete
        c.send(record(fastcgi.GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""})))
        assert c.read_record().kind == fastcgi.GET_VALUES_RESULT
        c.send(stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, b""))
        assert c.read_response().complete
        assert c.request(params, request_id=2).complete


def test_unread_body_is_skipped_by_the_park(start):
    s = start({"www": {"pm.max_children": 1}})
    body = b"u" * 2_000_000
    params = environment(s.pid_script, body=body, method="PUT", CONTENT_TYPE="x/y")
    with s.connect() as c:
        for i in range(3):
            sender = threading.Thread(target=c.send, args=(request_bytes(params, body, keep=True),))
            sender.start()
            assert c.read_response().complete
            assert s.run(s.pid_script).complete
            sender.join(10)
            assert not sender.is_alive()


# --- which worker

def test_kept_connection_goes_to_whichever_worker_is_free(start):
    s = start({"www": {"pm.max_children": 2}})
    with s.connect() as c:
        first = int(c.request(environment(s.pid_script)).text)
        with Held(s) as held:
            if held.wait_running() != first:  # the kept one was in the worker that took the other
                with Held(s) as both:
                    both.wait_running()
                    both.finish()
            seen = int(c.request(environment(s.pid_script)).text)
            assert seen != held.worker
            held.finish()
        with Held(s) as held:
            held.wait_running()
            assert int(c.request(environment(s.pid_script)).text) != held.worker
            held.finish()


def test_ondemand_forks_for_a_parked_connection(start):
    s = start({"www": {"pm": "ondemand", "pm.max_children": 2, "pm.process_idle_timeout": "1s", "pool.sleep_after": "0"}})
    with s.connect() as c:
        assert c.request(environment(s.pid_script)).complete
        procs.until("the idle worker to end", lambda: not s.workers())
        assert c.request(environment(s.pid_script)).complete


def jain(counts):
    return sum(counts) ** 2 / (len(counts) * sum(n * n for n in counts))


def test_many_kept_connections_share_few_workers_fairly(start):
    s = start({"www": {"pm.max_children": 4}})
    params = environment(s.pid_script)
    counts, slowest, stop = [0] * 64, [0.0] * 64, threading.Event()
    together = threading.Barrier(64)

    def run(i):
        with s.connect() as c:
            together.wait(20)
            while not stop.is_set():
                began = time.monotonic()
                assert c.request(params).complete
                slowest[i] = max(slowest[i], time.monotonic() - began)
                counts[i] += 1
    threads = [threading.Thread(target=run, args=(i,)) for i in range(64)]
    for t in threads:
        t.start()
    procs.until("100 answers for each connection", lambda: min(counts) >= 100, 60)
    stop.set()
    for t in threads:
        t.join(10)
    assert jain(counts) > 0.7, counts
    assert max(slowest) < 1.0, sorted(slowest)[-5:]


def test_offer_to_a_worker_that_is_killed_goes_to_another(start):
    """Killed at about the time it is woken: before, between wake-up and taking the offer, or with the request in hand. Only that one request may be lost."""
    s = start({"www": {"pm.max_children": 2}})
    answered = 0
    idle = Parked(s, 24, "idle")
    for i, c in enumerate(idle.connections):
        victim = s.wait_workers(2)[i % 2]
        c.send(idle.bytes)
        os.kill(victim, signal.SIGKILL)
        began = time.monotonic()
        try:
            r = c.read_response()
            answered += r.complete and int(r.text) != victim
        except ConnectionResetError:
            pass
        assert time.monotonic() - began < 5
        procs.wait_gone(victim)
    assert answered > 0
    idle.close()


# --- replies

def test_slow_reader_holds_no_worker_when_the_script_has_ended(start):
    """What is left of the reply goes out from the park; nothing of it is lost."""
    s = start({"www": {"pm.max_children": 1}})
    code = s.script("large.php", "<?php echo str_repeat('0123456789', $_GET['n']);")
    for keep in (True, False):
        readers = []
        for n in (20000, 24000, 26000):
            c = s.connect()
            c.send(request_bytes(environment(code, query=f"n={n}"), keep=keep))
            readers.append((c, n))
        assert s.client().request(environment(s.pid_script)).complete
        for c, n in readers:
            assert c.read_response().text == "0123456789" * n
            if keep:
                assert c.request(environment(s.pid_script)).complete
            else:
                assert c.read_eof() == b""
            c.close()


def test_reader_that_reads_nothing_any_more_is_given_up(start):
    s = start({"www": {"pm.max_children": 1, "park.idle_timeout": "1s"}})
    code = s.script("large.php", "<?php echo str_repeat('x', 240000);")
    with s.connect() as c:
        c.send(request_bytes(environment(code), keep=True))
        s.wait_log(r"WARNING: \[pool www\] connection from .* closed: it took nothing of its reply for park.idle_timeout \(1.000 sec\)")


@pytest.mark.parametrize("n", [5, 200000])
def test_finish_request_keeps_the_connection(start, n):
    s = start({"www": {"pm.max_children": 2}})
    folder = s.shared_folder()
    code = s.script("finish.php", f"<?php echo str_repeat('f', {n}); fastcgi_finish_request();"
                    f" for ($i = 0; $i < 2000 && !file_exists('{folder}/go'); $i++) {{ usleep(5000); clearstatcache(); }}"
                    f" touch('{folder}/ran');")
    with s.connect() as c:
        assert c.request(environment(code)).body == b"f" * n
        for i in range(5):
            assert c.request(environment(s.pid_script), request_id=i + 2).complete
        assert not os.path.exists(folder + "/ran")
        open(folder + "/go", "w").close()
        procs.until("the script to end", lambda: os.path.exists(folder + "/ran"))


def test_access_log_of_a_reply_that_the_park_has_finished(make):
    s = make({"www": {"pm.max_children": 1, "access.format": "%s %m"}})
    log = s.pools["www"]["access.log"] = os.path.join(s.folder, "access.log")
    s.pid_script = s.script("pid.php", PID)
    s.start()
    code = s.script("large.php", "<?php echo str_repeat('x', 240000);")
    with s.connect() as c:
        c.send(request_bytes(environment(code), keep=True))
        assert s.run(s.pid_script).complete
        assert len(c.read_response().body) == 240000
    with open(log) as f:
        procs.until("two lines", lambda: f.seek(0) == 0 and f.read() == "200 GET\n200 GET\n")


# --- reload, recycling, stop

def test_parked_connections_outlive_a_reload(start):
    s = start({"www": {"park.first_byte_timeout": "5m", "pm.max_children": 2}})
    waiting = [Parked(s, 5, kind) for kind in ("idle", "half", "silent")]
    old, park = s.workers(), wait_park(s)
    s.reload()
    procs.until("the old workers to end", lambda: not set(old) & set(s.workers()))
    for w in waiting:
        for c in w.connections:
            assert int(w.finish(c).text) not in old
        w.close()
    assert s.parks() == [park]


def test_reload_with_other_limits_starts_another_park(start):
    s = start({"www": {"pm.max_children": 2}})
    waiting = [Parked(s, 5, kind) for kind in ("idle", "half")]
    park = wait_park(s)
    s.pools["www"]["park.idle_timeout"] = "100s"
    s.write_config()
    s.reload()
    new = wait_park(s, [park])
    for w in waiting:
        for c in w.connections:
            assert w.finish(c).complete
    procs.wait_gone(park)
    assert s.parks() == [new]
    for w in waiting:
        w.close()


def test_kept_connection_of_a_worker_that_ends_goes_on(start):
    s = start({"www": {"pm.max_children": 2, "pm.max_requests": 3}})
    with s.connect() as c:
        seen = {c.request(environment(s.pid_script)).text for _ in range(20)}
    assert len(seen) > 4


def test_graceful_stop(start):
    """Idle connections are closed, half a request may come to its end, a reply goes out whole."""
    s = start({"www": {"park.first_byte_timeout": "5m", "pm.max_children": 1}})
    idle, half, silent = Parked(s, 5, "idle"), Parked(s, 3, "half"), Parked(s, 3, "silent")
    code = s.script("large.php", "<?php echo str_repeat('x', 240000);")
    slow = s.connect()
    slow.send(request_bytes(environment(code), keep=True))
    assert s.run(s.pid_script).complete
    s.signal(signal.SIGQUIT)
    for c in idle.connections + silent.connections:
        assert c.read_eof() == b""
    for c in half.connections:
        assert half.finish(c).complete
        assert c.read_eof() == b""
    assert len(slow.read_response().body) == 240000
    assert s.wait_exit() == 0
    assert "are lost" not in s.log()


def test_graceful_stop_answers_who_has_just_connected(start):
    """A web server that is between connect and its first byte would tell its client of a failure."""
    s = start({"www": {"park.first_byte_timeout": "5m", "pm.max_children": 1}})
    idle, fresh = Parked(s, 1, "idle"), Parked(s, 3, "silent")
    s.signal(signal.SIGQUIT)
    assert idle.connections[0].read_eof() == b""  # so the park knows of the stop
    for c in fresh.connections:
        c.send(request_bytes(environment(s.pid_script)))
    assert all(c.read_response().complete for c in fresh.connections)
    assert s.wait_exit() == 0


def test_graceful_stop_does_not_wait_for_half_a_request_for_ever(start):
    s = start({"www": {"pm.max_children": 1}})
    half = Parked(s, 2, "half")
    began = time.monotonic()
    s.signal(signal.SIGQUIT)
    assert s.wait_exit() == 0
    assert 3 < time.monotonic() - began < 15
    assert "the pool stops, and its request is not whole" in s.log()
    half.close()


def test_stop_without_parked_connections_is_quick(start):
    s = start({"www": {"pm.max_children": 2}})
    assert s.run(s.pid_script).complete
    with s.connect() as c:
        assert c.request(environment(s.pid_script)).complete
        began = time.monotonic()
        s.signal(signal.SIGQUIT)
        assert c.read_eof() == b""
        assert s.wait_exit() == 0
        assert time.monotonic() - began < 5


def test_graceful_stop_of_an_ondemand_pool_without_workers(start):
    """A worker is forked for what is still to come."""
    s = start({"www": {"pm": "ondemand", "pm.max_children": 2, "pm.process_idle_timeout": "1s", "pool.sleep_after": "0"}})
    idle, half = Parked(s, 1, "idle"), Parked(s, 3, "half")
    procs.until("the idle worker to end", lambda: not s.workers())
    s.signal(signal.SIGQUIT)
    assert idle.connections[0].read_eof() == b""
    assert all(half.finish(c).complete for c in half.connections)
    assert s.wait_exit() == 0


def test_graceful_stop_takes_no_worker_away_from_what_is_still_to_come(start):
    """The last worker has served as many requests as it may, and goes on."""
    s = start({"www": {"pm.max_children": 1, "pm.max_requests": 2}})
    idle, half = Parked(s, 1, "idle"), Parked(s, 3, "half")
    worker = s.workers()[0]
    before = fds(worker)
    s.signal(signal.SIGQUIT)
    assert idle.connections[0].read_eof() == b""
    procs.until("the worker to leave the listener", lambda: fds(worker) < before)
    assert all(half.finish(c).complete for c in half.connections)
    assert s.wait_exit() == 0


@pytest.mark.parametrize("limit", [{"pm.max_requests": 2}, {"pm.max_memory": "1M"}])
def test_graceful_stop_keeps_a_worker_whose_last_request_is_in_hand(start, limit):
    """No other comes after it."""
    s = start({"www": {"pm.max_children": 1, **limit}})
    idle, half = Parked(s, 1, "idle"), Parked(s, 3, "half")
    with Held(s) as held:
        worker = held.wait_running()
        s.signal(signal.SIGQUIT)
        assert idle.connections[0].read_eof() == b""  # so the pool stops
        assert held.finish().complete
    assert [half.finish(c).text for c in half.connections] == 3 * [str(worker)]
    assert s.wait_exit() == 0


def test_stop_of_an_idle_ondemand_pool_forks_nobody(start):
    s = start({"www": {"pm": "ondemand", "pm.max_children": 2}}, settings={"log_level": "debug"})
    s.signal(signal.SIGQUIT)
    assert s.wait_exit() == 0
    assert not re.search(r"child \d+ started", s.log())


def test_graceful_stop_takes_what_was_on_its_way(start):
    """More than the park takes in one turn of its loop: idle ones, which it closes, and behind them half requests, which it does not."""
    s = start({"www": {"pm.max_children": 1}})
    data = request_bytes(environment(s.pid_script), keep=True)
    park = wait_park(s)
    os.kill(park, signal.SIGSTOP)
    idle, half = [], []
    for _ in range(64):
        idle.append(s.connect())
        assert idle[-1].request(environment(s.pid_script)).complete
    for _ in range(3):
        half.append(s.connect())
        half[-1].send(data[:100])
        assert s.run(s.pid_script).complete
    s.signal(signal.SIGQUIT)
    os.kill(park, signal.SIGCONT)
    for c in idle:
        assert c.read_eof() == b""
    for c in half:
        c.send(data[100:])
        assert c.read_response().complete
    assert s.wait_exit() == 0


def test_stop_at_once(start):
    s = start({"www": {"park.first_byte_timeout": "5m", "pm.max_children": 1}})
    waiting = [Parked(s, 3, kind) for kind in ("idle", "half", "silent")]
    park = wait_park(s)
    began = time.monotonic()
    s.signal(signal.SIGTERM)
    assert s.wait_exit() == 0
    procs.wait_gone(park)
    assert time.monotonic() - began < 5
    for w in waiting:
        w.close()


# --- the park's own troubles

def test_killed_park_loses_only_what_it_held(start):
    s = start({"www": {"pm.max_children": 2}})
    waiting = [Parked(s, 5, kind) for kind in ("idle", "half")]
    park = wait_park(s)
    with Held(s) as held:
        held.wait_running()
        os.kill(park, signal.SIGKILL)
        s.wait_log(r"WARNING: \[pool www\] park %d exited on signal 9 \(SIGKILL\); the connections that waited there are lost, "
                   r"with 5 requests on their way, 0 that waited for a worker, and 0 replies" % park)
        assert numbers(s)["lost"] == 5
        for c in waiting[1].connections:
            c.read_eof()
        assert s.run(s.pid_script).complete
        assert held.finish().complete
    wait_park(s, [park])
    assert "; lost with a park that died: 5\n" in s.ctl("status").stdout
    for c in waiting[0].connections:  # which a worker had beside it
        assert waiting[0].finish(c).complete
    again = Parked(s, 5, "idle")
    for c in again.connections:
        assert again.finish(c).complete


def test_park_that_somebody_ends_is_replaced(start):
    """Not by the master, so the sockets are to serve another one."""
    s = start({"www": {"pm.max_children": 1}})
    for sig in (signal.SIGTERM, signal.SIGQUIT):
        park = wait_park(s)
        os.kill(park, sig)
        procs.wait_gone(park)
        wait_park(s, [park])
        procs.until("the new park to say that it has nothing", lambda: n_waiting(s, "www") == 0)
        again = Parked(s, 3, "half")
        assert all(again.finish(c).complete for c in again.connections)
        again.close()


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGURG])
def test_park_that_somebody_ends_has_a_successor_at_once(start, sig):
    """A client that takes its reply slowly keeps the old one for as long as it likes."""
    s = start({"www": {"pm.max_children": 1}})
    with s.connect(timeout=20) as slow:
        slow.send(request_bytes(environment(s.script("large.php", "<?php echo str_repeat('r', 240000);"))))
        procs.until("the end of the reply to be in the park", lambda: numbers(s)["writing"] == 1)
        old = wait_park(s)
        os.kill(old, sig)
        new = wait_park(s, [old])
        s.wait_log(rf"park {old} was told to end, and not by the master")
        request = request_bytes(environment(s.pid_script))
        with s.connect() as c:
            c.send(request[:-20])
            procs.until("half a request in the new park", lambda: numbers(s)["receiving"] == 1)
            c.send(request[-20:])
            assert c.read_response().complete
        assert sorted(s.parks()) == sorted([old, new])
        assert slow.read_response().complete
        procs.wait_gone(old)


def test_frozen_park_stops_nobody_else(start):
    s = start({"www": {"pm.max_children": 2}, }, settings={"process_control_timeout": "2s"})
    park = wait_park(s)
    os.kill(park, signal.SIGSTOP)
    connections = []
    for _ in range(50):
        connections.append(s.connect())
        assert connections[-1].request(environment(s.pid_script)).complete
    for _ in range(50):
        assert s.run(s.pid_script).complete
    os.kill(park, signal.SIGCONT)
    for c in connections:
        assert c.request(environment(s.pid_script)).complete
    os.kill(park, signal.SIGSTOP)
    s.signal(signal.SIGQUIT)
    s.wait_exit()
    procs.wait_gone(park)


def test_park_outlives_its_master(start):
    s = start({"www": {"pm.max_children": 2}})
    idle, half = Parked(s, 3, "idle"), Parked(s, 3, "half")
    park, workers, zygotes = wait_park(s), s.workers(), s.zygotes()
    os.kill(s.pid, signal.SIGKILL)
    s.process.wait()
    for w in (idle, half):
        for c in w.connections:
            assert w.finish(c).complete
        w.close()
    for z in zygotes:
        os.kill(z, signal.SIGQUIT)
    procs.wait_gone(park)  # with the last worker
    assert not any(procs.alive(w) for w in workers)


# --- limits

def test_request_receive_timeout_in_the_park(start):
    s = start({"www": {"pm.max_children": 1, "request_receive_timeout": "1s"}})
    idle = Parked(s, 2, "idle")
    half = Parked(s, 2, "half")
    began = time.monotonic()
    for c in half.connections:
        c.read_eof()
    assert time.monotonic() - began < 8
    s.wait_log(r"WARNING: \[pool www\] connection from .* closed: its request did not come within request_receive_timeout \(1.000 sec\)")
    for c in idle.connections:
        assert idle.finish(c).complete


def test_request_receive_timeout_is_each_ones_own(start):
    """Whoever has been to a worker with half a request, for the answer to a record in it, is not behind those that have come meanwhile."""
    s = start({"www": {"pm.max_children": 1, "request_receive_timeout": "4s"}})
    begun = begin() + record(PARAMS, 1, pairs({"A": "B"}))

    def half(n):
        c = s.connect(timeout=20)
        c.send(begun)
        procs.until(f"{n} half requests in the park", lambda: numbers(s)["receiving"] == n)
        return c

    first = half(1)
    time.sleep(2)  # by which the other one comes later
    other = half(2)
    first.send(record(fastcgi.GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""})))
    assert first.read_record().kind == fastcgi.GET_VALUES_RESULT
    assert first.read_eof() == b""
    procs.until("the numbers of that", lambda: numbers(s)["receiving"] == 1, 1.5)  # the other one still has its time
    assert other.read_eof() == b""


def test_idle_timeout(start):
    s = start({"www": {"pm.max_children": 1, "park.idle_timeout": "1s", "park.rest_timeout": "1s"}})
    half = Parked(s, 2, "half")
    for c in half.connections:
        c.read_eof()
    with s.connect() as c:
        assert c.request(environment(s.pid_script)).complete
        assert c.read_eof() == b""
    s.wait_log(r"WARNING: \[pool www\] connection from .* closed: nothing more of its request came for park.rest_timeout \(1.000 sec\)")
    s.wait_log(r"NOTICE: \[pool www\] connection from .* closed: it was idle for park.idle_timeout \(1.000 sec\) \(0 more")


@pytest.mark.parametrize("kind, limit", [("silent", "park.first_byte_timeout"), ("half", "park.rest_timeout"), ("idle", "park.idle_timeout")])
def test_each_wait_has_a_limit_of_its_own(start, kind, limit):
    """One is short: the others wait on."""
    s = start({"www": {"pm.max_children": 1, **{f"park.{wait}_timeout": "5m" for wait in ("first_byte", "rest", "idle")}, limit: "3s"}})
    others = [Parked(s, 3, other) for other in ("silent", "half", "idle") if other != kind]
    for c in Parked(s, 3, kind).connections:
        assert c.read_eof() == b""
    assert numbers(s)["timed out"] == 3
    s.wait_log(rf"\[pool www\] connection from .* closed: .* for {limit} \(3\.000 sec\)")
    for w in others:
        assert not any(c.closed_by_peer() for c in w.connections)


def test_bytes_that_are_no_request_do_not_lengthen_the_wait_for_one(start):
    """A record that the protocol has ignored is begun again and again, and never a request."""
    s = start({"www": {"pm.max_children": 1, "park.first_byte_timeout": "1s"}})
    padding = record(fastcgi.STDIN, 7)
    with s.connect() as c:
        begun = time.monotonic()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while not c.closed_by_peer() and time.monotonic() < begun + 10:
                c.send(padding)
                time.sleep(0.1)
        assert time.monotonic() < begun + 10


def test_bytes_that_are_no_request_leave_a_kept_connection_idle(start):
    """The end of a body that nobody reads any more, in two pieces: what is waited for afterwards is the next request, not a first one."""
    s = start({"www": {"pm.max_children": 1, "park.first_byte_timeout": "1s"}})
    idle = Parked(s, 1, "idle")
    connection, = idle.connections
    stray = record(fastcgi.STDIN, 7)
    connection.send(stray[:4])
    procs.until("half of them to be there", lambda: numbers(s)["receiving"] == 1)
    connection.send(stray[4:])
    procs.until("the connection to be idle", lambda: numbers(s)["idle"] == 1)
    assert idle.finish(connection).complete


def test_first_byte_is_waited_for_as_long_by_a_worker(start):
    """One that the park does not take."""
    s = start({"www": {"pm.max_children": 1, "park.first_byte_timeout": "1s", "park.rest_timeout": "5m"}})
    full = FullPark(s)
    with s.connect() as silent:
        assert silent.read_eof() == b""
    assert s.run(s.pid_script).complete
    assert full.held


def test_longest_idle_connection_makes_room(start):
    s = start({"www": {"pm.max_children": 1, "park.max_connections": 10}})
    idle = Parked(s, 10, "idle")
    more = [s.connect() for _ in range(3)]
    for c in more:
        assert c.request(environment(s.pid_script)).complete
    assert s.run(s.pid_script).complete
    for c in idle.connections[:3]:
        assert c.read_eof() == b""
    for c in idle.connections[3:] + more:
        assert c.request(environment(s.pid_script)).complete
    s.wait_log(r"WARNING: \[pool www\] connection from .* closed: too many wait for their clients,"
               r" and this one has been idle for the longest time, park.max_connections = 10")


def test_silent_connections_make_room(start):
    s = start({"www": {"park.first_byte_timeout": "5m", "pm.max_children": 1, "park.max_connections": 10}})
    silent = Parked(s, 10, "silent")
    data = silent.bytes
    newcomers = [s.connect() for _ in range(3)]
    for c in newcomers:
        c.send(data[:len(data) // 2])
    for c in silent.connections[:3]:
        assert c.read_eof() == b""
    for c in newcomers:
        c.send(data[len(data) // 2:])
        assert c.read_response().complete
    s.wait_log(r"WARNING: \[pool www\] connection from .* closed: too many wait for their clients, and this one has sent nothing for the"
               r" longest time, none being idle, park.max_connections = 10")
    assert not any(c.closed_by_peer() for c in silent.connections[3:])


def test_newcomer_is_refused_when_all_have_sent_something(start):
    s = start({"www": {"pm.max_children": 1, "park.max_connections": 10}})
    half = Parked(s, 10, "half")
    with s.connect() as c:
        c.send(half.bytes[:5])
        assert c.read_eof() == b""
    s.wait_log(r"WARNING: \[pool www\] connection from .* closed: too many wait for their clients, and none is idle or has yet to"
               r" send anything, park.max_connections = 10")
    for c in half.connections:
        assert half.finish(c).complete


def test_oldest_half_makes_room_for_bytes(start):
    s = start({"www": {"park.first_byte_timeout": "5m", "pm.max_children": 1, "park.max_bytes": "131072"}})
    code = s.script("length.php", LENGTH)
    body = b"b" * 50000
    data = request_bytes(environment(code, body=body, method="POST", CONTENT_TYPE="x/y"), body, keep=True)
    silent = Parked(s, 4, "silent")  # hold no bytes, so they make no room
    connections = silent.connections
    for c in connections:
        c.send(data[:45000])
        assert s.run(s.pid_script).complete
    s.wait_log(r"WARNING: \[pool www\] connection from .* closed: too many bytes of unfinished requests and replies, and this one's"
               r" request has waited for the longest time, park.max_bytes = 131072")
    closed = procs.until("two to be closed", lambda: (lambda n: n if len(n) == 2 else None)([c for c in connections if c.closed_by_peer()]))
    for c in connections:
        if c not in closed:
            c.send(data[45000:])
            assert c.read_response().text == "50000"


def test_stalled_readers_make_room_for_bytes(start):
    s = start({"www": {"pm.max_children": 1, "park.max_bytes": "131072"}})
    large, length = s.script("large.php", "<?php echo str_repeat('x', 262000);"), s.script("length.php", LENGTH)
    stalled = [s.connect() for _ in range(2)]
    for i, c in enumerate(stalled, 1):
        c.send(request_bytes(environment(large)))
        procs.until(f"{i} replies to wait for their readers", lambda: numbers(s)["writing"] == i)
    assert numbers(s)["bytes"] > 131072 - 2 * 50000
    body = b"b" * 50000
    data = request_bytes(environment(length, body=body, method="POST", CONTENT_TYPE="x/y"), body, keep=True)
    newcomers = []
    for i in (1, 2):  # one that has yet to send its first byte counts as receiving, too
        c = s.connect()
        newcomers.append(c)
        c.send(data[:len(data) - 10])
        procs.until(f"{i} half requests in the park", lambda: numbers(s)["receiving"] == i)
    s.wait_log(r"WARNING: \[pool www\] connection from .* closed: too many bytes of unfinished requests and replies, and this one's"
               r" reply has waited for the longest time, park.max_bytes = 131072")
    for c in newcomers:
        c.send(data[len(data) - 10:])
        assert c.read_response().text == "50000"


def test_allowed_clients_are_asked_before_anything_waits(start):
    s = start({"www": {"pm.max_children": 1, "listen": f"127.0.0.1:{server.free_port()}", "listen.allowed_clients": "192.0.2.1"}})
    with s.connect() as c:
        c.send(b"\1")
        assert c.read_eof() == b""
    assert "Connection disallowed" in s.log()


# --- what is shown

def test_numbers_of_the_park(start):
    s = start({"www": {"park.first_byte_timeout": "5m", "pm.max_children": 1, "park.max_connections": 7, "pm.status_path": "/status"}})
    idle, half, silent = Parked(s, 3, "idle"), Parked(s, 3, "half"), Parked(s, 1, "silent")
    with s.connect() as c:
        c.request(environment(s.pid_script))
        assert s.run(s.pid_script).complete

        def shown():
            return next(p["park"] for p in s.status()["pools"])
        seen = procs.until("the refused connection", lambda: (lambda n: n if n["refused"] else None)(shown()))
        assert {k: seen[k] for k in ("idle", "receiving", "waiting", "writing")} == {"idle": 3, "receiving": 4, "waiting": 0, "writing": 0}
        assert seen["bytes"] == 3 * (len(half.bytes) // 2)
        assert seen["parked"] >= 8 and seen["refused"] == 1
        text = s.ctl("status").stdout
        assert "  3 idle, 4 receiving, 0 waiting, 0 writing," in text and "closed: 1 for want of room" in text
        page = s.client().request({"SCRIPT_NAME": "/status", "SCRIPT_FILENAME": "/status", "REQUEST_METHOD": "GET", "QUERY_STRING": "openmetrics"}).text
        assert "phpfpm_park_receiving 4\n" in page and "# TYPE phpfpm_park_idle gauge\n" in page
    for w in (idle, half, silent):
        w.close()
    procs.until("the park to be empty", lambda: (lambda park: park["idle"] + park["receiving"] == 0)(shown()))


def test_title(start):
    s = start()
    assert procs.title(wait_park(s)) == "fpmd: park www"


# --- leaks

def test_no_descriptor_leaks(start):
    s = start({"www": {"pm.max_children": 2}})
    code = s.script("large.php", "<?php echo str_repeat('x', 240000);")

    def rounds(n):
        for i in range(n):
            with s.connect() as c:
                data = request_bytes(environment(s.pid_script), keep=i % 2 == 0)
                c.send(data[:i % len(data)])
                assert s.run(s.pid_script).complete
                c.send(data[i % len(data):])
                assert c.read_response().complete
            with s.connect() as c:
                c.send(request_bytes(environment(code), keep=True))
                if i % 3:
                    assert len(c.read_response().body) == 240000
            with s.connect() as c:
                c.send(b"\1\1")
    rounds(20)
    pids = [s.pid, wait_park(s), *s.workers()]
    before = procs.until("all connections to be gone", lambda: {p: len(os.listdir(f"/proc/{p}/fd")) for p in pids})
    rounds(300)
    procs.until(f"as many descriptors as before, {before}, and two for each shelf that has been made since",
                lambda: all(len(os.listdir(f"/proc/{p}/fd")) <= before[p] + 2 for p in pids))
    procs.assert_does_not_spin(wait_park(s))


def test_worker_without_descriptors_takes_one_offer_at_most(start):
    """A script has used them all up: that costs its worker, and not one connection after the other."""
    s = start({"www": {"pm.max_children": 1, "rlimit_files": 200}})
    waiting = Parked(s, 8, "half")
    code = s.script("leak.php", """<?php echo getmypid(); register_shutdown_function(function () { fastcgi_finish_request();
        for ($i = 20000; $i < 20300; $i++) @pfsockopen('udp://127.0.0.1', $i); });""")
    full = int(s.run(code).text)
    procs.until("all descriptors to be in use", lambda: len(os.listdir(f"/proc/{full}/fd")) == 200)
    answered = 0
    for c in waiting.connections:
        try:
            answered += waiting.finish(c).complete
        except OSError:
            pass
    assert answered >= 7 and full not in s.workers()
    waiting.close()


# --- a park that takes nothing

class FullPark:
    """It is stopped, and its socket full of half requests."""

    def __init__(self, s):
        os.kill(wait_park(s), signal.SIGSTOP)
        half = request_bytes({**environment(s.pid_script), "REQUEST_METHOD": "POST", "CONTENT_LENGTH": "70000"}, b"x" * 70000)[:60000]
        self.held = []
        while "the park takes no connections" not in s.log():
            assert len(self.held) < 1000, "the park's socket does not get full"
            self.held.append(s.connect())
            self.held[-1].send(half)
            self.next_request(s)
        self.close()

    def next_request(self, s):
        """It is answered; or the worker keeps the half one before it, which the park does not take, and says so; or its
        bytes have come so late after its connection that this one, too, has gone to the park that is stopped."""
        c = s.connect()
        self.held.append(c)
        c.send(request_bytes(environment(s.pid_script)))
        with contextlib.suppress(TimeoutError):
            procs.until("an answer or a full park", lambda: c.readable() or "the park takes no connections" in s.log(), 1)

    def close(self):
        for c in self.held:
            c.close()


def test_worker_that_ends_serves_what_it_has_read_when_the_park_is_full(start):
    """pm.max_requests: each request that came along with another one would end up with a worker that has served enough."""
    s = start({"www": {"pm.max_children": 1, "pm.max_requests": 3}})
    full = FullPark(s)
    data = request_bytes(environment(s.pid_script), keep=True)
    for _ in range(4):
        with s.connect() as c:
            c.send(data * 8)
            assert [c.read_response().complete for _ in range(8)] == [True] * 8
    assert full.held


def test_worker_that_ends_waits_for_the_request_it_has_half_when_the_park_is_full(start):
    s = start({"www": {"pm.max_children": 1, "pm.max_requests": 1}})
    full = FullPark(s)
    data = request_bytes(environment(s.pid_script), keep=True)
    with s.connect() as c:
        c.send(data + data[:50])
        assert c.read_response().complete
        c.send(data[50:])
        assert c.read_response().complete
    assert full.held


def test_request_is_lost_by_name_when_neither_worker_nor_park_can_have_it(start):
    s = start({"www": {"pm.max_children": 1, "pm.exit_after_fatal": "yes"}})
    full = FullPark(s)
    with s.connect() as c:
        c.send(request_bytes(environment(s.script("fatal.php", "<?php eval('class A {} class A {}');")), keep=True)
               + request_bytes(environment(s.pid_script), keep=True))
        assert c.read_response().complete
        assert c.read_eof() == b""
    s.wait_log(r"WARNING: .*connection from .* closed: its next request is lost \(\d+ bytes had come\): this worker's PHP is not fit")
    assert s.run(s.pid_script).complete
    assert full.held
