# SPDX-License-Identifier: MIT
"""--exit-idle-time: the service ends when nobody needs it, and no connection is lost by that. The test is the service manager: it holds
the socket, and starts the program when something waits there."""

import os
import random
import select
import socket
import statistics
import threading
import time

import pytest

import fastcgi
import procs
import server as programs

CYCLES = int(os.environ.get("FPMD_IDLE_CYCLES", "12"))
LIMIT = 0.04


def listen(kind, s):
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(s.address())
        os.chmod(s.address(), 0o666)
    else:
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        host, port = s.address().rsplit(":", 1)
        sock.bind((host, int(port)))
    sock.listen(128)
    return sock


def build(make, kind, limit):
    pool = {"pm": "ondemand", "pm.max_children": "4", "pm.process_idle_timeout": "10s"}
    if kind == "tcp":
        pool["listen"] = f"127.0.0.1:{programs.free_port()}"
    s = make({"www": pool}, args=["--exit-idle-time", limit])
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    return s


class Manager:
    """Starts the service when something waits at its socket and it is not there, as systemd does."""

    def __init__(self, s, listener):
        self.s, self.listener = s, listener
        self.starts = 0
        self.statuses = []
        self.down = threading.Event()
        self.down.set()
        self.done = False
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done = True
        self.thread.join(60)

    def _run(self):
        poll = select.poll()
        poll.register(self.listener, select.POLLIN)
        while not self.done:
            if not poll.poll(50):
                continue
            self.down.clear()
            self.s.start_with_sockets([self.listener], ["www"])
            self.starts += 1
            self.statuses.append(self.s.wait_exit(60))
            programs.Server.running_pids.discard(self.s.pid)
            self.down.set()


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_no_request_is_lost_over_many_ends(make, kind):
    s = build(make, kind, f"{int(LIMIT * 1000)}ms")
    chance = random.Random(kind)
    first = []
    with listen(kind, s) as listener, Manager(s, listener) as manager:
        while manager.starts < CYCLES or not manager.down.is_set():
            asleep = manager.down.is_set()
            begun = time.monotonic()
            with fastcgi.Connection(s.address(), 30) as c:
                c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
                answer = c.read_response()
            assert answer.complete and int(answer.text) > 0, s.story()
            if asleep:
                first.append((time.monotonic() - begun) * 1000)
            # up to and beyond the moment at which it ends: some come while it does
            manager.down.wait(LIMIT * chance.uniform(0, 4))
            if manager.starts >= CYCLES:
                manager.down.wait(30)
    assert set(manager.statuses) == {0}
    first.sort()
    print(f"{kind}: {manager.starts} cycles; first answers: median {statistics.median(first):.1f} ms, "
          f"p99 {first[int(len(first) * 0.99)]:.1f} ms")


def test_a_connection_that_is_open_keeps_the_service(make):
    s = build(make, "unix", "1s")
    with listen("unix", s) as listener:
        s.start_with_sockets([listener], ["www"])
        with s.connect() as c:
            request = fastcgi.environment(s.pid_script)
            assert c.request(request, keep=True).complete
            with pytest.raises(TimeoutError):
                s.wait_exit(4)
            assert c.request(request, keep=True).complete
        assert s.wait_exit(20) == 0
        assert "nobody has connected for 1000 ms" in s.log()


def test_a_request_that_takes_longer_keeps_the_service(make):
    s = build(make, "unix", "100ms")
    script = s.script("slow.php", "<?php usleep(700000); echo 'done';")
    with listen("unix", s) as listener:
        s.start_with_sockets([listener], ["www"])
        assert s.run(script).text == "done"
        assert s.wait_exit(20) == 0


def test_a_service_that_makes_its_sockets_itself_is_refused(make):
    s = make(args=["--exit-idle-time", "1s"])
    status, said = s.start_expecting_failure()
    assert status == 78
    assert "option --exit-idle-time: pool 'www' makes its socket itself" in said


def test_without_the_option_it_stays(make):
    s = build(make, "unix", "1s")
    s.args = []
    with listen("unix", s) as listener:
        s.start_with_sockets([listener], ["www"])
        s.wait_ready()
        with pytest.raises(TimeoutError):
            s.wait_exit(2.5)
        assert procs.alive(s.pid)
