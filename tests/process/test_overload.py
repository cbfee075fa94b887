# SPDX-License-Identifier: MIT
"""More requests than workers: which of them are run, which are answered at once, and what is told of them."""

import contextlib
import os
import re
import signal
import socket
import struct

import pytest

import fastcgi
import openmetrics
import procs
import server as programs
from load import Held, Ran


@pytest.fixture(params=["unix", "tcp"])
def network(request):
    return request.param


def pool(network="unix", **more):
    address = {} if network == "unix" else {"listen": f"127.0.0.1:{programs.free_port()}"}
    return {"www": {"pm.max_children": 1, "pm.status_path": "/status", "ping.path": "/ping", "listen.shards": 1, **address, **more}}


def overload(s):
    return s.status()["pools"][0]["overload"]


def reset(connection):
    """Closes a TCP connection by a reset, as a process does that is killed with bytes unread."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.fixture
def busy(start):
    """busy(**pool) -> (a server whose one worker has a request in hand, that request)."""
    opened = []

    def run(network="unix", **more):
        s = start(pool(network, **more))
        opened.append(Held(s))
        opened[-1].wait_running()
        return s, opened[-1]
    yield run
    for held in opened:
        held.release()
        held.close()


# --- queue.abandoned

@pytest.mark.parametrize("how, ran", [({}, ["gone", "stays"]), ({"queue.abandoned": "drop"}, ["stays"])])
def test_request_of_a_closed_client(busy, how, ran):
    """By default it is run: wp-cron and its like close at once."""
    s, held = busy(**how)
    r = Ran(s)
    r.send("gone").close()
    stays = r.send("stays")
    held.finish()
    assert stays.read_response().complete
    assert r.names() == ran
    assert overload(s)["abandoned"] == 2 - len(ran)


def test_dead_work_is_not_done(busy):
    """Those who still wait come next, whatever crowd has given up before them."""
    s, held = busy(**{"queue.abandoned": "drop"})
    r = Ran(s)
    crowd = [r.send(n) for n in range(30)]
    for c in crowd:
        c.close()
    stays = r.send("stays")
    held.finish()
    assert stays.read_response().complete
    assert r.names() == ["stays"] and overload(s)["abandoned"] == 30


def test_request_of_a_client_that_resets_its_connection_is_dropped(busy):
    s, held = busy("tcp", **{"queue.abandoned": "drop"})
    r = Ran(s)
    held_up = r.send("reset")
    stays = r.send("stays")
    reset(held_up)
    held.finish()
    assert stays.read_response().complete
    assert r.names() == ["stays"] and overload(s)["abandoned"] == 1


def test_request_of_a_tcp_client_that_closes_in_good_order_is_run(busy):
    """It cannot be told from one that has closed its sending side alone."""
    s, held = busy("tcp", **{"queue.abandoned": "drop"})
    r = Ran(s)
    r.send("closed").close()
    stays = r.send("stays")
    held.finish()
    assert stays.read_response().complete
    assert r.names() == ["closed", "stays"]


def test_half_closed_client_is_answered(busy, network):
    s, held = busy(network, **{"queue.abandoned": "drop"})
    r = Ran(s)
    half = r.send("half")
    half.finish_sending()
    held.finish()
    assert half.read_response().complete
    assert r.names() == ["half"] and overload(s)["abandoned"] == 0


def test_dropped_request_of_a_kept_connection_leaves_its_worker_well(start):
    s = start(pool(**{"queue.abandoned": "drop"}))
    r = Ran(s)
    c = s.connect()
    assert c.request(fastcgi.environment(s.pid_script)).complete
    with Held(s) as held:
        held.wait_running()
        c.send(r.request("gone"))
        c.close()
        held.finish()
    assert s.run(s.pid_script).text == str(s.workers()[0])
    procs.until("the request to be dropped", lambda: overload(s)["abandoned"] == 1)
    assert r.names() == []


def test_pages_are_answered_whoever_waits(busy):
    """A check that does not wait for its answer is not counted as a request that was dropped."""
    s, held = busy(**{"queue.abandoned": "drop"})
    for page in "/ping", "/status":
        with s.connect() as c:
            c.send(fastcgi.request_bytes(fastcgi.environment(page)))
    held.finish()
    assert s.run(s.pid_script).complete
    assert overload(s)["abandoned"] == 0


def test_dropped_requests_are_told(make):
    s = make(pool(**{"queue.abandoned": "drop", "access.format": "%s %r %q"}), settings={"log_level": "debug"})
    s.pools["www"]["access.log"] = f"{s.folder}/access.log"
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    r = Ran(s)
    with Held(s) as held:
        held.wait_running()
        r.send("gone").close()
        held.finish()
    assert s.run(s.pid_script).complete
    s.wait_log(r"DEBUG: .*GET /touch.php is not run: its client has gone \(queue.abandoned\)")
    assert re.search(r"overload +1 abandoned\n", s.ctl("status").stdout)
    assert "499 /touch.php gone\n" in procs.content(f"{s.folder}/access.log")
    page = s.client().request(fastcgi.environment("/status", query="openmetrics")).text
    assert openmetrics.parse(page)["phpfpm_overload_abandoned"].samples == [("phpfpm_overload_abandoned", {}, 1)]


# --- request.on_disconnect

LOOP = ("<?php {before} register_shutdown_function(function () {{ file_put_contents($_GET['m'] . '-end', connection_aborted() . ' ' . (int) (microtime(true) - $GLOBALS['t'])); }});"
        " $t = microtime(true); file_put_contents($_GET['m'] . '-on', getmypid()); {then} file_put_contents($_GET['m'] . '-done', '.');")
FOREVER = "while (!file_exists($_GET['m'] . '-go')) clearstatcache();"
A_WHILE = "while (microtime(true) - $t < 0.8);"


class Looping:
    """A script that writes nothing, and computes."""

    def __init__(self, s, then=FOREVER, before="", **more):
        self.mark = f"{s.shared_folder()}/loop"
        script = s.script("loop.php", LOOP.format(before=before, then=then))
        self.connection = s.connect()
        self.connection.send(fastcgi.request_bytes(fastcgi.environment(script, query=f"m={self.mark}", **more)))
        self.worker = int(procs.until("the script to run", lambda: procs.content(self.mark + "-on")))

    def release(self):
        open(self.mark + "-go", "w").close()

    def wait_end(self):
        """[connection_aborted(), how long it ran], from its shutdown function."""
        return [int(n) for n in procs.until("the script to end", lambda: procs.content(self.mark + "-end")).split()]

    def is_done(self):
        return procs.content(self.mark + "-done") == "."


def abort_pool(network="unix", **more):
    return pool(network, **{"request.on_disconnect": "abort", **more})


def test_script_is_ended_when_its_client_goes(start, network):
    s = start(abort_pool(network), settings={"log_level": "debug"})
    loop = Looping(s)
    reset(loop.connection) if network == "tcp" else loop.connection.close()
    assert loop.wait_end() == [1, 0] and not loop.is_done()
    assert s.run(s.pid_script).text == str(loop.worker)
    assert overload(s)["disconnected"] == 1
    s.wait_log(r"DEBUG: .*GET /loop.php was ended: its client has gone \(request.on_disconnect\)")


def test_script_whose_client_goes_runs_on_by_default(start):
    s = start(pool(**{"request.on_disconnect": "ignore"}))
    loop = Looping(s, A_WHILE)
    loop.connection.close()
    assert loop.wait_end() == [0, 0] and loop.is_done()
    assert overload(s)["disconnected"] == 0


@pytest.mark.parametrize("how", [{"before": "ignore_user_abort(true);"}, {"PHP_VALUE": "ignore_user_abort=1"}])
def test_script_that_ignores_its_client_is_left_alone(start, how):
    s = start(abort_pool())
    loop = Looping(s, A_WHILE, **how)
    loop.connection.close()
    assert loop.wait_end() == [0, 0] and loop.is_done()


def test_script_whose_client_only_stops_sending_runs_on(start, network):
    s = start(abort_pool(network))
    loop = Looping(s, A_WHILE)
    loop.connection.finish_sending()
    assert loop.connection.read_response().complete and loop.is_done()


def test_script_after_its_reply_runs_on(start):
    s = start(abort_pool())
    loop = Looping(s, A_WHILE, "fastcgi_finish_request();")
    loop.connection.close()
    loop.wait_end()
    assert loop.is_done() and overload(s)["disconnected"] == 0


def test_sleep_is_not_cut_short(start):
    s = start(abort_pool())
    loop = Looping(s, "sleep(1); " + FOREVER)
    loop.connection.close()
    assert loop.wait_end() == [1, 1]


def test_next_script_is_not_ended_for_the_last_ones_client(start):
    """A worker whose thread has just looked at a client that goes serves the next request unharmed."""
    s = start(abort_pool())
    for _ in range(5):
        loop = Looping(s)
        loop.connection.close()
        procs.until("the script to end", lambda: procs.content(loop.mark + "-end"))
        for name in "-on", "-end":
            os.unlink(loop.mark + name)
        assert [s.run(s.pid_script).text for _ in range(20)] == [str(loop.worker)] * 20
    assert overload(s)["disconnected"] == 5


def test_process_that_a_script_forks_ends_by_itself(start):
    """The watching thread is the worker's alone."""
    s = start(abort_pool(**{"security.pcntl": "yes"}))
    loop = Looping(s, "if (pcntl_fork() == 0) { " + A_WHILE + " file_put_contents($_GET['m'] . '-child', '.'); exit(0); } pcntl_wait($status);")
    loop.connection.close()
    loop.wait_end()
    procs.until("the copy to come to its end", lambda: procs.content(loop.mark + "-child") == ".")
    assert s.run(s.pid_script).text == str(loop.worker)


