# SPDX-License-Identifier: MIT
"""worker.script: an application that boots once. How it starts, serves, fails and ends; what it leaves to the next request is in
test_booted_reset.py."""

import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import time

import pytest

import fastcgi
import procs
import server as programs
from load import Load

# Requests say by their query what the callback does.
APP = """<?php
$boot = bin2hex(random_bytes(4));
$n = 0;
$handler = static function () use (&$n, $boot) {
    $n++;
    header("X-Boot: $boot");
    header("X-N: $n");
    switch ($_GET['do'] ?? '') {
    case 'exit': echo 'exits'; exit(3);
    case 'throw': echo 'throws'; throw new RuntimeException('thrown here');
    case 'again': set_exception_handler(fn () => throw new LogicException('thrown by the handler')); throw new RuntimeException('thrown here');
    case 'handled': set_exception_handler(function ($e) { echo 'handles ', $e->getMessage(); }); throw new RuntimeException('what was thrown');
    case 'leave': set_exception_handler(function () { echo 'leaves'; exit(4); }); throw new RuntimeException('thrown here');
    case 'error': echo 'calls'; no_such_function();
    case 'memory': str_repeat('x', 1 << 28);
    case 'time': echo 'spins'; set_time_limit(1); for (;;);
    case 'kill': posix_kill(getmypid(), 9);
    case 'kept': register_shutdown_function(function () { echo ' and said'; }); echo 'said'; break;
    case 'nested': try { fpmd_handle_request(fn () => 1); } catch (RuntimeException $e) { echo get_class($e); } break;
    case 'finish': echo 'one'; var_dump(frankenphp_finish_request()); echo 'two'; $GLOBALS['late'] = json_encode([fpmd_finish_request()]); break;
    case 'late': echo $GLOBALS['late'] ?? '', headers_sent() ? 'sent' : ''; break;
    case 'send': header('X-A: 1'); echo headers_send(103), http_response_code(), json_encode(fpmd_response_headers()); break;
    case 'log': fpmd_log('said by the script', 4, ['a' => 1]); break;
    case 'headers': echo json_encode(frankenphp_request_headers()); break;
    case 'server': echo json_encode($_SERVER); break;
    case 'env': echo json_encode([getenv('FRANKENPHP_WORKER'), $_SERVER['FRANKENPHP_WORKER'] ?? null, $GLOBALS['at_boot']]); break;
    case 'body': echo json_encode([$_POST, $_FILES, file_get_contents('php://input')]); break;
    case 'upload': echo $_FILES['f']['tmp_name'], ' ', file_get_contents($_FILES['f']['tmp_name']); break;
    case 'session': session_start(); echo $_SESSION['who'] ?? 'nobody'; $_SESSION['who'] = $_GET['who'] ?? null; break;
    case 'pid': echo getmypid(); break;
    case 'sleep': usleep((int) $_GET['us']); echo 'slept'; break;
    case 'fork': if (($p = pcntl_fork()) === 0) { echo 'copy'; return; } pcntl_waitpid($p, $status); echo 'parent'; break;
    default: echo 'hello';
    }
};
$at_boot = [getenv('FRANKENPHP_WORKER'), $_SERVER['FRANKENPHP_WORKER'], $_SERVER['SCRIPT_FILENAME'], getcwd()];
while (%s) {
}
"""
LOOP = "frankenphp_handle_request($handler)"


@pytest.fixture
def app(make):
    """app(loop, code, **directives) -> a running Fpmd whose pool's worker.script is the application."""
    def run(loop=LOOP, code=None, **directives):
        s = make({"www": {"pm.max_children": "1", **directives}})
        s.app = s.script("app.php", code or APP % loop)
        s.pools["www"]["worker.script"] = s.app
        return s.start()
    return run


def get(s, do="", client=None, body=b"", **more):
    return (client or s.client()).request(fastcgi.environment(s.app, body=body, query=f"do={do}" if do else "", **more), body,
                                          keep=client is not None)


