"""How a listener is locked, as values: what it shows, whom it lets in, how much each may bring.

Guarantees: two locks that say the same are equal, and none shows a token in its repr.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

TlsVersion: TypeAlias = Literal["1.2", "1.3"]


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate of a listener, and the authority whose clients it lets in."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None  # set = every client must show a certificate (mTLS)
    min_version: TlsVersion = "1.2"
    reload_interval: float = 10.0  # seconds between two looks whether the files changed


@dataclass(frozen=True, slots=True)
class Quota:
    """What one token may bring; 0 = as much as it likes."""

    events_per_second: float = 0.0
    burst: float = 0.0
    bytes_per_second: float = 0.0
    burst_bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Token:
    """Who a sender is when it shows this token, or one of those in this file."""

    name: str
    text: str = field(repr=False, default="")
    filename: Path | None = None  # one token per line, read again when it changes
    tenant: str = ""
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """An authenticator."""

    id: str
    tokens: tuple[Token, ...]
    scheme: str = "Bearer"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What of a request is written on its records."""

    peer: bool = False
    headers: tuple[str, ...] = ()  # in lower case

    def __bool__(self) -> bool:
        return self.peer or bool(self.headers)


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of one listener."""

    tls: Tls | None = None
    tokens: Tokens | None = None
    metadata: Metadata = Metadata()

    def __str__(self) -> str:
        """As the start line says it."""
        said = [] if self.tls is None else ["mTLS" if self.tls.client_ca_file else "TLS"]
        said += ["tokens"] if self.tokens else []
        return f" ({', '.join(said)})" if said else ""


OPEN = Lock()
