"""From results to the page docs/reliability.md."""

from __future__ import annotations

import statistics
from typing import Any

from tests.soak.common import SHOWN

TITLES = {
    "signals": "Signals",
    "crashes": "Crashes and hangs",
    "load": "Load",
    "stalls": "Costly requests",
    "fuzz": "Fuzzing",
    "smuggling": "Request smuggling",
    "access": "Who may do what",
}
INTRODUCTION = """# Reliability

What happens when processes are killed, clients vanish and requests are hostile, measured with real Jupyter, real vLLM
on a CPU and the tiny model of `tools/tiny_model.py`. `make soak` makes this page; `make soak ARGS="signals --repeat 1"`
runs one suite with smaller numbers. The suites are in `tests/soak/`, and each names the faults it provokes. A suite
that was run with fewer repetitions than the full number says so."""


def page(results: list[dict[str, Any]]) -> str:
    """The whole page.

    Args:
        results: One result per suite, as the runner writes them, in the order of the page.
    """
    parts = [INTRODUCTION, summary(results)]
    for result in results:
        parts += [f"## {TITLES[result['suite']]}", setting(result), checks_table(result["checks"])]
        parts += failures(result["checks"])
    return "\n\n".join(parts) + "\n"


def summary(results: list[dict[str, Any]]) -> str:
    """One line per suite."""
    lines = []
    for result in results:
        runs = sum(check["runs"] for check in result["checks"])
        failed = sum(check["failed"] for check in result["checks"])
        lines.append([TITLES[result["suite"]], result["date"], result["commit"], f"{runs:,}", f"{failed:,}"])
    return table(["suite", "date", "commit", "runs", "failed"], lines)


def setting(result: dict[str, Any]) -> str:
    """When, where and how often a suite was run."""
    repeat, full = result["repeat"], result["full"]
    amount = f"{repeat:,} {result['unit']}" + (f" (**the full number is {full:,}**)" if repeat < full else "")
    return f"{result['date']}, commit {result['commit']}, {result['machine']}: {amount}, in {result['seconds']:.0f} s."


def checks_table(checks: list[dict[str, Any]]) -> str:
    """What a suite checked, and how it went."""
    lines = [
        [
            check["name"],
            check["wanted"],
            f"{check['runs']:,}",
            f"**{check['failed']:,}**" if check["failed"] else "0",
            measured(check),
        ]
        for check in checks
    ]
    return table(["check", "wanted", "runs", "failed", "measured"], lines)


def measured(check: dict[str, Any]) -> str:
    """The median and the worst of a check's times, and its note."""
    seconds, parts = check["seconds"], []
    if seconds:
        parts.append(f"median {statistics.median(seconds):.2f} s, worst {max(seconds):.2f} s")
    return "; ".join([*parts, *([check["note"]] if check["note"] else [])])


def failures(checks: list[dict[str, Any]]) -> list[str]:
    """The first failures of a suite, as paragraphs."""
    found = [(check["name"], text) for check in checks for text in check["failures"][:SHOWN]]
    if not found:
        return []
    lines = (f"- {name}: {cell(text)[:300]}" for name, text in found)
    return ["The first failures of each check:", "\n".join(lines)]


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(map(cell, row)) + " |" for row in rows)


def cell(text: str) -> str:
    """A text that can stand in a table."""
    return " ".join(text.replace("|", "\\|").split())
