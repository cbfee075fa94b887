# SPDX-License-Identifier: MIT
"""Control groups with a memory limit, in whichever version of the memory controller the machine has mounted."""

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


class Group:
    """A group of its own. Processes enter it by Group.wrapper, in front of a command."""

    def __init__(self, limit):
        path, self.version = parent()
        self.path = tempfile.mkdtemp(prefix="fpmd-", dir=path)
        self.limit(limit)
        self.wrapper = ["sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh"]

    def limit(self, limit):
        with open(os.path.join(self.path, "memory.limit_in_bytes" if self.version == 1 else "memory.max"), "w") as f:
            f.write(str(limit))

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
