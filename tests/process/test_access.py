# SPDX-License-Identifier: MIT
"""The access log: php-fpm's lines for the same requests, one for each, whole and never forged."""

import os
import re
import signal
import stat

import pytest

import fastcgi
import procs
import server as programs

# What needs no clock and no pid, so that both programs write the same. Of the codes for the reply's headers only one is here: see test_headers_of_the_reply.
SAME = ("%m %r|%Q%q|%s|%f|%l|%u|%n|%{Location}o|%{SCRIPT_NAME}e|%{PATH_INFO}e|%{NONE}e|%{HTTP_HOST}e|%R|%{REMOTE_ADDR}e|%{X}t|%M|%{kilo}M|%{megabytes}M|%%|a\\b")
MARK = "/marker"

# What depends on time; numbers are compared by their shape.
MODIFIERS = ["%d", "%{seconds}d", "%{milli}d", "%{mili}d", "%{milliseconds}d", "%{micro}d", "%{microseconds}d", "%C", "%{user}C", "%{system}C", "%{total}C",
             "%M", "%{bytes}M", "%{kilo}M", "%{kilobytes}M", "%{mega}M", "%{megabytes}M", "%t", "%T", "%{%Y-%m-%d %H}t", "%{%s}T", "%{}t", "%p", "%P", "%%d"]

SCRIPTS = {
    "plain.php": "echo 1;",
    "location.php": "header('Location: /elsewhere');",
    "gone.php": "header('HTTP/1.1 404 Gone fishing'); echo 1;",
    "fatal.php": "ini_set('display_errors', '0'); ini_set('log_errors', '0'); nope();",
    "finish.php": "echo 1; fastcgi_finish_request(); header('Location: /late');",
    "forbidden.php": "http_response_code(403);",
    "quiet.php": "echo 1;",
    "quietgone.php": "http_response_code(404);",
    "memory.php": "$x = str_repeat('a', 9000000); echo 1;",
}

CASES = {
    "plain": ("plain.php", {}),
    "query": ("plain.php", {"query": "a=1&b[]=2"}),
    "odd bytes in the query": ("plain.php", {"query": "a b\"'\\%00"}),
    "no query string": ("plain.php", {"QUERY_STRING": None}),
    "post": ("plain.php", {"method": "POST", "body": b"abc"}),
    "length without a body": ("plain.php", {"CONTENT_LENGTH": "12x"}),
    "head": ("plain.php", {"method": "HEAD"}),
    "no method": ("plain.php", {"REQUEST_METHOD": None}),
    "no script name": ("plain.php", {"SCRIPT_NAME": None}),
    "no script": ("plain.php", {"SCRIPT_FILENAME": None}),
    "missing script": ("missing.php", {}),
    "refused extension": ("text.txt", {}),
    "path info": ("plain.php/more/x", {"SCRIPT_NAME": "/plain.php/more/x"}),
    "rewritten": ("plain.php", {"REQUEST_URI": "/pretty?x=1", "REDIRECT_URL": "/pretty"}),
    "redirect": ("location.php", {}),
    "status line": ("gone.php", {}),
    "fatal error": ("fatal.php", {}),
    "finished early": ("finish.php", {}),
    "forbidden": ("forbidden.php", {}),
    "memory": ("memory.php", {}),
    "basic authentication": ("plain.php", {"HTTP_AUTHORIZATION": "Basic am9lOnNlY3JldA=="}),
    "authentication by the web server": ("plain.php", {"REMOTE_USER": "bob"}),
    "another host": ("plain.php", {"HTTP_HOST": "h.example"}),
    "suppressed": ("quiet.php", {}),
    "suppressed head": ("quiet.php", {"method": "HEAD"}),
    "post is not suppressed": ("quiet.php", {"method": "POST"}),
    "query is not suppressed": ("quiet.php", {"query": "a"}),
    "body is not suppressed": ("quiet.php", {"body": b"abc"}),
    "failure is not suppressed": ("quietgone.php", {}),
}


