# SPDX-License-Identifier: MIT
"""fpmctl doctor beside real programs: fpmd and php-fpm that listen, and configurations that nginx, Apache and Caddy accept."""

import json
import os
import pwd
import shutil
import socket
import subprocess

import pytest

import fastcgi
import procs
import server as programs
from unstartable import make_unstartable

SHIPPED = os.path.join(programs.TREE, "conf", "web")


class Machine:
    """A web server's configuration and PHP's settings in a folder, and what the doctor says of them and of a pool."""

    def __init__(self, folder):
        self.folder = folder
        self.write("php/conf.d/10-opcache.ini", "zend_extension=opcache.so\n")
        self.wrapper = []

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def shipped(self, name, old, new):
        with open(os.path.join(SHIPPED, name)) as f:
            text = f.read()
        assert old in text
        return self.write(f"shipped-{name}", text.replace(old, new))

    def nginx(self, address, root="/var/www/html", user="www-data"):
        """The file that fpmd ships, with another address, in a configuration that nginx itself accepts."""
        php = self.shipped("nginx.conf", "unix:/run/fpmd-www.sock", address)
        shutil.copy("/etc/nginx/fastcgi_params", self.folder)
        conf = self.write("nginx.conf", f"user {user};\npid {self.folder}/pid; error_log {self.folder}/error.log;\nevents {{ }}\n"
                          f"http {{\n access_log off;\n server {{\n  listen 127.0.0.1:{programs.free_port()};\n  include {php};\n  root {root};\n }}\n}}\n")
        self.accepted("nginx", "-e", f"{self.folder}/error.log", "-t", "-c", conf)
        return ["--nginx", conf]

    def apache(self, address):
        php = self.shipped("apache.conf", "unix:/run/fpmd-www.sock", f"unix:{address}")
        modules = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so"
                            for name in ("mpm_event", "authz_core", "dir", "headers", "setenvif", "proxy", "proxy_fcgi"))
        conf = self.write("apache.conf", f"{modules}\nServerRoot {self.folder}\nErrorLog {self.folder}/error.log\nServerName localhost\nUser www-data\nListen 127.0.0.1:{programs.free_port()}\nInclude {php}\n")
        self.accepted("apache2", "-t", "-f", conf)
        return ["--apache", conf]

    def caddy(self, address):
        php = self.shipped("caddy.conf", "unix//run/fpmd-www.sock", f"unix/{address}")
        conf = self.write("Caddyfile", f"{{\n auto_https off\n}}\nhttp://:{programs.free_port()} {{\n import {php}\n}}\n")
        self.accepted("caddy", "adapt", "--adapter", "caddyfile", "--config", conf)
        return ["--caddy", conf]

    @staticmethod
    def accepted(*command):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr

    def ask(self, server, *words, json_too=True):
        command = [*self.wrapper, programs.FPMCTL, "doctor", *(["--json"] if json_too else []), "-y", server.config_path,
                   "--runtime-dir", server.runtime, "--php-ini", f"{self.folder}/php", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    def findings(self, server, *words):
        """{check: "what Next: next"} of problems and notes, but those about other programs of this machine."""
        done = self.ask(server, *words)
        assert done.returncode in (1, 2), done.stderr  # the test's machine has no systemd to ask
        said = json.loads(done.stdout)
        assert (done.returncode == 1) == any(found["level"] == "problem" for found in said["findings"])
        return {found["check"]: f"{found['what']} Next: {found['next']}" for found in said["findings"] if found["check"] not in ("beside", "memory", "denials")}


@pytest.fixture
def machine():
    folder = programs.make_folder("doctor")
    yield Machine(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("server", ["nginx", "apache", "caddy"])
def test_nothing_is_wrong_where_the_shipped_file_leads_to_the_pool(start, machine, server):
    s = start()
    address = f"unix:{s.address()}" if server == "nginx" else s.address()
    assert machine.findings(s, *getattr(machine, server)(address)) == {}
    text = machine.ask(s, *getattr(machine, server)(address), json_too=False).stdout
    assert "Nothing wrong found: 1 pool, 1 address of web servers." in text


@pytest.mark.parametrize("server, write", [
    ("nginx", "fastcgi_pass unix:{}"), ("apache", "proxy:unix:{}|fcgi://localhost"), ("caddy", "php_fastcgi unix/{}")])
def test_a_web_server_that_sends_to_nobody_is_told_the_pools_address(start, machine, server, write):
    s = start()
    nobody = f"{s.folder}/nobody.sock"
    found = machine.findings(s, *getattr(machine, server)(f"unix:{nobody}" if server == "nginx" else nobody))
    assert list(found) == ["address", "use"]
    assert nobody in found["address"] and f"shipped-{server}" in found["address"] and write.format(s.address()) in found["address"]


def test_tcp_by_any_name_is_the_pools(start, machine):
    port = programs.free_port()
    s = start({"www": {"listen": f"127.0.0.1:{port}"}})
    assert machine.findings(s, *machine.nginx(f"localhost:{port}")) == {}
    assert "address" in machine.findings(s, *machine.nginx(f"127.0.0.1:{programs.free_port()}"))


@pytest.mark.skipif(not programs.ROOT, reason="the rights of others take root")
def test_a_socket_for_somebody_else_is_told_with_its_owner(start, machine):
    s = start({"www": {"listen.owner": "root", "listen.group": "daemon", "listen.mode": "0660"}})
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    assert list(found) == ["rights"]
    assert "user root and group daemon (mode 0660)" in found["rights"] and f"listen.owner = www-data and listen.group = www-data in {s.config_path}" in found["rights"]
    assert machine.findings(s, *machine.nginx(f"unix:{s.address()}", user="daemon")) == {}


@pytest.mark.skipif(not programs.ROOT, reason="the rights of others take root")
def test_a_folder_on_the_way_that_is_closed(start, machine):
    s = start()
    os.chmod(s.folder, 0o700)
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    os.chmod(s.folder, 0o755)
    assert list(found) == ["rights"] and f"the folder {s.folder} is closed" in found["rights"]


@pytest.mark.skipif(not programs.ROOT, reason="whose a socket is takes root")
def test_php_fpm_on_the_pools_path(make, machine):
    s = make()
    s.write_config()
    with programs.PhpFpm({"www": {"listen": s.address()}}):
        found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    assert list(found) == ["socket"] and "php-fpm8" in found["socket"] and "systemctl disable --now" in found["socket"]


def test_a_pool_that_nobody_serves(make, machine):
    s = make()
    s.write_config()
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    assert list(found) == ["socket"] and "nobody listens there" in found["socket"]


def test_a_socket_whose_file_is_gone(start, machine):
    s = start()
    os.unlink(s.address())
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    assert list(found) == ["socket"] and f"listens on {s.address()}" in found["socket"] and "has removed that file" in found["socket"]


def test_a_link_to_the_pools_socket_is_the_pools(start, machine):
    """As Debian has /run/php/php-fpm.sock: in two steps, one of which is relative."""
    s = start()
    os.symlink(s.address(), f"{machine.folder}/alternative.sock")
    os.symlink("alternative.sock", f"{machine.folder}/link.sock")
    assert machine.findings(s, *machine.nginx(f"unix:{machine.folder}/link.sock")) == {}
    os.unlink(f"{machine.folder}/alternative.sock")
    os.symlink("/run/nobody.sock", f"{machine.folder}/alternative.sock")
    found = machine.findings(s, *machine.nginx(f"unix:{machine.folder}/link.sock"))
    assert f"to /run/nobody.sock [{machine.folder}/shipped-nginx.conf" in found["address"] and f"by the link {machine.folder}/link.sock]" in found["address"]


def test_a_reload_that_was_refused(start, machine):
    s = start({"www": {"pm.max_children": "1"}, "other": {"pm.max_children": "1"}})
    web = machine.nginx(f"unix:{s.address()}")
    s.pools["other"]["php_admin_value[opcache.preload]"] = "/nope/preload.php"
    s.write_config()
    assert s.ctl("reload").returncode == 1
    found = machine.findings(s, *web)
    assert list(found) == ["reload"] and "The last reload of fpmd.service was refused: " in found["reload"] and "/nope/preload.php" in found["reload"]


def test_php_that_has_changed_under_what_runs(start, machine):
    extension = os.path.join(machine.folder, "own.so")
    folder = subprocess.run([programs.php_config(), "--extension-dir"], check=True, capture_output=True, text=True).stdout.strip()
    origin = os.path.join(folder, "calendar.so")
    shutil.copy(origin, extension)
    machine.write("scan/10-own.ini", f"extension={extension}\n")
    s = start({"www": {"pm.max_children": "1"}}, env={"PHP_INI_SCAN_DIR": f"{machine.folder}/scan"})
    web = machine.nginx(f"unix:{s.address()}")
    assert machine.findings(s, *web) == {}

    def said():
        found = machine.findings(s, *web)
        assert list(found) == ["reload"] and "fpmd.service runs PHP as it was: " in found["reload"]
        return found["reload"]

    machine.write("scan/20-new.ini", "memory_limit = 99M\n")
    assert f"{machine.folder}/scan/20-new.ini has been added since" in said()
    assert s.ctl("reload").returncode == 0
    assert machine.findings(s, *web) == {}
    machine.write("scan/20-new.ini", "memory_limit = 98M\n")
    assert f"{machine.folder}/scan/20-new.ini has been changed since" in said()
    os.unlink(f"{machine.folder}/scan/20-new.ini")
    assert f"{machine.folder}/scan/20-new.ini has gone since" in said()
    if programs.ROOT:  # whose memory it may look at
        shutil.copy(origin, f"{extension}.new")
        os.rename(f"{extension}.new", extension)
        assert f"{extension} has been replaced since" in said()
    assert s.ctl("reload").returncode == 0
    assert machine.findings(s, *web) == {}


def test_a_queue_that_is_full(make, machine):
    s = make()
    s.write_config()
    clients = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(s.address())
        os.chmod(s.address(), 0o666)
        listener.listen(1)
        while True:
            clients.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK))
            try:
                clients[-1].connect(s.address())
            except BlockingIOError:
                break
        found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    for client in clients:
        client.close()
    assert list(found) == ["queue"] and "is full: 2 connections wait" in found["queue"]


