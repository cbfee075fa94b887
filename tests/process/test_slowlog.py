# SPDX-License-Identifier: MIT
"""Where PHP is, as the slow log tells it, for the ways in which PHP code is called; and what php-fpm's tells of the same scripts."""

import fcntl
import os
import pwd
import re
import select
import signal
import time

import pytest

import fastcgi
import procs
import server as programs
from load import Held

# Longer than all entries take on a busy machine; who has its entry is ended.
WAIT = "usleep(25000000);"

# PHP 8.4 calls some of its functions without a frame on the stack.
FRAMELESS = (programs.php_version() or (8, 2)) >= (8, 4)

# The script, and its backtrace: function, and line of the call in the script ("inc.php:5": in another file; None: nobody's).
CASES = {
    "script": (f"{WAIT}\n", ["usleep() 1"]),
    "function": (f"function f() {{\n{WAIT}\n}}\nf();", ["usleep() 2", "f() 4"]),
    "method": (f"class A {{\nfunction m() {{\n{WAIT}\n}}\nstatic function s() {{\n(new A)->m();\n}}\n}}\nA::s();",
               ["usleep() 3", "A->m() 6", "A::s() 9"]),
    "closure": (f"$f = function () {{\n{WAIT}\n}};\n$f();", ["usleep() 2", "{closure}() 4"]),
    "arrow function": ("$f = fn() =>\nusleep(25000000);\n$f();", ["usleep() 2", "{closure}() 3"]),
    "anonymous class": (f"(new class {{\nfunction m() {{\n{WAIT}\n}}\n}})->m();", ["usleep() 3", "class@anonymous->m() 5"]),
    "first class callable": ("$f = usleep(...);\n$f(25000000);", ["usleep() 2"]),
    "include": ("\ninclude __DIR__ . '/inc.php';", ["usleep() inc.php:3", "inc() inc.php:5", "[INCLUDE_OR_EVAL]() 2"]),
    "eval": (f"\neval('{WAIT}');", ["usleep() eval:1", "[INCLUDE_OR_EVAL]() 2"]),
    "generator": (f"function g() {{\n{WAIT}\nyield 1;\n}}\nforeach (g() as $x) {{\n}}", ["usleep() 2", "g() 5"]),
    "delegating generators": (f"function g() {{\n{WAIT}\nyield 1;\n}}\nfunction h() {{\nyield from g();\n}}\nfunction k() {{\n$x = yield from h();\nreturn $x;\n}}\n"
                              "foreach (k() as $x) {\n}", ["usleep() 2", "g() 6", "h() 9", "k() 12"]),
    "fiber": (f"$f = new Fiber(function () {{\n{WAIT}\n}});\n$f->start();", ["usleep() 2", "{closure}() 4", "Fiber->start() 4"]),
    "array_map": (f"array_map(function ($x) {{\n{WAIT}\n}},\n[1]);", ["usleep() 2", "{closure}() LINE", "array_map() LINE"]),
    "usort": (f"$a = [2, 1];\nusort($a, function ($x, $y) {{\n{WAIT}\nreturn 0;\n}});", ["usleep() 3", "{closure}() LINE", "usort() LINE"]),
    "preg_replace_callback": (f"preg_replace_callback('/a/', function ($x) {{\n{WAIT}\nreturn '';\n}}, 'a');",
                              ["usleep() 2", "{closure}() LINE", "preg_replace_callback() LINE"]),
    "call_user_func": (f"function f() {{\n{WAIT}\n}}\ncall_user_func('f');", ["usleep() 2", "f() 4"]),
    "destructor": (f"class D {{\nfunction __destruct() {{\n{WAIT}\n}}\n}}\n$d = new D;\nunset($d);", ["usleep() 3", "D->__destruct() 7"]),
    "destructor at the end": (f"class D {{\nfunction __destruct() {{\n{WAIT}\n}}\n}}\n$d = new D;", ["usleep() 3", "D->__destruct() None"]),
    "output callback": (f"ob_start(function ($x) {{\n{WAIT}\nreturn $x;\n}});\necho 1;\nob_end_flush();", ["usleep() 2", "{closure}() 6", "ob_end_flush() 6"]),
    "output callback at the end": (f"ob_start(function ($x) {{\n{WAIT}\nreturn $x;\n}});\necho 1;", ["usleep() 2", "{closure}() None"]),
    "shutdown function": (f"function f() {{\n{WAIT}\n}}\nregister_shutdown_function('f');", ["usleep() 2", "f() None"]),
    "autoloader": (f"spl_autoload_register(function ($c) {{\n{WAIT}\n}});\nclass_exists('X');",
                   ["usleep() 2", "{closure}() 4"] + ([] if FRAMELESS else ["class_exists() 4"])),
    "autoloader of interfaces": (f"spl_autoload_register(function ($c) {{\n{WAIT}\n}});\ninterface_exists('X');",
                                 ["usleep() 2", "{closure}() 4", "interface_exists() 4"]),
    "autoloader of new": (f"spl_autoload_register(function ($c) {{\n{WAIT}\neval('class X {{}}');\n}});\nnew X;", ["usleep() 2", "{closure}() 5"]),
    "conversion to a string": (f"class T {{\nfunction __toString() {{\n{WAIT}\nreturn '';\n}}\n}}\necho new T;", ["usleep() 3", "T->__toString() 7"]),
    "caught exception": (f"function f() {{\ntry {{ throw new Exception('x'); }} catch (Exception $e) {{\n{WAIT}\n}}\n}}\nf();", ["usleep() 3", "f() 6"]),
    "finally": (f"function f() {{\ntry {{ throw new Exception('x'); }}\nfinally {{\n{WAIT}\n}}\n}}\ntry {{ f(); }} catch (Exception $e) {{}}", ["usleep() 4", "f() 7"]),
    "error handler": (f"set_error_handler(function () {{\n{WAIT}\n}});\nfunction f() {{\necho $undefined;\n}}\nf();", ["usleep() 2", "{closure}() 5", "f() 7"]),
    "exception handler": (f"set_exception_handler(function () {{\n{WAIT}\n}});\nthrow new Exception('x');", ["usleep() 2", "{closure}() None"]),
    "iterator": (f"class I implements IteratorAggregate {{\nfunction getIterator(): Iterator {{\n{WAIT}\nreturn new ArrayIterator([]);\n}}\n}}\nforeach (new I as $x);",
                 ["usleep() 3", "I->getIterator() 7"]),
    "depth": (f"function f($n) {{\n$n ? f($n - 1) : {WAIT}\n}}\nf(50);", ["usleep() 2"] + 19 * ["f() 2"]),
}

