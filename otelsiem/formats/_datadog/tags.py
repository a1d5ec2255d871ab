"""Where a record belongs in Datadog: source, service, host and tags.

Guarantees: tags are what Datadog would make of them (lower-case letters, digits and `_-:./`, at most 200 characters,
100 of them), so that nobody searches for one that was mangled on the way; what comes from a record can end no tag and
begin no other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from otelsiem.formats.template import Template, fit
from otelsiem.model.destination import Moment
from otelsiem.model.record import Group, Record

LATE = "late:true"
LONGEST_TAG, MOST_TAGS = 200, 100
LONGEST_SERVICE = 100
HOST = ("datadog.host.name", "host.name")  # of the resource, as the Collector's exporter looks them up
ENVIRONMENT = ("deployment.environment.name", "deployment.environment")  # OTel's name, and the one before 1.27

_UNFIT = re.compile(r"[^\w:./-]+")


class Place(NamedTuple):
    """What the documents of a place share; what is None is left out."""

    source: str
    service: str | None
    hostname: str | None
    tags: str | None
    late: str  # the tags of a record that comes too late for its own time


def tag(text: str) -> str:
    """The text as one tag; "" when it cannot be one."""
    made = _UNFIT.sub("_", text.lower())[:LONGEST_TAG].rstrip("_:")
    return made if made[:1].isalpha() else ""


class Places:
    """Finds the place of each record of one group."""

    def __init__(  # noqa: PLR0917 - the parts of a Style, in its order
        self,
        group: Group,
        at: Moment,
        source: Template,
        service: Template | None,
        hostname: Template | None,
        tags: Sequence[Template],
        env: str,
        version: str,
    ) -> None:
        self._group = group
        self._source, self._service, self._hostname, self._tags = source, service, hostname, tags
        resource = group.resource
        named = (fit(resource.get(key)) for key in ENVIRONMENT)
        known = {
            "env": env or next(filter(None, named), ""),
            "version": version or fit(resource.get("service.version")),
        }
        self._common = [tag(f"{key}:{value}") for key, value in known.items() if value]
        self._own = fit(resource.get("service.name"))[:LONGEST_SERVICE] or None
        self._host = next(filter(None, [fit(resource.get(key)) for key in HOST]), "")
        self._here = at.host or None
        every = [source, service, hostname, *tags]
        # The place of all of them, where no record decides.
        self.fixed = self(Record()) if all(map(_same_for_all, every)) else None

    def __call__(self, record: Record) -> Place:
        """The place of one record."""
        if (fixed := getattr(self, "fixed", None)) is not None:
            place: Place = fixed
            return place
        found = [*[tag(self._text(one, record)) for one in self._tags], *self._common]
        tags = list(dict.fromkeys(filter(None, found)))[: MOST_TAGS - 1]
        service = self._text(self._service, record)[:LONGEST_SERVICE] if self._service else self._own
        fallback = self._text(self._hostname, record) if self._hostname and not self._host else self._here
        return Place(
            self._text(self._source, record),
            service,
            self._host or fallback,
            ",".join(tags) or None,
            ",".join([*tags, LATE]),
        )

    def _text(self, template: Template, record: Record) -> str:
        return template(record, self._group.resource, self._group.scope)


def _same_for_all(template: Template | None) -> bool:
    return all(name.startswith(("resource.", "scope.")) for name in (template.fields if template else ()))
