#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes into fpmd-from-php-fpm(7) what "fpmctl import" and the wire tests know: by hand, after a change of either. A test compares."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "packaging/man/fpmd-from-php-fpm.7"
IMPORT = ROOT / "tools/ctl/import.c"
WIRE = ROOT / "tests/wire/differences.py"
BEGIN, END = '.\\" tools/lib/differences.py writes from here\n', '.\\" to here\n'
WHEN = {"GIVEN": "", "SET": "", "ABSENT": "Where it is not set: "}


def of_directives():
    """(directive, sentence) of the tables of tools/ctl/import.c."""
    for name, when, strings in re.findall(r'\{ "([^"]+)", IMPORT_(\w+),\s*((?:"[^"]*"\s*)+)\}', IMPORT.read_text()):
        yield name, WHEN[when] + "".join(re.findall(r'"([^"]*)"', strings)) + "."


def of_conversations():
    spec = importlib.util.spec_from_file_location("wire_differences", WIRE)
    wire = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(wire)
    return wire.DIFFERENCES.items()


def roff(text):
    """A sentence a line; none of them is a macro's."""
    lines = re.sub(r"(?<=[a-z)\]])([.:]) (?=[A-Za-z])", r"\1\n", text.replace("\\", "\\e")).split("\n")
    return "\n".join(("\\&" if line[:1] in ".'" else "") + line for line in lines)


def section(title, words, rows, macro):
    items = "".join(f".It {macro} {name}\n{roff(text)}\n" for name, text in rows)
    return f".Ss {title}\n{words}\n.Bl -tag -width Ds\n{items}.El\n"


def render():
    return (section("By directive", "What\n.Ql fpmctl import\nsays of a configuration that has these.", of_directives(), "Ic")
            + section("On the wire", "Conversations in which the two differ, as the tests have them, which hold each with both programs.",
                      of_conversations(), "Sy"))


def main():
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + render() + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
