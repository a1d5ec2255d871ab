"""CEF, read back by two readers that are not ours: what the record says, under the right keys, and nothing forged."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from ipaddress import ip_address
from itertools import accumulate
from typing import Any

import cefp
import pytest
from hypothesis import given, settings

from otelsiem.formats import cef, leef
from otelsiem.formats._cef_keys import ATTRIBUTES, FIRST, MESSAGE, RESOURCE, SECOND, SECOND_OF_1
from otelsiem.formats.cef import Style, lines
from otelsiem.formats.json import Event, events
from otelsiem.formats.speaker import Product
from otelsiem.formats.structured import FLAT
from otelsiem.formats.values import text
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope, count, records
from otelsiem.model.severity import SCALES
from tests.benchmarks.records import standard
from tests.examples import some
from tests.formats import hostile, strategies
from tests.formats.cef_reader import Cef, read

AT = Moment(now=1_767_225_601_000_000_000, host="here")
NOON = 1_735_732_800_123_456_789
PLAIN = Style()
HARMFUL = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


def one(resource: dict[str, Any] | None = None, style: Style = PLAIN, **record: Any) -> Cef:
    (line,) = lines([Group(resource or {}, Scope(), [Record(**record)])], AT, style)
    return read(line)


def shown(value: str) -> str:
    """What a reader sees of a text; written anew. Line ends come back as they were."""

    def sign(found: re.Match[str]) -> str:
        point = ord(found[0])
        if found[0] in "\n\r":
            return found[0]
        return "\\t" if point == 9 else f"\\x{point:02x}" if point < 256 else f"\\u{{{point:x}}}"

    return HARMFUL.sub(sign, value)


def told(value: Any) -> str:
    """A value as text; what is no text is JSON, in which a sign that must not act has an escape of JSON's."""
    if isinstance(value, str):
        return shown(value)
    try:
        return HARMFUL.sub(lambda found: json.dumps(found[0])[1:-1], text(value)).replace("\x7f", "\\u007f")
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))


def as_cefp(line: bytes) -> dict[str, str]:
    """The extension as the package reads it."""
    found: dict[str, str] = cefp.parse(line.decode())["extension"]
    return found


def test_p4_a_version_that_is_no_text_is_told_as_one() -> None:
    assert one({"service.version": 7, "service.name": True, "host.name": [1]}, event="x").device == "7"


@given(hostile.batches)
@settings(deadline=None, max_examples=some(100))
def test_p4_every_line_is_read_by_both_readers_the_same(batch: Batch) -> None:
    for style in (Style(), Style(version=1), Style(limit=1024)):
        made = lines(batch, AT, style)
        assert len(made) == count(batch)
        for line in made:
            assert b"\n" not in line
            assert read(line).extension == as_cefp(line)
            assert not style.limit or len(line) <= style.limit


KEYS_OF = {
    key.name: (flat, key.most) for block in (FIRST, SECOND, MESSAGE) for flat, keys in block.items() for key in keys
}
SINGLE = {name: said for name, said in KEYS_OF.items() if name not in ("suser", "duid", "duser", "cfp1", "cfp2", "msg",
          "spriv", "externalId", "src", "c6a2", "shost", "spt")}  # fmt: skip


@given(hostile.batches_of_encodable_groups)
@settings(deadline=None, max_examples=some(100))
def test_what_the_record_says_stands_under_its_key(batch: Batch) -> None:
    for line, event in zip(lines(batch, AT, Style()), documents(batch), strict=True):
        found = read(line).extension
        for key, (flat, most) in SINGLE.items():
            value = getattr(event, flat)
            if flat == "source" and value is not None and key not in found:
                continue  # the name of the service, which the header says
            assert found.get(key) == (None if value in (None, "", b"") else told_up_to(value, most)), key
        assert found.get("cat") == (told_up_to(event.event_type, 1023) if event.event_type else None)
        assert found.get("msg") == (told_up_to(event.message, 1023) if event.message else None)
        assert found["otelsiemTimeUnixNano"] == event.time_unix_nano
        assert found.get("rt") == (event.time_unix_nano[:13] if len(event.time_unix_nano) == 19 else None)
        who = event.user_name or event.user_email
        if type(who) is str and who:
            assert found["suser"] == told_up_to(who, 1023)
        _the_address(found, event.src_ip)
        if event.event_id:
            whole = (
                "externalId"
                if len(shown(event.event_id).replace("\n", "\\n").replace("\r", "\\r")) <= 40
                else "otelsiemEventId"
            )
            assert found[whole] == told(event.event_id)


