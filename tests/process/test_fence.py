# SPDX-License-Identifier: MIT
"""The fence around a pool, each part shown by the attack that it is for: who may connect."""

import contextlib
import os
import pwd
import signal
import socket
import subprocess

import pytest

import fastcgi
import procs
import server as programs

pytestmark = pytest.mark.skipif(not programs.ROOT, reason="only root changes users and owners")

WEB, OTHER = "www-data", "daemon"  # the web server's user, and one that is nobody's friend here
HELLO = "<?php echo 'served';"


@contextlib.contextmanager
def as_user(name):
    """What is connected in here has that user for the kernel."""
    user = pwd.getpwnam(name)
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def connect_as(name, address):
    with as_user(name):
        return fastcgi.Connection(address, programs.START_LIMIT)


def reply_to(connection, script, **more):
    """The reply's text; None: the connection was closed instead."""
    with connection as c:
        try:
            return c.request(fastcgi.environment(script, **more), keep=False).text
        except (ConnectionError, EOFError):
            return None


def ask_as(name, address, script):
    return reply_to(connect_as(name, address), script)


def denied(s, what, pool=0):
    return s.status()["pools"][pool]["denied"][what]


@pytest.fixture
def refusal(make):
    """refusal(pool) -> what a check of that configuration says, which fails."""
    def check(pool):
        s = make({"www": pool})
        s.write_config()
        done = subprocess.run([programs.FPMD, "-t", "-y", s.config_path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 78
        return done.stdout + done.stderr
    return check


# --- listen.peer_users

def test_other_users_cannot_use_a_pools_socket(start):
    """The socket's mode lets everybody in, as a careless operator has it; whoever is not named is sent away, and counted."""
    s = start({"a": {"listen.peer_users": WEB}, "b": {}})
    script = s.script("hello.php", HELLO)
    assert ask_as(WEB, s.address("a"), script) == "served"
    for _ in range(3):
        assert ask_as(OTHER, s.address("a"), script) is None
    assert ask_as("root", s.address("a"), script) is None, "root is let in where it is named"
    assert ask_as(OTHER, s.address("b"), script) == "served"
    s.wait_log(rf"connection from pid {os.getpid()} closed: listen\.peer_users does not name its user, uid {pwd.getpwnam(OTHER).pw_uid}, gid")
    assert s.log().count("listen.peer_users does not name") <= len(s.workers()), "each worker says it once in ten seconds"
    assert (denied(s, "peers", 0), denied(s, "peers", 1)) == (4, 0)
    assert "4 peers" in s.ctl("status").stdout


def test_users_of_a_socket_change_with_a_reload_and_hold_for_the_status_page(start):
    s = make_status(start)
    page = s.pools["www"]["pm.status_listen"]
    script = s.script("hello.php", HELLO)
    assert "www" in ask_as(WEB, page, "/status") and ask_as(OTHER, page, "/status") is None
    s.pools["www"]["listen.peer_users"] = f"{pwd.getpwnam(OTHER).pw_uid} root"
    s.write_config()
    assert s.ctl("reload").returncode == 0
    assert ask_as(OTHER, s.address(), script) == ask_as("root", s.address(), script) == "served"
    assert ask_as(WEB, s.address(), script) is None
    assert ask_as(WEB, page, "/status") is None and "www" in ask_as(OTHER, page, "/status")
    metrics = reply_to(connect_as(OTHER, page), "/status", query="openmetrics")
    assert "\nphpfpm_denied_peers 3\n" in metrics


def make_status(start):
    folder = programs.make_folder("status")
    return start({"www": {"listen.peer_users": WEB, "pm.status_path": "/status", "pm.status_listen": f"{folder}/status.sock"}}, folder=folder)


def test_users_of_a_socket_are_asked_before_anything_waits(start):
    """The park takes connections itself while all workers are busy, and at an address that a reload gives up the master does."""
    s = start({"www": {"listen.peer_users": WEB, "pm.max_children": 1, "queue.max_length": 5}})
    gate = os.path.join(s.shared_folder(), "gate")
    os.mkfifo(gate)
    os.chmod(gate, 0o666)
    script = s.script("wait.php", "<?php fopen($_SERVER['GATE'], 'r'); echo 'served';")
    with connect_as(WEB, s.address()) as first, connect_as(WEB, s.address()) as second:
        first.send(fastcgi.request_bytes(fastcgi.environment(script, GATE=gate)))
        second.send(fastcgi.request_bytes(fastcgi.environment(s.script("hello.php", HELLO))))
        assert ask_as(OTHER, s.address(), script) is None
        open(gate, "w").close()
        assert first.read_response(timeout=programs.START_LIMIT).text == second.read_response(timeout=procs.LIMIT).text == "served"
    assert denied(s, "peers") == 1
    worker = s.workers()[0]
    os.kill(worker, signal.SIGSTOP)
    with connect_as(OTHER, s.address()) as c:
        s.pools["www"]["listen"] = s.address() + ".next"
        s.write_config()
        assert s.ctl("reload").returncode == 0
        assert c.read_eof(timeout=programs.START_LIMIT) == b""
    os.kill(worker, signal.SIGCONT)
    assert denied(s, "peers") == 2


def test_a_socket_of_tcp_has_no_users(make, refusal):
    """In the file it is refused. One that the service manager passes is seen too late for that: nobody gets in."""
    assert "directive 'listen.peer_users': '127.0.0.1:9000' is for TCP" in refusal({"listen": "127.0.0.1:9000", "listen.peer_users": WEB})
    s = make({"www": {"listen": "systemd", "listen.peer_users": f"{WEB},root"}})
    with socket.create_server(("127.0.0.1", 0)) as listener:
        s.start_with_sockets([listener], ["www"])
        script = s.script("hello.php", HELLO)
        assert ask_as(WEB, f"127.0.0.1:{listener.getsockname()[1]}", script) is None
        s.wait_log(r"connection closed: its peer has no user \(listen\.peer_users\)")


def test_users_that_cannot_be_told(refusal):
    for users, why in {"nosuchuser": "there is no user 'nosuchuser'", "": "it names nobody", " , ": "it names nobody",
                       "root,nobody": "'nobody' cannot be told from any user of another user namespace", "65534": "'65534' cannot be told"}.items():
        assert f"directive 'listen.peer_users': {why}" in refusal({"listen.peer_users": f'"{users}"'})
