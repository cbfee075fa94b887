# SPDX-License-Identifier: MIT
"""A booted systemd to test the units in: systemd-nspawn on a throw-away layer above the cached image.

The container has its own network (loopback only), process ids, mounts, journal and cgroup, so several may run side by side. It is not
registered with machined, so it works on machines without systemd; commands enter its namespaces by the id of its init, and nothing is
ever ended by name.
"""

import ctypes
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from cgroup import Cgroup

HERE = Path(__file__).resolve().parent
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Failed(AssertionError):
    """A command in the container failed, or what was waited for did not come."""


def wait_until(condition, what, limit=20.0, interval=0.05):
    """The first true value of condition(). For states that nobody announces; never longer than the limit."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed(f"waited {limit:g} s for {what}")
        time.sleep(interval)


def image():
    """The cached root, made now if it is missing."""
    return Path(subprocess.run([HERE / "image"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())


class Container:
    def __init__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="fpmd-system."))
        self.root = self.dir / "root"
        self.leader = None
        self.nspawn = None
        self.cgroup = None
        self.mounts = []

    # -- its life -------------------------------------------------------------------------------------------------------

    def create(self):
        """A writable layer above the image, in memory: an overlay cannot have its layer on another overlay, and the machine's own root
        may be one. Where the kernel has no overlay at all, a real copy."""
        lower = image()
        self._mount("tmpfs", self.dir, "mode=0755", check=True)
        for name in ("root", "upper", "work"):
            (self.dir / name).mkdir()
        if not self._mount("overlay", self.root, f"lowerdir={lower},upperdir={self.dir}/upper,workdir={self.dir}/work"):
            subprocess.run(["cp", "-a", f"{lower}/.", self.root], check=True)
        self.write("/etc/hosts", "127.0.0.1 localhost wiki.localhost blog.localhost mysql.localhost\n")

    def _mount(self, kind, where, options, check=False):
        done = subprocess.run(["mount", "-t", kind, "-o", options, kind, where], check=check, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            self.mounts.insert(0, where)
        return done.returncode == 0

    def install(self, build):
        """Installs a build directory, as a package would."""
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], check=True,
                       env={**os.environ, "DESTDIR": str(self.root)}, stdout=subprocess.DEVNULL)

    def _name(self):
        """One of its own: systemd 257 has a folder for each in /run, and refuses a second machine of the same name."""
        return "fpmd-" + re.sub("[^a-z0-9]", "", self.dir.name.partition(".")[2].lower()) + f"-{os.getpid()}"

    def boot(self, limit=60.0):
        """Returns when its systemd says READY=1, which is after its default target was reached. Again after power_off()."""
        (self.dir / "notify").unlink(missing_ok=True)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        notify.bind(str(self.dir / "notify"))
        self.console = open(self.dir / "console", "wb")
        self.cgroup = Cgroup(self.dir.name)
        self.nspawn = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "-D", self.root, "--machine", self._name(), "--register=no", "--keep-unit", "-b", "--private-network",
             "--console=read-only", "--notify-ready=yes", "--link-journal=no", "--resolv-conf=off", "--timezone=off",
             "--system-call-filter=landlock_create_ruleset landlock_add_rule landlock_restrict_self"],
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=self.console, preexec_fn=self._before_exec,
            env={"PATH": PATH, "NOTIFY_SOCKET": str(self.dir / "notify")})
        end = time.monotonic() + limit
        with notify:
            while True:
                notify.settimeout(max(0.1, end - time.monotonic()))
                try:
                    lines = notify.recv(4096).decode().splitlines()
                except TimeoutError:
                    raise Failed(f"the container did not boot in {limit:g} s:\n{self._console_tail()}") from None
                for line in lines:
                    if line.startswith("X_NSPAWN_LEADER_PID="):
                        self.leader = int(line.partition("=")[2])
                if "READY=1" in lines:
                    return

    def _before_exec(self):
        """In the child: a cgroup of its own, and an interrupted test run leaves no container behind."""
        PR_SET_PDEATHSIG = 1
        self.cgroup.enter()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def _console_tail(self):
        return (self.dir / "console").read_text(errors="replace")[-4000:]

    def power_off(self):
        if not self.nspawn:
            return
        self.nspawn.terminate()  # nspawn asks the container's init for an orderly power-off
        try:
            self.nspawn.wait(30)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()
        self.nspawn = None
        self.console.close()
        self.cgroup.remove()

    def shutdown(self):
        self.power_off()
        for where in self.mounts:
            subprocess.run(["umount", where], check=True)
        self.dir.rmdir()

    # -- commands in it -------------------------------------------------------------------------------------------------

    def enter(self, *command):
        return ["nsenter", "-t", str(self.leader), "-a", "--", "env", "-i", f"PATH={PATH}", "LC_ALL=C.UTF-8", "HOME=/root", *command]

    def enter_network(self, *command):
        """For programs of the test's own machine that speak to the container's loopback addresses."""
        return ["nsenter", "-t", str(self.leader), "-n", "--", *command]

    def run(self, *command, check=True, limit=60, input=None):
        done = subprocess.run(self.enter(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=limit, input=input, stdin=None if input is not None else subprocess.DEVNULL)
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def systemctl(self, *arguments, **keywords):
        return self.run("systemctl", *arguments, **keywords)

    def systemd_version(self):
        return int(self.run("systemctl", "--version").stdout.split()[1])

    def show(self, unit, name):
        return self.systemctl("show", "-P", name, unit).stdout.strip()

    def wait_for(self, unit, *states, limit=30.0):
        try:
            return wait_until(lambda: (state := self.show(unit, "ActiveState")) in states and state,
                              f"{unit} to be {' or '.join(states)}", limit)
        except Failed as failure:
            status = self.systemctl("status", "--no-pager", "-l", "-n", "40", unit, check=False).stdout
            raise Failed(f"{failure}\n{status}") from None

    def write(self, path, text, mode=0o644):
        """A file in the container, from outside it: works before boot too. Replaces a symbolic link, and never follows one: seen from
        here an absolute one leads out of the container."""
        target = self._outside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():
            target.unlink()
        target.write_text(text)
        target.chmod(mode)

    def remove(self, path):
        self._outside(path).unlink(missing_ok=True)

    def _outside(self, path):
        target = self.root / path.lstrip("/")
        assert target.parent.resolve().is_relative_to(self.root), f"{path} leads out of the container"
        return target

    # -- what it says ---------------------------------------------------------------------------------------------------

    def journal_cursor(self):
        self.run("journalctl", "--sync", check=False)
        done = self.run("journalctl", "-n", "0", "--show-cursor", "--quiet")
        return done.stdout.strip().partition("cursor: ")[2]

    def journal(self, cursor, *matches):
        """Entries after the cursor, as dictionaries."""
        done = self.run("journalctl", "-o", "json", "--all", "--no-pager", f"--after-cursor={cursor}", *matches, check=False)
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def journal_text(self, cursor, *matches):
        return self.run("journalctl", "--no-pager", f"--after-cursor={cursor}", *matches, check=False).stdout

    def processes(self):
        """{pid: (parent, name of the executable, command line)} of all processes in the container."""
        script = ('for d in /proc/[0-9]*; do exe=$(readlink $d/exe) || continue; '
                  'ppid=$(sed -n "s/^PPid:\\t//p" $d/status 2>/dev/null); '
                  'printf "%s\\t%s\\t%s\\t%s\\n" "${d#/proc/}" "$ppid" "${exe##*/}" "$(tr "\\0\\n" "  " <$d/cmdline)"; done 2>/dev/null')
        table = {}
        for line in self.run("sh", "-c", script, check=False).stdout.splitlines():
            pid, ppid, exe, title = line.split("\t", 3)
            if ppid:
                table[int(pid)] = (int(ppid), exe.removesuffix(" (deleted)"), title.strip())
        return table
