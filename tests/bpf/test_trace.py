# SPDX-License-Identifier: MIT
"""Tracing fpmd itself: every stage of every request is seen, and no request sees the tracer.

The server is stopped before the tracer ends: a worker goes back to accepting a moment after its client has the answer.
"""

import os
import signal
import threading

import fastcgi
import procs
import pytest
import tracers
from server import Fpmd
from tracers import Bpftrace, Fpmtrace, expect

N = 10000


def finish(server):
    """Ends fpmd once its workers have ended what they do: a reply is there before its request's last stages are."""
    server.signal(signal.SIGQUIT)
    server.wait_exit()
    server.stop()


def send(server, pool, script, n, **more):
    client = server.client(pool)
    data = fastcgi.environment(script, **more)
    for _ in range(n):
        response = client.request(data)
        assert response.complete and response.body == b"hello", response


def send_from_all_sides(server, pool, n, threads=4):
    """n requests over fresh connections, from several clients at once; a failure in one of them fails the test."""
    failures = []

    def one():
        try:
            send(server, pool, server.hello, n // threads)
        except BaseException as e:
            failures.append(e)

    running = [threading.Thread(target=one) for _ in range(threads)]
    for t in running:
        t.start()
    for t in running:
        t.join()
    assert not failures, failures


def test_notes():
    found = tracers.semaphores(tracers.ZYGOTE)
    assert sorted(found) == ["request_done", "request_stage", "request_start"]
    assert 0 not in found.values() and len(set(found.values())) == 3
    found = tracers.semaphores(tracers.PARK)
    assert sorted(found) == ["park_offer", "park_take"]
    assert 0 not in found.values() and len(set(found.values())) == 2


def test_every_transition_is_counted(fpmd, pool):
    with Fpmtrace("--json", "-p", fpmd.pid) as trace:
        send_from_all_sides(fpmd, pool, N)
        finish(fpmd)
        seen = trace.summary()
    assert list(seen.pools) == [pool]
    assert seen.counts(pool) == expect(served=N)
    assert seen.lost == {"events": 0, "counts": 0, "samples": 0}
    assert seen.pools[pool]["requests"]["measured"] == N
    assert seen.stage(pool, "executing")["measured"] == N


def test_bpftrace_counts_the_same(fpmd, pool):
    with Bpftrace(tracers.ZYGOTE) as one, Fpmtrace("--json", "--pool", pool) as two:
        send(fpmd, pool, fpmd.hello, 4)  # alone: bpftrace can lose a count when two processors make the same key
        send_from_all_sides(fpmd, pool, N - 4)
        finish(fpmd)
        assert one.counts(pool) == two.summary().counts(pool) == expect(served=N)


def test_what_goes_through_the_park(fpmd, pool):
    """Each of two connections waits there with half a request; the first of them closes, the other is offered."""
    data = fastcgi.request_bytes(fastcgi.environment(fpmd.hello))
    park = next(p for p in procs.children(fpmd.pid) if procs.exe(p) == "fpmd-park")

    def held():
        return next(p["park"] for p in fpmd.status()["pools"])["receiving"]

    with Bpftrace(tracers.PARK, "park.bt") as trace:
        assert set(tracers.semaphore_values(park, tracers.PARK).values()) == {1}
        workers = fpmd.wait_workers(4)
        for w in workers:  # so that they find the bytes with the connections
            os.kill(w, signal.SIGSTOP)
        with fpmd.connect(pool) as given_up, fpmd.connect(pool) as goes_on:
            given_up.send(data[:100])
            goes_on.send(data[:100])
            for w in workers:
                os.kill(w, signal.SIGCONT)
            procs.until("both in the park", lambda: held() == 2)
            given_up.close()
            procs.until("the first to be gone", lambda: held() == 1)
            goes_on.send(data[100:])
            assert goes_on.read_response().body == b"hello"
        # The probe comes after the offer, and so, where CPUs are short, after the answer.
        procs.until("the park to wait again", lambda: procs.stat_fields(park)[0] == "S")
        seen = trace.numbers(pool)
    assert seen == {"taken": 2, "held": 2, "bytes": 200, "offered": 1, "usecs": 1}
    assert set(tracers.semaphore_values(park, tracers.PARK).values()) == {0}


def test_what_never_executes(fpmd, pool):
    """A missing script, a script that may not be served, and the pages that the worker answers itself."""
    text = fpmd.script("hello.txt", "no php")
    requests = [fastcgi.environment(fpmd.folder + "/missing.php"), fastcgi.environment(text),
                fastcgi.environment("/ping", root="/"), fastcgi.environment("/status", root="/")]
    with Fpmtrace("--json", "-p", fpmd.pid) as trace:
        statuses = [fpmd.client(pool).request(params).status for params in requests]
        finish(fpmd)
        seen = trace.summary()
    assert statuses == [404, 403, 200, 200]
    assert seen.counts(pool) == expect(unserved=len(requests))


def test_new_workers_are_traced(pool):
    with Fpmd(pools={pool: {"pm.max_children": "1", "pm.max_requests": "1"}}) as server:
        server.hello = server.script("hello.php", "<?php echo 'hello';")
        with Fpmtrace("--json", "-p", server.pid) as trace:
            send(server, pool, server.hello, 5)
            finish(server)
            seen = trace.summary().counts(pool)
    assert seen[("info", "executing")] == 5
    assert seen[("creating", "accepting")] >= 4


def test_only_the_pool_asked_for(pool):
    other = pool + "x"
    with Fpmd(pools={pool: {}, other: {}}) as server, Fpmtrace("--json", "--pool", other) as trace:
        server.hello = server.script("hello.php", "<?php echo 'hello';")
        send(server, pool, server.hello, 20)
        send(server, other, server.hello, 30)
        finish(server)
        seen = trace.summary()
    assert list(seen.pools) == [other]
    assert seen.counts(other) == expect(served=30)


def test_attach_and_detach_under_load(fpmd, pool):
    """Nobody notices, and nothing stays behind: the semaphores in the workers are back at zero."""
    done = threading.Event()
    failures = []

    def load():
        try:
            while not done.is_set():
                send(fpmd, pool, fpmd.hello, 20)
        except BaseException as e:
            failures.append(e)

    clients = [threading.Thread(target=load) for _ in range(2)]
    for t in clients:
        t.start()
    try:
        for i in range(5):
            with Fpmtrace("--json", "--pool", pool) as trace:
                send(fpmd, pool, fpmd.hello, 50)
                assert trace.summary().counts(pool)[("info", "executing")] >= 50
    finally:
        done.set()
        for t in clients:
            t.join()
    assert not failures, failures
    for worker in fpmd.workers():
        assert set(tracers.semaphore_values(worker, tracers.ZYGOTE).values()) == {0}


def test_killed_tracer_leaves_nothing(fpmd, pool):
    worker = fpmd.wait_workers(4)[0]
    with Fpmtrace("--json", "--pool", pool) as trace:
        assert tracers.semaphore_values(worker, tracers.ZYGOTE)["request_stage"] > 0
        trace.process.kill()
        trace.process.wait(tracers.LIMIT)
    send(fpmd, pool, fpmd.hello, 20)
    assert set(tracers.semaphore_values(worker, tracers.ZYGOTE).values()) == {0}


@pytest.mark.parametrize("args, shown", [([], False), (["--personal"], True)])
def test_personal_data_only_when_asked(fpmd, pool, args, shown):
    with Fpmtrace("--follow", "-p", fpmd.pid, *args) as trace:
        send(fpmd, pool, fpmd.hello, 1)
        finish(fpmd)
        out = trace.end()
    assert " start GET" in out and " done 200, " in out and "info -> executing after" in out
    assert (" start GET /hello.php" in out) is shown
    assert (f" script {fpmd.hello}" in out) is shown
    assert ("hello" in out) is shown
