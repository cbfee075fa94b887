# SPDX-License-Identifier: MIT
"""The life of a worker: recycling, its output, its messages, its settings."""

import contextlib
import json
import os
import re
import signal
import time
import urllib.parse

import pytest

import fastcgi
import procs
import server as programs
from load import Held, Load


def test_max_requests_recycles_a_worker(start):
    s = start({"www": {"pm.max_children": "1", "pm.max_requests": "3"}})
    seen = [int(s.run(s.pid_script).text) for _ in range(9)]
    assert [seen.count(p) for p in dict.fromkeys(seen)] == [3, 3, 3]


def test_max_requests_counts_on_kept_connections_too(start):
    s = start({"www": {"pm.max_children": "1", "pm.max_requests": "3"}})
    client = s.client()
    seen = [int(client.request(fastcgi.environment(s.pid_script), keep=True).text) for _ in range(3)]
    assert len(set(seen)) == 1
    client.close()
    assert int(s.run(s.pid_script).text) != seen[0]


@pytest.mark.parametrize("keep", [False, True])
def test_recycling_under_load_loses_nothing(start, keep):
    s = start({"www": {"pm.max_children": "3", "pm.max_requests": "20"}})
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=3 if keep else 6, keep=keep) as load:
        load.wait_more(1000)
    assert load.failures() == []
    counts = {}
    for r in load.results:
        counts[r.body] = counts.get(r.body, 0) + 1
    assert max(counts.values()) <= 20 and len(counts) >= len(load.results) // 20


def test_recycled_workers_are_no_deaths_in_the_log(start):
    s = start({"www": {"pm.max_children": "1", "pm.max_requests": "2"}})
    for _ in range(8):
        s.run(s.pid_script)
    assert not re.search(r"(WARNING|ERROR|ALERT).*(exited|died)", s.log())


LASTING = {
    "functions": "disable_functions=str_rot13",
    "classes": "disable_classes=SplStack",
    "an extension": "extension=calendar",
}


@pytest.mark.parametrize("how", ["PHP_VALUE", "PHP_ADMIN_VALUE"])
@pytest.mark.parametrize("what", LASTING)
def test_settings_that_php_cannot_take_back_end_the_worker(start, what, how):
    """A kept connection has its next request served, by a worker that has nothing of them, and nothing counts as a death."""
    s = start({"www": {"pm.max_children": "1"}}, args=["-n"])
    code = ("<?php register_shutdown_function(function () { echo '|end'; });"
            " echo json_encode([getmypid(), function_exists('str_rot13'), @(new SplStack) instanceof Countable,"
            " extension_loaded('calendar') && function_exists('easter_days') && easter_days(2024) === 10]);")
    environment = fastcgi.environment(s.script("facts.php", code))

    def facts(r):
        text, _, end = r.text.partition("|")
        assert end == "end" and r.stderr == b"", r
        return json.loads(text)

    with contextlib.closing(s.client()) as client:
        before = facts(client.request(environment, keep=True))
        during = facts(client.request({**environment, how: LASTING[what]}, keep=True))
        after = facts(client.request(environment, keep=True))
        again = facts(client.request({**environment, how: "precision=5"}, keep=True))
    assert before[1:] == after[1:] == [True, True, False]
    assert during[1:] == [what != "functions", what != "classes", what == "an extension"]
    assert before[0] == during[0] != after[0] == again[0]
    assert "workers died" not in s.ctl("status").stdout
    assert not re.search(r"(WARNING|ERROR|ALERT)", s.log())


@pytest.mark.parametrize("value", ["disable_functions=", "disable_functions=no_such_function", "disable_functions=str_rot13", "extension=no_such",
                                   "disable_classes=NoSuchClass", "memory_limit=99M", "zend_extension=opcache"])
