"""HEC envelopes of records whose shape has a plan: one text each, without building objects.

Guarantees: the line has the bytes of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from otelsiem.formats._columns import Column, Columns, steady
from otelsiem.formats._event.lines import Events, Said, looks
from otelsiem.formats._event.plan import NS, Fields, Layout, Tree, decisive
from otelsiem.formats._hec.document import INDEXED, Wanted, flat
from otelsiem.formats._hec.group import Common, Place
from otelsiem.formats._line import json, members
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.json import Event
from otelsiem.formats.layout import Layouts, Signature
from otelsiem.formats.planned import Write
from otelsiem.model.record import Record
from otelsiem.model.severity import SCALES

_GROUP = ("app", "vendor")
_TOLD = ("clock", "place", "dest")
_USER = ("user_name", "user_id", "user_email")
_OBJECT = {"object": "name", "object_id": "id", "object_category": "type"}
_NAMES, _CIM_NAMES = [row.name for row in SCALES], [row.cim for row in SCALES]


class Given(NamedTuple):
    """What a plan is made for, beside the keys and types of the attributes."""

    said: tuple[str, ...]  # the meanings that the resource has
    fields: Fields
    cim: bool
    wanted: tuple[Wanted, ...]  # to be indexed
    beside: tuple[str, ...]  # those that the resource has


def plan(keys: Sequence[str], types: Sequence[type], given: Sequence[Any]) -> Plan | None:
    """The plan for attributes of these types in a record and a group like that; None: there is none."""
    said, fields, cim, wanted, beside = Given(*given)
    laid = Layout(keys, types, said, (*_GROUP, *map(_row_name, beside)), _TOLD)
    texts = (*_USER, *INDEXED.values())  # fields are texts, and CIM's names skip a 0 as well as what is not there
    if decisive(keys, types) is None or not all(map(laid.is_text, texts)) or not laid.is_target_text:
        return None
    try:
        return laid.plan(
            {
                "time": laid.bare("clock"),
                "_place": laid.more("place"),
                "event": laid.document(fields) | (_cim(laid, fields) if cim else {}),
                "fields": _fields(laid, fields, wanted, beside),
            }
        )
    except UnicodeError:  # a key that is no text: what holds it cannot be sent at all
        return None


PLANS = Layouts(256, plan)  # for the process: what is made for a shape serves all batches


def _cim(laid: Layout, fields: Fields) -> Tree:
    flat, target = laid.flat, laid.target
    user = next((flat[name] for name in _USER if name in flat), None)
    dest = target.get("name") or target.get("id")
    found = {
        "user": user,
        "src": flat.get("src_ip"),
        "dest": dest or laid.more("dest"),
        "app": laid.more("app"),
        "signature": laid.text("event") if fields.event else None,
        "status": flat.get("outcome"),
        **{name: target.get(of) for name, of in _OBJECT.items()},
        "vendor_product": laid.more("vendor"),
    }
    return {name: hole for name, hole in found.items() if hole is not None}


def _fields(laid: Layout, fields: Fields, wanted: Sequence[Wanted], beside: Sequence[str]) -> Tree:
    head = {"event_id": laid.text("id")}
    if fields.trace:
        head["trace_id"] = laid.text("trace")
    if fields.span:
        head["span_id"] = laid.text("span")
    found = head | laid.flat
    tree: Tree = {name: found[of] for name, of in INDEXED.items() if of in found}
    for name, keys in wanted:
        key = next((key for key in keys if key in laid.keys), None)
        if key is not None:
            tree.setdefault(name, laid.value(key, lambda value: json(flat(value))))
        elif name in beside:
            tree.setdefault(name, laid.bare(_row_name(name)))
    return tree


def _row_name(wanted: str) -> str:
    """No name of another column."""
    return f"beside {wanted}"


class Texts:
    """What the lines of a group have in common."""

    def __init__(self, blank: Event, common: Common, wanted: Sequence[Wanted], beside: dict[str, Any]) -> None:
        """`beside`: what the resource has of `wanted`."""
        said = Said(blank)
        self.plain = said.plain
        self.given = (said.names, tuple(wanted), tuple(beside))
        app = {"app": common.app} if common.app else {}
        vendor = {"vendor_product": common.vendor_product} if common.vendor_product else {}
        self.row = (*said.row, members(app), members(vendor), *[json(flat(value)) for value in beside.values()])


def writer(signature: Signature, texts: Texts, common: Common, *, cim: bool) -> Write | None:
    """A writer for records of this signature in a group; None: there is none."""
    found = looks(signature) if texts.plain else None
    return None if found is None else _Writer(signature, found, texts, common, cim=cim)


class _Writer(Events):
    def __init__(
        self, signature: Signature, found: list[tuple[int, Any]], texts: Texts, common: Common, *, cim: bool
    ) -> None:
        super().__init__(signature, found, texts.row)
        self.names = _CIM_NAMES if cim else _NAMES
        self._signature, self._given, self._common, self._cim = signature, texts.given, common, cim

    def made(self, fields: Fields) -> Plan | None:
        said, wanted, beside = self._given
        return PLANS.get(self._signature, Given(said, fields, self._cim, wanted, beside))

    def told(self, columns: Columns, raw: Sequence[Column], row: Sequence[Column], plan: Plan) -> list[Iterable[Any]]:
        told = super().told(columns, raw, row, plan)
        clocks = [f"{n[:-9]}.{n[-9:]}" for n in told[NS]]
        return [*told, clocks, *self._places(columns)]

    def _places(self, columns: Columns) -> tuple[Iterable[str], Iterable[str]]:
        """The metadata as members of the envelope, and the host as one of the event."""
        place = self._common.place
        if not self._common.by_event:
            made = [_members(place(record)) for record in map(Record, *columns)]
        elif type(events := steady(columns.events)) is repeat:
            metadata, host = _members(place(Record(event=next(events))))
            return repeat(metadata), repeat(host)
        else:
            known = {event: _members(place(Record(event=event))) for event in {*columns.events}}
            made = [known[event] for event in columns.events]
        return [metadata for metadata, _ in made], [host for _, host in made]


def _members(place: Place) -> tuple[str, str]:
    named = zip(("host", "source", "sourcetype", "index"), place, strict=True)
    dest = {"dest": place[0]} if place[0] is not None else {}
    return members({name: value for name, value in named if value is not None}), members(dest)
