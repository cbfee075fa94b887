# SPDX-License-Identifier: MIT
"""What is asked of every application: two users whose visits go to one worker in turn see the same under php-fpm, classic, and in worker mode."""

import json
import os

import pytest

import procs
import sites
from visitor import Visitor, seen


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
    that the application notes each request in after its reply; marks: {step: what is in its page, with the user's name}."""

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
        for (name, what), page in told["worker"].items():
            other = {"anna": "bert", "bert": "anna"}[name]
            assert other not in json.dumps(page), f"{what} of {name}"

    def test_what_follows_a_reply_is_done_for_each_request(self, site):
        path = os.path.join(site.root, self.terminated)
        with open(path, "w"):
            os.chmod(path, 0o666)
        visitor = Visitor(site, "anna")
        paths = [f"{self.hello}{n}" for n in range(3)]
        for asked in paths:
            visitor.get(asked)
        procs.until("all three to be terminated", lambda: procs.content(path).endswith("".join(p + "\n" for p in paths)))
