# SPDX-License-Identifier: MIT
"""Errors of scripts: status, what the web server's log gets on STDERR, what our own log gets."""

import re

import pytest

import server as programs

NOFUNC = "PHP message: PHP Fatal error:  Uncaught Error: Call to undefined function nofunc() in {0}:1\nStack trace:\n#0 {{main}}\n  thrown in {0} on line 1"

# code -> (status, body, STDERR); {0} is the script's path. None: not looked at here, only compared.
ERRORS = {
    "fatal error": ("nofunc();", 500, b"", NOFUNC),
    "fatal error behind buffered output": ("echo 'x'; nofunc();", 500, b"x", NOFUNC),
    "fatal error behind sent headers": ("while (ob_get_level()) ob_end_flush(); echo 'x'; flush(); nofunc();", 200, b"x", NOFUNC),
    "exception": ("throw new Exception('boom');", 500, b"",
                  "PHP message: PHP Fatal error:  Uncaught Exception: boom in {0}:1\nStack trace:\n#0 {{main}}\n  thrown in {0} on line 1"),
    "status chosen before the error stays": ("http_response_code(418); nofunc();", 418, b"", NOFUNC),
    "warning": ("echo $x, 'on';", 200, b"on", "PHP message: PHP Warning:  Undefined variable $x in {0} on line 1"),
    "several messages are joined": ("error_log('a'); error_log('b'); trigger_error('c', E_USER_NOTICE);", 200, b"",
                                    "PHP message: a; PHP message: b; PHP message: PHP Notice:  c in {0} on line 1"),
    "message of two lines": ("error_log(\"a\\nb\");", 200, b"", "PHP message: a\nb"),
    "silenced error": ("echo @$x, 'on';", 200, b"on", ""),
    "log_errors off": ("ini_set('log_errors', '0'); echo $x;", 200, b"", ""),
    "error_log elsewhere": ("ini_set('error_log', '/dev/null'); echo $x; error_log('m');", 200, b"", ""),
    "error handler": ("set_error_handler(function ($n, $t) { echo \"[$t]\"; return true; }); echo $x;", 200, b"[Undefined variable $x]", ""),
    "exception handler": ("set_exception_handler(function ($e) { echo get_class($e); }); nofunc();", 200, b"Error", ""),
    "display_errors": ("ini_set('display_errors', '1'); nofunc();", 200, None, NOFUNC),
    "html_errors off": ("ini_set('display_errors', '1'); ini_set('html_errors', '0'); echo $x;", 200, None, None),
    "display_errors = stderr": ("ini_set('display_errors', 'stderr'); echo $x;", 200, None, None),
    "parse error": ("echo 'x' nosyntax", 500, b"",
                    'PHP message: PHP Parse error:  syntax error, unexpected identifier "nosyntax", expecting "," or ";" in {0} on line 1'),
    "memory limit": ("ini_set('memory_limit', '4M'); str_repeat('x', 9000000);", 500, b"",
                     "PHP message: PHP Fatal error:  Allowed memory size of 4194304 bytes exhausted (tried to allocate N bytes) in {0} on line 1"),
    "time limit": ("set_time_limit(1); while (1);", 500, b"",
                   "PHP message: PHP Fatal error:  Maximum execution time of 1 second exceeded in {0} on line 1"),
    "exit(0)": ("exit(0);", 200, b"", ""),
    "missing include": ("include 'no-such-file.php'; echo 'on';", 200, b"on", None),
    "missing require": ("require 'no-such-file.php'; echo 'on';", 500, b"", None),
    "stack overflow of shutdown functions": ("register_shutdown_function(function () { nofunc(); }); echo 'x';", 500, b"x", None),
    "error in a destructor": ("class D { function __destruct() { nofunc(); } } $d = new D; echo 'x';", 500, b"x", None),
    "error in an output callback": ("ob_start(function ($b) { return $b . '!'; }); echo 'x';", 200, b"x!", ""),
    "php://stderr goes elsewhere": ("file_put_contents('php://stderr', 'raw'); echo 'x';", 200, b"x", ""),
    "error_log type 4": ("error_log('to the sapi', 4); echo 'x';", 200, b"x", "PHP message: to the sapi"),
    "syslog-like bytes": ("error_log(\"\\x01\\x1b[31mred\");", 200, b"", None),
}


@pytest.mark.parametrize("what", ERRORS)
def test_error(backend, what):
    code, status, body, stderr = ERRORS[what]
    path = backend.site.script("<?php " + code)
    r = backend.run(path)
    assert r.complete and r.status == status
    if body is not None:
        assert r.body == body
    if stderr is not None:
        assert re.sub(r"allocate \d+ bytes", "allocate N bytes", r.stderr.decode()) == stderr.format(path)
    assert backend.run("<?php echo 'alive';").body == b"alive"


