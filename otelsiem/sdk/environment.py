"""An exporter's settings from environment variables, for `OTEL_LOGS_EXPORTER=otelsiem_splunk_hec` and its sisters.

`SPLUNK_HEC_URL`, … mean here what they mean to a gateway (`model/variables.py`). Every setting has a variable besides:
`OTELSIEM_<DESTINATION>_<SETTING>`, a setting within a block after two underscores (`OTELSIEM_DATADOG_API__KEY`). Lists
are typed with commas, mappings as `a=b,c=d`, and either as JSON. `OTELSIEM_JOURNAL` and the other ones without a
destination are for all exporters; one with a destination's name in it wins over them.

Guarantees: a wrong, missing, unknown or contradicted variable is a problem that names it, with no value; all at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from otelsiem.model.errors import Problem
from otelsiem.model.near import nearest
from otelsiem.model.settings import Steps, models
from otelsiem.model.variables import DESTINATIONS, EACH, LIBRARY, VARIABLES, Variable, meant
from otelsiem.sdk.settled import Own, model

PREFIX = "OTELSIEM_"
RATES: Mapping[Steps, Steps] = {("rate_limit", "events_per_second"): ("rate",), ("rate_limit", "burst"): ("burst",)}
ELSEWHERE = {"enabled", "sending_queue"}  # what OTEL_LOGS_EXPORTER and OTEL_BLRP_* say here


@dataclass(slots=True)
class Read:
    """What the environment says of one exporter."""

    kind: str  # splunk_hec
    settings: dict[str, Any] = field(default_factory=dict)
    origins: dict[Steps, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def spell(self, steps: Steps, missing: bool) -> str:
        """The variable at these steps, or those that could bring it."""
        if missing:
            wanted = _needed(model(self.kind), steps)
            plain = [one.name for one, at in _classic(self.kind) if at in wanted]
            return " or ".join([*plain, *[systematic(self.kind, at) for at in wanted]])
        for length in range(len(steps), 0, -1):
            if name := self.origins.get(steps[:length]):
                return name
        below = sorted(name for at, name in self.origins.items() if at[: len(steps)] == steps)
        return ", ".join(below) or systematic(self.kind, steps)

    def put(self, steps: Steps, value: Any, name: str) -> None:
        """One setting. Two variables may not say two things."""
        inner = self.settings
        for step in steps[:-1]:
            inner = inner.setdefault(str(step), {})
            if not isinstance(inner, dict):
                self._contradicted(steps, name)
                return
        if steps in self.origins and inner[str(steps[-1])] != value:
            self._contradicted(steps, name)
            return
        inner[str(steps[-1])], self.origins[steps] = value, name

    def _contradicted(self, steps: Steps, name: str) -> None:
        self.problems.append(Problem(name, f"contradicts {self.spell(steps, False)}", hint="unset one of them"))


def _needed(owner: type[BaseModel], steps: Steps) -> list[Steps]:
    """What must be set for these steps to be there: of a block, what it cannot be without."""
    for step in steps:
        info = next(i for name, i in owner.model_fields.items() if step in {i.alias, name})
        blocks = list(models(info.annotation))
        if not blocks:
            return [steps]
        owner = blocks[0]
    inner = [(*steps, info.alias or name) for name, info in owner.model_fields.items() if info.is_required()]
    return inner or [steps]


def read(kind: str, env: Mapping[str, str]) -> Read:
    """What is set for this destination."""
    found = Read(kind)
    for variable, steps in _classic(kind):
        _put(found, variable, steps, env)
    for name in sorted(env):
        if env[name] and (rest := _ours(name, kind)):
            _put_systematic(found, name, rest, env[name])
    for variable in LIBRARY:
        steps = tuple(variable.key.split("."))
        if steps not in found.origins and variable.name not in {PROCESSORS, SEVERITY, CONSTITUTION}:
            _put(found, variable, steps, env)
    if ("processors",) not in found.origins:
        _put_processors(found, env)
    _doubt(found, env)
    timeout = found.settings.get("export_timeout")
    if isinstance(timeout, str):
        found.settings["export_timeout"] = timeout.removesuffix("s")
    return found


def systematic(kind: str, steps: Sequence[str | int]) -> str:
    """The variable that every setting has."""
    return f"{PREFIX}{kind.upper()}_{'__'.join(str(step).upper() for step in steps)}"


SEVERITY, CONSTITUTION, PROCESSORS = "OTELSIEM_SEVERITY", "OTELSIEM_CONSTITUTION", "OTELSIEM_PROCESSORS"
_LIBRARY = {variable.name: variable for variable in LIBRARY}


def _classic(kind: str) -> Iterator[tuple[Variable, Steps]]:
    """The variables that a gateway has for this destination, and what they stand for here."""
    fields = model(kind).model_fields
    for variable in VARIABLES:
        _, _, rest = variable.key.partition(".")
        id_, _, key = rest.partition(".")
        steps: Steps = tuple(key.split("."))
        each = id_ == EACH and steps[0] in fields and kind in [one.type for one in DESTINATIONS]
        if (id_ == kind or each) and steps[0] not in ELSEWHERE:
            yield variable, RATES.get(steps, steps)


def _put(found: Read, variable: Variable, steps: Steps, env: Mapping[str, str]) -> None:
    text = env.get(variable.name, "").strip()
    if not text:
        return
    value = meant(variable, text)
    if value is None:
        found.problems.append(Problem(variable.name, f"expected {variable.kind.value}"))
    else:
        found.put(steps, value, variable.name)


def _put_processors(found: Read, env: Mapping[str, str]) -> None:
    """Severity is mapped unless that is switched off: nothing can stand before this exporter to do it."""
    told = {name: env[name].strip() for name in (PROCESSORS, SEVERITY, CONSTITUTION) if env.get(name, "").strip()}
    if PROCESSORS in told:
        for other in {SEVERITY, CONSTITUTION} & told.keys():
            found.problems.append(Problem(other, f"contradicts {PROCESSORS}", hint="unset one of them"))
        value, wrong = _json(told[PROCESSORS], dict)
        if wrong:
            found.problems.append(Problem(PROCESSORS, wrong))
        found.put(("processors",), value, PROCESSORS)
        return
    mapped = meant(_LIBRARY[SEVERITY], told.get(SEVERITY, "true"))
    if mapped is None:
        found.problems.append(Problem(SEVERITY, f"expected {_LIBRARY[SEVERITY].kind.value}"))
    chosen: dict[str, Any] = {"severity": {}} if mapped else {}
    if CONSTITUTION in told:
        chosen["constitution"] = {"hash": told[CONSTITUTION]}
        found.origins["processors", "constitution"] = CONSTITUTION
    found.settings["processors"] = chosen


def _doubt(found: Read, env: Mapping[str, str]) -> None:
    """A variable that is nearly one of those for all exporters: silence would be a journal that nobody gets."""
    for name in sorted(env):
        if name.startswith(PREFIX) and env[name] and name not in _LIBRARY:
            near = get_close_matches(name.removeprefix(PREFIX), [one.removeprefix(PREFIX) for one in _LIBRARY], 1, 0.8)
            if near:
                hint = f"did you mean {PREFIX + near[0]!r}?"
                found.problems.append(Problem(name, "is no variable of ours", hint=hint))


def _ours(name: str, kind: str) -> str:
    """What is behind the destination in the name of a variable; "" when it is not this one's."""
    if not name.startswith(start := f"{PREFIX}{kind.upper()}_"):
        return ""
    longer = [one for one in SISTERS.get(kind, ()) if name.startswith(f"{PREFIX}{one.upper()}_")]
    return "" if longer else name[len(start) :]


