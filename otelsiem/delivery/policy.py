"""How patient delivery is: back-off, give-up (none by default), hold probes, and when a record becomes a suspect."""

from __future__ import annotations

from dataclasses import dataclass

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """Times in seconds. The defaults never give up: an outage costs delay, not data."""

    initial: float = 1.0
    longest: float = 60.0
    multiplier: float = 2.0
    jitter: float = 0.5  # the delay varies by this share in both directions
    max_retries: int | None = None  # None = no limit; holds never count
    max_elapsed: float = 0.0  # 0 = no limit; holds never count
    probe_interval: float = 30.0  # between tries of something held
    suspect_after: int = 3  # strikes before a payload is suspected of harbouring a poisoned record
    patience: float = 900.0  # a record alone keeps its courier so long, beside a probe that succeeds
    suspect_interval: float = HOUR  # between tries of a record found guilty
    wrong_address_after: int = 20  # single records refused without one success between: not the records' fault
    open_after: int = 5  # failures in a row before the others of the same key wait for one trial

    def backoff(self, attempt: int, draw: float, asked: float = 0.0) -> float:
        """Seconds before try number attempt+1. What the destination asked for is a floor: jitter only adds to it."""
        steps = min(max(attempt - 1, 0), 64)  # 2.0 ** 1024 overflows
        base = min(self.initial * self.multiplier**steps, self.longest)
        return max(base * (1 + self.jitter * (2 * draw - 1)), asked * (1 + 0.1 * draw))
