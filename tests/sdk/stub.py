"""`python -m tests.sdk.stub` writes `otelsiem/sdk/ready.pyi` from the settings of the destinations.

What people type is not what a model holds: text for a secret, `"30s"` for seconds, a mapping for a block.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

import otelsiem.sdk.ready
from otelsiem.sdk.ready import READY
from otelsiem.sdk.settled import Own, SettledExporter, model

PLACE = Path(otelsiem.sdk.ready.__file__).with_suffix(".pyi")

HEAD = """\
# Written by `python -m tests.sdk.stub`: the settings of each destination, as they are typed.
# ruff: noqa: A002 - their names are the settings' own
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from otelsiem.model.match import Match
from otelsiem.model.processor import Processor
from otelsiem.sdk.settled import SettledExporter

"""
OURS = {
    "journal": "str | Path | None",
    "processors": "Sequence[Processor] | Mapping[str, Any]",
    "match": "Match | Mapping[str, Any] | None",
}


def text() -> str:
    return HEAD + "\n\n".join(_class(one) for one in READY) + "\n\nREADY: tuple[type[SettledExporter], ...]\n"


def _class(ready: type[SettledExporter]) -> str:
    fields = model(ready.destination).model_fields
    lines = [_argument(name, info) for name, info in sorted(fields.items(), key=lambda item: not item[1].is_required())]
    lines += [_argument(name, info, OURS.get(name, "")) for name, info in Own.model_fields.items()]
    said = "\n".join(_within(f"        {line},") for line in lines)
    opening = f"class {ready.__name__}(SettledExporter):\n    def __init__(\n        self,\n        *,\n"
    return f"{opening}{said}\n    ) -> None: ..."


def _within(line: str) -> str:
    """As ruff wraps it."""
    if len(line) <= 120:
        return line
    before, _, rest = line.partition("Literal[")
    inside, _, after = rest.rpartition("]")
    return f"{before}Literal[\n            {inside}\n        ]{after}"


def _argument(name: str, info: FieldInfo, said: str = "") -> str:
    said = said or _typed(info.annotation, info.metadata)
    return f"{info.alias or name}: {said}" + ("" if info.is_required() else " = ...")


def _typed(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """What may be written for it."""
    kinds = list(dict.fromkeys(_kinds(annotation, metadata)))
    if "Any" in kinds:
        return "Any"
    words = [kind for kind in kinds if kind.startswith('"')]
    others = [kind for kind in kinds if kind not in {*words, "None"}]
    literal = [f"Literal[{', '.join(words)}]"] if words else []
    return " | ".join([*literal, *others, *(["None"] if "None" in kinds else [])])


def _kinds(annotation: Any, metadata: Sequence[Any] = ()) -> list[str]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return _kinds(inner, [*metadata, *more])
    converted = any(type(one).__name__ in {"BeforeValidator", "WrapValidator", "PlainValidator"} for one in metadata)
    if annotation is float and converted:
        return ["str"]  # a duration
    if origin in {Union, types.UnionType}:
        found = [kind for part in get_args(annotation) for kind in _kinds(part)]
    else:
        found = _plain(annotation, origin)
    return [*found, "str"] if converted and "str" not in found else found


def _plain(annotation: Any, origin: Any) -> list[str]:
    if annotation is type(None):
        return ["None"]
    if annotation in {str, SecretStr}:
        return ["str"]
    if annotation in {int, float, bool}:
        return [annotation.__name__]
    if origin is Literal:
        return [f'"{word}"' for word in get_args(annotation)]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return ["Mapping[str, Any]"]
    if isinstance(origin, type) and issubclass(origin, Sequence):
        return [f"Sequence[{_typed(get_args(annotation)[0])}]"]
    if isinstance(annotation, type) and (issubclass(annotation, BaseModel) or is_dataclass(annotation)):
        return ["Mapping[str, Any]"]
    return ["Any"]


if __name__ == "__main__":
    PLACE.write_text(text(), "utf-8")
