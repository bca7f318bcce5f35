"""Every parameter on each of its endpoints, with values that pass and values that don't.

The ranges are written down here once more, from the seed and from vLLM 0.32, so that a slip in the table is seen.
"""

from __future__ import annotations

import json
import math
import time
from typing import Any

import jsonschema
import pytest

from oaikit import sampling
from oaikit.errors import InvalidRequestError
from oaikit.sampling import BOTH, CHAT, COMPLETIONS, PARAMETERS, Endpoint, Limits, Parameter, validate

NAN, INF = math.nan, math.inf
BODY: dict[str, dict[str, Any]] = {
    CHAT: {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]},
    COMPLETIONS: {"model": "tiny", "prompt": "Hello"},
}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
SCHEMA_FORM = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
I32, I64 = 2**31 - 1, 2**63 - 1

# Per parameter, and per endpoint where these differ: values that pass, the edges among them, and values that don't.
# None stands everywhere for a parameter that is left out.
NUMBERS_WRONG: list[Any] = ["1", True, False, [1], {}, NAN, INF, -INF]
INTEGERS_WRONG = [*NUMBERS_WRONG, 1.5, 2**64, 10**400]
BOOLEANS: tuple[list[Any], list[Any]] = ([True, False], [0, 1, 1.0, "true", "", [], {}, NAN])
STRINGS_WRONG: list[Any] = [1, True, [], ["x"], {}, NAN, "\ud800"]
OBJECTS_WRONG: list[Any] = [1, True, "{}", [], NAN]
TOKENS: tuple[list[Any], list[Any]] = (
    [[0], [1, 2.0, I32]],
    [1, "1", [True], ["1"], [-1], [1.5], [I32 + 1], [[1]], {}, [NAN], [1, NAN]],
)


def integers(low: int, high: int, *wrong: Any) -> tuple[list[Any], list[Any]]:
    return [low, low + 1, float(low + 1), high], [low - 1, high + 1, *INTEGERS_WRONG, *wrong]


