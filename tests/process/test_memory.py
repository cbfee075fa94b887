# SPDX-License-Identifier: MIT
"""Memory decides: pm.max_children = auto, and workers that the kernel kills, in real control groups."""

import os
import pwd
import re
import socket
import subprocess
import sys

import pytest

import fastcgi
import groups
import procs
import server as programs
from load import Held

MIB = 1 << 20
AUTO = {"pm.max_children": "auto", "pm.status_path": "/status"}
RECKONED = (r"\[pool {}\] pm.max_children = auto: {} workers, between 2 and 64 for 1 CPUs: \d+ MiB for it, of \d+ MiB that .*; "
            r"\d+ MiB a worker, {}, and a fifth")


@pytest.fixture
def group():
    if groups.parent()[0] is None:
        pytest.skip(groups.parent()[1])
    made = []

    def make(limit):
        made.append(groups.Group(limit))
        return made[-1]
    yield make
    for g in made:
        g.close()


@pytest.fixture
def start_in(make, group):
    """start_in(limit, pools) -> (an Fpmd in a group with so many bytes, on one CPU, the group)."""
    servers = []

    def run(limit, pools):
        g = group(limit)
        s = make(pools)
        s.wrapper = [*g.wrapper, "taskset", "-c", str(min(os.sched_getaffinity(0)))]
        servers.append(s)
        return s.start(), g
    yield run
    for s in servers:
        s.stop()


def reckoned(s, why, pool="www", n=r"(\d+)", since=0):
    """What it says that it has come to."""
    return int(s.wait_log(RECKONED.format(pool, n, why), since).group(1))


def eat(s, mib):
    """A request that takes so much."""
    code = s.script("eat.php", f"<?php ini_set('memory_limit', -1); $x = str_repeat('x', {mib} << 20); echo getmypid();")
    reply = s.run(code, timeout=60)
    assert reply.complete, reply
    return reply


def test_auto_reckons_with_its_group_and_what_its_workers_take(start_in):
    s, g = start_in(600 * MIB, {"www": {**AUTO, "pm": "static"}})
    assert 5 <= reckoned(s, "since none has been measured yet") <= 7
    begun = s.workers()

    eat(s, 100)     # by then: it needs that once more than it holds between requests
    measured = reckoned(s, "as measured")
    at = len(s.log())
    assert 2 < measured < 6
    s.wait_workers(measured)
    assert f"at most {measured}" in s.ctl("status").stdout
    assert set(s.workers()) <= set(begun), "no worker was replaced for that"

    assert s.ctl("reload").returncode == 0      # what has been measured holds for the next generation
    s.wait_workers(measured, without=begun)

    g.limit(200 * MIB)
    assert reckoned(s, "as measured", n="(2)") == 2
    s.wait_workers(2)
    assert "none has been measured" not in s.log()[at:] and "WARNING" not in s.log()


def test_weight_for_load_balancers_is_of_what_auto_has_come_to(start_in):
    port = programs.free_port()
    s, _ = start_in(200 * MIB, {"www": {**AUTO, "pm": "static", "pm.status_listen": f"127.0.0.1:{port}"}})
    assert reckoned(s, "since none has been measured yet", n="(2)") == 2

    def said():
        with socket.create_connection(("127.0.0.1", port), timeout=30) as c:
            c.sendall(b"agent-check\n")
            return c.recv(4096)
    procs.until("all to be idle", lambda: said() == b"ready up 100%\n")
    with Held(s) as held:
        held.wait_running()
        procs.until("half of the workers to count", lambda: said() == b"ready up 50%\n")
        assert held.finish().complete


def test_auto_in_several_pools_shares(start_in):
    """Also with what the other modes have."""
    dynamic = {"pm": "dynamic", "pm.start_servers": "40", "pm.min_spare_servers": "30", "pm.max_spare_servers": "50"}
    s, _ = start_in(700 * MIB, {"one": {**AUTO, **dynamic}, "two": {**AUTO, "pm": "ondemand"}})
    shares = [reckoned(s, "since none has been measured yet", pool) for pool in ("one", "two")]
    assert shares[0] == shares[1] and 3 <= shares[0] <= 4
    s.wait_workers(shares[0])
    assert s.run(s.script("pid.php", "<?php echo getmypid();"), "two").complete


