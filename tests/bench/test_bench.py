# SPDX-License-Identifier: MIT
"""tools/bench as a whole, with as little measuring as it takes."""

import contextlib
import json
import os
import subprocess
import threading

import bench as frames
import crowds
import fastcgi
import generator
import peers
import pytest
import report
import rows
import scripted
import server as programs
import soak
from result import Bar, Result, Spread

BENCH = os.path.join(programs.TREE, "tools", "bench")


def bench(*words, limit=280):
    return subprocess.run([BENCH, "--build", programs.BUILD, *words], capture_output=True, text=True, timeout=limit, stdin=subprocess.DEVNULL)


class Scripted(peers.Mixin):
    """A scripted server in fpmd's place."""

    label, may_close = "fpmd", False

    def __init__(self, peer, folder):
        self.peer, self.folder = peer, folder
        self.prepare()

    def script(self, name, code):
        with open(self.path(name), "w") as f:
            f.write(code)
        return f.name

    def path(self, script):
        return os.path.join(self.folder, script)

    def address(self, listen):
        return self.peer.address

    def connect(self, listen):
        return fastcgi.Connection(self.peer.address)


class Frame(frames.Bench):
    """The frame of a comparison in which there is but that one."""

    def __init__(self, server):
        super().__init__(frames.Extent(rounds=1, requests=10, seconds=0.2, stepped=1), [])
        self.server = server

    @contextlib.contextmanager
    def servers(self, *_, **__):
        yield [self.server]


def names():
    return [line.split()[0] for line in bench("--list").stdout.splitlines()]


def test_every_row_has_its_place_in_the_result(folder):
    path = os.path.join(folder, "bench.json")
    r = bench("--quick", "--rounds", "1", "--json", path)
    assert r.returncode == 0, r.stdout + r.stderr
    with open(path) as f:
        found = json.load(f)
    assert [row["row"] for row in found["rows"]] == names()
    assert found["machine"]["cpus"] >= 1 and found["versions"]["fpmd"].startswith("fpmd")
    for row in found["rows"]:
        if row["problem"]:
            assert row["row"].startswith("instructions") and not row["failed"], row
            continue
        assert row["servers"]["fpmd"]["median"] > 0, row
        assert (row["met"] is None) == (row["bar"] is None), row


def test_a_row_that_is_not_there():
    r = bench("--only", "no-such-row")
    assert r.returncode != 0 and "no-such-row" in r.stderr


