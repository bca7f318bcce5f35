"""How often the intervals cover the truth and how often equal settings are found to differ, by simulation.

``python -m tools.statistics_table`` writes its tables into docs/statistics.md; ``--quick`` prints them after a tenth
of the draws. The truth is that of the population which the items are drawn from. Everything is computed by what
`Results.cells` and `Results.compare` use.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oaikit.experiments.analysis.gaffke import p_values
from oaikit.experiments.analysis.statistics import means_of
from oaikit.experiments.columns import Kind
from tools.statistics_choices import CHOICES_HEAD, JUDGE_DRAWS, JUDGES_HEAD, choice_lines, judge_lines

Array = NDArray[np.float64]

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "statistics.md"
BEGIN, END = "<!-- make statistics: begin -->", "<!-- make statistics: end -->"
ITEMS: Final = (5, 10, 20, 50)
REPLICATES: Final = (1, 4)
RATES: Final = (0.02, 0.5, 0.9, 0.95, 0.99)
SIZES: Final = tuple(product(ITEMS, REPLICATES))
FULL_MARKS: Final = (0.0, 0.5, 0.9)
"""Shares of graded scores that are 1, as many of a judge's are."""
DRAWS: Final = 2_000
QUICK: Final = 200
SIGNIFICANT: Final = 0.05
"""A difference with a smaller p counts as found, and an interval leaves out what has one."""


@dataclass(frozen=True)
class World:
    """How items differ in the chance of a right answer.

    Attributes:
        correlation: of two answers to one item. 0: every item has the same chance. 1: each is either always answered
            right or always wrong.
        shared: whether what is hard for one setting is hard for the other.
    """

    correlation: float
    shared: bool

    def chances(
        self, shape: tuple[int, int], rates: tuple[float, ...], random: np.random.Generator
    ) -> list[Array]:
        """Each item's chance under each setting; their mean over all items that there could be is the rate."""
        place = random.random(shape)
        found = []
        for rate in rates:
            found.append(_chance(place, rate, self.correlation))
            place = place if self.shared else random.random(shape)
        return found


WORLDS: Final = (World(0, False), World(0.3, False), World(0.3, True), World(1, False), World(1, True))


def _chance(place: Array, rate: float, correlation: float) -> Array:
    """The quantile of the items' chances: a Beta distribution with the rate for its mean, or one of its limits."""
    if correlation == 0:
        return np.full(place.shape, rate)
    if correlation == 1:
        return (place < rate).astype(float)
    from scipy.stats import beta

    size = 1 / correlation - 1
    grid = np.linspace(0, 1, 2_001)  # its quantiles are slow to compute
    return np.asarray(np.interp(place, grid, beta.ppf(grid, rate * size, (1 - rate) * size)))


@dataclass(frozen=True)
class Row:
    """What was found for a number of items and replicates: the worst over all rates and worlds."""

    items: int
    replicates: int
    mean_covers: float
    difference_covers: float
    false_positives: float
    graded_covers: float
    graded_false_positives: float

    def __str__(self) -> str:
        shares = [self.mean_covers, self.difference_covers, self.false_positives]
        shares += [self.graded_covers, self.graded_false_positives]
        said = " | ".join(f"{100 * share:.1f} %" for share in shares)
        return f"| {self.items} | {self.replicates} | {said} |"


HEAD: Final = (
    "| items | replicates | mean: coverage | difference: coverage | false positives "
    "| graded difference: coverage | false positives |\n|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Case:
    """How many items are asked how often, and how many such sweeps are drawn."""

    items: int
    replicates: int
    draws: int
    random: np.random.Generator

    def answers(self, rates: tuple[float, ...], world: World) -> list[Array]:
        """The items' means under each setting (draws × items)."""
        chances = world.chances((self.draws, self.items), rates, self.random)
        return [self.random.binomial(self.replicates, chance) / self.replicates for chance in chances]

    def mean_covers(self, rate: float, world: World) -> float:
        """How often a cell's interval covers the true rate."""
        (means,) = self.answers((rate,), world)
        groups, names = np.divmod(np.arange(means.size), self.items)
        # The items' means are given, not the answers: they lie between 0 and 1.
        found = means_of(means.ravel(), names, groups, self.draws, kind="bounded")
        return float(((found.low <= rate) & (rate <= found.high)).mean())

    def difference_covers(self, rates: tuple[float, float], world: World) -> float:
        """How often the interval of a comparison covers the true difference."""
        a, b = self.answers(rates, world)
        return _covers(b - a, rates[1] - rates[0], "binary")

    def graded_covers(self) -> tuple[float, float]:
        """The same for scores between 0 and 1, of equal and of unequal settings, at the worst of several shapes."""
        equal, unequal = [], []
        for full in FULL_MARKS:
            a, b, better = (self._graded(share) for share in (full, full, (1 + full) / 2))
            equal.append(_covers(b - a, 0.0, "bounded"))
            unequal.append(_covers(better - a, (1 - full) / 2 * (1 - 4 / 6), "bounded"))
        return min(equal), min(unequal)

    def _graded(self, full: float) -> Array:
        """Items' means of scores of which a share is 1 and the others are Beta(4, 2), whose mean is 4/6."""
        shape = (self.draws, self.items, self.replicates)
        scores = self.random.beta(4, 2, shape)
        return np.asarray(np.where(self.random.random(shape) < full, 1.0, scores).mean(axis=2))


def rows(draws: int, seed: int = 1, sizes: Iterable[tuple[int, int]] = SIZES) -> Iterator[Row]:
    """A row for each number of items and of replicates."""
    for items, replicates in sizes:
        case = Case(items, replicates, draws, np.random.default_rng([seed, items, replicates]))
        pairs = list(combinations_with_replacement(RATES, 2))
        covers = {each: case.difference_covers(each[1], each[0]) for each in product(WORLDS, pairs)}
        alone = [world for world in WORLDS if not world.shared]
        equal, unequal = case.graded_covers()
        yield Row(
            items,
            replicates,
            min(case.mean_covers(rate, world) for world, rate in product(alone, RATES)),
            min(covers.values()),
            1 - min(share for (_, (a, b)), share in covers.items() if a == b),
            min(equal, unequal),
            1 - equal,
        )


def _covers(differences: Array, truth: float, kind: Kind) -> float:
    return float((p_values(differences, truth, kind=kind) >= SIGNIFICANT).mean())


def main() -> None:
    """Simulate, print, and write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK} draws of each case, and nothing is written"
    )
    quick = parser.parse_args().quick
    draws = QUICK if quick else DRAWS
    for place, head, lines in (
        ("", HEAD, map(str, rows(draws))),
        ("choices: ", CHOICES_HEAD, choice_lines(draws)),
        ("judges: ", JUDGES_HEAD, judge_lines(draws // JUDGE_DRAWS)),
    ):
        began = time.perf_counter()
        said = f"{draws // JUDGE_DRAWS if place == 'judges: ' else draws:,} draws of each case:\n\n{head}"
        print(said)
        for line in lines:
            print(line, flush=True)
            said += f"\n{line}"
        print(f"{time.perf_counter() - began:.0f} s")
        if not quick:
            _write(place, said)


def _write(place: str, said: str) -> None:
    """Put a table into the document, in place of the one that is there."""
    begin, end = (mark.replace("make statistics: ", f"make statistics: {place}") for mark in (BEGIN, END))
    text = DOCUMENT.read_text()
    before, after = text.split(begin)[0], text.split(end)[1]
    DOCUMENT.write_text(f"{before}{begin}\n{said}\n{end}{after}")


if __name__ == "__main__":
    main()
