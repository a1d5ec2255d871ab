"""What a webhook's settings are made of: the URL, who we are, what success is, how an answer names refused records.

Guarantees: the URL counts as a secret, because it often is one (a token in its path), so no message shows it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from otelsiem.destinations._json_path import JsonPath
from otelsiem.destinations._settings import SETTINGS, header_name, http_url, printable
from otelsiem.model.secret import Secret

SHORTEST = 8  # characters of a part of a path that may be a token


def _url(value: Secret) -> Secret:
    text = value.get_secret_value().strip()
    base, _, query = text.partition("?")
    http_url(base)  # raises when it is not one to send to
    if "#" in query or " " in query or not printable(query):
        raise ValueError("must not have a fragment, nor characters that a URL cannot have")
    return Secret(text)


def _credential(value: Secret) -> Secret:
    text = value.get_secret_value().strip()  # files end with a newline
    if not text or not printable(text):
        raise ValueError("is empty, or has characters that a header cannot carry")
    return Secret(text)


def _scheme(value: Secret) -> Secret:
    if value.get_secret_value().lower().startswith("bearer "):
        raise ValueError("is the token alone, without `Bearer` before it")
    return value


Url = Annotated[Secret, AfterValidator(_url)]
Credential = Annotated[Secret, AfterValidator(_credential)]


class Basic(BaseModel):
    """HTTP Basic (RFC 7617)."""

    model_config = SETTINGS

    username: str = Field(min_length=1, description="user name")
    password: Secret = Field(description="password")

    @model_validator(mode="after")
    def _separable(self) -> Basic:
        if ":" in self.username:
            raise ValueError("username: cannot have a colon (RFC 7617)")
        return self


class HeaderAuth(BaseModel):
    """A header of the service's own."""

    model_config = SETTINGS

    name: Annotated[str, AfterValidator(header_name)] = Field(description="header, for example X-Api-Key")
    value: Credential = Field(description="its value")


class Auth(BaseModel):
    """Who we are, in one of three ways."""

    model_config = SETTINGS | ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    basic: Basic | None = Field(None, description="user name and password")
    bearer: Annotated[Credential, AfterValidator(_scheme)] | None = Field(None, description="token (RFC 6750)")
    header: HeaderAuth | None = Field(None, description="a header of the service's own")

    @model_validator(mode="after")
    def _one(self) -> Auth:
        if sum(one is not None for one in (self.basic, self.bearer, self.header)) != 1:
            raise ValueError("is one of basic, bearer and header")
        return self

    @property
    def headers(self) -> dict[str, str]:
        if self.basic is not None:
            return {"Authorization": f"Basic {self._pair}"}
        if self.bearer is not None:
            return {"Authorization": f"Bearer {self.bearer.get_secret_value()}"}
        return {self.header.name: self.header.value.get_secret_value()} if self.header is not None else {}

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must be shown nowhere."""
        if self.basic is not None:
            return (self.basic.password.get_secret_value(), self._pair)
        one = self.bearer or (self.header.value if self.header is not None else None)
        return (one.get_secret_value(),) if one is not None else ()

    @property
    def _pair(self) -> str:
        assert self.basic is not None
        return b64encode(f"{self.basic.username}:{self.basic.password.get_secret_value()}".encode()).decode()


def url_secrets(url: str) -> tuple[str, ...]:
    """The URL, and the parts of it that may be tokens, as they stand there and decoded."""
    parts = urlsplit(url)
    tokens = [step for step in parts.path.split("/") if len(step) >= SHORTEST]
    values = [value for _, value in parse_qsl(parts.query)]
    return (url, parts.query, *tokens, *map(unquote, tokens), *values)


def _statuses(value: tuple[int | str, ...]) -> tuple[int | str, ...]:
    for one in value:
        fits = 100 <= one <= 599 if isinstance(one, int) else len(one) == 3 and one[0] in "12345" and one[1:] == "xx"
        if not fits:
            raise ValueError(f"{one!r} is no status: write 200, or 2xx for all of them")
    if not value:
        raise ValueError("names no status")
    return value


def listed(statuses: Iterable[int | str], status: int) -> bool:
    """Whether a status is one of these."""
    return any(one == status if isinstance(one, int) else one == f"{status // 100}xx" for one in statuses)


def _alone(value: object) -> object:
    return [value] if isinstance(value, int | str) else value


_ALL_OF = {"type": "string", "pattern": "^[1-5]xx$"}
Status = int | Annotated[str, WithJsonSchema(_ALL_OF)]
Statuses = Annotated[
    tuple[int | str, ...],
    BeforeValidator(_alone, json_schema_input_type=Status | list[Status]),
    AfterValidator(_statuses),
]


class Success(BaseModel):
    """When a request has succeeded."""

    model_config = SETTINGS

    status: Statuses = Field(("2xx",), description="statuses of success: 200, or 2xx for all of them")
    json_: JsonPath | None = Field(
        None, alias="json", description="path in the answer that decides, for example $.ok; unset: the status does"
    )
    equals: bool | int | float | str | None = Field(True, description="what must stand at `json`")
    otherwise: Literal["hold", "retry", "reject"] = Field(
        "hold", description="what a success by status means when `json` says no; hold and retry lose no record"
    )


class Failures(BaseModel):
    """How an answer says which records it did not take, while it took the others."""

    model_config = SETTINGS | ConfigDict(json_schema_extra={"minProperties": 2})  # the items, and what is in them

    items: JsonPath = Field(description="path to the list of results, for example $.items")
    index: JsonPath | None = Field(
        None, description="in a result: the record's number, from 0; unset: results stand in the order of the records"
    )
    status: JsonPath | None = Field(None, description="in a result: an HTTP status, judged as one of a request")
    error: JsonPath | None = Field(None, description="in a result: the error; nothing, null, false and empty are none")

    @model_validator(mode="after")
    def _telling(self) -> Failures:
        if not (self.index or self.status or self.error):
            raise ValueError("needs index, status or error: else every result would look alike")
        return self


def same(found: Any, wanted: Any) -> bool:
    """Equal as JSON is: true is not 1, but 1 is 1.0."""
    return found == wanted and isinstance(found, bool) == isinstance(wanted, bool)
