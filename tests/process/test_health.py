# SPDX-License-Identifier: MIT
"""Health: /live and /ready at pm.status_listen over HTTP and FastCGI, HAProxy's agent-check, the watchdog, fpmctl drain.

Processes are stopped by SIGSTOP to make a pool that cannot serve although it should."""

import contextlib
import json
import os
import re
import socket
import time

import pytest

import fastcgi
import procs
import server as programs
from load import Gate, Held, Load
from probe import http, talk
from unstartable import make_unstartable, mend

LIMIT = 30  # for what a busy machine is slow to do

# A third of it is the patience with a pool that is stuck.
WATCHDOG = 1500000


def health(s, pool="www"):
    return os.path.join(s.folder, f"{pool}-health.sock")


@pytest.fixture
def server(make):
    """server(pools, ...) -> an Fpmd that is not started, whose pools have a page each."""
    def build(pools=None, watchdog=0, **how):
        s = make(pools or {"www": {}}, **how)
        for name, pool in s.pools.items():
            pool.setdefault("pm.status_listen", health(s, name))
            pool.setdefault("pm.status_path", "/status")
            pool.setdefault("ping.path", "/ping")
        if watchdog:
            s.env["WATCHDOG_USEC"] = str(watchdog)
        s.pid_script = s.script("pid.php", "<?php echo getmypid();")
        return s
    return build


def ready(s, pool="www"):
    status, _, body = http(health(s, pool), "/ready")
    return status, body


def agent(s, pool="www"):
    return talk(health(s, pool), b"agent-check\n").decode()


def weight(s):
    return int(re.fullmatch(r"ready up (\d+)%\n", agent(s))[1])


def wait_ready(s, status, words, pool="www"):
    return procs.until(f"/ready of {pool} to say {status}, {words}", lambda: (lambda r: r if r[0] == status and words in r[1] else None)(ready(s, pool)), LIMIT)


def wait_fed(s, times=1):
    for _ in range(times):
        s.notify.wait("WATCHDOG", "1", s.notify.mark(), LIMIT)


# --- the pages

def test_pages_say_the_same_over_http_and_fastcgi(server):
    s = server().start()
    status, headers, body = http(health(s), "/ready")
    assert status == 200 and re.fullmatch(r"ready: \d of \d workers busy, 0 connections wait\n", body)
    assert headers["Content-Length"] == str(len(body)) and headers["Connection"] == "close" and "no-store" in headers["Cache-Control"]
    assert headers["Content-type"] == "text/plain;charset=UTF-8"
    assert http(health(s), "/live")[::2] == (200, "live\n")
    r = fastcgi.Client(health(s)).request(fastcgi.environment("/live", root=""))
    assert (r.status, r.text, r.complete) == (200, "live\n", True)
    assert http(health(s), "/live", "HEAD")[0::2] == (200, "")
    assert http(health(s), "/ping")[::2] == (200, "pong")
    status, headers, body = http(health(s), "/status?openmetrics")
    assert status == 200 and headers["Content-Type"].startswith("application/openmetrics-text") and body.endswith("# EOF\n")
    with open(os.path.join(programs.TREE, "conf", "monitoring", "prometheus-rules.yml")) as f:
        wanted = set(re.findall(r"\bphpfpm_\w+", f.read()))
    assert len(wanted) > 8 and all(re.search(rf"^{name}\b", body, re.M) for name in wanted), "metrics that the alerts are about"
    assert http(health(s), "/pid.php")[0] == 404
    assert s.run(s.pid_script).text.isdigit()
    assert fastcgi.Client(s.address()).request(fastcgi.environment("/ready", root="")).status == 404, "workers have no such page"


