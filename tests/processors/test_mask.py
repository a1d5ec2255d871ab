"""The mask processor: what is chosen never travels, what is not chosen is as it was."""

from __future__ import annotations

import copy
import hashlib
import hmac
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from otelsiem.model.destination import Moment
from otelsiem.model.processor import Aside
from otelsiem.model.record import Batch, Group, Record, Scope, Value
from otelsiem.processors._mask_kinds import KINDS, Finder
from otelsiem.processors.mask import KEPT, Mask
from tests.examples import some

AT = Moment(now=5)
KEY = "0123456789abcdef"
CARD, IBAN = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----"


def masked(attributes: dict[str, Any], **settings: Any) -> dict[str, Value]:
    return one(Record(attributes=attributes), **settings).attributes


def one(record: Record, **settings: Any) -> Record:
    aside = Aside()
    (group,) = Mask(**settings).process([Group({"service.name": "s"}, Scope("n"), [record])], AT, aside)
    assert aside == Aside()
    return group.records[0]


# --- by their keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "hit", "missed"),
    [
        (
            "password",
            ["password", "PassWord", "db.password", "a.b.password"],
            ["password_hash", "passwords", "my_password"],
        ),
        ("*password*", ["password", "my_password2", "a.password.b"], ["passwort"]),
        ("*.token", ["auth.token", "a.b.token"], ["token", "tokens", "auth.token.id"]),
        (
            "http.request.*",
            ["http.request.body", "http.request.header.x"],
            ["http.response.body", "x.http.request.body"],
        ),
        ("a[b]?", ["a[b]?", "x.a[b]?"], ["ab", "a[b]x"]),
        ("größe", ["GRÖSSE".replace("SS", "ß"), "größe"], ["groesse"]),
    ],
)
def test_keys(pattern: str, hit: list[str], missed: list[str]) -> None:
    for key in hit:
        assert masked({key: "v"}, keys=[pattern]) == {key: "[masked]"}
    for key in missed:
        assert masked({key: "v"}, keys=[pattern]) == {key: "v"}


def test_a_key_is_found_at_any_depth_and_its_whole_value_goes() -> None:
    held = {
        "user": {"Password": {"old": "a", "new": ["b"]}, "name": "n"},
        "list": [{"password": 7}, {"other": [{"password": None}]}],
        "password": [1, {"x": 2}],
    }
    assert masked(held, keys="password") == {
        "user": {"Password": "[masked]", "name": "n"},
        "list": [{"password": "[masked]"}, {"other": [{"password": "[masked]"}]}],
        "password": "[masked]",
    }


def test_a_path_is_the_keys_with_dots() -> None:
    held = {"auth": {"token": "a"}, "auth.token": "b", "token": "c", "x": {"auth": {"token": "d"}}}
    assert masked(held, keys=["auth.token"]) == {
        "auth": {"token": "[masked]"},
        "auth.token": "[masked]",
        "token": "c",
        "x": {"auth": {"token": "d"}},
    }


def test_remove_takes_the_key_too_and_hmac_keeps_equal_values_equal() -> None:
    held = {"password": "a", "old": {"password": "b"}, "x": 1}
    assert masked(held, keys=["password"], mode="remove") == {"old": {}, "x": 1}
    by = masked({"a": "s", "b": "s", "c": "t", "d": 5, "e": "5", "f": {"k": 1, "l": 2}, "g": {"l": 2, "k": 1}},
                keys=["?", *"abcdefg"], mode="hmac", key=KEY)  # fmt: skip
    assert by["a"] == by["b"] != by["c"]
    assert by["f"] == by["g"]
    assert all(str(value).startswith("hmac:") and len(str(value)) == 37 for value in by.values())
    assert masked({"a": "s"}, keys=["a"], mode="hmac", key=KEY[::-1])["a"] != by["a"]


def test_the_digest_is_that_of_everybodys_tools() -> None:
    # printf s | openssl dgst -sha256 -hmac 0123456789abcdef
    digest = hmac.new(KEY.encode(), b"s", hashlib.sha256).hexdigest()[:32]
    assert masked({"a": "s"}, keys=["a"], mode="hmac", key=f"{KEY}\n") == {"a": f"hmac:{digest}"}


@pytest.mark.parametrize("value", [{"a": "\ud800"}, ["\ud800"], "\ud800", {"b": b"\xff"}, float("nan"), 1 << 70])
def test_p4_whatever_the_value_is_it_has_a_digest(value: Any) -> None:
    assert str(masked({"x": value}, keys=["x"], mode="hmac", key=KEY)["x"]).startswith("hmac:")


