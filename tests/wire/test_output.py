# SPDX-License-Identifier: MIT
"""Replies: header block, status, buffering, size."""

import hashlib

import pytest

import fastcgi
import procs
import server

TYPE = b"Content-type: text/html; charset=UTF-8\r\n\r\n"

# PHP code -> the whole of FCGI_STDOUT; None: compared with php-fpm's only.
REPLIES = {
    "status 200 is not sent": ("echo 1;", TYPE + b"1"),
    "Status header": ("header('Status: 404 Nope'); echo 1;", b"Status: 404 Nope\r\n" + TYPE + b"1"),
    "HTTP/1.1 line": ("header('HTTP/1.1 410 Gone away'); echo 1;", b"Status: 410 Gone away\r\n" + TYPE + b"1"),
    "HTTP/1.0 line": ("header('HTTP/1.0 299 Custom'); echo 1;", b"Status: 299 Custom\r\n" + TYPE + b"1"),
    "http_response_code": ("http_response_code(503); echo 1;", b"Status: 503 Service Unavailable\r\n" + TYPE + b"1"),
    "unknown status code": ("http_response_code(799); echo 1;", b"Status: 799\r\n" + TYPE + b"1"),
    "status 204": ("http_response_code(204);", b"Status: 204 No Content\r\n" + TYPE),
    "status 304 has no type": ("http_response_code(304); header('ETag: \"x\"');", b'Status: 304 Not Modified\r\nETag: "x"\r\n\r\n'),
    "Location is 302": ("header('Location: /x'); echo 1;", b"Status: 302 Found\r\nLocation: /x\r\n" + TYPE + b"1"),
    "Location with 301": ("header('Location: /x', true, 301);", b"Status: 301 Moved Permanently\r\nLocation: /x\r\n" + TYPE),
    "WWW-Authenticate is 401": ("header('WWW-Authenticate: Basic realm=x');",
                                b"Status: 401 Unauthorized\r\nWWW-Authenticate: Basic realm=x\r\n" + TYPE),
    "headers of one name": ("header('X-A: 1'); header('X-A: 2', false);", b"X-A: 1\r\nX-A: 2\r\n" + TYPE),
    "header replaced": ("header('X-A: 1'); header('X-A: 2');", b"X-A: 2\r\n" + TYPE),
    "header removed": ("header('X-A: 1'); header_remove('X-A');", TYPE),
    "cookie": ("setcookie('a', 'b c');", b"Set-Cookie: a=b%20c\r\n" + TYPE),
    "own content type": ("header('Content-Type: application/json'); echo 1;", b"Content-Type: application/json\r\n\r\n1"),
    "text type gets the charset": ("header('Content-Type: text/plain'); echo 1;", b"Content-type: text/plain;charset=UTF-8\r\n\r\n1"),
    "removed content type is the default one": ("header_remove('Content-Type'); echo 1;", TYPE + b"1"),
    "empty content type": ("header('Content-Type:'); echo 1;", b"Content-Type:\r\n\r\n1"),
    "no default type": ("ini_set('default_mimetype', ''); echo 1;", b"\r\n1"),
    "rfc2616 headers with an error": ("ini_set('cgi.rfc2616_headers', 1); http_response_code(404); echo 1;",
                                      b"Status: 404 Not Found\r\n" + TYPE + b"1"),
    "rfc2616 headers": ("ini_set('cgi.rfc2616_headers', 1); echo 1;", TYPE + b"1"),
    "rfc2616 headers with a status line": ("ini_set('cgi.rfc2616_headers', 1); header('HTTP/1.1 410 Gone away'); echo 1;", None),
    "nph sends the status always": ("ini_set('cgi.nph', 1); echo 1;", b"Status: 200 OK\r\n" + TYPE + b"1"),
    "no output": ("", TYPE),
    "exit with a text": ("exit('bye');", TYPE + b"bye"),
    "die in a function": ("function f() { echo 'a'; die('b'); } f(); echo 'c';", TYPE + b"ab"),
    "shutdown function": ("register_shutdown_function(function () { echo 'late'; }); echo 'a'; exit;", TYPE + b"alate"),
    "destructor output": ("class D { function __destruct() { echo 'gone'; } } $d = new D; echo 'a';", TYPE + b"agone"),
    "output buffer callback": ("ob_start(fn($b) => strtoupper($b)); echo 'shout';", TYPE + b"SHOUT"),
    "nested buffers": ("ob_start(); echo 'a'; ob_start(); echo 'b'; echo strrev(ob_get_clean() . 'c'); ob_end_flush();", TYPE + b"acb"),
    "header callback": ("header_register_callback(function () { header('X-Late: 1'); }); echo 1;", TYPE[:-2] + b"X-Late: 1\r\n\r\n1"),
    **{f"status line of {n} bytes and a few": (f"header('HTTP/1.1 201 ' . str_repeat('x', {n})); echo 1;", None)
       for n in (1000, *range(1010, 1014), 3000, 100000)},
    "rfc2616 status line of 3,000 bytes": ("ini_set('cgi.rfc2616_headers', 1); header('HTTP/1.1 201 ' . str_repeat('x', 3000)); echo 1;", None),
    "php://output": ("file_put_contents('php://output', 'via stream');", TYPE + b"via stream"),
    "sapi name": ("echo PHP_SAPI, php_sapi_name();", TYPE + b"fpm-fcgifpm-fcgi"),
    "headers_list": ("header('X-B: 1'); echo implode(',', headers_list());", b"X-B: 1\r\n" + TYPE + b"X-B: 1"),
    "header with line feed is refused": ("@header(\"X-A: 1\\nX-Evil: 2\"); echo 1;", TYPE + b"1"),
}


