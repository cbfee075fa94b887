# SPDX-License-Identifier: MIT
"""What processes of one pool do to hold up the master, which serves the others: it answers all the same."""

import os
import re
import signal
import socket
import time

import pytest

import fastcgi
import liar
import procs
import server as programs

as_root = pytest.mark.skipif(not programs.ROOT, reason="needs root: others cannot trace processes that are not dumpable")
AT_ONCE = 10  # seconds, on a busy machine; what is waited for by mistake here lasts for two minutes


def program_of(s, name, pool="www"):
    """The pool's processes that run this program."""
    return [p for p in procs.children(s.pid) if procs.exe(p) == f"fpmd-{name}" and pool in procs.title(p)]


def assert_serves(s, pool):
    """The others are served, and the master is there for its clients."""
    begun = time.monotonic()
    assert s.run(s.pid_script, pool).complete
    assert s.ctl("status", limit=60).returncode == 0
    assert time.monotonic() - begun < AT_ONCE
    procs.assert_does_not_spin(s.pid)


# --- zombies that cannot be reaped

# Which process, and which program has a successor then.
VICTIMS = {"worker": "zygote", "zygote": "zygote", "park": "park", "logger": "logger"}


def find_victim(s, whose):
    program, = procs.until(f"a {whose}", lambda: program_of(s, VICTIMS[whose]))
    return procs.until("a worker", lambda: procs.children(program))[0] if whose == "worker" else program


def start_two(start):
    return start({"www": {"pm.max_children": "2", "catch_workers_output": "yes"}, "good": {}}, settings={"process_control_timeout": "1s", "log_timeout": "1s"})


@as_root
@pytest.mark.parametrize("whose", VICTIMS)
def test_zombie_that_somebody_traces(start, whose):
    s = start_two(start)
    victim = find_victim(s, whose)
    before = program_of(s, VICTIMS[whose])
    with liar.traced_to_death(victim):
        if whose == "worker":  # of which its zygote cannot know
            s.wait_log(rf"ERROR: \[pool www\] zygote {before[0]} has not answered for \d+ seconds")
        else:
            s.wait_log(rf"WARNING: \[pool www\] {whose} {victim} .*(exited|ended)")
        procs.until("a successor", lambda: set(program_of(s, VICTIMS[whose])) - set(before))
        assert_serves(s, "good")
        assert s.run(s.pid_script, "www").complete
        assert s.ctl("reload", limit=30).returncode == 0
        procs.until("one generation", lambda: len(s.generations("www")) == 1)
        assert_serves(s, "good")
    procs.until("the zombie to be reaped", lambda: not procs.stat_fields(victim))
    assert s.stop() == 0


@as_root
@pytest.mark.parametrize("whose", VICTIMS)
def test_stop_beside_a_zombie_that_somebody_traces(start, whose):
    s = start_two(start)
    with liar.traced_to_death(find_victim(s, whose)):
        assert s.stop() == 0


@as_root
@pytest.mark.parametrize("whose", VICTIMS)
def test_stop_beside_a_process_that_is_killed_and_does_not_go(start, whose):
    """It is no zombie, and its pidfd says nothing. The master leaves it behind."""
    s = start_two(start)
    victim = find_victim(s, whose)
    with liar.traced_to_death(victim, "stopped"):
        s.signal(signal.SIGTERM)
        assert s.wait_exit(60) == 0  # a logger has log_timeout and 20 s to write
    s.wait_log(rf"ERROR: \[pool www\] \w+ {victim} has been killed and does not go")


@as_root
@pytest.mark.parametrize("whose", ["worker", "zygote"])
def test_reload_beside_a_process_that_is_killed_and_does_not_go(start, whose):
    s = start_two(start)
    victim = find_victim(s, whose)
    with liar.traced_to_death(victim, "stopped"):
        for _ in range(2):
            assert s.ctl("reload", limit=60).returncode == 0
        procs.until("one generation", lambda: len(s.generations("www")) == 1)
        assert_serves(s, "good")
        assert s.run(s.pid_script, "www").complete
    procs.until("the rest to be reaped", lambda: not procs.stat_fields(victim))
    assert s.stop() == 0


