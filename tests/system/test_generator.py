# SPDX-License-Identifier: MIT
"""Pools of php-fpm's folder as units: what fpmd-generator makes of files, under a real systemd."""

import ctypes
import json
import os
import re
import subprocess

import pytest

from container import wait_until
from service import DebianFpm

COUNT = int(os.environ.get("FPMD_POOLS", "4"))
MANY = 50
GENERATOR = "/usr/lib/systemd/system-generators/fpmd-generator"
PAGE = "/var/www/html/who.php"
SETTINGS = "/etc/fpmd/units.conf"


class Sites:
    """A php-fpm pool.d with a pool and a user for each site."""

    def __init__(self, container, count=COUNT):
        self.container = container
        self.names = [f"site{i}" for i in range(count)]
        version = DebianFpm(container).version
        self.folder = f"/etc/php/{version}/fpm/pool.d"
        self.cursor = container.journal_cursor()
        self.extra = []
        container.write(SETTINGS, f"pools = {self.folder}\n")
        container.write(PAGE, "<?php echo posix_getpwuid(posix_geteuid())['name'], ' ', getenv('SITE'), ' ', PHP_SAPI;")
        container.run("sh", "-c", "; ".join(f"id {name} >/dev/null 2>&1 || useradd -M -s /usr/sbin/nologin {name}" for name in self.names))
        for name in self.names:
            self.write(name)

    def path(self, name):
        return f"{self.folder}/{name}.conf"

    def write(self, name, more="", user=None, listen=None):
        self.container.write(self.path(name), f"""\
[{name}]
user = {user or name}
group = {user or name}
listen = {listen or self.socket(name)}
listen.owner = www-data
listen.group = www-data
pm = ondemand
pm.max_children = 2
env[SITE] = {name}
{more}
""")

    @staticmethod
    def socket(name):
        return f"/run/php/{name}.sock"

    def add(self, name, **keywords):
        self.extra.append(name)
        self.write(name, **keywords)

    def ask(self, name, at=None):
        return self.container.run("fpmctl", "get", "--connect", at or self.socket(name), PAGE).stdout

    def reload(self):
        self.container.systemctl("daemon-reload")

    def enable(self, *names):
        self.container.systemctl("enable", "--now", *(f"fpmd@{name}.socket" for name in names))

    def remove(self):
        units = [f"fpmd@{name}.{kind}" for name in self.names + self.extra for kind in ("socket", "service")]
        self.container.systemctl("disable", "--now", *units, check=False)
        for name in self.names + self.extra:
            self.container.remove(self.path(name))
        for path in (SETTINGS, PAGE):
            self.container.remove(path)
        self.container.systemctl("reset-failed", check=False)
        self.reload()


@pytest.fixture
def sites(container):
    sites = Sites(container)
    yield sites
    print(container.journal_text(sites.cursor, "-t", "fpmd-generator", "-t", "fpmd", "-t", "systemd"))
    sites.remove()


# A line for each process of the slice, or of our programs elsewhere: pid, program, cgroup, real to file system's uids and gids, capabilities.
PROCESSES = r"""
for d in /proc/[0-9]*; do
        exe=$(readlink $d/exe) || continue
        group=$(grep -om1 '/fpmd.slice/.*' $d/cgroup)
        case "$group ${exe##*/}" in /* | *" fpmd"*) ;; *) continue ;; esac
        echo "${d#/proc/}|${exe##*/}|$group|$(sed -n 's/^[UG]id:\t//p; s/^Cap\(Inh\|Prm\|Eff\|Amb\):\t//p' $d/status | tr '\n\t' '| ')"
done 2>/dev/null
"""


@pytest.fixture
def many_sites(container):
    sites = Sites(container, MANY)
    yield sites
    sites.remove()


def processes(container):
    """{unit: [(program, its uids and gids, its capabilities)]}"""
    found = {}
    for line in container.run("sh", "-c", PROCESSES).stdout.splitlines():
        _, exe, group, uids, gids, *capabilities = line.rstrip("|").split("|")
        found.setdefault(group.removeprefix("/fpmd.slice/"), []).append((exe, {*uids.split(), *gids.split()}, {*capabilities}))
    return found