@pytest.mark.parametrize("what", [w for w, (_, expected) in REPLIES.items() if expected is not None])
def test_reply(backend, what):
    code, expected = REPLIES[what]
    r = backend.run("<?php " + code)
    assert r.stdout == expected
    assert (r.app_status, r.protocol_status) == (0, 0)


@pytest.mark.parametrize("what", REPLIES)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_reply_as_in_php_fpm(both, what, method):
    code = "<?php " + REPLIES[what][0]
    a, b = [x.run(code, method=method, SERVER_PROTOCOL="HTTP/1.0" if method == "POST" else "HTTP/1.1") for x in both]
    assert (b.stdout, b.stderr, b.app_status, b.protocol_status) == (a.stdout, a.stderr, a.app_status, a.protocol_status)


@pytest.mark.parametrize("end", ["", "exit(3);", "echo 'page'; flush();"])
def test_header_callback_that_fails(both, end):
    code = "<?php ini_set('display_errors', 0); header_register_callback(function () { no_such(); }); register_shutdown_function(function () { echo 'end'; }); "
    a, b = [x.run(code + end) for x in both]
    assert (b.stdout, b.stderr) == (a.stdout, a.stderr) and b.complete


def test_php_is_not_announced_by_default(backend):
    assert backend.run("<?php echo ini_get('expose_php');").header("X-Powered-By") is None


def test_expose_php(backend):
    r = backend.run("<?php echo ini_get('expose_php');", pool="values", PHP_ADMIN_VALUE="expose_php=1")
    assert r.text == "1" and (r.header("X-Powered-By") or "PHP/").startswith("PHP/")


FLUSHES = {
    "before any output": "header('X-A: 1'); flush(); var_dump(headers_sent($file, $line), $file, $line); @header('X-B: 1'); echo 1;",
    "of a text that PHP buffers": "ob_start(); echo 1; flush(); var_dump(headers_sent()); @http_response_code(404);",
    "before a fatal error": "header('X-A: 1'); flush(); nobody_defines_this();",
    "after the end of the reply": "echo 1; fastcgi_finish_request(); flush(); var_dump(headers_sent());",
}


