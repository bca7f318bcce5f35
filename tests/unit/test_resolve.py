"""A request as it goes to vLLM: defaults, where each value comes from, and what is said of what nobody heeds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from oaikit import sampling
from oaikit.errors import InvalidRequestError
from oaikit.sampling import BOTH, CHAT, COMPLETIONS, Endpoint, Limits
from oaikit_server.dialect import Policy, Resolved, resolve

BODY: dict[str, dict[str, Any]] = {
    CHAT: {"model": "tiny", "messages": [{"role": "user", "content": "Hello"}]},
    COMPLETIONS: {"model": "tiny", "prompt": "Hello"},
}
# Of a model such as Qwen3's.
OF_MODEL = {"temperature": 0.6, "top_k": 20, "top_p": 0.95}


def resolved(endpoint: Endpoint, policy: Policy | None = None, **extra: Any) -> Resolved:
    body = {**BODY[endpoint], **extra}
    before = json.dumps(body)
    found = resolve(endpoint, body, policy)
    assert json.dumps(body) == before
    return found


# -- defaults ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", BOTH)
def test_the_seeds_defaults_are_sent(endpoint: Endpoint) -> None:
    found = resolved(endpoint)
    assert found.body == {**BODY[endpoint], **sampling.seed_defaults(endpoint)}
    assert (found.body["temperature"], found.body["max_tokens"]) == (0.7, 16)
    assert {found.sources[name] for name in BODY[endpoint]} == {"request"}
    assert {found.sources[name] for name in sampling.seed_defaults(endpoint)} == {"seed default"}
    assert found.values["stop"] is None
    assert found.values["best_of"] is None
    assert (found.defaulted_max_tokens, found.candidates, found.wants_logprobs, found.warnings) == (
        16,
        None,
        False,
        (),
    )


@pytest.mark.parametrize("endpoint", BOTH)
def test_the_request_wins(endpoint: Endpoint) -> None:
    policy = Policy(defaults={"temperature": 0.1, "max_tokens": 100, "seed": 3})
    found = resolved(endpoint, policy, temperature=1.5, max_tokens=4)
    assert (found.body["temperature"], found.body["max_tokens"], found.body["seed"]) == (1.5, 4, 3)
    assert [found.sources[name] for name in ("temperature", "max_tokens", "seed", "top_p")] == [
        *("request", "request", "trait", "seed default")
    ]
    assert found.defaulted_max_tokens is None


@pytest.mark.parametrize("endpoint", BOTH)
def test_null_is_left_out(endpoint: Endpoint) -> None:
    found = resolved(endpoint, temperature=None, max_tokens=None, logit_bias=None, own=None)
    assert found == resolved(endpoint)


@pytest.mark.parametrize("endpoint", BOTH)
def test_the_trait_wins_over_the_seed(endpoint: Endpoint) -> None:
    found = resolved(endpoint, Policy(defaults={"max_tokens": 100, "stop": ["\n"]}))
    assert (found.body["max_tokens"], found.body["stop"], found.body["temperature"]) == (100, ["\n"], 0.7)
    assert found.defaulted_max_tokens == 100


def test_a_trait_of_one_endpoint_is_not_sent_to_the_other() -> None:
    policy = Policy(defaults={"include_reasoning": False})
    assert resolved(CHAT, policy).body["include_reasoning"] is False
    assert "include_reasoning" not in resolved(COMPLETIONS, policy).body


@pytest.mark.parametrize("context", [None, 2048])
def test_what_is_left_of_the_context(context: int | None) -> None:
    """vLLM cuts a limit of the whole context to what is left of it, and on completions takes 16 when there is none."""
    policy = Policy(defaults={"max_tokens": None}, context=context)
    chat, completion = resolved(CHAT, policy), resolved(COMPLETIONS, policy)
    assert (chat.body.get("max_tokens"), chat.values["max_tokens"], chat.sources["max_tokens"]) == (
        *(context, None, "trait"),
    )
    assert chat.defaulted_max_tokens is None
    if context:
        assert (completion.body["max_tokens"], completion.values["max_tokens"]) == (context, None)
        assert (completion.sources["max_tokens"], completion.defaulted_max_tokens) == ("trait", None)
    else:
        assert completion.body["max_tokens"] == completion.values["max_tokens"] == 16
        assert (completion.sources["max_tokens"], completion.defaulted_max_tokens) == ("seed default", 16)


@pytest.mark.parametrize("endpoint", BOTH)
def test_the_models_own_values(endpoint: Endpoint) -> None:
    found = resolved(endpoint, Policy(defaults="model", of_model=OF_MODEL), top_p=0.5)
    from_model = {name for name, row in sampling.parameters(endpoint).items() if row.from_model}
    assert set(found.body) & from_model == {"top_p"} | ({"max_tokens"} if endpoint == COMPLETIONS else set())
    effective = {
        name: found.values[name] for name in ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")
    }
    assert effective == {
        "temperature": 0.6,
        "top_k": 20,
        "top_p": 0.5,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
    }
    assert (found.sources["temperature"], found.sources["min_p"], found.sources["top_p"]) == (
        *("model", "model", "request"),
    )
    assert found.sources["n"] == "seed default"


def test_a_model_that_says_nothing_is_sampled_as_it_is() -> None:
    found = resolved(CHAT, Policy(defaults="model"))
    assert (found.values["temperature"], found.values["max_tokens"]) == (1.0, None)
    assert (found.defaulted_max_tokens, "max_tokens" in found.body) == (None, False)


def test_on_completions_vllm_asks_no_model_for_max_tokens() -> None:
    silent = resolved(COMPLETIONS, Policy(defaults="model"))
    assert (silent.body["max_tokens"], silent.sources["max_tokens"]) == (16, "seed default")
    says = resolved(COMPLETIONS, Policy(defaults="model", of_model={"max_tokens": 300}))
    assert (says.body["max_tokens"], says.sources["max_tokens"], says.defaulted_max_tokens) == (
        300,
        "model",
        300,
    )
    chat = resolved(CHAT, Policy(defaults="model", of_model={"max_tokens": 300}))
    assert ("max_tokens" in chat.body, chat.defaulted_max_tokens) == (False, 300)


def test_none_in_the_trait_leaves_one_parameter_to_the_model() -> None:
    found = resolved(CHAT, Policy(defaults={"temperature": None}, of_model=OF_MODEL))
    assert "temperature" not in found.body
    assert (found.values["temperature"], found.sources["temperature"]) == (0.6, "model")
    assert (found.values["top_k"], found.sources["top_k"]) == (-1, "seed default")


def test_the_newer_name_of_max_tokens() -> None:
    found = resolved(CHAT, max_completion_tokens=5)
    assert "max_tokens" not in found.body
    assert "max_tokens" not in found.values
    assert (found.body["max_completion_tokens"], found.defaulted_max_tokens) == (5, None)
    both = resolved(CHAT, max_completion_tokens=5, max_tokens=7)
    assert both.warnings == ("max_tokens was ignored: max_completion_tokens is given too",)


@pytest.mark.parametrize("endpoint", BOTH)
def test_whole_floats_are_sent_as_integers(endpoint: Endpoint) -> None:
    assert json.dumps(resolved(endpoint, n=2.0, max_tokens=4.0).body["n"]) == "2"


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "extra", "param"),
    [
        (Policy(), {"temperature": 3}, "temperature"),
        (Policy(), {"n": 65}, "n"),
        (Policy(limits=Limits(n=4)), {"n": 5}, "n"),
        (Policy(), {"priority": 1}, "priority"),
        (Policy(defaults={"temperature": 0}), {"n": 2}, "n"),
        (Policy(defaults={"max_tokens": 5}), {"min_tokens": 6}, "min_tokens"),
        (Policy(defaults="model", of_model={"temperature": 0.0}), {"best_of": 2}, "best_of"),
        (Policy(unknown="refuse"), {"temprature": 1}, "temprature"),
        (Policy(unknown="refuse", allowed=frozenset({"other"})), {"own": 1}, "own"),
    ],
)
def test_refused(policy: Policy, extra: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        resolved(CHAT, policy, **extra)
    assert caught.value.param == param


def test_defaults_are_held_to_the_rules_as_they_are() -> None:
    """Not as the seed has them."""
    assert resolved(CHAT, Policy(defaults={"max_tokens": 50}), min_tokens=40)
    assert resolved(CHAT, Policy(defaults={"max_tokens": None}), min_tokens=4000)
    assert resolved(CHAT, Policy(defaults={"temperature": 1}), n=2)


def test_a_refusal_says_what_may_have_been_meant() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        resolved(CHAT, Policy(unknown="refuse"), temprature=1)
    assert caught.value.message == 'parameter "temprature" is unknown; did you mean temperature?'


# -- what is ignored ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "extra", "warning"),
    [
        (CHAT, {"temprature": 1}, 'parameter "temprature" is unknown and was ignored; did you mean temperature?'),
        (CHAT, {"zzz": 1}, 'parameter "zzz" is unknown and was ignored'),
        (CHAT, {"guided_json": {}}, 'parameter "guided_json" is unknown and was ignored; use structured_outputs'),
        (CHAT, {"prompt": "x"}, 'parameter "prompt" is unknown and was ignored; it is a parameter of v1/completions'),
        (
            COMPLETIONS,
            {"tools": []},
            'parameter "tools" is unknown and was ignored; it is a parameter of v1/chat/completions',
        ),
        (CHAT, {"mm_payload": "none"}, 'parameter "mm_payload" is unknown and was ignored'),
        (CHAT, {"length_penalty": 2}, "length_penalty was ignored: it is for use_beam_search"),
        (CHAT, {"use_beam_search": True, "stop": "x"}, "stop was ignored: beam search does not heed it"),
        (
            COMPLETIONS,
            {"use_beam_search": True, "response_format": {"type": "json_object"}},
            "response_format was ignored: beam search does not heed it",
        ),
    ],
)  # fmt: skip
def test_what_is_ignored_is_named(endpoint: Endpoint, extra: dict[str, Any], warning: str) -> None:
    found = resolved(endpoint, **extra)
    assert found.warnings == (warning,)
    assert not set(extra) - set(sampling.parameters(endpoint)) & set(found.body)


@pytest.mark.parametrize(
    "extra",
    [
        {"user": "ada"},
        {"length_penalty": 1.0},
        {"use_beam_search": True, "length_penalty": 2, "top_p": 1.0, "top_k": -1, "min_p": 0, "stop": None},
        {"use_beam_search": True, "n": 3, "max_tokens": 5, "ignore_eos": True, "temperature": 0},
    ],
)
@pytest.mark.parametrize("endpoint", BOTH)
def test_no_warning_without_need(endpoint: Endpoint, extra: dict[str, Any]) -> None:
    assert resolved(endpoint, **extra).warnings == ()


@pytest.mark.parametrize("endpoint", BOTH)
@pytest.mark.parametrize(
    ("extra", "warning"),
    [
        (
            {"return_weight_versions": True},
            "return_weight_versions was ignored: vLLM 0.32.0 does not have it",
        ),
        (
            {"use_beam_search": True, "allowed_token_ids": [5]},
            "allowed_token_ids was ignored: beam search does not heed it",
        ),
    ],
)
def test_what_only_a_newer_vllm_heeds_is_named(
    endpoint: Endpoint, extra: dict[str, Any], warning: str
) -> None:
    assert resolved(endpoint, Policy(release="0.32.0"), **extra).warnings == (warning,)
    assert resolved(endpoint, Policy(release="0.33.0"), **extra).warnings == ()


def test_vllm_does_not_get_what_is_unknown() -> None:
    """Its requests take any field, and some of its code looks for fields that they don't declare."""
    assert "own" not in resolved(CHAT, own=1).body


