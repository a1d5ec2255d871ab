"""A certificate authority in a directory, made with the openssl command: certificates for servers and clients."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    cert: str
    key: str


class Authority:
    """The CA; `file` is its own certificate, signed by itself or by the authority above it."""

    def __init__(self, directory: Path, above: Authority | None = None) -> None:
        self.directory = directory
        self.file = directory / "ca.pem"
        if above is None:
            self._run(
                "req", "-x509", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Test CA", *_KEY
            )
            return
        (directory / "ca.ext").write_text("basicConstraints=critical,CA:TRUE\n")
        self._run("req", "-keyout", "ca.key", "-out", "ca.csr", "-subj", "/CN=Test CA below", *_KEY)
        signed = ("-CA", str(above.file), "-CAkey", str(above.directory / "ca.key"), "-CAcreateserial")
        self._run("x509", "-req", "-in", "ca.csr", *signed, "-extfile", "ca.ext", "-out", "ca.pem", "-days", "2")

    def pair(self, name: str, alternative: str, *when: str) -> Pair:
        """A certificate for this subject alternative name."""
        extension = self.directory / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternative}\n")
        self._run("req", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", *_KEY)
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", extension.name)
        self._run("x509", "-req", "-in", f"{name}.csr", *signed, "-out", f"{name}.pem", *(when or ("-days", "2")))
        return Pair(str(self.directory / f"{name}.pem"), str(self.directory / f"{name}.key"))

    def certificate(self, name: str, alternative: str, *when: str) -> ssl.SSLContext:
        """A server's context with such a certificate."""
        pair = self.pair(name, alternative, *when)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        return context

    def encrypted(self, pair: Pair, password: str) -> Pair:
        """The same with its key encrypted."""
        key = f"{pair.key}.encrypted"
        self._run("ec", "-in", pair.key, "-aes256", "-passout", f"pass:{password}", "-out", key)
        return Pair(pair.cert, key)

    def _run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self.directory, check=True, capture_output=True)
