"""Writes the lines of CEF and LEEF: records of a shape that has a plan in one step, others from their document.

Guarantees: both ways write the same bytes. A line has a time that its reader understands or none at all; the exact time
stands at its end, so that no value's trailing blanks get lost there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import astuple

from otelsiem.formats._keys import family, is_empty
from otelsiem.formats._pairs.group import Common, Dialect, Ends, common, filled, own
from otelsiem.formats._pairs.limit import FIELD, limited
from otelsiem.formats._pairs.lists import HEADS, Pair, framework_of, is_account, meanings, pairs
from otelsiem.formats._pairs.plan import TIGHT, Plan, addresses
from otelsiem.formats.json import Event, Shapes, document
from otelsiem.formats.layout import Signature
from otelsiem.formats.speaker import Product
from otelsiem.formats.visible import visible
from otelsiem.formats.vocabulary import OUTCOMES
from otelsiem.formats.vocabulary import outcome as translated
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch, Group, Record

Write: TypeAlias = Callable[[Record], "bytes | None"]  # None: this record goes the general way after all

_FIRST, _LAST = 10**18, 10**19  # ns; between them milliseconds have thirteen digits: 2001 to 2286


def written(batch: Batch, at: Moment, product: Product, limit: int, dialect: Dialect) -> list[bytes]:
    """One line per record, in order."""
    made: list[bytes] = []
    shapes: Shapes = {}
    for group in batch:
        _Lines(dialect, common(group, dialect, at, product), limit, shapes, at.now).append(made, group)
    return made


class _Lines:
    """Writes the lines of a group."""

    def __init__(self, dialect: Dialect, common: Common, limit: int, shapes: Shapes, now: int) -> None:
        self._dialect, self._common, self._limit, self._shapes, self._now = dialect, common, limit, shapes, now
        self._writes: dict[tuple[Any, ...], Write] = {}

    def append(self, made: list[bytes], group: Group) -> None:
        known: list[Any] | None = None  # neighbours are alike: comparing costs less than looking up
        write: Write = _never
        for record in group.records:
            found = [
                *record.attributes, not record.id, not record.body, not record.severity_text, not record.trace_id,
                not record.span_id, not record.flags, not (record.time and record.observed),
            ]  # fmt: skip
            if found != known:
                known = found
                write = self._found(record, found)
            if (line := write(record)) is None:
                write = self._found(record, found)  # its types may be others than those of its neighbour
                line = write(record) or self._general(record)
            made.append(line)

    def _found(self, record: Record, found: list[Any]) -> Write:
        """How records of this shape are written, as far as it is known before their values are."""
        types, families = tuple([type(value) for value in record.attributes.values()]), addresses(record.attributes)
        key = (*found, types, families)
        if (write := self._writes.get(key)) is None:
            write = self._writes[key] = self._write((*record.attributes, *types), found[-len(HEADS) :], families)
        return write

    def _write(self, signature: Signature, absent: list[bool], families: tuple[str, ...]) -> Write:
        if not self._common.is_plain:
            return _never
        heads = ["" if gone else name for name, gone in zip(HEADS, absent, strict=True)]
        plan = self._dialect.plans.get(signature, (*heads, *self._common.said, *families))
        return _never if plan is None else self._planned(plan)

    def _planned(self, plan: Plan) -> Write:
        """A writer for records of one plan; what is the same for all of them waits in the closure."""
        parts, pick, pick_texts, places, addressed, whole, worked, tight, wide = plan[:9]
        target, attacked, technique, outcome, outcomes = plan[9:]
        more, ends, find = [*self._common.said.values()], self._common.ends, self._common.find
        language, limit = self._dialect.language, self._limit
        calm, escape, taken = language.calm, language.escape, language.taken

        def write(record: Record) -> bytes | None:
            id_, time, observed, number, word, event, body, attributes, trace, span, flags = astuple(record)
            moment = time or observed
            row = [*attributes.values(), id_, body, word, trace, span, flags, observed, *more]
            if technique is not None or outcomes:
                row += _worked_out(row, technique, outcomes)
            texts = pick_texts(row)
            try:
                joined = "".join(texts)
            except TypeError:  # the shape had a text here
                return None
            if not all(texts) or not _FIRST <= moment < _LAST or not (body or body is None or body == ""):
                return None
            if outcome is not None and row[outcome] not in OUTCOMES:
                return None
            if target is not None and is_account(row[target]):
                return None
            for place, families in addressed:
                if family(row[place]) not in families:
                    return None
            for place, most in tight if len(joined) <= TIGHT else wide:
                if len(row[place]) > most:
                    return None
            for place in whole:
                if type(row[place]) is not int:
                    return None
                row[place] = str(row[place])
            for place, kind, key in worked:
                if type(row[place]) is not kind or not (text := taken(key, row[place])):
                    return None
                if key.most and len(text) > key.most:
                    return None
                row[place] = escape(text)
            if not calm(joined):
                if any(len(visible(row[place])) > most for place, most in wide):
                    return None
                for place in places:
                    row[place] = escape(row[place])
            around = ends.get((event, number, attacked)) or find(event, number, attacked)
            ns = str(moment)
            line = parts.copy()
            line[0], line[-2] = around.opening, around.closing
            line[1::2] = ns[:13], *pick(row), ns
            written = "".join(line).encode()
            return written if not limit or len(written) <= limit else None

        return write

    def _general(self, record: Record) -> bytes:
        language, common = self._dialect.language, self._common
        blank: Event = common.blank.__copy__()  # type: ignore[attr-defined]  # msgspec's stubs leave it out
        blank.time_unix_nano = str(max(self._now, 0))
        event = document(record, blank, self._shapes, str)
        said, attributes = meanings(event)
        left = {key: value for key, value in attributes.items() if is_empty(value)}
        named = {key: value for key, value in attributes.items() if key not in left}
        arranged, values = self._dialect.shapes.of(said, named), [*said.values(), *named.values()]
        left |= {name: values[place] for name, place in arranged.left.items()}
        first, wholes = pairs(language, arranged.first, values, left)
        more, again = pairs(language, arranged.more, values, left)
        key = (event.event_type or "", record.severity, event.mitre_attack is not None)
        ends = common.ends.get(key) or common.find(*key)
        rest = [*more, *wholes, *again, *(filled(language, [own(language, "rest", left)])[0] if left else [])]
        return self._line(key, ends, event.time_unix_nano, first, rest)

    def _line(self, key: tuple[str, int, bool], ends: Ends, ns: str, first: list[Pair], rest: list[Pair]) -> bytes:
        language, limit = self._dialect.language, self._limit
        between, escape = language.between, language.escape
        timed = _FIRST <= int(ns) < _LAST
        own = [*first, *rest]
        if language.calm("".join([text for _, text, _ in own])):
            said = between.join([start + text for start, text, _ in own])
        else:
            said = between.join([start + escape(text) for start, text, _ in own])
        begin = f"{ends.opening}{ns[:13]}{between}" if timed else ends.start
        end = f"{ends.closing}{ns}"
        line = (begin + said + end if own else begin + end[len(between) :]).encode()
        if not limit or len(line) <= limit:
            return line
        short = len(ends.header.encode()) <= limit // 3
        header = ends.header if short else self._common.header(*key[:2], limit // FIELD)
        time: list[Pair] = [(f"{language.time}=", ns[:13], True)] if timed else []
        exact = (f"{language.named('timeUnixNano')}=", ns, True)
        return limited(header, [*ends.first, *time, *first], [*rest, *ends.last, exact], limit, language)


def _worked_out(row: list[Any], technique: int | None, outcomes: tuple[int, ...]) -> tuple[str | None, str | None]:
    """The framework and the outcome; None where the general way must look."""
    framework = framework_of(row[technique]) if technique is not None else None
    said = next((word for place in outcomes if (word := translated(row[place]))), None)
    return framework or None, said


def _never(_record: Record) -> None:
    """There is no plan: the general way."""
