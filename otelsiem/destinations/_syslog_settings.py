"""Settings of `syslog` that need a rule: products known by name, the facility, the id of the structured data, TLS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from otelsiem.destinations._settings import SETTINGS, Tls, known_in_tls, printable
from otelsiem.formats.priority import ALSO, FACILITIES, facility
from otelsiem.model.duration import Duration, Seconds

Format: TypeAlias = Literal["rfc5424", "rfc3164", "cef", "leef", "json"]
Framing: TypeAlias = Literal["octet_counting", "lf"]
Preset: TypeAlias = Literal["qradar", "arcsight", "sentinel_ama"]

EXAMPLE_NUMBER = "32473"  # RFC 5612: for documentation
LARGEST_DATAGRAM = 65_507  # bytes of a UDP payload over IPv4
TLS_PORT, PORT = 6514, 514

# What each product wants (contract 8, and cef.md 6, leef.md 5); what is written beside a preset outweighs it.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    # QRadar cuts TCP syslog at 4,096 bytes (Max TCP Syslog Payload Length) and makes several events of the rest.
    "qradar": {"format": "leef", "framing": "lf", "max_message_bytes": 4096},
    "arcsight": {"format": "cef", "framing": "lf"},
    # rsyslog or syslog-ng on the machine of the Azure Monitor Agent; rsyslog takes 8 KiB.
    "sentinel_ama": {"format": "cef", "framing": "lf"},
}

_SD_ID = re.compile(r"[!#-<>?A-\[^-~]{1,20}@[0-9]{1,10}(?:\.[0-9]{1,10})?")
_OURS = ("resource", "scope")

FacilityText = Annotated[
    int,
    BeforeValidator(facility, json_schema_input_type=int | str),
    WithJsonSchema(
        {
            "title": "facility",
            "anyOf": [{"type": "integer", "minimum": 0, "maximum": 23}, {"enum": [*FACILITIES, *ALSO]}],
        }
    ),
]


def _host(value: str) -> str:
    text = value.strip().removeprefix("[").removesuffix("]")
    if "://" in text or "/" in text:
        raise ValueError("is a host name or an address alone, for example syslog.example.com; the port is `port`")
    if text.count(":") == 1:
        raise ValueError("is a host name or an address alone; write the port as `port`")
    if not text or not printable(text) or any(sign in text for sign in " @\\?#"):
        raise ValueError("is a host name or an address, for example syslog.example.com")
    return text


def _sd_id(value: str) -> str:
    if not _SD_ID.fullmatch(value):
        raise ValueError("must be a name and your private enterprise number, for example acgs2@12345 (RFC 5424 7.2.2)")
    if value.partition("@")[0] in _OURS:
        raise ValueError(f"the names {' and '.join(_OURS)} are taken: what a record comes from stands there")
    return value


Host: TypeAlias = Annotated[
    str,
    AfterValidator(_host),
    WithJsonSchema({"type": "string", "pattern": r"^(\s*[^\s:/@\\?#]+\s*|\s*\[?[0-9A-Fa-f:.%]+\]?\s*)$"}),
]
SdId: TypeAlias = Annotated[
    str, AfterValidator(_sd_id), WithJsonSchema({"type": "string", "pattern": f"^{_SD_ID.pattern}$"})
]


class SyslogTls(Tls):
    """Whom we trust, and who we say we are. As in the Collector, TLS is on unless `insecure` is."""

    insecure: bool = Field(False, description="send in plain TCP: everybody on the way can read and change it")

    @model_validator(mode="before")
    @classmethod
    def _collector_keys(cls, data: Any) -> Any:
        """`insecure` has a meaning here, the other keys as everywhere."""
        if not isinstance(data, dict) or "insecure" not in data:
            return known_in_tls(data)
        read = known_in_tls(data)
        if data["insecure"] is True and read:
            raise ValueError("insecure sends without TLS, so nothing else belongs beside it")
        return {**read, "insecure": data["insecure"]}


class Confirm(BaseModel):
    """When a message counts as delivered, in a protocol that acknowledges nothing."""

    model_config = SETTINGS

    after: Seconds = Field(
        3.0, description="so long must the connection live on after the peer's kernel has acknowledged a message"
    )
    timeout: Duration = Field(300.0, description="what has not arrived by then is sent again")

    @model_validator(mode="after")
    def _patient(self) -> Confirm:
        if self.timeout <= self.after:
            raise ValueError("timeout must be longer than after: nothing would be delivered in time")
        return self
