# SPDX-License-Identifier: MIT
"""How long until the first answer: of a pool without workers, and of a server that does not run yet."""

import select
import time

import fastcgi
import machine
import peers
import procs
from result import Spread


def connect(server, limit=20.0):
    """A connection to the unix listener as soon as there is one."""
    deadline = time.monotonic() + limit
    while True:
        try:
            return server.connect("unix")
        except OSError:
            if time.monotonic() > deadline:
                raise
        select.select([], [], [], 0.0005)


def ask(server, connection, limit=20.0):
    connection.send(fastcgi.request_bytes(fastcgi.environment(server.path("hello.php"))))
    reply = connection.read_response(timeout=limit)
    connection.close()
    if reply.status != 200:
        raise RuntimeError(f"{server.label} answered {reply.stdout!r}")


def worker_count(server):
    return len(server.workers()) if hasattr(server, "workers") else len(procs.children(server.pid))


def ondemand(bench, result):
    """Opcache is warm, the last worker has gone for idling; the answer takes a fork."""
    lost = []

    def measure(server):
        while True:
            procs.until("the idle worker to end", lambda: worker_count(server) == 0)
            began = time.monotonic()
            try:
                ask(server, connect(server), limit=3.0)
                return (time.monotonic() - began) * 1000
            except TimeoutError:
                lost.append(server.label)
                if server.label == "fpmd" or len(lost) > 10:
                    raise

    with bench.servers(["unix"], pm="ondemand", pm_max_children=4, pm_process_idle_timeout="1s") as servers:
        for s in servers:
            ask(s, connect(s))
        bench.compare(result, servers, measure)
    if lost:
        result.note = f"php-fpm left {len(lost)} connections without an answer for 3 s, right after its last worker had ended; not counted"


def a_workers_life(bench, result):
    """Each worker serves one request."""
    n = max(50, bench.extent.requests // 50)

    def measure(server):
        before = machine.cpu_ms_of_all(server)
        server.load("unix", "hello.php", requests=n)
        return (machine.cpu_ms_of_all(server) - before) / n

    with bench.servers(["unix"], pm="static", pm_max_children=4, pm_max_requests=1) as servers:
        bench.compare(result, servers, measure)


def from_exec(bench, result):
    """Opcache is cold, as after a boot. The note splits it: until one can connect, until systemd is told that all is ready."""
    split = {}

    def measure(kind):
        server = kind(peers.pools(["unix"], pm="static", pm_max_children=4)).prepare()
        try:
            began = time.monotonic()
            server.spawn(server.command())
            connection = connect(server)
            split.setdefault(f"{kind.label} listens", []).append((time.monotonic() - began) * 1000)
            ask(server, connection)
            took = (time.monotonic() - began) * 1000
            if hasattr(server, "notify"):
                at = server.notify.wait("READY", "1")
                split.setdefault(f"{kind.label} says READY=1", []).append((server.notify.times[at] - began) * 1000)
            return took
        finally:
            server.cleanup()

    bench.compare(result, bench.kinds, measure)
    result.note = ", ".join(f"{what} after {Spread(values).text(1)} ms" for what, values in split.items())
