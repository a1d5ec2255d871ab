"""Settings against their pydantic model: the model's instance, or every problem at once in words of ours.

Guarantees: no message shows a value that was given, which may be a secret; each names the setting as its user spells
it, what was expected, and for a wrong name the one that was meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError

from otelsiem.model.errors import ConfigError, Problem
from otelsiem.model.near import nearest
from otelsiem.model.secret import redact

M = TypeVar("M", bound=BaseModel)
Steps: TypeAlias = tuple[str | int, ...]
Spell: TypeAlias = Callable[[Steps, bool], str]
"""How the user spells the setting at these steps; told whether it is one that is missing."""

_EXPECTED = (
    (r"bool_.*", "true or false"),
    (r"int_.*", "a whole number"),
    (r"(float|decimal)_.*", "a number"),
    (r"finite_number", "a finite number"),
    (r"string_type|path_type", "text"),
    (r"(list|tuple|set)_type", "a list"),
    (r"dict_type|model_type|model_attributes_type|mapping_type|dataclass_type", "a mapping of keys"),
    (r"literal_error|enum", "{expected}"),
    (r"greater_than_equal", "at least {ge}"),
    (r"greater_than", "more than {gt}"),
    (r"less_than_equal", "at most {le}"),
    (r"less_than", "less than {lt}"),
    (r"string_too_long", "at most {max_length} characters"),
    (r"string_too_short", "at least {min_length} characters"),
    (r"string_pattern_mismatch", "another form"),
)


def expected(kind: str, context: Mapping[str, Any]) -> str:
    """What pydantic's kinds of errors wanted, in our words; "" for those that say it themselves."""
    for pattern, words in _EXPECTED:
        if re.fullmatch(pattern, kind):
            return words.format(**{k: f"{v:g}" if isinstance(v, float) else v for k, v in context.items()})
    return ""


def spelled(name: str) -> Spell:
    """As keyword arguments of `name` are."""
    return lambda steps, _: ".".join([name, *map(str, steps)])


def made(model: type[M], settings: Mapping[str, Any], spell: Spell, also: tuple[str, ...] = ()) -> M:
    """The model's instance. ConfigError has every problem. `also`: names that others read."""
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        problems = dict.fromkeys(_problem(model, settings, detail, spell, also) for detail in details)
    raise ConfigError(list(problems))  # without its cause, which shows what was typed


def names(model: type[BaseModel]) -> Mapping[str, str]:
    """The settings as they are typed, and what each is."""
    return {info.alias or name: info.description or "" for name, info in model.model_fields.items()}


def _problem(
    model: type[BaseModel], settings: Mapping[str, Any], detail: Mapping[str, Any], spell: Spell, also: tuple[str, ...]
) -> Problem:
    steps: Steps = detail["loc"]
    missing = detail["type"] == "missing"
    taken = steps if missing else _taken(settings, steps)
    if missing:
        return Problem(spell(steps, True), "is missing", hint=_known(model, steps[:-1]).get(str(steps[-1]), ""))
    if detail["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        known = [*_known(model, steps[:-1]), *(also if len(steps) == 1 else ())]
        return Problem(spell(steps, False), "is no setting", hint=nearest(str(steps[-1]), known))
    context = detail.get("ctx", {})
    if detail["type"] in {"value_error", "assertion_error"}:
        said = str(context.get("error", detail["msg"]))
    elif words := expected(detail["type"], context):
        said = f"expected {words}"
    else:
        said = detail["msg"].replace("Input should", "this should")
    return Problem(spell(taken, False), redact(said, _secrets(model, settings)))


def _taken(settings: Any, steps: Steps) -> Steps:
    """As far as these steps are in what was typed: behind that come the model's own."""
    for n, step in enumerate(steps):
        if not (isinstance(settings, Mapping) and step in settings):
            return steps[:n]
        settings = settings[step]
    return steps


def _secrets(model: type[BaseModel], settings: Mapping[str, Any]) -> Iterator[str]:
    """Texts given for a setting that is a secret or holds one."""
    for name, info in model.model_fields.items():
        if _holds_secret(info.annotation):
            yield from _texts([settings.get(info.alias or name), settings.get(name)])


def _holds_secret(annotation: object, within: tuple[object, ...] = ()) -> bool:
    if annotation in within:  # conditions hold conditions
        return False
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields.values()
        return any(_holds_secret(info.annotation, (*within, annotation)) for info in fields)
    return annotation is SecretStr or any(_holds_secret(part, within) for part in get_args(annotation))


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _texts(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)


def _known(model: type[BaseModel], steps: Steps) -> Mapping[str, str]:
    """The settings of the block at these steps."""
    return next((names(owner) for owner in _owners(model, steps)), {})


def _owners(model: type[BaseModel], steps: Steps) -> Iterator[type[BaseModel]]:
    if not steps:
        yield model
        return
    for name, info in model.model_fields.items():
        if steps[0] in {info.alias or name, name}:
            for inner in models(info.annotation):
                yield from _owners(inner, steps[1:])
                yield from _owners(inner, steps[2:])  # a list of blocks, or a mapping of them: one step is the index


def models(annotation: object) -> Iterator[type[BaseModel]]:
    """The blocks that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)
