# SPDX-License-Identifier: MIT
"""The functions of the SAPI, and what scripts ask PHP about it."""

import json
import os
import random
import time
import urllib.parse

import pytest

import fastcgi
import procs
import server
from fastcgi import GET_VALUES, GET_VALUES_RESULT, PARAMS, STDIN, begin, pairs, record, stream


def test_functions_of_the_module(backend):
    r = backend.run("<?php echo json_encode(get_extension_funcs('cgi-fcgi'));")
    assert sorted(json.loads(r.text)) == ["apache_request_headers", "fastcgi_finish_request", "fpm_get_status", "getallheaders"]


def test_ini_entries_of_the_module(backend):
    r = backend.run("<?php echo json_encode(ini_get_all('cgi-fcgi', false));")
    seen = json.loads(r.text)
    for name, value in {"cgi.discard_path": "0", "cgi.fix_pathinfo": "1", "cgi.nph": "0", "cgi.rfc2616_headers": "0",
                        "fastcgi.error_header": None, "fastcgi.logging": "1"}.items():
        assert seen[name] == value, name


def test_getallheaders(backend):
    r = backend.run("<?php echo json_encode(getallheaders());", CONTENT_TYPE="text/x", HTTP_X_FOO_BAR="1", HTTP_ACCEPT="*/*", CONTENT_LENGTH="0")
    assert json.loads(r.text) == {"Host": "www.example.org", "X-Foo-Bar": "1", "Accept": "*/*", "Content-Type": "text/x", "Content-Length": "0"}


def test_apache_request_headers_is_the_same(backend):
    assert backend.run("<?php var_dump(getallheaders() === apache_request_headers());").text == "bool(true)\n"


def test_header_names_are_capitalised(backend):
    r = backend.run("<?php echo implode(',', array_keys(getallheaders()));", HTTP_X_ALL_CAPS="1", HTTP_DNT="1", HTTP_X_Y_9Z="1")
    assert {"X-All-Caps", "Dnt", "X-Y-9z", "Host"} <= set(r.text.split(","))


def test_getallheaders_has_values_whole(backend):
    """$_SERVER ends them at a NUL."""
    r = backend.run("<?php echo json_encode([getallheaders()['X-A'], $_SERVER['HTTP_X_A']]);", HTTP_X_A="one\0two")
    assert json.loads(r.text) == ["one\0two", "one"]


def test_getallheaders_as_in_php_fpm(both):
    a, b = [x.run("<?php var_dump(getallheaders());", CONTENT_TYPE="a/b", CONTENT_LENGTH="0", HTTP_A="", HTTP_A_B_C="x", HTTP_9="y",
                  HTTP_="z", HTTP_PROXY="p", http_lower="l") for x in both]
    assert a.body == b.body


def test_apache_response_headers_does_not_exist(backend):
    assert backend.run("<?php var_dump(function_exists('apache_response_headers'));").text == "bool(false)\n"


# --- fastcgi_finish_request

def test_finish_request_ends_the_reply_while_the_script_goes_on(backend):
    marks = backend.site.writable("marks")
    go, done = f"{marks}/go-{backend.name}", f"{marks}/done-{backend.name}"
    code = ("<?php header('X-A: 1'); echo 'sent'; $r = fastcgi_finish_request(); echo 'not sent';"
            " for ($i = 0; $i < 1000 && !file_exists($_GET['go']); $i++) { usleep(10000); clearstatcache(); }"
            " file_put_contents($_GET['done'], var_export($r, true) . connection_status());")
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(backend.params(code, query=f"go={go}&done={done}")))
        r = c.read_response()
        assert r.complete and r.header("X-A") == "1" and r.body == b"sent"
        assert c.read_eof() == b""
        assert not os.path.exists(done)
        open(go, "w").close()
    procs.until("the script's end", lambda: os.path.exists(done) and os.path.getsize(done))
    with open(done) as f:
        assert f.read() == "true0"


def test_second_finish_request_is_false(backend):
    marks = backend.site.writable("marks")
    out = f"{marks}/second-{backend.name}"
    backend.run("<?php fastcgi_finish_request(); file_put_contents($_GET['o'], var_export(fastcgi_finish_request(), true));", query="o=" + out)
    procs.until("the script's end", lambda: os.path.exists(out) and os.path.getsize(out))
    with open(out) as f:
        assert f.read() == "false"


