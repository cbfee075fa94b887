# SPDX-License-Identifier: MIT
"""security.landlock: which files a pool's PHP can reach, by attacks. Each is made in a pool without it too, where it succeeds."""

import contextlib
import ctypes
import json
import os
import shutil
import struct
import subprocess
import sys

import pytest

import server as programs

CREATE_RULESET = 444  # on every machine
VERSION = 1


def abi():
    return ctypes.CDLL(None, use_errno=True).syscall(CREATE_RULESET, None, ctypes.c_size_t(0), VERSION)


needs_landlock = pytest.mark.skipif(abi() < 1, reason="this kernel has no Landlock, or hides it")

# Each line is an attempt that must not succeed; $b is another site's folder, whose files everybody may read and write as far as modes go.
ATTACKS = r"""
$secret = "$b/secret.txt";
$c = FFI::cdef('int open(const char *path, int flags, int mode); long syscall(long number, ...); int truncate(const char *path, long n);');
$read = fn (string $path) => str_contains((string) @file_get_contents($path), 'secret of b');
$run = fn (string $command) => str_contains((string) shell_exec("$command 2>/dev/null"), 'secret of b');
$made = function (callable $act, string $path): bool { @$act($path); clearstatcache(); return file_exists($path); };
return [
    'read' => fn () => $read($secret),
    'read by dots' => fn () => $read("$a/../b/secret.txt"),
    'read by the root of /proc' => fn () => $read("/proc/self/root$secret"),
    'read by the folder of /proc' => fn () => $read("/proc/self/cwd/../b/secret.txt"),
    'read by a child in /proc' => function () use ($read, $secret) { $p = proc_open(['/bin/cat'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
        fwrite($pipes[0], "up\n"); fgets($pipes[1]); $got = $read('/proc/' . proc_get_status($p)['pid'] . "/root$secret"); fclose($pipes[0]); proc_close($p); return $got; },
    'read by a link' => fn () => $made(fn ($p) => symlink($secret, $p), "$a/up/link") && $read("$a/up/link"),
    'read by a link to its folder' => fn () => @symlink($b, "$a/up/folder") && $read("$a/up/folder/secret.txt"),
    'read by a hard link' => fn () => @link($secret, "$a/up/hard") && $read("$a/up/hard"),
    'read by a copy' => fn () => @copy($secret, "$a/up/copy"),
    'read by a filter' => fn () => strlen((string) @file_get_contents("php://filter/read=string.rot13/resource=$secret")) > 0,
    'read by an object' => function () use ($secret) { try { return (new SplFileObject($secret))->fgets() !== ''; } catch (Exception $e) { return false; } },
    'include' => fn () => (@include "$b/evil.php") === 'evil of b',
    'include what it has linked' => fn () => @symlink("$b/evil.php", "$a/up/evil.php") && (@include "$a/up/evil.php") === 'evil of b',
    'list' => fn () => (bool) @scandir($b),
    'list by a pattern' => fn () => (bool) @glob("$b/*"),
    'a database' => function () use ($b) { try { return (bool) (new SQLite3("$b/db.sqlite", SQLITE3_OPEN_READONLY))->querySingle('SELECT 1 FROM sqlite_master'); }
        catch (Exception $e) { return false; } },
    'cat' => fn () => $run("cat $secret"),
    'a program with another root' => fn () => $run("cat /proc/self/root$secret"),
    'a program that PHP feeds' => function () use ($secret) { $p = @proc_open(['/bin/cat'], [['file', $secret, 'r'], ['pipe', 'w']], $pipes);
        return is_resource($p) && str_contains(stream_get_contents($pipes[1]), 'secret'); },
    'native code' => fn () => $c->open($secret, 0, 0) >= 0,
    'native code by a system call' => fn () => $c->syscall(437, -100, $secret, FFI::addr($c->new('long[3]')), 24) >= 0,
    'run a program there' => fn () => str_contains((string) shell_exec("$b/tool 2>/dev/null"), 'tool of b'),
    'run a program that it has written' => fn () => file_put_contents("$a/up/tool", "#!/bin/sh\necho own tool\n") && chmod("$a/up/tool", 0755)
        && str_contains((string) shell_exec("$a/up/tool 2>/dev/null"), 'own tool'),
    'write' => fn () => @file_put_contents("$b/open.txt", 'x') > 0,
    'write at the end' => fn () => @file_put_contents("$b/open.txt", 'x', FILE_APPEND) > 0,
    'cut' => function () use ($b, $c) { $c->truncate("$b/open.txt", 3); clearstatcache(); return filesize("$b/open.txt") === 3; },
    'make a file' => fn () => $made(fn ($p) => touch($p), "$b/drop/file"),
    'make a folder' => fn () => $made(fn ($p) => mkdir($p), "$b/drop/folder"),
    'make a link' => fn () => @symlink('/x', "$b/drop/link"),
    'make a socket' => fn () => $made(fn ($p) => stream_socket_server("unix://$p"), "$b/drop/socket"),
    'make a FIFO' => fn () => $made(fn ($p) => posix_mkfifo($p, 0600), "$b/drop/fifo"),
    'move there' => fn () => touch("$a/up/moved") && @rename("$a/up/moved", "$b/drop/moved"),
    'move from there' => fn () => @rename("$b/drop/movable", "$a/up/movable"),
    'remove' => fn () => @unlink("$b/drop/victim"),
    'a shell that writes' => fn () => $made(fn ($p) => shell_exec("echo x 2>/dev/null >$p"), "$b/drop/shell"),
    'write beside the scripts' => fn () => $made(fn ($p) => file_put_contents($p, 'x'), "$a/new.php"),
    'write into the temporary folder' => fn () => $made(fn ($p) => file_put_contents($p, 'x'), "/tmp/fpmd-landlock-" . basename(dirname($a))),
];"""

