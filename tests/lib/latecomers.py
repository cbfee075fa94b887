# SPDX-License-Identifier: MIT
"""Clients that go on until a server is gone: whoever gets a connection must get an answer, whoever gets none was told in time."""

import threading

import fastcgi
import procs

GONE = (ConnectionRefusedError, FileNotFoundError)


class Latecomers:
    """threads at a server's address, a connection for each request. answered: how many; lost: what became of the others, but for the
    one of each thread that was refused at the end. before: what each thread calls first."""

    def __init__(self, address, params, threads=8, timeout=30.0, before=None):
        self.address, self.params, self.timeout, self.before = address, params, timeout, before
        self.answered, self.lost = 0, []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]
        for t in self.threads:
            t.start()

    def _run(self):
        if self.before:
            self.before()
        while True:
            try:
                connection = fastcgi.Connection(self.address, self.timeout)
            except GONE:
                return
            try:
                connection.send(fastcgi.request_bytes(self.params))
                if not (answer := connection.read_response()).complete:
                    raise ValueError(f"half an answer: {answer.stdout[:100]!r}")
                with self.lock:
                    self.answered += 1
            except Exception as e:
                with self.lock:
                    self.lost.append(f"{type(e).__name__}: {e}")
            finally:
                connection.close()

    def wait_more(self, n, limit=120.0):
        goal = self.answered + n
        procs.until(f"{n} more answers", lambda: self.answered >= goal, limit)

    def wait_refused(self):
        """Until each has been refused."""
        for t in self.threads:
            t.join(self.timeout + 5)
            assert not t.is_alive(), "a client was neither answered nor refused"
