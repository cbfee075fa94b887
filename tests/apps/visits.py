# SPDX-License-Identifier: MIT
"""What is asked of every application: two users whose visits go to one worker in turn see the same under php-fpm, classic, and in both worker modes."""

import json
import os
import re
import shutil
import signal

import pytest

import procs
import sites
from load import Load
from visitor import Visitor, seen


# 10,000 take half a minute; `FPMD_MANY=100000` for as many.
MANY = int(os.environ.get("FPMD_MANY", 2000))


def anonymous_kib(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Anonymous:\s*(\d+)", f.read(), re.M)[1])


def visit_in_turn(site, story):
    """Two users' visits, a request of one, then one of the other: {(user, what): what he saw}."""
    told = {}
    users = [Visitor(site, "anna"), Visitor(site, "bert")]
    for steps in zip(*(story(u) for u in users)):
        for user, (what, reply) in zip(users, steps):
            assert reply.complete, f"{what} of {user.name}: no whole reply"
            told[user.name, what] = seen(reply, site.folder)
    return told


class Visits:
    """application: a name of sites.py; story: a visit, step by step; hello: the address of a page, to which more is added; terminated: a file
    that the application notes each request in after its reply; marks: {step: what is in its page, with the user's name}; login(name): its form's
    fields; note: the field of the form of notes; database: the file."""

    @pytest.fixture(scope="class", params=sites.MODES)
    def site(self, request):
        s = getattr(sites, self.application)(request.param)
        try:
            yield s.start()
        finally:
            s.cleanup()

    @pytest.fixture(scope="class")
    def told(self):
        """What the users of each mode have seen; filled as the modes' turn comes."""
        return {}

    def test_two_users_on_one_worker_see_what_they_see_under_php_fpm(self, site, told):
        told[site.mode] = visit_in_turn(site, self.story)
        for what, mark in self.marks.items():
            for name in ("anna", "bert"):
                assert mark.format(name) in told[site.mode][name, what]["body"]
        for step, page in told[site.mode].items():
            assert page == told["php-fpm"][step], f"{step} in {site.mode}"

    def test_nobody_is_told_of_the_other(self, told):
        for mode in sites.BOOTED:
            for (name, what), page in told[mode].items():
                other = {"anna": "bert", "bert": "anna"}[name]
                assert other not in json.dumps(page), f"{what} of {name} in {mode}"

    def test_what_follows_a_reply_is_done_for_each_request(self, site):
        path = os.path.join(site.root, self.terminated)
        with open(path, "w"):
            os.chmod(path, 0o666)
        visitor = Visitor(site, "anna")
        paths = [f"{self.hello}{n}" for n in range(3)]
        for asked in paths:
            visitor.get(asked)
        procs.until("all three to be terminated", lambda: procs.content(path).endswith("".join(p + "\n" for p in paths)))

    # --- worker mode alone

    @pytest.fixture(scope="class")
    def booted(self):
        """In worker mode, with two workers that no number of requests ends."""
        s = getattr(sites, self.application)("worker", **{"pm.max_children": "2", "env[FRANKENPHP_LOOP_MAX]": "0", "env[MAX_REQUESTS]": "1000000"})
        try:
            yield s.start()
        finally:
            s.cleanup()

    def test_memory_stays_flat(self, booted):
        """Over as many requests as take some seconds, to every kind of page, of one worker."""
        server = booted.server
        alone = Visitor(booted, "anna")
        pages = [self.hello + "x", "/page", "/login", "/nothing", "/fail"]
        grown = {}
        for n in range(MANY):
            r = alone.get(pages[n % len(pages)])
            assert r.complete and r.status in (200, 404, 500), (r.stdout, r.stderr)
            if n % (MANY // 4) == MANY // 4 - 1:
                for pid in server.workers():
                    grown.setdefault(pid, []).append(anonymous_kib(pid))
        assert len(grown) == 2, "a worker has been replaced"
        for pid, sizes in grown.items():
            assert sizes[-1] - sizes[0] < 1024, f"worker {pid}: {sizes} KiB"

    def test_a_deployment_under_load_fails_nobody(self, booted):
        """Reloads while clients ask; afterwards the new code answers."""
        server = booted.server
        params = Visitor(booted, "load").environment(self.hello + "x", "GET", b"", None)
        with Load(server.address(), params, clients=2, keep=True, timeout=60.0) as load:
            for n in range(3):
                load.wait_more(5, limit=60.0)
                before = set(server.workers())
                r = server.ctl("reload")
                assert r.returncode == 0, r
                procs.until("the old workers to leave", lambda: not before & set(server.workers()), 60.0)
            load.wait_more(5, limit=60.0)
        assert not load.failures()

    def test_a_killed_worker_costs_its_request_at_most(self, booted):
        server = booted.server
        visitor = Visitor(booted, "anna")
        for _ in range(3):
            old = server.workers()
            for pid in old:
                procs.kill(pid, signal.SIGKILL)
            procs.until("fresh workers", lambda: len(set(server.workers()) - set(old)) == 2, 30.0)
            assert visitor.get(self.hello + "x").status == 200

    def test_a_database_that_is_replaced_is_met_by_the_next_request(self, booted):
        visitor = Visitor(booted, "bert")
        visitor.get("/login")
        visitor.post("/login", **self.login("bert"))
        visitor.tokens.clear()
        visitor.get("/notes")
        for n in range(4):
            assert visitor.post("/notes", **{self.note: f"note {n}"}).status == 302
        path = os.path.join(booted.root, self.database)
        shutil.copy2(path, path + ".old")
        shutil.chown(path + ".old", *os.stat(path)[4:6])
        assert visitor.post("/notes", **{self.note: "in the new one alone"}).status == 302
        assert "in the new one alone" in visitor.get("/notes").text
        os.rename(path + ".old", path)
        for _ in range(4):
            text = visitor.get("/notes").text
            assert "note 3" in text and "in the new one alone" not in text
