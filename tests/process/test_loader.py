# SPDX-License-Identifier: MIT
"""Zygotes of several pools are forked off one process that has loaded PHP's libraries, and are what they are without it."""

import contextlib
import os
import re
import signal

import pytest

import procs
import server as programs
from test_sleep import SLEEPER, wait_alone

STAYS = {**SLEEPER, "pm.process_idle_timeout": "1h", "pool.sleep_after": "1h"}
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a choice of users")


def library(pid, name="libphp"):
    """Where the first page of a library is in a process."""
    if os.geteuid() != 0:
        pytest.skip("only root sees the libraries of a process that is not dumpable")
    with open(f"/proc/{pid}/maps") as f:
        return next(line.split("-")[0] for line in f if name in line)


def zygote_of(s, pool):
    return procs.until(f"the zygote of {pool} to have its name",
                       lambda: next((p for p in s.zygotes() if f"zygote {pool} " in procs.title(p)), None))


def prepare(make, wrapper=(), pools="abc", *, settings=None, args=(), env=None, **more):
    """A server with these pools, which does not run yet; wrapper: the words before its own; more: settings of each pool."""
    s = make({name: {**STAYS, **more} for name in pools}, settings=settings, args=args, env=env)
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.wrapper = list(wrapper)
    return s


def ask(s, pool):
    assert s.run(s.pid_script, pool).complete
    return zygote_of(s, pool)


def wait_up(s):
    """The loader, when it has loaded everything, has said so, and waits."""
    pid = procs.until("the loader", lambda: next(iter(s.loaders()), None))
    procs.until("the loader to wait for an order",
                lambda: procs.comm(pid) == "fpmd-loader" and procs.stat_fields(pid)[0] == "S" and "libraries" in procs.title(pid))
    return pid


def ask_two(s):
    """Pools a and b, the second of which needs a loader: that, when it is up."""
    for pool in "ab":
        ask(s, pool)
    return wait_up(s)


def begin(s):
    """Starts it. Its loader, which is up."""
    s.start()
    return ask_two(s)


@pytest.fixture
def pools(make):
    """pools(...) -> a server with the pools a, b, c and d, of which a and b have been asked, and its loader, which is up."""
    def run(**more):
        s = prepare(make, pools="abcd", **more)
        return s, begin(s)
    return run


def test_zygotes_that_come_later_share_its_pages(pools):
    s, loader = pools()
    c, d = ask(s, "c"), ask(s, "d")
    assert library(c) == library(d) == library(loader)
    assert library(zygote_of(s, "a")) != library(loader)  # it was there first
    assert [procs.stat_fields(p)[1] for p in (c, d, loader)] == [s.pid] * 3
    with open(f"/proc/{c}/smaps") as f:
        part = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", f.read())
    relocated = next(p for p in part if "libcrypto" in p and p.split()[1].startswith("r--p") and "Private_Dirty:         0 kB" in p
                     and re.search(r"Shared_Dirty: +[1-9]", p))
    assert relocated  # written to by the linker, and nobody's own


def test_one_pool_needs_none(start):
    s = start({"www": {"pm": "static", "pm.max_children": "2"}})
    s.reload()
    assert s.run(s.pid_script).complete and not s.loaders()


def test_it_can_be_done_without(make):
    s = prepare(make, settings={"process.shared_libraries": "no"})
    s.start()
    zygotes = [ask(s, pool) for pool in "abc"]
    assert not s.loaders()
    assert len({library(p) for p in zygotes}) == 3


def test_it_goes_with_the_last_zygote(make):
    s = prepare(make, **SLEEPER)
    s.start()
    for pool in "abc":
        assert s.run(s.pid_script, pool).complete
    wait_alone(s)
    for pool in "cba":
        assert s.run(s.pid_script, pool).complete
    wait_alone(s)


def test_a_reload_has_the_libraries_of_its_day(pools):
    s, loader = pools()
    before = library(loader)
    s.reload()
    procs.wait_gone(loader)
    fresh = wait_up(s)
    assert library(ask(s, "d")) == library(fresh) != before


def set_global(s, value):
    s.settings["process.shared_libraries"] = value
    s.write_config()
    s.reload()


def test_a_reload_can_end_it_and_bring_it_back(pools):
    s, loader = pools()
    set_global(s, "no")
    procs.wait_gone(loader)
    ask(s, "c")
    ask(s, "d")
    assert not s.loaders()
    set_global(s, "yes")
    wait_up(s)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_pools_start_without_it_when_it_is_of_no_use(pools, how):
    s, loader = pools()
    os.kill(loader, how)
    if how == signal.SIGKILL:
        procs.wait_gone(loader)
    c, d = ask(s, "c"), ask(s, "d")
    procs.wait_gone(loader)
    assert library(c) != library(d)
    procs.until("a line about it", lambda: s.log().count("the process that loads PHP's libraries for all pools is of no use") == 1)
    assert not s.loaders() and len(s.zygotes()) == 4
    s.reload()
    wait_up(s)


def test_signals_of_a_terminal_and_a_service_manager_do_not_end_it(pools):
    s, loader = pools()
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2):
        os.kill(loader, sig)
    assert library(ask(s, "c")) == library(loader)


