# SPDX-License-Identifier: MIT
"""Records, streams and management: FastCGI 1.0 itself."""

import pytest

import fastcgi
import procs
from fastcgi import (ABORT_REQUEST, AUTHORIZER, BEGIN_REQUEST, DATA, END_REQUEST, FILTER, GET_VALUES, GET_VALUES_RESULT,
                     KEEP_CONN, PARAMS, STDERR, STDIN, STDOUT, UNKNOWN_TYPE, begin, pairs, record, stream)

ECHO = "<?php echo $_SERVER['FCGI_ROLE'], '|', file_get_contents('php://input');"


@pytest.fixture
def params(backend):
    return backend.params(ECHO)


def head(params, request_id=1, flags=0, role=fastcgi.RESPONDER):
    return begin(request_id, role, flags) + stream(PARAMS, request_id, pairs(params))


def talk(backend, data, pool="www", **how):
    """Sends all of it, returns the answer to request 1."""
    with backend.connect(pool) as c:
        c.send(data)
        return c.read_response(**how)


def assert_closed_without_answer(connection):
    assert connection.read_eof() == b""


# --- splits and padding

def test_whole_request_in_one_packet(backend, params):
    r = talk(backend, fastcgi.request_bytes(params))
    assert r.body == b"RESPONDER|" and r.app_status == 0 and r.protocol_status == 0


def test_every_byte_in_a_packet_of_its_own(backend, params):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="4")
    with backend.connect("tcp") as c:
        c.send_pieces(fastcgi.request_bytes(params, b"body"), 1)
        assert c.read_response().body == b"RESPONDER|body"


@pytest.mark.parametrize("size", [2, 3, 5, 7, 8, 9, 13, 64])
def test_packets_of_any_size(backend, params, size):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="26")
    with backend.connect() as c:
        c.send_pieces(fastcgi.request_bytes(params, b"abcdefghijklmnopqrstuvwxyz"), size)
        assert c.read_response().body == b"RESPONDER|abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize("padding", [1, 7, 8, 255])
def test_any_padding(backend, params, padding):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="6")
    r = talk(backend, fastcgi.request_bytes(params, b"padded", padding=padding))
    if backend.reference("padded-empty-records"):
        assert r.body == b"RESPONDER|"
        return
    assert r.body == b"RESPONDER|padded"


@pytest.mark.parametrize("padding", [1, 7, 8, 255])
def test_any_padding_of_records_with_content(backend, params, padding):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="6")
    data = (begin(padding=padding) + stream(PARAMS, 1, pairs(params), padding=padding, end=False) + record(PARAMS, 1)
            + stream(STDIN, 1, b"padded", chunk=4, padding=padding, end=False) + record(STDIN, 1))
    assert talk(backend, data).body == b"RESPONDER|padded"


def test_params_stream_in_many_records_split_between_pairs(backend, params):
    data = begin() + b"".join(stream(PARAMS, 1, pairs({k: v}), end=False) for k, v in params.items())
    assert talk(backend, data + record(PARAMS, 1) + record(STDIN, 1)).body == b"RESPONDER|"


def test_params_split_inside_a_pair(backend, params):
    data = begin() + stream(PARAMS, 1, pairs(params), chunk=10) + record(STDIN, 1)
    if backend.reference("large-params"):
        with pytest.raises(ConnectionResetError):
            talk(backend, data)
        return
    assert talk(backend, data).body == b"RESPONDER|"


def test_four_byte_lengths_for_short_names_and_values(backend, params):
    assert talk(backend, fastcgi.request_bytes(params, wide=True)).body == b"RESPONDER|"


def test_body_in_one_byte_records(backend, params):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="20")
    body = b"0123456789abcdefghij"
    r = talk(backend, head(params) + stream(STDIN, 1, body, chunk=1))
    assert r.body == b"RESPONDER|" + body


@pytest.mark.parametrize("request_id", [1, 2, 255, 256, 65535])
def test_any_request_id_is_answered_with_the_same(backend, params, request_id):
    with backend.connect() as c:
        r = c.request(params, request_id=request_id, keep=False)
        assert r.body == b"RESPONDER|" and {x.request_id for x in r.records} == {request_id}


