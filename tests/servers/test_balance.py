# SPDX-License-Identifier: MIT
"""Three hosts with fpmd behind HAProxy, with conf/web/haproxy-balance.cfg, and behind nginx: what happens to a host costs no request.

FPMD_BALANCE_VISITS sets the number of requests of each phase, and prints a table (pytest -s): 250 by default. With FPMD_RECORD=1 the table
is kept, and fpmd.service(7) has it: 8000 visits make more than 100,000 requests of the two."""

import collections
import os
import shutil

import pytest

import balance
import hosts as cluster
import procs
import server as programs

PHASE = int(os.environ.get("FPMD_BALANCE_VISITS", 250))


@pytest.fixture(scope="module")
def site():
    """(hosts a, b, c; their documents; the network)"""
    if not programs.ROOT:
        pytest.skip("network namespaces need root")
    root = programs.make_folder("site")
    network = cluster.Network()
    hosts = []
    try:
        with open(os.path.join(root, "balance.php"), "w") as f:
            f.write(cluster.PAGE)
        network.add("balancer", "10.0.0.254")
        for i, name in enumerate("abc"):
            hosts.append(cluster.Host(network, name, f"10.0.0.{i + 1}", root))
            hosts[-1].start()
        yield hosts, root, network
    finally:
        for host in hosts:
            host.close()
        network.close()
        shutil.rmtree(root, ignore_errors=True)


class Story:
    """What became of the visits of each phase."""

    def __init__(self, visitors):
        self.visitors, self.rows = visitors, []

    def phase(self, name, begin):
        """Visits that have ended since begin, a place in the list: {host: number}. None may have failed but those let off by close()."""
        visits = self.visitors.visits[begin:]
        hosts = collections.Counter(v.host for v in visits)
        self.rows.append((name, len(visits), sum(v.status != 200 for v in visits), *(hosts[h] for h in "abc"), max(v.end - v.start for v in visits)))
        return hosts

    def mark(self):
        return len(self.visitors.visits)

    def show(self, balancer):
        if "FPMD_BALANCE_VISITS" in os.environ:
            print(f"\n{'behind ' + balancer:24} requests  failed       a       b       c  longest")
            for row in self.rows:
                print("{:24} {:8} {:7} {:7} {:7} {:7} {:7.2f}s".format(*row))

    def keep(self, balancer):
        if os.environ.get("FPMD_RECORD") == "1":
            balance.write(balancer, self.rows)


def failures(visitors, killed=None):
    """But those that were in hand when a host was killed (from, to)."""
    return [v for v in visitors.visits if v.status != 200 and not (killed and v.start <= killed[1] and v.end >= killed[0])]


def test_behind_haproxy(site, tmp_path):
    hosts, root, network = site
    a, b, c = hosts
    balancer = cluster.Haproxy(network, str(tmp_path))
    try:
        balancer.run(root)
        for host in hosts:
            balancer.wait_state(host.name, "UP")
        with cluster.Visitors(balancer.path) as visitors:
            story = Story(visitors)
            visitors.wait_more(PHASE)
            assert len(story.phase("steady", 0)) == 3

            begin = story.mark()
            for host in hosts:
                assert host.server.ctl("drain").returncode == 0
                balancer.wait_state(host.name, "DRAIN", "DOWN")  # the latter when /ready is asked first
                host.restart()
                balancer.wait_state(host.name, "UP")
            visitors.wait_more(PHASE)
            story.phase("rolling restart", begin)

            begin = story.mark()
            with b.frozen():
                balancer.wait_state("b", "DOWN")
                with cluster.Visitors(balancer.path) as others:  # the first ones may all wait for b
                    others.wait_more(PHASE)
                assert not failures(others) and {v.host for v in others.visits} == {"a", "c"}
            balancer.wait_state("b", "UP")
            visitors.wait_more(PHASE)
            assert story.phase("b frozen, and back", begin)["b"] > 0

            with c.slow():
                procs.until("c to have less weight", lambda: (lambda s: s["c"][1] < min(s["a"][1], s["b"][1]))(balancer.servers()), cluster.LIMIT)
                begin = story.mark()
                visitors.wait_more(3 * PHASE)
                counts = story.phase("c slow", begin)
                assert counts["c"] < (counts["a"] + counts["b"]) / 2, counts

            begin = story.mark()
            killed = a.kill()
            a.start()
            balancer.wait_state("a", "UP")
            visitors.wait_more(PHASE)
            story.phase("a killed, started anew", begin)
        story.show("HAProxy")
        assert not failures(visitors, killed)
        story.keep("HAProxy")
    finally:
        balancer.stop()


def test_behind_nginx(site, tmp_path):
    hosts, root, network = site
    a, b, c = hosts
    os.chmod(tmp_path, 0o755)
    balancer = cluster.Nginx(network, str(tmp_path))
    try:
        balancer.run(root, hosts)
        with cluster.Visitors(balancer.path) as visitors:
            story = Story(visitors)
            visitors.wait_more(PHASE)
            assert len(story.phase("steady", 0)) == 3

            begin = story.mark()
            for host in hosts:
                host.restart()
            visitors.wait_more(PHASE)
            story.phase("rolling restart", begin)

            begin = story.mark()
            with b.frozen():
                visitors.wait_more(PHASE)
            visitors.wait_more(PHASE)
            story.phase("b frozen, and back", begin)

            begin = story.mark()
            with c.slow():
                visitors.wait_more(PHASE)
            story.phase("c slow", begin)

            begin = story.mark()
            killed = a.kill()
            a.start()
            visitors.wait_more(PHASE)
            story.phase("a killed, started anew", begin)
        story.show("nginx")
        assert not failures(visitors, killed)
        story.keep("nginx")
    finally:
        balancer.stop()