def test_a_script_that_does_not_hear_of_the_end_is_ended(app):
    s = app(code="<?php while (true) { fpmd_handle_request(function () { echo getmypid(); }); }", **{"pm.max_requests": "2"})
    pids = [int(get(s).text) for _ in range(4)]
    assert len(set(pids)) == 2
    procs.until("the first of them to end", lambda: not procs.alive(pids[0]))
    assert re.findall(r"WARNING: .*app.php goes on to call fpmd_handle_request\(\) after it has returned false, and is ended there", s.log())


@pytest.mark.parametrize("setting", ["session.serialize_handler", "session.save_handler"])
def test_a_setting_of_the_web_servers_that_is_no_value_costs_no_request(app, setting):
    """As in other pools: who uses it hears of it."""
    s = app(**{"php_value[display_errors]": "1"})
    s.script("app.php", "<?php while (fpmd_handle_request(function () { echo ini_get($_GET['of']), ' ', json_encode(@session_start()), getmypid(); }));")
    s.reload()
    ask = lambda **more: s.client().request(fastcgi.environment(s.app, query=f"of={setting}", **more)).text
    before = ask()
    assert ask(PHP_VALUE=f"{setting}=zz") == before.replace(before.split()[0], "zz").replace("true", "false")
    assert ask() == before


def test_it_boots_once_for_many_requests(app):
    s = app()
    replies = [get(s) for _ in range(5)]
    assert [r.text for r in replies] == ["hello"] * 5
    assert [r.header("X-N") for r in replies] == ["1", "2", "3", "4", "5"]
    assert len({r.header("X-Boot") for r in replies}) == 1


def test_kept_connections_are_served_too(app):
    s = app()
    with s.client() as client:
        assert [get(s, client=client).header("X-N") for _ in range(3)] == ["1", "2", "3"]


def test_every_request_is_the_scripts(app):
    s = app()
    for path in ("/no/such/file.php", s.app + "/x", "/etc/passwd"):
        assert s.client().request(fastcgi.environment(path)).text == "hello"


def test_ping_and_status_are_the_pools(app):
    s = app(**{"ping.path": "/ping", "pm.status_path": "/status"})
    assert s.client().request(fastcgi.environment("/ping", root="")).text == "pong"
    assert "accepted conn" in s.client().request(fastcgi.environment("/status", root="")).text
    assert get(s).header("X-N") == "1"


def test_what_the_script_knows_of_its_mode(app):
    s = app()
    inside, server, at_boot = json.loads(get(s, "env").text)
    assert (inside, server) == (False, None)
    assert at_boot == ["1", "1", s.app, s.folder]


def test_other_pools_do_not_have_the_functions(make):
    s = make({"www": {}, "other": {"worker.script": "/x"}})
    s.app = s.script("app.php", APP % LOOP)
    s.pools["other"]["worker.script"] = s.app
    s.start()
    names = ["fpmd_handle_request", "frankenphp_handle_request", "headers_send", "frankenphp_log"]
    script = s.script("has.php", f"<?php echo json_encode(array_map('function_exists', json_decode('{json.dumps(names)}')));")
    assert s.run(script).text == "[false,false,false,false]"


@pytest.mark.parametrize("do, text, app_status", [("exit", "exits", 3), ("memory", "", 255), ("time", "spins", 255)])
def test_what_ends_the_script_costs_that_request_alone(app, do, text, app_status):
    s = app()
    first = get(s)
    r = get(s, do)
    assert text in r.text and r.app_status == app_status
    after = get(s)
    assert after.text == "hello" and after.header("X-N") == "1" and after.header("X-Boot") != first.header("X-Boot")
    assert not re.search(r"(WARNING|ALERT).*exited", s.log())


@pytest.mark.parametrize("do, message", [("throw", "Uncaught RuntimeException: thrown here"), ("error", "undefined function no_such_function")])
def test_an_uncaught_exception_ends_its_request(app, do, message):
    s = app()
    boot = get(s).header("X-Boot")
    r = get(s, do)
    assert r.header("Status").startswith("500") and message in r.stderr.decode()
    after = get(s)
    assert (after.text, after.header("X-Boot"), after.header("X-N")) == ("hello", boot, "3")


