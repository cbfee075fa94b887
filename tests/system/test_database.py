# SPDX-License-Identifier: MIT
"""PHP's persistent connections to MariaDB: one for each worker, for as long as that worker lives."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from container import wait_until

WORKERS = 4


def ask_often(nginx, by):
    """What many pages said, fetched by more clients than there are workers."""
    def batch(_):
        urls = [f"{nginx.base}/database.php?by={by}&n={n}" for n in range(10)]
        pages = nginx.container.run("curl", "-sS", "-m", "30", *urls).stdout
        return [json.loads("{" + page) for page in pages.split("{")[1:]]

    with ThreadPoolExecutor(WORKERS + 2) as clients:
        batches = list(clients.map(batch, range(WORKERS + 2)))
    assert [len(pages) for pages in batches] == [10] * (WORKERS + 2)
    return {(page["worker"], page["connection"]) for pages in batches for page in pages}


def ask_every_worker(nginx, by):
    """{worker: its connection} of all workers; each has told of one connection alone."""
    seen = set()

    def all_have_answered():
        seen.update(ask_often(nginx, by))
        return len({worker for worker, _ in seen}) >= WORKERS

    wait_until(all_have_answered, "an answer from each worker")
    assert len(seen) == WORKERS, seen
    assert len({connection for _, connection in seen}) == WORKERS, seen
    return dict(seen)


@pytest.mark.parametrize("by", ["pdo", "mysqli"])
def test_a_persistent_connection_is_one_per_worker_and_ends_with_a_reload(fpmd, nginx, container, database, by):
    fpmd.configure(max_children=WORKERS)
    fpmd.start()
    wait_until(lambda: not database.connections(), "connections of earlier tests to end")
    first = ask_every_worker(nginx, by)
    assert set(first) == set(fpmd.workers())
    assert set(database.connections()) == set(first.values())
    assert ask_every_worker(nginx, by) == first
    assert set(database.connections()) == set(first.values())

    container.systemctl("reload", "fpmd.service")
    wait_until(lambda: not set(first.values()) & set(database.connections()), "the old workers' connections to end")
    new = ask_every_worker(nginx, by)
    assert not set(first) & set(new) and not set(first.values()) & set(new.values())
    assert set(database.connections()) == set(new.values())
