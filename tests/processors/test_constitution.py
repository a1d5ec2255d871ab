"""The constitution processor: stamps, marks or refuses, and reports strangers (schema §4)."""

from __future__ import annotations

from hashlib import sha256
from uuid import UUID

import msgspec
import pytest
from pydantic import ValidationError

from otelsiem.model.destination import Moment
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.processor import Aside, Refused
from otelsiem.model.record import Batch, Group, Record, Scope, Value
from otelsiem.processors.constitution import Constitution, digest

OURS = "cdd01ef066bc6cf2"
KEY = "audit.constitutional_hash"
AT = Moment(now=5)


def _batch(*held: Record, resource: dict[str, Value] | None = None) -> Batch:
    return [Group(resource or {"service.name": "s"}, Scope("n"), list(held), "schema")]


def _run(batch: Batch, processor: Constitution | None = None) -> tuple[list[Record], Aside]:
    aside = Aside()
    out = (processor or Constitution(hash=OURS)).process(batch, AT, aside)
    return [record for group in out for record in group.records], aside


def _stranger(**attributes: Value) -> Record:
    return Record(
        "guilty-id", 1_767_225_600_000_000_000, 7, 9, event="tool_call", attributes={KEY: "bad", **attributes}
    )


def test_a_record_without_a_hash_gets_ours() -> None:
    (record,), aside = _run(_batch(Record(attributes={"user.id": "u"})))
    assert record.attributes == {"user.id": "u", KEY: OURS}
    assert aside == Aside()


@pytest.mark.parametrize("empty", ["", "  ", None])
def test_an_empty_hash_is_none(empty: Value) -> None:
    (record,), _ = _run(_batch(Record(attributes={KEY: empty})))
    assert record.attributes == {KEY: OURS}


@pytest.mark.parametrize("said", [OURS, OURS.upper(), f" {OURS}\n", "next0000", "NEXT0000"])
def test_a_hash_in_force_is_kept_as_it_was_written(said: str) -> None:
    processor = Constitution(hash=OURS, accept=["next0000"])
    (record,), aside = _run(_batch(Record(severity=9, attributes={KEY: said})), processor)
    assert (record.attributes, record.severity) == ({KEY: said}, 9)
    assert aside == Aside()


@pytest.mark.parametrize("name", ["constitutional_hash", "constitutional.hash"])
def test_other_spellings_are_understood_and_kept(name: str) -> None:
    (record,), _ = _run(_batch(Record(attributes={name: OURS})))
    assert record.attributes == {name: OURS, KEY: OURS}
    held, _ = _run(_batch(Record(attributes={name: "bad"})))
    assert held[0].attributes == {name: "bad", KEY: "bad", "audit.constitutional_hash.expected": OURS}
    assert len(held) == 2


@pytest.mark.parametrize(
    "said", ["bad", OURS[:8], OURS + "00", "0" + OURS[1:], 5, True, [OURS], {"hash": OURS}, OURS.encode(), 1.5, []]
)
def test_a_stranger_is_kept_marked_and_reported(said: Value) -> None:
    guilty = Record("g", event="tool_call", severity=9, attributes={KEY: said})
    (kept, report), aside = _run(_batch(guilty))
    assert kept.id == "g"
    assert kept.attributes == {KEY: said, "audit.constitutional_hash.expected": OURS}
    assert kept.severity == 17
    assert (report.event, report.severity) == ("constitutional_hash_mismatch", 17)
    assert aside == Aside()


def test_digits_alone_may_come_as_a_number() -> None:
    (record,), _ = _run(_batch(Record(attributes={KEY: 1234567890123456})), Constitution(hash="1234567890123456"))
    assert record.attributes == {KEY: 1234567890123456}


def test_a_mark_raises_severity_and_never_lowers_it() -> None:
    (kept, _), _ = _run(_batch(Record("g", severity=21, attributes={KEY: "bad"})))
    assert kept.severity == 21


def test_the_report_says_who_what_and_when() -> None:
    guilty = _stranger(**{"tenant.id": "t", "agent_id": "a", "correlation_id": "c", "user.id": "u"})
    guilty.trace_id, guilty.span_id, guilty.flags = "ab" * 16, "cd" * 8, 1
    batch = _batch(Record("before", attributes={}), guilty, Record("after", attributes={}))
    (before, kept, report, after), _ = _run(batch)
    assert [before.id, kept.id, after.id] == ["before", "guilty-id", "after"]
    assert report.attributes == {
        "tenant.id": "t",
        "agent_id": "a",
        "correlation_id": "c",
        "audit.target.id": "guilty-id",
        "audit.target.type": "record",
        KEY: OURS,
        "audit.constitutional_hash.expected": OURS,
        "audit.constitutional_hash.received": "bad",
    }
    assert (report.time, report.observed) == (guilty.time, guilty.observed)
    assert (report.trace_id, report.span_id, report.flags) == (guilty.trace_id, guilty.span_id, 1)
    assert "bad" in str(report.body)
    assert OURS in str(report.body)


def test_p1_a_resend_gives_the_report_the_same_id_and_strangers_differ() -> None:
    first = _run(_batch(_stranger()))[0][1].id
    assert _run(_batch(_stranger()))[0][1].id == first
    other = _stranger()
    other.id = "another"
    assert _run(_batch(other))[0][1].id != first
    assert _run(_batch(_stranger(**{KEY: "worse"})))[0][1].id != first
    uuid = UUID(first)
    assert (uuid.version, uuid.int >> 80, str(uuid)) == (7, 1_767_225_600_000, first)


