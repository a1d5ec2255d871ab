"""Settings that several destinations share, spelled as the OpenTelemetry Collector spells them.

A module whose name starts with an underscore is no destination: `type:` never finds it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from otelsiem.formats.template import Template
from otelsiem.model.secret import Secret

# Inputs stay out of error messages: an endpoint or a header may hold what must not be shown.
SETTINGS = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h|d)")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_OURS = frozenset({"authorization", "content-type", "content-encoding", "content-length", "transfer-encoding", "host",
                   "connection"})  # fmt: skip


class Tls(BaseModel):
    """How the peer proves who it is."""

    model_config = SETTINGS

    ca_file: str = Field("", description="certificates to trust instead of the system's, a PEM file")
    insecure_skip_verify: bool = Field(False, description="accept any certificate; for tests only")


def seconds(value: object) -> object:
    """A Go duration (`1m30s`) as seconds; numbers are seconds already."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text or _DURATION.sub("", text):
        raise ValueError("not a duration; write for example 10s, 500ms or 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))


Duration = Annotated[float, BeforeValidator(seconds), Field(gt=0, allow_inf_nan=False)]


def _template(value: str) -> str:
    Template(value)  # raises when it cannot be read
    return value


TemplateText = Annotated[str, AfterValidator(_template)]


def _headers(value: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, secret in value.items():
        if not _HEADER_NAME.fullmatch(name):
            raise ValueError("a header name has letters, digits and hyphens only")
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is set by the exporter itself")
        if not printable(secret.get_secret_value()):
            raise ValueError(f"the value of the header {name} has characters that a header cannot carry")
    return value


Headers: TypeAlias = Annotated[Mapping[str, Secret], AfterValidator(_headers)]


def printable(text: str) -> bool:
    """True for what may stand in a header line: visible ASCII and spaces (RFC 9110 5.5)."""
    return text.isascii() and text.isprintable()


def http_url(value: str) -> str:
    """The URL when it is one to send to; credentials, queries and fragments have their own settings or no meaning."""
    text = value.strip()
    if not text.lower().startswith(("http://", "https://")):
        raise ValueError("must begin with http:// or https://")
    if not printable(text) or " " in text or "\\" in text:
        raise ValueError("has characters that a URL cannot have")
    try:
        parts = urlsplit(text)
        host, _port = parts.hostname, parts.port  # the port is only read on request, and only then checked
    except ValueError:
        raise ValueError("is not a URL; write for example https://splunk.example.com:8088") from None
    if not host:
        raise ValueError("names no host")
    if "@" in parts.netloc:
        raise ValueError("must not hold credentials; use the setting made for them")
    if "?" in text or "#" in text:
        raise ValueError("must not have a query or a fragment")
    return text