def test_the_owner_may_let_names_through() -> None:
    policy = Policy(allowed=frozenset({"own", "priority"}), unknown="refuse")
    found = resolved(CHAT, policy, own={"a": 1}, priority=3)
    assert (found.body["own"], found.body["priority"], found.warnings) == ({"a": 1}, 3, ())


@pytest.mark.parametrize(
    "name", ["x\r\nSet-Cookie: a=b", "ä\u2028", "\x00\x7f", "\ud800", 'a"b', "x" * 10_000]
)
def test_a_warning_fits_into_a_header(name: str) -> None:
    (warning,) = resolved(CHAT, **{name: 1}).warnings
    assert warning.isascii()
    assert warning.isprintable()
    assert len(warning) < 600


def test_many_unknown_names_are_counted() -> None:
    warnings = resolved(CHAT, **{f"own{index}": 1 for index in range(5000)}).warnings
    assert len(warnings) == 11
    assert warnings[-1] == "4990 more parameters are unknown and were ignored"


# -- candidates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("endpoint", "switch"), [(CHAT, True), (COMPLETIONS, 0)])
def test_best_of_is_one_request(endpoint: Endpoint, switch: Any) -> None:
    found = resolved(endpoint, best_of=5, n=2)
    assert (found.candidates, found.body["n"], found.values["n"], found.values["best_of"]) == (5, 5, 2, 5)
    assert "best_of" not in found.body
    assert found.body["logprobs"] is switch
    assert "logprobs" not in found.values
    assert not found.wants_logprobs


