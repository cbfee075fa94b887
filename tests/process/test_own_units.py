# SPDX-License-Identifier: MIT
"""--leave-to-units: pools whose own unit is enabled are that one's, and the service for all others does without them."""

import os

import pytest

import procs


@pytest.fixture
def units(tmp_path):
    """enable(pool): as systemctl(1) does."""
    def enable(pool, target="fpmd.target.wants"):
        (tmp_path / target).mkdir(exist_ok=True)
        os.symlink("/usr/lib/systemd/system/fpmd@.socket", tmp_path / target / f"fpmd@{pool}.socket")
    enable.folder = tmp_path
    return enable


@pytest.fixture
def service(make, units):
    def build(pools):
        s = make(pools, args=["--leave-to-units", str(units.folder)])
        s.pid_script = s.script("pid.php", "<?php echo getmypid();")
        return s
    return build


def pools(s):
    return {p["name"] for p in s.status()["pools"]}


def test_a_pool_with_a_unit_of_its_own_is_left_out(service, units):
    units("shop")
    units("ww")  # another one's name is part of it
    s = service({"www": {}, "shop": {"listen": "systemd"}}).start()
    s.wait_log(r"\[pool shop\] is left to fpmd@shop\.socket, which is enabled")
    assert pools(s) == {"www"} and s.run(s.pid_script).status == 200
    assert s.stop() == 0


@pytest.mark.parametrize("target", ["fpmd.target.wants", "sockets.target.wants", "multi-user.target.requires"])
def test_a_reload_gives_up_a_pool_that_has_got_a_unit_and_takes_it_back(service, units, target):
    s = service({"www": {}, "shop": {}}).start()
    assert pools(s) == {"www", "shop"} and s.run(s.pid_script, "shop").status == 200
    units("shop", target)
    s.reload()
    s.wait_log(r"\[pool shop\] is left to fpmd@shop\.socket")
    procs.until("the pool to go", lambda: pools(s) == {"www"})
    procs.until("the socket of the pool to go", lambda: not os.path.exists(s.address("shop")))
    (units.folder / target / "fpmd@shop.socket").unlink()
    s.reload()
    assert pools(s) == {"www", "shop"} and s.run(s.pid_script, "shop").status == 200
    assert s.stop() == 0


def test_a_service_for_which_nothing_is_left_says_so(service, units):
    units("www")
    s = service({"www": {}})
    s.spawn(s.command())
    assert s.wait_exit() == 78
    assert "option --leave-to-units: nothing is left to serve, as each pool has a unit of its own that is enabled" in s.log() + s.output()


def test_without_the_folder_all_are_served(service, units):
    os.rmdir(units.folder)
    s = service({"www": {}}).start()
    assert pools(s) == {"www"}
    assert s.stop() == 0