def documents(batch: Batch) -> list[Event]:
    return events(batch, AT, Product())


def told_up_to(value: Any, most: int) -> str:
    """The value as text, at most so long as it is shown; no shown character is torn."""
    whole = value if isinstance(value, str) else told(value)
    if not most or len(shown(whole[: most + 1])) <= most:
        return shown(whole)
    ends = accumulate([len(shown(sign)) for sign in whole[:most]])
    return shown(whole[: sum([end <= most for end in ends])])


def _the_address(found: dict[str, str], value: Any) -> None:
    if value in (None, "", b""):
        assert not {"src", "c6a2", "shost"} & found.keys()
        return
    said = {key: found[key] for key in ("src", "c6a2", "shost") if key in found}
    assert len(said) == 1
    try:
        version = ip_address(value).version if type(value) is str and "%" not in value else 0
    except ValueError:
        version = 0
    assert [*said] == [{4: "src", 6: "c6a2", 0: "shost"}[version]]
    assert said.popitem()[1] == told_up_to(value, 1023)


NAMES = frozenset(
    f"otelsiem{name[0].upper()}{name[1:]}"
    for name in (*FLAT.values(), "eventId", "eventType", "message", "severityText", "spanId", "traceId", "traceFlags",
                 "observedTimeUnixNano", "severityNumber", "timeUnixNano", "body", "rest", "resourceRest", "scopeRest",
                 "resourceSchemaUrl", "resourceHostName", "scopeName", "scopeVersion", "scopeSchemaUrl", "vendor",
                 "product", "version", "framework", "accountId", "accountName")
)  # fmt: skip


@given(hostile.batches_of_encodable_groups)
@settings(deadline=None, max_examples=some(100))
def test_no_key_is_forged(batch: Batch) -> None:
    """Each key is one that the record gives a reason for, by a meaning or by the name of an attribute."""
    made = iter(zip(lines(batch, AT, Style(version=1)), documents(batch), strict=True))
    for group in batch:
        for record in group.records:
            line, event = next(made)
            known = {
                *record.attributes,
                *(f"{c}.{k}" for c in ("details", "metadata", "context") for k in inner(record, c)),
            }
            allowed = {key.name for flat, keys in {**FIRST, **SECOND, **SECOND_OF_1, **MESSAGE}.items()
                       if said(event, flat) for key in keys}  # fmt: skip
            allowed |= {key.name for name, keys in ATTRIBUTES.items() if name in known for key in keys}
            allowed |= {key.name for name, keys in RESOURCE.items() if name in group.resource for key in keys}
            allowed |= {*NAMES, "cat", "rt", "dvchost", "frameworkName", "threatAttackID"}
            allowed |= {spelled("", name) for name in known}
            allowed |= {spelled("resource", name) for name in group.resource}
            allowed |= {spelled("scope", name) for name in group.scope.attributes}
            assert {key.removesuffix("Label") if not key.startswith("otelsiem") else key
                    for key in read(line).extension} <= allowed  # fmt: skip


def inner(record: Record, container: str) -> Any:
    found = record.attributes.get(container)
    return found if isinstance(found, dict) else ()


def said(event: Event, flat: str) -> bool:
    holder, _, name = flat.partition(".")
    if holder == "account":
        return event.target is not None
    return bool(name or getattr(event, flat, None) not in (None, ""))


def spelled(space: str, key: str) -> str:
    words = [space, *re.split(r"[._:/@ -]+", key)]
    return "otelsiem" + "".join([word[:1].upper() + word[1:] for word in words])


