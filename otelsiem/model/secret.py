"""Secrets: read once, never shown. `Secret` hides itself in repr and str; `redact` cleans a text of known ones."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import SecretStr

Secret = SecretStr

SHOWN = "[redacted]"


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets; ones shorter than four characters would redact ordinary words."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= 4:
            text = text.replace(secret, SHOWN)
    return text
