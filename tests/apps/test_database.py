# SPDX-License-Identifier: MIT
"""The database's server is restarted beneath applications: what each mode, and each way to hold a connection, makes of that."""

import glob
import json
import os
import signal

import pytest

import mariadb
import procs
import server as programs
import sites
from load import Load
from visitor import Visitor

# How database/public/index.php holds its connection; "kept" is the one that nobody looks at before it is used.
HELD = ("kept", "asked", "persistent", "mysqli_persistent")
# {mode: the ways by which a connection outlives its request there}.
OUTLIVES = {"php-fpm": HELD[2:], "classic": HELD[2:], "worker": HELD, "forks": ()}
# {application: (fields of its login, the field of a note)}.
FORMS = {"symfony": ({"_username": "anna", "_password": "secret-anna"}, "form[text]"), "laravel": ({"name": "anna", "password": "secret-anna"}, "text")}


@pytest.fixture(scope="module")
def server():
    extensions = os.path.join(programs.ini_folder(), "conf.d")
    assert glob.glob(f"{extensions}/*-pdo_mysql.ini"), f"no pdo_mysql.ini in {extensions}: install packages_apps of tools/lib/packages.sh"
    d = mariadb.MariaDB()
    try:
        yield d.install()
    finally:
        d.cleanup()


@pytest.fixture
def database(server):
    """Empty, but for a table of two texts."""
    server.ask("DROP DATABASE site", "CREATE DATABASE site", "USE site", "CREATE TABLE texts (id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(99))",
               "INSERT INTO texts (text) VALUES ('one'), ('two')")
    return server


@pytest.fixture
def site(database):
    """site(application, mode, ...) -> a site that is not started yet, with that database."""
    made = []

    def build(application, mode, **pool):
        made.append(getattr(sites, application)(mode, **{"env[DATABASE_SOCKET]": database.socket, **pool}))
        return made[-1]
    yield build
    for s in made:
        s.cleanup()


def until_connections(database, n):
    """The server hears of an end after the client of the page that was the last."""
    return procs.until(f"{n} connections", lambda: len(found := database.connections()) == n and [found])[0]


# --- a page of one table

def ask(site, how):
    r = Visitor(site, "anna").get(f"/?by={how}")
    assert r.complete
    return r


def told(site, how):
    r = ask(site, how)
    assert r.status == 200, (r.stdout, site.said())
    page = json.loads(r.text)
    assert page["texts"] == "one,two"
    return page


@pytest.mark.parametrize("how", HELD)
@pytest.mark.parametrize("mode", sites.MODES)
def test_pages_are_right_again(site, database, mode, how):
    s = site("database", mode).start()
    outlives = how in OUTLIVES[mode]
    pages = [told(s, how) for _ in range(2)]
    assert (pages[0]["connection"] == pages[1]["connection"]) == outlives
    assert bool(pages[1]["left"]) == (outlives and how != "mysqli_persistent"), "mysqli alone clears what persists"
    before = until_connections(database, outlives)
    database.restart()
    if (mode, how) == ("worker", "kept"):  # the application's own connection, which nobody else can renew
        assert [ask(s, how).status for _ in range(3)] == [500] * 3
        assert "server has gone away" in s.said()
        assert told(s, "asked")["worker"] == pages[0]["worker"], "the worker goes on"
        assert s.server.ctl("reload").returncode == 0
    pages = [told(s, how) for _ in range(3)]
    assert (len({p["connection"] for p in pages}) == 1) == outlives
    assert not {p["connection"] for p in pages} - database.connections() or not outlives
    assert len(before) == outlives


@pytest.mark.parametrize("mode, how", [("classic", "persistent"), ("worker", "asked"), ("worker", "persistent"), ("forks", "kept")])
def test_each_request_is_answered_while_the_server_is_killed_and_comes_again(site, database, mode, how):
    """With an error as long as it is not there, and at once; afterwards with none."""
    s = site("database", mode, **{"pm.max_children": "2"}).start()
    told(s, how)

    def wrong(r):
        if r.complete and (r.status == 500 or (r.status == 200 and json.loads(r.text)["texts"] == "one,two")):
            return ""
        return f"bad answer: {r.stdout[:200]!r} {r.stderr[:200]!r}"
    params = Visitor(s, "load").environment(f"/?by={how}", "GET", b"", None)
    with Load(s.server.address(), params, clients=3, check=wrong) as load:
        load.wait_more(20)
        database.stop(signal.SIGKILL)
        load.wait_more(20)
        database.start()
        load.wait_more(20)
    assert not load.failures()
    for _ in range(4):
        told(s, how)


@pytest.mark.parametrize("how", ["connect", "persistent", "mysqli_persistent"])
def test_no_fork_has_a_connection_that_the_boot_holds(site, database, how):
    status, said = site("database", "forks", **{"env[BOOT_HOLDS]": how}).server.start_expecting_failure()
    assert status != 0
    assert f"worker.script has left what its forks (worker.requests = 1) cannot share: a socket to {database.socket}\n" in said
    until_connections(database, 0)


@pytest.mark.parametrize("how", ["connect", "persistent", "mysqli_persistent"])
def test_a_connection_that_the_boot_does_not_hold_any_more_is_closed(site, database, how):
    s = site("database", "forks", **{"env[BOOT_DROPS]": how}).start()
    until_connections(database, 0)
    told(s, how)


# --- frameworks

@pytest.mark.parametrize("application", FORMS)
@pytest.mark.parametrize("mode, closes", [*((mode, False) for mode in sites.MODES), ("worker", True)])
def test_a_user_goes_on(site, database, mode, closes, application):
    """closes: the application closes its connection after each request, Symfony's before the next one's."""
    s = site(application, mode, **({"env[DATABASE_CLOSE]": "1"} if closes else {})).start()
    login, field = FORMS[application]
    v = Visitor(s, "anna")
    v.get("/login")
    assert v.post("/login", **login).status == 302
    v.tokens.clear()

    def note(text):
        assert "Notes" in v.get("/notes").text
        assert v.post("/notes", **{field: text}).status == 302

    note("one")
    until_connections(database, mode == "worker" and (not closes or application == "symfony"))
    database.restart()
    r = v.get("/notes")
    if (application, mode, closes) == ("symfony", "worker", False):  # Doctrine tells of the loss, and connects with the next query
        assert r.status == 500 and "ConnectionLost" in s.said() and "server has gone away" in s.said()
        r = v.get("/notes")
    assert r.status == 200 and "anna: one" in r.text, (r.text, s.said())
    note("two")
    r = v.get("/notes")
    assert "anna: one" in r.text and "anna: two" in r.text

    database.restart()
    told_of = [v.post("/notes", **{field: f"write {n}"}).status for n in range(3)]
    assert set(told_of[2:] if (application, mode, closes) == ("symfony", "worker", False) else told_of) == {302}, told_of
