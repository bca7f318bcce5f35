"""A tuning table as Python, as a sweep's arguments, and as a static table for those who have no widget."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from typing import Any

from oaikit.errors import InvalidRequestError
from oaikit.experiments.design.cells import TEMPLATE
from oaikit.experiments.design.space import Named
from oaikit.sampling import CHAT, COMPLETIONS
from oaikit.transcript import answer_html
from oaikit.transcript import numbers as numbers_line
from oaikit.widgets.tuning.parameters import SEED, as_json
from oaikit.widgets.tuning.state import Row, State

_CELL = 'style="vertical-align:top;text-align:left;border:1px solid;padding:.3em .6em"'


# -- Python ------------------------------------------------------------------------------------------------------------


def table_python(state: State) -> str:
    """A script that makes the table anew."""
    templates = [prompt.template for prompt in state.prompts]
    name = "prompt" if all(isinstance(template, str) for template in templates) else "messages"
    arguments = [f"{name}={(templates[0] if len(templates) == 1 else templates)!r},"]
    if any(item.data for item in state.items.values()):
        arguments += ["data=[", *(f"    {as_json(item.data)!r}," for item in state.items.values()), "],"]
    arguments += ["rows=[", *(f"    {row.values!r}," for row in state.rows), "],"]
    arguments += ["completion=True,"] if state.endpoint == COMPLETIONS else []
    arguments += [f"{name}={value!r}," for name, value in state.fixed.items()]
    body = "".join(f"    {line}\n" for line in ["llm,", *arguments])
    return f"import oaikit as ok\n\nllm = ok.connect()\ntable = ok.TuningTable(\n{body})\ntable\n"


def row_python(state: State, row: Row) -> str:
    """A script that asks what a row asks.

    Raises:
        InvalidRequestError: what keeps the row from being run.
    """
    if problem := state.problem(row):
        raise InvalidRequestError(problem, param="row")
    calls = []
    for question in state.questions():
        body = state.body(row, question)
        asked = body.pop("messages", None) or body.pop("prompt")
        if isinstance(asked, list) and len(asked) == 1:
            asked = asked[0]["content"]
        arguments = "".join(
            f"    {each},\n" for each in [repr(asked), *(f"{n}={v!r}" for n, v in body.items())]
        )
        calls.append(
            f"reply = llm.{'chat' if state.endpoint == CHAT else 'complete'}(\n{arguments})\nprint(reply.text)\n"
        )
    return f"import oaikit as ok\n\nllm = ok.connect()\n{''.join(calls)}"


# -- a sweep -----------------------------------------------------------------------------------------------------------


def sweep_arguments(state: State) -> dict[str, Any]:
    """What `Sweep` is to be given to ask what the table asks.

    A sweep gives each replicate a seed of its own: the first of the table's seeds is the one that these are made from.
    """
    own = {name for row in state.rows for name in row.values}
    shared = {name: value for name, value in state.fixed.items() if name in own}
    points = [{**shared, **row.values} for row in state.rows]
    seeds = [point.pop(SEED, state.fixed.get(SEED)) for point in points]
    fixed = {name: value for name, value in state.fixed.items() if name not in own and name != SEED}
    if state.context is not None and "max_tokens" not in own:
        fixed.setdefault("max_tokens", state.context)
    arguments: dict[str, Any] = {"completion": state.endpoint == COMPLETIONS, **fixed}
    if (seed := next((each for each in seeds if each is not None), None)) is not None:
        arguments["seed"] = seed
    templates = [prompt.template for prompt in state.prompts]
    if len(templates) > 1:
        named = [Named(f"prompt {place + 1}", template) for place, template in enumerate(templates)]
        points = [{TEMPLATE: template, **point} for template in named for point in points]
    else:
        arguments["prompt" if isinstance(templates[0], str) else "messages"] = templates[0]
    if any(item.data for item in state.items.values()):
        arguments["data"] = _data(state)
    return {"space": points, **arguments}


def _data(state: State) -> Any:
    import pandas as pd

    items = list(state.items.values())
    return pd.DataFrame([dict(item.data) for item in items], index=[item.id for item in items])


# -- for readers without the widget ------------------------------------------------------------------------------------


def static(document: Mapping[str, Any]) -> tuple[str, str]:
    """The table as safe HTML and as plain text."""
    return _html(document), _text(document)


def _html(document: Mapping[str, Any]) -> str:
    questions = document["questions"]
    heads = ["Set", *document["columns"], *(question["title"] or "Answer" for question in questions)]
    head = "".join(f"<th {_CELL}>{escape(each)}</th>" for each in heads)
    rows = []
    for place, row in enumerate(document["rows"]):
        values = [escape(_value(row["values"].get(name))) for name in document["columns"]]
        given = document["answers"].get(row["id"], {})
        answers = [_answer_html(given.get(question["id"])) for question in questions]
        cells = "".join(f"<td {_CELL}>{each}</td>" for each in [str(place + 1), *values, *answers])
        rows.append(f"<tr>{cells}</tr>")
    prompts = "".join(
        f'<p style="white-space:pre-wrap">{escape(prompt["text"])}</p>' for prompt in document["prompts"]
    )
    return f"{prompts}<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _answer_html(answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return ""
    return answer_html(answer["text"], reasoning=answer["reasoning"], footer=" · ".join(_remarks(answer)))


def _remarks(answer: Mapping[str, Any]) -> list[str]:
    known = answer["numbers"]
    figures = {name: known[name] for name in ("completion_tokens", "ttft_s", "tokens_per_s")}
    state = "" if answer["state"] == "done" else answer["error"] or answer["state"]
    mean = known["mean_logprob"]
    remarks = [
        "★ winner" if answer["winner"] else "",
        numbers_line(finish_reason=answer["finish_reason"], state=state, **figures),
        "" if mean is None else f"mean log-probability {mean:.3f}",
        "of settings that have changed since" if answer["stale"] else "",
        answer["note"],
    ]
    return [remark for remark in remarks if remark]


def _text(document: Mapping[str, Any]) -> str:
    lines = []
    for place, row in enumerate(document["rows"]):
        values = ", ".join(f"{name}={_value(value)}" for name, value in row["values"].items())
        lines.append(f"set {place + 1}: {values or 'defaults'}")
        given = document["answers"].get(row["id"], {})
        for question in document["questions"]:
            if answer := given.get(question["id"]):
                titled = [question["title"], answer["text"], f"({' · '.join(_remarks(answer))})"]
                lines.append("  " + " ".join(part for part in titled if part))
    return "\n".join(lines)


def _value(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
