#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""count.py JUNIT-XML: prints "PASSED FAILED SKIPPED", then one line for each skip's reason with how many tests it took."""

import collections
import sys
import xml.etree.ElementTree as ElementTree


def count(path):
    results = collections.Counter()
    reasons = collections.Counter()
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        skip = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            results["failed"] += 1
        elif skip is not None:
            results["skipped"] += 1
            reasons[skip.get("message") or case.get("name")] += 1
        else:
            results["passed"] += 1
    return results, reasons


def main():
    results, reasons = count(sys.argv[1])
    print(results["passed"], results["failed"], results["skipped"])
    for reason, times in reasons.most_common():
        print(f"{times} x {' '.join(reason.split())}")


main()
