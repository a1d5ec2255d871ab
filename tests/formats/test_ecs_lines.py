"""Lines that are written as one text say what the documents of the general way say, whatever comes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from otelsiem.formats import ecs
from otelsiem.formats._ecs import lines as _ecs_lines
from otelsiem.formats._ecs.fields import ATTRIBUTES, RESOURCE
from otelsiem.formats._ecs.plan import plan
from otelsiem.formats.ecs import Style, documents, lines
from otelsiem.formats.layout import Layouts
from otelsiem.model.event import ALIASES, EVENTS
from otelsiem.model.record import Batch, Group, Record, Scope, Value
from tests.examples import some
from tests.formats import strategies
from tests.formats.ecs_judge import faults
from tests.golden.cases import AT, CASES

NOON = 1_735_732_800_123_456_789
STYLE = Style(dataset="otelsiem.audit")

texts = st.text('ab"é\\\n\x00\x7f%\u2028', max_size=4)
addresses = st.sampled_from(["192.0.2.1", "2001:db8::1", "db-1", "a b", "fe80::1%1", '"', "10.0.0.1"])
value = (
    texts | addresses | st.sampled_from(["success", "failure", "unknown", "denied", "allow", "deny", "T1078.004"])
    | st.integers(-5, 2**64) | st.booleans() | st.floats()
    | st.lists(st.sampled_from(["a", "", 1, None, 0.5, "10.0.0.2"]), max_size=2)
)  # fmt: skip
keys = (
    st.sampled_from([key for key in strategies.KNOWN if "tactic" not in key and "technique" not in key])
    | st.sampled_from(sorted(ATTRIBUTES)) | st.sampled_from(["server.address", "server.port", "client.address"])
    | st.text('ab."\n_%')
)  # fmt: skip
record = st.builds(
    Record,
    id=st.sampled_from(["id", 'i"d', ""]),
    time=st.sampled_from([0, 1, 999_999_999, 10**9, NOON, 2**63]),
    observed=st.sampled_from([0, 1, NOON, NOON + 1]),
    severity=st.integers(-1, 25),
    severity_text=st.sampled_from(["", "INFO", '"']),
    event=st.sampled_from([*EVENTS, *ALIASES]) | texts,
    body=st.sampled_from([None, "", 5, {"message": "m"}]) | texts,
    attributes=st.dictionaries(keys, value, max_size=8),
    trace_id=st.sampled_from(["", "0" * 31 + "1"]),
    span_id=st.sampled_from(["", "0" * 15 + "1"]),
    flags=st.integers(0, 1),
)
resource = st.dictionaries(
    st.sampled_from([*strategies.KNOWN, *RESOURCE, "service.name", "host.name"]) | keys, value, max_size=5
)
batches = st.lists(
    st.builds(Group, resource, st.builds(Scope, texts, texts), st.lists(record, min_size=1, max_size=5), texts),
    max_size=2,
)


def generally(batch: Batch) -> list[Any]:
    return [msgspec.json.decode(msgspec.json.encode(made)) for made in documents(batch, AT, STYLE)]


@pytest.fixture(autouse=True)
def _own_plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for every shape: what other tests asked for fills the one of the process."""
    monkeypatch.setattr(_ecs_lines, "PLANS", Layouts(1 << 20, plan))


