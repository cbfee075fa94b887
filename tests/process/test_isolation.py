# SPDX-License-Identifier: MIT
"""Who a pool's processes are and what they may: user, limits, priority, chroot, ACLs, clients. What php-fpm does too is shown on both."""

import errno
import json
import os
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading

import pytest

import executed
import fastcgi
import procs
import server as programs

needs_root = pytest.mark.skipif(not programs.ROOT, reason="only root changes users, roots and priorities")

WHO = """<?php
$status = file_get_contents('/proc/self/status');
preg_match_all('/^(Uid|Gid|Groups|CapEff|CapPrm|CapInh|CapAmb):\\s*(.*)$/m', $status, $m, PREG_SET_ORDER);
foreach ($m as $line) echo $line[1], '=', trim($line[2]), "\\n";
"""
CHROOTED = "<?php echo json_encode([getcwd(), __FILE__, $_SERVER['SCRIPT_FILENAME'], file_exists('/etc/passwd'), getenv('HOME')]);"


@pytest.fixture(params=["php-fpm", "fpmd"])
def program(request):
    """program(pools, ...) -> a running php-fpm, then a running fpmd."""
    kind = programs.PhpFpm if request.param == "php-fpm" else programs.Fpmd
    if request.param == "php-fpm" and programs.php_fpm() is None:
        pytest.fail("no /usr/sbin/php-fpm8.*: install php-fpm, the reference")
    made = []

    def run(pools, **how):
        made.append(kind(pools, **how))
        return made[-1].start()
    yield run
    for s in made:
        s.cleanup()


def worker_of(server, pool="www"):
    return int(server.run(server.script("pid.php", "<?php echo getmypid();"), pool).text)


def facts(text):
    return dict(line.split("=", 1) for line in text.strip().splitlines())


def proc_limit(pid, name):
    with open(f"/proc/{pid}/limits") as f:
        return next(line for line in f if line.startswith(name))[len(name):].split()[:2]


def nice_of(pid):
    return os.getpriority(os.PRIO_PROCESS, pid)


def acl_of(path):
    """[(tag, permissions, id)] of a file's access ACL: acl(5), linux/posix_acl_xattr.h."""
    data = os.getxattr(path, "system.posix_acl_access")
    return [struct.unpack_from("<HHi", data, at) for at in range(4, len(data), 8)]


# --- clients

def test_a_client_on_the_list_is_served(program):
    s = program({"www": {"listen": f"127.0.0.1:{programs.free_port()}", "listen.allowed_clients": "127.0.0.9,127.0.0.1"}})
    assert s.run(s.script("p.php", "<?php echo 'served';")).text == "served"


def test_a_client_that_is_not_on_the_list_is_dropped(program):
    port = programs.free_port()
    s = program({"www": {"listen": f"127.0.0.1:{port}", "listen.allowed_clients": "127.0.0.9,::1", "pm.max_children": "1"}})
    for _ in range(3):
        with fastcgi.Connection(s.address()) as c:
            try:
                c.send(fastcgi.request_bytes(fastcgi.environment("/x.php")))
                assert c.sock.recv(1) == b""
            except ConnectionError:
                pass
    with socket.socket() as from_9:
        from_9.bind(("127.0.0.9", 0))
        from_9.settimeout(10)
        from_9.connect(("127.0.0.1", port))
        from_9.sendall(fastcgi.request_bytes(fastcgi.environment(s.script("p.php", "<?php echo 'served';"))))
        assert b"served" in from_9.recv(65536)


def test_an_empty_list_admits_nobody_over_tcp(program):
    s = program({"www": {"listen": f"127.0.0.1:{programs.free_port()}", "listen.allowed_clients": ""},
                 "unix": {"listen.allowed_clients": ""}})
    script = s.script("p.php", "<?php echo 'served';")
    assert s.run(script, pool="unix").text == "served"
    try:
        assert s.run(script).stdout == b""
    except (ConnectionError, EOFError):
        pass


