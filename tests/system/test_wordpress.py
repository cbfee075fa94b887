# SPDX-License-Identifier: MIT
"""WordPress as Debian packages it, with MariaDB behind it: its web installer, login, a post by its editor's interface, an uploaded picture, and
many readers."""

import json
import re
import struct
import subprocess
import sys
import zipfile
import zlib

import pytest

from browser import Browser, Forms
from container import HERE, wait_until
from manpage import display
from web import Web, serve_nginx

HOST = "blog.localhost"
# For the instance: whose files they are, and which are written.
OWNS = ["/var/lib/wordpress"]
WRITES = ["/var/lib/wordpress/wp-content"]
TITLE = "What a reader sees"


def picture(width=640, height=480):
    """A PNG whose pixels differ, so that a scaled copy has something to show."""
    rows = b"".join(b"\0" + bytes(value for x in range(width) for value in (x % 256, y % 256, (x * y) % 256)) for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))


def path_of(url, host=HOST):
    assert url.startswith(f"http://{host}/")
    return url.removeprefix(f"http://{host}")


class Blog:
    """The site of HOST, whose settings are the tests'."""

    host = HOST

    def __init__(self, container, database):
        self.prepare(container, database)
        self.container = container
        self.browser = Browser(container, f"http://{self.host}")

    def prepare(self, container, database):
        database.ask("DROP DATABASE IF EXISTS blog", "CREATE DATABASE blog")
        container.write(f"/etc/wordpress/config-{HOST}.php", f"""\
<?php
define('DB_NAME', 'blog');
define('DB_USER', '{database.user}');
define('DB_PASSWORD', "{database.password}");
define('DB_HOST', 'localhost');
define('DB_CHARSET', 'utf8mb4');
""")

    def install(self):
        form = Forms(self.browser.fetch("/wp-admin/install.php?step=1")).with_field("weblog_title")
        page = self.browser.post("/wp-admin/install.php?step=2", {
            **form, "weblog_title": "Tested", "user_name": "editor", "admin_password": "pass word", "admin_password2": "pass word",
            "pw_weak": "on", "admin_email": "editor@example.org"})
        assert "WordPress has been installed" in page, page[-3000:]

    def log_in(self, password="pass word"):
        form = Forms(self.browser.fetch("/wp-login.php")).with_field("pwd")
        return self.browser.post("/wp-login.php", {**form, "log": "editor", "pwd": password})

    def nonce(self):
        return self.browser.fetch("/wp-admin/admin-ajax.php?action=rest-nonce")

    def rest(self, route, *options, expect=200):
        """A request of the editor's interface, as the user who is logged in."""
        return json.loads(self.browser.fetch(f"/index.php?rest_route=/wp/v2/{route}", *options, expect=expect))

    def publish(self, title, content):
        return self.rest("posts", "-H", f"X-WP-Nonce: {self.nonce()}", "-H", "Content-Type: application/json",
                         "-d", json.dumps({"title": title, "content": content, "status": "publish"}), expect=201)

    def upload(self, data, name):
        """By the form of the media library, as a browser without scripts does it; returns what the library has then."""
        (self.container.root / "var/tmp" / name).write_bytes(data)
        form = Forms(self.browser.fetch("/wp-admin/media-new.php?browser-uploader")).with_field("html-upload")
        form = {name: value for name, value in form.items() if name not in ("async-upload", "cancel")}
        self.browser.upload("/wp-admin/media-new.php", form, "async-upload", f"/var/tmp/{name}", name)
        media, = self.rest("media", "-H", f"X-WP-Nonce: {self.nonce()}")
        return media

    def install_plugin(self, name):
        """A ZIP file of one's own; without direct access to files WordPress asks for the password of an FTP server here."""
        path = self.container.root / "var/tmp" / f"{name}.zip"
        with zipfile.ZipFile(path, "w") as zipped:
            zipped.writestr(f"{name}/{name}.php", f"<?php\n/* Plugin Name: {name} */\n")
        form = Forms(self.browser.fetch("/wp-admin/plugin-install.php?tab=upload")).with_field("pluginzip")
        form = {field: value for field, value in form.items() if field not in ("pluginzip", "install-plugin-submit")}
        page = self.browser.upload("/wp-admin/update.php?action=upload-plugin", form, "pluginzip", f"/var/tmp/{path.name}", path.name)
        assert "Plugin installed successfully" in page, page[-3000:]

    def download(self, url):
        self.browser.fetch(path_of(url, self.host), "-o", "/var/tmp/download")
        return (self.container.root / "var/tmp/download").read_bytes()


