# SPDX-License-Identifier: MIT
"""pm.status_listen: a pool's pages on a socket of their own, answered by the master. And the listen queue that they show."""

import contextlib
import json
import os
import signal
import socket
import stat
import time

import pytest

import fastcgi
import openmetrics
import procs
import server as programs
from load import Held, Load

PATHS = {"pm.status_path": "/status", "ping.path": "/ping"}
ROOM = 32  # clients of a page


def pool(s_folder, **more):
    return {**PATHS, "pm.status_listen": s_folder + "/status.sock", **more}


@pytest.fixture
def folder():
    import shutil
    path = programs.make_folder("status")
    yield path
    shutil.rmtree(path, ignore_errors=True)


def ask(address, uri="/status", query="json", **more):
    return fastcgi.Client(address).request(fastcgi.environment(uri, root="", query=query, **more))


def status(address):
    return json.loads(ask(address).text)


def test_pages_are_answered_when_every_worker_is_busy(start, folder):
    s = start({"www": pool(folder)})
    with Held(s) as a, Held(s) as b:
        a.wait_running(), b.wait_running()
        seen = status(folder + "/status.sock")
        assert (seen["active processes"], seen["idle processes"], seen["total processes"]) == (2, 0, 2)
        assert ask(folder + "/status.sock", "/ping").text == "pong"
        full = json.loads(ask(folder + "/status.sock", query="json&full").text)
        assert {p["state"] for p in full["processes"]} == {"Running"}


@pytest.mark.parametrize("form", ["", "html", "xml", "openmetrics", "full", "html&full", "xml&full", "openmetrics&full"])
def test_pages_have_the_forms_of_the_workers(start, folder, form):
    s = start({"www": pool(folder)})
    own, workers = ask(folder + "/status.sock", query=form), ask(s.address(), query=form)
    assert own.headers == workers.headers and own.status == 200 and own.complete
    assert own.text.splitlines()[0] == workers.text.splitlines()[0]
    assert all(r.content for r in own.records), "an empty record holds nginx's clients"
    if "openmetrics" in form:
        openmetrics.parse(own.text)


