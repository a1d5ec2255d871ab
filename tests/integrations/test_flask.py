from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import httpx
import pytest

from otelsiem import AuditLog, bind
from otelsiem.auditing.context import bind_request, known, set_bound
from otelsiem.auditing.request import answering
from otelsiem.integrations.flask import AuditExtension
from otelsiem.model.errors import OtelsiemError
from tests.auditing.reading import audit_log, delivered
from tests.integrations.hosts import SECRET, Failing
from tests.integrations.servers import wsgi

HEADERS = {
    "x-request-id": "r-1",
    "authorization": f"Bearer {SECRET}",
    "cookie": f"id={SECRET}",
    "user-agent": "tests/1",
}


def shop(log: AuditLog | None, **settings: Any) -> flask.Flask:
    app = flask.Flask("shop")
    AuditExtension(log=log, **settings).init_app(app)
    blueprint = flask.Blueprint("orders", __name__, url_prefix="/orders")
    audit: Callable[..., Any] = log.audit if log is not None else Failing().audit

    @app.before_request
    def who() -> flask.Response | None:
        if actor := flask.request.args.get("actor"):
            bind_request(actor=actor)
        return flask.Response("stopped", 403) if "stop" in flask.request.args else None

    @blueprint.post("/<int:number>")
    def order(number: int) -> dict[str, int]:
        with bind(order=number):
            audit("order_placed")
        return {"order": number}

    app.register_blueprint(blueprint)

    @app.post("/leaves")
    def leaves() -> str:
        set_bound(actor="of this request only")
        return str(dict(known()))

    @app.get("/known")
    def whose() -> str:
        return str(known().get("user.id", "nobody"))

    @app.route("/broken", methods=["GET", "POST"])
    def broken() -> str:
        raise LookupError(SECRET)

    @app.errorhandler(KeyError)
    def lost(_: KeyError) -> tuple[str, int]:
        return "lost", 418

    @app.post("/handled")
    def handled() -> str:
        raise KeyError(SECRET)

    @app.get("/status/<int:status>")
    def status(status: int) -> str:
        flask.abort(status)

    @app.post("/streamed")
    def streamed() -> flask.Response:
        return flask.Response(iter([b"a", b"b", b"c"]), 202)

    @app.teardown_request
    def teardown(_: BaseException | None) -> None:
        if "teardown" in flask.request.args:
            raise ValueError("a teardown function raised")

    return app


def test_requests_over_a_socket(tmp_path: Path) -> None:
    told: list[Any] = []
    with audit_log(tmp_path, journal=None) as (log, out):
        app = shop(log, trusted_proxies=1)
        with wsgi(app) as url, httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
            forwarded = {"x-forwarded-for": "1.1.1.1, 203.0.113.9"}
            assert client.post(f"/orders/7?actor=u-7&token={SECRET}", headers=forwarded).json() == {"order": 7}
            assert client.post("/orders/8", content=SECRET).json() == {"order": 8}
            assert client.post("/orders/9?stop&actor=u-8").status_code == 403
            assert client.post("/leaves").status_code == 200
            assert client.get("/known").text == "nobody"
            assert client.get("/status/401").status_code == 401
            assert client.get("/status/404").status_code == 404
            assert client.get("/broken").status_code == 500
            assert client.post("/broken?actor=u-9").status_code == 500
            assert client.post("/handled").status_code == 418
            assert client.post("/streamed").content == b"abc"
            assert client.post("/nowhere").status_code == 404
            assert client.get("/known").text == "nobody"
        assert log.flush(10)
    assert SECRET not in out.read_text()
    events = delivered(out)
    for event in events:
        assert (event["request_id"], event["user_agent"]) == ("r-1", "tests/1")
        told.append((
            event["event_type"], event.get("action"), event.get("user_id"), event.get("outcome"),
            event["metadata"].get("http.response.status_code"), event.get("error_type"),
        ))  # fmt: skip
    order = "POST /orders/<int:number>"
    assert told == [
        ("order_placed", None, "u-7", None, None, None),
        ("http_request", order, "u-7", "success", 200, None),
        ("order_placed", None, None, None, None, None),
        ("http_request", order, None, "success", 200, None),
        ("http_request", order, "u-8", "failure", 403, None),
        ("http_request", "POST /leaves", "of this request only", "success", 200, None),
        ("http_request", "GET /status/<int:status>", None, "failure", 401, None),
        ("http_request", "POST /broken", "u-9", "failure", 500, "LookupError"),
        ("http_request", "POST /handled", None, "failure", 418, None),
        ("http_request", "POST /streamed", None, "success", 202, None),
        ("http_request", "POST /nowhere", None, "failure", 404, None),
    ]
    assert [event["src_ip"] for event in events[:3]] == ["203.0.113.9", "203.0.113.9", "127.0.0.1"]
    assert events[0]["metadata"]["url.path"] == "/orders/7"


def test_p6_whatever_is_wrong_with_us_the_application_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    log = Failing()

    def rule(_: object) -> bool:
        raise ValueError("a broken rule")

    for settings in ({}, {"audits": rule}):
        client = shop(log, **settings).test_client()
        assert client.post("/streamed").data == b"abc"
        assert client.get("/known", environ_overrides={"REMOTE_ADDR": 7, "REMOTE_PORT": "x"}).text == "nobody"
    assert log.asked == 1
    assert {record.name for record in caplog.records} == {"otelsiem.integrations.flask"}


def test_an_exception_comes_out_as_it_went_in_and_nothing_stays_behind() -> None:
    log = Failing()
    app = shop(log)
    app.testing = True  # exceptions propagate
    for path, error in (("/broken", LookupError), ("/leaves?teardown", ValueError)):
        with pytest.raises(error):
            app.test_client().post(path)
        assert answering.get() is None
        assert known() == {}
    assert log.asked == 2


def test_requests_within_requests_and_contexts_without_one() -> None:
    log = Failing()
    app = shop(log, audits=lambda answered: answered.path == "/outer")
    inner = shop(Failing())

    @app.post("/outer")
    def outer() -> str:
        bind_request(actor="outer")
        assert inner.test_client().get("/known").text == "outer"  # the same thread: what is bound is inherited
        assert inner.test_client().post("/leaves?actor=inner").status_code == 200
        with app.test_request_context("/x"):
            pass
        return str(known()["user.id"])

    assert app.test_client().post("/outer").text == "outer"
    assert log.asked == 1


def test_mistakes_are_refused_at_once() -> None:
    app = flask.Flask("shop")
    AuditExtension(app)
    mistakes: list[tuple[Callable[[], object], str]] = [
        (lambda: AuditExtension(app), "audited already"),
        (lambda: AuditExtension("shop"), "it is a flask.Flask"),  # type: ignore[arg-type]  # that is the mistake
        (lambda: AuditExtension(trusted_proxies=-1), "trusted_proxies=-1"),
    ]
    for made, sentence in mistakes:
        with pytest.raises(OtelsiemError, match=sentence):
            made()
