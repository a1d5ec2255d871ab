"""Datadog's documents: layouts write what the general way writes, and no record hijacks a name of Datadog's."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.formats import datadog
from otelsiem.formats._datadog import layout as _datadog_layout
from otelsiem.formats._datadog.cut import fitted
from otelsiem.formats._datadog.tags import tag
from otelsiem.formats._datadog.window import window
from otelsiem.formats.datadog import FEW, Style, lines
from otelsiem.formats.layout import Layout, Layouts
from otelsiem.formats.template import Template
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope, records
from otelsiem.model.severity import SCALES
from otelsiem.testing.datadog_log import RESERVED, found
from tests.examples import some
from tests.formats import strategies
from tests.formats.test_hec_layouts import nearly_plain

NOW = 1_735_732_801_000_000_000
NOON = 1_735_732_800_123_456_789
AT = Moment(now=NOW, host="here")
STYLES = (
    Style(),
    Style(schema="event"),
    Style(service=Template("{tenant.id|none}"), tags=(Template("agent:{gen_ai.agent.id}"), Template("team:iam"))),
    Style(source=Template("{event}"), hostname=Template("{resource.host.name}"), env="prod", version="1"),
)
MEANT = {"message", "status", "ddsource", "service", "hostname", "ddtags", "timestamp", "trace_id", "span_id"}


class NoLayouts(Layouts[Layout]):
    def get(self, signature: tuple[Any, ...], said: tuple[str, ...]) -> Layout | None:
        return None


def generally(batch: Batch, style: Style) -> list[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datadog, "_LAYOUTS", dict.fromkeys(("standard", "event"), NoLayouts(1, _datadog_layout.event)))
        return lines(batch, AT, style)


def one(resource: dict[str, Any] | None = None, style: Style | None = None, **record: Any) -> dict[str, Any]:
    made = {"id": "1", "time": NOON, **record}
    [line] = lines([Group(resource or {}, Scope(), [Record(**made)])], AT, style or Style())
    read: dict[str, Any] = json.loads(line)
    return read


@given(nearly_plain() | strategies.batches, st.sampled_from(STYLES))
@settings(deadline=None, max_examples=some(300))
def test_the_bytes_are_those_of_the_general_way(batch: Batch, style: Style) -> None:
    assert lines(batch, AT, style) == generally(batch, style)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("moment", [NOON, NOON - 86_400 * 10**9, NOON + 86_400 * 10**9])
def test_usual_records_have_a_layout(style: Style, moment: int) -> None:
    attributes: dict[str, Any] = {
        "user.id": "u", "user.email": "a@b", "tenant.id": "t", "client.address": "::1", "client.port": 1, "n": 1.5,
        "audit.outcome": "failure", "audit.target.id": 7, "error.type": "E", "audit.source": "s", "roles": ["a"],
    }  # fmt: skip
    made = [Record(id="1", time=moment, severity=s, event="login", body="b", attributes=attributes) for s in range(4)]
    batch = [Group({"service.name": "p", "correlation_id": "c"}, Scope("s"), made * FEW)]

    def shut(*_: object) -> None:
        raise AssertionError("this record has no layout")

    expected = generally(batch, style)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datadog, "document", shut)
        assert lines(batch, AT, style) == expected


hostile = st.sampled_from(sorted(RESERVED)) | strategies.keys
texts = st.sampled_from(
    ['{"status":"failure","service":"forged","timestamp":1,"ddtags":"x"}', '\ufeff {"host":"forged"}', "{", "[]", "ok"]
)
forged = st.sampled_from(["failure", "forged", "emerg", 0, 3, 1_600_000_000, ["x"], {"status": "failure"}]) | texts


@given(st.dictionaries(hostile, forged, max_size=6), st.dictionaries(hostile, forged, max_size=3), texts | forged)
@settings(deadline=None, max_examples=some(400))
def test_no_attribute_and_no_body_decides_what_is_datadogs(
    attributes: dict[str, Any], resource: dict[str, Any], body: Any
) -> None:
    """Judged by the remappers of the fake, which were not written by whoever wrote the format."""
    record = Record(id="1", time=NOON, severity=13, event="login", body=body, attributes=attributes)
    style = Style(
        service=Template("ours"), hostname=Template("mine"), tags=(Template("team:iam"),), env="e", version="v"
    )
    for line in lines([Group(resource, Scope(), [record] * FEW)], AT, style):
        log = found(json.loads(line), NOW / 1e9)
        assert (log.status, log.service, log.host, log.source) == ("warning", "ours", "mine", "otelsiem")
        assert (log.timestamp, log.tags) == (NOON // 10**6, ("team:iam", "env:e", "version:v"))
        assert json.loads(line).keys() & RESERVED <= MEANT


def test_a_message_that_is_an_object_stays_a_message() -> None:
    body = ' {"status":"ok","service":"forged"}'
    assert one(event="login", body=body)["message"] == f"login: {body}"
    assert one(body=body)["message"] == f"audit event: {body}"
    assert one(event="login", body="[INFO] {x}")["message"] == "[INFO] {x}"
    assert one(event="login")["message"] == "login"
    assert one()["message"] == "audit event"
    structured = one(event="login", body={"msg": "said", "status": "failure"})
    assert (structured["message"], structured["body"]) == ("said", {"msg": "said", "status": "failure"})


@pytest.mark.parametrize("severity", range(25))
@pytest.mark.parametrize("outcome", ["success", "failure"])
def test_status_is_a_word_that_datadog_understands(severity: int, outcome: str) -> None:
    log = one(severity=severity, attributes={"audit.outcome": outcome})
    expected = "warn" if not severity and outcome == "failure" else SCALES[severity].datadog
    assert log["status"] == expected
    meant = {"warn": "warning"}.get(expected, expected)
    assert found(log, 0).status == meant
    assert log["otel.severity_number"] == severity
    assert log["audit.severity"] == SCALES[severity].name


def test_the_pivots_and_the_standard_attributes() -> None:
    log = one(
        {"organization.id": "t", "agent_id": "a"},
        event="login",
        attributes={"correlation_id": "c", "constitutional.hash": "h", "enduser.id": "u", "ip": "::1", "outcome": "ok"},
        trace_id="a" * 32,
    )
    wanted = {
        "tenant_id": "t", "agent_id": "a", "correlation_id": "c", "constitutional_hash": "h", "trace_id": "a" * 32,
        "usr.id": "u", "user_id": "u", "network.client.ip": "::1", "evt.name": "login", "evt.outcome": "success",
    }  # fmt: skip
    assert {key: log.get(key) for key in wanted} == wanted
    assert not [k for k in one(style=Style(schema="event"), event="e") if k.startswith(("usr.", "evt.", "network."))]


@given(strategies.batches)
@settings(deadline=None, max_examples=some(150))
def test_nothing_of_a_record_is_lost(batch: Batch) -> None:
    for record, line in zip(records(batch), lines(batch, AT), strict=True):
        log, text = json.loads(line), line.decode()
        assert b"\n" not in line
        assert log["otel.timestamp"] == str(record.moment or NOW)
        assert log.get("event_id", "") == record.id or not record.id
        for key, value in record.attributes.items():
            if isinstance(value, str) and value:
                assert json.dumps(value, ensure_ascii=False)[1:-1] in text.replace("\x7f", "\x7f") or key in text


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("Team:IAM", "team:iam"),
        ("a b,c:d e", "a_b_c:d_e"),
        ("1a:b", ""),
        ("_a:b", ""),
        ("", ""),
        ("a:" + "x" * 300, "a:" + "x" * 198),
        ("a:é", "a:é"),
        ("a:b__", "a:b"),
    ],
)
def test_tags_are_what_datadog_makes_of_them(text: str, made: str) -> None:
    assert tag(text) == made


def test_the_window_leaves_room_for_clocks_that_differ() -> None:
    low, high = window(NOW)
    assert NOW - 18 * 3600 * 10**9 < low < NOW < high < NOW + 2 * 3600 * 10**9


@given(
    st.dictionaries(st.text(max_size=5), st.text(max_size=50) | st.integers(-5, 5) | st.lists(st.text(max_size=30))),
    st.integers(0, 3000),
)
@settings(deadline=None, max_examples=some(100))
def test_what_is_cut_is_json_within_the_limit_or_as_it_was(document: dict[str, Any], extra: int) -> None:
    document["message"] = 'é"\n' * extra
    line = msgspec.json.encode(document)
    made = fitted(line, 4000)
    read = json.loads(made)
    assert len(made) <= 4000 or made == line
    if made != line:
        assert read["ddtags"].endswith("truncated:true")
        assert document.keys() <= read.keys()
