# SPDX-License-Identifier: MIT
"""The units as they are shipped: activation, who runs as whom, the sandbox, the journal, exit statuses."""

import json
import subprocess

import pytest

from container import wait_until
from load import Load
from service import Instance, documented


def test_the_first_connection_starts_the_service(fpmd, nginx, container):
    fpmd.listen()
    assert container.show("fpmd.service", "ActiveState") == "inactive"
    page = nginx.json("/load.php")
    container.wait_for("fpmd.service", "active")
    assert page["worker"] in fpmd.workers()


def test_stop_and_start_by_hand_work_with_the_socket(fpmd, nginx, container):
    fpmd.start()
    container.systemctl("stop", "fpmd.service")
    assert container.show("fpmd.service", "Result") == "success"
    assert container.show("fpmd.service", "ExecMainStatus") == "0"
    assert container.show("fpmd.socket", "ActiveState") == "active"
    assert nginx.json("/load.php")["worker"] in fpmd.workers()


def test_nothing_in_the_service_is_root(fpmd, container):
    fpmd.start()
    fpmd.wait_for_workers(8)
    files = container.run("sh", "-c", "grep -ls /system.slice/fpmd.service /proc/[0-9]*/cgroup").stdout.split()
    pids = [file.split("/")[2] for file in files]
    assert len(pids) >= 10  # master, zygote, 8 workers
    users = container.run("ps", "-o", "user=,group=", "-p", ",".join(pids)).stdout.split("\n")
    assert {tuple(line.split()) for line in users if line} == {("www-data", "www-data")}


FENCE = "security.exec_basedir[] = /var/www/html\nsecurity.script_owner = pool\nlisten.peer_users = www-data root\nsecurity.seccomp = {}"


@pytest.mark.parametrize("preset", ["exec", "strict"])
def test_the_fence_lets_through_what_it_should_in_the_sandbox(fpmd, nginx, container, preset):
    """The sandbox takes system calls away: openat2(2) by RestrictSUIDSGID=, and seccomp(2), unless the unit names it."""
    fpmd.configure(pool=FENCE.format(preset))
    fpmd.start()
    assert nginx.json("/load.php")["worker"] in fpmd.workers()
    container.write("/var/www/html/starts.php", "<?php var_dump(@shell_exec('echo started'));")
    assert "started" not in nginx.get("/starts.php")[1]
    container.remove("/var/www/html/starts.php")
    container.write("/var/www/outside.php", "<?php echo 'outside';")
    assert container.run("fpmctl", "get", "-i", "/var/www/outside.php", check=False).stdout.startswith("Status: 403")
    container.remove("/var/www/outside.php")


def test_the_fence_holds_in_an_instances_sandbox(container, fpmd):
    service = Instance(container, "fenced")
    try:
        path = "/etc/fpmd/pool.d/fenced.conf"
        container.write(path, container.run("cat", path).stdout + FENCE.format("strict") + "\n")
        container.systemctl("daemon-reload")
        assert '"worker"' in container.run("fpmctl", "get", "--connect", service.socket_path, "/var/www/html/load.php").stdout
    finally:
        service.stop()


def test_two_pools_are_two_trees_in_ps_in_the_control_group_and_in_fpmctl(fpmd, container):
    fpmd.configure(max_children=3)
    fpmd.configure(name="api", max_children=2, listen="/run/fpmd-api.sock")
    fpmd.dropins.append("/etc/systemd/system/fpmd-api.socket")
    container.write("/etc/systemd/system/fpmd-api.socket", """\
[Socket]
ListenStream=/run/fpmd-api.sock
FileDescriptorName=api
SocketUser=www-data
Service=fpmd.service
""")
    container.systemctl("daemon-reload")
    try:
        container.systemctl("start", "fpmd.socket", "fpmd-api.socket", "fpmd.service")
        tree = wait_until(lambda: sorted(map(len, (tree := fpmd.children()).values())) == [2, 3] and tree, "zygotes with 2 and 3 workers")
        pids = [fpmd.master, *tree, *(worker for workers in tree.values() for worker in workers)]
        titles = container.processes()
        for zygote, workers in tree.items():
            pool = {3: "www", 2: "api"}[len(workers)]
            for pid in (zygote, *workers):
                assert pool in titles[pid][2], titles[pid]
        groups = container.run("systemd-cgls", "--no-pager", "-l", "-u", "fpmd.service").stdout
        status = container.run("fpmctl", "status").stdout
        for pid in pids:
            assert str(pid) in groups.replace("─", " ").split(), groups
        for pid in (fpmd.master, *tree):
            assert str(pid) in status, status
        assert "www" in status and "api" in status
    finally:
        container.systemctl("stop", "fpmd-api.socket", check=False)


