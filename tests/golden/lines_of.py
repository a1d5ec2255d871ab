"""A format by itself, one line per record, as no destination of ours sends it."""

from __future__ import annotations

from collections.abc import Callable

from otelsiem.destinations.file import File
from otelsiem.model.destination import Encoded, Moment, Payload
from otelsiem.model.record import Batch, count

Lines = Callable[[Batch, Moment], list[bytes]]


class LinesOf(File):
    """A file of a format's lines."""

    lines: Lines

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        body = b"".join([line + b"\n" for line in self.lines(batch, at)])
        return Encoded([Payload(body, range(count(batch)))])


def lines_of(lines: Lines) -> LinesOf:
    """The destination that writes these."""
    return LinesOf(path="lines.jsonl", lines=lines)
