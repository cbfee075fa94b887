# SPDX-License-Identifier: MIT
"""fpmctl leaks: what a request of worker.script leaves behind is named, with the line that says where it is; a page that leaves nothing
has no finding."""

import re
import threading

import pytest

import fastcgi
import server as programs

# Every line that a finding names has a mark, and requests choose one by their query.
APP = r"""<?php
class Clean {
    public function page() {
        $list = range(1, 50);
        foreach ($list as $i) { $o = new stdClass; $o->self = $o; }
        return count($list);
    }
}
class Cache {
    public static $items = ['first' => 1]; // static property
    public static int $hits = 0; // counter
    private array $rows = [1]; // property
    public ?object $last = null; // object
    public string $text = ''; // text
    public function put($v) { $this->rows[] = $v; }
}
class Child extends Cache {
    protected static $own = []; // of a child
    public static function grow() { self::$own[] = str_repeat('x', 10); }
    public static function remember() {
        static $seen = [], $n = 0; // static variable
        $seen[] = 1;
    }
}
class Held {} // class of objects
function nothing() {}
function counts() {
    static $calls = 0; // counted
    $calls++;
}
function make_global() {
    global $fresh; // global
    $fresh = 'new';
}
function make_global_otherwise() {
    $GLOBALS['other'] = [1, 2]; // otherwise
}
$cache = new Cache;
$list = []; // the list
$storage = new SplObjectStorage;
$keep = function () {
    static $kept = []; // of a closure
    $kept[] = 1;
};
$files = [];
$app = new Clean;
$work = null;
class Wrapper { public $context; }
$handler = static function () use ($app, $cache, &$work) {
    echo $app->page();
    switch ($_GET['do'] ?? '') {
    case 'static property': Cache::$items[] = 1; break;
    case 'counter': Cache::$hits++; break;
    case 'of a child': Child::grow(); break;
    case 'static variable': Child::remember(); break;
    case 'counted': counts(); break;
    case 'global': make_global(); break;
    case 'otherwise': make_global_otherwise(); break;
    case 'property': $cache->put('a'); break;
    case 'object': $cache->last = new DateTime; break;
    case 'text': $cache->text .= 'abc'; break;
    case 'the list': $GLOBALS['list'][] = 1; break;
    case 'storage': $GLOBALS['storage']->attach(new stdClass); break;
    case 'of a closure': ($GLOBALS['keep'])(); break;
    case 'class of objects': $GLOBALS['storage']->attach(new Held); break;
    case 'new keys': Cache::$items = array_combine(array_map(fn ($k) => "k$k", array_keys(Cache::$items)), Cache::$items); break;
    case 'descriptor': $GLOBALS['files'][] = fopen(__FILE__, 'r'); break; // descriptor
    case 'session setting': ini_set('session.gc_maxlifetime', (string) mt_rand()); break; // session setting
    case 'setting': ini_set('precision', '5'); break; // setting
    case 'env': putenv('LEAK=1'); break; // env
    case 'cwd': chdir('/'); break; // cwd
    case 'umask': umask(0007); break; // umask
    case 'error handler': set_error_handler('nothing'); break; // error handler
    case 'exception handler': set_exception_handler('nothing'); break; // exception handler
    case 'wrapper': stream_wrapper_register('leak', 'Wrapper'); break; // wrapper
    case 'autoloader': spl_autoload_register(fn ($c) => null); break; // autoloader
    case 'shutdown': $work = fn () => register_shutdown_function('nothing'); break; // shutdown
    case 'memory': $GLOBALS['held'] = str_repeat('m', 100000); break;
    case 'exit': exit(0);
    case 'all': Cache::$items[] = 1; Cache::$hits++; umask(0007); break;
    }
};
while (fpmd_handle_request($handler)) {
    if ($work) {
        ($work)();
        $work = null;
    }
}
"""
# query: (heading, what is told of it, the line's mark; None: it has no line)
GREW, CHANGED, BACK = "Grew:", "Changed, and did not grow:", "Changed, and put back by fpmd:"
SEEDS = {
    "static property": (GREW, r"Cache::\$items grew from 1 to 2 elements"),
    "counter": (CHANGED, r"Cache::\$hits changed from 0 to 1"),
    "of a child": (GREW, r"Child::\$own grew from 0 to 1 elements"),
    "static variable": (GREW, r"Child::remember\(\)'s static \$seen grew from 0 to 1 elements"),
    "counted": (CHANGED, r"counts\(\)'s static \$calls changed from 0 to 1"),
    "global": (GREW, r"global \$fresh is new: a string of 3 bytes"),
    "otherwise": (GREW, r"global \$other is new: an array of 2"),
    "property": (GREW, r"global \$cache->rows grew from 1 to 2 elements"),
    "object": (CHANGED, r"global \$cache->last changed from null to an object of DateTime"),
    "text": (GREW, r"global \$cache->text grew from 0 to 3 bytes"),
    "the list": (GREW, r"global \$list grew from 0 to 1 elements"),
    "of a closure": (GREW, r"global \$keep's \$kept grew from 0 to 1 elements"),
    "class of objects": (GREW, r"objects of Held grew from 0 to 1"),
    "descriptor": (GREW, r"descriptor \d+ is left open: \S+/app.php"),
    "session setting": (GREW, r"setting session.gc_maxlifetime is new"),
    "setting": (BACK, r"setting precision is new"),
    "env": (BACK, r"environment variable LEAK is new"),
    "cwd": (BACK, r"the working directory changed from \S+ to /"),
    "umask": (BACK, r"the umask changed from 0022 to 0007"),
    "error handler": (BACK, r"the error handler changed from none to nothing"),
    "exception handler": (BACK, r"the exception handler changed from none to nothing"),
    "wrapper": (BACK, r"stream wrapper leak is new"),
    "autoloader": (GREW, r"autoloader 1 \(\S+\) is new"),
    "shutdown": (GREW, r"shutdown function 1 \(nothing\), which runs at the next request's end, is new"),
}
UNPLACED = {
    "storage": (GREW, r"global \$storage grew from \d+ to \d+ elements"),
    "new keys": (CHANGED, r"Cache::\$items has other keys, and no more of them"),
    "memory": (GREW, r"PHP's memory after garbage collection grew from \d+ to \d+ bytes"),
}


