# SPDX-License-Identifier: MIT
"""Request bodies: php://input, forms, uploads, limits."""

import hashlib
import json
import os
import threading

import pytest

import fastcgi
import procs
from backend import Backend
from fastcgi import GET_VALUES, GET_VALUES_RESULT, KEEP_CONN, PARAMS, STDIN, begin, decode_pairs, pairs, record, stream

FORM = "application/x-www-form-urlencoded"
POSTED = "<?php echo json_encode([$_POST, $_FILES, file_get_contents('php://input')]);"
LENGTH = "<?php echo json_encode([count($_POST), strlen(file_get_contents('php://input'))]);"
MD5 = "<?php echo md5_file('php://input');"
BOUNDARY = "----boundary7Ma"
TOO_LARGE = ("PHP message: PHP Warning:  PHP Request Startup: POST Content-Length of {} bytes exceeds the limit of 8388608 bytes in"
             " Unknown on line 0")


def post(backend, code, body, content_type=FORM, method="POST", **how):
    return backend.run(code, body, method=method, CONTENT_TYPE=content_type, **how)


def part(name, value, filename=None, content_type=None):
    head = f'Content-Disposition: form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
    if content_type:
        head += f"\r\nContent-Type: {content_type}"
    return f"--{BOUNDARY}\r\n{head}\r\n\r\n".encode() + value + b"\r\n"


def multipart(*parts):
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def upload(backend, code, *parts, **how):
    return post(backend, code, multipart(*parts), f"multipart/form-data; boundary={BOUNDARY}", **how)


def test_form_post(backend):
    r = post(backend, POSTED, b"a=1&b%5B%5D=x&b%5B%5D=y&c=%C3%A4+o")
    assert json.loads(r.text) == [{"a": "1", "b": ["x", "y"], "c": "ä o"}, [], "a=1&b%5B%5D=x&b%5B%5D=y&c=%C3%A4+o"]


def test_form_post_with_charset_in_its_type(backend):
    assert json.loads(post(backend, POSTED, b"a=1", FORM + "; charset=UTF-8").text)[0] == {"a": "1"}


def test_post_of_another_type_is_input_alone(backend):
    assert json.loads(post(backend, POSTED, b'{"a":1}', "application/json").text) == [[], [], '{"a":1}']


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "PROPFIND"])
def test_other_methods_have_input_and_no_post(backend, method):
    assert json.loads(post(backend, POSTED, b"a=1", method=method).text) == [[], [], "a=1"]


def test_get_with_a_body(backend):
    assert json.loads(backend.run(POSTED, b"a=1", CONTENT_TYPE=FORM).text) == [[], [], "a=1"]


def test_no_body(backend):
    assert json.loads(post(backend, POSTED, b"").text) == [[], [], ""]


def test_input_can_be_read_twice(backend):
    code = "<?php echo file_get_contents('php://input'), '|', file_get_contents('php://input');"
    assert post(backend, code, b"again", "text/plain").text == "again|again"


def test_input_can_be_rewound(backend):
    code = "<?php $f = fopen('php://input', 'r'); echo fread($f, 3); rewind($f); echo '|', stream_get_contents($f), '|', ftell($f);"
    assert post(backend, code, b"abcdef", "text/plain").text == "abc|abcdef|6"


def test_two_handles_on_input(backend):
    code = ("<?php $f = fopen('php://input', 'r'); $g = fopen('php://input', 'r'); echo fread($f, 2), fread($g, 4), fread($f, 2),"
            " fread($g, 4);")
    assert post(backend, code, b"abcdef", "text/plain").text == "ababcdcdef"


@pytest.mark.parametrize("size", [1, 8191, 8192, 8193, 65535, 65536, 65537, 1 << 20, 5_000_000])
def test_bodies_of_every_size(backend, size):
    body = bytes(i * 7 % 251 for i in range(1000)) * (size // 1000 + 1)
    body = body[:size]
    assert post(backend, MD5, body, "application/octet-stream").text == hashlib.md5(body).hexdigest()


@pytest.mark.parametrize("chunk", [1, 7, 1000, 8192, 16384, 65535])
def test_body_in_records_of_every_size(backend, chunk):
    body = b"0123456789" * (40 if chunk == 1 else 20000)
    params = backend.params(MD5, body, method="PUT", CONTENT_TYPE="text/plain")
    with backend.connect() as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params))
               + stream(STDIN, 1, body, chunk))
        assert c.read_response().text == hashlib.md5(body).hexdigest()


