# SPDX-License-Identifier: MIT
"""One booted container for the whole suite. Each test that wants fpmd gets it freshly configured, and leaves nothing behind."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from container import Container
from database import Database
from service import DebianFpm, Fpmd, Instance
from web import serve_nginx

HERE = Path(__file__).resolve().parent


def pytest_collection_modifyitems(items):
    reason = why_not()
    if reason:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


def why_not():
    if os.geteuid() != 0:
        return "a container with systemd needs root"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        return "this machine makes no namespaces, so no container"
    return None


def build_dir():
    build = Path(os.environ.get("FPMD_BUILD", HERE.parent.parent / "build")).resolve()
    assert (build / "src" / "fpmd").exists(), f"no fpmd in {build}: set FPMD_BUILD to a meson build directory"
    options = subprocess.run(["meson", "introspect", "--buildoptions", build], check=True, stdout=subprocess.PIPE).stdout
    prefix = next(option["value"] for option in json.loads(options) if option["name"] == "prefix")
    assert prefix == "/usr", f"{build} has prefix {prefix}; the container wants: meson configure {build} --prefix=/usr"
    return build


@pytest.fixture(scope="session")
def bare_container():
    """Booted, with web servers' sites in place, without fpmd."""
    container = Container()
    try:
        container.create()
        for page in (HERE / "www").iterdir():
            container.write(f"/var/www/html/{page.name}", page.read_text())
        container.boot()
        yield container
    finally:
        container.shutdown()


@pytest.fixture(scope="session")
def container(bare_container):
    """The same with fpmd installed."""
    bare_container.install(build_dir())
    bare_container.systemctl("daemon-reload")
    return bare_container


@pytest.fixture
def fpmd(container):
    service = Fpmd(container)
    service.stop()
    service.configure()
    yield service
    print(container.journal_text(service.cursor, "-u", "fpmd.service", "-u", "fpmd.socket"))
    service.stop()


@pytest.fixture
def nginx(container):
    return serve_nginx(container)


@pytest.fixture(params=["php-fpm", "fpmd"])
def backend(request):
    """The address of a FastCGI server: fpmd, and php-fpm, which shows that the test itself is right."""
    if request.param == "fpmd":
        service = request.getfixturevalue("fpmd")
        service.listen()
        yield f"unix:{service.socket_path}"
        return
    if request.param == "instance":
        yield from serve_instance(request.getfixturevalue("container"), request.module)
        return
    service = DebianFpm(request.getfixturevalue("bare_container"))
    service.container.systemctl("start", service.unit)
    yield f"unix:{service.socket_path}"
    service.stop()


def serve_instance(container, module):
    """An instance with the application's own user, in whose sandbox nothing is open but the folders that the application's tests name."""
    service = Instance(container, "app", module.OWNS, module.WRITES)
    try:
        yield f"unix:{service.socket_path}"
        print(container.journal_text(service.cursor, "-u", service.unit))
        assert service.workers(), "nobody has asked the instance"
        assert container.run("ps", "-o", "user=", "-p", ",".join(map(str, (service.master, *service.workers())))).stdout.split() == ["app"] * (1 + len(service.workers()))
        container.run("systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", service.unit)
    finally:
        service.stop()


@pytest.fixture(scope="session")
def database(bare_container):
    return Database(bare_container)
