# SPDX-License-Identifier: MIT
"""Runs the tracers and what they trace: fpmtrace, tools/bpftrace, and an emitter of probes without PHP."""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

import procs
from server import BUILD, TREE

FPMTRACE = os.path.join(BUILD, "tools", "trace", "fpmtrace")
ZYGOTE = os.path.join(BUILD, "src", "fpmd-zygote")
PARK = os.path.join(BUILD, "src", "fpmd-park")
EMITTER = os.path.join(BUILD, "tests", "bpf", "probe-emitter")
SCRIPTS = os.path.join(TREE, "tools", "bpftrace")
LIMIT = 60.0

# bpftrace wants tracefs; it is mounted in a mount namespace of its own where the machine has none.
WITH_TRACEFS = ("mountpoint -q /sys/kernel/tracing || mount -t tracefs nodev /sys/kernel/tracing || exit 77; "
                'exec "$@"')

# What a served request adds, and one that never gets to its script.
SERVED = [("accepting", "reading_headers"), ("reading_headers", "info"), ("info", "executing"), ("executing", "end"),
          ("end", "finished"), ("finished", "accepting")]
UNSERVED = [("accepting", "reading_headers"), ("reading_headers", "info"), ("info", "end"), ("end", "finished"),
            ("finished", "accepting")]


def expect(served=0, unserved=0, created=0):
    """{(from, to): count} of so many requests and newly made workers."""
    out = {("creating", "accepting"): created} if created else {}
    for path, n in ((SERVED, served), (UNSERVED, unserved)):
        for step in path:
            if n:
                out[step] = out.get(step, 0) + n
    return out


class Tracer:
    """A tracer that runs until it is told to end. A context: inside it, the probes are attached."""

    def __init__(self, command):
        self.command = command
        self.process = None
        self.said = ""

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, preexec_fn=procs.die_with_parent)
        self.wait_attached()
        return self

    def wait_attached(self):
        raise NotImplementedError

    def _read_until(self, stream, text):
        while text not in self.said:
            line = stream.readline()
            if not line:
                self.process.wait(LIMIT)
                raise RuntimeError(f"{self.command[0]} ended: {self.said}{self.process.stderr.read()}")
            self.said += line

    def pid(self):
        return self.process.pid

    def __exit__(self, *_):
        if self.process.poll() is None:
            os.kill(self.pid(), signal.SIGKILL)
        self.process.communicate()

    def end(self, number=signal.SIGINT):
        """Ends it cleanly; returns what it printed since it had attached."""
        os.kill(self.pid(), number)
        out, err = self.process.communicate(timeout=LIMIT)
        assert self.process.returncode == 0, (self.process.returncode, out, err)
        return out


class Fpmtrace(Tracer):
    def __init__(self, *args, within=()):
        """within: a command that forks, and has fpmtrace as its child."""
        super().__init__([*within, FPMTRACE, *map(str, args)])
        self.within = within

    def pid(self):
        return procs.children(self.process.pid)[0] if self.within else self.process.pid

    def wait_attached(self):
        self._read_until(self.process.stderr, "attached;")

    def wait_error(self, text):
        """Waits for a line on standard error that has the text in it."""
        self._read_until(self.process.stderr, text)

    def summary(self):
        return Summary(json.loads(self.end()))


class Summary:
    """The end of fpmtrace --json."""

    def __init__(self, data):
        self.data = data
        self.lost = data["lost"]
        self.pools = {p["pool"]: p for p in data["pools"]}

    def counts(self, pool):
        rows = self.pools.get(pool, {"transitions": []})["transitions"]
        return {(t["from"], t["to"]): t["count"] for t in rows}

    def stage(self, pool, name):
        return next(s for s in self.pools[pool]["stages"] if s["stage"] == name)


class Script(Tracer):
    """A program for bpftrace that says "Tracing " when it has begun."""

    def __init__(self, *args):
        super().__init__(["unshare", "-m", "sh", "-c", WITH_TRACEFS, "sh", "bpftrace", "-B", "line", *args])

    def wait_attached(self):
        self._read_until(self.process.stdout, "Tracing ")

    def end(self, number=signal.SIGINT):
        """bpftrace 0.17 sleeps on when the signal comes between its look at the flag and its wait: it is then sent again."""
        deadline = time.monotonic() + LIMIT
        while True:
            self.process.send_signal(number)
            try:
                out, err = self.process.communicate(timeout=3)
                break
            except subprocess.TimeoutExpired:
                if time.monotonic() > deadline:
                    raise
        assert self.process.returncode == 0, (self.process.returncode, out, err)
        return out


