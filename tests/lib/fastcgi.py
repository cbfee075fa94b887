# SPDX-License-Identifier: MIT
"""A FastCGI 1.0 client, written from the specification (section numbers are those of "FastCGI Specification", 1996).

Two levels. The functions encode single records and streams, so that a test can send any bytes in any split; Connection
sends them and reads records back. Client.request() is the polite web server on top: one request, one Response.

Every read has a limit in time: a peer that says nothing is a TimeoutError that tells what was expected of it.
"""

import os
import select
import socket
import struct
import time
from dataclasses import dataclass, field

BEGIN_REQUEST, ABORT_REQUEST, END_REQUEST, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, \
    UNKNOWN_TYPE = range(1, 12)
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
KEEP_CONN = 1
REQUEST_COMPLETE, CANT_MPX_CONN, OVERLOADED, UNKNOWN_ROLE = range(4)
CONTENT_MAX = 65535

# Seconds after which an answer is taken to be missing. It finds hangs; a script may burn seconds of CPU on a machine that is busy.
PATIENCE = 45.0

TYPE_NAMES = {
    BEGIN_REQUEST: "BEGIN_REQUEST", ABORT_REQUEST: "ABORT_REQUEST", END_REQUEST: "END_REQUEST", PARAMS: "PARAMS",
    STDIN: "STDIN", STDOUT: "STDOUT", STDERR: "STDERR", DATA: "DATA", GET_VALUES: "GET_VALUES",
    GET_VALUES_RESULT: "GET_VALUES_RESULT", UNKNOWN_TYPE: "UNKNOWN_TYPE",
}


def to_bytes(text):
    return text if isinstance(text, bytes) else str(text).encode("utf-8", "surrogateescape")


# --- encoding -------------------------------------------------------------------------------------------------------

def record(kind, request_id, content=b"", padding=0, version=1):
    """One record (section 3.3). Padding bytes are not zero on purpose: nobody may look at them."""
    return struct.pack(">BBHHBB", version, kind, request_id, len(content), padding, 0xAA) + content + b"\xa5" * padding


def begin(request_id=1, role=RESPONDER, flags=0, padding=0):
    return record(BEGIN_REQUEST, request_id, struct.pack(">HB5x", role, flags), padding)


def abort(request_id=1):
    return record(ABORT_REQUEST, request_id)


def length(n, wide=False):
    return struct.pack(">I", n | 0x80000000) if wide or n > 127 else bytes([n])


def pairs(items, wide=False):
    """Name-value pairs (section 3.4). wide: four-byte lengths even where one byte would do, which is legal."""
    if isinstance(items, dict):
        items = items.items()
    out = []
    for name, value in items:
        name, value = to_bytes(name), to_bytes(value)
        out.append(length(len(name), wide) + length(len(value), wide) + name + value)
    return b"".join(out)


def decode_pairs(data):
    out, at = {}, 0

    def take_length():
        nonlocal at
        if data[at] < 128:
            n, at = data[at], at + 1
        else:
            n, at = struct.unpack_from(">I", data, at)[0] & 0x7FFFFFFF, at + 4
        return n

    while at < len(data):
        n_name, n_value = take_length(), take_length()
        out[data[at:at + n_name]] = data[at + n_name:at + n_name + n_value]
        at += n_name + n_value
    return out


def stream(kind, request_id, data, chunk=CONTENT_MAX, padding=0, end=True):
    """A stream (section 3.3) in records of at most chunk bytes, ended by an empty record."""
    out = [record(kind, request_id, data[i:i + chunk], padding) for i in range(0, len(data), chunk)]
    if end:
        out.append(record(kind, request_id, b"", padding))
    return b"".join(out)


def request_bytes(params, body=b"", request_id=1, keep=False, chunk=CONTENT_MAX, padding=0, wide=False):
    return (begin(request_id, flags=KEEP_CONN if keep else 0, padding=padding)
            + stream(PARAMS, request_id, pairs(params, wide), chunk, padding)
            + stream(STDIN, request_id, body, chunk, padding))


