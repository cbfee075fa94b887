# SPDX-License-Identifier: MIT
"""The servers that are compared: each is started with the same pool in a folder of its own, as tests/lib/server.py has it."""

import os
import shutil
import time

import server as programs

import generator
import pages

# What a server calls itself among its extensions.
OWN_EXTENSIONS = {"cgi-fcgi", "apache2handler"}


class Mixin:
    """What measurements want of a server."""

    label = "?"
    may_close = True  # kept connections, between requests

    def prepare(self):
        """Writes the scripts, old enough for opcache to keep them, and what they answer."""
        for name, code in pages.SCRIPTS.items():
            os.utime(self.script(name, code), (time.time() - 3600,) * 2)
        for name, body in pages.REPLIES.items():
            with open(self.reply(name), "wb") as f:
                f.write(body)
        with open(self.path("form"), "wb") as f:
            f.write(pages.FORM_BODY)
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

    def asking(self, script):
        """How the generator asks for a script, and what it must get."""
        return {"expect_file": self.reply(script), "may_close": self.may_close, "form": self.path("form") if script == "form.php" else None}

    def load(self, listen, script, **how):
        return generator.load(self.address(listen), self.path(script), **self.asking(script), **how)

    def throughput(self, listen, script, **how):
        return generator.throughput(self.address(listen), self.path(script), **self.asking(script), **how)


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
    """The configuration of the same pool behind each of the listeners: "unix", "tcp". Directives with _ for their first dot."""
    settings = {k.replace("_", ".", 1): str(v) for k, v in directives.items()}
    return {name: {**settings, **({"listen": f"127.0.0.1:{programs.free_port()}"} if name == "tcp" else {})} for name in listens}
