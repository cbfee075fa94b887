# SPDX-License-Identifier: MIT
"""fpmd-performance(7): the rows that say the most, what they mean to who runs a site, and how to measure one's own.

Figures come from results.json, as document.py's do; what they mean is said here, section by section of table.py.
"""

import datetime
import re
import textwrap

import report
from result import ByMode

MEANS = {
    "A request": "Less time on a CPU for a request is room for more requests on the same machine, where pages are short. The work here is the server's alone: PHP has"
                 " nothing to do. A ratio of 0.6 is four tenths less.",
    "Clients that connect without blocking": "nginx, HAProxy and Envoy connect like that.",
    "Kept connections and workers": "With fpmd a web server may keep more connections than there are workers: none belongs to a worker. Size pm.max_children by what scripts"
                                    " need, and leave the web server's number of kept connections out of it.",
    "Pages that do something": "The nearest to a real site. The longer a script runs, the closer the ratio is to 1: a page of 50 ms is as fast with either server, and what"
                               " helps there is opcache, the database, and fewer includes.",
    "Behind nginx": "As it is met in production. CPU is that of the PHP server; nginx's own comes on top, and is the same for both.",
    "System calls and instructions": "Counted, so they do not depend on how busy the machine was.",
    "Requests a second": "The ceiling, with a page that does nothing and clients that do nothing else. Of a real site's pages a machine serves its CPUs divided by the CPU"
                         " time of one page.",
    "Waiting": "How long the slowest one of a hundred clients waits, when both servers are offered the same. It spreads the most where others use the machine.",
    "Overload": "What becomes of a pool that is offered more than it can do. Set queue.max_wait (half of what a visitor waits for is a beginning) and queue.abandoned = drop:"
                " without them every server works for clients that have gone.",
    "Starts and memory": "A start costs once; a reload starts a new generation beside the old one, which serves until then. Workers are forks of one that has started PHP, so"
                         " most of their memory is shared: look at PSS, not at RSS, before pm.max_children is set.",
    "Applications that boot once": "Worker mode saves an application's start, so a page wins the more of its time the start was. What the page does itself stays. A fork for each"
                                   " request answers sooner where it has been forked ahead, but what it costs on a CPU is earned back by a start of several milliseconds only."
                                   " fpmd-worker-mode(7) says more of both.",
}

OPENING = r"""
.Sh NAME
.Nm fpmd-performance
.Nd what fpmd costs, beside php-fpm, and how to measure it
.Sh DESCRIPTION
fpmd is measured beside php-fpm with the same pool, the same
.Pa php.ini
and the same extensions, in turn, round by round.
Each ratio is fpmd's value by php-fpm's of the same round, since the speed of a
machine changes from second to second.
Below 1 is less time, or less memory; of requests a second more is better.
Numbers are medians; behind a ratio is the least and the greatest of the rounds.
A bar is what fpmd wants to reach, whether or not it does.
"""

