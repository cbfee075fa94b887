# SPDX-License-Identifier: MIT
"""The command line, given to php-fpm and to fpmd under its name: what is printed, where, and the exit status."""

import os
import re
import signal

import pytest

import fastcgi
import procs
import server as programs
import twins

# php-fpm's own help is not ours: it must be a help, on the same stream.
HELP = {
    "short": ["-h"],
    "long": ["--help"],
    "question mark": ["-?"],
    "question mark among letters": ["-n?"],
    "another word": ["--usage"],
    "before other options": ["-h", "-v"],
    "with a test": ["-t", "-h"],
}
WRONG = {
    "unknown letter": ["-Z"],
    "unknown word": ["--no-such-option"],
    "an abbreviated word": ["--vers"],
    "a word that is no option": ["foo"],
    "a word behind a test": ["-n", "-y", "fpm.conf", "-t", "foo"],
    "no argument for -y": ["-y"],
    "no argument for -c": ["-c"],
    "no argument for -d": ["-d"],
    "no argument for -p": ["-p"],
    "no argument for -g": ["-g"],
    "wrong before right": ["-Z", "-v"],
    "an option of the command line's php": ["-a"],
}
VERSION = {
    "short": ["-v"],
    "long": ["--version"],
    "with a define": ["-d", "foo=1", "-v"],
    "with a define in one word": ["-dfoo=1", "-v"],
    "with a long define": ["--define", "foo=1", "-v"],
    "with a long define in one word": ["--define=foo=1", "--version"],
    "with a php.ini that is not there": ["--php-ini=/no/such/file", "-v"],
    "before a test": ["-t", "-v"],
    "with everything else": ["-n", "-e", "-R", "-F", "-O", "-v"],
}
MODULES = {"short": ["-m"], "long": ["--modules"], "without php.ini": ["-n", "-m"], "for a profiler": ["-e", "-n", "-m"]}
INFO = {"short": ["-i"], "long": ["--info"], "without php.ini": ["-n", "-i"], "with a setting": ["-n", "-d", "memory_limit=77M", "-i"]}


@pytest.mark.parametrize("what", HELP)
def test_help_goes_to_stdout_with_status_0(twins, what):
    for twin in twins:
        status, out, err = twin.ask(*HELP[what])
        assert (status, out[:6], err) == (0, "Usage:", ""), twin.program


@pytest.mark.parametrize("what", WRONG)
def test_wrong_use_shows_help_on_stdout_with_status_64(twins, what):
    for twin in twins:
        twin.write_conf()
        status, out, _ = twin.ask(*WRONG[what])
        assert (status, out[:6]) == (64, "Usage:"), twin.program


def test_help_names_every_option_of_php_fpm(twins):
    reference, ours = (twin.ask("-h")[1] for twin in twins)
    options = set(re.findall(r"^\s+(-\w)\b", reference, re.M)) | set(re.findall(r"(--[a-z-]+)\b", reference))
    assert len(options) > 15
    assert options <= set(re.findall(r"(?<!\w)(-\w|--[a-z-]+)\b", ours))


@programs.as_php_fpm()
@pytest.mark.parametrize("what", VERSION)
def test_version_is_phps(twins, what):
    reference, ours = (twin.ask(*VERSION[what]) for twin in twins)
    assert ours[0] == reference[0] == 0
    assert ours[2] == reference[2] == ""
    # the rest of the first line is when, or what, was built
    assert ours[1].split(")")[0] == reference[1].split(")")[0]
    assert ours[1].splitlines()[1:] == reference[1].splitlines()[1:]


@programs.as_php_fpm()
@pytest.mark.parametrize("what", MODULES)
def test_modules_are_php_fpms(twins, what):
    reference, ours = (twin.ask(*MODULES[what]) for twin in twins)
    assert ours[0] == reference[0] == 0
    assert ours[1].splitlines() == reference[1].splitlines()


