"""Label values from outside: cleaned, and never more of them than a metrics store can bear.

Guarantees: one value is one line of at most 100 characters; beyond the limit every new value is `other`.
"""

from __future__ import annotations

import threading

OTHER = "other"
LONGEST = 100


class Bounded:
    """The values that one label may take, first come first kept."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, value: str) -> str:
        """The value as it may be shown."""
        value = clean(value)
        if value in self._known:
            return value
        with self._lock:
            if len(self._known) >= self._limit and value not in self._known:
                return OTHER
            self._known.add(value)
        return value


def clean(value: str) -> str:
    """Printable characters only."""
    return "".join(c if c.isprintable() else " " for c in value[:LONGEST]).strip()


def kind_of(reason: str) -> str:
    """What a reason is about, without its details: `timeout: no answer in 10 s` is `timeout`."""
    return reason.partition(":")[0]
