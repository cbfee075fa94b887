# SPDX-License-Identifier: MIT
"""The fence around a pool, each part shown by the attack that it is for: who may connect, which scripts are run, which system calls are left."""

import contextlib
import errno
import json
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import threading

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
        s.wait_log(r"connection closed: its peer has no user \(listen\.peer_users\) \(\d+ more since the last such line\)")


def test_users_that_cannot_be_told(refusal):
    for users, why in {"nosuchuser": "there is no user 'nosuchuser'", "": "it names nobody", " , ": "it names nobody",
                       "root,nobody": "'nobody' cannot be told from any user of another user namespace", "65534": "'65534' cannot be told"}.items():
        assert f"directive 'listen.peer_users': {why}" in refusal({"listen.peer_users": f'"{users}"'})


# --- security.exec_basedir, security.script_owner

SELF = "<?php echo 'of ', __FILE__, ' in ', getcwd();"
EVIL = "<?php echo 'evil as ', posix_geteuid();"


def put(path, text, owner=WEB, mode=0o644):
    """A file of that user's, in the place of what is there; its path."""
    with open(path + ".new", "w") as f:
        f.write(text)
    os.chmod(path + ".new", mode)
    shutil.chown(path + ".new", owner, owner)
    os.rename(path + ".new", path)
    return path


def link(target, path):
    os.symlink(target, path + ".new")
    os.rename(path + ".new", path)
    return path


class Sites:
    """Two sites on one machine, each a user's: a's pool is asked for this and that, as a web server is made to that serves both."""

    def __init__(self, start, **more):
        self.folder = programs.make_folder("sites")
        for name, owner in (("a", WEB), ("a-old", OTHER), ("b", OTHER)):
            os.mkdir(f"{self.folder}/{name}")
            shutil.chown(f"{self.folder}/{name}", owner, owner)
        self.good, self.evil = put(f"{self.folder}/a/index.php", SELF), put(f"{self.folder}/b/evil.php", EVIL, OTHER)
        self.s = start({"a": {"security.exec_basedir[]": f"{self.folder}/a", "pm.max_children": 1, **more}})

    def get(self, path, **more):
        return self.s.run(path, "a", timeout=programs.START_LIMIT, **more)

    def refused(self, path, **more):
        reply = self.get(path, **more)
        return (reply.status, reply.text) == (403, "Access denied.\n")


@pytest.fixture
def sites(start):
    made = []

    def build(**more):
        made.append(Sites(start, **more))
        return made[-1]
    yield build
    for site in made:
        shutil.rmtree(site.folder)


def test_a_pool_cannot_be_made_to_run_a_script_of_another_owner(sites):
    site = sites()
    a, b = f"{site.folder}/a", f"{site.folder}/b"
    assert site.get(site.good).text == f"of {site.good} in {a}"
    assert site.refused(site.evil)
    site.s.wait_log(re.escape(f"Access to the script '{site.evil}' has been denied: its real path '{site.evil}' is outside of security.exec_basedir"))
    through = link(b, f"{a}/through")
    assert site.refused(f"{through}/evil.php")
    site.s.wait_log(re.escape(f"Access to the script '{through}/evil.php' has been denied: its real path '{site.evil}' is outside"))
    assert site.refused(link(site.evil, f"{a}/link.php"))
    assert site.refused(put(f"{site.folder}/a-old/x.php", EVIL, OTHER)), "a name that only begins alike"
    assert site.refused(f"{site.evil}/path/info") and site.refused(f"{through}/evil.php/path/info")
    assert site.refused(a, SCRIPT_FILENAME=f"proxy:fcgi://localhost{site.evil}"), "as Apache writes it"
    assert site.get(f"{site.good}/path/info").text == f"of {site.good} in {a}"
    assert site.get(f"{a}/missing.php").status == site.get(f"{b}/missing.php").status == 404
    assert denied(site.s, "scripts") == 7


def test_a_folder_outside_has_no_say(sites):
    """Neither by a link of its own to a script that may run, nor beside a script that may not: no setting, no session, no include."""
    site = sites()
    b = f"{site.folder}/b"
    put(f"{b}/.user.ini", f"auto_prepend_file={site.evil}\nsession.auto_start=1\nsession.save_path={b}\n", OTHER)
    os.chmod(b, 0o777)
    put(f"{b}/lib.php", EVIL, OTHER)
    put(site.good, "<?php echo 'good '; if (stream_resolve_include_path('lib.php')) include 'lib.php';")
    assert site.get(link(site.good, f"{b}/own.php")).text == "good "
    assert site.refused(site.evil)
    assert [name for name in os.listdir(b) if name.startswith("sess_")] == []


@pytest.mark.parametrize("cache", ["1", "0"])
def test_a_script_that_becomes_another_one_while_it_is_looked_at(sites, cache):
    """Whichever moment it is swapped in, what runs is what was checked. 500: PHP's, where opcache was to compile it anew."""
    site = sites(**{"php_admin_value[opcache.enable]": cache, "php_admin_value[opcache.revalidate_freq]": "0",
                    "php_admin_value[opcache.file_update_protection]": "0"})
    a, over = f"{site.folder}/a", threading.Event()
    target = put(f"{a}/swapped.php", SELF)

    def swap():
        while not over.is_set():
            link(site.evil, target)
            put(target, SELF)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        replies = [site.get(target) for _ in range(300)]
    finally:
        over.set()
        swapper.join()
    assert {(r.status, r.text) for r in replies} <= {(200, f"of {target} in {a}"), (403, "Access denied.\n"), (404, "No input file specified.\n"), (500, "")}
    assert site.get(target).text == f"of {target} in {a}"
    link(site.evil, target)
    assert site.refused(target), "what opcache has of it does not matter"


