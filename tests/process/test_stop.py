# SPDX-License-Identifier: MIT
"""The end of a service whose sockets end with it, outside systemd: who has got a connection gets an answer. --drain-time."""

import signal

import pytest

import fastcgi
import procs
import server as programs
from latecomers import Latecomers
from load import Gate, Held
from probe import http

LIMIT = 60


def address(kind):
    return {"unix": {}, "tcp": {"listen": f"127.0.0.1:{programs.free_port()}"}}[kind]


def is_served(s, c):
    c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    return c.read_response().complete


def is_refused(s):
    try:
        s.connect(timeout=LIMIT).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("kind", ["unix", "tcp"])
@pytest.mark.parametrize("pm", [{"pm.max_children": "1"}, {"pm.max_children": "1", "pm": "ondemand"}], ids=["static", "ondemand"])
def test_what_waits_in_the_queue_is_served(start, kind, pm):
    s = start({"www": {**address(kind), **pm}})
    with Held(s) as held:
        held.wait_running()
        waiting = [s.connect(timeout=LIMIT) for _ in range(10)]
        for c in waiting:
            c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        s.signal(signal.SIGQUIT)
        s.wait_log("Finishing")
        held.release()
        assert all(c.read_response().complete for c in waiting)
    assert s.wait_exit() == 0


def test_who_has_connected_over_tcp_may_send_yet(start):
    """The kernel has told its client of a connection, and the listener not: it waits for the first bytes."""
    s = start({"www": address("tcp")})
    connected = [s.connect(timeout=LIMIT) for _ in range(5)]
    s.signal(signal.SIGQUIT)
    assert all(is_served(s, c) for c in connected)
    assert s.wait_exit() == 0


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_a_stop_under_load_loses_nothing(start, kind):
    s = start({"www": {**address(kind), "pm.max_children": "3"}})
    clients = Latecomers(s.address(), fastcgi.environment(s.pid_script))
    clients.wait_more(100)
    s.signal(signal.SIGQUIT)
    assert s.wait_exit(LIMIT) == 0
    clients.wait_refused()
    assert clients.lost == []


@pytest.fixture
def telling(start):
    """telling(time) -> an Fpmd over TCP with that --drain-time, whose pool has an address for health."""
    def run(drain_time):
        port = programs.free_port()
        s = start({"www": {**address("tcp"), "pm.status_listen": f"127.0.0.1:{port}"}}, args=[f"--drain-time={drain_time}"])
        s.health = f"127.0.0.1:{port}"
        return s
    return run


def wait_not_ready(s):
    def body():
        status, _, text = http(s.health, "/ready")
        return text if status == 503 else None
    return procs.until("/ready to say no", body, LIMIT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_load_balancers_are_told_before_anything_ends(telling, number):
    s = telling("3s")
    s.signal(number)
    assert wait_not_ready(s).startswith("draining")
    with s.connect() as c:
        assert is_served(s, c)
    assert s.ctl("reload").returncode != 0 and s.ctl("undrain").returncode != 0
    assert http(s.health, "/live")[0] == 200
    s.notify.wait("STOPPING", "1")
    assert s.wait_exit(LIMIT) == 0
    assert is_refused(s)


def test_health_says_no_while_the_last_request_goes_on(telling):
    s = telling("0")
    with Held(s) as held:
        held.wait_running()
        s.signal(signal.SIGTERM)
        s.wait_log("Finishing")
        assert wait_not_ready(s).startswith("stopping")
        assert held.finish().complete
    assert s.wait_exit(LIMIT) == 0


def test_a_reload_that_ends_during_a_stop_does_not_take_that_back(telling):
    """Nor does the next one begin, which has waited for it."""
    s = telling("10min")
    gate = Gate(s)
    with s.begin_ctl("reload") as first:
        gate.wait_reached()
        with s.begin_ctl("reload") as second:
            s.wait_log("reload waits until")
            s.signal(signal.SIGTERM)
            said = second.communicate(timeout=LIMIT)[1]
            assert second.returncode == 1 and "the service is stopping" in said
        s.notify.wait("STOPPING", "1")
        since = s.notify.mark()
        gate.open()
        assert first.communicate(timeout=LIMIT)[0] == "reload done, 1 pool renewed\n" and first.returncode == 0
    s.notify.hear_all()
    assert s.notify.count("READY", since) == s.notify.count("RELOADING", since) == 0
    s.signal(signal.SIGTERM)
    assert s.wait_exit(LIMIT) == 0


def test_a_second_sigterm_ends_it_at_once(telling):
    s = telling("10min")
    s.signal(signal.SIGTERM)
    wait_not_ready(s)
    s.signal(signal.SIGTERM)
    assert s.wait_exit(LIMIT) == 0


def test_sigint_ends_it_at_once(telling):
    s = telling("10min")
    with Held(s) as held:
        held.wait_running()
        s.signal(signal.SIGINT)
        assert s.wait_exit(LIMIT) == 0


def test_without_the_option_sigterm_ends_it_at_once(start):
    s = start({"www": address("tcp")})
    with Held(s) as held:
        held.wait_running()
        s.signal(signal.SIGTERM)
        assert s.wait_exit(LIMIT) == 0
        assert not held.connection.read_response().complete


def test_a_start_that_is_stopped_is_not_drained(make):
    s = make(args=["--drain-time=10min"])
    gate = Gate(s)
    s.spawn(s.command())
    gate.wait_reached()
    s.signal(signal.SIGTERM)
    assert s.wait_exit(LIMIT) == 0
    gate.open()
