"""The normalised event: what schema §8 shows, and that nothing of a record is lost or altered on the way."""

from __future__ import annotations

import json
import math
from base64 import b64encode
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.formats.json import events, timestamps
from otelsiem.formats.speaker import Product
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope
from otelsiem.model.severity import SCALES
from tests.formats import strategies

AT = Moment(now=1_767_225_601_000_000_000, host="here")


def documents(batch: Batch, product: Product | None = None) -> list[dict[str, Any]]:
    return [json.loads(msgspec.json.encode(event)) for event in events(batch, AT, product or Product())]


def document(resource: dict[str, Any] | None = None, **record: Any) -> dict[str, Any]:
    return documents([Group(resource or {}, Scope(), [Record(**record)])])[0]


def as_json(value: Any) -> Any:
    """What a value must look like to a reader of JSON; written anew, not with the code under test."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: as_json(inner) for key, inner in value.items()}
    return [as_json(inner) for inner in value] if isinstance(value, list) else value


def test_the_sample_of_the_schema() -> None:
    made = document(
        id="0198",
        time=1_735_732_800_000_000_000,
        severity=17,
        event="authentication_failure",
        body="Failed login attempt",
        attributes={
            "audit.source": "runtime_security_scanner",
            "tenant.id": "tenant-123",
            "gen_ai.agent.id": "agent-456",
            "user.id": "u-7",
            "user.email": "a@example.com",
            "audit.action": "login",
            "audit.outcome": "failure",
            "audit.reason": "password",
            "client.address": "203.0.113.9",
            "audit.target.id": "t",
            "audit.target.type": "host",
            "attempts": 3,
            "audit.constitutional_hash": "cdd01ef066bc6cf2",
            "audit.correlation.id": "c-1",
            "threat.technique.id": "T1110",
        },
        trace_id="5b8efff798038103d269b633813fc60c",
        span_id="eee19b7ec3c1b174",
        resource={"service.namespace": "v", "service.name": "p", "service.version": "1", "host.name": "server-01"},
    )
    assert made.pop("time_unix_nano") == "1735732800000000000"
    assert made == {
        "event_id": "0198",
        "event_type": "authentication_failure",
        "severity": "high",
        "severity_number": 17,
        "message": "Failed login attempt",
        "timestamp": "2025-01-01T12:00:00.000000Z",
        "source": "runtime_security_scanner",
        "tenant_id": "tenant-123",
        "agent_id": "agent-456",
        "user_id": "u-7",
        "user_email": "a@example.com",
        "action": "login",
        "outcome": "failure",
        "reason": "password",
        "src_ip": "203.0.113.9",
        "target": {"id": "t", "type": "host"},
        "metadata": {"attempts": 3},
        "trace_id": "5b8efff798038103d269b633813fc60c",
        "span_id": "eee19b7ec3c1b174",
        "constitutional_hash": "cdd01ef066bc6cf2",
        "correlation_id": "c-1",
        "mitre_attack": {"technique": "T1110"},
        "_siem": {"vendor": "v", "product": "p", "version": "1", "hostname": "server-01"},
    }


@pytest.mark.parametrize("number", range(25))
def test_severity_in_our_words(number: int) -> None:
    assert document(severity=number)["severity"] == SCALES[number].name


@pytest.mark.parametrize(
    ("attributes", "flat", "value", "metadata"),
    [
        ({"tenant.id": "t"}, "tenant_id", "t", {}),
        ({"tenant_id": "t"}, "tenant_id", "t", {}),
        ({"organization.id": "t"}, "tenant_id", "t", {"organization.id": "t"}),
        ({"tenant_id": "alias", "tenant.id": "own"}, "tenant_id", "own", {"tenant_id": "alias"}),
        ({"tenant.id": None, "tenant_id": "t"}, "tenant_id", "t", {"tenant.id": None}),
        ({"tenant.id": "", "tenant_id": "t"}, "tenant_id", "t", {"tenant.id": ""}),
        ({"details.user_id": "u"}, "user_id", "u", {"details.user_id": "u"}),
        ({"context": {"user_id": "u"}}, "user_id", "u", {"context": {"user_id": "u"}}),
        ({"context": {"user_id": "u"}, "enduser.id": "e"}, "user_id", "e",
         {"context": {"user_id": "u"}, "enduser.id": "e"}),
        ({"status": "Denied"}, "outcome", "failure", {"status": "Denied"}),
        ({"status": "allowed"}, "outcome", "success", {"status": "allowed"}),
        ({"status": 200, "decision": "deny"}, "outcome", "failure", {"status": 200}),
        ({"outcome": "error"}, "outcome", "failure", {"outcome": "error"}),
        ({"outcome": "partial", "status": "ok"}, "outcome", "partial", {"status": "ok"}),
        ({"audit.outcome": "unknown", "status": "ok"}, "outcome", "unknown", {"status": "ok"}),
        ({"anomaly.score": 0.5}, "risk_score", 0.5, {"anomaly.score": 0.5}),
        ({"user.id": 7}, "user_id", 7, {}),
        ({"event.name": "login"}, "event_type", "login", {"event.name": "login"}),
        ({"event_type": "login"}, "event_type", "login", {}),
        ({"title": "A title", "description": "d"}, "message", "A title", {"title": "A title", "description": "d"}),
        ({"audit.record.id": "r"}, "event_id", "r", {}),
    ],
)  # fmt: skip
def test_recognised_attributes(attributes: dict[str, Any], flat: str, value: Any, metadata: dict[str, Any]) -> None:
    made = document(attributes=attributes)
    assert made[flat] == value
    assert made["metadata"] == metadata


def test_fields_of_the_record_win_over_attributes_that_mean_the_same() -> None:
    made = document(id="own", event="own", body="own", attributes={"event_id": "x", "event.name": "y", "message": "z"})
    assert (made["event_id"], made["event_type"], made["message"]) == ("own", "own", "own")
    assert made["metadata"] == {"event_id": "x", "event.name": "y", "message": "z"}


def test_the_four_pivots_of_responders_come_from_the_resource_too() -> None:
    resource = {"tenant.id": "t", "agent.id": "a", "correlation_id": "c", "constitutional_hash": "h"}
    made = document(resource, attributes={"agent_id": "own"})
    assert [made[k] for k in ("tenant_id", "agent_id", "correlation_id", "constitutional_hash")] == [
        "t",
        "own",
        "c",
        "h",
    ]
    assert made["resource"] == resource, "what a record may override stays readable in the resource"


def test_settings_name_the_product_and_the_resource_is_still_told() -> None:
    resource: dict[str, Any] = {"service.name": "auth", "service.version": 3}
    made = documents([Group(resource, Scope(), [Record()])], Product("v", "p", ""))[0]
    assert made["_siem"] == {"vendor": "v", "product": "p", "version": "3", "hostname": "here"}
    assert made["resource"] == {"service.name": "auth", "service.version": 3}


def test_a_structured_body_stays_structured_and_gives_its_sentence() -> None:
    made = document(body={"message": "m", "n": [1, float("nan")]})
    assert made["body"] == {"message": "m", "n": [1, "NaN"]}
    assert made["message"] == "m"


def test_whole_numbers_beyond_2_53_are_exact() -> None:
    made = document(attributes={"n": 2**63 - 1, "m": -(2**63)})
    assert made["metadata"] == {"n": 2**63 - 1, "m": -(2**63)}


@pytest.mark.parametrize(
    ("time", "observed", "timestamp", "nano"),
    [
        (1_735_732_800_123_456_789, 0, "2025-01-01T12:00:00.123456Z", "1735732800123456789"),
        (0, 1_735_732_800_000_000_001, "2025-01-01T12:00:00.000000Z", "1735732800000000001"),
        (0, 0, "2026-01-01T00:00:01.000000Z", "1767225601000000000"),  # neither: now
        (-5, 0, "2026-01-01T00:00:01.000000Z", "1767225601000000000"),
        (1, 0, "1970-01-01T00:00:00.000000Z", "1"),
        (1_500, 0, "1970-01-01T00:00:00.000001Z", "1500"),
        (1_000_000_000, 0, "1970-01-01T00:00:01.000000Z", "1000000000"),
        (2**64 - 1, 0, "2554-07-21T23:34:33.709551Z", "18446744073709551615"),
    ],
)
def test_times(time: int, observed: int, timestamp: str, nano: str) -> None:
    made = document(time=time, observed=observed)
    assert (made["timestamp"], made["time_unix_nano"]) == (timestamp, nano)


def test_times_after_the_year_9999_do_not_harm() -> None:
    assert timestamps()(str(10**30)).startswith("9999-12-31T23:59:59.")


@given(strategies.batches)
@settings(deadline=None)
def test_nothing_is_lost(batch: Batch) -> None:
    """Every attribute is in the metadata as it was, or its value stands at the top, in `target` or `mitre_attack`."""
    made = iter(documents(batch))
    for group in batch:
        for record in group.records:
            found = next(made)
            tops = [*found.values(), *found.get("target", {}).values(), *found.get("mitre_attack", {}).values()]
            for key, value in record.attributes.items():
                if key in found["metadata"]:
                    assert found["metadata"][key] == as_json(value)
                else:
                    assert as_json(value) in tops, key
            _the_rest_is_told(found, group, record)
    assert next(made, None) is None


def _the_rest_is_told(found: dict[str, Any], group: Group, record: Record) -> None:
    assert found["time_unix_nano"] == str(record.time or record.observed or AT.now)
    assert found["severity_number"] == record.severity
    for key, value in group.resource.items():
        assert as_json(value) in [found.get("resource", {}).get(key), *found["_siem"].values()]
    for name in ("id", "event", "trace_id", "span_id", "severity_text"):
        if value := getattr(record, name):
            assert value in found.values()
    if record.body not in (None, ""):
        assert as_json(record.body) == (found["message"] if isinstance(record.body, str) else found["body"])
    assert found.get("scope", {}).get("name", "") == group.scope.name
    assert found.get("scope", {}).get("attributes", {}) == as_json(group.scope.attributes)


@given(st.dictionaries(strategies.keys, strategies.values, max_size=8))
@settings(deadline=None)
def test_records_of_one_shape_do_not_mix_their_values(attributes: dict[str, Any]) -> None:
    """The plan of a shape is shared; the values are not, whatever is beside them."""
    batch = [
        Group({}, Scope(), [Record(attributes=attributes), Record(attributes={"a": 1}), Record(attributes=attributes)])
    ]
    first, _, third = documents(batch)
    assert first == third == documents([Group({}, Scope(), [Record(attributes=attributes)])])[0]
