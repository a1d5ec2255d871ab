"""What is said between a Kafka destination and its transport: messages to produce, questions about topics, answers.

Values only. Messages carry audit data, which does not appear in a repr. The bodies of answers are JSON
(`Produced`, `Cluster`): whatever reads them must expect any bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec


class Message(msgspec.Struct, array_like=True, gc=False):
    """One Kafka record, and which records of the payload it holds."""

    topic: str
    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    time: int = 0  # ms since the epoch, as its timestamp; 0 = when it is sent
    records: tuple[int, ...] = (0,)  # places in the payload

    def __repr__(self) -> str:
        return f"Message({len(self.value)} bytes)"


@dataclass(frozen=True, slots=True)
class ProduceRequest:
    """Write these, in this order, and say of each what came of it. The body of the Answer is a `Produced`."""

    messages: Sequence[Message] = field(repr=False)


@dataclass(frozen=True, slots=True)
class TopicsRequest:
    """What the cluster says of itself and of these topics. The body of the Answer is a `Cluster`."""

    topics: Sequence[str] = ()


class Fault(msgspec.Struct, gc=False):
    """What a code of Kafka or of its client is called."""

    name: str = ""  # MSG_SIZE_TOO_LARGE
    text: str = ""


class Produced(msgspec.Struct, gc=False):
    """What came of each message of a request, in its order: 0, or the code of a broker (> 0) or of the client (< 0)."""

    codes: list[int]
    faults: dict[str, Fault] = {}  # by code, as text


class Partition(msgspec.Struct, array_like=True, gc=False):
    """One partition: who leads it, on how many brokers it should be, and on how many it is up to date."""

    leader: int = -1  # -1: nobody
    replicas: int = 0
    in_sync: int = 0


class Topic(msgspec.Struct, gc=False):
    """What the cluster says of a topic; `code` is not 0 when it does not exist or we may not see it."""

    code: int = 0
    name: str = ""  # of the code
    partitions: list[Partition] = []
    min_in_sync: int = 0  # min.insync.replicas; 0: we may not know
    operations: list[str] | None = None  # what we may do with it; None: it does not say


class Cluster(msgspec.Struct, gc=False):
    """The brokers, and the topics that were asked for."""

    brokers: int = 0
    topics: dict[str, Topic] = {}
