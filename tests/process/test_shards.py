# SPDX-License-Identifier: MIT
"""listen.shards: how many accept queues a TCP pool has, from its start and over reloads."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess

import pytest

import fastcgi
import procs
import server as programs
from load import Load
from test_sockets import activated, ask, tcp_listener

LISTENING = "0A"


def tcp_pool(**more):
    return {"www": {"listen": f"127.0.0.1:{programs.free_port()}", "listen.mode": None, **more}}


def queues(address):
    """Connections that wait in each listening socket of 127.0.0.1:PORT, as the kernel counts them."""
    local = "0100007F:%04X" % int(address.rpartition(":")[2])
    with open("/proc/net/tcp") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return [int(r[4].partition(":")[2], 16) for r in rows if r[1] == local and r[3] == LISTENING]


@contextlib.contextmanager
def waiting(s, n):
    """n connections that nobody takes, each made."""
    s.wait_zygotes(1)
    for w in s.wait_workers(2):
        os.kill(w, signal.SIGSTOP)
    connections = [s.connect() for _ in range(n)]
    procs.until("all to be in a queue", lambda: sum(queues(s.address())) == n)
    try:
        yield connections
    finally:
        for w in s.workers():
            os.kill(w, signal.SIGCONT)
        for c in connections:
            c.close()


def used(s):
    """How many of the queues new connections come into."""
    with waiting(s, 100):
        return sum(n > 0 for n in queues(s.address()))


def reshard(s, n):
    s.pools["www"]["listen.shards"] = str(n)
    s.write_config()
    s.reload()


# --- how many

@pytest.mark.parametrize("n", [1, 3, 64])
def test_number_of_shards_is_the_one_that_is_set(start, n):
    s = start(tcp_pool(**{"listen.shards": str(n)}))
    assert len(queues(s.address())) == n
    assert s.run(s.pid_script).complete


def test_auto_is_one_shard_for_each_usable_cpu(start):
    s = start(tcp_pool())
    assert len(queues(s.address())) == len(os.sched_getaffinity(0))


def test_auto_counts_the_cpus_that_the_unit_may_use(make):
    s = make(tcp_pool(**{"listen.shards": "auto"}))
    s.wrapper = ["taskset", "-c", str(min(os.sched_getaffinity(0)))]
    s.start()
    assert len(queues(s.address())) == 1


def test_every_shard_gets_connections_and_is_served(start):
    s = start(tcp_pool(**{"listen.shards": "4", "pm.max_children": "2"}))
    script = s.script("pid.php", "<?php echo getmypid();")
    with waiting(s, 100) as connections:
        assert len(queues(s.address())) == 4 and 0 not in queues(s.address())
        for c in connections:
            c.send(fastcgi.request_bytes(fastcgi.environment(script)))
        for w in s.workers():
            os.kill(w, signal.SIGCONT)
        for c in connections:
            assert c.read_response().complete


def test_status_queue_is_the_sum_of_all_shards(start):
    """Ten connections in two shards; the status address is the master's, so it answers while no worker does."""
    port = programs.free_port()
    s = start(tcp_pool(**{"listen.shards": "2", "listen.backlog": "50", "pm.status_path": "/status",
                          "pm.status_listen": f"127.0.0.1:{port}"}))
    assert len(queues(f"127.0.0.1:{port}")) == 1

    def page():
        return fastcgi.Client(f"127.0.0.1:{port}").request(fastcgi.environment("/status", root="")).text
    with waiting(s, 10):
        shown = procs.until("the queue to be counted", lambda: (lambda p: p if re.search(r"(?m)^listen queue: +10$", p) else None)(page()))
    assert re.search(r"(?m)^max listen queue: +10$", shown) and re.search(r"(?m)^listen queue len: +100$", shown)


def test_service_managers_number_of_sockets_wins(make):
    listeners = [tcp_listener(reuse_port=True)]
    port = listeners[0].getsockname()[1]
    listeners.append(tcp_listener(port, reuse_port=True))
    s = make({"www": {"listen": f"127.0.0.1:{port}", "listen.shards": "5"}})
    activated(s, listeners, ["www", "www"])
    s.wait_log(r"WARNING: \[pool www\] listen\.shards is 5, but the service manager passed 2 sockets, which are used")
    reshard(s, 3)
    assert len(queues(s.address())) == 2
    assert ask(s, s.address())
    for listener in listeners:
        listener.close()


def test_dump_shows_the_number(make):
    for given, shown in ((None, "auto"), ("AUTO", "auto"), ("4", "4")):
        s = make(tcp_pool(**{"listen.shards": given}))
        s.args = ["-tt"]
        assert f"\tlisten.shards = {shown}\n" in s.start_expecting_failure()[1]


# --- an address that somebody has

@pytest.mark.parametrize("reuse_port", [False, True])
def test_port_that_another_process_has_is_refused(make, reuse_port):
    """Also one who would share it, which the kernel allows to the same user: half of the connections would be theirs."""
    with tcp_listener(reuse_port=reuse_port) as other:
        s = make({"www": {"listen": "127.0.0.1:%d" % other.getsockname()[1], "listen.shards": "2"}})
        status, said = s.start_expecting_failure()
        assert status == 78
        assert f"cannot listen on '{s.address()}': Address already in use; another process listens there" in said, said
        assert queues(s.address()) == [0]


@pytest.mark.parametrize("first, second", [("fpmd", "fpmd"), ("fpmd", "php-fpm"), ("php-fpm", "fpmd")])
def test_two_programs_do_not_share_a_port(make, first, second):
    kinds = {"fpmd": programs.Fpmd, "php-fpm": programs.PhpFpm}
    pools = tcp_pool(**{"listen.shards": None})
    two = kinds[second](pools)
    with kinds[first](pools) as one:
        script = one.script("pid.php", "<?php echo getmypid();")
        two.spawn(two.command())
        assert two.wait_exit() == 78
        assert re.search("(?i)address already in use", two.output() + two.log())
        assert one.run(script).complete
    two.cleanup()


