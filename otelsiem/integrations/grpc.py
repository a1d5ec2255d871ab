"""gRPC servers, sync and aio: calls as events, and who called from where on every event made while one is answered.

    grpc.server(pool, interceptors=[AuditInterceptor({"bank.Accounts/*": "account_access"}, actor=whose)])

Put it first: what the interceptors behind it refuse is an event too. Guarantees: requests, responses, exceptions,
`abort` and cancellation are as without us; of a message nothing is written, of metadata what `actor` takes from it.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio

from otelsiem.auditing.context import reset, set_bound
from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._rpc import Actor, Call, Calls, Methods

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Details: TypeAlias = "grpc.HandlerCallDetails"
Behaviour: TypeAlias = Callable[[Any, Any], Any]

if TYPE_CHECKING:  # the stubs say that they are generic, the classes are not
    _Sync: TypeAlias = grpc.ServerInterceptor[Any, Any]
    _Aio: TypeAlias = grpc.aio.ServerInterceptor[Any, Any]
else:
    _Sync, _Aio = grpc.ServerInterceptor, grpc.aio.ServerInterceptor

_MADE_BY = {  # request stream, response stream -> what such a handler is made by, and where it has its function
    (False, False): (grpc.unary_unary_rpc_method_handler, "unary_unary"),
    (False, True): (grpc.unary_stream_rpc_method_handler, "unary_stream"),
    (True, False): (grpc.stream_unary_rpc_method_handler, "stream_unary"),
    (True, True): (grpc.stream_stream_rpc_method_handler, "stream_stream"),
}


class AuditInterceptor(_Sync):
    """`methods`: glob → event, the first that matches decides, "" is none; or globs of calls that are `rpc_call`.

    `actor`: from a call's metadata to a user id, or to what `bind` takes.
    """

    def __init__(self, methods: Methods | None = None, *, actor: Actor | None = None, log: AuditLog | None = None):
        self._calls = Calls(methods, actor, log)

    def intercept_service(self, continuation: Callable[[Details], Handler | None], details: Details) -> Handler | None:
        """Called by gRPC."""
        return _wrapped(self._calls, continuation(details), details, _plain)


class AioAuditInterceptor(_Aio):
    """The same for `grpc.aio`."""

    def __init__(self, methods: Methods | None = None, *, actor: Actor | None = None, log: AuditLog | None = None):
        self._calls = Calls(methods, actor, log)

    async def intercept_service(  # type: ignore[override]  # None: nobody serves it
        self, continuation: Callable[[Details], Awaitable[Handler | None]], details: Details
    ) -> Handler | None:
        """Called by gRPC."""
        return _wrapped(self._calls, await continuation(details), details, _asynchronous)


def _wrapped(
    calls: Calls,
    handler: Handler | None,
    details: Details,
    wrap: Callable[[Calls, Details, Behaviour, bool], Behaviour],
) -> Handler | None:
    try:
        if calls.event(details.method) == "":
            return handler
        if handler is None:
            calls.begin(details.method, details.invocation_metadata).over("UNIMPLEMENTED")
            return None
        make, name = _MADE_BY[bool(handler.request_streaming), bool(handler.response_streaming)]
        behaviour = getattr(handler, name)
        if getattr(behaviour, "experimental_non_blocking", False):  # of grpc itself: it answers by a callback
            return handler
        answer = wrap(calls, details, behaviour, bool(handler.response_streaming))
        vars(answer).update(getattr(behaviour, "__dict__", {}))  # a thread pool of its own, for one
        return make(answer, handler.request_deserializer, handler.response_serializer)
    except Exception:  # noqa: BLE001 - P6: a handler of somebody's own that is not like the others
        calls.complain("a call could not be watched", failed=True)
        return handler


def _begun(calls: Calls, details: Details, context: Any) -> Call:
    call = calls.begin(details.method, details.invocation_metadata)
    with calls.harmless("a call's peer could not be read"):
        call.came_from(context.peer())
    return call


# --- sync ------------------------------------------------------------------------------------------------------------


def _plain(
    calls: Calls,
    details: Details,
    behaviour: Behaviour,
    streams: bool,
    heard: Callable[[Any], Any] = lambda context: context,
) -> Behaviour:
    def answer(request: Any, context: Any) -> Any:
        call = _begun(calls, details, context)
        context = heard(context)
        try:
            answered = call.within(behaviour, request, context)
        except BaseException as error:
            call.over(_code(context, error), error)
            raise
        if streams:
            return _Responses(call, answered, context)
        call.over(_code(context, None))
        return answered

    return answer


class _Responses:
    """A handler's iterator, told of when it ends or is let go of."""

    def __init__(self, call: Call, inner: Iterator[Any], context: Any) -> None:
        self._call, self._inner, self._context = call, inner, context

    def __iter__(self) -> _Responses:
        return self

    def __next__(self) -> Any:
        try:
            return self._call.within(next, self._inner)
        except StopIteration:
            self._call.over(_code(self._context, None))
            raise
        except BaseException as error:
            self._call.over(_code(self._context, error), error)
            raise

    def __del__(self) -> None:
        self._call.over(_code(self._context, GeneratorExit()))