@given(strategies.batches)
@settings(deadline=None)
def test_nothing_is_lost(batch: Batch) -> None:
    """Every value of the record is in the line, as text or inside the JSON of what has no name."""
    for line, record in zip(lines(batch, AT, Style()), records(batch), strict=True):
        found = read(line).extension
        values = set(found.values())
        rest = json.loads(found.get("otelsiemRest", "{}"))
        for key, value in record.attributes.items():
            if key in rest:
                continue
            listed = ",".join(value) if isinstance(value, list) and all(type(v) is str for v in value) else None  # type: ignore[arg-type]  # they are
            assert not told(value) or told(value) in values or listed in values, key
        for name in ("id", "event", "severity_text", "trace_id", "span_id"):
            if value := getattr(record, name):
                assert shown(value) in values


@given(hostile.batches)
@settings(deadline=None, max_examples=some(100))
def test_both_ways_write_the_same(batch: Batch) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("otelsiem.formats._pairs.lines._Lines._found", lambda *_: lambda _record: None)
        generally = lines(hostile.shuffled(batch), AT, Style())
    cef._dialect.cache_clear()  # full, it would take few of these shapes
    assert lines(hostile.shuffled(batch), AT, Style()) == generally


@given(hostile.nearly_plain_batches)
@settings(deadline=None, max_examples=some(100))
def test_plans_write_what_the_general_way_writes(batch: Batch) -> None:
    for style in (Style(), Style(version=1), Style(limit=1024)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("otelsiem.formats._pairs.lines._Lines._found", lambda *_: lambda _record: None)
            generally = lines(hostile.shuffled(batch), AT, style)
        cef._dialect.cache_clear()
        assert lines(hostile.shuffled(batch), AT, style) == generally


SIGNS = ("=", "|", "\\", "\n", "]", '"', "'", "\0", "\x1b[31m", "\u202e", "\u2028", "\ud800", " ")


@pytest.mark.parametrize(
    ("sign", "size"), [*((sign, 2) for sign in SIGNS), *((sign, 1 << 20) for sign in ("=", "\\", "\x1b[31m", "\u202e"))]
)
def test_a_value_of_any_size_stays_a_value(sign: str, size: int) -> None:
    value = f"a{sign}" * (size // len(sign) // 2 or 1) + " suser=root cs1=forged|9|"
    made = one(body=value, attributes={"tenant.id": value, "n": value, "user.id": value})
    assert made.extension["cs1"] == told_up_to(value, 4000)
    assert made.extension["msg"] == told_up_to(value, 1023)
    assert made.extension["otelsiemN"] == shown(value)
    assert "suser" not in made.extension


def test_a_header_cannot_be_left() -> None:
    made = one({"service.namespace": "a|b\\", "service.name": "x\ny=z", "service.version": "\\|"}, event="c|d\\e=f")
    assert (made.vendor, made.product, made.device) == ("a|b\\", "x y=z", "\\|")
    assert (made.class_id, made.name) == ("c|d\\e=f", "C|d\\e=f")
    assert made.extension["otelsiemProduct"] == "x\ny=z", "what the header cannot say is said elsewhere"


@pytest.mark.parametrize(
    ("event", "class_id", "name"),
    [
        ("", "event", "Event"),
        ("authentication_failure", "authentication_failure", "Authentication failure"),
        ("AUTH_FAILED", "authentication_failure", "Authentication failure"),
        ("Tool-Call", "tool_call", "Tool call"),
        ("MFA_disabled", "MFA_disabled", "MFA disabled"),
    ],
)
def test_one_class_per_kind_of_event(event: str, class_id: str, name: str) -> None:
    made = one(event=event)
    assert (made.class_id, made.name) == (class_id, name)
    assert made.extension.get("cat", "") == event


def test_somebody_always_speaks() -> None:
    assert (one().vendor, one().product, one().device) == ("otelsiem", "otelsiem", "0")
    style = Style(Product("v", "p", "1"))
    made = one({"service.name": "auth", "service.namespace": "n"}, style)
    assert (made.vendor, made.product, made.device) == ("v", "p", "1")
    assert made.extension["sourceServiceName"] == "auth"


@pytest.mark.parametrize("number", range(25))
def test_severity(number: int) -> None:
    made = one(severity=number)
    assert made.severity == str(SCALES[number].cef)
    assert made.extension["otelsiemSeverityNumber"] == str(number)


@pytest.mark.parametrize("size", [40, 41, 64])
def test_an_id_is_never_cut(size: int) -> None:
    made = one(id="f" * size).extension
    assert made["externalId" if size <= 40 else "otelsiemEventId"] == "f" * size
    assert len({"externalId", "otelsiemEventId"} & made.keys()) == 1


def test_what_a_key_has_no_room_for_stands_whole_elsewhere() -> None:
    made = one(attributes={"audit.action": "x" * 64, "server.address": "h" * 1024, "a": 1}, body="y" * 1024).extension
    assert (made["act"], made["otelsiemAction"]) == ("x" * 63, "x" * 64)
    assert (made["dhost"], made["otelsiemServerAddress"]) == ("h" * 1023, "h" * 1024)
    assert (made["msg"], made["otelsiemMessage"]) == ("y" * 1023, "y" * 1024)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"client.address": "2001:db8::9"}, {"c6a2Label": "Source IPv6 Address", "c6a2": "2001:db8::9"}),
        ({"server.address": "10.0.0.1", "server.port": 443}, {"dst": "10.0.0.1", "dpt": "443"}),
        ({"server.address": "2001:db8::9"}, {"c6a3Label": "Destination IPv6 Address", "c6a3": "2001:db8::9"}),
        ({"server.address": "db.example.com"}, {"dhost": "db.example.com"}),
        ({"client.port": 70_000}, {"otelsiemSrcPort": "70000"}),
        ({"user.email": "a@b.c", "user.id": "7"}, {"suser": "a@b.c", "suid": "7"}),
        ({"user.name": "n", "user.email": "a@b.c"}, {"suser": "n", "otelsiemUserEmail": "a@b.c"}),
        ({"user.roles": ["a", "b"]}, {"spriv": "a,b"}),
        ({"user.roles": ["a,b"]}, {"spriv": '["a,b"]'}),
        ({"audit.target.type": "user", "audit.target.id": "7", "audit.target.name": "bob"},
         {"duid": "7", "duser": "bob", "otelsiemTargetType": "user"}),
        ({"audit.target.type": "vault", "audit.target.id": "7"},
         {"otelsiemTargetId": "7", "otelsiemTargetType": "vault"}),
        ({"a.b": 1, "a_b": 2, "c": None, "": 3}, {"otelsiemRest": '{"c":null,"a.b":1,"a_b":2,"":3}'}),
        ({"risk.level": "high", "anomaly.type": "x"},
         {"flexString1Label": "RiskLevel", "flexString1": "high", "otelsiemAnomalyType": "x"}),
        ({"compliance.policies_total": 25, "compliance.is_compliant": False},
         {"cn1Label": "PoliciesTotal", "cn1": "25", "flexString1Label": "Compliant", "flexString1": "false"}),
        ({"audit.risk": 1.5, "risk.score": float("nan")}, {"otelsiemAuditRisk": "1.5", "otelsiemRiskScore": "NaN"}),
        ({"message": "m"}, {"msg": "m"}),
    ],
)  # fmt: skip
def test_where_things_go(attributes: dict[str, Any], expected: dict[str, str]) -> None:
    made = one(attributes=attributes, time=NOON).extension
    always = {
        "dvchost": "here",
        "rt": "1735732800123",
        "otelsiemSeverityNumber": "0",
        "otelsiemTimeUnixNano": str(NOON),
    }
    assert made == always | expected


