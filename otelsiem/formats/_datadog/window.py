"""The window of time that Datadog keeps, and what is done to documents that have left it.

Datadog answers 202 to a log that is older than 18 h or more than 2 h ahead, and drops it (contract 3 and 7).
Guarantees: within the window nothing changes; outside it a document gets the time of now, the tag `late:true` and its
own time in `audit.time`, and is otherwise as it was. A quarter of an hour is kept free on both sides for clocks that
differ.
"""

from __future__ import annotations

from typing import Any

import msgspec

from otelsiem.formats._datadog.tags import LATE, MOST_TAGS
from otelsiem.formats.json import timestamps

SECOND = 1_000_000_000
PAST, FUTURE, MARGIN = 18 * 3600 * SECOND, 2 * 3600 * SECOND, 15 * 60 * SECOND
GROWTH = len(f',"audit.time":"9999-12-31T23:59:59.999999Z","ddtags":"{LATE},"')  # bytes that a document may gain

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def window(now: int) -> tuple[int, int]:
    """From and until when, both included."""
    return now - PAST + MARGIN, now + FUTURE - MARGIN


def redated(line: bytes, now: int) -> bytes:
    """The document with the time of now, if its own has left the window since it was written."""
    fields = _decoder.decode(line)
    own = int(msgspec.json.decode(fields["timestamp"])) * 1_000_000
    low, high = window(now)
    if low <= own <= high:
        return line
    tags = str(msgspec.json.decode(fields["ddtags"])).split(",") if "ddtags" in fields else []
    if LATE not in tags:
        fields["ddtags"] = _raw(",".join([*tags[: MOST_TAGS - 1], LATE]))
        fields["audit.time"] = _raw(timestamps()(str(msgspec.json.decode(fields["otel.timestamp"]))))
    fields["timestamp"] = _raw(now // 1_000_000)
    return _encoder.encode(fields)


def _raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(_encoder.encode(value))