def test_an_instance_has_its_own_configuration_socket_and_control(fpmd, container):
    path = "/etc/fpmd/instances/blog.conf"
    container.write(path, "[blog]\nlisten = systemd\npm = static\npm.max_children = 2\n")
    try:
        container.systemctl("start", "fpmd@blog.socket")
        body = container.run("fpmctl", "get", "--connect", "/run/fpmd-blog.sock", "/var/www/html/load.php").stdout
        assert '"worker":' in body
        container.wait_for("fpmd@blog.service", "active")
        before = container.show("fpmd@blog.service", "MainPID")
        container.systemctl("reload", "fpmd@blog.service")
        assert container.show("fpmd@blog.service", "MainPID") == before
        assert container.show("fpmd.service", "ActiveState") == "inactive"
        assert container.run("fpmctl", "--runtime-dir", "/run/fpmd-blog", "status").stdout.count(before)
    finally:
        container.systemctl("stop", "fpmd@blog.socket", "fpmd@blog.service", check=False)
        container.remove(path)


def test_the_service_for_all_leaves_a_pool_to_its_own_unit(fpmd, container):
    """A second site in the shipped folder, as an instance: the first one outlives a reload and a restart, and takes it back."""
    def ask(pool):
        return container.run("fpmctl", "get", "--connect", f"/run/fpmd-{pool}.sock", "/var/www/html/load.php").returncode

    def served():
        return {pool["name"] for pool in json.loads(container.run("fpmctl", "status", "--json").stdout)["pools"]}
    fpmd.start()
    fpmd.configure(name="shop", max_children=2, listen="/run/fpmd-shop.sock")
    try:
        container.run("fpmctl", "enable", "shop")
        assert ask("www") == ask("shop") == 0
        container.systemctl("reload", "fpmd.service")
        assert served() == {"www"} and "[pool shop] is left to fpmd@shop.socket, which is enabled" in str(fpmd.journal())
        container.systemctl("restart", "fpmd.service")
        assert served() == {"www"} and ask("www") == ask("shop") == 0
        container.systemctl("reload", "fpmd@shop.service")
        assert ask("shop") == 0
    finally:
        container.run("fpmctl", "disable", "shop")
    refused = container.systemctl("reload", "fpmd.service", check=False)  # now it is fpmd.service's, which has no socket for it
    assert refused.returncode != 0 and ask("www") == 0


def test_a_mistake_in_a_pools_own_file_keeps_the_service_for_all_serving(fpmd, container):
    fpmd.start()
    fpmd.configure(name="shop", max_children=2, listen="/run/fpmd-shop.sock")
    container.run("fpmctl", "enable", "shop")
    try:
        fpmd.configure(name="shop", max_children=2, listen="/run/fpmd-shop.sock", pool="pm.max_childs = 3")
        container.systemctl("reload", "fpmd.service")
        container.systemctl("restart", "fpmd.service")
        container.run("chmod", "0600", "/etc/fpmd/pool.d/shop.conf")
        container.systemctl("restart", "fpmd.service")
        container.run("fpmctl", "get", "--connect", "/run/fpmd-www.sock", "/var/www/html/load.php")
        said = str(fpmd.journal())
        assert "its pools are left to units of their own, and the others are served" in said
    finally:
        container.run("fpmctl", "disable", "shop", check=False)


def test_a_second_pool_in_one_service_as_the_page_says(fpmd, container):
    fpmd.start()
    fpmd.configure(name="shop", max_children=2, listen="/run/fpmd-shop.sock")
    fpmd.dropins.append("/etc/systemd/system/fpmd-shop.socket")
    container.write("/etc/systemd/system/fpmd-shop.socket", "\n".join(documented("[Socket]\nListenStream=/run/fpmd-shop.sock")) + "\n")
    try:
        for command in documented("sudo systemctl daemon-reload\nsudo systemctl enable fpmd-shop.socket"):
            container.run("sh", "-c", command.removeprefix("sudo "))
        assert len(fpmd.children()) == 2
        for pool in ("www", "shop"):
            container.run("fpmctl", "get", "--connect", f"/run/fpmd-{pool}.sock", "/var/www/html/load.php")
    finally:
        container.systemctl("disable", "--now", "fpmd-shop.socket")


