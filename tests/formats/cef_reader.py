"""A strict reader of CEF, written from the contract (docs/contracts/cef.md) and apart from what writes it.

It refuses what contract 8 lists: whatever makes two parsers read one line differently, or a consumer drop a field. The
dictionary is typed in from contract 4; a key of the producer's own begins with `otelsiem`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

_TEXT = {
    "act": 63, "outcome": 63, "reason": 1023, "cat": 1023, "externalId": 40, "msg": 1023, "shost": 1023, "dhost": 1023,
    "suser": 1023, "duser": 1023, "suid": 1023, "duid": 1023, "spriv": 1023, "dpriv": 1023, "sntdom": 255,
    "dntdom": 255, "sourceServiceName": 1023, "destinationServiceName": 1023, "dvchost": 100, "deviceProcessName": 1023,
    "deviceExternalId": 255, "deviceFacility": 1023, "dtz": 255, "request": 1023, "requestMethod": 1023,
    "requestClientApplication": 1023, "requestContext": 2048, "app": 31, "proto": 31, "fname": 1023, "filePath": 1023,
    "fileId": 1023, "fileType": 1023, "fileHash": 255, "filePermission": 1023, "flexString1": 1023, "flexString2": 1023,
    **{f"cs{n}": 4000 for n in range(1, 7)},
}  # fmt: skip
_OF_1 = {
    "reportedResourceID": 256, "reportedResourceName": 64, "reportedResourceType": 64, "reportedResourceGroupName": 128,
    "frameworkName": 256, "threatActor": 40, "threatAttackID": 32,
}  # fmt: skip
_IPV4 = ("src", "dst", "dvc")
_IPV6 = ("c6a1", "c6a2", "c6a3", "c6a4")
_PORTS = ("spt", "dpt")
_INTEGERS = ("dvcpid", "fsize", "cnt", "in", "out", "cn1", "cn2", "cn3")
_DOUBLES = ("cfp1", "cfp2", "cfp3", "cfp4")
_TIMES = ("rt", "start", "end")
_LABELLED = frozenset([*(f"cs{n}" for n in range(1, 7)), *_IPV6, "cn1", "cn2", "cn3", *_DOUBLES, "flexString1",
                       "flexString2"])  # fmt: skip
_OWN = re.compile(r"otelsiem[A-Z][A-Za-z0-9]*")
_CONTROLS = re.compile("[\0-\x1f\x7f-\x9f\u2028-\u202e]")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_WORDS = ("Unknown", "Low", "Medium", "High", "Very-High")
_MOST = (63, 63, 31, 1023, 512)
_UNESCAPED = {"\\": "\\", "=": "=", "n": "\n", "r": "\r"}


@dataclass(frozen=True)
class Cef:
    """One event, unescaped."""

    version: int
    vendor: str
    product: str
    device: str
    class_id: str
    name: str
    severity: str
    extension: dict[str, str]


def read(line: bytes) -> Cef:
    """The event of a line; raises ValueError where a receiver would stumble."""
    text = line.decode("utf-8")
    if _CONTROLS.search(text):
        raise ValueError("a control character")
    header, extension = _split(text)
    version, vendor, product, device, class_id, name, severity = header
    if version not in ("CEF:0", "CEF:1"):
        raise ValueError(f"version {version!r}")
    for field, most in zip(header[1:6], _MOST, strict=True):
        if not field or len(field) > most or field != field.strip():
            raise ValueError(f"header field {field!r}")
    if severity not in _WORDS and not (severity.isdecimal() and int(severity) <= 10 and str(int(severity)) == severity):
        raise ValueError(f"severity {severity!r}")
    pairs = _pairs(extension)
    number = int(version[4:])
    for key, value in pairs.items():
        _check(key, value, number)
    _labels(pairs)
    return Cef(number, vendor, product, device, class_id, name, severity, pairs)


def _split(text: str) -> tuple[list[str], str]:
    """Seven header fields, unescaped, and the extension."""
    fields: list[str] = []
    now, at = "", 0
    while len(fields) < 7:
        if at >= len(text):
            raise ValueError("fewer than seven pipes")
        if text[at] == "\\":
            if text[at + 1 : at + 2] not in ("\\", "|"):
                raise ValueError("an escape that headers do not have")
            now, at = now + text[at + 1], at + 2
        elif text[at] == "|":
            fields.append(now)
            now, at = "", at + 1
        else:
            now, at = now + text[at], at + 1
    return fields, text[at:]


def _pairs(extension: str) -> dict[str, str]:
    if extension.startswith(" ") or extension.endswith(" "):
        raise ValueError("a blank at an end: receivers lose it")
    found: dict[str, str] = {}
    key: str | None = None
    value: list[str] = []
    for token in re.split(r"(\\.?|=)", extension):
        if token.startswith("\\"):
            if token[1:] not in _UNESCAPED or len(token) != 2:
                raise ValueError(f"escape {token!r}, which values do not have")
            value.append(_UNESCAPED[token[1]])
        elif token == "=":
            before, _, word = "".join(value).rpartition(" ")
            if not _WORD.fullmatch(word) or (key is None and before):
                raise ValueError(f"{word!r} before an unescaped =")
            if key is not None:
                _put(found, key, before)
            key, value = word, []
        else:
            value.append(token)
    if key is not None:
        _put(found, key, "".join(value))
    elif value:
        raise ValueError("no key")
    return found


def _put(found: dict[str, str], key: str, value: str) -> None:
    if key in found or key.lower() in {known.lower() for known in found}:
        raise ValueError(f"{key} twice")
    if not value:
        raise ValueError(f"{key} is empty")
    found[key] = value


def _check(key: str, value: str, version: int) -> None:
    known = _TEXT | (_OF_1 if version else {})
    if key.endswith("Label") and key.removesuffix("Label") in _LABELLED:
        wrong = len(value) > (128 if key.startswith("flex") else 1023)
    elif key in known:
        wrong = len(value) > known[key]
    elif key in _IPV4:
        wrong = str(IPv4Address(value)) != value
    elif key in _IPV6:
        wrong = "%" in value or not IPv6Address(value)
    elif key in _PORTS:
        wrong = not (value.isdecimal() and value.isascii() and int(value) <= 65_535)
    elif key in _INTEGERS:
        wrong = not re.fullmatch(r"-?[0-9]{1,19}", value)
    elif key in _DOUBLES:
        wrong = not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", value)
    elif key in _TIMES:
        wrong = not re.fullmatch(r"[0-9]{13}", value)
    else:
        wrong = not _OWN.fullmatch(key)
    if wrong:
        raise ValueError(f"{key}={value[:60]!r}")


def _labels(pairs: dict[str, str]) -> None:
    for key in pairs:
        custom = key.removesuffix("Label")
        if custom in _LABELLED and not (custom in pairs and f"{custom}Label" in pairs):
            raise ValueError(f"{key} without its other half")
