"""The seal on delivery receipts: by it the gateway knows a receipt that it gave itself, and to which tenant.

Guarantees: nobody learns of records without a receipt for them, and no tenant with a receipt of another's; nothing has
to be looked up for that, so it holds as long as the journal lives, across restarts. A journal that is new has a new
key: a receipt of an older one is not taken for one of its own records.
"""

from __future__ import annotations

import hmac
import os
import secrets
from hashlib import sha256
from pathlib import Path

import msgspec

NAME = "receipts.key"
_SIZE = 32
_PROOF = 16  # bytes: 128 bits

_packed = msgspec.msgpack.Encoder().encode


class Seal:
    """Who has the key can prove anything: it never leaves the gateway."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "Seal([redacted])"

    def proof(self, tenant: str, pipeline: str, first: int, count: int) -> bytes:
        """What a receipt for these records carries."""
        said = _packed((tenant, pipeline, first, count))
        return hmac.digest(self._key, said, sha256)[:_PROOF]

    def holds(self, proof: bytes, tenant: str, pipeline: str, first: int, count: int) -> bool:
        """Whether we gave this receipt to this tenant; in the same time for every guess."""
        return hmac.compare_digest(proof, self.proof(tenant, pipeline, first, count))


def keep(directory: Path, *, new: bool) -> Seal:
    """The seal of the journal in this directory. `new`: the journal has just been made."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # a journal in memory has not made it
    path = directory / NAME
    if not new and len(key := _read(path)) == _SIZE:
        return Seal(key)
    key = secrets.token_bytes(_SIZE)
    fresh = directory / f".{NAME}.{os.getpid()}"
    fresh.unlink(missing_ok=True)  # left by a crash of a process that had our number
    # O_EXCL: never through a link that somebody laid here
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())  # receipts that were given must not outlive it
    fresh.replace(path)
    return Seal(key)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
