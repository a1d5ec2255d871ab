from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import APIRouter, BackgroundTasks, Depends, FastAPI, HTTPException, WebSocket
from fastapi.responses import StreamingResponse
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from websockets.sync.client import connect

from otelsiem import AuditLog, bind
from otelsiem.auditing.context import bind_request, known, reset, set_bound
from otelsiem.auditing.request import answering
from otelsiem.integrations import asgi as module
from otelsiem.integrations._request import Answered
from otelsiem.integrations.asgi import AuditMiddleware
from otelsiem.model.errors import OtelsiemError
from tests.auditing.reading import audit_log, delivered
from tests.integrations.hosts import SECRET, Failing
from tests.integrations.servers import asgi


class Shop:
    """A FastAPI application, its log, and what it delivered."""

    def __init__(self, log: AuditLog, out: Path) -> None:
        self.log, self.out = log, out
        self.app = FastAPI(lifespan=self._lifespan)
        self.started = self.stopped = False
        self.done = threading.Semaphore(0)
        self.url, self.prefix = "", ""
        self.client: httpx.Client
        self._asked: list[str] = []
        self._busy, self._quiet = 0, threading.Condition()
        self._routes()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        self.started = True
        yield
        self.stopped = True

    def name(self) -> str:
        """An id for one more request of this test."""
        mine = [one for one in self._asked if one.startswith(self.prefix)]
        self._asked = [*mine, f"{self.prefix}-{len(mine)}"]
        return self._asked[-1]

    def call(self, method: str, path: str, content: str = "") -> httpx.Response:
        secrets = {"authorization": f"Bearer {SECRET}", "cookie": f"id={SECRET}"}
        headers = {"x-request-id": self.name(), "user-agent": "tests/1", **secrets}
        return self.client.request(method, path, headers=headers, content=content)

    def events(self) -> list[list[dict[str, Any]]]:
        """Those of each request of this test."""
        self.settled()
        found = delivered(self.out)
        return [[event for event in found if event.get("request_id") == name] for name in self._asked]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The application, counting what it is still busy with: a client may have its answer before that."""
        lasting = scope["type"] == "lifespan"
        with self._quiet:
            self._busy += not lasting
        try:
            await self.app(scope, receive, send)
        finally:
            with self._quiet:
                self._busy -= not lasting
                self._quiet.notify_all()

    def settled(self) -> None:
        """Everything was told, and delivered."""
        with self._quiet:
            assert self._quiet.wait_for(lambda: not self._busy, 30)
        assert self.log.flush(10)

    def _routes(self) -> None:
        app, audit = self.app, self.log.audit

        def says_request() -> None:
            bind_request(actor="sync-request", tenant="acme")

        async def says_request_async() -> None:
            bind_request(actor="async-request", tenant="acme")

        def says_set() -> None:
            set_bound(actor="sync-set")

        async def says_set_async() -> None:
            set_bound(actor="async-set")

        def says_block() -> Iterator[None]:
            with bind(actor="sync-block"):
                yield

        async def says_block_async() -> AsyncIterator[None]:
            with bind(actor="async-block"):
                yield

        def order(number: int) -> dict[str, int]:
            audit("order_placed", order=number)
            return {"order": number}

        async def order_async(number: int) -> dict[str, int]:
            audit("order_placed", order=number)
            return {"order": number}

        for dependency in (says_request, says_request_async, says_set, says_set_async, says_block, says_block_async):
            for endpoint in (order, order_async):
                name = f"/{dependency.__name__}/{endpoint.__name__}/{{number}}"
                app.post(name, dependencies=[Depends(dependency)])(endpoint)

        @app.post("/in-endpoint")
        def in_endpoint() -> None:
            set_bound(actor="endpoint")

        @app.post("/block-in-endpoint")
        async def block_in_endpoint() -> None:
            with bind(actor="endpoint-block", tenant="acme"), bind(actor="a part of it"):
                await asyncio.to_thread(audit, "part")

        @app.post("/several")
        async def several() -> None:
            for tenant in ("a", "b"):
                with bind(actor="u-7", tenant=tenant):
                    audit("one")
            audit("after")

        @app.post("/hidden")
        async def hidden() -> None:
            bind_request(actor="u-7")
            with bind(actor=None):
                audit("hidden")
            audit("shown")

        @app.get("/read/{number}")
        async def read(number: int) -> int:
            audit("seen")
            return number

        @app.get("/status/{status}")
        async def answer(status: int) -> None:
            raise HTTPException(status)

        @app.api_route("/broken", methods=["GET", "POST"])
        async def broken() -> None:
            bind_request(actor="u-7")
            raise LookupError(SECRET)

        @app.post("/streamed")
        async def streamed() -> StreamingResponse:
            bind_request(actor="u-7")

            async def parts() -> AsyncIterator[bytes]:
                for part in (b"a", b"b", b"c"):
                    yield part
                    await asyncio.sleep(0)
                audit("streamed")

            return StreamingResponse(parts())

        @app.post("/half")
        async def half() -> StreamingResponse:
            async def parts() -> AsyncIterator[bytes]:
                yield b"a"
                raise LookupError(SECRET)

            return StreamingResponse(parts())

        @app.post("/endless")
        async def endless() -> StreamingResponse:
            async def parts() -> AsyncIterator[bytes]:
                while True:
                    yield b"x" * 65_536
                    await asyncio.sleep(0.001)

            return StreamingResponse(parts())

        @app.post("/later")
        async def later(tasks: BackgroundTasks) -> None:
            def task() -> None:
                audit("background")
                self.done.release()

            tasks.add_task(task)

        @app.websocket("/ws")
        async def ws(websocket: WebSocket) -> None:
            await websocket.accept()
            audit("ws", said=await websocket.receive_text())
            await websocket.send_text("heard")
            await websocket.close()

        router = APIRouter(prefix="/v1")

        @router.delete("/items/{item}")
        async def delete(item: str, request: Request) -> str:
            return item + str(len(await request.body()))

        app.include_router(router)
        inner = Starlette(routes=[Route("/things/{thing}", _ok, methods=["POST"])])
        app.mount("/inner", inner)


async def _ok(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _plain(scope: Any, receive: Any, send: Any) -> None:
    await PlainTextResponse("plain")(scope, receive, send)


@pytest.fixture(scope="module", params=["bare", "inside of another"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Served; the second time with a middleware that runs the application in a child task."""
    with audit_log(tmp_path_factory.mktemp("shop"), journal=None) as (log, out):
        shop = Shop(log, out)
        if request.param != "bare":
            shop.app.add_middleware(BaseHTTPMiddleware, dispatch=_other)
        shop.app.add_middleware(AuditMiddleware, trusted_proxies=1, log=log)
        once = httpx.Limits(max_keepalive_connections=0)  # a connection is closed after an exception
        with (
            asgi(shop) as shop.url,
            httpx.Client(base_url=shop.url, trust_env=False, limits=once) as shop.client,
        ):
            yield shop
        assert shop.started
        assert shop.stopped
        assert log.flush(10)
        assert not out.exists() or SECRET not in out.read_text(), "of all tests that this one was for"


