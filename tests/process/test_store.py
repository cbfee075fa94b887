# SPDX-License-Identifier: MIT
"""systemd's fd store: what this process had, the next one has. The test is the service manager, which keeps the descriptors."""

import json
import os
import signal
import socket
import stat

import pytest

import fastcgi
import procs
import server as programs
from load import Held

ROOM = {"FDSTORE": "100"}


@pytest.fixture(params=["unix", "tcp"])
def listen(request):
    """A pool's `listen`, for each kind of socket; None: a unix socket in the server's folder."""
    return {} if request.param == "unix" else {"listen": f"127.0.0.1:{programs.free_port()}", "listen.shards": "2"}


def kept(s, kind=""):
    return sorted(name for name, _ in s.notify.store if kind in name)


def listener(s, pool="www"):
    return "fpmd-listener-" + s.address(pool).replace(":", "%3A")


def waiting_request(s, pool="www"):
    """A request that is sent to a queue where nobody takes it yet."""
    c = s.connect(pool)
    c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    return c


def answered(c):
    with c:
        response = c.read_response()
    assert response.complete and response.status == 200, response
    return int(response.text)


def page(s, address):
    response = fastcgi.Client(address).request(fastcgi.environment("/status", root="", query="json"))
    return json.loads(response.text)


def test_what_waits_at_a_listener_outlives_a_killed_master(start, listen):
    s = start({"www": listen}, env=ROOM)
    assert kept(s, "listener") == [listener(s)] * (2 if listen else 1)
    before = s.workers()
    s.crash()
    waiting = [waiting_request(s) for _ in range(8)]
    s.start_from_store()
    assert all(answered(c) not in before for c in waiting)
    assert kept(s, "listener") == [listener(s)] * (2 if listen else 1)


def test_what_waits_at_a_listener_outlives_a_restart(start, listen):
    s = start({"www": listen}, env=ROOM)
    for _ in range(2):
        s.signal(signal.SIGQUIT)
        assert s.wait_exit() == 0
        waiting = [waiting_request(s) for _ in range(8)]
        s.start_from_store()
        assert all(answered(c) for c in waiting)


def test_a_pool_that_sleeps_has_its_listener_after_a_restart(start):
    s = start({"www": {"pm": "ondemand", "pool.sleep_after": "1s"}}, env=ROOM)
    procs.until("the pool to sleep", lambda: not s.zygotes())
    s.signal(signal.SIGQUIT)
    assert s.wait_exit() == 0
    waiting = waiting_request(s)
    s.start_from_store()
    assert answered(waiting)


def test_counters_go_on(make):
    s = make({"www": {"pm.status_path": "/status"}}, env=ROOM)
    s.pools["www"]["pm.status_listen"] = status = s.folder + "/status.sock"
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    for _ in range(5):
        s.run(s.pid_script)
    first = page(s, status)
    assert first["accepted conn"] == 5
    s.crash()
    for restart in range(2):
        s.start_from_store()
        now = page(s, status)
        assert (now["accepted conn"], now["start time"]) == (5 + restart, first["start time"])
        s.run(s.pid_script)
        assert page(s, status)["accepted conn"] == 6 + restart
        s.signal(signal.SIGQUIT)
        assert s.wait_exit() == 0
    assert kept(s, "numbers") == ["fpmd-numbers-www"]


def test_counters_that_cannot_be_read_begin_at_0(start):
    s = start(env=ROOM)
    s.run(s.pid_script)
    s.crash()
    board = next(fd for name, fd in s.notify.store if "numbers" in name)
    os.pwrite(board, b"\xff", 8)  # the version
    s.start_from_store()
    s.wait_log(r"\[pool www\] its counters begin at 0: those of the fd store cannot be read: they are of another version")
    assert s.run(s.pid_script).status == 200


def test_what_the_configuration_does_not_name_any_more_is_dropped(start):
    s = start({"www": {}, "old": {}}, env=ROOM)
    path, name = s.address("old"), listener(s, "old")
    s.crash()
    del s.pools["old"]
    s.start_from_store()
    s.wait_log(f"'{name}' of the fd store is dropped: no pool listens there")
    s.wait_log("'fpmd-numbers-old' of the fd store is dropped: there is no such pool")
    assert kept(s) == [listener(s), "fpmd-numbers-www"]
    assert not os.path.exists(path)
    assert s.run(s.pid_script).status == 200


