# SPDX-License-Identifier: MIT
"""The log of fpmd under php-fpm's name: the same lines in the same order as php-fpm's, at notice and above, whatever happens."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import fastcgi
import procs
import server as programs

READY = r"ready to handle connections\n.*systemd monitor"


def kill_worker(number):
    def step(twin):
        n = len(re.findall(r"child \d+ started", twin.output()))
        worker = twin.wait_worker()
        os.kill(worker, number)
        twin.wait_said(r"child \d+ started", n + 1)
    return step


def wait_answer(twin):
    """From a worker, without a request: one that ends before it takes a connection is a start that has failed."""
    with twin.connection() as c:
        c.send(fastcgi.record(fastcgi.GET_VALUES, 0, fastcgi.pairs({"FCGI_MPXS_CONNS": ""})))
        assert c.read_record(timeout=procs.LIMIT).kind == fastcgi.GET_VALUES_RESULT


def kill_quietly(number):
    """Where the log does not tell of the next worker."""
    def step(twin):
        wait_answer(twin)
        worker = twin.wait_worker()
        os.kill(worker, number)
        procs.until("the worker's end", lambda: not procs.alive(worker))
        procs.until("another worker", twin.workers)
    return step


def hello(twin):
    assert twin.request(twin.script("hello.php", "<?php echo 'hello';")).text == "hello"


def reload(twin):
    n = len(re.findall(READY, twin.output()))
    old = twin.workers()
    twin.send(signal.SIGUSR2)
    twin.wait_said(READY, n + 1)
    procs.until("the old worker's end", lambda: not any(procs.alive(w) for w in old))
    procs.until("a new worker", twin.workers)


def reopen(twin):
    n = len(re.findall("error log file re-opened", twin.output()))
    twin.send(signal.SIGUSR1)
    twin.wait_said("error log file re-opened", n + 1)


def reopen_with_access_log(twin):
    reopen(twin)
    twin.wait_said(r"child \d+ started")


def run(name, code, said=None):
    def step(twin):
        twin.request(twin.script(name, code))
        if said:
            twin.wait_said(said)
    return step


def run_until_ended(name, code, said):
    """A request whose worker is ended: it gets no answer."""
    def step(twin):
        try:
            twin.request(twin.script(name, code))
        except (OSError, EOFError):
            pass
        twin.wait_said(said)
    return step


def wait_for(what):
    return lambda twin: twin.wait_said(re.escape(what))


TWO = "[two]\nlisten = {d}/two.sock\npm = static\npm.max_children = 1\n" + ("user = www-data\n" if programs.ROOT else "")


def drop_pool(twin):
    with open(twin.conf_path) as f:
        text = f.read()
    twin.write("fpm.conf", text[:text.index("[two]")])
    reload(twin)
    twin.wait_said("fpm is running", 2)
    procs.until("the pool's end", lambda: len(twin.workers()) == 1)


def add_pool(twin):
    with open(twin.conf_path) as f:
        text = f.read()
    twin.write("fpm.conf", text + TWO)
    reload(twin)
    procs.until("the new pool", lambda: len(twin.workers()) == 2)


def be_dropped(twin):
    try:
        twin.request(twin.script("hello.php", "<?php echo 'hello';"))
    except (OSError, EOFError):
        pass
    twin.wait_said("has been dropped", 2)  # the connection of start() is one, too


def occupy(twin):
    """Keeps a worker busy until the program ends."""
    path = os.path.join(twin.folder, "busy")
    script = twin.script("busy.php", f"<?php touch('{path}'); sleep(20);")
    os.chmod(twin.folder, 0o777)

    def ask():
        try:
            twin.request(script)
        except (OSError, EOFError):
            pass
    threading.Thread(target=ask, daemon=True).start()
    procs.until("the script to run", lambda: os.path.exists(path))


def occupy_shortly(twin):
    path = os.path.join(twin.folder, "busy")
    script = twin.script("short.php", f"<?php touch('{path}'); usleep(600000);")
    os.chmod(twin.folder, 0o777)
    threading.Thread(target=lambda: twin.request(script), daemon=True).start()
    procs.until("the script to run", lambda: os.path.exists(path))


def knock(twin):
    """One connection more than there are workers."""
    with twin.connection():
        twin.wait_said("consider raising it")


def knock_in_vain(twin):
    with twin.connection():
        twin.wait_said("consider raising 'process.max'")


# what: (pool's settings, global settings, steps, last signal)
STORIES = {
    "start, SIGTERM": ({}, {}, [], signal.SIGTERM),
    "start, SIGINT": ({}, {}, [], signal.SIGINT),
    "start, SIGQUIT": ({}, {}, [], signal.SIGQUIT),
    "requests": ({}, {}, [hello, hello], signal.SIGTERM),
    "SIGTERM while a request runs": ({}, {}, [occupy], signal.SIGTERM),
    "SIGQUIT while a request runs": ({}, {"process_control_timeout": "5s"}, [occupy_shortly], signal.SIGQUIT),
    "a reload": ({}, {}, [hello, reload, hello], signal.SIGTERM),
    "two reloads, SIGQUIT": ({}, {}, [reload, reload], signal.SIGQUIT),
    "a reload of a TCP pool": ({"listen": "127.0.0.1:{port}"}, {}, [reload], signal.SIGTERM),
    "a reload while a request runs": ({"pm.max_children": "2"}, {"process_control_timeout": "5s"}, [occupy_shortly, reload], signal.SIGTERM),
    "a reload that ends a request": ({"pm.max_children": "2"}, {"process_control_timeout": "1s"}, [occupy, reload], signal.SIGTERM),
    "a reload of a pool on IPv6": ({"listen": "[::1]:{port}"}, {}, [reload], signal.SIGTERM),
    "a reload of a port": ({"listen": "{port}"}, {}, [reload], signal.SIGTERM),
    "a reload with a status address": ({"pm.status_path": "/status", "pm.status_listen": "{d}/status.sock"}, {}, [reload], signal.SIGTERM),
    "a reload that drops a pool": ({}, {}, [drop_pool], signal.SIGTERM, "two"),
    "a reload that adds a pool": ({}, {}, [add_pool], signal.SIGTERM),
    "a client that is not allowed": ({"listen": "127.0.0.1:{port}", "listen.allowed_clients": "192.0.2.1", "catch_workers_output": "yes"}, {}, [be_dropped],
                                     signal.SIGTERM),
    "a script of another kind": ({"security.limit_extensions": ".phtml", "catch_workers_output": "yes"}, {},
                                 [run("no.php", "<?php", "has been denied")], signal.SIGTERM),
    "a setting that PHP does not have, not caught": ({"php_admin_value[nonsense]": "1"}, {}, [hello], signal.SIGTERM),
    "few descriptors": ({"rlimit_files": "64"}, {"rlimit_files": "64"}, [hello], signal.SIGTERM),
    "SIGUSR1": ({}, {}, [reopen, hello, reopen, hello, hello], signal.SIGTERM),
    "SIGUSR1 with an access log": ({"access.log": "{d}/access.log"}, {}, [reopen_with_access_log], signal.SIGTERM),
    "a worker dies by SIGSEGV": ({}, {}, [kill_worker(signal.SIGSEGV)], signal.SIGTERM),
    "a worker dies by SIGKILL": ({}, {}, [kill_worker(signal.SIGKILL)], signal.SIGTERM),
    "a worker dies by SIGTERM": ({}, {}, [kill_worker(signal.SIGTERM)], signal.SIGTERM),
    "a worker is told to leave": ({}, {}, [kill_worker(signal.SIGQUIT)], signal.SIGTERM),
    "pm.max_requests": ({"pm.max_requests": "2"}, {}, [hello, run("hello.php", "<?php echo 1;", r"child \d+ started")], signal.SIGTERM),
    "log_level = warning": ({}, {"log_level": "warning"}, [kill_quietly(signal.SIGSEGV)], signal.SIGTERM),
    "log_level = error": ({}, {"log_level": "error"}, [kill_quietly(signal.SIGSEGV)], signal.SIGTERM),
    "pm = ondemand": ({"pm": "ondemand", "pm.max_children": "3"}, {}, [hello], signal.SIGTERM),
    "pm = ondemand reaches its maximum": ({"pm": "ondemand"}, {}, [occupy, knock], signal.SIGTERM),
    "process.max": ({"pm.max_children": "3"}, {"process.max": "1"}, [hello], signal.SIGTERM),
    "process.max with pm = ondemand": ({"pm": "ondemand", "pm.max_children": "3"}, {"process.max": "1"}, [occupy, knock_in_vain], signal.SIGTERM),
    "pm = dynamic": ({"pm": "dynamic", "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "1"}, {}, [hello],
                     signal.SIGTERM),
    "request_terminate_timeout": ({"request_terminate_timeout": "1s"}, {},
                                  [run_until_ended("long.php", "<?php while (true);", r"child \d+ started")], signal.SIGTERM),
    "a slow request": ({"request_slowlog_timeout": "1s", "slowlog": "{d}/slow.log"}, {},
                       [run("slow.php", "<?php $t = microtime(true); while (microtime(true) - $t < 2);", "finished trace")], signal.SIGTERM),
    "what a worker says, caught": ({"catch_workers_output": "yes"}, {},
                                   [run("say.php", "<?php file_put_contents('php://stderr', \"one\\ntwo\\n\");", '"two"')], signal.SIGTERM),
    "what a worker says, not caught": ({}, {}, [run("say.php", "<?php file_put_contents('php://stderr', \"one\\ntwo\\n\");")], signal.SIGTERM),
    "what PHP says, caught": ({"catch_workers_output": "yes", "php_admin_flag[log_errors]": "on"}, {},
                              [run("err.php", "<?php echo $nothing; error_log('word');", '"NOTICE: PHP message: word"')], signal.SIGTERM),
    "what PHP says, not caught": ({"php_admin_flag[log_errors]": "on"}, {}, [run("err.php", "<?php echo $nothing; error_log('word');")],
                                  signal.SIGTERM),
    "an event mechanism": ({}, {"events.mechanism": "select"}, [], signal.SIGTERM),
    "systemd_interval": ({}, {"systemd_interval": "3s"}, [], signal.SIGTERM),
    "systemd_interval off": ({}, {"systemd_interval": "0"}, [], signal.SIGTERM),
}

# What workers say while they start, which php-fpm reads when all are forked, and fpmd while it waits for them: the same lines, in any order.
STARTS = {
    "clients that are no addresses": ({"listen": "127.0.0.1:{port}", "listen.allowed_clients": "127.0.0.1,nobody", "catch_workers_output": "yes"}, {}, [hello, wait_for("Wrong IP address 'nobody'")],
                                      signal.SIGTERM),
    "an empty list of clients": ({"listen": "127.0.0.1:{port}", "listen.allowed_clients": "", "catch_workers_output": "yes"}, {},
                                 [wait_for("There are no allowed addresses"), be_dropped], signal.SIGTERM),
    "a setting that PHP does not have": ({"php_admin_value[nonsense]": "1", "catch_workers_output": "yes"}, {},
                                         [wait_for("Unable to set php_admin_value 'nonsense'")], signal.SIGTERM),
}


def prepare(twin, pool):
    if "{port}" in pool.get("listen", ""):
        twin.pool["listen"] = pool["listen"].replace("{port}", str(programs.free_port()))
        return {k: v for k, v in pool.items() if k != "listen"}
    return pool


def tell(twin, story):
    pool, settings, steps, last, *more = story
    pool = prepare(twin, pool)
    if more:
        pool = {**pool, "process.dumpable": "no\n" + TWO}
    if pool.get("pm") == "ondemand":
        twin.workers = lambda: True
    twin.start(settings=settings, pool=pool)
    if "log_level" not in settings:
        twin.wait_said("systemd monitor")  # php-fpm's last word of a start
    for step in steps:
        step(twin)
    status = twin.end(last)
    lines = twin.lines()
    address = twin.pool["listen"]
    return status, [line.replace(address, "ADDRESS").replace(address.replace("[", "").replace("]", ""), "ADDRESS") for line in lines]


@pytest.mark.parametrize("what", STORIES)
def test_log_is_php_fpms(twins, what):
    reference, ours = (tell(twin, STORIES[what]) for twin in twins)
    assert ours == reference
    if "log_level" not in STORIES[what][1]:
        assert len(ours[1]) >= 5  # running, ready, the monitor, the signal, bye-bye


@pytest.mark.parametrize("what", STARTS)
def test_lines_of_starting_workers_are_php_fpms(twins, what):
    reference, ours = (tell(twin, STARTS[what]) for twin in twins)
    assert (ours[0], sorted(ours[1])) == (reference[0], sorted(reference[1]))
    assert len(ours[1]) >= 6


def test_each_line_has_php_fpms_form_at_level_debug(twins):
    """Microseconds, pid, function and line; the same notices among them."""
    notices = []
    form = re.compile(r"^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{6}\] [A-Z]+: pid \d+, \w+\(\), line \d+: (.+)$")
    for twin in twins:
        twin.start(settings={"log_level": "debug"})
        twin.wait_said("systemd monitor")
        assert twin.end() == 0
        said = [(line, form.match(line)) for line in twin.output().splitlines() if line]
        assert all(match for _, match in said), [line for line, match in said if not match]
        notices.append([re.sub(r"pid \d+", "pid N", match[1]) for line, match in said if "] NOTICE: " in line])
    assert notices[0] == notices[1]


FOLLOWED = re.compile(r"received SIG(?!CHLD)|switching to|sending signal|still alive|currently \d+ active|created dynamically|I forked|killed by the process management")


def followed(twin):
    """What an operator follows a pool by, each repeated line once: rounds are as many as there is time for, and empty pools have them in php-fpm alone."""
    found = []
    for line in (re.sub(r"pid N, \w+\(\), line \d+: ", "", line) for line in twin.lines(levels=("DEBUG",))):
        if FOLLOWED.search(line) and found[-1:] != [line] and "0 active children, 0 spare" not in line:
            found.append(line)
    return found


def become_two(twin):
    twin.wait_said("currently 0 active children, 1 spare")
    occupy(twin)
    twin.wait_said("created dynamically")
    twin.wait_said("currently 1 active children, 1 spare children, 2 running")


def come_and_go(twin):
    hello(twin)
    twin.wait_said("killed by the process management")


DYNAMIC = {"pm": "dynamic", "pm.max_children": "4", "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "1"}


@pytest.mark.parametrize("pool, step, last", [({}, hello, signal.SIGTERM), ({"pm.max_children": "3"}, hello, signal.SIGQUIT), (DYNAMIC, become_two, signal.SIGTERM),
                                              ({"pm": "ondemand", "pm.max_children": "1", "pm.process_idle_timeout": "1s"}, come_and_go, signal.SIGTERM)],
                         ids=["static", "SIGQUIT", "dynamic", "ondemand"])
def test_level_debug_tells_of_signals_and_sizes_as_php_fpm_does(twins, pool, step, last):
    """ondemand with room for one: on a busy machine php-fpm may fork a second one for the same connection."""
    said = []
    for twin in twins:
        if pool.get("pm") == "ondemand":
            twin.workers = lambda: True
        twin.start(settings={"log_level": "debug", "process_control_timeout": "10s"}, pool=pool)
        twin.wait_said("systemd monitor")
        step(twin)
        assert twin.end(last) == 0
        said.append(followed(twin))
    assert said[1] == said[0]
    assert len(said[1]) >= 3


def log_of(twin):
    with open(twin.log_path) as f:
        return f.read()


def start_with_log_file(twin, pool=None):
    """Without -O: what it says goes to error_log."""
    twin.write_conf(None, pool)
    with open(twin.output_path, "wb") as out:
        twin.process = subprocess.Popen(twin.command(["-n", "-y", "fpm.conf", "-F"]), stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                        env=twin.environment(), cwd=twin.folder, preexec_fn=procs.die_with_parent)
    programs.Server.running_pids.add(twin.process.pid)
    procs.until("the log's third line", lambda: os.path.exists(twin.log_path) and "systemd monitor" in log_of(twin))


def test_without_O_the_log_is_error_log_and_stderr_is_silent(twins):
    said = []
    for twin in twins:
        start_with_log_file(twin)
        assert twin.end() == 0
        said.append((twin.output(), twin.lines(log_of(twin))))
    assert said[0] == said[1]
    assert said[1][0] == ""


@pytest.mark.parametrize("pool", [{**DYNAMIC, "pm.start_servers": None}, {"php_value[memory_limit]": "x"}], ids=["a size that is not set", "a value that PHP refuses"])
def test_what_is_said_before_it_runs_is_on_stderr_and_in_error_log(twins, pool):
    said = []
    for twin in twins:
        start_with_log_file(twin, pool)
        assert twin.end() == 0
        said.append((twin.lines(), twin.lines(log_of(twin))))
    assert said[0] == said[1]


REFUSED = {
    "sizes that do not fit": ({}, {**DYNAMIC, "pm.start_servers": "9"}),
    "a slow log that cannot be made": ({}, {"request_slowlog_timeout": "3s", "slowlog": "/nowhere/at/all.log"}),
    "at a level of its own": ({"log_level": "alert"}, {**DYNAMIC, "pm.start_servers": "9"}),
    "a line that does not read": ({}, {"nonsense": "1"}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_told_in_error_log_too(twins, what):
    said = []
    for twin in twins:
        twin.write_conf(*REFUSED[what])
        status, _, err = twin.ask("-n", "-y", "fpm.conf", "-F")
        said.append((status, twin.lines(err), twin.lines(log_of(twin)) if os.path.exists(twin.log_path) else None))
    assert said[0] == said[1]
    assert said[1][1] and bool(said[1][2]) == (what != "a line that does not read")


def test_a_reload_tells_of_its_sockets_on_stderr_and_at_the_next_level(twins):
    said = []
    for twin in twins:
        start_with_log_file(twin)
        first = twin.wait_worker()
        twin.send(signal.SIGUSR2)
        procs.until("the reload's end", lambda twin=twin: log_of(twin).count("systemd monitor") == 2)
        before = re.sub(r"fd=\d+", "fd=N", twin.output())
        twin.write_conf({"log_level": "warning"})
        second = twin.wait_worker(instead_of=first)
        twin.send(signal.SIGUSR2)
        twin.wait_worker(instead_of=second)
        assert twin.end() == 0
        said.append((twin.lines(before), [re.sub(r"fd=\d+", "fd=N", line) for line in twin.lines(log_of(twin))]))
    assert said[0] == said[1]
    assert len(said[1][0]) == 1 and "using inherited socket" in said[1][0][0]


def test_a_log_file_is_taken_anew_without_news_of_workers(twins):
    """fpmd's workers have the file themselves and are recycled for a new one; php-fpm's have not."""
    said = []
    for twin in twins:
        start_with_log_file(twin)
        old = twin.wait_worker()
        os.rename(twin.log_path, twin.log_path + ".1")
        twin.send(signal.SIGUSR1)
        procs.until("a new file", lambda: os.path.exists(twin.log_path) and "re-opened" in log_of(twin))
        if twin.ours:
            twin.wait_worker(instead_of=old)
        hello(twin)
        assert twin.end() == 0
        said.append(twin.lines(log_of(twin)))
    assert said[0] == said[1]


@pytest.mark.parametrize("error_log", ["/dev/stderr", "/proc/self/fd/2", "{d}/error.log"])
@pytest.mark.parametrize("more", [[], ["-O"]], ids=["error_log", "-O"])
def test_a_start_that_fails_is_told_as_often_as_php_fpm_tells_it(twins, error_log, more):
    said = []
    for twin in twins:
        twin.write_conf({"error_log": twin.fill(error_log)}, {"listen.acl_users": "nobody-here"})
        status, _, text = twin.ask("-n", "-y", "fpm.conf", "-F", *more)
        said.append((status, twin.lines(text)))
    assert said[0] == said[1]


@pytest.mark.parametrize("error_log", ["/dev/stderr", "/proc/self/fd/2"])
def test_a_log_that_is_stderr_has_each_line_of_a_failed_start_once(error_log):
    for pool in ({"listen.acl_users": "nobody-here"}, {"php_admin_value[opcache.preload]": "/nowhere.php", "php_admin_value[opcache.enable]": "1"}):
        s = programs.Fpmd({"www": pool}, {"error_log": error_log})
        try:
            status, said = s.start_expecting_failure()
        finally:
            s.cleanup()
        lines = [line.split("] ", 1)[1] for line in said.splitlines() if line.startswith("[")]
        assert status and lines
        assert len(lines) == len(set(lines)), said


STARTUP = {"a time zone": ["-d", "date.timezone=Nowhere/City"], "an extension": ["-d", "extension=nothere"], "a zend_extension": ["-d", "zend_extension=nothere"],
           "without display": ["-d", "extension=nothere", "-d", "display_startup_errors=0"], "logged too": ["-d", "extension=nothere", "-d", "log_errors=1"]}


@programs.as_php_fpm()
@pytest.mark.parametrize("what", STARTUP)
def test_what_php_says_at_its_startup_is_said_in_php_fpms_words_or_not_at_all(twins, what):
    """php-fpm starts PHP before it runs, fpmd in the pool after that: the order and the pool differ."""
    said = []
    for twin in twins:
        twin.start(*STARTUP[what])
        twin.wait_said("systemd monitor")
        assert twin.end() == 0
        said.append(sorted(line.replace("[pool www] ", "") for line in twin.lines()))  # lines() refuses what is no line of a log, such as HTML
    assert said[1] == said[0]


def test_what_php_prints_at_its_startup_is_text_in_the_log(start):
    s = start({"www": {}}, args=["-n", "-d", "extension=nothere"])
    s.wait_log(r"WARNING: \[pool www\] PHP Warning:  PHP Startup: Unable to load dynamic library 'nothere' .* in Unknown on line 0")
    assert s.stop() == 0
    assert "<" not in s.output() + s.log()


@pytest.mark.parametrize("caught", ["no", "yes"])
def test_a_start_that_fails_by_what_php_prints_tells_it(caught):
    s = programs.Fpmd({"www": {"catch_workers_output": caught, "php_admin_value[opcache.preload]": "/nowhere.php"}}, args=["-n", "-d", "zend_extension=opcache", "-d", "opcache.enable=1"])
    try:
        status, said = s.start_expecting_failure()
    finally:
        s.cleanup()
    assert status and "PHP Fatal error:  Failed opening required '/nowhere.php'" in said and "<b>" not in said
    assert "logger" not in said  # which ends when it has written all


# A /dev of its own, in which the twin's folder has the socket, and no journal.
OTHER_DEV = """{ [ ! -d /run/systemd/journal ] || mount -t tmpfs none /run/systemd/journal; } && mount -t tmpfs -o mode=755 none /dev && for f in "null 1 3" "zero 1 5" "urandom 1 9"; do
set -- $f "$@"; mknod -m 666 /dev/$1 c $2 $3; shift 3; done; ln -s "$1" /dev/log; shift; exec "$@\""""