def asked(container, pool):
    """Clients with a connection for each request, from now on."""
    outside = f"/proc/{container.leader}/root/run/fpmd-{pool}.sock"
    return Load(container, 4, path="/var/www/html/load.php", more=["--fastcgi", outside, "--least-us", "2000"])


def wait_served(container, *names):
    """A pool that leaves is there until its last request has ended."""
    def served():
        return {pool["name"] for pool in json.loads(container.run("fpmctl", "status", "--json").stdout)["pools"]}
    wait_until(lambda: served() == set(names), f"fpmd.service to have {names}")


@pytest.fixture
def two_pools(fpmd, container):
    """fpmd.service with the pool of fpmd.socket and a second one, as fpmd.service(7) says."""
    fpmd.configure(max_children=4)
    fpmd.configure(name="shop", max_children=4, listen="/run/fpmd-shop.sock")
    fpmd.dropins.append("/etc/systemd/system/fpmd-shop.socket")
    container.write("/etc/systemd/system/fpmd-shop.socket", "\n".join(documented("[Socket]\nListenStream=/run/fpmd-shop.sock")) + "\n")
    container.systemctl("enable", "fpmd.socket", "fpmd-shop.socket")
    container.systemctl("start", "fpmd.socket", "fpmd-shop.socket", "fpmd.service")
    wait_served(container, "www", "shop")
    yield fpmd
    container.run("fpmctl", "disable", "www", check=False)
    container.systemctl("disable", "--now", "fpmd.socket", "fpmd-shop.socket")


def answered(*loads):
    """A hundred more of each."""
    for load in loads:
        goal = len(load.records) - len(load.failures) + 100
        wait_until(lambda: len(load.records) - len(load.failures) >= goal, f"{goal} answers; {load.explain()}", limit=60)


def test_one_of_two_pools_moves_to_its_unit_while_both_are_asked(two_pools, container):
    """It has fpmd.socket's address, which fpmd.service requires. The other pool loses nothing; of this one those are refused that connect between two sockets."""
    with asked(container, "shop") as shop, asked(container, "www") as www:
        answered(shop, www)
        master = two_pools.master
        assert "fpmd.service has been reloaded, and has left pool 'www' to fpmd@www.socket" in container.run("fpmctl", "enable", "www").stdout
        wait_served(container, "shop")
        assert two_pools.master == master
        answered(shop, www)
        own = container.show("fpmd@www.service", "MainPID")
        assert own != "0" and container.show("fpmd.socket", "ActiveState") == "inactive"
        container.systemctl("restart", "fpmd.service")
        answered(shop, www)
        wait_served(container, "shop")
        assert container.show("fpmd@www.service", "MainPID") == own
        assert "fpmd.socket" not in container.show("sockets.target", "Wants") + container.show("fpmd.service", "Requires"), "the next boot"
    assert not shop.failures, shop.explain()
    unconnected = ("FileNotFoundError", "ConnectionRefusedError", "PermissionError")
    assert all(r.error.startswith(unconnected) for r in www.failures), www.explain()
    print(f"{len(shop.records)} and {len(www.records)} requests, {len(www.failures)} without a connection")

    with asked(container, "shop") as shop:
        answered(shop)
        assert "systemctl restart fpmd.service" in container.run("fpmctl", "disable", "www").stdout
        assert "fpmd.socket" in container.show("sockets.target", "Wants") and "fpmd.socket" in container.show("fpmd.service", "Requires")
        container.systemctl("restart", "fpmd.service")
        wait_served(container, "www", "shop")
        container.run("fpmctl", "get", "--connect", "/run/fpmd-www.sock", "/var/www/html/load.php")
        answered(shop)
    assert not shop.failures, shop.explain()


def test_a_pool_does_not_move_while_another_socket_unit_has_its_address(two_pools, container):
    done = container.run("fpmctl", "enable", "shop", check=False)
    assert done.returncode == 1 and "fpmd-shop.socket listens on /run/fpmd-shop.sock: systemctl disable --now fpmd-shop.socket" in done.stderr
    wait_served(container, "www", "shop")
    container.run("fpmctl", "get", "--connect", "/run/fpmd-shop.sock", "/var/www/html/load.php")
    container.systemctl("disable", "--now", "fpmd-shop.socket")
    container.run("fpmctl", "enable", "shop")
    try:
        wait_served(container, "www")
        container.run("fpmctl", "get", "--connect", "/run/fpmd-shop.sock", "/var/www/html/load.php")
    finally:
        container.run("fpmctl", "disable", "shop")


