# SPDX-License-Identifier: MIT
"""Holes that php-fpm has had, tried here: root through what the master does with a scoreboard that a worker has written, and markup in
the status page. (A request in a body that nobody reads: tests/wire/test_connections.py, test_request_inside_of_a_body_is_no_request.)
And what a zygote can keep back: the lifeline."""

import html.parser
import json
import os
import subprocess
import xml.etree.ElementTree

import pytest

import fastcgi
import procs
import server as programs
from conftest import Hostile

FORMS = ("html&full", "html", "xml&full", "xml", "json&full", "full", "openmetrics&full")


def liar(tree, name, **settings):
    s = Hostile(tree, {name: settings})
    s.pool = name
    return s


@pytest.fixture
def victim():
    """A process of the master's user that no pool has anything to do with."""
    process = subprocess.Popen(["/bin/sleep", "1000"], stdin=subprocess.DEVNULL)
    yield process
    process.kill()
    process.wait()


def test_scoreboard_that_names_other_processes(tree, victim):
    """Each pid in it is a stranger's, each worker's request has run for years, its numbers of slots are beyond the file, and its
    workers talk and die: root is to end those workers, and nobody else."""
    s = liar(tree, "liar-zygote-names-others", catch_workers_output="yes", request_terminate_timeout="1s", request_slowlog_timeout="1s",
             slowlog="{folder}/slow.log")
    try:
        with open(os.path.join(s.env["FPMD_TOLD"], "victim"), "w", encoding="utf-8") as f:
            f.write(str(victim.pid))
        s.start()
        ended = s.wait_log(rf"WARNING: \[pool {s.pool}\] child (\d+), script .* execution timed out .* terminating")
        assert int(ended.group(1)) != victim.pid
        s.wait_log(rf"\[pool {s.pool}\] child {ended.group(1)} exited on signal (15|9)")
        s.wait_log(rf"\[pool {s.pool}\] child \d+ said into stdout: \"still here")
        assert s.ctl("status").returncode in (0, 1)
        s.reload()
        assert victim.poll() is None and s.run(s.ok, "good").text == "ok"
        procs.assert_does_not_spin(s.pid)
        assert s.stop() == 0 and victim.poll() is None
    finally:
        s.cleanup()


class Elements(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")], attrs


def elements(text):
    parser = Elements()
    parser.feed(text)
    return parser.found


def test_markup_in_every_text_of_the_scoreboard(tree):
    port = programs.free_port()
    s = liar(tree, "liar-zygote-writes-markup", **{"pm.status_path": "/status", "pm.status_listen": f"127.0.0.1:{port}"})
    try:
        s.start()
        procs.until("the scoreboard to be written", lambda: os.path.exists(os.path.join(s.env["FPMD_TOLD"], "written")))
        client = fastcgi.Client(f"127.0.0.1:{port}", 10)
        for query in FORMS:
            r = client.request({"SCRIPT_NAME": "/status", "SCRIPT_FILENAME": "/status", "REQUEST_METHOD": "GET", "QUERY_STRING": query})
            text = r.body.decode()
            assert r.status == 200 and not any(ord(c) < 0x20 and c not in "\t\n\r" for c in text), (query, text)
            if query.startswith("html"):
                assert not elements(text) & {"script", "img"} and "&lt;script" in text, text
            if query == "xml&full":
                process, = xml.etree.ElementTree.fromstring(text).iter("process")
                assert all(len(e) == 0 for e in process) and "<script>" in process.findtext("script"), text
            if query == "json&full":
                assert "<script>" in json.loads(text)["processes"][0]["script"], text
        assert s.stop() == 0
    finally:
        s.cleanup()


KEEP = """<?php
$c = FFI::cdef('int fcntl(int, int, int);');
if ($c->fcntl(%d, 1030, 200) < 200) exit(1); // F_DUPFD_CLOEXEC: not its workers' to close
"""


def test_zygote_that_keeps_the_lifeline(tree):
    """Its workers do not hear of a drain then: they are ended when their time is over, and take no connection until then."""
    from facts import FACTS
    s = Hostile(tree, {"kept": {"pm.max_children": "2", "php_admin_value[ffi.enable]": "1"}})
    s.pools["kept"]["php_admin_value[opcache.preload]"] = s.script("keep.php", KEEP % FACTS["inherit"]["LIFELINE_WRITE"])
    s.settings["process_control_timeout"] = "2s"
    pid = s.script("pid.php", "<?php echo getmypid();")
    try:
        s.start()
        before = s.workers()
        s.reload()
        for _ in range(20):
            assert int(s.run(pid, "kept").text) not in before
        for worker in before:
            procs.wait_gone(worker)
        assert s.run(s.ok, "good").text == "ok" and int(s.run(pid, "kept").text) not in before
        assert s.stop() == 0
    finally:
        s.cleanup()
