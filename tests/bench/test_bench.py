# SPDX-License-Identifier: MIT
"""tools/bench as a whole, with as little measuring as it takes."""

import contextlib
import json
import os
import re
import subprocess
import threading

import bench as frames
import crowds
import document
import fastcgi
import generator
import manual
import pages
import peers
import pytest
import report
import rows
import scripted
import server as programs
import soak
import table
import works
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
        super().__init__(frames.Extent(rounds=1, requests=10, seconds=0.2, stepped=1, idle=20), [])
        self.server = server

    @contextlib.contextmanager
    def servers(self, *_, **__):
        yield [self.server]


def of_each_kind():
    """A row of each section for each way of measuring that it has."""
    kinds = {}
    for section in table.SECTIONS:
        for row in section.rows:
            kinds.setdefault((section.title, row.measure.__qualname__, row.unit), row.name)
    return list(kinds.values())


def test_a_row_of_each_kind_has_its_place_in_the_result(folder):
    path = os.path.join(folder, "bench.json")
    r = bench("--quick", "--rounds", "1", "--json", path, "--only", *of_each_kind())
    assert r.returncode == 0, r.stdout + r.stderr
    with open(path) as f:
        found = json.load(f)
    assert set(of_each_kind()) == {row["row"] for row in found["rows"]}
    assert found["machine"]["cpus"] >= 1 and found["versions"]["fpmd"].startswith("fpmd")
    for row in found["rows"]:
        if row["problem"]:
            assert row["row"].startswith("instructions") and not row["failed"], row
            continue
        assert row["servers"]["fpmd"]["median"] > 0, row
        assert (row["met"] is None) == (row["bar"] is None), row


def test_every_page_is_what_it_is_measured_for():
    with peers.Fpmd(peers.pools(["unix"], pm="static", pm_max_children=1)).prepare() as server:
        for script in pages.REPLIES.keys() - {"second.php"}:
            how = {"body": pages.POST_SIZE} if script == "post.php" else {}
            assert server.load("unix", script, requests=2, **how)["outcomes"]["ok"] == 2, script


def test_rows_are_listed_by_names_of_their_own():
    listed = [line.split()[0] for line in bench("--list").stdout.splitlines()]
    assert listed == [row.name for row in table.ROWS]
    assert len({row.name for row in document.ROWS}) == len(document.ROWS)


def test_a_row_that_is_not_there():
    r = bench("--only", "no-such-row")
    assert r.returncode != 0 and "no-such-row" in r.stderr


# --- the documents

def kept_numbers(folder, *results):
    """What results.json says of them."""
    path = os.path.join(folder, "results.json")
    document.write(results, frames.QUICK, path)
    return document.read(path)


def result_of(name, ours=None, **how):
    row = next(row for row in table.ROWS if row.name == name)
    servers = {} if ours is None else {"fpmd": Spread([ours, ours + 2, ours + 1]), "php-fpm": Spread([5.0])}
    return Result(name, row.title, row.unit, row.bar, servers, Spread([ours / 5]) if ours else None, **how)


def test_numbers_are_kept_row_by_row(folder):
    kept_numbers(folder, result_of("cpu-unix-fresh", 1.0), result_of("calls-fresh", 6.0))
    kept = kept_numbers(folder, result_of("calls-fresh", 7.0, note="so many"))
    assert list(kept) == ["cpu-unix-fresh", "calls-fresh"]
    assert kept["calls-fresh"]["servers"]["fpmd"] == {"median": 8.0, "min": 7.0, "max": 9.0} and kept["calls-fresh"]["note"] == "so many"
    assert kept["cpu-unix-fresh"]["measured"]["rounds"] == frames.QUICK.rounds


def test_readme_shows_three_rows_and_names_each_that_misses(folder):
    assert len(document.FIGURES) == 3 and set(document.FIGURES) < {row.name for row in table.ROWS}
    shown, hidden, missed, lacking = "cpu-unix-fresh", "cpu-tcp-kept", "calls-reply", "calls-post"
    kept = kept_numbers(folder, result_of(shown, 1.0), result_of(hidden, 1.0), result_of(missed, 41.0), result_of(lacking, problem="FAILED: no such thing"))
    text = document.replaced(f"before\n{document.BEGIN}\nstale\n{document.END}\nafter\n", kept)
    assert text.startswith("before\n") and text.endswith("after\n") and "stale" not in text
    titles = {row.name: row.title for row in table.ROWS}
    assert f"| {titles[shown]}, µs | 2.00 | 5.00 | 0.20 | ratio <= 0.65 | met |" in text and titles[hidden] not in text
    assert "2 bars met, 1 missed: calls-reply (<= 40, here 42.00); 1 could not be told: calls-post." in " ".join(text.split())


