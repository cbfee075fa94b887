# SPDX-License-Identifier: MIT
"""THE list of lies. act(channel) tells one, after the honest steps before it; says: what the log must say about the pool that lies,
or None where nothing is to be said: the lie is one that the master may take, or has nothing to look at. Both sides read this file:
the tests for the ids, and impostor.py in the liar's process for what is to be done."""

import os
import signal
import socket
import struct
import time
from dataclasses import dataclass, field

import impostor
from impostor import FACTS, GROW, INT_MAX, INT_MIN, KINDS, SHRINK, UINT_MAX, WRITE, hand_over, memfd, now, stay

REFUSED = r"ERROR: \[pool POOL\] zygote \d+ sent a message that makes no sense \(\w+\); ending it"
LOST = r"ERROR: \[pool POOL\] messages of zygote \d+ are lost \(.*\); ending it"
EITHER = rf"{REFUSED}|{LOST}"
DIED = r"\[pool POOL\] (zygote \d+ \(generation 1\) exited with code 3|the zygote ended)"
SILENT = r"ERROR: \[pool POOL\] zygote \d+ has not answered for \d+ seconds"


@dataclass
class Lie:
    id: str
    act: object
    says: str = REFUSED
    who: str = "zygote"
    settings: dict = field(default_factory=dict)
    never: str = ""  # the log must not say
    most: tuple = ("", 0)  # a text, and how often the log may have it
    again: bool = False  # it is told by each process that takes the liar's place; else those are silent

    @property
    def pool(self):
        return f"liar-{self.who}-{self.id}"

    @property
    def pattern(self):
        return self.says and self.says.replace("POOL", self.pool)


LIES = []


def lie(id, says=REFUSED, **more):
    def keep(act):
        LIES.append(Lie(id, act, says, **more))
        return act
    return keep


def n_fds(kind):
    return FACTS["n_fds"][kind]


def devnull(n):
    return [os.open("/dev/null", os.O_RDWR) for _ in range(n)]


# --- sizes, types, numbers of descriptors

for size in (0, 1, 4, 23, 1023, 1025, 4096, 100000):
    @lie(f"size-{size}")
    def act(z, size=size):
        z.raw((z.message("FAILED", text=b"why") * 100)[:size])

for number in (0, FACTS["n_types"], 1000, 2**31, UINT_MAX):
    @lie(f"type-{number}")
    def act(z, number=number):
        z.send(number)

TAKEN_EARLY = {"READY", "FAILED"}
for kind in FACTS["types"]:
    if kind not in TAKEN_EARLY:
        @lie(f"first-{kind}")
        def act(z, kind=kind):
            z.send(kind, devnull(n_fds(kind)))

    for n in {0, 1, 2, 3, 5, 253} - {n_fds(kind)}:
        if kind in ("READY", "FAILED", "OUTPUT", "TRACED", "EXITED", "RENEW") or n == n_fds(kind) + 1:
            @lie(f"descriptors-{kind}-{n}", EITHER)
            def act(z, kind=kind, n=n):
                z.send(kind, devnull(n), text=b"8.2.0")


# --- READY

for kind in KINDS:
    if kind != "memfd-terabyte":
        @lie(f"ready-{kind}")
        def act(z, kind=kind):
            z.ready(ini=KINDS[kind]())


@lie("ready-memfd-terabyte", LOST)
def act(z):
    z.ready(ini=KINDS["memfd-terabyte"]())


@lie("ready-remarks-flood", r"WARNING: \[pool POOL\] \S*\[31mflood", most=("[31mflood", 20))
def act(z):
    z.ready(ini=memfd(b"\n" + b"WARNING: \x1b[31mflood\n" * 2000, WRITE | GROW | SHRINK))


for name, text in {"empty": b"", "space": b"8 2", "html": b"<b>8</b>", "percent": b"%s%n", "c1": b"8\xc2\x9b2", "no-end": b"\n" * 1000}.items():
    @lie(f"ready-text-{name}")
    def act(z, text=text):
        z.ready(text=text)


@lie("ready-text-long", None)
def act(z):
    z.ready(text=b"8" * 1000)
    z.obey()


