"""Flask: who asked from where on every event, and requests as events.

    AuditExtension(app, trusted_proxies=1)

Events made while a request is answered carry its address, id, method and path. Who acts is said where it is found out:
`bind_request(actor=…)` in a `before_request` function or a view. Requests that may change something and those that were
not allowed are events themselves (`audits` decides otherwise).

Guarantees: requests, responses and exceptions are as without it; nothing that goes wrong in here reaches the
application or the client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from flask import Flask, got_request_exception, request, request_tearing_down

from otelsiem.auditing.log import AuditLog
from otelsiem.integrations._request import Door, Rule, visiting
from otelsiem.model.errors import OtelsiemError

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
Application: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]


class AuditExtension:
    """`trusted_proxies`: how many of yours a request passes. `audits`: which requests are events."""

    def __init__(
        self,
        app: Flask | None = None,
        *,
        trusted_proxies: int = 0,
        audits: Rule | None = None,
        request_id_header: str = "x-request-id",
        log: AuditLog | None = None,
    ) -> None:
        self._door = Door("flask", trusted_proxies, audits, request_id_header, log)
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Begin with this application."""
        if not isinstance(app, Flask):
            raise OtelsiemError(f"app={app!r}: it is a flask.Flask")
        if "otelsiem" in app.extensions:
            raise OtelsiemError("this application is audited already: one AuditExtension is enough")
        app.extensions["otelsiem"] = self
        app.wsgi_app = _Answering(app.wsgi_app, self._door)  # type: ignore[method-assign]  # as Flask's manual has it
        got_request_exception.connect(self._failed, app, weak=False)
        request_tearing_down.connect(self._matched, app, weak=False)

    def _failed(self, _: Flask, exception: BaseException, **__: Any) -> None:
        with self._door.hook.harmless("a request could not be read"):
            if visit := visiting():
                visit.failed(exception)

    def _matched(self, _: Flask, **__: Any) -> None:
        with self._door.hook.harmless("a request could not be read"):
            if (visit := visiting()) and request.url_rule is not None:
                visit.route = request.url_rule.rule


class _Answering:
    """The application, watched from outside: whatever its functions do, a request ends, and its thread forgets it."""

    def __init__(self, app: Application, door: Door) -> None:
        self._app, self._door = app, door

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Called by the server."""
        visit = self._door.begin(self._door.environ(environ))
        status = 0

        def start(line: str, *more: Any) -> Any:
            nonlocal status
            code = str(line)[:3]
            status = int(code) if code.isdecimal() else 0
            return start_response(line, *more)

        try:
            return self._app(environ, start)
        except BaseException as error:
            visit.failed(error)
            raise
        finally:
            visit.answered(status or (500 if visit.error else 0))
            visit.end()
