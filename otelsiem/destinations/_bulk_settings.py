"""Settings of Elasticsearch and OpenSearch, spelled as the Collector's exporters spell them.

Guarantees: what decides where a record goes is refused at the start when no index could be called so; a key or a token
is never sent in the clear; no message shows a secret.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Annotated, Any, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from otelsiem.destinations._bulk_index import Names
from otelsiem.destinations._settings import SETTINGS, Tls, http_url, printable
from otelsiem.model.destination import TlsSettings
from otelsiem.model.fingerprint import fingerprint
from otelsiem.model.secret import Secret


def base_url(value: str) -> str:
    """The root of a cluster, perhaps behind a prefix of a proxy."""
    url = http_url(value).rstrip("/")
    if urlsplit(url).path.endswith("/_bulk"):
        raise ValueError("is the root of the cluster: leave /_bulk and the index out, they have settings of their own")
    return url


Url = Annotated[str, AfterValidator(base_url)]


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("names no URL")
    if len(set(value)) < len(value):
        raise ValueError("names the same endpoint twice")
    return value


Urls = Annotated[tuple[Url, ...], AfterValidator(_distinct)]


def cloud_url(value: str) -> str:
    """The address that a Cloud ID stands for: a name, a colon, and base64 of `host$cluster$kibana`."""
    wrong = "is no Cloud ID (name:base64); copy it again, or write the address of Elasticsearch as endpoint"
    try:
        text = b64decode(value.rpartition(":")[2], validate=True).decode()
    except (binascii.Error, ValueError):
        raise ValueError(wrong) from None
    host, _, rest = text.partition("$")
    cluster = rest.partition("$")[0]
    if not host or not cluster:
        raise ValueError(wrong)
    host, colon, port = host.partition(":")
    cluster, own, its = cluster.partition(":")  # the cluster may have a port of its own
    try:
        return base_url(f"https://{cluster}.{host}{own or colon}{its or port}")
    except ValueError:
        raise ValueError(wrong) from None


def _cloud_id(value: str) -> str:
    cloud_url(value)
    return value


CloudId = Annotated[str, AfterValidator(_cloud_id)]


def _index(value: str) -> str:
    Names(value)
    return value


def _part(value: str) -> str:
    Names(value, whole=False)
    return value


def _dataset(value: str) -> str:
    if "-" in "".join([piece.partition("}")[2] for piece in f"}}{value}".split("{")]):
        raise ValueError("cannot hold a hyphen, which separates the parts of a data stream's name; write _ or .")
    return _part(value)


Index = Annotated[str, AfterValidator(_index)]


class DataStream(BaseModel):
    """The data stream `logs-<dataset>-<namespace>`."""

    model_config = SETTINGS

    dataset: Annotated[str, AfterValidator(_dataset)] = Field(
        "otelsiem.audit", description="what the events are about; may have fields"
    )
    namespace: Annotated[str, AfterValidator(_part)] = Field(
        "default", description="whose they are, for example production; may have fields"
    )


def _date_format(value: str) -> str:
    if Names(value, whole=False).constant is not None:
        raise ValueError("has no date in it; write for example %Y.%m.%d")
    return value


class LogstashFormat(BaseModel):
    """The date of the event behind the name of the index."""

    model_config = SETTINGS

    enabled: bool = Field(False, description="append the date, as Logstash does")
    prefix_separator: Annotated[str, AfterValidator(_part)] = Field("-", description="what stands before the date")
    date_format: Annotated[str, AfterValidator(_date_format)] = Field("%Y.%m.%d", description="the date, in UTC")


_OTHER_MODES = {
    "none": "otel", "no": "otel", "raw": "otel", "bodymap": "otel", "ss4o": "ecs", "flatten_attributes": "ecs",
    "otel-v1": "otel",
}  # fmt: skip


def _mode(value: object) -> object:
    text = value.lower() if isinstance(value, str) else value
    if isinstance(text, str) and text in _OTHER_MODES:
        raise ValueError(f"{text} is not supported: write ecs or otel ({_OTHER_MODES[text]} is nearest)")
    return text


Mode: TypeAlias = Literal["ecs", "otel"]


class Mapping(BaseModel):
    """In whose words a record is written."""

    model_config = SETTINGS

    mode: Annotated[Mode, BeforeValidator(_mode, json_schema_input_type=Mode)] = Field(
        "ecs", description="ecs: the Elastic Common Schema; otel: attributes under their own names"
    )


Period = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}(d|h|m)$")]
Size = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}(mb|gb|tb)$")]


class Lifecycle(BaseModel):
    """What `otelsiem setup` tells the cluster about the age of its indices. Nothing else reads it."""

    model_config = SETTINGS

    rollover_age: Period = Field("30d", description="a data stream begins a new index after it; with d, h or m")
    rollover_size: Size = Field("50gb", description="or when a shard is as large as this; with mb, gb or tb")
    delete_after: Period | None = Field(None, description="delete an index so long after that; unset: never")


class CaTls(Tls):
    """The same, and the authority by its fingerprint."""

    ca_trusted_fingerprint: Annotated[str, AfterValidator(fingerprint)] | None = Field(
        None, description="SHA-256 of the authority's certificate, as Elasticsearch prints it when it is installed"
    )

    @property
    def settings(self) -> TlsSettings:
        found = super().settings
        if self.ca_trusted_fingerprint is None:
            return found
        return replace(found, fingerprint=self.ca_trusted_fingerprint)

    @model_validator(mode="after")
    def _one_authority(self) -> CaTls:
        if self.ca_trusted_fingerprint and (self.ca_file or self.insecure_skip_verify):
            other = "ca_file" if self.ca_file else "insecure_skip_verify"
            raise ValueError(f"ca_trusted_fingerprint says whom to trust; leave {other} out")
        return self


def _plain(value: Secret) -> str:
    text = value.get_secret_value().strip()  # files end with a newline
    if not printable(text) or not text:
        raise ValueError("is empty" if not text else "has characters that a header cannot carry")
    return text


def api_key(value: Secret) -> Secret:
    """The key as it is sent: base64 of `id:key`, once (contract 1)."""
    text = _plain(value)
    if " " in text:
        raise ValueError("has a blank in it; write the key alone, without `ApiKey` before it")
    if ":" in text:
        return Secret(b64encode(text.encode()).decode())
    if text.startswith("essu_"):  # a key of Elastic Cloud
        return Secret(text)
    inner = decoded(text)
    if ":" in inner:
        return Secret(text)
    if ":" in decoded(inner):
        raise ValueError("is encoded twice; write the field `encoded` of the answer that made the key as it is")
    raise ValueError("is not a whole key; write the field `encoded` of the answer that made it, or id:api_key")


def decoded(text: str) -> str:
    """What base64 stands for, "" when it is none."""
    try:
        return b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return ""


def token(value: Secret) -> Secret:
    """A bearer token."""
    text = _plain(value)
    if " " in text:
        raise ValueError("has a blank in it; write the token alone, without `Bearer` before it")
    return Secret(text)


def password(value: Secret) -> Secret:
    """A password; a file that it comes from ends with a newline."""
    return Secret(value.get_secret_value().rstrip("\r\n"))


def user(value: str) -> str:
    """A user's name, which ends at a colon in a header (RFC 7617 2)."""
    if not value.strip() or ":" in value or not value.isprintable():
        raise ValueError("is a name without a colon")
    return value


def folded(data: Any, spellings: dict[str, str]) -> Any:
    """The Collector's other spellings under our names; both at once are refused."""
    if not isinstance(data, dict):
        return data
    data = dict(data)
    for theirs, ours in spellings.items():
        if theirs in data:
            if ours in data:
                raise ValueError(f"{theirs} and {ours} mean the same; write one of them")
            data[ours] = data.pop(theirs)
    return data
