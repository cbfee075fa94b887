# SPDX-License-Identifier: MIT
"""Behind nginx: one nginx with one worker for each server, so that nothing but what is behind it differs."""

import contextlib
import os
import shutil
import subprocess

import generator
import machine
import procs
import server as programs

CONFIG = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
worker_processes 1; events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy; fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi; scgi_temp_path {folder}/nginx-scgi;
    keepalive_requests 1000000000;
    upstream php {{ server unix:{socket}; {keepalive} }}
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
PARAMS = "/etc/nginx/fastcgi_params"


@contextlib.contextmanager
def nginx(server, keep, connections):
    """An nginx in front of a server's unix listener: "127.0.0.1:PORT"."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin")
    if not program or not os.path.exists(PARAMS):
        raise machine.NotAvailable("nginx is not installed")
    port, path = programs.free_port(), os.path.join(server.folder, f"nginx-{'kept' if keep else 'fresh'}.conf")
    with open(path, "w") as f:
        f.write(CONFIG.format(folder=server.folder, socket=server.address("unix"), port=port, params=PARAMS,
                              keepalive=f"keepalive {connections}; keepalive_requests 1000000000;" if keep else "",
                              keep_conn="fastcgi_keep_conn on;" if keep else ""))
    process = subprocess.Popen([program, "-c", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               preexec_fn=procs.die_with_parent)
    try:
        def listens():
            if process.poll() is not None:
                raise RuntimeError(f"nginx ended: {process.stderr.read().decode()}")
            with contextlib.suppress(OSError):
                programs.fastcgi.Connection(f"127.0.0.1:{port}").close()
                return True
        procs.until("nginx to listen", listens)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)
        process.stderr.close()


def behind_nginx(keep, connections=64):
    """Requests a second that come through; as many workers as connections, since php-fpm starves with fewer kept ones."""
    def run(bench, result):
        def load(server, **how):
            return generator.load(fronts[server.label], "/hello.php", http=True, keep=True, connections=connections,
                                  expect_file=server.reply("hello.php"), **how)

        with bench.servers(["unix"], pm="static", pm_max_children=connections) as servers, contextlib.ExitStack() as stack:
            fronts = {s.label: stack.enter_context(nginx(s, keep, connections)) for s in servers}
            for s in servers:
                load(s, requests=20 * connections)
            bench.compare(result, servers, lambda s: load(s, duration=int(bench.extent.seconds * 1000))["rate"])
    return run