# --- within texts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text", "left"),
    [
        ("card", f"paid with {CARD}, thanks", "paid with [masked], thanks"),
        ("card", "4111-1111-1111-1111", "[masked]"),
        ("card", "4111111111111111.", "[masked]."),
        ("card", "4111111111111112", None),
        ("card", f"12 {CARD} 7", "12 [masked] 7"),
        ("card", f"{CARD} {CARD}", "[masked] [masked]"),
        ("card", "0000 0000 0000 0000", None),
        ("card", "019b76da-4111-1111-1111-111111111111", None),
        ("card", "v4111111111111111", None),
        ("iban", f"from {IBAN} AND MORE WORDS", "from [masked] AND MORE WORDS"),
        ("iban", IBAN.replace(" ", ""), "[masked]"),
        ("iban", IBAN.replace("89", "88"), None),
        ("email", "by alice.b+c@mail.example.com.", "by [masked]."),
        ("email", "müller@example.de;x@y", "[masked];x@y"),
        ("email", "@example.com a@b", None),
        ("bearer", "Authorization: Bearer abc.DEF-123~x/y+z==", "Authorization: Bearer [masked]"),
        ("bearer", "authorization: basic dXNlcjpwYXNz", "authorization: basic [masked]"),
        ("bearer", "the bearer of news", None),
        ("jwt", f"t={JWT}!", "t=[masked]!"),
        ("jwt", "eyJ.a.b", None),
        ("private_key", f"key: {PEM} end", "key: [masked] end"),
        ("private_key", f"cut {PEM[:40]}", "cut [masked]"),
        ("private_key", "-----BEGIN PUBLIC KEY-----", None),
        ("url_password", "postgres://bob:s3c:ret@db/x", "postgres://bob:[masked]@db/x"),
        ("url_password", "redis://:pw@db", "redis://:[masked]@db"),
        ("url_password", "https://example.com:8088/a@b", None),
    ],
)
def test_kinds(kind: str, text: str, left: str | None) -> None:
    assert masked({"said": text}, kinds=[kind]) == {"said": text if left is None else left}


def test_texts_are_found_wherever_they_stand() -> None:
    record = Record(
        event=f"login {CARD}",
        severity_text=CARD,
        body={"a": [f"card {CARD}", {"b": CARD}], "n": 4111111111111111},
        attributes={"x": CARD, "y": {"z": [CARD]}, "n": 4111111111111111, "bytes": CARD.encode()},
    )
    found = one(record, kinds="card")
    assert (found.event, found.severity_text) == ("login [masked]", "[masked]")
    assert found.body == {"a": ["card [masked]", {"b": "[masked]"}], "n": 4111111111111111}
    assert found.attributes == {
        "x": "[masked]", "y": {"z": ["[masked]"]}, "n": 4111111111111111, "bytes": CARD.encode(),
    }  # fmt: skip
    assert one(Record(body=f"a {CARD} b"), kinds=["card"], mode="remove").body == "a  b"


def test_patterns_of_ones_own_and_what_overlaps() -> None:
    text = f"emp-123456 {JWT} emp-1"
    assert masked({"s": text}, patterns=["emp-[0-9]{6}"]) == {"s": f"[masked] {JWT} emp-1"}
    assert masked({"s": text}, patterns=["(emp)-([0-9]{6}) e", "123456 eyJ"], kinds=["jwt"]) == {"s": "[masked] emp-1"}


def test_what_a_record_is_found_by_stays() -> None:
    held: dict[str, Value] = dict.fromkeys(KEPT, "4111111111111111")
    assert masked({**held, "x": "4111111111111111"}, kinds=["card"], keys=["*id*"]) == {**held, "x": "[masked]"}


def test_a_resource_that_others_share_is_not_changed() -> None:
    shared: dict[str, Value] = {"service.name": "s", "process.command_line": "db --password=x", "password": "p"}
    scope = Scope("n", "1", {"password": "q"}, "url")
    batch: Batch = [Group(shared, scope, [Record()], "u"), Group(shared, Scope("m"), [])]
    Mask(keys=["password"]).process(batch, AT, Aside())
    assert batch[0].resource == {**shared, "password": "[masked]"} == batch[1].resource
    assert shared["password"] == "p"
    assert (batch[0].scope, scope.attributes) == (Scope("n", "1", {"password": "[masked]"}, "url"), {"password": "q"})


