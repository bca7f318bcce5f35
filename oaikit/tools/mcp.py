"""Tools of MCP servers (https://modelcontextprotocol.io), by the official client, beside functions of one's own."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import IO, TYPE_CHECKING, Any, Final

from oaikit._distribution import missing
from oaikit._loop import LoopThread
from oaikit.errors import InvalidRequestError, OAIKitError, ServerNotFoundError
from oaikit.tools.functions import Outcome

if TYPE_CHECKING:
    from mcp import Client

TIMEOUT_S: Final = 30.0
"""Seconds that a server may take to start and to list its tools."""
_LOOP = LoopThread("oaikit-mcp")
_LAST_WORDS: Final = 300  # characters of what a command that failed printed


def mcp(
    server: str | Sequence[str],
    *,
    prefix: str = "",
    env: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> MCPServer:
    """Connect to an MCP server: ``llm.chat("…", tools=[ok.mcp("npx -y some-server")])``.

    The server's tools are used as functions are, by `Backend.chat` and by the chat widget, which asks for approval
    before it calls one.

    Args:
        server: A command, which is started and spoken to over its standard input and output (a text, split as a shell
            would, or a list of words), or the URL of a server (Streamable HTTP).
        prefix: What is put before the tools' names, to tell servers apart.
        env: Environment variables for a command, besides the few that MCP passes on by itself.
        headers: HTTP headers for a URL, such as ``{"Authorization": "Bearer …"}``.
        timeout_s: Seconds that it may take to start and to list its tools.

    Raises:
        InvalidRequestError: The command is empty.
        ServerNotFoundError: The command cannot be started, or nothing answers at the URL.
        SettingError: The package ``mcp`` is not installed.
    """
    return MCPServer(server, prefix=prefix, env=env, headers=headers, timeout_s=timeout_s)


class MCPServer:
    """A connected MCP server and its tools; see `mcp`. `close`, or the end of a ``with`` block, ends a command."""

    def __init__(
        self,
        server: str | Sequence[str],
        *,
        prefix: str = "",
        env: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.name = server if isinstance(server, str) else shlex.join(server)
        self._errors: IO[bytes] | None = None  # what a command prints besides its answers
        self._http: Any = None  # the client of a URL with headers
        self._ready: Future[list[Any]] = Future()
        self._client: Client | None = None
        self._closing: asyncio.Event | None = None
        transport = self._transport(server, env, headers)
        self._life = _LOOP.submit(self._live(transport))
        try:
            listed = self._ready.result(timeout_s)
        except TimeoutError:
            error = self._not_found(f"it listed no tools within {timeout_s:g} s")
            self.close()
            raise error from None
        except BaseException:
            self.close()
            raise
        self._tools = [RemoteFunction(self, tool, prefix) for tool in listed]

    def functions(self) -> list[RemoteFunction]:
        """The server's tools, as a model may call them."""
        return list(self._tools)

    def close(self) -> None:
        """End the connection, and a command that was started for it."""
        closing = self._closing
        if closing is not None and not self._life.done():
            _LOOP.call(closing.set)
            self._life.exception(timeout=TIMEOUT_S)
        else:
            self._life.cancel()

    def __enter__(self) -> MCPServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"MCPServer({self.name!r}: {', '.join(tool.name for tool in self._tools)})"

    async def call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        """Call a tool by the name that the server has for it; whatever goes wrong is the outcome."""
        return await asyncio.wrap_future(_LOOP.submit(self._call(name, arguments)))

    async def _call(self, name: str, arguments: Mapping[str, Any]) -> Outcome:
        if self._client is None:
            return Outcome(f"the MCP server {self.name} is closed", failed=True)
        try:
            result = await self._client.call_tool(name, dict(arguments))
        except Exception as exc:
            return Outcome(f"{type(exc).__name__}: {exc}", failed=True)
        return Outcome(_text_of(result), failed=bool(result.is_error))

    async def _live(self, transport: Any) -> None:
        """The connection's whole life, in one task, as the client wants it."""
        from mcp import Client

        self._closing = asyncio.Event()
        try:
            async with Client(transport) as client:
                self._client = client
                self._ready.set_result(await _all_tools(client))
                await self._closing.wait()
        except Exception as exc:
            if not self._ready.done():
                self._ready.set_exception(self._not_found(_reason(exc)))
        finally:
            self._client = None
            if self._http is not None:
                await self._http.aclose()
            if self._errors is not None:
                self._errors.close()

    def _transport(
        self, server: str | Sequence[str], env: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> Any:
        try:
            from mcp.client.stdio import StdioServerParameters, stdio_client
            from mcp.client.streamable_http import streamable_http_client
            from mcp.shared._httpx_utils import create_mcp_http_client
        except ImportError as exc:
            raise missing("MCP servers need mcp", "mcp") from exc
        if isinstance(server, str) and re.match(r"https?://", server):
            # The transport closes only a client of its own making.
            self._http = create_mcp_http_client(headers=dict(headers)) if headers else None
            return streamable_http_client(server, http_client=self._http)
        words = shlex.split(server) if isinstance(server, str) else [str(word) for word in server]
        if not words:
            raise InvalidRequestError("the command of the MCP server is empty", param="server")
        started = StdioServerParameters(command=words[0], args=words[1:], env=dict(env) if env else None)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # `_live` closes it
        return stdio_client(started, errlog=self._errors)  # type: ignore[arg-type]  # only its number is used

    def _not_found(self, reason: str) -> OAIKitError:
        printed = ""
        if self._errors is not None:
            self._errors.seek(0)
            printed = self._errors.read().decode(errors="replace").strip()
        said = f"; it printed: …{printed[-_LAST_WORDS:]}" if printed else ""
        return ServerNotFoundError(f"the MCP server {self.name} does not answer: {reason}{said}")


class RemoteFunction:
    """A tool of an MCP server, with the attributes and methods of `Function`."""

    def __init__(self, server: MCPServer, tool: Any, prefix: str) -> None:
        self._server, self._remote_name = server, tool.name
        # OpenAI's API takes fewer characters than MCP.
        self.name = re.sub(r"[^A-Za-z0-9_-]", "_", prefix + tool.name)[:64]
        self.description = tool.description or tool.title or ""
        self.parameters: dict[str, Any] = {
            key: value for key, value in tool.input_schema.items() if key != "$schema"
        }

    def spec(self, *, strict: bool = False) -> dict[str, Any]:
        """As a request's ``tools`` have it; the server checks the arguments itself."""
        del strict
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}

    async def call(self, arguments: str) -> Outcome:
        """Call the tool with arguments in JSON, as the model wrote them; whatever goes wrong is the outcome."""
        try:
            given = json.loads(arguments.strip() or "{}")
        except ValueError as exc:
            return Outcome(f"The arguments are not JSON, and the tool was not called: {exc}", failed=True)
        if not isinstance(given, dict):
            return Outcome("The arguments are not an object, and the tool was not called.", failed=True)
        return await self._server.call(self._remote_name, given)


async def _all_tools(client: Client) -> list[Any]:
    page = await client.list_tools()
    tools = list(page.tools)
    while page.next_cursor:
        page = await client.list_tools(cursor=page.next_cursor)
        tools += page.tools
    return tools


def _text_of(result: Any) -> str:
    """A result for the model: its texts; of what is no text, what it is."""
    parts = [
        block.text
        if block.type == "text"
        else f"({block.type}: {getattr(block, 'mime_type', '') or 'content'})"
        for block in result.content
    ]
    if not parts and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return "\n".join(parts)


def _reason(exc: BaseException) -> str:
    """The first error of a group, in words."""
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return (exc.strerror if isinstance(exc, OSError) else None) or str(exc) or type(exc).__name__
