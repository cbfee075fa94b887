# SPDX-License-Identifier: MIT
"""A tree of programs in which a pool's zygote, park or logger can be another one: see impostor.c."""

import json
import os
import shutil

import pytest

import procs
import server as programs
from facts import FACTS

HERE = os.path.dirname(os.path.abspath(__file__))
IMPOSTOR = os.path.join(programs.BUILD, "tests", "hostile", "impostor")
STOOD_FOR = ("fpmd-zygote", "fpmd-park", "fpmd-logger")


@pytest.fixture(scope="session")
def tree():
    """The folder of that tree's master. The real programs are where they were built."""
    programs.must_be_built(programs.FPMD, programs.FPMCTL, IMPOSTOR)
    folder = programs.make_folder("hostile")
    shutil.copy(programs.FPMD, folder)
    for name in STOOD_FOR:
        shutil.copy(IMPOSTOR, os.path.join(folder, name))
    for name in ("impostor.py", "lies.py", "facts.py", "mutations.py"):
        if os.path.exists(os.path.join(HERE, name)):
            shutil.copy(os.path.join(HERE, name), folder)
    os.symlink(os.path.join(programs.BUILD, "src"), os.path.join(folder, "real"))
    with open(os.path.join(folder, "facts.json"), "w", encoding="utf-8") as f:
        json.dump(FACTS, f)
    yield folder
    shutil.rmtree(folder)


class Hostile(programs.Fpmd):
    """A master of that tree, with the pool "good" beside those that are given."""

    def __init__(self, tree, pools):
        super().__init__({"good": {"pm.max_children": "1"}, **{name: {"pm.max_children": "1", **p} for name, p in pools.items()}},
                         settings={"process.shared_libraries": "no"})  # an impostor is executed in a zygote's place
        self.tree = tree
        self.env.update({"FPMD_TOLD": self.shared_folder("told"), "PYTHONDONTWRITEBYTECODE": "1"})
        self.ok = self.script("ok.php", "<?php echo 'ok';")
        for pool in self.pools.values():
            pool.update({k: v.replace("{folder}", self.folder) for k, v in pool.items()})

    def command(self):
        return [os.path.join(self.tree, "fpmd"), "-y", self.config_path, *self.args]

    def _end_orphans(self, family):
        """Those of an impostor are called as they like, and what it has forked may outlive the master."""
        left = {p for p in procs.children(os.getpid()) if "impostor.py" in procs.title(p)}
        for pid in set(family) | left:
            if procs.alive(pid):
                procs.kill(pid, 9)
                procs.wait_gone(pid)
        super()._end_orphans(family)
