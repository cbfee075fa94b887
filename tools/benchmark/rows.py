# SPDX-License-Identifier: MIT
"""How rows are measured: each is a function of the bench and the result that it fills. table.py is the table of them."""

import os
import statistics
from dataclasses import dataclass
from typing import Callable

import generator
import machine
import peers
from result import Bar, Result, Spread

KIB = 1024


@dataclass
class Row:
    name: str
    title: str
    unit: str
    bar: Bar
    measure: Callable
    front: bool = False  # fpmd-performance(7) shows it

    def result(self):
        return Result(self.name, self.title, self.unit, self.bar)

    def run(self, bench):
        result = self.result()
        try:
            self.measure(bench, result)
        except machine.NotAvailable as e:
            result.problem = f"not available here: {e}"
        except (generator.Failed, TimeoutError, RuntimeError) as e:
            result.problem, result.failed = f"FAILED: {e}", True
        return result


# --- what a request costs

def cpu(listen, keep, apart=False, script="hello.php"):
    """CPU time of all processes of the server for one request, one worker busy at a time. With the client on the same CPU that is what the server does; apart
    from it, also what it costs to wake an idle CPU and to find cold caches, which on a virtual machine is more, and the same for every server."""
    def run(bench, result):
        cpus = sorted(os.sched_getaffinity(0))
        if apart and len(cpus) < 2:
            raise machine.NotAvailable("there is one CPU")

        def measure(server):
            pids = machine.family(server)
            with machine.placed(pids, {cpus[0]}, {cpus[-1 if apart else 0]}):
                return machine.cpu_us_each(pids, bench.extent.requests,
                                           lambda n: server.load(listen, script, requests=n, keep=keep))

        with bench.servers([listen], bench.all_kinds(listen, keep), pm="static", pm_max_children=4) as servers:
            for s in servers:
                s.load(listen, script, requests=400, keep=keep)
            bench.compare(result, servers, measure)
    return run


def cpu_of_many(listen, connections, workers, keep=False, **how):
    """CPU time for one request of so many clients at a time, on any CPU. workers: a number, or each server's own, by label."""
    def run(bench, result):
        def load(server, n):
            return server.load(listen, "hello.php", requests=n, connections=connections, keep=keep, **how)

        with bench.servers([listen], pm="static", pm_max_children=workers) as servers:
            for s in servers:
                load(s, 20 * connections + 400)
            bench.compare(result, servers, lambda s: machine.cpu_us_each(machine.family(s), bench.extent.requests, lambda n: load(s, n)))
    return run


def kept_to_fresh_cpu(connections, workers):
    """CPU time for a request on a kept connection by that for one on a connection of its own, of each server by itself."""
    def run(bench, result):
        def cost(server, keep):
            return machine.cpu_us_each(machine.family(server), bench.extent.requests,
                                       lambda n: server.load("unix", "hello.php", requests=n, connections=connections, keep=keep))

        with bench.servers(["unix"], pm="static", pm_max_children=workers) as servers:
            for s in servers:
                for keep in (False, True):
                    s.load("unix", "hello.php", requests=20 * connections, connections=connections, keep=keep)
            bench.compare(result, servers, lambda s: cost(s, True) / cost(s, False))
    return run


def counted(count, script, requests, **how):
    """Something that is counted, not timed: once, over some requests (a number, or a function of the extent), by what count(server) makes."""
    def run(bench, result):
        n = requests(bench.extent) if callable(requests) else requests
        with bench.servers(["unix"], pm="static", pm_max_children=1) as servers:
            for s in servers:
                s.load("unix", script, requests=100, **how)
                with count(s) as counter:
                    s.load("unix", script, requests=n, **how)
                # To a tenth: attaching interrupts a call or two, which are made again.
                result.servers[s.label] = Spread([round(counter.total / n, 1)])
                if getattr(counter, "calls", None):
                    result.details[s.label] = {k: round(v / n, 3) for k, v in counter.calls.items()}
        bench.relate(result)
    return run


# --- throughput

def rate(listen, keep=False, connections=64):
    """Hello requests a second in a closed loop. As many workers as connections, since php-fpm serves no more kept ones than that."""
    def run(bench, result):
        def measure(server):
            return server.throughput(listen, "hello.php", connections=connections, keep=keep, duration=int(bench.extent.seconds * 1000))

        with bench.servers([listen], bench.all_kinds(listen, keep), pm="static", pm_max_children=connections) as servers:
            for s in servers:
                s.load(listen, "hello.php", connections=connections, keep=keep, requests=4 * connections)
            bench.compare(result, servers, measure)
    return run


def kept_to_fresh(bench, result):
    """Large replies over kept connections against fresh ones, of each server by itself, connecting included. In short slices in turn. A slice's time is its mean:
    a stall of 40 ms, such as a delayed ACK's, in one reply of twenty makes that several times as long, and its median not at all. Of the slices the median
    one counts: the machine's other work is in a few of them, and the best one may have been spared by stalls that most have."""
    def measure(server):
        slices = {True: [], False: []}
        for _ in range(6):
            for keep, means in slices.items():
                means.append(server.load("tcp", "large.php", requests=20, keep=keep)["latency_us"]["mean"])
        return statistics.median(slices[False]) / statistics.median(slices[True])

    with bench.servers(["tcp"], pm="static", pm_max_children=2) as servers:
        for s in servers:
            s.load("tcp", "large.php", requests=20)
        bench.compare(result, servers, measure)


def tail(script, workers):
    """The 99th percentile at 70 % of what php-fpm can do at most (or ours, where there is none), offered to each server alike."""
    def run(bench, result):
        ms = int(bench.extent.seconds * 1000)

        with bench.servers(["unix"], pm="static", pm_max_children=workers) as servers:
            reference = next((s for s in servers if s.label == "php-fpm"), servers[0])
            for s in servers:
                s.load("unix", script, connections=workers, requests=50 * workers)
            most = reference.load("unix", script, connections=2 * workers, duration=2 * ms)["rate"]
            offered = max(1, int(0.7 * most))
            result.note = f"{offered} requests/s offered, 70 % of {reference.label}'s {most:.0f}"
            bench.compare(result, servers, lambda s: s.load("unix", script, connections=512, duration=2 * ms, rate=offered)
                          ["latency_us"]["p99"] / 1000)
    return run


def switches(bench, result):
    """How often processes of the server are put to sleep, and so waken, for one connection while 64 workers idle."""
    n = bench.extent.requests

    def measure(server):
        pids = machine.family(server)
        before = machine.voluntary_switches(pids)
        server.load("unix", "hello.php", requests=n)
        return (machine.voluntary_switches(pids) - before) / n

    with bench.servers(["unix"], pm="static", pm_max_children=64) as servers:
        for s in servers:
            s.load("unix", "hello.php", requests=200)
        bench.compare(result, servers, measure)


def memory(requests):
    """PSS of master, zygotes and 50 workers, which have served that many requests together."""
    def run(bench, result):
        def measure(server):
            if requests:
                server.load("unix", "page.php", connections=50, requests=requests)
            return machine.pss_kib(machine.family(server)) / KIB

        with bench.servers(["unix"], pm="static", pm_max_children=50) as servers:
            bench.compare(result, servers, measure, rounds=1)
    return run
