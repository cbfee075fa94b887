# SPDX-License-Identifier: MIT
"""The man pages: mandoc warns of nothing in them, all are installed, and each is named by another one."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "packaging/man").iterdir())


def page(path):
    return path.name


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_mandoc_warns_of_nothing(path):
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", path], capture_output=True, text=True)
    assert (lint.returncode, lint.stdout + lint.stderr) == (0, "")


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_page_is_installed(path):
    assert f"'man/{path.name}'" in (ROOT / "packaging/meson.build").read_text()


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_another_page_leads_to_it(path):
    name, section = path.name.rsplit(".", 1)
    reference = re.compile(rf"^\.Xr {re.escape(name)} {section}\b", re.M)
    assert [other.name for other in PAGES if other != path and reference.search(other.read_text())]
