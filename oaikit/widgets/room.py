"""Making room in a chat whose context is full, and going on with an answer that was cut off.

Nothing is overwritten: each of these adds a branch to the conversation's tree, and the switch ‹1/2› leads back.
"""

from __future__ import annotations

from collections.abc import Sequence

from oaikit.conversation import SYSTEM_ROLES, Node
from oaikit.errors import ConversationError
from oaikit.widgets.answer import Beginning
from oaikit.widgets.mirror import Mirror
from oaikit.widgets.session import Session
from oaikit.widgets.turn import Turn


async def forget(session: Session, id: str) -> None:
    """Take a message out of the current path; what its tools answered goes with it.

    Raises:
        ConversationError: The message is not on the path.
    """
    session.check_free()
    path = session.conversation.path
    index = next((place for place, node in enumerate(path) if node.id == id), None)
    if index is None or path[index].role in SYSTEM_ROLES:
        raise ConversationError("only a message of the conversation that is shown can be deleted")
    rest = path[index + 1 :]
    while path[index].role == "assistant" and rest and rest[0].role == "tool":
        rest = rest[1:]
    _replant(session.mirror, path[index].parent, rest)
    await session.settle()


async def drop_oldest(session: Session) -> int:
    """Leave out the oldest turns, until about half of the text is left. The last turn stays.

    Returns:
        How many turns were left out.

    Raises:
        ConversationError: There is only one turn.
    """
    session.check_free()
    path = [node for node in session.conversation.path if node.role not in SYSTEM_ROLES]
    starts = [place for place, node in enumerate(path) if node.role == "user"]
    if len(starts) < 2:
        raise ConversationError(
            "there is no older turn to leave out; shorten the message, or delete a part of it"
        )
    half = sum(len(node.text) for node in path) / 2
    dropped = 1
    while dropped < len(starts) - 1 and sum(len(node.text) for node in path[starts[dropped] :]) > half:
        dropped += 1
    _replant(session.mirror, path[0].parent, path[starts[dropped] :])
    turns = "oldest turn was" if dropped == 1 else f"{dropped} oldest turns were"
    session.tell(f"The {turns} left out. ‹ 1/2 › at the first message leads back to the whole conversation.")
    await session.settle()
    return dropped


async def go_on(session: Session, id: str, *, raise_limit: bool = False) -> Turn:
    """Begin an answer that goes on where another one was cut off.

    Args:
        session: The chat.
        id: The answer's id.
        raise_limit: Whether to double ``max_tokens`` first, if it is set.

    Raises:
        ConversationError: This is no answer with a text, or the server cannot continue one.
    """
    session.check_free()
    node = session.conversation[id]
    if node.role != "assistant" or not node.text:
        raise ConversationError("only an answer with a text can be continued")
    if not session.llm.is_vllm:
        raise ConversationError("this server cannot continue an answer; ask it to go on instead")
    limit = session.params.get("max_tokens")
    if raise_limit and limit:
        await session.set_params({"max_tokens": 2 * limit})
    session.conversation.rewind(node.parent)
    return session.begin(Beginning(node.text, node.info.get("tokens") or ()), waited=False)


def _replant(mirror: Mirror, parent: str | None, nodes: Sequence[Node]) -> None:
    """Put copies of these messages behind another one, as a branch of their own."""
    mirror.conversation.rewind(parent)
    for node in nodes:
        mirror.add(node.message, **node.info)
    mirror.show_path()
