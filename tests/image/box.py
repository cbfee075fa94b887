# SPDX-License-Identifier: MIT
"""A container of the image, by runc or crun, as "docker run --read-only --cap-drop ALL" and a Kubernetes pod with a restricted security
context have it: network, process ids and mounts of its own, no capability, a root that nobody can write to."""

import ctypes
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import procs

CLONE_NEWNET = 0x40000000
START_LIMIT = 60


def find_runtime():
    return next((path for name in ("runc", "crun") if (path := shutil.which(name))), None)


class Box:
    numbers = 0

    def __init__(self, bundle, work, user=(33, 33), capabilities=(), more=(), env=()):
        """bundle: what umoci has unpacked of the image. user: (uid, gid). more: arguments in place of the image's."""
        Box.numbers += 1
        self.name = f"fpmd-test-{os.getpid()}-{Box.numbers}"
        self.work = Path(work)
        self.site = self.work / "site"
        self.site.mkdir()
        self.runtime = [find_runtime(), "--root", self.work / "state"]
        self.image = json.loads((Path(bundle) / "config.json").read_text())
        self.write_config(Path(bundle) / "rootfs", user, list(capabilities), list(more), list(env))
        self.process = None

    def write_config(self, root, user, capabilities, more, env):
        config = json.loads(json.dumps(self.image))
        process = config["process"]
        process["terminal"] = False
        process["user"] = {"uid": user[0], "gid": user[1]}
        process["capabilities"] = {kind: capabilities for kind in ("bounding", "effective", "permitted")}
        process["noNewPrivileges"] = True
        process["env"] += env
        if more:
            process["args"] = process["args"][:1] + more
        config["root"] = {"path": str(root), "readonly": True}
        config["mounts"] += [{"destination": place, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "mode=1777"]}
                             for place in ("/run", "/tmp")]
        config["mounts"].append({"destination": "/var/www/html", "type": "none", "source": str(self.site), "options": ["rbind", "ro"]})
        config["linux"]["cgroupsPath"] = f"/{self.name}"
        (self.work / "bundle").mkdir()
        (self.work / "bundle/config.json").write_text(json.dumps(config))

    def page(self, name, code):
        (self.site / name).write_text(code)
        return f"/var/www/html/{name}"

    # -- its life

    def start(self):
        with open(self.work / "stdout", "wb") as out, open(self.work / "stderr", "wb") as err:
            self.process = subprocess.Popen([*self.runtime, "run", "--bundle", self.work / "bundle", self.name],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.wait_up()
        return self

    def wait_up(self):
        def up():
            assert self.process.poll() is None, f"the container ended with status {self.process.returncode}:\n{self.err()}"
            return "ready to handle connections" in self.err()
        procs.until("fpmd to be ready in the container", up, START_LIMIT)
        self.pid = json.loads(self.run("state", self.name).stdout)["pid"]

    def run(self, *arguments, check=True):
        return subprocess.run([*self.runtime, *arguments], check=check, capture_output=True, text=True, timeout=60)

    def execute(self, *command):
        return self.run("exec", self.name, *command, check=False)

    def kill(self, name="TERM"):
        self.run("kill", self.name, name)

    def wait_exit(self, limit):
        return self.process.wait(limit)

    def end(self):
        if self.process and self.process.poll() is None:
            self.run("kill", self.name, "KILL", check=False)
            self.process.wait(30)
        self.run("delete", "--force", self.name, check=False)

    # -- what it says, and who is in it

    def out(self):
        return (self.work / "stdout").read_text(errors="replace")

    def err(self):
        return (self.work / "stderr").read_text(errors="replace")

    def enter_network(self):
        """Of the calling thread alone: its sockets are the container's from then on."""
        with open(f"/proc/{self.pid}/ns/net") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")

    def inside(self, function, *arguments):
        """What the function returns, called in the container's network."""
        outcome = []

        def call():
            try:
                self.enter_network()
                outcome.append((function(*arguments), None))
            except BaseException as e:
                outcome.append((None, e))
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        result, error = outcome[0]
        if error:
            raise error
        return result
