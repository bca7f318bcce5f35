"""Where each parameter has an answer of the real engine end, and what it puts in, on each endpoint where it can.

The model is tiny and random, never ends an answer by itself, and answers the same to the same seed.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import pytest

from oaikit import sampling
from oaikit.sampling import CHAT, COMPLETIONS, Endpoint
from tests.harness import Server
from tests.server.asking import (
    GREEDY,
    LOGPROBS,
    PROMPT,
    TOOL,
    ask,
    both,
    events,
    pieces,
    post,
    refused,
    token,
)


@pytest.fixture(scope="session")
def eos(model: Path) -> str:
    """The id of the token that ends an answer, as logit_bias takes it."""
    return str(json.loads((model / "config.json").read_text())["eos_token_id"])


# -- where answers end -------------------------------------------------------------------------------------------------


@both
def test_max_tokens(server: Server, endpoint: Endpoint) -> None:
    for most in (1, 5):
        reply = ask(server, endpoint, max_tokens=most)
        assert (reply.generated, reply.ends) == (most, ["length"])


@both
def test_max_tokens_is_cut_to_what_is_left_of_the_context(server: Server, endpoint: Endpoint) -> None:
    context = server.status()["max_model_len"]
    text = " river" * (context - 28)
    long = {CHAT: {"messages": [{"role": "user", "content": text}]}, COMPLETIONS: {"prompt": text}}[endpoint]
    reply = ask(server, endpoint, **long, max_tokens=context)
    assert reply.answer.json["usage"]["total_tokens"] == context
    assert 0 < reply.generated <= 28
    assert refused(server, endpoint, max_tokens=context + 1)["code"] == "context_length_exceeded"


def test_max_completion_tokens(server: Server) -> None:
    reply = ask(server, CHAT, max_completion_tokens=3, max_tokens=9)
    assert (reply.generated, reply.warning) == (
        3,
        "max_tokens was ignored: max_completion_tokens is given too",
    )


@both
def test_stop(server: Server, endpoint: Endpoint) -> None:
    text = ask(server, endpoint, **GREEDY).text
    word = text.split()[3]
    for stop in (word, ["no such text", word]):
        reply = ask(server, endpoint, stop=stop, **GREEDY)
        assert (reply.text, reply.ends) == (text[: text.index(word)], ["stop"])
    kept = ask(server, endpoint, stop=word, include_stop_str_in_output=True, **GREEDY)
    assert kept.text == text[: text.index(word)] + word


@both
def test_stop_token_ids(server: Server, endpoint: Endpoint) -> None:
    whole = ask(server, endpoint, return_token_ids=True, **GREEDY)
    tokens = whole.choices[0]["token_ids"]
    third = next(index for index in range(2, 16) if tokens[index] not in tokens[:index])
    reply = ask(server, endpoint, stop_token_ids=[tokens[third]], return_token_ids=True, **GREEDY)
    assert reply.choices[0]["token_ids"] == tokens[: third + 1]
    assert (reply.ends, reply.choices[0]["stop_reason"]) == (["stop"], tokens[third])


@both
def test_ignore_eos(server: Server, endpoint: Endpoint, eos: str) -> None:
    ended = ask(server, endpoint, max_tokens=8, logit_bias={eos: 100})
    assert (ended.text, ended.ends, ended.generated) == ("", ["stop"], 1)
    going_on = ask(server, endpoint, max_tokens=8, logit_bias={eos: 100}, ignore_eos=True)
    assert (going_on.ends, going_on.generated) == (["length"], 8)


@both
def test_min_tokens(server: Server, endpoint: Endpoint, eos: str) -> None:
    reply = ask(server, endpoint, max_tokens=16, logit_bias={eos: 100}, min_tokens=5)
    assert (reply.ends, reply.generated) == (["stop"], 6)
    assert refused(server, endpoint, max_tokens=4, min_tokens=5)["param"] == "min_tokens"


@both
def test_repetition_detection(server: Server, endpoint: Endpoint) -> None:
    asked = {"logit_bias": {str(token(server, " tiger")): 100}, "max_tokens": 32}
    pattern = {"max_pattern_size": 2, "min_pattern_size": 1, "min_count": 5}
    assert ask(server, endpoint, **asked).generated == 32
    assert ask(server, endpoint, **asked, repetition_detection=pattern).generated < 8


# -- what is in an answer ----------------------------------------------------------------------------------------------


@both
def test_skip_special_tokens(server: Server, endpoint: Endpoint, eos: str) -> None:
    asked = {"max_tokens": 3, "logit_bias": {eos: 100}, "ignore_eos": True}
    assert ask(server, endpoint, **asked).text == ""
    assert ask(server, endpoint, **asked, skip_special_tokens=False).text == "<|im_end|>" * 3


def test_echo(server: Server) -> None:
    plain = ask(server, COMPLETIONS, n=2, seed=1)
    assert ask(server, COMPLETIONS, n=2, seed=1, echo=True).texts == [PROMPT + text for text in plain.texts]
    assert "".join(pieces(events(server, COMPLETIONS, seed=1, echo=True))) == PROMPT + plain.texts[0]
    assert ask(server, COMPLETIONS, echo=True, max_tokens=0).text == PROMPT
    assert (
        refused(server, COMPLETIONS, echo=True, max_tokens=0, use_beam_search=True)["param"] == "max_tokens"
    )
    scored = ask(server, COMPLETIONS, echo=True, max_tokens=1, logprobs=0)
    assert len(scored.logprobs[0]) == 1 + len(PROMPT.split())


def test_echo_with_best_of(server: Server) -> None:
    """The prompt's log-probabilities, which are the same for all, don't count for what is best."""
    asked = {"seed": 3, "temperature": 1.5, "max_tokens": 8, "best_of": 6}
    plain = ask(server, COMPLETIONS, **asked).text
    assert ask(server, COMPLETIONS, echo=True, **asked).text == PROMPT + plain


def test_echo_on_chats_is_the_assistants_last_message(server: Server) -> None:
    begun = {"role": "assistant", "content": "The old"}
    asked = {"continue_final_message": True, "add_generation_prompt": False, **GREEDY}
    plain = ask(server, CHAT, messages=[begun], **asked).text
    assert ask(server, CHAT, messages=[begun], echo=True, **asked).text == f"The old{plain}"
    assert "".join(pieces(events(server, CHAT, messages=[begun], echo=True, **asked))) == f"The old{plain}"
    assert "Hello" not in ask(server, CHAT, echo=True, **GREEDY).text


@both
def test_logprobs(server: Server, endpoint: Endpoint) -> None:
    reply = ask(server, endpoint, max_tokens=4, **LOGPROBS[endpoint], **GREEDY)
    found = reply.choices[0]["logprobs"]
    if endpoint == CHAT:
        tokens = [each["token"] for each in found["content"]]
        tops = [[top["logprob"] for top in each["top_logprobs"]] for each in found["content"]]
    else:
        tokens, tops = found["tokens"], [list(top.values()) for top in found["top_logprobs"]]
    assert "".join(tokens) == reply.text
    assert [len(top) for top in tops] == [20] * 4
    # Greedy: each token is the likeliest at its place. Three decimals, for the 20 are not the whole vocabulary.
    assert reply.logprobs[0] == [max(top) for top in tops]
    assert all(math.fsum(map(math.exp, top)) < 1.001 for top in tops)
    assert ask(server, endpoint, max_tokens=1).choices[0]["logprobs"] is None


def test_top_logprobs(server: Server) -> None:
    for count in (0, 3):
        reply = ask(server, CHAT, max_tokens=1, logprobs=True, top_logprobs=count)
        assert len(reply.choices[0]["logprobs"]["content"][0]["top_logprobs"]) == count
    assert refused(server, CHAT, top_logprobs=3)["param"] == "top_logprobs"
    assert "max_logprobs" in refused(server, CHAT, logprobs=True, top_logprobs=21)["message"]


def test_the_number_of_logprobs_on_completions(server: Server) -> None:
    counts = [
        len(
            ask(server, COMPLETIONS, max_tokens=1, logprobs=n, **GREEDY).choices[0]["logprobs"][
                "top_logprobs"
            ][0]
        )
        for n in (0, 1, 3)
    ]
    assert counts == [1, 1, 3]


@both
def test_prompt_logprobs(server: Server, endpoint: Endpoint) -> None:
    reply = ask(server, endpoint, max_tokens=1, prompt_logprobs=2)
    found = (reply.answer.json if endpoint == CHAT else reply.choices[0])["prompt_logprobs"]
    assert len(found) == reply.answer.json["usage"]["prompt_tokens"]
    assert found[0] is None
    assert all(2 <= len(each) <= 3 for each in found[1:])


# Forms without optional spaces: this model would write them without end.
SCHEMA: Final = {"enum": ["red", "green"]}
FORMS: Final[dict[str, tuple[dict[str, Any], set[str]]]] = {
    "choice": ({"choice": ["yes", "no"]}, {"yes", "no"}),
    "regex": ({"regex": "[ab]c"}, {"ac", "bc"}),
    "json": ({"json": SCHEMA}, {'"red"', '"green"'}),
    "grammar": ({"grammar": 'root ::= "left" | "right"'}, {"left", "right"}),
}


@both
@pytest.mark.parametrize("form", FORMS)
def test_structured_outputs(server: Server, endpoint: Endpoint, form: str) -> None:
    asked, possible = FORMS[form]
    reply = ask(server, endpoint, n=12, seed=1, temperature=2, max_tokens=12, structured_outputs=asked)
    assert set(reply.texts) == possible
    assert set(reply.ends) == {"stop"}


@both
def test_response_format(server: Server, endpoint: Endpoint) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "colour", "schema": SCHEMA}}
    reply = ask(server, endpoint, n=12, seed=1, temperature=2, response_format=form)
    assert set(map(json.loads, reply.texts)) == {"red", "green"}
    closing = {str(token(server, "}")): 100}
    reply = ask(server, endpoint, response_format={"type": "json_object"}, logit_bias=closing)
    assert (json.loads(reply.text), reply.ends) == ({}, ["stop"])
    assert (
        ask(server, endpoint, response_format={"type": "text"}, **GREEDY).text
        == ask(server, endpoint, **GREEDY).text
    )


@both
def test_one_form_at_a_time(server: Server, endpoint: Endpoint) -> None:
    both_forms = {"response_format": {"type": "json_object"}, "structured_outputs": {"regex": "a"}}
    assert refused(server, endpoint, **both_forms)["param"] == "structured_outputs"


def test_tools(server: Server) -> None:
    """The model was loaded without a parser for its calls, which is said; that it may not call is no problem."""
    error = refused(server, CHAT, tools=[TOOL])
    assert (error["param"], "TOOL_CALL_PARSER" in error["message"]) == ("tools", True)
    assert refused(server, CHAT, tools=[TOOL], tool_choice="required")["param"] == "tool_choice"
    reply = ask(server, CHAT, tools=[TOOL], tool_choice="none", **GREEDY)
    assert reply.text == ask(server, CHAT, **GREEDY).text


# -- streams -----------------------------------------------------------------------------------------------------------


@both
def test_stream(server: Server, endpoint: Endpoint) -> None:
    """In pieces; of how many tokens each depends on how busy the machine is."""
    chunks = events(server, endpoint, max_tokens=64, **GREEDY)
    assert "".join(pieces(chunks)) == ask(server, endpoint, max_tokens=64, **GREEDY).text
    assert len(pieces(chunks)) > 4
    assert all("usage" not in chunk or chunk["usage"] is None for chunk in chunks)


@both
def test_stream_options(server: Server, endpoint: Endpoint) -> None:
    *chunks, last = events(server, endpoint, stream_options={"include_usage": True}, max_tokens=5)
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], 5)
    assert not any(chunk.get("usage") for chunk in chunks)
    counting = {"include_usage": True, "continuous_usage_stats": True}
    counts = [
        chunk["usage"]["completion_tokens"]
        for chunk in events(server, endpoint, stream_options=counting, max_tokens=5)
    ]
    assert counts == sorted(counts)
    assert (counts[0] < 5, counts[-1]) == (True, 5)
    assert refused(server, endpoint, stream_options={"include_usage": True})["param"] == "stream_options"


@both
def test_stream_interval(server: Server, endpoint: Endpoint) -> None:
    """The first token, and then 32 at a time."""
    chunks = events(server, endpoint, max_tokens=64, stream_interval=32)
    assert len([piece for piece in pieces(chunks) if piece]) <= 4


# -- what a request leaves out, and what nobody knows ------------------------------------------------------------------


@both
def test_defaults_are_the_seeds(server: Server, endpoint: Endpoint) -> None:
    left_out = ask(server, endpoint, seed=5)
    assert left_out.generated == 16
    assert left_out.answer.headers["x-oaikit-max-tokens"] == (
        "max_tokens was not given: the answer ended after 16 tokens"
    )
    said = ask(server, endpoint, seed=5, **sampling.seed_defaults(endpoint))
    assert said.text == left_out.text
    assert "x-oaikit-max-tokens" not in said.answer.headers
    assert ask(server, endpoint, seed=5, temperature=2).text != left_out.text


@both
def test_an_answer_that_ends_before_the_default_says_nothing_of_it(
    server: Server, endpoint: Endpoint, eos: str
) -> None:
    ended = ask(server, endpoint, logit_bias={eos: 100})
    assert "x-oaikit-max-tokens" not in ended.answer.headers
    streamed = post(server, endpoint, stream=True)
    assert "ends after 16 tokens" in streamed.headers["x-oaikit-max-tokens"]


@both
def test_unknown_parameters_are_named(server: Server, endpoint: Endpoint) -> None:
    reply = ask(server, endpoint, temprature=2, num_predict=8, **GREEDY)
    assert reply.text == ask(server, endpoint, **GREEDY).text
    assert 'parameter "temprature" is unknown and was ignored; did you mean temperature?' in reply.warning
    assert 'parameter "num_predict" is unknown and was ignored; use max_tokens' in reply.warning


@both
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kv_transfer_params", {"a": 1}),
        ("mm_processor_kwargs", {"a": 1}),
        ("media_io_kwargs", {"image": {}}),
        ("vllm_xargs", {"a": "b"}),
        ("priority", 1),
        ("request_id", "mine"),
        ("chat_template", "{{ messages }}"),
    ],
)
def test_what_reaches_into_the_server_is_refused(
    server: Server, endpoint: Endpoint, name: str, value: Any
) -> None:
    error = refused(server, endpoint, **{name: value})
    assert (error["param"], name in error["message"]) == (name, True)


def test_a_chat_template_hidden_among_its_variables_is_refused(server: Server) -> None:
    assert (
        refused(server, CHAT, chat_template_kwargs={"chat_template": "x"})["param"] == "chat_template_kwargs"
    )
