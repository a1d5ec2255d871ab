"""`otelsiem setup`: templates and lifecycles, twice without a change, and nothing that is not ours is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from otelsiem.destinations import _bulk_setup
from otelsiem.destinations._bulk import BulkClient
from otelsiem.destinations._bulk_mappings import BEYOND, ecs
from otelsiem.destinations.elasticsearch import Elasticsearch
from otelsiem.destinations.opensearch import Opensearch
from otelsiem.model.destination import Installed, Installs
from otelsiem.model.exchange import Answer, Failure, HttpRequest
from otelsiem.model.outcome import Delivered, Hold, Retry
from otelsiem.testing.elasticsearch import Access, FakeElasticsearch, Login
from otelsiem.transport.transport import open_transport
from tests.destinations.at_work import at_work
from tests.destinations.bulk import AT, STREAM, batch, elasticsearch, opensearch, talk

NAME = f"otelsiem-{STREAM}"


@pytest.fixture(params=[False, True], ids=["elasticsearch", "opensearch"])
def peer(request: pytest.FixtureRequest) -> Iterator[FakeElasticsearch]:
    with FakeElasticsearch(opensearch=request.param) as cluster:
        yield cluster


def made(peer: FakeElasticsearch, **changes: Any) -> BulkClient:
    kind: type[BulkClient] = Opensearch if peer.opensearch else Elasticsearch
    return kind.model_validate({"endpoint": peer.url, **changes})


def installed(peer: FakeElasticsearch, **changes: Any) -> Sequence[Installed]:
    destination = made(peer, **changes)
    assert isinstance(destination, Installs)
    transport = open_transport(destination.wire)
    try:
        return talk(destination.setup(AT), transport.perform)[0]
    finally:
        transport.close()


def notes(found: Sequence[Installed]) -> list[str]:
    return [one.outcome.note if isinstance(one.outcome, Delivered) else repr(one.outcome) for one in found]


def test_a_template_and_a_lifecycle_and_the_second_time_nothing(peer: FakeElasticsearch) -> None:
    found = installed(peer)
    policy = "state policy" if peer.opensearch else "lifecycle policy"
    assert [one.what for one in found] == [f"{policy} {NAME}", f"index template {NAME}"]
    assert notes(found) == ["made", "made"]
    template = peer.manage.templates[NAME]
    assert template["index_patterns"] == [STREAM]
    assert template["data_stream"] == {}
    assert template["_meta"]["managed_by"] == "otelsiem"
    settings = template["template"]["settings"]
    assert settings.get("index.lifecycle.name") == (None if peer.opensearch else NAME)
    assert (BEYOND in settings) == (not peer.opensearch)
    asked = len([request for request in peer.requests if request.method == "PUT"])
    assert notes(installed(peer)) == ["there already", "there already"]
    assert len([request for request in peer.requests if request.method == "PUT"]) == asked


def test_a_change_of_ours_is_brought_up_to_date(peer: FakeElasticsearch) -> None:
    installed(peer)
    assert notes(installed(peer, lifecycle={"delete_after": "365d"})) == ["brought up to date", "there already"]
    assert "365d" in json.dumps(peer.manage.policies[NAME])


def test_nothing_is_deleted_by_age_unless_it_is_said(peer: FakeElasticsearch) -> None:
    installed(peer)
    assert "delete" not in json.dumps(peer.manage.policies[NAME])


def test_what_is_not_ours_is_left_alone(peer: FakeElasticsearch) -> None:
    theirs = {"index_patterns": [STREAM], "priority": 900, "_meta": {"managed_by": "somebody"}}
    peer.manage.templates[NAME] = theirs
    policy: dict[str, Any] = {"phases": {}, "description": "by hand"}
    peer.manage.policies[NAME] = {"_seq_no": 1, "_primary_term": 1, "policy": policy} if peer.opensearch else policy
    assert all("did not make it" in note for note in notes(installed(peer)))
    assert peer.manage.templates[NAME] == theirs


def test_what_a_newer_one_made_is_left_alone(peer: FakeElasticsearch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_bulk_setup, "VERSION", 7)
    installed(peer, lifecycle={"rollover_age": "1d"})
    monkeypatch.undo()
    assert all("a newer otelsiem" in note for note in notes(installed(peer)))


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"index": "audit"}, ["index template otelsiem-audit"]),
        ({"index": "audit", "lifecycle": {"delete_after": "9d"}}, ["index template otelsiem-audit"]),
        ({"index": "audit-{tenant.id}", "lifecycle": {"delete_after": "9d"}}, ["index template otelsiem-audit-x"]),
        ({"index": "audit-%Y"}, ["index template otelsiem-audit-x"]),
        ({"index": "audit-%Y", "lifecycle": {"delete_after": "9d"}}, ["policy", "index template otelsiem-audit-x"]),
    ],
)
def test_an_index_that_is_written_to_for_ever_never_goes_by_age(
    peer: FakeElasticsearch, changes: dict[str, Any], what: list[str]
) -> None:
    found = installed(peer, **changes)
    assert all(wanted in one.what for wanted, one in zip(what, found, strict=True))
    assert "data_stream" not in peer.manage.templates[found[-1].what.removeprefix("index template ")]
    if len(what) == 2:
        assert "rollover" not in json.dumps(peer.manage.policies), "an index with a date has no successor"


def test_a_template_of_all_indices_is_never_made(peer: FakeElasticsearch) -> None:
    [found] = installed(peer, index="{tenant.id}-%Y")
    assert isinstance(found.outcome, Hold)
    assert not peer.requests


def test_older_servers_and_those_without_lifecycles_get_what_they_know(peer: FakeElasticsearch) -> None:
    peer.manage.settings_unknown.add(BEYOND)
    peer.manage.lifecycle = False
    assert notes(installed(peer)) == ["left out: this service has no such thing", "made"]
    assert peer.manage.templates[NAME]["template"]["settings"] == {"index.mapping.total_fields.limit": 2500}
    assert notes(installed(peer))[1] == "there already"


def test_who_may_not_is_told_what_it_takes(peer: FakeElasticsearch) -> None:
    peer.users["gw"] = Login("a-password", Access(manage=False))
    for one in installed(peer, user="gw", password="a-password"):
        assert isinstance(one.outcome, Hold)
        assert "manage_index_templates" in one.outcome.reason


def test_the_built_in_template_is_enough_for_otel_streams() -> None:
    with FakeElasticsearch() as peer:
        [found] = installed(peer, mapping={"mode": "otel"})
        assert (found.what, notes([found])) == ("index template logs-otel@template", ["built in"])
        peer.manage.templates.clear()
        [found] = installed(peer, mapping={"mode": "otel"})
        assert isinstance(found.outcome, Hold)
        assert "8.16" in found.outcome.reason
    with FakeElasticsearch(opensearch=True) as peer:
        assert notes(installed(peer, mapping={"mode": "otel"})) == ["made", "made"]
        mapped = peer.manage.templates["otelsiem-logs-otelsiem.audit.otel-default"]["template"]["mappings"]
        assert mapped["properties"]["attributes"] == {"type": "flat_object"}


def test_whatever_is_answered_there_is_a_verdict(peer: FakeElasticsearch) -> None:
    for reply in (Answer(500), Answer(200), Answer(200, {}, b"[]"), Answer(400), Answer(409), Failure("connect", "no")):
        for destination in (elasticsearch(), opensearch(), elasticsearch(mapping={"mode": "otel"})):
            found, asked = talk(destination.setup(AT), lambda _, reply=reply: reply)  # type: ignore[misc]  # bound now
            assert found
            assert all(isinstance(one.outcome, Delivered | Hold | Retry) for one in found), found
            assert all(isinstance(request, HttpRequest) for request in asked)


def test_the_types_are_those_of_the_fields_that_are_written() -> None:
    mapped = ecs()

    def at(path: str) -> Any:
        found: Any = mapped
        for part in path.split("."):
            found = found["properties"][part]
        return found

    assert at("@timestamp") == {"type": "date"}
    assert at("source.ip") == at("related.ip") == at("host.ip") == {"type": "ip"}
    assert at("event.severity") == at("source.port") == at("http.response.status_code") == {"type": "long"}
    assert at("event.original")["index"] is False
    assert mapped["date_detection"] is False
    labels = mapped["dynamic_templates"][0]["labels"]
    assert labels == {"path_match": "labels.*", "mapping": {"type": "keyword", "ignore_above": 1024}}


def test_records_find_what_was_set_up(peer: FakeElasticsearch, tmp_path: Any) -> None:
    """An attribute that looks like a date in one record and like none in the next costs neither."""
    peer.store.streams = []
    installed(peer)
    with at_work(tmp_path, made(peer)) as work:
        work.send([*batch(1, attributes={"when": "2026-01-01"}), *batch(1, 1, attributes={"when": "later"})])
        assert work.settled().delivered == 2
    assert peer.documents()[0].backing.startswith(".ds-")
