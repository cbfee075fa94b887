# SPDX-License-Identifier: MIT
"""max_execution_time and its kin: what counts, who may change it, and that one request's time never ends another."""

import threading
import time

import pytest

import fastcgi
import server as programs

# burn(t): t seconds of the process's CPU time. cpu(): what it has had so far.
HELP = ("<?php function cpu() { $u = getrusage(); return $u['ru_utime.tv_sec'] + $u['ru_stime.tv_sec'] +"
        " ($u['ru_utime.tv_usec'] + $u['ru_stime.tv_usec']) / 1e6; }"
        " function burn($t) { for ($end = cpu() + $t; cpu() < $end;) for ($i = 0; $i < 5000; $i++); }"
        " $begun = cpu(); ")
TOLD = HELP + "register_shutdown_function(function () use ($begun) { printf('|%.3f', cpu() - $begun); }); "


def counts_real_time(backend):
    """For a limit that is not the pool's: so does a thread-safe PHP (since 8.3; tools/lib/zts.sh has 8.2 do so)."""
    return backend.name == "fpmd" and programs.thread_safe()


def clocked(backend, code, own=True):
    """The code, with the clock by which its limit counts; own: that is not the pool's."""
    if own and counts_real_time(backend):
        return code.replace("function cpu() {", "function cpu() { return hrtime(true) / 1e9;")
    return code


def exceeded(r, seconds=1):
    return f"Maximum execution time of {seconds} second{'s' if seconds != 1 else ''} exceeded".encode() in r.stderr + r.stdout


def is_about(r, seconds, ours=False, took=None):
    """The CPU time that the script saw. PHP's own timer counts by the system's ticks, and is off by as much as they miss."""
    took = took or float(r.text.rpartition("|")[2])
    return seconds * (0.94 if ours else 0.5) <= took < seconds + 0.9


def run_with_limit(backend, *request, **more):
    """(reply, None or the real time that counts): a limit that is there before the script counts from then on."""
    began = time.monotonic()
    r = backend.run(*request, **more)
    return r, time.monotonic() - began if counts_real_time(backend) else None


# "limited" has one second as a default, "strict" as a lock, "www" php.ini's thirty.
ENDS = {
    "a loop": ("limited", "while (true);"),
    "a loop, with the limit locked": ("strict", "while (true);"),
    "a loop, when set_time_limit() may not": ("strict", "set_time_limit(5); while (true);"),
    "one long call into C, when it is over": ("limited", "for ($i = 0; $i < 50; $i++) hash_pbkdf2('sha256', 'a', 'b', 60000); burn(9);"),
    "set_time_limit() that shortens": ("www", "set_time_limit(1); while (true);"),
    "set_time_limit() begins anew": ("limited", "burn(0.6); set_time_limit(1); burn(0.6); echo 'so far'; while (true);"),
    "ini_set() that shortens": ("www", "ini_set('max_execution_time', '1'); while (true);"),
    "ini_restore() back to the pool's": ("limited", "set_time_limit(20); burn(1.2); ini_restore('max_execution_time'); echo 'so far'; while (true);"),
}

LIVES = {
    "less than the limit": ("limited", "burn(0.6);"),
    "sleep": ("limited", "usleep(1300000);"),
    "set_time_limit() that lengthens": ("limited", "set_time_limit(3); burn(1.3);"),
    "set_time_limit(0)": ("limited", "set_time_limit(0); burn(1.3);"),
    "a limit renewed in time": ("limited", "for ($i = 0; $i < 3; $i++) { set_time_limit(1); burn(0.5); }"),
    "none by default": ("unlimited", "burn(1.3);"),
}


@pytest.mark.parametrize("what", ENDS)
def test_a_script_that_takes_too_long_is_ended(backend, what):
    pool, code = ENDS[what]
    own = "set" in code and pool != "strict"
    r = backend.run(clocked(backend, TOLD + code, own), pool=pool)
    assert exceeded(r), r.stderr
    least = 1.0 + ("so far" in r.text) * (1.2 if "restore" in what else 0.6)
    assert is_about(r, least, ours=backend.name == "fpmd" and not own), r.text


@pytest.mark.parametrize("what", LIVES)
def test_what_is_within_the_limit_or_not_counted_goes_on(backend, what):
    pool, code = LIVES[what]
    r = backend.run(clocked(backend, HELP, own="set" in code) + code + " echo 'done';", pool=pool)
    assert r.text == "done", r.stderr


@pytest.mark.parametrize("keep", [False, True])
def test_requests_do_not_add_up(backend, keep):
    """All on the same worker, the limit far enough for one alone."""
    with backend.client("limited", timeout=30) as client:
        for seconds in [0.4] * 3 + [0.02] * 30:
            r = client.request(backend.params(HELP + f"burn({seconds}); echo 'done';"), keep=keep)
            assert r.text == "done", r.stderr


def test_the_limit_holds_for_each_request_anew(backend):
    for _ in range(2):
        assert exceeded(backend.run(TOLD + "while (true);", pool="limited"))
        r = backend.run(HELP + "burn(0.6); echo ini_get('max_execution_time');", pool="limited")
        assert r.text == "1", r.stderr


