# SPDX-License-Identifier: MIT
"""Requests that take too long: their end, the slow log, and clients that do not send."""

import fcntl
import os
import re
import signal
import socket
import threading
import time

import pytest

import fastcgi
import procs
import server as programs

TIMED_OUT = r"WARNING: \[pool www\] child {}, script '{}' \(request: \"GET /{}\?a=1\"\) execution timed out \((\d+\.\d{{6}}) sec\), terminating"


class Asked:
    """A request on its way, in a thread of its own."""

    def __init__(self, s, script, **more):
        self.text = None
        self.cut = False
        self.begun = time.monotonic()
        self.thread = threading.Thread(target=self._run, args=(s, script, more))
        self.thread.start()

    def _run(self, s, script, more):
        try:
            reply = s.run(script, query="a=1", **more)
            self.text = reply.text
            self.cut = reply.app_status is None
        except OSError:
            self.cut = True
        self.took = time.monotonic() - self.begun

    def wait(self):
        self.thread.join(20)
        assert not self.thread.is_alive(), "waited 20 s for a reply"
        return self


@pytest.fixture
def slow(make):
    """slow(timeout, ...) -> a running Fpmd whose slow log is in its folder."""
    def run(timeout="1s", pool=None, **how):
        s = make({"www": {"pm.max_children": "4", "request_slowlog_timeout": timeout, **(pool or {})}}, **how)
        s.slow_path = os.path.join(s.folder, "slow.log")
        s.pools["www"].setdefault("slowlog", s.slow_path)
        return s.start()
    return run


def slow_log(s):
    with open(s.slow_path) as f:
        return f.read()


def frames(s):
    """The last entry's lines, without addresses and the folder."""
    entry = slow_log(s).split("\n\n")[-1]
    lines = [line for line in entry.splitlines() if line.startswith("[0x") or line.startswith("no backtrace")]
    return [re.sub(r"^\[0x[0-9a-f]{16}\] ", "", line).replace(s.folder, "") for line in lines]


def wait_frames(s, least=1):
    return procs.until("a backtrace in the slow log", lambda: (lambda f: f if len(f) >= least else None)(frames(s)))


PAGES = {
    "sleep": "<?php function f() { sleep(20); } f();",
    "loop": "<?php while (true);",
    "lock": "<?php $a = fopen('@LOCK@', 'c'); flock($a, LOCK_EX); $b = fopen('@LOCK@', 'c'); flock($b, LOCK_EX);",
}


@pytest.mark.parametrize("page", ["sleep", "loop", "lock"])
def test_request_is_ended_at_its_time(start, page):
    s = start({"www": {"pm.max_children": "2", "request_terminate_timeout": "1s"}})
    script = s.script(f"{page}.php", PAGES[page].replace("@LOCK@", os.path.join(s.shared_folder(), "lock")))
    asked = Asked(s, script).wait()
    assert asked.cut, asked.text
    m = s.wait_log(TIMED_OUT.format(r"(\d+)", re.escape(script), f"{page}.php"))
    assert 1.0 <= float(m[2]) < 1.1
    s.wait_log(rf'child {m[1]}: stage "Running" for (0\.9|1\.0)\d+ sec')  # its head took some of the second
    s.wait_log(rf"WARNING: \[pool www\] child {m[1]} exited on signal 15 \(SIGTERM\) after \d+\.\d+ seconds from start")
    assert s.run(s.pid_script).status == 200
    s.wait_workers(2)


def test_other_requests_live_on(start):
    s = start({"www": {"pm.max_children": "2", "request_terminate_timeout": "1s"}})
    long = Asked(s, s.script("sleep.php", PAGES["sleep"]))
    short = s.script("short.php", "<?php usleep(300000); echo 'whole';")
    while long.thread.is_alive():
        assert s.run(short).text == "whole"
    assert long.wait().cut
    assert s.log().count("timed out") == 1


def test_ended_workers_are_no_crash_loop(start):
    s = start({"www": {"pm.max_children": "1", "request_terminate_timeout": "1s"}})
    script = s.script("sleep.php", PAGES["sleep"])
    for _ in range(2):
        assert Asked(s, script).wait().cut
    assert "young" not in s.log() and "delayed" not in s.log()


def test_time_runs_while_a_script_waits_for_its_body(start):
    s = start({"www": {"pm.max_children": "1", "request_terminate_timeout": "1s"}})
    code = s.script("read.php", "<?php echo strlen(file_get_contents('php://input'));")
    body = b"x" * 200000
    with s.connect() as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(code, body=body, method="PUT"), body)[:100000])
        s.wait_log(r"execution timed out")
        assert c.read_eof() == b""


