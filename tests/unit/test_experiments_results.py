"""Tables, comparisons, charts and exports of results whose figures are known."""

from __future__ import annotations

import json
import math
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import tables
from oaikit.experiments.analysis.display import Diff, marked
from oaikit.experiments.analysis.results import Results, open_sweep
from oaikit.experiments.analysis.statistics import compare, mean_of
from oaikit.experiments.design.cells import Design
from oaikit.experiments.design.items import items_of
from oaikit.experiments.design.space import grid, named
from oaikit.experiments.run import rating
from oaikit.experiments.run.execution import Prepared, keep
from oaikit.experiments.run.targets import Facts
from oaikit.experiments.scoring.scorers import Scorer, exact, scorers
from oaikit.experiments.scoring.scorers import scorer as function
from oaikit.experiments.store.database import Result, Store
from oaikit.sampling import CHAT

FACTS = Facts("m", {"model": "m"}, {"url": "http://host"}, vllm=True, max_num_seqs=None)
DATA = pd.DataFrame({"question": list("abc"), "answer": ["0", "1", "0"]}, index=["x", "y", "z"])


def design(space: Any, n: int = 4, **changes: Any) -> Design:
    given: dict[str, Any] = {
        "items": items_of(DATA, None),
        "template": "{question}",
        "endpoint": CHAT,
        "seed": None,
    }
    made = Design(points=list(space), n=n, **{"mode": "throughput", **given, **changes})
    made.check()
    return made


def answered(
    made: Design,
    store: Store,
    answer: Callable[[dict[str, Any], int], dict[str, Any]],
    score: Any = None,
) -> tuple[Results, Prepared]:
    """A sweep with an answer for each execution, made from the request's body and the replicate."""
    chosen = scorers(score)
    prepared = keep(made, [FACTS], chosen, store)
    store.begin_run("r", prepared.sweep, {"url": "http://host"})
    for name, request in prepared.questions.requests.items():
        for each in range(request.executions):
            store.record([Result(name, each, "r", **answer(dict(request.body), each))])
    store.end_run("r")
    assert rating.apply(store, prepared.sweep, prepared.spec, chosen) == []
    return Results(store, prepared.sweep), prepared


def by_temperature(body: dict[str, Any], replicate: int) -> dict[str, Any]:
    """At 0 always "0", at 1 by turns."""
    text = str(replicate % 2) if body["temperature"] else "0"
    return {
        "text": text,
        "finish_reason": "stop",
        "completion_tokens": 4,
        "latency_s": 2.0,
        "prompt_tokens": 3,
    }


@pytest.fixture
def results(tmp_path: Path) -> Results:
    made = design(
        grid(temperature=[0, 1], top_p=[0.5, 1.0], system=named(terse="Be terse.", kind="Be kind."))
    )
    return answered(made, Store(tmp_path / "s.db"), by_temperature, exact("answer"))[0]


# -- tables ------------------------------------------------------------------------------------------------------------


def test_one_row_per_replicate(results: Results) -> None:
    df = results.df
    assert len(df) == 2 * 2 * 2 * 3 * 4
    assert df.groupby(["cell", "item"]).size().eq(4).all()
    first = df.iloc[0]
    assert (first["temperature"], first["top_p"], first["system"], first["item"]) == (0, 0.5, "terse", "x")
    assert (first["prompt"], first["text"], first["exact"], first["tokens_per_s"]) == ("a", "0", 1, 2)
    assert (first["run"], first["mode"], bool(first["cached"])) == ("r", "throughput", False)


def test_a_table_is_read_anew_when_another_process_has_written(results: Results, tmp_path: Path) -> None:
    before = results.df
    before.loc[:, "text"] = "spoilt"
    before.attrs["units"].clear()
    assert results.df["text"].isin(["0", "1"]).all()
    assert results.df.attrs["units"]
    other = Store(tmp_path / "s.db")
    other.record_scores((*key, 0.25) for key in _score_keys(other))
    assert results.df["exact"].eq(0.25).all()


def _score_keys(store: Store) -> list[tuple[str, int, str, str]]:
    columns = "SELECT request, replicate, scorer, context FROM scores"
    return [(row[0], row[1], row[2], row[3]) for row in store._db.rows(columns)]


