"""MCP (the Python SDK `mcp`, 1.x and 2.x): calls of tools as events, on the side of the server and of the client.

    server = audit_server(MCPServer("files"), actor=whose)     # or FastMCP, or a low-level Server
    session = audit_client(session)                            # a ClientSession, or a Client

Guarantees: requests, results, errors and cancellation are as without us. Arguments are written as a hash, unless it is
asked otherwise; results never; of an exception its type, of an error of the protocol its code.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from otelsiem.auditing.context import NAMES, reset, set_bound
from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._digest import Key
from otelsiem.integrations.agents import AgentAudit, Arguments, ToolUse
from otelsiem.model.record import Value

Actor: TypeAlias = Callable[[Any], str | Mapping[str, Value] | None]
S = TypeVar("S")

TOOL = "tools/call"
EVENT, OTHER = "tool_call", "mcp_request"
NAMED = {"prompts/get": "gen_ai.prompt.name", "resources/read": "mcp.resource.uri"}  # what a method is about


def audit_server(
    server: S,
    *,
    methods: Sequence[str] = (TOOL,),
    actor: Actor | None = None,
    arguments: Arguments = "hash",
    key: Key | None = None,
    log: AuditLog | None = None,
) -> S:
    """Audit what a server is asked for; returns it.

    `methods`: which requests are events: `resources/read` and `prompts/get` too, if wanted. `actor`: from the SDK's
    context of a request (`context.request` is the HTTP request) to a user id, or to what `bind` takes.
    """
    if isinstance(methods, str):
        raise TypeError(f"methods={methods!r}: give them in a tuple, as ({methods!r},)")
    watch = _Watch(AgentAudit(arguments=arguments, key=key, log=log), methods, actor)
    chain = getattr(server, "middleware", None)
    if isinstance(chain, list):
        behind = 1 if chain and type(chain[0]).__name__ == "OpenTelemetryMiddleware" else 0  # its span is our trace id
        chain.insert(behind, watch.middleware)
        return server
    watch.wrap(getattr(server, "_mcp_server", server))
    return server


def audit_client(
    session: S, *, arguments: Arguments = "hash", key: Key | None = None, log: AuditLog | None = None
) -> S:
    """Audit the tools that are called through a ClientSession or a Client; returns it."""
    call: Callable[..., Awaitable[Any]] | None = getattr(session, "call_tool", None)
    if call is None:
        raise TypeError(f"{session!r}: it is a ClientSession or a Client of the package mcp")
    agents = AgentAudit(arguments=arguments, key=key, log=log)

    @functools.wraps(call)
    async def call_tool(name: str, arguments: Mapping[str, Any] | None = None, *given: Any, **named: Any) -> Any:
        use = agents.tool_call(name, arguments=arguments)
        use.note({"mcp.method.name": TOOL, "mcp.role": "client", "mcp.server.name": _server_of(session)})
        return await _told(agents, use, lambda: call(name, arguments, *given, **named))

    session.call_tool = call_tool  # type: ignore[attr-defined]  # checked above
    return session


class _Watch:
    """What one server is asked for."""

    def __init__(self, agents: AgentAudit, methods: Sequence[str], actor: Actor | None) -> None:
        self._agents, self._methods, self._actor = agents, frozenset(methods), actor

    async def middleware(self, context: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        """In mcp 2."""
        if context.method not in self._methods or context.request_id is None:
            return await call_next(context)
        return await self._watched(context.method, context.params or {}, context, lambda: call_next(context))

    def wrap(self, server: Any) -> None:
        """In mcp 1: the handlers that are registered now."""
        handlers: dict[Any, Callable[[Any], Awaitable[Any]]] = getattr(server, "request_handlers", {})
        found = [(of, _method(of)) for of in handlers if _method(of) in self._methods]
        if not found:
            raise TypeError(f"{server!r}: it has no handler for {', '.join(sorted(self._methods))}; register it before")
        for of, method in found:
            handlers[of] = self._wrapped(server, method, handlers[of])

    def _wrapped(
        self, server: Any, method: str, handler: Callable[[Any], Awaitable[Any]]
    ) -> Callable[[Any], Awaitable[Any]]:
        async def handle(request: Any) -> Any:
            context, params = None, {}
            with self._agents.harmless("a request could not be read"):
                context, params = server.request_context, request.params.model_dump(by_alias=True)
            return await self._watched(method, params, context, lambda: handler(request))

        return handle

    async def _watched(
        self, method: str, params: Mapping[str, Any], context: Any, go: Callable[[], Awaitable[Any]]
    ) -> Any:
        use, who = self._agents.tool_call(str(params.get("name", "")), arguments=params.get("arguments")), {}
        with self._agents.harmless("who asks could not be found out"):
            who = self._who(context)
        use.event = EVENT if method == TOOL else OTHER
        use.note({**self._facts(method, params, context), **who})
        token = set_bound(who)
        try:
            return await _told(self._agents, use, go)
        finally:
            reset(token)

    def _who(self, context: Any) -> dict[str, Value]:
        found = self._actor(context) if self._actor is not None else None
        held = {"actor": found} if isinstance(found, str) else found or {}
        return {NAMES.get(name, name): value for name, value in held.items() if value is not None}

    def _facts(self, method: str, params: Mapping[str, Any], context: Any) -> dict[str, Any]:
        facts: dict[str, Any] = {"mcp.method.name": method, "mcp.role": "server"}
        if method != TOOL:
            about = params.get("uri", params.get("name"))
            facts |= {"gen_ai.operation.name": "", "gen_ai.tool.name": "", "audit.action": method}
            facts[NAMED.get(method, "audit.target.name")] = None if about is None else str(about)
        with self._agents.harmless("a request's context could not be read"):
            facts["jsonrpc.request.id"] = str(context.request_id)
            asked = getattr(context.session.client_params, "client_info", None) or getattr(
                context.session.client_params, "clientInfo", None
            )
            facts["mcp.client.name"] = getattr(asked, "name", None)
        return facts


async def _told(agents: AgentAudit, use: ToolUse, go: Callable[[], Awaitable[Any]]) -> Any:
    with use:
        try:
            result = await go()
        except Exception as error:
            code = getattr(getattr(error, "error", None), "code", None)
            if type(code) is int:  # an error of JSON-RPC
                use.failed(str(code))
            raise
        with agents.harmless("how a tool ended could not be read"):
            if _says(result, "is_error", "isError"):
                use.failed("tool_error")
            elif _says(result, "result_type", "resultType") == "input_required":
                use.note({"outcome": "unknown"})
        return result


def _says(result: Any, *names: str) -> Any:
    """One fact of a result: a model, one in a ServerResult, or what goes over the wire."""
    held = getattr(result, "root", result)
    if isinstance(held, Mapping):
        return next((held[name] for name in names if name in held), None)
    return next((getattr(held, name) for name in names if hasattr(held, name)), None)


def _method(of: Any) -> str:
    """The method of a class of requests."""
    field = getattr(of, "model_fields", {}).get("method")
    return str(getattr(field, "default", ""))


def _server_of(session: Any) -> str | None:
    info = getattr(session, "server_info", None)
    return getattr(info, "name", None)
