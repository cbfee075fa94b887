# SPDX-License-Identifier: MIT
"""Worker mode: nothing of a request is met in the next one. Each row is a canary: a request sets something, the next one, in the same
worker, reads it. First of all the canary must sing: in the request that sets it, it is read."""

import base64
import http.server
import json
import os
import threading
import urllib.parse

import pytest

import fastcgi
import procs
import server as programs

# What is forgotten with the boot as well.
NO_SETTINGS = ("error_get_last", "strtok", "json_last_error", "date errors", "random")

APP = """<?php
%s
$handler = static function () { eval(base64_decode($_GET['code'])); };
if (function_exists('fpmd_handle_request')) {
    while (fpmd_handle_request($handler)) {
    }
} else {
    $handler();
}
"""

# name: (sets, reads, what a boot may do before: other than the first)
ROWS = {
    "$_GET": ("$_GET['x'] = 1;", "echo isset($_GET['x']) ? 'set' : '';", ""),
    "$_POST": ("$_POST['x'] = 1;", "echo json_encode($_POST);", ""),
    "$_COOKIE": ("$_COOKIE['x'] = 1;", "echo json_encode($_COOKIE);", ""),
    "$_FILES": ("$_FILES['x'] = 1;", "echo json_encode($_FILES);", ""),
    "an upload": ("", "echo json_encode($_FILES);", ""),
    "another upload": ("", "echo json_encode($_FILES);", ""),
    "$_REQUEST": ("$_REQUEST['x'] = 1;", "echo isset($_REQUEST['x']) ? 'set' : '';", ""),
    "$_SERVER": ("$_SERVER['X_CANARY'] = 1;", "echo $_SERVER['X_CANARY'] ?? '';", ""),
    "$_ENV": ("$_ENV['X_CANARY'] = 'a';", "echo $_ENV['X_CANARY'] ?? '';", "$_ENV['X_CANARY'] = 'b';"),
    "$_SESSION without session": ("$_SESSION['x'] = 1;", "echo json_encode($_SESSION ?? null);", ""),
    "session": ("session_id('canary1'); session_start(['use_cookies' => 0]); $_SESSION['x'] = 1;",
                "echo session_id(), session_status(), json_encode($_SESSION ?? null);", ""),
    "session name": ("session_name('CANARY');", "echo session_name();", "session_name('BOOT');"),
    "session cookie": ("session_set_cookie_params(77);", "echo session_get_cookie_params()['lifetime'];", "session_set_cookie_params(88);"),
    "session handler": ("session_set_save_handler(new SessionHandler);", "echo session_module_name();", ""),
    "headers": ("header('X-Canary: 1');", "echo json_encode(headers_list());", ""),
    "header callback": ("header_register_callback(function () { header('X-Callback: 1'); }); echo 'called';", "", ""),
    "status": ("http_response_code(418);", "echo http_response_code();", ""),
    "output layers": ("ob_start(fn ($b) => strtoupper($b)); $GLOBALS['level'] = ob_get_level();", "echo ob_get_level(), 'a';", ""),
    "rewrite variables": ("output_add_rewrite_var('x', '1');", "echo '<form action=\"a.php\"></form>';", ""),
    "error_get_last": ("@trigger_error('canary');", "echo json_encode(error_get_last());", "@trigger_error('boot');"),
    "ini_set": ("ini_set('precision', '5');", "echo ini_get('precision'), 1 / 3;", "ini_set('precision', '7');"),
    "ini_restore": ("ini_restore('serialize_precision');", "echo ini_get('serialize_precision'), json_encode(1 / 3);", "ini_set('serialize_precision', '4');"),
    "set_time_limit": ("set_time_limit(77);", "echo ini_get('max_execution_time');", "set_time_limit(88);"),
    "memory_limit": ("ini_set('memory_limit', '200M');", "echo ini_get('memory_limit');", "ini_set('memory_limit', '300M');"),
    "ignore_user_abort": ("ignore_user_abort(!ignore_user_abort());", "echo ignore_user_abort();", ""),
    "error_reporting": ("error_reporting(1);", "echo error_reporting();", "error_reporting(3);"),
    "include_path": ("set_include_path('/canary');", "echo get_include_path();", "set_include_path('/boot');"),
    "default charset": ("ini_set('default_charset', 'latin1');", "echo ini_get('default_charset');", "ini_set('default_charset', 'latin2');"),
    "error handler": ("set_error_handler(function () { echo 'canary'; return true; });", "echo @$undefined;",
                      "set_error_handler(function () { echo 'boot'; return true; });"),
    "error handlers": ("restore_error_handler(); set_error_handler(fn () => print('1')); set_error_handler(fn () => print('2'));",
                       "@trigger_error('x'); restore_error_handler(); @trigger_error('x');",
                       "set_error_handler(fn () => print('a')); set_error_handler(fn () => print('b'));"),
    "exception handler": ("set_exception_handler(function () { echo 'canary'; });",
                          "$f = set_exception_handler(null); restore_exception_handler(); echo $f ? (new ReflectionFunction($f))->getStartLine() : 'none';",
                          "\n\n\nset_exception_handler(function () { echo 'boot'; });"),
    "working directory": ("chdir('/');", "echo getcwd();", "chdir('/usr');"),
    "relative path of an include": ("chdir(__DIR__ . '/canary');", "@include 'part.php';", ""),
    "folder": ("opendir('/usr');", "try { echo is_string(readdir()); } catch (TypeError $e) { echo $e->getMessage(); }"
               "echo in_array('/usr', array_map(fn ($fd) => @readlink(\"/proc/self/fd/$fd\"), scandir('/proc/self/fd')));", ""),
    "folder, asked for by null": ("$GLOBALS['kept'] = opendir('/usr');", "try { echo is_string(readdir(null)); } catch (TypeError $e) { echo $e->getMessage(); }", ""),
    "folder of an object": ("dir('/usr');", "try { echo is_string(readdir()); } catch (TypeError $e) { echo $e->getMessage(); }", ""),
    "umask": ("umask(0777);", "printf('%o', umask());", "umask(0070);"),
    "locale": ("setlocale(LC_ALL, 'C.UTF-8', 'C.utf8');", "echo setlocale(LC_ALL, 0);", "setlocale(LC_TIME, 'C.UTF-8', 'C.utf8');"),
    "text domain": ("textdomain('canary');", "echo textdomain(null);", "textdomain('boot');"),
    "time zone": ("date_default_timezone_set('Asia/Tokyo');", "echo date_default_timezone_get(), date('T');",
                  "date_default_timezone_set('America/New_York');"),
    "putenv": ("putenv('CANARY=a');", "echo json_encode(getenv('CANARY')), exec('echo $CANARY');", "putenv('CANARY=b');"),
    "putenv of nothing": ("putenv('CANARY2');", "echo json_encode(getenv('CANARY2'));", "putenv('CANARY2=b');"),
    "mb_internal_encoding": ("mb_internal_encoding('EUC-JP');", "echo mb_internal_encoding();", "mb_internal_encoding('SJIS');"),
    "mb_http_output": ("mb_http_output('EUC-JP');", "echo mb_http_output();", "mb_http_output('SJIS');"),
    "mb_detect_order": ("mb_detect_order('EUC-JP,SJIS');", "echo json_encode(mb_detect_order());", "mb_detect_order('SJIS');"),
    "mb_substitute_character": ("mb_substitute_character('none');", "echo mb_substitute_character();", "mb_substitute_character('long');"),
    "mb_regex_encoding": ("mb_regex_encoding('EUC-JP');", "echo mb_regex_encoding();", "mb_regex_encoding('SJIS');"),
    "mb_regex_set_options": ("mb_regex_set_options('i');", "echo mb_regex_set_options();", "mb_regex_set_options('x');"),
    "mb_ereg_search": ("mb_ereg_search_init('the canary sings', 'c[a-z]+'); mb_ereg_search();",
                       "$had = mb_ereg_search_getregs(); try { $next = mb_ereg_search_regs('s[a-z]+'); } catch (Error) { $next = false; } echo json_encode([$had, $next]);", ""),
    "mb_language": ("mb_language('Japanese');", "echo mb_language();", "mb_language('German');"),
    "libxml errors": ("libxml_use_internal_errors(true); simplexml_load_string('<a');",
                      "echo json_encode([libxml_use_internal_errors(), count(libxml_get_errors())]);", ""),
    "libxml_use_internal_errors": ("libxml_use_internal_errors(!libxml_use_internal_errors());", "echo json_encode(libxml_use_internal_errors());",
                                   "libxml_use_internal_errors(true);"),
    "entity loader": ("libxml_set_external_entity_loader(fn () => null);", "echo json_encode(libxml_get_external_entity_loader() === null);", ""),
    "entity loader of the boot": ("libxml_set_external_entity_loader(fn () => 'canary');", "$f = libxml_get_external_entity_loader(); echo $f ? $f(1, 2, []) : 'none';",
                                  "libxml_set_external_entity_loader(fn () => 'boot');"),
    "stream context": ("stream_context_set_default(['http' => ['user_agent' => 'canary']]);",
                       "echo json_encode(stream_context_get_options(stream_context_get_default()));",
                       "stream_context_set_default(['http' => ['user_agent' => 'boot']]);"),
    "stream wrapper": ("class CanaryWrapper {} stream_wrapper_register('canary', 'CanaryWrapper');",
                       "echo json_encode(in_array('canary', stream_get_wrappers()));", ""),
    "stream wrapper taken": ("stream_wrapper_unregister('data');", "echo json_encode(in_array('data', stream_get_wrappers()));", ""),
    "stream filter": ("class CanaryFilter extends php_user_filter {} stream_filter_register('canary', 'CanaryFilter');",
                      "echo json_encode(in_array('canary', stream_get_filters()));", ""),
    "date errors": ("date_create_from_format('Y', 'canary');", "echo json_encode(date_get_last_errors());", "date_create_from_format('Y', 'boot');"),
    "locale of intl": ("Locale::setDefault('ja_JP');", "echo Locale::getDefault();", "Locale::setDefault('de_DE');"),
    "strtok": ("strtok('a b c', ' ');", "echo json_encode(@strtok(' '));", "strtok('d e f', ' ');"),
    "json_last_error": ("json_decode('{');", "echo json_last_error();", "json_decode('{');"),
    "intl_get_error_code": ("locale_accept_from_http(str_repeat('a', 999)); numfmt_create('en', -1);", "echo intl_get_error_code();", ""),
    "preg_last_error": ("preg_match('/(?:\\\\D+|<\\\\d+>)*[!?]/', 'foobar foobar foobar'); preg_match('/a/u', \"\\xff\");", "echo preg_last_error();", ""),
    "stat cache": ("file_put_contents(sys_get_temp_dir() . '/canary-' . getmypid(), 'ab'); filesize(sys_get_temp_dir() . '/canary-' . getmypid());"
                   " file_put_contents(sys_get_temp_dir() . '/canary-' . getmypid(), 'cdef', FILE_APPEND);",
                   "echo @filesize(sys_get_temp_dir() . '/canary-' . getmypid()) == 2 ? 'old' : '';", ""),
    "random": ("mt_srand(1);", "echo in_array(mt_rand(), [895547922, 2141438069]) ? 'known' : '';", "mt_srand(1);"),
    "shutdown function": ("register_shutdown_function(function () { echo 'canary'; });", "", ""),
    "tick function": ("register_tick_function(function () { echo 'tick'; });", "declare(ticks=1) { $x = 1; }", "register_tick_function(function () { echo 'boot'; });"),
    "assert_options": ("@assert_options(ASSERT_CALLBACK, 'strlen');", "echo json_encode(@assert_options(ASSERT_CALLBACK));",
                       "@assert_options(ASSERT_CALLBACK, 'strrev');"),
    "spl_autoload_extensions": ("spl_autoload_extensions('.canary');", "echo spl_autoload_extensions();", "spl_autoload_extensions('.boot');"),
    "assert callback": ("ini_set('assert.exception', '0');", "echo ini_get('assert.exception');", ""),
}