@pytest.fixture(autouse=True)
def events_of_one_test(request: pytest.FixtureRequest) -> None:
    """Waiting for delivery takes most of a test's time: each asks for its events once, and only for its own."""
    if "shop" in request.fixturenames:
        request.getfixturevalue("shop").prefix = uuid4().hex


async def _other(request: Any, call_next: Callable[..., Any]) -> Any:
    return await call_next(request)


def test_an_actor_bound_in_a_dependency_is_seen(shop: Shop) -> None:
    kinds = [
        (kind, colour, endpoint)
        for kind in ("request", "set", "block")
        for colour in ("", "_async")
        for endpoint in ("order", "order_async")
    ]
    paths = [f"/says_{kind}{colour}/{endpoint}" for kind, colour, endpoint in kinds]
    for path in paths:
        assert shop.call("POST", f"{path}/7?token={SECRET}", content=SECRET).json() == {"order": 7}
    for (kind, colour, _), path, (order, whole) in zip(kinds, paths, shop.events(), strict=True):
        assert [order["event_type"], whole["event_type"]] == ["order_placed", "http_request"]
        actor = f"{'async' if colour else 'sync'}-{kind}"
        assert whole["user_id"] == actor
        if kind == "request" or colour:  # what else a thread says stays in its context: that is Python's
            assert order["user_id"] == actor
        for event in (order, whole):
            assert (event["src_ip"], event["user_agent"]) == ("127.0.0.1", "tests/1")
            assert event["metadata"]["http.request.method"] == "POST"
            assert event["metadata"]["url.path"] == f"{path}/7"
            assert event.get("tenant_id") == ("acme" if kind == "request" else None)
        assert whole["action"] == f"POST {path}/{{number}}"
        assert whole["message"] == f"{whole['action']}: 200"
        assert (whole["outcome"], whole["severity"]) == ("success", "info")
        assert whole["metadata"]["http.response.status_code"] == 200
        assert whole["metadata"]["audit.duration"] > 0


