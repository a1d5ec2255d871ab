"""A copy of the SDK's record that is finished when it is read: in the thread that exports, not in the one that logs.

For `BatchLogRecordProcessor`, which keeps records and reads nothing of them: judging one at emit time costs its caller
ten microseconds, and this one. Guarantees: whoever reads it, and how often, finds the same.
"""

from __future__ import annotations

from collections.abc import Callable
from types import new_class
from typing import Any, TypeAlias

from otelsiem.sdk.twin import twin

Finish: TypeAlias = Callable[[dict[str, Any], Any], None]
"""Puts what is late into the fields of the record; beside them it gets what it left for itself at emit time."""

LATE = ("attributes", "severity_number")

_FINISH = "_otelsiem_finish"


class _Late:
    def __getattr__(self, name: str) -> Any:
        """Called for what is not there."""
        fields = self.__dict__
        if name in LATE and (waiting := fields.get(_FINISH)) is not None:
            finish, left = waiting
            finish(fields, left)
            fields.pop(_FINISH, None)
        if name in LATE and name in fields:  # also when another thread has finished it meanwhile
            return fields[name]
        raise AttributeError(name)

    def __copy__(self) -> Any:
        """Nobody else has it, so the copy that BatchLogRecordProcessor makes (3 us) would be one too many."""
        return self


_kinds: dict[type, type | None] = {}  # the SDK has one class of records


def later(record: Any, finish: Finish, left: Any) -> Any:
    """A copy whose `LATE` fields come when they are asked for; None when a record of this kind cannot be so."""
    kind = type(record)
    if kind not in _kinds:
        able = hasattr(record, "__dict__") and not any(hasattr(kind, name) for name in LATE)
        _kinds[kind] = new_class(kind.__name__, (_Late, kind)) if able else None
    if (late := _kinds[kind]) is None:
        return None
    fields = record.__dict__.copy()
    for name in LATE:
        fields.pop(name, None)
    fields[_FINISH] = finish, left
    return twin(late, fields)
