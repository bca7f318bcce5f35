"""The load generator: a process of its own that keeps N keep-alive connections busy.

Reads one JSON spec (`Spec`) from stdin and writes one JSON result to stdout. While the clock runs it does nothing
but write prepared bytes, stamp reads and look for the end of a response; every response is parsed and checked
afterwards.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import psutil
import uvloop
from stats import percentile

WORDS = """
    river stone engine window paper garden winter signal copper market forest letter silver bridge thunder
    pocket lantern orchard voyage mirror canyon harbor velvet planet shadow ladder compass meadow anchor puzzle
""".split()  # noqa: SIM905
CONTENT = re.compile(rb'"content":\s*"(?!")')
END_OF_CHUNKS = b"\r\n0\r\n\r\n"


@dataclass(frozen=True)
class Spec:
    """One measurement: where to send, what, how much."""

    host: str
    port: int
    path: str
    token: str
    pid: int  # the serving process, whose CPU time is measured
    model: str
    stream: bool
    concurrency: int  # connections
    requests: int  # in all, shared by the connections
    max_tokens: int  # per request, exactly (ignore_eos)
    seed: int  # the same seed gives the same prompts


@dataclass
class Exchange:
    """One request and the raw bytes that came back. Times are perf_counter seconds."""

    max_tokens: int
    sent: float = 0.0
    first_content: float | None = None
    reads: list[float] = field(default_factory=list)
    parts: list[bytes] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """A keep-alive HTTP/1.1 connection that carries one request at a time."""

    def __init__(self) -> None:
        self.exchange: Exchange | None = None
        self.done: asyncio.Future[None] | None = None
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self.done and not self.done.done():
            got = b"".join(self.exchange.parts)[:500] if self.exchange else b""
            self.done.set_exception(
                ConnectionError(f"the server closed the connection ({exc}) after {got!r}")
            )

    def send(self, payload: bytes, exchange: Exchange) -> asyncio.Future[None]:
        """Write the request; the future resolves when its response is complete."""
        self.exchange, self.done = exchange, asyncio.get_running_loop().create_future()
        self._tail, self._missing = (
            b"",
            -1,
        )  # _missing: body bytes still to come; -1: head not read; -2: chunked
        exchange.sent = time.perf_counter()
        self.transport.write(payload)
        return self.done

    def data_received(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None or self.done is None or self.done.done():
            raise RuntimeError(f"data that no request asked for: {data[:200]!r}")
        now = time.perf_counter()
        exchange.reads.append(now)
        exchange.parts.append(data)
        if exchange.first_content is None and CONTENT.search(b"".join(exchange.parts)):
            exchange.first_content = now
        if self._missing == -1:
            data = self._read_head(b"".join(exchange.parts))
        if self._missing == -2:
            self._tail = (self._tail + data)[-len(END_OF_CHUNKS) :]
            finished = self._tail == END_OF_CHUNKS
        elif self._missing >= 0:
            self._missing -= len(data)
            finished = self._missing <= 0
        else:
            finished = False
        if finished:
            self.done.set_result(None)

    def _read_head(self, raw: bytes) -> bytes:
        """Find out how the body ends; return the part of the body that has come with the head."""
        head, separator, body = raw.partition(b"\r\n\r\n")
        if not separator:
            return b""
        head = head.lower()
        if b"\r\ncontent-encoding:" in head:
            raise RuntimeError(f"compressed responses are not measured: {head!r}")
        length = re.search(rb"\r\ncontent-length:\s*(\d+)", head)
        self._missing = int(length[1]) if length else -2
        return body


def request_bytes(spec: Spec, index: int, max_tokens: int) -> bytes:
    """One chat completion request with the headers that a stock OpenAI client sends."""
    rng = random.Random(f"{spec.seed}/{index}")
    body: dict[str, Any] = {
        "model": spec.model,
        "messages": [{"role": "user", "content": " ".join(rng.choices(WORDS, k=rng.randint(30, 60)))}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "ignore_eos": True,
    }
    if spec.stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    content = json.dumps(body).encode()
    head = (
        f"POST {spec.path} HTTP/1.1\r\nHost: {spec.host}:{spec.port}\r\n"
        f"Authorization: Bearer {spec.token}\r\n"
        "Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nContent-Type: application/json\r\n"
        f"User-Agent: AsyncOpenAI/Python\r\nConnection: keep-alive\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def prepare(spec: Spec) -> list[tuple[bytes, Exchange]]:
    """All requests. The first of connection k of N is shorter, k/N, so that arrivals spread out."""
    prepared = []
    for index in range(spec.requests):
        share = min(index + 1, spec.concurrency) / spec.concurrency
        max_tokens = max(1, round(spec.max_tokens * share))
        prepared.append((request_bytes(spec, index, max_tokens), Exchange(max_tokens)))
    return prepared


def cpu_s(pid: int) -> tuple[float, float]:
    """CPU seconds (user and system) so far: of the process itself, and with all its descendants."""
    process = psutil.Process(pid)
    times = [sum(p.cpu_times()[:2]) for p in [process, *process.children(recursive=True)]]
    return times[0], sum(times)


def machine_cpu_s() -> float:
    """CPU seconds so far that all cores were busy, stolen time included."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