def test_what_was_said_for_a_part_is_not_said_of_all(shop: Shop) -> None:
    for path in ("/block-in-endpoint", "/several", "/hidden", "/in-endpoint"):
        shop.call("POST", path)
    [part, whole], several, hiding, [last] = shop.events()
    assert (part["user_id"], part["tenant_id"]) == ("a part of it", "acme")
    assert (whole["user_id"], whole["tenant_id"]) == ("endpoint-block", "acme")
    assert [event.get("tenant_id") for event in several] == ["a", "b", None, None]
    assert [event.get("user_id") for event in several] == ["u-7", "u-7", None, "u-7"]
    assert [event.get("user_id") for event in hiding] == [None, "u-7", "u-7"]
    assert last["user_id"] == "endpoint"


def test_which_requests_are_events(shop: Shop) -> None:
    cases = [
        ("GET", "/read/7", 200, None), ("GET", "/status/404", 404, None), ("GET", "/status/500", 500, None),
        ("GET", "/status/401", 401, "failure"), ("GET", "/status/403", 403, "failure"),
        ("POST", "/nowhere", 404, "failure"), ("POST", "/read/7", 405, "failure"), ("GET", "/broken", 500, None),
        ("PUT", "/v1/items/a", 405, "failure"), ("DELETE", "/v1/items/a", 200, "success"),
    ]  # fmt: skip
    for method, path, status, _ in cases:
        assert shop.call(method, path).status_code == status
    for (_, _, status, outcome), events in zip(cases, shop.events(), strict=True):
        told = [event for event in events if event["event_type"] == "http_request"]
        assert [(event["outcome"], event["metadata"]["http.response.status_code"]) for event in told] == (
            [(outcome, status)] if outcome else []
        )


def test_the_route_of_a_request(shop: Shop) -> None:
    cases = {
        "/v1/items/a": "/v1/items/{item}", "/inner/things/b": "/inner/things/{thing}", "/inner/nothing": None,
        "/nowhere": None,
    }  # fmt: skip
    for path in cases:
        shop.call("DELETE", path)
    for (path, route), [event] in zip(cases.items(), shop.events(), strict=True):
        assert event["metadata"].get("http.route") == route
        assert event["action"] == f"DELETE {route or path}"


def test_exceptions_are_the_applications(shop: Shop) -> None:
    assert shop.call("POST", "/broken").status_code == 500
    [[event]] = shop.events()
    assert (event["outcome"], event["error_type"], event["user_id"]) == ("failure", "LookupError", "u-7")


def test_responses_are_streamed_and_background_tasks_come_after_them(
    shop: Shop, request: pytest.FixtureRequest
) -> None:
    assert shop.call("POST", "/streamed").content == b"abc"
    assert shop.call("POST", "/later").status_code == 200
    shop.done.acquire(timeout=10)
    [inside, whole], later = shop.events()
    assert (inside["event_type"], inside["user_id"], whole["user_id"]) == ("streamed", "u-7", "u-7")
    told = [event["event_type"] for event in later]
    assert (told if "bare" in request.node.name else told[::-1]) == ["http_request", "background"]
    assert {event["outcome"] for event in later if event["event_type"] == "http_request"} == {"success"}


