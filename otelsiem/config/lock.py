"""The keys with which a listener is locked: `tls`, `auth`, `include_metadata`, as the Collector spells them.

What can be judged without looking at a file or at other sections is judged here; `doors.py` does the rest.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from otelsiem.destinations._settings import TlsVersion
from otelsiem.gateway.locks import Metadata, Tls
from otelsiem.model.duration import Seconds

SECRETS = frozenset({"authorization", "proxy-authorization", "cookie"})  # never written on a record


class Block(BaseModel):
    """Keys of which no other is allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerTls(Block):
    """What a listener shows, and whose clients it lets in. The files are read again when they change."""

    cert_file: Path | None = Field(None, description="the certificate with its chain, a PEM file")
    key_file: Path | None = Field(None, description="its key, a PEM file that is not encrypted")
    client_ca_file: Path | None = Field(
        None, description="senders must show a certificate of this authority (mTLS), a PEM file"
    )
    min_version: TlsVersion = Field("1.2", description="oldest TLS version to speak; over gRPC always 1.2")
    reload_interval: Seconds = Field(
        10.0, gt=0, description="between two looks whether the files changed, at a new connection"
    )

    @model_validator(mode="after")
    def whole(self) -> ServerTls:
        if self.cert_file is None or self.key_file is None:
            missing = " and ".join(name for name in ("cert_file", "key_file") if getattr(self, name) is None)
            raise ValueError(f"{missing} missing: a server shows a certificate, and has the key of it")
        return self

    @property
    def value(self) -> Tls:
        """The same, as the gateway reads it."""
        assert self.cert_file is not None
        assert self.key_file is not None
        return Tls(self.cert_file, self.key_file, self.client_ca_file, self.min_version, self.reload_interval)


class Auth(Block):
    """Who may send."""

    authenticator: str = Field(description="id of an extension that service.extensions names too")


class IncludeMetadata(Block):
    """What of a request is written on its records: `true` is `peer: true`. Off by default."""

    peer: bool = Field(
        default=False, description="otelsiem.peer.address, and otelsiem.peer.name: the name of the sender's token"
    )
    headers: list[str] = Field(
        default=[], description="headers, or gRPC metadata, to keep as otelsiem.peer.header.<name>"
    )

    @field_validator("headers")
    @classmethod
    def harmless(cls, names: list[str]) -> list[str]:
        for name in names:
            if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum() or name.endswith("-bin"):
                raise ValueError(f"{name!r} is not the name of a header that holds text")
            if name.lower() in SECRETS:
                raise ValueError(f"{name} holds secrets, which do not belong on records")
        return names

    @property
    def value(self) -> Metadata:
        """The same, as the gateway reads it."""
        return Metadata(self.peer, tuple(name.lower() for name in self.headers))


def _yes_or_no(value: Any) -> Any:
    """`true`, as in the Collector."""
    return {"peer": value} if isinstance(value, bool) else value


Included = Annotated[IncludeMetadata, BeforeValidator(_yes_or_no, json_schema_input_type=bool | IncludeMetadata)]
