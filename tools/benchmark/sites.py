#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What many pools cost, of which few are used: php-fpm and fpmd on the same files, one after the other.

    sites.py idle [N]       N ondemand pools (400), none in use: time to the first answer, processes, memory
    sites.py many [N]       N (4,000): start, memory, reloads; the same after 400 of them have been used
    sites.py wake [N]       first answers of N idle pools (100), one after the other
    sites.py awake [N] [NAME=VALUE...]
                            N pools (100) with a worker each: memory, by program and kind, and what it is made of; with
                            these directives in each pool, such as php_admin_value[opcache.interned_strings_buffer]=2
    sites.py renew [N]      the same pools (100), of fpmd alone: the most memory in a reload of all, and how long one takes
    sites.py panel [N]      what fpmd itself takes to list, add and remove one of N pools (4,000) that are units, beside systemd,
                            whose systemctl is one here that knows its answers. As root; /etc/fpmd is another one for it

FPMD_BUILD is the build that is measured; PHP_INI_SCAN_DIR, for both, has other extensions loaded. Memory is PSS, of the master and all its processes. Sockets are in /dev/shm: making 4,000
files in a folder of a disk takes longer than all the rest. The number of descriptors must allow for it: ulimit -n.
"""

import collections
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TREE, "tests", "lib")]

import fastcgi
import procs
import server as programs

POOL = {"pm": "ondemand", "pm.max_children": "5", "pm.process_idle_timeout": "2s"}
USED = 400


def pss(pid, *kinds):
    """KiB; 0: it has gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as f:
            text = f.read()
    except OSError:
        return 0
    return sum(int(n) for kind in kinds or ["Pss"] for n in re.findall(rf"(?m)^{kind}:\s+(\d+) kB", text))


def kind(name):
    """What a mapping is, of which smaps gives the name; '' for memory without one."""
    name = re.sub(r" \(deleted\)$", "", name)
    if name.startswith("/memfd:"):
        return name[1:]
    if name.startswith("/dev/zero"):
        return "/dev/zero, shared"
    return re.sub(r"\.so[.0-9]*$", ".so", os.path.basename(name)) if name.startswith("/") else name or "without a name"


def pieces(pid):
    """{(what, how): KiB of PSS} of a process: pages that are a file's still, and pages of its own, which it has written to."""
    found = collections.Counter()
    with open(f"/proc/{pid}/smaps") as f:
        text = f.read()
    for part in re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", text)[1:]:
        head, numbers = part.split("\n", 1)
        n = {k: int(v) for k, v in re.findall(r"(?m)^(\w+):\s+(\d+) kB", numbers)}
        words = head.split(None, 5)
        what, is_shared = kind(words[5] if len(words) > 5 else ""), words[1][3] == "s"
        written = n["Pss"] if is_shared or not what or what.startswith("[") or what == "without a name" else n.get("Pss_Dirty", 0)
        found[what, "shared memory" if is_shared else "written to"] += written
        found[what, "read only"] += n["Pss"] - written
    return found


def family(s):
    return [s.pid, *procs.descendants(s.pid)]


def memory(s):
    """MiB."""
    return sum(pss(p) for p in family(s)) / 1024


def make(program, n, sleep_after=None):
    folder = f"/dev/shm/fpmd-sites-{os.getpid()}"
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    own = {"pool.sleep_after": sleep_after} if sleep_after and program is programs.Fpmd else {}
    s = program({f"site{i}": {**POOL, **own} for i in range(n)}, folder=folder)
    s.env.update({k: v for k, v in os.environ.items() if k == "PHP_INI_SCAN_DIR"})
    s.page = s.script("page.php", "<?php echo 'hello';")
    return s


def remove(s):
    s.cleanup()
    shutil.rmtree(s.folder, ignore_errors=True)


def start(s):
    """Seconds from exec to the first connection that the last pool's socket takes."""
    s.write_config()
    began = time.monotonic()
    s.spawn(s.command())
    last = list(s.pools)[-1]

    def connects():
        try:
            s.connect(last).close()
            return True
        except OSError:
            return False
    procs.until("it to listen", connects, 60)
    return time.monotonic() - began


def ask(s, i):
    began = time.monotonic()
    answer = s.run(s.page, f"site{i}", timeout=60)
    assert answer.text == "hello", answer.stdout + answer.stderr
    return time.monotonic() - began


def wait_unused(s):
    """Workers are gone, and, of fpmd, all that sleeps is."""
    procs.until("nobody to be left", lambda: len(family(s)) == 1, 120)


