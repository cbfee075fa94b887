# SPDX-License-Identifier: MIT
"""listen.defer_accept: a TCP connection whose client has not sent anything is the kernel's. What the kernel does with it is in /proc/net/tcp, by the client's port."""

import contextlib
import os
import re
import signal
import socket
import struct

import pytest

import fastcgi
import procs
import server as programs
from load import Load
from test_shards import queues, reshard, tcp_pool
from test_sockets import activated, tcp_listener

ESTABLISHED, SYN_RECV = "01", "03"
TCP_DEFER_ACCEPT = getattr(socket, "TCP_DEFER_ACCEPT", 9)
LONG = {"listen.defer_accept": "300", "park.first_byte_timeout": "5m"}  # nothing comes of itself within a test


def server_side(connection):
    """The state that the server's kernel has a connection of 127.0.0.1 in. The table is read in pieces, and what moves in it meanwhile may not be seen."""
    ends = ["0100007F:%04X" % end[1] for end in (connection.sock.getpeername(), connection.sock.getsockname())]

    def look():
        with open("/proc/net/tcp") as f:
            rows = [line.split() for line in f.readlines()[1:]]
        return next((r[3] for r in rows if r[1:3] == ends), None)
    return procs.until("the connection to be in the table", look)


def is_deferred(connection):
    return server_side(connection) == SYN_RECV


def wait_made(connection):
    procs.until("the connection to be made", lambda: server_side(connection) == ESTABLISHED)


def is_answered(s, connection):
    connection.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    return connection.read_response().complete


def n_parked(s):
    park = s.status()["pools"][0]["park"]
    return sum(park[state] for state in ("idle", "receiving", "waiting", "writing"))


def reconfigure(s, **pool):
    s.pools["www"].update(pool)
    s.write_config()
    s.reload()


def option(listener):
    return listener.getsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT)


# --- who sends nothing

def test_silent_clients_hold_nothing_of_the_pool(start):
    s = start(tcp_pool(**LONG))
    silent = [s.connect() for _ in range(50)]
    assert s.run(s.pid_script).complete
    assert all(map(is_deferred, silent))
    assert sum(queues(s.address())) == 0 and n_parked(s) == 0
    assert all(is_answered(s, c) for c in silent)


def test_silent_client_comes_at_the_end_of_the_period(start):
    """The default, which is a second."""
    s = start(tcp_pool())
    with s.connect() as c:
        assert is_deferred(c)
        wait_made(c)
        procs.until("the park to have it", lambda: n_parked(s) == 1)
        assert is_answered(s, c)


def test_nothing_is_deferred_where_it_is_off(start):
    s = start(tcp_pool(**{"listen.defer_accept": "0"}))
    with s.connect() as c:
        assert server_side(c) == ESTABLISHED
        procs.until("the park to have it", lambda: n_parked(s) == 1)


def test_every_shard_defers(start):
    s = start(tcp_pool(**{"listen.shards": "4", **LONG}))
    silent = [s.connect() for _ in range(40)]
    assert all(map(is_deferred, silent)) and len(queues(s.address())) == 4
    assert all(is_answered(s, c) for c in silent)


def test_a_request_in_pieces_is_waited_for_as_ever(start):
    s = start(tcp_pool(**LONG))
    with s.connect() as c:
        request = fastcgi.request_bytes(fastcgi.environment(s.pid_script))
        c.send(request[:1])
        wait_made(c)
        c.send(request[1:])
        assert c.read_response().complete


# --- checks of the port

@pytest.mark.parametrize("how", ["closes", "resets", "shuts down its side"])
def test_a_check_of_the_port_sees_it_open_and_leaves_nothing(start, how):
    """HAProxy's checks, Kubernetes' tcpSocket: they connect, and that is all."""
    s = start(tcp_pool(**LONG))
    held = []
    for _ in range(20):
        c = s.connect()  # it is open
        if how == "resets":
            c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how == "shuts down its side":
            c.finish_sending()
            held.append(c)
        else:
            c.close()
    for c in held:
        c.read_eof()
    assert s.run(s.pid_script).complete
    procs.until("nothing to be left", lambda: sum(queues(s.address())) == 0 and n_parked(s) == 0)
    assert s.run(s.pid_script).complete and not re.search("WARNING|ERROR", s.log())


# --- reloads

def test_a_reload_changes_a_listener_that_stays(start):
    s = start(tcp_pool(**LONG))
    before = s.connect()
    assert is_deferred(before)
    reconfigure(s, **{"listen.defer_accept": "0"})
    with s.connect() as c:
        assert server_side(c) == ESTABLISHED
    wait_made(before)  # with the next SYN-ACK that would be sent again
    reconfigure(s, **LONG)
    with s.connect() as c:
        assert is_deferred(c)
        assert is_answered(s, c)
    assert is_answered(s, before)


def test_a_refused_reload_changes_nothing(start):
    s = start(tcp_pool(**LONG))
    s.pools["www"].update({"listen.defer_accept": "0", "php_admin_value[opcache.preload]": "/nowhere.php", "php_admin_value[opcache.enable]": "1"})
    s.write_config()
    assert s.ctl("reload").returncode != 0
    with s.connect() as c:
        assert is_deferred(c)