def test_php_that_does_not_start(make, machine):
    sleeper = {"pm": "ondemand", "pm.max_children": "1", "pm.process_idle_timeout": "1s", "pool.sleep_after": "1s"}
    s = make({"www": dict(sleeper), "other": dict(sleeper)})
    make_unstartable(s, "www")
    s.start()
    page = s.script("page.php", "<?php echo 1;")
    assert s.run(page, "www").status == 503
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    assert list(found) == ["php"]
    assert "PHP of pool 'www' does not start" in found["php"] and "503" in found["php"] and "journalctl -u fpmd.service" in found["php"]


def test_clients_that_wait_for_a_worker(start, machine):
    s = start({"www": {"pm": "static", "pm.max_children": "1"}})
    flag = os.path.join(s.shared_folder(), "go")
    page = s.script("slow.php", f"<?php while (!file_exists('{flag}')) {{ usleep(10000); clearstatcache(); }} echo 1;")
    clients = []
    for _ in range(3):
        clients.append(s.connect("www"))
        clients[-1].send(fastcgi.request_bytes(fastcgi.environment(page)))
        procs.until("the first one to have the worker", lambda: s.status()["pools"][0]["status"]["active processes"] == 1)
    procs.until("two clients to wait", lambda: s.status()["pools"][0]["status"]["listen queue"] == 2)
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    shown = s.ctl("status").stdout
    open(flag, "w").close()
    assert all(c.read_response().complete for c in clients)
    assert list(found) == ["busy"] and "Pool 'www' has 1 worker, all of them busy, and 2 more connections" in found["busy"]
    assert "trouble   2 clients waiting with 1 of 1 workers busy\n" in shown, "pm.max_children is not reached, by php-fpm's count"


