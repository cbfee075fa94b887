# SPDX-License-Identifier: MIT
"""Real web servers with the configuration that fpmd ships, in front of php-fpm and of fpmd: the answers are the same."""

from container import wait_until
from service import documented
from web import Web, serve_apache, serve_nginx


def check_server(web, script_prefix=""):
    page = web.json("/info.php?a=1&b=2")
    assert page["sapi"] == "fpm-fcgi"
    assert page["user"] != 0
    assert (page["method"], page["query"], page["path_info"]) == ("GET", "a=1&b=2", None) or page["path_info"] == ""
    assert page["script"].removeprefix(script_prefix) == "/var/www/html/info.php"
    assert page["loadavg"]


def check_path_info(web):
    page = web.json("/info.php/a/b%20c?d=e")
    assert page["path_info"] == "/a/b c"
    assert page["script_name"] == "/info.php"
    assert page["query"] == "d=e"


def check_post(web):
    body = "x" * 100_000
    page = web.json("/info.php", "-X", "POST", "-H", "Content-Type: text/plain", "-d", body)
    assert (page["method"], page["content_type"]) == ("POST", "text/plain")
    assert page["body"] == body


def check_headers(web):
    page = web.json("/info.php", "-H", "Proxy: http://evil/", "-H", "Authorization: Bearer abc")
    assert not page["proxy"]
    assert page["authorization"] == "Bearer abc"


def check_missing(web):
    assert web.get("/missing.php")[0] == 404
    assert web.get("/index.html/info.php")[0] == 404  # the front part is a file, but no PHP


def check_all(web):
    check_server(web)
    check_path_info(web)
    check_post(web)
    check_headers(web)
    check_missing(web)


def test_nginx_serves_pages_path_info_and_posts(bare_container, backend):
    check_all(serve_nginx(bare_container, backend))


def test_apache_event_serves_pages_path_info_and_posts(bare_container, backend):
    web = serve_apache(bare_container, backend)
    assert "event" in bare_container.run("apache2ctl", "-V").stdout.partition("Server MPM:")[2].splitlines()[0]
    check_all(web)


def nginx_workers(container):
    """Those that take requests: one that has been told to end says so in its title."""
    processes = container.run("pgrep", "-a", "-f", "nginx: worker process", check=False).stdout.splitlines()
    return {line.split()[0] for line in processes if "shutting down" not in line}


def test_the_manuals_commands_put_a_site_behind_nginx(fpmd, nginx, container):
    """From what Debian's package has as a site, which listens on port 80 as well."""
    fpmd.listen()
    container.write("/etc/nginx/sites-enabled/default", "server { listen 80 default_server; root /usr/share/nginx/html; location / { } }\n")
    container.systemctl("restart", "nginx")
    before = nginx_workers(container)
    assert before
    try:
        for command in documented("sudo cp /usr/share/doc/fpmd/web/nginx.conf"):
            container.run("sh", "-c", command.replace("sudo ", ""))
        # nginx has been told to reload then; the workers that it had may still take a request.
        wait_until(lambda: before.isdisjoint(nginx_workers(container)), "nginx's new workers")
        check_server(Web(container, 80))
    finally:
        container.remove("/etc/nginx/conf.d/site.conf")
        container.systemctl("stop", "nginx")
        serve_nginx(container)
