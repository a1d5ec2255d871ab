"""The hook for MCP: the real SDK, both sides of it, in memory and over the standard streams of a process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import anyio
import pytest
import uvicorn
from mcp import Client, ClientSession, MCPError, StdioServerParameters, stdio_client
from mcp import types as wire
from mcp.client.streamable_http import streamable_http_client
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import MCPServer
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.memory import create_client_server_memory_streams
from pydantic import BaseModel

from otelsiem import AuditLog, File
from otelsiem.auditing.context import bound
from otelsiem.integrations._digest import canonical
from otelsiem.integrations.mcp import audit_client, audit_server
from tests.auditing.reading import delivered
from tests.integrations.mcp_files import made
from tests.integrations.told import Told
from tests.program import eventually, free_port

HASH = "gen_ai.tool.call.arguments.sha256"


def watched(server: Any, told: Told, **settings: Any) -> Any:
    return audit_server(server, log=told, **settings)  # type: ignore[arg-type]  # it has what is used of one


def low_level() -> Server[Any]:
    async def call(context: Any, params: wire.CallToolRequestParams) -> wire.CallToolResult:
        match params.name:
            case "refuse":
                raise MCPError(code=-32602, message="secret")
            case "wait":
                await anyio.sleep(60)
            case "fail":
                return wire.CallToolResult(content=[], is_error=True)
        return wire.CallToolResult(content=[wire.TextContent(type="text", text=f"{dict(bound.get())}")])

    async def listed(context: Any, params: Any) -> wire.ListToolsResult:
        names = ("refuse", "wait", "fail", "who")
        return wire.ListToolsResult(tools=[wire.Tool(name=name, input_schema={"type": "object"}) for name in names])

    return Server("low", on_call_tool=call, on_list_tools=listed)


@asynccontextmanager
async def session(server: Server[Any]) -> AsyncIterator[ClientSession]:
    """A ClientSession that reached it over memory streams."""
    async with create_client_server_memory_streams() as (ours, theirs), anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: server.run(*theirs, server.create_initialization_options()))
        async with ClientSession(*ours) as made_session:
            await made_session.initialize()
            yield made_session
        tasks.cancel_scope.cancel()


async def test_a_server_and_its_tools() -> None:
    told, plain = Told(), made()
    async with Client(plain) as client:
        without = [await client.call_tool(name, {"path": "/etc/secret"}) for name in ("read_file", "broken", "missing")]
    async with Client(watched(made(), told, actor=lambda _: "u-7")) as client:
        with_us = [await client.call_tool(name, {"path": "/etc/secret"}) for name in ("read_file", "broken", "missing")]
        await client.list_tools()  # no event
        assert dict(bound.get()) == {}
    assert with_us == without
    ends = [(one["gen_ai.tool.name"], one["outcome"], one.get("error.type")) for one in told.events]
    assert ends == [
        ("read_file", "success", None),
        ("broken", "failure", "tool_error"),
        ("missing", "failure", "tool_error"),
    ]
    one = told.events[0]
    assert (one["event"], one["mcp.method.name"], one["mcp.role"]) == ("tool_call", "tools/call", "server")
    assert (one["gen_ai.operation.name"], one["mcp.client.name"]) == ("execute_tool", "mcp")
    assert one[HASH] == told.events[1][HASH]
    assert one["jsonrpc.request.id"]
    assert one["audit.duration"] >= 0
    assert "secret" not in str(told.events)
    assert "business" not in str(told.events)


async def test_who_asks_is_bound_within(tmp_path: Path) -> None:
    told = Told()
    server = watched(low_level(), told, actor=lambda context: {"actor": f"of {context.method}", "tenant": None})
    async with session(server) as client:
        answered = await client.call_tool("who", {})
    [content] = answered.content
    assert isinstance(content, wire.TextContent)
    assert content.text == "{'user.id': 'of tools/call'}"
    assert told.events[0]["user.id"] == "of tools/call"


async def test_errors_of_the_protocol_and_of_tools() -> None:
    told = Told()
    async with session(watched(low_level(), told)) as client:
        with pytest.raises(MCPError) as refused:
            await client.call_tool("refuse", {})
        assert refused.value.error.code == -32602
        assert (await client.call_tool("fail", {})).is_error
    assert [(one["outcome"], one["error.type"]) for one in told.events] == [
        ("failure", "-32602"), ("failure", "tool_error"),
    ]  # fmt: skip


async def test_a_call_that_is_cancelled_is_told_on_both_sides() -> None:
    server, client = Told(), Told()
    async with session(watched(low_level(), server)) as made_session:
        audit_client(made_session, log=client)  # type: ignore[arg-type]  # as above
        call = asyncio.create_task(made_session.call_tool("wait", {}))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.to_thread(eventually, lambda: bool(server.events), 5, "the server's event")
    assert client.events[0]["outcome"] == "unknown"
    assert server.events[0]["outcome"] == "unknown"


async def test_a_client() -> None:
    """A ClientSession and a Client."""
    told, arguments = Told(), {"b": [1, {"c": None}], "a": "é"}
    async with session(low_level()) as made_session:
        assert audit_client(made_session, log=told) is made_session  # type: ignore[arg-type]  # as above
        await made_session.call_tool("who", arguments)
        with pytest.raises(MCPError):
            await made_session.call_tool("refuse", arguments={"b": 1})
        await made_session.call_tool("fail", read_timeout_seconds=5)
    async with Client(made()) as client:
        audit_client(client, log=told)  # type: ignore[arg-type]  # as above
        assert not (await client.call_tool("read_file", {"path": "x"})).is_error
    ends = [(one["gen_ai.tool.name"], one["outcome"], one["mcp.role"], one["mcp.server.name"]) for one in told.events]
    assert ends == [
        ("who", "success", "client", "low"),
        ("refuse", "failure", "client", "low"),
        ("fail", "failure", "client", "low"),
        ("read_file", "success", "client", "files"),
    ]
    assert canonical(arguments) == '{"a":"é","b":[1,{"c":null}]}'.encode()
    assert HASH not in told.events[2]


async def test_arguments_if_asked_otherwise() -> None:
    for settings, names in (
        ({"arguments": "plain"}, {"gen_ai.tool.call.arguments"}),
        ({"arguments": "none"}, set()),
        ({"key": "0123456789abcdef"}, {"gen_ai.tool.call.arguments.hmac_sha256"}),
    ):
        told = Told()
        async with Client(watched(made(), told, **settings)) as client:
            await client.call_tool("read_file", {"path": "x"})
        assert {name for name in told.events[0] if "arguments" in name} == names


async def test_who_asks_over_http() -> None:
    """`context.request` is the HTTP request: its headers, its authenticated user."""
    told, port = Told(), free_port()
    server = watched(made(), told, actor=lambda context: context.request.headers["x-user"])
    config = uvicorn.Config(server.streamable_http_app(), host="127.0.0.1", port=port, log_level="error", ws="none")
    program = uvicorn.Server(config)
    running = asyncio.create_task(program.serve())
    try:
        await asyncio.to_thread(eventually, lambda: program.started, 10, "the server")
        async with (
            create_mcp_http_client(headers={"x-user": "u-7"}) as http,
            streamable_http_client(f"http://127.0.0.1:{port}/mcp", http_client=http) as streams,
            ClientSession(*streams[:2]) as client,
        ):
            await client.initialize()
            assert not (await client.call_tool("read_file", {"path": "x"})).is_error
    finally:
        program.should_exit = True
        await running
    assert [one["user.id"] for one in told.events] == ["u-7"]


async def test_other_methods_if_wanted() -> None:
    told, server = Told(), MCPServer("notes")

    @server.resource("notes://one")
    def one() -> str:
        return "nobody's business"

    watched(server, told, methods=("tools/call", "resources/read"))
    async with Client(server) as client:
        await client.read_resource("notes://one")
    [event] = told.events
    assert (event["event"], event["audit.action"]) == ("mcp_request", "resources/read")
    assert event["mcp.resource.uri"] == "notes://one"
    assert "gen_ai.tool.name" not in {name for name, value in event.items() if value}


async def test_p6_a_hook_that_fails_is_not_noticed(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: Any) -> str:
        raise RuntimeError("the user's actor")

    told = Told(RuntimeError("our fault"))
    async with Client(watched(made(), told, actor=fails)) as client:
        audit_client(client, log=told)  # type: ignore[arg-type]  # as above
        assert not (await client.call_tool("read_file", {"path": "x"})).is_error
        assert (await client.call_tool("broken", {"path": "x"})).is_error
    assert {"our fault", "the user's actor"} <= {str(one.exc_info[1]) for one in caplog.records if one.exc_info}


class CallToolRequest(BaseModel):
    """As mcp 1 has it: a class for each method, which is the key of its handler."""

    method: Literal["tools/call"] = "tools/call"
    params: dict[str, Any]


class Server1:
    """A server of mcp 1, as far as we look at it. (The real one, 1.30.0, was tried by hand.)"""

    def __init__(self) -> None:
        self.request_handlers: dict[type, Any] = {CallToolRequest: self.answer}
        params = SimpleNamespace(clientInfo=SimpleNamespace(name="c"))
        self.request_context = SimpleNamespace(request_id=7, session=SimpleNamespace(client_params=params))

    async def answer(self, request: Any) -> Any:
        return SimpleNamespace(root=SimpleNamespace(isError=request.params.name == "broken"))


@pytest.mark.parametrize("fast", [False, True])
async def test_a_server_of_mcp_1(fast: bool) -> None:
    told, server = Told(), Server1()
    watched(SimpleNamespace(_mcp_server=server) if fast else server, told, actor=lambda context: "u-7")
    for name in ("read_file", "broken"):
        params = wire.CallToolRequestParams(name=name, arguments={"path": "x"})
        await server.request_handlers[CallToolRequest](SimpleNamespace(params=params))
    ends = [(one["gen_ai.tool.name"], one["outcome"], one["user.id"], one["mcp.client.name"]) for one in told.events]
    assert ends == [("read_file", "success", "u-7", "c"), ("broken", "failure", "u-7", "c")]
    assert told.events[0][HASH] == told.events[1][HASH]


def test_what_is_no_server_or_client_is_refused() -> None:
    with pytest.raises(TypeError, match="has no handler for tools/call; register it before"):
        audit_server(object())
    with pytest.raises(TypeError, match="is a ClientSession or a Client"):
        audit_client(object())
    with pytest.raises(TypeError, match="methods='tools/call': give them in a tuple"):
        audit_server(made(), methods="tools/call")


async def test_p1_over_the_standard_streams_of_a_process(tmp_path: Path) -> None:
    """Both sides with audit logs of their own; standard output is the protocol's alone."""
    out, ours = tmp_path / "server.jsonl", tmp_path / "client.jsonl"
    root = str(Path(__file__).parents[2])
    program = StdioServerParameters(
        command=sys.executable,
        args=["-m", "tests.integrations.mcp_files", str(out)],
        cwd=root,
        env={"PYTHONPATH": root},
    )
    log = AuditLog(File(path=str(ours)))
    async with stdio_client(program) as streams, ClientSession(*streams) as client:
        await client.initialize()
        audit_client(client, log=log)
        for name in ("read_file", "broken"):
            await client.call_tool(name, {"path": "/tmp/x"})
    assert log.flush(10)
    log.close()
    server = [event for event in delivered(out) if event["event_type"] == "tool_call"]
    assert [(event["tool_name"], event["outcome"]) for event in server] == [
        ("read_file", "success"), ("broken", "failure"),
    ]  # fmt: skip
    within = next(event for event in delivered(out) if event["event_type"] == "file_read")
    assert {(event["user_id"], event["tenant_id"]) for event in [*server, within]} == {("u-7", "acme")}
    mine = delivered(ours)
    assert [event["tool_name"] for event in mine] == ["read_file", "broken"]
    hashes = [event["metadata"][HASH] for event in (*server, *mine)]
    assert len(set(hashes)) == 1  # the same call, on both sides
    assert "/tmp/x" not in json.dumps([*server, *mine])
