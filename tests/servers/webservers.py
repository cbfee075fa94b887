# SPDX-License-Identifier: MIT
"""Real web servers as plain processes, each in a folder of its own, on a free port of the loopback interface.

A door is a way from a web server to a pool: which server, over which kind of socket, kept or fresh connections, and further settings.
Every server is configured with the file that fpmd ships for it (conf/web), with another address in it, and what a door adds.
"""

import contextlib
import glob
import os
import pwd
import shutil
import socket
import subprocess
from dataclasses import dataclass

import procs
import server as programs

SHIPPED = os.path.join(programs.TREE, "conf", "web")
APACHE_MODULES = "/usr/lib/apache2/modules"


@dataclass(frozen=True)
class Door:
    server: str
    pool: str = "unix"  # the pool, and the kind of its socket
    kept: bool = False
    more: str = ""  # settings of this door alone, by a name that its server's function knows

    def __str__(self):
        return "-".join(filter(None, [self.server, self.pool, "kept" if self.kept else "fresh", self.more]))


@dataclass
class Place:
    """Where one web server runs, and what it stands in front of."""
    folder: str
    port: int
    root: str
    address: str  # of the pool: a path, or ADDRESS:PORT

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def shipped(self, name, *replacements):
        """The file of conf/web; whatever is replaced must be in it."""
        with open(os.path.join(SHIPPED, name)) as f:
            text = f.read()
        for old, new in replacements:
            assert old in text, f"conf/web/{name} has no {old}"
            text = text.replace(old, new)
        return self.write(f"shipped-{name}", text)


# --- each server's command, and the files it wants

def nginx(door, place):
    address = f"unix:{place.address}" if door.pool == "unix" else place.address
    php = place.shipped("nginx.conf", ("unix:/run/fpmd-www.sock", "php"))
    kept = ("keepalive 2;", "fastcgi_keep_conn on;") if door.kept else ("", "")
    unbuffered = "fastcgi_buffering off; fastcgi_request_buffering off;" if door.more == "unbuffered" else ""
    # The shipped file's include of fastcgi_params is relative to the configuration's folder.
    shutil.copy("/etc/nginx/fastcgi_params", place.folder)
    temporary = " ".join(f"{kind}_temp_path {place.folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf = place.write("nginx.conf", f"""
daemon off; pid {place.folder}/pid; error_log {place.folder}/error.log info; worker_processes 1;
events {{ worker_connections 256; }}
http {{
        access_log off; {temporary}
        upstream php {{ server {address}; {kept[0]} }}
        server {{
                listen 127.0.0.1:{place.port};
                root {place.root};
                client_max_body_size 16m;
                {kept[1]} {unbuffered}
                include {php};
        }}
}}
""")
    return ["nginx", "-e", f"{place.folder}/error.log", "-p", place.folder, "-c", conf]


def apache(door, place):
    target = f"unix:{place.address}|fcgi://localhost" if door.pool == "unix" else f"fcgi://{place.address}"
    php = f'Include {place.shipped("apache.conf", ("unix:/run/fpmd-www.sock|fcgi://localhost", target))}'
    if door.more == "match":
        php = f'ProxyPassMatch "^/(.*\\.php(/.*)?)$" "{target}{place.root}/$1"' + (" enablereuse=on" if door.kept else "")
    elif door.kept:
        php += f'\n<Proxy "{target}">\n        ProxySet enablereuse=on\n</Proxy>'
    modules = ["mpm_event", "authz_core", "dir", "headers", "setenvif", "proxy", "proxy_fcgi"]
    conf = place.write("apache.conf", "\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in modules) + f"""
ServerRoot {place.folder}
DefaultRuntimeDir {place.folder}
PidFile {place.folder}/pid
ErrorLog {place.folder}/error.log
ServerName localhost
Listen 127.0.0.1:{place.port}
StartServers 1
ServerLimit 1
ThreadsPerChild 8
MaxRequestWorkers 8
<VirtualHost *:{place.port}>
        DocumentRoot {place.root}
        {php}
</VirtualHost>
""")
    return ["apache2", "-f", conf, "-D", "FOREGROUND"]


def caddy(door, place):
    address = f"unix/{place.address}" if door.pool == "unix" else place.address
    php = place.shipped("caddy.conf", ("unix//run/fpmd-www.sock", address))
    conf = place.write("Caddyfile", f"""
{{
        admin off
        auto_https off
        grace_period 100ms
        storage file_system {place.folder}
}}
http://:{place.port} {{
        bind 127.0.0.1
        root * {place.root}
        import {php}
}}
""")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", conf]


def haproxy(door, place):
    address = f"unix@{place.address}" if door.pool == "unix" else place.address
    keep = [] if door.kept else [("        option keep-conn", "        no option keep-conn")]
    php = place.shipped("haproxy.cfg", ("unix@/run/fpmd-www.sock", address), ("/var/www/html", place.root), *keep)
    conf = place.write("haproxy.cfg", f"""