SISTERS: Mapping[str, Sequence[str]] = {"otlp": ("otlp_http",)}  # whose names begin alike


def _put_systematic(found: Read, name: str, rest: str, text: str) -> None:
    blocks: Sequence[type[BaseModel]] = (model(found.kind), Own)
    steps: list[str] = []
    annotation: Any = None
    for word in rest.lower().split("__"):
        fields = {info.alias or key: info for block in blocks for key, info in block.model_fields.items()}
        if word not in fields:
            known = [systematic(found.kind, [*steps, key]) for key in fields]
            found.problems.append(Problem(name, "is no variable of ours", hint=nearest(name, known)))
            return
        steps.append(word)
        annotation = fields[word].annotation
        blocks = list(models(annotation))
    value, wrong = parsed(annotation, text.strip())
    if wrong:
        found.problems.append(Problem(name, wrong))
    else:
        found.put(tuple(steps), value, name)


def parsed(annotation: Any, text: str) -> tuple[Any, str]:
    """A text as the setting takes it, and what is wrong with it; numbers and truths are read by the model."""
    kinds = set(_kinds(annotation))
    if "block" in kinds or "mapping" in kinds:
        return _json(text, dict) if text.startswith("{") or "mapping" not in kinds else _pairs(text)
    if "list" in kinds:
        return _json(text, list) if text.startswith("[") else ([part.strip() for part in text.split(",")], "")
    return text, ""


def _kinds(annotation: Any) -> Iterator[str]:
    origin = get_origin(annotation)
    if origin in {Union, UnionType, Annotated}:
        for part in get_args(annotation)[: 1 if origin is Annotated else None]:
            yield from _kinds(part)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield "block"
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield "mapping"
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        yield "list"


def _json(text: str, wanted: type) -> tuple[Any, str]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if isinstance(value, wanted):
        return value, ""
    return None, "expected JSON: a mapping" if wanted is dict else "expected JSON: a list"


def _pairs(text: str) -> tuple[Any, str]:
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    if not all(equals and key.strip() for key, equals, _ in pairs):
        return None, "expected pairs such as a=b,c=d, or JSON"
    return {key.strip(): value.strip() for key, _, value in pairs}, ""
