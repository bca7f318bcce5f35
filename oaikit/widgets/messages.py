"""Messages as a request needs them, and as the chat's document shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from oaikit.conversation import SYSTEM_ROLES, Conversation, Node
from oaikit.widgets.figures import NUMBERS

REASONING = ("reasoning", "reasoning_content")


def user_message(text: str, images: Sequence[str] = ()) -> dict[str, Any]:
    """A user's message. Parameters: its text, and its images as data URLs."""
    if not images:
        return {"role": "user", "content": text}
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    return {
        "role": "user",
        "content": [*parts, *({"type": "image_url", "image_url": {"url": url}} for url in images)],
    }


def images(node: Node) -> list[str]:
    """The images of a message that are in it, as data URLs. What lies elsewhere is not shown: it would be fetched."""
    content = node.message.get("content")
    parts = content if isinstance(content, list) else []
    urls = [(part.get("image_url") or {}).get("url") for part in parts if part.get("type") == "image_url"]
    return [url for url in urls if isinstance(url, str) and url.startswith("data:image/")]


def with_text(node: Node, text: str) -> Any:
    """The content of a message with another text; images and whatever else is in it stay."""
    content = node.message.get("content")
    if not isinstance(content, list):
        return text
    rest = [part for part in content if part.get("type") != "text"]
    return [{"type": "text", "text": text}, *rest] if text else rest


def for_request(path: Iterable[Node], *, reasoning: bool = False) -> list[dict[str, Any]]:
    """The messages to ask with.

    Answers that failed before their first word are left out, and so are tool calls without a result and results
    without a call: servers refuse those. ``reasoning``: what the model thought is sent back to it.
    """
    nodes = list(path)
    messages: list[dict[str, Any]] = []
    for number, node in enumerate(nodes):
        if node.role == "tool":
            if _is_answer_to(node, messages):
                messages.append(dict(node.message))
            continue
        message = dict(node.message)
        if node.role == "assistant":
            message = _assistants(message, _answered(nodes[number + 1 :]), reasoning=reasoning)
        if message.get("content") or message.get("tool_calls"):
            messages.append(message)
    return messages


def for_reading(conversation: Conversation) -> list[dict[str, Any]]:
    """The current path without an empty system prompt, for a transcript."""
    return [
        message
        for message in conversation.messages
        if message["role"] not in SYSTEM_ROLES or message["content"]
    ]


def _answered(following: Sequence[Node]) -> set[Any]:
    """The ids of the calls whose results follow directly."""
    found = set()
    for node in following:
        if node.role != "tool":
            break
        found.add(node.message.get("tool_call_id"))
    return found


def _is_answer_to(node: Node, messages: Sequence[Mapping[str, Any]]) -> bool:
    for message in reversed(messages):
        if message["role"] != "tool":
            calls = message.get("tool_calls") or ()
            return any(call.get("id") == node.message.get("tool_call_id") for call in calls)
    return False


def _assistants(message: dict[str, Any], answered: set[Any], *, reasoning: bool) -> dict[str, Any]:
    if not reasoning:
        message = {key: value for key, value in message.items() if key not in REASONING}
    calls = [call for call in message.pop("tool_calls", None) or () if call.get("id") in answered]
    return message | ({"tool_calls": calls} if calls else {})


def title(conversation: Conversation) -> str:
    """What the user began with, short."""
    for node in conversation:
        if node.role == "user":
            line = " ".join(node.text.split()) or "(an image)"
            return line if len(line) <= 60 else f"{line[:59]}…"
    return ""


# -- the document ------------------------------------------------------------------------------------------------------


def shown(conversation: Conversation) -> Iterator[Node]:
    """The nodes of the document: all but the system prompts that stand at a beginning."""
    for node in conversation:
        if node.parent is not None or node.role not in SYSTEM_ROLES:
            yield node


def view(node: Node, conversation: Conversation) -> dict[str, Any]:
    """A node as the document has it."""
    parent = node.parent
    if parent is not None and (above := conversation[parent]).parent is None and above.role in SYSTEM_ROLES:
        parent = None
    common = {"parent": parent, "role": node.role, "text": node.text}
    match node.role:
        case "assistant":
            return common | answer(node)
        case "user":
            return common | {"images": images(node)}
        case "tool":
            return common | {"call_id": node.message.get("tool_call_id", "")}
    return common


def answer(node: Node) -> dict[str, Any]:
    """An assistant's message as an answer of the document."""
    info, thought = node.info, next(filter(None, map(node.message.get, REASONING)), "")
    numbers = info.get("numbers") or {}
    return {
        "state": info.get("state", "done"),
        "text": node.text,
        "reasoning": thought,
        "reasoning_s": info.get("reasoning_s"),
        "tool_calls": [_call(call, info.get("calls") or {}) for call in node.message.get("tool_calls") or ()],
        "tokens": list(info.get("tokens") or ()),  # the document's own, which grows
        "finish_reason": info.get("finish_reason"),
        "error": info.get("error"),
        "full": bool(info.get("full")),
        "model": info.get("model") or "",
        "numbers": {name: numbers.get(name) for name in NUMBERS},
    }


def _call(call: Mapping[str, Any], states: Mapping[str, Any]) -> dict[str, Any]:
    function, known = call.get("function") or {}, states.get(call.get("id", "")) or {}
    return {
        "id": call.get("id", ""),
        "name": function.get("name", ""),
        "arguments": function.get("arguments", ""),
        "state": known.get("state", "done"),
        "result": known.get("result"),
    }


def settle(conversation: Conversation) -> None:
    """Let nothing of a conversation be on its way: the kernel that worked on it is gone."""
    for node in list(conversation):
        info: dict[str, Any] = {}
        if node.info.get("state") in ("waiting", "streaming"):
            info["state"] = "stopped"
        calls = node.info.get("calls") or {}
        if any(call.get("state") in ("asked", "running") for call in calls.values()):
            ended = {"asked": "denied", "running": "failed"}
            info["calls"] = {
                id: {**call, "state": ended.get(call.get("state"), call.get("state"))}
                for id, call in calls.items()
            }
        if info:
            conversation.revise(node.id, node.message, **info)