def test_settings_that_change_nothing_lasting_keep_the_worker(start, value):
    s = start({"www": {"pm.max_children": "1", "php_admin_value[disable_functions]": "str_rot13"}}, args=["-n"])
    client = s.client()
    seen = {client.request(fastcgi.environment(s.pid_script, PHP_ADMIN_VALUE=value), keep=True).text for _ in range(3)}
    assert len(seen) == 1


def test_settings_that_php_cannot_take_back_under_load(start):
    s = start({"www": {"pm.max_children": "3"}})
    environment = fastcgi.environment(s.pid_script, PHP_ADMIN_VALUE="disable_functions=exec,system")
    with Load(s.address(), environment, clients=4, keep=True) as load:
        load.wait_more(100)
    assert load.failures() == []
    assert len({r.body for r in load.results}) == len(load.results)
    assert "workers died" not in s.ctl("status").stdout


def test_memory_of_a_worker_ends_with_it(start):
    s = start({"www": {"pm.max_children": "1"}})
    first = int(s.run(s.pid_script).text)
    os.kill(first, signal.SIGQUIT)
    procs.wait_gone(first)
    assert int(s.run(s.pid_script).text) != first


# --- output

def test_workers_output_is_caught(start):
    s = start({"www": {"catch_workers_output": "yes", "pm.max_children": "1"}})
    r = s.run(s.script("out.php", "<?php file_put_contents('php://stderr', \"to stderr\\n\"); file_put_contents('php://stdout', \"to stdout\\n\"); echo getmypid();"))
    s.wait_log(rf'WARNING: \[pool www\] child {r.text} said into stderr: "to stderr"')
    s.wait_log(rf'WARNING: \[pool www\] child {r.text} said into stdout: "to stdout"')


def test_output_of_programs_that_php_starts_is_caught(start):
    s = start({"www": {"catch_workers_output": "yes"}})
    s.run(s.script("exec.php", "<?php system('echo from a child >&2');"))
    s.wait_log(r'said into stderr: "from a child"')


def test_workers_output_goes_nowhere_by_default(start):
    s = start()
    s.run(s.script("out.php", "<?php file_put_contents('php://stderr', \"unheard\\n\"); error_log('heard');"))
    s.wait_log("heard")
    assert "unheard" not in s.log() + s.output()


def test_flood_of_output_does_not_block_a_worker(start):
    s = start({"www": {"catch_workers_output": "yes", "pm.max_children": "1"}})
    s.run(s.script("first.php", "<?php file_put_contents('php://stderr', \"first\\n\");"))
    s.wait_log('said into stderr: "first"')  # its pipes are where they are read
    s.signal(signal.SIGSTOP)
    try:
        r = s.run(s.script("flood.php", "<?php $e = fopen('php://stderr', 'w'); for ($i = 0; $i < 20000; $i++) fwrite($e, str_repeat('f', 100) . \"\\n\"); echo 'done';"),
                  timeout=20)
        assert r.text == "done"
    finally:
        s.signal(signal.SIGCONT)
    assert s.run(s.pid_script).complete


def test_long_line_without_end_is_cut_not_kept(start):
    s = start({"www": {"catch_workers_output": "yes"}})
    s.run(s.script("long.php", "<?php file_put_contents('php://stderr', str_repeat('L', 100000)); echo 1;"))
    s.wait_log(r'said into stderr: "L{900}')
    assert s.run(s.pid_script).complete


# --- messages in error_log

LINE = r"^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\] "


def test_log_lines_have_php_fpms_format(start):
    s = start()
    s.run(s.script("warn.php", "<?php echo $x; error_log('by hand');"))
    s.wait_log("by hand")
    for line in s.log().splitlines():
        assert re.match(LINE + r"(DEBUG|NOTICE|WARNING|ERROR|ALERT): ", line), line


def test_php_warning_names_pool_file_and_line(start):
    s = start()
    path = s.script("warn.php", "<?php\n\necho $undefined;")
    s.run(path)
    found = s.wait_log(LINE.replace("^", "(?m)^") + r"(\w+): \[pool www\] .*Undefined variable \$undefined in (\S+) on line (\d+)")
    assert found.groups() == ("WARNING", path, "3")


