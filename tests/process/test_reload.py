# SPDX-License-Identifier: MIT
"""Reload: a second generation on the same listeners; nothing is lost, nothing waits for the old one, a failure changes nothing."""

import itertools
import os
import re
import signal
import socket
import subprocess
import time

import pytest

import fastcgi
import procs
import server as programs
from load import Gate, Held, Load

# Seconds; a pool that takes no connection is renewed after ten, so who waits for longer than this may have been helped by that.
STUCK = 8.0


def reload_and_wait(s):
    """Until the workers of before, none of which is busy, have ended."""
    old = s.workers()
    s.reload()
    for pid in old:
        procs.wait_gone(pid)


def pids(load):
    return {r.body for r in load.results if not r.error}


@pytest.mark.parametrize("how", ["SIGUSR2", "SIGHUP", "fpmctl"])
def test_reload_renews_all_workers_of_all_pools(start, how):
    s = start({"a": {}, "b": {}})
    zygotes, workers = set(s.zygotes()), set(s.workers())
    if how == "fpmctl":
        r = s.ctl("reload")
        assert r.returncode == 0, r
    else:
        s.reload(getattr(signal, how))
    for pid in zygotes | workers:
        procs.wait_gone(pid)
    for pool in "ab":
        for _ in range(4):
            assert int(s.run(s.pid_script, pool).text) not in workers
    assert len(s.wait_zygotes(2)) == 2 and s.running()


def test_conversation_of_a_reload(start):
    s = start()
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    since = s.notify.mark()
    s.signal(signal.SIGUSR2)
    at = s.notify.wait("RELOADING", "1", since)
    stamp = int(s.notify.messages[at]["MONOTONIC_USEC"]) / 1e6
    assert before <= stamp <= time.clock_gettime(time.CLOCK_MONOTONIC)
    ready = s.notify.wait("READY", "1", at)
    assert ready > at
    assert s.notify.count("READY", since) == 1 and s.notify.count("RELOADING", since) == 1


def test_main_process_stays_the_same(start):
    s = start()
    pid = s.pid
    for _ in range(3):
        s.reload()
    assert s.running() and s.pid == pid
    assert not any("MAINPID" in m for m in s.notify.messages)


@pytest.mark.parametrize("how", ["signal", "fpmctl"])
def test_reloads_under_load_lose_nothing(start, how):
    s = start({"www": {"pm.max_children": "4"}})
    code = s.script("work.php", "<?php usleep(random_int(0, 4000)); echo getmypid();")
    with Load(s.address(), fastcgi.environment(code), clients=8) as load:
        for _ in range(6):
            load.wait_more(100)
            if how == "signal":
                s.reload()
            else:
                assert s.ctl("reload").returncode == 0
        load.wait_more(100)
    assert load.failures() == []
    assert len(pids(load)) >= 7


def test_reloads_under_load_lose_nothing_on_tcp_shards(make):
    from test_sockets import activated, tcp_listener
    listeners = [tcp_listener(reuse_port=True)]
    listeners += [tcp_listener(listeners[0].getsockname()[1], reuse_port=True) for _ in range(2)]
    s = make({"www": {"listen": "127.0.0.1:%d" % listeners[0].getsockname()[1], "pm.max_children": "4"}})
    code = s.script("work.php", "<?php usleep(random_int(0, 4000)); echo getmypid();")
    activated(s, listeners, ["www"] * 3)
    with Load(s.address(), fastcgi.environment(code), clients=8) as load:
        for _ in range(4):
            load.wait_more(100)
            s.reload()
        load.wait_more(100)
    for listener in listeners:
        listener.close()
    assert load.failures() == []


def test_reloads_under_load_lose_nothing_on_kept_connections(start):
    """A kept connection may be closed by the server between two requests; its client then connects anew, as web servers do."""
    s = start({"www": {"pm.max_children": "4"}})
    code = s.script("work.php", "<?php usleep(random_int(0, 4000)); echo getmypid();")
    with Load(s.address(), fastcgi.environment(code), clients=3, keep=True) as load:
        for _ in range(4):
            load.wait_more(100)
            s.reload()
        load.wait_more(100)
    assert load.failures() == []


def test_new_requests_do_not_wait_for_an_old_slow_one(start):
    s = start({"www": {"pm.max_children": "2"}})
    with Held(s) as held, Held(s) as held2:
        old = {held.wait_running(), held2.wait_running()}
        s.reload()
        for _ in range(20):
            r = s.client(timeout=STUCK).request(fastcgi.environment(s.pid_script))
            assert int(r.text) not in old
        for h in (held, held2):
            r = h.finish()
            assert r.complete and int(r.text) in old
    for pid in old:
        procs.wait_gone(pid)


