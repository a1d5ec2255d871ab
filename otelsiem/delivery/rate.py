"""A rate limit with burst: how long until so many records may go."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Bucket:
    """Tokens flow in at `rate` per second up to `burst`. A payload larger than the burst goes and is paid off after."""

    rate: float  # records per second; 0 = unlimited
    burst: float
    balance: float = field(init=False)
    at: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.balance = self.burst

    def take(self, records: int, now: int) -> float:
        """0.0 = they may go and are paid for; else the seconds to wait before asking again."""
        if not self.rate:
            return 0.0
        if now > self.at:  # a clock that steps back pays nothing in
            elapsed = (now - self.at) / 1e9 if self.at else 0.0
            self.balance = min(self.burst, self.balance + elapsed * self.rate)
        self.at = now
        if self.balance >= min(records, self.burst):
            self.balance -= records
            return 0.0
        return (min(records, self.burst) - self.balance) / self.rate

    def charge(self, records: int) -> None:
        """Pay for what went without asking: what is not there becomes a debt."""
        self.balance -= records if self.rate else 0
