"""Who a sender is, by the token it shows, and whether it may bring more now.

Guarantees: a token is compared by its digest, in the same time for every guess, and is kept nowhere else; the quota of
a token is one for all listeners. A quota counts before the journal: a sender that has used it up hears so before its
body is read. What a request holds is known only afterwards, so it is paid afterwards: a request that is larger than
the burst goes when nothing is owed, and the next one waits until it is paid off. None is too large to ever go.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from otelsiem.delivery.rate import Bucket
from otelsiem.gateway.locks import Quota, Token, Tokens
from otelsiem.gateway.receivers.watched import UnusableError, Watched, content

SHORTEST = 16  # characters: 64 bits, when they are hexadecimal
LOOK = 1.0  # seconds between two looks at a file of tokens; an unknown token looks at once


def fault(text: str) -> str:
    """Why a text cannot be a token, "" when it can."""
    if not text:
        return "is empty"
    if not (text.isascii() and text.isprintable()) or " " in text:
        return "has characters that a header cannot carry"
    return f"is shorter than {SHORTEST} characters; make one with: openssl rand -hex 32" if len(text) < SHORTEST else ""


class Holder:
    """Whoever shows one token: its name, its tenant, and what it may still bring."""

    def __init__(self, token: Token, clock: Callable[[], int]) -> None:
        quota = token.quota or Quota()
        self.name, self.tenant = token.name, token.tenant
        self._clock = clock
        self._events = Bucket(quota.events_per_second, quota.burst or quota.events_per_second)
        self._bytes = Bucket(quota.bytes_per_second, quota.burst_bytes or quota.bytes_per_second)

    def wait(self) -> float:
        """Seconds until it may bring something; 0.0 = now."""
        now = self._clock()
        return max(self._events.take(0, now), self._bytes.take(0, now))

    def brought(self, *, size: int = 0, events: int = 0) -> None:
        """Pay for what came."""
        self._bytes.charge(size)
        self._events.charge(events)


@dataclass(frozen=True, slots=True)
class Key:
    """A digest, and who shows the token that it is of."""

    digest: bytes
    holder: Holder


class Keyring:
    """The tokens of one authenticator. Used on one event loop, as its buckets need no lock."""

    def __init__(self, tokens: Tokens, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.scheme = tokens.scheme
        self._scheme = tokens.scheme.lower().encode()
        holders = {token.name: Holder(token, clock) for token in reversed(tokens.tokens)}
        files = [token.filename for token in tokens.tokens if token.filename is not None]
        self._keys = Watched(files, lambda: _keys(tokens, holders), LOOK, f"the tokens of {tokens.id}")

    def holder(self, authorization: bytes) -> Holder | None:
        """Who sends this Authorization header, None for a stranger."""
        scheme, _, shown = authorization.strip().rpartition(b" ")
        if scheme.rstrip().lower() != self._scheme:
            return None
        digest = sha256(shown).digest()
        return _find(self._keys.now(), digest) or _find(self._keys.now(at_once=True), digest)


def check(tokens: Tokens) -> None:
    """Raises UnusableError for a file of tokens that cannot be used, and for a token that two names have."""
    _keys(tokens, {token.name: Holder(token, time.monotonic_ns) for token in tokens.tokens})


def _find(keys: Sequence[Key], digest: bytes) -> Holder | None:
    found = None
    for key in keys:  # all of them, whichever it is
        if hmac.compare_digest(key.digest, digest):
            found = key.holder
    return found


def _keys(tokens: Tokens, holders: dict[str, Holder]) -> Sequence[Key]:
    keys: dict[bytes, Key] = {}
    for token in tokens.tokens:
        for text in texts(token):
            key = Key(sha256(text.encode()).digest(), holders[token.name])
            other = keys.setdefault(key.digest, key).holder.name
            if other != token.name:
                raise UnusableError("tokens", f"{other!r} and {token.name!r} have the same token")
    return list(keys.values())


def texts(token: Token) -> Sequence[str]:
    """The token, or those in its file: one per line, blank lines are none. Raises UnusableError."""
    if token.filename is None:
        return [token.text]
    file = str(token.filename)
    lines = content("filename", token.filename).decode("utf-8", "replace").splitlines()
    found = [line.strip() for line in lines if line.strip()]
    for number, text in enumerate(found, 1):
        if why := fault(text):
            raise UnusableError("filename", f"token {number} in {file!r} {why}")
    if not found:
        raise UnusableError("filename", f"{file!r} holds no token")
    return found
