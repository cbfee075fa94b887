# SPDX-License-Identifier: MIT
"""Kept connections, aborted requests, and clients that go away."""

import json
import os
import socket
import time

import pytest

import fastcgi
import procs
from backend import Backend
from fastcgi import ABORT_REQUEST, KEEP_CONN, PARAMS, STDIN, begin, pairs, record, stream

PID = "<?php echo getmypid();"


@pytest.mark.parametrize("pool", ["www", "tcp"])
def test_connection_is_kept_when_asked(backend, pool):
    with backend.connect(pool) as c:
        for i in range(1, 51):
            r = c.request(backend.params("<?php echo $_GET['i'];", query=f"i={i}"), request_id=i % 7 + 1)
            assert r.text == str(i)


def test_client_that_sends_nothing_is_given_up_after_5_seconds(backend):
    begun = time.monotonic()
    with backend.connect() as over_unix, backend.connect("tcp") as over_tcp:
        for c in (over_unix, over_tcp):
            assert c.read_eof(timeout=30) == b""
            assert time.monotonic() - begun > 4.5


def test_connection_is_closed_when_not_asked_to_keep(backend):
    with backend.connect() as c:
        assert c.request(backend.params(PID), keep=False).complete
        assert c.read_record() is None


def test_last_request_of_a_kept_connection_may_close_it(backend):
    with backend.connect() as c:
        assert c.request(backend.params(PID)).complete
        assert c.request(backend.params(PID), keep=False).complete
        assert c.read_record() is None


def test_kept_connection_stays_with_its_worker(backend):
    with backend.connect("one") as c:
        assert len({c.request(backend.params(PID)).text for _ in range(10)}) == 1


def test_kept_connection_survives_404_403_and_errors(backend):
    with backend.connect("one") as c:
        assert c.request(backend.params(backend.site.root + "/none.php")).status == 404
        assert c.request(backend.params(backend.site.file("denied/image.png", "<?php echo 'ran';"))).status == 403
        assert c.request(backend.params("<?php nofunc();")).status == 500
        assert c.request(backend.params("<?php exit;")).status == 200


def test_kept_connection_with_bodies(backend):
    with backend.connect("one") as c:
        for n in (0, 1, 70000, 3, 0, 200000):
            body = b"b" * n
            r = c.request(backend.params("<?php echo strlen(file_get_contents('php://input'));", body, method="PUT",
                                         CONTENT_TYPE="text/plain", CONTENT_LENGTH=str(n)), body)
            assert r.text == str(n)


def test_two_requests_in_one_packet(backend):
    code = "<?php echo $_GET['i'];"
    with backend.connect("one") as c:
        c.send(fastcgi.request_bytes(backend.params(code, query="i=1"), keep=True)
               + fastcgi.request_bytes(backend.params(code, query="i=2"), keep=True, request_id=2))
        assert c.read_response(1).text == "1"
        assert c.read_response(2).text == "2"