def test_what_is_one_execution_is_shown_as_shared(results: Results) -> None:
    df = results.df
    greedy = df[df["temperature"] == 0]
    assert greedy["key"].nunique() == 2 * 3  # two system prompts, three items
    assert (~greedy["shared"]).sum() == 2 * 3
    assert not df[df["temperature"] == 1]["shared"].any()


def test_types_and_units(results: Results) -> None:
    df = results.df
    types = df.dtypes.astype(str)
    assert types["temperature"] == "Int64"
    assert types["top_p"] == types["latency_s"] == types["ttft_s"] == types["exact"] == "Float64"
    assert types["completion_tokens"] == types["seed"] == "Int64"
    assert types["system"] == types["finish_reason"] == types["run"] == types["mode"] == "category"
    assert types["text"] == types["error"] == "string"
    assert types["cached"] == types["shared"] == "bool"
    assert df["seed"].isna().all()
    assert df["system"].cat.categories.tolist() == ["terse", "kind"]
    assert df.attrs["units"]["latency_s"] == "seconds"
    assert df.attrs["provenance"] == {"url": "http://host"}


def test_an_axis_that_a_point_lacks_is_missing() -> None:
    space = grid(temperature=1) + grid(temperature=1, top_k=[5]) + grid(temperature=1, stop=[["a"], "b"])
    df = answered(design(space, n=1), Store(), by_temperature)[0].df
    assert df["top_k"].tolist() == [pd.NA] * 3 + [5] * 3 + [pd.NA] * 6
    assert df["stop"].cat.categories.tolist() == ["['a']", "b"]


def test_cells_count_copies_once() -> None:
    made = design(grid(temperature=[0, 1]), items=items_of(DATA.iloc[:1], None))
    cells = answered(made, Store(), by_temperature, exact("answer"))[0].cells
    greedy, sampled = cells.to_dict("records")
    assert (greedy["rows"], greedy["items"], greedy["errors"]) == (4, 1, 0)
    one, four = mean_of([1], ["x"]), mean_of([1, 0, 1, 0], ["x"] * 4)
    assert (greedy["exact"], greedy["exact_low"]) == (1, pytest.approx(one.low))
    assert (sampled["exact"], sampled["exact_low"]) == (0.5, pytest.approx(four.low))
    assert sampled["completion_tokens"] == 4


def test_errors_are_rows_without_text_and_score() -> None:
    def failing(body: dict[str, Any], replicate: int) -> dict[str, Any]:
        return {"error": "Boom: no"} if replicate == 1 else by_temperature(body, replicate)

    found = answered(design(grid(temperature=1)), Store(), failing, exact("answer"))[0]
    df = found.df
    bad = df[df["error"].notna()]
    assert len(bad) == 3
    assert bad["text"].isna().all()
    assert bad["exact"].isna().all()
    assert found.errors.to_dict("records") == [{"error": "Boom: no", "rows": 3}]
    assert found.cells["errors"].tolist() == [3]


def test_reasoning_and_tool_calls_are_columns_where_there_are_some() -> None:
    def thinking(body: dict[str, Any], replicate: int) -> dict[str, Any]:
        return {"text": "x", "reasoning": "hm"}

    assert answered(design(grid(temperature=1)), Store(), thinking)[0].df["reasoning"].eq("hm").all()
    assert "reasoning" not in answered(design(grid(temperature=1)), Store(), by_temperature)[0].df


def test_from_another_process_it_is_the_same(results: Results) -> None:
    path = results._store.path
    assert path is not None
    again = open_sweep(path)
    pd.testing.assert_frame_equal(again.df, results.df)
    assert again.df.attrs == results.df.attrs
    assert repr(again) == "Results(8 cells × 3 items × 4: 96 rows)"
    with pytest.raises(InvalidRequestError, match=again.id):
        open_sweep(path, "other")


# -- scores ------------------------------------------------------------------------------------------------------------


def test_a_score_is_kept_and_not_made_again() -> None:
    calls: list[str] = []

    def counted(text: str) -> int:
        calls.append(text)
        return len(text)

    store, made = Store(), design(grid(temperature=1))
    scorer = function(counted)
    _, prepared = answered(made, store, by_temperature, scorer)
    assert len(calls) == 12
    assert rating.apply(store, prepared.sweep, prepared.spec, [scorer]) == []
    assert len(calls) == 12


