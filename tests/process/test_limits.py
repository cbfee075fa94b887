# SPDX-License-Identifier: MIT
"""Limits of the system that are too low: each is named, with what is needed, and what there is room for runs."""

import os
import re

import pytest

import procs
import server as programs

OTHER_USER = str(300000 + os.getpid() % 100000)  # of whom nothing else runs, in no other run of these tests either


@pytest.fixture
def limited(make):
    """limited(prlimit's option, settings of www, ...) -> a server whose master has that limit."""
    def build(option, **pool):
        s = make({"www": pool})
        s.pid_script = s.script("pid.php", "<?php echo getmypid();")
        s.wrapper = ["prlimit", option]
        return s
    return build


@pytest.mark.parametrize("caught", ["no", "yes"])
def test_descriptors_for_some_of_the_workers(limited, caught):
    """Three for each whose output is caught."""
    s = limited("--nofile=70:70", **{"pm.max_children": "60", "catch_workers_output": caught}).start()
    found = s.wait_log(r"WARNING: \[pool www\] RLIMIT_NOFILE \(70\) has no room for more than (\d+) workers; "
                       r"all pools with all of theirs take about (\d+) \(LimitNOFILE=, ulimit -Hn\)")
    n, needed = int(found[1]), int(found[2])
    assert 2 <= n < 60 and 60 < needed < 300
    procs.until("these workers", lambda: len(s.workers()) in (n, n + 1))
    assert s.run(s.pid_script).complete and s.ctl("status").returncode == 0
    zygotes = s.zygotes()
    procs.kill(s.workers()[0], 9)
    assert s.run(s.pid_script).complete
    assert s.zygotes() == zygotes and not re.search("ERROR|makes no sense", s.log()), s.log()


def test_as_many_descriptors_as_are_said_to_be_needed_are_enough(limited):
    s = limited("--nofile=70:70", **{"pm.max_children": "60"}).start()
    needed = int(s.wait_log(r"take about (\d+)")[1])
    s.stop()
    s.wrapper = ["prlimit", f"--nofile={needed}:{needed}"]
    since = len(s.log())
    s.start()
    s.wait_workers(60)
    assert "RLIMIT_NOFILE" not in s.log()[since:]


def test_reload_beside_workers_that_have_taken_all_descriptors(limited):
    """There is room for what it takes."""
    s = limited("--nofile=70:70", **{"pm.max_children": "60"}).start()
    n = int(s.wait_log(r"no room for more than (\d+) workers")[1])
    before = set(procs.until("these workers", lambda: (lambda w: w if abs(len(w) - n) <= 1 else None)(s.workers())))
    assert s.ctl("reload").returncode == 0
    assert s.run(s.pid_script).complete
    procs.until("the old workers to be gone", lambda: not before & set(s.workers()))
    procs.until("as many new ones", lambda: abs(len(s.workers()) - n) <= 1)


def test_too_few_descriptors_for_the_master_itself(limited):
    status, said = limited("--nofile=20:20").start_expecting_failure()
    assert status == 70 and "RLIMIT_NOFILE is 20 (LimitNOFILE=, ulimit -n)" in said, said


@pytest.mark.parametrize("files", ["12", "24", "45"])
def test_rlimit_files_that_no_worker_can_live_with(limited, files):
    s = limited("--nofile=1024:4096", rlimit_files=files).start()
    s.wait_log(rf"WARNING: \[pool www\] rlimit_files = {files} is too low: a worker and its zygote take about \d+, and have these")
    assert s.run(s.pid_script).complete


@pytest.mark.skipif(not programs.ROOT, reason="takes another user")
def test_processes_for_some_of_the_workers(limited):
    s = limited("--nproc=6:6", **{"pm.max_children": "12", "user": OTHER_USER, "group": "games"}).start()
    s.wait_log(r"ERROR: \[pool www\] cannot fork a worker, and tries again: .*: RLIMIT_NPROC of the user is 6 \(LimitNPROC=, ulimit -u\)")
    assert s.run(s.pid_script).complete
    assert 1 <= len(s.workers()) <= 6
    assert len(re.findall("cannot fork", s.log())) == 1
    r = s.ctl("reload")
    assert r.returncode == 0 or "RLIMIT_NPROC" in r.stderr, r
    assert s.run(s.pid_script).complete


@pytest.mark.skipif(not programs.ROOT, reason="takes another user")
def test_no_process_for_any_worker(limited):
    s = limited("--nproc=1:1", user=OTHER_USER, group="games")
    status, said = s.start_expecting_failure()
    assert status == 70 and "RLIMIT_NPROC" in said, said