def test_pools_of_php_fpm_become_units_each_with_its_user_and_none_is_root(many_sites, container, capsys):
    sites, fpm = many_sites, DebianFpm(container)
    for name in sites.names:
        sites.write(name, "pm.process_idle_timeout = 10m")  # each still has its worker when all have been asked
    container.systemctl("restart", fpm.unit)
    before = {name: sites.ask(name) for name in sites.names}
    fpm.stop()  # with it go the socket files, and /run/php
    sites.reload()
    sites.enable(*sites.names)
    after = {name: sites.ask(name) for name in sites.names}
    assert before == after == {name: f"{name} {name} fpm-fcgi" for name in sites.names}
    found = processes(container)
    listing = container.run("ps", "-e", "-o", "user:8,pid,ppid,cgroup:64,args").stdout.splitlines()
    with capsys.disabled():
        print("\n" + "\n".join([listing[0], *(line for line in listing if "/fpmd.slice/" in line)]))
        print(container.run("systemd-cgls", "--no-pager", "-l", "-u", "fpmd.slice").stdout)
    ids = {line.split(":")[0]: set(line.split(":")[2:4]) for line in container.run("getent", "passwd", *sites.names).stdout.splitlines()}
    assert set(found) == {f"fpmd@{name}.service" for name in sites.names}
    for name in sites.names:
        mine = found[f"fpmd@{name}.service"]
        assert [exe for exe, _, _ in mine].count("fpmd") == 1 and [exe for exe, _, _ in mine].count("fpmd-zygote") == 2, mine  # and a worker
        assert set().union(*(who for _, who, _ in mine)) == ids[name] and "0" not in ids[name], mine
        assert set().union(*(capabilities for _, _, capabilities in mine)) == {"0" * 16}, mine


def test_the_socket_has_the_owner_mode_and_queue_of_the_file(sites, container):
    sites.add("tcp", listen="127.0.0.1:9417", user="site0", more="listen.shards = 2\nlisten.backlog = 33\nlisten.defer_accept = 2")
    sites.write("site0", "listen.mode = 0640")
    sites.reload()
    sites.enable("site0", "tcp")
    assert container.run("stat", "-c", "%U:%G %a", sites.socket("site0")).stdout.strip() == "www-data:www-data 640"
    assert container.show("fpmd@tcp.socket", "Backlog") == "33"
    assert container.show("fpmd@tcp.socket", "DeferAcceptUSec") == "2s"
    assert container.show("fpmd@tcp.socket", "Listen").count("127.0.0.1:9417") == 2
    assert sites.ask("tcp", at="127.0.0.1:9417") == "site0 tcp fpm-fcgi"


def test_a_broken_file_costs_its_own_pool_and_says_where(sites, container):
    sites.reload()
    sites.enable("site0", "site1")
    assert sites.ask("site0") and sites.ask("site1")
    other = container.show("fpmd@site1.service", "MainPID")
    sites.write("site0", "pm.max_requests = many")
    sites.reload()
    assert container.systemctl("restart", "fpmd@site0.service", check=False).returncode != 0
    assert container.show("fpmd@site0.service", "ExecMainStatus") == "78"
    where = f"{sites.path('site0')}:10"
    assert where in container.systemctl("cat", "fpmd@site0.service").stdout
    said = wait_until(lambda: [e for e in sites.container.journal(sites.cursor, "-u", "fpmd@site0") if where in e["MESSAGE"]], "the warning")
    assert {"fpmd-generator", "fpmd"} <= {entry["SYSLOG_IDENTIFIER"] for entry in said}
    assert container.show("fpmd@site0.socket", "ActiveState") == "active"  # it is still systemd's, and open
    assert container.show("fpmd@site1.service", "MainPID") == other
    container.systemctl("restart", "fpmd@site1.service")
    assert sites.ask("site1") == "site1 site1 fpm-fcgi"
    sites.write("site0")
    sites.reload()
    assert sites.ask("site0") == "site0 site0 fpm-fcgi"


