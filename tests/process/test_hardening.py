# SPDX-License-Identifier: MIT
"""The programs as they are installed have what makes a mistake in them harder to use: see meson.build."""

import os
import platform
import re
import subprocess

import pytest

import server as programs

PROGRAMS = ["fpmd", "fpmd-zygote", "fpmd-park", "fpmd-logger", "fpmctl"]


def run(*command, **how):
    return subprocess.run(command, check=True, capture_output=True, text=True, **how).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """{name: path} of every program below the prefix."""
    root = tmp_path_factory.mktemp("installed")
    run("meson", "install", "-C", programs.BUILD, "--no-rebuild", "--quiet", env={**os.environ, "DESTDIR": str(root)})
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                if f.read(4) == b"\x7fELF":
                    found[name] = path
    assert set(PROGRAMS) <= set(found)
    return found


@pytest.fixture(scope="module")
def elf(installed):
    return {name: run("readelf", "-hdlW", path) for name, path in installed.items()}


def test_they_are_position_independent(elf):
    for name, text in elf.items():
        assert re.search(r"Type:\s+DYN", text) and re.search(r"Flags:.*\bPIE\b", text), name


def test_tables_of_the_linker_are_read_only(elf):
    for name, text in elf.items():
        assert "GNU_RELRO" in text and "BIND_NOW" in text, name


def test_no_stack_can_be_executed(elf):
    for name, text in elf.items():
        assert re.search(r"GNU_STACK .* RW +0x", text), name


def test_stacks_are_guarded_and_copies_bounded(installed):
    sanitized = "__asan_init" in run("nm", "-D", installed["fpmd"])
    for name, path in installed.items():
        symbols = run("nm", "-D", path)
        assert "__stack_chk_fail" in symbols, name
        assert sanitized or re.search(r" U __\w+_chk@", symbols), name


@pytest.mark.skipif(platform.machine() != "x86_64", reason="indirect branch tracking is x86-64's")
def test_functions_begin_with_a_landing_pad(installed):
    for name, path in installed.items():
        code = run("objdump", "-d", "--no-show-raw-insn", path)
        assert code.count("endbr64") > 20, name
