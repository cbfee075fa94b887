# SPDX-License-Identifier: MIT
"""fpmctl against a running fpmd."""

import contextlib
import json
import os
import re
import signal
import stat
import struct
import subprocess
import unicodedata

import pytest

import fastcgi
import procs
import server as programs
from load import Held

EX_UNAVAILABLE = 69

# A packet of src/ipc/control.h: magic, version, type; no field: all pools.
RELOAD_ALL = struct.pack("<IHH", 0x4C54434F, 1, 2)


def test_status_shows_who_is_who(start):
    s = start({"a": {"pm.max_children": "2"}, "b": {"pm.max_children": "1"}})
    s.wait_workers(3)
    r = s.ctl("status")
    assert r.returncode == 0, r
    assert str(s.pid) in r.stdout
    for pid in s.zygotes():
        assert re.search(rf"\b{pid}\b", r.stdout), (pid, r.stdout)
    full = s.ctl("status", "--full").stdout
    for pid in s.workers():
        assert re.search(rf"\b{pid}\b", full), (pid, full)


def test_status_names_the_masters_beside_one_that_is_not_there(start):
    s = start()
    os.symlink(s.runtime, f"{s.folder}/fpmd-wp")
    r = subprocess.run([programs.FPMCTL, "--runtime-dir", f"{s.folder}/fpmd", "status"], capture_output=True, text=True)
    assert r.returncode == EX_UNAVAILABLE and f"there is no socket {s.folder}/fpmd/control" in r.stderr
    assert r.stderr.endswith(f"fpmctl: another one: fpmctl --runtime-dir {s.folder}/fpmd-wp\n")


def test_a_master_that_is_stopped_is_told_of_in_time_however_many_wait(start):
    """Its queue is full of those who have asked before, and gone."""
    s = start()
    with procs.stopped(s.pid):
        with contextlib.suppress(BlockingIOError):
            while True:
                s.connect_control().close()
        r = s.ctl("status", "--timeout", "1", limit=20)
    assert r.returncode == EX_UNAVAILABLE and f"the master did not answer in time on {s.runtime}/control: ps -o pid,stat" in r.stderr, r


def test_status_has_each_reason_of_a_refusal_on_a_line(start):
    s = start()
    with open(s.config_path, "a") as f:
        f.write("nonsense = 1\nrubbish = 2\n")
    assert s.ctl("reload").returncode == 1
    shown = s.ctl("status").stdout
    assert "\\n" not in shown and re.search(r"^  reload    refused  .*\n(            .*\n)*            .*rubbish", shown, re.M), shown


def test_status_names_settings_files_and_addresses(start):
    s = start()
    said = s.ctl("status", "--full").stdout
    assert s.config_path in said and "/php.ini" in said and s.address() in said


def test_status_obeys_no_client(start):
    """Control characters of a URI do not reach the terminal: an escape, and CSI as one character (U+009B) and as one byte."""
    s = start({"www": {"pm.max_children": "1"}})
    with Held(s, SCRIPT_NAME=b"/a\x1b[2Jb\xc2\x9b2Jc\x9b2Jd\xc3\xa4") as held:
        held.wait_running()
        shown = subprocess.run([programs.FPMCTL, "--runtime-dir", s.runtime, "status", "--full"], capture_output=True, check=True).stdout
    assert rb"/a\x1b[2Jb\xc2\x9b2Jc\x9b2Jd" + b"\xc3\xa4" in shown
    assert all(c == "\n" or unicodedata.category(c) != "Cc" for c in shown.decode())


def test_status_json(start):
    s = start({"a": {}, "b": {}})
    seen = json.loads(s.ctl("status", "--json").stdout)
    text = json.dumps(seen)
    assert str(s.pid) in text and s.address("a") in text and s.address("b") in text


