"""One cell of the benchmark: a contestant, a way of answering, a number of streams, for some seconds."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import load
from contestants import HOST, SERVED_MODEL_NAME, Contestant
from stats import percentile

HERE = Path(__file__).parent
MAX_TOKENS = 128  # per request
# Tornado's /api costs 1 to 2 ms of CPU: at 20 a second that slowed Jupyter by a measurable part.
PROBE_INTERVAL_S = 0.2
SETTLE_S = 0.5  # between cells
QUIET_CORES = (
    0.1  # what may be used by all but the measured server and its load; idle server and probe need 0.03
)
ATTEMPTS = 2  # at a pair of cells, until one is quiet
Row = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """What is asked of both contestants."""

    stream: bool
    concurrency: int

    @property
    def title(self) -> str:
        return f"{'streamed' if self.stream else 'plain'}, {self.concurrency} at once"


class Probe:
    """The probe process beside one contestant. A context manager; `samples` are there once it has ended."""

    def __init__(self, contestant: Contestant) -> None:
        self.samples: list[tuple[float, float]] = []  # start in perf_counter seconds, latency in ms
        target = [HOST, str(contestant.port), contestant.launch.probe_path, contestant.launch.token]
        self._command = [sys.executable, str(HERE / "probe.py"), *target, str(PROBE_INTERVAL_S)]

    def __enter__(self) -> Probe:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.samples = json.loads(self._process.communicate(timeout=60)[0])
        finally:
            self._process.kill()
            self._process.wait()

    def figures(self, start: float, end: float) -> dict[str, float]:
        """Percentiles in ms of the probes that started between two perf_counter times."""
        latency = [ms for at, ms in self.samples if start <= at <= end]
        return {
            "probe_count": len(latency),
            "probe_p50_ms": percentile(latency, 50),
            "probe_p99_ms": percentile(latency, 99),
            "probe_max_ms": max(latency, default=float("nan")),
        }


def run_load(contestant: Contestant, cell: Cell, requests: int, seed: int) -> Row:
    """Run the load generator to its end. Raises RuntimeError with its complaint when a response was wrong."""
    spec = load.Spec(
        host=HOST,
        port=contestant.port,
        path=contestant.launch.chat_path,
        token=contestant.launch.token,
        pid=contestant.pid,
        model=SERVED_MODEL_NAME,
        stream=cell.stream,
        concurrency=cell.concurrency,
        requests=requests,
        max_tokens=MAX_TOKENS,
        seed=seed,
    )
    command = [sys.executable, str(HERE / "load.py")]
    done = subprocess.run(command, input=json.dumps(asdict(spec)), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{contestant.name}, {cell.title}: the load failed:\n{done.stderr[-2000:]}")
    row: Row = json.loads(done.stdout)
    return row


def measure(contestant: Contestant, cell: Cell, requests: int, round_: int, attempt: int) -> Row:
    """One timed cell with the probe beside it. Cell, round and attempt choose the prompts, the contestant does not."""
    time.sleep(SETTLE_S)
    seed = (attempt * 1000 + round_) * 10_000 + cell.concurrency * 2 + cell.stream
    with Probe(contestant) as probe:
        row = run_load(contestant, cell, requests, seed)
    key = {
        "contestant": contestant.name,
        "round": round_,
        "stream": cell.stream,
        "concurrency": cell.concurrency,
    }
    return key | row | probe.figures(row["start"], row["end"])


def measure_pair(order: list[Contestant], cell: Cell, requests: int, round_: int) -> list[Row]:
    """A cell on both contestants, one right after the other; again when other programs used the machine."""
    for attempt in range(1, ATTEMPTS + 1):
        rows = [measure(contestant, cell, requests, round_, attempt) for contestant in order]
        if max(row["foreign_cores"] for row in rows) <= QUIET_CORES:
            break
    return [row | {"attempts": attempt} for row in rows]


def calibrate(contestants: list[Contestant], cell: Cell, seconds: float) -> int:
    """Warm both up on a cell; return how many requests fill about `seconds`, three waves at least."""
    requests = 2 * cell.concurrency
    rates = [
        run_load(contestant, cell, requests, seed=-cell.concurrency)["tokens_per_s"]
        for contestant in contestants
    ]
    waves = round(max(rates) * seconds / MAX_TOKENS / cell.concurrency)
    return cell.concurrency * max(3, int(waves))


def idle(contestant: Contestant, seconds: float) -> dict[str, float]:
    """What a loaded server that nobody asks costs, and how fast its probe is then."""
    before, start = load.cpu_s(contestant.pid), time.perf_counter()
    time.sleep(seconds)
    cores = (load.cpu_s(contestant.pid)[1] - before[1]) / (time.perf_counter() - start)
    with Probe(contestant) as probe:
        start = time.perf_counter()
        time.sleep(seconds)
        end = time.perf_counter()
    return {"idle_cores": cores, "boot_s": contestant.boot_s} | probe.figures(start, end)