def test_a_pool_of_root_has_a_unit_that_does_not_start(sites, container):
    sites.add("rooty", user="root")
    sites.reload()
    assert container.show("fpmd@rooty.service", "User") == "www-data"
    assert container.systemctl("start", "fpmd@rooty.service", check=False).returncode != 0
    shown = {name: container.show("fpmd@rooty.service", name) for name in ("Result", "ExecMainStatus", "NRestarts", "ActiveState")}
    assert shown == {"Result": "exit-code", "ExecMainStatus": "78", "NRestarts": "0", "ActiveState": "failed"}
    reason = f"[{sites.path('rooty')}:2] directive 'user': PHP does not run as root"
    wait_until(lambda: [e for e in container.journal(sites.cursor, "-u", "fpmd@rooty") if reason in e["MESSAGE"] and e["SYSLOG_IDENTIFIER"] == "fpmd"], "the reason")


def test_a_site_that_comes_and_goes_touches_no_other(sites, container):
    sites.reload()
    sites.enable("site0")
    assert sites.ask("site0")
    before = container.show("fpmd@site0.service", "MainPID")
    sites.add("shop", user="site1")
    sites.reload()
    sites.enable("shop")
    assert sites.ask("shop") == "site1 shop fpm-fcgi"
    container.systemctl("disable", "--now", "fpmd@shop.socket", "fpmd@shop.service")
    assert container.show("fpmd@shop.service", "Result") == "success"
    container.remove(sites.path("shop"))
    sites.reload()
    assert container.show("fpmd@site0.service", "MainPID") == before
    assert sites.ask("site0")


def test_the_generator_needs_no_privilege_and_writes_into_its_folder_alone(sites, container):
    script = f"""
set -e
mkdir -p /tmp/made/a /tmp/made/b /tmp/made/c
chown -R nobody /tmp/made
setpriv --reuid nobody --clear-groups {GENERATOR} /tmp/made/a /tmp/made/b /tmp/made/c
find / /tmp /run -xdev -user nobody
rm -r /tmp/made
"""
    made = container.run("sh", "-c", script).stdout.split()
    assert "/tmp/made/a/fpmd@site0.service.d/50-pool.conf" in made
    assert [path for path in made if path.endswith(".conf") and "/a/" not in path] == []
    assert [path for path in made if not path.startswith("/tmp/made")] == []


def test_a_drop_in_that_cannot_be_written_costs_its_own_pool(sites, container):
    done = container.run("sh", "-c", f"mkdir -p /tmp/made && touch /tmp/made/fpmd@site0.service.d && {GENERATOR} /tmp/made 2>&1; ls /tmp/made; rm -r /tmp/made")
    assert "cannot write the drop-in of fpmd@site0.service: Not a directory" in done.stdout
    assert "fpmd@site1.service.d" in done.stdout.split()


def test_systemd_finds_no_mistake_in_what_is_made(sites, container):
    sites.write("site0", "process.priority = 3\nchroot = /srv\nlisten.backlog = 5")
    sites.reload()
    done = container.run("systemd-analyze", "verify", "--man=no", "fpmd@site0.service", "fpmd@site0.socket", "fpmd@site1.service", "fpmd.slice")
    assert done.stdout + done.stderr == ""


def test_an_idle_site_ends_and_the_next_connection_starts_it(sites, container):
    """As many cycles as FPMD_IDLE_CYCLES; each is one that systemd makes."""
    cycles = int(os.environ.get("FPMD_IDLE_CYCLES", "3"))
    container.write(SETTINGS, f"pools = {sites.folder}\nexit_idle_time = 1s\n")
    sites.reload()
    sites.enable("site0")
    masters = set()
    for _ in range(cycles):
        assert sites.ask("site0") == "site0 site0 fpm-fcgi"
        masters.add(container.show("fpmd@site0.service", "ExecMainPID"))
        container.wait_for("fpmd@site0.service", "inactive")
        assert container.show("fpmd@site0.service", "Result") == "success"
        assert container.show("fpmd@site0.socket", "ActiveState") == "active"
    assert len(masters) == cycles
    assert not [line for line in container.run("ps", "-e", "-o", "cgroup=").stdout.splitlines() if "fpmd@site0" in line]