def test_old_request_is_cut_at_process_control_timeout(start):
    s = start(settings={"process_control_timeout": "1s"})
    with Held(s) as held:
        pid = held.wait_running()
        s.reload()
        procs.wait_gone(pid, 8)
        assert s.run(s.pid_script).complete
    s.wait_log("process_control_timeout")


def test_reload_during_a_reload(start):
    s = start()
    since = s.notify.mark()
    for _ in range(5):
        s.signal(signal.SIGUSR2)
    at = s.notify.wait("RELOADING", "1", since)
    s.notify.wait("READY", "1", at)
    procs.until("one generation to be left", lambda: len(s.zygotes()) == 1)
    assert s.run(s.pid_script).complete and s.running()


def test_new_settings_are_taken(start):
    s = start({"www": {"php_admin_value[memory_limit]": "64M", "pm.max_children": "2"}})
    code = s.script("limit.php", "<?php echo ini_get('memory_limit');")
    assert s.run(code).text == "64M"
    s.pools["www"].update({"php_admin_value[memory_limit]": "65M", "pm.max_children": "3"})
    s.write_config()
    reload_and_wait(s)
    assert s.run(code).text == "65M"
    procs.until("3 workers in one generation", lambda: len(s.zygotes()) == 1 and len(s.workers()) == 3)


def test_fresh_opcache_after_a_reload(start):
    s = start()
    code = s.script("cached.php", "<?php echo 'first';")
    os.utime(code, (1, 1))
    frozen = s.pools["www"]
    frozen["php_admin_value[opcache.validate_timestamps]"] = "0"
    s.write_config()
    reload_and_wait(s)
    assert s.run(code).text == "first" and s.run(code).text == "first"
    s.script("cached.php", "<?php echo 'second';")
    os.utime(code, (2, 2))
    assert s.run(code).text == "first"
    reload_and_wait(s)
    assert s.run(code).text == "second"


def test_pool_is_added_and_removed(start):
    s = start({"a": {}})
    added = dict(s.pools["a"], listen=s.folder + "/b.sock")
    s.pools["b"] = added
    s.write_config()
    s.reload()
    assert s.run(s.pid_script, "b").complete and s.run(s.pid_script, "a").complete
    del s.pools["b"]
    s.write_config()
    s.reload()
    procs.until("the pool's socket to be gone", lambda: not os.path.exists(added["listen"]))
    procs.until("its processes to be gone", lambda: len(s.zygotes()) == 1)
    assert s.run(s.pid_script, "a").complete


@pytest.mark.parametrize("where", ["unix", "tcp"])
def test_pools_change_their_names_and_addresses(start, where):
    """What the next configuration gives to another pool stays open: what waits there is served, and nobody is refused."""
    pools = {pool: {"pm.max_children": "1"} for pool in "ab"}
    if where == "tcp":
        for pool in pools.values():
            pool.update({"listen": f"127.0.0.1:{programs.free_port()}", "listen.mode": None})
    s = start(pools)
    code = s.script("pool.php", "<?php echo getenv('POOL');")
    addresses = [s.address(pool) for pool in "ab"]
    for names in (("a", "c"), ("c", "a"), ("b", "a")):
        at = {pool["listen"]: pool for pool in s.pools.values()}
        with Held(s, next(name for name, pool in s.pools.items() if pool["listen"] == addresses[1])) as held:
            held.wait_running()
            with Load(addresses[1], fastcgi.environment(code), clients=4) as waiting:
                s.pools = {name: dict(at[address], **{"env[POOL]": name}) for name, address in zip(names, addresses)}
                s.write_config()
                done = s.ctl("reload")
                assert done.returncode == 0, done.stderr
                waiting.wait_more(20)
            assert waiting.failures() == [] and pids(waiting) == {names[1].encode()}
            assert held.finish().complete
        s.wait_zygotes(2)
        assert [s.run(code, name).text for name in names] == list(names)
    s.stop()
    assert not any(os.path.exists(path) for path in addresses)