def test_an_address_is_free_for_a_wider_one(start):
    """A listener of which nobody has a use any more does not keep another one from its port, though the manager still has it."""
    port = programs.free_port()
    s = start({"www": {"listen": f"127.0.0.1:{port}"}}, env=ROOM)
    s.crash()
    s.pools["www"]["listen"] = f"0.0.0.0:{port}"
    s.start_from_store()
    s.pools["www"]["listen"] = f"127.0.0.1:{port}"
    assert s.run(s.pid_script).status == 200


def test_descriptors_that_are_none_of_ours_are_dropped_with_a_line(start):
    s = start(env=ROOM)
    s.crash()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagram, open("/dev/null") as null, \
            socket.create_server(("127.0.0.1", 0)) as foreign, os.fdopen(os.memfd_create("later")) as later:
        if programs.ROOT:
            os.fchown(foreign.fileno(), 65534, 65534)
        s.start_from_store([("fpmd-listener-x", datagram.fileno()), ("stored", null.fileno()), ("fpmd-listener-y", foreign.fileno()),
                            ("fpmd-later-www", later.fileno())])
    s.wait_log("'fpmd-listener-x' of the fd store is dropped: it is not a listening stream socket")
    s.wait_log("'stored' of the fd store is dropped: it is nothing that fpmd has put there")
    s.wait_log("'fpmd-listener-y' of the fd store is dropped: " + ("it is another user's" if programs.ROOT else "no pool listens there"))
    s.wait_log("'fpmd-later-www' of the fd store is dropped: it is nothing that fpmd has put there")
    removed = {m["FDNAME"] for m in s.notify.messages if "FDSTOREREMOVE" in m and m["FDNAME"] != "fpmd-numbers-www"}  # a new one comes
    assert removed == {"fpmd-listener-x", "stored", "fpmd-listener-y", "fpmd-later-www"}
    assert s.run(s.pid_script).status == 200


def test_a_socket_that_has_lost_its_file_is_made_anew(start):
    s = start(env=ROOM)
    s.crash()
    os.unlink(s.address())
    s.start_from_store()
    s.wait_log(r"\[pool www\] the listener '.*' of the fd store is made anew: its file has gone")
    assert s.run(s.pid_script).status == 200
    assert kept(s, "listener") == [listener(s)]


def test_a_file_that_another_process_has_put_there_is_not_taken(start):
    s = start(env=ROOM)
    s.crash()
    os.unlink(s.address())
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(s.address())
        other.listen()
        items = s.notify.store
        s.start_with_sockets([fd for _, fd in items], [name for name, _ in items])
        assert s.wait_exit() == 78
        assert "another process listens there" in s.log() + s.output()
        assert os.path.exists(s.address())


def test_owner_and_mode_are_those_of_the_configuration(start):
    s = start({"www": {"listen.mode": "0666"}}, env=ROOM)
    s.crash()
    waiting = waiting_request(s)
    s.pools["www"]["listen.mode"] = "0640"
    if programs.ROOT:
        s.pools["www"].update({"listen.owner": "www-data", "listen.group": "daemon"})
    s.start_from_store()
    assert answered(waiting)
    assert stat.S_IMODE(os.stat(s.address()).st_mode) == 0o640
    s.crash()
    s.pools["www"].update({"listen.mode": None, "listen.acl_users": "www-data"})
    s.start_from_store()
    assert os.getxattr(s.address(), "system.posix_acl_access")
    s.crash()
    s.pools["www"].update({"listen.mode": "0600", "listen.acl_users": None})
    s.start_from_store()
    assert stat.S_IMODE(os.stat(s.address()).st_mode) == 0o600
    with pytest.raises(OSError):
        os.getxattr(s.address(), "system.posix_acl_access")