def test_version_1_has_keys_for_target_and_technique() -> None:
    attributes = {"audit.target.id": "vault", "audit.target.type": "secret", "threat.technique.id": "T1078"}
    made = one(style=Style(version=1), attributes=attributes)
    assert made.version == 1
    assert made.extension["reportedResourceID"] == "vault"
    assert made.extension["reportedResourceType"] == "secret"
    assert (made.extension["frameworkName"], made.extension["threatAttackID"]) == ("MITRE ATT&CK", "T1078")
    known = one(style=Style(version=1), event="prompt_injection_attempt").extension
    assert (known["frameworkName"], known["threatAttackID"]) == ("MITRE ATLAS", "AML.T0051")


def test_resource_and_scope_are_told() -> None:
    resource: dict[str, Any] = {
        "host.name": "h",
        "host.ip": ["fe80::1", "10.0.0.1"],
        "process.pid": 7,
        "tenant.id": "t",
        "a.b": "c",
    }
    group = Group(resource, Scope("s", "1", {"k": "v", "name": "n"}), [Record(time=NOON)], "https://schema")
    made = read(lines([group], AT, Style())[0]).extension
    assert made == {
        "dvchost": "h", "rt": "1735732800123", "cs1Label": "TenantID", "cs1": "t", "otelsiemSeverityNumber": "0",
        "c6a1Label": "Device IPv6 Address", "c6a1": "fe80::1", "otelsiemResourceHostIp": '["fe80::1","10.0.0.1"]',
        "dvcpid": "7", "otelsiemResourceTenantId": "t", "otelsiemResourceAB": "c",
        "otelsiemResourceSchemaUrl": "https://schema", "otelsiemScopeName": "s", "otelsiemScopeVersion": "1",
        "otelsiemScopeK": "v", "otelsiemScopeRest": '{"name":"n"}', "otelsiemTimeUnixNano": str(NOON),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        ({"service.name": [None]}, {"sourceServiceName": "[null]"}),
        ({"service.name": ["a", "b"]}, {"sourceServiceName": '["a","b"]'}),
        ({"host.ip": "10.0.0.1"}, {"dvc": "10.0.0.1"}),
        (
            {"host.ip": ["", None, "::1", "10.0.0.1"]},
            {"c6a1": "::1", "otelsiemResourceHostIp": '["",null,"::1","10.0.0.1"]'},
        ),
        ({"host.ip": [], "process.pid": "7"}, {"otelsiemResourceHostIp": "[]", "otelsiemResourceProcessPid": "7"}),
        (
            {"service.instance.id": "x" * 256},
            {"deviceExternalId": "x" * 255, "otelsiemResourceServiceInstanceId": "x" * 256},
        ),
        ({"": 1, "a=b": 2, "n": None}, {"otelsiemResourceRest": '{"":1,"a=b":2,"n":null}'}),
    ],
)
def test_odd_resources(resource: dict[str, Any], expected: dict[str, str]) -> None:
    made = one(resource, Style(Product("v", "p", "1"))).extension
    assert {key: value for key, value in made.items() if key in expected} == expected
    assert all(made.values())


