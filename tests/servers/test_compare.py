# SPDX-License-Identifier: MIT
"""One table of conversations, each held with a web server in front of php-fpm and with the same one in front of fpmd: statuses,
headers, bodies, and whether anything is cut or hangs. Behind each stands one more request on the same connection: nothing is left over."""

import difflib
import hashlib
import re

import pytest

import differences
import webservers
from webclient import LIMIT, SHORT_LIMIT, request

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "----fpmd"
HELLO = request("/hello.php")
MEGABYTES = bytes(range(256)) * 12 * 1024  # three


def multipart(*parts):
    out = b""
    for name, filename, content in parts:
        place = f'; filename="{filename}"' if filename else ""
        out += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{place}\r\n'.encode()
        out += (b"Content-Type: application/octet-stream\r\n" if filename else b"") + b"\r\n" + content + b"\r\n"
    return out + f"--{BOUNDARY}--\r\n".encode()


def dump(tail="", **how):
    return request(f"/dump.php{tail}", **how)


def reply(what, more="", **how):
    return request(f"/reply.php?what={what}{more}", **how)


def upload(*parts, **how):
    return dump(method="POST", body=multipart(*parts), Content_Type=f"multipart/form-data; boundary={BOUNDARY}", **how)


CASES = {
    # --- requests
    "plain": [dump()],
    "query": [dump("?a[b][]=1&a[b][]=2&=x&y&%00=z&a.b=c+d&q=%F0%9F%98%80&e=%2B")],
    "empty query": [dump("?")],
    "headers": [dump(Cookie="a=1; b[c]=2; a=3", Authorization="Basic am9lOnNlY3JldA==", Accept="text/html, */*;q=0.1", X_Odd="\xe4\xf6")],
    "proxy header": [dump(Proxy="http://evil.example/")],
    "header of 7 KB": [dump(X_Long="h" * 7000)],
    "sixty headers": [dump(**{f"X_{i}": str(i) for i in range(60)})],
    "HTTP/1.0": [dump(version="1.0")],
    "file": [request("/file.txt")],
    "missing file": [request("/missing.txt")],
    "folder": [request("/")],
    "a script's name below a file": [request("/file.txt/x.php")],
    "missing script": [request("/missing.php")],
    "missing folder of a script": [request("/missing/dump.php/a")],
    # --- PATH_INFO
    "path info": [dump("/a/b?c=d")],
    "path info of a slash": [dump("/")],
    "escapes in path info": [dump("/a%20b/c%2Bd/e+f/%25/100%25/%C3%A4?g=%20+h")],
    "an escaped question mark in path info": [dump("/what%3Fnot?a=b")],
    "a script's name in path info": [dump("/x/hello.php/y.php")],
    "double slashes in path info": [dump("//a//b")],
    "long path info": [dump("/" + "p" * 5000)],
    "longer path info": [dump("/" + "p/" * 3400 + "?q")],
    # --- bodies
    "form": [dump(method="POST", body=b"user=joe&pass=%26%3D&list[]=1&list[]=2", Content_Type=FORM)],
    "empty form": [dump(method="POST", body=b"", Content_Type=FORM)],
    "POST without a body": [dump(method="POST")],
    "GET with a body": [dump(body=b"unusual")],
    "json": [dump(method="POST", body=b'{"a": [1, 2]}', Content_Type="application/json")],
    "PUT": [dump(method="PUT", body=b"put" * 1000)],
    "empty PUT": [dump(method="PUT", body=b"")],
    "DELETE": [dump(method="DELETE")],
    "DELETE with a body": [dump(method="DELETE", body=b"why")],
    "PATCH": [dump(method="PATCH", body=b"patch", Content_Type="text/x-patch")],
    "OPTIONS": [dump(method="OPTIONS")],
    "strange method": [dump(method="BREW")],
    "chunked": [dump(method="POST", body=[b"one", b"two" * 100, b"three"], chunked=True, Content_Type="text/plain")],
    "chunked form": [dump(method="POST", body=[b"a=1&", b"b=2"], chunked=True, Content_Type=FORM)],
    "chunked PUT": [dump(method="PUT", body=[b"x" * 9000] * 9, chunked=True)],
    "empty chunked": [dump(method="POST", body=[], chunked=True, Content_Type="text/plain")],
    "3 MB": [dump(method="POST", body=MEGABYTES, Content_Type="application/octet-stream")],
    "3 MB PUT": [dump(method="PUT", body=MEGABYTES)],
    "3 MB chunked": [dump(method="POST", body=[MEGABYTES[i:i + 50000] for i in range(0, len(MEGABYTES), 50000)], chunked=True,
                          Content_Type="application/octet-stream")],
    "3 MB form": [dump(method="POST", body=b"a=" + b"f" * 3000000 + b"&b=2", Content_Type=FORM)],
    "upload": [upload(("field", "", b"value"), ("file", "a.txt", b"text"), ("big", "b.bin", MEGABYTES[:1 << 20]))],
    "upload of 3 MB": [upload(("too", "b.bin", MEGABYTES), ("field", "", b"value"))],
    "upload of nothing": [upload(("file", "", b""))],
    "larger than post_max_size": [dump(method="POST", body=MEGABYTES * 3, Content_Type=FORM)],
    # --- answers before the body was read
    "413 to a small body": [reply("early", method="POST", body=b"unread", Content_Type="text/plain")],
    "413 to 100 KB": [reply("early", method="POST", body=MEGABYTES[:100000], Content_Type="text/plain")],
    "413 to 3 MB": [reply("early", method="POST", body=MEGABYTES, Content_Type="text/plain")],
    "413 to a PUT of 3 MB": [reply("early", method="PUT", body=MEGABYTES)],
    "413 to 3 MB chunked": [reply("early", method="PUT", body=[MEGABYTES[:60000]] * 50, chunked=True)],
    "redirect of a small body": [reply("redirect", method="POST", body=b"unread", Content_Type="text/plain")],
    "redirect of 3 MB": [reply("redirect", method="POST", body=MEGABYTES, Content_Type="text/plain")],
    "redirect of a PUT of 3 MB": [reply("redirect", method="PUT", body=MEGABYTES)],
    "large reply to an unread PUT of 3 MB": [reply("unsized", "&n=2000000", method="PUT", body=MEGABYTES)],
    # --- replies
    "nothing": [reply("nothing")],
    "redirect": [reply("redirect")],
    "HEAD": [reply("unsized", "&n=5000", method="HEAD")],
    "HEAD with a length": [reply("sized", "&n=5000", method="HEAD")],
    "HEAD of a short reply": [reply("short", method="HEAD")],
    "HEAD of nothing": [reply("nothing", method="HEAD")],
    "HEAD of a script that prints late": [reply("pieces", method="HEAD")],
    "HEAD of a large reply": [reply("unsized", "&n=2000000", method="HEAD")],
    "204": [reply("status", "&code=204")],
    "304": [reply("status", "&code=304")],
    "304 with text": [reply("status", "&code=304&text=unwanted")],
    "304 of an ETag": [reply("modified", If_None_Match='"tag"')],
    "304 of a date": [reply("modified", If_Modified_Since="Sat, 01 Jan 2022 00:00:00 GMT")],
    "404 of the script's own": [reply("status", "&code=404&text=gone")],
    "500 of the script's own": [reply("status", "&code=500&text=oops")],
    "500 without text": [reply("status", "&code=500")],
    "status without a name": [reply("status", "&code=599&text=odd")],
    "a reason of the script's own": [reply("line", "&line=HTTP/1.1+404+Nobody+Home")],
    "Status as a header": [reply("line", "&line=Status:+418+Teapot")],
    "a header without a value": [reply("line", "&line=X-Empty:")],
    "type": [reply("plain-type")],
    "no type": [reply("no-type")],
    "two cookies": [reply("cookies")],
    "header of 3 KB": [reply("big-header", "&n=3000")],
    "header of 7 KB sent": [reply("big-header", "&n=7000")],
    "header of 40 KB sent": [reply("big-header", "&n=40000")],
    "many headers": [reply("many-headers")],
    "2 MB": [reply("unsized", "&n=2000000")],
    "2 MB with a length": [reply("sized", "&n=2000000")],
    "16 KB": [reply("unsized", "&n=16384")],
    "pieces": [reply("pieces")],
    "finished early": [reply("finish")],
    # --- replies that are not what they say
    "shorter than its length": [reply("short")],
    "shorter than its length, flushed": [reply("short-flushed")],
    "shorter than its length by exit": [reply("short-exit")],
    "shorter than its length by a fatal error": [reply("short-fatal")],
    "longer than its length": [reply("long")],
    "fatal error": [reply("fatal")],
    "fatal error behind 50 KB": [reply("fatal-late")],
    # --- many on one connection
    "one after the other": [HELLO, dump(method="POST", body=b"a=1", Content_Type=FORM), reply("cookies"), reply("nothing"), HELLO,
                            dump(method="PUT", body=b"p" * 70000), reply("unsized", "&n=300000"), dump("/info?x=y"),
                            reply("unsized", "&n=10", method="HEAD")] * 5,
}
# What PHP cannot do: 1xx is a status like any other to it, and a web server that passes it on makes its client wait for more.
CASES.update({f"{code} of the script's own": [reply("status", f"&code={code}&text=hints")] for code in (100, 103)})


