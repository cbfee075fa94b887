# SPDX-License-Identifier: MIT
"""Other ways to run PHP, where they are installed: uWSGI with its PHP plugin, Apache httpd with mod_php. Both speak HTTP over TCP here, since
uWSGI's plugin finds no script over FastCGI and mod_php is its own web server; their numbers include parsing HTTP, and nobody's ratio is made of them."""

import glob
import os
import urllib.request

import generator
import peers
import procs
import server as programs

ROOT = "/"  # below which they are looked for


def find(pattern):
    """The newest file like that, or None."""
    return max(glob.glob(os.path.join(ROOT, pattern)), default=None)


class Foreign(peers.Mixin, programs.Server):
    keeps = True

    @property
    def workers(self):
        return self.pools["tcp"]["pm.max_children"]

    def environment(self):
        php = ".".join(map(str, programs.php_version()))
        return {**super().environment(), "PHP_INI_SCAN_DIR": f"/etc/php/{php}/fpm/conf.d"}

    def php_ini(self):
        return "/etc/php/{}.{}/fpm".format(*programs.php_version())

    def wait_ready(self):
        def connects():
            if not self.running():
                raise RuntimeError(f"{self.program} ended with status {self.process.returncode}")
            try:
                self.connect("tcp").close()
                return True
            except OSError:
                return False
        procs.until(f"{self.program} to accept connections", connects, programs.START_LIMIT)

    def answer(self, script):
        with urllib.request.urlopen(f"http://{self.address('tcp')}/{script}", timeout=procs.LIMIT) as reply:
            return reply.read().decode()

    def load(self, listen, script, **how):
        return generator.load(self.address(listen), "/" + script, http=True, expect_file=self.reply(script), **how)

    def throughput(self, listen, script, **how):
        return generator.throughput(self.address(listen), "/" + script, http=True, expect_file=self.reply(script), **how)


class Uwsgi(Foreign):
    label, program, keeps = "uwsgi", "uwsgi", False

    @staticmethod
    def available():
        return find("usr/bin/uwsgi-core") and find("usr/lib/uwsgi/plugins/php_plugin.so")

    def config(self):
        lines = ["[uwsgi]", f"plugins-dir = {os.path.dirname(find('usr/lib/uwsgi/plugins/php_plugin.so'))}", "plugin = php", "strict = true",
                 "master = true", "die-on-term = true", "disable-logging = true", "listen = 511", f"workers = {self.workers}",
                 f"http-socket = {self.address('tcp')}", "http-socket-modifier1 = 14", f"php-docroot = {self.folder}",
                 f"php-ini = {self.php_ini()}/php.ini"]
        if programs.ROOT:
            lines += [f"uid = {programs.POOL_USER}", f"gid = {programs.POOL_USER}"]
        return "\n".join(lines) + "\n"

    def command(self):
        return [find("usr/bin/uwsgi-core"), "--ini", self.config_path]


class Apache(Foreign):
    label, program = "apache", "apache2"

    @staticmethod
    def available():
        return find("usr/sbin/apache2") and find("usr/lib/apache2/modules/libphp*.so")

    def config(self):
        module = find("usr/lib/apache2/modules/libphp*.so")
        return f"""
ServerRoot {os.path.dirname(os.path.dirname(module))}
ServerName localhost
DefaultRuntimeDir {self.folder}
PidFile {self.folder}/apache.pid
Mutex posixsem
LoadModule mpm_prefork_module modules/mod_mpm_prefork.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule php_module {module}
Listen {self.address('tcp')}
User {programs.POOL_USER}
Group {programs.POOL_USER}
ErrorLog {self.log_path}
DocumentRoot {self.folder}
PHPINIDir {self.php_ini()}
<FilesMatch "\\.php$">
SetHandler application/x-httpd-php
</FilesMatch>
StartServers {self.workers}
MinSpareServers {self.workers}
MaxSpareServers {self.workers}
ServerLimit {self.workers}
MaxRequestWorkers {self.workers}
MaxConnectionsPerChild 0
KeepAlive On
MaxKeepAliveRequests 0
"""

    def command(self):
        # In a session of its own: to end its children it signals its process group.
        return ["setsid", find("usr/sbin/apache2"), "-f", self.config_path, "-DFOREGROUND"]


def available():
    """The classes of those that this machine has. Without php-fpm's settings there is no php.ini to share."""
    return [kind for kind in (Uwsgi, Apache) if programs.php_version() and kind.available()]