def test_finish_request_sends_buffered_output(backend):
    r = backend.run("<?php ob_start(); echo 'a'; ob_start(); echo 'b'; fastcgi_finish_request(); echo 'c';")
    assert r.text == "ab"


def test_messages_after_finish_request_are_not_sent(backend):
    r = backend.run("<?php error_log('early'); fastcgi_finish_request(); error_log('late');")
    assert r.complete and b"late" not in r.stderr


def test_finish_request_of_an_upload_reads_its_body(backend):
    r = backend.run("<?php fastcgi_finish_request();", b"x" * 200000, method="PUT", CONTENT_TYPE="text/plain")
    assert r.complete


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("n", [10, 60_000, 300_000, 3_000_000])
def test_body_can_be_read_after_finish_request(backend, n, keep):
    """Acknowledge first, work later: what many a webhook does."""
    out = f"{backend.site.writable('marks')}/after-{backend.name}-{n}-{keep}"
    code = ("<?php echo 'ok'; $f = fopen('php://input', 'r'); $start = fread($f, 4); fastcgi_finish_request();"
            "file_put_contents($_GET['o'], $start . '|' . stream_get_contents($f) . '|' . file_get_contents('php://input'));"
            "rename($_GET['o'], $_GET['o'] . '.done');")
    body = random.Random(n).randbytes(n)
    with backend.client() as c:
        r = c.request(backend.params(code, body, method="POST", CONTENT_TYPE="application/json", query="o=" + out), body, keep=keep)
        assert r.text == "ok"
        procs.until("the script's end", lambda: os.path.exists(out + ".done"))
        with open(out + ".done", "rb") as f:
            assert f.read() == body[:4] + b"|" + body[4:] + b"|" + body


@pytest.mark.parametrize("first", [0, *range(100_000, 400_000, 30_000)])
def test_body_that_comes_with_queries_can_be_read_after_finish_request(backend, first):
    if backend.reference("violation"):
        return
    out = f"{backend.site.writable('marks')}/queried-{first}"
    code = (f"<?php echo str_repeat('x', {first}); fastcgi_finish_request(); file_put_contents($_GET['o'], file_get_contents('php://input'));"
            "rename($_GET['o'], $_GET['o'] . '.done');")
    body = random.Random(first).randbytes(2_000_000)
    query = record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""}))
    parts = b"".join(query + stream(STDIN, 1, body[i:i + 50_000], end=False) for i in range(0, len(body), 50_000))
    with backend.connect() as c:
        params = backend.params(code, body, method="POST", CONTENT_TYPE="application/json", query="o=" + out)
        c.send(begin() + stream(PARAMS, 1, pairs(params)) + parts + record(STDIN, 1))
        r = c.read_response()
        assert r.body == b"x" * first and len([a for a in r.records if a.kind == GET_VALUES_RESULT]) == 40
        procs.until("the script's end", lambda: os.path.exists(out + ".done"))
        with open(out + ".done", "rb") as f:
            assert f.read() == body


def test_upload_is_gone_after_finish_request(backend):
    """All of it, not a part that happened to be there."""
    if backend.reference("upload-deadlock"):
        return
    out = f"{backend.site.writable('marks')}/put-{backend.name}"
    code = ("<?php echo str_repeat('x', 300000); fastcgi_finish_request(); file_put_contents($_GET['o'], '[' . file_get_contents('php://input') . ']');"
            "rename($_GET['o'], $_GET['o'] . '.done');")
    with backend.connect() as c:
        params = backend.params(code, b"y" * 300_000, method="PUT", CONTENT_TYPE="text/plain", query="o=" + out)
        c.send(begin() + stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, b"y" * 300_000))
        assert len(c.read_response().body) == 300_000
    procs.until("the script's end", lambda: os.path.exists(out + ".done"))
    assert procs.content(out + ".done") == "[]"


