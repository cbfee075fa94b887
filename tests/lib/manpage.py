# SPDX-License-Identifier: MIT
"""What a reader of a manual page copies from his terminal: a display as it is printed, with the blanks before each line."""

import os
import re
import shutil
import subprocess
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "packaging/man"
# The two programs that print pages here: mandoc, and man-db with groff.
PRINTERS = {"mandoc": ["mandoc", "-T", "utf8", "-O", "width=78"], "man": ["man", "-l"]}


def printers():
    return [name for name in PRINTERS if shutil.which(name)]


def printed(page, printer="mandoc"):
    done = subprocess.run([*PRINTERS[printer], PAGES / page], check=True, stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80", "PAGER": "cat", "MANPAGER": "cat"})
    return re.sub(".\b", "", done.stdout)


def display(page, first_words, printer="mandoc"):
    """The printed lines from the one that begins with these words to the next empty one."""
    found = re.search(rf"^ +{re.escape(first_words)}(?:.*\n)(?: *\S.*\n)*", printed(page, printer), re.MULTILINE)
    assert found, f"{page}: {printer} prints no line that begins with: {first_words}"
    return found[0]
