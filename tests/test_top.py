"""What is imported from the top: everything that is promised is there, and nothing comes before it is asked for."""

from __future__ import annotations

import inspect
import keyword
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from textwrap import indent
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel, BeforeValidator
from pydantic.fields import FieldInfo

import otelsiem

FILE = Path(otelsiem.__file__).parent / "__init__.pyi"
NAMES = re.findall(r"^from (\S+) import (\w+) as (\w+)$", FILE.read_text("utf-8"), re.MULTILINE)


def test_type_checkers_are_told_the_same() -> None:
    told = {name: module.removeprefix("otelsiem.") for module, name, _ in NAMES}
    assert told == otelsiem._LAZY
    assert [known for _, name, known in NAMES if known not in (name, f"_{name}")] == []


MODELS = [name for name in otelsiem._LAZY if isinstance(getattr(otelsiem, name), type(BaseModel))]
MARK = "\n# Settings as they may be written: pydantic makes of a text what it stands for. By `--update-golden`.\n"


def test_what_may_be_written_is_no_mistake_to_a_type_checker(update_golden: bool) -> None:
    """Without pydantic's plugin `SplunkHec(endpoint="https://…", token="…")` is one: a text is no SecretStr."""
    written = MARK + "".join(_model(name, getattr(otelsiem, name)) for name in MODELS)
    head, _, told = FILE.read_text("utf-8").partition(MARK)
    if update_golden:
        FILE.write_text(head + written, "utf-8")
        return
    assert MARK + told == written, "if that is meant: --update-golden"


def _model(name: str, model: type[BaseModel]) -> str:
    fields = {one.alias or key: one for key, one in model.model_fields.items()}
    named = sorted((key for key in fields if not keyword.iskeyword(key)), key=lambda key: not fields[key].is_required())
    given = [f"        {key}: {_kind(fields[key])}{'' if fields[key].is_required() else ' = ...'},\n" for key in named]
    if len(named) < len(fields):
        given.append("        **more: Any,\n")
    body, doc = "".join(given), _doc(model, {key: fields[key] for key in named})
    return f"\nclass {name}(_{name}):\n{doc}    def __init__(\n        self,\n        *,\n{body}    ) -> None: ...\n"


def _doc(model: type[BaseModel], fields: Mapping[str, FieldInfo]) -> str:
    """What an editor shows."""
    told = "\n".join([f"`{key}`: {one.description}" for key, one in fields.items() if one.description])
    return indent(f'"""{inspect.cleandoc(model.__doc__ or "")}\n\n{told}\n"""\n\n', "    ")


def _kind(field: FieldInfo) -> str:
    """What cannot be anything else is told; all other things can be written in several ways."""
    kind: Any = field.annotation
    if not any(isinstance(one, BeforeValidator) for one in field.metadata):
        if kind in (str, bool, int):
            return str(kind.__name__)
        if get_origin(kind) is Literal:
            words = ", ".join(f'"{word}"' if isinstance(word, str) else repr(word) for word in get_args(kind))
            return f"Literal[{words}]"
    return "Any"


@pytest.mark.parametrize("name", otelsiem._LAZY)
def test_everything_is_there(name: str) -> None:
    assert getattr(otelsiem, name).__name__ == name
    assert name in dir(otelsiem)


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(AttributeError, match="'otelsiem' has no attribute 'SplunkHek'"):
        _ = otelsiem.SplunkHek  # type: ignore[attr-defined]  # that is the point


HEAVY = ("yaml", "grpc", "prometheus_client", "uvicorn", "typer", "confluent_kafka", "botocore", "zstandard", "isal")


def test_an_application_loads_nothing_of_the_gateway() -> None:
    """What is not in the light install must not be needed: it is made impossible to import."""
    blocked = "".join(f"sys.modules[{name!r}] = None\n" for name in HEAVY)
    wanted = ", ".join(name for name in otelsiem._LAZY)
    code = f"import sys\n{blocked}from otelsiem import {wanted}\nassert 'otelsiem.gateway' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
