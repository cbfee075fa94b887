# SPDX-License-Identifier: MIT
"""The same root as a portable service: portablectl attaches its units to a systemd that has no fpmd, and takes them away again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "system"))

from container import Container  # noqa: E402

ROOT = "/var/lib/portables/fpmd"
FPMCTL = f"{ROOT}/usr/bin/fpmctl"
DROPIN = "[Service]\nBindReadOnlyPaths=/var/www\n"


def copy_portabled(root):
    """The machine's own, of the same release: its package has more, and would come over the network."""
    listed = subprocess.run(["dpkg", "-L", "systemd-container"], stdout=subprocess.PIPE, text=True).stdout.split()
    files = [path for path in listed if "portabl" in path and "/share/man/" not in path and not Path(path).is_dir()]
    if not files:
        pytest.skip("portablectl is not installed (package systemd-container)")
    for path in files:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target, follow_symlinks=False)


@pytest.fixture
def machine(bundle):
    machine = Container()
    try:
        machine.create()
        copy_portabled(machine.root)
        machine.root.joinpath("var/lib/portables").mkdir(exist_ok=True)
        subprocess.run(["cp", "-a", bundle / "rootfs", machine.root / ROOT.lstrip("/")], check=True)
        machine.write("/var/www/html/index.php", "<?php echo 'served by ', PHP_SAPI;")
        machine.boot()
        yield machine
    finally:
        machine.shutdown()


def page(machine):
    return machine.run(FPMCTL, "get", "--connect", "/run/fpmd-www.sock", "/var/www/html/index.php").stdout.strip()


def test_a_portable_service_is_attached_serves_and_leaves_nothing(machine):
    machine.run("portablectl", "attach", "fpmd")
    machine.write("/etc/systemd/system/fpmd.service.d/site.conf", DROPIN)
    machine.systemctl("daemon-reload")
    machine.systemctl("start", "fpmd.socket")
    assert page(machine) == "served by fpm-fcgi"
    machine.systemctl("reload", "fpmd.service")
    assert page(machine) == "served by fpm-fcgi"
    machine.systemctl("restart", "fpmd.service")
    assert page(machine) == "served by fpm-fcgi"
    assert machine.show("fpmd.service", "RootDirectory") == ROOT
    machine.systemctl("stop", "fpmd.socket", "fpmd.service")
    machine.run("portablectl", "detach", "fpmd")
    assert machine.run("find", "/etc/systemd/system.attached", "/run/systemd/system.attached", check=False).stdout == ""
