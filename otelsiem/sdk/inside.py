"""Processors inside an exporter: severity, stamp and mask for routes that let no processor stand before it.

Guarantees: they are found by name, as in a gateway's file; a wrong name or setting is refused at once.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, cast

from pydantic import BaseModel

from otelsiem import processors as folder
from otelsiem.model.errors import ConfigError, Problem
from otelsiem.model.near import nearest
from otelsiem.model.processor import Processor
from otelsiem.model.settings import Spell, Steps, made
from otelsiem.processors.constitution import Constitution

HERE = "processors"


def processors(given: Sequence[Any] | Mapping[str, Any], spell: Spell) -> Sequence[Processor]:
    """Ready ones as they are; settings as what they stand for. ConfigError."""
    if isinstance(given, Mapping):
        return [_built(name, settings, spell) for name, settings in given.items()]
    for n, one in enumerate(given):
        if not callable(getattr(one, "process", None)) or isinstance(one, type):
            raise ConfigError([Problem(spell((HERE, n), False), "is no processor", hint="for example Severity()")])
    return list(given)


def _built(name: str, settings: Any, spell: Spell) -> Processor:
    found = _model(name)
    if found is None:
        raise ConfigError([Problem(spell((HERE, name), False), "is no processor", hint=nearest(name, _known()))])

    def inner(steps: Steps, missing: bool) -> str:
        return spell((HERE, name, *steps), missing)

    made_of = settings if settings is not None else {}
    if not isinstance(made_of, Mapping):
        raise ConfigError([Problem(inner((), False), "expected a mapping of its settings")])
    built = made(found, made_of, inner)
    if isinstance(built, Constitution) and built.files:
        hint = "only a gateway reads files; give `hash`, as `otelsiem` or your build computes it"
        raise ConfigError([Problem(inner(("files",), False), "is not read in an application", hint=hint)])
    return cast("Processor", built)


def _model(name: str) -> type[BaseModel] | None:
    if name not in _known():
        return None
    kind = "".join(map(str.capitalize, name.split("_")))
    found = getattr(import_module(f"{folder.__name__}.{name}"), kind, None)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _known() -> list[str]:
    return [one.name for one in pkgutil.iter_modules(folder.__path__) if not one.name.startswith("_")]
