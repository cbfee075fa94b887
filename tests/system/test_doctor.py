# SPDX-License-Identifier: MIT
"""fpmctl doctor on a booted machine that is broken in ways that happen: it names each, and what it says to do mends it."""

import json
import re

import pytest

from container import wait_until
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
    assert found["configuration"].count("unknown entry 'pm.max_childern'") == 1 and "failed to load" not in found["configuration"], "fpmd.service and the pool's own unit read the same file"
    assert "fpmd.service has failed" in found["unit"]


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


def test_a_service_that_systemd_starts_again_and_again(fpmd, doctor, container):
    """Its unit is never "failed" here: it would be after the start limit alone."""
    fpmd.configure(pool="php_admin_value[opcache.preload] = /nope/preload.php")
    fpmd.drop_in("fpmd.service", "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=on-failure\nRestartSec=1s\n")
    fpmd.listen()
    container.systemctl("enable", "fpmd.socket")
    container.systemctl("start", "--no-block", "fpmd.service")
    wait_until(lambda: int(container.show("fpmd.service", "NRestarts")) > 0, "a second start", limit=60)
    found = doctor()
    assert list(found) == ["unit"]
    assert "fpmd.service ends while it starts, and systemd starts it again" in found["unit"]


def test_a_socket_whose_file_is_gone(fpmd, doctor, nginx, container):
    well(container, fpmd)
    container.run("rm", "/run/fpmd-www.sock")
    assert nginx.get("/load.php?us=0")[0] == 502
    found = doctor()
    assert list(found) == ["socket"] and "somebody has removed that file" in found["socket"]
    container.systemctl("restart", "fpmd.socket", "fpmd.service")  # as it says
    assert doctor() == {} and nginx.get("/load.php?us=0")[0] == 200


def test_a_settings_file_that_php_does_not_understand(fpmd, doctor, container):
    """The master says so while it runs, the journal afterwards."""
    well(container, fpmd)
    version = container.run("sh", "-c", "ls /etc/php").stdout.strip()
    path = f"/etc/php/{version}/fpm/conf.d/99-broken.ini"
    try:
        container.write(path, "memory_limit = (((\n")
        container.systemctl("reload", "fpmd")
        found = doctor()
        assert list(found) == ["settings"] and f"[{path}:" in found["settings"] and "systemctl reload fpmd.service" in found["settings"]
        container.systemctl("stop", "fpmd.service")
        found = doctor()
        assert list(found) == ["ini"] and f"in {path} on line " in found["ini"] and "systemctl reload fpmd.service" in found["ini"]
        container.systemctl("start", "fpmd.service")
        container.write(path, "memory_limit = 99M\n")
        container.systemctl("reload", "fpmd")
        assert doctor() == {}
    finally:
        container.remove(path)


def test_a_user_that_acts_nowhere(fpmd, doctor, container):
    """fpmd.service is not root: the pool's user has no effect, and start and reload do not look for it."""
    fpmd.configure(pool="user = nosuchuser")
    well(container, fpmd)
    container.systemctl("reload", "fpmd")
    assert doctor() == {}


@pytest.fixture
def instance(fpmd, container):
    made = Instance(container, "extra")
    yield made
    made.stop()


def test_an_instance_whose_file_was_edited_and_reloaded(fpmd, doctor, instance, container):
    container.systemctl("start", instance.unit)
    path = "/etc/fpmd/pool.d/extra.conf"
    container.write(path, (container.root / path[1:]).read_text().replace("max_children = 8", "max_children = 9"))
    container.systemctl("reload", instance.unit)
    assert container.show(instance.unit, "NeedDaemonReload") == "yes"
    assert not any("extra" in text for text in doctor().values())


def obey(container, said, begin):
    """The commands that are said, from these words on."""
    commands = re.split("[;\n]", said[said.index(begin):])[0]
    for command in commands.split(" and "):
        container.run(*command.split())


