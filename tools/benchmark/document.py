# SPDX-License-Identifier: MIT
"""The documents about performance, made of the numbers that are kept in results.json: README's three figures, PERFORMANCE.md with everything,
and fpmd-performance(7), which says what they mean.

The numbers are kept apart from the text, so that a document can be made anew, or in another form, without measuring. A row that has been measured alone
takes the place of the older one; each remembers what it was measured with. tools/bench measures the rows of table.py, applications.py those of works.py.
"""

import dataclasses
import datetime
import json
import os
import textwrap

import manual
import report
import table
import works

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESULTS = os.path.join(TREE, "tools", "benchmark", "results.json")
README, PERFORMANCE, MANUAL = "README.md", "PERFORMANCE.md", "packaging/man/fpmd-performance.7"
SECTIONS = [*table.SECTIONS, works.SECTION]
ROWS = [row for section in SECTIONS for row in section.rows]
FIGURES = ("cpu-unix-fresh", "page-includes", "nginx-rate-tcp-fresh")  # README's
BEGIN, END = "<!-- tools/bench --record writes from here -->", "<!-- to here -->"
INTRODUCTION = """# Performance

`tools/bench --record` has written this page, and `tools/benchmark/applications.py --record` its last section;
[README](README.md#performance) shows a part of it.

fpmd is measured beside php-fpm with the same pool, the same php.ini and the same extensions, in turn, round by round.
Each ratio is fpmd's value by php-fpm's of the same round: the speed of a machine changes from second to second, so
times of two rounds are not compared. Numbers are medians, with the least and the greatest. Time on a CPU is that of all
processes of a server, divided by the requests. A load average far above the number of CPUs says that others ran at the
same time: ratios of CPU time spread then, and rates and waits say little.
"""


def read(path=RESULTS):
    """(results by row, what each was measured with) of what is kept."""
    try:
        with open(path) as f:
            kept = json.load(f)["rows"]
    except FileNotFoundError:
        kept = []
    return {found["row"]: found for found in kept}


def write(results, extent, path=RESULTS, more=""):
    """Keeps them, in place of older ones; rows that are in the tables no more go. more: what else is to be known of how they were measured."""
    kept = read(path)
    measured = {"date": datetime.date.today().isoformat(), **report.versions(), **report.machine_facts(), "rounds": extent.rounds, "requests": extent.requests}
    measured.update({"more": more} if more else {})
    kept.update({r.name: {**r.recorded(), "measured": measured} for r in results})
    with open(path, "w") as f:
        f.write('{"rows": [\n' + ",\n".join(json.dumps(kept[row.name], ensure_ascii=False) for row in ROWS if row.name in kept) + "\n]}\n")


def _results(kept, rows):
    """Those that have been measured."""
    return [row.result().with_numbers(kept[row.name]) for row in rows if row.name in kept]


def _by_bar(results):
    """A result for each bar, and those without one."""
    return [one for r in results for one in r.by_bar()]


def _filled(text, **how):
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False, **how)


def _title(r):
    return f"{r.title}{', ' + r.unit if r.unit else ''}"


def _circumstances(measured):
    return (f"{measured['fpmd']} against {measured.get('php-fpm', 'nothing')}, on {measured['cpus']} CPUs ({measured['cpu']}), Linux {measured['kernel']},"
            f" load average {measured['load_average']}; {measured['rounds']} rounds of {measured['requests']} requests{measured.get('more', '')}, {measured['date']}")


def _heading(kept, rows):
    """A sentence for each time at which some of these rows were measured."""
    times = {}
    for row in rows:
        if row.name in kept:
            times.setdefault(_circumstances(kept[row.name]["measured"]), []).append(row.name)
    ordered = sorted(times.items(), key=lambda item: -len(item[1]))
    return [_filled(f"{text}." if not i else f"{', '.join(names)}: {text}.") for i, (text, names) in enumerate(ordered)]


def _comparison(results, number):
    out = ["| | fpmd | php-fpm | ratio | bar | |", "| --- | --- | --- | --- | --- | --- |"]
    for r in results:
        if r.problem:
            out.append(f"| {_title(r)} | | | | {r.bar.text() if r.bar else ''} | {r.problem} |")
            continue
        out.append("| " + " | ".join([_title(r), number(r.servers.get("fpmd")), number(r.servers.get("php-fpm")), r.ratio.text() if r.ratio else "",
                                      r.bar.text() if r.bar else "", r.verdict()]) + " |")
    return out