def test_reply_does_not_wait_for_the_body_that_finish_request_waits_for(backend):
    body = b"y" * 200_000
    with backend.connect() as c:
        params = backend.params("<?php echo 'early'; fastcgi_finish_request();", body, method="POST", CONTENT_TYPE="text/plain")
        c.send(begin() + stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, body[:100_000], end=False))
        early = [] if backend.reference("streamed-post") else [c.read_record()]
        c.send(stream(STDIN, 1, body[100_000:]))
        r = c.read_response()
        assert b"".join(a.content for a in early).endswith(b"early") if early else r.text == "early"
        assert r.complete


# --- fpm_get_status

def test_fpm_get_status(backend):
    r = backend.run("<?php echo json_encode(fpm_get_status());", query="x=1")
    seen = json.loads(r.text)
    assert list(seen) == ["pool", "process-manager", "start-time", "start-since", "accepted-conn", "listen-queue", "max-listen-queue",
                          "listen-queue-len", "idle-processes", "active-processes", "total-processes", "max-active-processes",
                          "max-children-reached", "slow-requests", *(["memory-peak"] if server.php_version() >= (8, 4) else []), "procs"]
    assert seen["pool"] == "www" and seen["process-manager"] == "static"
    assert seen["active-processes"] >= 1 and len(seen["procs"]) == 2
    mine, = [p for p in seen["procs"] if p["query-string"] == "x=1"]
    assert mine["state"] == "Running" and mine["request-method"] == "GET"
    assert abs(seen["start-time"] - time.time()) < 3600


# --- PHP around it

def test_sapi_name(backend):
    assert backend.run("<?php echo php_sapi_name(), PHP_SAPI;").text == "fpm-fcgifpm-fcgi"


def test_phpinfo_says_fpm_fastcgi(backend):
    r = backend.run("<?php phpinfo(INFO_GENERAL);")
    assert "FPM/FastCGI" in r.text


def test_phpinfo_as_a_whole_works(backend):
    r = backend.run("<?php phpinfo();")
    assert r.status == 200 and r.text.rstrip().endswith("</html>")


def test_opcache_is_on_and_counts_hits(backend):
    path = backend.site.file("cached.php", "<?php echo 'cached';")
    os.utime(path, (1, 1))
    with backend.connect("one") as c:
        hits = "<?php $s = opcache_get_status(false); echo $s ? $s['opcache_statistics']['hits'] : 'off';"
        for i in range(3):
            c.request(backend.params(path), request_id=i + 1)
        first = int(c.request(backend.params(hits)).text)
        c.request(backend.params(path), request_id=2)
        assert int(c.request(backend.params(hits)).text) > first


def test_opcache_is_shared_by_the_workers_of_a_pool(backend):
    path = backend.site.file("shared.php", "<?php echo opcache_is_script_cached(__FILE__) ? 'hit' : 'miss', getmypid();")
    os.utime(path, (1, 1))
    seen = [backend.run(path).text for _ in range(6)]
    assert all(s.startswith("hit") for s in seen[1:]), seen


SESSION_ENDS = {
    "well": "return true;",
    "in a fatal error": "no_such_function();",
    "in an exception": "throw new Exception('no');",
    "in exit": "exit(5);",
    "with false": "return false;",
    "out of memory": "str_repeat('x', 1 << 40);",
}


@pytest.mark.parametrize("when", ["at the end", "by session_write_close()", "in a shutdown function"])
@pytest.mark.parametrize("end", SESSION_ENDS)
def test_session_handler_whose_write_ends(both, end, when):
    """What is called, in which order, and what the client gets: also where write() does not come back."""
    if end == "out of memory" and server.embeds_another_release():
        pytest.skip("the two differ in what happens when memory runs out")
    code = """<?php ini_set('display_errors', 0); class H implements SessionHandlerInterface {
        function note($w) { file_put_contents($_GET['f'], "$w ", FILE_APPEND); return true; }
        function open($p, $n): bool { return $this->note('open'); } function close(): bool { return $this->note('close'); }
        function read($i): string|false { $this->note('read'); return ''; } function destroy($i): bool { return $this->note('destroy'); }
        function gc($n): int|false { return 0; }
        function write($i, $d): bool { $this->note('write'); %s } }
        session_set_save_handler(new H, false); session_id('abc'); session_start(); $_SESSION['a'] = 1; header_remove('Expires');
        register_shutdown_function(function () { file_put_contents($_GET['f'], 'shutdown ', FILE_APPEND); %s });
        echo 'page'; %s""" % (SESSION_ENDS[end], *{"at the end": ("", ""), "by session_write_close()": ("", "session_write_close();"),
                                                  "in a shutdown function": ("session_write_close();", "")}[when])
    got = []
    for b in both:
        path = os.path.join(b.site.writable("session-calls"), f"{b.name}-{end}-{when}")
        r = b.run(code, query="f=" + urllib.parse.quote(path))
        with open(path, encoding="ascii") as f:
            got.append((f.read(), r.stdout, r.stderr))
    assert got[1] == got[0]


