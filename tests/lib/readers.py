# SPDX-License-Identifier: MIT
"""Readers of logs, slow ones and stopped ones. FPMD_LOG_BYTES sets how much goes through each path (2 MB; the long form
is 100 MB)."""

import os
import re
import threading
import time

import procs

BYTES = int(os.environ.get("FPMD_LOG_BYTES", 2_000_000))
SPEED = max(3_000_000, BYTES // 20)  # bytes a second
LIMIT = 60 + 3 * BYTES / SPEED


def numbers(lines, pattern):
    return [int(m[1]) for m in (re.search(pattern, line) for line in lines) if m]


class Reader:
    """Reads a FIFO at a speed, and stops when it is told to."""

    def __init__(self, path, speed=SPEED, running=True):
        os.mkfifo(path)
        os.chmod(path, 0o666)
        self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.keep = os.open(path, os.O_WRONLY | os.O_NONBLOCK)  # never at its end
        self.speed, self.data, self.go, self.done = speed, bytearray(), threading.Event(), False
        if running:
            self.go.set()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        os.set_blocking(self.fd, True)
        while not self.done:
            self.go.wait()
            part = os.read(self.fd, 16384)
            self.data += part
            time.sleep(len(part) / self.speed)

    def lines(self):
        return bytes(self.data).decode(errors="surrogateescape").split("\n")[:-1]

    def wait(self, what, condition, limit=LIMIT):
        return procs.until(what, lambda: condition(self.lines()), limit)

    def close(self):
        self.done = True
        self.go.set()
        os.write(self.keep, b"\n")
        self.thread.join()
        os.close(self.fd)
        os.close(self.keep)