@pytest.mark.skipif(not programs.ROOT, reason="a group that can grow is root's")
def test_shards_change_in_number_over_restarts(start):
    s = start({"www": {"listen": f"127.0.0.1:{programs.free_port()}", "listen.shards": "1"}}, env=ROOM)
    for wanted, there in ((3, 3), (2, 3), (3, 3)):
        s.crash()
        waiting = [waiting_request(s) for _ in range(8)]
        s.pools["www"]["listen.shards"] = str(wanted)
        s.start_from_store()
        assert all(answered(c) for c in waiting)
        assert len(kept(s, "listener")) == there
        assert all(s.run(s.pid_script).status == 200 for _ in range(20))


def test_a_reload_changes_what_is_in_the_store(start):
    s = start({"www": {}, "old": {}}, env=ROOM)
    assert kept(s) == sorted([listener(s), listener(s, "old"), "fpmd-numbers-www", "fpmd-numbers-old"])
    www = next(fd for name, fd in s.notify.store if name == listener(s))
    gone = s.pools.pop("old")
    s.pools["new"] = {**gone, "listen": s.folder + "/new.sock"}
    s.write_config()
    s.reload()
    assert kept(s) == sorted([listener(s), listener(s, "new"), "fpmd-numbers-www", "fpmd-numbers-new"])
    assert next(fd for name, fd in s.notify.store if name == listener(s)) == www, "it was put in twice"
    s.crash()
    waiting = waiting_request(s, "new")
    s.start_from_store()
    assert answered(waiting)


def test_a_store_that_is_too_small_has_listeners_first(start):
    s = start({"www": {}, "b": {}}, env={"FDSTORE": "3"})
    assert kept(s, "listener") == sorted([listener(s), listener(s, "b")])
    assert len(kept(s)) == 3
    s.wait_log("the fd store has room for 3 of 4 descriptors")


def test_no_more_is_stored_than_a_program_can_be_started_with(make):
    """As many descriptors as its limit, and it cannot load its libraries: it would not start again."""
    s = make({f"p{i}": {"pm": "ondemand", "pool.sleep_after": "1s"} for i in range(12)}, env={"FDSTORE": "1000"})
    script = s.script("pid.php", "<?php echo getmypid();")
    s.spawn(["prlimit", "--nofile=84:20000", *s.command()])
    s.wait_ready()
    s.wait_log("the fd store has room for 20 of 24 descriptors: raise FileDescriptorStoreMax=.* and LimitNOFILE=")
    assert len(kept(s)) == 20 and len(kept(s, "listener")) == 12
    s.crash()
    s.start_from_store()
    assert s.run(script, "p11").status == 200


def test_what_the_next_version_has_put_there_is_dropped(start):
    """As after a downgrade: a kind of descriptor that is not known here is no mistake in a unit."""
    s = start(env=ROOM)
    s.crash()
    s.notify.hear_all()
    a, b = socket.socketpair()
    with a, b:
        s.start_from_store([("fpmd-news-www", a.fileno())])
    s.wait_log("WARNING: 'fpmd-news-www' of the fd store is dropped: it is nothing that fpmd has put there")
    assert s.run(s.pid_script).status == 200


def test_a_listener_that_does_not_fit_is_closed_at_a_stop_as_without_a_store(start):
    """Nobody takes over what its clients send while a busy worker ends."""
    s = start({"www": {}, "b": {}}, env={"FDSTORE": "1"})
    s.wait_log("the fd store has room for 1 of 4 descriptors")
    assert kept(s) == [listener(s)]
    with Held(s) as held:
        held.wait_running()
        s.signal(signal.SIGQUIT)
        procs.until("b's socket to go", lambda: not os.path.exists(s.address("b")))
        assert os.path.exists(s.address())
        held.release()
        assert held.answer().complete
    assert s.wait_exit() == 0


def test_without_a_store_nothing_is_left(start):
    s = start(env={"FDSTORE": "0"})
    s.signal(signal.SIGQUIT)
    assert s.wait_exit() == 0
    assert not s.notify.store and not os.path.exists(s.address())


def test_a_worker_does_not_learn_of_it(start):
    s = start({"www": {"clear_env": "no"}}, env=ROOM)
    assert s.run(s.script("env.php", "<?php var_export(getenv('FDSTORE'));")).text == "false"
