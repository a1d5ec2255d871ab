"""Writes the lines of CEF and LEEF: records of a shape that has a plan in one step, others from their document.

Guarantees: both ways write the same bytes. A line has a time that its reader understands or none at all; the exact time
stands at its end, so that no value's trailing blanks get lost there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec.structs import astuple

from otelsiem.formats._keys import family, is_empty
from otelsiem.formats._pairs import HEADS, Pair, arrange, framework_of, is_account, meanings, pairs
from otelsiem.formats._pairs_group import Common, Dialect, common, own
from otelsiem.formats._pairs_limit import FIELD, limited
from otelsiem.formats._pairs_plan import TIGHT, Plan, addresses
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
        parts, pick, pick_texts, places, addressed, whole, worked, tight, wide, *more_of_it = plan
        target, attacked, technique, outcome, outcomes = more_of_it
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
        arranged = arrange(language, said, named, lambda key, value: language.taken(key, value) is not None)
        left |= arranged.left
        first, wholes = pairs(language, arranged.first, left)
        more, again = pairs(language, arranged.more, left)
        key = (event.event_type or "", record.severity, event.mitre_attack is not None)
        ends = common.ends.get(key) or common.find(*key)
        ns = event.time_unix_nano
        time = [Pair(f"{language.time}=", ns[:13], whole=True)] if _FIRST <= int(ns) < _LAST else []
        rest = [*more, *wholes, *again]
        rest += pairs(language, [own(language, "rest", left)] if left else [], {})[0]
        rest += [*ends.last, Pair(f"{language.named('timeUnixNano')}=", ns, whole=True)]
        said_first = [*ends.first, *time, *first]
        line = language.between.join([f"{p.start}{language.escape(p.text)}" for p in (*said_first, *rest)])
        whole = f"{ends.header}{line}".encode()
        if not self._limit or len(whole) <= self._limit:
            return whole
        short = len(ends.header.encode()) <= self._limit // 3
        header = ends.header if short else common.header(*key[:2], self._limit // FIELD)
        return limited(header, said_first, rest, self._limit, language)


def _worked_out(row: list[Any], technique: int | None, outcomes: tuple[int, ...]) -> tuple[str | None, str | None]:
    """The framework and the outcome; None where the general way must look."""
    framework = framework_of(row[technique]) if technique is not None else None
    said = next((word for place in outcomes if (word := translated(row[place]))), None)
    return framework or None, said


def _never(_record: Record) -> None:
    """There is no plan: the general way."""
