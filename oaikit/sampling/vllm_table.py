"""The parameters that vLLM adds to OpenAI's.

Together with openai_table.py this is every field of ChatCompletionRequest and CompletionRequest in the supported
releases of vLLM that a client may set there, except for `WITHOUT_EFFECT`; ``make contract`` reads vLLM's sources and
holds the tables against them.
"""

from __future__ import annotations

from typing import Any, Final

from oaikit.sampling import structures
from oaikit.sampling.containers import Array, Dictionary, Object, OneOf
from oaikit.sampling.parameter import UNSET, Parameter, Slider
from oaikit.sampling.requests import CHAT
from oaikit.sampling.structures import COUNT, NON_EMPTY, TOKEN_IDS
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
    Type,
)

# vLLM takes them on these endpoints and does nothing: they are for its render endpoints. As good as unknown.
WITHOUT_EFFECT: Final = ("mm_payload", "return_mm_kwargs", "return_token_offsets")

# MAX_LOGPROB_TOKEN_IDS of vllm/sampling_params.py.
MAX_LOGPROB_TOKEN_IDS: Final = 128
# vllm/entrypoints/generate/base/protocol.py: _MAX_CACHE_SALT_LENGTH, _CACHE_SALT_FORBIDDEN_CHARS.
_CACHE_SALT: Final = String(low=1, high=128, forbidden="@/\\\0")

# In the order of the seed's table of additional vLLM parameters.
_OF_THE_SEED = (
    Parameter(
        "best_of",
        Integer(Bounds(1, INT32_MAX)),
        "Sample this many answers and return the n with the highest mean log-probability per token, best first; all "
        "are counted in usage. Not less than n, and no more than n when streamed. With use_beam_search, the width of "
        "the beam. A limit of the server applies.",
        default=None,
        slider=Slider(1, 8, 1),
    ),
    Parameter(
        "top_k",
        Integer(Bounds(-1, INT32_MAX)),
        "Only this many of the likeliest tokens. -1 or 0: all.",
        default=-1,
        from_model=True,
        slider=Slider(-1, 100, 1),
    ),
    Parameter(
        "repetition_penalty",
        Number(Bounds(0, 100, low_open=True)),
        "Divides the scores of tokens that the prompt or the answer already holds. Above 1 discourages repetition, "
        "below 1 encourages it.",
        default=1.0,
        from_model=True,
        slider=Slider(0.8, 2, 0.05),
    ),
    Parameter(
        "min_p",
        Number(Bounds(0, 1)),
        "Only tokens at least this share as probable as the likeliest. 0: all; 1: the likeliest alone.",
        default=0.0,
        from_model=True,
        slider=Slider(0, 1, 0.01),
    ),
    Parameter(
        "use_beam_search",
        Boolean(),
        "Search for the likeliest answers with a beam as wide as n (or best_of) instead of sampling. It can't be "
        "streamed, and of the parameters that shape an answer it heeds only max_tokens, ignore_eos, length_penalty, "
        "skip_special_tokens and include_stop_str_in_output.",
        default=False,
    ),
    Parameter(
        "length_penalty",
        Number(Bounds(-10, 10)),
        "With use_beam_search: answers are ranked by log-probability divided by length in tokens to this power. More "
        "than 1 favours longer answers, less than 1 shorter ones.",
        default=1.0,
        slider=Slider(-2, 2, 0.1),
    ),
    Parameter(
        "ignore_eos",
        Boolean(),
        "Go on after the model's end-of-sequence token, up to max_tokens.",
        default=False,
    ),
    Parameter(
        "skip_special_tokens",
        Boolean(),
        "Leave special tokens, such as those that mark the end of a turn, out of the text.",
        default=True,
    ),
    Parameter(
        "echo",
        Boolean(),
        "Put the prompt before the answer; on chats the last message, if it is the assistant's.",
        default=False,
    ),
)

_OF_THE_ANSWER = (
    Parameter(
        "min_tokens",
        Integer(COUNT),
        "The fewest tokens before an answer may end by itself.",
        slider=Slider(0, 1024, 1),
    ),
    Parameter("stop_token_ids", TOKEN_IDS, "Token ids at which an answer ends."),
    Parameter("include_stop_str_in_output", Boolean(), "Keep the text at which the answer ended in it."),
    Parameter("bad_words", Array(NON_EMPTY), "Texts that the answer may not hold."),
    Parameter(
        "allowed_token_ids", Array(structures.TOKEN_ID, low=1), "The only tokens that the answer may hold."
    ),
    Parameter("spaces_between_special_tokens", Boolean(), "Put spaces between special tokens in the text."),
    Parameter(
        "structured_outputs",
        structures.STRUCTURED_OUTPUTS,
        "Hold the answer to exactly one of: json (a JSON schema), json_object, regex, choice (a list of texts), "
        "grammar (EBNF), structural_tag.",
    ),
    Parameter(
        "thinking_token_budget",
        Integer(Bounds(-1, INT32_MAX), exact=True),
        "The most tokens that a reasoning model may think. -1: no limit. Needs a reasoning parser in the engine.",
    ),
    Parameter(
        "repetition_detection",
        structures.REPETITION_DETECTION,
        "End an answer that repeats itself: a pattern of min_pattern_size to max_pattern_size tokens, min_count times.",
    ),
    Parameter("watermarking", Boolean(), "Whether the engine's watermark, if it has one, is applied."),
    Parameter(
        "include_reasoning",
        Boolean(),
        "Return what a reasoning model thought, where the engine has a parser for it; true when left out.",
        endpoints=(CHAT,),
    ),
)

