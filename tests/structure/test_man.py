# SPDX-License-Identifier: MIT
"""The man pages: mandoc warns of nothing in them, all are installed, and each is named by another one."""

import importlib.util
import pathlib
import re
import subprocess

import pytest

import manpage

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


@pytest.fixture
def paste(tmp_path):
    """Gives lines to a shell, as a terminal does, whose sudo writes what tee writes below a folder, and else does nothing."""
    sudo = tmp_path / "sudo"
    sudo.write_text(f"""#!/bin/sh
[ "$1" = tee ] || exit 0
mkdir -p "{tmp_path}/root${{2%/*}}"
exec tee "{tmp_path}/root$2" >/dev/null
""")
    sudo.chmod(0o755)

    def run(lines):
        done = subprocess.run(["bash"], input=lines, cwd=tmp_path, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return {f"/{path.relative_to(tmp_path / 'root')}": path.read_text() for path in (tmp_path / "root").rglob("*") if path.is_file()}
    return run


@pytest.mark.parametrize("printer", manpage.printers())
def test_the_way_to_wordpress_is_pasted_as_it_is_printed(paste, printer):
    """Blanks before each line end no here-document: all that follows would become part of a file."""
    lines = manpage.display("fpmd.service.7", "sudo useradd --system", printer)
    assert all(line.startswith("    ") for line in lines.splitlines()) and lines.rstrip().endswith("sudo fpmctl doctor")
    files = {name: [line.strip() for line in text.splitlines()] for name, text in paste(lines).items()}
    assert set(files) == {"/etc/wordpress/config-default.php", "/etc/fpmd/pool.d/blog.conf", "/etc/nginx/conf.d/blog.conf",
                          "/etc/nginx/fpmd-blog.conf", "/etc/systemd/system/fpmd@blog.service.d/uploads.conf"}
    php, pool, site = (files[name] for name in ("/etc/wordpress/config-default.php", "/etc/fpmd/pool.d/blog.conf", "/etc/nginx/conf.d/blog.conf"))
    assert (php[0], php[-1]) == ("<?php", 'define("FS_METHOD", "direct");')
    assert (pool[0], pool[-1]) == ("[blog]", "php_value[post_max_size] = 16M")
    assert (site[0], site[-2], site[-1]) == ("server {", "include fpmd-blog.conf;", "}")


@pytest.mark.parametrize("path", PAGES, ids=page)
def test_no_display_has_a_here_document(path):
    assert not re.search(r"<<-?[\\\"']?[A-Z]", path.read_text())


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
