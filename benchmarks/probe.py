"""The probe: GETs one small page every so often and times it, until its stdin is closed.

Arguments: host, port, path, token, interval in seconds. Writes a JSON list of [start in perf_counter s, latency in
ms]. A probe that is late because the one before it was slow counts from the time when it was due, or else a stall of
one second would be one bad sample instead of twenty ("coordinated omission").
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time


def get(connection: socket.socket, request: bytes) -> None:
    """One GET, read to the end of its body. Raises RuntimeError for anything but a 200 with a length."""
    connection.sendall(request)
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += receive(connection)
    head, _, body = raw.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length:\s*(\d+)", head.lower())
    if not head.startswith(b"HTTP/1.1 200") or length is None:
        raise RuntimeError(f"the probe got {raw[:500]!r}")
    while len(body) < int(length[1]):
        body += receive(connection)


def receive(connection: socket.socket) -> bytes:
    """Some bytes; a closed connection is an error."""
    data = connection.recv(65536)
    if not data:
        raise RuntimeError("the server closed the probe's connection")
    return data


def main() -> None:
    """Probe until stdin ends."""
    host, port, path, token, interval_s = sys.argv[1:]
    head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {token}\r\n"
    request = (head + "Accept: */*\r\nConnection: keep-alive\r\n\r\n").encode()
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    samples: list[tuple[float, float]] = []
    due = time.perf_counter()
    while not select.select([sys.stdin], [], [], max(0.0, due - time.perf_counter()))[0]:
        late = bool(samples) and sum(samples[-1]) > due
        start = due if late else time.perf_counter()
        get(connection, request)
        samples.append((start, time.perf_counter() - start))
        due += float(interval_s)
    json.dump([(start, 1e3 * latency) for start, latency in samples], sys.stdout)


if __name__ == "__main__":
    main()
