# SPDX-License-Identifier: MIT
"""Where a setting of PHP can come from: php.ini and its sections, -d, the pool, .user.ini, the request's parameters."""

import json
import os

import pytest

import server as programs
from backend import Backend

GET = "<?php echo json_encode(array_map('ini_get', explode(',', $_GET['n'])));"


def values(backend, *names, pool="www", path=None, **how):
    r = backend.run(path or GET, pool=pool, query="n=" + ",".join(names), **how)
    assert r.status == 200, r
    got = json.loads(r.text)
    return got[0] if len(got) == 1 else got


def test_php_ini_of_the_fpm_folder_is_read(backend):
    r = backend.run("<?php echo php_ini_loaded_file(), ' ', php_ini_scanned_files();")
    version = ".".join(map(str, programs.php_version()))
    folder = programs.ini_folder() if backend.name == "fpmd" else f"/etc/php/{version}/fpm"
    assert r.text.startswith(f"{folder}/php.ini ")
    assert f"{folder}/conf.d/10-opcache.ini" in r.text


# All that PHP lists of itself, as text that can be compared.
KINDS = {
    "extensions": "array_merge(get_loaded_extensions(), get_loaded_extensions(true))",
    "functions": "array_map(fn($f) => (string) new ReflectionFunction($f), get_defined_functions()['internal'])",
    "classes": "array_merge(get_declared_classes(), get_declared_interfaces(), get_declared_traits())",
    "constants": "array_map(fn($k, $v) => $k . '=' . (is_scalar($v) ? var_export($v, true) : ''), array_keys(get_defined_constants()),"
                 " array_values(get_defined_constants()))",
    "settings": "array_map(fn($k, $v) => $k . '=' . json_encode($v), array_keys(ini_get_all()), array_values(ini_get_all()))",
    "extensions' constants": "array_merge(...array_map(fn($e, $c) => array_map(fn($n) => \"$n: $e\", array_keys($c)),"
                             " array_keys(get_defined_constants(true)), array_values(get_defined_constants(true))))",
    "extensions' settings": "array_merge(...array_map(fn($e) => array_map(fn($n) => \"$n=$e\", array_keys(ini_get_all($e) ?: [])),"
                            " get_loaded_extensions()))",
    "streams": "array_merge(stream_get_wrappers(), stream_get_filters(), stream_get_transports())",
    "functions that cannot be called": "explode(',', ini_get('disable_functions'))",
}


# What only one of them has, or has otherwise. php-fpm knows the setting since 8.5.
LATER = {"fastcgi.script_path_encoded"} if programs.php_version() < (8, 5) else set()
OTHERWISE = {"constants": {"PHP_BINARY"}, "settings": LATER, "extensions' settings": LATER}


@programs.as_php_fpm()
@pytest.mark.parametrize("kind", KINDS)
def test_php_is_php_fpms(both, kind):
    """Name by name: programs of a site must not find more than they do under php-fpm, nor less."""
    a, b = [set(json.loads(x.run(f"<?php echo json_encode({KINDS[kind]});").text)) for x in both]
    assert {n.split("=")[0] for n in a ^ b} == OTHERWISE.get(kind, set())
    assert len(a) > 0


def test_pcntl_is_there_where_the_pool_wants_it(fpmd_server, site):
    code = "<?php echo json_encode([extension_loaded('pcntl'), function_exists('pcntl_fork'), defined('SIGCHLD'), function_exists('chroot')]);"
    fpmd = Backend(fpmd_server, site)
    assert [json.loads(fpmd.run(code, pool=pool).text) for pool in ("one", "forking")] == [[False] * 4, [True, True, True, False]]


# --- the pool's php_value and friends

def test_php_value_of_the_pool(backend):
    assert values(backend, "memory_limit", pool="settings") == "99M"


def test_php_value_can_be_changed_by_the_script(backend):
    r = backend.run("<?php echo ini_set('memory_limit', '98M'), ini_get('memory_limit');", pool="settings")
    assert r.text == "99M98M"