# What is seen in the reply itself, or not by every PHP (8.4 keeps no stat of a file that PHP writes): not read where it is set.
SILENT = {"stat cache", "headers", "header callback", "shutdown function", "output layers", "tick function"}
# What PHP itself leaves to later requests.
LEFT_BY_PHP = {("classic", "mb_regex_set_options"), ("classic", "text domain")}
# What takes a boot to be seen.
OF_A_BOOT = {"ini_restore", "putenv of nothing"}


def upload(name):
    return (f'--B\r\nContent-Disposition: form-data; name="{name}"; filename="canary.txt"\r\n\r\nsung\r\n--B--\r\n').encode()


# What the request that sets brings.
BODIES = {"an upload": upload("one"), "another upload": upload("two")}


class Modes:
    def __init__(self):
        self.running = {}

    def get(self, mode, prelude=""):
        if (mode, prelude) not in self.running:
            folder = programs.make_folder("booted")
            os.mkdir(os.path.join(folder, "tmp"))
            os.chmod(os.path.join(folder, "tmp"), 0o777)
            os.mkdir(os.path.join(folder, "canary"))
            pool = {"pm.max_children": "1", "php_admin_value[sys_temp_dir]": os.path.join(folder, "tmp"),
                    "php_admin_value[session.save_path]": os.path.join(folder, "tmp"), "php_value[variables_order]": "EGPCS",
                    "php_value[display_errors]": "1", "php_value[session.use_strict_mode]": "0",
                    "php_admin_value[opcache.enable]": "1", "php_admin_value[opcache.file_update_protection]": "0"}
            if mode == "worker":
                pool["worker.script"] = os.path.join(folder, "app.php")
            s = programs.Fpmd({"www": pool}, folder=folder)
            s.app = s.script("app.php", APP % prelude)
            s.script("part.php", "<?php echo 'of the script';")
            s.script("canary/part.php", "<?php echo 'of the canary';")
            self.running[(mode, prelude)] = s.start()
        return self.running[(mode, prelude)]


