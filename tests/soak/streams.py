"""A streamed completion on a socket of its own, read on a thread of its own, or not read at all."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

from tests.harness import SERVED, Server, wait_until
from tests.soak.common import connect


def request_bytes(server: Server, path: str, body: dict[str, Any]) -> bytes:
    """A POST to a path under `oaikit/`, as it goes over the wire."""
    data = json.dumps(body).encode()
    lines = (
        f"POST {server.path}oaikit/{path} HTTP/1.1",
        f"Host: {server.url.split('/')[2]}",
        f"Authorization: Bearer {server.token}",
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + data


def open_completion(server: Server, *, receive_buffer: int | None = None, **more: Any) -> socket.socket:
    """Ask for a completion that does not end by itself. Nothing is read.

    Args:
        server: The server to ask.
        receive_buffer: Bytes that the kernel keeps for a client that does not read.
        more: More parameters of the request.
    """
    body = {"model": SERVED, "prompt": "The", "ignore_eos": True, "stream": True, "temperature": 0, **more}
    connection = connect(server, 60, receive_buffer)
    connection.sendall(request_bytes(server, "v1/completions", body))
    return connection


class Stream:
    """A stream that is read to its end."""

    def __init__(self, server: Server, **more: Any) -> None:
        self.data, self.ended_at = b"", 0.0
        self._connection = open_completion(server, **more)
        self._connection.settimeout(None)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        try:
            while piece := self._connection.recv(65536):
                self.data += piece
                if self.data.endswith(b"0\r\n\r\n"):
                    break
        except OSError:
            pass
        self.ended_at = time.monotonic()
        self._connection.close()

    def join(self, timeout: float) -> None:
        """Wait for its end."""
        self.thread.join(timeout)

    def status(self) -> int:
        """The answer's status; 0 if there is none."""
        return int(self.data[9:12]) if self.data.startswith(b"HTTP/1.1 ") else 0

    def events(self) -> list[str]:
        """What came in `data:` lines."""
        lines = self.data.decode(errors="replace").splitlines()
        return [line[6:] for line in lines if line.startswith("data: ")]

    def wait_for_events(self, count: int, timeout: float = 60) -> None:
        """Wait until so many have come."""
        wait_until(lambda: self.data.count(b"data: ") >= count or not self.thread.is_alive(), timeout)
        assert self.data.count(b"data: ") >= count, f"the stream ended: {self.data[-300:]!r}"

    def is_whole(self) -> bool:
        """Whether it came to its own end."""
        events = self.events()
        return bool(events) and events[-1] == "[DONE]" and not self.ended_with_an_error()

    def ended_with_an_error(self) -> bool:
        """Whether the last event but the end mark is an error, or the whole answer is one."""
        if self.status() >= 400:
            return b'"error"' in self.data
        events = self.events()
        return len(events) > 1 and events[-1] == "[DONE]" and "error" in json.loads(events[-2])

    def text(self) -> str:
        """The completion's text."""
        chunks = [json.loads(event) for event in self.events() if event != "[DONE]"]
        return "".join(choice["text"] for chunk in chunks for choice in chunk.get("choices", ()))