# --- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "give `keys`, `kinds` or `patterns`"),
        ({"keys": ["*"]}, "matches every key"),
        ({"keys": [""]}, "matches every key"),
        ({"keys": ["*.*"]}, "matches every key"),
        ({"kinds": ["emial"]}, "Input should be"),
        ({"patterns": ["("]}, "not a regular expression"),
        ({"patterns": ["x*"]}, "matches an empty text"),
        ({"patterns": ["(a+)+$"]}, "for ever"),
        ({"patterns": ["(?:[a-z]*x)*y"]}, "for ever"),
        ({"keys": ["a"], "mode": "hmac"}, "belong together"),
        ({"keys": ["a"], "key": KEY}, "belong together"),
        ({"keys": ["a"], "mode": "hmac", "key": "  short secret\n"}, "shorter than 16 bytes"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as raised:
        Mask(**settings)
    assert "short secret" not in str(raised.value)


def test_patterns_that_may_repeat_are_taken() -> None:
    for pattern in (r"emp-\d+", r"(?:ab){2,4}c", r"\(x+\)+", r"(a|b)+c", "[*+]{2}"):
        Mask(patterns=[pattern])


def test_the_key_is_not_shown() -> None:
    assert KEY not in repr(Mask(keys=["a"], mode="hmac", key=KEY))


# --- properties ----------------------------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["k", "secret", "a.b"]), inner, max_size=3)
    ),
    max_leaves=12,
)
HELD = st.dictionaries(st.sampled_from(["x", "Secret", "a.secret", "list", "map"]), VALUES, max_size=4)


def secret(value: Value, *, inside: bool) -> Any:
    """The same with a planted value wherever a key says secret, and nowhere else."""
    if isinstance(value, dict):
        return {key: secret(one, inside=inside or key.lower().endswith("secret")) for key, one in value.items()}
    if isinstance(value, list):
        return [secret(one, inside=inside) for one in value]
    return "PLANTED" if inside else value


@settings(max_examples=some(200), deadline=None)
@given(held=HELD, body=VALUES)
def test_what_is_chosen_is_nowhere_and_the_rest_is_as_it_was(held: dict[str, Value], body: Value) -> None:
    planted = secret(held, inside=False)
    record = Record(attributes=planted, body=secret(body, inside=False))
    before = copy.deepcopy(record)
    after = one(record, keys=["secret"])
    assert b"PLANTED" not in msgspec.json.encode(after)
    assert without(after.attributes) == without(before.attributes)
    assert without(after.body) == without(before.body)
    assert one(copy.deepcopy(after), keys=["secret"]) == after, "twice is once"


def without(value: Value) -> Any:
    if isinstance(value, dict):
        return {key: "-" if key.lower().endswith("secret") else without(one) for key, one in value.items()}
    return [without(one) for one in value] if isinstance(value, list) else value


PIECES = st.sampled_from(
    [CARD, IBAN, JWT, PEM, "a@b.example", "Bearer abcdefgh", "x://u:p@h", " ", "1", "A", "-", "eyJ", "ü"]
)


@settings(max_examples=some(300), deadline=None)
@given(st.lists(PIECES | st.text(max_size=5), max_size=8).map("".join))
def test_pieces_are_in_order_and_apart(text: str) -> None:
    find = Finder(list(KINDS), [])
    at = 0
    for start, end in find(text):
        assert at <= start < end <= len(text)
        at = end
    assert find.perhaps(["x", text, "y"]) or not at, "one look at all of them misses nothing"


@settings(max_examples=some(100), deadline=None)
@given(
    st.lists(st.sampled_from([CARD, IBAN, JWT, PEM]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["a", "!", "ü", "7"])),
)
def test_words_beside_a_secret_do_not_hide_it(secrets: list[str], words: list[str]) -> None:
    text = " ; ".join([*words, *secrets, *words])
    said = str(masked({"s": text}, kinds=list(KINDS))["s"])
    assert not [one for one in secrets if one in said]
    assert said.count("[masked]") == len(secrets)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "piece", ["1", "1 ", "a", "a.", "a@", "eyJ", "eyJa.", "A", "AA11 ", "://", "://a:", "Bearer ", "-----BEGIN ", " "]
)
def test_p8_no_text_takes_long(piece: str) -> None:
    """A second of quadratic work on a megabyte would be a quarter of an hour."""
    masked({"s": piece * (1_000_000 // len(piece))}, kinds=list(KINDS))