def test_a_pool_that_is_drained_and_workers_that_have_died(start, machine):
    s = start({"www": {"pm": "static", "pm.max_children": "1"}})
    web = machine.nginx(f"unix:{s.address()}")
    os.kill(s.workers()[0], 11)
    procs.until("the master to count it", lambda: "workers died 1," in s.ctl("status").stdout)
    assert s.ctl("drain").returncode == 0
    found = machine.findings(s, *web)
    assert list(found) == ["deaths", "drain"] or list(found) == ["drain", "deaths"]
    assert "1 worker of pool 'www' has died" in found["deaths"] and "fpmctl undrain www" in found["drain"]
    assert s.ctl("undrain").returncode == 0
    assert list(machine.findings(s, *web)) == ["deaths"]


def test_a_document_root_that_is_not_there(start, machine):
    s = start()
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}", root=f"{s.folder}/publik"))
    assert list(found) == ["root"] and f"nginx serves {s.folder}/publik [{machine.folder}/nginx.conf:" in found["root"] and "no such folder: 404" in found["root"]


@pytest.mark.skipif(not programs.ROOT, reason="the rights of others take root")
def test_a_document_root_that_is_the_pools_alone(start, machine):
    """nginx answers 403 before it asks the pool."""
    s = start()
    root = f"{s.folder}/site"
    os.mkdir(root)
    os.chown(root, pwd.getpwnam("www-data").pw_uid, 0)
    os.chmod(root, 0o750)
    web = machine.nginx(f"unix:{s.address()}", root=root, user="daemon")
    found = machine.findings(s, *web)
    assert list(found) == ["root"] and f"nginx runs as daemon, which cannot enter {root}, and serves {root} [{machine.folder}/nginx.conf:" in found["root"]
    assert f"setfacl -m u:daemon:x {root} (" in found["root"]
    os.chmod(root, 0o711)  # the other way that it names
    assert machine.findings(s, *web) == {}


