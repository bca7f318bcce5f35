"""Two sweeps compared, from two stores: ``ok.diff_sweeps`` and, for tests, ``ok.assert_no_regression``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import tables
from oaikit.experiments.analysis.comparisons import FIGURES, record_of, with_adjusted
from oaikit.experiments.analysis.results import Results, open_sweep
from oaikit.experiments.analysis.selection import Where, selected
from oaikit.experiments.analysis.statistics import Comparison
from oaikit.experiments.analysis.summary import codes_of, difference
from oaikit.experiments.store.keys import digest
from oaikit.experiments.store.spec import SweepSpec

if TYPE_CHECKING:
    import pandas as pd

_SETTING, _ITEM = "(setting)", "(item)"  # columns that are added: names that are the same in both sweeps
_SETTINGS: Final = ("n", "mode", "endpoint")
BOTH, CHANGED, ONLY_A, ONLY_B = "both", "changed", "only a", "only b"


@dataclass(frozen=True)
class SweepDiff:
    """What differs between two sweeps.

    Only items that are the same in both are compared: the same name and the same data, or the same prompt where there
    is no data. Cells are the same if all axes have the same values; two sweeps of one cell each are always compared.

    Attributes:
        value: the score or metric.
        overall: b against a over all cells that both have; None if fewer than two items have values in both.
        cells: a row for each cell: the axes, ``status`` ("both", "only a", "only b"), ``errors_a``, ``errors_b``,
            ``answers`` (compared one by one) and ``answers_changed`` (whose text differs), then the columns of
            `Results.compare` from ``mean_a`` on.
        items: a row for each item: ``item``, ``status`` ("both", "changed" if its data or prompt differs, "only a",
            "only b"), ``answers``, ``answers_changed``, ``mean_a``, ``mean_b``, ``difference``.
        notes: settings that differ between the sweeps beside the axes.
    """

    value: str
    overall: Comparison | None
    cells: pd.DataFrame
    items: pd.DataFrame
    notes: Sequence[str] = field(default_factory=tuple)

    def __str__(self) -> str:
        head = f"{self.value}: "
        if self.overall is None:
            head += "nothing to compare"
        else:
            found = self.overall
            head += (
                f"{found.a:.4g} → {found.b:.4g}, difference {found.difference:+.4g} "
                f"[{found.low:+.4g}, {found.high:+.4g}], p = {found.p:.3g}, {found.items} items"
            )
        columns = [name for name in self.cells.columns if name not in _LONG]
        shown = self.cells[columns].to_string(index=False, float_format="{:.3g}".format, na_rep="–")
        return "\n".join([head, *self.notes, shown, *self._moved()])

    def _repr_html_(self) -> str:
        import html

        lines = [str(self).split("\n", 1)[0], *self.notes, *self._moved()]
        said = "".join(f"<p>{html.escape(line)}</p>" for line in lines)
        return said + str(self.cells.to_html(index=False, float_format="{:.3g}".format, na_rep="–"))

    def _moved(self) -> Iterator[str]:
        """Which items are not in both, or got better or worse."""
        for status in (CHANGED, ONLY_A, ONLY_B):
            yield from _named(f"items {status}", self.items[self.items["status"] == status])
        yield from _named("items with a lower value in b", self.items[self.items["difference"] < 0])
        yield from _named("items with a higher value in b", self.items[self.items["difference"] > 0])


_LONG: Final = ("effect_size", "p_bh", "dropped", "answers")  # columns that a text leaves out
_NAMED: Final = 10  # items that a text names


def _named(said: str, items: pd.DataFrame) -> Iterator[str]:
    if len(items):
        names = ", ".join(str(each) for each in items["item"].tolist()[:_NAMED])
        yield f"{said}: {len(items)} ({names}{', …' if len(items) > _NAMED else ''})"


def diff_sweeps(
    a: str | Path | Results, b: str | Path | Results, *, value: str | None = None, where: Where = None
) -> SweepDiff:
    """What changed from one sweep to another: ``ok.diff_sweeps("before.db", "after.db")``.

    Args:
        a: a store, whose last sweep is taken, or a `Sweep` or what `open_sweep` gives.
        b: another one.
        value: a score or metric that both have (default: the first score of a).
        where: the rows of both that count (see `selection.selected`).

    Raises:
        InvalidRequestError: there is no such store or value, nothing has run, the sweeps have no cell in common, or one
            is in latency mode and the other is not.
    """
    with _opened(a) as first, _opened(b) as second:
        frames = [first.df, second.df]
        specs = [first._spec(), second._spec()]
    for df in frames:
        tables.check_rows(df)
    frames = [_rows(df, where) for df in frames]
    if {*frames[0]["mode"]} != {*frames[1]["mode"]}:
        raise InvalidRequestError("one sweep is in latency mode and the other is not", param="mode")
    value = tables.value_name(frames[0].attrs["scores"], value)
    if frames[0].attrs["kinds"].get(value) != frames[1].attrs["kinds"].get(value):
        raise InvalidRequestError(
            f"{value!r} is not the same kind of score in both sweeps; b has the scores "
            f"{', '.join(frames[1].attrs['scores']) or 'none'}",
            param="value",
        )
    return _diff(frames, specs, value)


def _diff(frames: list[pd.DataFrame], specs: list[SweepSpec], value: str) -> SweepDiff:
    settings = _settings(frames)
    rows = [_with_names(df, known) for df, known in zip(frames, settings, strict=True)]
    both = [setting for setting in settings[0] if setting in settings[1]]
    if not both:
        axes = "; ".join(", ".join(df.attrs["axes"]) or "none" for df in frames)
        raise InvalidRequestError(
            f"the sweeps have no cell in common: their axes ({axes}) differ, or the values on them"
        )
    asked = [_questions(df, spec.columns) for df, spec in zip(rows, specs, strict=True)]
    statuses = _statuses(*asked)
    shared = [name for name, status in statuses.items() if status == BOTH]
    same = [df[df[_ITEM].isin(shared)] for df in rows]
    changes = _changes(same)
    records = []
    for setting in dict.fromkeys([*settings[0], *settings[1]]):
        status = BOTH if setting in both else ONLY_A if setting in settings[0] else ONLY_B
        errors = [int(df.loc[df[_SETTING] == setting, "error"].notna().sum()) for df in rows]
        records.append(
            {
                **(settings[0].get(setting) or settings[1][setting]).axes,
                "status": status,
                "errors_a": errors[0],
                "errors_b": errors[1],
                **_changed(changes[changes[_SETTING] == setting]),
                **record_of(_compared([df[df[_SETTING] == setting] for df in same], value)),
            }
        )
    overall = _compared([df[df[_SETTING].isin(both)] for df in same], value)
    items = _items(statuses, [df[df[_SETTING].isin(both)] for df in rows], changes, value)
    return SweepDiff(value, overall, _cells(records), items, tuple(_notes(specs, value)))


@contextmanager
def _opened(given: str | Path | Results) -> Iterator[Results]:
    """A sweep's results; a store that is opened for this is closed again."""
    if isinstance(given, Results):
        yield given
        return
    if not isinstance(given, str | Path):
        raise InvalidRequestError(
            f"a sweep is given as a store's path, a Sweep or open_sweep(…), not {given!r}"
        )
    with open_sweep(given) as results:
        yield results