def test_every_record_of_an_answer_has_version_one(backend, params):
    r = talk(backend, fastcgi.request_bytes(params))
    assert {x.version for x in r.records} == {1}


def test_stdout_comes_before_end_and_nothing_after(backend, params):
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(params))
        kinds = [x.kind for x in c.read_response().records]
        assert kinds[-1] == END_REQUEST and set(kinds[:-1]) == {STDOUT}
        assert c.read_record() is None


@pytest.mark.parametrize("code", ["echo 1;", "", "error_log('said'); echo 1;", "header('Content-Length: 9'); echo 1; flush(); error_log('said');", "echo str_repeat('x', 200000);",
                                  "fastcgi_finish_request();", "echo 1; flush(); nothing();"])
@pytest.mark.parametrize("keep", [True, False])
def test_no_empty_record_before_end_request(backend, code, keep):
    """Section 3.3 has streams end so. nginx 1.22 then holds clients whose Content-Length is not reached, and gives them the next reply's bytes."""
    with backend.connect() as c:
        records = c.request(backend.params("<?php " + code), keep=keep).records
    assert records[-1].kind == END_REQUEST and all(r.content for r in records)


@pytest.mark.parametrize("uri", ["/fpm-ping", "/fpm-status", "/nothing"])
def test_no_empty_record_behind_pages(backend, uri):
    assert all(r.content for r in backend.page(uri).records)


def test_reserved_bytes_of_end_request_are_zero(backend, params):
    end = talk(backend, fastcgi.request_bytes(params)).records[-1]
    if backend.reference("reserved-bytes"):
        assert len(end.content) == 8
        return
    assert end.content == bytes(8)


def test_answer_comes_before_the_body_has_ended_when_the_script_does_not_read_it(backend):
    params = backend.params("<?php echo 'at once';", method="POST", CONTENT_LENGTH="0", CONTENT_TYPE="text/plain")
    with backend.connect() as c:
        c.send(head(params))
        assert c.read_response().body == b"at once"


# --- management records

def test_get_values(backend):
    asked = {"FCGI_MAX_CONNS": "", "FCGI_MAX_REQS": "", "FCGI_MPXS_CONNS": ""}
    with backend.connect() as c:
        c.send(record(GET_VALUES, 0, pairs(asked)))
        r = c.read_record()
        assert (r.kind, r.request_id) == (GET_VALUES_RESULT, 0)
        values = fastcgi.decode_pairs(r.content)
    assert values[b"FCGI_MPXS_CONNS"] == b"0"
    if backend.reference("get-values"):
        assert set(values) == {b"FCGI_MPXS_CONNS"}
        return
    assert int(values[b"FCGI_MAX_CONNS"]) >= 1 and int(values[b"FCGI_MAX_REQS"]) >= 1


def test_get_values_leaves_out_what_it_does_not_know(backend):
    with backend.connect() as c:
        c.send(record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": "", "MOON_PHASE": ""})))
        assert fastcgi.decode_pairs(c.read_record().content) == {b"FCGI_MPXS_CONNS": b"0"}


def test_get_values_in_front_of_a_request(backend, params):
    with backend.connect() as c:
        c.send(record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""})) + fastcgi.request_bytes(params))
        assert c.read_record().kind == GET_VALUES_RESULT
        assert c.read_response().body == b"RESPONDER|"


@pytest.mark.parametrize("padding", [0, 3])
def test_unknown_management_record_is_answered_unknown_type(backend, params, padding):
    with backend.connect() as c:
        c.send(record(42, 0, b"abc", padding))
        if backend.reference("unknown-type"):
            assert_closed_without_answer(c)
            return
        r = c.read_record()
        assert (r.kind, r.request_id, r.content) == (UNKNOWN_TYPE, 0, bytes([42]) + bytes(7))
        assert c.request(params, keep=False).body == b"RESPONDER|"