# --- reloads

def test_reload_adds_shards(start):
    s = start(tcp_pool(**{"listen.shards": "1"}))
    reshard(s, 4)
    assert used(s) == 4
    assert s.run(s.pid_script).complete


def test_reload_takes_shards_out_of_use_and_in_again(start):
    s = start(tcp_pool(**{"listen.shards": "4"}))
    reshard(s, 1)
    s.wait_log(r"NOTICE: \[pool www\] new connections go to 1 shards; 3 more stay open for what waits in them")
    assert used(s) == 1
    reshard(s, 3)
    assert used(s) == 3 and len(queues(s.address())) == 4
    reshard(s, 5)
    assert used(s) == 5 and len(queues(s.address())) == 5


def test_connections_in_a_shard_that_goes_out_of_use_are_served(start):
    s = start(tcp_pool(**{"listen.shards": "4"}))
    for w in s.workers():
        os.kill(w, signal.SIGSTOP)
    connections = [s.connect() for _ in range(40)]
    for c in connections:
        c.send(fastcgi.request_bytes(fastcgi.environment(s.pid_script)))
    reshard(s, 1)
    for c in connections:
        assert c.read_response().complete
        c.close()


def test_shards_added_by_a_reload_that_is_refused_get_no_connection(start):
    """The old generation, which stays, does not know of them."""
    s = start(tcp_pool(**{"listen.shards": "2"}))
    s.pools["www"].update({"listen.shards": "6", "php_admin_value[opcache.preload]": s.folder + "/absent.php"})
    s.write_config()
    since = s.notify.mark()
    s.signal(signal.SIGUSR2)
    s.notify.wait("READY", "1", since, limit=30)
    s.wait_log("reload refused")
    for _ in range(100):
        assert s.run(s.pid_script, timeout=5).complete
    s.pools["www"]["php_admin_value[opcache.preload]"] = None
    reshard(s, 6)
    assert used(s) == 6


def test_reloads_that_change_the_number_lose_nothing(start):
    s = start(tcp_pool(**{"listen.shards": "1", "pm.max_children": "3"}))
    with Load(s.address(), fastcgi.environment(s.pid_script), clients=6) as load:
        for n in (3, 1, 4, 2, 5, 1):
            load.wait_more(150)
            reshard(s, n)
        load.wait_more(150)
    assert load.failures() == []


@pytest.mark.parametrize("pool", [lambda: tcp_pool(**{"listen.shards": "1"}), lambda: {"www": {}}], ids=["tcp", "unix"])
def test_reload_changes_the_backlog(start, pool):
    settings = pool()
    settings["www"].update({"listen.backlog": "64", "pm.status_path": "/status"})
    s = start(pools=settings)

    def length():
        page = s.client().request(fastcgi.environment("/status", root="", query="json")).text
        return re.search(r'"listen queue len":(\d+)', page)[1]
    procs.until("the first backlog", lambda: length() == "64")
    s.pools["www"]["listen.backlog"] = "96"
    s.write_config()
    s.reload()
    procs.until("the new backlog", lambda: length() == "96")


# --- who else may have the address

@pytest.fixture
def unprivileged(make):
    """unprivileged(pool) -> a running fpmd whose master is the pool's user."""
    def run(pool):
        s = make(pool)
        if programs.ROOT:
            who = pwd.getpwnam(programs.POOL_USER)
            for path in (s.folder, s.runtime):
                shutil.chown(path, programs.POOL_USER)
            s.wrapper = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--init-groups"]
        return s.start()
    return run


JOIN = """<?php
$server = @stream_socket_server('tcp://%s', $errno, $error, STREAM_SERVER_BIND | STREAM_SERVER_LISTEN,
    stream_context_create(['socket' => ['so_reuseport' => true]]));
echo $server ? 'joined' : $error;"""


@pytest.mark.parametrize("shards", [None, "auto", "1"])
def test_a_script_cannot_join_the_socket_of_a_master_without_root(unprivileged, shards):
    s = unprivileged(tcp_pool(**{"listen.shards": shards}))
    assert len(queues(s.address())) == 1
    assert s.run(s.script("join.php", JOIN % s.address())).text == "Address already in use"


def test_a_script_cannot_join_the_shards_of_root(start):
    if not programs.ROOT:
        pytest.skip("needs root: it is about a master that is")
    s = start(tcp_pool(**{"listen.shards": "4"}))
    assert s.run(s.script("join.php", JOIN % s.address())).text == "Address already in use"


def test_shards_that_are_asked_for_without_root_can_be_joined_and_check_says_so(unprivileged):
    s = unprivileged(tcp_pool(**{"listen.shards": "2"}))
    assert len(queues(s.address())) == 2
    told = subprocess.run([*s.wrapper, programs.FPMCTL, "check", "-y", s.config_path], capture_output=True, text=True, timeout=30)
    assert told.returncode == 0 and "warning: pool 'www', listen.shards: every process of the user that binds the sockets" in told.stderr


def test_one_socket_without_root_takes_a_restart_to_become_more(unprivileged):
    s = unprivileged(tcp_pool())
    reshard(s, 3)
    s.wait_log(r"WARNING: \[pool www\] listen\.shards = 3 takes a restart: the address was bound for one socket alone")
    assert len(queues(s.address())) == 1
    assert ask(s, s.address())
    s.stop()
    s.start()
    assert len(queues(s.address())) == 3
    reshard(s, 1)
    assert ask(s, s.address())