ATTACK = r"""<?php
$a = $_SERVER['A']; $b = $_SERVER['B'];
chdir($a);
$attacks = (function () use ($a, $b) { %s })();
echo json_encode(array_map(fn ($attack) => $attack(), $attacks));""" % ATTACKS

NEEDS = r"""<?php
$a = $_SERVER['A']; $up = "$a/up";
session_save_path($up);
session_start();
$_SESSION['x'] = 1;
session_write_close();
echo json_encode([
    'include' => (include "$a/lib.php") === 'lib of a',
    'list' => count(scandir($a)) > 3,
    'write' => file_put_contents("$up/own", 'text') === 4 && file_get_contents("$up/own") === 'text',
    'move' => mkdir("$up/in") && rename("$up/own", "$up/in/own") && unlink("$up/in/own") && rmdir("$up/in"),
    'session' => is_file("$up/sess_" . session_id()),
    'upload' => isset($_FILES['f']) && move_uploaded_file($_FILES['f']['tmp_name'], "$up/uploaded") && file_get_contents("$up/uploaded") === 'of a client',
    'temporary file' => ($t = tmpfile()) && fwrite($t, 'x') === 1,
    'program' => trim((string) shell_exec('echo started; : >/dev/null')) === 'started',
    'name' => gethostbyname('localhost') === '127.0.0.1',
    'user' => is_array(posix_getpwuid(posix_geteuid())),
    'zone' => (new DateTime('2026-07-01 12:00', new DateTimeZone('Europe/Berlin')))->format('T') === 'CEST',
    'character set' => iconv('UTF-8', 'ISO-8859-15', "\u{20ac}") === "\xa4",
    'certificates' => is_readable(openssl_get_cert_locations()['default_cert_dir']),
    'load' => is_array(sys_getloadavg()),
    'random' => strlen(file_get_contents('/dev/urandom', false, null, 0, 4)) === 4,
    'native code of the system' => FFI::cdef('int getpid(void);')->getpid() === getmypid(),
]);"""

UPLOAD = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nof a client\r\n--x--\r\n'