@lie("ready-files-of-control-characters", None)
def act(z):
    z.ready(ini=memfd(bytes(range(1, 256)) * 200, WRITE | GROW | SHRINK))
    z.obey()


@lie("ready-twice")
def act(z):
    z.ready()
    z.ready()


@lie("failed-after-ready", r"ERROR: \[pool POOL\].*nothing but lies")
def act(z):
    z.ready()
    z.send("FAILED", text=b"nothing but lies")
    stay()


@lie("failed-twice", says=r"ERROR: \[pool POOL\] (zygote \d+ sent a message that makes no sense|.*xxxx.*; its clients wait)")
def act(z):
    """The first one is its end, which may come before the second."""
    z.send("FAILED", text=b"\x1b[31m\n\x9b" + b"x" * 990)
    z.send("FAILED")


# --- an order to fork that is answered with a lie

EDGES = {"next": lambda v: v + 1, "8191": lambda _: 8191, "10239": lambda _: 10239, "10240": lambda _: 10240,
         "2-31": lambda _: 2**31, "all-ones": lambda _: UINT_MAX}
PIDS = {"0": lambda _: 0, "-1": lambda _: -1, "1": lambda _: 1, "least": lambda _: INT_MIN, "most": lambda _: INT_MAX,
        "own": lambda _: os.getpid(), "master": lambda _: os.getppid(), "next": lambda p: p + 1}

for kind in ("SPAWNED", "SPAWN_FAILED", "ACCEPTING"):
    for edge, change in EDGES.items():
        @lie(f"{kind}-slot-{edge}")
        def act(z, kind=kind, change=change):
            slot, pid = z.asked(), z.fork()
            z.send(kind, [z.children[pid]] * n_fds(kind), slot=change(slot), pid=pid)

for edge, change in PIDS.items():
    @lie(f"SPAWNED-pid-{edge}")
    def act(z, change=change):
        slot, pid = z.asked(), z.fork()
        z.send("SPAWNED", [z.children[pid]], slot=slot, pid=change(pid))

for kind in KINDS:
    if kind not in ("pidfd-zombie", "pidfd-reaped"):
        @lie(f"SPAWNED-{kind}", EITHER)
        def act(z, kind=kind):
            slot, pid = z.asked(), z.fork()
            z.send("SPAWNED", [KINDS[kind]()], slot=slot, pid=pid)


@lie("SPAWNED-master-by-its-number")
def act(z):
    z.send("SPAWNED", [os.pidfd_open(os.getppid())], slot=z.asked(), pid=os.getppid())


@lie("SPAWNED-own-number")
def act(z):
    z.send("SPAWNED", [os.pidfd_open(os.getpid())], slot=z.asked(), pid=os.getpid())


@lie("SPAWNED-grandchild")
def act(z):
    slot = z.asked()
    r, w = os.pipe()
    z.fork(lambda: (os.write(w, struct.pack("i", z.fork())), signal.pause()))
    (pid,) = struct.unpack("i", os.read(r, 4))
    z.send("SPAWNED", [os.pidfd_open(pid)], slot=slot, pid=pid)


@lie("SPAWNED-same-process-twice")
def act(z):
    slot, pid = z.accepting()
    z.send("SPAWNED", [z.children[pid]], slot=z.wait("SPAWN")[1], pid=pid)


LIES[-1].settings["pm.max_children"] = "2"


@lie("SPAWNED-twice")
def act(z):
    slot, pid = z.started()
    z.send("SPAWNED", [z.children[pid]], slot=slot, pid=pid)


@lie("SPAWNED-of-one-that-is-reaped", SILENT)
def act(z):
    slot = z.asked()
    pid = z.fork(lambda: None)
    os.waitpid(pid, 0)
    z.send("SPAWNED", [z.children[pid]], slot=slot, pid=pid)
    stay()


for kind in ("SPAWN", "EXITED", "OUTPUT", "TRACED", "TRACE_FAILED", "PARK_LEAVES", "LOG", "READY"):
    @lie(f"asked-{kind}")
    def act(z, kind=kind):
        z.send(kind, devnull(n_fds(kind)), slot=z.asked(), text=b"8.2.0")


