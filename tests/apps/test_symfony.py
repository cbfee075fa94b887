# SPDX-License-Identifier: MIT
"""A Symfony application under php-fpm, classic, and in worker mode: two users whose visits go to one worker in turn see the same in each."""

import visits


def story(v):
    """A visit, step by step: (what, the reply)."""
    yield "home", v.get("/")
    yield "small page", v.get(f"/plain?title=of+{v.name}")
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


class TestSymfony(visits.Visits):
    application = "symfony"
    story = staticmethod(story)
    hello = "/api/"
    terminated = "var/terminated"
    marks = {"account": "{}, visit 1", "notes with it, and the flash": "saved: &lt;b&gt;{}"}
    note = "form[text]"
    database = "var/notes.sqlite"

    @staticmethod
    def login(name):
        return {"_username": name, "_password": f"secret-{name}"}
