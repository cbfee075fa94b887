# SPDX-License-Identifier: MIT
"""The man pages as HTML: each is rendered, and each link leads somewhere."""

import html.parser
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "packaging/man").iterdir())
VOID = {"meta", "link", "br", "img", "input", "hr", "col"}


class Read(html.parser.HTMLParser):
    """A page's links and ids, and elements that are not closed in their order."""

    def __init__(self, text):
        super().__init__()
        self.links, self.ids, self.open, self.astray = [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [named["href"]] if "href" in named else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.astray.append(tag)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("html")
    done = subprocess.run([ROOT / "tools/html", made], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def pages(folder):
    return {path.name: Read(path.read_text()) for path in folder.glob("*.html")}


def test_every_page_and_an_index(pages):
    assert sorted(pages) == sorted([f"{path.name}.html" for path in SOURCES] + ["index.html"])
    assert {f"{path.name}.html" for path in SOURCES} <= set(pages["index.html"].links)


def test_pages_are_well_formed(pages):
    assert {name: (page.astray, page.open) for name, page in pages.items() if page.astray or page.open} == {}


def test_links_lead_somewhere(folder, pages):
    broken = []
    for name, page in pages.items():
        for link in page.links:
            file, _, anchor = link.partition("#")
            if file.startswith("https://manpages.debian.org/"):
                continue
            target = file or name
            if not (folder / target).exists() or (anchor and anchor not in pages[target].ids):
                broken.append(f"{name}: {link}")
    assert broken == []


def test_a_link_to_our_own_page_stays_here(pages):
    ours = {path.name for path in SOURCES}
    astray = [link for page in pages.values() for link in page.links if link.rpartition("/")[2] in ours]
    assert astray == []
    assert "fpmctl.1.html" in pages["fpmd-troubleshooting.7.html"].links
    assert "https://manpages.debian.org/journalctl.1" in pages["fpmd-troubleshooting.7.html"].links


def test_a_page_that_mandoc_complains_of_is_not_rendered(tmp_path):
    (tmp_path / "packaging/man").mkdir(parents=True)
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/html").write_text((ROOT / "tools/html").read_text())
    (tmp_path / "packaging/man/bad.7").write_text(SOURCES[0].read_text() + ".Foo bar\n")
    done = subprocess.run(["/usr/bin/env", "python3", tmp_path / "tools/html", tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 1 and "bad.7" in done.stderr and "unknown macro" in done.stderr
