# SPDX-License-Identifier: MIT
"""The same command given to php-fpm and to fpmd under php-fpm's name, and what each of them makes of it."""

import contextlib
import os
import re
import shutil
import signal
import subprocess

import fastcgi
import procs
import server as programs

LINE = re.compile(r"^\[\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d{6})?\] (DEBUG|NOTICE|WARNING|ERROR|ALERT): (.*)$")


def plain(text, folder, program):
    """The text without what differs from run to run: times, durations, process and descriptor numbers, places."""
    text = text.replace(program, "{program}").replace(folder, "{d}")
    text = re.sub(r"\b(pid|child|trace|trace of) \d+", r"\1 N", text)
    text = re.sub(r"\bfd=\d+", "fd=N", text)
    text = re.sub(r"\d+\.\d+ sec", "S sec", text)
    return re.sub(r"(SIGSEGV) - core dumped", r"\1", text)


class Twin:
    """One of the two: a folder of its own, and the program by a name that begins with php-fpm."""

    def __init__(self, ours):
        self.ours = ours
        self.folder = programs.make_folder("twin")
        self.program = programs.php_fpm()
        self.process = None
        self.pool = {"listen": os.path.join(self.folder, "www.sock"), "listen.mode": "0666", "pm": "static", "pm.max_children": "1"}
        if ours:
            self.program = os.path.join(self.folder, os.path.basename(programs.php_fpm()))
            os.symlink(programs.FPMD, self.program)
        if programs.ROOT:
            self.pool.update({"user": programs.POOL_USER, "group": programs.POOL_USER})
        self.output_path = os.path.join(self.folder, "output")
        self.log_path = os.path.join(self.folder, "error.log")
        self.conf_path = os.path.join(self.folder, "fpm.conf")

    def fill(self, value):
        return value.replace("{d}", self.folder)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(self.fill(text))
        return path

    def write_conf(self, settings=None, pool=None, name="fpm.conf"):
        lines = ["[global]"] + [f"{k} = {v}" for k, v in {"error_log": self.log_path, **(settings or {})}.items() if v is not None]
        lines += ["[www]"] + [f"{k} = {v}" for k, v in {**self.pool, **(pool or {})}.items() if v is not None]
        return self.write(name, "\n".join(lines) + "\n")

    def environment(self):
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "TZ") or k.startswith(("ASAN_", "UBSAN_", "LSAN_"))}
        return {**env, "RUNTIME_DIRECTORY": os.path.join(self.folder, "run")}

    def command(self, args):
        return [self.program, *(self.fill(a) for a in args)]

    def ask(self, *args):
        """Runs it to its end: (exit status, stdout, stderr)."""
        r = subprocess.run(self.command(args), capture_output=True, text=True, timeout=programs.START_LIMIT, stdin=subprocess.DEVNULL,
                           env=self.environment(), cwd=self.folder, errors="surrogateescape")
        return r.returncode, plain(r.stdout, self.folder, self.program), plain(r.stderr, self.folder, self.program)

    def start(self, *args, settings=None, pool=None):
        """In the foreground, all messages to stderr, until it takes connections."""
        self.write_conf(settings, pool)
        with open(self.output_path, "wb") as out:
            self.process = subprocess.Popen(self.command(["-n", "-y", "fpm.conf", "-O", "-F", *args]), stdout=out, stderr=out,
                                            stdin=subprocess.DEVNULL, env=self.environment(), cwd=self.folder,
                                            preexec_fn=procs.die_with_parent)
        programs.Server.running_pids.add(self.process.pid)
        procs.until("the first worker", self.workers, programs.START_LIMIT)
        procs.until("a connection", self.connects, programs.START_LIMIT)
        return self

    def connection(self):
        return contextlib.closing(fastcgi.Connection(self.pool["listen"]))

    def connects(self):
        try:
            fastcgi.Connection(self.pool["listen"]).close()
            return True
        except OSError:
            return False

    def output(self):
        with open(self.output_path, errors="surrogateescape") as f:
            return f.read()

    def wait_said(self, pattern, n=1, limit=programs.START_LIMIT):
        procs.until(f"{n} lines like {pattern!r} from {self.program}", lambda: len(re.findall(pattern, self.output())) >= n, limit)

    def lines(self, text=None, levels=("NOTICE", "WARNING", "ERROR", "ALERT")):
        """What it said, as "LEVEL: message" without times and numbers. A line that is none of a log's would fail here."""
        found = []
        for line in (self.output() if text is None else text).splitlines():
            match = LINE.match(line)
            assert match or not line, line
            if match and match[1] in levels:
                found.append(plain(f"{match[1]}: {match[2]}", self.folder, self.program))
        return found

    def workers(self):
        return sorted(p for p in procs.descendants(self.process.pid) if procs.title(p).startswith("php-fpm: pool"))

    def wait_worker(self, instead_of=None):
        """The first that has its title: all of them where there is one.

        instead_of: one that must have gone. Its end and the next one's start are seen in one look: between the two php-fpm
        executes itself anew, and what arrives at its old program then is lost.
        """
        def fresh():
            found = self.workers()
            return found if instead_of not in found else None
        return procs.until("a worker", fresh)[0]

    def request(self, script, timeout=20.0):
        return fastcgi.Client(self.pool["listen"], timeout).request(fastcgi.environment(script), b"")

    def script(self, name, code):
        path = self.write(name, code)
        os.chmod(path, 0o644)
        return path

    def send(self, number):
        self.process.send_signal(number)

    def end(self, number=signal.SIGTERM):
        """The exit status after the signal."""
        self.send(number)
        return self.process.wait(programs.STOP_LIMIT)

    def cleanup(self):
        if self.process and self.process.poll() is None:
            family = procs.descendants(self.process.pid)
            self.process.kill()
            self.process.wait(programs.STOP_LIMIT)
            for pid in family:
                if procs.alive(pid):
                    procs.kill(pid, signal.SIGKILL)
                    procs.wait_gone(pid)
        if self.process:
            programs.Server.running_pids.discard(self.process.pid)
        shutil.rmtree(self.folder, ignore_errors=True)