def test_status_counts_busy_and_idle(start):
    s = start({"www": {"pm.max_children": "3"}})
    s.wait_workers(3)

    def numbers():
        text = json.dumps(json.loads(s.ctl("status", "--json").stdout))
        return int(re.search(r'"active processes": (\d+)', text).group(1)), int(re.search(r'"idle processes": (\d+)', text).group(1))
    assert numbers() == (0, 3)
    with Held(s) as held:
        held.wait_running()
        assert numbers() == (1, 2)
    procs.until("all to be idle again", lambda: numbers() == (0, 3))


def test_status_counts_requests_exactly(start):
    s = start({"www": {"pm.max_children": "2"}})
    for _ in range(25):
        s.run(s.pid_script)
    text = s.ctl("status", "--json").stdout
    assert re.search(r'"accepted conn": ?25\b', text), text


def test_status_of_one_pool(start):
    s = start({"a": {}, "b": {}})
    said = s.ctl("status", "a").stdout
    assert s.address("a") in s.ctl("status", "--full", "a").stdout and s.address("b") not in said


def test_status_works_while_all_workers_are_busy(start):
    s = start({"www": {"pm.max_children": "1"}})
    with Held(s) as held:
        pid = held.wait_running()
        r = s.ctl("status", "--full")
        assert r.returncode == 0 and str(pid) in r.stdout


def test_no_master_is_said_clearly(make):
    s = make()
    r = s.ctl("status")
    assert r.returncode == EX_UNAVAILABLE and s.runtime in r.stderr


def test_control_socket_is_for_its_owner_only(start):
    s = start()
    path = os.path.join(s.runtime, "control")
    assert stat.S_ISSOCK(os.stat(path).st_mode)
    assert not stat.S_IMODE(os.stat(path).st_mode) & 0o007


def test_control_socket_is_gone_at_the_end(start):
    s = start()
    s.stop()
    assert not os.path.exists(os.path.join(s.runtime, "control"))


def test_garbage_on_the_control_socket_is_harmless(start):
    import socket
    s = start()
    path = os.path.join(s.runtime, "control")
    for data in (b"\0", b"x" * 10000, os.urandom(64), b""):
        c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        c.connect(path)
        c.send(data) if data else None
        c.close()
    assert s.ctl("status").returncode == 0


def test_many_silent_control_connections_do_not_block_others(start):
    import socket
    s = start()
    silent = []
    for _ in range(20):
        c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        c.connect(os.path.join(s.runtime, "control"))
        silent.append(c)
    r = s.ctl("status")
    for c in silent:
        c.close()
    assert r.returncode == 0 or r.stderr
    assert s.ctl("status").returncode == 0


def test_client_that_leaves_before_a_reload_is_refused_does_not_end_the_master(start):
    """The answer to a refused reload finds its client gone. The master is stopped meanwhile, so that it always does."""
    s = start()
    workers = s.wait_workers(2)
    with open(s.config_path, "a") as f:
        f.write("\nnonsense = 1\n")
    for _ in range(3):
        since = len(s.log())
        s.signal(signal.SIGSTOP)
        try:
            for _ in range(3):
                with s.connect_control() as c:
                    c.send(RELOAD_ALL)
        finally:
            s.signal(signal.SIGCONT)
        s.wait_log("nonsense", since)
        assert s.ctl("status").returncode == 0 and s.running()
    assert s.workers() == workers


def test_client_that_leaves_before_a_reload_is_done_does_not_end_the_master(start):
    s = start()
    workers = s.wait_workers(2)
    since = s.notify.mark()
    with s.connect_control() as c:
        c.send(RELOAD_ALL)
    s.notify.wait("READY", "1", s.notify.wait("RELOADING", "1", since))
    for pid in workers:
        procs.wait_gone(pid)
    assert s.ctl("status").returncode == 0 and s.running()


