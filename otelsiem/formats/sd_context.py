"""What the messages of a group have in common: who speaks, its resource, its scope, as elements and as their text.

Batches are cut into pieces and groups repeat from request to request, so what is small is kept for the process; the
key holds the types of the values too, since 1, 1.0 and True are one key of a dict and three texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from otelsiem.formats.header import Style, hostname
from otelsiem.formats.shape import shape
from otelsiem.formats.speaker import Speaker
from otelsiem.formats.structured import Element, context, written
from otelsiem.formats.values import safe, text
from otelsiem.formats.vocabulary import FROM_RESOURCE
from otelsiem.model.record import Group

MOST, LARGEST = 256, 4096  # kept, and bytes of the text of one


class Around(NamedTuple):
    """Of one group."""

    elements: Sequence[Element]
    constant: str  # the elements, written
    known: Mapping[str, str]  # what the resource says for all records, by flat name


_kept: dict[object, Around] = {}


def around(group: Group, said: Speaker, style: Style) -> Around:
    """What stands behind the element of each record."""
    resource, scope = group.resource, group.scope
    try:
        key = (tuple(resource.items()), *map(type, resource.values()), said, style.product.vendor, style.enterprise,
               scope.name, scope.version, scope.schema_url, group.schema_url)  # fmt: skip
        if not scope.attributes and (found := _kept.get(key)) is not None:
            return found
    except TypeError:  # a list or an object in it
        return _around(group, said, style)
    made = _around(group, said, style)
    if not scope.attributes and len(made.constant) <= LARGEST:
        if len(_kept) >= MOST:  # a flood of resources: the ones in use are back soon
            _kept.clear()
        _kept[key] = made
    return made


def _around(group: Group, said: Speaker, style: Style) -> Around:
    elements = context(group, said, style.product.vendor, hostname(said), style.enterprise)
    return Around(elements, "".join(map(written, elements)), _known(group.resource))


def _known(resource: Mapping[str, Any]) -> dict[str, str]:
    told = {key: safe(value) for key, value in resource.items() if value is not None and value != ""}
    moved = {name: text(told[key]) for name, key in shape(told).moved if name in FROM_RESOURCE}
    return {name: moved[name] for name in FROM_RESOURCE if name in moved}