@lie("ACCEPTING-twice-before-SPAWNED")
def act(z):
    slot = z.asked()
    z.send("ACCEPTING", slot=slot)
    z.send("ACCEPTING", slot=slot)


@lie("flood-of-ACCEPTING")
def act(z):
    slot = z.asked()
    while True:
        z.send("ACCEPTING", slot=slot)


# --- a worker that is told lies about

for kind in ("SPAWN", "SPAWNED", "SPAWN_FAILED", "EXITED", "TRACED", "TRACE_FAILED", "READY", "RENEW", "STOP"):
    @lie(f"started-{kind}")
    def act(z, kind=kind):
        slot, pid = z.started()
        z.send(kind, devnull(n_fds(kind)), slot=slot, pid=pid, text=b"8.2.0")

    @lie(f"accepting-{kind}")
    def act(z, kind=kind):
        slot, pid = z.accepting()
        z.send(kind, devnull(n_fds(kind)), slot=slot, pid=pid, text=b"8.2.0")


@lie("accepting-ACCEPTING")
def act(z):
    slot, pid = z.accepting()
    z.send("ACCEPTING", slot=slot, pid=pid)


@lie("accepting-FAILED")
def act(z):
    z.accepting()
    z.send("FAILED")


for kind in ("EXITED", "ACCEPTING", "OUTPUT", "BOOT_FAILED"):
    for edge, change in PIDS.items():
        @lie(f"started-{kind}-pid-{edge}")
        def act(z, kind=kind, change=change):
            slot, pid = z.started()
            z.send(kind, z.pipes() if kind == "OUTPUT" else [], slot=slot, pid=change(pid))
    for edge, change in EDGES.items():
        @lie(f"started-{kind}-slot-{edge}")
        def act(z, kind=kind, change=change):
            slot, pid = z.started()
            z.send(kind, z.pipes() if kind == "OUTPUT" else [], slot=change(slot), pid=pid)


@lie("BOOT_FAILED-without-an-application")
def act(z):
    slot, pid = z.started()
    z.send("BOOT_FAILED", slot=slot, pid=pid, text=b"why")


@lie("flood-of-BOOT_FAILED", settings={"worker.script": "{folder}/ok.php"})
def act(z):
    slot, pid = z.started()
    while True:
        z.send("BOOT_FAILED", slot=slot, pid=pid, text=b"why")


@lie("EXITED-of-a-zombie")
def act(z):
    slot, pid = z.started(lambda: None)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    z.send("EXITED", slot=slot, pid=pid)


for name, status in {"stopped": 0x137f, "signal-64": 64, "signal-126": 126, "least": INT_MIN, "most": INT_MAX, "all-ones": -1}.items():
    @lie(f"EXITED-status-{name}", r"\[pool POOL\] child \d+ exited")
    def act(z, status=status):
        slot, pid = z.accepting(lambda: time.sleep(0.1))
        os.waitpid(pid, 0)
        z.send("EXITED", slot=slot, pid=pid, status=status)
        z.obey()


@lie("workers-end-at-once", r"ERROR: \[pool POOL\] workers die soon after their start", settings={"pm.max_children": "16"})
def act(z):
    """In good order, and without end."""
    z.ready()
    while True:
        slot, pid = z.wait("SPAWN")[1], z.fork(lambda: None)
        os.waitpid(pid, 0)
        z.send("SPAWNED", [z.children[pid]], slot=slot, pid=pid)
        z.send("ACCEPTING", slot=slot, pid=pid)
        z.send("EXITED", slot=slot, pid=pid)
        os.close(z.children.pop(pid))


@lie("EXITED-never", SILENT)
def act(z):
    z.accepting(lambda: time.sleep(0.1))
    stay()


# --- output

CAUGHT = {"catch_workers_output": "yes"}

for kind in KINDS:
    if kind not in ("pipe", "pipe-write", "lifeline"):
        @lie(f"OUTPUT-{kind}", settings=CAUGHT)
        def act(z, kind=kind):
            slot, pid = z.accepting()
            z.send("OUTPUT", [KINDS["pipe"](), KINDS[kind]()], slot=slot, pid=pid)