class Sites:
    """Two sites' folders beside each other, both the pool's user's to read and write as far as owners and modes go."""

    def __init__(self):
        self.folder = programs.make_folder("landlock")
        self.a, self.b = f"{self.folder}/a", f"{self.folder}/b"
        self.dropped = f"/tmp/fpmd-landlock-{os.path.basename(self.folder)}"
        for folder in ("a", "a/up", "b", "b/drop"):
            os.mkdir(f"{self.folder}/{folder}")
            os.chmod(f"{self.folder}/{folder}", 0o777)
        self.renew()
        self.attack, self.needs = self.put("a/attack.php", ATTACK), self.put("a/needs.php", NEEDS)

    def put(self, name, text, mode=0o644):
        with open(f"{self.folder}/{name}", "w") as f:
            f.write(text)
        os.chmod(f.name, mode)
        if programs.ROOT:
            shutil.chown(f.name, programs.POOL_USER, programs.POOL_USER)
        return f.name

    def renew(self):
        """As it was before an attack."""
        for folder in ("a/up", "b/drop"):
            for name in os.listdir(f"{self.folder}/{folder}"):
                path = f"{self.folder}/{folder}/{name}"
                with contextlib.suppress(FileNotFoundError):  # PHP removes what was uploaded when the request is over
                    os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        for path in (f"{self.a}/new.php", self.dropped):
            if os.path.exists(path):
                os.unlink(path)
        self.put("a/lib.php", "<?php return 'lib of a';")
        self.put("b/secret.txt", "secret of b")
        self.put("b/open.txt", "open text of b", 0o666)
        self.put("b/evil.php", "<?php return 'evil of b';")
        self.put("b/tool", "#!/bin/sh\necho tool of b\n", 0o755)
        self.put("b/drop/victim", "x", 0o666)
        self.put("b/drop/movable", "x", 0o666)
        if not os.path.exists(f"{self.b}/db.sqlite"):
            import sqlite3
            with sqlite3.connect(f"{self.b}/db.sqlite") as db:
                db.execute("CREATE TABLE t (x)")
            os.chmod(f"{self.b}/db.sqlite", 0o644)

    def pool(self, landlock="yes", more=(), **others):
        """What is read is site a, what is written its folder for uploads; more: further folders to read."""
        reads = "\nsecurity.read_path[] = ".join([self.a, *more])
        return {"security.landlock": landlock, "security.read_path[]": reads, "security.write_path[]": f"{self.a}/up", "pm.max_children": 1,
                "php_admin_value[ffi.enable]": 1, "php_admin_value[sys_temp_dir]": f"{self.a}/up", **others}

    def attacks(self, s, pool):
        """Those that have succeeded."""
        self.renew()
        return succeeded(json.loads(self.ask(s, self.attack, pool)))

    def ask(self, s, script, pool, body=b"", **more):
        return s.run(script, pool, body, timeout=programs.START_LIMIT, A=self.a, B=self.b, **more).text


def succeeded(answers):
    return {what for what, done in answers.items() if done}


@pytest.fixture
def sites():
    made = Sites()
    yield made
    made.renew()
    os.unlink(f"{made.b}/db.sqlite")
    shutil.rmtree(made.folder)


@needs_landlock
def test_another_sites_files_are_out_of_reach(start, sites):
    """'a program that it has written' is one below a folder that is read, and so may be started: only folders apart keep it from that."""
    s = start({"open": sites.pool("no"), "fenced": sites.pool("yes"), "strict": sites.pool("strict", more=["/usr", "/lib", "/lib64", "/bin"])})
    every = sites.attacks(s, "open")
    vain = {"read by the folder of /proc"} if programs.thread_safe() else set()  # the process's directory stays the worker's
    assert every == set(json.loads(sites.ask(s, sites.attack, "fenced"))) - vain, "attacks that do not even succeed where nothing keeps them out"
    below = {"run a program that it has written"}
    assert sites.attacks(s, "fenced") == below
    assert sites.attacks(s, "strict") == below
    assert sites.ask(s, s.script("etc.php", "<?php echo 1;"), "fenced") == "Access denied.\n", "a script outside"


@needs_landlock
def test_what_applications_need_goes_on(start, sites):
    s = start({"fenced": sites.pool()})
    more = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "multipart/form-data; boundary=x"}
    needs = json.loads(sites.ask(s, sites.needs, "fenced", UPLOAD, **more))
    assert [need for need, met in needs.items() if not met] == []