@pytest.mark.parametrize("what", ERRORS)
def test_error_as_in_php_fpm(both, what):
    if what == "memory limit" and programs.embeds_another_release():
        pytest.skip("the two differ in what happens when memory runs out")
    a, b = [x.run("<?php " + ERRORS[what][0]) for x in both]
    assert (b.stdout, b.protocol_status) == (a.stdout, a.protocol_status)
    assert b.stderr == a.stderr


@pytest.mark.parametrize("n", [1000, 3000, 100000])
def test_long_message(backend, n):
    r = backend.run(f"<?php error_log(str_repeat('y', {n})); echo 1;")
    assert r.body == b"1"
    if n > 1000 and backend.reference("long-messages"):
        assert r.stderr.endswith(b"yyy...") and len(r.stderr) < 1100
        return
    assert r.stderr == b"PHP message: " + b"y" * n


def test_application_status_of_a_fatal_error(backend):
    assert backend.run("<?php nofunc();").app_status == (0 if backend.reference("exit-status") else 255)


@pytest.mark.parametrize("status", [1, 3, 255])
def test_exit_status_is_the_application_status(backend, status):
    r = backend.run(f"<?php exit({status});")
    assert (r.status, r.body, r.protocol_status) == (200, b"", 0)
    assert r.app_status == (0 if backend.reference("exit-status") else status)


def test_exit_status_is_that_of_this_request_only(backend):
    with backend.connect("one") as c:
        c.request(backend.params("<?php exit(7);"))
        assert c.request(backend.params("<?php echo 'x';"), request_id=2).app_status == 0


def test_fatal_error_leaves_the_connection_usable(backend):
    with backend.connect("one") as c:
        for _ in range(5):
            assert c.request(backend.params("<?php nofunc();")).status == 500
            assert c.request(backend.params("<?php echo getmypid();")).status == 200


def test_messages_of_one_request_do_not_reach_the_next(backend):
    with backend.connect("one") as c:
        assert c.request(backend.params("<?php error_log('mine');")).stderr == b"PHP message: mine"
        assert c.request(backend.params("<?php echo 1;"), request_id=2).stderr == b""


def test_time_limit_of_one_request_ends_with_it(backend):
    with backend.connect("one") as c:
        assert c.request(backend.params("<?php set_time_limit(1); echo 1;")).text == "1"
        assert c.request(backend.params("<?php echo ini_get('max_execution_time');"), request_id=2).text == "30"


def test_php_messages_reach_our_own_log(backend):
    since = len(backend.server.log())
    backend.run("<?php error_log('note to self'); echo $undefined;")
    if backend.reference("error-log"):
        assert "note to self" not in backend.server.log()
        return
    backend.server.wait_log(r"\[pool www\].*note to self", since)
    backend.server.wait_log(r"\[pool www\].*Undefined variable \$undefined in \S+ on line 1", since)


def test_refused_script_reaches_our_own_log(backend):
    since = len(backend.server.log())
    path = backend.site.file("denied/image.png", "<?php echo 'ran';")
    backend.run(path)
    if backend.reference("error-log"):
        return
    backend.server.wait_log(r"\[pool www\].*Access to the script '" + path, since)


def test_missing_scripts_do_not_fill_our_own_log(backend):
    """Anybody can ask for what is not there: the web server's log has it."""
    since = len(backend.server.log())
    backend.run(backend.site.root + "/none.php")
    backend.run(backend.site.file("denied/image.png", "<?php echo 'ran';"))
    if not backend.reference("error-log"):
        backend.server.wait_log("Access to the script", since)
    assert "Primary script unknown" not in backend.server.log()[since:]


def test_log_lines_cannot_be_forged(backend):
    since = len(backend.server.log())
    backend.run("<?php error_log(\"first\\n[01-Jan-2000 00:00:00] ALERT: forged\");")
    if backend.reference("error-log"):
        return
    backend.server.wait_log("first", since)
    assert not [line for line in backend.server.log()[since:].splitlines() if line.startswith("[01-Jan-2000")]


def test_logging_to_the_web_server_can_be_turned_off(backend):
    r = backend.run("<?php error_log('quiet'); echo $x, 'on';", pool="quiet")
    assert (r.body, r.stderr) == (b"on", b"")


def test_crash_of_php_closes_the_connection_and_the_pool_serves_on(backend):
    with backend.connect() as c:
        import fastcgi
        c.send(fastcgi.request_bytes(backend.params("<?php posix_kill(getmypid(), 11);")))
        assert not c.read_response().complete if backend.name == "fpmd" else c.read_eof() == b""
    import procs
    procs.until("the pool to serve", lambda: backend.run("<?php echo 'alive';").body == b"alive")