def test_a_dropped_client_is_in_the_log(start):
    s = start({"www": {"listen": f"127.0.0.1:{programs.free_port()}", "listen.allowed_clients": "::1"}})
    with fastcgi.Connection(s.address()):
        s.wait_log(r"Connection disallowed: IP address '127\.0\.0\.1' has been dropped\.")


def test_a_v4_client_of_a_v6_listener_is_known_by_its_v4_address(program):
    port = programs.free_port()
    s = program({"www": {"listen": f"[::]:{port}", "listen.allowed_clients": "127.0.0.1"}})
    script = s.script("p.php", "<?php echo 'served';")
    assert fastcgi.Client(f"127.0.0.1:{port}").request(fastcgi.environment(script)).text == "served"
    with pytest.raises((ConnectionError, AssertionError, TimeoutError, EOFError)):
        response = fastcgi.Client(f"[::1]:{port}").request(fastcgi.environment(script))
        assert response.complete


def test_a_unix_socket_has_no_addresses_to_compare(program):
    s = program({"www": {"listen.allowed_clients": "127.0.0.9"}})
    assert s.run(s.script("p.php", "<?php echo 'served';")).text == "served"


# --- the socket's owner

@needs_root
@pytest.mark.parametrize("how, owner", [({}, (0, 0)), ({"listen.group": "daemon"}, (0, 1)), ({"listen.owner": "www-data"}, (33, 33))])
def test_socket_belongs_to_the_master_unless_told(program, how, owner):
    """What the pool runs must not reach its own socket, and be trusted with settings, because nobody said whose it is."""
    s = program({"www": {"user": "www-data", "group": "www-data", **how}})
    seen = os.stat(s.address())
    assert (seen.st_uid, seen.st_gid) == owner


# --- the socket's ACL

@needs_root
def test_acl_names_users_and_groups_in_place_of_owner_and_mode(program):
    s = program({"www": {"listen.acl_users": "www-data,nobody", "listen.acl_groups": "adm", "listen.owner": "nobody", "listen.mode": "0600"}})
    path = s.address()
    user, group = 0x02, 0x08
    entries = acl_of(path)
    assert sorted(e for e in entries if e[0] in (user, group)) == sorted([(user, 6, 33), (user, 6, 65534), (group, 6, 4)])
    assert {e[0]: e[1] for e in entries if e[0] not in (user, group)} == {0x01: 6, 0x04: 0, 0x10: 6, 0x20: 0}
    assert os.stat(path).st_uid == 0 and stat.S_IMODE(os.stat(path).st_mode) == 0o660
    s.wait_log("ACL set, listen.owner = 'nobody' is ignored")


@needs_root
def test_acl_of_a_user_who_does_not_exist_is_an_error(make):
    status, said = make({"www": {"listen.acl_users": "www-data, nosuchuser"}}).start_expecting_failure()
    assert status == 78
    assert re.search(r"directive 'listen.acl_users': there is no user 'nosuchuser'", said)


# --- user, limits, priority

@needs_root
def test_supplementary_groups_are_the_users_own(program):
    s = program({"www": {}})
    groups = facts(s.run(s.script("who.php", WHO)).text)
    assert set(map(int, groups["Groups"].split())) == set(os.getgrouplist("www-data", 33))
    assert groups["Uid"].split() == ["33"] * 4


