# SPDX-License-Identifier: MIT
"""What a purge of the package takes of unit files that were written by hand, seen with folders of a mount namespace's own."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "packaging/debian/fpmd.postrm"

# In the folder of unit files, with the script as input: both may lie below what is mounted over. What is left of the files.
PURGE = """set -e
for folder in /etc /var /run; do mount -t tmpfs none $folder; done
mkdir /etc/systemd
cp -r . /etc/systemd/system
sh -s purge
cd /etc/systemd/system
find . -type f -printf '%P\\n' -o -type d -empty ! -name . -printf '%P\\n'
"""

OURS = "[Socket]\nListenStream=/run/a.sock\nService=fpmd.service\n"
NOBODYS = "[Socket]\nListenStream=/run/a.sock\n"
ANOTHERS = "[Socket]\nListenStream=/run/a.sock\nService=b.service\n"
BLANKS = "[Socket]\n \tService\t =  fpmd.service \n"


def purge(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    mine = [] if os.geteuid() == 0 else ["--map-root-user"]
    with open(SCRIPT) as script:
        done = subprocess.run(["unshare", "--mount", "--propagation=private", *mine, "sh", "-c", PURGE], cwd=folder, stdin=script, capture_output=True, text=True)
    assert done.returncode == 0, done
    return set(done.stdout.splitlines())


@pytest.mark.parametrize("files, left", [
    ({"a.socket": OURS, "fpmd.service.wants/a.socket": "", "sockets.target.wants/a.socket": ""}, set()),
    ({"a.socket": BLANKS}, set()),
    ({"a.socket": NOBODYS, "a.socket.d/b.conf": BLANKS}, set()),
    ({"a.socket": OURS, "a.socket.d/b.conf": BLANKS, "a.socket.d/mode.conf": "[Socket]\nSocketMode=0600\n"}, set()),
    ({"a.socket": ANOTHERS, "a.socket.d/b.conf": BLANKS}, {"a.socket"}),
    ({"a.socket.d/b.conf": BLANKS, "a.socket.d/c.conf": ANOTHERS}, {"a.socket.d/c.conf"}),
    ({"a.socket": OURS, "a.socket.d/b.conf": ANOTHERS}, {"a.socket", "a.socket.d/b.conf"}),
    ({"a.socket": OURS.replace("Service", "#Service")}, {"a.socket"}),
    ({"a.socket": OURS.replace("fpmd.service", "fpmd.service.old")}, {"a.socket"}),
    ({"a.socket": OURS.replace("fpmd.service", "fpmd-service")}, {"a.socket"}),
    ({"a.socket": NOBODYS}, {"a.socket"}),
], ids=["as fpmctl writes it", "with blanks", "by a drop-in alone", "with drop-ins", "another's that a drop-in has given to fpmd",
        "a packaged unit's drop-in", "given to another by a drop-in", "a comment", "a longer name", "a dash for the dot", "nobody's"])
def test_socket_units_that_lead_to_fpmd_go(tmp_path, files, left):
    assert purge(tmp_path / "system", files) == left
