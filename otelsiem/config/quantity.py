"""Durations, sizes and addresses as people type them: Go durations (`1m30s`), byte sizes (`20MiB`), `host:port`.

A number without its unit is refused instead of guessed: the Collector reads `timeout: 60` as 60 nanoseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field

UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
SIZES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
SIZES |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}

ANY4 = "0.0.0.0"  # noqa: S104 - recognised here, not bound

_PART = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?|\.[0-9]{1,15})(ns|us|µs|μs|ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,6})?) ?([A-Za-z]{0,3})")
_HOST = re.compile(r"[A-Za-z0-9._-]{0,253}")
_LITERAL6 = re.compile(r"[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,32})?")


def seconds(value: object) -> float:
    """`1m30s`, `200ms`, `1.5h`, `0`; Go's units, and `d` for 24 hours."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, int | float) and not isinstance(text, bool):
        if text == 0:
            return 0.0
        raise ValueError("expected a duration, found a number without a unit; write for example 30s, 200ms or 1m30s")
    if text == "0":
        return 0.0
    if isinstance(text, str) and text:
        parts = list(_PART.finditer(text))
        if "".join(part[0] for part in parts) == text:
            return sum(float(part[1]) * UNITS[part[2]] for part in parts)
    raise ValueError("expected a duration such as 30s, 200ms or 1m30s (units: ns us ms s m h d)")


def octets(value: object) -> int:
    """A number of bytes, or one with a unit: `20MiB`, `512KB`."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("expected a size such as 20971520, 20MiB or 512KB")  # noqa: TRY004 - pydantic collects these
    found = _SIZE.fullmatch(str(value).strip())
    if found is None or found[2].lower() not in SIZES:
        raise ValueError("expected a size such as 20971520, 20MiB or 512KB")
    return int(float(found[1]) * SIZES[found[2].lower()])


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


Seconds = Annotated[float, BeforeValidator(seconds), Field(ge=0)]
Octets = Annotated[int, BeforeValidator(octets), Field(ge=0)]
Endpoint = Annotated[Address, BeforeValidator(address)]
Whole = Annotated[int, BeforeValidator(_no_flag)]
Number = Annotated[float, BeforeValidator(_no_flag), Field(allow_inf_nan=False)]
