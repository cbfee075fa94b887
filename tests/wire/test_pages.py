# SPDX-License-Identifier: MIT
"""The pages a pool answers itself: ping and status."""

import json
import html
import re
import time
import xml.dom.minidom

import pytest

import fastcgi
import openmetrics
import procs
import server
from backend import Backend

FIELDS = ["pool", "process manager", "start time", "start since", "accepted conn", "listen queue", "max listen queue", "listen queue len",
          "idle processes", "active processes", "total processes", "max active processes", "max children reached", "slow requests"]
if server.php_version() >= (8, 4):
    FIELDS.append("memory peak")
ROW = ["pid", "state", "start time", "start since", "requests", "request duration", "request method", "request uri", "content length",
       "user", "script", "last request cpu", "last request memory"]
NO_CACHE = {"expires": "Thu, 01 Jan 1970 00:00:00 GMT", "cache-control": "no-cache, no-store, must-revalidate, max-age=0"}


def headers(response):
    """Names in lower case; their order says nothing."""
    return {name.lower(): value for name, value in response.headers}


# --- ping

def test_ping(backend):
    r = backend.page("/fpm-ping")
    assert (r.status, r.text, r.stderr) == (200, "pong", b"")
    assert headers(r) == {"content-type": "text/plain;charset=UTF-8", **NO_CACHE}


def test_ping_response(backend):
    assert backend.page("/ping", pool="settings").text == "all is well"


def test_head_of_ping(backend):
    r = backend.page("/fpm-ping", method="HEAD")
    assert (r.status, r.body) == (200, b"")


def test_ping_path_is_the_whole_script_name(backend):
    assert backend.page("/fpm-ping/more").status == 404
    assert backend.page("/other/fpm-ping").status == 404


def test_ping_of_a_pool_without_one(backend):
    assert backend.page("/fpm-ping", pool="one").status == 404


def test_ping_runs_on_a_kept_connection(backend):
    with backend.connect("settings") as c:
        for i in range(5):
            assert c.request(fastcgi.environment("/ping", root=""), request_id=i + 1).text == "all is well"


def test_ping_as_in_php_fpm(both):
    a, b = [x.page("/fpm-ping") for x in both]
    assert (b.status, headers(b), b.body) == (a.status, headers(a), a.body)


def head_of(response):
    """The header block as it was sent, up to its blank line; without what is another release's."""
    head = response.stdout.partition(b"\r\n\r\n")[0]
    return re.sub(rb"(?<=PHP/)[0-9.]+", b"x.y.z", head) if server.embeds_another_release() else head


