"""Two sweeps, compared."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.results import Results
from oaikit.experiments.analysis.statistics import compare
from oaikit.experiments.design.space import grid
from oaikit.experiments.scoring.scorers import exact
from oaikit.experiments.store.database import Store
from tests.unit.test_experiments_figures import asked, swept

Answer = Callable[[dict[str, Any], int], dict[str, Any]]
DATA = pd.DataFrame({"question": [f"q{number}" for number in range(40)], "answer": "yes"})


def right_below(limit: int) -> Answer:
    """Right answers to the first questions."""

    def answer(body: dict[str, Any], _: int) -> dict[str, Any]:
        number = int(asked(body).split("q")[1])
        return {
            "text": "yes" if number < limit else "no",
            "completion_tokens": 2,
            "latency_s": limit / 10 + number / 100,
        }

    return answer


def sweep(answer: Answer, data: Any = DATA, space: Any = None, **options: Any) -> Results:
    return swept(data, space or grid(temperature=[0.5, 1]), answer, exact("answer"), **options)


def test_what_changed_between_two_stores(tmp_path: Path) -> None:
    for name, limit in (("a", 30), ("b", 20)):
        store = Store(tmp_path / f"{name}.db")
        sweep(right_below(limit), store=store)
        store.close()
    found = ok.diff_sweeps(tmp_path / "a.db", str(tmp_path / "b.db"))
    expected = compare([1] * 30 + [0] * 10, range(40), [1] * 20 + [0] * 20, range(40))
    assert found.overall == expected
    assert found.cells["status"].tolist() == ["both", "both"]
    assert found.cells["temperature"].tolist() == [0.5, 1]
    assert found.cells["p"].tolist() == [expected.p] * 2
    assert found.cells["p_holm"].tolist() == [2 * expected.p] * 2
    assert found.cells["answers_changed"].tolist() == [10, 10]
    assert found.items["difference"].tolist() == [0] * 20 + [-1] * 10 + [0] * 10
    assert "items with a lower value in b: 10 (20, 21" in str(found)
    assert "exact: 0.75 → 0.5, difference -0.25" in str(found)
    assert "0.75 → 0.5" in found._repr_html_()


def test_items_and_cells_that_are_not_in_both() -> None:
    other = DATA.iloc[2:].rename(index={39: 40})
    other.loc[5, "question"] = "q555"
    space = grid(temperature=[1, 2])
    found = ok.diff_sweeps(sweep(right_below(30)), sweep(right_below(30), other, space))
    assert found.cells["status"].tolist() == ["only a", "both", "only b"]
    assert found.cells["items"].tolist() == [0, 36, 0]
    assert found.items["status"].value_counts().to_dict() == {
        "both": 36,
        "only a": 3,
        "changed": 1,
        "only b": 1,
    }
    assert found.overall is not None
    assert (found.overall.items, found.overall.difference) == (36, 0)
    assert found.items.set_index("item").loc[5, "status"] == "changed"


def test_sweeps_of_one_cell_are_compared_whatever_their_axes() -> None:
    a = sweep(right_below(30), space=grid(temperature=[0.5]), template="Old: {question}")
    b = sweep(right_below(35), space=grid(top_p=[0.5]), template="New: {question}", fixed={"max_tokens": 9})
    found = ok.diff_sweeps(a, b)
    assert found.overall is not None
    assert found.overall.difference == pytest.approx(5 / 40)
    assert "max_tokens: None → 9" in found.notes


def test_prompts_are_items_where_there_is_no_data() -> None:
    def items(*prompts: str) -> Any:
        from oaikit.experiments.design.items import items_of

        return items_of(None, prompts)

    score = {"long": lambda text: len(text)}
    a, b = (
        swept(
            None,
            grid(temperature=[1]),
            lambda body, _: {"text": asked(body)},
            score,
            items=items(*prompts),
            template=None,
        )
        for prompts in (("one", "two", "three"), ("one", "two", "four!"))
    )
    found = ok.diff_sweeps(a, b)
    assert found.items["status"].tolist() == ["both", "both", "changed"]
    assert found.overall is not None
    assert found.overall.items == 2


def test_another_scorer_is_noted_and_another_kind_refused() -> None:
    a = sweep(right_below(30))
    b = swept(DATA, grid(temperature=[0.5, 1]), right_below(30), {"exact": ok.contains("answer")})
    assert ok.diff_sweeps(a, b).notes == ("the score 'exact' was made by another scorer",)
    with pytest.raises(InvalidRequestError, match="not the same kind of score"):
        ok.diff_sweeps(a, swept(DATA, grid(temperature=[1]), right_below(3), {"exact": len}))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (lambda: sweep(right_below(30), space=grid(temperature=[0.7])), "no cell in common"),
        (
            lambda: sweep(right_below(30), space=grid(top_p=[0.5, 1])),
            "no cell in common: their axes .temperature; top_p",
        ),
        (lambda: sweep(right_below(30), mode="latency"), "latency mode"),
        (lambda: 5, "not 5"),
        (lambda: "nowhere.db", "no store at nowhere.db"),
    ],
)
def test_what_cannot_be_compared_is_refused(other: Callable[[], Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        ok.diff_sweeps(sweep(right_below(30)), other())


def test_where_and_metrics() -> None:
    a, b = sweep(right_below(30)), sweep(right_below(20))
    assert ok.diff_sweeps(a, b, where={"temperature": 1}).cells["temperature"].tolist() == [1]
    slower = ok.diff_sweeps(b, a, value="latency").overall
    assert slower is not None
    assert slower.difference == pytest.approx(1)


# -- the assertion -----------------------------------------------------------------------------------------------------


def test_no_regression() -> None:
    same = ok.assert_no_regression(sweep(right_below(30)), sweep(right_below(30)))
    assert same.overall is not None
    assert ok.assert_no_regression(sweep(right_below(30)), sweep(right_below(40)), margin=0.0)
    assert ok.assert_no_regression(sweep(right_below(30)), sweep(right_below(29)))  # not shown to be worse


def test_what_is_shown_to_be_worse_fails_with_a_table() -> None:
    with pytest.raises(AssertionError) as failed:
        ok.assert_no_regression(sweep(right_below(30)), sweep(right_below(20)))
    said = str(failed.value)
    assert said.startswith("exact is worse in b overall: -0.25")
    assert "temperature" in said
    assert "items with a lower value in b: 10" in said


def test_a_cell_that_gets_worse_fails_even_if_another_makes_up_for_it() -> None:
    def mixed(body: dict[str, Any], _: int) -> dict[str, Any]:
        number = int(asked(body)[1:])
        return {"text": "yes" if number < (10 if body["temperature"] == 1 else 40) else "no"}

    with pytest.raises(AssertionError, match=r"worse in b at temperature=1.0: -0\.375"):
        ok.assert_no_regression(sweep(right_below(25)), sweep(mixed))


def test_a_margin_must_be_shown_to_hold() -> None:
    """Forty items that agree leave room for a difference of 0.088: Gaffke's limit is 0.025 ** (1 / 40) from 1."""
    a, b = sweep(right_below(30)), sweep(right_below(30))
    assert ok.assert_no_regression(a, b, margin=0.09)
    with pytest.raises(AssertionError, match=r"more than 0\.05 is not ruled out: b may be worse"):
        ok.assert_no_regression(a, b, margin=0.05)
    with pytest.raises(AssertionError, match="is worse by more than that"):
        ok.assert_no_regression(a, sweep(right_below(5)), margin=0.1)
    with pytest.raises(InvalidRequestError, match="margin"):
        ok.assert_no_regression(a, b, margin=-0.1)