def test_unknown_type_inside_a_request_does_not_hurt_it(backend, params):
    with backend.connect() as c:
        c.send(begin() + record(42, 1, b"abc") + stream(PARAMS, 1, pairs(params)) + record(STDIN, 1))
        if backend.reference("unknown-type"):
            assert c.read_response().body == b""
            return
        r = c.read_record()
        assert r.kind == UNKNOWN_TYPE and r.content[0] == 42
        assert c.read_response().body == b"RESPONDER|"


def test_get_values_inside_a_request_does_not_hurt_it(backend, params):
    with backend.connect() as c:
        c.send(begin() + record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""})) + stream(PARAMS, 1, pairs(params))
               + record(STDIN, 1))
        if backend.reference("violation"):
            assert c.read_response().body == b""
            return
        assert c.read_record().kind == GET_VALUES_RESULT
        assert c.read_response().body == b"RESPONDER|"


@pytest.mark.parametrize("came", [3, 8, 15, 24])
def test_get_values_that_is_half_there_when_the_request_ends(backend, params, came):
    """What has come of it while the script ran waits for the rest, be that quick or late."""
    if backend.reference("violation"):
        return
    mark = backend.site.writable("marks") + f"/half-query-{came}"
    running = backend.params("<?php file_put_contents($_GET['m'], 'runs'); while (!file_exists($_GET['m'] . '-on')) usleep(1000); flush();"
                             " echo 'done';", query="m=" + mark)
    query = record(GET_VALUES, 0, pairs({"FCGI_MPXS_CONNS": ""}))
    with backend.connect() as c:
        c.send(begin(flags=KEEP_CONN) + stream(PARAMS, 1, pairs(running)))
        procs.until("the script's start", lambda: procs.content(mark))
        c.send(query[:came])
        with open(mark + "-on", "w"):
            pass
        assert c.read_response().text == "done"
        c.send(query[came:])
        assert c.read_record().kind == GET_VALUES_RESULT
        assert c.request(params, keep=True).body == b"RESPONDER|"


# --- roles and multiplexing

ROLES = {AUTHORIZER: b"AUTHORIZER", FILTER: b"FILTER"}


@pytest.mark.parametrize("role", ROLES)
def test_authorizer_and_filter_are_served_as_a_responder_is(backend, params, role):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="4")
    assert talk(backend, head(params, role=role) + stream(STDIN, 1, b"body")).body == ROLES[role] + b"|body"


def test_authorizer_has_no_body(backend, params):
    """Section 6.3: its request ends with PARAMS."""
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="")
    assert talk(backend, head(params, role=AUTHORIZER)).body == b"AUTHORIZER|"


def test_data_of_a_filter_is_skipped(backend, params):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="4", FCGI_DATA_LENGTH="5", FCGI_DATA_LAST_MOD="0")
    r = talk(backend, head(params, role=FILTER) + stream(STDIN, 1, b"body") + stream(DATA, 1, b"extra"))
    assert r.body == b"FILTER|body"


def test_another_role_on_a_kept_connection(backend, params):
    with backend.connect() as c:
        c.send(head(params, role=AUTHORIZER, flags=KEEP_CONN) + record(STDIN, 1))
        assert c.read_response().body == b"AUTHORIZER|"
        assert c.request(params, request_id=2).body == b"RESPONDER|"


@pytest.mark.parametrize("role", [9, 0])
def test_other_roles_are_refused_with_unknown_role(backend, params, role):
    with backend.connect() as c:
        c.send(head(params, role=role) + record(STDIN, 1))
        if backend.reference("unknown-role"):
            assert_closed_without_answer(c)
            return
        r = c.read_response()
        assert (r.stdout, r.protocol_status) == (b"", fastcgi.UNKNOWN_ROLE)
        assert_closed_without_answer(c)


def test_refused_role_leaves_a_kept_connection_usable(backend, params):
    with backend.connect() as c:
        c.send(head(params, role=9, flags=KEEP_CONN) + record(STDIN, 1))
        if backend.reference("unknown-role"):
            assert_closed_without_answer(c)
            return
        assert c.read_response().protocol_status == fastcgi.UNKNOWN_ROLE
        assert c.request(params, request_id=2).body == b"RESPONDER|"


