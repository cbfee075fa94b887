# SPDX-License-Identifier: MIT
"""worker.requests = 1: the zygote boots worker.script, and each worker is a fork of it that serves one request. What nobody else sees
of a request, what ends with it, which boots are refused, and who dies."""

import json
import os
import re
import signal
import stat

import pytest

import fastcgi
import procs
import server as programs
from load import Load

# Requests bring the code that they run.
APP = """<?php
class Told { public static $kept; function __construct(public string $who) {} function __destruct() { fpmd_log("destructor of $this->who"); } }
file_put_contents(__DIR__ . '/shared/boots', '+', FILE_APPEND);
%s
$boot = bin2hex(random_bytes(8));
$n = 0;
while (fpmd_handle_request(function () use ($boot, &$n) {
    static $seen = 0;
    header("X-Boot: $boot");
    header('X-N: ' . ++$n . ' ' . ++$seen);
    echo eval($_SERVER['CODE'] ?? 'return "hello";');
})) {
}
fpmd_log('the rest of the script');
"""


@pytest.fixture
def app(make):
    """app(boot, **directives) -> a running Fpmd whose pool forks the application that has booted."""
    def run(boot="", started=True, **directives):
        s = make({"www": {"pm.max_children": "2", "worker.requests": "1", **directives}})
        s.shared = s.shared_folder()
        s.app = s.script("app.php", APP % boot)
        s.pools["www"]["worker.script"] = s.app
        return s.start() if started else s
    return run


def get(s, code=None, client=None, body=b"", **more):
    params = fastcgi.environment(s.app, body=body, **({"CODE": code} if code else {}), **more)
    return (client or s.client()).request(params, body, keep=client is not None)


def boots(s):
    return len(procs.content(os.path.join(s.shared, "boots")))


def collapses():
    """The kernel lays shared memory together when it is asked to."""
    shared = procs.content("/sys/kernel/mm/transparent_hugepage/shmem_enabled")
    return shared and "[deny]" not in shared and tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 1)


def in_large_pieces(pid):
    """KiB of memory without a file that a process shares and has in pieces of 2 MiB."""
    with open(f"/proc/{pid}/smaps") as f:
        parts = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", f.read(), flags=re.M)
    return sum(int(re.search(r"^ShmemPmdMapped:\s*(\d+)", part, re.M)[1]) for part in parts if "/dev/zero" in part)


@pytest.mark.skipif(not collapses(), reason="this kernel does not lay shared memory together")
def test_forks_have_opcaches_memory_in_large_pieces(app):
    """They fault once for each, and not for each 64 KiB."""
    s = app()
    assert get(s).body == b"hello"
    assert in_large_pieces(s.zygotes()[0]) >= 2048, s.log()


def test_one_boot_for_all_and_a_process_for_each(app):
    s = app()
    replies = [get(s, "return getmypid();") for _ in range(12)]
    with s.client() as client:
        replies += [get(s, "return getmypid();", client=client) for _ in range(4)]
    assert len({r.text for r in replies}) == 16 and {r.header("X-N") for r in replies} == {"1 1"}
    assert len({r.header("X-Boot") for r in replies}) == 1 and boots(s) == 1
    zygote, = s.zygotes()
    procs.until("the next forks to be ready before they are needed", lambda: s.ctl("status").stdout.count("accepting") >= 2 or
                len(s.workers(zygote)) == 2)
    assert not re.search(r"child \d+ (started|exited)", s.log())


def test_ping_and_status_use_no_fork_up(app):
    """They are answered without PHP: what has been forked for a request is there for one."""
    s = app(**{"pm": "static", "pm.max_children": "1", "ping.path": "/ping", "pm.status_path": "/status"})
    worker, = s.wait_workers(1)
    with s.client() as client:
        for path in ("/ping", "/status") * 2:
            assert client.request(fastcgi.environment(path, root=""), keep=True).status == 200
            assert s.client().request(fastcgi.environment(path, root="")).status == 200
        assert int(get(s, "return getmypid();").text) == worker
    procs.wait_gone(worker)


