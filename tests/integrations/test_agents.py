"""Tool calls, policy decisions and findings of guardrails, of any framework."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem import AuditLog, File, Target, Technique, bind
from otelsiem.integrations._digest import Digest, canonical
from otelsiem.integrations.agents import AgentAudit
from otelsiem.model.errors import OtelsiemError
from otelsiem.model.secret import Secret
from tests.auditing.reading import delivered
from tests.integrations.told import Told

HASH = "gen_ai.tool.call.arguments.sha256"
KEY = "0123456789abcdef"


def agents(told: Told, **settings: Any) -> AgentAudit:
    return AgentAudit(log=told, **settings)  # type: ignore[arg-type]  # it has what is used of one


def sha(held: Any) -> str:
    return hashlib.sha256(json.dumps(held, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def test_a_tool_call() -> None:
    told, arguments = Told(), {"path": "/etc/secret", "lines": [1, 2]}
    with agents(told).tool_call("read_file", arguments=arguments, call_id="call-1", turn=3):
        arguments["path"] = "changed by the tool"
    [said] = told.events
    assert (said["event"], said["outcome"], said["gen_ai.tool.name"]) == ("tool_call", "success", "read_file")
    assert (said["gen_ai.tool.call.id"], said["turn"]) == ("call-1", 3)
    assert said[HASH] == sha({"path": "/etc/secret", "lines": [1, 2]})
    assert 0 <= said["audit.duration"] < 60
    assert "secret" not in str(said)


def test_how_a_tool_call_ended() -> None:
    told = Told()
    audit = agents(told)
    with pytest.raises(KeyError), audit.tool_call("a"):
        raise KeyError("secret")
    with pytest.raises(asyncio.CancelledError), audit.tool_call("b"):
        raise asyncio.CancelledError
    with audit.tool_call("c") as use:
        use.failed("rate_limited")
    with audit.tool_call("d") as use:
        use.decided("blocked", policy="workspace-only", reason="outside")
    with audit.tool_call("e") as use:
        use.decided("allow", policy="workspace-only")
    with pytest.raises(ValueError), audit.tool_call("f") as use:  # noqa: PT012 - one that fails after the decision
        use.decided("allow")
        raise ValueError
    ends = [
        (one["outcome"], one.get("error.type"), one.get("audit.decision"), one.get("security_rule.name"))
        for one in told.events
    ]
    assert ends == [
        ("failure", "KeyError", None, None),
        ("unknown", "asyncio.exceptions.CancelledError", None, None),
        ("failure", "rate_limited", None, None),
        ("failure", None, "deny", "workspace-only"),
        ("success", None, "allow", "workspace-only"),
        ("failure", "ValueError", "allow", None),
    ]
    assert "secret" not in str(told.events)


async def test_functions_of_all_kinds() -> None:
    told = Told()
    audit = agents(told)

    @audit.tool_call("plain")
    def plain(path: str, lines: int = 5) -> str:
        return f"{path} {lines}"

    @audit.tool_call("coroutine")
    async def coroutine(path: str) -> str:
        return path

    @audit.tool_call("generator")
    def generator(path: str) -> Iterator[str]:
        yield path

    @audit.tool_call("asynchronous")
    async def asynchronous(path: str) -> AsyncIterator[str]:
        yield path

    class Tools:
        @audit.tool_call("method")
        def method(self, path: str) -> str:
            return path

        @staticmethod
        @audit.tool_call("static")
        def static(path: str) -> str:
            return path

    assert plain("x") == "x 5"
    assert await coroutine("x") == "x"
    assert list(generator("x")) == ["x"]
    assert [one async for one in asynchronous("x")] == ["x"]
    assert Tools().method(path="x") == Tools.static("x") == "x"
    async with audit.tool_call("block", arguments={"path": "x"}):
        pass
    with pytest.raises(TypeError, match="missing 1 required"):
        plain()  # type: ignore[call-arg]  # that is the point
    *good, wrong = told.events
    assert [one["gen_ai.tool.name"] for one in good] == [
        "plain", "coroutine", "generator", "asynchronous", "method", "static", "block",
    ]  # fmt: skip
    assert [one[HASH] for one in good] == [sha({"path": "x", "lines": 5}), *[sha({"path": "x"})] * 6]
    assert (wrong["outcome"], wrong["error.type"]) == ("failure", "TypeError")
    with pytest.raises(TypeError, match="below @staticmethod"):
        audit.tool_call("static")(staticmethod(plain))


def test_arguments_if_asked_otherwise() -> None:
    told = Told()
    held = {"path": "x", "b": b"\x01"}
    for settings in ({"arguments": "plain"}, {"arguments": "none"}, {"key": KEY}, {"key": Secret(KEY)}):
        with agents(told, **settings).tool_call("t", arguments=held):
            pass
    keyed = "gen_ai.tool.call.arguments.hmac_sha256"
    plain, none, first, second = told.events
    assert plain["gen_ai.tool.call.arguments"] == held
    assert not [name for name in none if "arguments" in name]
    expected = hmac.new(KEY.encode(), b'{"b":"01","path":"x"}', hashlib.sha256).hexdigest()
    assert first[keyed] == second[keyed] == expected
    assert HASH not in first
    with pytest.raises(OtelsiemError, match="key: it has 5 bytes"):
        AgentAudit(key="short")
    with pytest.raises(OtelsiemError, match="arguments='all': it is one of hash, plain, none"):
        AgentAudit(arguments="all")  # type: ignore[arg-type]  # that is the point


def test_arguments_as_a_model_wrote_them() -> None:
    digest = Digest()
    assert digest.arguments('{ "b": 1,\n "a": "é" }') == digest.arguments({"a": "é", "b": 1})
    assert digest.arguments("not json") == {HASH: hashlib.sha256(b"not json").hexdigest()}
    assert Digest("plain").arguments('{"a": 1}') == {"gen_ai.tool.call.arguments": {"a": 1}}


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_equal_arguments_have_equal_hashes(held: dict[str, Any]) -> None:
    turned = dict(reversed(list(held.items())))
    assert Digest().arguments(held) == Digest().arguments(turned)
    assert json.loads(canonical(held).decode("utf-8", "surrogatepass")) == held


def test_a_policy_decision() -> None:
    told = Told()
    audit = agents(told)
    audit.policy_decision("p", "Denied", action="read", reason="r", target=Target(id="vault-1"), severity="high", x=1)
    audit.policy_decision("p", "allow")
    audit.policy_decision("p", "needs a person")
    denied, allowed, odd = told.events
    assert denied == {
        "event": "policy_decision",
        "durable": False,
        "security_rule.name": "p",
        "audit.decision": "deny",
        "outcome": "failure",
        "audit.action": "read",
        "audit.reason": "r",
        "audit.target.id": "vault-1",
        "severity": "high",
        "x": 1,
        "bound": {},
    }
    assert (allowed["audit.decision"], allowed["outcome"]) == ("allow", "success")
    assert odd["audit.decision"] == "needs a person"
    assert "outcome" not in odd


def test_a_finding_of_a_guardrail() -> None:
    told = Told()
    audit = agents(told)
    audit.guardrail_finding("g", "prompt_injection", decision="block", score=0.97, content="ignore all", reason="r")
    audit.guardrail_finding("g", "pii", decision="redacted", technique=Technique("T1552"))
    injection, pattern = told.events
    assert (injection["event"], injection["audit.decision"]) == ("prompt_injection_attempt", "deny")
    assert (injection["threat.technique.id"], injection["threat.tactic.id"]) == ("AML.T0051", "AML.TA0005")
    assert injection["confidence"] == 0.97
    assert injection["gen_ai.input.sha256"] == hashlib.sha256(b"ignore all").hexdigest()
    assert "ignore" not in str(injection)
    assert (pattern["event"], pattern["audit.decision"]) == ("suspicious_pattern", "modify")
    assert (pattern["security_rule.category"], pattern["threat.technique.id"]) == ("pii", "T1552")


def test_in_a_siem(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    log = AuditLog(File(path=str(out)))
    audit = AgentAudit(log=log)
    with bind(agent="agent-1", tenant="acme"), audit.tool_call("read_file", arguments={"path": "x"}, call_id="c-1"):
        audit.policy_decision("workspace-only", "deny", reason="outside")
        audit.guardrail_finding("injection-1", "jailbreak", decision="deny", severity="critical")
    assert log.flush(10)
    log.close()
    decision, finding, call = delivered(out)
    assert {(one["agent_id"], one["tenant_id"]) for one in (decision, finding, call)} == {("agent-1", "acme")}
    assert (decision["policy"], decision["decision"], decision["outcome"]) == ("workspace-only", "deny", "failure")
    assert (finding["event_type"], finding["severity"]) == ("prompt_injection_attempt", "critical")
    assert finding["mitre_attack"]["technique"] == "AML.T0051"
    assert (call["tool_name"], call["tool_call_id"], call["outcome"]) == ("read_file", "c-1", "success")


class Unspeakable:
    def __str__(self) -> str:
        raise RuntimeError("an argument that cannot be told")


def test_p6_a_hook_that_fails_is_not_noticed(caplog: pytest.LogCaptureFixture) -> None:
    told = Told()
    audit = agents(told)
    with audit.tool_call("t", arguments={"x": Unspeakable()}):
        pass
    with audit.tool_call("t", arguments=7):  # type: ignore[arg-type]  # that is the point
        pass
    assert len(told.events) == 2
    told.error = RuntimeError("our fault")
    with audit.tool_call("t") as use:
        use.decided("deny")
    audit.policy_decision("p", None)  # type: ignore[arg-type]  # as above
    audit.guardrail_finding("g", "prompt_injection", decision=7, score="x", content=8)  # type: ignore[arg-type]  # as above
    assert {one.name for one in caplog.records} == {"otelsiem.integrations.agents"}


class Array:
    """As numpy's: whether it equals a text is asked of each of its numbers."""

    def __eq__(self, other: object) -> Any:
        return Array()

    __hash__ = None  # type: ignore[assignment]  # as there

    def __bool__(self) -> bool:
        raise ValueError("the truth value of an array is ambiguous")

    def __str__(self) -> str:
        return "[1 2]"


def test_p6_values_that_compare_in_their_own_way_are_written() -> None:
    told = Told()
    audit = agents(told)
    audit.policy_decision("limits", "allow", asked=Array())
    with audit.tool_call("sum", numbers=Array()):
        pass
    assert [str(event[key]) for event, key in zip(told.events, ("asked", "numbers"), strict=True)] == ["[1 2]"] * 2