# --- answers --------------------------------------------------------------------------------------------------------

@dataclass
class Record:
    version: int
    kind: int
    request_id: int
    content: bytes

    def __repr__(self):
        return f"<{TYPE_NAMES.get(self.kind, self.kind)} id={self.request_id} {self.content[:60]!r}>"

    def end(self):
        """(app status, protocol status) of an END_REQUEST."""
        assert self.kind == END_REQUEST and len(self.content) == 8, self
        return struct.unpack(">IB3x", self.content)


@dataclass
class Response:
    """What came back for one request. stdout is the raw stream: header block, blank line, body."""
    stdout: bytes = b""
    stderr: bytes = b""
    app_status: int = None
    protocol_status: int = None
    records: list = field(default_factory=list)

    def _split(self):
        for blank in (b"\r\n\r\n", b"\n\n"):
            head, found, body = self.stdout.partition(blank)
            if found:
                return head, body
        return self.stdout, b""

    @property
    def body(self):
        return self._split()[1]

    @property
    def text(self):
        return self.body.decode("utf-8", "surrogateescape")

    @property
    def headers(self):
        """[(name, value)], in order, as sent."""
        out = []
        for line in self._split()[0].replace(b"\r\n", b"\n").split(b"\n"):
            name, found, value = line.partition(b":")
            if found:
                out.append((name.decode("latin-1"), value.strip().decode("latin-1")))
        return out

    def header(self, name):
        """The value of the one header of that name; None when there is none."""
        found = self.all(name)
        assert len(found) <= 1, f"{name} sent {len(found)} times: {found}"
        return found[0] if found else None

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    @property
    def status(self):
        """The HTTP status a web server would send: CGI's Status header, else 200."""
        value = self.header("Status")
        return int(value.split()[0]) if value else 200

    @property
    def complete(self):
        return self.app_status is not None


# --- a connection ---------------------------------------------------------------------------------------------------

def parse_address(address):
    """A unix path (with a slash, or @abstract), "port", "host:port", "[v6]:port" -> (family, address of socket(2))."""
    if "/" in address:
        return socket.AF_UNIX, address
    if address.startswith("@"):
        return socket.AF_UNIX, "\0" + address[1:]
    host, _, port = address.rpartition(":")
    if host.startswith("["):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host or "127.0.0.1", int(port))


