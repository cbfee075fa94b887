# SPDX-License-Identifier: MIT
"""Each deliberate difference from php-fpm that a client of a web server can see, with its reason and with what fpmd does instead.

A row is for the doors that its expression finds, and for cases of test_compare.py. A conversation that differs without a row fails, and
so does one that differs otherwise than its row says. Each ends with one more request on the same connection.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Callable

HELLO = "\nhello\n(whole)"
ENDS = re.compile(r"^\((whole|cut|hang|garbage|open)\)$", re.MULTILINE)


@dataclass(frozen=True)
class Difference:
    doors: str
    cases: tuple
    why: str
    holds: Callable  # (php-fpm's transcript, fpmd's): is this the difference?


def answered(*lines):
    """fpmd's replies are whole, and have these in them."""
    return lambda reference, ours: (ours.endswith(HELLO) and set(ENDS.findall(ours)) == {"whole"}
                                    and all(re.search(line, ours, re.MULTILINE) for line in lines))


def received(n, sha1):
    """fpmd's script has read so many bytes, and these."""
    return answered(rf"^int\({n}\)$", rf'^string\(40\) "{sha1}"$')


DIFFERENCES = [
    Difference("^nginx|^caddy|^haproxy", ("large reply to an unread PUT of 3 MB",),
               "A client that sends its whole request before it reads, and php-fpm that sends before it has read: each waits for the other"
               " (\"upload-deadlock\" of the wire tests). fpmd receives while its reply has no room.",
               answered("^2000000 bytes, ")),
    Difference("^nginx.*unbuffered|^apache", ("chunked PUT",),
               "A body that comes in chunks and is passed on as it comes has no CONTENT_LENGTH: php-fpm loses it (\"body-without-length\").",
               received(81000, hashlib.sha1(b"x" * 81000).hexdigest())),
    Difference("^nginx.*unbuffered|^apache", ("3 MB chunked",), "The same, with a larger one.",
               received(3145728, hashlib.sha1(bytes(range(256)) * 12288).hexdigest())),
    Difference("^haproxy", ("413 to 3 MB", "413 to a PUT of 3 MB"),
               "HAProxy holds its client when a request is answered and ended while it still sends its body: php-fpm ends it at once. fpmd does"
               " when the body has come.",
               answered("^413 ", "^too large")),
    Difference("^haproxy", ("redirect of 3 MB", "redirect of a PUT of 3 MB"), "The same, with a redirect.", answered("^302 ", "^location: /elsewhere")),
    Difference("^haproxy|^lighttpd", ("HEAD of a script that prints late",),
               "php-fpm 8.4 sends a body to HEAD where the script has flushed (\"head-body\" of the wire tests): HAProxy 3.0 answers 502 then, and"
               " lighttpd takes its length for the page's.",
               answered("^200 OK")),
    Difference("^haproxy", ("chunked PUT", "3 MB chunked"),
               "HAProxy refuses a body in chunks, of its own accord, and may go on reading it after it has said that it closes.",
               lambda reference, ours: ours.replace("(open)", "(whole)") == reference.replace("(open)", "(whole)")),
    Difference("^lighttpd.*streamed", ("chunked PUT", "3 MB chunked"),
               "lighttpd that streams asks for a length, of its own accord, unless all chunks are there when it begins: that is chance.",
               lambda reference, ours: ours.endswith(HELLO) and bool(re.search(r"^(411 Length Required|int\((81000|3145728)\))$", ours, re.MULTILINE))),
    Difference("^caddy", ("chunked",), "Caddy says CONTENT_LENGTH=-1 of a body in chunks, and php-fpm waits for a body that has come.",
               received(308, hashlib.sha1(b"one" + b"two" * 100 + b"three").hexdigest())),
    Difference("^caddy", ("chunked form",), "The same, with a form.", answered('^array\\(2\\) {\n  \\["a"\\]=>\n  string\\(1\\) "1"')),
    Difference("^caddy", ("chunked PUT",), "The same, with a PUT.", received(81000, hashlib.sha1(b"x" * 81000).hexdigest())),
    Difference("^caddy", ("3 MB chunked",), "The same, with a larger one.", received(3145728, hashlib.sha1(bytes(range(256)) * 12288).hexdigest())),
    Difference("^caddy", ("413 to 3 MB chunked",), "The same, with an early answer.", answered("^413 ", "^too large")),
    Difference("^nginx.*unbuffered|^apache", ("413 to 3 MB", "413 to a PUT of 3 MB", "413 to 3 MB chunked"),
               "php-fpm closes the connection under a body that it has not read: a web server that still writes may take that for a failure and"
               " answer 502 or 503 in its place. fpmd lets it end.",
               answered("^413 Content Too Large")),
    Difference("^nginx.*unbuffered|^apache", ("redirect of 3 MB", "redirect of a PUT of 3 MB"), "The same, with a redirect.",
               answered("^302 ", "^Location: /elsewhere")),
]


def argued(door, what):
    return next((row for row in DIFFERENCES if what in row.cases and re.search(row.doors, door)), None)
