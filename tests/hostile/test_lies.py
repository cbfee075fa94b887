# SPDX-License-Identifier: MIT
"""Each lie of lies.py, told to a master with other pools: the log names the pool that lies, the good pool serves all of its requests
meanwhile, the master has next to nothing to do, and all of it ends when it is told to.

Many pools lie to one master at once, each its own lie. FPMD_CROWD=1 gives each lie a master of its own, to see which one it was."""

import os
import re
import threading
import time

import pytest

import fastcgi
import lies
import procs
from conftest import Hostile
from load import Load

SIZE = int(os.environ.get("FPMD_CROWD", "24"))
PAUSE = 0.005  # between two requests: the lies are tested, not the machine
WATCHED = 1.0  # seconds
BUSY = 0.25  # of them, at most, on a CPU
LINES = 500  # of a pool in the log, however much it lies
STOP = 8.0
LOGGER_STOP = 25.0  # a logger may be waiting for its log: OUTPUT_FINISH_TIME, log_timeout


def crowds():
    """Those that are slow to be found out wait together, and so do those that are slow to end."""
    kinds = [[one for one in lies.LIES if (one.says == lies.SILENT, one.who == "logger") == kind]
             for kind in ((False, False), (True, False), (False, True))]
    return [found[i:i + SIZE] for found in kinds for i in range(0, len(found), SIZE)]


class Crowd:
    def __init__(self, tree, number, liars):
        self.number, self.liars = number, liars
        self.server = Hostile(tree, {one.pool: one.settings for one in liars})
        self.server.settings["log_timeout"] = "1s"
        pause, params = threading.Event(), fastcgi.environment(self.server.ok)

        def one(_):
            pause.wait(PAUSE)
            return params
        self.good = Load(self.server.address("good"), one, clients=1,
                         check=lambda r: "" if r.body == b"ok" else f"bad answer: {r.stdout[:200]!r}")

    def start(self):
        """Without READY=1, which waits for liars that say nothing."""
        self.server.spawn(self.server.command())
        procs.until("the good pool to serve", self.serves, 30)
        self.good.__enter__()

    def serves(self):
        try:
            return self.server.run(self.server.ok, "good").text == "ok"
        except OSError:
            return False

    def end(self):
        self.good.stop()
        self.server.cleanup()


@pytest.fixture(scope="module")
def crowd(tree):
    """crowd(number, liars): that one, when it runs already, or in place of the one before."""
    running = []

    def get(number, liars):
        if running and running[0].number != number:
            running.pop().end()
        if not running:
            running.append(Crowd(tree, number, liars))
            running[0].start()
        return running[0]
    yield get
    if running:
        running[0].end()


CROWDS = list(enumerate(crowds()))


def in_order():
    for number, liars in CROWDS:
        for one in liars:
            yield pytest.param(number, liars, one, id=f"{one.who}-{one.id}")
        yield pytest.param(number, liars, None, id=f"end-{number}")


@pytest.mark.parametrize("number, liars, lie", in_order())
def test_lie(crowd, number, liars, lie):
    c = crowd(number, liars)
    if lie:
        if lie.says:
            c.server.wait_log(lie.pattern, limit=15)
        assert c.server.running() and c.good.failures() == []
    else:
        check_end(c)


def check_end(c):
    s = c.server
    c.good.wait_more(10)
    procs.assert_does_not_spin(s.pid, WATCHED, BUSY)
    assert s.ctl("status").returncode in (0, 1)
    c.good.wait_more(1)
    c.good.stop()
    assert c.good.failures() == []
    log = s.log()
    for one in c.liars:
        assert log.count(f"[pool {one.pool}]") < LINES, one.pool
        assert not one.never or not re.search(one.never.replace("POOL", one.pool), log), log
        assert not one.most[0] or log.count(one.most[0]) <= one.most[1], log
    family, began = procs.descendants(s.pid), time.monotonic()
    s.signal(15)
    assert s.wait_exit(40) == 0, s.story()
    took = time.monotonic() - began
    assert not [procs.title(p) for p in family if procs.alive(p) and procs.comm(p) != "stranger"], s.story()
    assert took < (LOGGER_STOP if c.liars[0].who == "logger" else STOP), f"the stop took {took:.1f} s\n{s.story()}"
