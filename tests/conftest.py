# SPDX-License-Identifier: MIT
"""Found by every suite below: the folder of the shared test library, and the care for orphans."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))

import procs  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def subreaper():
    procs.become_subreaper()
