"""Calls to a gateway: one total deadline each, come back to as the gateway asks, every fault a sentence."""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self, TypeAlias

from otelsiem.model.destination import GrpcSettings, TlsSettings
from otelsiem.model.errors import MissingExtraError
from otelsiem.model.exchange import Failure, GrpcRequest
from otelsiem.model.record import Batch, Group
from otelsiem.otlp.encode import encode
from otelsiem.otlp.replies import Told, status
from otelsiem.receipts.words import Fate, GatewayError, Kind, Receipt, RejectedError, fate, joined
from otelsiem.sdk import convert
from otelsiem.transport.grpc import GrpcTransport
from otelsiem.transport.target import target

try:
    from google.protobuf.message import DecodeError, Message

    from otelsiem.v1 import receipts_pb2 as pb
except ImportError as error:
    raise MissingExtraError("Delivery receipts", "gateway", error.name or "protobuf") from error

Records: TypeAlias = bytes | Message | Batch | Iterable[Any]
"""An ExportLogsServiceRequest (as bytes or as its message), records of ours, or those that an SDK exporter is given."""

SUBMIT, GET_FATES = "/otelsiem.v1.Receipts/Submit", "/otelsiem.v1.Receipts/GetFates"
MOST_RECEIPTS = 1000  # of one question
LARGEST = 64 << 20  # bytes of an answer: ids of a whole request
LOOK, LONGEST_LOOK = 0.1, 2.0  # seconds between two questions of `wait`
_OK, _DEADLINE, _UNIMPLEMENTED, _UNAVAILABLE = "0", "4", "12", "14"


class Client:
    """A gateway's receipts. `endpoint`: https://host:port, or http:// without TLS; nothing before it means https.

    `timeout`: seconds for one call, in which it comes back as often as the gateway asks it to.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        token: str = "",
        ca_file: str = "",
        cert_file: str = "",
        key_file: str = "",
        timeout: float = 10.0,
    ) -> None:
        self._url = _checked(endpoint)
        self._metadata = {"authorization": f"Bearer {token}"} if token else {}
        self._timeout = timeout
        tls = TlsSettings(ca_file, cert_file, key_file)
        self._transport = GrpcTransport(GrpcSettings(timeout=timeout, tls=tls, max_reply=LARGEST))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._transport.close()

    def submit(self, records: Records) -> list[Receipt]:
        """Returns when they are durable. GatewayError: they may not be; send the same again, the ids will be the same.

        RejectedError: the gateway refused some for good; its `receipts` are those of the others.
        """
        answer = _parsed(pb.SubmitResponse, self._call(SUBMIT, _request(records), "not taken"))
        receipts = [Receipt.read(one) for one in answer.receipts]
        if answer.rejected_log_records:
            why = answer.error_message or "the gateway gave no reason"
            message = f"{answer.rejected_log_records} records were rejected: {why}"
            raise RejectedError(message, answer.rejected_log_records, receipts)
        return receipts

    def fates(self, receipts: Iterable[Receipt]) -> list[Fate]:
        """What became of them so far: by receipt, exporter and number, runs of records with the same fate as one."""
        asked = list(receipts)
        parts = [asked[at : at + MOST_RECEIPTS] for at in range(0, len(asked), MOST_RECEIPTS)]
        return [one for part in parts for one in self._fates(part)]

    def wait(self, receipts: Iterable[Receipt], timeout: float = 30.0) -> list[Fate]:
        """The fates when none is pending any more, or when time is up."""
        asked, deadline, pause = list(receipts), time.monotonic() + timeout, LOOK
        while True:
            found = self.fates(asked)
            left = deadline - time.monotonic()
            if left <= 0 or all(one.kind is not Kind.PENDING for one in found):
                return found
            time.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_LOOK)

    def _fates(self, receipts: Sequence[Receipt]) -> list[Fate]:
        question = pb.GetFatesRequest(receipts=[one.message() for one in receipts], page_size=10_000)
        found: list[tuple[int, Fate]] = []
        while True:
            answer = _parsed(pb.GetFatesResponse, self._call(GET_FATES, question.SerializeToString(), "not answered"))
            found += [(said.receipt, fate(receipts, said)) for said in answer.fates]
            if not answer.next_page_token:
                return joined(found)
            if answer.next_page_token == question.page_token:
                raise GatewayError("the gateway does not get on with its answer")
            question.page_token = answer.next_page_token

    def _call(self, method: str, message: bytes, failed: str) -> bytes:
        deadline = time.monotonic() + self._timeout
        pause = LOOK
        while True:
            reply = self._transport.perform(GrpcRequest(self._url, method, message, self._metadata))
            if isinstance(reply, Failure):
                why, again, wait = reply.detail, reply.kind in {"resolve", "connect", "reset", "timeout"}, pause
            elif (code := reply.headers.get("grpc-status", "")) == _OK:
                return reply.body
            else:
                told = _told(reply.headers.get("grpc-status-details-bin", ""))
                why, again = _why(code, reply.headers), code in {_DEADLINE, _UNAVAILABLE}
                wait = pause if told.delay is None else max(told.delay, LOOK)
            if not again or time.monotonic() + wait >= deadline:
                raise GatewayError(f"{failed}: {why}", again=again)
            time.sleep(wait)
            pause = min(pause * 2, LONGEST_LOOK)


def _checked(endpoint: str) -> str:
    url = endpoint if "://" in endpoint else f"https://{endpoint}"
    try:
        target(url)
    except ValueError:
        raise ValueError(f"endpoint {endpoint!r} is not one: https://gateway.example.com:4317") from None
    return url


def _request(records: Records) -> bytes:
    if isinstance(records, bytes):
        return records
    if isinstance(records, Message):
        return records.SerializeToString()
    held = list(records)
    return encode(held if all(isinstance(one, Group) for one in held) else convert.batch(held), ids=True)


def _parsed(kind: Any, body: bytes) -> Any:  # the two share no type that has FromString
    try:
        return kind.FromString(body)
    except DecodeError as why:
        raise GatewayError("what answers at this address is no otelsiem gateway of this version") from why


def _told(details: str) -> Told:
    try:
        return status(b64decode(details)) or Told()
    except ValueError:
        return Told()


def _why(code: str, headers: Any) -> str:
    if code == _UNIMPLEMENTED:
        return "what answers at this address takes no receipts: is it an otelsiem gateway, and new enough?"
    return headers.get("grpc-message") or f"gRPC status {code or 'missing'}"
