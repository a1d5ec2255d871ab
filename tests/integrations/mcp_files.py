"""An MCP server as a program: `python -m tests.integrations.mcp_files out.jsonl` speaks over its standard streams."""

from __future__ import annotations

import sys

from mcp.server.mcpserver import MCPServer

import otelsiem
from otelsiem import AuditLog
from otelsiem.integrations.mcp import audit_server


def made(log: AuditLog | None = None) -> MCPServer:
    server = MCPServer("files")

    @server.tool()
    def read_file(path: str) -> str:
        if log is not None:
            log.audit("file_read", message="within the tool")
        return f"content of {path}, which is nobody's business"

    @server.tool()
    def broken(path: str) -> str:
        raise KeyError(path)

    return server


if __name__ == "__main__":
    configured = otelsiem.configure(otelsiem.File(path=sys.argv[1]), service_name="files")
    audit_server(made(configured), actor=lambda _: {"actor": "u-7", "tenant": "acme"}).run()
