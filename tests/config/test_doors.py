"""P8 for locks: what is half locked never starts, and what stands open is told of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from otelsiem.config.assemble import assemble
from otelsiem.config.load import load
from otelsiem.config.model import Config
from otelsiem.config.sources import Sources
from otelsiem.gateway.locks import Metadata, Quota, Token, Tokens
from otelsiem.model.errors import ConfigError
from tests.transport.authority import Authority

TOKEN = "s3cr3t-0123456789abcdef"
OTHER = "0th3r-0123456789abcdef"
ENV = {"TOKEN": TOKEN, "OTHER": OTHER}

LOCKED = """\
extensions:
  bearertokenauth/apps:
    tokens:
      - {name: billing, token: "${env:TOKEN}", tenant: acme, quota: {events_per_second: 10, bytes_per_second: 1MiB}}
      - {name: web, token: "${env:OTHER}"}
receivers:
  otlp:
    protocols:
      grpc:
        endpoint: 0.0.0.0:4317
        tls: {cert_file: FOLDER/server.pem, key_file: FOLDER/server.key, client_ca_file: FOLDER/ca.pem}
        auth: {authenticator: bearertokenauth/apps}
        include_metadata: {peer: true, headers: [X-Request-Id]}
      http:
        endpoint: 0.0.0.0:4318
        tls: {cert_file: FOLDER/server.pem, key_file: FOLDER/server.key, min_version: 1.3}
        auth: {authenticator: bearertokenauth/apps}
exporters: {console: }
service:
  extensions: [bearertokenauth/apps]
  pipelines: {logs: {receivers: [otlp], exporters: [console]}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes the certificates")
    made = Authority(tmp_path_factory.mktemp("ca"))
    made.pair("server", "DNS:localhost")
    made.pair("other", "DNS:localhost")
    made.pair("late", "DNS:localhost", "-days", "-1")
    (made.directory / "tokens").write_text(f"{TOKEN}\n{OTHER}\n")
    return made.directory


def loaded(tmp_path: Path, text: str, folder: Path) -> Config:
    path = tmp_path / "c.yaml"
    path.write_text(text.replace("FOLDER", str(folder)))
    return load(Sources.files(path), ENV)


def told(tmp_path: Path, text: str, folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, text, folder)
    lines = [str(problem).replace(f"{tmp_path}/", "").replace(f"{folder}/", "") for problem in caught.value.problems]
    assert not [line for line in lines if TOKEN in line or OTHER in line]
    return lines


def test_what_is_written_arrives(tmp_path: Path, folder: Path) -> None:
    config = loaded(tmp_path, LOCKED, folder)
    assert config.warnings == ()
    [listener] = assemble(config).listeners
    grpc, http = listener.grpc_lock, listener.http_lock
    assert (str(grpc), str(http)) == (" (mTLS, tokens)", " (TLS, tokens)")
    assert grpc.metadata == Metadata(peer=True, headers=("x-request-id",))
    assert not http.metadata
    assert http.tls is not None
    assert (http.tls.cert_file, http.tls.min_version) == (folder / "server.pem", "1.3")
    billing = Token("billing", TOKEN, None, "acme", Quota(10, 0, 1 << 20, 0))
    assert grpc.tokens == http.tokens == Tokens("bearertokenauth/apps", (billing, Token("web", OTHER)))
    assert assemble(loaded(tmp_path, LOCKED, folder)).listeners == [listener], "a reload sees that it is the same"


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        ("{token: TOKEN}", [Token("bearertokenauth", TOKEN)]),
        ("{scheme: '', token: TOKEN}", [Token("bearertokenauth", TOKEN)]),
        ("{tokens: [TOKEN, OTHER]}", [Token("bearertokenauth", TOKEN), Token("bearertokenauth", OTHER)]),
        ("{filename: FOLDER/tokens}", [Token("bearertokenauth", filename=Path("FOLDER/tokens"))]),
        (
            "{token: TOKEN, tokens: [{name: web, token: OTHER, quota: {events_per_second: 5, burst: 9}}]}",
            [Token("web", OTHER, quota=Quota(5.0, 9.0)), Token("bearertokenauth", TOKEN)],
        ),
        (
            "{tokens: [{name: web, filename: FOLDER/tokens, tenant: acme}]}",
            [Token("web", filename=Path("FOLDER/tokens"), tenant="acme")],
        ),
    ],
)
@pytest.mark.parametrize("kind", ["bearertokenauth", "bearer_token_auth"])
def test_the_collectors_spellings_and_ours(
    tmp_path: Path, folder: Path, written: str, tokens: list[Token], kind: str
) -> None:
    block = written.replace("TOKEN", "'${env:TOKEN}'").replace("OTHER", "'${env:OTHER}'")
    start = LOCKED.index("  bearertokenauth/apps:\n")
    text = LOCKED[:start] + f"  {kind}: {block}\n" + LOCKED[LOCKED.index("receivers:") :]
    config = loaded(tmp_path, text.replace("bearertokenauth/apps", kind), folder)
    made = assemble(config).listeners[0].grpc_lock.tokens
    assert made is not None
    shown = [str(token).replace(str(folder), "FOLDER") for token in made.tokens]
    assert shown == [str(token).replace("'bearertokenauth'", f"'{kind}'") for token in tokens]
    assert [token.text for token in made.tokens] == [token.text for token in tokens]


