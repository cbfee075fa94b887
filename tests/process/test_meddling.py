# SPDX-License-Identifier: MIT
"""Native code in a worker clears O_NONBLOCK of what it shares with the master, once or all the time. The master is to answer all the same."""

import itertools
import os
import re
import signal
import threading

import pytest

import procs
import server as programs
from load import Held

DOORBELL = 6  # ipc/inherit.h

# $c, the C library
LIBRARY = """
$c = FFI::cdef('int fcntl(int, int, int); long write(int, const unsigned long *, unsigned long);'
             . ' int getsockopt(int, int, int, int *, unsigned *);');
"""

# Those that are known by SO_ACCEPTCONN, as $fds.
LISTENERS = """
$fds = [];
$on = $c->new('int[1]'); $n = $c->new('unsigned[1]');
for ($fd = 3; $fd < 100; $fd++) {
    $on[0] = 0; $n[0] = 4;
    if ($c->getsockopt($fd, 1, 30, $on, $n) == 0 && $on[0]) $fds[] = $fd;
}
"""

# The doorbell, as $fds, as full as it can be.
FULL_BELL = """
$fds = [%d];
$most = $c->new('unsigned long[1]'); $most[0] = -2;
if ($c->write($fds[0], $most, 8) != 8) exit('cannot fill the doorbell');
""" % DOORBELL

CLEAR = "foreach ($fds as $fd) if ($c->fcntl($fd, 4, 2) != 0) exit('cannot clear O_NONBLOCK');"

HOW = {
    "once": CLEAR,
    "all the time": "file_put_contents($_GET['m'] . '-on', getmypid());"
                    " while (!file_exists($_GET['m'] . '-go')) { for ($i = 0; $i < 1000; $i++) {" + CLEAR + "} clearstatcache(); }",
}

FFI = {"php_admin_value[ffi.enable]": "1"}
numbers = itertools.count()


def pool(kind, folder=None, **more):
    if kind == "tcp":
        return {**FFI, "listen": f"127.0.0.1:{programs.free_port()}", "listen.mode": None, **more}
    return {**FFI, **({"listen": f"{folder}/meddled-{next(numbers)}.sock"} if folder else {}), **more}


# The scoreboard says that all of its slots are in use and being written. Field n_used and the slots' counters: scoreboard/layout.h.
BUSY_BOARD = """
preg_match('/^([0-9a-f]+)-([0-9a-f]+) rw.*memfd:fpmd-scoreboard/m', file_get_contents('/proc/self/maps'), $m) || exit('no scoreboard');
$at = FFI::cdef()->new('uintptr_t');
$at->cdata = hexdec($m[1]);
$head = FFI::cast('unsigned *', $at);
$head[23] = $head[5];
for ($i = 0; $i < $head[5]; $i++) $head[($head[3] + $i * $head[4]) / 4] = 1;
echo $head[5], ' slots';
"""


def test_scoreboard_that_is_never_at_rest(start):
    """The master counts for its status line every second."""
    s = start({"www": {**FFI, "pm.max_children": "1", "process.dumpable": "yes"}})
    r = s.run(s.script("busy.php", "<?php" + BUSY_BOARD))
    assert r.text.endswith("0 slots"), (r.text, r.stderr)
    since, before = s.notify.mark(), procs.cpu_seconds(s.pid)
    for _ in range(3):
        assert s.run(s.pid_script).complete  # which changes the line
        since = s.notify.wait("STATUS", since=since) + 1
    assert procs.cpu_seconds(s.pid) - before < 0.2


# The ring of leaks: texts without end, kinds that are none, and numbers as high as they can be.
RING = """
$ring = hexdec($m[1]) + $head[3] + $head[5] * $head[4];
$there = function (int $offset, string $type) use ($ring, $at) { $at->cdata = $ring + $offset; return FFI::cast($type, $at); };
FFI::memset($there(16, 'char *'), 0xfe, 256 * 512);
for ($i = 0; $i < 256; $i++) FFI::memcpy($there(16 + 512 * $i + 16, 'char *'), sprintf("\\x1b]0;mine\\x07\\xc2\\x9b%03d", $i), 14);
$there(8, 'unsigned long *')[0] = -(1 << 20);
$there(0, 'unsigned long *')[0] = -(1 << 20);
"""


def test_ring_of_leaks_that_is_nonsense(make):
    """Nobody but fpmctl leaks reads it, and the master goes on."""
    s = make({"www": {**FFI, "pm.max_children": "1", "process.dumpable": "yes"}})
    s.pid_script = s.script("app.php", "<?php $write = function () {" + BUSY_BOARD + RING + "}; while (fpmd_handle_request($write));")
    s.pools["www"]["worker.script"] = s.pid_script
    s.start()
    said = []
    fpmctl = threading.Thread(target=lambda: said.append(s.ctl("leaks", "--requests", "1000", "--timeout", "20", "www", limit=60)))
    fpmctl.start()
    s.wait_log(r"its next 1000 requests are examined")
    r = s.run(s.pid_script)
    assert r.text.endswith("0 slots") and not r.stderr, (r.text, r.stderr)
    fpmctl.join()
    out = said[0].stdout
    assert re.match(r"\d{20} requests examined\n", out) and re.search(r"\n\d{19,20} more are in the log alone\n$", out), out[:300]
    assert 200 <= out.count("mine") <= 300 and not re.search("[^\n -~\ufffd]", out), out[:300]
    assert s.ctl("status").returncode == 0
    procs.assert_does_not_spin(s.pid, 1.0, 0.3)


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_listener_that_is_given_up(start, kind, how):
    s = start({"www": pool(kind, **{"pm.max_children": "1"})})
    with Held(s, before=LIBRARY + LISTENERS + HOW[how]) as held:
        held.wait_running()
        s.pools["www"].update(pool(kind, s.folder))
        s.write_config()
        done = s.ctl("reload", limit=20)
        assert done.returncode == 0, done.stderr
        s.wait_log(r"WARNING: \[pool www\] a process of the pool has cleared O_NONBLOCK of the listener")
        assert s.run(s.pid_script).complete


@pytest.mark.parametrize("how", HOW)
def test_doorbell_that_is_full(start, how):
    """The master rings it for a worker whose zygote has died."""
    s = start({"www": pool("unix", **{"pm.max_children": "2"})})
    with Held(s) as other, Held(s, before=LIBRARY + FULL_BELL + HOW[how]) as held:
        held.wait_running()
        zygote = s.zygotes()[0]
        os.kill(s.pid, signal.SIGSTOP)  # so that it hears of both before anybody is there who takes the ring
        try:
            os.kill(zygote, signal.SIGKILL)
            os.kill(other.wait_running(), signal.SIGKILL)
        finally:
            os.kill(s.pid, signal.SIGCONT)
        s.wait_log(r"WARNING: \[pool www\] a process of the pool has cleared O_NONBLOCK of its doorbell")
        assert s.ctl("status", limit=20).returncode == 0
        assert s.run(s.pid_script).complete
