# SPDX-License-Identifier: MIT
"""Clients in numbers, and requests that last exactly as long as a test wants."""

import itertools
import os
import threading
import time
from dataclasses import dataclass

import fastcgi
import procs


@dataclass
class Result:
    began: float
    ended: float
    body: bytes = b""
    error: str = ""

    @property
    def took(self):
        return self.ended - self.began


class Load:
    """Keeps clients busy until stop(). params: one request's parameters, or a function of the request's number. check(response)
    returns what is wrong with an answer, or nothing."""

    def __init__(self, address, params, clients=8, keep=False, timeout=20.0, check=None):
        self.address, self.params, self.keep, self.timeout = address, params, keep, timeout
        self.check = check or (lambda r: "" if r.complete and r.status == 200 else f"bad answer: {r.stdout[:100]!r} {r.stderr[:200]!r}")
        self.results = []
        self.numbers = itertools.count()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def _one(self, client):
        params = self.params(next(self.numbers)) if callable(self.params) else self.params
        began = time.monotonic()
        try:
            response = client.request(params, keep=self.keep)
            error = self.check(response)
            body = response.body
        except Exception as e:
            client.close()
            error, body = f"{type(e).__name__}: {e}", b""
        self.results.append(Result(began, time.monotonic(), body, error))

    def _run(self):
        client = fastcgi.Client(self.address, self.timeout)
        while not self.stopping.is_set():
            self._one(client)
        client.close()

    def stop(self):
        self.stopping.set()
        for t in self.threads:
            t.join(self.timeout + 5)
            assert not t.is_alive(), "a client of the load did not come back"
        return self.results

    def wait_more(self, n, limit=120.0):
        """Until n more requests have been answered than when called."""
        goal = len(self.results) + n
        procs.until(f"{n} more answers under load", lambda: len(self.results) >= goal, limit)

    def failures(self):
        return [r for r in self.results if r.error]


class Gate:
    """Preload code that waits for open(), so that a pool starts exactly as long as a test wants; free: so many times it does not wait. then: what
    follows."""

    CODE = ("<?php file_put_contents('{mark}-on', '.', FILE_APPEND);"
            " for ($i = 0; filesize('{mark}-on') > {free} && $i < 6000 && !file_exists('{mark}-go'); $i++) {{ usleep(5000); clearstatcache(); }} {then}")
    numbers = itertools.count()

    def __init__(self, server, pool="www", then="", free=0):
        self.mark = os.path.join(server.shared_folder(), f"gate{next(self.numbers)}")
        code = server.script(os.path.basename(self.mark) + ".php", self.CODE.format(mark=self.mark, then=then, free=free))
        server.pools[pool]["php_admin_value[opcache.preload]"] = code
        if server.running():
            server.write_config()

    def runs(self):
        """How often the preload has begun."""
        try:
            return os.path.getsize(self.mark + "-on")
        except FileNotFoundError:
            return 0

    def wait_reached(self, n=1, limit=procs.LIMIT):
        procs.until("the preload to run", lambda: self.runs() >= n, limit)

    def open(self):
        open(self.mark + "-go", "w").close()


class Held:
    """A request that runs until release(), with files as signals: on a connection of its own, or on one that is given. The script answers with its pid."""

    CODE = ("<?php {before} file_put_contents($_GET['m'] . '-on', getmypid());"
            " for ($i = 0; $i < 6000 && !file_exists($_GET['m'] . '-go'); $i++) {{ usleep(5000); clearstatcache(); }}"
            " echo getmypid(), ' ', $_GET['say']; {after}")
    numbers = itertools.count()

    def __init__(self, server, pool="www", before="", after="", keep=False, say="", connection=None, **more):
        self.mark = os.path.join(server.shared_folder(), f"held{next(self.numbers)}")
        code = self.CODE.format(before=before, after=after)
        name = f"held-{abs(hash(code)) % 10**8}.php"
        script = os.path.join(server.folder, name)
        if not os.path.exists(script):
            server.script(name, code)
        self.connection = connection or server.connect(pool, timeout=20)
        self.connection.send(fastcgi.request_bytes(fastcgi.environment(script, query=f"m={self.mark}&say={say}", **more), keep=keep))

    def wait_running(self, limit=procs.LIMIT):
        """The worker's pid, once the script runs."""
        self.worker = int(procs.until("the held script to run", lambda: procs.content(self.mark + "-on"), limit))
        return self.worker

    def release(self):
        open(self.mark + "-go", "w").close()

    def answer(self, timeout=fastcgi.PATIENCE):
        return self.connection.read_response(timeout=timeout)

    def finish(self):
        self.release()
        return self.answer()

    def close(self):
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.release()
        self.close()


class Ran:
    """A script that leaves its query string in a file, and answers with its pid: which requests are run, and how often."""

    CODE = "<?php file_put_contents($_SERVER['RAN'], $_SERVER['QUERY_STRING'] . \"\\n\", FILE_APPEND); echo getmypid();"

    def __init__(self, server):
        self.server = server
        self.path = os.path.join(server.shared_folder(), "ran")
        self.script = server.script("touch.php", self.CODE)

    def request(self, name, keep=False, **more):
        return fastcgi.request_bytes(fastcgi.environment(self.script, query=str(name), RAN=self.path, **more), keep=keep)

    def send(self, name, **more):
        c = self.server.connect()
        c.send(self.request(name, **more))
        return c

    def names(self):
        return procs.content(self.path).split()