@programs.as_php_fpm()
@pytest.mark.parametrize("what", INFO)
def test_info_is_php_fpms(twins, what):
    reference, ours = (twin.ask(*INFO[what]) for twin in twins)
    assert ours[0] == reference[0] == 0
    for key in ("PHP Version", "Server API", "Loaded Configuration File", "Additional .ini files parsed", "PHP API", "memory_limit", "display_errors",
                "max_execution_time"):
        line = re.search(rf"^{re.escape(key)} => .*$", reference[1], re.M)
        assert line and line[0] in ours[1].splitlines(), key


# What PHP prints of its start where no php.ini says otherwise.
DISPLAYED = {
    "an extension that is not there": (["-d", "extension=nosuch"], "PHP Startup: Unable to load dynamic library 'nosuch'"),
    "an extension of the engine that is not there": (["-d", "zend_extension=nosuch"], "Failed loading Zend extension 'nosuch'"),
    "a value that PHP refuses": (["-d", "memory_limit=1"], "Failed to set memory limit to 1 bytes"),
    "as text": (["-d", "html_errors=0", "-d", "extension=nosuch"], "PHP Startup: Unable to load dynamic library 'nosuch'"),
}


@programs.as_php_fpm()
@pytest.mark.parametrize("task", ["-m", "-v", "-i"])
@pytest.mark.parametrize("what", DISPLAYED)
def test_what_php_prints_of_its_start_is_there(twins, what, task):
    args, text = DISPLAYED[what]
    found = []
    for twin in twins:
        status, out, err = twin.ask("-n", *args, task)
        assert (status, err) == (0, ""), twin.program
        found.append([line for line in out.splitlines() if "Warning" in line and text in line])
    assert found[0] == found[1] and len(found[0]) == 1


def test_what_php_prints_is_not_printed_by_root(twins):
    if not programs.ROOT:
        pytest.skip("needs root: nobody else can become nobody")
    ours = twins[1]
    path = ours.write("private.ini", "memory_limit = 77M\n")
    assert "memory_limit => 77M" in ours.ask("-c", path, "-i")[1]
    os.chmod(path, 0o600)
    status, out, _ = ours.ask("-c", path, "-i")
    assert status == 0
    assert "memory_limit => 77M" not in out and "Loaded Configuration File => (none)" in out


# --- configuration tests: (arguments, global settings, settings of the pool); None removes one

TESTS = {
    "a good file": (["-t"], {}, {}),
    "with the long option": (["--test"], {}, {}),
    "letters together": (["-nt"], {}, {}),
    "background or not does not matter": (["-F", "-D", "-t"], {}, {}),
    "a pid file is not made": (["-t"], {"pid": "{d}/x.pid"}, {}),
    "a pid file that cannot be made": (["-t"], {"pid": "/no/such/folder/x.pid"}, {}),
    "an event mechanism": (["-t"], {"events.mechanism": "poll"}, {}),
    "an unknown event mechanism": (["-t"], {"events.mechanism": "kqueue"}, {}),
    "an unknown directive": (["-t"], {"no.such": "1"}, {}),
    "a pool's directive in [global]": (["-t"], {"pm.max_children": "1"}, {}),
    "an unknown pm": (["-t"], {}, {"pm": "magic"}),
    "a pool without listen": (["-t"], {}, {"listen": None}),
    "a pool without pm": (["-t"], {}, {"pm": None}),
    "an unknown user": (["-t"], {}, {"user": "no-such-user"}),
    "a negative number": (["-t"], {}, {"pm.max_children": "-1"}),
    "a slow log without its file": (["-t"], {}, {"request_slowlog_timeout": "1s", "slowlog": None}),
    "daemonize": (["-t"], {"daemonize": "yes"}, {}),
    "a facility": (["-t"], {"syslog.facility": "local3", "syslog.ident": "mine"}, {}),
    "an unknown facility": (["-t"], {"syslog.facility": "nowhere"}, {}),
    "systemd_interval": (["-t"], {"systemd_interval": "5s"}, {}),
    "systemd_interval off": (["-t"], {"systemd_interval": "0"}, {}),
}


