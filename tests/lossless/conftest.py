# SPDX-License-Identifier: MIT
"""A booted container with fpmd in both of its ways to get sockets, and what is counted, put into results.json and fpmd.service(7) at the end.

FPMD_TREE names the root of an installed Debian to boot in place of the system tests' image: one of another release, which has fpmd
installed from a build made inside of it (FPMD_BUILD unset), or one that is there already. It is only read.
FPMD_CYCLES is how often each thing happens (3). FPMD_RECORD=1 writes the results down.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "system"), str(HERE)]

import container as containers  # noqa: E402
import table  # noqa: E402
from sites import OwnSockets, SocketUnits  # noqa: E402

KEPT_QUIET = ("multi-user.target.wants", "timers.target.wants", "sockets.target.wants")


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="a container with systemd needs root"))


def quieten(root):
    """A tree that was made for something else starts what that wanted: not here."""
    for folder in KEPT_QUIET:
        for link in (root / "etc/systemd/system" / folder).glob("*"):
            link.unlink()
    for unit in ("systemd-networkd.service", "systemd-resolved.service", "systemd-timesyncd.service", "getty@.service", "console-getty.service"):
        link = root / "etc/systemd/system" / unit
        link.unlink(missing_ok=True)
        link.symlink_to("/dev/null")


def install(container):
    build = os.environ.get("FPMD_BUILD")
    if build:
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "DESTDIR": str(container.root)})
    assert (container.root / "usr/sbin/fpmd").exists(), "no fpmd in the tree: set FPMD_BUILD to a build with prefix /usr, or install it there"


@pytest.fixture(scope="session")
def container():
    tree = os.environ.get("FPMD_TREE")
    if tree:
        containers.image = lambda: Path(tree)
    made = containers.Container()
    try:
        made.create()
        if tree:
            quieten(made.root)
        install(made)
        for page in (HERE.parent / "system/www").iterdir():
            made.write(f"/var/www/html/{page.name}", page.read_text())
        made.boot()
        yield made
    finally:
        made.shutdown()


@pytest.fixture(scope="module", params=[SocketUnits, OwnSockets], ids=lambda kind: kind.name)
def site(request, container):
    made = request.param(container)
    made.begin()
    yield made
    made.end()


@pytest.fixture(scope="session")
def results(container):
    """results(site, event, cycles, records): a row of the table."""
    kept = table.Results(container)
    yield kept.add
    print("\n" + kept.text())
