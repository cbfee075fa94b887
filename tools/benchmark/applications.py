#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Applications that boot once, beside those that boot for each request: Symfony, Laravel (Debian's packages of them, packages_apps of tools/lib/packages.sh) and a
hello, under php-fpm, classic, in worker mode, and as forks of a booted process (worker.requests = 1).

    applications.py pages [--only NAME...]   time on a CPU and latency of a request, one after the other
    applications.py calls                    system calls of a hello in worker mode, on a kept connection
    applications.py reload                   the first 1,000 requests after a reload under load, with worker.warmup[] and without

Each round measures every server once, in rotating order; ratios are of one round, to fpmd's classic mode. Time on a CPU is that of all processes of a server, those
that have ended included.
"""

import argparse
import os
import socket
import sys
import threading
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TREE, "tests", "lib"), os.path.join(TREE, "tests", "apps")]

import fastcgi
import generator
import machine
import procs
import sites
from result import Bar, Spread
from visitor import Visitor

# name: (application, path, bars of CPU and of p50 by mode)
WORK = {
    "Symfony page with Twig": (sites.symfony, "/page?title=x", {"worker": (1 / 8, None), "forks": (0.65, 0.35)}),
    "Symfony JSON route": (sites.symfony, "/api/x", {"worker": (1 / 15, None)}),
    "Laravel page with Blade and session": (sites.laravel, "/page?title=x", {"worker": (1 / 5, None)}),
    "hello": (sites.hello, "/", {"worker": (0.6, None)}),
}
SETTINGS = {"pm.max_children": "4", "php_admin_value[opcache.revalidate_freq]": "2", "env[FRANKENPHP_LOOP_MAX]": "0", "env[MAX_REQUESTS]": "1000000000"}
TICK_NS = 10**9 // os.sysconf("SC_CLK_TCK")


def start(application, mode, path, warm=True, **more):
    """A site that runs, and the bytes of a request of one who has been there before."""
    settings = {**SETTINGS, **more}
    if warm and mode in sites.BOOTED:
        settings["worker.warmup[]"] = f'"{path}"'
    site = application(mode, **settings).start()
    visitor = Visitor(site, "anna")
    for _ in range(3):
        reply = visitor.get(path)
        assert reply.complete and reply.status == 200, (mode, path, reply.stdout, reply.stderr)
    return site, fastcgi.request_bytes(visitor.environment(path, "GET", b"", None))


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


def cpu_ns(server):
    """Of its processes, and of their children that have been reaped."""
    def reaped(pid):
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return 0  # a fork that has ended since: the zygote's children have its time, from the next look on
        return (int(fields[13]) + int(fields[14])) * TICK_NS
    pids = machine.family(server)
    return machine.cpu_ns(pids) + sum(reaped(pid) for pid in pids)


def percentile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


def measure(site, data, n):
    """(µs of CPU, µs of p50)"""
    before = cpu_ns(site.server)
    took = [ask(site.server.address(), data) for _ in range(n)]
    return (cpu_ns(site.server) - before) / n / 1000, percentile(took, 0.5) * 1e6


def extensions(site):
    return sorted(set(site.server.run(site.server.script("extensions.php", "<?php echo implode(',', get_loaded_extensions());")).text.split(",")) - {"cgi-fcgi"})


def verdict(limit, ratio):
    return "" if limit is None else f" ({'met' if Bar('ours', '<=', limit).met(ratio) else 'missed'}: <= {limit:.3g})"


def pages(args):
    for name in args.only or WORK:
        application, path, bars = WORK[name]
        running = {}
        try:
            for mode in sites.MODES:
                running[mode] = start(application, mode, path)
            assert extensions(running["php-fpm"][0]) == extensions(running["classic"][0]), "the servers have not the same extensions"
            found = {mode: [] for mode in running}
            for n in range(args.rounds):
                order = list(running)
                for mode in order[n % len(order):] + order[:n % len(order)]:
                    found[mode].append(measure(*running[mode], args.requests))
        finally:
            for site, _ in running.values():
                site.cleanup()
        print(f"\n{name}:", flush=True)
        for mode, rounds in found.items():
            cpu, p50 = (Spread([a[i] for a in rounds]) for i in (0, 1))
            to_cpu, to_p50 = (Spread([a[i] / b[i] for a, b in zip(rounds, found["classic"])]) for i in (0, 1))
            limits = bars.get(mode, (None, None))
            print(f"  {mode:<8} CPU {cpu.median:8.0f} µs, ratio {to_cpu.text(3)}{verdict(limits[0], to_cpu.median)};"
                  f" p50 {p50.median:8.0f} µs, ratio {to_p50.text(3)}{verdict(limits[1], to_p50.median)}", flush=True)


def calls(args):
    for mode in ("classic", "worker"):
        site, _ = start(sites.hello, mode, "/", **{"pm.max_children": "1"})
        try:
            def load(n):
                generator.load(site.server.address(), site.front, requests=n, keep=True)
            load(100)
            with machine.Strace(site.server) as counted:
                load(args.requests)
            each = ", ".join(f"{name} {n / args.requests:.2f}" for name, n in sorted(counted.calls.items(), key=lambda c: -c[1]) if n > args.requests / 100)
            print(f"hello, {mode}, kept: {counted.total / args.requests:.2f} system calls ({each})", flush=True)
        finally:
            site.cleanup()


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
    application, path, _ = WORK["Symfony page with Twig"]
    for mode in ("php-fpm", "classic", "worker", "forks"):
        for warm in (False, True) if mode != "php-fpm" else (False,):
            site, data = start(application, mode, path, warm=warm)
            try:
                if warm and mode == "classic":
                    site.server.pools["www"][f"worker.warmup[{site.front}]"] = f'"{path}"'
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


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("pages", "calls", "reload"))
    p.add_argument("--only", nargs="+", choices=WORK, help="of the pages")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--requests", type=int, default=300, help="of a server in a round")
    args = p.parse_args()
    procs.become_subreaper()
    {"pages": pages, "calls": calls, "reload": reload}[args.what](args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
