# SPDX-License-Identifier: MIT
"""More connections than workers: who gets an answer, and how soon. php-fpm's workers belong to one connection each until it ends, so
there is nothing to compare with: it answers four of them and no other. A request of ours that fails fails the row, however fair the others were."""

import contextlib
import resource
import select
import time

import fastcgi
import generator
import machine
import peers
import procs
from result import Spread

WORKERS = 4
UNDECIDED = "php-fpm cannot do this: each kept connection holds a worker, so 4 of 64 are served"
BUSY = "php-fpm cannot do this: each kept connection holds a worker"
BLOCKED = "php-fpm cannot do this: 4 idle or half-sent connections block 4 workers until they end"


def crowd(bench):
    """Rounds of 64 kept connections in a closed loop; (slowest reply in ms, Jain's index) of each."""
    with bench.servers(["unix"], kinds=[peers.Fpmd], pm="static", pm_max_children=WORKERS) as (server,):
        server.load("unix", "hello.php", requests=200, keep=True)
        taken = [server.load("unix", "hello.php", connections=64, keep=True, duration=int(bench.extent.seconds * 1000))
                 for _ in range(bench.extent.rounds)]
    return taken


def spread(result, taken, read):
    result.servers["fpmd"] = Spread([read(t) for t in taken])
    result.note = UNDECIDED


def slowest(bench, result):
    spread(result, crowd(bench), lambda t: t["latency_us"]["max"] / 1000)


def fairness(bench, result):
    spread(result, crowd(bench), lambda t: t["connections"]["jain"])


def beside_a_busy_worker(bench, result):
    """The slowest reply of 64 kept connections on 4 workers, one of which sleeps in a script for a second."""
    result.note = BUSY
    with bench.servers(["unix"], kinds=[peers.Fpmd], pm="static", pm_max_children=WORKERS) as (server,):
        server.load("unix", "hello.php", requests=200, keep=True)

        def slowest_beside():
            sleeper = generator.start(server.address("unix"), server.path("second.php"), requests=1, expect_file=server.reply("second.php"))
            taken = server.load("unix", "hello.php", connections=64, keep=True, duration=900)
            generator.check(generator.finish(sleeper, procs.LIMIT))
            return taken["latency_us"]["max"] / 1000

        result.servers["fpmd"] = Spread([slowest_beside() for _ in range(bench.extent.rounds)])


# --- idle connections

@contextlib.contextmanager
def idle(server, n):
    """So many connections that have had a reply and now say nothing. At the end all of them must still stand."""
    request = fastcgi.request_bytes(fastcgi.environment(server.path("hello.php")), keep=True)
    with contextlib.ExitStack() as held:
        poll = select.poll()
        for _ in range(n):
            connection = held.enter_context(contextlib.closing(server.connect("unix")))
            connection.send(request)
            if not connection.read_response().complete:
                raise RuntimeError("a connection that was to idle got no reply")
            poll.register(connection.sock, select.POLLIN)
        yield
        if gone := len(poll.poll(0)):
            raise RuntimeError(f"{gone} of {n} idle connections were closed")


def _beside_idle(bench, result, measure):
    """measure(server, pids, n) with that many idle connections."""
    n = bench.extent.idle
    raise_limit(n + 1000)
    result.note = f"{n} connections; php-fpm cannot do this: it needs a worker for each"
    with bench.servers(["unix"], kinds=[peers.Fpmd], pm="static", pm_max_children=WORKERS, park_max_connections=n + 100) as (server,):
        result.servers["fpmd"] = Spread(measure(server, machine.family(server), n))


def idle_memory(bench, result):
    """What all processes of the server hold more for each idle connection, beside files; the kernel's sockets are nobody's."""
    def measure(server, pids, n):
        server.load("unix", "hello.php", requests=1000, connections=64, keep=True)
        before = machine.anonymous_kib(pids)
        with idle(server, n):
            return [(machine.anonymous_kib(pids) - before) / n]
    _beside_idle(bench, result, measure)


def idle_wakeups(bench, result):
    """How often any process of the server wakes up in a second beside idle connections."""
    def measure(server, pids, n):
        def in_a_while():
            before, began = machine.voluntary_switches(pids), time.monotonic()
            time.sleep(max(1, bench.extent.seconds))
            return (machine.voluntary_switches(pids) - before) / (time.monotonic() - began)

        with idle(server, n):
            time.sleep(1.5)  # what their last requests have left to do is done
            return [in_a_while() for _ in range(min(3, bench.extent.rounds))]
    _beside_idle(bench, result, measure)


def raise_limit(n):
    """Room for so many descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n:
        raise machine.NotAvailable(f"a process may have {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, n), hard))


def beside_a_crowd(bench, result):
    """The slowest of a few requests, each on a connection of its own, in each round."""
    raise_limit(4096)
    result.note = BLOCKED
    with bench.servers(["unix"], kinds=[peers.Fpmd], pm="static", pm_max_children=WORKERS) as (server,), contextlib.ExitStack() as held:
        request = fastcgi.request_bytes(fastcgi.environment(server.path("hello.php")), keep=True)
        for _ in range(100):
            idle = held.enter_context(contextlib.closing(server.connect("unix")))
            idle.send(request)
            if not idle.read_response().complete:
                raise RuntimeError("a connection of the crowd got no reply")
        for _ in range(100):
            held.enter_context(contextlib.closing(server.connect("unix"))).send(request[:3])
        taken = [server.load("unix", "hello.php", requests=20, timeout=3000, max_failures=1) for _ in range(bench.extent.rounds)]
    result.servers["fpmd"] = Spread([t["latency_us"]["max"] / 1000 for t in taken])
