# SPDX-License-Identifier: MIT
"""Paths that the master opens, makes and removes, in folders that others may write into; and names of descriptors in the place of a path."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import threading

import pytest

import fastcgi
import procs
import server as programs
from test_sockets import unix_listener

as_root = pytest.mark.skipif(not programs.ROOT, reason="needs root: it is about a master that is")
LOGS = {"error_log": ({"error_log": "{f}/log"}, {}), "access.log": ({}, {"access.log": "{f}/log"}),
        "slowlog": ({}, {"slowlog": "{f}/log", "request_slowlog_timeout": "5s"})}


@pytest.fixture
def theirs():
    """A folder of the pool's user, and outside of it a file of root's."""
    folder, vault = programs.make_folder("theirs"), programs.make_folder("vault")
    shutil.chown(folder, programs.POOL_USER)
    secret = os.path.join(vault, "secret")
    with open(secret, "w") as f:
        f.write("secret\n")
    os.chmod(secret, 0o600)
    yield folder, secret
    shutil.rmtree(folder)
    shutil.rmtree(vault)


def plant(target, name, owner=programs.POOL_USER):
    os.symlink(target, name)
    who = pwd.getpwnam(owner)
    os.lchown(name, who.pw_uid, who.pw_gid)


def assert_untouched(secret):
    seen = os.stat(secret)
    assert (seen.st_uid, stat.S_IMODE(seen.st_mode)) == (0, 0o600)
    assert not any(name.startswith("system.posix_acl") for name in os.listxattr(secret))
    with open(secret) as f:
        assert f.read() == "secret\n"


def filled(settings, folder):
    return {k: v.replace("{f}", folder) for k, v in settings.items()}


# --- chroot

@as_root
def test_a_linked_chroot(make, theirs):
    """A link of root's is followed, that of another user is not: it would choose what the pool's root is."""
    folder, _ = theirs
    root = programs.make_folder("root")
    os.mkdir(root + "/inside")
    try:
        for owner, fine in (("root", True), (programs.POOL_USER, False)):
            plant(root, os.path.join(folder, owner), owner)
            for place in ("", "/inside"):
                s = make({"www": {"chroot": os.path.join(folder, owner) + place}}, settings={"error_log": None})
                if fine:
                    s.start()
                    assert s.stop() == 0
                    continue
                status, said = s.start_expecting_failure()
                assert status != 0 and "directory of the directive 'chroot': Too many levels of symbolic links" in said, said
    finally:
        shutil.rmtree(root)


# --- unix sockets

def swap_when_bound(path, secret):
    """Puts a link in the socket's place as soon as it is there."""
    def swap():
        procs.until("the socket's file", lambda: os.path.lexists(path))
        os.rename(path, path + ".moved")
        plant(secret, path)
    thread = threading.Thread(target=swap)
    thread.start()
    return thread


@as_root
@pytest.mark.parametrize("how", [{"listen.owner": "www-data", "listen.mode": "0666"}, {"listen.acl_users": "www-data"}])
def test_a_link_in_the_place_of_a_fresh_socket_is_not_followed(make, theirs, how):
    """The kernel holds the program back for a moment behind bind(2), which is when the socket's folder can be tampered with."""
    folder, secret = theirs
    s = make({"www": {"listen": os.path.join(folder, "www.sock"), **how}})
    s.wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=bind", "-e", "inject=bind:delay_exit=500000:when=1"]
    thread = swap_when_bound(s.address(), secret)
    status, said = s.start_expecting_failure()
    thread.join()
    assert status == 78, said
    assert_untouched(secret)
    assert os.path.islink(s.address())  # what is not ours stays


@as_root
def test_another_socket_in_the_place_of_a_fresh_one_is_left_alone(make, theirs):
    """One of root's, which the folder's owner has moved there."""
    folder, _ = theirs
    s = make({"www": {"listen": os.path.join(folder, "www.sock"), "listen.owner": "www-data", "listen.mode": "0666"}})
    s.wrapper = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=bind", "-e", "inject=bind:delay_exit=500000:when=1"]
    with unix_listener(os.path.join(folder, "roots.sock")):
        before = os.stat(os.path.join(folder, "roots.sock"))

        def swap():
            procs.until("the socket's file", lambda: os.path.lexists(s.address()))
            os.rename(os.path.join(folder, "roots.sock"), s.address())
        thread = threading.Thread(target=swap)
        thread.start()
        status, said = s.start_expecting_failure()
        thread.join()
        assert status == 78, said
        after = os.stat(s.address())
        assert (after.st_ino, after.st_uid, after.st_mode) == (before.st_ino, 0, before.st_mode)


