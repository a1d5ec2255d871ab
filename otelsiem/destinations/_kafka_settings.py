"""The blocks of a Kafka exporter's settings: who we are (`auth`), how messages are written (`producer`).

Guarantees: nothing weaker than acknowledgement by all replicas in sync is accepted, and no password goes over an open
line unless somebody wrote that it may; what the Collector spells otherwise is understood or refused with what to write.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from otelsiem.destinations._settings import SETTINGS, Tls, http_url, printable
from otelsiem.model import destination as model
from otelsiem.model.duration import Duration, Seconds
from otelsiem.model.secret import Secret

MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER")
READABLE = frozenset({"PLAIN", "OAUTHBEARER"})  # whoever listens on the way can use what they send

_BROKER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:/\s\[\],]+)(?::(?P<port>[0-9]{1,5}))?")
_PORT = 9092


def _brokers(value: object) -> object:
    return value.split(",") if isinstance(value, str) else value


def _addresses(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("names no broker; write [kafka-1.example.com:9092]")
    return tuple([_address(broker.strip()) for broker in value])


def _address(broker: str) -> str:
    found = _BROKER.fullmatch(broker) if printable(broker) else None
    if not found or not 0 < int(found["port"] or _PORT) < 65536:
        raise ValueError("a broker is host:port, without a scheme; for TLS write `tls`, for a password `auth`")
    return f"{found['host']}:{found['port'] or _PORT}"


Brokers = Annotated[
    tuple[str, ...],
    BeforeValidator(_brokers, json_schema_input_type=str | tuple[str, ...]),
    AfterValidator(_addresses),
]


class KafkaTls(Tls):
    """Whom we trust, and who we say we are. Files are read again when they change."""

    # brokers are many, each with a name of its own
    server_name_override: ClassVar[None] = None  # type: ignore[misc]  # takes the field out, as pydantic has it

    @property
    def settings(self) -> model.TlsSettings:
        """The same, as the transport reads it."""
        return model.TlsSettings(
            ca_file=self.ca_file or "",
            cert_file=self.cert_file or "",
            key_file=self.key_file or "",
            verify=not self.insecure_skip_verify,
            min_version=self.min_version,
        )


class TokenTls(BaseModel):
    """Whom we trust as token endpoint."""

    model_config = SETTINGS

    ca_file: str | None = Field(None, description="certificates to trust instead of the system's, a PEM file")


class OAuth2(BaseModel):
    """Where tokens come from: OAuth 2.0 client credentials, the keys as in the Collector's oauth2client."""

    model_config = SETTINGS

    client_id: str = Field(min_length=1, description="who we are to the token endpoint")
    client_secret: Secret = Field(description="its secret")
    token_url: Annotated[str, AfterValidator(http_url)] = Field(description="the token endpoint, https://…")
    scopes: tuple[str, ...] = Field((), description="scopes to ask for")
    tls: TokenTls = Field(TokenTls(), description="whom we trust as token endpoint")

    @model_validator(mode="after")
    def _readable(self) -> OAuth2:
        if any(not scope or not printable(scope) or set(scope) & set(' "\\%&+') for scope in self.scopes):
            raise ValueError("scopes: each is one word of letters, digits and signs (RFC 6749 3.3)")
        if not self.client_secret.get_secret_value():
            raise ValueError("client_secret: is empty")
        return self

    @property
    def settings(self) -> model.OAuth:
        """The same, as the transport reads it."""
        secret = self.client_secret.get_secret_value()
        return model.OAuth(self.token_url, self.client_id, secret, self.scopes, self.tls.ca_file or "")


class Sasl(BaseModel):
    """How we say who we are."""

    model_config = SETTINGS

    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] = Field(
        description="PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER"
    )
    username: str = Field("", description="of PLAIN and SCRAM")
    password: Secret | None = Field(None, description="of PLAIN and SCRAM")
    oauth2: OAuth2 | None = Field(None, description="of OAUTHBEARER: where tokens come from")
    allow_plaintext: bool = Field(False, description="send a password or token over a line that is not encrypted")

    @model_validator(mode="before")
    @classmethod
    def _collector_keys(cls, data: Any) -> Any:
        """The handshake's version is found out; the cloud's own mechanism is not here."""
        if not isinstance(data, dict):
            return data
        if data.get("mechanism") == "AWS_MSK_IAM_OAUTHBEARER":
            raise ValueError("mechanism: AWS_MSK_IAM_OAUTHBEARER is not supported; give the cluster SCRAM-SHA-512")
        return {key: value for key, value in data.items() if key != "version"}

    @model_validator(mode="after")
    def _complete(self) -> Sasl:
        named = bool(self.username and self.password and self.password.get_secret_value())
        if self.mechanism == "OAUTHBEARER":
            if self.oauth2 is None or self.username or self.password:
                raise ValueError("OAUTHBEARER takes its token from oauth2: {client_id, client_secret, token_url}")
        elif not named or self.oauth2 is not None:
            raise ValueError(f"{self.mechanism} needs username and password, and nothing else")
        plain = self.oauth2 is not None and self.oauth2.token_url.lower().startswith("http:")
        if plain and not self.allow_plaintext:
            raise ValueError("oauth2.token_url: http:// shows the client secret to whoever listens; write https://,"
                             " or allow_plaintext: true")  # fmt: skip
        return self

    @property
    def settings(self) -> model.Sasl:
        """The same, as the transport reads it."""
        password = self.password.get_secret_value() if self.password else ""
        return model.Sasl(self.mechanism, self.username, password, self.oauth2.settings if self.oauth2 else None)


