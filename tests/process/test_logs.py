# SPDX-License-Identifier: MIT
"""Nothing that was logged is lost: with readers that are slow or have stopped, at a stop, a reload or a recycling. How
much goes through each path is FPMD_LOG_BYTES (tests/lib/readers.py)."""

import os
import re
import signal
import subprocess
import threading
import time

import pytest

import fastcgi
import procs
import server as programs
from readers import BYTES, LIMIT, numbers

ERRORS = "<?php for ($i = 0; $i < $_GET['n']; $i++) error_log(sprintf('%06d ', $i) . str_repeat('e', 480)); echo 'done';"


def test_slow_reader_gets_every_error(make, reader):
    r = reader()
    s = make(settings={"error_log": r.path}).start()
    n = BYTES // 500
    assert s.run(s.script("e.php", ERRORS), query=f"n={n}", timeout=LIMIT).text == "done"
    r.wait("the last line", lambda lines: any(f"{n - 1:06d} eee" in line for line in lines[-20:]))
    assert numbers(r.lines(), r"(\d{6}) eee") == list(range(n))
    assert "lost" not in s.ctl("status").stdout


def test_slow_reader_gets_every_access_line(make, reader):
    r = reader()
    s = make({"www": {"pm.max_children": "4", "access.format": "'%{HTTP_HOST}e %Q%q'"}})
    s.pools["www"]["access.log"] = r.path
    path = s.script("a.php", "<?php echo 1;")
    s.start()
    n = BYTES // 2000

    def ask(part):
        for i in range(part, n, 4):
            assert s.run(path, query=f"{i:06d}", HTTP_HOST="h" * 1990, timeout=LIMIT).text == "1"
    threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    r.wait("all lines", lambda lines: len(lines) >= n)
    assert sorted(numbers(r.lines(), r"^h{1990} \?(\d{6})$")) == list(range(n))
    for part in range(4):
        mine = [i for i in numbers(r.lines(), r"\?(\d{6})$") if i % 4 == part]
        assert mine == sorted(mine)


def test_stopped_reader_costs_lines_that_are_told_and_nothing_else(make, reader):
    r = reader(running=False)
    s = make({"www": {"pm.max_children": "1"}, "other": {"pm.max_children": "1", "pm.status_path": "/status"}}, settings={"log_timeout": "1s"})
    s.pools["www"]["access.log"] = r.path
    s.pools["www"]["access.format"] = "'%{HTTP_HOST}e'"
    path = s.script("a.php", "<?php echo 1;")
    s.start()
    done = []

    def ask():
        for _ in range(400):
            done.append(s.run(path, HTTP_HOST="h" * 1000, timeout=LIMIT).text)
    thread = threading.Thread(target=ask)
    thread.start()
    began = time.monotonic()
    while thread.is_alive():
        assert s.run(path, pool="other").text == "1"
    thread.join()
    assert done == ["1"] * 400 and time.monotonic() - began < 20
    m = s.wait_log(r"WARNING: \[pool www\] log entries were lost, as nobody took them for log_timeout, or nobody could: (\d+) of access\.log, since \[\d\d-\w{3}-\d{4} [\d:]+\]\n")
    told = int(m[1])
    r.go.set()
    r.wait("the reader to read", lambda lines: len(lines) > 10)  # until then nobody waits for it again
    s.run(path, HTTP_HOST="last")
    r.wait("the next line", lambda lines: lines and lines[-1] == "last")
    assert sum(line == "h" * 1000 for line in r.lines()) + told == 400
    assert re.search(rf"log entries lost {told}, of access\.log {told}\n", s.ctl("status").stdout)
    page = s.client("other").request(fastcgi.environment("/status", root="", query="openmetrics")).text
    assert 'phpfpm_log_entries_lost{log="access.log"} 0\n' in page


