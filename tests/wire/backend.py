# SPDX-License-Identifier: MIT
"""What a wire test talks to: a running program with a site of scripts."""

import hashlib
import os
import shutil

import differences
import fastcgi
import server as programs


class Site:
    """A document root that both programs serve."""

    def __init__(self):
        self.root = programs.make_folder("site")
        self.chdir = self.folder("start")

    def file(self, name, content):
        """A file of the site; the same name always has the same content, or opcache would know better."""
        path = os.path.join(self.root, name)
        self.folder(os.path.dirname(name))
        if not os.path.exists(path):
            with open(path + ".new", "wb") as f:
                f.write(fastcgi.to_bytes(content))
            os.chmod(path + ".new", 0o644)
            os.rename(path + ".new", path)
        return path

    def script(self, code):
        """A script named by its content."""
        return self.file(hashlib.sha1(fastcgi.to_bytes(code)).hexdigest()[:12] + ".php", code)

    def folder(self, name):
        path = os.path.join(self.root, name)
        os.makedirs(path, mode=0o755, exist_ok=True)
        return path

    def writable(self, name):
        path = self.folder(name)
        os.chmod(path, 0o777)
        return path

    def close(self):
        shutil.rmtree(self.root, ignore_errors=True)


class Backend:
    """A running program, its site, and requests to them."""

    def __init__(self, server, site):
        self.server = server
        self.name = server.program
        self.site = site

    def reference(self, difference):
        """True on php-fpm: the test then asserts php-fpm's own behaviour. The name must be in differences.py."""
        assert difference in differences.DIFFERENCES, f"{difference} is not in differences.py"
        return self.name == "php-fpm"

    def client(self, pool="www", timeout=fastcgi.PATIENCE):
        return self.server.client(pool, timeout)

    def connect(self, pool="www", timeout=fastcgi.PATIENCE):
        return self.server.connect(pool, timeout)

    def params(self, code, body=b"", **more):
        path = self.site.script(code) if code.startswith(("<?php", "#!")) else code
        more.setdefault("root", self.site.root)
        return fastcgi.environment(path, body=body, **more)

    def run(self, code, body=b"", pool="www", **more):
        """One request on a fresh connection. code: a script's text, or a path."""
        return self.client(pool).request(self.params(code, body, **more), body)

    def page(self, uri, pool="www", **more):
        """A request for a page that is no script: ping and status."""
        return self.client(pool).request(fastcgi.environment(uri, root="", **more))