# A request runs the first; what the second says in the next ones must be what it said before.
CANARIES = {
    "static variable": ("function f() { static $x = 0; return ++$x; } f(); $GLOBALS['f'] = f();", "return isset($GLOBALS['f']) . function_exists('f');"),
    "static property": ("Told::$kept = $_SERVER['CODE'];", "return json_encode(Told::$kept);"),
    "global": ("$GLOBALS['secret'] = 1; $GLOBALS['boot'] = 'changed';", "return isset($GLOBALS['secret']) . strlen($GLOBALS['boot']);"),
    "constant": ("define('SECRET', 1);", "return json_encode(defined('SECRET'));"),
    "class": ("eval('class Secret {}'); spl_autoload_register(fn () => 1);", "return json_encode([class_exists('Secret'), count(spl_autoload_functions())]);"),
    "environment": ("putenv('SECRET=1'); $_ENV['SECRET'] = $_SERVER['SECRET'] = 1;", "return json_encode([getenv('SECRET'), $_ENV['SECRET'] ?? 0, $_SERVER['SECRET'] ?? 0]);"),
    "settings": ("ini_set('memory_limit', '99M'); ini_set('session.save_path', '/x'); error_reporting(0);",
                 "return json_encode([ini_get('memory_limit'), ini_get('session.save_path'), error_reporting()]);"),
    "open file": ("$GLOBALS['h'] = fopen('php://temp', 'w+'); fwrite($GLOBALS['h'], 'secret'); $GLOBALS['d'] = fopen('/etc/passwd', 'r');",
                  "return count(scandir('/proc/self/fd')) . ' ' . count(get_resources('stream'));"),
    "handlers": ("set_error_handler(fn () => true); set_exception_handler(fn () => 1); ob_start(fn ($b) => $b); register_shutdown_function(fn () => print('no'));",
                 "return json_encode([set_error_handler(null), set_exception_handler(null), ob_get_level()]);"),
    "process": ("chdir('/'); umask(0); setlocale(LC_ALL, 'C.UTF-8'); date_default_timezone_set('Asia/Tokyo'); mb_internal_encoding('SJIS');",
                "return json_encode([getcwd(), umask(), setlocale(LC_ALL, 0), date_default_timezone_get(), mb_internal_encoding()]);"),
    "session": ("session_id('abcdefghijklmnopqrstuv'); session_start(); $_SESSION['secret'] = 1;", "return json_encode([session_id(), $_SESSION ?? 0, session_status()]);"),
    "reply": ("header('X-Secret: 1'); http_response_code(404); setcookie('a', 'b'); output_add_rewrite_var('a', 'b');", "return json_encode([headers_list()[0], http_response_code()]);"),
    "errors": ("@trigger_error('secret'); json_decode('{'); preg_match('/(?:\\D+|<\\d+>)*[!?]/', 'foobar foobar foobar'); libxml_use_internal_errors(true); simplexml_load_string('<');",
               "return json_encode([error_get_last(), json_last_error(), preg_last_error(), count(libxml_get_errors())]);"),
    "streams": ("stream_wrapper_unregister('http'); stream_context_set_default(['http' => ['method' => 'POST']]); stream_filter_register('x', 'php_user_filter');",
                "return json_encode([count(stream_get_wrappers()), stream_context_get_options(stream_context_get_default()), count(stream_get_filters())]);"),
    "memory": ("$GLOBALS['m'] = str_repeat('secret', 1000000);", "return json_encode([memory_get_usage(), spl_object_id(new stdClass), count(get_declared_classes())]);"),
    "exit": ("exit(3);", "return json_encode(error_get_last());"),
    "fatal error": ("str_repeat('x', 1 << 30);", "return json_encode([error_get_last(), memory_get_usage()]);"),
    "exception": ("throw new LogicException('secret');", "return json_encode(error_get_last());"),
    "death": ("posix_kill(getmypid(), 9);", "return 'here';"),
}


