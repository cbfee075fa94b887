# SPDX-License-Identifier: MIT
"""The packages, built twice, and a booted container in which one test after the other does with them what an operator does.

FPMD_DEBS names a folder that has packages already, such as tools/deb makes: then they are not built, and not compared.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "system"))

from container import Container  # noqa: E402


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="packages are installed in a container with systemd, which needs root"))


def build(folder, *options):
    done = subprocess.run([ROOT / "tools/deb", "--no-install", *options, folder], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          env={"PATH": os.environ["PATH"], "HOME": "/root"})
    assert done.returncode == 0, done.stdout[-6000:]
    return folder


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The folder of the packages. lintian has seen them: its errors and warnings are failures."""
    if "FPMD_DEBS" in os.environ:
        return Path(os.environ["FPMD_DEBS"])
    return build(tmp_path_factory.mktemp("debs"))


@pytest.fixture(scope="session")
def built_again(tmp_path_factory):
    if "FPMD_DEBS" in os.environ:
        pytest.skip("FPMD_DEBS: the packages were not built here")
    return build(tmp_path_factory.mktemp("again"), "--no-lintian")


def package_of(folder, name):
    found = list(Path(folder).glob(f"{name}_*.deb"))
    assert len(found) == 1, f"{len(found)} packages {name} in {folder}"
    return found[0]


class Debian:
    """The container as apt and dpkg see it."""

    def __init__(self, container, folder, work):
        self.container, self.folder, self.work = container, folder, work

    def put(self, package):
        shutil.copy(package, self.container.root / "root")
        return f"/root/{package.name}"

    def apt(self, *arguments):
        return self.container.run("apt-get", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", *arguments,
                                  limit=180)

    def install(self, name="fpmd"):
        return self.apt("install", self.put(package_of(self.folder, name)))

    def version(self):
        return self.container.run("dpkg-query", "-W", "-f", "${Version}", "fpmd").stdout

    def newer(self):
        """The same package with a higher version, as the next release would come."""
        tree = self.work / "newer"
        subprocess.run(["dpkg-deb", "-R", package_of(self.folder, "fpmd"), tree], check=True)
        control = tree / "DEBIAN/control"
        control.write_text(re.sub(r"^Version: (.*)$", r"Version: \1+next", control.read_text(), flags=re.M))
        made = self.work / "fpmd_next.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, made], check=True, stdout=subprocess.DEVNULL)
        return made

    def purge(self):
        """Also what has never been installed, or only been removed: dpkg says so and goes on."""
        self.container.run("dpkg", "--purge", "fpmd", "fpmd-tools", limit=180)


@pytest.fixture(scope="module")
def container():
    container = Container()
    try:
        container.create()
        for page in (HERE.parent / "system/www").iterdir():
            container.write(f"/var/www/html/{page.name}", page.read_text())
        container.boot()
        yield container
    finally:
        container.shutdown()


@pytest.fixture
def debian(container, built, tmp_path):
    machine = Debian(container, built, tmp_path)
    yield machine
    machine.purge()
