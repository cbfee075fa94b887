# SPDX-License-Identifier: MIT
"""The table of test_config_compare.py: configurations that are given to php-fpm and to fpmd, and what they may differ in.

A case is (name, text, difference). Texts of a pool come behind a complete pool [www], so that a line changes it; texts of [global] come
before one. {d} is the test's folder. A case without a difference has to come out alike.
"""

import server as programs

DIFFERENCES = {
    "numbers":
        "Numbers that make no sense (a time of 7ms, 1.5 or -1, a negative limit, a mode that is not octal, what overflows) are refused with"
        " their line; php-fpm takes what atoi() makes of them.",
    "limits":
        "There are limits where php-fpm has none or others: 8192 workers in a pool, 64 KiB of text in a value, 63 bytes of a pool's name"
        " and no slash in it, a year as the longest time.",
    "told-at-the-test":
        "What would fail at the start is told by the test already: root as a pool's user, ports and paths that cannot be bound, unknown names"
        " in ACLs, clients that are no addresses.",
    "empty":
        "An empty value unsets a path; php-fpm tries to open it.",
    "systemd":
        "listen = systemd is a word of fpmd's: a socket of the service manager's.",
    "prefix-word":
        "$prefix is understood in front of every path; php-fpm knows it for chroot and chdir.",
    "commas":
        "A list of extensions with commas, of which php-fpm would allow none but the last, is refused.",
    "spawn-rate":
        "pm.max_spawn_rate is for ondemand as well, and 0 is refused there too.",
    "status-path":
        "pm.status_listen without pm.status_path leaves the pool's own pages alone; php-fpm gives the pool the status page at '/'.",
    "effective":
        "The dump has what is effective: of settings given twice the one that acts, as a notice tells.",
    "apparmor":
        "php-fpm does not show apparmor_hat.",
    "blanks":
        "Blanks around a section's name or a key do not count; php-fpm keeps those behind, and refuses a section that is indented.",
    "tabs":
        "Tabs separate words as blanks do.",
    "no-equals":
        "A variable's name cannot have '=' in it.",
    "syntax-words":
        "A line that does not read is told with its file, its line and what to write instead; php-fpm has its parser's words, and no file.",
    "default-value":
        "${NAME:-default}, which PHP has from 8.3 on, is always understood.",
    "constants":
        "Of PHP's constants only those of error levels are known: there is no PHP in this process.",
    "operators":
        "Operators beside text, of which php-fpm makes 0, are refused.",
    "nul":
        "A NUL byte is refused; php-fpm ends the file there.",
    "beside":
        "A relative include that is not below the prefix is looked for beside the file that has it.",
    "wildcards":
        "Two addresses that cannot be bound both (a port for all, and for all of IPv4) are told.",
}

# From PHP 8.3 on its files have ${NAME:-default} as well.
KNOWS_DEFAULTS = (programs.php_version() or (8, 2)) >= (8, 3)
if KNOWS_DEFAULTS:
    del DIFFERENCES["default-value"]

USER = "user = www-data\n"
BASE = "[www]\n" + USER + "listen = {d}/x.sock\npm = static\npm.max_children = 2\n"
LISTENING = "[www]\n" + USER + "listen = {d}/x.sock\n"
CASES = []


def case(name, text, differs=None):
    assert differs is None or differs in DIFFERENCES, differs
    CASES.append((name, text, differs))


def in_global(name, text, differs=None):
    case(f"global {name}", f"[global]\n{text}\n{BASE}", differs)


def in_pool(name, text, differs=None):
    case(name, f"{BASE}{text}\n", differs)


def values(add, directive, alike, differ=(), before="", name=None):
    """A case for each value: those that come out alike, and {difference: values}."""
    name = name or directive
    for value in alike:
        add(f"{name} = {value[:30]}", f"{before}{directive} = {value}")
    for difference, unlike in dict(differ).items():
        for value in unlike:
            add(f"{name} = {value[:30]}", f"{before}{directive} = {value}", difference)


def several(add, lines, differs=None):
    for name, text in lines.items():
        add(name, text, differs)


