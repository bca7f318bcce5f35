"""What a docstring says of a function and of its parameters: Google's, numpy's and Sphinx's ways of writing."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

_GOOGLE = re.compile(r"(Args|Arguments|Parameters|Params):\s*")
_NAME = r"\*{0,2}(?P<name>\w+)"
_GOOGLE_ENTRY = re.compile(rf"{_NAME}\s*(\([^)]*\))?\s*:\s*(?P<text>.*)")
_NUMPY_ENTRY = re.compile(r"(?P<name>\*{0,2}\w+(\s*,\s*\*{0,2}\w+)*)\s*(:.*)?")
_SPHINX_ENTRY = re.compile(rf":(param|parameter|arg|argument)\s+([^:]*\s)?{_NAME}\s*:\s*(?P<text>.*)")


def summary(function: object) -> str:
    """The first paragraph, on one line; "" without a docstring."""
    paragraph = (inspect.getdoc(function) or "").strip().split("\n\n")[0]
    return " ".join(paragraph.split())


def parameters(function: object) -> dict[str, str]:
    """What is said of each parameter, on one line each."""
    lines = (inspect.getdoc(function) or "").splitlines()
    found: dict[str, str] = {}
    for read in (_sphinx, _google, _numpy):
        for name, text in read(lines):
            found.setdefault(name.lstrip("*"), " ".join(text.split()))
    return {name: text for name, text in found.items() if text}


def _sphinx(lines: list[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines):
        if match := _SPHINX_ENTRY.match(line.strip()):
            below = _indented(lines[number + 1 :], _indent(line))
            yield match["name"], " ".join([match["text"], *below])


def _google(lines: list[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines):
        if not _GOOGLE.fullmatch(line.strip()):
            continue
        section = list(_indented(lines[number + 1 :], _indent(line)))
        first = _indent(next(filter(str.strip, section), ""))
        for place, entry in enumerate(section):
            match = _GOOGLE_ENTRY.match(entry.strip())
            if match and _indent(entry) == first:
                yield match["name"], " ".join([match["text"], *_indented(section[place + 1 :], first)])


def _numpy(lines: list[str]) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(lines[:-1]):
        if line.strip() not in ("Parameters", "Other Parameters"):
            continue
        if not re.fullmatch(r"-{3,}", lines[number + 1].strip()):
            continue
        section = _until_next_heading(lines[number + 2 :])
        for place, entry in enumerate(section):
            match = _NUMPY_ENTRY.fullmatch(entry.strip())
            if match and _indent(entry) == _indent(line):
                text = " ".join(_indented(section[place + 1 :], _indent(entry)))
                for name in match["name"].split(","):
                    yield name.strip(), text


def _until_next_heading(lines: list[str]) -> list[str]:
    for number, line in enumerate(lines):
        if re.fullmatch(r"-{3,}", line.strip()):
            return lines[: max(number - 1, 0)]
    return lines


def _indented(lines: list[str], than: int) -> Iterator[str]:
    """The lines that stand further to the right, up to the first that does not."""
    for line in lines:
        if line.strip() and _indent(line) <= than:
            return
        yield line


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
