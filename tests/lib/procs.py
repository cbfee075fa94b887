# SPDX-License-Identifier: MIT
"""Processes as /proc shows them, and waiting with a limit.

until() looks again and again at something that has no event of its own (a file's contents, a process table); each use says
what it waits for and fails with that sentence. Ends of processes are events: wait_gone() sleeps on a pidfd.
"""

import contextlib
import ctypes
import fcntl
import os
import select
import signal
import struct
import termios
import time

LIMIT = 30.0
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def until(what, look, limit=LIMIT):
    """The first true value of look(), asked every few milliseconds."""
    deadline = time.monotonic() + limit
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit} s for: {what} (last seen: {value!r})")
        select.select([], [], [], 0.005)


def unsent(sock):
    """Bytes that a socket's peer has not taken: SIOCOUTQ of unix(7) and tcp(7)."""
    return struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def content(path):
    """What is in a file that need not be there yet."""
    try:
        with open(path, errors="surrogateescape") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def become_subreaper():
    """Orphans of a killed master become our children, so that a test can find and end them."""
    if _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def stat_fields(pid):
    """(state, ppid), or None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as f:
            after = f.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return after[0].decode(), int(after[1])


def alive(pid):
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in "ZX"


def children(pid, dead=False):
    """Direct children, in order of their numbers: the living ones, or the dead ones that nobody has waited for."""
    out = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = stat_fields(entry)
            if fields and fields[1] == pid and (fields[0] in "ZX") == dead:
                out.append(int(entry))
    return sorted(out)


def descendants(pid):
    family, out, todo = {}, [], [pid]
    for entry in os.listdir("/proc"):
        fields = stat_fields(entry) if entry.isdigit() else None
        if fields and fields[0] not in "ZX":
            family.setdefault(fields[1], []).append(int(entry))
    while todo:
        found = family.get(todo.pop(), [])
        out += found
        todo += found
    return sorted(out)


def exe(pid):
    """The program's name: of its file, or by its title where the file is hidden (it is for processes that are not dumpable, unless
    one is root)."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe").removesuffix(" (deleted)"))
    except PermissionError:
        shown = title(pid)
    except OSError:
        return ""
    names = {"fpmd: zygote": "fpmd-zygote", "fpmd: pool": "fpmd-zygote", "fpmd: libraries": "fpmd-zygote", "fpmd: park": "fpmd-park", "fpmd: logger": "fpmd-logger", "fpmd: master": "fpmd"}
    return next((v for k, v in names.items() if shown.startswith(k)), os.path.basename(shown.split(" ")[0]))


def title(pid):
    """The command line as ps(1) shows it."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            return f.read().replace(b"\0", b" ").strip().decode("utf-8", "replace")
    except OSError:
        return ""


def comm(pid):
    try:
        with open(f"/proc/{pid}/comm") as f:
            return f.read().strip()
    except OSError:
        return ""


def files(pid):
    """What its descriptors are, one that is open all the while at least."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return found


def uid_of(pid):
    return os.stat(f"/proc/{pid}").st_uid


def cpu_seconds(pid):
    """Time on a CPU, of all its life."""
    with open(f"/proc/{pid}/stat", "rb") as f:
        after = f.read().rpartition(b")")[2].split()
    return (int(after[11]) + int(after[12])) / os.sysconf("SC_CLK_TCK")


def assert_does_not_spin(pid, seconds=0.6, at_most=0.15):
    """Waits for a process to use up a share of a CPU, which must not come to pass."""
    before = cpu_seconds(pid)
    try:
        until(f"{title(pid)} to spin", lambda: cpu_seconds(pid) - before > at_most, seconds)
    except TimeoutError:
        return
    raise AssertionError(f"{title(pid)} used more than {at_most} s of CPU time within {seconds} s")


def reap(pid):
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def wait_gone(pid, limit=LIMIT):
    """Waits for the end of any process, child or not."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([fd], [], [], limit)
        if not ready:
            raise TimeoutError(f"waited {limit} s for the end of process {pid} ({title(pid)})")
    finally:
        os.close(fd)


def kill(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


@contextlib.contextmanager
def stopped(*pids):
    """SIGSTOP, and SIGCONT at the end, to those that are still there."""
    for pid in pids:
        kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            kill(pid, signal.SIGCONT)


SYS_PIDFD_GETFD = 438


def get_fd(pidfd, fd):
    """A copy of a descriptor of another process."""
    got = _libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
    if got < 0:
        raise OSError(ctypes.get_errno(), f"pidfd_getfd of descriptor {fd}")
    return got


class CloneArgs(ctypes.Structure):
    """struct clone_args of clone3(2)."""
    _fields_ = [(name, ctypes.c_uint64) for name in
                ("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size", "tls", "set_tid", "set_tid_size", "cgroup")]


SYS_CLONE3 = 435


@contextlib.contextmanager
def with_pid(pid):
    """A process that has this pid, which nobody has now, up to the end; it takes CAP_CHECKPOINT_RESTORE."""
    wanted = (ctypes.c_int * 1)(pid)
    args = CloneArgs(exit_signal=signal.SIGCHLD, set_tid=ctypes.addressof(wanted), set_tid_size=1)
    got = _libc.syscall(SYS_CLONE3, ctypes.byref(args), ctypes.sizeof(args))
    if got == 0:
        signal.pause()
        os._exit(0)
    if got < 0:
        raise OSError(ctypes.get_errno(), f"clone3 of a process {pid}")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
