# SPDX-License-Identifier: MIT
"""What the way from a listener to a worker guarantees: one connection wakes one worker, none waits beside an idle one, and a worker that ends takes at
most its own request along.

How many connections there are goes by FPMD_TRICKLE; tools/test's suite "trickle" makes it as long as the promise (100,000 connections over the four kinds
of listeners). A worker's start is what costs here, so a usual run has few of them.
"""

import contextlib
import json
import os
import re
import signal
import time

import pytest

import fastcgi
import procs
import server as programs
from load import Gate, Held, Load
from test_shards import tcp_pool
from trickle import Trickle, limit, of_server

KINDS = ["unix", "tcp1", "tcp2", "tcp4"]

# So many workers that some of them rest: twice the number of CPUs watch.
MANY = 2 * len(os.sched_getaffinity(0)) + 8


def pool(kind, **more):
    return {"www": more} if kind == "unix" else tcp_pool(**{"listen.shards": kind[3:], **more})


def trickle(s):
    return Trickle(s.address(), s.pid_script, of_server(s))


def assert_nobody_starved(result):
    print(result)
    assert not result.starved, f"{result}: {result.starved[:10]}"
    assert result.n_lost <= result.n_killed


# --- wake-ups

@pytest.mark.parametrize("n_workers", [4, MANY])
@pytest.mark.parametrize("kind", KINDS)
def test_workers_killed_between_wake_up_and_accept_leave_nobody_waiting(start, kind, n_workers):
    s = start(pool(kind, **{"pm.max_children": str(n_workers)}))
    n, zygotes = limit(1000) // 2, s.zygotes()
    result = trickle(s).run(n)
    assert_nobody_starved(result)
    assert result.n_killed > n // 20 and s.zygotes() == zygotes


@pytest.mark.parametrize("kind", ["unix", "tcp2"])
def test_killed_workers_wake_ups_are_handed_on_without_a_master(start, kind):
    """The zygote alone. It replaces a worker that died young after a second, so only as many are killed as leave one."""
    s = start(pool(kind, **{"pm.max_children": "24"}))
    zygote, = s.zygotes()
    s.process.kill()
    s.process.wait(10)
    t = Trickle(s.address(), s.pid_script, lambda: [zygote] + procs.descendants(zygote))
    try:
        for _ in range(20):
            t.run(4, kills=False)
            t.one("connected")
    finally:
        procs.kill(zygote, signal.SIGTERM)
        procs.wait_gone(zygote)
    assert_nobody_starved(t.result)
    assert t.result.n_killed == 20


