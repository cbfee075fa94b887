# SPDX-License-Identifier: MIT
"""The service of a pool's own unit, whose socket is systemd's: what it says where its file wants another one than it has."""

import os
import socket

import pytest

import procs
import server as programs

REMEDY = "systemctl daemon-reload; systemctl restart fpmd@www.socket"


@pytest.fixture
def own(make):
    """own(listen, at): fpmd as fpmd@www.service, with a file that has that listen, and systemd's socket there."""
    listeners = []

    def build(at=None, pool="www", **settings):
        s = make({"www": settings})
        s.runtime = f"{s.folder}/fpmd-{pool}"
        if at:
            listeners.append(socket.socket(socket.AF_UNIX))
            listeners[-1].bind(s.folder + at)
            os.chmod(s.folder + at, 0o666)
            listeners[-1].listen()
            s.start_with_sockets([listeners[-1].fileno()], ["www"])
            s.wait_ready()
            s.wait_log("ready to handle connections")
        return s
    yield build
    for listener in listeners:
        listener.close()


def wait_status(s, test):
    """The status line is read by a thread, and written a little later."""
    def last():
        return [m["STATUS"] for m in s.notify.messages if "STATUS" in m and "workers busy" in m["STATUS"]][-1:]
    procs.until("another status line", lambda: last() and test(last()[0]))


def test_a_start_without_a_socket_names_the_remedy(own):
    s = own(listen="/proc/nowhere/fpmd-www.sock")
    status, said = s.start_expecting_failure()
    assert status == 78
    assert "directive 'listen': cannot listen on '/proc/nowhere/fpmd-www.sock': No such file or directory; " \
           f"systemd has passed no socket: {REMEDY}\n" in said


def test_a_service_of_many_pools_names_no_socket_of_its_own(own):
    s = own(listen="/proc/nowhere/fpmd-www.sock", pool="shop")
    status, said = s.start_expecting_failure()
    assert status == 78 and "No such file or directory\n" in said and REMEDY not in said


def test_a_socket_at_another_address_is_told_at_a_start(own):
    s = own("/old.sock")
    line = f"directive 'listen': pool 'www' listens on {s.folder}/old.sock, and not on {s.address()}: " \
           f"its socket is systemd's, and changes with this: {REMEDY}"
    assert line in s.log()
    wait_status(s, lambda said: line in said)
    assert s.stop() == 0


def test_a_reload_tells_that_listen_is_not_taken_until_it_is_as_before(own):
    s = own("/www.sock")
    old = s.address()
    assert "directive 'listen'" not in s.log()
    s.pools["www"]["listen"] = s.folder + "/new.sock"
    s.write_config()
    done = s.ctl("reload")
    line = f"directive 'listen': pool 'www' listens on {old}, and not on {s.folder}/new.sock: its socket is systemd's"
    assert done.returncode == 0 and "reload done, 1 pool renewed" in done.stdout, done
    assert "warning: [" in done.stdout and line in done.stdout and REMEDY in done.stdout, done
    assert line in s.log()
    wait_status(s, lambda said: line in said)
    s.pools["www"]["listen"] = old
    s.write_config()
    done = s.ctl("reload")
    assert done.returncode == 0 and "warning" not in done.stdout, done
    wait_status(s, lambda said: "directive 'listen'" not in said)
    assert s.stop() == 0


def test_a_reload_of_a_service_of_many_pools_tells_it_too(own):
    s = own("/www.sock", pool="all")
    s.pools["www"]["listen"] = s.folder + "/new.sock"
    s.write_config()
    done = s.ctl("reload")
    assert done.returncode == 0 and f"and not on {s.folder}/new.sock: its socket is the service manager's" in done.stdout, done
    assert REMEDY not in done.stdout
    assert s.stop() == 0


@pytest.mark.skipif(not programs.ROOT, reason="the owner of the socket is another one")
@pytest.mark.parametrize("directive, value", [("listen.mode", "0600"), ("listen.owner", "games"), ("listen.group", "games")])
def test_a_reload_tells_who_may_connect_still(own, directive, value):
    s = own("/www.sock")
    s.pools["www"][directive] = value
    s.write_config()
    done = s.ctl("reload")
    assert done.returncode == 0 and f"directive '{directive}': {s.address()} has another, mode 0666: its socket is systemd" in done.stdout, done
    assert REMEDY in done.stdout and REMEDY in s.log()
    assert s.stop() == 0
