# SPDX-License-Identifier: MIT
"""Each symptom of fpmd-troubleshooting(7), caused: the page's commands then say what the page says they do.

A comment with two dashes is the name of one of the page's sections, and each of them is here (tests/structure/test_man.py)."""

import contextlib
import re
import threading

from container import wait_until


def errors_of_nginx(container):
    return container.run("cat", "/var/log/nginx/error.log").stdout


def journal(fpmd):
    return fpmd.container.run("journalctl", "-u", "fpmd", "-x", "--no-pager", f"--after-cursor={fpmd.cursor}").stdout


@contextlib.contextmanager
def asking(nginx, path, n=1):
    """So many clients, whose replies are in the list at the end."""
    replies = []
    clients = [threading.Thread(target=lambda: replies.append(nginx.get(path))) for _ in range(n)]
    for client in clients:
        client.start()
    try:
        yield replies
    finally:
        for client in clients:
            client.join()


@contextlib.contextmanager
def page(container, name, code, mode=0o644):
    path = f"/var/www/html/{name}"
    container.write(path, code, mode)
    try:
        yield path
    finally:
        container.remove(path)


# -- 502 BAD GATEWAY

def test_502_without_a_socket_says_no_such_file(fpmd, nginx, container):
    status, _ = nginx.get("/load.php")
    assert status == 502
    assert "fpmd-www.sock failed (2: No such file or directory)" in errors_of_nginx(container)
    assert container.show("fpmd.socket", "ActiveState") == "inactive"


def test_502_with_a_socket_of_another_user_says_permission_denied(fpmd, nginx, container):
    fpmd.drop_in("fpmd.socket", "[Socket]\nSocketUser=root\nSocketGroup=root\n")
    fpmd.listen()
    status, _ = nginx.get("/load.php")
    assert status == 502
    assert "fpmd-www.sock failed (13: Permission denied)" in errors_of_nginx(container)
    assert " root root " in container.run("ls", "-l", fpmd.socket_path).stdout


def test_502_of_a_request_that_took_too_long_is_told_with_its_reason(fpmd, nginx, container):
    fpmd.configure(pool="request_terminate_timeout = 1s")
    fpmd.start()
    status, _ = nginx.get("/load.php?us=20000000")
    assert status == 502
    text = journal(fpmd)
    assert "execution timed out" in text and "/load.php?us=20000000" in text


def test_502_of_a_worker_that_died_is_told_with_its_signal_and_request(fpmd, nginx, container):
    fpmd.start()
    with page(container, "dies.php", "<?php posix_kill(getmypid(), 11);"):
        status, _ = nginx.get("/dies.php?why=1")
    assert status == 502
    wait_until(lambda: "exited on signal 11" in journal(fpmd), "the line about the worker's death")
    assert "/dies.php?why=1" in journal(fpmd)


def test_502_of_a_web_server_whose_user_the_pool_does_not_name(fpmd, nginx, container):
    fpmd.configure(pool="listen.peer_users = root")
    fpmd.start()
    status, _ = nginx.get("/load.php")
    assert status == 502
    user = container.run("id", "-u", "www-data").stdout.strip()
    wait_until(lambda: f"listen.peer_users does not name its user, uid {user}" in journal(fpmd), "the line about the connection")
    assert " peers\n" in container.run("fpmctl", "status").stdout


# -- 503 SERVICE UNAVAILABLE

def test_503_of_a_queue_that_is_full_is_counted_as_overload(fpmd, nginx, container):
    fpmd.configure(pool="queue.max_length = 1", max_children=1)
    fpmd.start()
    with asking(nginx, "/load.php?us=3000000", 4) as replies:
        wait_until(lambda: replies, "the first refusal")
        assert replies[0][0] == 503
        assert wait_until(lambda: " refused too many\n" in (out := container.run("fpmctl", "status").stdout) and out, "the count")
    assert 200 in {status for status, _ in replies}


def test_503_of_a_host_that_drains_is_told_by_ready_and_ends_by_undrain(fpmd, nginx, container):
    fpmd.configure(pool="pm.status_listen = 127.0.0.1:9001")
    fpmd.start()

    def ready():
        return container.run("curl", "-si", "-m", "30", "http://127.0.0.1:9001/ready").stdout
    wait_until(lambda: " 200 " in ready().splitlines()[0], "the pool to be ready")
    container.run("fpmctl", "drain")
    assert " 503 " in ready().splitlines()[0] and "\ndraining: " in ready()
    assert " draining: " in container.run("fpmctl", "status").stdout
    container.run("fpmctl", "undrain")
    assert " 200 " in ready().splitlines()[0]


# -- 504 GATEWAY TIMEOUT

