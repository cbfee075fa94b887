# SPDX-License-Identifier: MIT
"""tools/benchmark/overload.py, for a second."""

import json
import os
import subprocess

import server as programs

OVERLOAD = os.path.join(programs.TREE, "tools", "benchmark", "overload.py")


def test_limits_of_the_queue_answer_everybody(tmp_path):
    """Its numbers are not judged, on a machine that does other things too: who is answered, and who gives up."""
    numbers = tmp_path / "numbers.json"
    r = subprocess.run([OVERLOAD, "--seconds", "2", "--json", str(numbers)], capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL,
                       env={**os.environ, "FPMD_BUILD": programs.BUILD})
    assert r.returncode == 0, r.stdout + r.stderr
    rows = json.loads(numbers.read_text())
    assert set(rows) >= {"fpmd", "fpmd with limits"}
    limited = rows["fpmd with limits"]
    assert all(row["failed"] == 0 and row["answered"] > 0 for row in rows.values()), rows
    assert limited["refused"] > 0 and rows["fpmd"]["refused"] == 0, rows
    assert limited["given_up"] < rows["fpmd"]["given_up"], rows