@pytest.mark.skipif(not programs.ROOT, reason="only root gives its pools users")
def test_address_does_not_pass_to_another_user(start):
    """A process that the first pool's code has left behind could go on to accept there."""
    s = start({"a": {}, "b": {"user": "nobody", "group": "nogroup"}})
    first, second = s.address("a"), s.address("b")
    s.pools["a"]["listen"], s.pools["b"]["listen"] = second, first
    s.write_config()
    done = s.ctl("reload")
    assert done.returncode == 1
    for heir, other, path in (("a", "b", second), ("b", "a", first)):
        assert f"the pool '{heir}' cannot have the address of the pool '{other}' (listen = {path}), which has another user" in done.stderr
    s.pools["a"]["listen"], s.pools["b"]["listen"] = first, second
    s.pools["c"] = s.pools.pop("a")
    s.write_config()
    assert s.ctl("reload").returncode == 0, "a new name alone is no other user"
    assert s.run(s.pid_script, "c").complete


numbers = itertools.count()


def address(where, folder=None):
    """A fresh one for a pool; without a folder: the test's own default."""
    if where == "tcp":
        return {"listen": f"127.0.0.1:{programs.free_port()}", "listen.mode": None}
    return {"listen": f"{folder}/moved-{next(numbers)}.sock"} if folder else {}


def queue_behind(s, held, n):
    """Connections with their requests, which no worker has taken."""
    held.wait_running()
    waiting = [s.connect() for _ in range(n)]
    for c in waiting:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    return waiting


@pytest.mark.parametrize("where", ["unix", "tcp"])
def test_what_waits_at_an_address_that_is_given_up_is_served(start, where):
    s = start({"www": {"pm.max_children": "1", **address(where)}})
    old = s.workers()
    with Held(s) as held:
        waiting = queue_behind(s, held, 5)
        s.pools["www"].update(address(where, s.folder))
        s.write_config()
        done = s.ctl("reload")
        assert done.returncode == 0, done.stderr
        for c in waiting:
            r = c.read_response()
            assert r.complete and int(r.text) not in old
            c.close()
        assert s.run(s.pid_script).complete
        assert held.finish().complete


@pytest.mark.parametrize("where", ["unix", "tcp"])
def test_address_that_is_given_up_is_closed_at_once(start, where):
    """Also while an old worker, which has a copy of the socket, is busy."""
    s = start({"www": {"pm.max_children": "1", **address(where)}})
    given_up = s.address()
    with Held(s) as held:
        held.wait_running()
        s.pools["www"].update(address(where, s.folder))
        s.write_config()
        assert s.ctl("reload").returncode == 0
        with pytest.raises((ConnectionRefusedError, FileNotFoundError)):
            fastcgi.Connection(given_up)
        assert held.finish().complete


def test_what_waits_at_a_pool_that_is_removed_is_served(start):
    s = start({"www": {}, "gone": {"pm.max_children": "1"}})
    with Held(s, "gone") as held:
        held.wait_running()
        with s.connect("gone") as c:
            c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
            del s.pools["gone"]
            s.write_config()
            assert s.ctl("reload").returncode == 0
            held.finish()
            assert int(c.read_response().text) == held.worker


@pytest.fixture
def first_look(tmp_path):
    """first_look(s): at the end of the master's first accept4(2) from now on it stands still for a second. Returns a function that waits for that."""
    running = []

    def run(s):
        out = tmp_path / "accepts"
        running.append(subprocess.Popen(["strace", "-p", str(s.pid), "-o", out, "-e", "trace=accept4", "-e", "inject=accept4:delay_exit=1000000:when=1"],
                                        stderr=subprocess.DEVNULL))
        procs.until("strace to be attached", lambda: "TracerPid:\t0\n" not in procs.content(f"/proc/{s.pid}/status"))
        return lambda: procs.until("the master to have found nobody", lambda: "EAGAIN" in out.read_text())
    yield run
    for p in running:
        p.terminate()
        p.wait()


@pytest.mark.parametrize("what", ["address", "pool"])
def test_who_comes_after_the_look_at_what_waits_is_served(start, first_look, what):
    """The master has taken what waits at an address that is given up, and the workers do not come for more: whoever connects then is not forgotten."""
    s = start({"www": {}, "moved": {"pm.max_children": "1", "listen.shards": "1", **address("tcp")}})
    given_up = s.address("moved")
    with Held(s, "moved") as held:
        held.wait_running()
        if what == "pool":
            del s.pools["moved"]
        else:
            s.pools["moved"].update(address("tcp"))
        s.write_config()
        wait_look = first_look(s)
        s.signal(signal.SIGUSR2)
        wait_look()
        with fastcgi.Connection(given_up) as c:
            c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
            s.wait_log("reload done")
            assert held.finish().complete
            assert c.read_response().complete


