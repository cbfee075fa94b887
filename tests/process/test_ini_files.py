# SPDX-License-Identifier: MIT
"""Which files PHP's settings come from, by options and environment, and what PHP says of them: php-fpm and fpmd, the same command and
environment given to both."""

import json
import os
import re

import pytest

import server as programs

FACTS = ("<?php ob_start(); phpinfo(INFO_GENERAL); $i = ob_get_clean(); $rows = [];"
         " foreach (['Configuration File \\(php.ini\\) Path', 'Loaded Configuration File', 'Scan this dir for additional .ini files',"
         " 'Additional .ini files parsed'] as $r)"
         " { preg_match(\"~>$r ?</td><td class=\\\"v\\\">(.*?)</td>~s\", $i, $m); $rows[] = trim($m[1] ?? '?'); }"
         " echo json_encode(['rows' => $rows, 'folder' => PHP_CONFIG_FILE_PATH, 'scanned folder' => PHP_CONFIG_FILE_SCAN_DIR,"
         " 'loaded' => php_ini_loaded_file(), 'scanned' => php_ini_scanned_files(), 'cfg' => get_cfg_var('cfg_file_path'),"
         " 'markers' => array_map('get_cfg_var', ['fpmd.a', 'fpmd.b', 'fpmd.c', 'fpmd.d']), 'env' => [getenv('PHPRC'), getenv('PHP_INI_SCAN_DIR')],"
         " 'precision' => ini_get('precision'), 'opcache' => extension_loaded('Zend OPcache')], JSON_UNESCAPED_SLASHES);")

# {d} is a folder with own.ini, rc/php.ini, sapi/php-fpm-fcgi.ini, and .ini files in one/ and two/.
CASES = {
    "nothing": ((), {}),
    "-c file": (("-c", "{d}/own.ini"), {}),
    "-c folder": (("-c", "{d}/rc"), {}),
    "-c folder with a file for this SAPI": (("-c", "{d}/sapi"), {}),
    "-c that is not there": (("-c", "{d}/missing"), {}),
    "-n": (("-n",), {}),
    "-n and -c": (("-n", "-c", "{d}/own.ini"), {}),
    "-n and PHPRC": (("-n",), {"PHPRC": "{d}/rc"}),
    "-n and a scan dir": (("-n",), {"PHP_INI_SCAN_DIR": "{d}/one"}),
    "-d": (("-d", "precision=5", "-d", "fpmd.d=x y", "-d", "fpmd.c"), {}),
    "-d of a quoted value": (("-d", 'fpmd.d="a;b"', "-d", "fpmd.c=/a;b", "-d", "fpmd.b=", "-d", "fpmd.a=E_ALL"), {}),
    "-n and -d": (("-n", "-d", "precision=5"), {}),
    "PHPRC of a folder": ((), {"PHPRC": "{d}/rc"}),
    "PHPRC of a folder with a file for this SAPI": ((), {"PHPRC": "{d}/sapi"}),
    "PHPRC of a file": ((), {"PHPRC": "{d}/own.ini"}),
    "PHPRC that is not there": ((), {"PHPRC": "{d}/missing"}),
    "PHPRC of a folder without one": ((), {"PHPRC": "{d}/one"}),
    "PHPRC is empty": ((), {"PHPRC": ""}),
    "PHPRC of two folders": ((), {"PHPRC": "{d}/one:{d}/rc"}),
    "-c and PHPRC": (("-c", "{d}/own.ini"), {"PHPRC": "{d}/rc"}),
    "no scan dir": ((), {"PHP_INI_SCAN_DIR": ""}),
    "a scan dir": ((), {"PHP_INI_SCAN_DIR": "{d}/one"}),
    "two scan dirs": ((), {"PHP_INI_SCAN_DIR": "{d}/two:{d}/one"}),
    "the built-in and another": ((), {"PHP_INI_SCAN_DIR": ":{d}/one"}),
    "another and the built-in": ((), {"PHP_INI_SCAN_DIR": "{d}/one:"}),
    "the built-in in the middle": ((), {"PHP_INI_SCAN_DIR": "{d}/one::{d}/two"}),
    "a scan dir that is not there": ((), {"PHP_INI_SCAN_DIR": "{d}/missing"}),
    "no scan dir and -c": (("-c", "{d}/own.ini"), {"PHP_INI_SCAN_DIR": ""}),
}


