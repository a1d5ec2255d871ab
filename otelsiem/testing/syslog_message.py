"""A strict reader of syslog messages, written from RFC 5424 and RFC 3164 apart from what writes them.

It refuses what some receiver garbles (docs/contracts/syslog.md 9): padded or large priorities, more than six digits of
fraction, lower-case `t` and `z`, header fields that are too long, a sign in a value that is not escaped, names that are
too long or stand twice, SD-IDs without a number, a byte order mark in the wrong place, control characters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

BOM = b"\xef\xbb\xbf"
REGISTERED = ("timeQuality", "origin", "meta")

_HEADER = re.compile(
    rb"<(?P<pri>0|[1-9][0-9]{0,2})>1 (?P<time>-|[^ ]+) (?P<host>[!-~]{1,255}) (?P<app>[!-~]{1,48}) "
    rb"(?P<proc>[!-~]{1,128}) (?P<id>[!-~]{1,32}) "
)
_TIME = re.compile(
    rb"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    rb"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_SD_NAME = re.compile(rb"[!#-<>-\\^-~]{1,32}")
_CUSTOM = re.compile(r"[^@]+@[0-9]+(\.[0-9]+)*")
_OLD = re.compile(
    rb"<(?P<pri>0|[1-9][0-9]{0,2})>"
    rb"(?P<time>(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (?: [1-9]|[12][0-9]|3[01])"
    rb" (?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]) (?P<host>[!-~]{1,255}) (?P<rest>.*)",
    re.DOTALL,
)
_TAG = re.compile(rb"(?P<app>[A-Za-z0-9._/-]{1,32})(?:\[(?P<proc>[A-Za-z0-9._/-]+)\])?: ")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_VALUE = re.compile(rb'(?:[^"\\\]]|\\["\\\]])*')
_ESCAPED = re.compile(rb'\\(["\\\]])')


class MalformedMessageError(ValueError):
    """A message that a receiver would garble or refuse; says at what."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a message says."""

    priority: int
    time: str
    host: str
    app: str = "-"
    process: str = "-"
    id: str = "-"
    data: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    text: str = ""

    @property
    def facility(self) -> int:
        return self.priority // 8

    @property
    def severity(self) -> int:
        return self.priority % 8


def read(message: bytes, *, duplicates: bool = False) -> Message:
    """An RFC 5424 message. Raises MalformedMessageError. `duplicates`: keep the last of two, as syslog-ng does."""
    found = _HEADER.match(message)
    if found is None:
        raise MalformedMessageError("no header of RFC 5424")
    priority = _priority(found["pri"])
    if found["time"] != b"-" and not _TIME.fullmatch(found["time"]):
        raise MalformedMessageError(f"a time that RFC 5424 does not know: {found['time']!r}")
    data, at = elements(message, found.end(), duplicates=duplicates)
    if at < len(message) and message[at : at + 1] != b" ":
        raise MalformedMessageError("no blank after the structured data")
    moment, host, app, process, id_ = [found[name].decode() for name in ("time", "host", "app", "proc", "id")]
    return Message(priority, moment, host, app, process, id_, data, _text(message[at + 1 :]))


def read_old(message: bytes, *, tagged: bool = True) -> Message:
    """An RFC 3164 message; without a tag whatever follows the host name is the text."""
    found = _OLD.fullmatch(message)
    if found is None:
        raise MalformedMessageError("no header of RFC 3164")
    priority, rest = _priority(found["pri"]), found["rest"]
    moment, host = found["time"].decode(), found["host"].decode()
    if not tagged:
        return Message(priority, moment, host, text=_text(rest))
    tag = _TAG.match(rest)
    if tag is None:
        raise MalformedMessageError("no tag")
    process = tag["proc"].decode() if tag["proc"] else "-"
    return Message(priority, moment, host, tag["app"].decode(), process, text=_text(rest[tag.end() :]))


def elements(message: bytes, at: int, *, duplicates: bool = False) -> tuple[dict[str, dict[str, str]], int]:
    """The structured data that begins here, and where it ends."""
    if message[at : at + 1] == b"-":
        return {}, at + 1
    data: dict[str, dict[str, str]] = {}
    while message[at : at + 1] == b"[":
        name, at = _name(message, at + 1)
        if name not in REGISTERED and not _CUSTOM.fullmatch(name):
            raise MalformedMessageError(f"an SD-ID without a number: {name}")
        if name in data and not duplicates:
            raise MalformedMessageError(f"an SD-ID twice: {name}")
        data[name], at = _params(message, at, duplicates=duplicates)
    if not data:
        raise MalformedMessageError("neither structured data nor -")
    return data, at


def _params(message: bytes, at: int, *, duplicates: bool) -> tuple[dict[str, str], int]:
    params: dict[str, str] = {}
    seen: set[str] = set()  # in lower case, as rsyslog's JSON has them
    while message[at : at + 1] == b" ":
        name, at = _name(message, at + 1)
        if message[at : at + 2] != b'="':
            raise MalformedMessageError(f"no value of {name}")
        if name.lower() in seen and not duplicates:
            raise MalformedMessageError(f"a PARAM-NAME twice: {name}")
        seen.add(name.lower())
        params[name], at = _value(message, at + 2)
    if message[at : at + 1] != b"]":
        raise MalformedMessageError("an element that does not end")
    return params, at + 1


def _name(message: bytes, at: int) -> tuple[str, int]:
    found = _SD_NAME.match(message, at)
    if found is None or message[found.end() : found.end() + 1] not in (b" ", b"]", b"="):
        raise MalformedMessageError("a name that is empty, too long, or has signs that no name has")
    return found[0].decode(), found.end()


def _value(message: bytes, at: int) -> tuple[str, int]:
    found = _VALUE.match(message, at)
    assert found is not None, "it may be empty"
    end = found.end()
    sign = message[end : end + 1]
    if sign == b"]":
        raise MalformedMessageError("a ] in a value that is not escaped")
    if sign == b"\\":
        raise MalformedMessageError("a backslash in a value that escapes nothing")
    if sign != b'"':
        raise MalformedMessageError("a value that does not end")
    return _text(_ESCAPED.sub(rb"\1", found[0])), end + 1


def _text(raw: bytes) -> str:
    try:
        text = raw.removeprefix(BOM).decode()
    except UnicodeDecodeError:
        raise MalformedMessageError("text that is not UTF-8") from None
    if "\ufeff" in text:
        raise MalformedMessageError("a byte order mark inside")
    if _CONTROL.search(text):
        raise MalformedMessageError("a control character")
    return text


def _priority(digits: bytes) -> int:
    if int(digits) > 191:
        raise MalformedMessageError(f"a priority of {int(digits)}")
    return int(digits)