# --- aio -------------------------------------------------------------------------------------------------------------


def _asynchronous(calls: Calls, details: Details, behaviour: Behaviour, streams: bool) -> Behaviour:
    if _is(inspect.isasyncgenfunction, behaviour):
        return _generated(calls, details, behaviour)
    if not _is(inspect.iscoroutinefunction, behaviour):  # one that runs in the server's thread pool
        return _plain(calls, details, behaviour, streams, _Overheard)

    async def answer(request: Any, context: Any) -> Any:
        call = _begun(calls, details, context)
        token = set_bound(call.bound)
        try:
            answered = await behaviour(request, context)
        except BaseException as error:
            call.over(_code(context, error), error)
            raise
        else:
            call.over(_code(context, None))
            return answered
        finally:
            reset(token)

    return answer


def _generated(calls: Calls, details: Details, behaviour: Behaviour) -> Behaviour:
    async def answer(request: Any, context: Any) -> AsyncIterator[Any]:
        call = _begun(calls, details, context)
        token = set_bound(call.bound)
        try:
            async with aclosing(behaviour(request, context)) as responses:
                async for response in responses:
                    yield response
        except BaseException as error:
            call.over(_code(context, error), error)
            raise
        else:
            call.over(_code(context, None))
        finally:
            reset(token)

    return answer


class _Overheard:
    """The context that aio gives to a handler in a thread: it has no way to ask which code was set."""

    def __init__(self, context: Any) -> None:
        self._context, self._said = context, grpc.StatusCode.OK

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def code(self) -> grpc.StatusCode:
        return self._said

    def set_code(self, code: grpc.StatusCode) -> None:
        self._said = code
        self._context.set_code(code)

    def abort(self, code: grpc.StatusCode, *given: Any, **named: Any) -> None:
        self._said = code
        self._context.abort(code, *given, **named)


def _is(of: Callable[[Any], bool], behaviour: Any) -> bool:
    return of(behaviour) or of(getattr(behaviour, "__call__", None))  # noqa: B004 - an object with such a method


# --- how it ended ----------------------------------------------------------------------------------------------------

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def _code(context: Any, error: BaseException | None) -> str:
    """The name of the status that the client gets; of one that has gone, why."""
    try:
        said = context.code()
        name = _NAMES.get(said, "") if isinstance(said, int) else getattr(said, "name", "")
        if name and name != "OK":
            return str(name)
        if _gone(context) or (error is not None and not isinstance(error, Exception)):
            left = context.time_remaining()
            return "DEADLINE_EXCEEDED" if left is not None and left <= 0 else "CANCELLED"
    except Exception:  # noqa: BLE001 - a context of somebody's own: P6
        name = ""
    return "OK" if error is None else "UNKNOWN"


def _gone(context: Any) -> bool:
    """Whether the client no longer waits."""
    active = getattr(context, "is_active", None)
    return active is not None and not active()