def test_who_may_not_connect_is_not_served_from_an_address_that_is_given_up(start):
    s = start({"www": {"pm.max_children": "1", "listen.allowed_clients": "192.0.2.1", **address("tcp")}})
    worker = s.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    with s.connect() as c:
        s.pools["www"].update(address("tcp"))
        s.write_config()
        assert s.ctl("reload").returncode == 0
        assert c.read_eof() == b""
        s.wait_log("Connection disallowed: IP address '127.0.0.1' has been dropped")
    os.kill(worker, signal.SIGCONT)


def test_who_may_not_connect_and_comes_after_the_look_is_not_served(start, first_look):
    """The settings of the address that is given up are asked, not those of the next one, which lets everybody in."""
    s = start({"www": {"pm.max_children": "1", "listen.shards": "1", "listen.allowed_clients": "192.0.2.1", **address("tcp")}})
    given_up, worker = s.address(), s.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    s.pools["www"].update(address("tcp"))
    del s.pools["www"]["listen.allowed_clients"]
    s.write_config()
    wait_look = first_look(s)
    s.signal(signal.SIGUSR2)
    wait_look()
    with fastcgi.Connection(given_up) as c:
        assert c.read_eof() == b""
        s.wait_log("Connection disallowed: IP address '127.0.0.1' has been dropped")
    os.kill(worker, signal.SIGCONT)


@pytest.mark.parametrize("how", ["renamed", "swapped"])
def test_first_connection_at_an_address_that_changes_hands(start, how):
    """It may wake a worker of the old pool, which leaves it to the new one's: those are to hear of it."""
    s = start({"a": {"pm.max_children": "1"}, "b": {"pm.max_children": "1"}})
    code = s.script("pool.php", "<?php echo getenv('POOL');")
    for i in range(12):
        pools = list(s.pools.values())
        names = ["ba", "ab"][i % 2] if how == "swapped" else [f"a{i}", f"b{i}"]
        s.pools = {name: dict(pool, **{"env[POOL]": name}) for name, pool in zip(names, pools)}
        s.write_config()
        done = s.ctl("reload")
        assert done.returncode == 0, done.stderr
        assert [s.run(code, name, timeout=STUCK).text for name in names] == list(names)
        procs.until("the old ones to be gone", lambda: len(s.zygotes()) == 2)


def test_refused_change_of_names_keeps_the_sockets(start):
    s = start({"a": {}, "b": {}})
    preload = {"php_admin_value[opcache.preload]": s.script("preload.php", "<?php preload_needs_this();")}
    before = dict(s.pools)
    s.pools = {"a": before["a"], "c": {**before["b"], **preload}}
    s.write_config()
    assert s.ctl("reload").returncode == 1
    s.pools = dict(before)
    s.write_config()
    assert s.ctl("reload").returncode == 0
    s.wait_zygotes(2)
    assert s.run(s.pid_script, "b").complete
    s.pools = {"a": before["a"], "c": before["b"]}
    s.write_config()
    done = s.ctl("reload")
    assert done.returncode == 0, done.stderr
    assert s.run(s.pid_script, "c").complete


def test_address_written_otherwise_is_the_same(start):
    port = programs.free_port()
    s = start({"www": {"listen": f"127.0.0.1:{port}", "listen.mode": None}})
    s.pools["www"]["listen"] = f"localhost:{port}"
    s.write_config()
    done = s.ctl("reload")
    assert done.returncode == 0, done.stderr


# --- reloads that fail

def break_config(s):
    with open(s.config_path, "a") as f:
        f.write("\nnonsense = 1\n")
    return s.config().count("\n") + 2


def assert_old_generation_serves(s, zygotes, workers):
    assert s.zygotes() == zygotes and s.workers() == workers
    for _ in range(5):
        assert int(s.run(s.pid_script).text) in workers


@pytest.mark.parametrize("how", ["signal", "fpmctl"])
def test_broken_configuration_keeps_the_old_generation(start, how):
    s = start()
    zygotes, workers = s.zygotes(), s.wait_workers(2)
    line = break_config(s)
    if how == "fpmctl":
        r = s.ctl("reload")
        assert r.returncode == 1 and "nonsense" in r.stderr and f"{s.config_path}:{line}" in r.stderr, r
    else:
        at = s.reload()
        assert s.notify.messages[at]["READY"] == "1"
    s.wait_log(r"nonsense")
    assert_old_generation_serves(s, zygotes, workers)
    s.write_config()
    assert s.ctl("reload").returncode == 0
    for pid in workers:
        procs.wait_gone(pid)
    assert int(s.run(s.pid_script).text) not in workers


