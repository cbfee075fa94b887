# SPDX-License-Identifier: MIT
"""Connections between two requests outlive a restart in systemd's fd store, whose part the test plays."""

import os
import signal
import socket

import pytest

import procs
import server as programs
from fastcgi import environment, request_bytes


def room(n):
    return {"FDSTORE": str(n), "FPMD_STORE_IDLE": "1"}


ROOM = room(100)


def stored(s, pool="www"):
    return sum(name == f"fpmd-idle-{pool}" for name, _ in s.notify.store)


def idle(s, n, pool="www"):
    """Connections that have had an answer each and wait in the park, or where it can take them from."""
    def are_there():
        return next(p["park"]["idle"] for p in s.status()["pools"] if p["name"] == pool) >= n
    made = [s.connect(pool) for _ in range(n)]
    for c in made:
        assert c.request(environment(s.pid_script)).complete
    procs.until(f"{n} idle connections", are_there)
    return made


def stop(s, number=signal.SIGQUIT):
    """A stop in good order."""
    s.signal(number)
    assert s.wait_exit() == 0
    s.notify.hear_all()


def answered(s, c):
    response = c.request(environment(s.pid_script))
    assert response.complete and response.status == 200, response
    return int(response.text)


def dropped(connections):
    for c in connections:
        assert c.read_eof() == b""


@pytest.mark.parametrize("settings", [{}, {"pm": "ondemand", "pool.sleep_after": "1s"}, {"queue.max_length": "10"}],
                         ids=["awake", "sleeps", "queue"])
def test_a_request_on_an_idle_connection_is_answered_after_a_restart(start, settings):
    s = start({"www": {"pm.max_children": "1", **settings}}, env=ROOM)
    before = set()
    waiting = idle(s, 5)
    for _ in range(2):
        stop(s)
        assert stored(s) == 5
        waiting[0].send(request_bytes(environment(s.pid_script), keep=True))  # while nobody is there
        s.start_from_store()
        s.wait_log(r"\[pool www\] 5 idle connections are back from the fd store")
        procs.until("the store to be empty of them", lambda: not stored(s))
        first = waiting[0].read_response()
        assert first.complete and first.status == 200
        now = {int(first.text), *(answered(s, c) for c in waiting[1:])}
        assert not now & before
        before |= now
        procs.until("all to be idle again", lambda: s.status()["pools"][0]["park"]["idle"] >= 5)


def test_half_a_request_is_finished_by_the_old_ones(start):
    s = start({"www": {"pm.max_children": "1"}}, env=ROOM)
    (half, _other), data = idle(s, 2), request_bytes(environment(s.pid_script), keep=True)
    half.send(data[:20])
    procs.until("half a request", lambda: s.status()["pools"][0]["park"]["receiving"] == 1)
    s.signal(signal.SIGQUIT)
    procs.until("the idle one to be stored", lambda: stored(s) == 1)
    half.send(data[20:])
    assert half.read_response().complete
    assert s.wait_exit() == 0
    s.notify.hear_all()
    assert half.read_eof() == b"" and stored(s) == 1  # the worker had it in hand


def test_a_stop_without_a_restart_closes_them(start):
    s = start(env=ROOM)
    waiting = idle(s, 3)
    stop(s)
    assert stored(s) == 3 and not any(c.closed_by_peer() for c in waiting)
    s.notify.forget(None)  # as systemd does when the service is dead
    dropped(waiting)


def test_sigterm_with_a_time_to_drain_is_a_stop_in_good_order(start):
    s = start(env=ROOM, args=["--drain-time=1"])
    waiting = idle(s, 3)
    stop(s, signal.SIGTERM)
    assert stored(s) == 3
    s.start_from_store()
    assert all(answered(s, c) for c in waiting)


@pytest.mark.parametrize("how", ["no store", "not allowed", "at once", "no time", "tcp"])
def test_others_are_closed_as_ever(start, how):
    s = start({"www": {"listen": f"127.0.0.1:{programs.free_port()}"} if how == "tcp" else {}},
              env={"no store": {}, "not allowed": {"FDSTORE": "100"}}.get(how, ROOM),
              settings={"process_control_timeout": "0" if how == "no time" else "30s"})
    waiting = idle(s, 3)
    s.signal(signal.SIGTERM if how == "at once" else signal.SIGQUIT)
    s.wait_exit()
    s.notify.hear_all()
    dropped(waiting)
    assert not stored(s)


