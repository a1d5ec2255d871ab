"""Where a collector is asked what: all of its addresses, from the one that a person wrote.

Guarantees: a base URL, a proxy's prefix and the whole URL lead to the same paths; what has no such path (LogScale) has
no address for it, and is not asked.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, BeforeValidator

from otelsiem.destinations._settings import http_url, printable
from otelsiem.model.listed import listed

COLLECTOR = "/services/collector"
EVENT_PATH = f"{COLLECTOR}/event"
_EVENTS = ("/event/1.0", "/event")  # the longer one first


def event_url(value: str) -> str:
    """The URL to post events to, from a base URL or from the whole one."""
    url = http_url(value).rstrip("/")
    path = urlsplit(url).path
    if COLLECTOR in path:
        if not path.endswith((COLLECTOR, *_EVENTS)):
            raise ValueError(f"must end with {EVENT_PATH}, or be the base URL (https://splunk.example.com:8088)")
        return url
    return url if path.endswith("/hec") else url + EVENT_PATH  # LogScale: /api/v1/ingest/hec


def ack_url(event: str, channel: str) -> str:
    """Where to ask what became of payloads; "" where nothing is ever confirmed."""
    base = _base(event)
    return f"{base}/ack?channel={quote(channel, safe='')}" if base else ""


def health_url(event: str, path: str | None) -> str:
    """Where to ask for its health: this path of the same host, else beside the events; "" where nothing is known."""
    if path:
        parts = urlsplit(event)
        return f"{parts.scheme}://{parts.netloc}{path}"
    base = _base(event)
    return f"{base}/health" if base else ""


def peer(event: str) -> str:
    """host:port, for a reason: neither the scheme nor the path tells a person more."""
    return urlsplit(event).netloc


def url_path(value: str) -> str:
    """A path that may stand in a URL as it is."""
    text = value.strip()
    if not text.startswith("/") or not printable(text) or any(sign in text for sign in " ?#\\"):
        raise ValueError("is a path that begins with /, for example /services/collector/health")
    return text


def _base(event: str) -> str:
    for tail in _EVENTS:
        if event.endswith(tail):
            return event[: -len(tail)]
    return event if event.endswith(COLLECTOR) else ""


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("names no URL")
    if len(set(value)) < len(value):
        raise ValueError("names the same endpoint twice")
    return value


Endpoints = Annotated[
    tuple[Annotated[str, AfterValidator(event_url)], ...],
    BeforeValidator(listed, json_schema_input_type=str | list[str]),
    AfterValidator(_distinct),
]
