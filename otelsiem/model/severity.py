"""The one severity table: words in, every SIEM's scale out.

`number(word)` reads what users and older systems write; `scale(number)` is the row that each format reads from.
SeverityNumber 0 (unspecified) has the row of info until a rule of the `severity` processor sets it.
"""

from __future__ import annotations

from typing import NamedTuple


class Scale(NamedTuple):
    """One row of the table: the same severity in each product's words."""

    name: str  # ours: what `severity` says in the normalised event
    syslog: int
    cef: int
    leef: int
    ocsf: int
    ecs: str
    cim: str
    datadog: str
    asim: str
    asff: str  # Security Hub
    google: str


_TRACE = Scale("trace", 7, 1, 1, 1, "trace", "informational", "debug", "Informational", "INFORMATIONAL", "DEBUG")
_DEBUG = Scale("debug", 7, 1, 1, 1, "debug", "informational", "debug", "Informational", "INFORMATIONAL", "DEBUG")
_INFO = Scale("info", 6, 3, 3, 1, "info", "informational", "info", "Informational", "INFORMATIONAL", "INFO")
_LOW = Scale("low", 5, 3, 3, 2, "info", "low", "info", "Low", "LOW", "NOTICE")
_MEDIUM = Scale("medium", 4, 5, 5, 3, "warn", "medium", "warn", "Medium", "MEDIUM", "WARNING")
_HIGH = Scale("high", 3, 7, 7, 4, "error", "high", "error", "High", "HIGH", "ERROR")
_CRITICAL = Scale("critical", 2, 9, 9, 5, "fatal", "critical", "critical", "High", "CRITICAL", "CRITICAL")
_EMERGENCY = Scale("emergency", 1, 10, 10, 6, "fatal", "critical", "critical", "High", "CRITICAL", "EMERGENCY")

SCALES: tuple[Scale, ...] = (  # indexed by SeverityNumber
    (_INFO,) + (_TRACE,) * 4 + (_DEBUG,) * 4 + (_INFO,) + (_LOW,) * 3 + (_MEDIUM,) * 4 + (_HIGH,) * 4
    + (_CRITICAL,) * 3 + (_EMERGENCY,)
)  # fmt: skip

WORDS: dict[str, int] = {
    "trace": 1,
    "debug": 5,
    "info": 9, "informational": 9, "information": 9,
    "low": 10, "notice": 10,
    "medium": 13, "warning": 13, "warn": 13,
    "high": 17, "error": 17, "err": 17,
    "critical": 21, "fatal": 21, "crit": 21,
    "emergency": 24, "emerg": 24,
}  # fmt: skip

# OTel's own short names, TRACE2 … FATAL4 (logs data model, "Displaying Severity")
_SHORT = (("trace", 1), ("debug", 5), ("info", 9), ("warn", 13), ("error", 17), ("fatal", 21))
WORDS |= {f"{name}{n}": base + n - 1 for name, base in _SHORT for n in range(2, 5)}


def scale(number: int) -> Scale:
    """The row for a SeverityNumber; whatever lies outside 0-24 reads as its nearest end."""
    return SCALES[0 if number < 0 else min(number, 24)]


def number(word: object) -> int:
    """The SeverityNumber a word stands for, 0 when it is not a level word."""
    return WORDS.get(word.strip().lower(), 0) if type(word) is str else 0


def level(value: object) -> object:
    """For settings: a level word becomes its number, anything else is left to the check that follows."""
    if isinstance(value, str):
        if found := number(value):
            return found
        known = "trace, debug, info, low, medium, high, critical, emergency"
        raise ValueError(f"{value!r} is not a level; write one of {known}, or a SeverityNumber 1-24")
    return value
