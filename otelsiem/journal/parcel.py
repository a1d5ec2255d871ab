"""What one append brings to one pipeline, packed for the writer in the caller's thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from otelsiem.journal.codec import Piece, pack, seal
from otelsiem.journal.journal import Append
from otelsiem.model.encodable import encodable
from otelsiem.model.errors import JournalError
from otelsiem.model.processor import Refused


@dataclass(slots=True)
class Parcel:
    """Records, and what was taken out before."""

    pipeline: str
    pieces: Sequence[Piece]
    records: int
    size: int  # packed
    filtered: int
    refused: Sequence[tuple[str, bytes]]  # reason, sealed group of one


def parcel(append: Append) -> Parcel:
    """Pack it. JournalError when a value in it cannot be stored."""
    try:
        pieces, refused = _packed(append)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise JournalError(f"a record for pipeline {append.pipeline!r} cannot be stored: {error}") from error
    records = sum([piece.records for piece in pieces])
    size = sum([piece.size for piece in pieces]) + sum([len(blob) for _, blob in refused])
    return Parcel(append.pipeline, pieces, records, size, sum(append.filtered.values()), refused)


def _packed(append: Append) -> tuple[Sequence[Piece], Sequence[tuple[str, bytes]]]:
    try:
        return pack(append.batch), [(one.reason, seal(one.group)) for one in append.refused]
    except UnicodeEncodeError:
        append.batch[:] = encodable(append.batch)
        append.refused = [Refused(encodable([one.group])[0], one.reason) for one in append.refused]
        return pack(append.batch), [(one.reason, seal(one.group)) for one in append.refused]
