# SPDX-License-Identifier: MIT
"""phpMyAdmin as Debian packages it: logging in with a cookie and its token, and a query through its interface."""

import json
import re

import pytest

from browser import Browser, Forms
from web import serve_nginx


# For the instance: whose files they are, and which are written.
OWNS = ["/var/lib/phpmyadmin", "/etc/phpmyadmin"]
WRITES = ["/var/lib/phpmyadmin/tmp"]


@pytest.fixture
def browser(bare_container, backend, database):
    serve_nginx(bare_container, backend)
    return Browser(bare_container, "http://mysql.localhost")


def log_in(browser, user, password):
    form = Forms(browser.fetch("/index.php")).with_field("pma_username")
    return browser.post("/index.php?route=/", {**form, "pma_username": user, "pma_password": password})


def token(page):
    """Each form and request of a session must have it."""
    return re.search(r'token:\s*"([^"]+)"', page)[1]


def query(browser, database, page_token, sql, expect=200):
    return browser.post("/index.php?route=/sql", {
        "ajax_request": "true", "server": "1", "db": "mysql", "token": page_token, "sql_query": sql}, expect)


def test_a_wrong_password_does_not_log_in(browser, database):
    page = log_in(browser, database.user, "wrong")
    assert "Access denied for user" in page
    assert "route=/logout" not in page


@pytest.mark.parametrize("backend", ["php-fpm", "fpmd", "instance"], indirect=True)
def test_a_query_has_its_result(browser, database):
    page = log_in(browser, database.user, database.password)
    assert "route=/logout" in page
    reply = json.loads(query(browser, database, token(page), "SELECT 6 * 7 AS answer, REPEAT('ab', 5000) AS long_text"))
    assert reply["success"], reply
    cells = re.findall(r"<td[^>]*>\s*(.*?)\s*</td>", reply["message"], re.DOTALL)
    texts = [re.sub("<[^>]*>", "", cell) for cell in cells]
    assert "42" in texts
    assert any("abab" in text for text in texts)


def test_a_mistake_in_a_query_is_told_by_the_server(browser, database):
    page = log_in(browser, database.user, database.password)
    reply = json.loads(query(browser, database, token(page), "SELEKT 1"))
    assert not reply["success"] and "You have an error in your SQL syntax" in reply["error"]
