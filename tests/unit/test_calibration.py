"""Judges beside human votes: agreement, and means without the judge's errors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.ppi import Corrected, Verdicts, agreement, corrected_means
from oaikit.experiments.analysis.results import Results
from oaikit.experiments.analysis.statistics import mean_of
from oaikit.experiments.calibration import calibrate
from oaikit.experiments.design.space import grid
from oaikit.experiments.scoring.scorers import Judge
from tests.unit.test_experiments_figures import swept

JUDGE = ok.judge("Is it kind?", ok.connect("http://localhost:1/v1", model="m"), name="kind")


def rated(both: int, first: int, second: int, neither: int) -> tuple[Any, Any]:
    """Verdicts of two raters: yes of both, of the first alone, of the second alone, of neither."""
    one = np.array([1.0] * (both + first) + [0.0] * (second + neither))
    two = np.array([1.0] * both + [0.0] * first + [1.0] * second + [0.0] * neither)
    return one, two


# -- agreement ---------------------------------------------------------------------------------------------------------


def test_kappa_is_the_published_one() -> None:
    """The worked example of Wikipedia's article on Cohen's kappa: two readers of 50 proposals."""
    one, two = rated(20, 5, 10, 15)
    found = agreement(one, two, np.arange(50))
    assert found.kappa == pytest.approx(0.4)
    assert found.share == pytest.approx(0.7)
    assert found.kappa_low < 0.4 < found.kappa_high
    share = mean_of(one == two, range(50))
    assert (found.low, found.high) == pytest.approx((share.low, share.high))
    assert found.kappa_low == pytest.approx((share.low - 0.5) / 0.5)


def test_raters_that_always_agree_are_not_sure_to_do_so_for_ever() -> None:
    one, two = rated(5, 0, 0, 5)
    found = agreement(one, two, np.arange(10))
    assert (found.kappa, found.kappa_high) == (1, 1)
    assert found.kappa_low < 0.5
    assert math.isnan(agreement(*rated(5, 0, 0, 0), np.arange(5)).kappa)


def test_votes_on_one_item_are_one_unit() -> None:
    one, two = rated(20, 5, 10, 15)
    items = np.arange(50)
    often = agreement(np.tile(one, 4), np.tile(two, 4), np.tile(items, 4))
    once = agreement(one, two, items)
    assert (often.kappa, often.kappa_low, often.kappa_high) == pytest.approx(
        (once.kappa, once.kappa_low, once.kappa_high)
    )
    assert (often.votes, often.items) == (200, 50)


def corrected_mean(human: Any, judged: Any, unvoted: Any) -> Corrected:
    return corrected_means([Verdicts(human, judged, unvoted)])[0]


# -- corrected means ---------------------------------------------------------------------------------------------------


def test_the_estimate_is_that_of_ppi_plus_plus() -> None:
    random = np.random.default_rng(0)
    human = random.integers(0, 2, 40).astype(float)
    judged = np.where(random.random(40) < 0.8, human, 1 - human)
    rest = random.integers(0, 2, 400).astype(float)
    found = corrected_mean(human, judged, rest)
    variance = np.concatenate([judged, rest]).var(ddof=1)
    weight = np.cov(human, judged)[0, 1] / ((1 + 40 / 400) * variance)
    assert found.weight == pytest.approx(weight)
    assert found.mean == pytest.approx(weight * rest.mean() + (human - weight * judged).mean())
    assert 0 < found.low < found.mean < found.high < 1


def test_a_judge_that_says_nothing_leaves_the_votes() -> None:
    human = np.array([1.0, 0, 1, 1, 0, 1, 1, 1])
    plain = mean_of(human, range(8))
    for judged, rest in ((np.ones(8), np.ones(100)), (human, np.zeros(0))):
        found = corrected_mean(human, judged, rest)
        assert (found.weight, found.mean) == (0, 0.75)
        assert (found.low, found.high) == pytest.approx((plain.low, plain.high))
    assert math.isnan(corrected_mean(np.zeros(0), np.zeros(0), np.ones(3)).mean)


def test_a_judge_that_is_always_right_makes_the_interval_narrower() -> None:
    human = np.array([1.0, 0] * 50)
    found, plain = corrected_mean(human, human, np.array([1.0, 0] * 1000)), mean_of(human, range(100))
    assert found.high - found.low < 0.5 * (plain.high - plain.low)


def test_many_cells_at_once_are_each_as_alone() -> None:
    random = np.random.default_rng(3)
    cells = [
        Verdicts(*(random.integers(0, 2, count).astype(float) for count in (n, n, 3 * n)))
        for n in (0, 1, 7, 20)
    ]
    together = corrected_means(cells)
    for cell, found in zip(cells, together, strict=True):
        alone = corrected_means([cell])[0]
        assert (found.mean, found.low, found.high) == pytest.approx(
            (alone.mean, alone.low, alone.high), nan_ok=True
        )


# -- sweeps ------------------------------------------------------------------------------------------------------------

ITEMS = 400
DATA = pd.DataFrame(
    {"question": [str(number) for number in range(ITEMS)], "topic": ["p", "q"] * (ITEMS // 2)}
)


def judged_sweep(judge: Judge = JUDGE) -> tuple[Results, pd.Series[Any]]:
    """A sweep with the judge's scores in its store, and what people would say of each row.

    The judge calls a quarter of what is bad kind, and in the second cell there is more that is bad.
    """
    random = np.random.default_rng(1)
    found = swept(DATA, grid(temperature=[0.5, 1]), lambda *_: {"text": "x"}, judge)
    df = found.df
    truth = (random.random(len(df)) < np.where(df["temperature"] == 1, 0.4, 0.8)).astype(float)
    said = np.where(truth == 1, 1.0, random.random(len(df)) < 0.25)
    keys = [key.split("/") for key in df["key"]]
    found._store.record_scores(
        (request, int(replicate), judge.identity, "", float(score))
        for (request, replicate), score in zip(keys, said, strict=True)
    )
    return found, pd.Series(truth)


def test_means_are_corrected_by_the_votes_on_each_cell() -> None:
    found, truth = judged_sweep()
    df = found.df
    votes = df.assign(vote=truth.to_numpy())[df["item"] % 4 == 0]
    table = JUDGE.calibrate(votes).correct(found)
    assert table["judged"].tolist() == pytest.approx(found.cells["kind"].tolist())
    assert (table["judged"] > [0.82, 0.5]).all()
    for place, rate in enumerate(truth.groupby(df["temperature"]).mean()):
        row = table.iloc[place]
        assert row["low"] < rate < row["high"]
        assert abs(row["corrected"] - rate) < 0.05
    assert table["votes"].tolist() == [100, 100]
    assert table["items"].tolist() == [400, 400]
    alone = mean_of(votes.loc[votes["temperature"] == 1, "vote"], range(100))
    assert table["high"].iloc[1] - table["low"].iloc[1] < alone.high - alone.low
    split = JUDGE.calibrate(votes.drop(columns="kind").assign(kind=votes["kind"])).correct(found, by="topic")
    assert split["topic"].tolist() == ["p", "q", "p", "q"]
    assert np.isnan(split["corrected"].tolist()).tolist() == [
        False,
        True,
        False,
        True,
    ]  # every fourth item is of p


def test_votes_on_other_answers_are_pooled() -> None:
    found, _ = judged_sweep()
    random = np.random.default_rng(2)
    human = (random.random(200) < 0.6).astype(float)
    said = np.where(human == 1, 1.0, random.random(200) < 0.25)
    votes = pd.DataFrame({"text": "y", "vote": ["yes" if each else "no" for each in human], "kind": said})
    table = JUDGE.calibrate(votes).correct(found)
    assert table["votes"].tolist() == [200, 200]
    assert (table["corrected"] < table["judged"]).all()
    matched = found.df.head(40).assign(vote=1.0)
    assert JUDGE.calibrate(matched).correct(found)["votes"].tolist() == [40, 0]
    assert JUDGE.calibrate(matched).correct(found, pooled=True)["votes"].tolist() == [40, 40]


def test_a_sweep_of_another_judge_is_refused() -> None:
    found, _ = judged_sweep()
    votes = found.df.head(10).assign(vote=1)
    other = ok.judge("Is it rude?", JUDGE.llm, name="kind")
    with pytest.raises(InvalidRequestError, match="no score by this judge"):
        other.calibrate(votes).correct(found)


# -- votes -------------------------------------------------------------------------------------------------------------


class Table:
    """What a tuning table has."""

    df = pd.DataFrame(
        {
            "text": ["a", "b", "c", None],
            "winner": [1.0, 0.0, None, 1.0],
            "item": [0, 0, 1, 2],
            "prompt": list("xxyz"),
        }
    ).assign(kind=[1.0, 1.0, 0.0, None])


def test_stars_of_a_tuning_table_are_votes() -> None:
    found = calibrate(JUDGE, Table())
    assert found.votes["human"].tolist() == [1, 0]
    assert found.votes["judged"].tolist() == [1, 1]
    assert (found.agreement.share, found.agreement.items, found.left_out) == (0.5, 1, 1)
    assert "kind agrees with 50% of 2 votes on 1 items" in str(found)


@pytest.mark.parametrize(
    ("votes", "said"),
    [
        ({"vote": [1], "kind": [1]}, "no column 'text'"),
        ({"text": ["a"], "kind": [1]}, "no column 'vote' or 'winner'; there are text, kind"),
        ({"text": ["a"], "vote": [None], "kind": [1]}, "no votes on answers"),
        ({"text": [None], "vote": [1], "kind": [1]}, "no votes on answers"),
        (
            {"text": ["a"], "vote": [3], "kind": [1]},
            r"'vote' has 3, which is none of the judge's answers: yes \(1\)",
        ),
        ({"text": ["a"], "vote": ["good"], "kind": [1]}, "has 'good'"),
        ({"text": ["a"], "vote": [[1]], "kind": [1]}, r"has \[1\]"),
        (5, "not 5"),
    ],
)
def test_votes_that_make_no_sense_are_refused(votes: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        JUDGE.calibrate(votes)


def test_a_column_that_the_question_names_must_be_there() -> None:
    judge = ok.judge("Does it say {reference}?", JUDGE.llm)
    with pytest.raises(InvalidRequestError, match="no column 'reference', which the judge reads"):
        judge.calibrate({"text": ["a"], "vote": [1]})
