"""Certificates that several files of tests share."""

from __future__ import annotations

import shutil
import ssl

import pytest

from tests.transport.authority import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes the certificates")
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def good(authority: Authority) -> ssl.SSLContext:
    """A server's context, trusted for this machine."""
    return authority.certificate("good", "IP:127.0.0.1,DNS:localhost")