@pytest.fixture(scope="module")
def modes():
    m = Modes()
    yield m
    for s in m.running.values():
        s.cleanup()


def run(s, code, form=b"", **params):
    """(headers and body, the worker's pid)"""
    code = base64.b64encode(("header('X-Pid: ' . getmypid());" + code).encode()).decode()
    more = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": "multipart/form-data; boundary=B"} if form else {}
    more.update(params)
    r = s.client().request(fastcgi.environment(s.app, body=form, QUERY_STRING="code=" + code.replace("+", "%2B").replace("=", "%3D"), **more), form)
    assert not r.stderr, r.stderr
    headers = [(name, value) for name, value in r.headers if name != "X-Pid"]
    return (headers, r.text), r.header("X-Pid")


# tools/lib/zts.sh builds no intl and no gettext.
NOT_THERE = {"intl_get_error_code", "locale of intl", "text domain"} if programs.thread_safe() else set()


def check(s, name):
    sets, reads, _ = ROWS[name]
    before, pid = run(s, reads)
    during, pid_set = run(s, sets + reads, BODIES.get(name, b""))
    after, pid_after = run(s, reads)
    assert pid == pid_set == pid_after
    if name not in SILENT:
        assert during != before, "the canary does not sing"
    assert after == before


@pytest.mark.parametrize("mode, name", [(mode, n) for mode in ("worker", "classic") for n in ROWS
                                        if n not in OF_A_BOOT | NOT_THERE and (mode, n) not in LEFT_BY_PHP])