def heard(daemon, pattern, n=1):
    """What has come to the socket, once there are n like the pattern."""
    said = []

    def enough():
        with contextlib.suppress(BlockingIOError):
            while True:
                said.append(daemon.recv(65536).decode())
        return sum(bool(re.search(pattern, s)) for s in said) >= n
    procs.until(pattern, enough)
    return said


def test_syslog_where_there_is_no_journal(twins):
    """A syslog daemon that starts anew has another socket."""
    if not programs.ROOT:
        pytest.skip("needs root: a /dev of its own is a mount")
    logs = []
    for twin in twins:
        path, command = os.path.join(twin.folder, "dev-log"), twin.command
        twin.command = lambda args, path=path, command=command: ["unshare", "--mount", "sh", "-c", OTHER_DEV, "sh", path,
                                                                 *(a for a in command(args) if a != "-O")]
        logs.append([])
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as first:
            first.setblocking(False)
            first.bind(path)
            twin.start(settings={"error_log": "syslog", "syslog.ident": "site", "syslog.facility": "local5"})
            logs[-1] += heard(first, "systemd monitor")
        os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as second:
            second.setblocking(False)
            second.bind(path)
            assert twin.end() == 0
            logs[-1] += heard(second, "bye-bye")
    plain = [[re.sub(r"pid \d+", "pid N", re.sub(r"^(<\d+>)\w{3} [ \d]\d \d\d:\d\d:\d\d (\w+)\[\d+\]", r"\1 \2", s)) for s in log] for log in logs]
    assert plain[0] == plain[1]
    assert plain[1][0] == "<173> site: [NOTICE] fpm is running, pid N"


def test_with_O_error_log_stays_empty(twins):
    for twin in twins:
        twin.start()
        assert twin.end() == 0
        assert os.path.getsize(twin.log_path) == 0, twin.program


def test_an_emergency_restart_is_announced(twins):
    lines = []
    for twin in twins:
        twin.start(settings={"emergency_restart_threshold": "2", "emergency_restart_interval": "1m"})
        for n in range(2):
            kill_quietly(signal.SIGSEGV)(twin)
        twin.wait_said("failed processes threshold")
        assert twin.end() == 0
        lines.append([line for line in twin.lines() if "threshold" in line])
    assert lines[0] == lines[1] == [re.sub(r"\d+ sec", "60 sec", lines[1][0])]


def test_fpmd_by_its_own_name_says_more(start):
    s = start()
    log = s.log()
    assert re.search(r"NOTICE: fpm is running, pid \d+\n", log)
    assert re.search(r"NOTICE: \[pool www\] PHP [\d.]+, settings read from: ", log)
    assert "NOTICE: ready to handle connections\n" in log
    assert "systemd monitor" not in log