YES_NO = ("yes", "no", "on", "off", "1", "0", "true", "false", "YES", "Off", "none", "null", "2", "maybe", "", "'yes'", '"on"', '""')
PAGES = ("/status", "status", "/", "/a b", "/a?b", "/ä", "", "/a:b", "/a%20")
FOLDERS = ("{d}", "/nowhere", "relative", "", "/etc/passwd", "{d}/")

# times, truth values, numbers
values(in_global, "emergency_restart_interval", ("0", "7", "7s", "7m", "7h", "7d", "1 m", "7S", "", "''", "x"),
       {"numbers": ("7ms", "m", "-1", "1.5", "1m30s")})
values(in_global, "process_control_timeout", ("0", "7", "7s", "7m", "7h", "7d", "x"), {"numbers": ("7ms",)})
values(in_global, "systemd_interval", ("0", "7", "7m", "x"))
values(in_pool, "pm.process_idle_timeout", ("1", "7s", "7m", "7h", "7d", "7M", ""), {"numbers": ("-1", "s")})
values(in_pool, "request_terminate_timeout", ("0", "7", "7s", "7m", "7h", "7d", "x", ""), {"numbers": ("-1",), "limits": ("99999999999999999999",)})
values(in_pool, "request_slowlog_timeout", ("0", "7s", "2m", "x"), before="slowlog = {d}/slow\n")
values(in_global, "log_buffering", YES_NO)
values(in_pool, "clear_env", YES_NO)
for directive in ("process.dumpable", "catch_workers_output", "decorate_workers_output", "request_terminate_timeout_track_finished"):
    values(in_pool, directive, ("yes", "no", "2"))
values(in_global, "daemonize", ("yes", "no", "0", "maybe"))
values(in_global, "log_level", ("alert", "error", "warning", "notice", "debug", "warn", "NOTICE", "info", ""))
values(in_global, "log_limit", ("512", "1024", "8192", "x", "1K", "511", "0", "-1", ""))
values(in_global, "emergency_restart_threshold", ("0", "10", "-1", "-7", "x", "1K", "", " 5 ", "0x10", "010"), {"numbers": ("99999999999",)})
values(in_global, "process.max", ("0", "10", "x", "1K", "", "-1"), {"numbers": ("99999999999",)})
values(in_global, "rlimit_files", ("0", "1024", "x", "1K", ""), {"numbers": ("-1", "99999999999")})
values(in_pool, "rlimit_files", ("0", "1024", "x", "1K", ""), {"numbers": ("-1",)})
values(in_global, "rlimit_core", ("0", "10", "-1", "unlimited", "UNLIMITED", "x", "1K", ""))
values(in_pool, "rlimit_core", ("0", "10", "-1", "unlimited", "x"))
values(in_global, "process.priority", ("-19", "0", "20", "-5", "x", "", "-20", "21"), {"numbers": ("-",)})
values(in_pool, "process.priority", ("-19", "0", "20", "x", "", "-20", "21"))
values(in_global, "events.mechanism", ("epoll", "poll", "select", "Select", "kqueue", "nonsense"), {"empty": ("",)})
values(in_global, "syslog.facility", ("daemon", "LOCAL0", "local7", "user", "mail", "authpriv", "kern", "nonsense", "", "3"))
values(in_global, "syslog.ident", ("me", "a b"))
values(in_global, "pid", ("{d}/pid", "run/x.pid", "/nowhere/at/all.pid"))
values(in_global, "error_log", ("{d}/log", "log/x.log", "syslog", "/nowhere/at/all.log", "{d}"), {"empty": ("",)})

# a pool's size and folders that php-fpm takes or refuses in its own words
DYNAMIC = LISTENING + "pm = dynamic\npm.max_children = 5\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n"
for number in ("-1", "-3", "-0", "--3"):
    case(f"pm.start_servers = {number}", DYNAMIC + f"pm.start_servers = {number}\n")
case("chdir that is not in the chroot", BASE + "chroot = {d}/\nchdir = /nowhere\n")

# names where they do not belong
several(in_global, {"with an unknown name": "nonsense = 1", "with a pool's directive": "pm = static", "with a user": "user = www-data",
                    "with an array": "env[X] = 1", "with a key": "log_level[x] = notice", "in upper case": "LOG_LEVEL = debug",
                    "with $pool": "error_log = {d}/$pool.log"})
