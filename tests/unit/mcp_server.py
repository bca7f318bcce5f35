"""A small MCP server for the tests: ``python mcp_server.py`` over stdio, with a port over HTTP."""

from __future__ import annotations

import os
import sys

from mcp.server import MCPServer

server = MCPServer("sums")


@server.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool(name="env.get")
def environment(name: str) -> str:
    """Look up an environment variable."""
    return os.environ.get(name, "nothing")


@server.tool()
def fail() -> str:
    """Never works."""
    raise ValueError("no luck")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
