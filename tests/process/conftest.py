# SPDX-License-Identifier: MIT
"""The real programs, without systemd: the test plays its part (sockets, notify socket, signals)."""

import os

import pytest

import server as programs
from readers import Reader
from twins import Twin

PID = "<?php echo getmypid();"


@pytest.fixture(scope="session", autouse=True)
def built():
    programs.must_be_built(programs.FPMD, programs.FPMCTL)


@pytest.fixture
def make():
    """make(pools, ...) -> an Fpmd that is not started yet; it is stopped and removed at the end whatever happens."""
    made = []

    def build(pools=None, **how):
        made.append(programs.Fpmd(pools, **how))
        return made[-1]
    yield build
    for s in reversed(made):
        s.cleanup()


@pytest.fixture
def start(make):
    """start(pools, ...) -> a running Fpmd with the script pid.php."""
    def run(pools=None, **how):
        s = make(pools, **how)
        s.pid_script = s.script("pid.php", PID)
        return s.start()
    return run


@pytest.fixture
def twins():
    """(php-fpm, fpmd under php-fpm's name): the same command for both."""
    if not programs.php_fpm():
        pytest.fail("no /usr/sbin/php-fpm8.*: install php-fpm, the reference of this suite")
    made = []
    try:
        for ours in (False, True):
            made.append(Twin(ours))
        yield tuple(made)
    finally:
        for twin in made:
            twin.cleanup()


@pytest.fixture
def reader(tmp_path):
    made = []

    def build(name="log", **how):
        made.append(Reader(str(tmp_path / name), **how))
        made[-1].path = str(tmp_path / name)
        os.chmod(tmp_path, 0o755)
        return made[-1]
    yield build
    for r in made:
        r.close()