def test_preload_that_fails_keeps_the_old_generation(start):
    s = start()
    zygotes, workers = s.zygotes(), s.wait_workers(2)
    s.pools["www"]["php_admin_value[opcache.preload]"] = s.script("preload.php", "<?php preload_needs_this();")
    s.write_config()
    r = s.ctl("reload")
    assert r.returncode == 1 and "www" in r.stderr and "preload" in r.stderr, r
    procs.until("the failed zygote to be gone", lambda: s.zygotes() == zygotes)
    assert_old_generation_serves(s, zygotes, workers)


def test_one_pool_that_fails_keeps_all_pools(start):
    s = start({"a": {}, "b": {}})
    workers = s.wait_workers(4)
    s.pools["b"]["php_admin_value[opcache.preload]"] = s.script("preload.php", "<?php preload_needs_this();")
    s.write_config()
    assert s.ctl("reload").returncode == 1
    procs.until("the healthy pool's new workers to leave", lambda: set(s.workers()) == set(workers))
    for pool in "ab":
        assert int(s.run(s.pid_script, pool).text) in workers


def test_new_address_in_use_keeps_the_old_generation(start):
    s = start()
    workers = s.wait_workers(2)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        s.pools["b"] = dict(s.pools["www"], listen="127.0.0.1:%d" % taken.getsockname()[1])
        s.pools["b"].pop("listen.mode", None)
        s.write_config()
        r = s.ctl("reload")
        assert r.returncode == 1 and s.pools["b"]["listen"] in r.stderr, r
    assert int(s.run(s.pid_script).text) in workers


def test_failed_reload_under_load_loses_nothing(start):
    s = start()
    break_config(s)
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=4) as load:
        for _ in range(3):
            load.wait_more(50)
            assert s.ctl("reload").returncode == 1
    assert load.failures() == []


def test_status_says_how_the_last_reload_ended(start):
    s = start()
    assert s.ctl("reload").returncode == 0
    break_config(s)
    assert s.ctl("reload").returncode == 1
    assert "nonsense" in s.ctl("status").stdout


# --- fpmctl reload

def test_reload_of_one_pool_leaves_the_others(start):
    s = start({"a": {}, "b": {}})
    before = {pool: int(s.run(s.pid_script, pool).text) for pool in "ab"}
    workers = set(s.wait_workers(4))
    assert s.ctl("reload", "a").returncode == 0
    procs.until("the old workers of a to be gone", lambda: len(workers & set(s.workers())) == 2)
    assert int(s.run(s.pid_script, "a").text) not in workers
    assert int(s.run(s.pid_script, "b").text) in workers and procs.alive(before["b"])


def test_reload_of_what_has_changed_leaves_the_others(start):
    s = start({"a": {}, "b": {}, "c": {}})
    workers = set(s.wait_workers(6))
    s.pools["b"]["env[NEW]"] = "new"
    code = s.script("env.php", "<?php echo getenv('NEW');")
    s.write_config()
    done = s.ctl("reload", "--changed")
    assert done.returncode == 0 and "reload done in part, 1 pool renewed" in done.stdout
    assert s.run(code, "b").text == "new"
    procs.until("the old workers of b to be gone", lambda: len(workers & set(s.workers())) == 4)
    assert {int(s.run(s.pid_script, pool).text) for pool in "ac"} < workers
    assert int(s.run(s.pid_script, "b").text) not in workers


def test_reload_of_what_has_changed_when_nothing_has(start):
    s = start({"a": {}, "b": {}})
    workers = s.wait_workers(4)
    with open(s.config_path, "a") as f:
        f.write("\n; lines that say nothing, and one that says again what is so\npm = static\n")
    done = s.ctl("reload", "--changed")
    assert done.returncode == 0 and "no pool's settings have changed" in done.stdout
    assert s.workers() == workers
    assert "running" in s.ctl("status").stdout


def test_reload_of_what_has_changed_asks_what_a_pool_runs_with(start):
    """A pool that a reload of others left alone has changed still."""
    s = start({"a": {}, "b": {}})
    s.wait_workers(4)
    for pool in "ab":
        s.pools[pool]["env[NEW]"] = "new"
    code = s.script("env.php", "<?php echo getenv('NEW');")
    s.write_config()
    assert s.ctl("reload", "a").returncode == 0
    assert [s.run(code, pool).text for pool in "ab"] == ["new", ""]
    done = s.ctl("reload", "--changed")
    assert done.returncode == 0 and "1 pool renewed" in done.stdout
    assert s.run(code, "b").text == "new"


