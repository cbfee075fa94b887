# SPDX-License-Identifier: MIT
"""HTTP clients at work while something happens to the service.

Run as a program it is the load itself: so many clients, each with one request at a time over a kept connection, most of them fast and some
slow, until its standard input closes and at least --least requests are done. It is started inside the container's network. Load is the
test's handle on it. With --fastcgi the clients speak FastCGI to an address, with a connection for each request, and no web server is
between; --least-us has every request take at least so long.

The load also notes how late its own timer is, again and again: what the machine itself adds to every wait when other work keeps it busy.

One record for each request: start and end (CLOCK_REALTIME, which the page's own clock shares), what was asked, the status, and what the
page said of itself: its worker, its generation (the worker's parent), and when it began to run.
"""

import argparse
import asyncio
import json
import random
import struct
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import fastcgi  # noqa: E402

# Share of requests, and the microseconds they take at least and at most.
MIX = ((0.970, 0, 0), (0.022, 1_000, 100_000), (0.008, 100_000, 2_000_000))


@dataclass
class Record:
    start: float
    end: float
    asked: int  # microseconds that the page was asked to take
    status: int  # 0: no answer
    worker: int
    generation: int
    began: float  # when the page began to run
    error: str

    @property
    def failed(self):
        return self.status != 200

    @property
    def waited(self):
        """Seconds from the client's sending to the page's start."""
        return self.began - self.start


# -- the load ---------------------------------------------------------------------------------------------------------------


async def read_response(reader):
    """Status and body. Bodies here have a Content-Length or come in chunks."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    lines = head.split("\r\n")
    status = int(lines[0].split()[1])
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    if "content-length" in fields:
        body = await reader.readexactly(int(fields["content-length"]))
    elif fields.get("transfer-encoding", "").lower() == "chunked":
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    else:
        body = await reader.read()
    return status, body, fields.get("connection", "").lower() != "close"


class Client:
    def __init__(self, options, seed):
        self.host, self.port, self.path, self.least_us = options.host, options.port, options.path, options.least_us
        self.random = random.Random(seed)
        self.writer = None

    def pick(self):
        dice = self.random.random()
        for share, least, most in MIX:
            if dice < share:
                return max(self.random.randint(least, most), self.least_us)
            dice -= share
        return self.least_us

    def hang_up(self):
        if self.writer:
            self.writer.close()
        self.writer = None

    async def exchange(self, asked):
        """(status, body) of one request."""
        self.writer.write(f"GET {self.path}?us={asked} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        status, body, kept = await read_response(self.reader)
        if not kept:
            self.hang_up()
        return status, body

    async def connect(self):
        return await asyncio.open_connection(self.host, self.port)

    async def request(self, asked):
        if not self.writer:
            self.reader, self.writer = await self.connect()
        start = time.time()
        status, body = await self.exchange(asked)
        record = [start, time.time(), asked, status, 0, 0, 0.0, ""]
        if status == 200:
            page = json.loads(body)
            record[4:7] = page["worker"], page["generation"], page["began"]
        else:
            record[7] = " ".join(body[:200].decode("latin-1").split())[:80]
        return record

    async def work(self, go_on, report):
        while go_on():
            start, asked = time.time(), self.pick()
            try:
                report(await asyncio.wait_for(self.request(asked), 60))
            except Exception as problem:  # whatever it is, it is a failed request
                self.hang_up()
                report([start, time.time(), asked, 0, 0, 0, 0.0, repr(problem)])
                await asyncio.sleep(0.02)  # who is refused tries again, but is no flood
        self.hang_up()


class Direct(Client):
    """In a web server's place, with a fresh connection for each request."""

    def __init__(self, options, seed):
        super().__init__(options, seed)
        self.address = options.fastcgi

    async def connect(self):
        if "/" in self.address:
            return await asyncio.open_unix_connection(self.address)
        host, _, port = self.address.rpartition(":")
        return await asyncio.open_connection(host, int(port))

    async def exchange(self, asked):
        self.writer.write(fastcgi.request_bytes(fastcgi.environment(self.path, query=f"us={asked}")))
        answer = fastcgi.Response()
        while True:
            _, kind, _, length, padding = struct.unpack(">BBHHBx", await self.reader.readexactly(8))
            content = (await self.reader.readexactly(length + padding))[:length]
            if kind == fastcgi.END_REQUEST:
                self.hang_up()
                return answer.status, answer.body
            if kind == fastcgi.STDOUT:
                answer.stdout += content


async def watch_lag(report, period=0.02):
    """Reports (when, seconds late) of a timer."""
    while True:
        before = time.time()
        await asyncio.sleep(period)
        report([before, time.time() - before - period])


async def load(options):
    stopped = False
    done = 0

    def report(record):
        nonlocal done
        done += 1
        print(json.dumps(record), flush=done % 50 == 0)

    def stop():
        nonlocal stopped
        stopped = True

    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    waiting = asyncio.create_task(reader.read())
    waiting.add_done_callback(lambda _: stop())
    lag = asyncio.create_task(watch_lag(lambda late: print(json.dumps(late))))
    kind = Direct if options.fastcgi else Client
    clients = [kind(options, seed) for seed in range(options.clients)]
    await asyncio.gather(*(c.work(lambda: not stopped or done < options.least, report) for c in clients))
    lag.cancel()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=80)
    parser.add_argument("--path", default="/load.php")
    parser.add_argument("--fastcgi", metavar="ADDRESS")
    parser.add_argument("--least-us", type=int, default=0)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--least", type=int, default=0)
    asyncio.run(load(parser.parse_args()))


# -- the test's handle on it ----------------------------------------------------------------------------------------------------


class Load:
    """with Load(container, least=20000) as load: ...; afterwards load.records."""

    def __init__(self, container, clients=32, least=0, port=80, path="/load.php", more=()):
        self.command = container.enter_network(
            sys.executable, str(Path(__file__).resolve()), "--clients", str(clients), "--least", str(least), "--port", str(port), "--path", path,
            *more)
        self.records = []
        self.lags = []
        self.more = threading.Condition()

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self._collect)
        self.thread.start()
        return self

    def _collect(self):
        for line in self.process.stdout:
            fields = json.loads(line)
            if len(fields) == 2:
                self.lags.append(fields)
                continue
            with self.more:
                self.records.append(Record(*fields))
                self.more.notify_all()

    def wait_for(self, count, limit=60.0):
        """Until so many more requests are done than now."""
        with self.more:
            goal = len(self.records) + count
            if not self.more.wait_for(lambda: len(self.records) >= goal, limit):
                raise AssertionError(f"the load did {len(self.records)} of {goal} requests in {limit:g} s")

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        try:
            self.process.wait(5 if kind else 180)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            self.thread.join()
            self.process.stdout.close()

    @property
    def failures(self):
        return [record for record in self.records if record.failed]

    def stalled(self, limit=1.0):
        """Requests whose page began more than the limit late, beyond what the busy machine explains: client, web server and worker each
        may have been as late as our timer was meanwhile."""
        late = [record for record in self.records if not record.failed and record.waited > limit]
        return [record for record in late
                if record.waited > limit + 3 * sum(lag for at, lag in self.lags if record.start - 1 < at < record.began)]

    def explain(self):
        """For an assertion's message: how many failed, and the first few."""
        lines = [f"{len(self.failures)} of {len(self.records)} requests failed"]
        lines += [f"  {r.start:.3f}..{r.end:.3f} asked {r.asked} us: status {r.status} {r.error}" for r in self.failures[:8]]
        return "\n".join(lines)


if __name__ == "__main__":
    main()
