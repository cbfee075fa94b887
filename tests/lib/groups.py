# SPDX-License-Identifier: MIT
"""Control groups: with a memory limit, in whichever version of the memory controller the machine has mounted; and such as count time on a CPU."""

import os
import tempfile

import procs

V2, V1 = "/sys/fs/cgroup", "/sys/fs/cgroup/memory"


def parent():
    """The folder in which a group with a memory controller can be made, and which version it is; or (None, why not)."""
    for path, version, control in ((V1, 1, "memory.limit_in_bytes"), (V2, 2, "cgroup.subtree_control")):
        if not os.path.exists(os.path.join(path, control)):
            continue
        if version == 2 and "memory" not in open(os.path.join(path, control)).read().split():
            continue
        if os.access(path, os.W_OK):
            return path, version
    return None, "no memory controller that this user may make a group with (cgroup v1 or v2)"


class Folder:
    """A group of its own. Processes enter it by wrapper, in front of a command."""

    def __init__(self, parent):
        self.path = tempfile.mkdtemp(prefix="fpmd-", dir=parent)
        self.wrapper = ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    def _pids(self):
        with open(os.path.join(self.path, "cgroup.procs")) as f:
            return f.read().split()

    def close(self):
        procs.until("the group to be empty", lambda: not self._pids())
        os.rmdir(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Group(Folder):
    def __init__(self, limit):
        path, self.version = parent()
        super().__init__(path)
        self.limit(limit)

    def limit(self, limit):
        with open(os.path.join(self.path, "memory.limit_in_bytes" if self.version == 1 else "memory.max"), "w") as f:
            f.write(str(limit))


# --- time on a CPU

def _read(path):
    with open(path) as f:
        return f.read()


def own_folder(controller):
    """The folder of the group that this process is in, or None. controller: of version 1; "": version 2, which may be mounted beside it."""
    paths = {}
    for line in _read("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    for line in _read("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        root, mount_point = left.split()[3:5]
        kind, _, options = right.split(" ", 2)
        found = kind == "cgroup2" if not controller else kind == "cgroup" and controller in options.split(",")
        if found and controller in paths:
            return os.path.normpath(os.path.join(mount_point, os.path.relpath(paths[controller], root)))
    return None


class Account(Folder):
    """Counts the time that all processes in it have been on a CPU, those that have ended included. Version 2 of cgroups does so in each group, whatever
    controllers it has; version 1 has one for it. OSError: this user may make neither."""

    COUNTS = {"": ("cpu.stat", lambda text: int(text.split()[1]) * 1000), "cpuacct": ("cpuacct.usage", int)}

    def __init__(self):
        why = OSError("no cgroups of version 2, and no cpuacct of version 1")
        for controller, (name, self._parse) in self.COUNTS.items():
            folder = own_folder(controller)
            if folder is None:
                continue
            try:
                super().__init__(folder)
            except OSError as e:
                why = e
                continue
            self._count = os.path.join(self.path, name)
            if os.path.exists(self._count):
                return
            os.rmdir(self.path)
        raise why

    def cpu_ns(self):
        return self._parse(_read(self._count))