class Bpftrace(Script):
    """A script of tools/bpftrace."""

    def __init__(self, binary, script="stage-latency.bt"):
        super().__init__(os.path.join(SCRIPTS, script), binary)

    def numbers(self, pool):
        """{map: number} of the maps that have one number for each pool, and how many values its histograms count."""
        out = self.end()
        numbers = {name: int(n) for name, key, n in re.findall(r"^@(\w+)\[(.+)\]: (\d+)$", out, re.M) if key == pool}
        for name, key, rows in re.findall(r"^@(\w+)\[(.+)\]: ?\n((?:[\[(].*\n)+)", out, re.M):
            if key == pool:
                numbers[name] = sum(int(n) for n in re.findall(r"^\S+(?: \S+\))? +(\d+) \|", rows, re.M))
        return numbers

    def counts(self, pool):
        found = re.findall(r"^@transitions\[(.+), (\w+), (\w+)\]: (\d+)$", self.end(), re.M)
        return {(a, b): int(n) for name, a, b, n in found if name == pool}


class OwnNumber(Script):
    """Does bpftrace call its own process what we call it? Old ones know the numbers of the host's pid namespace alone."""

    def __init__(self):
        super().__init__("-e", 'BEGIN { printf("Tracing %d\\n", pid); }')

    def is_ours(self):
        return self.process.pid == int(self.said.split()[-1])


class Calls(Script):
    """Counts some system calls of a process, by their names.

    BEGIN comes before anything is attached, and in which order the rest is, is bpftrace's. So the probe of each name says that it is there
    when it sees such a call of a thread of ours, which fails. Names of programs are looked at before numbers: bpftrace 0.23 warns of each
    process whose number it cannot tell, as outside of a container, and with hundreds of warnings it has been seen to end without its maps.
    """

    THREAD = "fpmd-attached"

    def __init__(self, pid, *names):
        self.names = names
        with open(f"/proc/{pid}/comm") as f:
            comm = f.read().strip()
        ours = f'comm == "{self.THREAD}"'
        super().__init__("-e", " ".join(
            f'tracepoint:syscalls:sys_enter_{name} /{ours} || (comm == "{comm}" && pid == {pid})/ '
            f'{{ if ({ours}) {{ printf("Sees {name}\\n"); }} else {{ @{name} = count(); }} }}' for name in names))

    def wait_attached(self):
        attached = threading.Event()
        library = ctypes.CDLL(None)

        def call():
            library.prctl(15, self.THREAD.encode())  # PR_SET_NAME
            while not attached.wait(0.01):
                for name in self.names:
                    getattr(library, name)(-1, None, None, 0)
        caller = threading.Thread(target=call)
        caller.start()
        try:
            for name in self.names:
                self._read_until(self.process.stdout, f"Sees {name}")
        finally:
            attached.set()
            caller.join()

    def counts(self):
        return {name: int(n) for name, n in re.findall(r"^@(\w+): (\d+)$", self.end(), re.M)}


class Emitter:
    """The emitter under the name that fpmtrace looks for, in a folder of the test's. Waits for go()."""

    def __init__(self, folder, pool="www", workers=1, requests=1, within=()):
        self.binary = os.path.join(folder, "fpmd-zygote")
        if not os.path.exists(self.binary):
            shutil.copy(EMITTER, self.binary)
        self.process = subprocess.Popen([*within, self.binary, pool, str(workers), str(requests)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, preexec_fn=procs.die_with_parent)
        self.pid = self.process.pid
        assert self.process.stdout.readline() == "ready\n"

    def start(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def finish(self):
        assert self.process.wait(LIMIT) == 0

    def go(self):
        self.start()
        self.finish()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def semaphores(binary):
    """{probe: address} from the binary's notes."""
    text = subprocess.run(["readelf", "-n", "--wide", binary], capture_output=True, text=True, check=True).stdout
    found = re.findall(r"Provider: fpmd\s+Name: (\w+)\s+Location: \w+, Base: \w+, Semaphore: (\w+)", text)
    return {name: int(address, 16) for name, address in found}


def semaphore_values(pid, binary):
    """{probe: value} in a living process: how many tracers it has now."""
    with open(f"/proc/{pid}/maps") as f:
        base = next(int(line.split("-")[0], 16) for line in f if line.split()[-1] == binary)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as f:
        return {name: int.from_bytes(os.pread(f.fileno(), 2, base + address), "little")
                for name, address in semaphores(binary).items()}
