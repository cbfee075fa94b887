# SPDX-License-Identifier: MIT
"""Sudden ends: of workers, of the zygote, of the master, under load. What is lost is what the victim had in hand."""

from container import wait_until
from load import Load

CHILDREN = 40


def kill(container, name, pid):
    container.run("kill", f"-{name}", str(pid))


def test_a_crashing_worker_loses_only_the_request_in_its_hand(fpmd, nginx, container):
    fpmd.configure(max_children=CHILDREN)
    fpmd.start()
    killed = []
    with Load(container, least=6_000) as load:
        load.wait_for(200)
        for _ in range(20):
            victim = next(r.worker for r in reversed(load.records) if r.worker and r.worker not in killed)
            kill(container, "SEGV", victim)
            killed.append(victim)
            load.wait_for(100)
    assert len(load.failures) <= len(killed), load.explain()
    workers = fpmd.wait_for_workers(CHILDREN)
    assert not set(workers) & set(killed)


def test_a_killed_zygote_loses_no_request(fpmd, nginx, container):
    fpmd.configure(max_children=CHILDREN)
    fpmd.start()
    old, = fpmd.children()
    with Load(container, least=4_000) as load:
        load.wait_for(500)
        kill(container, "KILL", old)
        wait_until(lambda: any(len(workers) == CHILDREN and zygote != old for zygote, workers in fpmd.children().items()),
                   f"a new zygote with {CHILDREN} workers")
        load.wait_for(500)
    assert not load.failures, load.explain()


def test_a_stopped_master_is_restarted_by_the_watchdog(fpmd, nginx, container):
    fpmd.drop_in("fpmd.service", "[Service]\nWatchdogSec=3\n")
    fpmd.start()
    before = fpmd.master
    kill(container, "STOP", before)
    wait_until(lambda: container.show("fpmd.service", "NRestarts") == "1", "the watchdog's restart", limit=15)
    container.wait_for("fpmd.service", "active")
    assert fpmd.master != before
    assert nginx.json("/load.php")["worker"] in fpmd.workers()
    assert any("watchdog" in entry["MESSAGE"].lower() for entry in fpmd.journal("-u", "fpmd.service"))


def test_a_living_master_feeds_its_watchdog(fpmd, container):
    fpmd.drop_in("fpmd.service", "[Service]\nWatchdogSec=1\n")
    fpmd.start()
    before = fpmd.master
    fed = lambda: container.show("fpmd.service", "WatchdogTimestampMonotonic")
    for _ in range(3):
        last = fed()
        wait_until(lambda: fed() != last, "the next WATCHDOG=1", limit=1.5)
    assert fpmd.master == before


def test_a_killed_master_is_restarted_and_loses_only_requests_in_hand(fpmd, nginx, container):
    fpmd.configure(max_children=CHILDREN)
    fpmd.start()
    before = fpmd.master
    with Load(container, least=6_000) as load:
        load.wait_for(1_000)
        kill(container, "KILL", before)
        load.wait_for(1_000)
    container.wait_for("fpmd.service", "active")
    assert container.show("fpmd.service", "NRestarts") == "1"
    assert fpmd.master != before
    # Workers serve until systemd ends the control group, all of it in one moment: what fails was in hand then, and began before.
    assert len(load.failures) <= 32, load.explain()
    moment = min((record.end for record in load.failures), default=0.0)
    assert all(record.start <= moment + 0.1 for record in load.failures), load.explain()
