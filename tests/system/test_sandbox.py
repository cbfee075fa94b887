# SPDX-License-Identifier: MIT
"""What a pool's file may say works inside the units' sandbox, whose system calls are fewer than those of other tests."""

import pytest

from service import Instance

SETTINGS = {
    "auto": "pm.max_children = auto",
    "memory": "pm.max_memory = 1M",
    "abort": "request.on_disconnect = abort",
    "queue": "queue.max_length = 5\nqueue.max_wait = 1s\nqueue.abandoned = drop",
    "stays": "worker.script = /var/www/html/stays.php",
    "forks": "worker.script = /var/www/html/stays.php\nworker.requests = 1",
    "output": "catch_workers_output = yes",
    "journal": "access.log = journal",
    "limits": "rlimit_files = 2000\nrlimit_core = 0\nprocess.dumpable = yes",
    "priority": "process.priority = 5",
    "landlock": "security.landlock = strict\nsecurity.read_path[] = /var/www/html",
    "exec": "security.seccomp = exec",
    "strict": "security.seccomp = strict",
    "fence": "security.exec_basedir[] = /var/www/html\nsecurity.script_owner = pool\nlisten.peer_users = www-data root",
    "preload": "php_admin_value[opcache.preload] = /var/www/html/preload.php",
    "jit": "php_admin_value[opcache.jit_buffer_size] = 16M\nphp_admin_value[opcache.jit] = tracing",
    "warm": "worker.warmup[/var/www/html/load.php] = /load.php",
    "sleeps": "pool.sleep_after = 1s",
    "tcp health": "pm.status_listen = 127.0.0.1:9001\npm.status_path = /status",
}
STAYS = "<?php while (frankenphp_handle_request(function () { echo json_encode(['worker' => getmypid()]); }));"


@pytest.fixture(params=["service", "instance"])
def unit(request, fpmd, container):
    """unit(settings) -> the service that serves a pool with them."""
    made = []

    def build(settings):
        if request.param == "service":
            fpmd.configure(pool=settings, max_children=4)
            fpmd.listen()
            return fpmd
        made.append(Instance(container, "boxed"))
        path = "/etc/fpmd/pool.d/boxed.conf"
        container.write(path, container.run("cat", path).stdout + settings + "\n")
        container.systemctl("daemon-reload")
        return made[-1]
    yield build
    for service in made:
        service.stop()


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_a_pool_with_it_serves_and_is_reloaded(unit, container, settings):
    container.write("/var/www/html/stays.php", STAYS)
    container.write("/var/www/html/preload.php", "<?php function preloaded() {}")
    service = unit(settings)
    try:
        for _ in range(2):
            assert '"worker"' in container.run("fpmctl", "get", "--connect", service.socket_path, "/var/www/html/load.php").stdout
            container.systemctl("reload", service.unit)
        told = [entry["MESSAGE"] for entry in service.journal("-u", service.unit) if int(entry["PRIORITY"]) <= 4]
        assert told == []
    finally:
        container.remove("/var/www/html/stays.php")
        container.remove("/var/www/html/preload.php")
