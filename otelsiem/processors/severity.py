"""Gives every record the severity that its sender meant: by the user's rules, a level word, the event, the outcome.

Guarantees: afterwards every SeverityNumber is 1 to 24. A user's rule that matches decides alone. Else a level word sets
the number, then event type and outcome raise it, never lower it: a standard logging handler always sets a number, often
INFO. SeverityText is left as the sender wrote it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from otelsiem.formats.vocabulary import outcome
from otelsiem.model import severity
from otelsiem.model.destination import Moment
from otelsiem.model.event import decision, known
from otelsiem.model.match import Level, Match, Test
from otelsiem.model.processor import Aside
from otelsiem.model.record import Batch, Record, Value

INFO, WARNING, ERROR = 9, 13, 17

LEVELS = ("audit.level", "severity", "level", "log.level")  # first level word wins
OUTCOMES = ("outcome", "status", "decision")  # in the absence of `audit.outcome`
LONGEST = 128  # characters of an event's name and outcome that are remembered
INSIDE = ("metadata", "details", "context")  # looked at last


class Rule(BaseModel):
    """Records that match get this severity."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    match: Match = Field(description="which records")
    set: Level = Field(description="level word or SeverityNumber 1-24")


class Severity(BaseModel):
    """Sets SeverityNumber by level words, event types and outcomes, or by rules of your own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: list[Rule] = Field([], description="the first that matches a record decides; the defaults judge the others")

    _rules: list[tuple[Test, int]] = PrivateAttr(default_factory=list)

    def model_post_init(self, _: Any) -> None:
        self._rules.extend((rule.match.compile(), rule.set) for rule in self.rules)

    def process(self, batch: Batch, at: Moment, aside: Aside) -> Batch:  # noqa: ARG002 no clock, nothing taken out
        floors: dict[str, int] = {}  # of the event names of this batch, and of no other
        for group in batch:
            records = group.records
            if self.rules:  # to ask for `_rules` costs 2 us, which is much for a batch of one
                records = [record for record in records if not self._ruled(record, group.resource)]
            _judge(records, floors)
        return batch

    def judge(self, record: Record, resource: dict[str, Value]) -> None:
        """The same for one record, where there is no batch: in an application, which waits for it."""
        if self.rules and self._ruled(record, resource):
            return
        attributes, event = record.attributes, record.event
        ended = attributes.get("audit.outcome")
        if (
            record.severity > 0
            and type(ended) is str
            and len(ended) + len(event) <= LONGEST
            and attributes.keys().isdisjoint(LEVELS)
        ):
            record.severity = _ordinary(record.severity, event, ended)  # 1 us instead of 4
        else:
            _judge([record], {})

    def _ruled(self, record: Record, resource: dict[str, Value]) -> bool:
        for test, number in self._rules:
            if test(record, resource):
                record.severity = number
                return True
        return False


def _judge(records: list[Record], floors: dict[str, int]) -> None:
    """The default rules; written out flat, since an ordinary record passes here in 0.16 us."""
    endings: dict[str, int] = {}  # of the outcomes of these records, and of no others
    for record in records:
        attributes = record.attributes
        number = record.severity
        if (
            "audit.level" in attributes
            or "severity" in attributes
            or "level" in attributes
            or "log.level" in attributes
        ) and (said := _worded(attributes, LEVELS)):
            number = said
        elif number <= 0:
            number = severity.number(record.severity_text) or _inside(attributes) or INFO
        event = record.event
        if (floor := floors.get(event)) is None:
            floor = floors[event] = _floor(event) if len(event) > LONGEST else _known_floor(event)
        if not floor <= number <= 24:
            number = min(max(number, floor), 24)
        if number < ERROR:
            if "audit.outcome" in attributes:  # the usual name first; the others only in its absence
                ended = attributes["audit.outcome"]
                if ended != "success":
                    if type(ended) is not str:  # also because to Python True is 1
                        floor = _ending(ended)
                    elif (floor := endings.get(ended)) is None:
                        floor = endings[ended] = _ending(ended)
                    number = max(number, floor)
            elif "outcome" in attributes or "status" in attributes or "decision" in attributes:
                number = max(number, _ending(_first(attributes, OUTCOMES)))
        record.severity = number


def _floor(event: str) -> int:
    """What an event's name alone says a record is at least; 0 when it says nothing."""
    row = known(event)
    return max(row.severity if row else 0, WARNING if decision(event) == "deny" else 0)


@lru_cache(maxsize=1024)
def _ordinary(number: int, event: str, ended: str) -> int:
    """The severity of a record with a number, a name and an outcome."""
    record = Record(severity=number, event=event, attributes={"audit.outcome": ended})
    _judge([record], {})
    return record.severity


_known_floor = lru_cache(maxsize=512)(_floor)  # in the application, where each record is a batch: 0.9 us


def _ending(value: Value) -> int:
    """What a word for how it ended says a record is at least."""
    if outcome(value) != "failure":
        return 0
    return ERROR if type(value) is str and value.strip().lower() == "error" else WARNING


def _first(attributes: dict[str, Value], names: tuple[str, ...]) -> Value:
    return next(attributes[name] for name in names if name in attributes)


def _worded(attributes: dict[str, Value], names: tuple[str, ...]) -> int:
    for name in names:
        if found := severity.number(attributes.get(name)):
            return found
    return 0


def _inside(attributes: dict[str, Value]) -> int:
    """A level word inside `metadata`, `details` or `context`: only records without any number of their own pay."""
    for prefix in INSIDE:
        inner = attributes.get(prefix)
        if type(inner) is dict and (found := _worded(inner, LEVELS)):
            return found
        if found := _worded(attributes, tuple([f"{prefix}.{name}" for name in LEVELS])):
            return found
    return 0