GRPC = "receivers.otlp.protocols.grpc"
APPS = "extensions.bearertokenauth/apps"
RELATIVE = "(a relative path is relative to the working directory)"
MISSING = "missing: a server shows a certificate, and has the key of it"

KNOWN = "(known here: bearertokenauth/apps)"
MEANT = "(did you mean 'bearertokenauth/apps'?)"
RAND = "openssl rand -hex 32"
UNSET = "(set it, or give a default: ${env:NONE:-default})"
SECRET = "and in the ids of records; never a secret)"
MISMATCH = f"does not belong to the certificate in 'server.pem' {RELATIVE}"
NO_13 = 'and cannot be told to refuse 1.2 (write "1.2", or take records over http only)'

WRONG = [
    (
        "  extensions: [bearertokenauth/apps]\n",
        "",
        [
            f"c.yaml:{line}: receivers.otlp.protocols.{name}.auth.authenticator: 'bearertokenauth/apps' is not put to "
            "work (service: {extensions: [bearertokenauth/apps]})"
            for line, name in ((12, "grpc"), (17, "http"))
        ],
    ),
    (
        "        auth: {authenticator: bearertokenauth/apps}\n        include",
        "        auth: {authenticator: bearertokenauth}\n        include",
        [
            f"c.yaml:12: {GRPC}.auth.authenticator: 'bearertokenauth' is not defined under extensions " + MEANT
        ],
    ),
    (
        "extensions: [bearertokenauth/apps]",
        "extensions: [bearertokenauth/apps, basicauth]",
        ["c.yaml:20: service.extensions[1]: 'basicauth' is not defined under extensions " + KNOWN],
    ),
    (
        "name: web, token: \"${env:OTHER}\"",
        "name: billing, token: \"${env:OTHER}\"",
        [f"c.yaml:2: {APPS}: the name 'billing' stands here twice; several tokens of one sender: use filename"],
    ),
    ("${env:OTHER}", "${env:TOKEN}", [f"c.yaml:2: {APPS}: tokens 1 and 2 are the same"]),
    (
        "token: \"${env:OTHER}\"",
        "filename: FOLDER/tokens",
        [f"c.yaml:2: {APPS}: 'billing' and 'web' have the same token"],
    ),
    (
        "token: \"${env:OTHER}\"",
        "filename: FOLDER/none",
        [f"c.yaml:2: {APPS}: cannot read 'none': No such file or directory {RELATIVE}"],
    ),
    (
        "${env:OTHER}",
        "",
        [f"c.yaml:5: {APPS}.tokens[1].token: this token is empty"],
    ),
    (
        "${env:OTHER}",
        "0123456789abcde",
        [
            f"c.yaml:5: {APPS}.tokens[1].token: this token is shorter than 16 characters; make one with: " + RAND
        ],
    ),
    (
        "${env:OTHER}",
        "0123456789 abcdef",
        [f"c.yaml:5: {APPS}.tokens[1].token: this token has characters that a header cannot carry"],
    ),
    (
        "\"${env:OTHER}\"",
        "\"${env:NONE}\"",
        [
            f"c.yaml:5: {APPS}.tokens[1].token: the environment variable NONE is not set " + UNSET
        ],
    ),
    (", token: \"${env:OTHER}\"", "", [f"c.yaml:5: {APPS}.tokens[1]: web needs either token or filename"]),
    (
        "name: web",
        "name: a/b",
        [f"c.yaml:5: {APPS}.tokens[1].name: a name has letters, digits and . _ @ - in it, and at most 63 of them"],
    ),
    (
        "name: web",
        "tenant: acme",
        [f"c.yaml:5: {APPS}.tokens[1].name: is missing (who shows it, in metrics " + SECRET],
    ),
    ("name: web", "name: '', tenant: acme", [f"c.yaml:5: {APPS}.tokens[1]: a tenant and a quota need a name"]),
    (
        "{events_per_second: 10, bytes_per_second: 1MiB}",
        "{burst: 5, bytes_per_second: 1MiB}",
        [f"c.yaml:4: {APPS}.tokens[0].quota: burst means nothing without events_per_second"],
    ),
    (
        "{events_per_second: 10, bytes_per_second: 1MiB}",
        "{}",
        [f"c.yaml:4: {APPS}.tokens[0].quota: a quota needs events_per_second, bytes_per_second or both"],
    ),
    (
        "    tokens:\n",
        "    header: X-Key\n    tokens:\n",
        [f"c.yaml:3: {APPS}.header: is not supported (the header is Authorization)"],
    ),
    (
        "{cert_file: FOLDER/server.pem, key_file: FOLDER/server.key, client_ca_file: FOLDER/ca.pem}",
        "{cert_file: FOLDER/server.pem}",
        [f"c.yaml:11: {GRPC}.tls: key_file {MISSING}"],
    ),
    (
        "{cert_file: FOLDER/server.pem, key_file: FOLDER/server.key, client_ca_file: FOLDER/ca.pem}",
        "{client_ca_file: FOLDER/ca.pem}",
        [f"c.yaml:11: {GRPC}.tls: cert_file and key_file {MISSING}"],
    ),
    (
        "FOLDER/server.key, client",
        "FOLDER/other.key, client",
        [f"c.yaml:11: {GRPC}.tls.key_file: the key in 'other.key' " + MISMATCH],
    ),
    (
        "client_ca_file: FOLDER/ca.pem",
        "client_ca_file: FOLDER/none.pem",
        [f"c.yaml:11: {GRPC}.tls.client_ca_file: cannot read 'none.pem': No such file or directory {RELATIVE}"],
    ),
    (
        "client_ca_file: FOLDER/ca.pem",
        "min_version: '1.3'",
        [
            f"c.yaml:11: {GRPC}.tls.min_version: gRPC in Python speaks TLS 1.2 and 1.3 " + NO_13
        ],
    ),
    (
        "client_ca_file: FOLDER/ca.pem",
        "ca_file: FOLDER/ca.pem",
        [f"c.yaml:11: {GRPC}.tls.ca_file: is not supported (whose senders may come in is client_ca_file)"],
    ),
    (
        "headers: [X-Request-Id]",
        "headers: [Authorization]",
        [f"c.yaml:13: {GRPC}.include_metadata.headers: Authorization holds secrets, which do not belong on records"],
    ),
    (
        "headers: [X-Request-Id]",
        "headers: ['a b']",
        [f"c.yaml:13: {GRPC}.include_metadata.headers: 'a b' is not the name of a header that holds text"],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "lines"), WRONG)