def test_a_score_that_reads_an_axis_is_of_each_cell() -> None:
    def above(temperature: float, top_p: float) -> float:
        return temperature + top_p

    df = answered(design(grid(temperature=0, top_p=[0.25, 0.5])), Store(), by_temperature, above)[0].df
    assert df["key"].nunique() == 3  # one execution per item for both cells
    assert df.groupby("top_p")["above"].unique().map(list).to_dict() == {0.25: [0.25], 0.5: [0.5]}


def test_a_scorer_that_fails_on_a_row_fails_on_no_other() -> None:
    store, made = Store(), design(grid(temperature=1))
    _, prepared = answered(made, store, by_temperature, {"inverse": lambda text: 1})

    def inverse(text: str) -> float:
        return 1 / int(text)

    scorer = function(inverse)
    (failures,) = rating.apply(store, prepared.sweep, prepared.spec, [scorer])
    assert "'inverse' failed on 6 rows" in str(failures)
    assert "ZeroDivisionError" in str(failures)
    assert len(store.scores(prepared.sweep, scorer.identity)) == 6


# -- comparisons -------------------------------------------------------------------------------------------------------


def test_compare_is_paired_by_item_within_the_other_axes(results: Results) -> None:
    found = results.compare(temperature=(0, 1), value="exact")
    # The answers "0", "1", "0": always "0" is right for x and z, by turns half of the time for all.
    expected = compare([1, 1, 0, 0, 1, 1], list("xxyyzz"), [1, 0] * 3, list("xxyyzz"))
    assert (found.a, found.b, found.p) == (pytest.approx(2 / 3), 0.5, expected.p)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert results.compare(system=("terse", "kind")).difference == 0
    assert results.compare(system=("terse", "kind"), value="tokens").items == 3