async def worker(connection: Connection, work: Iterator[tuple[bytes, Exchange]]) -> None:
    """Take requests off the shared list until it is empty."""
    for payload, exchange in work:
        await connection.send(payload, exchange)


async def drive(spec: Spec) -> dict[str, Any]:
    """Run the load; return the exchanges and what the clocks said."""
    prepared = prepare(spec)
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(Connection, spec.host, spec.port))[1] for _ in range(spec.concurrency)
    ]
    work = iter(prepared)
    gc.collect()
    gc.disable()
    own, machine, server = time.process_time(), machine_cpu_s(), cpu_s(spec.pid)
    start = time.perf_counter()
    await asyncio.gather(*(worker(connection, work) for connection in connections))
    end = time.perf_counter()
    server_after, machine_after, own_after = cpu_s(spec.pid), machine_cpu_s(), time.process_time()
    for connection in connections:
        connection.transport.abort()
    return {
        "exchanges": [exchange for _, exchange in prepared],
        "start": start,
        "end": end,
        "process_cpu_s": server_after[0] - server[0],
        "tree_cpu_s": server_after[1] - server[1],
        "machine_cpu_s": machine_after - machine,
        "load_cpu_s": own_after - own,
    }


def body_of(exchange: Exchange) -> bytes:
    """The response's body with the chunk framing taken off. Raises ValueError unless the status is 200."""
    head, _, rest = b"".join(exchange.parts).partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise ValueError(f"{head.splitlines()[0]!r}: {rest[:500]!r}")
    if b"transfer-encoding: chunked" not in head.lower():
        return rest
    body = []
    while size := int((line := rest.partition(b"\r\n"))[0].split(b";")[0], 16):
        body.append(line[2][:size])
        rest = line[2][size + 2 :]
    return b"".join(body)


def usage_of(body: bytes, stream: bool) -> tuple[dict[str, Any], int]:
    """The response's usage, and how many SSE events carried content (0 when not streamed)."""
    if not stream:
        return json.loads(body)["usage"], 0
    if not body.endswith(b"data: [DONE]\n\n") or b'data: {"error"' in body:
        raise ValueError(f"the stream did not end well: {body[-500:]!r}")
    return json.loads(body.split(b"\n\n")[-3].removeprefix(b"data: "))["usage"], len(CONTENT.findall(body))


def summarise(spec: Spec, run: dict[str, Any]) -> dict[str, Any]:
    """Check every response and reduce the run to numbers (units in the names)."""
    exchanges: list[Exchange] = run.pop("exchanges")
    prompt_tokens = tokens = events = 0
    for exchange in exchanges:
        usage, seen = usage_of(body_of(exchange), spec.stream)
        if usage["completion_tokens"] != exchange.max_tokens:
            raise ValueError(f"asked for {exchange.max_tokens} tokens, got {usage}")
        prompt_tokens += usage["prompt_tokens"]
        tokens += usage["completion_tokens"]
        events += seen
    wall_s = run["end"] - run["start"]
    latency = [1e3 * (e.reads[-1] - e.sent) for e in exchanges if e.max_tokens == spec.max_tokens]
    result = run | {
        "wall_s": wall_s,
        "requests": len(exchanges),
        "prompt_tokens": prompt_tokens,
        "completion_tokens": tokens,
        "tokens_per_s": tokens / wall_s,
        "latency_p50_ms": percentile(latency, 50),
        "process_cpu_us_per_token": 1e6 * run["process_cpu_s"] / tokens,
        "tree_cpu_us_per_token": 1e6 * run["tree_cpu_s"] / tokens,
        "load_cores": run["load_cpu_s"] / wall_s,
        "foreign_cores": (run["machine_cpu_s"] - run["tree_cpu_s"] - run["load_cpu_s"]) / wall_s,
    }
    if spec.stream:
        result |= stream_figures(exchanges, tokens, events)
    return result


def stream_figures(exchanges: list[Exchange], tokens: int, events: int) -> dict[str, float]:
    """Time to first token, gaps between reads, and how finely the stream is cut."""
    ttft = [1e3 * ((e.first_content or e.reads[-1]) - e.sent) for e in exchanges]
    gaps = [1e3 * (b - a) for e in exchanges for a, b in pairwise(e.reads)]
    return {
        "ttft_p50_ms": percentile(ttft, 50),
        "ttft_p99_ms": percentile(ttft, 99),
        "gap_p99_ms": percentile(gaps, 99),
        "events_per_token": events / tokens,
    }


def main() -> None:
    """stdin: Spec as JSON; stdout: the result as JSON."""
    spec = Spec(**json.load(sys.stdin))
    # vLLM brings uvloop; the generator costs less CPU with it.
    json.dump(summarise(spec, uvloop.run(drive(spec))), sys.stdout)


if __name__ == "__main__":
    main()