def test_bad_requests_are_refused_and_cost_their_client_alone(server):
    s = server().start()
    for data, status in ((b"POST /ready HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", 405), (b"GET /ready\r\n\r\n", 400),
                         (b"GET /ready HTTP/3.0\r\n\r\n", 505), (b"G" * 8192, 431), (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 2000, 431)):
        assert talk(health(s), data).startswith(f"HTTP/1.1 {status} ".encode()), data[:40]
    assert talk(health(s), b"GET /live HTTP/1.0\r\n\r\n" * 2).count(b"HTTP/1.1 200") == 1, "a connection has one request"
    with socket.socket(socket.AF_UNIX) as c:
        c.settimeout(30)
        c.connect(health(s))
        for byte in b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n":
            c.send(bytes([byte]))
        assert c.recv(4096).startswith(b"HTTP/1.1 200 OK\r\n")
    silent = [socket.socket(socket.AF_UNIX) for _ in range(100)]
    for i, c in enumerate(silent):
        c.connect(health(s))
        c.send(b"GET /rea" if i % 2 else b"\x01")
        assert ready(s)[0] == 200, "clients that say half a word keep others out"
    silent[0].settimeout(30)
    with contextlib.suppress(ConnectionResetError):
        assert silent[0].recv(1) == b"", "the oldest of them makes room"
    for c in silent:
        c.close()


# --- busy is not dead, failing is not stuck

def test_busy_pool_is_ready_and_its_watchdog_is_fed(server):
    s = server(watchdog=WATCHDOG).start()
    with Held(s) as a, Held(s) as b:
        a.wait_running(), b.wait_running()
        waits = Held(s)
        wait_ready(s, 200, "ready: 2 of 2 workers busy, 1 connections wait")
        wait_fed(s, 3)
        assert ready(s) == (200, "ready: 2 of 2 workers busy, 1 connections wait\n")
        assert http(health(s), "/live")[0] == 200
        procs.until("the weight to fall", lambda: weight(s) < 50, LIMIT)
        for h in (a, b, waits):
            assert h.finish().complete
        waits.close()
    assert "renewed" not in s.log()


def test_requests_that_the_park_offers_wait(server):
    """Those on kept connections, which wait in no listener's queue."""
    s = server({"www": {"pm.max_children": 1}}).start()
    params = fastcgi.environment(s.pid_script)
    kept = [s.connect() for _ in range(5)]
    for c in kept:
        assert c.request(params).complete
    with Held(s) as held:
        held.wait_running()
        for c in kept:
            c.send(fastcgi.request_bytes(params, keep=True))
        wait_ready(s, 200, "ready: 1 of 1 workers busy, 5 connections wait")
        assert s.status()["pools"][0]["park"]["waiting"] == 5
        assert "5 clients waiting with 1 of 1 workers busy" in s.ctl("status").stdout
        assert held.finish().complete
    for c in kept:
        assert c.read_response().complete
    wait_ready(s, 200, "ready: 0 of 1 workers busy, 0 connections wait")
    assert s.status()["pools"][0]["park"]["waiting"] == 0


def test_pool_that_does_not_start_is_failing_and_takes_nobody_down(server):
    s = server({"www": {}, "bad": {}}, watchdog=WATCHDOG)
    path = make_unstartable(s, "bad")
    s.start()
    status, body = wait_ready(s, 503, "failing: PHP does not start, tried ", "bad")
    assert body.count("\n") == 1
    with contextlib.closing(s.connect("bad")):
        wait_fed(s, 3)
    assert ready(s)[0] == 200 and http(health(s, "bad"), "/live")[0] == 200
    assert agent(s, "bad").startswith("down #failing: ") and agent(s) == "ready up 100%\n"
    mend(path)
    wait_ready(s, 200, "ready: ", "bad")


# --- stuck

def test_pool_that_takes_nothing_is_renewed(server):
    """No worker accepts while connections wait, or the zygote forks none; a fresh generation does."""
    s = server({"www": {}, "forks": {"pm": "ondemand", "pool.sleep_after": "0"}}, watchdog=WATCHDOG).start()
    s.wait_zygotes(2)
    with procs.stopped(*procs.until("two workers", lambda: (lambda w: w if len(w) == 2 else None)(s.workers())), *s.zygotes()), \
            contextlib.closing(s.connect(timeout=30)) as first, contextlib.closing(s.connect("forks", timeout=30)) as second:
        for client in (first, second):
            client.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        stuck = "stuck: 1 connections wait, and none has been taken for "
        s.wait_log(rf"\[pool www\] {stuck}\d+ s, though 2 of 2 workers are idle; it is renewed", limit=LIMIT)
        s.wait_log(rf"\[pool forks\] {stuck}\d+ s, though a worker should have been forked; it is renewed", limit=LIMIT)
        for client in (first, second):
            assert client.read_response(timeout=30).text.isdigit()
        for name in s.pools:
            wait_ready(s, 200, "ready: ", name)
        wait_fed(s, 2)


