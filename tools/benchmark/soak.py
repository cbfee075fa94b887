# SPDX-License-Identifier: MIT
"""A long run with clients that misbehave: does anything get lost, left behind or larger?

Two generators in chaos mode, one on a unix socket and one over TCP, while workers end after 100 requests each and the service reloads
every few seconds. Neither may cost a client its kept connection: a request that had to be sent again is as bad as one that failed.

The processes that outlive workers are looked at twice in the same state: no client, all workers there, a reload just over. What they
hold then, descriptors and memory, must be the same before and after.
"""

import re
import time
from dataclasses import dataclass, field

import generator
import machine
import peers
import procs

WORKERS = 8
CONNECTIONS = 192
LISTENS = ("unix", "tcp")
WARM_UP = (2000, 200000)  # requests at least, and at most: a park's memory grows up to its busiest moment
# Memory that belongs to no file, in KiB: a share of files' pages would change with whatever else runs on the machine. A zygote is a new one each time.
SLACK_KIB = {"master": 128, "park": 384, "zygote": 256}
UNEXPECTED = re.compile(r"\] (WARNING|ERROR|ALERT): ")
# What scripts are told of clients that leave in the middle of a body: at most once for each of those.
CUT_OFF = re.compile(r"\] WARNING: .* PHP Warning:  readfile\(\): the request's body is cut off after \d+ bytes")


@dataclass
class Soak:
    """What came of it. problems: sentences; empty when all is well."""

    requests: int = 0
    outcomes: dict = field(default_factory=dict)
    retried: int = 0
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
        lines += [f"sent again: {line}" for line in self.again]
        lines += [f"unexpected in the log, {n} times: {line}" for line, n in self.log.items()]
        lines += [f"PROBLEM: {p}" for p in self.problems]
        return "\n".join(lines)


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


def settle(server, soak):
    """The same state each time: a generation that has just begun, whole, and nobody there."""
    reload(server, soak)
    procs.until("the new generation to be alone and whole", lambda: len(server.zygotes()) == len(LISTENS)
                and len(server.workers()) == len(LISTENS) * WORKERS, 60)
    return look(server)


def generators(server, requests, seed):
    return [generator.start(server.address(listen), server.path("chaos.php"), chaos=True, connections=CONNECTIONS,
                            requests=requests // len(LISTENS), seed=seed + i, timeout=30000) for i, listen in enumerate(LISTENS)]


def run_load(server, soak, requests, reload_every, seed, say):
    running, next_reload = generators(server, requests, seed), time.monotonic() + reload_every
    while any(g.poll() is None for g in running):
        time.sleep(1)
        soak.samples.append({"at": time.monotonic(), **look(server)})
        if time.monotonic() >= next_reload:
            reload(server, soak)
            next_reload = time.monotonic() + reload_every
            say(f"{soak.reloads} reloads, master {soak.samples[-1]['master']}")
    for g in running:
        count(soak, generator.finish(g))


def count(soak, result):
    soak.requests += result["requests"]
    soak.retried += result["connections"]["retried"]
    soak.again += [generator.describe(again) for again in result["retries"]]
    for what, n in result["outcomes"].items():
        soak.outcomes[what] = soak.outcomes.get(what, 0) + n
    if result["failures"]:
        soak.problems.append(f"{result['failures']} requests failed; the first: {result['first_failure']}")
    if generator.sent_again(result):
        soak.problems.append(generator.sent_again(result))


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


def read_log(server, soak):
    n_cut_off = 0
    for line in server.log().splitlines():
        if CUT_OFF.search(line):
            n_cut_off += 1
        elif UNEXPECTED.search(line):
            kind = re.sub(r"\d+(\.\d+)?", "N", line.partition("] ")[2])
            soak.log[kind] = soak.log.get(kind, 0) + 1
    if soak.log:
        soak.problems.append("the log has lines of unexpected kinds")
    if n_cut_off > soak.outcomes.get("aborted", 0):
        soak.problems.append(f"{n_cut_off} bodies were cut off, more than clients have left")


def run(requests, reload_every, seed, say):
    """The whole soak; a Soak."""
    soak, began = Soak(), time.monotonic()
    directives = dict(pm="static", pm_max_children=WORKERS, pm_max_requests=100)
    with peers.Fpmd(peers.pools(LISTENS, **directives)).prepare() as server:
        warm_up = Soak()
        run_load(server, warm_up, min(max(requests // 4, WARM_UP[0]), WARM_UP[1]), reload_every, seed + 1000, say)
        soak.problems += warm_up.problems
        soak.again += warm_up.again
        settle(server, soak)
        soak.before = settle(server, soak)
        run_load(server, soak, requests, reload_every, seed, say)
        soak.after = settle(server, soak)
        compare(soak)
        read_log(server, soak)
    soak.seconds = time.monotonic() - began
    return soak
