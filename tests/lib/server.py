# SPDX-License-Identifier: MIT
"""Starts and stops the programs under test, each from a generated configuration in a folder of its own.

Fpmd is waited for by its own READY=1 on a notify socket that the test owns. PhpFpm, the reference, is told the same way when it was
built for it; it need not be, so its start is seen by connecting.

Run as root, pools serve as www-data, as on a real machine; run by anybody else, as that user. Programs: fpmd and fpmctl come from
the build folder $FPMD_BUILD (default: build/ of this tree), php-fpm from /usr/sbin.
"""

import fcntl
import functools
import glob
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import fastcgi
import procs

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("FPMD_BUILD", os.path.join(TREE, "build")))
FPMD = os.path.join(BUILD, "src", "fpmd")
FPMCTL = os.path.join(BUILD, "tools", "ctl", "fpmctl")
FPMD_LOAD = os.path.join(BUILD, "tools", "benchmark", "load", "fpmd-load")
ROOT = os.geteuid() == 0
POOL_USER = "www-data"

# A sanitized build starts and stops more slowly; the limits are for hangs, not for speed.
START_LIMIT = 30.0
STOP_LIMIT = 20.0


def is_loader(pid):
    """From its exec on; zygotes that it has forked have a name of their own."""
    return procs.comm(pid) == "fpmd-loader" or "--loader=" in procs.title(pid)


def must_be_built(*paths):
    for path in paths:
        assert os.access(path, os.X_OK), f"{path} is not built: set FPMD_BUILD to the meson build folder"


def php_fpm():
    """The newest php-fpm of the system, or None."""
    found = sorted(glob.glob("/usr/sbin/php-fpm8.*"))
    return found[-1] if found else None


def php_version():
    found = php_fpm()
    return tuple(int(n) for n in found.rpartition("php-fpm")[2].split(".")) if found else None


def php_config():
    """The php-config of the PHP that the build embeds; of a folder that meson has not made, the machine's."""
    path = os.path.join(BUILD, "meson-info", "intro-buildoptions.json")
    if not os.path.exists(path):
        return "php-config"
    with open(path) as f:
        return next(o["value"] for o in json.load(f) if o["name"] == "php_config")


def ini_folder():
    """Where the build's php.ini is."""
    with open(os.path.join(BUILD, "config.h")) as f:
        return re.search(r'^#define FPMD_PHP_INI_DIR "(.*)"$', f.read(), re.M).group(1)


@functools.cache
def thread_safe():
    """The build embeds another PHP than php-fpm is: a thread-safe one, with fewer extensions (tools/lib/zts.sh)."""
    if not shutil.which(php_config()):
        return False
    r = subprocess.run([php_config(), "--configure-options"], check=True, stdout=subprocess.PIPE, text=True)
    return "--enable-zts" in r.stdout.split()


def as_php_fpm():
    """The mark of tests in which PHP itself has to be that of php-fpm."""
    import pytest  # which tools that use this library need not have
    return pytest.mark.skipif(thread_safe(), reason="the thread-safe PHP has other extensions, settings and numbers than php-fpm's")