def pools(folder):
    base = {"pm.max_children": "1", "ping.path": "/ping", "pm.status_path": "/status", "access.log": f"{folder}/$pool.access"}
    return {
        "www": {**base, "access.format": f"'{SAME}'", "access.suppress_path[]": "/quiet.php"},
        "default": dict(base),
        "tcp": {**base, "listen": f"127.0.0.1:{programs.free_port()}", "access.format": "%R"},
        "all": {**base, "listen": str(programs.free_port()), "access.format": "%R"},
        "times": {**base, "access.format": "'%d %{milli}d %{micro}d %C %{user}C %{system}C %t %T %p %P'"},
        "headers": {**base, "access.format": "'%{Content-Type}o|%{x-name}o|%{X-None}o|%s'"},
        "modifiers": {**base, "access.format": f"'{' '.join(MODIFIERS)}'"},
        "forged": {**base, "access.format": "'%r %q %{HTTP_HOST}e'"},
    }


def lines(server, pool):
    with open(f"{server.folder}/{pool}.access", errors="surrogateescape") as f:
        return f.read().replace(server.folder, "FOLDER").split("\n")[:-1]


def wait_lines(server, pool, n):
    return procs.until(f"{n} lines of {pool}", lambda: (lambda found: found if len(found) >= n else None)(lines(server, pool)))


@pytest.fixture(scope="module")
def running():
    """[php-fpm, fpmd] with the same pools."""
    made = []
    for program in (programs.PhpFpm, programs.Fpmd):
        s = program(pools(folder := programs.make_folder("access")), folder=folder)
        made.append(s)
        for name, code in SCRIPTS.items():
            s.script(name, "<?php " + code)
        s.script("text.txt", "text")
    yield [s.start() for s in made]
    for s in made:
        s.own_folder = True
        s.cleanup()


@pytest.mark.parametrize("what", CASES)
def test_same_line(running, what):
    name, how = CASES[what]
    how = dict(how)
    body = how.pop("body", b"")
    seen = []
    for s in running:
        before = len(lines(s, "www"))
        s.client("www").request(fastcgi.environment(os.path.join(s.folder, name), body=body, **how), body)
        s.client("www").request(fastcgi.environment(MARK, root=""))  # the pool's one worker writes in order
        found = procs.until("the marker", lambda: (lambda f: f if f and f[-1].startswith("GET " + MARK) else None)(lines(s, "www")[before:]))
        seen.append(found[:-1])
    assert len(seen[0]) == (0 if what.startswith("suppressed") else 1)
    assert seen[1] == seen[0]


@pytest.mark.parametrize("page", ["/ping", "/status"])
def test_pages_are_logged_too(running, page):
    seen = []
    for s in running:
        before = len(lines(s, "www"))
        s.client("www").request(fastcgi.environment(page, root="", query="full"))
        seen.append([re.sub(r"\|\d+\|\d+\|\d+\|%", "|memory|%", line) for line in wait_lines(s, "www", before + 1)[before:]])
    assert seen[1] == seen[0] and seen[1][0].startswith(f"GET {page}|?full|200|-|0||www|")


def test_default_format(running):
    seen = []
    for s in running:
        s.client("default").request(fastcgi.environment(s.folder + "/plain.php", query="a=1"))
        seen.append(re.sub(r":\d\d:\d\d:\d\d ", ":TIME ", wait_lines(s, "default", 1)[0]))
    assert seen[1] == seen[0]
    assert re.fullmatch(r'- -  \d\d/\w{3}/\d{4}:TIME [+-]\d{4} "GET /plain.php" 200', seen[1])


def test_remote_is_the_web_server(running):
    for s in running:
        s.client("tcp").request(fastcgi.environment(s.folder + "/plain.php"))
        assert wait_lines(s, "tcp", 1) == ["127.0.0.1"]
        fastcgi.Client("127.0.0.1:" + s.address("all"), 10).request(fastcgi.environment(s.folder + "/plain.php"))
        assert wait_lines(s, "all", 1) == ["127.0.0.1"]


