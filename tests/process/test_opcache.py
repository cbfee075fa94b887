# SPDX-License-Identifier: MIT
"""Who uses opcache's memory: a restart of the cache waits for those whose requests do, as long as they do, and for nobody else. The same on both programs."""

import contextlib
import os
import re
import signal
import subprocess

import pytest

import fastcgi
import procs
import server as programs
from load import Gate

RESET = "<?php var_dump(opcache_reset());"
RESTARTS = "<?php $s = opcache_get_status(false); echo $s['opcache_statistics']['manual_restarts'], ' ', (int)$s['restart_pending'];"

# Says who it is, and goes on until it is told to end.
HOLD = """
file_put_contents('{folder}/holds', getmypid());
while (!file_exists('{folder}/end'))
    usleep(1000);
echo 'done';"""

FORK = """
fastcgi_finish_request(); // or the copy would end before it lets go of the cache
$pid = pcntl_fork();
if ($pid === 0)
    exit;
pcntl_waitpid($pid, $status);"""


def old(path):
    """Opcache does not keep what has just been written."""
    os.utime(path, (1, 1))
    return path


class Story:
    def __init__(self, server):
        self.server = server
        self.folder = server.shared_folder()
        self.reset = old(server.script("reset.php", RESET))
        self.status = old(server.script("status.php", RESTARTS))

    def begin_restart(self):
        assert self.server.run(self.reset).text == "bool(true)\n"

    def restarts(self):
        """How many there have been, and whether one is waited for."""
        return self.server.run(self.status).text

    @contextlib.contextmanager
    def held(self, before="", path="hold.php"):
        """A request that does not end; its worker's pid."""
        script = old(self.server.script(path, "<?php" + before + HOLD.format(folder=self.folder)))
        notes = [os.path.join(self.folder, name) for name in ("holds", "end")]
        for note in notes:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(note)
        with contextlib.closing(self.server.connect(timeout=30)) as c:
            c.send(fastcgi.request_bytes(fastcgi.environment(script, root=self.server.folder)))
            procs.until("the script to run", lambda: os.path.exists(notes[0]) and os.path.getsize(notes[0]) > 0)
            with open(notes[0]) as f:
                yield c, int(f.read())

    def end(self, c, text="done"):
        with open(os.path.join(self.folder, "end"), "w"):
            pass
        assert c.read_response().text == text


@pytest.fixture(params=["PhpFpm", "Fpmd"])
def program(request):
    return getattr(programs, request.param)


@pytest.fixture
def story(program):
    with program({"www": {"pm.max_children": "2"}}) as s:
        yield Story(s)


def test_idle_workers_do_not_put_a_restart_off(story):
    for n in range(1, 20):
        story.begin_restart()
        procs.until("the restart", lambda: story.restarts() == f"{n} 0")  # who took the order has answered, and may not be done yet


def test_a_request_that_uses_the_cache_puts_a_restart_off(story):
    for n in range(5):
        with story.held() as (c, _):
            story.begin_restart()
            for _ in range(3):
                assert story.restarts() == f"{n} 1"
            story.end(c)
        procs.until("the restart", lambda: story.restarts() == f"{n + 1} 0")  # the worker has answered, and is not done yet


def test_a_request_that_its_folder_keeps_from_the_cache_puts_no_restart_off(story):
    os.mkdir(os.path.join(story.server.folder, "off"), 0o755)
    story.server.script("off/.user.ini", "opcache.enable = 0\n")
    with story.held(path="off/hold.php") as (c, _):
        story.begin_restart()
        procs.until("the restart", lambda: story.restarts() == "1 0")
        story.end(c)


@pytest.mark.parametrize("pm", ["static", "ondemand"])
def test_a_worker_that_is_killed_puts_no_restart_off(program, pm):
    """Whether another one takes its place or not."""
    with program({"www": {"pm": pm, "pm.max_children": "2"}}) as s:
        story = Story(s)
        for n in range(3):
            with story.held() as (_, worker):
                story.begin_restart()
                assert story.restarts() == f"{n} 1"
                os.kill(worker, signal.SIGKILL)
                procs.until("the worker to be reaped", lambda: not os.path.exists(f"/proc/{worker}"))
                procs.until("the restart", lambda: story.restarts() == f"{n + 1} 0")


def test_a_worker_that_dies_without_a_zygote_puts_no_restart_off(make):
    """Nobody is there who would take its mark away."""
    s = make({"www": {"pm.max_children": "2"}})
    gate = Gate(s)
    gate.open()
    s.start()
    os.unlink(gate.mark + "-go")
    story = Story(s)
    with story.held() as (_, worker):
        story.begin_restart()
        assert story.restarts() == "0 1"
        os.kill(s.zygotes()[0], signal.SIGKILL)
        gate.wait_reached(2)
        os.kill(worker, signal.SIGKILL)
        procs.until("the restart", lambda: story.restarts() == "1 0")
    assert gate.runs() == 2 and s.generations()[-1]["state"] != "accepting", "the fresh zygote came too early"
    gate.open()


