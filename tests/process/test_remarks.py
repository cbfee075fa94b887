# SPDX-License-Identifier: MIT
"""What PHP does not take of its settings, and goes on without: told with file and line in the log, STATUS=, status, the answer to a reload, and by those who test a
configuration."""

import json
import os
import re
import shutil
import subprocess

import pytest

import procs
import server as programs

REFUSED = "Unable to set php_admin_value 'nonsense': PHP, with its extensions, has no such setting"
INI = "precision = 9\nfpmd.a = )\nserialize_precision = 7\n"
LOST = ": PHP goes on without the rest of this file"


@pytest.fixture
def refused(make):
    """A pool with a setting that PHP does not have, not started; place: of the line."""
    s = make({"shop": {"php_value[precision]": "5"}, "www": {"php_admin_value[nonsense]": "1"}})
    line = s.config().splitlines().index("php_admin_value[nonsense] = 1") + 1
    s.remark = f"[{s.config_path}:{line}] pool 'www': {REFUSED}"
    return s


@pytest.fixture
def broken(make):
    """Pools whose php.ini has a mistake in its second line."""
    s = make({"shop": {}, "www": {}})
    s.ini = os.path.join(s.folder, "php.ini")
    s.args = ["-c", s.ini]
    write_ini(s, INI)
    s.remark = re.escape(f"[{s.ini}:2] syntax error, unexpected ')'") + "[^\\n]*" + re.escape(LOST)
    return s


def write_ini(s, text):
    with open(s.ini, "w") as f:
        f.write(text)


def wait_status(s, pattern):
    def look():
        return any(re.search(pattern, m.get("STATUS", "")) for m in s.notify.messages)
    procs.until(f"STATUS= like {pattern}", look)


def run_fpmd(s, *args):
    s.write_config()
    return subprocess.run([programs.FPMD, *args, "-y", s.config_path, *s.args], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env=s.environment())


def test_a_setting_that_php_does_not_have(refused):
    s = refused.start()
    s.wait_log(r"ERROR: \[pool www\] " + re.escape(s.remark))
    wait_status(s, "PHP has not taken all settings: " + re.escape(s.remark) + "$")
    done = s.ctl("reload")
    assert (done.returncode, done.stdout) == (0, f"reload done, 2 pools renewed\nwarning: {s.remark}\n")
    status = s.status()
    assert [p["generations"][0]["warnings"] for p in status["pools"]] == ["", s.remark + "\n"]
    assert s.remark in status["last reload"]["text"]
    assert f"  warning   PHP has not taken all of its settings:\n            {s.remark}\n" in s.ctl("status").stdout
    said = json.loads(s.ctl("doctor", "--json", "-y", s.config_path).stdout)["findings"]
    assert any(f["check"] == "settings" and s.remark in f["what"] and "fpmd -t" in f["next"] for f in said), said
    del s.pools["www"]["php_admin_value[nonsense]"]
    s.write_config()
    assert s.ctl("reload", "www").stdout == "reload done in part, 1 pool renewed\n"
    assert [p["generations"][0]["warnings"] for p in s.status()["pools"]] == ["", ""]
    assert "PHP has not taken" not in s.ctl("status").stdout


def test_a_value_that_php_does_not_take(make):
    s = make({"www": {"php_value[date.timezone]": "Nowhere/Land"}}).start()
    line = s.config().splitlines().index("php_value[date.timezone] = Nowhere/Land") + 1
    s.wait_log(re.escape(f"[{s.config_path}:{line}] pool 'www': Unable to set php_value 'date.timezone': PHP does not take the value"))


def test_a_mistake_in_php_ini(broken):
    s = broken.start()
    s.wait_log(r"WARNING: \[pool www\] " + s.remark)
    s.wait_log(r"WARNING: \[pool shop\] " + s.remark)
    wait_status(s, "PHP has not taken all settings: " + s.remark)
    assert len(re.findall(r"^PHP:  syntax error", s.output(), re.M)) == 2, "PHP's own line is there as before, once for each pool"
    page = s.script("page.php", "<?php echo ini_get('precision'), ' ', ini_get('serialize_precision');")
    assert s.run(page).text == "9 -1", "what is before the mistake is read"
    done = s.ctl("reload")
    assert done.returncode == 0 and re.fullmatch(f"reload done, 2 pools renewed\nwarning: {s.remark}\n", done.stdout), done
    assert re.search(s.remark, s.ctl("status").stdout)
    write_ini(s, INI.replace(")", "1"))
    assert s.ctl("reload").stdout == "reload done, 2 pools renewed\n"
    assert s.run(page).text == "9 7"


def test_a_mistake_in_a_further_file(make):
    s = make({"www": {}})
    folder = s.shared_folder()
    with open(f"{folder}/20-x.ini", "w") as f:
        f.write("fpmd.a = 1\n\n[ (\n")
    s.env["PHP_INI_SCAN_DIR"] = folder
    s.start()
    s.wait_log(re.escape(f"[{folder}/20-x.ini:") + r"\d+\] syntax error.*" + re.escape(LOST))


def test_a_test_of_the_configuration_says_so(refused):
    done = run_fpmd(refused, "-t")
    assert done.returncode == 0 and f"WARNING: {refused.remark}\n" in done.stderr and "test is successful" in done.stderr
    del refused.pools["www"]["php_admin_value[nonsense]"]
    done = run_fpmd(refused, "-t")
    assert done.returncode == 0 and "WARNING" not in done.stderr and "not looked at" not in done.stderr