@pytest.mark.parametrize(
    ("endpoint", "extra", "wanted"),
    [
        (CHAT, {"logprobs": True, "top_logprobs": 3}, True),
        (CHAT, {"logprobs": False}, False),
        (COMPLETIONS, {"logprobs": 3}, True),
        (COMPLETIONS, {"logprobs": 0}, True),
    ],
)
def test_logprobs_that_are_asked_for_stay(endpoint: Endpoint, extra: dict[str, Any], wanted: bool) -> None:
    found = resolved(endpoint, best_of=2, **extra)
    assert found.wants_logprobs is wanted
    assert found.body["logprobs"] == (extra["logprobs"] if wanted else True)
    assert found.body.get("top_logprobs") == extra.get("top_logprobs")
    assert resolved(endpoint, **extra).wants_logprobs is wanted


@pytest.mark.parametrize("extra", [{}, {"best_of": 1}, {"best_of": 2, "n": 2, "stream": True}, {"n": 3}])
@pytest.mark.parametrize("endpoint", BOTH)
def test_nothing_to_choose(endpoint: Endpoint, extra: dict[str, Any]) -> None:
    found = resolved(endpoint, **extra)
    assert found.candidates is None
    assert not {"best_of", "logprobs"} & set(found.body)
    assert found.body["n"] == extra.get("n", 1)