@pytest.mark.parametrize("pool", ["one", "tcp"])
@pytest.mark.parametrize("end", ["unread", "part", "exit", "finish", "fatal"])
@pytest.mark.parametrize("size", [1000, 60000, 400000])
@pytest.mark.parametrize("split", [0, 1, 7, 8000])
def test_request_inside_of_a_body_is_no_request(backend, pool, end, size, split):
    """What a script leaves unread of its body is not taken for what follows on a kept connection, whatever the body looks like."""
    ends = {"unread": "", "part": "fread(fopen('php://input', 'r'), 100);", "exit": "exit(3);", "finish": "fastcgi_finish_request();", "fatal": "nofunc();"}
    hidden = fastcgi.request_bytes(backend.params("<?php echo 'hidden request';"), keep=True, request_id=2)
    body = (b"x" * split + hidden * (size // len(hidden) + 1))[:size]
    with backend.connect(pool) as c:
        for i in range(3):
            r = c.request(backend.params("<?php echo 'first'; " + ends[end], body, method="POST", CONTENT_TYPE="text/plain"), body, request_id=i + 4)
            assert r.text.startswith("first") and "hidden" not in r.text
            r = c.request(backend.params("<?php echo 'second ', strlen(file_get_contents('php://input'));"), request_id=1)
            assert r.text == "second 0"


def test_kept_connection_closed_by_the_client(backend):
    for _ in range(5):
        with backend.connect("one") as c:
            assert c.request(backend.params(PID)).complete
    assert backend.run(PID, pool="one").complete


def test_kept_tcp_connection_is_not_slow(backend):
    """40 replies of 12 KiB; Nagle's algorithm with delayed acknowledgements would make each of them wait 40 ms."""
    params = backend.params("<?php while (ob_get_level()) ob_end_flush(); echo str_repeat('a', 6000); flush(); echo str_repeat('b', 6000);")
    with backend.connect("tcp") as c:
        c.request(params)
        took = []
        for _ in range(40):
            began = time.monotonic()
            assert len(c.request(params).body) == 12000
            took.append(time.monotonic() - began)
    if backend.reference("tcp-nodelay"):
        return
    assert sorted(took)[20] < 0.03, took


def test_idle_kept_connection_does_not_block_the_only_worker(backend):
    with backend.connect("one") as idle:
        assert idle.request(backend.params(PID)).complete
        if backend.reference("idle-connections"):
            with backend.connect("one", timeout=0.3) as c, pytest.raises(TimeoutError):
                c.request(backend.params(PID))
            return
        for _ in range(5):
            assert backend.run(PID, pool="one").complete
        assert idle.request(backend.params(PID)).complete


def test_kept_connection_is_kept_while_nobody_else_comes(backend):
    with backend.connect("one") as c:
        assert len({c.request(backend.params(PID), request_id=i).text for i in range(1, 50)}) == 1


# --- clients that go away

LOOP = ("<?php {0} register_shutdown_function(function () {{ file_put_contents($_GET['m'] . '-end', connection_aborted() . connection_status()); }});"
        " while (ob_get_level()) ob_end_flush(); file_put_contents($_GET['m'] . '-start', getmypid());"
        " for ($i = 0; $i < 600; $i++) {{ echo str_repeat('x', 10000); flush(); usleep(5000);"
        " if (connection_aborted() && {1}) break; }} file_put_contents($_GET['m'] . '-ran', 'to its end');")


def looping(backend, name, code):
    mark = backend.site.writable("marks") + f"/{name}-{backend.name}"
    return mark, backend.params(code, query="m=" + mark)


def leave_when_it_runs(backend, mark, params):
    """Sends the request and closes the connection as soon as its script has begun."""
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(params))
        procs.until("the script's start", lambda: procs.content(mark + "-start"))


def test_closed_connection_ends_the_script(backend):
    mark, params = looping(backend, "gone", LOOP.format("", "false"))
    leave_when_it_runs(backend, mark, params)
    assert procs.until("the script's end", lambda: procs.content(mark + "-end")) == "11"
    assert not os.path.exists(mark + "-ran")


def test_ignore_user_abort_lets_the_script_run_on(backend):
    mark, params = looping(backend, "ignored", LOOP.format("ignore_user_abort(true);", "true"))
    leave_when_it_runs(backend, mark, params)
    assert procs.until("the script's end", lambda: procs.content(mark + "-end")) == "11"
    assert procs.content(mark + "-ran") == "to its end"


def test_script_without_output_does_not_notice(backend):
    mark = backend.site.writable("marks") + f"/quiet-{backend.name}"
    code = ("<?php file_put_contents($_GET['m'] . '-start', 'x'); for ($i = 0; $i < 1000 && !file_exists($_GET['m'] . '-go'); $i++)"
            " { usleep(5000); clearstatcache(); } file_put_contents($_GET['m'] . '-ran', 'yes');")
    leave_when_it_runs(backend, mark, backend.params(code, query="m=" + mark))
    open(mark + "-go", "w").close()
    assert procs.until("the script's end", lambda: procs.content(mark + "-ran")) == "yes"


def test_abort_request_is_seen_by_the_script(backend):
    mark, params = looping(backend, "abort", LOOP.format("ignore_user_abort(true);", "true"))
    if backend.reference("abort-while-running"):
        return
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(params, keep=True))
        c.wait_readable("the first output")
        c.send(record(ABORT_REQUEST, 1))
        r = c.read_response()
        assert r.complete and r.protocol_status == 0
        assert procs.until("the script's end", lambda: procs.content(mark + "-end"))[0] == "1"
        assert c.request(backend.params(PID), request_id=2).complete


