"""Rows that are chosen (``where=``) and split (``by=``), comparisons of all pairs, and the best of several cells."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.comparisons import adjusted
from oaikit.experiments.analysis.results import Results
from oaikit.experiments.analysis.statistics import compare, mean_of
from oaikit.experiments.design.space import grid, named
from oaikit.experiments.scoring.scorers import exact
from tests.unit.test_experiments_figures import asked, swept

TOPICS = ["sums", "sums", "sums", None, "words", "words", "words", "words"]
DATA = pd.DataFrame(
    {
        "question": list("abcdefgh"),
        "answer": "yes",
        "topic": TOPICS,
        "length": [1, 2, 3, 4, 5, 6, 7, 8],
        "rows": 1,
        "any of": [["yes", "y"]] * 8,
    }
)
RIGHT = {"low": "abcd", "mid": "abcdef", "high": "abcdefgh"}


def by_style(body: dict[str, Any], _: int) -> dict[str, Any]:
    style, question = asked(body).split(":")
    return {"text": "yes" if question in RIGHT[style] else "no", "completion_tokens": 3, "latency_s": 1.0}


@pytest.fixture
def results() -> Results:
    space = grid(style=["low", "mid", "high"], temperature=[0.5, 1])
    return swept(DATA, space, by_style, exact("answer"), template="{style}:{question}")


# -- where -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "questions"),
    [
        ({"topic": "sums"}, "abc"),
        ({"topic": ["sums", "words"], "length": range(3, 6)}, "ce"),
        ({"topic": None}, "d"),
        ({"topic": float("nan")}, "d"),
        ({"topic": lambda topic: topic.startswith("w")}, "efgh"),
        ({"length": np.int64(3)}, "c"),
        ({"length": np.array([1, 8])}, "ah"),
        ({"temperature": 0.5, "length": 2}, "b"),
        ("topic == 'sums' and length > 1", "bc"),
        ("topic != 'sums' and topic == topic", "efgh"),
        (lambda df: df["length"] > 6, "gh"),
        ("`any of`.str.len() == 2", "abcdefgh"),
    ],
)
def test_where_takes_rows(results: Results, where: Any, questions: str) -> None:
    cells = results.cells(where=where)
    assert cells["items"].eq(len(questions)).all()
    style = cells[cells["style"] == "mid"].iloc[0]
    assert style["exact"] == pytest.approx(np.mean([each in RIGHT["mid"] for each in questions]))


def test_where_takes_a_truth_value_for_each_row(results: Results) -> None:
    mask = results.df["topic"] == "sums"  # missing for one item, which is then left out
    for given in (mask, mask.fillna(False).tolist(), mask.fillna(False).to_numpy(dtype=bool)):
        assert results.cells(where=given)["items"].tolist() == [3] * 6


def test_where_takes_an_axis_value_by_the_name_that_tables_have() -> None:
    space = grid(system=named(terse="Be terse.", kind="Be kind."), stop=[["a"], ["b", "c"]])
    found = swept(DATA, space, lambda *_: {"text": "yes"}, exact("answer"))
    assert found.cells(where={"system": "terse"})["cell"].tolist() == [0, 1]
    assert found.cells(where={"system": named(terse="Be terse.")[0]})["cell"].tolist() == [0, 1]
    assert found.cells(where="system == 'kind'")["cell"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"heat": 1}, "'heat' is no axis and no column"),
        ({"topic": "sum"}, "topic is never 'sum' here; it is sums, "),
        ({"topic": ["sums", "sum"]}, "topic is never 'sum'"),
        ({"length": lambda length: length > 99}, "no row is left"),
        ("length > 99", "no row is left"),
        ("length >", "can't be evaluated"),
        ("heat > 1", "can't be evaluated.*heat"),
        ("length > @least", "can't be evaluated"),
        ("length + 1", "truth value"),
        ([True], "1 truth values, and the table has 48 rows"),
        (["x"] * 48, "truth value"),
        (5, "truth value"),
        (pd.Series([True] * 48, index=range(1, 49)), "another index"),
        ({"any of": "yes"}, r"any of is never 'yes' here; it is \['yes', 'y'\]"),
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(results: Results, where: Any, said: str) -> None:
    for ask in (
        lambda: results.cells(where=where),
        lambda: results.pivot("style", "temperature", where=where),
        lambda: results.compare(style=("low", "high"), where=where),
        lambda: results.plot("style", where=where),
        lambda: results.plot.pareto(where=where),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            ask()


# -- by ----------------------------------------------------------------------------------------------------------------


def test_cells_by_topic(results: Results) -> None:
    cells = results.cells(by="topic")
    assert len(cells) == 6 * 3
    words = cells[(cells["topic"] == "words") & (cells["style"] == "mid")].iloc[0]
    expected = mean_of([1, 1, 0, 0], range(4))
    assert (words["items"], words["exact"]) == (4, 0.5)
    assert (words["exact_low"], words["exact_high"]) == pytest.approx((expected.low, expected.high), abs=1e-6)
    assert cells["topic"].isna().sum() == 6  # the item without a topic is a group of its own
    assert results.cells(by=["topic", "temperature"]).equals(cells)
    assert results.cells.equals(results.cells())


def test_items_are_the_units_within_a_group() -> None:
    """Each topic has five questions, asked ten times over."""
    data = pd.DataFrame(
        {"question": list("abcdefghij") * 10, "answer": "yes", "topic": [*["p"] * 5, *["q"] * 5] * 10}
    )
    found = swept(
        data,
        grid(temperature=1),
        lambda body, _: {"text": "yes" if asked(body) in "abcf" else "no"},
        exact("answer"),
    )
    cells = found.cells(by="topic")
    for place, scores in enumerate(([1, 1, 1, 0, 0], [1, 0, 0, 0, 0])):
        expected = mean_of(scores, range(5))
        row = cells.iloc[place]
        assert (row["exact_low"], row["exact_high"]) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_pivot_and_plot_take_columns_of_the_data(results: Results) -> None:
    styler = results.pivot("topic", "style")
    assert styler.data.loc["words"].to_dict() == {"low": 0, "mid": 0.5, "high": 1}
    assert styler.data.index.tolist() == ["sums", "words", "–"]
    assert "0.5 [" in styler.to_html()
    split = results.pivot("style", "temperature", by="topic", where="topic == topic")
    assert split.data.loc[("words", "mid")].tolist() == [0.5, 0.5]
    assert split.to_html().count("0.5 [") == 2
    chart = results.plot("length", color="style", by="topic", where={"topic": ["sums", "words"]})
    (rows,) = chart.to_dict()["datasets"].values()
    assert len(rows) == 7 * 3
    assert {row["exact"] for row in rows if row["style"] == "high"} == {1}
    chart.save("/dev/null", format="svg")


def by_name(body: dict[str, Any], _: int) -> dict[str, Any]:
    return {"text": "yes" if asked(body) < "e" else "no", "completion_tokens": 3}


def test_a_chart_of_a_column_with_signs_in_its_name(results: Results) -> None:
    data = DATA.rename(columns={"length": "a.b[c]: d"})
    found = swept(data, grid(temperature=1), by_name, {"x.y": exact("answer")})
    for chart in (found.plot("a.b[c]: d"), found.plot.pareto("tokens", "x.y", by="a.b[c]: d")):
        chart.save("/dev/null", format="svg")
    import vl_convert

    assert vl_convert.vegalite_to_svg(found.plot("a.b[c]: d").to_dict()).count("symbol") >= 8


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("heat", "'heat' is no axis and no column"),
        ("any of", "its values are lists or dicts"),
        ("exact", "is a figure"),
        ("latency_s", "is a figure"),
        (["topic", "topic"], "twice"),
    ],
)
def test_a_column_that_cannot_split_is_refused(results: Results, by: Any, said: str) -> None:
    for ask in (
        lambda: results.cells(by=by),
        lambda: results.pivot("style", "temperature", by=by),
        lambda: results.compare(style=("low", "high"), by=by),
        lambda: results.plot.pareto(by=by),
    ):
        with pytest.raises(InvalidRequestError, match=said):
            ask()
    with pytest.raises(InvalidRequestError, match="'rows' of their own"):
        results.cells(by="rows")
    assert len(results.compare(style=("low", "high"), by="rows")) == 1


KINDS_OF_COLUMNS: dict[str, Any] = {
    "mixed": [1, "a", 2.5, None, True, "a", 1, "z"],
    "when": pd.to_datetime(["2024-01-01"] * 4 + ["2024-02-01"] * 4),
    "zoned": pd.to_datetime(["2024-01-01"] * 4 + ["2024-02-01"] * 4).tz_localize("Europe/Berlin"),
    "ordered": pd.Categorical(list("aabbccdd"), categories=list("dcba"), ordered=True),
    "flag": [True, False] * 4,
    "large": pd.array([*(2**60 + number for number in range(7)), None], dtype="Int64"),
    "real": np.linspace(0, 1, 8),
    "script": ["é", "日本"] * 4,
}


@pytest.mark.parametrize("column", KINDS_OF_COLUMNS)
def test_columns_of_every_kind_choose_and_split(column: str) -> None:
    found = swept(DATA.assign(**KINDS_OF_COLUMNS), grid(temperature=[0.5, 1]), by_name, exact("answer"))
    cells = found.cells(by=column)
    values = len(cells) // 2
    assert values == cells[column].nunique(dropna=False)
    assert found.cells(where={column: found.df[column].iloc[0]})["items"].iloc[0] >= 1
    assert found.pivot(column, "temperature").to_html().count(" [") == 2 * values
    for chart in (found.plot(column, color="temperature"), found.plot("temperature", by=column)):
        (rows,) = chart.to_dict()["datasets"].values()
        assert len(rows) == 2 * values
    assert len(found.compare(temperature=(0.5, 1), by=column)) == values
    assert len(found.confusion("question", by=column).summary) == values


def test_what_is_compared_does_not_split_the_comparison(results: Results) -> None:
    with pytest.raises(InvalidRequestError, match="'style' is compared"):
        results.compare(style=("low", "high"), by="style")
    with pytest.raises(InvalidRequestError, match="nothing to compare"):
        results.compare("style", by="style")
    assert set(results.compare(by="style")["axis"]) == {"temperature"}


def test_diversity_by_topic(results: Results) -> None:
    found = results.diversity("topic", where={"style": "mid"})
    assert found["groups"].to_dict()["words"] == 2 * 4
    with pytest.raises(InvalidRequestError, match="replicates of one item differ in 'replicate'"):
        results.diversity("replicate")


def test_cells_are_a_dataframe_that_can_be_copied_and_pickled(results: Results) -> None:
    cells = results.cells
    plain = pd.DataFrame(cells)
    assert type(cells.head(2)) is pd.DataFrame
    assert pickle.loads(pickle.dumps(cells)).equals(plain)
    with pytest.raises(InvalidRequestError, match="is a copy"):
        pickle.loads(pickle.dumps(cells))(by="topic")


# -- all pairs ---------------------------------------------------------------------------------------------------------


def test_all_pairs_of_an_axis(results: Results) -> None:
    table = results.compare("style")
    assert list(zip(table["a"], table["b"], strict=True)) == [
        ("low", "mid"),
        ("low", "high"),
        ("mid", "high"),
    ]
    one = results.compare(style=("low", "high"))
    row = table.iloc[1]
    for name in ("difference", "low", "high", "p", "items", "dropped"):
        assert row[name] == getattr(one, name)
    assert (row["mean_a"], row["mean_b"]) == (one.a, one.b)
    assert table["p_holm"].tolist() == pytest.approx(multipletests(table["p"], method="holm")[1])
    assert table["p_bh"].tolist() == pytest.approx(multipletests(table["p"], method="fdr_bh")[1])
    assert (table["p_holm"] >= table["p"]).all()


def test_all_pairs_of_all_axes_and_by_topic(results: Results) -> None:
    assert results.compare()["axis"].tolist() == ["style"] * 3 + ["temperature"]
    split = results.compare(style=("low", "high"), by="topic")
    assert split["difference"].tolist()[:2] == [0, 1]
    assert split["items"].tolist() == [3, 4, 0]  # one item alone can't be compared
    assert np.isnan(split["p"].iloc[2])
    words = compare([0] * 4, range(4), [1] * 4, range(4))
    assert split["p"].iloc[1] == pytest.approx(words.p)
    assert len(results.compare("style", by="topic")) == 9


def test_one_setting_has_no_pairs() -> None:
    for space in (grid(temperature=1), [{}]):
        with pytest.raises(InvalidRequestError, match="nothing to compare"):
            swept(DATA, space, lambda *_: {"text": "yes"}, exact("answer")).compare()


def test_adjusted_p_values_are_the_published_ones() -> None:
    """Benjamini and Hochberg 1995, section 4.1: 15 p-values, of which they find 4 and Bonferroni 3."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344]
    p += [0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    holm, bh = adjusted(np.array(p))
    assert (bh <= 0.05).sum() == 4
    assert (holm <= 0.05).sum() == 3
    assert np.isnan(adjusted(np.array([np.nan, 0.01]))[0]).tolist() == [True, False]


# -- the best cell -----------------------------------------------------------------------------------------------------


def test_the_best_cell_has_an_interval_for_all_cells_at_once(results: Results) -> None:
    best = results.best()
    assert best.setting == {"style": "high", "temperature": 0.5}
    assert (best.mean, best.cells, best.items) == (1, 6, 8)
    assert best.low == pytest.approx(
        (0.025 / 6) ** (1 / 8), abs=1e-6
    )  # Clopper and Pearson's at 1 - 0.05 / 6
    assert best.alone_low == pytest.approx(0.025 ** (1 / 8), abs=1e-6)
    assert "the best of 6 different cells" in str(best)
    assert results.best("latency", minimize=True).mean == 1
    assert results.best(where={"style": ["low", "mid"]}).setting["style"] == "mid"


def test_cells_that_show_the_same_executions_are_one_choice() -> None:
    space = grid(temperature=[0], top_p=[0.1, 0.2, 0.3]) + grid(temperature=[1], top_p=[0.5])
    found = swept(DATA, space, lambda *_: {"text": "yes"}, exact("answer"))
    assert found.best().cells == 2


def test_without_a_value_there_is_no_best_cell() -> None:
    found = swept(DATA, grid(temperature=1), lambda *_: {"error": "Boom: no"}, exact("answer"))
    with pytest.raises(InvalidRequestError, match="no cell has a value"):
        found.best()
