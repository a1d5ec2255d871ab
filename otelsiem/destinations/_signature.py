"""HMAC signatures of webhooks, in the ways that receivers know (contract 4): GitHub's, Stripe's, Slack's, the standard.

Guarantees: what is signed is the body as it is sent, byte by byte; the time is that of the attempt; the secret is in no
header. Several secrets sign at once where the way has room for it, so that one can be replaced without a gap.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from otelsiem.destinations._settings import SETTINGS, header_name, printable
from otelsiem.model.destination import Moment
from otelsiem.model.secret import Secret

Scheme: TypeAlias = Literal["plain", "github", "stripe", "slack", "standard"]

ID = "webhook-id"
STANDARD = "whsec_"
LEAST, MOST = 24, 64  # bytes of a secret of Standard Webhooks
_HEADERS: Mapping[Scheme, str] = {
    "plain": "X-Signature",
    "github": "X-Hub-Signature-256",
    "stripe": "Stripe-Signature",
    "slack": "X-Slack-Signature",
    "standard": "webhook-signature",
}
_SLACK_TIME = "X-Slack-Request-Timestamp"


def _secrets(value: tuple[Secret, ...]) -> tuple[Secret, ...]:
    if not value or not all(one.get_secret_value() for one in value):
        raise ValueError("is empty: set the secret that the receiver has")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str | Secret) else value


Secrets = Annotated[
    tuple[Secret, ...],
    BeforeValidator(_listed, json_schema_input_type=Secret | list[Secret]),
    AfterValidator(_secrets),
]


class Signature(BaseModel):
    """How requests are signed, so that the receiver knows that they are ours and whole."""

    model_config = SETTINGS

    scheme: Scheme = Field(
        "plain",
        description="plain: HMAC of the body in a header; or the way of GitHub, Stripe, Slack, Standard Webhooks",
    )
    secret: Secrets = Field(description="the shared secret; a list, while one is replaced, for stripe and standard")
    header: Annotated[str, AfterValidator(header_name)] | None = Field(
        None, description="header that carries it; unset: the scheme's own, X-Signature for plain"
    )
    algorithm: Literal["sha256", "sha512"] = Field("sha256", description="hash, for plain")
    encoding: Literal["hex", "base64"] = Field("hex", description="how the signature is written, for plain")
    prefix: str = Field("", description="before the signature, for plain; for example sha256=")

    @model_validator(mode="after")
    def _fits(self) -> Signature:
        fixed = (self.algorithm, self.encoding, self.prefix) == ("sha256", "hex", "")
        if self.scheme != "plain" and not fixed:
            raise ValueError(f"algorithm, encoding and prefix are {self.scheme}'s own; they are set for plain alone")
        if not printable(self.prefix):
            raise ValueError("prefix: has characters that a header cannot carry")
        if len(self.secret) > 1 and self.scheme not in {"stripe", "standard"}:
            raise ValueError(f"secret: {self.scheme} has room for one signature")
        if self.scheme == "standard":
            if self.header:
                raise ValueError("header: the headers of Standard Webhooks have fixed names")
            for secret in self.secret:
                _standard_key(secret.get_secret_value())
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be shown nowhere."""
        every = [secret.get_secret_value() for secret in self.secret]
        return (*every, *[one.removeprefix(STANDARD) for one in every])

    @property
    def names(self) -> tuple[str, ...]:
        """The headers that it sets."""
        own = self.header or _HEADERS[self.scheme]
        more = {"slack": (_SLACK_TIME,), "standard": (ID, "webhook-timestamp")}
        return (own, *more.get(self.scheme, ()))

    def headers(self, body: bytes, id_: str, at: Moment) -> dict[str, str]:
        """The headers for this body, sent now."""
        keys = [secret.get_secret_value().encode() for secret in self.secret]
        own = self.header or _HEADERS[self.scheme]
        time = str(at.now // 1_000_000_000)
        match self.scheme:
            case "plain":
                made = _mac(keys[0], body, self.algorithm)
                return {own: self.prefix + (made.hex() if self.encoding == "hex" else b64encode(made).decode())}
            case "github":
                return {own: f"sha256={_mac(keys[0], body).hex()}"}
            case "stripe":
                signed = [f"v1={_mac(key, time.encode() + b'.' + body).hex()}" for key in keys]
                return {own: ",".join([f"t={time}", *signed])}
            case "slack":
                return {own: f"v0={_mac(keys[0], f'v0:{time}:'.encode() + body).hex()}", _SLACK_TIME: time}
            case "standard":
                content = f"{id_}.{time}.".encode() + body
                every = [_standard_key(secret.get_secret_value()) for secret in self.secret]
                signed = [f"v1,{b64encode(_mac(key, content)).decode()}" for key in every]
                return {ID: id_, "webhook-timestamp": time, "webhook-signature": " ".join(signed)}


def _mac(key: bytes, content: bytes, algorithm: str = "sha256") -> bytes:
    return hmac.digest(key, content, algorithm)


def _standard_key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(STANDARD), validate=True)
    except (Error, ValueError):
        raise ValueError(f"secret: of Standard Webhooks is base64, with {STANDARD} before it") from None
    if not LEAST <= len(key) <= MOST:
        raise ValueError(f"secret: of Standard Webhooks has {LEAST} to {MOST} bytes, this one {len(key)}")
    return key