@pytest.fixture(scope="module")
def app():
    s = programs.Fpmd({"www": {"pm.max_children": "1"}, "classic": {}, "forks": {"pm.max_children": "1"}})
    s.app = s.script("app.php", APP)
    for pool in ("www", "forks"):
        s.pools[pool]["worker.script"] = s.app
    s.pools["forks"]["worker.requests"] = "1"
    try:
        yield s.start()
    finally:
        s.cleanup()


def get(s, do="", pool="www"):
    return s.client(pool).request(fastcgi.environment(s.app, query=f"do={do.replace(' ', '%20')}"))


def search(s, *queries):
    """What fpmctl leaks says of these requests: it is told that the search is on by the log, and then they are made."""
    mark, said = len(s.log()), []
    t = threading.Thread(target=lambda: said.append(s.ctl("leaks", "--requests", str(len(queries)), "--timeout", "120", "www", limit=150)))
    t.start()
    s.wait_log(r"its next \d+ requests are examined", since=mark)
    for query in queries:
        assert get(s, query).text.startswith("50")
    t.join()
    assert said[0].returncode == 0 and not said[0].stderr, said[0]
    return said[0].stdout


def findings(out, heading):
    """{what is told: in how many requests}"""
    part = re.search(re.escape(heading) + r"\n((?:  .*\n)*)", out)
    return {m[2]: int(m[1]) for m in re.finditer(r"^  (\d+) of \d+: (.*)$", part[1] if part else "", re.M)}


def line_of(mark):
    return next(i for i, text in enumerate(APP.splitlines(), 1) if text.endswith(f"// {mark}"))


def test_each_kind_is_named_with_file_and_line(app):
    get(app)
    out = search(app, *SEEDS, *UNPLACED)
    for name, (heading, told) in {**SEEDS, **UNPLACED}.items():
        place = rf" \({re.escape(app.app)}:{line_of(name)}\)" if name in SEEDS else r"( \(\S+:\d+\))?"
        assert [k for k in findings(out, heading) if re.fullmatch(told + place, k)], (name, heading, told + place, out)
    said = "WARNING: [pool www] child %d, after a request: Cache::$items grew from 1 to 2 elements (%s:%d)"
    assert said % (worker(app), app.app, line_of("static property")) in app.log()


