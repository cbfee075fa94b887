# SPDX-License-Identifier: MIT
"""The tracers on probes alone: exactness at the rate of a bare loop, file and process filters, what they say when they cannot.

An emitter ends by itself when its last probe has fired, so there is nothing to wait for between it and the tracer's end.
"""

import os
import shutil
import signal
import subprocess

import procs
import pytest
import tracers
from tracers import Bpftrace, Emitter, Fpmtrace, expect


def test_notes(folder):
    """All three probes are there, each with a semaphore."""
    found = tracers.semaphores(tracers.EMITTER)
    assert sorted(found) == ["request_done", "request_stage", "request_start"]
    assert 0 not in found.values() and len(set(found.values())) == 3


@pytest.mark.parametrize("workers", [1, 4, 32])
def test_exact(folder, pool, workers):
    with Emitter(folder, pool, workers, 10000) as emitter, Fpmtrace("--json", "--binary", emitter.binary) as trace:
        emitter.go()
        seen = trace.summary()
    assert seen.counts(pool) == expect(served=10000 * workers, created=workers)
    assert seen.lost == {"events": 0, "counts": 0, "samples": 0}
    assert seen.pools[pool]["requests"]["measured"] == 10000 * workers


def test_durations(folder, pool):
    """The emitter's clock says 1 ms for executing and 1 us for each other stage, all measured from the second stage on."""
    with Emitter(folder, pool, 3, 1000) as emitter, Fpmtrace("--json", "--binary", emitter.binary) as trace:
        emitter.go()
        seen = trace.summary()
    executing, info = seen.stage(pool, "executing"), seen.stage(pool, "info")
    assert executing["measured"] == info["measured"] == 3000
    assert executing["sum_ns"] == 3000 * 1000000 and executing["max_ns"] == 1000000
    assert 917504 <= executing["p50_ns"] <= 1000000  # the bounds of the bucket that 1 ms is in
    assert info["sum_ns"] == 3000 * 1000 and 960 <= info["p99_ns"] <= 1000


def test_bpftrace_counts_the_same(folder, pool):
    with Emitter(folder, pool, 4, 10000) as emitter, Bpftrace(emitter.binary) as trace:
        emitter.go()
        assert trace.counts(pool) == expect(served=40000, created=4)


def test_both_at_once(folder, pool):
    """One worker: bpftrace makes a new key of a map in a way that can lose a count when two processors meet there."""
    with Emitter(folder, pool, 1, 10000) as emitter, Bpftrace(emitter.binary) as one, \
            Fpmtrace("--json", "--binary", emitter.binary) as two:
        emitter.go()
        assert two.summary().counts(pool) == one.counts(pool) == expect(served=10000, created=1)


def test_filter_by_pool(folder, pool):
    with Emitter(folder, pool, 1, 100) as a, Emitter(folder, pool + "x", 1, 100) as b, \
            Fpmtrace("--json", "--pool", pool) as trace:
        a.go()
        b.go()
        seen = trace.summary()
    assert list(seen.pools) == [pool]
    assert seen.counts(pool) == expect(served=100, created=1)


def test_filter_by_process(folder, pool):
    """-p takes in the process's children: the emitter itself fires nothing."""
    with Emitter(folder, pool, 2, 100) as a, Emitter(folder, pool, 2, 100) as b, \
            Fpmtrace("--json", "-p", a.pid) as trace:
        a.go()
        b.go()
        assert trace.summary().counts(pool) == expect(served=200, created=2)


# A pid namespace that goes on after the emitter, which is its second process, and ends with the standard input.
CONTAINER = ["unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", '"$@" && echo over; cat >/dev/null', "sh"]


def test_filter_by_process_in_a_container(folder, pool):
    """A process has a number in the container and another one outside of it, and each is the right one for who has that /proc. Neither
    takes in another process with that number elsewhere."""
    with Emitter(folder, pool, 2, 100, within=CONTAINER) as inner, Emitter(folder, pool, 1, 100) as outer:
        first, = procs.children(inner.pid)
        second, = procs.children(first)
        enter = ["nsenter", f"--target={first}", "--pid", "--mount"]
        with Fpmtrace("--json", "-p", second) as outside, Fpmtrace("--json", "-p", 2, within=enter) as inside, \
                Fpmtrace("--json", "-p", outer.pid) as other:
            inner.start()
            outer.go()
            assert inner.process.stdout.readline() == "over\n"
            assert outside.summary().counts(pool) == expect(served=200, created=2)
            assert inside.summary().counts(pool) == expect(served=200, created=2)
            assert other.summary().counts(pool) == expect(served=100, created=1)


