"""Names of indices: what may be written, what becomes of it, and that no record can make an illegal one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.destinations._bulk_index import Indices, Names, Place, Streams
from otelsiem.model.record import Record, Scope
from otelsiem.testing.elasticsearch_index import misnamed
from tests.destinations.bulk import DAY, NOW
from tests.examples import some


def name(source: str, **attributes: object) -> str:
    return Indices(Names(source)).bind({}, Scope())(Record(time=NOW, attributes=attributes)).name  # type: ignore[arg-type]  # any value


@pytest.mark.parametrize(
    ("source", "made", "pattern"),
    [
        ("audit", "audit", "audit"),
        ("audit-%Y.%m.%d", "audit-2026.01.01", "audit-*"),
        ("audit-%Y.%m.%d-%H", "audit-2026.01.01-00", "audit-*"),
        ("audit-%G.%V", "audit-2026.01", "audit-*"),
        ("audit-%y%j", "audit-26001", "audit-*"),
        ("audit-{tenant.id}", "audit-acme", "audit-*"),
        ("audit-{tenant.id}-%Y.%m.%d", "audit-acme-2026.01.01", "audit-*-*"),
        ("%Y-{nobody|none}", "2026-none", "*-*"),
        ("a{{b}}", "a{b}", "a{b}"),
        ("audit_%Y.%m-{tenant.id}.%d", "audit_2026.01-acme.01", "audit_*-*.*"),
    ],
)
def test_a_template_of_names(source: str, made: str, pattern: str) -> None:
    assert name(source, **{"tenant.id": "acme"}) == made
    assert Names(source).pattern == pattern
    assert (Names(source).constant is not None) == ("*" not in pattern)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "is empty"),
        ("Audit", "lower case"),
        ("-audit", "cannot begin with '-'"),
        (".audit", "cannot begin with '.'"),
        ("au dit", "cannot hold ' '"),
        ("audit:1", "cannot hold ':'"),
        ("<audit-{now/d}>", "cannot hold '<'"),
        ("audit-%B", "%B"),
        ("audit-%M", "%M"),
        ("audit%", "a date is made of"),
        ("audit-%{service.name}", "audit-{service.name}"),
        ("audit-{tenant.id", "unbalanced"),
        ("audit-{}", "empty field"),
        ("x" * 256, "255 bytes"),
    ],
)
def test_a_name_that_no_index_has_is_refused_at_the_start(source: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Names(source)


def test_the_date_is_the_events_own() -> None:
    where = Indices(Names("audit-%Y.%m.%d")).bind({}, Scope())
    assert where(Record(time=NOW - DAY, observed=NOW)).name == "audit-2025.12.31"
    assert where(Record(time=0, observed=NOW)).name == "audit-2026.01.01"
    assert where(Record(time=2**64 - 1)).name == "audit-2554.07.21"
    assert where(Record(time=2**80)).name == "audit-9999.12.31"


def test_a_data_stream_and_what_documents_say_of_it() -> None:
    streams = Streams(Names("otelsiem.audit", whole=False), Names("default", whole=False))
    fields = b'"data_stream":{"type":"logs","dataset":"otelsiem.audit","namespace":"default"},'
    assert streams.constant == Place("logs-otelsiem.audit-default", fields)
    tenants = Streams(Names("{service.name}", whole=False), Names("{tenant.id}", whole=False), suffix=".otel")
    place = tenants.bind({"service.name": "Auth-API", "tenant.id": "A-1"}, Scope())(Record())
    assert (place.name, tenants.constant, tenants.pattern) == ("logs-auth_api.otel-a-1", None, "logs-*.otel-*")
    assert b'"dataset":"auth_api.otel","namespace":"a-1"' in place.said


HOSTILE = st.text(max_size=300) | st.sampled_from(
    [
        "..",
        ".",
        "-",
        "_all",
        "+x",
        ".security",
        "A/B\\C",
        'a"}}\n{',
        "x" * 500,
        "é" * 200,
        "%Y",
        "{event}",
        "\u2028",
        "İ",
    ]
)


@given(
    HOSTILE,
    HOSTILE,
    st.sampled_from(["{tenant.id}", "audit-{tenant.id}-%Y", "{tenant.id}{service.name}", "a{tenant.id}"]),
)
@settings(deadline=None, max_examples=some(500))
def test_no_record_makes_an_illegal_name_or_one_of_the_system(tenant: str, service: str, source: str) -> None:
    made = name(source, **{"tenant.id": tenant, "service.name": service})
    assert misnamed(made) is None, made
    assert not made.startswith(".")
    streams = Streams(Names("{service.name}", whole=False), Names("{tenant.id}", whole=False))
    record = Record(attributes={"tenant.id": tenant, "service.name": service})
    found = streams.bind({}, Scope())(record).name
    kind, dataset, _ = found.split("-", 2)
    assert misnamed(found) is None
    assert (kind, bool(dataset), len(dataset.encode()) <= 100) == ("logs", True, True)


def test_two_long_names_stay_two() -> None:
    first, second = (name("{tenant.id}{service.name}", **{"tenant.id": "é" * 200, "service.name": n}) for n in "ab")
    assert first != second
    assert max(len(first.encode()), len(second.encode())) <= 255