def test_master_waits_for_no_log_and_loses_nothing(make, reader):
    """Its own lines wait in memory while it serves, reloads and forks."""
    r = reader(running=False)
    s = make({"www": {"pm.max_children": "1"}}, settings={"error_log": r.path, "log_timeout": "1s"}).start()
    os.set_blocking(r.keep, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(r.keep, b"f" * 4095 + b"\n")
    for _ in range(5):
        assert s.ctl("reload").returncode == 0
    assert s.run(s.script("a.php", "<?php echo 1;")).text == "1"
    r.go.set()
    r.wait("all reloads", lambda lines: len([x for x in lines if re.search(r"NOTICE: reload", x)]) >= 5)


ORDER = 12


def pinned(program):
    s = program({"www": {"pm.max_children": "2", "access.format": "'%Q%q'"}})
    s.pools["www"]["access.log"] = f"{s.folder}/www.access"
    s.wrapper = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    return s


def logged(s):
    return numbers(procs.content(f"{s.folder}/www.access").splitlines(), r"^\?(\d+)$")


@pytest.mark.parametrize("end", ["SIGTERM", "SIGQUIT"])
def test_lines_are_there_and_in_order_when_their_replies_are(end):
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(mine)})
    try:
        for _ in range(10):
            s = pinned(programs.Fpmd)
            try:
                s.start()
                for i in range(ORDER):
                    assert s.run(s.pid_script, query=str(i)).complete
                    assert logged(s) == list(range(i + 1))
                s.signal(signal.Signals[end])
                s.wait_exit()
                assert logged(s) == list(range(ORDER))
            finally:
                s.cleanup()
    finally:
        os.sched_setaffinity(0, mine)


@pytest.mark.parametrize("end", ["stop", "time limit"])
def test_request_that_ended_its_reply_early_has_a_line_however_it_ends(make, end):
    s = make({"www": {"pm.max_children": "1", "access.format": "'%r %s'", "request_terminate_timeout": "1s" if end == "time limit" else "0",
                      "request_terminate_timeout_track_finished": "yes"}})
    s.pools["www"]["access.log"] = f"{s.folder}/www.access"
    path = s.script("early.php", "<?php http_response_code(202); echo 1; fastcgi_finish_request(); sleep(60);")
    s.start()
    assert s.run(path).text == "1"
    assert procs.content(f"{s.folder}/www.access") == ""
    if end == "stop":
        s.signal(signal.SIGTERM)
        s.wait_exit()
    procs.until("the line", lambda: procs.content(f"{s.folder}/www.access") == "/early.php 202\n")


def test_recycled_workers_have_written_their_lines(make):
    s = make({"www": {"pm.max_children": "2", "pm.max_requests": "3", "access.format": "'%Q%q'"}})
    s.pools["www"]["access.log"] = f"{s.folder}/www.access"
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    for i in range(60):
        assert s.run(s.pid_script, query=str(i)).complete
        if i % 20 == 10:
            s.reload()
    assert logged(s) == list(range(60))


# --- what workers say on stdout and stderr

CAUGHT = {"pm.max_children": "2", "catch_workers_output": "yes", "decorate_workers_output": "no"}
RECORDS = "<?php $f = fopen('php://stderr', 'w'); $n = 0; for ($i = 0; $i < $_GET['n']; $i++) $n += fwrite($f, sprintf('%06d ', $i) . str_repeat('r', 7992) . \"\\n\"); echo $n;"


def loggers(s):
    return [p for p in procs.children(s.pid) if procs.exe(p) == "fpmd-logger"]


@pytest.mark.parametrize("program", [programs.PhpFpm, programs.Fpmd], ids=["php-fpm", "fpmd"])
def test_slow_reader_gets_all_output(reader, program):
    r = reader()
    with program({"www": CAUGHT}, settings={"error_log": r.path, "log_limit": "8192"}) as s:
        n = BYTES // 8000
        assert s.run(s.script("r.php", RECORDS), query=f"n={n}", timeout=LIMIT).text == str(n * 8000)
        r.wait("the last record", lambda lines: any(line.startswith(f"{n - 1:06d} r") for line in lines[-20:]))
        assert numbers(r.lines(), r"^(\d{6}) r{7992}$") == list(range(n))


