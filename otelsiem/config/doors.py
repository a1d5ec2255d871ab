"""Whether the locks of listeners fit: authenticators exist and are put to work, files can be used; and which listeners
stand open to the network.

Guarantees: a listener never opens with less protection than was written: what cannot be honoured is a problem. An open
one is a warning, because a mesh or a proxy may protect it, and one that lets tokens be read is the loudest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from otelsiem.config.bearertokenauth import BearerTokenAuth
from otelsiem.config.model import Grpc, Http, OtlpReceiver, Service
from otelsiem.config.pipelines import Gone
from otelsiem.config.report import Report
from otelsiem.config.tree import Items, Leaf, Table, find
from otelsiem.gateway.receivers import certificates, keyring
from otelsiem.gateway.receivers.certificates import Certificate
from otelsiem.gateway.receivers.listen import is_loopback
from otelsiem.gateway.receivers.watched import UnusableError
from otelsiem.model.near import nearest

RELATIVE = "a relative path is relative to the working directory"


@dataclass(frozen=True, slots=True)
class Door:
    """One protocol of a receiver."""

    steps: tuple[str, ...]
    block: Grpc | Http
    used: bool


def check_extensions(root: Table, gone: Gone, report: Report) -> None:
    """What `service.extensions` names is defined. `gone`: components that were taken out, and told of."""
    listed, taken, _ = find(root, ("service", "extensions"))
    if len(taken) < 2 or not isinstance(listed, Items):
        return  # told by the model
    listed.items = [item for item in listed.items if not (isinstance(item, Leaf) and ("extensions", item.text) in gone)]
    table = root.items.get("extensions")
    defined = set(table.items) if isinstance(table, Table) else set()
    for index, item in enumerate(listed.items):
        if isinstance(item, Leaf) and isinstance(item.value, str) and item.text not in defined:
            shown = f"what {item.outside} gives" if item.outside else repr(item.text)
            hint = "" if item.outside else nearest(item.text, defined)
            report.problem(item.place, (*taken, index), f"{shown} is not defined under extensions", hint)


def check_doors(
    root: Table,
    receivers: Mapping[str, OtlpReceiver],
    extensions: Mapping[str, BearerTokenAuth],
    service: Service,
    report: Report,
) -> None:
    """Every lock, and what is left open."""
    for id_, extension in extensions.items():
        _check_tokens(root, id_, extension, service, report)
    for door in _doors(receivers, service):
        _check_tls(root, door, report)
        _check_auth(root, door, service, report)
        if door.used and not is_loopback(door.block.endpoint.host):
            _warn_open(root, door, report)
    admin = service.admin.endpoint
    if not is_loopback(admin.host):
        path = ("service", "admin", "endpoint")
        said = f"{admin} is open to the network: metrics to everybody, and the admin token travels unencrypted"
        report.warning(find(root, path)[2], path, said, "listen on 127.0.0.1, or let only your own network reach it")


def _doors(receivers: Mapping[str, OtlpReceiver], service: Service) -> Iterator[Door]:
    used = {id_ for pipeline in service.pipelines.values() for id_ in pipeline.receivers}
    for id_, receiver in receivers.items():
        for name, block in (("grpc", receiver.protocols.grpc), ("http", receiver.protocols.http)):
            if block is not None:
                yield Door(("receivers", id_, "protocols", name), block, id_ in used)


def _check_tokens(root: Table, id_: str, extension: BearerTokenAuth, service: Service, report: Report) -> None:
    path = ("extensions", id_)
    try:
        keyring.check(extension.value(id_))
    except UnusableError as why:
        report.problem(find(root, path)[2], path, str(why), RELATIVE if why.key == "filename" else "")
    if id_ not in service.extensions:
        report.warning(find(root, path)[2], path, "is defined, but service.extensions does not name it")


def _check_tls(root: Table, door: Door, report: Report) -> None:
    tls = door.block.tls
    if tls is None:
        return
    try:
        _warn_time(root, door, certificates.read(tls.value), report)
    except UnusableError as why:
        path = (*door.steps, "tls", why.key)
        report.problem(find(root, path)[2], path, str(why), RELATIVE)
    if isinstance(door.block, Grpc) and tls.min_version != "1.2":
        path = (*door.steps, "tls", "min_version")
        said = "gRPC in Python speaks TLS 1.2 and 1.3 and cannot be told to refuse 1.2"
        report.problem(find(root, path)[2], path, said, 'write "1.2", or take records over http only')


def _warn_time(root: Table, door: Door, certificate: Certificate, report: Report) -> None:
    """It may start, since renewed files are read without a restart; until then nobody comes in, and no log says why."""
    if said := certificates.out_of_date(certificate):
        path = (*door.steps, "tls", "cert_file")
        place = find(root, path)[2]
        report.warning(place, path, f"the certificate {said}: senders that check it send nothing", "renew it")


def _check_auth(root: Table, door: Door, service: Service, report: Report) -> None:
    if door.block.auth is None:
        return
    path = (*door.steps, "auth", "authenticator")
    leaf, _, place = find(root, path)
    id_ = door.block.auth.authenticator
    shown = f"what {leaf.outside} gives" if isinstance(leaf, Leaf) and leaf.outside else repr(id_)
    table = root.items.get("extensions")
    defined = set(table.items) if isinstance(table, Table) else set()
    if id_ not in defined:
        hint = nearest(id_, defined) or "extensions: {bearertokenauth: {tokens: [{name: …, token: …}]}}"
        report.problem(place, path, f"{shown} is not defined under extensions", hint)
    elif id_ not in service.extensions:
        report.problem(place, path, f"{shown} is not put to work", f"service: {{extensions: [{id_}]}}")


def _warn_open(root: Table, door: Door, report: Report) -> None:
    block = door.block
    where = (*door.steps, "endpoint")
    said, hint = "", ""
    if block.tls is None and block.auth is not None:
        said = f"TOKENS TRAVEL UNENCRYPTED: whoever sees the traffic of {block.endpoint} can read and use them"
        hint = "add tls: {cert_file: …, key_file: …}"
    elif block.tls is None:
        said = f"{block.endpoint} is open to the network: records travel unencrypted and anybody may send some"
        hint = "add tls and auth, or listen on localhost"
    elif block.auth is None and block.tls.client_ca_file is None:
        said = f"{block.endpoint} is open to the network: anybody may send records"
        hint = "add auth: {authenticator: …}, or tls.client_ca_file"
    if said:
        _, taken, place = find(root, where)
        report.warning(place, where if len(taken) == len(where) else door.steps, said, hint)
