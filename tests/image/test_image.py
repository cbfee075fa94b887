# SPDX-License-Identifier: MIT
"""The image as a platform runs it: fpmd is process 1, the root is read-only, the user is any, SIGTERM is the end."""

import json
import time

import pytest

import fastcgi
import procs
from latecomers import Latecomers
from probe import http

ADDRESS = "127.0.0.1:9000"
HEALTH = "127.0.0.1:9001"

WHO = "<?php echo posix_geteuid(), ' ', posix_getegid(), ' ', getmypid() > 1 ? 'worker' : '?', ' ', getenv('GREETING');"

# What Kubernetes gives from SIGTERM to SIGKILL.
GRACE = 30


def ask(box, page, **more):
    return box.inside(lambda: fastcgi.Client(ADDRESS).request(fastcgi.environment(page, **more)))


def ready(box):
    return box.inside(http, HEALTH, "/ready")


@pytest.mark.parametrize("user", [(33, 33), (1000, 1000), (123456, 0)], ids=["www-data", "1000", "nobody knows it"])
def test_any_user_serves_a_page_with_a_read_only_root(box, user):
    b = box(user=user, env=["GREETING=hello"])
    page = b.page("who.php", WHO)
    b.start()
    assert ask(b, page).text == f"{user[0]} {user[1]} worker hello"
    status, _, body = ready(b)
    assert (status, body.split(":")[0]) == (200, "ready")
    assert b.inside(http, HEALTH, "/live")[0] == 200


def test_root_serves_as_www_data(box):
    b = box(user=(0, 0), capabilities=["CAP_SETUID", "CAP_SETGID"])
    page = b.page("who.php", WHO)
    b.start()
    assert ask(b, page).text.startswith("33 33 ")


def test_nothing_but_tmpfs_can_be_written(box):
    b = box()
    page = b.page("write.php", "<?php foreach (['/etc/x', '/var/lib/x', '/run/x', '/tmp/x'] as $f) echo @file_put_contents($f, 'x') ?: 0;")
    b.start()
    assert ask(b, page).text == "0011"


def test_logs_are_on_stdout_and_stderr(box):
    b = box()
    page = b.page("say.php", "<?php error_log('from error_log'); file_put_contents('php://stderr', \"from stderr\\n\"); echo 'said';")
    b.start()
    assert ask(b, page, uri="/say.php").text == "said"
    procs.until("the access line", lambda: "/say.php" in b.out())
    procs.until("what the page said", lambda: "from stderr" in b.err())
    assert "from stderr" not in b.out() and "/say.php" not in b.err()


def test_fpmctl_works_in_it(box):
    b = box(user=(1000, 1000))
    page = b.page("who.php", WHO)
    b.start()
    done = b.execute("fpmctl", "status")
    assert done.returncode == 0 and "www" in done.stdout, done.stderr
    assert b.execute("fpmctl", "reload").returncode == 0
    assert ask(b, page).text.startswith("1000 ")


def test_orphans_are_reaped(box):
    b = box()
    page = b.page("orphan.php", "<?php for ($i = 0; $i < 5; $i++) exec('(sleep 8 >/dev/null 2>&1 & sleep 9 >/dev/null 2>&1 &)'); echo 'left';")
    b.start()
    ours = set(procs.children(b.pid))
    assert ask(b, page).text == "left"
    procs.until("the ten orphans to be process 1's", lambda: len(set(procs.children(b.pid)) - ours) == 10)
    procs.until("all of them to end, and to be reaped", lambda: not procs.children(b.pid, dead=True) and set(procs.children(b.pid)) <= ours)
    assert ask(b, page).text == "left"


def test_sigterm_under_load_loses_nothing_in_the_grace_time(box):
    """Requests of 20 ms, and one of 2 s that begins last. Clients go on until they are refused."""
    b = box(user=(1000, 1000))
    page = b.page("work.php", "<?php usleep(20000); echo 'done';")
    slow = b.page("slow.php", "<?php sleep(2); echo 'slowly';")
    b.start()
    clients = Latecomers(ADDRESS, fastcgi.environment(page), before=b.enter_network)
    clients.wait_more(100)
    began = time.monotonic()
    b.kill("TERM")
    body = procs.until("/ready to say no", lambda: (lambda r: r[2] if r[0] == 503 else None)(ready(b)))
    assert body.startswith("draining")
    clients.wait_more(20)  # they are served meanwhile
    assert ask(b, slow).text == "slowly"
    assert b.wait_exit(GRACE) == 0
    took = time.monotonic() - began
    clients.wait_refused()
    assert clients.lost == []
    assert took < GRACE
    print(f"{clients.answered} answered, none lost, {took:.1f} s")


@pytest.mark.parametrize("signal", ["TERM", "QUIT"])
def test_the_last_request_is_finished(box, signal):
    """As it is where nobody has to be told: --drain-time=0."""
    b = box(more=["--drain-time=0"])
    slow = b.page("slow.php", "<?php echo 'begun '; flush(); sleep(3); echo 'ended';")
    b.start()

    def meanwhile():
        with fastcgi.Connection(ADDRESS) as c:
            c.send(fastcgi.request_bytes(fastcgi.environment(slow)))
            c.wait_readable("the reply to begin")
            b.kill(signal)
            return c.read_response().text
    assert b.inside(meanwhile) == "begun ended"
    assert b.wait_exit(GRACE) == 0


def test_the_image_says_how_it_is_run(box, image):
    """For platforms that look there: a number of a user that is not root, the ports, the signal."""
    index = json.loads((image / "index.json").read_text())

    def blob(digest):
        return json.loads((image / "blobs" / digest.replace(":", "/")).read_text())
    config = blob(blob(index["manifests"][0]["digest"])["config"]["digest"])["config"]
    assert config["User"] == "33:33"
    assert sorted(config["ExposedPorts"]) == ["9000/tcp", "9001/tcp"]
    assert config["StopSignal"] == "SIGTERM"
    assert config["Entrypoint"] + config["Cmd"] == ["/usr/sbin/fpmd", "--drain-time=5s"]
    assert config["WorkingDir"] == "/var/www/html"
