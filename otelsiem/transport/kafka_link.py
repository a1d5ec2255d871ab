"""One Kafka producer at work: a thread that listens to it, the requests that wait for its reports, its troubles.

librdkafka reports what became of a message only to whoever polls, and to nobody if nobody does. Guarantees: every
message that was given to `send` is reported within its time or taken back out of the queue; a producer that cannot go
on (a fatal error, credentials that are refused) says so in `spoiled` and is to be replaced; callbacks never raise.

What cannot be promised: a message that was on its way when it was taken back may have been written.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

from otelsiem.model.kafka import Fault, Message, Produced
from otelsiem.transport.kafka_trouble import Complaints, Trouble, line

log = logging.getLogger("otelsiem.kafka")

LOOK = 0.5  # seconds between two looks at whether to end
GRACE = 3.0  # seconds after the deadline in which librdkafka still reports: it looks at its clock once a second

QUEUE_FULL, TIMED_OUT, FAILED, CLOSED, PURGED_FROM_QUEUE = -184, -185, -196, -197, -152
UNTOUCHED = frozenset({QUEUE_FULL, CLOSED, PURGED_FROM_QUEUE})  # certainly never left this process


class Sending:
    """The messages of one request; filled in by the thread that listens."""

    def __init__(self, count: int) -> None:
        self.done = threading.Event()
        self.began = monotonic()
        self._codes: list[int | None] = [None] * count
        self._faults: dict[str, Fault] = {}
        self._left = count
        self._lock = threading.Lock()
        if not count:
            self.done.set()

    def heard(self, index: int, error: Any) -> None:
        """What came of a message; `error` is a KafkaError, or None when all replicas in sync have it."""
        code = 0 if error is None else error.code()
        if code and str(code) not in self._faults:
            self._faults[str(code)] = Fault(error.name(), line(error.str()))
        self.note(index, code)

    def note(self, index: int, code: int) -> None:
        with self._lock:
            if self._codes[index] is None:
                self._codes[index] = code
                self._left -= 1
            if not self._left:
                self.done.set()

    def produced(self) -> Produced:
        """What is known now; of what is not, that time ran out."""
        with self._lock:
            codes = [TIMED_OUT if code is None else code for code in self._codes]
            return Produced(codes, dict(self._faults))


class Link:
    """A producer with these settings, until it is retired."""

    def __init__(self, make: Callable[[Mapping[str, object]], Any], secrets: Sequence[str]) -> None:
        self.spoiled = False  # it will not deliver any more: make another
        self._secrets = secrets
        self._complaints = Complaints(secrets)
        self._sendings: set[Sending] = set()
        self._lock = threading.Lock()
        self._moved = threading.Condition()  # reports came: there is room in the queue
        self._purge: dict[str, bool] = {}  # what to take back as soon as the callback is over
        self._retired = False
        self.over = threading.Event()
        self._producer: Any = make({"error_cb": self._complained, "logger": Log(secrets)})
        self._thread = threading.Thread(target=self._listen, name="kafka-reports", daemon=True)
        self._thread.start()

    def send(self, messages: Sequence[Message], deadline: float) -> Produced:
        """Write them, and wait until each is reported or its time is over."""
        sending = Sending(len(messages))
        with self._lock:
            producer = self._producer
            self._sendings.add(sending)
        try:
            if producer is None:  # retired between the courier's asking for it and now
                self._refuse(sending, range(len(messages)), CLOSED)
                return sending.produced()
            self._enqueue(producer, messages, sending, deadline)
            if self.spoiled:  # it gave up before they were in its queue
                producer.purge(in_queue=True, in_flight=False, blocking=False)
            if not sending.done.wait(max(deadline - monotonic(), 0.0) + GRACE):
                self.take_back()
                if not sending.done.wait(1.0):
                    self.spoiled = True
            return sending.produced()
        finally:
            with self._lock:
                self._sendings.discard(sending)

    @property
    def trouble(self) -> Trouble | None:
        """What it complained of last, until a message arrives."""
        return self._complaints.last

    def take_back(self) -> None:
        """Everything that waits is reported as not delivered, now; what is on its way may have been written."""
        with self._lock:
            producer = self._producer
        if producer is not None:
            producer.purge(in_queue=True, in_flight=True, blocking=False)

    def retire(self) -> None:
        """It ends when nothing is waited for any more."""
        self._retired = True

    def _enqueue(self, producer: Any, messages: Sequence[Message], sending: Sending, deadline: float) -> None:
        from confluent_kafka import KafkaException

        for index, message in enumerate(messages):
            try:
                while not self._taken(producer, message, partial(self._reported, sending, index)):
                    if self.spoiled or not self._wait_for_room(deadline):
                        self._refuse(sending, range(index, len(messages)), QUEUE_FULL)
                        return
            except KafkaException as error:
                if error.args[0].fatal():
                    self.spoiled = True
                    self._refuse(sending, range(index, len(messages)), CLOSED)
                    return
                sending.heard(index, error.args[0])
            except (TypeError, ValueError, RuntimeError):  # RuntimeError: the producer is closed
                sending.note(index, FAILED)

    def _refuse(self, sending: Sending, indices: Iterable[int], code: int) -> None:
        for index in indices:
            sending.note(index, code)

    def _taken(self, producer: Any, message: Message, report: Callable[[Any, Any], None]) -> bool:
        headers = list(message.headers) or None
        try:
            producer.produce(
                message.topic,
                message.value,
                message.key,
                headers=headers,
                timestamp=message.time,
                on_delivery=report,
            )
        except BufferError:
            return False
        return True

    def _wait_for_room(self, deadline: float) -> bool:
        left = deadline - monotonic()
        with self._moved:
            self._moved.wait(min(max(left, 0.0), LOOK))
        return left > 0

    def _listen(self) -> None:
        producer = self._producer
        while not self._is_over():
            self._poll(producer, LOOK)
        producer.purge(in_queue=True, in_flight=True, blocking=False)
        self._poll(producer, 0.0)
        del producer  # librdkafka ends its threads here
        self.over.set()

    def _is_over(self) -> bool:
        with self._lock:
            if not self._retired or self._sendings:
                return False
            self._producer = None  # from here on nobody sends
            return True

    def _poll(self, producer: Any, timeout: float) -> None:
        from confluent_kafka import KafkaException

        served = 1
        try:
            served = producer.poll(timeout)
        except KafkaException as error:  # a fatal one is raised here, too
            self._complained(error.args[0])
        except Exception:  # a callback's, of which ours raise nothing; without this thread no report ever comes
            log.exception("msg=%r", "listening to Kafka's client failed in our own code")
        if self._purge:
            purge, self._purge = self._purge, {}
            producer.purge(blocking=False, **purge)
        if served:
            with self._moved:
                self._moved.notify_all()

    def _reported(self, sending: Sending, index: int, error: Any, _message: Any) -> None:
        """librdkafka's delivery report."""
        if error is None:
            self._complaints.last = None
        sending.heard(index, error)

    def _complained(self, error: Any) -> None:
        """librdkafka's error callback; it may not call back into the producer."""
        self._complaints.heard(error.code(), error.str())
        if error.fatal():
            self.spoiled = True
            self._purge = {"in_queue": True, "in_flight": True}
            log.debug(
                "msg=%r error=%r", "Kafka's client cannot go on and is replaced", line(error.str(), self._secrets)
            )
        elif self._complaints.hopeless:  # every further try may bring a lock-out nearer
            self.spoiled = True
            self._purge = self._purge or {"in_queue": True, "in_flight": False}


class Log:
    """librdkafka's own log, as ours at DEBUG."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = secrets

    def log(self, _level: int, template: str, *arguments: object) -> None:
        if log.isEnabledFor(logging.DEBUG):
            log.debug("msg=%r", line(template % arguments, self._secrets))
