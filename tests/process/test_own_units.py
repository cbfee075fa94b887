# SPDX-License-Identifier: MIT
"""--leave-to-units: pools whose own unit is enabled are that one's, and the service for all others does without them."""

import os
import shutil
import socket

import pytest

import procs
from load import Held


class Units:
    """Folders as systemd has them: one with what systemctl(1) does, one of the generator."""

    def __init__(self, folder):
        self.own, self.generator = folder / "system", folder / "generator"
        self.own.mkdir()
        self.generator.mkdir()
        self.path = f"{folder}/none:{self.own}:{self.generator}"

    def enable(self, pool, target="fpmd.target.wants"):
        (self.own / target).mkdir(exist_ok=True)
        os.symlink("/usr/lib/systemd/system/fpmd@.socket", self.own / target / f"fpmd@{pool}.socket")

    def made_of(self, pool, file):
        folder = self.generator / f"fpmd@{pool}.service.d"
        folder.mkdir(exist_ok=True)
        (folder / "50-pool.conf").write_text(f"# Made by a test.\n\n[Unit]\nSourcePath={file.replace('%', '%%')}\n\n[Service]\n")


@pytest.fixture
def units(tmp_path):
    return Units(tmp_path)


@pytest.fixture
def service(make, units):
    def build(pools):
        s = make(pools, args=["--leave-to-units", units.path])
        s.pid_script = s.script("pid.php", "<?php echo getmypid();")
        for pool in pools:
            units.made_of(pool, s.config_path)
        return s
    return build


def pools(s):
    return {p["name"] for p in s.status()["pools"]}


def test_a_pool_with_a_unit_of_its_own_is_left_out(service, units):
    units.enable("shop")
    units.enable("ww")  # another one's name is part of it
    s = service({"www": {}, "shop": {"listen": "systemd"}}).start()
    s.wait_log(r"\[pool shop\] is left to fpmd@shop\.socket, which is enabled")
    assert pools(s) == {"www"} and s.run(s.pid_script).status == 200
    assert s.stop() == 0


def split(s, units, text):
    """The file of a pool that has a unit of its own, beside the service's."""
    path = f"{s.folder}/shop.conf"
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, 0o644)
    units.made_of("shop", path)
    units.enable("shop")
    s.settings["include"] = path
    return path


BROKEN = "[shop]\nuser = www-data\nlisten = systemd\npm = static\npm.max_childs = 3\n"


def test_a_mistake_in_the_file_of_a_pool_that_is_left_ends_nobody_else(service, units):
    s = service({"www": {}})
    path = split(s, units, BROKEN + "; and\n[shop\n")
    s.start()
    s.wait_log(rf"\[{path}:5\].*pm.max_childs.*; its pools are left to units of their own, and the others are served")
    s.wait_log(r"\[pool shop\] is left to fpmd@shop\.socket")
    assert f"{path}:7" not in s.log()  # one line is enough
    assert pools(s) == {"www"} and s.run(s.pid_script).status == 200
    since = len(s.log())
    s.reload()
    s.wait_log(r"pm\.max_childs", since)
    assert s.ctl("check", "-y", s.config_path).returncode == 78  # who serves all of them has a mistake
    assert s.stop() == 0


@pytest.mark.parametrize("text", [BROKEN + "[other]\n" + BROKEN.partition("\n")[2], "[global]\nlog_levl = x\n" + BROKEN, "pm.max_childs = 3\n"])
def test_a_mistake_that_is_others_as_well_is_told(service, units, text):
    s = service({"www": {}})
    split(s, units, text)
    status, said = s.start_expecting_failure()
    assert status == 78 and "unknown entry" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="another user's file takes root")
def test_the_file_of_a_pool_that_is_left_need_not_be_readable(service, units, tmp_path):
    """As where each site's file is its own user's."""
    s = service({"www": {}})
    path = split(s, units, BROKEN)
    os.chmod(path, 0o600)
    for folder in (tmp_path, *tmp_path.parents[:2]):  # pytest's own
        os.chmod(folder, 0o755)
    s.wrapper = ["setpriv", "--reuid=www-data", "--regid=www-data", "--clear-groups"]
    shutil.chown(s.folder, "www-data", "www-data")
    for name in os.listdir(s.folder):
        shutil.chown(os.path.join(s.folder, name), "www-data", "www-data")
    os.chown(path, 0, 0)
    s.start()
    s.wait_log(rf"cannot read '{path}'; its pools are left to units of their own")
    s.wait_log(r"\[pool shop\] is left to fpmd@shop\.socket")
    assert pools(s) == {"www"} and s.run(s.pid_script).status == 200
    assert s.stop() == 0


@pytest.mark.parametrize("target", ["fpmd.target.wants", "sockets.target.wants", "multi-user.target.requires"])
def test_a_reload_gives_up_a_pool_that_has_got_a_unit_and_takes_it_back(service, units, target):
    s = service({"www": {}, "shop": {}}).start()
    assert pools(s) == {"www", "shop"} and s.run(s.pid_script, "shop").status == 200
    units.enable("shop", target)
    s.reload()
    s.wait_log(r"\[pool shop\] is left to fpmd@shop\.socket")
    procs.until("the pool to go", lambda: pools(s) == {"www"})
    procs.until("the socket of the pool to go", lambda: not os.path.exists(s.address("shop")))
    (units.own / target / "fpmd@shop.socket").unlink()
    s.reload()
    assert pools(s) == {"www", "shop"} and s.run(s.pid_script, "shop").status == 200
    assert s.stop() == 0


