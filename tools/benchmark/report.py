# SPDX-License-Identifier: MIT
"""Results for people, for programs, and for README."""

import json
import os
import platform
import re
import subprocess

import server as programs

BEGIN, END = "<!-- tools/bench --readme writes from here -->", "<!-- to here -->"


def digits(value):
    return 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2


def number(spread):
    return spread.text(digits(spread.median)) if spread else "-"


def heading():
    return f"{'row':<19} {'bar':<14} {'fpmd':<26} {'php-fpm':<26} {'ratio':<20}"


def line(r):
    """One line of the table on the terminal, and one for the note."""
    cells = f"{r.name:<19} {r.bar.text() if r.bar else '-':<14} "
    if r.problem:
        return cells + r.problem
    cells += f"{number(r.servers.get('fpmd')):<26} {number(r.servers.get('php-fpm')):<26} {r.ratio.text() if r.ratio else '-':<20} {r.verdict()}"
    others = [f"{label} {number(s)} {r.unit}" for label, s in r.servers.items() if label not in ("fpmd", "php-fpm")]
    notes = "; ".join(filter(None, [", ".join(others), r.note]))
    return cells + (f"\n{'':<19} {notes}" if notes else "")


def machine_facts():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"^model name\s*:\s*(.*)$", f.read(), re.M)
    return {"cpus": len(os.sched_getaffinity(0)), "cpu": model[1] if model else platform.machine(), "kernel": platform.release(),
            "load_average": round(os.getloadavg()[2], 1)}


def versions():
    found = {"fpmd": subprocess.run([programs.FPMD, "-v"], capture_output=True, text=True).stdout.split("\n")[0]}
    if programs.php_fpm():
        found["php-fpm"] = subprocess.run([programs.php_fpm(), "-v"], capture_output=True, text=True).stdout.split("\n")[0]
    return found


def write_json(path, results, extent):
    with open(path, "w") as f:
        json.dump({"machine": machine_facts(), "versions": versions(), "extent": vars(extent), "rows": [r.json() for r in results]}, f,
                  indent=1, ensure_ascii=False)
        f.write("\n")


def markdown(results, extent):
    facts = machine_facts()
    out = [BEGIN, f"{versions()['fpmd']} against {versions().get('php-fpm', 'nothing')}, on {facts['cpus']} CPUs ({facts['cpu']}), Linux"
           f" {facts['kernel']}, load average {facts['load_average']}; medians of {extent.rounds} rounds in turn, with the least and the greatest.", "",
           "| | fpmd | php-fpm | ratio | bar | |", "| --- | --- | --- | --- | --- | --- |"]
    for r in results:
        title = f"{r.title}{', ' + r.unit if r.unit else ''}"
        if r.problem:
            out.append(f"| {title} | | | | {r.bar.text() if r.bar else ''} | {r.problem} |")
            continue
        out.append(f"| {title} | {number(r.servers.get('fpmd'))} | {number(r.servers.get('php-fpm'))} |"
                   f" {r.ratio.text() if r.ratio else ''} | {r.bar.text() if r.bar else ''} | {r.verdict()} |")
    return "\n".join(out + markdown_notes(results) + markdown_others(results) + [END])


def markdown_notes(results):
    """A line for each row that has something to say about how its numbers came about."""
    noted = [f"- {r.title}: {r.note}" for r in results if r.note and not r.problem]
    return [""] + noted if noted else []


def markdown_others(results):
    """A table of its own: what else has been measured, in the rows that it can be measured in."""
    rows = [r for r in results if not r.problem and set(r.servers) - {"fpmd", "php-fpm"}]
    labels = sorted({label for r in rows for label in r.servers} - {"fpmd", "php-fpm"})
    if not rows:
        return []
    out = ["", "Measured beside them, in the same rounds: servers that speak HTTP themselves. fpmd's numbers here are FastCGI's; its web server comes on top.", "",
           f"| | {' | '.join(labels)} | fpmd |", "| --- |" + " --- |" * (len(labels) + 1)]
    for r in rows:
        cells = [number(r.servers.get(label)) for label in labels + ["fpmd"]]
        out.append(f"| {r.title}{', ' + r.unit if r.unit else ''} | {' | '.join(cells)} |")
    return out


def write_readme(path, results, extent):
    with open(path) as f:
        text = f.read()
    if BEGIN not in text or END not in text:
        raise ValueError(f"{path} has no place for the table: '{BEGIN}' and '{END}'")
    before, rest = text.split(BEGIN, 1)
    with open(path, "w") as f:
        f.write(before + markdown(results, extent) + rest.split(END, 1)[1])