several(in_pool, {"a global directive in a pool": "log_level = debug", "daemonize in a pool": "daemonize = no", "an unknown name": "nonsense = 1",
                  "a directive in upper case": "PM.MAX_CHILDREN = 3", "a known name with a key": "pm[x] = static"})

# who
NAMES = {"alike": ("www-data", "33", "daemon", "nobody-here"), "told-at-the-test": ("0", "root")}
values(in_pool, "user", NAMES["alike"], {"told-at-the-test": NAMES["told-at-the-test"]}, before="group = www-data\n")
values(in_pool, "group", NAMES["alike"] + ("",), {"told-at-the-test": NAMES["told-at-the-test"]})
case("no user", "[www]\nlisten = {d}/x.sock\npm = static\npm.max_children = 2\n")
case("a group alone", "[www]\ngroup = www-data\nlisten = {d}/x.sock\npm = static\npm.max_children = 2\n")
values(in_pool, "listen.owner", ("www-data", "33", "nobody-here", "root", ""))
values(in_pool, "listen.group", ("www-data", "33", "nobody-here", "root", ""))
values(in_pool, "listen.mode", ("0660", "660", "0666", "0", "777", "07777"), {"numbers": ("888", "rw", "0x1", "", "-1", "10000")})
values(in_pool, "listen.acl_users", ("www-data", "www-data,daemon", "root, daemon", ""), {"told-at-the-test": ("nobody-here", "4711")})
values(in_pool, "listen.acl_groups", ("www-data", "www-data,daemon", ""), {"told-at-the-test": ("nobody-here", "4711")})
values(in_pool, "listen.allowed_clients", ("127.0.0.1", "127.0.0.1,::1", "any", "::ffff:192.0.2.1", "", "127.0.0.1, 192.0.2.1"),
       {"told-at-the-test": ("host", "192.0.2")}, before="listen = 127.0.0.1:9876\n")

# where
values(in_pool, "listen.backlog", ("-1", "0", "511", "65535", "x", "1K", "", "-2"))
values(in_pool, "listen", ("127.0.0.1:9876", "9876", "[::1]:9876", "::1:9876", "localhost:9876", "{d}/y.sock", "y.sock", "run/y.sock", "", "127.0.0.1",
                           "/nowhere/at/all.sock", "[::]:9876", "$pool.sock"),
       {"told-at-the-test": ("0", "65536", "host:0", "host:99999", ":9876", "*:9876", "127.0.0.1:x", "127.0.0.1:-1", "[::1]", "abc:def", "/" + "x" * 120),
        "systemd": ("systemd",)})
case("no listen", "[www]\n" + USER + "pm = static\npm.max_children = 2\n")
values(in_pool, "pm.status_listen", ("127.0.0.1:9877", "{d}/s.sock", "{d}/x.sock"), {"empty": ("",), "effective": ("s.sock",)}, before="pm.status_path = /s\n")
in_pool("pm.status_listen without a path", "pm.status_listen = {d}/s.sock", "status-path")

# how many
case("no pm", LISTENING + "pm.max_children = 2\n")
case("no pm.max_children", LISTENING + "pm = static\n")
case("no pool", "[global]\nlog_level = notice\n")
case("an empty file", "")
case("only a comment", "; nothing\n")
for value in ("static", "dynamic", "ondemand", "STATIC", "Dynamic", "sometimes", ""):
    in_pool(f"pm = {value}", f"pm = {value}\npm.min_spare_servers = 1\npm.max_spare_servers = 2")
