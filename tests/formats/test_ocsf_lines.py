"""Lines that are written as one text say what the events of the general way say, whatever comes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otelsiem.formats import ocsf
from otelsiem.formats._ocsf import lines as _ocsf_lines
from otelsiem.formats._ocsf import plan as _ocsf_plan
from otelsiem.formats._ocsf.document import event_of
from otelsiem.formats._ocsf.plan import Given, plan
from otelsiem.formats.layout import Layouts
from otelsiem.formats.ocsf import Style, documents, lines
from otelsiem.model.event import ALIASES, EVENTS
from otelsiem.model.record import Batch, Group, Record, Scope, Value
from tests.examples import some
from tests.formats import strategies
from tests.formats.ocsf_judge import verdict
from tests.golden.cases import AT, CASES

NOON = 1_735_732_800_123_456_789
STYLE = Style()

texts = st.text('ab"é\\\n\x00\x7f%\u2028\ue000', max_size=4)
value = (
    texts
    | st.sampled_from(
        [
            "192.0.2.1", "2001:db8::1", "db-1", "a b", "fe80::1%1", '"', "success", "failure", "unknown", "denied",
            "allow", "deny", "login", "user.delete", "create", "rotate", "a@example.com", "GET", "user", "agent",
            "service", "high",
        ]
    )
    | st.sampled_from([0, 1, 3, 200, 443, 500, 70_000, 2**63, 72.0, 72.5, True])
    | st.integers(-5, 2**64) | st.booleans() | st.floats()
    | st.lists(st.sampled_from(["a", "", 1, None, 0.5]), max_size=2)
)  # fmt: skip
SPECIAL = (
    "server.address", "server.port", "http.request.method", "http.response.status_code", "url.full", "url.path",
    "url.query", "risk.level", "title", "description", "recommendations", "detection.detector", "detection.method",
    "anomaly.type", "compliance.is_compliant",
)  # fmt: skip
keys = (
    st.sampled_from([key for key in strategies.KNOWN if "tactic" not in key and "technique" not in key])
    | st.sampled_from(SPECIAL) | st.text('ab."\n_%')
)  # fmt: skip
events = st.sampled_from([*EVENTS, *ALIASES, "", "AUTH FAILED"]) | texts
record = st.builds(
    Record,
    id=st.sampled_from(["id", 'i"d', ""]),
    time=st.sampled_from([0, 1, 999_999_999, 10**9, NOON, 2**63]),
    observed=st.sampled_from([0, 1, NOON, NOON + 1]),
    severity=st.integers(-1, 25),
    severity_text=st.sampled_from(["", "INFO", '"']),
    event=events,
    body=st.sampled_from([None, "", 5, {"message": "m"}]) | texts,
    attributes=st.dictionaries(keys, value, max_size=8),
    trace_id=st.sampled_from(["", "0" * 31 + "1"]),
    span_id=st.sampled_from(["", "0" * 15 + "1"]),
    flags=st.integers(0, 1),
)
RESOURCE = ("service.name", "service.version", "host.name", "cloud.provider", "cloud.region", "cloud.account.id")
resource = st.dictionaries(st.sampled_from([*strategies.KNOWN, *RESOURCE]) | keys, value, max_size=5)
batches = st.lists(
    st.builds(Group, resource, st.builds(Scope, texts, texts), st.lists(record, min_size=1, max_size=5), texts),
    max_size=2,
)
SLOW = settings(max_examples=some(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(autouse=True)
def _own_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for every shape: what other tests asked for fills the one of the process."""
    monkeypatch.setattr(_ocsf_lines, "PLANS", Layouts(1 << 20, plan))


def generally(batch: Batch) -> list[Any]:
    return [msgspec.json.decode(msgspec.json.encode(made)) for made in documents(batch, AT, STYLE)]


def written(batch: Batch) -> list[Any]:
    return [msgspec.json.decode(line) for line in lines(batch, AT, STYLE)]


@SLOW
@given(batches)
def test_lines_say_what_events_say(batch: Batch) -> None:
    assert written(batch) == generally(batch)