@pytest.mark.parametrize("code,level", [("trigger_error('m', E_USER_ERROR);", "ERROR"), ("trigger_error('m', E_USER_WARNING);", "WARNING"),
                                        ("trigger_error('m', E_USER_NOTICE);", "NOTICE"), ("nofunction_m();", "ERROR")])
def test_levels_of_php_errors(start, code, level):
    s = start()
    s.run(s.script("e.php", "<?php " + code))
    s.wait_log(rf"{level}: \[pool www\].*m")


def test_log_level_hides_lesser_entries(start):
    s = start(settings={"log_level": "error"})
    s.run(s.script("e.php", "<?php trigger_error('lesser', E_USER_WARNING); nofunction();"))
    s.wait_log("nofunction")
    assert "lesser" not in s.log()


def test_protocol_violation_is_logged_with_its_pool(start):
    s = start()
    with s.connect() as c:
        c.send(b"GET / HTTP/1.1\r\n\r\n")
        assert c.read_eof() == b""
    s.wait_log(r"\[pool www\].*version")


# --- the process

def test_chdir_and_env_of_a_pool(start, make):
    s = make()
    folder = s.shared_folder("start-here")
    s.pools["www"].update({"chdir": folder, "env[COLOUR]": "blue"})
    s.start()
    # A shutdown function runs where the process started.
    path = s.script("cwd.php", "<?php register_shutdown_function(function () { echo getcwd(), ' ', getenv('COLOUR'); });")
    assert s.run(path).text.endswith(" blue")
    for w in s.workers() if programs.ROOT else []:
        assert os.readlink(f"/proc/{w}/cwd") == folder


def test_worker_memory_cannot_be_read_by_another_worker(start):
    """Same user, but not dumpable: no ptrace, no /proc/PID/mem."""
    s = start({"www": {"pm.max_children": "2"}})
    a, b = s.wait_workers(2)
    code = s.script("spy.php", "<?php foreach ([$_GET['a'], $_GET['b']] as $p) if ($p != getmypid()) var_dump(@fopen(\"/proc/$p/mem\", 'r'), @file_get_contents(\"/proc/$p/environ\"));")
    if not programs.ROOT:
        assert s.run(code, query=f"a={a}&b={b}").text.count("bool(false)") == 2
        return
    r = s.run(code, query=f"a={a}&b={b}")
    assert r.text == "bool(false)\nbool(false)\n"


def test_worker_signals_have_their_default_meaning_for_children(start):
    """SIGPIPE is ignored in the worker, and must not be in what it starts."""
    s = start()
    r = s.run(s.script("pipe.php", "<?php echo shell_exec('grep -E \"^Sig(Ign|Blk)\" /proc/self/status');"))
    blocked = re.search(r"SigBlk:\s*(\w+)", r.text).group(1)
    assert int(blocked, 16) == 0


def test_time_limit_works_in_every_request(start):
    s = start({"www": {"pm.max_children": "1"}})
    loop = s.script("loop.php", "<?php set_time_limit(1); while (1);")
    for _ in range(2):
        r = s.run(loop)
        assert r.status == 500 and b"Maximum execution time of 1 second exceeded" in r.stderr
    assert s.run(s.pid_script).complete


@pytest.mark.skipif(programs.thread_safe(), reason="for a limit that a script sets a thread-safe PHP counts real time")
def test_sleeping_does_not_count_as_execution_time(start):
    s = start()
    r = s.run(s.script("sleep.php", "<?php set_time_limit(1); usleep(1300000); echo 'awake';"))
    assert r.text == "awake"


