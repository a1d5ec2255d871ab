"""Typed events: each family through `audit()` and every format, and found in its own place there."""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import MISSING, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otelsiem import (
    Alert,
    Anomaly,
    AuditLog,
    Authentication,
    AuthorizationFailure,
    ComplianceCheck,
    ConfigurationChange,
    File,
    PolicyDecision,
    PromptInjection,
    RiskAssessment,
    SecurityEvent,
    SplunkHec,
    Target,
    Technique,
    Telemetry,
    ToolCall,
    WorkflowExecution,
)
from otelsiem.auditing.moment import TypedEvent
from otelsiem.model.event import EVENTS
from otelsiem.model.secret import Secret
from otelsiem.testing.hec import FakeHec
from tests.auditing.read_as import READ, Found

VAULT = Target(id="vault-1", type="secret", name="production vault")
FAMILIES = (
    "anomaly", "risk_assessment", "compliance_check", "telemetry", "workflow_execution", "security_event", "alert",
)  # fmt: skip
STORES = Technique("T1555", "Credentials from Password Stores", "TA0006", "Credential Access")

SAID: dict[str, TypedEvent] = {
    "anomaly": Anomaly(
        type="access_pattern",
        score=0.93,
        confidence=0.8,
        severity="high",
        message="Unusual access pattern",
        title="Agent reads far more secrets than usual",
        description="412 reads within one minute",
        method="isolation_forest",
        detector="behaviour-1",
        recommendations=["revoke the token", "look at its last prompt"],
        technique=STORES,
        target=VAULT,
    ),
    "risk_assessment": RiskAssessment(
        total_score=72.5,
        level="high",
        previous_score=40,
        components={"behaviour": 50.0, "exposure": 22.5},
        factors=["new tool"],
    ),
    "compliance_check": ComplianceCheck(
        is_compliant=False,
        score=0.88,
        policies_total=25,
        policies_passed=22,
        policies_failed=3,
        critical_policies=["no-secrets-in-prompts"],
        policy="baseline",
        policy_id="6f5902ac-237e-4b57-9c1c-0a3f0f0e9a11",
        title="Nightly policy check",
    ),
    "telemetry": Telemetry(metric="prompt_tokens", value=8123, unit="{token}"),
    "workflow_execution": WorkflowExecution(
        workflow="nightly-close", execution="run-17", step="post", state="failed", duration=1.5, error="TimeoutError"
    ),
    "security_event": SecurityEvent(title="A key left the vault", risk=80, technique=STORES, target=VAULT, reason="x"),
    "alert": Alert(
        title="Many failed logins", level="page", about="authentication_failure", count=10, window=300, records=["r-1"]
    ),
    "authentication_failure": Authentication(
        succeeded=False, method="password", reason="wrong password", address="203.0.113.9"
    ),
    "authorization_failure": AuthorizationFailure(action="read", target=VAULT, policy="vault-readers"),
    "policy_decision": PolicyDecision(decision="deny", policy="vault-readers", reason="not a reader"),
    "tool_call": ToolCall(tool="read_file", call_id="call-1", method="tools/call", decision="allow", duration=0.25),
    "prompt_injection_attempt": PromptInjection(guardrail="injection-1", decision="deny", score=0.97),
    "configuration_change": ConfigurationChange(target=Target(name="retention"), action="update"),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Mapping[tuple[str, str], Found]:
    """What every format has of every event, by their names."""
    folder = tmp_path_factory.mktemp("events")
    files = {name: folder / name for name in READ if name != "hec"}
    with FakeHec() as splunk:
        exporters = {name: File.model_validate({"path": str(path), "format": name}) for name, path in files.items()}
        hec = SplunkHec(endpoint=splunk.url, token=Secret(splunk.token))
        log = AuditLog(exporters={**exporters, "hec": hec}, service_name="shop")
        for event in SAID.values():
            log.audit(event, tenant="acme", actor="u-7")
        assert log.flush(20)
        log.close()
        lines = {name: path.read_text("utf-8").splitlines() for name, path in files.items()}
        lines["hec"] = [json.dumps(one.event) for one in splunk.events]
    return {(name, event): READ[name](line) for name, of in lines.items() for event, line in zip(SAID, of, strict=True)}


ATTACK: dict[str, dict[str, Any]] = {
    "json": {"mitre_attack/technique": "T1555", "mitre_attack/tactic": "TA0006"},
    "hec": {"mitre_attack/technique": "T1555", "mitre_attack/tactic_name": "Credential Access"},
    "datadog": {"mitre_attack/technique": "T1555"},
    "ecs": {"threat/technique/id": ["T1555"], "threat/tactic/name": ["Credential Access"]},
    "ocsf": {"finding_info/attacks/technique/uid": "T1555", "finding_info/attacks/tactic/uid": "TA0006"},
    "cef": {"otelsiemMitreTechnique": "T1555"},
    "leef": {"mitreTechnique": "T1555", "framework": "MITRE ATT&CK"},
    "rfc5424": {"mitreTechnique": "T1555"},
}

PLACES: dict[str, dict[str, dict[str, Any]]] = {
    "anomaly": {
        "json": {"risk_score": 0.93, "severity": "high", "metadata/anomaly.type": "access_pattern"},
        "hec": {"signature": "anomaly", "risk_score": 0.93, "severity": "high", "dest": "production vault"},
        "datadog": {"risk_score": 0.93, "status": "error", "metadata/detection.detector": "behaviour-1"},
        "ecs": {"event/risk_score": 0.93, "rule/category": "access_pattern", "rule/name": "behaviour-1"},
        "ocsf": {
            "class_uid": 2004,
            "severity_id": 4,
            "finding_info/title": "Agent reads far more secrets than usual",
            "finding_info/types": ["access_pattern"],
            "finding_info/analytic/name": "behaviour-1",
            "remediation/desc": "revoke the token\nlook at its last prompt",
            "resources/uid": "vault-1",
        },
        "cef": {"RiskScore": "0.93", "Confidence": "0.8", "AnomalyType": "access_pattern", "severity": "7"},
        "leef": {"cat": "Anomaly", "sev": "7", "riskScore": "0.93", "resource": "vault-1"},
        "rfc5424": {"msgid": "anomaly", "severity": 3, "riskScore": "0.93", "anomaly.type": "access_pattern"},
    },
    "risk_assessment": {
        "json": {"risk_score": 72.5, "severity": "high", "metadata/risk_components.behaviour": 50.0},
        "hec": {"signature": "risk_assessment", "risk_score": 72.5},
        "datadog": {"risk_score": 72.5, "metadata/risk.score_change": 32.5},
        "ecs": {"event/kind": "metric", "event/risk_score": 72.5, "labels/risk_level": "high"},
        "ocsf": {"class_uid": 2004, "risk_level": "high", "risk_level_id": 3},
        "cef": {"RiskScore": "72.5", "RiskLevel": "high", "PreviousRiskScore": "40", "RiskScoreChange": "32.5"},
        "leef": {"cat": "Risk", "riskScore": "72.5", "riskComponentsBehaviour": "50.0"},
        "rfc5424": {"riskScore": "72.5", "risk.level": "high"},
    },
    "compliance_check": {
        "json": {"policy": "baseline", "outcome": "failure", "metadata/compliance.is_compliant": False},
        "hec": {"signature": "compliance_check", "status": "failure"},
        "datadog": {"policy": "baseline", "evt.outcome": "failure"},
        "ecs": {"event/outcome": "failure", "rule/name": "baseline", "event/category": ["configuration"]},
        "ocsf": {"class_uid": 2003, "compliance/status_id": 3, "compliance/control": "baseline"},
        "cef": {
            "Compliant": "false",
            "ComplianceScore": "0.88",
            "PoliciesFailed": "3",
            "CriticalViolations": "1",
            "CriticalPolicies": "no-secrets-in-prompts",
        },
        "leef": {"cat": "Compliance", "policy": "baseline", "complianceIsCompliant": "false"},
        "rfc5424": {"policy": "baseline", "compliance.is_compliant": "false"},
    },
    "telemetry": {
        "json": {"metadata/telemetry.metric": "prompt_tokens", "metadata/telemetry.value": 8123},
        "ecs": {"event/kind": "metric"},
        "leef": {"cat": "Telemetry"},
    },
    "workflow_execution": {
        "json": {"target/name": "nightly-close", "target/id": "run-17", "outcome": "failure"},
        "ecs": {"event/outcome": "failure", "entity/target/name": "nightly-close", "error/type": "TimeoutError"},
        "hec": {"object": "nightly-close", "status": "failure"},
        "cef": {"outcome": "failure"},
    },
    "security_event": {
        "json": {"message": "A key left the vault", "risk_score": 80},
        "ocsf": {"class_uid": 2004, "finding_info/title": "A key left the vault", "risk_score": 80},
        "ecs": {"event/risk_score": 80},
    },
    "alert": {
        "json": {"message": "Many failed logins", "severity": "high", "metadata/alert.count": 10},
        "ocsf": {"is_alert": True, "finding_info/title": "Many failed logins"},
        "ecs": {"event/kind": "alert"},
    },
    "authentication_failure": {
        "json": {"outcome": "failure", "src_ip": "203.0.113.9"},
        "hec": {"src": "203.0.113.9", "status": "failure", "user": "u-7"},
        "ocsf": {"class_uid": 3002, "activity_id": 1, "status_id": 2},
        "ecs": {"source/ip": "203.0.113.9", "event/category": ["authentication"]},
        "cef": {"src": "203.0.113.9", "outcome": "failure"},
    },
    "authorization_failure": {
        "json": {"decision": "deny", "policy": "vault-readers", "action": "read"},
        "ecs": {"rule/name": "vault-readers", "event/outcome": "failure"},
    },
    "policy_decision": {
        "json": {"decision": "deny", "policy": "vault-readers", "outcome": "failure"},
        "ecs": {"rule/name": "vault-readers", "event/type": ["access", "denied"]},
        "ocsf": {"action": "deny", "policy/name": "vault-readers"},
    },
    "tool_call": {
        "json": {"tool_name": "read_file", "tool_call_id": "call-1", "mcp_method": "tools/call", "outcome": "success"},
        "ecs": {"gen_ai/tool/name": "read_file", "event/type": ["access", "allowed"]},
        "cef": {"otelsiemToolName": "read_file"},
    },
    "prompt_injection_attempt": {
        "json": {"mitre_attack/technique": "AML.T0051", "confidence": 0.97, "severity": "high"},
        "ecs": {"threat/framework": "MITRE ATLAS", "threat/technique/id": ["AML.T0051"]},
        "ocsf": {"class_uid": 2004, "finding_info/attacks/technique/uid": "AML.T0051"},
    },
    "configuration_change": {
        "json": {"target/name": "retention", "action": "update"},
        "ocsf": {"class_uid": 3004, "activity_id": 3, "entity/name": "retention"},
    },
}


@pytest.mark.parametrize("event", SAID)
@pytest.mark.parametrize("name", READ)
def test_it_is_found_in_its_own_place(found: Mapping[tuple[str, str], Found], name: str, event: str) -> None:
    wanted = dict(PLACES[event].get(name, {}))
    if getattr(SAID[event], "technique", None) == STORES:
        wanted |= ATTACK[name]
    has = found[name, event]
    assert {place: has.get(place) for place in wanted} == wanted


@pytest.mark.parametrize("event", SAID)
@pytest.mark.parametrize("name", READ)
def test_nothing_it_says_is_missing(found: Mapping[tuple[str, str], Found], name: str, event: str) -> None:
    """Wherever it is: as itself, as text, in a list or in a text."""
    has = " ".join(map(_written, found[name, event].values()))
    for key, value in SAID[event].attributes().items():
        if key == "audit.outcome" or key == "audit.decision":  # some formats have numbers for these
            continue
        for one in value if isinstance(value, tuple) else [value]:
            assert _written(one).casefold() in has.casefold(), key


def _written(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list():
            return " ".join(map(_written, value))
        case _:
            return str(value)


def test_every_family_is_one_that_the_formats_know() -> None:
    assert {event.event for event in SAID.values()} == {*SAID}
    assert EVENTS.keys() >= SAID.keys()
    families = [name for name in EVENTS if name in FAMILIES]
    assert len(families) == len(FAMILIES)
    assert SAID.keys() >= {*families}


@pytest.mark.parametrize("event", SAID.values(), ids=SAID.keys())
def test_it_never_changes(event: TypedEvent) -> None:
    """It may be kept, compared, sent to another process."""
    assert pickle.loads(pickle.dumps(event)) == event
    assert hash(event) == hash(pickle.loads(pickle.dumps(event)))
    with pytest.raises(AttributeError):
        event.severity = "low"  # type: ignore[misc]  # that is the point


def test_what_changes_later_does_not_change_it() -> None:
    advice, components = ["a"], {"x": 1.0}
    anomaly = Anomaly(type="t", recommendations=advice)
    risk = RiskAssessment(total_score=1, components=components, factors=advice)
    advice.append("b")
    components["y"] = 2.0
    assert anomaly.attributes()["recommendations"] == ("a",)
    assert risk.attributes().keys() == {"risk.total_score", "risk_components.x", "risk_factors"}


def test_the_call_may_say_more_and_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    log = AuditLog(File(path=str(path)))
    log.audit(
        ToolCall(tool="read_file", outcome="success", severity="low", message="m"),
        outcome="failure",
        severity="high",
        x=1,
    )
    assert log.flush(10)
    log.close()
    event = json.loads(path.read_text("utf-8"))
    assert (event["outcome"], event["severity"], event["message"]) == ("failure", "high", "m")
    assert event["metadata"]["x"] == 1


WRONG: list[tuple[Any, str]] = [
    (lambda: Anomaly(type="t", score=93), "score=93: it is a number from 0 to 1"),
    (lambda: Anomaly(type="t", score=float("nan")), "score=nan: it is a number from 0 to 1"),
    (lambda: Anomaly(type="t", score=True), "score=True: it is a number"),
    (lambda: Anomaly(type="t", confidence="0.9"), "confidence='0.9': it is a number"),  # type: ignore[arg-type]  # wrong on purpose, as below
    (lambda: Anomaly(type=" "), "type=' ': it is a text, and not an empty one"),
    (lambda: Anomaly(type="t", severity="urgent"), "severity='urgent': it is one of trace, debug, info"),
    (lambda: Anomaly(type="t", recommendations="look"), "recommendations='look': it is a list of texts"),
    (lambda: Anomaly(type="t", recommendations=[1]), "recommendations=1: it is a text"),  # type: ignore[list-item]
    (lambda: RiskAssessment(total_score=101), "total_score=101: it is a number from 0 to 100"),
    (lambda: RiskAssessment(total_score=None), "total_score=None: it is a number from 0 to 100"),  # type: ignore[arg-type]
    (lambda: RiskAssessment(total_score=1, components={"x": float("inf")}), "components['x']=inf: it is a finite"),
    (lambda: RiskAssessment(total_score=1, components=7), "components=7: it is a mapping"),  # type: ignore[arg-type]
    (lambda: ComplianceCheck(is_compliant=1), "is_compliant=1: it is True or False"),  # type: ignore[arg-type]
    (lambda: ComplianceCheck(is_compliant=True, policies_total=-1), "policies_total=-1: it is a whole number"),
    (
        lambda: ComplianceCheck(is_compliant=True, policies_total=2, policies_passed=2, policies_failed=1),
        "policies_passed=2 and policies_failed=1 are more than 2 in total",
    ),
    (lambda: Telemetry(metric="m", value=float("inf")), "value=inf: it is a finite number"),
    (lambda: WorkflowExecution(workflow="w", state="done"), "state='done': it is one of completed, failed"),  # type: ignore[arg-type]
    (lambda: WorkflowExecution(workflow="w", duration=-1), "duration=-1: it is a number of seconds, 0 or more"),
    (lambda: Alert(title="t", level="loud"), "level='loud': it is one of log, notify, page, escalate, critical"),  # type: ignore[arg-type]
    (lambda: PolicyDecision(decision="no", policy="p"), "decision='no': it is one of allow, deny"),  # type: ignore[arg-type]
    (lambda: Authentication(succeeded="no"), "succeeded='no': it is True or False"),  # type: ignore[arg-type]
    (lambda: Target(type="secret"), "a Target has an id or a name"),
    (lambda: Technique("1078"), "technique '1078': MITRE's ids look like T1078, T1078.004 or AML.T0051"),
    (lambda: Technique("t1078"), "technique 't1078': MITRE's ids"),
    (lambda: Technique("T1078\n"), "MITRE's ids"),
    (
        lambda: Technique("T1078", tactic="Credential Access"),
        "tactic 'Credential Access': MITRE's ids look like TA0006",
    ),
    (lambda: Technique("AML.T0051", tactic="TA0002"), "are of two frameworks, ATT&CK and ATLAS"),
]


@pytest.mark.parametrize(("make", "said"), WRONG, ids=[said for _, said in WRONG])
def test_what_is_wrong_is_refused_with_a_sentence(make: Any, said: str) -> None:
    with pytest.raises(ValueError) as refused:
        make()
    assert said in str(refused.value)


DEFAULTS = {"outcome": "", "action": "", "technique": None}  # what has one other than nothing


@pytest.mark.parametrize("event", SAID)
def test_none_in_any_field_that_may_be_left_out_is_nothing(event: str) -> None:
    kind: Any = type(SAID[event])
    known = {one.name: getattr(SAID[event], one.name) for one in fields(kind) if one.default is MISSING}
    optional = {one.name: one.default for one in fields(kind) if one.default is not MISSING}
    none = kind(**known, **dict.fromkeys(optional))
    nothing = kind(
        **known, **{name: DEFAULTS[name] for name, default in optional.items() if default and name in DEFAULTS}
    )
    assert none.attributes() == nothing.attributes()
    assert (none.severity, none.message or "") == (nothing.severity, nothing.message)


def test_numbers_of_other_libraries_are_numbers() -> None:
    assert Anomaly(type="t", score=Decimal("0.5")).score == 0.5  # type: ignore[arg-type]  # as numpy's would be


@given(st.one_of(st.floats(), st.integers(), st.text(), st.binary(), st.none(), st.booleans(), st.lists(st.integers())))
def test_a_score_is_one_or_is_refused(value: Any) -> None:
    with contextlib.suppress(ValueError):
        kept = Anomaly(type="t", score=value).score
        assert kept is None or 0 <= kept <= 1