@pytest.mark.parametrize("pool", ["www", "announced"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("page", ["/fpm-ping", "/fpm-status", "/fpm-status?html", "/fpm-status?xml", "/fpm-status?json", "/fpm-status?openmetrics", "/nothing"])
def test_header_block_is_php_fpms_to_the_byte(both, pool, method, page):
    uri, _, query = page.partition("?")
    a, b = [head_of(x.page(uri, pool=pool, method=method, query=query)) for x in both]
    assert (b"X-Powered-By: PHP/" in a) == (pool == "announced")
    if method == "HEAD" and uri == "/fpm-status":
        assert both[0].reference("status-head")
        a, b = [[line for line in head.split(b"\r\n") if not line.lower().startswith(b"content-type:")] for head in (a, b)]
    assert b == a


# --- status

def text_fields(text):
    return [re.match(r"([^:]+): +(.*)", line).groups() for line in text.splitlines() if line and not line.startswith("*")]


def test_status_text(backend):
    r = backend.page("/fpm-status")
    assert headers(r) == {"content-type": "text/plain;charset=UTF-8", **NO_CACHE}
    fields = text_fields(r.text)
    assert [k for k, _ in fields] == FIELDS
    values = dict(fields)
    assert (values["pool"], values["process manager"]) == ("www", "static")
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", values["start time"])


def test_status_text_is_aligned(backend):
    for line in backend.page("/fpm-status").text.splitlines():
        assert line[21] == " " and line[22] != " ", line


def test_status_json(backend):
    r = backend.page("/fpm-status", query="json")
    assert headers(r) == {"content-type": "application/json", **NO_CACHE}
    seen = json.loads(r.text)
    assert list(seen) == FIELDS
    assert seen["pool"] == "www" and abs(seen["start time"] + seen["start since"] - time.time()) < 3


def test_status_numbers_add_up(backend):
    seen = json.loads(backend.page("/fpm-status", query="json").text)
    if backend.reference("status-count"):
        return
    assert seen["idle processes"] + seen["active processes"] == seen["total processes"] == 2
    assert seen["active processes"] >= 1 and seen["max active processes"] >= 1


def test_status_counts_connections(backend):
    first = json.loads(backend.page("/fpm-status", query="json").text)["accepted conn"]
    for _ in range(5):
        backend.run("<?php echo 1;")
    assert json.loads(backend.page("/fpm-status", query="json").text)["accepted conn"] == first + 6


def test_full_status_text(backend):
    r = backend.page("/fpm-status", query="full")
    head, *rows = r.text.split("************************\n")
    assert [k for k, _ in text_fields(head)] == FIELDS
    assert len(rows) == 2
    for row in rows:
        assert [k.lower() for k, _ in text_fields(row)] == ROW


def test_full_status_json(backend):
    seen = json.loads(backend.page("/fpm-status", query="json&full").text)
    assert list(seen) == FIELDS + ["processes"] and len(seen["processes"]) == 2
    for row in seen["processes"]:
        assert list(row) == ROW
    own, = [p for p in seen["processes"] if p["request uri"] == "/fpm-status?json&full"]
    assert own["script"] == "-"
    assert own["state"] == "Running"


@pytest.mark.parametrize("form", ["", "json", "xml", "html"])
def test_who_answers_the_page_is_running(backend, form):
    """Once the other worker has seen the last test's connection off."""
    def shown():
        text = backend.page("/fpm-status", query=f"full&{form}").text
        assert text.count("Running") >= 1
        return text.count("Running") == 1 and "Getting request informations" not in text
    procs.until("one worker that runs, and one that rests", shown)


def test_full_status_shows_the_last_request(backend):
    """Both workers run the script at once, so that whichever answers the page, the other shows it."""
    script = backend.site.script("<?php usleep(50000); echo getmypid();")
    params = backend.params(script, b"12345", method="PUT", CONTENT_TYPE="text/plain", query="last=1")

    def idle_row():
        with backend.connect() as c, backend.connect() as d:
            for connection in (c, d):
                connection.send(fastcgi.request_bytes(params, b"12345"))
            workers = {int(c.read_response().text), int(d.read_response().text)}
        assert len(workers) == 2
        seen = json.loads(backend.page("/fpm-status", query="json&full").text)
        row, = [p for p in seen["processes"] if "fpm-status" not in p["request uri"]]
        assert row["pid"] in workers
        return row["state"] == "Idle" and row
    row = procs.until("a worker that has come to rest", idle_row)
    assert (row["request method"], row["content length"], row["script"]) == ("PUT", 5, script)
    assert row["request uri"].endswith("?last=1") and row["request duration"] >= 50000 and row["user"] == "-"
    assert row["requests"] >= 1 and row["last request memory"] >= 2097152 and row["last request cpu"] >= 0


@pytest.mark.parametrize("uri", ['/x?a="b"&<c>', "/x?\\back", "/x?" + "l" * 2000])
def test_status_json_stays_json(backend, uri):
    backend.run("<?php usleep(1000);", uri=uri)
    seen = json.loads(backend.page("/fpm-status", query="json&full").text)
    assert len(seen["processes"]) == 2


def test_status_json_stays_json_with_bytes_that_are_not_utf8(backend):
    for _ in range(4):
        backend.run("<?php usleep(1000);", uri=b"/x?\xff\xfe\x01")
    r = backend.page("/fpm-status", query="json&full")
    if backend.reference("status-json"):
        return
    assert len(json.loads(r.body.decode("utf-8"))["processes"]) == 2


def test_head_of_status(backend):
    r = backend.page("/fpm-status", method="HEAD")
    assert r.status == 200 and r.body == b""


def test_status_of_a_pool_without_one(backend):
    assert backend.page("/fpm-status", pool="one").status == 404


def test_script_of_the_same_name_is_not_reached(backend):
    """The pool's own pages are looked for first, by SCRIPT_NAME."""
    script = backend.site.script("<?php echo 'script';")
    assert backend.run(script, SCRIPT_NAME="/fpm-ping").text == "pong"


def normal(text):
    text = re.sub(r"\d+/[A-Z][a-z]{2}/\d{4}:[\d:]+ [+-]\d{4}", "TIME", text)
    return re.sub(r"\d+(\.\d+)?", "N", text)


# What PHP takes for a variable's name, and what it does not.
ODD = ["html=1", "xml=", "json=xml", "xml[]=1", "json[a]", "j%73on", "%6A%53on", "+json", " json", "%20json", "json%00x", "htmlx", "a=json", "json;html", "&&json", "?json", "json%26html",
       "&", "=json", "json\n", "%", "json%", "%6", "xml%5b%5d", "openmetricsx", "a&json&a"]


@pytest.mark.parametrize("query", ["", "json", "html", "xml", "html&json", "xml&json", "openmetrics&json", "openmetrics&html", "html&xml", "HTML", *ODD])
def test_status_as_in_php_fpm(both, query):
    a, b = [x.page("/fpm-status", query=query) for x in both]
    assert headers(b) == headers(a) and normal(b.text) == normal(a.text)


@pytest.mark.parametrize("query", ["full", "full=", "full=0", "full[]", "%66ull", "full%00", "fullx", "a=full", "full;json", "+full", "ful%6C", "json%26full", "FULL", "json&full&html",
                                   "json=1&full=1", "html&full&xml"])
def test_full_is_a_variables_name(both, query):
    """Which form it is, and whether it has workers."""
    shapes = []
    for backend in both:
        r = backend.page("/fpm-status", query=query)
        shapes.append((headers(r), len(re.findall("pid|process>", normal(r.text))), r.text[:9]))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
@pytest.mark.parametrize("page", ["/fpm-status", "/fpm-ping", "/fpm-status/", "/fpm-status/more", "//fpm-status", "/FPM-STATUS"])
def test_pages_by_method_and_path_as_in_php_fpm(both, method, page):
    a, b = [x.page(page, method=method) for x in both]
    assert (b.status, headers(b), normal(b.text)) == (a.status, headers(a), normal(a.text))


@pytest.mark.parametrize("query", ["", "json", "full&xml", "html", "openmetrics"])
def test_head_has_the_headers_of_get(backend, query):
    get, head = [headers(backend.page("/fpm-status", method=method, query=query)) for method in ("GET", "HEAD")]
    if backend.reference("status-head"):
        del get["content-type"], head["content-type"]
    assert head == get


@pytest.mark.parametrize("missing", ["SCRIPT_FILENAME", "REQUEST_METHOD"])
def test_pages_need_no_script(backend, missing):
    r = backend.page("/fpm-ping", **{missing: None})
    assert r.status == (404 if backend.reference("status-params") else 200)


@pytest.mark.parametrize("query", ["html&full", "xml&full", "json&full", "full", "openmetrics&full"])
def test_every_byte_in_a_uri(fpmd_server, site, query):
    """Each byte in a path and in a query, alone and in company; the pages stay what they are."""
    backend = Backend(fpmd_server, site)
    script = site.script("<?php echo 1;")
    odd = [bytes([i]) for i in range(256)] + [bytes(range(256)), b"\xc3(", b"\xe2\x82" * 300, b"\xf0\x9f\x98\x80" * 200, b"\\u0000]}\"'<!--", b"a" * 70000]
    for i, text in enumerate(odd):
        r = backend.run(script, SCRIPT_NAME=b"/" + text, QUERY_STRING=text, REQUEST_METHOD=text if i % 3 else "GET", CONTENT_LENGTH=text if i % 5 == 0 else "")
        assert r.complete
        if i % 8 and i < 256:
            continue  # the workers' slots hold what they served last; a look at every eighth, and at all that is long
        body = backend.page("/fpm-status", query=query).body
        if query.startswith("json"):
            assert len(json.loads(body.decode("ascii"))["processes"]) == 2
        elif query.startswith("openmetrics"):
            openmetrics.parse(body.decode("ascii"))
        elif query.startswith("full"):
            lines = body.split(b"\n")
            assert len(lines) == len(FIELDS) + 2 * (len(ROW) + 2) + 1 and not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", body)
        else:
            # XHTML: a document type, which is not fetched
            document = xml.dom.minidom.parseString(body)
            assert len(document.getElementsByTagName("process" if query.startswith("xml") else "tr")) in (2, len(FIELDS) + 3)


def test_full_status_as_in_php_fpm(both):
    """Labels and columns; what they hold depends on which worker served what."""
    shapes = []
    for backend in both:
        text = backend.page("/fpm-status", query="full").text
        shapes.append([line[:22] if ":" in line else line for line in text.splitlines()])
    assert shapes[0] == shapes[1]


def test_full_status_json_as_in_php_fpm(both):
    """Keys, their order, the types of their values, and the blanks in between."""
    shapes = []
    for backend in both:
        text = backend.page("/fpm-status", query="json&full").text
        shapes.append(re.sub(r'(":)("(?:[^"\\]|\\.)*"|[\d.]+)', lambda m: m[1] + ("TEXT" if m[2][0] == '"' else "NUMBER"), text))
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("query", ["html&full", "xml&full"])
def test_full_markup_as_in_php_fpm(both, query):
    """Every byte but for what the cells hold."""
    shapes = []
    for backend in both:
        r = backend.page("/fpm-status", query=query)
        text = re.sub(r"(<td>|<[a-z-]+>)[^<\n]*(</)", r"\1\2", r.text)
        shapes.append((headers(r), text))
    assert shapes[0] == shapes[1]


def test_metrics_as_in_php_fpm(both):
    """php-fpm's come first, and then ours. Its types are not kept: no linter takes them."""
    a, b = [x.page("/fpm-status", query="openmetrics") for x in both]
    assert headers(b) == headers(a)
    reference, own = [re.sub("# TYPE .*\n", "", normal(r.text)).removesuffix("# EOF\n") for r in (a, b)]
    assert reference.count("# HELP") == reference.count("\nphpfpm_") and own.startswith(reference) and b.text.endswith("# EOF\n")


@pytest.mark.parametrize("query", ["openmetrics", "openmetrics&full"])
def test_metrics_read_as_metrics(backend, query):
    backend.run("<?php usleep(1000);")
    text = backend.page("/fpm-status", query=query).text
    assert openmetrics.parse(text)["phpfpm_up"].samples == [("phpfpm_up", {}, 1.0)]
    if backend.reference("status-metrics"):
        return
    families = openmetrics.lint(text)
    assert families["phpfpm_queue_wait_seconds"].type == "histogram"
    durations = families["phpfpm_request_duration_seconds"]
    assert durations.type == "histogram"
    assert [s[1]["le"] for s in durations.samples[:12]] == "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1.0 2.5 5.0 10.0 +Inf".split()
    workers = [s for s in families["phpfpm_worker_requests"].samples] if "full" in query else []
    assert len(workers) == (2 if "full" in query else 0)


def shown_uri(backend, form, query):
    """The URI of the worker that does not answer the page, after requests with that query on both."""
    script = backend.site.script("<?php usleep(50000); echo getmypid();")
    params = backend.params(script, QUERY_STRING=query, REQUEST_URI=b"/u?" + query, SCRIPT_NAME="/shown.php")

    def ask():
        with backend.connect() as c, backend.connect() as d:
            for connection in (c, d):
                connection.send(fastcgi.request_bytes(params))
            workers = {int(c.read_response().text), int(d.read_response().text)}
        assert len(workers) == 2
        body = backend.page("/fpm-status", query=form + "&full").body
        found = re.search(rb"/shown\.php\?([^<]*)<", body)
        return found and (found[1], body)
    return procs.until("a worker that shows the request", ask)


@pytest.mark.parametrize("form", ["html", "xml"])
@pytest.mark.parametrize("query", [b"a=\"x\"&<c>'e>", b"\xc3\xa9\xe2\x82\xac"])
def test_markup_escapes_as_in_php_fpm(both, form, query):
    shown, _ = shown_uri(both[1], form, query)
    assert html.unescape(shown.decode()) == query.decode()
    if form == "html":
        assert shown == shown_uri(both[0], form, query)[0]


@pytest.mark.parametrize("query", [b"x\xff\xfe\x01y", b"\xed\xa0\x80", b"\xef\xbf\xbf]]>", b"\xe2\x82", b"\t\n\r"])
def test_status_xml_stays_xml(fpmd_server, site, query):
    shown, body = shown_uri(Backend(fpmd_server, site), "xml", query)
    document = xml.dom.minidom.parseString(body)
    assert len(document.getElementsByTagName("process")) == 2
    assert shown.decode("utf-8")