NOTHING_LEFT = "each pool has a unit of its own that is enabled: nothing is left to serve here"


def test_a_service_for_which_nothing_is_left_has_not_failed(service, units):
    """As at a boot after the only pool has got a unit."""
    units.enable("www")
    s = service({"www": {}})
    s.spawn(s.command())
    assert s.wait_exit() == 0
    assert NOTHING_LEFT in s.output() and "[pool www] is left to fpmd@www.socket" in s.output()
    s.notify.wait("READY", "1")  # is read by a thread
    assert s.notify.count("READY") == 1 and NOTHING_LEFT in s.notify.messages[-1]["STATUS"].lower()


def test_a_socket_for_which_nothing_is_left_does_not_start_it_again_and_again(service, units):
    units.enable("www")
    s = service({"www": {}})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(s.address())
        listener.listen()
        s.start_with_sockets([listener.fileno()], ["www"])
        assert s.wait_exit() == 0
        assert "the socket 'www'" in s.output() and "is closed, since its pool is left to fpmd@www.socket" in s.output()


def test_a_socket_of_no_pool_is_a_mistake_where_nothing_is_left(service, units):
    """Else it would start the service again and again."""
    units.enable("www")
    s = service({"www": {}})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(s.folder + "/stray.sock")
        listener.listen()
        s.start_with_sockets([listener.fileno()], ["stray"])
        assert s.wait_exit() == 78
        assert f"no pool claims the socket 'stray' ({s.folder}/stray.sock) from the service manager" in s.output()


def test_a_reload_that_leaves_nothing_ends_the_service(service, units):
    """What is in hand is served to its end."""
    s = service({"www": {}}).start()
    with Held(s) as held:
        held.wait_running()
        units.enable("www")
        done = s.ctl("reload")
        assert done.returncode == 0 and "each pool has a unit of its own that is enabled, and the service ends" in done.stdout, done
        assert s.running()
        assert held.finish().complete
    assert s.wait_exit() == 0


def test_without_the_folder_all_are_served(service, units):
    os.rmdir(units.own)
    s = service({"www": {}}).start()
    assert pools(s) == {"www"}
    assert s.stop() == 0


def start_with_systemds_sockets(s):
    """One for each pool."""
    sockets = [socket.socket(socket.AF_UNIX) for _ in s.pools]
    for name, listener in zip(s.pools, sockets):
        listener.bind(s.address(name))
        listener.listen()
    s.start_with_sockets([listener.fileno() for listener in sockets], list(s.pools))
    s.wait_log("ready to handle connections")


def masked(s, units):
    os.symlink("/dev/null", units.own / "fpmd@shop.socket")


def of_another_file(s, units):
    other = os.path.join(s.folder, "other.conf")
    open(other, "w").close()
    units.made_of("shop", other)


def by_hand(s, units):
    (units.generator / "fpmd@shop.service.d/50-pool.conf").unlink()


@pytest.mark.parametrize("what", [masked, of_another_file, by_hand])
def test_a_unit_that_does_not_serve_this_pool_leaves_it_here(service, units, what):
    units.enable("shop")
    s = service({"www": {}, "shop": {}})
    what(s, units)
    s.start()
    assert pools(s) == {"www", "shop"} and s.run(s.pid_script, "shop").status == 200
    assert s.stop() == 0


def test_folders_that_cannot_be_read_are_a_mistake(make, tmp_path):
    os.symlink("circle", tmp_path / "circle")
    s = make({"www": {}}, args=["--leave-to-units", f"/nowhere:{tmp_path}/circle"])
    s.spawn(s.command())
    assert s.wait_exit() == 78
    assert "option --leave-to-units:" in s.log() + s.output()


def test_a_socket_of_a_pool_that_is_left_is_closed_and_keeps_nobody_from_serving(service, units):
    """systemd may pass both: the other pools go on."""
    units.enable("shop")
    s = service({"www": {}, "shop": {}})
    start_with_systemds_sockets(s)
    s.wait_log(r"the socket 'shop' \(.*\) from the service manager is closed, since its pool is left to fpmd@shop\.socket")
    assert s.run(s.pid_script).status == 200
    with pytest.raises(OSError), socket.socket(socket.AF_UNIX) as client:
        client.connect(s.address("shop"))
    s.reload()
    assert pools(s) == {"www"}
    assert s.stop() == 0


def test_a_reload_leaves_a_pool_whose_socket_is_systemds(service, units):
    s = service({"www": {}, "shop": {}})
    start_with_systemds_sockets(s)
    assert s.run(s.pid_script, "shop").status == 200
    units.enable("shop")
    s.reload()
    procs.until("the pool to go", lambda: pools(s) == {"www"})
    assert s.run(s.pid_script).status == 200
    assert s.stop() == 0


def test_a_tcp_socket_of_a_pool_that_is_left_keeps_no_later_start_from_serving(service, units):
    """The same socket comes again at each start: nobody listens there any more."""
    units.enable("shop")
    with socket.create_server(("127.0.0.1", 0)) as left, socket.socket(socket.AF_UNIX) as kept:
        s = service({"www": {}, "shop": {"listen": "127.0.0.1:%d" % left.getsockname()[1]}})
        kept.bind(s.address("www"))
        os.chmod(s.address("www"), 0o666)
        kept.listen()
        for _ in range(2):
            s.start_with_sockets([left.fileno(), kept.fileno()], ["shop", "www"])
            s.wait_ready()
            assert s.run(s.pid_script).status == 200 and pools(s) == {"www"}
            assert s.stop() == 0
