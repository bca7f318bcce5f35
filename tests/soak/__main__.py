"""The long suites that are not part of `make test`: `python -m tests.soak [SUITE[=N] …] [--write PAGE]`.

Each runs real Jupyter servers and, but for `access`, real vLLM engines for minutes, and writes what it found to a JSON
file. The page is made of all files that are there, so that suites can be run one by one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.soak import access, crashes, fuzz, load, signals, smuggling, stalls, sweeps
from tests.soak.common import SHOWN, Check, Ground, cores, cpu_model
from tests.soak.report import page

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Suite:
    """A suite, how often it repeats its primary part by default, and what that part is."""

    run: Callable[[Ground, int], Iterator[Check]]
    repeat: int
    unit: str


SUITES = {
    "signals": Suite(signals.run, 5, "runs of each signal in each situation"),
    "crashes": Suite(crashes.run, 10, "kills"),
    "load": Suite(load.run, 40, "batches of 50 disconnects"),
    "stalls": Suite(stalls.run, 3, "shutdowns, and each costly request once"),
    "fuzz": Suite(fuzz.run, 5000, "bodies"),
    "smuggling": Suite(smuggling.run, 1, "passes over the corpus"),
    "access": Suite(access.run, 1, "passes over the matrix"),
    "sweeps": Suite(sweeps.run, sweeps.FULL, "kills"),
}


def arguments() -> argparse.Namespace:
    units = "; ".join(f"{name}: {suite.repeat} {suite.unit}" for name, suite in SUITES.items())
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "suites",
        nargs="*",
        metavar="SUITE",
        help=f"of {', '.join(SUITES)}; default: all. With =N: N repetitions",
    )
    parser.add_argument(
        "--repeat", type=int, metavar="N", help=f"for suites without =N, instead of the full number ({units})"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "soak", help="folder of the results")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="render all results into this page")
    parser.add_argument("--render", action="store_true", help="run nothing; only render")
    args = parser.parse_args()
    try:
        args.suites = dict(wanted(text, args.repeat) for text in args.suites or SUITES)
    except (KeyError, ValueError):
        parser.error(f"suites are {', '.join(SUITES)}, each with =N or without, and N is at least 1")
    return args


def wanted(text: str, repeat: int | None) -> tuple[str, int]:
    """A suite's name and how often it repeats its primary part, from `SUITE` or `SUITE=N`.

    Raises:
        KeyError: There is no such suite.
        ValueError: N is no number, or less than 1.
    """
    name, _, number = text.partition("=")
    count = int(number) if number else repeat or SUITES[name].repeat
    if count < 1:
        raise ValueError(text)
    if name not in SUITES:
        raise KeyError(name)
    return name, count


def commit() -> str:
    """The commit that is checked out, marked when the product's files differ from it."""

    def git(*command: str) -> str:
        done = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = git("status", "--porcelain", "--", "oaikit", "server_ext")
    return git("rev-parse", "--short", "HEAD") + (" with local changes" if changed else "")


def show(check: Check) -> None:
    """Print what came of a check."""
    print(f"  {check.name}: {check.failed} of {check.runs} failed; {check.measured()}", flush=True)
    for failure in check.failures[:SHOWN]:
        print(f"    {failure}", flush=True)


def run_suite(name: str, suite: Suite, ground: Ground, repeat: int, out: Path) -> bool:
    """Run one suite and write its results. Returns whether nothing failed."""
    print(f"{name}: {repeat} {suite.unit}", flush=True)
    began, date, revision = time.monotonic(), datetime.now(UTC), commit()
    checks: list[Check] = []

    def save() -> None:
        result = {
            "suite": name,
            "date": date.strftime("%Y-%m-%d %H:%M UTC"),
            "commit": revision,
            "machine": f"{cpu_model()}, {cores()} cores",
            "repeat": repeat,
            "full": suite.repeat,
            "unit": suite.unit,
            "seconds": round(time.monotonic() - began, 1),
            "checks": [check.as_dict() for check in checks],
        }
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")

    try:
        for check in suite.run(ground, repeat):
            checks.append(check)
            show(check)
            save()  # what a run that is cut off has done is kept
    except Exception as exc:
        traceback.print_exc()
        whole = Check("the suite itself", "runs to its end")
        whole.record(f"{type(exc).__name__}: {exc}")
        checks.append(whole)
    save()
    return not any(check.failed for check in checks)


def main() -> None:
    args = arguments()
    # A shell's background jobs ignore these, and so would the servers that are started here.
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    good, ground = True, Ground()
    try:
        for name, repeat in {}.items() if args.render else args.suites.items():
            good &= run_suite(name, SUITES[name], ground, repeat, args.out)
    finally:
        ground.close()
    if args.write:
        files = {path.stem: json.loads(path.read_text()) for path in args.out.glob("*.json")}
        args.write.write_text(page([files[name] for name in SUITES if name in files]))
    sys.stdout.flush()
    sys.exit(os.EX_OK if good else 1)


if __name__ == "__main__":
    main()