def test_finish_request_frees_the_client_but_not_the_worker(start):
    s = start({"www": {"pm.max_children": "2"}})
    with Held(s, before="echo 'early'; fastcgi_finish_request();") as held:
        busy = held.wait_running()
        assert held.answer().text == "early"
        for _ in range(10):
            assert int(s.run(s.pid_script).text) != busy


def test_registered_shutdown_work_runs_at_a_drain(start):
    s = start()
    mark = os.path.join(s.shared_folder(), "shut")
    held = Held(s, before=f"register_shutdown_function(fn() => file_put_contents('{mark}', 'ran'));")
    held.wait_running()
    s.signal(signal.SIGQUIT)
    assert held.finish().complete
    held.close()
    s.wait_exit()
    with open(mark) as f:
        assert f.read() == "ran"


def said(server, script, text, pool):
    """What the error log got of a text written to stderr by one request."""
    since = len(server.log())
    server.run(script, pool=pool, query="text=" + urllib.parse.quote(text))
    server.run(script, pool=pool, query="text=" + urllib.parse.quote("the end\n"))
    server.wait_log("the end", since)
    log = re.sub(r"\[\d\d-\w{3}-\d{4} [\d:]+\]", "[TIME]", server.log()[since:])
    return [line for line in re.sub(r"child \d+", "child N", log).splitlines() if "the end" not in line]


WRITE = "<?php $f = fopen('php://stderr', 'w'); fwrite($f, $_GET['text']); fclose($f);"
TEXTS = {"a line": "one\n", "lines": "one\ntwo\n\n\nthree\n", "no end": "unfinished", "long": "x" * 1500 + "\nshort\n",
         "longer": "y" * 5000, "of the limit's length": "z" * 599 + "\nafter\n", "tabs": "a\tb\n"}


@pytest.mark.parametrize("limit", ["600", "1024"])
@pytest.mark.parametrize("buffering", ["yes", "no"])
def test_output_is_split_and_decorated_as_by_php_fpm(make, limit, buffering):
    workers = {"catch_workers_output": "yes", "pm.max_children": "1"}
    pools = {"www": workers, "bare": {**workers, "decorate_workers_output": "no"}}
    settings = {"log_limit": limit, "log_buffering": buffering}
    seen = []
    with programs.PhpFpm(pools, settings=settings) as reference:
        ours = make(pools, settings=settings).start()
        for s in (reference, ours):
            path = s.script("write.php", WRITE)
            digits = len(s.run(s.script("pid.php", "<?php echo getmypid();"), pool="www").text)
            found = {(pool, what): said(s, path, text, pool) for what, text in TEXTS.items() for pool in pools}
            # the pid's digits are part of an entry's length
            seen.append({k: [re.sub(r"(\w)\1{50,}", lambda m: f"{m[1]}*", line) if k[0] == "www" else line for line in v]
                         for k, v in found.items()})
            assert all(len(line) - len("[TIME]") + len("[21-Nov-2026 20:46:42]") - 1 + digits <= int(limit) - 1
                       for v in found.values() for line in v if line.startswith("[TIME]"))
    assert seen[1] == seen[0]


@pytest.mark.parametrize("where", ["script", "preload"])
def test_programs_that_php_starts_do_not_inherit_ignored_signals(make, where):
    s = make()
    path = os.path.join(s.shared_folder(), "status")
    code = s.script("ignored.php", f"<?php file_put_contents('{path}', shell_exec('cat /proc/self/status'));")
    if where == "preload":
        s.pools["www"]["php_admin_value[opcache.preload]"] = code
    s.start()
    if where == "script":
        assert s.run(code).complete
    with open(path) as f:
        ignored = int(re.search(r"SigIgn:\s*(\w+)", f.read()).group(1), 16)
    numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGCHLD)
    assert [n.name for n in numbers if ignored & 1 << (n - 1)] == []