@pytest.mark.parametrize("program", [programs.PhpFpm, programs.Fpmd], ids=["php-fpm", "fpmd"])
def test_programs_that_php_starts_are_waited_for(reader, program):
    r = reader(speed=100_000)
    with program({"www": CAUGHT}, settings={"error_log": r.path}) as s:
        path = s.script("seq.php", "<?php exec('seq 1 5000 1>&2', $out, $status); echo $status;")
        assert s.run(path, timeout=LIMIT).text == "0"
        r.wait("the last line", lambda lines: "5000" in lines[-20:])
        assert numbers(r.lines(), r"^(\d+)$") == list(range(1, 5001))


@pytest.mark.parametrize("end", ["SIGTERM", "SIGQUIT", "SIGUSR2"])
def test_stop_and_reload_lose_no_output(make, reader, end):
    """The pipes are full when it comes, and the reader is slow."""
    r = reader(speed=200_000)
    s = make({"www": CAUGHT}, settings={"error_log": r.path, "log_limit": "8192"}).start()
    assert s.run(s.script("r.php", RECORDS), query="n=20", timeout=LIMIT).text == "160000"
    s.signal(signal.Signals[end])
    if end != "SIGUSR2":
        s.wait_exit()
    r.wait("the last record", lambda lines: any(line.startswith("000019 r") for line in lines))
    assert numbers(r.lines(), r"^(\d{6}) r{7992}$") == list(range(20))


def test_output_of_a_worker_that_is_killed_is_there(make):
    s = make({"www": CAUGHT}).start()
    path = s.script("die.php", "<?php for ($i = 0; $i < 500; $i++) file_put_contents('php://stderr', \"said $i\\n\"); exec('kill -9 ' . getmypid());")
    assert not s.run(path).complete
    s.wait_log("said 499\n")
    assert numbers(s.log().splitlines(), r"^said (\d+)$") == list(range(500))


def test_logger_that_dies_is_replaced_and_loses_nothing_that_is_in_the_pipes(make):
    s = make({"www": {**CAUGHT, "pm.max_children": "1"}}).start()
    path = s.script("say.php", "<?php for ($i = $_GET['n']; $i < $_GET['n'] + 500; $i++) file_put_contents('php://stderr', \"said $i\\n\"); echo getmypid();")
    worker = s.run(path, query="n=0").text
    s.wait_log("said 499\n")
    for n in (500, 1000):
        old, = loggers(s)
        os.kill(old, signal.SIGSTOP)
        assert s.run(path, query=f"n={n}").text == worker
        os.kill(old, signal.SIGKILL)
        s.wait_log(f"said {n + 499}\n")
    assert numbers(s.log().splitlines(), r"^said (\d+)$") == list(range(1500))
    assert len(re.findall(r"WARNING: \[pool www\] logger \d+ exited on signal 9 \(SIGKILL\)", s.log())) == 2


def test_logger_that_is_stopped_does_not_take_the_masters_descriptors(make):
    """Workers that have said something and ended leave pipes behind; the master keeps so many of them, and counts what others held."""
    s = make({"www": {**CAUGHT, "pm.max_children": "1", "pm.max_requests": "1"}, "other": {"pm.max_children": "1"}}).start()
    path, quiet = s.script("say.php", "<?php file_put_contents('php://stderr', \"said\\n\"); echo 1;"), s.script("a.php", "<?php echo 1;")
    s.run(path)
    s.wait_log("said\n")
    logger, = loggers(s)
    os.kill(logger, signal.SIGSTOP)
    before = len(os.listdir(f"/proc/{s.pid}/fd"))
    for _ in range(1200):
        assert s.run(path).text == "1"
    assert len(os.listdir(f"/proc/{s.pid}/fd")) < before + 2 * (64 + 256) + 32
    assert s.run(quiet, pool="other").text == "1"
    os.kill(logger, signal.SIGCONT)
    told = r"log entries were lost, .*: (\d+) of workers' output"
    assert procs.until("each entry, or its loss", lambda: s.log().count("said\n") + sum(numbers(s.log().splitlines(), told)) >= 1201, LIMIT)