def test_body_of_all_bytes(backend):
    body = bytes(range(256)) * 3
    assert post(backend, "<?php echo bin2hex(file_get_contents('php://input'));", body, "text/plain").text == body.hex()


def streamed(backend, method, half):
    """The script answers the first half before the second is sent."""
    code = ("<?php $f = fopen('php://input', 'r'); echo fread($f, 5), '.'; while (ob_get_level()) ob_end_flush(); flush();"
            " echo md5(stream_get_contents($f));")
    rest = b"*" * (half - 5)
    params = backend.params(code, b"01234" + rest + rest, method=method, CONTENT_TYPE="text/plain")
    with backend.connect() as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, b"01234" + rest, end=False))
        first = c.read_record(timeout=10, what="the script's answer to the first half of the body")
        assert first.content.endswith(b"01234."), first
        c.send(stream(STDIN, 1, rest))
        assert c.read_response().stdout.decode() == hashlib.md5(rest + rest).hexdigest()


def test_put_body_is_streamed(backend):
    streamed(backend, "PUT", 80000)


def test_put_body_that_is_short_is_waited_for(backend):
    if not backend.reference("half-body"):
        with pytest.raises(TimeoutError), backend.connect() as c:
            c.timeout = 0.5
            params = backend.params("<?php echo fread(fopen('php://input', 'r'), 5); flush();", b"x" * 10, method="PUT")
            c.send(begin() + stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, b"01234", end=False))
            c.read_record(timeout=0.5)


def test_post_body_is_streamed(backend):
    if not backend.reference("streamed-post"):
        streamed(backend, "POST", 80000)


def test_answer_without_reading_the_body(backend):
    body = b"x" * 3_000_000
    r = post(backend, "<?php echo 'not read';", body, "application/octet-stream", method="PUT")
    assert r.text == "not read"


def test_unread_body_does_not_disturb_the_next_request(backend):
    with backend.connect("one") as c:
        for i in range(3):
            body = b"y" * 500_000
            params = backend.params("<?php echo 'not read';", body, method="PUT", CONTENT_TYPE="text/plain")
            assert c.request(params, body, request_id=i + 1).text == "not read"
            assert c.request(backend.params("<?php echo strlen(file_get_contents('php://input'));")).text == "0"


# --- answers to a body that is on its way: HAProxy lets its client wait when END_REQUEST comes before STDIN has ended

EARLY = "<?php http_response_code(413); echo 'too large';"


def early(backend, keep=True, pool="one", n=3_000_000):
    """The head, and the request's bytes from there on."""
    params = backend.params(EARLY, method="PUT", CONTENT_TYPE="text/plain", CONTENT_LENGTH=str(n))
    return begin(flags=KEEP_CONN if keep else 0) + stream(PARAMS, 1, pairs(params)), stream(STDIN, 1, b"x" * n)


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("pool", ["one", "tcp"])
@pytest.mark.parametrize("sent", [200_000, 2_999_999, 3_000_000])
def test_early_answer_waits_for_the_end_of_the_body(backend, keep, pool, sent):
    head, body = early(backend, keep, pool)
    with backend.connect(pool) as c:
        c.send(head + body[:sent])
        if backend.name == "fpmd": # its one worker is free, so the park has the reply
            assert backend.run("<?php echo 'other';", pool=pool).text == "other"
        with pytest.raises(TimeoutError):
            c.wait_readable("nothing", timeout=0.2)
        c.send(body[sent:])
        r = c.read_response()
        assert (r.status, r.text, r.complete) == (413, "too large", True)
        if keep:
            assert c.request(backend.params("<?php echo 'next';")).text == "next"
        else:
            c.read_eof()


