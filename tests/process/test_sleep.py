# SPDX-License-Identifier: MIT
"""Pools that nobody uses sleep: no process of theirs is left, and the first client wakes them."""

import contextlib
import os
import random
import re
import resource
import signal
import socket
import threading
import time

import pytest

import fastcgi
import procs
import server as programs
from unstartable import BROWSCAP, make_unstartable, mend

# The shortest times that there are: a worker ends after one second without a request, its zygote a second later.
SLEEPER = {"pm": "ondemand", "pm.max_children": "2", "pm.process_idle_timeout": "1s", "pool.sleep_after": "1s"}
SLOW_START = "php_admin_value[opcache.preload]"


def lives(s, pool):
    return [g["state"] for g in s.generations(pool)]


def family(s):
    """The programs of a server beside its master."""
    return sorted(procs.exe(p) for p in procs.descendants(s.pid))


def wait_alone(s, limit=procs.LIMIT):
    procs.until("the master to be alone", lambda: not procs.descendants(s.pid), limit)


def park_of(s, pool):
    return next(p for p in s.status()["pools"] if p["name"] == pool)["park"]


def wait_in_park(s, pool, what):
    """what: the number of the park's connections that is 1 by then."""
    procs.until(f"a connection to be {what} in the park", lambda: park_of(s, pool)[what] == 1)


@pytest.fixture
def sleepers(make):
    """sleepers(n, ...) -> a server with n pools p0, p1, ... that all sleep."""
    def run(n=2, settings=None, args=(), **more):
        s = make({f"p{i}": {**SLEEPER, **more} for i in range(n)}, settings=settings, args=args)
        s.pid_script = s.script("pid.php", "<?php echo getmypid();")
        s.start()
        wait_alone(s)
        return s
    return run


# --- asleep

def test_pools_that_nobody_has_asked_have_no_process(sleepers):
    s = sleepers(20, **{"pm.process_idle_timeout": "1h", "pool.sleep_after": "1h"})  # of those that are asked
    assert all(lives(s, f"p{i}") == ["asleep"] for i in range(20))
    pids = {s.run(s.pid_script, f"p{i}").text for i in (3, 11, 3)}
    assert len(pids) == 2
    assert len(s.workers()) == 2


def test_each_of_a_hundred_has_a_smaller_table_of_strings_unless_told(sleepers):
    """php-fpm's pools share one of PHP's default size; here each has its own."""
    s = sleepers(100, **{"pool.sleep_after": "1h"})
    script = s.script("strings.php", "<?php echo ini_get('opcache.interned_strings_buffer');")
    told = {"php_admin_value[opcache.interned_strings_buffer]": "16"}
    s.pools["p1"].update(told)
    s.write_config()
    s.reload()
    assert [s.run(script, pool).text for pool in ("p0", "p1", "p99")] == ["4", "16", "4"]
    del s.pools["p99"]
    s.write_config()
    s.reload()
    assert [s.run(script, pool).text for pool in ("p0", "p1", "p98")] == ["8", "16", "8"]
    ini = s.script("php.ini", "opcache.interned_strings_buffer = 8\n")
    s = sleepers(100, args=["-c", ini])
    assert s.run(script, "p0").text == "8"


def test_only_a_trial_of_php_comes_before_that(make):
    s = make({f"p{i}": {**SLEEPER, "pool.sleep_after": "1h"} for i in range(5)}, settings={"log_level": "debug"})
    s.start()
    wait_alone(s)
    assert len(re.findall(r"generation \d+: zygote \d+ started", s.log())) == 1
    assert re.search(r"\[pool p0\] PHP 8\.", s.log())


def test_the_only_pool_starts_awake_and_sleeps_later(start):
    s = start({"www": SLEEPER})
    assert "fpmd-zygote" in family(s) and lives(s, "www") == ["accepting"]
    wait_alone(s)
    assert s.run(s.pid_script).complete
    wait_alone(s)
    assert s.run(s.pid_script).complete


def test_zero_is_never(start):
    s = start({"www": {**SLEEPER, "pool.sleep_after": "0"}, "other": {**SLEEPER}})
    assert s.run(s.pid_script).complete and s.run(s.pid_script, "other").complete
    zygote = procs.children(s.pid)
    procs.until("the other pool to sleep", lambda: lives(s, "other") == ["asleep"])
    assert lives(s, "www") == ["accepting"] and not s.workers()
    assert set(s.zygotes()) < set(zygote)


@pytest.mark.parametrize("pm", [{"pm": "static"}, {"pm": "dynamic", "pm.min_spare_servers": "1", "pm.max_spare_servers": "2"}])
def test_pools_that_keep_workers_sleep_when_they_are_told_to(start, pm):
    s = start({"www": {**pm, "pm.max_children": "2"}, "told": {**pm, "pm.max_children": "2", "pool.sleep_after": "1s"}})
    www = [p for p in s.workers() if "www" in procs.title(p)]
    procs.until("the pool to sleep", lambda: lives(s, "told") == ["asleep"])
    procs.until("its processes to be gone", lambda: not [p for p in procs.descendants(s.pid) if "told" in procs.title(p)])
    assert s.run(s.pid_script, "told").complete
    assert [p for p in s.workers() if "www" in procs.title(p)] == www


def test_a_running_request_keeps_it_awake(sleepers):
    s = sleepers(2)
    gate = os.path.join(s.shared_folder(), "gate")
    script = s.script("wait.php", f"<?php while (!file_exists('{gate}')) {{ usleep(5000); clearstatcache(); }} echo 'done';")
    with s.connect("p0", timeout=30) as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(script)))
        assert s.run(s.pid_script, "p1").complete
        procs.until("the other pool to sleep", lambda: lives(s, "p1") == ["asleep"])
        assert lives(s, "p0") == ["accepting"]
        open(gate, "w").close()
        assert c.read_response().text == "done"
    wait_alone(s)