def test_nothing_of_a_request_is_in_another(app):
    """Canaries; each row is read before and by both of the next two workers."""
    s = app()
    for name, (change, read) in CANARIES.items():
        before = get(s, read)
        get(s, change)
        for _ in range(3):
            after = get(s, read)
            assert (after.text, after.headers) == (before.text, before.headers), name
    assert boots(s) == 1


def test_each_fork_has_random_numbers_of_its_own(app):
    """Also where the boot has begun the sequences."""
    s = app("mt_srand(5); mt_rand(); lcg_value(); openssl_random_pseudo_bytes(8); $db = new PDO('sqlite::memory:'); $db->query('select random()')->fetchAll();"
            "function drawn($db) { return $db->query('select hex(randomblob(8))')->fetchColumn(); }")
    code = ("return json_encode([mt_rand(), lcg_value(), random_int(0, PHP_INT_MAX), bin2hex(random_bytes(8)), bin2hex(openssl_random_pseudo_bytes(8)),"
            "uniqid('', true), password_hash('a', PASSWORD_BCRYPT, ['cost' => 4]), session_create_id(), implode(array_rand(range(0, 999), 20)), str_shuffle('abcdefghijklmnopqrstuvwxyz'),"
            "drawn($GLOBALS['db']), drawn(new PDO('sqlite::memory:'))]);")
    seen = [json.loads(get(s, code).text) for _ in range(12)]
    for column in zip(*seen):
        assert len(set(column)) == 12, column
    seeded = json.loads(get(s, "mt_srand(5); return json_encode(array_map(fn () => mt_rand(), range(1, 50)));").text)
    assert not set(seeded) & {row[0] for row in seen}


def test_times_and_timers_are_the_requests(app):
    s = app("$GLOBALS['booted'] = $_SERVER['REQUEST_TIME_FLOAT'];", **{"php_admin_value[max_execution_time]": "1"})
    code = "return json_encode([$_SERVER['REQUEST_TIME_FLOAT'], microtime(true), $GLOBALS['booted']]);"
    rows = [json.loads(get(s, code).text) for _ in range(5)]
    assert all(booted < begun <= now for begun, now, booted in rows)
    assert [r[0] for r in rows] == sorted({r[0] for r in rows})
    r = get(s, "for (;;);")
    assert r.app_status == 255 and "Maximum execution time of 1 second exceeded" in r.stderr.decode()
    assert get(s).text == "hello"


def test_a_script_that_does_not_hear_of_the_end_is_ended(app):
    s = app(started=False)
    s.script("app.php", "<?php while (true) { fpmd_handle_request(function () { echo getmypid(); }); }")
    s.start()
    pids = {int(get(s).text) for _ in range(6)}
    assert len(pids) == 6
    procs.until("forks to end that have had their request", lambda: not any(procs.alive(p) for p in pids))
    assert len(re.findall(r"goes on to call fpmd_handle_request\(\) after it has returned false, and is ended there", s.log())) == 1


def test_what_runs_at_the_end_of_a_request(app):
    s = app("$told = new Told('the boot'); register_shutdown_function(fn () => fpmd_log('shutdown of the boot')); $file = tmpfile();"
            "$GLOBALS['of_boot'] = stream_get_meta_data($file)['uri'];", **{"php_admin_value[output_buffering]": "4096"})
    r = get(s, """$GLOBALS['own'] = new Told('the request'); register_shutdown_function(function () { echo ' and said'; });
        $GLOBALS['mine'] = tmpfile(); $GLOBALS['z'] = fopen('compress.zlib://' . __DIR__ . '/shared/z', 'w'); fwrite($GLOBALS['z'], 'whole');
        return $GLOBALS['of_boot'] . ' ' . stream_get_meta_data($GLOBALS['mine'])['uri'];""")
    of_boot, of_request, said = r.text.split(" ", 2)
    assert said == "and said"
    s.wait_log("destructor of the request")
    said = re.findall(r"\[pool www\] (destructor of .*|shutdown of .*|the rest .*)", s.log())
    assert said == ["the rest of the script", "shutdown of the boot", "destructor of the boot", "destructor of the request"]
    procs.until("its temporary file to be removed", lambda: not os.path.exists(of_request))
    assert get(s, "return file_get_contents('compress.zlib://' . __DIR__ . '/shared/z');").text == "whole"
    assert os.path.exists(of_boot)
    s.stop()
    assert not os.path.exists(of_boot)


