# SPDX-License-Identifier: MIT
"""What a zygote of the loader's may and has is what it would have had after an exec, whatever the master is."""

import os
import pwd
import re
import shutil
import signal
import subprocess

import procs
import server as programs
from test_loader import ask, ask_two, begin, check_same, check_same_workers, library, needs_root, prepare, state, wait_up, zygote_of


def without_root(make, **more):
    s = prepare(make, **more)
    if programs.ROOT:
        user = pwd.getpwnam(programs.POOL_USER)
        s.wrapper = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--inh-caps=-all"]
        for folder in (s.folder, s.runtime):
            os.chown(folder, user.pw_uid, user.pw_gid)
        for pool in s.pools.values():
            pool.update({"user": None, "group": None})
    return s


def test_a_masters_without_privileges_are_the_same(make):
    s = without_root(make)
    loader = begin(s)
    a, c = zygote_of(s, "a"), ask(s, "c")
    assert library(c) == library(loader)
    check_same(c, a)
    check_same_workers(s, c, a)


@needs_root
def test_a_script_of_roots_that_gives_up_its_user_has_given_up_all(make):
    s = prepare(make, user="root", group="root", args=("-R",), **{"pm.max_requests": "1"})
    loader = begin(s)
    drop = s.script("drop.php", """<?php posix_setgid(33); posix_setuid(33);
        preg_match_all('/^Cap(?:Prm|Eff|Amb):.*$/m', file_get_contents('/proc/self/status'), $m); echo implode(' ', $m[0]);""")
    assert library(ask(s, "c")) == library(loader)
    assert s.run(drop, "c").text == s.run(drop, "a").text


def test_few_descriptors_are_as_many_as_after_an_exec(make):
    s = prepare(make, ["prlimit", "--nofile=20:4096"])
    loader = begin(s)
    a, c = zygote_of(s, "a"), ask(s, "c")
    assert library(c) == library(loader)
    assert state(c)["limits"] == state(a)["limits"]


def test_ends_of_children_that_whoever_started_the_master_ignores(make):
    s = prepare(make, ["env", "--ignore-signal=CHLD"])
    loader = begin(s)
    c = ask(s, "c")
    assert library(c) == library(loader)
    for pool, zygote in (("a", zygote_of(s, "a")), ("c", c)):
        worker = s.wait_workers(1, zygote)[0]
        os.kill(worker, signal.SIGKILL)
        s.wait_log(rf"\[pool {pool}\] child {worker} exited on signal 9")


def test_a_loader_that_can_have_no_process(make):
    s = without_root(make)
    loader = begin(s)
    subprocess.run([*s.wrapper, "prlimit", f"--pid={loader}", "--nproc=1:1"], check=True)
    assert library(ask(s, "c")) != library(loader)


def n_sockets(s):
    """Of the master's, those aside that it has for a moment."""
    return min(sum(name.startswith("socket:") for name in procs.files(s.pid)) for _ in range(100))


@needs_root
def test_a_loader_that_cannot_be_had_yet_leaves_nothing_in_the_master(make):
    s = without_root(make)
    s.pools["a"].update({"pm": "static", "pm.max_children": "1"})  # one zygote: the second would come with a loader
    s.start()
    subprocess.run([*s.wrapper, "prlimit", f"--pid={s.pid}", "--nproc=1:1"], check=True)

    def wait_refused(n):
        procs.until(f"{n} starts in vain", lambda: s.log().count("[pool b] cannot start its zygote") >= n)
    with s.connect("b"):
        wait_refused(1)
        before = n_sockets(s)
        wait_refused(5)
        assert n_sockets(s) == before


