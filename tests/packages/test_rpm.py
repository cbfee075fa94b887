# SPDX-License-Identifier: MIT
"""The tarball of a release has all that a build takes: the RPM is built from it, by its own spec, as far as Debian's rpm can do that."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNITS = ["fpmd.service", "fpmd.slice", "fpmd.socket", "fpmd.target", "fpmd@.service", "fpmd@.socket"]


def run(*command, **more):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL, **more)
    assert done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout[-6000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def tarball(tmp_path_factory):
    if not (ROOT / ".git").exists():
        pytest.skip("no git: this is a release's tarball itself")
    folder = tmp_path_factory.mktemp("dist")
    run("meson", "setup", folder / "build", ROOT, "-Dtests=disabled", "-Dtrace=disabled", "-Dbenchmark=false")
    run("meson", "dist", "-C", folder / "build", "--no-tests", "--formats", "gztar", "--allow-dirty")
    made, = (folder / "build/meson-dist").glob("fpmd-*.tar.gz")
    return made


@pytest.fixture(scope="module")
def rpm(tarball, tmp_path_factory):
    """rpm(name): the path of a package that was built from the tarball."""
    if not shutil.which("rpmbuild"):
        pytest.skip("rpmbuild is not installed (package rpm)")
    top = tmp_path_factory.mktemp("rpm")
    run("rpmbuild", "-ta", "--nodeps", "--define", f"_topdir {top}", "--define", "debug_package %{nil}", "--without", "check", tarball,
        env={"PATH": os.environ["PATH"], "HOME": str(top), "LC_ALL": "C.UTF-8"})

    def find(name):
        made, = top.glob(f"RPMS/*/{name}-[0-9]*.rpm")
        return made
    assert len(list(top.glob("SRPMS/fpmd-*.src.rpm"))) == 1
    return find


def test_the_tarball_is_what_git_has(tarball):
    inside = {name.partition("/")[2] for name in run("tar", "tzf", tarball).splitlines() if not name.endswith("/")}
    assert inside == set(run("git", "-C", ROOT, "ls-files").splitlines())


def test_units_pages_and_settings_are_in_the_package(rpm):
    files = run("rpm", "-qpl", rpm("fpmd")).splitlines()
    names = {os.path.basename(path) for path in files}
    pages = {page.name for page in (ROOT / "packaging/man").iterdir()} - {"fpmtrace.8"}
    assert set(UNITS) <= names
    assert {re.sub(r"\.gz$", "", name) for name in names} >= pages
    assert "/usr/lib/sysusers.d/fpmd.conf" in files
    kept = run("rpm", "-qp", "--configfiles", rpm("fpmd")).splitlines()
    assert sorted(kept) == ["/etc/fpmd/fpmd.conf", "/etc/fpmd/pool.d/www.conf", "/etc/fpmd/units.conf"]
    assert "/usr/sbin/fpmtrace" in run("rpm", "-qpl", rpm("fpmd-tools")).splitlines()


def test_its_programs_run_and_its_scripts_are_shell(rpm, tmp_path):
    archive = subprocess.run(["rpm2cpio", rpm("fpmd")], check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["cpio", "-idm", "--quiet"], input=archive, check=True, cwd=tmp_path)
    version = re.search(r"^  version: '(.*)'", (ROOT / "meson.build").read_text(), re.M)[1]
    assert f"fpmd {version}" in run(tmp_path / "usr/sbin/fpmd", "--version")
    scripts = run("rpm", "-qp", "--scripts", rpm("fpmd"))
    assert scripts.count("scriptlet") == 4
    body = re.sub(r"^\w+ scriptlet .*$", "", scripts, flags=re.M)
    subprocess.run(["sh", "-n"], input=body, text=True, check=True)
