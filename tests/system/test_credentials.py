# SPDX-License-Identifier: MIT
"""Credentials that systemd itself has loaded or imported: the pool that names one has it, and its environment has not."""

import json

import pytest

from service import DROPIN, Instance

SECRET = "s3cret-of-a-4711"
SHOW = r"""<?php
$file = ($_GET['folder'] ?? getenv('CREDENTIALS_DIRECTORY')) . '/db_password';
ob_start();
phpinfo();
$info = ob_get_clean();
echo json_encode(['getenv' => getenv('DB_PASSWORD'), 'shown' => str_contains($info . serialize([$_SERVER, $_ENV]) . shell_exec('env'), 's3cret'),
    'file' => trim((string) @file_get_contents($file))]);"""


@pytest.fixture
def show(container):
    """show(socket, folder) -> what a page of that pool sees."""
    container.write("/var/www/html/secret.php", SHOW)

    def ask(socket, folder=""):
        return json.loads(container.run("fpmctl", "get", "--connect", socket, "/var/www/html/secret.php" + (folder and f"?folder={folder}")).stdout)
    yield ask
    container.remove("/var/www/html/secret.php")


def put(container, path):
    container.write(path, SECRET + "\n", mode=0o600)
    container.run("chown", "root:root", path)


def test_a_credential_that_systemd_loads_reaches_the_pool_of_fpmd_service(fpmd, show, container):
    put(container, "/etc/fpmd/secrets/db_password")
    fpmd.drop_in("fpmd.service", "[Service]\nLoadCredential=db_password:/etc/fpmd/secrets/db_password\n")
    fpmd.configure(pool="env[DB_PASSWORD] = @cred:db_password")
    fpmd.start()
    folder = "/run/credentials/fpmd.service"
    assert show(fpmd.socket_path, folder) == {"getenv": SECRET, "shown": False, "file": SECRET}, "its scripts are the service's user"
    assert "s3cret" not in container.run("fpmctl", "status", "--full").stdout + container.run("fpmctl", "status", "--json").stdout
    assert "s3cret" not in container.run("runuser", "-u", "www-data", "--", "fpmd", "-tt").stderr + container.journal_text(fpmd.cursor)
    fpmd.configure(pool="env[DB_PASSWORD] = @cred:other")
    assert container.systemctl("reload", "fpmd.service", check=False).returncode != 0, "a credential that is not there refuses the reload"
    assert show(fpmd.socket_path)["getenv"] == SECRET


@pytest.mark.parametrize("word", ["LoadCredential=db_password:/etc/credstore/db_password", "ImportCredential=db_*"], ids=["load", "import"])
def test_a_pool_with_a_unit_has_its_own(fpmd, show, container, word):
    if word.startswith("Import") and container.systemd_version() < 254:
        pytest.skip("systemd has ImportCredential= from 254 on")
    put(container, "/etc/credstore/db_password")
    service = Instance(container, "safe")
    try:
        path = DROPIN.format(service.unit)
        container.write(path, f"[Service]\n{word}\n")
        pool = container.run("cat", "/etc/fpmd/pool.d/safe.conf").stdout
        container.write("/etc/fpmd/pool.d/safe.conf", pool + "env[DB_PASSWORD] = @cred:db_password\nenv[CREDENTIALS_DIRECTORY] = $CREDENTIALS_DIRECTORY\n")
        container.systemctl("daemon-reload")
        assert show(service.socket_path) == {"getenv": SECRET, "shown": False, "file": SECRET}
        fpmd.start()
        assert show(fpmd.socket_path, f"/run/credentials/{service.unit}") == {"getenv": False, "shown": False, "file": ""}, "another user's"
    finally:
        service.stop()
