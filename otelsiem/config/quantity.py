"""Sizes and addresses as people type them: byte sizes (`20MiB`), `host:port`. Durations are `model/duration.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
SIZES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}

ANY4 = "0.0.0.0"  # noqa: S104 - recognised here, not bound

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})")
_HOST = re.compile(r"[A-Za-z0-9._-]{0,253}")
_LITERAL6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,32})?")


def octets(value: object) -> int:
    """A number of bytes, or one with a unit: `20MiB`, `512KB`."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected a size such as 20971520, 20MiB or 512KB")  # noqa: TRY004 - pydantic collects these
    found = _SIZE.fullmatch(str(value).strip())
    if found is None or found[2].lower() not in SIZES:
        raise ValueError("expected a size such as 20971520, 20MiB or 512KB")
    return int(float(found[1]) * SIZES[found[2].lower()])


def size(value: int) -> str:
    """A number of bytes as a person would type it."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value and value % factor == 0:
            return f"{value // factor}{unit}"
    return str(value)


def _no_flag(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"expected a number, found {str(value).lower()}")  # noqa: TRY004 - pydantic collects these (and reads true as 1)
    return value


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen."""

    host: str  # "" = every address of the machine
    port: int  # 0 = any free one

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def reachable(self) -> Address:
        """The address a client on this machine uses."""
        return Address({"": "127.0.0.1", ANY4: "127.0.0.1", "::": "::1"}.get(self.host, self.host), self.port)

    def clashes(self, other: Address) -> bool:
        """Whether both cannot listen at once. `::` takes IPv4 too, `0.0.0.0` does not take IPv6."""
        if self.port != other.port or self.port == 0:
            return False
        hosts = {_canonical(self.host), _canonical(other.host)}
        return len(hosts) == 1 or "::" in hosts or (ANY4 in hosts and not any(":" in host for host in hosts))


def _canonical(host: str) -> str:
    return {"": ANY4, "localhost": "127.0.0.1"}.get(host.lower(), host.lower())  # localhost is bound as IPv4


def address(value: object) -> Address:
    """`host:port`, `[v6]:port` or `:port`."""
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError("expected host:port, for example localhost:4317")  # noqa: TRY004 - pydantic collects these
    if "://" in value:
        raise ValueError("expected host:port without a scheme, for example localhost:4317")
    host, colon, port = value.rpartition(":")
    if not colon or "/" in value:
        raise ValueError("expected host:port, for example localhost:4317; the port is missing")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _LITERAL6.fullmatch(host):
            raise ValueError("the part in [ ] is not an IPv6 address")
    elif ":" in host:
        raise ValueError("an IPv6 address needs brackets: [::1]:4317")
    elif not _HOST.fullmatch(host):
        raise ValueError("the part before the colon is not a host name or an address")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("the port must be a number from 0 to 65535")
    return Address(host, int(port))


# for editors and the reference page
_Size = Annotated[
    str,
    WithJsonSchema(
        {
            "title": "size",
            "anyOf": [
                {"type": "integer", "minimum": 0},
                {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?([KkMmGgTt][Ii]?)?[Bb]?$"},
            ],
        }
    ),
]
_Listen = Annotated[
    str, WithJsonSchema({"title": "host:port", "type": "string", "pattern": r"^([^:/]*|\[[^\]]+\]):[0-9]{1,5}$"})
]

Octets = Annotated[int, BeforeValidator(octets, json_schema_input_type=_Size), Field(ge=0)]
Endpoint = Annotated[Address, BeforeValidator(address, json_schema_input_type=_Listen)]
Whole = Annotated[int, BeforeValidator(_no_flag)]
Number = Annotated[float, BeforeValidator(_no_flag), Field(allow_inf_nan=False)]