def test_second_request_on_a_busy_connection_is_refused_and_the_first_goes_on(backend, params):
    with backend.connect() as c:
        c.send(begin(1) + begin(2) + stream(PARAMS, 1, pairs(params)) + record(STDIN, 1))
        if backend.reference("multiplexing"):
            assert c.read_response().body == b""
            return
        r = c.read_record()
        assert (r.kind, r.request_id, r.end()) == (END_REQUEST, 2, (0, fastcgi.CANT_MPX_CONN))
        assert c.read_response().body == b"RESPONDER|"


def test_whole_interleaved_request_is_refused_and_ignored(backend, params):
    data = (begin(1) + begin(2) + stream(PARAMS, 2, pairs(params)) + stream(PARAMS, 1, pairs(params))
            + stream(STDIN, 2, b"two") + record(STDIN, 1))
    with backend.connect() as c:
        c.send(data)
        if backend.reference("multiplexing"):
            assert c.read_response().body == b""
            return
        assert c.read_record().request_id == 2
        r = c.read_response()
        assert r.body == b"RESPONDER|" and {x.request_id for x in r.records} == {1}


def test_records_of_another_id_are_ignored(backend, params):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="2")
    r = talk(backend, head(params) + stream(STDIN, 7, b"zz") + stream(STDIN, 1, b"ok"))
    if backend.reference("other-id-ignored"):
        assert r.body == b"RESPONDER|zz"
        return
    assert r.body == b"RESPONDER|ok"


def test_data_stream_is_skipped(backend, params):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="2")
    r = talk(backend, head(params) + stream(DATA, 1, b"extra") + stream(STDIN, 1, b"ok"))
    if backend.reference("violation"):
        assert r.body != b"RESPONDER|ok"
        return
    assert r.body == b"RESPONDER|ok"


# --- violations: the connection is closed, and nothing else suffers

VIOLATIONS = {
    "version 2": record(BEGIN_REQUEST, 1, b"\0\1\0\0\0\0\0\0", version=2),
    "version 0": record(BEGIN_REQUEST, 1, b"\0\1\0\0\0\0\0\0", version=0),
    "version 2 inside a request": begin() + record(PARAMS, 1, b"", version=2),
    "HTTP instead of FastCGI": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS instead of FastCGI": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xaa" * 32,
    "BEGIN_REQUEST with a short body": record(BEGIN_REQUEST, 1, b"\0\1\0"),
    "BEGIN_REQUEST with a long body": record(BEGIN_REQUEST, 1, b"\0\1" + b"\0" * 20),
    "BEGIN_REQUEST with the id 0": begin(0),
    "pair longer than its stream": begin() + stream(PARAMS, 1, b"\x20\x20abc") + record(STDIN, 1),
    "pair ends inside a length": begin() + stream(PARAMS, 1, b"\x80\x00") + record(STDIN, 1),
    "length over 2 GiB": begin() + stream(PARAMS, 1, b"\xff\xff\xff\xff\x01a") + record(STDIN, 1),
}


@pytest.mark.parametrize("what", VIOLATIONS)
def test_violation_closes_the_connection(backend, what):
    with backend.connect(timeout=1.0 if backend.name == "php-fpm" else 10.0) as c:
        c.send(VIOLATIONS[what])
        if backend.reference("violation"):
            c.finish_sending()
            c.read_eof()
        else:
            assert_closed_without_answer(c)
    assert backend.run(ECHO).body == b"RESPONDER|"


def test_violation_is_logged(backend):
    if backend.reference("violation"):
        return
    since = len(backend.server.log())
    with backend.connect() as c:
        c.send(VIOLATIONS["version 2"])
        assert_closed_without_answer(c)
    backend.server.wait_log("protocol version other than 1", since)


def test_parameters_over_the_limit_close_the_connection(backend):
    params = backend.params(ECHO, HTTP_X_BIG="x" * (2 << 20))
    with backend.connect() as c:
        try:
            c.send(fastcgi.request_bytes(params))
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert_closed_without_answer(c)
    assert backend.run(ECHO).body == b"RESPONDER|"


