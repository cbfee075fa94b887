# SPDX-License-Identifier: MIT
"""Reads an exposition of metrics: the grammar that OpenMetrics 1.0 and Prometheus' text format share, and what a scrape would refuse; lint() asks the
formats' own programs as well."""

import dataclasses
import re
import subprocess

from prometheus_client.openmetrics import parser as strict

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
HELP = re.compile(r"(?:[^\\\n]|\\[\\n\"])*")
TYPES = {"counter", "gauge", "histogram", "summary", "info", "stateset", "unknown", "gaugehistogram"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


@dataclasses.dataclass
class Family:
    name: str
    type: str = "unknown"
    help: str = None
    samples: list = dataclasses.field(default_factory=list)


def labels(text):
    found = {}
    while text:
        m = LABEL.match(text)
        assert m, f"labels do not read: {text!r}"
        assert m[1] not in found, f"a label twice: {m[1]}"
        found[m[1]] = m[2]
        text = text[m.end():]
    return found


def check_histogram(family):
    buckets = [(float(s[1]["le"]), s[2]) for s in family.samples if s[0].endswith("_bucket")]
    counts = [s[2] for s in family.samples if s[0].endswith("_count")]
    assert buckets == sorted(buckets) and buckets[-1][0] == float("inf"), buckets
    assert [n for _, n in buckets] == sorted(n for _, n in buckets), buckets
    assert counts == [buckets[-1][1]] and len([s for s in family.samples if s[0].endswith("_sum")]) == 1


def parse(text):
    """{name: Family}; fails where a scrape would."""
    assert text.endswith("\n") and text.split("\n")[-2] == "# EOF", text[-100:]
    families, current, seen = {}, None, set()
    for line in text.split("\n")[:-2]:
        if line.startswith("# "):
            _, what, name, rest = line.split(" ", 3)
            assert what in ("HELP", "TYPE") and re.fullmatch(NAME, name), line
            if current is None or current.name != name:
                assert name not in families, f"{name} is not in one piece"
                current = families[name] = Family(name)
            assert not current.samples, f"{what} behind the samples of {name}"
            if what == "TYPE":
                assert rest in TYPES, line
                current.type = rest
            else:
                assert HELP.fullmatch(rest), line
                current.help = rest
            continue
        m = SAMPLE.fullmatch(line)
        assert m and current, f"no sample: {line!r}"
        assert m[1] in [current.name + suffix for suffix in SUFFIXES.get(current.type, ("",))], line
        series = (m[1], tuple(sorted(labels(m[2] or "").items())))
        assert series not in seen, f"a series twice: {line!r}"
        seen.add(series)
        current.samples.append((m[1], dict(series[1]), float(m[3])))
    for family in families.values():
        assert family.samples, f"{family.name} has no samples"
        if family.type == "histogram":
            check_histogram(family)
    return families


def lint(text):
    """{name: Family}; fails where Prometheus' promtool has anything to say, or the reference parser of OpenMetrics."""
    r = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert (r.returncode, r.stdout + r.stderr) == (0, "")
    families = parse(text)
    assert {f.name for f in strict.text_string_to_metric_families(text)} == set(families)
    return families
