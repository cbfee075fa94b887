# SPDX-License-Identifier: MIT
"""More requests than workers: which of them are run, which are answered at once, and what is told of them."""

import os
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
    s.wait_log(r"DEBUG: .*GET /touch.php is not run: its client has gone \(queue.abandoned\)")
    assert re.search(r"overload +1 abandoned\n", s.ctl("status").stdout)
    assert "499 /touch.php gone\n" in procs.content(f"{s.folder}/access.log")
    page = s.client().request(fastcgi.environment("/status", query="openmetrics")).text
    assert openmetrics.parse(page)["phpfpm_overload_abandoned"].samples == [("phpfpm_overload_abandoned", {}, 1)]


# --- request.on_disconnect

LOOP = ("<?php {before} register_shutdown_function(function () {{ file_put_contents($_GET['m'] . '-end', connection_aborted() . ' ' . (int) (microtime(true) - $GLOBALS['t'])); }});"
        " $t = microtime(true); file_put_contents($_GET['m'] . '-on', getmypid()); {then} file_put_contents($_GET['m'] . '-done', '.');")
FOREVER = "while (!file_exists($_GET['m'] . '-go')) clearstatcache();"
A_WHILE = "while (microtime(true) - $t < 0.8);"


class Looping:
    """A script that writes nothing, and computes."""

    def __init__(self, s, then=FOREVER, before="", **more):
        self.mark = f"{s.shared_folder()}/loop"
        script = s.script("loop.php", LOOP.format(before=before, then=then))
        self.connection = s.connect()
        self.connection.send(fastcgi.request_bytes(fastcgi.environment(script, query=f"m={self.mark}", **more)))
        self.worker = int(procs.until("the script to run", lambda: procs.content(self.mark + "-on")))

    def release(self):
        open(self.mark + "-go", "w").close()

    def wait_end(self):
        """[connection_aborted(), how long it ran], from its shutdown function."""
        return [int(n) for n in procs.until("the script to end", lambda: procs.content(self.mark + "-end")).split()]

    def is_done(self):
        return procs.content(self.mark + "-done") == "."


def abort_pool(network="unix", **more):
    return pool(network, **{"request.on_disconnect": "abort", **more})


def test_script_is_ended_when_its_client_goes(start, network):
    s = start(abort_pool(network), settings={"log_level": "debug"})
    loop = Looping(s)
    reset(loop.connection) if network == "tcp" else loop.connection.close()
    assert loop.wait_end() == [1, 0] and not loop.is_done()
    assert s.run(s.pid_script).text == str(loop.worker)
    assert overload(s) == {"abandoned": 0, "disconnected": 1}
    s.wait_log(r"DEBUG: .*GET /loop.php was ended: its client has gone \(request.on_disconnect\)")


def test_script_whose_client_goes_runs_on_by_default(start):
    s = start(pool(**{"request.on_disconnect": "ignore"}))
    loop = Looping(s, A_WHILE)
    loop.connection.close()
    assert loop.wait_end() == [0, 0] and loop.is_done()
    assert overload(s)["disconnected"] == 0


@pytest.mark.parametrize("how", [{"before": "ignore_user_abort(true);"}, {"PHP_VALUE": "ignore_user_abort=1"}])
def test_script_that_ignores_its_client_is_left_alone(start, how):
    s = start(abort_pool())
    loop = Looping(s, A_WHILE, **how)
    loop.connection.close()
    assert loop.wait_end() == [0, 0] and loop.is_done()


def test_script_whose_client_only_stops_sending_runs_on(start, network):
    s = start(abort_pool(network))
    loop = Looping(s, A_WHILE)
    loop.connection.finish_sending()
    assert loop.connection.read_response().complete and loop.is_done()


def test_script_after_its_reply_runs_on(start):
    s = start(abort_pool())
    loop = Looping(s, A_WHILE, "fastcgi_finish_request();")
    loop.connection.close()
    loop.wait_end()
    assert loop.is_done() and overload(s)["disconnected"] == 0


def test_sleep_is_not_cut_short(start):
    s = start(abort_pool())
    loop = Looping(s, "sleep(1); " + FOREVER)
    loop.connection.close()
    assert loop.wait_end() == [1, 1]


def test_next_script_is_not_ended_for_the_last_ones_client(start):
    """A worker whose thread has just looked at a client that goes serves the next request unharmed."""
    s = start(abort_pool())
    for _ in range(5):
        loop = Looping(s)
        loop.connection.close()
        procs.until("the script to end", lambda: procs.content(loop.mark + "-end"))
        for name in "-on", "-end":
            os.unlink(loop.mark + name)
        assert [s.run(s.pid_script).text for _ in range(20)] == [str(loop.worker)] * 20
    assert overload(s)["disconnected"] == 5


def test_process_that_a_script_forks_ends_by_itself(start):
    """The watching thread is the worker's alone."""
    s = start(abort_pool(**{"security.pcntl": "yes"}))
    loop = Looping(s, "if (pcntl_fork() == 0) { " + A_WHILE + " file_put_contents($_GET['m'] . '-child', '.'); exit(0); } pcntl_wait($status);")
    loop.connection.close()
    loop.wait_end()
    procs.until("the copy to come to its end", lambda: procs.content(loop.mark + "-child") == ".")
    assert s.run(s.pid_script).text == str(loop.worker)
