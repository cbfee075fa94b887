# SPDX-License-Identifier: MIT
"""Results of the suite, by release: results.json keeps them, fpmd.service(7) shows them."""

import datetime
import json
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parents[1] / "packaging/man/fpmd.service.7"
BEGIN, END = '.\\" tests/lossless writes from here\n', '.\\" to here\n'


def render(all_results):
    """The list of the manual page."""
    releases = sorted(all_results)
    sites = dict.fromkeys(site for release in releases for site in all_results[release]["rows"])
    lines = []
    for site in sites:
        widths = ['"kill -KILL of the master"'] + ['"times"', '"10000"', '"failed"'] * len(releases)
        columns = "; ".join(f"Debian {release}, systemd {all_results[release]['systemd']}" for release in releases)
        lines.append(f".Pp\nWith {site}\n.Pq {columns} :\n.Bl -column {' '.join(widths)}")
        lines.append(".It" + " Ta times Ta sent Ta failed" * len(releases))
        events = dict.fromkeys(event for release in releases for event in all_results[release]["rows"].get(site, {}))
        for event in events:
            cells = [event]
            for release in releases:
                row = all_results[release]["rows"].get(site, {}).get(event, {})
                cells += [str(row.get(name, "-")) for name in ("cycles", "sent", "failed")]
            lines.append(".It " + " Ta ".join(cells))
        lines.append(".El")
    return "\n".join(lines) + "\n"


def read():
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else {}


def write_page(all_results):
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + render(all_results) + END + after)


class Results:
    def __init__(self, container):
        self.release = container.run("sh", "-c", ". /etc/os-release; echo $VERSION_ID").stdout.strip()
        self.systemd = container.run("systemctl", "--version").stdout.split()[1]
        self.rows = {}

    def add(self, site, event, cycles, records):
        failed = sum(record.failed for record in records)
        self.rows.setdefault(site.name, {})[event] = {"cycles": cycles, "sent": len(records), "failed": failed}
        if os.environ.get("FPMD_RECORD") == "1":
            self.write()

    def text(self):
        lines = [f"Debian {self.release}, systemd {self.systemd}"]
        for site, events in self.rows.items():
            lines += [f"{site:20} {event:28} {row['cycles']:3} cycles {row['sent']:7} sent {row['failed']:5} failed" for event, row in events.items()]
        return "\n".join(lines)

    def write(self):
        everything = read()
        rows = everything.get(self.release, {}).get("rows", {})
        for site, events in self.rows.items():
            rows.setdefault(site, {}).update(events)
        everything[self.release] = {"systemd": self.systemd, "date": datetime.date.today().isoformat(), "rows": rows}
        RESULTS.write_text(json.dumps(everything, indent=1) + "\n")
        write_page(everything)
