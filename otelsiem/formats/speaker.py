"""Who speaks for a group of records: vendor, product, version and host, from settings, else from the resource."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from pydantic import Field

from otelsiem.formats.values import text

KEYS = ("service.namespace", "service.name", "service.version", "host.name")  # of the resource, in Speaker's order


@dataclass(frozen=True, slots=True)
class Product:
    """Who speaks, from settings; what is empty is read from the resource."""

    vendor: Annotated[str, Field(description="vendor; empty: what the resource says")] = ""
    product: Annotated[str, Field(description="product; empty: what the resource says")] = ""
    version: Annotated[str, Field(description="version; empty: what the resource says")] = ""


NOBODY = Product()  # nothing is set: the resource says it all


class Speaker(NamedTuple):
    """As texts; "" where nobody says."""

    vendor: str
    product: str
    version: str
    hostname: str


def speaker(resource: Mapping[str, Any], product: Product, host: str) -> Speaker:
    """Settings first, then the resource; `host` where the resource names none."""
    namespace, name, version, hostname = (text(resource.get(key)) for key in KEYS)
    return Speaker(product.vendor or namespace, product.product or name, product.version or version, hostname or host)


def beyond(resource: Mapping[str, Any], said: Speaker) -> dict[str, Any]:
    """What the resource says that the speaker does not."""
    known = dict(zip(KEYS, said, strict=True))
    return {key: value for key, value in resource.items() if key not in known or value != known[key]}
