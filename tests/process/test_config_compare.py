# SPDX-License-Identifier: MIT
"""The same configuration, read by php-fpm and by fpmd with -tt: exit status, dumped values, and what is said of a mistake.

php-fpm stops at its first problem; fpmd says php-fpm's line and may say more. The cases, and what may differ, are in config_cases.py.
"""

import os
import re
import shutil
import subprocess

import pytest

import server as programs
from config_cases import BASE, CASES, DIFFERENCES, FILES, UNPRIVILEGED

pytestmark = [pytest.mark.skipif(programs.php_fpm() is None, reason="no php-fpm is installed"),
              pytest.mark.skipif(not programs.ROOT, reason="needs root: php-fpm opens its log in /var/log; root also runs the cases of others")]

FACILITIES = ["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp"]
FACILITIES = {str(n << 3): name for n, name in [*enumerate(FACILITIES), *((16 + i, f"local{i}") for i in range(8))]}
TIMES = re.compile(r"timeout$|interval$")
TOLD = re.compile(r"(?:\[[^]]*\] )?((?:NOTICE|WARNING|ERROR|ALERT): .*)")
DEBUG = re.compile(r"^NOTICE: pid \d+, \w+\(\), line \d+: ")

# Values that the two show differently by default, and directives that one of them does not know.
OTHER_DEFAULTS = {"daemonize", "process_control_timeout", "events.mechanism", "error_log", "pid", "syslog.ident", "systemd_interval", "log_level", "listen.mode",
                  "ping.response", "pm.process_idle_timeout"}
OURS = {"pm.max_requests_jitter", "pm.max_memory", "pm.exit_after_fatal", "log_timeout", "request_receive_timeout", "security.wire_ini", "security.script_owner", "security.seccomp", "security.landlock", "security.read_path", "security.write_path", "security.expose_credentials", "security.exec_basedir", "security.pcntl", "listen.shards", "listen.defer_accept", "listen.peer_users", "park.max_connections",
        "park.first_byte_timeout", "park.rest_timeout", "park.idle_timeout", "park.max_bytes", "pool.budget", "pool.sleep_after", "process.shared_libraries", "queue.abandoned", "request.on_disconnect",
        "queue.max_wait", "queue.max_length", "queue.status", "queue.retry_after", "queue.body",
        "worker.script", "worker.requests", "worker.max_age", "worker.boot_timeout", "worker.warmup"}


@pytest.fixture(scope="module")
def folder():
    path = programs.make_folder("compare")
    os.makedirs(os.path.join(path, "sub"))
    os.makedirs(os.path.join(path, "inc"))
    for name, text in FILES.items():
        write(path, name, text)
    shutil.chown(path, programs.POOL_USER)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def write(folder, name, text):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(text.replace("{d}", folder).encode("utf-8", "surrogateescape"))


class Outcome:
    """What a program made of a configuration."""

    def __init__(self, program, folder, who=None):
        done = subprocess.run([program, "-tt", "-y", os.path.join(folder, "fpm.conf")], capture_output=True, timeout=60, cwd="/",
                              env={"HOME": "/home/of-the-test", "LANG": "C", "PATH": os.environ["PATH"]},
                              **({"user": who, "group": who, "extra_groups": []} if who else {}))
        text = (done.stdout + done.stderr).decode("utf-8", "surrogateescape").replace("//", "/")
        self.status = done.returncode
        self.lines = [DEBUG.sub("NOTICE: ", m[1]) for m in map(TOLD.match, text.splitlines()) if m]
        self.syntax_error = "syntax error" in text
        self.dump = dump_of(self.lines)

    def first_problem(self):
        return next((line for line in self.lines if line.startswith(("ERROR", "ALERT"))), "")


def dump_of(lines):
    """{section: {directive: value}} of what is set, in one form for both programs."""
    sections, section = {}, None
    for line in lines:
        text = line.removeprefix("NOTICE: ")
        if found := re.fullmatch(r"\[([^]]*)\] ?", text):
            section = sections.setdefault(found[1].lower(), {})
        elif text.startswith("\t") and not text.startswith("\t;") and section is not None:
            name, _, value = text[1:].partition(" =")
            value = value_of(name, value.removeprefix(" "))
            name = name.replace("_flag[", "_value[").replace('["', "[").replace('"]', "]")
            if value:
                section[name] = sorted(section.get(name, []) + [value])
    return sections


def value_of(name, value):
    if quoted := re.fullmatch(r'"((?:[^"\\]|\\.)*)"', value):
        value = re.sub(r'\\(["\\$])', r"\1", quoted[1])
    if value == "undefined":
        return ""
    if TIMES.search(name):
        value = value.removesuffix("s")
    if name == "rlimit_core":
        value = value.replace("-1", "unlimited")
    if name == "syslog.facility":
        value = FACILITIES.get(value, value)
    if name == "listen.mode":
        value = value.lstrip("0").rjust(3, "0")
    if name in ("log_level", "events.mechanism"):
        value = value.lower()
    if name == "emergency_restart_threshold" or name == "pm.max_requests":
        value = re.sub(r"^-\d+$", "0", value)
    if name in ("chroot", "chdir", "prefix"):
        value = value.rstrip("/")
    return value


