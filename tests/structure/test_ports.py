# SPDX-License-Identifier: MIT
"""The ports that tests listen at: nobody is given one that another test has, in this process or in a suite that runs beside it."""

import os
import subprocess
import sys

import server

LIB = os.path.dirname(server.__file__)
TAKE = "import sys; sys.path.insert(0, sys.argv[1]); import server; print(*[server.free_port() for _ in range(400)]); sys.stdout.flush(); input()"


def test_no_port_is_given_twice():
    runs = [subprocess.Popen([sys.executable, "-c", TAKE, LIB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    taken = [port for run in runs for port in run.stdout.readline().split()]
    for run in runs:
        run.communicate("\n")
    assert len(taken) == 800 and len(set(taken)) == 800


def test_no_port_is_one_that_the_kernel_gives_to_connections():
    with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
        first, last = map(int, f.read().split())
    assert not set(server.PORTS.RANGE) & set(range(first, last + 1))
