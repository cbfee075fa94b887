# SPDX-License-Identifier: MIT
"""Clients that leave: what becomes of the script is told by marks that it leaves itself (pages/mark.php)."""

import json

import pytest

import procs
from webclient import LIMIT, request

HELLO = request("/hello.php")


def mark_request(mark, what, **how):
    return request(f"/mark.php?what={what}&mark={mark}", **how)


def next_is_right(side):
    with side.visit(limit=LIMIT) as visitor:
        reply = visitor.ask(HELLO)
    assert (reply.status, reply.body, reply.end) == (200, b"hello", "whole"), reply


@pytest.mark.parametrize("what", ["work", "background"])
@pytest.mark.parametrize("body", [None, b"a=1"], ids=["GET", "POST"])
def test_fire_and_forget(pair, what, body):
    """As wp-cron does it: the client is gone when the script has begun, and the script still runs to its end."""
    mark = pair.mark()
    more = {} if body is None else {"method": "POST", "body": body, "Content_Type": "application/x-www-form-urlencoded"}

    def conversation(side):
        with side.visit(limit=LIMIT) as visitor:
            visitor.send(mark_request(mark, what, **more))
            procs.until(f"the script to begin behind {side.program.program}", lambda: side.began(mark))
        ended = json.loads(side.wait_ended(mark))
        next_is_right(side)
        return ended["post"]
    assert pair.both(conversation) == ((body is not None,) * 2)


def test_a_download_that_is_given_up(pair):
    """The script is told, at its next output at the latest."""
    mark = pair.mark()

    def conversation(side):
        with side.visit(limit=LIMIT) as visitor:
            visitor.send(mark_request(mark, "download"))
            assert visitor.receive_some().startswith(b"HTTP/1.1 200 OK\r\n")
        ended = json.loads(side.wait_ended(mark))
        next_is_right(side)
        return ended["aborted"]
    assert pair.both(conversation) == (1, 1)


@pytest.mark.parametrize("how", ["POST", "PUT", "form", "chunked"])
def test_no_script_sees_a_part_of_an_upload_for_the_whole(pair, how):
    """php-fpm's may; fpmd's does not run, or does not get to the end of what it reads."""
    mark = pair.mark()
    kind = {"form": "application/x-www-form-urlencoded"}.get(how, "application/octet-stream")
    body = b"a=1&b=2&c=" + b"c" * 300000
    if how == "chunked":
        whole = mark_request(mark, "body", method="PUT", body=[body[:1000]] * 300, chunked=True, Content_Type=kind)
    else:
        whole = mark_request(mark, "body", method="PUT" if how == "PUT" else "POST", body=body, Content_Type=kind)
    with pair.fpmd.visit(limit=LIMIT) as visitor:
        visitor.send(whole[:-100000])
    next_is_right(pair.fpmd)
    pair.fpmd.wait_idle()
    ended = pair.fpmd.ended(mark)
    assert not ended or json.loads(ended) in ({"aborted": a, "body": None, "post": 0} for a in (0, 1)), ended