def dump_differences(reference, ours):
    """Directives whose values differ; what php-fpm says too early for its own log level is not there to be compared."""
    if not reference:
        return []
    out = []
    for section in sorted({*reference, *ours}):
        a, b = reference.get(section, {}), ours.get(section, {})
        for name in sorted({*a, *b} - OURS):
            if a.get(name) != b.get(name) and not (name in OTHER_DEFAULTS and is_default(name, a.get(name), b.get(name))):
                out.append(f"[{section}] {name}: {a.get(name)} and {b.get(name)}")
    return out


def is_default(name, reference, ours):
    defaults = {"daemonize": (["yes"], ["no"]), "process_control_timeout": (["0"], ["30"]), "events.mechanism": (["epoll"], None),
                "syslog.ident": (["php-fpm"], ["fpmd"]), "systemd_interval": (["10"], ["1"]), "log_level": (["unknown value"], ["notice"]), "listen.mode": (None, ["660"]),
                "ping.response": (None, ["pong"]), "pm.process_idle_timeout": (["10"], ["0"]), "pid": (["/var/"], None)}
    return name == "error_log" and ours is None or (reference, ours) == defaults.get(name)


def unsaid(reference, ours):
    """php-fpm's lines that fpmd does not have: its first problem, up to the words that are about the value alone, and its remarks."""
    first = reference.first_problem()
    if found := re.match(r"(ERROR: \[[^]]*\] unable to parse value for entry '[^']*')|(ERROR: \[[^]]*\] error while parsing '[^']*')", first):
        first = found[0]
    first = first.removesuffix(": Success (0)")
    remarks = [line for line in reference.lines if line.startswith(("NOTICE: [pool", "WARNING: Nothing matches"))]
    wanted = [first] if reference.status else remarks
    return [line for line in wanted if line and not any(said.startswith(line) for said in ours.lines)]


def compare(folder, who=None):
    """What differs, in words."""
    reference, ours = Outcome(programs.php_fpm(), folder, who), Outcome(programs.FPMD, folder, who)
    assert ours.status in (0, 78), ours.lines
    if ours.status:
        assert any(line.startswith(("ERROR: [/", "ERROR: failed to open")) for line in ours.lines), f"no place is told: {ours.lines}"
    if bool(reference.status) != bool(ours.status):
        return [f"exit statuses {reference.status} and {ours.status}: {reference.lines[-3:]} and {ours.lines[-3:]}"]
    if reference.status == 0:
        return dump_differences(reference.dump, ours.dump) + unsaid(reference, ours)
    if reference.syntax_error:
        return ["php-fpm's parser speaks"]
    return [f"not said: {line}" for line in unsaid(reference, ours)]


@pytest.mark.parametrize("name, text, differs", CASES, ids=[name for name, _, _ in CASES])
def test_configuration(folder, name, text, differs):
    write(folder, "fpm.conf", text)
    found = compare(folder)
    if differs:
        assert found, f"the difference '{differs}' is gone"
    else:
        assert not found, "\n".join(found)


@pytest.mark.parametrize("name", UNPRIVILEGED)
def test_configuration_without_root(folder, name):
    write(folder, "fpm.conf", "[global]\nerror_log = {d}/unprivileged.log\n" + UNPRIVILEGED[name])
    assert compare(folder, programs.POOL_USER) == []


def test_every_difference_is_seen():
    assert {differs for _, _, differs in CASES if differs} == set(DIFFERENCES)


def test_names_are_unique():
    names = [name for name, _, _ in CASES]
    assert len(names) == len(set(names)) and len(names) > 200


@pytest.mark.parametrize("program", ["php-fpm", "fpmd"])
def test_exit_status_and_message_of_a_test(folder, program):
    path = programs.FPMD if program == "fpmd" else programs.php_fpm()
    write(folder, "fpm.conf", BASE)
    done = subprocess.run([path, "-t", "-y", os.path.join(folder, "fpm.conf")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert f"NOTICE: configuration file {folder}/fpm.conf test is successful" in done.stderr
    write(folder, "fpm.conf", BASE + "nonsense = 1\n")
    done = subprocess.run([path, "-t", "-y", os.path.join(folder, "fpm.conf")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 78
    lines = [line.split("] ", 1)[1] for line in done.stderr.splitlines() if line.strip()]
    assert lines[0].startswith(f"ERROR: [{folder}/fpm.conf:6] unknown entry 'nonsense'")
    assert lines[-2:] == [f"ERROR: failed to load configuration file '{folder}/fpm.conf'", "ERROR: FPM initialization failed"]


def test_every_problem_is_told_and_php_fpms_comes_first(folder):
    write(folder, "fpm.conf", BASE + "pm = dynamic\nping.path = ping\nchroot = /nowhere\n")
    reference, ours = Outcome(programs.php_fpm(), folder), Outcome(programs.FPMD, folder)
    assert ours.lines[0] == reference.first_problem()
    for line in ("ALERT: [pool www] pm.max_spare_servers(0) must be a positive value", "ERROR: [pool www] the ping path 'ping' must start with a '/'",
                 "ERROR: [pool www] the chroot path '/nowhere' does not exist or is not a directory"):
        assert line in ours.lines
    assert ours.lines[-2:] == reference.lines[-2:]
