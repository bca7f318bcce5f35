"""The types of what has structure: prompts, messages, tools, the forms that output can be held to."""

from __future__ import annotations

from typing import Final

from oaikit.sampling.containers import Array, Dictionary, Nullable, Object, OneOf
from oaikit.sampling.messages import MESSAGES as MESSAGES
from oaikit.sampling.messages import NON_EMPTY as NON_EMPTY
from oaikit.sampling.messages import optional
from oaikit.sampling.types import INT32_MAX, Boolean, Bounds, Choice, Integer, Number, String

COUNT: Final = Bounds(0, INT32_MAX)
TOKEN_ID: Final = Integer(COUNT)
TOKEN_IDS: Final = Array(TOKEN_ID)
ANY_OBJECT: Final = Object()

# A token id is at most ten digits; Python refuses to read an integer of more than 4300.
TOKEN_BIASES: Final = Dictionary(Number(Bounds(-100, 100)), keys="token ids in digits", pattern="[0-9]{1,10}")

PROMPT: Final = OneOf(
    (NON_EMPTY, Array(String(), low=1), Array(TOKEN_ID, low=1), Array(Array(TOKEN_ID, low=1), low=1)),
    noun="a non-empty string, a list of token ids, or a list of such prompts of one kind",
)


_FUNCTION: Final = Object(
    {"name": NON_EMPTY, **optional(description=String(), parameters=ANY_OBJECT, strict=Boolean())},
    required=("name",),
)
TOOLS: Final = Array(Object({"type": Choice(("function",)), "function": _FUNCTION}, required=("function",)))
_NAMED_FUNCTION: Final = Object({"name": NON_EMPTY}, required=("name",))
TOOL_CHOICE: Final = OneOf(
    (
        Choice(("none", "auto", "required")),
        Object({"type": Choice(("function",)), "function": _NAMED_FUNCTION}, required=("function",)),
    )
)

RESPONSE_FORMAT: Final = Object(
    {
        "type": Choice(("text", "json_object", "json_schema", "structural_tag")),
        "json_schema": Nullable(
            Object(
                {"name": NON_EMPTY, **optional(description=String(), schema=ANY_OBJECT, strict=Boolean())},
                required=("name",),
            )
        ),
    },
    required=("type",),
)
# Closed: vLLM keeps the grammar's backend in a field of the same object, and a client must not choose that
# (CVE-2026-55574).
STRUCTURED_OUTPUTS: Final = Object(
    {
        **optional(
            json=OneOf((NON_EMPTY, ANY_OBJECT)),
            regex=String(),
            choice=Array(String(), low=1),
            grammar=NON_EMPTY,
            json_object=Boolean(),
            structural_tag=NON_EMPTY,
            whitespace_pattern=String(),
        ),
        "disable_any_whitespace": Boolean(),
        "disable_additional_properties": Boolean(),
    },
    others=False,
)
# Of these fields a request has exactly one.
CONSTRAINTS: Final = ("json", "regex", "choice", "grammar", "json_object", "structural_tag")

STREAM_OPTIONS: Final = Object(optional(include_usage=Boolean(), continuous_usage_stats=Boolean()))
REPETITION_DETECTION: Final = Object(
    {name: Integer(COUNT) for name in ("max_pattern_size", "min_pattern_size", "min_count")}, others=False
)
DOCUMENTS: Final = Array(Dictionary(String()))
EXTRA_ARGUMENT: Final = OneOf((String(), Number(), Array(OneOf((String(), Number())))))
