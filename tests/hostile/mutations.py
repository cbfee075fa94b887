# SPDX-License-Identifier: MIT
"""A worker that changes at random what it shares with the master, the park and the readers of the scoreboard: one of TARGETS, batch by
batch, as the test allows. The seed gives the same batches again. Run by impostor.py."""

import fcntl
import os
import random
import select
import signal
import socket
import struct

import impostor
from impostor import FACTS, hand_over, now

SLOTS_HIT = 6  # of the scoreboard, behind its header

EDGES = (0, 1, 2, 5, 7, 8, 127, 128, 255, 256, 4095, 4096, 8191, 8192, 10240, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)


class Board:
    """Its first bytes come back as they were, now and then: a reader that sees no scoreboard looks no further."""

    def __init__(self, dice):
        self.dice, self.board = dice, impostor.map_board()
        self.header, self.slot = struct.unpack_from("=II", self.board, 12)
        self.head = self.board[:128]

    def place(self):
        if self.dice.random() < 0.4:
            return self.dice.randrange(0, 1024)
        return self.dice.randrange(0, self.header + SLOTS_HIT * self.slot - 8)

    def change(self):
        at, how = self.place(), self.dice.randrange(6)
        if how == 0:
            self.board[at] ^= 1 << self.dice.randrange(8)
        elif how == 1:
            struct.pack_into("=I", self.board, at & ~3, self.dice.choice(EDGES) & 0xffffffff)
        elif how == 2:
            struct.pack_into("=Q", self.board, at & ~7, self.dice.choice(EDGES))
        elif how == 3:
            text = self.dice.choice((b"<script>", b"\xc2\x9b", b"\x1b]0;", b'"\\', b"]]>", b"\xff\xfe", b"%s%n", b"\n# HELP "))
            self.board[at:at + len(text)] = text
        elif how == 4:
            n = min(self.dice.randrange(1, 600), len(self.board) - at)
            self.board[at:at + n] = self.dice.randbytes(n)
        else:
            self.board[:len(self.head)] = self.head


class Doorbell:
    def __init__(self, dice):
        self.dice, self.fd = dice, FACTS["inherit"]["DOORBELL"]

    def change(self):
        how = self.dice.randrange(4)
        try:
            if how == 0:
                fcntl.fcntl(self.fd, fcntl.F_SETFL, os.O_NONBLOCK)
                os.write(self.fd, struct.pack("Q", self.dice.choice(EDGES)))
            elif how == 1:
                fcntl.fcntl(self.fd, fcntl.F_SETFL, os.O_NONBLOCK)
                os.read(self.fd, 8)
            elif how == 2:
                os.write(self.fd, bytes(self.dice.randrange(8)))
            else:
                fcntl.fcntl(self.fd, fcntl.F_SETFL, self.dice.choice((0, os.O_NONBLOCK, os.O_ASYNC, os.O_APPEND)))
        except OSError:
            pass


class Pipes:
    """What it says into stdout and stderr, and the lifeline, which says nothing."""

    def __init__(self, dice):
        self.dice, self.fds = dice, [pair[1] for pair in OUTPUT]
        self.lifeline = FACTS["inherit"]["LIFELINE_WRITE"]

    def change(self):
        how = self.dice.randrange(20)
        if how == 0:
            fcntl.fcntl(self.lifeline, fcntl.F_SETFL, os.O_NONBLOCK)
            try:
                os.write(self.lifeline, self.dice.randbytes(self.dice.randrange(1, 100)))
            except BlockingIOError:
                pass
        elif how == 1:
            try:
                fcntl.fcntl(self.dice.choice(self.fds), fcntl.F_SETPIPE_SZ, 4096 << self.dice.randrange(5))
            except OSError:
                pass  # there is more in it
        else:
            line = self.dice.randbytes(self.dice.randrange(60))
            os.write(self.dice.choice(self.fds), line + (b"\n" if self.dice.random() < 0.5 else b""))


