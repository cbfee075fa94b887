# SPDX-License-Identifier: MIT
"""Processes of a pool that lie to the master, and what they may bring: a preload script that never ends and speaks as its zygote does."""

import contextlib
import os
import re
import socket
import struct
import subprocess
import sys

import procs
import server as programs

# $c, the C library; $tell, which sends a message of ipc/message.h with descriptors; $wait, for a file of that name.
LIBRARY = """<?php
$c = FFI::cdef('
    typedef struct { void *base; unsigned long n; } iov_t;
    typedef struct { void *name; unsigned n_name; iov_t *iov; unsigned long n_iov; void *control; unsigned long n_control; int flags; } msg_t;
    typedef struct { unsigned long n; int level; int type; int fds[16]; } cmsg_t;
    typedef struct { unsigned type; unsigned slot; int pid; int status; unsigned long generation; char text[1000]; } message_t;
    long sendmsg(int, msg_t *, int); long recv(int, void *, unsigned long, int); long send(int, void *, unsigned long, int); long syscall(long, ...);
    int memfd_create(const char *, unsigned); int fcntl(int, int, ...); int getpid(void); int fork(void); unsigned sleep(unsigned); int pipe(int *);
    int socket(int, int, int); int socketpair(int, int, int, int *); int connect(int, void *, unsigned); int setsockopt(int, int, int, void *, unsigned);
    int close(int); int open(const char *, int); int shutdown(int, int); int getsockopt(int, int, int, int *, unsigned *); int raise(int);');
$send = function (int $to, $data, int $n, array $fds) use ($c) {
    $iov = $c->new('iov_t'); $iov->base = FFI::cast('void *', FFI::addr($data)); $iov->n = $n;
    $cmsg = $c->new('cmsg_t'); $cmsg->n = 16 + 4 * count($fds); $cmsg->level = 1; $cmsg->type = 1;
    foreach ($fds as $i => $fd) $cmsg->fds[$i] = $fd;
    $msg = $c->new('msg_t'); $msg->iov = FFI::addr($iov); $msg->n_iov = 1;
    if ($fds) { $msg->control = FFI::cast('void *', FFI::addr($cmsg)); $msg->n_control = 16 + 8 * intdiv(count($fds) + 1, 2); }
    return $c->sendmsg($to, FFI::addr($msg), 0x4000);
};
$tell = function (int $type, int $slot, int $pid, array $fds) use ($c, $send) {
    $m = $c->new('message_t'); $m->type = $type; $m->slot = $slot; $m->pid = $pid;
    FFI::memcpy($m->text, '8.2.0', 5);
    return $send(3, $m, FFI::sizeof($m), $fds);
};
$wait = function (string $file) { for ($i = 0; !file_exists($file) && $i < 4000; $i++) { usleep(5000); clearstatcache(); } };
$ini = function () use ($c) { $fd = $c->memfd_create('x', 2); $c->fcntl($fd, 1033, 15); return $fd; };
"""

# $linger, a function: it makes of a TCP socket one that is connected to port @PORT@, has much to send, and waits in the last close(2).
LINGER = """
$linger = function (int $s) use ($c) {
    $a = $c->new('unsigned char[16]'); $a[0] = 2; $a[2] = @PORT@ >> 8; $a[3] = @PORT@ & 255; $a[4] = 127; $a[7] = 1;
    $c->fcntl($s, 4, 2);
    if ($c->connect($s, FFI::addr($a), 16) != 0) exit('cannot connect');
    $b = $c->new('char[65536]');
    while ($c->send($s, FFI::addr($b), 65536, 0x40) > 0);
    $v = $c->new('int[2]'); $v[0] = 1; $v[1] = 120;
    if ($c->setsockopt($s, 1, 13, FFI::addr($v), 8) != 0) exit('cannot set SO_LINGER');
    return $s;
};
"""


def message_numbers():
    with open(os.path.join(programs.TREE, "src", "ipc", "message.h"), encoding="utf-8") as f:
        table = f.read().partition("#define IPC_MESSAGES(X)")[2].partition("enum ipc_type")[0]
    return {name: n for n, name in enumerate(re.findall(r"X\((\w+),", table), 1)}


def preload(s, pool, code, **values):
    """Has the pool's zygote run this code, with @NAME@ the number of that message, or the value given here."""
    for name, value in {**message_numbers(), **values}.items():
        code = code.replace(f"@{name}@", str(value))
    s.pools[pool].update({"php_admin_value[opcache.preload]": s.script("liar.php", code), "php_admin_value[ffi.enable]": "1"})


@contextlib.contextmanager
def deaf_server():
    """Its port; it takes connections and reads nothing of them."""
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        yield server.getsockname()[1]


@contextlib.contextmanager
def deaf_file(folder):
    """(path, process): closing a descriptor of this file takes for ever; each close that waits is a line of the process's output."""
    program = os.path.join(os.path.dirname(__file__), "deaffs.py")
    process = subprocess.Popen([sys.executable, program, folder], stdout=subprocess.PIPE, text=True, preexec_fn=procs.die_with_parent)
    try:
        assert process.stdout.readline() == "mounted\n"
        yield os.path.join(folder, "file"), process
    finally:
        process.kill()  # which ends what waits
        process.wait()
        subprocess.run(["umount", folder], check=False)


def lingering(port):
    """A socket whose last close(2) waits for two minutes."""
    s = socket.create_connection(("127.0.0.1", port))
    s.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            s.send(bytes(65536))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 120))
    return s


TRACER = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
pid, options = int(sys.argv[1]), int(sys.argv[2])
if libc.ptrace(ctypes.c_long(0x4206), ctypes.c_long(pid), None, ctypes.c_long(options)) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
os.kill(pid, 9)
print("traced", flush=True)
sys.stdin.read()
"""


# What a tracer makes of one that is killed: a zombie, which its parent cannot reap; or a process that stops at its exit(2) and is not even that.
TRACED = {"zombie": (0, "Z"), "stopped": (0x40, "t")}


@contextlib.contextmanager
def traced_to_death(pid, form="zombie"):
    """The process has been killed, and as long as this goes on somebody traces what is left of it: its parent cannot reap it."""
    options, state = TRACED[form]
    with subprocess.Popen([sys.executable, "-c", TRACER, str(pid), str(options)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as tracer:
        try:
            assert tracer.stdout.readline() == "traced\n", tracer.stderr.read()
            procs.until("what is left", lambda: procs.stat_fields(pid)[0] == state)
            yield
        finally:
            tracer.stdin.close()
            tracer.wait()
