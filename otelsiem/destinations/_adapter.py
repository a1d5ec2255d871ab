"""A `SiemAdapter` as a destination: its settings from the parameters of `__init__`, its fates as outcomes. Pure.

What its methods do happens in the transport (`transport/adapter.py`); here events are written and answers are read.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar, get_type_hints

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, create_model

from otelsiem.adapter import SiemAdapter
from otelsiem.delivery.judge import LONGEST_DELAY, judge_failure, judge_http
from otelsiem.destinations._payloads import LARGE_PIECE, Lines, payloads
from otelsiem.destinations._quote import quoted
from otelsiem.destinations._settings import SETTINGS
from otelsiem.formats.json import Style, lines
from otelsiem.model.adapter import AdapterSettings, CallRequest, Fate
from otelsiem.model.destination import Encoded, Limits, Moment, Payload
from otelsiem.model.duration import Duration
from otelsiem.model.exchange import Exchange, Failure, Reply
from otelsiem.model.outcome import Delivered, Hold, Outcome, Partial, Reject, Retry, Split
from otelsiem.model.record import Batch

_SECRET = re.compile(
    r"token|password|passwd|secret|credential|api_?key|authorization|private|access_key", re.IGNORECASE
)
_STYLE = Style()

T = TypeVar("T")


class AdapterDestination(BaseModel):
    """The part that all adapters share; `destination` makes one with the settings of a class."""

    model_config = SETTINGS

    kind: ClassVar[type[SiemAdapter]] = SiemAdapter

    timeout: Duration = Field(10.0, description="total time for one call")

    def __repr_args__(self) -> Sequence[tuple[str | None, Any]]:
        return [("timeout", self.timeout)]  # what else there is may be a secret that only its author knows

    @property
    def limits(self) -> Limits:
        return Limits(records=max(self.kind.batch_size, 1))

    @property
    def wire(self) -> AdapterSettings:
        return AdapterSettings(self.kind.__name__, self.made, self.timeout)

    def made(self) -> SiemAdapter:
        """The adapter with these settings."""
        return self.kind(**_given(self))

    def encode(self, batch: Batch, at: Moment) -> Encoded:
        def write(part: Batch) -> Lines:
            return b"".join([line + b"\n" for line in lines(part, at, _STYLE)]), ()

        return payloads(batch, write, self.limits, piece=LARGE_PIECE)

    def exchange(self, payload: Payload, at: Moment) -> Exchange:
        reply = yield CallRequest("send", payload.body)
        return _outcome(reply, len(payload.indices), at.now, self._secrets)

    def probe(self, at: Moment) -> Exchange:
        reply = yield CallRequest("health")
        outcome = _outcome(reply, 1, at.now, self._secrets)
        if isinstance(outcome, Reject | Split):
            return Hold(outcome.reason)
        return outcome

    @property
    def _secrets(self) -> tuple[str, ...]:
        found = [value for name, value in _given(self).items() if _SECRET.search(name) or name in self._hidden()]
        return tuple([value for value in map(_plain, found) if isinstance(value, str) and value])

    def _hidden(self) -> set[str]:
        return {name for name in type(self).model_fields if isinstance(getattr(self, name), SecretStr)}


_models: dict[type[SiemAdapter], type[AdapterDestination]] = {}


def destination(kind: type[SiemAdapter]) -> type[AdapterDestination]:
    """The settings model of an adapter class, always the same one: settings that are equal must be equal.

    Raises TypeError where its `__init__` cannot be configured.
    """
    if kind not in _models:
        _models[kind] = _model(kind)
    return _models[kind]


def _model(kind: type[SiemAdapter]) -> type[AdapterDestination]:
    fields: dict[str, Any] = {}
    config: ConfigDict = {**SETTINGS}
    hints = _hints(kind)
    for name, parameter in list(inspect.signature(kind.__init__).parameters.items())[1:]:
        if parameter.kind is parameter.VAR_KEYWORD:
            config["extra"] = "allow"
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
            raise TypeError(f"{kind.__name__}.__init__: the parameter {name} has no name to be set by")
        else:
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = _field(name, hints.get(name, Any), default)
    made = create_model(kind.__name__, __base__=AdapterDestination, __doc__=inspect.getdoc(kind), **fields)
    made.kind = kind
    made.model_config = config
    made.model_rebuild(force=True)
    return made


def around(adapter: SiemAdapter, timeout: float = 10.0) -> AdapterDestination:
    """A destination that calls this very adapter, for Python."""
    return _Around(timeout=timeout, adapter=adapter)


class _Around(AdapterDestination):
    """One that was made by its user."""

    model_config = ConfigDict(**{**SETTINGS, "arbitrary_types_allowed": True})

    timeout: float = 10.0
    adapter: SiemAdapter = Field(repr=False)

    @property
    def limits(self) -> Limits:
        return Limits(records=max(self.adapter.batch_size, 1))

    @property
    def wire(self) -> AdapterSettings:
        return AdapterSettings(type(self.adapter).__name__, lambda: self.adapter, self.timeout)

    @property
    def _secrets(self) -> tuple[str, ...]:
        found = vars(self.adapter) if hasattr(self.adapter, "__dict__") else {}
        return tuple([str(_plain(value)) for name, value in found.items() if _SECRET.search(name) and _plain(value)])


def _hints(kind: type[SiemAdapter]) -> Mapping[str, Any]:
    try:
        return get_type_hints(kind.__init__)
    except Exception:  # noqa: BLE001 - annotations are code of another package, and may name what is not there
        return {}


def _field(name: str, annotation: Any, default: Any) -> tuple[Any, Any]:
    if _SECRET.search(name) and annotation in (str, str | None):
        return (SecretStr if annotation is str else SecretStr | None), Field(_secret(default))
    try:
        TypeAdapter(annotation).json_schema()
    except Exception:  # noqa: BLE001 - a type that no YAML can write: whatever stands there is passed on
        annotation = Any
    return annotation, Field(default)


def _secret(default: Any) -> Any:
    return SecretStr(default) if isinstance(default, str) else default


def _given(made: AdapterDestination) -> dict[str, Any]:
    """The arguments for `__init__`; a secret that was asked for as text is given as text."""
    names = list(inspect.signature(made.kind.__init__).parameters)[1:]
    hints = _hints(made.kind)
    found = {name: getattr(made, name) for name in names if name in type(made).model_fields}
    texts = {name: _plain(value) for name, value in found.items() if hints.get(name) in (str, str | None)}
    return {**found, **texts, **(made.model_extra or {})}


def _plain(value: Any) -> Any:
    return value.get_secret_value() if isinstance(value, SecretStr) else value


_fates = msgspec.json.Decoder(list[Fate])


def _outcome(reply: Reply, events: int, now: int, secrets: tuple[str, ...]) -> Outcome:
    if isinstance(reply, Failure):
        return judge_failure(Failure(reply.kind, quoted(reply.detail, secrets) or "no reason given", reply.sent))
    if reply.status != 200:
        return judge_http(reply, now)
    try:
        fates = _fates.decode(reply.body)
    except (ValueError, RecursionError):
        fates = []
    if len(fates) != events:
        return Hold("what the adapter's transport says cannot be read")
    return _judged([Fate(fate.kind, quoted(fate.reason, secrets) or "no reason given", fate.after) for fate in fates])


def _judged(fates: Sequence[Fate]) -> Outcome:
    kinds = {fate.kind for fate in fates}
    first = fates[0]
    after = min(max([0.0, *[fate.after for fate in fates if fate.after == fate.after]]), LONGEST_DELAY)
    if kinds == {"delivered"}:
        return Delivered()
    if kinds == {"again"}:
        return Retry(first.reason, after)
    if "held" in kinds and kinds <= {"held", "again"}:
        return Hold(next(fate.reason for fate in fates if fate.kind == "held"))
    if len(fates) == 1:
        return Reject(first.reason)
    return Partial(
        delivered=_places(fates, "delivered"),
        again=_places(fates, "again"),
        rejected={n: fates[n].reason for n in _places(fates, "rejected")},
        held={n: fates[n].reason for n in _places(fates, "held")},
        after=after,
        reason=next((fate.reason for fate in fates if fate.kind == "again"), ""),
    )


def _places(fates: Sequence[Fate], kind: str) -> list[int]:
    return [n for n, fate in enumerate(fates) if fate.kind == kind]
