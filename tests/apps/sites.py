# SPDX-License-Identifier: MIT
"""An application of this folder, installed for one server: in worker mode, with a fork of the booted process for each request, classic, or under
php-fpm."""

import os
import shutil

import server as programs

HERE = os.path.dirname(os.path.abspath(__file__))
MODES = ("php-fpm", "classic", "worker", "forks")
BOOTED = {"worker": {}, "forks": {"worker.requests": "1"}}


def open_to_all(folder):
    """PHP writes there, as another user."""
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o777)


class Site:
    """writable: folders of it that PHP writes into. The worker script of an application, below its folder, is for the modes of BOOTED."""

    def __init__(self, name, mode, worker_script, writable, pool=None):
        self.mode = mode
        self.folder = programs.make_folder(name)
        self.root = os.path.join(self.folder, "app")
        shutil.copytree(os.path.join(HERE, name), self.root, copy_function=shutil.copy)
        for path in writable:
            open_to_all(os.path.join(self.root, path))
        self.public = os.path.join(self.root, "public")
        self.front = os.path.join(self.public, "index.php")
        settings = {"pm.max_children": "1", "env[APP_ENV]": "prod", "env[APP_DEBUG]": "0", "php_admin_value[memory_limit]": "128M",
                    "php_admin_value[opcache.revalidate_freq]": "0", "php_admin_value[opcache.file_update_protection]": "0",
                    "php_admin_value[error_log]": os.path.join(self.folder, "php.log"), "php_admin_flag[log_errors]": "1", **(pool or {})}
        open(os.path.join(self.folder, "php.log"), "w").close()
        os.chmod(os.path.join(self.folder, "php.log"), 0o666)
        if mode in BOOTED:
            settings.update({"worker.script": os.path.join(self.root, worker_script), **BOOTED[mode]})
        program = programs.PhpFpm if mode == "php-fpm" else programs.Fpmd
        self.server = program({"www": settings}, folder=self.folder)

    def start(self):
        self.server.start()
        return self

    def said(self):
        """What PHP has logged."""
        with open(os.path.join(self.folder, "php.log")) as f:
            return f.read()

    def cleanup(self):
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def symfony(mode, **pool):
    return Site("symfony", mode, "public/index.php", ["var", "var/sessions", "var/proxies"], pool)


def laravel(mode, **pool):
    return Site("laravel", mode, "public/worker.php", ["bootstrap/cache", "database", "storage", "storage/sessions", "storage/views"], pool)


def hello(mode, **pool):
    return Site("hello", mode, "public/index.php", [], pool)


def database(mode, **pool):
    return Site("database", mode, "public/index.php", [], pool)
