"""Syslog lines of the records of one layout, a column at a time.

Guarantees: the bytes are those of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from otelsiem.formats._columns import NUMBERS, Column, Columns, Key, Together, joined, keyed, lacking, texts, there
from otelsiem.formats.header import Header, Start
from otelsiem.formats.layout import Signature
from otelsiem.formats.sd_layout import Layout
from otelsiem.formats.structured import FIRST_UNREAD
from otelsiem.formats.values import text
from otelsiem.formats.visible import visible
from otelsiem.formats.vocabulary import OUTCOMES
from otelsiem.model.record import Record

_LATE = FIRST_UNREAD * 1_000_000_000
_CONTROLS = bytes([*range(32), 127])
_ESCAPED = '"\\]'  # RFC 5424 6.3.3
_UNFIT = _CONTROLS + _ESCAPED.encode()


@dataclass(frozen=True, slots=True)
class Group:
    """What the messages of a group have in common."""

    header: Header
    start: Start
    named: bool  # there is no MSGID, so a parameter says which event it is
    sd_id: str
    known: tuple[str, ...]  # what the resource says for all records
    constant: str  # the elements behind that of the record
    bom: str
    limit: int  # bytes of a line


class Writer(Together):
    """Writes the records of one layout in one group."""

    def __init__(self, signature: Signature, laid: Layout, group: Group) -> None:
        super().__init__(signature)
        self._laid, self._group = laid, group

    def odd(self, columns: Columns, raw: Sequence[Column]) -> set[int]:
        found = super().odd(columns, raw) | lacking(columns.ids)
        if max(moments := columns.moments) >= _LATE:
            found |= {n for n, moment in enumerate(moments) if moment >= _LATE}
        if self._laid.outcome is not None:
            found |= {n for n, outcome in enumerate(raw[self._laid.outcome]) if outcome not in OUTCOMES}
        if not self._group.named:
            whole = {
                event for event in set(columns.events) if self._group.header.message_id(event) == event or not event
            }
            found |= {n for n, event in enumerate(columns.events) if event not in whole}
        said = self._said(columns, raw)
        if not _fit(chain.from_iterable(said)):  # to ask all of them at once costs 0.4 µs per record
            found |= {n for column in said if not _fit(column) for n, value in enumerate(column) if not _fit([value])}
        return found

    def _said(self, columns: Columns, raw: Sequence[Column]) -> list[Column]:
        """The texts that become values of parameters."""
        fields = [columns.ids, columns.words, columns.traces, columns.spans]
        if self._group.named:
            fields.append(columns.events)
        return [*fields, *[raw[n] for n in self._texts], *[[*map(text, raw[n])] for n in self._laid.odd]]

    def keys(self, columns: Columns, raw: Sequence[Column]) -> list[Key]:  # noqa: ARG002 no attribute decides
        both = [*map(all, zip(columns.times, columns.observed, strict=True))]
        fields = (columns.events, columns.words, both, columns.traces, columns.spans, columns.flags)
        return keyed([*map(bool, columns.bodies)], *map(there, fields))

    def lines(self, key: Key, records: Sequence[Record], columns: Columns, raw: list[Column]) -> Sequence[bytes | None]:
        group, laid = self._group, self._laid
        row = [[*map(text, column)] if n in laid.odd else column for n, column in enumerate(raw)]
        picked = laid.pick([*row, *map(repeat, group.known), *_of_the_record(key, columns, named=group.named)])
        parameters = map(laid.places.__mod__, zip(*picked, strict=False))
        starts = [group.start(record, str(moment)) for record, moment in zip(records, columns.moments, strict=True)]
        body = [repeat(f" {group.bom}"), _shown(columns.bodies)] if key[0] else []
        before, after = repeat(f'[{group.sd_id} id="'), repeat(f"]{group.constant}")
        lines = joined([starts, before, columns.ids, repeat('"'), parameters, after, *body])
        if max(map(len, lines)) <= group.limit:
            return lines
        return [line if len(line) <= group.limit else None for line in lines]


def _of_the_record(key: Key, columns: Columns, *, named: bool) -> tuple[Column, Column]:
    """The parameters that the fields of a record make, in the two places where they stand."""
    _, event, word, both, trace, span, flags = key
    numbers = [*map(NUMBERS.__getitem__, columns.numbers)]
    first = [
        *_parameter("eventType", columns.events, said=named and event),
        *_parameter("severityNumber", numbers),
        *_parameter("severityText", columns.words, said=word),
        *_parameter("observedTimeUnixNano", [*map(str, columns.observed)], said=both),
    ]
    second = [
        *_parameter("traceId", columns.traces, said=trace),
        *_parameter("spanId", columns.spans, said=span),
        *_parameter("traceFlags", [*map(str, columns.flags)], said=flags),
    ]
    return [*texts(first)], [*texts(second)] if second else [""] * len(numbers)


def _parameter(name: str, values: Column, *, said: bool = True) -> list[Iterable[str]]:
    return [repeat(f' {name}="'), values, repeat('"')] if said else []


def _fit(values: Iterable[str]) -> bool:
    """Whether all of them can be a parameter's value as they are."""
    whole = "".join(values)
    if whole.isascii():  # three times as fast as the next question
        return len(whole.encode().translate(None, _UNFIT)) == len(whole)
    return whole.isprintable() and not any(sign in whole for sign in _ESCAPED)


def _shown(bodies: Column) -> Column:
    whole = "".join(bodies)
    if whole.isascii() and len(whole.encode().translate(None, _CONTROLS)) == len(whole):
        return bodies
    return [*map(visible, bodies)]