def reload(s):
    """Seconds."""
    began = time.monotonic()
    if isinstance(s, programs.Fpmd):
        r = s.ctl("reload", "--changed")
        assert r.returncode == 0, r
    else:
        s.signal(12)  # SIGUSR2
        s.wait_log("ready to handle connections", since=len(s.log()), limit=60)
    return time.monotonic() - began


def print_row(s, what, value, unit):
    print(f"{s.program:8} {what:60} {value:10.3f} {unit}", flush=True)


def idle(program, n):
    s = make(program, n)
    try:
        print_row(s, f"{n} pools: first socket listens", start(s), "s")
        began = time.monotonic()
        ask(s, n - 1)
        print_row(s, f"{n} pools: and the first answer", time.monotonic() - began, "s later")
        print_unused(s, n)
        stopped = time.monotonic()
        s.stop()
        print_row(s, f"{n} pools: stop", time.monotonic() - stopped, "s")
    finally:
        remove(s)


def print_unused(s, n):
    if isinstance(s, programs.Fpmd):
        s.stop()
        s.start()  # afresh: nobody has connected to anything
        procs.until("the trial of PHP to be over", lambda: len(family(s)) == 1)
    else:
        wait_unused(s)
    print_row(s, f"{n} pools, none in use: processes", len(family(s)), "")
    print_row(s, f"{n} pools, none in use: memory", memory(s), "MiB")