def test_started_later(folder, pool):
    """--binary needs no process."""
    path = os.path.join(folder, "fpmd-zygote")
    shutil.copy(tracers.EMITTER, path)
    with Fpmtrace("--json", "--binary", path) as trace, Emitter(folder, pool, 1, 10) as emitter:
        emitter.go()
        assert trace.summary().counts(pool) == expect(served=10, created=1)


def test_new_binary_is_found(folder, pool):
    """An upgrade puts a new file in place and a reload starts it: traced from the next refresh on."""
    new = os.path.join(folder, "new")
    os.mkdir(new)
    with Emitter(folder, pool, 1, 10) as old, Fpmtrace("--json") as trace, Emitter(new, pool, 1, 20) as emitter:
        trace.wait_error(new)
        old.go()
        emitter.go()
        assert trace.summary().counts(pool) == expect(served=30, created=2)


def test_deleted_binary(folder, pool):
    with Emitter(folder, pool, 1, 10) as emitter:
        os.unlink(emitter.binary)
        with Fpmtrace("--json", "-p", emitter.pid) as trace:
            emitter.go()
            assert trace.summary().counts(pool) == expect(served=10, created=1)


def test_one_image_in_two_containers_counts_once(folder, pool):
    """Two overlays over one file look like two files and share their probes: each probe fires for both attachments."""
    mounts = ('set -e; mount -t tmpfs none "$1"; cd "$1"; mkdir lower; cp "$2" lower/fpmd-zygote; for i in 1 2; do '
              "mkdir upper$i work$i merged$i; mount -t overlay none -o lowerdir=lower,upperdir=upper$i,workdir=work$i merged$i; "
              'done; echo mounted; exec sleep infinity')
    holder = subprocess.Popen(["unshare", "-m", "sh", "-c", mounts, "sh", folder, tracers.EMITTER], stdout=subprocess.PIPE,
                              text=True)
    try:
        assert holder.stdout.readline() == "mounted\n"
        root = f"/proc/{holder.pid}/root{folder}"
        with Emitter(root + "/merged1", pool, 1, 100) as a, Emitter(root + "/merged2", pool, 1, 100) as b, \
                Fpmtrace("--json", "--pool", pool) as trace:
            assert trace.said.count(f"{folder}/merged") == 2  # attached to both
            a.go()
            b.go()
            assert trace.summary().counts(pool) == expect(served=200, created=2)
    finally:
        holder.kill()
        holder.communicate()


def test_follow(folder, pool):
    with Emitter(folder, pool, 1, 2) as emitter, Fpmtrace("--follow", "--binary", emitter.binary) as trace:
        emitter.go()
        lines = trace.end().partition("\n\n")[0].splitlines()
    assert len(lines) == 1 + 2 * (len(tracers.SERVED) + 2)
    assert [" ".join(line.split()[4:]) for line in lines[1:9]] == [
        "accepting -> reading_headers after 1.0 us", "reading_headers -> info after 1.0 us", "start GET",
        "info -> executing after 1.0 us", "executing -> end after 1.00 ms", "end -> finished after 1.0 us",
        "done 200, 512 bytes, 1.00 ms", "finished -> accepting after 1.0 us"]
    assert "private" not in "".join(lines)


def test_follow_personal(folder, pool):
    with Emitter(folder, pool, 1, 1) as emitter, Fpmtrace("--follow", "--personal", "--binary", emitter.binary) as trace:
        emitter.go()
        assert "start GET /private?name=x script /srv/private.php\n" in trace.end()