def test_uploads_bodies_and_work_after_the_reply(app):
    s = app()
    multipart = b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\r\nContent-Type: text/plain\r\n\r\nin it\r\n--B--\r\n"
    r = get(s, "return $_FILES['f']['tmp_name'] . ' ' . file_get_contents($_FILES['f']['tmp_name']);", body=multipart, REQUEST_METHOD="POST",
            CONTENT_TYPE="multipart/form-data; boundary=B")
    path, content = r.text.split(" ", 1)
    assert content == "in it"
    procs.until("the upload to be removed", lambda: not os.path.exists(path))
    assert get(s, "return file_get_contents('php://input');", body=b"x" * 100000, REQUEST_METHOD="PUT").text == "x" * 100000
    r = get(s, "echo 'reply'; fpmd_finish_request(); file_put_contents(__DIR__ . '/shared/late', 'done'); return 'dropped';")
    assert r.text == "reply"
    procs.until("the work after the reply", lambda: procs.content(os.path.join(s.shared, "late")) == "done")


SHARED = "worker.script has left what its forks (worker.requests = 1) cannot share: "
FFI = "$c = FFI::cdef('typedef void *(*run)(void *); int eventfd(unsigned, int); void *dlsym(void *, const char *); int pthread_create(void *, void *, run, void *);');"
THREAD = FFI + "$id = $c->new('unsigned long[1]'); $c->pthread_create($id, null, $c->cast('run', $c->dlsym(null, 'pause')), null);"
REFUSED = {
    "a socket": ("$GLOBALS['s'] = stream_socket_client('unix://' . __DIR__ . '/shared/peer');", r"a socket to \S+/shared/peer"),
    "a listener": ("$GLOBALS['s'] = stream_socket_server('tcp://127.0.0.1:0');", r"a socket \("),
    "a persistent one in use": ("$GLOBALS['s'] = pfsockopen('unix://' . __DIR__ . '/shared/peer');", r"a socket to \S+/shared/peer"),
    "a pipe": ("$GLOBALS['p'] = popen('cat', 'w');", r"a pipe \("),
    "pipes of a process": ("$GLOBALS['p'] = proc_open('cat', [['pipe', 'r'], ['pipe', 'w']], $GLOBALS['q']);", r"a pipe \(.*\), a pipe \("),
    "a session": ("session_start();", r"a session is open"),
    "a database file": ("$d = new PDO('sqlite:' . __DIR__ . '/shared/db'); $d->exec('create table if not exists t (a)'); $GLOBALS['d'] = $d;",
                        r"a database of SQLite \(\S+/shared/db\)"),
    "a queue": (FFI + "$c->eventfd(0, 0);", r"a queue of the kernel's \(anon_inode:\[eventfd\]\)"),
    "a thread": (THREAD, r"a thread \(fpmd-zygote\)"),
}


def test_boots_that_cannot_be_forked_are_refused_by_name(app):
    """A reload is refused and the old generation goes on; so is a start. All that is found is named."""
    s = app(**{"php_admin_value[ffi.enable]": "1", "php_admin_value[session.save_path]": "/tmp"})
    boot = get(s).header("X-Boot")
    with programs.socket.socket(programs.socket.AF_UNIX) as peer:
        peer.bind(os.path.join(s.shared, "peer"))
        os.chmod(os.path.join(s.shared, "peer"), 0o777)
        peer.listen(64)
        for name, (code, pattern) in REFUSED.items():
            s.script("app.php", APP % code)
            done = s.ctl("reload")
            assert done.returncode == 1 and re.search(re.escape(SHARED) + pattern, done.stderr), (name, done.stderr)
            assert get(s).header("X-Boot") == boot, name
        s.script("app.php", APP % (REFUSED["a session"][0] + REFUSED["a listener"][0]))
        assert re.search(r"a session is open \(.*\), a socket \(", s.ctl("reload").stderr)
        for fit in ("$s = pfsockopen('unix://' . __DIR__ . '/shared/peer'); unset($s);",
                    "$s = stream_socket_client('unix://' . __DIR__ . '/shared/peer'); fclose($s);",
                    "session_start(); session_write_close();",
                    "$d = new PDO('sqlite:' . __DIR__ . '/shared/db', null, null, [PDO::ATTR_PERSISTENT => true]); $d->exec('select 1'); unset($d);",
                    "$GLOBALS['h'] = fopen('/etc/passwd', 'r'); $GLOBALS['e'] = fopen('php://stderr', 'w');"):
            s.script("app.php", APP % fit)
            assert s.ctl("reload").returncode == 0, fit
            assert get(s).text == "hello", fit


