# SPDX-License-Identifier: MIT
"""The protocol of conn/claims.h, every order of its steps: spin(1) makes a program of the model, which searches them all."""

import os
import shutil
import subprocess

import pytest

MODEL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "claims.pml")
SPIN = shutil.which("spin")


def search(folder, model, *defines):
    """What the search says: its end says whether it was complete."""
    def run(*command):
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=True).stdout
    run(SPIN, *defines, "-a", model)
    run("cc", "-O2", "-w", "-DSAFETY", "-DCOLLAPSE", "-o", "pan", "pan.c")
    return run("./pan", "-m200000", "-w23")


@pytest.mark.skipif(not SPIN, reason="spin is not installed")
@pytest.mark.parametrize("dies", ["WORKER_DIES", "PARK_DIES"])
def test_no_request_is_lost_or_served_twice(tmp_path, dies):
    said = search(tmp_path, MODEL, "-DREQUESTS=1", "-DSERIALS=2", f"-D{dies}")
    assert "errors: 0" in said and "max search depth too small" not in said and "Search not completed" not in said, said


@pytest.mark.skipif(not SPIN, reason="spin is not installed")
@pytest.mark.parametrize("right, wrong", [
    # the worker reads what the park may have claimed
    (":: word == IDLE && word_serial == serial -> word = to; ret = true\n                :: else -> ret = false",
     ":: true -> word = to; ret = true"),
    # one that is parked is left to its worker's death
    ("shut[place] = shut[place] || (word == BUSY && word_serial == serial);", "shut[place] = true;"),
])
def test_the_search_finds_what_is_wrong(tmp_path, right, wrong):
    with open(MODEL) as f:
        text = f.read()
    assert right in text
    (tmp_path / "wrong.pml").write_text(text.replace(right, wrong))
    assert "errors: 1" in search(tmp_path, "wrong.pml", "-DREQUESTS=1", "-DSERIALS=2", "-DWORKER_DIES")
