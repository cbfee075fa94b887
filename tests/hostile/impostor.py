# SPDX-License-Identifier: MIT
"""Run by impostor.c in place of a zygote, a park or a logger: finds the lie that the test has named, and tells it.

What it knows of the protocol (numbers of messages and descriptors, sizes) is read from the headers: facts.py.
"""

import ctypes
import errno
import mmap
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import time
import traceback

FOLDER = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, FOLDER)
from facts import FACTS  # noqa: E402

MESSAGE = struct.Struct(f"=IIiiQ{FACTS['text']}s")
HANDOVER = struct.Struct("=IIIIIIQQ")
HANDOVER_VERSION = 2
KEEP, LINGER, BODY, DRAIN, BEGUN = 1, 2, 4, 8, 16
libc = ctypes.CDLL(None, use_errno=True)
INT_MIN, INT_MAX, UINT_MAX = -2**31, 2**31 - 1, 2**32 - 1


# --- descriptors of every kind: a name each, and what makes one

def memfd(content=b"", seals=None, size=None):
    fd = os.memfd_create("lie", os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    if size is not None:
        os.ftruncate(fd, size)
    os.lseek(fd, 0, os.SEEK_SET)
    if seals:
        libc.fcntl(fd, 1033, seals)  # F_ADD_SEALS
    return fd


SEAL, SHRINK, GROW, WRITE, FUTURE_WRITE = 1, 2, 4, 8, 16


def lingering():
    """A TCP connection whose last holder waits in close(2): its peer takes nothing of what has been sent."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    s = socket.create_connection(listener.getsockname())
    KEPT.append(listener.accept())
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 100))
    try:
        while True:
            s.send(bytes(65536))
    except BlockingIOError:
        return s.detach()


def epoll(n=3):
    fd = os.open("/dev/null", os.O_RDWR)
    e = select.epoll()
    for k in range(n):
        r, _ = os.pipe()
        e.register(r, select.EPOLLIN)
    os.close(fd)
    return os.dup(e.fileno())


def pipe_end(write=False):
    ends = os.pipe()
    KEPT.append(ends)
    return ends[write]


def plain_file():
    f = tempfile.TemporaryFile()
    f.write(b"x" * 100)
    f.seek(0)
    return os.dup(f.fileno())


def dead_pidfd(reaped):
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    fd = os.pidfd_open(pid)
    select.select([fd], [], [])
    if reaped:
        os.waitpid(pid, 0)
    return fd


def timer():
    fd = libc.timerfd_create(1, 0)
    return fd


KEPT = []
KINDS = {
    "pipe": pipe_end,
    "pipe-write": lambda: pipe_end(True),
    "file": plain_file,
    "folder": lambda: os.open("/", os.O_RDONLY),
    "path": lambda: os.open("/", os.O_PATH),
    "null": lambda: os.open("/dev/null", os.O_RDWR),
    "zero": lambda: os.open("/dev/zero", os.O_RDONLY),
    "urandom": lambda: os.open("/dev/urandom", os.O_RDONLY),
    "proc": lambda: os.open("/proc/self/status", os.O_RDONLY),
    "epoll": epoll,
    "epoll-large": lambda: epoll(400),
    "eventfd": lambda: libc.eventfd(0, 0),
    "timerfd": timer,
    "inotify": lambda: libc.inotify_init1(0),
    "memfd-open": lambda: memfd(b"a"),
    "memfd-no-seals-allowed": lambda: os.memfd_create("lie"),
    "memfd-sealed-grow": lambda: memfd(b"a", GROW | SHRINK),
    "memfd-sealed-write": lambda: memfd(b"a", WRITE | SHRINK),
    "memfd-future-write": lambda: memfd(b"a", FUTURE_WRITE | GROW | SHRINK),
    "memfd-terabyte": lambda: memfd(b"", WRITE | GROW | SHRINK, 1 << 40),
    "listener": lambda: socket.create_server(("127.0.0.1", 0)).detach(),
    "listener-of-the-pool": lambda: os.dup(FACTS["inherit"]["LISTENERS"]),
    "socket": lambda: socket.socketpair()[0].detach(),
    "datagrams": lambda: socket.socketpair(type=socket.SOCK_DGRAM)[0].detach(),
    "linger": lingering,
    "own-end": lambda: os.dup(3),
    "lifeline": lambda: os.dup(FACTS["inherit"]["LIFELINE_WRITE"]),
    "doorbell": lambda: os.dup(FACTS["inherit"]["DOORBELL"]),
    "scoreboard": lambda: os.dup(FACTS["inherit"]["SCOREBOARD"]),
    "pidfd-self": lambda: os.pidfd_open(os.getpid()),
    "pidfd-master": lambda: os.pidfd_open(os.getppid()),
    "pidfd-init": lambda: os.pidfd_open(1),
    "pidfd-zombie": lambda: dead_pidfd(False),
    "pidfd-reaped": lambda: dead_pidfd(True),
}


# --- the channel that every one of them has to the master

class Channel:
    def __init__(self, fd=3):
        self.sock = socket.socket(fileno=fd)
        self.sock.setblocking(True)

    def raw(self, data, fds=(), wait=True):
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
        while True:
            try:
                return self.sock.sendmsg([data], rights, 0 if wait else socket.MSG_DONTWAIT)
            except OSError as e:
                if e.errno != errno.ETOOMANYREFS:
                    raise
                time.sleep(0.01)  # other liars of the same user have too many descriptors on their way; nothing tells of the end of that

    def message(self, kind, slot=0, pid=0, status=0, generation=0, text=b""):
        return MESSAGE.pack(FACTS["types"].get(kind, kind), slot & UINT_MAX, pid, status, generation, text)

    def send(self, kind, fds=(), **fields):
        return self.raw(self.message(kind, **fields), fds)

    def receive(self):
        """(type's name, slot, pid), or None when the master has closed its end."""
        data, rights, _, _ = self.sock.recvmsg(MESSAGE.size, 256)
        for _, _, numbers in rights:
            for (fd,) in struct.iter_unpack("i", numbers):
                os.close(fd)
        if not data:
            return None
        kind, slot, pid, _, _, _ = MESSAGE.unpack(data)
        return FACTS["names"][kind], slot, pid

    def wait(self, kind):
        while (got := self.receive()) is not None:
            if got[0] == kind:
                return got
        os._exit(0)


class Zygote(Channel):
    """Does what a zygote does, one step after the other, but for PHP: its workers are processes that wait."""

    def __init__(self):
        super().__init__()
        self.children = {}
        os.setpgid(0, 0)  # by which the master knows its workers when it has died

    def ready(self, text=b"8.2.0", status=0, ini=None):
        self.send("READY", [memfd(b"", WRITE | GROW | SHRINK) if ini is None else ini], text=text, status=status)

    def asked(self):
        """READY, and the order to fork the first worker: its slot."""
        self.ready()
        return self.wait("SPAWN")[1]

    def fork(self, work=signal.pause, name=b"stranger"):
        """A stranger is one that the master is not to know: where its zygote is ended for a lie, nobody ends it."""
        pid = os.fork()
        if pid == 0:
            libc.prctl(15, name, 0, 0, 0)
            try:
                work()
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(0)
        self.children[pid] = os.pidfd_open(pid)
        return pid

    def started(self, work=signal.pause):
        """One worker that has not said yet that it accepts: (slot, pid)."""
        slot = self.asked()
        pid = self.fork(work, b"worker")
        self.send("SPAWNED", [self.children[pid]], slot=slot, pid=pid)
        return slot, pid

    def accepting(self, work=signal.pause):
        slot, pid = self.started(work)
        self.send("ACCEPTING", slot=slot, pid=pid)
        return slot, pid

    def pipes(self):
        return [pipe_end(), pipe_end()]

    def obey(self):
        """What an honest one does from here on, as far as a test looks."""
        while (got := self.receive()) is not None:
            if got[0] in ("DRAIN", "STOP"):
                for pid in self.children:
                    os.kill(pid, signal.SIGTERM)
                for pid in self.children:
                    os.waitpid(pid, 0)
                return


class Park(Channel):
    """One end of each of the park's pairs."""

    def __init__(self):
        super().__init__()
        self.intake = socket.socket(fileno=FACTS["park"]["INTAKE"])
        self.offers = socket.socket(fileno=FACTS["park"]["OFFERS"])

    def take(self):
        """The next connection that a worker hands over: its descriptor."""
        _, rights, _, _ = self.intake.recvmsg(200000, 256)
        return struct.unpack_from("i", rights[0][2])[0] if rights else -1


class Worker:
    """What a worker has of the pool: everything that its zygote inherited."""

    def __init__(self):
        at = FACTS["inherit"]
        self.intake = socket.socket(fileno=os.dup(at["PARK_INTAKE"]))
        self.offers = socket.socket(fileno=os.dup(at["PARK_OFFERS"]))


def map_board():
    return mmap.mmap(FACTS["inherit"]["SCOREBOARD"], 0)


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def hand_over(sock, fds, out=b"", into=b"", wait=True, **fields):
    """A message between a worker and the park, struct handover."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
    values = {"version": HANDOVER_VERSION, "flags": KEEP, "skip": 0, "n_out": len(out), "n_in": len(into), "answered": 0,
              "begun": now(), "whole": now(), **fields}
    return sock.sendmsg([HANDOVER.pack(*values.values()), out, into], rights, 0 if wait else socket.MSG_DONTWAIT)


def stay():
    """Neither dies nor says anything, whatever it is told; up to the end of the test."""
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    while True:
        signal.pause()


def main():
    import lies
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    lie = lies.find(sys.argv[2])
    if not lie.again:
        open(os.path.join(os.environ["FPMD_TOLD"], lie.pool), "w").close()
    channel = {"fpmd-zygote": Zygote, "fpmd-park": Park, "fpmd-logger": Channel}[sys.argv[1]]()  # open to the end
    try:
        lie.act(channel)
    except (BrokenPipeError, ConnectionResetError):
        pass  # the master has heard enough
    stay()


if __name__ == "__main__":
    main()
