# SPDX-License-Identifier: MIT
"""Many views of one page by several clients, each answer checked. A program, started inside the container's network; prints one line of
JSON: how many views were right, and what was wrong with the others."""

import argparse
import http.client
import json
import sys
from concurrent.futures import ThreadPoolExecutor

TIMEOUT = 60


def view(connection, options):
    connection.request("GET", options.path, headers={"Host": options.host})
    reply = connection.getresponse()
    body = reply.read().decode(errors="replace")
    if reply.status != 200 or options.expect not in body or not body.rstrip().endswith("</html>"):
        return f"status {reply.status}, {len(body)} bytes: {body[-300:]}"
    return None


def client(views, options):
    """One client's views over a kept connection; a list of what went wrong."""
    problems = []
    connection = http.client.HTTPConnection("127.0.0.1", timeout=TIMEOUT)
    for _ in range(views):
        try:
            problem = view(connection, options)
        except (OSError, http.client.HTTPException) as failure:
            problem = repr(failure)
            connection.close()
        if problem:
            problems.append(problem)
    connection.close()
    return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--expect", required=True)
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--views", type=int, required=True, help="in all")
    options = parser.parse_args()
    shares = [options.views // options.clients + (i < options.views % options.clients) for i in range(options.clients)]
    with ThreadPoolExecutor(options.clients) as pool:
        problems = sum(pool.map(lambda share: client(share, options), shares), [])
    json.dump({"right": options.views - len(problems), "problems": problems[:5]}, sys.stdout)


main()
