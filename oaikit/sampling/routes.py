"""What stands where in the bodies of vLLM's other routes, so that they are checked as chats and completions are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from oaikit.sampling.containers import Array, Object, OneOf
from oaikit.sampling.messages import ARGUMENTS, MESSAGES, NON_EMPTY, PART, optional
from oaikit.sampling.requests import CHAT, COMPLETIONS, Endpoint
from oaikit.sampling.structures import ANY_OBJECT, COUNT, TOKEN_ID, TOKEN_IDS
from oaikit.sampling.types import INT32_MAX, Boolean, Bounds, Choice, Integer, String, Type


@dataclass(frozen=True)
class Route:
    """The body of one route.

    Attributes:
        types: what its fields must be, by name; fields that are not listed are looked at for what no value may hold.
        shared: the endpoint whose parameters it takes.
        names: which of these; empty: all that ``types`` does not have.
        forms: fields that hold forms of the answer.
        prompts: the field each of whose items is a prompt or conversation with answers of its own.
        inputs: fields each of whose items is a text to embed, score or classify.
    """

    types: Mapping[str, Type] = field(default_factory=dict)
    shared: Endpoint | None = None
    names: frozenset[str] = frozenset()
    forms: tuple[str, ...] = ()
    prompts: str | None = None
    inputs: tuple[str, ...] = ()


# -- Responses ---------------------------------------------------------------------------------------------------------

_ROLES: Final = Choice(("user", "assistant", "system", "developer"))
_OUTPUT_PART: Final = Object(
    {"type": NON_EMPTY, **optional(text=String())}, required=("type",), drops_nulls=True
)
# Items of these types are read and completed; the others have fields that must be there even if they are null.
_COMMON_ITEMS: Final = frozenset({"message", "function_call", "function_call_output", "reasoning"})


@dataclass(frozen=True)
class Item(Object):
    """An item of a response's input."""

    def check(self, value: Any, path: str) -> Any:
        """The item, with the status that dumped answers may lack; items of other types stay as they are."""
        if isinstance(value, dict) and (value.get("type") or "message") not in _COMMON_ITEMS:
            return value
        item = super().check(value, path)
        if (
            item.get("role") == "assistant"
            and item.get("type") == "message"
            and isinstance(item["content"], list)
        ):
            item.setdefault("status", "completed")
        return item


_ITEM: Final = Item(
    optional(
        type=NON_EMPTY,
        role=_ROLES,
        content=OneOf((String(), Array(_OUTPUT_PART))),
        name=String(),
        call_id=String(),
        arguments=ARGUMENTS,
        output=OneOf((String(), Array(_OUTPUT_PART))),
    ),
    drops_nulls=True,
)

# -- Messages ----------------------------------------------------------------------------------------------------------

_BLOCK: Final = Object(
    {"type": NON_EMPTY, **optional(text=String(), input=ANY_OBJECT)}, required=("type",), drops_nulls=True
)
_BLOCKS: Final = OneOf((String(), Array(_BLOCK)))
_TURN: Final = Object(
    {"role": Choice(("user", "assistant", "system")), "content": _BLOCKS},
    required=("role", "content"),
    drops_nulls=True,
)
_ANTHROPIC_TOOL: Final = Object(
    {"name": NON_EMPTY, "input_schema": ANY_OBJECT, **optional(description=String())},
    required=("name",),
    drops_nulls=True,
)

# -- texts -------------------------------------------------------------------------------------------------------------

_SEVERAL_MESSAGES: Final = OneOf((MESSAGES, Array(MESSAGES, low=1)))
_EMBEDDED: Final = OneOf(
    (
        String(),
        Array(TOKEN_ID, low=1),
        Array(Array(TOKEN_ID, low=1), low=1),
        Array(String(), low=1),
        _SEVERAL_MESSAGES,
    ),
    noun="a string, a list of token ids, or a list of such inputs of one kind",
)
_SCORED_ONE: Final = OneOf(
    (String(), Object({"content": Array(PART)}, required=("content",), drops_nulls=True))
)
_SCORED: Final = OneOf(
    (_SCORED_ONE, Array(_SCORED_ONE, low=1)), noun="a string, an object with `content`, or a list of these"
)

# -- the routes --------------------------------------------------------------------------------------------------------

