"""Settings that several destinations share, spelled as the OpenTelemetry Collector spells them.

Guarantees: a key of the Collector that cannot be honoured is refused with what to write instead; no message shows what
was typed, since an endpoint, a header or a proxy's address may hold a password.

A module whose name starts with an underscore is no destination: `type:` never finds it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from otelsiem.formats.template import Template
from otelsiem.model.destination import HttpSettings, TlsSettings
from otelsiem.model.duration import Duration, Seconds
from otelsiem.model.proxy import proxy
from otelsiem.model.secret import Secret

# Inputs stay out of error messages: an endpoint or a header may hold what must not be shown.
SETTINGS = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_OURS = frozenset({"authorization", "proxy-authorization", "content-type", "content-encoding", "content-length",
                   "transfer-encoding", "host", "connection"})  # fmt: skip

MOST = 64  # connections: the couriers that an exporter can have

REFUSED = {
    "ca_pem": "write the certificates into a file and name it in ca_file",
    "cert_pem": "write the certificate into a file and name it in cert_file",
    "key_pem": "write the key into a file and name it in key_file",
    "max_version": "the newest version that both sides speak is used; an upper limit only weakens that",
    "cipher_suites": "the suites are those of the OpenSSL of this machine; set them there",
    "include_insecure_cipher_suites": "broken ciphers are never spoken",
    "curve_preferences": "the curves are those of the OpenSSL of this machine; set them there",
    "include_system_ca_certs_pool": "ca_file stands alone; append the system's certificates to that file",
    "tpm": "write the key into a file and name it in key_file",
}


def _template(value: str) -> str:
    Template(value)  # raises when it cannot be read
    return value


TemplateText = Annotated[str, AfterValidator(_template)]


def header_name(value: str) -> str:
    """The name of a header that a person may set."""
    if not _HEADER_NAME.fullmatch(value):
        raise ValueError(f"{value!r}: a header name has letters, digits and hyphens only")
    if value.lower() in _OURS:
        raise ValueError(f"the header {value} is set by the exporter itself")
    return value


def _headers(value: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, secret in value.items():
        header_name(name)
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


def _tls_version(value: object) -> object:
    text = str(value) if isinstance(value, float) else value  # unquoted YAML: 1.2 is a number
    if text in {"1.0", "1.1"}:
        raise ValueError(f'TLS {text} is broken (RFC 8996) and never used; write "1.2" or "1.3"')
    return text


TlsVersion = Annotated[Literal["1.2", "1.3"], BeforeValidator(_tls_version)]


def _host_name(value: str) -> str:
    if not value.strip() or not printable(value) or any(sign in value for sign in " /:@"):
        raise ValueError("is a host name alone, for example splunk.example.com")
    return value


def known_in_tls(data: Any) -> Any:
    """A `tls` block without the Collector's other keys: refused with a hint, or dropped because they change nothing."""
    if not isinstance(data, dict):
        return data
    for key, instead in REFUSED.items():
        if data.get(key) not in (None, False, "", []):  # their defaults say nothing
            raise ValueError(f"{key} is not supported: {instead}")
    dropped = {"insecure", "reload_interval", *REFUSED}  # files are read again when they change, without a timer
    return {key: value for key, value in data.items() if key not in dropped}