@pytest.mark.parametrize("kind", ["unix", "tcp2"])
def test_killed_workers_wake_ups_are_handed_on_without_a_zygote(make, kind):
    """The master alone, while a fresh zygote starts as slowly as it likes."""
    s = make(pool(kind, **{"pm.max_children": "24"}))
    gate = Gate(s)
    gate.open()
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    os.unlink(gate.mark + "-go")
    s.wait_workers(24)
    os.kill(s.zygotes()[0], signal.SIGKILL)
    gate.wait_reached(2)
    t = trickle(s)
    for _ in range(20):
        t.run(4, kills=False)
        t.one("connected")
    assert gate.runs() == 2 and s.generations()[-1]["state"] != "accepting", "the fresh zygote came too early"
    gate.open()
    assert_nobody_starved(t.result)


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_recycled_workers_leave_nobody_waiting(start, kind, most):
    s = start(pool(kind, **{"pm.max_children": "3", "pm.max_requests": str(most)}))
    result = trickle(s).run(limit(1000) // 10, kills=False)
    assert_nobody_starved(result)
    assert result.n_lost == 0


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("kind", ["unix", "tcp2"])
def test_recycling_under_load_loses_no_connection(start, kind, most):
    s = start(pool(kind, **{"pm.max_children": "4", "pm.max_requests": str(most)}))
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=8) as load:
        load.wait_more(limit(1000) // 5, limit=600)
    assert load.failures() == []
    bodies = [r.body for r in load.results]
    assert max(bodies.count(b) for b in set(bodies)) <= most


LOG_TURN = "<?php file_put_contents($_GET['log'], $_GET['who'] . \"\\n\", FILE_APPEND); echo 'ok';"


@pytest.mark.parametrize("kind", KINDS)
def test_workers_that_end_after_a_request_each_come_to_who_was_parked(start, kind):
    """There is always somebody at the listeners, and each worker looks but once: at another one first than the last."""
    s = start(pool(kind, **{"pm.max_children": "1", "pm.max_requests": "1"}))
    script, log = s.script("turn.php", LOG_TURN), os.path.join(s.shared_folder(), "turns")

    def request(who):
        return fastcgi.request_bytes(fastcgi.environment(script, query=f"log={log}&who={who}"))

    def park():
        return json.loads(s.ctl("status", "--json").stdout)["pools"][0]["park"]

    slow = s.connect(timeout=20)
    slow.send(request("slow")[:40])
    procs.until("the park to have it", lambda: park()["receiving"] == 1)
    worker, = s.wait_workers(1)
    os.kill(worker, signal.SIGSTOP)
    others = [s.connect(timeout=20) for _ in range(40)]
    for c in others:
        c.send(request("other"))
    slow.send(request("slow")[40:])
    procs.until("the park to have it whole", lambda: park()["receiving"] == 0)
    os.kill(worker, signal.SIGCONT)
    assert all(c.read_response().complete for c in [slow, *others])
    with open(log) as f:
        turns = f.read().split()
    listeners = int(kind.removeprefix("tcp")) if kind != "unix" else 1
    assert turns.index("slow") <= listeners + 1, turns


@pytest.mark.parametrize("kind", ["unix", "tcp2"])
def test_workers_told_to_end_one_by_one_leave_nobody_waiting(start, kind):
    """SIGQUIT to the one that is likely to be woken next."""
    s = start(pool(kind, **{"pm.max_children": "4"}))
    t = trickle(s)
    for _ in range(100):
        t.run(2, kills=False)
        procs.kill(t.last, signal.SIGQUIT)
    assert_nobody_starved(t.result)
    assert t.result.n_lost == 0


# --- scaling

def n_active(s):
    return s.status()["pools"][0]["status"]["active processes"]


WAVES = {
    "dynamic": {"pm": "dynamic", "pm.max_children": "8", "pm.start_servers": "2", "pm.min_spare_servers": "1", "pm.max_spare_servers": "2",
                "pm.process_idle_timeout": "1s"},
    "ondemand": {"pm": "ondemand", "pm.max_children": "8", "pm.process_idle_timeout": "1s"},
}


@pytest.mark.parametrize("kind", ["unix", "tcp2"])
@pytest.mark.parametrize("pm", WAVES)
def test_waves_of_load_lose_no_connection(start, pm, kind):
    """Up under load, and down again, with a trickle of connections that meet the workers as they leave."""
    s = start(pool(kind, **WAVES[pm]))
    t = trickle(s)
    for _ in range(2):
        with Load(s.address(), fastcgi.environment(s.script("work.php", "<?php usleep(2000); echo getmypid();")), clients=12) as load:
            procs.until("the pool to grow", lambda: len(s.workers()) >= 6)
            load.wait_more(200)
        assert load.failures() == []
        deadline = time.monotonic() + 30
        while len(s.workers()) > 4 and time.monotonic() < deadline:
            t.run(1, kills=False)
            procs.until("its worker to be done", lambda: n_active(s) == 0)  # on a busy machine the next one would need another worker
        assert len(s.workers()) <= 4
    assert_nobody_starved(t.result)
    assert t.result.n_lost == 0


def started(pid):
    """In clock ticks; processes that a zygote forks have rising numbers, too, until those begin anew."""
    with open(f"/proc/{pid}/stat", "rb") as f:
        return int(f.read().rpartition(b")")[2].split()[19]), pid


@pytest.mark.parametrize("kind", ["unix", "tcp2"])
def test_scale_down_takes_the_workers_that_are_woken_last(start, kind):
    """The others keep what they have in their caches, and no wake-up is on its way to one that goes."""
    s = start(pool(kind, **{**WAVES["dynamic"], "pm.max_spare_servers": "1", "pm.start_servers": "1"}))
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(Held(s)).wait_running()
    left = sorted(s.workers(), key=started)
    assert len(left) >= 5
    while len(left) > 1:
        now = procs.until("another to leave", lambda: (lambda w: w if len(w) < len(left) else None)(set(s.workers())))
        assert now == set(left[:len(now)]), "one that waits for connections longer than another has left before it"
        left = left[:len(now)]
    t = trickle(s)
    t.run(20, kills=False)
    assert max(t.answers, key=t.answers.get) == left[0]
    assert_nobody_starved(t.result)


@pytest.mark.parametrize("kind", ["unix", "tcp2"])
def test_connections_go_to_few_workers_while_few_are_needed(start, kind):
    """The next one comes when the last worker has answered, but may not wait again yet."""
    s = start(pool(kind, **{"pm.max_children": "16"}))
    assert len({s.run(s.pid_script).text for _ in range(200)}) <= 8


# --- workers that rest

def keep_busy(s, stack, n):
    return {stack.enter_context(Held(s)).wait_running() for _ in range(n)}


@pytest.mark.parametrize("kind", ["unix", "tcp2"])
def test_workers_that_rest_are_called_one_after_the_other(start, kind):
    s = start(pool(kind, **{"pm.max_children": str(MANY)}))
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            assert len(keep_busy(s, stack, MANY)) == MANY


@pytest.mark.parametrize("kind", ["unix", "tcp2"])
def test_workers_that_rest_with_a_connection_in_hand_are_called_too(start, kind):
    """Each has one when the others are wanted."""
    s = start(pool(kind, **{"pm.max_children": str(MANY)}))
    request = fastcgi.request_bytes(fastcgi.environment(s.pid_script), keep=True)
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(contextlib.closing(s.connect(timeout=20))) for _ in range(MANY)]
        for c in kept:
            c.send(request)
            assert c.read_response().complete
        assert len(keep_busy(s, stack, MANY - 1)) == MANY - 1
        for c in kept:
            c.send(request)
            assert c.read_response().complete