def test_a_master_whose_pools_sleep_does_next_to_nothing(sleepers):
    s = sleepers(300)

    def switches():
        return int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)", procs.content(f"/proc/{s.pid}/status"))[1])
    before, cpu = switches(), procs.cpu_seconds(s.pid)
    s.notify.wait("STATUS", since=s.notify.mark() - 1)
    threading.Event().wait(3)  # a stretch of time in which nothing happens
    assert switches() - before <= 8, "once a second for its status, and for nothing else"
    assert procs.cpu_seconds(s.pid) - cpu <= 0.1


# --- kept connections

def test_a_kept_connection_does_not_keep_it_awake_and_wakes_it(sleepers):
    s = sleepers(2)
    with s.connect("p0", timeout=20) as c:
        first = c.request(fastcgi.environment(s.pid_script), keep=True)
        procs.until("the zygote to go", lambda: not s.zygotes() and lives(s, "p0") == ["asleep"])
        procs.until("the park alone to be left", lambda: family(s) == ["fpmd-park"])
        second = c.request(fastcgi.environment(s.pid_script), keep=True)
        assert first.text != second.text and second.complete
        assert s.run(s.pid_script, "p0").complete
    wait_alone(s)


def test_what_a_park_had_ends_with_it(sleepers):
    s = sleepers(2)
    with s.connect("p0", timeout=20) as c:
        assert c.request(fastcgi.environment(s.pid_script), keep=True).complete
        wait_in_park(s, "p0", "idle")
        procs.until("the park alone to be left", lambda: family(s) == ["fpmd-park"])  # a worker has it on its shelf, too
        os.kill(next(p for p in procs.descendants(s.pid) if procs.exe(p) == "fpmd-park"), signal.SIGKILL)
        procs.until("the park's numbers to be 0", lambda: not any(
            park_of(s, "p0")[n] for n in ("idle", "bytes")))
    wait_alone(s)


def test_a_park_comes_with_the_first_connection_for_it(sleepers):
    s = sleepers(2)
    assert s.run(s.pid_script, "p0").complete
    assert "fpmd-park" not in family(s)
    with s.connect("p0", timeout=20) as c:
        assert c.request(fastcgi.environment(s.pid_script), keep=True).complete
        wait_in_park(s, "p0", "idle")
        assert c.request(fastcgi.environment(s.pid_script), keep=True).complete
        wait_in_park(s, "p0", "idle")
        s.signal(signal.SIGQUIT)
        assert c.read_eof() == b""
    assert s.wait_exit() == 0


def test_half_a_request_keeps_it_awake_and_survives_a_stop(sleepers):
    s = sleepers(2)
    whole = fastcgi.request_bytes(fastcgi.environment(s.pid_script))
    with s.connect("p0", timeout=20) as c:
        c.send(whole[:100])
        wait_in_park(s, "p0", "receiving")
        procs.until("the worker to go", lambda: not s.workers())
        assert s.run(s.pid_script, "p1").complete
        procs.until("the other pool to sleep", lambda: lives(s, "p1") == ["asleep"])
        assert lives(s, "p0") == ["accepting"]
        s.signal(signal.SIGQUIT)
        c.send(whole[100:])
        assert c.read_response().complete
    assert s.wait_exit() == 0


def test_kept_connections_of_workers_that_are_sent_to_sleep(start):
    """They have them until then: pm = static."""
    s = start({"www": {"pm": "static", "pm.max_children": "2", "pool.sleep_after": "2s"}})
    with s.connect(timeout=20) as a, s.connect(timeout=20) as b:
        for c in (a, b):
            assert c.request(fastcgi.environment(s.pid_script), keep=True).complete
        procs.until("the zygote to go", lambda: not s.zygotes() and lives(s, "www") == ["asleep"])
        for c in (a, b):
            assert c.request(fastcgi.environment(s.pid_script), keep=True).complete


# --- no gap

# The long form: that many wake-ups of so many pools (`tools/test sleep`).
CYCLES = int(os.environ.get("FPMD_SLEEP_CYCLES", "0"))
POOLS = int(os.environ.get("FPMD_SLEEP_POOLS", "20"))
SECONDS = 7
CYCLE_LIMIT = 1.0


def cycle(s, pools, more, bad):
    """A client for each pool, which asks, and asks again just when the pool goes to sleep, while there is more() to do.
    What fails is put into bad. (threads, requests)."""
    n = []

    def client(pool, r):
        while more():
            try:
                answer = s.run(s.pid_script, pool, timeout=20)
                if not answer.complete or answer.status != 200 or not answer.text.isdigit():
                    bad.append((pool, answer.stdout[:200], answer.stderr[:200]))
            except OSError as e:
                bad.append((pool, repr(e)))
            n.append(pool)
            threading.Event().wait(r.choice([r.uniform(0, 0.2), r.uniform(1.95, 2.15), r.uniform(0.95, 1.1), r.uniform(1.8, 2.6)]))
    threads = [threading.Thread(target=client, args=(p, random.Random(i)), daemon=True) for i, p in enumerate(pools)]
    for t in threads:
        t.start()
    return threads, n


class Count:
    """How often a log has some words, read on from where it was read to."""

    def __init__(self, path, words):
        self.file, self.words, self.n, self.rest = open(path, encoding="utf-8"), words, 0, ""

    def __call__(self):
        lines = (self.rest + self.file.read()).split("\n")
        self.rest = lines.pop()
        self.n += sum(self.words in line for line in lines)
        return self.n


