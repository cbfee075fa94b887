# SPDX-License-Identifier: MIT
"""What the kernel knows of processes: time on a CPU, waits, memory, system calls, instructions. Sums over all processes of a server."""

import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time

import procs


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


def voluntary_switches(pids):
    def read(pid):
        with open(f"/proc/{pid}/status") as f:
            return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", f.read(), re.M)[1])
    return _sum(pids, read)


def pss_kib(pids):
    def read(pid):
        with open(f"/proc/{pid}/smaps_rollup") as f:
            return int(re.search(r"^Pss:\s*(\d+)", f.read(), re.M)[1])
    return _sum(pids, read)


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Strace:
    """Counts the system calls of processes while it is entered. Their speed is of no interest meanwhile."""

    def __init__(self, pids):
        if not shutil.which("strace"):
            raise NotAvailable("strace is not installed")
        self.pids = pids
        self.calls = {}

    def __enter__(self):
        self.file = tempfile.NamedTemporaryFile(prefix="fpmd-strace-", mode="r")
        command = ["strace", "-f", "-c", "-o", self.file.name]
        for pid in self.pids:
            command += ["-p", str(pid)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, preexec_fn=procs.die_with_parent)
        try:
            self._wait_attached()
        except BaseException:
            self._end()
            raise
        return self

    def _wait_attached(self):
        said, deadline = b"", time.monotonic() + 20
        while said.count(b" attached") < len(self.pids):
            ready, _, _ = select.select([self.process.stderr], [], [], max(0, deadline - time.monotonic()))
            news = os.read(self.process.stderr.fileno(), 65536) if ready else b""
            if not news:
                raise NotAvailable(f"strace cannot trace the server: {said.decode(errors='replace').strip() or 'no answer'}")
            said += news

    def _end(self):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()

    def __exit__(self, *_):
        self._end()
        with self.file:
            for line in self.file:
                found = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
                if found and found[2] != "total":
                    self.calls[found[2]] = int(found[1])

    @property
    def total(self):
        return sum(self.calls.values())


class Instructions:
    """Counts user-space instructions of processes with the CPU's own counter."""

    def __init__(self, pids):
        if not shutil.which("perf"):
            raise NotAvailable("perf is not installed")
        probe = subprocess.run(["perf", "stat", "-x,", "-e", "instructions:u", "true"], capture_output=True, text=True)
        if probe.returncode or "not supported" in probe.stderr or "not counted" in probe.stderr:
            raise NotAvailable("no instruction counter on this machine (perf: instructions:u is not supported)")
        self.pids = pids
        self.total = 0

    def __enter__(self):
        self.process = subprocess.Popen(["perf", "stat", "-x,", "-e", "instructions:u", "-p", ",".join(map(str, self.pids))],
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, preexec_fn=procs.die_with_parent)
        procs.until("perf to attach", lambda: "perf_event" in "".join(os.readlink(f"/proc/{self.process.pid}/fd/{fd}") for fd in
                                                                     os.listdir(f"/proc/{self.process.pid}/fd")))
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        said = self.process.communicate(timeout=20)[1]
        self.total = int(re.search(r"^(\d+),,instructions", said, re.M)[1])