@pytest.mark.parametrize("time", [1, 10**9, 10**18 - 1, 10**19, 2**64 - 1])
def test_a_time_that_would_be_misread_is_only_told_exactly(time: int) -> None:
    made = one(time=time).extension
    assert "rt" not in made
    assert made["otelsiemTimeUnixNano"] == str(time)


def test_a_record_that_says_nothing() -> None:
    for record in (Record(), Record(time=1), Record(time=NOON), Record(event="e", time=1)):
        for style in (PLAIN, Style(limit=512)):
            (line,) = lines([Group({}, Scope(), [record])], Moment(now=AT.now), style)
            assert read(line).extension["otelsiemTimeUnixNano"] == str(record.time or AT.now)
            assert b"| " not in line


PIVOTS = {"tenant.id": "t-1", "gen_ai.agent.id": "a-1", "audit.correlation.id": "c-1", "audit.constitutional_hash": "h"}


@pytest.mark.parametrize("limit", [1024, 4000, 8000])
@pytest.mark.parametrize("filler", ["é", "=", "\x1b", "🧑"])
def test_a_line_over_the_limit_keeps_what_matters(limit: int, filler: str) -> None:
    attributes: dict[str, Any] = PIVOTS | {f"long.{n}": filler * 5000 for n in range(10)}
    (line,) = lines(
        [Group({}, Scope(), [Record(id="i", body=filler * 9999, attributes=attributes)])], AT, Style(limit=limit)
    )
    assert limit - 200 < len(line) <= limit
    made = read(line).extension
    assert [made[f"cs{n}"] for n in range(1, 5)] == ["t-1", "a-1", "c-1", "h"]
    assert made["externalId"] == "i"
    assert made["otelsiemTruncated"] == "true"
    assert made["msg"]
    assert set(made["msg"]) <= set(shown(filler)), "no torn escape"


