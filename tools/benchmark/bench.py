# SPDX-License-Identifier: MIT
"""The frame of every comparison: servers side by side, rounds in turn, ratios within a round.

A machine's speed changes from second to second, with its other work, its clock and its caches. So no time is compared with one taken
at another time: in each round every server is measured once, the order rotates, and what is kept is each round's ratio.
"""

import contextlib
from dataclasses import dataclass

import peers
from result import Spread


@dataclass
class Extent:
    """How much is measured."""

    rounds: int
    requests: int   # of a measurement that counts requests
    seconds: float  # of one that counts time
    stepped: int    # requests that are followed instruction by instruction
    idle: int       # connections that idle at a time


QUICK = Extent(rounds=5, requests=1000, seconds=0.4, stepped=1, idle=2000)
FULL = Extent(rounds=9, requests=10000, seconds=3.0, stepped=4, idle=10000)


class Unequal(RuntimeError):
    """What is to be compared is not the same."""


class Bench:
    def __init__(self, extent, kinds, others=()):
        self.extent = extent
        self.kinds = kinds
        self.others = list(others)
        self.extensions = {}  # of each kind that has been asked
        self.overload = {}    # what overload.py has measured

    def check_extensions(self, kinds):
        """That the same extensions are loaded in each, so that nobody carries more than another. Asked once, of a server that nothing is measured of."""
        for kind in kinds:
            if kind in self.extensions:
                continue
            s = kind(peers.pools(["tcp"], pm="static", pm_max_children=1))
            try:
                self.extensions[kind] = s.prepare().start().extensions()
            finally:
                s.cleanup()
        first = kinds[0]
        for kind in kinds[1:]:
            if differ := self.extensions[kind] ^ self.extensions[first]:
                raise Unequal(f"{first.label} and {kind.label} do not have the same extensions: {', '.join(sorted(differ))} in one of them alone")

    @contextlib.contextmanager
    def servers(self, listens=("unix",), kinds=None, **directives):
        """Started servers, one of each kind, with the same pools. kinds: fpmd and php-fpm. A directive's value may be each label's own."""
        self.check_extensions(kinds or self.kinds)
        with contextlib.ExitStack() as stack:
            started = []
            for kind in kinds or self.kinds:
                own = {k: v[kind.label] if isinstance(v, dict) else v for k, v in directives.items()}
                s = kind(peers.pools(listens, **own))
                stack.callback(s.cleanup)
                started.append(s.prepare().start())
            yield started

    def all_kinds(self, listen, keep):
        """The kinds of servers that can be asked in this way, those among them that speak HTTP."""
        return self.kinds + [k for k in self.others if listen == "tcp" and (k.keeps or not keep)]

    def compare(self, result, servers, measure, rounds=None):
        """Fills the result with what measure(server) says of each, in rounds."""
        taken = {s.label: [] for s in servers}
        for number in range(rounds or self.extent.rounds):
            at = number % len(servers)
            for s in servers[at:] + servers[:at]:
                taken[s.label].append(measure(s))
        result.servers = {label: Spread(values) for label, values in taken.items()}
        self.relate(result)

    @staticmethod
    def relate(result):
        ours, theirs = result.servers.get("fpmd"), result.servers.get("php-fpm")
        if ours and theirs and all(theirs.values):
            result.ratio = Spread([a / b for a, b in zip(ours.values, theirs.values)])