CASES: dict[str | tuple[str, str], tuple[list[Any], list[Any]]] = {
    "model": (["tiny", "a/b", "x" * 1000], ["", *STRINGS_WRONG]),
    "messages": (
        [
            [{"role": "user", "content": "x"}],
            [{"role": "user", "content": [{"type": "text", "text": "x"}, "y"], "name": "ada"}],
            [
                {
                    "role": "assistant",
                    "tool_calls": [
                        {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
                    ],
                }
            ],
            [{"role": "tool", "content": "3", "tool_call_id": "1"}],
            [{"role": "developer"}, {"role": "user", "content": "", "own": {"a": 1}}],
        ],
        [
            *("x", 1, True, {}, [], NAN),
            [1],
            ["x"],
            [None],
            [{}],
            [{"role": ""}],
            [{"role": 1, "content": "x"}],
            [{"content": "x"}],
            [{"role": "user", "content": 3}],
            [{"role": "user", "content": {"type": "text"}}],
            [{"role": "user", "content": [1]}],
            [{"role": "user", "content": [{"type": 1}]}],
            [{"role": "user", "content": [{"type": "text", "text": 1}]}],
            [{"role": "user", "content": "x", "own": NAN}],
            [{"role": "user", "content": "\udfff"}],
            [{"role": "user", "content": "x", "\ud800": 1}],
            [{"role": "assistant", "tool_calls": {}}],
            [{"role": "assistant", "tool_calls": ["f"]}],
            [{"role": "assistant", "tool_calls": [{}]}],
            [{"role": "assistant", "tool_calls": [{"function": "f"}]}],
            [{"role": "assistant", "tool_calls": [{"function": {}}]}],
        ],
    ),
    "prompt": (
        ["x", ["x", ""], [0, I32], [[1], [2, 3]], ["x"] * 64, [[1]] * 64, [1] * 10_000],
        [
            *("", 1, True, {}, [], [[]], [True], [-1], [1.5], [I32 + 1], [1, "x"], ["x", 1], [["x"]]),
            *([[1], []], [[1], 2], [None], [NAN], ["\ud800"], ["x"] * 65, [[1]] * 65, NAN),
        ],
    ),
    "temperature": ([0, 0.0, 1, 0.7, 2, 2.0], [-0.001, 2.001, 3, *NUMBERS_WRONG]),
    # 0 is for echo; test_sampling_rules has that.
    "max_tokens": ([1, 16, 16.0, I32], [-1, I32 + 1, *INTEGERS_WRONG]),
    "top_p": ([0.001, 1, 1.0], [0, 0.0, -0.1, 1.001, *NUMBERS_WRONG]),
    "n": ([1, 2, 2.0, 64], [0, -1, 65, *INTEGERS_WRONG]),
    "stop": (
        ["x", ["x"], ["a", "b", "c", "d"], []],
        ["", [""], ["a", ""], ["a"] * 5, 1, True, [1], [["a"]], {}, NAN, "\ud800"],
    ),
    "stream": BOOLEANS,
    "presence_penalty": ([-2, -2.0, 0, 2.0], [-2.001, 2.001, *NUMBERS_WRONG]),
    "frequency_penalty": ([-2, -2.0, 0, 2.0], [-2.001, 2.001, *NUMBERS_WRONG]),
    "max_completion_tokens": integers(1, I32),
    "seed": ([0, -1, 1.0, -I64 - 1, I64], [-I64 - 2, I64 + 1, *INTEGERS_WRONG]),
    "logit_bias": (
        [{}, {"0": 1}, {"50256": -100, "1": 100.0}],
        [
            *(1, True, "x", [], [1], NAN),
            *({"a": 1}, {"": 1}, {"-1": 1}, {"1.0": 1}, {"١": 1}, {"9" * 5000: 1}),
            *({"1": NAN}, {"1": INF}, {"1": -INF}, {"1": 100.1}, {"1": -101}),
            *({"1": "1"}, {"1": True}, {"1": None}),
        ],
    ),
    ("logprobs", CHAT): BOOLEANS,
    ("logprobs", COMPLETIONS): ([0, 1, 5.0, 20], [-1, -2, 21, *INTEGERS_WRONG]),
    "top_logprobs": ([0, 1, 5.0, 20], [-1, -2, 21, *INTEGERS_WRONG]),
    "response_format": (
        [{"type": "text"}, {"type": "json_object"}, SCHEMA_FORM],
        [
            *("json", 1, True, [], {}, {"type": "xml"}, {"type": 1}, {"type": None}),
            *({"type": "json_schema"}, {"type": "json_schema", "json_schema": {}}),
            *(
                {"type": "json_schema", "json_schema": {"name": "x"}},
                {"type": "json_schema", "json_schema": {"name": "x", "schema": []}},
            ),
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"minimum": NAN}}},
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {"pattern": "a" * 4097}}},
            {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {"patternProperties": {"é" * 2049: {}}}},
            },
        ],
    ),
    "tools": (
        [[TOOL], [{"function": {"name": "f"}}], [TOOL, TOOL], []],
        [
            *("add", 1, True, {}, [1], [{}], [{"type": "function"}], [{"function": {}}], NAN),
            *([{"function": {"name": ""}}], [{"function": {"name": 1}}], [{**TOOL, "type": "custom"}]),
            *(
                [{"function": {"name": "f", "parameters": "x"}}],
                [{"function": {"name": "f", "parameters": {"a": NAN}}}],
            ),
        ],
    ),
    "tool_choice": (
        ["none", "auto", "required", {"type": "function", "function": {"name": "add"}}],
        [
            *("any", "", 1, True, [], {}, NAN, {"type": "function"}, {"function": {}}, {"function": "add"}),
            *({"function": {"name": "no_such"}}, {"type": "custom", "function": {"name": "add"}}),
        ],
    ),
    "parallel_tool_calls": BOOLEANS,
    "reasoning_effort": (["none", "minimal", "low", "medium", "high"], ["", "huge", 1, True, [], {}, NAN]),
    "stream_options": (
        [{}, {"include_usage": True}, {"include_usage": None, "continuous_usage_stats": False}],
        [*OBJECTS_WRONG, {"include_usage": 1}, {"include_usage": "yes"}, {"own": NAN}],
    ),
    "suffix": (["", "x"], STRINGS_WRONG),
    "user": (["", "ada"], STRINGS_WRONG),
    "best_of": ([1, 2, 2.0, 64], [0, -1, 65, *INTEGERS_WRONG]),
    "top_k": ([-1, 0, 1, 20.0, I32], [-2, I32 + 1, *INTEGERS_WRONG]),
    "repetition_penalty": ([0.001, 1, 1.0, 100], [0, 0.0, -1, 100.1, *NUMBERS_WRONG]),
    "min_p": ([0, 0.0, 0.05, 1, 1.0], [-0.001, 1.001, *NUMBERS_WRONG]),
    "use_beam_search": BOOLEANS,
    "length_penalty": ([-10, 0, 1.0, 10], [-10.1, 10.1, *NUMBERS_WRONG]),
    "ignore_eos": BOOLEANS,
    "skip_special_tokens": BOOLEANS,
    "echo": BOOLEANS,
    "min_tokens": ([0, 1, 2.0, 16], [-1, 17, I32 + 1, *INTEGERS_WRONG]),
    "stop_token_ids": (TOKENS[0] + [[]], TOKENS[1]),
    "include_stop_str_in_output": BOOLEANS,
    "bad_words": ([[], ["x"], ["a", "b", "c", "d", "e"]], ["x", [""], [1], 1, True, {}, NAN, ["\ud800"]]),
    "allowed_token_ids": (TOKENS[0], [[], *TOKENS[1]]),
    "spaces_between_special_tokens": BOOLEANS,
    "structured_outputs": (
        [
            *(
                {"json": {"type": "object"}},
                {"json": '{"type": "object"}'},
                {"regex": "a+"},
                {"regex": "a" * 4096},
            ),
            *({"choice": ["a", "b"]}, {"grammar": "root ::= 'a'"}, {"json_object": True}),
            {"regex": "a", "json": None, "disable_any_whitespace": True},
        ],
        [
            *(*OBJECTS_WRONG, {}, {"json": None}, {"regex": "a", "choice": ["a"]}, {"own": 1, "regex": "a"}),
            *(
                {"regex": "a", "_backend": "outlines"},
                {"regex": "a" * 4097},
                {"regex": "é" * 2049},
                {"regex": 1},
            ),
            *({"choice": []}, {"choice": "a"}, {"choice": [1]}, {"grammar": ""}, {"json": ""}, {"json": 3}),
            *(
                {"json_object": False},
                {"json_object": 1},
                {"json": {"a": NAN}},
                {"json": {"pattern": "a" * 4097}},
            ),
            {"regex": "a", "whitespace_pattern": " " * 4097},
        ],
    ),
    "thinking_token_budget": ([-1, 0, 100, I32], [-2, I32 + 1, 1.0, *INTEGERS_WRONG]),
    "repetition_detection": (
        [{}, {"max_pattern_size": 4, "min_pattern_size": 1, "min_count": 3}],
        [*OBJECTS_WRONG, {"max_pattern_size": -1}, {"min_count": "3"}, {"min_count": NAN}, {"own": 1}],
    ),
    "watermarking": BOOLEANS,
    "include_reasoning": BOOLEANS,
    "truncate_prompt_tokens": integers(-1, I32),
    "truncation_side": (["left", "right"], ["", "middle", 1, True, [], {}, NAN]),
    "add_special_tokens": BOOLEANS,
    "add_generation_prompt": BOOLEANS,
    "continue_final_message": BOOLEANS,
    "documents": ([[], [{"title": "a", "text": "b"}]], ["x", 1, True, {}, [1], ["x"], [{"text": 1}], NAN]),
    "chat_template_kwargs": (
        [{}, {"enable_thinking": False, "deep": {"a": [1, None]}}],
        [*OBJECTS_WRONG, {"a": [{"b": INF}]}, {"a": 2**64}, {"\ud800": 1}],
    ),
    "cache_salt": (["x", "x" * 128], ["", "x" * 129, "a@b", "a/b", "a\\b", "a\0b", *STRINGS_WRONG]),
    "session_id": (["", "x"], STRINGS_WRONG),
    "prompt_logprobs": ([0, 1, 5.0, 20], [-1, -2, 21, *INTEGERS_WRONG]),
    "logprob_token_ids": (TOKENS[0] + [[], [1] * 128], [*TOKENS[1], [1] * 129]),
    "return_tokens_as_token_ids": BOOLEANS,
    "return_token_ids": BOOLEANS,
    "return_weight_versions": BOOLEANS,
    "return_prompt_text": BOOLEANS,
    "routed_experts_prompt_start": integers(0, I32),
    "stream_interval": integers(1, I32),
    "chat_template": (["{{ messages }}"], STRINGS_WRONG),
    "mm_processor_kwargs": ([{}, {"a": 1}], [*OBJECTS_WRONG, {"a": NAN}]),
    "media_io_kwargs": (
        [{}, {"video": {"num_frames": 3}}],
        [*OBJECTS_WRONG, {"video": 1}, {"video": {"a": NAN}}],
    ),
    "kv_transfer_params": ([{}, {"a": 1}], [*OBJECTS_WRONG, {"a": NAN}]),
    "ec_transfer_params": ([{}, {"a": 1}], [*OBJECTS_WRONG, {"a": NAN}]),
    "vllm_xargs": (
        [{}, {"a": 1, "b": "x", "c": [1.5, "y"]}],
        [*OBJECTS_WRONG, {"a": {}}, {"a": True}, {"a": NAN}],
    ),
    "priority": ([0, -1, 1.0, -I64 - 1, I64], [-I64 - 2, I64 + 1, *INTEGERS_WRONG]),
    "request_id": (["x"], ["", *STRINGS_WRONG]),
    "prompt_embeds": (["AAAA", ["AAAA"]], ["", [], [""], 1, True, {}, [1], NAN]),
}
# What else a request needs for a parameter to be right by itself.
WITH: dict[str | tuple[str, str], dict[str, Any]] = {
    "top_logprobs": {"logprobs": True},
    ("logprob_token_ids", CHAT): {"logprobs": True},
    ("logprob_token_ids", COMPLETIONS): {"logprobs": 1},
    "tool_choice": {"tools": [TOOL]},
    "stream_options": {"stream": True},
}
TRUSTED = frozenset(
    {
        *(
            "chat_template",
            "ec_transfer_params",
            "kv_transfer_params",
            "media_io_kwargs",
            "mm_processor_kwargs",
        ),
        *("priority", "prompt_embeds", "request_id", "vllm_xargs"),
    }
)