def test_504_of_a_script_that_hangs_is_seen_with_its_stage_and_uri(fpmd, nginx, container):
    fpmd.start()
    container.write("/etc/nginx/conf.d/impatient.conf", "fastcgi_read_timeout 1s;\n")
    try:
        container.systemctl("reload", "nginx.service")
        wait_until(lambda: nginx.get("/load.php?us=8000000")[0] == 504, "nginx to have read its configuration")
        full = container.run("fpmctl", "status", "--full").stdout
        assert re.search(r" executing .* GET /load\.php$", full, re.M), full
    finally:
        container.remove("/etc/nginx/conf.d/impatient.conf")
        container.systemctl("reload", "nginx.service")


# -- PAGES ARE SLOW

def test_slow_pages_with_all_workers_busy_are_a_queue(fpmd, nginx, container):
    fpmd.configure(max_children=1)
    fpmd.start()
    with asking(nginx, "/load.php?us=8000000", 3):
        status = wait_until(lambda: "2 clients waiting with 1 of 1 workers busy" in (out := container.run("fpmctl", "status", "--full").stdout) and out,
                            "two clients that wait")
        assert "1 busy, 0 idle, at most 1" in status and " 2 waiting" in status


def test_slow_scripts_are_in_the_slow_log_with_file_and_line(fpmd, nginx, container):
    fpmd.configure(pool="request_slowlog_timeout = 1s\nslowlog = /var/log/fpmd/symptom-slow.log")
    fpmd.start()
    assert nginx.get("/load.php?us=4000000")[0] == 200
    log = container.run("cat", "/var/log/fpmd/symptom-slow.log").stdout
    assert "usleep() /var/www/html/load.php:4" in log, log


# -- 404 OR 403, AND THE FILE IS THERE

def test_404_is_told_apart_by_a_request_past_the_web_server(fpmd, nginx, container):
    fpmd.start()
    missing = container.run("fpmctl", "get", "-i", "/var/www/html/missing.php", check=False)
    there = container.run("fpmctl", "get", "-i", "/var/www/html/load.php?us=0", check=False)
    assert (missing.returncode, there.returncode) == (22, 0), missing.stdout + missing.stderr + there.stdout + there.stderr
    assert "404" in missing.stdout and missing.stdout.endswith("File not found.\n")
    container.run("sh", "-c", "echo '<?php echo 1;' >/tmp/page.php")
    hidden = container.run("fpmctl", "get", "-i", "/tmp/page.php", check=False)
    container.run("rm", "/tmp/page.php")
    assert hidden.stdout.endswith("File not found.\n"), "the service has a /tmp of its own"


def test_a_folder_that_the_user_may_not_enter_is_a_404_and_a_file_that_he_may_not_read_a_403(fpmd, nginx, container):
    fpmd.start()
    container.run("mkdir", "-m", "700", "/var/www/html/closed")
    try:
        with page(container, "closed/page.php", "<?php echo 1;") as inside, page(container, "closed.php", "<?php echo 1;", 0o600) as path:
            assert container.run("fpmctl", "get", "-i", inside, check=False).stdout.endswith("File not found.\n")
            assert "drwx------ root root closed" in container.run("namei", "-l", inside, check=False).stdout
            assert container.run("fpmctl", "get", "-i", path, check=False).stdout.endswith("Access denied.\n")
            wait_until(lambda: f"Unable to open primary script: {path} (Permission denied)" in journal(fpmd), "the line about it")
    finally:
        container.run("rm", "-r", "/var/www/html/closed")


def test_a_folder_that_nginx_may_not_enter_is_its_own_error_page_and_in_its_log(fpmd, nginx, container):
    fpmd.start()
    container.run("mkdir", "-m", "750", "/var/www/html/closed")
    try:
        with page(container, "closed/index.php", "<?php echo 1;") as path:
            for asked, status in (("/closed/", 403), ("/closed/index.php", 404)):
                found, body = nginx.get(asked)
                assert found == status and "<center>nginx" in body
            assert "13: Permission denied" in errors_of_nginx(container)
            assert "drwxr-x--- root root closed" in container.run("namei", "-l", path).stdout
            container.run("chmod", "o+x", "/var/www/html/closed")
            assert nginx.get("/closed/") == (200, "1")
    finally:
        container.run("rm", "-r", "/var/www/html/closed")


def test_403_is_told_with_the_setting_that_denies(fpmd, nginx, container):
    for setting, told in ("security.limit_extensions = .phar", "(see security.limit_extensions)"), \
                         ("security.exec_basedir[] = /srv", "is outside of security.exec_basedir"):
        fpmd.configure(pool=setting)
        fpmd.start()
        status, body = nginx.get("/load.php")
        assert (status, body.strip()) == (403, "Access denied.")
        wait_until(lambda: told in journal(fpmd), f"the line with {told}")
        container.systemctl("stop", "fpmd.service")