@pytest.mark.parametrize("limit", [512, 724, 1024, 8000])
@pytest.mark.parametrize("filler", ["x", "=", "🧑"])
def test_even_endless_pivots_leave_room_for_each_other(filler: str, limit: int) -> None:
    attributes: dict[str, Any] = dict.fromkeys(
        (*PIVOTS, "user.name", "user.id", "audit.action", "session.id"), filler * 9999
    )
    resource: dict[str, Any] = dict.fromkeys(
        ("service.namespace", "service.name", "service.version", "host.name"), filler * 9999
    )
    batch = [Group(resource, Scope(), [Record(id="i" * 36, event=filler * 9999, attributes=attributes)])]
    (line,) = lines(batch, AT, Style(limit=limit))
    made = read(line).extension
    assert limit // 2 < len(line) <= limit
    assert {"externalId", "cs1", "cs2", "cs3", "cs4", "otelsiemTruncated"} <= made.keys()


@pytest.mark.parametrize("wrong", [{"version": 2}, {"limit": 100}, {"limit": 511}])
def test_a_style_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"CEF|room"):
        replace(Style(), **wrong)


def test_the_readers_read_alike() -> None:
    """A line of the contract: the reader refuses what contract 8 lists, so it can judge."""
    line = (
        rb"CEF:0|Example|AuthAPI|1.4.2|user.mfa.disable|MFA disabled|6|rt=1767225600123 suser=alice cs1Label=a cs1=b "
        rb"msg=path C:\\tmp a\=b first\nsecond | pipe is fine here"
    )
    assert read(line).extension["msg"] == "path C:\\tmp a=b first\nsecond | pipe is fine here"
    assert as_cefp(line) == read(line).extension


@pytest.mark.parametrize(
    "wrong",
    [
        b"CEF:2|a|b|c|d|e|3|", b"CEF:0|a|b|c|d|e|11|", b"CEF:0|a|b|c|d|e|x|", b"CEF:0||b|c|d|e|3|", b"CEF:0|a|b|c|d|e|",
        rb"CEF:0|a\=|b|c|d|e|3|", rb"CEF:0|a|b|c|d|e|3|act=a\|b", rb"CEF:0|a|b|c|d|e|3|act=a\b",
        b"CEF:0|a|b|c|d|e|3|act=a act=b", b"CEF:0|a|b|c|d|e|3|cs1=a", b"CEF:0|a|b|c|d|e|3|cs1Label=a",
        b"CEF:0|a|b|c|d|e|3|src=2001:db8::1", b"CEF:0|a|b|c|d|e|3|rt=1767225600", b"CEF:0|a|b|c|d|e|3|eventId=1",
        b"CEF:0|a|b|c|d|e|3|act=" + b"a" * 64, b"CEF:0|a|b|c|d|e|3|act=a\x00", b"CEF:0|a|b|c|d|e|3|act=a ",
        b"CEF:0|a|b|c|d|e|3|act=\xff", b"CEF:0|a|b|c|d|e|3|unknown=1", b"CEF:0|a|b|c|d|e|3|frameworkName=x",
    ],
)  # fmt: skip
def test_the_reader_refuses_what_it_should(wrong: bytes) -> None:
    with pytest.raises(ValueError):
        read(wrong)


def test_no_consumers_key_is_in_the_dictionary() -> None:
    ours = {key.name for block in (FIRST, SECOND, SECOND_OF_1, MESSAGE, ATTRIBUTES, RESOURCE)
            for keys in block.values() for key in keys}  # fmt: skip
    consumers = {
        "agt", "ahost", "aid", "amac", "art", "at", "atz", "av", "agentTranslatedAddress", "customerExternalID",
        "customerURI", "eventId", "rawEvent", "dlat", "dlong", "slat", "slong", "agentDnsDomain", "agentNtDomain",
    }  # fmt: skip
    assert not ours & consumers
    assert not any(name.endswith(("ZoneURI", "ZoneExternalID")) for name in ours)


