# SPDX-License-Identifier: MIT
"""A process that native code of a pool has left behind, and what it does while the pool sleeps."""

import os
import sys

import procs
from conftest import Hostile
from facts import FACTS

LEAVE = """<?php
$c = FFI::cdef('int fcntl(int, int, int);');
if ($c->fcntl(%d, 0, 200) < 200) exit(1); // F_DUPFD: what is executed has it
exec('setsid %s %s 200 %s >/dev/null 2>&1 &');
echo 'left';
"""

# Another run of this test may go on beside this one, as the same user, so a pool of this name is nobody else's.
POOL = f"restless{os.getpid()}"

# Each park of the pool gets a message, which makes no sense and is read; when it has been told to leave, since nobody is left to hand
# anything over, the next message is there before it goes.
AGAIN_AND_AGAIN = """import fcntl, os, re, select, signal, socket, struct, sys, time

intake = socket.socket(fileno=int(sys.argv[1]))
pool = sys.argv[2]

def content(pid, name):
    try:
        with open(f"/proc/{pid}/{name}") as f:
            return f.read()
    except OSError:
        return ""

def find(what):
    title = ["fpmd:", what, pool]
    return [int(p) for p in os.listdir("/proc") if p.isdigit() and content(p, "cmdline").replace("\\0", " ").split()[:3] == title]

def until(holds, limit=float("inf")):
    end = time.monotonic() + limit
    while not (found := holds()) and time.monotonic() < end:
        select.select([], [], [], 0.005)
    return found

def unread():
    return struct.unpack("i", fcntl.ioctl(intake, 0x5411, bytes(4)))[0]  # SIOCOUTQ

def told_to_leave(pid):
    status = content(pid, "status")
    return not status or int(re.search(r"ShdPnd:\\s+(\\w+)", status).group(1), 16)

def keep_busy():
    intake.send(b"again")
    park = until(lambda: find("park"))[0]
    until(lambda: not unread())
    os.kill(park, signal.SIGSTOP)
    until(lambda: told_to_leave(park), 3)  # or it was told before it was stopped, and knows
    intake.send(b"again")
    os.kill(park, signal.SIGCONT)
    until(lambda: park not in find("park"))

until(lambda: not find("zygote"))
while True:
    try:
        keep_busy()
    except ProcessLookupError:
        pass  # it was quicker, and has gone
"""


def test_parks_of_a_pool_that_sleeps_are_not_started_one_after_the_other(tree):
    s = Hostile(tree, {POOL: {"pm": "ondemand", "pm.process_idle_timeout": "1s", "pool.sleep_after": "1s",
                              "php_admin_value[ffi.enable]": "1"}})
    again = s.script("again.py", AGAIN_AND_AGAIN)
    leave = s.script("leave.php", LEAVE % (FACTS["inherit"]["PARK_INTAKE"], sys.executable, again, POOL))
    try:
        s.start()
        assert s.run(leave, POOL).text == "left"
        s.wait_log(rf"WARNING: \[pool {POOL}\] park number \d+ since the pool sleeps", limit=60)
        procs.assert_does_not_spin(s.pid)
        assert s.run(s.ok, POOL).text == "ok" and s.run(s.ok, "good").text == "ok"
        assert s.stop() == 0
    finally:
        s.cleanup()
