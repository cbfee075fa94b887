# SPDX-License-Identifier: MIT
"""Random changes of the scoreboard, the doorbell, the pipes and the park's sockets by a worker, while the master, fpmctl and the status
page read them and another pool serves.

FPMD_MUTATIONS is how many for each (20,000; the suite "mutations" of tools/test: a million); FPMD_SEED repeats a run that failed."""

import json
import os
import random
import select

import pytest

import fastcgi
import mutations
import procs
import server as programs
from conftest import Hostile

COUNT = int(os.environ.get("FPMD_MUTATIONS", "20000"))
SEED = int(os.environ.get("FPMD_SEED", random.SystemRandom().randrange(2**32)))
ROUNDS = 60 if COUNT <= 20000 else 1000
FORMS = ("", "full", "json&full", "xml&full", "html&full", "openmetrics&full")


class Mutated(Hostile):
    def __init__(self, tree, target):
        self.pool = f"liar-zygote-mutates-{target}"
        self.status_port = programs.free_port()
        super().__init__(tree, {self.pool: {
            "pm": "dynamic", "pm.max_children": "4", "pm.start_servers": "1", "pm.min_spare_servers": "1", "pm.max_spare_servers": "2",
            "pm.status_path": "/status", "pm.status_listen": f"127.0.0.1:{self.status_port}", "catch_workers_output": "yes",
            "request_slowlog_timeout": "1s", "slowlog": "{folder}/slow.log", "park.max_bytes": "1M"}})
        self.settings["log_timeout"] = "1s"
        self.settings["log_limit"] = "1024"
        told = os.path.join(self.folder, "told")
        self.ends = {}
        for name in ("ticks", "done"):
            os.mkfifo(os.path.join(told, name))
            os.chmod(os.path.join(told, name), 0o666)
            self.ends[name] = os.open(os.path.join(told, name), os.O_RDWR)
        self.env.update({"FPMD_SEED": str(SEED), "FPMD_BATCH": str(-(-COUNT // ROUNDS))})

    def cleanup(self):
        super().cleanup()
        for fd in self.ends.values():
            os.close(fd)

    def page(self, query):
        r = fastcgi.Client(f"127.0.0.1:{self.status_port}", 20).request(
            {"SCRIPT_NAME": "/status", "SCRIPT_FILENAME": "/status", "REQUEST_METHOD": "GET", "QUERY_STRING": query})
        assert r.complete and r.status == 200, (query, r.stdout[:300], r.stderr)
        return r

    def look(self, number):
        """All that reads what a worker writes, one after the other."""
        query = FORMS[number % len(FORMS)]
        r = self.page(query)
        assert not any(c < 0x20 and c not in b"\t\n\r" for c in r.body), (query, r.body[:300])
        if query.startswith("json"):
            json.loads(r.body)
        done = self.ctl("status", *(["--json"] if number % 2 else []))
        assert done.returncode in (0, 1) and "Sanitizer" not in done.stderr, done
        assert not any(ord(c) < 0x20 and c not in "\t\n" or 0x80 <= ord(c) < 0xa0 for c in done.stdout), done.stdout  # JSON leaves DEL
        assert self.run(self.ok, "good").text == "ok"


@pytest.mark.parametrize("target", mutations.TARGETS)
def test_mutations(tree, target):
    print(f"FPMD_SEED={SEED} FPMD_MUTATIONS={COUNT}")  # which pytest shows of a test that fails
    s = Mutated(tree, target)
    try:
        s.start()
        park = [p for p in procs.children(s.pid) if procs.title(p) == f"fpmd: park {s.pool}"]
        assert len(park) == 1
        for number in range(ROUNDS):
            os.write(s.ends["ticks"], b".")
            s.look(number)
            assert select.select([s.ends["done"]], [], [], 60)[0], f"round {number} does not end\n{s.story()}"
            os.read(s.ends["done"], 1)
            assert s.running() and procs.alive(park[0]), s.story()
        procs.assert_does_not_spin(s.pid, 1.0, 0.3)
        assert s.stop() == 0, s.story()
        assert "Sanitizer" not in s.output() and "signal 11" not in s.log(), s.story()
    finally:
        s.cleanup()