@pytest.mark.parametrize(
    "attributes",
    [
        {"user.roles": ["a=b", "c"]}, {"user.roles": ["a,b"]}, {"l": ["a\\b", "c=d^", "\u202e", '"']}, {"l": []},
        {"f": 1.5}, {"f": float("nan")}, {"b": True}, {"n": -5}, {"tenant.id": "a=b\\^"}, {"tenant.id": 7},
        {"audit.action": False}, {"audit.target.type": "vault", "audit.target.id": "v"}, {"a": "\u202e\n\x1b"},
        {"client.address": "10.0.0.1", "client.port": 80}, {"risk.score": 5}, {"risk.score": 0.5},
        {"compliance.policies_total": 3, "compliance.score": 1.0},
        {"audit.outcome": "failure", "audit.action": "x" * 63}, {"message.id": "m"},
    ],
)  # fmt: skip
def test_what_a_plan_writes(attributes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these has a plan, which writes what the general way does."""
    batch = [
        Group({"tenant.id": "r"}, Scope(), [Record(id="i", time=NOON, event="e", body="b", attributes=attributes)])
    ]
    formats: list[Any] = [cef, leef]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("otelsiem.formats._pairs.lines._Lines._found", lambda *_: lambda _record: None)
        generally = [module.lines(batch, AT, module.Style()) for module in formats]
    shut(monkeypatch)
    assert [module.lines(batch, AT, module.Style()) for module in formats] == generally


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("n", [5, True, "t", 1.5, None, "", [1], {"a": 1}, 5]),
        ("client.address", ["10.0.0.1", "::1", "host", "10.0.0.2", "::2", 7, ""]),
        ("server.address", ["::1", "10.0.0.1", "host", "x" * 2000]),
        ("client.port", [80, 70_000, -1, "80", True]),
        ("audit.outcome", ["success", "denied", "weird", "failure", True, "success"]),
        ("status", ["ok", "denied", "weird", 200, "ok"]),
        ("audit.target.type", ["vault", "user", "Account", "vault"]),
        ("threat.technique.id", ["T1078", "AML.T0051", "T1", "x" * 40, "T1059.001"]),
        ("risk.score", [1, 1.5, float("inf"), 2**60, "1"]),
        ("audit.action", ["a", "x" * 64, "a=b", "=" * 63, "\x1b" * 20]),
        ("tenant.id", ["t", 7, "t=", "\\", "\u202e"]),
    ],
)
def test_neighbours_of_one_shape_are_written_as_they_are_alone(key: str, values: list[Any]) -> None:
    made = [Record(id="i", time=NOON, event="e", body="b", attributes={"audit.target.id": "v", key: v}) for v in values]
    for module in (cef, leef):
        module._dialect.cache_clear()
        together = module.lines([Group({}, Scope(), made)], AT, module.Style())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("otelsiem.formats._pairs.lines._Lines._found", lambda *_: lambda _record: None)
            assert together == [module.lines([Group({}, Scope(), [one])], AT, module.Style())[0] for one in made]


def test_who_speaks_is_asked_each_time() -> None:
    batch = standard(1)
    said = [lines(batch, Moment(now=AT.now, host=host), Style(Product(name)))[0] for name in "ab" for host in "cd"]
    assert [read(line).vendor for line in said] == ["a", "a", "b", "b"]
    batch[0].resource.pop("host.name")
    said = [lines(batch, Moment(now=AT.now, host=host), PLAIN)[0] for host in ("c", "d", "c")]
    assert [read(line).extension["dvchost"] for line in said] == ["c", "d", "c"]


def shut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes the general way."""

    def general(*_: object) -> bytes:
        raise AssertionError("this record has no plan")

    for module in (cef, leef):
        module._dialect.cache_clear()  # other tests have filled it with plans
    monkeypatch.setattr("otelsiem.formats._pairs.lines._Lines._general", general)


def test_the_usual_record_has_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    shut(monkeypatch)
    batch = standard(3)
    assert len(lines(batch, AT, PLAIN)) == 3
    assert len(leef.lines(batch, AT, leef.Style())) == 3


def test_plans_are_bounded() -> None:
    """Senders who invent shapes cannot fill the memory."""
    plans = cef._dialect(0).plans
    for n in range(2000):
        one(attributes={f"key{n}": "v"}, time=NOON)
    assert len(plans) <= 256