@pytest.mark.parametrize("what", ["clients", "descriptors"])
def test_too_many_idle_control_clients_do_not_make_the_master_spin(make, what):
    """More clients than it takes, or than it has descriptors for; some may wait in the queue all the time."""
    s = make()
    if what == "descriptors":
        s.wrapper = ["prlimit", "--nofile=48:48"]
    pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    clients = []

    def enough():
        try:
            while len(clients) < 150:
                clients.append(s.connect_control())
            return what == "clients"
        except BlockingIOError:  # the queue is full: until the master takes some, or for as long as it cannot
            return what == "descriptors" and len(os.listdir(f"/proc/{s.pid}/fd")) >= 48
    procs.until("more clients than the master takes", enough)
    procs.assert_does_not_spin(s.pid)
    assert s.run(pid_script).complete
    for c in clients:
        c.close()
    procs.until("the status to be told again", lambda: s.ctl("status").returncode == 0, 5)
    assert s.running() and s.ctl("reload").returncode == 0


def get(s, *args):
    return subprocess.run([programs.FPMCTL, "get", *args], capture_output=True, timeout=20, stdin=subprocess.DEVNULL)


def test_get_by_configuration(start):
    s = start({"a": {"env[POOL]": "a"}, "b": {"env[POOL]": "b"}})
    pool = s.script("pool.php", "<?php echo getenv('POOL');")
    assert get(s, "-y", s.config_path, pool).stdout == b"a"
    assert get(s, "-y", s.config_path, "--pool", "b", pool).stdout == b"b"
    other = get(s, "-y", s.config_path, "--pool", "B", pool)
    assert other.returncode != 0 and b"has no pool 'B'" in other.stderr


def test_get_by_address(start):
    s = start({"www": {"listen": f"127.0.0.1:{programs.free_port()}", "listen.mode": None}})
    r = get(s, "--connect", s.address(), s.script("x.php", "<?php echo $_GET['q'];") + "?q=asked")
    assert (r.returncode, r.stdout) == (0, b"asked")


def test_get_with_a_body_and_headers(start):
    s = start()
    code = s.script("x.php", "<?php header('X-Got: ' . $_SERVER['HTTP_X_SENT']); echo $_SERVER['REQUEST_METHOD'], $_POST['a'];")
    r = get(s, "--connect", s.address(), "-i", "-X", "POST", "-d", "a=1", "-H", "X-Sent: yes", code)
    assert r.returncode == 0 and b"POST1" in r.stdout and b"X-Got: yes" in r.stdout


def test_get_exit_status_of_errors(start):
    s = start()
    r = get(s, "--connect", s.address(), s.folder + "/none.php")
    assert r.returncode == 22 and b"404" in r.stderr
    r = get(s, "--connect", s.folder + "/nobody.sock", s.pid_script)
    assert r.returncode not in (0, 22) and b"nobody.sock" in r.stderr


def test_get_repeats_on_a_kept_connection(start):
    s = start()
    code = s.script("x.php", "<?php echo getmypid(), ' ';")
    r = get(s, "--connect", s.address(), "--repeat", "5", code)
    assert len(r.stdout.split()) == 5 and len(set(r.stdout.split())) == 1


def test_get_shows_stderr_on_request(start):
    s = start()
    r = get(s, "--connect", s.address(), "--stderr", s.script("x.php", "<?php error_log('aside'); echo 'page';"))
    assert r.stdout == b"page" and b"aside" in r.stderr


def test_check(make):
    s = make()
    s.write_config()
    good = subprocess.run([programs.FPMCTL, "check", "-y", s.config_path], capture_output=True, text=True, timeout=20)
    assert good.returncode == 0, good
    with open(s.config_path, "a") as f:
        f.write("nonsense = 1\n")
    bad = subprocess.run([programs.FPMCTL, "check", "-y", s.config_path], capture_output=True, text=True, timeout=20)
    assert bad.returncode == 78 and "nonsense" in bad.stdout + bad.stderr


def test_status_page_and_fpmctl_agree(start):
    s = start({"www": {"pm.status_path": "/status"}})
    for _ in range(7):
        s.run(s.pid_script)
    page = json.loads(s.client().request(fastcgi.environment("/status", root="", query="json")).text)
    assert page["accepted conn"] == 8
    assert re.search(r'"accepted conn": ?8\b', s.ctl("status", "--json").stdout)
