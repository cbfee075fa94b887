# SPDX-License-Identifier: MIT
"""fpmd under its units, as the tests handle it."""

from container import wait_until

DROPIN = "/etc/systemd/system/{}.d/test.conf"


class Fpmd:
    """fpmd under its units."""

    socket_path = "/run/fpmd-www.sock"

    def __init__(self, container):
        self.container = container
        self.cursor = container.journal_cursor()
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

    @property
    def master(self):
        return int(self.container.show("fpmd.service", "MainPID"))

    def children(self):
        """{zygote: [workers]} as the process table has it."""
        table = self.container.processes()
        ours = {pid: parent for pid, (parent, exe, _) in table.items() if exe == "fpmd-zygote"}
        zygotes = [pid for pid, parent in ours.items() if parent == self.master]
        return {zygote: [pid for pid, parent in ours.items() if parent == zygote] for zygote in zygotes}

    def workers(self):
        return [worker for workers in self.children().values() for worker in workers]

    def wait_for_workers(self, count):
        return wait_until(lambda: len(workers := self.workers()) == count and workers, f"{count} workers")

    def journal(self, *matches):
        return self.container.journal(self.cursor, *matches)
