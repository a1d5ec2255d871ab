"""What to do about a request that got no answer, in one sentence for a person who does not know us."""

from __future__ import annotations

from typing import assert_never

from otelsiem.model.exchange import Failure


def advice(failure: Failure) -> str:
    """The first things to look at."""
    match failure.kind:
        case "resolve":
            return "check the spelling of the endpoint, and that this machine's DNS knows the name"
        case "connect":
            return "check the port, that the service is up, and that no firewall is between"
        case "timeout":
            return "a firewall may swallow the packets, or the service is overloaded; `timeout` is how long we wait"
        case "tls":
            return "check the `tls` block: `ca_file` for a private authority, `server_name_override` for another name"
        case "proxy":
            return "check `proxy_url`, its password, and whether the proxy lets us reach the endpoint"
        case "reset":
            return "the peer ended the connection: is it this service that listens there, and with or without TLS?"
        case "protocol":
            return "what listens there speaks another protocol: check the port and the scheme of the endpoint"
        case "oversize":
            return "what answers is not this service, or a page of a proxy in between: check the endpoint"
        case "credentials":
            return "look where our own credentials come from: the environment, a profile, the role of this machine"
        case "disk":
            return "check the path, its permissions and the room on the disk"
        case "missing":
            return "install it in the environment that otelsiem runs in; nothing was sent, the service is not at fault"
        case _:
            assert_never(failure.kind)
