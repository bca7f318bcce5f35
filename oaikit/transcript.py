"""What a model said, as static HTML and Markdown that are safe to show and to save.

A saved output is live again wherever the notebook is opened, so a model must not be able to put a script, a form or an
image from elsewhere into it: https://github.com/jupyter/nbconvert keeps raw HTML in Markdown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from oaikit._distribution import needed_for

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FOOTER = "margin-top:.3em;opacity:.65;font-size:85%"


def html_of(markdown: str) -> str:
    """Markdown (GitHub's) rendered; HTML in it is shown as text, images from elsewhere as their text."""
    try:
        return str(_renderer().render(markdown))
    except ImportError:  # oaikit without its `lab` extra
        return f'<pre style="white-space:pre-wrap">{escape(markdown)}</pre>'


def markdown_of(text: str) -> str:
    """Markdown without raw HTML and images. In code too: renderers differ over what is code."""
    return text.replace("<", "&lt;").replace("![", "!\\[")


def numbers(
    *,
    model: str = "",
    completion_tokens: int | None = None,
    ttft_s: float | None = None,
    tokens_per_s: float | None = None,
    finish_reason: str | None = None,
    state: str = "",
) -> str:
    """One line about an answer; what is not known is left out."""
    parts = [model]
    if completion_tokens:
        parts.append(f"{completion_tokens} token{'' if completion_tokens == 1 else 's'}")
    if ttft_s is not None:
        parts.append(f"{ttft_s:.2f} s to the first")
    if tokens_per_s is not None:
        parts.append(f"{tokens_per_s:.0f} tokens/s")
    parts.append(state or finish_reason or "")
    return " · ".join(part for part in parts if part)


def answer_html(
    text: str, *, reasoning: str = "", tool_calls: Sequence[Mapping[str, Any]] = (), footer: str = ""
) -> str:
    """An answer: its thoughts folded, its text, its tool calls in OpenAI's shape, a line below."""
    parts = []
    if reasoning:
        parts.append(f"<details><summary>Thought</summary>{html_of(reasoning)}</details>")
    parts.append(html_of(text) if text else "")
    for call in tool_calls:
        function = call.get("function") or call
        parts.append(
            f"<pre>{escape(str(function.get('name')))}({escape(str(function.get('arguments')))})</pre>"
        )
    if footer:
        parts.append(f'<div style="{_FOOTER}">{escape(footer)}</div>')
    return "".join(parts)


def side_by_side(columns: Iterable[tuple[str, str]]) -> str:
    """Titles and HTML in columns that wrap where there is no room."""
    cells = (
        f'<div style="flex:1 1 16em;min-width:0">{f"<b>{escape(title)}</b>" if title else ""}{html}</div>'
        for title, html in columns
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:1em">{"".join(cells)}</div>'


def conversation_html(messages: Iterable[Mapping[str, Any]]) -> str:
    """OpenAI messages, one below the other."""
    return "".join(
        f'<div style="margin:.6em 0"><b>{escape(str(message["role"]))}</b>{_message_html(message)}</div>'
        for message in messages
    )


def _message_html(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    text = content if isinstance(content, str) else "\n\n".join(map(_part_text, content))
    return answer_html(
        text,
        reasoning=str(message.get("reasoning") or message.get("reasoning_content") or ""),
        tool_calls=message.get("tool_calls") or (),
    )


def _part_text(part: Mapping[str, Any]) -> str:
    return str(part["text"]) if part.get("type") == "text" else f"({part.get('type', 'part')})"


@cache
def _renderer() -> MarkdownIt:
    with needed_for("a transcript"):
        from markdown_it import MarkdownIt
        from markdown_it.renderer import RendererHTML

    class Renderer(RendererHTML):
        """Links open elsewhere; of images only those that are in the text are shown."""

        def link_open(self, tokens: Any, index: int, options: Any, env: Any) -> str:
            tokens[index].attrSet("target", "_blank")
            tokens[index].attrSet("rel", "noopener noreferrer")
            return str(self.renderToken(tokens, index, options, env))

        def image(self, tokens: Any, index: int, options: Any, env: Any) -> str:
            token = tokens[index]
            if str(token.attrs.get("src", "")).startswith("data:image/"):
                return str(super().image(tokens, index, options, env))
            return f"<em>{escape(token.content or 'image')}</em>"

    options = {"html": False, "linkify": False}
    return MarkdownIt("commonmark", options, renderer_cls=Renderer).enable(["table", "strikethrough"])
