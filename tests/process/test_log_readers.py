# SPDX-License-Identifier: MIT
"""Logs whose reader comes and goes, or that are the pipe a program was started with; output that outlives its writer."""

import os
import re
import signal
import subprocess
import sys
import threading

import pytest

import procs
import server as programs
from readers import BYTES, LIMIT, SPEED, numbers

BOTH = pytest.mark.parametrize("program", [programs.PhpFpm, programs.Fpmd], ids=["php-fpm", "fpmd"])

LOST = r"WARNING: \[pool www\] log entries were lost, .*: "


class Fifo:
    """A FIFO that has a reader only between open() and close(); what it read is kept."""

    def __init__(self, path):
        os.mkfifo(path)
        os.chmod(path, 0o666)
        self.path, self.data = path, b""
        self.open()

    def open(self):
        self.fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)

    def close(self):
        self.lines()
        os.close(self.fd)

    def lines(self):
        try:
            while part := os.read(self.fd, 65536):
                self.data += part
        except BlockingIOError:
            pass
        return self.data.decode(errors="surrogateescape").split("\n")[:-1]

    def wait(self, what, pattern):
        return procs.until(what, lambda: [m for m in (re.search(pattern, line) for line in self.lines()) if m])


# --- a reader that is started anew

def test_access_log_goes_on_with_the_next_reader(make):
    s = make({"www": {"pm.max_children": "1", "access.format": "'%Q%q'"}})
    fifo = Fifo(f"{s.folder}/access")
    s.pools["www"]["access.log"] = fifo.path
    path = s.script("a.php", "<?php echo 1;")
    s.start()
    assert s.run(path, query="0").text == "1"
    fifo.wait("the first line", r"^\?0$")
    fifo.close()
    for i in range(1, 6):
        assert s.run(path, query=str(i)).text == "1"
    assert s.wait_log(rf"{LOST}(\d+) of access\.log, since")[1] == "5"
    fifo.open()
    assert s.run(path, query="6").text == "1"
    fifo.wait("the line for the next reader", r"^\?6$")
    assert numbers(fifo.lines(), r"^\?(\d+)$") == [0, 6]
    assert re.search(r"log entries lost 5, of access\.log 5\n", s.ctl("status").stdout)


def test_error_log_tells_its_next_reader_what_was_lost(make):
    """The workers' lines are lost and counted; the master keeps its own, and the word of the loss, for that reader."""
    s = make({"www": {"pm.max_children": "1"}})
    fifo = Fifo(f"{s.folder}/errors")
    s.settings["error_log"] = fifo.path
    path = s.script("e.php", "<?php error_log('said ' . $_GET['n']); echo 1;")
    s.start()
    assert s.run(path, query="n=0").text == "1"
    fifo.wait("the first line", r"said 0")
    fifo.close()
    for i in range(1, 6):
        assert s.run(path, query=f"n={i}").text == "1"
    os.kill(s.workers()[0], signal.SIGKILL)
    procs.until("the loss to be counted", lambda: "of error_log 5" in s.ctl("status").stdout)
    fifo.open()
    told = fifo.wait("the word of the loss", rf"{LOST}(\d+) of error_log, since")
    assert [m[1] for m in told] == ["5"]
    fifo.wait("the master's own word", r"child \d+ exited on signal 9")
    assert s.run(path, query="n=6").text == "1"
    fifo.wait("the line for the next reader", r"said 6")
    assert numbers(fifo.lines(), r"said (\d)") == [0, 6]


def test_log_without_a_reader_holds_up_no_stop(make):
    s = make({"www": {"pm.max_children": "1"}}, settings={"log_timeout": "60s"})
    fifo = Fifo(f"{s.folder}/errors")
    s.settings["error_log"] = fifo.path
    s.start()
    fifo.close()
    worker, = s.workers()
    os.kill(worker, signal.SIGKILL)
    procs.until("its successor", lambda: s.workers() not in ([], [worker]))
    s.signal(signal.SIGTERM)
    assert s.wait_exit() == 0  # long before log_timeout


# --- the slow log