def test_session_survives_requests(backend):
    folder = backend.site.writable("sessions-" + backend.name)
    code = ("<?php ini_set('session.save_path', $_GET['d']); session_start(); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;"
            " echo session_id(), ' ', $_SESSION['n'];")
    session, n = backend.run(code, query="d=" + folder).text.split()
    assert n == "1"
    assert backend.run(code, query="d=" + folder, HTTP_COOKIE="PHPSESSID=" + session).text == session + " 2"


def test_random_numbers_of_two_workers_differ(backend):
    code = "<?php usleep(100000); echo getmypid(), ' ', mt_rand(), ' ', bin2hex(random_bytes(8)), ' ', lcg_value(), ' ', uniqid('', true);"
    seen = {}
    with backend.connect() as c, backend.connect() as d:
        for connection in (c, d):
            connection.send(fastcgi.request_bytes(backend.params(code)))
        for connection in (c, d):
            pid, *values = connection.read_response().text.split()
            seen[pid] = values
    assert len(seen) == 2, "both workers should have served one request each"
    a, b = seen.values()
    assert all(x != y for x, y in zip(a, b))


def test_globals_do_not_survive_a_request(backend):
    with backend.connect("one") as c:
        code = "<?php static $n = 0; $GLOBALS['kept'] = ($GLOBALS['kept'] ?? 0) + 1; echo $GLOBALS['kept'], ++$n; define('X', 1);"
        for i in range(4):
            r = c.request(backend.params(code), request_id=i + 1)
            assert (r.text, r.stderr) == ("11", b"")


def test_memory_does_not_grow_over_requests(backend):
    code = "<?php $a = range(1, 20000); echo preg_match('/^RssAnon:\\s+(\\d+)/m', file_get_contents('/proc/self/status'), $m) ? $m[1] : 0;"
    with backend.connect("one") as c:
        def measure(n):
            for i in range(n):
                kib = int(c.request(backend.params(code), request_id=i + 1).text)
            return kib
        first = measure(100)
        # AddressSanitizer keeps what was freed, up to a size of its own
        assert measure(400) - first < (16384 if "ASAN_OPTIONS" in os.environ else 1024)


def test_include_path_and_relative_includes(backend):
    backend.site.file("lib/inc.php", "<?php return 'included';")
    main = backend.site.file("lib/main.php", "<?php echo include 'inc.php', '|', basename(getcwd());")
    assert backend.run(main).text == "included|lib"


def test_sleep_is_not_disturbed(backend):
    r = backend.run("<?php $t = hrtime(true); usleep(200000); echo (hrtime(true) - $t) / 1e6;")
    assert 199 < float(r.text) < 2000


def test_child_process_output(backend):
    assert backend.run("<?php echo shell_exec('echo from a shell');").text == "from a shell\n"


def test_proc_open_and_wait(backend):
    code = ("<?php $p = proc_open(['/bin/sh', '-c', 'cat; exit 3'], [['pipe', 'r'], ['pipe', 'w']], $io); fwrite($io[0], 'x');"
            " fclose($io[0]); echo stream_get_contents($io[1]), proc_close($p);")
    assert backend.run(code).text == "x3"


def test_connection_status_of_a_living_client(backend):
    assert backend.run("<?php echo connection_status(), connection_aborted(), (int)ignore_user_abort();").text == "000"
