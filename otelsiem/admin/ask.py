"""One admin request and its reply, and how the parts of a request are read.

Guarantees: what cannot be read is an AskError with the fitting status and a sentence, never another exception.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs

Scope: TypeAlias = Mapping[str, Any]  # ASGI's own shape: a dict by specification


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back."""

    status: int
    body: bytes
    kind: str = "application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class AskError(Exception):
    """The request cannot be understood or granted."""

    def __init__(self, status: int, sentence: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(sentence)
        self.reply = Reply(status, json_of({"error": sentence}), headers=headers)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[bytes, bytes]
    body: bytes = b""


def ask_of(scope: Scope) -> Ask:
    headers: dict[bytes, bytes] = {}
    for name, text in scope["headers"]:
        if name in headers and name in {b"host", b"authorization"}:
            raise AskError(400, f"the header {name.decode()} stands there twice")
        headers[name] = text
    try:
        query = parse_qs(scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:  # not ASCII, or too many fields
        raise AskError(400, "the query cannot be read") from error
    return Ask(scope["method"], scope["path"], {key: found[-1] for key, found in query.items()}, headers)


def host_of(header: bytes) -> str:
    """The host of `host:port` or `[v6]:port`."""
    text = header.decode("latin-1").strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0]


def is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def number_of(
    query: Mapping[str, str], name: str, *, default: int | None = None, least: int = 0, most: int = (1 << 63) - 1
) -> int:
    text = query.get(name)
    if text is None and default is not None:
        return default
    if text is not None and text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
        return int(text)
    raise AskError(400, f"{name} must be a whole number from {least}" + (f" to {most}" if most < 1 << 62 else ""))


def order_of(body: bytes) -> tuple[str, Sequence[int] | None]:
    """The exporter and the positions of `{"exporter": …, "positions": [..] | null}`."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise AskError(400, "the body is not JSON") from error
    if not isinstance(said, dict) or set(said) - {"exporter", "positions"}:
        raise AskError(400, 'the body must be {"exporter": "type/name", "positions": [numbers] or null}')
    exporter, positions = said.get("exporter"), said.get("positions")
    if not isinstance(exporter, str) or not exporter:
        raise AskError(400, "exporter must name one")
    if positions is not None and not _are_positions(positions):
        raise AskError(400, "positions must be a list of record numbers, or null for all")
    return exporter, positions


def _are_positions(value: object) -> bool:
    return isinstance(value, list) and all(type(n) is int and 0 <= n < 1 << 63 for n in value)


def json_of(value: object) -> bytes:
    # surrogates cannot be written as UTF-8, so everything beyond ASCII is escaped
    return json.dumps(value, allow_nan=False).encode("ascii")