values(in_pool, "pm.max_children", ("0", "-1", "-4", "1", "8192", "x", "1K", ""), {"limits": ("8193", "100000")})
values(in_pool, "pm.max_requests", ("0", "500", "-1", "-5", "x", ""))
for name, changed, differs in (
        ("start is halfway", {}, None), ("start in range", {"start_servers": 3}, None), ("start below", {"start_servers": 1}, None),
        ("start above", {"start_servers": 6}, None), ("start 0", {"start_servers": 0}, None), ("start is min", {"start_servers": 2}, None),
        ("start is max", {"start_servers": 5}, None), ("min 0", {"min_spare_servers": 0}, None), ("max 0", {"max_spare_servers": 0}, None),
        ("no min", {"min_spare_servers": None}, None), ("no max", {"max_spare_servers": None}, None),
        ("max below min", {"max_spare_servers": 1}, None), ("max above children", {"max_spare_servers": 11}, None),
        ("min above children", {"min_spare_servers": 11, "max_spare_servers": 12}, None), ("negative min", {"min_spare_servers": -1}, None),
        ("all equal", {"max_children": 3, "min_spare_servers": 3, "max_spare_servers": 3}, None),
        ("spawn rate 0", {"max_spawn_rate": 0}, None), ("spawn rate -1", {"max_spawn_rate": -1}, None),
        ("spawn rate 1", {"max_spawn_rate": 1}, None), ("idle timeout", {"process_idle_timeout": "5s"}, None)):
    numbers = {"max_children": 10, "min_spare_servers": 2, "max_spare_servers": 5, **changed}
    in_pool(f"dynamic: {name}", "pm = dynamic\n" + "".join(f"pm.{k} = {v}\n" for k, v in numbers.items() if v is not None), differs)
in_pool("static with spare servers that make no sense", "pm.min_spare_servers = 9\npm.max_spare_servers = 1\npm.start_servers = 99")
in_pool("static with a spawn rate of 0", "pm.max_spawn_rate = 0")
values(in_pool, "pm.process_idle_timeout", ("0", "10s", "1m", "x"), {"numbers": ("-5",)}, before="pm = ondemand\n", name="ondemand: idle timeout")
in_pool("ondemand: idle timeout not set", "pm = ondemand")
in_pool("ondemand: spawn rate 0", "pm = ondemand\npm.max_spawn_rate = 0", "spawn-rate")
in_pool("ondemand: start servers", "pm = ondemand\npm.start_servers = 3")

# pages, logs
values(in_pool, "pm.status_path", PAGES)
values(in_pool, "ping.path", PAGES)
in_pool("one path for two pages", "pm.status_path = /s\nping.path = /s")
values(in_pool, "ping.response", ("pong", "a b c", "", '""', "x" * 200), before="ping.path = /ping\n")
values(in_pool, "access.log", ("{d}/a.log", "a.log", "/nowhere/a.log", "{d}", "{d}/$pool.log", "/dev/null"), {"empty": ("",)})
values(in_pool, "slowlog", ("{d}/s.log", "s.log", "/nowhere/s.log", "{d}", "", "{d}/$pool.log"), before="request_slowlog_timeout = 1\n")
values(in_pool, "access.format", ('"%R - %u %t \\"%m %r\\" %s"', "%{x}z", "%Z", "%{REMOTE_ADDR}e", "%{mega}M", "%{nonsense}M", "%{nonsense}C",
                                  "%{seconds}d", "%{%d/%b/%Y}t", "%p %P", "%{}e", "%o", "%{Content-Type}o", "%%"), before="access.log = {d}/a.log\n")
in_pool("access.format without a log", "access.format = %Z")
values(in_pool, "access.suppress_path[]", ("/ping", "ping", "", " /a b", "/"))
several(in_pool, {"access.suppress_path with a key": "access.suppress_path[x] = /ping", "access.suppress_path without []": "access.suppress_path = /ping",
                  "access.suppress_path twice": "access.suppress_path[] = /a\naccess.suppress_path[] = /b",
                  "request_slowlog_timeout alone": "request_slowlog_timeout = 5",
                  "slow above terminate": "slowlog = {d}/s\nrequest_slowlog_timeout = 5\nrequest_terminate_timeout = 3",
                  "slow equal to terminate": "slowlog = {d}/s\nrequest_slowlog_timeout = 5\nrequest_terminate_timeout = 5",
                  "request_slowlog_trace_depth alone": "request_slowlog_trace_depth = 5", "slowlog alone": "slowlog = {d}/s",
                  "slowlog alone, in no folder": "slowlog = /nowhere/s"})