@pytest.mark.parametrize("time", [0, (1 << 64) - 1])
def test_a_report_of_any_time_has_a_valid_id(time: int) -> None:
    guilty = _stranger()
    guilty.time = time
    assert UUID(_run(_batch(guilty))[0][1].id).version == 7


def test_the_guilty_hash_may_be_of_any_size_and_text() -> None:
    (_, report), _ = _run(_batch(Record("g", attributes={KEY: "x" * 100_000})))
    assert len(str(report.body)) < 400
    (_, report), _ = _run(_batch(Record("\ud800", attributes={KEY: "\udc00"})))
    assert UUID(report.id).version == 7


@pytest.mark.parametrize("name", ["constitutional_hash_mismatch", "Constitutional-Hash.Mismatch"])
@pytest.mark.parametrize("mode", ["accept", "reject"])
def test_a_report_never_causes_another(name: str, mode: str) -> None:
    processor = Constitution.model_validate({"hash": OURS, "on_mismatch": mode})
    (record,), aside = _run(_batch(Record("m", event=name, attributes={KEY: "bad"})), processor)
    assert record.id == "m"
    assert aside == Aside()


def test_a_second_pass_reports_only_what_is_still_strange() -> None:
    once, _ = _run(_batch(_stranger()))
    twice, _ = _run(_batch(*once))
    assert [r.event for r in twice] == ["tool_call", "constitutional_hash_mismatch", "constitutional_hash_mismatch"]
    assert twice[1].id == twice[2].id


def test_reject_refuses_the_stranger_reports_it_and_spares_its_neighbours() -> None:
    guilty = _stranger()
    before = msgspec.msgpack.encode(guilty)
    processor = Constitution(hash=OURS, on_mismatch="reject")
    held, aside = _run(_batch(Record("before", attributes={}), guilty, Record("after", attributes={})), processor)
    assert [r.id for r in held if r.event != "constitutional_hash_mismatch"] == ["before", "after"]
    assert [r.attributes["audit.target.id"] for r in held if r.event] == ["guilty-id"]
    alone = Group({"service.name": "s"}, Scope("n"), [guilty], "schema")
    assert aside.refused == [Refused(alone, "constitutional hash 'bad' is not in force")]
    assert msgspec.msgpack.encode(guilty) == before
    assert aside.filtered == {}


def test_a_resource_speaks_for_its_records() -> None:
    spoken: dict[str, Value] = {KEY: "bad"}
    held, _ = _run(_batch(Record("a", attributes={}), Record("b", attributes={KEY: OURS}), resource=spoken))
    assert [r.id for r in held if r.event != "constitutional_hash_mismatch"] == ["a", "b"]
    assert [r.attributes["audit.target.id"] for r in held if r.event] == ["a"]
    assert held[0].attributes == {KEY: "bad", "audit.constitutional_hash.expected": OURS}
    assert spoken == {KEY: "bad"}
    (good,), _ = _run(_batch(Record(attributes={}), resource={"constitutional_hash": OURS.upper()}))
    assert good.attributes == {KEY: OURS.upper()}


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"hash": ""}, {"hash": " "}, {"hash": "two words"}, {"hash": OURS, "files": ["a"]}, {"hash": "x" * 129},
        {"hash": OURS, "on_mismatch": "drop"}, {"files": ["a"], "length": 4}, {"files": ["a"], "length": 65},
        {"hash": OURS, "accept": [""]}, {"hashes": OURS},
    ],
)  # fmt: skip
def test_wrong_settings_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Constitution.model_validate(wrong)


def test_one_file_and_one_accepted_hash_need_no_list() -> None:
    made = Constitution.model_validate({"files": "policy.yaml", "accept": "old"})
    assert (made.files, made.accept) == (["policy.yaml"], ["old"])


def test_files_must_be_read_before_records_come() -> None:
    processor = Constitution(files=["policy/*.yaml"], accept=["old"], on_mismatch="reject")
    with pytest.raises(OtelsiemError, match="not read"):
        processor.process(_batch(Record(attributes={})), AT, Aside())
    resolved = processor.resolved(digest({"policy/a.yaml": b"rules"}, processor.length))
    (record, old), aside = _run(_batch(Record(attributes={}), Record(attributes={KEY: "OLD"})), resolved)
    assert record.attributes[KEY] == resolved.hash
    assert old.attributes == {KEY: "OLD"}
    assert aside == Aside()
    assert len(_run(_batch(_stranger()), resolved)[1].refused) == 1


def test_the_digest_is_sha256_over_sorted_names_and_contents() -> None:
    by_hand = sha256(b"a.yaml\0" + (3).to_bytes(8, "big") + b"one" + b"b.yaml\0" + (0).to_bytes(8, "big")).hexdigest()
    assert digest({"b.yaml": b"", "a.yaml": b"one"}) == by_hand[:16]
    assert digest({"a.yaml": b"one", "b.yaml": b""}, 64) == by_hand


def test_no_two_sets_of_files_are_the_same_bytes() -> None:
    sets: tuple[dict[str, bytes], ...] = (
        {"a": b"xb"},
        {"a": b"x", "b": b""},
        {"ax": b"b"},
        {"a": b"x"},
        {"b": b"x"},
        {"a": b"", "b": b"x"},
        {},
    )
    assert len({digest(named, 64) for named in sets}) == len(sets)
