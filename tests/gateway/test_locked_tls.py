"""TLS and mTLS of the receivers on real sockets: who gets in, and certificates that are replaced while it runs."""

from __future__ import annotations

import asyncio
import http.client
import logging
import os
import shutil
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from otelsiem.gateway.locks import Lock, Tls
from otelsiem.gateway.receivers.certificates import read
from otelsiem.gateway.receivers.grpc import EXPORT
from otelsiem.gateway.receivers.watched import UnusableError
from otelsiem.model.record import records
from tests.gateway.locked import BILLING, HERE, Locked, client, tls, tokens
from tests.gateway.requests import in_json, protobuf
from tests.transport.authority import Authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command makes the certificates")

BOTH = pytest.mark.parametrize("by", ["grpc", "http"])


@pytest.fixture(autouse=True)
def own_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """The HTTP exporter's library lets these win over what the exporter was told."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.certificate("server", HERE)
    made.certificate("app", "DNS:app")
    made.certificate("old", HERE, "-days", "-1")
    return made


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Another authority of the same name."""
    made = Authority(tmp_path_factory.mktemp("stranger"))
    made.certificate("app", "DNS:app")
    made.certificate("server", HERE)
    return made


@pytest.fixture
def quiet_exporters() -> Iterator[None]:
    """What the exporters say about their failures is not what a test is about."""
    logger = logging.getLogger("opentelemetry")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@BOTH
async def test_a_real_exporter_comes_in_over_mutual_tls_with_a_token(authority: Authority, by: str) -> None:
    async with Locked(Lock(tls(authority, "server", mutual=True), tokens(tenant="acme"))) as gate:
        mine = authority.directory / "app.pem"
        await gate.sent(by, "hello", token=BILLING, trust=authority.file, mine=mine)
        [batch] = gate.door.taken
        assert [record.body for record in records(batch)] == ["hello"]
        assert [(s.token, s.tenant) for s in gate.door.senders] == [("billing", "acme")]
        assert not gate.refusals.seen


@BOTH
@pytest.mark.parametrize("shown", ["nothing", "a stranger's", "an expired one"])
@pytest.mark.usefixtures("quiet_exporters")
async def test_without_a_certificate_of_the_authority_nobody_comes_in(
    authority: Authority, stranger: Authority, by: str, shown: str
) -> None:
    mine = {
        "nothing": None,
        "a stranger's": stranger.directory / "app.pem",
        "an expired one": authority.directory / "old.pem",
    }[shown]
    async with Locked(Lock(tls(authority, "server", mutual=True))) as gate:
        await gate.sent(by, "hello", trust=authority.file, mine=mine, timeout=1)
        assert gate.door.taken == []
        await gate.sent(by, "after", trust=authority.file, mine=authority.directory / "app.pem")
        assert gate.door.records() == 1


@BOTH
@pytest.mark.parametrize("name", ["server", "old"])
@pytest.mark.usefixtures("quiet_exporters")
async def test_an_exporter_that_does_not_trust_us_sends_nothing(
    authority: Authority, stranger: Authority, by: str, name: str
) -> None:
    """A strange authority, and an expired certificate: TLS works, so the client finds out."""
    trust = stranger.file if name == "server" else authority.file
    async with Locked(Lock(tls(authority, name))) as gate:
        await gate.sent(by, "hello", trust=trust, timeout=1)
        assert gate.door.taken == []


@BOTH
@pytest.mark.usefixtures("quiet_exporters")
async def test_plain_text_finds_no_ear(authority: Authority, by: str) -> None:
    async with Locked(Lock(tls(authority, "server"))) as gate:
        await gate.sent(by, "hello", timeout=1)
        assert gate.door.taken == []


async def test_an_older_version_of_tls_is_refused(authority: Authority) -> None:
    context = client(authority)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    async with Locked(Lock(tls(authority, "server", min_version="1.3"))) as gate:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(post, gate, context)
        await asyncio.to_thread(post, gate, client(authority))
        assert gate.door.records() == 1


def post(gate: Locked, context: ssl.SSLContext) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", gate.at["http"].port, context=context, timeout=10)
    try:
        again(connection)
    finally:
        connection.close()


def again(connection: http.client.HTTPConnection) -> None:
    """One more request on this connection."""
    connection.request("POST", "/v1/logs", in_json(), {"content-type": "application/json"})
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (200, b"{}")


async def certificate_of(gate: Locked, by: str) -> str:
    """What is shown to a new connection."""
    at = (gate.at[by].host, gate.at[by].port)
    return await asyncio.to_thread(ssl.get_server_certificate, at)