@pytest.fixture
def blog(bare_container, backend, database):
    serve_nginx(bare_container, backend)
    blog = Blog(bare_container, database)
    blog.install()
    return blog


@pytest.mark.parametrize("backend", ["php-fpm", "fpmd", "instance"], indirect=True)
def test_it_is_installed_and_a_post_with_a_picture_is_published(blog):
    assert "is incorrect" in blog.log_in("wrong")
    assert "wp-admin-bar-logout" in blog.log_in()
    image = picture()
    media = blog.upload(image, "picture.png")
    assert (media["mime_type"], media["media_details"]["width"], media["media_details"]["height"]) == ("image/png", 640, 480)
    assert blog.download(media["source_url"]) == image
    thumbnail = blog.download(media["media_details"]["sizes"]["thumbnail"]["source_url"])
    assert struct.unpack(">II", thumbnail[16:24]) == (150, 150)

    text = "Umlauts äöü, a < b & c. " * 1000
    post = blog.publish(TITLE, f"<p>{text}</p><img src='{media['source_url']}'>")
    # The installer asked its own site, from within a request, whether such addresses work.
    assert path_of(post["link"]).startswith("/index.php/")
    stranger = Browser(blog.container, f"http://{HOST}")
    page = stranger.fetch(path_of(post["link"]))
    assert re.search(rf"<h1[^>]*>{TITLE}</h1>", page)
    assert media["source_url"] in page and page.count("Umlauts äöü") == 1000
    assert TITLE in stranger.fetch("/")
    refused = stranger.fetch("/index.php?rest_route=/wp/v2/posts", "-d", "title=x", expect=401)
    assert json.loads(refused)["code"] == "rest_cannot_create"


@pytest.mark.parametrize("backend", ["fpmd"], indirect=True)
def test_a_thousand_views_by_sixteen_readers_are_all_right(blog):
    blog.log_in()
    post = blog.publish(TITLE, "<p>Read by many.</p>")
    done = subprocess.run(blog.container.enter_network(
        sys.executable, str(HERE / "views.py"), "--host", HOST, "--path", path_of(post["link"]), "--expect", f"{TITLE}</h1>",
        "--clients", "16", "--views", "1000"), check=True, stdout=subprocess.PIPE, text=True, timeout=400)
    assert json.loads(done.stdout) == {"right": 1000, "problems": []}


class BareBlog(Blog):
    """The site of fpmd.service(7), by its commands as they are printed there, but for apt's, whose packages are there already."""

    host = "localhost"

    def prepare(self, container, database):
        script = display("fpmd.service.7", "sudo useradd --system").replace("sudo ", "")
        assert "fpmctl enable blog" in script and "fpmctl doctor" in script
        self.said = container.run("sh", "-ec", script).stdout
        # As enable has said, while the service sleeps, which a reload alone takes for a mistake.
        hint = re.search(r"after a change of /etc/fpmd/pool\.d/blog\.conf: (systemctl .*)", self.said)[1]
        assert container.show("fpmd@blog.service", "ActiveState") == "inactive"
        container.run(*hint.split())


@pytest.fixture
def bare_blog(container, database):
    """The machine as it is before: nginx with Debian's own site, MariaDB, no pool."""
    container.write("/etc/nginx/sites-enabled/default", "server {\n        listen 80 default_server;\n        root /var/www/html;\n}\n")
    container.systemctl("restart", "nginx.service")
    container.run("sh", "-c", "rm -f /etc/fpmd/pool.d/* /etc/apache2/sites-enabled/* && systemctl daemon-reload")
    database.ask("DROP DATABASE IF EXISTS blog", "DROP USER IF EXISTS blog@localhost")
    cursor = container.journal_cursor()
    try:
        yield BareBlog(container, database)
    finally:
        print(container.journal_text(cursor, "-u", "fpmd@blog.service"))
        container.run("fpmctl", "disable", "blog", check=False)
        database.ask("DROP DATABASE IF EXISTS blog", "DROP USER IF EXISTS blog@localhost")
        container.run("sh", "-c", "rm -rf /etc/fpmd/pool.d/blog.conf /etc/nginx/conf.d/blog.conf /etc/nginx/fpmd-blog.conf "
                      "/etc/wordpress/config-default.php /etc/systemd/system/fpmd@blog.service.d && systemctl daemon-reload")
        container.run("chown", "-R", "www-data:", "/var/lib/wordpress/wp-content")
        container.run("userdel", "blog", check=False)


