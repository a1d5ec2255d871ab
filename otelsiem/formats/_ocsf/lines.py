"""OCSF lines of records whose shape has a plan: one text each, without building objects.

Guarantees: the line has the bytes of the general way; None for a record that must go that way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from otelsiem.formats._classes import ColumnLook, at_columns
from otelsiem.formats._columns import FIELDS, NUMBERS, Column, Columns, Key, Planned
from otelsiem.formats._line import escaped, json, members
from otelsiem.formats._ocsf.group import Common
from otelsiem.formats._ocsf.plan import ODD, Given, classified, plan
from otelsiem.formats._stand_in import Plan
from otelsiem.formats.layout import Layouts, Signature, halves, small
from otelsiem.formats.planned import Write
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model import event as events
from otelsiem.model.severity import SCALES

PLANS = Layouts(512, plan)  # for the process: what is made for a shape serves all batches
_SEVERITIES = [str(row.ocsf) for row in SCALES]
_classified = lru_cache(maxsize=512)(classified)  # 15 µs


class Texts:
    """What the lines of a group have in common."""

    def __init__(self, common: Common, said: Mapping[str, str]) -> None:
        values = escaped([said.get(name, "") for name in FROM_RESOURCE])
        device, cloud = common.device and json(common.device), common.cloud and json(common.cloud)
        service, provider = escaped([common.service, common.provider or ""])
        rest = members(common.unmapped)
        self.row = (None, *values, service, json(common.product), device, cloud, provider, rest)
        self._said = tuple(said)
        self._has = (bool(service), bool(device), bool(cloud), bool(provider), bool(rest))

    def given(self, key: Key) -> Given:
        """What the plan of such a record is made for."""
        event, (*fields, _severity), classes = key[0], key[FIELDS], key[FIELDS.stop :]
        known = not event or events.known(event) is not None  # then its name decides about the class
        return Given(self._said, self._has, event if known else None, tuple(fields), classes)


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

    def told(self, columns: Columns, raw: Sequence[Column], row: Sequence[Column], plan: Plan) -> list[Column]:  # noqa: ARG002 no value is told twice
        moments, observed, numbers = columns.moments, columns.observed, columns.numbers
        ns = [*map(str, moments)]
        seen = ns if observed == moments else [*map(str, observed)]
        severities, words = [_SEVERITIES[n] for n in numbers], [NUMBERS[n] for n in numbers]
        flags = [*map(str, columns.flags)]
        return [severities, words, [n[:-6] for n in ns], ns, [n[:-6] or "0" for n in seen], seen, flags]
