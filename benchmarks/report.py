"""From rows to Markdown: medians over rounds with range, ratios paired by round, targets met or missed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from cells import QUIET_CORES, Cell, Row
from stats import Spread

WHY = "[Where oaikit falls short, and why](../benchmarks/README.md#where-oaikit-falls-short-of-vllms-server-and-why)."


@dataclass(frozen=True)
class Target:
    """A promise: a figure of oaikit (or its ratio to vLLM's) in one cell, and the bound that it has to keep."""

    text: str
    metric: str
    cell: Cell
    bound: float
    at_least: bool
    ratio: bool = True

    def verdict(self, spread: Spread) -> str:
        """`met` or `missed`, by how much of the bound, and in how many rounds."""
        margin = (spread.median - self.bound) / self.bound * (1 if self.at_least else -1)
        kept = sum(v >= self.bound if self.at_least else v <= self.bound for v in spread.values)
        word = "met" if margin >= 0 else "**missed**"
        return f"{word} by {abs(margin):.1%} (kept in {kept} of {len(spread.values)} rounds)"


TARGETS = [
    *(
        Target(f"throughput ratio, {cell.title}", "tokens_per_s", cell, bound, at_least=True)
        for concurrency, bound in ((1, 0.95), (16, 1.0), (64, 1.0))
        for cell in (Cell(True, concurrency), Cell(False, concurrency))
    ),
    *(
        Target(f"TTFT p50 ratio, {cell.title}", "ttft_p50_ms", cell, 1.1, at_least=False)
        for cell in (Cell(True, 1), Cell(True, 16), Cell(True, 64))
    ),
    Target(
        "Jupyter's /api p99 in ms, streamed, 64 at once",
        "probe_p99_ms",
        Cell(True, 64),
        30,
        False,
        ratio=False,
    ),
]


class Results:
    """The rows of one benchmark, by cell and contestant."""

    def __init__(self, rows: list[Row], contestants: list[str]) -> None:
        self.rows, self.contestants = rows, contestants
        self.cells = list(dict.fromkeys(Cell(row["stream"], row["concurrency"]) for row in rows))

    def values(self, contestant: str, cell: Cell, metric: str) -> tuple[float, ...]:
        """A metric's value in each round."""
        key = (contestant, cell.stream, cell.concurrency)
        chosen = (row for row in self.rows if (row["contestant"], row["stream"], row["concurrency"]) == key)
        return tuple(row[metric] for row in sorted(chosen, key=lambda row: row["round"]))

    def spread(self, contestant: str, cell: Cell, metric: str) -> Spread:
        return Spread(self.values(contestant, cell, metric))

    def ratio(self, cell: Cell, metric: str) -> Spread:
        """First contestant over second, round by round."""
        first, second = (self.values(name, cell, metric) for name in self.contestants)
        return Spread(tuple(a / b for a, b in zip(first, second, strict=False) if b))


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    head = list(head)
    rows = [head, ["---", *["---:"] * (len(head) - 1)], *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def comparison(results: Results, cells: list[Cell], metric: str, digits: int) -> str:
    """One metric: both contestants and their ratio, a line per cell."""
    first, second = results.contestants
    lines = []
    for cell in cells:
        figures = [results.spread(name, cell, metric).text(digits) for name in (first, second)]
        lines.append([cell.title, *figures, results.ratio(cell, metric).text(3)])
    return table(["", first, second, f"{first} / {second}"], lines)


def probes(results: Results, cells: list[Cell], idle: dict[str, dict[str, float]]) -> str:
    """The probe's p50, p99 and worst in ms, idle and under load."""
    lines = []
    for name in results.contestants:
        quiet = [f"{idle[name][f'probe_{figure}_ms']:.1f}" for figure in ("p50", "p99", "max")]
        lines.append([f"{name}, idle", *quiet])
        for cell in cells:
            p50, p99 = (results.spread(name, cell, f"probe_{figure}_ms").text(1) for figure in ("p50", "p99"))
            worst = max(results.values(name, cell, "probe_max_ms"))
            lines.append([f"{name}, {cell.title}", p50, p99, f"{worst:.1f}"])
    return table(["", "p50 (ms)", "p99 (ms)", "worst of all rounds (ms)"], lines)


def targets(results: Results) -> str:
    """Each target that was measured: what came out, met or missed."""
    lines = []
    for target in TARGETS:
        if target.cell not in results.cells:
            continue
        own = results.spread(results.contestants[0], target.cell, target.metric)
        spread = results.ratio(target.cell, target.metric) if target.ratio else own
        bound = f"{'≥' if target.at_least else '≤'} {target.bound:g}"
        lines.append([target.text, bound, spread.text(3 if target.ratio else 1), target.verdict(spread)])
    return table(["target", "bound", "measured", "verdict"], lines)


def noise_floor(results: Results) -> str:
    """Both contestants are the same server, so every departure of a ratio from 1 is noise."""
    lines = []
    for metric in (
        "tokens_per_s",
        "ttft_p50_ms",
        "process_cpu_us_per_token",
        "tree_cpu_us_per_token",
        "probe_p99_ms",
    ):
        cells = [cell for cell in results.cells if cell.stream or not metric.startswith("ttft")]
        ratios = [results.ratio(cell, metric) for cell in cells]
        if not ratios:
            continue
        median = max(abs(ratio.median - 1) for ratio in ratios)
        single = max(abs(value - 1) for ratio in ratios for value in ratio.values)
        lines.append([metric, f"{median:.1%}", f"{single:.1%}"])
    return table(["metric", "median ratio off 1 by at most", "ratio of one round off 1 by at most"], lines)


def notes(results: Results, meta: dict[str, Any]) -> str:
    """What may have disturbed the figures."""
    rows, idle = results.rows, meta["idle"]
    load = Spread(tuple(row["load_cores"] for row in rows))
    foreign = Spread(tuple(row["foreign_cores"] for row in rows))
    loud = sum(row["foreign_cores"] > QUIET_CORES for row in rows)
    lengths = [row["prompt_tokens"] / row["requests"] for row in rows]
    lines = [
        f"The load generator used {load.text(3)} of a core; everything else that is not the measured server "
        f"(the probe, the idle server, other programs) {foreign.text(3)}."
        + (f" **{loud} of {len(rows)} cells ran while the machine was not quiet.**" if loud else ""),
        f"Prompts had {min(lengths):.0f} to {max(lengths):.0f} tokens in the mean of a cell; every response had "
        "the number of tokens that was asked for, checked by its `usage`.",
    ]
    for name in results.contestants:
        events = [row["events_per_token"] for row in rows if row["stream"] and row["contestant"] == name]
        cut = f"; streams carry {Spread(tuple(events)).text(3)} content events per token" if events else ""
        boot_s, cores = idle[name]["boot_s"], idle[name]["idle_cores"]
        lines.append(f"{name}: ready after {boot_s:.0f} s, {cores:.3f} cores when idle{cut}.")
    again = sum(row["attempts"] - 1 for row in rows) // 2
    if again:
        lines.append(f"{again} pairs were measured again because other programs used the machine.")
    return "\n".join(f"- {line}" for line in lines)


def setting(meta: dict[str, Any]) -> str:
    """Where and how it was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in meta["versions"].items())
    return "\n".join(
        f"- {line}"
        for line in (
            f"{meta['date']}, {meta['cpu']}, {meta['cores']} cores, {meta['memory_gib']:.0f} GiB",
            versions,
            f"model: {meta['model']}, {meta['max_tokens']} tokens per response; "
            f"engine arguments of both: `{json.dumps(meta['engine_args'])}`",
            f"`{meta['command']}`, {meta['rounds']} rounds on {meta['boots']} starts of both, "
            f"{meta['minutes']:.0f} minutes",
        )
    )


def markdown(results: Results, meta: dict[str, Any]) -> str:
    """The whole report."""
    streamed = [cell for cell in results.cells if cell.stream]
    same = len({name.split("-")[0] for name in results.contestants}) == 1
    parts = ["# Serving benchmark", setting(meta)]
    if same:
        parts += ["## Noise floor", noise_floor(results)]
    elif results.contestants[0] == "oaikit":
        parts += ["## Targets", targets(results), WHY]
    parts += [
        "Figures are medians over the rounds (lowest–highest); ratios are taken round by round and then "
        "reduced in the same way.",
        "## Throughput (completion tokens per second)",
        comparison(results, results.cells, "tokens_per_s", 0),
    ]
    if streamed:
        parts += ["## Time to first token, p50 (ms)", comparison(results, streamed, "ttft_p50_ms", 1)]
        parts += ["## Time to first token, p99 (ms)", comparison(results, streamed, "ttft_p99_ms", 1)]
        parts += [
            "## Gap between two reads of a stream, p99 (ms)",
            comparison(results, streamed, "gap_p99_ms", 1),
        ]
    parts += [
        "## CPU of the serving process, without the engine's processes (µs per token)",
        comparison(results, results.cells, "process_cpu_us_per_token", 1),
        "## CPU of the server with the engine's processes, which spin while they wait (µs per token)",
        comparison(results, results.cells, "tree_cpu_us_per_token", 1),
        "## Latency of a small page meanwhile (`/api` of Jupyter, `/health` of vLLM)",
        probes(results, results.cells, meta["idle"]),
        "## Notes",
        notes(results, meta),
    ]
    return "\n\n".join(parts) + "\n"