def install(authority: Authority, name: str, folder: Path) -> None:
    """As an ACME client does it: each file in one step, the key before the certificate."""
    for suffix in (".key", ".pem"):
        fresh = folder / f"fresh{suffix}"
        shutil.copy(authority.directory / f"{name}{suffix}", fresh)
        os.replace(fresh, folder / f"live{suffix}")


def live(folder: Path, clients: Path | None = None) -> Lock:
    """What lies in the folder, looked at for every connection."""
    return Lock(Tls(folder / "live.pem", folder / "live.key", clients, reload_interval=1e-9))


def bare(text: str) -> str:
    return "".join(text.split("-----")[2].split())


async def test_a_new_certificate_is_shown_and_open_connections_live_on(authority: Authority, tmp_path: Path) -> None:
    authority.certificate("renewed", HERE)
    install(authority, "server", tmp_path)
    async with Locked(live(tmp_path)) as gate:
        connection = http.client.HTTPSConnection("127.0.0.1", gate.at["http"].port, context=client(authority))
        trust = grpc.ssl_channel_credentials(authority.file.read_bytes())
        async with grpc.aio.secure_channel(str(gate.at["grpc"]), trust) as channel:
            made: Any = channel  # the stubs want serializers
            call: Callable[[bytes], Any] = made.unary_unary(EXPORT)
            await asyncio.to_thread(again, connection)
            await call(protobuf())
            before = connection.sock.getpeername(), connection.sock.getsockname()
            install(authority, "renewed", tmp_path)
            for by in ("grpc", "http"):
                shown = await certificate_of(gate, by)
                assert bare(shown) == bare((authority.directory / "renewed.pem").read_text())
            await asyncio.to_thread(again, connection)
            assert (connection.sock.getpeername(), connection.sock.getsockname()) == before, "it is the same one"
            await call(protobuf())
            connection.close()
        assert gate.door.records() == 4


async def test_p3_a_broken_certificate_keeps_the_old_one_and_is_told_once(
    authority: Authority, stranger: Authority, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(authority, "server", tmp_path)
    old = bare((tmp_path / "live.pem").read_text())
    async with Locked(live(tmp_path)) as gate:
        shutil.copy(stranger.directory / "server.key", tmp_path / "live.key")  # of another certificate
        for by in ("grpc", "http", "grpc", "http"):
            assert bare(await certificate_of(gate, by)) == old
        told = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert len(told) == 2, "once per listener"
        assert "does not belong to the certificate" in str(vars(told[0])["otelsiem_fields"])
        shutil.copy(stranger.directory / "server.pem", tmp_path / "live.pem")
        for by in ("grpc", "http"):
            assert bare(await certificate_of(gate, by)) == bare((stranger.directory / "server.pem").read_text())


@BOTH
@pytest.mark.usefixtures("quiet_exporters")
async def test_an_authority_that_was_replaced_lets_its_clients_in_no_more(
    authority: Authority, stranger: Authority, by: str, tmp_path: Path
) -> None:
    install(authority, "server", tmp_path)
    shutil.copy(authority.file, tmp_path / "clients.pem")
    async with Locked(live(tmp_path, tmp_path / "clients.pem")) as gate:
        await gate.sent(by, "ours", trust=authority.file, mine=authority.directory / "app.pem")
        shutil.copy(stranger.file, tmp_path / "clients.pem")
        await gate.sent(by, "not ours", trust=authority.file, mine=authority.directory / "app.pem", timeout=1)
        await gate.sent(by, "theirs", trust=authority.file, mine=stranger.directory / "app.pem")
        assert [record.body for batch in gate.door.taken for record in records(batch)] == ["ours", "theirs"]


def test_what_is_wrong_with_a_file_is_said(authority: Authority, stranger: Authority, tmp_path: Path) -> None:
    good = tls(authority, "server", mutual=True)
    empty = tmp_path / "empty.pem"
    empty.touch()
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    locked_key = Path(authority.encrypted(authority.pair("locked", HERE), "secret").key)
    wrong = {
        ("cert_file", "cannot read"): Tls(tmp_path / "none.pem", good.key_file),
        ("cert_file", "holds no certificate"): Tls(empty, good.key_file),
        ("cert_file", "cannot be used"): Tls(broken, good.key_file),
        ("key_file", "holds no private key"): Tls(good.cert_file, empty),
        ("key_file", "cannot read"): Tls(good.cert_file, tmp_path),
        ("key_file", "does not belong"): Tls(good.cert_file, stranger.directory / "server.key"),
        ("key_file", "is encrypted"): Tls(good.cert_file, locked_key),
        ("client_ca_file", "holds no certificate"): Tls(good.cert_file, good.key_file, empty),
    }
    for (key, words), files in wrong.items():
        with pytest.raises(UnusableError, match=words) as caught:
            read(files)
        assert caught.value.key == key, words
    assert read(good).context.verify_mode is ssl.CERT_REQUIRED