for name, settings in {"caught": CAUGHT, "not-caught": {}}.items():
    @lie(f"flood-of-OUTPUT-{name}", settings=settings)
    def act(z):
        slot, pid = z.accepting()
        ends = z.pipes()
        while True:
            z.send("OUTPUT", ends, slot=slot, pid=pid)


@lie("OUTPUT-without-being-asked-for")
def act(z):
    slot, pid = z.accepting()
    z.send("OUTPUT", z.pipes(), slot=slot, pid=pid)


@lie("OUTPUT-that-both-ends-write", None, settings=CAUGHT)
def act(z):
    slot, pid = z.accepting()
    z.send("OUTPUT", [KINDS["pipe-write"](), KINDS["lifeline"]()], slot=slot, pid=pid)
    z.obey()


# --- silence and death, at each step

@lie("silent-from-the-start", None)
def act(z):
    stay()


@lie("silent-after-READY", SILENT)
def act(z):
    z.ready()
    stay()


@lie("silent-after-SPAWNED", None)
def act(z):
    z.started()
    stay()


@lie("silent-after-ACCEPTING", None)
def act(z):
    z.accepting()
    stay()


STEPS = {"start": lambda z: None, "READY": lambda z: z.ready(), "order": lambda z: z.asked(), "SPAWNED": lambda z: z.started(),
         "ACCEPTING": lambda z: z.accepting()}
for name, step in STEPS.items():
    @lie(f"dies-after-{name}", DIED)
    def act(z, step=step):
        step(z)
        os._exit(3)

    for how in ("SHUT_RD", "SHUT_WR", "SHUT_RDWR"):
        @lie(f"{how}-after-{name}", None)
        def act(z, step=step, how=how):
            step(z)
            z.sock.shutdown(getattr(socket, how))


@lie("closes-its-end-and-stays", None)
def act(z):
    z.accepting()
    z.sock.close()
    os.closerange(3, 1000)


# --- floods and descriptors in numbers

@lie("flood-of-garbage", EITHER)
def act(z):
    while True:
        z.raw(os.urandom(1024), devnull(3))


@lie("flood-of-lingering-sockets", EITHER)
def act(z):
    fd = KINDS["linger"]()
    while True:
        z.raw(b"", [fd] * 250)


@lie("order-that-nobody-takes", SILENT, settings={"pm.max_children": "64"})
def act(z):
    z.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    z.ready()
    stay()


# --- backtraces that are asked for: a worker whose request is slow, as its slot says

SLOW = {"request_slowlog_timeout": "1s", "slowlog": "{folder}/slow.log"}


def slow_slot(slot):
    """The slot as of a request that runs since long. Fields: scoreboard/layout.h."""
    board = impostor.map_board()
    header_size, slot_size = struct.unpack_from("=II", board, 12)
    at = header_size + slot * slot_size
    struct.pack_into("=I", board, at + 4, FACTS["executing"])
    struct.pack_into("=QQQQQ", board, at + 16, 1, 1, 1, 7, 1)


def traced(z):
    slot, pid = z.accepting()
    slow_slot(slot)
    z.wait("TRACE")
    return slot, pid


for kind in KINDS:
    if kind != "memfd-terabyte":
        @lie(f"TRACED-{kind}", settings=SLOW)
        def act(z, kind=kind):
            slot, pid = traced(z)
            z.send("TRACED", [KINDS[kind]()], slot=slot, pid=pid)


@lie("TRACED-memfd-terabyte", LOST, settings=SLOW)
def act(z):
    slot, pid = traced(z)
    z.send("TRACED", [KINDS["memfd-terabyte"]()], slot=slot, pid=pid)


@lie("TRACED-memfd-without-shrink", settings=SLOW)
def act(z):
    slot, pid = traced(z)
    z.send("TRACED", [memfd(b"[0x1] x", WRITE | GROW)], slot=slot, pid=pid)


