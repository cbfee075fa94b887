# SPDX-License-Identifier: MIT
"""Kept connections that a worker has on its shelf, with their other descriptor in the park: one of the two is killed or stopped, in each state that a place can
be in. What is promised is the table in ARCHITECTURE.md ("Shelves"): nothing is answered twice, nothing is lost but what that table says, and each connection
can be used on, or is closed. A state is seen in the shelf's page, never guessed."""

import contextlib
import os
import re
import signal

import pytest

import procs
import server as programs
from load import Held, Ran
from shelves import PLACES, Shelf

pytestmark = pytest.mark.skipif(not programs.ROOT, reason="needs root: a shelf's page is looked at in its worker's memory")


def n_sockets(pid):
    return sum(name.startswith("socket:") for name in procs.files(pid))


def numbers(s):
    return s.status()["pools"][0]["park"]


class Client:
    """One with a kept connection, which a test knows by its name. Its requests are known by that name and a number."""

    def __init__(self, scene, name):
        self.scene, self.name, self.n = scene, name, 0
        self.connection = scene.s.connect(timeout=20)
        self.answers = 0  # due
        self.held = None

    def _next(self, keep=True):
        self.n += 1
        return self.scene.ran.request(f"{self.name}.{self.n}", keep)

    def send(self, keep=True):
        self.answers += 1
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # closed by now: its answer will be that
            self.connection.send(self._next(keep))

    def send_half(self):
        data = self._next()
        self.rest = data[len(data) // 2:]
        self.connection.send(data[:len(data) // 2])

    def send_rest(self):
        self.connection.send(self.rest)
        self.answers += 1

    def hold(self):
        """A request that runs until release()."""
        self.n += 1
        self.held = Held(self.scene.s, keep=True, connection=self.connection,
                         before=f"file_put_contents('{self.scene.ran.path}', \"{self.name}.{self.n}\\n\", FILE_APPEND);")
        self.answers += 1
        return self.held.wait_running()

    def is_answered(self):
        """The worker that has answered all that is due; None: the connection was closed instead, without a byte."""
        worker = None
        while self.answers:
            try:
                r = self.connection.read_response()
            except ConnectionResetError:
                return None
            if not r.complete:
                assert not r.records, r
                return None
            self.answers -= 1
            worker = int(r.text.split()[0])
        return worker

    def is_silent(self):
        """Nothing more has come than what was read."""
        return self.connection.buffer == b"" and not self.connection.readable()


class Scene:
    """Two workers. Of one the clients a, b and so on are on the shelf, in this order, and its hands are empty; the other one is busy up to free_other(). unheard: the
    park does not know of that yet, since it is stopped.

    It is stopped up to then in any case: it would take over what idles beside a request that takes 10 ms, as it may on a slow machine. Over TCP, where connections are
    accepted with their request: from one that comes 10 ms later, a worker would turn to the park."""

    def __init__(self, s, unheard=False, n=2):
        self.s, self.ran = s, Ran(s)
        self.stopped, self.clients, self.finished, self.logged = set(), [], [], []
        self.park = procs.until("a park", s.parks)[0]
        s.wait_workers(2)
        self.stop(self.park)
        self.beside = Held(s)
        self.other = self.beside.wait_running()
        self.worker = next(w for w in s.workers() if w != self.other)
        for i in range(n):
            self.put("ab"[i] if i < 2 else f"c{i}")
        self.a, self.b = self.clients[:2]
        self.empty_hands()
        self.shelf = Shelf(self.worker)
        self.shelf.wait({i: "IDLE" for i in range(n)})
        if not unheard:
            self.go_on()
            procs.until("the park to have heard of them", lambda: numbers(s)["idle"] == n)

    def empty_hands(self):
        """The last client goes on the shelf as well, for one that comes and goes."""
        assert int(self.s.run(self.s.pid_script).text) == self.worker

    def free_other(self):
        assert self.beside.finish().complete
        self.beside.close()

    def put(self, name):
        c = Client(self, name)
        self.clients.append(c)
        c.send()
        assert c.is_answered() == self.worker
        return c

    def stop(self, pid):
        os.kill(pid, signal.SIGSTOP)
        self.stopped.add(pid)
        procs.until(f"process {pid} to be stopped", lambda: procs.stat_fields(pid)[0] == "T")

    def go_on(self):
        for pid in self.stopped:
            os.kill(pid, signal.SIGCONT)
        self.stopped.clear()

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)
        procs.wait_gone(pid)
        self.stopped.discard(pid)
        self.logged.append(rf"park {pid} exited on signal 9 \(SIGKILL\); the connections that waited there are lost, "
                           r"with 0 requests on their way, 0 that waited for a worker, and 0 replies"
                           if pid == self.park else rf"child {pid} exited on signal 9 \(SIGKILL\)")
        if pid == self.worker and any(c.held for c in self.clients):
            self.logged.append(rf"child {pid} had script '.*' \(request: \"GET .*\"\) in hand")

    def must_have_logged_that_alone(self):
        for pattern in self.logged:
            self.s.wait_log(r"WARNING: \[pool www\] " + pattern)
        told = re.findall(r"(?:WARNING|ERROR|ALERT): .*", self.s.log())

        def others(lines):  # a worker that dies may be at the end of a request that it has answered
            return [line for line in lines if "had script" not in line]
        assert len(others(told)) == len(others(self.logged)), told


# --- the states. Behind each there is what its clients do next.

@contextlib.contextmanager
def idle(s, **how):
    """All are, and the worker waits."""
    scene = Scene(s, **how)
    scene.free_other()
    yield scene
    for c in scene.clients:
        c.send()


def unheard(s):
    """The same, and the park has not heard of them: all that the worker has told it lies in the sockets."""
    return idle(s, unheard=True)


@contextlib.contextmanager
def unclaimed(s):
    """The worker serves a, and the park, which is stopped, has not taken b over."""
    scene = Scene(s)
    scene.free_other()
    scene.stop(scene.park)
    assert scene.a.hold() == scene.worker
    scene.shelf.wait({0: "BUSY", 1: "IDLE"})
    yield scene
    scene.b.send()
    scene.a.held.release()


@contextlib.contextmanager
def parked(s):
    """The worker serves a, and the park has taken b over, which idles."""
    scene = Scene(s)
    scene.free_other()
    assert scene.a.hold() == scene.worker
    scene.shelf.wait({0: "BUSY", 1: "PARKED"})
    yield scene
    scene.b.send()
    scene.a.held.release()


@contextlib.contextmanager
def offered(s):
    """The worker serves a, and the park has taken b over with its request; the other worker is busy as well."""
    scene = Scene(s)
    assert scene.a.hold() == scene.worker
    before = numbers(s)["offered"]
    scene.b.send()
    procs.until("b's request to be offered", lambda: numbers(s)["offered"] == before + 1)
    scene.shelf.wait({0: "BUSY", 1: "PARKED"})
    yield scene
    scene.free_other()
    scene.a.held.release()


@contextlib.contextmanager
def closed(s):
    """a has been closed after its reply, b idles, and the park, which is stopped, has not heard of that."""
    scene = Scene(s)
    scene.free_other()
    scene.stop(scene.park)
    scene.a.send(keep=False)
    assert scene.a.is_answered() == scene.worker
    scene.shelf.wait({0: "FREE", 1: "IDLE"})
    yield scene
    assert scene.a.connection.read_eof() == b""
    scene.a.connection.close()
    scene.clients.remove(scene.a)
    scene.finished.append(scene.a)
    scene.b.send()


@contextlib.contextmanager
def handed_over(s):
    """a has sent half a request, and is on its way to the park, which is stopped; b idles."""
    scene = Scene(s)
    scene.free_other()
    scene.stop(scene.park)
    before = n_sockets(scene.worker)
    scene.a.send_half()
    scene.shelf.wait({0: "FREE", 1: "IDLE"})
    procs.until("the worker to have a no more", lambda: n_sockets(scene.worker) == before - 1)
    yield scene
    scene.a.send_rest()
    scene.b.send()


@contextlib.contextmanager
def given(s):
    """The shelf was full, and the worker has given a to the park for one more; the park, which is stopped, has not heard of that."""
    scene = Scene(s, n=PLACES)
    scene.stop(scene.park)
    procs.until("a to have idled for so long that it makes room", lambda: scene.shelf.idle_time(0) >= 1)
    serial = scene.shelf.serial(0)
    scene.put("more")
    scene.empty_hands()
    procs.until("another one in a's place", lambda: scene.shelf.serial(0) != serial and scene.shelf.state(0) == "IDLE")
    scene.free_other()
    yield scene
    for c in scene.clients:
        c.send()


# --- what is done then

def kill_worker(scene):
    scene.kill(scene.worker)


def kill_park(scene):
    scene.kill(scene.park)


def kill_worker_unheard(scene):
    """The park hears of it later."""
    scene.stop(scene.park)
    scene.kill(scene.worker)


def kill_park_unheard(scene):
    """The worker hears of it later."""
    scene.stop(scene.worker)
    scene.kill(scene.park)


def kill_park_and_end_worker(scene):
    """The worker hears of both at once."""
    kill_park_unheard(scene)
    os.kill(scene.worker, signal.SIGQUIT)


def kill_both(scene):
    scene.stop(scene.worker)
    scene.kill(scene.park)
    scene.kill(scene.worker)


def stop_worker(scene):
    scene.stop(scene.worker)


def stop_park(scene):
    scene.stop(scene.park)


# Who loses the connection, with the request that was being served, and who is answered while somebody is stopped. All others are in the end.
#    state        what is done               lost   at once
TABLE = [
    (idle,        kill_worker,              "",    "ab"),
    (idle,        kill_worker_unheard,      "",    ""),
    (idle,        kill_park,                "",    "ab"),
    (idle,        kill_park_unheard,        "",    ""),
    (idle,        kill_park_and_end_worker, "",    ""),
    (idle,        kill_both,                "ab",  ""),
    (idle,        stop_worker,              "",    ""),
    (idle,        stop_park,                "",    "ab"),
    (unheard,     kill_worker,              "",    ""),
    (unheard,     kill_park,                "",    "ab"),
    (unheard,     kill_park_unheard,        "",    ""),
    (unheard,     kill_park_and_end_worker, "",    ""),
    (unheard,     kill_both,                "",    ""),
    (unheard,     stop_worker,              "",    ""),
    (unheard,     stop_park,                "",    "ab"),
    (unclaimed,   kill_worker,              "a",   ""),
    (unclaimed,   kill_park,                "",    "ab"),
    (unclaimed,   kill_park_unheard,        "",    ""),
    (unclaimed,   kill_park_and_end_worker, "",    ""),
    (unclaimed,   kill_both,                "ab",  ""),
    (unclaimed,   stop_worker,              "",    ""),
    (unclaimed,   stop_park,                "",    "ab"),
    (parked,      kill_worker,              "a",   "b"),
    (parked,      kill_worker_unheard,      "a",   ""),
    (parked,      kill_park,                "b",   "a"),
    (parked,      kill_park_unheard,        "b",   ""),
    (parked,      kill_park_and_end_worker, "b",   ""),
    (parked,      kill_both,                "ab",  ""),
    (parked,      stop_worker,              "",    "b"),
    (parked,      stop_park,                "",    "a"),
    (offered,     kill_worker,              "a",   "b"),
    (offered,     kill_worker_unheard,      "a",   "b"),
    (offered,     kill_park,                "",    "ab"),
    (offered,     kill_park_unheard,        "",    "b"),
    (offered,     kill_park_and_end_worker, "",    "b"),
    (offered,     kill_both,                "a",   "b"),
    (offered,     stop_worker,              "",    "b"),
    (offered,     stop_park,                "",    "ab"),
    (closed,      kill_worker,              "",    ""),
    (closed,      kill_park,                "",    "b"),
    (closed,      kill_park_unheard,        "",    ""),
    (closed,      kill_park_and_end_worker, "",    ""),
    (closed,      kill_both,                "b",   ""),
    (closed,      stop_worker,              "",    ""),
    (closed,      stop_park,                "",    "b"),
    (handed_over, kill_worker,              "",    ""),
    (handed_over, kill_park,                "",    "ab"),
    (handed_over, kill_park_unheard,        "",    "a"),
    (handed_over, kill_park_and_end_worker, "",    "a"),
    (handed_over, kill_both,                "b",   "a"),
    (handed_over, stop_worker,              "",    ""),
    (handed_over, stop_park,                "",    "b"),
    (given,       kill_worker,              "",    ""),
    (given,       kill_park,                "a",   "b"),
    (given,       kill_park_unheard,        "a",   ""),
    (given,       kill_park_and_end_worker, "a",   ""),
    (given,       kill_both,                "all", ""),
    (given,       stop_worker,              "",    ""),
    (given,       stop_park,                "",    "b"),
]


def read(scene, lost, at_once):
    """The answers that are due. Returns who is there yet."""
    living = [c for c in scene.clients if lost != "all" and c.name not in lost]
    for c in living:
        if c.name in at_once:
            assert c.is_answered(), c.name
    scene.go_on()
    for c in scene.clients:
        assert bool(c.is_answered()) == (c in living) or c.name in at_once, c.name
    return living


def check_runs(scene, living):
    """Each request was run once. Of what was lost no request was, but for one that its worker was serving."""
    lost = [c for c in scene.clients if c not in living and not c.held]
    expected = [f"{c.name}.{i}" for c in scene.clients + scene.finished for i in range(1, c.n + (c not in lost))]
    assert sorted(scene.ran.names()) == sorted(expected)


@pytest.mark.parametrize("state, act, lost, at_once", [pytest.param(*row, id=f"{row[0].__name__}-{row[1].__name__}") for row in TABLE])
def test_a_death_or_a_stop_in_each_state(start, state, act, lost, at_once):
    s = start({"www": {"pm.max_children": 2, "rlimit_files": 1024, "listen": f"127.0.0.1:{programs.free_port()}", "listen.shards": 1}})
    with contextlib.ExitStack() as stack:
        scene = None
        with state(s) as scene:
            stack.callback(scene.go_on)  # whatever happens: who is stopped cannot be told to end
            act(scene)
        living = read(scene, lost, at_once)
        for c in living:  # on the same connection
            c.send()
            assert c.is_answered()
        check_runs(scene, living)
        for c in scene.clients:
            assert c.is_silent() or c not in living
            c.connection.close()
    scene.must_have_logged_that_alone()
    s.wait_workers(2)
    procs.until("nobody in the park", lambda: not any(numbers(s)[what] for what in ("idle", "receiving", "waiting", "writing")))
    assert numbers(s)["lost"] == 0