ROWS = [(parameter, endpoint) for parameter in PARAMETERS for endpoint in parameter.endpoints]


def cases(parameter: Parameter, endpoint: Endpoint) -> tuple[list[Any], list[Any]]:
    return CASES.get((parameter.name, endpoint)) or CASES[parameter.name]


def request_with(name: str, value: Any, endpoint: Endpoint) -> dict[str, Any]:
    extra = WITH.get((name, endpoint)) or WITH.get(name, {})
    return {**BODY[endpoint], **extra, name: value}


def label(value: Any) -> str:
    return value.name if isinstance(value, Parameter) else ascii(value)[:40]


GOOD = [(row, end, value) for row, end in ROWS for value in cases(row, end)[0]]
BAD = [(row, end, value) for row, end in ROWS for value in cases(row, end)[1]]


@pytest.mark.parametrize(("parameter", "endpoint", "value"), GOOD, ids=label)
def test_a_value_in_range_passes(parameter: Parameter, endpoint: Endpoint, value: Any) -> None:
    given = validate(endpoint, request_with(parameter.name, value, endpoint), allowed=TRUSTED)
    if parameter.says_nothing(value):
        assert parameter.name not in given
    else:
        assert given[parameter.name] == value


@pytest.mark.parametrize(("parameter", "endpoint", "value"), BAD, ids=label)
def test_any_other_value_is_refused_by_name(parameter: Parameter, endpoint: Endpoint, value: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        validate(endpoint, request_with(parameter.name, value, endpoint), allowed=TRUSTED)
    assert caught.value.param == parameter.name
    assert f"`{parameter.name}" in caught.value.message
    assert len(caught.value.message) < 700
    json.dumps(caught.value.body()).encode()


def test_the_matrix_has_every_parameter() -> None:
    rows = {name if isinstance(name, str) else name[0] for name in CASES}
    assert rows == {parameter.name for parameter in PARAMETERS}


@pytest.mark.parametrize(("parameter", "endpoint"), [row for row in ROWS if not row[0].required], ids=label)
def test_null_is_left_out(parameter: Parameter, endpoint: Endpoint) -> None:
    assert validate(endpoint, {**BODY[endpoint], parameter.name: None}) == BODY[endpoint]


@pytest.mark.parametrize(("parameter", "endpoint"), [row for row in ROWS if row[0].required], ids=label)
@pytest.mark.parametrize("null", [True, False])
def test_what_is_required_is_missed(parameter: Parameter, endpoint: Endpoint, null: bool) -> None:
    body = {name: value for name, value in BODY[endpoint].items() if name != parameter.name}
    with pytest.raises(InvalidRequestError, match=f"`{parameter.name}` is missing: it must be ") as caught:
        validate(endpoint, body | ({parameter.name: None} if null else {}))
    assert caught.value.param == parameter.name


@pytest.mark.parametrize("body", [None, [], "x", 3, True, [("model", "tiny")]])
def test_a_body_is_an_object(body: Any) -> None:
    with pytest.raises(InvalidRequestError, match="must be a JSON object"):
        validate(CHAT, body)


@pytest.mark.parametrize("name", sorted(TRUSTED))
@pytest.mark.parametrize("endpoint", BOTH)
def test_what_reaches_into_the_server_is_refused(name: str, endpoint: Endpoint) -> None:
    (row,) = {parameter.name: parameter for parameter in PARAMETERS if parameter.name == name}.values()
    body = request_with(
        name, next(value for value in CASES[name][0] if not row.says_nothing(value)), endpoint
    )
    for allowed in (frozenset(), TRUSTED - {name}):
        with pytest.raises(InvalidRequestError, match="reaches into the server") as caught:
            validate(endpoint, body, allowed=allowed)
        assert caught.value.param == name
    assert name in validate(endpoint, body, allowed={name})


def test_the_trusted_are_these() -> None:
    assert {parameter.name for parameter in PARAMETERS if parameter.trusted} == TRUSTED


@pytest.mark.parametrize("template", ["{{ x }}", "", None])
def test_a_chat_template_among_its_variables(template: str | None) -> None:
    body = {**BODY[CHAT], "chat_template_kwargs": {"chat_template": template}}
    for allowed in (frozenset(), TRUSTED - {"chat_template"}):
        with pytest.raises(InvalidRequestError, match="a program") as caught:
            validate(CHAT, body, allowed=allowed)
        assert caught.value.param == "chat_template_kwargs"
    assert validate(CHAT, body, allowed={"chat_template"}) == body


def test_prompt_embeds_replace_the_prompt() -> None:
    assert validate(COMPLETIONS, {"model": "m", "prompt_embeds": "AAAA"}, allowed={"prompt_embeds"})


# -- values ------------------------------------------------------------------------------------------------------------


def test_whole_floats_become_integers() -> None:
    given = validate(COMPLETIONS, {**BODY[COMPLETIONS], "n": 2.0, "stop_token_ids": [1.0, 2]})
    assert [type(each) for each in (given["n"], *given["stop_token_ids"])] == [int] * 3


def test_the_body_stays_as_it_is() -> None:
    body = request_with("messages", [{"role": "user", "content": ["x"]}], CHAT) | {"n": 2.0}
    before = json.dumps(body)
    validate(CHAT, body)
    assert json.dumps(body) == before


def test_a_million_token_ids_are_checked_fast() -> None:
    """One by one they'd stop Jupyter's loop for about a second and a half; as a list it is a tenth of that."""
    began = time.process_time()
    validate(COMPLETIONS, {"model": "m", "prompt": list(range(1_000_000))})
    assert time.process_time() - began < 0.7


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_nesting_has_an_end() -> None:
    assert validate(CHAT, {**BODY[CHAT], "chat_template_kwargs": {"a": nested(90)}})
    with pytest.raises(InvalidRequestError, match="nested more than 100 deep"):
        validate(CHAT, {**BODY[CHAT], "chat_template_kwargs": {"a": nested(900)}})


@pytest.mark.parametrize(
    ("endpoint", "name", "value", "message"),
    [
        (CHAT, "temperature", "hot", '`temperature` must be a number from 0 to 2, not "hot"'),
        (CHAT, "temperature", 3, "`temperature` must be a number from 0 to 2, not 3"),
        (CHAT, "temperature", NAN, "`temperature` must be a number from 0 to 2, not NaN"),
        (CHAT, "top_p", 0, "`top_p` must be a number above 0 and at most 1, not 0"),
        (CHAT, "n", True, "`n` must be an integer of at least 1 (in 32 bits), not true"),
        (CHAT, "n", 65, "`n` is 65, and this server takes at most 64 (max_n): send several requests"),
        (
            CHAT,
            "stop",
            ["a"] * 5,
    '`stop` has 5 texts, and this engine takes at most 4; the environment variable VLLM_MAX_STOP_STRINGS raises that',
        ),
        (CHAT, "stop", ["a", ""], '`stop[1]` must be a non-empty string, not ""'),
        (CHAT, "logit_bias", {"7": INF}, "`logit_bias.7` must be a number from -100 to 100, not Infinity"),
        (CHAT, "logit_bias", {"a": 1}, 'the keys of `logit_bias` must be token ids in digits, not "a"'),
        (CHAT, "messages", [{"content": "x"}], "`messages[0].role` is missing: it must be a non-empty string"),
        (CHAT, "stream", "yes", '`stream` must be true or false, not "yes"'),
        (CHAT, "truncation_side", "top", '`truncation_side` must be "left" or "right", not "top"'),
        (CHAT, "user", "x" * 1000 + "\ud800", "`user` holds half of a surrogate pair (\\ud800 to \\udfff), "
         "which is no text in Unicode"),
        (CHAT, "seed", 2**70, "`seed` must be an integer from -2^63 to 2^63 - 1, not an integer of more than 64 bits"),
        (
            COMPLETIONS,
            "prompt",
            3,
            "`prompt` must be a non-empty string, a list of token ids, or a list of such prompts of one kind, not 3",
        ),
    ],
)  # fmt: skip
def test_messages_say_what_is_wanted(endpoint: Endpoint, name: str, value: Any, message: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        validate(endpoint, {**BODY[endpoint], name: value})
    assert caught.value.message == message


# -- limits ------------------------------------------------------------------------------------------------------------


def test_limits_can_be_other() -> None:
    limits = Limits(n=2, prompts=1, pattern_bytes=3, logprobs=-1)
    for endpoint, body in [
        (CHAT, {"n": 3}),
        (CHAT, {"best_of": 3}),
        (COMPLETIONS, {"prompt": ["a", "b"]}),
        (CHAT, {"structured_outputs": {"regex": "aaaa"}}),
    ]:
        with pytest.raises(InvalidRequestError):
            validate(endpoint, {**BODY[endpoint], **body}, limits=limits)
        validate(endpoint, {**BODY[endpoint], **body})
    assert validate(COMPLETIONS, {**BODY[COMPLETIONS], "logprobs": -1}, limits=limits)


# -- for others --------------------------------------------------------------------------------------------------------

# The seed's two tables.
SEED: dict[str, tuple[str, Any]] = {
    **{
        "temperature": ("OpenAI", 0.7),
        "max_tokens": ("OpenAI", 16),
        "top_p": ("OpenAI", 1.0),
        "n": ("OpenAI", 1),
    },
    **{"stop": ("OpenAI", None), "stream": ("OpenAI", False)},
    **{"presence_penalty": ("OpenAI", 0.0), "frequency_penalty": ("OpenAI", 0.0)},
    **{
        "best_of": ("vLLM", None),
        "top_k": ("vLLM", -1),
        "repetition_penalty": ("vLLM", 1.0),
        "min_p": ("vLLM", 0.0),
    },
    **{"use_beam_search": ("vLLM", False), "length_penalty": ("vLLM", 1.0), "ignore_eos": ("vLLM", False)},
    **{"skip_special_tokens": ("vLLM", True), "echo": ("vLLM", False)},
}


@pytest.mark.parametrize("endpoint", BOTH)
def test_the_defaults_are_the_seeds(endpoint: Endpoint) -> None:
    table = sampling.parameters(endpoint)
    found = {
        name: (row.group, row.default) for name, row in table.items() if row.default is not sampling.UNSET
    }
    assert found == SEED
    assert sampling.seed_defaults(endpoint) == {
        name: value for name, (_, value) in SEED.items() if value is not None
    }
    assert validate(endpoint, {**BODY[endpoint], **sampling.seed_defaults(endpoint)})


@pytest.mark.parametrize("parameter", PARAMETERS, ids=label)
def test_controls_stay_in_range(parameter: Parameter) -> None:
    if parameter.slider is None:
        assert parameter.step is None
        return
    slider, bounds = parameter.slider, parameter.bounds
    assert bounds is not None
    assert slider.low in bounds
    assert slider.high in bounds
    assert 0 < slider.step == parameter.step < slider.high - slider.low
    if isinstance(parameter.default, int | float):
        assert slider.low <= parameter.default <= slider.high


@pytest.mark.parametrize(
    "name", ["temperature", "top_p", "min_p", "top_k", "max_tokens", "n", "repetition_penalty"]
)
def test_what_people_turn_has_a_control(name: str) -> None:
    assert sampling.parameters(CHAT)[name].slider


@pytest.mark.parametrize("parameter", PARAMETERS, ids=label)
def test_every_parameter_has_a_help(parameter: Parameter) -> None:
    assert parameter.help.endswith(".")
    assert "\n" not in parameter.help
    assert len(parameter.help) > 20


@pytest.mark.parametrize(("parameter", "endpoint"), ROWS, ids=label)
def test_the_json_schema_says_the_same(parameter: Parameter, endpoint: Endpoint) -> None:
    """Of values that JSON has; what parameters may not be together, the limits included, is not in a schema."""
    schema = json.loads(json.dumps(parameter.schema()))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for value in [*cases(parameter, endpoint)[0], *cases(parameter, endpoint)[1]]:
        try:
            parameter.check(value)
            passes = True
        except InvalidRequestError:
            passes = False
        if not {"NaN", "Infinity"} & set(
            json.dumps(value).replace("-", " ").replace("]", " ").replace("}", " ").split()
        ):
            exact = parameter.name == "thinking_token_budget" and isinstance(value, float)
            assert exact or validator.is_valid(value) == passes, value
    assert validator.is_valid(None) != parameter.required


@pytest.mark.parametrize("endpoint", BOTH)
def test_the_schema_of_a_request(endpoint: Endpoint) -> None:
    schema = sampling.schema(endpoint, Limits(n=8))
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({**BODY[endpoint], "n": 8, "temperature": None})
    for wrong in ({"n": 9}, {"temperature": 3}, {"model": None}, {"stop": ["a"] * 5}):
        assert not validator.is_valid({**BODY[endpoint], **wrong})
    assert not validator.is_valid({"model": "m"})
    assert not TRUSTED & set(schema["properties"])
    assert all(row["description"] for row in schema["properties"].values())


def test_unknown_names() -> None:
    body = {**BODY[CHAT], "prompt": "x", "temprature": 1, "return_mm_kwargs": True, "own": None}
    assert sampling.unknown(CHAT, body) == ["prompt", "temprature", "return_mm_kwargs"]
    assert sampling.unknown(COMPLETIONS, {"model": "m", "prompt": "x", "messages": []}) == ["messages"]


@pytest.mark.parametrize(
    "defaults",
    [
        {},
        {"temperature": 0.2, "max_tokens": None},
        {"top_k": 20, "stop": ["x"], "seed": 1},
        {"temperature": None},
    ],
)
def test_defaults_of_a_server(defaults: dict[str, Any]) -> None:
    sampling.check_defaults(defaults)


@pytest.mark.parametrize(
    ("defaults", "param", "message"),
    [
        ({"temprature": 1}, "temprature", "no sampling parameter"),
        ({"temperature": 3}, "temperature", "from 0 to 2"),
        ({"top_p": "1"}, "top_p", "number"),
        ({"model": "x"}, "model", "each request"),
        ({"messages": []}, "messages", "each request"),
        ({"stream": True}, "stream", "each request"),
        ({"logprobs": 1}, "logprobs", "each request"),
        ({"kv_transfer_params": {}}, "kv_transfer_params", "each request"),
        ({"n": 4, "best_of": 2}, "best_of", "less than"),
        ({"max_tokens": 0}, "max_tokens", "at least 1"),
        ({"min_tokens": 20}, "min_tokens", "max_tokens"),
        ({"n": 2, "temperature": 0}, "n", "greedy"),
    ],
)
def test_defaults_that_make_no_sense(defaults: dict[str, Any], param: str, message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message) as caught:
        sampling.check_defaults(defaults)
    assert caught.value.param == param