NEEDS = """<?php
$file = tempnam(sys_get_temp_dir(), 'x');
session_start();
$_SESSION['x'] = 1;
session_write_close();
echo json_encode(['temporary' => file_put_contents($file, 'x') === 1, 'session' => is_file(session_save_path() . '/sess_' . session_id()),
    'state' => file_put_contents(getenv('STATE') . '/x', 'x') === 1,
    'pattern' => preg_match('/^(a+)+b$/', 'aab') === 1, 'jit' => ini_get('pcre.jit') === '1', 'me' => posix_getpwuid(posix_geteuid())['name'],
    'shell' => trim((string) @shell_exec('/bin/echo shell')) === 'shell', 'setgid' => trim((string) @shell_exec('/usr/local/bin/setgid-id -gn')) === 'mail', 'load' => is_array(sys_getloadavg()),
    'upload' => @file_put_contents('/var/www/html/up/x', 'x') === 1,
    'tcp' => is_resource(@stream_socket_client('tcp://127.0.0.1:9418', $no, $text, 1))]);
"""


@pytest.mark.parametrize("preset, lost, won", [(None, [], []), ("uploads", [], ["upload"]), ("no-network", ["tcp"], []), ("no-exec", ["shell"], []),
                                               ("mail", [], ["setgid"]), ("no-jit", ["jit"], [])])
def test_what_applications_need_works_in_the_instances_sandbox(sites, container, preset, lost, won):
    container.write("/var/www/html/needs.php", NEEDS)
    container.run("install", "-d", "-o", "site0", "/var/www/html/up")
    container.run("systemd-run", "--unit=echo9418", "systemd-socket-activate", "-l", "127.0.0.1:9418", "--inetd", "-a", "/bin/cat")
    container.run("install", "-g", "mail", "-m", "2755", "/usr/bin/id", "/usr/local/bin/setgid-id")
    jit = "\nphp_admin_value[pcre.jit] = 0\nphp_admin_value[opcache.jit] = disable" if preset == "no-jit" else ""  # as that file says
    sites.write("site0", "env[STATE] = /var/lib/fpmd/site0\nprocess.priority = 3" + jit)
    if preset:
        container.run("install", "-D", f"/usr/share/fpmd/sandbox/{preset}.conf", f"/etc/systemd/system/fpmd@site0.service.d/{preset}.conf")
    sites.reload()
    sites.enable("site0")
    try:
        wait_until(lambda: container.run("sh", "-c", "ss -ltn 2>/dev/null | grep -q 9418 || grep -q ':24CA ' /proc/net/tcp", check=False).returncode == 0, "the port")
        found = json.loads(container.run("fpmctl", "get", "--connect", sites.socket("site0"), "/var/www/html/needs.php").stdout)
        wanted = {"temporary", "session", "state", "pattern", "jit", "shell", "load", "tcp"} - set(lost) | set(won)
        assert found.pop("me") == "site0"
        assert {name for name, met in found.items() if met} == wanted
        assert container.run("sh", "-c", f"ps -o ni= -p {container.show('fpmd@site0.service', 'MainPID')}").stdout.strip() == "3"
    finally:
        container.run("sh", "-c", "rm -rf /etc/systemd/system/fpmd@site0.service.d /var/www/html/up /var/www/html/needs.php /usr/local/bin/setgid-id; systemctl stop echo9418", check=False)


def test_a_chroot_works_in_the_instances_sandbox(sites, container):
    container.write("/srv/site0/who.php", "<?php echo realpath('/who.php'), ' ', file_exists('/etc/passwd') ? 'outside' : 'inside';")
    sites.write("site0", "chroot = /srv/site0")
    sites.reload()
    sites.enable("site0")
    said = container.run("fpmctl", "get", "--connect", sites.socket("site0"), "/who.php", check=False)
    assert said.stdout == "/who.php inside", said.stderr