def test_abort_request_in_the_middle_of_the_body(backend):
    body = b"x" * 1000
    params = backend.params("<?php echo strlen(file_get_contents('php://input'));", body, method="PUT", CONTENT_TYPE="text/plain")
    with backend.connect() as c:
        c.send(begin(flags=KEEP_CONN) + stream(PARAMS, 1, pairs(params)) + stream(STDIN, 1, body[:100], end=False)
               + record(ABORT_REQUEST, 1))
        assert c.read_response().complete
        if backend.reference("abort-while-running"):
            return
        assert c.request(backend.params(PID), request_id=2).complete


# --- bodies that are cut off, by ABORT_REQUEST, by a closed sending side, or by a closed connection

BOUNDARY = "----cut"
FORMS = {
    "a form": ("POST", "application/x-www-form-urlencoded", b"first=1&a="),
    "an upload": ("POST", "multipart/form-data; boundary=" + BOUNDARY,
                  f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="first"\r\n\r\n1\r\n--{BOUNDARY}\r\n'
                  'Content-Disposition: form-data; name="f"; filename="f"\r\n\r\n'.encode()),
}
MARK = "<?php file_put_contents($_GET['m'], json_encode([$_POST, array_column($_FILES, 'error')]));"


def cut(backend, code, kind, size, name, ending, length="500000", pool="one"):
    """Sends the first size bytes of a body of 500,000, then the ending. The answer, and what the script has left behind."""
    method, content_type, begins = FORMS.get(kind) or (kind, "application/octet-stream", b"")
    mark = backend.site.writable("marks") + f"/{name}-{backend.name}"
    params = backend.params(code, method=method, CONTENT_TYPE=content_type, CONTENT_LENGTH=length, query="m=" + mark)
    with backend.connect(pool) as c:
        c.send(begin(flags=KEEP_CONN) + stream(PARAMS, 1, pairs(params))
               + stream(STDIN, 1, (begins + b"x" * size)[:size], chunk=30000, end=False))
        if ending == "abort":
            c.send(record(ABORT_REQUEST, 1))
            if backend.reference("cut-form"):
                c.finish_sending() # it waits for the rest of an upload even so
            r = c.read_response()
            if not backend.reference("cut-form"):
                assert c.request(backend.params("<?php echo 'next';"), request_id=2).text == "next"
        elif ending == "half":
            c.finish_sending()
            r = c.read_response()
        else:
            r = None
    for _ in range(3): # the pool has one worker
        assert backend.run("<?php echo 'other';", pool=pool).text == "other"
    return r, procs.content(mark)


@pytest.mark.parametrize("ending", ["abort", "half", "close"])
@pytest.mark.parametrize("size", [1000, 70_000, 200_000, 499_999])
@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("length", ["500000", None])
def test_form_that_is_cut_off_is_not_run(backend, kind, size, ending, length):
    if backend.name == "php-fpm" and (ending == "close" or length is None or size < 2000):
        return # when its script runs is not to be seen from outside; and see body-without-length
    r, left = cut(backend, MARK, kind, size, f"cut-{kind[-4:]}-{size}-{ending}-{length}", ending, length)
    if backend.reference("cut-form"):
        assert json.loads(left)[0]["first"] == "1", "php-fpm runs it with what has come"
        return
    assert not left
    if ending == "abort":
        assert r.complete and r.stdout == r.stderr == b""
    elif ending == "half" and size > 65536:
        assert r.status == 400