@pytest.mark.parametrize("what", TESTS)
def test_configuration_test(twins, what):
    args, settings, pool = TESTS[what]
    results = []
    for twin in twins:
        twin.write_conf(settings, pool)
        status, out, err = twin.ask("-n", *args, "-y", "fpm.conf")
        assert not os.path.exists(os.path.join(twin.folder, "x.pid"))
        # what is wrong is told in each program's words; how it ends is not
        results.append((status, out, twin.lines(err)[-1]))
    assert results[0] == results[1]


def test_a_file_that_is_not_there(twins):
    results = [twin.ask("-t", "-y", "/no/such/file") for twin in twins]
    for twin, (status, out, err) in zip(twins, results):
        assert (status, out) == (78, "")
        assert "/no/such/file" in err and "No such file or directory" in err
        assert twin.lines(err)[-1] == "ERROR: FPM initialization failed"


def test_the_last_of_several_files_counts(twins):
    for twin in twins:
        twin.write_conf()
        assert twin.ask("-n", "-t", "-y", "/no/such/file", "-y", "fpm.conf")[0] == 0
        assert twin.ask("-n", "-t", "-y", "fpm.conf", "-y", "/no/such/file")[0] == 78


@pytest.mark.parametrize("given", ["fpm.conf", "{d}/fpm.conf", "./fpm.conf"])
def test_messages_name_the_file_as_it_was_given(twins, given):
    for twin in twins:
        twin.write_conf()
        _, _, err = twin.ask("-n", "-t", "-y", given)
        assert f"NOTICE: configuration file {given} test is successful" in twin.lines(err)


def test_a_dump_has_every_global_directive_of_php_fpm(twins):
    dumps = []
    for twin in twins:
        twin.write_conf({"pid": "{d}/x.pid", "syslog.ident": "mine", "systemd_interval": "7s", "events.mechanism": "epoll"})
        status, _, err = twin.ask("-n", "-tt", "-y", "fpm.conf")
        assert status == 0
        # php-fpm lays the lines out as the file has them
        dumps.append([line.replace("\t", "").strip() for line in twin.lines(err)])
    for name in ("pid", "error_log", "syslog.ident", "daemonize", "events.mechanism", "systemd_interval", "log_limit", "process.max"):
        reference, ours = ([line for line in dump if line.startswith(f"NOTICE: {name} = ")] for dump in dumps)
        assert reference and reference == [line.replace('"', "") for line in ours], name


# --- the start that fails

FAILURES = {
    "an unknown directive": ({"no.such": "1"}, {}, []),
    "a log that cannot be opened": ({"error_log": "/no/such/folder/x.log"}, {}, []),
    "a pid file that cannot be made": ({"pid": "/no/such/folder/x.pid"}, {}, []),
    "an address of nobody's": ({}, {"listen": "192.0.2.1:9000"}, []),
    "a socket in no folder": ({}, {"listen": "/no/such/folder/x.sock"}, []),
    "a prefix that is not there": ({}, {}, ["-p", "/no/such/folder"]),
}


@pytest.mark.parametrize("what", FAILURES)
def test_a_start_that_fails(twins, what):
    settings, pool, args = FAILURES[what]
    results = []
    for twin in twins:
        twin.write_conf(settings, pool)
        status, out, err = twin.ask("-n", "-F", "-O", *args, "-y", "fpm.conf")
        results.append((status, out, twin.lines(err)[-1]))
    assert results[0] == results[1] == (78, "", "ERROR: FPM initialization failed")


def test_a_socket_that_somebody_has(twins):
    import socket
    results = []
    for twin in twins:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            twin.write_conf({}, {"listen": f"127.0.0.1:{taken.getsockname()[1]}"})
            status, _, err = twin.ask("-n", "-F", "-O", "-y", "fpm.conf")
        assert "Address already in use" in err
        results.append((status, twin.lines(err)[-1]))
    assert results[0] == results[1] == (78, "ERROR: FPM initialization failed")


def test_a_folder_at_the_sockets_path(twins):
    results = []
    for twin in twins:
        twin.write_conf()
        os.mkdir(twin.pool["listen"])
        status, _, err = twin.ask("-n", "-F", "-O", "-y", "fpm.conf")
        results.append((status, twin.lines(err)))
    assert results[0] == results[1]
    assert results[0] == (78, ["ERROR: unable to bind listening socket for address '{d}/www.sock': Address already in use (98)",
                               "ERROR: FPM initialization failed"])