def _rows(df: pd.DataFrame, where: Where) -> pd.DataFrame:
    df = selected(df, where)
    tables.check_one_mode(df)
    return df


# -- what is the same --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Setting:
    cell: int
    axes: Mapping[str, Any]


def _settings(frames: Sequence[pd.DataFrame]) -> list[dict[str, _Setting]]:
    """The cells of each sweep, by a name that is the same in both."""
    single = all(df["cell"].nunique() == 1 for df in frames)
    found = []
    for df in frames:
        first = df.drop_duplicates("cell")
        points = [
            {str(axis): value for axis, value in point.items()}
            for point in first[df.attrs["axes"]].to_dict("records")
        ] or [{}]
        names = ["" if single else _digest(point) for point in points]
        found.append(
            {
                name: _Setting(int(cell), point)
                for name, cell, point in zip(names, first["cell"], points, strict=True)
            }
        )
    return found


def _with_names(df: pd.DataFrame, settings: Mapping[str, _Setting]) -> pd.DataFrame:
    """A sweep's table with the names of its settings and items."""
    named = {setting.cell: name for name, setting in settings.items()}
    codes = codes_of(df["item"])
    first = np.unique(codes, return_index=True)[1]
    names = np.array([_digest({"item": item}) for item in df["item"].iloc[first].tolist()], dtype=object)
    made = df.copy()
    made[_SETTING], made[_ITEM] = df["cell"].map(named), names[codes]
    made.attrs = df.attrs
    return made