def test_it_ends_with_a_master_that_is_killed(pools):
    s, loader = pools()
    os.kill(s.pid, signal.SIGKILL)
    procs.wait_gone(loader)


def state(pid):
    """What a process is and may, without numbers that are its own."""
    with open(f"/proc/{pid}/status") as f:
        fields = dict(line.rstrip("\n").split(":\t", 1) for line in f)
    kept = {k: v for k, v in fields.items() if re.match(r"Name|Umask|[UG]id|Groups|Cap|NoNewPrivs|Seccomp$|Sig[BIC]|Threads", k)}
    with open(f"/proc/{pid}/limits") as f:
        kept["limits"] = f.read()
    with open(f"/proc/{pid}/oom_score_adj") as f:
        kept["oom"] = f.read()
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    kept["leads its group"], kept["nice"] = fields[2] == str(pid), fields[16]
    kept["title"] = re.sub(r"(zygote|pool) \w+(?: \(generation \d+)?", r"\1 X", procs.title(pid))
    if os.geteuid() == 0:
        for name in ("cwd", "root", "exe"):
            kept[name] = os.readlink(f"/proc/{pid}/{name}")
        kept["files"] = sorted(re.sub(r"(?<=ZendSem\.)\w+|\d\d\d+", "N", name) for name in procs.files(pid))
        kept["owner"] = os.stat(f"/proc/{pid}/fd").st_uid
    return kept


def check_same(process, other):
    """Around a fork a zygote is not what it is else: its oom_score_adj is the worker's, and pipes are open. A worker may have its connection yet."""
    with contextlib.suppress(TimeoutError):
        procs.until("both to rest", lambda: state(process) == state(other), limit=10)
    assert state(process) == state(other)


def check_same_workers(s, c, a):
    worker, other = s.wait_workers(1, c)[0], s.wait_workers(1, a)[0]
    assert procs.title(worker) == "fpmd: pool c"
    check_same(worker, other)


@pytest.mark.parametrize("settings", [
    {},
    {"rlimit_files": "300", "rlimit_core": "0", "process.priority": "5", "request_slowlog_timeout": "60s", "slowlog": "/dev/null"},
    {"process.dumpable": "yes", "catch_workers_output": "yes"},
    pytest.param({"user": "nobody", "group": "games"}, marks=needs_root),
])
def test_a_zygote_is_what_it_is_without_it(pools, settings):
    s, loader = pools(**settings)
    a, c = zygote_of(s, "a"), ask(s, "c")
    assert library(c) == library(loader)
    for pool in "ac":
        s.wait_workers(1, zygote_of(s, pool))
    check_same(c, a)
    check_same_workers(s, c, a)


@needs_root
def test_it_has_its_users_groups_and_nothing_of_the_search_for_them(make, tmp_path):
    with open("/etc/group") as f:
        lines = [line.rstrip("\n") + ("www-data" if line.startswith("games:") else "") for line in f]
    (tmp_path / "group").write_text("\n".join(lines) + "\n")
    s = prepare(make, ["unshare", "--mount", "sh", "-c", f'mount --bind {tmp_path}/group /etc/group && exec "$@"', "sh"])
    loader = begin(s)
    a, c = zygote_of(s, "a"), ask(s, "c")
    assert library(c) == library(loader)
    assert state(c)["Groups"].split() == state(a)["Groups"].split() == ["33", "60"]
    with open(f"/proc/{c}/maps") as f:
        assert "libnss" not in f.read()


@needs_root
def test_a_pool_with_a_chroot_has_one(make):
    s = prepare(make, pools="abcd")
    s.pools["c"]["chroot"] = s.folder
    loader = begin(s)
    reply = s.run(s.pid_script.removeprefix(s.folder), "c")
    assert reply.complete, reply
    c = zygote_of(s, "c")
    assert library(c) == library(loader)
    assert os.readlink(f"/proc/{c}/root") == s.folder


def test_the_environment_is_the_masters(make):
    s = prepare(make, env={"SITE": "shop"}, clear_env="no")
    script = s.script("env.php", "<?php echo getenv('SITE'), getenv('NOTIFY_SOCKET') === false ? '' : ' told too much';")
    loader = begin(s)
    assert s.run(script, "c").text == "shop"
    assert library(zygote_of(s, "c")) == library(loader)


def test_no_process_of_a_pool_has_a_way_to_the_master_by_it(pools):
    """Nor a descriptor of another pool's that it was given."""
    s, _ = pools()
    c = ask(s, "c")
    if os.geteuid() == 0:
        inodes = {name for pid in s.loaders() for name in procs.files(pid)}
        sockets = {i for i in inodes if i.startswith("socket:")}
        assert len(sockets) == 1
        assert not sockets & set(procs.files(c))


def test_a_pool_with_more_listeners_than_an_order_takes_starts_without_it(make):
    s = prepare(make)
    s.pools["c"].update({"listen": f"127.0.0.1:{programs.free_port()}", "listen.shards": "64"})
    loader = begin(s)
    assert library(ask(s, "c")) != library(loader)
    assert s.loaders() == [loader]
