# SPDX-License-Identifier: MIT
"""A Symfony application under php-fpm, classic, and in worker mode: two users whose visits go to one worker in turn see the same in each."""

import json
import os

import pytest

import procs
import sites
from visitor import Visitor, seen


def story(v):
    """A visit, step by step: (what, the reply)."""
    yield "home", v.get("/")
    yield "page", v.get(f"/page?title=of+{v.name}")
    yield "a page that wants a login", v.get("/account")
    yield "form", v.get("/login")
    yield "a wrong password", v.post("/login", _username=v.name, _password="wrong")
    yield "form with the error", v.get("/login")
    yield "a wrong token", v.post("/login", _username=v.name, _password=f"secret-{v.name}", _csrf_token="stolen")
    yield "form again", v.get("/login")
    yield "login", v.post("/login", _username=v.name, _password=f"secret-{v.name}")
    yield "account", v.get("/account")
    yield "home with a name", v.get("/")
    yield "an exception", v.get("/fail")
    yield "no such page", v.get(f"/nothing/{v.name}")
    yield "account again", v.get("/account")
    yield "notes", v.get("/notes")
    yield "a note", v.post("/notes", **{"form[text]": f"<b>{v.name}'s note</b>"})
    yield "notes with it, and the flash", v.get("/notes")
    yield "a note without token", v.post("/notes", **{"form[text]": "x", "form[_token]": ""})
    yield "upload", v.send("/upload", {"file": (f"{v.name}.txt", v.name.encode() * 5000)}, field=v.name)
    yield "upload without file", v.send("/upload", {})
    yield "download", v.get("/download")
    yield "stream", v.get("/stream")
    yield "redirect", v.get("/away")
    yield "JSON", v.get(f"/api/{v.name}?a[]=1&a[]=2")
    yield "what a request sees", v.ask(f"/state?of={v.name}", "POST", b"body of " + v.name.encode(), "text/plain")
    yield "exit()", v.get("/leave")
    yield "account after it", v.get("/account")
    yield "logout", v.get("/logout")
    yield "account without login", v.get("/account")
    yield "what a request sees then", v.get("/state")


def visit_in_turn(site):
    """Two users' visits, a request of one, then one of the other: {(user, what): what he saw}."""
    told = {}
    users = [Visitor(site, "anna"), Visitor(site, "bert")]
    for steps in zip(*(story(u) for u in users)):
        for user, (what, reply) in zip(users, steps):
            assert reply.complete, f"{what} of {user.name}: no whole reply"
            told[user.name, what] = seen(reply)
    return told


@pytest.fixture(scope="module", params=sites.MODES)
def site(request):
    s = sites.symfony(request.param)
    try:
        yield s.start()
    finally:
        s.cleanup()


@pytest.fixture(scope="module")
def told():
    """What the users of each mode have seen; filled as the modes' turn comes."""
    return {}


def test_two_users_on_one_worker_see_what_they_see_under_php_fpm(site, told):
    told[site.mode] = visit_in_turn(site)
    assert told[site.mode]["anna", "account"]["body"].count("anna, visit 1") == 1
    assert "saved: &lt;b&gt;bert" in told[site.mode]["bert", "notes with it, and the flash"]["body"]
    for step, seen_here in told[site.mode].items():
        assert seen_here == told["php-fpm"][step], f"{step} in {site.mode}"


def test_nobody_is_told_of_the_other(told):
    for (name, what), page in told["worker"].items():
        other = {"anna": "bert", "bert": "anna"}[name]
        assert other not in json.dumps(page), f"{what} of {name}"


def test_what_follows_a_reply_is_done_for_each_request(site):
    """kernel.terminate, which comes after the reply."""
    path = os.path.join(site.root, "var", "terminated")
    with open(path, "w"):
        os.chmod(path, 0o666)
    visitor = Visitor(site, "anna")
    for n in range(3):
        visitor.get(f"/api/{n}")
    procs.until("all three to be terminated", lambda: procs.content(path).endswith("/api/0\n/api/1\n/api/2\n"))
