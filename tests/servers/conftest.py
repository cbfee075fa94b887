# SPDX-License-Identifier: MIT
"""Conversations of HTTP clients with real web servers, each in front of php-fpm, the reference, and in the same way in front of fpmd."""

import concurrent.futures
import itertools
import os
import shutil
from dataclasses import dataclass

import pytest

import procs
import server as programs
import webservers
from webclient import Visitor

HERE = os.path.dirname(os.path.abspath(__file__))
# php-fpm needs a worker for each connection that web servers keep, and these keep some.
POOL = {"pm": "static", "pm.max_children": "12", "pm.status_path": "/status", "php_admin_value[memory_limit]": "64M"}


@dataclass
class Side:
    """One of the two of a comparison: a program, and the port of the web server in front of it."""
    program: programs.Server
    pool: str
    port: int
    marks: str

    def visit(self, **how):
        return Visitor(self.port, **how)

    # --- what became of a script (pages/mark.php)

    def began(self, mark):
        return os.path.exists(os.path.join(self.marks, f"{mark}.began"))

    def ended(self, mark):
        return procs.content(os.path.join(self.marks, f"{mark}.ended"))

    def wait_ended(self, mark):
        return procs.until(f"the script {mark} to end behind {self.program.program}", lambda: self.ended(mark))

    def wait_idle(self):
        """Until no worker has a request: what came before has been served, or been given up."""
        def active():
            with self.program.connect(self.pool) as c:
                page = c.request({"SCRIPT_NAME": "/status", "SCRIPT_FILENAME": "/status", "REQUEST_METHOD": "GET", "QUERY_STRING": "json"})
            return b'"active processes":1,' in page.body and b'"listen queue":0,' in page.body
        procs.until(f"idle workers of {self.program.program}", active)


class Pair:
    """php-fpm and fpmd behind one kind of web server."""

    def __init__(self, door, reference, fpmd):
        self.door = door
        self.reference = reference
        self.fpmd = fpmd
        self.numbers = itertools.count()

    def mark(self):
        return f"{self.door}-{next(self.numbers)}"

    def both(self, conversation):
        """conversation(side) with each, at the same time: (what php-fpm's made of it, what fpmd's did)."""
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return tuple(pool.map(conversation, (self.reference, self.fpmd)))


@pytest.fixture(scope="session")
def root():
    """The pages, where the pools' user can read them. As old as they are, opcache takes them."""
    folder = programs.make_folder("pages")
    for name in os.listdir(os.path.join(HERE, "pages")):
        shutil.copy2(os.path.join(HERE, "pages", name), folder)
        os.chmod(os.path.join(folder, name), 0o644)
    yield folder
    shutil.rmtree(folder)


def _start(program):
    server = program({"unix": dict(POOL), "tcp": {**POOL, "listen": f"127.0.0.1:{programs.free_port()}"}})
    for pool in server.pools.values():
        pool["env[MARKS]"] = server.shared_folder("marks")
    return server.start()


@pytest.fixture(scope="session")
def programs_of_both():
    assert programs.php_fpm(), "no /usr/sbin/php-fpm8.*: install php-fpm, the reference of this suite"
    programs.must_be_built(programs.FPMD)
    started = []
    try:
        for program in (programs.PhpFpm, programs.Fpmd):
            started.append(_start(program))
        yield started
    finally:
        for server in started:
            server.cleanup()


@pytest.fixture(scope="session", params=webservers.DOORS, ids=str)
def pair(request, programs_of_both, root):
    door = request.param
    reference, fpmd = programs_of_both
    with webservers.running(door, root, reference.address(door.pool)) as a, webservers.running(door, root, fpmd.address(door.pool)) as b:
        yield Pair(door, *(Side(program, door.pool, port, program.shared_folder("marks")) for program, port in ((reference, a), (fpmd, b))))
