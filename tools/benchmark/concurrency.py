#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What could a limit win that adapts itself to the load? The overload of overload.py, for pools with 1 to 32 workers: whatever such a limit chose at a moment
is one of these numbers, so what the best of them answers in time is the most that it could, and what the largest does is without it.

    concurrency.py [--seconds N] [--rounds N] [--workers N...] [--only LOAD...] [--listen unix|tcp] [--abort] [--json FILE]

Each load is a page; twice as many are asked for as the best number of workers can do, or MOST a second where that is less, so that the clients are not measured
in place of the server. They give up after a second. queue.max_wait is on. The numbers of workers take turns, in each round in another order.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys

sys.dont_write_bytecode = True

import overload  # which makes the modules of tests/lib be found
import peers
import procs

MOST = 800
MAX_WAIT = "500ms"
TRIES = 3
WORKERS = (1, 2, 4, 8, 16, 32)

# Work on PHP's heap, so many times: what a page does between its queries.
WORK = """function work($n) {
        for ($i = 0; $i < $n; $i++) {
                $rows = [];
                for ($j = 0; $j < 50; $j++)
                        $rows['key' . ($j * 7919 % 1000)] = md5((string)$j);
                ksort($rows);
        }
}
"""
TIMED = "<?php " + WORK + "$best = INF; for ($i = 0; $i < 30; $i++) { $t = hrtime(true); work(100); $best = min($best, hrtime(true) - $t); } echo $best;"

# The page, with what computes 1 ms in place of MS.
LOADS = {
    "waits 20 ms": "usleep(20000);",
    "waits 15 ms, computes 5 ms": "usleep(15000); work(5 * MS);",
    "computes 20 ms": "work(20 * MS);",
    "waits 15 ms, has a lock for 5 ms": "usleep(15000); $f = fopen(LOCK, 'r'); flock($f, LOCK_EX); usleep(5000);",
}


def calibrate():
    """How often work() is done in a millisecond, by one worker alone."""
    with peers.Fpmd(peers.pools(["unix"], pm="static", pm_max_children=1)) as s:
        return max(1, round(100 / (int(s.run(s.script("timed.php", TIMED), "unix").text) / 1e6)))


def request(server, load, per_ms):
    code = "<?php " + WORK + LOADS[load].replace("MS", str(per_ms)).replace("LOCK,", f"'{server.config_path}',") + " echo 'Hello, world';"
    return overload.page(server, "load.php", code)


def pool(listen, n_workers, more):
    found = peers.pools([listen], pm="static", pm_max_children=n_workers)
    found[listen] |= more
    return found


def measure(load, n_workers, per_ms, listen, more, seconds, rate=None):
    """Without a rate what it can do in a closed loop, in requests a second; else what crowded() says."""
    with peers.Fpmd(pool(listen, n_workers, more)) as s:
        data = request(s, load, per_ms)
        overload.capacity(s.address(listen), data, 0.3, n_workers)  # PHP has seen the page
        if rate is None:
            return overload.capacity(s.address(listen), data, 2, n_workers)
        found = overload.crowded(s.address(listen), data, rate, seconds)
        return {"answered_per_second": found["answered"] / seconds, **found}


def measure_again(*what):
    """A machine that has stood still for a while is no measurement."""
    for _ in range(TRIES - 1):
        with contextlib.suppress(TimeoutError):
            return measure(*what)
    return measure(*what)


def median(taken, what):
    values = [t[what] for t in taken if t[what] is not None]
    return statistics.median(values) if values else None


def run(load, args, per_ms):
    """Numbers of each number of workers."""
    more = {"queue.max_wait": MAX_WAIT} | ({"request.on_disconnect": "abort"} if args.abort else {})
    can = {n: measure(load, n, per_ms, args.listen, more, args.seconds) for n in args.workers}
    rate = min(2 * max(can.values()), MOST)
    taken = {n: [] for n in args.workers}
    for i in range(args.rounds):
        for n in args.workers[i % len(args.workers):] + args.workers[:i % len(args.workers)]:
            taken[n].append(measure_again(load, n, per_ms, args.listen, more, args.seconds, rate))
    rows = {n: {"capacity": can[n], **{what: median(taken[n], what) for what in taken[n][0]}} for n in args.workers}
    best = max(r["answered_per_second"] for r in rows.values())
    for r in rows.values():
        r["share_of_best"] = r["answered_per_second"] / best
    return {"rate": rate, "workers": rows}


def text(n, row):
    return (f"  {n:>3} workers: {row['answered_per_second']:6.1f}/s in time, {row['share_of_best']:.2f} of the best; p50 {row['p50_ms'] or 0:.0f}, p99 {row['p99_ms'] or 0:.0f} ms;"
            f" {row['capacity']:.0f}/s in a closed loop; refused {row['refused']:.0f}, given up {row['given_up']:.0f}, failed {row['failed']:.0f};"
            f" recovered after {row['recovery_s']:.2f} s")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=float, default=6.0, help="of overload each time (6)")
    p.add_argument("--rounds", type=int, default=3, help="of which the medians are taken (3)")
    p.add_argument("--workers", type=int, nargs="+", default=list(WORKERS), help="pm.max_children (%(default)s)")
    p.add_argument("--only", nargs="+", choices=list(LOADS), default=list(LOADS), metavar="LOAD", help="these pages: " + "; ".join(LOADS))
    p.add_argument("--listen", choices=("unix", "tcp"), default="unix")
    p.add_argument("--abort", action="store_true", help="with request.on_disconnect = abort: whose client gives up is not run to its end")
    p.add_argument("--json", metavar="FILE", help="write all numbers there")
    args = p.parse_args()
    procs.become_subreaper()
    per_ms, found = calibrate(), {}
    for load in args.only:
        found[load] = run(load, args, per_ms)
        print(f"{load}, {found[load]['rate']:.0f} a second:", flush=True)
        for n, row in found[load]["workers"].items():
            print(text(n, row), flush=True)
    most = max(args.workers)
    print("load average: " + " ".join(f"{n:.1f}" for n in os.getloadavg()))
    print(f"the least that {most} workers answer of what the best number does: {min(f['workers'][most]['share_of_best'] for f in found.values()):.2f}")
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"load_average": os.getloadavg(), "loads": found}, f, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
