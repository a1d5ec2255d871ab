"""The page on delivery receipts does what it says: its code is run against a gateway over TLS, as a program."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.docs.test_docs import BLOCK, ROOT
from tests.gateway.locked import BILLING
from tests.gateway.locked_gateway import LockedGateway
from tests.transport.authority import Authority

PAGE = (ROOT / "docs/how-to/receipts.md").read_text("utf-8")


def test_the_code_of_the_page_runs(tmp_path: Path) -> None:
    [code] = [text for language, text in BLOCK.findall(PAGE) if language == "python"]
    (tmp_path / "authority").mkdir()
    authority = Authority(tmp_path / "authority")
    authority.certificate("server", "IP:127.0.0.1,DNS:localhost")
    with LockedGateway(tmp_path / "gateway", authority) as running:
        code = code.replace("https://gateway.example.com:4317", f"https://127.0.0.1:{running.grpc}")
        code = code.replace("the-token-of-this-application", BILLING).replace('"ca.pem"', repr(str(authority.file)))
        argv = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "file delivered 1 \n"), done.stderr
        [written] = running.written()
        assert "login" in written.values()


def test_every_kind_of_fate_has_its_line() -> None:
    from otelsiem.receipts import Kind

    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == [kind.value for kind in Kind]