# --- queue.max_wait, queue.max_length

def is_refused(response, status=503, after="1"):
    return response.complete and response.status == status and response.header("Retry-After") == after


def wait_waiting(s, n):
    """Until so many wait for a worker, one of them in the offers."""
    procs.until(f"{n} requests to wait", lambda: s.status()["pools"][0]["park"]["waiting"] == n)


def test_requests_beyond_the_length_are_refused_at_once(busy, network):
    s, held = busy(network, **{"queue.max_length": 2})
    r = Ran(s)
    first, second = r.send("first"), r.send("second")
    wait_waiting(s, 2)
    for name in "third", "fourth":
        with r.send(name) as c:
            response = c.read_response()
            assert is_refused(response) and response.text == "Too many requests wait here. Try again later.\n"
            assert c.read_eof() == b""
    held.finish()
    assert first.read_response().status == second.read_response().status == 200
    assert r.names() == ["first", "second"]
    assert overload(s) == {"abandoned": 0, "disconnected": 0, "refused late": 0, "refused too many": 2, "refused unserved": 0, "yielded": 0,
                           "claimed": 0}
    s.wait_log(r"WARNING: .*a request is answered 503: as many as queue.max_length = 2 wait for a worker \(0 more since the last such line\)")


def test_request_that_waits_for_too_long_is_refused(busy, network):
    s, held = busy(network, **{"queue.max_wait": "300ms"})
    r = Ran(s)
    waiting = [r.send(name) for name in "abc"]
    # the first is offered already, and served by the worker when it is free
    assert [is_refused(c.read_response()) for c in waiting[1:]] == [True, True]
    held.finish()
    assert waiting[0].read_response().status == 200
    assert r.names() == ["a"] and overload(s)["refused late"] == 2
    s.wait_log(r"a request is answered 503: it has waited for a worker for (?:0\.[3-9]|[1-9]\d*\.\d)\d\d sec, queue.max_wait = 0.300 sec \(0 more")


