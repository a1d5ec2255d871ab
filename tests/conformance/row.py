"""One row of the conformance table: a destination in the configurations that differ in what they promise."""

from __future__ import annotations

from dataclasses import dataclass, field

from otelsiem.model.destination import Destination


@dataclass(frozen=True)
class Row:
    """`bodies`: answers in the peer's own words, tried beside those of the suite."""

    made: tuple[Destination, ...]
    secrets: tuple[str, ...] = ()
    bodies: tuple[bytes, ...] = field(default=(), repr=False)