@needs_landlock
def test_what_is_written_is_not_run_where_it_is_apart(start, sites):
    """Scripts are not in the folder that is written, and /etc is the operator's with strict."""
    apart = {"security.read_path[]": f"{sites.a}/attack.php\nsecurity.read_path[] = {sites.a}/look.php"}
    sites.put("a/look.php", "<?php echo json_encode([is_readable('/etc/passwd'), @file_get_contents('/etc/passwd') !== false, @scandir('/usr') !== false]);")
    s = start({"yes": {**sites.pool(), **apart}, "strict": {**sites.pool("strict"), **apart}})
    assert sites.attacks(s, "yes") == set()
    assert json.loads(sites.ask(s, f"{sites.a}/look.php", "yes")) == [True, True, True]
    assert json.loads(sites.ask(s, f"{sites.a}/look.php", "strict"))[1:] == [False, False]


APP = r"""<?php
$a = getenv('A'); $b = getenv('B');
$boot = str_contains((string) @file_get_contents("$b/secret.txt"), 'secret');
while (fpmd_handle_request(function () use ($a, $b, $boot) {
    chdir($a);
    $attacks = (function () use ($a, $b) { %s })();
    echo json_encode(['at its boot' => $boot] + array_map(fn ($attack) => $attack(), $attacks));
}));""" % ATTACKS


@needs_landlock
@pytest.mark.parametrize("requests", [0, 1])
def test_an_application_that_stays_is_kept_in_from_its_boot(start, sites, requests):
    """requests 1: the zygote itself boots it."""
    app = sites.put("a/app.php", APP)
    worker = {"worker.script": app, "worker.requests": requests, "env[A]": sites.a, "env[B]": sites.b}
    s = start({"app": {**sites.pool(), **worker}})
    assert succeeded(json.loads(sites.ask(s, app, "app"))) == {"run a program that it has written"}
    sites.renew()
    assert json.loads(sites.ask(s, app, "app"))["read"] is False, "and so is the next one"


@needs_landlock
def test_start_up_is_not_kept_in(start, sites):
    """php.ini, extensions and opcache.preload may lie elsewhere, and what has been preloaded is there."""
    preload = sites.put("b/preload.php", "<?php function preloaded() { return 'of b'; }")
    script = sites.put("a/preloaded.php", "<?php echo preloaded(), ' ', var_export(@file_get_contents($_SERVER['B'] . '/preload.php'), true);")
    s = start({"fenced": sites.pool(**{"php_admin_value[opcache.enable]": 1, "php_admin_value[opcache.preload]": preload})})
    assert sites.ask(s, script, "fenced") == "of b false"


@needs_landlock
@pytest.mark.skipif(not programs.ROOT, reason="only root changes roots")
def test_in_a_chroot_the_paths_are_those_inside(start, sites):
    look = sites.put("a/look.php", "<?php echo json_encode([@file_get_contents('/b/secret.txt'), strlen(file_get_contents('/a/lib.php')) > 0]);")
    jail = {"chroot": sites.folder, "chdir": "/a", "security.read_path[]": "/a", "security.write_path[]": "/a/up"}
    s = start({"jail": {**sites.pool(), **jail}, "open": {**sites.pool("no"), **jail}})
    assert json.loads(sites.ask(s, look.removeprefix(sites.folder), "open")) == ["secret of b", True]
    assert json.loads(sites.ask(s, look.removeprefix(sites.folder), "jail")) == [False, True]


@needs_landlock
@pytest.mark.parametrize("directive", ["security.read_path[]", "security.write_path[]"])
def test_a_link_that_the_pool_has_made_is_no_way_out(start, sites, directive):
    """A folder of the list is in one that is written: what the pool puts in its place is what its next worker would reach."""
    tools = f"{sites.a}/up/tools"
    os.mkdir(tools)
    os.chmod(tools, 0o777)
    shutil.chown(tools, programs.POOL_USER) if programs.ROOT else None
    plant = sites.put("a/plant.php", "<?php $t = $_SERVER['A'] . '/up/tools'; echo json_encode(rename($t, \"$t-away\") && symlink($_SERVER['B'], $t));")
    look = sites.put("a/look.php", "<?php echo json_encode([getmypid(), @file_get_contents($_SERVER['B'] . '/secret.txt')]);")
    pool = sites.pool(**{"pm.max_requests": 1})
    pool[directive] += f"\n{directive.rstrip('[]')}[] = {tools}"
    s = start({"www": pool})
    assert json.loads(sites.ask(s, look, "www"))[1] is False
    assert sites.ask(s, plant, "www") == "true"
    for _ in range(3):
        assert json.loads(sites.ask(s, look, "www"))[1] is False
    s.wait_log(rf"directive '{directive.rstrip('[]')}': '{tools}': a link on the way to it is in a folder of security.write_path: it is out of reach")
    assert s.ctl("reload").returncode == 0
    assert json.loads(sites.ask(s, look, "www"))[1] is False, "a new zygote sees the link as well"
    os.unlink(tools)
    os.rmdir(f"{tools}-away")