def test_reload_of_what_has_changed_with_global_settings_is_for_all(start):
    s = start({"a": {}, "b": {}})
    workers = set(s.wait_workers(4))
    s.settings["log_limit"] = "2048"
    s.write_config()
    done = s.ctl("reload", "--changed")
    assert done.returncode == 0 and "reload done, 2 pools renewed" in done.stdout
    procs.until("all old workers to be gone", lambda: not workers & set(s.workers()))


def test_reload_of_what_has_changed_adds_and_removes_pools(start):
    s = start({"a": {}, "b": {}})
    workers = set(s.wait_workers(4))
    s.pools["c"] = dict(s.pools["a"], listen=s.folder + "/c.sock")
    del s.pools["b"]
    s.write_config()
    done = s.ctl("reload", "--changed")
    assert done.returncode == 0, done.stderr
    assert s.run(s.pid_script, "c").status == 200
    procs.until("the workers of b to be gone", lambda: len(workers & set(s.workers())) == 2)
    assert int(s.run(s.pid_script, "a").text) in workers


def test_reload_of_what_has_changed_that_is_wrong_keeps_all(start):
    s = start()
    workers = s.wait_workers(2)
    s.pools["www"]["nonsense"] = "1"
    s.write_config()
    refused = s.ctl("reload", "--changed")
    assert refused.returncode == 1 and "unknown entry 'nonsense'" in refused.stderr
    assert s.workers() == workers


def test_reload_of_what_has_changed_names_no_pool(start):
    s = start()
    assert s.ctl("reload", "--changed", "www").returncode == 2


@pytest.mark.parametrize("sockets", ["own", "inherited"])
def test_reload_of_one_pool_leaves_those_that_have_left_the_configuration(make, sockets):
    from test_sockets import activated, unix_listener
    s = make({"a": {}, "b": {}})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    if sockets == "own":
        s.start()
    else:
        activated(s, [unix_listener(s.pools[pool]["listen"]) for pool in "ab"], ["a", "b"])
    workers = set(s.wait_workers(4))
    gone = s.pools.pop("b")
    s.write_config()
    done = s.ctl("reload", "a")
    assert done.returncode == 0 and "reload done in part, 1 pool renewed" in done.stdout
    s.pools["b"] = gone
    procs.until("the old workers of a to be gone", lambda: len(workers & set(s.workers())) == 2)
    assert int(s.run(s.pid_script, "b").text) in workers


def test_reload_of_an_unknown_pool_is_refused(start):
    """To who has asked: nothing has been tried, and neither status nor STATUS= speak of it."""
    s = start()
    workers = s.wait_workers(2)
    for name in ("nosuch", "WWW", "ww", "www2", ""):
        r = s.ctl("reload", name)
        assert (r.returncode, r.stderr) == (1, f"fpmctl: reload refused: there is no pool '{name}' in the configuration\n")
        s.wait_log(f"not reloaded: there is no pool '{name}'")
    assert int(s.run(s.pid_script).text) in workers
    assert s.status()["last reload"]["outcome"] == "none" and "refused" not in s.log()
    assert s.ctl("reload", "www").returncode == 0
    assert s.ctl("reload", "www", "x", "y").stderr.count("there is no pool") == 2
    assert s.status()["last reload"]["outcome"] == "done" and s.status()["last reload"]["text"] == "reload done, 1 pool renewed"
    s.notify.hear_all()
    assert not any("refused" in m.get("STATUS", "") for m in s.notify.messages)
    assert s.notify.count("READY") == s.notify.count("RELOADING") + 1