# php-fpm has no entry at all for what runs when the script has ended; for generators that wait in "yield from" its lines are nonsense, and it shows what
# PHP puts around a fiber as an include.
PHP_FPM_DIFFERS = {"destructor at the end", "output callback at the end", "shutdown function", "delegating generators", "fiber"}

INCLUDED = f"<?php\nfunction inc() {{\n{WAIT}\n}}\ninc();\n"


def name(case):
    return case.replace(" ", "-") + ".php"


def entries(s):
    """{script's name: the lines of its backtrace}, without addresses and the folder."""
    found = {}
    for entry in procs.content(s.slow_path).replace(s.folder + "/", "").split("\n\n"):
        m = re.search(r"^script_filename = (.*)$", entry, re.M)
        lines = [re.fullmatch(r"\[0x[0-9a-f]{16}\] (.*)", line) for line in entry.splitlines()]
        # PHP 8.4 tells where a closure is, and an anonymous class always
        if m:
            found[m[1]] = [re.sub(r"\{closure:[^}]*\}", "{closure}", re.sub("class@anonymous[^-]*", "class@anonymous", x[1])) for x in lines if x]
    return found


def run_all(program):
    """All cases at once, each in a worker of its own; a program with their entries, whose requests may be on their way still."""
    # in 4 s a busy machine has brought all of them as far as the call they wait in
    s = program({"www": {"pm.max_children": str(len(CASES)), "request_slowlog_timeout": "4s", "request_slowlog_trace_depth": "20"}},
                settings={"process_control_timeout": "1s"})
    s.slow_path = os.path.join(s.folder, "slow.log")
    s.pools["www"]["slowlog"] = s.slow_path
    s.script("inc.php", INCLUDED)
    for case, (code, _) in CASES.items():
        os.utime(s.script(name(case), "<?php " + code), (1, 1))  # opcache keeps it, and takes what nobody needs out of its code
    s.start()
    expected = {name(c) for c in CASES if program is not programs.PhpFpm or c not in PHP_FPM_DIFFERS}
    connections = []
    for case in CASES:
        connections.append(s.connect())
        connections[-1].send(fastcgi.request_bytes(fastcgi.environment(os.path.join(s.folder, name(case)))))
    try:
        procs.until("an entry of each script", lambda: expected <= set(entries(s)), 30)
        return entries(s)
    finally:
        for c in connections:
            c.close()
        s.cleanup()