def many(program, n):
    s = make(program, n, "2s")
    try:
        print_row(s, f"{n} pools: last socket listens", start(s), "s")
        if program is programs.Fpmd:
            s.wait_ready()
        wait_unused(s)
        before = memory(s)
        print_row(s, f"{n} pools: memory", before, "MiB")
        s.pools["site7"]["pm.max_children"] = "6"
        s.write_config()
        print_row(s, f"{n} pools: reload that changes one", reload(s), "s")
        for i in range(USED):
            ask(s, i * (n // USED))
        wait_unused(s)
        after = memory(s)
        print_row(s, f"{n} pools: memory after {USED} have been used", after, f"MiB ({(after / before - 1) * 100:+.1f} %)")
        s.pools["site7"]["pm.max_children"] = "7"
        s.write_config()
        print_row(s, f"{n} pools: reload after that", reload(s), "s")
    finally:
        remove(s)


def wake(program, n):
    s = make(program, n, "2s")
    try:
        start(s)
        if program is programs.Fpmd:
            s.wait_ready()
        wait_unused(s)
        ask(s, 0)  # what is read from files is in memory
        times = sorted(ask(s, i) for i in range(1, n))
        for what, value in (("median", statistics.median(times)), ("p99", times[int(len(times) * 0.99)]), ("least", times[0])):
            print_row(s, f"first answer of an idle pool, {what}", value * 1000, "ms")
    finally:
        remove(s)


def print_pieces(s, n):
    """For each pool: what takes the most, over all its processes."""
    sums = collections.Counter()
    for p in family(s):
        program = re.sub(r" site\d+.*", "", procs.title(p))
        for (what, how), size in pieces(p).items():
            sums[program, what, how] += size
    for (program, what, how), size in sums.most_common(24):
        print(f"{'':8} {size / n:9.1f} KiB a pool: {program:28} {what:40} {how}")
    print(f"{'':8} {sum(sums.values()) / n:9.1f} KiB a pool: all")


def awake(program, n, *directives):
    s = make(program, n)
    for pool in s.pools.values():
        pool.update({"pm.process_idle_timeout": "10m"}, **dict(d.split("=", 1) for d in directives))
    try:
        start(s)
        for i in range(n):
            ask(s, i)
        print_row(s, f"{n} pools, a worker each: memory", memory(s), "MiB")
        print_row(s, f"{n} pools, a worker each: processes", len(family(s)), "")
        print_pieces(s, n)
        by = collections.defaultdict(lambda: [0, 0, 0, 0])
        for p in family(s):
            row = by[re.sub(r" site\d+.*", "", procs.title(p))[:30]]
            for k, add in enumerate((1, pss(p), pss(p, "Pss_Anon"), pss(p, "Pss_Shmem"))):
                row[k] += add
        for title, (count, total, anon, shared) in sorted(by.items()):
            print(f"{'':8} {title:30} {count:5} x  {total / count / 1024:7.2f} MiB: {anon / count / 1024:6.2f} its own, "
                  f"{shared / count / 1024:6.2f} shared memory, {(total - anon - shared) / count / 1024:6.2f} of files")
    finally:
        remove(s)


def most_memory(s, reload):
    """(MiB, children of the master), as long as that process runs: of the looks at which there were the most children, a twentieth more than at the one before. The master is stopped
    meanwhile, so that nothing begins."""
    most, n_most = 0, 0
    while reload.poll() is None:
        if len(procs.children(s.pid)) < n_most * 1.05:
            time.sleep(0.02)
            continue
        with procs.stopped(s.pid):
            most, n_most = max(most, memory(s)), len(procs.children(s.pid))
    assert reload.returncode == 0
    return most, n_most


def renew(program, n):
    if program is not programs.Fpmd:
        return
    s = make(program, n)
    for pool in s.pools.values():
        pool["pm.process_idle_timeout"] = "10m"
    try:
        start(s)
        for i in range(n):
            ask(s, i)
        print_row(s, f"{n} pools, a worker each: memory", memory(s), "MiB")
        command = [programs.FPMCTL, "--runtime-dir", s.runtime, "reload"]
        most, n_most = most_memory(s, subprocess.Popen(command))
        print_row(s, f"{n} pools: the most in a reload of all", most, "MiB")
        print_row(s, f"{n} pools: children of the master then", n_most, "")
        for i in range(n):
            ask(s, i)
        began = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        print_row(s, f"{n} pools: a reload of all", time.monotonic() - began, "s")
    finally:
        remove(s)


# Of a hoster's pool.
SITE = """[site{0}]
user = www-data
group = www-data
listen = /run/php/site{0}.sock
listen.owner = www-data
listen.group = www-data
pm = ondemand
pm.max_children = 5
pm.process_idle_timeout = 10s
pm.max_requests = 500
php_admin_value[open_basedir] = /srv/site{0}:/tmp
php_admin_value[upload_tmp_dir] = /srv/site{0}/tmp
php_admin_flag[log_errors] = on
env[TMPDIR] = /srv/site{0}/tmp
"""
UNIT = """Id=fpmd@site{0}.{1}
ActiveState={2}
Listen=/run/php/site{0}.sock (Stream)
Triggers=fpmd@site{0}.service

"""
SYSTEMCTL = """#!/bin/sh
case "$1" in list-units) cat {0}/all ;; show) cat {0}/one ;; esac
"""
ETC = "/etc/fpmd"


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


def time_used(*command):
    """Seconds on a CPU, of it and of what it runs."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env={**os.environ, "PATH": f"{ETC}/bin:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stderr
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def panel(n):
    """In a mount namespace of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", ETC], check=True)
    for folder in ("pool.d", "bin", "made"):
        os.mkdir(f"{ETC}/{folder}")
    for i in range(n):
        write(f"{ETC}/pool.d/site{i}.conf", SITE.format(i))
    write(f"{ETC}/all", "".join(f"fpmd@site{i}.socket loaded active listening Listen socket\n" for i in range(n)))
    write(f"{ETC}/one", UNIT.format(n - 1, "socket", "active"))
    write(f"{ETC}/bin/systemctl", SYSTEMCTL.format(ETC), 0o755)
    generator = os.path.join(programs.BUILD, "tools", "generator", "fpmd-generator")
    for what, command in (("fpmd-generator, in each daemon-reload", [generator, f"{ETC}/made"]), ("fpmctl list", [programs.FPMCTL, "list", "--json"]),
                          ("fpmctl list NAME", [programs.FPMCTL, "list", "--json", f"site{n - 1}"]),
                          ("fpmctl enable NAME", [programs.FPMCTL, "enable", f"site{n - 1}"]),
                          ("fpmctl disable NAME", [programs.FPMCTL, "disable", f"site{n - 1}"])):
        print(f"{n} units: {what:40} {time_used(*command) * 1000:8.1f} ms of a CPU", flush=True)


def run_panel(n):
    made = not os.path.isdir(ETC)
    if made:
        os.mkdir(ETC)
    try:
        subprocess.run(["unshare", "--mount", sys.executable, __file__, "panel-inside", str(n)], check=True)
    finally:
        if made:
            os.rmdir(ETC)


def main():
    if sys.argv[1:2] == ["panel"]:
        run_panel(int(sys.argv[2]) if len(sys.argv) > 2 else 4000)
        return
    if sys.argv[1:2] == ["panel-inside"]:
        panel(int(sys.argv[2]))
        return
    rows = {"idle": (idle, 400), "many": (many, 4000), "wake": (wake, 100), "awake": (awake, 100), "renew": (renew, 100)}
    if len(sys.argv) < 2 or sys.argv[1] not in rows:
        sys.exit(__doc__)
    procs.become_subreaper()
    programs.must_be_built(programs.FPMD, programs.FPMCTL)
    measure, n = rows[sys.argv[1]]
    for program in (programs.PhpFpm, programs.Fpmd):
        measure(program, int(sys.argv[2]) if len(sys.argv) > 2 else n, *sys.argv[3:])


if __name__ == "__main__":
    main()