REACHES = """<?php
echo json_encode([strlen((string) @file_get_contents('/etc/passwd')) > 0, @file_get_contents('/var/lib/dpkg/status') !== false,
    @file_put_contents('/var/lib/fpmd/site0/x', 'x') === 1, @file_put_contents('/var/cache/fpmd/site0/x', 'x') === 1, trim((string) @shell_exec('echo shell'))]);
"""


@pytest.mark.parametrize("landlock, reached", [("no", [True, True, True, True, "shell"]), ("yes", [True, False, True, False, "shell"])])
def test_landlock_holds_in_the_instances_sandbox(sites, container, landlock, reached):
    """The unit's filter of system calls lets it through."""
    if ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) < 1:
        pytest.skip("this kernel has no Landlock, or hides it")
    container.write("/var/www/html/reaches.php", REACHES)
    sites.write("site0", f"security.landlock = {landlock}\nsecurity.read_path[] = /var/www/html\nsecurity.write_path[] = /var/lib/fpmd/site0")
    sites.reload()
    sites.enable("site0")
    said = container.run("fpmctl", "get", "--connect", sites.socket("site0"), "/var/www/html/reaches.php", check=False)
    assert json.loads(said.stdout or "null") == reached, said.stderr
    container.remove("/var/www/html/reaches.php")


OWNS_NOTHING = """<?php
session_start();
$before = $_SESSION['n'] ?? 0;
$_SESSION['n'] = $before + 1;
$others = '/var/lib/php/sessions';
echo json_encode(['uid' => posix_geteuid(), 'gid' => posix_getegid(), 'session' => $before, 'where' => session_save_path(), 'gc' => ini_get('session.gc_probability'),
    'writes' => array_values(array_filter(['/tmp', '/var/lib/fpmd/free', '/var/cache/fpmd/free', '/var/log/fpmd/free', '/var/www/html', $others, '/run', '/var/tmp'],
        fn ($folder) => @file_put_contents("$folder/x" . getmypid(), 'x') === 1)), 'sees' => @scandir($others)]);
"""


def test_a_pool_that_owns_nothing_has_a_user_for_the_time(sites, container):
    """Its sessions and its compiled scripts outlive its user; another pool's user is another one."""
    container.write(SETTINGS, f"pools = {sites.folder}\ndynamic_users = yes\n")
    container.write("/var/www/html/nothing.php", OWNS_NOTHING)
    container.run("touch", "-d", "1 hour ago", "/var/www/html/nothing.php")  # opcache leaves alone what has just been written
    container.run("sh", "-c", "echo mine >/var/lib/php/sessions/sess_others")
    for name in ("free", "other.example"):
        sites.extra.append(name)
        container.write(sites.path(name), f"""\
[{name}]
listen = {sites.socket(name)}
listen.owner = www-data
pm = ondemand
pm.max_children = 2
php_admin_value[opcache.file_cache] = /var/cache/fpmd/{name}
""")
    sites.reload()
    sites.enable("free", "other.example")

    def ask(name):
        cookie = ["-P", "HTTP_COOKIE=PHPSESSID=0123456789abcdef0123456789abcdef"]
        return json.loads(container.run("fpmctl", "get", "--connect", sites.socket(name), *cookie, "/var/www/html/nothing.php").stdout)

    assert [(listed(container)[name]["user"], listed(container)[name]["uid"]) for name in ("free", "site0")] == [("fpmd-free", None), ("site0", None)]
    first, other = ask("free"), ask("other.example")
    found = listed(container)
    assert (found["free"]["user"], found["free"]["uid"], found["other.example"]["uid"]) == ("fpmd-free", first["uid"], other["uid"])
    assert re.fullmatch(r"fpmd_[0-9a-f]{16}", found["other.example"]["user"])
    lines = {line.split()[0]: line.split() for line in container.run("fpmctl", "list").stdout.splitlines()}
    assert [lines[name][:3] for name in ("free", "other.example")] == [[name, "running", found[name]["user"]] for name in ("free", "other.example")]
    assert (first["session"], first["where"], first["gc"]) == (0, "/var/lib/fpmd/free", "1")
    assert first["uid"] == first["gid"] and 61184 <= first["uid"] <= 65519 and 61184 <= other["uid"] <= 65519 and first["uid"] != other["uid"]
    assert first["writes"] == ["/tmp", "/var/lib/fpmd/free", "/var/cache/fpmd/free", "/var/log/fpmd/free", "/var/tmp"] and first["sees"] is False
    master = container.show("fpmd@free.service", "MainPID")
    group = container.run("sh", "-c", "grep -ls 'fpmd@free.service' /proc/[0-9]*/cgroup").stdout.split()
    pids = [path.split("/")[2] for path in group]
    assert master in pids and len(pids) >= 3
    assert set(container.run("ps", "-o", "uid=", "-p", ",".join(pids)).stdout.split()) == {str(first["uid"])}
    container.run("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", "fpmd@free.service")
    container.systemctl("stop", "fpmd@free.service")
    assert container.run("find", "/var/cache/fpmd/free/", "-name", "nothing.php.bin").stdout
    assert ask("free")["session"] == 1
    container.run("sh", "-c", "rm -rf /var/lib/php/sessions/sess_others /var/www/html/nothing.php")


