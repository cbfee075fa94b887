# SPDX-License-Identifier: MIT
"""What is measured, row by row. A row is a function of the bench and the result that it fills; ROWS is the table."""

import os
import statistics
from dataclasses import dataclass
from typing import Callable

import crowds
import generator
import machine
import peers
import starts
import web
from result import Bar, Result, Spread

KIB = 1024


@dataclass
class Row:
    name: str
    title: str
    unit: str
    bar: Bar
    measure: Callable

    def run(self, bench):
        result = Result(self.name, self.title, self.unit, self.bar)
        try:
            self.measure(bench, result)
        except machine.NotAvailable as e:
            result.problem = f"not available here: {e}"
        except (generator.Failed, TimeoutError, RuntimeError) as e:
            result.problem, result.failed = f"FAILED: {e}", True
        return result


# --- what a request costs

def cpu(listen, keep, apart=False):
    """CPU time of all processes of the server for one request, one worker busy at a time. With the client on the same CPU that is what the server does; apart
    from it, also what it costs to wake an idle CPU and to find cold caches, which on a virtual machine is more, and the same for every server."""
    def run(bench, result):
        n = bench.extent.requests
        cpus = sorted(os.sched_getaffinity(0))
        if apart and len(cpus) < 2:
            raise machine.NotAvailable("there is one CPU")

        def measure(server):
            pids = machine.family(server)
            with machine.placed(pids, {cpus[0]}, {cpus[-1 if apart else 0]}):
                before = machine.cpu_ns(pids)
                server.load(listen, "hello.php", requests=n, keep=keep)
                return (machine.cpu_ns(pids) - before) / n / 1000

        with bench.servers([listen], bench.all_kinds(listen, keep), pm="static", pm_max_children=4) as servers:
            for s in servers:
                s.load(listen, "hello.php", requests=400, keep=keep)
            bench.compare(result, servers, measure)
    return run


def cpu_of_event_loops(connections):
    """CPU time for one request over TCP of clients that send when they hear that their connection stands, on any CPU: the server may have it before there is
    anything to read."""
    def run(bench, result):
        n = bench.extent.requests

        def measure(server):
            pids = machine.family(server)
            before = machine.cpu_ns(pids)
            server.load("tcp", "hello.php", requests=n, connections=connections, connecting="nonblocking")
            return (machine.cpu_ns(pids) - before) / n / 1000

        with bench.servers(["tcp"], pm="static", pm_max_children=4) as servers:
            for s in servers:
                s.load("tcp", "hello.php", requests=400, connections=4)
            bench.compare(result, servers, measure)
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


STRACE = machine.Strace
ROWS = [
    Row("cpu-unix-fresh", "CPU per hello request, unix, a connection each", "µs", Bar("ratio", "<=", 0.65), cpu("unix", False)),
    Row("cpu-unix-kept", "CPU per hello request, unix, kept connection", "µs", Bar("ratio", "<=", 0.60), cpu("unix", True)),
    Row("cpu-tcp-fresh", "CPU per hello request, TCP, a connection each", "µs", Bar("ratio", "<=", 0.70), cpu("tcp", False)),
    Row("cpu-tcp-kept", "CPU per hello request, TCP, kept connection", "µs", Bar("ratio", "<=", 0.65), cpu("tcp", True)),
    *(Row(f"cpu-tcp-loop-{n}", f"CPU per hello request, TCP, a connection each, {n} clients that connect without blocking, as nginx does", "µs",
          Bar("ratio", "<=", 0.60), cpu_of_event_loops(n)) for n in (4, 16, 64)),
    Row("apart-unix-fresh", "the same, client on another CPU, unix, a connection each", "µs", None, cpu("unix", False, apart=True)),
    Row("apart-unix-kept", "client on another CPU, unix, kept connection", "µs", None, cpu("unix", True, apart=True)),
    Row("apart-tcp-fresh", "client on another CPU, TCP, a connection each", "µs", None, cpu("tcp", False, apart=True)),
    Row("apart-tcp-kept", "client on another CPU, TCP, kept connection", "µs", None, cpu("tcp", True, apart=True)),
    Row("calls-fresh", "system calls per hello request, a connection each", "calls", Bar("ours", "<=", 12), counted(STRACE, "hello.php", 500)),
    Row("calls-kept", "system calls per hello request, kept connection", "calls", Bar("ours", "<=", 7), counted(STRACE, "hello.php", 500, keep=True)),
    Row("calls-post", "system calls, 16 KiB POST read through php://input", "calls", Bar("ours", "<=", 18),
        counted(STRACE, "post.php", 500, body=peers.POST_SIZE)),
    Row("calls-reply", "system calls, 1 MiB reply in 4 KiB echoes", "calls", Bar("ours", "<=", 40),
        counted(STRACE, "large.php", 200)),
    Row("instructions-fresh", "user instructions per hello request, a connection each", "instr.", None, counted(machine.Steps, "hello.php", lambda extent: extent.stepped, timeout=120000)),
    Row("instructions-kept", "user instructions per hello request, kept connection", "instr.", None,
        counted(machine.Steps, "hello.php", lambda extent: extent.stepped, timeout=120000, keep=True)),
    Row("rate-unix-fresh", "requests/s, hello, 64 connections, unix fresh", "/s", Bar("ratio", ">=", 1.35), rate("unix")),
    Row("rate-unix-kept", "requests/s, hello, 64 connections, unix kept", "/s", Bar("ratio", ">=", 1.35), rate("unix", keep=True)),
    Row("rate-tcp-fresh", "requests/s, hello, 64 connections, TCP fresh", "/s", Bar("ratio", ">=", 1.35), rate("tcp")),
    Row("nginx-fresh", "requests/s behind nginx, hello, fresh upstream connections", "/s", Bar("ratio", ">=", 1.15), web.behind_nginx(False)),
    Row("nginx-kept", "requests/s behind nginx, hello, kept upstream connections", "/s", Bar("ratio", ">=", 1.2), web.behind_nginx(True)),
    Row("large-kept", "speed of 1 MiB replies, kept TCP against fresh TCP", "times", Bar("ours", ">=", 1.0), kept_to_fresh),
    Row("p99-hello", "p99 at 70 % of php-fpm's saturation, offered to both, hello", "ms", Bar("ratio", "<=", 0.8), tail("hello.php", 4)),
    Row("p99-page", "p99 at 70 % of php-fpm's saturation, offered to both, a page of 5 ms", "ms", Bar("ratio", "<=", 1.0), tail("page.php", 4)),
    Row("fair-slowest", "slowest reply, 64 kept connections on 4 workers", "ms", Bar("ours", "<", 100), crowds.slowest),
    Row("fair-jain", "Jain's fairness, 64 kept connections on 4 workers", "", Bar("ours", ">", 0.95), crowds.fairness),
    Row("crowd", "new request beside 100 idle and 100 half-sent ones, 4 workers", "ms", Bar("ours", "<", 10), crowds.beside_a_crowd),
    Row("switches", "voluntary context switches per connection, 64 idle workers", "", Bar("ours", "<=", 2.2), switches),
    Row("ondemand", "first answer of pm = ondemand without a worker", "ms", Bar("ratio", "<=", 1.0), starts.ondemand),
    Row("start", "from exec to the first answer, 4 workers", "ms", Bar("ratio", "<=", 1.5), starts.from_exec),
    Row("memory-idle", "PSS with 50 workers before any request", "MiB", None, memory(0)),
    Row("memory", "PSS with 50 workers after 1,000 requests", "MiB", Bar("ratio", "<=", 1.0), memory(1000)),
]
