# SPDX-License-Identifier: MIT
"""An HTTP/1.1 client that shows what a browser would only suffer: a cut reply, a connection that hangs, a second reply out of step.

It sends while it receives, since a reply may come before the request is whole. Whatever it waits for has a limit, and a reply that has
not come by then is an outcome like another ("hang"), since the other one of a comparison may hang as well.
"""

import re
import select
import socket
import time
from dataclasses import dataclass, field

SHORT_LIMIT, LIMIT = 1.0, 8.0
HOST = "site.test"
STATUS_LINE = re.compile(r"HTTP/1\.[01] (\d{3}) ?(.*)")
LAST_CHUNK = b"0\r\n\r\n"
CHUNK = re.compile(rb"([0-9a-fA-F]+) *(?:;.*)?")


def request(path, method="GET", body=None, chunked=False, version="1.1", **headers):
    """A request's bytes. Header names are written with underscores; body: bytes, or a list of the pieces of a chunked one."""
    lines = [f"{method} {path} HTTP/{version}", f"Host: {HOST}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if chunked:
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in body if piece) + b"0\r\n\r\n"
    elif body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")


@dataclass
class Reply:
    status: int = 0
    reason: str = ""
    headers: list = field(default_factory=list)  # (name, value), in order
    body: bytes = b""
    # Or "cut", "hang", "garbage": not HTTP, "open": it said that it would close the connection, and did not.
    end: str = "whole"
    interim: list = field(default_factory=list)  # statuses of 1xx replies before it

    def header(self, name):
        return next((v for n, v in self.headers if n.lower() == name.lower()), None)

    def closes(self):
        return "close" in (self.header("Connection") or "").lower()


def _chunked(data):
    """(body so far, whole, whether it is chunks at all)."""
    body, at = b"", 0
    while (line := data.find(b"\r\n", at)) >= 0:
        if not (size := CHUNK.fullmatch(data, at, line)):
            return body + data[at:], True, False
        n = int(size[1], 16)
        body += data[line + 2:line + 2 + n]
        at = line + 2 + n + 2
        if len(data) < at or n == 0:
            return body, len(data) >= at, True
    return body, False, True


def parse(data, without_body, ended):
    """(the reply as far as it is known, whole)."""
    reply = Reply()
    while True:
        head, blank, rest = data.partition(b"\r\n\r\n")
        if not blank:
            return reply, False
        first, *lines = head.decode("latin-1").split("\r\n")
        if not (line := STATUS_LINE.fullmatch(first)):
            reply.end, reply.body = "garbage", data
            return reply, True
        reply.status, reply.reason = int(line[1]), line[2]
        if not 100 <= reply.status < 200:
            break
        reply.interim.append(reply.status)
        data = rest
    reply.headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    if without_body or reply.status in (204, 304):
        return reply, True
    if (reply.header("Transfer-Encoding") or "").lower() == "chunked":
        if not ended and not rest.endswith(LAST_CHUNK):
            return reply, False  # without a look at each chunk again whenever one more has come
        reply.body, whole, good = _chunked(rest)
        reply.end = "whole" if good else "garbage"
        return reply, whole
    length = reply.header("Content-Length")
    if length is None:
        reply.body = rest
        return reply, ended
    reply.body = rest[:int(length)]
    return reply, len(rest) >= int(length)


class Visitor:
    """A client with a connection that it keeps, and makes anew where the last one has ended. A server may end a kept connection whenever it
    likes: what was asked on it and got no byte of an answer is asked once more, on a fresh one, as browsers do."""

    def __init__(self, port, limit=LIMIT):
        self.port = port
        self.limit = limit
        self.sock = None
        self.carried = 0  # requests that the connection has carried

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def leave(self):
        if self.sock:
            self.sock.close()
        self.sock = None
        self.carried = 0

    def connect(self):
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self.port), self.limit)
        return self.sock

    def send(self, data):
        """What is sent and not answered here: a part of a request, or one whose sender will not wait."""
        self.connect().sendall(data)

    def receive_some(self):
        return self.connect().recv(65536)

    def ask(self, data):
        """Sends a request, and waits for its reply."""
        was_kept = self.carried > 0
        reply = self._ask(data)
        return self._ask(data) if was_kept and reply.end == "cut" and reply.status == 0 else reply

    def _ask(self, data):
        sock = self.connect()
        self.carried += 1
        deadline = time.monotonic() + self.limit
        without_body = data.startswith(b"HEAD ")
        last = b" HTTP/1.0\r\n" in data[:data.index(b"\n") + 1]
        left, received, ended = memoryview(data), bytearray(), False
        reply, whole = Reply(), False
        while not whole and not ended:
            readable, writable, _ = select.select([sock], [sock] if left else [], [], max(0, deadline - time.monotonic()))
            if not readable and not writable:
                reply, _ = parse(bytes(received), without_body, True)
                reply.end = "hang"
                break
            if readable:
                ended = not self._take(received)
                reply, whole = parse(bytes(received), without_body, ended)
            else:
                left = left[self._give(left):]
        if ended and not whole:
            reply.end = "cut"
        if whole and reply.closes() and not ended and not self._closed(deadline):
            reply.end = "open"
        if reply.end != "whole" or ended or left or last or reply.closes():
            self.leave()
        return reply

    def _take(self, received):
        try:
            data = self.sock.recv(1 << 20)
        except ConnectionResetError:
            data = b""
        received += data
        return len(data)

    def _give(self, left):
        try:
            return self.sock.send(left[:1 << 16])
        except (BrokenPipeError, ConnectionResetError):
            return len(left)  # what has come of the reply is still there to be read

    def _closed(self, deadline):
        while True:
            readable, _, _ = select.select([self.sock], [], [], max(0, deadline - time.monotonic()))
            if not readable:
                return False
            if not self._take(bytearray()):
                return True
