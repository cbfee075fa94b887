# SPDX-License-Identifier: MIT
"""More connections than workers: who gets an answer, and how soon. php-fpm's workers belong to one connection each until it ends, so
there is nothing to compare with: it answers four of them and no other. A request of ours that fails fails the row, however fair the others were."""

import contextlib
import resource

import fastcgi
import peers
from result import Spread

WORKERS = 4
UNDECIDED = "php-fpm cannot do this: each kept connection holds a worker, so 4 of 64 are served"
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


def beside_a_crowd(bench, result):
    """The slowest of a few requests, each on a connection of its own, in each round."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
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
