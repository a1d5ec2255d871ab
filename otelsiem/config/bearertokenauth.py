"""The extension `bearertokenauth`: the tokens that senders may show, who each of them is, and how much it may bring.

The Collector's spellings (`token`, `filename`, `tokens` as a list of texts) name nobody: all of them are one sender,
named like the extension. With names, a record's id, the metrics, the tenant and the quota know who sent it.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from otelsiem.config.lock import Block
from otelsiem.config.quantity import Number, Octets
from otelsiem.gateway.locks import Quota, Token, Tokens
from otelsiem.gateway.receivers.keyring import fault
from otelsiem.model.secret import Secret

NAME = r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}"  # no slash: the unnamed ones have the name of the extension


def _strong(value: Secret) -> Secret:
    if why := fault(value.get_secret_value()):
        raise ValueError(f"this token {why}")
    return value


def _none() -> Secret:
    """No token. Not None: what was written and gave nothing is a problem, and is told once."""
    return Secret("")


def _plain(value: str) -> str:
    if value and not re.fullmatch(NAME, value):
        raise ValueError("a name has letters, digits and . _ @ - in it, and at most 63 of them")
    return value


Strong = Annotated[Secret, AfterValidator(_strong)]


class QuotaSettings(Block):
    """How much one token may bring. A sender over it is told to come back; nothing is dropped here."""

    events_per_second: Number = Field(0.0, ge=0, description="records a second, on average; 0 = any number")
    burst: Number = Field(0.0, ge=0, description="records at once; 0 = one second's worth")
    bytes_per_second: Octets = Field(0, description="decompressed bytes a second, on average; 0 = any number")
    burst_bytes: Octets = Field(0, description="bytes at once; 0 = one second's worth")

    @model_validator(mode="after")
    def limits_something(self) -> QuotaSettings:
        for burst, rate in (("burst", "events_per_second"), ("burst_bytes", "bytes_per_second")):
            if getattr(self, burst) and not getattr(self, rate):
                raise ValueError(f"{burst} means nothing without {rate}")
        if not (self.events_per_second or self.bytes_per_second):
            raise ValueError("a quota needs events_per_second, bytes_per_second or both")
        return self

    @property
    def value(self) -> Quota:
        """The same, as the gateway reads it."""
        return Quota(self.events_per_second, self.burst, float(self.bytes_per_second), float(self.burst_bytes))


class NamedToken(Block):
    """One sender."""

    name: Annotated[str, AfterValidator(_plain)] = Field(
        description="who shows it, in metrics and in the ids of records; never a secret"
    )
    token: Strong = Field(default_factory=_none, description="the token, at least 16 characters")
    filename: Path | None = Field(None, description="or a file of tokens, one per line, read again when it changes")
    tenant: str = Field("", max_length=200, description="whose its records are, whatever they say")
    quota: QuotaSettings | None = Field(None, description="how much it may bring")

    @model_validator(mode="after")
    def one_source(self) -> NamedToken:
        if bool(self.token) == (self.filename is not None):
            raise ValueError(f"{self.name or 'a token'} needs either token or filename")
        if not self.name and (self.tenant or self.quota):
            raise ValueError("a tenant and a quota need a name")
        return self

    def value(self, otherwise: str) -> Token:
        """The same, as the gateway reads it; `otherwise`: the name of those that have none."""
        text = self.token.get_secret_value()
        quota = self.quota.value if self.quota else None
        return Token(self.name or otherwise, text, self.filename, self.tenant, quota)


def _unnamed(value: Any) -> Any:
    """A token alone, as in the Collector."""
    return value if isinstance(value, dict | NamedToken) else {"name": "", "token": value}


EachToken = Annotated[NamedToken, BeforeValidator(_unnamed, json_schema_input_type=Secret | NamedToken)]


class BearerTokenAuth(Block):
    """Senders show a token in the header `Authorization`."""

    scheme: str = Field("Bearer", pattern="^[A-Za-z0-9-]*$", description="the word before the token")
    token: Strong = Field(default_factory=_none, description="one token, of a sender without a name")
    filename: Path | None = Field(None, description="a file of such tokens, one per line, read again when it changes")
    tokens: list[EachToken] = Field([], description="several: texts, or blocks with a name")

    @model_validator(mode="after")
    def apart(self) -> BearerTokenAuth:
        if not (self.token or self.filename or self.tokens):
            raise ValueError("nobody could send: it needs token, tokens or filename")
        names = Counter(token.name for token in self.tokens if token.name)
        if twice := [name for name, times in names.items() if times > 1]:
            raise ValueError(f"the name {twice[0]!r} stands here twice; several tokens of one sender: use filename")
        texts: dict[str, int] = {}
        for number, text in enumerate(self._texts(), 1):
            if texts.setdefault(text, number) != number:
                raise ValueError(f"tokens {texts[text]} and {number} are the same")
        return self

    def _texts(self) -> list[str]:
        return [one.get_secret_value() for one in (self.token, *[token.token for token in self.tokens]) if one]

    def value(self, id_: str) -> Tokens:
        """The same, as the gateway reads it; `id_`: of the extension, which names the tokens that have no name."""
        tokens = [token.value(id_) for token in self.tokens]
        if self.token:
            tokens.append(Token(id_, self.token.get_secret_value()))
        if self.filename is not None:
            tokens.append(Token(id_, filename=self.filename))
        return Tokens(id_, tuple(tokens), self.scheme)