def test_a_pool_as_root_is_refused_without_R(twins):
    if not programs.ROOT:
        pytest.skip("needs root: nobody else can start a pool as root")
    for twin in twins:
        twin.write_conf({}, {"user": "root", "group": "root"})
        assert twin.ask("-n", "-t", "-y", "fpm.conf", "-R")[0] == 0
        status, _, err = twin.ask("-n", "-F", "-O", "-y", "fpm.conf")
        assert status == 78 and "root" in err


def test_a_number_of_nobodys_without_a_group_would_have_roots(twins):
    if not programs.ROOT:
        pytest.skip("needs root: nobody else has workers of another user")
    results = []
    for twin in twins:
        twin.write_conf({}, {"user": "4000000000", "group": None})
        status, out, err = twin.ask("-n", "-F", "-O", "-y", "fpm.conf")
        results.append((status, out, twin.lines(err)))
    assert results[0] == results[1]
    assert results[0] == (78, "", ["ERROR: [pool www] please specify user and group other than root", "ERROR: FPM initialization failed"])


# --- prefix and pid file

def test_paths_begin_at_the_prefix(twins):
    found = []
    for twin in twins:
        for folder in ("etc", "log", "run"):
            os.mkdir(os.path.join(twin.folder, folder))
        pool = "\n".join(f"{k} = {v}" for k, v in {**twin.pool, "listen": "www.sock"}.items())
        twin.write("etc/php-fpm.conf", "[global]\npid = run/x.pid\nerror_log = log/x.log\ninclude = etc/*.pool\n")
        twin.write("etc/www.pool", f"[www]\n{pool}\naccess.log = log/access\nslowlog = log/slow\nrequest_slowlog_timeout = 9s\n")
        before = set(os.listdir(os.path.join(twin.folder, "log")))
        twin.pool["listen"] = "{d}/www.sock".replace("{d}", twin.folder)
        start_as(twin, ["-n", "-p", "{d}", "-F"])
        found.append(sorted(os.path.relpath(os.path.join(top, name), twin.folder) for top, _, names in os.walk(twin.folder)
                            for name in names if not top.endswith("/etc") and not name.startswith(("output", "control", "php-fpm"))))
        assert before == set()
        assert twin.end() == 0
    assert found[0] == found[1]
    assert {"run/x.pid", "log/x.log", "log/access", "log/slow", "www.sock"} <= set(found[1])


def start_as(twin, args):
    import subprocess
    with open(twin.output_path, "wb") as out:
        twin.process = subprocess.Popen(twin.command(args), stdout=out, stderr=out, stdin=subprocess.DEVNULL, env=twin.environment(),
                                        cwd=twin.folder, preexec_fn=procs.die_with_parent)
    programs.Server.running_pids.add(twin.process.pid)
    procs.until("the first worker", twin.workers, programs.START_LIMIT)


PID_FILES = {
    "the configuration's": ({"pid": "{d}/conf.pid"}, [], "conf.pid"),
    "the command line's": ({}, ["-g", "{d}/line.pid"], "line.pid"),
    "the configuration's before the command line's": ({"pid": "{d}/conf.pid"}, ["--pid", "{d}/line.pid"], "conf.pid"),
    "below a prefix": ({"pid": "conf.pid"}, ["-p", "{d}"], "conf.pid"),
    "the command line's below a prefix": ({}, ["-p", "{d}", "-g", "line.pid"], "line.pid"),
}


def test_a_relative_prefix_begins_where_the_caller_is(twins):
    """Relative paths of pools too; php-fpm looks for those in sub/sub."""
    ours = twins[1]
    os.makedirs(os.path.join(ours.folder, "sub/log"))
    ours.start("-p", "sub", settings={"pid": "conf.pid"}, pool={"access.log": "log/access"})
    assert os.path.exists(os.path.join(ours.folder, "sub/conf.pid"))
    assert os.path.exists(os.path.join(ours.folder, "sub/log/access"))


