# SPDX-License-Identifier: MIT
"""Deaths: of workers, of a zygote, of the master. Only requests in hand may be lost."""

import os
import re
import signal

import pytest

import fastcgi
import liar
import procs
from load import Held, Load


def lost_in_hand(load, deaths):
    """Failures must be no more than the deaths, each a connection that was cut: nobody was refused, nobody timed out."""
    failures = load.failures()
    assert len(failures) <= deaths, [f.error for f in failures]
    assert not [f.error for f in failures if "Refused" in f.error or "Timeout" in f.error or "FileNotFound" in f.error]


def test_killed_workers_under_load_lose_only_requests_in_hand(start):
    s = start({"www": {"pm.max_children": "4"}})
    code = s.script("work.php", "<?php usleep(2000); echo getmypid();")
    deaths = 0
    with Load(s.address(), fastcgi.environment(code), clients=8) as load:
        for _ in range(6):
            load.wait_more(60)
            victim = s.workers()[0]
            os.kill(victim, signal.SIGSEGV)
            deaths += 1
            procs.wait_gone(victim)
            procs.until("its replacement", lambda: len(s.workers()) == 4)
        load.wait_more(60)
    lost_in_hand(load, deaths)


def test_killed_idle_worker_is_replaced_and_loses_nothing(start):
    s = start({"www": {"pm.max_children": "2"}})
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM, signal.SIGQUIT):
        victims = s.wait_workers(2)
        os.kill(victims[0], number)
        procs.wait_gone(victims[0])
        assert s.run(s.pid_script).complete
        s.wait_workers(2, without=victims[:1])


def test_death_of_a_worker_is_logged_with_its_signal(start):
    s = start()
    victim = s.wait_workers(2)[0]
    os.kill(victim, signal.SIGSEGV)
    s.wait_log(rf"\[pool www\].*\b{victim}\b.*signal 11")


def test_death_in_a_request_names_the_request(start):
    s = start()
    idle = s.wait_workers(2)[0]
    os.kill(idle, signal.SIGSEGV)
    s.wait_log(rf"child {idle} .*signal 11")
    assert not s.run(s.script("crash.php", "<?php posix_kill(getmypid(), 11);"), query="order=5").complete
    s.wait_log(r"\[pool www\] child \d+ had script '[^']*/crash\.php' \(request: \"GET /crash\.php\?order=5\"\) in hand")
    assert f"child {idle} had" not in s.log()


def test_exit_of_a_worker_inside_php_is_logged(start):
    s = start()
    with Held(s, after="posix_kill(getmypid(), 9);") as held:
        pid = held.wait_running()
        held.release()
        assert not held.answer().complete
    s.wait_log(rf"\b{pid}\b.*signal 9")
    assert s.run(s.pid_script).complete


def test_death_between_wake_up_and_accept_leaves_no_connection_waiting(start):
    """Workers are killed at random moments while single connections arrive: each is answered or cut, none waits."""
    s = start({"www": {"pm.max_children": "3"}})
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=1, timeout=5.0) as load:
        for i in range(12):
            load.wait_more(3 + i % 5)
            workers = s.workers()
            if workers:
                procs.kill(workers[i % len(workers)], signal.SIGKILL)
    lost_in_hand(load, 12)


def test_killed_zygote_loses_no_request(start):
    s = start({"www": {"pm.max_children": "3"}})
    code = s.script("work.php", "<?php usleep(2000); echo getmypid();")
    with Load(s.address(), fastcgi.environment(code), clients=6) as load:
        for _ in range(3):
            load.wait_more(60)
            zygote = s.zygotes()[0]
            os.kill(zygote, signal.SIGKILL)
            procs.wait_gone(zygote)
            procs.until("a new zygote with its workers", lambda: len(s.zygotes()) == 1 and len(s.workers()) == 3)
        load.wait_more(60)
    assert load.failures() == []