def test_requests_are_served_that_do_not_wait_for_too_long(busy):
    s, held = busy(**{"queue.max_wait": "1m", "queue.max_length": 20})
    r = Ran(s)
    waiting = [r.send(n) for n in range(10)]
    wait_waiting(s, 10)
    held.finish()
    assert all(c.read_response().status == 200 for c in waiting)
    assert r.names() == [str(n) for n in range(10)]  # in order


def test_workers_that_are_free_take_what_comes(start, network):
    """A short queue refuses nobody where workers are free, or soon will be."""
    s = start(pool(network, **{"pm.max_children": 4, "queue.max_length": 1, "queue.max_wait": "1m"}))
    procs.until("four workers to be free", lambda: s.status()["pools"][0]["status"]["idle processes"] == 4)
    for _ in range(20):
        burst = [s.connect() for _ in range(4)]
        for c in burst:
            c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        assert [c.read_response().status for c in burst] == [200] * 4
    assert overload(s)["refused too many"] == 0


def test_refused_client_keeps_its_connection(busy):
    s, held = busy(**{"queue.max_length": 1})
    r = Ran(s)
    first = r.send("first")
    wait_waiting(s, 1)
    with s.connect() as c:
        for _ in range(3):
            assert is_refused(c.request(fastcgi.environment(r.script, query="refused")))
        held.finish()
        assert first.read_response().status == 200
        assert c.request(fastcgi.environment(s.pid_script)).status == 200


