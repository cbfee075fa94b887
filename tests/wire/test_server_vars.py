# SPDX-License-Identifier: MIT
"""$_SERVER, $_ENV and getenv(): what a script sees of its request and its process."""

import base64
import json
import os
import pwd
import random

import pytest

import fastcgi
import server as programs

# What the pool's env[] has, and what every pool gets.
POOL = ["GREETING", "FROM_OUTSIDE", "QUOTED"]
USER = ["USER", "HOME"]
DUMP = "<?php header('Content-Type: application/json'); echo json_encode($_SERVER, JSON_PARTIAL_OUTPUT_ON_ERROR);"


def server_vars(backend, **how):
    return json.loads(backend.run(DUMP, **how).body)


def test_every_parameter_arrives_unchanged(backend):
    params = backend.params(DUMP, query="a=1&b=%20", HTTP_X_UMLAUT="äöü", HTTP_COOKIE="k=v; l=w", HTTPS="on")
    seen = json.loads(backend.client().request(params).body)
    assert {k: seen[k] for k in params} == params


def test_nothing_else_is_there(backend):
    params = backend.params(DUMP)
    seen = json.loads(backend.client().request(params).body)
    extra = set(seen) - set(params)
    assert extra == {"FCGI_ROLE", "PHP_SELF", "REQUEST_TIME", "REQUEST_TIME_FLOAT", *POOL, *USER}


def test_order_is_environment_then_parameters_from_the_last_then_php(backend):
    params = backend.params(DUMP)
    seen = list(json.loads(backend.client().request(params).body))
    environment = POOL[::-1] + USER if backend.reference("environment-order") else USER + POOL
    assert seen[:len(environment)] == environment
    assert [k for k in seen if k in params] == list(reversed(params))
    assert seen[-4:] == ["FCGI_ROLE", "PHP_SELF", "REQUEST_TIME_FLOAT", "REQUEST_TIME"]


def test_fcgi_role(backend):
    assert server_vars(backend)["FCGI_ROLE"] == "RESPONDER"


def test_request_time_is_now(backend):
    import time
    before = int(time.time())
    seen = server_vars(backend)
    assert before <= seen["REQUEST_TIME"] <= time.time()
    assert abs(seen["REQUEST_TIME_FLOAT"] - seen["REQUEST_TIME"]) < 1.01 and isinstance(seen["REQUEST_TIME"], int)


def test_php_self_is_the_script_name(backend):
    seen = server_vars(backend)
    assert seen["PHP_SELF"] == seen["SCRIPT_NAME"]


def test_empty_values_are_present_and_empty(backend):
    seen = server_vars(backend, HTTP_X_EMPTY="")
    assert seen["HTTP_X_EMPTY"] == "" and seen["CONTENT_LENGTH"] == ""


def test_last_of_two_parameters_of_one_name_wins(backend):
    params = list(backend.params(DUMP).items()) + [("HTTP_X_TWICE", "first"), ("HTTP_X_TWICE", "second")]
    assert json.loads(backend.client().request(params).body)["HTTP_X_TWICE"] == "second"
    assert fastcgi.decode_pairs(fastcgi.pairs(params))[b"HTTP_X_TWICE"] == b"second"


# Some are longer than others of the same end, some are no plain keys of an array, some are what the answer depends on.
NAMES = ["HTTP_X_A", "HTTP_X_B", "HTTP_Y_A", "HTTP_XX_A", "N10SAME", "N11SAME", "N1SAME", "X", "XY", "A.B C", "ARR[k]", "FCGI_ROLE", "PHP_SELF",
         "QUERY_STRING", "PATH_INFO", "PATH_TRANSLATED", "CONTENT_TYPE", "ORIG_PATH_INFO", "SERVER_NAME"]
ALL_WAYS = ("<?php $e = array_flip(" + json.dumps(POOL + USER) + "); unset($_SERVER['REQUEST_TIME'], $_SERVER['REQUEST_TIME_FLOAT']);"
            " var_dump(array_diff_key($_SERVER, $e), array_diff_key(getenv(), $e), getallheaders(), $_GET);"
            " foreach (" + json.dumps(NAMES) + " as $n) var_dump(getenv($n));"
            " var_dump(array_diff_key(getenv(), $e));")