@as_root
def test_a_socket_in_a_linked_folder(make, theirs):
    """The folder's link is root's own: as it may be. Another user's: refused, and nothing is removed behind it."""
    folder, _ = theirs
    vault = programs.make_folder("sockets")
    try:
        for owner, fine in (("root", True), (programs.POOL_USER, False)):
            plant(vault, os.path.join(folder, owner), owner)
            s = make({"www": {"listen": os.path.join(folder, owner, "www.sock")}})
            if fine:
                s.start()
                assert fastcgi.Connection(s.address()) and os.path.exists(os.path.join(vault, "www.sock"))
                assert s.stop() == 0
                assert not os.path.exists(os.path.join(vault, "www.sock"))
                continue
            unix_listener(os.path.join(vault, "www.sock")).close()
            status, said = s.start_expecting_failure()
            assert status == 78 and "Too many levels of symbolic links" in said
            assert os.path.exists(os.path.join(vault, "www.sock"))
    finally:
        shutil.rmtree(vault)


def test_what_has_the_sockets_name_at_the_end_stays(start):
    s = start()
    os.unlink(s.address())
    with unix_listener(s.address()):
        assert s.stop() == 0
        fastcgi.Connection(s.address()).close()
    os.unlink(s.address())


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_SEQPACKET])
def test_a_live_socket_of_another_kind_is_not_removed(make, kind):
    s = make()
    with socket.socket(socket.AF_UNIX, kind) as other:
        other.bind(s.address())
        if kind != socket.SOCK_DGRAM:
            other.listen()
        status, said = s.start_expecting_failure()
        assert status == 78 and f"Another FPM instance seems to already listen on {s.address()}" in said
        with socket.socket(socket.AF_UNIX, kind) as c:
            c.connect(s.address())


NO_SOCKETS = {
    "a file that is no socket": lambda path: open(path, "w").close(),
    "a folder": os.mkdir,
    "a symbolic link": lambda path: os.symlink("/no/such/file", path),
}


@pytest.mark.parametrize("what", NO_SOCKETS)
def test_what_is_no_socket_is_named_and_stays(make, what):
    s = make()
    NO_SOCKETS[what](s.address())
    before = os.lstat(s.address())
    status, said = s.start_expecting_failure()
    assert status == 78 and f"cannot listen on '{s.address()}': {what} has that name, and stays" in said
    assert "Another FPM instance" not in said
    assert os.lstat(s.address()) == before


def test_the_mode_does_not_depend_on_the_umask(make):
    s = make({"www": {"listen.mode": "0622"}})
    s.wrapper = ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh"]
    s.start()
    assert stat.S_IMODE(os.stat(s.address()).st_mode) == 0o622


# --- log files

@as_root
@pytest.mark.parametrize("what", LOGS)
@pytest.mark.parametrize("where", ["log", "folder"])
def test_a_log_is_not_opened_through_a_planted_link(make, theirs, what, where):
    folder, secret = theirs
    settings, pool = LOGS[what]
    if where == "log":
        plant(secret, os.path.join(folder, "log"))
    else:
        plant(os.path.dirname(secret), os.path.join(folder, "sub"))
        folder = os.path.join(folder, "sub")
    s = make({"www": filled(pool, folder)}, settings=filled(settings, folder))
    status, said = s.start_expecting_failure()
    assert status != 0 and "Too many levels of symbolic links" in said, said
    assert_untouched(secret)
    assert os.listdir(os.path.dirname(secret)) == ["secret"]


@as_root
@pytest.mark.parametrize("what", LOGS)
def test_a_log_behind_links_of_roots(start, theirs, what):
    """As administrators move logs to another disk."""
    folder, secret = theirs
    disk = os.path.join(os.path.dirname(secret), "disk")
    os.mkdir(disk)
    plant(disk, os.path.join(folder, "logs"), "root")
    plant("there", os.path.join(disk, "log"), "root")
    settings, pool = LOGS[what]
    s = start({"www": filled(pool, folder + "/logs")}, settings=filled(settings, folder + "/logs"))
    assert s.run(s.pid_script).complete
    assert os.path.isfile(os.path.join(disk, "there"))


@as_root
def test_a_link_planted_before_the_logs_are_opened_anew(start, theirs):
    folder, secret = theirs
    log = os.path.join(folder, "log")
    s = start(settings={"error_log": log})
    os.rename(log, log + ".1")
    plant(secret, log)
    s.signal(signal.SIGUSR1)
    procs.until("the refusal", lambda: "log file stays as it is" in procs.content(log + ".1"))
    assert_untouched(secret)
    assert s.run(s.pid_script).complete


# --- pid file

def test_a_fifo_in_the_place_of_the_pid_file_holds_nobody_up(start):
    s = start(settings={"pid": os.path.join(programs.make_folder("pid"), "fpm.pid")})
    pid = s.settings["pid"]
    assert procs.content(pid) == str(s.pid)
    os.unlink(pid)
    os.mkfifo(pid)
    assert s.stop() == 0
    assert stat.S_ISFIFO(os.stat(pid).st_mode)  # it is not ours
    shutil.rmtree(os.path.dirname(pid))