def test_a_change_of_listen_is_told_and_taken_up(fpmd, container):
    """systemd closes the socket of a unit whose address has changed at any daemon-reload, and calls the unit active all the same."""
    def ask(path):
        return container.run("fpmctl", "get", "--connect", path, "/var/www/html/load.php", check=False).returncode
    for name in ("blog", "shop"):
        fpmd.configure(name=name, max_children=2, listen=f"/run/fpmd-{name}.sock")
        container.run("fpmctl", "enable", name)
    try:
        fpmd.configure(name="blog", max_children=2, listen="/run/fpmd-elsewhere.sock")
        done = container.run("fpmctl", "enable", "shop")  # another site
        assert "fpmd@blog.socket was up and did not listen on /run/fpmd-elsewhere.sock" in done.stdout
        assert ask("/run/fpmd-elsewhere.sock") == ask("/run/fpmd-shop.sock") == 0
        fpmd.configure(name="blog", max_children=2, listen="/run/fpmd-blog.sock")
        done = container.run("fpmctl", "reload", "blog")
        remedy = "systemctl daemon-reload; systemctl restart fpmd@blog.socket"
        assert "pool 'blog' listens on /run/fpmd-elsewhere.sock, and not on /run/fpmd-blog.sock" in done.stdout and remedy in done.stdout
        wait_until(lambda: remedy in container.show("fpmd@blog.service", "StatusText"), "the status to say so")
        container.systemctl("daemon-reload")
        assert container.systemctl("restart", "fpmd@blog.service", check=False).returncode != 0
        assert "systemd has passed no socket: " + remedy in container.show("fpmd@blog.service", "StatusText")
        done = container.run("fpmctl", "status", "blog", check=False)
        assert done.returncode == 1 and "fpmd@blog.service has failed: Start failed:" in done.stderr
        container.systemctl("restart", "fpmd@blog.socket")
        assert ask("/run/fpmd-blog.sock") == 0
    finally:
        for name in ("blog", "shop"):
            container.run("fpmctl", "disable", name, check=False)


def test_rights_of_a_socket_are_told_and_taken_up(fpmd, container):
    fpmd.configure(name="shop", max_children=2, listen="/run/fpmd-shop.sock")
    container.run("fpmctl", "enable", "shop")
    try:
        container.systemctl("start", "fpmd@shop.service")
        container.run("sh", "-c", "echo listen.mode = 0600 >> /etc/fpmd/pool.d/shop.conf")
        done = container.run("fpmctl", "reload", "shop")
        assert "directive 'listen.mode': /run/fpmd-shop.sock has another, mode 0660" in done.stdout
        assert "warning" not in container.run("sh", "-c", "sed -i /listen.mode/d /etc/fpmd/pool.d/shop.conf; fpmctl reload shop").stdout
        container.run("sh", "-c", "echo listen.mode = 0600 >> /etc/fpmd/pool.d/shop.conf; systemctl daemon-reload")
        assert "mode 0660) still: fpmd@shop.socket has had other rights since" in container.run("fpmctl", "doctor", check=False).stdout
        assert "fpmd@shop.socket had other rights for /run/fpmd-shop.sock" in container.run("fpmctl", "enable", "shop").stdout
        assert container.run("stat", "-c", "%a", "/run/fpmd-shop.sock").stdout == "600\n"
        assert "had other rights" not in container.run("fpmctl", "enable", "shop").stdout
    finally:
        container.run("fpmctl", "disable", "shop", check=False)


def test_the_service_whose_only_pool_has_moved_has_not_failed(fpmd, container):
    fpmd.start()
    container.systemctl("enable", "fpmd.service")
    try:
        container.run("fpmctl", "enable", "www")
        container.wait_for("fpmd.service", "inactive")
        container.systemctl("start", "fpmd.service")  # as the next boot does
        container.wait_for("fpmd.service", "inactive")
        assert container.show("fpmd.service", "Result") == "success" and container.show("fpmd.service", "ExecMainStatus") == "0"
        assert container.show("fpmd@www.socket", "ActiveState") == "active"
        container.run("fpmctl", "get", "--connect", "/run/fpmd-www.sock", "/var/www/html/load.php")
        assert container.systemctl("list-units", "--failed", "--no-legend", "fpmd*").stdout == ""
    finally:
        container.run("fpmctl", "disable", "www")
        container.systemctl("disable", "fpmd.service", "fpmd.socket")


