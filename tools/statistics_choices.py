"""Simulations for docs/statistics.md: the best of several cells, all pairs of settings, and judges beside people.

`tools.statistics_table` writes them. Everything is computed by what `Results.best`, `Results.compare` and
`Judge.calibrate` use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oaikit.experiments.analysis.gaffke import CONFIDENCE, p_values
from oaikit.experiments.analysis.ppi import Verdicts, agreement, corrected_means
from oaikit.experiments.analysis.statistics import means_of

Array = NDArray[np.float64]

ITEMS: Final = (10, 20, 50)
CELLS: Final = (4, 16)
RATES: Final = (0.5, 0.9, 0.99)
"""Of all cells alike, which is where the winner's curse is worst."""
SETTINGS: Final = 5
"""Equal settings that all pairs are compared of: ten comparisons."""
VOTES: Final = (10, 20, 50, 100)
UNVOTED: Final = 10
"""Items without votes for each item with one."""
SHARES: Final = (0.02, 0.5, 0.9)
"""Of answers that people would say yes to."""
JUDGES: Final = ((0.95, 0.95), (0.8, 0.9), (0.6, 0.6))
"""How often a judge says yes where people do, and no where they do."""
JUDGE_DRAWS: Final = 4
"""There are so many times fewer draws of judges: Cohen's kappas are computed one by one."""

CHOICES_HEAD: Final = (
    "| items | cells | best cell: coverage | of its own interval | all pairs of 5: any false positive by Holm "
    "| uncorrected |\n|---|---|---|---|---|---|"
)
JUDGES_HEAD: Final = (
    "| items with votes | without | corrected mean: coverage | Cohen's kappa: coverage |\n|---|---|---|---|"
)


def choice_lines(draws: int, seed: int = 2, sizes: Iterable[tuple[int, int]] | None = None) -> Iterator[str]:
    """A row for each number of items and of cells: the worst over the rates."""
    for items, cells in sizes or product(ITEMS, CELLS):
        random = np.random.default_rng([seed, items, cells])
        best = [best_covers(items, cells, rate, draws, random) for rate in RATES]
        found = [false_findings(items, rate, draws, random) for rate in RATES]
        shares = [min(each[0] for each in best), min(each[1] for each in best)]
        shares += [max(each[0] for each in found), max(each[1] for each in found)]
        yield f"| {items} | {cells} | {' | '.join(_percent(share) for share in shares)} |"


def best_covers(
    items: int, cells: int, rate: float, draws: int, random: np.random.Generator
) -> tuple[float, float]:
    """How often the best cell's interval covers its rate: the one of `Results.best`, and the cell's own."""
    answers = (random.random((draws, cells, items)) < rate).astype(float)
    best = answers.mean(axis=2).argmax(axis=1)
    chosen = answers[np.arange(draws), best]
    groups, names = np.divmod(np.arange(chosen.size), items)
    shares = []
    for confidence in (1 - (1 - CONFIDENCE) / cells, CONFIDENCE):
        found = means_of(chosen.ravel(), names, groups, draws, kind="binary", confidence=confidence)
        shares.append(float(((found.low <= rate) & (rate <= found.high)).mean()))
    return shares[0], shares[1]


def false_findings(items: int, rate: float, draws: int, random: np.random.Generator) -> tuple[float, float]:
    """How often any pair of equal settings is found to differ: by Holm's p-values, and by those of the pairs.

    Holm finds something if and only if the least p is below the level divided by the number of pairs.
    """
    answers = (random.random((draws, SETTINGS, items)) < rate).astype(float)
    pairs = list(combinations(range(SETTINGS), 2))
    least = np.min([p_values(answers[:, b] - answers[:, a], 0.0) for a, b in pairs], axis=0)
    level = 1 - CONFIDENCE
    return float((least < level / len(pairs)).mean()), float((least < level).mean())


def judge_lines(draws: int, seed: int = 3, sizes: Iterable[int] = VOTES) -> Iterator[str]:
    """A row for each number of votes: the worst over shares and judges."""
    for votes in sizes:
        random = np.random.default_rng([seed, votes])
        cases = [
            judge_covers(votes, share, *judge, draws, random) for share, judge in product(SHARES, JUDGES)
        ]
        mean, kappa = (min(each[place] for each in cases) for place in (0, 1))
        yield f"| {votes} | {votes * UNVOTED} | {_percent(mean)} | {_percent(kappa)} |"


def judge_covers(
    votes: int, share: float, yes: float, no: float, draws: int, random: np.random.Generator
) -> tuple[float, float]:
    """How often the corrected mean's interval covers the share, and that of kappa its true value.

    Kappa has none where both say the same throughout, and such draws are left out.
    """
    chances = np.array([[(1 - share) * no, (1 - share) * (1 - no)], [share * (1 - yes), share * yes]])
    chance = chances.sum(axis=0) @ chances.sum(axis=1)
    true_kappa = (np.trace(chances) - chance) / (1 - chance)
    tables = random.multinomial(votes, chances.ravel(), draws)
    said_yes = random.binomial(votes * UNVOTED, chances[:, 1].sum(), draws)
    cells = []
    for table, count in zip(tables, said_yes, strict=True):
        unvoted = np.repeat([1.0, 0.0], [count, votes * UNVOTED - count])
        cells.append(Verdicts(*_verdicts(table), unvoted))
    covers = np.mean([each.low <= share <= each.high for each in corrected_means(cells)])
    kappas, times = [], []
    for table, count in zip(*np.unique(tables, axis=0, return_counts=True), strict=True):
        found = agreement(*_verdicts(table), np.arange(votes))
        if not np.isnan(found.kappa):
            kappas.append(found.kappa_low <= true_kappa <= found.kappa_high)
            times.append(count)
    return float(covers), float(np.average(kappas, weights=times)) if kappas else 1.0


def _verdicts(table: NDArray[np.int64]) -> tuple[Array, Array]:
    """The human verdicts and the judge's, from how often each pair of them occurs."""
    return np.repeat([0.0, 0.0, 1.0, 1.0], table), np.repeat([0.0, 1.0, 0.0, 1.0], table)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
