# SPDX-License-Identifier: MIT
"""Behind a web server: one for each PHP server, so that nothing but what is behind it differs. It asks for as many pages at a time as it has clients; over
kept connections php-fpm serves no more of them than it has workers, so it gets some more than that, while ours has four."""

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass

import generator
import machine
import procs
import server as programs

WORKERS, CLIENTS = 4, 32
# More workers than connections: those that are being closed hold some as well.
AMPLE = 40

NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
worker_processes 1; events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy; fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi; scgi_temp_path {folder}/nginx-scgi;
    keepalive_requests 1000000000;
    upstream php {{ server {address}; {keepalive} }}
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        location / {{
            include {params};
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_pass php; {keep_conn}
        }}
    }}
}}
"""
NGINX_PARAMS = "/etc/nginx/fastcgi_params"
APACHE = """
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache.log
ServerName localhost
{modules}
{user}
Listen 127.0.0.1:{port}
StartServers 1
ServerLimit 1
ThreadsPerChild {threads}
MaxRequestWorkers {threads}
MaxConnectionsPerChild 0
KeepAlive On
MaxKeepAliveRequests 0
DocumentRoot {folder}
Include {shipped}
{reuse}
"""
APACHE_MODULES = "/usr/lib/apache2/modules"
APACHE_LOADS = ["mpm_event", "authz_core", "dir", "headers", "setenvif", "proxy", "proxy_fcgi"]
APACHE_SHIPPED = os.path.join(programs.TREE, "conf", "web", "apache.conf")


@dataclass(frozen=True)
class Way:
    """From clients to a PHP server."""

    front: str = "nginx"  # or "apache"
    listen: str = "unix"
    keep: bool = False    # the connections behind the web server; its clients keep theirs
    clients: int = CLIENTS
    workers: dict = None  # of each PHP server, by label

    def pool(self):
        enough = max(AMPLE, self.clients)
        return {"pm": "static", "pm_max_children": self.workers or {"fpmd": WORKERS, "php-fpm": enough if self.keep else WORKERS}}


def program(name):
    found = shutil.which(name, path="/usr/sbin:/usr/bin")
    if not found:
        raise machine.NotAvailable(f"{name} is not installed")
    return found


def write(server, name, text):
    path = server.path(name)
    with open(path, "w") as f:
        f.write(text)
    return path


def nginx(server, way, port):
    """The command."""
    if not os.path.exists(NGINX_PARAMS):
        raise machine.NotAvailable("nginx has no fastcgi_params")
    address = server.address(way.listen)
    text = NGINX.format(folder=server.folder, address=f"unix:{address}" if way.listen == "unix" else address, port=port, params=NGINX_PARAMS,
                        keepalive=f"keepalive {way.clients}; keepalive_requests 1000000000;" if way.keep else "",
                        keep_conn="fastcgi_keep_conn on;" if way.keep else "")
    return [program("nginx"), "-c", write(server, f"nginx-{port}.conf", text)]


def apache(server, way, port):
    """The command; with the file that fpmd ships for Apache."""
    absent = [name for name in APACHE_LOADS if not os.path.exists(f"{APACHE_MODULES}/mod_{name}.so")]
    if absent:
        raise machine.NotAvailable(f"apache2 has no mod_{absent[0]}")
    address, shipped = server.address(way.listen), "unix:/run/fpmd-www.sock|fcgi://localhost"
    target = f"unix:{address}|fcgi://localhost" if way.listen == "unix" else f"fcgi://{address}"
    with open(APACHE_SHIPPED) as f:
        include = write(server, f"apache-{port}-shipped.conf", f.read().replace(shipped, target))
    text = APACHE.format(folder=server.folder, port=port, threads=max(64, way.clients), shipped=include,
                         modules="\n".join(f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in APACHE_LOADS),
                         user=f"User {programs.POOL_USER}\nGroup {programs.POOL_USER}" if programs.ROOT else "",
                         reuse=f'<Proxy "{target}">\nProxySet enablereuse=on\n</Proxy>' if way.keep else "")
    return [program("apache2"), "-f", write(server, f"apache-{port}.conf", text), "-DFOREGROUND"]


FRONTS = {"nginx": nginx, "apache": apache}


@contextlib.contextmanager
def front(server, way):
    """A web server in front of a PHP server: "127.0.0.1:PORT"."""
    port = programs.free_port()
    # In a session of its own: to end its children Apache signals its process group.
    process = subprocess.Popen(FRONTS[way.front](server, way, port), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               start_new_session=True, preexec_fn=procs.die_with_parent)
    try:
        def listens():
            if process.poll() is not None:
                raise RuntimeError(f"{way.front} ended: {process.stderr.read().decode()}")
            with contextlib.suppress(OSError):
                programs.fastcgi.Connection(f"127.0.0.1:{port}").close()
                return True
        procs.until(f"{way.front} to listen", listens)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


def behind(way, script, measure):
    """A row: in rounds, what measure(bench, server, load) says, where load(**how) asks through the web server."""
    def run(bench, result):
        with bench.servers([way.listen], **way.pool()) as servers, contextlib.ExitStack() as stack:
            def asks(server):
                address = stack.enter_context(front(server, way))
                return lambda **how: generator.load(address, "/" + script, http=True, keep=True, connections=way.clients, expect_file=server.reply(script), **how)

            loads = {s.label: asks(s) for s in servers}
            for load in loads.values():
                load(requests=20 * way.clients)
            bench.compare(result, servers, lambda s: measure(bench, s, loads[s.label]))
    return run


def _cost(bench, server, load):
    pids = machine.family(server)
    return machine.cpu_us_each(pids, bench.extent.requests, lambda n: load(requests=n))


def cost(way, script="hello.php"):
    """CPU time of the PHP server for one request, the web server's not counted."""
    return behind(way, script, _cost)


def speed(way, script="hello.php"):
    """Requests a second that come through."""
    return behind(way, script, lambda bench, server, load: load(duration=int(bench.extent.seconds * 1000))["rate"])
