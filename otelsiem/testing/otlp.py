"""What the fakes of OTLP receivers share: the records that came, what a script may answer, and who sent what again.

A receiver stores every copy in the order of arrival, so a test counts duplicates and losses. `resent` names the answers
after which a client sent the same request again although the specification forbids it.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Generic, TypeVar

from otelsiem.model.record import Batch, Record

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A step of a script: so many records of the request are not taken, and the answer does not say which.

    The first ones are left out; all of them when `records` is at least their number. 0 with a message is a warning.
    """

    records: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class Taken(Generic[S]):
    """A step of a script: store the request as usual, but then do this instead of the usual answer."""

    then: S


@dataclass
class Store:
    """What one receiver has."""

    batches: list[Batch] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    resent: list[str] = field(default_factory=list)
    empty: int = 0  # requests without records: probes
    changed: threading.Condition = field(default_factory=threading.Condition)
    _final: dict[bytes, str] = field(default_factory=dict)  # requests that must not come again, and what was answered

    def take(self, batch: Batch, skip: int = 0) -> None:
        """Store all but the first so many."""
        with self.changed:
            found = [record for group in batch for record in group.records]
            self.batches.append(batch)
            self.records += found[skip:]
            self.empty += not found
            self.changed.notify_all()

    def came(self, request: bytes) -> None:
        """Note whether this may come."""
        with self.changed:
            if request and (answered := self._final.get(sha256(request).digest())):
                self.resent.append(answered)

    def final(self, request: bytes, answer: str) -> None:
        """This request got an answer after which it must not be sent again."""
        with self.changed:
            self._final[sha256(request).digest()] = answer

    def wait_for(self, count: int, timeout: float = 20.0) -> list[Record]:
        """All records once there are so many; raises TimeoutError with what is there."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.records) >= count, timeout):
                raise TimeoutError(f"{len(self.records)} records came within {timeout} s, not {count}")
            return list(self.records)

    def count_by_id(self) -> Counter[str]:
        """Copies of each record by what our senders call it: `log.record.uid`, else `audit.record.id`."""
        with self.changed:
            return Counter([identity(record) for record in self.records])


def identity(record: Record) -> str:
    """The id that travels with a record; "" when there is none."""
    said = record.attributes.get("audit.record.id") or record.attributes.get("log.record.uid")
    return said if isinstance(said, str) else ""


class Script(Generic[S]):
    """Steps for the requests to come, one each; then `always`, unless that is None."""

    def __init__(self) -> None:
        self.always: S | None = None
        self._steps: deque[S] = deque()

    def extend(self, steps: Iterable[S]) -> None:
        self._steps.extend(steps)

    def next(self) -> S | None:
        try:
            return self._steps.popleft()
        except IndexError:
            return self.always
