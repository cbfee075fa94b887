# SPDX-License-Identifier: MIT
"""Kills of workers and parks under load, and what each may cost, counted while the process that is to die is stopped, with those that share its connections:

- a worker's death the connection in its hand: each that it has, but for those on its shelf which nobody has begun to serve, or the park has claimed. Where the park
  of that shelf has died, and the worker has not heard of it yet, those on the shelf too;
- a park's death each that it has, or that is on its way there from a worker which is gone, but for those on workers' shelves that it has not claimed.

That is the table in ARCHITECTURE.md ("Shelves"). A connection is lost with one request at most: the one that is being served, or the client's next. Which
connections a process has, and which of them are where on a shelf, is read in /proc, and from the kernel; that takes root.
"""

import contextlib
import os
import random
import re
import select
import signal
import socket

import procs
from shelves import PLACES, Shelf

CHANNEL = PLACES  # what a shelf's epoll says of its channel: src/worker/shelf.c


def _sockets(pid):
    """{inode: descriptor}."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            if target.startswith("socket:["):
                found[int(target[8:-1])] = int(fd)
    return found


def _connections(address):
    """Inodes of the server's ends of all connections to an address."""
    if "/" in address:
        with open("/proc/net/unix") as f:
            rows = [line.split() for line in f]
        return {int(row[6]) for row in rows[1:] if len(row) > 7 and row[7] == address and row[5] == "03"}
    port = f":{int(address.rpartition(':')[2]):04X}"
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f]
    return {int(row[9]) for row in rows[1:] if row[1].endswith(port) and row[3] != "0A"}  # 0A: it listens


class Shelved:
    """A worker's shelf: states, by inode; whether its channel is at its end; and whether the worker ends, and is letting go of what is there. That is the park's then,
    though the words are as they were. Of one that is about to do that there is nothing: it does not listen to its channel any more."""

    def __init__(self, pid):
        self.states, self.is_orphaned, self.is_left = {}, False, False
        shelf = Shelf.of(pid)
        for fd in os.listdir(f"/proc/{pid}/fdinfo") if shelf else ():
            with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                rows = re.findall(r"^tfd: *(\d+) .*data: *([0-9a-f]+) .*ino:([0-9a-f]+)", f.read(), re.M)
            entries = {int(data, 16): (int(tfd), int(inode, 16)) for tfd, data, inode in rows}
            if CHANNEL in entries and max(entries) == CHANNEL:
                self.is_orphaned = _is_hung_up(pid, entries.pop(CHANNEL)[0])
                self.states = {inode: shelf.state(place) for place, (_, inode) in entries.items()}
                self.is_left = any(state == "IDLE" and place not in entries for place, state in shelf.states().items())
                return

    def of_worker(self):
        """Those that are its own whatever becomes of the park."""
        return {inode for inode, state in self.states.items() if state == "BUSY" or (state == "IDLE" and not self.is_left)}


def _is_hung_up(pid, fd):
    """A socket of another process."""
    pidfd = os.pidfd_open(pid)
    copy = procs.get_fd(pidfd, fd)
    os.close(pidfd)
    with socket.socket(fileno=copy) as s:
        poll = select.poll()
        poll.register(s, select.POLLRDHUP)
        return bool(poll.poll(0))


def _n_arriving(pid, but):
    """Descriptors that are on their way to the process, at its sockets other than those."""
    n = 0
    for inode, fd in _sockets(pid).items():
        with open(f"/proc/{pid}/fdinfo/{fd}") as f:
            found = re.search(r"^scm_fds: *(\d+)", f.read(), re.M)
        n += int(found[1]) if found and inode not in but else 0
    return n


def _has_ended(pidfd):
    return bool(select.select([pidfd], [], [], 0)[0])


def _send(pidfd, number):
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, number)


@contextlib.contextmanager
def _stopped(chosen):
    """Those of {pid: title} that could be stopped, and are: {pid: pidfd}. They go on at the end, if they are there. Signals go to a pidfd whose process had that title:
    a number may be another process's by now."""
    held = {}
    try:
        for pid, title in chosen.items():
            with contextlib.suppress(ProcessLookupError):
                held[pid] = os.pidfd_open(pid)
        ours = {pid: fd for pid, fd in held.items() if procs.title(pid) == chosen[pid] and not _has_ended(fd)}
        for fd in ours.values():
            _send(fd, signal.SIGSTOP)
        for pid, fd in ours.items():
            procs.until(f"process {pid} to be stopped", lambda pid=pid, fd=fd: _has_ended(fd) or (procs.stat_fields(pid) or "T")[0] == "T")
        yield {pid: fd for pid, fd in ours.items() if not _has_ended(fd)}
    finally:
        for fd in held.values():
            _send(fd, signal.SIGCONT)
            os.close(fd)


def _kill(pid, pidfd):
    _send(pidfd, signal.SIGKILL)
    procs.until(f"process {pid} to end", lambda: _has_ended(pidfd))


def _titles(pids, ending):
    """{pid: title} of those whose title ends so."""
    return {pid: title for pid in pids if (title := procs.title(pid)).endswith(ending)}


def kill_worker(server, pool, choose):
    """What it may cost; None: there was none."""
    workers = _titles(server.workers(), f" {pool}")
    if not workers:
        return None
    one = choose(list(workers))
    with _stopped({one: workers[one]}) as stopped:
        if not stopped:
            return None
        shelved = Shelved(one)
        safe = {inode for inode, state in shelved.states.items() if state in ("IDLE", "PARKED")} if not shelved.is_orphaned else set()
        n = len((_connections(server.address(pool)) & set(_sockets(one))) - safe)
        _kill(one, stopped[one])
    return n


def kill_park(server, pool, choose):
    """The same. All workers of the pool are stopped meanwhile, as they put connections on their shelves, and take them from there."""
    parks = _titles(server.parks(), f"park {pool}")
    if not parks:
        return None
    park = next(iter(parks))
    with _stopped({park: parks[park], **_titles(server.workers(), f" {pool}")}) as stopped:
        if park not in stopped:
            return None
        kept = {inode for w in stopped if w != park for inode in Shelved(w).of_worker()}
        has = _connections(server.address(pool)) & set(_sockets(park))
        n = len(has - kept) + max(0, _n_arriving(park, _sockets(server.pid)) - len(kept - has))
        _kill(park, stopped[park])
    return n


KINDS = {"worker": kill_worker, "park": kill_park}


class Killer:
    """Kills the one and the other in turn, of all pools in turn. costs: for each kind, what each of its kills may have cost."""

    def __init__(self, server, pools, seed):
        self.server, self.pools, self.random = server, list(pools), random.Random(seed)
        self.costs = {kind: [] for kind in KINDS}
        self.n = 0

    def kill(self):
        kind = list(KINDS)[self.n % len(KINDS)]
        cost = KINDS[kind](self.server, self.pools[self.n // len(KINDS) % len(self.pools)], self.random.choice)
        self.n += 1
        if cost is not None:
            self.costs[kind].append(cost)

    def n_killed(self):
        return sum(len(costs) for costs in self.costs.values())

    def may_cost(self):
        return sum(sum(costs) for costs in self.costs.values())

    def text(self):
        return ", ".join(f"{len(costs)} {kind}s killed, with {sum(costs)} connections that are lost with them" for kind, costs in self.costs.items())
