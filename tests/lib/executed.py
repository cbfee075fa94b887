# SPDX-License-Identifier: MIT
"""Holds what a process's children execute in the moment after their exec, while another process of the pool's user tries to open their
memory: what only chance shows else."""

import subprocess
import sys
import threading

# argv: whose children. Two more are held at their exec first, to see that the attempt is one: a process of that user, and one that
# nobody but root may open.
TRACER = r"""
import ctypes, os, signal, sys
SEIZE, CONT, EVENTS, EXEC, WALL = 0x4206, 7, 0x2 | 0x4 | 0x8 | 0x10, 4, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)

def ptrace(what, pid, data):
    return libc.ptrace(ctypes.c_long(what), ctypes.c_long(pid), None, ctypes.c_long(data))

def become():
    os.setgroups([])
    os.setresgid(33, 33, 33)
    os.setresuid(33, 33, 33)

def opens(pid):
    child = os.fork()
    if child == 0:
        become()
        try:
            os.open(f"/proc/{pid}/mem", os.O_RDWR)
        except PermissionError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0

def say(name, pid):
    print(name, int(opens(pid)), flush=True)

def control(name, change):
    ready, told = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        change()
        os.write(ready[1], b".")
        os.read(told[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    say(name, child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)

def dumpable():
    become()
    libc.prctl(4, 1, 0, 0, 0)

control("not dumpable", become)
control("dumpable", dumpable)
if ptrace(SEIZE, int(sys.argv[1]), EVENTS) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("holds", flush=True)
while True:
    try:
        pid, status = os.waitpid(-1, WALL)
    except ChildProcessError:
        break
    if not os.WIFSTOPPED(status):
        continue
    if status >> 16 == EXEC:
        say(os.path.basename(os.readlink(f"/proc/{pid}/exe")), pid)
    ptrace(CONT, pid, 0 if status >> 16 else os.WSTOPSIG(status))
"""


class Executed:
    """opened(): whether it was possible, by the program's name; once is enough. At the end the children go on as they are."""

    def __init__(self, pid):
        self.process = subprocess.Popen([sys.executable, "-c", TRACER, str(pid)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.seen = {}
        for line in self.process.stdout:
            if line == "holds\n":
                break
            self._note(line)
        else:
            raise AssertionError(self.process.stderr.read())
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()  # which lets go of all
        self.process.wait()
        self.reader.join()

    def _note(self, line):
        name, _, opened = line.rstrip("\n").rpartition(" ")
        self.seen[name] = self.seen.get(name, False) or opened == "1"

    def _read(self):
        for line in self.process.stdout:
            if line.endswith("\n"):
                self._note(line)

    def programs(self):
        return set(self.seen) - {"dumpable", "not dumpable"}

    def opened(self):
        return dict(self.seen)