SLOW = "<?php function f($n) { $n ? f($n - 1) : usleep(60000000); } f(30);"
SOON = {"log_timeout": "1s", "process_control_timeout": "1s"}
ENTRY = (r"\n\[[^]]+\]  \[pool www\] pid \d+\nscript_filename = .*\nrequest_method = GET\nrequest_uri = [^?\n]*\?(\d)\n"
         r"(?:\[0x\w{16}\] .*\n){20}")


def slow_pool(n, r):
    return {"pm.max_children": str(n), "request_slowlog_timeout": "1s", "slowlog": r.path}


def fill(r):
    """The pipe of a reader that has stopped."""
    os.set_blocking(r.keep, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(r.keep, b"f" * 4095 + b"\n")
    os.set_blocking(r.keep, True)


def slow_requests(s, n):
    """Requests that wait until the server ends, each in a worker of its own."""
    path = s.script("slow.php", SLOW)
    made = []
    for i in range(n):
        c = s.connect()
        c.send(programs.fastcgi.request_bytes(programs.fastcgi.environment(path, query=str(i))))
        made.append(c)
    return made


@pytest.mark.parametrize("how", ["slow", "stopped for a while"])
def test_slow_log_is_whole_whatever_its_reader_does(make, reader, how):
    n, depth = 8, 20
    r = reader(speed=20_000, running=how == "slow")
    s = make({"www": {**slow_pool(n, r), "request_slowlog_trace_depth": str(depth)}, "other": {"pm.max_children": "1"}},
             settings=SOON).start()
    quiet = s.script("a.php", "<?php echo 1;")
    if how != "slow":
        fill(r)
    connections = slow_requests(s, n)
    procs.until("all to be told of", lambda: len(re.findall("executing too slow", s.log())) == n)
    assert s.run(quiet, pool="other").text == "1"
    if how != "slow":
        r.speed = 10_000_000
        r.go.set()
    r.wait("all lines", lambda lines: sum("slow.php" in x and x.startswith("[0x") for x in lines) == n * depth)
    assert sorted(re.findall(ENTRY, bytes(r.data).decode())) == [str(i) for i in range(n)]
    assert "lost" not in s.ctl("status").stdout
    for c in connections:
        c.close()


def test_slow_entries_that_nobody_took_until_the_stop_are_told(make, reader):
    n = 3
    r = reader(running=False)
    s = make({"www": slow_pool(n, r)}, settings=SOON).start()
    fill(r)
    connections = slow_requests(s, n)
    procs.until("all to be told of", lambda: len(re.findall("executing too slow", s.log())) == n)
    s.signal(signal.SIGTERM)
    s.wait_exit()
    assert re.findall(rf"{LOST}(\d+) of slowlog, since", s.log()) == [str(n)]
    for c in connections:
        c.close()


# --- workers' output

CAUGHT = {"pm.max_children": "2", "catch_workers_output": "yes", "decorate_workers_output": "no"}


@BOTH
def test_flood_on_stdout_is_there(reader, program):
    r = reader()
    code = ("<?php $f = fopen('php://stdout', 'w'); for ($i = $n = 0; $i < $_GET['n']; $i++)"
            "$n += fwrite($f, sprintf(\"%06d %s\\n\", $i, str_repeat('o', 992))); echo $n;")
    with program({"www": CAUGHT}, settings={"error_log": r.path, "log_limit": "2000"}) as s:
        n = BYTES // 1000
        assert s.run(s.script("o.php", code), query=f"n={n}", timeout=LIMIT).text == str(n * 1000)
        r.wait("the last line", lambda lines: any(line.startswith(f"{n - 1:06d} o") for line in lines[-20:]))
        assert numbers(r.lines(), r"^(\d{6}) o{992}$") == list(range(n))


def test_program_in_the_background_outlives_its_worker(make):
    """php-fpm closes the pipes with the worker's end, and what such a program says then is lost, or ends it."""
    code = "<?php exec('(read go < ' . $_GET['fifo'] . '; seq 1 3000 >&2) > /dev/null &'); echo getmypid();"
    s = make({"www": {**CAUGHT, "pm.max_children": "1", "pm.max_requests": "1"}}).start()
    fifo = f"{s.folder}/go"
    os.mkfifo(fifo)
    os.chmod(fifo, 0o666)
    worker = int(s.run(s.script("bg.php", code), query=f"fifo={fifo}").text)
    procs.wait_gone(worker)
    with open(fifo, "w") as f:
        f.write("go\n")
    procs.until("the last line", lambda: "\n3000\n" in s.log())
    assert numbers(s.log().splitlines(), r"^(\d+)$") == list(range(1, 3001))


# --- the pipe that a container's program is started with

CONTAINER = {**CAUGHT, "pm.max_children": "4", "access.log": "/proc/self/fd/2", "access.format": "'access %Q%q'",
             "clear_env": "no"}
SAY = ("<?php $f = fopen('php://stderr', 'w'); for ($i = 0; $i < $_GET['n']; $i++)"
       "fwrite($f, sprintf(\"said %02d %06d %s\\n\", $_GET['client'], $i, str_repeat('s', 980)));"
       "error_log(sprintf('error %02d', $_GET['client'])); echo 1;")


class Piped:
    """A server's stderr as `program 2>&1 | slow-reader` has it; no pipe of ours is behind it but this one."""

    def __init__(self, program, speed):
        self.server = program({"www": CONTAINER}, settings={"error_log": "/proc/self/fd/2", "log_limit": "8192"})
        self.path = f"{self.server.folder}/what"
        slowly = ("import sys, time, os\nout = open(sys.argv[1], 'wb', buffering=0)\n"
                  "while part := os.read(0, 16384):\n"
                  "    out.write(part)\n    time.sleep(len(part) / int(sys.argv[2]))\n")
        self.reader = subprocess.Popen([sys.executable, "-c", slowly, self.path, str(speed)], stdin=subprocess.PIPE)
        command, pipe = self.server.command, self.reader.stdin.fileno()
        self.server.command = lambda: ["/bin/bash", "-c", f'exec "$@" 2>&{pipe} {pipe}>&-', "bash", *command()]
        spawn = self.server.spawn
        self.server.spawn = lambda what, pass_fds=(): spawn(what, (*pass_fds, pipe))

    def __enter__(self):
        self.server.start()
        self.reader.stdin.close()
        return self

    def __exit__(self, *_):
        self.server.cleanup()
        assert self.reader.wait(LIMIT) == 0

    def end(self):
        """Stops the program; all lines that its reader has had at the end of the pipe."""
        self.server.signal(signal.SIGTERM)
        self.server.wait_exit()
        assert self.reader.wait(LIMIT) == 0
        return procs.content(self.path).splitlines()


@BOTH
def test_all_logs_of_a_container_in_one_slow_pipe(program):
    """fpmd is stopped while much of it waits to be read. php-fpm loses a line then, so it has the time."""
    clients, total = 4, max(BYTES, 10_000_000)
    n = total // clients // 1000
    with Piped(program, SPEED * 2 // 3) as piped:
        s, answers = piped.server, []
        path = s.script("say.php", SAY)

        def ask(client):
            answers.append(s.run(path, query=f"client={client}&n={n}", timeout=LIMIT).text)
        threads = [threading.Thread(target=ask, args=(k,)) for k in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert answers == ["1"] * clients
        if program is programs.PhpFpm:
            last = [f"said {k:02d} {n - 1:06d} s" for k in range(clients)]
            procs.until("the last lines", lambda: all(x in procs.content(piped.path) for x in last), LIMIT)
        lines = piped.end()
    said = [re.fullmatch(r"said (\d\d) (\d{6}) s{980}", line) for line in lines if "sss" in line]
    assert None not in said
    for client in range(clients):
        assert [int(m[2]) for m in said if int(m[1]) == client] == list(range(n))
    assert len([line for line in lines if re.fullmatch(r"access \?client=\d&n=\d+", line)]) == clients
    assert len([line for line in lines if re.search(r"error \d\d$", line)]) == clients
