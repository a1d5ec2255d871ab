"""Which key of CEF's dictionary says what: names, types and maxima as ArcSight publishes them (contract 4).

In order: the keys of the first block stand first in every line, because receivers cut lines at their ends (contract 6).
Keys that only a consumer may set (`eventId`, `rawEvent`, `art` …) are not in here, so they are never written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from otelsiem.formats._keys import Key

Keys: TypeAlias = Mapping[str, tuple[Key, ...]]  # candidates: the first that is free and takes the value


def _custom(label: str, name: str, most: int = 4000) -> tuple[Key, ...]:
    return (Key(name, "text", most, label),)


FIRST: Keys = {
    "event_id": (Key("externalId", "whole", 40),),
    "tenant_id": _custom("TenantID", "cs1"),
    "agent_id": _custom("AgentID", "cs2"),
    "correlation_id": _custom("CorrelationID", "cs3"),
    "constitutional_hash": _custom("ConstitutionalHash", "cs4"),
    "user_name": (Key("suser", "text", 1023),),
    "user_email": (Key("suser", "text", 1023),),
    "user_id": (Key("suid", "text", 1023),),
    "src_ip": (Key("src", "ipv4"), Key("c6a2", "ipv6", label="Source IPv6 Address"), Key("shost", "text", 1023)),
    "src_port": (Key("spt", "port"),),
    "action": (Key("act", "text", 63),),
    "outcome": (Key("outcome", "text", 63),),
    "trace_id": _custom("TraceID", "cs5"),
    "session_id": _custom("SessionID", "cs6"),
}

SECOND: Keys = {
    "account.id": (Key("duid", "text", 1023),),
    "account.name": (Key("duser", "text", 1023),),
    "reason": (Key("reason", "text", 1023),),
    "user_roles": (Key("spriv", "listed", 1023),),
    "user_agent": (Key("requestClientApplication", "text", 1023),),
    "source": (Key("deviceFacility", "text", 1023),),
    "risk_score": (Key("cfp1", "decimal", label="RiskScore"),),
    "confidence": (Key("cfp2", "decimal", label="Confidence"),),
}

# CEF 1.2 has keys for what was acted upon, and for the technique of an attack.
SECOND_OF_1: Keys = {
    "target.id": (Key("reportedResourceID", "text", 256),),
    "target.type": (Key("reportedResourceType", "text", 64),),
    "target.name": (Key("reportedResourceName", "text", 64),),
    "framework": (Key("frameworkName", "text", 256),),
    "mitre_attack.technique": (Key("threatAttackID", "text", 32),),
}

MESSAGE: Keys = {"message": (Key("msg", "text", 1023),)}

# Attributes of OTel's semantic conventions and of the typed families (anomaly, risk assessment, compliance check).
ATTRIBUTES: Keys = {
    "server.address": (
        Key("dst", "ipv4"), Key("c6a3", "ipv6", label="Destination IPv6 Address"), Key("dhost", "text", 1023),
    ),
    "server.port": (Key("dpt", "port"),),
    "user.domain": (Key("sntdom", "text", 255),),
    "url.full": (Key("request", "text", 1023),),
    "http.request.method": (Key("requestMethod", "text", 1023),),
    "network.protocol.name": (Key("app", "text", 31),),
    "network.transport": (Key("proto", "text", 31),),
    "file.name": (Key("fname", "text", 1023),),
    "file.path": (Key("filePath", "text", 1023),),
    "file.size": (Key("fsize", "integer"),),
    "anomaly.confidence": (Key("cfp2", "decimal", label="Confidence"),),
    "anomaly.type": _custom("AnomalyType", "flexString1", 1023),
    "detection.method": _custom("DetectionMethod", "flexString2", 1023),
    "risk.level": _custom("RiskLevel", "flexString1", 1023),
    "risk.previous_score": (Key("cfp3", "decimal", label="PreviousRiskScore"),),
    "risk.score_change": (Key("cfp4", "decimal", label="RiskScoreChange"),),
    "compliance.is_compliant": _custom("Compliant", "flexString1", 1023),
    "compliance.score": (Key("cfp3", "decimal", label="ComplianceScore"),),
    "compliance.policies_total": (Key("cn1", "integer", label="PoliciesTotal"),),
    "compliance.policies_failed": (Key("cn2", "integer", label="PoliciesFailed"),),
    "violations.critical_count": (Key("cn3", "integer", label="CriticalViolations"),),
    "violations.critical_policies": (Key("flexString2", "listed", 1023, "CriticalPolicies"),),
}  # fmt: skip

# Of the resource: keys that no attribute of a record is written to.
RESOURCE: Keys = {
    "host.name": (Key("dvchost", "text", 100),),
    "host.ip": (Key("dvc", "ipv4"), Key("c6a1", "ipv6", label="Device IPv6 Address")),
    "service.name": (Key("sourceServiceName", "text", 1023),),
    "service.instance.id": (Key("deviceExternalId", "text", 255),),
    "process.pid": (Key("dvcpid", "integer"),),
    "process.executable.name": (Key("deviceProcessName", "text", 1023),),
}