@pytest.mark.parametrize("what", PID_FILES)
def test_pid_file(twins, what):
    settings, args, name = PID_FILES[what]
    for twin in twins:
        twin.start(*args, settings=settings)
        path = os.path.join(twin.folder, name)
        with open(path) as f:
            assert f.read() == str(twin.process.pid), twin.program
        assert [n for n in os.listdir(twin.folder) if n.endswith(".pid")] == [name]
        assert os.stat(path).st_mode & 0o777 == 0o644
        assert twin.end() == 0
        assert not os.path.exists(path), twin.program


# --- who is who

def test_titles_and_command_names(twins):
    seen = []
    for twin in twins:
        twin.start()
        worker = twin.wait_worker()
        seen.append([procs.title(twin.process.pid), procs.comm(twin.process.pid), procs.title(worker), procs.comm(worker)])
        assert twin.end() == 0
    assert seen[0] == seen[1]
    assert seen[1][0] == "php-fpm: master process (fpm.conf)"


def namesakes(pid):
    """Who gets what killall(1) sends to the master's name, that one first."""
    return [p for p in [pid, *sorted(procs.descendants(pid))] if procs.comm(p) == procs.comm(pid)]


@pytest.mark.parametrize("sig", ["SIGTERM", "SIGQUIT", "SIGINT", "SIGUSR1", "SIGUSR2"])
def test_a_signal_to_all_of_that_name_is_the_masters(twins, sig):
    """As scripts have it: killall -USR1 php-fpm8.2. A worker of php-fpm dies of some; nothing is said beyond that."""
    logs = []
    for twin in twins:
        twin.start(pool={"catch_workers_output": "yes"})
        twin.wait_said("systemd monitor")
        for pid in namesakes(twin.process.pid):
            procs.kill(pid, signal.Signals[sig])
        if sig == "SIGUSR1":
            twin.wait_said("error log file re-opened")
        elif sig == "SIGUSR2":
            twin.wait_said("systemd monitor", 2)
        if sig.startswith("SIGUSR"):
            twin.wait_worker()
            assert not twin.ours or twin.request(twin.script("x.php", "<?php echo 'here';")).text == "here"  # php-fpm's may be the one that dies
            twin.send(signal.SIGTERM)
        assert twin.process.wait(programs.STOP_LIMIT) == 0
        logs.append([line for line in twin.lines() if "child N " not in line])
    assert logs[0] == logs[1]


def test_nobody_is_left_when_all_of_that_name_are_killed(twins):
    for twin in twins:
        twin.start(pool={"catch_workers_output": "yes"})
        family = procs.descendants(twin.process.pid)
        for pid in namesakes(twin.process.pid):
            procs.kill(pid, signal.SIGKILL)
        twin.process.wait(programs.STOP_LIMIT)
        for pid in family:
            procs.wait_gone(pid)
        twin.start()
        assert twin.request(twin.script("x.php", "<?php echo 'here';")).text == "here"
        assert twin.end() == 0


def test_scripts_run_when_compiled_for_a_profiler(twins):
    for twin in twins:
        twin.start("-e")
        assert twin.request(twin.script("x.php", "<?php echo 6 * 7;")).text == "42"
        assert twin.end() == 0


def test_metrics_under_php_fpms_name():
    """To the byte, types included, but for the numbers; more only where php-fpm knows nothing of it: with full."""
    pages = []
    for ours in (False, True):
        twin = twins.Twin(ours)
        try:
            twin.start(pool={"pm.status_path": "/status"})
            ask = fastcgi.Client(twin.pool["listen"]).request
            page = ask(fastcgi.environment("/status", root="", query="openmetrics")).text
            full = ask(fastcgi.environment("/status", root="", query="openmetrics&full")).text
            pages.append(re.sub(r"(?m)^(phpfpm_\w+) \d+$", r"\1 N", page))
            assert ("phpfpm_worker_active{" in full) == ours
        finally:
            twin.cleanup()
    assert pages[0].count("# TYPE") > 10 and pages[1] == pages[0]