def test_only_cells_with_a_counterpart_are_compared() -> None:
    space = grid(temperature=[0, 1], top_p=0.5) + grid(temperature=1, top_p=1.0)

    def worse(body: dict[str, Any], replicate: int) -> dict[str, Any]:
        return {"text": "wrong" if body.get("top_p") == 1.0 else "0"}

    found = answered(design(space), Store(), worse, exact("answer"))[0].compare(temperature=(0, 1))
    assert (found.a, found.b) == (pytest.approx(2 / 3), pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"axis": "heat"}, "'heat' is no axis"),
        ({"axis": "top_p", "temperature": (0, 1)}, "one axis with two values"),
        ({"temperature": (0, 1), "top_p": (0.5, 1)}, "one axis with two values"),
        ({"temperature": 1}, "takes two values"),
        ({"temperature": (0, 7)}, "never 7 here; it is 0, 1"),
        ({"heat": (0, 1)}, "'heat' is no axis"),
        (
            {"temperature": (0, 1), "value": "nice"},
            "'nice' is no score and no metric; there are exact, prompt_tokens",
        ),
    ],
)
def test_what_cannot_be_compared(results: Results, given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        results.compare(**given)


def test_under_the_null_a_sweeps_p_is_below_five_per_cent_in_five_per_cent() -> None:
    """The same chances in both cells, 20 items × 4 replicates; by way of the tables, on fewer sweeps than in
    test_statistics."""
    random = np.random.default_rng(5)
    data = pd.DataFrame({"question": range(20), "answer": "1"})
    made = design(grid(temperature=[0.5, 1]), items=items_of(data, None))
    sweeps, significant = 60, 0
    for _ in range(sweeps):
        chances = random.beta(2, 2, 20)

        def draw(body: dict[str, Any], replicate: int, chances: Any = chances) -> dict[str, Any]:
            item = int(body["messages"][0]["content"])
            return {"text": str(int(random.random() < chances[item]))}

        found = answered(made, Store(), draw, exact("answer"))[0]
        significant += found.compare(temperature=(0.5, 1)).p < 0.05
    assert significant / sweeps <= 0.15  # 99.9 % of the time for a true share of 0.05


# -- views -------------------------------------------------------------------------------------------------------------


def test_pivot(results: Results) -> None:
    styler = results.pivot("temperature", "system")
    assert styler.data.to_dict() == {
        "terse": {0: pytest.approx(2 / 3), 1: 0.5},
        "kind": {0: pytest.approx(2 / 3), 1: 0.5},
    }
    html = styler.to_html()
    assert "0.667 [" in html
    assert "rgb(66, 146, 198)" in html  # the best cell
    with pytest.raises(InvalidRequestError, match="no axis"):
        results.pivot("temperature", "heat")


def test_diversity_by_an_axis(results: Results) -> None:
    found = results.diversity("temperature")
    assert found["unique"].to_dict() == {0: 0.25, 1: 0.5}
    assert found["distinct_1"].to_dict() == {0: 0.25, 1: 0.5}
    assert found["groups"].to_dict() == {0: 12, 1: 12}


def test_diff_shows_one_answer_per_value(results: Results) -> None:
    found = results.diff("y", "temperature", replicate=1, system="kind")
    assert found.labels == ["temperature=0", "temperature=1"]
    assert list(found.texts) == ["0", "1"]
    assert "system=kind" in found.caption
    assert "<del>0</del><ins>1</ins>" in found._repr_html_()
    assert repr(found).endswith("[-0-]{+1+}")
    with pytest.raises(InvalidRequestError, match="item 'q'"):
        results.diff("q", "temperature")


def test_differences_are_by_word_and_escaped() -> None:
    assert marked("a b <c>", "a x <c>") == "a <del>b</del><ins>x</ins> &lt;c&gt;"
    assert marked("one two three.", "four five six.") == "<del>one two three</del><ins>four five six</ins>."
    assert marked("", "a") == "<ins>a</ins>"
    assert marked("a", "") == "<del>a</del>"
    assert marked("a b", "a b") == "a b"


WORDS = [f"w{number}" for number in range(300)]


@pytest.mark.parametrize("count", [2_000, 20_000])
def test_long_texts_are_compared_in_a_moment(count: int) -> None:
    chance = random.Random(0)
    base, text = (f"begin {' '.join(chance.choices(WORDS, k=count))} end" for _ in range(2))
    began = time.perf_counter()
    shown = marked(base, text)
    assert time.perf_counter() - began < 2
    assert shown.startswith("begin ")
    assert shown.endswith(" end")
    assert (without(shown, "ins"), without(shown, "del")) == (base, text)


@given(st.lists(st.sampled_from("ab ,"), max_size=30), st.lists(st.sampled_from("ab ,"), max_size=30))
def test_the_marks_give_both_texts_back(base: list[str], text: list[str]) -> None:
    shown = marked("".join(base), "".join(text))
    assert (without(shown, "ins"), without(shown, "del")) == ("".join(base), "".join(text))


def without(shown: str, mark: str) -> str:
    """A marked text less what has one of the marks."""
    return re.sub(r"</?(ins|del)>", "", re.sub(rf"<{mark}>.*?</{mark}>", "", shown, flags=re.DOTALL))
    assert "<script>" not in Diff(["<script>"], ["<script>"], "<script>")._repr_html_()


def test_modes_are_not_mixed(results: Results) -> None:
    df = results.df
    both = pd.concat([df, df.assign(mode="latency")])
    with pytest.raises(InvalidRequestError, match="both modes"):
        tables.check_one_mode(both)


def test_plots(results: Results) -> None:
    chart = results.plot("temperature", "exact", color="system").to_dict()
    (rows,) = chart["datasets"].values()
    assert {(row["temperature"], row["system"]): row["exact"] for row in rows} == {
        (0, "terse"): pytest.approx(2 / 3),
        (0, "kind"): pytest.approx(2 / 3),
        (1, "terse"): 0.5,
        (1, "kind"): 0.5,
    }
    (rows,) = results.plot.pareto("tokens", "exact").to_dict()["datasets"].values()
    assert [row["__best"] for row in rows] == [True] * 4 + [False] * 4
    with pytest.raises(InvalidRequestError, match="mode='latency'"):
        results.plot.latency()
    with pytest.raises(InvalidRequestError, match="no axis"):
        results.plot("heat")


def test_the_latency_chart_has_percentiles() -> None:

    def timed(body: dict[str, Any], replicate: int) -> dict[str, Any]:
        return {"text": "x", "latency_s": float(replicate), "ttft_s": 0.5, "completion_tokens": 3}

    found = answered(design(grid(temperature=1), n=101, mode="latency"), Store(), timed)[0]
    (rows,) = found.plot.latency().to_dict()["datasets"].values()
    seconds = {(row["time"], row["percentile"]): row["seconds"] for row in rows}
    assert [seconds["latency_s", p] for p in ("p50", "p90", "p99")] == pytest.approx([50, 90, 99])
    assert found.plot("temperature", "latency_s").to_dict()
    assert math.isclose(found.df["tokens_per_s"].iloc[-1], 2 / 99.5)


# -- exports -----------------------------------------------------------------------------------------------------------


def test_parquet_keeps_values_types_and_units(results: Results, tmp_path: Path) -> None:
    results.to_parquet(tmp_path / "s.parquet")
    back = pd.read_parquet(tmp_path / "s.parquet")
    pd.testing.assert_frame_equal(back, results.df, check_categorical=False)
    assert back.attrs["units"]["latency_s"] == "seconds"


def test_data_of_mixed_types_can_be_exported(tmp_path: Path) -> None:
    data = pd.DataFrame({"question": ["a", "b"], "answer": [1, "x"]})
    made = design(grid(temperature=1), items=items_of(data, None))
    answered(made, Store(), by_temperature)[0].to_parquet(tmp_path / "s.parquet")
    assert pd.read_parquet(tmp_path / "s.parquet")["answer"].unique().tolist() == ["1", "x"]


def test_the_page_is_escaped_and_needs_nothing_else(tmp_path: Path) -> None:
    def hostile(body: dict[str, Any], replicate: int) -> dict[str, Any]:
        return {"text": "<script>alert(1)</script>" + "long " * 50 + "end"}

    found = answered(design(grid(temperature=1)), Store(), hostile)[0]
    found.to_html(tmp_path / "s.html", title="A & B")
    page = (tmp_path / "s.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert" in page
    assert "long end" in page  # nothing is cut
    assert "A &amp; B" in page
    assert "http-equiv" not in page
    assert "src=" not in page


def test_logging_to_an_unknown_place(results: Results) -> None:
    with pytest.raises(InvalidRequestError, match="'mlflow', not to 'nowhere'"):
        results.log("nowhere")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own
def test_mlflow(results: Results, tmp_path: Path) -> None:
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("sweeps", artifact_location=str(tmp_path / "artifacts"))
    results.log("mlflow", experiment_id=experiment)
    runs = mlflow.search_runs(experiment_ids=[experiment])
    assert len(runs) == 1 + 8
    assert runs["metrics.exact"].dropna().round(3).value_counts().to_dict() == {0.667: 4, 0.5: 4}
    assert list((tmp_path / "artifacts").rglob("rows.parquet"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of MLflow's own
def test_mlflow_takes_what_parquet_takes(tmp_path: Path) -> None:
    import mlflow

    data = pd.DataFrame({"question": ["a", "b"], "answer": [7, "seven"], "more": [[1], {"x": 2}]})
    store = Store()
    prepared = keep(design(grid(temperature=[0.5]), n=1, items=items_of(data, None)), [FACTS], [], store)
    mixed = Results(store, prepared.sweep)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = mlflow.create_experiment("mixed", artifact_location=str(tmp_path / "artifacts"))
    with pytest.raises(InvalidRequestError, match="nothing has run yet"):
        mixed.log("mlflow", experiment_id=experiment)
    store.begin_run("r", prepared.sweep, {})
    store.record([Result(name, 0, "r", text="x") for name in prepared.questions.requests])
    mixed.to_parquet(tmp_path / "x.parquet")
    mixed.log("mlflow", experiment_id=experiment)
    assert list((tmp_path / "artifacts").rglob("rows.parquet"))


def test_what_is_kept_is_json(results: Results) -> None:
    assert json.loads(json.dumps(results.df.attrs)) == results.df.attrs


def test_a_scorer_has_a_repr_without_its_function() -> None:
    assert "function" not in repr(exact("a"))
    assert isinstance(exact("a"), Scorer)
