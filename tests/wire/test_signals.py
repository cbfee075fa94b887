# SPDX-License-Identifier: MIT
"""Signals that scripts handle, ignore or block: all that ends with the request. They take pcntl, which Debian's php-fpm has not, so these are fpmd's alone."""

import json

import pytest

from backend import Backend

STATE = ("<?php $s = []; foreach (file('/proc/self/status') as $line)"
         " if (preg_match('/^(Sig(?:Blk|Ign|Cgt)):\\s*(\\w+)/', $line, $m)) $s[$m[1]] = $m[2]; echo json_encode($s);")

CHANGES = {
    "handled": "pcntl_signal(SIGUSR1, function () {}); pcntl_signal(SIGTERM, function () {});",
    "ignored": "pcntl_signal(SIGUSR1, SIG_IGN); pcntl_signal(SIGTERM, SIG_IGN); pcntl_signal(SIGPROF, SIG_IGN);",
    "blocked and back": "pcntl_sigprocmask(SIG_BLOCK, [SIGPROF]);",
    "default": "pcntl_signal(SIGPROF, SIG_DFL); pcntl_signal(SIGQUIT, SIG_DFL);",
}


@pytest.fixture
def fpmd(fpmd_server, site):
    return Backend(fpmd_server, site)


@pytest.mark.parametrize("what", CHANGES)
def test_what_a_script_does_to_signals_ends_with_it(fpmd, what):
    before = fpmd.run(STATE, pool="forking").text
    assert len(json.loads(before)) == 3
    assert fpmd.run("<?php " + CHANGES[what] + " echo 'changed';", pool="forking").text == "changed"
    for _ in range(2):
        assert fpmd.run(STATE, pool="forking").text == before


def test_a_handler_runs(fpmd):
    code = "<?php pcntl_signal(SIGUSR1, function ($n) { echo 'caught ', $n; }); posix_kill(getmypid(), SIGUSR1); pcntl_signal_dispatch();"
    for _ in range(2):
        assert fpmd.run(code, pool="forking").text == "caught 10"


def test_a_handler_does_not_run_for_others(fpmd):
    pid = fpmd.run("<?php pcntl_signal(SIGUSR1, function () { echo 'caught'; }); echo getmypid();", pool="forking").text
    code = "<?php pcntl_async_signals(true); posix_kill(getmypid(), SIGUSR1); for ($i = 0; $i < 1000; $i++); echo getmypid();"
    assert fpmd.run(code, pool="forking").text == pid


@pytest.mark.parametrize("change", ["pcntl_sigprocmask(SIG_BLOCK, range(1, 64));", "for ($i = 35; $i < 65; $i++) pcntl_signal($i, SIG_IGN);",
                                    "pcntl_signal(SIGPROF, SIG_IGN);", "for ($i = 35; $i < 65; $i++) pcntl_signal($i, function () {});"])
def test_the_next_request_has_its_time_limit(fpmd, change):
    assert fpmd.run("<?php " + change + " echo 'changed';", pool="forking-limited").text == "changed"
    r = fpmd.run("<?php while (true);", pool="forking-limited")
    assert b"Maximum execution time of 1 second exceeded" in r.stderr