class Park:
    """Connections that are none, notes that are wrong, requests that end anywhere; and what the park offers is taken away."""

    def __init__(self, dice):
        self.dice, worker = dice, impostor.Worker()
        self.intake, self.offers = worker.intake, worker.offers
        self.pairs = [socket.socketpair() for _ in range(64)]
        for a, b in self.pairs:
            b.setblocking(False)
        self.others = [os.open("/dev/null", os.O_RDWR), *os.pipe(), os.open("/", os.O_RDONLY), impostor.epoll()]
        body = bytes.fromhex("0101000100080000 0001010000000000 0104000100130000".replace(" ", "")) + b"\x0e\x03REQUEST_METHODGET"
        self.request = body + bytes.fromhex("01040001000000000105000100000000")

    def bytes(self):
        data = bytearray(self.request[:self.dice.randrange(len(self.request) + 1)] * self.dice.choice((1, 1, 1, 2, 50)))
        for _ in range(self.dice.randrange(4)):
            if data:
                data[self.dice.randrange(len(data))] = self.dice.randrange(256)
        return bytes(data)

    def fields(self):
        names = {"version": 32, "flags": 32, "skip": 32, "n_out": 32, "n_in": 32, "answered": 32, "begun": 64, "whole": 64}
        wrong = {}
        if self.dice.random() < 0.7:
            wrong["flags"] = self.dice.randrange(32)
        while self.dice.random() < 0.3:
            name, bits = self.dice.choice(list(names.items()))
            wrong[name] = self.dice.choice(EDGES + (now(),)) & (2**bits - 1)
        return wrong

    def change(self):
        how, (a, b) = self.dice.randrange(12), self.dice.choice(self.pairs)
        try:
            if how < 7:
                fd = a.fileno() if self.dice.random() < 0.8 else self.dice.choice(self.others)
                n = self.dice.choice((1, 1, 1, 1, 1, 1, 0, 2, 5))
                hand_over(self.intake, [fd] * n, self.bytes() if self.dice.random() < 0.3 else b"", self.bytes(), **self.fields())
            elif how == 7:
                b.send(self.bytes())
            elif how == 8:
                b.recv(1000)
            elif how == 9:
                a.close()
                b.close()
                self.pairs[self.pairs.index((a, b))] = pair = socket.socketpair()
                pair[1].setblocking(False)
            elif how == 10:
                self.intake.send(self.dice.randbytes(self.dice.randrange(100)))
            else:
                while True:
                    _, rights, _, _ = self.offers.recvmsg(200000, 256, socket.MSG_DONTWAIT)
                    for _, _, data in rights:
                        for (got,) in struct.iter_unpack("i", data):
                            os.close(got)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        except OSError as e:
            if e.errno != 109:  # ETOOMANYREFS
                raise


TARGETS = {"scoreboard": Board, "doorbell": Doorbell, "pipes": Pipes, "park": Park}
OUTPUT = [os.pipe(), os.pipe()]


def mutate(target):
    told = os.environ["FPMD_TOLD"]
    ticks, done = (os.open(os.path.join(told, name), os.O_RDWR) for name in ("ticks", "done"))
    dice = random.Random(int(os.environ["FPMD_SEED"]))
    batch = int(os.environ["FPMD_BATCH"])
    victim = TARGETS[target](dice)
    while os.read(ticks, 1):
        for _ in range(batch):
            victim.change()
        os.write(done, b".")


def act(z, target):
    """An honest zygote, but for one more process: workers come and go, and backtraces cannot be had."""
    z.fork(lambda: mutate(target))
    z.ready()
    workers, poll = {}, select.epoll()
    poll.register(z.sock.fileno(), select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd != z.sock.fileno():
                slot, pid = workers.pop(fd)
                z.send("EXITED", slot=slot, pid=pid, status=os.waitpid(pid, 0)[1])
                poll.unregister(fd)
                os.close(fd)
                continue
            got = z.receive()
            if got is None:
                return
            kind, slot, pid = got
            if kind == "SPAWN":
                pid = z.fork(signal.pause, b"worker")
                workers[z.children[pid]] = slot, pid
                poll.register(z.children[pid], select.EPOLLIN)
                z.send("SPAWNED", [z.children[pid]], slot=slot, pid=pid)
                z.send("ACCEPTING", slot=slot, pid=pid)
                if OUTPUT and target == "pipes" and len(workers) == 1:
                    z.send("OUTPUT", [pair[0] for pair in OUTPUT], slot=slot, pid=pid)
            elif kind == "TRACE":
                z.send("TRACE_FAILED", slot=slot, pid=pid, status=1)
            elif kind in ("DRAIN", "STOP"):
                for _, worker in workers.values():
                    os.kill(worker, signal.SIGTERM)