_SETTINGS: Final = frozenset({"model", "user", "cache_salt", "chat_template_kwargs", "stream"})
_SAMPLING: Final = _SETTINGS | {
    *(
        "temperature",
        "top_p",
        "top_k",
        "min_p",
        "presence_penalty",
        "frequency_penalty",
        "repetition_penalty",
    ),
    *("seed", "stop", "stop_token_ids", "logit_bias", "ignore_eos", "skip_special_tokens", "top_logprobs"),
    *("include_stop_str_in_output", "structured_outputs", "session_id", "parallel_tool_calls"),
    *("include_reasoning", "watermarking", "priority", "vllm_xargs", "request_id"),
    *("mm_processor_kwargs", "media_io_kwargs", "kv_transfer_params", "ec_transfer_params", "chat_template"),
}
_POOLED: Final = _SETTINGS | {
    *("truncate_prompt_tokens", "truncation_side", "add_special_tokens", "add_generation_prompt"),
    *("continue_final_message", "priority", "request_id"),
    *("mm_processor_kwargs", "media_io_kwargs", "chat_template"),
}
_POSITIVE: Final = Integer(Bounds(1, INT32_MAX))

_RESPONSES: Final = Route(
    types={
        "input": OneOf(
            (String(), Array(_ITEM, low=1)), noun="a string, or a list of messages and other items"
        ),
        "instructions": String(),
        "max_output_tokens": _POSITIVE,
        "max_tool_calls": _POSITIVE,
        "tools": Array(ANY_OBJECT),
        "text": ANY_OBJECT,
        "metadata": ANY_OBJECT,
        "reasoning": ANY_OBJECT,
        "include": Array(String()),
        "truncation": Choice(("auto", "disabled")),
        "previous_response_id": String(),
        "background": Boolean(),
        "store": Boolean(),
    },
    shared=CHAT,
    names=_SAMPLING,
    forms=("text", "tools", "structured_outputs"),
)
_MESSAGES_ROUTE: Final = Route(
    types={
        "messages": Array(_TURN, low=1),
        "system": _BLOCKS,
        "max_tokens": _POSITIVE,
        "stop_sequences": Array(NON_EMPTY),
        "tools": Array(_ANTHROPIC_TOOL),
        "tool_choice": ANY_OBJECT,
        "metadata": ANY_OBJECT,
        "thinking": ANY_OBJECT,
        "output_config": ANY_OBJECT,
    },
    shared=CHAT,
    names=_SAMPLING,
    forms=("tools", "output_config"),
)
_POOLING: Final = Route(
    types={
        "input": _EMBEDDED,
        "messages": _SEVERAL_MESSAGES,
        "dimensions": _POSITIVE,
        "use_activation": Boolean(),
    },
    shared=COMPLETIONS,
    names=_POOLED,
    inputs=("input", "messages"),
)
_SCORE: Final = Route(
    types={
        **dict.fromkeys(
            ("query", "queries", "documents", "items", "data_1", "data_2", "text_1", "text_2"), _SCORED
        ),
        "top_n": Integer(COUNT),
        "max_tokens_per_query": Integer(COUNT),
        "max_tokens_per_doc": Integer(COUNT),
        "instruction": String(),
        "use_activation": Boolean(),
    },
    shared=COMPLETIONS,
    names=_POOLED,
    inputs=("queries", "documents", "items", "data_1", "data_2", "text_1", "text_2"),
)
_FORMS: Final = ("response_format", "structured_outputs", "tools")

ROUTES: Final[Mapping[str, Route]] = {
    "v1/chat/completions/batch": Route(
        types={"messages": Array(MESSAGES, low=1)}, shared=CHAT, forms=_FORMS, prompts="messages"
    ),
    "v1/responses": _RESPONSES,
    "v1/messages": _MESSAGES_ROUTE,
    "v1/messages/count_tokens": _MESSAGES_ROUTE,
    "tokenize": Route(
        types={
            "prompt": String(),
            "messages": MESSAGES,
            "return_token_strs": Boolean(),
            "add_special_tokens": Boolean(),
        },
        shared=CHAT,
        names=_POOLED | {"tools"},
        forms=("tools",),
    ),
    "detokenize": Route(types={"tokens": TOKEN_IDS}, shared=CHAT, names=frozenset({"model"})),
    "v1/embeddings": _POOLING,
    "pooling": _POOLING,
    "classify": _POOLING,
    **dict.fromkeys(("score", "v1/score", "rerank", "v1/rerank", "v2/rerank"), _SCORE),
}
OTHER: Final = Route()