@pytest.mark.parametrize("where", FLUSHES)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_flush(both, where, method):
    """From PHP 8.4 on it sends the headers if nothing else has. php-fpm then does not think of HEAD any more ("head-body")."""
    a, b = [x.run("<?php " + FLUSHES[where], method=method) for x in both]
    assert b.headers == a.headers
    assert b.body == (a.body if method == "GET" else b"")
    if where == "before a fatal error":
        assert (b.header("Status") is None) == (server.php_version() >= (8, 4))


# --- HEAD

def test_head_has_headers_and_no_body(backend):
    r = backend.run("<?php header('X-A: 1'); echo 'body'; flush(); echo 'more';", method="HEAD")
    if server.php_version() >= (8, 4) and backend.reference("head-body"):
        assert r.body == b"bodymore"
        return
    assert r.stdout == b"X-A: 1\r\n" + TYPE


def test_head_script_stops_at_its_first_flush(backend):
    """PHP's own rule: when headers of a HEAD request are out, the script is done."""
    a = backend.run("<?php error_log('before'); while (ob_get_level()) ob_end_flush(); echo 'x'; flush(); error_log('after');", method="HEAD")
    assert a.stderr.startswith(b"PHP message: before")


# --- buffering and flush

def test_flush_sends_what_there_is(backend):
    mark = backend.site.writable("marks") + f"/flush-{backend.name}"
    code = ("<?php echo 'first'; while (ob_get_level()) ob_end_flush(); flush();"
            " for ($i = 0; $i < 1000 && !file_exists($_GET['m']); $i++) { usleep(10000); clearstatcache(); } echo 'second';")
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(backend.params(code, query="m=" + mark)))
        first = c.read_record(what="the flushed part")
        assert first.content == TYPE + b"first"
        open(mark, "w").close()
        assert c.read_response().stdout == b"second"


def test_nothing_is_sent_before_a_flush(backend):
    """output_buffering = 4096: headers can still be set behind 4,000 bytes of output."""
    r = backend.run("<?php echo str_repeat('x', 4000); header('X-Late: yes');")
    assert r.header("X-Late") == "yes" and r.stderr == b""


def test_headers_are_sent_once_the_buffer_is_full(backend):
    r = backend.run("<?php echo str_repeat('x', 5000); echo (int)headers_sent($file, $line), basename($file) === basename(__FILE__), $line;")
    assert r.text == "x" * 5000 + "111"


def test_implicit_flush(backend):
    r = backend.run("<?php while (ob_get_level()) ob_end_flush(); ob_implicit_flush(true); echo 'a'; echo 'b'; echo 'c';")
    assert r.text == "abc"