def test_a_site_is_added_and_removed_without_a_look_at_the_others(sites, container, tmp_path):
    """systemd takes seconds to say what thousands of units do, and is asked for them only where somebody listens at the site's address."""
    calls = tmp_path / "calls"

    def asked():
        return "".join(line for line in calls.read_text().splitlines() if '"show"' in line)

    def run(*words):
        done = subprocess.run(["strace", "-f", "-qq", "-s", "500", "-e", "trace=execve", "-o", calls, *container.enter("fpmctl", *words)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        assert asked()
        return done, re.findall(r'"[^"]*\*[.][^"]*"', asked())
    sites.write("site2", "pm.max_requests = many")  # a mistake of another one's
    sites.reload()
    sites.enable("site0")
    assert sites.ask("site0")
    before, cursor = container.show("fpmd@site0.service", "MainPID"), container.journal_cursor()
    done, wide = run("enable", "site1")
    assert (done.returncode, done.stderr, wide) == (0, "", [])
    assert len([e for e in container.journal(cursor, "_PID=1") if e["MESSAGE"] in ("Reloading.", "Reloading...")]) == 1
    assert sites.ask("site1") == "site1 site1 fpm-fcgi" and container.show("fpmd@site0.service", "MainPID") == before
    done, wide = run("list", "site1")
    assert (done.returncode, done.stderr, wide) == (0, "", []) and "site1" in done.stdout and "site0" not in done.stdout
    sites.enable("site3")  # which sleeps
    done, wide = run("list")
    assert (done.returncode, wide) == (0, []) and re.search(r"(?m)^site3 +asleep ", done.stdout)
    assert '"fpmd@site0.service"' in asked() and "site3" not in asked()
    done, wide = run("disable", "site1")
    assert (done.returncode, done.stderr, wide) == (0, "", []) and container.show("fpmd@site0.service", "MainPID") == before


@pytest.mark.parametrize("listen, address", [("/run/php/taken.sock", "/run/php/taken.sock"), ("127.0.0.1:9419", "127.0.0.1:9419"),
                                             ("systemd", "/run/fpmd-shop.sock")])
def test_an_address_that_another_socket_unit_has_is_refused(sites, container, listen, address):
    container.write("/etc/systemd/system/taken.socket", f"[Socket]\nListenStream={address}\n")
    container.write("/etc/systemd/system/taken.service", "[Service]\nExecStart=/bin/true\n")
    sites.add("shop", user="site1", listen=listen)
    sites.reload()
    container.systemctl("start", "taken.socket")
    try:
        done = container.run("fpmctl", "enable", "shop", check=False)
        assert done.returncode == 1 and f"taken.socket listens on {address}" in done.stderr
    finally:
        container.systemctl("stop", "taken.socket")
        for kind in ("socket", "service"):
            container.remove(f"/etc/systemd/system/taken.{kind}")
    assert f"fpmd@shop.socket is enabled, and listens on {address}:" in container.run("fpmctl", "enable", "shop").stdout
    assert (listed(container)["shop"]["state"], listed(container)["shop"]["listen"]) == ("asleep", address)


def listed(container):
    return {pool["name"]: pool for pool in json.loads(container.run("fpmctl", "list", "--json").stdout)}


def test_a_panel_adds_lists_and_removes_a_site(sites, container):
    sites.reload()
    assert listed(container)["site0"]["state"] == "off"
    said = container.run("fpmctl", "enable", "site0").stdout
    assert f"fpmd@site0.socket is enabled, and listens on {sites.socket('site0')}" in said and "systemctl try-reload-or-restart fpmd@site0" in said
    assert container.show("fpmd@site0.socket", "UnitFileState") == "enabled"
    pool = listed(container)["site0"]
    assert (pool["state"], pool["user"], pool["listen"], pool["file"]) == ("asleep", "site0", sites.socket("site0"), sites.path("site0"))
    assert pool["requests"] is None and container.show("fpmd@site0.service", "ActiveState") == "inactive"  # nobody is woken by a look
    assert sites.ask("site0")
    pool = listed(container)["site0"]
    assert (pool["state"], pool["requests"], pool["workers"]) == ("running", 1, 1) and pool["last use"] > 0
    container.systemctl("reload", "fpmd@site0.service")
    assert listed(container)["site0"]["last use"] == pool["last use"]
    assert pool["user"] == "site0" and pool["uid"] == int(container.run("id", "-u", "site0").stdout)
    assert "site0" in container.run("fpmctl", "list").stdout
    assert container.run("fpmctl", "get", "--pool", "site0", PAGE).stdout == sites.ask("site0"), "fpmd.conf has no such pool, its unit has"
    assert container.run("fpmctl", "get", "--pool", "nosuch", PAGE, check=False).returncode == 78
    sites.write("site1", "pm.max_requests = many")
    done = container.run("fpmctl", "enable", "site1", check=False)
    assert done.returncode == 78 and f"{sites.path('site1')}:10" in done.stderr
    assert listed(container)["site1"]["state"] == "broken"
    assert container.run("fpmctl", "enable", "nosuch", check=False).returncode == 1
    assert container.run("fpmctl", "enable", "../x", check=False).returncode == 2
    sites.write("site1", user="nosuchuser")
    done = container.run("fpmctl", "enable", "site1", check=False)
    assert done.returncode == 78 and "no such user" in done.stderr and container.show("fpmd@site1.socket", "UnitFileState") == "disabled"
    container.remove(sites.path("site0"))
    gone = listed(container)["site0"]
    assert (gone["state"], gone["file"], gone["listen"], gone["user"]) == ("gone", "", sites.socket("site0"), "site0")
    said = container.run("fpmctl", "doctor", check=False).stdout
    assert "fpmd@site0.socket is up, and the file of its pool has gone" in said and "fpmctl disable site0" in said
    container.systemctl("daemon-reload")
    assert listed(container)["site0"]["state"] == "gone" and "fpmctl disable site0" in container.run("fpmctl", "doctor", check=False).stdout
    assert container.run("fpmctl", "disable", "site0").stdout == "fpmd@site0.socket and fpmd@site0.service are stopped, and start at no boot\n"
    done = container.run("fpmctl", "disable", "site0", check=False)
    assert done.returncode == 1 and "there is no pool 'site0', and no unit of that name" in done.stderr
    assert container.show("fpmd@site0.socket", "ActiveState") == container.show("fpmd@site0.service", "ActiveState") == "inactive"
    assert "site0" not in listed(container)
