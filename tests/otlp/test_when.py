"""Times that attributes say: RFC 3339 against the standard library, epoch numbers by magnitude, and everything else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otelsiem.model.record import Value
from otelsiem.otlp.when import nanoseconds, sent_time
from tests.examples import some

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@settings(max_examples=some(300), deadline=None)
@given(
    st.integers(2 * 86_400_000_000, 9_223_000_000_000_000).map(lambda us: EPOCH + timedelta(microseconds=us)),
    st.integers(-23 * 60, 23 * 60),
    st.sampled_from(["T", "t", " "]),
)
def test_rfc_3339_reads_as_the_standard_library_reads_it(moment: datetime, offset: int, between: str) -> None:
    aware = moment.astimezone(timezone(timedelta(minutes=offset)))
    expected = (aware - EPOCH) // timedelta(microseconds=1) * 1000
    assert nanoseconds(aware.isoformat(sep=between)) == expected


@settings(max_examples=some(200), deadline=None)
@given(st.integers(10**17, (1 << 63) - 1))
def test_nanoseconds_lose_no_digit(value: int) -> None:
    assert nanoseconds(value) == value == nanoseconds(str(value))


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (1767225600, 1767225600 * 10**9),
        (1767225600.25, 1767225600_250000000),
        ("1767225600.123456789", 1767225600_123456789),
        (1767225600123, 1767225600_123000000),
        ("1767225600123.5", 1767225600_123500000),
        (1767225600123456, 1767225600_123456000),
        (10**8, 10**17), (10**11 - 1, 0), (10**11, 10**17), (10**14, 10**17), (10**17, 10**17),
        ("2026-01-01T00:00:00Z", 1767225600 * 10**9),
        ("2026-01-01T00:00:00.5", 1767225600_500000000),
        ("2026-01-01 00:00:00,123 +0100", 1767222000_123000000),
        (" 2026-01-01T00:00:00z ", 1767225600 * 10**9),
        ("2016-12-31T23:59:60Z", 1483228800 * 10**9),
        ("2024-02-29T00:00:00Z", 1709164800 * 10**9),
        ("2262-04-11T23:47:16.854775807Z", (1 << 63) - 1),
    ],
)  # fmt: skip
def test_what_people_write(value: Value, read: int) -> None:
    assert nanoseconds(value) == read


@pytest.mark.parametrize(
    "value",
    [
        None, True, "", "now", 0, -5, 35, "35", 1e300, float("nan"), float("inf"), b"2026-01-01T00:00:00Z",
        [1767225600], {"t": 1}, 1 << 63, 10**40, "9" * 5000, "2262-04-11T23:47:16.854775808Z", "9999-12-31T23:59:59Z",
        "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
        "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-01-32T00:00:00Z", "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z", "2026-01-01T00:00:61Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+00:60",
        "2026-01-01", "٢٠٢٦-01-01T00:00:00Z", "1e9", "1767225600 s",
    ],
)  # fmt: skip
def test_what_is_no_time_reads_as_none(value: Value) -> None:
    assert nanoseconds(value) == 0


def test_the_first_name_that_says_a_time_wins() -> None:
    assert sent_time({"time": 1767225600, "timestamp": 1767225601}) == 1767225601 * 10**9
    assert sent_time({"time": 1767225600, "timestamp": "soon"}) == 1767225600 * 10**9
    assert sent_time({"other": 1767225600}) == 0