def _digest(values: Mapping[Any, Any]) -> str:
    """A name for values; missing ones are left out, and 1 is 1.0."""
    import pandas as pd

    known = {}
    for name, value in values.items():
        if not (pd.api.types.is_scalar(value) and pd.isna(value)):
            known[str(name)] = value
    return digest(known)


def _questions(df: pd.DataFrame, columns: Sequence[str]) -> dict[str, str]:
    """What each item asks, by its name: its data, or the prompts where there is none."""
    if columns:
        first = df.drop_duplicates(_ITEM)
        records = first[list(columns)].to_dict("records")
        return {name: _digest(record) for name, record in zip(first[_ITEM], records, strict=True)}
    prompts: dict[str, set[str]] = {}
    for name, prompt in zip(df[_ITEM], df["prompt"], strict=True):
        prompts.setdefault(name, set()).add(str(prompt))
    return {name: digest(sorted(asked)) for name, asked in prompts.items()}


def _statuses(a: Mapping[str, str], b: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for name in dict.fromkeys([*a, *b]):
        if name in a and name in b:
            found[name] = BOTH if a[name] == b[name] else CHANGED
        else:
            found[name] = ONLY_A if name in a else ONLY_B
    return found


def _notes(specs: Sequence[SweepSpec], value: str) -> Iterator[str]:
    """What differs between the sweeps beside axes and items."""
    one, two = ({**spec.fixed, **spec.told(*_SETTINGS)} for spec in specs)
    for name in dict.fromkeys([*one, *two]):
        if one.get(name) != two.get(name):
            yield f"{name}: {one.get(name)!r} → {two.get(name)!r}"
    identities = [{each.name: each.identity for each in spec.scorers}.get(value) for spec in specs]
    if identities[0] != identities[1]:
        yield f"the score {value!r} was made by another scorer"


# -- what changed ------------------------------------------------------------------------------------------------------


def _compared(sides: Sequence[pd.DataFrame], value: str) -> Comparison | None:
    """b against a; None where fewer than two items have values in both."""
    if any(df.empty for df in sides):
        return None
    try:
        return difference(sides[0], sides[1], [_SETTING], value)
    except InvalidRequestError:
        return None


def _changes(sides: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Answers that both sweeps have, and whether their texts differ."""
    keys = [_SETTING, _ITEM, "replicate"]
    a, b = (df.loc[df["text"].notna(), [*keys, "text"]] for df in sides)
    both = a.merge(b, on=keys, suffixes=("_a", "_b"))
    return both.assign(differs=(both["text_a"] != both["text_b"]).astype(bool))


def _changed(changes: pd.DataFrame) -> dict[str, int]:
    return {"answers": len(changes), "answers_changed": int(changes["differs"].sum())}


def _items(
    statuses: Mapping[str, str], rows: Sequence[pd.DataFrame], changes: pd.DataFrame, value: str
) -> pd.DataFrame:
    """A row for each item, with its means over the cells that both sweeps have."""
    import pandas as pd

    items: dict[str, Any] = {}
    means = []
    for df in rows:
        items |= dict(zip(df[_ITEM], df["item"].tolist(), strict=True))
        means.append(df.groupby(_ITEM)[value].mean().to_dict())
    answers = {name: _changed(each) for name, each in changes.groupby(_ITEM)}
    frame = pd.DataFrame(
        {
            "item": items[name],
            "status": status,
            **answers.get(name, {"answers": 0, "answers_changed": 0}),
            "mean_a": means[0].get(name),
            "mean_b": means[1].get(name),
        }
        for name, status in statuses.items()
        if name in items
    )
    for name in ("mean_a", "mean_b"):
        frame[name] = pd.to_numeric(frame[name]).astype("Float64").astype(float)
    return frame.assign(difference=(frame["mean_b"] - frame["mean_a"]).where(frame["status"] == BOTH))


def _cells(records: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    import pandas as pd

    frame = with_adjusted(pd.DataFrame(records))
    return frame[[*(name for name in frame.columns if name not in FIGURES), *FIGURES]]
