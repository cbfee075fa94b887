# SPDX-License-Identifier: MIT
"""The benchmark's own tests: can its load generator be trusted, and does it run?"""

import os
import shutil
import sys

import pytest
import server as programs

sys.path.insert(0, os.path.join(programs.TREE, "tools", "benchmark"))

import generator  # noqa: E402
import scripted  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def built():
    programs.must_be_built(programs.FPMD, generator.LOAD)


@pytest.fixture
def folder():
    path = programs.make_folder("bench")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def peer(folder):
    """peer(answer) -> a scripted server on a unix socket; it is stopped at the end."""
    made = []

    def start(answer):
        made.append(scripted.Peer(os.path.join(folder, f"{len(made)}.sock"), answer))
        return made[-1]
    yield start
    for p in made:
        p.stop()