CLOSING = r"""
.Sh MEASURE YOUR OWN
First what your scripts cost, since that is most of it:
.Bd -literal -offset indent
fpmctl status --full
fpmtrace
time fpmctl get --repeat 100 /var/www/html/index.php > /dev/null
.Ed
.Pp
The first shows what each worker does, how long requests wait in the queue, and
how often
.Ic pm.max_children
was reached;
.Xr fpmtrace 8
how long requests spend in each stage; the third sends requests past the web
server over one connection.
With
.Ic access.format
.Ql %d
is the time of a request, and
.Ql \&%C
the share of a CPU that it took.
Then the whole way, with a load generator on another machine:
.Bd -literal -offset indent
ab -n 2000 -c 16 http://HOST/index.php
wrk -t2 -c16 -d30 --latency http://HOST/index.php
.Ed
.Pp
Compare servers in turn, several times, and not once after the other: caches get
warm, and machines have neighbours.
A load generator on the same machine takes the CPUs that it measures.
The same comparison as above, with fpmd's sources and php-fpm installed:
.Bd -literal -offset indent
tools/bench --build build --quick
tools/bench --build build --only cpu nginx
tools/bench --list
FPMD_BUILD=build tools/benchmark/applications.py pages
.Ed
.Pp
A pool needs as many workers as requests come in a second, multiplied by the
seconds that one takes, and as many again for the peaks.
The memory of one is
.Ql Pss
of
.Pa /proc/PID/smaps_rollup ;
.Ql systemctl status fpmd
has that of the whole service, with the files that it has read.
.Ic pm.max_children
.Li = auto
works both out.
.Pp
A pool that is awake has a PHP of its own, beside its workers: 5.4 MiB with one worker and php8.2-fpm's own extensions, of
which 2 MiB are a table that opcache makes for its interned strings, as large as they may ever need.
PHP's default of 8 MiB of strings is meant for one such table of all pools, as php-fpm has;
a service of 100 pools or more has 4 for each, and a pool takes 4.4 MiB,
unless php.ini or the pool says
.Li opcache.interned_strings_buffer .
Where hundreds of pools are awake at once,
.Bd -literal -offset indent
php_admin_value[opcache.interned_strings_buffer] = 2
.Ed
.Pp
makes it 3.9 MiB, and 1 takes another 0.25 MiB off.
Forks
.Pq Ic worker.requests Li = 1
have opcache's memory in pieces of 2 MiB, of which one stays with 4, and none with 2.
A site whose strings do not fit keeps the rest with each script;
.Fn opcache_get_status
tells how much is free
.Pq Li interned_strings_usage .
A pool that sleeps has none of that
.Po
.Ic pool.sleep_after
in
.Xr fpmd.conf 5
.Pc .
.Sh SEE ALSO
.Xr fpmctl 1 ,
.Xr fpmd.conf 5 ,
.Xr fpmd-from-php-fpm 7 ,
.Xr fpmd-troubleshooting 7 ,
.Xr fpmd-worker-mode 7 ,
.Xr fpmtrace 8
"""


def escaped(text):
    """Text for mdoc: no line of it is a macro, and hyphens stay ASCII where somebody will copy them."""
    text = text.replace("\\", "\\e").replace("µ", r"\(mc")
    return "\\&" + text if text[:1] in ".'" else text


def filled(text):
    """Each sentence begins a line, as mdoc wants it."""
    return [escaped(line) for sentence in re.split(r"(?<=[.?!]) +", text) for line in textwrap.wrap(sentence, 80, break_long_words=False, break_on_hyphens=False)]


def dated(kept):
    """The day of the youngest number, in mdoc's words."""
    day = max((datetime.date.fromisoformat(found["measured"]["date"]) for found in kept.values()), default=datetime.date(2026, 1, 1))
    return f"{day:%B} {day.day}, {day.year}"


def value(spread, unit, number):
    return f"{number(spread)}{' ' + unit if unit else ''}"


def figures(r, number):
    """A sentence: both servers' values, the ratio, the bar."""
    if isinstance(r, ByMode):
        return "; ".join(report.in_mode(r, mode, number) for mode in r.servers) + "."
    if r.problem:
        return f"Could not be told: {r.problem}"
    parts = [f"{label} {value(r.servers[label], r.unit, number)}" for label in ("fpmd", "php-fpm") if label in r.servers]
    if r.ratio:
        parts.append(f"ratio {r.ratio.text()}")
    if r.bar:
        parts.append(f"bar {r.bar.text()}: {r.verdict()}")
    return "; ".join(parts) + "."


def section_of(section, results, number):
    out = [f".Ss {section.title}", *filled(section.prose), ".Bl -tag -width Ds"]
    for r in results:
        out += [f".It {escaped(r.title)}", *filled(figures(r, number))]
    return out + [".El", ".Pp", *filled(MEANS[section.title])]


def page(sections, kept, heading, number):
    """The page; sections: (section of the table, the results of its rows that are shown), those without any left out."""
    out = [r'.\" SPDX-License-Identifier: MIT', r'.\" Written by tools/bench --render: change tools/benchmark/manual.py.', f".Dd {dated(kept)}", ".Dt FPMD-PERFORMANCE 7", ".Os",
           OPENING.strip(), ".Sh FIGURES", *filled(heading)]
    for section, results in sections:
        out += section_of(section, results, number)
    return "\n".join([*out, CLOSING.strip()]) + "\n"