def test_a_flood_wakes_all_that_rest(start):
    s = start(pool("unix", **{"pm.max_children": str(MANY)}))
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(Held(s)) for _ in range(MANY)]
        assert len({h.wait_running() for h in held}) == MANY


def test_the_dead_are_not_counted_among_those_who_watch(start):
    """Most of the workers die at once, with whoever watched among them sooner or later. They have served more than one request before: the deaths of others would
    be taken for failing starts, and their replacements be delayed."""
    s = start(pool("unix", **{"pm.max_children": str(MANY)}))
    for _ in range(10):
        for _ in range(2):
            with contextlib.ExitStack() as stack:
                workers = keep_busy(s, stack, MANY)
            assert len(workers) == MANY
        for worker in sorted(workers)[:MANY - 2]:
            os.kill(worker, signal.SIGKILL)
    assert "replacements are being delayed" not in s.log()


def test_a_connection_in_hand_is_left_there_while_others_have_none(start):
    """Not put on the shelf for the next one's sake. A worker that is about to look for another, when that comes, may be the one that takes it, and what is on
    its shelf stays there: then it is other six's turn."""
    s = start(pool("unix", **{"pm.max_children": str(MANY)}))
    procs.until("all workers to wait", lambda: s.status()["pools"][0]["status"]["idle processes"] == MANY)
    request = fastcgi.request_bytes(fastcgi.environment(s.pid_script), keep=True)

    def six_are_in_hand():
        with contextlib.ExitStack() as stack:
            for c in [stack.enter_context(contextlib.closing(s.connect(timeout=20))) for _ in range(6)]:
                c.send(request)
                assert c.read_response().complete
            return json.loads(s.ctl("status", "--json").stdout)["pools"][0]["park"]["idle"] == 0
    procs.until("each connection to have a worker", six_are_in_hand)


# --- busy workers

@pytest.mark.parametrize("n_busy", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_short_requests_do_not_wait_for_busy_workers(start, kind, n_busy):
    s = start(pool(kind, **{"pm.max_children": "4"}))
    with contextlib.ExitStack() as stack:
        busy = {stack.enter_context(Held(s)).wait_running() for _ in range(n_busy)}
        t = trickle(s)
        for _ in range(100):
            t.one()
            assert t.last not in busy
    assert_nobody_starved(t.result)
    assert t.result.n_lost == 0


# --- the herd

def switches(pids):
    """Voluntary context switches: how often each went to sleep, which is how often it was woken."""
    n = 0
    for pid in pids:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/status") as f:
                n += int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)", f.read()).group(1))
    return n


@pytest.mark.parametrize("kind", KINDS)
def test_one_connection_wakes_one_worker_of_sixty_four(start, kind):
    s = start(pool(kind, **{"pm.max_children": "64"}))
    t = trickle(s)
    t.run(50, kills=False)
    pids = of_server(s)()
    before, n = switches(pids), 1000
    t.run(n, kills=False)
    per_connection = (switches(pids) - before) / n
    print(f"{per_connection:.2f} wake-ups for a connection")
    assert per_connection <= 2.2
    assert_nobody_starved(t.result)


# --- a listener outlives its workers

@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGQUIT, signal.SIGTERM])
@pytest.mark.parametrize("kind", KINDS)
def test_connections_in_the_queue_outlive_all_workers(start, kind, how):
    s = start(pool(kind, **{"pm.max_children": "3"}))
    old = s.wait_workers(3)
    for w in old:
        os.kill(w, signal.SIGSTOP)
    connections = [s.connect() for _ in range(30)]
    for c in connections:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    for w in old:
        os.kill(w, how)
        procs.kill(w, signal.SIGCONT)
    answers = [c.read_response() for c in connections]
    assert all(a.complete for a in answers)
    if how != signal.SIGQUIT:
        assert not {int(a.text) for a in answers} & set(old)
