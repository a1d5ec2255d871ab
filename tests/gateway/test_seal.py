"""The key of the receipts' seal: kept with its journal, readable by nobody else, never taken over by a new journal."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from otelsiem.gateway.seal import NAME, Seal, keep

SAID = st.tuples(st.text(max_size=5), st.text(max_size=5), st.integers(0, 1 << 64), st.integers(0, 1 << 32)).filter(
    lambda said: said[2] < 1 << 64
)


def proves(one: Seal, other: Seal) -> bool:
    return other.holds(one.proof("acme", "logs", 7, 2), "acme", "logs", 7, 2)


def test_it_stays_with_its_journal(tmp_path: Path) -> None:
    tmp_path /= "not/there"  # as with a journal in memory
    first = keep(tmp_path, new=True)
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600
    assert proves(first, keep(tmp_path, new=False)), "a restart knows the receipts of before"
    assert not proves(first, keep(tmp_path, new=True)), "a new journal does not: its numbers begin again"
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_torn_key_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"short")
    made = keep(tmp_path, new=False)
    assert not made.holds(Seal(b"short").proof("", "logs", 0, 1), "", "logs", 0, 1)
    assert proves(made, keep(tmp_path, new=False))


@given(SAID, SAID)
def test_no_two_receipts_share_a_proof(one: tuple[str, str, int, int], other: tuple[str, str, int, int]) -> None:
    seal = Seal(b"k" * 32)
    assert seal.holds(seal.proof(*one), *one)
    assert seal.holds(seal.proof(*one), *other) == (one == other)