def test_watchdog_is_not_fed_when_no_pool_takes_connections_and_renewal_does_not_help(server):
    """One pool beside another that serves is no reason to stop both."""
    s = server({"www": {}, "other": {}}, watchdog=WATCHDOG)
    gates = [Gate(s, name) for name in s.pools]
    for gate in gates:
        gate.open()
    s.start()
    for gate in gates:
        os.unlink(gate.mark + "-go")
    by_pool = {p["name"]: [w["pid"] for w in p["status"]["processes"]] for p in json.loads(s.ctl("status", "--json", "--full").stdout)["pools"]}

    def hold(name):
        client = s.connect(name, timeout=30)
        client.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        return client

    with procs.stopped(*by_pool["www"]), contextlib.closing(hold("www")) as first:
        wait_ready(s, 503, "stuck: ")
        gates[0].wait_reached(2)
        assert agent(s).startswith("down #stuck: 1 connections wait")
        wait_fed(s, 3)
        assert ready(s, "other")[0] == 200 and http(health(s), "/live")[0] == 200
        with procs.stopped(*by_pool["other"]), contextlib.closing(hold("other")) as second:
            s.wait_log("no pool takes connections: the watchdog is not fed", limit=LIMIT)
            status, _, body = http(health(s), "/live")
            assert status == 503 and body.startswith("not live: no pool takes connections; stuck: ")
            since = s.notify.mark()
            with pytest.raises(TimeoutError):
                s.notify.wait("WATCHDOG", "1", since, limit=1.2)  # it is fed every 0.75 s else
            assert any("pool 'www' is stuck" in m.get("STATUS", "") for m in s.notify.messages)
            for gate in gates:
                gate.open()
            for client in (first, second):
                assert client.read_response(timeout=30).text.isdigit()
            s.notify.wait("WATCHDOG", "1", since, LIMIT)
            s.wait_log("connections are taken again", limit=LIMIT)
            assert http(health(s), "/live")[0] == 200


# --- drain

def test_drain_tells_load_balancers_and_loses_nothing(server):
    s = server({"www": {}, "other": {}}).start()
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=2) as load, Held(s, "other") as held:
        held.wait_running()
        load.wait_more(5)
        r = s.ctl("drain", "www")
        assert (r.returncode, r.stdout) == (0, "1 pool drained\n")
        status, body = ready(s)
        assert status == 503 and body.startswith("draining: ")
        assert agent(s) == "drain\n" and ready(s, "other")[0] == 200
        load.wait_more(20)
        shown = {p["name"]: p for p in s.status()["pools"]}
        assert not shown["www"]["ready"] and shown["www"]["health"].startswith("draining: ") and shown["other"]["ready"]
        assert re.search(r"^ +health +draining: ", s.ctl("status").stdout, re.M)
        procs.until("the service's status to say so", lambda: "pool 'www' is draining" in [m for m in s.notify.messages if "STATUS" in m][-1]["STATUS"], LIMIT)
        s.reload()
        assert ready(s)[0] == 503 and agent(s) == "drain\n", "a reload ends no drain"
        load.wait_more(20)
        assert s.ctl("drain", "www", "www").stdout == "1 pool drained\n"
        assert s.ctl("drain").stdout == "2 pools drained\n"
        r = s.ctl("drain", "--wait", "--timeout", "0.5", "other")
        assert r.returncode == 1 and "not drained in time: 1 requests are in hand" in r.stderr
        assert s.ctl("undrain").returncode == 0
        assert ready(s)[0] == ready(s, "other")[0] == 200 and agent(s).startswith("ready up ")
        assert held.finish().complete
    assert not load.failures()
    since = time.monotonic()
    assert s.ctl("drain", "--wait").returncode == 0 and time.monotonic() - since >= 5
    assert len(re.findall(r"drains: load balancers are told to send it nothing", s.log())) == 4


def test_drain_says_what_is_wrong_with_it(server):
    s = server().start()
    r = s.ctl("drain", "www", "none")
    assert r.returncode == 1 and "drain refused: the service has no pool 'none'" in r.stderr
    assert ready(s)[0] == 200, "none has been drained"
    assert s.ctl("undrain", "--wait").returncode == 2 and s.ctl("drain", "--timeout", "1").returncode == 2
    s.stop()
    assert s.ctl("drain").returncode == 69