@pytest.mark.parametrize("limit", [{"queue.max_length": 1}, {"queue.max_wait": "100ms"}])
def test_request_behind_a_refused_one_is_refused_in_its_turn(busy, limit):
    s, held = busy(**limit)
    r = Ran(s)
    first = r.send("first")
    wait_waiting(s, 1)
    with s.connect() as c:
        c.send(r.request("a", keep=True) + r.request("b", keep=True) + r.request("c", keep=True)[:30])
        assert [is_refused(c.read_response()) for _ in range(2)] == [True, True]
        padded = fastcgi.request_bytes(fastcgi.environment(r.script, query="d", RAN=r.path), keep=True, padding=7)
        c.send(r.request("c", keep=True)[30:] + padded[:-3])
        assert [is_refused(c.read_response()) for _ in range(2)] == [True, True]
        c.send(padded[-3:] + r.request("e", keep=True))
        assert is_refused(c.read_response())
        held.finish()
        assert first.read_response().status == 200  # it was offered
        assert c.request(fastcgi.environment(s.pid_script)).status == 200
    assert r.names() == ["first"]


def test_refusal_of_a_head_has_no_body(busy):
    s, held = busy(**{"queue.max_length": 1, "queue.status": 429})
    r = Ran(s)
    first = r.send("first")
    wait_waiting(s, 1)
    response = r.send("refused", method="HEAD").read_response()
    assert response.header("Status") == "429 Too Many Requests" and response.body == b""
    held.finish()
    assert first.read_response().status == 200


def test_upload_is_refused_before_it_has_come(busy):
    s, held = busy(**{"queue.max_length": 1})
    r = Ran(s)
    first = r.send("first")
    wait_waiting(s, 1)
    body = b"x" * 1_000_000
    with s.connect() as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(r.script, query="refused", method="POST", body=body), body))
        assert is_refused(c.read_response()) and c.read_eof() == b""
    held.finish()
    assert first.read_response().status == 200


def test_checks_are_not_refused_and_go_first(busy):
    s, held = busy(**{"queue.max_length": 1, "queue.max_wait": "200ms"})
    r = Ran(s)
    first = r.send("first")
    wait_waiting(s, 1)
    checks = []
    for page in "/ping", "/status":
        checks.append(s.connect())
        checks[-1].send(fastcgi.request_bytes(fastcgi.environment(page)))
    assert is_refused(r.send("refused").read_response())
    wait_waiting(s, 3)
    held.finish()
    assert [c.read_response().status for c in checks] == [200, 200]
    assert first.read_response().status == 200 and r.names() == ["first"]


@pytest.mark.parametrize("before", [b"", fastcgi.record(9, 0)], ids=["", "asks"])
def test_long_head_goes_before_nobody(busy, network, before):
    """Nor does a question before it (FCGI_GET_VALUES)."""
    s, held = busy(network, **{"queue.max_length": 2, "queue.max_wait": "1m"})
    r = Ran(s)
    first, second = r.send("first"), r.send("second")
    wait_waiting(s, 2)
    for _ in range(3):
        with s.connect() as c:
            c.send(before + r.request("long", HTTP_LONG="x" * (100 if before else 70_000)))
            assert is_refused(c.read_response()) and c.read_eof() == b""
    held.finish()
    assert first.read_response().status == second.read_response().status == 200
    assert r.names() == ["first", "second"] and overload(s)["refused too many"] == 3


def test_long_head_waits_as_long_as_others(busy, network):
    s, held = busy(network, **{"queue.max_wait": "300ms", "queue.abandoned": "drop"})
    r = Ran(s)
    first, long = r.send("first"), r.send("long", HTTP_LONG="x" * 70_000)
    assert is_refused(long.read_response())
    held.finish()
    assert first.read_response().status == 200 and r.names() == ["first"]
    assert overload(s)["refused late"] == 1


