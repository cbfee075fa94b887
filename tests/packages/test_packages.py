# SPDX-License-Identifier: MIT
"""What the packages promise: one enable and a page is there; an upgrade loses no request; a purge leaves nothing."""

import hashlib
import json
import subprocess
from pathlib import Path

from conftest import package_of
from load import Load
from service import documented
from web import serve_nginx

TESTS = Path(__file__).resolve().parents[2] / "packaging/debian/tests"
PACKAGES = ("fpmd", "fpmd-tools", "fpmd-dbgsym", "fpmd-tools-dbgsym")

# What dpkg, apt, systemd and the programs that are run write anywhere, whatever package comes and goes.
NOT_OURS = ("/proc/", "/sys/", "/dev/", "/tmp/", "/run/systemd/", "/run/log/", "/root/", "/var/log/journal/", "/var/log/nginx/", "/var/cache/apt/",
            "/var/cache/debconf/", "/var/cache/ldconfig/", "/var/cache/man/", "/var/lib/dpkg/", "/var/lib/apt/", "/var/log/apt/", "/var/log/dpkg.log", "/var/lib/systemd/", "/var/tmp/", "/run/nginx.pid",
            "/run/lock/", "/run/php/", "/run/udev/", "/run/dbus/")


def files(container):
    done = container.run("find", "/", "-xdev", "-path", "/proc", "-prune", "-o", "-print", check=False)
    more = container.run("find", "/run", "-print", check=False)
    return {path for path in (done.stdout + more.stdout).splitlines() if not (path + "/").startswith(NOT_OURS)}


def attributes(container):
    """{path: size, mode, owner, time, target} of what packages and administrators have: none of it is changed."""
    found = container.run("find", "/etc", "/usr", "/opt", "/srv", "-xdev", "!", "-type", "d", "-printf", r"%p\t%s %m %U:%G %T@ %l\n").stdout
    return dict(line.split("\t") for line in found.splitlines())


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_built_twice_they_have_the_same_bytes(built, built_again):
    first = {name: digest(package_of(built, name)) for name in PACKAGES}
    second = {name: digest(package_of(built_again, name)) for name in PACKAGES}
    assert first == second


def test_one_enable_and_the_page_is_there(debian, container):
    debian.install()
    for unit in ("fpmd.socket", "fpmd.service"):
        assert container.systemctl("is-enabled", unit, check=False).stdout.strip() == "disabled"
        assert container.show(unit, "ActiveState") == "inactive"
    container.run("sh", "-s", input=(TESTS / "page").read_text())
    assert container.show("fpmd.socket", "ActiveState") == "active"
    container.run("rm", "/etc/nginx/sites-enabled/fpmd", "/var/www/html/fpmd-page.php")


def test_the_tools_run(debian, container):
    debian.install()
    debian.install("fpmd-tools")
    assert container.run("fpmtrace", "--version").stdout.startswith("fpmtrace ")
    words = container.run("bash", "-c", "source /usr/share/bash-completion/completions/fpmctl; COMP_WORDS=(fpmctl rel); COMP_CWORD=1; "
                          "_fpmctl; echo ${COMPREPLY[@]}").stdout
    assert words == "reload\n"


def test_an_upgrade_under_load_fails_no_request(debian, container):
    debian.install()
    container.write("/etc/fpmd/pool.d/www.conf", "[www]\nlisten = /run/fpmd-www.sock\npm = static\npm.max_children = 40\n")
    serve_nginx(container)
    container.systemctl("enable", "--now", "fpmd.socket")
    listening_since = container.show("fpmd.socket", "ActiveEnterTimestampMonotonic")
    newer = debian.put(debian.newer())
    with Load(container, least=2_000) as load:
        load.wait_for(300)
        before = container.show("fpmd.service", "MainPID")
        debian.apt("install", newer)
        load.wait_for(300)
    assert debian.version().endswith("+next")
    assert not load.failures, load.explain()
    assert container.show("fpmd.service", "MainPID") != before, "the old version still runs"
    assert container.show("fpmd.socket", "ActiveEnterTimestampMonotonic") == listening_since


