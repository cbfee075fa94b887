# SPDX-License-Identifier: MIT
"""PHP's persistent connections to MariaDB: one for each worker, for as long as that worker lives."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from container import wait_until

WORKERS = 4


def ask_often(container, nginx, by, count=60):
    """What so many pages said, fetched by more clients than there are workers."""
    def batch(_):
        done = container.run("curl", "-sS", "-m", "30", *[f"{nginx.base}/database.php?by={by}&n={n}" for n in range(count // 6)])
        return [json.loads("{" + page) for page in done.stdout.split("{")[1:]]

    with ThreadPoolExecutor(6) as clients:
        pages = [page for pages in clients.map(batch, range(6)) for page in pages]
    assert len(pages) == count
    return pages


def pairs(pages):
    return {(page["worker"], page["connection"]) for page in pages}


@pytest.mark.parametrize("by", ["pdo", "mysqli"])
def test_a_persistent_connection_is_one_per_worker_and_ends_with_a_reload(fpmd, nginx, container, database, by):
    fpmd.configure(max_children=WORKERS)
    fpmd.start()
    wait_until(lambda: not database.connections(), "connections of earlier tests to end")
    first = pairs(ask_often(container, nginx, by))
    assert len(first) == len({worker for worker, _ in first}) == len({connection for _, connection in first}), first
    assert 1 < len(first) <= WORKERS
    assert set(database.connections()) == {connection for _, connection in first}
    again = pairs(ask_often(container, nginx, by))
    known = dict(first)
    assert all(known.get(worker, connection) == connection for worker, connection in again), (first, again)
    old = {connection for _, connection in first | again}
    assert set(database.connections()) == old

    container.systemctl("reload", "fpmd.service")
    wait_until(lambda: not old & set(database.connections()), "the old workers' connections to end")
    new = pairs(ask_often(container, nginx, by))
    assert not old & {connection for _, connection in new}
    assert not {worker for worker, _ in first} & {worker for worker, _ in new}
    assert set(database.connections()) == {connection for _, connection in new}
