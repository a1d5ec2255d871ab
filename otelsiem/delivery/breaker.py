"""What the couriers of one exporter know together: which payload keys are in order, failing or held.

Per key, so that one tenant's missing index holds nobody else. While a key fails or is held, one payload at a time goes
as a trial and the rest wait. Guarantees: a success clears everything; a hold is never forgotten without one.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from otelsiem.delivery.policy import Policy

TRIAL_LASTS = 120_000_000_000  # ns: a trial whose courier died is given to another after this
WHILE_TRIED = 1.0  # seconds between looks while another's trial is under way
NEWS = 2  # failures in a row that a person is told of; one alone is everyday
MOST_KEYS = 10_000  # keys in order beyond this are forgotten, oldest first


@dataclass(slots=True)
class Standing:
    """One key."""

    successes: int = 0
    failures: int = 0  # retries in a row
    rejects: int = 0  # single records refused since the last success
    until: int = 0  # ns: nothing goes before, then one trial
    trial: int = 0  # ns: when the trial under way began; 0 = none
    shut: bool = False  # something is wrong: one trial at a time
    why: str = ""  # the last failure's reason
    held: str = ""  # why, when it waits for a person


@dataclass(slots=True)
class Breaker:
    """`guard` is the lock of whoever shares this among threads; alone it needs none."""

    policy: Policy
    guard: AbstractContextManager[object] = field(default_factory=nullcontext)
    successes: int = 0  # of all keys
    recoveries: int = 0  # outages and holds that a success ended
    keys: dict[str, Standing] = field(default_factory=dict)

    def admit(self, key: str, now: int) -> float:
        """0.0 = go (as the trial when the key is shut); else seconds to wait before asking again."""
        with self.guard:
            standing = self._of(key)
            if now < standing.until:
                return (standing.until - now) / 1e9
            if standing.shut:
                if standing.trial and now - standing.trial < TRIAL_LASTS:
                    return WHILE_TRIED
                standing.trial = now
            return 0.0

    def success(self, key: str, now: int, pause: float = 0.0) -> bool:
        """The destination took a payload; True when that ended an outage or a hold."""
        with self.guard:
            standing = self._of(key)
            ended = standing.shut or standing.failures >= NEWS
            self.recoveries += ended
            self.successes += 1
            standing.successes += 1
            standing.failures = standing.rejects = standing.trial = 0
            standing.shut, standing.held, standing.why = False, "", ""
            standing.until = now + int(pause * 1e9) if pause else 0
            return ended

    def failure(self, key: str, now: int, delay: float, reason: str, *, everyone: bool) -> bool:
        """A Retry; True when it is news. `everyone`: the destination asked all of us to wait, not one payload."""
        with self.guard:
            standing = self._of(key)
            standing.failures += 1
            standing.trial, standing.why = 0, reason
            if everyone or standing.shut or standing.failures >= self.policy.open_after:
                standing.shut = True
                standing.until = max(standing.until, now + int(delay * 1e9))
            return standing.failures == NEWS and not standing.held

    def hold(self, key: str, now: int, reason: str, delay: float) -> bool:
        """The fault is ours or the operator's; True when that is news."""
        with self.guard:
            standing = self._of(key)
            news = standing.held != reason
            standing.shut, standing.held, standing.trial, standing.why = True, reason, 0, reason
            standing.until = now + int(max(delay, self.policy.probe_interval) * 1e9)
            return news

    def reject(self, key: str) -> bool:
        """One single record was refused; True when so many were, without a success, that it cannot be them."""
        with self.guard:
            standing = self._of(key)
            standing.trial = 0
            standing.rejects += 1
            return standing.rejects >= self.policy.wrong_address_after

    def answered(self, key: str) -> None:
        """An answer that says nothing of the destination's health (too large, refused as a whole)."""
        with self.guard:
            self._of(key).trial = 0

    def held(self, key: str) -> str:
        """Why this key is held, "" when it is not."""
        standing = self.keys.get(key)
        return standing.held if standing else ""

    def evidence(self, key: str) -> int:
        """Grows with every success of this key."""
        standing = self.keys.get(key)
        return standing.successes if standing else 0

    def holds(self) -> Mapping[str, str]:
        """Every held key with its reason."""
        with self.guard:
            return {key: standing.held for key, standing in self.keys.items() if standing.held}

    def troubles(self) -> Mapping[str, str]:
        """Every key whose last try failed, with the reason; the held ones too."""
        with self.guard:
            return {key: standing.why for key, standing in self.keys.items() if standing.why}

    def failing(self) -> bool:
        """Whether any key is failing or held."""
        with self.guard:
            return any(standing.shut for standing in self.keys.values())

    def _of(self, key: str) -> Standing:
        standing = self.keys.get(key)
        if standing is None:
            if len(self.keys) >= MOST_KEYS:
                spare = next((k for k, s in self.keys.items() if not s.shut), None)
                if spare is not None:
                    del self.keys[spare]
            standing = self.keys[key] = Standing()
        return standing
