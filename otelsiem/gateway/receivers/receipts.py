"""Delivery receipts on the gRPC listener: the answers of `proto/otelsiem/v1/receipts.proto`.

Guarantees: nothing is told of a record but to whoever shows its receipt, to the tenant that it was given to; a question
and an answer are bounded, whatever they are about; a question waits for others, never the records for a question.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TypeAlias

from otelsiem.door import Taken
from otelsiem.gateway.seal import Seal
from otelsiem.journal.journal import Fate, FateKind, Position
from otelsiem.model.errors import MalformedError, MissingExtraError, TooLargeError

try:
    from google.protobuf.message import DecodeError

    from otelsiem.v1 import receipts_pb2 as pb
except ImportError as error:
    raise MissingExtraError("Delivery receipts", "gateway", error.name or "protobuf") from error

SERVICE = "otelsiem.v1.Receipts"
SUBMIT, GET_FATES = f"/{SERVICE}/Submit", f"/{SERVICE}/GetFates"

MOST_RECEIPTS = 1000  # of a question
MOST_QUESTION = 1 << 20  # bytes of it
MOST_IDS = 1 << 20  # bytes of the ids in a receipt
PAGE, MOST_RECORDS = 1000, 10_000
MOST_ANSWER = 1 << 20  # bytes, after which a page ends
STEP = 250  # records looked at in one go
AT_ONCE = 2  # questions that read the journal
LONGEST = 500  # characters of a reason

_KINDS = {
    FateKind.PENDING: pb.FATE_KIND_PENDING,
    FateKind.DUE: pb.FATE_KIND_PENDING,
    FateKind.DEAD: pb.FATE_KIND_DEAD,
    FateKind.DELIVERED: pb.FATE_KIND_DELIVERED,
    FateKind.FILTERED: pb.FATE_KIND_FILTERED,
    FateKind.PURGED: pb.FATE_KIND_PURGED,
    FateKind.SETTLED: pb.FATE_KIND_UNKNOWN,
    FateKind.UNKNOWN: pb.FATE_KIND_UNKNOWN,
}
_SETTLED = "settled, and no longer known how: service.journal.history says how long that is kept"
_LATER = "not known for this exporter: it came later than the record"
_STRANGE = "this gateway's journal gave no such receipt, or gave it to another tenant"
_TOKEN = re.compile(r"([0-9]{1,4}):([0-9]{1,10})")

Fates: TypeAlias = Callable[[str, range], Mapping[str, Sequence[Fate]]]
"""Of the records of a pipeline that have these numbers, in their order, by exporter. It may block."""


_Fate: TypeAlias = tuple[pb.FateKind, str, int]  # kind, reason, attempts


@dataclass(frozen=True, slots=True)
class _Piece:
    """Records of one receipt that are looked at in one go."""

    receipt: int
    offset: int  # of the first of them in the receipt
    pipeline: str
    first: int
    count: int
    known: bool = True


@dataclass(frozen=True, slots=True)
class _Run:
    """Records that follow each other and have the same fate."""

    receipt: int
    exporter: str
    first: int
    count: int
    fate: _Fate

    def goes_on(self, run: _Run) -> bool:
        """Whether these are the next ones, and the same became of them."""
        same = (self.receipt, self.exporter, self.fate) == (run.receipt, run.exporter, run.fate)
        return same and self.first + self.count == run.first


class Receipts:
    """Used on one event loop."""

    def __init__(self, fates: Fates, seal: Seal) -> None:
        self._fates, self._seal = fates, seal
        self._asking = asyncio.Semaphore(AT_ONCE)

    def given(self, taken: Taken, tenant: str) -> bytes:
        """SubmitResponse."""
        answer = pb.SubmitResponse(rejected_log_records=taken.rejected, error_message=_text(taken.message))
        for at, position in enumerate(taken.positions):
            if position.count:
                answer.receipts.append(self._receipt(position, taken.ids[at] if taken.ids else (), tenant))
        return answer.SerializeToString()

    def _receipt(self, position: Position, ids: Sequence[str], tenant: str) -> pb.Receipt:
        pipeline, first, count = position.pipeline, position.first, position.count
        named = list(map(_text, ids))
        if sum([len(one.encode()) for one in named]) > MOST_IDS:
            named = []
        proof = self._seal.proof(tenant, pipeline, first, count)
        return pb.Receipt(pipeline=pipeline, first=first, count=count, proof=proof, record_ids=named)

    async def told(self, body: bytes, tenant: str) -> bytes:
        """GetFatesResponse. Raises MalformedError or TooLargeError."""
        question = _question(body)
        left = min(question.page_size or PAGE, MOST_RECORDS)
        answer = pb.GetFatesResponse()
        runs: list[_Run] = []
        size = 0
        async with self._asking:
            for piece in self._pieces(question, tenant, min(left, STEP)):
                if piece.count > left or size > MOST_ANSWER:
                    answer.next_page_token = f"{piece.receipt}:{piece.offset}"
                    break
                found = await self._looked(piece) if piece.known else [_strange(piece)]
                runs += found
                size += sum(map(_size, found))
                left -= piece.count
        answer.fates.extend(map(_fates, _joined(runs)))
        return answer.SerializeToString()

    async def _looked(self, piece: _Piece) -> list[_Run]:
        """In a thread. Who left meanwhile keeps their place until it is through: it cannot be stopped."""
        looking = asyncio.ensure_future(asyncio.to_thread(self._look, piece))
        try:
            return await asyncio.shield(looking)
        except asyncio.CancelledError:
            await asyncio.wait([looking])
            raise

    def _pieces(self, question: pb.GetFatesRequest, tenant: str, step: int) -> Iterator[_Piece]:
        """What is asked for, from where the page begins."""
        start, offset = _place(question.page_token)
        for at in range(start, len(question.receipts)):
            receipt = question.receipts[at]
            pipeline, first, count = receipt.pipeline, receipt.first, receipt.count
            if self._seal.holds(receipt.proof, tenant, pipeline, first, count):
                for low in range(offset, count, step):
                    yield _Piece(at, low, pipeline, first + low, min(step, count - low))
            else:
                yield _Piece(at, 0, pipeline, first, 1, known=False)
            offset = 0

    def _look(self, piece: _Piece) -> list[_Run]:
        """In a thread: the journal is read."""
        runs = []
        for exporter, fates in self._fates(piece.pipeline, range(piece.first, piece.first + piece.count)).items():
            at = piece.first
            for fate, same in groupby(fates):
                count = len(list(same))
                runs.append(_Run(piece.receipt, exporter, at, count, _said(fate)))
                at += count
        return runs


def _question(body: bytes) -> pb.GetFatesRequest:
    if len(body) > MOST_QUESTION:
        raise TooLargeError(f"the question is over {MOST_QUESTION} bytes; leave out the record ids, or ask in parts")
    question = pb.GetFatesRequest()
    try:
        question.ParseFromString(body)
    except DecodeError as error:
        raise MalformedError("this is no otelsiem.v1.GetFatesRequest") from error
    if len(question.receipts) > MOST_RECEIPTS:
        raise MalformedError(f"over {MOST_RECEIPTS} receipts in one question: ask in parts")
    return question


def _place(token: str) -> tuple[int, int]:
    """The receipt and the record in it where a page begins."""
    if not token:
        return 0, 0
    if (found := _TOKEN.fullmatch(token)) is None:
        raise MalformedError("page_token is none of ours: send next_page_token of the answer before")
    return int(found[1]), int(found[2])


def _said(fate: Fate) -> _Fate:
    match fate.kind:
        case FateKind.SETTLED:
            reason = _SETTLED
        case FateKind.UNKNOWN:
            reason = _LATER
        case _:
            reason = _text(fate.reason[:LONGEST])
    return _KINDS[fate.kind], reason, fate.attempts


def _strange(piece: _Piece) -> _Run:
    """For a receipt that is not known: whose fault that is would tell a stranger what there is."""
    return _Run(piece.receipt, "", piece.first, piece.count, (pb.FATE_KIND_UNKNOWN, _STRANGE, 0))


def _joined(runs: Sequence[_Run]) -> Iterator[_Run]:
    """In order, with neighbours made one."""
    before: _Run | None = None
    for run in sorted(runs, key=lambda run: (run.receipt, run.exporter, run.first)):
        if before is not None and before.goes_on(run):
            before = replace(before, count=before.count + run.count)
            continue
        if before is not None:
            yield before
        before = run
    if before is not None:
        yield before


def _fates(run: _Run) -> pb.Fates:
    kind, reason, attempts = run.fate
    return pb.Fates(
        receipt=run.receipt, exporter=run.exporter, first=run.first, count=run.count, kind=kind, reason=reason,
        attempts=attempts,
    )  # fmt: skip


def _size(run: _Run) -> int:
    """Bytes on the wire, or a few more."""
    return 48 + 4 * (len(run.exporter) + len(run.fate[1]))


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
