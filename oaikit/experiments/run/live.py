"""What a sweep shows while it runs: in a notebook a table of its cells, elsewhere a bar of tqdm's."""

from __future__ import annotations

import html
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from oaikit.experiments.run.execution import Execution, Prepared
from oaikit.experiments.run.runner import LOOP, Progress
from oaikit.experiments.store.database import Result
from oaikit.progress import in_kernel

EVERY_S: Final = 0.25
"""Between two updates."""
_FEWEST, _SHORTEST_S = 5, 1.0  # rows and seconds that an estimate rests on, at least
_CELLS: Final = 30  # rows of the table: more make the notebook slow, and nobody reads them

_WAITS: Final = 60  # characters of a line of the terminal


@dataclass
class CellCount:
    """How far a cell is, in executions."""

    total: int = 0
    done: int = 0
    failed: int = 0
    tokens: int = 0


class View(Protocol):
    """Something that shows how far a run is."""

    def update(self, progress: Progress, counts: dict[int, CellCount], prepared: Prepared) -> None:
        """Show it."""

    def close(self) -> None:
        """Nothing more will come."""


class TimeLeft:
    """How long a run will still take, by how fast answers have come since the first of them.

    Many requests are under way at once, so the first answers take as long as many later ones together: the time until
    then says nothing about the speed.
    """

    def __init__(self) -> None:
        self._first: tuple[int, float] | None = (
            None  # how many had come when some first had, and when (seconds)
        )

    def estimate(self, finished: int, total: int, now: float) -> float | None:
        """Seconds to the end; None where too few have come to tell.

        Args:
            finished: Rows that are done or failed.
            total: All rows.
            now: The time, seconds.
        """
        if not finished or finished >= total:
            return None
        if self._first is None:
            self._first = finished, now
        since, passed = finished - self._first[0], now - self._first[1]
        if since < _FEWEST or passed < _SHORTEST_S:
            return None
        return passed / since * (total - finished)


class Live:
    """Follows an execution. `tick` is called every `EVERY_S` by the thread that waits for it."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._view: View = NotebookView() if in_kernel() else TerminalView()
        self._cells: dict[str, set[int]] = defaultdict(set)
        self._counts: dict[int, CellCount] = {}

    def tick(self) -> None:
        """Take in what is new, and show it."""
        prepared = self._execution.prepared
        if prepared is None:
            return
        if not self._counts:
            self._begin(prepared)
        while self._execution.fresh:
            self._take(self._execution.fresh.popleft())
        self._view.update(self._execution.progress, self._counts, prepared)

    def close(self) -> None:
        """Show the end."""
        self.tick()
        self._view.close()

    def _begin(self, prepared: Prepared) -> None:
        self._counts = {cell: CellCount() for cell in range(len(prepared.spec.cells))}
        for asked in prepared.questions.asked:
            # A request that several items of a cell share counts once.
            if asked.cell not in self._cells[asked.request]:
                self._cells[asked.request].add(asked.cell)
                self._counts[asked.cell].total += asked.executions
        for name, replicates in prepared.had.items():
            for cell in self._cells[name]:
                self._counts[cell].done += len(replicates)

    def _take(self, result: Result) -> None:
        for cell in self._cells[result.request]:
            count = self._counts[cell]
            count.done += result.error is None
            count.failed += result.error is not None
            count.tokens += result.completion_tokens or 0


class TerminalView:
    """A bar, drawn on the sweep's loop.

    An interrupt hits the main thread, and one that hit it inside tqdm could leave tqdm's lock taken, which all bars of
    the process share: the next bar, whoever's it is, would wait for ever.
    """

    def __init__(self) -> None:
        self._bar: Any = None

    def update(self, progress: Progress, counts: dict[int, CellCount], prepared: Prepared) -> None:
        """Show it."""
        if not progress.total:
            return
        said = [f"{progress.failed} errors"] if progress.failed else []
        said += [_cut_off(progress)] if progress.truncated else []
        if progress.waits:
            said.append(progress.waits[:_WAITS])
        LOOP.call(self._draw, progress.total, progress.done + progress.failed, ", ".join(said))

    def close(self) -> None:
        """Leave the bar as it is."""
        LOOP.run(self._close())

    def _draw(self, total: int, done: int, said: str) -> None:
        if self._bar is None:
            from tqdm.std import tqdm

            self._bar = tqdm(total=total, unit="rows")
        self._bar.total, self._bar.n = total, done
        self._bar.set_postfix_str(said, refresh=True)

    async def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()


class NotebookView:
    """A table of the cells, in a display that is updated."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._shown = ""
        self._time_left = TimeLeft()

    def update(self, progress: Progress, counts: dict[int, CellCount], prepared: Prepared) -> None:
        """Show it."""
        from IPython.display import display

        left_s = self._time_left.estimate(progress.done + progress.failed, progress.total, time.monotonic())
        line = summary(progress, left_s)
        text = table(progress, counts, prepared.spec.axes, prepared.spec.cells, line)
        if text == self._shown:
            return
        self._shown = text
        bundle = {"text/html": text, "text/plain": line}
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)

    def close(self) -> None:
        """The table stays."""


def summary(progress: Progress, left_s: float | None = None) -> str:
    """A line: how much is done, how fast, how long it has taken and will take, and what it waits for."""
    finished = progress.done + progress.failed
    parts = [f"{finished} of {progress.total} rows"]
    if progress.failed:
        parts.append(f"{progress.failed} errors")
    if progress.truncated:
        parts.append(_cut_off(progress))
    if progress.seconds > 0 and progress.tokens:
        parts.append(f"{progress.tokens / progress.seconds:,.0f} tokens/s")
    if finished < progress.total:
        parts.append(f"{_clock(progress.seconds)} so far")
        if left_s is not None:
            parts.append(f"about {_clock(left_s)} left")
    if progress.waits:
        parts.append(progress.waits)
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    """Minutes and seconds, with hours where there are some."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _cut_off(progress: Progress) -> str:
    """How many answers are not whole."""
    return f"{progress.truncated} cut off at max_tokens"


def table(
    progress: Progress, counts: dict[int, CellCount], axes: Sequence[str], cells: Sequence[Any], line: str
) -> str:
    """A bar, the line of `summary`, and a row for each of the first cells, as HTML."""
    share = f'value="{progress.done + progress.failed}" max="{max(progress.total, 1)}"'
    head = "".join(f"<th>{html.escape(name)}</th>" for name in [*axes, "done", "errors", "tokens"])
    rows = "".join(_row(axes, cells[cell], count) for cell, count in list(counts.items())[:_CELLS])
    more = len(counts) - _CELLS
    rest = f"<p>and {more} more cells</p>" if more > 0 else ""
    return (
        f'<div role="status"><progress {share} style="width: 20em" aria-label="rows done"></progress> '
        f"{html.escape(line)}</div>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{rest}"
    )


def _row(axes: Sequence[str], cell: Any, count: CellCount) -> str:
    shown = ["–" if cell.get(axis) is None else str(cell[axis])[:40] for axis in axes]
    shown += [f"{count.done} of {count.total}", str(count.failed or ""), f"{count.tokens:,}"]
    return "<tr>" + "".join(f"<td>{html.escape(each)}</td>" for each in shown) + "</tr>"
