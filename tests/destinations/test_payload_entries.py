"""Records that become more than one line each: cut between records only, exact in bytes and count."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.destinations._payloads import Entries, entries
from otelsiem.model.destination import Limits
from otelsiem.model.record import Batch, Group, Record, Scope, records
from tests.examples import some


def two_lines(part: Batch) -> Entries:
    made = [b"{}\n%b\n" % record.id.encode() for record in records(part)]
    return made, [record.event for record in records(part)] if any(record.event for record in records(part)) else ()


def batch(*ids: str, key: str = "") -> Batch:
    return [Group({}, Scope(), [Record(id=id_, event=key and f"{key}{n % 2}") for n, id_ in enumerate(ids)])]


@given(
    st.lists(st.text("xy", max_size=12), max_size=200),
    st.builds(Limits, records=st.sampled_from([1, 2, 7, 1000]), bytes=st.integers(1, 90),
              record_bytes=st.none() | st.integers(4, 16)),
    st.sampled_from(["", "k"]),
)  # fmt: skip
@settings(deadline=None, max_examples=some(300))
def test_every_record_is_whole_in_one_payload_or_refused(ids: list[str], limits: Limits, key: str) -> None:
    encoded = entries(batch(*ids, key=key), two_lines, limits)
    placed = [index for one in encoded.payloads for index in one.indices]
    assert sorted([*placed, *encoded.rejected]) == list(range(len(ids)))
    assert {n for n, id_ in enumerate(ids) if limits.record_bytes and len(id_) + 4 > limits.record_bytes} == {
        *encoded.rejected
    }
    for one in encoded.payloads:
        assert one.body == b"".join([b"{}\n%b\n" % ids[n].encode() for n in one.indices])
        assert one.size == len(one.body)
        assert len(one.indices) == 1 or (one.size <= limits.bytes and len(one.indices) <= limits.records)
        assert {f"{key}{n % 2}" if key else "" for n in one.indices} == {one.key}


def test_a_record_that_breaks_its_encoder_is_refused_alone() -> None:
    encoded = entries(batch("a", "\ud800", "b"), two_lines, Limits())
    assert [list(one.indices) for one in encoded.payloads] == [[0, 2]]
    assert encoded.payloads[0].body == b"{}\na\n{}\nb\n"
    assert "not valid Unicode" in encoded.rejected[1]


def test_all_entries_are_one_payload_up_to_the_last_byte_and_never_over_it() -> None:
    """Each is of five bytes: what fits as a whole is found out by another way than what must be cut."""
    few = batch("a", "b", "c")
    assert [list(one.indices) for one in entries(few, two_lines, Limits(bytes=15)).payloads] == [[0, 1, 2]]
    assert [list(one.indices) for one in entries(few, two_lines, Limits(bytes=14)).payloads] == [[0, 1], [2]]
    assert [list(one.indices) for one in entries(few, two_lines, Limits(records=2)).payloads] == [[0, 1], [2]]
    assert entries(few, two_lines, Limits(record_bytes=4)).rejected.keys() == {0, 1, 2}
    assert entries(few, two_lines, Limits(record_bytes=5)).rejected == {}
    assert entries([], two_lines, Limits()).payloads == ()


def test_entries_left_in_parts_are_the_same() -> None:
    def parts(part: Batch) -> Entries:
        whole, keys = two_lines(part)
        return [piece for entry in whole for piece in (entry[:1], entry[1:])], keys

    few = batch(*"abcdefg")
    for limits in (Limits(), Limits(bytes=12), Limits(records=3), Limits(record_bytes=4)):
        assert entries(few, parts, limits, parts=2) == entries(few, two_lines, limits)
    assert entries(batch("a", "\ud800", "b"), parts, Limits(), parts=2).payloads[0].body == b"{}\na\n{}\nb\n"
    keyed = batch(*"abcd", key="k")
    assert entries(keyed, parts, Limits(), parts=2) == entries(keyed, two_lines, Limits())
