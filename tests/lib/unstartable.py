# SPDX-License-Identifier: MIT
"""A pool whose PHP does not start, for want of a file that php.ini names."""

import os

BROWSCAP = "php_admin_value[browscap]"


def make_unstartable(server, pool):
    """Gives the pool the setting; the path of the file that is not there."""
    missing = os.path.join(server.shared_folder(), "browscap.ini")
    server.pools[pool][BROWSCAP] = missing
    return missing


def mend(path):
    with open(path, "w") as f:
        f.write("[DefaultProperties]\nBrowser=Default\n")
    os.chmod(path, 0o644)