@pytest.mark.parametrize("endpoint", BOTH)
def test_of_as_many_the_best_comes_first(endpoint: Endpoint) -> None:
    assert resolved(endpoint, best_of=2, n=2).candidates == 2


@pytest.mark.parametrize("endpoint", BOTH)
def test_beam_search_ranks_by_itself(endpoint: Endpoint) -> None:
    found = resolved(endpoint, best_of=4, use_beam_search=True)
    assert (found.candidates, found.body["n"], "logprobs" in found.body) == (4, 4, False)
    answer = {
        "choices": [{"index": index, "text": text, "logprobs": None} for index, text in enumerate("abcd")]
    }
    assert found.choose(answer)["choices"] == [{"index": 0, "text": "a", "logprobs": None}]


def test_a_trait_without_n_means_one() -> None:
    found = resolved(COMPLETIONS, Policy(defaults={"n": None}), best_of=2)
    choices = [{"index": at, "logprobs": {"token_logprobs": [-1.0]}} for at in range(2)]
    assert len(found.choose({"choices": choices})["choices"]) == 1


def test_choose_does_as_the_request_says() -> None:
    found = resolved(COMPLETIONS, best_of=2, prompt=["a", "b"])
    logprobs = [[-3.0], [-1.0], [-1.0], [-2.0]]
    choices = [{"index": at, "logprobs": {"token_logprobs": each}} for at, each in enumerate(logprobs)]
    chosen = found.choose({"choices": [{**choice, "text": str(choice["index"])} for choice in choices]})
    assert chosen["choices"] == [
        {"index": 0, "text": "1", "logprobs": None},
        {"index": 1, "text": "2", "logprobs": None},
    ]


# -- for a reader ------------------------------------------------------------------------------------------------------


def test_explain() -> None:
    found = resolved(CHAT, Policy(defaults={"top_k": 20}), temperature=1, own=1, best_of=3).explain()
    assert json.loads(json.dumps(found)) == found
    assert "messages" not in found["parameters"]
    assert found["parameters"]["temperature"] == {"value": 1, "source": "request"}
    assert found["parameters"]["top_k"] == {"value": 20, "source": "trait"}
    assert found["parameters"]["max_tokens"] == {"value": 16, "source": "seed default"}
    assert (found["endpoint"], found["candidates"], found["defaulted_max_tokens"]) == (CHAT, 3, 16)
    assert len(found["warnings"]) == 1


def test_every_value_has_a_source() -> None:
    for endpoint in BOTH:
        for policy in (Policy(), Policy(defaults="model"), Policy(defaults={"max_tokens": None, "seed": 1})):
            found = resolved(endpoint, policy, logit_bias={"1": 1})
            assert set(found.sources) == set(found.values)