def test_an_instance_whose_address_was_changed(fpmd, doctor, instance, container):
    """systemd has the old one until it is told: a restart alone would bring that back."""
    path = "/etc/fpmd/pool.d/extra.conf"
    container.write(path, (container.root / path[1:]).read_text().replace(instance.socket_path, "/run/fpmd-moved.sock"))
    said = doctor()["socket"]
    assert "Pool 'extra' has listen = /run/fpmd-moved.sock" in said and "nobody listens there" in said
    obey(container, said, "systemctl daemon-reload and systemctl restart fpmd@extra.socket")
    assert not any("extra" in text for text in doctor().values())
    assert container.run("fpmctl", "get", "--connect", "/run/fpmd-moved.sock", "/var/www/html/load.php?us=0").returncode == 0
    container.remove("/run/fpmd-extra.sock")


def test_an_instance_that_was_made_of_a_file_with_a_mistake(fpmd, doctor, instance, container):
    """Its command line has the mistake until the unit is made anew."""
    path = "/etc/fpmd/pool.d/extra.conf"
    text = (container.root / path[1:]).read_text()
    container.write(path, text + "pm.max_childs = 3\n")
    container.systemctl("daemon-reload")
    container.run("fpmctl", "get", "--connect", instance.socket_path, "/var/www/html/load.php?us=0", check=False)
    container.wait_for(instance.socket, "failed")
    said = doctor()["unit"]
    assert f"{instance.socket} has failed" in said
    container.write(path, text)

    def obeyed():
        obey(container, said[said.index(f"{instance.socket} has failed"):], "systemctl daemon-reload and systemctl reset-failed")
        return container.run("fpmctl", "get", "--connect", instance.socket_path, "/var/www/html/load.php?us=0", check=False).returncode == 0
    wait_until(obeyed, "the page")  # faster than anybody types: for TriggerLimitIntervalSec= systemd gives the socket up again


def test_an_instance_whose_user_does_not_exist(fpmd, doctor, instance, container):
    path = "/etc/fpmd/pool.d/extra.conf"
    container.write(path, (container.root / path[1:]).read_text().replace("user = extra", "user = nosuchuser"))
    container.systemctl("daemon-reload")
    found = doctor()
    assert f"fpmd@extra.service is to run as user 'nosuchuser', and there is no such user" in found["user"] and path in found["user"]


def test_an_instance_that_is_enabled_and_off(fpmd, doctor, instance, container):
    """Its pool is the instance's, not fpmd.service's, whose start would not help."""
    container.systemctl("stop", instance.socket, instance.unit)
    container.systemctl("daemon-reload")
    found = container.run("fpmctl", "doctor", "--json", "--nginx", "/etc/nginx/nginx.conf", check=False)
    said = [f"{row['what']} Next: {row['next']}" for row in json.loads(found.stdout)["findings"]]
    assert any("fpmd@extra.socket is enabled and inactive" in row and "systemctl start fpmd@extra.socket" in row for row in said), said


def test_units_that_have_failed_and_have_no_pool(fpmd, doctor, instance, container):
    """To start them again would stop what serves."""
    container.systemctl("start", instance.unit)
    container.remove("/etc/fpmd/pool.d/www.conf")
    fpmd.drop_in("fpmd.service", "[Service]\nExecStartPre=/bin/false\n")
    container.systemctl("start", "fpmd.service", check=False)
    assert container.show("fpmd.service", "ActiveState") in ("failed", "activating")
    wait_until(lambda: container.show("fpmd.service", "ActiveState") == "failed", "the start limit", limit=60)
    assert not any("fpmd.service" in text for text in doctor().values())


def test_the_list_says_which_pools_fpmd_service_has(fpmd, container):
    """Right after the first steps of README: the pool's own unit is off, and it is served."""
    assert listed(container)["www"]["state"] == "off"
    fpmd.start()
    pool = listed(container)["www"]
    assert (pool["state"], pool["user"], pool["requests"]) == ("shared", container.show("fpmd.service", "User"), 0)
    assert " shared " in container.run("fpmctl", "list").stdout


def listed(container):
    return {pool["name"]: pool for pool in json.loads(container.run("fpmctl", "list", "--json").stdout)}
