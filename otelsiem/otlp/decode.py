"""OTLP protobuf requests to records: the bytes of an ExportLogsServiceRequest become groups of records.

Guarantees: everything that a sender may leave out reads as the field's default, groups without records vanish, and
bytes that cannot be read raise MalformedError whose text holds nothing of the payload. Sets no time and no id.

This is the pure Python twin of the native decoder and the hottest code of the product. Records of which many are alike
are read by columns, the others one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, cast

from otelsiem.model.errors import MalformedError
from otelsiem.model.record import Batch, Group, Record, Scope
from otelsiem.otlp import columns, walk
from otelsiem.otlp.messages import DecodeError, ExportLogsServiceRequest
from otelsiem.otlp.rules import Spread
from otelsiem.otlp.skeleton import Request

SMALL = 8 << 10  # bytes of a request in which nothing can be many


def decode(data: bytes) -> Batch:
    """All the records of a request; an empty request is an empty batch."""
    return [group for piece in decode_pieces(data, len(data) + 1) for group in piece]


def decode_pieces(data: bytes, size: int) -> Iterator[Batch]:
    """The records of a request in batches of at most `size`, for a caller who lets others run in between.

    What is wrong may show with any piece, even the last, and then nothing of the request may be taken. Groups of one
    resource share its dict, and pieces of one scope share the scope: replace them, never change them in place.
    """
    try:
        yield from _Pieces(data, size)
    except (DecodeError, UnicodeDecodeError):  # their texts name fields of ours, never the place in the bytes
        raise MalformedError(
            "the request is not an OTLP ExportLogsServiceRequest in protobuf: it is cut short, holds text that is not "
            "UTF-8, or is another message or encoding; check the exporter's path and its Content-Type"
        ) from None


class _Pieces:
    """One request, in pieces."""

    def __init__(self, data: bytes, size: int) -> None:
        self._data, self._size = data, size

    @cached_property
    def _whole(self) -> Any:
        """The request as OTLP has it."""
        return ExportLogsServiceRequest.FromString(self._data)

    def __iter__(self) -> Iterator[Batch]:
        piece: Batch = []
        room = self._size
        for group, messages, place in self._groups():
            start = 0
            while start < len(messages):
                taken = slice(start, min(start + room, len(messages)))
                records = self._records(messages, taken, place)
                piece.append(Group(group.resource, group.scope, records, group.schema_url))
                start = taken.stop
                room -= len(records)
                if not room:
                    yield piece
                    piece, room = [], self._size
        if piece:
            yield piece

    def _groups(self) -> Iterator[tuple[Group, Any, tuple[int, int] | None]]:
        """Each scope that has records, as a group still without them, beside its messages.

        The place says where the scope stands when they are those of a skeleton.
        """
        spread = Spread()
        whole = len(self._data) <= SMALL
        request = self._whole if whole else Request.FromString(self._data)
        for i, resource_logs in enumerate(request.resource_logs):
            filled = [(j, each) for j, each in enumerate(resource_logs.scope_logs) if each.log_records]
            if not filled:
                continue
            resource = walk.attributes(resource_logs.resource)
            for nth, (j, scope_logs) in enumerate(filled):
                scope = _scope(scope_logs)
                cuts = len(scope_logs.log_records) // self._size
                spread.again(resource, cuts + (nth > 0))
                spread.again(scope, cuts)
                group = Group(resource, scope, [], resource_logs.schema_url)
                yield group, scope_logs.log_records, None if whole else (i, j)

    def _records(self, messages: Any, taken: slice, place: tuple[int, int] | None) -> list[Record]:
        if place is None:
            return walk.records(messages[taken])
        i, j = place
        made = columns.records(skeletons) if columns.alike(skeletons := messages[taken]) else None
        if made is not None and None not in made:
            return cast("list[Record]", made)
        theirs = self._whole.resource_logs[i].scope_logs[j].log_records[taken]
        if made is None:
            return walk.records(theirs)
        left = iter(walk.records([message for message, record in zip(theirs, made, strict=True) if record is None]))
        return [record or next(left) for record in made]


def _scope(scope_logs: Any) -> Scope:
    scope = scope_logs.scope
    return Scope(scope.name, scope.version, walk.attributes(scope), scope_logs.schema_url)
