"""What a Kafka cluster means by its codes: contract 3, and who is to blame for each.

Total over any answer. Codes above 0 are a broker's, below 0 those of the client (librdkafka). A message that others of
its topic passed beside is refused alone; while nothing passes, nobody but the cluster or the operator is blamed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import msgspec

from otelsiem.delivery.judge import judge_failure, judge_http
from otelsiem.destinations._quote import quoted
from otelsiem.model.exchange import Answer, Failure, Reply
from otelsiem.model.kafka import Cluster, Fault, Message, Produced, Topic
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Retry, Split

T = TypeVar("T")

TAKEN = frozenset({0, 46})  # 46 DUPLICATE_SEQUENCE: our own retry found it there
TOO_LARGE = frozenset({10, 18})
MISSING = frozenset({3, -188, -190})  # UNKNOWN_TOPIC_OR_PART, and what the client calls it
MISDATED = frozenset({32, 87})  # INVALID_TIMESTAMP; INVALID_RECORD: the client shows a bad time as that, too
NEIGHBOUR = -138  # refused because of another message of its batch
TIMED_OUT = frozenset({-192, -185})
THROTTLED = 89

NAMES = {
    2: "CORRUPT_MESSAGE", 3: "UNKNOWN_TOPIC_OR_PARTITION", 5: "LEADER_NOT_AVAILABLE", 6: "NOT_LEADER_OR_FOLLOWER",
    7: "REQUEST_TIMED_OUT", 8: "BROKER_NOT_AVAILABLE", 9: "REPLICA_NOT_AVAILABLE", 10: "MESSAGE_TOO_LARGE",
    13: "NETWORK_EXCEPTION", 14: "COORDINATOR_LOAD_IN_PROGRESS", 15: "COORDINATOR_NOT_AVAILABLE",
    16: "NOT_COORDINATOR", 17: "INVALID_TOPIC_EXCEPTION", 18: "RECORD_LIST_TOO_LARGE", 19: "NOT_ENOUGH_REPLICAS",
    20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND", 21: "INVALID_REQUIRED_ACKS", 29: "TOPIC_AUTHORIZATION_FAILED",
    31: "CLUSTER_AUTHORIZATION_FAILED", 32: "INVALID_TIMESTAMP", 33: "UNSUPPORTED_SASL_MECHANISM",
    35: "UNSUPPORTED_VERSION", 41: "NOT_CONTROLLER", 43: "UNSUPPORTED_FOR_MESSAGE_FORMAT", 44: "POLICY_VIOLATION",
    45: "OUT_OF_ORDER_SEQUENCE_NUMBER", 47: "INVALID_PRODUCER_EPOCH", 56: "KAFKA_STORAGE_ERROR",
    58: "SASL_AUTHENTICATION_FAILED", 59: "UNKNOWN_PRODUCER_ID", 72: "LISTENER_NOT_FOUND",
    74: "FENCED_LEADER_EPOCH", 75: "UNKNOWN_LEADER_EPOCH", 76: "UNSUPPORTED_COMPRESSION_TYPE", 87: "INVALID_RECORD",
    89: "THROTTLING_QUOTA_EXCEEDED", 90: "PRODUCER_FENCED", -1: "UNKNOWN_SERVER_ERROR",
    -138: "another message of its batch is refused", -150: "the producer could not go on and is replaced",
    -151: "taken back while it was on its way", -152: "taken back before it was sent", -153: "to be sent again",
    -166: "it waited too long in the queue", -169: "the credentials are refused", -172: "the producer was busy",
    -181: "TLS failed", -184: "the producer's queue is full", -185: "no report came in time",
    -187: "no broker can be reached", -188: "the topic is not known", -190: "the partition is not known",
    -192: "it could not be delivered within `timeout`", -193: "a broker's name cannot be resolved",
    -195: "the connection broke", -196: "the producer failed", -197: "the producer was closed",
}  # fmt: skip

# the destination's fault: the same again later. 2: a bad line, or a broker's disk; suspects are found by the flow.
RETRIED = frozenset({
    -1, 2, 5, 6, 7, 8, 9, 13, 14, 15, 16, 19, 20, 41, 45, 47, 56, 59, 72, 74, 75, 89, 90,
    -138, -150, -151, -152, -153, -166, -172, -184, -185, -187, -192, -195, -196, -197,
})  # fmt: skip
MAYBE_WRITTEN = frozenset({7, 13, 20, 45, 47, 59, -150, -151, -185, -192, -195})  # what is sent again may come twice

HINTS = {
    3: "create it, or set producer.allow_auto_topic_creation",
    17: "a topic has letters, digits, dots, hyphens and underscores",
    29: "grant our principal WRITE and DESCRIBE on the topic",
    31: "grant our principal IDEMPOTENT_WRITE on the cluster (brokers before 2.8), or what it lacks",
    33: "check auth.sasl.mechanism",
    35: "brokers before 2.1 are not supported",
    43: "the topic keeps an old message format: raise its message.format.version",
    44: "a policy of the cluster refuses it: ask its operator",
    58: "check auth.sasl",
    76: "choose another producer.compression",
    87: "a compacted topic wants a `key`, and a schema check wants another `format`",
    32: "this machine's clock or the broker's is wrong, or the topic's message.timestamp.*.max.ms is very short",
}


class Code(NamedTuple):
    """What came of one message."""

    number: int
    fault: Fault | None = None


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges replies for one set of settings; what it must never repeat is redacted from what others say."""

    secrets: tuple[str, ...] = ()
    creates: bool = False  # brokers may make a topic that does not exist

    def __repr__(self) -> str:
        return "Judge()"

    def failed(self, failure: Failure) -> Outcome:
        """The verdict where no broker said anything."""
        return judge_failure(Failure(failure.kind, quoted(failure.detail, self.secrets), failure.sent))

    def strange(self, answer: Answer, now: int) -> Outcome:
        """The verdict on an answer that none of our transports gives."""
        if 200 <= answer.status < 300:
            return Retry("the answer cannot be read")
        return judge_http(answer, now)

    def outcome(self, codes: Sequence[Code], messages: Sequence[Message], records: int) -> Outcome:
        """The verdict on a payload, from what came of each of its messages."""
        taken = [n for n, code in enumerate(codes) if code.number in TAKEN]
        if len(taken) == len(codes):
            return Delivered()
        if not taken:
            return self._nothing(codes, messages)
        return self._some(codes, messages, records)

    def reason(self, code: Code, topic: str) -> str:
        """A code in one line, with what a person can do about it where we know."""
        number = code.number
        name = NAMES.get(number) or quoted(code.fault.name if code.fault else "", self.secrets) or "an unknown code"
        shown = f"Kafka {number} {name}" if number >= -1 else name
        if number in MAYBE_WRITTEN:
            shown += "; it may have been written, so it may come twice"
        hint = HINTS.get(3 if number in MISSING else number, "")
        return f"topic {quoted(topic)}: {shown}" + (f": {hint}" if hint else "")

    def _nothing(self, codes: Sequence[Code], messages: Sequence[Message]) -> Outcome:
        """Nothing was taken: what a person has to mend comes first, then what smaller requests may mend."""
        reasons = {code.number: self.reason(code, m.topic) for code, m in zip(codes, messages, strict=True)}
        held = [number for number in reasons if not _retried(number) and number not in TOO_LARGE]
        if held:
            return Hold(reasons[held[0]])
        if large := [number for number in reasons if number in TOO_LARGE]:
            return Split(f"{reasons[large[0]]} (max.message.bytes of the topic, compressed)")
        number, reason = next(iter(reasons.items()))
        return Retry(reason, busy=number == THROTTLED)

    def _some(self, codes: Sequence[Code], messages: Sequence[Message], records: int) -> Outcome:
        delivered: list[int] = []
        again: list[int] = []
        rejected: dict[int, str] = {}
        held: dict[int, str] = {}
        why = ""
        # The client blames all of a batch; one that is blamed alone was alone in its batch.
        alone = sum([code.number in MISDATED for code in codes]) == 1
        for code, message in zip(codes, messages, strict=True):
            if code.number in TAKEN:
                delivered += message.records
                continue
            reason = self.reason(code, message.topic)
            if code.number in MISDATED and alone and len(message.records) == 1:
                rejected |= dict.fromkeys(message.records, reason)  # re-dated, and others passed
            elif _retried(code.number) or code.number in TOO_LARGE or code.number in MISDATED:
                again += message.records
                why = why or reason
            else:
                held |= dict.fromkeys(message.records, reason)
        lost = set(range(records)) - {*delivered, *again, *rejected, *held}  # a payload that is not what we packed
        return Partial(sorted(delivered), sorted([*again, *lost]), rejected, held=held, reason=why)

    def topic(self, name: str, found: Topic, *, late: bool = False) -> Outcome:
        """Whether a topic can be written to, from what the cluster says of it; `late`: it could not be."""
        shown = f"topic {quoted(name)}"
        if found.code in MISSING and self.creates:
            return Delivered(f"{shown} does not exist yet; the brokers will make it, with their defaults")
        if found.code:
            code = Code(found.code, Fault(found.name))
            return Retry(self.reason(code, name)) if _retried(found.code) else Hold(self.reason(code, name))
        if found.operations is not None and not {"WRITE", "ALL"} & set(found.operations):
            return Hold(f"{shown}: we may not write to it: {HINTS[29]}")
        return _replicas(shown, found, late=late)


