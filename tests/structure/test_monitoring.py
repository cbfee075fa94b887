# SPDX-License-Identifier: MIT
"""Prometheus' own tool reads the alerts that are shipped, and they go off when they should; and what KEDA asks Prometheus it is answered."""

import json
import pathlib
import re
import subprocess

TREE = pathlib.Path(__file__).resolve().parents[2]
RULES = TREE / "conf/monitoring/prometheus-rules.yml"
KEDA = TREE / "conf/monitoring/keda.yaml"

# Two pods for half an hour: one with 6 of 8 workers busy, one with 3 of 4, whose clients wait 0.2 s each.
PODS = {
    'phpfpm_active_processes{job="fpmd", instance="a"}': "6x30", 'phpfpm_total_processes{job="fpmd", instance="a"}': "8x30",
    'phpfpm_active_processes{job="fpmd", instance="b"}': "3x30", 'phpfpm_total_processes{job="fpmd", instance="b"}': "4x30",
    'phpfpm_queue_wait_seconds_sum{job="fpmd", instance="b"}': "0+120x30", 'phpfpm_queue_wait_seconds_count{job="fpmd", instance="b"}': "0+600x30",
}


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


def test_what_keda_asks_has_an_answer_and_asks_for_more_pods(tmp_path):
    """By the records of the rules: busy shares are summed up, 0.6 for each pod; the longest mean wait is above its threshold."""
    asked = re.findall(r"^ +query: (.+)\n +threshold: \"([\d.]+)\"$", KEDA.read_text(), re.M)
    assert len(asked) == KEDA.read_text().count("query:") == 2
    answers = dict(zip((query for query, _ in asked), (1.5, 0.2)))
    assert [answers[query] > float(threshold) * pods for (query, threshold), pods in zip(asked, (2, 1))] == [True, True]
    cases = tmp_path / "cases.yml"
    cases.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [{
        "interval": "1m", "input_series": [{"series": series, "values": values} for series, values in PODS.items()],
        "promql_expr_test": [{"expr": query, "eval_time": "30m", "exp_samples": [{"labels": "{}", "value": value}]} for query, value in answers.items()]}]}))
    assert "SUCCESS" in promtool("test", "rules", str(cases))
