# SPDX-License-Identifier: MIT
"""A file system (FUSE) with one file, "file", whose every close(2) waits for an answer that never comes. A program: it mounts itself on the
folder that it is given, says so, and tells of each close that waits."""

import ctypes
import errno
import os
import stat
import struct
import sys

LOOKUP, FORGET, GETATTR, OPEN, RELEASE, FLUSH, INIT, INTERRUPT, BATCH_FORGET = 1, 2, 3, 14, 18, 25, 26, 36, 42
ROOT, FILE = 1, 2


def attributes(node):
    mode = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o666
    return struct.pack("=6Q3I7I", node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def answer(opcode, node, body):
    """The reply's body; an errno; None: there is none."""
    if opcode == INIT:
        return struct.pack("=4I2H2I2H8I", 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, *[0] * 8)
    if opcode == LOOKUP:
        return struct.pack("=4Q2I", FILE, 0, 3600, 3600, 0, 0) + attributes(FILE) if body == b"file\0" else errno.ENOENT
    if opcode == GETATTR:
        return struct.pack("=Q2I", 3600, 0, 0) + attributes(node)
    if opcode == OPEN:
        return struct.pack("=Q2I", 1, 0, 0)
    if opcode == RELEASE:
        return b""
    return None if opcode in (FLUSH, FORGET, INTERRUPT, BATCH_FORGET) else errno.ENOSYS


def main(folder):
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"deaf", folder.encode(), b"fuse", 0, f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()) < 0:
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    print("mounted", flush=True)
    while True:
        try:
            request = os.read(device, 1 << 17)
        except OSError as e:
            if e.errno == errno.ENODEV:  # unmounted
                return
            raise
        _, opcode, unique, node = struct.unpack_from("=IIQQ", request)
        if opcode == FLUSH:
            print("waits", struct.unpack_from("=I", request, 32)[0], flush=True)
        reply = answer(opcode, node, request[40:])
        if reply is not None:
            error, body = (0, reply) if isinstance(reply, bytes) else (-reply, b"")
            os.write(device, struct.pack("=IiQ", 16 + len(body), error, unique) + body)


if __name__ == "__main__":
    main(sys.argv[1])
