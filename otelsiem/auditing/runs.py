"""What runs and what is measured, as typed events: a workflow, a number.

    audit(WorkflowExecution(workflow="nightly-close", execution="run-17", state="failed", error="TimeoutError"))

Guarantees: as for findings (`otelsiem.auditing.events`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from otelsiem.auditing import fields
from otelsiem.auditing.fields import filled, put
from otelsiem.auditing.technique import Target, of

STATES = {"completed": "success", "failed": "failure", "started": "unknown", "cancelled": "unknown", "": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowExecution:
    """One run of a workflow, or one step of it. `duration` is in seconds."""

    event: ClassVar[str] = "workflow_execution"

    workflow: str
    execution: str = ""
    step: str = ""
    state: Literal["started", "completed", "failed", "cancelled", ""] = ""
    duration: float | None = None
    error: str = ""
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        put(
            self,
            workflow=fields.text("workflow", self.workflow),
            state=fields.word("state", self.state, STATES),
            duration=fields.seconds("duration", self.duration),
            severity=fields.level("severity", self.severity),
        )

    def attributes(self) -> Mapping[str, Any]:
        said = {
            "workflow.step": self.step,
            "workflow.state": self.state,
            "audit.outcome": STATES[self.state],
            "audit.duration": self.duration,
            "error.type": self.error,
        }
        return filled(said) | of(Target(id=self.execution, type="workflow", name=self.workflow))


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """A number worth keeping beside the events that it explains."""

    event: ClassVar[str] = "telemetry"

    metric: str
    value: float
    unit: str = ""
    severity: str = ""
    message: str = ""

    def __post_init__(self) -> None:
        put(
            self,
            metric=fields.text("metric", self.metric),
            value=fields.measured("value", self.value),
            severity=fields.level("severity", self.severity),
        )

    def attributes(self) -> Mapping[str, Any]:
        said = {"telemetry.metric": self.metric, "telemetry.value": self.value, "telemetry.unit": self.unit}
        return filled(said)
