"""Where OTLP goes: addresses as the Collector writes them, made into URLs; and the metadata that goes with it.

Guarantees: whether a connection is encrypted is decided by the endpoint and `tls.insecure` together, and where the two
contradict each other nothing is guessed. No message shows what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator

from otelsiem.destinations._settings import http_url, printable
from otelsiem.model.secret import Secret

GRPC_PORT = 4317
PATH = "/v1/logs"

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_KEY = re.compile(r"[0-9a-z_.-]+")  # gRPC over HTTP/2: Custom-Metadata
_OURS = frozenset({"content-type", "content-encoding", "content-length", "transfer-encoding", "host", "connection",
                   "proxy-authorization", "user-agent"})  # fmt: skip
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):/")


def several(value: object) -> object:
    """One address is a list of one."""
    return (value,) if isinstance(value, str) else value


def distinct(urls: tuple[str, ...]) -> tuple[str, ...]:
    if not urls:
        raise ValueError("names no address")
    if len(set(urls)) < len(urls):
        raise ValueError("names the same address twice")
    return urls


def grpc_address(value: str) -> str:
    """host:port, with its scheme when it has one: `https://host:4317`, `host:4317`, `dns:///host:4317`."""
    text = value.strip()
    text = re.sub(r"^dns:(///?)?", "", text)
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() not in ("http", "https"):
        raise ValueError("must be host:port, with https:// or http:// before it if you like")
    url = http_url(text if scheme else f"https://{text}")
    parts = urlsplit(url)
    if parts.path not in ("", "/"):
        raise ValueError("has a path, which gRPC has no use for: write host:port, or use otlp_http")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    address = f"{host}:{parts.port or GRPC_PORT}"
    return f"{parts.scheme.lower()}://{address}" if scheme else address


def logs_url(base: str) -> str:
    """The URL for logs below a base URL; one that ends in the path already is left as it is."""
    base = base.rstrip("/")
    return base if base.endswith(PATH) else base + PATH


def host_port(url: str) -> str:
    """For a reason: neither the scheme nor the path tells a person more."""
    return urlsplit(url).netloc


def _metadata(value: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, secret in value.items():
        if not _KEY.fullmatch(name.lower()) or name.lower().startswith("grpc-") or name.lower().endswith("-bin"):
            raise ValueError(f"{name!r}: metadata has names of letters, digits, - _ and ., not grpc-… and not …-bin")
        _allowed(name, secret)
    return {name.lower(): secret for name, secret in value.items()}


def _headers(value: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, secret in value.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r}: a header name has letters, digits and hyphens only")
        _allowed(name, secret)
    return value


def _allowed(name: str, secret: Secret) -> None:
    if name.lower() in _OURS:
        raise ValueError(f"the header {name} is set by the exporter itself")
    if not printable(secret.get_secret_value()):
        raise ValueError(f"the value of the header {name} has characters that a header cannot carry")


def known(headers: Mapping[str, Secret]) -> tuple[str, ...]:
    """What no text that comes from the peer may show: the values, and of `Bearer …` the token alone too."""
    values = [secret.get_secret_value() for secret in headers.values()]
    return (*values, *[value.partition(" ")[2] for value in values if " " in value])


_ONE_OR_MORE = BeforeValidator(several, json_schema_input_type=str | list[str])

GrpcEndpoints: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(grpc_address)], ...], _ONE_OR_MORE, AfterValidator(distinct)
]
HttpEndpoints: TypeAlias = Annotated[
    tuple[Annotated[str, AfterValidator(http_url)], ...], _ONE_OR_MORE, AfterValidator(distinct)
]
Metadata: TypeAlias = Annotated[Mapping[str, Secret], AfterValidator(_metadata)]
OtlpHeaders: TypeAlias = Annotated[Mapping[str, Secret], AfterValidator(_headers)]