@functools.cache
def embeds_another_release():
    """The build's PHP is not, to the last number, php-fpm's: that of tools/lib/zts.sh is the newest whose source can be had."""
    ours = subprocess.run([php_config(), "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    return f"PHP {ours} " not in subprocess.run([php_fpm(), "-v"], check=True, stdout=subprocess.PIPE, text=True).stdout


def make_folder(name="t"):
    """A folder of our own that the pool's user can read and enter: pytest's tmp_path belongs to root alone."""
    path = tempfile.mkdtemp(prefix=f"fpmd-{name}-")
    os.chmod(path, 0o755)
    return path


class Ports:
    """TCP ports of loopback, each given once: no other caller has it, neither in this run nor in one beside it.

    A claim is a lock on the port's own byte of a file, held until this process ends. The range lies below ip_local_port_range, from
    which the kernel takes the ports of connections: what is free here when it is asked for stays free until a server binds it."""

    RANGE = range(16384, 32768)
    CLAIMS = os.path.join(tempfile.gettempdir(), f"fpmd-test-ports-{os.geteuid()}")

    def __init__(self):
        self.claims = None
        self.candidates = iter(random.sample(self.RANGE, len(self.RANGE)))

    def _claim(self, port):
        if self.claims is None:
            self.claims = os.open(self.CLAIMS, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.lockf(self.claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except BlockingIOError:
            return False
        return True

    def take(self, family):
        for port in self.candidates:
            if not self._claim(port):
                continue
            with socket.socket(family, socket.SOCK_STREAM) as s:
                try:
                    s.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", port))
                except OSError:
                    continue
            return port
        raise RuntimeError(f"all ports from {self.RANGE.start} to {self.RANGE.stop - 1} are taken")


PORTS = Ports()


def free_port(family=socket.AF_INET):
    return PORTS.take(family)


def strays():
    """Processes of fpmd or php-fpm that have lost their master and are ours now."""
    return [p for p in procs.children(os.getpid()) if procs.exe(p).startswith(("fpmd", "php-fpm")) and p not in Server.running_pids]


class NotifySocket:
    """The far end of sd_notify(3): what systemd would be told, in order. A thread reads all the time, as systemd does: the queue of a
    datagram socket is short, and a sender waits when it is full. It keeps descriptors as systemd's fd store does: store is a list of
    (name, descriptor)."""

    def __init__(self, path):
        self.path = path
        self.messages = []
        self.times = []
        self.store = []
        self.news = threading.Condition()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        os.chmod(path, 0o777)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.reader.join(10)
        self.sock.close()
        self.forget(None)

    def _read(self):
        while (got := socket.recv_fds(self.sock, 65536, 253))[0]:
            message = dict(line.partition("=")[::2] for line in got[0].decode().splitlines() if line)
            with self.news:
                if message.get("FDSTORE") == "1":
                    self.store += [(message["FDNAME"], fd) for fd in got[1]]
                elif message.get("FDSTOREREMOVE") == "1":
                    self.forget(message["FDNAME"])
                self.times.append(time.monotonic())
                self.messages.append(message)
                self.news.notify_all()

    def forget(self, name):
        """Empties the store of what has the name; None: of all."""
        for _, fd in (item for item in self.store if name in (None, item[0])):
            os.close(fd)
        self.store = [item for item in self.store if name not in (None, item[0])]

    def hear_all(self):
        """Until all is heard that has been said by now. systemd does so before it looks for who has ended."""
        mark = self.mark()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"HEARD=1", self.path)
        self.wait("HEARD", since=mark)

    def mark(self):
        """A place in the conversation, for wait(since=...)."""
        with self.news:
            return len(self.messages)

    def count(self, name, since=0):
        with self.news:
            return sum(name in m for m in self.messages[since:])

    def _find(self, name, value, since):
        return next((i for i in range(since, len(self.messages))
                     if name in self.messages[i] and value in (None, self.messages[i][name])), None)

    def wait(self, name, value=None, since=0, limit=procs.LIMIT, alive=None):
        """Index of the first message from since on that carries name (=value)."""
        deadline = time.monotonic() + limit
        with self.news:
            while (at := self._find(name, value, since)) is None:
                if alive and not alive():
                    raise RuntimeError(f"the program ended before it said {name}")
                if time.monotonic() > deadline:
                    raise TimeoutError(f"waited {limit} s for {name}={value or '...'}; told so far: {self.messages[since:]}")
                self.news.wait(0.1)
            return at


def these(found, n, without):
    return found if len(found) == n and not set(without) & set(found) else None


class Server:
    """What both programs have in common. pools: {name: {directive: value}}; directives are written as they are given."""

    program = "?"
    running_pids = set()
    pool_defaults = {"pm": "static", "pm.max_children": "2"}

    def __init__(self, pools=None, settings=None, args=(), env=None, folder=None, text=None):
        self.folder = folder or make_folder(self.program)
        self.own_folder = folder is None
        self.settings = dict(settings or {})
        self.pools = {name: dict(p) for name, p in (pools if pools is not None else {"www": {}}).items()}
        self.args = list(args)
        self.env = dict(env or {})
        self.text = text
        self.wrapper = []  # a program that executes ours after it has changed something: prlimit(1), setpriv(1)
        self.process = None
        self.log_path = os.path.join(self.folder, "error.log")
        self.output_path = os.path.join(self.folder, "output.log")
        self.config_path = os.path.join(self.folder, "fpm.conf")
        for name, pool in self.pools.items():
            for key, value in self.pool_defaults.items():
                pool.setdefault(key, value)
            pool.setdefault("listen", os.path.join(self.folder, f"{name}.sock"))
            if ROOT:
                pool.setdefault("user", POOL_USER)
                pool.setdefault("group", POOL_USER)
            if "/" in pool["listen"]:
                pool.setdefault("listen.mode", "0666")

    # --- configuration

    def config(self):
        if self.text is not None:
            return self.text
        lines = ["[global]"]
        lines += [f"{k} = {v}" for k, v in {**{"error_log": self.log_path, "daemonize": "no"}, **self.settings}.items()
                  if v is not None]
        for name, pool in self.pools.items():
            lines += [f"[{name}]"] + [f"{k} = {v}" for k, v in pool.items() if v is not None and not isinstance(v, list)]
            lines += [f"{k} = {v}" for k, several in pool.items() if isinstance(several, list) for v in several]
        return "\n".join(lines) + "\n"

    def write_config(self):
        with open(self.config_path, "w") as f:
            f.write(self.config())

    def address(self, pool="www"):
        return self.pools[pool]["listen"]

    def client(self, pool="www", timeout=fastcgi.PATIENCE):
        return fastcgi.Client(self.address(pool), timeout)

    def connect(self, pool="www", timeout=fastcgi.PATIENCE):
        return fastcgi.Connection(self.address(pool), timeout)

    # --- files for PHP

    def script(self, name, code):
        """Writes a script into the server's folder; returns its path. Replaced atomically when it exists."""
        path = os.path.join(self.folder, name)
        with open(path + ".new", "w") as f:
            f.write(code)
        os.chmod(path + ".new", 0o644)
        os.rename(path + ".new", path)
        return path

    def shared_folder(self, name="shared"):
        """A folder that PHP may write into."""
        path = os.path.join(self.folder, name)
        if not os.path.isdir(path):
            os.mkdir(path)
            os.chmod(path, 0o777)
        return path

    def run(self, script, pool="www", body=b"", timeout=fastcgi.PATIENCE, **more):
        """One request for a script on a fresh connection."""
        return self.client(pool, timeout).request(fastcgi.environment(script, body=body, **more), body)

    # --- life

    def command(self):
        raise NotImplementedError

    def environment(self):
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TZ", "LD_LIBRARY_PATH")
               or k.startswith(("ASAN_", "UBSAN_", "LSAN_"))}
        env.update(self.env)
        return env

    def spawn(self, command, pass_fds=()):
        self.write_config()
        output = open(self.output_path, "ab")
        with output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            env=self.environment(), cwd="/", pass_fds=pass_fds,
                                            preexec_fn=procs.die_with_parent)
        Server.running_pids.add(self.process.pid)

    def start(self):
        self.spawn(self.command())
        try:
            self.wait_ready()
        except Exception as e:
            story = self.story()
            self.stop()
            raise RuntimeError(f"{self.program} did not start: {e}\n{story}") from e
        return self

    def wait_ready(self):
        raise NotImplementedError

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, limit=STOP_LIMIT):
        """The exit status; negative: the signal that killed it."""
        try:
            return self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"waited {limit} s for {self.program} to end\n{self.story()}") from None

    def crash(self):
        """Kills it and all its processes, as systemd does with what a killed master leaves."""
        family = procs.descendants(self.pid)
        self.signal(signal.SIGKILL)
        self.wait_exit()
        self._end_orphans(family)

    def stop(self):
        """Ends the program and all that it left; returns its exit status."""
        if self.process is None:
            return None
        family = procs.descendants(self.pid) if self.running() else []
        if self.running():
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_LIMIT)
        status = self.process.returncode
        self._end_orphans(family)
        return status

    def _end_orphans(self, family):
        """A master that was killed leaves its processes to us (see procs.become_subreaper)."""
        Server.running_pids.discard(self.pid)
        for pid in set(family) | set(strays()):
            if procs.exe(pid).startswith(self.program):
                procs.kill(pid, signal.SIGKILL)
                procs.wait_gone(pid)
        for pid in procs.children(os.getpid(), dead=True):
            if pid not in Server.running_pids:
                procs.reap(pid)

    def cleanup(self):
        try:
            self.stop()
        finally:
            if self.own_folder:
                shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.cleanup()

    # --- what it said

    def log(self):
        return procs.content(self.log_path)

    def output(self):
        return procs.content(self.output_path)

    def wait_log(self, pattern, since=0, limit=procs.LIMIT):
        """The first match of the pattern in the log, from the character since on."""
        return procs.until(f"a log line like {pattern!r} in:\n{self.log()[since:][-2000:]}",
                           lambda: re.search(pattern, self.log()[since:]), limit)

    def story(self):
        return f"--- {self.output_path}:\n{self.output()[-3000:]}\n--- {self.log_path}:\n{self.log()[-3000:]}"


