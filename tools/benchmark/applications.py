#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Applications that boot once, beside those that boot for each request: Symfony, Laravel (Debian's packages of them, packages_apps of tools/lib/packages.sh) and a
hello, under php-fpm, classic, in worker mode, and as forks of a booted process (worker.requests = 1).

    applications.py pages [--only NAME...]   time on a CPU of a request, one after the other, and how long one takes that comes alone
    applications.py calls                    system calls of a hello in worker mode, on a kept connection
    applications.py pages calls --record     keeps the numbers of both, and writes the documents of them, as tools/bench does
    applications.py leaks                    what a request costs that fpmctl leaks examines
    applications.py reload                   the first 1,000 requests after a reload under load, with worker.warmup[] and without

What is asked for, and the bars, are in works.py. Each round measures every server once, in rotating order; ratios are of one round, to fpmd's classic mode.
Servers have one CPU, the client another, but for a hello. Time on a CPU is that of all processes of a server, those that have ended included.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import threading
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TREE, "tests", "lib"), os.path.join(TREE, "tests", "apps")]

import document
import fastcgi
import generator
import machine
import procs
import report
import sites
import works
from result import Spread
from visitor import Visitor
from works import WORKS


LEAKS = ("symfony-twig", "laravel-page", "hello")
PACKAGES = {"Symfony": "php-symfony-framework-bundle", "Twig": "php-twig", "Laravel": "php-laravel-framework"}
CPUS = sorted(os.sched_getaffinity(0))
SETTINGS = {"pm.max_children": "4", "php_admin_value[opcache.revalidate_freq]": "2", "env[FRANKENPHP_LOOP_MAX]": "0", "env[MAX_REQUESTS]": "1000000000"}


def prepare(work, mode, warm=True, **more):
    """A site that has not started yet."""
    settings = {**SETTINGS, **more}
    if warm and mode in sites.BOOTED and not work.login:
        settings["worker.warmup[]"] = f'"{work.path}"'
    return getattr(sites, work.application)(mode, **settings)


def visit(site, work):
    """The visitor, who has been there before."""
    visitor = Visitor(site, "anna")
    if work.login:
        visitor.get("/login")
        visitor.post("/login", _username="anna", _password="secret-anna")
    for _ in range(3):
        reply = visitor.get(work.path)
        assert reply.complete and reply.status == 200, (site.mode, work.path, reply.stdout, reply.stderr)
    return visitor


def start(work, mode, **how):
    """A site that runs, and the bytes of a request of one who has been there before."""
    site = prepare(work, mode, **how).start()
    return site, fastcgi.request_bytes(visit(site, work).environment(work.path, "GET", b"", None))


class Measured:
    """A site that runs on a CPU of its own, and whose time on it is counted."""

    def __init__(self, work, mode, **more):
        self.work, self.site, self.account = work, prepare(work, mode, **more), None
        try:
            self.account = machine.CpuAccount(self.site.server)
            os.sched_setaffinity(0, CPUS)  # a server counts them when it starts
            self.site.start()
            self.cookies = visit(self.site, work).cookies
            if mode in sites.BOOTED:  # with the application's own cache at hand, as a deployment leaves it: a process that has made it itself is larger, and slower
                self.site.server.reload()
                visit(self.site, work)
            machine.place(machine.family(self.site.server), CPUS[0])
        except BaseException:
            self.close()
            raise

    def load(self, **how):
        machine.place([0], CPUS[0 if self.work.together else -1])
        path, _, query = self.work.path.partition("?")
        return generator.load(self.site.server.address(), self.site.front, keep=self.work.keep, query=query, uri=path + ("?" + query if query else ""),
                              cookie="; ".join(f"{name}={value}" for name, value in self.cookies.items()) or None, **how)

    def cpu_us(self, n):
        """Of a request, of one client that asks without a pause."""
        before = self.account.ns()
        self.load(requests=n * self.work.times)
        return (self.account.ns() - before) / (n * self.work.times) / 1000

    def p50_us(self, n, rate):
        return self.load(requests=n, rate=rate)["latency_us"]["p50"]

    def close(self):
        self.site.cleanup()
        if self.account:
            self.account.close()