def test_logger_takes_the_new_log_file(make):
    s = make({"www": CAUGHT}).start()
    path = s.script("say.php", "<?php file_put_contents('php://stderr', $_GET['text'] . \"\\n\");")
    s.run(path, query="text=before")
    s.wait_log("before\n")
    os.rename(s.log_path, s.log_path + ".1")
    s.signal(signal.SIGUSR1)
    s.wait_log("error log file re-opened")
    s.run(path, query="text=after")
    s.wait_log("after\n")
    assert "after" not in procs.content(s.log_path + ".1")


def test_stopped_reader_holds_up_who_says_something_and_nobody_else(make, reader):
    r = reader(running=False)
    s = make({"www": {**CAUGHT, "pm.max_children": "1"}, "other": {"pm.max_children": "1"}}, settings={"error_log": r.path, "log_timeout": "1s", "log_limit": "8192"}).start()
    path, quiet = s.script("r.php", RECORDS), s.script("a.php", "<?php echo 1;")
    done = []
    thread = threading.Thread(target=lambda: done.append(s.run(path, query="n=100", timeout=LIMIT).text))
    thread.start()
    while thread.is_alive():
        assert s.run(quiet, pool="other").text == "1"
    assert done == ["800000"]
    assert s.ctl("reload").returncode == 0
    r.go.set()
    r.wait("what was lost", lambda lines: [x for x in lines if re.search(r"log entries were lost, .*: \d+ of workers' output, since", x)])
    told = sum(numbers(r.lines(), r"log entries were lost, .*: (\d+) of workers' output"))
    assert told > 0 and len([x for x in r.lines() if re.fullmatch(r"\d{6} r{7992}", x)]) + told == 100


def test_no_logger_where_nothing_is_caught(start):
    s = start()
    assert loggers(s) == []


@pytest.fixture
def disk(tmp_path):
    """A folder on a small disk of its own."""
    if not programs.ROOT:
        pytest.skip("a disk is mounted by root")
    tmp_path.chmod(0o755)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=1777", "none", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)


def fill(disk):
    with open(disk / "full", "ab", buffering=0) as f:
        with pytest.raises(OSError, match="No space left"):
            while f.write(b"f" * 4096):
                pass


TALKS = "<?php for ($i = 0; $i < 40; $i++) error_log(str_repeat('e', 400)); usleep((int) $_GET['us']); echo 'done';"


@pytest.mark.parametrize("program", [programs.Fpmd, programs.PhpFpm], ids=["fpmd", "php-fpm"])
def test_full_disk_below_the_logs_fails_no_request(program, disk):
    """Nor do a reload and new log files meanwhile; php-fpm, the reference, cuts requests then for other reasons."""
    logs = {"access.log": str(disk / "access.log"), "slowlog": str(disk / "slow.log")}
    limits = {"request_slowlog_timeout": "1s", "pm.max_children": "4", "catch_workers_output": "yes"}
    s = program({"www": {**logs, **limits}}, settings={"error_log": str(disk / "error.log")})
    path = s.script("talks.php", TALKS)

    def ask():
        with s.connect() as kept:
            for _ in range(10):
                assert s.run(path, query="us=0", timeout=LIMIT).text == "done"
                assert kept.request(fastcgi.environment(path, query="us=0")).text == "done"
        assert s.run(path, query="us=1300000", timeout=LIMIT).text == "done"

    def size():
        return sum(os.path.getsize(disk / f"{name}.log") for name in ("access", "error"))
    try:
        s.start()
        fill(disk)
        ask()
        if program is programs.Fpmd:
            s.signal(signal.SIGUSR1)
            ask()
            assert s.ctl("reload").returncode == 0
            ask()
        assert os.path.getsize(disk / "full") >= 128 * 1024
        os.truncate(disk / "full", 0)
        before = size()
        ask()
        procs.until("log lines where there is room again", lambda: size() > before)
    finally:
        s.cleanup()
