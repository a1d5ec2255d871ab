from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django
import httpx
import pytest
from django.apps import apps
from django.conf import settings as project
from django.core.management import call_command
from django.db import connections

from otelsiem import AuditLog
from otelsiem.auditing.context import known
from otelsiem.auditing.request import answering
from otelsiem.integrations import _hook
from otelsiem.integrations.django.settings import settings
from otelsiem.model.errors import OtelsiemError
from tests.auditing.reading import audit_log, delivered
from tests.integrations.hosts import SECRET, Failing
from tests.integrations.servers import asgi, wsgi

PASSWORD = "correct horse"
HEADERS = {"x-request-id": "r-1", "authorization": f"Bearer {SECRET}", "user-agent": "tests/1"}
STREAMED = {"wsgi": "/streamed", "asgi": "/async/streamed"}  # Django warns of the other way round


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A project: one to a process, since Django has it so."""
    folder = tmp_path_factory.mktemp("django")
    project.configure(
        SECRET_KEY="tests",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="tests.integrations.django_urls",
        LOGGING_CONFIG=None,
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "db.sqlite3"}},
        SESSION_ENGINE="django.contrib.sessions.backends.db",
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "auditlog",
            "otelsiem.integrations.django",
        ],
        MIDDLEWARE=[
            "otelsiem.integrations.django.middleware.AuditMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "auditlog.middleware.AuditlogMiddleware",
        ],
        OTELSIEM={"trusted_proxies": 1},
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from auditlog.registry import auditlog
    from django.contrib.auth.models import Group, User

    auditlog.register(Group, mask_fields=["name"])
    User.objects.create_user("ann", password=PASSWORD)
    yield
    connections.close_all()


@pytest.fixture
def said(shop: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """To say something else in OTELSIEM. What was said before holds again at the end."""

    def say(**more: Any) -> None:
        monkeypatch.setattr(project, "OTELSIEM", {"trusted_proxies": 1, **more})
        settings.cache_clear()

    yield say
    settings.cache_clear()


def told_to(monkeypatch: pytest.MonkeyPatch, log: AuditLog) -> None:
    monkeypatch.setattr(_hook, "default", lambda: log)


def served(kind: str) -> Any:
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application

    return wsgi(get_wsgi_application()) if kind == "wsgi" else asgi(get_asgi_application(), lifespan="off")


def summary(event: dict[str, Any]) -> tuple[Any, ...]:
    return (
        event["event_type"], event.get("action"), event.get("user_name") or event.get("user_id"), event.get("outcome"),
        event["metadata"].get("http.response.status_code"), event.get("error_type"),
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_requests_over_a_socket(
    shop: None, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    streamed = STREAMED[kind]
    monkeypatch.setattr(project, "MIDDLEWARE", project.MIDDLEWARE[:-1])  # django-auditlog's asks for the user each time
    with audit_log(tmp_path, journal=None) as (log, out):
        told_to(monkeypatch, log)
        with served(kind) as url, httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
            wrong = {"name": f"ann{SECRET}", "password": SECRET}
            assert client.post(f"/login?token={SECRET}", data=wrong).status_code == 401
            assert client.post("/logout").text == "bye"  # nobody was logged in
            right = {"name": "ann", "password": PASSWORD}
            assert client.post("/login", data=right, headers={"x-forwarded-for": "1.1.1.1, 203.0.113.9"}).text == "yes"
            assert client.post("/orders/7").text == "7"
            assert client.post("/async/orders/8").text == "8"
            assert client.post("/logout").text == "bye"
            assert client.post("/orders/9").text == "9"
            assert client.post("/bound").status_code == 200
            assert client.post("/async/bound").status_code == 200
            assert client.get("/whose").text == "nobody"
            assert client.get("/denied").status_code == 403
            assert client.get("/broken").status_code == 500
            assert client.post("/broken").status_code == 500
            assert client.post("/async/broken").status_code == 500
            assert client.post(streamed).content == b"abc"
            assert client.post("/nowhere").status_code == 404
            assert "Cookie" not in client.get("/whose").headers.get("vary", "")
        assert log.flush(10)
    events = delivered(out)
    assert SECRET not in out.read_text()
    assert PASSWORD not in out.read_text()
    assert {(event["request_id"], event["user_agent"]) for event in events} == {("r-1", "tests/1")}
    lost = "LookupError"
    assert [summary(event) for event in events] == [
        ("authentication_failure", "login", None, "failure", None, None),
        ("http_request", "POST /login", None, "failure", 401, None),
        ("http_request", "POST /logout", None, "success", 200, None),
        ("authentication_success", "login", "ann", "success", None, None),
        ("http_request", "POST /login", "ann", "success", 200, None),
        ("before anybody asked", None, None, None, None, None),
        ("order_placed", None, "ann", None, None, None),
        ("http_request", "POST /orders/<int:number>", "ann", "success", 200, None),
        ("order_placed", None, "ann", None, None, None),
        ("http_request", "POST /async/orders/<int:number>", "ann", "success", 200, None),
        ("logout", "logout", "ann", "success", None, None),
        ("http_request", "POST /logout", "ann", "success", 200, None),
        ("before anybody asked", None, None, None, None, None),
        ("http_request", "POST /orders/<int:number>", None, "success", 200, None),
        ("http_request", "POST /bound", "of this request only", "success", 200, None),
        ("http_request", "POST /async/bound", "async", "success", 200, None),
        ("http_request", "GET /denied", None, "failure", 403, "django.core.exceptions.PermissionDenied"),
        ("http_request", "POST /broken", None, "failure", 500, lost),
        ("http_request", "POST /async/broken", None, "failure", 500, lost),
        ("http_request", f"POST {streamed}", None, "success", 202, None),
        ("http_request", "POST /nowhere", None, "failure", 404, None),
    ]
    assert [event["src_ip"] for event in events[2:5]] == ["127.0.0.1", "203.0.113.9", "203.0.113.9"]
    assert not [record for record in caplog.records if record.name.startswith("otelsiem")]


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
@pytest.mark.parametrize("values", [False, True])
def test_entries_of_django_auditlog(
    kind: str, values: bool, said: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(values=values, configuration=["auth.Group"] if values else [])
    with audit_log(tmp_path, journal=None) as (log, out):
        told_to(monkeypatch, log)
        with served(kind) as url, httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
            assert client.post("/login", data={"name": "ann", "password": PASSWORD}).text == "yes"
            assert client.post("/change").text == "changed"
        assert log.flush(10)
    changes = [event for event in delivered(out) if event["event_type"].endswith("change")]
    assert {event["event_type"] for event in changes} == {"configuration_change" if values else "data_change"}
    assert [event["action"] for event in changes] == ["create", "update", "delete"]
    for event in changes:
        assert (event["user_name"], event["src_ip"], event["request_id"]) == ("ann", "127.0.0.1", "r-1")
        assert event["target"]["type"] == "auth.group"
        assert event["target"]["id"].isdigit()
    [_, update, _] = changes
    assert update["metadata"]["audit.changed_fields"] == ["name"]
    assert ("audit.changes" in update["metadata"]) == values
    assert ("name" in update["target"]) == values
    assert "rolled back" not in out.read_text()
    assert "never" not in out.read_text()
    if values:
        before, after = update["metadata"]["audit.changes"]["name"]
        assert "*" in before  # as django-auditlog masked it
        assert "*" in after
    else:
        assert SECRET not in out.read_text()


@pytest.mark.parametrize("values", [False, True])
def test_entries_about_sessions_and_passwords_hold_none(
    values: bool, said: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUDITLOG_INCLUDE_ALL_MODELS notes sessions too, and a session's primary key is what the cookie says."""
    from auditlog.registry import auditlog
    from django.contrib.auth import get_user_model
    from django.contrib.sessions.models import Session

    said(values=values)
    models = (Session, get_user_model())
    for model in models:
        auditlog.register(model)
    try:
        with audit_log(tmp_path, journal=None) as (log, out):
            told_to(monkeypatch, log)
            with served("wsgi") as url, httpx.Client(base_url=url, headers=HEADERS, trust_env=False) as client:
                assert client.post("/login", data={"name": "ann", "password": PASSWORD}).text == "yes"
                key = client.cookies["sessionid"]
            user = get_user_model().objects.get(username="ann")
            before, _ = user.password, user.set_password(PASSWORD)
            user.save()
            assert log.flush(10)
    finally:
        for model in models:
            auditlog.unregister(model)
        connections.close_all()
    text = out.read_text()
    for secret in (key, before, user.password):
        assert secret not in text
    targets = {event["target"]["type"]: event["target"]["id"] for event in delivered(out) if "target" in event}
    assert targets["sessions.session"] == f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"
    assert targets["auth.user"] == str(user.pk)
    changed = [event["metadata"]["audit.changed_fields"] for event in delivered(out) if "target" in event]
    assert ["password"] in changed


