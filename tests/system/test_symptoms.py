# SPDX-License-Identifier: MIT
"""Each symptom of fpmd-troubleshooting(7), caused: the page's commands then say what the page says they do."""

import threading

from container import wait_until


def errors_of_nginx(container):
    return container.run("cat", "/var/log/nginx/error.log").stdout


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
    text = container.run("journalctl", "-u", "fpmd", "-x", "--no-pager", f"--after-cursor={fpmd.cursor}").stdout
    assert "execution timed out" in text and "/load.php?us=20000000" in text


def test_slow_pages_with_all_workers_busy_are_a_queue(fpmd, nginx, container):
    fpmd.configure(max_children=1)
    fpmd.start()
    clients = [threading.Thread(target=nginx.get, args=("/load.php?us=8000000",)) for _ in range(3)]
    for client in clients:
        client.start()
    status = wait_until(lambda: " 2 waiting" in (out := container.run("fpmctl", "status", "--full").stdout) and out, "a queue of two")
    assert "1 busy, 0 idle, at most 1" in status
    for client in clients:
        client.join()


def test_404_is_told_apart_by_a_request_past_the_web_server(fpmd, nginx, container):
    fpmd.start()
    container.write("/var/www/html/closed.php", "<?php echo 1;", mode=0o600)
    closed = container.run("fpmctl", "get", "-i", "/var/www/html/closed.php", check=False)
    there = container.run("fpmctl", "get", "-i", "/var/www/html/load.php?us=0", check=False)
    container.remove("/var/www/html/closed.php")
    assert (closed.returncode, there.returncode) == (22, 0), closed.stdout + closed.stderr + there.stdout + there.stderr


def test_a_script_that_writes_where_the_sandbox_is_closed_is_denied(fpmd, nginx, container):
    fpmd.start()
    container.write("/var/www/html/writes.php", "<?php var_dump(@file_put_contents('/usr/share/x', 'x')); echo error_get_last()['message'];")
    status, body = nginx.get("/writes.php")
    container.remove("/var/www/html/writes.php")
    assert status == 200 and "bool(false)" in body and ("Read-only file system" in body or "Permission denied" in body)
