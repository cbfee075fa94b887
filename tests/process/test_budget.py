# SPDX-License-Identifier: MIT
"""pool.budget: the most workers of all pools of the service. Pools give up idle workers for others."""

import contextlib
import mmap
import os
import signal
import struct

import fastcgi
import procs
from load import Held, Load

ONDEMAND = {"pm": "ondemand", "pm.max_children": "8", "pm.process_idle_timeout": "10m", "pool.sleep_after": "0"}
ONE = {**ONDEMAND, "pm.max_children": "1"}  # else a client whose worker takes a second to begin gets one more


def of(s, pool):
    """Pids of the pool's workers."""
    return {p for p in s.workers() if procs.title(p).endswith(f"pool {pool}")}


def wait_of(s, **numbers):
    """So many workers of each pool, and no others: one that is told to end takes its time."""
    def found():
        return {pool: len(of(s, pool)) for pool in numbers}
    try:
        procs.until("workers to end or begin", lambda: found() == numbers and len(s.workers()) == sum(numbers.values()))
    except TimeoutError:
        raise AssertionError(f"{found()}, not {numbers}") from None


@contextlib.contextmanager
def idle(s, pool, n):
    """The pool has n workers, all idle."""
    requests = [Held(s, pool) for _ in range(n)]
    for r in requests:
        r.wait_running()
    for r in requests:
        assert r.finish().complete
        r.close()
    yield
    assert s.stop() == 0


def test_idle_workers_of_the_pool_that_has_most_go_first(start):
    s = start({"few": ONDEMAND, "most": ONDEMAND, "needs": ONE}, settings={"pool.budget": "5", "log_level": "debug"})
    with idle(s, "few", 2), idle(s, "most", 3):
        wait_of(s, few=2, most=3)
        with Held(s, "needs") as one:
            one.wait_running()
            wait_of(s, few=2, most=2, needs=1)
        assert s.log().count("gives up a worker") == 1


BUSY = 5  # scoreboard/stages.h


def scribble(s, pool):
    """All workers of the pool say that they have a request in hand: scoreboard/layout.h."""
    for fd in os.listdir(f"/proc/{s.pid}/fd"):
        path = f"/proc/{s.pid}/fd/{fd}"
        if not os.path.realpath(path).startswith("/memfd:fpmd-scoreboard"):
            continue
        with open(path, "r+b", buffering=0) as f, mmap.mmap(f.fileno(), 0) as board:
            header, slot = struct.unpack_from("=II", board, 12)
            if board[24:88].rstrip(b"\0") == pool.encode():
                for i in range(struct.unpack_from("=I", board, 92)[0]):
                    struct.pack_into("=I", board, header + i * slot + 4, BUSY)
                return
    raise AssertionError("no scoreboard")


def test_others_do_not_wait_for_one_that_was_told_to_end_and_stays(start):
    """It says that it has begun with a request, for ever: then another pool gives a worker up."""
    s = start({"honest": ONDEMAND, "stays": ONDEMAND, "needs": ONE}, settings={"pool.budget": "5", "log_level": "debug"})
    with idle(s, "stays", 3), idle(s, "honest", 2):
        wait_of(s, stays=3, honest=2)
        stayers = of(s, "stays")
        for pid in stayers:
            os.kill(pid, signal.SIGSTOP)
        try:
            with Held(s, "needs") as one:
                one.wait_running()
                s.wait_log(r"\[pool stays\] gives up a worker")
                scribble(s, "stays")
                s.wait_log(r"\[pool honest\] gives up a worker")
        finally:
            for pid in stayers:
                os.kill(pid, signal.SIGCONT)
        wait_of(s, stays=2, honest=1, needs=1)


def test_of_a_pool_that_keeps_workers_one_stays(start):
    s = start({"static": {"pm": "static", "pm.max_children": "2"}, "needs": ONDEMAND}, settings={"pool.budget": "2", "log_level": "debug"})
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(Held(s, "needs")) for _ in range(2)]
        procs.until("one of two to run", lambda: any(procs.content(h.mark + "-on") for h in held))
        s.wait_log(r"\[pool static\] gives up a worker")
        wait_of(s, static=1, needs=1)
        assert s.run(s.pid_script, "static").complete
        for h in held:
            h.release()
        assert all(h.answer().complete for h in held)
    wait_of(s, static=1, needs=1)
    assert s.stop() == 0


