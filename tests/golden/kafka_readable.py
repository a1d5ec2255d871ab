"""Kafka's messages as a person can read them: a JSON object each, with the value as text."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from otelsiem.destinations._kafka_messages import messages
from otelsiem.destinations.kafka import Kafka
from otelsiem.model.destination import Encoded, KafkaSettings, Limits, Moment
from otelsiem.model.exchange import Exchange
from otelsiem.model.kafka import Message
from otelsiem.model.record import Batch
from otelsiem.otlp.decode import decode
from otelsiem.otlp.encode_json import encode_json


@dataclass(frozen=True)
class Readable:
    """The destination, whose payloads are shown instead of packed."""

    kafka: Kafka

    @property
    def limits(self) -> Limits:
        return self.kafka.limits

    @property
    def wire(self) -> KafkaSettings:
        return self.kafka.wire

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        encoded = self.kafka.encode(batch, at)
        shown = [b"".join([self._line(message) for message in messages(p.body)]) for p in encoded.payloads]
        payloads = [replace(payload, body=body) for payload, body in zip(encoded.payloads, shown, strict=True)]
        return Encoded(payloads, encoded.rejected)

    def exchange(self, payload: object, at: Moment) -> Exchange:
        raise NotImplementedError

    def probe(self, at: Moment) -> Exchange:
        raise NotImplementedError

    def _line(self, message: Message) -> bytes:
        otlp = self.kafka.format == "otlp_proto"
        said: dict[str, Any] = {
            "topic": message.topic,
            "key": message.key.decode() if message.key is not None else None,
            "headers": {name: value.decode() for name, value in message.headers},
            "timestamp": message.time,
            "bytes": len(message.value),
            "value": json.loads(encode_json(decode(message.value))) if otlp else message.value.decode(),
        }
        return json.dumps(said, ensure_ascii=False).encode() + b"\n"