SLOW = settings(max_examples=some(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(batches)
def test_lines_say_what_documents_say(batch: Batch) -> None:
    written = lines(batch, AT, STYLE)
    assert [msgspec.json.decode(line) for line in written] == generally(batch)
    assert [faults(line) for line in written] == [[]] * len(written)


@SLOW
@given(st.data())
def test_lines_of_records_of_one_shape(data: st.DataObject) -> None:
    """Many values for the same keys: what is planned from the first must hold for all."""
    shape = data.draw(st.lists(keys, max_size=6, unique=True))
    shared = st.fixed_dictionaries(dict.fromkeys(shape, value))
    made = data.draw(
        st.lists(st.builds(Record, id=st.just("x"), time=st.just(NOON), attributes=shared), min_size=1, max_size=6)
    )
    batch = [Group({"service.name": "s"}, Scope("n"), made)]
    assert [msgspec.json.decode(line) for line in lines(batch, AT, STYLE)] == generally(batch)


@SLOW
@given(batches)
def test_the_bytes_are_the_same_without_a_plan(batch: Batch) -> None:
    """What is kept for the process decides how a line is made, so it must not decide what it is."""
    planned = lines(batch, AT, STYLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ecs_lines, "PLANS", Layouts(1, lambda *_: None))
        assert lines(batch, AT, STYLE) == planned


DECISIVE: dict[str, list[Value]] = {
    "audit.action": ["login", "x"],
    "audit.outcome": ["success", "failure", "unknown", "denied", "odd"],
    "audit.decision": ["allow", "deny", "modify", "odd"],
    "client.address": ["192.0.2.1", "2001:db8::1", "db-1", "a b", '"'],
    "server.address": ["192.0.2.1", "2001:db8::1", "db-1", "a b", '"'],
    "client.port": [0, 443, 2**63 - 1, 2**63, -(2**63) - 1],
    "process.pid": [0, 2**63],
    "gen_ai.usage.input_tokens": [1, 2**31 - 1, 2**31],
    "risk.score": [1, 2**63, 10**39],
    "confidence": [0.5, float("nan")],
    "user.roles": [["admin"], [], ["a", None], [1]],
    "process.command_args": [["a"], [], [["b"]]],
    "user.name": ["alice", "u-1"],
    "threat.technique.id": ["T1078", "AML.T0051", "T1078.004", "AML.T0051.001"],
    "threat.tactic.id": ["TA0006", "AML.TA0005"],
}
BASE: dict[str, Value] = {"user.id": "u-1", "client.address": "192.0.2.9", "n": 1}


@pytest.mark.parametrize("event", [*EVENTS, *ALIASES, "AUTH-FAILED", "odd", ""])
@pytest.mark.parametrize("key", DECISIVE)
def test_values_that_decide_are_looked_at(key: str, event: str) -> None:
    made = [
        Record(id="x", time=NOON, event=event, body="b", attributes=BASE | {key: value}) for value in DECISIVE[key]
    ]  # fmt: skip
    batch = [Group({"service.name": "s"}, Scope("n"), made)]
    assert [msgspec.json.decode(line) for line in lines(batch, AT, STYLE)] == generally(batch)


def test_a_record_adds_to_the_field_sets_of_its_resource() -> None:
    made = [Record(id="x", time=NOON, attributes={"process.pid": n, "device.id": "d-2"}) for n in (7, 8)]
    batch = [Group({"process.pid": 1, "process.executable.name": "p", "device.id": "d-1"}, Scope(), made)]
    written = [msgspec.json.decode(line) for line in lines(batch, AT, STYLE)]
    assert written == generally(batch)
    assert written[1]["process"] == {"pid": 1, "name": "p"}
    assert {"process_pid": "8", "device_id": "d-2"}.items() <= written[1]["labels"].items()


def test_groups_that_say_nearly_the_same_are_kept_apart() -> None:
    """Python calls 1, True and 1.0 equal."""
    record = Record(id="x", time=NOON)
    batch = [Group({"a": value}, Scope(), [record]) for value in (1, True, 1.0, "1", 1, 2**70)]
    assert [msgspec.json.decode(line) for line in lines(batch, AT, STYLE)] == generally(batch)


def shut(*_: object) -> Any:
    raise AssertionError("this record has no plan")


@pytest.mark.parametrize("case", ["login", "unicode", "multiline", "tool"])
def test_what_is_common_is_written_as_one_text(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (group,) = CASES[case]
    batch = [Group(group.resource, group.scope, [_without_objects(record) for record in group.records] * 3)]
    expected = generally(batch)
    monkeypatch.setattr(ecs, "document", shut)
    assert [json.loads(line) for line in lines(batch, AT, STYLE)] == expected


def _without_objects(record: Record) -> Record:
    kept = {key: value for key, value in record.attributes.items() if type(value) is not dict}
    return msgspec.structs.replace(record, attributes=kept)