class PhpFpm(Server):
    program = "php-fpm"

    def command(self):
        return [*self.wrapper, php_fpm(), "--nodaemonize", "--fpm-config", self.config_path, *self.args]

    def wait_ready(self):
        def connects():
            if not self.running():
                raise RuntimeError(f"php-fpm ended with status {self.process.returncode}")
            try:
                for name in self.pools:
                    self.connect(name).close()
                return True
            except OSError:
                return False
        procs.until("php-fpm to accept connections", connects, START_LIMIT)


class Fpmd(Server):
    program = "fpmd"

    def __init__(self, *args, **more):
        super().__init__(*args, **more)
        self.notify = NotifySocket(os.path.join(self.folder, "notify"))
        self.notify_since = 0
        self.runtime = os.path.join(self.folder, "run")
        os.makedirs(self.runtime, exist_ok=True)

    def command(self):
        return [*self.wrapper, FPMD, "-y", self.config_path, *self.args]

    def environment(self):
        return {"NOTIFY_SOCKET": self.notify.path, "RUNTIME_DIRECTORY": self.runtime, **super().environment()}

    def spawn(self, command, pass_fds=()):
        self.notify_since = self.notify.mark()
        super().spawn(command, pass_fds)

    def wait_ready(self):
        self.notify.wait("READY", "1", self.notify_since, START_LIMIT, self.running)

    def start_expecting_failure(self, limit=START_LIMIT):
        """(exit status, everything it said) of a start that must fail."""
        self.spawn(self.command())
        status = self.wait_exit(limit)
        return status, self.output() + self.log()

    def start_with_sockets(self, sockets, names=None):
        """Starts it as systemd would, with listening sockets from fd 3 on; they stay open in the test too."""
        self.env["LISTEN_FDS"] = str(len(sockets))
        if names:
            self.env["LISTEN_FDNAMES"] = ":".join(names)
        high = [fcntl.fcntl(s, fcntl.F_DUPFD, 100) for s in sockets]
        moves = " ".join(f"{3 + i}<&{fd} {fd}<&-" for i, fd in enumerate(high))
        try:
            self.spawn(["/bin/bash", "-c", f'LISTEN_PID=$$ exec "$@" {moves}', "bash", *self.command()], pass_fds=high)
        finally:
            for fd in high:
                os.close(fd)
        return self

    def start_from_store(self, more=()):
        """Starts it anew with what it has put into the fd store; more: (name, descriptor) that come with these."""
        items = [*self.notify.store, *more]
        self.start_with_sockets([fd for _, fd in items], [name for name, _ in items])
        self.wait_ready()
        return self

    def start_activated(self, listeners, names=None):
        """Starts it under systemd-socket-activate(1), which runs the program at the first connection: made here."""
        command = ["systemd-socket-activate"]
        for address in listeners:
            command += ["-l", address]
        if names:
            command += ["--fdname", ":".join(names)]
        for name, value in self.environment().items():
            command += ["-E", f"{name}={value}"]
        self.spawn(command + self.command())
        address = listeners[0]

        def wake():
            try:
                fastcgi.Connection(address).close()
                return True
            except OSError:
                return False
        procs.until("systemd-socket-activate to listen", wake)
        self.wait_ready()
        return self

    # --- its processes

    def parks(self):
        return [p for p in procs.children(self.pid) if procs.exe(p) == "fpmd-park"]

    def zygotes(self, of=None):
        """Zygotes by their place: children of the master that run fpmd-zygote, but for the loader."""
        return [p for p in procs.children(of or self.pid) if procs.exe(p) == "fpmd-zygote" and not is_loader(p)]

    def loaders(self):
        return [p for p in procs.children(self.pid) if is_loader(p)]

    def workers(self, zygote=None):
        found = self.zygotes() if zygote is None else [zygote]
        return sorted(w for z in found for w in procs.children(z))

    def wait_workers(self, n, zygote=None, limit=procs.LIMIT, without=()):
        """n of them, of which none is one of those: in one look, since two could each see half of it."""
        return procs.until(f"{n} workers", lambda: these(self.workers(zygote), n, without), limit)

    def wait_zygotes(self, n, limit=procs.LIMIT, without=()):
        return procs.until(f"{n} zygotes", lambda: these(self.zygotes(), n, without), limit)

    def ctl(self, *args, limit=60):
        """Runs fpmctl against this server: subprocess.CompletedProcess with texts."""
        return subprocess.run([FPMCTL, "--runtime-dir", self.runtime, *args], capture_output=True, text=True, timeout=limit,
                              stdin=subprocess.DEVNULL)

    def begin_ctl(self, *args):
        """The same, under way: subprocess.Popen."""
        return subprocess.Popen([FPMCTL, "--runtime-dir", self.runtime, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def status(self):
        """What fpmctl status --json shows."""
        r = self.ctl("status", "--json")
        assert r.returncode == 0, r
        return json.loads(r.stdout)

    def generations(self, pool="www"):
        return next(p["generations"] for p in self.status()["pools"] if p["name"] == pool)

    def connect_control(self):
        """A connection to the control socket, for conversations that fpmctl does not hold. BlockingIOError: the queue is full."""
        c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        c.setblocking(False)
        try:
            c.connect(os.path.join(self.runtime, "control"))
        except OSError:
            c.close()
            raise
        c.settimeout(procs.LIMIT)
        return c

    def reload(self, number=signal.SIGUSR2):
        """By signal; returns when READY=1 of the new generation has come."""
        since = self.notify.mark()
        self.signal(number)
        at = self.notify.wait("RELOADING", "1", since)
        return self.notify.wait("READY", "1", at, limit=START_LIMIT)

    def cleanup(self):
        super().cleanup()
        self.notify.close()
