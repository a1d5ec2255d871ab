"""Exporters that are made of a destination's own settings: what the ready classes have in common.

    SplunkHecExporter(endpoint="https://splunk.example.com:8088", token=…, index="audit", journal="audit-journal/")

Guarantees: a wrong name or value is refused at once, with every problem, the settings' names and no value of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

from otelsiem.model.destination import Destination
from otelsiem.model.errors import ConfigError, Problem
from otelsiem.model.match import Match
from otelsiem.model.settings import Spell, made, names, spelled
from otelsiem.outbox import Outlet
from otelsiem.sdk.exporter import TIMEOUT, SiemLogExporter
from otelsiem.sdk.inside import processors as built

M = TypeVar("M", bound=BaseModel)


class Own(BaseModel):
    """What every ready class has beside the settings of its destination."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)

    journal: str | Path | None = Field(None, description="directory of the journal; unset: what waits, waits in memory")
    name: str = Field("", description="name of the exporter in the journal, in metrics and in the log; unset: its type")
    export_timeout: float = Field(TIMEOUT, gt=0, description="seconds that one export may take")
    processors: Sequence[Any] | Mapping[str, Any] = Field(
        (), description="what works on records inside: processors, or the settings of each by its name"
    )
    match: Match | None = Field(None, description="which records it takes")
    rate: float = Field(0.0, ge=0, description="records a second; 0 = as many as are taken")
    burst: float = Field(0.0, ge=0, description="records at once, with `rate`")


class SettledExporter(SiemLogExporter):
    """A destination's settings and `Own` ones as keyword arguments."""

    destination: ClassVar[str]  # the file of its destination: splunk_hec

    def __init__(self, **settings: Any) -> None:
        self._settle(settings, spelled(type(self).__name__))

    def _settle(self, settings: Mapping[str, Any], spell: Spell) -> None:
        """ConfigError when they are not good."""
        theirs = {key: value for key, value in settings.items() if key not in names(Own)}
        problems: list[Problem] = []
        destination = self._made(model(self.destination), theirs, spell, problems)
        own = self._made(Own, {key: value for key, value in settings.items() if key not in theirs}, spell, problems)
        if destination is None or own is None:
            raise ConfigError(problems)
        SiemLogExporter.__init__(
            self,
            Outlet(cast("Destination", destination), match=own.match, rate=own.rate, burst=own.burst),
            journal=own.journal,
            timeout=own.export_timeout,
            processors=built(own.processors, spell),
            name=own.name or self.destination,
        )

    @staticmethod
    def _made(kind: type[M], settings: Mapping[str, Any], spell: Spell, problems: list[Problem]) -> M | None:
        try:
            return made(kind, settings, spell, also=tuple(names(Own)))
        except ConfigError as wrong:
            problems += wrong.problems
            return None


@cache
def model(kind: str) -> type[BaseModel]:
    """The settings of our own destination of this type."""
    found = getattr(import_module(f"otelsiem.destinations.{kind}"), "".join(map(str.capitalize, kind.split("_"))))
    return cast("type[BaseModel]", found)