values(in_pool, "request_slowlog_trace_depth", ("0", "1", "20", "x", "-1"), before="slowlog = {d}/s\nrequest_slowlog_timeout = 1\n")

# folders
for directive in ("prefix", "chroot", "chdir"):
    values(in_pool, directive, FOLDERS)
several(in_pool, {"chroot below the prefix": "prefix = {d}\nchroot = sub", "chroot $prefix": "prefix = {d}\nchroot = $prefix/sub",
                  "chroot $prefix that is not there": "prefix = {d}\nchroot = $prefix/none", "chroot $prefix without a prefix": "chroot = $prefix/sub",
                  "chdir in chroot": "chroot = {d}\nchdir = /sub", "chdir in chroot that is not there": "chroot = {d}\nchdir = /none",
                  "chdir relative in chroot": "chroot = {d}\nchdir = sub", "listen below the prefix": "prefix = {d}\nlisten = y.sock",
                  "slowlog below the prefix": "prefix = {d}\nslowlog = slow.log\nrequest_slowlog_timeout = 1",
                  "access.log below the prefix": "prefix = {d}\naccess.log = a.log", "chdir below the prefix": "prefix = {d}\nchdir = sub",
                  "~ in quotes": "ping.path = \"/a~b_c.d-e/1\"", "$pool in a path": "slowlog = {d}/$pool-$pool.slow", "$pool in env": "env[X] = a$pool", "$pool in php_value": "php_value[x] = $pool.x",
                  "$pool in a text": "ping.path = /ping\nping.response = $pool-pong", "$pools": "ping.path = /ping\nping.response = $pools",
                  "$POOL": "ping.path = /ping\nping.response = $POOL"})
in_pool("listen $prefix", "prefix = {d}\nlisten = $prefix/y.sock", "prefix-word")

# what may run, what it is told
values(in_pool, "security.limit_extensions", (".php", ".php .html", "php", "", ".PHP", '""'), {"commas": (".php, .html",), "tabs": (".php\t.x",)})
in_pool("apparmor_hat", "apparmor_hat = web", "apparmor")
values(in_pool, "env[X]", ("x", "$HOME", "$NOTHERE", "", '""', "a b", "'$HOME'", '"a=b"', "${HOME}", '"$HOME/x"', "$", "a$b", "on"))
several(in_pool, {"env without a key": "env[] = 1", "env without []": "env = 1", "env with a key in quotes": 'env["X"] = 1'})
in_pool("env twice", "env[X] = 1\nenv[X] = 2", "effective")
in_pool("env with blanks in []", "env[ X ] = 1", "blanks")
in_pool("env with = in []", "env[A=B] = 1", "no-equals")
for directive in ("php_value", "php_admin_value", "php_flag", "php_admin_flag"):
    values(in_pool, f"{directive}[error_reporting]", ("1", "on", "off", "yes", "maybe", "", "512M", '"a b"', "E_ALL & ~E_NOTICE", "none"), name=directive)
several(in_pool, {"php_value without a key": "php_value[] = 1", "php_value without []": "php_value = 1",
                  "extension twice": "php_admin_value[extension] = a.so\nphp_admin_value[extension] = b.so",
                  "disable_functions twice": "php_admin_value[disable_functions] = a\nphp_admin_value[disable_functions] = b"})
several(in_pool, {"php_value twice": "php_value[a] = 1\nphp_value[a] = 2", "php_value and php_admin_value": "php_value[a] = 1\nphp_admin_value[a] = 2"},
        "effective")

