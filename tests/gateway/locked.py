"""Locked receivers with a door behind them, certificates of a test's own authority, and the exporters that come in."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any, Self

import grpc
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HttpExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter, SimpleLogRecordProcessor

from otelsiem.gateway.locks import Lock, Quota, Tls, Token, Tokens
from otelsiem.gateway.receivers.grpc import GrpcReceiver
from otelsiem.gateway.receivers.guard import Keyrings
from otelsiem.gateway.receivers.http import HttpReceiver
from otelsiem.gateway.receivers.listen import Address
from tests.gateway.doors import GRPC, HTTP, OpenDoor, Refusals
from tests.transport.authority import Authority

BILLING, WEB = "billing-0123456789", "web-0123456789abc"
HERE = "IP:127.0.0.1,DNS:localhost"


def tokens(quota: Quota | None = None, tenant: str = "") -> Tokens:
    """Two senders, of which one may have a quota and a tenant."""
    return Tokens("bearertokenauth/apps", (Token("billing", BILLING, tenant=tenant, quota=quota), Token("web", WEB)))


def tls(authority: Authority, name: str, *, mutual: bool = False, **more: Any) -> Tls:
    """The certificate of this name in the authority's directory."""
    folder = authority.directory
    return Tls(folder / f"{name}.pem", folder / f"{name}.key", authority.file if mutual else None, **more)


class Locked:
    """Both receivers with one lock, on free ports."""

    def __init__(self, lock: Lock) -> None:
        self.door, self.refusals = OpenDoor(), Refusals()
        keyrings = Keyrings()
        grpc_, http = (GRPC, GrpcReceiver), (HTTP, HttpReceiver)
        made: list[Any] = [
            kind(self.door, sender, self.refusals, endpoint="127.0.0.1:0", lock=lock, keyrings=keyrings)
            for sender, kind in (grpc_, http)
        ]
        self._receivers = made
        self.at: dict[str, Address] = {}

    async def __aenter__(self) -> Self:
        for name, receiver in zip(("grpc", "http"), self._receivers, strict=True):
            self.at[name] = await receiver.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for receiver in self._receivers:
            await receiver.stop(1)
        assert self.door.inside == 0

    async def sent(self, by: str, *bodies: str, **how: Any) -> None:
        """By a real exporter, which gives up without a word when it is refused."""
        await asyncio.to_thread(emit, exporter(by, self.at[by], **how), *bodies)

    def refused(self, by: str, reason: str) -> int:
        return self.refusals.seen["otlp", by, reason]


def exporter(
    by: str,
    at: Address,
    *,
    token: str = "",
    trust: Path | None = None,
    mine: Path | None = None,
    timeout: float = 10,
) -> LogRecordExporter:
    """The SDK's own, as an application sets it up. `mine`: its certificate, beside which its key lies."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    key = mine.with_suffix(".key") if mine else None
    if by == "http":
        return HttpExporter(
            f"http{'s' if trust else ''}://{at}/v1/logs",
            headers=headers,
            timeout=timeout,
            certificate_file=str(trust) if trust else None,
            client_certificate_file=str(mine) if mine else None,
            client_key_file=str(key) if key else None,
        )
    if trust is None:
        return GrpcExporter(f"http://{at}", insecure=True, headers=headers, timeout=timeout)
    shown = (key.read_bytes(), mine.read_bytes()) if key and mine else (None, None)
    credentials = grpc.ssl_channel_credentials(trust.read_bytes(), *shown)
    return GrpcExporter(f"https://{at}", credentials=credentials, headers=headers, timeout=timeout)


def emit(to: LogRecordExporter, *bodies: str) -> None:
    """Each record in a request of its own."""
    provider = LoggerProvider(shutdown_on_exit=False)
    provider.add_log_record_processor(SimpleLogRecordProcessor(to))
    for body in bodies:
        provider.get_logger("locked").emit(
            LogRecord(timestamp=1_767_225_600_000_000_000, severity_number=SeverityNumber.WARN, body=body)
        )
    provider.shutdown()


def client(authority: Authority) -> ssl.SSLContext:
    """A context that trusts the authority."""
    return ssl.create_default_context(cafile=str(authority.file))
