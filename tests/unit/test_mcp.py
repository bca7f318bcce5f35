"""Tools of real MCP servers: one that is started, and one behind a URL."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError, ServerNotFoundError
from oaikit.tools.functions import Functions
from oaikit.tools.mcp import MCPServer
from tests.harness import wait_until
from tests.unit.test_chat_calls import Scripted, calls, running  # noqa: F401  (a fixture)

pytest.importorskip("mcp")
SCRIPT = Path(__file__).with_name("mcp_server.py")
COMMAND = [sys.executable, str(SCRIPT)]


@pytest.fixture(scope="module")
def server() -> Iterator[MCPServer]:
    with ok.mcp(COMMAND, env={"COLOUR": "green"}) as started:
        yield started


def test_the_tools_are_offered_with_their_schemas(server: MCPServer) -> None:
    functions = Functions([server])
    assert list(functions) == ["add", "env_get", "fail"]
    spec = functions["add"].spec(strict=True)["function"]
    assert spec["description"] == "Add two numbers."
    assert set(spec["parameters"]["properties"]) == {"a", "b"}
    assert "add, env_get, fail" in repr(server)


@pytest.mark.parametrize(
    ("name", "arguments", "text", "failed"),
    [
        ("add", '{"a": 2, "b": 3}', "5", False),
        ("env_get", '{"name": "COLOUR"}', "green", False),
        ("fail", "{}", "fail", True),
        ("add", '{"a": "x"}', "b", True),
        ("add", "[1, 2]", "not an object", True),
        ("add", "{", "not JSON", True),
    ],
)
def test_a_call_is_made_and_whatever_goes_wrong_is_told(
    server: MCPServer, name: str, arguments: str, text: str, failed: bool
) -> None:
    outcome = asyncio.run(Functions([server]).call(name, arguments))
    assert text in outcome.text
    assert outcome.failed is failed


def test_a_chat_runs_them_beside_functions(server: MCPServer, running: Scripted) -> None:  # noqa: F811
    def double(a: int) -> int:
        """Double a number."""
        return 2 * a

    llm = running.llm(calls(("add", '{"a": 2, "b": 3}'), ("double", '{"a": 4}')), {"content": "done"})
    reply = llm.chat("?", tools=[server, double])
    assert [(call.name, call.result) for call in reply.calls] == [("add", "5"), ("double", "8")]
    llm = running.llm(calls(("add", '{"a": 1, "b": 1}')), {"content": "done"})
    assert llm.chat("?", tools=server, approve=lambda name, arguments: False).calls[0].failed


def test_names_that_two_servers_share_need_a_prefix(server: MCPServer) -> None:
    with pytest.raises(InvalidRequestError, match="two tools have the name add"):
        Functions([server, server])
    with ok.mcp(COMMAND, prefix="other_") as other:
        assert "other_add" in Functions([server, other])


def test_closing_ends_the_command() -> None:
    def children() -> list[psutil.Process]:
        return [each for each in psutil.Process().children() if str(SCRIPT) in " ".join(each.cmdline())]

    before = {each.pid for each in children()}
    server = ok.mcp(" ".join(COMMAND))
    (started,) = [each for each in children() if each.pid not in before]
    server.close()
    started.wait(10)
    outcome = asyncio.run(Functions([server]).call("add", '{"a": 1, "b": 1}'))
    assert "is closed" in outcome.text


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_server_behind_a_url() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*COMMAND, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), 30)
        with ok.mcp(f"http://127.0.0.1:{port}/mcp", headers={"X-Test": "1"}) as server:
            assert asyncio.run(Functions([server]).call("add", '{"a": 2, "b": 2}')).text == "4"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("no-such-command --really", "does not answer"),
        (f"{sys.executable} -c 'raise SystemExit(\"broken setup\")'", "broken setup"),
        ("http://127.0.0.1:9/mcp", "does not answer"),
    ],
)
def test_a_server_that_is_not_there_says_so(command: str, said: str) -> None:
    with pytest.raises(ServerNotFoundError, match=said):
        ok.mcp(command)
    with pytest.raises(InvalidRequestError, match="empty"):
        ok.mcp(" ")
