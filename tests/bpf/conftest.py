# SPDX-License-Identifier: MIT
"""These suites need a kernel that lets us trace, and a build with probes and fpmtrace: else they say what is missing."""

import os
import shutil

import pytest
import tracers
from server import ROOT, Fpmd, make_folder


def pytest_collection_modifyitems(items):
    missing = None
    if not ROOT:
        missing = "tracing needs root"
    elif not os.path.exists("/sys/kernel/btf/vmlinux"):
        missing = "the kernel has no BTF"
    elif not os.path.exists("/sys/bus/event_source/devices/uprobe/type"):
        missing = "the kernel has no uprobes"
    elif not os.path.exists(tracers.FPMTRACE):
        missing = f"fpmtrace was not built: no {tracers.FPMTRACE}"
    elif not os.path.exists(tracers.EMITTER):
        missing = f"built without probes: no {tracers.EMITTER}"
    here = os.path.dirname(os.path.abspath(__file__))
    for item in items:
        if missing and str(item.path.parent) == here:
            item.add_marker(pytest.mark.skip(reason=missing))


@pytest.fixture
def folder():
    path = make_folder("trace")
    yield path
    shutil.rmtree(path)


@pytest.fixture
def pool():
    """A pool's name that no other program on the machine has."""
    return f"t{os.getpid()}"


@pytest.fixture
def fpmd(pool):
    with Fpmd(pools={pool: {"pm.max_children": "4", "pm.status_path": "/status", "ping.path": "/ping"}}) as server:
        server.hello = server.script("hello.php", "<?php echo 'hello';")
        yield server
