"""Labels: which were given and which were right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.labels import OTHER
from oaikit.experiments.analysis.results import Results
from oaikit.experiments.design.space import grid
from oaikit.experiments.scoring.scorers import exact
from tests.unit.test_experiments_figures import asked, swept

# The example of scikit-learn's documentation of classification_report.
RIGHT = ["class 0", "class 1", "class 2", "class 2", "class 2"]
GIVEN = ["class 0", "class 0", "class 2", "Class 2.", "It is class 1, I think."]


def labelled(right: list[Any], given: list[str], score: Any = None, **options: Any) -> Results:
    data = pd.DataFrame(
        {"question": range(len(right)), "label": right, "topic": ["p", *["q"] * (len(right) - 1)]}
    )
    return swept(
        data,
        grid(temperature=[1]),
        lambda body, _: {"text": given[int(asked(body))]},
        score or exact("label"),
        **options,
    )


def test_precision_recall_and_f1_are_the_published_ones() -> None:
    found = labelled(RIGHT, GIVEN).confusion()
    assert found.labels["precision"].tolist() == [0.5, 0, 1]
    assert found.labels["recall"].tolist() == pytest.approx([1, 0, 2 / 3])
    assert found.labels["f1"].tolist() == pytest.approx([2 / 3, 0, 0.8])
    assert found.labels["support"].tolist() == [1, 1, 3]
    summary = found.summary.iloc[0]
    assert (summary["accuracy"], summary["macro_f1"]) == (0.6, pytest.approx((2 / 3 + 0.8) / 3))
    assert found.counts.loc["class 2"].tolist() == [0, 1, 2, 0]
    assert "class 2" in found._repr_html_()
    assert "class 2" in str(found)


def test_an_answer_with_no_label_or_two_is_other_and_counts_against_recall() -> None:
    found = labelled(["a", "b", "b"], ["a or b", "dunno", "b"]).confusion("label")
    assert found.counts[OTHER].tolist() == [1, 1]
    assert found.labels["recall"].tolist() == [0, 0.5]
    assert np.isnan(found.labels["precision"].iloc[0])
    assert found.labels["given"].tolist() == [0, 1]


def test_numbers_and_truth_values_are_labels_too() -> None:
    found = labelled([7, 12, 12], ["It is 7.", "12.0", "7"]).confusion()
    assert found.counts.to_numpy().tolist() == [[1, 0, 0], [1, 1, 0]]
    found = labelled([True, False, False], ["True", "false", "true"]).confusion()
    assert found.summary["accuracy"].iloc[0] == pytest.approx(2 / 3)


def test_by_an_axis_and_a_column() -> None:
    data = pd.DataFrame(
        {"question": list("abcd"), "label": ["x", "y", None, "y"], "topic": ["p", "p", "q", "q"]}
    )

    def answer(body: dict[str, Any], replicate: int) -> dict[str, Any]:
        if asked(body) == "d" and replicate == 1:
            return {"error": "Boom: no"}
        return {"text": "x" if body["temperature"] == 0.5 else "y"}

    found = swept(data, grid(temperature=[0.5, 1]), answer, n=2).confusion(
        "label", by=["temperature", "topic"]
    )
    assert found.summary["errors"].tolist() == [0, 1, 0, 1]
    assert found.summary["answers"].tolist() == [4, 1, 4, 1]
    assert found.summary["items"].tolist() == [2, 1, 2, 1]
    assert found.summary["accuracy"].tolist() == [0.5, 0, 0.5, 1]
    assert found.labels.loc[(1, "p", "y"), "recall"] == 1
    assert found.counts.loc[(0.5, "p")].to_numpy().tolist() == [[2, 0, 0], [2, 0, 0]]


def test_what_is_one_execution_is_counted_once() -> None:
    data = pd.DataFrame({"question": list("ab"), "label": ["x", "y"]})
    found = swept(data, grid(temperature=[0], top_p=[0.1, 0.5, 0.9]), lambda *_: {"text": "x"}, n=4)
    assert found.confusion("label").summary["answers"].tolist() == [2]
    assert found.confusion("label", by="top_p").summary["answers"].tolist() == [2, 2, 2]


def test_a_function_may_read_the_label() -> None:
    found = labelled(["a", "b"], ["b is wrong: a", "a is wrong: b"]).confusion(read=lambda text: text[-1])
    assert found.summary["accuracy"].iloc[0] == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"reference": "nope"}, "'nope' is no column of the data; there are: question, label, topic"),
        ({"labels": ["class 0", "class 1"]}, "'class 2', which is none of the labels"),
        ({"where": {"label": "class 2"}}, "fewer than two labels"),
        ({"by": "heat"}, "no axis and no column"),
        ({"labels": [*set(RIGHT), OTHER]}, "can't be called"),
    ],
)
def test_what_cannot_be_counted_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        labelled(RIGHT, GIVEN).confusion(**given)


def test_the_column_must_be_clear() -> None:
    with pytest.raises(InvalidRequestError, match="say which column has the right labels"):
        labelled(RIGHT, GIVEN, ok.regex("a")).confusion()
    with pytest.raises(InvalidRequestError, match="a label is one value"):
        labelled([["a"], ["b"]], ["a", "b"]).confusion()
    with pytest.raises(InvalidRequestError, match="no answer has a reference"):
        swept(
            pd.DataFrame({"question": ["a", "b"], "label": ["x", "y"]}),
            grid(temperature=1),
            lambda *_: {"error": "Boom: no"},
        ).confusion("label")
