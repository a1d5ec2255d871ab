"""The token of the admin API: made at each start, readable only by the user who runs the gateway.

Guarantees: it is never in the file with wider rights, not for a moment; comparing takes the same time for every guess.
"""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path

NAME = "admin.token"


class AdminToken:
    """Who knows it may give orders."""

    def __init__(self, text: str) -> None:
        self._wanted = text.encode()

    def __repr__(self) -> str:
        return "AdminToken([redacted])"

    def matches(self, authorization: bytes) -> bool:
        """Whether an Authorization header carries it."""
        scheme, _, given = authorization.strip().partition(b" ")
        return hmac.compare_digest(given.strip(), self._wanted) and scheme.lower() == b"bearer"


def create(directory: Path) -> AdminToken:
    """A new token, written to `<directory>/admin.token` with mode 0600 in place of an older one."""
    text = secrets.token_urlsafe(32)
    path = directory / NAME
    fresh = directory / f".{NAME}.{os.getpid()}"
    fresh.unlink(missing_ok=True)  # left by a crash of a process that had our number
    # O_EXCL: never through a link that somebody laid here
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
    fresh.replace(path)
    return AdminToken(text)


def read(directory: Path) -> str:
    """The token's text, for a command that talks to the running gateway. FileNotFoundError: none is running here."""
    return (directory / NAME).read_text(encoding="ascii").strip()
