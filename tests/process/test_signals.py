# SPDX-License-Identifier: MIT
"""Ending: at once, or after what is in hand; and the log's reopening."""

import fcntl
import os
import re
import signal
import time

import pytest

import fastcgi
import procs
from load import Gate, Held, Load


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_at_once(start, number):
    s = start()
    held = Held(s)
    held.wait_running()
    family = procs.descendants(s.pid)
    began = time.monotonic()
    s.signal(number)
    assert s.wait_exit() == 0
    assert time.monotonic() - began < 5, "a request in hand must not hold up SIGTERM"
    assert not [p for p in family if procs.alive(p)]
    with pytest.raises((ConnectionError, AssertionError)):
        assert held.answer().complete
    held.close()


def test_stopping_is_said(start):
    s = start()
    since = s.notify.mark()
    s.signal(signal.SIGTERM)
    s.notify.wait("STOPPING", "1", since)
    s.wait_exit()


def test_quit_finishes_what_is_in_hand(start):
    s = start()
    held = Held(s, say="done")
    pid = held.wait_running()
    since = s.notify.mark()
    s.signal(signal.SIGQUIT)
    s.notify.wait("STOPPING", "1", since)
    r = held.finish()
    assert r.complete and r.text == f"{pid} done"
    assert s.wait_exit() == 0
    held.close()


@pytest.mark.parametrize("when", ["start", "reload"])
def test_quit_does_not_wait_for_a_start(make, when):
    """A zygote that is deep in PHP's start-up serves nobody: there is nothing to finish."""
    s = make()
    if when == "reload":
        s.start()
    gate = Gate(s)
    if when == "start":
        s.spawn(s.command())
    else:
        s.signal(signal.SIGUSR2)
    gate.wait_reached()
    began = time.monotonic()
    s.signal(signal.SIGQUIT)
    assert s.wait_exit() == 0
    assert time.monotonic() - began < 5


def test_quit_with_nothing_in_hand_is_quick(start):
    s = start({"www": {"pm.max_children": "4"}})
    began = time.monotonic()
    s.signal(signal.SIGQUIT)
    assert s.wait_exit() == 0
    assert time.monotonic() - began < 5


def test_quit_asks_for_more_time_while_it_drains(make):
    s = make(settings={"process_control_timeout": "20s"})
    s.start()
    held = Held(s)
    held.wait_running()
    since = s.notify.mark()
    s.signal(signal.SIGQUIT)
    at = s.notify.wait("EXTEND_TIMEOUT_USEC", since=since)
    assert int(s.notify.messages[at]["EXTEND_TIMEOUT_USEC"]) >= 1_000_000
    assert held.finish().complete
    assert s.wait_exit() == 0
    held.close()


def test_process_control_timeout_cuts_a_request_that_does_not_end(make):
    s = make(settings={"process_control_timeout": "1s"})
    s.start()
    held = Held(s)
    held.wait_running()
    began = time.monotonic()
    s.signal(signal.SIGQUIT)
    s.wait_exit()
    assert 0.8 < time.monotonic() - began < 6
    with pytest.raises((ConnectionError, AssertionError)):
        assert held.answer().complete
    held.close()
    assert re.search(r"process_control_timeout", s.log())


def test_second_signal_ends_a_drain(start):
    s = start()
    held = Held(s)
    held.wait_running()
    since = s.notify.mark()
    s.signal(signal.SIGQUIT)
    s.notify.wait("STOPPING", "1", since)
    s.signal(signal.SIGTERM)
    s.wait_exit(5)
    held.close()


def test_quit_under_load_breaks_no_answer(start):
    """Requests that a worker has taken are answered; later ones find no listener, which is the service manager's business."""
    s = start({"www": {"pm.max_children": "3"}})
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=6) as load:
        load.wait_more(200)
        s.signal(signal.SIGQUIT)
        s.wait_exit()
    broken = [r for r in load.failures() if "bad answer" in r.error and "b''" not in r.error]
    assert broken == []


def test_signals_to_a_stopped_worker_do_not_hold_up_the_end(start):
    s = start()
    worker = s.wait_workers(2)[0]
    os.kill(worker, signal.SIGSTOP)
    s.signal(signal.SIGTERM)
    s.wait_exit(10)
    procs.wait_gone(worker)


# --- SIGUSR1