def test_change_by_the_script_ends_with_the_request(backend):
    backend.run("<?php ini_set('memory_limit', '98M');", pool="settings")
    assert values(backend, "memory_limit", pool="settings") == "99M"


def test_php_admin_value_cannot_be_changed(backend):
    r = backend.run("<?php var_dump(ini_get('precision'), ini_set('precision', '3'), ini_get('precision'));", pool="settings")
    assert r.text == 'string(1) "7"\nbool(false)\nstring(1) "7"\n'


def test_php_flag(backend):
    assert values(backend, "display_errors", pool="settings") == "1"


def test_php_admin_flag(backend):
    short = backend.site.file("short.php", "<? echo 'short tags'; ?>")
    assert backend.run(short, pool="settings").text == "short tags"
    assert backend.run(short).text == "<? echo 'short tags'; ?>"


def test_disable_functions_of_the_pool(backend):
    r = backend.run("<?php var_dump(function_exists('strrev'), function_exists('str_rot13'), function_exists('strtoupper'));", pool="settings")
    assert r.text == "bool(false)\nbool(false)\nbool(true)\n"
    assert backend.run("<?php echo strrev('ab');").text == "ba"


def test_quoted_value(backend):
    assert values(backend, "arg_separator.output", pool="settings") == "&amp;"


def test_settings_of_one_pool_are_not_those_of_another(backend):
    assert values(backend, "memory_limit", "precision", "display_errors") == ["128M", "14", ""]


# --- PHP_VALUE and PHP_ADMIN_VALUE of a request

def test_php_value_of_a_request(backend):
    assert values(backend, "memory_limit", pool="values", PHP_VALUE="memory_limit=55M") == "55M"


def test_php_value_of_a_request_has_many_lines(backend):
    assert values(backend, "memory_limit", "precision", "user_agent", pool="values",
                  PHP_VALUE='memory_limit=55M\nprecision = 5\nuser_agent="two words"') == ["55M", "5", "two words"]


def test_php_admin_value_of_a_request_cannot_be_changed(backend):
    r = backend.run("<?php var_dump(ini_set('memory_limit', '77M'), ini_get('memory_limit'));", pool="values",
                    PHP_ADMIN_VALUE="memory_limit=56M")
    assert r.text == 'bool(false)\nstring(3) "56M"\n'


def test_php_admin_value_of_a_request_reaches_system_settings(backend):
    assert values(backend, "open_basedir", pool="values", PHP_ADMIN_VALUE="open_basedir=/:/tmp") == "/:/tmp"


def test_php_value_of_a_request_reaches_system_settings_too(backend):
    """Whoever speaks FastCGI to the pool is trusted with that, as in php-fpm."""
    assert values(backend, "enable_dl", pool="values", PHP_VALUE="enable_dl=0") == "0"


def test_auto_prepend_by_request(backend):
    prepend = backend.site.file("prepend.php", "<?php echo 'before|';")
    append = backend.site.file("append.php", "<?php echo '|after';")
    r = backend.run("<?php echo 'page';", pool="values", PHP_VALUE=f"auto_prepend_file={prepend}\nauto_append_file={append}")
    assert r.text == "before|page|after"


def test_php_value_of_a_request_ends_with_it(backend):
    with backend.connect("one") as c:
        c.request(backend.params(GET, query="n=precision", PHP_VALUE="precision=11", PHP_ADMIN_VALUE="user_agent=mine"))
        r = c.request(backend.params(GET, query="n=precision,user_agent"), request_id=2)
    if backend.reference("php-value-leak"):
        assert json.loads(r.text) == ["11", "mine"]
        return
    assert json.loads(r.text) == ["14", ""]


