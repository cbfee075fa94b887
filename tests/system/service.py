# SPDX-License-Identifier: MIT
"""fpmd under systemd units, as the tests handle it."""

import re
from pathlib import Path

from container import wait_until

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "packaging/man/fpmd-from-php-fpm.7", ROOT / "packaging/man/fpmd.8",
             ROOT / "packaging/man/fpmd.service.7"]
DROPIN = "/etc/systemd/system/{}.d/test.conf"


class Service:
    """fpmd as the main process of some unit."""

    def __init__(self, container, unit):
        self.container = container
        self.unit = unit
        self.cursor = container.journal_cursor()

    @property
    def master(self):
        return int(self.container.show(self.unit, "MainPID"))

    def children(self):
        """{zygote: [workers]} as the process table has it, without the loader."""
        table = self.container.processes()
        ours = {pid: parent for pid, (parent, exe, title) in table.items()
                if exe == "fpmd-zygote" and "libraries of PHP" not in title and "--loader=" not in title}
        zygotes = [pid for pid, parent in ours.items() if parent == self.master]
        return {zygote: [pid for pid, parent in ours.items() if parent == zygote] for zygote in zygotes}

    def workers(self):
        return [worker for workers in self.children().values() for worker in workers]

    def wait_for_workers(self, count):
        return wait_until(lambda: len(workers := self.workers()) == count and workers, f"{count} workers")

    def journal(self, *matches):
        return self.container.journal(self.cursor, *matches)


class Fpmd(Service):
    """fpmd under its own units."""

    socket_path = "/run/fpmd-www.sock"

    def __init__(self, container):
        super().__init__(container, "fpmd.service")
        self.dropins = []

    def configure(self, pool="", name="www", max_children=8, listen=None):
        """The pool's file; pool: further lines of it."""
        self.container.write(f"/etc/fpmd/pool.d/{name}.conf", f"""\
[{name}]
listen = {listen or self.socket_path}
pm = static
pm.max_children = {max_children}
{pool}
""")

    def drop_in(self, unit, text):
        path = DROPIN.format(unit)
        self.container.write(path, text)
        self.dropins.append(path)
        self.container.systemctl("daemon-reload")

    def listen(self):
        self.container.systemctl("start", "fpmd.socket")

    def start(self):
        self.listen()
        self.container.systemctl("start", "fpmd.service")

    def stop(self):
        container = self.container
        container.systemctl("stop", "fpmd.socket", "fpmd.service", check=False)
        container.systemctl("reset-failed", check=False)
        for path in self.dropins:
            container.remove(path)
        container.systemctl("daemon-reload")
        for path in (container.root / "etc/fpmd/pool.d").iterdir():
            path.unlink()


class DebianFpm(Service):
    """Debian's own service with Debian's own configuration, and what runs in it: php-fpm, or fpmd after the documentation's commands."""

    def __init__(self, container):
        unit = container.run("sh", "-c", "cd /lib/systemd/system && echo php*-fpm.service").stdout.strip()
        super().__init__(container, unit)
        self.name = unit.removesuffix(".service")
        self.version = self.name.removeprefix("php").removesuffix("-fpm")
        self.socket_path = f"/run/php/{self.name}.sock"
        self.log_path = f"/var/log/{self.name}.log"

    def follow(self, commands):
        """Runs commands of the documentation, which are written for any version."""
        for command in commands:
            self.container.run("sh", "-c", command.replace("sudo ", "").replace("X.Y", self.version))

    @property
    def program(self):
        return self.container.processes()[self.master][1]

    def stop(self):
        self.container.systemctl("stop", self.unit, check=False)
        self.container.systemctl("reset-failed", check=False)


class Instance(Service):
    """A pool of /etc/fpmd/pool.d as a unit of its own: its own user, and the default sandbox but for the folders that it is told to open."""

    def __init__(self, container, name, owns=(), writes=()):
        """owns: what of an application's files is www-data's becomes the pool's user's; writes: opened by the documented drop-in."""
        super().__init__(container, f"fpmd@{name}.service")
        self.name, self.owns = name, owns
        self.socket = f"fpmd@{name}.socket"
        self.socket_path = f"/run/fpmd-{name}.sock"
        container.run("sh", "-c", f"id {name} >/dev/null 2>&1 || useradd -M -s /usr/sbin/nologin {name}")
        self._hand_over("www-data", name)
        container.write(f"/etc/fpmd/pool.d/{name}.conf", f"""\
[{name}]
user = {name}
listen = {self.socket_path}
listen.owner = www-data
pm = ondemand
pm.max_children = 8
""")
        if writes:
            container.write(DROPIN.format(self.unit), (container.root / "usr/share/fpmd/sandbox/uploads.conf").read_text()
                            .replace("ReadWritePaths=/var/www", f"ReadWritePaths={' '.join(writes)}"))
        container.systemctl("daemon-reload")
        container.systemctl("enable", "--now", self.socket)

    def _hand_over(self, giver, taker):
        for folder in self.owns:
            self.container.run("sh", "-c", f"find {folder} -user {giver} -exec chown -h {taker} {{}} +; find {folder} -group {giver} -exec chgrp -h {taker} {{}} +")

    def stop(self):
        self.container.systemctl("disable", "--now", self.socket, self.unit, check=False)
        self.container.remove(f"/etc/fpmd/pool.d/{self.name}.conf")
        self.container.remove(DROPIN.format(self.unit))
        self.container.systemctl("reset-failed", check=False)
        self.container.systemctl("daemon-reload")
        self._hand_over(self.name, "www-data")


def documented(first_words):
    """The commands of the documentation's block that begins with these words: README's is indented, a man page's a display."""
    for document in DOCUMENTS:
        text = document.read_text()
        for block in re.findall(r"(?:^    .*\n)+|(?<=^\.Bd -literal -offset indent\n)(?:^[^.].*\n)+", text, re.MULTILINE):
            if block.lstrip().startswith(first_words):
                return [line.partition(" # ")[0].strip() for line in block.splitlines()]
    raise AssertionError(f"no document has commands that begin with: {first_words}")