def test_p8_what_is_half_locked_never_starts(
    tmp_path: Path, folder: Path, old: str, new: str, lines: list[str]
) -> None:
    assert old in LOCKED
    assert told(tmp_path, LOCKED.replace(old, new, 1), folder) == lines


def test_p8_a_lock_that_is_switched_off_opens_nothing(tmp_path: Path, folder: Path) -> None:
    found = told(tmp_path, LOCKED.replace("    tokens:\n", "    enabled: false\n    tokens:\n"), folder)
    assert ["'bearertokenauth/apps' is not defined under extensions" in line for line in found] == [True, True]


def warnings(tmp_path: Path, grpc: str, folder: Path, more: str = "") -> list[str]:
    text = f"""\
extensions: {{bearertokenauth: {{token: "${{env:TOKEN}}"}}}}
receivers: {{otlp: {{protocols: {{grpc: {{{grpc}}}}}}}}}
exporters: {{console: }}
service: {{extensions: [bearertokenauth], pipelines: {{logs: {{receivers: [otlp], exporters: [console]}}}}{more}}}
"""
    return [f"{one.path}: {one.message}" for one in loaded(tmp_path, text, folder).warnings]


TLS = "tls: {cert_file: FOLDER/server.pem, key_file: FOLDER/server.key}"
MUTUAL = TLS.replace("}", ", client_ca_file: FOLDER/ca.pem}")
AUTH = "auth: {authenticator: bearertokenauth}"


