# SPDX-License-Identifier: MIT
"""Hosts with fpmd in network namespaces of their own, and a load balancer in another one, with a bridge between them.

A host's listening sockets are the test's, as they are systemd's on a real host: they outlive the service. Clients come to the load
balancer over a unix socket, so they need no namespace.
"""

import contextlib
import ctypes
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass

import procs
import server as programs

LIMIT = 60  # for what a busy machine is slow to do
CLONE_NEWNET = 0x40000000
PAGE = """<?php $us = (int) ($_GET['us'] ?? 0) + (file_exists(__DIR__ . '/slow-' . getenv('HOST')) ? 60000 : 0);
if ($us) usleep($us);
echo getenv('HOST');"""


def run(*command):
    r = subprocess.run(command, capture_output=True, text=True)
    assert r.returncode == 0, f"{' '.join(command)}: {r.stderr}"


class Network:
    """Namespaces, each with one address of 10.0.0.0/24."""

    def __init__(self):
        self.prefix = f"fpmd-{os.getpid()}-"
        self.names = []

    def add(self, name, address):
        namespace = self.prefix + name
        run("ip", "netns", "add", namespace)
        self.names.append(namespace)
        run("ip", "-n", namespace, "link", "set", "lo", "up")
        if len(self.names) == 1:
            run("ip", "-n", namespace, "link", "add", "eth0", "type", "bridge")
        else:
            bridge = self.names[0]
            run("ip", "-n", bridge, "link", "add", f"to-{name}", "type", "veth", "peer", "name", "eth0", "netns", namespace)
            run("ip", "-n", bridge, "link", "set", f"to-{name}", "master", "eth0", "up")
        run("ip", "-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        run("ip", "-n", namespace, "link", "set", "eth0", "up")

    def enter(self, name):
        """A command's first words."""
        return ["nsenter", f"--net=/run/netns/{self.prefix}{name}"]

    def listen(self, name, address, port):
        """A listening socket there. Only a thread of its own enters the namespace."""
        made = []

        def make():
            libc = ctypes.CDLL(None, use_errno=True)
            fd = os.open(f"/run/netns/{self.prefix}{name}", os.O_RDONLY)
            try:
                if libc.setns(fd, CLONE_NEWNET) == 0:
                    s = socket.socket()
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    s.bind((address, port))
                    s.listen(511)
                    made.append(s)
            finally:
                os.close(fd)
        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        assert made, f"no socket in the namespace of {name}"
        return made[0]

    def close(self):
        for name in reversed(self.names):
            subprocess.run(["ip", "netns", "del", name], check=False)


class Host:
    """One fpmd, as the service manager runs it."""

    def __init__(self, network, name, address, root):
        self.name, self.address, self.root = name, address, root
        network.add(name, address)
        self.sockets = [network.listen(name, address, port) for port in (9000, 9001)]
        self.server = programs.Fpmd({"www": {"pm": "static", "pm.max_children": "4", "listen": f"{address}:9000",
                                             "pm.status_listen": f"{address}:9001", "env[HOST]": name}})
        self.server.wrapper = network.enter(name)

    def start(self):
        self.server.start_with_sockets(self.sockets, ["www", "www-status"])
        self.server.wait_ready()

    def restart(self):
        self.server.signal(signal.SIGQUIT)
        assert self.server.wait_exit(60) == 0
        self.start()

    def family(self):
        return [self.server.pid, *procs.descendants(self.server.pid)]

    def frozen(self):
        return procs.stopped(*self.family())

    @contextlib.contextmanager
    def slow(self):
        path = os.path.join(self.root, f"slow-{self.name}")
        open(path, "w").close()
        try:
            yield
        finally:
            os.unlink(path)

    def kill(self):
        """All processes at once. (from, to)"""
        begin = time.time()
        for pid in self.family():
            procs.kill(pid, signal.SIGKILL)
        self.server.wait_exit(30)
        self.server.stop()
        return begin, time.time()

    def close(self):
        self.server.cleanup()
        for s in self.sockets:
            s.close()


@dataclass
class Visit:
    start: float
    end: float
    status: int  # 0: no answer
    host: str
    error: str = ""


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=90)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Visitors:
    """Clients that visit a page one request after the other, over kept connections to the load balancer."""

    def __init__(self, path, clients=16):
        self.path = path
        self.visits = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def _run(self, number):
        connection = UnixConnection(self.path)
        n = number
        while not self.stopping.is_set():
            n += 1
            start = time.time()
            try:
                connection.request("GET", f"/balance.php?us={(0, 0, 0, 2000, 0, 20000, 0, 0)[n % 8]}")
                r = connection.getresponse()
                body = r.read().decode("latin-1")
                self.visits.append(Visit(start, time.time(), r.status, body if r.status == 200 else "", "" if r.status == 200 else body[:60]))
            except (OSError, http.client.HTTPException) as e:
                self.visits.append(Visit(start, time.time(), 0, "", repr(e)))
                connection.close()
        connection.close()

    def wait_more(self, n):
        goal = len(self.visits) + n
        procs.until(f"{n} more visits", lambda: len(self.visits) >= goal, 600)

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join(120)
            assert not t.is_alive(), "a visitor did not come back"


