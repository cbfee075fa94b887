# SPDX-License-Identifier: MIT
"""The system calls of a worker that does not come to rest, counted without slowing it down: what is there already is not waited for, and
opcache's lock costs none."""

import os
import signal

import fastcgi
import pytest
from server import Fpmd
from tracers import Calls, OwnNumber

N = 96


def old(path):
    """Opcache does not keep what has just been written."""
    os.utime(path, (1, 1))
    return path


@pytest.fixture
def numbers():
    with OwnNumber() as bpftrace:
        if not bpftrace.is_ours():
            pytest.skip("this bpftrace does not know the numbers of processes in a container")


@pytest.mark.usefixtures("numbers")
def test_requests_that_follow_at_once(pool):
    with Fpmd(pools={pool: {"pm.max_children": "1"}}) as s:
        params = fastcgi.environment(old(s.script("hello.php", "<?php echo 'hello';")))
        worker, = s.workers()
        assert s.run(params["SCRIPT_FILENAME"], pool=pool).text == "hello"
        with Calls(worker, "accept4", "epoll_wait", "fcntl", "close") as calls:
            os.kill(worker, signal.SIGSTOP)
            connections = [s.connect(pool) for _ in range(N)]
            for c in connections:
                c.send(fastcgi.request_bytes(params))
            os.kill(worker, signal.SIGCONT)
            assert all(c.read_response().text == "hello" for c in connections)
            seen = calls.counts()
        for c in connections:
            c.close()
    assert N <= seen["accept4"] <= N + 10 and N - 1 <= seen["close"] <= N  # it may be at its last close
    assert seen["epoll_wait"] < N / 2, seen
    assert seen.get("fcntl", 0) < 5, seen  # the first request may have more to look up
