# SPDX-License-Identifier: MIT
"""fpmctl list: what it makes of systemd's answers. They come from a systemctl that has them ready; /etc/fpmd is the test's own, in a mount namespace."""

import json
import os
import subprocess

import pytest

import server as programs

pytestmark = pytest.mark.skipif(not programs.ROOT, reason="a mount namespace takes root")

# As systemd 252's: a pattern is of units that are loaded, a name without an ending a service's, and colours are for who asks for them.
SYSTEMCTL = """#!/usr/bin/python3
import fnmatch, json, os, sys
units = json.load(open(os.path.dirname(sys.argv[0]) + "/units"))
arguments, wanted = sys.argv[1:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
names = []
if arguments[0] in ("enable", "is-active"):
    sys.exit(0)
for word in wanted:
    word += "" if word.endswith((".service", ".socket")) else ".service"
    if not word.isprintable() or "@." in word:
        sys.exit(f"Unit name {word!r} is neither a valid invocation ID nor unit name.")
    names += fnmatch.filter(units, word) if "*" in word else [word]
red, plain = ("\\x1b[0;1;31m", "\\x1b[0m") if os.environ.get("SYSTEMD_COLORS") == "1" else ("", "")
for name in names:
    unit = {"ActiveState": "inactive", **units.get(name, {})}
    if arguments[0] == "show":
        open(os.path.dirname(sys.argv[0]) + "/asked", "a").write(name + "\\n")
        print(f"Id={name}", *(f"{key}={value}" for key, value in unit.items()), "", sep="\\n")
    else:
        print(f"{red}{name}{plain} {red}loaded{plain} {red}{unit['ActiveState']}{plain} sub what it is")
"""


class Machine:
    def __init__(self, folder):
        self.folder, self.units = folder, {}
        (folder / "etc/fpmd/pool.d").mkdir(parents=True)
        (folder / "bin").mkdir()
        self.write("etc/fpmd/fpmd.conf", "include = /etc/fpmd/pool.d/*.conf\n")
        self.write("bin/systemctl", SYSTEMCTL).chmod(0o755)

    def write(self, path, text):
        (self.folder / path).write_text(text)
        return self.folder / path

    def pool(self, name, listen):
        self.write(f"etc/fpmd/pool.d/{name}.conf", f"[{name}]\nuser = www-data\nlisten = {listen}\npm = static\npm.max_children = 1\n")

    def socket(self, name, listen, **properties):
        """Of fpmd.service."""
        self.units[name] = {"ActiveState": "active", "Listen": f"{listen} (Stream)", "FileDescriptorName": name, "Triggers": "fpmd.service", **properties}

    def run(self, *arguments, **environment):
        mine = " ".join(name for name in self.units if name.endswith(".socket"))
        self.write("bin/units", json.dumps({"fpmd.service": {"ActiveState": "active", "User": "www-data", "TriggeredBy": mine}, **self.units}))
        mount = f'mount -t overlay -o lowerdir={self.folder}/etc:/etc overlay /etc && exec "$@"'
        done = subprocess.run(["unshare", "--mount", "sh", "-c", mount, "sh", programs.FPMCTL, *arguments], capture_output=True, text=True,
                              env={**os.environ, **environment, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def of_all(self, key, *arguments, **environment):
        return {pool["name"]: pool[key] for pool in json.loads(self.run("list", "--json", *arguments, **environment))}

    def asked(self):
        """How many units systemd has been asked about, all of each."""
        asked = self.folder / "bin/asked"
        n = len(asked.read_text().splitlines()) if asked.exists() else 0
        asked.unlink(missing_ok=True)
        return n

    def states(self, *arguments, **environment):
        return self.of_all("state", *arguments, **environment)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def test_a_pool_of_a_service_with_hundreds_of_sockets_is_found_alone_as_among_all(machine):
    for n in range(200):
        machine.pool(f"site{n}", f"/run/site{n}.sock")
        machine.socket(f"site-of-a-customer-{n}.socket", f"/run/site{n}.sock")
    machine.pool("late", "/run/late.sock")
    assert machine.states() == {"late": "off"} | {f"site{n}": "shared" for n in range(200)}
    assert machine.states("site199") == {"site199": "shared"}
    assert machine.states("late") == {"late": "off"}


def test_systemd_is_not_asked_about_sockets_that_are_not_needed(machine):
    """To say all of one it takes milliseconds."""
    for n in range(100):
        machine.pool(f"site{n}", f"/run/site{n}.sock")
        machine.socket(f"of-site{n}.socket", f"/run/site{n}.sock")
    assert machine.states("site99") == {"site99": "shared"}
    assert machine.asked() == 4  # its own two, fpmd.service, and its socket
    machine.units["fpmd@site98.socket"] = {"ActiveState": "active"}
    assert machine.states("site98") == {"site98": "asleep"}
    assert machine.asked() == 3


def test_pools_have_a_socket_by_their_name_or_their_address(machine):
    machine.pool("named", "systemd")
    machine.pool("placed", "localhost:9001")
    machine.pool("twin", "127.0.0.1:9001")
    machine.pool("stopped", "/run/stopped.sock")
    machine.socket("a.socket", "/run/elsewhere.sock", FileDescriptorName="named")
    machine.socket("b.socket", "127.0.0.1:9001")
    machine.socket("c.socket", "/run/stopped.sock", ActiveState="inactive")
    assert machine.states() == {"named": "shared", "placed": "shared", "twin": "shared", "stopped": "off"}


def test_colours_are_for_who_reads(machine):
    machine.pool("shop", "/run/shop.sock")
    machine.units = {"fpmd@shop.socket": {"ActiveState": "active"}, "fpmd@shop.service": {"ActiveState": "failed"}}
    assert machine.states(SYSTEMD_COLORS="1") == {"shop": "failed"}


def test_an_edited_sockets_address_is_systemds(machine):
    """As the socket unit itself says how to: in a drop-in."""
    for name in ("shop", "plain"):
        machine.pool(name, "systemd")
        machine.units[f"fpmd@{name}.socket"] = {"ActiveState": "active", "Listen": f"/run/fpmd-{name}.sock (Stream)"}
    (machine.folder / "etc/systemd/system/fpmd@shop.socket.d").mkdir(parents=True)
    machine.units["fpmd@shop.socket"]["Listen"] = "127.0.0.1:9000 (Stream)\nListen=127.0.0.1:9000 (Stream)"
    addresses = {"shop": "127.0.0.1:9000", "plain": "/run/fpmd-plain.sock"}
    assert machine.of_all("listen") == addresses
    assert {name: machine.of_all("listen", name)[name] for name in addresses} == addresses
    assert "listens on 127.0.0.1:9000:" in machine.run("enable", "shop")