global
        maxconn 256
defaults
        mode http
        timeout connect 5s
        timeout client 30s
        timeout server 30s
frontend www
        bind 127.0.0.1:{place.port}
        use_backend fpmd if {{ path_reg \\.php(/|$) }}
""")
    return ["haproxy", "-db", "-f", conf, "-f", php]


def lighttpd(door, place):
    host, _, port = place.address.rpartition(":")
    address = f'"socket" => "{place.address}"' if door.pool == "unix" else f'"host" => "{host}", "port" => {port}'
    php = place.shipped("lighttpd.conf", ('"socket" => "/run/fpmd-www.sock"', address))
    streamed = "server.stream-response-body = 2\nserver.stream-request-body = 2" if door.more == "streamed" else ""
    conf = place.write("lighttpd.conf", f"""
server.document-root = "{place.root}"
server.bind = "127.0.0.1"
server.port = {place.port}
server.errorlog = "{place.folder}/error.log"
server.upload-dirs = ( "{place.folder}" )
include "{php}"
{streamed.replace("server.stream-response-body =", "server.stream-response-body :=")}
""")
    return ["lighttpd", "-D", "-f", conf]


DOORS = [
    *(Door("nginx", pool, kept, more) for pool in ("unix", "tcp") for kept in (False, True) for more in ("", "unbuffered")),
    *(Door("apache", pool, kept, more) for pool in ("unix", "tcp") for kept in (False, True) for more in ("", "match")),
    *(Door("caddy", pool) for pool in ("unix", "tcp")),
    *(Door("haproxy", pool, kept) for pool in ("unix", "tcp") for kept in (False, True)),
    *(Door("lighttpd", pool, more=more) for pool in ("unix", "tcp") for more in ("", "streamed")),
]
COMMANDS = {"nginx": nginx, "apache": apache, "caddy": caddy, "haproxy": haproxy, "lighttpd": lighttpd}


# --- its life

def _program(name):
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    assert found, f"{name} is not installed"
    return found


def _as_pool_user():
    """No web server of these tests is root, and none does anything that it would have to be root for."""
    if not programs.ROOT:
        return {}
    user = pwd.getpwnam(programs.POOL_USER)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _said(folder):
    return "\n".join(f"--- {path}:\n{procs.content(path)[-2000:]}" for path in glob.glob(os.path.join(folder, "*.log")))


@contextlib.contextmanager
def running(door, root, address):
    """The port of a web server in front of a pool."""
    folder = programs.make_folder(door.server)
    os.chmod(folder, 0o777)
    place = Place(folder, programs.free_port(), root, address)
    program, *arguments = COMMANDS[door.server](door, place)
    with open(os.path.join(folder, "output.log"), "wb") as output:
        process = subprocess.Popen([_program(program), *arguments], stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder,
                                   env={"PATH": "/usr/bin:/bin", "HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_DATA_HOME": folder},
                                   preexec_fn=procs.die_with_parent, **_as_pool_user())
    try:
        def listens():
            if process.poll() is not None:
                raise RuntimeError(f"{program} ended with status {process.returncode}\n{_said(folder)}")
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", place.port), procs.LIMIT):
                return True
        procs.until(f"{program} to listen", listens, programs.START_LIMIT)
        yield place.port
    finally:
        process.terminate()
        try:
            process.wait(programs.STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder)
