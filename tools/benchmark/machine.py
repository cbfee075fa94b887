# SPDX-License-Identifier: MIT
"""What the kernel knows of processes: time on a CPU, waits, memory, system calls, instructions. Sums over all processes of a server."""

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import groups
import procs
import server as programs


class NotAvailable(Exception):
    """This machine cannot measure that; the text says why."""


def family(server):
    """All processes of a server that was started by us."""
    return [server.pid] + procs.descendants(server.pid)


def _sum(pids, read):
    total = 0
    for pid in pids:
        try:
            total += read(pid)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended between listing and reading
    return total


def cpu_ns(pids):
    """Time on a CPU in ns, to the nanosecond: utime and stime are in hundredths of a second."""
    def read(pid):
        total = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total += int(f.read().split()[0])
        return total
    return _sum(pids, read)


def cpu_ms_of_all(server):
    """Time on a CPU in ms of all its processes, those that have ended and been reaped included; to a clock tick."""
    def read(pid):
        with open(f"/proc/{pid}/stat", "rb") as f:
            return sum(int(ticks) for ticks in f.read().rpartition(b")")[2].split()[11:15])
    return _sum(family(server), read) * 1000 / os.sysconf("SC_CLK_TCK")


class CpuAccount:
    """Time on a CPU of all processes of a server that has not started yet, those that have ended included."""

    def __init__(self, server):
        self.server, self.group, self.how = server, None, "to the microsecond, by a cgroup"
        try:
            self.group = groups.Account()
            server.wrapper = self.group.wrapper
        except OSError as e:
            self.how = f"to a clock tick, as no cgroup can be made ({e})"

    def ns(self):
        return self.group.cpu_ns() if self.group else int(cpu_ms_of_all(self.server) * 1e6)

    def close(self):
        """After the server's end."""
        if self.group:
            self.group.close()


def cpu_us_each(pids, n, serve):
    """Time on a CPU in µs for each of n requests; serve(n) has them served."""
    before = cpu_ns(pids)
    serve(n)
    return (cpu_ns(pids) - before) / n / 1000


def place(pids, cpu):
    """These processes, and those that they fork from now on, run on that CPU alone."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # a worker that has ended
            os.sched_setaffinity(pid, {cpu})


@contextlib.contextmanager
def placed(pids, cpus, own):
    """Inside: these processes run on some CPUs alone, this one and what it starts on its own."""
    before = {pid: os.sched_getaffinity(pid) for pid in [0, *pids]}
    try:
        for pid in pids:
            os.sched_setaffinity(pid, cpus)
        os.sched_setaffinity(0, own)
        yield
    finally:
        for pid, mask in before.items():
            with contextlib.suppress(ProcessLookupError):  # a worker that has been recycled
                os.sched_setaffinity(pid, mask)


def voluntary_switches(pids):
    def read(pid):
        with open(f"/proc/{pid}/status") as f:
            return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", f.read(), re.M)[1])
    return _sum(pids, read)


def _memory_kib(pids, what):
    def read(pid):
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return int(re.search(rf"^{what}:\s*(\d+)", f.read(), re.M)[1])
    return _sum(pids, read)


def pss_kib(pids):
    """What they hold, the shared part by shares: of all processes of the machine, those of others too."""
    return _memory_kib(pids, "Pss")


def anonymous_kib(pids):
    """What they have written to and no file has, whoever else shares it."""
    return _memory_kib(pids, "Anonymous")


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def worker(server):
    """The worker of a server that has one."""
    return (server.workers() if hasattr(server, "workers") else procs.children(server.pid))[0]


class Tracer:
    """A program that watches processes from when it is entered until SIGINT at the end. Their speed is of no interest meanwhile."""

    def start(self, command, n_attached):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                        preexec_fn=procs.die_with_parent)
        try:
            self._wait_attached(n_attached)
        except BaseException:
            self.end()
            raise

    def _wait_attached(self, n):
        said, deadline = b"", time.monotonic() + 20
        while said.count(b"attached") < n:
            ready, _, _ = select.select([self.process.stderr], [], [], max(0, deadline - time.monotonic()))
            news = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            if not news:
                raise NotAvailable(f"{self.process.args[0]} cannot trace the server: {said.decode(errors='replace').strip() or 'no answer'}")
            said += news

    def end(self):
        """What it has printed."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.communicate(timeout=20)[0].decode()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise


class Strace(Tracer):
    """Counts the system calls of all processes of a server."""

    def __init__(self, server):
        if not shutil.which("strace"):
            raise NotAvailable("strace is not installed")
        self.pids = family(server)
        self.calls = {}

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="fpmd-strace-", mode="r")
        self.start(["strace", "-f", "-c", "-o", self.file.name, *(w for pid in self.pids for w in ("-p", str(pid)))], len(self.pids))
        return self

    def __exit__(self, *_):
        self.end()
        with self.file:
            for line in self.file:
                found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
                if found and found[2] != "total":
                    self.calls[found[2]] = int(found[1])

    @property
    def total(self):
        return sum(self.calls.values())


class Steps(Tracer):
    """Counts the user-space instructions of a server's one worker, by stepping through them."""

    PROGRAM = os.path.join(programs.BUILD, "tools", "benchmark", "steps", "fpmd-steps")

    def __init__(self, server):
        if not os.access(self.PROGRAM, os.X_OK):
            raise NotAvailable("fpmd-steps is for x86-64 alone")
        self.pid = worker(server)
        self.total = 0

    def __enter__(self):
        self.start([self.PROGRAM, str(self.pid)], 1)
        # A step is two switches between processes: side by side with a busy machine's other work they would take seconds.
        with contextlib.suppress(OSError):
            cpu = {min(os.sched_getaffinity(self.pid))}
            for pid in (self.pid, self.process.pid):
                os.sched_setaffinity(pid, cpu)
                os.setpriority(os.PRIO_PROCESS, pid, -20)
        return self

    def __exit__(self, *_):
        said = self.end()
        if self.process.returncode:
            raise RuntimeError("fpmd-steps could not follow the worker")
        self.total = int(said)
