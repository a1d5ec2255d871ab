"""A real Elasticsearch: TLS, users, API keys; one node with a small heap, shared by the tests of a run.

It is the server of the integ-test zip: without ingest pipelines, without `GET /` (405), without the API that lists
data streams. What a request may hold at once is far less than usual, so that it says 429 when a test asks for it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import ssl
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.peers.artefacts import ELASTICSEARCH
from tests.peers.cluster import Cluster, basic
from tests.peers.shared import SharedServer
from tests.program import free_port
from tests.transport.authority import Authority

ADMIN, PASSWORD = "peer-admin", "peer-admin-password"
PRESSURE = 2 << 20  # bytes of bulk requests in progress; one that would be more is refused with 429
JAVA = "-Xms256m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1"


class Elasticsearch(SharedServer):
    """The server. `cluster` is for whoever may do everything."""

    artefact = ELASTICSEARCH

    def prepare(self, run: Path, home: Path) -> dict[str, Any]:
        port, transport = free_port(), free_port()
        config = run / "config"
        (run / "tmp").mkdir()
        (config / "jvm.options.d").mkdir(parents=True)
        tls = Authority(config)
        pair = tls.pair("node", "IP:127.0.0.1,DNS:localhost")
        chain = config / "chain.pem"  # shows its CA, as the real one does after an installation
        chain.write_text(Path(pair.cert).read_text() + tls.file.read_text())
        options = (home / "config" / "jvm.options").read_text().replace("-XX:+UseG1GC", "")
        (config / "jvm.options").write_text(options)
        for name in ("log4j2.properties", "roles.yml", "role_mapping.yml"):
            (config / name).write_bytes((home / "config" / name).read_bytes())
        (config / "users").write_text(f"{ADMIN}:{hashed(PASSWORD)}\n")
        (config / "users_roles").write_text(f"superuser:{ADMIN}\n")
        (config / "elasticsearch.yml").write_text(
            f"""
cluster.name: peers
node.name: peer
discovery.type: single-node
network.host: 127.0.0.1
http.port: {port}
transport.port: {transport}
path.data: {run}/data
path.logs: {run}/logs
cluster.routing.allocation.disk.threshold_enabled: false
indexing_pressure.memory.limit: {PRESSURE}b
xpack.security.enabled: true
xpack.security.http.ssl.enabled: true
xpack.security.http.ssl.key: {Path(pair.key).name}
xpack.security.http.ssl.certificate: {chain.name}
xpack.security.transport.ssl.enabled: false
"""
        )
        der = ssl.PEM_cert_to_DER_cert(tls.file.read_text())
        return {"port": port, "ca": str(tls.file), "fingerprint": hashlib.sha256(der).hexdigest()}

    def command(self, run: Path, home: Path) -> tuple[Sequence[str], Mapping[str, str]]:
        env = {"ES_PATH_CONF": str(run / "config"), "ES_TMPDIR": str(run / "tmp"), "ES_JAVA_OPTS": JAVA, **java("ES")}
        return [str(home / "bin" / "elasticsearch"), "-p", str(run / "pid")], env

    def answers(self) -> bool:
        return self.cluster.well()

    @cached_property
    def cluster(self) -> Cluster:
        """Asked as its administrator."""
        return Cluster(self.state["port"], basic(ADMIN, PASSWORD), self.state["ca"])

    @property
    def ca_file(self) -> str:
        """The certificate of its authority."""
        return str(self.state["ca"])

    @property
    def fingerprint(self) -> str:
        """SHA-256 of that."""
        return str(self.state["fingerprint"])

    def user(self, name: str, password: str, *indices: str) -> None:
        """A user who may create documents in these indices, and make them, and nothing else."""
        self._role(name, indices)
        self.cluster.do("PUT", f"/_security/user/{name}", {"password": password, "roles": [name]})

    def api_key(self, name: str, *indices: str) -> str:
        """A key with the same rights, as `encoded` says it."""
        body = {"name": name, "role_descriptors": {"gateway": rights(indices)}}
        return str(self.cluster.do("POST", "/_security/api_key", body)["encoded"])

    def _role(self, name: str, indices: Sequence[str]) -> None:
        self.cluster.do("PUT", f"/_security/role/{name}", rights(indices))


def rights(indices: Sequence[str]) -> dict[str, Any]:
    """What a gateway needs (contract 1): no reading, no overwriting."""
    return {"indices": [{"names": list(indices), "privileges": ["create_doc", "auto_configure"]}]}


def java(prefix: str) -> dict[str, str]:
    """The Java of this machine: the launchers look for it in a variable, not on the path."""
    found = shutil.which("java")
    assert found is not None, "no java on the path"
    return {f"{prefix}_JAVA_HOME": str(Path(found).resolve().parents[1])}


def hashed(password: str) -> str:
    """As the file of users keeps it."""
    salt = os.urandom(32)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 1000, 32)
    return f"{{PBKDF2}}1000${b64encode(salt).decode()}${b64encode(key).decode()}"