@pytest.mark.parametrize("seed", range(12))
def test_names_that_come_several_times(both, seed):
    """Each keeps its first place and takes its last value, whichever way it is asked for."""
    answers = []
    for backend in both:
        rng = random.Random(seed)
        with backend.connect("one") as c:
            for _ in range(4):
                params = list(backend.params(ALL_WAYS).items())
                for i in range(rng.randrange(1, 60)):
                    value = rng.choice([f"/{i}", f"v{i}", "", f"a={i}&b", "w" * rng.choice([126, 127, 128, 300])])
                    params.insert(rng.randrange(len(params) + 1), (rng.choice(NAMES), value))
                answers.append(c.request(params, keep=True, wide=rng.random() < 0.3).stdout)
    assert answers[4:] == answers[:4]
    assert b"HTTP_X_A" in b"".join(answers)


def test_parameter_with_any_bytes(backend):
    raw = bytes(range(1, 256))
    r = backend.run("<?php echo bin2hex($_SERVER['HTTP_X_RAW']);", HTTP_X_RAW=raw)
    assert r.text == raw.hex()


def test_parameter_is_cut_at_a_nul_byte(backend):
    r = backend.run("<?php echo bin2hex($_SERVER['HTTP_X_RAW']);", HTTP_X_RAW=b"a\0b")
    assert r.text == b"a".hex()


@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 255, 256, 16384, 60000])
def test_values_of_every_length(backend, n):
    assert backend.run("<?php echo strlen($_SERVER['HTTP_X_N']);", HTTP_X_N="v" * n).text == str(n)


@pytest.mark.parametrize("n", [1, 127, 128, 500])
def test_names_of_every_length(backend, n):
    name = "N" * n
    assert backend.run("<?php echo $_SERVER[str_repeat('N', (int)$_GET['n'])];", query=f"n={n}", **{name: "here"}).text == "here"


# --- authentication

def test_basic_authentication(backend):
    seen = server_vars(backend, HTTP_AUTHORIZATION="Basic " + base64.b64encode(b"joe:se:cret").decode())
    assert (seen["PHP_AUTH_USER"], seen["PHP_AUTH_PW"]) == ("joe", "se:cret")
    assert seen["HTTP_AUTHORIZATION"].startswith("Basic ")


def test_digest_authentication(backend):
    seen = server_vars(backend, HTTP_AUTHORIZATION='Digest username="joe", realm="r"')
    assert seen["PHP_AUTH_DIGEST"] == 'username="joe", realm="r"'
    assert "PHP_AUTH_USER" not in seen


@pytest.mark.parametrize("value", ["Bearer abc", "Basic !!!!", "Basic", "", "Basic " + base64.b64encode(b"nocolon").decode()])
def test_other_authorization_sets_no_user(backend, value):
    seen = server_vars(backend, HTTP_AUTHORIZATION=value)
    assert "PHP_AUTH_PW" not in seen and seen["HTTP_AUTHORIZATION"] == value


def test_user_of_one_request_is_not_seen_by_the_next(backend):
    with backend.connect("one") as c:
        auth = backend.params(DUMP, HTTP_AUTHORIZATION="Basic " + base64.b64encode(b"joe:x").decode())
        assert json.loads(c.request(auth).body)["PHP_AUTH_USER"] == "joe"
        assert "PHP_AUTH_USER" not in json.loads(c.request(backend.params(DUMP)).body)


def test_parameters_of_one_request_are_not_seen_by_the_next(backend):
    with backend.connect("one") as c:
        code = "<?php var_dump(getenv('HTTP_X_SECRET'), isset($_SERVER['HTTP_X_SECRET']));"
        assert c.request(backend.params(code, HTTP_X_SECRET="s")).text == 'string(1) "s"\nbool(true)\n'
        assert c.request(backend.params(code)).text == "bool(false)\nbool(false)\n"


# --- httpoxy

proxy_names = pytest.mark.parametrize("name", [b"HTTP_PROXY", b"HTTP_PROXY\0", b"HTTP_PROXY\0X"])


@proxy_names
def test_proxy_header_reaches_neither_getenv_nor_server(backend, name):
    r = backend.run("<?php var_dump(getenv('HTTP_PROXY'), isset($_SERVER['HTTP_PROXY']), isset($_ENV['HTTP_PROXY']),"
                    " getenv('HTTP_PROXY', true));", **{os.fsdecode(name): "http://evil.example/"})
    assert r.text == "bool(false)\n" * 4


