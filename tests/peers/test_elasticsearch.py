"""A real Elasticsearch 8.19 takes what we send, over TLS from whom it knows, and what it refuses costs nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gateway_process import Gateway
from tests.peers.bulk_peer import BulkPeer
from tests.peers.cluster import Cluster, template
from tests.peers.elasticsearch import ADMIN, Elasticsearch
from tests.peers.elasticsearch import PASSWORD as ADMIN_PASSWORD
from tests.peers.emit import Event, emit
from tests.program import eventually

pytestmark = pytest.mark.peer

USER, PASSWORD = "peer-gateway", "a-password-of-ours"


class TestElasticsearch(BulkPeer):
    """With a user who may create documents and nothing else, and the certificate of the authority in a file."""

    kind = "elasticsearch"

    @pytest.fixture
    def cluster(self, elasticsearch: Elasticsearch) -> Cluster:
        elasticsearch.user(USER, PASSWORD, "peer-*", "logs-peer*")
        return elasticsearch.cluster

    def exporter(self, cluster: Cluster) -> dict[str, Any]:
        return {"endpoint": cluster.url, "user": USER, "password": PASSWORD, "tls": {"ca_file": cluster.ca_file}}

    def owner(self, cluster: Cluster) -> dict[str, Any]:
        return self.exporter(cluster) | {"user": ADMIN, "password": ADMIN_PASSWORD}

    def test_p3_setup_by_somebody_who_may_not_says_what_it_takes(self, cluster: Cluster, tmp_path: Path) -> None:
        code, done = self.command(
            tmp_path, "setup", **self.exporter(cluster), data_stream={"dataset": "peer.forbidden"}
        )
        assert code == 1
        assert "manage_index_templates" in done["prepared"][-1]["said"], done

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"password": "another"}, "password"),
            ({"tls": {}}, "unknown CA"),
            ({"tls": {"ca_trusted_fingerprint": "ab" * 32}}, "fingerprint"),
            ({"index": "elsewhere"}, "create_doc"),
        ],
    )
    def test_a_trial_says_what_is_wrong(
        self, cluster: Cluster, tmp_path: Path, wrong: dict[str, Any], words: str
    ) -> None:
        settings = self.exporter(cluster) | {"index": "peer-trial"} | wrong
        code, said = self.command(tmp_path, "test", "--patience", "5", **settings)
        assert (code, said["ok"]) == (1, False)
        assert words in said["steps"][-1]["said"], said


def delivering(gateway: Gateway, count: int, seconds: float = 60) -> None:
    """It has delivered so many, all in all."""
    gateway.delivered("elasticsearch", count, seconds)
    gateway.adds_up("elasticsearch")


def holding(gateway: Gateway, count: int, *words: str) -> None:
    """It keeps so many records, refuses none and says why."""
    eventually(lambda: gateway.metric("siem_hold", exporter="elasticsearch") > 0, 30, f"a hold\n{gateway.tail()}")
    assert gateway.metric("siem_events_sent_total", exporter="elasticsearch") == 0
    assert gateway.metric("siem_dead_letters", exporter="elasticsearch") == 0
    assert gateway.metric("siem_queue_size", exporter="elasticsearch") == count
    gateway.adds_up("elasticsearch")
    log = gateway.log.read_text("utf-8")
    assert all(word in log for word in words), log


class TestWaysIn:
    """Who we say we are, and whom we trust."""

    @pytest.fixture
    def settings(self, elasticsearch: Elasticsearch) -> dict[str, Any]:
        """All but who we are."""
        return {
            "endpoint": elasticsearch.cluster.url,
            "tls": {"ca_file": elasticsearch.ca_file},
            "hold": {"probe_interval": "1s"},
        }

    def test_an_api_key_and_an_authority_by_its_fingerprint(
        self, elasticsearch: Elasticsearch, settings: dict[str, Any], tmp_path: Path
    ) -> None:
        key = elasticsearch.api_key("peer-fingerprint", "peer-fingerprint")
        pinned = {"api_key": key, "index": "peer-fingerprint", "ca_trusted_fingerprint": elasticsearch.fingerprint}
        with Gateway(tmp_path, {"elasticsearch": settings | {"tls": {}} | pinned}) as gateway:
            emit(gateway.http, [Event()] * 20)
            delivering(gateway, 20)
            assert key not in gateway.log.read_text("utf-8")
        assert elasticsearch.cluster.count("peer-fingerprint") == 20

    def test_p3_an_index_that_the_key_is_not_for_holds_nobody_else(
        self, elasticsearch: Elasticsearch, settings: dict[str, Any], tmp_path: Path
    ) -> None:
        """An item of its own each: 403 beside 201 in one answer of the server, one request each from us."""
        key = elasticsearch.api_key("peer-narrow", "peer-narrow-a")
        mine = {"api_key": key, "index": "peer-narrow-{tenant.id}"}
        with Gateway(tmp_path, {"elasticsearch": settings | mine}) as gateway:
            emit(gateway.http, [Event(attributes={"tenant.id": "ab"[n % 2]}) for n in range(40)])
            delivering(gateway, 20)
            eventually(lambda: gateway.metric("siem_queue_size") == 20, 30, "the others are kept")
            gateway.adds_up("elasticsearch")
            assert gateway.metric("siem_dead_letters") == 0
            assert "create_doc" in gateway.log.read_text("utf-8"), "what to do"
            wider = elasticsearch.api_key("peer-wider", "peer-narrow-*")
            gateway.config["exporters"]["elasticsearch"]["api_key"] = wider
            gateway.write()
            assert gateway.reload()
            delivering(gateway, 40, 90)
        assert [elasticsearch.cluster.count(f"peer-narrow-{tenant}") for tenant in "ab"] == [20, 20]

    def test_p3_a_wrong_password_holds_until_it_is_right(
        self, elasticsearch: Elasticsearch, settings: dict[str, Any], tmp_path: Path
    ) -> None:
        elasticsearch.user("peer-late", "another-password", "peer-late")
        mine = {"user": "peer-late", "password": "the-later-password", "index": "peer-late"}
        with Gateway(tmp_path, {"elasticsearch": settings | mine}) as gateway:
            emit(gateway.http, [Event()] * 20)
            holding(gateway, 20, "check user and password")
            assert "the-later-password" not in gateway.log.read_text("utf-8")
            elasticsearch.user("peer-late", "the-later-password", "peer-late")
            delivering(gateway, 20)
        assert elasticsearch.cluster.count("peer-late") == 20

    def test_p3_a_key_that_was_revoked_holds_until_there_is_another(
        self, elasticsearch: Elasticsearch, settings: dict[str, Any], tmp_path: Path
    ) -> None:
        old = elasticsearch.api_key("peer-revoked", "peer-revoked")
        elasticsearch.cluster.do("DELETE", "/_security/api_key", {"name": "peer-revoked"})
        with Gateway(tmp_path, {"elasticsearch": settings | {"api_key": old, "index": "peer-revoked"}}) as gateway:
            emit(gateway.http, [Event()] * 20)
            holding(gateway, 20, "api_key")
            gateway.config["exporters"]["elasticsearch"]["api_key"] = elasticsearch.api_key("peer-new", "peer-revoked")
            gateway.write()
            assert gateway.reload()
            delivering(gateway, 20)
            assert old not in gateway.log.read_text("utf-8")

    @pytest.mark.parametrize(
        ("tls", "words"),
        [({}, "unknown CA"), ({"ca_trusted_fingerprint": "ab" * 32}, "no certificate of the peer has the fingerprint")],
    )
    def test_p3_an_authority_that_is_not_trusted_holds_until_it_is(
        self, elasticsearch: Elasticsearch, settings: dict[str, Any], tmp_path: Path, tls: dict[str, Any], words: str
    ) -> None:
        index = f"peer-authority-{len(tls)}"
        mine = {"api_key": elasticsearch.api_key(index, index), "index": index, "tls": tls}
        with Gateway(tmp_path, {"elasticsearch": settings | mine}) as gateway:
            emit(gateway.http, [Event()] * 20)
            holding(gateway, 20, words)
            gateway.config["exporters"]["elasticsearch"]["tls"] = {
                "ca_trusted_fingerprint": elasticsearch.fingerprint.upper()
            }
            gateway.write()
            assert gateway.reload()
            delivering(gateway, 20)


def test_p3_a_data_stream_without_a_template_holds_until_there_is_one(
    elasticsearch: Elasticsearch, tmp_path: Path
) -> None:
    """Else the server would make a plain index of that name, which nobody looks for."""
    cluster = elasticsearch.cluster
    elasticsearch.user("peer-stream", PASSWORD, "logs-peer.missing*")
    settings = {
        "endpoint": cluster.url,
        "user": "peer-stream",
        "password": PASSWORD,
        "tls": {"ca_file": elasticsearch.ca_file},
        "data_stream": {"dataset": "peer.missing"},
        "require_data_stream": True,
        "hold": {"probe_interval": "1s"},
    }
    with Gateway(tmp_path, {"elasticsearch": settings}) as gateway:
        emit(gateway.http, [Event()] * 20)
        holding(gateway, 20, "otelsiem setup")
        template(cluster, "peer-missing", "logs-peer.missing-*", stream=True)
        delivering(gateway, 20)
    assert cluster.count("logs-peer.missing-default") == 20