READS = ("<?php {0} register_shutdown_function(function () {{ file_put_contents($_GET['m'], json_encode([$GLOBALS['read'] ?? null, connection_aborted(), error_get_last()['message'] ?? null])); }});"
         " if ({1}) fastcgi_finish_request(); $read = strlen(file_get_contents('php://input')); echo 'whole';")


@pytest.mark.parametrize("ending", ["abort", "half"])
@pytest.mark.parametrize("size", [70_000, 200_000, 499_999])
@pytest.mark.parametrize("ignore", [False, True])
@pytest.mark.parametrize("length", ["500000", "-1"])
def test_script_is_told_of_input_that_is_cut_off(backend, size, ending, ignore, length):
    """The read is as an output that fails: the script ends there, unless it ignores that. php-fpm's takes the body for a whole one."""
    if backend.name == "php-fpm" and length == "-1":
        return
    code = READS.format("ignore_user_abort(true);" if ignore else "", 0)
    r, left = cut(backend, code, "PUT", size, f"read-{size}-{ending}-{ignore}-{length}", ending, length)
    read, aborted, message = json.loads(left)
    if backend.reference("cut-input"):
        assert 0 < read <= size and (aborted, message, r.text) == (0, None, "whole")
        return
    assert aborted == 1 and f"the request's body is cut off after {size} bytes" in message
    assert read == (size if ignore else None) and b"whole" not in r.stdout


@pytest.mark.parametrize("ending", ["abort", "half"])
def test_script_is_told_of_input_that_is_cut_off_behind_its_reply(fpmd_server, site, ending):
    backend = Backend(fpmd_server, site)
    mark = f"late-{ending}"
    r, _ = cut(backend, READS.format("ignore_user_abort(true);", 1), "POST", 70_000, mark, ending)
    left = procs.until("the script's end", lambda: procs.content(f"{site.root}/marks/{mark}-{backend.name}"))
    assert r.complete and json.loads(left)[:2] == [70_000, 1]


def test_body_whose_length_has_come_is_whole(backend):
    """What happens behind it is not the script's business."""
    r, left = cut(backend, MARK, "a form", 80_000, "whole", "half", "80000")
    assert r.complete and len(json.loads(left)[0]["a"]) == 80_000 - len("first=1&a=")


def test_client_that_never_reads_and_leaves(backend):
    params = backend.params("<?php echo str_repeat('z', 20 << 20);")
    for _ in range(3):
        c = backend.connect("one")
        c.send(fastcgi.request_bytes(params))
        c.wait_readable("the first bytes")
        c.close()
    assert backend.run(PID, pool="one").complete


def test_client_that_closes_its_sending_side_gets_the_answer(backend):
    with backend.connect() as c:
        c.send(fastcgi.request_bytes(backend.params("<?php echo 'answered';")))
        c.finish_sending()
        assert c.read_response().text == "answered"


@pytest.mark.parametrize("body", [b"", b"12345"])
@pytest.mark.parametrize("read", ["", "file_get_contents('php://input');"])
def test_client_that_closes_its_sending_side_before_the_end_of_stdin(backend, body, read):
    """Nothing is missing; that it has not gone is seen when the script flushes."""
    code = f"<?php {read} for ($i = 0; $i < 5; $i++) {{ echo $i; flush(); usleep(5000); }} echo ' end';"
    with backend.connect() as c:
        params = backend.params(code, body, method="POST" if body else "GET", CONTENT_TYPE="x/y")
        c.send(begin() + stream(PARAMS, 1, pairs(params)) + (record(STDIN, 1, body) if body else b""))
        c.finish_sending()
        assert c.read_response().text == "01234 end"


