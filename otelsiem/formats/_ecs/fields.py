"""Which attributes have a field in the Elastic Common Schema, and of what type it is.

Names and types as Elastic publishes them (elastic/ecs v9.4.0, generated/csv/fields.csv; the tests hold the tables
against that list). What does not fit its field's type becomes a label instead: Elasticsearch refuses the whole document
for one wrong type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from otelsiem.formats.address import kind
from otelsiem.formats.values import text

VERSION = "9.4.0"

Type: TypeAlias = Literal["keyword", "keywords", "long", "integer", "ip", "ips"]


class Field(NamedTuple):
    """A field of ECS by its path, and what goes into it."""

    path: str
    type: Type = "keyword"


def _same(*paths: str, type_: Type = "keyword") -> dict[str, Field]:
    """Attributes that OTel and ECS call the same."""
    return {path: Field(path, type_) for path in paths}


# Meanings of the vocabulary, by their flat name. The rest of them has a place of its own in `ecs.py`.
MEANINGS: Mapping[str, Field] = {
    "source": Field("event.provider"),
    "tenant_id": Field("organization.id"),
    "agent_id": Field("gen_ai.agent.id"),  # and the label `agent_id`
    "agent_name": Field("gen_ai.agent.name"),
    "user_id": Field("user.id"),
    "user_name": Field("user.name"),
    "user_email": Field("user.email"),
    "user_roles": Field("user.roles", "keywords"),
    "reason": Field("event.reason"),
    "error_type": Field("error.type"),
    "error_message": Field("error.message"),
    "user_agent": Field("user_agent.original"),
    "request_id": Field("http.request.id"),
    "tool_name": Field("gen_ai.tool.name"),
    "tool_call_id": Field("gen_ai.tool.call.id"),
    "policy": Field("rule.name"),
    "policy_id": Field("rule.uuid"),
}

ATTRIBUTES: Mapping[str, Field] = {
    **_same(
        "http.request.method", "url.full", "url.original", "url.path", "url.query", "url.scheme", "url.fragment",
        "url.domain", "network.transport", "network.type", "process.command_line", "process.working_directory",
        "process.title", "file.path", "file.name", "file.extension", "file.directory", "device.id",
        "device.manufacturer", "device.model.identifier", "device.model.name", "dns.question.name", "error.code",
        "error.id", "user.full_name", "user.hash", "user.domain", "user.target.id", "user.target.name",
        "user.target.email", "user.effective.id", "user.effective.name", "user.changes.name", "user.changes.email",
        "group.id", "group.name", "organization.name", "gen_ai.system", "gen_ai.operation.name",
        "gen_ai.output.type", "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id",
        "gen_ai.tool.type", "gen_ai.agent.description", "log.file.path",
    ),
    **_same("http.response.status_code", "process.pid", "url.port", "file.size", type_="long"),
    **_same("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens", type_="integer"),
    "http.request.size": Field("http.request.bytes", "long"),
    "http.response.size": Field("http.response.bytes", "long"),
    "http.request.body.size": Field("http.request.body.bytes", "long"),
    "http.response.body.size": Field("http.response.body.bytes", "long"),
    "network.protocol.name": Field("network.protocol"),
    "process.executable.path": Field("process.executable"),
    "process.executable.name": Field("process.name"),
    "process.command_args": Field("process.args", "keywords"),
    "process.parent_pid": Field("process.parent.pid", "long"),
    "process.owner": Field("process.user.name"),
    "thread.id": Field("process.thread.id", "long"),
    "thread.name": Field("process.thread.name"),
    "exception.type": Field("error.type"),
    "exception.message": Field("error.message"),
    "exception.stacktrace": Field("error.stack_trace"),
    "code.function.name": Field("log.origin.function"),
    "code.file.path": Field("log.origin.file.name"),
    "code.line.number": Field("log.origin.file.line", "long"),
    "log.record.original": Field("event.original"),
    "gen_ai.provider.name": Field("gen_ai.system"),
    "security_rule.category": Field("rule.category"),
    "security_rule.description": Field("rule.description"),
    "security_rule.license": Field("rule.license"),
    "security_rule.reference": Field("rule.reference"),
    "security_rule.ruleset.name": Field("rule.ruleset"),
    "security_rule.version": Field("rule.version"),
    "detection.detector": Field("rule.name"),
    "anomaly.type": Field("rule.category"),
}  # fmt: skip

RESOURCE: Mapping[str, Field] = {
    **_same(
        "host.id", "host.type", "cloud.provider", "cloud.account.id", "cloud.region", "cloud.availability_zone",
        "container.id", "container.name", "container.image.name", "container.runtime", "device.id",
        "device.manufacturer", "device.model.identifier", "device.model.name", "faas.name", "faas.version",
        "process.command_line",
    ),
    **_same("process.pid", type_="long"),
    "host.ip": Field("host.ip", "ips"),
    "host.mac": Field("host.mac", "keywords"),
    "host.arch": Field("host.architecture"),
    "os.type": Field("host.os.platform"),
    "os.name": Field("host.os.name"),
    "os.version": Field("host.os.version"),
    "os.description": Field("host.os.full"),
    "cloud.platform": Field("cloud.service.name"),
    "container.image.tags": Field("container.image.tag", "keywords"),
    "faas.instance": Field("faas.id"),
    "k8s.cluster.name": Field("orchestrator.cluster.name"),
    "k8s.cluster.uid": Field("orchestrator.cluster.id"),
    "k8s.namespace.name": Field("orchestrator.namespace"),
    "process.executable.path": Field("process.executable"),
    "process.executable.name": Field("process.name"),
    "process.owner": Field("process.user.name"),
    "service.instance.id": Field("service.node.name"),
    "deployment.environment.name": Field("service.environment"),
    "deployment.environment": Field("service.environment"),
}  # fmt: skip

ENTITIES = frozenset(  # entity.type is a closed list
    {
        "bucket", "database", "container", "function", "queue", "host", "user", "application", "service", "session",
        "cloud", "orchestrator",
    }
)  # fmt: skip

_WIDEST = {"long": 1 << 63, "integer": 1 << 31}
_LARGEST_FLOAT = 3.4028234663852886e38  # Elasticsearch refuses what a float cannot hold


def fitted(value: Any, type_: Type) -> Any:
    """The value as a field of this type takes it, None when it cannot."""
    if type_ == "keyword":
        return _scalar(value)
    if widest := _WIDEST.get(type_):
        return value if type(value) is int and -widest <= value < widest else None
    items = value if type(value) is list else [value]
    if type_ == "keywords":
        made = [_scalar(item) for item in items]
        return made if made and None not in made else None
    return items if items and all(kind(item) == "ip" for item in items) else None


def _scalar(value: Any) -> str | None:
    """A keyword, None for what is no single value."""
    return value if type(value) is str else None if value is None or isinstance(value, list | dict) else text(value)


def score(value: Any) -> float | None:
    """A number that `event.risk_score` takes, None for what is none."""
    return value if type(value) in (int, float) and abs(value) <= _LARGEST_FLOAT else None