def told_headers(door, data, reply):
    """Headers that are the same whenever a page is asked for. Some web servers add the length of a reply that they happen to have as a
    whole when they send its head, and what goes with it."""
    left_out = ["date"]
    if door.server in ("apache", "caddy", "lighttpd") and reply.end == "whole" and not data.startswith(b"HEAD "):
        left_out += ["transfer-encoding"] + ["content-length"] * (reply.header("Content-Length") == str(len(reply.body)))
    if door.server == "lighttpd":
        left_out.append("accept-ranges")
    return [f"{name}: {value}" for name, value in reply.headers if name.lower() not in left_out]


def transcript(door, case, limit):
    def conversation(side):
        lines = []
        with side.visit(limit=limit) as visitor:
            for data in [*case, HELLO]:
                r = visitor.ask(data)
                headers = told_headers(door, data, r)
                body = r.body.decode("latin-1")
                body = body if len(body) < 20000 else f"{len(body)} bytes, SHA-1 {hashlib.sha1(r.body).hexdigest()}"
                lines += [f"{r.interim or ''}{r.status} {r.reason}", *headers, "", body, f"({r.end})"]
        return re.sub(rf"\b{side.port}\b", "PORT", "\n".join(lines))
    return conversation


def as_it_should_be(pair, what, reference, ours):
    """Both say the same, or differ as argued."""
    difference = differences.argued(str(pair.door), what)
    return difference.holds(reference, ours) if difference else ours == reference


@pytest.mark.parametrize("what", CASES)
def test_same_replies(pair, what):
    """Much hangs behind both, so that is looked at for a short time; a hang behind one of them is believed after a longer one."""
    for limit in (SHORT_LIMIT, LIMIT):
        reference, ours = pair.both(transcript(pair.door, CASES[what], limit))
        if as_it_should_be(pair, what, reference, ours):
            return
        if "(hang)" not in reference + ours:
            break
    difference = differences.argued(str(pair.door), what)
    argued = f"not as argued: {difference.why}\n{ours}\n" if difference else ""
    lines = difflib.unified_diff(reference.splitlines(), ours.splitlines(), "php-fpm", "fpmd", lineterm="", n=2)
    pytest.fail(argued + "\n".join(lines), pytrace=False)


def test_every_difference_is_one_of_a_case():
    doors = [str(door) for door in webservers.DOORS]
    for row in differences.DIFFERENCES:
        assert any(re.search(row.doors, door) for door in doors), f"no door is like {row.doors}"
        assert set(row.cases) <= set(CASES), f"no cases: {set(row.cases) - set(CASES)}"