def test_usr1_reopens_the_log_for_all_processes(start):
    s = start({"www": {"pm.max_children": "2"}})
    code = s.script("log.php", "<?php error_log('marked ' . $_GET['i']); usleep(20000);")
    for i in range(4):
        s.run(code, query=f"i=before{i}")
    s.wait_log("marked before3")
    os.rename(s.log_path, s.log_path + ".1")
    s.signal(signal.SIGUSR1)
    procs.until("the log to be opened again", lambda: os.path.exists(s.log_path))

    def arrives(i):
        s.run(code, query=f"i=after{i}")
        return f"marked after{i}" in s.log()
    numbers = iter(range(1000))
    procs.until("a worker's line in the new log", lambda: arrives(next(numbers)))
    with open(s.log_path + ".1") as f:
        old = len(f.read())
    workers = set()
    who = s.script("who.php", "<?php error_log('line of ' . getmypid()); usleep(20000); echo getmypid();")
    with Load(s.address(), fastcgi.environment(who), clients=4) as load:
        procs.until("answers of both workers", lambda: len({r.body for r in load.results}) == 2)
    workers = {r.body.decode() for r in load.results}
    for pid in workers:
        s.wait_log(f"line of {pid}")
    with open(s.log_path + ".1") as f:
        assert len(f.read()) == old


def test_usr1_does_not_disturb_requests(start):
    s = start({"www": {"pm.max_children": "2"}})
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=4) as load:
        for _ in range(10):
            s.signal(signal.SIGUSR1)
            load.wait_more(50)
    assert load.failures() == []


@pytest.mark.parametrize("number", [signal.SIGCHLD, signal.SIGPIPE, signal.SIGWINCH, signal.SIGCONT])
def test_other_signals_are_harmless(start, number):
    s = start()
    s.signal(number)
    assert s.ctl("status").returncode == 0 and s.running()


def rotate(s):
    os.rename(s.log_path, s.log_path + ".1")
    s.signal(signal.SIGUSR1)
    s.wait_log("re-opened")


def waits_for_lock(pid):
    with open("/proc/locks") as f:
        return any("->" in line and f" {pid} " in line for line in f)


def test_usr1_does_not_interrupt_a_script_that_waits_for_a_lock(start):
    s = start({"www": {"pm.max_children": "1"}})
    path = os.path.join(s.shared_folder(), "locked")
    code = s.script("lock.php", """<?php $f = fopen($_GET['f'], 'c'); file_put_contents($_GET['f'] . '-on', getmypid());
        var_dump(flock($f, LOCK_EX));""")
    with open(path, "w") as f, s.connect() as c:
        os.chmod(path, 0o666)
        fcntl.flock(f, fcntl.LOCK_EX)
        c.send(fastcgi.request_bytes(fastcgi.environment(code, query="f=" + path)))
        pid = s.wait_workers(1)[0]
        procs.until("the script to wait for the lock", lambda: waits_for_lock(pid))
        rotate(s)
        assert waits_for_lock(pid), "the signal to reopen the log has ended the wait"
        fcntl.flock(f, fcntl.LOCK_UN)
        r = c.read_response()
    assert r.complete and r.text == "bool(true)\n"
    procs.until("the worker to be recycled for the new log", lambda: s.workers() not in ([], [pid]))


def test_usr1_does_not_interrupt_a_script_that_sleeps(start):
    s = start({"www": {"pm.max_children": "1"}})
    mark = os.path.join(s.shared_folder(), "asleep")
    code = s.script("sleep.php", "<?php touch($_GET['m']); $t = microtime(true); $left = sleep(1);"
                                 " echo $left, microtime(true) - $t >= 0.99 ? ' slept' : ' woken';")
    with s.connect() as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(code, query="m=" + mark)))
        procs.until("the script to run", lambda: os.path.exists(mark))
        rotate(s)
        r = c.read_response()
    assert r.complete and r.text == "0 slept"


def test_a_worker_that_is_told_to_end_in_a_request_takes_no_more(start):
    s = start({"www": {"pm.max_children": "1"}})
    mark = os.path.join(s.shared_folder(), "running")
    code = s.script("slow.php", "<?php touch($_GET['m']); usleep(300000); echo getmypid();")
    worker, = s.workers()
    with s.connect() as c:
        c.send(fastcgi.request_bytes(fastcgi.environment(code, query="m=" + mark)))
        procs.until("the script to run", lambda: os.path.exists(mark))
        os.kill(worker, signal.SIGQUIT)
        later = [s.connect() for _ in range(3)]
        for connection in later:
            connection.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        assert c.read_response().text == str(worker)
        assert str(worker) not in [connection.read_response().text for connection in later]
    for connection in later:
        connection.close()
