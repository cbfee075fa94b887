# SPDX-License-Identifier: MIT
"""The build's lists of sources: complete, one file a line, in the order of the alphabet, so that branches do not conflict in them."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LISTS = ["src/meson.build", "tools/benchmark/load/meson.build", "tools/ctl/meson.build"]


def lists_of(build):
    """The sources in each files() of a build file that has more than one: (text, names)."""
    for match in re.finditer(r"\bfiles\(([^()]*)\)", build):
        names = re.findall(r"'([^']+)'", match.group(1))
        if len(names) > 1:
            yield match.group(1), names


def complaints(build):
    found = []
    for text, names in lists_of(build):
        found += [f"several in one line: {line.strip()}" for line in text.splitlines() if line.count("'") > 2]
        found += [f"{b} is behind {a}" for a, b in zip(names, names[1:]) if a >= b]
    return found


@pytest.mark.parametrize("path", LISTS)
def test_sources_stand_one_a_line_in_the_order_of_the_alphabet(path):
    build = (ROOT / path).read_text()
    assert list(lists_of(build)), "the test finds no list"
    assert not complaints(build)


def test_the_test_finds_what_it_is_there_to_find():
    assert complaints("files('a.c', 'b.c')") and complaints("files(\n  'b.c',\n  'a.c',\n)")
    assert not complaints("files(\n  'a.c',\n  'b.c',\n)")


def test_no_source_of_src_is_left_out():
    build = (ROOT / "src/meson.build").read_text()
    sources = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.c")}
    assert sources == set(re.findall(r"'([a-z]+/[a-z0-9-]+\.c)'", build))