def test_the_table_of_the_readme_is_replaced(folder):
    path = os.path.join(folder, "README.md")
    with open(path, "w") as f:
        f.write(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    ours = Result("a", "A title", "µs", Bar("ratio", "<=", 0.5), {"fpmd": Spread([1.0, 3.0, 2.0]), "php-fpm": Spread([5.0])}, Spread([0.4]), note="so many offered")
    others = Result("c", "A third", "/s", None, {"fpmd": Spread([1.0]), "php-fpm": Spread([2.0]), "uwsgi": Spread([3.0])}, Spread([0.5]))
    lacking = Result("b", "Another", "", None, problem="not available here: no such thing")
    report.write_readme(path, [ours, others, lacking], frames.QUICK)
    with open(path) as f:
        text = f.read()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert "| A title, µs | 2.00 (1.00-3.00) | 5.00 | 0.40 | ratio <= 0.5 | met |" in text
    assert "| A third, /s | 1.00 | 2.00 | 0.50 |  | - |" in text
    assert "\n\n- A title: so many offered\n\n" in text and text.count("\n- ") == 1
    assert "| | uwsgi | fpmd |" in text and "| A third, /s | 3.00 | 1.00 |" in text
    assert "not available here: no such thing" in text


class Bare(peers.Fpmd):
    """One that loads no extension from a file."""

    label = "bare"

    def environment(self):
        return {**super().environment(), "PHP_INI_SCAN_DIR": self.shared_folder("none")}


@pytest.mark.parametrize("kinds, equal", [(peers.available(), True), ([peers.Fpmd, Bare], False)])
def test_servers_are_compared_with_the_same_extensions(kinds, equal):
    def measure(frame, result):
        with frame.servers(["unix"], pm="static", pm_max_children=1) as servers:
            frame.compare(result, servers, lambda s: s.load("unix", "hello.php", requests=5)["rate"])
    r = rows.Row("any", "Any", "/s", Bar("ours", ">", 0), measure).run(frames.Bench(frames.Extent(rounds=1, requests=5, seconds=0.1, stepped=1), kinds))
    assert (r.failed, r.met()) == ((False, True) if equal else (True, None)), r
    assert equal or ("FAILED: fpmd and bare do not have the same extensions: " in r.problem and "Zend OPcache" in r.problem)


@pytest.mark.parametrize("measure", [crowds.slowest, crowds.fairness, crowds.beside_a_crowd])
@pytest.mark.parametrize("what", ["well", "refused", "closed"])
def test_a_failed_request_in_a_crowd_fails_the_row(peer, folder, measure, what):
    def answer(q):
        if q.number == 210 and what == "closed":
            raise ConnectionError
        return scripted.page(b"Hello, world", protocol_status=fastcgi.OVERLOADED if q.number == 210 and what == "refused" else fastcgi.REQUEST_COMPLETE)
    row = rows.Row("crowd", "A crowd", "", Bar("ours", ">", 0), measure)
    frame = Frame(Scripted(peer(answer), folder))
    frame.extent.rounds = 6
    r = row.run(frame)
    assert (r.failed, r.met()) == ((False, True) if what == "well" else (True, None)), r
    assert ("FAILED" in report.line(r)) == r.failed == ("| FAILED: 1 of " in report.markdown([r], frame.extent))


@pytest.mark.parametrize("one_in, met", [(10, False), (1000, True)])
def test_stalls_of_some_large_replies_show(peer, folder, one_in, met):
    """The replies here are small, so that what they take beside a stall is nothing on a busy machine either."""
    never = threading.Event()

    def answer(q):
        if q.keep and q.on_connection % one_in == one_in - 1:
            never.wait(0.1)
        return scripted.page(b"x")
    server = Scripted(peer(answer), folder)
    with open(server.reply("large.php"), "wb") as f:
        f.write(b"x")
    row = rows.Row("large-kept", "Large replies", "times", Bar("ours", ">=", 0.5), rows.kept_to_fresh)
    r = row.run(Frame(server))
    assert r.met() is met, r


def test_a_kept_connection_that_is_closed_under_a_request_fails_a_soak(peer):
    def answer(q):
        if q.number == 3:
            raise ConnectionError
        return scripted.page()
    held = soak.Soak()
    soak.count(held, generator.load(peer(answer).address, "/srv/hello.php", fail=False, requests=9, keep=True))
    assert held.retried == 1 and len(held.problems) == 1 and "1 of 9 requests were sent again" in held.problems[0]
    assert "sent again: after 0." in held.text() and "EOF on connection 0, after 3 requests" in held.text()


@pytest.mark.parametrize("measure", [peers.Mixin.load, peers.Mixin.throughput])
def test_who_may_not_close_kept_connections_fails(peer, folder, measure):
    def answer(q):
        if q.on_connection == 5:
            raise ConnectionError
        return scripted.page(b"Hello, world")

    def ask(keep, may_close):
        server = Scripted(peer(answer), folder)
        server.may_close = may_close
        measure(server, "unix", "hello.php", connections=1, requests=9, keep=keep)
    ask(keep=False, may_close=False)
    ask(keep=True, may_close=True)
    with pytest.raises(generator.Failed, match="1 of 9 requests were sent again"):
        ask(keep=True, may_close=False)


def test_a_soak():
    """Clients that misbehave, workers that end after 100 requests, reloads: nothing is lost, nothing is left."""
    r = bench("--soak", "20000", "--reload-every", "2")
    assert r.returncode == 0, r.stdout + r.stderr
    assert "PROBLEM" not in r.stdout and "20000 requests" in r.stdout
