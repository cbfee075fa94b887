# SPDX-License-Identifier: MIT
"""The documents name files that exist, and ARCHITECTURE.md has a place for each file of src."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENTS = ["README.md", "ARCHITECTURE.md", "HACKING.md", "TRUST.md", "PERFORMANCE.md"]
SUFFIXES = ["", ".c", ".h", ".py"]
FOLDERS = sorted(path.name for path in (ROOT / "src").iterdir() if path.is_dir())


def exists(name):
    return any((ROOT / base / (name + suffix)).exists() for base in (".", "src") for suffix in SUFFIXES)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_files_exist(document):
    text = (ROOT / document).read_text()
    names = re.findall(r"`((?:src/)?(?:%s|tools|tests|packaging|units)/[\w./-]+)`" % "|".join(FOLDERS), text)
    names += re.findall(r"\[\w[^\]]*\]\(((?!http)[\w./-]+)[#)]", text)
    assert names
    assert [name for name in names if not exists(name.rstrip("/"))] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_named_tests_exist(document):
    names = re.findall(r"`(test_\w+\.py)`", (ROOT / document).read_text())
    assert [name for name in names if not list((ROOT / "tests").rglob(name))] == []


def shown_by(text):
    """What a document names as tests: (file, function) of Python's, files of unit tests, fuzz targets."""
    functions, current = [], None
    for file, function in re.findall(r"`(test_\w+\.py)`|`(test_\w+)`", text):
        current = file or current
        if function:
            functions.append((current, function))
    lists = {kind: [name for names in re.findall(kind + r" ((?:`(?!test_|lies)[^`]+`(?: \([^)]*\))?(?:, )?)+)", text)
                    for name in re.findall(r"`([\w/-]+)`", names)] for kind in ("unit", "fuzz")}
    return functions, lists["unit"], lists["fuzz"]


def test_tests_that_show_what_trust_says_exist():
    tests = ROOT / "tests"
    functions, units, targets = shown_by((ROOT / "TRUST.md").read_text())
    assert len(functions) > 20 and len(units) > 5 and len(targets) > 5
    assert [(file, function) for file, function in functions
            if not any(f"def {function}(" in path.read_text() for path in tests.rglob(file or "-"))] == []
    assert [name for name in units if not (tests / f"unit/{name}.c").exists()] == []
    assert [name for name in targets if not (tests / f"fuzz/{name}.c").exists()] == []


def layout_of(folder):
    """What the layout says of a folder, from its name at a line's beginning on to the next one."""
    layout = (ROOT / "ARCHITECTURE.md").read_text().split("## Layout")[1].split("```")[1]
    block = re.search(r"^%s +(.*?)(?=^\S|\Z)" % folder, layout, re.M | re.S)
    assert block, f"no {folder} in the layout"
    return block.group(1)


@pytest.mark.parametrize("folder", [f"src/{name}" for name in FOLDERS] + ["tools/ctl", "tools/trace", "tools/generator", "tools/common"])
def test_layout_names_each_file(folder):
    words = {word for pattern in (r"[\w.]+", r"[\w.-]+") for word in re.findall(pattern, layout_of(folder))}
    words |= {word.removesuffix(".") for word in words}
    words |= {re.sub(r"\.[hc]$", "", word) for word in words}
    stems = {path.stem for path in (ROOT / folder).glob("*.[ch]")}
    assert sorted(stems - words) == []


def wide_lines(text):
    """Those over 120 columns, but for a table's rows, which cannot be broken, and for commands in a block of their own."""
    return [line for line in text.splitlines()
            if len(line) > 120 and not line.startswith("|") and not re.match(r"    [^#]*$", line)]


def included_by(path):
    """The other files of its folder that a source and its header include, without their endings."""
    texts = [f.read_text() for f in (path.with_suffix(".c"), path.with_suffix(".h")) if f.exists()]
    return {name for text in texts for name in re.findall(rf'#include "{path.parent.name}/([a-z-]+)\.h"', text)} - {path.stem}


def test_files_of_the_pool_know_those_before_them():
    """As the Layout says, which names them in that order."""
    layout = re.search(r"^src/pool .*?Pure:(.*?)^src/", (ROOT / "ARCHITECTURE.md").read_text(), re.M | re.S).group(1)
    files = {path.stem: path for path in (ROOT / "src/pool").glob("*.[ch]")}
    order = [word for word in re.findall(r"\w+", re.sub(r"\([^()]*\)", "", layout)) if word in files]
    assert sorted(order) == sorted(files), set(order) ^ set(files)
    wrong = [f"{name} includes {other}" for n, name in enumerate(order) for other in included_by(files[name]) if other not in order[:n]]
    assert not wrong


@pytest.mark.parametrize("document", DOCUMENTS)
def test_lines_are_not_wide(document):
    assert wide_lines((ROOT / document).read_text()) == []


def test_wide_lines_are_found():
    wide = ["a" * 121, "- " + "a" * 119, "    make" + " " * 90 + "# it takes a while, and more"]
    fit = ["a" * 120, "| " + "a" * 130 + " |", "    make " + "a" * 130]
    assert wide_lines("\n".join(wide + fit)) == wide


def test_readme_is_short():
    """What it is, how it is had, the first steps, some figures; the rest is in man pages."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120