def test_early_answer_does_not_wait_for_a_silent_client(fpmd_server, site):
    """It may be one that sends no more until it has read."""
    backend = Backend(fpmd_server, site)
    head, body = early(backend)
    with backend.connect("one") as c:
        c.send(head + body[:500_000])
        r = c.read_response(timeout=8)
        assert (r.status, r.complete) == (413, True)
        c.send(body[500_000:])
        assert c.request(backend.params("<?php echo 'next';")).text == "next"


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("ending", ["abort", "half", "close"])
def test_early_answer_ends_with_a_body_that_is_cut_off(fpmd_server, site, ending, keep):
    backend = Backend(fpmd_server, site)
    head, body = early(backend, keep)
    with backend.connect("one") as c:
        c.send(head + body[:500_000])
        assert backend.run("<?php echo 'other';", pool="one").text == "other"
        if ending == "abort":
            c.send(body[500_000:500_000 + -500_000 % 65543] + record(fastcgi.ABORT_REQUEST, 1))
        elif ending == "half":
            c.finish_sending()
        if ending != "close":
            r = c.read_response(timeout=1.5)
            assert (r.status, r.complete) == (413, True)
        if ending == "abort" and keep:
            assert c.request(backend.params("<?php echo 'next';")).text == "next"
    assert backend.run("<?php echo 'other';", pool="one").text == "other"


def test_next_request_right_behind_a_body_that_is_not_read(backend):
    """In the same bytes as the body's end."""
    head, body = early(backend)
    with backend.connect("one") as c:
        c.send(head + body[:300_000])
        if backend.name == "fpmd":
            assert backend.run("<?php echo 'other';", pool="one").text == "other"
        c.send(body[300_000:] + fastcgi.request_bytes(backend.params("<?php echo 'next';"), request_id=2, keep=True))
        assert c.read_response().status == 413 and c.read_response(2).text == "next"


# --- clients that send the whole request before they read anything

LARGE = b"0123456789abcdef" * 312_500


def sends_first(backend, code, method, body=LARGE, pool="www"):
    """More than sockets hold, both ways. Fails with a TimeoutError when the two wait for each other."""
    with backend.connect(pool) as c:
        c.timeout = 3 if backend.name == "php-fpm" else 20
        r = c.request(backend.params(code, body, method=method, CONTENT_TYPE="application/octet-stream"), body)
        assert c.request(backend.params("<?php echo 'next: ', strlen(file_get_contents('php://input'));")).text == "next: 0"
        return r


@pytest.mark.parametrize("pool", ["www", "tcp"])
def test_reply_before_the_body_has_been_read(backend, pool):
    r = sends_first(backend, "<?php echo str_repeat('x', 3000000), md5_file('php://input');", "POST", pool=pool)
    assert r.body[:3_000_000] == b"x" * 3_000_000
    assert r.text[3_000_000:] == hashlib.md5(LARGE).hexdigest()


@pytest.mark.parametrize("pool", ["www", "tcp"])
def test_body_and_reply_at_once(backend, pool):
    assert sends_first(backend, "<?php readfile('php://input');", "POST", pool=pool).body == LARGE


@pytest.mark.parametrize("n", [*range(100_000, 400_000, 30_000), 3_000_000])
def test_reply_and_no_interest_in_the_body(backend, n):
    """Of some sizes the socket has room for all but the last of it, which waits elsewhere for the client."""
    assert sends_first(backend, f"<?php echo str_repeat('x', {n});", "POST").body == b"x" * n


@pytest.mark.parametrize("code", ["<?php readfile('php://input');", "<?php ob_start(); readfile('php://input'); ob_end_flush();"])
def test_upload_and_reply_at_once(backend, code):
    if backend.reference("upload-deadlock") and "ob_" not in code:
        with pytest.raises(TimeoutError):
            sends_first(backend, code, "PUT")
    else:
        assert sends_first(backend, code, "PUT").body == LARGE


def test_more_than_post_max_size_is_not_kept(backend):
    """The two wait for each other: to keep it would be more than the site allows a client to make it store."""
    with pytest.raises(TimeoutError), backend.connect() as c:
        c.timeout = 2
        body = LARGE * 2
        c.request(backend.params("<?php readfile('php://input');", body, method="POST", CONTENT_TYPE="text/plain"), body)


@pytest.mark.parametrize("first", [0, *range(100_000, 400_000, 30_000)])
@pytest.mark.parametrize("code", ["readfile('php://input');", "echo file_get_contents('php://input');",
                                  "$f = fopen('php://input', 'r'); while (!feof($f)) { echo fread($f, 100000); flush(); }"])
