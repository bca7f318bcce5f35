"""The tuning table without a widget and without a model: rows, prompts, document, results, exports, errors."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from oaikit.connection import Connection
from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import UNITS
from oaikit.experiments.design.items import items_of
from oaikit.experiments.design.space import named
from oaikit.experiments.sweep import Sweep
from oaikit.reply import Choice, Reply, Token, Usage
from oaikit.sampling import CHAT, COMPLETIONS, Endpoint, Limits
from oaikit.widgets.document import LiveDocument
from oaikit.widgets.tuning.answer import Asked, Result, numbers
from oaikit.widgets.tuning.exports import row_python, static, sweep_arguments, table_python
from oaikit.widgets.tuning.frame import frame
from oaikit.widgets.tuning.parameters import check_row, controls, known
from oaikit.widgets.tuning.session import AT_ONCE, Session, empty_document
from oaikit.widgets.tuning.state import State
from oaikit.widgets.tuning.table import TuningTable

HOT, COLD = {"temperature": 1}, {"temperature": 0}


def state(
    *rows: dict[str, Any],
    prompt: Any = "Hi",
    data: Any = None,
    endpoint: Endpoint = CHAT,
    **fixed: Any,
) -> State:
    templates = [prompt] if isinstance(prompt, str) else prompt
    return State(endpoint, templates, items_of(data, None), rows, fixed)


def bodies(table: State) -> list[dict[str, Any]]:
    return [table.body(row, question) for row in table.rows for question in table.questions()]


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "wrong", "said"),
    [
        ({"temperature": 9}, "temperature", "from 0 to 2"),
        ({"temperature": "warm"}, "temperature", '"warm"'),
        ({"top_k": 1.5}, "top_k", "integer"),
        ({"stop": 5}, "stop", "string"),
        ({"min_tokens": 9, "max_tokens": 5}, "min_tokens", "max_tokens"),
        ({"top_logprobs": 3}, "top_logprobs", "logprobs"),
        ({"system": ["x"]}, "system", "text"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_by_name(values: dict[str, Any], wrong: str, said: str) -> None:
    given, errors = check_row(CHAT, values, {}, Limits())
    assert list(errors) == [wrong]
    assert said in errors[wrong]
    assert given == values, "what was typed stays"


def test_right_values_are_as_they_are_sent() -> None:
    assert check_row(CHAT, {"top_k": 20.0, "top_logprobs": 2}, {"logprobs": True}, Limits()) == (
        {"top_k": 20, "top_logprobs": 2},
        {},
    )
    assert check_row(CHAT, {"min_tokens": 50}, {}, Limits()) == ({"min_tokens": 50}, {})


def test_columns_are_the_parameters_of_one_answer() -> None:
    assert {"temperature", "seed", "logit_bias", "chat_template_kwargs"} <= set(known(CHAT))
    assert not {"n", "model", "stream", "messages", "prompt", "tools", "chat_template"} & set(known(CHAT))
    assert {"suffix", "echo"} <= set(known(COMPLETIONS))
    made = {
        each["name"]: each for each in controls(CHAT, ["topic"], {"top_p": 0.5}, {"temperature": 0.6}, 64)
    }
    assert made["temperature"]["default"] == 0.6, "the model's"
    assert made["top_p"]["default"] == 0.5, "the table's"
    assert made["max_tokens"]["max"] == 64
    assert made["topic"]["control"] == made["system"]["control"] == "text"
    assert "system" not in {each["name"] for each in controls(COMPLETIONS, [], {}, {}, None)}


@pytest.mark.parametrize(
    ("arguments", "param", "said"),
    [
        ({"rows": [{"temprature": 1}]}, "temprature", "did you mean temperature?"),
        ({"rows": [{"temperature": 9}]}, "temperature", "from 0 to 2"),
        ({"rows": [{"n": 2}]}, "n", "neither"),
        ({"rows": [{}], "top_p": 7}, "top_p", "at most 1"),
        ({"rows": [{}], "prompt": []}, "prompt", "nothing to ask"),
        ({"rows": [{}], "prompt": ["a", 1]}, "prompt", "a text or a few"),
        ({"rows": [{}], "prompt": None}, "prompt", "one of"),
        ({"rows": [{}], "messages": [{}]}, "prompt", "one of"),
        ({"rows": [{"topic": "x"}], "prompt": "{topic}", "data": [{"topic": "y"}]}, "topic", "already"),
        ({"rows": [{"text": "x"}], "prompt": "{text}"}, "text", "column of the results"),
        ({"rows": [{}], "data": [{"text": "x"}]}, "data", "column of the results"),
        ({"rows": [{}], "llm": "tiny"}, "llm", "no model"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_is_asked(
    arguments: dict[str, Any], param: str, said: str
) -> None:
    with pytest.raises(InvalidRequestError, match=said) as caught:
        TuningTable(**{"prompt": "Hi", **arguments})
    assert caught.value.param == param


# -- rows --------------------------------------------------------------------------------------------------------------


def test_rows_are_added_copied_moved_and_removed() -> None:
    table = state(COLD, HOT)
    a, b = table.rows
    table.enter(a.id, "top_p", 7)
    copy = table.duplicate(a.id)
    assert (copy.values, list(copy.errors)) == ({"temperature": 0, "top_p": 7}, ["top_p"])
    assert [row.id for row in table.rows] == [a.id, copy.id, b.id]
    table.move(b.id, 0)
    table.move(a.id, 9)
    assert [row.id for row in table.rows] == [b.id, copy.id, a.id]
    table.remove(copy.id)
    table.move(table.add({"seed": 3}).id, 1)
    assert [row.values for row in table.rows] == [HOT, {"seed": 3}, {"temperature": 0, "top_p": 7}]
    assert table.columns == ["temperature", "top_p", "seed"]
    with pytest.raises(InvalidRequestError, match="any more"):
        table.remove(copy.id)


def test_a_wrong_value_stays_marked_until_it_is_right() -> None:
    table = state(HOT)
    (row,) = table.rows
    table.enter(row.id, "temperature", "warm")
    assert row.values == {"temperature": "warm"}
    assert "set 1" in (table.problem(row) or "")
    assert table.asked(row, table.questions()[0]) is None
    table.enter(row.id, "temperature", 0.5)
    assert (row.values, row.errors, table.problem(row)) == ({"temperature": 0.5}, {}, None)
    table.enter(row.id, "temperature", None)
    assert row.values == {}
    with pytest.raises(InvalidRequestError, match="from 0 to 2"):
        table.set(row.id, {"temperature": 3})
    assert (row.values, row.errors) == ({}, {}), "Python's are refused"
    with pytest.raises(InvalidRequestError, match="neither"):
        table.enter(row.id, "temprature", 1)


def test_a_column_goes_with_its_values() -> None:
    table = state({"min_tokens": 5, "seed": 1})
    table.enter(table.rows[0].id, "max_tokens", 2)
    assert table.rows[0].errors
    table.remove_column("min_tokens")
    assert (table.rows[0].values, table.rows[0].errors) == ({"seed": 1, "max_tokens": 2}, {})
    table.add_column("top_k")
    assert table.columns == ["seed", "max_tokens", "top_k"]


def test_values_of_numpy_and_names_are_plain() -> None:
    np = pytest.importorskip("numpy")
    (system,) = named(terse="Be terse.")
    table = state({"temperature": np.float64(0.5), "top_k": np.int64(3), "system": system, "seed": None})
    assert table.rows[0].values == {"temperature": 0.5, "top_k": 3, "system": "Be terse."}
    json.dumps(table.view(), allow_nan=False)


# -- prompts -----------------------------------------------------------------------------------------------------------


def test_every_row_is_asked_every_prompt_about_every_item() -> None:
    table = state(
        {"style": "prose", "system": "Be kind."},
        {"style": "verse"},
        prompt=["{style} on {topic}", "More {topic}"],
        data=[{"topic": "rain"}, {"topic": "sun"}],
        max_tokens=5,
    )
    table.context = 100
    asked = bodies(table)
    assert [body["messages"][-1]["content"] for body in asked] == [
        *("prose on rain", "prose on sun", "More rain", "More sun"),
        *("verse on rain", "verse on sun", "More rain", "More sun"),
    ]
    assert asked[0]["messages"][0] == {"role": "system", "content": "Be kind."}
    assert {key for body in asked for key in body} == {"messages", "max_tokens"}
    assert [title for _, title in table.titles()][:2] == ["prompt 1 · item 0", "prompt 1 · item 1"]
    assert [title for _, title in state().titles()] == [""]


def test_max_tokens_are_what_is_left_unless_they_are_said() -> None:
    table = state({}, {"max_tokens": 3})
    table.context = 100
    assert [body["max_tokens"] for body in bodies(table)] == [100, 3]


def test_a_row_overrules_what_is_the_same_for_all() -> None:
    table = state({}, {"temperature": 0.1}, endpoint=COMPLETIONS, temperature=0.9)
    assert bodies(table) == [{"prompt": "Hi", "temperature": 0.9}, {"prompt": "Hi", "temperature": 0.1}]


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("", "empty"),
        ("a {", "brace"),
        ("a {0}", "can't be a name"),
        ("a {topic}", "topic"),
        ("a {text}", "column of the results"),
    ],
)
def test_what_is_wrong_with_a_prompt_keeps_its_rows_from_running(prompt: str, said: str) -> None:
    table = state({})
    table.set_prompt(table.prompts[0].id, prompt)
    assert said in (table.view()["prompts"][0]["error"] or "")
    assert said in (table.problem(table.rows[0]) or "")


def test_names_in_braces_become_variables() -> None:
    table = state({})
    table.set_prompt(table.prompts[0].id, "{a} {b}")
    assert table.variables() == ["a", "b"]
    (item,) = table.items
    table.set_variable(item, "a", "1")
    table.set_variable(item, "b", "2")
    assert bodies(table)[0]["messages"][0]["content"] == "1 2"
    table.add_item()
    assert [each["values"] for each in table.view()["items"]] == [
        {"a": "1", "b": "2"},
        {"a": None, "b": None},
    ]
    assert "{a} has no value" in (table.problem(table.rows[0]) or "")
    table.remove_item(list(table.items)[1])
    with pytest.raises(InvalidRequestError, match="at least one"):
        table.remove_item(item)
    table.set_variable(item, "b", None)
    table.enter(table.rows[0].id, "b", "from the row")
    assert table.variables() == ["a"]
    assert bodies(table)[0]["messages"][0]["content"] == "1 from the row"


def test_prompts_come_and_go() -> None:
    table = state({})
    with pytest.raises(InvalidRequestError, match="at least one"):
        table.remove_prompt(table.prompts[0].id)
    table.set_prompt(table.add_prompt().id, "Bye")
    assert [body["messages"][0]["content"] for body in bodies(table)] == ["Hi", "Bye"]
    table.remove_prompt(table.prompts[0].id)
    assert len(bodies(table)) == 1
    talk = state({}, prompt=[[{"role": "system", "content": "{x}"}, {"role": "user", "content": "y"}]])
    assert talk.view()["prompts"][0]["text"] == "system: {x}\n\nuser: y"
    assert not talk.view()["prompts"][0]["editable"]
    with pytest.raises(InvalidRequestError, match="conversation"):
        talk.add_prompt()


# -- the session -------------------------------------------------------------------------------------------------------


Work = Callable[[Session], Awaitable[Any]]


@pytest.fixture
def session(nowhere: Connection) -> Callable[[Work, State], Session]:
    """Does something with a session of a server that is not there."""

    def run(work: Work, table: State) -> Session:
        async def steps() -> Session:
            made = Session(nowhere, LiveDocument(empty_document()), table, kernel="k")
            await work(made)
            await made.stop()
            json.dumps(made.document.state, allow_nan=False)
            return made

        return asyncio.run(steps())

    return run


Run = Callable[[Work, State], Session]


def test_a_server_that_is_not_there_fails_the_answers(session: Run) -> None:
    async def work(made: Session) -> None:
        await made.run(waited=True)
        state = made.document.state
        assert state["busy"]
        assert state["stop"]["kernel"] == "k"
        assert len(state["stop"]["tokens"]) == 2
        await made.wait()

    made = session(work, state(COLD, HOT))
    document = made.document.state
    answers = [answer for row in document["answers"].values() for answer in row.values()]
    assert [answer["state"] for answer in answers] == ["failed", "failed"]
    assert all(answer["error"] and answer["abort"] is None for answer in answers)
    assert (document["busy"], document["stop"]) == (False, None)
    assert [result.error.split(":")[0] for result in made.results.values() if result.error] == [
        "ServerNotFoundError",
        "ServerNotFoundError",
    ]


def test_more_answers_than_are_asked_at_once_are_stopped_by_an_interrupt(session: Run) -> None:
    async def work(made: Session) -> None:
        await made.run(waited=True)
        assert made.document.state["stop"] == {"tokens": [], "kernel": "k"}
        await made.stop()
        await made.run()
        assert len(made.document.state["stop"]["tokens"]) == AT_ONCE + 1, (
            "nothing waits that could be interrupted"
        )
        assert made.document.state["stop"]["kernel"] is None

    made = session(work, state(*([COLD] * (AT_ONCE + 1))))
    states = [answer["state"] for row in made.document.state["answers"].values() for answer in row.values()]
    assert set(states) <= {"stopped", "failed"}
    assert states[-1] == "stopped", "it was never asked"


def test_a_wrong_value_stops_a_run_before_it_begins(session: Run) -> None:
    async def work(made: Session) -> None:
        row = made.state.rows[1].id
        await made.set(row, "temperature", 9)
        with pytest.raises(InvalidRequestError, match="set 2"):
            await made.run()
        assert not made.document.state["answers"]
        await made.run(made.state.rows[0].id)
        await made.wait()

    assert len(session(work, state(COLD, HOT)).results) == 1


def test_answers_to_what_has_changed_are_marked(session: Run) -> None:
    def stale(made: Session) -> list[bool]:
        answers = made.document.state["answers"]
        return [answer["stale"] for row in made.state.rows for answer in answers.get(row.id, {}).values()]

    async def work(made: Session) -> None:
        await made.run()
        await made.wait()
        row, prompt = made.state.rows[0].id, made.state.prompts[0].id
        assert stale(made) == [False, False]
        await made.set(row, "temperature", 0.5)
        assert stale(made) == [True, False]
        await made.set(row, "temperature", 0)
        assert stale(made) == [False, False]
        await made.set_prompt(prompt, "Other")
        assert stale(made) == [True, True]
        await made.add_prompt()
        await made.remove_prompt(prompt)
        assert stale(made) == []

    assert not session(work, state(COLD, HOT)).results


def test_one_answer_to_a_question_wins(session: Run) -> None:
    async def work(made: Session) -> None:
        (a, b), (question,) = [row.id for row in made.state.rows], [q.id for q in made.state.questions()]
        with pytest.raises(InvalidRequestError, match="no answer yet"):
            await made.vote(a, question)
        await made.run()
        await made.wait()
        await made.vote(a, question)
        await made.vote(b, question)
        await made.note(b, question, "<b>funny</b>")
        answers = made.document.state["answers"]
        assert [answers[row][question]["winner"] for row in (a, b)] == [False, True]
        assert answers[b][question]["note"] == "<b>funny</b>"
        await made.set_base(a)
        html, text = static(made.document.state)
        assert "<b>funny" not in html
        assert "★ winner" in text
        await made.vote(b, question)
        assert not answers[b][question]["winner"]
        await made.vote(b, question)
        await made.remove(a)
        assert made.document.state["base"] is None
        await made.run(b)
        assert not answers[b][question]["winner"], "another answer, which nobody voted for"
        with pytest.raises(InvalidRequestError, match="stop"):
            await made.remove(b)
        with pytest.raises(InvalidRequestError, match="layout"):
            await made.set_layout("pile")

    session(work, state(COLD, HOT))


# -- results -----------------------------------------------------------------------------------------------------------


def reply(text: str) -> Reply:
    tokens = [Token("a", -0.5), Token("b", -1.5)]
    return Reply(
        model="tiny",
        choices=[Choice(text, "stop", tokens=tokens)],
        usage=Usage(7, 2),
        ttft_s=0.1,
        latency_s=0.3,
    )


def result(text: str, values: dict[str, Any], *, winner: bool = False, error: str | None = None) -> Result:
    body = {"messages": [{"role": "user", "content": "Hi Ada"}], **values}
    asked = Asked("p1.i1", values, "prompt 1", 0, {"who": "Ada"}, body, "key", "run")
    return Result(asked, reply(text), error, winner)


def test_the_table_is_a_frame_like_a_sweeps() -> None:
    pd = pytest.importorskip("pandas")
    results = [
        (0, result("one", {"temperature": 0, "system": "S", "seed": 5, "logprobs": True})),
        (2, result("two", {"temperature": 0.5, "logprobs": True}, winner=True, error="stopped")),
    ]
    df = frame(results, fixed={"logprobs": True}, provenance={"oaikit": "1"})
    assert list(df.columns[:4]) == ["temperature", "system", "item", "who"]
    assert df.attrs["axes"] == ["temperature", "system"]
    assert df.attrs["units"] == UNITS
    assert df["temperature"].tolist() == [0, 0.5]
    assert df["text"].tolist() == ["one", "two"]
    assert df["mean_logprob"].tolist() == [-1, -1]
    assert df["winner"].tolist() == [0, 1]
    assert df["cell"].tolist() == [0, 2]
    assert df["seed"].tolist()[0] == 5
    assert pd.isna(df["seed"].tolist()[1])
    assert df["prompt"].tolist() == ["Hi Ada"] * 2
    assert df["error"].tolist()[1] == "stopped"
    assert df["tokens_per_s"].isna().all()  # too few tokens for a rate


def test_the_columns_and_dtypes_are_those_of_a_sweep(nowhere: Connection, tmp_path: Any) -> None:
    from oaikit.experiments.analysis.results import Results
    from oaikit.experiments.run.execution import keep
    from oaikit.experiments.run.targets import Facts
    from oaikit.experiments.store.database import Result as Row
    from oaikit.experiments.store.database import Store

    store = Store(None)
    sweep = Sweep(nowhere, [COLD], prompt="Hi {who}", data=[{"who": "Ada"}], store=store)
    kept = keep(sweep._design, [Facts("tiny", {}, {}, True, None)], (), store)
    store.begin_run("run", kept.sweep, {})
    store.record([Row(next(iter(kept.questions.requests)), 0, "run", text="one")])
    theirs = Results(store, kept.sweep).df
    ours = frame([(0, result("one", COLD))], fixed={}, provenance={})
    assert set(ours.columns) - set(theirs.columns) == {"winner", "note"}
    assert set(theirs.columns) <= set(ours.columns)
    types = {name: str(ours[name].dtype) for name in theirs.columns}
    assert types == {name: str(theirs[name].dtype) for name in theirs.columns}


def test_a_table_without_answers_is_an_empty_frame() -> None:
    pytest.importorskip("pandas")
    df = frame([], fixed={}, provenance={})
    assert len(df) == 0
    assert {"text", "winner", "mean_logprob"} <= set(df.columns)


def test_numbers_of_an_answer_that_was_broken_off() -> None:
    broken = reply("ab")
    broken.usage = Usage()
    assert numbers(broken)["completion_tokens"] == 2, "as many as came"
    assert numbers(Reply()) == dict.fromkeys(numbers(broken))


# -- exports -----------------------------------------------------------------------------------------------------------


def test_a_table_is_python_that_makes_it(nowhere: Connection) -> None:
    table = state(
        COLD, {"stop": ['"'], "system": "S"}, prompt=["a {x}", "b"], data=[{"x": "'\n"}], max_tokens=4
    )
    calls = [node for node in ast.walk(ast.parse(table_python(table))) if isinstance(node, ast.Call)]
    call = next(each for each in calls if getattr(each.func, "attr", "") == "TuningTable")
    given = {each.arg: ast.literal_eval(each.value) for each in call.keywords}
    assert given == {
        "prompt": ["a {x}", "b"],
        "data": [{"x": "'\n"}],
        "rows": [COLD, {"stop": ['"'], "system": "S"}],
        "max_tokens": 4,
    }
    assert 'messages=[{"role"'.replace('"', "'") in table_python(
        state({}, prompt=[[{"role": "user", "content": "x"}]])
    )
    assert "completion=True" in table_python(state({}, endpoint=COMPLETIONS))


def test_a_row_is_python_that_asks_the_same() -> None:
    table = state(HOT, prompt=["a", "b"], max_tokens=4)
    said = row_python(table, table.rows[0])
    ast.parse(said)
    assert said.count("llm.chat(") == 2
    assert "    'b',\n    max_tokens=4,\n    temperature=1,\n" in said
    with_system = state({"system": "S"})
    assert "'role': 'system'" in row_python(with_system, with_system.rows[0])


def test_a_table_becomes_a_sweep(nowhere: Connection) -> None:
    pytest.importorskip("pandas")
    table = state(
        {"temperature": 0.2, "seed": 4, "style": "prose"},
        {"temperature": 0.7, "seed": 5, "style": "verse"},
        prompt=["{style} on {topic}", "More {topic}"],
        data=[{"topic": "rain"}, {"topic": "sun"}],
        temperature=1,
        logprobs=True,
    )
    table.context = 99
    arguments = sweep_arguments(table)
    assert arguments["seed"] == 4
    sweep = Sweep(nowhere, **arguments, n=3)
    assert repr(sweep) == "Sweep(4 cells × 2 items × 3: 24 rows)"
    assert sweep._design.axes == ["template", "temperature", "style"]
    assert sweep._design.fixed == {"logprobs": True, "max_tokens": 99}
    body = sweep._design.body(sweep._design.points[0], sweep._design.items[1])
    assert body["messages"][-1]["content"] == "prose on sun"
    single = sweep_arguments(state({}, {"temperature": 0.5}, prompt="x", temperature=1))
    assert single["space"] == [{"temperature": 1}, {"temperature": 0.5}]
    assert single["prompt"] == "x"
