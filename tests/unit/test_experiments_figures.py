"""Figures of sweeps count what was really asked, once, and say what was left out."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pandas as pd
import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.results import Results
from oaikit.experiments.analysis.statistics import mean_of
from oaikit.experiments.columns import check_axis_name, check_score_names
from oaikit.experiments.design.cells import Design
from oaikit.experiments.design.identity import model_identity
from oaikit.experiments.design.items import items_of
from oaikit.experiments.design.space import grid
from oaikit.experiments.run import rating
from oaikit.experiments.run.execution import Prepared, keep
from oaikit.experiments.run.targets import Facts
from oaikit.experiments.scoring.scorers import exact, scorer, scorers
from oaikit.experiments.store.database import Result, Store
from oaikit.experiments.store.spec import SweepSpec
from oaikit.experiments.tune import Outcome, outcomes
from oaikit.sampling import CHAT

FACTS = Facts("m", {"model": "m"}, {}, vllm=True, max_num_seqs=None)


def swept(
    data: Any, space: Any, answer: Any, score: Any = None, *, store: Store | None = None, **given: Any
) -> Results:
    """A sweep with an answer for each execution, made from the request's body and the replicate."""
    design = Design(
        **{"points": list(space), "items": items_of(data, None), "template": "{question}", "endpoint": CHAT}
        | {"n": 1, "seed": None, "mode": "throughput"}
        | given
    )
    design.check()
    store, chosen = store or Store(), scorers(score)
    prepared: Prepared = keep(design, [FACTS], chosen, store)
    run = f"run of {prepared.sweep}"
    store.begin_run(run, prepared.sweep, {})
    for name, request in prepared.questions.requests.items():
        results = (
            Result(name, each, run, **answer(dict(request.body), each)) for each in range(request.executions)
        )
        store.record(results)
    store.end_run(run)
    assert rating.apply(store, prepared.sweep, prepared.spec, chosen) == []
    return Results(store, prepared.sweep)


def asked(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


# -- pairs -------------------------------------------------------------------------------------------------------------


def test_a_side_with_errors_is_compared_by_the_pairs_that_both_have() -> None:
    """Two equal settings, of which one fails on the hard questions."""
    data = pd.DataFrame({"question": [str(each) for each in range(20)], "answer": "yes"})

    def answer(body: dict[str, Any], _: int) -> dict[str, Any]:
        hard = int(asked(body)) >= 15
        if hard and body["temperature"] == 1 and body["top_p"] == 0.5:
            return {"error": "Boom: no"}
        return {"text": "no" if hard else "yes"}

    found = swept(data, grid(temperature=[0.5, 1], top_p=[0.5, 0.9]), answer, exact("answer"))
    compared = found.compare(temperature=(0.5, 1))
    assert (compared.difference, compared.p, compared.dropped) == (0, 1, 5)
    assert compared.a == compared.b


# -- independence ------------------------------------------------------------------------------------------------------


def test_fifty_rows_of_five_prompts_are_five_units_everywhere() -> None:
    data = pd.DataFrame({"question": list("abcde") * 10, "answer": "yes"})

    def answer(body: dict[str, Any], _: int) -> dict[str, Any]:
        right = asked(body) in ("a", "b", "c") if body["temperature"] == 1 else asked(body) in ("a", "b")
        return {"text": "yes" if right else "no"}

    found = swept(data, grid(temperature=[0.5, 1]), answer, exact("answer"))
    five = mean_of([1, 1, 1, 0, 0], range(5))
    expected = pytest.approx((five.low, five.high), abs=1e-6)
    cell = found.cells.iloc[1]
    assert (cell["exact_low"], cell["exact_high"]) == expected
    (rows,) = found.plot("temperature").to_dict()["datasets"].values()
    assert (rows[1]["exact_low"], rows[1]["exact_high"]) == expected
    assert found.compare(temperature=(0.5, 1)).items == 5


def test_pivot_and_cells_agree_where_settings_share_an_execution() -> None:
    data = pd.DataFrame({"question": ["a"], "answer": "yes"})
    space = grid(temperature=[0], top_p=[(1 + each) / 20 for each in range(20)])
    found = swept(data, space, lambda *_: {"text": "yes"}, exact("answer"), n=4)
    cell = found.cells.iloc[0]
    (rows,) = found.plot("temperature").to_dict()["datasets"].values()
    assert (rows[0]["exact_low"], rows[0]["exact_high"]) == (cell["exact_low"], cell["exact_high"])
    assert f"[{cell['exact_low']:.3g}, 1]" in found.pivot("temperature", "top_p").to_html()


def test_labels_that_are_missing_or_of_several_types_are_items_too() -> None:
    data = pd.DataFrame({"question": list("abc"), "answer": ["a", "b", "x"]}, index=["one", 2, None])
    found = swept(data, grid(temperature=[0, 1]), lambda body, _: {"text": asked(body)}, exact("answer"))
    assert found.cells["items"].tolist() == [3, 3]
    assert found.compare(temperature=(0, 1)).items == 3


# -- ratios ------------------------------------------------------------------------------------------------------------


def test_tokens_per_second_is_a_ratio_of_sums_and_merged_events_make_none() -> None:
    times = {
        "a": (0.1, 1.1, 11),
        "b": (0.1, 0.2, 11),
        "c": (0.5, 0.5002, 300),
    }  # first, all, tokens; c came at once

    def answer(body: dict[str, Any], _: int) -> dict[str, Any]:
        first, whole, tokens = times[asked(body)]
        return {"text": "x", "ttft_s": first, "latency_s": whole, "completion_tokens": tokens}

    data = pd.DataFrame({"question": list("abc")})
    found = swept(data, grid(temperature=[1]), answer, mode="latency")
    assert found.df["tokens_per_s"].isna().tolist() == [False, False, True]
    assert found.cells["tokens_per_s"].tolist() == [pytest.approx(20 / 1.1)]
    (rows,) = found.plot("temperature", "tokens_per_s").to_dict()["datasets"].values()
    assert rows[0]["tokens_per_s"] == pytest.approx(20 / 1.1)


def test_tokens_of_the_first_read_are_not_in_the_rate() -> None:
    """Of 40 tokens 21 came in the first event: 19 in 2 s, not 39."""

    def answer(body: dict[str, Any], _: int) -> dict[str, Any]:
        return {"text": "x", "ttft_s": 0.5, "latency_s": 2.5, "completion_tokens": 40, "later_tokens": 19.0}

    found = swept(pd.DataFrame({"question": list("ab")}), grid(temperature=[1]), answer, mode="latency")
    assert found.df["tokens_per_s"].tolist() == [9.5, 9.5]
    assert found.cells["tokens_per_s"].tolist() == [9.5]


# -- names -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["tokens", "latency", "ttft", "rows", "items", "errors", "cell", "text", "latency_s_low"]
)
def test_a_score_that_takes_the_name_of_a_derived_column_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=repr(name)):
        check_score_names([name], [])


