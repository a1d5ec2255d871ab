"""What must happen when this process forks: told once here, done whoever forks.

Python runs `os.register_at_fork` for `os.fork` and what is made of it. A server written in C that forks by itself
(uWSGI, unless told otherwise) runs nothing: `forked` does it there. Guarantee: what is done in a child may be done
twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable

Hook = Callable[[], object]

_in_child: list[Hook] = []


def at_fork(*, child: Hook, before: Hook | None = None, parent: Hook | None = None) -> None:
    """Hooks for the rest of this process's life, and its children's. `child` may be called more than once in one."""
    _in_child.append(child)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=before or _nothing, after_in_parent=parent or _nothing, after_in_child=child)


def forked() -> None:
    """We are a child, and Python was not told."""
    for hook in _in_child:
        hook()


def _nothing() -> None:
    """For a fork at which nothing is to be done."""
