"""Where the events of a group belong (host, source, source type, index), and the product they speak of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from otelsiem.formats.speaker import Product
from otelsiem.formats.template import Template, fit
from otelsiem.formats.values import text
from otelsiem.model.record import Group, Record

Place: TypeAlias = tuple[str | None, str | None, str | None, str | None]


# of host, source, source type, index; None leaves it to Splunk's own default, but the host to the resource
Templates: TypeAlias = tuple[Template | None, Template | None, Template | None, Template | None]


class Common:
    """What the envelopes of a group have in common, and how the rest of the metadata is found."""

    __slots__ = ("_finds", "_known", "app", "by_event", "vendor_product")

    def __init__(self, group: Group, host: str, templates: Templates, product: Product) -> None:
        here = fit(group.resource.get("host.name")) or host
        self._finds = [_bound(templates[0], group, here), *[_bound(one, group) for one in templates[1:]]]
        self.by_event = all(map(_by_event, templates))
        self._known: dict[str, Place] = {}
        vendor = product.vendor or text(group.resource.get("service.namespace"))
        self.app = product.product or text(group.resource.get("service.name")) or None
        self.vendor_product = f"{vendor} {self.app or ''}".strip() or None

    def place(self, record: Record) -> Place:
        """Host, source, source type and index."""
        if not self.by_event:
            return self._found(record)
        if (place := self._known.get(record.event)) is None:
            place = self._known[record.event] = self._found(record)
        return place

    def _found(self, record: Record) -> Place:
        host, source, sourcetype, index = [find(record) for find in self._finds]
        return host, source, sourcetype, index


def _by_event(template: Template | None) -> bool:
    """Whether it is the same for all records of one event in a group."""
    return all(f == "event" or f.startswith(("resource.", "scope.")) for f in (template.fields if template else ()))


def _bound(template: Template | None, group: Group, default: str = "") -> Callable[[Record], str | None]:
    if template is None:
        return lambda _record: default or None
    return template.bind(group.resource, group.scope)
