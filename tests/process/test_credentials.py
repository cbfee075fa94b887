# SPDX-License-Identifier: MIT
"""env[NAME] = @cred:CREDENTIAL: the pool that names a secret has it, and nothing else shows it. The folder is as systemd makes it for root."""

import os
import subprocess

import pytest

import server as programs

SECRET = "s3cret-of-a-4711"
SHOW = r"""<?php
echo json_encode(['getenv' => getenv('DB_PASSWORD'), 'server' => $_SERVER['DB_PASSWORD'] ?? null, 'env' => $_ENV['DB_PASSWORD'] ?? null,
    'all' => getenv()['DB_PASSWORD'] ?? null, 'environ' => str_contains(@file_get_contents('/proc/self/environ') ?: '', 's3cret'),
    'program' => str_contains(shell_exec('env'), 's3cret'), 'phpinfo' => (function () { ob_start(); phpinfo(); return str_contains(ob_get_clean(), 's3cret'); })(),
    'readable' => is_readable($_SERVER['FOLDER'] . '/db_password')]);"""


class Service:
    """A service with a folder of credentials. make and start are the fixtures."""

    def __init__(self, make, pools, secret=f"{SECRET}\n"):
        self.s = make(pools)
        self.folder = os.path.join(self.s.folder, "credentials")
        os.mkdir(self.folder, 0o500)
        self.s.env["CREDENTIALS_DIRECTORY"] = self.folder
        self.put("db_password", secret)

    def put(self, name, text):
        path = os.path.join(self.folder, name)
        if os.path.exists(path):
            os.unlink(path)
        fd = os.open(path, os.O_CREAT | os.O_WRONLY, 0o400)
        os.write(fd, text if isinstance(text, bytes) else text.encode())
        os.close(fd)

    def show(self, pool, **more):
        import json
        return json.loads(self.s.run(self.s.script("show.php", SHOW), pool, timeout=programs.START_LIMIT, FOLDER=self.folder, **more).text)

    def test(self, *args, **env):
        self.s.write_config()
        return subprocess.run([programs.FPMD, *args, "-y", self.s.config_path], capture_output=True, text=True, timeout=60,
                              env={**self.s.environment(), **env})


NAMED = {"env[DB_PASSWORD]": "@cred:db_password"}


def test_a_secret_is_its_pools_and_is_not_shown(make):
    service = Service(make, {"a": dict(NAMED), "b": {}, "c": {**NAMED, "security.expose_credentials": "yes"}})
    s = service.s.start()
    hidden = {"server": None, "env": None, "all": None, "environ": False, "program": False, "phpinfo": False, "readable": not programs.ROOT}
    assert service.show("a") == {**hidden, "getenv": SECRET}
    assert service.show("b") == {**hidden, "getenv": False}
    assert service.show("a", DB_PASSWORD="web-server's")["getenv"] == SECRET
    exposed = service.show("c")
    assert exposed["getenv"] == exposed["server"] == exposed["all"] == SECRET and exposed["program"] and exposed["phpinfo"]
    dumped = service.test("-tt")
    assert dumped.returncode == 0 and '@cred:db_password' in dumped.stdout + dumped.stderr
    told = [dumped.stdout, dumped.stderr, s.log(), s.output(), s.ctl("status").stdout, s.ctl("status", "--json").stdout]
    assert not any(SECRET in text for text in told)


def test_a_reload_takes_another_secret_and_refuses_none(make):
    service = Service(make, {"www": dict(NAMED)}, "first")
    s = service.s.start()
    assert service.show("www")["getenv"] == "first"
    service.put("db_password", "second\n\n")
    assert s.ctl("reload").returncode == 0
    assert service.show("www")["getenv"] == "second\n", "one line feed is left out"
    os.unlink(f"{service.folder}/db_password")
    refused = s.ctl("reload")
    why = f"directive 'env': pool 'www': env[DB_PASSWORD] = @cred:db_password: '{service.folder}/db_password': No such file or directory (LoadCredential="
    assert refused.returncode != 0 and why in refused.stdout + refused.stderr + s.log()
    assert f"[{s.config_path}:" in s.log()
    assert service.show("www")["getenv"] == "second\n"


@pytest.mark.parametrize("secret, why", [("", "it is empty"), ("\n", "it is empty"), (b"s3cret\0s3cret", "it has a NUL byte"), ("s3cret" * 20000, "it has more than 65536 bytes")])
def test_what_is_no_value(make, secret, why):
    said = Service(make, {"www": dict(NAMED)}, secret).test("-t")
    text = said.stdout + said.stderr
    assert said.returncode == 78 and f"env[DB_PASSWORD] = @cred:db_password: {why}" in text and "s3cret" not in text


@pytest.mark.parametrize("name", ["../shadow", "", ".."])
def test_what_is_no_name(make, name):
    said = Service(make, {"www": {"env[X]": f"@cred:{name}"}}).test("-t")
    assert said.returncode == 78 and f"env[X] = @cred:{name}: no credential can have this name" in said.stdout + said.stderr


def test_without_a_folder(make):
    """A test on the command line is not the service; a start is."""
    service = Service(make, {"www": dict(NAMED)})
    service.s.env.pop("CREDENTIALS_DIRECTORY")
    tested = service.test("-t")
    assert tested.returncode == 0 and "env[DB_PASSWORD] = @cred:db_password is not looked at" in tested.stdout + tested.stderr
    code, said = service.s.start_expecting_failure()
    assert code == 78 and "env[DB_PASSWORD] = @cred:db_password: the service has no credentials: $CREDENTIALS_DIRECTORY is not set" in said