def test_a_pool_file_without_a_socket_costs_the_other_pools_nothing(fpmd, nginx, container):
    """A file that somebody has only written, and one whose unit was disabled: the service starts without the pool, and says what is to be done."""
    fpmd.configure(name="app", max_children=2, listen="/run/fpmd-app.sock")
    fpmd.start()
    try:
        for _ in range(2):
            wait_served(container, "www")
            assert nginx.json("/load.php")["worker"] in fpmd.workers()
            status = container.systemctl("status", "--no-pager", "-l", "-n0", "fpmd.service").stdout
            assert "pool 'app' has no socket and is not served" in status
            assert "fpmctl enable app" in container.run("fpmctl", "status").stdout + str(fpmd.journal())
            assert "fpmctl enable app" in container.run("fpmctl", "doctor", check=False).stdout
            assert {p["name"]: p["state"] for p in json.loads(container.run("fpmctl", "list", "--json").stdout)} == {"app": "off", "www": "shared"}
            container.run("fpmctl", "enable", "app")
            container.run("fpmctl", "get", "--connect", "/run/fpmd-app.sock", "/var/www/html/load.php")
            wait_served(container, "www")
            assert "/etc/fpmd/pool.d/app.conf was written" not in container.run("fpmctl", "doctor", check=False).stdout
            assert "Nobody listens for pool 'app' now" in container.run("fpmctl", "disable", "app").stdout
            container.systemctl("restart", "fpmd.service")
        fpmd.configure(name="app", pool="pm.max_childern = 2", listen="/run/fpmd-app.sock")
        assert {p["name"]: p["state"] for p in json.loads(container.run("fpmctl", "list", "--json").stdout)} == {"app": "broken", "www": "shared"}
    finally:
        container.run("fpmctl", "disable", "app", check=False)


def test_a_pool_that_was_moved_is_listed_beside_one_with_a_socket_unit_of_another_name(two_pools, container):
    """fpmd.service goes on with the second pool alone, by a socket unit of which fpmd.socket knows nothing."""
    def states():
        return {pool["name"]: pool["state"] for pool in json.loads(container.run("fpmctl", "list", "--json").stdout)}
    container.run("fpmctl", "enable", "www")
    for service in ("start", "stop"):
        container.systemctl(service, "fpmd.service")
        assert states()["shop"] == "shared"
        found = json.loads(container.run("fpmctl", "doctor", "--json", check=False).stdout)["findings"]
        assert not [row for row in found if "fpmd.socket" in row["what"] + row["next"] or "next boot" in row["what"]], found
    container.run("fpmctl", "get", "--connect", "/run/fpmd-shop.sock", "/var/www/html/load.php")


def test_a_list_asks_the_service_once_for_all_of_its_pools(two_pools, container, tmp_path):
    calls = tmp_path / "calls"
    subprocess.run(["strace", "-f", "-qq", "-e", "trace=connect", "-o", calls, *container.enter("fpmctl", "list")], check=True, stdout=subprocess.DEVNULL)
    assert calls.read_text().count('"/run/fpmd/control"') == 1
    found = json.loads(container.run("fpmctl", "list", "--json", "shop").stdout)
    assert [(pool["name"], pool["state"], pool["workers"]) for pool in found] == [("shop", "shared", 4)]
    assert container.run("fpmctl", "list", "nosuch", check=False).returncode == 1
    assert container.run("fpmctl", "list", "*", check=False).returncode == container.run("fpmctl", "list", "www", "shop", check=False).returncode == 2


def test_status_asks_the_masters_of_units_where_they_are_named_or_alone(fpmd, container):
    def said(*arguments):
        done = container.run("fpmctl", "status", *arguments, check=False)
        return done.returncode, [line.split()[1] for line in done.stdout.splitlines() if line.startswith("pool ")]
    app = Instance(container, "app")
    try:
        assert said()[0] == 69 and said("app")[0] == 69, "nobody runs"
        container.run("fpmctl", "get", "--connect", app.socket_path, "/var/www/html/load.php")
        assert said() == said("app") == (0, ["app"])
        assert [pool["name"] for pool in json.loads(container.run("fpmctl", "status", "--json").stdout)["pools"]] == ["app"]
        fpmd.start()
        assert said() == (0, ["www"]) and said("app") == (0, ["app"]) and sorted(said("www", "app")[1]) == ["app", "www"]
        assert said("nosuch")[0] == 1 and said("--runtime-dir", "/run/fpmd", "app")[0] == 1
    finally:
        app.stop()