@pytest.mark.skipif(not programs.ROOT, reason="only root enters a chroot")
def test_a_chroot_without_proc_has_the_same_rules(app):
    s = app(started=False, **{"php_admin_value[ffi.enable]": "1"})
    s.pools["www"].update({"chroot": s.folder, "worker.script": "/app.php"})
    s.start()
    boot = get(s).header("X-Boot")
    assert len({get(s, "return getmypid();").text for _ in range(4)}) == 4
    for code, told in ((REFUSED["a listener"][0], r"a socket \((descriptor \d+|tcp://127.0.0.1:0)\)"), (THREAD, "a thread"), ("session_save_path(\"/shared\"); session_start();", "a session is open")):
        s.script("app.php", APP % code)
        done = s.ctl("reload")
        assert done.returncode == 1 and re.search(re.escape(SHARED) + told, done.stderr), done.stderr
        assert get(s).header("X-Boot") == boot
    s.script("app.php", APP % "$GLOBALS['h'] = fopen(__FILE__, 'r');")
    assert s.ctl("reload").returncode == 0
    assert get(s).text == "hello"


FAILURES = {
    "throw new LogicException('no database');": r"Uncaught LogicException: no database in \S+app\.php",
    "exit(7);": r"app\.php ended \(exit status 7\) before its first fpmd_handle_request\(\)",
    "no syntax;": r"syntax error, .* in \S+app\.php on line",
    "for (;;);": r"Maximum execution time of 1 second exceeded in \S+app\.php",
    "posix_kill(getmypid(), 9);": r"the zygote ended",
}


def test_a_boot_that_fails_refuses_the_reload(app):
    s = app(**{"worker.boot_timeout": "1s", "security.pcntl": "yes"})
    boot = get(s).header("X-Boot")
    for code, pattern in FAILURES.items():
        s.script("app.php", APP % code)
        done = s.ctl("reload")
        assert done.returncode == 1 and re.search(pattern, done.stderr), (code, done.stderr)
        assert get(s).header("X-Boot") == boot
    s.script("app.php", APP % "if (pcntl_fork() === 0) { fpmd_handle_request(fn () => 1); exit(0); } pcntl_wait($status); echo 'printed';")
    assert s.ctl("reload").returncode == 0
    assert get(s).header("X-Boot") != boot
    s.wait_log("printed 7 bytes before its first request, which nobody gets: printed")


@pytest.mark.parametrize("pm", ["static", "dynamic", "ondemand"])
def test_process_managers(app, pm):
    s = app(started=False, **{"pm": pm, "pm.max_children": "3", "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "2",
                              "pm.process_idle_timeout": "1s", "pm.status_path": "/status", "ping.path": "/ping", "access.log": "$pool.access"})
    s.pools["www"]["access.log"] = os.path.join(s.folder, "access")
    s.start()
    with Load(s.address(), fastcgi.environment(s.app, CODE="return getmypid();"), clients=4) as load:
        load.wait_more(150)
    assert load.failures() == [] and len({r.body for r in load.results}) == len(load.results)
    assert boots(s) == 1
    assert s.client().request(fastcgi.environment("/ping", root="")).text == "pong"
    status = json.loads(s.client().request(fastcgi.environment("/status", root="", QUERY_STRING="json&full")).text)
    assert status["accepted conn"] >= len(load.results)
    lines = procs.content(s.pools["www"]["access.log"]).splitlines()
    assert sum("app.php" in line for line in lines) == len(load.results)
    if pm != "static":
        s.script("app.php", "<?php throw new LogicException('not booted');")
        assert s.ctl("reload").returncode == 1


