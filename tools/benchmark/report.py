# SPDX-License-Identifier: MIT
"""Results for a terminal and for programs. The documents are document.py's."""

import json
import os
import platform
import re
import subprocess

import server as programs


def digits(value):
    return 0 if abs(value) >= 1000 else 1 if abs(value) >= 100 else 2 if abs(value) >= 0.1 else 3


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


def in_mode(r, mode, number=number):
    """What a row by mode says of one, its ratio and bar included."""
    one = r.of_bar(mode)
    parts = [f"{mode} {number(r.servers[mode])}{' ' + r.unit if r.unit else ''}"]
    if one.ratio:
        parts.append(f"ratio {one.ratio.text(3)}")
    if one.bar:
        parts.append(f"bar {one.bar.text()}: {one.verdict()}")
    return ", ".join(parts)


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


def bars(results):
    """How many bars are met, and by name which are not."""
    met = [r for r in results if r.met()]
    missed = [f"{r.name} ({r.bar.text()}, here {r.value():.{digits(r.value())}f})" for r in results if r.met() is False]
    untold = [r.name for r in results if r.problem or (r.bar and r.met() is None)]
    text = f"{len(met)} bars met, {len(missed)} missed{': ' if missed else ''}{', '.join(missed)}"
    return text + (f"; {len(untold)} could not be told: {', '.join(untold)}" if untold else "")
