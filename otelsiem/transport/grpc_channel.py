"""The gRPC channels of one transport, by target: opened when needed, opened anew when the files of `tls` changed.

Guarantees: calls in progress on a channel that was replaced are not disturbed: it is closed when the last has ended.
"""

from __future__ import annotations

import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import certifi

from otelsiem import __version__
from otelsiem.model.destination import GrpcSettings, TlsSettings
from otelsiem.model.errors import MissingExtraError
from otelsiem.transport.call import WireError
from otelsiem.transport.target import Target
from otelsiem.transport.tls import client_context

if TYPE_CHECKING:
    import grpc

_State: TypeAlias = tuple[tuple[int, int, int] | None, ...]


def core() -> ModuleType:
    """gRPC itself. Raises MissingExtraError."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # else its core prints every failed handshake on stderr
    try:
        import grpc
    except ImportError as error:
        raise MissingExtraError("OTLP over gRPC", "gateway", error.name or "grpcio") from error
    return grpc


class Kept:
    """One channel, how many calls use it, and the files that it was opened with."""

    def __init__(self, channel: grpc.Channel, state: _State) -> None:
        self.channel: Any = channel  # the stubs want serialisers: we have bytes
        self.state = state
        self.users = 0
        self.replaced = False


class Channels:
    """For several threads."""

    def __init__(self, settings: GrpcSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._open: dict[str, Kept] = {}

    @contextmanager
    def borrowed(self, where: Target) -> Iterator[Kept]:
        """The channel to this target. Raises WireError when a file cannot be used."""
        kept = self._take(where)
        try:
            yield kept
        finally:
            self._give_back(kept)

    def renew(self, where: Target, failed: Kept) -> None:
        """The next call opens a new one, unless somebody has already."""
        with self._lock:
            if self._open.get(where.key) is not failed:
                return
            del self._open[where.key]
            over = self._over(failed)
        if over:
            failed.channel.close()

    def close(self) -> None:
        """Close them all, whatever still uses them."""
        with self._lock:
            kept, self._open = [*self._open.values()], {}
        for one in kept:
            one.channel.close()

    def _take(self, where: Target) -> Kept:
        state = _state(self._settings.tls) if where.encrypted else ()
        old: Kept | None = None
        with self._lock:
            kept = self._open.get(where.key)
            if kept is None or kept.state != state:
                old, kept = kept, Kept(_channel(self._settings, where), state)
                self._open[where.key] = kept
            kept.users += 1
            over = old is not None and self._over(old)
        if old is not None and over:
            old.channel.close()
        return kept

    def _give_back(self, kept: Kept) -> None:
        with self._lock:
            kept.users -= 1
            over = kept.replaced and not kept.users
        if over:
            kept.channel.close()

    def _over(self, kept: Kept) -> bool:
        kept.replaced = True
        return not kept.users


def _channel(settings: GrpcSettings, where: Target) -> grpc.Channel:
    grpc = core()
    options = _options(settings)
    host = f"[{where.host}]" if ":" in where.host else where.host
    name = f"dns:///{host}:{where.port}"
    if not where.encrypted:
        return grpc.insecure_channel(name, options)  # type: ignore[no-any-return]  # a module found at run time
    return grpc.secure_channel(name, _credentials(settings.tls), options)  # type: ignore[no-any-return]


def _options(settings: GrpcSettings) -> list[tuple[str, int | str]]:
    options: list[tuple[str, int | str]] = [
        ("grpc.enable_http_proxy", 0),
        ("grpc.service_config_disable_resolution", 1),  # else a TXT record of the peer's domain sets retries
        ("grpc.use_local_subchannel_pool", 1),  # else channels share connections, and what failed of them
        ("grpc.max_reconnect_backoff_ms", 1000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_receive_message_length", settings.max_reply),
        ("grpc.max_send_message_length", -1),  # the destination's limits are the limits
        ("grpc.primary_user_agent", f"otelsiem/{__version__}"),
        ("grpc.lb_policy_name", settings.balancer),
    ]
    if settings.keepalive_seconds:
        options += [
            ("grpc.keepalive_time_ms", int(settings.keepalive_seconds * 1000)),
            ("grpc.keepalive_timeout_ms", int(settings.keepalive_timeout * 1000)),
            ("grpc.keepalive_permit_without_calls", int(settings.keepalive_idle)),
            ("grpc.http2.max_pings_without_data", 0),
        ]
    if settings.authority:
        options.append(("grpc.default_authority", settings.authority))
    if settings.tls.server_name:
        options.append(("grpc.ssl_target_name_override", settings.tls.server_name))
    return options


def _credentials(tls: TlsSettings) -> grpc.ChannelCredentials:
    if not tls.verify or tls.fingerprint or tls.min_version != "1.2":
        raise WireError(
            "tls", "gRPC verifies always, by ca_file or the system's authorities, and takes no lower version"
        )
    client_context(tls)  # gRPC does not say which file is wrong, or that one is: this does
    authorities = Path(tls.ca_file).read_bytes() if tls.ca_file else _system()
    key, chain = (Path(tls.key_file).read_bytes(), Path(tls.cert_file).read_bytes()) if tls.cert_file else (None, None)
    return core().ssl_channel_credentials(authorities, key, chain)  # type: ignore[no-any-return]


def _system() -> bytes:
    """The authorities of this machine; gRPC brings some of its own, which are not those of the other exporters."""
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        return Path(paths.cafile).read_bytes()
    found = sorted(Path(paths.capath).glob("*.0")) if paths.capath else []
    return b"\n".join([file.read_bytes() for file in found]) or Path(certifi.where()).read_bytes()


def _state(tls: TlsSettings) -> _State:
    return tuple([_looked(path) for path in (tls.ca_file, tls.cert_file, tls.key_file) if path])


def _looked(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