def test_client_that_stays_does_not_hold_the_worker(start):
    """Nobody has read the empty body of a GET, and the web server leaves its side open: the worker closes, and does not wait for it."""
    s = start({"www": {"pm.max_children": "1"}})
    open_ones = []
    began = time.monotonic()
    for _ in range(10):
        c = s.connect()
        open_ones.append(c)
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        assert c.read_response().complete
        assert c.read_eof() == b""
    took = time.monotonic() - began
    for c in open_ones:
        c.close()
    assert took < 5, f"10 requests took {took:.1f} s"


# --- a script that forks

def forks(start, **pool):
    return start({"www": {"pm.max_children": "1", "security.pcntl": "yes", **pool}})


CHILD_ENDS = {
    "exit": "exit(3);",
    "end of the script": "return;",
    "exception": "throw new Exception('of the child');",
    "flush": "flush(); exit(3);",
    "much output": "echo str_repeat('from the child ', 100000); exit(3);",
    "fastcgi_finish_request": "fastcgi_finish_request(); exit(3);",
    "shutdown function": "register_shutdown_function(function () { echo 'from the child'; flush(); }); exit(3);",
    "message": "error_log('from the child'); exit(3);",
    "signal": "posix_kill(getmypid(), SIGTERM); for (;;) usleep(1000);",
}


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("end", CHILD_ENDS)
def test_forked_copy_of_a_script_is_heard_by_its_parent_only(start, end, keep):
    s = forks(start)
    worker = s.wait_workers(1)[0]
    code = s.script("fork.php", """<?php echo 'before ';
        $child = pcntl_fork();
        if ($child == 0) { echo 'from the child '; %s }
        $got = pcntl_waitpid($child, $status);
        echo $got == $child ? 'waited ' : 'lost ', pcntl_wifexited($status) ? 'exited' : 'killed', ' after';""" % CHILD_ENDS[end])
    with s.connect() as c:
        r = c.request(fastcgi.environment(code), keep=keep)
        assert r.complete and r.status == 200
        assert r.text in ("before waited exited after", "before waited killed after")
        assert b"child" not in r.stderr
        if keep:
            assert int(c.request(fastcgi.environment(s.pid_script), keep=False).text) == worker
        assert c.read_eof() == b""
    assert {int(s.run(s.pid_script).text) for _ in range(5)} == {worker}
    assert s.workers() == [worker] and procs.children(worker) == []


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("finish", ["", "fastcgi_finish_request();"])
def test_forked_copy_that_lives_on_keeps_nothing_open(start, kept, finish):
    """Its client gets the connection's end, its worker has nothing to watch for, and the pool's address is free."""
    s = forks(start)
    worker = s.wait_workers(1)[0]
    mark = os.path.join(s.shared_folder(), "forked")
    code = s.script("fork.php", """<?php if (pcntl_fork() > 0) { echo 'parent'; %s return; }
        for ($i = 0; $i < 6000 && !file_exists($_GET['m']); $i++) { usleep(5000); clearstatcache(); }""" % finish)
    with s.connect() as c:
        if kept:
            assert c.request(fastcgi.environment(s.pid_script), keep=True).complete
        assert c.request(fastcgi.environment(code, query="m=" + mark), keep=False).text == "parent"
        assert c.read_eof(timeout=20) == b""
    child = procs.until("the copy to live", lambda: procs.children(worker))[0]
    procs.assert_does_not_spin(worker)
    with open("/proc/net/unix", encoding="ascii") as f:
        used = {line.split()[6] for line in f if line.endswith(s.address() + "\n")}  # listener and connections
    held = set(procs.files(child))
    assert not {f"socket:[{inode}]" for inode in used} & held
    open(mark, "w").close()
    procs.wait_gone(child)
    assert int(s.run(s.pid_script).text) == worker


