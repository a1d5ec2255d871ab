"""What Datadog's settings are made of: the key and its site, the endpoint, tags.

Guarantees: the mistakes that people make are told apart where the settings are read: an application key, the address
of the web page, a site by its nickname, the old path; no message shows a key. New sites need no new version of ours:
a site is checked by its shape alone.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema

from otelsiem.destinations._settings import SETTINGS, http_url, printable
from otelsiem.formats._datadog.tags import LONGEST_TAG, MOST_TAGS
from otelsiem.formats.template import Template
from otelsiem.model.secret import Secret

PATH, OLD_PATH = "/api/v2/logs", "/v1/input"
INTAKES = ("http-intake.logs.", "agent-http-intake.logs.")
NICKNAMES = {
    "us": "datadoghq.com", "us1": "datadoghq.com", "us3": "us3.datadoghq.com", "us5": "us5.datadoghq.com",
    "eu": "datadoghq.eu", "eu1": "datadoghq.eu", "ap1": "ap1.datadoghq.com", "ap2": "ap2.datadoghq.com",
    "uk1": "uk1.datadoghq.com", "us1-fed": "ddog-gov.com", "us1_fed": "ddog-gov.com", "gov": "ddog-gov.com",
    "us2-fed": "us2.ddog-gov.com",
}  # fmt: skip

_SITE = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+")
_APPLICATION_KEY = re.compile(r"[0-9a-f]{40}|ddapp_\w+", re.IGNORECASE)  # an API key has 32 digits
_TEMPLATE = re.compile(r"\{[^{}]*\}")
_LETTER = re.compile(r"[^\W\d_]")


def _key(value: Secret) -> Secret:
    key = value.get_secret_value().strip()  # files end with a newline
    if not key:
        raise ValueError("is empty: set an API key (Datadog: Organization Settings > API Keys)")
    if not printable(key) or " " in key:
        raise ValueError("has characters that no key has; write the key alone")
    if _APPLICATION_KEY.fullmatch(key):
        raise ValueError("is an application key, which may read; logs are sent with an API key, of 32 digits")
    return Secret(key)


def _site(value: str) -> str:
    text = value.strip().lower()
    if text in NICKNAMES:
        raise ValueError(f"is a site's short name; the parameter of that site is {NICKNAMES[text]}")
    if "/" in text or not _SITE.fullmatch(text):
        raise ValueError("is a host name alone, for example datadoghq.eu; a URL goes into endpoint")
    for page in ("app.", "www.", "api.", *INTAKES):
        if text.startswith(page):
            raise ValueError(f"is one address of a site; the parameter of that site is {text.removeprefix(page)}")
    return text


def _endpoint(value: str) -> str:
    """The URL to post logs to, from a base URL or from the whole one."""
    url = http_url(value).rstrip("/")
    path = urlsplit(url).path
    if path.endswith(OLD_PATH):
        raise ValueError(
            f"{OLD_PATH} is the intake before the one that is spoken here: end with {PATH}, or write no path"
        )
    return url if path.endswith(PATH) else url + PATH


def _base(value: str) -> str:
    return http_url(value).rstrip("/")


def _listed(value: object) -> object:
    """`team:iam,tier:1` is a list of two, as DD_TAGS is written."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _tags(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(value) > MOST_TAGS - 3:  # env, version, and one of ours
        raise ValueError(f"are {len(value)}; Datadog keeps {MOST_TAGS} tags of a log, of which three are ours")
    for one in value:
        Template(one)  # raises when it cannot be read
        if "," in _TEMPLATE.sub("", one):
            raise ValueError(f"{one!r}: a comma separates tags; write two of them")
        if not _LETTER.match(one) or len(one) > LONGEST_TAG:
            raise ValueError(
                f"{one!r} cannot be a tag: it begins with a letter and has at most {LONGEST_TAG} characters"
            )
    return value


_SITES = {
    "type": "string",
    "pattern": r"^\s*(?!app\.|www\.|api\.|(agent-)?http-intake)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+\s*$",
}
_KEYS = {"type": "string", "writeOnly": True, "pattern": r"^(?![0-9A-Fa-f]{40}\s*$)."}
_ONE_TAG = {"type": "string", "pattern": r"^[A-Za-z{]"}

Endpoint = Annotated[str, AfterValidator(_endpoint)]
Tag = Annotated[str, WithJsonSchema(_ONE_TAG)]
Tags = Annotated[
    tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[Tag]), AfterValidator(_tags)
]


class Api(BaseModel):
    """The key, and the site where it was made."""

    model_config = SETTINGS

    key: Annotated[Secret, AfterValidator(_key), WithJsonSchema(_KEYS)] = Field(description="API key")
    site: Annotated[str, AfterValidator(_site), WithJsonSchema(_SITES)] = Field(
        "datadoghq.com", description="site parameter: datadoghq.com, datadoghq.eu, us3.datadoghq.com, ddog-gov.com, …"
    )
    endpoint: Annotated[str, AfterValidator(_base)] | None = Field(
        None, description="base URL where the key is checked; unset: the site's own, or beside `endpoint`"
    )

    def checked_at(self, endpoint: str | None) -> tuple[str, bool]:
        """Where to ask whether the key is good, and whether that may be something else than Datadog."""
        if self.endpoint:
            return self.endpoint, False
        if endpoint is None:
            return f"https://api.{self.site}", False
        host = urlsplit(endpoint).netloc
        for intake in INTAKES:
            if host.startswith(intake):
                return f"https://api.{host.removeprefix(intake)}", False
        return endpoint.removesuffix(PATH), True