# --- close(2) that waits

# What the zygote brings: descriptors for which there is no place, ones that are none of these, and one in the queue of another.
BRINGS = {
    "instead of a memfd": "$tell(@READY@, 0, 0, [$s]);",
    "one too many": "$fds = [$ini(), $ini(), $ini(), $ini(), $ini(), $s]; $tell(@READY@, 0, 0, $fds);",
    "without a message": "$send(3, $c->new('char[1]'), 0, [$s]);",
    "in a queue": "$two = $c->new('int[2]'); $c->socketpair(1, 1, 0, $two); $send($two[0], $c->new('char[1]'), 1, [$s]);"
                  " $c->close($two[0]); $tell(@READY@, 0, 0, [$two[1]]); $c->close($two[1]);",
}


@pytest.mark.parametrize("how", BRINGS)
def test_socket_that_lingers_from_a_zygote(make, how):
    s = make({"liar": {}, "good": {}})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    mark = os.path.join(s.shared_folder(), "mark")
    with liar.deaf_server() as port:
        code = liar.LIBRARY + liar.LINGER + "$wait('@MARK@'); $s = $linger($c->socket(2, 1, 0)); $c->raise(19);" + BRINGS[how] \
            + "$c->close($s); touch('@MARK@.sent'); sleep(60);"
        liar.preload(s, "liar", code, MARK=mark, PORT=port)
        s.spawn(s.command())
        procs.until("the other pool's workers", lambda: [w for z in program_of(s, "zygote", "good") for w in procs.children(z)])
        assert_serves(s, "good")
        zygote, = procs.until("the liar", lambda: program_of(s, "zygote", "liar"))
        open(mark, "w").close()
        procs.until("the socket", lambda: procs.stat_fields(zygote)[0] == "T")
        os.kill(s.pid, signal.SIGSTOP)  # so that the liar closes its own first, and the master is the last one
        os.kill(zygote, signal.SIGCONT)
        procs.until("the message", lambda: os.path.exists(mark + ".sent"))
        os.kill(s.pid, signal.SIGCONT)
        s.wait_log(r"ERROR: \[pool liar\] .*zygote \d+ (sent a message that makes no sense|are lost)", limit=AT_ONCE)
        assert_serves(s, "good")


FILES = {
    "instead of a memfd": "$tell(@READY@, 0, 0, [$s]);",
    "instead of a pidfd": "$tell(@READY@, 0, 0, [$ini()]); $tell(@SPAWNED@, 0, $c->getpid(), [$s]);",
    "one too many": "$fds = [$ini(), $s]; $tell(@READY@, 0, 0, $fds);",
    "without a message": "$send(3, $c->new('char[1]'), 0, [$s]);",
}


@as_root
@pytest.mark.parametrize("how", FILES)
def test_file_of_a_file_system_that_does_not_answer(make, how):
    """A pool may serve a file system itself. A close(2) there that waits cannot be interrupted."""
    s = make({"liar": {}, "good": {}}, settings={"process_control_timeout": "1s"})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    mark, folder = os.path.join(s.shared_folder(), "mark"), s.shared_folder("deaf")
    with liar.deaf_file(folder) as (path, process):
        liar.preload(s, "liar", liar.LIBRARY + "$wait('@MARK@'); $s = $c->open('@PATH@', 0);" + FILES[how] + "sleep(60);", MARK=mark, PATH=path)
        s.spawn(s.command())
        procs.until("the other pool's workers", lambda: [w for z in program_of(s, "zygote", "good") for w in procs.children(z)])
        open(mark, "w").close()
        s.wait_log(r"ERROR: \[pool liar\] .*zygote \d+ (sent a message that makes no sense|are lost)", limit=AT_ONCE)
        assert re.fullmatch(r"waits \d+\n", process.stdout.readline())
        assert_serves(s, "good")
        assert s.ctl("reload", "good").returncode == 0
        s.signal(signal.SIGTERM)
        assert s.process.wait(2 * AT_ONCE) == 0


