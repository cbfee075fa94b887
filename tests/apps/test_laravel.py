# SPDX-License-Identifier: MIT
"""A Laravel application under php-fpm, classic, and in both worker modes, as in test_symfony.py."""

import visits


def story(v):
    """A visit, step by step: (what, the reply)."""
    yield "home", v.get("/")
    yield "page", v.get(f"/page?title=of+{v.name}")
    yield "a page that wants a login", v.get("/account")
    yield "form", v.get("/login")
    yield "a wrong password", v.post("/login", name=v.name, password="wrong")
    yield "form with the error and the old input", v.get("/login")
    yield "a wrong token", v.post("/login", name=v.name, password=f"secret-{v.name}", _token="stolen")
    yield "login", v.post("/login", name=v.name, password=f"secret-{v.name}")
    yield "account", v.get("/account")
    yield "home with a name", v.get("/")
    yield "an exception", v.get("/fail")
    yield "no such page", v.get(f"/nothing/{v.name}")
    yield "account again", v.get("/account")
    yield "notes", v.get("/notes")
    yield "a note", v.post("/notes", text=f"<b>{v.name}'s note</b>")
    yield "notes with it, and the flash", v.get("/notes")
    yield "a note without text", v.post("/notes", text="")
    yield "notes with the error", v.get("/notes")
    yield "a cookie", v.get(f"/cookie?who={v.name}")
    yield "a cookie that is there", v.get(f"/cookie?who={v.name}")
    yield "upload", v.send("/api/upload", {"file": (f"{v.name}.txt", v.name.encode() * 5000)}, field=v.name)
    yield "download", v.get("/download")
    yield "stream", v.get("/stream")
    yield "redirect", v.get("/away")
    yield "JSON", v.get(f"/api/hello/{v.name}?a[]=1&a[]=2")
    yield "what a request sees", v.get(f"/state?of={v.name}")
    yield "exit()", v.get("/leave")
    yield "account after it", v.get("/account")
    yield "logout", v.get("/logout")
    yield "account without login", v.get("/account")
    yield "what a request sees then", v.get("/state")


class TestLaravel(visits.Visits):
    application = "laravel"
    story = staticmethod(story)
    hello = "/api/hello/"
    terminated = "storage/terminated"
    marks = {"account": "{}, visit 1", "notes with it, and the flash": "saved: &lt;b&gt;{}"}
    note = "text"
    database = "database/site.sqlite"

    @staticmethod
    def login(name):
        return {"name": name, "password": f"secret-{name}"}