def test_a_limit_that_a_script_sets_ends_with_it(backend):
    assert backend.run("<?php set_time_limit(1); echo 'set';", pool="one").text == "set"
    assert backend.run(HELP + "burn(1.2); echo ini_get('max_execution_time');", pool="one").text == "30"
    assert backend.run("<?php set_time_limit(0); echo 'set';", pool="limited").text == "set"
    assert exceeded(backend.run(TOLD + "while (true);", pool="limited"))


def test_shutdown_functions_run_after_the_end_and_are_limited_too(backend):
    code = (HELP + "register_shutdown_function(function () { echo 'after'; burn(0.2); echo ' still'; });"
            " while (true);")
    r = backend.run(code, pool="limited")
    assert exceeded(r) and r.text.endswith("after still")
    r = backend.run(HELP + "register_shutdown_function(function () { echo 'begun'; while (true); }); echo 'main ';", pool="limited")
    assert exceeded(r) and r.text.startswith("main begun")


def test_destructors_are_limited_too(backend):
    r = backend.run("<?php class A { function __destruct() { echo 'begun'; while (true); } } $a = new A;", pool="limited")
    assert exceeded(r)


def test_a_call_into_c_that_never_ends_is_ended_by_hard_timeout(backend):
    if backend.name == "fpmd" and programs.thread_safe():
        pytest.skip("a thread-safe PHP knows no hard_timeout")
    with backend.connect("limited", timeout=30) as c:
        c.send(fastcgi.request_bytes(backend.params("<?php hash_pbkdf2('sha256', 'a', 'b', 2000000000);")))
        c.read_eof()
    assert backend.run("<?php echo 'next';", pool="limited").text == "next"


SETTINGS = "<?php echo json_encode([ini_get('max_execution_time'), ini_get('max_input_time'), ini_get('hard_timeout')]);"


def test_settings_show_what_was_configured(both):
    for pool in ("www", "limited", "strict", "unlimited"):
        assert both[0].run(SETTINGS, pool=pool).text == both[1].run(SETTINGS, pool=pool).text
    information = "<?php ini_set('html_errors', '0'); phpinfo(INFO_CONFIGURATION);"
    rows = [[line for line in b.run(information, pool="limited").text.splitlines() if "max_execution_time" in line or "max_input_time" in line]
            for b in both]
    assert len(rows[0]) == 2 and rows[0] == rows[1]


def test_a_limit_from_the_web_server(backend):
    r, took = run_with_limit(backend, TOLD + "while (true);", pool="values", PHP_VALUE="max_execution_time=1")
    assert exceeded(r) and is_about(r, 1, took=took)
    r = backend.run(HELP + "burn(1.2); echo ini_get('max_execution_time');", pool="values", PHP_VALUE="max_execution_time=7")
    assert r.text == "7"
    assert backend.run(HELP + "burn(1.2); echo ini_get('max_execution_time');", pool="values").text == "30"


def test_a_limit_from_a_user_ini_file(backend):
    backend.site.file("impatient/.user.ini", "max_execution_time = 1\nmax_input_time = 7\n")
    path = backend.site.file("impatient/loop.php", TOLD + "echo ini_get('max_input_time'); while (true);")
    r, took = run_with_limit(backend, path)
    assert exceeded(r) and r.text.startswith("7") and is_about(r, 1, took=took)


def test_time_for_input_is_not_the_scripts(backend):
    """max_input_time alone is different: the script has all of its own time."""
    r = backend.run(TOLD + "echo ini_get('max_input_time'); burn(1.2);", pool="values", PHP_VALUE="max_input_time=1")
    assert r.text.startswith("1|") and not r.stderr


def test_a_slow_body_is_waited_for(backend):
    """Form data that takes longer to come than the limit: waiting is not counted."""
    body = b"a=1&b=" + b"x" * 20000
    params = backend.params("<?php echo strlen($_POST['b']), ' ', $_POST['a'];", body, method="POST", CONTENT_TYPE="application/x-www-form-urlencoded")
    with backend.connect("limited") as c:
        c.send(fastcgi.begin() + fastcgi.stream(fastcgi.PARAMS, 1, fastcgi.pairs(params)))
        halves = fastcgi.stream(fastcgi.STDIN, 1, body)
        c.send(halves[:10000])
        timer = threading.Timer(1.3, lambda: c.send(halves[10000:]))  # longer than the limit
        timer.start()
        r = c.read_response()
        timer.join()
    assert r.text == "20000 1", r.stderr


def test_a_large_body_leaves_the_script_its_time(backend):
    body = b"&".join(b"f%d=%d" % (i, i) for i in range(900))
    r = backend.run(TOLD + "echo count($_POST); burn(0.7);", body, pool="limited", method="POST", CONTENT_TYPE="application/x-www-form-urlencoded")
    assert r.text.startswith("900|"), r.stderr


def test_a_limit_does_not_outlive_a_finished_reply(backend):
    begun = time.monotonic()
    r = backend.run(HELP + "echo 'early'; fastcgi_finish_request(); while (true);", pool="limited")
    assert r.text == "early" and time.monotonic() - begun < 5
    assert backend.run("<?php echo 'next';", pool="limited").text == "next"
