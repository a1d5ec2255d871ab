"""Formats by name, for destinations that carry any of them: `cef` is the module `otelsiem.formats.cef`.

There is no registry. A module of this folder that has `Style` (a frozen dataclass with a `product`) and `lines` (a
batch to one line per record, in order, without a newline in it or behind it) is a format.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Literal, TypeAlias

from otelsiem.formats.speaker import Product
from otelsiem.model.destination import Moment
from otelsiem.model.record import Batch

FormatName: TypeAlias = Literal["json", "ecs", "ocsf", "cef", "leef", "rfc5424", "rfc3164", "datadog"]
BY_COLUMNS = frozenset({"json", "ecs", "ocsf", "rfc5424", "rfc3164"})  # they write many alike records together
Lines: TypeAlias = Callable[[Batch, Moment], list[bytes]]


def named(name: FormatName, product: Product) -> Lines:
    """The format with nothing set but who speaks."""
    module = import_module(f"otelsiem.formats.{name}")
    style = module.Style(product=product)

    def lines(batch: Batch, at: Moment) -> list[bytes]:
        made: list[bytes] = module.lines(batch, at, style)
        return made

    return lines
