# SPDX-License-Identifier: MIT
"""The C files are as HACKING.md has them; and the program that says so finds what it is there to find."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

BAD = {
    "circles": {
        "src/a/one.h": '#include "a/two.h"\n',
        "src/a/two.h": "int two_get(void);\n",
        "src/a/two.c": '#include "a/two.h"\n#include "b/three.h"\n',
        "src/b/three.h": '#include "a/one.h"\n',
    },
    "names": {"src/a/one.c": "static int two_get(int a) {\n        return a;\n}\n"},
    "inputs": {"src/a/one.c": "int one_get(int a, int b, void (*c)(int, int),\n            int d, int e, int *ret_f) {\n}\n"},
    "length": {"src/a/one.c": "int a;\n" * 401},
    "width": {"src/a/one.c": "// clang-format off\n/* " + "a" * 116 + " */\n// clang-format on\n"},
}

GOOD = {
    "src/a/one.h": "int one_get(int a);\n",
    "src/a/one.c": """\
#include "a/one.h"
/* #include "a/two.h" */
int one_get(int a, void (*b)(int, int), int c, int d, int *ret_e) {
        if (two(a)) {
                b(c, d);
        }
        return a;
}
""" + "/* " + "a" * 114 + " */\n",
    "src/a/two.c": '#include "a/one.h"\nstatic int read_twos(int a) {\n}\n',
    "src/a/main.c": "static int a_run(int a) {\n}\nint main(void) {\n}\n",
}


def structure_check(*args):
    return subprocess.run([ROOT / "tools" / "structure-check", *args], capture_output=True, text=True)


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


def test_sources_are_formatted():
    if not shutil.which("clang-format"):
        pytest.skip("no clang-format (package clang-format)")
    run = subprocess.run([ROOT / "tools" / "format-check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


def test_sources_have_the_structure():
    run = structure_check()
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("category", BAD)
def test_what_is_wrong_is_found(tmp_path, category):
    write(tmp_path, BAD[category])
    run = structure_check("--all", "--root", tmp_path)
    assert run.returncode == 1
    assert f"[{category}]" in run.stdout


def test_what_is_right_is_left_alone(tmp_path):
    write(tmp_path, GOOD)
    run = structure_check("--all", "--root", tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
