# SPDX-License-Identifier: MIT
"""fpmd with a pool at a unix socket and one over TCP, behind nginx and without it: with the sockets of socket units, and with its own, in
Debian's service of php-fpm."""

import json

from container import wait_until
from load import Load
from service import DROPIN, Service

CHILDREN = 24  # of each pool; its clients are 16 through nginx and 16 directly: some wait
CLIENTS = 16
UNIX, TCP = "/run/fpmd-www.sock", "127.0.0.1:9000"
LOGS = "/var/log/small"

POOL = """\
[{name}]
listen = {listen}
{own}
pm = static
pm.max_children = {children}
access.log = {logs}/{name}.access.log
"""

NGINX = """\
upstream over_unix {{ server unix:{unix}; keepalive 8; }}
upstream over_tcp {{ server {tcp}; keepalive 8; }}
server {{ listen 127.0.0.1:80; root /var/www/html; location / {{ {pass_} fastcgi_pass over_unix; }} }}
server {{ listen 127.0.0.1:81; root /var/www/html; location / {{ {pass_} fastcgi_pass over_tcp; }} }}
"""
PASS = "include fastcgi_params; fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name; fastcgi_keep_conn on;"

SOCKET = f"""\
[Socket]
ListenStream={TCP}
ListenStream={TCP}
ReusePort=yes
FileDescriptorName=tcp
Service=fpmd.service
"""


class Loads:
    """64 clients, a quarter each way."""

    def __init__(self, container):
        fast = ["--least-us", "1000"]
        outside = f"/proc/{container.leader}/root{UNIX}"
        self.ways = {
            "nginx, unix": Load(container, CLIENTS, port=80, more=fast),
            "nginx, TCP": Load(container, CLIENTS, port=81, more=fast),
            "unix": Load(container, CLIENTS, path="/var/www/html/load.php", more=[*fast, "--fastcgi", outside]),
            "TCP": Load(container, CLIENTS, path="/var/www/html/load.php", more=[*fast, "--fastcgi", TCP]),
        }

    def __enter__(self):
        for load in self.ways.values():
            load.__enter__()
        return self

    def __exit__(self, *error):
        for load in self.ways.values():
            load.__exit__(*error)

    def wait_for(self, count):
        """Until so many more requests have been answered well, each way."""
        goals = [(load, self._done(load) + count) for load in self.ways.values()]
        for load, goal in goals:
            wait_until(lambda: self._done(load) >= goal, f"{goal} answers; {load.explain()}", limit=60)

    def _done(self, load):
        with load.more:
            return sum(not record.failed for record in load.records)

    @property
    def records(self):
        return [record for load in self.ways.values() for record in load.records]

    def explain(self):
        return "\n".join(f"{way}: {load.explain()}" for way, load in self.ways.items())


class Site:
    """fpmd in one of the two ways."""

    def __init__(self, container):
        self.container = container
        self.written = []

    def write(self, path, text):
        self.container.write(path, text)
        self.written.append(path)

    def pools(self, folder, own):
        for name, listen in (("www", UNIX), ("tcp", TCP)):
            self.write(f"{folder}/{name}.conf", POOL.format(name=name, listen=listen, own=own(name), children=CHILDREN, logs=LOGS))

    def begin(self):
        container = self.container
        container.run("sh", "-c", f"mkdir -p {LOGS} && mount -t tmpfs -o size=64m,mode=1777 none {LOGS}")
        self.configure()
        self.write("/etc/nginx/sites-enabled/default", NGINX.format(unix=UNIX, tcp=TCP, pass_=PASS))
        container.systemctl("daemon-reload")
        self.service = Service(container, self.unit)
        for unit in (*self.sockets, self.unit):
            container.systemctl("start", unit)
        container.systemctl("restart", "nginx.service")
        container.wait_for("nginx.service", "active")

    def end(self):
        container = self.container
        container.systemctl("stop", *self.sockets, self.unit, check=False)
        container.systemctl("reset-failed", check=False)
        for path in self.written:
            container.remove(path)
        container.systemctl("daemon-reload")
        container.run("umount", LOGS)

    def systemctl(self, verb):
        """With the journal, where it fails."""
        done = self.container.systemctl(verb, self.unit, limit=90, check=False)
        assert done.returncode == 0, done.stderr + self.journal()

    def journal(self):
        """The end of the service's."""
        return self.container.run("journalctl", "-n", "30", "--no-pager", "-u", self.unit, check=False).stdout

    @property
    def master(self):
        return self.service.master

    def parks(self):
        """Those that take connections; in one look, since a walk through all processes takes long on a busy machine."""
        return [pool["park pid"] for pool in self.shown() if pool["park pid"]]

    def shown(self):
        """Pools, as fpmctl status shows them."""
        return json.loads(self.container.run("fpmctl", "--runtime-dir", self.runtime, "status", "--json").stdout)["pools"]

    def lost_by_parks(self):
        """Requests and replies that were in parks when they died, as fpmd has counted them."""
        return sum(pool["park"]["lost"] for pool in self.shown())


class SocketUnits(Site):
    name = "socket units"
    runtime = "/run/fpmd"
    unit = "fpmd.service"
    sockets = ("fpmd.socket", "lossless-tcp.socket")

    def configure(self):
        container = self.container
        container.run("sh", "-c", "rm -f /etc/fpmd/pool.d/*")
        self.pools("/etc/fpmd/pool.d", lambda name: "")
        self.write("/etc/systemd/system/lossless-tcp.socket", SOCKET)
        self.write(DROPIN.format("fpmd.service"), "[Unit]\nStartLimitIntervalSec=0\n")


class OwnSockets(Site):
    name = "sockets of its own"
    sockets = ()

    @property
    def unit(self):
        return self.container.run("sh", "-c", "cd /lib/systemd/system && echo php*-fpm.service").stdout.strip()

    @property
    def runtime(self):
        return "/run/" + self.unit.removesuffix(".service")

    def configure(self):
        container = self.container
        version = self.unit.removeprefix("php").removesuffix("-fpm.service")
        container.run("sh", "-c", f"rm -f /etc/php/{version}/fpm/pool.d/*")
        self.pools(f"/etc/php/{version}/fpm/pool.d", lambda name: "user = www-data\ngroup = www-data\nlisten.owner = www-data\n"
                   + ("listen.shards = 2\n" if name == "tcp" else ""))
        container.run("sh", "-c", f"rm -rf /etc/systemd/system/{self.unit}.d; cp -r /usr/share/fpmd/{self.unit}.d /etc/systemd/system/")
        self.write(DROPIN.format(self.unit), "[Unit]\nStartLimitIntervalSec=0\n")
