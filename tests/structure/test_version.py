# SPDX-License-Identifier: MIT
"""One version number: meson.build's, which the programs say. The changelogs and the packages have it."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r"^  version: '(.*)'", (ROOT / "meson.build").read_text(), re.M).group(1)


def test_debian_changelog_begins_with_the_version():
    first = (ROOT / "packaging/debian/changelog").read_text().splitlines()[0]
    assert first.startswith(f"fpmd ({VERSION}) ")


def test_rpm_has_the_version():
    spec = (ROOT / "packaging/rpm/fpmd.spec").read_text()
    assert re.search(r"^Version: +(.*)$", spec, re.M).group(1) == VERSION
    assert re.search(r"^%changelog\n.* - (\S+)-\d+$", spec, re.M).group(1) == VERSION


def test_changelog_begins_with_the_version():
    assert re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.M)[0] == VERSION
