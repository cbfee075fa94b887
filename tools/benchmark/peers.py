# SPDX-License-Identifier: MIT
"""The servers that are compared: each is started with the same pool in a folder of its own, as tests/lib/server.py has it."""

import os
import shutil
import time

import server as programs

import generator

SCRIPTS = {
    "hello.php": "<?php echo 'Hello, world';",
    "post.php": "<?php echo strlen(file_get_contents('php://input'));",
    "large.php": "<?php $s = str_repeat('x', 4096); for ($i = 0; $i < 256; $i++) echo $s;",
    "extensions.php": "<?php echo implode(',', get_loaded_extensions());",
    "page.php": "<?php usleep(5000); echo 'Hello, world';",
    "chaos.php": "<?php readfile('php://input'); $n = (int)$_GET['n'];"
                 " echo substr(str_repeat('0123456789abcdef', intdiv($n, 16) + 1), 0, $n);",
}


POST_SIZE = 16384
# What a server calls itself among its extensions.
OWN_EXTENSIONS = {"cgi-fcgi", "apache2handler"}
# What each of them answers; the generator itself knows what chaos.php has to.
REPLIES = {
    "hello.php": b"Hello, world",
    "post.php": b"%d" % POST_SIZE,
    "large.php": b"x" * 1048576,
    "page.php": b"Hello, world",
}


class Mixin:
    """What measurements want of a server."""

    label = "?"
    may_close = True  # kept connections, between requests

    def prepare(self):
        """Writes the scripts, old enough for opcache to keep them, and what they answer."""
        for name, code in SCRIPTS.items():
            os.utime(self.script(name, code), (time.time() - 3600,) * 2)
        for name, body in REPLIES.items():
            with open(self.reply(name), "wb") as f:
                f.write(body)
        return self

    def path(self, script):
        return os.path.join(self.folder, script)

    def reply(self, script):
        """The file with the body that each request for the script must get."""
        return self.path(script + ".reply")

    def answer(self, script):
        """What a script answers, over TCP."""
        return self.run(self.path(script), "tcp").text

    def extensions(self):
        return set(self.answer("extensions.php").split(",")) - OWN_EXTENSIONS

    def load(self, listen, script, **how):
        return generator.load(self.address(listen), self.path(script), expect_file=self.reply(script), may_close=self.may_close, **how)

    def throughput(self, listen, script, **how):
        return generator.throughput(self.address(listen), self.path(script), expect_file=self.reply(script), may_close=self.may_close, **how)


class Fpmd(Mixin, programs.Fpmd):
    label = "fpmd"
    may_close = False  # a worker that ends leaves its connections to others


class PhpFpm(Mixin, programs.PhpFpm):
    label = "php-fpm"


def available():
    """The classes of the servers that this machine has; fpmd first."""
    return [Fpmd] + ([PhpFpm] if programs.php_fpm() else [])


def use_installed():
    """Measures the fpmd that is installed instead of one that was built."""
    programs.FPMD = shutil.which("fpmd", path="/usr/sbin:/usr/local/sbin") or "/usr/sbin/fpmd"
    programs.FPMCTL = shutil.which("fpmctl") or "/usr/bin/fpmctl"


def pools(listens, **directives):
    """The configuration of the same pool behind each of the listeners: "unix", "tcp". Directives with _ for the dot of pm."""
    settings = {k.replace("pm_", "pm.", 1): str(v) for k, v in directives.items()}
    return {name: {**settings, **({"listen": f"127.0.0.1:{programs.free_port()}"} if name == "tcp" else {})} for name in listens}