class Auth(BaseModel):
    """Who we are to the brokers, beside a certificate in `tls`."""

    model_config = SETTINGS

    sasl: Sasl | None = Field(None, description="name and password, or a token")


class CompressionParams(BaseModel):
    """How hard to compress."""

    model_config = SETTINGS

    level: int = Field(-1, ge=-1, le=22, description="the codec's level; -1 = its own default")


def _acks(value: object) -> object:
    if value in {-1, "-1", "all"} and not isinstance(value, bool):
        return "all"
    raise ValueError("what only one broker has is lost with it; leave it out, or write all")


class Producer(BaseModel):
    """How messages are written. Always idempotent."""

    model_config = SETTINGS

    max_message_bytes: int = Field(
        1_000_000, ge=1024, le=100_000_000,
        description="bytes of a message before compression; at most the topic's max.message.bytes",
    )  # fmt: skip
    required_acks: Annotated[Literal["all"], BeforeValidator(_acks, json_schema_input_type=Literal["all", -1])] = Field(
        "all", description="all, and nothing less"
    )
    compression: Literal["zstd", "lz4", "gzip", "snappy", "none"] = Field(
        "zstd", description="zstd, lz4, gzip, snappy or none"
    )
    compression_params: CompressionParams = Field(CompressionParams(), description="how hard to compress")
    linger: Seconds = Field(0.005, le=60, description="time that a message waits for others to travel with")
    allow_auto_topic_creation: bool = Field(
        False, description="let the brokers create a topic that does not exist, with their defaults"
    )

    @model_validator(mode="before")
    @classmethod
    def _collector_keys(cls, data: Any) -> Any:
        """Batches are cut by their bytes; a number of messages adds nothing."""
        return {k: v for k, v in data.items() if k != "flush_max_messages"} if isinstance(data, dict) else data


class Metadata(BaseModel):
    """What is known of the cluster."""

    model_config = SETTINGS

    refresh_interval: Duration = Field(300.0, le=3600, description="time between two looks at who leads what")

    @model_validator(mode="before")
    @classmethod
    def _collector_keys(cls, data: Any) -> Any:
        """Only the topics that are written to are looked at, and looking is repeated until it succeeds."""
        return {k: v for k, v in data.items() if k not in {"full", "retry"}} if isinstance(data, dict) else data


def spelled(data: Mapping[str, Any]) -> dict[str, Any]:
    """The settings with the Collector's other spellings replaced by ours. Raises ValueError for what cannot be."""
    found = dict(data)
    logs = found.pop("logs", None) or {}
    logs = dict(logs) if isinstance(logs, Mapping) else {}
    if logs.pop("topic_from_metadata_key", None):
        raise ValueError('logs.topic_from_metadata_key: write a template, for example topic: "audit-{tenant.id}"')
    topic, encoding = (
        logs.pop("topic", None) or found.get("topic"),
        logs.pop("encoding", None) or found.pop("encoding", None),
    )
    if logs:
        raise ValueError(f"logs: has topic and encoding, no {next(iter(logs))}")
    if topic:
        found["topic"] = topic
    if attribute := found.pop("topic_from_attribute", None):
        if not isinstance(attribute, str) or set(attribute) & set("{}|"):
            raise ValueError("topic_from_attribute: is the name of an attribute")
        found["topic"] = f"{{resource.{attribute}|{found.get('topic') or 'otlp_logs'}}}"
    if encoding == "raw":
        raise ValueError("encoding: raw would lose every attribute; write format: json for text that people read")
    if encoding:
        found.setdefault("format", encoding)
    return _authentication(found)


def _authentication(found: dict[str, Any]) -> dict[str, Any]:
    auth = found.get("auth")
    if not isinstance(auth, Mapping):
        return found
    auth = dict(auth)
    if tls := auth.pop("tls", None):
        found.setdefault("tls", tls)
    if plain := auth.pop("plain_text", None):
        auth.setdefault("sasl", {**plain, "mechanism": "PLAIN"} if isinstance(plain, Mapping) else plain)
    if auth.pop("kerberos", None):
        raise ValueError("auth.kerberos is not supported: use SCRAM, OAUTHBEARER or a client certificate in `tls`")
    return {**found, "auth": auth}
