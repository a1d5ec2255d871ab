"""LEEF, read back by a reader that is not ours: what the record says, under the right keys, and nothing forged."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings

from otelsiem.formats import leef
from otelsiem.formats._leef_keys import ATTRIBUTES, FIRST, MESSAGE, RESOURCE, SECOND
from otelsiem.formats._pairs.lists import ORDER
from otelsiem.formats.json import Event, events
from otelsiem.formats.leef import DELIMITERS, Style, lines
from otelsiem.formats.speaker import Product
from otelsiem.formats.structured import FLAT, camel
from otelsiem.formats.values import text
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope, count, records
from otelsiem.model.severity import SCALES
from tests.examples import some
from tests.formats import hostile, strategies
from tests.formats.leef_reader import PAYLOAD, PREDEFINED, Leef, read, received
from tests.formats.test_cef import HARMFUL

AT = Moment(now=1_767_225_601_000_000_000, host="here")
NOON = 1_735_732_800_123_456_789
PLAIN = Style()
STYLES = (PLAIN, Style(version="1.0"), Style(delimiter="\t"), Style(delimiter="~", limit=1024))


def one(resource: dict[str, Any] | None = None, style: Style = PLAIN, **record: Any) -> Leef:
    (line,) = lines([Group(resource or {}, Scope(), [Record(**record)])], AT, style)
    return read(line)


def shown(value: str, delimiter: str = "^") -> str:
    """What a reader sees of a text; written anew."""

    def sign(found: re.Match[str]) -> str:
        point = ord(found[0])
        short = {10: "\\n", 13: "\\r", 9: "\\t"}.get(point)
        return short or (f"\\x{point:02x}" if point < 256 else f"\\u{{{point:x}}}")

    made = HARMFUL.sub(sign, value).replace(delimiter, f"\\x{ord(delimiter):02x}")
    return made[:-1] + "\\x5c" if made.endswith("\\") else made


def told(value: Any) -> str:
    """A value as text; what is no text is JSON."""
    if isinstance(value, str):
        return shown(value)
    try:
        made = HARMFUL.sub(lambda found: json.dumps(found[0])[1:-1], text(value)).replace("\x7f", "\\u007f")
    except UnicodeEncodeError:
        made = json.dumps(value, separators=(",", ":"))
    return made.replace("^", "\\u005e")


@given(hostile.batches)
@settings(deadline=None, max_examples=some(100))
def test_p4_every_line_is_read(batch: Batch) -> None:
    for style in STYLES:
        made = lines(batch, AT, style)
        assert len(made) == count(batch)
        for line in made:
            assert b"\n" not in line
            assert read(line).attributes["timeUnixNano" if b"truncated=true" not in line else "truncated"]
            assert not style.limit or len(line) <= style.limit


SAME = {
    "tenant_id": "tenantId", "agent_id": "agentId", "correlation_id": "correlationId", "reason": "reason",
    "constitutional_hash": "constitutionalHash", "action": "action", "outcome": "outcome", "trace_id": "traceId",
    "session_id": "sessionId", "agent_name": "agentName", "error_type": "errorType", "policy": "policy",
    "policy_id": "policyId", "tool_name": "toolName", "risk_score": "riskScore", "span_id": "spanId",
    "user_agent": "userAgent", "request_id": "requestId", "severity_text": "severityText",
}  # fmt: skip


@given(hostile.batches_of_encodable_groups)
@settings(deadline=None, max_examples=some(100))
def test_what_the_record_says_stands_under_its_key(batch: Batch) -> None:
    for line, event in zip(lines(batch, AT, PLAIN), documents(batch), strict=True):
        found = read(line).attributes
        for flat, key in SAME.items():
            value = getattr(event, flat)
            assert found.get(key) == (None if value in (None, "", b"") else told(value)), key
        assert found["timeUnixNano"] == event.time_unix_nano
        assert found.get("devTime") == (event.time_unix_nano[:13] if len(event.time_unix_nano) == 19 else None)
        assert found["severityNumber"] == str(event.severity_number)
        _the_address(found, event.src_ip)
        named = [v for v in (event.user_name, event.user_email, event.user_id) if v not in (None, "", b"")]
        for who in named[:1]:
            assert told(who).startswith(found["usrName"][:240])
        if event.event_id and len(event.event_id) < 60:
            assert found["auditRecordId"] == shown(event.event_id)
        if event.message and len(event.message) < 200:
            assert found["msg"] == shown(event.message)


def documents(batch: Batch) -> list[Event]:
    return events(batch, AT, Product())


def _the_address(found: dict[str, str], value: Any) -> None:
    if value in (None, "", b""):
        assert not {"src", "srcHostName"} & found.keys()
        return
    try:
        is_ip = type(value) is str and "%" not in value and bool(ip_address(value))
    except ValueError:
        is_ip = False
    assert found["src" if is_ip else "srcHostName"] == told(value)
    assert len({"src", "srcHostName"} & found.keys()) == 1


NAMES = frozenset({
    *FLAT.values(), "eventId", "eventType", "message", "severityText", "spanId", "traceId", "traceFlags",
    "observedTimeUnixNano", "severityNumber", "timeUnixNano", "body", "rest", "resourceRest", "scopeRest",
    "resourceSchemaUrl", "resourceHostName", "scopeName", "scopeVersion", "scopeSchemaUrl", "vendor", "product",
    "version", "framework", "accountId", "accountName", "sev", "cat", "devTime", "hostName",
})  # fmt: skip


@given(hostile.batches_of_encodable_groups)
@settings(deadline=None, max_examples=some(100))
def test_no_key_is_forged(batch: Batch) -> None:
    """Each key is one that the record gives a reason for; a predefined one only by the meaning that it has."""
    made = iter(zip(lines(batch, AT, PLAIN), documents(batch), strict=True))
    for group in batch:
        for record in group.records:
            line, event = next(made)
            found = read(line).attributes
            dictionary = {key.name for flat, keys in {**FIRST, **SECOND, **MESSAGE}.items() if has(event, flat)
                          for key in keys}  # fmt: skip
            dictionary |= {key.name for name, keys in ATTRIBUTES.items() if name in known(record) for key in keys}
            dictionary |= {key.name for keys in RESOURCE.values() for key in keys}
            named = {spelled("", name) for name in known(record)}
            named |= {spelled("resource", name) for name in group.resource}
            named |= {spelled("scope", name) for name in group.scope.attributes}
            assert found.keys() <= NAMES | dictionary | named
            assert found.keys() & {*PREDEFINED} <= dictionary | {"sev", "cat", "devTime"}


def known(record: Record) -> set[str]:
    inner = [(c, record.attributes.get(c)) for c in ("details", "metadata", "context")]
    return {*record.attributes, *[f"{c}.{key}" for c, held in inner if isinstance(held, dict) for key in held]}


def has(event: Event, flat: str) -> bool:
    holder, _, name = flat.partition(".")
    if name:
        return event.target is not None
    return getattr(event, holder, None) not in (None, "")


def spelled(space: str, key: str) -> str:
    words = re.split(r"[._:/@ -]+", key)
    first, *words = [space, *words] if space else words
    return first + "".join([word[:1].upper() + word[1:] for word in words])


@given(strategies.batches)
@settings(deadline=None, max_examples=some(100))
def test_nothing_is_lost(batch: Batch) -> None:
    for line, record in zip(lines(batch, AT, PLAIN), records(batch), strict=True):
        found = read(line).attributes
        values = {*found.values(), read(line).event_id}
        rest = json.loads(found.get("rest", "{}"))
        for key, value in record.attributes.items():
            if key in rest:
                continue
            listed = ",".join(value) if isinstance(value, list) and all(type(v) is str for v in value) else None  # type: ignore[arg-type]  # they are
            assert not told(value) or told(value) in values or shown(listed or "") in values, key
        for name in ("id", "severity_text", "trace_id", "span_id"):
            if value := getattr(record, name):
                assert shown(value) in values


@given(hostile.nearly_plain_batches)
@settings(deadline=None, max_examples=some(100))
def test_plans_write_what_the_general_way_writes(batch: Batch) -> None:
    for style in STYLES:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("otelsiem.formats._pairs.lines._Lines._found", lambda *_: lambda _record: None)
            generally = lines(hostile.shuffled(batch), AT, style)
        leef._dialect.cache_clear()  # full of plans, it would take few of these shapes
        assert lines(hostile.shuffled(batch), AT, style) == generally


@pytest.mark.parametrize("style", STYLES[:3])
@pytest.mark.parametrize(
    "sign", ["=", "|", "\\", "\n", "^", "\t", "]", '"', "\0", "\x1b[31m", "\u202e", "\u2028", "\ud800"]
)
def test_a_value_stays_a_value(sign: str, style: Style) -> None:
    delimiter = "\t" if style.version == "1.0" else style.delimiter
    value = f"a{sign} usrName=root{delimiter}usrName=root{sign}"
    made = one(style=style, body=value, attributes={"tenant.id": value, "n": value, "l": [value]})
    for key in ("tenantId", "msg", "n"):
        assert made.attributes[key] == shown(value, delimiter)
    assert json.loads(made.attributes["l"]) == [value], "JSON stays JSON"
    assert "usrName" not in made.attributes


@pytest.mark.parametrize("sign", ["=", "^", "\\", "\u202e"])
def test_a_megabyte_stays_a_value(sign: str) -> None:
    value = f"a{sign}" * (1 << 19) + "^usrName=root"
    made = one(attributes={"tenant.id": value})
    assert made.attributes["tenantId"] == shown(value)
    assert "usrName" not in made.attributes


def test_a_header_cannot_be_left() -> None:
    made = one({"service.namespace": "a|b\\", "service.name": "x\ny", "service.version": "\t"}, event="c|d\\")
    assert (made.vendor, made.product, made.device, made.event_id) == ("a_b_", "x_y", "_", "c_d_")
    assert made.attributes["vendor"] == "a|b\\x5c", "what the header cannot say is said elsewhere"
    assert made.attributes["eventType"] == "c|d\\x5c"


@pytest.mark.parametrize(
    ("event", "event_id", "category"),
    [
        ("", "event", "Audit"),
        ("authentication_failure", "authentication_failure", "Authentication"),
        ("AUTH_FAILED", "authentication_failure", "Authentication"),
        ("compliance_check", "compliance_check", "Compliance"),
        ("user.mfa.disable", "user.mfa.disable", "Audit"),
        ("x" * 300, "x" * 255, "Audit"),
    ],
)
def test_one_event_id_per_kind_of_event(event: str, event_id: str, category: str) -> None:
    made = one(event=event)
    assert (made.event_id, made.attributes["cat"]) == (event_id, category)
    assert made.attributes.get("eventType", event_id if event else "") == event


def test_no_name_of_ours_is_a_predefined_key_unless_it_takes_any_text() -> None:
    tables = {**FIRST, **SECOND, **MESSAGE}
    predefined = {name.lower() for name in PREDEFINED}
    for flat in ORDER:
        if camel(flat).lower() in predefined:
            assert tables[flat][-1].kind == "text", flat


@pytest.mark.parametrize("delimiter", DELIMITERS)
def test_any_delimiter(delimiter: str) -> None:
    (line,) = lines([Group({}, Scope(), [Record(attributes={"a": DELIMITERS})])], AT, Style(delimiter=delimiter))
    assert read(line).attributes["a"] == shown(DELIMITERS, delimiter)
    assert b"|event|" + (b"0x09" if delimiter == "\t" else delimiter.encode()) + b"|" in line


@pytest.mark.parametrize("number", range(25))
def test_severity(number: int) -> None:
    assert one(severity=number).attributes["sev"] == str(SCALES[number].leef)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"client.address": "2001:db8::9", "client.port": 80}, {"src": "2001:db8::9", "srcPort": "80"}),
        ({"client.address": "pc.example.com"}, {"srcHostName": "pc.example.com"}),
        ({"server.address": "10.0.0.1", "server.port": 70_000}, {"dst": "10.0.0.1", "serverPort": "70000"}),
        ({"user.id": "7"}, {"usrName": "7"}),
        ({"user.id": "7", "user.email": "a@b.c"}, {"usrName": "a@b.c", "userId": "7"}),
        ({"user.name": "n" * 256}, {"usrName": "n" * 255, "userName": "n" * 256}),
        ({"user.roles": ["a", "b"]}, {"role": "a,b"}),
        ({"audit.target.type": "account", "audit.target.name": "bob"}, {"accountName": "bob", "targetType": "account"}),
        ({"audit.target.type": "vault", "audit.target.id": "7"}, {"resource": "7", "targetType": "vault"}),
        ({"security_rule.name": "p", "security_rule.uuid": "u"}, {"policy": "p", "policyId": "u"}),
        ({"usrname": "root", "sev": 1, "tenantId": "t"}, {"rest": '{"usrname":"root","sev":1,"tenantId":"t"}'}),
        ({"client.port": 70_000}, {"clientPort": "70000"}),
        ({"a.b": 1, "A_b": 2}, {"rest": '{"a.b":1,"A_b":2}'}),
        ({"anomaly.type": "x", "anomaly.score": 0.5}, {"anomalyType": "x", "anomalyScore": "0.5", "riskScore": "0.5"}),
        ({"compliance.is_compliant": False}, {"complianceIsCompliant": "false"}),
    ],
)  # fmt: skip
def test_where_things_go(attributes: dict[str, Any], expected: dict[str, str]) -> None:
    made = one(attributes=attributes, time=NOON).attributes
    always = {"sev": "3", "cat": "Audit", "hostName": "here", "devTime": "1735732800123", "severityNumber": "0",
              "timeUnixNano": str(NOON)}  # fmt: skip
    assert made == always | expected


PIVOTS = {"tenant.id": "t-1", "gen_ai.agent.id": "a-1", "audit.correlation.id": "c-1", "audit.constitutional_hash": "h"}


@pytest.mark.parametrize("filler", ["é", "^", "\x1b", "🧑"])
def test_within_qradars_payload_a_line_is_one_event(filler: str) -> None:
    attributes: dict[str, Any] = PIVOTS | {f"long.{n}": filler * 5000 for n in range(10)}
    batch = [Group({}, Scope(), [Record(id="i", body=filler * 9999, attributes=attributes)])]
    (whole,) = lines(batch, AT, PLAIN)
    assert len(received(whole)) > 1, "the fake splits as QRadar does"
    (line,) = lines(batch, AT, replace(PLAIN, limit=4000))
    assert received(line) == [line]
    assert len(line) <= 4000 < PAYLOAD
    made = read(line).attributes
    assert [made[key] for key in ("tenantId", "agentId", "correlationId", "constitutionalHash", "auditRecordId")] == [
        "t-1", "a-1", "c-1", "h", "i",
    ]  # fmt: skip
    assert made["truncated"] == "true"


@pytest.mark.parametrize(
    "wrong",
    [{"version": "3.0"}, {"delimiter": ""}, {"delimiter": "ab"}, {"delimiter": "|"}, {"delimiter": "="},
     {"delimiter": "a"}, {"delimiter": "."}, {"limit": 100}],
)  # fmt: skip
def test_a_style_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"LEEF|delimiter|room"):
        replace(PLAIN, **wrong)


def test_the_reader_reads_ibms_examples() -> None:
    made = read(
        b"LEEF:2.0|Example|AuthAPI|1.4.2|user.login.failure|^|devTime=1767225600123^sev=6^cat=Authentication^"
        b"usrName=alice^src=203.0.113.9^identSrc=203.0.113.9^realm=corp^resource=/admin^reason=bad=password"
    )
    assert (made.event_id, made.attributes["reason"]) == ("user.login.failure", "bad=password")
    assert read(b"LEEF:1.0|V|P|1|id|usrName=a\tsrc=::1").attributes == {"usrName": "a", "src": "::1"}
    assert read(b"LEEF:2.0|V|P|1|id|x5E|usrName=a^src=::1").attributes == {"usrName": "a", "src": "::1"}
    assert read(b"LEEF:2.0|V|P|1|id||usrName=a\tsrc=::1").attributes == {"usrName": "a", "src": "::1"}


@pytest.mark.parametrize(
    "wrong",
    [
        b"LEEF:3.0|V|P|1|id|", b"LEEF:2.0|V|P|1|id", b"LEEF:2.0|V|P|1|id|ab|", b"LEEF:2.0|V|P|1|id|0x12345|",
        b"LEEF:2.0|V|P|1|id|0x7C|", b"LEEF:2.0|V|P|1|id|^|a=1^b", b"LEEF:2.0|V|P|1|id|^|a=1^a=2",
        b"LEEF:1.0|V|P|1|id|sev=0",
        b"LEEF:1.0|V|P|1|id|sev=11", b"LEEF:1.0|V|P|1|id|sev=x", b"LEEF:1.0|V|P|1|id|devTime=now",
        b"LEEF:1.0|V|P|1|id|devTime=1767225600123000000", b"LEEF:1.0|V|P|1|id|src=host", b"LEEF:1.0|V|P|1|id|usrname=a",
        b"LEEF:1.0|V|P|1|id|srcPort=70000", b"LEEF:1.0|V|P|1|" + b"i" * 256 + b"|", b"LEEF:1.0|V|P|1|id|a=b\nc",
        b"LEEF:1.0||P|1|id|", b"LEEF:1.0|V|P|1|id|a.b=c", b"LEEF:1.0|V|P|1|id|a=\xff",
    ],
)  # fmt: skip
def test_the_reader_refuses_what_it_should(wrong: bytes) -> None:
    with pytest.raises(ValueError):
        read(wrong)