def test_follow_tells_lost_lines_and_counts_them_all(folder, pool):
    """Nobody reads: the pipe and the ring fill up. What is lost is lines, and their number is known."""
    with Emitter(folder, pool, 2, 20000) as emitter, Fpmtrace("--follow", "--binary", emitter.binary) as trace:
        emitter.go()
        out = trace.end()
    lines, _, summary = out.partition("\n\n")
    lost = int(summary.split(" lines lost")[0].split()[-1])
    assert lost > 0
    assert lost + len(lines.splitlines()) == 2 * (1 + 20000 * (len(tracers.SERVED) + 2))
    assert summary.count(" 40000\n") == len(tracers.SERVED)


def test_refreshes_and_ends_by_itself(folder, pool):
    with Emitter(folder, pool, 1, 10) as emitter, Fpmtrace("-n", 2, "--binary", emitter.binary) as trace:
        emitter.go()
        out, _ = trace.process.communicate(timeout=tracers.LIMIT)
    assert trace.process.returncode == 0
    assert out.count("POOL             STAGE") == 3  # two refreshes and the summary
    assert "\033" not in out


def test_ends_after_duration(folder, pool):
    with Emitter(folder, pool, 1, 10) as emitter, Fpmtrace("--json", "-d", 1, "--binary", emitter.binary) as trace:
        emitter.go()
        out, _ = trace.process.communicate(timeout=tracers.LIMIT)
    assert trace.process.returncode == 0 and f'"pool":"{pool}"' in out


def test_sigterm(folder, pool):
    with Emitter(folder, pool, 1, 10) as emitter, Fpmtrace("--json", "--binary", emitter.binary) as trace:
        emitter.go()
        assert f'"pool":"{pool}"' in trace.end(signal.SIGTERM)


def test_hostile_name(folder):
    """The pool's name comes from a process that is not trusted with a terminal."""
    with Emitter(folder, "\033[2J\u009b", 1, 1) as emitter, Fpmtrace("--binary", emitter.binary) as trace:
        emitter.go()
        out = trace.end()
    assert "\033" not in out and "\u009b" not in out and "\\x1b[2J\\xc2\\x9b" in out


def run(*args, **more):
    done = subprocess.run([tracers.FPMTRACE, *map(str, args)], capture_output=True, text=True, timeout=tracers.LIMIT, **more)
    return done.returncode, done.stdout, done.stderr


def test_without_privilege():
    status, out, err = run(user=65534, group=65534, extra_groups=[])
    assert (status, out) == (1, "")
    assert err.startswith("fpmtrace: CAP_BPF and CAP_PERFMON missing: run it as root")


def test_with_half_the_privilege():
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=+bpf", "--ambient-caps=+bpf",
               tracers.FPMTRACE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=tracers.LIMIT)
    assert done.returncode == 1 and done.stderr.startswith("fpmtrace: CAP_PERFMON missing")


def test_the_privileges_that_are_named_are_enough(folder, pool):
    """Without root, on a process of another user."""
    capabilities = "+sys_admin,+sys_ptrace"
    with Emitter(folder, pool, 1, 10) as emitter:
        trace = Fpmtrace("--json", "-p", emitter.pid)
        trace.command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", f"--inh-caps={capabilities}",
                         f"--ambient-caps={capabilities}", *trace.command]
        with trace:
            emitter.go()
            assert trace.summary().counts(pool) == expect(served=10, created=1)


@pytest.mark.parametrize("args, says", [
    (["--binary", "/bin/true"], "/bin/true has no probes of fpmd"),
    (["--binary", "/nonexistent"], "/nonexistent: No such file or directory"),
    (["--binary", "/dev/null"], "/dev/null: Invalid argument"),
    (["-p", 4194304], "there is no such process"),
    (["-p", os.getpid()], "neither that process nor a descendant of it is an fpmd-zygote"),
])
def test_cannot(args, says):
    status, out, err = run(*args)
    assert (status, out) == (1, "") and says in err


@pytest.mark.parametrize("args, says", [
    (["-i", "0"], "--interval: not a number from 1 to"),
    (["-p", "x"], "--pid: not a number from 1 to"),
    (["--json", "--follow"], "do not go together"),
    (["--personal"], "--personal goes with --follow"),
    (["-p", "1", "--binary", "x"], "do not go together"),
    (["--pool", "x" * 64], "no pool has such a name"),
    (["x"], "no arguments"),
    (["--nonsense"], "nonsense"),
])
def test_usage(args, says):
    status, out, err = run(*args)
    assert (status, out) == (2, "") and says in err
