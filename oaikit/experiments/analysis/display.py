"""What results look like: tables as HTML, texts with their differences marked. Nothing in it runs in the browser."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from oaikit.experiments.analysis.summary import summary_table
from oaikit.experiments.analysis.worddiff import differences
from oaikit.experiments.columns import limits_of

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

_MISSING = "–"
_LOW, _HIGH = (247, 251, 255), (66, 146, 198)  # of matplotlib's "Blues", light enough for black text


def heatmap(df: pd.DataFrame, index: Sequence[str], columns: str, value: str) -> Styler:
    """A table of means with intervals, coloured by the mean. Its ``.data`` has the means.

    Args:
        df: rows of a sweep's table.
        index: the columns whose values go down.
        columns: the column whose values go across.
        value: a score or a metric.
    """
    import pandas as pd

    table = summary_table(df, [*index, columns], [value])
    downs, acrosses = _labels(table, index), _labels(table, [columns])
    rows, heads = downs.unique(), acrosses.unique()
    places = list(zip(rows.get_indexer(downs).tolist(), heads.get_indexer(acrosses).tolist(), strict=True))
    found = np.full((len(rows), len(heads)), np.nan)
    for place, mean in zip(places, table[value], strict=True):
        found[place] = mean
    means = pd.DataFrame(found, rows, heads)
    low, high = float(np.nanmin(found)), float(np.nanmax(found))
    styler = means.style.set_caption(f"{value}, mean with a 95 % interval over items")
    styler.apply(lambda _: means.map(lambda mean: _colour(mean, low, high)), axis=None)
    # Styler formats value by value: each has a text of its own.
    styler.format(partial(_text, _MISSING))
    downs_at, acrosses_at = np.arange(len(rows)), np.arange(len(heads))
    for (row, head), record in zip(places, table.to_dict("records"), strict=True):
        # By place: pandas takes a list of labels that are truth values for a mask.
        cell = pd.IndexSlice[downs_at == row, acrosses_at == head]
        styler.format(partial(_text, interval_text(record, value)), subset=cell)
    return styler


def _labels(table: pd.DataFrame, names: Sequence[str]) -> pd.Index[Any]:
    """The values in some columns as labels, "–" for a missing one, which no label can be found by."""
    import pandas as pd

    labels = [[_MISSING if pd.isna(each) else each for each in table[name].tolist()] for name in names]
    if len(names) == 1:
        return pd.Index(labels[0], name=names[0])
    return pd.MultiIndex.from_arrays(labels, names=list(names))


def _text(text: str, _: object) -> str:
    return text


def interval_text(found: Mapping[Any, float], value: str) -> str:
    """``0.73 [0.61, 0.83]``."""
    mean, low, high = (found[name] for name in (value, *limits_of(value)))
    if math.isnan(mean):
        return _MISSING
    return f"{mean:.3g}" if math.isnan(low) else f"{mean:.3g} [{low:.3g}, {high:.3g}]"


def _colour(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return ""
    share = 0.0 if high == low else (value - low) / (high - low)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(_LOW, _HIGH, strict=True))
    return f"background-color: rgb({red}, {green}, {blue}); color: black"


# -- differences -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Diff:
    """Texts side by side, each with what differs from the first marked: in colour, and with underlines and strokes."""

    labels: Sequence[str]
    texts: Sequence[str]
    caption: str = ""

    def _repr_html_(self) -> str:
        base, *others = self.texts
        shown = [html.escape(base), *(marked(base, text) for text in others)]
        columns = "".join(
            f'<td style="vertical-align: top; text-align: left; white-space: pre-wrap; min-width: 12em">{text}</td>'
            for text in shown
        )
        heads = "".join(f'<th style="text-align: left">{html.escape(label)}</th>' for label in self.labels)
        caption = f"<caption>{html.escape(self.caption)}</caption>"
        return f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody><tr>{columns}</tr></tbody></table>"

    def __repr__(self) -> str:
        base, *others = self.texts
        lines = [f"--- {self.labels[0]}", base]
        for label, text in zip(self.labels[1:], others, strict=True):
            lines += [f"--- {label}", _bracketed(base, text)]
        return "\n".join(lines)


def marked(base: str, text: str) -> str:
    """A text in HTML: words that the base lacks in ``<ins>``, words of the base that it lacks in ``<del>``."""
    pieces = []
    for lost, found, same in differences(base, text):
        if same:
            pieces.append(html.escape(found))
            continue
        pieces.append(f"<del>{html.escape(lost)}</del>" if lost else "")
        pieces.append(f"<ins>{html.escape(found)}</ins>" if found else "")
    return "".join(pieces)


def _bracketed(base: str, text: str) -> str:
    """The same for a terminal: ``[-lost-]{+found+}``, as ``git diff --word-diff`` has it."""
    return "".join(
        found if same else (f"[-{lost}-]" if lost else "") + (f"{{+{found}+}}" if found else "")
        for lost, found, same in differences(base, text)
    )


# -- a page ------------------------------------------------------------------------------------------------------------


def page(title: str, sections: Sequence[tuple[str, str]]) -> str:
    """A page that needs nothing else: a title, and sections of a heading and HTML."""
    body = "".join(f"<h2>{html.escape(heading)}</h2>\n{content}\n" for heading, content in sections)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        "<style>body { font-family: sans-serif; margin: 2em } table { border-collapse: collapse } "
        "td, th { border: 1px solid #bbb; padding: 0.2em 0.5em; text-align: left; vertical-align: top; "
        "white-space: pre-wrap }</style></head>\n"
        f"<body><h1>{html.escape(title)}</h1>\n{body}</body></html>\n"
    )


def pairs(values: dict[str, Any]) -> str:
    """A table of names and values."""
    rows = "".join(
        f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(str(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"