def test_scripts_have_the_pools_owner_or_root_as_owner(sites):
    site = sites(**{"security.exec_basedir[]": None, "security.script_owner": "pool"})
    own, root = f"{site.folder}/a", f"{site.folder}/b"
    assert site.get(site.good).status == 200 and site.refused(site.evil)
    site.s.wait_log(rf"'{re.escape(site.evil)}' belongs to uid {pwd.getpwnam(OTHER).pw_uid}, and its folder to uid \d+ \(mode 0755\): see security\.script_owner")
    shutil.chown(site.evil, "root")
    assert site.get(site.evil).text.startswith("evil as")
    shutil.chown(site.evil, OTHER)
    assert site.refused(site.evil), "although opcache has it"
    deployed = put(f"{own}/deployed.php", SELF, OTHER)
    assert site.get(deployed).status == 200, "who else could have put it there"
    os.chmod(own, 0o775)
    assert site.refused(deployed)
    os.chmod(own, 0o757)
    assert site.refused(deployed)
    shutil.chown(root, "root", "root")
    assert site.get(site.evil).status == 200


def test_the_fence_in_a_chroot_and_around_an_application_that_stays(make, start, sites):
    site = sites()
    root = site.folder
    s = start({"jail": {"chroot": root, "chdir": "/", "security.exec_basedir[]": "/a", "security.script_owner": "pool"}})
    assert s.run("/a/index.php", "jail").text == "of /a/index.php in /a"
    assert s.run("/b/evil.php", "jail").status == 403
    app = make({"app": {"worker.script": site.evil, "security.exec_basedir[]": f"{root}/a"}})
    code, said = app.start_expecting_failure()
    assert code != 0 and f"worker.script does not boot: its real path '{site.evil}' is outside of security.exec_basedir" in said + app.log()


def test_folders_that_are_none(refusal):
    for folder, why in {"relative": "must begin with '/'", "/no/such": "'/no/such': No such file or directory", "/etc/passwd": "'/etc/passwd': Not a directory"}.items():
        said = refusal({"security.exec_basedir[]": folder})
        assert "security.exec_basedir'" in said and why in said
    assert "'me' is neither any nor pool" in refusal({"security.script_owner": "me"})


# --- security.seccomp

CALLS = r"""<?php
$c = FFI::cdef('long syscall(long number, ...); int *__errno_location(void);');
$ask = function (int $number, ...$arguments) use ($c) { return $c->syscall($number, ...$arguments) < 0 ? $c->__errno_location()[0] : 0; };
foreach (json_decode($_SERVER['CALLS']) as $name => [$number, $arguments]) $errors[$name] = $ask($number, ...$arguments);
echo json_encode($errors + ['popen' => is_resource($p = @popen('echo started', 'r')) ? fgets($p) : false, 'exec' => @exec('/bin/echo started'),
    'mail' => @mail('a@example.org', 's', 't'), 'open' => strlen(file_get_contents(__FILE__)) > 0]);"""
PTRACE, UNSHARE, KEYCTL, BPF, URING, CLONE, X32, NEWUSER = 101, 272, 250, 321, 425, 56, 0x40000000, 0x10000000
ASKED = {"ptrace": (PTRACE, [99, 0, 0, 0]), "unshare": (UNSHARE, [0]), "keyctl": (KEYCTL, [0, -3, 0]), "bpf": (BPF, [99, 0, 0]), "io_uring": (URING, [0, 0]),
         "namespace": (CLONE, [NEWUSER | 0x200, 0, 0, 0, 0]), "x32": (X32 | 39, []), "x32 exec": (X32 | 520, [0, 0, 0])}


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the calls are asked for by their numbers on x86-64")
def test_programs_cannot_be_started(start):
    """Asked by native code, which no function of PHP's that is disabled holds up."""
    ffi = {"php_admin_value[ffi.enable]": "1", "pm.max_children": 1, "php_admin_value[sendmail_path]": '"/bin/cat >/dev/null"'}
    s = start({"none": {**ffi, "security.seccomp": "no"}, "exec": {**ffi, "security.seccomp": "exec"}, "strict": {**ffi, "security.seccomp": "strict"}})
    script = s.script("calls.php", CALLS)
    got = {pool: json.loads(s.run(script, pool, timeout=programs.START_LIMIT, CALLS=json.dumps(ASKED)).text) for pool in s.pools}
    assert got["none"]["popen"] == "started\n" and got["none"]["exec"] == "started" and got["none"]["mail"]
    assert errno.EPERM not in [got["none"][name] for name in ("x32", "x32 exec", "unshare")]
    for pool in ("exec", "strict"):
        assert not got[pool]["popen"] and not got[pool]["exec"] and not got[pool]["mail"] and got[pool]["open"]
        assert got[pool]["x32"] == got[pool]["x32 exec"] == errno.EPERM
    assert got["exec"]["unshare"] == 0
    assert {name: got["strict"][name] for name in ASKED} == dict.fromkeys(ASKED, errno.EPERM)
    assert s.run(s.script("hello.php", HELLO), "strict", timeout=programs.START_LIMIT).text == "served"
