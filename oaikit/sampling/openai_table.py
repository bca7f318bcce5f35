"""The parameters that OpenAI's API documents."""

from __future__ import annotations

from typing import Final

from oaikit.sampling import structures
from oaikit.sampling.containers import Array, OneOf
from oaikit.sampling.parameter import Parameter, Slider
from oaikit.sampling.requests import CHAT, COMPLETIONS
from oaikit.sampling.types import (
    INT32_MAX,
    INT64_MAX,
    INT64_MIN,
    Boolean,
    Bounds,
    Choice,
    Integer,
    Number,
    String,
)


def _penalty(name: str, text: str) -> Parameter:
    return Parameter(
        name,
        Number(Bounds(-2, 2)),
        f"{text} Negative: repetition is encouraged.",
        group="OpenAI",
        default=0.0,
        from_model=True,
        slider=Slider(-2, 2, 0.1),
    )


# In the order of the seed's table of common parameters; below them those that it leaves to vLLM's documentation.
OPENAI: Final = (
    Parameter(
        "model",
        String(low=1),
        "The model's name, as v1/models lists it.",
        group="OpenAI",
        required=True,
        presettable=False,
    ),
    Parameter(
        "messages",
        structures.MESSAGES,
        "The conversation so far: objects with a role (system, user, assistant, tool, …) and a content, which is "
        "text, or a list of parts for models that take images, audio or video.",
        group="OpenAI",
        endpoints=(CHAT,),
        required=True,
        presettable=False,
    ),
    Parameter(
        "prompt",
        structures.PROMPT,
        "The text to continue, or its token ids. A list of texts, or of lists of token ids, is that many prompts, "
        "each with n answers.",
        group="OpenAI",
        endpoints=(COMPLETIONS,),
        required=True,
        presettable=False,
    ),
    Parameter(
        "temperature",
        Number(Bounds(0, 2)),
        "Randomness. 0 always takes the likeliest token (greedy; n must be 1 then), 1 samples as the model was "
        "trained to, more flattens the probabilities. vLLM takes values between 0 and 0.01 as 0.01.",
        group="OpenAI",
        default=0.7,
        engine_default=1.0,
        from_model=True,
        slider=Slider(0, 2, 0.05),
    ),
    Parameter(
        "max_tokens",
        Integer(structures.COUNT),
        "The most tokens in one answer; it ends there with finish_reason length. 0 is for echo on completions only. "
        "More than what is left of the model's context is cut to that, and more than the whole context is an error.",
        group="OpenAI",
        default=16,
        engine_default=None,
        from_model=True,
        slider=Slider(1, 4096, 1),
    ),
    Parameter(
        "top_p",
        Number(Bounds(0, 1, low_open=True)),
        "Nucleus sampling: only the likeliest tokens whose probabilities add up to this share. 1: all.",
        group="OpenAI",
        default=1.0,
        from_model=True,
        slider=Slider(0.05, 1, 0.05),
    ),
    Parameter(
        "n",
        Integer(Bounds(1, INT32_MAX)),
        "Answers per prompt; with use_beam_search, the width of the beam. A limit of the server applies.",
        group="OpenAI",
        default=1,
        slider=Slider(1, 8, 1),
    ),
    Parameter(
        "stop",
        OneOf((structures.NON_EMPTY, Array(structures.NON_EMPTY))),
        "Texts that end an answer, and are left out of it; at most 4, unless the engine takes more. Beam search does "
        "not stop at them.",
        group="OpenAI",
        default=None,
    ),
    Parameter(
        "stream",
        Boolean(),
        "Send the answer in events as it is generated.",
        group="OpenAI",
        default=False,
        presettable=False,
    ),
    _penalty("presence_penalty", "Taken off the score of every token that the answer already holds."),
    _penalty(
        "frequency_penalty", "Taken off a token's score for each time that the answer already holds it."
    ),
    Parameter(
        "max_completion_tokens",
        Integer(Bounds(1, INT32_MAX)),
        "OpenAI's newer name of max_tokens on chats. If both are given, this one counts.",
        group="OpenAI",
        endpoints=(CHAT,),
        presettable=False,
    ),
    Parameter(
        "seed",
        Integer(Bounds(INT64_MIN, INT64_MAX)),
        "Makes the random choices repeatable, as far as the same requests are computed together; answer i of n uses "
        "seed + i. -1: none.",
        group="OpenAI",
    ),
    Parameter(
        "logit_bias",
        structures.TOKEN_BIASES,
        "Added to the scores of tokens, by token id, before sampling: -100 bans a token, 100 forces it.",
        group="OpenAI",
    ),
    Parameter(
        "logprobs",
        Boolean(),
        "Return the log-probability of each token of the answer.",
        group="OpenAI",
        endpoints=(CHAT,),
        presettable=False,
    ),
    Parameter(
        "top_logprobs",
        Integer(Bounds(-1, INT32_MAX)),
        "With logprobs: return that many of the likeliest tokens at each position too. -1: the whole vocabulary, if "
        "the engine allows it (max_logprobs).",
        group="OpenAI",
        endpoints=(CHAT,),
        presettable=False,
    ),
    Parameter(
        "logprobs",
        Integer(Bounds(-1, INT32_MAX)),
        "Return the log-probability of each token, and of that many of the likeliest at its position. 0: the token's "
        "alone. -1: the whole vocabulary, if the engine allows it (max_logprobs).",
        group="OpenAI",
        endpoints=(COMPLETIONS,),
        presettable=False,
    ),
    Parameter(
        "response_format",
        structures.RESPONSE_FORMAT,
        "Hold the answer to a form: type json_object, or json_schema with a schema; text is no form.",
        group="OpenAI",
    ),
    Parameter(
        "tools",
        structures.TOOLS,
        "Functions that the model may call. The engine needs a parser for the model's way of calling them.",
        group="OpenAI",
        endpoints=(CHAT,),
        nothing=[],
    ),
    Parameter(
        "tool_choice",
        structures.TOOL_CHOICE,
        "Whether the model may call a tool (auto, what it is when tools are given), must not (none), must "
        "(required), or must call the one that is named.",
        group="OpenAI",
        endpoints=(CHAT,),
    ),
    Parameter(
        "parallel_tool_calls",
        Boolean(),
        "Whether an answer may have more than one tool call; true when left out.",
        group="OpenAI",
        endpoints=(CHAT,),
    ),
    Parameter(
        "reasoning_effort",
        Choice(("none", "minimal", "low", "medium", "high", "xhigh", "max")),
        "How much a reasoning model thinks before it answers, if its chat template knows the word.",
        group="OpenAI",
        endpoints=(CHAT,),
    ),
    Parameter(
        "stream_options",
        structures.STREAM_OPTIONS,
        "With stream. include_usage: an event with the token counts before the end. continuous_usage_stats: counts "
        "in every event.",
        group="OpenAI",
        presettable=False,
    ),
    Parameter(
        "suffix",
        String(),
        "Text that comes after what is generated, for models trained to fill in the middle.",
        group="OpenAI",
        endpoints=(COMPLETIONS,),
        presettable=False,
    ),
    Parameter(
        "user",
        String(),
        "A name for the end user; accepted, and not used.",
        group="OpenAI",
        presettable=False,
    ),
)
