"""A strict reader of LEEF, written from IBM's text (docs/contracts/leef.md) and apart from what writes it.

It refuses what contract 7 lists. `received` is what QRadar makes of a payload that is too long: several events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

_ADDRESSES = ("src", "dst", "srcPreNAT", "dstPreNAT", "srcPostNAT", "dstPostNAT", "identSrc", "vSrc")
_PORTS = tuple(f"{side}{nat}Port" for side in ("src", "dst") for nat in ("", "PreNAT", "PostNAT"))
_INTEGERS = ("srcBytes", "dstBytes", "srcPackets", "dstPackets", "totalPackets")
_UP_TO_255 = ("usrName", "accountName", "identHostName", "identNetBios", "identGrpName", "vSrcName")
_OTHERS = ("cat", "devTime", "devTimeFormat", "proto", "sev", "srcMAC", "dstMAC", "identMAC", "role", "realm", "policy",
           "resource", "url", "groupID", "domain")  # fmt: skip
_UNIMPLEMENTED = ("isLoginEvent", "isLogoutEvent", "identSecondlp", "calLanguage", "calCountryOrRegion")
PREDEFINED = (*_ADDRESSES, *_PORTS, *_INTEGERS, *_UP_TO_255, *_OTHERS, *_UNIMPLEMENTED)
_SPELLED = {name.lower(): name for name in PREDEFINED}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
PAYLOAD = 4096  # QRadar's "Max TCP Syslog Payload Length" unless somebody raised it


@dataclass(frozen=True)
class Leef:
    """One event."""

    version: str
    vendor: str
    product: str
    device: str
    event_id: str
    attributes: dict[str, str]


def received(line: bytes) -> list[bytes]:
    """The events that QRadar makes of one line."""
    return [line[at : at + PAYLOAD] for at in range(0, len(line), PAYLOAD)]


def read(line: bytes) -> Leef:
    """The event of a line; raises ValueError where QRadar would drop something or see something that is not there."""
    text = line.decode("utf-8")
    if any(ord(character) < 0x20 and character != "\t" for character in text):
        raise ValueError("a control character")
    start, bar, rest = text.partition("|")
    if not bar or start not in ("LEEF:1.0", "LEEF:2.0"):
        raise ValueError(f"{start!r} is no version")
    count = 4 if start == "LEEF:1.0" else 5
    fields = rest.split("|", count)
    if len(fields) != count + 1:
        raise ValueError("too few pipes")
    *header, attributes = fields
    delimiter = "\t" if count == 4 else _delimiter(header.pop())
    for field in header:
        if not field or len(field) > 255 or "\t" in field or field.endswith("\\"):
            raise ValueError(f"header field {field!r}")
    vendor, product, device, event_id = header
    return Leef(start[5:], vendor, product, device, event_id, _attributes(attributes, delimiter))


def _delimiter(field: str) -> str:
    if hexadecimal := re.fullmatch(r"(?:0x|x)([0-9A-Fa-f]{1,4})", field):
        found = chr(int(hexadecimal[1], 16))
    elif len(field) <= 1:
        found = field or "\t"
    else:
        raise ValueError(f"{field!r} is no delimiter")
    if found == "|":
        raise ValueError("the pipe cannot be the delimiter")
    return found


def _attributes(text: str, delimiter: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for attribute in text.split(delimiter) if text else []:
        key, equals, value = attribute.partition("=")
        if not equals:
            raise ValueError(f"{attribute[:60]!r} has no =")
        if not _WORD.fullmatch(key):
            raise ValueError(f"{key!r} is no key")
        if _SPELLED.get(key.lower(), key) != key:
            raise ValueError(f"{key} is not how {_SPELLED[key.lower()]} is spelled")
        if key.lower() in {known.lower() for known in found}:
            raise ValueError(f"{key} twice: the second is ignored")
        _check(key, value)
        found[key] = value
    if "devTime" in found and "devTimeFormat" not in found and not re.fullmatch(r"\d{10}|\d{13}", found["devTime"]):
        raise ValueError("devTime is ignored")
    return found


def _check(key: str, value: str) -> None:
    wrong = not value or value.endswith("\\") or key in _UNIMPLEMENTED
    if key == "sev":
        wrong = value not in {str(n) for n in range(1, 11)}
    elif key in _ADDRESSES:
        wrong = "%" in value or not ip_address(value)
    elif key in _PORTS:
        wrong = not re.fullmatch(r"[0-9]{1,5}", value) or int(value) > 65_535
    elif key in _INTEGERS:
        wrong = not re.fullmatch(r"[0-9]+", value)
    elif key in _UP_TO_255:
        wrong = wrong or len(value) > 255
    if wrong:
        raise ValueError(f"{key}={value[:60]!r}")
