"""OpenSearch on AWS: every request is signed so that a verifier made from AWS's own description takes it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from otelsiem.destinations.opensearch import Opensearch
from otelsiem.testing.elasticsearch import FakeElasticsearch
from otelsiem.testing.http import HttpServer, Respond, Seen, Step
from tests.destinations.at_work import at_work
from tests.destinations.bulk import batch
from tests.transport.sigv4 import Key, verify

pytest.importorskip("botocore")

ACCESS, SECRET = "AKIDPLANTED", "planted-secret/of+ours"


class Signed(FakeElasticsearch):
    """A domain of Amazon's: in front of it stands who checks signatures."""

    def __init__(self, secret: str) -> None:
        super().__init__(opensearch=True, server=HttpServer())
        self.keys = {ACCESS: Key(secret)}

    def answer(self, request: Seen) -> Step:
        if why := verify(request, self.keys, "es", "eu-central-1", time.time()):
            return Respond(403, b'{"message":"%b"}' % why.encode(), {"Content-Type": "application/json"})
        return super().answer(request)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in (("ACCESS_KEY_ID", ACCESS), ("SECRET_ACCESS_KEY", SECRET), ("EC2_METADATA_DISABLED", "true")):
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("PROFILE", "SESSION_TOKEN"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))


def opensearch(peer: Signed) -> Opensearch:
    return Opensearch.model_validate(
        {
            "endpoint": peer.url,
            "auth": {"sigv4": {"region": "eu-central-1"}},
            "index": "audit-{tenant.id}-%Y.%m",
            "pipeline": "geo & co",
        }
    )


def test_every_request_is_signed_as_it_is_sent(tmp_path: Path) -> None:
    with Signed(SECRET) as peer:
        peer.store.pipelines["geo & co"] = "keep"
        with at_work(tmp_path, opensearch(peer)) as work:
            work.send([*batch(20, attributes={"tenant.id": "Öl+Gas"}), *batch(20, 20, attributes={"tenant.id": "a b"})])
            assert work.settled().delivered == 40
        assert {document.index for document in peer.documents()} == {"audit-öl+gas-2026.01", "audit-a_b-2026.01"}


def test_p3_a_signature_that_is_not_accepted_holds(tmp_path: Path) -> None:
    with Signed("another-secret") as peer, at_work(tmp_path, opensearch(peer)) as work:
        work.send(batch(5))
        assert "HTTP 403" in work.held()
        assert SECRET not in work.held()
        assert (work.counts().dead, work.counts().pending) == (0, 5)
