"""A tiny JSON path, `$.errors[0].index`: dots and numbers, one value or none; no wildcards, no filters."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, WithJsonSchema

MISSING: Final = object()  # nothing is there; null is something

_PATH = re.compile(r"\$(?:\.[A-Za-z_][\w-]{0,99}|\[\d{1,6}\]){0,20}", re.ASCII)
_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]", re.ASCII)


def find(path: str, document: Any) -> Any:
    """What stands at the path, or MISSING."""
    node = document
    for name, number in _STEP.findall(path):
        if name:
            node = node.get(name, MISSING) if isinstance(node, dict) else MISSING
        else:
            at = int(number)
            node = node[at] if isinstance(node, list) and at < len(node) else MISSING
    return node


def _checked(value: str) -> str:
    if not _PATH.fullmatch(value):
        raise ValueError("is not a path: write $, then .name and [0], for example $.errors[0].index")
    return value


JsonPath = Annotated[str, AfterValidator(_checked), WithJsonSchema({"type": "string", "pattern": f"^{_PATH.pattern}$"})]
