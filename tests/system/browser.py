# SPDX-License-Identifier: MIT
"""What a user of a web application does: fetch pages, fill in their forms, upload files, with the cookies that the pages set."""

from html.parser import HTMLParser


class Forms(HTMLParser):
    """The forms of a page: a list of dictionaries name -> value; a text area's text is its value."""

    def __init__(self, html):
        super().__init__()
        self.forms = []
        self.area = None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        fields = dict(attributes)
        if tag == "form":
            self.forms.append({})
        elif self.forms and tag == "input" and fields.get("name"):
            self.forms[-1][fields["name"]] = fields.get("value") or ""
        elif self.forms and tag == "textarea" and fields.get("name"):
            self.area = fields["name"]
            self.forms[-1][self.area] = ""

    def handle_data(self, data):
        if self.area:
            self.forms[-1][self.area] += data

    def handle_endtag(self, tag):
        if tag == "textarea":
            self.area = None

    def with_field(self, name):
        found = [form for form in self.forms if name in form]
        assert found, f"no form with a field {name}: {self.forms}"
        return found[0]


class Browser:
    """curl with a cookie jar, following redirects."""

    def __init__(self, container, base):
        self.container = container
        self.base = base
        self.jar = container.run("mktemp").stdout.strip()

    def fetch(self, path, *options, expect=200):
        done = self.container.run("curl", "-sS", "-L", "-m", "30", "-b", self.jar, "-c", self.jar, "-w", "\n%{http_code}", *options,
                                  self.base + path)
        body, _, status = done.stdout.rpartition("\n")
        assert int(status) == expect, f"{path}: {status}\n{body[-2000:]}"
        return body

    def post(self, path, fields, expect=200):
        options = [word for name, value in fields.items() for word in ("--data-urlencode", f"{name}={value}")]
        return self.fetch(path, *options, expect=expect)

    def upload(self, path, fields, file_field, file, file_name):
        options = [word for name, value in fields.items() for word in ("--form-string", f"{name}={value}")]
        return self.fetch(path, *options, "-F", f"{file_field}=@{file};filename={file_name}")
