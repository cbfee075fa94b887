# SPDX-License-Identifier: MIT
"""What is lost when something happens to fpmd, or to what is around it, while 64 clients ask for pages of 1 ms to 2 s: through nginx with
kept connections and directly with fresh ones, over a unix socket and over TCP."""

import itertools
import os

import pytest

from container import wait_until
from sites import LOGS, Loads

CYCLES = int(os.environ.get("FPMD_CYCLES", "3"))
ANSWERS = 20  # each way, between two cycles
IN_HAND = 64  # a request of each client
PROGRAMS = "/usr/sbin/fpmd /usr/lib/fpmd/* /usr/libexec/fpmd* /usr/libexec/fpmd/* /usr/bin/fpmctl"


@pytest.fixture
def untouched(site):
    """The service goes on with the master that it has."""
    before = site.master
    yield
    assert site.master == before, site.journal()


@pytest.fixture
def through(site, results):
    """through(event, happen): a load under which it happened CYCLES times, each time with happen(loads)."""
    def run(event, happen):
        with Loads(site.container) as loads:
            loads.wait_for(ANSWERS)
            for _ in range(CYCLES):
                happen(loads)
                loads.wait_for(ANSWERS)
        results(site, event, CYCLES, loads.records)
        return loads
    return run


def nothing_failed(loads):
    assert not any(record.failed for record in loads.records), loads.explain()


def test_reload(site, through):
    nothing_failed(through("reload", lambda _: site.systemctl("reload")))


def test_restart(site, through):
    nothing_failed(through("restart", lambda _: site.systemctl("restart")))


def test_stop_and_start(site, through):
    """Sockets of fpmd's own end with it: clients that come between the two are refused, as with php-fpm, and no others fail."""
    def happen(_):
        site.systemctl("stop")
        site.systemctl("start")
    loads = through("stop and start", happen)
    if site.sockets:
        nothing_failed(loads)
    served = [record for record in loads.records if record.failed and record.status not in (0, 502)]
    assert not served, loads.explain()


def test_upgrade(site, through):
    """Another build in the same places, as dpkg puts it there, and the restart that the package does."""
    versions = itertools.cycle(["0.1.0", "0.1.9"])
    old = next(versions)

    def happen(_):
        nonlocal old
        new = next(versions)
        site.container.run("sh", "-ec", f"for f in {PROGRAMS}; do [ -f $f ] || continue; cp -p $f $f.new; "
                           f"sed -i 's/{old}/{new}/g' $f.new; mv $f.new $f; done")
        site.systemctl("restart")
        assert f"fpmd {new} " in site.container.run(f"/proc/{site.master}/exe", "-v").stdout, "the old version runs"
        old = new
    try:
        nothing_failed(through("upgrade to another build", happen))
    finally:
        if old != "0.1.0":
            happen(None)


def test_daemon_reload(site, through, untouched):
    nothing_failed(through("daemon-reload", lambda _: site.container.systemctl("daemon-reload")))


def test_daemon_reexec(site, through, untouched):
    nothing_failed(through("daemon-reexec of PID 1", lambda _: site.container.systemctl("daemon-reexec")))


def test_restart_after_a_daemon_reexec(site, through):
    site.container.systemctl("daemon-reexec")
    nothing_failed(through("and a restart after it", lambda _: site.systemctl("restart")))


@pytest.mark.parametrize("name", ["KILL", "SEGV"])
def test_a_master_that_crashes(site, through, name):
    """systemd kills what a crashed master leaves, with the requests in hand. All others wait for the next one."""
    def happen(_):
        before = site.master
        site.container.run("kill", f"-{name}", str(before))
        wait_until(lambda: site.master not in (0, before), "another master", limit=30)
        site.container.wait_for(site.unit, "active")
    loads = through(f"kill -{name} of the master", happen)
    assert sum(record.failed for record in loads.records) <= IN_HAND * CYCLES, loads.explain()
    assert not [record for record in loads.records if record.failed and "refused" in record.error.lower()], loads.explain()


def test_a_park_that_crashes(site, through, untouched):
    """What waits there between two requests is closed, and nginx asks again. A request that is on its way is lost, and counted: here one
    on a fresh connection whose client was slow to send it."""
    before = site.lost_by_parks()

    def happen(_):
        parks = site.parks()
        assert len(parks) == 2
        site.container.run("kill", "-KILL", *map(str, parks))
        wait_until(lambda: len(now := site.parks()) == 2 and not set(now) & set(parks), "other parks", limit=30)
    loads = through("kill -KILL of the parks", happen)
    assert sum(record.failed for record in loads.records) <= site.lost_by_parks() - before, loads.explain()


def test_a_full_disk_below_the_logs(site, through, untouched):
    run = site.container.run

    def size():
        return int(run("sh", "-c", f"cat {LOGS}/*.access.log | wc -c").stdout)

    def happen(loads):
        run("dd", "if=/dev/zero", f"of={LOGS}/full", "bs=64k", check=False)
        loads.wait_for(ANSWERS)
        assert run("sh", "-c", f"echo x >>{LOGS}/full", check=False).returncode != 0, "there is room on the disk"
        run("rm", f"{LOGS}/full")
        full = size()
        wait_until(lambda: size() > full, "log lines where there is room again")
    nothing_failed(through("full disk under the logs", happen))


def test_a_journal_that_is_stopped_and_started(site, through, untouched):
    units = [f"systemd-journald{kind}" for kind in (".socket", "-dev-log.socket", "-audit.socket", ".service")]

    def happen(loads):
        site.container.systemctl("stop", *units, check=False)
        assert site.container.show("systemd-journald.service", "ActiveState") == "inactive"
        loads.wait_for(ANSWERS)
        site.container.systemctl("start", *units[:2], units[-1])
    nothing_failed(through("journald stop and start", happen))