def test_queries_while_the_reply_is_stuck(backend, code, first):
    """Answers go between records, never into one, and change nothing about the body: where its bytes are then is another matter each time."""
    if backend.reference("violation"):
        return
    with backend.connect() as c:
        params = backend.params(f"<?php echo str_repeat('x', {first}); {code}", LARGE, method="POST", CONTENT_TYPE="text/plain")
        part = len(LARGE) // 50
        body = b"".join(record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""})) + stream(STDIN, 1, LARGE[i * part:(i + 1) * part], end=False)
                        for i in range(50))
        c.send(begin(flags=KEEP_CONN) + stream(PARAMS, 1, pairs(params)) + body + record(STDIN, 1))
        r = c.read_response()
        assert r.body == b"x" * first + LARGE
        assert [decode_pairs(a.content) for a in r.records if a.kind == GET_VALUES_RESULT] == [{b"FCGI_MPXS_CONNS": b"0"}] * 50
        assert c.request(backend.params("<?php echo 'next';")).text == "next"


def test_more_queries_than_are_answered_later(backend):
    if backend.reference("violation"):
        return
    with backend.connect() as c:
        params = backend.params("<?php readfile('php://input');", LARGE, method="POST", CONTENT_TYPE="text/plain")
        part = len(LARGE) // 4
        c.send(begin(flags=KEEP_CONN) + stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, LARGE[:part], end=False)
               + record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""})) * 300)
        procs.until("all but some queries to be received", lambda: procs.unsent(c.sock) < 100_000)
        rest = threading.Thread(target=c.sock.sendall, args=(stream(STDIN, 1, LARGE[part:]),))
        rest.start()
        r = c.read_response()
        rest.join()
        assert r.body == LARGE
        assert len([a for a in r.records if a.kind == GET_VALUES_RESULT]) == 300


# --- post_max_size (8M in Debian's php.ini)

def test_form_over_post_max_size(backend):
    body = b"a=" + b"x" * 9_000_000
    r = post(backend, LENGTH, body)
    assert json.loads(r.text) == [0, 9_000_002]
    assert r.stderr.decode() == TOO_LARGE.format(9_000_002)


def test_other_type_over_post_max_size(backend):
    r = post(backend, LENGTH, b"x" * 9_000_000, "text/plain")
    assert r.stderr.decode() == TOO_LARGE.format(9_000_000)
    assert json.loads(r.text)[0] == 0


def test_put_has_no_post_max_size(backend):
    r = post(backend, LENGTH, b"x" * 9_000_000, "text/plain", method="PUT")
    assert json.loads(r.text) == [0, 9_000_000] and r.stderr == b""


def test_upload_over_post_max_size(backend):
    r = upload(backend, "<?php echo json_encode([count($_POST), count($_FILES)]);", part("f", b"x" * 9_000_000, "a.bin"))
    assert json.loads(r.text) == [0, 0] and b"exceeds the limit of 8388608 bytes" in r.stderr


def test_post_max_size_of_one_request(backend):
    r = post(backend, LENGTH, b"a=" + b"x" * 2000, pool="values", PHP_ADMIN_VALUE="post_max_size=1K")
    assert json.loads(r.text)[0] == 0 and b"exceeds the limit of 1024 bytes" in r.stderr


# --- uploads

FILE = ("<?php $f = $_FILES['f']; echo json_encode([$_POST, $f['name'], $f['type'], $f['error'], $f['size'],"
        " is_uploaded_file($f['tmp_name']), $f['error'] ? null : md5_file($f['tmp_name'])]);")


def test_upload_of_a_file_and_a_field(backend):
    r = upload(backend, FILE, part("k", b"v"), part("f", b"hello", "a.txt", "text/plain"))
    assert json.loads(r.text) == [{"k": "v"}, "a.txt", "text/plain", 0, 5, True, hashlib.md5(b"hello").hexdigest()]


def test_upload_of_a_large_file_in_small_records(backend):
    data = bytes(i % 253 for i in range(1_500_000))
    body = multipart(part("f", data, "a.bin", "application/octet-stream"))
    params = backend.params(FILE, body, method="POST", CONTENT_TYPE=f"multipart/form-data; boundary={BOUNDARY}")
    with backend.connect() as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, body, chunk=3001))
        assert json.loads(c.read_response().text)[4:] == [1_500_000, True, hashlib.md5(data).hexdigest()]


