# SPDX-License-Identifier: MIT
"""Which script runs, and what it is told about its path: nginx, Apache's mod_proxy_fcgi, bare clients."""

import json
import os

import pytest

import server as programs
from backend import Backend

NAMES = ["SCRIPT_FILENAME", "SCRIPT_NAME", "PATH_INFO", "PATH_TRANSLATED", "PHP_SELF", "ORIG_SCRIPT_FILENAME", "ORIG_SCRIPT_NAME",
         "ORIG_PATH_INFO", "ORIG_PATH_TRANSLATED"]
DUMP = ("<?php $o = ['FILE' => __FILE__]; foreach (" + json.dumps(NAMES) + " as $n) if (isset($_SERVER[$n])) $o[$n] = $_SERVER[$n];"
        " echo json_encode($o);")

# What a server sends for /d.php, {S} being the script's path, {R} its folder; and what the script then sees.
FORMS = {
    "nginx, plain": (
        {}, {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PHP_SELF": "/d.php"}),
    "nginx, fastcgi_split_path_info": (
        {"PATH_INFO": "/x/y"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PATH_INFO": "/x/y", "PHP_SELF": "/d.php/x/y"}),
    "nginx, split with PATH_TRANSLATED": (
        {"PATH_INFO": "/x/y", "PATH_TRANSLATED": "{R}/x/y"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PATH_INFO": "/x/y", "PATH_TRANSLATED": "{R}/x/y",
         "PHP_SELF": "/d.php/x/y"}),
    "nginx, split with nothing behind": (
        {"PATH_INFO": ""},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PATH_INFO": "", "PHP_SELF": "/d.php"}),
    "whole path in SCRIPT_FILENAME, with PATH_INFO": (
        {"SCRIPT_FILENAME": "{S}/x/y", "PATH_INFO": "/x/y"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PATH_INFO": "/x/y", "PATH_TRANSLATED": "{R}/x/y",
         "PHP_SELF": "/d.php/x/y", "ORIG_SCRIPT_FILENAME": "{S}/x/y"}),
    "whole path in SCRIPT_FILENAME and SCRIPT_NAME": (
        {"SCRIPT_FILENAME": "{S}/x/y", "SCRIPT_NAME": "/d.php/x/y"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php/x/y", "PATH_TRANSLATED": "{R}", "PHP_SELF": "/d.php/x/y",
         "ORIG_SCRIPT_FILENAME": "{S}/x/y"}),
    "slash behind the script": (
        {"SCRIPT_FILENAME": "{S}/", "SCRIPT_NAME": "/d.php/"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php/", "PATH_TRANSLATED": "{R}", "PHP_SELF": "/d.php/",
         "ORIG_SCRIPT_FILENAME": "{S}/"}),
    "Apache, proxy:fcgi with a port": (
        {"SCRIPT_FILENAME": "proxy:fcgi://127.0.0.1:9000{S}"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PHP_SELF": "/d.php"}),
    "Apache, proxy:fcgi without a port": (
        {"SCRIPT_FILENAME": "proxy:fcgi://localhost{S}"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PHP_SELF": "/d.php"}),
    "Apache, proxy:fcgi with an IPv6 address": (
        {"SCRIPT_FILENAME": "proxy:fcgi://[::1]:9000{S}"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PHP_SELF": "/d.php"}),
    "Apache, proxy:fcgi with a star": (
        {"SCRIPT_FILENAME": "proxy:fcgi://*{S}"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PHP_SELF": "/d.php"}),
    "Apache, the query glued on": (
        {"SCRIPT_FILENAME": "proxy:fcgi://127.0.0.1:9000{S}?q=1", "QUERY_STRING": "q=1"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PHP_SELF": "/d.php"}),
    "Apache, with PATH_INFO": (
        {"SCRIPT_FILENAME": "proxy:fcgi://127.0.0.1:9000{S}/x/y", "PATH_INFO": "/x/y"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PATH_INFO": "/x/y", "PATH_TRANSLATED": "{R}/x/y",
         "PHP_SELF": "/d.php/x/y", "ORIG_SCRIPT_FILENAME": "{S}/x/y"}),
    "Apache, with PATH_INFO in SCRIPT_NAME": (
        {"SCRIPT_FILENAME": "proxy:fcgi://localhost{S}/info", "SCRIPT_NAME": "/d.php/info", "REQUEST_URI": "/d.php/info"}, None),
    "Apache, proxy:balancer": (
        {"SCRIPT_FILENAME": "proxy:balancer://cluster{S}"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PHP_SELF": "/d.php"}),
    "Apache, proxy:balancer with PATH_INFO": (
        {"SCRIPT_FILENAME": "proxy:balancer://cluster{S}/x/y", "PATH_INFO": "/x/y"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PATH_INFO": "/x/y", "PATH_TRANSLATED": "{R}/x/y",
         "PHP_SELF": "/d.php/x/y", "ORIG_SCRIPT_FILENAME": "{S}/x/y"}),
    "Apache, a rewritten page": (
        {"REDIRECT_URL": "/pretty", "REQUEST_URI": "/pretty"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PHP_SELF": "/d.php"}),
    "IIS": (
        {"SERVER_SOFTWARE": "Microsoft-IIS/10.0", "PATH_INFO": "/d.php/x/y"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PATH_INFO": "/x/y", "ORIG_PATH_INFO": "/d.php/x/y", "PHP_SELF": "/d.php/x/y"}),
    "IIS, without": (
        {"SERVER_SOFTWARE": "Microsoft-IIS/10.0", "PATH_INFO": "/d.php"}, None),
    "IIS, glued on": (
        {"SERVER_SOFTWARE": "Microsoft-IIS/10.0", "SCRIPT_FILENAME": "{S}/x/y", "PATH_INFO": "/d.php/x/y"}, None),
    "two slashes": (
        {"SCRIPT_FILENAME": "{R}//d.php", "SCRIPT_NAME": "//d.php"},
        {"SCRIPT_FILENAME": "{R}//d.php", "SCRIPT_NAME": "//d.php", "PHP_SELF": "//d.php"}),
    "PATH_TRANSLATED instead of SCRIPT_FILENAME": (
        {"SCRIPT_FILENAME": None, "PATH_TRANSLATED": "{S}"},
        {"SCRIPT_FILENAME": "{S}", "SCRIPT_NAME": "/d.php", "PATH_TRANSLATED": "{S}", "PHP_SELF": "/d.php"}),
}


def form_params(backend, form, extra=None):
    script = backend.site.file("d.php", DUMP)
    put = lambda v: v and v.replace("{S}", script).replace("{R}", backend.site.root)  # noqa: E731
    return script, {k: put(v) for k, v in {**FORMS[form][0], **(extra or {})}.items()}, put


@pytest.mark.parametrize("form", FORMS)
def test_path_variables(backend, form):
    script, sent, put = form_params(backend, form)
    r = backend.run(script, **sent)
    assert r.status == 200, r
    seen = json.loads(r.text)
    assert seen.pop("FILE") == script
    if FORMS[form][1] is not None:
        assert seen == {k: put(v) for k, v in FORMS[form][1].items()}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pool", ["www", "nofix", "discard"])
def test_path_variables_as_in_php_fpm(both, form, pool):
    answers = []
    for backend in both:
        script, sent, _ = form_params(backend, form)
        answers.append(backend.run(script, pool=pool, **sent))
    assert answers[1].stdout == answers[0].stdout
    assert answers[1].stderr == answers[0].stderr


# PATH_INFO as ProxyPass sends it: percent-encoded in SCRIPT_FILENAME, decoded in SCRIPT_NAME.
@pytest.mark.parametrize("encoded,plain", [("/1%20+2", "/1 +2"), ("/a+b", "/a+b"), ("/a%2Bb+c", "/a+b+c"), ("/a%2525", "/a%25"), ("/100%", "/100%"), ("/%", "/%"), ("/%zz%20", "/%zz "),
                                           ("/%C3%A4", "/\u00e4"), ("/a%2Fb", "/a/b"), ("/a%00b", "/a")])
@pytest.mark.parametrize("more", [{}, {"PATH_INFO": "/other"}, {"SCRIPT_NAME": "/elsewhere"}, {"SCRIPT_NAME": None}])
@pytest.mark.parametrize("pool", ["www", "nofix"])
def test_encoded_path_info(both, encoded, plain, more, pool):
    answers = []
    for backend in both:
        script = backend.site.file("d.php", DUMP)
        answers.append(backend.run(script, pool=pool, **{"SCRIPT_FILENAME": "proxy:fcgi://h:9000" + script + encoded, "SCRIPT_NAME": "/d.php" + plain, **more}).stdout)
    assert answers[1] == answers[0]
    if not more and pool == "www" and "%00" not in encoded:
        assert json.loads(answers[1].partition(b"\r\n\r\n")[2])["SCRIPT_NAME"] == "/d.php"


def run_encoded(backend, name, path, info="", pool="www"):
    """The script of that name, asked for by an encoded path."""
    script = backend.site.file(name, DUMP)
    r = backend.run(script, pool=pool, SCRIPT_FILENAME=f"proxy:fcgi://h:9000{backend.site.root}/{path}{info}", SCRIPT_NAME=f"/{name}{info}")
    return json.loads(r.text) if r.status == 200 else r.status


@pytest.mark.parametrize("name,path", [("a b.php", "a%20b.php"), ("p+q r.php", "p+q%20r.php"), ("a%b.php", "a%25b.php"), ("e%20f.php", "e%2520f.php"), ("\u00e4.php", "%C3%A4.php"),
                                       ("d e/x.php", "d%20e/x.php")])
@pytest.mark.parametrize("info", ["", "/i +j"])
def test_script_with_an_encoded_path(backend, name, path, info):
    seen = run_encoded(backend, name, path, info.replace(" ", "%20"))
    if backend.reference("encoded-path"):
        assert seen == 404
        return
    assert seen["FILE"] == seen["SCRIPT_FILENAME"] == f"{backend.site.root}/{name}"
    assert seen.get("PATH_INFO", "") == info


def test_path_is_a_files_name_first(backend):
    """A handler or a rewriting sends it as it is."""
    backend.site.file("g h.php", DUMP)
    assert run_encoded(backend, "g%20h.php", "g%20h.php")["FILE"] == backend.site.root + "/g%20h.php"


def test_paths_that_are_always_encoded(fpmd_server, site):
    """fastcgi.script_path_encoded = 0, as in php-fpm 8.5."""
    backend = Backend(fpmd_server, site)
    site.file("g h.php", DUMP)
    assert run_encoded(backend, "g%20h.php", "g%20h.php", pool="decoded")["FILE"] == site.root + "/g h.php"
    assert run_encoded(backend, "g%20h.php", "g%2520h.php", pool="decoded")["FILE"] == site.root + "/g%20h.php"


@pytest.mark.parametrize("path", ["none/%2e%2e/d.php", "%2e%2e/d.php", "d.php%00", "%64.php%00x", "no%20ne.php", "%64.ph%70%00.txt"])
def test_decoding_opens_nothing_else(backend, path):
    backend.site.file("d.php", DUMP)
    assert backend.run(backend.site.root, SCRIPT_FILENAME=f"proxy:fcgi://h{backend.site.root}/{path}", SCRIPT_NAME="/d.php").status == 404


def test_encoded_path_is_refused_by_its_decoded_extension(fpmd_server, site):
    backend = Backend(fpmd_server, site)
    site.file("up load.jpg", "<?php echo 'ran';")
    assert backend.run(site.root, SCRIPT_FILENAME=f"proxy:fcgi://h{site.root}/up%20load.jpg", SCRIPT_NAME="/x.php").status == 403
    assert backend.run(site.root, SCRIPT_FILENAME=f"proxy:fcgi://h{site.root}/up%20load.jpg/x.php", SCRIPT_NAME="/x.php").status == 403


# What a URI may hold is more than a path of a file may: with PATH_INFO glued on, 4,096 bytes are no limit.
LONG_INFO = {
    "nginx, glued on": {"SCRIPT_FILENAME": "{S}{I}", "SCRIPT_NAME": "/d.php{I}"},
    "nginx, glued on, and split": {"SCRIPT_FILENAME": "{S}{I}", "PATH_INFO": "{I}"},
    "Apache, ProxyPassMatch": {"SCRIPT_FILENAME": "proxy:fcgi://h{S}{I}", "SCRIPT_NAME": "/d.php{I}"},
    "Apache, with PATH_INFO": {"SCRIPT_FILENAME": "proxy:fcgi://h{S}{I}", "PATH_INFO": "{I}"},
    "a wrapper": {"SCRIPT_FILENAME": "/usr/lib/cgi-bin/php", "PATH_TRANSLATED": "{S}{I}", "REDIRECT_URL": "/d.php{I}", "PATH_INFO": "/d.php{I}"},
}


@pytest.mark.parametrize("form", LONG_INFO)
@pytest.mark.parametrize("info", ["/" + "a" * 255, "/" + "a" * 5000, "/a" * 2500, "/" * 5000, "/x" + "/y" * 9000, "/a/" + "b" * 20000 + "/c"], ids=len)
def test_path_info_of_any_length(both, form, info):
    answers = []
    for backend in both:
        script = backend.site.file("d.php", DUMP)
        sent = {k: v.replace("{S}", script).replace("{I}", info) for k, v in LONG_INFO[form].items()}
        answers.append(backend.run(script, **sent))
    assert answers[0].status == 200 and json.loads(answers[1].text)["SCRIPT_FILENAME"] == script
    assert answers[1].stdout == answers[0].stdout and answers[1].stderr == answers[0].stderr


@pytest.mark.parametrize("n", [*range(4088, 4104)])
def test_path_info_around_the_longest_path(both, n):
    """The whole of it is one byte more or less than the kernel opens."""
    answers = []
    for backend in both:
        script = backend.site.file("d.php", DUMP)
        for info in ("/" + "a" * (n - len(script) - 1), "/" + "a" * (n - len(script) - 3) + "/b"):
            answers.append(backend.run(script, SCRIPT_FILENAME="proxy:fcgi://h" + script + info, SCRIPT_NAME="/d.php" + info).stdout)
    assert answers[:2] == answers[2:] and b"/d.php" in answers[0]


@pytest.mark.parametrize("n", [*range(4078, 4096)])
@pytest.mark.parametrize("info", ["", "/", "/info", "/" + "i" * 3000], ids=len)
def test_script_whose_own_path_is_as_long_as_paths_get(both, n, info):
    answers = []
    for backend in both:
        folder = backend.site.root
        while n - len(folder) > 300:
            folder += "/" + "f" * 200
        os.makedirs(folder, 0o755, exist_ok=True)
        script = folder + "/" + "s" * (n - len(folder) - 5) + ".php"
        if not os.path.exists(script):
            with open(script, "w") as f:
                f.write(DUMP)
        answers.append(backend.run(script, SCRIPT_FILENAME=script + info).stdout)
    assert answers[1] == answers[0]


def test_bare_client(backend):
    script = backend.site.file("d.php", DUMP)
    r = backend.client().request({"SCRIPT_FILENAME": script, "REQUEST_METHOD": "GET"})
    seen = json.loads(r.text)
    assert seen == {"FILE": script, "SCRIPT_FILENAME": script, "PHP_SELF": ""}


def test_bare_client_without_method_gets_headers_alone(backend):
    r = backend.client().request({"SCRIPT_FILENAME": backend.site.file("d.php", DUMP)})
    assert r.complete and r.body == b""


def test_without_fix_pathinfo_the_path_is_taken_as_it_is(backend):
    script = backend.site.file("d.php", DUMP)
    r = backend.run(script, pool="nofix", PATH_INFO="/x/y")
    assert json.loads(r.text)["PHP_SELF"] == "/x/y"
    assert backend.run(script + "/x/y", pool="nofix").status == 403


# --- what does not run

@pytest.mark.parametrize("path", ["/none.php", "/none.php/info", "/x/../none.php", "/no/such/folder/a.php"])
def test_missing_script_is_404(backend, path):
    r = backend.run(backend.site.root + path)
    assert r.stdout == b"Status: 404 Not Found\r\nContent-type: text/html; charset=UTF-8\r\n\r\nFile not found.\n"
    assert r.stderr == b"Primary script unknown"
    assert (r.app_status, r.protocol_status) == (0, 0)


def test_request_for_no_script_at_all_is_404(backend):
    r = backend.client().request({"REQUEST_METHOD": "GET"})
    assert r.status == 404 and r.body == b"File not found.\n"


def test_missing_script_without_fix_pathinfo(both):
    replies = [b.run(b.site.root + "/none.php", pool="nofix") for b in both]
    assert replies[0].stdout == replies[1].stdout and replies[0].stderr == replies[1].stderr


def test_head_of_a_missing_script_has_no_body(backend):
    r = backend.run(backend.site.root + "/none.php", method="HEAD")
    assert r.status == 404 and r.body == b""


@pytest.mark.parametrize("name", ["image.png", "script.php5", "noextension", "php", "a.phps"])
def test_other_extensions_are_403(backend, name):
    path = backend.site.file("denied/" + name, "<?php echo 'ran';")
    r = backend.run(path)
    assert r.stdout == b"Status: 403 Forbidden\r\nContent-type: text/html; charset=UTF-8\r\n\r\nAccess denied.\n"
    assert r.stderr == f"Access to the script '{path}' has been denied (see security.limit_extensions)".encode()


def test_upload_disguised_by_path_info_is_403(backend):
    path = backend.site.file("denied/photo.jpg", "<?php echo 'ran';")
    r = backend.run(path + "/x.php", SCRIPT_NAME="/denied/photo.jpg/x.php")
    assert r.status == 403 and b"ran" not in r.stdout


def test_folder_is_403(backend):
    r = backend.run(backend.site.root)
    assert r.status == 403 and r.body == b"Access denied.\n"


def test_phar_extension_runs_by_default(backend):
    assert backend.run(backend.site.file("tool.phar", "<?php echo 'phar';")).body == b"phar"


def test_limit_extensions_of_a_pool(backend):
    page = backend.site.file("page.html", "<?php echo 'html';")
    assert backend.run(page, pool="surroundings").body == b"html"
    assert backend.run(page).status == 403
    assert backend.run(backend.site.file("tool.phar", "<?php echo 'phar';"), pool="surroundings").status == 403


def test_empty_limit_extensions_allows_all(backend):
    assert backend.run(backend.site.file("readme.txt", "<?php echo 'text';"), pool="anything").body == b"text"


def test_unreadable_script(backend):
    if not programs.ROOT:
        pytest.skip("needs root: our own files cannot be unreadable otherwise")
    path = backend.site.file("secret.php", "<?php echo 1;")
    os.chmod(path, 0o600)
    r = backend.run(path)
    assert r.status == 403 and b"1" != r.body


def test_unreadable_script_as_in_php_fpm(both):
    path = both[0].site.file("secret2.php", "<?php echo 1;")
    os.chmod(path, 0o000)
    a, b = [x.run(path) for x in both]
    assert b.stdout == a.stdout and b.stderr == a.stderr


def test_symlink_runs_under_its_own_name(backend):
    script = backend.site.file("d.php", DUMP)
    link = os.path.join(backend.site.root, "link.php")
    if not os.path.islink(link):
        os.symlink(script, link)
    seen = json.loads(backend.run(link).text)
    assert seen["SCRIPT_FILENAME"] == link and seen["FILE"] == script


def test_shebang_line_is_left_out(backend):
    r = backend.run("#!/usr/bin/php\n<?php echo 'she';")
    assert r.body == b"#!/usr/bin/php\nshe" or r.body == b"she"


def test_shebang_line_as_in_php_fpm(both):
    a, b = [x.run("#!/usr/bin/env php\n<?php echo __LINE__;") for x in both]
    assert a.body == b.body
