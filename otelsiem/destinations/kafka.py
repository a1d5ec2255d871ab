"""Messages to Kafka: OTLP that the Collector's receiver reads, or one event a message in any of our formats.

Guarantees: delivered means that all replicas in sync have it; a message that is refused harms no other; wrong
credentials, a topic that is missing and a cluster in trouble hold, and cost nothing. The producer's own retries write
nothing twice. What is sent again after `timeout`, or by a new process, may come twice: a message of one record has the
record's id in the header `audit.record.id`, and every OTLP record has it in `log.record.uid`.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from msgspec.structs import replace
from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from otelsiem.destinations import _kafka_messages as messages
from otelsiem.destinations._kafka_about import RECORD_ID, TRACE_PARENT, topic_name
from otelsiem.destinations._kafka_messages import Style, Unit
from otelsiem.destinations._kafka_settings import READABLE, Auth, Brokers, KafkaTls, Metadata, Producer, spelled
from otelsiem.destinations._kafka_verdict import MISDATED, NEIGHBOUR, TIMED_OUT, Code, Judge, cluster, codes
from otelsiem.destinations._settings import SETTINGS, TemplateText, printable
from otelsiem.formats.named import FormatName, named
from otelsiem.formats.speaker import Product
from otelsiem.formats.template import Template
from otelsiem.model.destination import Encoded, KafkaSettings, Limits, Moment, Payload, Traits
from otelsiem.model.duration import Duration
from otelsiem.model.exchange import Exchange, Failure, Reply, Request, Wait
from otelsiem.model.kafka import Message, ProduceRequest, TopicsRequest
from otelsiem.model.outcome import Delivered, Hold, Outcome, Reject, Split
from otelsiem.model.record import Batch, Record, Scope
from otelsiem.otlp import encode, encode_json

OTLP = {"otlp_proto": encode.PROTOBUF, "otlp_json": encode_json.JSON}

Format: TypeAlias = Literal["otlp_proto", "otlp_json"] | FormatName


def _topic(value: str) -> str:
    name = Template(value)(Record(), {}, Scope())  # raises when it cannot be read
    if topic_name(name) != name:
        raise ValueError(
            "a topic's name has letters, digits, dots, hyphens and underscores, and does not begin with __"
        )
    return value


class Kafka(BaseModel):
    """Messages to a topic of Kafka, or of anything that speaks its protocol.

    `topic` and `key` are templates (`audit-{tenant.id}`). With fields in `topic`, each topic is written to by
    itself, so that one that does not exist holds nobody else.
    """

    model_config = SETTINGS

    brokers: Brokers = Field(description="some of the brokers, as host:port")
    topic: Annotated[TemplateText, AfterValidator(_topic)] = Field("otlp_logs", description="topic to write to")
    format: Format = Field(
        "otlp_proto", description="otlp_proto and otlp_json as the Collector writes them, or a format by name"
    )
    unit: Unit | None = Field(
        None,
        description="what a message holds: batch (an OTLP request of many records) or record; unset: batch for OTLP",
    )
    key: TemplateText | None = Field(None, description="key: messages of one key keep their order; unset: no key")
    partition_logs_by_resource_attributes: bool = Field(False, description="a key for each resource, a hash of it")
    partition_logs_by_trace_id: bool = Field(False, description="the trace id as key")
    headers: Mapping[str, str] = Field({}, description="headers to add to every message")
    timestamp: Literal["event", "sent"] = Field(
        "event", description="of a message of one record: when the event happened, if that is less than a day ago"
    )
    timeout: Duration = Field(
        60.0,
        ge=1,
        le=3600,
        description="time until a message has arrived or is tried anew, the client's retries included",
    )
    client_id: str = Field("otelsiem", min_length=1, description="what we are called in the brokers' logs and quotas")
    auth: Auth = Field(Auth(), description="who we are, beside a certificate in `tls`")
    tls: KafkaTls | None = Field(None, description="encryption; unset: none. Write {} for the system's authorities")
    producer: Producer = Field(Producer(), description="how messages are written")
    metadata: Metadata = Field(Metadata(), description="what is known of the cluster")
    resolve_canonical_bootstrap_servers_only: bool = Field(
        False, description="the brokers' names are aliases: look up what they stand for"
    )
    product: Product = Field(Product(), description="vendor, product and version, where the resource must not decide")

    traits: ClassVar[Traits] = Traits(
        title="Apache Kafka",
        auth="SASL PLAIN, SCRAM, OAUTHBEARER; client certificate",
        batching="1,000 records or 1 MiB per exchange; messages up to producer.max_message_bytes",
        compression="zstd, lz4, gzip, snappy",
        partial="each message has its own verdict",
        idempotence="idempotent producer: its own retries write nothing twice; after `timeout` or a restart they may",
        probe="the topic exists, has leaders and enough replicas in sync, and we may write to it",
        cannot="once: consumers must drop copies by record id; order across `sending_queue.num_consumers` above 1",
    )

    @model_validator(mode="before")
    @classmethod
    def _collector_spellings(cls, data: Any) -> Any:
        """What the Collector's kafka exporter calls otherwise."""
        return spelled(data) if isinstance(data, dict) else data

    @field_validator("headers")
    @classmethod
    def _printable(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in headers.items():
            if not name or not printable(name) or not printable(value):
                raise ValueError(f"{name!r}: names and values of headers are visible ASCII")
            if name in {RECORD_ID, TRACE_PARENT}:
                raise ValueError(f"the header {name} is set by the exporter itself")
        return headers

    @model_validator(mode="after")
    def _fits_together(self) -> Kafka:
        if self.unit == "batch" and self.format not in OTLP:
            raise ValueError(f"unit: batch is for OTLP; {self.format} has one event in a message: write unit: record")
        keys = [bool(self.key), self.partition_logs_by_resource_attributes, self.partition_logs_by_trace_id]
        if sum(keys) > 1:
            both = "partition_logs_by_resource_attributes and partition_logs_by_trace_id"
            raise ValueError(f"key, {both} each set the key; write one of them")
        sasl = self.auth.sasl
        if sasl is not None and self.tls is None and sasl.mechanism in READABLE and not sasl.allow_plaintext:
            raise ValueError(f"auth.sasl: {sasl.mechanism} without encryption shows the secret to whoever listens; "
                             "add tls: {}, use SCRAM-SHA-512, or write allow_plaintext: true")  # fmt: skip
        return self

    @property
    def limits(self) -> Limits:
        return Limits(bytes=max(1 << 20, self.producer.max_message_bytes + (64 << 10)))

    @property
    def wire(self) -> KafkaSettings:
        return KafkaSettings(
            brokers=self.brokers,
            client_id=self.client_id,
            timeout=self.timeout,
            tls=self.tls.settings if self.tls is not None else None,
            sasl=self.auth.sasl.settings if self.auth.sasl is not None else None,
            compression=self.producer.compression,
            compression_level=self.producer.compression_params.level,
            max_message_bytes=self.producer.max_message_bytes,
            linger=self.producer.linger,
            create_topics=self.producer.allow_auto_topic_creation,
            refresh=self.metadata.refresh_interval,
            canonical=self.resolve_canonical_bootstrap_servers_only,
        )

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        return messages.encode(batch, at, self._style, self.limits)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        """Written once; what was refused for its time, or for a neighbour's sake, goes once more."""
        judge, sent = self._judge, messages.messages(payload.body)
        reply = yield ProduceRequest(sent)
        found = codes(reply, len(sent))
        if found is None:
            return self._unreadable(reply, at)
        if again := _redated(found, sent):
            found = _merged(found, codes((yield ProduceRequest([m for _, m in again])), len(again)), again)
        if all(code.number in TIMED_OUT for code in found):
            return (yield from self._why(judge.outcome(found, sent, len(payload.indices)), sent[0].topic))
        return judge.outcome(found, sent, len(payload.indices))

    def probe(self, at: Moment) -> Exchange:
        """Delivered: the topic is there, has leaders and enough replicas, and we may write to it as far as is told."""
        topic = Template(self.topic).constant
        reply = yield TopicsRequest((topic,) if topic is not None else ())
        found = cluster(reply)
        if found is None:
            return self._blameless(self._unreadable(reply, at))
        return self._judge.topic(topic, found[topic]) if topic is not None and topic in found else Delivered()

    def _why(self, outcome: Outcome, topic: str) -> Generator[Request | Wait, Reply, Outcome]:
        """Time ran out for all of them: the client does not say what it waited for, the cluster may."""
        found = cluster((yield TopicsRequest((topic,))))
        told = self._judge.topic(topic, found[topic], late=True) if found and topic in found else outcome
        return outcome if isinstance(told, Delivered) else told

    def _unreadable(self, reply: Reply, at: Moment) -> Outcome:
        return self._judge.failed(reply) if isinstance(reply, Failure) else self._judge.strange(reply, at.now)

    def _blameless(self, outcome: Outcome) -> Outcome:
        return Hold(outcome.reason) if isinstance(outcome, Reject | Split) else outcome

    @property
    def _judge(self) -> Judge:
        sasl = self.auth.sasl
        secrets = [sasl.password, sasl.oauth2.client_secret if sasl.oauth2 else None] if sasl is not None else []
        return Judge(tuple([s.get_secret_value() for s in secrets if s]), self.producer.allow_auto_topic_creation)

    @property
    def _style(self) -> Style:
        otlp, name = OTLP.get(self.format), self.format
        # mypy narrows by ==, not by `in`
        lines = None if name == "otlp_proto" or name == "otlp_json" else named(name, self.product)  # noqa: PLR1714
        return Style(
            topic=_compiled(self.topic),
            key=_compiled(self.key) if self.key else None,
            by="resource"
            if self.partition_logs_by_resource_attributes
            else "trace"
            if self.partition_logs_by_trace_id
            else "",
            unit=self.unit or ("batch" if otlp is not None else "record"),
            otlp=otlp,
            lines=lines,
            headers=tuple([(name, value.encode()) for name, value in self.headers.items()]),
            dated=self.timestamp == "event",
            most=self.producer.max_message_bytes,
        )


@lru_cache(maxsize=256)  # templates are settings: few, and the same for every batch
def _compiled(template: str) -> Template:
    return Template(template)


def _redated(found: Sequence[Code], sent: Sequence[Message]) -> list[tuple[int, Message]]:
    """What goes once more at once, in its order: with the time of sending where its own was refused, or as it is."""
    dated = {n for n, code in enumerate(found) if code.number in MISDATED and sent[n].time}
    beside = {n for n, code in enumerate(found) if code.number == NEIGHBOUR}
    return [(n, replace(sent[n], time=0) if n in dated else sent[n]) for n in sorted(dated | beside)]


def _merged(found: Sequence[Code], second: Sequence[Code] | None, again: Sequence[tuple[int, Message]]) -> list[Code]:
    merged = list(found)
    for place, (n, _) in enumerate(again):
        merged[n] = second[place] if second is not None else Code(NEIGHBOUR)  # no answer: as if it had not been sent
    return merged