def test_a_name_that_is_that_of_another_scores_limit_is_refused() -> None:
    for scores, others in ((["x", "x_low"], []), (["x"], ["x_high"])):
        with pytest.raises(InvalidRequestError, match="limit of 'x'"):
            check_score_names(scores, others)
    check_score_names(["x", "y_low"], ["rows", "high"])


@pytest.mark.parametrize("name", ["items", "rows", "errors", "cell", "trial"])
def test_an_axis_that_takes_the_name_of_a_count_is_refused_before_anything_runs(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"can't be called '{name}'"):
        check_axis_name(name)
    with pytest.raises(InvalidRequestError, match=f"can't be called '{name}'"):
        ok.Sweep(ok.connect("http://localhost:1/v1"), grid(**{name: ["a", "b"]}), prompt=f"{{{name}}}")


def test_a_data_column_may_have_the_name_of_a_count() -> None:
    data = pd.DataFrame({"question": ["a", "b"], "rows": ["x", "y"], "items": [0.5, 1]})
    df = swept(data, grid(temperature=1), lambda *_: {"text": "t"}).df
    assert (df["rows"].tolist(), df["items"].tolist()) == (["x", "y"], [0.5, 1])


def test_charts_and_diversity_take_scores_and_axes_of_any_name() -> None:
    data = pd.DataFrame({"question": list("ab"), "answer": list("ab")})
    score = {"best": len, "setting": exact("answer")}
    found = swept(
        data,
        grid(unique=["p", "q"]),
        lambda body, _: {"text": asked(body)[0]},
        score,
        template="{question}{unique}",
    )
    (rows,) = found.plot.pareto("best", "setting").to_dict()["datasets"].values()
    assert [(row["best"], row["setting"]) for row in rows] == [(1, 1), (1, 1)]
    assert found.diversity("unique")["unique"].tolist() == [1, 1]


# -- kinds -------------------------------------------------------------------------------------------------------------


def test_a_scorers_kind_decides_how_its_mean_is_judged() -> None:
    def found_in(text: str) -> bool:
        return "a" in text

    data = pd.DataFrame({"question": list("aaab")})
    data["question"] += ["1", "2", "3", "4"]
    score = {
        "right": found_in,
        "share": scorer(lambda text: 0.9, kind="bounded", name="share"),
        "times": scorer(lambda text: text.count("a"), kind="count", name="times"),
    }
    cell = swept(data, grid(temperature=1), lambda body, _: {"text": asked(body)}, score).cells.iloc[0]
    binary, bounded = mean_of([1, 1, 1, 0], range(4)), mean_of([0.9] * 4, range(4), kind="bounded")
    count = mean_of([1, 1, 1, 0], range(4), kind="count")
    for name, one in (("right", binary), ("share", bounded), ("times", count)):
        assert (cell[f"{name}_low"], cell[f"{name}_high"]) == pytest.approx((one.low, one.high), abs=1e-6)


