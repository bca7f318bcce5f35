"""Answers as labels: which label was right, which one was given, and precision, recall and F1 of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis.summary import codes_of, group_codes
from oaikit.experiments.scoring.matching import equals, holds, references

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Codes = NDArray[np.intp]
    Floats = NDArray[np.float64]

OTHER: Final = "(other)"
"""The column for answers in which no label, or more than one, was found."""


@dataclass(frozen=True)
class Confusion:
    """How often each label was given where each was right.

    Attributes:
        counts: a row for each right label, a column for each label that was given and for `OTHER`; numbers of answers.
            The columns of ``by`` are the first levels of the index, here and below.
        labels: a row for each label: ``precision`` (how many of the answers that gave it were right), ``recall`` (in
            how many of the answers that should have given it, it was), ``f1`` (their harmonic mean), ``support``
            (answers that should have given it), ``given`` (answers that did). nan where there is nothing to divide by.
        summary: a row for each group: ``accuracy``, ``macro_f1`` (the mean over the labels that have one), ``answers``,
            ``items``, ``errors`` (rows without an answer, which are counted nowhere else).
    """

    counts: pd.DataFrame
    labels: pd.DataFrame
    summary: pd.DataFrame

    def _repr_html_(self) -> str:
        tables = (self.summary, self.labels, self.counts)
        return "".join(str(each.to_html(float_format="{:.3g}".format, na_rep="–")) for each in tables)

    def __str__(self) -> str:
        return "\n\n".join(str(each) for each in (self.summary, self.labels, self.counts))


def reference_column(scorers: Sequence[Sequence[str]], columns: Sequence[str]) -> str:
    """The column of the data that the sweep's scores compare answers with.

    Args:
        scorers: what each score reads.
        columns: the columns of the data.

    Raises:
        InvalidRequestError: there is not exactly one.
    """
    read = list(dict.fromkeys(name for each in scorers for name in each if name in columns))
    if len(read) != 1:
        there = f"one of {', '.join(columns)}" if columns else "but the data has no columns"
        raise InvalidRequestError(
            f'say which column has the right labels: confusion("column"), {there}', param="reference"
        )
    return read[0]


def confusion_of(
    df: pd.DataFrame,
    reference: str,
    by: Sequence[str],
    *,
    labels: Sequence[Any] | None,
    read: Callable[[str], Any] | None,
) -> Confusion:
    """Count the labels; see `Results.confusion`.

    Raises:
        InvalidRequestError: a reference is a list or none of the labels, there are fewer than two labels, or no answer
            can be counted.
    """
    right = [_reference(each, reference) for each in df[reference]]
    known = _labels(right, labels, reference)
    there = np.array([each is not None for each in right]) & df["text"].notna().to_numpy()
    answered = df[there]
    if answered.empty:
        raise InvalidRequestError(f"no answer has a reference in {reference!r}", param="reference")
    place = {label: number for number, label in enumerate(known)}
    true = np.array([place[label] for label, counted in zip(right, there, strict=True) if counted])
    given = _given(answered["text"].tolist(), known, read)
    groups = group_codes(df, by) if by else np.zeros(len(df), dtype=np.intp)
    first = np.unique(groups, return_index=True)[1]
    keys = df[list(by)].iloc[first].reset_index(drop=True)
    codes = groups[there]
    # An execution that several rows of a group show is one answer.
    executions = np.stack([codes, true, codes_of(answered["key"])])
    once = np.unique(executions, axis=1, return_index=True)[1]
    counts = np.zeros((len(first), len(known), len(known) + 1), dtype=int)
    np.add.at(counts, (codes[once], true[once], given[once]), 1)
    asked = np.unique(np.stack([codes, codes_of(answered["item"])]), axis=1)[0]
    failed = df["error"].notna().to_numpy(dtype=float)
    errors = np.bincount(groups, weights=failed, minlength=len(first)).astype(int)
    return _tables(keys, known, counts, np.bincount(asked, minlength=len(first)), errors)


def _reference(value: Any, column: str) -> Any:
    """The right label of a row; None if there is none."""
    found = references(value)
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        raise InvalidRequestError(
            f"{column!r} has lists, and a label is one value: {value!r}", param="reference"
        )
    return found[0] if found else None


def _labels(right: Sequence[Any], labels: Sequence[Any] | None, column: str) -> list[Any]:
    present = list(dict.fromkeys(each for each in right if each is not None))
    if labels is None:
        known = sorted(
            present,
            key=lambda each: (
                (isinstance(each, str), each) if isinstance(each, int | float | str) else (True, str(each))
            ),
        )
    else:
        known = list(dict.fromkeys(labels))
        if strange := [each for each in present if each not in known]:
            raise InvalidRequestError(
                f"{column!r} has {strange[0]!r}, which is none of the labels {known!r}", param="labels"
            )
    if len(known) < 2:
        raise InvalidRequestError(
            f"there is no confusion with fewer than two labels: {known!r}", param="labels"
        )
    if OTHER in known:
        raise InvalidRequestError(f"a label can't be called {OTHER!r}", param="labels")
    return known


def _given(texts: Sequence[str], labels: Sequence[Any], read: Callable[[str], Any] | None) -> Codes:
    """The place of the label that each answer gives; the number of labels where that can't be told."""
    places = {label: place for place, label in enumerate(labels)}
    known: dict[str, int] = {}
    for text in texts:
        if text not in known:
            known[text] = _place(text, labels) if read is None else places.get(read(text), len(labels))
    return np.array([known[text] for text in texts], dtype=np.intp)