def test_killed_zygote_with_a_request_in_hand(start):
    s = start()
    with Held(s) as held:
        worker = held.wait_running()
        zygote = s.zygotes()[0]
        os.kill(zygote, signal.SIGKILL)
        procs.wait_gone(zygote)
        assert s.run(s.pid_script).complete
        r = held.finish()
        assert r.complete and int(r.text) == worker
    procs.wait_gone(worker)
    s.wait_log(r"\[pool www\].*zygote")


def test_killed_master_leaves_requests_served_and_workers_replaced(start):
    s = start({"www": {"pm.max_children": "2"}})
    zygote = s.zygotes()[0]
    workers = s.wait_workers(2)
    os.kill(s.pid, signal.SIGKILL)
    s.wait_exit()
    for _ in range(10):
        assert int(s.run(s.pid_script).text) in workers
    os.kill(workers[0], signal.SIGKILL)
    procs.wait_gone(workers[0])
    s.wait_workers(2, zygote, without=workers[:1])
    for _ in range(10):
        assert s.run(s.pid_script).complete
    os.kill(zygote, signal.SIGTERM)
    procs.wait_gone(zygote)
    for pid in workers[1:]:
        procs.wait_gone(pid)


def test_killed_master_under_load_loses_nothing(start):
    s = start({"www": {"pm.max_children": "3"}})
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=6) as load:
        load.wait_more(100)
        zygote = s.zygotes()[0]
        os.kill(s.pid, signal.SIGKILL)
        s.wait_exit()
        load.wait_more(200)
    assert load.failures() == []
    procs.kill(zygote, signal.SIGKILL)


def test_zygote_without_a_master_does_not_spin_while_it_drains(start):
    """A worker has just died young, and its replacement is due soon, when the order to drain comes: none is due any more."""
    s = start({"www": {"pm.max_children": "2"}})
    zygote = s.zygotes()[0]
    workers = s.wait_workers(2)
    with Held(s) as held:
        busy = held.wait_running()
        os.kill(s.pid, signal.SIGKILL)
        s.wait_exit()
        s.wait_log("master is gone")
        idle = next(w for w in workers if w != busy)
        os.kill(idle, signal.SIGKILL)
        procs.until("the zygote to reap the worker", lambda: procs.stat_fields(idle) is None)
        os.kill(zygote, signal.SIGQUIT)
        procs.assert_does_not_spin(zygote, 1.5)
        assert procs.children(zygote) == [busy], "no worker is replaced at a drain"
        r = held.finish()
        assert r.complete and int(r.text) == busy
    procs.wait_gone(busy)
    procs.wait_gone(zygote)


def test_new_master_takes_over_the_path_of_a_killed_one(start, make):
    s = start({"www": {"pm.max_children": "1"}})
    zygote = s.zygotes()[0]
    family = procs.descendants(s.pid)
    os.kill(s.pid, signal.SIGKILL)
    s.wait_exit()
    procs.kill(zygote, signal.SIGTERM)
    for pid in family:
        procs.wait_gone(pid)
    s.start()
    assert int(s.run(s.pid_script).text) in s.workers()


def test_stopped_master_is_not_missed_by_requests(start):
    s = start({"www": {"pm.max_children": "2"}})
    s.signal(signal.SIGSTOP)
    try:
        for _ in range(50):
            assert s.run(s.pid_script).complete
    finally:
        s.signal(signal.SIGCONT)
    assert s.ctl("status").returncode == 0


