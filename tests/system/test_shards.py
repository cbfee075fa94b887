# SPDX-License-Identifier: MIT
"""A TCP pool with several accept queues made by systemd: the same ListenStream= repeated, with ReusePort=yes."""

from load import Load
from web import serve_nginx

PORT_9000 = ":2328 "


def queues(container):
    """The listening sockets on port 9000, as the kernel lists them."""
    lines = container.run("cat", "/proc/net/tcp").stdout.splitlines()
    return [line for line in lines if PORT_9000 in line.split(" 00000000:0000")[0] + " " and " 0A " in line]


def test_every_shard_serves(fpmd, container):
    fpmd.drop_in("fpmd.socket", "[Socket]\nListenStream=\nListenStream=127.0.0.1:9000\nListenStream=127.0.0.1:9000\nReusePort=yes\n")
    fpmd.configure(listen="127.0.0.1:9000", max_children=40)
    fpmd.listen()
    assert len(queues(container)) == 2
    serve_nginx(container, "127.0.0.1:9000")
    with Load(container, least=2_000) as load:
        load.wait_for(500)
        container.systemctl("reload", "fpmd.service")
        load.wait_for(500)
    # Each request is a fresh connection, and the kernel spreads those evenly: a shard nobody serves would stall half of them.
    assert not load.failures, load.explain()
    assert not load.stalled()
    assert len(queues(container)) == 2