@lie("TRACED-control-characters", None, settings=SLOW)
def act(z):
    slot, pid = traced(z)
    z.send("TRACED", [memfd(bytes(range(256)) * 100, WRITE | GROW | SHRINK)], slot=slot, pid=pid)
    z.obey()


for name, status in {"least": INT_MIN, "most": INT_MAX, "0": 0}.items():
    @lie(f"TRACE_FAILED-{name}", None, settings=SLOW)
    def act(z, status=status):
        slot, pid = traced(z)
        z.send("TRACE_FAILED", slot=slot, pid=pid, status=status)
        z.obey()


@lie("TRACED-twice", settings=SLOW)
def act(z):
    slot, pid = traced(z)
    for _ in range(2):
        z.send("TRACE_FAILED", slot=slot, pid=pid, status=1)


@lie("silent-when-asked-for-a-backtrace", SILENT, settings=SLOW)
def act(z):
    traced(z)
    stay()


# --- orders that are not obeyed

@lie("deaf-to-every-order", None)
def act(z):
    z.accepting(stay)
    stay()


# --- a park's lies to the master

PARK_REFUSED = r"ERROR: \[pool POOL\] park \d+ sent a message that makes no sense; ending it"
PARK_DIED = r"WARNING: \[pool POOL\] park \d+ exited (with code 3|on signal 9)"
PARK_LEFT = r"NOTICE: \[pool POOL\] park \d+ was told to end, and not by the master"

for size in (0, 1, 1023, 1025, 100000):
    @lie(f"size-{size}", PARK_REFUSED, who="park")
    def act(p, size=size):
        p.raw((p.message("PARK_LEAVES") * 100)[:size])

for kind in (0, FACTS["n_types"], UINT_MAX, *FACTS["types"]):
    if kind != "PARK_LEAVES":
        @lie(f"type-{kind}", PARK_REFUSED, who="park")
        def act(p, kind=kind):
            p.send(kind, devnull(FACTS["n_fds"].get(kind, 0)))

for n in (1, 4, 5, 253):
    @lie(f"descriptors-{n}", PARK_REFUSED, who="park")
    def act(p, n=n):
        p.send("PARK_LEAVES", devnull(n))


@lie("lingering-sockets", PARK_REFUSED, who="park")
def act(p):
    p.send("PARK_LEAVES", [KINDS["linger"]() for _ in range(3)])


@lie("flood-of-garbage", PARK_REFUSED, who="park", again=True)
def act(p):
    while True:
        p.raw(os.urandom(1024), devnull(3))


@lie("leaves-and-stays", PARK_LEFT, who="park")
def act(p):
    while True:
        p.send("PARK_LEAVES", slot=UINT_MAX, pid=1, text=b"\x1b" * 1000)


@lie("dies", PARK_DIED, who="park", again=True)
def act(p):
    os._exit(3)


@lie("closes-everything-and-stays", None, who="park")
def act(p):
    os.closerange(3, 1000)
    stay()


for how in ("SHUT_RD", "SHUT_WR", "SHUT_RDWR"):
    @lie(f"{how}", None, who="park")
    def act(p, how=how):
        for s in (p.sock, p.intake, p.offers):
            s.shutdown(getattr(socket, how))


@lie("takes-nothing", None, who="park")
def act(p):
    stay()


# --- a park's lies when its pool stops: test_partings.py; to a master that does not ask they say nothing

REQUEST = bytes.fromhex("01010001000800000001000000000000")


def stream():
    ends = socket.socketpair()
    impostor.KEPT.append(ends[1])
    return ends[0].fileno(), impostor.KEPT.append(ends[0])


