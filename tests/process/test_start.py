# SPDX-License-Identifier: MIT
"""Start-up: what is said to the service manager, what is refused and how it is said."""

import os
import pwd
import re
import signal
import subprocess

import pytest

import procs
import server as programs

EX_CONFIG = 78


# --- the conversation with the service manager

def test_ready_is_said_once_and_after_workers_of_every_pool_accept(make):
    s = make({"a": {}, "b": {"pm.max_children": "3"}, "c": {}})
    script = s.script("p.php", "<?php echo getmypid();")
    s.start()
    for pool in s.pools:
        assert s.run(script, pool).complete
    assert s.notify.count("READY") == 1


def test_ready_comes_after_a_slow_module_start(make):
    """A pool's preload is part of its start: no READY before it is over."""
    s = make({"www": {}})
    preload = s.script("preload.php", "<?php function from_preload() { return 'preloaded'; }")
    s.pools["www"].update({"php_admin_value[opcache.preload]": preload})
    s.start()
    assert s.run(s.script("p.php", "<?php echo from_preload();")).text == "preloaded"


def test_status_line_says_what_is_served(start):
    s = start({"www": {}})
    s.notify.wait("STATUS", since=0)
    assert any(m.get("STATUS") for m in s.notify.messages)


def test_watchdog_is_fed(make):
    s = make()
    s.env["WATCHDOG_USEC"] = "400000"
    s.start()
    since = s.notify.mark()
    first = s.notify.wait("WATCHDOG", "1", since, limit=2)
    second = s.notify.wait("WATCHDOG", "1", first + 1, limit=2)
    assert s.notify.times[second] - s.notify.times[first] < 0.4


def test_watchdog_of_another_process_is_not_fed(make):
    s = make()
    s.env.update(WATCHDOG_USEC="200000", WATCHDOG_PID="1")
    s.start()
    with pytest.raises(TimeoutError):
        s.notify.wait("WATCHDOG", "1", limit=0.6)


def test_no_watchdog_messages_unless_asked(start):
    s = start()
    with pytest.raises(TimeoutError):
        s.notify.wait("WATCHDOG", limit=0.3)


def test_runs_without_a_notify_socket(make):
    s = make()
    s.env["NOTIFY_SOCKET"] = ""
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.spawn(s.command())

    def serves():
        try:
            return s.run(s.pid_script).complete
        except OSError:
            return False
    procs.until("the pool to serve", serves)


# --- processes

def test_one_zygote_per_pool_and_its_workers(start):
    s = start({"a": {"pm.max_children": "2"}, "b": {"pm.max_children": "3"}})
    zygotes = s.wait_zygotes(2)
    procs.until("2 and 3 workers", lambda: sorted(len(s.workers(z)) for z in zygotes) == [2, 3])


def test_titles_say_who_is_who(start):
    s = start({"a": {"pm.max_children": "1"}, "b": {"pm.max_children": "1"}})
    s.wait_workers(2)
    titles = sorted(procs.title(p) for p in s.zygotes())
    assert [t.split(" (")[0] for t in titles] == ["fpmd: zygote a", "fpmd: zygote b"]
    assert sorted(procs.title(w) for w in s.workers()) == ["fpmd: pool a", "fpmd: pool b"]
    assert procs.title(s.pid).startswith("fpmd: master")


def test_master_does_not_have_php_in_it(start):
    s = start()
    with open(f"/proc/{s.pid}/maps") as f:
        assert "libphp" not in f.read()


def test_no_php_runs_as_root(start):
    if not programs.ROOT:
        pytest.skip("needs root: without it nothing can run as root")
    s = start({"a": {}, "b": {}})
    import pwd
    uid = pwd.getpwnam(programs.POOL_USER).pw_uid
    parks = procs.until("a park", s.parks)
    for pid in s.zygotes() + s.workers() + parks:
        with open(f"/proc/{pid}/status") as f:
            status = f.read()
        assert re.search(rf"^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$", status, re.M), (pid, status)
        assert re.search(r"^CapEff:\t0+$", status, re.M) and re.search(r"^CapPrm:\t0+$", status, re.M)


