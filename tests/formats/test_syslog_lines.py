"""Every line is what its RFC allows and says what the record says, by the word of a strict reader that is not ours."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from otelsiem.formats import rfc3164, rfc5424, syslog_lines
from otelsiem.formats.header import Style
from otelsiem.formats.json import events
from otelsiem.formats.layout import Layouts
from otelsiem.formats.sd_layout import Layout, layout
from otelsiem.formats.speaker import Product
from otelsiem.formats.structured import FLAT, PIVOTS
from otelsiem.formats.template import Template
from otelsiem.formats.values import text
from otelsiem.formats.visible import visible
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope, records
from otelsiem.testing.syslog_message import BOM, Message, elements, read, read_old
from tests.examples import some
from tests.formats import strategies
from tests.golden.cases import AT as GOLDEN_AT
from tests.golden.cases import CASES

with warnings.catch_warnings():  # lark, on which it stands, imports a module of Python that is deprecated
    warnings.simplefilter("ignore", DeprecationWarning)
    from syslog_rfc5424_parser import SyslogMessage

AT = Moment(now=1_767_225_601_000_000_001, host="here")
NOON = 1_735_732_800_123_456_789
ROOMY = 10_000_000
STYLES = (
    Style(max_bytes=ROOMY),
    Style(max_bytes=ROOMY, bom=True, sd_id="acgs2@12345", facility=16, broadcast=True),
    Style(max_bytes=ROOMY, app_name=Template("{tenant.id}-{event}"), product=Product("Vendor", 'P "1"]', "1\n")),
    Style(max_bytes=2000),
    Style(max_bytes=1024, bom=True),
    Style(message="json"),
    Style(message="json", max_bytes=1024),
)
EVIL = (
    "=", "|", "\\", "\n", "\r\n", "]", '"', '"]', '\\"', "\\]", "\x00", "\x1b[2J", "\u202eexe", "\u2028", "\ufeff",
    "[a@1 b=\"c\"]", '" forged="1', '"] forged', "x" * 3000, "é" * 1500, "\\" * 1200, "]" * 1200, "\x00" * 800, " ",
    "\x9b31m", "\U000e0041", "#012", "\\n", "日本語",
)  # fmt: skip


def picked(numbers: list[int]) -> str:
    """Not `sampled_from`: Hypothesis would print all of them."""
    return "".join([EVIL[number] for number in numbers])


hostile = st.lists(st.integers(0, len(EVIL) - 1), max_size=4).map(picked)
anything = st.one_of(hostile, strategies.values)
names = st.one_of(hostile, st.sampled_from(strategies.KNOWN), st.text(max_size=40), st.text("aA.~", max_size=4))
evil = st.builds(
    Record,
    id=st.sampled_from(["id-1", "", '"]\n']),
    time=strategies.times,
    observed=strategies.times,
    severity=st.integers(-3, 30),
    severity_text=hostile,
    event=st.one_of(hostile, st.sampled_from(["login", "a" * 33])),
    body=anything,
    attributes=st.dictionaries(names, anything, max_size=6),
    trace_id=st.sampled_from(["", "a" * 32, '"'] ),
    span_id=st.just(""),
    flags=st.integers(0, 1),
)  # fmt: skip
evil_groups = st.builds(
    Group,
    st.dictionaries(st.one_of(names, st.sampled_from(["host.name", "service.name", "process.pid"])), anything,
                    max_size=4),
    st.builds(Scope, hostile, hostile, st.dictionaries(names, anything, max_size=2), hostile),
    st.lists(evil, max_size=4),
    hostile,
)  # fmt: skip
batches: st.SearchStrategy[Batch] = st.lists(evil_groups, max_size=2) | strategies.batches


def old(line: bytes) -> Message:
    """An RFC 3164 message, with the structured data before its text taken out."""
    found = read_old(line)
    raw = found.text.encode()
    data, at = elements(raw, 0) if raw.startswith(b"[") else ({}, -1)
    return Message(found.priority, found.time, found.host, found.app, found.process, "-", data, raw[at + 1 :].decode())


@given(batches, st.sampled_from(STYLES))
@settings(deadline=None, max_examples=some(80))
def test_any_record_is_one_line_that_a_strict_reader_takes(batch: Batch, style: Style) -> None:
    count = len([*records(batch)])
    for module, reader in ((rfc5424, read), (rfc3164, old)):
        lines = module.lines(batch, AT, style)
        assert len(lines) == count
        for line in lines:
            assert len(line) <= style.max_bytes
            assert b"\n" not in line
            message = reader(line)
            assert 8 * style.facility <= message.priority < 8 * style.facility + 8
            assert {len(name) <= 32 for element in message.data.values() for name in element} <= {True}


@given(batches)
@settings(deadline=None, max_examples=some(80))
def test_what_a_record_says_is_read_again(batch: Batch) -> None:
    """The flat names, the rest of the attributes by value, and the message, through the strict reader."""
    style = Style(max_bytes=100 << 20)
    for line, event in zip(rfc5424.lines(batch, AT, style), events(batch, AT, style.product), strict=True):
        message = read(line)
        said = message.data.get(style.sd_id, {})
        for name in ("event_id", *PIVOTS, "user_id", "outcome", "src_ip", "reason"):
            value = getattr(event, name)
            shown = "id" if name == "event_id" else FLAT[name]
            assert said.get(shown) == (None if value in (None, "") and not said.get(shown) else visible(text(value)))
        rest = {**(event.metadata or {})}
        assert [*said.values()][len(said) - len(rest) :] == [visible(text(value)) for value in rest.values()]
        assert message.text == visible(event.message if event.message is not None else text(event.body))
        if event.event_type and message.id != event.event_type:
            assert said["eventType"] == visible(event.event_type)


def judged(line: bytes) -> None:
    """By syslog_rfc5424_parser, which leaves escapes in values and makes a number of PROCID."""
    message, mine = SyslogMessage.parse(line.decode()), read(line)
    assert message.msgid == (None if mine.id == "-" else mine.id)
    assert message.hostname == (None if mine.host == "-" else mine.host)
    assert {name: {*params} for name, params in message.sd.items()} == {n: {*p} for n, p in mine.data.items()}


@given(batches)
@settings(deadline=None, max_examples=some(50))
def test_an_independent_parser_takes_every_line(batch: Batch) -> None:
    for line in rfc5424.lines(batch, AT, Style(max_bytes=1500)):
        if b"\\" not in line:  # its pattern for values with escapes takes exponential time
            judged(line)


@pytest.mark.parametrize("case", CASES)
def test_an_independent_parser_takes_the_golden_cases(case: str) -> None:
    for line in rfc5424.lines(CASES[case], GOLDEN_AT, Style()):
        judged(line)


class NoLayouts(Layouts[Layout]):
    def get(self, signature: tuple[Any, ...], said: tuple[str, ...]) -> Layout | None:
        return None


PLAIN = st.builds(
    Record,
    id=st.sampled_from(["id", ""]),
    time=st.sampled_from([0, -1, 1, 999_999_999, NOON]),
    observed=st.sampled_from([0, NOON]),
    severity=st.integers(-1, 25),
    severity_text=st.sampled_from(["", "INFO", '"']),
    event=st.sampled_from(["", "login", "a b", "a" * 33]),
    body=st.sampled_from([None, "", "text", "two\nlines", 5, {"message": "m", "a": 1}, "x" * 3000]),
    attributes=st.dictionaries(
        st.sampled_from(strategies.KNOWN) | st.text('ab."%\n', max_size=3),
        st.text('ab"é\\]\n', min_size=1, max_size=4) | st.sampled_from(["success", "denied", ""]) | st.booleans()
        | st.integers(-5, 2**63) | st.floats() | st.lists(st.sampled_from(["a", 1, None]), max_size=2) | st.none(),
        max_size=6,
    ),
    trace_id=st.sampled_from(["", "0" * 32]),
    span_id=st.sampled_from(["", "0" * 16]),
    flags=st.integers(0, 1),
)  # fmt: skip


@given(
    st.lists(PLAIN, min_size=1, max_size=5).map(
        lambda made: [Group({"service.name": "a", "tenant.id": "t"}, Scope("s"), made * 3)]
    )
    | batches,
    st.sampled_from(STYLES),
)
@settings(deadline=None, max_examples=some(80))
def test_the_bytes_are_those_of_the_general_way(batch: Batch, style: Style) -> None:
    for module in (rfc5424, rfc3164):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(syslog_lines, "_LAYOUTS", NoLayouts(1, layout))
            generally = module.lines(batch, AT, style)
        assert module.lines(batch, AT, style) == generally


@pytest.mark.parametrize("sign", ['"', "\\", "]", "\n", "\x00", "\u202e", "\ud800"])
@pytest.mark.parametrize("where", ["id", "severity_text", "event", "trace_id", "attribute", "body"])
def test_one_sign_is_enough_to_leave_the_layout(sign: str, where: str) -> None:
    value = f"a{sign}b"
    record = Record(id="r", time=NOON, event="login", attributes={"user.id": value if where == "attribute" else "u"})
    if where != "attribute":
        setattr(record, where, value)
    for module, reader in ((rfc5424, read), (rfc3164, old)):
        lines = module.lines([Group({}, Scope(), [record] * 3)], AT, Style())
        [alone] = module.lines([Group({}, Scope(), [record])], AT, Style())
        assert lines == [alone] * 3
        message = reader(alone)
        assert visible(value) in [*message.data["audit@32473"].values(), message.text, message.id]


def test_the_standard_record_has_a_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    [group] = CASES["login"]
    [record] = group.records
    plain = {key: value for key, value in record.attributes.items() if key != "user.roles"}

    def shut(*_: object) -> None:
        raise AssertionError("it went the general way")

    monkeypatch.setattr(syslog_lines, "document", shut)
    with pytest.raises(AssertionError, match="the general way"):
        rfc5424.lines([Group(group.resource, Scope("s"), [record] * 3)], AT, Style())  # the JSON of a list has quotes
    record = structs.replace(record, attributes=plain)
    assert len(rfc5424.lines([Group(group.resource, Scope("s"), [record] * 3)], AT, Style())) == 3


def one(record: Record, style: Style | None = None, resource: dict[str, Any] | None = None) -> Message:
    return read(rfc5424.lines([Group(resource or {}, Scope(), [record])], AT, style or Style())[0])


@pytest.mark.parametrize(("severity", "level"), [(0, 6), (1, 7), (9, 6), (10, 5), (13, 4), (17, 3), (21, 2), (24, 1)])
def test_facility_and_severity_make_the_priority(severity: int, level: int) -> None:
    assert one(Record(severity=severity)).priority == 13 * 8 + level
    assert one(Record(severity=severity), Style(facility=20)).priority == 20 * 8 + level


def test_an_emergency_is_broadcast_only_when_that_is_asked_for() -> None:
    assert one(Record(severity=24), Style(broadcast=True)).severity == 0
    assert one(Record(severity=23), Style(broadcast=True)).severity == 2


def test_times_have_six_digits_that_are_cut_and_not_rounded() -> None:
    assert one(Record(time=1_735_732_799_999_999_999)).time == "2025-01-01T11:59:59.999999Z"
    assert one(Record(time=1)).time == "1970-01-01T00:00:00.000000Z"
    assert one(Record()).time == "2026-01-01T00:00:01.000000Z"  # when it is sent
    [line] = rfc3164.lines([Group({}, Scope(), [Record(time=NOON)])], AT, Style())
    assert read_old(line).time == "Jan  1 12:00:00"


def test_a_time_that_rsyslog_cannot_read_stands_beside_the_record() -> None:
    last, first = 4_102_444_799_999_999_999, 4_102_444_800_000_000_000
    assert one(Record(time=last)).time == "2099-12-31T23:59:59.999999Z"
    assert one(Record(time=first)).time == "-"
    assert one(Record(time=first)).data["audit@32473"]["timeUnixNano"] == str(first)
    assert "timeUnixNano" not in one(Record(time=last)).data["audit@32473"]


def test_the_header_says_who_and_the_event_type() -> None:
    resource: dict[str, Any] = {"host.name": "server-01", "service.name": "auth api", "process.pid": 4711}
    message = one(Record(time=NOON, event="login"), resource=resource)
    assert (message.host, message.app, message.process, message.id) == ("server-01", "auth_api", "4711", "login")
    assert message.data["resource@32473"]["process.pid"] == "4711"
    assert "host.name" not in message.data["resource@32473"], "it stands in the header as it is"
    assert message.data["origin"] == {"software": "auth api"}
    assert one(Record()).host == "here"
    assert one(Record(event="späť")).id == "sp_"
    assert one(Record(event="späť")).data["audit@32473"]["eventType"] == "späť"
    [line] = rfc3164.lines([Group(resource, Scope(), [Record(time=NOON, event="login")])], AT, Style())
    found = old(line)
    assert (found.app, found.process) == ("auth_api", "4711")
    assert found.data["audit@32473"]["eventType"] == "login"


def test_names_that_are_long_bad_or_ours_are_changed_the_same_way_each_time_and_never_meet() -> None:
    long = "http.request.header." + "x" * 40
    attributes: dict[str, Any] = {long: "1", long + "y": "2", "a b": "3", "a\tb": "4", "tenantId": "5",
                  "TENANTID": "6", "id": "7", "Key": "8", "key": "9", "": "10", "ключ": "11",
                  "truncated": "12"}  # fmt: skip
    first = one(Record(attributes=attributes)).data["audit@32473"]
    assert sorted(first.values(), key=int)[1:] == [str(n) for n in range(1, 13)]
    assert first["Key"] == "8"
    assert "id" not in first
    for key, value in attributes.items():  # a name does not depend on its neighbours, unless they would be one
        alone = one(Record(attributes={key: value})).data["audit@32473"]
        assert {*alone.items()} <= {*first.items()} or key == "key"


def test_the_byte_order_mark_stands_before_the_message_and_nowhere_else() -> None:
    batch = [Group({}, Scope(), [Record(body="ok"), Record(), Record(body="né")])]
    with_text, without, third = rfc5424.lines(batch, AT, Style(bom=True))
    assert with_text.endswith(b"] " + BOM + b"ok")
    assert BOM not in without
    assert third.endswith(b"] " + BOM + "né".encode())
    assert BOM not in b"".join(rfc3164.lines(batch, AT, Style(bom=True)))


@pytest.mark.parametrize("limit", [1024, 2048, 8000])
@pytest.mark.parametrize("sign", ["x", "é", "\n", "\u202e", '"', "\\", "日"])
def test_a_long_message_is_cut_at_a_character_and_says_so(limit: int, sign: str) -> None:
    record = Record(id="r-1", event="login", body=sign * 9000, attributes={"tenant.id": "t"})
    [line] = rfc5424.lines([Group({}, Scope(), [record])], AT, Style(max_bytes=limit))
    message = read(line)
    assert limit - 12 < len(line) <= limit
    assert message.data["audit@32473"]["truncated"] == "message"
    assert visible(sign * 9000).startswith(message.text)


def test_values_are_cut_only_when_the_message_is_not_enough_and_the_core_stays() -> None:
    attributes: dict[str, Any] = {f"key-{n}": "v" * 900 for n in range(20)}
    attributes |= {"tenant.id": "tenant-1", "gen_ai.agent.id": "agent-1", "audit.correlation.id": "c-1"}
    record = Record(id="r-1", event="login", body="the message " * 30, attributes=attributes)
    [line] = rfc5424.lines([Group({}, Scope(), [record])], AT, Style())
    said = read(line).data["audit@32473"]
    assert said["truncated"] == "message,data"
    assert (said["id"], said["tenantId"], said["agentId"], said["correlationId"]) == (
        "r-1",
        "tenant-1",
        "agent-1",
        "c-1",
    )
    assert len([name for name in said if name.startswith("key-")]) == 20
    assert len(read(line).text) >= 180


def test_more_attributes_than_fit_leave_the_core_the_first_ones_and_a_word() -> None:
    attributes: dict[str, Any] = {f"key-{n}": n for n in range(5000)} | {"tenant.id": "t"}
    for limit in (1024, 8000):
        record = Record(id="r" * 5000, event="login", body="b" * 300, attributes=attributes)
        [line] = rfc5424.lines([Group({}, Scope(), [record])], AT, Style(max_bytes=limit))
        said = read(line).data["audit@32473"]
        assert said["truncated"] == "message,data"
        assert said["tenantId"] == "t"
        assert said["id"].startswith("rrrr")
        assert len(line) > limit - 150


def test_json_stays_json_when_it_is_cut() -> None:
    import json

    for case, batch in CASES.items():
        for limit in (1024, 4096, 8000):
            for line in rfc5424.lines(batch, GOLDEN_AT, Style(message="json", max_bytes=limit)):
                found = json.loads(read(line).text)
                assert found["severity"], case
                assert found.get("truncated", False) in (True, False)


def test_four_pivots_are_in_every_form() -> None:
    [group] = CASES["login"]
    style: Literal["text", "json"]
    for style in ("text", "json"):
        for reader, module in ((read, rfc5424), (old, rfc3164)):
            [line] = module.lines([group], AT, Style(message=style))
            said = reader(line).data["audit@32473"]
            assert said["tenantId"] == "tenant-123"
            assert said["agentId"] == "agent-456"
            assert said["correlationId"] == "c-1"
            assert said["constitutionalHash"] == "cdd01ef066bc6cf2"
