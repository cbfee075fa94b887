#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Twice as many requests as a pool can serve, whose clients give up after a second: what is answered in time, by php-fpm and by fpmd without and with limits of
its queue (queue.abandoned, queue.max_wait, queue.max_length).

    overload.py [--seconds N] [--listen unix|tcp] [--json FILE]

Requests are sent when they are due, whatever the server does (an open loop). Each server has a capacity of its own, which is measured before: of four workers
with a page of 20 ms. Afterwards a request now and then tells when the server is itself again.
"""

import argparse
import json
import os
import select
import socket
import sys
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TREE, "tests", "lib")]

import fastcgi
import peers
import procs
from result import Spread

N_WORKERS = 4
PAGE = "<?php usleep(20000); echo 'Hello, world';"
GIVE_UP = 1.0
LIMITS = {"queue.abandoned": "drop", "queue.max_length": 50, "queue.max_wait": "500ms"}
RECOVERED = 0.25  # an answer within so long is one of a server that is itself again


class Request:
    """One client: a connection of its own, from the moment at which its request was due."""

    def __init__(self, address, data, due):
        self.due, self.data, self.reply, self.ended, self.outcome = due, data, b"", None, None
        family, target = fastcgi.parse_address(address)
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setblocking(False)
        self.error = self.sock.connect_ex(target)

    def step(self, now):
        """Sends, and receives what there is. True: it is over."""
        try:
            if self.data:
                self.data = self.data[self.sock.send(self.data):]
                return False
            piece = self.sock.recv(65536)
        except BlockingIOError:
            return False
        except OSError:
            return self.end("failed", now)
        self.reply += piece
        if piece:
            return False
        return self.end("answered" if b"Hello, world" in self.reply else "refused" if b"Status: 503" in self.reply else "failed", now)

    def end(self, outcome, now):
        self.outcome, self.ended = outcome, now
        self.sock.close()
        return True

    def took(self):
        return self.ended - self.due


class Crowd:
    """Clients that do not wait for each other."""

    def __init__(self, address, data):
        self.address, self.data = address, data
        self.poll = select.epoll()
        self.open, self.done = {}, []

    def send(self, due):
        r = Request(self.address, self.data, due)
        if r.error not in (0, 115):  # EINPROGRESS
            r.end("failed", time.monotonic())
            self.done.append(r)
            return r
        self.open[r.sock.fileno()] = r
        self.poll.register(r.sock, select.EPOLLIN | select.EPOLLOUT)
        return r

    def run(self, until):
        """Serves the clients up to a moment."""
        while (left := until - time.monotonic()) > 0:
            for fd, _ in self.poll.poll(min(left, 0.01)):
                r = self.open[fd]
                had = r.data
                if r.step(time.monotonic()):
                    self.done.append(self.open.pop(fd))
                elif had and not r.data:
                    self.poll.modify(fd, select.EPOLLIN)
            self.give_up(time.monotonic())

    def give_up(self, now):
        for fd, r in list(self.open.items()):
            if now - r.due < GIVE_UP:
                break  # they are in the order of their times
            del self.open[fd]
            r.end("given up", now)
            self.done.append(r)

    def offer(self, rate, seconds):
        """So many a second; returns when the last was sent."""
        begin = time.monotonic()
        for i in range(int(rate * seconds)):
            self.run(begin + i / rate)
            self.send(begin + i / rate)
        return time.monotonic()

    def finish(self):
        while self.open:
            self.run(time.monotonic() + 0.02)


def capacity(address, data, seconds, n_workers=N_WORKERS):
    """Requests a second in a closed loop, as many at a time as there are workers."""
    crowd, begin = Crowd(address, data), time.monotonic()
    while time.monotonic() - begin < seconds:
        for _ in range(n_workers - len(crowd.open)):
            crowd.send(time.monotonic())
        crowd.run(time.monotonic() + 0.0005)
    n, taken = sum(r.outcome == "answered" for r in crowd.done), time.monotonic() - begin
    crowd.finish()
    return n / taken


def recovery(crowd, since):
    """Seconds from then on until a request is answered as on any day; a request each quarter of a second, beside those that wait yet."""
    while time.monotonic() - since < 30:
        r = crowd.send(time.monotonic())
        crowd.run(r.due + RECOVERED)
        if r.outcome == "answered" and r.took() <= RECOVERED:
            return max(r.due - since, 0)
    raise TimeoutError("the server has not recovered within 30 s")


def percentile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)] if values else None


def crowded(address, data, rate, seconds):
    """What becomes of so many requests a second, in an open loop: numbers, times in ms, and how many ended in each way."""
    crowd = Crowd(address, data)
    end = crowd.offer(rate, seconds)
    recovered = recovery(crowd, end)
    crowd.finish()
    of = {what: [1000 * r.took() for r in crowd.done if r.outcome == what and r.due <= end] for what in ("answered", "refused", "given up", "failed")}
    return {"p50_ms": percentile(of["answered"], 0.5), "p99_ms": percentile(of["answered"], 0.99), "refused_p50_ms": percentile(of["refused"], 0.5),
            "refused_p99_ms": percentile(of["refused"], 0.99), "recovery_s": recovered, **{what.replace(" ", "_"): len(of[what]) for what in of}}


def page(server, name, code):
    """A script that is old enough for opcache; a request for it."""
    script = server.script(name, code)
    os.utime(script, (time.time() - 3600,) * 2)
    return fastcgi.request_bytes(fastcgi.environment(script))


def measure(server, seconds):
    address, data = server.address("unix" if "unix" in server.pools else "tcp"), page(server, "slow.php", PAGE)
    can = capacity(address, data, 2)
    found = crowded(address, data, 2 * can, seconds)
    return {"capacity": can, "goodput": found["answered"] / (can * seconds), **found}


def servers():
    found = [("fpmd", peers.Fpmd, {}), ("fpmd with limits", peers.Fpmd, LIMITS)]
    return ([("php-fpm", peers.PhpFpm, {})] if peers.PhpFpm in peers.available() else []) + found


def run(name, listen, seconds):
    """What measure() says of one of the servers."""
    kind, limits = next((kind, limits) for label, kind, limits in servers() if label == name)
    pools = peers.pools([listen], pm="static", pm_max_children=N_WORKERS)
    pools[listen].update({k: str(v) for k, v in limits.items()})
    with kind(pools) as s:
        return measure(s, seconds)


def row(read):
    """A row of tools/bench: what read() finds in the numbers of php-fpm, and of fpmd with limits. All such rows are of one measurement."""
    def fill(bench, result):
        if not bench.overload:
            seconds = max(2, 3 * bench.extent.seconds)
            bench.overload.update({name: run(name, "unix", seconds) for name, _, _ in servers()})
        found = {name: read(taken) for name, taken in bench.overload.items()}
        result.servers = {label: Spread([found[name]]) for label, name in (("fpmd", "fpmd with limits"), ("php-fpm", "php-fpm")) if found.get(name) is not None}
        if found["fpmd"] is not None:
            result.note = f"fpmd without limits: {found['fpmd']:.2f}"
    return fill


def text(row):
    refused = f"{row['refused']}, p50 {row['refused_p50_ms']:.1f}, p99 {row['refused_p99_ms']:.1f} ms" if row["refused"] else "0"
    return (f"{row['goodput']:.2f} of {row['capacity']:.0f}/s, p99 {row['p99_ms'] or 0:.0f} ms; refused {refused}; given up {row['given_up']}, failed {row['failed']};"
            f" recovered after {row['recovery_s']:.2f} s")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=float, default=10.0, help="of overload (10)")
    p.add_argument("--listen", choices=("unix", "tcp"), default="unix")
    p.add_argument("--json", metavar="FILE", help="write all numbers there")
    args = p.parse_args()
    procs.become_subreaper()
    rows = {}
    for name, _, _ in servers():
        rows[name] = run(name, args.listen, args.seconds)
        print(f"{name + ':':<18}{text(rows[name])}", flush=True)
    if args.json:
        with open(args.json, "w") as f:
            json.dump(rows, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
