"""A gateway in a process of its own with TLS and two tokens on both listeners."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.gateway.locked import BILLING, WEB
from tests.gateway_process import Config, Gateway
from tests.transport.authority import Authority


class LockedGateway(Gateway):
    """`billing` has a tenant, and a quota when it is given one; `web` has neither."""

    def __init__(
        self, directory: Path, authority: Authority, *, quota: Mapping[str, Any] | None = None, **tls: str
    ) -> None:
        self.authority, self.tls = authority, tls
        self.billing = {"name": "billing", "token": "${env:BILLING}", "tenant": "acme"} | (
            {"quota": quota} if quota else {}
        )
        super().__init__(
            directory, {"file": {"path": str(directory / "out.jsonl")}}, env={"BILLING": BILLING, "WEB": WEB}
        )

    def configuration(self, *parts: Mapping[str, Any]) -> Config:
        config = super().configuration(*parts)
        files = {
            "cert_file": f"{self.authority.directory}/server.pem",
            "key_file": f"{self.authority.directory}/server.key",
        }
        for protocol in config["receivers"]["otlp"]["protocols"].values():
            protocol |= {
                "tls": {**files, **self.tls},
                "auth": {"authenticator": "bearertokenauth"},
                "include_metadata": True,
            }
        tokens = [self.billing, {"name": "web", "token": "${env:WEB}"}]
        config["extensions"] = {"bearertokenauth": {"tokens": tokens}}
        config["service"]["extensions"] = ["bearertokenauth"]
        return config

    def written(self) -> list[dict[str, Any]]:
        """What was delivered."""
        out = self.directory / "out.jsonl"
        return [json.loads(line) for line in out.read_text().splitlines()] if out.exists() else []

    def send(self, *options: object) -> subprocess.CompletedProcess[str]:
        """`otelsiem send` with this gateway's configuration."""
        argv = [sys.executable, "-m", "otelsiem", "send", "--config", self.directory / "otelsiem.yaml", *options]
        env = {"BILLING": BILLING, "WEB": WEB}
        words = [str(word) for word in argv]
        return subprocess.run(words, check=False, capture_output=True, text=True, timeout=60, env=env)
