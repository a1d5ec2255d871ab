"""HEC envelopes, read back by a reader that is not ours: exact times, only allowed keys, flat fields, nothing lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from otelsiem.formats._hec.document import clock
from otelsiem.formats.hec import Style, body
from otelsiem.formats.template import Template
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope, records
from tests.formats import strategies

AT = Moment(now=1_767_225_601_000_000_001, host="here")
KEYS = {"time", "host", "source", "sourcetype", "index", "event", "fields"}  # contract 3


def read(body: bytes) -> Iterator[dict[str, Any]]:
    """Concatenated JSON, as a collector reads it: one value after another, whatever stands between them."""
    decoder = json.JSONDecoder(parse_float=Decimal, parse_int=int)
    text, at = body.decode(), 0
    while at < len(text):
        found, at = decoder.raw_decode(text, at)
        yield found
        while at < len(text) and text[at] in " \t\r\n":
            at += 1


def written(batch: Batch, style: Style | None = None) -> list[dict[str, Any]]:
    return list(read(body(batch, AT, style or Style())))


def one(style: Style | None = None, resource: dict[str, Any] | None = None, **record: Any) -> dict[str, Any]:
    return written([Group(resource or {}, Scope(), [Record(**record)])], style)[0]


@given(strategies.batches)
@settings(deadline=None)
def test_every_envelope_is_one_a_collector_takes(batch: Batch) -> None:
    made = written(batch, Style(fields=("user.id", "metadata", "client.port"), index=Template("i-{tenant.id}")))
    for record, envelope in zip(records(batch), made, strict=True):
        assert set(envelope) <= KEYS
        assert envelope["event"], "a blank event is code 13"
        ns = record.time or record.observed or AT.now
        assert Decimal(envelope["time"]) * 10**9 == ns
        for value in envelope.get("fields", {}).values():
            assert isinstance(value, str) or all(isinstance(item, str) for item in value), "nested is code 15"
        for name in ("host", "source", "sourcetype", "index"):
            assert isinstance(envelope[name], str)
            assert envelope[name].isprintable()


@given(strategies.batches)
@settings(deadline=None)
def test_the_event_is_the_normalised_event(batch: Batch) -> None:
    """`schema: event` adds nothing, `cim` only adds names, except for the severity word, which has CIM's scale."""
    plain, cim = written(batch, Style(schema="event")), written(batch)
    for ours, theirs in zip(plain, cim, strict=True):
        kept = {key: value for key, value in theirs["event"].items() if key in ours["event"]}
        assert kept | {"severity": ""} == ours["event"] | {"severity": ""}


@pytest.mark.parametrize(
    ("ns", "token"),
    [
        ("1767225600123456789", b"1767225600.123456789"),
        ("1767225600000000001", b"1767225600.000000001"),
        ("1000000000", b"1.000000000"),
        ("999999999", b"0.999999999"),
        ("5", b"0.000000005"),
    ],
)
def test_time_is_exact(ns: str, token: bytes) -> None:
    assert clock(ns) == token


def test_defaults_of_the_envelope() -> None:
    made = one(event="login", resource={"host.name": "server-01"})
    assert made["source"] == "otelsiem:login"
    assert made["sourcetype"] == "_json"
    assert made["host"] == "server-01"
    assert "index" not in made
    assert one()["host"] == "here"


def test_the_id_the_trace_and_the_four_pivots_are_indexed() -> None:
    attributes = {"tenant_id": "t", "agent.id": "a", "correlation_id": 7, "constitutional.hash": "h"}
    made = one(id="r", trace_id="0" * 31 + "1", span_id="0" * 15 + "2", attributes=attributes)
    assert made["fields"] == {
        "audit.record.id": "r",
        "trace_id": "0" * 31 + "1",
        "span_id": "0" * 15 + "2",
        "tenant.id": "t",
        "gen_ai.agent.id": "a",
        "audit.correlation.id": "7",
        "audit.constitutional_hash": "h",
    }


def test_more_fields_by_any_spelling_and_from_the_resource() -> None:
    style = Style(fields=("user.id", "roles", "flag", "nested", "cloud.region", "missing"))
    attributes = {"enduser.id": "u", "roles": ["a", 1, None], "flag": True, "nested": {"a": [1]}}
    made = one(style, {"cloud.region": "eu"}, attributes=attributes)
    assert made["fields"] == {
        "user.id": "u",
        "roles": ["a", "1", ""],
        "flag": "true",
        "nested": '{"a":[1]}',
        "cloud.region": "eu",
    }


def test_cim_names() -> None:
    attributes = {
        "user.name": "ann", "user.id": "u", "client.address": "203.0.113.9", "audit.outcome": "failure",
        "audit.action": "login", "audit.target.name": "vault", "audit.target.id": "v-1", "audit.target.type": "secret",
    }  # fmt: skip
    resource = {"service.name": "auth", "service.namespace": "acme", "host.name": "h"}
    event = one(None, resource, severity=9, event="authentication_failure", attributes=attributes)["event"]
    expected = {
        "user": "ann", "src": "203.0.113.9", "dest": "vault", "app": "auth", "signature": "authentication_failure",
        "status": "failure", "action": "login", "object": "vault", "object_id": "v-1", "object_category": "secret",
        "vendor_product": "acme auth", "severity": "informational",
    }  # fmt: skip
    assert {key: event[key] for key in expected} == expected
    assert one(None, {"host.name": "h"})["event"]["dest"] == "h"


def test_hostile_values_make_no_metadata() -> None:
    made = one(
        Style(index=Template("audit-{tenant.id}")),
        {"host.name": "a\nb"},
        event="../x\n\x1b[2J",
        attributes={"tenant.id": "../../_internal\r\n"},
    )
    assert (made["host"], made["source"], made["index"]) == ("a_b", "otelsiem:__x_2J", "audit-_____internal_")