# What php-fpm tells the web server of each form: (lines, what is told).
PASSING = "Passing INI directive through FastCGI: "
TOLD = {
    "a key alone": ("precision", ["empty value for key 'precision'"]),
    "a key alone that is none": ("nosuch", ["empty value for key 'nosuch'"]),
    "an empty value": ("precision=", []),
    "a section": ("[foo]", ["only classic entries are allowed"]),
    "a section without a name": ("[]", ["only classic entries are allowed"]),
    "a section of php.ini": ("[HOST=www]\nprecision=5", ["only classic entries are allowed"]),
    "an array": ("precision[]=5", ["only classic entries are allowed"]),
    "an array with a key": ("precision[a]=5", ["only classic entries are allowed"]),
    "an unknown key": ("nosuch=1", ["unable to set 'nosuch'"]),
    "a number as key": ("0=1", ["unable to set '0'"]),
    "no extension": ("extension=", ["unable to set 'extension'"]),
    "no extension of the engine": ("zend_extension=", ["unable to set 'zend_extension'"]),
    "several": ("[a]\nprecision[]=5\nprecision\nnosuch=4", ["only classic entries are allowed", "only classic entries are allowed",
                                                          "empty value for key 'precision'", "unable to set 'nosuch'"]),
    "none": ("; a comment", []),
}


@pytest.mark.parametrize("name", ["PHP_VALUE", "PHP_ADMIN_VALUE"])
@pytest.mark.parametrize("what", TOLD)
def test_what_is_no_setting_is_told_to_the_web_server(backend, what, name):
    lines, told = TOLD[what]
    r = backend.run("<?php echo 'page';", pool="values", **{name: lines})
    assert (r.text, r.stderr.decode()) == ("page", "; ".join(PASSING + t for t in told))


# The name is not in the script: opcache makes a constant of ini_get('NAME') where that is locked when it compiles.
CHANGE = "<?php var_dump(ini_set($_GET['n'], '77M'), ini_get($_GET['n']));"


def test_admin_value_that_php_refuses_locks_nothing(backend):
    r = backend.run(CHANGE, pool="values", query="n=memory_limit", PHP_ADMIN_VALUE="memory_limit=1")
    assert r.text == 'string(4) "128M"\nstring(3) "77M"\n'
    assert "Failed to set memory limit to 1 bytes" in r.stderr.decode()


def test_admin_value_stays_locked_when_php_refuses_another(backend):
    r = backend.run(CHANGE, pool="values", query="n=memory_limit", PHP_ADMIN_VALUE="memory_limit=66M\nmemory_limit=1")
    assert r.text == 'bool(false)\nstring(3) "66M"\n'


# --- .user.ini

def test_user_ini_of_the_scripts_folder(backend):
    backend.site.file("ui/.user.ini", "memory_limit = 44M\nprecision = 3\n")
    page = backend.site.file("ui/page.php", GET)
    assert values(backend, "memory_limit", "precision", path=page) == ["44M", "3"]
    assert values(backend, "memory_limit", "precision") == ["128M", "14"]


def test_user_ini_of_upper_folders(backend):
    backend.site.file("ui/.user.ini", "memory_limit = 44M\nprecision = 3\n")
    backend.site.file("ui/deep/er/.user.ini", "precision = 4\n")
    page = backend.site.file("ui/deep/er/page.php", GET)
    assert values(backend, "memory_limit", "precision", path=page) == ["44M", "4"]


def test_user_ini_cannot_set_system_settings(backend):
    backend.site.file("ui2/.user.ini", "enable_dl = 0\nmemory_limit = 43M\n")
    page = backend.site.file("ui2/page.php", GET)
    assert values(backend, "memory_limit", path=page) == "43M"
    assert values(backend, "enable_dl", path=page) == values(backend, "enable_dl")


def test_user_ini_cannot_override_admin_values(backend):
    backend.site.file("ui/.user.ini", "memory_limit = 44M\nprecision = 3\n")
    page = backend.site.file("ui/page.php", GET)
    assert values(backend, "precision", pool="settings", path=page) == "7"


def test_user_ini_above_the_document_root_is_not_read(backend):
    backend.site.file("ui/.user.ini", "memory_limit = 44M\nprecision = 3\n")
    page = backend.site.file("ui/inner/page.php", GET)
    assert values(backend, "precision", path=page, root=os.path.dirname(page)) == "14"