# sections
TWO = BASE.replace("www]", "two]")
several(case, {"a section twice": BASE + "[global]\nlog_limit = 2048\n[www]\npm.max_children = 3\n", "a section in upper case": BASE.replace("[www]", "[WWW]"),
               "a section twice, in two cases": BASE + "[WWW]\npm.max_children = 3\n", "global after a pool": BASE + "[global]\nlog_limit = 2048\n",
               "the global section in upper case": "[GLOBAL]\nlog_limit = 2048\n" + BASE, "global lines before any section": "log_limit = 2048\n" + BASE,
               "pool lines before any section": "pm = static\n" + BASE, "two pools": BASE + TWO.replace("x.sock", "y.sock"),
               "two pools on one path": BASE + TWO, "two pools on one port": (BASE + TWO).replace("{d}/x.sock", "127.0.0.1:9876"),
               "two pools, the first without pm": LISTENING.replace("x.sock", "y.sock") + "pm.max_children = 1\n" + TWO,
               "a pool with dots": BASE.replace("www]", "www.example.org]"), "a pool with a blank": BASE.replace("www]", "a b]"),
               "a pool in quotes": BASE.replace("[www]", '["www"]'), "a pool of 63 bytes": BASE.replace("www]", "w" * 63 + "]"),
               "a comment behind a section": BASE.replace("[www]", "[www] ; comment"), "a directive twice": BASE + "pm.max_children = 3\npm.max_children = 4\n",
               "listen twice": BASE + "listen = {d}/z.sock\n"})
case("two pools, a port and all of IPv4", BASE.replace("{d}/x.sock", "9876") + TWO.replace("{d}/x.sock", "0.0.0.0:9876"), "wildcards")
several(case, {"a pool with a slash": BASE.replace("www]", "a/b]"), "a pool with no name": BASE.replace("www]", "]"),
               "a pool of 100 bytes": BASE.replace("www]", "w" * 100 + "]")}, "limits")
case("blanks around a section", BASE.replace("[www]", "  [ www ]  "), "blanks")
case("a section that is not closed", BASE.replace("[www]", "[www"), "syntax-words")
case("text behind a section", BASE.replace("[www]", "[www] x"), "syntax-words")

# lines
several(in_pool, {"a comment": "; nothing here = 1", "an include that matches nothing, then a mistake": "include = {d}/none/*.conf\nnonsense = 1",
                  "an include of a folder": "include = {d}/sub", "rlimit_core -1": "rlimit_core = -1", "slowlog that is not used": "slowlog = /nowhere/slow.log",
                  "chroot of $prefix": "chroot = $prefix", "max spare -1": "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = -1",
                  "a spawn rate of 0, and no number to start with": "pm = dynamic\npm.min_spare_servers = 1\npm.max_spare_servers = 2\npm.max_spawn_rate = 0", "a name with a blank": "ping response = a"})
several(in_pool, {"# without =": "# nothing here", "no =": "ping.response"})
several(in_pool, {"# with =": "# nothing = 1", "no name": "= value", "two =": "ping.response == a",
                  "no ]": "env[X = 1"}, "syntax-words")
several(lambda name, text, differs: in_pool(name, f"ping.path = /ping\nping.response{text}", differs), {
    "a comment behind a value": " = hello ; world", "# behind a value": " = hello # world", "; in quotes": ' = "a;b"', "single quotes": " = 'a\"b\\n'",
    "a quote escaped": ' = "a\\"b"', "\\n in quotes": ' = "a\\nb"', "\\\\ in quotes": ' = "a\\\\b"', "a bare backslash": " = a\\b",
    "a backslash at a line's end": " = a\\\npm.max_children = 3", "quotes joined": " = \"a\"b'c'", "${HOME}": " = ${HOME}x", "${HOME} in quotes": ' = "${HOME}x"',
    "${HOME} in single quotes": " = '${HOME}x'", "${NOTHERE}": " = x${NOTHERE}y", "the constant E_ALL": " = E_ALL", "= in quotes": ' = "a=b"',
    "{} in a value": " = a{b}", "? in a value": " = a?b", ": in a value": " = a:b", "[] in a value": " = a[b]", "$ in a value": " = a$b",
    "blanks in a value": " =   a   b  ", "tabs": "\t=\tab\t", "no blanks": "=ab", "no value": " =", "none": " = none", "null": " = null", "a number": " = 007",
    "on in quotes": ' = "on"', "a byte that is no UTF-8": " = \udce4", "a line of 500 bytes": " = " + "x" * 500, "a line of 1500 bytes": " = " + "x" * 1500})