def test_half_an_answer_is_a_failure(shop: Shop) -> None:
    with contextlib.suppress(httpx.RemoteProtocolError):
        shop.call("POST", "/half")
    [[event]] = shop.events()
    assert event["metadata"]["http.response.status_code"] == 200
    assert (event["outcome"], event["error_type"]) == ("failure", "LookupError"), "also where a relay ends it"


def test_a_client_that_goes_away_is_no_failure(shop: Shop) -> None:
    with shop.client.stream("POST", "/endless", headers={"x-request-id": shop.name()}) as response:
        assert next(response.iter_raw()).startswith(b"x")
    [[event]] = shop.events()
    assert (event["outcome"], event.get("error_type")) == ("unknown", None)
    assert event["message"] == "POST /endless: 200, broken off"


def test_websockets_pass_untouched(shop: Shop) -> None:
    url = shop.url.replace("http", "ws")
    with connect(f"{url}/ws?token={SECRET}", additional_headers={"x-request-id": shop.name()}) as ws:
        ws.send("hello")
        assert ws.recv() == "heard"
    [[event]] = shop.events()
    assert (event["event_type"], event["metadata"]["said"], event["metadata"]["url.path"]) == ("ws", "hello", "/ws")


def test_only_a_trusted_proxy_is_believed(shop: Shop) -> None:
    cases = [
        (["203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, 203.0.113.9"], "203.0.113.9"),  # what stands before it, the client wrote itself
        (["1.1.1.1", "203.0.113.9"], "203.0.113.9"),
        (["1.1.1.1, unknown"], "127.0.0.1"),
        (["203.0.113.9:4711"], "203.0.113.9"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
    ]
    for forwarded, _ in cases:
        shop.client.get(
            "/read/1", headers=[("x-request-id", shop.name()), *(("x-forwarded-for", f) for f in forwarded)]
        )
    for (_, address), [event] in zip(cases, shop.events(), strict=True):
        assert event["src_ip"] == address
        assert ("src_port" in event) == (address == "127.0.0.1")


async def test_requests_at_the_same_time_do_not_mix(shop: Shop) -> None:
    names = [shop.name() for _ in range(30)]
    async with httpx.AsyncClient(base_url=shop.url, trust_env=False) as client:
        await asyncio.gather(*[
            client.post(f"/says_request/order/{number}", headers={"x-request-id": name})
            for number, name in enumerate(names)
        ])  # fmt: skip
    made = await asyncio.to_thread(shop.events)
    assert [[event["metadata"].get("order") for event in events] for events in made] == [[n, None] for n in range(30)]


def test_an_id_that_is_none_is_replaced(shop: Shop) -> None:
    shop.client.post("/in-endpoint", headers={"x-request-id": "<script>", "user-agent": f"its {shop.prefix}"})
    shop.settled()
    [event] = [one for one in delivered(shop.out) if one.get("user_agent") == f"its {shop.prefix}"]
    assert len(event["request_id"]) == 32


def test_no_secret_is_written(shop: Shop) -> None:
    """`shop` looks at its end at what all of them wrote."""
    assert shop.call("POST", f"/in-endpoint?token={SECRET}", content=SECRET).status_code == 200
    shop.settled()
    assert SECRET not in shop.out.read_text()


# --- without a server ------------------------------------------------------------------------------------------------


async def _never() -> Any:
    raise AssertionError


def _asked() -> Callable[[], Any]:
    """A client that has sent its request, and stays."""
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Any:
        return messages.pop() if messages else await asyncio.Event().wait()

    return receive


async def _taken(_: Any) -> None:
    return None


def _scope(**more: Any) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/x", "headers": [], "client": ("127.0.0.1", 4711), **more}


async def test_lifespan_and_what_is_not_known_pass_as_they_are() -> None:
    given: list[Any] = []

    async def app(*seen: Any) -> None:
        given.append(seen)
        assert answering.get() is None

    middleware = AuditMiddleware(app, log=Failing())
    for scope in ({"type": "lifespan"}, {"type": "something new"}):
        await middleware(scope, _never, _taken)
    assert [[id(one) for one in seen[1:]] for seen in given] == [[id(_never), id(_taken)]] * 2


async def test_p6_whatever_is_wrong_with_us_the_application_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    broken = Failing()

    def rule(_: Answered) -> bool:
        raise ValueError("a broken rule")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    weird = _scope(headers=[("text", 7)], client=7, method=None, path=None, root_path=7, route=object())
    choices: list[dict[str, Any]] = [{}, {"audits": rule}]
    for settings in choices:
        for scope in (_scope(), weird):
            before = dict(scope)
            await AuditMiddleware(app, log=broken, **settings)(scope, _never, send)
            assert scope == before
    assert [one["type"] for one in sent] == ["http.response.start", "http.response.body"] * 4
    assert broken.asked == 2
    assert answering.get() is None
    assert {record.name for record in caplog.records} == {"otelsiem.integrations.asgi"}


@pytest.mark.parametrize("error", [LookupError("x"), KeyboardInterrupt(), asyncio.CancelledError(), SystemExit(1)])
async def test_an_exception_comes_out_as_it_went_in(error: BaseException, tmp_path: Path) -> None:
    async def app(*_: Any) -> None:
        bind_request(actor="u-7")
        raise error

    with audit_log(tmp_path, journal=None) as (log, out):
        with pytest.raises(type(error)) as raised:
            await AuditMiddleware(app, log=log)(_scope(), _never, _taken)
        assert raised.value is error
        assert log.flush(10)
    [event] = delivered(out)
    cancelled = isinstance(error, asyncio.CancelledError)
    assert event["outcome"] == ("unknown" if cancelled else "failure")
    assert event.get("error_type") == (None if cancelled else type(error).__name__)
    assert event["metadata"].get("http.response.status_code") == (None if cancelled else 500)


@pytest.mark.parametrize(
    ("path", "route"),
    [("/v2/inner/things/b", "/inner/things/{thing}"), ("/v2/files/x", "/files"), ("/v2/nowhere", "")],
)
async def test_the_route_behind_mounts_and_a_root_path(path: str, route: str) -> None:
    asked: list[Answered] = []

    def rule(answered: Answered) -> bool:
        asked.append(answered)
        return False

    inner = Starlette(routes=[Route("/things/{thing}", _ok, methods=["POST"])])
    app = Starlette(routes=[Mount("/inner", inner), Mount("/files", _plain)])
    middleware = AuditMiddleware(app, audits=rule, log=Failing())
    await middleware(_scope(path=path, root_path="/v2", query_string=b""), _never, _taken)
    assert [answered.route for answered in asked] == [route]


async def test_a_client_that_cannot_be_answered_is_no_failure(tmp_path: Path) -> None:
    gone = OSError("the client has gone")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        try:
            await send({"type": "http.response.start", "status": 201, "headers": []})
        except OSError as error:
            raise LookupError("as frameworks wrap it") from error

    async def send(_: Any) -> None:
        raise gone

    with audit_log(tmp_path, journal=None) as (log, out):
        with pytest.raises(LookupError) as raised:
            await AuditMiddleware(app, log=log)(_scope(), _never, send)
        assert raised.value.__cause__ is gone
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["outcome"], event.get("error_type")) == ("unknown", None)