def test_the_whole_page_hides_nothing(folder):
    others = result_of("cpu-tcp-fresh", 1.0)
    others.servers["uwsgi"] = Spread([3.0])
    kept = kept_numbers(folder, others, result_of("p99-hello", 9.0, note="so many offered"), result_of("calls-reply", problem="not available here: no such thing"))
    text = document.long(kept)
    assert "| cpu-tcp-fresh | ratio <= 0.7 | 0.20 | met |" in text and "| p99-hello | ratio <= 0.8 | 1.80 | missed |" in text
    assert "| calls-reply | <= 40 |  | not available here: no such thing |" in text
    assert "2.00 (1.00-3.00) | 5.00 | 0.20 | ratio <= 0.7 | met |" in text and "offered to both, hello: so many offered\n" in text
    assert "| | uwsgi | fpmd |" in text and "| 3.00 | 2.00 (1.00-3.00) |" in text
    assert "Not measured yet: cpu-unix-fresh, " in text


def test_the_manual_page_says_what_each_shown_section_means(folder):
    assert {section.title for section in document.SECTIONS if any(row.front for row in section.rows)} == set(manual.MEANS)
    shown, hidden = "cpu-unix-fresh", "cpu-tcp-kept"
    text = document.page(kept_numbers(folder, result_of(shown, 1.0), result_of(hidden, 1.0), result_of("calls-fresh", problem="FAILED: no such thing")))
    titles = {row.name: row.title for row in table.ROWS}
    assert f".It {titles[shown]}\nfpmd 2.00 \\(mcs; php-fpm 5.00 \\(mcs; ratio 0.20; bar ratio <= 0.65: met.\n" in text
    assert titles[hidden] not in text and "Could not be told: FAILED: no such thing\n" in text
    assert ".Ss A request\n" in text and ".Ss Overload\n" not in text


BOOTED = {"php-fpm": [5.0, 6.0], "classic": [4.0, 5.0], "worker": [1.0, 0.5], "forks": [8.0, 2.0]}


def booted(name, **taken):
    return works.BY_NAME[name].result().fill({**BOOTED, **taken})


def test_ratios_of_modes_are_to_classic_in_the_same_round():
    row = booted("symfony-twig-cpu")
    assert row.ratios["worker"].values == [0.25, 0.1] and row.ratios["forks"].values == [2.0, 0.4] and row.ratios["php-fpm"].values == [1.25, 1.2]
    assert [(one.name, one.value(), one.verdict()) for one in row.by_bar()] == [("symfony-twig-cpu-worker", 0.175, "missed"), ("symfony-twig-cpu-forks", 1.2, "missed")]
    (calls,) = works.CALLS.result().fill({"classic": [6.0], "worker": [3.0]}).by_bar()
    assert (calls.value(), calls.verdict()) == (3.0, "met")


def test_rows_of_modes_are_kept_beside_the_others(folder):
    kept_numbers(folder, result_of("cpu-unix-fresh", 1.0), booted("hello-cpu"))
    path = os.path.join(folder, "results.json")
    document.write([booted("symfony-twig-cpu")], frames.QUICK, path, more=", as it was")
    kept = document.read(path)
    assert list(kept) == ["cpu-unix-fresh", "symfony-twig-cpu", "hello-cpu"]
    assert kept["symfony-twig-cpu"]["servers"]["worker"] == {"median": 0.75, "min": 0.5, "max": 1.0}
    assert kept["symfony-twig-cpu"]["ratios"]["forks"] == {"median": 1.2, "min": 0.4, "max": 2.0}
    assert kept["symfony-twig-cpu"]["measured"]["more"] == ", as it was" and "more" not in kept["hello-cpu"]["measured"]


def test_what_boots_once_is_in_each_document(folder):
    kept = kept_numbers(folder, result_of("cpu-unix-fresh", 1.0), booted("symfony-twig-cpu", forks=[2.0, 2.5]), booted("symfony-account-cpu"),
                        works.CALLS.result().fill({"classic": [6.0], "worker": [3.0]}))
    whole, readme, page = document.long(kept), *(" ".join(text.split()) for text in (document.short(kept), document.page(kept)))
    section = whole.split(f"## {works.SECTION.title}\n")[1]
    assert ("| CPU per request, Symfony page with Twig, µs | 5.50 (5.00-6.00) | 4.50 (4.00-5.00) | 0.75 (0.50-1.00) | 0.175 (0.100-0.250) | 2.25 (2.00-2.50) |"
            " 0.500 | worker: ratio to classic <= 0.125; forks: ratio to classic <= 0.65 | worker: missed; forks: met |") in section
    assert "| system calls per request, hello, kept connection, calls | - | 6.00 | 3.00 | 0.500 | - |  | worker: <= 4 | worker: met |" in section
    assert " against " in section and "symfony-json-cpu" in section.split("Not measured yet: ")[1]
    assert "| symfony-twig-cpu-worker | ratio to classic <= 0.125 | 0.17 | missed |" in whole and "| hello-kept-calls-worker | <= 4 | 3.00 | met |" in whole
    assert "as a share of classic mode's: Symfony page with Twig 0.17. Of all 4 rows: 3 bars met, 1 missed: symfony-twig-cpu-worker (ratio to classic <= 0.125" in readme
    assert (".It CPU per request, Symfony page with Twig php-fpm 5.50 \\(mcs, ratio 1.225 (1.200-1.250); classic 4.50 \\(mcs; worker 0.75 \\(mcs, ratio 0.175 (0.100-0.250),"
            " bar ratio to classic <= 0.125: missed; forks 2.25") in page
    assert "Symfony page with Twig, session" not in page