@pytest.mark.parametrize("listen", ["unix", "tcp"])
def test_no_request_is_lost_between_sleep_and_waking(make, listen):
    s = make({f"p{i}": {**SLEEPER, **({"listen": f"127.0.0.1:{programs.free_port()}"} if listen == "tcp" else {})}
              for i in range(POOLS)}, settings={"log_level": "debug"})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    began = time.monotonic()
    limit = began + SECONDS + procs.LIMIT + CYCLES * CYCLE_LIMIT
    wakings, sleeps, reloads, bad = Count(s.log_path, "wakes up"), Count(s.log_path, "goes to sleep"), 0, []

    def more():
        now = time.monotonic()
        return len(bad) < 10 and (now < began + SECONDS or (now < limit and (reloads <= 3 or wakings.n < CYCLES)))
    threads, n = cycle(s, list(s.pools), more, bad)
    while any(t.is_alive() for t in threads):
        names = [] if reloads % 10 == 9 else random.sample(list(s.pools), 3)  # none: all of them
        assert s.ctl("reload", *names).returncode == 0
        reloads += 1
        wakings()
        threads[0].join(0.5)
    print(f"{wakings()} times woken, {sleeps()} times sent to sleep, {len(n)} requests, {reloads} reloads, "
          f"{len(bad)} failed, {time.monotonic() - began:.0f} s")
    assert not bad, bad[:5]
    assert reloads > 3 and wakings() > POOLS and wakings() >= CYCLES
    wait_alone(s, 20)
    assert "WARNING" not in s.log() and "ERROR" not in s.log()


# --- it cannot start

@pytest.fixture
def broken(sleepers):
    """A server whose pool p0 does not start for want of a file, and its path."""
    def run(**more):
        s = sleepers(1, **more)
        missing = make_unstartable(s, "p0")
        s.pools["p1"] = dict(SLEEPER, listen=os.path.join(s.folder, "p1.sock"), user=s.pools["p0"].get("user"),
                             group=s.pools["p0"].get("group"))
        s.write_config()
        assert s.ctl("reload").returncode == 0
        return s, missing
    return run


def test_clients_of_a_pool_that_does_not_start_get_503(broken):
    s, missing = broken()
    since = s.notify.mark()
    for body in (b"", b"x" * 1000, b"x" * 300000):
        answer = s.run(s.pid_script, "p0", body=body)
        assert answer.complete and answer.status == 503, answer.stdout
        assert b"Retry-After: " in answer.stdout
    assert re.search(r"ERROR: \[pool p0\] .*its clients are told", s.log())
    pool = next(p for p in s.status()["pools"] if p["name"] == "p0")
    assert pool["failed starts"] >= 1 and pool["problem"]
    procs.until("the status line to name it", lambda: any("pool 'p0' does not start" in m.get("STATUS", "") for m in s.notify.messages[since:]))
    assert s.run(s.pid_script, "p1").complete
    mend(missing)
    procs.until("the pool to serve", lambda: s.run(s.pid_script, "p0").status == 200)
    s.wait_log(r"WARNING: \[pool p0\] \d+ requests were answered with 503")
    assert next(p for p in s.status()["pools"] if p["name"] == "p0")["failed starts"] == 0


def test_who_connects_as_the_refusals_end_is_answered_all_the_same(broken):
    """The process that refuses is told to end, and somebody connects, both in one turn of its loop."""
    s, _ = broken()

    def caught():
        assert s.run(s.pid_script, "p0").status == 503
        for p in procs.children(s.pid):
            with contextlib.suppress(ProcessLookupError):
                if procs.comm(p) == "fpmd-refuse":
                    os.kill(p, signal.SIGSTOP)
                    return p
        return None  # its time was over; the next one follows
    refusing = procs.until("a process that refuses", caught)
    os.kill(refusing, signal.SIGURG)  # to retire
    with s.connect("p0", timeout=30) as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        os.kill(refusing, signal.SIGCONT)
        procs.wait_gone(refusing, 30)
        assert c.read_response().status == 503
    assert "exited on signal" not in s.log()


def test_many_clients_of_a_pool_that_does_not_start(broken):
    """One try for all that wait, and a bounded number of them."""
    s, _ = broken()
    with socket.socket() as _:
        clients = [s.connect("p0", timeout=20) for _ in range(50)]
    for c in clients:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    assert [c.read_response().status for c in clients] == [503] * 50
    for c in clients:
        c.close()
    assert len(re.findall(r"its clients are told", s.log())) <= 4


def test_a_kept_connection_of_a_pool_that_does_not_start_any_more(sleepers):
    s = sleepers(1)
    missing = os.path.join(s.shared_folder(), "browscap.ini")
    with s.connect("p0", timeout=20) as c:
        assert c.request(fastcgi.environment(s.pid_script), keep=True).complete
        procs.until("the zygote to go", lambda: lives(s, "p0") == ["asleep"] and not s.zygotes())
        s.pools["p0"][BROWSCAP] = missing
        s.write_config()
        assert s.ctl("reload").returncode == 0
        assert c.request(fastcgi.environment(s.pid_script), keep=True).status == 503


def question(*names):
    return fastcgi.record(fastcgi.GET_VALUES, 0, fastcgi.pairs({name: "" for name in names}))


class LetGo(AssertionError):
    """By who was asked, between two answers."""