def test_a_store_of_before_kinds_were_declared_is_read() -> None:
    data = pd.DataFrame({"question": list("ab"), "answer": list("ab")})
    found = swept(data, grid(temperature=1), lambda body, _: {"text": asked(body)}, exact("answer"))
    fields = json.loads(found._spec().to_json())
    fields["scorers"] = [
        {name: each[name] for name in ("name", "identity", "reads")} for each in fields["scorers"]
    ]
    found._store.save_sweep(found.id, SweepSpec.from_json(json.dumps(fields)), [], {})
    assert found.cells.empty or found.cells["exact"].tolist() == [1]
    assert Results(found._store, found.id).df.attrs["kinds"] == {"exact": ["real", 0.0, 1.0]}


# -- a score's key -----------------------------------------------------------------------------------------------------


def test_a_scorer_that_takes_the_item_is_asked_again_when_rows_change_places() -> None:
    def which(text: str, item: int) -> float:
        return float(item)

    store, data = Store(), pd.DataFrame({"question": ["a", "b"]})
    for frame in (data, data[::-1].reset_index(drop=True)):
        df = swept(frame, grid(temperature=1), lambda *_: {"text": "t"}, which, store=store).df
        assert df["which"].tolist() == df["item"].tolist() == [0, 1]


# -- identities --------------------------------------------------------------------------------------------------------


def test_what_cannot_be_told_apart_for_certain_is_different() -> None:
    one, other = (ok.connect(f"http://{host}/v1", model="m") for host in ("a:1", "b:1"))
    base = model_identity(one, "m", {"model": "org/m"}, {"root": "org/m"})
    adapter = model_identity(one, "v3", {"model": "org/m"}, {"root": "/adapters/v3", "parent": "m"})
    revised = model_identity(
        one, "m", {"model": "org/m", "engine_args": {"revision": "x"}}, {"root": "org/m"}
    )
    elsewhere = model_identity(other, "m", {"model": "org/m"}, {"root": "org/m"})
    seen = [base, adapter, revised, elsewhere]
    assert all(a != b for place, a in enumerate(seen) for b in seen[:place])
    assert base == model_identity(
        ok.connect("http://a:1/v1/", model="m"), "m", {"model": "org/m"}, {"root": "org/m"}
    )
    assert ok.judge("Is it?", one).identity != ok.judge("Is it?", other).identity
    assert (
        ok.judge("Is it?", one).identity
        == ok.judge("Is it?", ok.connect("http://a:1/v1", model="m")).identity
    )


# -- searches ----------------------------------------------------------------------------------------------------------


def test_failures_count_against_a_setting_and_are_shown() -> None:
    data = pd.DataFrame({"question": list("abcd"), "answer": "yes"})

    def answer(body: dict[str, Any], _: int) -> dict[str, Any]:
        if body["temperature"] == 1 and asked(body) != "a":
            return {"error": "Boom: no"}
        return {"text": "no" if asked(body) == "d" else "yes"}

    df = swept(data, grid(temperature=[0.5, 1]), answer, [exact("answer"), len]).df
    assert outcomes(df, "exact", maximize=True) == {0: Outcome(0.75, 0), 1: Outcome(0.25, 3)}
    assert outcomes(df, "exact", maximize=False)[1] == Outcome(1.0, 3)
    assert outcomes(df, "len", maximize=True) == {0: Outcome(2.75, 0), 1: Outcome(None, 3)}


# -- before a run, and speed -------------------------------------------------------------------------------------------


def test_before_a_run_pivots_pages_and_comparisons_say_so(tmp_path: Any) -> None:
    store = Store()
    items = items_of(pd.DataFrame({"question": ["a"]}), None)
    points = list(grid(temperature=[0, 1], top_p=[0.5]))
    design = Design(
        points=points, items=items, template="{question}", endpoint=CHAT, n=1, seed=None, mode="throughput"
    )
    empty = Results(store, keep(design, [FACTS], scorers(len), store).sweep)
    for ask in (
        lambda: empty.pivot("temperature", "top_p"),
        lambda: empty.compare(temperature=(0, 1)),
        lambda: empty.to_html(tmp_path / "x.html"),
        lambda: empty.plot("temperature"),
    ):
        with pytest.raises(InvalidRequestError, match="nothing has run yet"):
            ask()


def test_cells_of_thousands_of_settings_are_quick() -> None:
    data = pd.DataFrame({"question": ["a", "b"], "answer": ["yes", "no"]})
    space = [{"temperature": 0.5 + place / 5000} for place in range(2500)]
    found = swept(
        data, space, lambda *_: {"text": "yes", "completion_tokens": 3, "latency_s": 1.0}, exact("answer")
    )
    began = time.process_time()
    cells = found.cells
    assert time.process_time() - began < 1.5
    assert len(cells) == 2500
    assert not math.isnan(cells["exact_low"].iloc[0])