# Native code in a worker makes of its pool's listener, which the master has as well, a connection that lingers.
LISTENER_LINGERS = """
$on = $c->new('int[1]'); $n = $c->new('unsigned[1]');
for ($fd = 3; $fd < 100; $fd++) {
    $on[0] = 0; $n[0] = 4;
    if ($c->getsockopt($fd, 1, 30, $on, $n) == 0 && $on[0]) { $c->shutdown($fd, 2); $linger($fd); exit('done'); }
}
"""


def test_listener_that_lingers(start):
    s = start({"www": {"listen": f"127.0.0.1:{programs.free_port()}", "listen.mode": None, "pm.max_children": "1",
                       "php_admin_value[ffi.enable]": "1"}})
    with liar.deaf_server() as port:
        code = liar.LIBRARY + liar.LINGER.replace("@PORT@", str(port)) + LISTENER_LINGERS
        assert s.run(s.script("linger.php", code)).text.endswith("done")
        begun = time.monotonic()
        assert s.stop() == 0 and time.monotonic() - begun < AT_ONCE


@pytest.mark.parametrize("door", ["status page", "control socket"])
@pytest.mark.parametrize("how", ["with a byte", "unread"])
def test_socket_that_lingers_from_a_client(start, door, how):
    """Over unix sockets anybody who can connect can send descriptors, whether they are asked for or not."""
    folder = programs.make_folder()
    s = start({"www": {"pm.status_listen": folder + "/status.sock", "listen.mode": "0666"}, "good": {}})
    with liar.deaf_server() as port:
        lingering = liar.lingering(port)
        client = s.connect_control() if door == "control socket" else fastcgi.Connection(folder + "/status.sock").sock
        if how == "unread":
            ours, theirs = socket.socketpair()
            socket.send_fds(ours, [b"x"], [lingering.fileno()])
            ours.close()
            fd = theirs.detach()
        else:
            fd = lingering.detach()
        os.kill(s.pid, signal.SIGSTOP)
        socket.send_fds(client, [b"?"], [fd])
        os.close(fd)
        lingering.close()
        client.close()
        os.kill(s.pid, signal.SIGCONT)
        assert_serves(s, "good")


# --- descriptors without end

# The zygote's child says nothing, and its parent that it has pipes, again and again.
FLOODS = """
$tell(@READY@, 0, 0, [$ini()]);
$in = $c->new('message_t');
$pid = $c->fork();
if ($pid == 0) { $c->sleep(60); exit; }
$pidfd = $c->syscall(434, $pid, 0);
while ($c->recv(3, FFI::addr($in), FFI::sizeof($in), 0) != FFI::sizeof($in) || $in->type != @SPAWN@);
$tell(@SPAWNED@, $in->slot, $pid, [$pidfd]);
$two = $c->new('int[2]'); $c->pipe($two);
for ($i = 0; $i < 4000; $i++) $tell(@OUTPUT@, $in->slot, $pid, [$two[0], $two[0]]);
sleep(60);
"""


@pytest.mark.parametrize("wanted", ["yes", "no"])
def test_pipes_of_a_worker_come_once(make, wanted):
    s = make({"liar": {"catch_workers_output": wanted}, "good": {}})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    liar.preload(s, "liar", liar.LIBRARY + FLOODS)
    s.spawn(s.command())
    s.wait_log(r"ERROR: \[pool liar\] zygote \d+ sent a message that makes no sense \(OUTPUT\); ending it")
    assert len(os.listdir(f"/proc/{s.pid}/fd")) < 200
    assert_serves(s, "good")
