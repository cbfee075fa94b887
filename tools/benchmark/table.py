# SPDX-License-Identifier: MIT
"""THE table of what is measured, in sections with a sentence about each."""

from dataclasses import dataclass

import crowds
import machine
import overload
import pages
import starts
from result import Bar
from rows import Row, counted, cpu, cpu_of_many, kept_to_fresh, kept_to_fresh_cpu, memory, rate, switches, tail
from web import Way, cost, speed


@dataclass
class Section:
    title: str
    prose: str
    rows: list


def each(n):
    """As many workers as kept connections for php-fpm, which serves no more; 4 for us."""
    return {"fpmd": 4, "php-fpm": max(4, n)}


STRACE = machine.Strace
ALIKE = {"fpmd": 64, "php-fpm": 64}

SECTIONS = [
    Section("A request", "Time on a CPU of all processes of a server for one hello-world page. One client, on the same CPU as the server: what the server does.", [
        Row("cpu-unix-fresh", "CPU per hello request, unix, a connection each", "µs", Bar("ratio", "<=", 0.65), cpu("unix", False), front=True),
        Row("cpu-unix-kept", "CPU per hello request, unix, kept connection", "µs", Bar("ratio", "<=", 0.60), cpu("unix", True), front=True),
        Row("cpu-tcp-fresh", "CPU per hello request, TCP, a connection each", "µs", Bar("ratio", "<=", 0.70), cpu("tcp", False), front=True),
        Row("cpu-tcp-kept", "CPU per hello request, TCP, kept connection", "µs", Bar("ratio", "<=", 0.65), cpu("tcp", True)),
    ]),
    Section("Clients that connect without blocking", "Event loops, as nginx, HAProxy and Envoy are, send when they hear that their connection stands: a server may have it"
            " before there is anything to read. On any CPU.", [
        *(Row(f"cpu-tcp-loop-{n}", f"CPU per hello request, TCP, a connection each, {n} clients that connect without blocking", "µs",
              Bar("ratio", "<=", 0.60), cpu_of_many("tcp", n, 4, connecting="nonblocking"), front=n == 16) for n in (4, 16, 64)),
    ]),
    Section("Client on another CPU", "The CPUs wake each other for each request, which on a virtual machine costs more than the request, and is the same for every server.", [
        Row("apart-unix-fresh", "client on another CPU, unix, a connection each", "µs", None, cpu("unix", False, apart=True)),
        Row("apart-unix-kept", "client on another CPU, unix, kept connection", "µs", None, cpu("unix", True, apart=True)),
        Row("apart-tcp-fresh", "client on another CPU, TCP, a connection each", "µs", None, cpu("tcp", False, apart=True)),
        Row("apart-tcp-kept", "client on another CPU, TCP, kept connection", "µs", None, cpu("tcp", True, apart=True)),
    ]),
    Section("Kept connections and workers", "fpmd has 4 workers, with once, twice and eight times as many kept connections. php-fpm's workers belong to a connection each, so it has"
            " as many as there are connections.", [
        *(Row(f"kept-{n}", f"CPU per hello request, unix, {4 * n} kept connections on 4 workers", "µs", None, cpu_of_many("unix", 4 * n, each(4 * n), keep=True))
          for n in (1, 2, 8)),
        Row("kept-to-fresh", "CPU of a request, 32 kept connections on 4 workers by 32 fresh ones", "times", Bar("ours", "<=", 1.0), kept_to_fresh_cpu(32, each(32)), front=True),
    ]),
    Section("Pages that do something", "CPU of all processes of a server for a request, unix, a connection each: what a page does itself costs the same in both, and takes the more"
            " of the difference away the more it does.", [
        Row("page-json", "CPU per request, 100 rows as JSON", "µs", None, cpu("unix", False, script="json.php"), front=True),
        Row("page-template", "CPU per request, a template of 100 KiB", "µs", None, cpu("unix", False, script="template.php"), front=True),
        Row("page-includes", "CPU per request, a page of 50 files", "µs", None, cpu("unix", False, script="includes.php"), front=True),
        Row("page-form", "CPU per request, a form by POST", "µs", None, cpu("unix", False, script="form.php"), front=True),
    ]),
    Section("Behind nginx", "One nginx with one worker in front of each server. CPU is that of the PHP server alone; 32 clients at a time, and 4 workers. Where connections are kept"
            " php-fpm has 40 workers, since it serves no more of them than that.", [
        Row("nginx-cpu-tcp-fresh", "CPU per hello request behind nginx, TCP, a connection each", "µs", Bar("ratio", "<=", 0.55), cost(Way(listen="tcp")), front=True),
        Row("nginx-rate-tcp-fresh", "requests/s behind nginx, hello, TCP, a connection each", "/s", Bar("ratio", ">=", 1.2), speed(Way(listen="tcp")), front=True),
        *(Row(f"nginx-cpu-kept-{n}", f"CPU per hello request behind nginx, unix, {4 * n} kept connections on 4 workers", "µs", Bar("ratio", "<=", 0.65) if n == 8 else None,
              cost(Way(keep=True, clients=4 * n)), front=n == 8) for n in (1, 2, 8)),
        Row("nginx-cpu-tcp-kept-8", "CPU per hello request behind nginx, TCP, 32 kept connections on 4 workers", "µs", Bar("ratio", "<=", 0.65), cost(Way(listen="tcp", keep=True))),
        Row("nginx-cpu-json", "CPU per request behind nginx, 100 rows as JSON, unix, 32 kept connections on 4 workers", "µs", Bar("ratio", "<=", 0.85),
            cost(Way(keep=True), "json.php")),
        Row("nginx-fresh", "requests/s behind nginx, hello, unix, 64 connections, a worker each, fresh", "/s", Bar("ratio", ">=", 1.15), speed(Way(clients=64, workers=ALIKE))),
        Row("nginx-kept", "requests/s behind nginx, hello, unix, 64 connections, a worker each, kept", "/s", Bar("ratio", ">=", 1.2), speed(Way(clients=64, keep=True, workers=ALIKE))),
    ]),
    Section("Behind Apache", "Apache httpd 2.4 with mpm_event and mod_proxy_fcgi, set up with the file that fpmd ships; otherwise as behind nginx.", [
        Row("apache-cpu-fresh", "CPU per hello request behind Apache, unix, a connection each", "µs", None, cost(Way("apache"))),
        Row("apache-cpu-kept", "CPU per hello request behind Apache, unix, 32 kept connections on 4 workers", "µs", None, cost(Way("apache", keep=True))),
        Row("apache-rate-fresh", "requests/s behind Apache, hello, unix, a connection each", "/s", None, speed(Way("apache"))),
    ]),
    Section("System calls and instructions", "Counted, not timed, on one worker that waits for each request.", [
        Row("calls-fresh", "system calls per hello request, a connection each", "calls", Bar("ours", "<=", 12), counted(STRACE, "hello.php", 500), front=True),
        Row("calls-kept", "system calls per hello request, kept connection", "calls", Bar("ours", "<=", 7), counted(STRACE, "hello.php", 500, keep=True)),
        Row("calls-post", "system calls, 16 KiB POST read through php://input", "calls", Bar("ours", "<=", 18), counted(STRACE, "post.php", 500, body=pages.POST_SIZE)),
        Row("calls-reply", "system calls, 1 MiB reply in 4 KiB echoes", "calls", Bar("ours", "<=", 40), counted(STRACE, "large.php", 200)),
        Row("instructions-fresh", "user instructions per hello request, a connection each", "instr.", None,
            counted(machine.Steps, "hello.php", lambda extent: extent.stepped, timeout=120000)),
        Row("instructions-kept", "user instructions per hello request, kept connection", "instr.", None,
            counted(machine.Steps, "hello.php", lambda extent: extent.stepped, timeout=120000, keep=True)),
    ]),
    Section("Requests a second", "Those of a load generator for each CPU: one alone would be measured in place of the server. 64 connections, a worker each.", [
        Row("rate-unix-fresh", "requests/s, hello, 64 connections, unix fresh", "/s", Bar("ratio", ">=", 1.35), rate("unix"), front=True),
        Row("rate-unix-kept", "requests/s, hello, 64 connections, unix kept", "/s", Bar("ratio", ">=", 1.35), rate("unix", keep=True)),
        Row("rate-tcp-fresh", "requests/s, hello, 64 connections, TCP fresh", "/s", Bar("ratio", ">=", 1.35), rate("tcp")),
        Row("large-kept", "speed of 1 MiB replies, kept TCP against fresh TCP", "times", Bar("ours", ">=", 1.0), kept_to_fresh),
    ]),
    Section("Waiting", "How long clients wait, at a rate that is offered to both servers alike, and in a crowd.", [
        Row("p99-hello", "p99 at 70 % of php-fpm's saturation, offered to both, hello", "ms", Bar("ratio", "<=", 0.8), tail("hello.php", 4), front=True),
        Row("p99-page", "p99 at 70 % of php-fpm's saturation, offered to both, a page of 5 ms", "ms", Bar("ratio", "<=", 1.0), tail("page.php", 4)),
        Row("fair-slowest", "slowest reply, 64 kept connections on 4 workers", "ms", Bar("ours", "<", 100), crowds.slowest),
        Row("fair-jain", "Jain's fairness, 64 kept connections on 4 workers", "", Bar("ours", ">", 0.95), crowds.fairness),
        Row("busy-slowest", "slowest reply, 64 kept connections on 4 workers, one of them busy for a second", "ms", Bar("ours", "<", 20), crowds.beside_a_busy_worker),
        Row("crowd", "new request beside 100 idle and 100 half-sent ones, 4 workers", "ms", Bar("ours", "<", 10), crowds.beside_a_crowd),
        Row("switches", "voluntary context switches per connection, 64 idle workers", "", Bar("ours", "<=", 2.2), switches),
    ]),
    Section("Overload", "Twice as many requests as a pool can serve, for a page of 20 ms on 4 workers, whatever it answers; clients give up after a second. fpmd drops requests whose"
            " clients have gone (queue.abandoned) and refuses what would wait for too long (queue.max_wait, queue.max_length).", [
        Row("overload-answered", "replies in time as a share of what the pool can serve", "", Bar("ours", ">=", 0.9), overload.row(lambda taken: taken["goodput"]), front=True),
        Row("overload-p99", "p99 of the replies in time", "ms", Bar("ours", "<", 1000), overload.row(lambda taken: taken["p99_ms"])),
        Row("overload-refused", "p99 until a refusal (503)", "ms", Bar("ours", "<", 10), overload.row(lambda taken: taken["refused_p99_ms"])),
        Row("overload-recovery", "until replies are as on any day, after the overload", "s", Bar("ours", "<", 1), overload.row(lambda taken: taken["recovery_s"])),
    ]),
    Section("Idle connections", "Kept, each after a request, on 4 workers.", [
        Row("idle-memory", "memory of all processes for an idle connection, without the kernel's", "KiB", None, crowds.idle_memory),
        Row("idle-wakeups", "wake-ups of all processes beside idle connections", "/s", None, crowds.idle_wakeups),
    ]),
    Section("Starts and memory", "From exec opcache is cold, as after a boot.", [
        Row("ondemand", "first answer of pm = ondemand without a worker", "ms", Bar("ratio", "<=", 1.0), starts.ondemand),
        Row("life", "CPU of a worker's life, pm.max_requests = 1", "ms", Bar("ratio", "<=", 0.5), starts.a_workers_life, front=True),
        Row("start", "from exec to the first answer, 4 workers", "ms", Bar("ratio", "<=", 1.5), starts.from_exec, front=True),
        Row("memory-idle", "PSS with 50 workers before any request", "MiB", None, memory(0)),
        Row("memory", "PSS with 50 workers after 1,000 requests", "MiB", Bar("ratio", "<=", 1.0), memory(1000), front=True),
    ]),
]

ROWS = [row for section in SECTIONS for row in section.rows]
