"""Settings of a Kafka producer as librdkafka reads them, and the promise that it cannot be talked out of.

Guarantees: always idempotent and acknowledged by all replicas in sync; nothing is delivered after the time at which it
was given back; files of TLS are tried before librdkafka sees them, so that a fault names the file.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from typing import TypeAlias

import certifi

from otelsiem.model.destination import KafkaSettings, OAuth, Sasl, TlsSettings
from otelsiem.transport.tls import client_context

Conf: TypeAlias = dict[str, str | int | float]

LONGEST_CONNECT = 10.0  # seconds for one TCP, TLS and SASL handshake
UNKNOWN_TOPIC = 10.0  # seconds until a topic that metadata does not name counts as missing: a new one spreads slowly

# TLS 1.2 suites that need a key shared beforehand, which nobody has: what is left to agree on is TLS 1.3. librdkafka
# has no lowest version to set (measured: a broker that speaks 1.2 only refuses the handshake, one with 1.3 takes it).
_ONLY_13 = "PSK-AES256-GCM-SHA384"


def conf(settings: KafkaSettings) -> Conf:
    """All of it. Raises WireError when a file of TLS cannot be used."""
    return {
        "bootstrap.servers": ",".join(settings.brokers),
        "client.id": settings.client_id,
        # the promise: acks=all, at most five requests in flight, order kept and nothing written twice by our retries
        "enable.idempotence": True,
        "acks": "all",
        "message.timeout.ms": max(int(settings.timeout * 1000), int(settings.linger * 1000) + 1),
        "linger.ms": settings.linger * 1000,
        "compression.type": settings.compression,
        "compression.level": settings.compression_level,
        "message.max.bytes": settings.max_message_bytes,
        "batch.size": settings.max_message_bytes,  # else a batch may be larger than what the topic takes
        "queue.buffering.max.kbytes": 256 << 10,  # 64 couriers carry 64 MiB
        "partitioner": "murmur2_random",  # as Java, aiokafka and franz-go: a key is in one partition for all of them
        "allow.auto.create.topics": settings.create_topics,
        "topic.metadata.propagation.max.ms": int(min(UNKNOWN_TOPIC, settings.timeout / 2) * 1000),
        "topic.metadata.refresh.interval.ms": int(settings.refresh * 1000),
        "client.dns.lookup": "resolve_canonical_bootstrap_servers_only" if settings.canonical else "use_all_dns_ips",
        "socket.connection.setup.timeout.ms": int(max(min(LONGEST_CONNECT, settings.timeout), 1.0) * 1000),
        "socket.keepalive.enable": True,
        "reconnect.backoff.max.ms": 2000,
        "enable.metrics.push": False,  # KIP-714: how we are is nobody's business but our operator's
        "log.connection.close": False,
        **security(settings.tls, settings.sasl),
    }


def security(tls: TlsSettings | None, sasl: Sasl | None) -> Conf:
    """Encryption and who we are."""
    found: Conf = {"security.protocol": f"{'sasl_' if sasl else ''}{'ssl' if tls else 'plaintext'}"}
    if tls is not None:
        found |= _tls(tls)
    if sasl is not None:
        found["sasl.mechanism"] = sasl.mechanism
        found |= _oauth(sasl.oauth) if sasl.oauth else {"sasl.username": sasl.username, "sasl.password": sasl.password}
    return found


def files(settings: KafkaSettings) -> Iterator[str]:
    """What is read when a producer is made."""
    if settings.tls is not None:
        yield from (path for path in (settings.tls.ca_file, settings.tls.cert_file, settings.tls.key_file) if path)
    if settings.sasl is not None and settings.sasl.oauth is not None and settings.sasl.oauth.ca_file:
        yield settings.sasl.oauth.ca_file


def stamp(settings: KafkaSettings) -> tuple[tuple[int, int] | None, ...]:
    """Changes when one of the files does."""
    return tuple([_changed(path) for path in files(settings)])


def _changed(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino


def _tls(tls: TlsSettings) -> Conf:
    client_context(tls)  # says which file is wrong, where librdkafka says "BIO lib"
    found: Conf = {
        "ssl.ca.location": tls.ca_file or authorities(),
        "enable.ssl.certificate.verification": tls.verify,
        "ssl.endpoint.identification.algorithm": "https" if tls.verify else "none",
    }
    if tls.cert_file:
        found |= {"ssl.certificate.location": tls.cert_file, "ssl.key.location": tls.key_file}
    if tls.min_version == "1.3":
        found["ssl.cipher.suites"] = _ONLY_13
    return found


def _oauth(oauth: OAuth) -> Conf:
    found: Conf = {
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.client.id": oauth.client_id,
        "sasl.oauthbearer.client.secret": oauth.client_secret,
        "sasl.oauthbearer.token.endpoint.url": oauth.url,
    }
    if oauth.scopes:
        found["sasl.oauthbearer.scope"] = "%20".join(oauth.scopes)  # it is put into the form as it is (measured)
    if oauth.url.lower().startswith("https:"):
        found["https.ca.location"] = oauth.ca_file or authorities()
    return found


def authorities() -> str:
    """The system's authorities, else the ones of certifi: librdkafka brings an OpenSSL that knows neither."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or certifi.where()
