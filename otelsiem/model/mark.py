"""A mark of a destination's settings: the same in two processes when they deliver to the same place in the same way.

Guarantees: no secret can be read from it; settings that are not given do not count, since a new version has more.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from pydantic import BaseModel, SecretStr

from otelsiem.model.destination import Destination


def mark(destination: Destination) -> str:
    """Sixteen hex digits."""
    kind = f"{type(destination).__module__}.{type(destination).__qualname__}"
    return sha256(json.dumps([kind, _settings(destination)], sort_keys=True).encode()).hexdigest()[:16]


def _settings(destination: Destination) -> object:
    if not isinstance(destination, BaseModel):
        return repr(destination)
    try:
        dumped = destination.model_dump(mode="json", exclude_defaults=True)  # secrets are stars
    except ValueError:
        return repr(destination)  # a stranger's field that JSON has no kind for; secrets are stars here, too
    return _addressed(destination, dumped)


def _addressed(destination: BaseModel, dumped: dict[str, Any]) -> dict[str, Any]:
    """An address that is a secret, as a webhook's, is told by 16 bits of its hash: enough here, useless elsewhere."""
    for name, value in destination:
        if isinstance(value, SecretStr) and (text := value.get_secret_value()).startswith(("http://", "https://")):
            dumped[name] = sha256(text.encode()).hexdigest()[:4]
    return dumped
