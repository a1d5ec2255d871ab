"""Conditions on records: which ones an exporter takes. Written by users, compiled once, asked per record.

`match: {events, min_severity, tenants, attributes, any, all, not}`: the keys given must all hold. Event names compare
without regard to case and with `-`, `.` and space as `_`; event and tenant patterns are globs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import translate
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from otelsiem.model import severity
from otelsiem.model.listed import listed
from otelsiem.model.record import Batch, Record

Test: TypeAlias = Callable[[Record, Mapping[str, Any]], bool]  # record, resource
Rule: TypeAlias = tuple[str, Test]  # its name, in metrics


def canonical(event: str) -> str:
    """An event name as names are compared."""
    return event.lower().replace("-", "_").replace(".", "_").replace(" ", "_")


_LEVEL = {  # for editors and the reference page
    "title": "level",
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": 24},
        {"enum": [*severity.WORDS, *map(str.upper, severity.WORDS)]},
    ],
}

Level = Annotated[
    int,
    BeforeValidator(severity.level, json_schema_input_type=Annotated[str, WithJsonSchema(_LEVEL)]),
    Field(ge=1, le=24),
]
Globs = Annotated[list[str], BeforeValidator(listed, json_schema_input_type=str | list[str])]


class Match(BaseModel):
    """Which records an exporter takes; what it leaves out is counted as filtered."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    events: Globs | None = Field(None, description="event name globs, e.g. `auth*`")
    min_severity: Level | None = Field(None, description="level word or SeverityNumber; records below it are left out")
    tenants: Globs | None = Field(None, description="tenant id globs")
    attributes: dict[str, Any] | None = Field(None, description="attribute -> value, glob, or list of them")
    any_: list[Match] | None = Field(None, alias="any", description="at least one of these conditions holds")
    all_: list[Match] | None = Field(None, alias="all", description="every one of these conditions holds")
    not_: Match | None = Field(None, alias="not", description="this condition does not hold")

    def rules(self) -> list[Rule]:
        """The conditions that must all hold, each under the name that what it leaves out is counted by."""
        rules: list[Rule] = []
        if self.events is not None:
            rules.append(("match.events", _events(self.events)))
        if self.min_severity is not None:
            rules.append(("match.min_severity", _severity(self.min_severity)))
        if self.tenants is not None:
            rules.append(("match.tenants", _attribute("tenant.id", self.tenants)))
        for key, wanted in (self.attributes or {}).items():
            rules.append((f"match.attributes.{key}", _attribute(key, wanted)))
        if self.any_ is not None:
            rules.append(("match.any", _any([m.compile() for m in self.any_])))
        rules += [("match.all", m.compile()) for m in self.all_ or ()]
        if self.not_ is not None:
            rules.append(("match.not", _not(self.not_.compile())))
        return rules

    def compile(self) -> Test:
        """All of them as one callable."""
        tests = [test for _, test in self.rules()]
        return tests[0] if len(tests) == 1 else _all(tests)


def unmatched(rules: Sequence[Rule], batch: Batch) -> dict[int, str]:
    """The records that the conditions leave out, by index, each with the first one that does."""
    out: dict[int, str] = {}
    for name, test in reversed(rules):  # the first one writes last
        at = 0
        for group in batch:
            resource = group.resource
            out.update([(n, name) for n, record in enumerate(group.records, at) if not test(record, resource)])
            at += len(group.records)
    return out


def _globs(patterns: list[str]) -> Callable[[str], object]:
    return re.compile("|".join(f"(?:{translate(p)})" for p in patterns) or r"(?!)").match


def _events(patterns: list[str]) -> Test:
    hit = _globs([canonical(p) for p in patterns])
    return lambda record, _: hit(canonical(record.event)) is not None


def _severity(least: int) -> Test:
    return lambda record, _: record.severity >= least


def _attribute(key: str, wanted: object) -> Test:
    choices = wanted if isinstance(wanted, list) else [wanted]
    hit = _globs([c for c in choices if isinstance(c, str)])
    exact = [c for c in choices if not isinstance(c, str)]

    def test(record: Record, resource: Mapping[str, Any]) -> bool:
        value = record.attributes.get(key, resource.get(key))
        if isinstance(value, str):
            return hit(value) is not None
        return any(type(value) is type(c) and value == c for c in exact)

    return test


def _all(tests: list[Test]) -> Test:
    return lambda record, resource: all(test(record, resource) for test in tests)


def _any(tests: list[Test]) -> Test:
    return lambda record, resource: any(test(record, resource) for test in tests)


def _not(test: Test) -> Test:
    return lambda record, resource: not test(record, resource)