def test_latency_is_better_the_lower_it_is() -> None:
    fast, slow = sweep(right_below(20)), sweep(right_below(30))
    ok.assert_no_regression(slow, fast, value="latency", lower_is_better=True)
    ok.assert_no_regression(slow, fast, value="latency", lower_is_better=True, margin=0.1)
    with pytest.raises(AssertionError, match="latency_s is worse"):
        ok.assert_no_regression(fast, slow, value="latency", lower_is_better=True)


def test_a_sweep_that_failed_or_stopped_halfway_is_no_success() -> None:
    def failing(body: dict[str, Any], replicate: int) -> dict[str, Any]:
        return {"error": "Boom: no"} if asked(body) == "q39" else right_below(30)(body, replicate)

    with pytest.raises(AssertionError, match="2 rows of b failed, and 0 of a"):
        ok.assert_no_regression(sweep(right_below(30)), sweep(failing))
    half = sweep(right_below(30), DATA.head(20))
    with pytest.raises(AssertionError, match="b lacks 20 items that a has"):
        ok.assert_no_regression(sweep(right_below(30)), half)
    ok.assert_no_regression(sweep(right_below(30)), half, complete=False)
    with pytest.raises(AssertionError, match="b lacks 1 cells"):
        ok.assert_no_regression(sweep(right_below(30)), sweep(right_below(30), space=grid(temperature=[1])))
