# SPDX-License-Identifier: MIT
"""fpmctl doctor on a booted machine that is broken in ways that happen: it names each, and what it says to do mends it."""

import json

import pytest

from service import Instance


@pytest.fixture
def doctor(container, fpmd, nginx):
    """Problems by check, of a machine with nginx alone as its web server."""
    container.systemctl("disable", "fpmd.socket", "fpmd.service", check=False)

    def ask():
        done = container.run("fpmctl", "doctor", "--json", "--nginx", "/etc/nginx/nginx.conf", check=False)
        said = json.loads(done.stdout)
        assert said["unseen"] == [], "root sees all of it"
        problems = {}
        for found in said["findings"]:
            if found["level"] == "problem":
                problems.setdefault(found["check"], "")
                problems[found["check"]] += f"{found['what']} Next: {found['next']}\n"
        assert done.returncode == (1 if problems else 0), done.stderr
        return problems
    yield ask
    container.systemctl("disable", "fpmd.socket", "fpmd.service", check=False)
    container.systemctl("unmask", "fpmd.service", check=False)


def well(container, fpmd):
    fpmd.start()
    container.systemctl("enable", "fpmd.socket")


def test_a_machine_that_works_has_nothing_wrong(fpmd, doctor, nginx, container):
    well(container, fpmd)
    assert nginx.get("/load.php?us=0")[0] == 200
    assert doctor() == {}
    text = container.run("fpmctl", "doctor", "--nginx", "/etc/nginx/nginx.conf").stdout
    assert "Nothing wrong found: 1 pool, 4 addresses of web servers." in text and "Not looked at" not in text


def test_a_socket_that_nobody_has_enabled(fpmd, doctor, container):
    found = doctor()
    assert list(found) == ["unit"]
    assert "fpmd.socket is inactive, so nobody listens for its pools, and a web server sends requests there" in found["unit"]
    assert "systemctl enable --now fpmd.socket" in found["unit"]
    container.systemctl("enable", "--now", "fpmd.socket")
    assert doctor() == {}


def test_a_service_that_runs_and_is_not_enabled(fpmd, doctor, container):
    fpmd.start()
    found = doctor()
    assert list(found) == ["unit"] and "does not after the next boot" in found["unit"]


def test_an_address_that_the_socket_unit_has(fpmd, doctor, container):
    fpmd.configure(listen="systemd")
    well(container, fpmd)
    assert doctor() == {}


def test_a_masked_service(fpmd, doctor, container):
    container.systemctl("enable", "--now", "fpmd.socket")
    container.systemctl("mask", "fpmd.service")
    assert "systemctl unmask fpmd.service" in doctor()["unit"]


def test_a_socket_of_another_user(fpmd, doctor, nginx, container):
    fpmd.drop_in("fpmd.socket", "[Socket]\nSocketUser=root\nSocketGroup=adm\n")
    well(container, fpmd)
    assert nginx.get("/load.php?us=0")[0] == 502
    found = doctor()
    assert list(found) == ["rights"] and "user root and group adm (mode 0660)" in found["rights"]
    fpmd.drop_in("fpmd.socket", "[Socket]\nSocketUser=www-data\nSocketGroup=www-data\n")  # as it says
    container.systemctl("restart", "fpmd.socket")
    assert doctor() == {} and nginx.get("/load.php?us=0")[0] == 200


def test_a_drop_in_that_systemd_has_not_read(fpmd, doctor, container):
    fpmd.drop_in("fpmd.service", "[Service]\nNice=1\n")
    well(container, fpmd)
    container.write("/etc/systemd/system/fpmd.service.d/test.conf", "[Service]\nNice=2\n")  # systemd 252 sees no new folder
    assert "systemctl daemon-reload" in doctor()["unit"]


def test_a_service_that_has_failed(fpmd, doctor, container):
    fpmd.configure(pool="pm.max_childern = 3")
    fpmd.listen()
    container.systemctl("start", "fpmd.service", check=False)
    found = doctor()
    assert "pm.max_childern" in found["configuration"] and "fpmd.service has failed" in found["unit"]


def test_a_reload_that_was_forgotten(fpmd, doctor, container):
    well(container, fpmd)
    fpmd.configure(max_children=4)
    found = doctor()
    assert list(found) == ["reload"] and "/etc/fpmd/pool.d/www.conf was written after fpmd.service" in found["reload"]
    container.systemctl("reload", "fpmd")
    assert doctor() == {}


def test_an_address_of_nobody_and_php_fpm_at_another(fpmd, doctor, nginx, container):
    well(container, fpmd)
    site = container.root / "etc/nginx/sites-enabled/default"
    text = site.read_text()
    site.write_text(text + "server {\n listen 127.0.0.1:81;\n location / { fastcgi_pass unix:/run/nobody.sock; }\n}\n")
    found = doctor()
    site.write_text(text)
    assert list(found) == ["address"] and "fastcgi_pass unix:/run/fpmd-www.sock" in found["address"]


def test_the_master_of_an_instance_is_asked_and_called_by_its_own_name(fpmd, doctor, container):
    app = Instance(container, "app")

    def notes():
        said = json.loads(container.run("fpmctl", "doctor", "--json", "--nginx", "/etc/nginx/nginx.conf", check=False).stdout)
        return {found["check"]: found for found in said["findings"]}
    try:
        container.run("fpmctl", "get", "--connect", app.socket_path, "/var/www/html/load.php?us=0")
        assert "drain" not in notes()
        container.run("fpmctl", "--runtime-dir", "/run/fpmd-app", "drain")
        found = notes()["drain"]
        assert "Pool 'app' is drained" in found["what"]
        command = found["next"].partition(",")[0]
        assert command == "fpmctl --runtime-dir /run/fpmd-app undrain app"
        container.run(*command.split())
        assert "drain" not in notes()
    finally:
        app.stop()


def test_too_few_descriptors(fpmd, doctor, container):
    fpmd.configure(max_children=64)
    fpmd.drop_in("fpmd.service", "[Service]\nLimitNOFILE=256\n")
    well(container, fpmd)
    found = doctor()
    assert list(found) == ["files"] and "LimitNOFILE=" in found["files"]


def test_a_site_in_tmp(fpmd, doctor, nginx, container):
    well(container, fpmd)
    site = container.root / "etc/nginx/sites-enabled/default"
    text = site.read_text()
    site.write_text(text.replace("root /var/www/html", "root /tmp"))
    assert "root /tmp" in site.read_text()
    found = doctor()
    site.write_text(text)
    assert list(found) == ["root"] and "has a /tmp of its own" in found["root"]