@pytest.mark.parametrize("relays", [0, 1, 2])
@pytest.mark.parametrize(
    ("ends", "outcome", "error"),
    [
        ("whole", "success", None),
        ("half", "failure", "LookupError"),
        ("half in a group", "failure", "LookupError"),
        ("half of nothing", "failure", "LookupError"),
        ("background", "success", None),
        ("file", "success", None),
    ],
)
async def test_how_an_answer_ended_behind_relays(
    ends: str, outcome: str, error: str | None, relays: int, tmp_path: Path
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        if ends != "half of nothing":
            yield b"a"
        if ends == "half in a group":
            raise BaseExceptionGroup("a", [ExceptionGroup("b", [LookupError("x")])])
        if ends.startswith("half"):
            raise LookupError("x")

    def task() -> None:
        if ends == "background":
            raise LookupError("x")

    async def answer(_: Request) -> Response:
        if ends == "file":
            return FileResponse(__file__)
        return StreamingResponse(parts(), background=BackgroundTask(task))

    app = Starlette(
        routes=[Route("/x", answer, methods=["POST"])],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=_other)] * relays,
    )
    scope = _scope(query_string=b"", extensions={"http.response.pathsend": {}}, asgi={"spec_version": "2.4"})
    with audit_log(tmp_path, journal=None) as (log, out):
        raised = contextlib.suppress(LookupError, BaseExceptionGroup)
        with raised:
            await AuditMiddleware(app, log=log)(scope, _asked(), _taken)
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["outcome"], event.get("error_type")) == (outcome, error)
    assert event["metadata"]["http.response.status_code"] == 200


