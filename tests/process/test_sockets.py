# SPDX-License-Identifier: MIT
"""Listen sockets: inherited from a service manager, or bound by the master."""

import grp
import json
import os
import pwd
import re
import signal
import socket
import stat

import pytest

import fastcgi
import procs
import server as programs


def unix_listener(path, mode=0o666):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.bind(path)
    os.chmod(path, mode)
    s.listen(512)
    return s


def tcp_listener(port=0, reuse_port=False, host="127.0.0.1"):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if reuse_port:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    s.bind((host, port))
    s.listen(512)
    return s


def ask(s, address):
    script = s.script("pid.php", "<?php echo getmypid();")
    r = fastcgi.Client(address).request(fastcgi.environment(script))
    assert r.complete and r.status == 200, r
    return int(r.text)


# --- own binding

def test_unix_path_with_mode_and_owner(start):
    how = {"listen.mode": "0640"}
    if programs.ROOT:
        how.update({"listen.owner": "www-data", "listen.group": "daemon"})
    s = start({"www": how})
    seen = os.stat(s.address())
    assert stat.S_ISSOCK(seen.st_mode) and stat.S_IMODE(seen.st_mode) == 0o640
    if programs.ROOT:
        assert (seen.st_uid, seen.st_gid) == (pwd.getpwnam("www-data").pw_uid, grp.getgrnam("daemon").gr_gid)
    assert ask(s, s.address())


def test_unix_path_is_removed_at_the_end(start):
    s = start()
    assert os.path.exists(s.address())
    s.stop()
    assert not os.path.exists(s.address())


def test_stale_unix_path_is_taken_over(make):
    s = make()
    old = unix_listener(s.address())
    old.close()
    s.start()
    assert ask(s, s.address())


def test_unix_path_somebody_listens_on_is_refused(make):
    s = make()
    with unix_listener(s.address()):
        status, said = s.start_expecting_failure()
        assert status != 0 and s.address() in said
        fastcgi.Connection(s.address()).close()


def test_file_at_the_unix_path_is_not_removed(make):
    s = make()
    with open(s.address(), "w") as f:
        f.write("precious")
    status, said = s.start_expecting_failure()
    assert status != 0 and s.address() in said
    with open(s.address()) as f:
        assert f.read() == "precious"


@pytest.mark.parametrize("form", ["{port}", "127.0.0.1:{port}", "[::1]:{port}", "localhost:{port}"])
def test_tcp_forms(start, form):
    if form.startswith("[::1]") and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("this machine has no IPv6")
    port = programs.free_port()
    s = start({"www": {"listen": form.format(port=port), "listen.mode": None}})
    target = f"[::1]:{port}" if form.startswith("[::1]") else f"127.0.0.1:{port}"
    if form.startswith("localhost"):
        try:
            assert ask(s, target)
        except ConnectionRefusedError:
            assert ask(s, f"[::1]:{port}")
    else:
        assert ask(s, target)


