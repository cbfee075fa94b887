# SPDX-License-Identifier: MIT
"""What a park gives in place of idle connections when its pool stops: none of it is kept that is none of the pool's, no other pool
loses its own, and the master waits for nobody."""

import signal
import time

import pytest

import fastcgi
import lies
import procs
from conftest import Hostile

STOP = 8.0
LIARS = [one for one in lies.LIES if one.id.startswith("parts-with-")]
CLOSED = r"\[pool POOL\] \d+ descriptors are closed that park \d+ has given as idle connections"
REFUSED = r"\[pool POOL\] park \d+ sent a message that makes no sense; ending it"
SAYS = {"parts-with-descriptors-of-every-kind": CLOSED, "parts-with-more-than-it-may": REFUSED}


@pytest.mark.parametrize("liar", LIARS, ids=lambda one: one.id)
def test_parting(tree, liar):
    s = Hostile(tree, {liar.pool: liar.settings})
    s.env.update({"FDSTORE": "100", "FPMD_STORE_IDLE": "1"})
    s.settings["process_control_timeout"] = "1s"
    with s:
        procs.until("the liar's park", lambda: [p for p in procs.descendants(s.pid) if "impostor.py" in procs.title(p)])
        params = fastcgi.environment(s.ok)
        with s.connect("good") as idle:
            assert idle.request(params).text == "ok"
            procs.until("an idle connection", lambda: next(p for p in s.status()["pools"] if p["name"] == "good")["park"]["idle"])
            began = time.monotonic()
            s.signal(signal.SIGQUIT)
            assert s.wait_exit() == 0, s.story()
            s.notify.hear_all()
            assert time.monotonic() - began < STOP
            stored = [name for name, _ in s.notify.store if name.startswith("fpmd-idle-")]
            assert stored.count("fpmd-idle-good") == 1
            theirs = 48 if liar.id == "parts-with-one-again-and-again" else 0  # half of what two listeners and two sets of counters leave
            assert stored.count(f"fpmd-idle-{liar.pool}") == theirs
            if liar.id in SAYS:
                s.wait_log(SAYS[liar.id].replace("POOL", liar.pool))
            assert not idle.closed_by_peer()