def test_a_site_outside_of_what_the_pool_may_open(start, machine):
    s = start({"www": {"php_admin_value[open_basedir]": "/srv/site:/usr/share/php"}})
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}", root=s.folder))
    assert list(found) == ["root"] and f"{s.folder} [" in found["root"] and "open_basedir of pool 'www'" in found["root"]


def test_tables_of_strings_that_take_much_of_the_memory(start, machine):
    s = start()
    web = machine.nginx(f"unix:{s.address()}")
    machine.write("php/php.ini", "opcache.interned_strings_buffer=1000000\n")
    assert "take 250000 MiB when 1 pool is awake" in machine.findings(s, *web)["strings"]
    machine.write("php/conf.d/20-few.ini", "opcache.interned_strings_buffer = 2 ; enough\n")
    assert machine.findings(s, *web) == {}


def test_opcache_that_is_missing_or_off(start, machine):
    s = start()
    web = machine.nginx(f"unix:{s.address()}")
    machine.write("php/php.ini", "; opcache.enable=0\nopcache.enable = Off\n")
    assert f"{machine.folder}/php/php.ini:2" in machine.findings(s, *web)["opcache"]
    machine.write("php/conf.d/20-on.ini", "opcache.enable=1\n")
    assert machine.findings(s, *web) == {}
    if programs.php_version() < (8, 5):
        os.unlink(f"{machine.folder}/php/conf.d/10-opcache.ini")
        assert "-opcache" in machine.findings(s, *web)["opcache"]


def test_a_configuration_with_mistakes(make, machine):
    s = make({"www": {"pm.max_childern": "3"}})
    s.write_config()
    found = machine.findings(s, *machine.nginx(f"unix:{s.address()}"))
    assert f"{s.config_path}:" in found["configuration"] and "pm.max_childern" in found["configuration"] and "fpmd -t" in found["configuration"]


@pytest.mark.skipif(not programs.ROOT, reason="becoming another user takes root")
def test_who_may_not_look_says_so(start, machine):
    s = start({"www": {"listen.owner": "root", "listen.group": "root", "listen.mode": "0660"}})
    os.chmod(s.config_path, 0o644)
    machine.wrapper = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    web = machine.nginx(f"unix:{s.address()}")
    said = json.loads(machine.ask(s, *web).stdout)
    unseen = {row["what"]: row["why"] for row in said["unseen"]}
    assert unseen[f"who listens on {s.address()}"] == "ask as root" and "processes of other users" in unseen
    assert [found["check"] for found in said["findings"]] == ["rights"], "modes tell that www-data may not, without root"
    os.chmod(web[1], 0o600)
    text = machine.ask(s, *web, json_too=False).stdout
    assert f"  {web[1]}: Permission denied" in text


def test_it_disturbs_nobody(start, machine):
    """Nobody is connected to, and no file changes."""
    s = start()
    web = machine.nginx(f"unix:{s.address()}")
    before = {path: os.stat(path).st_mtime_ns for path in (s.config_path, s.log_path, web[1], f"{machine.folder}/error.log")}
    assert machine.findings(s, *web) == {}
    assert {path: os.stat(path).st_mtime_ns for path in before} == before
    assert json.loads(s.ctl("status", "--json").stdout)["pools"][0]["status"]["accepted conn"] == 0


@pytest.mark.parametrize("words, said", [(["one"], "doctor takes no names"), (["--nonsense"], "Try -h")])
def test_wrong_usage(make, machine, words, said):
    s = make()
    s.write_config()
    done = machine.ask(s, *words)
    assert done.returncode == 2 and said in done.stderr
