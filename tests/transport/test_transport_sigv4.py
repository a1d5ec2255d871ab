"""Requests signed for AWS: accepted by a verifier that is not ours, whatever the clock and the credentials do."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem.delivery.judge import judge
from otelsiem.destinations.opensearch import Opensearch
from otelsiem.model.destination import HttpSettings, Moment
from otelsiem.model.exchange import Answer, Failure, HttpRequest, Reply, SigV4
from otelsiem.model.outcome import Delivered, Hold, Retry
from otelsiem.model.record import Group, Record, Scope
from otelsiem.testing.http import Hang, HttpServer, Respond, Seen
from otelsiem.transport.credentials import aws_chain
from otelsiem.transport.credentials.aws import signed
from otelsiem.transport.credentials.aws_chain import Known
from otelsiem.transport.http import HttpTransport
from otelsiem.transport.target import target
from tests.program import eventually
from tests.transport.sigv4 import Key, SignedService, verify
from tests.transport.sts import ROLE, Sts, error

pytest.importorskip("botocore")

ACCESS, SECRET = "AKIDPLANTED", "planted-secret/of+ours"
KEYS = {ACCESS: Key(SECRET)}
ES = SigV4("es", "eu-central-1")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No credentials but those of a test, and no question that leaves this machine."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "PROFILE", "DEFAULT_PROFILE", "REGION",
                 "ROLE_ARN", "WEB_IDENTITY_TOKEN_FILE", "CONTAINER_CREDENTIALS_RELATIVE_URI",
                 "CONTAINER_CREDENTIALS_FULL_URI", "CA_BUNDLE", "ENDPOINT_URL"):  # fmt: skip
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ours in the environment."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET + "\n")  # as a secret that was a file has it


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sts]:
    sts = Sts(KEYS)
    with sts.server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.server.url)
        yield sts


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    transport = HttpTransport(HttpSettings(timeout=20))
    yield transport
    transport.close()


def post(
    service: SignedService | str, auth: SigV4 = ES, path: str = "/audit/_bulk", body: bytes = b"{}\n"
) -> HttpRequest:
    url = service if isinstance(service, str) else service.server.url
    return HttpRequest("POST", url + path, {"Content-Type": "application/x-ndjson"}, body, auth=auth)


def holds(reply: Reply, *words: str, kind: str = "credentials") -> None:
    assert isinstance(reply, Failure), reply
    assert (reply.kind, reply.sent) == (kind, False), reply
    assert all(word in reply.detail for word in words), reply.detail
    assert SECRET not in reply.detail
    assert isinstance(judge(reply, 0), Hold)


# --- the signature -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("service", ["es", "aoss"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/audit/_bulk?filter_path=items.*.status,errors&pipeline=audit%20in&refresh",
        "/%3Caudit-%7Bnow%2Fd%7D%3E/_bulk",
        "/a,b*,-c/_search?q=a%2Bb&z=&a=2&a=1",
        "//x/./y/../_doc/",
    ],
)
def test_a_request_is_signed_as_it_leaves(transport: HttpTransport, service: str, path: str) -> None:
    there = SignedService(KEYS, service)
    with there.server:
        reply = transport.perform(post(there, SigV4(service, "eu-central-1"), path, b'{"n":"\xc3\xab"}' * 5000))
    assert (reply, there.refusals) == (Answer(200, {"content-length": "2"}, b"{}"), [])
    seen = there.server.requests[0]
    assert "x-amz-content-sha256" in seen.headers, "aoss refuses a request without it"
    assert "content-length" not in seen.headers["authorization"], "aoss refuses a request that signs it"


@pytest.mark.usefixtures("keys")
def test_the_verifier_refuses_what_was_changed_on_the_way(transport: HttpTransport) -> None:
    there = SignedService(KEYS)
    with there.server:
        assert isinstance(transport.perform(post(there)), Answer)
    (seen,) = there.server.requests
    changed = [
        replace(seen, body=b"{ }\n"),
        replace(seen, target="/other/_bulk"),
        replace(seen, target=f"{seen.target}?x=1"),
        replace(seen, method="PUT"),
        replace(seen, headers={**seen.headers, "content-type": "text/plain"}),
        replace(seen, headers={**seen.headers, "x-amz-security-token": "another"}),
    ]
    assert not verify(seen, KEYS, "es", "eu-central-1", time.time())
    for each in changed:
        assert verify(each, KEYS, "es", "eu-central-1", time.time()), each


SEGMENT = st.text(st.sampled_from("abcXYZ019-._~!$&'()*,;=:@<>[]{}^|"), min_size=1) | st.sampled_from(
    ["%3C", "%2F", "%e2"]
)
PAIR = st.tuples(SEGMENT, st.none() | SEGMENT).map(lambda p: p[0] if p[1] is None else f"{p[0]}={p[1]}")


@given(
    st.lists(SEGMENT, max_size=4),
    st.lists(PAIR, max_size=4),
    st.binary(max_size=200),
    st.sampled_from(["", "token//+=="]),
    st.dictionaries(st.sampled_from(["X-Amz-Target", "Content-Type", "X-Opaque-Id", "Date"]), st.just(" a   b ")),
)
def test_any_request_is_signed_as_it_leaves(
    path: list[str], query: list[str], body: bytes, token: str, headers: dict[str, str]
) -> None:
    url = "https://search.example.com:9443/" + "/".join(path) + ("?" + "&".join(query) if query else "")
    where = target(url)
    known = Known(ACCESS, SECRET, token, lambda _: False)
    made = signed(HttpRequest("POST", url, headers, body), where, ES, known, "20150830T123600Z")
    seen = Seen("POST", where.path, {"host": where.authority, **{n.lower(): v for n, v in made.items()}}, body)
    assert not verify(seen, {ACCESS: Key(SECRET, token)}, "es", "eu-central-1", 1440938160.0)


# --- credentials ---------------------------------------------------------------------------------------------------


def test_p3_no_credentials_hold_and_say_what_to_do(transport: HttpTransport) -> None:
    there = SignedService(KEYS)
    with there.server:
        holds(transport.perform(post(there)), "no AWS credentials", "AWS_ACCESS_KEY_ID", "role")
        holds(transport.perform(post(there, replace(ES, profile="soc"))), "profile soc", "~/.aws")
        assert there.server.count == 0


def test_p3_credentials_that_appear_are_found(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    there = SignedService(KEYS)
    with there.server:
        holds(transport.perform(post(there)))
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS)
        holds(transport.perform(post(there)), "incomplete", "both")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        assert transport.perform(post(there)) == Answer(200, {"content-length": "2"}, b"{}")


def test_p3_without_botocore_the_command_that_installs_it_is_said(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("botocore", "botocore.session", "botocore.exceptions"):
        monkeypatch.setitem(sys.modules, name, None)
    there = SignedService(KEYS)
    with there.server:
        holds(transport.perform(post(there)), "'botocore'", "pip install 'otelsiem[aws]'", kind="missing")
        assert there.server.count == 0


def test_a_profile_is_used_when_it_is_named(transport: HttpTransport, tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[default]\naws_access_key_id=AKIDOTHER\naws_secret_access_key=x\n"
        f"[soc]\naws_access_key_id={ACCESS}\naws_secret_access_key={SECRET}\n"
    )
    there = SignedService(KEYS)
    with there.server:
        assert isinstance(transport.perform(post(there, replace(ES, profile="soc"))), Answer)
    assert not there.refusals


def test_keys_that_were_replaced_in_their_file_are_read_again(transport: HttpTransport, tmp_path: Path) -> None:
    def write(access: str) -> None:
        (tmp_path / "credentials").write_text(
            f"[default]\naws_access_key_id={access}\naws_secret_access_key={SECRET}\n"
        )

    write("AKIDOLD")
    there = SignedService({"AKIDOLD": Key(SECRET)})
    with there.server:
        assert transport.perform(post(there)) == Answer(200, {"content-length": "2"}, b"{}")
        there.keys = KEYS
        write(ACCESS)
        assert transport.perform(post(there)) == Answer(200, {"content-length": "2"}, b"{}"), "in the same request"
        assert there.refusals == ["The security token included in the request is invalid"]


@pytest.mark.usefixtures("keys")
def test_a_refusal_that_no_signature_mends_is_passed_on_after_one_request(transport: HttpTransport) -> None:
    no = Respond(403, b'{"message":"User: arn is not authorized to perform: es:ESHttpPost"}')
    there = SignedService(KEYS, answer=lambda _: no)
    with there.server:
        reply = transport.perform(post(there))
        assert isinstance(reply, Answer)
        assert reply.status == 403
        assert there.server.count == 1


# --- roles ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keys")
def test_a_role_is_assumed_once_for_many_requests(transport: HttpTransport, sts: Sts) -> None:
    there = SignedService(sts.given)
    auth = replace(ES, role_arn=ROLE)
    with there.server:
        replies: list[Reply] = []
        threads = [
            threading.Thread(target=lambda: replies.append(transport.perform(post(there, auth)))) for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [reply for reply in replies if not isinstance(reply, Answer) or reply.status != 200] == []
    assert [(a["Action"], a["RoleArn"], a["RoleSessionName"]) for a in sts.asked] == [("AssumeRole", ROLE, "otelsiem")]
    assert {seen.headers["x-amz-security-token"] for seen in there.server.requests} == {"role-token-1//+=="}


@pytest.mark.usefixtures("keys")
def test_a_session_that_ends_soon_serves_while_the_next_is_made(transport: HttpTransport, sts: Sts) -> None:
    there = SignedService(sts.given)
    auth, sts.seconds = replace(ES, role_arn=ROLE), 300.0
    with there.server:
        assert isinstance(transport.perform(post(there, auth)), Answer)
        sts.seconds = 3600.0
        assert isinstance(transport.perform(post(there, auth)), Answer)
        chain = transport._signers[auth]._chain

        def renewed() -> bool:
            return chain._known is not None and chain._known.access_key == "ASIAROLE2"

        eventually(renewed, 10, "the next session was made")
        assert isinstance(transport.perform(post(there, auth)), Answer)
    used = [seen.headers["authorization"].split("Credential=")[1][:9] for seen in there.server.requests]
    assert used == ["ASIAROLE1", "ASIAROLE1", "ASIAROLE2"]
    assert len(sts.asked) == 2


@pytest.mark.usefixtures("keys")
def test_while_the_next_cannot_be_made_the_old_one_serves_and_sts_is_not_stormed(
    transport: HttpTransport, sts: Sts
) -> None:
    there = SignedService(sts.given)
    auth, sts.seconds = replace(ES, role_arn=ROLE), 300.0
    with there.server:
        assert isinstance(transport.perform(post(there, auth)), Answer)
        sts.fault = error(403, "AccessDenied", "no more")
        chain = transport._signers[auth]._chain
        for _ in range(5):
            reply = transport.perform(post(there, auth))
            assert isinstance(reply, Answer), reply
            eventually(lambda: chain._running is not None and chain._running.over, 10, "the search is over")
    assert len(sts.asked) == 2


@pytest.mark.usefixtures("keys")
def test_a_session_that_has_ended_is_waited_for(transport: HttpTransport, sts: Sts) -> None:
    there = SignedService(sts.given)
    auth, sts.seconds = replace(ES, role_arn=ROLE), 30.0
    with there.server:
        assert isinstance(transport.perform(post(there, auth)), Answer)
        sts.seconds = 3600.0
        assert isinstance(transport.perform(post(there, auth)), Answer)
    used = [seen.headers["authorization"].split("Credential=")[1][:9] for seen in there.server.requests]
    assert used == ["ASIAROLE1", "ASIAROLE2"]


@pytest.mark.usefixtures("keys")
def test_p3_a_role_that_we_may_not_assume_holds(transport: HttpTransport, sts: Sts) -> None:
    strange = "arn:aws:iam::123456789012:role/other"
    holds(transport.perform(post("http://127.0.0.1:9", replace(ES, role_arn=strange))), strange, "trust policy")
    sts.keys = {}
    holds(transport.perform(post("http://127.0.0.1:9", replace(ES, role_arn=ROLE))), "InvalidClientTokenId")
    sts.fault = error(403, "Odd code of somebody", SECRET)
    holds(transport.perform(post("http://127.0.0.1:9", replace(ES, role_arn=ROLE))), "no code")


@pytest.mark.usefixtures("keys")
def test_an_sts_that_is_down_is_retried_not_held(transport: HttpTransport, sts: Sts) -> None:
    auth = replace(ES, role_arn=ROLE)
    sts.fault = error(503, "ServiceUnavailable", "later")
    for _ in range(2):
        reply = transport.perform(post("http://127.0.0.1:9", auth))
        assert isinstance(reply, Failure)
        assert (reply.kind, reply.sent, "STS" in reply.detail) == ("connect", False, True)
        assert isinstance(judge(reply, 0), Retry)
        sts.server.down()


# --- temporary credentials of a machine ----------------------------------------------------------------------------


def test_credentials_of_a_container_are_found(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    end = datetime.fromtimestamp(time.time() + 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    given = f'{{"AccessKeyId":"{ACCESS}","SecretAccessKey":"{SECRET}","Token":"t","Expiration":"{end}"}}'
    there = SignedService({ACCESS: Key(SECRET, "t")})
    with HttpServer(lambda _: Respond(200, given.encode())) as machine, there.server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{machine.url}/v1")
        for _ in range(3):
            assert isinstance(transport.perform(post(there)), Answer)
        assert machine.count == 1
    assert not there.refusals


def test_the_deadline_covers_the_search_and_an_interrupt_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpServer(lambda _: Hang()) as machine:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{machine.url}/v1")
        hurried = HttpTransport(HttpSettings(timeout=0.3))
        reply = hurried.perform(post("http://127.0.0.1:9"))
        assert isinstance(reply, Failure)
        assert (reply.kind, reply.sent) == ("timeout", False)
        assert "no AWS credentials were found within the deadline" in reply.detail
        hurried.close()
        replies: list[Reply] = []
        patient = HttpTransport(HttpSettings(timeout=60))
        thread = threading.Thread(target=lambda: replies.append(patient.perform(post("http://127.0.0.1:9"))))
        thread.start()
        machine.wait_for(2)
        patient.interrupt()
        thread.join(5)
        patient.close()
        machine.release()
    (reply,) = replies
    assert isinstance(reply, Failure)
    assert "interrupted" in reply.detail


# --- the clock -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("ahead", [3600.0, -3600.0, 86400.0 * 400])
def test_a_clock_that_is_wrong_costs_one_request(transport: HttpTransport, ahead: float) -> None:
    there = SignedService(KEYS, clock=lambda: time.time() + ahead)
    with there.server:
        for _ in range(3):
            reply = transport.perform(post(there))
            assert (isinstance(reply, Answer) and reply.status) == 200
        assert len(there.refusals) == 1
        there.clock = time.time  # somebody sets ours
        reply = transport.perform(post(there))
        assert (isinstance(reply, Answer) and reply.status) == 200
        assert len(there.refusals) == 2


# --- a destination that asks for it ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("service", ["es", "aoss"])
@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_what_opensearch_sends_to_amazon_is_accepted(transport: HttpTransport, service: str, compression: str) -> None:
    there = SignedService(KEYS, service, answer=_taken)
    with there.server:
        destination = Opensearch.model_validate(
            {
                "endpoint": there.server.url,
                "index": "audit-{tenant.id|nobody}-%Y",
                "pipeline": "an intake",
                "compression": compression,
                "auth": {"sigv4": {"region": "eu-central-1", "service": service}},
            }
        )
        (payload,) = destination.encode(BATCH, Moment(now=0)).payloads
        exchange = destination.exchange(payload, Moment(now=0))
        said = next(exchange)
        assert isinstance(said, HttpRequest)
        with pytest.raises(StopIteration) as done:
            exchange.send(transport.perform(said))
    assert (done.value.value, there.refusals) == (Delivered(), [])


BATCH = [Group({"service.name": "peer"}, Scope(), [Record(id=f"{n}", time=n, body="x" * 500) for n in range(10)])]


def _taken(_: Seen) -> Respond:
    items = ",".join(['{"create":{"status":201}}'] * 10)
    return Respond(200, f'{{"errors":false,"items":[{items}]}}'.encode(), {"content-type": "application/json"})


# --- everybody else ------------------------------------------------------------------------------------------------


def test_who_signs_nothing_loads_no_botocore() -> None:
    program = (
        "import sys; from otelsiem.transport.http import HttpTransport; from otelsiem.model.destination import *;"
        "from otelsiem.model.exchange import *;"
        "HttpTransport(HttpSettings(timeout=1)).perform(HttpRequest('GET', 'http://127.0.0.1:9/'));"
        "sys.exit('botocore' in sys.modules or 'otelsiem.transport.credentials.aws' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_no_secret_is_in_a_repr() -> None:
    assert SECRET not in repr(Known(ACCESS, SECRET, "planted-token", aws_chain._never))
    assert "planted-token" not in repr(Known(ACCESS, SECRET, "planted-token", aws_chain._never))