@pytest.mark.parametrize("expose", ["on", "off"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_header_blocks_are_those_of_the_workers(start, folder, expose, method):
    s = start({"www": pool(folder, **{"php_admin_flag[expose_php]": expose})})
    for uri in ("/status", "/ping", "/nothing"):
        own, workers = [ask(a, uri, query="", method=method).stdout.partition(b"\r\n\r\n")[0] for a in (folder + "/status.sock", s.address())]
        assert own == workers and (b"X-Powered-By: PHP/" in own) == (expose == "on")


def test_page_runs_no_scripts_and_other_pages_are_not_there(start, folder):
    s = start({"www": pool(folder)})
    r = fastcgi.Client(folder + "/status.sock").request(fastcgi.environment(s.pid_script))
    assert (r.status, r.text) == (404, "File not found.\n")
    assert ask(folder + "/status.sock", "/status/more").status == 404
    assert ask(s.address(), "/status").status == 200


def test_asking_counts_as_no_request_of_the_pool(start, folder):
    start({"www": pool(folder)})
    for _ in range(3):
        seen = status(folder + "/status.sock")
    assert seen["accepted conn"] == 0


def test_head_has_no_body(start, folder):
    start({"www": pool(folder)})
    r = ask(folder + "/status.sock", method="HEAD")
    assert r.status == 200 and r.body == b""


def test_kept_connection_is_answered_again(start, folder):
    start({"www": pool(folder)})
    with fastcgi.Connection(folder + "/status.sock") as c:
        for i in range(5):
            r = c.request(fastcgi.environment("/ping", root=""), request_id=i + 1)
            assert r.complete and r.text == "pong"


def test_pipelined_requests_are_answered_in_order(start, folder):
    start({"www": pool(folder)})
    with fastcgi.Connection(folder + "/status.sock") as c:
        c.send(b"".join(fastcgi.request_bytes(fastcgi.environment("/ping" if i % 2 else "/none", root=""), b"", i, True) for i in range(1, 9)))
        for i in range(1, 9):
            assert c.read_response(i).status == (200 if i % 2 else 404)


def test_request_that_comes_in_pieces_is_answered(start, folder):
    start({"www": pool(folder)})
    request = fastcgi.request_bytes(fastcgi.environment("/ping", root=""), b"", 1, False)
    with fastcgi.Connection(folder + "/status.sock") as c:
        for i in range(len(request)):
            c.send(request[i:i + 1])
        assert c.read_response().text == "pong"


def test_broken_client_loses_its_connection_alone(start, folder):
    s = start({"www": pool(folder)})
    with fastcgi.Connection(folder + "/status.sock") as c:
        c.send(b"\x02\x01\x00\x01\x00\x08\x00\x00")
        assert c.read_eof() == b""
    s.wait_log("connection to the status page from .* closed")
    assert ask(folder + "/status.sock", "/ping").text == "pong"


def test_silent_clients_do_not_keep_others_out(start, folder):
    """More than the page has room for: the first ones make room, so nobody waits until the time of all is over."""
    start({"www": pool(folder)})

    def others_stay():
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(fastcgi.Connection(folder + "/status.sock")) for _ in range(40)]
            assert fastcgi.Client(folder + "/status.sock", 30).request(fastcgi.environment("/ping", root="")).text == "pong"
            stay = not silent[31].readable()
            assert silent[0].read_eof() == b""
            return stay
    assert any(others_stay() for _ in range(3)), "clients that came before there was no room are cut for one that asks"


def test_one_more_client_has_room_at_once(start, folder):
    """Those who have it all ask again and again, so that the time of none is ever over: none would leave by itself."""
    start({"www": pool(folder)})
    ping, deadline = fastcgi.environment("/ping", root=""), time.monotonic() + procs.LIMIT
    with contextlib.ExitStack() as stack:
        kept = [stack.enter_context(fastcgi.Connection(folder + "/status.sock")) for _ in range(ROOM)]
        assert all(c.request(ping).text == "pong" for c in kept)
        more = stack.enter_context(fastcgi.Connection(folder + "/status.sock"))
        more.send(fastcgi.request_bytes(ping))
        while not more.readable() and time.monotonic() < deadline:
            kept = [c for c in kept if answers(c, ping)]
        assert more.readable(), f"{len(kept)} clients keep all the room"
        assert more.read_response().text == "pong"
        assert sum(answers(c, ping) for c in kept) == ROOM - 1


def test_the_one_that_has_been_silent_for_the_longest_makes_room(start, folder):
    start({"www": pool(folder)})
    ping = fastcgi.environment("/ping", root="")
    with contextlib.ExitStack() as stack:
        first, silent, *others = [stack.enter_context(fastcgi.Connection(folder + "/status.sock")) for _ in range(ROOM)]
        assert others[-1].request(ping).text == "pong" and first.request(ping).text == "pong"  # all have been taken by now
        assert ask(folder + "/status.sock", "/ping").text == "pong"
        assert silent.read_eof() == b""
        assert answers(first, ping), "it is the oldest one, and has asked last"


def answers(connection, params):
    try:
        return connection.request(params).text == "pong"
    except (ConnectionError, EOFError):
        return False


def test_client_that_does_not_read_holds_up_nobody(start, folder):
    start({"www": pool(folder)})
    with fastcgi.Connection(folder + "/status.sock") as deaf:
        params = fastcgi.environment("/status", root="", query="html&full")
        deaf.sock.setblocking(False)
        request = fastcgi.request_bytes(params, b"", 1, True)
        try:
            for _ in range(5000):
                deaf.sock.send(request)
        except BlockingIOError:
            pass
        assert ask(folder + "/status.sock", "/ping").text == "pong"


@pytest.mark.parametrize("form", ["127.0.0.1:{port}", "{port}"])
def test_page_on_tcp(start, form):
    port = programs.free_port()
    start({"www": {**PATHS, "pm.status_listen": form.format(port=port)}})
    assert status(f"127.0.0.1:{port}")["pool"] == "www"


def test_allowed_clients_hold_for_the_page_too(start):
    port = programs.free_port()
    s = start({"www": {**PATHS, "pm.status_listen": f"127.0.0.1:{port}", "listen.allowed_clients": "192.0.2.7"}})
    with fastcgi.Connection(f"127.0.0.1:{port}") as c:
        with contextlib.suppress(ConnectionError):
            c.send(fastcgi.request_bytes(fastcgi.environment("/ping", root="")))
        assert c.read_eof() == b""
    s.wait_log("Connection disallowed: IP address '127.0.0.1' has been dropped")


def test_page_has_mode_and_owner_of_the_pools_socket_and_is_removed_at_the_end(start, folder):
    s = start({"www": pool(folder, **{"listen.mode": "0640"})})
    seen = os.stat(folder + "/status.sock")
    assert stat.S_ISSOCK(seen.st_mode) and stat.S_IMODE(seen.st_mode) == 0o640
    s.stop()
    assert not os.path.exists(folder + "/status.sock")


def test_address_that_is_taken_is_a_start_error(make, folder):
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(folder + "/status.sock")
        other.listen()
        code, said = make({"www": pool(folder)}).start_expecting_failure()
    assert code == 78 and "directive 'pm.status_listen': cannot listen on '" + folder in said


def test_page_stays_over_reloads(start, folder):
    s = start({"www": pool(folder)})
    before = os.stat(folder + "/status.sock").st_ino
    with fastcgi.Connection(folder + "/status.sock") as c:
        s.pools["www"]["ping.response"] = "fresh"
        s.write_config()
        s.reload()
        assert c.request(fastcgi.environment("/ping", root="")).text == "fresh"
    assert os.stat(folder + "/status.sock").st_ino == before


def test_reload_opens_moves_and_closes_the_page(start, folder):
    s = start({"www": dict(PATHS)})
    for name in ("a", "b", None):
        s.pools["www"]["pm.status_listen"] = name and f"{folder}/{name}.sock"
        s.write_config()
        s.reload()
        assert os.listdir(folder) == ([f"{name}.sock"] if name else [])
        if name:
            assert status(f"{folder}/{name}.sock")["pool"] == "www"


def test_refused_reload_leaves_the_page_as_it_was(start, folder):
    s = start({"www": pool(folder)})
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(folder + "/taken.sock")
        other.listen()
        s.pools["www"]["pm.status_listen"] = folder + "/taken.sock"
        s.write_config()
        r = s.ctl("reload")
        assert r.returncode != 0 and "pm.status_listen" in r.stdout + r.stderr
    assert status(folder + "/status.sock")["pool"] == "www"


def test_page_goes_with_its_pool(start, folder):
    s = start({"www": {}, "other": pool(folder)})
    assert status(folder + "/status.sock")["pool"] == "other"
    del s.pools["other"]
    s.write_config()
    s.reload()
    assert not os.path.exists(folder + "/status.sock")


def test_inherited_socket_serves_the_page(make, folder):
    s = make({"www": {**PATHS, "pm.status_listen": folder + "/status.sock"}})
    with socket.socket(socket.AF_UNIX) as own, socket.socket(socket.AF_UNIX) as page:
        for sock, path in ((own, s.address()), (page, folder + "/status.sock")):
            sock.bind(path)
            sock.listen()
        s.start_with_sockets([own, page], ["some", "thing"])
        s.wait_ready()
        assert status(folder + "/status.sock")["pool"] == "www" and ask(s.address(), "/ping").text == "pong"
        s.stop()
        assert os.path.exists(folder + "/status.sock")


@pytest.mark.parametrize("pm", ["static", "dynamic"])
def test_active_and_idle_are_the_total_always(start, folder, pm):
    """Read over and over, by the master's page and by the workers', under load and while generations change."""
    how = {"pm": pm, "pm.max_children": "6", "pm.max_requests": "40"}
    if pm == "dynamic":
        how.update({"pm.start_servers": "2", "pm.min_spare_servers": "1", "pm.max_spare_servers": "3"})
    s = start({"www": pool(folder, **how)})
    looks = 0

    def look():
        nonlocal looks
        for address in (folder + "/status.sock", s.address()):
            seen = json.loads(ask(address, query="json&full").text)
            assert seen["active processes"] + seen["idle processes"] == seen["total processes"] == len(seen["processes"]), seen
            assert seen["active processes"] <= seen["max active processes"] and seen["total processes"] <= 2 * 6
            looks += 1
    with Load(s.address(), fastcgi.environment(s.script("short.php", "<?php usleep(2000);")), clients=4) as load:
        for _ in range(3):
            since = s.notify.mark()
            s.signal(signal.SIGUSR2)
            procs.until("the reload", lambda: look() or s.notify.count("READY", since), 30)
            for _ in range(10):
                look()
        assert not load.failures() and looks > 60


# --- the listen queue

@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_listen_queue_is_shown(start, folder, kind):
    how = {"pm.max_children": "1", "listen.backlog": "100"}
    if kind == "tcp":
        how.update({"listen": f"127.0.0.1:{programs.free_port()}", "listen.mode": None})
    s = start({"www": pool(folder, **how)})
    with Held(s) as held:
        held.wait_running()
        waiting = [s.connect() for _ in range(5)]
        procs.until("five that wait", lambda: status(folder + "/status.sock")["listen queue"] == 5)
        seen = status(folder + "/status.sock")
        shards = len(os.sched_getaffinity(0)) if kind == "tcp" else 1
        assert seen["max listen queue"] == 5 and seen["listen queue len"] == 100 * shards
        assert "5 waiting, most 5 of" in s.ctl("status").stdout
        for c in waiting:
            c.close()
    procs.until("an empty queue", lambda: status(folder + "/status.sock")["listen queue"] == 0)
    assert status(folder + "/status.sock")["max listen queue"] == 5


def waits(folder):
    """The histogram's upper bounds with their counts, and (count, sum)."""
    samples = openmetrics.parse(ask(folder + "/status.sock", query="openmetrics").text)["phpfpm_queue_wait_seconds"].samples
    values = {name.rsplit("_", 1)[1]: value for name, _, value in samples}
    return {float(labels["le"]): value for _, labels, value in samples if labels}, (values["count"], values["sum"])


@pytest.mark.parametrize("kind", ["unix", "tcp"])
def test_time_in_the_queue_is_worked_out(start, folder, kind):
    how = {"pm.max_children": "1"}
    if kind == "tcp":
        how.update({"listen": f"127.0.0.1:{programs.free_port()}", "listen.mode": None})
    s = start({"www": pool(folder, **how)})
    for _ in range(20):
        s.run(s.pid_script)
    procs.until("20 that did not wait", lambda: waits(folder)[1][0] == 20)
    assert waits(folder)[0][0.001] == 20
    with Held(s) as held:
        held.wait_running()
        begun = time.monotonic()
        waiting = [s.connect() for _ in range(5)]
        for c in waiting:
            c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
        procs.until("three seconds in the queue", lambda: time.monotonic() - begun >= 3)
        assert status(folder + "/status.sock")["listen queue"] == 5
    for c in waiting:
        c.read_response(timeout=10)
    lasted = time.monotonic() - begun
    buckets, (_, total) = procs.until("26 taken", lambda: (lambda w: w if w[1][0] == 26 else None)(waits(folder)))
    assert buckets[1.0] == 21 and buckets[10.0] == 26  # a look is a second away from what it could have seen
    assert 5 * (lasted - 2) < total < 5 * (lasted + 2)


def test_metrics_pass_the_linters_after_odd_traffic(start, folder):
    s = start({"www": pool(folder, **{"pm.max_children": "3", "pm.max_requests": "7"})})
    odd = [bytes(range(1, 256)), b"\n# EOF\n", b'"}\\', b"\xff" * 3000, b"%0a{pid=\"1\"}"]
    for i in range(30):
        s.run(s.pid_script, SCRIPT_NAME=b"/" + odd[i % len(odd)], QUERY_STRING=odd[(i + 1) % len(odd)], method="POST" if i % 2 else odd[2])
    for query in ("openmetrics", "openmetrics&full"):
        for where in (folder + "/status.sock", s.address()):
            families = openmetrics.lint(ask(where, query=query).text)
            assert ("phpfpm_worker_requests" in families) == ("full" in query)


def test_durations_are_counted_over_the_lives_of_workers(start, folder):
    s = start({"www": pool(folder, **{"pm.max_children": "1", "pm.max_requests": "2"})})
    slow = s.script("slow.php", "<?php usleep(120000);")
    for _ in range(5):
        s.run(slow)

    def counted():
        families = openmetrics.parse(ask(folder + "/status.sock", query="openmetrics").text)
        values = {(n, labels.get("le")): v for n, labels, v in families["phpfpm_request_duration_seconds"].samples}
        return values[("phpfpm_request_duration_seconds_count", None)] == 5 and values
    values = procs.until("five finished requests", counted)
    assert values[("phpfpm_request_duration_seconds_bucket", "0.1")] == 0
    assert values[("phpfpm_request_duration_seconds_sum", None)] >= 0.6