async def test_an_answer_that_nobody_ends_is_no_success(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": scope["status"], "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})

    with audit_log(tmp_path, journal=None) as (log, out):
        for status in (200, 500):
            await AuditMiddleware(app, log=log)(_scope(status=status), _never, _taken)
        assert log.flush(10)
    assert [(event["outcome"], event["message"]) for event in delivered(out)] == [
        ("unknown", "POST /x: 200, broken off"),
        ("failure", "POST /x: 500, broken off"),
    ]


async def test_a_relayed_answer_does_not_wait_for_a_long_background_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LATEST", 0.001)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def until_told() -> None:
            async with asyncio.timeout(10):
                while not delivered(out):  # noqa: ASYNC110 - another thread writes it
                    await asyncio.sleep(0.01)
            audit_after("afterwards")

        await PlainTextResponse("ok", background=BackgroundTask(until_told))(scope, receive, send)

    with audit_log(tmp_path, journal=None) as (log, out):
        audit_after = log.audit
        await AuditMiddleware(BaseHTTPMiddleware(app, dispatch=_other), log=log)(_scope(), _asked(), _taken)
        assert log.flush(10)
    assert [event["event_type"] for event in delivered(out)] == ["http_request", "afterwards"]


async def test_a_rule_decides(tmp_path: Path) -> None:
    asked: list[Answered] = []

    def rule(answered: Answered) -> str:
        asked.append(answered)
        return "purchase" if answered.method == "GET" else ""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 302, "headers": []})
        await send({"type": "http.response.body"})

    with audit_log(tmp_path, journal=None) as (log, out):
        middleware = AuditMiddleware(app, audits=rule, request_id_header="", log=log)
        for method in ("GET", "POST"):
            await middleware(_scope(method=method, headers=[(b"x-request-id", b"r-1")]), _never, _taken)
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["event_type"], event["outcome"], len(event["request_id"])) == ("purchase", "success", 32)
    assert asked == [Answered("GET", "/x", "", 302, ""), Answered("POST", "/x", "", 302, "")]


def test_without_a_request_it_is_bound_here() -> None:
    token = set_bound()
    bind_request(actor="u-7")
    assert known() == {"user.id": "u-7"}
    reset(token)
    assert known() == {}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"trusted_proxies": -1}, "trusted_proxies=-1: it is how many proxies of yours a request passes, 0 or more"),
        ({"trusted_proxies": "10.0.0.1"}, "trusted_proxies='10.0.0.1': it is how many proxies of yours"),
        ({"audits": "POST"}, "audits='POST': it is a function that is given how a request was answered, or None"),
        ({"request_id_header": None}, "request_id_header=None: it is a header's name, or '' for none"),
        ({"app": None}, "app=None: it is an ASGI application"),
    ],
)
def test_mistakes_are_refused_at_once(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(OtelsiemError) as refused:
        AuditMiddleware(**{"app": _plain, **settings})
    assert str(refused.value).startswith(sentence)