def test_upload_over_upload_max_filesize(backend):
    r = upload(backend, FILE, part("f", b"x" * 3_000_000, "a.bin"))
    assert json.loads(r.text)[3:6] == [1, 0, False]


def test_several_uploads(backend):
    r = upload(backend, "<?php echo json_encode([$_FILES['f']['name'], array_map('filesize', $_FILES['f']['tmp_name'])]);",
               part("f[]", b"1", "a"), part("f[]", b"22", "b"), part("f[x]", b"333", "c"))
    assert json.loads(r.text) == [{"0": "a", "1": "b", "x": "c"}, {"0": 1, "1": 2, "x": 3}]


def test_upload_of_no_file(backend):
    assert json.loads(upload(backend, FILE, part("f", b"", "")).text)[3] == 4


def test_uploaded_file_is_gone_after_the_request(backend):
    with backend.connect("one") as c:
        body = multipart(part("f", b"x", "a"))
        params = backend.params("<?php echo $_FILES['f']['tmp_name'];", body, method="POST",
                                CONTENT_TYPE=f"multipart/form-data; boundary={BOUNDARY}")
        name = c.request(params, body).text
        assert name.startswith("/")
        seen = c.request(backend.params("<?php var_dump(file_exists($_GET['n']));", query="n=" + name), request_id=2)
        assert seen.text == "bool(false)\n"


def test_move_uploaded_file(backend):
    target = backend.site.writable("uploads") + "/" + backend.name
    code = "<?php var_dump(move_uploaded_file($_FILES['f']['tmp_name'], $_GET['to']));"
    assert upload(backend, code, part("f", b"moved", "a"), query="to=" + target).text == "bool(true)\n"
    with open(target, "rb") as f:
        assert f.read() == b"moved"


def test_multipart_leaves_no_input(backend):
    r = upload(backend, "<?php echo strlen(file_get_contents('php://input'));", part("k", b"v"))
    assert r.text == "0"


def test_multipart_without_boundary(backend):
    r = post(backend, LENGTH, b"x", "multipart/form-data")
    assert b"Missing boundary in multipart/form-data POST data" in r.stderr


def test_multipart_that_ends_early(both):
    answers = []
    for backend in both:
        body = part("k", b"v") + part("f", b"half", "a")[:-3]
        answers.append(post(backend, "<?php echo json_encode([$_POST, array_column($_FILES, 'error')]);", body,
                            f"multipart/form-data; boundary={BOUNDARY}"))
    assert answers[0].stdout == answers[1].stdout and answers[0].stderr == answers[1].stderr


# --- CONTENT_LENGTH

def test_body_without_content_length(backend):
    params = backend.params("<?php echo file_get_contents('php://input');", method="POST", CONTENT_TYPE="text/plain", CONTENT_LENGTH=None)
    r = backend.client().request(params, b"no length")
    assert r.text == ("" if backend.reference("body-without-length") else "no length")


# No number of bytes: Caddy says -1 for a chunked body, the others nobody should say.
NO_LENGTHS = ["-1", "-5", "zz", "0x5", "", "   ", "5, 5", "99999999999999999999999999"]
GOT = "<?php echo json_encode([$_POST['a'] ?? null, array_column($_FILES, 'size'), md5_file('php://input')]);"


def md5(data):
    return hashlib.md5(data).hexdigest()


def asked_without_length(backend, value, method, content_type, body):
    params = backend.params(GOT, method=method, CONTENT_TYPE=content_type, CONTENT_LENGTH=value)
    return params, fastcgi.request_bytes(params, body, keep=True, chunk=10000)


@pytest.mark.parametrize("value", [None, *NO_LENGTHS])
@pytest.mark.parametrize("size", [9, 60_000, 70_000, 1_000_000])
def test_body_of_unknown_length_arrives_whole(backend, value, size):
    body, file = b"a=" + b"x" * size, multipart(part("a", b"v"), part("f", b"y" * size, "f.bin"))
    for method, content_type, sent, expected in (
            ("PUT", "text/plain", body, [None, [], md5(body)]),
            ("POST", "application/json", body, [None, [], md5(body)]),
            ("POST", FORM, body, ["x" * size, [], md5(body)]),
            ("POST", f"multipart/form-data; boundary={BOUNDARY}", file, ["v", [size], md5(b"")])):
        if backend.reference("body-without-length"):
            continue # it waits for what does not come, or has no body: see differences.py
        _, request = asked_without_length(backend, value, method, content_type, sent)
        with backend.connect() as c:
            c.send(request)
            assert json.loads(c.read_response().text) == expected
            assert c.request(backend.params("<?php echo 'next';")).text == "next"