@needs_root
def test_no_capability_is_left(start):
    s = start({"www": {}})
    who = facts(s.run(s.script("who.php", WHO)).text)
    assert {who[k] for k in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {"0" * 16}


@needs_root
def test_limits_of_master_and_pool(program):
    s = program({"www": {"rlimit_files": "111", "rlimit_core": "4096"}, "plain": {}}, settings={"rlimit_files": "333"})
    assert proc_limit(s.pid, "Max open files") == ["333", "333"]
    assert proc_limit(worker_of(s), "Max open files") == ["111", "111"]
    assert proc_limit(worker_of(s), "Max core file size")[1] == "4096"  # AddressSanitizer lowers the soft one
    assert proc_limit(worker_of(s, "plain"), "Max open files") == ["333", "333"]


def test_a_limit_that_is_refused_is_told_and_done_without(start):
    s = start({"www": {"rlimit_files": "2000000000"}})
    s.wait_log(r"failed to set rlimit_files for this pool\. Please check your system limits .*setrlimit\(RLIMIT_NOFILE, \d+\): Operation not permitted \(1\)")
    assert s.run(s.script("p.php", "<?php echo 'served';")).text == "served"


@needs_root
def test_priority_of_master_and_pool(program):
    s = program({"low": {"process.priority": "7"}, "plain": {}, "high": {"process.priority": "-2"}}, settings={"process.priority": "3"})
    assert [nice_of(s.pid), *(nice_of(worker_of(s, p)) for p in ("low", "plain", "high"))] == [3, 7, 3, -2]


@needs_root
@pytest.mark.parametrize("value, readable", [("no", False), ("yes", True)])
def test_dumpable_is_what_the_pool_says(program, value, readable):
    """A process that is not dumpable has its /proc files owned by root."""
    s = program({"www": {"process.dumpable": value}})
    assert (os.stat(f"/proc/{worker_of(s)}/fd").st_uid == 33) == readable


@needs_root
@pytest.mark.parametrize("pool, opens", [({}, False), ({"process.dumpable": "yes"}, True), ({"request_slowlog_timeout": "60s"}, False),
                                         ({"request_slowlog_timeout": "60s", "process.dumpable": "yes"}, True)])
def test_who_can_open_its_own_memory(start, pool, opens):
    """What disable_functions and open_basedir are worth depends on it: fpmd-from-php-fpm(7) and fpmctl check say so."""
    s = start({"www": {**pool, **({"slowlog": "/dev/null"} if "request_slowlog_timeout" in pool else {})}})
    code = "<?php var_dump((bool)@fopen('/proc/self/mem', 'r+'));"
    assert s.run(s.script("mem.php", code)).text == f"bool({str(opens).lower()})\n"


def capabilities(pid):
    with open(f"/proc/{pid}/status") as f:
        return {k: int(v, 16) for k, v in re.findall(r"^(Cap\w+):\s*(\w+)$", f.read(), re.M) if k != "CapBnd"}


NO_CAPABILITY = {"CapInh": 0, "CapPrm": 0, "CapEff": 0, "CapAmb": 0}


@needs_root
def test_helpers_are_their_pools_and_have_no_capability(start):
    """Each is given its user's groups by a capability, which is gone, as its memory is closed, before it reads anything."""
    s = start({"www": {"catch_workers_output": "yes"}})
    names = {"fpmd-zygote", "fpmd-park", "fpmd-logger"}
    procs.until("all helpers to be executed", lambda: {procs.exe(pid) for pid in procs.children(s.pid)} == names)
    for name, pid in {procs.exe(pid): pid for pid in procs.children(s.pid)}.items():
        assert procs.uid_of(pid) == 33
        procs.until(f"{name} to have no capability", lambda: capabilities(pid) == NO_CAPABILITY)
        procs.until(f"the memory of {name} to be closed", lambda: os.stat(f"/proc/{pid}/fd").st_uid == 0)


SLOW = {"request_slowlog_timeout": "60s", "slowlog": "/dev/null"}


def groups(pid):
    with open(f"/proc/{pid}/status") as f:
        return re.search(r"^Gid:\t(.*)$", f.read(), re.M)[1].split("\t")


def n_memories(pid):
    return sum(name.endswith("/mem") for name in procs.files(pid))


@needs_root
def test_what_the_slow_log_reads_with_is_the_zygotes_alone(start):
    """A descriptor of each worker's memory, for reading; no worker has another's, and what the zygote needed for that is gone."""
    s = start({"www": {**SLOW, "pm.max_children": "3"}})
    zygote = s.zygotes()[0]
    workers = s.wait_workers(3)
    for pid in (zygote, *workers):
        assert capabilities(pid) == NO_CAPABILITY
    assert groups(zygote) == ["33", "33", "65534", "33"]
    assert n_memories(zygote) == 3
    for pid in workers:
        assert groups(pid) == ["33"] * 4
        assert n_memories(pid) == 0
    os.kill(workers[0], signal.SIGKILL)
    procs.until("the memory of the one that has ended is closed", lambda: set(s.workers(zygote)) - set(workers) and n_memories(zygote) == 3)


# Tries to open the memory of every process that comes next, as a script of the same user could, and says whose child it is.
SPY = """
import os, re, sys
os.setgroups([]); os.setresgid(33, 33, 33); os.setresuid(33, 33, 33)
last = int(open("/proc/loadavg").read().split()[-1])
print("looks", flush=True)
while True:
    last = max(last, int(open("/proc/loadavg").read().split()[-1]))
    for pid in range(last - 2, last + 3):
        try:
            os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))
            parent = re.search(r"PPid:\\t(\\d+)", open(f"/proc/{pid}/status").read())[1]
        except OSError:
            continue
        print(parent, flush=True)
"""


class Spy:
    """found: the parents of those whose memory it has opened so far."""

    def __init__(self):
        self.process = subprocess.Popen([sys.executable, "-c", SPY], stdout=subprocess.PIPE, text=True)
        self.found = set()
        assert self.process.stdout.readline() == "looks\n"
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            if line.endswith("\n"):
                self.found.add(int(line))

    def end(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        return self.found


@pytest.fixture
def spy():
    spy = Spy()
    yield spy
    spy.end()


@needs_root
def test_spy_opens_a_memory(start, spy):
    """Where it may, sooner or later: else the next two would pass with a spy that is too slow."""
    s = start({"www": {"process.dumpable": "yes", "pm.max_children": "1", "pm.max_requests": "1"}})
    zygote = s.zygotes()[0]
    procs.until("a memory to be opened", lambda: s.run(s.pid_script).status == 200 and zygote in spy.found)


@needs_root
def test_nobody_opens_a_workers_memory_while_it_does(start, spy):
    """A worker of a pool with a slow log is dumpable for a moment as it starts."""
    s = start({"www": {**SLOW, "pm.max_children": "1", "pm.max_requests": "1"}})
    zygote = s.zygotes()[0]
    assert len({s.run(s.pid_script).text for _ in range(150)}) == 150
    assert zygote not in spy.end()


@needs_root
def test_nobody_opens_the_memory_of_what_is_being_executed(start, root):
    """Zygotes, parks and loggers are dumpable from their exec on until they say otherwise. Each is held there, while its user tries."""
    s = start({"www": {"catch_workers_output": "yes"}, "inside": {"chroot": root}})
    with executed.Executed(s.pid) as held:
        assert s.ctl("reload").returncode == 0
        for pid in procs.children(s.pid):
            if procs.exe(pid) == "fpmd-park":
                os.kill(pid, signal.SIGTERM)
        procs.until("zygotes, parks and loggers to be executed", lambda: held.programs() >= {"fpmd-zygote", "fpmd-park", "fpmd-logger"})
    assert held.opened() == {"not dumpable": False, "dumpable": True, **dict.fromkeys(held.programs(), False)}


@needs_root
def test_a_zygote_is_as_dumpable_as_its_workers(start):
    s = start({"closed": {}, "open": {"process.dumpable": "yes"}})
    owners = {procs.title(z).split()[2]: os.stat(f"/proc/{z}/fd").st_uid for z in s.zygotes()}
    assert owners == {"closed": 0, "open": 33}


# --- chroot

@pytest.fixture
def root():
    """A folder to be the root, with /site/p.php in it."""
    folder = programs.make_folder("chroot")
    root = os.path.join(folder, "root")
    os.makedirs(os.path.join(root, "site"))
    path = os.path.join(root, "site", "p.php")
    with open(path, "w") as f:
        f.write(CHROOTED)
    for folder, _, files in os.walk(root):
        os.chmod(folder, 0o755)
    os.chmod(path, 0o644)
    yield root
    shutil.rmtree(folder, ignore_errors=True)


@needs_root
@pytest.mark.parametrize("chdir, expected", [(None, "/site"), ("/site", "/site")])
def test_scripts_of_a_chroot_are_named_by_their_path_inside(program, root, chdir, expected):
    s = program({"www": {"chroot": root, "chdir": chdir}})
    answer = s.run("/site/p.php", root="/site")
    assert answer.text == f'["\\{expected}","\\/site\\/p.php","\\/site\\/p.php",false,"\\/var\\/www"]'
    assert s.run(root + "/site/p.php").status == 404


@needs_root
def test_a_chroots_processes_have_no_capability(start, root):
    s = start({"www": {"chroot": root, "pm.max_memory": "1G"}})
    zygote = s.zygotes()[0]
    worker = s.workers(zygote)[0]
    for pid in (zygote, worker):
        assert capabilities(pid) == NO_CAPABILITY
        assert os.readlink(f"/proc/{pid}/root") == root
        assert procs.uid_of(pid) == 33
        assert os.stat(f"/proc/{pid}/fd").st_uid == 0
    assert s.run("/site/p.php", root="/site").status == 200
    targets = set(procs.files(worker))
    assert "/proc" not in targets and "/" not in targets  # a directory outside would be the way out
    assert procs.until("who entered for the zygote has ended",
                       lambda: not [p for p in procs.children(s.pid) if procs.exe(p) == "fpmd"] or None)


# The calls are the C library's: what native code in a preload script may try. The numbers of CAP_SYS_CHROOT and its bit are the kernel's.
PRELOAD_CHROOT = r"""<?php
$c = FFI::cdef('typedef struct { unsigned version; int pid; } h; typedef struct { unsigned e, p, i; } d; int capset(h *, d *); int chroot(const char *);'
    . ' int *__errno_location(void);');
$h = $c->new('h'); $h->version = 0x20080522; $h->pid = 0;
$d = $c->new('d[2]'); $d[0]->e = $d[0]->p = 1 << 18;
$raised = $c->capset(FFI::addr($h), FFI::addr($d[0]));
$entered = $c->chroot('%s');
preg_match_all('/^Cap(?:Inh|Prm|Eff|Amb):\s*(\w+)$/m', file_get_contents('/proc/self/status'), $m);
file_put_contents('%s', json_encode([$raised, $entered, $c->__errno_location()[0], $m[1], file_exists('/etc/passwd')]));
%s
"""


def with_preload(make, root, last=""):
    """A server with a chroot, and where its preload script, in which `last` comes at the end, tells what it could do."""
    s = make()
    told = os.path.join(s.folder, "told")
    os.makedirs(os.path.join(s.folder, "own"))
    os.chmod(s.folder, 0o777)
    s.pools["www"].update({"chroot": root, "php_admin_value[ffi.enable]": "preload",
                           "php_admin_value[opcache.preload]": s.script("preload.php", PRELOAD_CHROOT % (s.folder + "/own", told, last))})
    return s, told


@needs_root
def test_preload_code_can_neither_raise_a_capability_nor_change_the_root(make, root):
    s, told = with_preload(make, root)
    s.start()
    with open(told) as f:
        assert json.load(f) == [-1, -1, errno.EPERM, ["0" * 16] * 4, True]
    assert s.run("/site/p.php", root="/site").text.startswith('["\\/site",')
    assert os.readlink(f"/proc/{s.zygotes()[0]}/root") == root


@needs_root
def test_a_zygote_that_parts_from_the_one_that_enters_for_it_does_not_start(make, root):
    """unshare(CLONE_FS): what the other enters is not this one's root any more."""
    s, _ = with_preload(make, root, "FFI::cdef('int unshare(int);')->unshare(0x200);")
    status, said = s.start_expecting_failure()
    assert status != 0
    assert re.search(r"failed to chroot\(\S+\): Invalid cross-device link", said)


@needs_root
def test_a_chroot_is_not_left_out_when_the_one_that_enters_is_killed(make, root):
    s, _ = with_preload(make, root, """
        for ($killed = 0; !$killed;)
            foreach (glob('/proc/[0-9]*/status') as $f)
                if (preg_match('/^Name:\\s*fpmd-chroot$.*^PPid:\\s*' . posix_getppid() . '$/ms', (string)@file_get_contents($f)))
                    $killed += posix_kill((int)basename(dirname($f)), 9);""")
    status, said = s.start_expecting_failure()
    assert status != 0
    assert re.search(r"failed to chroot\(\S+\): (Broken pipe|Connection reset by peer)", said)


def unprivileged(s, *options):
    """The whole server as the pools' user, as the unit has it."""
    os.chown(s.folder, 33, 33)
    os.chown(s.runtime, 33, 33)
    os.chmod(s.notify.path, 0o777)
    plain = s.command
    s.command = lambda: ["setpriv", "--reuid=33", "--regid=33", "--clear-groups", *options, *plain()]
    return s


@needs_root
def test_a_chroot_takes_no_more_than_its_capability(make, root):
    s = unprivileged(make({"www": {"chroot": root, "user": None, "group": None}}, settings={"error_log": None}),
                     "--no-new-privs", "--bounding-set=-all,+sys_chroot", "--inh-caps=-all,+sys_chroot", "--ambient-caps=+sys_chroot")
    s.start()
    assert s.run("/site/p.php", root="/site").text.startswith('["\\/site",')
    with open(f"/proc/{s.workers()[0]}/status") as f:
        assert set(re.findall(r"^Cap(?:Inh|Prm|Eff|Amb):\s*(\w+)$", f.read(), re.M)) == {"0" * 16}


@needs_root
def test_a_chroot_without_root_is_refused(make):
    """php-fpm would serve outside of it."""
    s = unprivileged(make({"www": {"chroot": "/srv", "user": None, "group": None}}, settings={"error_log": None}))
    status, said = s.start_expecting_failure()
    assert status != 0
    assert "directive 'chroot' takes a start as root, or CAP_SYS_CHROOT" in said


# --- root

@needs_root
def test_root_is_refused(make):
    status, said = make({"www": {"user": "root", "group": "root"}}).start_expecting_failure()
    assert status == 78
    assert "please specify user and group other than root" in said


@needs_root
@pytest.mark.parametrize("user", ["root", None])
def test_root_is_taken_with_R(program, user):
    s = program({"www": {"user": user, "group": user}}, args=["-R"])
    assert facts(s.run(s.script("who.php", WHO)).text)["Uid"].split() == ["0"] * 4


# --- AppArmor

@pytest.mark.skipif(os.path.exists("/sys/kernel/security/apparmor"), reason="this kernel has AppArmor")
def test_a_hat_without_apparmor_is_an_error_of_the_start(make):
    status, said = make({"www": {"apparmor_hat": "php"}}).start_expecting_failure()
    assert status != 0
    assert re.search(r"\[pool www\] (failed to query apparmor confinement|directive 'apparmor_hat')", said)


# --- PHP settings from the wire

@pytest.mark.parametrize("value, shown", [("yes", "33M"), ("no", "44M")])
def test_settings_from_the_web_server_can_be_ignored(start, value, shown):
    s = start({"www": {"security.wire_ini": value, "php_value[memory_limit]": "44M", "pm.max_children": "1"}})
    script = s.script("p.php", "<?php echo ini_get('memory_limit');")
    for _ in range(3):
        assert s.run(script, PHP_VALUE="memory_limit=33M", PHP_ADMIN_VALUE="display_errors=0").text == shown
    assert s.log().count("from the web server are ignored") == (value == "no")