def worker(s):
    return int(re.search(r"child (\d+), after a request", s.log())[1])


def test_a_clean_page_has_no_finding(app):
    get(app)
    out = search(app, *[""] * 20)
    assert out == "20 requests examined\nNothing grew or changed.\n"


def test_the_number_of_requests_tells_a_leak_from_what_happens_once(app):
    get(app)
    out = search(app, "all", "all", "", "all", "")
    assert out.startswith("5 requests examined\n")
    assert {k.split(" ")[0]: n for k, n in findings(out, GREW).items() if k.startswith("Cache")} == {"Cache::$items": 3}
    [(changed, n)] = findings(out, CHANGED).items()
    assert re.fullmatch(rf"Cache::\$hits changed from \d+ to \d+ \({re.escape(app.app)}:{line_of('counter')}\)", changed) and n == 3
    assert list(findings(out, BACK).values()) == [3]


def test_the_first_request_and_one_that_exits(app):
    get(app, "exit")  # the worker is a fresh one
    mark, said = len(app.log()), []
    t = threading.Thread(target=lambda: said.append(app.ctl("leaks", "--requests", "2", "--timeout", "120", "www", limit=150)))
    t.start()
    app.wait_log(r"its next 2 requests are examined", since=mark)
    get(app, "all")  # its worker's first one
    get(app, "exit")  # there is no other call to compare at
    get(app, "all")  # a fresh worker's first one
    get(app)
    t.join()
    assert said[0].stdout == "2 requests examined\nNothing grew or changed.\n"


def test_it_ends_in_time_without_requests(app):
    r = app.ctl("leaks", "--timeout", "0.2", "www")
    assert (r.returncode, r.stdout) == (1, "0 requests examined\n")
    assert r.stderr == "fpmctl: no more requests have come in time\n"


@pytest.mark.parametrize("args, status, said", [
    (["classic"], 1, "fpmctl: leaks classic refused: its pool has no worker.script: PHP drops all that a request has made\n"),
    (["forks"], 1, "fpmctl: leaks forks refused: its pool has worker.requests = 1: each process ends with its request\n"),
    (["nowhere"], 1, "fpmctl: the service has no pool 'nowhere'\n"),
    ([], 2, "fpmctl: leaks wants the name of one pool\n"),
    (["--requests", "0", "www"], 2, "fpmctl: --requests wants a number up to 100000, not '0'\n"),
])
def test_it_says_where_there_is_nothing_to_search(app, args, status, said):
    r = app.ctl("leaks", *args)
    assert (r.returncode, r.stdout, r.stderr) == (status, "", said)


INNER = r"""<?php
class Kept { public static $queue, $strings, $storage, $map, $generator, $fiber, $iterator; }
Kept::$queue = new SplQueue;
Kept::$queue[] = new stdClass;
Kept::$strings = new SplQueue;
for ($i = 0; $i < 50; $i++) Kept::$strings[] = "a string that is none of the compiler's $i";
Kept::$storage = new SplObjectStorage;
for ($i = 0; $i < 30; $i++) Kept::$storage[$o = new stdClass] = [$i, $held[] = $o];
Kept::$map = new WeakMap;
Kept::$map[$o] = [new stdClass];
Kept::$generator = (function () { $list = [new stdClass]; while (true) yield $list; })();
Kept::$generator->current();
Kept::$fiber = new Fiber(function () { $list = [new stdClass]; while (true) Fiber::suspend($list); });
Kept::$fiber->start();
Kept::$iterator = new CachingIterator(new ArrayIterator([[1], [2], new stdClass]));
Kept::$iterator->next();
while (fpmd_handle_request(function () {
    echo 50;
    Kept::$queue[] = 'of a request';
    Kept::$storage[new stdClass] = new stdClass;
})) {
}
"""


def test_objects_of_phps_own_classes_are_looked_into(make):
    """Several of them tell of what they hold in a buffer that they share."""
    s = make({"www": {"pm.max_children": "1"}})
    s.app = s.pools["www"]["worker.script"] = s.script("app.php", INNER)
    s.start()
    get(s)
    workers = s.wait_workers(1)
    found = findings(search(s, "", "", ""), GREW)
    for of in ("queue", "storage"):
        assert any(re.match(rf"Kept::\$(?:{of}) grew from \d+ to \d+ elements", what) for what in found), found
    assert s.workers() == workers