@pytest.mark.parametrize("size", [9, 30_000, 70_000, 1_000_000])
@pytest.mark.parametrize("method,content_type", [("PUT", "text/plain"), ("POST", FORM), ("GET", "")])
def test_body_of_unknown_length_comes_through_the_park(fpmd_server, site, size, method, content_type):
    """The pool's only worker answers somebody else while the first half waits for the second."""
    backend = Backend(fpmd_server, site)
    body = b"a=" + b"x" * size
    _, request = asked_without_length(backend, "-1", method, content_type, body)
    for at in (len(request) // 2, len(request) - 8) if size < 60_000 else (600,):
        with backend.connect("one") as c:
            c.send(request[:at])
            assert backend.run("<?php echo 'other';", pool="one").text == "other"
            c.send(request[at:])
            assert json.loads(c.read_response().text) == ["x" * size if method == "POST" else None, [], md5(body)]


@pytest.mark.parametrize("value", ["zz", "-5", "-1", "0x5", "   ", "99999999999999999999999999"])
def test_broken_content_length_is_answered(backend, value):
    params = backend.params("<?php echo 'alive';", method="POST", CONTENT_TYPE="text/plain", CONTENT_LENGTH=value)
    with backend.connect(timeout=10) as c:
        c.send(fastcgi.request_bytes(params, b"x"))
        c.finish_sending()
        c.read_eof()
    assert backend.run("<?php echo 'alive';").text == "alive"


def test_body_over_post_max_size_without_a_length(fpmd_server, site):
    """As where the length was known: the form is left out, and PHP says why."""
    backend = Backend(fpmd_server, site)
    _, request = asked_without_length(backend, "-1", "POST", FORM, b"a=" + b"x" * 9_000_000)
    with backend.connect() as c:
        c.send(request)
        r = c.read_response()
    assert json.loads(r.text)[0] is None and b"exceeds" in r.stderr


def test_content_length_zero(backend):
    assert json.loads(post(backend, LENGTH, b"", CONTENT_LENGTH="0").text) == [0, 0]


def test_empty_stdin_record_at_once(backend):
    params = backend.params(LENGTH, method="POST", CONTENT_TYPE=FORM, CONTENT_LENGTH="0")
    with backend.connect() as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params)) + record(STDIN, 1))
        assert json.loads(c.read_response().text) == [0, 0]


def test_max_input_vars(backend):
    body = "&".join(f"v{i}=1" for i in range(1500)).encode()
    r = post(backend, "<?php echo count($_POST);", body)
    assert int(r.text) <= 1001 and b"Input variables exceeded 1000" in r.stderr


SIZES = [1000, 16383, 16384, 16385, 40000, 262143, 262144, 262145, 700000]


@pytest.mark.parametrize("size", SIZES)
def test_large_forms_are_taken_apart_and_stay_readable(backend, size):
    """Around the sizes at which a body goes on in a temporary file."""
    body = b"first=1&value=" + b"v" * (size - 21) + b"&last=9"
    code = ("<?php $in = file_get_contents('php://input'); echo strlen($in), ' ', md5($in), ' ', strlen($_POST['value']), ' ', $_POST['last'],"
            " ' ', md5(stream_get_contents(fopen('php://input', 'r'), -1, 7));")
    expected = f"{size} {hashlib.md5(body).hexdigest()} {size - 21} 9 {hashlib.md5(body[7:]).hexdigest()}"
    assert post(backend, code, body).text == expected


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_large_input_can_be_read_from_anywhere(backend, size, method):
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    code = ("<?php $f = fopen('php://input', 'r'); stream_get_contents($f); rewind($f); $a = fread($f, 100); fseek($f, -10, SEEK_END);"
            " $end = fread($f, 100); rewind($f); echo md5($a), md5($end), md5(stream_get_contents($f)), ftell($f);")
    expected = "".join(hashlib.md5(piece).hexdigest() for piece in (body[:100], body[-10:], body)) + str(size)
    assert post(backend, code, body, "application/json", method=method).text == expected