def parting(p):
    """How many idle connections the master would take, once it asks."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return p.wait("PARK_KEEP")[1]


@lie("parts-with-descriptors-of-every-kind", None, who="park")
def act(p):
    parting(p)
    for kind in KINDS:
        if not kind.startswith(("doorbell", "lifeline", "scoreboard", "listener-of")):
            p.send("PARK_IDLE", [KINDS[kind]()])
    os._exit(0)


@lie("parts-with-more-than-it-may", None, who="park")
def act(p):
    for _ in range(parting(p) + 1):
        p.send("PARK_IDLE", [stream()[0]])
    stay()


@lie("parts-with-one-again-and-again", None, who="park", settings={"queue.max_length": "10"})
def act(p):
    listener = socket.socket(fileno=3 + len(FACTS["park"]))
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(listener.getsockname())
        client.send(REQUEST[:8])  # a worker hands it over: from where, the kernel knows
        own = p.take()
        for _ in range(parting(p)):
            p.send("PARK_IDLE", [own])
    os._exit(0)


@lie("parts-with-nothing-and-stays", None, who="park")
def act(p):
    parting(p)
    stay()


# --- a park's lies to its workers, which may cost requests of their own pool

FIELDS = {"version": (0, 1, 3, UINT_MAX), "flags": (0, 31, 32, UINT_MAX), "skip": (1, 65535, 2**31, UINT_MAX), "n_out": (1, 65536, UINT_MAX),
          "n_in": (0, 15, 17, 65536, 65537, UINT_MAX), "answered": (65535, UINT_MAX), "begun": (0, 2**63, 2**64 - 1), "whole": (0, 2**63, 2**64 - 1)}


@lie("offers-every-field-at-its-edges", None, who="park")
def act(p):
    for name, values in FIELDS.items():
        for value in values:
            hand_over(p.offers, [stream()[0]], b"", REQUEST, wait=False, **{name: value})
    stay()


@lie("offers-every-kind-of-descriptor", None, who="park")
def act(p):
    for kind in KINDS:
        if not kind.startswith(("linger", "doorbell", "lifeline", "scoreboard", "listener-of", "memfd-terabyte")):
            hand_over(p.offers, [KINDS[kind]()], b"", REQUEST, wait=False)
    for n in (0, 2, 100):
        hand_over(p.offers, devnull(n), b"", REQUEST, wait=False)
    stay()


# --- a worker's lies to its park, which must not end for them

PARK_ENDED = r"\[pool POOL\] (park \d+ (exited|was told)|the park ends)"


def worker_lie(id, **more):
    """act(intake), by a worker."""
    def keep(act):
        def whole(z):
            z.accepting(lambda: (act(socket.socket(fileno=os.dup(FACTS["inherit"]["PARK_INTAKE"]))), stay()))
            stay()
        LIES.append(Lie(f"worker-{id}", whole, None, never=PARK_ENDED, **more))
        return act
    return keep


for name, values in FIELDS.items():
    @worker_lie(f"{name}-at-its-edges")
    def act(intake, name=name, values=values):
        for value in values:
            for out, into in ((b"", b""), (b"o" * 10, REQUEST), (b"o" * 65536, b"i" * 65536)):
                hand_over(intake, [stream()[0]], out, into, **{name: value})

for flags in range(32):
    @worker_lie(f"flags-{flags}")
    def act(intake, flags=flags):
        for into in (b"", REQUEST, REQUEST + b"\1", b"\xff" * 100):
            for out in (b"", b"o" * 100):
                hand_over(intake, [stream()[0]], out, into, flags=flags)


@worker_lie("every-kind-of-descriptor")
def act(intake):
    for kind in KINDS:
        for flags in (0, 1, 2, 4, 8, 24):
            hand_over(intake, [KINDS[kind]()], b"o", REQUEST[:12], flags=flags)


@worker_lie("numbers-of-descriptors")
def act(intake):
    for n in (0, 2, 3, 253):
        hand_over(intake, devnull(n), b"", REQUEST)
    for n in (0, 1, 39, 41):
        intake.send(b"\2" * n)


@worker_lie("flood-of-connections")
def act(intake):
    fd = stream()[0]
    while True:
        hand_over(intake, [fd], b"", REQUEST[:12], begun=now() - 1)


@worker_lie("flood-of-garbage")
def act(intake):
    while True:
        intake.send(os.urandom(64))


@worker_lie("park-in-its-own-park")
def act(intake):
    hand_over(intake, [intake.fileno()], b"o", REQUEST[:12])


# --- a logger's lies

LOGGED = {"catch_workers_output": "yes"}
LOGGER_DIED = r"WARNING: \[pool POOL\] logger \d+ exited"


@lie("dies", LOGGER_DIED, who="logger", settings=LOGGED, again=True)
def act(c):
    os._exit(3)


@lie("dies-with-the-pool", None, who="logger", settings=LOGGED, again=True)
def act(c):
    c.wait("LOGGER_OUTPUT")
    signal.pause()


@lie("closes-its-end-and-stays", None, who="logger", settings=LOGGED)
def act(c):
    c.sock.close()
    stay()


@lie("takes-nothing", None, who="logger", settings=LOGGED)
def act(c):
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    stay()


for kind in ("LOG", "LOGGER_OUTPUT", "READY", 0, UINT_MAX):
    @lie(f"flood-of-{kind}", None, who="logger", settings=LOGGED)
    def act(c, kind=kind):
        fds = [KINDS["linger"]()] * FACTS["n_fds"].get(kind, 0)
        while True:
            c.send(kind, fds)


# --- what test_holes.py looks at

HOLES = {}


def hole(pool):
    def keep(act):
        HOLES[pool] = Lie(pool, act, None)
        return act
    return keep


@hole("liar-zygote-names-others")
def act(z):
    """The slot names a stranger; the rest of the board's head is as wrong as can be."""
    with open(os.path.join(os.environ["FPMD_TOLD"], "victim"), encoding="utf-8") as f:
        victim = int(f.read())
    ends = [os.pipe(), os.pipe()]

    def talk():
        while True:
            os.write(ends[0][1], b"still here\n")
            time.sleep(0.1)
    slot, pid = z.accepting(talk)
    z.send("OUTPUT", [pair[0] for pair in ends], slot=slot, pid=pid)
    slow_slot(slot)
    board = impostor.map_board()
    header_size, slot_size = struct.unpack_from("=II", board, 12)
    for i in range(8):
        struct.pack_into("=i", board, header_size + i * slot_size + 8, victim)
    struct.pack_into("=I", board, 24 + 64 + 4, UINT_MAX)  # n_used
    while (got := z.receive()) is not None:
        if got[0] == "TRACE":
            z.send("TRACE_FAILED", slot=got[1], pid=got[2], status=1)
        elif got[0] == "SPAWN":
            z.send("SPAWN_FAILED", slot=got[1], text=b"\x1b[2J<b>no more</b>")
        elif got[0] in ("DRAIN", "STOP"):
            os.kill(pid, signal.SIGKILL)
        if os.waitpid(pid, os.WNOHANG)[0]:
            z.send("EXITED", slot=slot, pid=pid, status=signal.SIGTERM)
            break
    stay()


