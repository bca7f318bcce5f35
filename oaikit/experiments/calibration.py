"""``ok.judge(…).calibrate(votes)``: how far a judge agrees with people, and means that allow for its errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import tables
from oaikit.experiments.analysis.ppi import Agreement, Verdicts, agreement, corrected_means
from oaikit.experiments.analysis.selection import By, Where, grouping, selected
from oaikit.experiments.analysis.summary import codes_of, group_codes, questions_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from oaikit.experiments.analysis.results import Results
    from oaikit.experiments.scoring.scorers import Judge

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

COLUMNS: Final = ("vote", "winner")
"""Where votes are looked for: the second one has a tuning table's stars."""


@dataclass(frozen=True)
class Calibration:
    """A judge beside human votes.

    Attributes:
        agreement: how far they agree.
        votes: the votes that were used, with the columns ``human`` and ``judged`` (numbers) and ``unit`` (equal for
            votes on one item).
        left_out: votes that could not be used: without an answer to judge, or with one that the judge said nothing of.
        judge: the judge.
    """

    agreement: Agreement
    votes: pd.DataFrame = field(repr=False)
    left_out: int
    judge: Judge = field(repr=False)

    def __str__(self) -> str:
        found = self.agreement
        return (
            f"{self.judge.name} agrees with {found.share:.0%} of {found.votes} votes on {found.items} items "
            f"[{found.low:.0%}, {found.high:.0%}]; Cohen's kappa {found.kappa:.2f} "
            f"[{found.kappa_low:.2f}, {found.kappa_high:.2f}]"
        )

    def correct(
        self, results: Results, *, where: Where = None, by: By = None, pooled: bool | None = None
    ) -> pd.DataFrame:
        """What people would say of the cells of a sweep that the judge has scored (see `ppi.corrected_means`).

        Votes on answers of this sweep (rows of `Results.df` with a column ``vote``) correct the cell that they are
        about; they must be on items drawn at random. Votes on other answers are pooled, on the assumption that the
        judge errs on the sweep's answers as it does on those.

        Args:
            results: the sweep.
            where: the rows that count (see `selection.selected`).
            by: columns that split the cells.
            pooled: take all votes for each cell (default: only if none is on an answer of this sweep).

        Returns:
            A row for each cell: the axes, the columns of ``by``, ``cell``, ``judged`` (the judge's mean), ``corrected``
            with its 95 % interval ``low`` and ``high`` (nan without votes), ``weight`` (see `ppi.Corrected`), ``votes``
            (items with votes), ``items`` (all items).

        Raises:
            InvalidRequestError: the sweep has no score by this judge.
        """
        name = self._score_of(results)
        df = results.df
        tables.check_rows(df)
        df = selected(df, where)
        split = grouping(df, by)
        score = df[name].to_numpy(dtype=float, na_value=np.nan)
        human = _human_of(df, self.votes)
        if pooled is None:
            pooled = bool(np.isnan(human).all())
        shown = [*df.attrs["axes"], *(each for each in split if each not in df.attrs["axes"])]
        groups = group_codes(df, ["cell", *split])
        questions = questions_of(df, groups)
        known = ~np.isnan(score)
        first = np.unique(groups, return_index=True)[1]
        cells: list[Verdicts] = []
        judged: list[Floats] = []
        for group in range(len(first)):
            rows = np.flatnonzero((groups == group) & known)
            cell, everything = _verdicts(
                score[rows], human[rows], questions[rows], codes_of(df["key"].iloc[rows])
            )
            cells.append(Verdicts(*_by_unit(self.votes), everything) if pooled else cell)
            judged.append(everything)
        found = corrected_means(cells, self.judge.bounds)
        table = df[[*shown, "cell"]].iloc[first].reset_index(drop=True)
        table.attrs = {}
        return table.assign(
            judged=[float(each.mean()) if len(each) else np.nan for each in judged],
            corrected=[each.mean for each in found],
            low=[each.low for each in found],
            high=[each.high for each in found],
            weight=[each.weight for each in found],
            votes=[len(cell.human) for cell in cells],
            items=[len(each) for each in judged],
        )

    def _score_of(self, results: Results) -> str:
        """What the judge's score is called in a sweep."""
        for each in results._spec().scorers:
            if each.identity == self.judge.identity:
                return str(each.name)
        raise InvalidRequestError(
            "the sweep has no score by this judge: give score=judge to it", param="results"
        )


def _verdicts(score: Floats, human: Floats, questions: Codes, keys: Codes) -> tuple[Verdicts, Floats]:
    """The items of one cell, and the judge's means of all of them; rows that show one execution are one answer."""
    if not len(score):
        return Verdicts(*[np.zeros(0)] * 3), np.zeros(0)
    once = np.unique(np.stack([questions, keys]), axis=1, return_index=True)[1]
    score, human = score[once], human[once]
    units = np.unique(questions[once], return_inverse=True)[1]
    everything = np.bincount(units, weights=score) / np.bincount(units)
    there = ~np.isnan(human)
    count = np.bincount(units[there], minlength=len(everything))
    voted = count > 0
    humans, judged = (
        np.bincount(units[there], weights=each[there], minlength=len(everything))[voted] / count[voted]
        for each in (human, score)
    )
    return Verdicts(humans, judged, everything[~voted]), everything


