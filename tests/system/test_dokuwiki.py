# SPDX-License-Identifier: MIT
"""A real application through nginx: DokuWiki's own pages, forms, session, and files."""

import pytest

from browser import Browser, Forms
from web import serve_nginx


# For the instance: whose files they are, and which are written.
OWNS = ["/var/lib/dokuwiki", "/etc/dokuwiki"]
WRITES = ["/var/lib/dokuwiki"]


@pytest.fixture
def browser(bare_container, backend):
    serve_nginx(bare_container, backend)
    return Browser(bare_container, "http://wiki.localhost")


@pytest.fixture
def user(browser):
    """Logged in as the wiki's administrator."""
    form = Forms(browser.fetch("/doku.php?id=start&do=login")).with_field("p")
    page = browser.post("/doku.php?id=start&do=login", {**form, "u": "admin", "p": "secret"})
    assert "do=logout" in page, "not logged in"
    return browser


def test_a_wrong_password_does_not_log_in(browser):
    form = Forms(browser.fetch("/doku.php?id=start&do=login")).with_field("p")
    page = browser.post("/doku.php?id=start&do=login", {**form, "u": "admin", "p": "wrong"}, expect=403)
    assert "do=logout" not in page


@pytest.mark.parametrize("backend", ["php-fpm", "fpmd", "instance"], indirect=True)
def test_a_page_is_edited_and_saved(user):
    text = "====== Written by a test ======\n\nUmlauts äöü, <code>a < b & c</code>, and **bold**.\n" + "line\n\n" * 3000
    form = Forms(user.fetch("/doku.php?id=playground:test&do=edit")).with_field("wikitext")
    saved = user.post("/doku.php?id=playground:test", {
        **{name: value for name, value in form.items() if not name.startswith("do[")}, "wikitext": text, "do[save]": "Save"})
    assert "Written by a test" in saved and "<strong>bold</strong>" in saved
    raw = user.fetch("/doku.php?id=playground:test&do=export_raw")
    assert raw.strip() == text.strip()


@pytest.mark.parametrize("backend", ["php-fpm", "fpmd", "instance"], indirect=True)
def test_a_file_is_uploaded_and_downloaded(user, bare_container):
    bare_container.run("sh", "-c", "head -c 1500000 /dev/urandom >/tmp/upload.zip")
    form = Forms(user.fetch("/lib/exe/mediamanager.php?ns=playground")).with_field("upload")
    form = {name: value for name, value in form.items() if name != "upload"}
    user.upload("/lib/exe/mediamanager.php", {**form, "mediaid": "test.zip", "ow": "1"}, "upload", "/tmp/upload.zip", "test.zip")
    user.fetch("/lib/exe/fetch.php?media=playground:test.zip", "-o", "/tmp/download.zip")
    bare_container.run("cmp", "/tmp/upload.zip", "/tmp/download.zip")


def test_a_page_cannot_be_saved_without_being_logged_in(browser):
    forms = Forms(browser.fetch("/doku.php?id=playground:other&do=edit"))
    assert forms.with_field("p")  # the way to log in instead
    assert not any("do[save]" in form for form in forms.forms)