def test_time_does_not_run_while_a_request_is_waited_for(start):
    s = start({"www": {"pm.max_children": "1", "request_terminate_timeout": "1s"}})
    data = fastcgi.request_bytes(fastcgi.environment(s.pid_script))
    with s.connect() as c:
        c.send(data[:-1])
        with s.connect() as other:  # 1.5 s by the clock of the server
            other.send(fastcgi.request_bytes(fastcgi.environment(s.script("sleep.php", "<?php usleep(750000); echo 'slept';")), keep=True))
            assert other.read_response().text == "slept"
            assert other.request(fastcgi.environment(s.script("sleep.php", "<?php usleep(750000); echo 'slept';"))).text == "slept"
        c.send(data[-1:])
        assert c.read_response().complete
    assert "timed out" not in s.log()


def test_what_runs_after_the_reply_is_not_counted(start):
    s = start({"www": {"pm.max_children": "1", "request_terminate_timeout": "1s"}})
    mark = os.path.join(s.shared_folder(), "mark")
    code = f"<?php echo 'x'; fastcgi_finish_request(); usleep(1500000); touch('{mark}');"
    assert s.run(s.script("after.php", code)).text == "x"
    procs.until("the script's end", lambda: os.path.exists(mark))
    assert "timed out" not in s.log()


def test_what_runs_after_the_reply_is_counted_when_tracked(start):
    s = start({"www": {"pm.max_children": "1", "request_terminate_timeout": "1s", "request_terminate_timeout_track_finished": "yes"}})
    assert s.run(s.script("after.php", "<?php echo 'x'; fastcgi_finish_request(); sleep(20);")).text == "x"
    s.wait_log(r"execution timed out")


def test_timeouts_of_a_reload_hold_for_new_workers(start):
    s = start({"www": {"pm.max_children": "1"}})
    s.pools["www"]["request_terminate_timeout"] = "1s"
    s.write_config()
    s.reload()
    assert Asked(s, s.script("sleep.php", PAGES["sleep"])).wait().cut
    s.wait_log(r"execution timed out \(1\.0")


# --- where it is

def test_slow_log_has_php_fpms_lines(slow):
    s = slow()
    script = s.script("deep.php", "<?php\nfunction inner() { return sleep(2); }\nclass A {\n  function m() { return inner(); }\n"
                      "  static function st() {\n    return (new A)->m();\n  }\n}\n$f = function () { return A::st(); };\necho 'left ', $f();\n")
    asked = Asked(s, script).wait()
    assert asked.text == "left 0", "nothing interrupted the script's sleep"
    # PHP 8.4 tells where a closure is
    assert [re.sub(r"\{closure:[^}]*\}", "{closure}", f) for f in wait_frames(s)] == ["sleep() /deep.php:2", "inner() /deep.php:4", "A->m() /deep.php:6", "A::st() /deep.php:9",
                              "{closure}() /deep.php:10"]
    head = slow_log(s).splitlines()
    assert head[0] == ""
    m = re.fullmatch(r"\[\d\d-\w{3}-\d{4} \d\d:\d\d:\d\d\]  \[pool www\] pid (\d+)", head[1])
    assert head[2:5] == [f"script_filename = {script}", "request_method = GET", "request_uri = /deep.php?a=1"]
    line = s.wait_log(rf"WARNING: \[pool www\] child {m[1]}, script '{script}' \(request: \"GET /deep.php\?a=1\"\) executing too slow \((1\.\d{{6}}) sec\), logging")
    assert float(line[1]) < 1.1
    assert s.log().count("too slow") == 1


@pytest.mark.parametrize("call, expected", [
    ("usleep(1800000)", "usleep()"),
    ("flock(fopen('@LOCK@', 'c'), LOCK_EX)", "flock()"),
    ("stream_select($r, $w, $e, 1, 800000)", "stream_select()"),
])
def test_place_inside_a_call(slow, call, expected):
    s = slow()
    lock = os.path.join(s.shared_folder(), "lock")
    held = None
    if "@LOCK@" in call:
        held = open(lock, "w")
        os.chmod(lock, 0o666)
        fcntl.flock(held, fcntl.LOCK_EX)
    prepare = "$p = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0); $r = [$p[0]]; $w = $e = null;"
    asked = Asked(s, s.script("call.php", f"<?php\n{prepare}\nfunction f() {{ global $r, $w, $e;\n{call.replace('@LOCK@', lock)}; }}\nf();\n"))
    assert wait_frames(s) == [f"{expected} /call.php:4", "f() /call.php:5"]
    if held:
        held.close()
    assert not asked.wait().cut


