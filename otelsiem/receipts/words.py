"""What a client is told: receipts and fates, as values, and errors as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

from otelsiem.model.errors import MissingExtraError, OtelsiemError

try:
    from google.protobuf.message import DecodeError

    from otelsiem.v1 import receipts_pb2 as pb
except ImportError as error:
    raise MissingExtraError("Delivery receipts", "gateway", error.name or "protobuf") from error


class GatewayError(OtelsiemError):
    """The gateway did not do what was asked. `again`: the same call may succeed later."""

    def __init__(self, message: str, *, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


class RejectedError(GatewayError):
    """Some records were refused for good, and are dead letters of the gateway's door. The others are durable."""

    def __init__(self, message: str, records: int, receipts: Sequence[Receipt]) -> None:
        super().__init__(message)
        self.records, self.receipts = records, receipts

    def __reduce__(self) -> tuple[Any, ...]:
        """A pool of processes pickles it; one that cannot be read again breaks the pool."""
        return type(self), (str(self), self.records, self.receipts)


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where records stand in a pipeline of the gateway's journal: the numbers first … first + count - 1."""

    pipeline: str
    first: int
    count: int
    ids: tuple[str, ...] = ()  # of these records; none when there are very many
    proof: bytes = field(default=b"", repr=False)

    def __bytes__(self) -> bytes:
        """To be kept, and read again with `of`."""
        return self.message(self.ids).SerializeToString()

    @classmethod
    def of(cls, kept: bytes) -> Self:
        """What `bytes(receipt)` gave. ValueError when it is none."""
        try:
            return cls.read(pb.Receipt.FromString(kept))
        except DecodeError as why:
            raise ValueError("these bytes are no receipt") from why

    @classmethod
    def read(cls, said: pb.Receipt) -> Self:
        """From the wire."""
        return cls(said.pipeline, said.first, said.count, tuple(said.record_ids), said.proof)

    def message(self, ids: Sequence[str] = ()) -> pb.Receipt:
        """For the wire."""
        return pb.Receipt(
            pipeline=self.pipeline, first=self.first, count=self.count, proof=self.proof, record_ids=ids
        )  # fmt: skip


class Kind(StrEnum):
    """What can become of a record at an exporter. All but pending stay, unless a person replays or purges the dead."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"
    FILTERED = "filtered"
    PURGED = "purged"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of records that follow each other, at one exporter."""

    receipt: Receipt
    exporter: str  # "" when the receipt is not known
    first: int
    count: int
    kind: Kind
    reason: str = ""
    attempts: int = 0

    @property
    def ids(self) -> tuple[str, ...]:
        """Of these records, as far as the receipt has them."""
        start = self.first - self.receipt.first
        return self.receipt.ids[start : start + self.count]

    def goes_on(self, after: Fate) -> bool:
        """Whether these are the next records, and the same became of them."""
        return replace(after, first=self.first, count=self.count) == self and self.first + self.count == after.first


_KINDS = {
    pb.FATE_KIND_PENDING: Kind.PENDING,
    pb.FATE_KIND_DELIVERED: Kind.DELIVERED,
    pb.FATE_KIND_DEAD: Kind.DEAD,
    pb.FATE_KIND_FILTERED: Kind.FILTERED,
    pb.FATE_KIND_PURGED: Kind.PURGED,
}  # any other, also one of a later version: nothing can be said


def fate(receipts: Sequence[Receipt], said: pb.Fates) -> Fate:
    """From the wire, about one of these receipts."""
    if said.receipt >= len(receipts):
        raise GatewayError("the gateway tells of a receipt that it was not asked for")
    kind = _KINDS.get(said.kind, Kind.UNKNOWN)
    return Fate(receipts[said.receipt], said.exporter, said.first, said.count, kind, said.reason, said.attempts)


def joined(found: Sequence[tuple[int, Fate]]) -> list[Fate]:
    """In order, with what the end of a page cut made one."""
    made: list[Fate] = []
    for _, fate in sorted(found, key=lambda one: (one[0], one[1].exporter, one[1].first)):
        if made and made[-1].goes_on(fate):
            made[-1] = replace(made[-1], count=made[-1].count + fate.count)
        else:
            made.append(fate)
    return made
