"""OCSF events as two judges see them, one of them not ours, in every version; and that nothing of a record is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.formats.ocsf import NEWEST, Style, Version, documents, lines
from otelsiem.formats.ocsf_check import check, faults
from otelsiem.formats.values import text
from otelsiem.model.event import ALIASES, EVENTS
from otelsiem.model.record import Batch, Group, Record, Scope, Value, records
from tests.examples import some
from tests.formats import strategies
from tests.formats.ocsf_judge import VERSIONS, verdict
from tests.golden.cases import AT, CASES, NOON

STYLE = Style()
LONG = "0000:0000:0000:0000:0000:ffff:192.168.100.228"  # a good address that is longer than `ip_t`


def judged(line: bytes, version: str = NEWEST) -> Any:
    """The event of a line; both judges have nothing against it."""
    event = json.loads(line)
    assert event["metadata"]["version"] == version
    assert faults(event) == []
    assert verdict(event, version) == []
    return event


def one(record: Record, resource: dict[str, Value] | None = None, style: Style = STYLE) -> Any:
    (line,) = lines([Group(resource or {"service.name": "api"}, Scope(), [record])], AT, style)
    event = judged(line, style.version)
    assert check(event) == []
    return event


def said(event: str, **attributes: Value) -> Any:
    """The event of a record with these attributes; `__` is a dot."""
    named = {key.replace("__", "."): value for key, value in attributes.items()}
    return one(Record(id="id-1", time=NOON, event=event, attributes=named))


def texts_in(value: Any) -> set[str]:
    """Every text, key and number in an event, as text."""
    if isinstance(value, dict):
        return set(value).union(*map(texts_in, value.values()))
    if isinstance(value, list):
        return set().union(*map(texts_in, value)) if value else set()
    return {text(value)}


# what is valid


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", CASES)
def test_both_judges_take_the_golden_cases(case: str, version: Version) -> None:
    for line in lines(CASES[case], AT, Style(version=version)):
        judged(line, version)


known_records = st.builds(
    Record,
    id=st.sampled_from(["", "id-1", "i" * 70_000]),
    time=st.just(NOON),
    severity=st.integers(0, 24),
    event=st.sampled_from([*EVENTS, *ALIASES, "user.login", "", "e" * 70_000]),
    body=strategies.values,
    attributes=st.dictionaries(
        st.sampled_from(
            [
                *strategies.KNOWN, "server.address", "server.port", "http.request.method", "url.full", "url.path",
                "url.query", "http.response.status_code", "risk.level", "title", "description", "recommendations",
                "detection.detector", "detection.method", "anomaly.type", "compliance.is_compliant",
            ]
        ),
        strategies.values
        | st.sampled_from(
            [
                "192.0.2.1", "2001:db8::1", LONG, "fe80::1%1", "db_1", "db-1.", "a b", "a@example.com", "a@b", "GET",
                "get", "https://example.com/x", "user", "agent", "high", "delete", "create", "T1078.004", "x" * 70_000,
                443, 70_000, 200, True, 0.5, 3.0,
            ]
        ),
        max_size=8,
    ),
    trace_id=st.sampled_from(["", "0" * 31 + "1"]),
    span_id=st.sampled_from(["", "0" * 15 + "1"]),
)  # fmt: skip
resources = st.dictionaries(
    st.sampled_from(["service.name", "host.name", "cloud.provider", "cloud.region", "cloud.account.id", "tenant.id"]),
    strategies.values | st.sampled_from(["x", "x" * 70_000]),
    max_size=4,
)


@settings(max_examples=some(300), deadline=None)
@given(known_records, resources, st.sampled_from(VERSIONS))
def test_whatever_a_record_holds_both_judges_take_it_in_every_version(
    record: Record, resource: dict[str, Value], version: Version
) -> None:
    one(record, resource, Style(version=version))


@settings(deadline=None)
@given(strategies.batches)
def test_whatever_comes_both_judges_take_it(batch: Batch) -> None:
    written = lines(batch, AT, STYLE)
    assert len(written) == sum(1 for _ in records(batch))
    for line in written:
        judged(line)


@settings(deadline=None)
@given(known_records, resources, st.sampled_from(VERSIONS))
def test_p2_every_value_of_a_record_is_somewhere_in_its_event(
    record: Record, resource: dict[str, Value], version: Version
) -> None:
    (line,) = lines([Group(resource, Scope(), [record])], AT, Style(version=version))
    found = texts_in(json.loads(line))
    for value in (*record.attributes.values(), *resource.values(), record.id, record.event):
        if type(value) in (str, int, bool, float) and value != "":
            also = {text(value), str(int(value))} if isinstance(value, float) and value.is_integer() else {text(value)}
            assert also & found or any(text(value) in item for item in found)


ODD: list[Value] = [
    None,
    "",
    "x",
    [],
    ["a"],
    [None],
    {},
    {"a": []},
    b"",
    b"x",
    0,
    7,
    -1,
    2**63,
    0.5,
    float("nan"),
    True,
]
ATTRIBUTES = sorted(
    {
        *strategies.KNOWN, "server.address", "server.port", "http.request.method", "url.full", "url.path", "url.query",
        "url.scheme", "http.response.status_code", "risk.level", "title", "description", "recommendations",
        "detection.detector", "detection.method", "anomaly.type", "compliance.is_compliant",
    }
)  # fmt: skip


@pytest.mark.parametrize("event", ["tool_call", "anomaly"])
@pytest.mark.parametrize("key", ATTRIBUTES)
def test_no_attribute_is_trusted_to_be_of_its_type(key: str, event: str) -> None:
    """Three times each, so that lines are written by plan too."""
    enough: dict[str, Value] = {"client.address": "192.0.2.1", "audit.target.id": "t-1"}
    for value in ODD:
        record = Record(id="id-1", time=NOON, event=event, attributes=enough | {key: value})
        for line in set(lines([Group({"service.name": "api"}, Scope(), [record] * 3)], AT, STYLE)):
            judged(line)


# which class


@pytest.mark.parametrize("name", EVENTS)
def test_the_table_of_events_names_classes_and_activities_that_exist(name: str) -> None:
    event = said(
        name, client__address="192.0.2.1", user__id="u-1", audit__target__id="t-1", audit__action="do",
    )  # fmt: skip
    row = EVENTS[name]
    assert event["class_uid"] == row.ocsf_class
    assert event["activity_id"] == row.ocsf_activity


@pytest.mark.parametrize(
    ("event", "attributes", "class_uid", "activity"),
    [
        ("authentication_failure", {}, 3002, 1),
        ("authentication_success", {"audit.action": "user.logout"}, 3002, 2),
        ("tool_call", {"client.address": "192.0.2.1"}, 6003, 99),
        ("tool_call", {"client.address": "192.0.2.1", "audit.action": "read"}, 6003, 2),
        ("tool_call", {}, 0, 99),
        ("tool_call", {"audit.target.id": "t"}, 3004, 99),
        ("configuration_change", {"audit.target.id": "t"}, 3004, 3),
        ("configuration_change", {"audit.target.id": "t", "audit.action": "key.delete"}, 3004, 4),
        ("configuration_change", {}, 0, 99),
        ("key rotation", {"audit.target.id": "t", "audit.action": "create"}, 3004, 1),
        ("key rotation", {"audit.target.id": "t", "audit.action": "rotate"}, 0, 99),
        ("anomaly", {}, 2004, 1),
        ("compliance_check", {}, 2003, 1),
        ("error", {}, 6008, 1),
        ("", {}, 0, 0),
    ],
)
def test_a_class_is_chosen_only_when_the_record_has_what_it_requires(
    event: str, attributes: dict[str, Value], class_uid: int, activity: int
) -> None:
    made = one(Record(time=NOON, event=event, attributes=attributes))
    assert (made["class_uid"], made["activity_id"]) == (class_uid, activity)
    assert made["type_uid"] == class_uid * 100 + activity


def test_a_class_that_a_version_does_not_know_is_not_chosen() -> None:
    record = Record(time=NOON, event="error", body="x")
    assert one(record, style=Style(version="1.3.0"))["class_uid"] == 0
    assert one(record, style=Style(version="1.4.0"))["class_uid"] == 6008


# what is where


def test_the_four_pivots_from_the_record_and_from_its_resource() -> None:
    pivots: dict[str, Value] = {
        "tenant.id": "t-1", "gen_ai.agent.id": "a-1", "audit.correlation.id": "c-1", "audit.constitutional_hash": "h-1"
    }  # fmt: skip
    for event in (
        *(one(Record(time=NOON, event=name, attributes=pivots)) for name in ("login", *EVENTS)),
        one(Record(time=NOON), pivots),
    ):
        assert event["metadata"]["tenant_uid"] == "t-1"
        assert event["metadata"]["correlation_uid"] == "c-1"
        assert event["unmapped"].items() >= {"agent_id": "a-1", "constitutional_hash": "h-1"}.items()


def test_a_login_without_a_user_has_an_unknown_one() -> None:
    assert said("authentication_failure")["user"] == {"name": "unknown", "type_id": 0}
    assert said("authentication_failure", user__email="a@b.example")["user"]["name"] == "a@b.example"


@pytest.mark.parametrize(
    ("event", "outcome", "status"),
    [
        ("authentication_failure", None, 2), ("authentication_success", None, 1), ("login", None, 0),
        ("login", "denied", 2), ("policy_denied", None, 2), ("anomaly", "failure", 1), ("login", "unknown", 0),
    ],
)  # fmt: skip
def test_status_is_the_outcome_but_in_findings_the_workflow(event: str, outcome: str | None, status: int) -> None:
    made = said(event, **({"audit__outcome": outcome} if outcome else {}))
    assert made["status_id"] == status
    if event == "anomaly":
        assert made["unmapped"]["outcome"] == "failure"


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [
        ("192.0.2.1", {"ip": "192.0.2.1"}), ("2001:db8::1", {"ip": "2001:db8::1"}), ("db-1.x", {"hostname": "db-1.x"}),
        ("db_1", {"name": "db_1"}), ("fe80::1%eth0", {"name": "fe80::1%eth0"}), ("10.0.0.1:5", {"name": "10.0.0.1:5"}),
        (LONG, {"name": LONG}),
    ],
)  # fmt: skip
def test_only_an_ip_literal_is_an_ip(address: str, endpoint: dict[str, str]) -> None:
    assert said("authentication_failure", client__address=address)["src_endpoint"] == endpoint


def test_the_trace_is_a_profile_of_calls_only() -> None:
    record = Record(
        time=NOON, event="tool_call", attributes={"client.address": "192.0.2.1"}, trace_id="1" * 32, span_id="2" * 16
    )
    call = one(record)
    assert call["trace"] == {"uid": "1" * 32}
    assert "trace" in call["metadata"]["profiles"]
    assert call["unmapped"]["span_id"] == "2" * 16
    record.event = "authentication_failure"
    assert one(record)["unmapped"]["trace_id"] == "1" * 32


def test_techniques_stand_where_the_class_has_them() -> None:
    assert said("anomaly", threat__technique__id="T1078.004")["finding_info"]["attacks"] == [
        {"sub_technique": {"uid": "T1078.004"}}
    ]
    assert said("login", threat__tactic__id="TA0001")["attacks"] == [{"tactic": {"uid": "TA0001"}}]
    (always,) = said("prompt_injection_attempt")["finding_info"]["attacks"]
    assert always["technique"]["uid"] == "AML.T0051"


def test_times_are_milliseconds_and_exact_beside() -> None:
    event = one(Record(time=NOON + 123_456_789, observed=NOON + 999_999_999))
    assert event["time"] == 1_735_732_800_123
    assert event["metadata"]["original_time"] == "1735732800123456789"
    assert event["metadata"]["logged_time"] == 1_735_732_800_999
    assert event["unmapped"]["observed_time_unix_nano"] == "1735732800999999999"


def test_whole_scores_are_scores_and_others_are_kept_as_they_are() -> None:
    assert said("risk_assessment", risk__score=72.0, confidence=80)["risk_score"] == 72
    broken = said("risk_assessment", risk__score=72.5)
    assert "risk_score" not in broken
    assert broken["unmapped"]["risk_score"] == 72.5


def test_texts_that_an_old_version_cannot_hold_are_cut_and_kept_whole() -> None:
    record = Record(time=NOON, event="login", body="x" * 70_000)
    old, new = one(record, style=Style(version="1.3.0")), one(record)
    assert len(old["message"]) == 65_535
    assert old["unmapped"]["message"] == new["message"] == "x" * 70_000


def test_documents_are_structs() -> None:
    assert [type(made).__name__ for made in documents(CASES["login"], AT, STYLE)] == ["Document"]
