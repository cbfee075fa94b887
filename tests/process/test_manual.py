# SPDX-License-Identifier: MIT
"""fpmd.conf(5) has every directive of the table, in its order, with its kind of value and its default."""

import os
import re

import pytest

import server as programs

PAGE = os.path.join(programs.TREE, "packaging", "man", "fpmd.conf.5")
KINDS = {"PATH": "path", "STRING": "text", "BOOL": "boolean", "COUNT": "number", "INT": "number", "RLIMIT": "number | unlimited", "SIZE": "size",
         "TIME": "time", "MODE": "mode", "LEVEL": "level", "PM": "manager", "FACILITY": "facility", "WORDS": "list", "AUTO": "number | auto", "LIMIT": "number | auto", "ABANDONED": "run | drop", "DISCONNECT": "ignore | abort", "DELAY": "delay", "OWNER": "pool | any", "SECCOMP": "no | exec | strict", "LANDLOCK": "no | yes | strict"}


def table(name):
    with open(os.path.join(programs.TREE, "src", "conf", "directives.h")) as f:
        text = f.read()
    return re.search(rf"#define {name}\(.*?\n(.*?)(\n\n|// clang-format on)", text, re.S)[1].replace("\\\n", " ")


def heads(name):
    """The lines that introduce the directives of a table, as the page should have them."""
    rows = re.findall(r'D\(\s*"([^"]+)",\s*\w+,\s*(\w+),\s*[^,]+,\s*[^,]+,\s*(NULL|"[^"]*")', table(name))
    return [f".It Ic {name} No = Ar {KINDS[kind]} Pq " + ("unset" if default == "NULL" else "Li " + default.strip('"')) for name, kind, default in rows]


def page():
    with open(PAGE) as f:
        return f.read()


@pytest.mark.parametrize("section, name, least", [("GLOBAL DIRECTIVES", "CONF_GLOBAL_DIRECTIVES", 17), ("POOL DIRECTIVES", "CONF_POOL_DIRECTIVES", 45)])
def test_every_directive_is_in_the_manual(section, name, least):
    text = re.search(rf"\.Sh {section}\n(.*?)\n\.El", page(), re.S)[1]
    wanted = heads(name)
    assert len(wanted) >= least
    assert [line for line in text.splitlines() if line.startswith(".It") and "Bo" not in line] == wanted
    for head in wanted:
        explained = re.search(re.escape(head) + r"\n(.*?)(?=\n\.It |\Z)", text, re.S)[1]
        assert len(explained) > 10, head


def test_every_array_is_in_the_manual():
    names = re.findall(r'A\("([^"]+)"', table("CONF_POOL_ARRAYS"))
    assert len(names) >= 6
    for name in names:
        assert re.search(rf"^\.It Ic {re.escape(name)} Ns Bo( Ar \w+)? Bc No = Ar value\n[A-Z]", page(), re.M), name
