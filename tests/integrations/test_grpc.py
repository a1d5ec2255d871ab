"""The hook for gRPC servers: real servers, sync and aio, and real clients, on a socket; all four kinds of calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

import grpc
import grpc.aio
import pytest

from otelsiem.auditing.context import bound
from otelsiem.integrations._rpc import Call, Calls
from otelsiem.integrations.grpc import AioAuditInterceptor, AuditInterceptor
from otelsiem.model.errors import OtelsiemError
from tests.integrations.told import Told

Context: TypeAlias = Any
Channel: TypeAlias = Any  # the stubs want serializers, which bytes need not have


def whose(metadata: Mapping[str, str]) -> dict[str, Any]:
    return {"actor": metadata["user"], "tenant": metadata.get("tenant")}


SEEN: list[dict[str, Any]] = []  # what is bound in handlers


# --- handlers: what a call does is its message -----------------------------------------------------------------------


def act(does: bytes, context: Context) -> bytes:
    SEEN.append(dict(bound.get()))
    match does:
        case b"abort":
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours: secret")
        case b"set":
            context.set_code(grpc.StatusCode.NOT_FOUND)
        case b"raise":
            raise KeyError("secret")
        case b"set and raise":
            context.set_code(grpc.StatusCode.DATA_LOSS)
            raise ValueError("secret")
        case b"wait":
            while context.is_active():
                threading.Event().wait(0.01)
    return b"done " + does


def act_many(does: bytes, context: Context) -> Iterator[bytes]:
    yield b"first"
    if does == b"forever":
        while True:
            threading.Event().wait(0.005)
            yield b"more"
    yield act(does, context)


def take(requests: Iterator[bytes], context: Context) -> bytes:
    return act(b"".join(requests), context)


def talk(requests: Iterator[bytes], context: Context) -> Iterator[bytes]:
    for request in requests:
        yield act(request, context)


async def aact(does: bytes, context: Context) -> bytes:
    SEEN.append(dict(bound.get()))
    match does:
        case b"abort":
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not yours: secret")
        case b"set":
            context.set_code(grpc.StatusCode.NOT_FOUND)
        case b"raise":
            raise KeyError("secret")
        case b"set and raise":
            context.set_code(grpc.StatusCode.DATA_LOSS)
            raise ValueError("secret")
        case b"wait":
            await asyncio.sleep(60)
    return b"done " + does


async def aact_many(does: bytes, context: Context) -> AsyncIterator[bytes]:
    yield b"first"
    while does == b"forever":
        await asyncio.sleep(0.005)
        yield b"more"
    yield await aact(does, context)


async def atake(requests: AsyncIterator[bytes], context: Context) -> bytes:
    return await aact(b"".join([one async for one in requests]), context)


async def atalk(requests: AsyncIterator[bytes], context: Context) -> AsyncIterator[bytes]:
    async for request in requests:
        yield await aact(request, context)


async def awrite(does: bytes, context: Context) -> None:
    """The other style of aio: it writes itself."""
    await context.write(b"first")
    await context.write(await aact(does, context))


def _handlers(one: Any, many: Any, taken: Any, talked: Any, **more: Any) -> grpc.GenericRpcHandler[Any, Any]:
    methods = {
        "One": grpc.unary_unary_rpc_method_handler(one),
        "Many": grpc.unary_stream_rpc_method_handler(many),
        "Take": grpc.stream_unary_rpc_method_handler(taken),
        "Talk": grpc.stream_stream_rpc_method_handler(talked),
        **{name: grpc.unary_stream_rpc_method_handler(function) for name, function in more.items()},
    }
    return grpc.method_handlers_generic_handler("bank.Accounts", methods)


class Refuses(grpc.ServerInterceptor):  # type: ignore[type-arg]  # the stubs say that it is generic, the class is not
    """Somebody's own, behind ours: it lets nobody in who brings no user."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        if any(key == "user" for key, _ in details.invocation_metadata):
            return continuation(details)

        def refuse(_: Any, context: Context) -> None:
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

        return grpc.unary_unary_rpc_method_handler(refuse)