def test_a_test_says_a_mistake_in_php_ini_once(broken):
    done = run_fpmd(broken, "-t")
    assert done.returncode == 0 and len(re.findall(f"WARNING: {broken.remark}\n", done.stderr)) == 1 == done.stderr.count("syntax error")


def test_a_test_runs_no_preload_script_and_says_that_php_does_not_start(make):
    s = make({"www": {}})
    ran = os.path.join(s.shared_folder(), "ran")
    s.pools["www"]["php_admin_value[opcache.preload]"] = s.script("preload.php", f"<?php touch('{ran}');")
    s.pools["www"]["php_admin_value[browscap]"] = "/nonexistent"
    done = run_fpmd(s, "-t")
    assert done.returncode == 0 and re.search(rf"WARNING: \[{re.escape(s.config_path)}:\d+\] pool 'www': PHP does not start: PHP Warning:  Cannot open \"/nonexistent\" .*; PHP Fatal error: ", done.stderr), done
    assert not os.path.exists(ran)


def test_check_says_so(refused, tmp_path):
    """Beside the programs as they are installed."""
    shutil.copy(programs.FPMCTL, tmp_path / "fpmctl")
    os.symlink(os.path.join(os.path.dirname(programs.FPMD), "fpmd-zygote"), tmp_path / "fpmd-zygote")
    refused.write_config()
    done = subprocess.run([tmp_path / "fpmctl", "check", "-y", refused.config_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and f"{refused.remark}\n" in done.stderr, done


@programs.as_php_fpm()
def test_under_php_fpms_name_a_test_asks_php_nothing(refused):
    refused.write_config()
    folder = programs.make_folder("named")
    os.symlink(programs.FPMD, os.path.join(folder, "php-fpm8.2"))
    done = subprocess.run([os.path.join(folder, "php-fpm8.2"), "-t", "-y", refused.config_path], capture_output=True, text=True, timeout=60)
    shutil.rmtree(folder)
    assert done.returncode == 0 and "nonsense" not in done.stderr


NOT_LOADED = ": PHP goes on without it: "


@pytest.mark.parametrize("directive, says", [("extension", "Unable to load dynamic library 'nosuch' (tried: "), ("zend_extension", "Failed loading Zend extension 'nosuch' (tried: ")])
def test_an_extension_that_is_not_there(make, directive, says):
    """In php.ini and in a pool: told by the log, a reload, status, doctor, -t, each once, with file and line."""
    s = make({"shop": {f"php_admin_value[{directive}]": "/nowhere/other.so"}, "www": {}})
    s.ini = os.path.join(s.folder, "php.ini")
    s.args = ["-c", s.ini]
    write_ini(s, f"precision = 9\n; {directive} = nosuch\n{directive} = \"nosuch\" ; not there\nserialize_precision = 7\n")
    ini = f"[{s.ini}:3] {directive} = nosuch{NOT_LOADED}{says}"
    line = s.config().splitlines().index(f"php_admin_value[{directive}] = /nowhere/other.so") + 1
    pool = f"[{s.config_path}:{line}] pool 'shop': php_admin_value[{directive}] = /nowhere/other.so{NOT_LOADED}"
    tested = run_fpmd(s, "-t")
    assert tested.returncode == 0 and tested.stderr.count(f"WARNING: {ini}") == 1 == tested.stderr.count(f"WARNING: {pool}"), tested
    s.start()
    s.wait_log(r"WARNING: \[pool www\] " + re.escape(ini))
    s.wait_log(r"WARNING: \[pool shop\] " + re.escape(ini))
    assert "/nowhere/other.so" in s.wait_log(r"WARNING: \[pool shop\] " + re.escape(pool) + ".*").group().split(NOT_LOADED)[1]
    page = s.script("page.php", "<?php echo ini_get('precision'), ' ', ini_get('serialize_precision');")
    assert s.run(page).text == "9 7", "what is behind it is read"
    done = s.ctl("reload")
    assert done.returncode == 0 and done.stdout.count(f"\nwarning: WARNING: {ini}") + done.stdout.count(f"\nwarning: {ini}") == 1, done
    assert ini in s.ctl("status").stdout and pool in s.ctl("status").stdout
    said = json.loads(s.ctl("doctor", "--json", "-y", s.config_path).stdout)["findings"]
    assert any(f["check"] == "settings" and ini in f["what"] for f in said), said
    write_ini(s, "precision = 9\n")
    del s.pools["shop"][f"php_admin_value[{directive}]"]
    s.write_config()
    assert s.ctl("reload").stdout == "reload done, 2 pools renewed\n"


def test_a_file_that_is_no_extension(make):
    """PHP loads the library, and says of it on stderr, or as an error, what it is not."""
    library = subprocess.run(["gcc", "-print-file-name=libm.so.6"], capture_output=True, text=True).stdout.strip()
    s = make({"www": {"php_admin_value[extension]": library, "php_value[zend_extension]": library}})
    done = run_fpmd(s, "-t")
    assert re.search(re.escape(f"php_admin_value[extension] = {library}{NOT_LOADED}") + ".*Invalid library", done.stderr), done
    assert re.search(re.escape(f"php_value[zend_extension] = {library}{NOT_LOADED}") + ".*doesn't appear to be a valid Zend extension", done.stderr), done
