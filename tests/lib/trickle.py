# SPDX-License-Identifier: MIT
"""One connection after the other, and whether each finds a worker: for what keeps wake-ups from getting lost.

A new connection is made when the one before it has its answer, so some worker always idles, and nothing else happens that could wake one by
accident. A connection *starves* when it has had no answer for PATIENCE and no process of the server runs or can run: then nobody is on the way to it. (A machine
that is busy with something else delays answers too, but shows a process that wants to run.)
"""

import os
import random
import re
import select
import signal
import socket
import time
from dataclasses import dataclass, field

import fastcgi
import procs

PATIENCE = 0.1
ON_THE_WAY = "RDZ"  # runs or can, reads from a disk, or waits for the zygote to reap it


@dataclass
class Result:
    n: int = 0
    n_killed: int = 0
    n_lost: int = 0  # ended without an answer, as the worker did that had taken them
    n_late: int = 0  # answered after more than PATIENCE; those on a busy machine included
    slowest: float = 0.0
    starved: list = field(default_factory=list)

    def __str__(self):
        return (f"{self.n} connections, {self.n_killed} workers killed, {self.n_lost} connections ended with them, {self.n_late} answered late, "
                f"the slowest after {self.slowest * 1000:.1f} ms, {len(self.starved)} starved")


class Trickle:
    """script answers with its worker's pid. processes() lists the server's."""

    def __init__(self, address, script, processes):
        self.address, self.processes = address, processes
        self.bytes = fastcgi.request_bytes(fastcgi.environment(script), keep=False)
        self.result = Result()
        self.last = None  # the worker that answered last: the next wake-up is most likely its own
        self.answers = {}  # of each worker that lives: how many

    def _open(self):
        if "/" in self.address:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.connect(self.address)
        else:
            host, _, port = self.address.rpartition(":")
            s = socket.create_connection((host, int(port)))
        s.settimeout(PATIENCE)
        return s

    def _nobody_comes(self):
        """True when every process sleeps, at each of several looks."""
        for _ in range(5):
            if any((procs.stat_fields(p) or "X")[0] in ON_THE_WAY for p in self.processes()):
                return False
        return True

    def _read(self, s, deadline):
        data, starves = b"", False
        while True:
            try:
                got = s.recv(65536)
            except TimeoutError:
                # in this order: an answer that comes during the look leaves its sender asleep
                starves = starves or (self._nobody_comes() and not select.select([s], [], [], 0)[0])
                if time.monotonic() > deadline:
                    return b"", True
                continue
            except ConnectionResetError:
                return b"", starves
            if not got:
                return data, starves
            data += got

    def _spin(self, most):
        until = time.perf_counter() + random.uniform(0, most)
        while time.perf_counter() < until:
            pass

    def _kill(self):
        procs.kill(self.last, signal.SIGKILL)
        self.result.n_killed += 1
        self.answers.pop(self.last)
        self.last = None

    def _ask(self, kill):
        """kill: None, or when: before the connection is made, after it, or after the request is sent."""
        if kill == "before":
            self._kill()
            self._spin(100e-6)
        began = time.monotonic()
        with self._open() as s:
            if kill == "connected":
                self._spin(120e-6)
                self._kill()
            try:
                s.sendall(self.bytes)
                if kill == "sent":
                    self._spin(60e-6)
                    self._kill()
                data, starves = self._read(s, began + 10)
            except (BrokenPipeError, ConnectionResetError):
                data, starves = b"", False
        return data, starves, time.monotonic() - began

    def one(self, kill=None):
        r = self.result
        data, starves, took = self._ask(kill)
        answer = re.search(rb"\r\n\r\n(\d+)", data)
        r.n += 1
        r.slowest = max(r.slowest, took)
        r.n_late += took > PATIENCE
        if starves:
            r.starved.append((r.n, kill, took))
        if not answer:
            r.n_lost += 1
            return
        pid = int(answer.group(1))
        self.answers[pid] = self.answers.get(pid, 0) + 1
        self.last = pid

    def run(self, n, kills=True):
        """n connections. With kills a worker dies after every few requests, at a random moment around its next wake-up; not before its third, as those
        that die without having done anything are replaced slowly on purpose."""
        for _ in range(n):
            kill = None
            if kills and self.answers.get(self.last, 0) >= 3 and random.random() < 0.3:
                kill = random.choice(("before", "connected", "connected", "sent"))
            self.one(kill)
        return self.result


def of_server(s):
    """The processes of a Fpmd, for Trickle: all below its master, and it."""
    return lambda: [s.pid] + procs.descendants(s.pid)


def limit(small, name="FPMD_TRICKLE"):
    """How many connections: few in a usual run, or what the environment says."""
    return int(os.environ.get(name, small))
