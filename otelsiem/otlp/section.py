"""A written group of records: what a request is put together from, in protobuf and in OTLP/JSON alike.

Both encodings write each record once and to its end, so a batch can be cut into requests without encoding it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from otelsiem.model.record import Batch


class Section(NamedTuple):
    """Records that share a resource and a scope, each complete; neighbours of a batch that share both are one."""

    resource: bytes  # with the schema URL of the resource
    scope: bytes  # with the schema URL of the scope
    records: list[bytes]


Part: TypeAlias = tuple[Section, Sequence[bytes]]  # a section, and those of its records that one request holds


class Encoding(NamedTuple):
    """One of the two, as whoever cuts requests sees it."""

    sections: Callable[[Batch, bool], list[Section]]  # True: with the ids of the records
    request: Callable[[Iterable[Part]], bytes]
    record: int  # bytes that a request needs beside each record, at most
    section: int  # beside a section's own bytes
    whole: int  # beside all of them