class Connection:
    def __init__(self, address, timeout=PATIENCE):
        family, target = parse_address(address)
        self.timeout = timeout
        self.buffer = b""
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.settimeout(timeout)
        try:
            self.sock.connect(target)
        except OSError:
            self.sock.close()
            raise
        if family != socket.AF_UNIX:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def fileno(self):
        return self.sock.fileno()

    def send(self, data):
        self.sock.settimeout(self.timeout)
        self.sock.sendall(data)

    def send_pieces(self, data, size):
        """In packets of size bytes. The peer may still read several at once; what it may not do is depend on that."""
        for i in range(0, len(data), size):
            self.send(data[i:i + size])

    def finish_sending(self):
        self.sock.shutdown(socket.SHUT_WR)

    def _fill(self, deadline, what):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"waited for {what}; in the buffer: {self.buffer[:80]!r}")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(1 << 18)
        except socket.timeout:
            raise TimeoutError(f"waited for {what}; in the buffer: {self.buffer[:80]!r}") from None
        self.buffer += data
        return len(data)

    def readable(self):
        """Whether bytes (or a close) wait to be read by now."""
        return bool(select.select([self.sock], [], [], 0)[0])

    def wait_readable(self, what, timeout=None):
        """Until bytes (or a close) wait to be read; reads none."""
        if not select.select([self.sock], [], [], self.timeout if timeout is None else timeout)[0]:
            raise TimeoutError(f"waited for {what}")

    def read_record(self, timeout=None, what="a record"):
        """The next record; None when the peer closed between records. Closed inside one: ConnectionError."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            if len(self.buffer) >= 8:
                version, kind, request_id, n, padding, _ = struct.unpack_from(">BBHHBB", self.buffer)
                if len(self.buffer) >= 8 + n + padding:
                    content = self.buffer[8:8 + n]
                    self.buffer = self.buffer[8 + n + padding:]
                    return Record(version, kind, request_id, content)
            if self._fill(deadline, what) == 0:
                if self.buffer:
                    raise ConnectionError(f"closed inside a record: {self.buffer[:80]!r}")
                return None

    def read_response(self, request_id=1, timeout=None, what="END_REQUEST"):
        """Records up to this request's END_REQUEST. A close before it: a Response that is not complete."""
        response = Response()
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        out, err = [], []
        while True:
            r = self.read_record(deadline - time.monotonic(), what)
            if r is None:
                break
            response.records.append(r)
            assert r.request_id in (request_id, 0), f"a record of another request: {r}"
            if r.kind == STDOUT:
                out.append(r.content)
            elif r.kind == STDERR:
                err.append(r.content)
            elif r.kind == END_REQUEST:
                response.app_status, response.protocol_status = r.end()
                break
        response.stdout, response.stderr = b"".join(out), b"".join(err)
        return response

    def read_eof(self, timeout=None, what="the peer to close the connection"):
        """Waits for the close; returns bytes that came before it. A reset counts as a close."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        try:
            while self._fill(deadline, what):
                pass
        except ConnectionResetError:
            pass
        data, self.buffer = self.buffer, b""
        return data

    def closed_by_peer(self):
        """Whether the peer has closed, without waiting. Only between responses."""
        if not select.select([self.sock], [], [], 0)[0]:
            return False
        try:
            return self.sock.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True

    def request(self, params, body=b"", keep=True, request_id=1, **how):
        self.send(request_bytes(params, body, request_id, keep, **how))
        return self.read_response(request_id)


# --- the polite web server ------------------------------------------------------------------------------------------

class Client:
    """Sends whole requests; with keep=True over one kept connection, otherwise over a fresh one each."""

    def __init__(self, address, timeout=PATIENCE):
        self.address = address
        self.timeout = timeout
        self.kept = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.kept:
            self.kept.close()
        self.kept = None

    def connect(self):
        return Connection(self.address, self.timeout)

    def request(self, params, body=b"", keep=False, **how):
        if not keep:
            with self.connect() as connection:
                return connection.request(params, body, keep=False, **how)
        if self.kept:
            response = self._request_on_kept(params, body, **how)
            if response:
                return response
        self.kept = self.connect()
        return self._answered(self.kept.request(params, body, keep=True, **how))

    def _request_on_kept(self, params, body, **how):
        """None when the server had closed the idle connection: as web servers do, the request is then sent on a fresh one."""
        try:
            response = self.kept.request(params, body, keep=True, **how)
        except (BrokenPipeError, ConnectionResetError):
            response = None
        if response is None or not response.records:
            self.close()
            return None
        return self._answered(response)

    def _answered(self, response):
        if not response.complete:
            self.close()
        return response


def environment(script, uri=None, method="GET", query="", body=b"", root=None, **more):
    """The parameters that nginx's fastcgi_params gives for a request, in its order. more overrides or adds; None removes."""
    root = (root if root is not None else os.path.dirname(script)).rstrip("/")
    name = script[len(root):] if script.startswith(root) else script
    uri = uri if uri is not None else name + ("?" + query if query else "")
    params = {
        "QUERY_STRING": query,
        "REQUEST_METHOD": method,
        "CONTENT_TYPE": "",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "SCRIPT_NAME": name,
        "REQUEST_URI": uri,
        "DOCUMENT_URI": name,
        "DOCUMENT_ROOT": root,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REQUEST_SCHEME": "http",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": "test/1.0",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "40000",
        "SERVER_ADDR": "192.0.2.2",
        "SERVER_PORT": "80",
        "SERVER_NAME": "www.example.org",
        "REDIRECT_STATUS": "200",
        "SCRIPT_FILENAME": script,
        "HTTP_HOST": "www.example.org",
    }
    params.update(more)
    return {k: v for k, v in params.items() if v is not None}
