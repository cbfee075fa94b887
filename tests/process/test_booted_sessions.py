# SPDX-License-Identifier: MIT
"""Sessions of worker.script: what is left of one when its request, or what the loop does between two, is over; and what the boot may say of all."""

import fcntl
import json
import os

import pytest

import fastcgi

APP = """<?php
%s
$between = '';
if (!function_exists('fpmd_handle_request')) {
    eval($_SERVER['CODE']);
    return;
}
while (fpmd_handle_request(function () { eval($_SERVER['CODE']); })) {
    eval($between);
    $between = '';
}
"""

HANDLER = """class Store implements SessionHandlerInterface {
    private function path($id) { return __DIR__ . "/shared/store-$id"; }
    function open($path, $name): bool { return true; }
    function close(): bool { return true; }
    function read($id): string { return (string) @file_get_contents($this->path($id)); }
    function write($id, $data): bool { return file_put_contents($this->path($id), $data) !== false; }
    function destroy($id): bool { return unlink($this->path($id)); }
    function gc($max): int { return 0; }
}
session_set_save_handler(new Store, true);
"""
COUNT = "session_start(['use_cookies' => 0]); $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo $_SESSION['n'];"
LOOK = "echo json_encode([session_status(), $_SESSION ?? null, session_id()]);"
# An object that tells of its end, in the reply and in the session.
ENDS = """class Ends {
    public array $ended = [];
    public ?Ends $inner = null;
    function __construct(public string $name) {}
    function __destruct() { $this->ended[] = 1; echo "$this->name ends,"; $_SESSION['last'] = $this->name; if ($this->name == 'thrower') throw new Exception('thrown at the end'); }
}
"""
URLS = "session_start(['use_cookies' => 0, 'use_only_cookies' => 0, 'use_trans_sid' => 1]); echo '<a href=\"/x\">';"


@pytest.fixture
def app(make):
    """app(boot, **directives) -> a running Fpmd."""
    def run(boot="", **directives):
        s = make({"www": {"pm.max_children": "1", **directives}})
        s.sessions = s.shared_folder()
        s.app = s.script("app.php", APP % boot)
        s.pools["www"] |= {"worker.script": s.app, "php_value[session.save_path]": s.sessions, "php_value[session.use_strict_mode]": "0"}
        return s.start()
    return run


def get(s, code, **more):
    r = s.client().request(fastcgi.environment(s.app, CODE=code, **more))
    assert r.complete and not r.stderr, r.stderr
    return r.text


@pytest.mark.parametrize("closes", [False, True])
def test_a_session_that_the_loop_opens_is_nobodys(app, closes):
    """As a framework's step after the reply may: the next request is another user's."""
    s = app()
    opens = r"session_id('alice'); session_start(['use_cookies' => 0]); $_SESSION['who'] = 'alice';" + "session_write_close();" * closes
    get(s, f"$GLOBALS['between'] = <<<'END'\n{opens}\nEND;")
    assert get(s, LOOK) == '[1,null,""]'
    with open(os.path.join(s.sessions, "sess_alice")) as f:
        fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)  # it would be the next request of alice's that waits for ever
        assert "alice" in f.read()


def test_the_id_of_a_session_is_in_no_later_request(app):
    """Not in the constant, nor in code that was compiled while it had that value."""
    s = app("function sid() { return defined('SID') ? SID : ''; }")
    starts = "session_id('%s'); session_start(['use_cookies' => 0, 'use_only_cookies' => 0]);"
    assert get(s, starts % "alice" + "eval('function compiled() { return SID; }'); echo sid(), '|', compiled();") == "PHPSESSID=alice|PHPSESSID=alice"
    assert get(s, "echo sid(), '|', compiled();") == "|"
    assert get(s, starts % "bob" + "echo sid(), '|', compiled();") == "PHPSESSID=bob|PHPSESSID=bob"


def test_urls_are_rewritten_in_each_request(app):
    s = app()
    for name in ("alice", "bob"):
        assert get(s, f"session_id('{name}');" + URLS) == f'<a href="/x?PHPSESSID={name}">'
        assert get(s, "echo '<a href=\"/x\">';") == '<a href="/x">'
        assert get(s, f"output_add_rewrite_var('of', '{name}'); echo '<form></form>';") == f'<form><input type="hidden" name="of" value="{name}" /></form>'


