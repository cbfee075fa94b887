# SPDX-License-Identifier: MIT
"""worker.script over a pool's life: workers that die, end and boot anew under load, boots that fail later, limits, extensions that nobody knows,
and two users' applications beside each other."""

import os
import re
import secrets
import signal
import subprocess
import time

import pytest

import fastcgi
import procs
import server as programs
from load import Load

# A boot takes its time, as a framework's does; requests bring the code that they run.
APP = """<?php
usleep(20000);
%s
while (fpmd_handle_request(function () { echo eval($_SERVER['CODE'] ?? 'return "hello";'); })) {
}
"""


@pytest.fixture
def app(make):
    """app(boot, **directives) -> a running Fpmd whose pool's worker.script is the application."""
    def run(boot="", started=True, **directives):
        s = make({"www": {"pm": "static", "pm.max_children": "2", **directives}})
        s.app = s.script("app.php", APP % boot)
        s.pools["www"]["worker.script"] = s.app
        return s.start() if started else s
    return run


def get(s, code=None, pool="www", **more):
    return s.client(pool).request(fastcgi.environment(s.app, **({"CODE": code} if code else {}), **more))


@pytest.fixture(params=["0", "1"], ids=["worker", "forks"])
def requests(request):
    """worker.requests"""
    return request.param


def test_twenty_reloads_under_load_lose_nothing(app, requests):
    s = app(**{"worker.requests": requests})
    with Load(s.address(), fastcgi.environment(s.app, CODE="return getmypid();"), clients=2) as load:
        for _ in range(20):
            before = set(s.workers())
            load.wait_more(5)
            assert s.ctl("reload").returncode == 0
            procs.until("the old workers to end", lambda: requests == "1" or not before & set(s.workers()))
        load.wait_more(5)
    assert load.failures() == []


def test_ends_under_load_cost_the_requests_that_they_happen_in(app, requests):
    """exit() is answered; who is killed loses what it has in hand, and nobody else's."""
    s = app(**{"worker.requests": requests, "pm.max_children": "4"})
    codes = ["return 'hello';", "echo 'hello'; exit(3);", "return 'hello';", "posix_kill(getmypid(), SIGKILL);", "throw new LogicException('hello');"]
    killed = []

    def params(n):
        if n % 5 == 3:
            killed.append(n)
        return fastcgi.environment(s.app, CODE=codes[n % 5].replace("SIGKILL", "9"))

    def check(r):
        return "" if r.complete and b"hello" in r.stdout + r.stderr else "lost"
    with Load(s.address(), params, clients=3, check=check) as load:
        load.wait_more(200)
    assert len(load.failures()) == len(killed) > 20
    assert get(s).text == "hello"


def test_boots_that_fail_later_are_tried_again_later_each_time(app):
    """Nobody serves meanwhile; and once it boots again the pool is there, by itself."""
    s = app(**{"pm.max_children": "1"})
    s.script("app.php", "<?php file_put_contents(__DIR__ . '/tried', '+', FILE_APPEND); throw new LogicException('no database yet');")
    open(os.path.join(s.folder, "tried"), "w").close()
    os.chmod(os.path.join(s.folder, "tried"), 0o666)
    for pid in s.workers():
        procs.kill(pid, signal.SIGKILL)
    s.wait_log(r"ERROR: .*no database yet in \S+app\.php")
    tried = lambda: len(procs.content(os.path.join(s.folder, "tried")))
    times = {}
    for n in (10, 12):
        procs.until(f"try {n}", lambda: tried() >= n, 60.0)
        times[n] = time.monotonic()
    assert times[12] - times[10] > 0.5, "it boots as fast as it can"
    s.script("app.php", APP % "")
    assert get(s).text == "hello"


def test_limits_of_requests_hold(app):
    """The time limit ends the worker, the slow log says where it was, and its successor serves."""
    s = app(started=False, **{"pm.max_children": "1", "request_terminate_timeout": "2s", "request_slowlog_timeout": "1s", "slowlog": "slow"})
    s.pools["www"]["slowlog"] = os.path.join(s.folder, "slow")
    s.start()
    pid = int(get(s, "return getmypid();").text)
    assert not get(s, "sleep(30);").complete
    procs.until("the slow log", lambda: re.search(r"sleep\(\).*\n.*\{closure\}\(\)|sleep\(\)", procs.content(s.pools["www"]["slowlog"])))
    assert int(get(s, "return getmypid();").text) != pid


def test_a_worker_that_has_grown_is_replaced_between_requests(app):
    s = app("class Kept { static $all = []; }", **{"pm.max_children": "1", "pm.max_memory": "40M", "php_admin_value[memory_limit]": "256M"})
    pids = [get(s, "Kept::$all[] = str_repeat('x', 8 << 20); return getmypid();").text for _ in range(12)]
    assert 2 <= len(set(pids)) < 12 and all(pids), pids


def test_a_client_that_goes_does_not_end_its_script_where_nobody_has_said_so(app):
    s = app()
    assert get(s, "return ini_get('ignore_user_abort');").text == "1"
    s.pools["www"]["php_value[ignore_user_abort]"] = "0"
    s.write_config()
    assert s.ctl("reload").returncode == 0
    assert get(s, "return ini_get('ignore_user_abort');").text == "0"


