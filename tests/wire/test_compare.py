# SPDX-License-Identifier: MIT
"""One table of whole requests, sent to both programs: every byte of STDOUT and STDERR must be the same. Most themes compare
in their own files; here are the shapes of real applications' requests, and the check on differences.py itself."""

import glob
import os
import re

import pytest

import differences

FORM = "application/x-www-form-urlencoded"
# The variables of the process come first; their order among themselves is nobody's promise.
ENVIRONMENT = "array_flip(['USER', 'HOME', 'GREETING', 'FROM_OUTSIDE', 'QUOTED'])"
DUMP = ("<?php $s = $_SERVER; unset($s['REQUEST_TIME'], $s['REQUEST_TIME_FLOAT']); $e = array_intersect_key($s, " + ENVIRONMENT + ");"
        " ksort($e); var_dump($e, array_diff_key($s, $e), $_GET, $_POST, $_COOKIE, $_REQUEST,"
        " file_get_contents('php://input'), getcwd(), get_included_files(), ob_get_level(), ini_get('error_log'));")

CASES = {
    "plain page": {},
    "query of odd characters": {"query": "a[b][]=1&a[b][]=2&=x&y&%00=z&a.b=c&a b=d&q=%F0%9F%98%80"},
    "cookies": {"HTTP_COOKIE": "a=1; b[c]=2; a=3; empty=; =noname; sp ace=1"},
    "form": {"method": "POST", "body": b"user=joe&pass=%26%3D&list[]=1&list[]=2&deep[a][b]=c", "CONTENT_TYPE": FORM},
    "form of lower-case type": {"method": "POST", "body": b"a=1", "CONTENT_TYPE": FORM.upper()},
    "json": {"method": "POST", "body": b'{"a": [1, 2]}', "CONTENT_TYPE": "application/json"},
    "no content type": {"method": "POST", "body": b"a=1", "CONTENT_TYPE": None},
    "lower-case method": {"method": "post", "body": b"a=1", "CONTENT_TYPE": FORM},
    "strange method": {"method": "BREW"},
    "options": {"method": "OPTIONS"},
    "HTTP/1.0": {"SERVER_PROTOCOL": "HTTP/1.0"},
    "HTTP/2": {"SERVER_PROTOCOL": "HTTP/2.0", "HTTPS": "on", "REQUEST_SCHEME": "https", "SERVER_PORT": "443"},
    "no protocol": {"SERVER_PROTOCOL": None},
    "no document root": {"DOCUMENT_ROOT": None},
    "no script name": {"SCRIPT_NAME": None},
    "no request uri": {"REQUEST_URI": None},
    "no query string": {"QUERY_STRING": None},
    "basic authentication": {"HTTP_AUTHORIZATION": "Basic am9lOnNlY3JldA=="},
    "digest authentication": {"HTTP_AUTHORIZATION": 'Digest username="Mufasa", realm="r", nonce="n", uri="/", response="x"'},
    "authentication by the web server": {"REMOTE_USER": "joe", "AUTH_TYPE": "Basic"},
    "proxy header": {"HTTP_PROXY": "http://evil.example/"},
    "many headers": {f"HTTP_X_{i:03d}": str(i) for i in range(60)},
    "header of 8 KiB": {"HTTP_X_LONG": "h" * 8192},
    "latin-1 header": {"HTTP_X_LATIN": b"\xe4\xf6\xfc"},
    "PATH_INFO": {"PATH_INFO": "/a/b c/%20"},
    "orig names sent by the client": {"ORIG_SCRIPT_NAME": "/x", "ORIG_PATH_INFO": "/y"},
    "redirect": {"REDIRECT_STATUS": "404", "REDIRECT_URL": "/missing"},
    "names PHP sets itself": {"PHP_SELF": "/evil", "FCGI_ROLE": "AUTHORIZER", "argv": "x", "argc": "9", "REQUEST_TIME": "1"},
    "names of the environment": {"USER": "mallory", "HOME": "/evil", "GREETING": "overwritten"},
    "name with an equals sign": {"A=B": "c"},
    "empty name": {"": "nothing"},
    "name with a dot and a blank": {"A.B C": "d"},
    "name like an array": {"ARR[x]": "1"},
}


@pytest.mark.parametrize("what", CASES)
def test_same_answer(both, what):
    how = dict(CASES[what])
    body = how.pop("body", b"")
    a, b = [x.run(DUMP, body, **how) for x in both]
    assert a.complete and b"array(" in a.body
    assert b.stdout == a.stdout
    assert (b.stderr, b.app_status, b.protocol_status) == (a.stderr, a.app_status, a.protocol_status)


@pytest.mark.parametrize("what", CASES)
def test_same_answer_on_a_kept_connection(both, what):
    """Twice in one worker, behind a request of another shape: nothing of a request stays."""
    how = dict(CASES[what])
    body = how.pop("body", b"")
    answers = []
    for backend in both:
        with backend.connect("one") as c:
            c.request(backend.params("<?php $_SERVER = []; echo file_get_contents('php://input');", b"zz", method="POST", CONTENT_TYPE=FORM), b"zz")
            params = backend.params(DUMP, body, **how)
            answers.append([c.request(params, body, request_id=i).stdout for i in (2, 3)])
    assert answers[1] == answers[0]
    assert answers[0][0] == answers[0][1]


@pytest.mark.parametrize("what", CASES)
def test_same_process_environment(both, what):
    how = dict(CASES[what])
    body = how.pop("body", b"")
    code = ("<?php $e = getenv(); unset($e['HTTP_PROXY']); ksort($e); var_dump($e); ksort($_SERVER);"
            " foreach (array_keys($_SERVER) as $k) if (is_string($_SERVER[$k]) && $k !== 'A=B') var_dump($k, getenv($k));")
    a, b = [re.sub(rb'REQUEST_TIME.*', b"", x.run(code, body, **how).stdout) for x in both]
    assert b == a


def test_every_difference_is_tested():
    here = os.path.dirname(os.path.abspath(__file__))
    text = ""
    for path in glob.glob(os.path.join(here, "test_*.py")):
        with open(path) as f:
            text += f.read()
    unused = [name for name in differences.DIFFERENCES if f'reference("{name}")' not in text and f"reference('{name}')" not in text]
    assert unused == []