@hole("liar-zygote-writes-markup")
def act(z):
    """Every text of the header and of the slot. Their places: scoreboard/layout.h."""
    slot, _ = z.accepting()
    board = impostor.map_board()
    header_size, slot_size = struct.unpack_from("=II", board, 12)
    evil = b"<script>alert(1)</script><img src=x onerror=alert(1)>\"'&]]>-->"
    board[24:24 + 64] = evil[:63].ljust(64, b"\0")
    end = header_size + (slot + 1) * slot_size
    for size, n in ((512, 3), (64, 1), (16, 1)):  # script, query, uri; user; method
        for _ in range(n):
            end -= size
            board[end:end + size] = (evil * 9)[:size - 1] + b"\0"
    struct.pack_into("=I", board, header_size + slot * slot_size + 4, FACTS["executing"])
    open(os.path.join(os.environ["FPMD_TOLD"], "written"), "w", encoding="utf-8").close()
    z.obey()


BY_POOL = {one.pool: one for one in LIES}
assert len(BY_POOL) == len(LIES), [one.id for one in LIES if BY_POOL[one.pool] is not one]


def find(pool):
    """Those of mutations.py have no row here."""
    head, mutates, target = pool.partition("liar-zygote-mutates-")
    if mutates:
        import mutations
        return Lie(pool, lambda z: mutations.act(z, target), again=True)
    return HOLES.get(pool) or BY_POOL[pool]
