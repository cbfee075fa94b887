# SPDX-License-Identifier: MIT
"""Floods of log lines into a real journald, and a journald that has stopped."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from container import HERE, wait_until

CLIENTS = 8
LINES = 5000  # of each client: together more than journald takes of a service by default
LOST = "7a4f3c5b0d9e4c1c8b5a6f2d3e4c5b41"
POOL = "access.log = journal\naccess.format = \"access %q\"\n"


@pytest.fixture
def journald(container):
    """Its process; it runs on after the test, whatever happens."""
    pid = container.show("systemd-journald.service", "MainPID")
    yield pid
    container.run("kill", "-CONT", pid)


def settle(fpmd, settings):
    fpmd.container.write("/etc/fpmd/pool.d/global.conf", f"[global]\nerror_log = syslog\n{settings}")


def unlimited():
    """The drop-in that the unit proposes."""
    text = (HERE.parent.parent / "units" / "fpmd.service.in").read_text()
    proposed = re.findall(r"^#  (LogRateLimit\w+=\w+)$", text, re.MULTILINE)
    assert len(proposed) == 2
    return "\n".join(["[Service]", *proposed, ""])


def flood(nginx, lines):
    with ThreadPoolExecutor(CLIENTS) as clients:
        pages = list(clients.map(lambda k: nginx.get(f"/flood.php?n={lines}&client={k}"), range(CLIENTS)))
    assert pages == [(200, "done")] * CLIENTS


def arrived(container, fpmd):
    """(lines of each client, access lines) as the journal has them."""
    container.run("journalctl", "--sync")
    entries = f"journalctl -q -o cat -t fpmd --after-cursor='{fpmd.cursor}'"
    text = container.run("sh", "-c", entries + " | grep -oE 'flood [0-9] [0-9]{6} f{480}|^access .*'").stdout
    lines = Counter(re.findall(r"^flood (\d) ", text, re.MULTILINE))
    assert len(set(text.splitlines())) == len(text.splitlines())
    return lines, len(re.findall(r"^access ", text, re.MULTILINE))


def test_flood_arrives_whole(fpmd, nginx, container):
    fpmd.configure(POOL)
    settle(fpmd, "")
    fpmd.drop_in("fpmd.service", unlimited())
    fpmd.start()
    flood(nginx, LINES)
    lines, access = arrived(container, fpmd)
    assert lines == {str(k): LINES for k in range(CLIENTS)} and access == CLIENTS
    assert "log entries lost" not in container.run("fpmctl", "status").stdout


def test_a_start_that_fails_is_told_with_its_unit_however_late_it_is_read(fpmd, container, journald):
    """journald looks a sender's unit up when it reads the entry."""
    container.write("/etc/fpmd/pool.d/broken.conf", "[broken]\nuser = www-data\nlisten = /run/broken.sock\npm = no_such\n")
    container.run("kill", "-STOP", journald)
    container.systemctl("start", "--no-block", "fpmd.service")
    wait_until(lambda: container.show("fpmd.service", "StatusText").startswith("Start failed: "), "the start to fail")
    container.run("kill", "-CONT", journald)
    wait_until(lambda: [e for e in fpmd.journal("-u", "fpmd.service") if "no_such" in e["MESSAGE"] and e["SYSLOG_IDENTIFIER"] == "fpmd"],
               "its reason among the unit's entries")


def test_stopped_journald_costs_lines_that_are_told_and_no_request(fpmd, nginx, container, journald):
    fpmd.configure(POOL)
    settle(fpmd, "log_timeout = 1s\n")
    fpmd.drop_in("fpmd.service", unlimited())
    fpmd.start()
    container.run("kill", "-STOP", journald)
    flood(nginx, LINES)
    container.run("kill", "-CONT", journald)
    status = wait_until(lambda: re.search(r"of error_log (\d+)", container.run("fpmctl", "status").stdout), "losses")
    told = wait_until(lambda: [e["MESSAGE"] for e in fpmd.journal("-t", "fpmd") if e.get("MESSAGE_ID") == LOST],
                      "the word of the losses")
    lines, access = arrived(container, fpmd)
    said = "\n".join(told)
    lost = {log: sum(map(int, re.findall(rf"(\d+) of {log}", said))) for log in ("error_log", "access.log")}
    assert int(status[1]) == lost["error_log"] > 0
    assert sum(lines.values()) + lost["error_log"] == CLIENTS * LINES
    assert access + lost["access.log"] == CLIENTS