def test_bare_port_whose_ipv6_somebody_has_is_that_of_ipv4(start):
    """A socket that is for IPv6 alone leaves IPv4 free."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("::", 0))
        other.listen()
        port = other.getsockname()[1]
        s = start({"www": {"listen": str(port), "listen.mode": None}})
        assert "NOTICE: Failed implicitly binding to ::, retrying with 0.0.0.0\n" in s.log()
        assert ask(s, f"127.0.0.1:{port}")
        s.reload()
        assert ask(s, f"127.0.0.1:{port}")


def test_bare_port_is_reached_by_ipv4_and_ipv6(start):
    port = programs.free_port()
    s = start({"www": {"listen": str(port), "listen.mode": None}})
    assert ask(s, f"127.0.0.1:{port}")
    if os.path.exists("/proc/net/if_inet6"):
        assert ask(s, f"[::1]:{port}")


def test_backlog(start):
    s = start({"www": {"listen": f"127.0.0.1:{programs.free_port()}", "listen.backlog": "37"}})
    import subprocess
    port = s.address().rpartition(":")[2]
    shown = subprocess.run(["ss", "-Hltn", f"sport = :{port}"], capture_output=True, text=True, timeout=10).stdout
    assert {int(line.split()[2]) for line in shown.splitlines()} == {37}


# --- systemd-socket-activate(1)

def test_activated_unix_socket(make):
    s = make()
    s.start_activated([s.address()])
    assert ask(s, s.address())


def test_activated_tcp_socket(make):
    address = f"127.0.0.1:{programs.free_port()}"
    s = make({"www": {"listen": address}})
    s.start_activated([address])
    assert ask(s, address)


def test_activated_sockets_of_several_pools(make):
    address = f"127.0.0.1:{programs.free_port()}"
    s = make({"a": {}, "b": {"listen": address}})
    s.start_activated([s.address("a"), address])
    assert {ask(s, s.address("a")), ask(s, address)} <= set(s.workers())


def test_names_match_pools_with_listen_systemd(make):
    s = make({pool: {"listen": "systemd", "listen.mode": None, "env[POOL]": pool} for pool in "ab"})
    first, second = s.folder + "/first.sock", s.folder + "/second.sock"
    s.start_activated([first, second], names=["b", "a"])
    code = s.script("pool.php", "<?php echo getenv('POOL');")
    for path in (first, second):
        os.chmod(path, 0o666)
    assert fastcgi.Client(first).request(fastcgi.environment(code)).text == "b"
    assert fastcgi.Client(second).request(fastcgi.environment(code)).text == "a"


def test_workers_environment_knows_nothing_of_activation(make):
    s = make({"www": {"clear_env": "no"}})
    s.env["WATCHDOG_USEC"] = "30000000"
    s.start_activated([s.address()])
    names = "NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES LISTEN_PIDFDID WATCHDOG_USEC WATCHDOG_PID".split()
    code = s.script("env.php", "<?php foreach (explode(',', $_GET['n']) as $n) if (getenv($n) !== false) echo $n, ' '; echo getenv('RUNTIME_DIRECTORY') !== false;")
    assert s.run(code, query="n=" + ",".join(names)).text == "1"
    for pid in s.zygotes() + s.workers() if programs.ROOT else []:
        with open(f"/proc/{pid}/environ", "rb") as f:
            assert not [n for n in names if (n.encode() + b"=") in f.read()]


# --- inheritance, with the test as service manager

def activated(s, sockets, names=None):
    s.start_with_sockets(sockets, names)
    s.wait_ready()
    return s


def test_inherited_unix_socket_is_never_removed_nor_changed(make):
    s = make({"www": {"listen.mode": "0600"}})
    with unix_listener(s.address(), 0o622) as listener:
        before = os.stat(s.address())
        activated(s, [listener])
        assert ask(s, s.address())
        s.reload()
        assert ask(s, s.address())
        s.stop()
        after = os.stat(s.address())
        assert (after.st_ino, after.st_mode, after.st_uid, after.st_gid) == (before.st_ino, before.st_mode, before.st_uid, before.st_gid)


def test_connection_made_before_the_start_is_served(make):
    s = make()
    with unix_listener(s.address()) as listener:
        script = s.script("pid.php", "<?php echo getmypid();")
        waiting = [s.connect() for _ in range(5)]
        for c in waiting:
            c.send(fastcgi.request_bytes(fastcgi.environment(script)))
        activated(s, [listener])
        for c in waiting:
            assert c.read_response().complete
            c.close()


def test_requests_made_while_it_is_down_are_served_by_the_next(make):
    s = make()
    with unix_listener(s.address()) as listener:
        activated(s, [listener])
        first = ask(s, s.address())
        s.stop()
        c = s.connect()
        c.send(fastcgi.request_bytes(fastcgi.environment(s.script("pid.php", "<?php echo getmypid();"))))
        activated(s, [listener])
        assert int(c.read_response().text) != first
        c.close()


def test_connection_that_meets_the_stop_waits_for_the_next(make):
    """A worker that is woken for it before it hears of the stop leaves it in the queue."""
    s = make({"www": {"pm.max_children": 1}})
    pid = s.script("pid.php", "<?php echo getmypid();")
    with unix_listener(s.address()) as listener:
        activated(s, [listener])
        worker = s.workers()[0]
        os.kill(worker, signal.SIGSTOP)
        with s.connect() as c:
            c.send(fastcgi.request_bytes(fastcgi.environment(pid)))
            s.signal(signal.SIGQUIT)
            procs.until("the master to have told everybody", lambda: s.ctl("status").stdout.count("stopping"))
            os.kill(worker, signal.SIGCONT)
            assert s.wait_exit() == 0
            activated(s, [listener])
            assert int(c.read_response().text) != worker


def test_several_tcp_shards_serve_all(make):
    """As `ReusePort=yes` and one ListenStream= twice give them: same name, same address, several descriptors."""
    listeners = [tcp_listener(reuse_port=True)]
    port = listeners[0].getsockname()[1]
    listeners += [tcp_listener(port, reuse_port=True) for _ in range(2)]
    s = make({"www": {"listen": f"127.0.0.1:{port}", "pm.max_children": "1"}})
    activated(s, listeners, ["www", "www", "www"])
    assert len({ask(s, s.address()) for _ in range(60)}) == 1
    for listener in listeners:
        listener.close()


def test_shards_of_one_pool_by_name(make):
    listeners = [tcp_listener(), tcp_listener()]
    s = make({"www": {"listen": "systemd", "listen.mode": None}})
    activated(s, listeners, ["www", "www"])
    for listener in listeners:
        assert ask(s, "127.0.0.1:%d" % listener.getsockname()[1])
        listener.close()


def test_inherited_wildcard_matches_a_bare_port(make):
    if not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("this machine has no IPv6")
    listener = tcp_listener(host="::")
    port = listener.getsockname()[1]
    s = make({"www": {"listen": str(port), "listen.mode": None}})
    activated(s, [listener])
    assert ask(s, f"127.0.0.1:{port}") and ask(s, f"[::1]:{port}")
    listener.close()


def test_listener_nobody_claims_is_a_start_error_that_lists_both_sides(make):
    s = make({"www": {}})
    with unix_listener(s.folder + "/stray.sock") as stray:
        s.start_with_sockets([stray], ["stray"])
        status = s.wait_exit()
        said = s.output() + s.log()
    assert status == 78
    for name in ("stray.sock", "stray", "www", s.address()):
        assert name in said, said
    assert os.path.exists(s.folder + "/stray.sock")


def test_listen_systemd_without_a_socket_is_a_start_error(make):
    s = make({"www": {"listen": "systemd", "listen.mode": None}})
    status, said = s.start_expecting_failure()
    assert status == 78 and "www" in said and "systemd" in said


def names_of(s):
    return {pool["name"] for pool in s.status()["pools"]}


NEXT = "fpmctl enable b gives it a unit of its own"


@pytest.mark.parametrize("listen", ["systemd", None])
def test_pool_without_its_socket_among_others_is_left_out(make, listen):
    """The others serve, and log, status line, status and the next reload say of which pool nobody is there, and what to do."""
    s = make({"a": {"listen": "systemd", "listen.mode": None}, "b": {"listen": listen, "listen.mode": None} if listen else {}})
    with unix_listener(s.folder + "/a.sock") as listener:
        activated(s, [listener], ["a"])
        entry = s.wait_log(r"WARNING: \[.*\] directive 'listen': the pool 'b' \(listen = .*\) has no socket from the service manager, and is not served: .*")
        assert NEXT in entry.group() and ask(s, s.folder + "/a.sock") and names_of(s) == {"a"}
        procs.until("the service's status to say so", lambda: "; pool 'b' has no socket and is not served" in s.notify.messages[-1].get("STATUS", ""))
        status = s.status()
        assert len(status["not served"]) == 1 and NEXT in status["not served"][0]
        assert "  warning   [" in s.ctl("status").stdout and NEXT in s.ctl("status").stdout
        done = s.ctl("reload")
        assert done.returncode == 0 and "reload done, 1 pool renewed\nwarning: [" in done.stdout and NEXT in done.stdout, done
        assert ask(s, s.folder + "/a.sock") and names_of(s) == {"a"} and len(s.status()["not served"]) == 1
        refused = s.ctl("reload", "b")
        assert refused.returncode == 1 and "the pool 'b'" in refused.stderr and NEXT in refused.stderr, refused
        assert s.stop() == 0


def test_pool_without_a_socket_is_served_when_a_start_brings_it(make):
    s = make({"a": {}, "b": {}})
    with unix_listener(s.address("a")) as a, unix_listener(s.address("b")) as b:
        activated(s, [a], ["a"])
        assert names_of(s) == {"a"}
        assert s.stop() == 0
        activated(s, [a, b], ["a", "b"])
        assert names_of(s) == {"a", "b"} and s.status()["not served"] == [] and ask(s, s.address("b"))


AWAY = "systemctl list-sockets names its unit, and systemctl disable --now with that name takes it away"


def spare_findings(s):
    return [f for f in json.loads(s.ctl("doctor", "--json", "-y", s.config_path).stdout)["findings"] if f["check"] == "socket" and "no pool for it" in f["what"]]


def holds(pid, sock):
    folder = f"/proc/{pid}/fd"
    return f"socket:[{os.fstat(sock.fileno()).st_ino}]" in [os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)]


def test_socket_whose_pool_has_gone_stops_no_other(make):
    """Log, status line, status and reload say so; what clients have sent there waits for a start that brings the pool back."""
    s = make({"a": {}, "b": {}})
    pool = s.pools.pop("b")
    path = s.folder + "/b.sock"
    with unix_listener(s.address("a")) as a, unix_listener(path) as b:
        activated(s, [a, b], ["a", "b"])
        label = f"'b' ({path})"
        assert AWAY in s.wait_log(rf"WARNING: the socket {re.escape(label)} from the service manager has no pool, and nobody serves its clients: .*").group()
        assert ask(s, s.address("a")) and names_of(s) == {"a"}
        procs.until("the service's status to say so", lambda: f"; the socket {label} has no pool" in s.notify.messages[-1].get("STATUS", ""))
        assert not holds(s.pid, b), "the master has closed it"
        assert s.status()["sockets without a pool"] == [label]
        assert f"  warning   the socket {label} from" in s.ctl("status").stdout
        assert [(f["level"], AWAY in f["next"]) for f in spare_findings(s)] == [("note", True)]
        done = s.ctl("reload")
        assert done.returncode == 0 and f"reload done, 1 pool renewed\nwarning: the socket {label} from" in done.stdout, done
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(path)
            waiting.sendall(fastcgi.request_bytes(fastcgi.environment(s.script("late.php", "<?php echo 'late';"))))
            assert s.stop() == 0 and os.path.exists(path)
            s.pools["b"] = {**pool, "listen": path}
            activated(s, [a, b], ["a", "b"])
            assert names_of(s) == {"a", "b"} and s.status()["sockets without a pool"] == [] and spare_findings(s) == []
            waiting.settimeout(10)
            assert b"late" in waiting.recv(4096)
        assert s.stop() == 0


def test_reload_that_adds_a_pool_without_a_socket_is_refused(make):
    """Nothing is lost by that, and whoever wrote its file hears of it."""
    s = make({"a": {}, "b": {}})
    pool = s.pools.pop("b")
    s.write_config()
    with unix_listener(s.address("a")) as listener:
        activated(s, [listener], ["a"])
        s.pools["b"] = pool
        s.write_config()
        refused = s.ctl("reload")
        assert refused.returncode == 1 and "the pool 'b'" in refused.stderr and NEXT in refused.stderr, refused
        assert ask(s, s.address("a")) and names_of(s) == {"a"}


def test_pools_that_are_all_without_their_sockets_are_a_start_error(make):
    s = make({"a": {"listen": "systemd", "listen.mode": None}, "b": {}})
    with unix_listener(s.folder + "/c.sock") as listener:
        s.start_with_sockets([listener], ["c"])
        assert s.wait_exit() == 78
        said = s.output() + s.log()
    for pool in ("a", "b"):
        assert re.search(rf"the pool '{pool}' \(listen = .*\) has no socket; the service manager passed: 'c'", said), said


def test_socket_that_does_not_listen_is_refused(make):
    s = make()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(s.address())
        s.start_with_sockets([datagrams])
        assert s.wait_exit() != 0
    assert "not a listening" in s.output() + s.log()


def test_listen_fds_of_another_process_are_left_alone(make):
    s = make()
    s.env.update(LISTEN_FDS="1", LISTEN_PID="1")
    s.pid_script = s.script("pid.php", "<?php echo getmypid();")
    s.start()
    assert s.run(s.pid_script).complete


# --- which connections wait for whom

def test_sixty_four_connections_at_four_workers_are_all_served(start):
    s = start({"www": {"pm.max_children": "4"}})
    code = s.script("slow.php", "<?php usleep(10000); echo $_GET['i'];")
    connections = [s.connect() for _ in range(64)]
    for i, c in enumerate(connections):
        c.send(fastcgi.request_bytes(fastcgi.environment(code, query=f"i={i}")))
    for i, c in enumerate(connections):
        assert c.read_response().text == str(i)
        c.close()


@pytest.mark.parametrize("kind", ["unix", "tcp", "shards"])
def test_no_connection_waits_beside_an_idle_worker(make, kind):
    """One worker is held for the whole test; the other must serve every connection at once."""
    from load import Held
    how = {"pm.max_children": "2"}
    listeners = []
    if kind != "unix":
        listeners = [tcp_listener(reuse_port=True)]
        how["listen"] = "127.0.0.1:%d" % listeners[0].getsockname()[1]
    if kind == "shards":
        listeners += [tcp_listener(listeners[0].getsockname()[1], reuse_port=True) for _ in range(3)]
    s = make({"www": how})
    if listeners:
        activated(s, listeners, ["www"] * len(listeners))
    else:
        s.start()
    script = s.script("pid.php", "<?php echo getmypid();")
    with Held(s) as held:
        busy = held.wait_running()
        for _ in range(100):
            r = s.client(timeout=8.0).request(fastcgi.environment(script))  # a pool that is stuck is renewed after ten seconds
            assert r.complete and int(r.text) != busy
    for listener in listeners:
        listener.close()


def test_idle_kept_connections_do_not_hold_workers(start):
    s = start({"www": {"pm.max_children": "2"}})
    kept = []
    for i in range(20):
        c = s.connect()
        assert c.request(fastcgi.environment(s.pid_script)).complete
        kept.append(c)
    assert s.run(s.pid_script).complete
    for c in kept:
        assert c.request(fastcgi.environment(s.pid_script)).complete
        c.close()


def test_descriptors_of_php_are_the_expected_ones(start):
    """What PHP could reach through /proc/self/fd: its connection, listeners, the log and the process's own plumbing, and nothing of
    the master's: no config file, no control socket, no other pool's listener."""
    s = start({"www": {"pm.max_children": "1"}, "other": {"pm.max_children": "1"}})
    code = s.script("fds.php", "<?php foreach (scandir('/proc/self/fd') as $f) if (is_numeric($f)) echo $f, ' ', @readlink(\"/proc/self/fd/$f\"), \"\\n\";")
    links = [line.split(" ", 1)[1] for line in s.run(code).text.splitlines()]
    names = [re.sub(r":\[.*|\d+", "", x) for x in links]
    assert links[:3] and not [x for x in links if x.endswith((".conf", "control", "notify"))], links
    assert not [x for x in links if x.startswith(s.folder) and x not in (code, s.folder, s.log_path)], links
    assert names.count("socket") <= 8 and len(links) <= 24, links


@pytest.mark.skipif(not programs.ROOT, reason="needs root: a worker's descriptors are hidden from its own user")
def test_other_pools_listener_is_not_in_a_worker(start):
    s = start({"www": {"pm.max_children": "1"}, "other": {"pm.max_children": "1"}})
    with open("/proc/net/unix") as f:
        inodes = {line.split()[7]: line.split()[6] for line in f.readlines()[1:] if len(line.split()) == 8 and line.split()[3] == "00010000"}
    for pool, stranger in (("www", "other"), ("other", "www")):
        zygote = [z for z in s.zygotes() if f" {pool} " in procs.title(z) + " "][0]
        for pid in [zygote] + s.workers(zygote):
            links = set(procs.files(pid))
            assert f"socket:[{inodes[s.address(pool)]}]" in links
            assert f"socket:[{inodes[s.address(stranger)]}]" not in links


def test_descriptors_do_not_reach_programs_that_php_starts(start):
    """But for the script itself, which PHP opens so."""
    s = start()
    code = s.script("exec.php", "<?php echo shell_exec('ls -l /proc/self/fd');")
    links = dict(re.findall(r" (\d+) -> (.*)", s.run(code).text))
    assert set(links) >= {"0", "1", "2"}
    assert [v for k, v in links.items() if int(k) > 2 and v != code and not v.startswith("/proc/")] == [], links


# --- FPM_SOCKETS

def start_with_handed(s, sockets, value):
    """As php-fpm would be started anew: listening sockets, and an environment that tells of them."""
    s.env["FPM_SOCKETS"] = value
    s.spawn(s.command(), pass_fds=[each.fileno() for each in sockets])
    s.wait_ready()


def test_sockets_that_are_handed_down_are_used_and_the_others_given_up(make):
    s = make({"www": {"clear_env": "no"}})
    other = os.path.join(s.folder, "other.sock")
    with unix_listener(s.address()) as www, unix_listener(other) as unused:
        before = os.stat(s.address()).st_ino
        start_with_handed(s, [www, unused], f"{s.address()}={www.fileno()},{other}={unused.fileno()}")
        for path, each in ((s.address(), www), (other, unused)):
            assert f'NOTICE: using inherited socket fd={each.fileno()}, "{path}"\n' in s.log()
        assert os.stat(s.address()).st_ino == before and not os.path.exists(other)
        script = s.script("env.php", "<?php var_export(getenv('FPM_SOCKETS'));")
        assert s.run(script).text == "false"
        s.reload()
        assert ask(s, s.address())
    assert s.stop() == 0
    assert not os.path.exists(s.address())


@pytest.mark.parametrize("what", ["/x=99", "/x=no", "/x=2", "/x={dgram}"])
def test_what_is_handed_down_and_is_no_listener_is_refused(make, what):
    s = make()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as datagrams:
        text = what.format(dgram=datagrams.fileno())
        s.env["FPM_SOCKETS"] = text
        s.spawn(s.command(), pass_fds=[datagrams.fileno()])
        assert s.wait_exit() == 78
        assert f"FPM_SOCKETS: '{text}' is not a listening stream socket of this program's" in s.log() + s.output()
