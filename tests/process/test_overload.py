# SPDX-License-Identifier: MIT
"""More requests than workers: which of them are run, which are answered at once, and what is told of them."""

import re
import socket
import struct

import pytest

import fastcgi
import openmetrics
import procs
import server as programs
from load import Held

TOUCH = "<?php file_put_contents($_SERVER['RAN'], $_SERVER['QUERY_STRING'] . \"\\n\", FILE_APPEND);"


@pytest.fixture(params=["unix", "tcp"])
def network(request):
    return request.param


def pool(network="unix", **more):
    address = {} if network == "unix" else {"listen": f"127.0.0.1:{programs.free_port()}"}
    return {"www": {"pm.max_children": 1, "pm.status_path": "/status", "ping.path": "/ping", "listen.shards": 1, **address, **more}}


class Ran:
    """A script that leaves its query string in a file."""

    def __init__(self, s):
        self.s = s
        self.path = f"{s.shared_folder()}/ran"
        self.script = s.script("touch.php", TOUCH)

    def request(self, name, **more):
        return fastcgi.request_bytes(fastcgi.environment(self.script, query=name, RAN=self.path, **more))

    def send(self, name, **more):
        c = self.s.connect()
        c.send(self.request(name, **more))
        return c

    def names(self):
        return procs.content(self.path).split()


def overload(s):
    return s.status()["pools"][0]["overload"]


def reset(connection):
    """Closes a TCP connection by a reset, as a process does that is killed with bytes unread."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


# --- queue.abandoned

@pytest.mark.parametrize("how, ran", [({}, ["gone", "stays"]), ({"queue.abandoned": "drop"}, ["stays"])])
def test_request_of_a_closed_client(start, how, ran):
    """By default it is run: wp-cron and its like close at once."""
    s = start(pool(**how))
    r = Ran(s)
    with Held(s) as held:
        held.wait_running()
        r.send("gone").close()
        stays = r.send("stays")
        held.finish()
        assert stays.read_response().complete
    assert r.names() == ran
    assert overload(s)["abandoned"] == 2 - len(ran)


def test_request_of_a_client_that_resets_its_connection_is_dropped(start):
    s = start(pool("tcp", **{"queue.abandoned": "drop"}))
    r = Ran(s)
    with Held(s) as held:
        held.wait_running()
        held_up = r.send("reset")
        stays = r.send("stays")
        reset(held_up)
        held.finish()
        assert stays.read_response().complete
    assert r.names() == ["stays"] and overload(s)["abandoned"] == 1


def test_request_of_a_tcp_client_that_closes_in_good_order_is_run(start):
    """It cannot be told from one that has closed its sending side alone."""
    s = start(pool("tcp", **{"queue.abandoned": "drop"}))
    r = Ran(s)
    with Held(s) as held:
        held.wait_running()
        r.send("closed").close()
        stays = r.send("stays")
        held.finish()
        assert stays.read_response().complete
    assert r.names() == ["closed", "stays"]


def test_half_closed_client_is_answered(start, network):
    s = start(pool(network, **{"queue.abandoned": "drop"}))
    r = Ran(s)
    with Held(s) as held:
        held.wait_running()
        half = r.send("half")
        half.finish_sending()
        held.finish()
        assert half.read_response().complete
    assert r.names() == ["half"] and overload(s)["abandoned"] == 0


def test_dropped_request_of_a_kept_connection_leaves_its_worker_well(start):
    s = start(pool(**{"queue.abandoned": "drop"}))
    r = Ran(s)
    c = s.connect()
    assert c.request(fastcgi.environment(s.pid_script)).complete
    with Held(s) as held:
        held.wait_running()
        c.send(r.request("gone"))
        c.close()
        held.finish()
    assert s.run(s.pid_script).text == str(s.workers()[0])
    procs.until("the request to be dropped", lambda: overload(s)["abandoned"] == 1)
    assert r.names() == []


def test_pages_are_answered_whoever_waits(start):
    """A check that does not wait for its answer is not counted as a request that was dropped."""
    s = start(pool(**{"queue.abandoned": "drop"}))
    with Held(s) as held:
        held.wait_running()
        for page in "/ping", "/status":
            with s.connect() as c:
                c.send(fastcgi.request_bytes(fastcgi.environment(page)))
        held.finish()
    assert s.run(s.pid_script).complete
    assert overload(s)["abandoned"] == 0


def test_dropped_requests_are_told(make):
    s = make(pool(**{"queue.abandoned": "drop", "access.format": "%s %r %q"}), settings={"log_level": "debug"})
    s.pools["www"]["access.log"] = f"{s.folder}/access.log"
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    r = Ran(s)
    with Held(s) as held:
        held.wait_running()
        r.send("gone").close()
        held.finish()
    assert s.run(s.pid_script).complete
    s.wait_log(r"DEBUG: .*GET /touch.php from unix \(pid \d+, .*\) is not run: its client has gone \(queue.abandoned\)")
    assert re.search(r"overload +1 abandoned\n", s.ctl("status").stdout)
    assert "499 /touch.php gone\n" in procs.content(f"{s.folder}/access.log")
    page = s.client().request(fastcgi.environment("/status", query="openmetrics")).text
    assert openmetrics.parse(page)["phpfpm_overload_abandoned"].samples == [("phpfpm_overload_abandoned", {}, 1)]
