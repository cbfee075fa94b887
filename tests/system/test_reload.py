# SPDX-License-Identifier: MIT
"""Deploys: `systemctl reload` and `systemctl restart` while 32 clients ask nginx for pages of 0 to 2 seconds."""

import json

import pytest

from container import wait_until
from load import Load, fastcgi

CHILDREN = 40  # more than clients: a request that waits, waits for a reason other than too few workers


def generations(records):
    """{generation: (when its first page began, when its last one ended)}, in order of appearance."""
    spans = {}
    for record in sorted((r for r in records if not r.failed), key=lambda r: r.began):
        first, last = spans.get(record.generation, (record.began, 0.0))
        spans[record.generation] = first, max(last, record.end)
    return spans


def test_twenty_reloads_under_load_fail_and_delay_no_request(fpmd, nginx, container):
    fpmd.configure(max_children=CHILDREN)
    fpmd.start()
    with Load(container, least=20_000) as load:
        load.wait_for(500)
        for _ in range(20):
            container.systemctl("reload", "fpmd.service")
            load.wait_for(200)
    assert not load.failures, load.explain()
    assert len(load.records) >= 20_000
    spans = list(generations(load.records).values())
    assert len(spans) == 21
    overlaps = sum(1 for old, new in zip(spans, spans[1:]) if old[1] > new[0])
    assert overlaps > 0, "no generation had a slow request in hand when the next one took over: the test shows nothing"
    assert not load.stalled()


def test_a_restart_under_load_fails_no_request(fpmd, nginx, container):
    fpmd.configure(max_children=CHILDREN)
    fpmd.start()
    listening_since = container.show("fpmd.socket", "ActiveEnterTimestampMonotonic")
    with Load(container, least=6_000) as load:
        for _ in range(3):
            load.wait_for(500)
            before = fpmd.master
            container.systemctl("restart", "fpmd.service")
            assert fpmd.master != before
    assert not load.failures, load.explain()
    assert container.show("fpmd.socket", "ActiveEnterTimestampMonotonic") == listening_since


@pytest.mark.parametrize("how", ["as the unit has it", "where an operator wants it"])
def test_a_request_on_a_kept_connection_is_answered_by_the_next_start(fpmd, container, how):
    """systemd holds the connection meanwhile: by itself from 254 on, before that where a drop-in says so."""
    if how == "where an operator wants it":
        fpmd.drop_in("fpmd.service", "[Service]\nEnvironment=FPMD_STORE_IDLE=1\n")
    page = fastcgi.environment("/var/www/html/load.php", query="us=0")
    fpmd.start()
    with fastcgi.Connection(f"/proc/{container.leader}/root{fpmd.socket_path}") as kept:
        assert kept.request(page).complete
        wait_until(lambda: json.loads(container.run("fpmctl", "status", "--json").stdout)["pools"][0]["park"]["idle"],
                   "the connection to be between two requests")
        before = fpmd.master
        container.systemctl("restart", "fpmd.service")
        assert fpmd.master != before
        if container.systemd_version() >= 254 or how == "where an operator wants it":
            assert kept.request(page).complete
        else:
            assert kept.read_eof() == b""


def test_a_reload_renews_every_worker(fpmd, nginx, container):
    fpmd.start()
    before = set(fpmd.wait_for_workers(8))
    container.systemctl("reload", "fpmd.service")
    after = set(fpmd.wait_for_workers(8))
    assert not before & after
    assert nginx.json("/load.php")["worker"] in after


def test_the_service_manager_follows_a_reload(fpmd, container):
    """Type=notify-reload, by fpmctl as the unit has it, and by the signal alone where a drop-in wants it."""
    if container.systemd_version() < 254:
        assert container.show("fpmd.service", "Type") == "notify"
        return
    assert (container.show("fpmd.service", "Type"), container.show("fpmd@www.service", "Type")) == ("notify-reload", "notify-reload")
    fpmd.start()
    by_fpmctl = set(fpmd.wait_for_workers(8))
    container.systemctl("reload", "fpmd.service")
    once = set(fpmd.wait_for_workers(8))
    assert not once & by_fpmctl
    begun = [e["MESSAGE"] for e in fpmd.journal() if e["MESSAGE"].startswith("Reloading in progress")]
    assert len(begun) == 1, "ReloadSignal= has reloaded as well"
    fpmd.drop_in("fpmd.service", "[Service]\nExecReload=\nReloadSignal=SIGHUP\n")
    container.systemctl("reload", "fpmd.service")
    assert not once & set(fpmd.wait_for_workers(8))


def test_a_reload_with_a_broken_configuration_fails_with_the_reason_and_changes_nothing(fpmd, nginx, container):
    fpmd.start()
    before = set(fpmd.wait_for_workers(8))
    fpmd.configure(pool="pm.max_requests = many")
    done = container.systemctl("reload", "fpmd.service", check=False)
    assert done.returncode != 0
    assert container.show("fpmd.service", "ActiveState") == "active"
    status = container.systemctl("status", "--no-pager", "-l", "fpmd.service", check=False).stdout
    assert "/etc/fpmd/pool.d/www.conf:5" in status and "pm.max_requests" in status, status
    by_hand = container.run("fpmctl", "reload", check=False)
    assert by_hand.returncode == 1
    assert "/etc/fpmd/pool.d/www.conf:5" in by_hand.stderr and "pm.max_requests" in by_hand.stderr
    assert set(fpmd.workers()) == before
    assert nginx.json("/load.php")["worker"] in before
    fpmd.configure()
    container.systemctl("reload", "fpmd.service")
    assert not before & set(fpmd.wait_for_workers(8))
