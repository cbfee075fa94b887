# SPDX-License-Identifier: MIT
"""fpmd-load against servers whose misbehaviour is known: what it says must be what they did."""

import os
import select
import socket
import subprocess
import threading
import time

import fastcgi
import generator
import procs
import pytest
import scripted
from scripted import page

HELLO = "/srv/hello.php"


@pytest.fixture
def hello(folder):
    path = os.path.join(folder, "hello")
    with open(path, "wb") as f:
        f.write(b"hello")
    return path


def load(peer, fail=False, **how):
    how.setdefault("requests", 10)
    return generator.load(peer.address, HELLO, fail=fail, **how)


# --- good replies

@pytest.mark.parametrize("keep", [False, True])
def test_good_replies_are_counted(peer, hello, keep):
    p = peer(lambda request: page())
    r = load(p, requests=50, connections=3, keep=keep, expect_file=hello)
    assert (r["requests"], r["failures"], r["outcomes"]["ok"]) == (50, 0, 50)
    assert len(p.requests) == 50
    assert r["connections"]["opened"] == (3 if keep else 50)
    assert {q.keep for q in p.requests} == {keep}


def test_a_request_is_what_a_web_server_sends(peer):
    p = peer(lambda request: page(str(len(request.body)).encode()))
    load(p, fail=True, requests=1, body=70000, query="a=b", expect_length=5)
    params, body = p.requests[0].params, p.requests[0].body
    assert params[b"REQUEST_METHOD"] == b"POST" and params[b"CONTENT_LENGTH"] == b"70000" and len(body) == 70000
    assert params[b"SCRIPT_FILENAME"] == HELLO.encode() and params[b"SCRIPT_NAME"] == b"/hello.php"
    assert params[b"DOCUMENT_ROOT"] == b"/srv" and params[b"REQUEST_URI"] == b"/hello.php?a=b" and params[b"QUERY_STRING"] == b"a=b"


def test_the_address_and_cookies_of_a_browser(peer):
    p = peer(lambda request: page())
    load(p, fail=True, requests=1)
    load(p, fail=True, requests=1, uri="/page?a=b", query="a=b", cookie="id=1; lang=en")
    plain, asked = (request.params for request in p.requests)
    assert b"HTTP_COOKIE" not in plain
    assert asked[b"REQUEST_URI"] == b"/page?a=b" and asked[b"SCRIPT_NAME"] == b"/hello.php" and asked[b"HTTP_COOKIE"] == b"id=1; lang=en"


def test_a_form_is_sent_as_it_stands_in_its_file(peer, folder):
    path = os.path.join(folder, "form")
    with open(path, "wb") as f:
        f.write(b"a=1&b=%26")
    p = peer(lambda request: page())
    load(p, fail=True, requests=2, form=path)
    for request in p.requests:
        assert request.body == b"a=1&b=%26" and request.params[b"REQUEST_METHOD"] == b"POST"
        assert request.params[b"CONTENT_TYPE"] == b"application/x-www-form-urlencoded" and request.params[b"CONTENT_LENGTH"] == b"9"
    for wrong in ({"form": path, "body": 5}, {"form": path, "chaos": True}, {"form": os.path.join(folder, "none")}):
        with pytest.raises(generator.Refused):
            load(p, requests=1, **wrong)


def test_a_reply_in_single_bytes(peer, hello):
    def answer(request):
        for byte in page():
            request.sock.send(bytes([byte]))
    load(peer(answer), fail=True, requests=3, keep=True, expect_file=hello)


# --- bad ones

def cut(request):
    request.sock.sendall(page(end=False))
    raise ConnectionError


