"""What a resource and a scope say in OCSF: the same for all events of a group."""

from __future__ import annotations

from typing import Any

from otelsiem.formats._ocsf.objects import Object, device, some
from otelsiem.formats._ocsf.schema import schema
from otelsiem.formats.speaker import Product, beyond, speaker
from otelsiem.formats.values import safe, text
from otelsiem.model.destination import Moment
from otelsiem.model.record import Group

_CLOUD = {"provider": "cloud.provider", "region": "cloud.region", "zone": "cloud.availability_zone"}
_ACCOUNT = "cloud.account.id"


class Common:
    """The constant parts, and how long a text may be."""

    __slots__ = ("classes", "cloud", "device", "longest", "product", "provider", "service", "unmapped", "version")

    def __init__(self, group: Group, at: Moment, product: Product, minor: int) -> None:
        found = schema(minor)
        self.version, self.classes = found.version, found.classes.keys()
        self.longest = found.types["string_t"].longest
        resource = {key: safe(value) for key, value in group.resource.items()}
        said = speaker(resource, product, at.host)
        rest = beyond(resource, said)
        self.service = self.short(said.product) or ""
        self.product: Object = some(
            name=self.service or "unknown", vendor_name=self.short(said.vendor), version=self.short(said.version)
        )
        if minor <= 3:
            self.product.setdefault("vendor_name", "unknown")
        self.device = device(self.short(said.hostname) or "") if said.hostname else None
        self.cloud = self._cloud(rest)
        self.provider = self.fit(group.scope.name)
        scope = {
            "name": None if self.provider else group.scope.name,
            "version": group.scope.version,
            "schema_url": group.scope.schema_url,
            "attributes": safe(group.scope.attributes),
        }
        long = {name: value for name, value in said._asdict().items() if value and self.fit(value) is None}
        parts: dict[str, Any] = {
            "resource": rest,
            "resource_schema_url": group.schema_url,
            "scope": {name: value for name, value in scope.items() if value},
            "product": long,
        }
        self.unmapped: Object = {name: value for name, value in parts.items() if value}

    def fit(self, value: str | None) -> str | None:
        """A text that is not too long for this version, else None."""
        return value if value and (self.longest is None or len(value) <= self.longest) else None

    def short(self, value: str | None) -> str | None:
        """A text, cut where this version ends; None for none."""
        return value[: self.longest] if value else None

    def _cloud(self, rest: dict[str, Any]) -> Object | None:
        """What profile `cloud` has; taken out of the rest."""
        if type(rest.get("cloud.provider")) is not str or not self.fit(rest["cloud.provider"]):
            return None
        made: Object = {}
        for name, key in _CLOUD.items():
            if type(rest.get(key)) is str and (value := self.fit(rest[key])):
                made[name] = value
                del rest[key]
        if _ACCOUNT in rest and (account := self.fit(text(rest[_ACCOUNT]))):
            made["account"] = {"uid": account}
            del rest[_ACCOUNT]
        return made
