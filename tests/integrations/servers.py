"""Web servers in a thread, on a port of the loopback interface, each stopped at the end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal

import uvicorn
from werkzeug.serving import WSGIRequestHandler, make_server


@contextmanager
def asgi(app: Any, *, lifespan: Literal["on", "off"] = "on") -> Iterator[str]:
    """Uvicorn. Its own reading of X-Forwarded-For is off, so that ours is seen."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(
            app, log_config=None, lifespan=lifespan, proxy_headers=False, ws="websockets-sansio",
            timeout_graceful_shutdown=3,
        ))  # fmt: skip
        started = threading.Event()
        told: Callable[..., Any] = server.startup

        async def startup(sockets: list[socket.socket] | None = None) -> None:
            await told(sockets=sockets)
            started.set()

        server.startup = startup  # type: ignore[method-assign]  # to be told when it listens
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="uvicorn")
        thread.start()
        try:
            assert started.wait(30)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        return


@contextmanager
def wsgi(app: Any) -> Iterator[str]:
    """Werkzeug, with one thread for all requests: what one leaves behind there, the next would find."""
    server = make_server("127.0.0.1", 0, app, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, name="werkzeug")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(30)
        server.server_close()