@pytest.mark.parametrize(
    "endpoint", ["0.0.0.0:4317", "':4317'", "'[::]:4317'", "192.0.2.1:4317", "gateway.example.com:4317"]
)
@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("", "records travel unencrypted and anybody may send some"),
        (f", {AUTH}", "TOKENS TRAVEL UNENCRYPTED"),
        (f", {TLS}", "anybody may send records"),
        (f", {TLS}, {AUTH}", ""),
        (f", {MUTUAL}", ""),
    ],
)
def test_what_stands_open_to_the_network_is_told(
    tmp_path: Path, folder: Path, endpoint: str, keys: str, words: str
) -> None:
    found = warnings(tmp_path, f"endpoint: {endpoint}{keys}", folder)
    assert [words in line and line.startswith(f"{GRPC}.endpoint: ") for line in found] == [True] * bool(words)


@pytest.mark.parametrize("endpoint", ["localhost:4317", "127.0.0.1:4317", "127.1.2.3:4317", "'[::1]:4317'"])
@pytest.mark.parametrize("keys", ["", f", {AUTH}"])
def test_loopback_needs_no_lock(tmp_path: Path, folder: Path, endpoint: str, keys: str) -> None:
    assert warnings(tmp_path, f"endpoint: {endpoint}{keys}", folder) == []


def test_an_admin_api_that_is_open_to_the_network_is_told(tmp_path: Path, folder: Path) -> None:
    [line] = warnings(tmp_path, "", folder, ", admin: {endpoint: ':8000'}")
    assert line.startswith("service.admin.endpoint: :8000 is open to the network")


def test_an_extension_nobody_puts_to_work_is_told(tmp_path: Path, folder: Path) -> None:
    text = LOCKED.replace("        auth: {authenticator: bearertokenauth/apps}\n", "")
    text = text.replace("  extensions: [bearertokenauth/apps]\n", "").replace("0.0.0.0", "127.0.0.1")
    [line] = [str(one) for one in loaded(tmp_path, text, folder).warnings]
    assert line.endswith(f"c.yaml:2: {APPS}: is defined, but service.extensions does not name it")


def test_extensions_that_have_no_effect_may_be_put_to_work(tmp_path: Path, folder: Path) -> None:
    text = LOCKED.replace("extensions:\n", "extensions:\n  health_check: {}\n", 1).replace(
        "[bearer", "[health_check, bearer", 1
    )
    [line] = [str(one) for one in loaded(tmp_path, text, folder).warnings]
    assert "health_check: is accepted and has no effect" in line


@pytest.mark.parametrize("mutual", ["", ", client_ca_file: FOLDER/ca.pem"])
def test_a_certificate_that_no_sender_takes_is_told(tmp_path: Path, folder: Path, mutual: str) -> None:
    """Senders break off, and that leaves no trace here."""
    for name, said in (("server", []), ("late", ["the certificate has expired: senders that check it send nothing"])):
        tls = f"{{cert_file: FOLDER/{name}.pem, key_file: FOLDER/{name}.key{mutual}}}"
        found = warnings(tmp_path, f"endpoint: 'localhost:4317', tls: {tls}", folder)
        assert found == [f"receivers.otlp.protocols.grpc.tls.cert_file: {one}" for one in said]
