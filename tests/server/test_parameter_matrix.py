"""Every parameter × endpoint × {valid, edge, outside, wrong type, NaN, null}, sent to the real engine.

The values come from the types of the table. By hand there is only what a type can't know: what goes together, and what
this model, this engine and the server's limits refuse.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import pytest

from oaikit import sampling
from oaikit.sampling import BOTH, CHAT, COMPLETIONS, Endpoint, Limits, Parameter
from oaikit.sampling.structures import CONSTRAINTS
from tests.harness import SERVED, Answer, Server
from tests.server.values import (
    NO_NUMBERS,
    TOO_LARGE,
    edge,
    not_finite,
    outside,
    valid,
    wrong,
)

SLOWEST_S: Final = 10
AT_ONCE: Final = 8
CONTEXT: Final = 2048
JSON: Final = {"Content-Type": "application/json"}
MOST: Final = Limits()

# -- what types don't know ---------------------------------------------------------------------------------------------

ASKS: Final[dict[Endpoint, dict[str, Any]]] = {
    CHAT: {"messages": [{"role": "user", "content": "Hello"}]},
    COMPLETIONS: {"prompt": "Hello"},
}
LOGPROBS: Final[dict[Endpoint, dict[str, Any]]] = {CHAT: {"logprobs": True}, COMPLETIONS: {"logprobs": 1}}
# The function is called as the types call it.
TOOL: Final = {"type": "function", "function": {"name": "xx", "parameters": {"type": "object"}}}
# What a parameter needs beside it, or has no effect without.
COMPANIONS: Final[dict[str, dict[str, Any]]] = {
    "top_logprobs": LOGPROBS[CHAT],
    "stream_options": {"stream": True},
    "stream_interval": {"stream": True},
    "length_penalty": {"use_beam_search": True},
    "truncation_side": {"truncate_prompt_tokens": 2},
    "tool_choice": {"tools": [TOOL]},
    "parallel_tool_calls": {"tools": [TOOL], "tool_choice": "none"},
    "continue_final_message": {"add_generation_prompt": False},
}
TEXT: Final = {"type": "text", "text": "x"}
CALL: Final = {"id": "x", "type": "function", "function": {"name": "xx", "arguments": "{}"}}
CALLING: Final = {"role": "assistant", "tool_calls": [CALL]}
# More values: the server's limits, and what the model's vocabulary and context make of a number.
MORE: Final[dict[str, dict[str, list[Any]]]] = {
    "model": {"valid": [SERVED]},
    "n": {"edge": [MOST.n], "outside": [MOST.n + 1]},
    "best_of": {"edge": [MOST.n], "outside": [MOST.n + 1]},
    "prompt": {"edge": [["x"] * MOST.prompts], "outside": [["x"] * (MOST.prompts + 1), "x " * 3 * CONTEXT]},
    "messages": {
        "valid": [[{"role": "user", "content": [TEXT]}], [{"role": "user", "content": "x"}, CALLING]],
        "outside": [[{"role": "user", "content": "x " * 3 * CONTEXT}]],
    },
    "max_tokens": {"outside": [CONTEXT + 1]},
    "max_completion_tokens": {"outside": [CONTEXT + 1]},
    "prompt_logprobs": {"edge": [0, MOST.logprobs], "outside": [MOST.logprobs + 1]},
    "top_logprobs": {"edge": [0, MOST.logprobs], "outside": [MOST.logprobs + 1]},
    "chat_template_kwargs": {"outside": [{"chat_template": "x"}]},
    "logit_bias": {"edge": [{"0": 1, "2": -1}], "outside": [{"9999999999": 1}]},
    "truncate_prompt_tokens": {"edge": [CONTEXT], "outside": [CONTEXT + 1]},
    "response_format": {
        "valid": [{"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "integer"}}}],
        "outside": [{"type": "json_schema", "json_schema": {"name": "x", "schema": None}}],
    },
    "structured_outputs": {
        "edge": [{"regex": "x" * 200}],
        "outside": [{"regex": "x" * (MOST.pattern_bytes + 1)}, {"json": {}, "regex": "x"}],
    },
    "repetition_detection": {"valid": [{"max_pattern_size": 2, "min_pattern_size": 1, "min_count": 2}]},
}


@dataclass(frozen=True)
class Refused:
    """Values that fit the type, and are refused all the same. ``param`` is what the error names, "" the parameter."""

    reason: str
    of: Callable[[Any], bool]
    param: str | None = ""


def always(_: Any) -> bool:
    return True


def is_incomplete(messages: list[dict[str, Any]]) -> bool:
    """Whether a message has a part: those that types make have one field too few."""
    parts = messages[0].get("content")
    return isinstance(parts, list) and bool(parts) and parts != [TEXT]


REFUSED: Final[dict[str, list[Refused]]] = {
    "model": [Refused("it is not served: 404", lambda name: name != SERVED)],
    "messages": [Refused("a part is incomplete", is_incomplete)],
    "prompt": [
        Refused("no model has such a token", lambda prompt: str(2**31 - 1) in str(prompt), param=None),
        Refused("an empty prompt has nothing to continue", lambda prompt: prompt == [""]),
    ],
    "max_tokens": [
        Refused("0 is for echo", lambda most: most == 0),
        Refused("the context is shorter", lambda most: most > CONTEXT),
    ],
    "max_completion_tokens": [Refused("the context is shorter", lambda most: most > CONTEXT)],
    "n": [Refused("a limit of the server", lambda n: n > MOST.n)],
    "best_of": [Refused("a limit of the server", lambda n: n > MOST.n)],
    "min_tokens": [Refused("more than max_tokens", lambda least: least > 2)],
    "logprobs": [Refused("more than max_logprobs", lambda n: not 0 <= n <= MOST.logprobs)],
    "top_logprobs": [Refused("more than max_logprobs", lambda n: not 0 <= n <= MOST.logprobs)],
    "prompt_logprobs": [Refused("more than max_logprobs", lambda n: not 0 <= n <= MOST.logprobs)],
    "logprob_token_ids": [Refused("no model has such a token", lambda ids: 2**31 - 1 in ids)],
    "stop_token_ids": [Refused("no model has such a token", lambda ids: 2**31 - 1 in ids)],
    "allowed_token_ids": [Refused("no model has such a token", lambda ids: 2**31 - 1 in ids)],
    "response_format": [
        Refused(
            "there is no schema", lambda form: form["type"] == "json_schema" and "json_schema" not in form
        ),
        Refused("vLLM wants more fields of it", lambda form: form["type"] == "structural_tag"),
    ],
    "tools": [Refused("the engine has no parser for tool calls", always)],
    "tool_choice": [
        Refused("the engine has no parser for tool calls", lambda choice: choice == "auto", param="tools"),
        Refused("the engine has no parser for tool calls", lambda choice: choice not in ("none", "auto")),
    ],
    "suffix": [Refused("the model can't fill in the middle", always)],
    "structured_outputs": [
        Refused(
            "it must have exactly one form",
            lambda form: sum(form.get(name) is not None for name in CONSTRAINTS) != 1,
        ),
        Refused("false is no form", lambda form: form.get("json_object") is False),
    ],
    "thinking_token_budget": [Refused("the engine has no reasoning parser", lambda budget: budget >= 0)],
    "repetition_detection": [
        Refused(
            "sizes must be in order, and a count below 2 is no repetition",
            lambda how: (
                how.get("min_pattern_size", 0) > how.get("max_pattern_size", 0)
                or (how.get("max_pattern_size", 0) > 0 and how.get("min_count", 0) < 2)
            ),
        )
    ],
    "truncate_prompt_tokens": [Refused("the context is shorter", lambda most: most > CONTEXT)],
    "routed_experts_prompt_start": [Refused("the prompt is shorter", lambda start: start > 17)],
}


# -- the matrix --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    endpoint: Endpoint
    parameter: Parameter
    kind: str
    value: Any

    @property
    def body(self) -> bytes:
        body = {"model": SERVED, "max_tokens": 2, "temperature": 1, **ASKS[self.endpoint]}
        if self.value is not None:
            body |= COMPANIONS.get(self.parameter.name, {})
        if self.parameter.name == "logprob_token_ids":
            body |= LOGPROBS[self.endpoint]
        body |= {self.parameter.name: self.value}
        return json.dumps(body).replace(json.dumps(TOO_LARGE), "1e999").encode()

    @property
    def refused(self) -> Refused | None:
        """Why a value that fits the type is refused."""
        if self.value is None or self.kind not in ("valid", "edge"):
            return None
        reasons = REFUSED.get(self.parameter.name, [])
        return next((each for each in reasons if each.of(self.value)), None)

    @property
    def status(self) -> int:
        if self.kind == "null":
            return 400 if self.parameter.required else 200
        if self.kind not in ("valid", "edge"):
            return 400
        if self.parameter.says_nothing(self.value):
            return 200
        if self.parameter.trusted:
            return 400
        if self.refused is not None:
            return 404 if self.parameter.name == "model" else 400
        return 200

    def __str__(self) -> str:
        return f"{self.endpoint}, {self.kind}: {self.parameter.name} = {json.dumps(self.value)[:120]}"


ROWS: Final = [(endpoint, name) for endpoint in BOTH for name in sampling.parameters(endpoint)]


def cases(endpoint: Endpoint, name: str) -> list[Case]:
    """A row's values, each once."""
    row = sampling.parameters(endpoint)[name]
    more = MORE.get(name, {})
    values = {
        "null": [None],
        "outside": [*outside(row.type), *more.get("outside", [])],
        "wrong": [*wrong(row.type)],
        "nan": [*NO_NUMBERS, *not_finite(row.type)],
        "valid": [*valid(row.type), *more.get("valid", [])],
        "edge": [*edge(row.type), *more.get("edge", [])],
    }
    found: dict[str, Case] = {}
    for kind in values:
        for value in values[kind]:
            found.setdefault(json.dumps(value), Case(endpoint, row, kind, value))
    return list(found.values())