@SLOW
@given(st.data())
def test_lines_of_records_of_one_shape(data: st.DataObject) -> None:
    """Many values for the same keys: what is planned from the first must hold for all."""
    shape = data.draw(st.lists(keys, max_size=6, unique=True))
    shared = st.fixed_dictionaries(dict.fromkeys(shape, value))
    one = st.builds(Record, id=st.just("x"), time=st.just(NOON), event=events, attributes=shared)
    batch = [Group({"service.name": "s"}, Scope("n"), data.draw(st.lists(one, min_size=1, max_size=6)))]
    assert written(batch) == generally(batch)
    assert [verdict(event, "1.8.0") for event in written(batch)] == [[]] * len(batch[0].records)


@SLOW
@given(batches)
def test_the_bytes_are_the_same_without_a_plan(batch: Batch) -> None:
    """What is kept for the process decides how a line is made, so it must not decide what it is."""
    planned = lines(batch, AT, STYLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ocsf_lines, "PLANS", Layouts(1, lambda *_: None))
        assert lines(batch, AT, STYLE) == planned


DECISIVE: dict[str, list[Value]] = {
    "audit.action": ["login", "logout", "user.delete", "create", "rotate", "disable", "x" * 70],
    "audit.outcome": ["success", "failure", "unknown", "denied", "odd"],
    "audit.decision": ["allow", "deny", "modify", "odd"],
    "audit.actor.type": ["user", "service", "agent", "odd"],
    "audit.target.type": ["user", "policy", "odd"],
    "client.address": ["192.0.2.1", "2001:db8::1", "db-1", "a b", '"'],
    "server.address": ["192.0.2.1", "2001:db8::1", "db-1", "a b", '"'],
    "user.email": ["a@example.com", "nobody"],
    "client.port": [0, 443, 65_535, 65_536, -1],
    "server.port": [0, 443, 65_535, 65_536, -1],
    "http.request.method": ["GET", "get"],
    "http.response.status_code": [0, 200, 999, 1000],
    "risk.score": [0, 7, 2**63 - 1, 2**63, 2**64],
    "confidence": [0.5, 3.0, 1e300, float("nan")],
    "risk.level": ["info", "high", "odd"],
    "user.roles": [["admin"], [], ["a", None]],
}
BASE: dict[str, Value] = {"user.id": "u-1", "client.address": "192.0.2.9", "audit.target.id": "t-1", "n": 1}


@pytest.mark.parametrize("event", [*EVENTS, *ALIASES, "AUTH-FAILED", "odd", ""])
@pytest.mark.parametrize("key", DECISIVE)
def test_values_that_decide_are_looked_at(key: str, event: str) -> None:
    made = [
        Record(id="x", time=NOON, event=event, body="b", attributes=BASE | {key: value}) for value in DECISIVE[key]
    ]  # fmt: skip
    batch = [Group({"service.name": "s"}, Scope("n"), made)]
    assert written(batch) == generally(batch)


def test_a_stand_in_that_became_part_of_something_makes_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    build = event_of

    def changed(event: Any, common: Any) -> Any:
        tree = build(event, common)
        tree["message"] = f"<{tree['message']}>"
        return tree

    given = Given((), (True,) * 5, "error", (True,) * 6, ())
    assert plan((), (), given) is not None
    monkeypatch.setattr(_ocsf_plan, "event_of", changed)
    assert plan((), (), given) is None


def shut(*_: object) -> Any:
    raise AssertionError("this record has no plan")


@pytest.mark.parametrize("case", ["login", "unicode", "multiline", "tool"])
def test_what_is_common_is_written_as_one_text(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (group,) = CASES[case]
    batch = [Group(group.resource, group.scope, [_without_objects(record) for record in group.records] * 3)]
    expected = generally(batch)
    monkeypatch.setattr(ocsf, "document", shut)
    assert written(batch) == expected


def _without_objects(record: Record) -> Record:
    kept = {key: value for key, value in record.attributes.items() if type(value) is not dict}
    return msgspec.structs.replace(record, attributes=kept)


def test_a_value_that_looks_like_a_stand_in_stays_itself() -> None:
    attributes: dict[str, Value] = {
        "a": "\ue0000\ue001",
        "client.address": "198.51.0.1",
        "user.email": "stand-in-2@example.invalid",
    }
    same = [Record(id="x", time=NOON, event="authentication_failure", attributes=attributes) for _ in range(3)]
    batch = [Group({"service.name": "\ue000service\ue001"}, Scope(), same)]
    assert written(batch) == generally(batch)
