"""What may be told of an agent's arguments and prompts: their hash. Two events can be compared, none can be read.

The hash is SHA-256 of canonical JSON (keys sorted, no blanks, UTF-8), HMAC-SHA-256 with a key. Guarantees: equal
arguments have equal hashes, whatever order they came in; without the key a keyed hash cannot be compared with a guess.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from otelsiem.model.errors import OtelsiemError
from otelsiem.model.secret import Secret
from otelsiem.sdk.convert import mapping

Key: TypeAlias = str | bytes | Secret

ARGUMENTS = "gen_ai.tool.call.arguments"
CONTENT = "gen_ai.input"
SHORTEST = 16  # bytes of a key: shorter ones can be guessed too


class Digest:
    """How arguments are written."""

    __slots__ = ("_key", "_kind", "_name")

    def __init__(self, kind: Literal["hash", "plain", "none"] = "hash", key: Key | None = None) -> None:
        if kind not in {"hash", "plain", "none"}:
            raise OtelsiemError(f"arguments={kind!r}: it is one of hash, plain, none")
        self._kind, self._key = kind, _bytes(key)
        self._name = "sha256" if self._key is None else "hmac_sha256"

    def arguments(self, held: Mapping[str, Any] | str | None) -> dict[str, Any]:
        """Attributes of these arguments; a text is their JSON, as models write it."""
        if held is None or self._kind == "none":
            return {}
        plain = _read(held) if isinstance(held, str) else mapping(held)  # a copy
        if self._kind == "plain":
            return {ARGUMENTS: plain}
        text = plain.encode("utf-8", "surrogatepass") if isinstance(plain, str) else canonical(plain)
        return {f"{ARGUMENTS}.{self._name}": self.of(text)}

    def content(self, held: str | bytes | None) -> dict[str, Any]:
        """Attributes of a prompt, or whatever was looked at: never itself."""
        if held is None:
            return {}
        return {
            f"{CONTENT}.{self._name}": self.of(held if isinstance(held, bytes) else held.encode("utf-8", "replace"))
        }

    def of(self, text: bytes) -> str:
        """The hash."""
        if self._key is None:
            return hashlib.sha256(text).hexdigest()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def canonical(held: Mapping[str, Any]) -> bytes:
    """JSON that is the same for equal arguments."""
    return _canonical(held).encode("utf-8", "surrogatepass")


def _read(text: str) -> dict[str, Any] | str:
    with contextlib.suppress(ValueError, RecursionError):
        found = json.loads(text)
        if isinstance(found, dict):
            return mapping(found)
    return text


def _said(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_said).encode


def _bytes(key: Key | None) -> bytes | None:
    if key is None:
        return None
    made = key if isinstance(key, bytes) else (key.get_secret_value() if isinstance(key, Secret) else key).encode()
    if len(made) < SHORTEST:
        raise OtelsiemError(f"key: it has {len(made)} bytes; a key that cannot be guessed has {SHORTEST} or more")
    return made
