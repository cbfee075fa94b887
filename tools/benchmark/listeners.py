#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Why a pool's workers share its listeners, and what several listeners (listen.shards) give: the measurements behind ARCHITECTURE.md's "Accept".

    listeners.py stalls     short requests while one of four workers is busy for a second
    listeners.py resets     connections that wait in a listener that is closed
    listeners.py shards     CPU time and requests a second of fpmd with 1, 2, 4 shards, in turn

The first two are about the kernel: their workers are a few lines of Python, one listener for each or all listeners for all; fpmd is measured beside them.
"""

import contextlib
import os
import select
import signal
import socket
import sys
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TREE, "tests", "lib")]

import fastcgi
import machine
import peers
import procs
from result import Spread

N_WORKERS = 4
BUSY = 1.0
STALLED = 0.1
EPOLLEXCLUSIVE = 1 << 28


def listener(port=0):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind(("127.0.0.1", port))
    s.listen(512)
    s.setblocking(False)
    return s


def group(n):
    first = listener()
    return [first] + [listener(first.getsockname()[1]) for _ in range(n - 1)]


def serve(listeners):
    """A worker: b"b" keeps it busy, anything else is answered at once."""
    epoll = select.epoll()
    for s in listeners:
        epoll.register(s, select.EPOLLIN | EPOLLEXCLUSIVE)
    by_fd = {s.fileno(): s for s in listeners}
    while True:
        (fd, _), = epoll.poll(maxevents=1)
        try:
            c, _ = by_fd[fd].accept()
        except BlockingIOError:
            continue
        with c:
            c.setblocking(True)
            if c.recv(1) == b"b":
                c.sendall(b"on it")
                time.sleep(BUSY)
            c.sendall(b"done")


@contextlib.contextmanager
def toy(shared):
    """Workers with a listener each, or with all listeners each: yields how to ask. The parent keeps the listeners open."""
    listeners = group(N_WORKERS)
    pids = []
    for own in listeners:
        pid = os.fork()
        if pid == 0:
            procs.die_with_parent()
            serve(listeners if shared else [own])
        pids.append(pid)
    try:
        yield listeners[0].getsockname(), b"b", b"s"
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        for s in listeners:
            s.close()


@contextlib.contextmanager
def fpmd(n_shards):
    pools = peers.pools(["tcp"], pm_max_children=N_WORKERS)
    pools["tcp"].update({"listen.shards": str(n_shards), "listen.mode": None})
    s = peers.Fpmd(pools).prepare()
    busy = s.script("busy.php", f"<?php echo str_repeat(' ', 64), 'on it'; flush(); usleep({int(BUSY * 1e6)});")
    s.start()
    try:
        host, _, port = s.address("tcp").rpartition(":")

        def ask(path):
            return fastcgi.request_bytes(fastcgi.environment(path), keep=False)
        yield (host, int(port)), ask(busy), ask(s.path("hello.php"))
    finally:
        s.cleanup()


def count_stalled(address, busy, short, n=100):
    """One busy worker, then n short requests at once: how many take longer than STALLED."""
    with socket.create_connection(address) as holder:
        holder.sendall(busy)
        holder.recv(4096)  # it has begun
        waiting, n_stalled = {}, 0
        for _ in range(n):
            c = socket.create_connection(address)
            waiting[c] = time.monotonic()
            c.sendall(short)
        while waiting:
            for c in select.select(list(waiting), [], [])[0]:
                n_stalled += time.monotonic() - waiting.pop(c) > STALLED
                c.close()
    return n_stalled


def stalls(rounds=5):
    print(f"of 100 short requests, with one of {N_WORKERS} workers busy for {BUSY:g} s, longer than {STALLED * 1000:g} ms took:")
    arrangements = {"a listener for each worker": lambda: toy(False), "4 listeners for all workers": lambda: toy(True),
                    "fpmd, 1 shard": lambda: fpmd(1), "fpmd, 4 shards": lambda: fpmd(4)}
    counts = {name: [] for name in arrangements}
    for _ in range(rounds):
        for name, make in arrangements.items():
            with make() as how:
                counts[name].append(count_stalled(*how))
    for name, values in counts.items():
        print(f"  {name:28} {Spread(values).text(0)}")


def resets(n=200):
    listeners = group(2)
    waiting = [socket.create_connection(listeners[0].getsockname()) for _ in range(n)]
    listeners[1].close()
    n_reset = 0
    for c in waiting:
        c.settimeout(0.01)
        try:
            c.recv(1)
        except TimeoutError:
            pass
        except ConnectionResetError:
            n_reset += 1
        c.close()
    print(f"of {n} connections that waited in 2 listeners, closing one reset {n_reset}")


@contextlib.contextmanager
def sharded(n):
    """A server with so many shards and its pool's workers."""
    pools = peers.pools(["tcp"], pm_max_children=8)
    pools["tcp"].update({"listen.shards": str(n), "listen.mode": None})
    s = peers.Fpmd(pools).prepare().start()
    try:
        yield s
    finally:
        s.cleanup()


def measure_shards(s, n):
    pids = machine.family(s)
    before = machine.cpu_ns(pids)
    result = s.load("tcp", "hello.php", connections=64, requests=n)
    return (machine.cpu_ns(pids) - before) / n / 1000, result["requests"] / result["seconds"]


def shards(rounds=9, n=4000):
    print("hello requests on fresh TCP connections, 64 at a time, 8 workers; values, and ratios to 1 shard, round by round:")
    with contextlib.ExitStack() as stack:
        servers = {k: stack.enter_context(sharded(k)) for k in (1, 2, 4)}
        taken = {k: [] for k in servers}
        for number in range(rounds):
            for k in sorted(servers, key=lambda k: (k + number) % 3):
                taken[k].append(measure_shards(servers[k], n))
    for k, values in taken.items():
        cpu = Spread([a[0] / b[0] for a, b in zip(values, taken[1])])
        rate = Spread([a[1] / b[1] for a, b in zip(values, taken[1])])
        print(f"  {k} shards: {Spread([v[0] for v in values]).text(1)} us of CPU a request, ratio {cpu.text()}; requests a second, ratio {rate.text()}")


if __name__ == "__main__":
    parts = {"stalls": stalls, "resets": resets, "shards": shards}
    for name in sys.argv[1:] or parts:
        if name not in parts:
            sys.exit(__doc__)
        parts[name]()