def test_long_head_is_served_in_its_turn(busy, network):
    s, held = busy(network, **{"queue.max_wait": "1m"})
    r = Ran(s)
    waiting = []
    for n in range(4):
        waiting.append(r.send(n, HTTP_LONG="x" * 70_000 * (n % 2)))
        wait_waiting(s, n + 1)
    held.finish()
    assert [c.read_response().status for c in waiting] == [200] * 4 and r.names() == list("0123")


def test_refusal_is_the_pools(busy):
    s, held = busy(**{"queue.max_length": 1, "queue.status": 429, "queue.retry_after": "2m", "queue.body": "/nonexistent"})
    r = Ran(s)
    first = r.send("first")
    wait_waiting(s, 1)
    response = r.send("refused").read_response()
    assert is_refused(response, 429, "120") and response.text == "Too many requests wait here. Try again later.\n"
    s.wait_log(r"WARNING: .*queue.body: /nonexistent: No such file or directory")
    held.finish()
    assert first.read_response().complete


@contextlib.contextmanager
def crowded(s, r):
    """The one worker is held, and the one place in the queue taken: who sends now is refused. At the end both are served."""
    s.start()
    with Held(s) as held:
        held.wait_running()
        first = r.send("first")
        wait_waiting(s, 1)
        yield
        held.finish()
        assert first.read_response().status == 200


def test_refusal_has_a_page(make):
    s = make(pool(**{"queue.max_length": 1, "queue.retry_after": "0"}))
    s.pools["www"]["queue.body"] = s.script("busy.html", "<p>busy\n")
    r = Ran(s)
    with crowded(s, r):
        response = r.send("refused").read_response()
        assert response.status == 503 and response.text == "<p>busy\n" and response.header("Content-Type") == "text/html; charset=UTF-8"
        assert response.header("Retry-After") is None


def test_page_that_has_changed_is_sent(make):
    s = make(pool(**{"queue.max_length": 1}))
    s.pools["www"]["queue.body"] = s.script("busy.html", "first")
    r = Ran(s)
    with crowded(s, r):
        assert r.send("refused").read_response().text == "first"
        s.script("busy.html", "other")
        procs.until("the other page", lambda: r.send("refused").read_response().text == "other")


def test_page_is_known_before_it_is_needed_and_cut_aloud(make):
    s = make(pool(**{"queue.max_length": 1}))
    s.pools["www"]["queue.body"] = s.script("busy.html", "x" * 61_441)
    r = Ran(s)
    with crowded(s, r):
        s.wait_log(r"WARNING: .*queue.body: .*/busy.html: it is longer than 60 KiB, and cut there")
        assert r.send("refused").read_response().text == "x" * 61_440


def test_client_that_goes_while_it_waits_takes_no_place(busy):
    s, held = busy(**{"queue.max_length": 2, "queue.abandoned": "drop"})
    r = Ran(s)
    first, gone = r.send("first"), r.send("gone")
    wait_waiting(s, 2)
    gone.close()
    procs.until("the client that has gone to be noticed", lambda: overload(s)["abandoned"] == 1)
    second = r.send("second")
    wait_waiting(s, 2)
    held.finish()
    assert first.read_response().status == second.read_response().status == 200
    assert r.names() == ["first", "second"] and overload(s)["refused too many"] == 0


def test_half_closed_client_waits_on(busy, network):
    s, held = busy(network, **{"queue.max_length": 5, "queue.abandoned": "drop"})
    r = Ran(s)
    first, half = r.send("first"), r.send("half")
    half.finish_sending()
    wait_waiting(s, 2)
    held.finish()
    assert first.read_response().status == half.read_response().status == 200


@pytest.mark.parametrize("pm", [{"pm": "ondemand"}, {"pm": "dynamic", "pm.start_servers": 1, "pm.min_spare_servers": 1, "pm.max_spare_servers": 1}])
def test_pool_still_grows(start, pm):
    s = start(pool(**{**pm, "pm.max_children": 4, "queue.max_length": 10, "queue.max_wait": "1m"}))
    helds = [Held(s) for _ in range(4)]
    try:
        assert len({held.wait_running() for held in helds}) == 4
    finally:
        for held in helds:
            held.finish()
            held.close()