BAD = {
    "another byte": (lambda q: page(b"hellO"), "body"),
    "too long": (lambda q: page(b"hello!"), "body"),
    "too short": (lambda q: page(b"hell"), "body"),
    "another status": (lambda q: page(status="500 Oops"), "status"),
    "overloaded": (lambda q: page(b"", protocol_status=fastcgi.OVERLOADED), "refused"),
    "no FastCGI": (lambda q: b"HTTP/1.1 200 OK\r\n\r\n", "protocol"),
    "closed in the middle": (cut, "closed"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("keep", [False, True])
def test_bad_replies_are_failures_of_their_kind(peer, hello, what, keep):
    answer, kind = BAD[what]
    p = peer(lambda q: answer(q) if q.number == 4 else page())
    r = load(p, keep=keep, expect_file=hello)
    assert r["failures"] == 1 and r["outcomes"][kind] == 1 and r["outcomes"]["ok"] == 9, r
    assert f"request 4: {kind}" in r["first_failure"]


def test_length_alone(peer):
    p = peer(lambda q: page(b"HELLO" if q.number else b"HELL"))
    assert load(p, expect_length=5)["outcomes"]["body"] == 1


def test_no_answer_is_a_timeout(peer):
    p = peer(lambda q: None if q.number == 0 else page())
    r = load(p, requests=2, keep=True, timeout=200)
    assert r["outcomes"]["timeout"] == 1 and r["outcomes"]["ok"] == 1
    assert r["latency_us"]["max"] >= 200000


def test_time_in_which_the_generator_stood_still_is_no_timeout(peer):
    """The answer comes once it has looked at its clock again; a machine that is paused does the same to it."""
    asked, looked = threading.Event(), threading.Event()

    def answer(request):
        asked.set()
        assert looked.wait(20)
        return page()
    process = generator.start(peer(answer).address, HELLO, requests=1, keep=True, timeout=1000)
    assert asked.wait(20)
    with procs.stopped(process.pid):
        stopped = time.monotonic()
        procs.until("more than the limit to be over", lambda: time.monotonic() - stopped > 2.5)
    procs.until("its wait to be a new one", lambda: procs.stat_fields(process.pid)[0] == "S")
    looked.set()
    r = generator.finish(process, 20)
    assert r["outcomes"]["ok"] == 1 and r["outcomes"]["timeout"] == 0, r
    assert 2 < r["stood_still"] < 20


def test_nobody_listens(folder):
    r = generator.load(os.path.join(folder, "nobody.sock"), HELLO, fail=False, requests=5)
    assert r["outcomes"]["connect"] == 5 and r["failures"] == 5


def test_it_gives_up_after_so_many_failures(folder):
    r = generator.load(os.path.join(folder, "nobody.sock"), HELLO, fail=False, duration=60000, max_failures=7)
    assert r["failures"] == 7 and r["seconds"] < 30


# --- kept connections that their server ends

def test_a_request_on_a_closed_connection_is_sent_again(peer, hello):
    def answer(q):
        if q.on_connection == 2:
            raise ConnectionError
        return page()
    p = peer(answer)
    r = load(p, fail=True, requests=9, keep=True, expect_file=hello)
    assert r["outcomes"]["ok"] == 9 and r["connections"]["retried"] == 4 and r["connections"]["opened"] == 5


def test_a_request_that_is_sent_again_is_described(peer):
    def answer(q):
        if q.number == 3:
            raise ConnectionError
        return page()
    r = load(peer(answer), fail=True, requests=9, keep=True, body=100)
    (again,) = r["retries"]
    assert (again["connection"], again["carried"], again["end"]) == (0, 3, "EOF")
    assert (again["request"]["number"], again["before"]["number"]) == (3, 2)
    assert again["request"]["sent"] == again["request"]["bytes"] == again["before"]["bytes"] > 100
    assert again["request"]["kind"] == again["before"]["kind"] == "plain"
    assert again["at_ms"] >= again["waited_ms"] >= 0 and again["at_ms"] >= again["idle_ms"] >= 0


def test_a_connection_that_is_closed_with_a_request_unread_is_reset(peer):
    def answer(q):
        q.sock.sendall(page())
        if q.number == 0:
            assert select.select([q.sock], [], [], procs.LIMIT)[0]
            raise ConnectionError
    r = load(peer(answer), fail=True, requests=2, keep=True)
    assert [again["end"] for again in r["retries"]] == ["ECONNRESET"]


def test_the_first_twenty_are_described(peer):
    def answer(q):
        if q.on_connection == 1:
            raise ConnectionError
        return page()
    r = load(peer(answer), fail=True, requests=30, keep=True)
    assert r["connections"]["retried"] == 29 and len(r["retries"]) == 20


def test_what_came_before_on_the_connection_is_told(peer):
    """It is closed under the first request that follows an aborted one."""
    aborted = []

    def answer(q):
        if q.sock in aborted and not q.aborted:
            aborted.clear()
            raise ConnectionError
        if q.aborted:
            aborted.append(q.sock)
        return echo(q)
    p = peer(answer)
    r = load(p, fail=True, chaos=True, requests=300)
    assert r["retries"] and all(again["before"]["kind"] == "aborted" and again["request"]["kind"] != "aborted" for again in r["retries"])


def test_a_fresh_connection_that_is_closed_is_a_failure(peer):
    def answer(q):
        raise ConnectionError
    assert load(peer(answer), requests=3)["outcomes"]["closed"] == 3


def test_the_end_of_a_connection_together_with_a_reply(peer, hello):
    """The server goes on reading, so the next request would vanish without an error."""
    def answer(q):
        q.sock.sendall(page())
        q.sock.shutdown(socket.SHUT_WR)
    p = peer(answer)
    r = load(p, fail=True, requests=20, keep=True, expect_file=hello, timeout=5000)
    assert r["outcomes"]["ok"] == 20 and r["seconds"] < 5


# --- times

def stall(number, seconds):
    """Answers at once, but stands still before one request."""
    waiting = threading.Event()

    def answer(q):
        if q.number == number:
            waiting.wait(seconds)
        return page()
    return answer


def test_a_closed_loop_sees_one_slow_reply(peer):
    r = load(peer(stall(20, 0.5)), fail=True, requests=100, keep=True)
    assert r["latency_us"]["max"] >= 500000
    assert r["latency_us"]["p90"] < 250000


def test_an_open_loop_counts_from_when_a_request_was_due(peer):
    """A hundred requests a second and half a second of silence: some fifty of them wait, a quarter of a second on average."""
    r = load(peer(stall(20, 0.5)), fail=True, requests=100, rate=100, keep=True)
    assert r["latency_us"]["max"] >= 490000
    assert r["latency_us"]["p90"] >= 250000
    assert r["outcomes"]["ok"] == 100
    assert r["seconds"] >= 0.98


def test_requests_that_never_get_a_connection_have_waited(peer):
    """The server answers nothing from the second request on: those that are due meanwhile are not forgotten."""
    p = peer(lambda q: page() if q.number == 0 else None)
    r = load(p, rate=100, duration=500, requests=0, keep=True, timeout=300)
    assert r["outcomes"]["ok"] == 1 and r["outcomes"]["timeout"] >= 1
    assert r["failures"] == r["requests"] - 1 and r["requests"] == 50
    assert r["latency_us"]["p50"] >= 300000


def test_a_rate_is_kept(peer):
    r = load(peer(lambda q: page()), fail=True, rate=200, duration=1000, requests=0, connections=8)
    assert r["requests"] == 200


# --- fairness

def test_connections_that_get_nothing_show(peer):
    """One of four connections is served."""
    first = []

    def answer(q):
        first.append(q.sock)
        return page() if q.sock is first[0] else None
    r = load(peer(answer), connections=4, keep=True, requests=0, duration=300, timeout=1000)
    assert 0.25 <= r["connections"]["jain"] < 0.26 and r["connections"]["replies_min"] == 0
    assert r["latency_us"]["max"] >= 1000000


def test_even_service_shows(peer):
    r = load(peer(lambda q: page()), fail=True, connections=4, keep=True, requests=400)
    assert r["connections"]["jain"] > 0.5


# --- chaos

def echo(q):
    """As PHP does it: what has come of the body is the body, also of a request that is aborted."""
    if not q.params:
        return page(b"")
    n = int(q.params[b"QUERY_STRING"].partition(b"=")[2])
    return page(q.body + (b"0123456789abcdef" * (n // 16 + 1))[:n])


def cut_short(q):
    """Half of a reply that begins as it must, and the connection's end."""
    q.sock.sendall(page(q.body, end=False))
    raise ConnectionError


def test_chaos_fails_only_what_it_gives_up(peer):
    r = load(peer(echo), fail=True, chaos=True, connections=8, requests=600)
    assert r["outcomes"]["aborted"] > 10 and r["outcomes"]["ok"] + r["outcomes"]["aborted"] == 600


def test_chaos_is_repeatable(peer):
    def run(seed):
        p = peer(echo)
        load(p, fail=True, chaos=True, requests=150, seed=seed)
        return [q.raw for q in p.requests]
    first = run(7)
    assert run(7) == first
    assert run(8) != first


def test_chaos_sees_a_wrong_byte(peer):
    def answer(q):
        right = echo(q)
        return right.replace(b"0123456789", b"0123456780") if q.number == 100 else right
    r = load(peer(answer), chaos=True, requests=110)
    assert r["failures"] <= 1 and r["outcomes"]["body"] == r["failures"]


BAD_ENDS = {
    "another byte": (lambda q: page(b"\0" + q.body), "body"),
    "more than was asked for": (lambda q: page(q.body + b"0123456789abcdef" * 40000), "body"),
    "another status": (lambda q: page(status="500 Oops"), "status"),
    "half a head": (lambda q: fastcgi.stream(fastcgi.STDOUT, 1, b"Content-type: text") + fastcgi.record(fastcgi.END_REQUEST, 1, bytes(8)), "status"),
    "refused": (lambda q: page(b"", protocol_status=fastcgi.OVERLOADED), "refused"),
    "no FastCGI": (lambda q: b"HTTP/1.1 200 OK\r\n\r\n", "protocol"),
}
GOOD_ENDS = {
    "nothing but an end": lambda q: fastcgi.record(fastcgi.END_REQUEST, 1, bytes(8)),
    "nothing of the body": lambda q: page(b""),
    "a part of what came of the body": lambda q: page(q.body[:-1]),
    "cut off": cut_short,
}


@pytest.mark.parametrize("what", BAD_ENDS)
def test_a_wrong_reply_to_a_request_that_is_given_up_is_a_failure(peer, what):
    """Their number is that of the requests that the server saw aborted."""
    answer, kind = BAD_ENDS[what]
    p = peer(lambda q: answer(q) if q.aborted else echo(q))
    r = load(p, chaos=True, requests=300)
    assert r["failures"] == r["outcomes"][kind] == sum(q.aborted for q in p.requests) > 0, r


@pytest.mark.parametrize("what", GOOD_ENDS)
def test_a_reply_to_a_request_that_is_given_up_may_be_cut_short(peer, what):
    r = load(peer(lambda q: GOOD_ENDS[what](q) if q.aborted else echo(q)), fail=True, chaos=True, requests=300)
    assert r["outcomes"]["ok"] + r["outcomes"]["aborted"] == 300


def test_who_leaves_while_it_reads_was_owed_a_whole_reply(peer):
    """Nobody tells the server of it: what ends too early is too short, also for those."""
    def is_owed(q):
        return not q.aborted and q.params[b"QUERY_STRING"] != b"n=0"
    p = peer(lambda q: page(b"") if is_owed(q) else echo(q))
    r = load(p, chaos=True, requests=300)
    assert r["outcomes"]["body"] == r["failures"] == sum(map(is_owed, p.requests)) > 0, r


# --- where load may go

@pytest.mark.parametrize("address", ["192.0.2.1:9000", "[2001:db8::1]:9000", "0.0.0.0:9000", "9000"])
def test_other_machines_are_refused(address):
    r = subprocess.run([generator.LOAD, "--connect", address, "--script", HELLO, "--requests", "1"], capture_output=True, text=True)
    assert r.returncode == 2 and "loopback" in r.stderr and not r.stdout


@pytest.mark.parametrize("words", [["--connections=0"], ["--connections=99999"], ["--rate=x"], ["--nonsense"], ["--connecting=later"], ["--chaos", "--http"], []])
def test_wrong_options_are_refused(words):
    r = subprocess.run([generator.LOAD, "--connect", "/tmp/x.sock", "--script", HELLO, *words], capture_output=True, text=True)
    assert r.returncode == 2 and r.stderr and not r.stdout