@proxy_names
def test_proxy_header_is_not_in_getenv_of_all(backend, name):
    r = backend.run("<?php var_dump(isset(getenv()['HTTP_PROXY']));", **{os.fsdecode(name): "http://evil.example/"})
    assert r.text == f"bool({'true' if backend.reference('httpoxy') else 'false'})\n"


# --- environment

def test_getenv_knows_parameters_and_environment(backend):
    r = backend.run("<?php var_dump(getenv('REQUEST_METHOD'), getenv('GREETING'), getenv('NO_SUCH'));")
    assert r.text == 'string(3) "GET"\nstring(5) "hello"\nbool(false)\n'


def test_getenv_local_only(backend):
    r = backend.run("<?php var_dump(getenv('REQUEST_METHOD', true), getenv('GREETING', true));")
    assert r.text == 'bool(false)\nstring(5) "hello"\n'


def test_getenv_of_all(backend):
    r = backend.run("<?php $e = getenv(); var_dump($e['GREETING'], $e['REQUEST_METHOD'] ?? null, $e['HTTP_HOST'] ?? null);")
    assert r.text == 'string(5) "hello"\nstring(3) "GET"\nstring(15) "www.example.org"\n'


def test_putenv_lives_for_one_request(backend):
    with backend.connect("one") as c:
        code = "<?php var_dump(getenv('MINE')); putenv('MINE=1'); var_dump(getenv('MINE'));"
        for _ in range(2):
            assert c.request(backend.params(code)).text == 'bool(false)\nstring(1) "1"\n'


def test_env_array_is_filled_when_asked_for(backend):
    r = backend.run("<?php var_dump(count($_ENV), ini_get('variables_order'));")
    assert r.text == 'int(0)\nstring(4) "GPCS"\n'


def test_env_directive_values(backend):
    r = backend.run("<?php echo getenv('GREETING'), '|', getenv('FROM_OUTSIDE'), '|', getenv('QUOTED');")
    assert r.text == "hello|seen from outside|two words"


def test_environment_is_cleared_by_default(backend):
    r = backend.run("<?php var_dump(getenv('OUTSIDE'), getenv('PATH'));")
    assert r.text == "bool(false)\nbool(false)\n"


def test_environment_is_kept_with_clear_env_off(backend):
    r = backend.run("<?php var_dump(getenv('OUTSIDE'));", pool="surroundings")
    assert r.text == 'string(17) "seen from outside"\n'


def test_user_and_home_are_those_of_the_user_it_runs_as(backend):
    entry = pwd.getpwnam(programs.POOL_USER) if programs.ROOT else pwd.getpwuid(os.geteuid())
    assert backend.run("<?php echo getenv('USER'), '|', getenv('HOME');").text == f"{entry.pw_name}|{entry.pw_dir}"


def test_chdir_is_where_scripts_of_no_folder_start(backend):
    # PHP changes into the script's folder for the run, chdir= or not.
    r = backend.run("<?php echo getcwd();", pool="surroundings")
    assert r.text == backend.site.root


def test_variables_do_not_leak_from_the_service_manager(backend):
    r = backend.run("<?php foreach (['NOTIFY_SOCKET', 'LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'WATCHDOG_USEC'] as $n)"
                    " echo getenv($n) === false ? '-' : $n;", pool="one")
    assert r.text == "-----"


# --- argv

def test_argv_is_off_by_default(backend):
    assert backend.run("<?php var_dump(isset($argv), isset($_SERVER['argv']));", query="a+b").text == "bool(false)\nbool(false)\n"


def test_argv_when_registered(backend):
    r = backend.run("<?php echo json_encode([$_SERVER['argv'], $_SERVER['argc']]);", query="a+b", pool="values",
                    PHP_VALUE="register_argc_argv=1")
    assert json.loads(r.text) == [["a", "b"], 2]


# --- superglobals of the query and the cookie

def test_get_and_cookie_and_request(backend):
    r = backend.run("<?php echo json_encode([$_GET, $_COOKIE, $_REQUEST]);", query="a=1&b[]=x&b[]=y&c%20d=%26", HTTP_COOKIE="k=v%3D1; m=n")
    get = {"a": "1", "b": ["x", "y"], "c_d": "&"}
    assert json.loads(r.text) == [get, {"k": "v=1", "m": "n"}, get]