@pytest.fixture(scope="module")
def own():
    return run_all(programs.Fpmd)


@pytest.fixture(scope="module")
def reference():
    if not programs.ROOT:
        pytest.skip("php-fpm's slow log attaches to its workers as a debugger, which takes root")
    return run_all(programs.PhpFpm)


def place(case, line):
    """As the log has it: "usleep() 3" is "usleep() script.php:3". LINE: whichever line PHP counts a call of several lines to."""
    function, where = line.rsplit(" ", 1)
    if where == "None":
        return re.escape(function) + " unknown:0"
    if where == "LINE":
        return re.escape(f"{function} {name(case)}:") + r"\d+"
    if where.startswith("eval:"):
        return re.escape(f"{function} {name(case)}(2) : eval()'d code:1")
    return re.escape(f"{function} {where if ':' in where else name(case) + ':' + where}")


@pytest.mark.parametrize("case", CASES)
def test_backtrace(own, case):
    found = own[name(case)]
    assert len(found) == len(CASES[case][1]), found
    for line, expected in zip(found, CASES[case][1]):
        assert re.fullmatch(place(case, expected), line), found


@pytest.mark.parametrize("case", [c for c in CASES if c not in PHP_FPM_DIFFERS])
def test_same_lines_as_php_fpm(own, reference, case):
    without_classes = [re.sub(r"^[\w@]+(->|::)", "", line) for line in own[name(case)]]
    assert without_classes == reference[name(case)]


def overdue_together(make, n, **limits):
    """n requests whose time of 1 s is over before the master looks: it is stopped until then, so that one look finds them all. Its server, and their connections."""
    s = make({"www": {"pm.max_children": str(n), **limits}}, settings={"process_control_timeout": "1s"})
    s.slow_path = os.path.join(s.folder, "slow.log")
    if "request_slowlog_timeout" in limits:
        s.pools["www"]["slowlog"] = s.slow_path
    s.start()
    shared = s.shared_folder()
    scripts = [s.script(f"{i}.php", f"<?php touch('{shared}/{i}'); {WAIT}") for i in range(n)]
    s.process.send_signal(signal.SIGSTOP)
    connections = []
    try:
        for script in scripts:
            connections.append(s.connect())
            connections[-1].send(fastcgi.request_bytes(fastcgi.environment(script)))
        procs.until("all scripts to run", lambda: len(os.listdir(shared)) == n)
        overdue = time.monotonic() + 1.1
        procs.until("the last one's time to be over", lambda: time.monotonic() > overdue)
    finally:
        s.process.send_signal(signal.SIGCONT)
    return s, connections


def test_requests_that_turn_slow_at_once_all_have_their_backtrace(make):
    """The master has fewer traces made at a time."""
    n = 40
    s, connections = overdue_together(make, n, request_slowlog_timeout="1s")
    procs.until("an entry of each", lambda: len(entries(s)) == n)
    for c in connections:
        c.close()
    assert entries(s) == {f"{i}.php": [f"usleep() {i}.php:1"] for i in range(n)}


def trace_condemned(make, n):
    """How many of n requests that are to end at once have a backtrace; each of the others has a line that says why not."""
    limits = {"request_terminate_timeout": "1s", "process.dumpable": "yes"}
    s, connections = overdue_together(make, n, **limits)
    for c in connections:
        assert c.read_eof() == b""
        c.close()

    def told(what):
        return set(re.findall(rf"child (\d+): {what}", s.log()))

    frame, none = r"\[0x[0-9a-f]{16}\] usleep\(\) \S+/\d+\.php:1", "no backtrace: "
    procs.until("word of each", lambda: len(told(frame) | told(none)) == n)
    assert not told(frame) & told(none)
    return len(told(frame))