@needs_landlock
def test_a_reload_brings_other_folders(start, sites):
    look = sites.put("a/look.php", "<?php echo var_export(@file_get_contents($_SERVER['B'] . '/secret.txt'), true);")
    s = start({"www": sites.pool()})
    assert sites.ask(s, look, "www") == "false"
    s.pools["www"] = {**s.pools["www"], **sites.pool(more=[f"{sites.b}/secret.txt"])}
    s.write_config()
    assert s.ctl("reload").returncode == 0
    assert sites.ask(s, look, "www") == "'secret of b'"


@needs_landlock
def test_a_folder_that_goes_costs_its_own_files_alone(start, sites):
    """A worker that starts later says so, and serves."""
    gone = f"{sites.folder}/gone"
    os.mkdir(gone)
    s = start({"www": sites.pool(more=[gone], **{"pm.max_requests": 1})})
    os.rmdir(gone)
    sites.put("a/hello.php", "<?php echo 'served';")
    for _ in range(3):
        assert sites.ask(s, f"{sites.a}/hello.php", "www") == "served"
    s.wait_log(rf"directive 'security.read_path': '{gone}': No such file or directory: it is out of reach for this worker")


@pytest.fixture
def refusal(make):
    def refuse(pool, wrapper=(), args=()):
        s = make({"www": pool}, args=list(args))
        s.wrapper = list(wrapper)
        code, said = s.start_expecting_failure()
        assert code == 78, said
        return said
    return refuse


def test_lists_that_nothing_asks_for_and_paths_that_are_none(refusal):
    assert "directive 'security.read_path': it needs 'security.landlock'" in refusal({"security.read_path[]": "/usr"})
    assert "security.write_path'" in (said := refusal({"security.landlock": "yes", "security.write_path[]": "up"})) and "must begin with '/'" in said
    assert "'/no/such': No such file or directory" in refusal({"security.landlock": "yes", "security.read_path[]": "/no/such"})
    assert "'maybe' is none of no, yes and strict" in refusal({"security.landlock": "maybe"})


def filter_that_denies(call, error):
    """A program for the kernel, seccomp(2): that call fails so."""
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1, call), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7fff0000)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


HIDING = """
import ctypes, os, sys
class Program(ctypes.Structure):
    _fields_ = [("n", ctypes.c_ushort), ("lines", ctypes.c_char_p)]
lines = bytes.fromhex(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
program = Program(len(lines) // 8, lines)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.mark.parametrize("error, why", [(38, "this kernel has no Landlock, which came with Linux 5.13"), (95, "this kernel's Landlock is not switched on"),
                                        (1, "a filter of system calls keeps Landlock away")])
def test_a_kernel_without_it_is_refused_with_the_reason(make, refusal, error, why):
    """By the start, by fpmd -t and by fpmctl check; a pool that does not ask for it is served."""
    hidden = [sys.executable, "-c", HIDING, filter_that_denies(CREATE_RULESET, error).hex()]
    line = f"directive 'security.landlock': {why}"
    assert line in refusal({"security.landlock": "yes"}, wrapper=hidden)
    s = make({"www": {"security.landlock": "yes"}})
    s.write_config()
    for command in ([programs.FPMD, "-t", "-y", s.config_path], [programs.FPMCTL, "check", "-y", s.config_path]):
        done = subprocess.run([*hidden, *map(str, command)], capture_output=True, text=True)
        assert done.returncode != 0 and line in done.stdout + done.stderr, done
    other = make({"www": {"security.landlock": "no"}})
    other.wrapper = hidden
    assert other.start().run(other.script("x.php", "<?php echo 'served';")).text == "served"
