"""Where lines without keys are cut: against a reader that looks at one line after the other."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.destinations._payloads import Lines, payloads
from otelsiem.model.destination import Limits
from otelsiem.model.record import Batch, Group, Record, Scope, records
from tests.examples import some


def write(part: Batch) -> Lines:
    return b"".join([record.id.encode() + b"\n" for record in records(part)]), ()


def greedy(lengths: list[int], limits: Limits) -> tuple[list[list[int]], set[int]]:
    """As many records to a payload as go in, in order; what is over its own limit in none."""
    parts: list[list[int]] = []
    rejected = {n for n, length in enumerate(lengths) if length > (limits.record_bytes or 10**9)}
    room = 0
    for n, length in enumerate(lengths):
        if n in rejected:
            continue
        if not parts or length > room or len(parts[-1]) == limits.records:
            parts.append([])
            room = limits.bytes
        parts[-1].append(n)
        room -= length
    return parts, rejected


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=30),
    st.builds(
        Limits,
        records=st.sampled_from([1, 2, 5, 30]),
        bytes=st.integers(1, 60),
        record_bytes=st.none() | st.integers(1, 13),
    ),
)
@settings(deadline=None, max_examples=some(500))
def test_every_cut_is_where_the_next_line_would_not_go_in(sizes: list[int], limits: Limits) -> None:
    batch: Batch = [Group({}, Scope(), [Record(id="x" * size) for size in sizes])]
    encoded = payloads(batch, write, limits)
    parts, rejected = greedy([size + 1 for size in sizes], limits)
    assert [list(p.indices) for p in encoded.payloads] == parts
    assert set(encoded.rejected) == rejected
    for payload in encoded.payloads:
        assert payload.body == b"".join([b"x" * sizes[n] + b"\n" for n in payload.indices])
        assert payload.size == len(payload.body)