def test_an_exception_handler_acts_as_in_a_script(app):
    """What it throws itself is told, what it handles is no fault, and it may end the script."""
    s = app()
    assert (get(s, "handled").text, get(s).header("X-N")) == ("handles what was thrown", "2")
    r = get(s, "again")
    assert r.header("Status").startswith("500") and "Uncaught LogicException: thrown by the handler" in r.stderr.decode() and r.app_status == 255
    assert get(s).text == "hello"
    r = get(s, "leave")
    assert (r.text, r.app_status) == ("leaves", 4)
    assert (get(s).text, get(s).header("X-N")) == ("hello", "2")


def test_a_callback_that_a_fiber_has_left_ends_with_the_script(app):
    """By PHP's own exception of a fiber that goes, which no handler of the script's hears of."""
    s = app(code="""<?php
        set_exception_handler(fn ($e) => fpmd_log('handler: ' . get_class($e)));
        $fiber = new Fiber(fn () => fpmd_handle_request(function () { echo 'begun'; try { Fiber::suspend(); } finally { fpmd_log('left'); } echo 'never'; }));
        $fiber->start();""")
    for n in (1, 2):
        r = get(s)
        assert (r.text, r.complete) == ("begun", True)
        procs.until("the callback to be left", lambda: s.log().count("left") == n)
    assert "handler" not in s.log()


def test_a_killed_worker_is_replaced(app):
    s = app()
    assert not get(s, "kill").complete
    assert get(s).header("X-N") == "1"


def test_shutdown_functions_of_a_request_run_at_its_end(app):
    s = app()
    assert get(s, "kept").text == "said and said"
    assert get(s).text == "hello"


def test_a_fatal_error_meets_the_boots_shutdown_functions(app):
    code = (APP % LOOP).replace("<?php", "<?php register_shutdown_function(function () { if ($e = error_get_last()) echo ' shown: ', $e['message']; });")
    s = app(code=code)
    assert "shown: Allowed memory size" in get(s, "memory").text
    assert get(s).text == "hello"


def test_a_call_within_a_call_is_refused(app):
    s = app()
    assert get(s, "nested").text == "RuntimeException"
    assert get(s).text == "hello"


def test_a_finished_request_goes_on(app):
    s = app()
    assert get(s, "finish").text == "one"
    assert get(s, "late").text == "[false]"


def test_headers_of_both_sides(app):
    s = app()
    r = get(s, "send")
    assert r.text.startswith("1200") and json.loads(r.text[4:])["X-A"] == "1"
    assert json.loads(get(s, "headers", HTTP_X_FOO="bar").text)["X-Foo"] == "bar"


def test_log_of_a_script(app):
    s = app()
    get(s, "log")
    s.wait_log(r'WARNING: .*said by the script \{"a":1\}')


def test_forms_bodies_and_uploads(app):
    s = app()
    form = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/x-www-form-urlencoded"}
    assert json.loads(get(s, "body", body=b"a=1", **form).text) == [{"a": "1"}, [], "a=1"]
    assert json.loads(get(s, "body", body=b"raw", REQUEST_METHOD="PUT", CONTENT_TYPE="text/plain").text) == [[], [], "raw"]
    assert json.loads(get(s, "body").text) == [[], [], ""]
    multipart = (b"--B\r\nContent-Disposition: form-data; name=\"f\"; filename=\"n\"\r\nContent-Type: text/plain\r\n\r\nin it\r\n--B--\r\n")
    path, content = get(s, "upload", body=multipart, REQUEST_METHOD="POST", CONTENT_TYPE="multipart/form-data; boundary=B").text.split(" ", 1)
    assert content == "in it" and get(s).text == "hello" and not os.path.exists(path)


