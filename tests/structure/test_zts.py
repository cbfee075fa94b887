# SPDX-License-Identifier: MIT
"""A PHP that has been built and kept is run as root: only where nobody else can have put it there."""

import os
import pathlib
import subprocess

import pytest

LIB = pathlib.Path(__file__).resolve().parents[2] / "tools" / "lib"
PROGRAMS = {"php-config": "#!/bin/sh\necho 8.2.0\n", "apt-get": "#!/bin/sh\nexit 1\n"}


def build(tmp_path, folder):
    """zts_build with a folder, whose marker says that it has what is wanted. Where it is not taken, nothing can be built."""
    stubs = tmp_path / "bin"
    stubs.mkdir()
    for name, text in PROGRAMS.items():
        (stubs / name).write_text(text)
        (stubs / name).chmod(0o755)
    sources = "".join(f'. "{LIB}/{name}.sh"; ' for name in ("say", "debian", "zts"))
    marker = 'echo "8.2.0 ${zts_options[*]}" >"$2/built"; ' if folder.is_dir() else ""
    return subprocess.run(["bash", "-c", sources + marker + 'zts_build "$1"', "bash", folder, folder.resolve()], capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{stubs}:{os.environ['PATH']}"})


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "php"
    made.mkdir(mode=0o755)
    return made


def refused(r, what):
    return r.returncode == 1 and "is not used" in r.stdout and what in r.stdout


def test_one_of_ones_own_is_used(tmp_path, folder):
    r = build(tmp_path, folder)
    assert (r.returncode, r.stdout) == (0, ""), r


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777], ids=oct)
def test_one_that_others_can_write_to_is_refused(tmp_path, folder, mode):
    folder.chmod(mode)
    r = build(tmp_path, folder)
    assert refused(r, f"mode {mode:o}"), r
    assert (folder / "built").exists(), "nor is it removed"


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone can give a folder away")
def test_one_of_somebody_else_is_refused(tmp_path, folder):
    os.chown(folder, 65534, -1)
    assert refused(build(tmp_path, folder), "user 65534")


def test_a_link_is_refused(tmp_path, folder):
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert refused(build(tmp_path, link), "symbolic link")


def test_a_file_is_refused(tmp_path):
    file = tmp_path / "file"
    file.touch()
    assert refused(build(tmp_path, file), "regular empty file")