@pytest.mark.parametrize("size", [60000, 70000, 300000, 1000000])
def test_one_large_parameter(backend, size):
    params = backend.params("<?php echo strlen($_SERVER['HTTP_X_BIG']), ' ', md5($_SERVER['HTTP_X_BIG']);", HTTP_X_BIG="b" * size)
    if size > 65000 and backend.reference("large-params"):
        with backend.connect() as c, pytest.raises((ConnectionError, AssertionError)):
            c.send(fastcgi.request_bytes(params))
            assert c.read_response().complete
        return
    import hashlib
    r = talk(backend, fastcgi.request_bytes(params))
    assert r.text == f"{size} {hashlib.md5(b'b' * size).hexdigest()}"


def test_five_hundred_parameters(backend):
    more = {f"HTTP_X_{i}": "v" * (i % 50) for i in range(500)}
    r = backend.run("<?php echo count(array_filter(array_keys($_SERVER), fn($k) => str_starts_with($k, 'HTTP_X_')));", **more)
    assert r.body == b"500"


# --- streams that end early, or late

def test_connection_closed_before_a_request_is_no_request(backend):
    with backend.connect() as c:
        c.finish_sending()
        assert_closed_without_answer(c)
    assert backend.run(ECHO).body == b"RESPONDER|"


@pytest.mark.parametrize("n", [1, 7, 8, 15, 16, 20, 100])
def test_connection_closed_inside_the_head_is_dropped(backend, params, n):
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(params)[:n])
        c.finish_sending()
        assert_closed_without_answer(c)
    assert backend.run(ECHO).body == b"RESPONDER|"


def test_request_without_parameters_is_answered(backend):
    r = talk(backend, begin() + record(PARAMS, 1) + record(STDIN, 1))
    assert r.complete and r.body == b""


def test_body_longer_than_content_length_is_cut(backend, params):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="3")
    assert talk(backend, head(params) + stream(STDIN, 1, b"abcdef")).body == b"RESPONDER|abc"


def test_body_shorter_than_content_length_is_what_came(backend, params):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="9")
    with backend.connect(timeout=0.5 if backend.name == "php-fpm" else 10.0) as c:
        c.send(head(params) + stream(STDIN, 1, b"abcdef"))
        if backend.reference("short-body"):
            with pytest.raises(TimeoutError):
                c.read_response()
            return
        assert c.read_response().body == b"RESPONDER|abcdef"


def test_end_of_the_connection_ends_the_body(backend, params):
    params.update(REQUEST_METHOD="POST", CONTENT_LENGTH="9")
    with backend.connect() as c:
        c.send(head(params) + stream(STDIN, 1, b"abcdef", end=False))
        c.finish_sending()
        c.read_eof()
    assert backend.run(ECHO).body == b"RESPONDER|"


# --- ABORT_REQUEST

def test_abort_before_the_parameters_ended(backend):
    with backend.connect() as c:
        c.send(begin() + record(ABORT_REQUEST, 1))
        r = c.read_response()
        assert r.complete and r.body == b""
        if not backend.reference("abort-before-head"):
            assert r.stdout == b""


def test_abort_before_the_parameters_ended_keeps_a_kept_connection(backend, params):
    with backend.connect() as c:
        c.send(begin(flags=KEEP_CONN) + record(ABORT_REQUEST, 1))
        assert c.read_response().complete
        assert c.request(params, request_id=2).body == b"RESPONDER|"


def test_abort_of_another_id_is_ignored(backend, params):
    with backend.connect() as c:
        c.send(begin() + record(ABORT_REQUEST, 9) + stream(PARAMS, 1, pairs(params)) + record(STDIN, 1))
        if backend.reference("other-id-ignored"):
            assert c.read_response().body == b""
            return
        assert c.read_response().body == b"RESPONDER|"


def test_stderr_is_a_stream_of_its_own(backend):
    r = backend.run("<?php error_log('first'); echo 'page'; error_log('second');")
    assert r.body == b"page"
    assert r.stderr == b"PHP message: first; PHP message: second"
    assert [x.kind for x in r.records if x.kind == STDERR]