def test_times_and_processes(running):
    for s in running:
        path = s.script("busy.php", "<?php for ($t = microtime(true); microtime(true) - $t < 0.1;); echo getmypid(), ' ', posix_getppid();")
        answer = s.client("times").request(fastcgi.environment(path)).text
        found = wait_lines(s, "times", 1)[0]
        numbers = re.fullmatch(r"(0\.\d{3}) (\d+\.\d{3}) (\d+) (\d+\.\d\d) (\d+\.\d\d) (\d+\.\d\d) \S+ \S+ \S+ \S+ (\d+ \d+)", found)
        seconds, milli, micro, total, user, system = map(float, numbers.groups()[:6])
        assert micro >= 100000 and abs(milli - micro / 1000) < 0.001 and abs(seconds - micro / 1e6) < 0.001
        assert abs(total - user - system) < 0.02
        assert numbers[7] == answer


@pytest.mark.parametrize("how", [{}, {"method": "HEAD"}, {"method": "POST", "body": b"a=1"}, {"query": "x=1"}], ids=["get", "head", "post", "query"])
def test_numbers_look_as_in_php_fpm(running, how):
    seen = []
    for s in running:
        before = len(lines(s, "modifiers"))
        s.client("modifiers").request(fastcgi.environment(s.folder + "/plain.php", **how), how.get("body", b""))
        line = wait_lines(s, "modifiers", before + 1)[before]
        assert len(re.findall(r"\d+/\w{3}/\d{4}:[\d:]+ [+-]\d{4}", line)) == 3
        seen.append(re.sub(r"\d+(\.\d+)?", lambda m: "N" + (f".{len(m[1]) - 1}" if m[1] else ""), line))
    assert seen[1] == seen[0]


def test_long_line_begins_as_php_fpms(running):
    """php-fpm's paths end at 127 bytes, and its lines at 1,024, with a NUL."""
    seen = []
    for s in running:
        before = len(lines(s, "forged"))
        s.client("forged").request(fastcgi.environment(s.folder + "/plain.php", QUERY_STRING="q" * 300, HTTP_HOST="h" * 3000))
        seen.append(wait_lines(s, "forged", before + 1)[before])
    assert 900 < len(seen[0]) <= 1024 and seen[1].startswith(seen[0].rstrip("\0")) and seen[1] == "/plain.php " + "q" * 300 + " " + "h" * 3000


@pytest.mark.parametrize("text", ["\r\n", "a\rb", "a\nb", "\x00", "\x7f", "\t"])
def test_control_characters_are_escaped(running, text):
    s = running[1]
    before = len(lines(s, "forged"))
    s.client("forged").request(fastcgi.environment(s.folder + "/plain.php", SCRIPT_NAME="/" + text, QUERY_STRING=text))
    line = wait_lines(s, "forged", before + 1)[before]
    assert len(lines(s, "forged")) == before + 1 and not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", line)


def test_headers_of_the_reply(running):
    """php-fpm writes its line before the headers are complete, and finds a name only in the script's own spelling."""
    path = running[1].script("headers.php", "<?php header('X-Name:  v'); header('Status: 418 Teapot'); echo 1;")
    running[1].client("headers").request(fastcgi.environment(path))
    assert wait_lines(running[1], "headers", 1) == ["text/html; charset=UTF-8|v|-|418"]


@pytest.mark.parametrize("path, query, kind", [("/status", "", "text/plain;charset=UTF-8"), ("/status", "json", "application/json"),
                                               ("/status", "xml", "text/xml;charset=UTF-8"), ("/ping", "", "text/plain;charset=UTF-8")])
def test_headers_of_pages(make, path, query, kind):
    """The pool's own pages have their headers in the log as scripts do. php-fpm finds those that were no default of PHP's: it has "-" for a
    type of text, and application/json."""
    s = start_logged(make, **{"ping.path": "/ping", "pm.status_path": "/status",
                              "access.format": "'%r|%{Content-Type}o|%{cache-control}o|%{X-None}o|%s'"})
    s.client().request(fastcgi.environment(path, SCRIPT_NAME=path, query=query))
    assert wait_lines(s, "www", 1) == [f"{path}|{kind}|no-cache, no-store, must-revalidate, max-age=0|-|200"]


def test_no_line_can_be_forged_and_none_is_cut(running):
    s = running[1]
    how = {"SCRIPT_NAME": "/a\n- - forged", "query": "b\r\x1b[2J", "HTTP_HOST": "h" * 5000}
    before = len(lines(s, "forged"))
    s.client("forged").request(fastcgi.environment(s.folder + "/plain.php", **how))
    assert wait_lines(s, "forged", before + 1)[before:] == ["/a\\n- - forged b\\r\\x1b[2J " + "h" * 5000]