@dataclass(frozen=True)
class Outcome:
    case: Case
    answer: Answer
    took_s: float

    @property
    def complaint(self) -> str | None:
        """What is wrong with the answer."""
        case, answer = self.case, self.answer
        if answer.status != case.status:
            wanted = f"{case.status} ({case.refused.reason})" if case.refused else f"{case.status}"
            return f"{case}: {answer.status} instead of {wanted}: {answer.body[:300]!r}"
        if self.took_s > SLOWEST_S:
            return f"{case}: took {self.took_s:.1f} s"
        right = is_answer(answer) if answer.status == 200 else is_error(answer, case)
        return None if right else f"{case}: {answer.status} {answer.body[:300]!r}"


def is_answer(answer: Answer) -> bool:
    """Whether there are choices; a stream must have come to its end without an error."""
    if answer.headers["content-type"].startswith("text/event-stream"):
        return answer.body.endswith(b"data: [DONE]\n\n") and b'"error":' not in answer.body
    return bool(answer.json["choices"])


def is_error(answer: Answer, case: Case) -> bool:
    """Whether an error has OpenAI's shape and names the parameter."""
    error = answer.json["error"]
    param = case.refused.param if case.refused else ""
    return (
        answer.json.keys() == {"error"}
        and error.keys() == {"message", "type", "param", "code"}
        and bool(error["message"])
        and error["type"] == "invalid_request_error"
        and error["param"] == (case.parameter.name if param == "" else param)
        and isinstance(error["code"], str | None)
    )


