"""``ok.assert_no_regression``: a test that one sweep is no worse than another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.comparisons import adjusted
from oaikit.experiments.analysis.results import Results
from oaikit.experiments.analysis.selection import Where
from oaikit.experiments.analysis.sweep_diff import BOTH, CHANGED, ONLY_A, SweepDiff, diff_sweeps

if TYPE_CHECKING:
    import pandas as pd

_SIGNIFICANT: Final = 0.05


def assert_no_regression(
    a: str | Path | Results,
    b: str | Path | Results,
    *,
    value: str | None = None,
    margin: float | None = None,
    lower_is_better: bool = False,
    complete: bool = True,
    where: Where = None,
) -> SweepDiff:
    """Fail if sweep b is worse than sweep a: ``ok.assert_no_regression("main.db", "branch.db", margin=0.02)``.

    Without ``margin`` it fails if b is *shown* to be worse, overall or in a cell (p < 0.05 after Holm's correction for
    all of these). That says little if there are few items. With ``margin`` it fails unless it is shown that b is *not*
    worse by more than that (non-inferiority): the 95 % interval of the overall difference must lie above ``-margin``.
    `power` says how many items that takes.

    Args:
        a: the sweep to hold on to: a store, whose last sweep is taken, or a `Sweep` or what `open_sweep` gives.
        b: the sweep to check.
        value: a score or metric that both have (default: the first score of a).
        margin: the greatest loss that is accepted, in units of the value.
        lower_is_better: as with ``latency``: a loss is a rise.
        complete: fail too if b lacks cells or items that a has, or has items of the same name that ask something else.
        where: the rows of both that count (see `selection.selected`).

    Returns:
        What changed, if nothing is worse.

    Raises:
        AssertionError: b is worse, has more rows that failed, or is not complete; with a table of what changed.
        InvalidRequestError: the sweeps can't be compared (see `diff_sweeps`), or the margin is below 0.
    """
    if margin is not None and not margin >= 0:
        raise InvalidRequestError(f"margin is a loss of at least 0, not {margin!r}", param="margin")
    found = diff_sweeps(a, b, value=value, where=where)
    problems = [*_incomplete(found)] if complete else []
    problems += [*_failed(found)]
    sign = -1.0 if lower_is_better else 1.0
    problems += [*_worse(found, sign)] if margin is None else [*_not_shown(found, sign, margin)]
    if problems:
        raise AssertionError("\n".join([*problems, "", str(found)]))
    return found


def _incomplete(found: SweepDiff) -> Iterator[str]:
    lost = int((found.cells["status"] == ONLY_A).sum())
    if lost:
        yield f"b lacks {lost} cells that a has"
    for status, said in (
        (ONLY_A, "b lacks {} items that a has"),
        (CHANGED, "{} items ask something else in b"),
    ):
        count = int((found.items["status"] == status).sum())
        if count:
            yield said.format(count)


def _failed(found: SweepDiff) -> Iterator[str]:
    both = found.cells[found.cells["status"] == BOTH]
    before, after = int(both["errors_a"].sum()), int(both["errors_b"].sum())
    if after > before:
        yield f"{after} rows of b failed, and {before} of a"


def _worse(found: SweepDiff, sign: float) -> Iterator[str]:
    """What is shown to be worse, all comparisons taken as one family."""
    if found.overall is None:
        yield "nothing can be compared: fewer than two items have values in both"
        return
    cells = found.cells[found.cells["status"] == BOTH]
    differences = [found.overall.difference]
    p = [found.overall.p]
    if len(cells) > 1:
        differences += cells["difference"].tolist()
        p += cells["p"].tolist()
    for place, (each, changed) in enumerate(zip(adjusted(np.array(p))[0], differences, strict=True)):
        if each < _SIGNIFICANT and sign * changed < 0:
            which = "overall" if place == 0 else f"at {_setting(cells, place - 1)}"
            yield f"{found.value} is worse in b {which}: {changed:+.4g} (p = {each:.3g}, by Holm)"


def _setting(cells: pd.DataFrame, row: int) -> str:
    axes = cells.columns[: cells.columns.get_loc("status")]
    return ", ".join(f"{axis}={cells[axis].iloc[row]}" for axis in axes)


def _not_shown(found: SweepDiff, sign: float, margin: float) -> Iterator[str]:
    """That a loss beyond the margin is not ruled out."""
    if found.overall is None:
        yield "nothing can be compared: fewer than two items have values in both"
        return
    low, high = found.overall.low, found.overall.high
    least = low if sign > 0 else -high
    if not least > -margin:
        shown = sign * (high if sign > 0 else low) < -margin
        why = "is worse by more than that" if shown else "may be worse by as much; more items would tell"
        yield f"a loss of {found.value} of more than {margin:g} is not ruled out: b {why} ({low:+.4g} to {high:+.4g})"