def test_crash_loop_is_slowed_down(start):
    """Every request kills its worker. Replacements must become rarer: no fork storm, and no pool that is given up either."""
    s = start({"www": {"pm.max_children": "2"}})
    mark = os.path.join(s.shared_folder(), "crash")
    open(mark + "-on", "w").close()
    crash = s.script("crash.php", """<?php if (file_exists($_GET['m'] . '-on')) {
        file_put_contents($_GET['m'] . '-times', microtime(true) . "\\n", FILE_APPEND); posix_kill(getmypid(), 11); }""")

    def times():
        return sorted(float(line) for line in procs.content(mark + "-times").splitlines())

    with Load(s.address(), fastcgi.environment(crash, query="m=" + mark), clients=4, timeout=6, check=lambda r: "") as load:
        s.wait_log(r"(?i)crash|delay|too fast|back.?off", limit=15)
        procs.until("13 crashes: the pool is not given up", lambda: len(times()) >= 13, 10)
        os.unlink(mark + "-on")
        seen = times()
        # Two workers may die in one delay, so that only every second one is to be seen: 100 ms and 400 ms, or 200 ms and 800 ms.
        assert seen[12] - seen[7] > 0.45, seen
        gaps = [b - a for a, b in zip(seen, seen[1:])]
        assert max(gaps[8:12]) > 0.35, gaps
        assert len(seen) < 20, seen
        load.wait_more(10)
        load.stopping.set()
    assert s.run(s.pid_script).complete


def test_deaths_with_good_lives_between_are_no_crash_loop(start):
    """Where a worker lives for a request, none is ever old; those that serve theirs show that the pool can."""
    s = start({"www": {"pm.max_children": "1", "pm.max_requests": "1"}})
    served = None
    for _ in range(12):
        victim, = procs.until("a fresh worker alone", lambda: served not in s.workers() and s.workers())
        os.kill(victim, signal.SIGKILL)
        s.wait_log(rf"child {victim} exited on signal 9")
        served = int(s.run(s.pid_script).text)
    assert "soon after their start" not in s.log()


def test_crash_loop_of_one_pool_does_not_slow_another(start):
    s = start({"bad": {"pm.max_children": "2"}, "good": {"pm.max_children": "2"}})
    crash = s.script("crash.php", "<?php posix_kill(getmypid(), 11);")
    with Load(s.address("bad"), fastcgi.environment(crash), clients=2, timeout=4, check=lambda r: "") as load:
        load.wait_more(5)
        with Load(s.address("good"), fastcgi.environment(s.pid_script), clients=2, timeout=5) as good:
            good.wait_more(300)
        load.stopping.set()
        s.signal(signal.SIGTERM)
        s.wait_exit()
    assert good.failures() == []


def test_scribbled_shared_memory_does_not_hurt_the_master(start):
    """PHP code of the pool's user writes garbage over everything that it can map."""
    s = start({"www": {"pm.max_children": "2"}})
    code = s.script("scribble.php", """<?php
        foreach (scandir('/proc/self/fd') as $fd) {
            $target = @readlink("/proc/self/fd/$fd");
            if ($target === false || strpos($target, 'memfd:') === false) continue;
            $f = @fopen("/proc/self/fd/$fd", 'r+');
            if ($f) for ($i = 0; $i < 64; $i++) { fseek($f, $i * 4096); fwrite($f, random_bytes(4096)); }
        }
        echo 'scribbled';""")
    for _ in range(3):
        try:
            s.run(code)
        except OSError:
            pass
    assert s.running()
    status = s.ctl("status")
    assert status.returncode in (0, 1) and s.running()
    s.reload()

    def serves():
        try:
            return s.run(s.pid_script).complete
        except (OSError, AssertionError):
            return False
    procs.until("the pool to serve", serves, 20)


def test_opcache_lock_holder_killed(start):
    """A worker killed while it compiles must not leave the others without an opcache for ever."""
    s = start({"www": {"pm.max_children": "3"}})
    s.wait_workers(3)
    for i in range(10):
        path = s.script(f"big{i}.php", "<?php " + "".join(f"function f{i}_{n}() {{ return {n}; }}\n" for n in range(500)) + "echo 'ok';")
        os.utime(path, (1, 1))
        c = s.connect()
        c.send(fastcgi.request_bytes(fastcgi.environment(path)))
        procs.kill(s.wait_workers(3)[i % 2], signal.SIGKILL)
        c.close()
        procs.until("three workers", lambda: len(s.workers()) == 3)
    last = s.script("last.php", "<?php echo opcache_is_script_cached(__FILE__) ? 'hit' : 'miss';")
    os.utime(last, (1, 1))
    procs.until("a hit", lambda: s.run(last).text == "hit")
    assert re.search(r"signal 9", s.log())


