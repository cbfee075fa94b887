# SPDX-License-Identifier: MIT
"""A cgroup of a container's own, below the one that the tests run in.

An unregistered container's systemd works in its caller's cgroup. Two containers there would share theirs: each then sees the other's
services of the same name, and waits for processes that are not its own to end. systemd keeps its books in the unified hierarchy and,
where there is one, in the one named systemd, so the cgroup is made in both.
"""

import os
import time
from pathlib import Path


def _own():
    """The folders that are this process's cgroup, in each hierarchy that systemd uses."""
    paths = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        paths[controllers] = path
    found = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        root, mount_point = left.split()[3:5]
        kind, _, options = right.split(" ", 2)
        name = "" if kind == "cgroup2" else "name=systemd" if kind == "cgroup" and "name=systemd" in options.split(",") else None
        if name in paths:
            found.append(Path(os.path.normpath(os.path.join(mount_point, os.path.relpath(paths.pop(name), root)))))
    return found


class Cgroup:
    def __init__(self, name):
        self.folders = [folder / name for folder in _own()]
        assert self.folders, "this machine has no hierarchy of cgroups that systemd could use"
        for folder in self.folders:
            folder.mkdir()

    def enter(self):
        """Moves the calling process, and so all that it will start."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text("0")

    def processes(self):
        """Of all its hierarchies, those of its inner cgroups included."""
        return {int(pid) for folder in self.folders for procs in folder.rglob("cgroup.procs") for pid in procs.read_text().split()}

    def remove(self, limit=20.0):
        """Once its last process is gone. The kernel takes the folders of a cgroup from the inside out only."""
        end = time.monotonic() + limit
        while left := self.processes():
            assert time.monotonic() < end, f"processes {sorted(left)} are left in {self.folders[0]}"
            time.sleep(0.02)
        for folder in self.folders:
            for inner in sorted(folder.rglob("*/"), key=lambda path: len(path.parts), reverse=True):
                inner.rmdir()
            folder.rmdir()