def served_from_a_plugin(blog):
    """A file of PHP below wp-content is run by nobody, until the page's second block is in the site."""
    container, web = blog.container, Web(blog.container, 80)
    container.run("sh", "-ec", "cd /var/lib/wordpress/wp-content; mkdir -p plugins/mine; echo '<?php echo 6 * 7;' >plugins/mine/ajax.php; "
                  "echo 'p {}' >plugins/mine/page.css; cp plugins/mine/ajax.php uploads/evil.php")
    assert web.get("/wp-content/plugins/mine/ajax.php")[0] == 404 and web.get("/wp-content/plugins/mine/page.css") == (200, "p {}\n")
    block = display("fpmd.service.7", "location ~ ^/wp-content/plugins").replace("/NAME/", "/mine/")
    site = container.root / "etc/nginx/conf.d/blog.conf"
    site.write_text(site.read_text().replace("include fpmd-blog.conf;", f"{block}\ninclude fpmd-blog.conf;"))
    container.systemctl("reload", "nginx.service")
    wait_until(lambda: web.get("/wp-content/plugins/mine/ajax.php") == (200, "42"), "nginx to have read its configuration")
    assert web.get("/wp-content/uploads/evil.php")[0] == 404
    container.run("rm", "-r", "/var/lib/wordpress/wp-content/plugins/mine", "/var/lib/wordpress/wp-content/uploads/evil.php")


def removed_as_the_page_says(container):
    script = display("fpmd.service.7", "sudo rm /etc/nginx/conf.d/blog.conf").replace("sudo ", "")
    container.run("sh", "-ec", script)
    assert container.run("sh", "-c", "ls -d /run/fpmd-blog* /etc/systemd/system/*/fpmd@blog* /etc/systemd/system/fpmd@blog* /var/*/fpmd/blog; true").stdout == ""
    assert "fpmd@blog" not in container.run("systemctl", "list-units", "--all", "--plain", "fpmd@*").stdout
    assert "blog" not in container.run("fpmctl", "list").stdout + container.run("fpmctl", "doctor", check=False).stdout


def test_the_pages_commands_lead_from_a_bare_machine_to_a_blog_with_a_unit_of_its_own(bare_blog):
    container = bare_blog.container
    assert "fpmd@blog.socket is enabled, and listens on /run/fpmd-blog.sock" in bare_blog.said
    assert "Nothing wrong found" in bare_blog.said
    wait_until(lambda: Web(container, 80).get("/wp-admin/install.php")[0] == 200, "nginx to have read its configuration")
    bare_blog.install()
    assert "wp-admin-bar-logout" in bare_blog.log_in()
    assert "Maximum upload file size: 16 MB" in bare_blog.browser.fetch("/wp-admin/media-new.php?browser-uploader")
    bare_blog.install_plugin("greeter")
    image = picture()
    assert bare_blog.download(bare_blog.upload(image, "picture.png")["source_url"]) == image
    post = bare_blog.publish(TITLE, "<p>From a bare machine.</p>")
    link = path_of(post["link"], "localhost")
    assert link.startswith("/20"), "links name no file: the installer has found that nginx passes such to index.php"
    assert "From a bare machine." in Browser(container, "http://localhost").fetch(link)
    served_from_a_plugin(bare_blog)
    assert container.run("ps", "-o", "user=", "-p", container.show("fpmd@blog.service", "MainPID")).stdout.strip() == "blog"
    assert "Nothing wrong found" in container.run("fpmctl", "doctor").stdout
    removed_as_the_page_says(container)