def test_a_worker_that_nobody_has_reaped_puts_no_restart_off(make):
    """Its zygote and the master, which would replace that one, stand still."""
    s = make({"www": {"pm.max_children": "2"}})
    s.start()
    s.wait_workers(2)
    story = Story(s)
    with story.held() as (_, worker):
        story.begin_restart()
        assert story.restarts() == "0 1"
        with procs.stopped(s.pid, *s.zygotes()):
            os.kill(worker, signal.SIGKILL)
            procs.until("the restart", lambda: story.restarts() == "1 0")
            assert procs.stat_fields(worker)[0] == "Z"


def test_another_process_with_the_pid_of_a_dead_worker_puts_no_restart_off(make):
    s = make({"www": {"pm.max_children": "2"}})
    gate = Gate(s)
    gate.open()
    s.start()
    s.wait_workers(2)
    os.unlink(gate.mark + "-go")
    story = Story(s)
    with story.held() as (_, worker):
        story.begin_restart()
        os.kill(s.zygotes()[0], signal.SIGKILL)
        gate.wait_reached(2)
        os.kill(worker, signal.SIGKILL)
        procs.until("the master to reap it", lambda: not os.path.exists(f"/proc/{worker}"))
        with procs.with_pid(worker):
            procs.until("the restart", lambda: story.restarts() == "1 0")
    assert gate.runs() == 2 and s.generations()[-1]["state"] != "accepting", "the fresh zygote came too early"
    gate.open()


def test_a_worker_that_does_not_end_in_time_is_ended_by_opcache(program):
    with program({"www": {"pm.max_children": "2"}}, args=["-d", "opcache.force_restart_timeout=1"]) as s:
        story = Story(s)
        with story.held() as (_, worker):
            story.begin_restart()
            procs.until("opcache to end the worker", lambda: story.restarts() and not os.path.exists(f"/proc/{worker}"))
            procs.until("the restart", lambda: story.restarts() == "1 0")


def test_a_copy_that_ends_leaves_the_worker_its_lock(start):
    """Debian's php-fpm has no pcntl."""
    story = Story(start({"www": {"pm.max_children": "2", "security.pcntl": "yes"}}))
    with story.held(before=FORK) as (c, _):
        story.begin_restart()
        assert story.restarts() == "0 1"
        story.end(c, "")
    procs.until("the restart", lambda: story.restarts() == "1 0")


def test_a_new_worker_sees_who_was_there_before(start):
    """A worker's first request may be the one that asks."""
    story = Story(start({"www": {"pm.max_children": "2", "pm.max_requests": "1"}}))
    with story.held() as (c, _):
        story.begin_restart()
        for _ in range(3):
            assert story.restarts() == "0 1"
        story.end(c)
    procs.until("the restart", lambda: story.restarts() == "1 0")


def test_a_restart_is_not_put_off_by_workers_without_a_pause(start):
    s = start({"www": {"pm.max_children": "2"}})
    page, status = old(s.script("page.php", "<?php echo 'page';")), old(s.script("status.php", RESTARTS))
    reset = old(s.script("reset.php", RESET))
    workers = sorted(s.workers())
    load = subprocess.Popen([programs.FPMD_LOAD, "--connect", s.address(), "--script", page, "--connections=8", "--duration=60000", "--expect-length=4"],
                            stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, preexec_fn=procs.die_with_parent)
    try:
        for n in range(1, 4):
            procs.until("opcache to take the order", lambda: s.run(reset, timeout=20).text == "bool(true)\n")
            procs.until(f"restart {n}", lambda: s.run(status, timeout=20).text == f"{n} 0", 20)
        assert load.poll() is None, "the load ended early"
    finally:
        load.kill()
        load.wait()
    assert sorted(s.workers()) == workers


@pytest.mark.parametrize("code, says", [("no_such_function();", r"Call to undefined function no_such_function\(\) in \S+/pre.php"),
                                        ("class X extends Y {", r"Unclosed '{' in \S+/pre.php on line 1")])
def test_a_preload_script_that_fails_is_named_with_phps_message(make, code, says):
    s = make({"www": {"pm.max_children": "1"}})
    path = s.script("pre.php", f"<?php {code}")
    s.pools["www"].update({"php_admin_value[opcache.preload]": path, "php_admin_value[opcache.preload_user]": programs.POOL_USER})
    status, said = s.start_expecting_failure()
    assert status != 0 and re.search(says, said), said
    assert "Exec format error" not in said