def test_the_name_that_was_tried_if_asked_for(
    said: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.contrib.auth import authenticate

    said(tried_names=True)
    with audit_log(tmp_path, journal=None) as (log, out):
        told_to(monkeypatch, log)
        assert authenticate(username="bob", password=SECRET) is None
        assert log.flush(10)
    [event] = delivered(out)
    assert (event["event_type"], event["user_name"]) == ("authentication_failure", "bob")
    assert SECRET not in out.read_text()


@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
def test_p6_whatever_is_wrong_with_us_the_project_goes_on(
    kind: str, said: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def rule(_: object) -> bool:
        raise ValueError("a broken rule")

    broken = Failing()
    told_to(monkeypatch, broken)
    for more in ({}, {"audits": rule}):
        said(**more)
        with served(kind) as url, httpx.Client(base_url=url, trust_env=False) as client:
            assert client.post("/login", data={"name": "ann", "password": PASSWORD}).text == "yes"
            assert client.post("/change").text == "changed"
            assert client.post("/logout").text == "bye"
            assert client.post(STREAMED[kind]).content == b"abc"
    assert broken.asked == 14  # twice 5 of logins and changes, and 4 requests: a rule that raises tells none
    assert answering.get() is None
    assert known() == {}
    ours = {record.name for record in caplog.records if record.name.startswith("otelsiem")}
    assert ours == {"otelsiem.integrations.django"}


async def test_a_request_that_the_server_gives_up(shop: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.test import AsyncRequestFactory

    from otelsiem.integrations.django.middleware import AuditMiddleware

    async def given_up(_: object) -> Any:
        raise asyncio.CancelledError

    with audit_log(tmp_path, journal=None) as (log, out):
        told_to(monkeypatch, log)
        middleware: Any = AuditMiddleware(given_up)
        with pytest.raises(asyncio.CancelledError):
            await middleware(AsyncRequestFactory().post("/orders/7"))
        assert await asyncio.to_thread(log.flush, 10)
    [event] = delivered(out)
    assert (event["action"], event["outcome"]) == ("POST /orders/7", "unknown")
    assert answering.get() is None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ([], r"OTELSIEM = \[\]: it is a dict"),
        ({"proxies": 1}, "OTELSIEM: unknown: proxies; known are trusted_proxies, request_id_header, audits"),
        ({"audits": "shop.audit.rule"}, "OTELSIEM: audits = 'shop.audit.rule': No module named 'shop'"),
        ({"audits": "os.sep"}, "audits='/': it is a function"),
        ({"trusted_proxies": True}, "trusted_proxies=True"),
        ({"values": "yes"}, "OTELSIEM: values is True or False"),
        ({"configuration": "shop.price"}, "OTELSIEM: configuration = 'shop.price': it is a list of models"),
        ({"configuration": ["price"]}, "it is a list of models, as 'shop.price'"),
    ],
)
def test_mistakes_are_refused_when_django_starts(
    wrong: Any, sentence: str, said: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "OTELSIEM", wrong)
    settings.cache_clear()
    with pytest.raises(OtelsiemError, match=sentence):
        apps.get_app_config("otelsiem").ready()
