"""What a sweep asks, and what it refuses to ask; no model is needed for either."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import oaikit as ok
from oaikit.errors import InvalidRequestError, StorageError
from oaikit.experiments.analysis.results import open_sweep
from oaikit.experiments.design.cells import Design, Questions, prefix_order, questions
from oaikit.experiments.design.items import Item, items_of
from oaikit.experiments.design.space import grid, named
from oaikit.experiments.design.templates import fields_of, fill
from oaikit.experiments.run.execution import keep
from oaikit.experiments.run.plan import plan_of
from oaikit.experiments.run.targets import Facts
from oaikit.experiments.scoring.scorers import exact
from oaikit.experiments.store.database import Result, Store
from oaikit.experiments.sweep import Sweep
from oaikit.sampling import CHAT, COMPLETIONS

LLM = ok.connect("http://localhost:1/v1", model="m")  # nobody is there, and nobody is asked
FACTS = Facts("m", {"model": "m"}, {}, vllm=True, max_num_seqs=None)
DATA = pd.DataFrame({"question": ["1+1?", "2+2?"], "answer": [2, 4]})


def design(space: Any = ({},), **changes: Any) -> Design:
    given: dict[str, Any] = {
        "items": items_of(DATA, None),
        "template": "Q: {question}",
        "endpoint": CHAT,
        "n": 1,
        "seed": None,
        "mode": "throughput",
    }
    made = Design(points=list(space), **given | changes)
    made.check()
    return made


def asked(made: Design, identity: str = "m") -> Questions:
    return questions(made, [{"model": identity}])


# -- what is asked -----------------------------------------------------------------------------------------------------


def test_bodies() -> None:
    (point,) = grid(temperature=0.5, system=named(terse="Be terse."), stop=[["\n"]])
    made = design([point], fixed={"max_tokens": 5})
    assert made.body(point, made.items[1]) == {
        "messages": [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Q: 2+2?"}],
        "temperature": 0.5,
        "stop": ["\n"],
        "max_tokens": 5,
    }


def test_completions_and_prompts_as_they_are() -> None:
    made = design(
        template=None, items=items_of(None, ["{not a name}"]), endpoint=COMPLETIONS, fixed={"logprobs": True}
    )
    assert made.body({}, made.items[0]) == {"prompt": "{not a name}", "logprobs": 0}


def test_axes_fill_the_prompt_and_templates_are_an_axis() -> None:
    made = design(grid(style=["rude", "kind"]), template="{style}: {question}")
    assert made.body(made.points[0], made.items[0])["messages"][0]["content"] == "rude: 1+1?"
    made = design(grid(template=named(q="Q: {question}", bare="{question}")), template=None)
    said = [made.body(point, made.items[0])["messages"][0]["content"] for point in made.points]
    assert said == ["Q: 1+1?", "1+1?"]


def test_greedy_cells_that_differ_in_nothing_that_counts_are_one() -> None:
    space = grid(temperature=[0, 1], top_p=[0.5, 1.0], min_p=[0, 0.1])
    found = asked(design(space, n=4, seed=3))
    greedy = {each.request for each in found.asked[:8]}
    assert len(found.asked) == 16
    assert len(greedy) == 2  # one per item
    assert {found.requests[name].executions for name in greedy} == {1}
    assert {found.requests[name].seed for name in greedy} == {None}
    assert len(found.requests) == 2 + 8


def test_penalties_count_at_temperature_zero() -> None:
    assert len(asked(design(grid(temperature=0, repetition_penalty=[1, 1.2]))).requests) == 4


def test_times_are_measured_each_time() -> None:
    found = asked(design(grid(temperature=0), n=3, mode="latency"))
    assert {request.executions for request in found.requests.values()} == {3}
    assert {*found.requests}.isdisjoint(asked(design(grid(temperature=0), n=3)).requests)


def test_a_name_depends_on_what_changes_the_output_and_on_nothing_else() -> None:
    base = asked(design(grid(temperature=0.5), n=2)).requests
    assert set(asked(design(grid(temperature=0.5), n=9)).requests) == set(base)  # more replicates of the same
    assert set(base) < set(asked(design(grid(temperature=[0.5, 0.7]))).requests)
    extra = DATA.assign(note="new", answer=0)
    assert set(asked(design(grid(temperature=0.5), items=items_of(extra, None))).requests) == set(base)
    for other in (
        design(grid(temperature=0.6)),
        design(grid(temperature=0.5), seed=1),
        design(grid(temperature=0.5), template="A: {question}"),
        design(grid(temperature=0.5), fixed={"max_tokens": 3}),
        design(grid(temperature=0.5), endpoint=COMPLETIONS),
    ):
        assert set(asked(other).requests).isdisjoint(base)
    assert set(asked(design(grid(temperature=0.5)), "other").requests).isdisjoint(base)


def test_seeds_differ_between_items_and_not_between_settings() -> None:
    found = asked(design(grid(temperature=[0.5, 1]), seed=0, n=2))
    seeds = [(each.item, found.requests[each.request].seed) for each in found.asked]
    assert len(set(seeds)) == 2
    other = asked(design(grid(temperature=[0.5, 1]), seed=1, n=2))
    assert {request.seed for request in found.requests.values()}.isdisjoint(
        request.seed for request in other.requests.values()
    )


def test_requests_are_made_by_lane_and_prefix() -> None:
    space = grid(temperature=[1, 0], system=["a", "b"])
    made = sorted(asked(design(space)).requests.values(), key=prefix_order)
    said = [(each.lane, each.body["messages"][0]["content"]) for each in made]
    assert said == [(lane, system) for lane in (0, 1) for system in ("a", "b") for _ in range(2)]


# -- templates and items -----------------------------------------------------------------------------------------------


def test_templates() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "{a} {{b}} {c:>4}"}]}]
    assert fields_of(messages) == ["a", "c"]
    assert fill(messages, {"a": 1, "c": 2})[0]["content"][0]["text"] == "1 {b}    2"


@pytest.mark.parametrize("template", ["{", "{a b}", "{0}", "{a.__class__}", "{}", '{"json": 1}'])
def test_braces_that_are_no_names_are_refused(template: str) -> None:
    with pytest.raises(InvalidRequestError, match=r"\{\{ and \}\}"):
        fields_of(template)


def test_items_are_called_by_the_index() -> None:
    items = items_of(DATA.set_index(pd.Index(["x", "y"])), None)
    assert [item.id for item in items] == ["x", "y"]
    assert items[1].data == {"question": "2+2?", "answer": 4}
    assert items_of([{"a": 1}], None) == [Item(0, {"a": 1})]
    assert items_of(None, ["p"]) == [Item(0, {}, "p")]


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "param", "message"),
    [
        ({"space": grid(temprature=[0])}, "temprature", "did you mean temperature"),
        ({"space": grid(temperature=[0, 3])}, "temperature", r"temperature=3"),
        ({"space": grid(max_tokens=["many"])}, "max_tokens", "max_tokens='many'"),
        ({"space": []}, "space", "no points"),
        (
            {"space": {"temperature": [0, 1]}},
            "temperature",
            r"not a list of 2 .* give grid\(temperature=\[…\]\)",
        ),
        ({"space": {"temperature": "hot"}}, "temperature", "not \"hot\" \\(at temperature='hot'\\)$"),
        ({"space": {"best_of": "x"}}, "best_of", "must be an integer"),
        ({"space": grid(n=[1, 2])}, "n", r"Sweep\(n=…\)"),
        ({"space": grid(seed=[1, 2])}, "seed", r"Sweep\(seed=…\)"),
        ({"space": grid(temperature=0), "temperature": 1}, "temperature", "an axis and given beside it"),
        ({"space": grid(answer=["x"])}, "answer", "column of the data and an axis"),
        ({"prompt": "{qestion}"}, "prompt", "have 'qestion'; there are question, answer"),
        ({"prompt": "{question"}, "prompt", "brace"),
        ({"prompt": None}, "prompt", "there is nothing"),
        ({"prompts": ["a"]}, "prompt", "one of prompt, prompts"),
        ({"prompt": ["a"]}, "prompt", "one text"),
        ({"prompt": None, "prompts": ["a"]}, "prompts", "not both"),
        ({"data": DATA.iloc[:0]}, "data", "no rows"),
        ({"data": [{"question": "a"}, {"question": "\ud800"}]}, "data", "no text in Unicode"),
        ({"data": DATA.astype(object).replace("2+2?", "\ud800")}, "data", "no text in Unicode"),
        *(
            ({"data": None, "prompt": None, "prompts": ["a", other], **more}, "prompts", message)
            for other, more, message in [
                (None, {}, "prompt 1 must be a text or a list of messages, not None"),
                (math.nan, {}, "prompt 1 must be a text"),
                ({"role": "user", "content": "a"}, {}, "a list of messages, not {'content'"),
                ([], {}, r"not an empty list \(in prompt 1\)"),
                ([{"content": "a"}], {}, r"`messages\[0\].role` is missing"),
                ("\ud800", {}, "no text in Unicode"),
                ([{"role": "user", "content": "\ud800"}], {}, r"no text in Unicode \(in prompt 1\)"),
                (["a", "b"], {"completion": True}, "a list of token ids, not"),
                ([], {"completion": True}, "a list of token ids"),
            ]
        ),
        ({"data": pd.DataFrame({"question": ["a", None]})}, "data", "row 1"),
        ({"data": pd.DataFrame({"question": pd.array(["a", None], dtype="string")})}, "data", "row 1"),
        ({"data": pd.DataFrame({"question": pd.array([1, None], dtype="Int64")})}, "data", "row 1"),
        ({"data": DATA.set_index(pd.Index([3, 3]))}, "data", "index has 3 twice"),
        ({"data": DATA[["question", "question"]]}, "data", "two columns of one name"),
        ({"data": DATA.assign(text="x")}, "data", "column 'text'"),
        ({"n": 0}, "n", "at least 1"),
        ({"mode": "fast"}, "mode", "'throughput' or 'latency'"),
        ({"concurrency": 0}, "concurrency", "at least 1"),
        ({"score": exact("anwser")}, "score", "reads 'anwser'"),
        ({"score": {"answer": len}}, "score", "name of a score and of a column"),
        ({"llm": "gpt"}, "llm", "is no model"),
        ({"llm": []}, "llm", "no model to ask"),
        ({"llm": [LLM, LLM], "data": DATA.assign(model="x")}, "data", "column 'model'"),
        ({"completion": True, "system": "x"}, "system", "neither a sampling parameter"),
    ],
)
def test_bad_input_is_refused_before_anything_runs(given: dict[str, Any], param: str, message: str) -> None:
    sound: dict[str, Any] = {
        "llm": LLM,
        "space": grid(temperature=[0, 1]),
        "data": DATA,
        "prompt": "Q: {question}",
    }
    Sweep(**sound)
    with pytest.raises(InvalidRequestError, match=message) as caught:
        Sweep(**sound | given)
    assert caught.value.param == param


def test_a_sweep_closes_its_store_at_the_end_of_a_with_statement(tmp_path: Path) -> None:
    with Sweep(LLM, data=DATA, prompt="Q: {question}", store=tmp_path / "s.db") as sweep:
        sweep._store.forget_scores("none")
        assert (tmp_path / "s.db-wal").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]
    with pytest.raises(StorageError, match="closed"):
        sweep._store.forget_scores("none")


def test_a_store_that_is_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequestError, match="no store at"):
        open_sweep(tmp_path / "none.db")
    Store(tmp_path / "empty.db").close()
    with pytest.raises(InvalidRequestError, match="no such sweep"):
        open_sweep(tmp_path / "empty.db")


# -- the plan ----------------------------------------------------------------------------------------------------------


def test_a_plan_counts_rows() -> None:
    store = Store()
    made = design(grid(temperature=[0, 1], top_p=[0.5, 1.0]), n=4, fixed={"max_tokens": 10})
    prepared = keep(made, [FACTS], [], store)
    plan = plan_of(prepared, store)
    assert (plan.cells, plan.items, plan.replicates, plan.rows) == (4, 2, 4, 32)
    # Greedy: 2 items once, where 2 cells × 2 items × 4 replicates are shown. Sampled: 2 cells × 2 items × 4.
    assert (plan.shared, plan.cached, plan.to_run) == (14, 0, 18)
    assert (plan.completion_tokens, plan.time_s) == (180, None)
    name = next(name for name, request in prepared.questions.requests.items() if request.executions == 4)
    store.record([Result(name, each, "r", text="x") for each in (0, 2)])
    again = keep(made, [FACTS], [], store)
    assert plan_of(again, store).cached == 2
    assert again.missing[name] == [1, 3]
    assert "32 rows" in str(plan)


def test_models_are_an_axis() -> None:
    store = Store()
    prepared = keep(design(grid(temperature=[1, 2])), [FACTS, FACTS], [], store)
    assert prepared.spec.axes == ["model", "temperature"]
    assert [cell["model"] for cell in prepared.spec.cells] == ["m #1", "m #1", "m #2", "m #2"]


# -- searches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temperature": (0.0, 1.0)}, "maximize or minimize"),
        ({"temperature": (0.0, 1.0), "maximize": "a", "minimize": "b"}, "maximize or minimize"),
        ({"maximize": "len"}, "nothing to search"),
        ({"temperature": (1.0, 0.0), "maximize": "len"}, r"a range \(low, high\)"),
        ({"temperature": [], "maximize": "len"}, "a list of values"),
        ({"temperature": (0.0, 9.0), "maximize": "len"}, "temperature=9"),
        ({"temprature": (0.0, 1.0), "maximize": "len"}, "did you mean temperature"),
        ({"temperature": (0.0, 1.0), "maximize": "len", "trials": 0}, "at least 1"),
    ],
)
def test_a_search_that_makes_no_sense(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        Sweep(LLM, prompts=["a"], score=len).tune(**given)
    with pytest.raises(InvalidRequestError, match="one model"):
        Sweep([LLM, LLM], prompts=["a"], score=len).tune(temperature=(0.0, 1.0), maximize="len")
