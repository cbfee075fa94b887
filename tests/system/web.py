# SPDX-License-Identifier: MIT
"""Web servers of the container, set up with the configuration that fpmd ships for them."""

import json
from pathlib import Path

SHIPPED = Path(__file__).resolve().parent.parent.parent / "conf" / "web"
FPMD = "unix:/run/fpmd-www.sock"


class Web:
    """A web server in the container in front of a FastCGI socket, and requests to it."""

    def __init__(self, container, port):
        self.container = container
        self.base = f"http://127.0.0.1:{port}"

    def get(self, path, *options):
        """curl's view: (status, body)."""
        done = self.container.run("curl", "-sS", "-m", "30", "-w", "\n%{http_code}", *options, self.base + path)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def json(self, path, *options):
        status, body = self.get(path, *options)
        assert status == 200, body
        return json.loads(body)


def snippet(container, name, connect):
    """The configuration that fpmd ships for a web server, pointed at another address if need be."""
    text = (SHIPPED / f"{name}.conf").read_text()
    assert FPMD in text
    container.write(f"/etc/{name}-fpmd.conf", text.replace(FPMD, connect))
    return f"/etc/{name}-fpmd.conf"


# Each host name is one application as Debian's packages lay it out.
SITES = {
    "localhost": "root /var/www/html;",
    "wiki.localhost": "root /usr/share/dokuwiki;",
    "blog.localhost": "root /usr/share/wordpress; location /wp-content/ { root /var/lib/wordpress; }",
    "mysql.localhost": "root /usr/share/phpmyadmin;",
}


def serve_nginx(container, connect=FPMD):
    return start_nginx(container, f"include {snippet(container, 'nginx', connect)};")


def start_nginx(container, php):
    """php: what passes PHP's requests on, in each server block."""
    container.write("/etc/nginx/sites-enabled/default", "".join(f"""\
server {{
        listen 127.0.0.1:80;
        server_name {name};
        client_max_body_size 16m;
        {site}
        {php}
}}
""" for name, site in SITES.items()))
    container.systemctl("restart", "nginx.service")
    container.wait_for("nginx.service", "active")
    return Web(container, 80)


def serve_apache(container, connect=FPMD):
    return start_apache(container, f"Include {snippet(container, 'apache', connect)}")


def start_apache(container, php=""):
    """php: what passes PHP's requests on, in the virtual host; nothing when the server's own configuration does."""
    container.write("/etc/apache2/ports.conf", "Listen 127.0.0.1:8080\n")
    container.write("/etc/apache2/sites-enabled/000-default.conf", f"""\
<VirtualHost *:8080>
        DocumentRoot /var/www/html
        {php}
</VirtualHost>
""")
    container.run("sh", "-c", "rm -f /etc/apache2/mods-enabled/php*.* /etc/apache2/mods-enabled/mpm_prefork.*")
    container.run("a2enmod", "-q", "mpm_event", "proxy_fcgi", "headers", "setenvif")
    container.systemctl("restart", "apache2.service")
    container.wait_for("apache2.service", "active")
    return Web(container, 8080)