def test_an_upgrade_leaves_alone_what_would_not_come_back(debian, container):
    """A mistake in one site's file, a file that its user cannot read, a listen for which systemd has made no socket: the others are restarted."""
    debian.install()
    sites = ("typo", "closed", "moved", "good", "asleep")
    for site in sites:
        container.write(f"/etc/fpmd/pool.d/{site}.conf", f"[{site}]\nlisten = /run/fpmd-{site}.sock\npm = static\npm.max_children = 1\n")
        container.run("fpmctl", "enable", site)
    units = ["fpmd.service", *(f"fpmd@{site}.service" for site in sites if site != "asleep")]
    container.systemctl("start", "fpmd.socket", *units)
    before = {unit: container.show(unit, "MainPID") for unit in units}
    container.run("sed", "-i", "s/max_children/max_childs/", "/etc/fpmd/pool.d/typo.conf")
    container.run("chmod", "0600", "/etc/fpmd/pool.d/closed.conf")
    container.run("sed", "-i", "s/fpmd-moved/fpmd-elsewhere/", "/etc/fpmd/pool.d/moved.conf")
    container.run("sed", "-i", "s/fpmd-asleep/fpmd-awake/", "/etc/fpmd/pool.d/asleep.conf")
    done = container.run("sh", "-c", f"apt-get -q -y install {debian.put(debian.newer())} 2>&1", limit=180)
    stays = ["fpmd@typo.service", "fpmd@closed.service", "fpmd@moved.service"]
    assert [unit for unit in units if container.show(unit, "MainPID") == before[unit]] == stays, done.stdout
    assert all(container.show(unit, "ActiveState") == "active" for unit in units), done.stdout
    for unit in stays:
        assert f"{unit} goes on as the old version" in done.stdout, done.stdout
    assert "unknown entry 'pm.max_childs'" in done.stdout and "systemctl restart fpmd@moved.socket" in done.stdout
    assert "as the listen of their files has been changed: fpmd@asleep.socket" in done.stdout
    container.run("fpmctl", "get", "--connect", "/run/fpmd-awake.sock", "/var/www/html/load.php")


def test_a_change_of_php_is_taken_by_a_reload(debian, container):
    """The triggers that packages of PHP and of its extensions set off: a file of theirs, and what enables an extension."""
    debian.install()
    container.systemctl("enable", "--now", "fpmd.socket")
    container.systemctl("start", "fpmd.service")
    master = container.show("fpmd.service", "MainPID")

    def generation():
        return max(g["number"] for g in json.loads(container.run("fpmctl", "status", "--json").stdout)["pools"][0]["generations"])
    php, = container.run("sh", "-c", "cd /etc/php && ls -d [0-9]*/fpm").stdout.split()
    extensions = container.run("sh", "-c", "dirname /usr/lib/php/2*/opcache.so").stdout.strip()
    for trigger in (f"/etc/php/{php}/conf.d", extensions, f"/usr/lib/libphp{php.removesuffix('/fpm')}.so"):
        before = generation()
        container.run("dpkg-trigger", "--no-await", "--by-package=php-common", trigger)
        container.run("dpkg", "--configure", "--pending")
        assert generation() == before + 1, trigger
    assert container.show("fpmd.service", "MainPID") == master
    container.systemctl("stop", "fpmd.service", "fpmd.socket")
    container.run("dpkg-trigger", "--no-await", "--by-package=php-common", extensions)
    container.run("dpkg", "--configure", "--pending")
    assert container.show("fpmd.service", "ActiveState") == "inactive", "what does not run is not started"


def test_an_upgrade_starts_nothing_that_was_stopped(debian, container):
    debian.install()
    container.systemctl("enable", "fpmd.service", "fpmd.socket")
    debian.apt("install", debian.put(debian.newer()))
    assert container.show("fpmd.service", "ActiveState") == "inactive"