def test_a_request_finds_nothing_of_the_one_before(modes, mode, name):
    check(modes.get(mode), name)


@pytest.mark.parametrize("name", [n for n in ROWS if ROWS[n][2] and n not in NO_SETTINGS + tuple(NOT_THERE)])
def test_a_request_finds_what_the_boot_has_set(modes, name):
    """All rows' settings in one boot; each read is that of the boot and stays so."""
    prelude = "".join(ROWS[n][2] for n in ROWS if n not in {"error handler"} | NOT_THERE)
    s = modes.get("worker", prelude)
    check(s, name)
    fresh, _ = run(modes.get("worker"), ROWS[name][1])
    booted, _ = run(s, ROWS[name][1])
    assert booted != fresh, "the boot's setting has not reached the request"


@pytest.mark.parametrize("name", ["libxml_use_internal_errors", "entity loader of the boot"])
def test_a_request_finds_what_the_boot_alone_has_set(modes, name):
    """Extensions reset them themselves."""
    s = modes.get("worker", ROWS[name][2])
    (_, fresh), _ = run(modes.get("worker"), ROWS[name][1])
    for _ in range(3):
        (_, booted), _ = run(s, ROWS[name][1])
        assert booted != fresh
    check(s, name)


@pytest.mark.parametrize("name", NO_SETTINGS)
def test_what_is_no_setting_is_not_the_boots_either(modes, name):
    s = modes.get("worker", "".join(ROWS[n][2] for n in ROWS if n not in {"error handler", "error handlers"} | NOT_THERE))
    (_, booted), _ = run(s, ROWS[name][1])
    (_, classic), _ = run(modes.get("classic"), ROWS[name][1])
    assert booted == classic


