# SPDX-License-Identifier: MIT
"""In the background: the caller gets its prompt back when the service is up or has failed; php-fpm and fpmd under its name alike."""

import os
import re
import signal
import subprocess

import pytest

import fastcgi
import procs
import server as programs


class Daemon:
    """A twin in the background, known by its pid file."""

    def __init__(self, twin, args=(), settings=None, pool=None):
        self.twin = twin
        self.pid_path = os.path.join(twin.folder, "fpm.pid")
        twin.write_conf({"pid": self.pid_path, **(settings or {})}, pool)
        self.status, self.out, self.err = twin.ask("-n", "-y", "fpm.conf", *args)
        self.pid = None  # none: it failed
        if os.path.exists(self.pid_path):
            with open(self.pid_path) as f:
                self.pid = int(f.read())
            programs.Server.running_pids.add(self.pid)

    def log(self):
        with open(self.twin.log_path) as f:
            return f.read()

    def wait_log(self, pattern, n=1):
        procs.until(f"{n} lines like {pattern!r}", lambda: len(re.findall(pattern, self.log())) >= n)

    def end(self, number=signal.SIGTERM):
        """Whether it has ended by itself; the daemon is the test's child by now, as orphans are."""
        os.kill(self.pid, number)
        procs.wait_gone(self.pid)
        programs.Server.running_pids.discard(self.pid)
        procs.reap(self.pid)
        return not os.path.exists(self.pid_path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid and procs.alive(self.pid):
            family = procs.descendants(self.pid)
            for pid in [self.pid, *family]:
                if procs.alive(pid):
                    procs.kill(pid, signal.SIGKILL)
            procs.wait_gone(self.pid)
            programs.Server.running_pids.discard(self.pid)
            procs.reap(self.pid)


WAYS = {
    "-D": (["-D"], {}),
    "the long option": (["--daemonize"], {}),
    "daemonize = yes": ([], {"daemonize": "yes"}),
    "by default": ([], {}),
    "-D before daemonize = no": (["-D"], {"daemonize": "no"}),
    "the last of -F and -D": (["-F", "-D"], {}),
}


@pytest.mark.parametrize("how", WAYS)
def test_it_goes_to_the_background(twins, how):
    args, settings = WAYS[how]
    for twin in twins:
        with Daemon(twin, args, settings) as d:
            assert (d.status, d.out, d.err) == (0, "", ""), twin.program
            assert d.pid and procs.title(d.pid) == "php-fpm: master process (fpm.conf)"
            assert d.end(), twin.program


def test_it_takes_connections_when_the_caller_has_its_prompt_back(twins):
    for twin in twins:
        with Daemon(twin, ["-D"]) as d:
            script = twin.script("x.php", "<?php echo 'here';")
            assert fastcgi.Client(twin.pool["listen"], 10).request(fastcgi.environment(script), b"").text == "here"
            d.end()


def test_it_has_a_session_of_its_own_and_nothing_of_the_callers(twins):
    for twin in twins:
        with Daemon(twin, ["-D"]) as d:
            assert os.getsid(d.pid) == os.getpgid(d.pid) == d.pid
            assert [os.readlink(f"/proc/{d.pid}/fd/{n}") for n in range(3)] == ["/dev/null", "/dev/null", twin.log_path]
            assert os.readlink(f"/proc/{d.pid}/cwd") == twin.folder
            d.end()


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("how", ["-D", "-F"])
def test_it_runs_where_the_caller_has_closed_its_descriptors(twins, how, closed):
    """As some cron jobs and init scripts start it; php-fpm runs then, but may keep its caller's pipe."""
    ours = twins[1]
    command = ours.command
    ours.command = lambda args: ["/bin/sh", "-c", f'exec "$@" {closed}', "sh", *command(args)]
    script = ours.script("x.php", "<?php echo 'here';")
    if how == "-D":
        with Daemon(ours, ["-D"]) as d:
            assert d.status == 0
            assert ours.request(script).text == "here"
            assert d.end()
    else:
        ours.start()
        assert ours.request(script).text == "here"
        assert ours.end() == 0


def test_log_of_a_daemon_is_php_fpms(twins):
    lines = []
    for twin in twins:
        with Daemon(twin, ["-D", "-O"]) as d:
            assert d.err == ""
            d.wait_log("systemd monitor")
            d.end(signal.SIGQUIT)
            lines.append(twin.lines(d.log()))
    assert lines[0] == lines[1]
    assert lines[1][-1] == "NOTICE: exiting, bye-bye!"


FAILURES = {
    "an unknown directive": ({"no.such": "1"}, {}, 78),
    "a log that cannot be opened": ({"error_log": "/no/such/folder/log"}, {}, None),
    "a pid file that cannot be made": ({"pid": "/no/such/folder/pid"}, {}, 70),
    "a socket in no folder": ({}, {"listen": "/no/such/folder/sock"}, 70),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_failure_is_told_to_the_caller(twins, what):
    settings, pool, expected = FAILURES[what]
    results = []
    for twin in twins:
        with Daemon(twin, ["-D"], settings, pool) as d:
            assert d.pid is None
            results.append((d.status, d.out, twin.lines(d.err)[-1]))
    if expected:
        assert results[0] == results[1] == (expected, "", "ERROR: FPM initialization failed")
    # a log that cannot be opened is found before php-fpm forks (78), and after fpmd does (70)
    assert results[1][1:] == results[0][1:] == ("", "ERROR: FPM initialization failed")


def test_pid_file_and_process_stay_over_a_reload(twins):
    ours = twins[1]
    with Daemon(ours, ["-D"]) as d:
        os.kill(d.pid, signal.SIGUSR2)
        d.wait_log("ready to handle connections", 2)
        with open(d.pid_path) as f:
            assert int(f.read()) == d.pid
        assert procs.alive(d.pid)
        assert d.end()


def test_a_pid_file_that_has_gone_is_back_after_a_reload(twins):
    """As with php-fpm, which then has another pid."""
    ours = twins[1]
    with Daemon(ours, ["-D"]) as d:
        os.unlink(d.pid_path)
        os.kill(d.pid, signal.SIGUSR2)
        d.wait_log("ready to handle connections", 2)
        with open(d.pid_path) as f:
            assert f.read() == str(d.pid)
        assert d.end()


def test_a_pid_file_that_became_anothers_is_left(twins):
    ours = twins[1]
    with Daemon(ours, ["-D"]) as d:
        with open(d.pid_path, "w") as f:
            f.write("1")
        assert not d.end()
        with open(d.pid_path) as f:
            assert f.read() == "1"


def test_signal_by_pid_file_reopens_a_moved_log(twins):
    for twin in twins:
        with Daemon(twin, ["-D"]) as d:
            os.rename(twin.log_path, twin.log_path + ".1")
            os.kill(d.pid, signal.SIGUSR1)
            procs.until("the new log", lambda: os.path.exists(twin.log_path) and "error log file re-opened" in d.log())
            d.end()


def test_a_reload_takes_stderr_to_the_new_log_too(twins):
    ours = twins[1]
    with Daemon(ours, ["-D"]) as d:
        os.rename(ours.log_path, ours.log_path + ".1")
        os.kill(d.pid, signal.SIGUSR2)
        procs.until("the new log", lambda: os.path.exists(ours.log_path) and "ready to handle connections" in d.log())
        assert os.readlink(f"/proc/{d.pid}/fd/2") == ours.log_path
        assert d.end()


def test_under_a_service_manager_only_the_command_line_sends_it_away(make):
    """daemonize = yes is set aside where READY=1 is waited for: the process that systemd knows stays."""
    s = make(settings={"daemonize": "yes"})
    s.start()
    assert s.running()
    assert "daemonize = yes has no effect under a service manager" in s.output()


def test_fpmd_stays_in_the_foreground_by_default(make):
    s = make(settings={"daemonize": None})
    s.start()
    assert s.running() and procs.title(s.pid).startswith("fpmd: master process")


def test_the_caller_waits_for_php_not_only_for_sockets(twins):
    """A preload script that fails is found only when PHP starts."""
    ours = twins[1]
    path = ours.script("preload.php", "<?php this is no php")
    ours.write_conf({"pid": os.path.join(ours.folder, "fpm.pid")},
                    {"php_admin_value[opcache.preload]": path, "php_admin_value[zend_extension]": "opcache",
                     "php_admin_value[opcache.preload_user]": programs.POOL_USER if programs.ROOT else None})
    r = subprocess.run(ours.command(["-n", "-y", "fpm.conf", "-D"]), capture_output=True, text=True, timeout=programs.START_LIMIT,
                       env=ours.environment(), cwd=ours.folder)
    assert r.returncode == 70
    assert "ERROR: [pool www] " in r.stderr
    assert not os.path.exists(os.path.join(ours.folder, "fpm.pid"))