def ask(address, data):
    """One request on a connection of its own. Seconds."""
    family, target = fastcgi.parse_address(address)
    began = time.perf_counter()
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.connect(target)
        s.sendall(data)
        reply = b""
        while piece := s.recv(65536):
            reply += piece
    taken = time.perf_counter() - began
    assert b"Status: 5" not in reply and len(reply) > 24, reply[:200]
    return taken


def percentile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


def extensions(site):
    return sorted(set(site.server.run(site.server.script("extensions.php", "<?php echo implode(',', get_loaded_extensions());")).text.split(",")) - {"cgi-fcgi"})


def measure(running, args):
    """{mode: [(µs of CPU, µs of p50) of each round]}"""
    found = {mode: [] for mode in running}
    for m in running.values():
        m.cpu_us(args.warm)
    for n in range(args.rounds):
        order = list(running)
        for mode in order[n % len(order):] + order[:n % len(order)]:
            m = running[mode]
            found[mode].append((m.cpu_us(args.requests), m.p50_us(args.paced, args.rate)))
    return found


def say(r):
    print("\n".join([f"\n{r.title} ({r.name}):", *(f"  {report.in_mode(r, mode)}" for mode in r.servers)]), flush=True)


def pages(args):
    for name in args.only or WORKS:
        work, running = WORKS[name], {}
        try:
            for mode in args.modes:
                running[mode] = Measured(work, mode)
                if args.record and not running[mode].account.group:
                    raise machine.NotAvailable(f"nothing is kept of time on a CPU {running[mode].account.how}")
            if len(running) > 1 and "php-fpm" in running:
                assert extensions(running["php-fpm"].site) == extensions(running["classic"].site), "the servers have not the same extensions"
            print(f"\n{work.title}: time on a CPU {running['classic'].account.how}", flush=True)
            found = measure(running, args)
        finally:
            for m in running.values():
                m.close()
        for i, what in enumerate(("cpu", "p50")):
            yield works.BY_NAME[f"{name}-{what}"].result().fill({mode: [values[i] for values in rounds] for mode, rounds in found.items()})


def calls(args):
    taken = {}
    for mode in ("classic", "worker"):
        site, _ = start(WORKS["hello-kept"], mode, **{"pm.max_children": "1"})
        try:
            def load(n):
                generator.load(site.server.address(), site.front, requests=n, keep=True)
            load(100)
            with machine.Strace(site.server) as counted:
                load(args.requests)
            each = ", ".join(f"{name} {n / args.requests:.2f}" for name, n in sorted(counted.calls.items(), key=lambda c: -c[1]) if n > args.requests / 100)
            print(f"\nhello, {mode}, kept: {each}", flush=True)
            taken[mode] = [round(counted.total / args.requests, 1)]  # attaching interrupts a call or two, which are made again
        finally:
            site.cleanup()
    yield works.CALLS.result().fill(taken)


def leaks(args):
    """Rounds of requests that are not examined, and of such as are."""
    for name in LEAKS:
        m = Measured(WORKS[name], "worker", **{"pm.max_children": "1"})
        try:
            m.cpu_us(args.warm)
            found = []
            for _ in range(args.rounds):
                plain = m.cpu_us(args.requests)
                want_examined(m.site.server, args.examined * m.work.times)
                found.append((plain, m.cpu_us(args.examined)))
        finally:
            m.close()
        plain, examined = (Spread([a[i] for a in found]) for i in (0, 1))
        print(f"{WORKS[name].title}: {plain.text(1)} µs of CPU, {examined.text(0)} µs where it is examined", flush=True)


def want_examined(server, n):
    """The next n requests are; fpmctl does not wait for them, since they are to be measured."""
    asked = server.ctl("leaks", "--requests", str(n), "--timeout", "1", "www")
    assert asked.stdout == "0 requests examined\n", asked