@pytest.mark.parametrize("content_type", [FORM, "application/json", "multipart/form-data; boundary=x", ""])
@pytest.mark.parametrize("body", [b"", b"a=1", b"a=" + b"x" * 50000])
def test_streams_that_a_script_finds_open(both, content_type, body):
    code = "<?php echo count(get_resources()), ' ', get_resource_id(fopen('php://memory', 'r')) > 1, ' ', strlen(file_get_contents('php://input')), json_encode(array_keys($_POST));"
    answers = [post(b, code, body, content_type) for b in both]
    assert answers[0].text == answers[1].text and answers[0].stderr == answers[1].stderr


FILES = ("<?php $in = file_get_contents('php://input'); $files = 0; foreach (glob('/proc/self/fd/*') as $fd)"
         " $files += (bool) preg_match('~/php[^/]*( \\(deleted\\))?$~', (string) @readlink($fd)); echo strlen($in), ' ', $files;")


@pytest.mark.parametrize("content_type", [FORM, "application/json"])
def test_a_body_of_usual_size_takes_no_file(fpmd_server, site, content_type):
    fpmd = Backend(fpmd_server, site)
    for size, files in ((1000, 0), (20000, 0), (200000, 0), (300000, 1)):
        assert post(fpmd, FILES, b"a=" + b"x" * (size - 2), content_type).text == f"{size} {files}"


def test_a_script_of_little_memory_has_its_body_in_a_file(fpmd_server, site):
    fpmd = Backend(fpmd_server, site)
    body = b"x" * 100000
    assert post(fpmd, FILES, body, "application/json", pool="values", PHP_VALUE="memory_limit=2M").text == "100000 1"


def test_a_body_far_larger_than_memory(backend):
    code = "<?php $f = fopen('php://input', 'r'); $n = 0; while (!feof($f)) $n += strlen(fread($f, 65536)); echo $n, ' ', memory_get_peak_usage() < 3 << 20;"
    assert post(backend, code, b"x" * 6_000_000, "application/octet-stream").text == "6000000 1"


def test_request_parse_body(both):
    """Since PHP 8.4: forms of other methods, when a script asks."""
    code = ("<?php if (!function_exists('request_parse_body')) exit('none');"
            " [$post, $files] = request_parse_body(); echo json_encode([strlen($post['a']), $files, strlen(file_get_contents('php://input'))]);")
    for size in (10, 40000):
        answers = [post(b, code, b"a=" + b"x" * size, method="PUT").text for b in both]
        assert answers[0] == answers[1] and (answers[0] == "none" or answers[0].startswith(f"[{size},"))
    answers = [upload(b, code, part("a", b"x" * 300), method="PATCH").text for b in both]
    assert answers[0] == answers[1]


def test_reading_forms_turned_off(backend):
    body = b"a=" + b"x" * 30000
    code = "<?php echo json_encode($_POST), strlen(file_get_contents('php://input'));"
    assert post(backend, code, body, pool="values", PHP_VALUE="enable_post_data_reading=0").text == "[]30002"


# --- seeking where nothing has been read yet

SEEKS = [
    ("echo file_get_contents('php://input', false, null, $o);", lambda b, o: b[o:]),
    ("echo file_get_contents('php://input', false, null, $o, 3);", lambda b, o: b[o:o + 3]),
    ("$f = fopen('php://input', 'r'); echo fseek($f, $o), ':', ftell($f), ':', stream_get_contents($f);",
     lambda b, o: b"0:%d:" % o + b[o:]),
    ("$f = fopen('php://input', 'r'); echo fseek($f, 0, SEEK_END), ':', ftell($f), ':', fseek($f, $o), ':', fread($f, 4);",
     lambda b, o: b"0:%d:0:" % len(b) + b[o:o + 4]),
    ("$f = fopen('php://input', 'r'); echo fseek($f, -4, SEEK_END), ':', fread($f, 9), ':', ftell($f), ':'; rewind($f);"
     " echo md5(stream_get_contents($f));",
     lambda b, o: b"0:" + b[-4:] + b":%d:" % len(b) + hashlib.md5(b).hexdigest().encode()),
    ("$f = fopen('php://input', 'r'); echo fseek($f, $o, SEEK_CUR), ':', fread($f, 2), ':', fseek($f, -2, SEEK_CUR), ':',"
     " stream_get_contents($f);",
     lambda b, o: b"0:" + b[o:o + 2] + b":0:" + b[o:]),
    ("$f = fopen('php://input', 'r'); $g = fopen('php://input', 'r'); fseek($g, $o); $h = fopen('php://input', 'r');"
     " echo fread($f, 2), ':', fread($g, 3), ':'; fseek($h, 0, SEEK_END); echo ftell($h), ':', md5(stream_get_contents($f)), ':',"
     " stream_get_contents($g);",
     lambda b, o: b[:2] + b":" + b[o:o + 3] + b":%d:" % len(b) + hashlib.md5(b[2:]).hexdigest().encode() + b":" + b[o + 3:]),
    ("$out = fopen('php://output', 'w'); echo stream_copy_to_stream(fopen('php://input', 'r'), $out, null, $o);",
     lambda b, o: b[o:] + b"%d" % (len(b) - o)),
]