def test_a_pool_without_a_worker_gets_one_and_the_first_idle_one_makes_up_for_it(start):
    """And the pool that has given it up does not take it back."""
    s = start({"busy": {"pm": "static", "pm.max_children": "3"}, "needs": ONE}, settings={"pool.budget": "3", "log_level": "debug"})
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(Held(s, "busy")) for _ in range(3)]
        for h in held:
            h.wait_running()
        one = stack.enter_context(Held(s, "needs"))
        one.wait_running()
        assert len(s.workers()) == 4 and "gives up a worker" not in s.log()
        assert held[0].finish().complete
        s.wait_log(r"\[pool busy\] gives up a worker")
        wait_of(s, busy=2, needs=1)
        assert all(h.finish().complete for h in held[1:])
        assert s.run(s.pid_script, "busy").complete
        wait_of(s, busy=2, needs=1)
        assert one.finish().complete
    assert s.stop() == 0


def test_waiting_clients_get_what_the_next_pool_gives_up(start):
    """A pool with clients that wait beyond its first worker: in the order of asking."""
    s = start({"a": {**ONDEMAND, "pm.max_children": "2"}, "b": {**ONDEMAND, "pm.max_children": "2"}}, settings={"pool.budget": "3", "log_level": "debug"})
    with contextlib.ExitStack() as stack:
        ours = [stack.enter_context(Held(s, "a")) for _ in range(2)]
        for h in ours:
            h.wait_running()
        theirs = stack.enter_context(Held(s, "b"))
        theirs.wait_running()
        waits = stack.enter_context(Held(s, "b"))
        s.wait_log(r"\[pool b\] more workers are needed, and pool\.budget \(3\) is used up")
        assert len(s.workers()) == 3
        assert ours[0].finish().complete
        s.wait_log(r"\[pool a\] gives up a worker")
        waits.wait_running()
        wait_of(s, a=1, b=2)
        assert all(h.finish().complete for h in (ours[1], theirs, waits))
    assert s.stop() == 0


def test_many_pools_share_few_workers(start):
    """Six pools, each with two clients, and three workers: all are answered, and no pool gets a second one while others have none to
    spare."""
    names = [f"p{i}" for i in range(6)]
    s = start({name: ONDEMAND for name in names}, settings={"pool.budget": "3"})
    params = fastcgi.environment(s.pid_script)
    most = 0
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(s.address(name), params, clients=2)) for name in names]

        def all_served():
            nonlocal most
            most = max(most, len(s.workers()))
            return all(len(load.results) >= 3 for load in loads)
        procs.until("all pools to be served", all_served, 60)
        procs.until("pools to have given up workers, and got some", lambda: all(
            sum(p["overload"][what] for p in s.status()["pools"]) > 0 for what in ("yielded", "claimed")), 60)
    assert [load.failures() for load in loads if load.failures()] == [] and 1 <= most < 3 + len(names)
    assert s.stop() == 0


def test_budget_and_process_max_hold_beside_each_other(start):
    """process.max takes nothing from anybody."""
    s = start({"a": {"pm": "static", "pm.max_children": "2"}, "b": ONDEMAND}, settings={"process.max": "3", "pool.budget": "9"})
    with Held(s, "b") as one:
        one.wait_running()
        with Held(s, "b"):
            s.wait_log(r"WARNING: \[pool b\] more workers are needed than process\.max \(3\) allows")
            assert len(of(s, "a")) == 2
    assert s.stop() == 0


def test_a_reload_renews_pools_that_have_used_it_up_and_may_change_it(start):
    s = start({"a": {"pm": "static", "pm.max_children": "2"}, "b": {"pm": "static", "pm.max_children": "2"}}, settings={"pool.budget": "4"})
    before = s.workers()
    s.settings["pool.budget"] = "3"
    s.write_config()
    s.reload()
    for pid in before:
        procs.wait_gone(pid)
    s.wait_workers(3)
    assert s.run(s.pid_script, "a").complete and s.run(s.pid_script, "b").complete
    assert s.stop() == 0