@pytest.mark.parametrize("first, then", [(1, 4), (4, 1)])
def test_silent_clients_outlive_a_change_of_shards(start, first, then):
    """The sockets that new connections are steered away from have those that they began."""
    s = start(tcp_pool(**{"listen.shards": str(first), **LONG}))
    silent = [s.connect() for _ in range(40)]
    reshard(s, then)
    more = [s.connect() for _ in range(40)]
    assert all(map(is_deferred, silent + more))
    assert all(is_answered(s, c) for c in silent + more)


def test_nothing_is_lost_in_reloads_under_load(start):
    s = start(tcp_pool(**{"pm.max_children": "4"}))
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=4) as load:
        for time in ("0", "3", "1"):
            load.wait_more(20)
            reconfigure(s, **{"listen.defer_accept": time})
    assert load.failures() == []


@pytest.mark.parametrize("what", ["address", "pool"])
def test_silent_client_of_an_address_that_is_given_up_is_served(start, what):
    s = start({"www": {}, **{"moved": tcp_pool()["www"]}})
    with s.connect("moved") as c:
        assert is_deferred(c)
        if what == "pool":
            del s.pools["moved"]
        else:
            s.pools["moved"]["listen"] = f"127.0.0.1:{programs.free_port()}"
        s.write_config()
        assert s.ctl("reload").returncode == 0
        assert is_answered(s, c)


def test_a_refused_move_keeps_what_is_deferred(start):
    s = start(tcp_pool(**LONG))
    with tcp_listener() as taken:
        address = s.address()
        s.pools["www"]["listen"] = "127.0.0.1:%d" % taken.getsockname()[1]
        s.write_config()
        assert s.ctl("reload").returncode != 0
    s.pools["www"]["listen"] = address
    with s.connect() as c:
        assert is_deferred(c)


# --- a worker dies meanwhile

def test_who_sends_after_a_worker_was_killed_is_served(start):
    s = start(tcp_pool(**LONG))
    silent = [s.connect() for _ in range(8)]
    for c in silent:
        os.kill(s.wait_workers(2)[0], signal.SIGKILL)
        assert is_answered(s, c)


# --- sockets from elsewhere

@contextlib.contextmanager
def inherited(make, unit, **pool):
    """A pool at a socket that came with `unit` seconds, as DeferAcceptSec= makes it."""
    with tcp_listener() as listener:
        if unit:
            listener.setsockopt(socket.IPPROTO_TCP, TCP_DEFER_ACCEPT, unit)
        s = make({"www": {"listen": "127.0.0.1:%d" % listener.getsockname()[1], "listen.mode": None, **pool}})
        s.pid_script = s.script("pid.php", "<?php echo getmypid();")
        yield activated(s, [listener], ["www"]), listener


@pytest.mark.parametrize("unit, directive, seconds", [(0, None, 1), (0, "0", 0), (0, "2s", 3), (7, None, 7), (7, "0", 0), (7, "1s", 1)])
def test_the_units_setting_stands_where_the_pool_says_nothing(make, unit, directive, seconds):
    with inherited(make, unit, **{"listen.defer_accept": directive}) as (s, listener):
        assert option(listener) == seconds
        assert s.run(s.pid_script).complete


def test_the_units_setting_is_back_when_the_pool_says_nothing_any_more(make):
    with inherited(make, 7, **{"listen.defer_accept": "1s"}) as (s, listener):
        assert option(listener) == 1
        reconfigure(s, **{"listen.defer_accept": None})
        assert option(listener) == 7


@pytest.mark.parametrize("unit", [0, 7])
def test_the_units_setting_is_back_when_the_service_has_ended(make, unit):
    """The service manager keeps its sockets: the next start is to find there what the unit says."""
    with inherited(make, unit, **LONG) as (s, listener):
        with s.connect() as c:
            assert option(listener) > 7
            assert s.stop() == 0 and option(listener) == unit
            activated(s, [listener], ["www"])
            assert is_answered(s, c)


def test_sockets_handed_down_by_the_environment_defer_too(make):
    with tcp_listener() as listener:
        address = "127.0.0.1:%d" % listener.getsockname()[1]
        s = make({"www": {"listen": address, "listen.mode": None}}, env={"FPM_SOCKETS": f"{address}={listener.fileno()}"})
        s.spawn(s.command(), pass_fds=[listener.fileno()])
        s.wait_ready()
        assert option(listener) == 1


def test_the_status_address_defers_too(start):
    port = programs.free_port()
    s = start({"www": {"pm.status_path": "/status", "pm.status_listen": f"127.0.0.1:{port}", **LONG}})
    page = fastcgi.environment("/status", root="")
    with fastcgi.Connection(f"127.0.0.1:{port}") as c:
        assert is_deferred(c)
        assert c.request(page, keep=False).complete
    reconfigure(s, **{"listen.defer_accept": "0", "pm.status_path": "/status"})
    with fastcgi.Connection(f"127.0.0.1:{port}") as c:
        assert server_side(c) == ESTABLISHED
        assert c.request(page, keep=False).complete
