"""What a Kafka cluster says of itself: brokers, who leads a topic's partitions, how many replicas are in sync.

Guarantees: asking creates no topic; what we may not know is left out. A client of its own asks: a producer that was
asked for a topic that it had given up saw only after 300 s that the topic had been made (measured, librdkafka 2.16.0:
without the question it looks again by itself, within a second).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import msgspec

from otelsiem.model.destination import KafkaSettings
from otelsiem.model.errors import MissingExtraError
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.kafka import Cluster, Partition, Topic, TopicsRequest
from otelsiem.transport.kafka_conf import conf
from otelsiem.transport.kafka_link import Log
from otelsiem.transport.kafka_trouble import Complaints, line

log = logging.getLogger("otelsiem.kafka")

FIRST, LONGEST = 0.5, 2.0  # seconds between two looks at why there is no answer yet
DESCRIBING = 5.0  # seconds for what only some principals may ask

_MIN_IN_SYNC = "min.insync.replicas"
_SHARED = frozenset({"bootstrap.servers", "client.id", "client.dns.lookup", "https.ca.location", "enable.metrics.push"})
_SECURITY = ("security.", "ssl.", "sasl.", "enable.ssl.")

_encode = msgspec.json.Encoder().encode


def ask(
    settings: KafkaSettings,
    request: TopicsRequest,
    deadline: float,
    secrets: Sequence[str],
    stopped: Callable[[], bool],
) -> Reply:
    """The Answer, or the Failure that says why there is none. Raises WireError when a file of TLS cannot be used."""
    complaints = Complaints(secrets)
    client = _client(settings, complaints, secrets)
    cluster = Cluster()
    for name in request.topics or (None,):
        found = _metadata(client, name, complaints, deadline, stopped)
        if isinstance(found, Failure):
            return found
        cluster.brokers = len(found.brokers)
        if name is not None:
            cluster.topics[name] = _topic(found.topics.get(name))
    _describe(client, {name: topic for name, topic in cluster.topics.items() if not topic.code}, deadline)
    return Answer(200, {}, _encode(cluster))


def _client(settings: KafkaSettings, complaints: Complaints, secrets: Sequence[str]) -> Any:
    try:
        from confluent_kafka.admin import AdminClient
    except ImportError as missing:
        raise MissingExtraError("the destination kafka", "kafka", "confluent-kafka") from missing
    settled: dict[str, Any] = {
        key: value for key, value in conf(settings).items() if key in _SHARED or key.startswith(_SECURITY)
    }
    settled["allow.auto.create.topics"] = False
    settled["error_cb"] = lambda error: complaints.heard(error.code(), error.str())
    return AdminClient(settled, logger=Log(secrets))


def _metadata(
    client: Any, name: str | None, complaints: Complaints, deadline: float, stopped: Callable[[], bool]
) -> Any:
    from confluent_kafka import KafkaException

    patience = FIRST
    while True:
        try:
            timeout = max(min(patience, deadline - monotonic()), 0.05)
            return client.list_topics(name, timeout) if name is not None else client.list_topics(timeout=timeout)
        except KafkaException as error:
            client.poll(0)  # what it complains of comes to whoever polls
            if stopped():
                return Failure("reset", "interrupted")
            if complaints.hopeless or monotonic() >= deadline:
                if complaints.last is not None:
                    return Failure(complaints.last.kind, complaints.last.detail)
                return Failure("timeout", f"the brokers gave no answer: {line(error.args[0].str())}")
            patience = min(2 * patience, LONGEST)


def _topic(found: Any) -> Topic:
    if found is None:
        return Topic(3, "UNKNOWN_TOPIC_OR_PART")
    if found.error is not None:
        return Topic(found.error.code(), found.error.name())
    partitions = [Partition(p.leader, len(p.replicas), len(p.isrs)) for _, p in sorted(found.partitions.items())]
    return Topic(partitions=partitions)


def _describe(client: Any, topics: dict[str, Topic], deadline: float) -> None:
    """What is told to those only who may ask: the rule for replicas, and what we may do."""
    timeout = max(min(DESCRIBING, deadline - monotonic()), 0.5)
    for fill in (_rules, _operations):
        try:
            if topics:
                fill(client, topics, timeout)
        except Exception as error:  # noqa: BLE001 - not allowed, not known to this broker, too slow: it is left out
            log.debug("msg=%r error=%r", "the topic cannot be described", line(str(error)))


def _rules(client: Any, topics: dict[str, Topic], timeout: float) -> None:
    from confluent_kafka.admin import ConfigResource  # type: ignore[attr-defined]  # public: its documentation says so

    resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in topics]
    for resource, future in client.describe_configs(resources, request_timeout=timeout).items():
        topics[resource.name].min_in_sync = int(future.result(timeout)[_MIN_IN_SYNC].value)


def _operations(client: Any, topics: dict[str, Topic], timeout: float) -> None:
    from confluent_kafka import TopicCollection

    wanted = TopicCollection(list(topics))
    described = client.describe_topics(wanted, include_authorized_operations=True, request_timeout=timeout)
    for name, future in described.items():
        allowed = future.result(timeout).authorized_operations
        topics[name].operations = sorted(one.name for one in allowed) if allowed is not None else None
