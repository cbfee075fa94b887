# SPDX-License-Identifier: MIT
"""The man pages: mandoc warns of nothing in them, all are installed, and each is named by another one."""

import importlib.util
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


def test_each_symptom_is_caused_by_a_test():
    """The sections of fpmd-troubleshooting(7) are those of tests/system/test_symptoms.py, each with a test at least."""
    symptoms = re.findall(r"^\.Sh (.+)$", (ROOT / "packaging/man/fpmd-troubleshooting.7").read_text(), re.M)
    tests = (ROOT / "tests/system/test_symptoms.py").read_text().split("\n# -- ")[1:]
    caused = {name: rest.count("\ndef test_") for name, _, rest in (text.partition("\n") for text in tests)}
    assert list(caused) == [name for name in symptoms if name not in ("NAME", "DESCRIPTION", "SEE ALSO")]
    assert all(caused.values())


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def between(page, module):
    return (ROOT / "packaging/man" / page).read_text().partition(module.BEGIN)[2].partition(module.END)[0]


def test_differences_are_those_that_import_and_the_wire_tests_know():
    known = load("differences_of_page", "tools/lib/differences.py")
    assert len(list(known.of_directives())) > 20 and len(known.of_conversations()) > 30
    assert between("fpmd-from-php-fpm.7", known) == known.render(), "run tools/lib/differences.py"


@pytest.mark.parametrize("suite, module", [("lossless", "table"), ("servers", "balance")])
def test_measured_tables_are_those_of_their_results(suite, module):
    tables = load(f"tables_of_{suite}", f"tests/{suite}/{module}.py")
    assert between("fpmd.service.7", tables) == tables.render(tables.read())