def _by_unit(votes: pd.DataFrame) -> tuple[Floats, Floats]:
    """The mean human verdict and the judge's on each item that was voted on."""
    means = votes.groupby("unit")[["human", "judged"]].mean()
    return means["human"].to_numpy(dtype=float), means["judged"].to_numpy(dtype=float)


def _human_of(df: pd.DataFrame, votes: pd.DataFrame) -> Floats:
    """The mean vote on each row's answer; nan where nobody voted on it."""
    found = np.full(len(df), np.nan)
    if not {"key", "item"} <= {*votes.columns}:
        return found
    known: dict[Any, list[float]] = {}
    for key, item, vote in zip(votes["key"], votes["item"], votes["human"], strict=True):
        known.setdefault((key, item), []).append(vote)
    for row, name in enumerate(zip(df["key"], df["item"], strict=True)):
        if name in known:
            found[row] = np.mean(known[name])
    return found


def calibrate(judge: Judge, votes: Any, *, column: str | None = None) -> Calibration:
    """Ask a judge about answers that people have voted on; see `Judge.calibrate`.

    Raises:
        InvalidRequestError: there are no votes, a column is missing, or a vote is none of the judge's answers.
        OAIKitError: the judge's server is not there.
    """
    table = _table(votes)
    column = _column(table, column)
    for name in ("text", *judge.reads):
        if name not in table.columns:
            raise InvalidRequestError(
                f"the votes have no column {name!r}, which the judge reads", param="votes"
            )
    given = table[table[column].notna()].reset_index(drop=True)
    used = given[given["text"].notna()].reset_index(drop=True)
    if used.empty:
        raise InvalidRequestError(f"there are no votes on answers in {column!r}", param="votes")
    used["human"] = [_verdict(judge, each, column) for each in used[column]]
    used["judged"] = _judged(judge, used)
    used = used[used["judged"].notna()].reset_index(drop=True)
    if used.empty:
        raise InvalidRequestError(
            "the judge gave none of its answers on any of the voted answers", param="votes"
        )
    used["unit"] = _items(used)
    human, judged = (used[name].to_numpy(dtype=float) for name in ("human", "judged"))
    found = agreement(human, judged, used["unit"].to_numpy(dtype=np.intp))
    return Calibration(found, used, len(given) - len(used), judge)


def _table(votes: Any) -> pd.DataFrame:
    import pandas as pd

    table = votes if isinstance(votes, pd.DataFrame) else getattr(votes, "df", votes)
    try:
        made = pd.DataFrame(table).reset_index(drop=True)
    except (TypeError, ValueError) as exc:
        raise InvalidRequestError(
            f"votes are a DataFrame or a TuningTable, not {votes!r}", param="votes"
        ) from exc
    made.attrs = {}
    return made


def _column(table: pd.DataFrame, column: str | None) -> str:
    names = COLUMNS if column is None else (column,)
    for name in names:
        if name in table.columns:
            return name
    there = ", ".join(map(str, table.columns))
    raise InvalidRequestError(
        f"the votes have no column {' or '.join(map(repr, names))}; there are {there}", param="votes"
    )


def _verdict(judge: Judge, vote: Any, column: str) -> float:
    """A vote as the number that the judge's answer of that name counts as, or that number itself."""
    if isinstance(vote, str):
        number = judge.score(vote)
    else:
        number = next((float(each) for each in judge.answers.values() if each == vote), None)
    if number is None:
        said = ", ".join(f"{name} ({score:g})" for name, score in judge.answers.items())
        raise InvalidRequestError(
            f"{column!r} has {vote!r}, which is none of the judge's answers: {said}", param="votes"
        )
    return float(number)


def _judged(judge: Judge, votes: pd.DataFrame) -> Sequence[float | None]:
    """The judge's scores: those that the votes have already under its name, else what it says now."""
    from oaikit.experiments.sweep import Sweep

    known: list[float | None] = [None] * len(votes)
    if judge.name in votes.columns and judge.name not in judge.reads:
        scores = votes[judge.name].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        known = [None if np.isnan(each) else float(each) for each in scores]
    asked = [place for place, score in enumerate(known) if score is None]
    if not asked:
        return known
    records = votes.iloc[asked].to_dict("records")
    prompts = [judge.messages({str(name): each for name, each in row.items()}) for row in records]
    answers = Sweep(judge.llm, prompts=prompts, **judge.sampling).run().df
    for item, text in zip(answers["item"], answers["text"], strict=True):
        known[asked[item]] = judge.score(text) if isinstance(text, str) else None
    return known


def _items(votes: pd.DataFrame) -> Codes:
    """Equal for votes on one item, or on one prompt; each vote by itself where neither is known."""
    if {"item", "prompt"} <= {*votes.columns}:
        return questions_of(votes, np.zeros(len(votes), dtype=np.intp))
    for name in ("item", "prompt"):
        if name in votes.columns:
            return codes_of(votes[name])
    return np.arange(len(votes), dtype=np.intp)
