# SPDX-License-Identifier: MIT
"""worker.warmup[]: requests that no client makes, before a generation's workers take clients' ones: in worker mode, in the process whose forks
serve, and classic. Whom they reach, what they leave, and what one that fails does to a reload and to a start."""

import json
import os
import re

import pytest

import procs

# What a request does is told by a file that a test changes, for those without a client too; each leaves a line.
PAGE = """
    $seen = ++$GLOBALS['n'];
    $what = trim(file_get_contents(__DIR__ . '/shared/what'));
    $line = json_encode([getmypid(), $_SERVER['REQUEST_URI'], $_GET, $_SERVER['HTTP_HOST'], $_SERVER['HTTPS'] ?? null, $_SERVER['SCRIPT_NAME'], $_SERVER['DOCUMENT_ROOT']]);
    $client = ($_SERVER['HTTP_USER_AGENT'] ?? '') !== 'fpmd-warmup';
    $client || file_put_contents(__DIR__ . '/shared/seen', "$line\\n", FILE_APPEND);
    $client || match ($what) {
        'fine' => 0,
        'status' => http_response_code(503),
        'gone' => http_response_code(404),
        'moved' => header('Location: https://site.test/login', true, 302),
        'throw' => throw new LogicException('thrown by the page'),
        'spin' => (function () { for (;;) { usleep(1000); } })(),
        'exit' => exit('leaves'),
        'die' => posix_kill(getmypid(), 9),
    };
    echo getmypid(), ' ', $seen;
"""
BOOTED = "<?php $n = 0; $page = function () { %s }; while (fpmd_handle_request($page)) { }"
CLASSIC = "<?php $n = 0; (function () { %s })();"


@pytest.fixture(params=["worker", "forks", "classic"])
def mode(request):
    return request.param


@pytest.fixture
def site(make, mode):
    """site(what, addresses, **directives) -> an Fpmd that is not started; what: of PAGE."""
    def run(what="fine", addresses=("/warm?a=1", "https://site.test/again"), **directives):
        s = make({"www": {"pm.max_children": "2", "access.log": "/dev/null", **directives}})
        s.shared = s.shared_folder()
        s.seen = os.path.join(s.shared, "seen")
        tell(s, what)
        s.app = s.script("app.php", (CLASSIC if mode == "classic" else BOOTED) % PAGE)
        if mode != "classic":
            s.pools["www"]["worker.script"] = s.app
            s.pools["www"]["worker.requests"] = "1" if mode == "forks" else "0"
        s.pools["www"]["worker.warmup[%s]" % (s.app if mode == "classic" else "")] = [f'"{a}"' for a in addresses]
        return s
    return run


def tell(s, what):
    with open(os.path.join(s.shared, "what"), "w") as f:
        f.write(what)


def seen(s):
    return [json.loads(line) for line in procs.content(s.seen).splitlines()] if os.path.exists(s.seen) else []


def get(s):
    r = s.run(s.app)
    assert r.status == 200, (r.stdout, r.stderr)
    return [int(word) for word in r.text.split()]


def test_each_address_is_asked_before_clients_are(site, mode):
    s = site().start()
    procs.until("both workers", lambda: len(s.workers()) == 2)
    procs.until("both to be warm", lambda: mode != "worker" or len(seen(s)) == 4)
    folder = os.path.dirname(s.app)
    for pid in {line[0] for line in seen(s)}:
        assert [line[1:] for line in seen(s) if line[0] == pid] == [
            ["/warm?a=1", {"a": "1"}, "localhost", None, "/app.php", folder], ["/again", [], "site.test", "on", "/app.php", folder]]
    askers = {line[0] for line in seen(s)}
    if mode == "worker":
        assert askers == set(s.workers())
    else:
        assert len(askers) == 1 and not askers & set(s.workers()) and (askers == set(s.zygotes())) == (mode == "forks")
    asked = len(seen(s))
    pid, n = get(s)
    assert pid not in askers or mode == "worker"
    assert n == (1 if mode == "classic" else 3), "what they have left is there"
    status = json.loads(s.ctl("status", "--json").stdout)
    assert "warm" not in json.dumps(status) and len(seen(s)) == asked


