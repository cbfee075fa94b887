# SPDX-License-Identifier: MIT
"""What a boot makes of units that are enabled, in a container of its own, which is booted several times."""

import pytest

from conftest import build_dir
from container import Container, wait_until
from service import Fpmd


@pytest.fixture
def machine():
    container = Container()
    try:
        container.create()
        container.install(build_dir())
        container.boot()
        yield container
    finally:
        container.shutdown()


def state(container, unit):
    """When it is not on its way to another: a service's first client may have its answer before systemd reads READY=1."""
    def settled():
        found = container.show(unit, "ActiveState")
        return None if found in ("activating", "deactivating", "reloading") else found
    return wait_until(settled, f"{unit} to have a state that stays", limit=60)


def test_of_two_socket_units_at_one_path_the_pools_own_listens(machine):
    """Both are enabled: fpmd.socket gives way, also at a boot, and it is told why it is inactive."""
    Fpmd(machine).configure()
    machine.write("/var/www/html/page.php", "<?php echo 'a page';")
    machine.systemctl("enable", "fpmd.socket", "fpmd@www.socket")
    machine.power_off()
    machine.boot()
    assert (state(machine, "fpmd@www.socket"), state(machine, "fpmd.socket"), state(machine, "fpmd.service")) == ("active", "inactive", "inactive")
    assert machine.run("fpmctl", "get", "--connect", "/run/fpmd-www.sock", "/var/www/html/page.php").stdout == "a page"
    assert state(machine, "fpmd@www.service") == "active" and state(machine, "fpmd.service") == "inactive"
    assert machine.systemctl("list-units", "--failed", "--no-legend", "fpmd*").stdout == ""
    assert "gives way to fpmd@www.socket: that is enabled" in machine.systemctl("status", "--no-pager", "fpmd.socket", check=False).stdout
    assert machine.run("fpmctl", "doctor", check=False).stdout.startswith("Nothing wrong found")
    said = machine.run("fpmctl", "disable", "www").stdout
    assert "fpmd@www.socket and fpmd@www.service are stopped, and start at no boot" in said
    assert "gives way" not in machine.systemctl("status", "--no-pager", "fpmd.socket", check=False).stdout
    machine.power_off()
    machine.boot()
    assert (state(machine, "fpmd@www.socket"), state(machine, "fpmd.socket")) == ("inactive", "active")
    assert machine.run("fpmctl", "get", "--connect", "/run/fpmd-www.sock", "/var/www/html/page.php").stdout == "a page"
    assert state(machine, "fpmd.service") == "active"
