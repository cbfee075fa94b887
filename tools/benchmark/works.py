# SPDX-License-Identifier: MIT
"""THE table of what applications.py measures: what is asked for of which application, and the rows and bars that come of it."""

from dataclasses import dataclass, field

from result import Bar, ByMode
from table import Section


@dataclass
class Work:
    title: str
    application: str  # a function of tests/apps/sites.py
    path: str
    cpu: dict = field(default_factory=dict)  # by mode: the bar, as a share of classic mode's
    p50: dict = field(default_factory=dict)
    login: bool = False
    keep: bool = False
    times: int = 1  # so many requests are measured in place of one
    together: bool = False  # with the client on the server's CPU: to wake an idle one takes longer than a hello, and as long for every server
    front: bool = False  # README shows worker mode's share, fpmd-performance(7) the rows


WORKS = {
    "symfony-twig": Work("Symfony page with Twig", "symfony", "/plain?title=x", cpu={"worker": 1 / 8, "forks": 0.65}, p50={"forks": 0.35}, front=True),
    "symfony-table": Work("Symfony page with Twig, a table of 20 rows", "symfony", "/page?title=x"),
    "symfony-account": Work("Symfony page with Twig, session and user", "symfony", "/account", login=True),
    "symfony-json": Work("Symfony JSON route", "symfony", "/api/x", cpu={"worker": 1 / 15}, front=True),
    "laravel-page": Work("Laravel page with Blade and session", "laravel", "/page?title=x", cpu={"worker": 1 / 5}, front=True),
    "hello": Work("hello", "hello", "/", cpu={"worker": 0.6}, times=10, together=True),
    "hello-kept": Work("hello, kept connection", "hello", "/", cpu={"worker": 0.6}, keep=True, times=10, together=True),
}


@dataclass
class Row:
    name: str
    title: str
    unit: str
    bars: dict  # by mode
    front: bool = False

    def result(self):
        return ByMode(self.name, self.title, self.unit, self.bars)


def _rows(name, work):
    def bars(limits):
        return {mode: Bar("classic", "<=", limit) for mode, limit in limits.items()}
    return [Row(f"{name}-cpu", f"CPU per request, {work.title}", "µs", bars(work.cpu), work.front),
            Row(f"{name}-p50", f"p50 of a request that comes alone, {work.title}", "µs", bars(work.p50), work.front)]


CALLS = Row("hello-kept-calls", "system calls per request, hello, kept connection", "calls", {"worker": Bar("ours", "<=", 4)})
ROWS = [row for name, work in WORKS.items() for row in _rows(name, work)] + [CALLS]
BY_NAME = {row.name: row for row in ROWS}

SECTION = Section("Applications that boot once", "Debian's Symfony and Laravel, and a hello, under php-fpm, in classic mode, in worker mode (worker.script), and with a fork of the"
                  " booted process for each request (worker.requests = 1). CPU is that of all processes of a server, those that have ended included, counted by a cgroup. The server has one CPU, the"
                  " client another, but both the same for a hello, of which ten times as many requests are measured. An application's own cache is filled before it boots."
                  " Ratios, those of bars too, are to classic mode of the same round.", ROWS)