def test_place_of_a_loop_in_an_included_file(slow):
    s = slow(pool={"request_terminate_timeout": "3s"})
    s.script("part.php", "<?php\nclass B {\n  static function spin() {\n    while (true) {\n      strlen('x');\n    }\n  }\n}\nB::spin();\n")
    asked = Asked(s, s.script("main.php", "<?php\n\nrequire __DIR__ . '/part.php';\n"))
    got = wait_frames(s, 2)
    assert got[-2:] == ["B::spin() /part.php:9", "[INCLUDE_OR_EVAL]() /main.php:3"]
    assert all(re.fullmatch(r"(\{running\}|strlen\(\)) /part\.php:[3-6]", line) for line in got[:-2])
    assert asked.wait().cut
    s.wait_log(r"child \d+: \[0x[0-9a-f]{16}\] B::spin\(\) .*/part.php:9")


def test_depth_is_limited(slow):
    s = slow(pool={"request_slowlog_trace_depth": "3"})
    asked = Asked(s, s.script("deep.php", "<?php\nfunction f($n) { $n ? f($n - 1) : usleep(1500000); }\nf(50);\n"))
    assert wait_frames(s) == ["usleep() /deep.php:2", "f() /deep.php:2", "f() /deep.php:2"]
    asked.wait()


def test_stacks_in_motion_do_no_harm(slow):
    """Frames come and go while they are read."""
    s = slow(timeout="1s")
    code = "<?php function a($n) { return $n ? b($n - 1) : strrev('x'); } function b($n) { return $n ? a($n - 1) : strrev('y'); }" \
           "$end = microtime(true) + 1.3; while (microtime(true) < $end) a(30); echo 'done';"
    script = s.script("motion.php", code)
    workers, zygotes = s.workers(), s.zygotes()
    for _ in range(2):
        asked = [Asked(s, script) for _ in range(4)]
        assert [a.wait().text for a in asked] == ["done"] * 4
    assert s.workers() == workers and s.zygotes() == zygotes
    assert slow_log(s).count("script_filename = ") == 8


def test_slow_requests_are_counted(slow):
    s = slow(pool={"pm.status_path": "/status"})
    Asked(s, s.script("slow.php", "<?php usleep(1200000);")).wait()
    page = s.client().request(fastcgi.environment("/status", root="")).text
    assert re.search(r"^slow requests: +1$", page, re.M)


def test_slow_log_is_reopened(slow):
    s = slow()
    os.rename(s.slow_path, s.slow_path + ".1")
    s.signal(signal.SIGUSR1)
    procs.until("the new slow log", lambda: os.path.exists(s.slow_path))
    Asked(s, s.script("slow.php", "<?php usleep(1200000);")).wait()
    assert "usleep()" in slow_log(s)
    assert not os.path.getsize(s.slow_path + ".1")


def test_slow_log_moves_with_a_reload(slow):
    s = slow()
    s.slow_path = s.pools["www"]["slowlog"] = os.path.join(s.folder, "other.log")
    s.write_config()
    s.reload()
    Asked(s, s.script("slow.php", "<?php usleep(1200000);")).wait()
    assert "usleep()" in slow_log(s)


@pytest.mark.skipif(not programs.ROOT, reason="only root sees whose files of /proc are hidden")
def test_workers_hide_their_memory_also_with_a_slow_log(slow, start):
    def owners(pids):
        return {os.stat(f"/proc/{pid}/environ").st_uid for pid in pids}  # root's where a process is not dumpable

    hidden, slow = start(), slow()
    assert owners(hidden.workers() + hidden.zygotes() + slow.zygotes() + slow.workers()) == {0}


def test_worker_that_ignores_sigterm_is_killed(start):
    s = start({"www": {"pm.max_children": "1", "request_terminate_timeout": "1s", "php_admin_value[ffi.enable]": "1"}})
    asked = Asked(s, s.script("deaf.php", "<?php FFI::cdef('int sigignore(int sig);')->sigignore(15); while (true);")).wait()
    assert asked.cut and 2.0 <= asked.took < 5
    s.wait_log(r"exited on signal 9 \(SIGKILL\)")


def test_frozen_zygote_keeps_nobody_alive(slow):
    """The order to trace is not answered; the worker is ended all the same."""
    s = slow(pool={"request_terminate_timeout": "2s"})
    zygote = s.zygotes()[0]
    os.kill(zygote, signal.SIGSTOP)
    try:
        asked = Asked(s, s.script("sleep.php", PAGES["sleep"])).wait()
        assert asked.cut and asked.took < 5
    finally:
        os.kill(zygote, signal.SIGCONT)
    s.wait_workers(4)
    assert s.zygotes() == [zygote], "an answer that comes after its worker's end is no offence"
    assert "makes no sense" not in s.log()


# --- clients

