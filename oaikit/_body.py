"""The bodies of requests, from the arguments of calls. A misspelt parameter is refused before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Literal

from oaikit._hints import did_you_mean
from oaikit.errors import InvalidRequestError
from oaikit.sampling import CHAT, COMPLETIONS, Endpoint, parameters

Messages = str | Sequence[Mapping[str, Any]]
Prompt = str | Sequence[int]
Route = Endpoint | Literal["embeddings", "rerank", "tokenize", "detokenize"]
"""Where a request goes: the path below ``v1/``, or beside it for those that `BESIDE_V1` has."""
BESIDE_V1: Final = ("tokenize", "detokenize")

EXTRA: Final = "extra_body"
"""The argument for parameters that only some other server has. OpenAI's client has the same name for it."""

WHOLE_CONTEXT: Final = "context"
"""The value of ``max_tokens`` for as much as the context leaves. A server that has no limit of its own is sent none."""

_ARGUMENTS: Final[dict[Endpoint, tuple[str, ...]]] = {
    CHAT: ("schema", "tools", "max_rounds", "approve", "images", "system", "labels", "wait"),
    COMPLETIONS: ("labels", "wait"),
}
"""What calls take besides parameters, which may have been meant too."""

_KINDS: Final[dict[Endpoint, str]] = {CHAT: "chats", COMPLETIONS: "completions"}


def chat_body(messages: Messages, options: Mapping[str, Any], images: Sequence[Any] = ()) -> dict[str, Any]:
    """The body of a chat.

    Args:
        messages: A user's message, or OpenAI messages.
        options: Sampling parameters by name, and ``extra_body``: parameters that are sent unchecked.
        images: Images for the last message: paths, bytes, URLs, PIL images or arrays.

    Raises:
        InvalidRequestError: A name is unknown, the messages are not a list, or an image cannot be read.
    """
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    elif isinstance(messages, Mapping | bytes) or not hasattr(messages, "__iter__"):
        raise InvalidRequestError(
            f"`messages` must be a text or a list of messages, not {type(messages).__name__}",
            param="messages",
        )
    sent = list(messages)
    if not isinstance(images, list | tuple):
        images = [images]  # one image needs no list
    if images:
        sent[-1:] = [_with_images(sent[-1] if sent else None, images)]
    return {"messages": sent, **checked_options(CHAT, options)}


def _with_images(message: Any, images: Sequence[Any]) -> dict[str, Any]:
    from oaikit._images import image_url  # imported here: most chats have no images

    if not isinstance(message, Mapping) or message.get("role") != "user":
        raise InvalidRequestError("images need a last message of the user's", param="images")
    content = message.get("content") or []
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    shown = [{"type": "image_url", "image_url": {"url": image_url(image)}} for image in images]
    return {**message, "content": [*parts, *shown]}


def completion_body(prompt: Prompt, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a completion: a text or token ids to continue. See `chat_body`."""
    return {"prompt": prompt, **checked_options(COMPLETIONS, options)}


def checked_options(endpoint: Endpoint, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a call as they are sent, those of ``extra_body`` among them, which win.

    Raises:
        InvalidRequestError: A name is unknown, or ``extra_body`` is not a mapping.
    """
    known = parameters(endpoint)
    for name in options:
        if name not in known and name != EXTRA:
            raise unknown_parameter(endpoint, name)
    sent = dict(options)
    extra = sent.pop(EXTRA, None)
    if extra is not None and not isinstance(extra, Mapping):
        raise InvalidRequestError(
            f"`{EXTRA}` must be a mapping of names to values, not {type(extra).__name__}", param=EXTRA
        )
    return sent | dict(extra or {})


def unknown_parameter(
    endpoint: Endpoint, name: str, known: Collection[str] | None = None
) -> InvalidRequestError:
    """The error for a name that is not a parameter's, with what may have been meant.

    Args:
        endpoint: Where the request goes.
        name: What was given.
        known: The names that can be given; by default the endpoint's parameters.
    """
    other: Endpoint = COMPLETIONS if endpoint == CHAT else CHAT
    names = [*(parameters(endpoint) if known is None else known), *_ARGUMENTS[endpoint]]
    if known is None and name in parameters(other):
        hint = f"; it is one of {_KINDS[other]}"
    else:
        hint = did_you_mean(name, names)
    return InvalidRequestError(
        f"{_KINDS[endpoint]} have no parameter {name!r}{hint} ({EXTRA}={{…}} is for parameters of other servers)",
        param=name,
    )
