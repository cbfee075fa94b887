# SPDX-License-Identifier: MIT
"""The slow log of a pool in the sandbox, where nothing has a capability: whatever a page waits in, the log says where."""

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from container import HERE

PAGE = "/var/www/html/slow.php"
LOG = "/var/log/fpmd/www-slow.log"
YAMA = Path("/proc/sys/kernel/yama/ptrace_scope")

# How the page waits: what it is in at the line that is marked so, and in which function that line is.
WAITS = {
    "in_sleep": ({"sleep()"}, "in_sleep()"),
    "in_loop": ({"{running}", "microtime()"}, "in_loop()"),
    "in_lock": ({"flock()"}, "in_lock()"),
    "in_pdo": ({"PDO->query()"}, "in_pdo()"),
    "in_mysqli": ({"mysqli->query()"}, "Report->in_mysqli()"),
}


@pytest.fixture
def yama():
    """Where the kernel has Yama, at least what Debian's desktop kernels have: only a parent may look into a process."""
    before = YAMA.read_text() if YAMA.exists() else None
    if before == "0\n":
        YAMA.write_text("1\n")
    yield
    if before == "0\n":
        YAMA.write_text(before)


def line_of(mark):
    lines = (HERE / "www" / "slow.php").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith(f"// {mark}"))


def entries(text):
    """{how the page waited: the entry's lines of calls as (function, file, line)}"""
    found = {}
    for entry in re.split(r"^(?=\[\d\d-\w{3}-\d{4})", text, flags=re.MULTILINE):
        how = re.search(r"how=(\w+)", entry)
        if how:
            calls = re.findall(r"^\[0x[0-9a-f]+\] (\S+) (\S+):(\d+)$", entry, re.MULTILINE)
            found[how[1]] = [(name, file, int(line)) for name, file, line in calls]
    return found


def test_the_slow_log_tells_what_a_page_waits_in(fpmd, nginx, container, database, yama):
    container.run("sh", "-c", f"rm -f {LOG}")
    fpmd.configure(f"slowlog = {LOG}\nrequest_slowlog_timeout = 1s\n", max_children=len(WAITS))
    fpmd.start()
    zygote, = fpmd.children()
    for pid in (fpmd.master, zygote):
        status = container.run("cat", f"/proc/{pid}/status").stdout
        assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE), status
    with ThreadPoolExecutor(len(WAITS)) as clients:
        pages = dict(zip(WAITS, clients.map(lambda how: nginx.get(f"/slow.php?how={how}"), WAITS)))
    assert pages == {how: (200, f"done {how}\n") for how in WAITS}
    log = container.run("cat", LOG).stdout
    print(log)
    found = entries(log)
    assert set(found) == set(WAITS)
    for how, (inner, outer) in WAITS.items():
        (name, *place), *callers = found[how]
        assert name in inner and place == [PAGE, line_of(how)], log
        assert callers == [(outer, PAGE, line_of("main"))], log