def start_logged(make, **more):
    s = make({"www": {"pm.max_children": "2", "access.format": "'%p %r'", **more}})
    s.pools["www"]["access.log"] = f"{s.folder}/www.access"
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    return s.start()


def test_file_is_the_masters(make):
    s = start_logged(make)
    st = os.stat(f"{s.folder}/www.access")
    assert (stat.S_IMODE(st.st_mode), st.st_uid) == (0o600, os.geteuid())


def test_usr1_opens_it_again(make):
    s = start_logged(make)
    path = f"{s.folder}/www.access"
    s.run(s.pid_script)
    wait_lines(s, "www", 1)
    os.rename(path, path + ".1")
    s.signal(signal.SIGUSR1)
    s.wait_log(r"\[pool www\] access log file re-opened")

    def logged_anew():
        s.run(s.pid_script)
        return lines(s, "www")
    procs.until("a line in the new file", logged_anew)
    old = os.path.getsize(path + ".1")
    for _ in range(5):
        s.run(s.pid_script)
    assert os.path.getsize(path + ".1") == old


def test_usr1_without_an_error_log_opens_it_again(make):
    s = start_logged(make)
    s.settings["error_log"] = None
    s.stop()
    s.start()
    path = f"{s.folder}/www.access"
    os.rename(path, path + ".1")
    s.signal(signal.SIGUSR1)

    def logged_anew():
        s.run(s.pid_script)
        return os.path.exists(path) and lines(s, "www")
    procs.until("a line in the new file", logged_anew)


def test_reload_takes_another_path(make):
    s = start_logged(make)
    s.pools["www"]["access.log"] = f"{s.folder}/moved.access"
    s.pools["www"]["access.format"] = "'%s'"
    s.write_config()
    s.reload()
    s.run(s.pid_script)
    assert wait_lines(s, "moved", 1) == ["200"]


def test_reload_with_a_path_that_cannot_be_is_refused(make):
    s = start_logged(make)
    s.pools["www"]["access.log"] = f"{s.folder}/nowhere/x"
    s.write_config()
    r = s.ctl("reload")
    assert r.returncode != 0 and "access.log" in r.stdout + r.stderr
    s.run(s.pid_script)
    wait_lines(s, "www", 1)


def test_to_stderr(make):
    s = make({"www": {"access.log": "/dev/stderr", "access.format": "'to stderr: %r'"}})
    path = s.script("a.php", "<?php echo 1;")
    s.start()
    s.run(path)
    procs.until("the line", lambda: "to stderr: /a.php\n" in s.output())


def test_a_full_pipe_holds_nobody_up(make):
    s = make({"www": {"pm.max_children": "1", "access.format": "'%{HTTP_HOST}e'"}}, settings={"log_timeout": "1s"})
    fifo = os.path.join(s.folder, "www.access")
    os.mkfifo(fifo)
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    s.pools["www"]["access.log"] = fifo
    path = s.script("a.php", "<?php echo 1;")
    s.start()
    for _ in range(200):
        assert s.run(path, HTTP_HOST="h" * 2000).text == "1"
    os.close(reader)
    assert s.run(path).text == "1"


def test_it_survives_its_master(make):
    s = start_logged(make)
    worker = int(s.run(s.pid_script).text)
    wait_lines(s, "www", 1)
    os.kill(s.pid, signal.SIGKILL)
    s.wait_exit()
    s.run(s.pid_script)
    assert str(worker) in "".join(wait_lines(s, "www", 2))


@pytest.mark.parametrize("text", ["%z", "%{x", "%{x}d", "%e", "%{}o", "%{x}r", "%{user}M", "%{kilo}C"])
def test_wrong_formats_are_refused_as_by_php_fpm(make, text):
    for program in (programs.PhpFpm, programs.Fpmd):
        s = program({"www": {"access.format": f"'{text}'"}}, args=["-t"])
        try:
            s.pools["www"]["access.log"] = f"{s.folder}/www.access"
            s.write_config()
            s.spawn(s.command())
            assert s.wait_exit() == 78
            assert "access.format" in s.output() + s.log()
        finally:
            s.cleanup()