def test_auto_without_a_limit_reckons_with_the_machine(start):
    s = start({"www": {**AUTO, "pm": "dynamic", "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "1"}})
    said = s.wait_log(r"auto: (\d+) workers, between (\d+) and (\d+) for \d+ CPUs: \d+ MiB for it, of \d+ MiB that "
                      r"(?:the machine has|\S+ of /\S* allows);")
    n, least, most = (int(x) for x in said.groups())
    assert least <= n <= most and f"at most {n}" in s.ctl("status").stdout


def scores(s):
    """oom_score_adj of the master, of its zygotes and of its workers."""
    def of(pid):
        with open(f"/proc/{pid}/oom_score_adj") as f:
            return int(f.read())
    return of(s.pid), {of(pid) for pid in s.zygotes()}, {of(pid) for pid in s.workers()}


def test_worker_that_the_kernel_kills_is_told_with_its_request(start_in):
    s, _ = start_in(150 * MIB, {"www": {"pm": "static", "pm.max_children": "3", "pm.status_path": "/status"}})
    own = scores(s)[0]
    assert scores(s) == (own, {own}, {own + 200})
    zygotes, before = s.zygotes(), s.workers()
    code = s.script("eat.php", "<?php ini_set('memory_limit', -1); for ($x = []; ; ) $x[] = str_repeat('x', 1 << 20);")
    assert not s.run(code, query="a=1", timeout=60).complete
    dead = s.wait_log(r"WARNING: \[pool www\] child (\d+), script '\S+/eat.php' \(request: \"GET \S*eat.php\?a=1\"\) was killed by the kernel for want of memory")
    assert int(dead.group(1)) in before
    s.wait_log(rf"child {dead.group(1)} exited on signal 9")
    assert s.wait_workers(3) and s.zygotes() == zygotes, "nobody else was"

    victim = s.wait_workers(3)[0]       # and one that an operator kills has had memory
    procs.kill(victim, 9)
    s.wait_log(rf"child {victim} exited on signal 9")
    s.wait_workers(3)
    page = s.client().request(fastcgi.environment("/status", query="openmetrics&full", root="")).text
    assert re.search(r"(?m)^phpfpm_workers_died 2$", page) and re.search(r"(?m)^phpfpm_workers_out_of_memory 1$", page)
    assert re.search(r"(?m)workers died 2, of want of memory 1$", s.ctl("status").stdout) and len(re.findall("want of memory", s.log())) == 1


def test_workers_of_a_master_without_privileges_go_first_too(make):
    s = make()
    if programs.ROOT:
        user = pwd.getpwnam(programs.POOL_USER)
        s.wrapper = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--inh-caps=-all", "--bounding-set=-all"]
        os.chown(s.folder, user.pw_uid, user.pw_gid)
        os.chown(s.runtime, user.pw_uid, user.pw_gid)
        s.pools["www"].update({"user": None, "group": None})
    s.start()
    own = scores(s)[0]
    assert scores(s) == (own, {own}, {own + 200})


THRASH = """
import mmap, os
fd = os.open("pages", os.O_RDWR | os.O_CREAT, 0o600)
for _ in range(64):
    os.write(fd, bytes(1 << 20))
os.fsync(fd)
pages = mmap.mmap(fd, 0, prot=mmap.PROT_READ)
while True:
    for at in range(0, len(pages), mmap.PAGESIZE):
        pages[at]
"""
KERNEL = "/proc/pressure/memory"
DEFAULT_TRIGGER = "c29tZSAyMDAwMDAgMjAwMDAwMAA="  # systemd's: memory was short for a fifth of a second of two


def test_short_memory_takes_what_nobody_uses(make):
    """The service manager's word, over a FIFO: systemd's protocol allows it for tests."""
    s = make({"busy": {"pm": "ondemand", "pm.process_idle_timeout": "1h"},
              "idle": {"pm": "ondemand", "pm.process_idle_timeout": "1h", "pool.sleep_after": "1h"},
              "spare": {"pm": "dynamic", "pm.max_children": "5", "pm.start_servers": "4", "pm.min_spare_servers": "1", "pm.max_spare_servers": "5"},
              "always": {"pm": "static"}})
    fifo = os.path.join(s.folder, "pressure")
    os.mkfifo(fifo)
    s.env.update({"MEMORY_PRESSURE_WATCH": fifo, "MEMORY_PRESSURE_WRITE": DEFAULT_TRIGGER})
    s.start()
    s.wait_workers(6)
    script = s.script("env.php", "<?php echo json_encode(getenv());")
    assert "MEMORY_PRESSURE" not in s.run(script, "idle").text
    with Held(s, "busy") as held:
        running = held.wait_running()
        s.wait_workers(8)
        zygotes = len(s.zygotes())
        with open(fifo, "w") as f:
            f.write("!")
        s.wait_workers(4)       # the busy one, the spare one, and static's two
        assert running in s.workers()
        s.wait_zygotes(zygotes - 1)
        s.wait_log("NOTICE: memory is short: pools give up idle workers")
        held.release()
        assert held.answer().complete
    assert s.run(script, "idle").complete and "WARNING" not in s.log()


def test_the_kernel_says_that_memory_is_short(make, group, tmp_path):
    """The same by the kernel's own file, which is the whole machine's: others may have made memory short before this
    test does, by a process whose group has room for a quarter of the pages that it goes round."""
    if not os.path.exists(KERNEL):
        pytest.skip(f"the kernel does not tell of pressure ({KERNEL})")
    s = make({"spare": {"pm": "dynamic", "pm.max_children": "5", "pm.start_servers": "4", "pm.min_spare_servers": "1", "pm.max_spare_servers": "5"},
              "always": {"pm": "static"}})
    s.env.update({"MEMORY_PRESSURE_WATCH": KERNEL, "MEMORY_PRESSURE_WRITE": DEFAULT_TRIGGER})
    s.start()
    p = subprocess.Popen([*group(16 * MIB).wrapper, sys.executable, "-c", THRASH], cwd=tmp_path)
    try:
        s.wait_log("NOTICE: memory is short: pools give up idle workers")
        s.wait_workers(3)       # the spare one, and static's two
    finally:
        p.kill()
        p.wait()
    assert "WARNING" not in s.log()


def test_memory_pressure_that_cannot_be_watched_is_told(make):
    s = make()
    s.env["MEMORY_PRESSURE_WATCH"] = os.path.join(s.folder, "missing")
    s.start()
    s.wait_log(r"WARNING: cannot be told that memory is short \(MEMORY_PRESSURE_WATCH\): No such file or directory")
