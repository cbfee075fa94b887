# SPDX-License-Identifier: MIT
"""One pool whose PHP does not start, beside others that serve: who serves, who waits, who says so, and how it comes back."""

import itertools
import json
import os
import re
import time

import pytest

import fastcgi
import procs
from load import Gate
from unstartable import BROWSCAP, make_unstartable, mend


def pool(s, name):
    return next(p for p in s.status()["pools"] if p["name"] == name)


@pytest.fixture
def failing(start, make):
    """failing(**settings of bad): pool good serves, pool bad does not start for want of a file, whose path is returned."""
    def run(**bad):
        s = make({"good": {}, "bad": bad})
        s.pid_script = s.script("pid.php", "<?php echo getmypid();")
        missing = make_unstartable(s, "bad")
        s.start()
        return s, missing
    return run


def test_others_serve_and_all_say_which_one_does_not(failing):
    s, _ = failing()
    assert s.run(s.pid_script, "good").complete
    assert re.search(r"ERROR: \[pool bad\] .*its clients wait, and it is tried again", s.log())
    told = s.notify.messages[s.notify.wait("STATUS", since=s.notify.wait("READY"))]["STATUS"]
    assert "pool 'bad' does not start: " in told, told
    bad = pool(s, "bad")
    assert bad["failed starts"] >= 1 and bad["problem"] and pool(s, "good")["failed starts"] == 0
    assert re.search(r"(?m)^pool bad .*\n  problem +does not start, tried \d+ times: .+", s.ctl("status").stdout)


def test_metrics_of_a_pool_that_does_not_start(failing, make):
    where = os.path.join(make().folder, "status.sock")
    s, missing = failing(**{"pm.status_path": "/status", "pm.status_listen": where})

    def metric(name):
        with fastcgi.Connection(where) as c:
            text = c.request(fastcgi.environment("/status", root="", query="openmetrics"), keep=False).text
        return re.search(rf"(?m)^phpfpm_{name} (\d+)$", text)[1]
    assert metric("up") == "0" and int(metric("failed_starts")) >= 1
    mend(missing)
    procs.until("the pool to be up", lambda: metric("up") == "1" and metric("failed_starts") == "0")


def test_its_clients_wait_and_are_served_when_it_starts(failing):
    s, missing = failing()
    with s.connect("bad", timeout=20) as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        s.wait_log(r"ERROR: \[pool bad\] a fresh zygote does not start")  # the second try
        mend(missing)
        assert c.read_response().complete
    s.wait_log(r"NOTICE: \[pool bad\] has started after \d+ failed tries, and serves")
    s.notify.wait("STATUS", since=s.notify.mark())
    assert "does not start" not in s.notify.messages[-1].get("STATUS", "")
    assert pool(s, "bad")["failed starts"] == 0 and pool(s, "bad")["problem"] == ""
    assert s.ctl("reload").returncode == 0


def test_a_reload_that_does_not_mend_it_is_refused_as_a_whole(failing):
    s, _ = failing()
    workers = s.wait_workers(2)
    r = s.ctl("reload")
    assert r.returncode == 1 and "pool 'bad'" in r.stderr
    assert int(s.run(s.pid_script, "good").text) in workers


@pytest.mark.parametrize("how", ["settings", "address", "gone", "changed"])
def test_a_reload_mends_it(failing, how):
    s, _ = failing()
    del s.pools["bad"][BROWSCAP]
    if how == "address":
        s.pools["bad"]["listen"] += ".new"
    if how == "gone":
        del s.pools["bad"]
    s.write_config()
    r = s.ctl("reload", *(["--changed"] if how == "changed" else []))
    assert r.returncode == 0, r
    assert s.run(s.pid_script, "good").complete
    if how == "gone":
        procs.until("the pool to be gone", lambda: len(s.status()["pools"]) == 1)
    else:
        assert s.run(s.pid_script, "bad").complete
        assert pool(s, "bad")["failed starts"] == 0


def test_other_pools_can_be_reloaded(failing):
    s, _ = failing()
    workers = s.wait_workers(2)
    assert s.ctl("reload", "good").returncode == 0
    assert int(s.run(s.pid_script, "good").text) not in workers


def test_the_service_stops_beside_it(failing):
    s, _ = failing()
    assert s.stop() == 0


def test_no_pool_that_starts_is_a_failed_start(make):
    s = make({"a": {}, "b": {}})
    for name in s.pools:
        s.pools[name][BROWSCAP] = "/nonexistent"
    status, said = s.start_expecting_failure()
    assert status == 70 and "[pool a]" in said and "[pool b]" in said
    assert not s.notify.count("READY")


AT_ITS_FIRST_TRY = "<?php file_put_contents('{0}', '.', FILE_APPEND); if (filesize('{0}') == 1) throw new Exception('no'); for (;;) sleep(1);"


def test_one_that_is_tried_again_does_not_keep_a_failed_start_from_ending(make):
    """Its first try has failed, and it is at the second one when the other pool's first one fails."""
    s = make({"quick": {}, "slow": {}})
    tries = os.path.join(s.shared_folder(), "tries")
    s.pools["quick"]["php_admin_value[opcache.preload]"] = s.script("quick.php", AT_ITS_FIRST_TRY.format(tries))
    gate = Gate(s, "slow", then="throw new Exception('no');")
    s.spawn(s.command())
    gate.wait_reached()
    procs.until("the second try", lambda: os.path.exists(tries) and os.path.getsize(tries) == 2)
    gate.open()
    assert s.wait_exit() == 70
    assert "[pool quick]" in s.log() and "[pool slow]" in s.log() and not s.notify.count("READY")


SLOWLY = ("<?php $begin = microtime(true); usleep(1200000);"
          " file_put_contents('{}', json_encode([$begin, microtime(true)]) . \"\\n\", FILE_APPEND); throw new Exception('no');")


def test_one_that_takes_long_to_fail_is_tried_less_and_less_often(make):
    """As long as PHP is on its way nobody spins, and after each try the pause is twice as long; the other pool serves all the time."""
    s = make({"good": {}, "slow": {}})
    tries = os.path.join(s.shared_folder(), "tries")
    s.pools["slow"]["php_admin_value[opcache.preload]"] = s.script("slow.php", SLOWLY.format(tries))
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    cpu, waits = procs.cpu_seconds(s.pid), []

    def seen():
        begin = time.monotonic()
        assert s.run(s.pid_script, "good").complete
        waits.append(time.monotonic() - begin)
        return [json.loads(line) for line in procs.content(tries).splitlines()] if os.path.exists(tries) else []
    procs.until("four tries", lambda: len(seen()) >= 4, limit=60)
    pauses = [after[0] - before[1] for before, after in itertools.pairwise(seen())]
    assert all(pause >= 0.1 * 2 ** i for i, pause in enumerate(pauses)), pauses
    assert procs.cpu_seconds(s.pid) - cpu < 1, "the master is busy with a pool that does not start"
    assert max(waits) < 1, "the other pool's clients wait"
    assert pool(s, "slow")["failed starts"] >= 3 and s.run(s.pid_script, "good").complete
    assert s.stop() == 0