class Askers:
    """Clients that ask without a pause, and note when each answer came and how long it took."""

    def __init__(self, address, data, n):
        self.answers, self.stopping = [], threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(address, data), daemon=True) for _ in range(n)]
        for t in self.threads:
            t.start()

    def _run(self, address, data):
        while not self.stopping.is_set():
            took = ask(address, data)
            self.answers.append((time.perf_counter(), took))

    def wait(self, n):
        until = len(self.answers) + n
        procs.until(f"{n} answers", lambda: len(self.answers) >= until, 300.0)

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join()


def reload(args):
    work = WORKS["symfony-twig"]
    for mode in ("php-fpm", "classic", "worker", "forks"):
        for warm in (False, True) if mode != "php-fpm" else (False,):
            site, data = start(work, mode, warm=warm)
            try:
                if warm and mode == "classic":
                    site.server.pools["www"][f"worker.warmup[{site.front}]"] = f'"{work.path}"'
                    site.server.write_config()
                    assert site.server.ctl("reload").returncode == 0
                steady, first = [], []
                for _ in range(args.rounds):
                    askers = Askers(site.server.address(), data, 2)
                    askers.wait(1000)
                    n = len(askers.answers)
                    steady += [took for _, took in askers.answers[n - 1000:n]]
                    before = set(site.server.workers())
                    if mode == "php-fpm":
                        site.server.reload()
                        procs.until("the new workers", lambda: not before & set(site.server.workers()), 60.0)
                    else:
                        done = site.server.ctl("reload")
                        assert done.returncode == 0, done
                    at = time.perf_counter()
                    askers.wait(1200)
                    first += [took for came, took in list(askers.answers) if came - took >= at][:1000]
                    askers.stop()
                p99 = [percentile(values, 0.99) * 1000 for values in (steady, first)]
                print(f"{mode + (', warm' if warm else ''):<15} p99 steady {p99[0]:.2f} ms, first 1,000 after a reload {p99[1]:.2f} ms, ratio {p99[1] / p99[0]:.2f},"
                      f" longest {max(first) * 1000:.1f} ms", flush=True)
            finally:
                site.cleanup()


def version(package):
    """Of a package of Debian's, its own part of it."""
    said = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True).stdout
    return re.sub(r"[-+].*", "", said) or "of unknown version"


def record(found, args):
    os.sched_setaffinity(0, CPUS)  # the machine's, not those of the last client
    packages = ", ".join(f"{name} {version(package)}" for name, package in PACKAGES.items())
    document.write(found, args, more=f", then of {args.paced} at {args.rate} a second; {packages}" if "pages" in args.what else "")
    document.write_all()


MEASURES = {"pages": pages, "calls": calls, "leaks": leaks, "reload": reload}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="+", choices=MEASURES)
    p.add_argument("--record", action="store_true", help="keep the numbers of pages and calls, and write README.md, PERFORMANCE.md and fpmd-performance(7)")
    p.add_argument("--only", nargs="+", choices=WORKS, help="of the pages")
    p.add_argument("--modes", nargs="+", choices=sites.MODES, default=sites.MODES, help="of the pages; classic is what ratios are to")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--warm", type=int, default=500, help="requests before the first round")
    p.add_argument("--requests", type=int, default=2000, help="of a server in a round, on end")
    p.add_argument("--paced", type=int, default=200, help="and then, so many a second as --rate says: how long they take")
    p.add_argument("--rate", type=int, default=50)
    p.add_argument("--examined", type=int, default=100, help="of the requests that leaks are looked for in, in a round")
    args = p.parse_args()
    if "classic" not in args.modes:
        p.error("--modes: ratios are to classic")
    if args.record and (set(args.what) - {"pages", "calls"} or len(args.modes) < len(sites.MODES)):
        p.error("--record: of pages and calls, in all modes")
    procs.become_subreaper()
    found = []
    try:
        for what in args.what:
            for one in MEASURES[what](args) or ():
                found.append(one)
                say(one)
    finally:
        if args.record and found:
            record(found, args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