_OF_THE_PROMPT = (
    Parameter(
        "truncate_prompt_tokens",
        Integer(Bounds(-1, INT32_MAX)),
        "Cut the prompt to that many tokens. -1: to what fits into the model's context.",
    ),
    Parameter(
        "truncation_side",
        Choice(("left", "right")),
        "From which end a prompt is cut: left keeps its end, right its beginning. Left out: as the tokenizer says.",
    ),
    Parameter(
        "add_special_tokens",
        Boolean(),
        "Add the tokenizer's special tokens to the prompt. Left out: yes on completions, no on chats, where the chat "
        "template has them.",
    ),
    Parameter(
        "add_generation_prompt",
        Boolean(),
        "End the prompt with the beginning of an assistant's turn; true when left out.",
        endpoints=(CHAT,),
    ),
    Parameter(
        "continue_final_message",
        Boolean(),
        "Go on with the last message instead of beginning a new one. Needs add_generation_prompt: false.",
        endpoints=(CHAT,),
    ),
    Parameter(
        "documents",
        structures.DOCUMENTS,
        "Texts for a chat template that takes documents.",
        endpoints=(CHAT,),
    ),
    Parameter(
        "chat_template_kwargs",
        structures.ANY_OBJECT,
        "Variables for the chat template, such as enable_thinking. A chat_template among them is refused unless the "
        "server's owner allows chat_template.",
        endpoints=(CHAT,),
    ),
    Parameter(
        "cache_salt",
        _CACHE_SALT,
        "Only requests with the same salt share cached prompts, so that nobody can tell from the time that an answer "
        "takes what others asked.",
        presettable=False,
    ),
    Parameter("session_id", String(), "Names the conversation that requests belong to.", presettable=False),
)

_OF_THE_REPORT = (
    Parameter(
        "prompt_logprobs",
        Integer(Bounds(-1, INT32_MAX)),
        "Return the log-probability of each token of the prompt, and of that many of the likeliest at its position. "
        "-1: the whole vocabulary. Not with stream.",
    ),
    Parameter(
        "logprob_token_ids",
        Array(structures.TOKEN_ID, high=MAX_LOGPROB_TOKEN_IDS),
        "With logprobs: return the log-probabilities of these tokens at each position instead of the likeliest.",
        presettable=False,
    ),
    Parameter(
        "return_tokens_as_token_ids", Boolean(), "With logprobs: tokens as token_id:N instead of text."
    ),
    Parameter("return_token_ids", Boolean(), "Return the token ids of the prompt and the answer too."),
    Parameter(
        "return_weight_versions",
        Boolean(),
        "From vLLM 0.33 on: say in weight_versions which version of the weights made which of the answer's tokens. Not "
        "with use_beam_search.",
        since="0.33",
    ),
    Parameter(
        "return_prompt_text",
        Boolean(),
        "Return the prompt as the chat template made it, in prompt_text.",
        endpoints=(CHAT,),
    ),
    Parameter(
        "routed_experts_prompt_start",
        Integer(COUNT),
        "Leave that many prompt tokens out of the report of an engine with enable_return_routed_experts.",
    ),
    Parameter(
        "stream_interval",
        Integer(Bounds(1, INT32_MAX)),
        "With stream: tokens per event. The engine's own setting is the least.",
    ),
)


def _trusted(*rows: tuple[str, Type, str]) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name, kind, text, presettable=False, trusted=True, nothing=_nothing(name, kind))
        for name, kind, text in rows
    )


def _nothing(name: str, kind: Type) -> Any:
    if isinstance(kind, Dictionary | Object):
        return {}
    return 0 if name == "priority" else UNSET


# vLLM's requests take fields that they don't declare, and some of its code looks for those: on both endpoints.
_OF_THE_SERVER = _trusted(
    (
        "chat_template",
        String(),
        "A Jinja template to use instead of the model's: a program that the server runs.",
    ),
    ("mm_processor_kwargs", structures.ANY_OBJECT, "Options of the processor of images, audio and video."),
    (
        "media_io_kwargs",
        Dictionary(structures.ANY_OBJECT),
        "Options of the loaders of images, audio and video, by kind.",
    ),
    ("kv_transfer_params", structures.ANY_OBJECT, "For a KV cache that several servers share."),
    ("ec_transfer_params", structures.ANY_OBJECT, "For an encoder cache that several servers share."),
    ("vllm_xargs", Dictionary(structures.EXTRA_ARGUMENT), "For extensions of the engine."),
    (
        "priority",
        Integer(Bounds(INT64_MIN, INT64_MAX)),
        "Lower is served earlier, if the engine schedules by that.",
    ),
    ("request_id", NON_EMPTY, "The engine's id of the request."),
    (
        "prompt_embeds",
        OneOf((NON_EMPTY, Array(NON_EMPTY, low=1))),
        "Prompts as embeddings: PyTorch tensors in base64, which the server unpacks.",
    ),
)

VLLM: Final = (*_OF_THE_SEED, *_OF_THE_ANSWER, *_OF_THE_PROMPT, *_OF_THE_REPORT, *_OF_THE_SERVER)