@as_root
def test_the_pid_file_is_not_made_through_a_planted_folder(make, theirs):
    folder, secret = theirs
    plant(os.path.dirname(secret), os.path.join(folder, "sub"))
    s = make(settings={"pid": os.path.join(folder, "sub", "secret")})
    status, said = s.start_expecting_failure()
    assert status == 78 and "Unable to create the PID file" in said
    assert_untouched(secret)


# --- runtime folder

@as_root
@pytest.mark.parametrize("name", ["run", "run/", "run/deeper"])
def test_the_control_socket_is_not_made_through_a_planted_link(make, theirs, name):
    folder, secret = theirs
    vault = os.path.dirname(secret)
    plant(vault, os.path.join(folder, "run"))
    s = make()
    s.args = ["--runtime-dir", os.path.join(folder, name)]
    s.start()
    assert "no control socket, so fpmctl cannot reach this master" in s.log()
    assert os.listdir(vault) == ["secret"]
    unix_listener(os.path.join(vault, "control")).close()
    assert s.stop() == 0
    assert os.path.exists(os.path.join(vault, "control"))


def test_the_mode_of_the_control_socket_does_not_depend_on_the_umask(make):
    s = make()
    s.wrapper = ["/bin/sh", "-c", 'umask 077; exec "$@"', "sh"]
    s.start()
    assert stat.S_IMODE(os.stat(os.path.join(s.runtime, "control")).st_mode) == 0o660


# --- names of descriptors

@contextlib.contextmanager
def output_pair():
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with ours, its:
        yield ours, its


def heard(sock, what):
    """Whether the text comes out of the socket."""
    sock.settimeout(procs.LIMIT)
    text = b""
    while what.encode() not in text:
        data = sock.recv(65536)
        if not data:
            return False
        text += data
    return True


NAMES = {"error_log": ({"error_log": "{n}"}, {}, "ready to handle connections"), "access.log": ({}, {"access.log": "{n}"}, '"GET /pid.php')}


@pytest.mark.parametrize("what", NAMES)
@pytest.mark.parametrize("name, number", [("/dev/stdout", 1), ("/dev/fd/1", 1), ("/proc/self/fd/1", 1), ("/dev/stderr", 2), ("/proc/self/fd/2", 2),
                                          ("/dev/fd/7", 7), ("/proc/self/fd/7", 7)])
def test_a_name_of_a_descriptor_is_that_descriptor_whatever_it_is(make, what, name, number):
    """A socket cannot be opened by name at all."""
    settings, pool, line = NAMES[what]
    with output_pair() as (ours, its):
        s = make({"www": {k: v.format(n=name) for k, v in pool.items()}}, settings={k: v.format(n=name) for k, v in settings.items()})
        s.wrapper = ["/bin/bash", "-c", f'exec "$@" {number}>&{its.fileno()}', "bash"]
        s.write_config()
        with open(s.output_path, "ab") as out:
            s.process = subprocess.Popen(s.command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=s.environment(), cwd="/",
                                         pass_fds=[its.fileno()], preexec_fn=procs.die_with_parent)
        programs.Server.running_pids.add(s.process.pid)
        s.wait_ready()
        its.close()
        s.run(s.script("pid.php", "<?php echo getmypid();"), uri="/pid.php")
        assert heard(ours, line)


@as_root
@pytest.mark.parametrize("what", NAMES)
def test_a_pipe_of_another_user_is_written_to_all_the_same(make, what):
    """A master without root that root has given its output, as a supervisor does."""
    settings, pool, line = NAMES[what]
    read, write = os.pipe()
    os.fchmod(write, 0o600)
    s = make({"www": {k: v.format(n="/proc/self/fd/1") for k, v in pool.items()}},
             settings={k: v.format(n="/proc/self/fd/1") for k, v in settings.items()})
    who = pwd.getpwnam(programs.POOL_USER)
    for path in (s.folder, s.runtime):
        shutil.chown(path, programs.POOL_USER)
    s.wrapper = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--init-groups"]
    s.write_config()
    with open(s.output_path, "ab") as out:
        s.process = subprocess.Popen(s.command(), stdin=subprocess.DEVNULL, stdout=write, stderr=out, env=s.environment(), cwd="/",
                                     preexec_fn=procs.die_with_parent)
    programs.Server.running_pids.add(s.process.pid)
    os.close(write)
    s.wait_ready()
    s.run(s.script("pid.php", "<?php echo getmypid();"), uri="/pid.php")
    with os.fdopen(read, "rb") as f:
        assert any(line.encode() in text for text in f)


def test_a_descriptor_that_is_not_open_is_refused(make):
    s = make({"www": {"access.log": "/dev/fd/77"}})
    status, said = s.start_expecting_failure()
    assert status == 78 and "failed to open access log (/dev/fd/77): Bad file descriptor (9)" in said