def _modes(results):
    """The table of what boots once."""
    out = ["| | php-fpm | classic | worker | ratio | forks | ratio | bar | |", "| --- |" + " --- |" * 8]
    for r in results:
        values = {mode: report.number(r.servers.get(mode)) for mode in ("php-fpm", "classic", "worker", "forks")}
        ratios = {mode: r.ratios[mode].text(3) if mode in r.ratios else "" for mode in ("worker", "forks")}
        bars = {mode: r.of_bar(mode) for mode in r.bars if mode in r.servers}
        out.append("| " + " | ".join([_title(r), values["php-fpm"], values["classic"], values["worker"], ratios["worker"], values["forks"], ratios["forks"],
                                      "; ".join(f"{mode}: {one.bar.text()}" for mode, one in bars.items()),
                                      "; ".join(f"{mode}: {one.verdict()}" for mode, one in bars.items()) or "-"]) + " |")
    return out


def _notes(results):
    """A line for each row that has something to say about how its numbers came about."""
    noted = [_filled(f"- {r.title}: {r.note}", subsequent_indent="  ") for r in results if r.note and not r.problem]
    return ["", *noted] if noted else []


def _others(results):
    """A table of its own: what else has been measured, in the rows that it can be measured in."""
    rows = [r for r in results if not r.problem and set(r.servers) - {"fpmd", "php-fpm"}]
    labels = sorted({label for r in rows for label in r.servers} - {"fpmd", "php-fpm"})
    if not rows:
        return []
    out = ["", _filled("Measured beside them, in the same rounds: servers that speak HTTP themselves. fpmd's numbers here are FastCGI's; its web server comes on"
                       " top."), "",
           f"| | {' | '.join(labels)} | fpmd |", "| --- |" + " --- |" * (len(labels) + 1)]
    for r in rows:
        out.append("| " + " | ".join([_title(r), *(report.number(r.servers.get(label)) for label in [*labels, "fpmd"])]) + " |")
    return out


def _median(spread):
    return f"{spread.median:.{report.digits(spread.median)}f}" if spread else "-"


def _shares(kept):
    """What worker mode takes of a page's time, in a sentence for README."""
    rows = {r.name: r for r in _results(kept, works.ROWS)}
    shares = [f"{work.title} {rows[f'{name}-cpu'].ratios['worker'].median:.2f}" for name, work in works.WORKS.items() if work.front and f"{name}-cpu" in rows]
    return f"CPU time in worker mode as a share of classic mode's: {', '.join(shares)}. " if shares else ""


def short(kept):
    """README's part: three rows, what worker mode takes of a page's time, and by name each row whose bar is missed or cannot be told."""
    results = _results(kept, ROWS)
    shown = _results(kept, [row for row in table.ROWS if row.name in FIGURES])
    return "\n".join([BEGIN, *_heading(kept, table.ROWS)[:1], "", *_comparison(shown, _median), "",
                      _filled(f"{_shares(kept)}Of all {len(results)} rows: {report.bars(_by_bar(results))}."), END])


def long(kept):
    """The whole page."""
    results = _by_bar(_results(kept, ROWS))
    out = [INTRODUCTION, *_heading(kept, table.ROWS), "", "## Bars", "", "| row | bar | here | |", "| --- | --- | --- | --- |"]
    out += [f"| {r.name} | {r.bar.text()} | {'' if r.value() is None else f'{r.value():.{report.digits(r.value())}f}'} | {r.problem or r.verdict()} |" for r in results if r.bar]
    for section in table.SECTIONS:
        found = _results(kept, section.rows)
        if found:
            out += ["", f"## {section.title}", "", _filled(section.prose), "", *_comparison(found, report.number), *_notes(found), *_others(found)]
    found = _results(kept, works.ROWS)
    if found:
        out += ["", f"## {works.SECTION.title}", "", _filled(works.SECTION.prose), "", *_heading(kept, works.ROWS), "", *_modes(found)]
    absent = [row.name for row in ROWS if row.name not in kept]
    return "\n".join(out + (["", _filled(f"Not measured yet: {', '.join(absent)}.")] if absent else [])) + "\n"


def page(kept):
    """The manual page: the rows that say the most, by section."""
    booted = dataclasses.replace(works.SECTION, prose=" ".join([works.SECTION.prose, *_heading(kept, works.ROWS)]).replace("\n", " "))
    sections = [(section, _results(kept, [row for row in section.rows if row.front])) for section in [*table.SECTIONS, booted]]
    return manual.page([(section, results) for section, results in sections if results], kept, " ".join(_heading(kept, table.ROWS)[:1]).replace("\n", " "), _median)


def replaced(text, kept):
    """README with the table anew."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"there is no place for the table: '{BEGIN}' and '{END}'")
    before, rest = text.split(BEGIN, 1)
    return before + short(kept) + rest.split(END, 1)[1]


def render(tree=TREE, kept=None):
    """The text of each document, by its name."""
    kept = read() if kept is None else kept
    with open(os.path.join(tree, README)) as f:
        return {README: replaced(f.read(), kept), PERFORMANCE: long(kept), MANUAL: page(kept)}


def write_all(tree=TREE):
    for name, text in render(tree).items():
        with open(os.path.join(tree, name), "w") as f:
            f.write(text)