def test_pool_with_limits_sleeps_and_wakes(start, network):
    s = start(pool(network, **{"pm": "ondemand", "pm.process_idle_timeout": "1s", "pool.sleep_after": "1s", "queue.max_length": 1, "queue.max_wait": "1m"}))
    for _ in range(2):
        with Held(s) as held:
            held.wait_running()
            r = Ran(s)
            first = r.send("first")
            wait_waiting(s, 1)
            assert is_refused(r.send("refused").read_response())
            held.finish()
            assert first.read_response().status == 200
        procs.until("the master to be alone", lambda: not procs.descendants(s.pid))


def test_reload_turns_limits_on_and_off(start, network):
    s = start(pool(network))
    for limit in "1", None, "1":
        s.pools["www"]["queue.max_length"] = limit
        s.write_config()
        s.reload()
        r = Ran(s)
        with Held(s) as held:
            held.wait_running()
            first = r.send("first")
            if limit:
                wait_waiting(s, 1)
                assert is_refused(r.send("refused").read_response())
            held.finish()
            assert first.read_response().status == 200
        assert s.run(s.pid_script).status == 200


def test_stop_serves_what_waits(busy, network):
    s, held = busy(network, **{"queue.max_length": 5})
    r = Ran(s)
    waiting = [r.send(n) for n in range(4)]
    wait_waiting(s, 4)
    s.signal(signal.SIGQUIT)
    held.finish()
    assert [c.read_response().status for c in waiting] == [200] * 4
    assert s.wait_exit() == 0


def test_clients_that_may_not_connect_are_refused_here_too(start):
    s = start(pool("tcp", **{"queue.max_length": 5, "listen.allowed_clients": "192.0.2.1"}))
    with s.connect() as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        assert c.read_eof() == b""


def test_killed_park_is_followed_by_one_with_the_listeners(busy):
    s, held = busy(**{"queue.max_length": 1})
    old = s.status()["pools"][0]["park pid"]
    os.kill(old, signal.SIGKILL)
    procs.until("another park", lambda: s.status()["pools"][0]["park pid"] not in (0, old))
    r = Ran(s)
    first = r.send("first")
    wait_waiting(s, 1)
    assert is_refused(r.send("refused").read_response())
    held.finish()
    assert first.read_response().status == 200


