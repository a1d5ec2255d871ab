"""Who comes in through one listener: tokens are asked for, quotas kept, strangers sent away and told of.

Guarantees: an open listener costs nothing; a refusal is decided before a body is read, never shows a token, and
strangers are logged at most once a minute per address, however many there are.

Over quota is 429 over HTTP and UNAVAILABLE over gRPC, both with the time to come back. OTLP senders keep their data on
these. RESOURCE_EXHAUSTED they would keep only when they find a RetryInfo in its details, which proxies drop and
Python's SDK looks for elsewhere; OTLP itself wants UNAVAILABLE for throttling. The time is never longer than COME_BACK:
an SDK that would have to wait beyond its own deadline of 10 s drops its records at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from otelsiem.door import Door, Form, Sender, Taken
from otelsiem.gateway.locks import OPEN, Lock, Tokens
from otelsiem.gateway.receivers.keyring import Holder, Keyring
from otelsiem.gateway.receivers.refusal import COME_BACK, UNAUTHENTICATED, UNAVAILABLE, Refusal
from otelsiem.telemetry.log import fields

QUIET_SECONDS = 60.0  # between two lines about one address
MOST_STRANGERS = 1000  # addresses remembered; beyond them the metric alone tells
LONGEST = 256  # characters of a header's value: it is written on every record of the request

log = logging.getLogger("otelsiem.gateway.receivers")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who was let in."""

    sender: Sender
    holder: Holder | None = None

    async def bring(self, door: Door, body: bytes, form: Form, sender: Sender) -> Taken:
        """Through the door, and paid for: also when nobody waits for the answer any more."""
        if self.holder is None:
            return await door.take(body, form, sender)
        self.holder.brought(size=len(body))
        taking = asyncio.ensure_future(door.take(body, form, sender))
        taking.add_done_callback(self._pay)
        return await asyncio.shield(taking)

    def _pay(self, taking: asyncio.Future[Taken]) -> None:
        if self.holder is not None and not taking.cancelled() and taking.exception() is None:
            taken = taking.result()
            self.holder.brought(events=taken.accepted + taken.rejected)


class Keyrings:
    """One keyring per authenticator, so that a token has one quota over all listeners."""

    def __init__(self) -> None:
        self._made: dict[Tokens, Keyring] = {}

    def of(self, tokens: Tokens) -> Keyring:
        """The keyring of this authenticator."""
        if tokens not in self._made:
            self._made[tokens] = Keyring(tokens)
        return self._made[tokens]


class Guard:
    """Stands at one listener. Used on its event loop."""

    def __init__(
        self,
        sender: Sender,
        lock: Lock = OPEN,
        keyrings: Keyrings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sender = sender
        self._keyring = (keyrings or Keyrings()).of(lock.tokens) if lock.tokens else None
        self._metadata = lock.metadata
        self._anybody = Visitor(sender)
        self._known: dict[Holder, Visitor] = {}
        self._clock = clock
        self._strangers: dict[str, float] = {}

    def admit(self, authorization: bytes) -> Visitor | Refusal:
        """Whoever shows this Authorization header."""
        if self._keyring is None:
            return self._anybody
        holder = self._keyring.holder(authorization)
        if holder is None:
            return self._stranger(shown=bool(authorization))
        if wait := holder.wait():
            message = f"the quota of {holder.name!r} is used up; come back later"
            return Refusal("quota", message, 429, UNAVAILABLE, min(wait, COME_BACK), token=holder.name)
        if holder not in self._known:
            sender = replace(self._sender, token=holder.name, tenant=holder.tenant)
            self._known[holder] = Visitor(sender, holder)
        return self._known[holder]

    def _stranger(self, *, shown: bool) -> Refusal:
        assert self._keyring is not None
        scheme = self._keyring.scheme
        message = "this token is not known here" if shown else f"send Authorization: {scheme} with a token"
        challenge = (b"www-authenticate", scheme.encode() or b"Bearer")
        return Refusal("unauthenticated", message, 401, UNAUTHENTICATED, headers=(challenge,))

    def sender(self, visitor: Visitor, peer: Callable[[], str], header: Callable[[str], str]) -> Sender:
        """The visitor as the door gets to know it, with what is to be written on its records."""
        if not self._metadata:
            return visitor.sender
        marks = []
        if self._metadata.peer:
            marks.append(("otelsiem.peer.address", peer()))
            marks.append(("otelsiem.peer.name", visitor.sender.token))
        marks += [(f"otelsiem.peer.header.{name}", header(name)[:LONGEST]) for name in self._metadata.headers]
        return replace(visitor.sender, marks=tuple([(key, value) for key, value in marks if value]))

    def turned_away(self, refusal: Refusal, peer: str) -> None:
        """Tell of a stranger."""
        if refusal.reason != "unauthenticated":
            return
        now = self._clock()
        if len(self._strangers) >= MOST_STRANGERS:
            self._strangers = {who: when for who, when in self._strangers.items() if now - when < QUIET_SECONDS}
        if now - self._strangers.get(peer, -QUIET_SECONDS) < QUIET_SECONDS or len(self._strangers) >= MOST_STRANGERS:
            return
        self._strangers[peer] = now
        said = fields(receiver=self._sender.receiver, transport=self._sender.transport, peer=peer)
        log.warning("a sender without a valid token was refused; what it sends is not taken", extra=said)
