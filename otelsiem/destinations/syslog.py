"""Syslog receivers over TLS, TCP and UDP, and the SIEMs that listen for CEF, LEEF or JSON there.

Guarantees over TCP and TLS: a message is delivered once the peer's kernel has acknowledged it and the connection has
lived on for a while, else it goes again; the first payload of a connection is waited for, so that a peer that ends
connections (a certificate, a message it cannot take) is met with patience, then by bisection. What goes twice carries
the same record id. UDP delivers into the void: choosing it is consenting to that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from otelsiem.destinations import _syslog_verdict
from otelsiem.destinations._line_settings import Cef, Leef
from otelsiem.destinations._payloads import Lines, payloads
from otelsiem.destinations._settings import SETTINGS, TemplateText
from otelsiem.destinations._syslog_messages import CARRIED, Writing, framed
from otelsiem.destinations._syslog_settings import (
    EXAMPLE_NUMBER,
    LARGEST_DATAGRAM,
    PORT,
    PRESETS,
    TLS_PORT,
    Confirm,
    FacilityText,
    Format,
    Framing,
    Host,
    Preset,
    SdId,
    SyslogTls,
)
from otelsiem.formats.curtail import LEAST
from otelsiem.formats.header import Protocol, Style
from otelsiem.formats.speaker import Product
from otelsiem.formats.template import Template
from otelsiem.model.destination import (
    Caution,
    Confirmation,
    Confirming,
    Encoded,
    Limits,
    Moment,
    Payload,
    SocketSettings,
    Traits,
)
from otelsiem.model.duration import Duration
from otelsiem.model.exchange import Exchange, SendRequest, StandRequest
from otelsiem.model.outcome import Accepted, Delivered, Retry, Ticket
from otelsiem.model.record import Batch
from otelsiem.model.standing import Standing

LARGEST = 262_144  # bytes of a message: what contract 6 sets up in both receivers


class Syslog(BaseModel):
    """Events as syslog messages: RFC 5424 with structured data, RFC 3164, CEF, LEEF or JSON."""

    model_config = SETTINGS

    traits: ClassVar[Traits] = Traits(
        title="syslog (rsyslog, syslog-ng, QRadar, ArcSight, Sentinel)",
        auth="client certificate",
        batching="many messages in one write",
        compression="none",
        partial="a message that the receiver cannot take ends the connection; it is found by halving",
        idempotence="sent twice is there twice, with the same record id",
        probe="name, connection, TLS, and that the connection lives on",
        cannot="that the receiver has kept what its kernel acknowledged; over UDP, that anything arrived",
    )

    endpoint: Host = Field(description="host name or address of the receiver")
    port: int | None = Field(None, ge=1, le=65535, description="port; unset: 6514 with TLS, else 514")
    network: Literal["tcp", "udp"] = Field("tcp", description="tcp, or udp for those who consent to losses")
    protocol: Protocol | None = Field(
        None, description="header of the messages; unset: rfc3164 for rfc3164, cef and leef, else rfc5424"
    )
    format: Format | None = Field(None, description="what the messages are; unset: what `protocol` says, else rfc5424")
    cef: Cef | None = Field(None, description="for format cef")
    leef: Leef | None = Field(None, description="for format leef")
    preset: Preset | None = Field(None, description="format, framing and size as a product wants them")
    framing: Framing | None = Field(
        None, description="between messages over TCP; unset: octet_counting for rfc5424 and json, else lf"
    )
    tls: SyslogTls = Field(SyslogTls(), description="whom we trust, and who we say we are; on unless `insecure`")
    timeout: Duration = Field(10.0, description="total time to connect and to shake hands")
    facility: FacilityText = Field(13, description="facility by name or number; 13 is log audit")
    broadcast_emergencies: bool = Field(
        False, description="severity 24 as emergency (0), which many receivers write to every terminal; else alert (1)"
    )
    app_name: TemplateText | None = Field(None, description="APP-NAME or tag; unset: the product, else otelsiem")
    structured_data_id: SdId = Field(
        f"audit@{EXAMPLE_NUMBER}", description="element of the structured data: a name and your enterprise number"
    )
    bom: bool = Field(False, description="a byte order mark before the message of rfc5424, as its letter wants")
    max_message_bytes: int | None = Field(
        None, ge=LEAST, le=LARGEST, description="a longer message is cut and says so; unset: 8000, over UDP 2048"
    )
    product: Product = Field(Product(), description="vendor, product and version, where the resource must not decide")
    patience: Confirm = Field(
        Confirm(), alias="confirm", description="when a message counts as delivered, over TCP and TLS"
    )

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, data: Any) -> Any:
        """The Collector's `enable_octet_counting`; then what a preset sets and nobody wrote."""
        if not isinstance(data, dict):
            return data
        data = {key: value for key, value in data.items() if value is not None}
        if "enable_octet_counting" in data:
            counted = data.pop("enable_octet_counting")
            if "framing" in data:
                raise ValueError("enable_octet_counting and framing mean the same; write framing")
            if not isinstance(counted, bool):
                raise ValueError("enable_octet_counting must be true or false")
            data["framing"] = "octet_counting" if counted else "lf"
        preset = data.get("preset")
        return {**(PRESETS.get(preset, {}) if isinstance(preset, str) else {}), **data}

    @field_validator("network", mode="before")
    @classmethod
    def _network(cls, value: Any) -> Any:
        text = value.lower() if isinstance(value, str) else value  # the Collector takes TCP, too
        if text == "unix":
            raise ValueError("unix is not supported: let the local syslog listen on 127.0.0.1, or write to a `file`")
        return text

    @model_validator(mode="after")
    def _consistent(self) -> Syslog:
        said = self.format in ("rfc5424", "rfc3164") and self.protocol is not None
        if said and self.format != self.protocol:
            raise ValueError(f"format {self.format} is a message of its own protocol; leave `protocol` out")
        for name, block in (("cef", self.cef), ("leef", self.leef)):
            if block is not None and self.content != name:
                raise ValueError(f"{name}: says how {name} is written, but format is {self.content}")
        if self.network == "udp":
            if self.tls != SyslogTls() and self.tls != SyslogTls(insecure=True):
                raise ValueError("tls: there is none over UDP; write network: tcp, or leave tls out")
            if self.framing == "octet_counting":
                raise ValueError("framing: over UDP a datagram is a message; leave it out")
            if self.largest > LARGEST_DATAGRAM:
                raise ValueError(f"max_message_bytes: a datagram holds {LARGEST_DATAGRAM} bytes at most")
        if self.bom and self.header == "rfc3164":
            raise ValueError("bom: only RFC 5424 has one; leave it out")
        return self

    @property
    def content(self) -> Format:
        """What the messages are."""
        return self.format or self.protocol or "rfc5424"

    @property
    def header(self) -> Protocol:
        """The protocol of the header."""
        return self.protocol or ("rfc5424" if self.content in ("rfc5424", "json") else "rfc3164")

    @property
    def largest(self) -> int:
        """Bytes of a message."""
        return self.max_message_bytes or (2048 if self.network == "udp" else 8000)

    @property
    def limits(self) -> Limits:
        return Limits(record_bytes=self.largest + 1)

    @property
    def wire(self) -> SocketSettings:
        encrypted = self.network == "tcp" and not self.tls.insecure
        return SocketSettings(
            host=self.endpoint,
            port=self.port or (TLS_PORT if encrypted else PORT),
            network=self.network,
            tls=replace(self.tls.settings, alpn="") if encrypted else None,
            timeout=self.timeout,
            after=self.patience.after,
        )

    def cautions(self) -> Sequence[Caution]:
        found = []
        if self.network == "udp":
            said = "loses messages on the way without a sign: whoever writes it has consented to that"
            found.append(Caution("network", said, "tcp keeps every record until it has arrived"))
        if self.content not in CARRIED and self.structured_data_id.endswith(f"@{EXAMPLE_NUMBER}"):
            said = f"has the number of the documentation, {EXAMPLE_NUMBER}, which belongs to nobody"
            hint = "write your own: iana.org gives enterprise numbers without a fee"
            found.append(Caution("structured_data_id", said, hint))
        return found

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        writing = self._writing

        def write(part: Batch) -> Lines:
            return b"\n".join([*writing.messages(part, at), b""]), ()

        return payloads(batch, write, self.limits, piece=writing.piece)

    @property
    def confirmation(self) -> Confirmation | None:
        if self.network == "udp":
            return None
        return Confirmation(min(max(self.patience.after / 2, 0.2), 2.0), self.patience.timeout)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        """Handed over; waited for until it has stood when it is the first of a connection, or there is a suspicion."""
        reply = yield SendRequest(framed(payload.body, self.network, self._framing), at.channel)
        if self.network == "udp":
            return _syslog_verdict.handed(reply, at.now)
        told = _syslog_verdict.read(reply, at.now)
        if not isinstance(told, Standing):
            return told
        if told.stood > 0 and not told.wary and at.attempt <= 1:
            return Accepted(_syslog_verdict.issue(told))
        reply = yield StandRequest(at.channel, told.connection, told.end, self.patience.timeout)
        proven = _syslog_verdict.proven(reply, at.now)
        if not isinstance(proven, Standing):
            return proven
        return Delivered() if proven.connection == told.connection and proven.stood >= told.end else _SLOW

    def confirm(self, tickets: Sequence[Ticket], at: Moment) -> Confirming:
        """What the connections of this courier came to."""
        if not tickets:
            return {}
        reply = yield StandRequest(at.channel)
        return _syslog_verdict.confirmed(tickets, reply, at.now)

    def probe(self, at: Moment) -> Exchange:
        """Delivered: there is a connection, and it lives on, which in TLS 1.3 tells that our certificate is taken."""
        reply = yield SendRequest((), at.channel)
        if self.network == "udp":
            return _syslog_verdict.handed(reply, at.now)
        told = _syslog_verdict.read(reply, at.now)
        if not isinstance(told, Standing):
            return told
        if told.stood < 0:
            patience = self.patience.after + self.timeout
            told = _syslog_verdict.read((yield StandRequest(at.channel, told.connection, 0, patience)), at.now)
        return Delivered() if isinstance(told, Standing) else told

    @property
    def _writing(self) -> Writing:
        return Writing(self.content, self.header, self._style, self.cef or Cef(), self.leef or Leef())

    @property
    def _framing(self) -> Framing:
        return self.framing or ("lf" if self.header == "rfc3164" else "octet_counting")

    @property
    def _style(self) -> Style:
        return Style(
            product=self.product,
            facility=self.facility,
            broadcast=self.broadcast_emergencies,
            app_name=_compiled(self.app_name),
            sd_id=self.structured_data_id,
            message="json" if self.content == "json" else "text",
            bom=self.bom,
            max_bytes=self.largest,
        )


_SLOW = Retry("the receiver's kernel has not acknowledged the messages in time")


@lru_cache(maxsize=256)  # templates are settings: few, and the same for every batch
def _compiled(template: str | None) -> Template | None:
    return Template(template) if template else None