def test_client_that_does_not_send_loses_its_connection(start):
    s = start({"www": {"pm.max_children": "1", "request_receive_timeout": "1s"}})
    with socket.socket(socket.AF_UNIX) as c:
        c.connect(s.address())
        c.settimeout(5)
        begun = time.monotonic()
        assert c.recv(1) == b""
        assert 0.9 < time.monotonic() - begun < 4
    s.wait_log(r"WARNING: \[pool www\] connection from .* closed: its request did not come within request_receive_timeout \(1\.000 sec\)")
    assert s.run(s.pid_script).status == 200


@pytest.mark.parametrize("part", ["head", "body", "reply"])
def test_client_that_does_nothing_does_not_keep_a_worker(start, part):
    """Not even one that sends, or is sent, more than the park takes."""
    limit = "park.idle_timeout" if part == "reply" else "park.rest_timeout"
    s = start({"www": {"pm.max_children": "1", limit: "1s"}})
    script = s.script("large.php", "<?php echo strlen(file_get_contents('php://input')), str_repeat('r', 16 << 20);")
    sent = {
        "head": fastcgi.begin() + fastcgi.stream(fastcgi.PARAMS, 1, fastcgi.pairs([("X", "x" * 100000)]))[:80000],
        "body": fastcgi.request_bytes(fastcgi.environment(script, body=b"b" * 200000), b"b" * 200000)[:100000],
        "reply": fastcgi.request_bytes(fastcgi.environment(script)),
    }[part]
    with s.connect(timeout=20) as c:
        c.send(sent)
        why = "it took nothing of its reply" if part == "reply" else "nothing more of its request came"
        s.wait_log(rf"WARNING: \[pool www\] connection from .* closed: {why} for {limit} \(1\.000 sec\)")
        assert s.run(s.pid_script).status == 200


def test_client_that_reads_slowly_gets_its_reply(start):
    """Over TCP the kernel makes room for more when a third of what waits has been taken, which is much: that nothing could be sent does not mean that it takes nothing."""
    s = start({"www": {"pm.max_children": "1", "park.idle_timeout": "1s", "listen": f"127.0.0.1:{programs.free_port()}"}})
    n = 16 << 20
    script = s.script("large.php", "<?php echo str_repeat('r', $_GET['n']);")
    with s.connect(timeout=20) as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(script, query=f"n={n}")))
        taken = b""
        until = time.monotonic() + 4
        while time.monotonic() < until:
            taken += c.sock.recv(20000)
            time.sleep(0.2)  # how slowly it reads
        c.buffer = taken
        assert len(c.read_response().body) == n
    assert "park.idle_timeout" not in s.log()


def test_slow_script_is_not_a_slow_client(start):
    s = start({"www": {"pm.max_children": "1", "request_receive_timeout": "1s"}})
    body = b"b" * 300000
    code = "<?php usleep(1300000); echo strlen(file_get_contents('php://input'));"
    assert s.run(s.script("later.php", code), body=body).text == "300000"


def test_kept_connection_may_wait(start):
    s = start({"www": {"pm.max_children": "1", "request_receive_timeout": "1s"}})
    client = s.client()
    first = client.request(fastcgi.environment(s.pid_script), keep=True).text
    held = Asked(s, s.script("x.php", "<?php usleep(1);")).wait()
    assert not held.cut
    client.close()
    assert s.run(s.pid_script).text == first


DURATION = "<?php foreach (fpm_get_status()['procs'] as $p) if ($p['pid'] == getmypid()) echo $p['request-duration'];"


def test_who_is_served_after_a_client_that_does_not_send_has_not_waited_with_it(start):
    """A head that is larger than what a worker reads before it takes a request up: the worker waits for the rest of it, and finds the next connection at once then."""
    s = start({"www": {"pm.max_children": "1", "request_receive_timeout": "1s"}})
    params = fastcgi.environment(s.script("duration.php", DURATION))
    head = fastcgi.begin() + fastcgi.stream(fastcgi.PARAMS, 1, fastcgi.pairs([("X", "x" * 100000)]))
    worker, = s.workers()
    os.kill(worker, signal.SIGSTOP)
    quick, stuck, last = [s.connect() for _ in range(4)], s.connect(), s.connect()
    for c in quick + [last]:
        c.send(fastcgi.request_bytes(params))
    stuck.send(head[:80000])
    os.kill(worker, signal.SIGCONT)
    assert all(int(c.read_response().text) < 900000 for c in quick + [last])
    stuck.read_eof()


def test_a_fresh_workers_first_request_begins_when_it_comes(start):
    s = start({"www": {"pm.max_children": "1"}})
    script = s.script("duration.php", DURATION)
    worker, = s.workers()
    os.kill(worker, signal.SIGSTOP)
    begun = time.monotonic()
    with s.connect() as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(script)))
        os.kill(worker, signal.SIGKILL)
        assert 0 <= int(c.read_response().text) / 1e6 <= time.monotonic() - begun