@pytest.fixture(scope="module")
def files():
    folder = programs.make_folder("ini")
    for name, text in {"own.ini": "fpmd.a = own\nprecision = 9\n", "rc/php.ini": "fpmd.b = rc\n", "sapi/php.ini": "fpmd.b = plain\n",
                       "sapi/php-fpm-fcgi.ini": "fpmd.b = sapi\n", "one/1.ini": "fpmd.c = one\n", "two/2.ini": "fpmd.c = two\n",
                       "one/3.txt": "fpmd.c = none\n"}.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
    yield folder
    programs.shutil.rmtree(folder)


@programs.as_php_fpm()
@pytest.mark.parametrize("case", CASES)
def test_as_php_fpm(files, case):
    args, env = CASES[case]
    got = []
    for program in (programs.PhpFpm, programs.Fpmd):
        with program({"www": {"pm.max_children": "1", "clear_env": "no"}}, args=[a.replace("{d}", files) for a in args],
                     env={k: v.replace("{d}", files) for k, v in env.items()}) as s:
            r = s.run(s.script("facts.php", FACTS))
            assert r.status == 200, r
            got.append(json.loads(r.text))
    assert "?" not in got[0]["rows"]
    if got[0]["rows"][2] == "<i>no value</i>":  # php-fpm's title is written over the variable that it shows
        got[0]["rows"][2] = env["PHP_INI_SCAN_DIR"].replace("{d}", files)
    assert got[1] == got[0]


# --- PHP_BINARY

def binary(server, code="<?php echo PHP_BINARY;"):
    return server.run(server.script("binary.php", code)).text


def test_binary_of_php_fpm_is_its_program():
    with programs.PhpFpm() as s:
        assert binary(s) == programs.php_fpm()


def test_binary_is_the_program():
    with programs.Fpmd() as s:
        assert binary(s) == os.path.realpath(programs.FPMD)


class Named(programs.Fpmd):
    """fpmd by another path, or under another argv[0]."""

    argv0 = path = None

    def command(self):
        return ["/bin/bash", "-c", 'exec -a "$0" "$@"', self.argv0, self.path, *super().command()[1:]]


def named(path=programs.FPMD, argv0=None, **more):
    s = Named(**more)
    s.path, s.argv0 = path, argv0 or path
    return s


def test_binary_under_php_fpms_name():
    """The link's own path: what makes bin/php of it gets the php of that version."""
    folder = programs.make_folder("names")
    os.mkdir(os.path.join(folder, "sbin"))
    link, alternative = (os.path.join(folder, "sbin", n) for n in ("php-fpm8.2", "php-fpm"))
    os.symlink(programs.FPMD, link)
    os.symlink("php-fpm8.2", alternative)
    os.symlink("sbin", os.path.join(folder, "s"))
    try:
        for path in (link, alternative, os.path.join(folder, "s", "php-fpm")):
            with named(path) as s:
                assert binary(s) == link
                assert binary(s, "<?php echo str_replace('sbin/php-fpm', 'bin/php', PHP_BINARY);") == os.path.join(folder, "bin/php8.2")
        with named(argv0="php-fpm8.2", env={"PATH": f"/nowhere:{folder}/sbin:/bin"}) as s:  # as units name it
            assert binary(s) == link
        with named(argv0="php-fpm8.2", env={"PATH": "/nowhere"}) as s:
            assert binary(s) == os.path.realpath(programs.FPMD)
    finally:
        programs.shutil.rmtree(folder)


def test_no_scan_dir_in_what_is_printed():
    """-i and -m read the same files."""
    r = programs.subprocess.run([programs.FPMD, "-i"], env={"PATH": "/usr/bin", "PHP_INI_SCAN_DIR": ""}, capture_output=True, text=True,
                                timeout=programs.START_LIMIT)
    assert re.search(r"^Scan this dir for additional .ini files => \(none\)$", r.stdout, re.M)
    assert re.search(rf"^Configuration File \(php.ini\) Path => {re.escape(programs.ini_folder())}$", r.stdout, re.M)


@pytest.mark.parametrize("user, said", [("daemon", 1), (None, 0)], ids=["another", "none"])
def test_preload_user_that_has_no_effect_is_said(make, user, said):
    s = make()
    s.pools["www"]["php_admin_value[opcache.preload]"] = s.script("preload.php", "<?php")
    if user:
        s.pools["www"]["php_admin_value[opcache.preload_user]"] = user
    s.start()
    line = "opcache.preload_user = daemon has no effect: preloading runs as the pool's user"
    assert s.log().count(f"WARNING: [pool www] {line}") == said, s.log()