@pytest.mark.parametrize("first", [True, False], ids=["first start", "successor"])
@pytest.mark.parametrize("names", [(), ("www",)], ids=["all", "named"])
def test_a_reload_takes_the_place_of_a_try_that_hangs(make, names, first):
    """Of a start that has failed before: that one is ended, and none begins beside the reload's."""
    s = make({"www": {}, "other": {}})
    tries = os.path.join(s.shared_folder(), "tries")
    fails, hangs = "<?php throw new Exception('not now');", f"<?php file_put_contents('{tries}', '.', FILE_APPEND); while (!file_exists('{tries}-go')) usleep(5000);"
    s.pools["www"]["php_admin_value[opcache.preload]"] = s.script("preload.php", fails if first else "<?php")
    s.start()
    if not first:
        s.script("preload.php", fails)
        os.kill(s.generations()[0]["zygote pid"], signal.SIGKILL)
    s.wait_log(r"\[pool www\] .*it is tried again" if first else r"\[pool www\] a fresh zygote does not start")
    s.script("preload.php", hangs)
    procs.until("the next try", lambda: procs.content(tries))
    del s.pools["www"]["php_admin_value[opcache.preload]"]
    s.write_config()
    r = s.ctl("reload", *names)
    assert r.returncode == 0 and "reload waits until" not in s.log()
    procs.until("what was there before to go", lambda: [g["state"] for g in s.generations()] == ["accepting"])
    assert procs.content(tries) == "." and s.run(s.script("page.php", "<?php")).complete


def test_an_unknown_pool_refuses_no_reload_of_others(start):
    """Those that wait become one reload."""
    s = start({"a": {}, "b": {}, "c": {}})
    gate = Gate(s, "a")

    def begin_waiting(*names):
        since = len(s.log())
        ctl = s.begin_ctl("reload", *names)
        s.wait_log("reload waits until", since)
        return ctl
    with s.begin_ctl("reload", "a") as first:
        gate.wait_reached()
        with begin_waiting("b") as second, begin_waiting("c", "nosuch") as third:
            gate.open()
            assert first.communicate(timeout=60)[0] == second.communicate(timeout=60)[0] == "reload done in part, 1 pool renewed\n"
            said = third.communicate(timeout=60)[1]
            assert (third.returncode, said) == (1, "fpmctl: reload refused: there is no pool 'nosuch' in the configuration\n")
    assert [max(g["number"] for g in s.generations(name)) for name in "abc"] == [2, 2, 1]


def test_pool_that_is_written_in_capitals_is_another_one(start):
    """It takes the old one's address over."""
    s = start()
    workers = s.wait_workers(2)
    s.pools["WWW"] = s.pools.pop("www")
    s.write_config()
    assert s.ctl("reload").returncode == 0
    procs.until("the old pool to be gone", lambda: [p["name"] for p in s.status()["pools"]] == ["WWW"])
    assert int(s.run(s.pid_script, "WWW").text) not in workers
    assert s.ctl("reload", "WWW").returncode == 0 and s.ctl("reload", "www").returncode != 0


def test_fpmctl_reload_waits_for_the_outcome(start):
    """When it comes back, the very next request is served by the new generation."""
    s = start()
    for _ in range(5):
        old = set(s.workers())
        assert s.ctl("reload").returncode == 0
        assert int(s.run(s.pid_script).text) not in old


def test_third_generation_waits_for_the_first_to_end(start):
    """At most two live at once: a reload while an old request still runs takes its turn, and the request is not cut for it."""
    s = start()
    with Held(s) as held:
        held.wait_running()
        assert s.ctl("reload").returncode == 0
        second = subprocess.Popen([programs.FPMCTL, "--runtime-dir", s.runtime, "reload"], stdin=subprocess.DEVNULL)
        for _ in range(50):
            assert len(s.zygotes()) <= 2
            assert s.run(s.pid_script).complete
        assert held.finish().complete
        assert second.wait(20) == 0
    s.wait_zygotes(1)


def test_worker_numbers_after_many_reloads(start):
    s = start({"www": {"pm.max_children": "3"}})
    for _ in range(8):
        s.reload()
    procs.until("one generation of 3 workers", lambda: len(s.zygotes()) == 1 and len(s.workers()) == 3)
    fds = len(os.listdir(f"/proc/{s.pid}/fd"))
    for _ in range(8):
        s.reload()
    procs.until("one generation of 3 workers", lambda: len(s.zygotes()) == 1 and len(s.workers()) == 3)
    procs.until("no descriptors to be left over", lambda: len(os.listdir(f"/proc/{s.pid}/fd")) <= fds)


@pytest.mark.parametrize("how", ["SIGHUP", "fpmctl"])
def test_reload_asked_for_during_the_start_follows_it(make, how):
    s = make()
    gate = Gate(s)
    s.spawn(s.command())
    gate.wait_reached()
    ctl = None
    if how == "fpmctl":
        ctl = subprocess.Popen([programs.FPMCTL, "--runtime-dir", s.runtime, "reload"], stdin=subprocess.DEVNULL)
    else:
        s.signal(signal.SIGHUP)
    s.wait_log("reload waits")
    assert s.notify.count("READY") == 0 and s.notify.count("RELOADING") == 0 and gate.runs() == 1
    gate.open()
    ready = s.notify.wait("READY", "1")
    begun = s.notify.wait("RELOADING", "1", ready)
    s.notify.wait("READY", "1", begun)
    assert gate.runs() == 2
    if ctl:
        assert ctl.wait(10) == 0
    procs.until("the first generation to be gone", lambda: [g["number"] for g in s.generations()] == [2])


