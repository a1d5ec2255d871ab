"""What a resource and a scope say in ECS: the same for all documents of a group."""

from __future__ import annotations

from otelsiem.formats._ecs.fields import RESOURCE, VERSION
from otelsiem.formats._ecs.labels import labels
from otelsiem.formats._ecs.tree import Tree, home, put
from otelsiem.formats.speaker import Product, beyond, speaker
from otelsiem.formats.values import safe
from otelsiem.model.destination import Moment
from otelsiem.model.record import Group

INLINE = ("ecs", "log")  # field sets of a group that each record completes


class Common:
    """What all documents of a group have in common."""

    __slots__ = ("dataset", "hosts", "ips", "labels", "sets")

    def __init__(self, sets: Tree, said: Tree, dataset: str) -> None:
        self.sets, self.labels, self.dataset = sets, said, dataset or None
        host = sets.get("host", {})
        self.hosts: list[str] = [host["name"]] if "name" in host else []
        self.ips: list[str] = host.get("ip", [])


def common(group: Group, at: Moment, product: Product, dataset: str) -> Common:
    resource = {key: safe(value) for key, value in group.resource.items()}
    said = speaker(resource, product, at.host)
    tree: Tree = {"ecs": {"version": VERSION}}
    if name := group.scope.name:
        put(tree, "log.logger", name)
    for path, value in (
        ("service.name", said.product),
        ("service.version", said.version),
        ("host.name", said.hostname),
    ):
        if value:
            put(tree, path, value)
    rest = {
        key: value
        for key, value in beyond(resource, said).items()
        if (field := RESOURCE.get(key)) is None or not home(tree, field, value)
    }
    scope = group.scope
    about = {"version": scope.version, "schema_url": scope.schema_url}
    parts = {key: value for key, value in about.items() if value} | scope.attributes
    made = labels(rest, "resource_") | labels({key: safe(value) for key, value in parts.items()}, "scope_")
    if group.schema_url:
        made["resource_schema_url"] = group.schema_url
    if said.vendor:
        made["vendor"] = said.vendor
    return Common(tree, made, dataset)
