# SPDX-License-Identifier: MIT
"""fpmctl list, enable and the others: what they make of systemd's answers. They come from a systemctl that has them ready; /etc/fpmd, systemd's
folders and process 1, which has its sockets, are the test's own, in namespaces."""

import json
import os
import socket
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
if arguments[0] in ("enable", "disable", "is-active"):
    sys.exit(0)
if arguments[0] in ("restart", "reset-failed"):
    open(os.path.dirname(sys.argv[0]) + "/" + arguments[0], "a").write(" ".join(wanted) + "\\n")
    sys.exit(0)
for word in wanted:
    word += "" if word.endswith((".service", ".socket")) else ".service"
    if not word.isprintable() or "@." in word:
        sys.exit(f"Unit name {word!r} is neither a valid invocation ID nor unit name.")
    names += fnmatch.filter(units, word) if "*" in word else [word]
red, plain = ("\\x1b[0;1;31m", "\\x1b[0m") if os.environ.get("SYSTEMD_COLORS") == "1" else ("", "")
for name in names:
    unit = {"ActiveState": "inactive", **units.get(name, {})}
    if "--state=active" in arguments and unit["ActiveState"] != "active":
        continue
    if "--value" in arguments:
        print(unit.get("StatusText", ""))
        continue
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
        (folder / "run/systemd/generator").mkdir(parents=True)
        self.mounts = []
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

    def own(self, name, listener=None, **properties):
        """The socket unit of the pool's own, which systemd has made at the address of that listener, else where nobody listens."""
        at = listener.getsockname() if listener else f"{self.folder}/{name}.sock"
        self.pool(name, at)
        folder = self.folder / f"run/systemd/generator/fpmd@{name}.socket.d"
        folder.mkdir()
        (folder / "50-pool.conf").write_text(f"[Unit]\nSourcePath=/x\n[Socket]\nListenStream=\nListenStream={at}\n")
        self.units[f"fpmd@{name}.socket"] = {"ActiveState": "active", "SubState": "listening", "Listen": f"{at} (Stream)", **properties}

    def run(self, *arguments, **environment):
        done = self.ran(*arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ran(self, *arguments, listeners=(), **environment):
        """listeners: sockets that process 1 has."""
        mine = " ".join(name for name in self.units if name.endswith(".socket"))
        self.write("bin/units", json.dumps({"fpmd.service": {"ActiveState": "active", "User": "www-data", "TriggeredBy": mine}, **self.units}))
        mounts = [f"mount -t overlay -o lowerdir={self.folder}/{name}:/{name} overlay /{name}" for name in ("etc", "run")] + self.mounts
        return subprocess.run(["unshare", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", " && ".join([*mounts, 'exec "$@"']), "sh", programs.FPMCTL,
                               *arguments], capture_output=True, text=True, pass_fds=[listener.fileno() for listener in listeners],
                              env={**os.environ, **environment, "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}, timeout=60)

    def restarted(self, verb="restart"):
        """What has been, in order."""
        path = self.folder / "bin" / verb
        return path.read_text().splitlines() if path.exists() else []

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


SYSTEMDS = "[www]\nuser = www-data\nlisten = systemd\npm = static\npm.max_children = 1\n"


def test_get_finds_the_address_of_a_pool_that_leaves_it_to_systemd(machine):
    """Whether it is of the main file or of a folder's."""
    machine.write("etc/fpmd/fpmd.conf", f"{SYSTEMDS}include = /etc/fpmd/pool.d/*.conf\n")
    machine.pool("shop", "systemd")
    machine.socket("fpmd.socket", "/run/none-of-www.sock", FileDescriptorName="www")
    machine.socket("b.socket", "/run/none-of-b.sock", FileDescriptorName="shop", ActiveState="inactive")
    machine.socket("c.socket", "/run/none-of-shop.sock", FileDescriptorName="shop")
    for options, path in ((), "www"), (("--pool", "www"), "www"), (("--pool", "shop"), "shop"):
        done = machine.ran("get", *options, "/x.php")
        assert (done.returncode, "systemd" in done.stderr) == (69, False)
        assert f"nobody listens on /run/none-of-{path}.sock: there is no such socket" in done.stderr
    machine.units["fpmd@shop.socket"] = {"ActiveState": "active", "Listen": "127.0.0.1:9 (Stream)"}
    assert "nobody listens on 127.0.0.1:9: " in machine.ran("get", "--pool", "shop", "/x.php").stderr


def test_get_says_that_nobody_knows_such_an_address(machine):
    machine.write("etc/fpmd/fpmd.conf", SYSTEMDS)
    machine.units["fpmd@www.socket"] = {"ActiveState": "inactive", "Listen": "/run/fpmd-www.sock (Stream)"}
    done = machine.ran("get", "/x.php")
    assert done.returncode == 78 and "no socket unit of its own or of fpmd.service's is up that has its name; systemctl list-sockets" in done.stderr
    other = machine.write("other.conf", SYSTEMDS)
    done = machine.ran("get", "-y", other, "/x.php")
    assert done.returncode == 78 and f"pool 'www' of {other} listens where systemd says (listen = systemd)" in done.stderr and "--connect" in done.stderr


@pytest.fixture
def listen(tmp_path):
    """listen(name) -> a socket that listens, of a file with that name."""
    made = []

    def build(name, mode=0o660):
        made.append(socket.socket(socket.AF_UNIX))
        made[-1].bind(f"{tmp_path}/{name}.sock")
        os.chmod(f"{tmp_path}/{name}.sock", mode)
        made[-1].listen()
        return made[-1]
    yield build
    for listener in made:
        listener.close()


def test_enable_has_sockets_made_anew_that_systemd_has_closed(machine, listen):
    """As its daemon-reload does where a unit's address has changed: also that of another site, which nobody has asked for."""
    good = listen("good")
    machine.own("good", good)
    machine.own("shop", listen("shop"))  # of another process than systemd
    machine.own("blog")
    machine.own("busy", SubState="running")
    machine.own("off", ActiveState="inactive")
    done = machine.ran("enable", "shop", listeners=[good])
    assert done.returncode == 0, done
    assert machine.restarted() == ["fpmd@shop.socket", "fpmd@blog.socket"]
    for name in ("shop", "blog"):
        assert f"fpmd@{name}.socket was up and did not listen on {machine.folder}/{name}.sock, since that has changed: it is restarted" in done.stdout
    assert f"fpmd@busy.socket has no socket at {machine.folder}/busy.sock" in done.stderr and "systemctl restart fpmd@busy.socket" in done.stderr
    assert "good" not in done.stdout and "fpmd@off" not in done.stdout + done.stderr


def test_enable_has_a_tcp_socket_made_anew(machine):
    with socket.create_server(("127.0.0.1", 0)) as held, socket.create_server(("127.0.0.1", 0)) as closed:
        for name, listener in (("held", held), ("closed", closed)):
            machine.own(name)
            machine.units[f"fpmd@{name}.socket"]["Listen"] = "%s:%d (Stream)" % listener.getsockname()
        assert machine.ran("enable", "held", listeners=[held]).returncode == 0
        assert "fpmd@held.socket" not in machine.restarted()
        closed.close()
        assert machine.ran("enable", "closed", listeners=[held]).returncode == 0
        assert machine.restarted()[-1] == "fpmd@closed.socket"


@pytest.mark.parametrize("rights, changed", [({"SocketMode": "0660", "SocketUser": "root", "SocketGroup": "root"}, False), ({"SocketMode": "0600"}, True),
                                             ({"SocketUser": "games"}, True), ({"SocketGroup": "games"}, True)])
def test_enable_has_a_socket_made_anew_whose_rights_have_changed(machine, listen, rights, changed):
    shop, blog = listen("shop"), listen("blog", 0o666)
    machine.own("shop", shop, **rights)
    machine.own("blog", blog, SocketMode="0600")  # somebody else's business
    done = machine.ran("enable", "shop", listeners=[shop, blog])
    assert done.returncode == 0, done
    assert machine.restarted() == (["fpmd@shop.socket"] if changed else [])
    assert ("fpmd@shop.socket had other rights for" in done.stdout) == changed


def test_enable_does_not_ask_for_another_site_to_be_stopped(machine, listen):
    shop = listen("shop")
    machine.own("shop", shop)
    machine.pool("third", shop.getsockname())
    done = machine.ran("enable", "third", listeners=[shop])
    assert done.returncode == 1 and f"pool 'shop' has listen = {shop.getsockname()} already" in done.stderr, done
    assert "choose another listen for pool 'third' in /etc/fpmd/pool.d/third.conf" in done.stderr and "disable" not in done.stderr
    machine.units["fpmd@shop.socket"]["SourcePath"] = "/nowhere/shop.conf"  # a unit that is left over
    assert "systemctl disable --now fpmd@shop.socket" in machine.ran("enable", "third", listeners=[shop]).stderr


def test_enable_sees_that_the_user_cannot_read_the_file(machine, listen):
    shop = listen("shop")
    machine.own("shop", shop)
    file = machine.folder / "etc/fpmd/pool.d/shop.conf"
    file.chmod(0o600)
    done = machine.ran("enable", "shop", listeners=[shop])
    assert done.returncode == 78 and "runs as user 'www-data', who cannot read its file /etc/fpmd/pool.d/shop.conf" in done.stderr, done
    assert "sudo chmod a+r /etc/fpmd/pool.d/shop.conf" in done.stderr
    file.chmod(0o644)
    assert machine.ran("enable", "shop", listeners=[shop]).returncode == 0


def test_disable_looks_after_the_others_and_forgets_a_failure(machine):
    """Its daemon-reload closes sockets as enable's does."""
    machine.own("carl", ActiveState="failed")
    machine.own("shop")
    machine.own("blog", ActiveState="inactive")
    done = machine.ran("disable", "carl")
    assert done.returncode == 0, done
    assert machine.restarted() == ["fpmd@shop.socket"]
    assert machine.restarted("reset-failed") == ["fpmd@carl.socket fpmd@carl.service"]
    machine.units["fpmd@shop.socket"]["ActiveState"] = "inactive"
    assert machine.ran("disable", "blog").returncode == 0
    assert len(machine.restarted()) == len(machine.restarted("reset-failed")) == 1


def test_what_does_not_serve_is_not_called_running_or_shared(machine):
    machine.own("shop")
    machine.units["fpmd@shop.service"] = {"ActiveState": "activating"}
    machine.pool("www", "/run/fpmd-www.sock")
    machine.socket("fpmd.socket", "/run/fpmd-www.sock", FileDescriptorName="www")
    assert machine.states() == {"shop": "starting", "www": "shared"}
    machine.units["fpmd.service"] = {"ActiveState": "failed"}
    assert machine.states() == {"shop": "starting", "www": "failed"}


@pytest.fixture
def masters(machine, make):
    """Two that run: shop's own and fpmd.service's, which has www."""
    made = {}
    for name, folder in (("shop", "/run/fpmd-shop"), ("www", "/run/fpmd")):
        made[name] = make({name: {}})
        machine.pool(name, made[name].address(name))
        made[name].start()
        (machine.folder / folder[1:]).mkdir()
        machine.mounts.append(f"mount --bind {made[name].runtime} {folder}")
    return made


def newest(masters, pool):
    return max(g["number"] for g in masters[pool].generations(pool))


def test_a_pool_with_a_unit_of_its_own_is_its_own_masters(machine, masters):
    done = machine.ran("reload", "shop")
    assert done.returncode == 0 and "reload done, 1 pool renewed" in done.stdout, done
    assert newest(masters, "shop") == 2 and newest(masters, "www") == 1
    done = machine.ran("reload", "www", "shop")
    assert done.returncode == 0 and done.stdout.count("renewed") == 2, done
    assert newest(masters, "www") == 2
    for name in ("shop", "www"):
        done = machine.ran("drain", name)
        assert done.returncode == 0 and masters[name].status()["pools"][0]["health"].startswith("draining"), done
    assert machine.run("status").endswith("\nwith a unit of their own run, see fpmctl list and fpmctl status NAME: shop\n")
    assert "a unit of their own" not in machine.run("status", "www") + machine.run("status", "shop")
    done = machine.ran("reload", "nowhere")
    assert done.returncode == 1 and "there is no pool 'nowhere' in the configuration" in done.stderr


def test_a_pool_whose_unit_does_not_run_is_told_as_that(machine):
    machine.own("blog")
    machine.own("shop")
    machine.pool("off", "/run/off.sock")
    machine.units["fpmd@shop.service"] = {"ActiveState": "failed", "StatusText": "Start failed: it is broken"}
    machine.units["fpmd.service"] = {"ActiveState": "inactive"}
    for verb, asleep in (("status", 69), ("reload", 0)):
        done = machine.ran(verb, "blog")
        assert done.returncode == asleep and "pool 'blog' sleeps: the next connection starts fpmd@blog.service" in done.stderr, done
        done = machine.ran(verb, "shop")
        assert done.returncode == 1 and "fpmd@shop.service has failed: Start failed: it is broken; systemctl status fpmd@shop.service" in done.stderr, done
        assert "pool 'off' is off: fpmctl enable off" in machine.ran(verb, "off").stderr
        done = machine.ran(verb, "nowhere")
        assert done.returncode == 1 and "there is no pool 'nowhere'; fpmctl list" in done.stderr and "fpmd.service starts it" not in done.stderr, done
