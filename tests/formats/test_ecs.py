"""ECS documents as Elastic's own field list judges them, and that nothing of a record is lost on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.formats._ecs.fields import ATTRIBUTES, MEANINGS, RESOURCE, VERSION, Field
from otelsiem.formats._ecs.labels import LONGEST, names
from otelsiem.formats.address import kind
from otelsiem.formats.ecs import Style, documents, lines
from otelsiem.formats.values import text
from otelsiem.formats.vocabulary import MEANINGS as VOCABULARY
from otelsiem.model.destination import Moment
from otelsiem.model.event import EVENTS
from otelsiem.model.record import Batch, Group, Record, Scope, Value, records
from tests.formats import strategies
from tests.formats.ecs_judge import TABLE, faults, published
from tests.golden.cases import AT, CASES

STYLE = Style()


def one(record: Record, resource: dict[str, Value] | None = None, scope: Scope | None = None) -> Any:
    """The document of one record; the judge has nothing against it."""
    (line,) = lines([Group(resource or {}, scope or Scope(), [record])], AT, STYLE)
    assert faults(line) == []
    return json.loads(line)


def said(**attributes: Value) -> Any:
    """The document of a record with these attributes; `__` is a dot."""
    return one(Record(attributes={key.replace("__", "."): value for key, value in attributes.items()}))


def texts_in(value: Any) -> set[str]:
    """Every text and number in a document, as text."""
    if isinstance(value, dict):
        return set().union(*map(texts_in, value.values())) if value else set()
    if isinstance(value, list):
        return set().union(*map(texts_in, value)) if value else set()
    return {text(value)}


@pytest.mark.parametrize("case", CASES)
def test_the_judge_has_nothing_against_the_golden_cases(case: str) -> None:
    assert [faults(line) for line in lines(CASES[case], AT, STYLE)] == [[]]


@given(strategies.batches)
def test_whatever_a_record_holds_elasticsearch_takes_its_document(batch: Batch) -> None:
    written = lines(batch, AT, STYLE)
    assert len(written) == sum(1 for _ in records(batch))
    for line in written:
        assert faults(line) == []


@given(strategies.batches)
def test_p2_every_value_of_a_record_is_somewhere_in_its_document(batch: Batch) -> None:
    groups = [group for group in batch for _ in group.records]
    for group, record, line in zip(groups, records(batch), lines(batch, AT, STYLE), strict=True):
        found = texts_in(json.loads(line))
        for value in (*record.attributes.values(), *group.resource.values(), *group.scope.attributes.values()):
            if type(value) in (str, int, bool):
                assert text(value) in found
            elif type(value) is list:
                assert {text(item) for item in value} <= found


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_key_becomes_a_name_that_elasticsearch_takes(key: str, value: str) -> None:
    document = one(Record(attributes={key: value}), {key: value}, Scope(attributes={key: value}))
    assert value in texts_in(document)
    if len(key) > LONGEST:
        assert key in texts_in(document)


@given(st.sets(st.text("ab._ \x00\x1f", max_size=4) | st.text(max_size=5)), st.randoms())
def test_names_of_labels_are_never_shared_and_do_not_depend_on_the_order(keys: set[str], chance: Any) -> None:
    given_, shuffled = names(keys), sorted(keys)
    chance.shuffle(shuffled)
    assert names(shuffled) == given_
    assert len(set(given_.values())) == len(keys)


def test_an_unknown_attribute_is_never_mistaken_for_a_key_that_responders_pivot_on() -> None:
    document = said(correlation__id="c-1", resource_x="mine", **{"constitutional hash": "forged"})
    assert not {"correlation_id", "constitutional_hash", "resource_x"} & document["labels"].keys()
    assert {"c-1", "mine", "forged"} <= texts_in(document["labels"])


def test_a_label_of_ours_never_takes_the_place_of_an_attribute() -> None:
    """What does not fit its field becomes a label, beside an attribute that is spelled like it."""
    document = said(
        audit__target__id=["a"], target_id="b", client__address=["c"], source_address="d",
        threat__technique__id={"e": 1}, technique="f", client__port="g", source_port="h",
    )  # fmt: skip
    assert {"a", "b", "c", "d", '{"e":1}', "f", "g", "h"} <= texts_in(document["labels"])


def test_scalar_and_object_of_one_name_do_not_collide() -> None:
    document = said(http="x", http__request="y", http__request__method="GET", **{"a": 1, "a.b": 2, "a..b": 3})
    assert document["http"] == {"request": {"method": "GET"}}
    assert {"http": "x", "http_request": "y", "a": "1", "a_b": "2", "a__b": "3"}.items() <= document["labels"].items()


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("203.0.113.9", {"address": "203.0.113.9", "ip": "203.0.113.9"}),
        ("2001:db8::9", {"address": "2001:db8::9", "ip": "2001:db8::9"}),
        ("::ffff:192.0.2.1", {"address": "::ffff:192.0.2.1", "ip": "::ffff:192.0.2.1"}),
        ("db-1.example.com", {"address": "db-1.example.com", "domain": "db-1.example.com"}),
        ("fe80::1%eth0", {"address": "fe80::1%eth0"}),
        ("203.0.113.9:443", {"address": "203.0.113.9:443"}),
        ("203.0.113.256", {"address": "203.0.113.256"}),
        ("010.0.0.1", {"address": "010.0.0.1"}),
        ("unix:/run/x.sock", {"address": "unix:/run/x.sock"}),
        ("", None),
    ],
)
def test_only_an_ip_literal_is_source_ip(address: str, fields: dict[str, str] | None) -> None:
    assert said(client__address=address).get("source") == fields


def test_wrong_types_become_labels() -> None:
    document = said(
        client__address=["a"], client__port="22", http__response__status_code="200", process__pid=2**63 + 1,
        user__id=["a", "b"], risk__score="high", gen_ai__usage__input_tokens=2**31, audit__action={"a": 1},
    )  # fmt: skip
    assert not {"source", "http", "process", "user", "gen_ai"} & document.keys()
    assert "risk_score" not in document["event"]
    assert document["labels"].items() >= {
        "source_address": ["a"], "source_port": "22", "http_response_status_code": "200",
        "process_pid": str(2**63 + 1), "user_id": ["a", "b"], "risk_score": "high",
        "gen_ai_usage_input_tokens": str(2**31), "action": '{"a":1}',
    }.items()  # fmt: skip


@pytest.mark.parametrize("score", [1e300, float("inf"), float("nan"), 10**400])
def test_a_score_that_a_float_cannot_hold_is_a_label(score: float) -> None:
    document = said(risk__score=score)
    assert "risk_score" not in document["event"]
    assert "risk_score" in document["labels"]


def test_the_four_pivots_from_the_record_and_from_its_resource() -> None:
    pivots: dict[str, Value] = {
        "tenant.id": "t-1", "gen_ai.agent.id": "a-1", "audit.correlation.id": "c-1", "audit.constitutional_hash": "h-1"
    }  # fmt: skip
    for document in (one(Record(attributes=pivots)), one(Record(), pivots)):
        assert document["organization"] == {"id": "t-1"}
        assert document["labels"].items() >= {
            "agent_id": "a-1", "correlation_id": "c-1", "constitutional_hash": "h-1"
        }.items()  # fmt: skip


@pytest.mark.parametrize(
    ("event", "attributes", "outcome"),
    [
        ("authentication_failure", {}, "failure"),
        ("AUTH-SUCCESS", {}, "success"),
        ("authentication_failure", {"audit.outcome": "unknown"}, "unknown"),
        ("authentication_failure", {"audit.outcome": "weird"}, "failure"),
        ("login", {"status": "denied"}, "failure"),
        ("policy_denied", {}, "failure"),
        ("policy_decision", {"audit.decision": "allow"}, "success"),
        ("compliance_check", {"compliance.is_compliant": True}, "success"),
        ("login", {}, None),
    ],
)
def test_the_outcome_is_one_of_three_words(event: str, attributes: dict[str, Value], outcome: str | None) -> None:
    document = one(Record(event=event, attributes=attributes))
    assert document["event"].get("outcome") == outcome
    assert "weird" not in attributes.values() or "weird" in document["labels"].values()


@pytest.mark.parametrize(("decision", "type_"), [("allow", "allowed"), ("deny", "denied"), ("modify", None)])
def test_a_decision_is_an_event_type(decision: str, type_: str | None) -> None:
    document = one(Record(event="policy_decision", attributes={"audit.decision": decision}))
    assert document["event"]["type"] == ["access", *([type_] if type_ else [])]
    assert document["labels"]["decision"] == decision


def test_a_user_as_target_and_anything_else() -> None:
    user = said(audit__target__type="User", audit__target__id="u-9", audit__target__name="bob")
    assert user["user"] == {"target": {"id": "u-9", "name": "bob"}}
    assert user["entity"] == {"target": {"type": ["user"], "sub_type": "User"}}
    other = said(audit__target__type="secret", audit__target__id=7, audit__target__name=["a"])
    assert other["entity"] == {"target": {"id": "7", "sub_type": "secret"}}
    assert other["labels"]["target_name"] == ["a"]


def test_techniques_of_attack_and_atlas() -> None:
    sub = said(threat__technique__id="T1078.004", threat__technique__name="Cloud Accounts")
    assert sub["threat"] == {
        "framework": "MITRE ATT&CK",
        "technique": {"id": ["T1078"], "subtechnique": {"id": ["T1078.004"], "name": ["Cloud Accounts"]}},
    }
    always = one(Record(event="prompt_injection_attempt"))["threat"]
    assert (always["framework"], always["technique"]["id"]) == ("MITRE ATLAS", ["AML.T0051"])
    own = one(Record(event="prompt_injection_attempt", attributes={"threat.technique.id": "T1059"}))["threat"]
    assert own == {"framework": "MITRE ATT&CK", "technique": {"id": ["T1059"]}}


def test_times_are_exact() -> None:
    document = one(Record(time=1_735_732_800_000_000_001, observed=1_735_732_800_999_999_999))
    assert document["@timestamp"] == "2025-01-01T12:00:00.000000001Z"
    assert document["event"]["created"] == "2025-01-01T12:00:00.999999999Z"
    assert document["labels"]["time_unix_nano"] == "1735732800000000001"


def test_no_severity_is_no_level() -> None:
    assert "log" not in one(Record(severity=0))
    assert one(Record(severity=17))["log"] == {"level": "error"}


def test_a_body_that_is_no_text_is_kept() -> None:
    document = one(Record(body={"message": "hello", "n": [1, float("nan")]}))
    assert document["message"] == "hello"
    assert json.loads(document["event"]["original"]) == {"message": "hello", "n": [1, "NaN"]}


def test_documents_and_lines_are_the_same() -> None:
    batch = CASES["login"]
    assert [type(made).__name__ for made in documents(batch, AT, replace(STYLE, dataset="otelsiem.audit"))] == [
        "Document"
    ]
    (line,) = lines(batch, AT, replace(STYLE, dataset="otelsiem.audit"))
    assert json.loads(line)["event"]["dataset"] == "otelsiem.audit"


def test_kinds_of_addresses() -> None:
    assert [kind(value) for value in ("::1", "a", "a.b.", "a_b", "-a", "a..b", "1.2", "x" * 300, 5, None)] == [
        "ip", "name", "name", "name", "", "", "", "", "", ""
    ]  # fmt: skip


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


@pytest.mark.parametrize("key", sorted({*strategies.KNOWN, *ATTRIBUTES, "server.address", "server.port"}))
def test_no_attribute_is_trusted_to_be_of_its_type(key: str) -> None:
    """Three times each, so that lines are written by plan too."""
    for value in ODD:
        record = Record(id="id-1", time=1_735_732_800_000_000_000, event="tool_call", attributes={key: value})
        for line in set(lines([Group({}, Scope(), [record] * 3)], AT, STYLE)):
            assert faults(line) == []


# the tables against the published list

KEYWORDS = {"keyword", "wildcard", "match_only_text", "constant_keyword"}


FILLED = sorted({*MEANINGS.values(), *ATTRIBUTES.values(), *RESOURCE.values()}, key=lambda field: str(field.path))


@pytest.mark.parametrize("field", FILLED, ids=lambda f: f.path)
def test_every_field_that_we_fill_is_published_with_that_type(field: Field) -> None:
    found = published()[0][field.path]
    match field.type:
        case "keyword" | "keywords":
            assert found.type in KEYWORDS
        case "ip" | "ips":
            assert found.type == "ip"
        case _:
            assert found.type == field.type
    assert found.array == field.type.endswith("s")
    assert not found.closed


def test_the_version_is_the_one_of_the_list() -> None:
    assert f"elastic/ecs {VERSION}," in TABLE.read_text("utf-8").splitlines()[0]


def test_every_meaning_has_a_place() -> None:
    flat = {row.flat for row in VOCABULARY}
    assert MEANINGS.keys() <= flat


@pytest.mark.parametrize("name", EVENTS)
def test_event_types_keep_to_the_closed_lists(name: str) -> None:
    row, (fields, expected) = EVENTS[name], published()
    assert row.ecs_kind in fields["event.kind"].closed - {"signal"}
    assert set(row.ecs_type) <= fields["event.type"].closed
    assert row.outcome in {"", *fields["event.outcome"].closed}
    for category in row.ecs_category:
        assert set(row.ecs_type) & expected[category]
    assert all(any(type_ in expected[c] for c in row.ecs_category) for type_ in row.ecs_type if row.ecs_category)


# the judge itself

GOOD = json.loads(lines(CASES["login"], AT, STYLE)[0])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("source.ip", "db-1"), ("source.ip", "fe80::1%1"), ("source.port", "22"), ("source.port", 2**63),
        ("event.kind", "signal"), ("event.kind", "notable"), ("event.category", "authentication"),
        ("event.category", ["login"]), ("event.type", ["denied"]), ("event.outcome", "error"), ("user.id", 7),
        ("user.id", ["a"]), ("user.id", {"a": "b"}), ("user.roles", "admin"), ("user", "alice"), ("labels.n", 5),
        ("labels.a", {"b": "c"}), ("labels", {"a.b": "x"}), ("labels", {"": "x"}), ("labels", {" ": "x"}),
        ("@timestamp", 1735732800000), ("@timestamp", "2025-01-01 12:00:00"), ("event.risk_score", "7"),
        ("event.risk_score", 1e39), ("nothing.of.ecs", "x"), ("trace", "x"), ("http", {"response.status": 1}),
        ("host.os", {}),
    ],
)  # fmt: skip
def test_the_judge_finds_faults(path: str, value: Any) -> None:
    bad = json.loads(json.dumps(GOOD))
    *parents, last = path.split(".")
    place = bad
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    assert faults(json.dumps(bad).encode())


def test_the_judge_wants_a_timestamp_and_each_key_once() -> None:
    assert faults(b'{"message":"x"}')
    assert faults(b'{"@timestamp":"2025-01-01T12:00:00Z"}') == []
    with pytest.raises(AssertionError, match="twice"):
        faults(b'{"message":"x","message":"y"}')


def test_a_moment_without_time_is_now() -> None:
    (line,) = lines([Group({}, Scope(), [Record()])], Moment(now=1, host=""), STYLE)
    assert faults(line) == []
    assert json.loads(line)["@timestamp"] == "1970-01-01T00:00:00.000000001Z"