def told(c):
    r = c.read_record(timeout=20, what="what the application says of itself")
    if not r:
        raise LetGo
    assert r.kind == fastcgi.GET_VALUES_RESULT, r
    return fastcgi.decode_pairs(r.content)


ASKED = ("FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", "MOON_PHASE")


@pytest.mark.parametrize("cut", [0, 5])
def test_questions_are_answered_for_a_pool_that_does_not_start(broken, cut):
    """FCGI_GET_VALUES takes no PHP: what is said is what a worker says. cut: it comes in two pieces, of which the first has so many bytes."""
    s, _ = broken()
    asked = question(*ASKED)
    with s.connect("p1", timeout=20) as c:
        c.send(asked)
        expected = told(c)
    assert expected == {b"FCGI_MAX_CONNS": b"2", b"FCGI_MAX_REQS": b"2", b"FCGI_MPXS_CONNS": b"0"}

    def conversation(c):
        for _ in range(2):
            c.send(asked[:cut])
            if cut:
                assert s.run(s.pid_script, "p0").status == 503  # that piece has been read by then, or is about to be
            c.send(asked[cut:])
            yield told(c)
        c.send(asked * 3 + fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        yield from (told(c) for _ in range(3))
        yield c.read_response().status

    def goes_on_to_its_end():
        """A process that refuses has its time, after which it lets go who has only asked."""
        with s.connect("p0", timeout=20) as c:
            said = []
            with contextlib.suppress(ConnectionError, LetGo):
                for answer in conversation(c):
                    said.append(answer)
            assert said == ([expected] * 5 + [503])[:len(said)]
            return len(said) == 6
    procs.until("a conversation that comes to its end", goes_on_to_its_end)


def test_questions_in_a_request_for_a_pool_that_does_not_start(broken):
    """And all that is answered by itself, in the middle of a request that comes in pieces."""
    s, _ = broken()
    data = fastcgi.request_bytes(fastcgi.environment(s.pid_script))
    n = len(fastcgi.begin())
    with s.connect("p0", timeout=20) as c:
        c.send(data[:n] + question("FCGI_MPXS_CONNS") + fastcgi.begin(2) + fastcgi.record(99, 0, b"abc"))
        assert told(c) == {b"FCGI_MPXS_CONNS": b"0"}
        assert c.read_record().end() == (0, fastcgi.CANT_MPX_CONN)
        assert c.read_record().kind == fastcgi.UNKNOWN_TYPE
        c.send(data[n:])
        assert c.read_response().status == 503


def test_what_is_no_question_ends_a_connection_of_a_pool_that_does_not_start(broken):
    s, _ = broken()
    with s.connect("p0", timeout=20) as c:
        c.send(fastcgi.record(fastcgi.GET_VALUES, 0, b"\5"))
        assert c.read_eof(timeout=20) == b""
    s.wait_log("closed: GET_VALUES that ends inside a name-value pair")


def test_questions_on_a_kept_connection_of_a_pool_that_does_not_start_any_more(sleepers):
    """The park has it, and offers it to who stands in for workers."""
    s = sleepers(1)
    missing = os.path.join(s.shared_folder(), "browscap.ini")
    with s.connect("p0", timeout=20) as c:
        assert c.request(fastcgi.environment(s.pid_script), keep=True).complete
        procs.until("the zygote to go", lambda: lives(s, "p0") == ["asleep"] and not s.zygotes())
        s.pools["p0"][BROWSCAP] = missing
        s.write_config()
        assert s.ctl("reload").returncode == 0
        c.send(question("FCGI_MAX_REQS"))
        assert told(c) == {b"FCGI_MAX_REQS": b"2"}
        assert c.request(fastcgi.environment(s.pid_script), keep=True).status == 503


def test_who_has_only_asked_is_let_go(broken):
    """In good time: a process that refuses ends with its last connection."""
    s, missing = broken(**{"park.first_byte_timeout": "1s"})

    def asked():
        c = s.connect("p0", timeout=20)
        with contextlib.suppress(ConnectionError, LetGo):  # it has not asked in that second
            c.send(question("FCGI_MPXS_CONNS"))
            told(c)
            return c
        c.close()
        return None
    with procs.until("a question to be answered", asked) as c:
        mend(missing)
        assert c.read_eof(timeout=20) == b""
    procs.until("nobody to refuse any more", lambda: s.run(s.pid_script, "p0").status == 200
                and not [p for p in procs.children(s.pid) if procs.comm(p) == "fpmd-refuse"])


def test_who_asks_when_nobody_is_refused_any_more_is_answered_and_let_go(broken):
    """Or the process that refuses would stay for as long as somebody asks now and then, and refuse requests that others serve."""
    def is_answered():
        s, missing = broken(**{"park.first_byte_timeout": "60s"})
        with s.connect("p0", timeout=20) as c:
            c.send(question("FCGI_MPXS_CONNS"))
            told(c)
            mend(missing)
            procs.until("PHP to start", lambda: s.run(s.pid_script, "p0").status == 200)
            try:
                c.send(question("FCGI_MPXS_CONNS"))
                told(c)
            except (ConnectionError, LetGo):
                return False  # who is silent for too long by then is let go before
            assert c.read_eof(timeout=20) == b""
        procs.until("nobody to refuse any more", lambda: not [p for p in procs.children(s.pid) if procs.comm(p) == "fpmd-refuse"])
        return True
    assert any(is_answered() for _ in range(5))


def test_php_that_does_not_start_is_an_error_of_the_start(make):
    s = make({"www": {**SLEEPER, BROWSCAP: "/nonexistent/browscap.ini"}})
    status, said = s.start_expecting_failure()
    assert status != 0 and "browscap" in said


def test_of_several_pools_that_is_told_and_the_others_serve(make):
    s = make({"bad": {**SLEEPER, BROWSCAP: "/nonexistent/browscap.ini"}, "good": SLEEPER})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    assert re.search(r"ERROR: \[pool bad\] .*it is tried again when a client comes", s.log())
    assert s.run(s.pid_script, "good").complete
    assert s.run(s.pid_script, "bad").status == 503


def test_users_and_logs_are_checked_without_waking_it(make):
    s = make({"good": SLEEPER, "bad": {**SLEEPER, "access.log": "/nonexistent/folder/access.log"}})
    status, said = s.start_expecting_failure()
    assert status != 0 and "failed to open access log" in said


# --- rations

# When its zygote begins and ends with it, since the machine's start, and when that process was made, from which its turn counts.
JOURNAL = """<?php
$note = fn ($what) => file_put_contents('{journal}', sprintf("{i} %s %s %s %d\\n", $what, explode(' ', file_get_contents('/proc/uptime'))[0],
    explode(' ', strrchr(file_get_contents('/proc/self/stat'), ')'))[20], getmypid()), FILE_APPEND | LOCK_EX);
$note('begins');
usleep(60000);
$note('ends');
"""


def test_wake_ups_are_rationed_and_in_order(sleepers):
    if not os.path.exists("/etc/php"):
        pytest.fail("no php.ini of Debian's: opcache.preload needs opcache")
    s = sleepers(12)
    at_once = max(len(os.sched_getaffinity(0)), 2)
    journal = os.path.join(s.shared_folder(), "starts")
    for i in range(12):
        s.pools[f"p{i}"][SLOW_START] = s.script(f"preload{i}.php", JOURNAL.format(i=i, journal=journal))
    s.write_config()
    assert s.ctl("reload").returncode == 0 and not s.zygotes()
    order = random.Random(1).sample(range(12), 12)
    clients = []
    for i in order:
        clients.append(s.connect(f"p{i}", timeout=30))
        clients[-1].send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    assert all(c.read_response().complete for c in clients)
    for c in clients:
        c.close()
    made, running, most = {}, {}, 0
    for line in procs.content(journal).splitlines():
        i, what, now, when_made, pid = line.split()
        if what == "begins":
            made.setdefault(int(i), (int(when_made), int(pid)))  # where one is started again its first turn counts
            running[i] = int(when_made) / os.sysconf("SC_CLK_TCK")
        else:
            running.pop(i)
        # one that takes longer than a second has had its turn
        most = max(most, sum(float(now) - t < 0.9 for t in running.values()))
    assert most <= at_once, procs.content(journal)
    begun = sorted(made, key=made.get)  # the master's order; whose script runs first is the kernel's
    assert max(abs(begun.index(i) - order.index(i)) for i in order) <= at_once, (order, begun, procs.content(journal))


def test_one_that_cannot_start_when_its_turn_comes_tells_its_clients(sleepers):
    n = max(len(os.sched_getaffinity(0)), 2)
    s = sleepers(n + 1)
    gate = os.path.join(s.shared_folder(), "gate")
    preload = s.script("preload.php", f"<?php while (!file_exists('{gate}')) {{ usleep(5000); clearstatcache(); }}")
    for i in range(n):
        s.pools[f"p{i}"][SLOW_START] = preload
    s.write_config()
    assert s.ctl("reload").returncode == 0
    clients = [s.connect(f"p{i}", timeout=30) for i in range(n)]
    procs.until("all turns to be taken", lambda: len(s.zygotes()) == n)
    limits = resource.prlimit(s.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(s.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        clients.append(s.connect(f"p{n}", timeout=30))  # not before: after a second the others have had their turn
        s.wait_log(rf"ERROR: \[pool p{n}\] cannot start its zygote: .*it was to wake up")
    finally:
        resource.prlimit(s.pid, resource.RLIMIT_NOFILE, limits)
        open(gate, "w").close()
    for c in clients:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    assert [c.read_response().status for c in clients[:n]] == [200] * n
    assert clients[n].read_response().status in (200, 503)
    for c in clients:
        c.close()
    procs.until("the pool to serve", lambda: s.run(s.pid_script, f"p{n}").status == 200)


def test_many_pools_that_need_workers_start_together(make):
    s = make({f"p{i}": {"pm": "static", "pm.max_children": "1"} for i in range(15)})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    assert len(s.workers()) == 15  # at READY=1
    assert s.ctl("reload").returncode == 0
    assert all(s.run(s.pid_script, f"p{i}").complete for i in range(15))


# --- reloads, and all else that comes while it sleeps

def test_a_reload_checks_it_and_does_not_wake_it(sleepers):
    s = sleepers(3)
    s.pools["p0"]["php_value[memory_limit]"] = "77M"
    s.write_config()
    assert s.ctl("reload").returncode == 0 and s.ctl("reload", "p1").returncode == 0
    assert not procs.descendants(s.pid)
    s.reload()
    assert not procs.descendants(s.pid)
    limit = s.script("limit.php", "<?php echo ini_get('memory_limit');")
    assert s.run(limit, "p0").text == "77M"
    s.pools["p0"]["pm.max_children"] = "none"
    s.write_config()
    assert s.ctl("reload").returncode == 1
    assert s.run(limit, "p0").text == "77M"


def test_one_that_is_awake_is_renewed_awake(sleepers):
    s = sleepers(2)
    before = s.run(s.pid_script, "p0").text
    zygote = s.zygotes()
    assert s.ctl("reload").returncode == 0
    procs.wait_gone(zygote[0])
    assert len(s.zygotes()) == 1 and lives(s, "p1") == ["asleep"]
    assert s.run(s.pid_script, "p0").text != before


def test_php_ini_is_read_when_it_wakes(make):
    s = make({f"p{i}": SLEEPER for i in range(2)})
    ini = os.path.join(s.folder, "php.ini")
    limit = s.script("limit.php", "<?php echo ini_get('memory_limit');")
    s.args += ["-c", ini]

    def write(value):
        with open(ini, "w") as f:
            f.write(f"memory_limit = {value}\n")
    write("50M")
    s.start()
    assert s.run(limit, "p1").text == "50M"
    write("60M")
    assert s.run(limit, "p1").text == "50M"
    wait_alone(s)
    assert s.run(limit, "p1").text == "60M"


def test_worker_script_boots_when_it_wakes_and_not_at_a_reload(make):
    s = make({"app": {**SLEEPER, "worker.boot_timeout": "20s"}, "other": SLEEPER})
    app = s.pools["app"]["worker.script"] = s.script("app.php", "<?php while (fpmd_handle_request(function () { echo 'old'; }));")
    s.start()
    wait_alone(s)
    s.script("app.php", "<?php exit(3);")
    assert s.ctl("reload").returncode == 0
    assert not procs.descendants(s.pid)
    assert s.run(app, "app", timeout=30).status == 503
    s.wait_log(r"ERROR: \[pool app\] .*it was to wake up")
    s.script("app.php", "<?php while (fpmd_handle_request(function () { echo 'new'; }));")
    procs.until("the pool to serve", lambda: s.run(app, "app", timeout=30).text == "new")


@contextlib.contextmanager
def waking(s):
    """The pool p0 takes a while to wake up, and has begun to, for the client that is given."""
    s.pools["p0"][SLOW_START] = s.script("preload.php", "<?php usleep(300000);")
    s.write_config()
    assert s.ctl("reload").returncode == 0
    with s.connect("p0", timeout=30) as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        procs.until("it to wake up", s.zygotes)
        yield c


def test_reloads_while_it_wakes_up(sleepers):
    s = sleepers(1)
    with waking(s) as c:
        assert s.ctl("reload", limit=10).returncode == 0
        s.pools["p0"]["pm.max_children"] = "none"
        s.write_config()
        assert s.ctl("reload", limit=10).returncode == 1
        assert c.read_response().complete


def test_its_address_may_change_with_a_client_in_the_queue(sleepers):
    s = sleepers(2)
    with waking(s) as c:
        s.pools["p0"]["listen"] = os.path.join(s.folder, "moved.sock")
        s.write_config()
        assert s.ctl("reload", limit=10).returncode == 0
        assert c.read_response().complete
    assert s.run(s.pid_script, "p0").complete
    wait_alone(s)
    assert s.run(s.pid_script, "p0").complete


class HalfAwake:
    """A server whose pool www wakes up: a worker has a request in hand, sent over c, while another one still boots. A reload has
    begun before that, and waits for the pool other. Files in the folder let each of them go on."""
    def __init__(self, make):
        s = self.s = make({"www": {"pm": "static", "pm.max_children": "8", "pool.sleep_after": "1s"}, "other": {"pm.max_children": "1"}})
        self.folder = s.shared_folder()
        wait = f"""$wait = function ($name) {{ while (!file_exists("{self.folder}/$name")) {{ usleep(5000); clearstatcache(); }} }};"""
        s.pools["other"]["worker.script"] = s.script("other.php", f"<?php {wait} touch('{self.folder}/begun'); $wait('other'); "
                                                     "while (fpmd_handle_request(fn () => 1));")
        self.app = s.pools["www"]["worker.script"] = s.script("app.php", f"""<?php {wait}
            if (!@mkdir('{self.folder}/first')) $wait('boot');
            if (file_exists('{self.folder}/bad')) exit(3);
            while (fpmd_handle_request(function () use ($wait) {{ touch('{self.folder}/serving'); $wait('serve'); echo 'served'; }}));""")
        self.touch("boot", "serve", "other")
        s.start()
        procs.until("the pool to sleep", lambda: lives(s, "www") == ["asleep"] and len(s.zygotes()) == 1)
        os.rmdir(self.path("first"))
        for name in ("boot", "serve", "other", "begun"):
            os.unlink(self.path(name))
        self.reload = threading.Thread(target=lambda: setattr(self, "reloaded", s.ctl("reload", limit=20)), daemon=True)
        self.reload.start()
        procs.until("the reload to begin", lambda: os.path.exists(self.path("begun")))
        self.c = s.connect(timeout=20)
        self.c.send(fastcgi.request_bytes(fastcgi.environment(self.app)))
        procs.until("a worker to serve", lambda: os.path.exists(self.path("serving")))
        procs.until("the other one to be there", lambda: len([p for p in s.workers() if "www" in procs.title(p)]) == 2)
        assert "starting" in lives(s, "www")

    def path(self, name):
        return os.path.join(self.folder, name)

    def touch(self, *names):
        for name in names:
            open(self.path(name), "w").close()


@pytest.fixture
def half_awake(make):
    h = HalfAwake(make)
    yield h
    h.touch("boot", "serve", "other")
    h.reload.join(20)
    h.c.close()


def test_a_reload_lets_requests_of_a_pool_that_wakes_up_finish(half_awake):
    h = half_awake
    h.touch("other")
    h.reload.join(20)
    assert h.reloaded.returncode == 0
    h.touch("boot", "serve")
    assert h.c.read_response().text == "served"
    assert h.s.run(h.app).text == "served"


def test_a_worker_that_does_not_boot_lets_the_others_finish(half_awake):
    h = half_awake
    h.touch("bad", "boot")
    h.s.wait_log(r"ERROR: \[pool www\] .*it was to wake up")
    h.touch("serve")
    assert h.c.read_response().text == "served"


def test_pools_that_change_places_while_they_sleep(sleepers):
    s = sleepers(2)
    a, b = s.pools["p0"]["listen"], s.pools["p1"]["listen"]
    s.pools["p0"]["listen"], s.pools["p1"]["listen"] = b, a
    s.pools["p0"]["env[WHO]"], s.pools["p1"]["env[WHO]"] = "zero", "one"
    s.write_config()
    assert s.ctl("reload").returncode == 0
    who = s.script("who.php", "<?php echo getenv('WHO');")
    assert s.run(who, "p0").text == "zero" and s.run(who, "p1").text == "one"
    wait_alone(s)
    assert s.run(who, "p1").text == "one"


def test_a_sleeping_pool_comes_and_goes(sleepers):
    s = sleepers(2)
    s.pools["p2"] = {**s.pools["p1"], "listen": os.path.join(s.folder, "p2.sock")}
    s.write_config()
    assert s.ctl("reload", "--changed").returncode == 0 and not procs.descendants(s.pid)
    assert s.run(s.pid_script, "p2").complete
    wait_alone(s)
    gone = s.pools.pop("p1")
    s.write_config()
    assert s.ctl("reload", "--changed").returncode == 0
    assert not os.path.exists(gone["listen"])
    procs.until("the pool to be gone", lambda: {p["name"] for p in s.status()["pools"]} == {"p0", "p2"})


def test_sockets_of_the_service_manager(make):
    s = make({"a": {**SLEEPER, "listen": "systemd"}, "b": {**SLEEPER, "listen": "systemd"}})
    script = s.script("pid.php", "<?php echo getmypid();")
    listeners = []
    for name in "ab":
        listeners.append(socket.socket(socket.AF_UNIX))
        listeners[-1].bind(os.path.join(s.folder, f"{name}.sock"))
        os.chmod(os.path.join(s.folder, f"{name}.sock"), 0o666)
        listeners[-1].listen(64)
    s.start_with_sockets(listeners, ["a", "b"])
    s.wait_ready()
    wait_alone(s)
    for name in "ab":
        s.pools[name]["listen"] = os.path.join(s.folder, f"{name}.sock")
    assert s.run(script, "a").complete and s.run(script, "b").complete
    for sock in listeners:
        sock.close()


def test_logs_are_reopened_while_it_sleeps(sleepers):
    s = sleepers(2, **{"access.log": None})
    os.rename(s.log_path, s.log_path + ".1")
    s.signal(signal.SIGUSR1)
    procs.until("a new log", lambda: os.path.exists(s.log_path))
    assert s.run(s.pid_script, "p1").complete
    wait_alone(s)
    assert "ERROR" not in s.log()


def test_stopping_while_it_sleeps_and_while_it_wakes(sleepers):
    s = sleepers(2)
    s.signal(signal.SIGQUIT)
    assert s.wait_exit() == 0
    s = sleepers(2)
    with s.connect("p0") as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        s.signal(signal.SIGTERM)
        assert s.wait_exit() == 0


# --- a graceful stop that meets a pool which nobody serves at the moment

@contextlib.contextmanager
def held(s, *names):
    """PHP of these pools, which sleep, does not start before the gate is opened. Yields what opens it."""
    gate = os.path.join(s.shared_folder(), "gate")
    preload = s.script("preload.php", f"<?php while (!file_exists('{gate}')) {{ usleep(2000); clearstatcache(); }}")
    for name in names:
        s.pools[name][SLOW_START] = preload
    s.write_config()
    assert s.ctl("reload").returncode == 0
    try:
        yield lambda: open(gate, "w").close()
    finally:
        open(gate, "w").close()


def request(s, pool):
    c = s.connect(pool, timeout=30)
    c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    return c


def parked(s, pool):
    """A connection that has had an answer, and is in the park of the pool, which sleeps."""
    c = s.connect(pool, timeout=30)
    assert c.request(fastcgi.environment(s.pid_script), keep=True).complete
    procs.until("the zygote to go", lambda: lives(s, pool) == ["asleep"] and not s.zygotes())
    return c


def test_a_stop_lets_a_waking_pool_serve_whom_it_wakes_for(sleepers):
    n = max(len(os.sched_getaffinity(0)), 2)
    s = sleepers(n + 2)  # two of them wait for their turn
    names = [f"p{i}" for i in range(n + 2)]
    with held(s, *names) as go_on:
        clients = [request(s, name) for name in names]
        procs.until("all turns to be taken", lambda: len(s.zygotes()) >= n)  # more: the first have had theirs for a second
        s.signal(signal.SIGQUIT)
        s.wait_log("Finishing ...")
        go_on()
        assert [c.read_response().status for c in clients] == [200] * len(names)
    assert s.wait_exit() == 0


def test_a_stop_lets_a_waking_pool_serve_what_the_park_has(sleepers):
    s = sleepers(2)
    with parked(s, "p0") as c, held(s, "p0") as go_on:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        procs.until("it to wake up", s.zygotes)
        s.signal(signal.SIGQUIT)
        s.wait_log("Finishing ...")
        go_on()
        assert c.read_response().status == 200
    assert s.wait_exit() == 0


def test_half_a_request_in_a_park_that_a_reload_has_replaced_survives_a_stop(sleepers):
    s = sleepers(2)
    whole = fastcgi.request_bytes(fastcgi.environment(s.pid_script))
    with s.connect("p0", timeout=30) as c:
        c.send(whole[:100])
        wait_in_park(s, "p0", "receiving")
        s.pools["p0"]["park.idle_timeout"] = "59s"
        s.write_config()
        assert s.ctl("reload").returncode == 0
        procs.until("the worker to go", lambda: not s.workers())
        s.signal(signal.SIGQUIT)
        s.wait_log("Finishing ...")
        c.send(whole[100:])
        assert c.read_response().status == 200
    assert s.wait_exit() == 0


def test_a_stop_tells_clients_of_a_pool_that_does_not_wake_up(sleepers):
    s = sleepers(2)
    with parked(s, "p0") as c, held(s, "p0", "p1"):
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        other = request(s, "p1")
        procs.until("both to wake up", lambda: len(s.zygotes()) == 2)
        s.signal(signal.SIGQUIT)
        s.wait_log("Finishing ...")
        for zygote in s.zygotes():
            os.kill(zygote, signal.SIGKILL)
        assert [c.read_response().status, other.read_response().status] == [503, 503]
        other.close()
    assert s.wait_exit() == 0
    assert len(re.findall(r"\[pool p\d\] 1 requests were answered with 503, as the pool stops", s.log())) == 2


def test_a_stop_answers_questions_of_clients_whose_pool_does_not_wake_up(sleepers):
    """And does not wait for what they may want next."""
    s = sleepers(1)
    with parked(s, "p0") as c, parked(s, "p0") as half, held(s, "p0"):
        c.send(question("FCGI_MAX_REQS"))
        half.send(fastcgi.begin() + question("FCGI_MAX_REQS"))
        procs.until("it to wake up", s.zygotes)
        s.signal(signal.SIGQUIT)
        s.wait_log("Finishing ...")
        os.kill(s.zygotes()[0], signal.SIGKILL)
        assert [told(c), told(half)] == [{b"FCGI_MAX_REQS": b"2"}] * 2
        assert half.read_response().status == 503
        assert c.read_eof() == b""
    assert s.wait_exit() == 0


def test_a_stop_waits_no_longer_than_it_may(sleepers):
    s = sleepers(2, {"process_control_timeout": "1s"})
    with held(s, "p0"), request(s, "p0") as c:
        procs.until("it to wake up", s.zygotes)
        s.signal(signal.SIGQUIT)
        assert c.read_response().status == 503
        assert s.wait_exit() == 0


def test_a_stop_tells_clients_that_wait_for_the_next_try_to_start(make):
    s = make({"bad": {}, "good": {}})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    make_unstartable(s, "bad")
    s.start()
    with request(s, "bad") as c:
        s.signal(signal.SIGQUIT)
        assert c.read_response().status == 503
    assert s.wait_exit() == 0
    s.wait_log(r"WARNING: \[pool bad\] 1 requests were answered with 503")


def test_a_pool_that_a_reload_removes_as_it_wakes_up_serves_what_it_has(sleepers):
    s = sleepers(3)
    with parked(s, "p0") as c, held(s, "p0", "p1", "p2") as go_on:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        clients = [c, request(s, "p1")]
        procs.until("both to wake up", lambda: len(s.zygotes()) == 2)
        del s.pools["p0"], s.pools["p1"]
        s.write_config()
        assert s.ctl("reload", "--changed", limit=20).returncode == 0
        go_on()
        assert [c.read_response().status for c in clients] == [200, 200]
        clients[1].close()
    procs.until("the pools to be gone", lambda: [p["name"] for p in s.status()["pools"]] == ["p2"])


# --- what is seen of it

def test_its_page_is_shown_without_waking_it(sleepers):
    s = sleepers(2)
    where = os.path.join(s.folder, "status.sock")
    s.pools["p0"].update({"pm.status_path": "/status", "pm.status_listen": where})
    s.write_config()
    assert s.ctl("reload").returncode == 0
    assert s.run(s.pid_script, "p0").complete
    wait_alone(s)

    def page(query=""):
        with fastcgi.Connection(where) as c:
            return c.request(fastcgi.environment("/status", root="", query=query), keep=False).text
    text = page()
    assert re.search(r"(?m)^process manager:\s+ondemand$", text) and re.search(r"(?m)^total processes:\s+0$", text)
    assert re.search(r"(?m)^accepted conn:\s+1$", text)
    assert re.search(r"(?m)^phpfpm_up 1$", page("openmetrics"))
    shown = s.ctl("status").stdout
    assert re.search(r"(?m)^pool p0 (?s:.)*?^  asleep +generation \d+", shown), shown
    assert not procs.descendants(s.pid)


def test_numbers_go_on_where_they_were(sleepers):
    s = sleepers(2, **{"pm.status_path": "/status"})
    asked = 0

    def is_counted():
        """A worker that the machine has stopped as it writes its numbers is not in a page."""
        nonlocal asked
        asked += 1
        page = s.client("p0").request(fastcgi.environment("/status", root="")).text
        return int(re.search(r"(?m)^accepted conn:\s+(\d+)$", page)[1]) == asked
    procs.until("all connections to be counted", is_counted)
    since = s.notify.mark()
    wait_alone(s)
    assert is_counted()
    s.notify.wait("STATUS", since=since)
    assert s.run(s.pid_script, "p1").complete
    told = f" {asked + 1} requests"
    procs.until("all requests in the status line", lambda: told in s.notify.messages[-1].get("STATUS", ""))
    wait_alone(s)
    s.notify.wait("STATUS", since=s.notify.mark() - 1)
    assert told in [m for m in s.notify.messages if "STATUS" in m][-1]["STATUS"]