def test_403_of_a_script_of_another_owner_is_told_with_both_owners(fpmd, nginx, container):
    fpmd.configure(pool="security.script_owner = pool")
    fpmd.start()
    container.run("sh", "-c", "mkdir /var/www/html/theirs && echo '<?php echo 1;' >/var/www/html/theirs/page.php && chown -R daemon /var/www/html/theirs")
    try:
        assert nginx.get("/theirs/page.php")[0] == 403
        uid = container.run("id", "-u", "daemon").stdout.strip()
        wait_until(lambda: f"'/var/www/html/theirs/page.php' belongs to uid {uid}, and its folder to uid {uid}" in journal(fpmd), "the line about the owners")
        assert " scripts\n" in container.run("fpmctl", "status").stdout
    finally:
        container.run("rm", "-r", "/var/www/html/theirs")


# -- THE SERVICE DOES NOT START

def test_a_mistake_in_the_configuration_is_status_78_and_a_start_brings_both_back(fpmd, nginx, container):
    fpmd.configure(pool="pm.max_childern = 2")
    fpmd.listen()
    assert nginx.get("/load.php")[0] == 502
    container.wait_for("fpmd.socket", "failed")
    assert container.show("fpmd.service", "ExecMainStatus") == "78"
    tested = container.run("fpmd", "-t", check=False)
    assert tested.returncode == 78 and "[/etc/fpmd/pool.d/www.conf:5]" in tested.stderr and "pm.max_childern" in tested.stderr
    assert "pm.max_childern" in journal(fpmd)
    fpmd.configure()
    container.systemctl("start", "fpmd")
    assert nginx.get("/load.php")[0] == 200


def test_php_that_does_not_start_is_status_70_with_phps_own_message(fpmd, nginx, container):
    fpmd.configure(pool="php_admin_value[opcache.preload] = /nope/preload.php")
    fpmd.drop_in("fpmd.service", "[Service]\nRestart=no\n")
    fpmd.listen()
    assert container.systemctl("start", "fpmd.service", check=False).returncode != 0
    assert container.show("fpmd.service", "ExecMainStatus") == "70"
    assert "/nope/preload.php" in journal(fpmd)


# -- PERMISSION DENIED, OR READ-ONLY FILE SYSTEM, IN A SCRIPT

def test_a_script_that_writes_where_the_sandbox_is_closed_is_denied(fpmd, nginx, container):
    fpmd.start()
    with page(container, "writes.php", "<?php var_dump(@file_put_contents('/usr/share/x', 'x')); echo error_get_last()['message'];"):
        status, body = nginx.get("/writes.php")
    assert status == 200 and "bool(false)" in body and ("Read-only file system" in body or "Permission denied" in body)


# -- MEMORY

def test_a_script_over_its_memory_limit_costs_one_request_and_is_told(fpmd, nginx, container):
    """What the kernel kills for want of memory is in tests/process/test_memory.py: this container has no limit of its own."""
    fpmd.configure(pool="php_admin_value[memory_limit] = 16M", max_children=1)
    fpmd.start()
    worker = nginx.json("/load.php")["worker"]
    with page(container, "eats.php", "<?php $eaten = str_repeat('x', 64 << 20);"):
        status, _ = nginx.get("/eats.php")
    assert status == 500
    wait_until(lambda: "Allowed memory size" in journal(fpmd), "PHP's message")
    assert nginx.json("/load.php")["worker"] == worker


# -- A CHANGE HAS NO EFFECT

def test_a_reload_that_is_refused_says_why_and_leaves_what_is_there(fpmd, nginx, container):
    fpmd.configure(max_children=2)
    fpmd.start()
    workers = fpmd.wait_for_workers(2)
    fpmd.configure(pool="pm.max_childern = 2", max_children=3)
    assert container.systemctl("reload", "fpmd", check=False).returncode != 0
    assert "pm.max_childern" in container.run("systemctl", "status", "--no-pager", "-n0", "fpmd").stdout + journal(fpmd)
    assert nginx.json("/load.php")["worker"] in workers


def test_a_setting_that_php_does_not_take_refuses_no_reload_and_is_a_warning_everywhere(fpmd, nginx, container):
    fpmd.start()
    fpmd.configure(pool="php_admin_value[extension] = nosuch\nphp_admin_value[memory_limit] = much")
    tested = container.run("runuser", "-u", "www-data", "--", "fpmd", "-t")
    reloaded = container.run("fpmctl", "reload")
    shown = container.run("fpmctl", "status").stdout
    for said in (tested.stderr + tested.stdout, reloaded.stdout + reloaded.stderr, shown, journal(fpmd)):
        assert "[/etc/fpmd/pool.d/www.conf:" in said, said
    assert "warning:" in reloaded.stdout + reloaded.stderr and " warning " in shown
    assert nginx.get("/load.php")[0] == 200
    assert "/fpm/php.ini" in container.run("fpmctl", "status", "--full").stdout
