# SPDX-License-Identifier: MIT
"""Runs fpmd-load, the load generator, and reads what it says."""

import json
import os
import subprocess

import procs
import server as programs

LOAD = programs.FPMD_LOAD


class Failed(Exception):
    """Requests went wrong in a measurement where none may."""


class Refused(Exception):
    """fpmd-load did not run."""


def command(address, script, **how):
    """how: fpmd-load's options by name, with _ for -; True for those without a value."""
    words = [LOAD, "--connect", address, "--script", script]
    for name, value in how.items():
        if value is True:
            words.append("--" + name.replace("_", "-"))
        elif value is not None and value is not False:
            words.append(f"--{name.replace('_', '-')}={value}")
    return words


def start(address, script, **how):
    return subprocess.Popen(command(address, script, **how), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL, preexec_fn=procs.die_with_parent)


def finish(process, limit=None):
    out, err = process.communicate(timeout=limit)
    if process.returncode not in (0, 1):
        raise Refused(f"fpmd-load: {err.strip() or process.returncode}")
    return json.loads(out)


def describe(again):
    """A request that was sent again, in a line."""
    now, before = again["request"], again["before"]
    return (f"after {again['at_ms'] / 1000:.3f} s {again['end']} on connection {again['connection']}, after {again['carried']} requests and {again['idle_ms']:.3f} ms of"
            f" idling, {again['waited_ms']:.3f} ms into request {now['number']} ({now['kind']}, {now['sent']} of {now['bytes']} bytes sent); before it:"
            f" request {before['number']} ({before['kind']}, {before['sent']} of {before['bytes']} bytes sent)")


def sent_again(result):
    """A sentence about kept connections that were closed under a request, or "". A web server answers 502 there if the request was a POST."""
    n = result["connections"]["retried"]
    return f"{n} of {result['requests']} requests were sent again since their kept connection was closed, first: {describe(result['retries'][0])}" if n else ""


def check(result, may_close=True):
    """may_close: whether the server may close a kept connection when it likes to."""
    if result["failures"]:
        raise Failed(f"{result['failures']} of {result['requests']} requests failed, first: {result['first_failure']}")
    if not may_close and sent_again(result):
        raise Failed(sent_again(result))
    return result


def load(address, script, fail=True, may_close=True, **how):
    """The result; any failed request is an exception unless fail is off."""
    result = finish(start(address, script, **how))
    return check(result, may_close) if fail else result


def throughput(address, script, connections, may_close=True, **how):
    """Requests a second. A generator for each CPU, and the connections shared out: a single one would be measured in place of a server that is quicker than it."""
    n = min(connections, os.cpu_count())
    shares = [connections // n + (i < connections % n) for i in range(n)]
    return sum(check(finish(p), may_close)["rate"] for p in [start(address, script, connections=share, **how) for share in shares])
