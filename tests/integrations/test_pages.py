"""The how-to pages of the hooks, done as they say: blocks are programs, servers real, Splunk a strict fake."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from otelsiem.testing.hec import FakeHec
from tests.program import answers, free_port

PAGES = Path(__file__).parents[2] / "docs" / "how-to"
EXAMPLE = re.compile(r"^<!-- example: (\S+) -->\n```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
ANN = {"authorization": "Bearer token-of-ann", "x-request-id": "r-1", "x-forwarded-for": "203.0.113.9"}


@pytest.fixture
def splunk() -> Iterator[FakeHec]:
    with FakeHec() as made:
        yield made


def example(page: str, folder: Path) -> str:
    """The page's one block, which is a file of this name."""
    text = (PAGES / page).read_text("utf-8")
    [(name, code)] = EXAMPLE.findall(text)
    assert text.count("```python") == 1
    (folder / name).write_text(code, "utf-8")
    return str(code)


def environment(splunk: FakeHec) -> Mapping[str, str]:
    known = {key: value for key, value in os.environ.items() if not key.startswith(("OTEL", "SIEM", "DJANGO"))}
    return {**known, "SPLUNK_HEC_URL": splunk.url, "SPLUNK_HEC_TOKEN": splunk.token, "PYTHONWARNINGS": "error"}


@contextmanager
def running(command: Sequence[str], folder: Path, splunk: FakeHec, port: int) -> Iterator[httpx.Client]:
    """A server of this command, stopped as an operator stops one."""
    with (folder / "server.txt").open("w") as said:
        server = subprocess.Popen(
            [sys.executable, *command], cwd=folder, env=environment(splunk), stdout=said, stderr=said
        )
        try:
            while not answers(port):
                assert server.poll() is None, (folder / "server.txt").read_text()
                time.sleep(0.05)
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                yield client
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(20)


def arrived(splunk: FakeHec, count: int) -> list[dict[str, Any]]:
    return [one.event for one in splunk.wait_for(count, 20)]


REFUSED = ("authorization_failure", "card 4711 refused", None)
FAILED = ("payment", "payment failed", "TimeoutError")


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("logging.md", [REFUSED, FAILED]),
        ("structlog.md", [("authentication_success", None, None), ("authorization_failure", "card refused", None)]),
        ("loguru.md", [REFUSED, FAILED]),
    ],
)
def test_a_log_becomes_events(page: str, expected: list[Any], splunk: FakeHec, tmp_path: Path) -> None:
    example(page, tmp_path)
    subprocess.run([sys.executable, "main.py"], cwd=tmp_path, env=environment(splunk), check=True, timeout=60)
    events = arrived(splunk, 2)
    assert [(one["event_type"], one.get("message"), one.get("error_type")) for one in events] == expected
    assert {(one["user_id"], one["tenant_id"], one["source"]) for one in events} == {("u-7", "acme", "billing")}


@pytest.mark.parametrize(
    ("page", "command", "route"),
    [
        ("fastapi.md", lambda port: ["-m", "uvicorn", "app:app", "--port", port], "/orders/{number}"),
        ("flask.md", lambda port: ["-m", "flask", "--app", "app", "run", "--port", port], "/orders/<int:number>"),
    ],
)
def test_requests_become_events(
    page: str, command: Callable[[str], Sequence[str]], route: str, splunk: FakeHec, tmp_path: Path
) -> None:
    example(page, tmp_path)
    port = free_port()
    with running(command(str(port)), tmp_path, splunk, port) as client:
        assert client.post("/orders/7?token=s3cret", headers=ANN).json() == {"order": 7}
        assert client.post("/orders/8", headers={"authorization": "Bearer s3cret"}).status_code == 401
        events = arrived(splunk, 4)
    assert [one["event_type"] for one in events] == [
        "order_placed", "http_request", "authentication_failure", "http_request"
    ]  # fmt: skip
    for one in events[:2]:
        assert (one["user_id"], one["tenant_id"], one["src_ip"], one["request_id"]) == (
            "ann", "acme", "203.0.113.9", "r-1",
        )  # fmt: skip
    assert [events[1]["action"], events[1]["outcome"]] == [f"POST {route}", "success"]
    assert [events[3]["outcome"], events[3]["src_ip"], events[3].get("user_id")] == ["failure", "127.0.0.1", None]
    assert "s3cret" not in str(events)


PREPARE = """
import django
from django.core.management import call_command
django.setup()
call_command("migrate", verbosity=0)
call_command("createsuperuser", interactive=False, verbosity=0)
"""


def test_a_django_project_becomes_events(splunk: FakeHec, tmp_path: Path) -> None:
    def manage(*command: str, **more: str) -> None:
        subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env={**environment(splunk), **more}, check=True, timeout=60
        )

    code = example("django.md", tmp_path)
    manage("-m", "django", "startproject", "shop", ".")
    with (tmp_path / "shop" / "settings.py").open("a") as settings:
        settings.write(code)
    named = {"DJANGO_SUPERUSER_PASSWORD": "s3cret", "DJANGO_SUPERUSER_USERNAME": "ann", "DJANGO_SUPERUSER_EMAIL": ""}
    manage("-c", PREPARE, DJANGO_SETTINGS_MODULE="shop.settings", **named)
    before = len(splunk.wait_for(1, 20))
    port = free_port()
    server = ["manage.py", "runserver", "--noreload", str(port)]
    with running(server, tmp_path, splunk, port) as client:

        def sent(path: str, **form: str) -> httpx.Response:
            client.get(path)
            form["csrfmiddlewaretoken"] = client.cookies["csrftoken"]
            return client.post(path, data=form, headers=ANN)

        assert sent("/admin/login/?next=/s3cret", username="ann", password="wrong s3cret").status_code == 200
        assert sent("/admin/login/?next=/admin/", username="ann", password="s3cret").status_code == 302
        assert sent("/admin/auth/group/add/", name="s3cret").status_code == 302
        told = [one for one in arrived(splunk, before + 7)[before:] if one.get("request_id") == "r-1"]
    kinds = [(one["event_type"], one.get("action"), one.get("user_name"), one.get("outcome")) for one in told]
    assert ("authentication_failure", "login", None, "failure") in kinds
    assert ("authentication_success", "login", "ann", "success") in kinds
    assert ("configuration_change", "create", "ann", "success") in kinds
    assert ("http_request", "POST /admin/auth/group/add/", "ann", "success") in kinds
    assert {one["src_ip"] for one in told} == {"203.0.113.9"}
    assert "s3cret" not in str(arrived(splunk, 0))
