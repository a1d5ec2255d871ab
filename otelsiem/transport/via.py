"""The HTTP proxy between us and a peer: a tunnel for https (CONNECT), absolute requests for http.

Guarantees: our credentials for the proxy go to the proxy alone; what the proxy refuses is told apart from what the
peer refuses, and says so; nothing is taken from the environment; no message shows the credentials.
"""

from __future__ import annotations

from base64 import b64encode

from otelsiem.model.proxy import proxy
from otelsiem.transport.call import Call, WireError
from otelsiem.transport.connection import Connection
from otelsiem.transport.head import request_head, request_lines
from otelsiem.transport.response import Response
from otelsiem.transport.target import Target

_LARGEST = 64 << 10  # bytes of a proxy's error page; a longer one is not worth the wait


class Via:
    """One proxy. Raises ValueError for what is no address of one."""

    def __init__(self, url: str) -> None:
        parts = proxy(url)
        self.host, self.port = parts.host, parts.port
        shown = f"[{parts.host}]" if ":" in parts.host else parts.host
        self.peer = f"the proxy {shown}:{parts.port}"
        self.headers: dict[str, str] = {}  # of every request that the proxy itself reads
        if parts.user is not None:
            known = b64encode(f"{parts.user}:{parts.password}".encode()).decode()  # RFC 7617 2
            self.headers["proxy-authorization"] = f"Basic {known}"

    def connect(self, connection: Connection, target: Target, call: Call) -> None:
        """Make the connection to the proxy one to the target (RFC 9110 9.3.6). Raises WireError."""
        connection.begin(call)
        lines = request_lines("CONNECT", target.peer, target.peer, tuple(self.headers.items()))
        connection.write(request_head(lines, "CONNECT", 0))
        response = Response(connection.read, call.peer, _LARGEST)
        status = response.head(bodiless=False).status
        if not 200 <= status < 300:
            raise self.refusal(status, target)
        if not response.over:
            raise WireError("protocol", f"{call.peer}: it says something before the peer can have")

    def refusal(self, status: int, target: Target) -> WireError:
        """The proxy's no to a tunnel, or to anything with a 407. Its 5xx is about the peer, and passes."""
        if status == 407:
            fix = "it does not accept" if self.headers else "it wants credentials:"
            return WireError("proxy", f"{self.peer}: {fix} user:password@ in proxy_url (HTTP 407)")
        if status >= 500 or status in (408, 429):
            return WireError("connect", f"{self.peer}: it cannot reach {target.peer} at the moment (HTTP {status})")
        return WireError("proxy", f"{self.peer}: it does not let us reach {target.peer} (HTTP {status})")
