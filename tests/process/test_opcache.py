# SPDX-License-Identifier: MIT
"""Opcache's lock, which a worker holds over the gap between requests that follow at once: who is idle has none, and a restart of the cache is not put off."""

import fcntl
import os
import re
import shutil
import signal
import subprocess

import fastcgi
import procs
import server as programs

FPMD_LOAD = os.path.join(programs.BUILD, "tools", "benchmark", "load", "fpmd-load")

# The lock of the process that runs it. While others come and go a line may be there twice.
LOCKS = "<?php if (preg_match('/ POSIX .* READ +' . getmypid() . ' /', file_get_contents('/proc/locks'))) echo 'locked';"

RESTARTS = "<?php $s = opcache_get_status(false); echo $s['opcache_statistics']['manual_restarts'], ' ', (int)$s['restart_pending'];"


def old(path):
    """Opcache does not keep what has just been written."""
    os.utime(path, (1, 1))
    return path


def locked_by(pid):
    with open("/proc/locks") as f:
        return any(re.search(rf" POSIX .* READ +{pid} ", line) for line in f)


def waiting_locks(path):
    """Who waits for the lock of a file, as " -> PID"."""
    with open("/proc/locks") as f:
        return "".join(f" -> {line.split()[5]}" for line in f if line.split()[1] == "->" and line.split()[6].endswith(f":{os.stat(path).st_ino}"))


def queue_up(s, scripts, **more):
    """Requests that the pool's one worker finds all at once, and their answers."""
    worker, = s.workers()
    os.kill(worker, signal.SIGSTOP)
    connections = [s.connect(timeout=20) for _ in scripts]
    for c, script in zip(connections, scripts):
        c.send(fastcgi.request_bytes(fastcgi.environment(script, **more)))
    os.kill(worker, signal.SIGCONT)
    out = [c.read_response() for c in connections]
    for c in connections:
        c.close()
    return out


def test_an_idle_worker_has_no_lock(start):
    s = start({"www": {"pm.max_children": "1"}})
    script, page = old(s.script("locks.php", LOCKS)), old(s.script("page.php", "<?php echo 'page';"))
    worker, = s.workers()
    assert s.run(script).text == "locked"
    for _ in range(5):
        assert all(r.text == "locked" for r in queue_up(s, [script] * 60))
        procs.until("the lock to be given back", lambda: not locked_by(worker))
        assert all(r.text == "page" for r in queue_up(s, [page] * 60))
        procs.until("the lock to be given back", lambda: not locked_by(worker))
    assert s.workers() == [worker]


def test_a_worker_that_waits_for_a_slow_body_between_two_requests_has_no_lock(start):
    """Its head follows other requests at once, but its script has not begun: the form's fields come first."""
    s = start({"www": {"pm.max_children": "1"}})
    script = old(s.script("locks.php", LOCKS))
    worker, = s.workers()
    assert s.run(script).text == "locked"
    n = 300000
    params = fastcgi.environment(script, REQUEST_METHOD="POST", CONTENT_LENGTH=str(n), CONTENT_TYPE="application/x-www-form-urlencoded")
    form = fastcgi.request_bytes(params, b"a=" + b"x" * (n - 2))
    os.kill(worker, signal.SIGSTOP)
    quick, slow = [s.connect() for _ in range(8)], s.connect(timeout=20)
    for c in quick:
        c.send(fastcgi.request_bytes(fastcgi.environment(script)))
    slow.send(form[:100000])
    os.kill(worker, signal.SIGCONT)
    assert all(c.read_response().text == "locked" for c in quick)
    procs.until("the worker to wait for the form without a lock", lambda: not locked_by(worker))
    slow.send(form[100000:])
    assert slow.read_response().text == "locked"


def test_a_worker_that_waits_for_a_session_before_the_script_has_no_lock(start):
    """Somebody else has the session that session.auto_start wants."""
    s = start({"www": {"pm.max_children": "1"}})
    os.mkdir(os.path.join(s.folder, "auto"), 0o755)
    s.script("auto/.user.ini", f"session.auto_start = 1\nsession.save_path = {s.shared_folder()}\n")
    script, auto = old(s.script("locks.php", LOCKS)), old(s.script("auto/locks.php", LOCKS))
    session = os.path.join(s.shared_folder(), "sess_0123456789abcdef0123456789")
    with open(session, "w") as f:
        os.fchmod(f.fileno(), 0o666)
        if programs.ROOT:
            shutil.chown(session, programs.POOL_USER)
        fcntl.flock(f, fcntl.LOCK_EX)
        worker, = s.workers()
        assert s.run(script).text == "locked"
        os.kill(worker, signal.SIGSTOP)
        quick, slow = [s.connect() for _ in range(8)], s.connect(timeout=20)
        for c in quick:
            c.send(fastcgi.request_bytes(fastcgi.environment(script)))
        slow.send(fastcgi.request_bytes(fastcgi.environment(auto, root=s.folder, HTTP_COOKIE="PHPSESSID=0123456789abcdef0123456789")))
        os.kill(worker, signal.SIGCONT)
        assert all(c.read_response().text == "locked" for c in quick)
        procs.until("the worker to wait for the session without a lock",
                    lambda: f" -> {worker}" in waiting_locks(session) and not locked_by(worker))
    assert slow.read_response().text == "locked"


def test_a_request_that_uses_opcache_has_a_lock(start):
    """The lock goes with the others that a script's compilation takes; what follows without opcache, and then with it, has none to go on with."""
    s = start({"www": {"pm.max_children": "1"}})
    script = old(s.script("locks.php", LOCKS))
    assert s.run(script).text == "locked"
    for n in range(5):
        new = old(s.script(f"new{n}.php", "<?php echo 'new';"))
        out = queue_up(s, [script, new, os.path.join(s.folder, "none.php"), script, script])
        assert [r.text for r in out] == ["locked", "new", "File not found.\n", "locked", "locked"]


def test_a_request_that_its_folder_keeps_from_opcache_has_no_lock(start):
    s = start({"www": {"pm.max_children": "1"}})
    os.mkdir(os.path.join(s.folder, "off"), 0o755)
    s.script("off/.user.ini", "opcache.enable = 0\n")
    script, off = old(s.script("locks.php", LOCKS)), old(s.script("off/locks.php", LOCKS))
    assert s.run(script).text == "locked"
    for _ in range(5):
        out = queue_up(s, [script] * 4 + [off, script], DOCUMENT_ROOT=s.folder)
        assert [r.text for r in out] == ["locked"] * 4 + ["", "locked"]


def test_a_restart_is_not_put_off_by_workers_without_a_pause(start):
    s = start({"www": {"pm.max_children": "2"}})
    page, status = old(s.script("page.php", "<?php echo 'page';")), old(s.script("status.php", RESTARTS))
    reset = old(s.script("reset.php", "<?php var_dump(opcache_reset());"))
    workers = sorted(s.workers())
    load = subprocess.Popen([FPMD_LOAD, "--connect", s.address(), "--script", page, "--connections=8", "--duration=60000", "--expect-length=4"],
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
