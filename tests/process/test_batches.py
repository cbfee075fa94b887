# SPDX-License-Identifier: MIT
"""A reload of many pools that are awake: PHP is tried for all, then they are renewed a window at a time. It is taken or refused as a whole, and loses nothing."""

import collections
import contextlib
import os
import re
import signal

import pytest

import fastcgi
import procs
import server as programs
from load import Gate, Held, Load
from unstartable import BROWSCAP, make_unstartable, mend

N = 40
NAMES = [f"p{i}" for i in range(N)]
LONG = 300  # seconds for a reload: a build with sanitizers takes one for each start of PHP
ASK = "<?php echo ini_get('precision'), ' ', getmypid();"


def window():
    """The program's own number."""
    with open(os.path.join(programs.TREE, "src", "master", "window.h"), encoding="utf-8") as f:
        return int(re.search(r"#define WINDOW_SIZE (\d+)U", f.read())[1])


@pytest.fixture
def many(make):
    """Pools that are awake, more than the window has room for, of one worker each."""
    def run(n=N, change=None, **more):
        s = make({f"p{i}": {"pm": "static", "pm.max_children": "1"} for i in range(n)}, settings={"log_level": "debug"}, **more)
        s.ask = s.script("ask.php", ASK)
        if change:
            change(s)
        return s.start()
    return run


def set_precision(s, value, names=None):
    for name in names or s.pools:
        s.pools[name]["php_admin_value[precision]"] = str(value)
    s.write_config()


def precisions(s):
    return {s.run(s.ask, name).text.split()[0] for name in s.pools}


def lives(log):
    """(pool, generation, whether it begins) for each generation whose zygote begins, or that has gone, as the master has written it."""
    for pool, number, what in re.findall(r"\[pool (\w+)\] generation (\d+)(: zygote \d+ started| is gone)", log):
        yield pool, number, "started" in what


def most_at_once(before, after):
    """How many pools have had a second generation at the same time after that part of the log."""
    alive, most = collections.defaultdict(set), 0
    for part in (before, after):
        for pool, number, begins in lives(part):
            (alive[pool].add if begins else alive[pool].discard)(number)
            if part is after:
                most = max(most, sum(len(numbers) > 1 for numbers in alive.values()))
    return most


def starts(log):
    return sum(begins for _, _, begins in lives(log))


