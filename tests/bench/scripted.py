# SPDX-License-Identifier: MIT
"""A FastCGI server that answers as it is told: late, wrongly, in part, or not at all."""

import socket
import threading
from dataclasses import dataclass, field

import fastcgi
import procs


@dataclass
class Request:
    """One request as it came, and where the answer goes."""

    number: int           # of all requests to this server
    on_connection: int    # which one on its connection: 0 is the first
    sock: socket.socket
    raw: bytes = b""
    keep: bool = False
    aborted: bool = False
    params: dict = field(default_factory=dict)
    body: bytes = b""


def page(body=b"hello", status=None, end=True, protocol_status=fastcgi.REQUEST_COMPLETE):
    """A whole reply as a responder sends it."""
    head = (f"Status: {status}\r\n" if status else "").encode() + b"Content-type: text/plain\r\n\r\n"
    done = fastcgi.record(fastcgi.END_REQUEST, 1, bytes([0, 0, 0, 0, protocol_status, 0, 0, 0])) if end else b""
    return fastcgi.stream(fastcgi.STDOUT, 1, head + body) + done


class Peer:
    """answer(request) returns the bytes of a reply, or None when it has seen to everything itself; the connection is closed after a
    request that does not ask for it to be kept, and when answer() raises ConnectionError."""

    def __init__(self, address, answer):
        self.address, self.answer = address, answer
        self.requests, self.lock, self.threads, self.stopped = [], threading.Lock(), [], threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(address)
        self.listener.listen(128)
        self.sockets = []
        self._start(self._accept)

    def _start(self, function, *args):
        self.threads.append(threading.Thread(target=function, args=args, daemon=True))
        self.threads[-1].start()

    def _accept(self):
        while not self.stopped.is_set():
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(sock)
            self._start(self._serve, sock)

    def _read(self, stream, n_before):
        """The next request, or None at the end of the connection."""
        request = Request(0, n_before, None)
        params, params_ended = b"", False
        while True:
            header = stream.read(8)
            if len(header) < 8:
                return None
            n = int.from_bytes(header[4:6], "big")
            content = stream.read(n + header[6])[:n]
            if len(content) < n:
                return None
            request.raw += header + content
            if header[1] == fastcgi.BEGIN_REQUEST:
                request.keep = bool(content[2] & fastcgi.KEEP_CONN)
            elif header[1] == fastcgi.PARAMS:
                params += content
                params_ended = n == 0
            elif header[1] == fastcgi.STDIN:
                request.body += content
            elif header[1] == fastcgi.ABORT_REQUEST:
                request.aborted = True
            if request.aborted or (header[1] == fastcgi.STDIN and n == 0):
                request.params = dict(fastcgi.decode_pairs(params)) if params_ended else {}
                return request

    def _serve(self, sock):
        with sock, sock.makefile("rb") as stream:
            try:
                for n_before in range(10**9):
                    request = self._read(stream, n_before)
                    if request is None:
                        return
                    request.sock = sock
                    with self.lock:
                        request.number = len(self.requests)
                        self.requests.append(request)
                    reply = self.answer(request)
                    if reply is not None:
                        sock.sendall(reply)
                    if not request.keep:
                        return
            except OSError:
                return

    def stop(self):
        self.stopped.set()
        for s in [self.listener, *self.sockets]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.listener.close()
        for t in self.threads:
            t.join(procs.LIMIT)
            assert not t.is_alive(), "the scripted server did not come to its end"
