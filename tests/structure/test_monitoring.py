# SPDX-License-Identifier: MIT
"""Prometheus' own tool reads the alerts that are shipped, and they go off when they should."""

import pathlib
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
RULES = TREE / "conf/monitoring/prometheus-rules.yml"


def promtool(*args):
    r = subprocess.run(["promtool", *args], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stdout + r.stderr
    return r.stdout


def test_rules_are_right():
    assert "SUCCESS" in promtool("check", "rules", "--lint-fatal", str(RULES))


def test_alerts_go_off_when_they_should(tmp_path):
    cases = tmp_path / "cases.yml"
    cases.write_text((TREE / "tests/structure/prometheus-rules-test.yml").read_text().replace("RULES", str(RULES)))
    assert "SUCCESS" in promtool("test", "rules", str(cases))
