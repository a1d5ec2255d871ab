"""The SHA-256 fingerprint of a certificate, as it is typed: hex digits, with or without colons between the bytes."""

from __future__ import annotations

import re

_PREFIX = re.compile(r"\s*(?:sha-?256(?:\s+fingerprint)?\s*[:=]\s*)?", re.IGNORECASE)  # as openssl prints it
_COLONS = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){31}")
_DIGITS = re.compile(r"[0-9a-f]{64}")


def fingerprint(text: str) -> str:
    """64 hex digits in lower case. Raises ValueError, in words for a person."""
    digits = _PREFIX.sub("", text, count=1).strip().lower()
    if _COLONS.fullmatch(digits):
        return digits.replace(":", "")
    if not _DIGITS.fullmatch(digits):
        what = "openssl x509 -fingerprint -sha256 -noout -in http_ca.crt"
        raise ValueError(f"is the SHA-256 of a certificate: 64 hex digits, with or without colons (`{what}` prints it)")
    return digits


def shown(digits: str) -> str:
    """As openssl and browsers show it."""
    return ":".join([digits[at : at + 2] for at in range(0, len(digits), 2)]).upper()