def test_user_ini_is_cached(backend):
    """user_ini.cache_ttl is 300 s: a change is not seen at once by the same worker."""
    ini = os.path.join(backend.site.folder(f"ui3-{backend.name}"), ".user.ini")
    page = backend.site.file(f"ui3-{backend.name}/page.php", GET)
    for precision in ("8", "9"):
        with open(ini, "w") as f:
            f.write(f"precision = {precision}\n")
        assert values(backend, "precision", pool="one", path=page) == "8"


# --- php.ini given by -c, settings given by -d

HOST, PATH = "special.example.org", "bypath"


def start(program, site):
    version = ".".join(map(str, programs.php_version()))
    with open(f"/etc/php/{version}/fpm/php.ini") as f:
        text = f.read()
    ini = site.file(f"{program.program}.ini", text + f"\n[HOST={HOST}]\nmemory_limit = 41M\n[PATH={site.root}/{PATH}]\n"
                                                     "memory_limit = 42M\nprecision = 9\n")
    args = ["-c", ini, "-d", "precision=5", "-d", "cgi.discard_path=1", "-d", "fastcgi.error_header=Status: 555 Broken", "-d",
            "short_open_tag"]
    return program({"www": {"pm.max_children": "1"}, "admin": {"php_admin_value[memory_limit]": "88M", "pm.max_children": "1"}},
                   args=args).start()


@pytest.fixture(scope="module", params=["php-fpm", "fpmd"])
def own_ini(request, site):
    server = start(programs.PhpFpm if request.param == "php-fpm" else programs.Fpmd, site)
    yield Backend(server, site)
    server.cleanup()


def test_php_ini_given_by_option(own_ini):
    assert own_ini.run("<?php echo php_ini_loaded_file();").text == os.path.join(own_ini.site.root, own_ini.name + ".ini")


def test_settings_given_by_option(own_ini):
    assert values(own_ini, "precision", "cgi.discard_path", "short_open_tag") == ["5", "1", "1"]


@pytest.mark.parametrize("name,limit", [(HOST, "41M"), ("other.example.org", "128M")])
def test_host_section(own_ini, name, limit):
    assert values(own_ini, "memory_limit", SERVER_NAME=name) == limit


def test_host_section_ends_with_the_request(own_ini):
    assert values(own_ini, "memory_limit", SERVER_NAME=HOST) == "41M"
    assert values(own_ini, "memory_limit") == "128M"


def test_path_section(own_ini):
    page = own_ini.site.file(PATH + "/page.php", GET)
    assert values(own_ini, "memory_limit", "precision", path=page) == ["42M", "9"]
    assert values(own_ini, "memory_limit", "precision") == ["128M", "5"]


def test_sections_are_the_administrators_too(own_ini):
    """They come from php.ini, so they win over the pool's php_admin_value."""
    assert values(own_ini, "memory_limit", pool="admin", SERVER_NAME=HOST) == "41M"
    assert values(own_ini, "memory_limit", pool="admin") == "88M"


def test_error_header_when_something_was_sent(own_ini):
    r = own_ini.run("<?php ini_set('display_errors', 1); nofunc();")
    assert r.header("Status") == "555 Broken"


def test_error_header_when_nothing_was_sent(own_ini):
    assert own_ini.run("<?php nofunc();").header("Status") == "500 Internal Server Error"


def test_error_header_of_a_missing_script(own_ini):
    r = own_ini.run(own_ini.site.root + "/none.php")
    assert r.header("Status") == ("555 Broken" if own_ini.reference("error-header") else "404 Not Found")
    assert r.body == b"File not found.\n"


def test_discard_path(own_ini):
    code = "<?php foreach (['SCRIPT_FILENAME', 'PATH_INFO', 'PATH_TRANSLATED', 'PHP_SELF'] as $n) echo $_SERVER[$n] ?? '-', ' '; echo __FILE__;"
    script = own_ini.site.script(code)
    root, name = os.path.dirname(script), "/" + os.path.basename(script)
    assert own_ini.run(script).text == f"{script} - - {name} {script}"
    r = own_ini.run(script + "/x/y", PATH_INFO="/x/y", SCRIPT_NAME=name)
    assert r.text == f"{script} /x/y {root}/x/y {name}/x/y {script}"
