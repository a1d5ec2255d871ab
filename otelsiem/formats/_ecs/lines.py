"""ECS lines of records whose shape has a plan: one text each, without building objects.

Guarantees: the line has the bytes of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from otelsiem.formats._classes import ColumnLook, at_columns
from otelsiem.formats._columns import FIELDS, NUMBERS, Column, Columns, Key, Planned
from otelsiem.formats._ecs.document import nanoseconds
from otelsiem.formats._ecs.group import INLINE, Common
from otelsiem.formats._ecs.plan import ADDRESSES, ODD, Given, classified, plan
from otelsiem.formats._line import escaped, members
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.address import kind
from otelsiem.formats.json import until_the_second
from otelsiem.formats.layout import Layouts, Signature, halves, small
from otelsiem.formats.planned import Write
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model import event as events
from otelsiem.model.severity import SCALES

PLANS = Layouts(512, plan)  # for the process: what is made for a shape serves all batches
_LEVELS = [row.ecs for row in SCALES]
_classified = lru_cache(maxsize=512)(classified)  # 15 µs
_second = lru_cache(maxsize=1024)(until_the_second)  # 3 µs


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

    def given(self, key: Key) -> Given:
        """What the plan of such a record is made for."""
        event, fields, classes = key[0], key[FIELDS], key[FIELDS.stop :]
        known = not event or events.known(event) is not None
        return Given(self._said, self._has, self._sets, event if known else None, fields, classes)

    def beside(self, addresses: Sequence[Any]) -> str:
        """The addresses and names of `related`, with those of the group's own host."""
        ips = [*[address for address in addresses if kind(address) == "ip"], *self._ips]
        hosts = [*self._hosts, *[address for address in addresses if kind(address) == "name"]]
        found = {"ip": list(dict.fromkeys(ips)), "hosts": list(dict.fromkeys(hosts))}
        return members({name: values for name, values in found.items() if values})


def writer(signature: Signature, texts: Texts) -> Write | None:
    """A writer for records of this signature in a group; None: there is none."""
    if not small(signature) or (looks := _classified(*halves(signature))) is None:
        return None
    return _Writer(signature, at_columns(looks, halves(signature)[1]), texts)


class _Writer(Planned):
    def __init__(self, signature: Signature, looks: Sequence[tuple[int, ColumnLook]], texts: Texts) -> None:
        super().__init__(signature, looks, texts.row)
        self._signature, self._shared = signature, texts

    def planned(self, key: Key) -> Plan | None:
        return None if ODD in key else PLANS.get(self._signature, self._shared.given(key))

    def told(self, columns: Columns, raw: Sequence[Column], row: Sequence[Column], plan: Plan) -> list[Column]:
        moments, observed, numbers = columns.moments, columns.observed, columns.numbers
        ns = [*map(str, moments)]
        days = [f"{_second(n[:-9])}{n[-9:]}Z" for n in ns]
        created = days if observed == moments else [nanoseconds(str(n)) for n in observed]
        severities, levels = [*map(NUMBERS.__getitem__, numbers)], [*map(_LEVELS.__getitem__, numbers)]
        return [days, created, severities, levels, ns, [*map(str, columns.flags)], self._related(ns, raw, row, plan)]

    def _related(self, ns: Column, raw: Sequence[Column], row: Sequence[Column], plan: Plan) -> list[str]:
        """Everyone and every place that the documents name."""
        group, (pick_users, pick_addresses) = self._shared, plan.picks
        addresses, users = pick_addresses(raw), pick_users(row)
        places = [group.place] * len(ns)
        if len(addresses) == 1 and group.alone and {"ip"}.issuperset(ADDRESSES.look(addresses[0])):
            places = [f',"ip":["{address}"]{group.place}' for address in addresses[0]]
        elif addresses:
            places = [group.beside(some) for some in zip(*addresses, strict=True)]
        if not users:
            return [f',"related":{{{place[1:]}}}' if place else "" for place in places]
        if len(users) == 2:  # as mostly: half of what the general way costs
            names = [f'{one}","{two}' if one != two else one for one, two in zip(*users, strict=True)]
        else:
            names = ['","'.join(dict.fromkeys(some)) for some in zip(*users, strict=True)]
        return [f',"related":{{"user":["{name}"]{place}}}' for name, place in zip(names, places, strict=True)]