@pytest.fixture(scope="module")
def outcomes(server: Server) -> dict[tuple[Endpoint, str], list[Outcome]]:
    """The answers to all cases, asked in an order that puts different parameters next to each other in a batch."""
    every = [case for row in ROWS for case in cases(*row)]
    random.Random(4).shuffle(every)

    def ask(case: Case) -> Outcome:
        outcome = once(case)
        # On a machine that is busy with something else all are slow: what hangs does so again.
        return outcome if outcome.took_s < SLOWEST_S else once(case)

    def once(case: Case) -> Outcome:
        began = time.monotonic()
        answer = server.request("POST", f"oaikit/v1/{case.endpoint}", case.body, headers=JSON)
        return Outcome(case, answer, time.monotonic() - began)

    found: dict[tuple[Endpoint, str], list[Outcome]] = {row: [] for row in ROWS}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for outcome in pool.map(ask, every):
            found[outcome.case.endpoint, outcome.case.parameter.name].append(outcome)
    return found


@pytest.mark.parametrize(("endpoint", "name"), ROWS)
def test_row(outcomes: dict[tuple[Endpoint, str], list[Outcome]], endpoint: Endpoint, name: str) -> None:
    complaints = [outcome.complaint for outcome in outcomes[endpoint, name] if outcome.complaint]
    assert not complaints, "\n".join(complaints)


def test_the_engine_is_as_well_as_before(
    server: Server, outcomes: dict[tuple[Endpoint, str], list[Outcome]]
) -> None:
    assert outcomes
    status = server.status()
    assert (status["state"], status["restarts"], status["in_flight"]) == ("ready", 0, 0)


@pytest.mark.parametrize(("endpoint", "name"), ROWS)
def test_a_row_has_every_kind_of_value(endpoint: Endpoint, name: str) -> None:
    row = sampling.parameters(endpoint)[name]
    wanted = {"null", "valid", "wrong", "nan"}
    wanted |= {"edge", "outside"} if row.bounds else set()
    assert {case.kind for case in cases(endpoint, name)} >= wanted


def test_nothing_is_listed_as_refused_that_is_never_sent() -> None:
    sent = {case.refused for row in ROWS for case in cases(*row)}
    stale = [f"{name}: {each.reason}" for name in REFUSED for each in REFUSED[name] if each not in sent]
    assert not stale
