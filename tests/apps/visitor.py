# SPDX-License-Identifier: MIT
"""A user with a browser, over FastCGI: keeps cookies, fills in the tokens of forms. What he sees is told without what differs from visit to
visit: tokens, session ids, dates."""

import re
import urllib.parse

import fastcgi

HIDDEN = re.compile(r'name="([^"]*token[^"]*)"[^>]*value="([^"]*)"')
COOKIE = re.compile(r"([^=]+)=([^;]*)(.*)", re.S)
# (of what, to what): values that are drawn anew for each session or reply.
VARYING = [(re.compile(r'(name="[^"]*token[^"]*"[^>]*value=")[^"]*'), r"\1TOKEN"),
           (re.compile(r"(?i)expires=[^;]*; Max-Age=\d+"), "expires=DATE"),
           (re.compile(r"\w{3}, \d\d[ -]\w{3}[ -]\d{4} \d\d:\d\d:\d\d GMT"), "DATE")]


def multipart(fields, files):
    """(content type, body); files: {field: (file name, bytes)}"""
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts += [f'Content-Disposition: form-data; name="{field}"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'.encode() + data
              for field, (name, data) in files.items()]
    return "multipart/form-data; boundary=B", b"".join(b"--B\r\n" + part + b"\r\n" for part in parts) + b"--B--\r\n"


class Visitor:
    def __init__(self, site, name):
        self.site = site
        self.name = name
        self.cookies = {}
        self.tokens = {}

    def environment(self, path, method, body, kind):
        path, _, query = path.partition("?")
        more = {"HTTP_COOKIE": "; ".join(f"{n}={v}" for n, v in self.cookies.items())} if self.cookies else {}
        if kind:
            more["CONTENT_TYPE"] = kind
        return fastcgi.environment(self.site.front, body=body, REQUEST_METHOD=method, REQUEST_URI=path + ("?" + query if query else ""),
                                   QUERY_STRING=query, SCRIPT_NAME="/index.php", DOCUMENT_ROOT=self.site.public, HTTP_HOST="site.test",
                                   SERVER_NAME="site.test", SERVER_PORT="80", HTTP_USER_AGENT=f"browser of {self.name}", HTTP_ACCEPT="text/html", **more)

    def ask(self, path, method="GET", body=b"", kind=None):
        r = self.site.server.client(timeout=30.0).request(self.environment(path, method, body, kind), body)
        for cookie in r.all("Set-Cookie"):
            name, value, rest = COOKIE.match(cookie).groups()
            if re.search(r"(?i)max-age=0", rest) or value == "deleted":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self.tokens.update(HIDDEN.findall(r.text) if "html" in (r.header("Content-Type") or r.header("Content-type") or "") else {})
        return r

    def get(self, path):
        return self.ask(path)

    def post(self, path, **fields):
        """With the tokens of the forms that were seen; a token that is given replaces the seen one."""
        body = urllib.parse.urlencode({**self.tokens, **fields}).encode()
        return self.ask(path, "POST", body, "application/x-www-form-urlencoded")

    def send(self, path, files, **fields):
        kind, body = multipart(fields, files)
        return self.ask(path, "POST", body, kind)


def seen(r, folder):
    """(status, headers, body, messages) of a reply, comparable. folder: where the site is, which differs as well."""
    def plain(text):
        text = text.replace(folder, "FOLDER").replace(folder.replace("/", "\\/"), "FOLDER")
        for what, to in VARYING:
            text = what.sub(to, text)
        return text
    headers = sorted((n.lower(), plain(COOKIE.sub(r"\1=ID\3", v) if n.lower() == "set-cookie" else v)) for n, v in r.headers)
    return {"status": r.status, "headers": headers, "body": plain(r.text), "messages": plain(r.stderr.decode()), "whole": r.complete}