def read(reply: Reply, kind: type[T]) -> T | None:
    """The body of an Answer; None when it is none, or cannot be read."""
    if not isinstance(reply, Answer) or not 200 <= reply.status < 300:
        return None
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (ValueError, RecursionError):  # no JSON, another shape (ValidationError), nested too deep
        return None


def codes(reply: Reply, count: int) -> list[Code] | None:
    """What came of each of so many messages; None when the reply does not say it of each."""
    found = read(reply, Produced)
    if found is None or len(found.codes) != count:
        return None
    return [Code(number, found.faults.get(str(number))) for number in found.codes]


def cluster(reply: Reply) -> Mapping[str, Topic] | None:
    """What the cluster says of the topics; None when it cannot be read."""
    found = read(reply, Cluster)
    return found.topics if found is not None else None


def _retried(number: int) -> bool:
    return number in RETRIED


def _replicas(shown: str, found: Topic, *, late: bool) -> Outcome:
    leaderless = [number for number, partition in enumerate(found.partitions) if partition.leader < 0]
    if leaderless:
        return Retry(f"{shown}: partition {leaderless[0]} has no leader: {_few(leaderless, found)}")
    # A rule for more replicas than there are stops no writing since Kafka 4 (measured with 4.3.1); it did before.
    most = found.min_in_sync if late else min([found.min_in_sync, *[one.replicas for one in found.partitions]])
    short = [number for number, one in enumerate(found.partitions) if one.in_sync < most]
    if short:
        one = found.partitions[short[0]]
        return Retry(
            f"{shown}: partition {short[0]} has {one.in_sync} of {one.replicas} replicas in sync,"
            f" min.insync.replicas is {found.min_in_sync}: {_few(short, found)}"
        )
    if found.min_in_sync == 1 or any(partition.replicas == 1 for partition in found.partitions):
        return Delivered(f"{shown}: what is acknowledged may be on one broker only: replicate it three times and"
                         " set min.insync.replicas to 2")  # fmt: skip
    return Delivered()


def _few(numbers: Sequence[int], found: Topic) -> str:
    return f"{len(numbers)} of {len(found.partitions)} partitions, a broker is down"
