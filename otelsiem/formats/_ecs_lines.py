"""ECS lines of records whose shape has a plan: one text each, without building objects.

Guarantees: the line has the bytes of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import astuple

from otelsiem.formats._classes import Classes
from otelsiem.formats._ecs_document import nanoseconds
from otelsiem.formats._ecs_group import INLINE, Common
from otelsiem.formats._ecs_plan import ODD, Given, classified, plan
from otelsiem.formats._line import clean, escaped, members
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.address import kind
from otelsiem.formats.json import until_the_second
from otelsiem.formats.layout import Layouts, Signature, picker
from otelsiem.formats.planned import Write
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model import event as events
from otelsiem.model.record import Record
from otelsiem.model.severity import SCALES

PLANS = Layouts(512, plan)  # for the process: what is made for a shape serves all batches
_LEVELS = [row.ecs for row in SCALES]
_NUMBERS = [str(number) for number in range(len(SCALES))]


class Texts:
    """What the lines of a group have in common."""

    def __init__(self, common: Common, said: Mapping[str, str]) -> None:
        logger = common.sets.get("log", {}).get("logger", "")
        sets = {name: value for name, value in common.sets.items() if name not in INLINE}
        values = [*[said.get(name, "") for name in FROM_RESOURCE], logger, common.dataset or ""]
        self.row = (None, *escaped(values), members(sets), members(common.labels))
        self._said, self._sets = tuple(said), tuple(sets)
        self._has = (bool(logger), bool(common.dataset), bool(common.labels))
        self._hosts, self._ips = common.hosts, common.ips
        self.place = self.beside([])
        self.alone = not common.ips  # its records' address is the only one
        self.seconds = _Seconds()
        self._events: dict[str, str | None] = {}

    def given(self, event: str, fields: tuple[bool, ...], classes: tuple[Any, ...]) -> Given:
        """What the plan of such a record is made for."""
        if event not in self._events:
            known = not event or events.known(event) is not None
            self._events[event] = event if known else None
        return Given(self._said, self._has, self._sets, self._events[event], fields, classes)

    def beside(self, addresses: Sequence[Any]) -> str:
        """The addresses and names of `related`, with those of the group's own host."""
        ips = [*[address for address in addresses if kind(address) == "ip"], *self._ips]
        hosts = [*self._hosts, *[address for address in addresses if kind(address) == "name"]]
        found = {"ip": list(dict.fromkeys(ips)), "hosts": list(dict.fromkeys(hosts))}
        return members({name: values for name, values in found.items() if values})


class _Seconds(dict[str, str]):
    """The seconds of a batch repeat, so each is formatted once."""

    def __missing__(self, second: str) -> str:
        day = self[second] = until_the_second(second)
        return day


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
    group_row, seconds, place, alone, beside = texts.row, texts.seconds, texts.place, texts.alone, texts.beside
    plans: dict[tuple[Any, ...], Plan | None] = {}
    join, join_names = "".join, '","'.join

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
            event, not body, not word, not trace, not span, both, not flags, not number,
            *[look(raw[n]) for n, look in looks],
        )  # fmt: skip
        if key not in plans:
            fields = (bool(body), bool(word), bool(trace), bool(span), both, bool(flags), number > 0)
            plans[key] = None if ODD in key[8:] else PLANS.get(signature, texts.given(event, fields, key[8:]))
        if (made := plans[key]) is None:
            return None
        pick, constants, extras, (pick_users, pick_addresses) = made
        told = [make(raw[n]) for n, make in extras]
        addresses = pick_addresses(raw)
        if not clean((id_, body or "", event, word, trace, span, *in_quotes(raw))):
            id_, body, event, word, trace, span, *raw = escaped((id_, body, event, word, trace, span, *raw))
        ns = str(moment)
        day = f"{seconds[ns[:-9]]}{ns[-9:]}Z"
        created = (day if observed == moment else nanoseconds(str(observed))) if both else None
        related = place
        if addresses:
            if alone and len(addresses) == 1 and kind(addresses[0]) == "ip":
                related = f',"ip":["{addresses[0]}"]{place}'
            else:
                related = beside(addresses)
        if users := pick_users(raw):
            if len(users) == 2 and users[0] != users[1]:
                related = f',"user":["{users[0]}","{users[1]}"]{related}'
            else:
                related = f',"user":["{join_names(dict.fromkeys(users))}"]{related}'
        row = [
            *raw, *group_row, id_, body, event, word, trace, span, day, created, _NUMBERS[number], _LEVELS[number],
            ns, str(flags), f',"related":{{{related[1:]}}}' if related else "", *told, *constants,
        ]  # fmt: skip
        return join(pick(row)).encode()

    return write
