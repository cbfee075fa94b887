# SPDX-License-Identifier: MIT
"""FastCGI conversations, held with php-fpm (the reference) and with fpmd: same configuration, same scripts, same bytes.

A test that takes `backend` runs once on each program and states what it expects. A test that takes `both` compares
the two. Where fpmd differs on purpose, differences.py names it; a test asks backend.reference("its name") there.
"""

import pytest

import server as programs
from backend import Backend, Site

# The pools of the one configuration. Every pool's listen address is the program's own; LISTEN_TCP is replaced.
POOLS = {
    "www": {"pm.status_path": "/fpm-status", "ping.path": "/fpm-ping", "env[GREETING]": "hello", "env[FROM_OUTSIDE]": "$OUTSIDE",
            "env[QUOTED]": '"two words"'},
    "one": {"pm.max_children": "1"},
    "tcp": {"listen": "LISTEN_TCP", "pm.max_children": "1"},
    # php-fpm lets PHP_VALUE live on in the worker, so each worker of this pool serves one request.
    "values": {"pm.max_children": "1", "pm.max_requests": "1"},
    "settings": {"pm.max_children": "1", "php_value[memory_limit]": "99M", "php_admin_value[precision]": "7",
                 "php_flag[display_errors]": "on", "php_admin_flag[short_open_tag]": "on",
                 "php_admin_value[disable_functions]": "strrev,str_rot13", "php_value[arg_separator.output]": '"&amp;"',
                 "ping.path": "/ping", "ping.response": '"all is well"'},
    "announced": {"pm.max_children": "1", "php_admin_flag[expose_php]": "on", "pm.status_path": "/fpm-status", "ping.path": "/fpm-ping"},
    "limited": {"pm.max_children": "1", "php_value[max_execution_time]": "1"},
    "strict": {"pm.max_children": "1", "php_admin_value[max_execution_time]": "1"},
    "unlimited": {"pm.max_children": "1", "php_value[max_execution_time]": "0"},
    "surroundings": {"pm.max_children": "1", "clear_env": "no", "chdir": "CHDIR", "security.limit_extensions": ".php .html"},
    "anything": {"pm.max_children": "1", "security.limit_extensions": ""},
    "nofix": {"pm.max_children": "1", "php_admin_value[cgi.fix_pathinfo]": "0"},
    "discard": {"pm.max_children": "1", "php_admin_value[cgi.discard_path]": "1"},
    "decoded": {"pm.max_children": "1", "php_admin_value[fastcgi.script_path_encoded]": "0"},
    "quiet": {"pm.max_children": "1", "php_admin_value[fastcgi.logging]": "0"},
    "errorheader": {"pm.max_children": "1", "php_admin_value[fastcgi.error_header]": '"Status: 555 Broken"'},
}


# Of directives that php-fpm does not have.
POOLS_OF_FPMD = {
    "forking": {"pm.max_children": "1", "security.pcntl": "yes"},
    "forking-limited": {"pm.max_children": "1", "security.pcntl": "yes", "php_value[max_execution_time]": "1"},
}


def start(program, site):
    pools = {name: dict(p) for name, p in {**POOLS, **(POOLS_OF_FPMD if program is programs.Fpmd else {})}.items()}
    pools["tcp"]["listen"] = f"127.0.0.1:{programs.free_port()}"
    pools["surroundings"]["chdir"] = site.chdir
    server = program(pools, env={"OUTSIDE": "seen from outside"})
    return server.start()


@pytest.fixture(scope="session")
def site():
    s = Site()
    yield s
    s.close()


@pytest.fixture(scope="session")
def reference_server(site):
    if programs.php_fpm() is None:
        pytest.fail("no /usr/sbin/php-fpm8.*: install php-fpm, the reference of this suite")
    server = start(programs.PhpFpm, site)
    yield server
    server.cleanup()


@pytest.fixture(scope="session")
def fpmd_server(site):
    server = start(programs.Fpmd, site)
    yield server
    server.cleanup()


@pytest.fixture(scope="session", params=["php-fpm", "fpmd"])
def backend(request, site):
    name = "reference_server" if request.param == "php-fpm" else "fpmd_server"
    return Backend(request.getfixturevalue(name), site)


@pytest.fixture(scope="session")
def both(reference_server, fpmd_server, site):
    """(php-fpm, fpmd)"""
    return Backend(reference_server, site), Backend(fpmd_server, site)
