# SPDX-License-Identifier: MIT
"""fpmctl check and fpmctl import: what is said about a configuration without running it."""

import os
import shutil

import pytest

import server as programs


@pytest.fixture
def folder():
    path = programs.make_folder("config")
    yield path
    shutil.rmtree(path, ignore_errors=True)


def write(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return path


def check(make, pool, *args, settings=None):
    s = make({"www": pool}, settings=settings)
    s.write_config()
    return s.ctl("check", *args, "-y", s.config_path)


@pytest.mark.parametrize("pool, said", [
    ({"listen": "0.0.0.0:9000"}, "pool 'www', listen: every host that reaches this address can run PHP here"),
    ({"listen": "9000"}, "pool 'www', listen: every host"),
    ({"listen.mode": "0666"}, "pool 'www', listen.mode: every user of this machine"),
    ({"security.limit_extensions": ""}, "pool 'www', security.limit_extensions: files of every kind"),
    ({"listen": "127.0.0.1:9000"}, "pool 'www', security.wire_ini: PHP_VALUE and PHP_ADMIN_VALUE are taken"),
    ({"request_slowlog_timeout": "5s", "slowlog": "/tmp/slow.log"}, "pool 'www', request_slowlog_timeout: the slow log makes workers dumpable"),
    ({"process.dumpable": "yes"}, "pool 'www', process.dumpable: a script can write its own memory"),
])
def test_check_warns_of_what_is_dangerous(make, pool, said):
    out = check(make, {"listen.mode": "0660", **pool})
    assert out.returncode == 0, out.stderr
    assert f"warning: {said}" in out.stderr
    assert "fpm.conf:" in out.stderr


@pytest.mark.parametrize("pool", [
    {},
    {"listen.mode": "0666", "listen.acl_users": "root"},
    {"listen": "0.0.0.0:9000", "listen.allowed_clients": "192.0.2.7", "security.wire_ini": "no"},
    {"listen": "[::1]:9000", "security.wire_ini": "no"},
    {"listen": "systemd"},
])
def test_check_has_no_warning_for_what_is_not(make, pool):
    out = check(make, {"listen.mode": "0660", **pool})
    assert out.returncode == 0, out.stderr
    assert "warning" not in out.stderr


@pytest.mark.skipif(not programs.ROOT, reason="others cannot run pools as root at all")
def test_check_of_a_pool_that_runs_as_root(make):
    assert check(make, {"user": "root"}).returncode == 78
    out = check(make, {"user": "root"}, "-R")
    assert out.returncode == 0
    assert "warning: pool 'www', user: PHP code of this pool runs as root" in out.stderr


def imported(make, path):
    return make({}).ctl("import", path)


def test_import_of_debians_own_configuration(make):
    found = programs.php_fpm()
    if found is None:
        pytest.skip("no php-fpm is installed")
    version = found.rpartition("php-fpm")[2]
    out = imported(make, f"/etc/php/{version}/fpm")
    assert out.returncode == 0, out.stderr
    assert f"[/etc/php/{version}/fpm/php-fpm.conf:" in out.stdout
    assert "process_control_timeout is not set: the default is 30s, not 0" in out.stdout
    assert f"ListenStream=/run/php/php{version}-fpm.sock\nSocketUser=www-data\nSocketGroup=www-data\n" in out.stdout
    assert "FileDescriptorName=www\nService=fpmd.service\n" in out.stdout


def test_import_names_each_difference_with_its_line(make, folder):
    write(folder, "pool.d/a.conf", "[a]\nuser = nobody-here\nlisten = /run/a.sock\nlisten.backlog = 99\npm = static\npm.max_children = 1\n"
                                   "chroot = /nowhere\n")
    path = write(folder, "php-fpm.conf", "[global]\ndaemonize = yes\nprocess_control_timeout = 5\nevents.mechanism = epoll\n"
                                         "emergency_restart_threshold = 3\ninclude = pool.d/*.conf\n")
    out = imported(make, folder)
    assert out.returncode == 0, out.stderr
    pool = os.path.join(folder, "pool.d", "a.conf")
    for line in (f"[{path}:2] daemonize: ", f"[{path}:4] directive 'events.mechanism': ", f"[{path}:5] emergency_restart_threshold: ",
                 f"[{path}:6] include: a relative name ", f"[{pool}:2] user: ", f"[{pool}:3] listen: ",
                 f"[{pool}:4] listen.backlog: ", f"[{pool}:7] chroot: "):
        assert line in out.stdout, line
    assert "process_control_timeout is not set" not in out.stdout
    assert "Backlog=99\n" in out.stdout and "SocketMode=0660\n" in out.stdout


@pytest.mark.parametrize("listen, stream", [("127.0.0.1:9000", "127.0.0.1:9000"), ("9000", "9000"), ("[::1]:9000", "[::1]:9000"),
                                            ("::1:9000", "[::1]:9000"), ("localhost:9000", None)])
def test_import_of_tcp_has_a_shard_for_each_cpu(make, folder, listen, stream):
    path = write(folder, "x.conf", f"[tcp]\nlisten = {listen}\npm = static\npm.max_children = 1\n")
    out = imported(make, path)
    cpus = len(os.sched_getaffinity(0))
    streams = [line for line in out.stdout.splitlines() if line.startswith("ListenStream=")]
    assert len(streams) == cpus
    assert stream is None or set(streams) == {f"ListenStream={stream}"}
    assert "localhost" not in "".join(streams)
    assert ("ReusePort=yes" in out.stdout) == (cpus > 1)
    assert "SocketMode" not in out.stdout


@pytest.mark.parametrize("n", [1, 3])
def test_import_of_tcp_has_the_shards_that_are_set(make, folder, n):
    out = imported(make, write(folder, "x.conf", f"[tcp]\nlisten = 127.0.0.1:9000\nlisten.shards = {n}\npm = static\npm.max_children = 1\n"))
    assert out.stdout.count("ListenStream=127.0.0.1:9000\n") == n and ("ReusePort=yes\n" in out.stdout) == (n > 1)


@pytest.mark.parametrize("listen, setting, wanted", [("127.0.0.1:9000", "", 1), ("127.0.0.1:9000", "listen.defer_accept = 2m", 120), ("127.0.0.1:9000", "listen.defer_accept = 0", None),
                                                     ("/run/x.sock", "", None)])
def test_import_defers_connections_over_tcp(make, folder, listen, setting, wanted):
    """systemd would complain of the line in a unit of a unix socket."""
    out = imported(make, write(folder, "x.conf", f"[x]\nlisten = {listen}\n{setting}\npm = static\npm.max_children = 1\n"))
    assert out.returncode == 0, out.stderr
    found = [line for line in out.stdout.splitlines() if line.startswith("DeferAcceptSec=")]
    assert found == ([f"DeferAcceptSec={wanted}"] if wanted else [])


def test_import_of_an_acl_sets_it_when_the_socket_is_made(make, folder):
    path = write(folder, "x.conf", "[x]\nlisten = /run/x.sock\npm = static\npm.max_children = 1\nlisten.acl_users = web, www-data\n"
                                   "listen.acl_groups = adm\n")
    assert "ExecStartPost=setfacl -m u:web:rw,u:www-data:rw,g:adm:rw,g::- /run/x.sock\n" in imported(make, path).stdout


def test_import_of_what_fpmd_would_refuse(make, folder):
    path = write(folder, "x.conf", "[x]\nlisten = /run/x.sock\npm = sometimes\n")
    out = imported(make, path)
    assert out.returncode == 78
    assert f"[{path}:3] unable to parse value for entry 'pm'" in out.stderr


def test_import_takes_one_name(make):
    assert make({}).ctl("import").returncode == 2
    assert imported(make, "/nowhere").returncode == 78


# What hosters, images and applications ship, and what is told of it: (line, directive), and the unit's address.
REALISTIC = {
    "an image for containers": (
        "[global]\nerror_log = /proc/self/fd/2\nlog_limit = 8192\ndaemonize = no\n"
        "[www]\nuser = www-data\ngroup = www-data\nlisten = 9000\naccess.log = /proc/self/fd/2\nclear_env = no\ncatch_workers_output = yes\n"
        "decorate_workers_output = no\npm = dynamic\npm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n",
        [(2, "error_log"), (6, "user"), (8, "listen"), (9, "access.log")], "ListenStream=9000"),
    "a web space of a hoster": (
        "[web1]\nuser = web1\ngroup = client1\nlisten = /var/lib/php8.2-fpm/web1.sock\nlisten.owner = web1\nlisten.group = www-data\nlisten.mode = 0660\n"
        "pm = ondemand\npm.max_children = 10\npm.process_idle_timeout = 30s\npm.max_requests = 0\nchdir = /\nenv[HOSTNAME] = $HOSTNAME\n"
        "env[TMP] = /var/www/clients/client1/web1/tmp\nphp_admin_value[open_basedir] = /var/www/clients/client1/web1/web:/usr/share/php\n"
        "php_admin_value[session.save_path] = /var/www/clients/client1/web1/tmp\nphp_admin_flag[log_errors] = on\n"
        "php_admin_value[sendmail_path] = \"/usr/sbin/sendmail -t -i -fwebmaster@web1.example\"\n",
        [(2, "user"), (4, "listen"), (5, "listen.owner"), (6, "listen.group"), (10, "pm.process_idle_timeout")],
        "ListenStream=/var/lib/php8.2-fpm/web1.sock"),
    "a panel's pool with a prefix": (
        "[example.org]\nprefix = /var/www/vhosts/system/$pool\nuser = web\ngroup = web\nlisten = php-fpm.sock\nlisten.owner = root\nlisten.group = web\n"
        "listen.backlog = 511\nchdir = /\npm = ondemand\npm.max_children = 5\nsecurity.limit_extensions = .php .html\n"
        "php_value[include_path] = \".:/usr/share/pear\"\nphp_value[max_execution_time] = 30\nphp_admin_flag[display_errors] = off\n",
        [(3, "user"), (5, "listen"), (6, "listen.owner"), (7, "listen.group"), (8, "listen.backlog")],
        "ListenStream=/var/www/vhosts/system/example.org/php-fpm.sock"),
    "a cloud application's advice": (
        "[global]\nprocess.max = 128\nevents.mechanism = epoll\nemergency_restart_threshold = 10\nemergency_restart_interval = 1m\n"
        "[nextcloud]\nuser = www-data\nlisten = /run/php/nextcloud.sock\nlisten.allowed_clients = 127.0.0.1\npm = dynamic\npm.max_children = 120\n"
        "pm.start_servers = 12\npm.min_spare_servers = 6\npm.max_spare_servers = 18\nenv[PATH] = /usr/local/bin:/usr/bin:/bin\nenv[TEMP] = /tmp\n"
        "php_value[memory_limit] = 512M\nphp_value[upload_max_filesize] = 10G\nphp_value[output_buffering] = 0\nphp_value[apc.enable_cli] = 1\n",
        [(2, "process.max"), (3, "directive 'events.mechanism'"), (4, "emergency_restart_threshold"), (7, "user"), (8, "listen")],
        "ListenStream=/run/php/nextcloud.sock"),
    "a shop with monitoring": (
        "[shop]\nuser = shop\nlisten = 127.0.0.1:9001\nlisten.allowed_clients = 127.0.0.1\npm = static\npm.max_children = 48\npm.max_requests = 500\n"
        "pm.status_path = /fpm-status\npm.status_listen = 127.0.0.1:9002\nping.path = /fpm-ping\nslowlog = /var/log/$pool.slow.log\n"
        "request_slowlog_timeout = 5s\nrequest_terminate_timeout = 60s\naccess.log = /var/log/$pool.access.log\n"
        "access.format = \"%R - %u %t \\\"%m %r%Q%q\\\" %s %f %{mili}d %{kilo}M %C%%\"\nrlimit_files = 65536\nrlimit_core = unlimited\n",
        [(2, "user"), (3, "listen"), (9, "pm.status_listen"), (12, "request_slowlog_timeout"), (13, "request_terminate_timeout"), (14, "access.log")],
        "ListenStream=127.0.0.1:9001"),
    "a chroot": (
        "[jail]\nuser = jail\nlisten = /run/jail.sock\nlisten.acl_users = nginx,caddy\nchroot = /srv/jail\nchdir = /www\npm = static\npm.max_children = 2\n",
        [(2, "user"), (3, "listen"), (4, "listen.acl_users"), (5, "chroot")], "ListenStream=/run/jail.sock"),
}


@pytest.mark.parametrize("what", REALISTIC)
def test_import_of_what_is_out_there(make, folder, what):
    text, told, stream = REALISTIC[what]
    path = write(folder, "pool.conf", text)
    out = imported(make, path)
    assert out.returncode == 0, out.stderr
    found = [line.partition("] ")[2].partition(": ")[0] for line in out.stdout.splitlines() if line.startswith("[/")]
    for line, directive in told:
        assert f"[{path}:{line}] {directive}: " in out.stdout, (line, directive)
    assert {d for d in found if " is not set" not in d} <= {d for _, d in told} | {"emergency_restart_interval", "rlimit_files", "rlimit_core"}
    assert stream in out.stdout.splitlines()


def test_get_asks_the_first_pool_that_has_a_socket_and_says_so(start, tmp_path):
    """pool.d is read by names of files: one that nobody serves yet may come first."""
    s = start()
    config = tmp_path / "two.conf"
    config.write_text("".join(f"[{name}]\nlisten = {listen}\npm = static\npm.max_children = 1\n" for name, listen in
                              [("app", tmp_path / "app.sock"), ("www", s.address())]))
    script = s.script("hello.php", "<?php echo 'hello';")
    done = s.ctl("get", "-y", str(config), script)
    assert (done.returncode, done.stdout) == (0, "hello") and "pool 'www', as nobody listens for 'app', the first one" in done.stderr, done
    assert s.ctl("get", "-y", str(config), "--pool", "app", script).returncode == 69