@pytest.mark.parametrize("method, kind", [("POST", "x/y"), ("POST", "application/x-www-form-urlencoded"), ("PUT", "x/y")])
@pytest.mark.parametrize("closes", [False, True])
@pytest.mark.parametrize("pieces", [False, True])
def test_body_that_is_there_needs_no_end_of_stdin(backend, method, kind, closes, pieces):
    """CONTENT_LENGTH has told it."""
    params = backend.params("<?php echo file_get_contents('php://input');", b"a=345", method=method, CONTENT_TYPE=kind)
    with backend.connect("one") as c:
        c.send(begin(flags=KEEP_CONN) + stream(PARAMS, 1, pairs(params)) + record(STDIN, 1, b"a="))
        if pieces:
            assert backend.run(PID, pool="www").complete
        c.send(record(STDIN, 1, b"345"))
        if closes:
            c.sock.shutdown(socket.SHUT_WR)
            assert c.read_response().text == "a=345"
            return
        assert c.read_response().text == "a=345"
        c.send(stream(STDIN, 1, b""))
        assert c.request(backend.params(PID), request_id=2).complete


@pytest.mark.parametrize("pool", ["www", "tcp"])
def test_bytes_that_nobody_reads_do_not_cost_the_reply(backend, pool):
    """A socket that is closed with bytes unread resets the connection, and TCP drops what it had still to send."""
    mark = backend.site.writable("marks") + f"/stray-{pool}-{backend.name}"
    params = backend.params("<?php file_put_contents($_GET['m'], 'runs'); while (!file_exists($_GET['m'] . '-on')) usleep(1000);"
                            " echo str_repeat('x', 20000);", query="m=" + mark)
    with backend.connect(pool) as c:
        c.send(fastcgi.request_bytes(params))
        procs.until("the script's start", lambda: procs.content(mark))
        c.send(record(STDIN, 1))
        with open(mark + "-on", "w"):
            pass
        assert c.read_response().body == b"x" * 20000


def test_finish_request_on_a_kept_connection(backend):
    """The next request must not wait for the script that let this one go."""
    mark = backend.site.writable("marks") + f"/finish-kept-{backend.name}"
    code = ("<?php echo 'early'; fastcgi_finish_request(); for ($i = 0; $i < 600 && !file_exists($_GET['m']); $i++)"
            " { usleep(5000); clearstatcache(); }")
    with backend.connect() as c:
        try:
            assert c.request(backend.params(code, query="m=" + mark)).text == "early"
            if backend.reference("finish-closes"):
                return
            assert c.request(backend.params(PID)).complete
            assert backend.run(PID).complete
        finally:
            open(mark, "w").close()


def test_many_connections_one_after_the_other(backend):
    for i in range(300):
        assert backend.run("<?php echo $_GET['i'];", query=f"i={i}").text == str(i)


def test_sixty_four_connections_at_once(backend):
    connections = [backend.connect() for _ in range(64)]
    for i, c in enumerate(connections):
        c.send(fastcgi.request_bytes(backend.params("<?php echo $_GET['i'];", query=f"i={i}")))
    for i, c in enumerate(connections):
        assert c.read_response().text == str(i)
        c.close()


def test_client_that_does_not_close_holds_no_worker(backend):
    """It has its answer, and does not close its end of the connection."""
    open_ends = []
    began = time.monotonic()
    try:
        for i in range(2 if backend.reference("lingering-close") else 10):
            open_ends.append(backend.connect(timeout=0.3 if backend.name == "php-fpm" else 10))
            open_ends[-1].send(fastcgi.request_bytes(backend.params("<?php echo $_GET['i'];", query=f"i={i}")))
            assert open_ends[-1].read_response().text == str(i)
        assert time.monotonic() - began < 5
    finally:
        for c in open_ends:
            c.close()


def test_worker_state_is_shown_in_the_reply_to_json_status(backend):
    seen = json.loads(backend.page("/fpm-status", query="json&full").text)
    assert {p["state"] for p in seen["processes"]} <= {"Idle", "Running", "Reading headers", "Getting request informations", "Finishing", "Ending"}
