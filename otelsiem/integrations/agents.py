"""AI agents of any framework: tool calls, policy decisions and findings of guardrails as events.

    with tool_call("read_file", arguments={"path": path}, call_id="call-1"):
        content = read(path)
    policy_decision("secrets-policy", "deny", action="read_file", reason="path is outside of the workspace")
    guardrail_finding("injection-1", "prompt_injection", decision="deny", score=0.97, content=prompt)

Guarantees: a tool behaves as without us. Arguments and contents are written as a hash, unless it is asked otherwise:
two events can be compared, neither can be read. Results are never written, of an exception only its type.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Literal, ParamSpec, Self, TypeVar

from otelsiem.auditing.acts import DECISIONS, INJECTION
from otelsiem.auditing.audited import DURATION, wrapped
from otelsiem.auditing.log import AuditLog
from otelsiem.auditing.technique import Target, Technique
from otelsiem.integrations._digest import Digest, Key
from otelsiem.integrations._telling import Telling, kind

P = ParamSpec("P")
R = TypeVar("R")

Arguments = Literal["hash", "plain", "none"]

INJECTIONS = frozenset({"prompt_injection", "indirect_prompt_injection", "jailbreak"})
WORDS = {  # what frameworks call the four decisions
    "allowed": "allow", "permit": "allow", "approved": "allow", "pass": "allow",
    "denied": "deny", "block": "deny", "blocked": "deny", "reject": "deny", "rejected": "deny",
    "modified": "modify", "redact": "modify", "redacted": "modify", "mask": "modify", "masked": "modify",
    "escalated": "escalate", "review": "escalate", "ask": "escalate",
}  # fmt: skip


class AgentAudit:
    """`arguments`: hash, plain or none. `key`: makes hashes that only its owner can compare with a guess."""

    def __init__(self, *, arguments: Arguments = "hash", key: Key | None = None, log: AuditLog | None = None) -> None:
        self._telling = Telling("agents", log)
        self.digest = Digest(arguments, key)

    def harmless(self, said: str) -> AbstractContextManager[None]:
        """What fails in this block ends it, and nothing else."""
        return self._telling.harmless(said)

    def tool_call(
        self, tool: str, /, *, arguments: Mapping[str, Any] | str | None = None, call_id: str = "", **attributes: Any
    ) -> ToolUse:
        """One use of a tool, around a block, `with` or `async with`; as a decorator, of each call of the function."""
        return ToolUse(self._telling, self.digest, tool, arguments, {"gen_ai.tool.call.id": call_id, **attributes})

    def policy_decision(
        self,
        policy: str,
        decision: str,
        /,
        *,
        policy_id: str = "",
        action: str = "",
        reason: str = "",
        target: Target | None = None,
        **attributes: Any,
    ) -> None:
        """A rule allowed, denied, modified or escalated something."""
        with self.harmless("a policy decision could not be told"):
            said = {
                "security_rule.name": policy,
                "security_rule.uuid": policy_id,
                **_decided(decision),
                "audit.action": action,
                "audit.reason": reason,
                **(target.attributes() if target is not None else {}),
                **attributes,
            }
            self._telling.said("policy_decision", said)

    def guardrail_finding(
        self,
        guardrail: str,
        finding: str,
        /,
        *,
        decision: str = "",
        score: float | None = None,
        reason: str = "",
        content: str | bytes | None = None,
        technique: Technique | None = None,
        **attributes: Any,
    ) -> None:
        """A guardrail found something. One of `INJECTIONS` is a `prompt_injection_attempt`, all else a pattern."""
        with self.harmless("a finding could not be told"):
            injection = finding in INJECTIONS
            named = technique or (INJECTION if injection else None)
            said = {
                "security_rule.name": guardrail,
                "security_rule.category": finding,
                "audit.decision": _word(decision),
                "audit.reason": reason,
                "confidence": score,
                **self.digest.content(content),
                **(named.attributes() if named is not None else {}),
                **attributes,
            }
            self._telling.said("prompt_injection_attempt" if injection else "suspicious_pattern", said)


class ToolUse:
    """One use of a tool, or, as a decorator, what every call of a function begins."""

    def __init__(
        self,
        telling: Telling,
        digest: Digest,
        tool: str,
        arguments: Mapping[str, Any] | str | None,
        attributes: Mapping[str, Any],
    ) -> None:
        self._telling, self._digest, self._tool = telling, digest, tool
        self._arguments, self._attributes = arguments, dict(attributes)
        self._said: dict[str, Any] = {}
        self._failed = ""
        self.event = "tool_call"
        self._began = time.perf_counter()

    def decided(self, decision: str, /, *, policy: str = "", reason: str = "") -> None:
        """Whether it might be used. A denial is a failure of the call."""
        self._said |= {**_decided(decision), "security_rule.name": policy, "audit.reason": reason}

    def failed(self, error: str) -> None:
        """The tool said that it failed, without an exception."""
        self._failed = error or "tool_error"

    def note(self, attributes: Mapping[str, Any]) -> None:
        """More that is known of it."""
        with self._telling.harmless("what is known of a tool call could not be noted"):
            self._said |= attributes

    def __enter__(self) -> Self:
        self._began = time.perf_counter()
        with self._telling.harmless("the arguments of a tool could not be hashed"):  # now: a tool may change them
            self._attributes |= self._digest.arguments(self._arguments)
        return self

    def __exit__(
        self, of: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        said = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": self._tool,
            **self._attributes,
            **self._said,
            "outcome": self._outcome(of),
            "error.type": self._failed or kind(of),
            DURATION: time.perf_counter() - self._began,
        }
        self._telling.said(self.event, said)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, of: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(of, error, trace)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """As a decorator; of a method the arguments are those after `self`."""
        if isinstance(function, (staticmethod, classmethod)):
            raise TypeError(f"put tool_call({self._tool!r}) below @{type(function).__name__}, next to the function")
        return wrapped(function, _Uses(self, function))

    def again(self, arguments: Mapping[str, Any]) -> ToolUse:
        """Another use, with these arguments unless some were said."""
        held = arguments if self._arguments is None else self._arguments
        return ToolUse(self._telling, self._digest, self._tool, held, self._attributes)

    def _outcome(self, of: type[BaseException] | None) -> str:
        if of is not None:  # what is no Exception stopped it from outside: it did not fail
            return "failure" if issubclass(of, Exception) else "unknown"
        return "failure" if self._failed else str(self._said.get("outcome") or "success")


class _Uses:
    """Those of a decorated function."""

    def __init__(self, use: ToolUse, function: Callable[..., Any]) -> None:
        self._use, self._signature = use, _signature(function)

    def call(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> ToolUse:
        return self._use.again(self._bound(given, named))

    def _bound(self, given: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        if self._signature is None:
            return {"args": given, "kwargs": named}
        try:
            bound = self._signature.bind(*given, **named)
        except TypeError:
            return {}  # the function itself will say so
        bound.apply_defaults()
        names = list(bound.arguments)
        return {name: bound.arguments[name] for name in names if not (name == names[0] and name in {"self", "cls"})}


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # some that are written in C
        return None


def _word(decision: str) -> str:
    said = str(decision).strip().lower()
    return WORDS.get(said, said)


def _decided(decision: str) -> dict[str, str]:
    word = _word(decision)
    return {"audit.decision": word, "outcome": DECISIONS.get(word, "")}


_default = AgentAudit()
tool_call = _default.tool_call
policy_decision = _default.policy_decision
guardrail_finding = _default.guardrail_finding
