"""The verifier against the vectors that AWS published (the Signature Version 4 test suite, and the IAM example)."""

from __future__ import annotations

import hashlib

import pytest

from tests.transport.sigv4 import canonical, signature

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"  # AWS's example key
STAMP = "20150830T123600Z"
HOST = ("Host", "example.amazonaws.com")
DATE = ("X-Amz-Date", STAMP)
FORM = ("Content-Type", "application/x-www-form-urlencoded")
FORM_UTF8 = ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")

VECTORS = {
    "get-vanilla": ("GET", "/", [HOST, DATE], b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "post-vanilla": (
        "POST", "/", [HOST, DATE], b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    "get-vanilla-query-order-key-case": (
        "GET", "/?Param2=value2&Param1=value1", [HOST, DATE], b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "get-header-key-duplicate": (
        "GET", "/", [HOST, ("My-Header1", "value2"), ("My-Header1", "value2"), ("My-Header1", "value1"), DATE], b"",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    "get-header-value-trim": (
        "GET", "/", [HOST, ("My-Header1", " value1"), ("My-Header2", ' "a   b   c"'), DATE], b"",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    "get-utf8": (
        "GET", "/ሴ", [HOST, DATE], b"", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    "post-x-www-form-urlencoded": (
        "POST", "/", [FORM, HOST, DATE], b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
    "post-x-www-form-urlencoded-parameters": (
        "POST", "/", [(FORM[0], f"{FORM[1]}; charset=utf8"), HOST, DATE], b"Param1=value1",
        "1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe",
    ),
    "get-relative-relative": (
        "GET", "/example1/example2/../..", [HOST, DATE], b"",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VECTORS)
def test_a_published_vector(name: str) -> None:
    method, target, headers, body, wanted = VECTORS[name]
    names = ";".join(sorted({header.lower() for header, _ in headers}))
    text = canonical(method, target, headers, names, hashlib.sha256(body).hexdigest())
    assert signature(SECRET, STAMP, "20150830/us-east-1/service/aws4_request", text) == wanted


def test_the_published_example_of_iam() -> None:
    headers = [FORM_UTF8, ("host", "iam.amazonaws.com"), DATE]
    empty = hashlib.sha256(b"").hexdigest()
    text = canonical("GET", "/?Action=ListUsers&Version=2010-05-08", headers, "content-type;host;x-amz-date", empty)
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    wanted = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    assert signature(SECRET, STAMP, "20150830/us-east-1/iam/aws4_request", text) == wanted