@pytest.mark.parametrize("size", [1, 8184, 8192, 65535, 65536, 131072, 1 << 20, 5 << 20])
def test_output_of_every_size_in_one_echo(backend, size):
    r = backend.run("<?php mt_srand(3); echo str_pad('', (int)$_GET['n'], '0123456789abcdef~');", query=f"n={size}")
    expected = (b"0123456789abcdef~" * (size // 17 + 1))[:size]
    assert hashlib.md5(r.body).hexdigest() == hashlib.md5(expected).hexdigest()


@pytest.mark.parametrize("pool", ["www", "tcp"])
def test_one_mebibyte_in_many_echoes(backend, pool):
    r = backend.run("<?php for ($i = 0; $i < 65536; $i++) printf('%015d,', $i);", pool=pool)
    assert r.body == b"".join(b"%015d," % i for i in range(65536))


def test_many_small_flushes_are_many_records(backend):
    r = backend.run("<?php while (ob_get_level()) ob_end_flush(); for ($i = 0; $i < 50; $i++) { echo $i, ' '; flush(); }")
    assert r.text == "".join(f"{i} " for i in range(50))


def test_output_of_all_bytes(backend):
    r = backend.run("<?php for ($i = 0; $i < 256; $i++) echo chr($i);")
    assert r.body == bytes(range(256))


def test_slow_reader_gets_all(backend):
    """The reply is larger than all socket buffers; the client reads only after the worker must have been stopped by that."""
    size = 8 << 20
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(backend.params("<?php echo str_repeat('z', (int)$_GET['n']);", query=f"n={size}")))
        c.wait_readable("the first bytes of the reply")
        r = c.read_response(timeout=20)
    assert len(r.body) == size and r.complete


def test_reply_records_never_exceed_the_limit(backend):
    r = backend.run("<?php echo str_repeat('x', 300000);")
    assert max(len(x.content) for x in r.records) <= 65535 and len(r.body) == 300000


def test_empty_stdout_records_do_not_end_the_reply_early(backend):
    r = backend.run("<?php while (ob_get_level()) ob_end_flush(); flush(); echo ''; flush(); echo 'x'; flush(); flush();")
    assert r.text == "x"


def test_readfile_and_passthru_of_large_data(backend):
    path = backend.site.file("large.bin", bytes(i % 255 for i in range(700000)))
    r = backend.run("<?php header('Content-Type: application/octet-stream'); readfile($_GET['f']);", query="f=" + path)
    with open(path, "rb") as f:
        assert r.body == f.read()


def test_zlib_output_compression(backend):
    import zlib
    r = backend.run("<?php ini_set('zlib.output_compression', '1'); echo str_repeat('compress me ', 1000);", HTTP_ACCEPT_ENCODING="gzip")
    assert r.header("Content-Encoding") == "gzip"
    assert zlib.decompress(r.body, 31) == b"compress me " * 1000


# --- when a reply's bytes leave

def hold(backend, name, code):
    """(params, function that lets the script go on after HOLD)."""
    mark = backend.site.writable("marks") + f"/{name}-{backend.name}"
    wait = f"while (!file_exists('{mark}')) {{ usleep(1000); clearstatcache(); }}"
    return backend.params("<?php " + code.replace("HOLD", wait)), lambda: open(mark, "w").close()


def read_content(c, n):
    """Until n bytes of STDOUT have come."""
    got = 0
    while got < n:
        r = c.read_record()
        assert r.kind == fastcgi.STDOUT, r
        got += len(r.content)


@pytest.mark.parametrize("kind, code, n", [
    ("at once", "echo str_repeat('x', 10000); HOLD", 8000),
    ("in pieces", "for ($i = 0; $i < 30; $i++) echo str_repeat('x', 1000); HOLD", 16000),
    ("slowly", "for ($i = 0; $i < 30; $i++) { echo str_repeat('x', 2500); usleep(2000); } HOLD", 64000),
])
def test_what_a_script_has_written_does_not_wait_for_its_end(backend, kind, code, n):
    """Web servers give up a reply that does not begin."""
    params, go_on = hold(backend, "written-" + kind.replace(" ", "-"), code)
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(params))
        read_content(c, n)
        go_on()


@pytest.mark.parametrize("pool", ["www", "tcp"])
@pytest.mark.parametrize("kind, code", [
    ("output", "ob_start(); HOLD echo str_repeat('x', 60000); ob_end_flush();"),
    ("errors", "HOLD for ($i = 0; $i < 60; $i++) error_log(str_repeat('x', 1000));"),
])
def test_client_that_has_gone_is_noticed_by_what_is_written(backend, kind, code, pool):
    seen = backend.site.writable("marks") + f"/gone-{kind}-{pool}-{backend.name}"
    params, go_on = hold(backend, f"goes-{kind}-{pool}", f"register_shutdown_function(function () {{ file_put_contents('{seen}.new', connection_aborted());"
                         f" rename('{seen}.new', '{seen}'); }}); " + code)
    with backend.connect(pool) as c:
        c.send(fastcgi.request_bytes(params))
    go_on()
    assert procs.until("the script's end", lambda: procs.content(seen)) == "1"


@pytest.mark.parametrize("code", ["header('HTTP/1.1 404 N'); http_response_code(304);", "header('HTTP/1.1 304 NM'); http_response_code(404);",
                                  "header('HTTP/1.1 304 NM');", "http_response_code(304);", "header('Status: 304 NM');"])
def test_content_type_of_a_304(both, code):
    r, reference = (b.run("<?php header('Content-Type: text/plain'); " + code) for b in both)
    assert r.stdout == reference.stdout
