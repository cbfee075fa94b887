# SPDX-License-Identifier: MIT
"""What a probe or a load balancer asks pm.status_listen, byte by byte."""

import re
import socket


def talk(address, data, limit=30):
    """All that is answered to these bytes, up to the end."""
    with socket.socket(socket.AF_UNIX if "/" in address else socket.AF_INET) as c:
        c.settimeout(limit)
        c.connect(address if "/" in address else ("127.0.0.1", int(address.rpartition(":")[2])))
        c.sendall(data)
        answer = b""
        while more := c.recv(65536):
            answer += more
        return answer


def http(address, path, method="GET", more=""):
    """(status, headers, body)"""
    head, _, body = talk(address, f"{method} {path} HTTP/1.1\r\nHost: probe\r\n{more}\r\n".encode()).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(re.fullmatch(r"HTTP/1\.1 (\d+) .+", first)[1]), dict(line.split(": ", 1) for line in lines), body.decode()