def test_two_users_sessions_in_one_worker(app):
    s = app(**{"php_admin_value[session.use_strict_mode]": "0"})
    folder = s.shared_folder("sessions")
    s.pools["www"]["php_admin_value[session.save_path]"] = folder
    s.write_config()
    assert s.ctl("reload").returncode == 0
    for who in ("alice", "bob"):
        assert get(s, f"session&who={who}", HTTP_COOKIE=f"PHPSESSID={who}").text == "nobody"
    for _ in range(3):
        for who in ("alice", "bob"):
            assert get(s, f"session&who={who}", HTTP_COOKIE=f"PHPSESSID={who}").text == who
    assert get(s, "session").text == "nobody"


def test_limits_of_a_workers_life(app):
    s = app(**{"worker.requests": "3"})
    boots = [get(s).header("X-Boot") for _ in range(9)]
    assert [boots.count(b) for b in dict.fromkeys(boots)] == [3, 3, 3]


def test_max_age(app):
    s = app(**{"worker.max_age": "1s"})
    first = get(s).header("X-Boot")
    deadline = time.monotonic() + 10
    while get(s).header("X-Boot") == first:
        assert time.monotonic() < deadline


def test_a_script_that_counts_its_requests(app):
    s = app(loop=f"$n < 2 && {LOOP}")
    with s.client() as client:
        seen = []
        for _ in range(6):
            seen.append(get(s).header("X-N"))
    assert seen == ["1", "2"] * 3


def test_a_script_that_has_ended_serves_no_more(app):
    """Nor does its shutdown function; and one that calls there for the first time has not booted."""
    more = f"register_shutdown_function(function () use ($handler) {{ fpmd_log('more: ' . json_encode({LOOP})); }});"
    s = app(code=(APP % LOOP).replace("while (", more + " if ("))
    assert [get(s).header("X-N") for _ in range(3)] == ["1"] * 3
    s.wait_log("more: false")
    s.script("app.php", (APP % LOOP).replace("while (", more + " if (false && "))
    r = s.ctl("reload")
    assert r.returncode != 0 and "before its first fpmd_handle_request()" in r.stderr


def test_the_script_is_told_when_its_worker_ends(app):
    code = (APP % LOOP) + "fpmd_log('the loop is over');"
    s = app(code=code)
    get(s)
    assert s.ctl("reload").returncode == 0
    s.wait_log("the loop is over")


def test_output_of_a_boot_is_told(app):
    code = "<?php echo 'printed too early'; ?>" + APP % LOOP
    s = app(code=code)
    assert get(s).text == "hello"
    s.wait_log("printed 17 bytes before its first request, which nobody gets: printed too early")
    s.stop()
    assert s.log().count("bytes before its first request") == 1


# What the script does between two requests, and what is seen of it.
BETWEEN = {
    "a text of its own": ("ob_start(); echo 'be'; echo 'tween'; fpmd_log('got ' . ob_get_clean());", "got between"),
    "left open": ("ob_start(); echo 'bet'; ob_start(fn ($b) => strtoupper($b)); echo 'ween';", "betWEEN"),
    "none": ("echo 'between'; flush(); header('X-A: 1'); http_response_code(404);", "between"),
    "by a destructor": ("$d = new D; unset($d);", "got between"),
    "by a destructor in the request": ("$_SERVER['d'] = $_GET['d'] = new D;", "got between"),
}


@pytest.mark.parametrize("what", BETWEEN)
def test_output_between_two_requests_is_not_the_next_ones(app, what):
    code, seen = BETWEEN[what]
    d = "class D { function __destruct() { ob_start(); echo 'between'; fpmd_log('got ' . ob_get_clean()); } }"
    code = APP.replace("<?php", f"<?php {d}").replace("(%s) {", "(" + LOOP + ") { " + code).replace("default: ", "default: " + (
        code if "in the request" in what else ""))
    s = app(code=code, catch_workers_output="yes")
    head = {"REQUEST_METHOD": "HEAD"}
    replies = [get(s), get(s, **head), get(s), get(s)]
    assert [r.text for r in replies] == ["hello", "", "hello", "hello"]
    assert len({r.header("X-Boot") for r in replies}) == 1
    assert {(r.header("X-A"), r.header("Status")) for r in replies} == {(None, None)}
    assert s.ctl("reload").returncode == 0
    s.wait_log(seen)


