"""A chat as a file, and a file as a conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from oaikit.conversation import Conversation
from oaikit.errors import ConversationError, InvalidRequestError
from oaikit.widgets.history import default_path
from oaikit.widgets.messages import for_request, title

_SUFFIXES = {"json": "json", "markdown": "md", "python": "py"}


def export(conversation: Conversation, format: str, model: str, sampling: Mapping[str, Any]) -> str:
    """A conversation as ``json`` (the whole tree), ``markdown`` (the current path), or as a ``python`` script.

    The script asks for the current path's last answer again; ``model`` and ``sampling`` are what it asks with.

    Raises:
        InvalidRequestError: no such format.
    """
    match format:
        case "json":
            return json.dumps(conversation.to_json(), ensure_ascii=False, indent=1) + "\n"
        case "markdown":
            return conversation.to_markdown()
        case "python":
            return Conversation(messages=for_request(conversation.path)).to_python(model, **sampling)
    raise InvalidRequestError(
        f"a chat is exported as {', '.join(_SUFFIXES)}, not as {format!r}", param="format"
    )


def filename(conversation: Conversation, format: str) -> str:
    """A name for the file, after the title."""
    words = re.sub(r"\W+", "-", title(conversation).lower()).strip("-_")[:40].strip("-")
    return f"{words or 'chat'}.{_SUFFIXES.get(format, 'txt')}"


def parse(text: str) -> Conversation:
    """A conversation from JSON: what `export` made of one, or OpenAI messages.

    Raises:
        ConversationError: it is none.
    """
    try:
        data = json.loads(text)
    except (TypeError, ValueError) as exc:
        raise ConversationError(f"this is no JSON: {exc}") from exc
    return Conversation.from_json(data)


def reopening(id: str, path: Path, *, llm: str | None, tools: Sequence[str]) -> str:
    """The cell that reopens a conversation of the history in another kernel.

    Args:
        id: The conversation's id.
        path: The history's file.
        llm: The name of the variable with the backend; None: the Jupyter server's own engine.
        tools: The names of the functions that the model may call.
    """
    options = [repr(id), *([llm] if llm else [])]
    if path != default_path():
        options.append(f"history={str(path)!r}")
    if tools:
        options.append(f"tools=[{', '.join(tools)}]")
    return f"import oaikit as ok\n\nchat = ok.Chat.open({', '.join(options)})\nchat"