def test_what_does_not_fit_is_closed_and_told(start):
    s = start(env=room(5))  # a listener and counters are in it
    waiting = idle(s, 5)
    stop(s)
    assert stored(s) == 3 and sum(c.closed_by_peer() for c in waiting) == 2
    s.wait_log("2 idle connections are closed: the fd store has room for 3 of this pool's")
    s.start_from_store()
    assert all(answered(s, c) for c in waiting if not c.closed_by_peer())


def test_pools_have_equal_parts(start):
    """Those that have a park, and so may have idle connections."""
    s = start({"www": {}, "b": {}, "sleeps": {"pm": "ondemand", "pool.sleep_after": "1s"}, "tcp": {"listen": f"127.0.0.1:{programs.free_port()}"}},
              env=room(13))  # five listeners and four sets of counters are in it
    waiting = idle(s, 4) + idle(s, 4, "b")
    procs.until("one to sleep", lambda: s.generations("sleeps")[0]["state"] == "asleep")
    stop(s)
    assert stored(s) == stored(s, "b") == 2
    assert sum(c.closed_by_peer() for c in waiting) == 4


@pytest.mark.parametrize("how", ["no store", "few files"])
def test_what_comes_back_is_taken_out_where_nothing_more_may_be_put(start, how):
    """Else a client would be connected to nobody, with what it has sent for the next start to answer."""
    s = start(env=ROOM)
    waiting = idle(s, 3)
    stop(s)
    assert stored(s) == 3
    if how == "no store":
        s.env["FDSTORE"] = "0"
    else:
        s.wrapper = ["prlimit", "--nofile=64:20000"]
    s.start_from_store()
    procs.until("the store to be empty", lambda: not s.notify.store)
    if how == "few files":
        s.wait_log("WARNING: nothing is put into the fd store, as the next program could not be started with it: raise LimitNOFILE=, which is 64")
    assert all(answered(s, c) for c in waiting)
    s.signal(signal.SIGQUIT)
    assert s.wait_exit() == 0
    dropped(waiting)


def test_those_of_a_pool_that_has_gone_or_moved_are_closed_with_a_line(start):
    s = start({"www": {}, "old": {}, "moves": {}}, env=ROOM)
    stays, old, moves = idle(s, 1), idle(s, 2, "old"), idle(s, 3, "moves")
    stop(s)
    del s.pools["old"]
    s.pools["moves"]["listen"] = s.folder + "/elsewhere.sock"
    copies = [os.dup(fd) for _, fd in s.notify.store]  # as systemd has them until it is told
    s.start_from_store()
    dropped(old + moves)
    for fd in copies:
        os.close(fd)
    s.wait_log(r"\[pool moves\] 3 idle connections of the fd store are closed: not of the pool's socket")
    s.wait_log(r"WARNING: 2 idle connections of the fd store are closed: their pools are gone")
    assert answered(s, stays[0])
    assert {m["FDNAME"] for m in s.notify.messages if "FDSTOREREMOVE" in m} >= {"fpmd-idle-old", "fpmd-idle-moves", "fpmd-idle-www"}


@pytest.mark.skipif(not programs.ROOT, reason="other users take root")
def test_who_may_not_connect_any_more_is_closed(start):
    s = start(env=ROOM)
    waiting = idle(s, 2)
    stop(s)
    s.pools["www"]["listen.peer_users"] = "daemon"
    s.start_from_store()
    s.wait_log(r"\[pool www\] 2 idle connections of the fd store are closed")
    dropped(waiting)


def test_what_is_no_connection_of_the_pool_is_not_taken(start):
    s = start(env=ROOM)
    stop(s)
    path = s.folder + "/other.sock"
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as client, socket.socket() as tcp, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram, open("/dev/null") as null:
        other.bind(path)
        other.listen()
        client.connect(path)
        accepted, pair = other.accept()[0], socket.socketpair()
        with accepted, pair[0], pair[1]:
            s.start_from_store([("fpmd-idle-www", x.fileno()) for x in (other, accepted, client, *pair, tcp, datagram, null)])
    s.wait_log("'fpmd-idle-www' of the fd store is dropped: it is no connection of a unix socket")
    s.wait_log(r"\[pool www\] 4 idle connections of the fd store are closed")
    assert s.run(s.pid_script).status == 200
    assert os.path.exists(s.address())