@pytest.mark.parametrize("pm", ["static", "dynamic", "ondemand"])
def test_no_more_than_a_window_of_pools_has_two_zygotes(many, pm):
    def change(s):
        for pool in s.pools.values():
            pool.update({"pm": pm, "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "1"} if pm == "dynamic" else {"pm": pm})
    s = many(change=change)
    assert precisions(s) == {"14"}
    before, zygotes = s.log(), set(s.zygotes())
    r = s.ctl("reload", limit=LONG)
    assert (r.returncode, r.stdout) == (0, f"reload done, {N} pools renewed\n")
    procs.until("the old zygotes to go", lambda: not zygotes & set(s.zygotes()))
    assert len(s.zygotes()) == N
    after = s.log()[len(before):]
    assert 1 < most_at_once(before, after) <= window()
    assert starts(after) == 2 * N
    assert len(re.findall("NOTICE: .* PHP .*, settings read from", after)) == N
    assert len(re.findall(r"child \d+ started", after)) == (0 if pm == "ondemand" else N)


def test_up_to_a_window_they_are_started_once(many):
    s = many(window())
    before = s.log()
    assert s.ctl("reload", limit=LONG).returncode == 0
    assert starts(s.log()[len(before):]) == window()


@pytest.mark.parametrize("scope", [(), ("--changed",)])
def test_each_pool_has_the_new_settings_when_it_is_done(many, scope):
    s = many()
    assert precisions(s) == {"14"}
    set_precision(s, 5)
    r = s.ctl("reload", *scope, limit=LONG)
    assert (r.returncode, r.stdout) == (0, f"reload done, {N} pools renewed\n")
    assert precisions(s) == {"5"}
    assert {len(p["generations"]) for p in s.status()["pools"]} <= {1, 2}


def test_the_last_pool_that_does_not_start_refuses_it_for_all(many):
    s = many()
    zygotes, workers = set(s.zygotes()), set(s.workers())
    set_precision(s, 5)
    missing = make_unstartable(s, NAMES[-1])
    s.write_config()
    since = len(s.log())
    r = s.ctl("reload", limit=LONG)
    assert r.returncode != 0 and f"reload refused: pool '{NAMES[-1]}': " in r.stderr
    assert missing in s.log()[since:] or missing in s.output()
    procs.until("trials to end", lambda: set(s.zygotes()) == zygotes)
    assert set(s.workers()) == workers and precisions(s) == {"14"}
    mend(missing)
    assert s.ctl("reload", limit=LONG).returncode == 0
    assert precisions(s) == {"5"} and not zygotes & set(s.wait_zygotes(N, without=zygotes))


def test_no_request_is_lost(many):
    s = many()
    work = fastcgi.environment(s.script("work.php", "<?php usleep(random_int(0, 4000)); echo getmypid();"))
    with contextlib.ExitStack() as stack:
        loads = [stack.enter_context(Load(s.address(name), work, clients=1, keep=i % 2 == 0)) for i, name in enumerate(NAMES)]
        for _ in range(2):
            for load in loads:
                load.wait_more(2)
            assert s.ctl("reload", limit=LONG).returncode == 0
        for load in loads:
            load.wait_more(2)
    assert [f for load in loads for f in load.failures()] == []
    assert all(len({r.body for r in load.results}) >= 3 for load in loads)


def middle(s, name="p5"):
    """A gate that lets that pool through its trial, and stops it when it is renewed."""
    set_precision(s, 5)
    return Gate(s, name, free=1)


def reloading(s):
    return s.begin_ctl("reload")


def wait_others(s, n=N - 1):
    procs.until("the others to be renewed", lambda: s.status()["reload progress"] == f"{n} of {N} pools renewed", LONG)


def test_it_tells_how_far_it_is(many):
    s = many()
    since = s.notify.mark()
    gate = middle(s)
    with reloading(s) as r:
        gate.wait_reached(2, LONG)
        wait_others(s)
        assert f"reloading ({N - 1} of {N} pools renewed)" in s.ctl("status").stdout
        procs.until("STATUS= of it", lambda: any(m.get("STATUS", "").startswith(f"Reloading: {N - 1} of {N} pools renewed; ")
                                                 for m in s.notify.messages[since:]))
        assert s.notify.count("READY", since) == 0
        gate.open()
        assert r.communicate(timeout=LONG)[0] == f"reload done, {N} pools renewed\n"
    assert s.notify.count("READY", since) == s.notify.count("RELOADING", since) == 1
    assert s.status()["reload progress"] == ""


def test_a_reload_in_the_middle_of_another_waits_for_it(many):
    s = many()
    gate = middle(s)
    with reloading(s) as first:
        gate.wait_reached(2, LONG)
        set_precision(s, 6)
        with reloading(s) as second:
            s.wait_log("reload waits until")
            assert first.poll() is None and second.poll() is None
            gate.open()
            assert first.communicate(timeout=LONG)[0] == second.communicate(timeout=LONG)[0] == f"reload done, {N} pools renewed\n"
    assert precisions(s) == {"6"}


@pytest.mark.parametrize("when", ["trial", "renewal"])
@pytest.mark.parametrize("number", [signal.SIGQUIT, signal.SIGTERM])
def test_a_stop_in_the_middle(many, when, number):
    s = many()
    set_precision(s, 5)
    gate = Gate(s, "p5", free=int(when == "renewal"))
    with reloading(s) as r, Held(s, "p0") as held:
        gate.wait_reached(1 + (when == "renewal"), LONG)
        held.wait_running()
        s.signal(number)
        assert "the service is stopping" in r.communicate(timeout=LONG)[1] and r.returncode != 0
        if number == signal.SIGQUIT:
            assert held.finish().complete
    assert s.wait_exit() == 0


def test_a_zygote_that_is_killed_as_it_renews_its_pool(many):
    """The settings hold, and what has been renewed stays; the pool goes on with its old generation until the next try."""
    s = many()
    old = s.generations("p5")[0]["zygote pid"]
    gate = middle(s)
    with reloading(s) as r:
        gate.wait_reached(2, LONG)
        wait_others(s)
        new = next(g for g in s.generations("p5") if g["state"] == "starting")["zygote pid"]
        assert s.run(s.ask, "p5").text.startswith("14 ")
        os.kill(new, signal.SIGKILL)
        out = r.communicate(timeout=LONG)[0]
    assert r.returncode == 0
    assert out.startswith(f"reload done, {N - 1} pools renewed, 1 not yet\nwarning: pool 'p5' goes on with its old settings, and is tried again: ")
    gate.wait_reached(3, LONG)
    pool = next(p for p in s.status()["pools"] if p["name"] == "p5")
    assert old in [g["zygote pid"] for g in pool["generations"]] and "zygote ended" in pool["problem"]
    assert precisions(s) == {"5", "14"}
    assert any("pool 'p5' does not start" in m.get("STATUS", "") for m in s.notify.messages)
    gate.open()
    s.wait_log(r"NOTICE: .*\[pool p5\] has started after 1 failed tries")
    assert precisions(s) == {"5"}
    assert s.ctl("reload", limit=LONG).stdout == f"reload done, {N} pools renewed\n"


def fail_in_its_turn(s):
    """The renewal of p5 fails behind its trial, when all others have been renewed. Its gate, which the next try has reached."""
    gate = middle(s)
    with reloading(s) as r:
        gate.wait_reached(2, LONG)
        new = next(g for g in s.generations("p5") if g["state"] == "starting")["zygote pid"]
        wait_others(s)
        os.kill(new, signal.SIGKILL)
        r.communicate(timeout=LONG)
    gate.wait_reached(3, LONG)
    return gate


def fail_after_its_trial(s, name="p5"):
    """A reload that is done, and has not renewed that pool: a file that its PHP needs has gone since its trial. The file."""
    set_precision(s, 5)
    gate = Gate(s, "p7")
    missing = make_unstartable(s, name)
    mend(missing)
    s.write_config()
    with reloading(s) as r:
        gate.wait_reached(1, LONG)
        procs.until("the other trials", lambda: s.status()["reload progress"] == f"PHP has started for {N - 1} of {N} pools", LONG)
        os.unlink(missing)
        gate.open()
        assert "1 not yet" in r.communicate(timeout=LONG)[0]
    return missing


def test_settings_that_are_taken_back_do_not_come_later(many):
    s = many()
    old = s.config()
    missing = fail_after_its_trial(s)
    for pool in s.pools.values():
        for name in [n for n in pool if n.startswith("php_admin_value[")]:
            del pool[name]
    s.write_config()
    assert s.config() == old
    assert s.ctl("reload", "--changed", limit=LONG).stdout == f"reload done, {N} pools renewed\n"
    mend(missing)
    assert precisions(s) == {"14"}
    pool = next(p for p in s.status()["pools"] if p["name"] == "p5")
    assert pool["failed starts"] == 0 and pool["ready"]


def test_a_pool_of_which_nothing_runs_is_not_ready(many):
    """Its renewal has failed, and then its old zygote and worker die."""
    s = many()
    zygote = s.generations("p5")[0]["zygote pid"]
    workers = s.workers(zygote)
    fail_after_its_trial(s)
    assert next(p for p in s.status()["pools"] if p["name"] == "p5")["ready"]
    since = len(s.log())
    for pid in (zygote, *workers):
        os.kill(pid, signal.SIGKILL)
    s.wait_log(r"\[pool p5\] a fresh zygote does not start with the new settings: ", since)
    procs.until("p5 not to be ready", lambda: not next(p for p in s.status()["pools"] if p["name"] == "p5")["ready"])
    assert s.run(s.ask, "p6").complete


def test_a_trial_is_no_drain_that_takes_too_long(many):
    """Without any time for that, as php-fpm has it by default: nobody is served there."""
    def change(s):
        s.settings["process_control_timeout"] = "0"
    s = many(change=change)
    set_precision(s, 5)
    assert s.ctl("reload", limit=LONG).stdout == f"reload done, {N} pools renewed\n"
    assert "process_control_timeout is over: 0 workers" not in s.log()


def fail_all_but_one_after_trials(s):
    """A reload that is done, and has renewed p7 alone."""
    set_precision(s, 5)
    gate = Gate(s, "p7")
    missing = make_unstartable(s, "p5")
    for name in NAMES:
        if name != "p7":
            s.pools[name][BROWSCAP] = missing
    mend(missing)
    s.write_config()
    with reloading(s) as r:
        gate.wait_reached(1, LONG)
        procs.until("the other trials", lambda: s.status()["reload progress"] == f"PHP has started for {N - 1} of {N} pools", LONG)
        os.unlink(missing)
        gate.open()
        assert r.communicate(timeout=LONG)[0].startswith(f"reload done, 1 pool renewed, {N - 1} not yet\n")
    return missing


def test_pools_whose_renewal_has_failed_go_in_batches_too(many):
    s = many()
    fail_all_but_one_after_trials(s)
    for pool in s.pools.values():
        pool.pop(BROWSCAP, None)
    set_precision(s, 6)
    before, zygotes = s.log(), set(s.zygotes())
    assert s.ctl("reload", limit=LONG).stdout == f"reload done, {N} pools renewed\n"
    procs.until("the old zygotes to go", lambda: not zygotes & set(s.zygotes()))
    assert 1 < most_at_once(before, s.log()[len(before):]) <= window()
    assert precisions(s) == {"6"}
    assert {p["failed starts"] for p in s.status()["pools"]} == {0}


def test_what_has_failed_is_tried_again_when_the_next_reload_is_refused(many):
    s = many()
    missing = fail_all_but_one_after_trials(s)
    kept = s.config()
    set_precision(s, 6)
    r = s.ctl("reload", limit=LONG)
    assert r.returncode == 1 and "reload refused: " in r.stderr
    assert precisions(s) == {"14", "5"}
    mend(missing)
    procs.until("all to be renewed", lambda: precisions(s) == {"5"}, LONG)
    with open(s.config_path, "w") as f:
        f.write(kept)
    assert s.ctl("reload", "--changed").stdout == "reload done, no pool's settings have changed\n"


def test_a_zygote_that_dies_in_the_next_trial_is_replaced_with_what_was_to_hold(many):
    s = many()
    old = s.generations("p5")[0]["zygote pid"]
    missing = fail_after_its_trial(s)
    del s.pools["p5"][BROWSCAP]
    set_precision(s, 6)
    gate = Gate(s, "p8")
    since = len(s.log())
    with reloading(s) as r:
        gate.wait_reached(1, LONG)
        procs.until("the other trials", lambda: s.status()["reload progress"] == f"PHP has started for {N - 1} of {N} pools", LONG)
        os.kill(old, signal.SIGKILL)
        s.wait_log(r"\[pool p5\] a fresh zygote does not start with the new settings: ", since)
        mend(missing)
        s.wait_log(r"\[pool p5\] has started after", since)
        assert s.run(s.ask, "p5").text.startswith("5 ")
        gate.open()
        assert r.communicate(timeout=LONG)[0] == f"reload done, {N} pools renewed\n"
    assert precisions(s) == {"6"}


def test_a_reload_does_not_wait_for_a_try_that_hangs(many):
    s = many()
    gate = fail_in_its_turn(s)
    del s.pools["p5"]["php_admin_value[opcache.preload]"]
    set_precision(s, 6)
    since = len(s.log())
    assert s.ctl("reload", limit=LONG).stdout == f"reload done, {N} pools renewed\n"
    assert "reload waits until" not in s.log()[since:]
    assert precisions(s) == {"6"}


def test_what_is_not_renewed_yet_gets_the_settings_of_the_next_reload(many):
    s = many()
    gate = fail_in_its_turn(s)
    set_precision(s, 6)
    with reloading(s) as r:
        gate.open()
        assert f"reload done, {N} pools renewed\n" == r.communicate(timeout=LONG)[0]
    assert precisions(s) == {"6"}


def test_a_zygote_that_dies_between_its_trial_and_its_turn_is_replaced(many):
    """With the old settings, as the reload may be refused yet; and it is renewed as the others are."""
    s = many()
    old = s.generations("p0")[0]["zygote pid"]
    set_precision(s, 5)
    gate = Gate(s, "p39")
    with reloading(s) as r:
        gate.wait_reached(limit=LONG)
        procs.until("trials of the others", lambda: s.status()["reload progress"] == f"PHP has started for {N - 1} of {N} pools", LONG)
        os.kill(old, signal.SIGKILL)
        s.wait_log(r"\[pool p0\] generation \d+ has taken over")
        assert s.run(s.ask, "p0").text.startswith("14 ")
        gate.open()
        assert r.communicate(timeout=LONG)[0] == f"reload done, {N} pools renewed\n"
    assert precisions(s) == {"5"}


def test_busy_workers_hold_up_nobody(many):
    s = many()
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(Held(s, name)) for name in NAMES]
        for h in held:
            h.wait_running()
        r = s.ctl("reload", limit=LONG)
        assert (r.returncode, r.stdout) == (0, f"reload done, {N} pools renewed\n")
        assert all(h.finish().complete for h in held)


def test_beside_pools_that_come_go_move_and_sleep(many):
    def change(s):
        s.pools["gone"] = {**s.pools["p0"], "listen": os.path.join(s.folder, "gone.sock")}
        s.pools["moves"] = {**s.pools["p0"], "listen": os.path.join(s.folder, "moves.sock")}
        s.pools["sleeps"] = {**s.pools["p0"], "listen": os.path.join(s.folder, "sleeps.sock"), "pm": "ondemand"}
    s = many(change=change)
    assert len(s.zygotes()) == N + 2
    del s.pools["gone"]
    s.pools["moves"]["listen"] = os.path.join(s.folder, "moved.sock")
    s.pools["new"] = {**s.pools["p0"], "listen": os.path.join(s.folder, "new.sock")}
    set_precision(s, 5)
    before = s.log()
    r = s.ctl("reload", limit=LONG)
    assert (r.returncode, r.stdout) == (0, f"reload done, {N + 3} pools renewed\n")
    assert starts(s.log()[len(before):]) == 2 * N + 2
    assert precisions(s) == {"5"}
    s.wait_log(r"\[pool gone\] is gone")


def test_a_trial_has_no_logger(many):
    def change(s):
        for pool in s.pools.values():
            pool["catch_workers_output"] = "yes"
    s = many(change=change)
    before = s.log()
    assert len(re.findall(r"\] logger \d+ started", before)) == N
    assert s.ctl("reload", limit=LONG).stdout == f"reload done, {N} pools renewed\n"
    assert len(re.findall(r"\] logger \d+ started", s.log()[len(before):])) == N
    procs.until("the old loggers to go", lambda: len([p for p in procs.children(s.pid) if procs.exe(p) == "fpmd-logger"]) == N)


def test_what_php_does_not_take_is_told_once(many):
    s = many()
    s.pools["p7"]["php_admin_value[nonsense]"] = "1"
    s.write_config()
    before = s.log()
    r = s.ctl("reload", limit=LONG)
    assert r.returncode == 0 and r.stdout.count("nonsense") == 1
    assert len(re.findall(r"ERROR: .*\[pool p7\] .*nonsense", s.log()[len(before):])) == 1


def test_under_php_fpms_name_the_log_is_what_it_was(make, tmp_path):
    name = os.path.join(tmp_path, "php-fpm")
    os.symlink(programs.FPMD, name)
    s = make({n: {"pm": "static", "pm.max_children": "1"} for n in NAMES})
    s.command = lambda: [name, "--nodaemonize", "-y", s.config_path, *s.args]
    s.start()
    before = s.log()
    s.reload()
    lines = [re.sub(r"^\[[^]]*\] ", "", line) for line in s.log()[len(before):].splitlines()]
    kinds = [re.sub(r"\d+|/.*", "N", line) for line in lines]
    assert kinds[0] == "NOTICE: Reloading in progress ..." and kinds[1].startswith("NOTICE: reloading: execvp(")
    assert kinds[2:2 + N] == ["NOTICE: using inherited socket fd=N, \"N"] * N
    assert kinds[2 + N:4 + N] == ["NOTICE: fpm is running, pid N", "NOTICE: ready to handle connections"]
    assert all("systemd" in line for line in kinds[4 + N:])
