# SPDX-License-Identifier: MIT
"""A worker's shelf as the worker and the park have it: the page of words (src/conn/claims.h), looked at from outside, by root. It stays in view when they are dead."""

import mmap
import os
import struct
import time

import procs

PLACES = 64
STATES = ("FREE", "IDLE", "BUSY", "PARKED")


def _map(pid):
    """The page of a worker's shelf, or None: it has none yet."""
    with open(f"/proc/{pid}/maps") as maps:
        where = next((line.split()[0] for line in maps if "/memfd:fpmd-shelf" in line), None)
    if where is None:
        return None
    fd = os.open(f"/proc/{pid}/map_files/{where}", os.O_RDONLY)
    try:
        return mmap.mmap(fd, mmap.PAGESIZE, prot=mmap.PROT_READ)
    finally:
        os.close(fd)


class Shelf:
    def __init__(self, worker, page=None):
        self.worker = worker
        self.page = page or procs.until(f"worker {worker} to have a shelf", lambda: _map(worker))

    @classmethod
    def of(cls, worker):
        """As it is at the moment; None: it has none."""
        page = _map(worker)
        return cls(worker, page) if page else None

    def _words(self):
        return struct.unpack_from(f"{PLACES}Q", self.page)

    def state(self, place):
        return STATES[self._words()[place] & 3]

    def serial(self, place):
        """Another one for each connection that the place has had."""
        return self._words()[place] >> 32

    def states(self):
        """Of all places that are not FREE, by place."""
        return {place: STATES[word & 3] for place, word in enumerate(self._words()) if word & 3}

    def idle_time(self, place):
        """Seconds since its connection was put there, or put back."""
        return time.monotonic() - struct.unpack_from("Q", self.page, 8 * (PLACES + place))[0] / 1e6

    def wait(self, states):
        """Until the places are these, by place; FREE for an empty one."""
        def look():
            return all(self.state(place) == state for place, state in states.items())
        procs.until(f"the shelf of worker {self.worker} to be {states}", look)
