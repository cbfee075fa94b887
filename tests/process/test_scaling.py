# SPDX-License-Identifier: MIT
"""How many workers there are: pm = dynamic and ondemand, and the limits of single workers."""

import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

import fastcgi
import procs
import server as programs
from load import Held, Load

DYNAMIC = {"pm": "dynamic", "pm.max_children": "6", "pm.start_servers": "2", "pm.min_spare_servers": "1", "pm.max_spare_servers": "2",
           "pm.status_path": "/status"}
ONDEMAND = {"pm": "ondemand", "pm.max_children": "4", "pm.process_idle_timeout": "1s", "pm.status_path": "/status"}
REACHED = r"WARNING: \[pool www\] server reached (?:pm\.)?max_children setting \((\d+)\), consider raising it"


def status(s, field):
    """One line of the status page. Asking takes a worker."""
    page = s.client().request(fastcgi.environment("/status", root="")).text
    return re.search(rf"(?m)^{field}:\s+(.*)$", page).group(1)


@contextlib.contextmanager
def held(s, n, pool="www"):
    """n requests that run, one after another started."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(Held(s, pool)).wait_running() for _ in range(n)]


def wait_none(s):
    procs.until("no worker", lambda: not s.workers())


# --- dynamic

def test_dynamic_starts_its_start_servers(start):
    s = start({"www": DYNAMIC})
    assert len(s.workers()) == 2 and status(s, "process manager") == "dynamic"


def test_dynamic_start_servers_default_is_between_the_spare_bounds(start):
    s = start({"www": {**DYNAMIC, "pm.start_servers": None, "pm.min_spare_servers": "2", "pm.max_spare_servers": "4"}})
    assert len(s.workers()) == 3


def test_dynamic_keeps_spare_workers_beside_busy_ones(start):
    s = start({"www": DYNAMIC})
    with held(s, 2):
        s.wait_workers(3)
        assert s.run(s.pid_script).complete


def test_dynamic_grows_at_once_when_all_are_busy(start):
    """Not a round later: six requests, each of which holds its worker, are under way long before six rounds."""
    s = start({"www": DYNAMIC})
    begun = time.monotonic()
    with contextlib.ExitStack() as stack:
        for h in [stack.enter_context(Held(s)) for _ in range(6)]:
            h.wait_running()
        assert time.monotonic() - begun < 4
        assert len(s.workers()) == 6


def test_dynamic_ends_surplus_workers_one_a_second_the_last_forked_first(start):
    s = start({"www": DYNAMIC})
    first = set(s.workers())
    with held(s, 5):
        assert len(s.workers()) >= 5
    s.wait_workers(2)
    assert set(s.workers()) == first
    assert not re.search("WARNING.*child", s.log())


BLOCK = """<?php $c = FFI::cdef('int sigprocmask(int, const unsigned long *, unsigned long *); int pthread_sigmask(int, const unsigned long *, void *);');
$set = $c->new('unsigned long[16]'); $set[0] = 1 << 2 | 1 << 14; $c->pthread_sigmask(0, $set, null);"""


@pytest.mark.parametrize("pool", [{**DYNAMIC, "pm.process_idle_timeout": "1s"}, ONDEMAND], ids=["dynamic", "ondemand"])
def test_surplus_worker_that_hears_no_signal_is_ended(start, pool):
    """Its script, or an extension's thread, has blocked SIGQUIT and SIGTERM behind PHP's back."""
    s = start({"www": {**pool, "php_admin_value[ffi.enable]": "1"}})
    with contextlib.ExitStack() as stack:
        for h in [stack.enter_context(Held(s, before=BLOCK.removeprefix("<?php"))) for _ in range(4)]:
            h.wait_running()
    s.wait_log(r"WARNING: \[pool www\] child \d+ was told to end, idles on, and is killed", limit=20)
    procs.until("the surplus to be gone", lambda: len(s.workers()) == (0 if pool is ONDEMAND else 1), 20)
    assert s.run(s.pid_script).complete


def test_dynamic_stays_at_max_spare_without_an_idle_timeout(start):
    s = start({"www": DYNAMIC})
    s.wait_workers(2)
    since = time.monotonic()
    procs.until("three rounds without a change", lambda: time.monotonic() - since > 3 or len(s.workers()) != 2)
    assert len(s.workers()) == 2


def test_dynamic_falls_back_to_min_spare_with_an_idle_timeout(start):
    s = start({"www": {**DYNAMIC, "pm.process_idle_timeout": "1s"}})
    s.wait_workers(1)
    assert s.run(s.pid_script).complete


def test_dynamic_replaces_workers_that_end_by_themselves(start):
    s = start({"www": {**DYNAMIC, "pm.max_requests": "1"}})
    for _ in range(10):
        assert s.run(s.pid_script).complete
    s.wait_workers(2)


@pytest.mark.parametrize("program", [programs.PhpFpm, programs.Fpmd])
def test_max_children_reached_is_told_once_and_counted_as_php_fpm_does(program):
    with program({"www": {**DYNAMIC, "pm.max_children": "2"}}) as s:
        pids = [Held(s) for _ in range(2)]
        for h in pids:
            h.wait_running()
        found = s.wait_log(REACHED)
        assert found.group(1) == "2"
        for h in pids:
            assert h.finish().complete
            h.close()
        assert status(s, "max children reached") == "1"
        if program is programs.Fpmd:
            assert "trouble   pm.max_children reached 1 time\n" in s.ctl("status").stdout
        assert len(re.findall(REACHED, s.log())) == 1


@pytest.mark.parametrize("program", [programs.PhpFpm, programs.Fpmd])
def test_fast_growth_is_told_in_php_fpms_words(program):
    with program({"www": {**DYNAMIC, "pm.max_children": "40", "pm.start_servers": "20", "pm.min_spare_servers": "20",
                          "pm.max_spare_servers": "21"}}) as s, held(s, 16):
        s.wait_log(r"WARNING: \[pool www\] seems busy \(you may need to increase pm\.start_servers, or pm\.min/max_spare_servers\), "
                   r"spawning \d+ children, there are \d+ idle, and \d+ total children")


def test_dynamic_under_load_answers_everything(start):
    s = start({"www": {**DYNAMIC, "pm.process_idle_timeout": "1s"}})
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=12) as load:
        load.wait_more(3000)
    assert load.failures() == []


def switches(pid):
    with open(f"/proc/{pid}/status") as f:
        return sum(int(n) for n in re.findall(r"ctxt_switches:\s+(\d+)", f.read()))


def test_the_master_is_not_woken_for_each_connection_that_waits(start):
    """It hears of them twice in 5 ms, and plans for as long as they wait."""
    s = start({"www": {"pm": "dynamic", "pm.max_children": "2", "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "1"}})
    command = [programs.FPMD_LOAD, "--connect", s.address(), "--script", s.pid_script, "--connections=32", "--duration=2000"]
    subprocess.run([*command, "--requests=64"], stdout=subprocess.DEVNULL, check=True)
    before, begun = switches(s.pid), time.monotonic()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    assert switches(s.pid) - before <= 1000 * (time.monotonic() - begun)


def test_worker_that_lies_about_being_idle_is_not_waited_for(start):
    """A stopped worker says that it is idle, and takes nothing."""
    s = start({"www": {**DYNAMIC, "pm.start_servers": "1"}})
    lazy, = s.wait_workers(1)
    os.kill(lazy, signal.SIGSTOP)
    try:
        assert s.run(s.pid_script, timeout=5).complete
    finally:
        os.kill(lazy, signal.SIGCONT)


# --- what is counted

@pytest.mark.parametrize("program", [programs.PhpFpm, programs.Fpmd])
def test_most_active_at_once_is_counted_however_short(program):
    """Four at a time, each of which ends when the fourth has come: no look once a second would see that."""
    with program({"www": {"pm.max_children": "6", "pm.status_path": "/status"}}) as s:
        assert int(status(s, "listen queue len")) > 0 or program is programs.PhpFpm
        for i in range(3 if program is programs.Fpmd else 30):  # php-fpm's master and workers overwrite each other's counts
            mark = os.path.join(s.shared_folder(), f"round{i}")
            short = s.script(f"short{i}.php", f"""<?php touch('{mark}.' . getmypid());
                for ($n = 0; $n < 5000 && count(glob('{mark}.*')) < 4; $n++) usleep(1000);""")
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(s.connect()) for _ in range(4)]
                for c in clients:
                    c.send(fastcgi.request_bytes(fastcgi.environment(short)))
                assert all(c.read_response().complete for c in clients)
            if int(status(s, "max active processes")) >= 4:
                break
        assert 4 <= int(status(s, "max active processes")) <= 6  # the one that answers may meet those that have just replied


def test_worker_that_is_killed_in_a_request_is_active_no_longer(start):
    s = start({"www": {"pm.max_children": "2", "pm.status_path": "/status"}})
    for _ in range(5):
        with Held(s) as held:
            killed = held.wait_running()
            os.kill(killed, signal.SIGKILL)
        procs.until("another worker in its place", lambda: len(set(s.workers()) - {killed}) == 2)
    assert status(s, "max active processes") == "1"


# --- ondemand

def test_ondemand_is_ready_without_workers(start):
    s = start({"www": ONDEMAND})
    assert s.workers() == []


def test_ondemand_forks_one_for_the_first_connection_and_uses_it_again(start):
    s = start({"www": ONDEMAND})
    first = s.run(s.pid_script).text
    assert [str(w) for w in s.workers()] == [first]
    with contextlib.suppress(PermissionError):  # one that does not accept for 5 ms, for want of a CPU, gets a second one beside it
        os.sched_setscheduler(int(first), os.SCHED_RR, os.sched_param(1))
    for _ in range(5):
        procs.until("it to be idle", lambda: s.status()["pools"][0]["status"]["idle processes"] == 1)
        assert s.run(s.pid_script).text == first
    assert status(s, "process manager") == "ondemand"


@pytest.mark.parametrize("n", [2, 5, 9])
@pytest.mark.parametrize("where", ["unix", "tcp"])
def test_ondemand_forks_as_many_as_there_are_connections(start, where, n):
    """All at once, each of which holds its worker."""
    s = start({"www": {**ONDEMAND, "pm.max_children": "20", "pm.process_idle_timeout": "60s",
                       **({"listen": f"127.0.0.1:{programs.free_port()}"} if where == "tcp" else {})}})
    with contextlib.ExitStack() as stack:
        for h in [stack.enter_context(Held(s)) for _ in range(n)]:
            h.wait_running()
        assert len(s.workers()) == n
    assert len(s.workers()) == n


def test_ondemand_forks_no_second_one_while_the_first_begins_to_accept(make):
    """The kernel holds each process back behind the first message that it sends, so also the worker that has just told the master that it accepts."""
    s = make({"www": {**ONDEMAND, "pm.process_idle_timeout": "60s"}})
    s.wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=sendmsg", "-e", "inject=sendmsg:delay_exit=60000:when=1"]
    script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    first = s.run(script).text
    assert [str(w) for w in s.workers()] == [first]


def test_ondemand_ends_workers_that_are_idle_for_the_timeout(start):
    s = start({"www": ONDEMAND})
    with held(s, 3):
        pass
    wait_none(s)
    assert s.run(s.pid_script).complete


def test_ondemand_queue_beyond_the_maximum_is_served_in_the_end(start):
    s = start({"www": ONDEMAND})
    script = s.script("while.php", "<?php usleep(20000); echo getmypid();")  # more than four at a time, whatever the machine
    with Load(s.address(), fastcgi.environment(script), clients=16) as load:
        load.wait_more(400)
        s.wait_log(REACHED)
    assert load.failures() == []
    assert len(s.workers()) <= 4


def test_ondemand_goes_on_after_its_worker_is_killed(start):
    s = start({"www": {**ONDEMAND, "pm.max_children": "1"}})
    for _ in range(5):
        os.kill(int(s.run(s.pid_script).text), signal.SIGKILL)
    assert s.run(s.pid_script).complete


def test_ondemand_recycles_workers_without_losing_connections(start):
    s = start({"www": {**ONDEMAND, "pm.max_requests": "1", "pm.max_children": "2"}})
    assert len({s.run(s.pid_script).text for _ in range(20)}) == 20


def test_ondemand_over_tcp(start):
    s = start({"www": {**ONDEMAND, "listen": f"127.0.0.1:{programs.free_port()}"}})
    with held(s, 3):
        assert 3 <= len(s.workers()) <= 4
    wait_none(s)
    assert s.run(s.pid_script).complete


def test_ondemand_outlives_its_master(start):
    """The zygote serves on with a worker of its own making."""
    s = start({"www": ONDEMAND})
    zygote, = s.zygotes()
    s.process.kill()
    s.process.wait(10)
    assert s.run(s.pid_script).complete
    procs.kill(zygote, signal.SIGTERM)
    procs.wait_gone(zygote)


@pytest.mark.parametrize("pool", [DYNAMIC, ONDEMAND], ids=["dynamic", "ondemand"])
def test_pool_goes_on_after_its_zygote_is_killed(start, pool):
    s = start({"www": pool})
    zygote, = s.zygotes()
    os.kill(zygote, signal.SIGKILL)
    assert s.run(s.pid_script).complete
    procs.until("a fresh zygote", lambda: s.zygotes() not in ([], [zygote]))
    assert s.run(s.pid_script).complete


@pytest.mark.parametrize("pool", [DYNAMIC, ONDEMAND], ids=["dynamic", "ondemand"])
def test_new_log_file_is_taken_by_workers_to_come(start, pool):
    s = start({"www": pool})
    old = int(s.run(s.pid_script).text)
    s.signal(signal.SIGUSR1)
    procs.wait_gone(old)
    assert int(s.run(s.pid_script).text) != old


# --- reloads

@pytest.mark.parametrize("pool", [DYNAMIC, ONDEMAND], ids=["dynamic", "ondemand"])
def test_reload_under_load_loses_nothing(start, pool):
    s = start({"www": pool})
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=6) as load:
        for _ in range(3):
            load.wait_more(200)
            s.reload()
        load.wait_more(200)
    assert load.failures() == []


def test_reload_changes_the_mode(start):
    s = start({"www": {"pm": "static", "pm.max_children": "3", "pm.status_path": "/status"}})
    for pool, n in ((ONDEMAND, 0), (DYNAMIC, 2), ({"pm": "static"}, 4)):
        s.pools["www"].update(pool)
        if pool == DYNAMIC or "pm.process_idle_timeout" not in pool:
            s.pools["www"]["pm.process_idle_timeout"] = None
        if n == 4:
            s.pools["www"]["pm.max_children"] = "4"
        s.write_config()
        s.reload()
        procs.until(f"{n} workers", lambda: len(s.workers()) == n)
        assert s.run(s.pid_script).complete
        assert status(s, "process manager") == pool["pm"]


def test_ondemand_reload_while_a_request_holds_every_place(start):
    s = start({"www": {**ONDEMAND, "pm.max_children": "1"}})
    with Held(s) as h:
        h.wait_running()
        s.reload()
        assert s.run(s.pid_script).complete
        assert h.finish().complete


# --- limits

def test_process_max_bounds_all_pools_together(start):
    s = start({"a": {"pm": "static", "pm.max_children": "2"}, "b": {**ONDEMAND}}, settings={"process.max": "3"})
    one = Held(s, "b")
    one.wait_running()
    two = Held(s, "b")
    s.wait_log(r"WARNING: \[pool b\] more workers are needed than process\.max \(3\) allows")
    assert len(s.workers()) == 3
    assert one.finish().complete and two.finish().complete
    one.close()
    two.close()


def test_start_with_more_workers_than_process_max_takes_what_there_is(start):
    s = start({"www": {"pm": "static", "pm.max_children": "8"}}, settings={"process.max": "3"})
    s.wait_workers(3)
    s.reload()
    assert s.run(s.pid_script).complete
    s.wait_workers(3)


def test_max_requests_jitter_gives_workers_lives_of_their_own(start):
    s = start({"www": {"pm.max_children": "1", "pm.max_requests": "2", "pm.max_requests_jitter": "6"}})
    seen = [s.run(s.pid_script).text for _ in range(80)]
    lives = [seen.count(p) for p in dict.fromkeys(seen)][:-1]
    assert min(lives) >= 2 and max(lives) <= 8 and len(set(lives)) > 1


def test_worker_over_max_memory_is_recycled_after_its_request(start):
    s = start({"www": {"pm.max_children": "1", "pm.max_memory": "1M"}})
    first = s.run(s.pid_script)
    assert first.complete
    s.wait_log(rf"NOTICE: \[pool www\] child {first.text} holds \d+ KiB of memory, more than pm\.max_memory \(1024 KiB\), and ends")
    assert s.run(s.pid_script).text != first.text


FATAL = {
    "out of memory": "ini_set('memory_limit', '8M'); register_shutdown_function(fn() => print('last words')); str_repeat('x', 1 << 30);",
    "out of time": "ini_set('display_errors', '0'); register_shutdown_function(fn() => print('last words')); set_time_limit(1); for (;;);",
    "an error of the engine": "register_shutdown_function(fn() => print('last words')); eval('class A {} class A {}');",
}
NOT_FATAL = {
    "an exception": "throw new Exception('uncaught');",
    "exit": "exit(255);",
    "a warning": "echo $unset;",
}
TELL_PID = "<?php header('X-Pid: ' . getmypid()); "


@pytest.mark.parametrize("value", ["yes", "no"])
@pytest.mark.parametrize("code", FATAL.values(), ids=FATAL)
def test_worker_ends_after_a_fatal_error_if_it_is_to(start, code, value):
    s = start({"www": {"pm.max_children": "1", "pm.exit_after_fatal": value}})
    answer = s.run(s.script("fatal.php", TELL_PID + code))
    assert answer.complete and answer.text.endswith("last words")
    ended = answer.header("X-Pid")
    assert (s.run(s.pid_script).text != ended) == (value == "yes")
    if value == "yes":
        s.wait_log(rf"NOTICE: \[pool www\] child {ended} ends after a fatal error \(pm\.exit_after_fatal\)")
        s.wait_workers(1)
        assert not re.search(rf"child {ended} exited (on signal|with code [1-9])", s.log())


@pytest.mark.parametrize("code", NOT_FATAL.values(), ids=NOT_FATAL)
def test_worker_stays_after_what_is_no_fatal_error(start, code):
    s = start({"www": {"pm.max_children": "1", "pm.exit_after_fatal": "yes"}})
    ended = s.run(s.script("p.php", TELL_PID + code)).header("X-Pid")
    assert s.run(s.pid_script).text == ended


def test_worker_below_max_memory_stays(start):
    s = start({"www": {"pm.max_children": "1", "pm.max_memory": "2G"}})
    assert len({s.run(s.pid_script).text for _ in range(5)}) == 1


def test_repeated_crashes_renew_the_pool(start):
    s = start({"www": {"pm.max_children": "2"}}, settings={"emergency_restart_threshold": "3", "emergency_restart_interval": "1m"})
    zygote, = s.zygotes()
    for _ in range(3):
        worker = s.wait_workers(2)[0]
        os.kill(worker, signal.SIGSEGV)
        procs.wait_gone(worker)
    s.wait_log(r"failed processes threshold \(3 in 60 sec\) is reached")
    s.wait_zygotes(1, without=[zygote])
    s.wait_workers(2)
    assert s.run(s.pid_script).complete
