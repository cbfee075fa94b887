# SPDX-License-Identifier: MIT
"""A long run with clients that misbehave: does anything get lost, left behind or larger?

A generator in chaos mode on a unix socket and one over TCP, while workers end after 100 requests each and the service reloads every few seconds. Neither may cost
a client its kept connection: a request that had to be sent again is as bad as one that failed. Beside them there may be clients that behave, on several kept
connections for each worker, and kills of workers and parks. These do cost requests, as many as the killed process had in hand (kills.py), and not one more.

The processes that outlive workers are looked at twice in the same state: no client, all workers there, a reload just over. What they
hold then, descriptors and memory, must be the same before and after.
"""

import re
import time
from dataclasses import dataclass, field, replace

import generator
import kills
import machine
import peers
import procs

WORKERS = 8
CONNECTIONS = 192
KEPT_SHARE = 0.9  # of the requests, where there are clients that behave: they are so much quicker
LISTENS = ("unix", "tcp")
WARM_UP = (2000, 200000)  # requests at least, and at most: a park's memory grows up to its busiest moment
# Memory that belongs to no file, in KiB: a share of files' pages would change with whatever else runs on the machine. A zygote is a new one each time.
SLACK_KIB = {"master": 128, "park": 384, "zygote": 256}
UNEXPECTED = re.compile(r"\] (WARNING|ERROR|ALERT): ")
KILLED = re.compile(r"\] WARNING: \[pool \w+\] (?:child|park) \d+ exited on signal 9 \(SIGKILL\)")
IN_HAND = re.compile(r"\] WARNING: \[pool \w+\] child \d+ had script '.*' \(request: \".*\"\) in hand")  # of one of those
# What scripts are told of clients that leave in the middle of a body: at most once for each of those.
CUT_OFF = re.compile(r"\] WARNING: .* PHP Warning:  readfile\(\): the request's body is cut off after \d+ bytes")


@dataclass
class Plan:
    """What is to be done."""

    requests: int
    reload_every: float = 10.0
    kill_every: float = 0.0  # seconds; 0: never
    kept: int = 0            # connections for each worker, of clients that behave
    max_requests: int = 100  # of a worker
    seed: int = 1


@dataclass
class Soak:
    """What came of it. problems: sentences; empty when all is well."""

    requests: int = 0
    outcomes: dict = field(default_factory=dict)
    killer: kills.Killer = None
    retried: int = 0
    stood_still: float = 0.0  # seconds, of the generators
    again: list = field(default_factory=list)   # the first of those, in words
    reloads: int = 0
    seconds: float = 0.0
    before: dict = field(default_factory=dict)  # "master": {"descriptors": n, "anonymous_kib": n}
    after: dict = field(default_factory=dict)
    samples: list = field(default_factory=list)
    log: dict = field(default_factory=dict)     # unexpected lines and how often
    problems: list = field(default_factory=list)

    def text(self):
        held = ", ".join(f"{who} {self.before[who]['descriptors']}->{now['descriptors']} descriptors {self.before[who]['anonymous_kib']}->{now['anonymous_kib']} KiB"
                         for who, now in self.after.items() if who in self.before)
        counts = ", ".join(f"{n} {what}" for what, n in self.outcomes.items() if n)
        lines = [f"{self.requests} requests in {self.seconds:.0f} s, {self.reloads} reloads: {counts}; {self.retried} sent again on a fresh connection", held]
        if self.killer:
            lines.append(f"{self.killer.text()}: that may cost {self.killer.may_cost()} requests, and has cost {self.lost()}")
        else:
            lines += [f"sent again: {line}" for line in self.again]
        if self.stood_still:
            lines.append(f"the generators stood still for {self.stood_still:.0f} s, as on a machine that is paused")
        lines += [f"unexpected in the log, {n} times: {line}" for line, n in self.log.items()]
        lines += [f"PROBLEM: {p}" for p in self.problems]
        return "\n".join(lines)

    def lost(self):
        """Requests whose connection was closed under them."""
        return self.outcomes.get("closed", 0) + self.retried


def lasting(server):
    """The processes that outlive workers, by what they are: {"master": pid, "zygote of unix": pid, ...}."""
    found = {"master": server.pid}
    for pid in procs.children(server.pid):
        kind = procs.exe(pid).removeprefix("fpmd-")
        found[f"{kind} {len([k for k in found if k.startswith(kind)]) + 1}"] = pid
    return found


def look(server):
    held = {}
    for who, pid in lasting(server).items():
        try:
            held[who] = {"descriptors": machine.descriptors(pid), "anonymous_kib": machine.anonymous_kib([pid])}
        except (FileNotFoundError, ProcessLookupError):
            continue  # a generation that has just ended
    return held


def reload(server, soak):
    done = server.ctl("reload")
    soak.reloads += 1
    if done.returncode:
        soak.problems.append(f"reload {soak.reloads} failed: {done.stderr.strip() or done.stdout.strip()}")


def is_whole(server):
    """One generation alone; its workers there, and the master has heard of each."""
    return (len(server.zygotes()) == len(LISTENS) and len(server.workers()) == len(LISTENS) * WORKERS
            and all(p["status"]["idle processes"] == WORKERS for p in server.status()["pools"]))


def settle(server, soak):
    """The same state each time: a generation that has just begun, whole, and nobody there."""
    reload(server, soak)
    procs.until("the new generation to be alone and whole", lambda: is_whole(server), 60)
    return look(server)


