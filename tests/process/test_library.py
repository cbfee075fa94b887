# SPDX-License-Identifier: MIT
"""libphp as other distributions may link it."""

import json
import os
import shutil

import pytest

import server as programs

STATE = ("<?php $s = []; foreach (file('/proc/self/status') as $line)"
         " if (preg_match('/^(Sig(?:Blk|Ign|Cgt)):\\s*(\\w+)/', $line, $m)) $s[$m[1]] = $m[2]; echo json_encode($s);")
IGNORE = "<?php FFI::cdef('void zend_signal(int signal, unsigned long handler);')->zend_signal(10, 1); echo 'changed';"  # as an extension may


@pytest.fixture
def past_ours(monkeypatch):
    """Programs whose zygote's zend_signal() and zend_sigaction() libphp does not find, as if it were linked with -Bsymbolic-functions."""
    folder = programs.make_folder("library")
    for name in ("fpmd", "fpmd-zygote", "fpmd-park", "fpmd-logger"):
        shutil.copy(os.path.join(programs.BUILD, "src", name), folder)
    path = os.path.join(folder, "fpmd-zygote")
    with open(path, "rb") as f:
        code = f.read()
    for name in (b"zend_signal", b"zend_sigaction"):  # the front changes: a linker may share the end with another name
        assert b"\0" + name + b"\0" in code
        code = code.replace(b"\0" + name + b"\0", b"\0" + name.replace(b"zend", b"Zend") + b"\0")
    with open(path, "wb") as f:
        f.write(code)
    monkeypatch.setattr(programs, "FPMD", os.path.join(folder, "fpmd"))
    yield
    shutil.rmtree(folder)


@pytest.mark.skipif(programs.thread_safe(), reason="a thread-safe libphp has no zend_signal() that could be its own")
def test_signals_are_put_back_where_libphp_calls_its_own_functions(past_ours, start):
    s = start({"www": {"pm": "static", "pm.max_children": 1, "php_admin_value[ffi.enable]": "true"}})
    state, ignore = s.script("state.php", STATE), s.script("ignore.php", IGNORE)
    before = s.run(state).text
    assert len(json.loads(before)) == 3
    for _ in range(2):
        assert s.run(ignore).text == "changed"
        assert s.run(state).text == before