def applications(*words):
    return subprocess.run([os.path.join(programs.TREE, "tools", "benchmark", "applications.py"), *words], capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, env={**os.environ, "FPMD_BUILD": programs.BUILD})


def test_a_page_is_measured_in_the_modes_that_are_asked_for():
    r = applications("pages", "--only", "hello-kept", "--modes", "classic", "worker", "--rounds", "1", "--warm", "5", "--requests", "5", "--paced", "5")
    assert r.returncode == 0, r.stdout + r.stderr
    for row in ("hello-kept-cpu", "hello-kept-p50"):
        assert re.search(rf"\({row}\):\n  classic [\d.]+ µs\n  worker [\d.]+ µs, ratio [\d.]+", r.stdout), r.stdout


@pytest.mark.parametrize("words", [("pages", "--modes", "classic", "worker"), ("pages", "leaks"), ("reload",)])
def test_what_has_no_row_is_not_kept(words):
    r = applications("--record", *words)
    assert r.returncode == 2 and "--record: of pages and calls, in all modes" in r.stderr, r


def test_nothing_is_said_of_what_boots_once_before_it_is_measured(folder):
    kept = kept_numbers(folder, result_of("cpu-unix-fresh", 1.0))
    assert works.SECTION.title not in document.long(kept) + document.page(kept) and "worker mode" not in document.short(kept)


def test_the_documents_are_those_of_the_numbers():
    for name, text in document.render().items():
        with open(os.path.join(programs.TREE, name)) as f:
            assert f.read() == text, f"{name}: write it with tools/bench --render"


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
    r = rows.Row("any", "Any", "/s", Bar("ours", ">", 0), measure).run(frames.Bench(frames.Extent(rounds=1, requests=5, seconds=0.1, stepped=1, idle=20), kinds))
    assert (r.failed, r.met()) == ((False, True) if equal else (True, None)), r
    assert equal or ("FAILED: fpmd and bare do not have the same extensions: " in r.problem and "Zend OPcache" in r.problem)


@pytest.mark.parametrize("measure", [crowds.slowest, crowds.fairness, crowds.beside_a_busy_worker, crowds.beside_a_crowd])
@pytest.mark.parametrize("what", ["well", "refused", "closed"])
def test_a_failed_request_in_a_crowd_fails_the_row(peer, folder, measure, what):
    def answer(q):
        if q.number == 210 and what == "closed":
            raise ConnectionError
        return scripted.page(b"Hello, world", protocol_status=fastcgi.OVERLOADED if q.number == 210 and what == "refused" else fastcgi.REQUEST_COMPLETE)
    row = rows.Row("crowd", "A crowd", "", Bar("ours", ">", 0), measure)
    frame = Frame(Scripted(peer(answer), folder))
    frame.extent.rounds = 1 if measure is crowds.beside_a_busy_worker else 6
    r = row.run(frame)
    assert (r.failed, r.met()) == ((False, True) if what == "well" else (True, None)), r
    assert ("FAILED: 1 of " in report.line(r)) == r.failed


@pytest.mark.parametrize("n_closed", [0, 1])
def test_an_idle_connection_that_is_closed_fails_the_row(peer, folder, n_closed):
    def answer(q):
        q.sock.sendall(scripted.page(b"Hello, world"))
        if q.number < n_closed:
            raise ConnectionError
    with contextlib.ExitStack() as stack:
        if n_closed:
            stack.enter_context(pytest.raises(RuntimeError, match="1 of 20 idle connections were closed"))
        with crowds.idle(Scripted(peer(answer), folder), 20):
            pass


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


@pytest.mark.skipif(not programs.ROOT, reason="needs root: what a process has that is to die is read in its memory")
def test_a_soak_with_kills():
    """Of workers and parks, beside clients that behave: what is lost is what those had in hand."""
    r = bench("--soak", "150000", "--reload-every", "3", "--kill-every", "0.4", "--kept", "8")
    assert r.returncode == 0, r.stdout + r.stderr
    assert "PROBLEM" not in r.stdout and "150000 requests" in r.stdout
    assert re.search(r"[1-9]\d* workers killed, .* [1-9]\d* parks killed", r.stdout), r.stdout


class Killed:
    """Stands for a kills.Killer."""

    def may_cost(self):
        return 3


@pytest.mark.parametrize("closed, retried, fails", [(0, 0, False), (1, 2, False), (2, 2, True), (0, 4, True)])
def test_a_soak_that_loses_more_than_the_dead_had(closed, retried, fails):
    held = soak.Soak(outcomes={"closed": closed}, retried=retried, killer=Killed())
    soak.check_deaths(held)
    assert bool(held.problems) == fails
