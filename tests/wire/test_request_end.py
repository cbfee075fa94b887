# SPDX-License-Identifier: MIT
"""What is over when a client has its whole reply: it may ask again at once."""

import os

import pytest

# What PHP closes last. Each leaves a file when it is through, which takes a while.
HELD = {
    "a stream with a wrapper of its own":
        "class S { public $context; function stream_open($p, $m, $o, &$x) { return true; }"
        " function stream_close() { usleep(50000); touch('{mark}'); } }"
        " stream_wrapper_register('held', 'S'); $f = fopen('held://x', 'r');",
    "a program": "$p = popen('sleep 0.05; touch {mark}', 'w');",
}


@pytest.mark.parametrize("pool", ["one", "tcp"])
@pytest.mark.parametrize("what", list(HELD))
def test_what_a_request_has_open_is_closed(backend, what, pool):
    mark = backend.site.writable("marks") + f"/{pool}-{len(what)}-{backend.name}"
    code = "<?php " + HELD[what].replace("{mark}", mark) + " echo 'done';"
    assert backend.run(code, pool=pool).text == "done"
    assert os.path.exists(mark)


@pytest.mark.parametrize("end", ["", "no_such_function();"])
def test_locks_are_free_for_the_next_request(backend, end):
    lock = backend.site.writable("locks") + f"/lock-{backend.name}"
    code = f"""<?php class K {{ static $held; }} K::$held = fopen('{lock}', 'c');
               if (!flock(K::$held, LOCK_EX | LOCK_NB)) {{ echo 'busy'; return; }} echo 'got it'; {end}"""
    for _ in range(200):
        assert backend.run(code, pool="www").text.startswith("got it")


def test_a_compressed_file_is_whole(backend):
    path = backend.site.writable("written") + f"/file-{backend.name}"
    assert backend.run(f"<?php $g = gzopen('{path}', 'w9'); gzwrite($g, str_repeat('x', 100000)); echo 'done';").text == "done"
    assert os.path.getsize(path) > 0