def test_zygote_that_dies_while_another_pool_still_starts_ends_the_reload(start):
    """Its first workers had accepted already, which must not count any more."""
    s = start({"a": {}, "b": {}})
    workers, zygotes = s.wait_workers(4), s.wait_zygotes(2)
    gate = Gate(s, "b")
    ctl = subprocess.Popen([programs.FPMCTL, "--runtime-dir", s.runtime, "reload"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                           text=True)
    gate.wait_reached()

    def accepting():
        return next((g["zygote pid"] for g in s.generations("a") if g["number"] == 2 and g["state"] == "accepting"), None)
    os.kill(procs.until("the new generation of a to accept", accepting), signal.SIGKILL)
    _, said = ctl.communicate(timeout=10)
    assert ctl.returncode == 1 and "'a'" in said and "zygote" in said, said
    procs.until("what the reload had started to be gone", lambda: s.zygotes() == zygotes)
    for pool in "ab":
        assert int(s.run(s.pid_script, pool).text) in workers
    assert s.workers() == workers
    gate.open()
    assert s.ctl("reload").returncode == 0
    for pid in workers:
        procs.wait_gone(pid)
    for pool in "ab":
        assert int(s.run(s.pid_script, pool).text) not in workers


def test_log_rotated_during_a_reload_that_is_refused(start):
    """The signal is not lost, nor does the old generation's file come back: everything is written to the new one."""
    s = start()
    code = s.script("log.php", "<?php error_log('marked ' . $_GET['i']);")
    s.run(code, query="i=before")
    s.wait_log("marked before")
    gate = Gate(s, then="preload_needs_this();")
    since = s.notify.mark()
    s.signal(signal.SIGUSR2)
    gate.wait_reached()
    os.rename(s.log_path, s.log_path + ".1")
    s.signal(signal.SIGUSR1)
    s.ctl("status")
    gate.open()
    s.notify.wait("READY", "1", s.notify.wait("RELOADING", "1", since))
    s.wait_log("re-opened")

    def arrives(i):
        s.run(code, query=f"i=after{i}")
        return f"marked after{i}" in s.log()
    numbers = iter(range(1000))
    procs.until("a worker's line in the new log", lambda: arrives(next(numbers)))
    procs.until("workers with the new log only", lambda: all(arrives(next(numbers)) for _ in range(8)))
    with open(s.log_path + ".1") as f:
        old = f.read()
    assert "preload_needs_this" in old + s.log()
    since = len(s.log())
    assert s.ctl("reload").returncode == 1
    s.wait_log("reload refused", since)
    with open(s.log_path + ".1") as f:
        assert f.read() == old


def test_the_reason_of_a_refusal_is_the_mistake_and_no_remark(start):
    s = start({"www": {"pm": "dynamic", "pm.max_children": "4", "pm.min_spare_servers": "1", "pm.max_spare_servers": "2"}})
    s.pools["www"]["chdir"] = "/nowhere"
    s.write_config()
    done = s.ctl("reload")
    said = done.stdout + done.stderr
    assert done.returncode == 1 and "/nowhere" in said and "start_servers" not in said
    last = s.status()["last reload"]
    assert last["outcome"] == "refused" and "/nowhere" in last["text"] and "start_servers" not in last["text"]
    s.wait_log(r"NOTICE: \[pool www\] pm\.start_servers is not set")
    assert "reload refused, everything stays as it was: NOTICE" not in s.log()


def test_a_mistake_is_logged_once(start):
    """In our words, which have its place: not in php-fpm's too, nor what it has led to."""
    s = start({"www": {}})
    s.pools["www"]["pm.max_children"] = "0"
    s.write_config()
    done = s.ctl("reload")
    line = s.config().splitlines().index("pm.max_children = 0") + 1
    assert done.returncode == 1 and f"[{s.config_path}:{line}] directive 'pm.max_children'" in done.stderr, done
    s.wait_log(re.escape(f"reload refused, everything stays as it was: [{s.config_path}:{line}] directive 'pm.max_children'"))
    assert s.log().count("reload refused") == 1, s.log()