# What each request may do as if it were the first.
AGAIN = {
    "a filter of streams": ("""class_exists('Loud') || eval('class Loud extends php_user_filter {
            function filter($in, $out, &$n, bool $closing): int {
                while ($b = stream_bucket_make_writeable($in)) { $b->data = strtoupper($b->data); $n += $b->datalen; stream_bucket_append($out, $b); }
                return PSFS_PASS_ON;
            }
        }');
        echo json_encode(stream_filter_register('loud', 'Loud'));
        $h = fopen('php://memory', 'w+'); stream_filter_append($h, 'loud', STREAM_FILTER_WRITE); fwrite($h, 'sings'); rewind($h); echo fread($h, 9);""", "trueSINGS"),
    "a wrapper of streams": ("class_exists('Bird') || eval('class Bird { public $context; function url_stat() { return [\"size\" => 7]; } }');"
                             "echo json_encode(stream_wrapper_register('bird', 'Bird')), filesize('bird://');", "true7"),
    "$_ENV, where the boot has not named it": ("echo json_encode(is_array($_ENV));", "true"),
}


@pytest.mark.parametrize("name", AGAIN)
@pytest.mark.parametrize("mode", ["worker", "classic"])
def test_a_request_may_do_what_the_one_before_has_done(modes, mode, name):
    code, said = AGAIN[name]
    assert [run(modes.get(mode), code)[0][1] for _ in range(3)] == [said] * 3


@pytest.mark.parametrize("name", AGAIN)
def test_what_each_request_does_anew_takes_no_memory(modes, name):
    """A stream that the application has kept goes on through the wrapper that its request has registered."""
    s = modes.get("worker")
    used = lambda: int(run(s, "echo memory_get_usage();")[0][1])
    for _ in range(20):
        run(s, AGAIN[name][0])
    before = used()
    for _ in range(100):
        run(s, AGAIN[name][0])
    assert used() - before < 3000
    keep = "eval('class Kept { public $context; static $it; function stream_open() { return true; } function stream_read($n) { return \"kept\"; } function stream_eof() { return false; }" \
           "function stream_stat() { return []; } function stream_close() { } }'); stream_wrapper_register('kept', 'Kept'); Kept::$it = fopen('kept://', 'r'); echo fread(Kept::$it, 4);"
    assert run(s, f"class_exists('Kept') || (function () {{ {keep} }})();")[0][1] in ("kept", "")
    assert run(s, "echo fread(Kept::$it, 4);")[0][1] == "kept"


def test_a_request_that_names_no_script_takes_no_memory(modes):
    """It has the name of the script that has booted."""
    s = modes.get("worker")
    code = base64.b64encode(b"echo $_SERVER['SCRIPT_FILENAME'], ' ', memory_get_usage();").decode()
    params = fastcgi.environment(s.app, query="code=" + urllib.parse.quote(code))
    del params["SCRIPT_FILENAME"]
    said = [s.client().request(params).text.split() for _ in range(200)]
    assert {script for script, _ in said} == {s.app}
    assert int(said[-1][1]) - int(said[99][1]) < 1000


