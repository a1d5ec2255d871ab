"""ECS documents as nested objects that are filled field by field; what is set first stays."""

from __future__ import annotations

from typing import Any, TypeAlias

from otelsiem.formats._ecs.fields import Field, fitted

Tree: TypeAlias = dict[str, Any]


def put(tree: Tree, path: str, value: Any) -> bool:
    """Set the field unless it is set already; whether it was."""
    *parents, last = path.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    if last in tree:
        return False
    tree[last] = value
    return True


def home(tree: Tree, field: Field, value: Any) -> bool:
    """Whether the value found its place in the field."""
    made = fitted(value, field.type)
    return made is not None and put(tree, field.path, made)