def test_what_applications_need_works_in_the_sandbox(fpmd, nginx, container):
    container.run("install", "-d", "-o", "www-data", "/var/www/html/uploads")
    fpmd.start()
    needs = nginx.json("/sandbox.php")
    assert [need for need, met in needs.items() if not met] == []


@pytest.mark.parametrize("unit, tenths", [("fpmd.service", 20), ("fpmd@x.service", 15)])
def test_the_exposure_that_systemd_analyze_sees_is_low(container, unit, tenths):
    done = container.run("systemd-analyze", "security", "--offline=yes", "--no-pager", f"--threshold={tenths}", unit)
    assert "Overall exposure level" in done.stdout


def test_systemd_finds_no_mistake_in_the_units(container):
    done = container.run("systemd-analyze", "verify", "--man=no", "fpmd.service", "fpmd.socket", "fpmd@x.service", "fpmd@x.socket", "fpmd.target")
    assert done.stdout + done.stderr == ""


def test_a_php_warning_is_a_journal_entry_with_its_place_and_its_request(fpmd, nginx):
    fpmd.start()
    assert nginx.get("/warning.php?who=me", "-X", "POST", "-d", "")[0] == 200
    entries = wait_until(lambda: [e for e in fpmd.journal("-t", "fpmd") if "the page's own warning" in e["MESSAGE"]], "the warning")
    assert len(entries) == 1
    entry = entries[0]
    assert entry["FPMD_POOL"] == "www"
    assert entry["CODE_FILE"] == "/var/www/html/warning.php"
    assert entry["CODE_LINE"] == "2"
    assert entry["PRIORITY"] == "4"
    assert entry["FPMD_REQUEST_METHOD"] == "POST"
    assert entry["FPMD_REQUEST_URI"].startswith("/warning.php")
    assert entry["_SYSTEMD_UNIT"] == "fpmd.service"


def test_a_configuration_error_at_start_is_exit_78_with_the_reason(fpmd, container):
    fpmd.configure(pool="pm.max_requests = many")
    done = container.systemctl("start", "fpmd.service", check=False)
    assert done.returncode != 0
    container.wait_for("fpmd.service", "failed")
    assert container.show("fpmd.service", "ExecMainStatus") == "78"
    assert container.show("fpmd.service", "NRestarts") == "0"
    status = container.systemctl("status", "--no-pager", "-l", "fpmd.service", check=False).stdout
    assert "/etc/fpmd/pool.d/www.conf:5" in status and "pm.max_requests" in status, status


def test_after_a_configuration_error_a_start_brings_socket_and_service_back(fpmd, nginx, container):
    fpmd.configure(pool="pm.max_requests = many")
    fpmd.listen()
    status, _ = nginx.get("/load.php")
    assert status in (502, 504)
    container.wait_for("fpmd.socket", "failed")
    fpmd.configure()
    container.systemctl("reset-failed", "fpmd.service", "fpmd.socket")
    container.systemctl("start", "fpmd.service")
    assert nginx.json("/load.php")["worker"] in fpmd.workers()


def test_the_shipped_configuration_is_valid_and_kept_by_a_second_install(fpmd, container):
    from conftest import build_dir

    container.remove("/etc/fpmd/pool.d/www.conf")
    container.install(build_dir())
    assert "fpmd-www.sock" in (container.root / "etc/fpmd/pool.d/www.conf").read_text()
    container.run("fpmd", "-t")
    container.write("/etc/fpmd/pool.d/www.conf", "; mine\n")
    container.install(build_dir())
    assert (container.root / "etc/fpmd/pool.d/www.conf").read_text() == "; mine\n"


def test_readmes_first_steps_work_as_they_stand(fpmd, nginx, container):
    from conftest import build_dir

    container.remove("/etc/fpmd/pool.d/www.conf")
    container.install(build_dir())
    said = {}
    try:
        for command in documented("sudo systemctl enable --now fpmd.socket"):
            if "reload" in command:  # one that comes before the start is done would be the start
                container.wait_for("fpmd.service", "active")
            said[command] = container.run("sh", "-c", command.replace("sudo ", "")).stdout
        first, = [text for command, text in said.items() if "fpmctl get" in command]
        assert first.startswith("worker "), said
        wait_until(lambda: int(first.split()[1]) not in fpmd.workers(), "the reload to renew the worker that answered")
        assert "pool www" in said["sudo fpmctl status"]
        assert container.show("fpmd.socket", "UnitFileState") == "enabled"
    finally:
        container.remove("/var/www/html/index.php")
        container.systemctl("disable", "fpmd.socket")
