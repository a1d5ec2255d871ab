"""`@audited`: an event for every call of a function: how it ended, how long it took, what it was told, if chosen.

    @audited("sensitive_operation", arguments=("account",), severity="medium")
    def transfer(account, amount): ...

Guarantees: the function behaves as without it: same result, same exception, same laziness if it is a generator or a
coroutine; only arguments that were named are written down, never all; of an exception only its type.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, Protocol, TypeVar, cast

from otelsiem.sdk.convert import mapping

P = ParamSpec("P")
R = TypeVar("R")

ARGUMENT = "audit.arguments."
DURATION = "audit.duration"  # seconds
FUNCTION = "code.function.name"
OURS = frozenset({"outcome", "durable"})  # of `audit`: a call has an outcome, and is not to fail for want of a disk

Take = Callable[..., object]


def audited(
    take: Take, event: str, arguments: Sequence[str], fixed: Mapping[str, Any]
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The decorator; `take` is an AuditLog's `audit`, `fixed` what every event of it has."""
    if isinstance(arguments, str):
        raise TypeError(f"arguments={arguments!r}: give names in a tuple, as ({arguments!r},)")
    for name in OURS & fixed.keys():
        raise TypeError(f"{name}={fixed[name]!r}: audited takes no {name}; audit it in the function instead")

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if isinstance(function, (staticmethod, classmethod)):
            return cast("Callable[P, R]", type(function)(decorate(function.__func__)))
        if isinstance(function, type) or not callable(function):
            raise TypeError(f"audited is for functions and methods, not for {function!r}")
        return wrapped(function, Teller(take, event, _chosen(function, arguments), fixed, function))

    return decorate


class Begins(Protocol):
    """What can tell a function's calls."""

    def call(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> AbstractContextManager[object]: ...


class Teller:
    """Tells one function's calls."""

    __slots__ = ("_chosen", "_event", "_fixed", "_signature", "_take")

    def __init__(
        self, take: Take, event: str, chosen: Sequence[str], fixed: Mapping[str, Any], function: Callable[..., Any]
    ) -> None:
        self._take, self._event, self._chosen = take, event, chosen
        self._signature = inspect.signature(function) if chosen else None
        named = function if hasattr(function, "__qualname__") else type(function)  # functools.partial has none
        self._fixed = {FUNCTION: f"{named.__module__}.{named.__qualname__}", **fixed}

    def call(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> Call:
        """One call, beginning now."""
        return Call(self, self._arguments(given, named), time.perf_counter())

    def tell(self, call: Call, outcome: str, error: str) -> None:
        attributes = {**self._fixed, **call.arguments, DURATION: time.perf_counter() - call.began}
        if error:
            attributes["error.type"] = error
        self._take(self._event, outcome=outcome, **attributes)

    def _arguments(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._signature is None:
            return {}
        try:
            bound = self._signature.bind(*given, **named)
        except TypeError:
            return {}  # the function itself will say so
        bound.apply_defaults()
        return mapping({ARGUMENT + name: bound.arguments[name] for name in self._chosen})  # now: it may change them


class Call:
    """A context manager around one call: whatever leaves it is told, and goes on."""

    __slots__ = ("arguments", "began", "teller")

    def __init__(self, teller: Teller, arguments: Mapping[str, Any], began: float) -> None:
        self.teller, self.arguments, self.began = teller, arguments, began

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None:
            self.teller.tell(self, "success", "")
        elif issubclass(kind, (GeneratorExit, asyncio.CancelledError)):  # stopped from outside: it did not fail
            self.teller.tell(self, "unknown", kind.__qualname__)
        elif isinstance(error, SystemExit) and not error.code:
            self.teller.tell(self, "success", "")
        else:
            self.teller.tell(self, "failure", error_type(kind))


def wrapped(function: Callable[P, R], teller: Begins) -> Callable[P, R]:
    """The function, with every call of it inside what `teller` begins."""
    made: Callable[..., Any]
    if _is(inspect.isasyncgenfunction, function):
        made = _async_generator(function, teller)
    elif _is(inspect.iscoroutinefunction, function):
        made = _coroutine(function, teller)
    elif _is(inspect.isgeneratorfunction, function):
        made = _generator(function, teller)
    else:
        made = _plain(function, teller)
    return cast("Callable[P, R]", functools.wraps(function)(made))


def _is(of: Callable[[Any], bool], function: Any) -> bool:
    return of(function) or of(getattr(function, "__call__", None))  # noqa: B004 - an object with such a method


def _plain(function: Callable[..., Any], teller: Begins) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Any:
        with teller.call(given, named):
            return function(*given, **named)

    return call


def _coroutine(function: Callable[..., Any], teller: Begins) -> Callable[..., Any]:
    async def call(*given: Any, **named: Any) -> Any:
        with teller.call(given, named):
            return await function(*given, **named)

    return call


def _generator(function: Callable[..., Any], teller: Begins) -> Callable[..., Any]:
    def call(*given: Any, **named: Any) -> Generator[Any, Any, Any]:
        with teller.call(given, named):
            return (yield from function(*given, **named))

    return call


def _async_generator(function: Callable[..., Any], teller: Begins) -> Callable[..., Any]:
    async def call(*given: Any, **named: Any) -> AsyncGenerator[Any, Any]:
        with teller.call(given, named):
            inner: AsyncGenerator[Any, Any] = function(*given, **named)
            step = inner.__anext__()
            while True:
                try:
                    item = await step
                except StopAsyncIteration:
                    return
                try:
                    sent = yield item
                except GeneratorExit:
                    await inner.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 - what is thrown in belongs to the function
                    step = inner.athrow(error)
                else:
                    step = inner.asend(sent)

    return call


def _chosen(function: Callable[..., Any], arguments: Sequence[str]) -> Sequence[str]:
    if not arguments:
        return ()  # some that are written in C tell of none
    there = inspect.signature(function).parameters
    for name in arguments:
        if name not in there:
            said = getattr(function, "__qualname__", function)
            raise TypeError(f"audited: {said} has no parameter {name!r}; it has: {', '.join(there) or 'none'}")
    return tuple(arguments)


def error_type(kind: type[BaseException]) -> str:
    """As `error.type` says it."""
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
