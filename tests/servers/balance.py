# SPDX-License-Identifier: MIT
"""What became of the visits of each phase, by load balancer: results.json keeps them, fpmd.service(7) shows them."""

import datetime
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "packaging/man/fpmd.service.7"
BEGIN, END = '.\\" tests/servers writes from here\n', '.\\" to here\n'
COLUMNS = ("requests", "failed", "a", "b", "c", "longest")


def render(results):
    """The lists of the manual page."""
    lines = []
    for balancer, story in results.items():
        widths = ' '.join(f'"{text}"' for text in ("a killed, started anew", "requests", "failed", *["10000"] * 3, "10.00 s"))
        lines.append(f".Pp\nBehind {balancer}\n.Pq Debian {story['release']} :\n.Bl -column {widths}")
        lines.append(".It" + "".join(f" Ta {name}" for name in COLUMNS))
        for phase, *numbers, longest in story["rows"]:
            lines.append(f".It {phase} Ta " + " Ta ".join(map(str, numbers)) + f" Ta {longest:.2f} s")
        lines.append(".El")
    return "\n".join(lines) + "\n"


def read():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def write(balancer, rows):
    release = next(line.partition("=")[2].strip('"\n') for line in open("/etc/os-release") if line.startswith("VERSION_ID="))
    results = {**read(), balancer: {"release": release, "date": datetime.date.today().isoformat(), "rows": rows}}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + render(results) + END + rest.partition(END)[2])