@needs_root
def test_capabilities_of_the_masters_file(make, tmp_path):
    s = without_root(make)
    os.chmod(tmp_path, 0o755)
    for name in ("fpmd-zygote", "fpmd-park", "fpmd-logger"):
        os.symlink(os.path.join(programs.BUILD, "src", name), os.path.join(s.folder, name))
    shutil.copy(programs.FPMD, os.path.join(s.folder, "fpmd"))
    subprocess.run(["setcap", "cap_sys_chroot,cap_sys_nice+ep", os.path.join(s.folder, "fpmd")], check=True)
    s.pools["c"]["chroot"] = s.folder
    s.pools["c"]["process.priority"] = "-3"
    command = s.command()
    command[command.index(programs.FPMD)] = os.path.join(s.folder, "fpmd")
    s.command = lambda: command
    loader = begin(s)
    reply = s.run(s.pid_script.removeprefix(s.folder), "c")
    assert reply.complete, reply
    c = zygote_of(s, "c")
    assert library(c) == library(loader)
    assert os.readlink(f"/proc/{c}/root") == s.folder
    with open(f"/proc/{c}/stat") as f:
        assert f.read().rpartition(")")[2].split()[16] == "-3"


def strace(of, *how):
    """A strace(1) that has that process and what it forks, from now on."""
    p = subprocess.Popen(["strace", "-f", "-qq", "-p", str(of), *how])
    procs.until("strace to be attached", lambda: "TracerPid:\t0\n" not in procs.content(f"/proc/{of}/status"))
    return p


@needs_root
def test_another_user_leaves_it_as_little_dumpable(make, tmp_path):
    """As whom the kernel lets it be read after setresuid(2) is a setting of the machine."""
    s = prepare(make)
    loader = begin(s)
    tracer = strace(loader, "-e", "trace=prctl,setresuid", "-o", str(tmp_path / "calls"))
    try:
        assert library(ask(s, "c")) == library(loader)
    finally:
        tracer.terminate()
        tracer.wait()
    calls = re.findall(r"setresuid\(33|PR_SET_DUMPABLE, SUID_DUMP_\w+", (tmp_path / "calls").read_text())
    assert calls[calls.index("setresuid(33") + 1] == "PR_SET_DUMPABLE, SUID_DUMP_DISABLE"


@needs_root
def test_who_looks_for_groups_goes_with_its_zygote(make, tmp_path):
    """A directory that does not answer lets that process wait, as root, and with all descriptors of the pool's."""
    s = prepare(make, ["unshare", "--mount"], group="33")
    loader = begin(s)
    os.mkfifo(tmp_path / "group")
    subprocess.run(["nsenter", f"--target={s.pid}", "--mount", "mount", "--bind", tmp_path / "group", "/etc/group"], check=True)
    connection = s.connect("c")

    def family():
        for zygote in set(procs.children(s.pid)) - {loader}:
            for pid in procs.children(zygote):
                if procs.comm(pid) == "fpmd-zygote" and "libraries" in procs.title(pid):
                    return zygote, pid
        return None
    zygote, other = procs.until("a process that looks for groups", family)
    os.kill(zygote, signal.SIGKILL)
    procs.wait_gone(other)
    connection.close()


class Daemon:
    """A master in the background, which is the test's child when who has started it has ended. As of subprocess.Popen."""

    def __init__(self, pid):
        self.pid, self.returncode = pid, None

    def poll(self):
        if self.returncode is None and not procs.alive(self.pid):
            self.returncode = procs.reap(self.pid) or 0
        return self.returncode

    def send_signal(self, number):
        os.kill(self.pid, number)

    def wait(self, limit):
        procs.wait_gone(self.pid, limit)
        return self.poll()


@needs_root
def test_stderr_in_the_background_is_the_new_log_after_a_rotation(make):
    s = prepare(make, pools="abcd", args=("-D",))
    s.settings.update({"pid": os.path.join(s.folder, "pid"), "daemonize": "yes"})
    s.spawn(s.command())
    assert s.process.wait() == 0
    programs.Server.running_pids.discard(s.pid)
    with open(s.settings["pid"]) as f:
        s.process = Daemon(int(f.read()))
    ask_two(s)
    os.rename(s.log_path, s.log_path + ".1")
    s.signal(signal.SIGUSR1)
    s.wait_log("error log file re-opened")
    ask(s, "c")
    loader = wait_up(s)
    d = ask(s, "d")
    assert library(d) == library(loader)
    assert os.readlink(f"/proc/{d}/fd/2") == s.log_path
