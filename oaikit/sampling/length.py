"""How much text a request holds, and how much can fit into a model's context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NoReturn

from oaikit.errors import InvalidRequestError
from oaikit.sampling.requests import Limits

CONTEXT_LENGTH_EXCEEDED: Final = "context_length_exceeded"

# The parameters of all routes whose texts become the prompt.
TEXTS: Final = (
    *(
        "prompt",
        "messages",
        "input",
        "system",
        "instructions",
        "tools",
        "chat_template_kwargs",
        "instruction",
    ),
    *("query", "queries", "documents", "items", "data_1", "data_2", "text_1", "text_2", "tokens"),
)
# Media, as URLs or in base64, become other tokens than their text would.
_MEDIA: Final = frozenset(
    {
        *(
            "image_url",
            "input_audio",
            "video_url",
            "audio_url",
            "image_embeds",
            "audio_embeds",
            "prompt_embeds",
        ),
        *("source", "file", "file_data", "image_pil", "encrypted_content"),
    }
)


def characters(value: Any) -> int:
    """The characters of all texts in a value, without media."""
    if isinstance(value, str):
        return len(value)
    total, level = 0, [value]
    while level:
        inside: list[Any] = []
        for each in level:
            if isinstance(each, str):
                total += len(each)
            elif isinstance(each, dict):
                inside.extend(inner for name, inner in each.items() if name not in _MEDIA)
            elif isinstance(each, list):
                inside.extend(each)
        level = inside
    return total


def is_too_long(prompt: Any, limits: Limits) -> bool:
    """Whether one prompt or conversation can't fit into the context, whatever its tokens are."""
    if _is_token_ids(prompt):
        return limits.context is not None and len(prompt) > limits.context
    return limits.characters is not None and characters(prompt) > limits.characters


def check_lengths(fields: Mapping[str, Any], limits: Limits) -> None:
    """Refuse prompts that can't fit into the context before anything is done with them.

    vLLM tokenizes first, in the one thread that the prompts of all clients go through.

    Args:
        fields: the parameters that may hold prompts, by name; those that are not `TEXTS` don't count.
        limits: the server's limits.

    Raises:
        InvalidRequestError: one of them is too long; its code is ``context_length_exceeded``.
    """
    if limits.context is None:
        return
    for name in TEXTS:
        for prompt in prompts_of(fields[name]) if fields.get(name) is not None else ():
            if is_too_long(prompt, limits):
                _refuse(name, prompt, limits)


def prompts_of(value: Any) -> list[Any]:
    """The prompts in a field: texts, lists of token ids, conversations."""
    single = not isinstance(value, list) or not value or isinstance(value[0], int) or _is_message(value[0])
    return [value] if single else value


def _is_token_ids(prompt: Any) -> bool:
    return isinstance(prompt, list) and bool(prompt) and isinstance(prompt[0], int)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and ("role" in value or "type" in value)


def _refuse(name: str, prompt: Any, limits: Limits) -> NoReturn:
    if _is_token_ids(prompt):
        size = f"{len(prompt)} tokens"
    else:
        size = (
            f"{characters(prompt)} characters, and {limits.context} tokens have at most {limits.characters}"
        )
    error = InvalidRequestError(
        f"`{name}` exceeds this model's maximum context length of {limits.context} tokens: it has {size}; shorten it",
        param=name,
    )
    error.code = CONTEXT_LENGTH_EXCEEDED
    raise error