WRAPPER = """class Own { public $context; function url_stat() { return ['size' => 7]; } } class Other extends Own { function url_stat() { return ['size' => 8]; } }
    stream_wrapper_register('own', 'Own');"""


def test_a_wrapper_of_the_boot_outlives_requests_that_take_it_away(modes):
    """PHP frees it when a request unregisters it, as frameworks do to register theirs. Its memory is another's then, and nothing grows."""
    s = modes.get("worker", WRAPPER)
    take = "echo filesize('own://'); stream_wrapper_unregister('own'); stream_wrapper_register('own', 'Other'); clearstatcache(); echo filesize('own://');"
    used, pids = [], set()
    for _ in range(3):
        for _ in range(40):
            (_, said), pid = run(s, take + "$more = array_map(fn ($n) => str_repeat('x', $n), range(8, 200));")
            pids.add(pid)
            assert said == "78"
        used.append(int(run(s, "echo memory_get_usage();")[0][1]))
    assert used[2] - used[1] < 3000
    assert len(pids) == 1


def test_who_is_told_by_the_default_context_is_the_requests(modes):
    s = modes.get("worker", "$context = stream_context_get_default();")
    read = "echo json_encode(stream_context_get_params(stream_context_get_default())['notification'] ?? null);"
    assert run(s, "stream_context_set_params(stream_context_get_default(), ['notification' => 'strlen']);" + read)[0][1] == '"strlen"'
    assert run(s, read)[0][1] == "null"


def test_a_tick_function_in_the_place_of_one_of_the_boots_is_the_requests(modes):
    s = modes.get("worker", "register_tick_function('strlen', 'boot'); register_tick_function($kept = function () { echo 'boot'; });")
    ticks = "declare(ticks=1) { $x = 1; }"
    (_, boot), _ = run(s, ticks)
    assert set(boot.split("boot")) == {""} and boot
    run(s, "unregister_tick_function('strlen'); register_tick_function(function () { echo 'request'; });")
    assert run(s, ticks)[0][1] == boot


THROWS = "new class { function f() { } function __destruct() { throw new Exception('of a destructor'); } }"


@pytest.mark.parametrize("code", [f"$_GET['x'] = {THROWS};", f"register_shutdown_function([{THROWS}, 'f']);"])
def test_what_a_destructor_throws_when_its_request_is_over_is_told_and_keeps_nothing(modes, code):
    s = modes.get("worker")
    n, (fresh, pid) = s.log().count("Uncaught Exception: of a destructor"), run(s, "echo date_default_timezone_get(), mb_internal_encoding();")
    run(s, "date_default_timezone_set('Asia/Tokyo'); mb_internal_encoding('EUC-JP');" + code)
    assert run(s, "echo date_default_timezone_get(), mb_internal_encoding();") == (fresh, pid)
    procs.until("the exception to be told", lambda: s.log().count("Uncaught Exception: of a destructor") == n + 1)


def test_nobody_hears_of_what_is_put_back():
    """The way back to the worker's directory is outside of open_basedir."""
    folder = programs.make_folder("booted")
    own = os.path.join(folder, "own")
    os.mkdir(own)
    os.chmod(own, 0o777)
    s = programs.Fpmd({"www": {"pm.max_children": "1", "worker.script": os.path.join(folder, "app.php"),
                               "php_admin_value[open_basedir]": f"{folder}/app.php:{own}"}}, folder=folder)
    s.app = s.script("app.php", APP % f"set_error_handler(fn ($n, $text) => file_put_contents('{own}/heard', $text) > 0);")
    with s:
        assert run(s, f"chdir('{own}'); echo getcwd();")[0][1] == own
        assert run(s, "echo getcwd();")[0][1] != own
        assert not os.path.exists(f"{own}/heard")


@pytest.mark.parametrize("mode", ["worker", "classic"])
def test_the_folder_of_temporary_files_is_the_requests(modes, mode):
    """The web server may say another one for each site."""
    s = modes.get(mode)
    own = os.path.join(s.folder, "tmp")
    said = [run(s, "echo sys_get_temp_dir();", **more)[0][1] for more in ({}, {"PHP_ADMIN_VALUE": "sys_temp_dir = /var/tmp"}, {})]
    assert said == [own, "/var/tmp", own]