def generators(server, plan, requests):
    """The processes of fpmd-load."""
    n_kept = round(requests * KEPT_SHARE) if plan.kept else 0
    how = {"timeout": 30000, "max_failures": 1 << 40 if plan.kill_every else None}
    started = []
    for i, listen in enumerate(LISTENS):
        started.append(generator.start(server.address(listen), server.path("chaos.php"), chaos=True, connections=CONNECTIONS,
                                       requests=(requests - n_kept) // len(LISTENS), seed=plan.seed + i, **how))
        if n_kept:
            started.append(generator.start(server.address(listen), server.path("hello.php"), keep=True, connections=plan.kept * WORKERS,
                                           requests=n_kept // len(LISTENS), expect_file=server.reply("hello.php"), **how))
    return started


class Clock:
    """Something to be done each so many seconds; 0: never."""

    def __init__(self, seconds):
        self.seconds, self.at = seconds, time.monotonic() + seconds

    def is_due(self):
        if not self.seconds or time.monotonic() < self.at:
            return False
        self.at = time.monotonic() + self.seconds
        return True

    def left(self):
        return max(0.0, self.at - time.monotonic()) if self.seconds else 1.0


def run_load(server, soak, plan, requests, say):
    """Between two reloads, since a new generation whose first worker is killed is a reload that has failed."""
    running, reloads, deaths = generators(server, plan, requests), Clock(plan.reload_every), Clock(plan.kill_every)
    looks = Clock(1)
    while any(g.poll() is None for g in running):
        time.sleep(min(looks.left(), deaths.left(), reloads.left()))
        if looks.is_due():
            soak.samples.append({"at": time.monotonic(), **look(server)})
        if deaths.is_due():
            soak.killer.kill()
        if reloads.is_due():
            reload(server, soak)
            say(f"{soak.reloads} reloads, master {look(server)['master']}" + (f"; {soak.killer.text()}" if soak.killer else ""))
    for g in running:
        count(soak, generator.finish(g))


def count(soak, result):
    soak.requests += result["requests"]
    soak.retried += result["connections"]["retried"]
    soak.stood_still += result["stood_still"]
    soak.again += [generator.describe(again) for again in result["retries"]]
    for what, n in result["outcomes"].items():
        soak.outcomes[what] = soak.outcomes.get(what, 0) + n
    failures = result["failures"] - (result["outcomes"]["closed"] if soak.killer else 0)
    if failures:
        soak.problems.append(f"{failures} requests failed; the first: {result['first_failure']}")
    if generator.sent_again(result) and not soak.killer:
        soak.problems.append(generator.sent_again(result))


def check_deaths(soak):
    if soak.killer and soak.lost() > soak.killer.may_cost():
        soak.problems.append(f"{soak.lost()} requests were lost or sent again, and those who were killed had {soak.killer.may_cost()} connections in hand; the first: {soak.again[:1]}")


def compare(soak):
    if sorted(soak.before) != sorted(soak.after):
        soak.problems.append(f"other processes than before: {sorted(soak.before)}, then {sorted(soak.after)}")
        return
    for who, was in soak.before.items():
        now = soak.after[who]
        if now["descriptors"] > was["descriptors"]:
            soak.problems.append(f"{who} has {now['descriptors']} descriptors and had {was['descriptors']}")
        if now["anonymous_kib"] > was["anonymous_kib"] + SLACK_KIB[who.split(" ")[0]]:
            soak.problems.append(f"{who} has {now['anonymous_kib']} KiB and had {was['anonymous_kib']}")


def read_log(server, soak, n_expected):
    n_cut_off = n_killed = n_in_hand = 0
    for line in server.log().splitlines():
        if CUT_OFF.search(line):
            n_cut_off += 1
        elif KILLED.search(line):
            n_killed += 1
        elif IN_HAND.search(line):
            n_in_hand += 1
        elif UNEXPECTED.search(line):
            kind = re.sub(r"\d+(\.\d+)?", "N", line.partition("] ")[2])
            soak.log[kind] = soak.log.get(kind, 0) + 1
    if soak.log:
        soak.problems.append("the log has lines of unexpected kinds")
    if n_cut_off > soak.outcomes.get("aborted", 0):
        soak.problems.append(f"{n_cut_off} bodies were cut off, more than clients have left")
    if max(n_killed, n_in_hand) > n_expected:  # of a worker that was told to end it tells at level debug alone
        soak.problems.append(f"the log tells of {n_killed} processes that were killed, and {n_expected} were")


def run(plan, say):
    """The whole soak; a Soak."""
    soak, warm_up, began = Soak(), Soak(), time.monotonic()
    directives = dict(pm="static", pm_max_children=WORKERS, pm_max_requests=plan.max_requests)
    with peers.Fpmd(peers.pools(LISTENS, **directives)).prepare() as server:
        parts = (warm_up, soak)
        if plan.kill_every:
            for i, part in enumerate(parts):
                part.killer = kills.Killer(server, LISTENS, plan.seed + i)
        run_load(server, warm_up, replace(plan, seed=plan.seed + 1000), min(max(plan.requests // 4, WARM_UP[0]), WARM_UP[1]), say)
        check_deaths(warm_up)
        settle(server, soak)
        soak.before = settle(server, soak)
        run_load(server, soak, plan, plan.requests, say)
        soak.after = settle(server, soak)
        compare(soak)
        check_deaths(soak)
        read_log(server, soak, sum(part.killer.n_killed() for part in parts if part.killer))
        soak.problems += warm_up.problems
        soak.again += warm_up.again
    soak.seconds = time.monotonic() - began
    return soak