class Balancer:
    """HAProxy or nginx in the first namespace, in a folder of its own."""

    def __init__(self, network, folder):
        self.network, self.folder = network, folder
        self.path = os.path.join(folder, "front.sock")
        self.process = None

    def start(self, command):
        with open(os.path.join(self.folder, "output"), "wb") as output:
            self.process = subprocess.Popen([*self.network.enter("balancer"), *command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            preexec_fn=procs.die_with_parent)

        def answers():
            assert self.process.poll() is None, procs.content(os.path.join(self.folder, "output"))
            with contextlib.suppress(OSError, http.client.HTTPException):
                c = UnixConnection(self.path)
                c.request("GET", "/balance.php")
                return c.getresponse().status == 200
        procs.until("the load balancer to answer", answers, LIMIT)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)


class Haproxy(Balancer):
    """With the file that fpmd ships for it, for these addresses as it stands, but for a test's patience: it asks more often, and a busy
    machine may be slow to answer."""

    TIMES = (("timeout check 1s", "timeout check 3s"), (" inter 1s fastinter 500ms", " inter 300ms fastinter 200ms"), ("agent-inter 1s", "agent-inter 300ms"))

    def run(self, root):
        with open(os.path.join(programs.TREE, "conf", "web", "haproxy-balance.cfg")) as f:
            shipped = f.read()
        for old, new in (*self.TIMES, ("docroot /var/www/html", f"docroot {root}")):
            assert old in shipped, old
            shipped = shipped.replace(old, new)
        path = os.path.join(self.folder, "haproxy.cfg")
        with open(path, "w") as f:
            f.write(f"""global
        stats socket unix@{self.folder}/stats.sock
defaults
        mode http
        timeout client 90s
        timeout queue 60s
frontend web
        bind unix@{self.path}
        use_backend fpmd if {{ path_reg \\.php(/|$) }}
{shipped}
""")
        checked = subprocess.run(["haproxy", "-c", "-f", path], capture_output=True, text=True)
        assert checked.returncode == 0 and "WARNING" not in checked.stderr, checked.stderr
        self.start(["haproxy", "-db", "-f", path])

    def servers(self):
        """{name: (state, weight)} as HAProxy has it."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(f"{self.folder}/stats.sock")
            s.sendall(b"show stat json\n")
            data = b""
            while more := s.recv(65536):
                data += more
        found = {}
        for row in json.loads(data):
            fields = {f["field"]["name"]: f["value"]["value"] for f in row}
            if fields["pxname"] == "fpmd" and fields["svname"] != "BACKEND":
                found[fields["svname"]] = (fields["status"], fields["weight"])
        return found

    def wait_state(self, name, *states):
        procs.until(f"HAProxy to have {name} as {states}", lambda: self.servers()[name][0].startswith(states), LIMIT)


class Nginx(Balancer):
    """It has no active checks: what a host does not answer goes to the next one, and the host is left alone for a while."""

    def run(self, root, hosts):
        temporary = " ".join(f"{kind}_temp_path {self.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        servers = " ".join(f"server {h.address}:9000 max_fails=1 fail_timeout=2s;" for h in hosts)
        path = os.path.join(self.folder, "nginx.conf")
        with open(path, "w") as f:
            f.write(f"""daemon off; pid {self.folder}/pid; error_log {self.folder}/error.log; worker_processes 1; user root;
events {{ worker_connections 256; }}
http {{
        access_log off; {temporary}
        upstream php {{ {servers} }}
        server {{
                listen unix:{self.path};
                root {root};
                location ~ \\.php$ {{
                        fastcgi_pass php;
                        fastcgi_connect_timeout 2s;
                        fastcgi_read_timeout 5s;
                        fastcgi_next_upstream error timeout http_503;
                        include /etc/nginx/fastcgi_params;
                        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
                }}
        }}
}}
""")
        self.start(["nginx", "-e", f"{self.folder}/error.log", "-c", path])
