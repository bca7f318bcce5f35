"""What IPython shows of an error: the sentence, and the line of the user's own code that led to it."""

from __future__ import annotations

import ast
import linecache
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final

MOST_LINES: Final = 8
"""Lines of a message that are shown. A failed load may quote a whole log."""
_MOST_CHARACTERS: Final = 160  # of the line of code
_HINT: Final = "%tb shows the full traceback"
_RED, _DIM, _PLAIN = "\x1b[31m", "\x1b[2m", "\x1b[0m"


def rendered(error: BaseException) -> list[str]:
    """The lines for IPython's ``_render_traceback_``.

    While the error is being handled, which is when a cell fails, they are the short form. ``%tb`` shows an error that
    was handled before, and gets the full traceback, as ``%xmode Verbose`` does. ``%xmode Minimal`` is left to IPython.
    """
    shell = _shell()
    if shell is None:
        return traceback.format_exception(error)
    handled = sys.exc_info()[1] is error
    if not handled or shell.InteractiveTB.mode in ("Verbose", "Minimal"):
        full: list[str] = shell.InteractiveTB.structured_traceback(type(error), error, error.__traceback__)
        return full
    coloured = shell.colors.lower() != "nocolor"
    red, dim, plain = (_RED, _DIM, _PLAIN) if coloured else ("", "", "")
    first, *rest = _message(error)
    place = _place(error.__traceback__, shell)
    lines = [f"{red}{type(error).__name__}{plain}: {first}", *rest]
    if place:
        lines.append(f"  {place}")
    return [*lines, f"  {dim}{_HINT}{plain}"]


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def _message(error: BaseException) -> list[str]:
    lines = str(error).splitlines() or [""]
    more = len(lines) - MOST_LINES
    return lines if more <= 0 else [*lines[:MOST_LINES], f"… and {more} more line{'s' * (more > 1)}"]


def _place(trace: TracebackType | None, shell: Any) -> str:
    """Where the user's own code is, and what stands there; "" where none of it is on the way to the error."""
    own = [frame for frame in _frames(trace) if not _is_library(frame.filename)]
    if not own:
        return ""
    frame = own[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    cell = shell.compile.format_code_name(frame.filename)
    where = " ".join(cell) if cell else f"File {frame.filename}"
    shown = _as_typed(line)
    if len(shown) > _MOST_CHARACTERS:
        shown = f"{shown[: _MOST_CHARACTERS - 1]}…"
    return f"{where}, line {frame.lineno}: {shown}" if shown else f"{where}, line {frame.lineno}"


def _frames(trace: TracebackType | None) -> Iterator[traceback.FrameSummary]:
    for frame, line in traceback.walk_tb(trace):
        code = frame.f_code
        yield traceback.FrameSummary(code.co_filename, line, code.co_name, lookup_line=False)


@cache
def _is_library(filename: str) -> bool:
    return filename.startswith(_library_folders())


@cache
def _library_folders() -> tuple[str, ...]:
    package = Path(__file__).resolve().parent
    installed = sysconfig.get_paths()
    folders = {str(package), *(installed[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))}
    return (*(f"{folder}/" for folder in folders), "<frozen ")


def _as_typed(line: str) -> str:
    """A line of a cell as it was typed: IPython replaces a magic by a call."""
    try:
        match ast.parse(line, mode="eval").body:
            case ast.Call(
                func=ast.Attribute(attr="run_cell_magic" | "run_line_magic" as kind),
                args=[ast.Constant(value=str(name)), ast.Constant(value=str(arguments)), *_],
            ):
                marks = "%%" if kind == "run_cell_magic" else "%"
                return f"{marks}{name} {arguments}".rstrip()
    except SyntaxError:
        pass
    return line
