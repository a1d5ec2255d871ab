"""OCSF lines of records whose shape has a plan: one text each, without building objects.

Guarantees: the line has the bytes of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import astuple

from otelsiem.formats._classes import Classes
from otelsiem.formats._line import clean, escaped, json, members
from otelsiem.formats._ocsf_group import Common
from otelsiem.formats._ocsf_plan import ODD, Given, classified, plan
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.layout import Layouts, Signature, picker
from otelsiem.formats.planned import Write
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model import event as events
from otelsiem.model.record import Record
from otelsiem.model.severity import SCALES

PLANS = Layouts(512, plan)  # for the process: what is made for a shape serves all batches
_SEVERITIES = [str(row.ocsf) for row in SCALES]
_NUMBERS = [str(number) for number in range(len(SCALES))]


class Texts:
    """What the lines of a group have in common, and the plans that its records have needed."""

    def __init__(self, common: Common, said: Mapping[str, str]) -> None:
        values = escaped([said.get(name, "") for name in FROM_RESOURCE])
        device, cloud = common.device and json(common.device), common.cloud and json(common.cloud)
        service, provider = escaped([common.service, common.provider or ""])
        rest = members(common.unmapped)
        self.row = (None, *values, service, json(common.product), device, cloud, provider, rest)
        self._said = tuple(said)
        self._has = (bool(service), bool(device), bool(cloud), bool(provider), bool(rest))
        self._events: dict[str, str | None] = {}

    def given(self, event: str, fields: tuple[bool, ...], classes: tuple[Any, ...]) -> Given:
        """What the plan of such a record is made for."""
        return Given(self._said, self._has, self.event(event), fields, classes)

    def event(self, event: str) -> str | None:
        """The event's name where it decides about the class."""
        if event not in self._events:
            known = not event or events.known(event) is not None
            self._events[event] = event if known else None
        return self._events[event]


def writer(signature: Signature, texts: Texts) -> Write | None:
    """A writer for records of this signature in a group; None: there is none."""
    half = len(signature) // 2
    looks = classified(signature[:half], signature[half:])
    if looks is None:
        return None
    in_quotes = picker([n for n, type_ in enumerate(signature[half:]) if type_ is str])
    return _writer(signature, Classes.of(looks, signature[half:]), in_quotes, texts)


def _writer(
    signature: Signature, looks: list[tuple[int, Callable[[Any], Any]]], in_quotes: Callable[..., Any], texts: Texts
) -> Write:
    group_row = texts.row
    plans: dict[tuple[Any, ...], Plan | None] = {}
    join = "".join

    def write(record: Record) -> bytes | None:
        id_, time, observed, number, word, event, body, attributes, trace, span, flags = astuple(record)
        values = attributes.values()
        moment = time or observed
        if (
            not (all(values) or "" not in values)
            or moment < 1_000_000_000
            or not id_
            or (type(body) is not str and body is not None)
            or not 0 <= number <= 24
        ):
            return None
        raw = [*values]
        both = bool(time and observed)
        key = (
            event, not body, not word, not trace, not span, both, not flags,
            *[look(raw[n]) for n, look in looks],
        )  # fmt: skip
        if key not in plans:
            fields = (bool(body), bool(word), bool(trace), bool(span), both, bool(flags))
            plans[key] = None if ODD in key[7:] else PLANS.get(signature, texts.given(event, fields, key[7:]))
        if (made := plans[key]) is None:
            return None
        pick, constants, extras, _ = made
        told = [make(raw[n]) for n, make in extras]
        if not clean((id_, body or "", event, word, trace, span, *in_quotes(raw))):
            id_, body, event, word, trace, span, *raw = escaped((id_, body, event, word, trace, span, *raw))
        ns = str(moment)
        seen = str(observed)
        row = [
            *raw, *group_row, id_, body, event, word, trace, span, _SEVERITIES[number], _NUMBERS[number],
            ns[:-6], ns, seen[:-6] or "0", seen, str(flags), *told, *constants,
        ]  # fmt: skip
        return join(pick(row)).encode()

    return write