@contextmanager
def served(*interceptors: Any, threads: int = 4) -> Iterator[Channel]:
    with ThreadPoolExecutor(threads) as pool:
        server = grpc.server(pool, interceptors=list(interceptors))
        server.add_generic_rpc_handlers((_handlers(act, act_many, take, talk),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield channel
        finally:
            server.stop(None).wait()


@asynccontextmanager
async def aio_served(*interceptors: Any) -> AsyncIterator[Channel]:
    server = grpc.aio.server(ThreadPoolExecutor(1), interceptors=interceptors)
    server.add_generic_rpc_handlers((_handlers(aact, aact_many, atake, atalk, Write=awrite, Threaded=act_many),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
    finally:
        await server.stop(None)


METADATA = (("user", "u-7"), ("tenant", "acme"), ("secret", "x"), ("binary-bin", b"\x00"))
KINDS = ("One", "Many", "Take", "Talk")


def call(channel: Channel, kind: str, does: bytes, metadata: Any = METADATA, timeout: float = 10) -> list[bytes]:
    """What comes back."""
    name = f"/bank.Accounts/{kind}"
    match kind:
        case "One":
            return [channel.unary_unary(name)(does, metadata=metadata, timeout=timeout)]
        case "Take":
            return [channel.stream_unary(name)(iter([does]), metadata=metadata, timeout=timeout)]
        case "Talk":
            return list(channel.stream_stream(name)(iter([does]), metadata=metadata, timeout=timeout))
        case _:
            return list(channel.unary_stream(name)(does, metadata=metadata, timeout=timeout))


async def acall(channel: Channel, kind: str, does: bytes) -> list[bytes]:
    name, timeout = f"/bank.Accounts/{kind}", 10
    match kind:
        case "One":
            return [await channel.unary_unary(name)(does, metadata=METADATA, timeout=timeout)]
        case "Take":
            return [await channel.stream_unary(name)(iter([does]), metadata=METADATA, timeout=timeout)]
        case "Talk":
            return [one async for one in channel.stream_stream(name)(iter([does]), metadata=METADATA, timeout=timeout)]
        case _:
            return [one async for one in channel.unary_stream(name)(does, metadata=METADATA, timeout=timeout)]


ENDS = [  # what it does, status, outcome, error.type, decision
    (b"good", "OK", "success", None, None),
    (b"abort", "PERMISSION_DENIED", "failure", None, "deny"),
    (b"set", "NOT_FOUND", "failure", None, None),
    (b"raise", "UNKNOWN", "failure", "KeyError", None),
    (b"set and raise", "DATA_LOSS", "failure", "ValueError", None),
]


def judge(told: Told, kind: str, end: Any) -> None:
    _, code, outcome, error, decision = end
    said = {key: value for key, value in told.last().items() if key != "bound"}
    assert len(told.events) == 1
    assert (said["event"], said["rpc.method"], said["rpc.system.name"]) == ("access", f"bank.Accounts/{kind}", "grpc")
    assert (said["rpc.response.status_code"], said["outcome"]) == (code, outcome)
    assert (said.get("error.type"), said.get("audit.decision")) == (error, decision)
    assert (said["user.id"], said["tenant.id"], said["client.address"]) == ("u-7", "acme", "127.0.0.1")
    assert said["client.port"] > 0
    assert said["audit.duration"] >= 0
    assert "secret" not in str(said)
    assert {"user.id": "u-7", "client.address": "127.0.0.1"}.items() <= SEEN[-1].items()


def answer_of(function: Callable[[], list[bytes]]) -> Any:
    try:
        return function()
    except grpc.RpcError as error:
        return error.code(), error.details()


@pytest.mark.parametrize("end", ENDS, ids=lambda end: str(end[0], "ascii"))
@pytest.mark.parametrize("kind", KINDS)
def test_how_a_call_ended(kind: str, end: Any) -> None:
    told = Told()
    with served(AuditInterceptor({"bank.*": "access"}, actor=whose, log=told)) as channel:  # type: ignore[arg-type]  # it has what is used of one
        with_us = answer_of(lambda: call(channel, kind, end[0]))
        judge(told, kind, end)
    with served() as channel:
        assert answer_of(lambda: call(channel, kind, end[0])) == with_us


AIO = [
    pytest.param(kind, end, id=f"{kind}-{end[0].decode()}")
    for kind in (*KINDS, "Write", "Threaded")
    for end in ENDS
    if (kind, end[0]) != ("Threaded", b"abort")  # hangs without us too, now and then (grpcio 1.85.1)
]


@pytest.mark.parametrize(("kind", "end"), AIO)
async def test_how_a_call_to_an_aio_server_ended(kind: str, end: Any) -> None:
    async def answer(channel: Channel) -> Any:
        try:
            return await acall(channel, kind, end[0])
        except grpc.RpcError as error:
            return error.code(), error.details()

    told = Told()
    async with aio_served(AioAuditInterceptor({"bank.*": "access"}, actor=whose, log=told)) as channel:  # type: ignore[arg-type]  # as above
        with_us = await answer(channel)
        await asyncio.to_thread(told.last)
        judge(told, kind, end)
    async with aio_served() as channel:
        assert await answer(channel) == with_us


@pytest.mark.parametrize("kind", ["One", "Many"])
def test_a_client_that_waits_no_longer(kind: str) -> None:
    told = Told()
    with served(AuditInterceptor(log=told)) as channel:  # type: ignore[arg-type]  # as above
        with pytest.raises(grpc.RpcError):
            call(channel, kind, b"wait" if kind == "One" else b"forever", timeout=0.3)
        said = told.last()
    assert (said["rpc.response.status_code"], said["outcome"]) == ("DEADLINE_EXCEEDED", "failure")
    assert len(told.events) == 1


@pytest.mark.parametrize("does", [b"wait", b"forever"])
def test_a_client_that_goes(does: bytes) -> None:
    told = Told()
    with served(AuditInterceptor(log=told)) as channel:  # type: ignore[arg-type]  # as above
        responses = channel.unary_stream("/bank.Accounts/Many")(does)
        assert next(responses) == b"first"
        responses.cancel()
        assert (told.last()["rpc.response.status_code"], told.last()["outcome"]) == ("CANCELLED", "unknown")
    assert len(told.events) == 1


@pytest.mark.parametrize("does", [b"wait", b"forever"])
async def test_a_client_of_an_aio_server_that_goes(does: bytes) -> None:
    told = Told()
    async with aio_served(AioAuditInterceptor(log=told)) as channel:  # type: ignore[arg-type]  # as above
        responses = channel.unary_stream("/bank.Accounts/Many")(does)
        assert await responses.read() == b"first"
        responses.cancel()
        said = await asyncio.to_thread(told.last)
    assert (said["rpc.response.status_code"], said["outcome"]) == ("CANCELLED", "unknown")
    assert len(told.events) == 1


def test_what_others_refuse_and_what_nobody_serves() -> None:
    told = Told()
    with served(AuditInterceptor(log=told), Refuses()) as channel:  # type: ignore[arg-type]  # as above
        for method, metadata in (("/bank.Accounts/One", ()), ("/bank.Accounts/None", METADATA)):
            with pytest.raises(grpc.RpcError):
                channel.unary_unary(method)(b"", metadata=metadata, timeout=10)
    codes = [(one["rpc.method"], one["rpc.response.status_code"]) for one in told.events]
    assert codes == [("bank.Accounts/One", "UNAUTHENTICATED"), ("bank.Accounts/None", "UNIMPLEMENTED")]


def test_calls_are_chosen() -> None:
    told = Told()
    rules = {"bank.Accounts/One": "", "/bank.Accounts/T*": "spoken", "*": "other"}
    with served(AuditInterceptor(rules, log=told)) as channel:  # type: ignore[arg-type]  # as above
        for kind in KINDS:
            call(channel, kind, b"good")
    assert sorted((one["event"], one["rpc.method"][-4:]) for one in told.events) == [
        ("other", "Many"), ("spoken", "Take"), ("spoken", "Talk"),
    ]  # fmt: skip
    assert Calls(None, None, None).event("/grpc.health.v1.Health/Check") == ""
    assert Calls(["/bank.*"], None, None).event("/bank.Accounts/One") == "rpc_call"
    assert Calls(["/bank.*"], None, None).event("/shop.Carts/One") == ""
    with pytest.raises(OtelsiemError, match="give globs in a list"):
        AuditInterceptor("bank.*")


def test_a_handler_keeps_a_thread_pool_of_its_own() -> None:
    def answer(_: bytes, context: Context) -> bytes:
        return threading.current_thread().name.encode()

    told = Told()
    with ThreadPoolExecutor(1) as pool, ThreadPoolExecutor(1, thread_name_prefix="own") as own:
        answer.experimental_thread_pool = own  # type: ignore[attr-defined]  # as gRPC looks for it
        server = grpc.server(pool, interceptors=[AuditInterceptor(log=told)])  # type: ignore[arg-type]  # as above
        one = {"One": grpc.unary_unary_rpc_method_handler(answer)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bank.Accounts", one),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert call(channel, "One", b"") == [b"own_0"]
        server.stop(None).wait()
    assert told.last()["rpc.response.status_code"] == "OK"


def test_p6_a_hook_that_fails_is_not_noticed(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Any) -> str:
        raise RuntimeError("the user's actor")

    told = Told(RuntimeError("our fault"))
    with served(AuditInterceptor(actor=fails, log=told)) as channel:  # type: ignore[arg-type]  # as above
        assert [answer_of(lambda: call(channel, kind, b"good")) for kind in KINDS] == [  # noqa: B023 - called at once
            [b"done good"], [b"first", b"done good"], [b"done good"], [b"done good"],
        ]  # fmt: skip
        assert answer_of(lambda: call(channel, "One", b"raise"))[0] == grpc.StatusCode.UNKNOWN
    assert {"our fault", "the user's actor"} <= {str(one.exc_info[1]) for one in caplog.records if one.exc_info}


def test_p6_who_acts_does_not_stay_in_a_thread_of_the_pool() -> None:
    told, inside = Told(), SEEN
    with served(AuditInterceptor(actor=lambda metadata: metadata.get("user"), log=told), threads=1) as channel:  # type: ignore[arg-type]  # as above
        for kind in KINDS:
            call(channel, kind, b"good")
            responses = channel.unary_stream("/bank.Accounts/Many")(b"wait", metadata=METADATA)
            next(responses)
            responses.cancel()  # left in the middle
            call(channel, kind, b"good", metadata=())
            assert "user.id" not in inside[-1]


@pytest.mark.parametrize(
    ("peer", "address", "port"),
    [
        ("ipv4:203.0.113.9:50123", "203.0.113.9", 50123),
        ("ipv6:%5B2001:db8::9%5D:50123", "2001:db8::9", 50123),
        ("ipv6:[::1]:50123", "::1", 50123),
        ("unix:", None, None),
        ("nonsense", None, None),
    ],
)
def test_peers(peer: str, address: str | None, port: int | None) -> None:
    one = Call(Calls(None, None, None), "m", "e")
    one.came_from(peer)
    assert (one.bound.get("client.address"), one.bound.get("client.port")) == (address, port)