def test_an_exception_of_output_left_open_ends_the_script(app):
    code = APP.replace("(%s) {", "(" + LOOP + ") { ob_start(function () { throw new LogicException('left open'); });")
    s = app(code=code)
    first, second = get(s), get(s)
    assert (first.text, second.text) == ("hello", "hello")
    assert first.header("X-Boot") != second.header("X-Boot")
    s.wait_log("Uncaught LogicException: left open")


# A request says what the script does after it.
AFTER = """<?php
$after = '';
while (frankenphp_handle_request(function () use (&$after) { $after = $_GET['do'] ?? ''; echo getmypid(); })) {
    if ($after === 'work') usleep(5000);
    while ($after === 'wait' && !file_exists(__DIR__ . '/go')) { usleep(1000); clearstatcache(); }
}
"""


@contextlib.contextmanager
def late_after_sendmsg(pids, out):
    """The processes stand still for a while at the end of their first sendmsg(2), which is how a connection gets to the park."""
    strace = subprocess.Popen(["strace", "-o", out, "-e", "trace=sendmsg", "-e", "inject=sendmsg:delay_exit=10000000:when=1",
                               *(f"--attach={pid}" for pid in pids)], stderr=subprocess.DEVNULL)
    try:
        for pid in pids:
            procs.until("strace to be attached", lambda: "TracerPid:\t0\n" not in procs.content(f"/proc/{pid}/status"))
        yield
        assert "sendmsg" in out.read_text(), "nobody was held up"
    finally:
        strace.terminate()
        strace.wait()


def test_who_works_on_after_a_request_is_not_idle_and_keeps_no_client(app, tmp_path):
    s = app(code=AFTER, **{"pm": "static", "pm.max_children": "2", "pm.status_path": "/status"})
    with s.client() as client, late_after_sendmsg(s.wait_workers(2), tmp_path / "calls"):
        assert get(s, "work", client=client).text == get(s, "wait", client=client).text != get(s, client=client).text
        status = json.loads(client.request(fastcgi.environment("/status", root="", QUERY_STRING="json&full"), keep=True).text)
        assert sorted(p["state"] for p in status["processes"]) == ["Finishing", "Running"]
        s.script("go", "")


FAILURES = {
    "throw new LogicException('no database');": r"Uncaught LogicException: no database in \S+app\.php:1 .* in \S+app\.php on line 1",
    "exit(7);": r"app\.php ended \(exit status 7\) before its first fpmd_handle_request\(\)",
    "no syntax;": r"syntax error, .* in \S+app\.php on line 1",
    "for (;;);": r"Maximum execution time of 1 second exceeded in \S+app\.php on line 1",
    "sleep(60);": r"Maximum execution time of 1 second exceeded in \S+app\.php on line 1",
}


@pytest.mark.parametrize("code", FAILURES)
def test_a_boot_that_fails_refuses_the_reload(app, code):
    s = app(**{"worker.boot_timeout": "1s"})
    boot = get(s).header("X-Boot")
    s.script("app.php", f"<?php {code}")
    done = s.ctl("reload")
    assert done.returncode == 1 and re.search(FAILURES[code], done.stderr), done.stderr
    after = get(s)
    assert after.header("X-Boot") == boot and re.search(FAILURES[code], s.log())
    s.script("app.php", APP % LOOP)
    assert s.ctl("reload").returncode == 0
    assert get(s).header("X-Boot") != boot


