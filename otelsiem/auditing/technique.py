"""What MITRE calls an attack, and what was acted upon: the parts that many typed events have.

    Technique("T1555", "Credentials from Password Stores", "TA0006", "Credential Access")
    Technique("AML.T0051", "LLM Prompt Injection", "AML.TA0005", "Execution")

Guarantees: an id that has not the form of MITRE's is refused when it is written, not found wrong in a SIEM.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from otelsiem.auditing.fields import filled

TECHNIQUE = re.compile(r"(AML\.)?T\d{4}(\.\d{3})?")
TACTIC = re.compile(r"(AML\.)?TA\d{4}")


@dataclass(frozen=True, slots=True)
class Technique:
    """One of ATT&CK (`T1078`, `T1078.004`) or ATLAS (`AML.T0051`), with its tactic (`TA0006`, `AML.TA0005`)."""

    id: str
    name: str = ""
    tactic: str = ""
    tactic_name: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not TECHNIQUE.fullmatch(self.id):
            raise ValueError(f"technique {self.id!r}: MITRE's ids look like T1078, T1078.004 or AML.T0051")
        if not isinstance(self.tactic, str) or (self.tactic and not TACTIC.fullmatch(self.tactic)):
            raise ValueError(f"tactic {self.tactic!r}: MITRE's ids look like TA0006 or AML.TA0005")
        if self.tactic and self.tactic.startswith("AML.") != self.id.startswith("AML."):
            raise ValueError(f"technique {self.id} and tactic {self.tactic} are of two frameworks, ATT&CK and ATLAS")

    def attributes(self) -> dict[str, str]:
        return filled(
            {
                "threat.technique.id": self.id,
                "threat.technique.name": self.name,
                "threat.tactic.id": self.tactic,
                "threat.tactic.name": self.tactic_name,
            }
        )


@dataclass(frozen=True, slots=True)
class Target:
    """What was acted upon: at least its id or its name."""

    id: str = ""
    type: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if not self.id and not self.name:
            raise ValueError("a Target has an id or a name")

    def attributes(self) -> dict[str, str]:
        return filled({"audit.target.id": self.id, "audit.target.type": self.type, "audit.target.name": self.name})


def of(*parts: Technique | Target | None) -> dict[str, str]:
    """The attributes of those that are there."""
    return {key: value for part in parts if part is not None for key, value in part.attributes().items()}
