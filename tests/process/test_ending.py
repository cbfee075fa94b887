# SPDX-License-Identifier: MIT
"""How PHP ends in a worker: what others notice of it happens, and memory goes with the process."""

import os
import subprocess

import pytest

import procs
import server as programs

# "closed" when its persistent resource is, "ended" at the extension's own end.
EXTENSION = r"""
#include <php.h>

static char ending_path[4096];
static int ending_type;

static void ending_write(const char *word) {
        FILE *f = ending_path[0] ? fopen(ending_path, "a") : NULL;

        if (f) {
                fprintf(f, "%s by %d\n", word, (int)getpid());
                fclose(f);
        }
}

static void ending_close(zend_resource *r) {
        ending_write("closed");
}

ZEND_BEGIN_ARG_INFO_EX(ending_arguments, 0, 0, 1)
        ZEND_ARG_INFO(0, path)
ZEND_END_ARG_INFO()

static ZEND_FUNCTION(ending_hold) {
        const char *path;
        size_t n;
        zend_string *key;

        if (zend_parse_parameters(ZEND_NUM_ARGS(), "s", &path, &n) == FAILURE)
                RETURN_FALSE;
        strlcpy(ending_path, path, sizeof(ending_path));
        key = zend_string_init("ending", 6, true);
        zend_register_persistent_resource_ex(key, ending_path, ending_type);
        RETURN_TRUE;
}

static const zend_function_entry ending_functions[] = { ZEND_FE(ending_hold, ending_arguments) ZEND_FE_END };

static ZEND_MINIT_FUNCTION(ending) {
        ending_type = zend_register_list_destructors_ex(NULL, ending_close, "ending", module_number);
        return SUCCESS;
}

static ZEND_MSHUTDOWN_FUNCTION(ending) {
        ending_write("ended");
        return SUCCESS;
}

static zend_module_entry ending_module = { STANDARD_MODULE_HEADER, NAME, ending_functions, ZEND_MINIT(ending), ZEND_MSHUTDOWN(ending),
                                           NULL, NULL, NULL, "1", STANDARD_MODULE_PROPERTIES };
ZEND_DLEXPORT zend_module_entry *get_module(void);
ZEND_DLEXPORT zend_module_entry *get_module(void) { return &ending_module; }
"""

# One that is known, and is loaded nowhere by default; one that nobody knows.
KNOWN, UNKNOWN = "dba", "ending"


@pytest.fixture
def holding(make):
    """holding(name): a server, one request for each worker, with the extension above under that name, and a page that holds the file at its path ?to=.
    With code, and how many requests: that is worker.script, and what it is a callback for such a page."""
    def build(name, code=None, n=1):
        s = make({"www": {"pm.max_children": "1", "pm.max_requests": "1"}})
        source, built = s.script("ending.c", EXTENSION), os.path.join(s.folder, "ending.so")
        includes = subprocess.run([programs.php_config(), "--includes"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        subprocess.run(["cc", "-shared", "-fPIC", "-w", f'-DNAME="{name}"', *includes, "-o", built, source], check=True)
        s.pools["www"]["php_admin_value[extension]"] = built
        s.page = s.script("hold.php", code or "<?php if (isset($_GET['to'])) ending_hold($_GET['to']); echo getmypid();")
        if code:
            s.pools["www"].update({"worker.script": s.page, "worker.requests": str(n)})
        return s.start()
    return build


def words(s, path, worker):
    procs.wait_gone(worker)
    with open(path) as f:
        return [line.split() for line in f]


def test_what_persists_is_closed_when_a_worker_ends(holding):
    s = holding(KNOWN)
    path = os.path.join(s.shared_folder(), "words")
    worker = s.run(s.page, query=f"to={path}").text
    assert words(s, path, int(worker)) == [["closed", "by", worker]]


BOOTED = """<?php
while (fpmd_handle_request(function () { if (isset($_GET['to'])) ending_hold($_GET['to']); if (isset($_GET['exit'])) exit; echo getmypid(); }));
"""


@pytest.mark.parametrize("n", [1, 2])
def test_what_persists_is_closed_when_a_booted_worker_ends(holding, n):
    """By a fork of a booted process, and by one that serves several requests."""
    s = holding(KNOWN, BOOTED, n)
    path = os.path.join(s.shared_folder(), "words")
    worker = s.run(s.page, query=f"to={path}").text
    assert [s.run(s.page).text for _ in range(n - 1)] == [worker] * (n - 1)
    assert words(s, path, int(worker)) == [["closed", "by", worker]]


def test_what_persists_is_closed_when_a_booted_worker_exits(holding):
    s = holding(KNOWN, BOOTED, 0)
    path = os.path.join(s.shared_folder(), "words")
    worker, = s.workers(s.zygotes()[0])
    s.run(s.page, query=f"exit=1&to={path}")
    assert words(s, path, worker) == [["closed", "by", str(worker)]]


def test_an_extension_that_is_not_known_comes_to_a_booted_workers_end(holding):
    s = holding(UNKNOWN, BOOTED, 2)
    path = os.path.join(s.shared_folder(), "words")
    worker = s.run(s.page, query=f"to={path}").text
    assert s.run(s.page).text == worker
    assert words(s, path, int(worker)) == [["closed", "by", worker], ["ended", "by", worker]]


def test_an_extension_that_is_not_known_comes_to_its_own_end(holding):
    s = holding(UNKNOWN)
    path = os.path.join(s.shared_folder(), "words")
    worker = s.run(s.page, query=f"to={path}").text
    assert words(s, path, int(worker)) == [["closed", "by", worker], ["ended", "by", worker]]


def faults_of_the_dead(s):
    """Page faults of the workers that the zygote has reaped."""
    with open(f"/proc/{s.zygotes()[0]}/stat", "rb") as f:
        return int(f.read().rpartition(b")")[2].split()[8])


def test_memory_is_left_to_the_process(holding):
    """To free what is shared with the zygote, it would have to be copied first."""
    each = {}
    for name in KNOWN, UNKNOWN:
        s = holding(name)
        before = faults_of_the_dead(s)
        for _ in range(20):
            procs.wait_gone(int(s.run(s.page).text))
        each[name] = (faults_of_the_dead(s) - before) / 20
    print(each)
    assert each[KNOWN] < each[UNKNOWN] / 2
