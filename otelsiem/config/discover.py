"""Components by name: `type: splunk_hec` is the class `SplunkHec` of the module `otelsiem.destinations.splunk_hec`.

There is no registry: a file in the folder is enough, and destinations of other packages come through the entry point
group `otelsiem.destinations`. Both spellings of a type are understood (`otlp_http`, `otlphttp`).
"""

from __future__ import annotations

import pkgutil
import re
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from types import ModuleType

from pydantic import BaseModel

from otelsiem import destinations, processors
from otelsiem.adapter import SiemAdapter
from otelsiem.destinations._adapter import destination as adapted
from otelsiem.model.errors import OtelsiemError

DESTINATIONS = "otelsiem.destinations"

_TYPE = re.compile(r"[a-z][a-z0-9_]{0,62}")


class NotLoadableError(OtelsiemError):
    """The type exists, but what it needs cannot be imported; the message says what."""


def destination(kind: str) -> type[BaseModel] | None:
    """The settings model of a destination, or None when nobody knows the type."""
    return _own(destinations, kind) or _foreign(kind)


def processor(kind: str) -> type[BaseModel] | None:
    """The settings model of a processor, or None when nobody knows the type."""
    return _own(processors, kind)


def destination_types() -> list[str]:
    """Every type of destination that is installed."""
    return sorted({*_types(destinations), *(point.name for point in _points())})


def processor_types() -> list[str]:
    """Every type of processor that is installed."""
    return sorted(_types(processors))


def origin(kind: str) -> str:
    """The distribution that a destination comes from; "" for our own."""
    point = None if kind in _types(destinations) else next((p for p in _points() if p.name == kind), None)
    return f"{point.dist.name} {point.dist.version}" if point is not None and point.dist is not None else ""


def camel(kind: str) -> str:
    """`splunk_hec` → `SplunkHec`."""
    return "".join(part[:1].upper() + part[1:] for part in kind.split("_"))


def _own(package: ModuleType, kind: str) -> type[BaseModel] | None:
    if not _TYPE.fullmatch(kind):
        return None
    names = _modules(package)
    name = kind if kind in names else next((n for n in names if _bare(n) == _bare(kind)), "")
    return _model(f"{package.__name__}.{name}", camel(name)) if name else None


def _bare(name: str) -> str:
    return name.replace("_", "")


def _model(module: str, name: str) -> type[BaseModel] | None:
    try:
        found = getattr(import_module(module), name, None)
    except ImportError as missing:  # MissingExtraError is raised when used, an ImportError when imported
        raise NotLoadableError(f"cannot be used: {missing}") from missing
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _types(package: ModuleType) -> list[str]:
    """Helpers share the folder: a type is a module that holds the class of its name."""
    found = []
    for name in _modules(package):
        try:
            if _model(f"{package.__name__}.{name}", camel(name)):
                found.append(name)
        except OtelsiemError:
            found.append(name)  # it exists, its packages do not
    return found


def _modules(package: ModuleType) -> list[str]:
    return [module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")]


def _foreign(kind: str) -> type[BaseModel] | None:
    for point in _points():
        if _bare(point.name) == _bare(kind):
            return _loaded(point)
    return None


def _points() -> EntryPoints:
    return entry_points(group=DESTINATIONS)


def _loaded(point: EntryPoint) -> type[BaseModel]:
    try:
        found = point.load()
    except Exception as why:  # another package's code runs here: whatever it raises is its owner's to mend
        raise NotLoadableError(f"the package that brings it cannot be loaded: {why}") from why
    if isinstance(found, type) and issubclass(found, SiemAdapter):
        try:
            return adapted(found)
        except Exception as why:  # its signature and annotations are another's code too
            raise NotLoadableError(f"{point.value} cannot be configured: {why}") from why
    if not (isinstance(found, type) and issubclass(found, BaseModel)):
        raise NotLoadableError(f"{point.value} is neither a pydantic model class nor a SiemAdapter")
    return found
