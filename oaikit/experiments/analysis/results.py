"""What a sweep found, read from its store: tables, comparisons, differences, exports. The model isn't needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, overload

from oaikit._distribution import needed_for
from oaikit._files import replacing, write_text
from oaikit.errors import InvalidRequestError
from oaikit.experiments.analysis import comparisons, display, tables
from oaikit.experiments.analysis.diversity import diversity
from oaikit.experiments.analysis.labels import Confusion, confusion_of, reference_column
from oaikit.experiments.analysis.selection import By, Where, grouping, selected
from oaikit.experiments.analysis.statistics import Comparison
from oaikit.experiments.analysis.summary import difference, group_codes
from oaikit.experiments.columns import BY_NAME
from oaikit.experiments.store.database import Store
from oaikit.experiments.store.spec import SweepSpec

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.formats.style import Styler

    from oaikit.experiments.analysis.cell_frame import Cells
    from oaikit.experiments.analysis.plots import Plots

_ROWS_OF_PAGE = 1_000


def open_sweep(path: str | Path, sweep: str | None = None) -> Results:
    """The results of a sweep in a store, from any process; neither the model nor the code that made them is needed.

    The file may be read-only.

    Args:
        path: the store's file.
        sweep: the sweep's id (`Results.id`); default: the one that was run last.

    Raises:
        InvalidRequestError: there is no such file or sweep, or the file is damaged, not a store, or of a newer version.
    """
    if not Path(path).expanduser().is_file():
        raise InvalidRequestError(f"there is no store at {path}", param="path")
    store = Store(path)
    known = store.sweeps()
    if not known or (sweep is not None and sweep not in known):
        store.close()
        there = ", ".join(known) or "none"
        raise InvalidRequestError(f"the store has no such sweep that was run; it has {there}", param="sweep")
    return Results(store, sweep or known[-1])


class Results:
    """What a sweep found. `Sweep` is one of these; `open_sweep` makes one from a file.

    In a ``with`` statement it is closed at the end of the block.
    """

    def __init__(self, store: Store, sweep: str) -> None:
        self._store, self._id = store, sweep
        self._table: tuple[Any, pd.DataFrame] | None = (
            None  # what was read last, and of what state of the store
        )

    @property
    def id(self) -> str:
        """What the sweep is called in its store."""
        return self._id

    def close(self) -> None:
        """Close the store; `open_sweep` reads it again. Results in memory are gone.

        Unless another process has the file open, it is complete by itself then, and can be moved or copied: nothing is
        left beside it.
        """
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _spec(self) -> SweepSpec:
        """What the sweep is, as the store keeps it."""
        return self._store.load_sweep(self.id)

    def __repr__(self) -> str:
        spec = self._spec()
        cells, items = len(spec.cells), len(spec.items)
        return f"{type(self).__name__}({cells} cells × {items} items × {spec.n}: {spec.rows} rows)"

    @property
    def df(self) -> pd.DataFrame:
        """One row per replicate that has been executed.

        Columns: the axes (numbers, or categories by their names), ``item`` and the data's columns, ``replicate``,
        ``seed``, ``prompt`` (as it was filled in), ``text``, ``finish_reason``, ``prompt_tokens``,
        ``completion_tokens``, ``latency_s`` and ``ttft_s`` (seconds, of the request; in throughput mode the replicates
        of one share it, and there is no ``ttft_s``), ``later_tokens`` (of a streamed answer: those that came after the
        first read), ``tokens_per_s``, ``mean_logprob`` (nats; with
        ``logprobs=True``), the scores, ``error``, ``cached`` (made by an earlier run), ``shared`` (shows an execution
        that a row above shows already), ``mode``, ``run``, ``cell``, ``key``. ``df.attrs`` has the units and what the
        results were made by. Where an answer has them also ``reasoning`` and ``tool_calls`` (JSON).
        """
        state = (self.id, self._store.stamp())
        if self._table is None or self._table[0] != state:
            self._table = state, tables.rows_of(self._store, self.id, self._spec())
        return self._table[1].copy()

    @property
    def cells(self) -> Cells:
        """One row per cell; ``cells(by="topic", where={"length": range(5)})`` splits them, or takes fewer rows.

        Columns: the axes, ``cell``, ``rows``, ``items``, ``errors``, for each score its mean over the items and the
        95 % interval of that (``exact``, ``exact_low``, ``exact_high``; see `statistics.mean_of`), and the means of
        the metrics. A row that repeats an execution of its cell is counted in ``rows`` and nowhere else.
        """
        with needed_for("a table"):
            from oaikit.experiments.analysis.cell_frame import cells_frame

        def other(where: Where, by: By) -> pd.DataFrame:
            df = self.df
            tables.check_rows(df)
            return tables.cells_of(selected(df, where), grouping(df, by))

        return cells_frame(tables.cells_of(self.df), other)

    @property
    def errors(self) -> pd.DataFrame:
        """What went wrong, the commonest first; the next `Sweep.run` tries it again. Columns: ``error``, ``rows``."""
        counts = self.df["error"].value_counts()
        return counts.rename_axis("error").reset_index(name="rows")

    def pivot(
        self, index: str, columns: str, value: str | None = None, *, where: Where = None, by: By = None
    ) -> Styler:
        """Means with intervals, one axis or column down and one across, coloured; ``.data`` has the bare means.

        Args:
            index: an axis or a column of the data, whose values go down.
            columns: another one, whose values go across.
            value: a score or a metric (default: the first score).
            where: the rows that count (see `selection.selected`).
            by: columns that split the table: they go down, before ``index``.

        Raises:
            InvalidRequestError: there is no such axis, column or value.
        """
        df = self._one_mode(where)
        names = grouping(df, [*grouping(df, by), index, columns])
        return display.heatmap(df, names[:-1], columns, tables.value_name(df.attrs["scores"], value))

    @overload
    def compare(
        self, axis: str, *, value: str | None = None, where: Where = None, by: By = None
    ) -> pd.DataFrame: ...
    @overload
    def compare(self, *, value: str | None = None, where: Where = None, by: By = None) -> pd.DataFrame: ...
    @overload
    def compare(
        self,
        axis: None = None,
        *,
        value: str | None = None,
        where: Where = None,
        by: None = None,
        **values: Sequence[Any],
    ) -> Comparison: ...
    @overload
    def compare(
        self,
        axis: None = None,
        *,
        value: str | None = None,
        where: Where = None,
        by: str | Sequence[str],
        **values: Sequence[Any],
    ) -> pd.DataFrame: ...
    def compare(
        self,
        axis: str | None = None,
        *,
        value: str | None = None,
        where: Where = None,
        by: By = None,
        **values: Sequence[Any],
    ) -> Comparison | pd.DataFrame:
        """Whether settings differ: ``sw.compare(temperature=(0, 0.8), value="exact")``, or all pairs of them.

        Only pairs of an item and the other axes' values that have a score on both sides are compared; ``dropped`` says
        how many have one on one side alone. Items with the same prompt count as one (see `statistics.compare`).

        Args:
            axis: compare every pair of the values on this axis; without it and without ``values``, on each axis.
            value: a score or a metric (default: the first score).
            where: the rows that count (see `selection.selected`).
            by: columns for each of whose values the comparison is made separately.
            **values: one axis with two of its values.

        Returns:
            A `statistics.Comparison` of one pair. For several a DataFrame with a row for each: the columns of ``by``,
            ``axis``, ``a`` and ``b`` (the settings), ``mean_a``, ``mean_b``, ``difference`` (b minus a), ``low`` and
            ``high`` (the 95 % interval of this one difference), ``p``, ``p_holm`` and ``p_bh`` (which allow for the
            number of rows; see `comparisons.adjusted`), ``effect_size``, ``items``, ``dropped``. Where fewer than two
            items have scores of both, the figures are nan.

        Raises:
            InvalidRequestError: more than one axis, not two values, no such axis, column or value, or one comparison of
                which fewer than two items have both.
        """
        pair = comparisons.pair_of(axis, values)
        df = self._one_mode(where)
        value, split = tables.value_name(df.attrs["scores"], value), grouping(df, by)
        if pair is None:
            axes = df.attrs["axes"] if axis is None else [axis]
            for name in axes:
                tables.check_axis(df, name)
            return comparisons.pairs_table(df, [name for name in axes if name not in split], value, split)
        name, first, second = pair
        if name in split:
            raise InvalidRequestError(f"{name!r} is compared, and can't split the comparison too", param="by")
        a, b = (tables.chosen(df, name, each) for each in (first, second))
        if split:
            return comparisons.comparisons_table(df, [(name, a[name].iloc[0], b[name].iloc[0])], value, split)
        return difference(a, b, [each for each in df.attrs["axes"] if each != name], value)

    def best(
        self, value: str | None = None, *, where: Where = None, minimize: bool = False
    ) -> comparisons.Best:
        """The cell with the best mean, and an interval that allows for its having been chosen by that.

        Args:
            value: a score or a metric (default: the first score).
            where: the rows that count (see `selection.selected`).
            minimize: less is better, as with ``latency``.

        Raises:
            InvalidRequestError: there is no such value, or no cell has one.
        """
        df = self._one_mode(where)
        return comparisons.best_of(df, tables.value_name(df.attrs["scores"], value), minimize=minimize)

    def confusion(
        self,
        reference: str | None = None,
        *,
        by: By = None,
        where: Where = None,
        labels: Sequence[Any] | None = None,
        read: Callable[[str], Any] | None = None,
    ) -> Confusion:
        """Which labels answers give and which would be right, with precision, recall and F1 of each.

        An answer gives the label that it is, apart from case and space around it, or else the only one that stands in
        it as words of its own.

        Args:
            reference: the column with the right labels (default: the one that the sweep's scores read).
            by: axes or columns with tables of their own for each value.
            where: the rows that count (see `selection.selected`).
            labels: all labels (default: those in the column).
            read: a function that finds the label in an answer, in place of the rule above.

        Raises:
            InvalidRequestError: there is no such column, a reference is not one of the labels, or nothing can be
                counted.
        """
        df = self._one_mode(where)
        spec = self._spec()
        if reference is None:
            reference = reference_column([each.reads for each in spec.scorers], spec.columns)
        elif reference not in spec.columns:
            there = ", ".join(spec.columns) or "none"
            raise InvalidRequestError(
                f"{reference!r} is no column of the data; there are: {there}", param="reference"
            )
        return confusion_of(df, reference, grouping(df, by), labels=labels, read=read)

    def diversity(self, by: str, *, where: Where = None) -> pd.DataFrame:
        """How different the replicates of a cell's answers to an item are, by an axis or a column of the data.

        Args:
            by: the axis or column.
            where: the rows that count (see `selection.selected`).

        Returns:
            Index: the axis. Columns: ``unique``, ``distinct_1``, ``distinct_2``, ``self_bleu`` (see
        `diversity.Diversity`), means over cells and items; ``groups``, how many of these there are.

        Raises:
            InvalidRequestError: there is no such axis or column.
        """
        import pandas as pd

        df = self.df
        tables.check_rows(df)
        df = selected(df, where)
        grouping(df, by)
        if by in BY_NAME and by != "item":
            raise InvalidRequestError(
                f"the replicates of one item differ in {by!r}: give an axis or a column of the data",
                param="by",
            )
        present = df[df["text"].notna()]
        values, found = [], []
        for _, rows in present.groupby(["cell", "item"], sort=False, dropna=False):
            figures = diversity(rows["text"].tolist())
            values.append(rows[by].iloc[0])
            found.append({**{name: getattr(figures, name) for name in _FIGURES}, "groups": 1})
        frame = pd.DataFrame(found, columns=[*_FIGURES, "groups"])
        # Not a column: an axis may have the name of a figure.
        grouped = frame.groupby(pd.Series(values, name=by, dtype=df[by].dtype), observed=True, dropna=False)
        return grouped.agg({**dict.fromkeys(_FIGURES, "mean"), "groups": "sum"})

    def diff(self, item: Any, by: str, *, replicate: int = 0, **where: Any) -> display.Diff:
        """Answers to one item side by side, one for each value on an axis, with what differs from the first marked.

        Parameters: the item's name, the axis, the replicate, and values on other axes (default: those of the first
        cell).

        Raises:
            InvalidRequestError: there is no such item, axis or value.
        """
        df = self.df
        tables.check_axis(df, by)
        rows = df[(df["item"] == item) & (df["replicate"] == replicate) & df["text"].notna()]
        if rows.empty:
            raise InvalidRequestError(f"item {item!r} has no answer as replicate {replicate}", param="item")
        for axis, value in where.items():
            rows = tables.chosen(rows, axis, value)
        places = group_codes(rows, [axis for axis in df.attrs["axes"] if axis != by] or ["replicate"])
        rows = rows[places == places[0]]
        others = [f"{axis}={rows[axis].iloc[0]}" for axis in df.attrs["axes"] if axis != by]
        labels = [f"{by}={value}" for value in rows[by].tolist()]
        return display.Diff(labels, rows["text"].tolist(), ", ".join([f"item {item}", *others]))

    @property
    def plot(self) -> Plots:
        """Charts: ``sw.plot("temperature", "exact", color="top_k")``, ``sw.plot.latency()``, ``sw.plot.pareto(…)``."""
        from oaikit.experiments.analysis.plots import Plots

        return Plots(self)

    def to_parquet(self, path: str | Path) -> None:
        """Write `df` as Parquet, the units and what made the results among the file's metadata.

        Raises:
            FileError: The file cannot be written; what was there stays.
            SettingError: pyarrow is not installed.
        """
        with needed_for("a Parquet file"):
            import pyarrow  # noqa: F401  (pandas imports it, and says less if it is missing)
        df = tables.of_one_type(self.df)
        with replacing(path) as beside:
            df.to_parquet(beside)

    def to_html(self, path: str | Path, *, title: str = "Sweep") -> None:
        """Write a page that needs nothing else: what made the results, the cells, and up to 1,000 of the rows.

        Raises:
            FileError: The file cannot be written; what was there stays.
        """
        import pandas as pd

        df = self.df
        tables.check_rows(df)
        cells = tables.cells_of(df).drop(columns="cell").round(4)
        rows = df.head(_ROWS_OF_PAGE).drop(columns=["key", "cell"])
        with pd.option_context("display.max_colwidth", None):
            sections = [
                ("Cells", cells.to_html(index=False, na_rep="–")),
                (f"Rows ({len(rows)} of {len(df)})", rows.to_html(index=False, na_rep="–")),
                ("Made by", display.pairs(df.attrs["provenance"])),
            ]
        write_text(path, display.page(title, sections))

    def log(self, to: str = "mlflow", **options: Any) -> None:
        """Log to MLflow: a run with what made the results and the rows as Parquet, below it a run for each cell.

        Parameters: ``"mlflow"``, and options of ``mlflow.start_run`` (``run_name``, ``experiment_id``, …).

        Raises:
            InvalidRequestError: another name.
            SettingError: MLflow is not installed.
        """
        from oaikit.experiments.analysis.logger import log_to_mlflow

        if to != "mlflow":
            raise InvalidRequestError(f"results can be logged to 'mlflow', not to {to!r}", param="to")
        df = self.df
        tables.check_rows(df)
        log_to_mlflow(df, tables.cells_of(df), options)

    def _one_mode(self, where: Where = None) -> pd.DataFrame:
        df = self.df
        tables.check_rows(df)
        df = selected(df, where)
        tables.check_one_mode(df)
        return df


_FIGURES = ("unique", "distinct_1", "distinct_2", "self_bleu")