@pytest.mark.parametrize("limit", [{"queue.max_wait": "1m"}, {"queue.priority[high]": "/checkout"}])
def test_what_does_not_fit_into_the_parks_memory_waits_in_the_listener(busy, network, limit):
    s, held = busy(network, **{"park.max_bytes": "131072", **limit})
    r = Ran(s)
    body = b"x" * 20_000
    with procs.stopped(*s.parks()):  # it takes no connection whose request is not there yet
        waiting = [s.connect() for _ in range(20)]
        for n, c in enumerate(waiting):
            c.send(fastcgi.request_bytes(fastcgi.environment(r.script, query=str(n), method="POST", body=body, RAN=r.path), body))
    procs.until("the park to be full", lambda: s.status()["pools"][0]["park"]["bytes"] >= 131072 * 3 // 4)
    held.finish()
    assert [c.read_response().status for c in waiting] == [200] * 20
    assert sorted(r.names(), key=int) == [str(n) for n in range(20)]


def test_request_of_a_kept_connection_that_does_not_fit_is_refused(start):
    s = start(pool(**{"park.max_bytes": "65536", "queue.max_wait": "1m"}))
    r = Ran(s)
    kept = [s.connect() for _ in range(6)]
    for c in kept:
        assert c.request(fastcgi.environment(s.pid_script)).complete
    body = b"x" * 20_000
    with Held(s) as held:
        held.wait_running()
        for n, c in enumerate(kept):
            c.send(fastcgi.request_bytes(fastcgi.environment(r.script, query=str(n), method="POST", body=body, RAN=r.path), body))
            if n < 4:
                wait_waiting(s, n + 1)  # the first is offered, and three fit
        assert [is_refused(c.read_response()) for c in kept[4:]] == [True, True]
        held.finish()
        assert [c.read_response().status for c in kept[:4]] == [200] * 4
    assert overload(s)["refused too many"] == 2
    s.wait_log(r"a request is answered 503: it does not fit beside those that wait for a worker, park.max_bytes = 65536 \(0 more")


@pytest.mark.parametrize("size, fits", [(100, True), (20_000, False)])
def test_request_behind_one_that_does_not_fit(start, size, fits):
    """It waits where it does. Else it was never there, and its client hears so."""
    s = start(pool(**{"park.max_bytes": "65536", "queue.max_wait": "1m"}))
    r = Ran(s)

    def request(name, n):
        body = b"x" * n
        return fastcgi.request_bytes(fastcgi.environment(r.script, query=str(name), method="POST", body=body, RAN=r.path), body, keep=True)

    kept = [s.connect() for _ in range(5)]
    for c in kept:
        assert c.request(fastcgi.environment(s.pid_script)).complete
    with Held(s) as held:
        held.wait_running()
        for n, c in enumerate(kept[:4]):
            c.send(request(n, 20_000))
            wait_waiting(s, n + 1)
        kept[4].send(request("refused", 20_000) + request("behind", size))
        assert is_refused(kept[4].read_response())
        if not fits:
            assert kept[4].read_eof() == b""
        held.finish()
        assert [c.read_response().status for c in (kept if fits else kept[:4])] == [200] * (4 + fits)


def test_page_that_is_no_file_is_not_sent(make):
    s = make(pool(**{"queue.max_length": 1, "queue.body": "/dev/zero"}))
    r = Ran(s)
    with crowded(s, r):
        assert r.send("refused").read_response().text == "Too many requests wait here. Try again later.\n"
        s.wait_log(r"WARNING: .*queue.body: /dev/zero: it is no regular file")


@pytest.mark.parametrize("page, what", [("/nonexistent", "No such file or directory"), ("/dev/zero", "it is no regular file"), ("/etc/passwd", None)])
def test_configuration_test_tells_of_a_page_that_is_no_file(make, page, what):
    s = make(pool(**{"queue.max_length": 1, "queue.body": page}), args=["-t"])
    s.write_config()
    s.spawn(s.command())
    assert s.wait_exit() == 0
    said = s.output() + s.log()
    assert re.search(rf"WARNING: \[.*:\d+\] directive 'queue.body': '{page}': {what}", said) if what else "queue.body" not in said


# --- queue.priority

PRIORITY = "queue.priority[{}]"


def test_request_of_high_priority_passes_a_crowd(busy):
    s, held = busy(**{PRIORITY.format("high"): '"QUERY_STRING=checkout*"', PRIORITY.format("low"): '"HTTP_USER_AGENT=*bot*"'})
    r = Ran(s)
    crowd = [r.send("offered"), *[r.send(f"bot{n}", HTTP_USER_AGENT="a bot/1.0") for n in range(8)]]
    wait_waiting(s, 9)
    crowd += [r.send(f"page{n}") for n in range(2)]
    wait_waiting(s, 11)
    crowd.append(r.send("checkout-1"))
    wait_waiting(s, 12)
    held.finish()
    assert [c.read_response().status for c in crowd] == [200] * 12
    names = r.names()
    assert names[0] == "offered" and "checkout-1" in names[1:3] and set(names[1:5]) >= {"checkout-1", "page0", "page1"}
    assert [n for n in names if n.startswith("bot")] == [f"bot{n}" for n in range(8)]


def test_low_priority_is_not_for_ever(busy):
    """One of a crawler's requests has its turn among many of others."""
    s, held = busy(**{PRIORITY.format("low"): '"HTTP_USER_AGENT=*bot*"'})
    r = Ran(s)
    crowd = [r.send("offered"), r.send("bot", HTTP_USER_AGENT="a bot/1.0")]
    wait_waiting(s, 2)
    crowd += [r.send(f"page{n}") for n in range(20)]
    wait_waiting(s, 22)
    held.finish()
    assert [c.read_response().status for c in crowd] == [200] * 22
    assert r.names().index("bot") <= 6


def test_low_priority_is_refused_first(busy):
    s, held = busy(**{PRIORITY.format("high"): "/touch.php", "queue.max_length": 3})
    r = Ran(s)
    other = s.script("other.php", Ran.CODE)
    first = r.send("first")
    wait_waiting(s, 1)
    crowd = [s.connect() for _ in range(2)]
    for c in crowd:
        c.send(fastcgi.request_bytes(fastcgi.environment(other, query="other", RAN=r.path)))
    wait_waiting(s, 3)
    high = r.send("high")
    procs.until("one to be refused", lambda: overload(s)["refused too many"] == 1)
    held.finish()
    assert first.read_response().status == high.read_response().status == 200
    assert sorted(c.read_response().status for c in crowd) == [200, 503]
