"""What `/etc/otelsiem` of the examples in the pages would hold: the examples are loaded, files and all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.transport.authority import Authority


def folder_of_certificates(parent: Path) -> Path:
    """A folder with an authority, a server's and a client's certificate, and a sender's token."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes the certificates")
    folder = parent / "etc"
    folder.mkdir()
    (folder / "web.tokens").write_text("web-0123456789abcdef\n")
    authority = Authority(folder)
    for name in ("server", "client"):
        authority.pair(name, "DNS:localhost")
    return folder