@pytest.mark.parametrize("mode", ["worker", "classic"])
def test_who_has_logged_in_is_the_requests(modes, mode):
    code = "echo json_encode([$_SERVER['PHP_AUTH_USER'] ?? null, $_SERVER['PHP_AUTH_PW'] ?? null, $_SERVER['PHP_AUTH_DIGEST'] ?? null]);"
    said = [run(modes.get(mode), code, **more)[0][1] for more in ({"HTTP_AUTHORIZATION": "Basic YW5uYTpzZWNyZXQ="}, {}, {"HTTP_AUTHORIZATION": "Digest x"}, {})]
    assert said == ['["anna","secret",null]', "[null,null,null]", '[null,null,"x"]', "[null,null,null]"]


@pytest.mark.parametrize("mode", ["worker", "classic"])
def test_the_headers_of_a_servers_reply_are_the_requests(modes, mode):
    """PHP tells of them since 8.4."""
    read = "echo json_encode(function_exists('http_get_last_response_headers') ? http_get_last_response_headers() : null);"
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        (_, during), _ = run(modes.get(mode), f"file_get_contents('http://127.0.0.1:{server.server_port}/', false, stream_context_create(['http' => ['method' => 'HEAD']])); {read}")
    assert "SimpleHTTP" in during or during == "null"
    assert run(modes.get(mode), read)[0][1] == "null"


@pytest.mark.parametrize("mode", ["worker", "classic"])
def test_a_client_that_has_gone_is_the_requests(modes, mode):
    s = modes.get(mode)
    pid = run(s, "")[1]
    mark = os.path.join(s.folder, "tmp", "gone")
    code = f"ignore_user_abort(true); while (!connection_aborted()) {{ echo str_repeat('x', 8192); flush(); }} file_put_contents('{mark}', getmypid());"
    with s.connect() as client:
        client.send(fastcgi.request_bytes(fastcgi.environment(s.app, QUERY_STRING="code=" + urllib.parse.quote(base64.b64encode(code.encode()), safe=""))))
        client.read_record()
    procs.until("the script to notice", lambda: procs.content(mark) == pid)
    os.unlink(mark)
    (_, said), after = run(s, "echo connection_status(), connection_aborted();")
    assert (said, after) == ("00", pid)


@pytest.mark.parametrize("boot", ["", "ini_set('precision', '7');"])
def test_a_value_of_the_web_servers_binds_its_request_alone(modes, boot):
    s = modes.get("worker", boot)
    code = "echo json_encode([ini_get('precision'), ini_set('precision', '3'), ini_get('precision')]);"
    (_, before), _ = run(s, code)
    (_, during), _ = run(s, code, PHP_ADMIN_VALUE="precision = 9")
    (_, after), _ = run(s, code)
    assert during == '["9",false,"9"]' and before == after and json.loads(after)[2] == "3"


def test_settings_of_the_session_that_ini_set_has_made_stay(modes):
    """Frameworks make them once, in an object that lives on; what session functions change is the request's."""
    s = modes.get("worker", "/* alone */")
    reads = "echo json_encode([ini_get('session.cache_limiter'), session_name(), session_module_name(), session_get_cookie_params()['samesite']]);"
    (_, before), _ = run(s, reads)
    assert json.loads(before)[1] == "PHPSESSID"
    run(s, "ini_set('session.cache_limiter', ''); ini_alter('session.name', 'KEPT'); ini_set('session.cookie_samesite', 'Lax'); ini_set('precision', '3');")
    (_, kept), _ = run(s, reads + "echo ini_get('precision');")
    assert kept == '["","KEPT","files","Lax"]14'
    run(s, "session_name('GONE'); session_cache_limiter('public'); session_set_cookie_params(['samesite' => 'None']); session_set_save_handler(new SessionHandler);")
    assert run(s, reads + "echo ini_get('precision');")[0][1] == kept
    run(s, "ini_restore('session.name'); ini_set('session.cache_limiter', 'private');")
    assert run(s, reads)[0][1] == '["private","KEPT","files","Lax"]'