@pytest.mark.parametrize("pm", ["static", "dynamic", "ondemand"])
def test_a_start_without_application_fails_with_the_reason(make, pm):
    s = make({"www": {"pm": pm, "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "2", "worker.script": "/no/such.php"}})
    _, said = s.start_expecting_failure()
    assert "worker.script /no/such.php cannot be opened: No such file or directory" in said


@pytest.mark.parametrize("pm", ["static", "dynamic", "ondemand"])
def test_all_process_managers(app, pm):
    s = app(**{"pm": pm, "pm.max_children": "2", "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "2",
               "pm.process_idle_timeout": "1s"})
    assert [get(s).text for _ in range(3)] == ["hello"] * 3


def test_a_worker_that_still_boots_is_told_of(app):
    s = app(**{"pm.max_children": "1"})
    gate = os.path.join(s.shared_folder(), "open")
    s.script("app.php", (APP % LOOP).replace("<?php", f"<?php while (!file_exists('{gate}')) {{ usleep(10000); clearstatcache(); }}", 1))
    get(s, "exit")
    procs.until("the worker to boot", lambda: "booting" in s.ctl("status").stdout)
    open(gate, "w").close()
    assert get(s).text == "hello"


@pytest.mark.parametrize("keep", [False, True])
def test_reloads_and_ends_under_load_lose_nothing(app, keep):
    s = app(**{"pm.max_children": "3", "worker.requests": "50"})
    with Load(s.address(), fastcgi.environment(s.app), clients=3, keep=keep) as load:
        for _ in range(3):
            load.wait_more(100)
            assert s.ctl("reload").returncode == 0
        load.wait_more(100)
    assert load.failures() == []


def test_a_copy_of_a_worker_serves_nobody(app):
    s = app(**{"security.pcntl": "yes"})
    assert get(s, "fork").text == "parent"
    assert get(s).text == "hello"


def test_output_compression_follows_each_request(app):
    s = app(**{"php_admin_value[zlib.output_compression]": "1"})
    for accepted in ("gzip", None, "gzip"):
        r = get(s, **({"HTTP_ACCEPT_ENCODING": accepted} if accepted else {}))
        assert r.header("Content-Encoding") == accepted
        assert (gzip.decompress(r.body) if accepted else r.body) == b"hello"


def test_input_filters_see_their_request(app):
    s = app(code="<?php while (fpmd_handle_request(function () { echo json_encode([filter_input(INPUT_GET, 'x'), filter_input(INPUT_COOKIE, 'c')]); }));")
    assert s.client().request(fastcgi.environment(s.app, query="x=1", HTTP_COOKIE="c=2")).text == '["1","2"]'
    assert s.client().request(fastcgi.environment(s.app)).text == "[null,null]"


def test_two_pools_with_applications_of_their_own(make):
    s = make({"a": {"pm.max_children": "1"}, "b": {"pm.max_children": "1"}})
    for name in "ab":
        s.pools[name]["worker.script"] = s.script(f"{name}.php", "<?php $GLOBALS['mine'] = '%s'; putenv('MINE=%s');"
                                                  "while (fpmd_handle_request(function () { echo $GLOBALS['mine'], getenv('MINE'); }));" % (name, name))
    s.start()
    for _ in range(3):
        for name in "ab":
            assert s.client(name).request(fastcgi.environment(s.folder + "/x.php")).text == name * 2


def test_the_stub_file_has_the_functions(app):
    """Names, parameters, types and defaults."""
    stub = open(os.path.join(programs.TREE, "packaging", "php", "fpmd.stub.php")).read()
    wanted = sorted(re.findall(r"(?m)^function (\w+)\((.*?)\): (\w+) \{\}$", stub))
    assert len(wanted) == 11
    names = json.dumps([name for name, _, _ in wanted])
    shown = """foreach (json_decode('%s') as $name) {
        $f = new ReflectionFunction($name);
        $p = array_map(fn ($p) => $p->getType() . ' $' . $p->getName() . ($p->isOptional() ? ' = ' . json_encode($p->getDefaultValue()) : ''), $f->getParameters());
        $told[] = [$name, implode(', ', $p), (string) $f->getReturnType()];
    } echo json_encode($told);""" % names
    s = app(code="<?php while (fpmd_handle_request(function () { %s }));" % shown)
    assert [tuple(row) for row in json.loads(get(s).text)] == wanted
