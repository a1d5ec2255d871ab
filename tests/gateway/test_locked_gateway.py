"""A locked gateway as its users run it: its own `send`, real exporters, and tokens that show nowhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from otelsiem.gateway.receivers.listen import Address
from tests.gateway.locked import BILLING, HERE, WEB, emit, exporter
from tests.gateway.locked_gateway import LockedGateway
from tests.program import eventually
from tests.transport.authority import Authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command makes the certificates")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.certificate("server", "DNS:gateway.example.com")  # no name of this machine
    made.certificate("here", HERE)
    made.certificate("app", "DNS:app")
    return made


@pytest.fixture
def gateway(tmp_path: Path, authority: Authority) -> Iterator[LockedGateway]:
    with LockedGateway(tmp_path, authority) as running:
        yield running


def test_send_takes_token_and_certificate_from_the_configuration(gateway: LockedGateway) -> None:
    said = gateway.send("--attribute", "tenant_id=globex")
    assert said.returncode == 0, said.stderr
    assert "delivered" in said.stdout
    [record] = gateway.written()
    assert record["tenant_id"] == "acme"
    assert record["metadata"]["audit.tenant.claimed"] == "globex"
    assert record["metadata"]["otelsiem.peer.name"] == "billing"
    assert gateway.metric("siem_events_accepted_total", token="billing", tenant="acme") == 1


def test_send_to_a_named_address_says_what_is_missing(
    gateway: LockedGateway, authority: Authority, tmp_path: Path
) -> None:
    there = ["--endpoint", f"https://127.0.0.1:{gateway.http}", "--timeout", "0"]
    (tmp_path / "web.token").write_text(WEB + "\n")
    assert "unknown CA" in gateway.send(*there).stderr
    ours = [*there, "--ca-file", authority.file, "--token-file", tmp_path / "web.token"]
    assert "another IP address" in gateway.send(*ours).stderr, "what --ca-file trusts must have the right name"
    assert gateway.metric("siem_events_accepted_total") == 0


def test_send_with_a_wrong_token_or_file_is_told(gateway: LockedGateway) -> None:
    said = gateway.send("--token", "wrong-0123456789")
    assert said.returncode == 1
    assert "HTTP 401" in said.stderr
    assert "this token is not known here" in said.stderr
    assert "cannot read 'none'" in gateway.send("--token-file", "none").stderr


def test_send_shows_the_token_to_nobody_with_another_certificate(gateway: LockedGateway, authority: Authority) -> None:
    """Whoever sits on our port is not us without our key, even with a certificate of the same authority."""
    for protocol in gateway.config["receivers"]["otlp"]["protocols"].values():
        protocol["tls"] |= {"cert_file": f"{authority.directory}/app.pem", "key_file": f"{authority.directory}/app.key"}
    gateway.write()
    said = gateway.send()
    assert said.returncode == 1
    assert "unknown CA" in said.stderr
    assert gateway.metric("siem_events_accepted_total") == 0


def test_send_shows_a_client_certificate_where_one_is_asked_for(tmp_path: Path, authority: Authority) -> None:
    with LockedGateway(tmp_path, authority, client_ca_file=str(authority.file)) as gateway:
        said = gateway.send()
        assert said.returncode == 1
        assert "asks for a client certificate: give --cert-file and --key-file" in said.stderr
        folder = authority.directory
        assert gateway.send("--cert-file", folder / "app.pem", "--key-file", folder / "app.key").returncode == 0


def test_a_reload_changes_the_tokens(gateway: LockedGateway) -> None:
    fresh = "fresh-0123456789abcdef"
    assert gateway.send("--token", WEB).returncode == 0
    gateway.config["extensions"]["bearertokenauth"]["tokens"][1]["token"] = "short"
    gateway.write()
    assert not gateway.reload()
    gateway.config["extensions"]["bearertokenauth"]["tokens"][1]["token"] = fresh
    gateway.write()
    assert gateway.reload()
    assert "HTTP 401" in gateway.send("--token", WEB).stderr
    assert gateway.send("--token", fresh).returncode == 0
    assert fresh not in gateway.log.read_text()


def test_tokens_show_nowhere(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # they would win over what the exporter is told
        monkeypatch.delenv(name, raising=False)
    shutil.copy(authority.directory / "here.pem", authority.directory / "server.pem")
    shutil.copy(authority.directory / "here.key", authority.directory / "server.key")
    wrong = "wrong-0123456789abcdef"
    with LockedGateway(tmp_path, authority) as gateway:
        for by, port in (("grpc", gateway.grpc), ("http", gateway.http)):
            for token in (WEB, wrong):
                emit(exporter(by, Address("127.0.0.1", port), token=token, trust=authority.file), "hello")
        eventually(lambda: len(gateway.written()) == 2, 20, "both are delivered")
        assert gateway.metric("siem_events_accepted_total", token="web") == 2
        assert gateway.metric("siem_requests_refused_total", reason="unauthenticated", token="") == 2
        seen = [gateway.get("/metrics")[1], (gateway.directory / "out.jsonl").read_text(), gateway.log.read_text()]
        journal = [file.read_bytes() for file in (tmp_path / "journal").iterdir()]
        ready = next(line for line in seen[-1].splitlines() if "is ready" in line)
        assert ready.count("(TLS, tokens)") == 2
    for secret in (WEB, BILLING, wrong):
        assert not [text for text in seen if secret in text]
        assert not [content for content in journal if secret.encode() in content]
