"""When it happened, for a record whose Timestamp is 0 but whose attributes say so (`timestamp`, `time`).

Reads RFC 3339, and epoch numbers as seconds, milliseconds, microseconds or nanoseconds by their magnitude. Guarantees
a time of 1970 to 2262, or 0 for whatever does not read as one; numbers below 1973 do not. Whole numbers never pass
through a float.
"""

from __future__ import annotations

import re
from calendar import timegm

from otelsiem.model.record import Value

NAMES = ("timestamp", "time")  # first hit wins
LATEST = (1 << 63) - 1  # ns: 2262-04-11, where journals and SIEMs with signed numbers end

# RFC 3339 5.6; the space is its note's, the missing offset is what people write and means UTC
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,18}))?\s?(?:([Zz])|([+-])(\d\d):?(\d\d))?", re.ASCII
)
_NUMBER = re.compile(r"(\d{1,19})(?:\.(\d{1,18}))?", re.ASCII)

_SMALLEST = 10**8  # a `time` of 35 is a duration, not the first minute of 1970
_UNITS = ((_SMALLEST, 0, 0), (10**11, 9, 10**9), (10**14, 6, 10**6), (10**17, 3, 10**3))

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def sent_time(attributes: dict[str, Value]) -> int:
    """Nanoseconds since the epoch, 0 when no attribute says."""
    if "timestamp" in attributes or "time" in attributes:
        for name in NAMES:
            if found := nanoseconds(attributes.get(name)):
                return found
    return 0


def nanoseconds(value: Value) -> int:
    """What one value says, 0 when it is no time."""
    if type(value) is float:  # repr has the digits the sender meant; NaN, infinities and exponents do not match
        value = repr(value)
    if type(value) is int:
        value = str(value) if 0 < value <= LATEST else ""
    if type(value) is not str or len(value) > 64:
        return 0
    text = value.strip()
    if match := _NUMBER.fullmatch(text):
        found = _epoch(int(match[1]), match[2] or "")
    elif match := _RFC3339.fullmatch(text):
        found = _calendar(match)
    else:
        return 0
    return found if 0 < found <= LATEST else 0


def _epoch(whole: int, fraction: str) -> int:
    """The unit by magnitude: each starts in March 1973, where the one before it has reached the year 5138."""
    for limit, places, unit in _UNITS:
        if whole < limit:
            return whole * unit + int((fraction + "0" * 9)[:places] or 0)
    return whole


def _calendar(match: re.Match[str]) -> int:
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    leap = 0 if year % 4 or (year % 100 == 0 and year % 400) else 1
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1] and (month, day, leap) != (2, 29, 0)):
        return 0
    if hour > 23 or minute > 59 or second > 60 or year < 1969:  # 60 is a leap second; timegm counts it as the next
        return 0
    offset = 0
    if match[9]:
        if int(match[10]) > 23 or int(match[11]) > 59:
            return 0
        offset = (int(match[10]) * 60 + int(match[11])) * (60 if match[9] == "+" else -60)
    seconds = timegm((year, month, day, hour, minute, second)) - offset
    return seconds * 1_000_000_000 + int(((match[7] or "") + "0" * 9)[:9])
