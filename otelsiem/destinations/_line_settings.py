"""How lines of CEF and LEEF are written, where a destination lets its user choose.

Guarantees: a delimiter that a value could be mistaken for is refused here, not found out at the receiver.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema, model_validator

from otelsiem.destinations._settings import SETTINGS
from otelsiem.formats import cef, leef
from otelsiem.formats.named import FormatName, Lines, named
from otelsiem.formats.speaker import Product

_HEXADECIMAL = re.compile(r"0?x([0-9A-Fa-f]{2})")


def _delimiter(value: object) -> object:
    """As people and IBM write it: the character, `tab`, or `0x5e`."""
    if not isinstance(value, str):
        return value
    if found := _HEXADECIMAL.fullmatch(value):
        value = chr(int(found[1], 16))
    value = "\t" if value == "tab" else value
    if len(value) != 1 or value not in leef.DELIMITERS:
        raise ValueError(f"must be tab or one of {' '.join(leef.DELIMITERS.strip())}")
    return value


def _version(value: object) -> object:
    """Without quotes YAML reads 2.0 as a number."""
    return f"{value:.1f}" if isinstance(value, int | float) and not isinstance(value, bool) else value


Delimiter: TypeAlias = Annotated[
    str,
    BeforeValidator(_delimiter),
    WithJsonSchema({"type": "string", "pattern": f"^(tab|0?x[0-9A-Fa-f]{{2}}|[{re.escape(leef.DELIMITERS)}])$"}),
]
Version: TypeAlias = Annotated[
    Literal["1.0", "2.0"], BeforeValidator(_version), WithJsonSchema({"enum": ["1.0", "2.0", 1, 2]})
]


class Cef(BaseModel):
    """How CEF is written."""

    model_config = SETTINGS

    version: Literal[0, 1] = Field(0, description="0: what every parser takes; 1: CEF 1.2, with keys for targets")


class Leef(BaseModel):
    """How LEEF is written."""

    model_config = SETTINGS

    version: Version = Field("2.0", description="1.0 is for old DSMs")
    delimiter: Delimiter = Field("^", description="between attributes; many relays garble the tab, the only one of 1.0")

    @model_validator(mode="after")
    def _tab(self) -> Leef:
        if self.version == "1.0" and "delimiter" in self.model_fields_set and self.delimiter != "\t":
            raise ValueError("delimiter: LEEF 1.0 knows only the tab; write version 2.0, or leave it out")
        return self


def lines_of(name: FormatName, product: Product, how: Cef | Leef | None) -> Lines:
    """The format, written as it was set."""
    if isinstance(how, Cef):
        in_cef = cef.Style(product, how.version)
        return lambda batch, at: cef.lines(batch, at, in_cef)
    if isinstance(how, Leef):
        in_leef = leef.Style(product, how.version, how.delimiter)
        return lambda batch, at: leef.lines(batch, at, in_leef)
    return named(name, product)