def test_a_process_that_the_boot_has_forked_holds_nothing_up(app):
    """It lives on, without the zygote's sockets: workers hear of their end, and of the next generation."""
    s = app("if (pcntl_fork() === 0) { for (;;) sleep(1000); }", **{"security.pcntl": "yes", "catch_workers_output": "no"})
    assert get(s).text == "hello"
    old = s.workers()
    assert s.ctl("reload").returncode == 0
    procs.until("the old workers to end", lambda: not any(procs.alive(pid) and procs.comm(pid) == "fpmd-worker" for pid in old))
    assert get(s).text == "hello"


def test_a_failing_application_keeps_a_pool_from_starting(make):
    s = make({"www": {"pm": "ondemand", "worker.script": "/no/such.php", "worker.requests": "1"}})
    _, said = s.start_expecting_failure()
    assert "worker.script /no/such.php cannot be opened: No such file or directory" in said


def test_reloads_and_deaths_under_load(app):
    """Reloads and the death of the process that has booted lose nothing; a worker's death loses what it has in hand."""
    s = app(**{"pm.max_children": "3"})
    with Load(s.address(), fastcgi.environment(s.app), clients=3) as load:
        for keep in range(2):
            load.wait_more(50)
            assert s.ctl("reload").returncode == 0
        for _ in range(2):
            load.wait_more(50)
            zygote, = s.wait_zygotes(1)
            os.kill(zygote, signal.SIGKILL)
            procs.wait_gone(zygote)
            s.wait_zygotes(1)
        load.wait_more(50)
        assert load.failures() == []
        killed = 0
        for _ in range(5):
            load.wait_more(5)
            for pid in s.workers()[:1]:
                procs.kill(pid, signal.SIGKILL)
                killed += 1
        load.wait_more(50)
    assert len(load.failures()) <= killed
    with Load(s.address(), fastcgi.environment(s.app), clients=3, keep=True) as load:
        load.wait_more(50)
        assert s.ctl("reload").returncode == 0
        load.wait_more(50)
    assert load.failures() == []
    assert boots(s) == 6


def test_it_boots_anew_when_it_is_old(app):
    s = app(**{"worker.max_age": "1s"})
    with Load(s.address(), fastcgi.environment(s.app), clients=2) as load:
        procs.until("three boots", lambda: boots(s) >= 3)
    assert load.failures() == []


def test_what_has_booted_dies_and_cannot_boot_again(app):
    s = app()
    s.script("app.php", APP % "throw new LogicException('broken since');")
    zygote, = s.zygotes()
    os.kill(zygote, signal.SIGKILL)
    assert get(s).text == "hello"
    s.wait_log("a fresh zygote does not start: .*broken since")
    s.script("app.php", APP % "")
    assert get(s).text == "hello"


def test_without_a_master_each_fork_has_its_successor(app):
    s = app()
    zygote, = s.zygotes()
    os.kill(s.pid, signal.SIGKILL)
    for _ in range(8):
        assert get(s).text == "hello"
    os.kill(zygote, signal.SIGTERM)
    procs.wait_gone(zygote)


def test_limits_of_a_fork(app):
    """Time limits, the slow log, and a copy that the request makes of its process."""
    s = app(started=False, **{"request_terminate_timeout": "2s", "request_slowlog_timeout": "1s", "slowlog": "slow", "security.pcntl": "yes"})
    s.pools["www"]["slowlog"] = os.path.join(s.folder, "slow")
    s.start()
    assert not get(s, "sleep(30);").complete
    procs.until("the slow log", lambda: "app.php" in procs.content(s.pools["www"]["slowlog"]))
    assert get(s, "if (($p = pcntl_fork()) === 0) { return 'copy'; } pcntl_waitpid($p, $status); return 'parent';").text == "parent"
    assert get(s).text == "hello"
    assert boots(s) == 1
