"""Messages to Kafka through librdkafka: written, acknowledged by all replicas in sync, and reported one by one.

Guarantees: `perform` never raises and ends soon after `timeout`; what an Answer calls not delivered is not delivered
later, unless it was on its way when its time ran out; a producer that cannot go on, and one whose certificates changed,
is replaced; librdkafka's log is ours at DEBUG. Couriers share one producer: it batches for all of them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import monotonic
from typing import Any

import msgspec

from otelsiem.model.destination import KafkaSettings
from otelsiem.model.errors import MissingExtraError
from otelsiem.model.exchange import Answer, Failure, Reply, Request
from otelsiem.model.kafka import ProduceRequest, TopicsRequest
from otelsiem.transport.call import WireError
from otelsiem.transport.kafka_conf import conf, stamp
from otelsiem.transport.kafka_link import CLOSED, UNTOUCHED, Link
from otelsiem.transport.kafka_topics import ask
from otelsiem.transport.kafka_trouble import line

CLOSING = 2.0  # seconds that `close` waits for the client's threads to end
ASKING = 15.0  # seconds that a question may take, whatever a delivery may

_encode = msgspec.json.Encoder().encode


class KafkaTransport:
    """One producer with these settings; made when it is needed first."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._stamp: object = None
        self._old: list[Link] = []
        self._stopped = False

    def perform(self, request: Request) -> Reply:
        if self._stopped:
            return Failure("reset", "interrupted")
        try:
            match request:
                case ProduceRequest():
                    return self._produce(request)
                case TopicsRequest():
                    return self._topics(request)
                case _:
                    return Failure("protocol", f"Kafka cannot carry a {type(request).__name__}")
        except WireError as error:  # a file of TLS
            return Failure(error.kind, error.detail)
        except MissingExtraError as error:
            return Failure("missing", str(error))
        except Exception as error:  # noqa: BLE001 - the promise of `perform` is a value, whatever a library raises
            return Failure(
                "protocol", f"unexpected {type(error).__name__}: {line(str(error), self._secrets)}", sent=True
            )

    def interrupt(self) -> None:
        self._stopped = True
        with self._lock:
            links = [*self._old, *([self._link] if self._link else [])]
        for link in links:
            link.take_back()

    def close(self) -> None:
        self.interrupt()
        with self._lock:
            self._retire()
            links, self._old = self._old, []
        until = monotonic() + CLOSING
        for link in links:
            link.over.wait(max(until - monotonic(), 0.0))

    def _produce(self, request: ProduceRequest) -> Reply:
        deadline = monotonic() + self._settings.timeout
        link = self._current()
        produced = link.send(request.messages, deadline)
        if CLOSED in produced.codes and {CLOSED}.issuperset(produced.codes) and not self._stopped:
            link = self._current()  # the one before could take none of them: another is made
            produced = link.send(request.messages, deadline)
        if link.trouble is not None and produced.codes and max(produced.codes) < 0 and not self._stopped:
            # No broker has spoken of any of them: what is told is why, not that it took too long.
            kind, detail, _ = link.trouble
            return Failure(kind, detail, sent=not UNTOUCHED.issuperset(produced.codes))
        return Answer(200, {}, _encode(produced))

    def _topics(self, request: TopicsRequest) -> Reply:
        deadline = monotonic() + min(self._settings.timeout, ASKING)
        return ask(self._settings, request, deadline, self._secrets, lambda: self._stopped)

    def _current(self) -> Link:
        """The producer to use. Raises WireError when a file cannot be used."""
        with self._lock:
            changed = stamp(self._settings)
            if self._link is None or self._link.spoiled or changed != self._stamp:
                self._retire()
                settings = conf(self._settings)
                self._link, self._stamp = Link(lambda callbacks: _producer(settings, callbacks), self._secrets), changed
            return self._link

    def _retire(self) -> None:
        self._old = [link for link in self._old if not link.over.is_set()]
        if self._link is not None:
            self._link.retire()
            self._old.append(self._link)
            self._link = None

    @property
    def _secrets(self) -> tuple[str, ...]:
        sasl = self._settings.sasl
        if sasl is None:
            return ()
        return tuple(filter(None, (sasl.password, sasl.oauth.client_secret if sasl.oauth else "")))


def _producer(settings: Mapping[str, object], callbacks: Mapping[str, object]) -> Any:
    try:
        from confluent_kafka import Producer
    except ImportError as missing:
        raise MissingExtraError("the destination kafka", "kafka", "confluent-kafka") from missing
    logger = callbacks["logger"]
    return Producer({**settings, **{name: one for name, one in callbacks.items() if name != "logger"}}, logger=logger)
