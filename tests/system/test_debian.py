# SPDX-License-Identifier: MIT
"""What Debian's package of php-fpm sets up, unchanged, with php-fpm and with fpmd in its service: configuration, web servers' snippets, socket,
pid file, logrotate. fpmd-from-php-fpm(7)'s commands lead from the one to the other and back."""

import pytest

from container import wait_until
from load import Load
from service import DebianFpm, documented
from test_web import check_missing, check_path_info, check_post, check_server
from web import start_apache, start_nginx

SWITCH = "sudo cp -rs /usr/share/fpmd/phpX.Y-fpm.service.d"
BACK = "sudo rm /etc/systemd/system/phpX.Y-fpm.service.d"


@pytest.fixture
def debian(container):
    service = DebianFpm(container)
    service.stop()
    yield service
    print(container.journal_text(service.cursor, "-u", service.unit))
    print(container.run("tail", "-n", "40", service.log_path, check=False).stdout)
    service.stop()


@pytest.fixture(params=["php-fpm", "fpmd"])
def either(request, debian):
    """Debian's service with php-fpm in it, which shows that the test itself is right, and with fpmd."""
    if request.param == "fpmd":
        request.getfixturevalue("switched")
    else:
        debian.container.systemctl("start", debian.unit)
    return debian


@pytest.fixture
def switched(debian):
    debian.follow(documented(SWITCH))
    yield debian
    debian.follow(documented(BACK))


@pytest.fixture
def nginx(debian):
    return start_nginx(debian.container, f"location ~ \\.php {{ include snippets/fastcgi-php.conf; fastcgi_pass unix:{debian.socket_path}; }}")


def log_lines(service, suffix=""):
    return service.container.run("cat", service.log_path + suffix).stdout.splitlines()


def test_three_commands_lead_to_fpmd_and_three_back(debian, nginx):
    there, back = documented(SWITCH), documented(BACK)
    assert len(there) <= 3 and len(back) <= 3
    debian.container.systemctl("start", debian.unit)
    assert debian.program == f"php-fpm{debian.version}"
    debian.follow(there)
    assert debian.program == "fpmd"
    assert nginx.json("/load.php")["worker"] in debian.workers()
    assert debian.container.run("dpkg", "--verify", debian.name).stdout == "", "the package's files were changed"
    debian.follow(back)
    assert debian.program == f"php-fpm{debian.version}"
    assert nginx.json("/load.php")["generation"] == debian.master


def test_nginx_with_the_packages_snippet(either, nginx):
    check_server(nginx)
    check_path_info(nginx)
    check_post(nginx)
    check_missing(nginx)


def test_apache_with_the_packages_configuration(either):
    container = either.container
    container.run("a2enconf", "-q", either.name)
    try:
        web = start_apache(container)
        check_server(web)
        check_path_info(web)
        check_post(web)
        check_missing(web)
    finally:
        container.run("a2disconf", "-q", either.name)


def test_the_socket_is_the_web_servers_and_has_its_alias(either):
    container = either.container
    assert container.run("stat", "-c", "%U:%G %a", either.socket_path).stdout.strip() == "www-data:www-data 660"
    assert container.run("readlink", "-f", "/run/php/php-fpm.sock").stdout.strip() == either.socket_path


def test_workers_are_the_pools_user(either, nginx):
    user = int(either.container.run("id", "-u", "www-data").stdout)
    assert nginx.json("/info.php")["user"] == user


def test_monitoring_finds_the_processes_by_their_titles(either, nginx):
    worker = nginx.json("/load.php")["worker"]
    assert str(worker) in either.container.run("pgrep", "-f", "php-fpm: pool www").stdout.split()
    assert either.container.run("pgrep", "-f", "php-fpm: master process").stdout.split() == [str(either.master)]


def test_the_pid_file_names_the_master(either):
    assert int(either.container.run("cat", f"/run/php/{either.name}.pid").stdout) == either.master


def test_a_reload_renews_the_workers(either, nginx):
    before = nginx.json("/load.php")
    either.container.systemctl("reload", either.unit)
    after = wait_until(lambda: nginx.get("/load.php")[0] == 200 and nginx.json("/load.php"), "an answer after the reload")
    assert after["worker"] != before["worker"]


def test_a_reload_under_load_fails_no_request(switched, nginx):
    with Load(switched.container, clients=16, least=1_500) as load:
        load.wait_for(200)
        for _ in range(3):
            switched.container.systemctl("reload", switched.unit)
            load.wait_for(200)
    assert not load.failures, load.explain()
    assert len({record.generation for record in load.records}) == 4


def test_logrotate_moves_the_error_log_and_lines_go_to_the_new_one(either, nginx):
    container = either.container
    container.run("logrotate", "--force", f"/etc/logrotate.d/{either.name}")
    wait_until(lambda: container.run("test", "-s", either.log_path, check=False).returncode == 0, "the new log")
    old = log_lines(either, ".1")
    assert any("fpm is running" in line for line in old)
    survivor = wait_until(lambda: nginx.get("/load.php")[0] == 200 and nginx.json("/load.php")["worker"], "an answer after the rotation")
    container.run("kill", "-SEGV", str(survivor))
    wait_until(lambda: any(f"child {survivor} exited on signal 11" in line for line in log_lines(either)), "the death of a worker in the new log")
    assert log_lines(either, ".1") == old
    assert container.run("stat", "-c", "%U %a", either.log_path).stdout == container.run("stat", "-c", "%U %a", f"{either.log_path}.1").stdout


def test_a_restart_by_the_packages_own_means_keeps_fpmd(switched, nginx):
    """Upgrades of PHP and of its extensions restart the service with this command."""
    before = switched.master
    switched.container.run("invoke-rc.d", switched.name, "restart")
    assert switched.master != before and switched.program == "fpmd"
    assert nginx.json("/load.php")["worker"] in switched.workers()


def test_with_a_socket_unit_a_restart_under_load_fails_no_request(switched, nginx):
    """The unit that fpmctl proposes, for this service."""
    container = switched.container
    proposed = container.run("fpmctl", "import", f"/etc/php/{switched.version}/fpm").stdout.partition("\n# /etc/systemd/system/")[2]
    path = f"/etc/systemd/system/{switched.name}.socket"
    container.write(path, proposed.partition("\n")[2].replace("Service=fpmd.service", f"Service={switched.unit}"))
    container.systemctl("stop", switched.unit)
    container.systemctl("daemon-reload")
    container.systemctl("start", f"{switched.name}.socket")
    try:
        with Load(container, clients=16, least=1_000) as load:
            for _ in range(3):
                load.wait_for(200)
                container.systemctl("restart", switched.unit)
        assert not load.failures, load.explain()
        assert len({record.generation for record in load.records}) == 4
    finally:
        container.systemctl("stop", f"{switched.name}.socket", switched.unit)
        container.remove(path)
        container.systemctl("daemon-reload")