def test_requests_that_end_at_once_are_traced_as_far_as_time_goes(make):
    """None waits for longer than 50 ms, in which a busy machine may trace few: it has three tries."""
    assert any(trace_condemned(make, 40) > 16 for _ in range(3))


# Pages that take long in four ways, each in f(), and what may be said of the place inside of f().
PAGES = {
    "sleep": ("sleep(20);", [r"sleep\(\) page\.php:3"]),
    "query": ("$d = new PDO('sqlite::memory:');"
              " $d->query('WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 1000000000) SELECT count(*) FROM c')->fetchAll();",
              [r"PDO->query\(\) page\.php:3"]),
    "loop": ("for ($i = 0; $i >= 0; $i++);", [r"\{running\} page\.php:3"]),
    "lock": ("flock(fopen('@LOCK@', 'c'), LOCK_EX);", [r"flock\(\) page\.php:3"]),
}


def test_request_that_nobody_can_trace_is_told_of(make):
    """The zygote of its worker is gone."""
    s = make({"www": {"request_terminate_timeout": "1s", "process.dumpable": "yes"}})
    s.start()
    with Held(s) as held:
        worker = held.wait_running()
        os.kill(s.zygotes()[0], signal.SIGKILL)
        assert held.connection.read_eof() == b""
    s.wait_log(f"child {worker}: no backtrace: the zygote cannot be asked")


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("who", ["root", "pool's user"])
def test_place_of_a_long_page(make, page, who):
    """The master as root, and as the user of zygote and workers, without a capability."""
    code, inner = PAGES[page]
    s = make({"www": {"request_slowlog_timeout": "1s", "request_terminate_timeout": "4s"}})
    lock = os.path.join(s.shared_folder(), "lock")
    if who != "root" and programs.ROOT:
        user = pwd.getpwnam(programs.POOL_USER)
        s.wrapper = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups", "--inh-caps=-all", "--bounding-set=-all"]
        os.chown(s.folder, user.pw_uid, user.pw_gid)
        os.chown(s.runtime, user.pw_uid, user.pw_gid)
        s.pools["www"].update({"user": None, "group": None})
    s.slow_path = os.path.join(s.folder, "slow.log")
    s.pools["www"]["slowlog"] = s.slow_path
    s.start()
    script = s.script("page.php", f"<?php\nfunction f() {{\n{code.replace('@LOCK@', lock)}\n}}\nf();\n")
    with open(lock, "w") as held, s.connect() as c:
        os.chmod(lock, 0o666)
        fcntl.flock(held, fcntl.LOCK_EX)
        c.send(fastcgi.request_bytes(fastcgi.environment(script)))
        found = procs.until("an entry", lambda: entries(s).get("page.php"))
    assert len(found) == 2 and re.fullmatch(inner[0], found[0]) and found[1] == "f() page.php:5", found


@pytest.mark.parametrize("program", [programs.Fpmd, programs.PhpFpm], ids=["fpmd", "php-fpm"])
@pytest.mark.parametrize("place", ["/dev/fd/{fd}", "/proc/self/fd/{fd}"])
def test_the_log_may_be_a_descriptor(program, place):
    read_end, write_end = os.pipe()
    try:
        s = program({"www": {"request_slowlog_timeout": "1s", "slowlog": place.format(fd=write_end)}})
        spawn = s.spawn
        s.spawn = lambda command, pass_fds=(): spawn(command, (*pass_fds, write_end))
        try:
            s.start()
            s.run(s.script("slow.php", "<?php $t = microtime(true); while (microtime(true) - $t < 2);"))
            procs.until("an entry", lambda: select.select([read_end], [], [], 0)[0])
            assert b"script_filename = " in os.read(read_end, 65536)
            assert s.stop() == 0
        finally:
            s.cleanup()
    finally:
        os.close(read_end)
        os.close(write_end)