@pytest.mark.parametrize("size", [10, 16384, 100_000, 300_000])
@pytest.mark.parametrize("code, wanted", SEEKS, ids=["offset", "part", "set", "end", "from-end", "cur", "several", "copy"])
def test_seek_before_the_first_read(backend, size, code, wanted):
    body = (b"0123456789" * (size // 10 + 1))[:size]
    for offset in sorted({4, size // 2}):
        r = post(backend, f"<?php $o = {offset}; {code}", body, "application/json")
        assert r.stdout.split(b"\r\n\r\n", 1)[1] == wanted(body, offset) and not r.stderr, r


@pytest.mark.parametrize("code, wanted", SEEKS, ids=["offset", "part", "set", "end", "from-end", "cur", "several", "copy"])
def test_seek_in_a_body_without_length(backend, code, wanted):
    body = b"0123456789" * 10_000
    params = backend.params(f"<?php $o = 50000; {code}", method="POST", CONTENT_TYPE="application/json", CONTENT_LENGTH=None)
    r = backend.client().request(params, body)
    if not backend.reference("body-without-length"):
        assert r.stdout.split(b"\r\n\r\n", 1)[1] == wanted(body, 50000) and not r.stderr, r


@pytest.mark.parametrize("size", [10, 100_000, 300_000])
def test_seek_after_the_reply_has_ended(backend, size):
    out = f"{backend.site.writable('seeks')}/{size}-{backend.name}"
    body = (b"0123456789" * (size // 10 + 1))[:size]
    code = ("<?php echo 'done'; fastcgi_finish_request(); $f = fopen('php://input', 'r'); $s = fseek($f, 0, SEEK_END); $n = ftell($f);"
            f" fseek($f, 5); file_put_contents('{out}.new', \"$s $n \" . md5(stream_get_contents($f))); rename('{out}.new', '{out}');")
    assert post(backend, code, body, "application/json").text == "done"
    procs.until("the script to have written", lambda: os.path.exists(out))
    with open(out) as f:
        assert f.read() == f"0 {size} " + hashlib.md5(body[5:]).hexdigest()


def test_seek_in_a_put_reads_no_further_than_it_must(backend):
    """php-fpm has not read a PUT, and does not get to where nothing is yet: 8.2 refuses, 8.4 gets nothing there."""
    code = ("<?php $f = fopen('php://input', 'r'); echo fseek($f, 70000), ':', fread($f, 5); while (ob_get_level()) ob_end_flush(); flush();"
            " fseek($f, -5, SEEK_END); echo ':', fread($f, 9), ':', ftell($f);")
    if backend.reference("seek-in-put"):
        assert post(backend, code, b"0123456789" * 20_000, "text/plain", method="PUT").text != "0:01234:56789:200000"
        return
    params = backend.params(code, b"0123456789" * 20_000, method="PUT", CONTENT_TYPE="text/plain")
    with backend.connect() as c:
        c.send(begin() + stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, b"0123456789" * 10_000, end=False))
        first = c.read_record(timeout=10, what="what the script has read by seeking")
        assert first.content.endswith(b"0:01234"), first
        c.send(stream(STDIN, 1, b"0123456789" * 10_000))
        assert c.read_response().stdout == b":56789:200000"