def test_what_the_application_holds_open_stays(app):
    """Also a temporary stream, and one on the body of the request that is over: that is empty then."""
    s = app("class Kept { static $temporary, $input, $file; }", **{"pm.max_children": "1"})
    put = "Kept::$temporary = fopen('php://temp/maxmemory:10', 'w+'); fwrite(Kept::$temporary, str_repeat('kept ', 20)); Kept::$file = tmpfile();" \
          "Kept::$input = fopen('php://input', 'r'); return stream_get_contents(Kept::$input);"
    body = b"secret of a request"
    assert s.client().request(fastcgi.environment(s.app, method="PUT", body=body, CODE=put), body).text == body.decode()
    look = "rewind(Kept::$temporary); return json_encode([strlen(stream_get_contents(Kept::$temporary)), fread(Kept::$input, 99), is_resource(Kept::$file)]);"
    for _ in range(3):
        assert get(s, look).text == '[100,"",true]'


STRANGER = r"""
#include <php_config.h>
#include <php.h>
#include <fcntl.h>
static void note(const char *what) { int fd = open(NOTES, O_WRONLY | O_APPEND); if (fd >= 0) { (void)!write(fd, what, 1); close(fd); } }
static int begin(int type, int number) { note("b"); return SUCCESS; }
static int end(int type, int number) { note("e"); return SUCCESS; }
zend_module_entry stranger_module_entry = { STANDARD_MODULE_HEADER, "stranger", NULL, NULL, NULL, begin, end, NULL, "1", STANDARD_MODULE_PROPERTIES };
ZEND_GET_MODULE(stranger)
"""


def test_an_extension_that_nobody_knows_is_named_and_left_alone(app, requests):
    """Its request begins with the boot, and ends with the process."""
    s = app(started=False, **{"worker.requests": requests, "pm.max_children": "1"})
    notes, library = os.path.join(s.folder, "notes"), os.path.join(s.folder, "stranger.so")
    with open(notes, "w"):
        os.chmod(notes, 0o666)
    source = os.path.join(s.folder, "stranger.c")
    with open(source, "w") as f:
        f.write(STRANGER)
    includes = subprocess.run([programs.php_config(), "--includes"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    subprocess.run(["gcc", "-shared", "-fPIC", *includes, f'-DNOTES="{notes}"', "-o", library, source], check=True)
    os.chmod(library, 0o755)
    s.pools["www"]["php_admin_value[extension]"] = library
    s.start()
    assert [get(s, "return extension_loaded('stranger');").text for _ in range(3)] == ["1"] * 3
    said = "extension stranger is not known to worker.script: what it keeps for a request is not reset between requests"
    assert (said in s.log()) == (requests == "0")
    noted = lambda: "".join(sorted(procs.content(notes)))
    if requests == "0":
        assert noted() == "b"
        assert s.ctl("reload").returncode == 0
    procs.until("the ends", lambda: noted() == ("bbe" if requests == "0" else "beee"))


def memory_of(pid):
    """What a process can read of itself, piece by piece; nothing of one that has ended, as forks do."""
    for line in procs.content(f"/proc/{pid}/maps").splitlines():
        begin, end = (int(n, 16) for n in line.split()[0].split("-"))
        if "r" not in line.split()[1] or "[v" in line or end - begin > 1 << 28:  # the kernel's own, and a sanitizer's
            continue
        try:
            with open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
                mem.seek(begin)
                yield mem.read(end - begin) or b""
        except OSError:
            pass


@pytest.mark.skipif(not programs.ROOT, reason="only root has pools of several users, and reads their memory")
def test_two_users_applications_leave_no_trace_in_each_other(make, requests):
    """Nowhere in the memory of a process of the other pool, environment and opcache included."""
    s = make({name: {"user": user, "group": group, "pm.max_children": "1", "worker.requests": requests, "php_admin_value[opcache.enable]": "1",
                     "php_admin_value[opcache.memory_consumption]": "8", "php_admin_value[opcache.interned_strings_buffer]": "1",
                     "php_admin_value[opcache.file_update_protection]": "0"}
              for name, user, group in (("a", "www-data", "www-data"), ("b", "nobody", "nogroup"))})
    marks = {}
    for name in "ab":
        marks[name] = [f"{kind}-{secrets.token_hex(12)}" for kind in ("code", "environment", "query")]
        code, environment, _ = marks[name]
        s.pools[name]["worker.script"] = s.script(f"{name}.php", f"<?php class Kept {{ static $own = '{code}'; }}"
                                                  "while (fpmd_handle_request(function () { Kept::$own .= $_GET['q']; echo Kept::$own, getenv('MINE'); }));")
        s.pools[name]["env[MINE]"] = environment
    s.start()
    for _ in range(3):
        for name in "ab":
            reply = s.client(name).request(fastcgi.environment(s.folder + "/x.php", query=f"q={marks[name][2]}")).text
            assert all(mark in reply for mark in marks[name])
    owner = {}
    for pid in [*s.zygotes(), *s.workers(), *s.parks()]:
        if uid := re.search(r"^Uid:\s+(\d+)", procs.content(f"/proc/{pid}/status"), re.M):
            owner.setdefault(uid[1], []).append(pid)
    assert len(owner) == 2
    found = {uid: {mark for pid in pids for piece in memory_of(pid) for name in "ab" for mark in marks[name] if mark.encode() in piece} for uid, pids in owner.items()}
    a, b = sorted(found.values(), key=lambda marks_found: marks["a"][0] in marks_found, reverse=True)
    assert marks["a"][0] in a and not a & set(marks["b"])
    assert marks["b"][0] in b and not b & set(marks["a"])