def test_forked_copy_that_outlives_its_request_becomes_no_worker(start):
    s = forks(start)
    worker = s.wait_workers(1)[0]
    mark = os.path.join(s.shared_folder(), "forked")
    code = s.script("fork.php", """<?php if (pcntl_fork() > 0) { echo 'parent'; return; }
        for ($i = 0; $i < 6000 && !file_exists($_GET['m']); $i++) { usleep(5000); clearstatcache(); }
        echo 'child';""")
    r = s.run(code, query="m=" + mark)
    assert r.complete and r.text == "parent"
    child = procs.until("the copy to live", lambda: procs.children(worker))[0]
    for _ in range(10):
        assert int(s.run(s.pid_script).text) == worker
    open(mark, "w").close()
    procs.wait_gone(child)
    for _ in range(10):
        assert int(s.run(s.pid_script).text) == worker
    assert s.workers() == [worker] and s.status()["pools"][0]["status"]["accepted conn"] >= 20


# --- children that a script leaves behind

LEAVES = {
    "proc_open": "$p = proc_open(['/bin/sh', '-c', %s], [], $pipes);",
    "proc_open of a shell": "$p = proc_open(%s, [], $pipes);",
    "pcntl_fork": "if (pcntl_fork() === 0) { pcntl_exec('/bin/sh', ['-c', %s]); }",
}
WAITS = "while [ ! -e {mark} ]; do sleep 0.01; done"


def leaves(start, how, command):
    """A server whose only worker has run a script that starts such a child and does not wait for it; (server, worker)."""
    s = forks(start)
    r = s.run(s.script("leave.php", "<?php " + LEAVES[how] % repr(command.replace("{mark}", os.path.join(s.shared_folder(), "mark"))) + " echo getmypid();"))
    return s, int(r.text)



@pytest.mark.parametrize("how", LEAVES)
def test_a_child_that_ends_between_requests_leaves_no_zombie(start, how):
    s, worker = leaves(start, how, WAITS)
    child = procs.until("the child", lambda: procs.children(worker))[0]
    assert int(s.run(s.pid_script).text) == worker and procs.children(worker) == [child]
    open(os.path.join(s.shared_folder(), "mark"), "w").close()
    procs.until("the child to be gone, and no zombie", lambda: not os.path.exists(f"/proc/{child}"))
    assert int(s.run(s.pid_script).text) == worker


@pytest.mark.parametrize("how", LEAVES)
def test_children_that_end_during_a_request_are_reaped_after_it(start, how):
    s, worker = leaves(start, how, WAITS)
    child = procs.until("the child", lambda: procs.children(worker))[0]
    code = s.script("end.php", """<?php touch($_GET['m']);
        do { usleep(1000); $state = explode(' ', explode(') ', file_get_contents('/proc/' . $_GET['p'] . '/stat'))[1])[0]; } while ($state != 'Z');
        echo $state;""")
    assert s.run(code, query=f"m={os.path.join(s.shared_folder(), 'mark')}&p={child}").text == "Z"
    procs.until("the child to be gone, and no zombie", lambda: not os.path.exists(f"/proc/{child}"))


def test_scripts_still_wait_for_their_own_children(start):
    """Also after a request that left one."""
    s, worker = leaves(start, "proc_open", WAITS)
    child = procs.until("the child", lambda: procs.children(worker))[0]
    code = s.script("wait.php", """<?php $p = proc_open(['/bin/sh', '-c', 'exit 7'], [], $pipes); $seven = proc_close($p);
        exec('exit 6', $out, $six); $h = popen('exit 5', 'r'); $five = pclose($h);
        $child = pcntl_fork(); if ($child === 0) exit(4);
        $got = pcntl_waitpid($child, $status); echo json_encode([getmypid(), $seven, $six, $five, $got === $child, pcntl_wexitstatus($status)]);""")
    for _ in range(3):
        assert json.loads(s.run(code).text) == [worker, 7, 6, 5, True, 4]
    assert procs.children(worker) == [child]
    open(os.path.join(s.shared_folder(), "mark"), "w").close()
    procs.until("the child to be gone, and no zombie", lambda: not os.path.exists(f"/proc/{child}"))