def _place(text: str, labels: Sequence[Any]) -> int:
    """The label that a text is, or else the only one that stands in it."""
    for matches in (equals, holds):
        found = [place for place, label in enumerate(labels) if matches(text, label, ignore_case=True)]
        if len(found) == 1:
            return found[0]
    return len(labels)


def _tables(
    keys: pd.DataFrame, labels: list[Any], counts: NDArray[Any], items: Codes, errors: Codes
) -> Confusion:
    import pandas as pd

    hits = np.diagonal(counts, axis1=1, axis2=2).astype(float)
    support, given = counts.sum(axis=2).astype(float), counts[:, :, :-1].sum(axis=1).astype(float)
    f1 = _ratio(2 * hits, support + given)
    per_label = pd.DataFrame(
        {
            "precision": _ratio(hits, given).ravel(),
            "recall": _ratio(hits, support).ravel(),
            "f1": f1.ravel(),
            "support": support.ravel().astype(int),
            "given": given.ravel().astype(int),
        },
        _index(keys, labels, "label"),
    )
    answers = counts.sum(axis=(1, 2))
    scored = ~np.isnan(f1)
    summary = pd.DataFrame(
        {
            "accuracy": _ratio(hits.sum(axis=1), answers.astype(float)),
            "macro_f1": _ratio(np.where(scored, f1, 0.0).sum(axis=1), scored.sum(axis=1).astype(float)),
            "answers": answers,
            "items": items,
            "errors": errors,
        },
        _index(keys, None, ""),
    )
    matrix = pd.DataFrame(
        counts.reshape(-1, len(labels) + 1),
        _index(keys, labels, "right"),
        pd.Index([*labels, OTHER], name="given"),
    )
    return Confusion(matrix, per_label, summary)


def _index(keys: pd.DataFrame, labels: list[Any] | None, name: str) -> Any:
    """An index of the groups, and within each of them of the labels."""
    import pandas as pd

    columns = [keys[each].repeat(1 if labels is None else len(labels)).tolist() for each in keys.columns]
    names = [str(each) for each in keys.columns]
    if labels is not None:
        columns.append(labels * len(keys) if len(keys.columns) else labels)
        names.append(name)
    if not columns:
        return pd.RangeIndex(1)
    if len(columns) == 1:
        return pd.Index(columns[0], name=names[0])
    return pd.MultiIndex.from_arrays(columns, names=names)


def _ratio(top: Floats, bottom: Floats) -> Floats:
    return np.asarray(np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0))