def test_what_they_have_compiled_is_in_opcache(make):
    s = make({"www": {"pm.max_children": "1", "php_admin_value[opcache.enable]": "1"}})
    page = s.script("page.php", "<?php require __DIR__ . '/part.php';")
    s.script("part.php", "<?php echo 'part';")
    look = s.script("look.php", f"<?php echo json_encode([opcache_is_script_cached('{page}'), opcache_is_script_cached(__DIR__ . '/part.php')]);")
    s.pools["www"]["php_admin_value[opcache.file_update_protection]"] = "0"
    s.start()
    assert s.run(look).text == "[false,false]"
    s.pools["www"][f"worker.warmup[{page}]"] = "/page.php"
    s.write_config()
    assert s.ctl("reload").returncode == 0
    assert s.run(look).text == "[true,true]"


@pytest.mark.parametrize("what, why", [("status", "status 503"), ("throw", "thrown by the page in .*app.php"),
                                       ("spin", "Maximum execution time of 1 second exceeded"), ("die", None)])
def test_one_that_fails_refuses_the_reload(site, mode, what, why):
    s = site(**{"worker.boot_timeout": "1s" if what == "spin" else "30s"}).start()
    before = s.zygotes()
    tell(s, what)
    done = s.ctl("reload")
    assert done.returncode != 0, done
    told = re.escape(f"worker.warmup[{s.app if mode == 'classic' else ''}] = /warm?a=1: ") + f".*{why}"
    if what == "die":
        told = {"worker": "its process has died in a request", "classic": "its process was ended by signal 9", "forks": "the zygote ended"}[mode]
    assert re.search(told, done.stderr) and re.search(told, s.log()), (done, s.log())
    assert set(before) & set(s.zygotes()), "the old generation has gone"
    get(s)
    tell(s, "fine")
    done = s.ctl("reload")
    assert done.returncode == 0, done
    procs.until("the old generation to go", lambda: not set(before) & set(s.zygotes()))
    get(s)


@pytest.mark.parametrize("what", ["status", "throw", "exit"])
def test_one_that_fails_does_not_keep_a_pool_from_starting(site, mode, what):
    """But where it ends the process that has booted."""
    s = site(what)
    line = f"worker.warmup[{s.app if mode == 'classic' else ''}] = /warm?a=1: "
    if what == "exit" and mode != "classic":
        _, said = s.start_expecting_failure()
        assert line + "exit() or a fatal error has ended its process" in said
        return
    s.start()
    if what != "exit":
        s.wait_log(re.escape(line))
    get(s)


@pytest.mark.parametrize("what, level, told", [("moved", "NOTICE", "status 302, to https://site.test/login: what is behind a redirect is not warmed up"),
                                              ("gone", "WARNING", "status 404: what makes the error page is warmed up, and nothing else")])
def test_one_that_warms_little_is_told_once(site, mode, what, level, told):
    s = site(what, addresses=("/warm?a=1",)).start()
    procs.until("both workers", lambda: len(s.workers()) == 2)
    procs.until("both to be warm", lambda: mode != "worker" or len(seen(s)) == 2)
    line = f"{level}: [pool www] worker.warmup[{s.app if mode == 'classic' else ''}] = /warm?a=1: {told}"
    s.wait_log(re.escape(line))
    get(s)
    assert s.log().count("worker.warmup[") == 1, s.log()
    assert s.ctl("reload").returncode == 0
    procs.until("the next generation to tell", lambda: s.log().count(line) == 2)


def test_one_that_ends_a_worker_costs_the_pool_no_other(site, mode):
    """Its successors do without."""
    s = site().start()
    procs.until("both workers", lambda: len(s.workers()) == 2)
    tell(s, "exit")
    for pid in s.workers():
        procs.kill(pid, 9)
    procs.until("fresh workers", lambda: len(s.workers()) == 2)
    if mode == "worker":
        s.wait_log(re.escape("worker.warmup[] = /warm?a=1: exit() or a fatal error has ended its process"))
    get(s)


def test_a_script_that_ends_after_one_request_is_told_of(make):
    s = make({"www": {"pm.max_children": "1", "worker.warmup[]": ["/a", "/b"]}})
    s.pools["www"]["worker.script"] = s.script("app.php", "<?php fpmd_handle_request(function () { echo getmypid(); });")
    _, said = s.start_expecting_failure()
    assert "worker.warmup[] = /a: worker.script has ended after it" in said
