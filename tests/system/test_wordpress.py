# SPDX-License-Identifier: MIT
"""WordPress as Debian packages it, with MariaDB behind it: its web installer, login, a post by its editor's interface, an uploaded picture, and
many readers."""

import json
import re
import struct
import subprocess
import sys
import zlib

import pytest

from browser import Browser, Forms
from container import HERE
from web import serve_nginx

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


def path_of(url):
    assert url.startswith(f"http://{HOST}/")
    return url.removeprefix(f"http://{HOST}")


class Blog:
    def __init__(self, container, database):
        database.ask("DROP DATABASE IF EXISTS blog", "CREATE DATABASE blog")
        container.write(f"/etc/wordpress/config-{HOST}.php", f"""\
<?php
define('DB_NAME', 'blog');
define('DB_USER', '{database.user}');
define('DB_PASSWORD', "{database.password}");
define('DB_HOST', 'localhost');
define('DB_CHARSET', 'utf8mb4');
""")
        self.container = container
        self.browser = Browser(container, f"http://{HOST}")

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

    def download(self, url):
        self.browser.fetch(path_of(url), "-o", "/var/tmp/download")
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