def test_a_purge_leaves_nothing(debian, container):
    debian.purge()
    before, as_it_was = files(container), attributes(container)
    debian.install()
    debian.install("fpmd-tools")
    container.systemctl("enable", "--now", "fpmd.socket")
    container.systemctl("start", "fpmd.service")
    container.write("/etc/fpmd/pool.d/shop.conf", "[shop]\nlisten = /run/shop.sock\npm = ondemand\npm.max_children = 2\n")
    container.systemctl("daemon-reload")
    container.systemctl("enable", "--now", "fpmd@shop.socket")
    container.systemctl("set-property", "fpmd@shop.service", "CPUWeight=50")
    container.write("/etc/systemd/system/fpmd.service.d/mine.conf", "[Service]\nMemoryMax=1G\n")
    second = documented("[Socket]\nListenStream=/run/fpmd-shop.sock")
    container.write("/etc/systemd/system/fpmd-two.socket", "\n".join(second).replace("shop", "two") + "\n")
    container.write("/etc/fpmd/pool.d/two.conf", "[two]\nlisten = /run/fpmd-two.sock\npm = ondemand\npm.max_children = 2\n")
    container.systemctl("daemon-reload")
    container.systemctl("enable", "fpmd-two.socket")
    container.systemctl("restart", "fpmd.service")
    container.systemctl("start", "fpmd@shop.service")
    container.systemctl("mask", "fpmd@none.service", "fpmd.target")
    container.write("/etc/fpmd/pool.d/moved.conf", "[moved]\nlisten = /run/fpmd-moved.sock\npm = ondemand\npm.max_children = 2\n")
    container.run("fpmctl", "enable", "moved")
    container.write("/etc/fpmd/pool.d/moved.conf", "[moved]\nlisten = /run/fpmd-new.sock\npm = ondemand\npm.max_children = 2\n")
    container.systemctl("daemon-reload")
    container.systemctl("restart", "fpmd@moved.socket")
    assert container.show("fpmd-two.socket", "ActiveState") == "active"
    made = files(container) - before
    assert {"/var/lib/fpmd/shop", "/var/cache/fpmd/shop", "/etc/fpmd/fpmd.conf", "/run/fpmd-two.sock", "/run/fpmd-moved.sock", "/etc/systemd/system/fpmd.target",
            "/etc/systemd/system/fpmd.service.wants/fpmd-two.socket"} <= made, "the test shows nothing"
    debian.apt("remove", "fpmd")
    assert container.show("fpmd-two.socket", "ActiveState") == "inactive", "clients of a further pool would wait for nobody"
    debian.purge()
    assert sorted(files(container) - before) == []
    now = attributes(container)
    assert {path: (was, now.get(path)) for path, was in as_it_was.items() if now.get(path) != was} == {}
    assert "fpmd" not in container.systemctl("list-units", "--all", "--plain", "--no-legend", "fpmd*").stdout
    assert [name for _, name, _ in container.processes().values() if name.startswith("fpmd")] == []


def test_a_removal_gives_debians_service_back_to_php_fpm(debian, container):
    debian.install()
    unit = container.run("sh", "-c", "cd /lib/systemd/system && echo php*-fpm.service").stdout.strip()
    container.run("cp", "-rs", f"/usr/share/fpmd/{unit}.d", "/etc/systemd/system/")
    container.systemctl("daemon-reload")
    container.systemctl("restart", unit)

    def program():
        return container.processes()[int(container.show(unit, "MainPID"))][1]

    assert program() == "fpmd"
    debian.apt("remove", "fpmd")
    assert program() == "php-fpm" + unit.removeprefix("php").removesuffix("-fpm.service")
    container.systemctl("stop", unit)


def test_lintian_overrides_have_reasons():
    for path in TESTS.parent.glob("*.lintian-overrides"):
        lines = path.read_text().splitlines()
        assert all(before.startswith("#") for before, line in zip(["", *lines], lines) if not line.startswith("#")), path.name


def test_the_source_is_a_package_without_git(built, tmp_path):
    """What dpkg-source made has all that a build takes: it can be configured."""
    subprocess.run(["dpkg-source", "--no-check", "-x", next(Path(built).glob("*.dsc")), tmp_path / "source"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["meson", "setup", tmp_path / "build", tmp_path / "source", "-Dtests=disabled", "-Dtrace=disabled"], check=True,
                   stdout=subprocess.DEVNULL)
