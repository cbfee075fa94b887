# SPDX-License-Identifier: MIT
"""A MariaDB of a test's own: an ordinary user's server at a unix socket, which can be restarted while its clients are connected."""

import os
import shutil
import signal
import socket
import subprocess

import procs
import server as programs

SERVER, INSTALL, CLIENT = "/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db", "/usr/bin/mariadb"
SETTINGS = ["--skip-networking", "--skip-log-bin", "--performance-schema=off", "--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M",
            "--innodb-flush-method=nosync"]
ACCOUNT = ["CREATE DATABASE site", "CREATE USER tester@localhost IDENTIFIED BY 'se''cret'", "GRANT ALL ON *.* TO tester@localhost"]
LIMIT = 120.0


class MariaDB:
    def __init__(self):
        for program in (SERVER, INSTALL, CLIENT):
            assert os.access(program, os.X_OK), f"no {program}: install packages_apps of tools/lib/packages.sh"
        self.folder = programs.make_folder("mariadb")
        self.data = os.path.join(self.folder, "data")
        self.socket = os.path.join(self.folder, "mariadb.sock")
        self.log = os.path.join(self.folder, "log")
        self.process = None
        self.who = {"user": programs.POOL_USER, "group": programs.POOL_USER, "extra_groups": []} if programs.ROOT else {}
        if programs.ROOT:
            shutil.chown(self.folder, programs.POOL_USER, programs.POOL_USER)

    def install(self):
        self._run(INSTALL, "--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal", "--skip-test-db", *SETTINGS)
        self.start()
        self.ask(*ACCOUNT, user="root", password="")
        return self

    def _run(self, *command):
        r = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT, cwd="/", **self.who)
        assert r.returncode == 0, r
        return r.stdout

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([SERVER, "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                                             f"--pid-file={self.folder}/pid", *SETTINGS], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                                            preexec_fn=procs.die_with_parent, **self.who)
        procs.until("MariaDB to greet its clients", self._greets, LIMIT)

    def _greets(self):
        assert self.process.poll() is None, procs.content(self.log)[-3000:]
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(LIMIT)
            try:
                s.connect(self.socket)
                return s.recv(1)
            except OSError:
                return b""

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(LIMIT)

    def restart(self, number=signal.SIGTERM):
        self.stop(number)
        self.start()

    def ask(self, *statements, user="tester", password="se'cret"):
        """Rows as lists of strings."""
        out = self._run(CLIENT, "--no-defaults", f"--socket={self.socket}", f"--user={user}", f"--password={password}", "--batch",
                        "--skip-column-names", "-e", "; ".join(statements))
        return [line.split("\t") for line in out.splitlines()]

    def connections(self):
        """The ids of all connections but the one that asks."""
        return {int(row[0]) for row in self.ask("SELECT ID FROM information_schema.PROCESSLIST WHERE ID <> CONNECTION_ID() AND USER = 'tester'")}

    def cleanup(self):
        if self.process and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