@pytest.mark.parametrize("requests", ["0", "1"])
def test_a_handler_that_the_boot_sets_serves_each_request(app, requests):
    s = app(HANDLER, **{"worker.requests": requests})
    for name in ("alice", "bob"):
        assert [get(s, f"session_id('{name}');" + COUNT) for _ in range(3)] == ["1", "2", "3"]
    assert sorted(f for f in os.listdir(s.sessions) if "alice" in f or "bob" in f) == ["store-alice", "store-bob"]
    other = "session_set_save_handler(new SessionHandler); session_module_name('files'); session_id('carol');"
    assert get(s, other + COUNT) == "1" and os.path.exists(os.path.join(s.sessions, "sess_carol"))
    assert get(s, "session_id('bob');" + COUNT) == "4"


@pytest.mark.parametrize("requests", ["0", "1"])
def test_sessions_that_begin_by_themselves_are_the_requests(app, requests):
    s = app("$at_boot = session_status();", **{"worker.requests": requests, "php_value[session.auto_start]": "1"})
    look = "$_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1; echo json_encode([session_status(), session_id(), $_SESSION['n'], $GLOBALS['at_boot']]);"
    for name in ("alice", "bob"):
        for n in (1, 2):
            assert json.loads(get(s, look, HTTP_COOKIE=f"PHPSESSID={name}")) == [2, name, n, 1]
    assert sorted(f for f in os.listdir(s.sessions) if f.startswith("sess_")) == ["sess_alice", "sess_bob"]


# --- destructors of what a session holds

MODES = {"classic": None, "worker": {}, "forks": {"worker.requests": "1"}}


@pytest.fixture
def ending(app, make):
    """ending(mode) -> a running Fpmd; get() as with app()."""
    def run(mode):
        if mode != "classic":
            return app(ENDS, **MODES[mode])
        s = make({"www": {"pm.max_children": "1"}})
        s.sessions = s.shared_folder()
        s.app = s.script("app.php", APP % ENDS)
        s.pools["www"] |= {"php_value[session.save_path]": s.sessions, "php_value[session.use_strict_mode]": "0"}
        return s.start()
    return run


STARTS = "session_id('ends'); session_start(['use_cookies' => 0]);"


@pytest.mark.parametrize("mode", MODES)
def test_destructors_of_what_a_session_holds_are_heard_in_the_reply_and_in_the_session(ending, mode):
    s = ending(mode)
    puts = "$_SESSION['b'] = new Ends('b'); $_SESSION['list'] = ['a' => ['deep' => new Ends('a')]]; $_SESSION['b']->inner = new Ends('c'); echo 'said:';"
    assert sorted(get(s, STARTS + puts).split(",")) == ["", "a ends", "c ends", "said:b ends"]
    looks = "echo json_encode([$_SESSION['b']->ended, $_SESSION['b']->inner->ended, $_SESSION['list']['a']['deep']->ended]), ':';"
    assert get(s, STARTS + looks) == '[[1],[1],[1]]:b ends,c ends,a ends,'
    assert get(s, STARTS + "echo $_SESSION['last'], count($_SESSION['b']->ended); unset($_SESSION['b'], $_SESSION['list']); echo ':said';") == "a2b ends,c ends,a ends,:said"


def test_what_the_application_holds_as_well_lives_on(ending):
    s = ending("worker")
    assert get(s, STARTS + "$_SESSION['kept'] = $GLOBALS['kept'] = new Ends('kept'); $_SESSION['list'] = $GLOBALS['list'] = [new Ends('listed')];") == ""
    assert get(s, "echo $GLOBALS['kept']->name, $GLOBALS['list'][0]->name, count($GLOBALS['kept']->ended);") == "keptlisted0"
    assert get(s, "unset($GLOBALS['kept'], $GLOBALS['list']);") == "kept ends,listed ends,"


@pytest.mark.parametrize("code, replies", [("$_SESSION['x'] = new Ends('thrower');", 1), ("$_SESSION['x'] = new Ends('x'); exit('left,');", 2)])
def test_ends_of_requests_whose_session_holds_such_objects(ending, code, replies):
    """An exception costs its request alone; with exit() the worker ends, as ever, and the destructor is heard all the same."""
    s = ending("worker")
    who = get(s, "echo getmypid();")
    r = s.client().request(fastcgi.environment(s.app, CODE=STARTS + code))
    assert r.complete and ("thrower ends," in r.text if replies == 1 else r.text == "left,x ends,")
    assert (get(s, "echo getmypid();") == who) == (replies == 1)
