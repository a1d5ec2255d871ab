"""The events of one HEC request, read the way Splunk reads them, its silent behaviours included.

Guarantees: objects before the first bad one are taken, it and all after it are not; the number in the verdict is the
one Splunk would send (0-based; for a disallowed index one too high). Measured on Enterprise 10.4.3 and Cloud 10.5, see
docs/contracts (splunk-hec §3, §6).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

KEYS = frozenset({"time", "host", "source", "sourcetype", "index", "event", "fields"})
MILLISECONDS = 1e11  # no time in seconds is above it before the year 5138


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was indexed. Copies are kept: HEC does not deduplicate."""

    event: Any
    time: str = ""  # the text of the JSON number or string: a float would lose the nanoseconds
    host: str = ""
    source: str = ""
    sourcetype: str = ""
    index: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    token: str = ""
    channel: str = ""
    suspect: str = ""  # accepted, but surely not what the sender meant


@dataclass(frozen=True, slots=True)
class Poison:
    """How the server chokes on one record: with `number`, the answer names it and what stands before is indexed.

    Without it nothing is said and nothing of the request is indexed, as when a proxy or the parser as a whole fails.
    """

    status: int = 400
    code: int | None = 6  # None: an answer without a body
    number: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """Where reading stopped, if it did."""

    code: int = 0
    number: int | None = None
    poison: Poison | None = None


Envelope: TypeAlias = dict[str, Any]
Suspicion: TypeAlias = Callable[[Envelope], Poison | None]


class _Number(str):
    """A JSON number as its text."""

    __slots__ = ()


def _no_constant(name: str) -> object:
    raise ValueError(name)  # NaN and Infinity are Python's idea of JSON


_DECODER = json.JSONDecoder(parse_float=_Number, parse_constant=_no_constant)


def read(text: str, allowed: frozenset[str] | None, poison: Suspicion | None) -> tuple[list[Envelope], Verdict]:
    """The envelopes that are indexed, and the verdict. `allowed` None means any index."""
    taken: list[Envelope] = []
    seen = 0
    try:
        for number, envelope in enumerate(_objects(text)):
            seen = number + 1
            # The silent-loss trap: reading stops at an unknown key, and what came before it is answered with success.
            if not isinstance(envelope, dict) or not envelope.keys() <= KEYS:
                return taken, Verdict() if taken else Verdict(5)
            verdict = _judge(envelope, number, allowed)
            if verdict is not None:
                return taken, verdict
            found = poison(envelope) if poison is not None else None
            if found is not None:
                return (taken, Verdict(6, number, found)) if found.number else ([], Verdict(6, None, found))
            if "event" in envelope:  # fields alone: success, and nothing is indexed
                taken.append(envelope)
    except (ValueError, RecursionError):  # not JSON, or nested beyond reason
        return taken, Verdict(6, seen)
    return taken, Verdict() if seen else Verdict(5)


def event(envelope: Envelope, index: str, token: str, channel: str) -> Event:
    """The envelope as it is stored; `index` is the token's default."""
    time = envelope.get("time", "")
    return Event(
        event=_plain(envelope["event"]),
        time=str(time),
        host=str(envelope.get("host", "")),
        source=str(envelope.get("source", "")),
        sourcetype=str(envelope.get("sourcetype", "")),
        index=str(envelope.get("index", "") or index),
        fields=_plain(envelope.get("fields", {})),
        token=token,
        channel=channel,
        suspect="time is in milliseconds or finer" if time and float(time) > MILLISECONDS else "",
    )


def _judge(envelope: Envelope, number: int, allowed: frozenset[str] | None) -> Verdict | None:
    fields = envelope.get("fields")
    if fields is not None and not _flat(fields):
        return Verdict(15, number)
    content = envelope.get("event")
    if content is None and not fields:
        return Verdict(12, number)
    if content == {} or (isinstance(content, str) and not content.strip()):
        return Verdict(13, number)
    if not _is_time(envelope.get("time", 0)):
        return Verdict(6, number)
    index = envelope.get("index")
    if index and not isinstance(index, str):
        return Verdict(6, number)
    if index and allowed is not None and index not in allowed:
        return Verdict(7, number + 1)  # one too high: the object after the disallowed one is named
    return None


def _objects(text: str) -> Iterator[object]:
    """Objects one after another, with or without white space between; a JSON array counts as its elements."""
    at = _skip(text, 0)
    while at < len(text):
        value, at = _DECODER.raw_decode(text, at)
        if isinstance(value, list):
            yield from value
        else:
            yield value
        at = _skip(text, at)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at


def _flat(fields: object) -> bool:
    if not isinstance(fields, dict):
        return False
    return not any(
        isinstance(value, dict) or (isinstance(value, list) and any(isinstance(x, (dict, list)) for x in value))
        for value in fields.values()
    )


def _is_time(time: object) -> bool:
    if isinstance(time, bool):
        return False
    try:
        float(time)  # type: ignore[arg-type]  # whatever JSON holds
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _plain(value: Any) -> Any:
    """With numbers as numbers."""
    if type(value) is _Number:
        return float(value)
    if type(value) is dict:
        return {key: _plain(inner) for key, inner in value.items()}
    if type(value) is list:
        return [_plain(inner) for inner in value]
    return value