class Tls(BaseModel):
    """Whom we trust, and who we say we are. Files are read again when they change."""

    model_config = SETTINGS

    ca_file: str | None = Field(None, description="certificates to trust instead of the system's, a PEM file")
    cert_file: str | None = Field(None, description="our certificate with its chain, a PEM file")
    key_file: str | None = Field(None, description="the key of our certificate, a PEM file that is not encrypted")
    insecure_skip_verify: bool = Field(False, description="accept any certificate; for tests only")
    min_version: TlsVersion = Field("1.2", description="oldest TLS version to speak")
    server_name_override: Annotated[str, AfterValidator(_host_name)] | None = Field(
        None, description="name that the peer's certificate must have, instead of the endpoint's host"
    )

    @model_validator(mode="before")
    @classmethod
    def _collector_keys(cls, data: Any) -> Any:
        """The Collector's other keys; without TLS is what an endpoint with http:// is."""
        if isinstance(data, dict) and data.get("insecure") is True:
            raise ValueError("insecure: write http:// in the endpoint instead")
        return known_in_tls(data)

    @model_validator(mode="after")
    def _pair(self) -> Tls:
        if bool(self.cert_file) != bool(self.key_file):
            there, missing = ("cert_file", "key_file") if self.cert_file else ("key_file", "cert_file")
            raise ValueError(f"{there} needs {missing} beside it: a client certificate is both")
        return self

    @property
    def settings(self) -> TlsSettings:
        """The same, as the transport reads it."""
        return TlsSettings(
            ca_file=self.ca_file or "",
            cert_file=self.cert_file or "",
            key_file=self.key_file or "",
            verify=not self.insecure_skip_verify,
            server_name=self.server_name_override or "",
            min_version=self.min_version,
        )


def _proxy(value: Secret) -> Secret:
    text = value.get_secret_value().strip()
    if text:  # ${env:HTTPS_PROXY:-} gives nothing where there is none
        proxy(text)  # raises when it cannot be read
    return Secret(text)


class HttpClient(BaseModel):
    """The base of every destination that is spoken to over HTTP."""

    model_config = SETTINGS

    tls: Tls = Field(Tls(), description="whom we trust, and who we say we are")
    timeout: Duration = Field(10.0, description="total time for one request")
    headers: Headers = Field({}, description="headers to add to every request")
    proxy_url: Annotated[Secret, AfterValidator(_proxy)] | None = Field(
        None, description="proxy to go through, http://[user:password@]host:port; the environment names none"
    )
    max_conns_per_host: int = Field(MOST, ge=0, description="connections at once, never over 64; 0 = 64")
    max_idle_conns: int = Field(MOST, ge=0, description="connections kept open between requests; 0 = all")
    idle_conn_timeout: Seconds = Field(90.0, description="a connection unused for longer is closed; 0 = never")
    disable_keep_alives: bool = Field(False, description="a connection of its own for every request")

    @model_validator(mode="before")
    @classmethod
    def _idle_per_host(cls, data: Any) -> Any:
        """`max_idle_conns_per_host` is `max_idle_conns` of a destination; of both, the smaller one."""
        if not isinstance(data, dict) or "max_idle_conns_per_host" not in data:
            return data
        data = dict(data)
        given = [data.pop("max_idle_conns_per_host"), data.get("max_idle_conns")]
        meant = [value for value in given if value not in (None, 0)]
        numbers = all(type(value) is int for value in meant)
        return {**data, "max_idle_conns": min(meant) if meant and numbers else meant[0] if meant else 0}

    def http_settings(self, max_reply: int = 4 << 20) -> HttpSettings:
        """What the transport is told. `max_reply`: bytes of an answer that are read at most."""
        connections = min(self.max_conns_per_host or MOST, MOST)
        idle = min(self.max_idle_conns or MOST, connections)
        return HttpSettings(
            timeout=self.timeout,
            tls=self.tls.settings,
            proxy=self._proxy_address,
            max_reply=max_reply,
            connections=connections,
            idle_connections=0 if self.disable_keep_alives else idle,
            idle_seconds=self.idle_conn_timeout or math.inf,
        )

    @property
    def shared_secrets(self) -> tuple[str, ...]:
        """What no text that comes from the peer may show, beside the destination's own credentials."""
        password = proxy(self._proxy_address).password if self._proxy_address else ""
        return (*[value.get_secret_value() for value in self.headers.values()], *([password] if password else []))

    @property
    def _proxy_address(self) -> str:
        return self.proxy_url.get_secret_value() if self.proxy_url is not None else ""