def test_groups_of_a_worker_are_the_pool_users(start):
    if not programs.ROOT:
        pytest.skip("needs root: without it no pool changes its user")
    s = start()
    r = s.run(s.script("id.php", "<?php echo posix_getuid(), ' ', posix_getgid(), ' ', implode(',', posix_getgroups());"))
    uid, gid, groups = r.text.split()
    assert "0" not in (uid, gid) and "0" not in groups.split(",")


# --- configuration errors: exit status 78, and file, line and directive in the message

BROKEN = {
    "unknown directive": ("[global]\ndaemonize = no\n[www]\nlisten = {d}/x.sock\npm = static\npm.max_children = 1\npm.max_childs = 3\n{user}",
                          7, "pm.max_childs"),
    "value out of range": ("[www]\nlisten = {d}/x.sock\npm = static\npm.max_children = 0\n{user}", 4, "pm.max_children"),
    "value that is no number": ("[www]\nlisten = {d}/x.sock\npm = static\npm.max_children = many\n{user}", 4, "pm.max_children"),
    "unknown pm": ("[www]\nlisten = {d}/x.sock\npm = magic\npm.max_children = 1\n{user}", 3, "pm"),
    "pool without listen": ("[www]\npm = static\npm.max_children = 1\n{user}", 1, "listen"),
    "pool without pm": ("[www]\nlisten = {d}/x.sock\n{user}", 1, "pm"),
    "event mechanism": ("[global]\nevents.mechanism = kqueue\n[www]\nlisten = {d}/x.sock\npm = static\npm.max_children = 1\n{user}", 2, "events.mechanism"),
    "extensions with a comma": ("[www]\nlisten = {d}/x.sock\npm = static\npm.max_children = 1\n{user}security.limit_extensions = .php, .html\n",
                                None, "security.limit_extensions"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_configuration(make, what):
    template, line, directive = BROKEN[what]
    s = make()
    user = f"user = {programs.POOL_USER}\n" if programs.ROOT else ""
    s.text = template.format(d=s.folder, user=user)
    status, said = s.start_expecting_failure()
    assert status == EX_CONFIG
    assert directive in said
    assert f"{s.config_path}:{line}" in said if line else s.config_path + ":" in said, said


def test_every_problem_is_named_at_once(make):
    s = make()
    s.text = "[www]\nlisten = /x.sock\npm = static\npm.max_children = 0\nlisten.backlog = soon\nnonsense = 1\n"
    status, said = s.start_expecting_failure()
    assert status == EX_CONFIG
    for line, name in ((4, "pm.max_children"), (5, "listen.backlog"), (6, "nonsense")):
        assert re.search(rf"{re.escape(s.config_path)}:{line}\b.*{re.escape(name)}", said), said


def test_no_pool_at_all(make):
    s = make()
    s.text = "[global]\ndaemonize = no\n"
    status, said = s.start_expecting_failure()
    assert status == EX_CONFIG and "pool" in said


def test_missing_configuration_file(make):
    s = make()
    s.args = ["-y", s.folder + "/none.conf"]
    status, said = s.start_expecting_failure()
    assert status == EX_CONFIG and s.folder + "/none.conf" in said and "No such file" in said


def test_root_as_pool_user_is_refused(make):
    if not programs.ROOT:
        pytest.skip("needs root: the rule is for a master that runs as root")
    for user in ("root", None):
        s = make({"www": {"user": user, "group": user}})
        status, said = s.start_expecting_failure()
        assert status == EX_CONFIG and "user" in said and "root" in said


def test_unknown_user(make):
    if not programs.ROOT:
        pytest.skip("needs root: without it no pool changes its user")
    s = make({"www": {"user": "no-such-user"}})
    status, said = s.start_expecting_failure()
    assert status == EX_CONFIG and "no-such-user" in said


def test_two_pools_on_one_address(make):
    s = make({"a": {}, "b": {}})
    s.pools["b"]["listen"] = s.pools["a"]["listen"]
    status, said = s.start_expecting_failure()
    assert status == EX_CONFIG and s.pools["a"]["listen"] in said


def test_what_has_no_effect_is_named(start):
    s = start({"www": {"pm": "dynamic", "pm.max_children": "3", "pm.start_servers": "2", "pm.min_spare_servers": "1",
                       "pm.max_spare_servers": "3"}}, settings={"events.mechanism": "poll"})
    assert "directive 'events.mechanism': accepted, and without effect" in s.log()
    assert s.run(s.pid_script).complete


def test_address_in_use_is_a_start_error_that_names_it(make):
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        status, said = make({"www": {"listen": address}}).start_expecting_failure()
    assert status != 0 and address in said and "in use" in said


def test_failing_preload_is_a_start_error_with_the_reason(make):
    s = make({"www": {}})
    s.pools["www"]["php_admin_value[opcache.preload]"] = s.script("preload.php", "<?php preload_needs_this();")
    status, said = s.start_expecting_failure()
    assert status != 0 and ("preload_needs_this" in said or "preload" in said) and "www" in said


def test_config_test_option(make):
    s = make()
    s.write_config()
    good = subprocess.run([programs.FPMD, "-t", "-y", s.config_path], capture_output=True, text=True, timeout=20)
    assert good.returncode == 0 and "success" in (good.stdout + good.stderr)
    with open(s.config_path, "a") as f:
        f.write("nonsense = 1\n")
    bad = subprocess.run([programs.FPMD, "-t", "-y", s.config_path], capture_output=True, text=True, timeout=20)
    assert bad.returncode == EX_CONFIG and "nonsense" in bad.stdout + bad.stderr


def test_config_dump_option(make):
    s = make({"www": {"php_admin_value[memory_limit]": "99M"}})
    s.write_config()
    r = subprocess.run([programs.FPMD, "-tt", "-y", s.config_path], capture_output=True, text=True, timeout=20)
    said = r.stdout + r.stderr
    assert r.returncode == 0 and "[www]" in said and "pm.max_children = 2" in said and "php_admin_value[memory_limit] = 99M" in said


def test_log_says_ready_and_which_php_settings_were_read(start):
    s = start()
    s.wait_log(r"ready to handle connections|serving|started")
    s.wait_log(r"/php\.ini")


def test_failed_start_leaves_nothing_behind(make):
    s = make({"www": {}, "bad": {}})
    for pool in s.pools.values():
        pool["php_admin_value[opcache.preload]"] = s.script("preload.php", "<?php preload_needs_this();")
    status, _ = s.start_expecting_failure()
    assert status != 0
    procs.until("nothing to be left", lambda: programs.strays() == [])
    assert not os.path.exists(s.address("www"))


def test_terminated_while_starting(make):
    s = make({"www": {}})
    mark = os.path.join(s.shared_folder(), "preloading")
    s.pools["www"]["php_admin_value[opcache.preload]"] = s.script(
        "preload.php", f"<?php touch('{mark}'); for ($i = 0; $i < 2000; $i++) usleep(5000);")
    s.spawn(s.command())
    procs.until("the preload to run", lambda: os.path.exists(mark))
    s.signal(signal.SIGTERM)
    s.wait_exit(10)
    procs.until("nothing to be left", lambda: programs.strays() == [])


# --- numbers, limits, users

@pytest.mark.parametrize("pools,size", [(1, 400), (3, 300)])
def test_large_pools_start_fully(make, pools, size):
    """Hundreds of workers tell of themselves at once, and no message may get lost."""
    names = [f"pool{i}" for i in range(pools)]
    s = make({name: {"pm.max_children": str(size)} for name in names})
    s.start()

    def counts():
        return [[g["workers"] for g in p["generations"]] for p in s.status()["pools"]]
    procs.until("all workers to be there", lambda: counts() == [[size]] * pools, programs.START_LIMIT)
    assert [len(s.workers(z)) for z in s.wait_zygotes(pools)] == [size] * pools
    assert not re.search(r"WARNING|ERROR|ALERT", s.log()), s.log()


def test_low_soft_limit_of_descriptors_is_raised_for_the_master_only(make):
    """Three descriptors per worker are more than 64. PHP sees the limits that fpmd was given."""
    s = make({"www": {"pm.max_children": "60", "catch_workers_output": "yes"}})
    s.wrapper = ["prlimit", "--nofile=64:4096"]
    code = s.script("limits.php", "<?php $l = posix_getrlimit(); echo $l['soft openfiles'], ' ', $l['hard openfiles'];"
                                  " file_put_contents('php://stderr', \"still caught\\n\");")
    s.start()
    zygotes = s.wait_zygotes(1)
    s.wait_workers(60)
    procs.until("the master to know all", lambda: s.generations()[0]["workers"] == 60)
    assert s.run(code).text == "64 4096"
    s.wait_log("still caught")
    assert s.zygotes() == zygotes and not re.search(r"ERROR|ALERT|zygote \d+ .*exited", s.log()), s.log()


def test_descriptors_that_others_of_the_user_have_in_flight_keep_no_worker_from_starting(make):
    """The kernel compares their number with the soft limit of whoever sends one more: unix(7), ETOOMANYREFS."""
    in_flight = ("import array, socket, sys\n"
                 "pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(4)]\n"
                 "for one, _ in pairs: one.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 100))])\n"
                 "print('sent', flush=True)\n"
                 "sys.stdin.read()\n")
    s = make({"www": {"pm.max_children": "2"}})
    s.wrapper = ["prlimit", "--nofile=64:4096"]
    s.start()
    zygotes, workers = s.zygotes(), s.wait_workers(2)
    who = pwd.getpwnam(programs.POOL_USER).pw_uid if programs.ROOT else os.getuid()
    as_user = ["setpriv", f"--reuid={who}", "--clear-groups"] if programs.ROOT else []
    with subprocess.Popen([*as_user, "/usr/bin/python3", "-c", in_flight], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"sent\n"
        procs.kill(workers[0], signal.SIGKILL)
        s.wait_workers(2, without=workers[:1])
        other.stdin.close()
    assert s.zygotes() == zygotes


def test_home_and_user_of_a_pool_without_a_user(make):
    """Not root: the pool's processes are who the master is, and their environment says so."""
    s = make()
    s.pools["www"].update(user=None, group=None)
    who = pwd.getpwnam(programs.POOL_USER) if programs.ROOT else pwd.getpwuid(os.getuid())
    if programs.ROOT:
        s.wrapper = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--init-groups"]
        for path in (s.folder, s.runtime):
            os.chown(path, who.pw_uid, who.pw_gid)
    s.env["HOME"] = "/nonexistent"
    s.env["USER"] = "somebody"
    s.start()
    r = s.run(s.script("who.php", "<?php echo $_SERVER['USER'], ' ', $_SERVER['HOME'], ' ', getenv('USER'), ' ', getenv('HOME');"))
    assert r.text == f"{who.pw_name} {who.pw_dir} {who.pw_name} {who.pw_dir}"


def test_a_refusal_says_how_the_unit_is_made_anew(make):
    """A unit has its --refuse until systemd makes it anew: to mend the pool's file is not enough."""
    s = make(args=["--refuse", "[/etc/fpmd/pool.d/x.conf:3] directive 'pm': invalid"])
    status, said = s.start_expecting_failure()
    assert status == 78 and "[/etc/fpmd/pool.d/x.conf:3] directive 'pm': invalid" in said
    assert "when that is mended: systemctl daemon-reload" in said
