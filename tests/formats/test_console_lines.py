"""Lines for people: readable, one per record, and harmless to a terminal whatever a record holds."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.formats.console import harmless, lines
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record, Scope, count
from tests.formats import strategies

AT = Moment(now=1_767_225_601_000_000_000)
ALLOWED = {"\u200c", "\u200d"}  # joiners: emoji and several scripts need them, they move nothing


@given(strategies.batches)
@settings(deadline=None)
def test_one_record_is_one_line_of_visible_characters(batch: Batch) -> None:
    text = lines(batch, AT, color=False).decode()
    assert text.count("\n") == count(batch)
    assert not text or text.endswith("\n")
    for sign in text.replace("\n", ""):
        assert unicodedata.category(sign) not in {"Cc", "Zl", "Zp", "Cs"}
        assert unicodedata.bidirectional(sign) not in {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@given(st.text())
def test_what_is_shown_can_be_told_from_what_was_escaped(value: str) -> None:
    """Two values that differ look different, so a record cannot pass for another one."""
    shown = harmless(value, 10_000)
    assert harmless(value + "\n", 10_000) == shown + "\\n"
    assert harmless(value + "\\n", 10_000) == shown + "\\\\n"


@pytest.mark.parametrize(
    "sign", "\x00\n\r\t\x1b\x7f\x85\x9b\xad\u200b\u200e\u2028\u2029\u202e\u2066\ufeff\U000e0041\ud800"
)
def test_signs_that_drive_a_terminal_or_hide_are_shown_as_what_they_are(sign: str) -> None:
    shown = harmless(f"a{sign}b", 80)
    assert sign not in shown
    assert shown.startswith("a\\")
    assert shown.endswith("b")


def test_only_our_own_colours_reach_the_terminal() -> None:
    hostile = "\x1b[31mred\x9b31m\x1b]0;title\x07"
    batch = [Group({}, Scope(), [Record(event=hostile, severity=17, body=hostile, attributes={hostile: hostile})])]
    plain, coloured = lines(batch, AT, color=False), lines(batch, AT, color=True)
    assert b"\x1b" not in plain
    for code in (b"\x1b[0m", b"\x1b[1m", b"\x1b[2m", b"\x1b[31m"):
        coloured = coloured.replace(code, b"")
    assert b"\x1b" not in coloured
    assert coloured == plain


def test_a_value_cannot_pretend_to_be_another_one() -> None:
    hostile = 'ann" tenant=other'
    text = lines([Group({}, Scope(), [Record(attributes={"user.name": hostile})])], AT, color=False).decode()
    assert 'actor="ann\\" tenant=other"' in text


def test_a_megabyte_is_cut_and_says_so() -> None:
    text = lines([Group({}, Scope(), [Record(body="x" * 1_000_000)])], AT, color=False).decode()
    assert len(text) < 1000
    assert "x…" in text