# --- a zygote that does not answer

ONE_DIES = """<?php
posix_kill(posix_getppid(), 19);
posix_kill(getmypid(), 9);"""


@pytest.mark.parametrize("how", ["from a script", "in an order to fork", "with nothing to do"])
def test_zygote_that_is_stopped_is_replaced(start, how):
    pool = {"pm": "ondemand", "pm.max_children": "3"} if how == "in an order to fork" else {"pm.max_children": "2"}
    s = start({"www": pool})
    zygote, = s.zygotes()
    if how == "from a script":
        killer = s.script("killer.php", ONE_DIES)
        for _ in range(2):
            with s.connect() as c:
                c.send(fastcgi.request_bytes(fastcgi.environment(killer)))
                c.read_eof(timeout=20)
    elif how == "in an order to fork":
        os.kill(zygote, signal.SIGSTOP)
    else:
        os.kill(zygote, signal.SIGSTOP)
        for w in s.workers():
            os.kill(w, signal.SIGKILL)
    assert s.run(s.pid_script, timeout=20).complete
    s.wait_log(rf"ERROR: \[pool www\] zygote {zygote} has not answered for \d+ seconds \(.*\); ending it")
    procs.wait_gone(zygote)
    s.wait_zygotes(1, without=[zygote])
    assert s.run(s.pid_script).complete and s.ctl("reload").returncode == 0


def test_zygote_that_is_stopped_for_a_moment_stays(start):
    s = start({"www": {"pm.max_children": "2"}})
    zygote, = s.zygotes()
    first = s.wait_workers(2)[0]
    os.kill(zygote, signal.SIGSTOP)
    os.kill(first, signal.SIGKILL)
    assert s.run(s.pid_script).complete
    os.kill(zygote, signal.SIGCONT)
    s.wait_workers(2, without=[first])
    assert s.zygotes() == [zygote] and "has not answered" not in s.log()


# --- a zygote that lies

FORGER = """
$wait('@MARK@');
$victim = (int)file_get_contents('@MARK@');
$pidfd = $c->syscall(434, $victim, 0);
$tell(@READY@, 0, 0, [$ini()]);
$in = $c->new('message_t');
for ($i = 0; $i < 4000; $i++) {
    if ($c->recv(3, FFI::addr($in), FFI::sizeof($in), 0x40) == FFI::sizeof($in) && $in->type == @SPAWN@) {
        $tell(@SPAWNED@, $in->slot, $victim, [$pidfd]);
        $tell(@ACCEPTING@, $in->slot, $victim, []);
    }
    usleep(5000);
}
"""


@pytest.mark.parametrize("whose", ["zygote", "park", "worker"])
def test_zygote_cannot_have_processes_of_another_pool(make, whose):
    """What the master takes for a worker of that zygote it will send signals to, and it may be root."""
    s = make({"liar": {}, "victim": {}})
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    mark = os.path.join(s.shared_folder(), "mark")
    liar.preload(s, "liar", liar.LIBRARY + FORGER, MARK=mark)
    s.spawn(s.command())
    find = {"zygote": lambda: [p for p in s.zygotes() if "zygote victim" in procs.title(p)],
            "worker": lambda: [w for p in s.zygotes() if "zygote victim" in procs.title(p) for w in procs.children(p)],
            "park": lambda: [p for p in procs.children(s.pid) if "park victim" in procs.title(p)]}[whose]
    victim = procs.until("the victim", find)[0]
    with open(mark + ".new", "w") as f:
        f.write(str(victim))
    os.rename(mark + ".new", mark)
    s.wait_log(r"ERROR: \[pool liar\] zygote \d+ sent a message that makes no sense \(SPAWNED\); ending it")
    s.wait_ready()
    assert s.run(s.pid_script, "victim").complete
    assert s.ctl("reload", "liar").returncode == 1
    assert procs.alive(victim) and s.run(s.pid_script, "victim").complete
    procs.assert_does_not_spin(s.pid)
    assert s.stop() == 0
