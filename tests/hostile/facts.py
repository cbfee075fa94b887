# SPDX-License-Identifier: MIT
"""Numbers of messages, descriptors and stages, read from the headers' tables; where those are not at hand, in a tree of programs
that a test has made, from the file that the test has left there."""

import json
import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
KEPT = os.path.join(HERE, "facts.json")


def header(path):
    with open(os.path.join(HERE, "..", "..", "src", path), encoding="utf-8") as f:
        return f.read()


def rows(text, table):
    """An X-macro's rows: [(symbol, number behind it)]."""
    lines = text.partition(f"#define {table}(X)")[2].split("\n")
    end = next(i for i, line in enumerate(lines) if not line.endswith("\\"))
    body = re.sub(r"/\*.*?\*/", "", " ".join(line.rstrip("\\") for line in lines[:end + 1]))
    return re.findall(r"X\(\s*(\w+)\s*(?:,\s*(\d+)\s*)?\)", body)


def numbers(text, table, first=3):
    return {symbol: n for n, (symbol, _) in enumerate(rows(text, table), first)}


def read():
    message, inherit = header("ipc/message.h"), header("ipc/inherit.h")
    types = numbers(message, "IPC_MESSAGES", 1)
    zygote = numbers(inherit, "INHERIT_FDS")
    return {
        "types": types,
        "names": ["NONE", *types],
        "n_types": len(types) + 1,
        "n_fds": {symbol: int(n) for symbol, n in rows(message, "IPC_MESSAGES")},
        "text": int(re.search(r"#define IPC_TEXT_MAX (\d+)", message).group(1)),
        "inherit": {**zygote, "LISTENERS": 3 + len(zygote)},
        "park": numbers(inherit, "INHERIT_PARK_FDS"),
        "executing": int(re.search(r"X\((\d+), EXECUTING,", header("scoreboard/stages.h")).group(1)),
    }


if os.path.exists(KEPT):
    with open(KEPT, encoding="utf-8") as f:
        FACTS = json.load(f)
else:
    FACTS = read()