several(lambda name, text, differs: in_pool(name, f"ping.path = /ping\nping.response = {text}", differs), {
    "a quote that is not closed": '"abc\npm.max_children = 3', "a ' that is not closed": "'abc\npm.max_children = 3", "quotes over two lines": '"abc\ndef"',
    "${ that is not closed": "x${HOME", "= in a value": "a=b", "! in a value": "a!b", "() in a value": "a(b)", "on in a value": "switch on"}, "syntax-words")
in_pool("${NAME:-default}", "ping.path = /ping\nping.response = x${NOTHERE:-dflt}", None if KNOWS_DEFAULTS else "default-value")
in_pool("the constant PHP_VERSION", "ping.path = /ping\nping.response = PHP_VERSION", "constants")
in_pool("text with an operator", "ping.path = /ping\nping.response = a|b", "operators")
in_pool("~ before text", "ping.path = /ping\nping.response = ~a", "operators")
in_pool("a NUL", "ping.path = /ping\nping.response = a\0b", "nul")
in_pool("a line of 70000 bytes", "ping.response = " + "x" * 70000, "limits")
in_pool("a comment of 5000 bytes", ";" + "x" * 5000)
values(in_pool, "pm.max_children", ("1|2", "1 | 2", "7 & ~4", "7 ^ 4", "(1|2)&2"), name="expression")
in_pool("expression = !0", "pm.max_requests = !0")
several(case, {"CRLF": BASE.replace("\n", "\r\n"), "CR alone": BASE.replace("\n", "\r"), "a byte order mark": "\ufeff" + BASE,
               "a byte order mark and CRLF": "\ufeff" + BASE.replace("\n", "\r\n"), "no end of the last line": BASE.rstrip("\n"),
               "500 empty lines": "\n" * 500 + BASE})

# include
several(case, {"include": "include = {d}/inc/a.inc\n" + BASE, "include in a pool": BASE + "include = {d}/inc/pool.inc\n",
               "include that opens another section": BASE + "include = {d}/inc/two.inc\npm.max_requests = 7\n", "include *": "[global]\ninclude = {d}/inc/*.pool\n",
               "include * that matches nothing": "include = {d}/inc/*.none\n" + BASE, "include of a file that is not there": "include = {d}/inc/none.inc\n" + BASE,
               "include of a folder": "include = {d}/inc\n" + BASE, "include of nothing": "include =\n" + BASE,
               "include of a file with an unknown name": BASE + "include = {d}/inc/bad.inc\n", "include with a key": "include[x] = {d}/inc/a.inc\n" + BASE,
               "INCLUDE": "INCLUDE = {d}/inc/a.inc\n" + BASE, "include $pool": BASE + "include = {d}/inc/$pool.inc\n",
               "include in quotes": 'include = "{d}/inc/a.inc"\n' + BASE, "include {,}": "include = {d}/inc/{a,b}.inc\n" + BASE,
               "include ?": "include = {d}/inc/?.inc\n" + BASE, "include from /usr": "include = share/no-such-*.inc\n" + BASE})
case("include * in no folder", "include = {d}/none/*.none\n" + BASE)
case("include of itself", BASE + "include = {d}/fpm.conf\n")
case("include relative", "include = inc/a.inc\n" + BASE, "beside")

FILES = {"inc/a.inc": "[global]\nlog_limit = 4096\n", "inc/b.inc": "[global]\nlog_limit = 2048\n", "inc/pool.inc": "pm.max_children = 9\n",
         "inc/two.inc": "pm.max_children = 8\n" + TWO.replace("x.sock", "two.sock"), "inc/bad.inc": "pm.max_children = 9\nnonsense = 1\n",
         "inc/1.pool": BASE.replace("www]", "one]").replace("x.sock", "one.sock"), "inc/2.pool": TWO.replace("x.sock", "two.sock")}

# As another user than root: names are as good as any, nothing must be root's.
UNPRIVILEGED = {
    "complete": BASE, "no user": BASE.replace(USER, ""), "a user that is not there": BASE.replace("www-data", "nobody-here"),
    "root as a user": BASE.replace("www-data", "root"), "a priority below 0": BASE + "process.priority = -5\n",
    "a group": BASE + "group = daemon\n", "no pm": LISTENING, "a limit above the hard one": BASE + "rlimit_files = 2000000000\n",
}
