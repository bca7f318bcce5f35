"""What the magics do with text: names in a prompt filled in, answers shown in the form that was asked for."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING, Any, Final

from IPython.display import display

from oaikit._hints import did_you_mean
from oaikit.progress import in_kernel
from oaikit.reply import Reply
from oaikit.schema import FENCED, parsed_json, unfenced
from oaikit.transcript import html_of, markdown_of

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

FORMS: Final = ("markdown", "code", "json", "math", "html", "text")

_BRACES = re.compile(r"\{\{([^{}\n]+)\}\}|\{([^{}\n]+)\}")
# Nothing is fetched from anywhere; a sandbox without permissions lets no script run.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"


# -- prompts -----------------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Interpolated:
    """A text with its names filled in, and a sentence for each place in braces that looked like a name and was not."""

    text: str
    notes: tuple[str, ...] = ()


def interpolated(text: str, names: Mapping[str, Any]) -> Interpolated:
    """Fill in ``{name}``, ``{name.attribute}`` and ``{name[index]}``; nothing is called.

    ``{{name}}`` is a way to write ``{name}`` where that would be filled in. All other braces stay exactly as they are,
    so that JSON, code and formulas need no care.
    """
    notes: dict[str, str] = {}

    def fill(match: re.Match[str]) -> str:
        escaped, plain = match.groups()
        try:
            place = ast.parse(escaped or plain, mode="eval").body
            if not _is_place(place):
                return match[0]
            value = _value(place, names)
        except (SyntaxError, ValueError):
            return match[0]
        except (LookupError, AttributeError, TypeError) as exc:
            if plain:
                notes[plain] = _note(plain, place, exc, names)
            return match[0]
        return f"{{{escaped}}}" if escaped else str(value)

    filled = _BRACES.sub(fill, text)
    return Interpolated(filled, tuple(notes.values()))


def _is_place(node: ast.expr) -> bool:
    """Whether an expression is a name, or an attribute or item of one."""
    match node:
        case ast.Name():
            return True
        case ast.Attribute(value=of):
            return _is_place(of)
        case ast.Subscript(value=of, slice=ast.Constant(value=str() | int()) | ast.Name() | ast.UnaryOp()):
            return _is_place(of)
    return False


def _note(source: str, place: ast.expr, exc: Exception, names: Mapping[str, Any]) -> str:
    """Why a place in braces was not filled in."""
    root = place
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    name = root.id if isinstance(root, ast.Name) else source
    if name in names:
        return f"{{{source}}} was left as typed: {type(exc).__name__}: {exc}"
    hint = did_you_mean(name, (each for each in names if not each.startswith("_")))
    return f"{{{source}}} was left as typed: there is no variable {name!r}{hint}"


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """The value of a name, an attribute or an item; LookupError for any other expression."""
    match node:
        case ast.Name(id=name):
            return names[name]
        case ast.Attribute(value=of, attr=name):
            return getattr(_value(of, names), name)
        case ast.Subscript(value=of, slice=index):
            return _value(of, names)[_index(index, names)]
    raise LookupError(ast.unparse(node))


def _index(node: ast.expr, names: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=str() | int() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
    return _value(node, names)


# -- answers -----------------------------------------------------------------------------------------------------------


def show_as(form: str, reply: Reply, shell: InteractiveShell) -> None:
    """Show a complete answer in a form, after it was streamed; of markdown only what the stream did not show.

    Raises:
        InvalidAnswerError: The answer is not JSON, where that was asked for.
    """
    if form == "text" and not in_kernel():  # a terminal has printed the first as it is
        form = "markdown"
    texts = [choice.text for choice in reply.choices]
    if form == "code":
        shell.set_next_input("\n\n".join(map(code_of, texts)))
    for number, choice in enumerate(reply.choices):
        if form == "markdown" and number == 0:
            continue
        data = _bundle(form, choice.text, choice.finish_reason)
        metadata = {"oaikit": {"model": reply.model}}
        display(data, raw=True, metadata=metadata)  # type: ignore[no-untyped-call]


def _bundle(form: str, text: str, finish_reason: str | None) -> dict[str, Any]:
    """The MIME bundle of an answer. What it has of HTML is escaped or cannot do anything."""
    match form:
        case "markdown":
            return {"text/plain": text, "text/markdown": markdown_of(text), "text/html": html_of(text)}
        case "code":
            return _preformatted(code_of(text))
        case "json":
            value = parsed_json(text, finish_reason)
            shown = _preformatted(json.dumps(value, indent=2, ensure_ascii=False))
            return shown | ({"application/json": value} if isinstance(value, dict | list) else {})
        case "math":
            return {"text/plain": text, "text/latex": _latex(text)}
        case "html":
            return {"text/plain": text, "text/html": _frame(unfenced(text))}
    return {"text/plain": text}


def code_of(text: str) -> str:
    """What stands in the fences of an answer; all of it, where there are none."""
    blocks = [match[2].rstrip("\n") for match in FENCED.finditer(text)]
    return "\n\n".join(blocks) or text.strip()


def _preformatted(text: str) -> dict[str, Any]:
    return {"text/plain": text, "text/html": f"<pre><code>{escape(text)}</code></pre>"}


def _latex(text: str) -> str:
    """A formula, or text with formulas in it. No tag of HTML comes of it where a renderer does not escape."""
    text = re.sub(r"<(?=[A-Za-z!/?])", "< ", text.strip())
    has_formulas = "$" in text or "\\(" in text or "\\[" in text or "\\begin{" in text
    return text if has_formulas else f"$\\displaystyle {text}$"


def _frame(html: str) -> str:
    page = (
        f'<!doctype html><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">{html}'
    )
    style = "width:100%;height:24em;border:1px solid #8884;background:#fff"
    return f'<iframe sandbox srcdoc="{escape(page)}" style="{style}"></iframe>'
