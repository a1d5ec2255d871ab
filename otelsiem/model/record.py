"""One audit event as the pipeline carries it: `Record`, in groups that share a resource and a scope.

Owned by the pipeline from decode on and never shared with the host application; after the door immutable by
agreement. A `Batch` is what travels: one request, one journal entry, one lease.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

if TYPE_CHECKING:
    Value: TypeAlias = "bool | int | float | str | bytes | list[Value] | dict[str, Value] | None"
else:  # msgspec packs any of these natively; a recursive alias would only slow it down
    Value = Any


class Record(msgspec.Struct, gc=False, array_like=True):
    """An OTel log record after the door."""

    id: str = ""
    time: int = 0  # ns since the epoch; 0 = the sender did not say
    observed: int = 0
    severity: int = 0  # OTel SeverityNumber, 0-24
    severity_text: str = ""
    event: str = ""  # EventName
    body: Value = None
    attributes: dict[str, Value] = {}
    trace_id: str = ""  # lower-case hex, "" = absent
    span_id: str = ""
    flags: int = 0

    @property
    def moment(self) -> int:
        """The effective time: when it happened, else when it was seen."""
        return self.time or self.observed


class Scope(msgspec.Struct, gc=False, array_like=True):
    """The instrumentation scope that a group of records came from."""

    name: str = ""
    version: str = ""
    attributes: dict[str, Value] = {}
    schema_url: str = ""


class Group(msgspec.Struct, gc=False, array_like=True):
    """Records that share one resource and one scope."""

    resource: dict[str, Value]
    scope: Scope
    records: list[Record]
    schema_url: str = ""  # of the resource


Batch: TypeAlias = list[Group]


def count(batch: Batch) -> int:
    """How many records a batch holds."""
    return sum([len(group.records) for group in batch])


def records(batch: Batch) -> Iterator[Record]:
    """The records of a batch in order; a record's place in this order is its index."""
    for group in batch:
        yield from group.records


def oldest(batch: Batch) -> int:
    """When the first of its events happened; the batch has records."""
    return min([min([record.moment for record in group.records]) for group in batch if group.records])


def pick(batch: Batch, indices: Collection[int]) -> Batch:
    """The sub-batch of the records at these indices, in order; groups left empty vanish."""
    if len(indices) == count(batch):
        return batch
    wanted = frozenset(indices)
    picked: Batch = []
    at = 0
    for group in batch:
        size = len(group.records)
        kept = [record for n, record in enumerate(group.records, at) if n in wanted]
        if kept:
            picked.append(Group(group.resource, group.scope, kept, group.schema_url))
        at += size
    return picked


def cut(batch: Batch, start: int, stop: int) -> Batch:
    """The sub-batch of the records at start..stop-1; whole groups are shared, not copied."""
    parts: Batch = []
    at = 0
    for group in batch:
        size = len(group.records)
        low, high = max(start - at, 0), min(stop - at, size)
        if low < high:
            whole = low == 0 and high == size
            parts.append(
                group if whole else Group(group.resource, group.scope, group.records[low:high], group.schema_url)
            )
        at += size
        if at >= stop:
            break
    return parts
