"""Columns that a model derives from the rows of a DataFrame: answers, objects, labels and vectors.

All go through a store: with ``store="file.db"`` a call that was interrupted goes on where it was, and one that is made
again asks only for what is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from oaikit.errors import InvalidAnswerError, InvalidRequestError
from oaikit.schema import Schema

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.backend import Backend
    from oaikit.experiments.design.items import Item

_ERROR: Final = "_error"


class Derived:
    """What `Accessor` builds its columns with, and the columns that are more than a text."""

    def __init__(self, df: pd.DataFrame) -> None:
        self._df = df

    def extract(
        self,
        schema: Any,
        prompt: str,
        llm: Backend | None = None,
        *,
        into: str | None = None,
        store: Any = None,
        **sampling: Any,
    ) -> pd.DataFrame:
        """Have objects made of the rows: ``df.oai.extract(Person, "{biography}", temperature=0)``.

        Args:
            schema: A pydantic model, a dataclass, any type that pydantic can check, or a JSON schema (dict).
            prompt: What is asked, with columns in braces; or the name of a column.
            llm: The model; `connect` by default.
            into: The column for the objects. Without it each field of the schema becomes a column, if it has fields,
                and else the column is called ``extracted``.
            store: A file to keep the answers in.
            **sampling: Sampling parameters; ``system`` may be among them. ``max_tokens`` is what the context leaves
                unless it is given.

        Returns:
            A copy with the columns; beside them ``extracted_error`` (or ``<into>_error``) where a row failed or its
            answer does not fit.

        Raises:
            InvalidRequestError: A name in the prompt is not a column, a row has no value there, or a new column exists.
            OAIKitError: The server is not there.
        """
        form = Schema(schema)
        fields = list(form.json_schema.get("properties") or ()) if into is None else []
        name = into or "extracted"
        self._check_new([*(fields or [name]), name + _ERROR])
        texts, llm = self._texts(prompt), _connected(llm)
        if "max_completion_tokens" not in sampling:
            sampling.setdefault("max_tokens", _room(llm))
        sampling = {key: value for key, value in sampling.items() if value is not None}
        answers = self._ask(texts, llm, store=store, response_format=form.response_format(), **sampling)
        values, errors = [], []
        for text, reason, error in answers.itertuples(index=False):
            value = None
            if error is None:
                try:
                    value = form.parse(text, reason)
                except InvalidAnswerError as exc:
                    error = exc.message
            values.append(value)
            errors.append(error)
        columns = {field: [_field(value, field) for value in values] for field in fields} or {name: values}
        return self._with(columns, name, errors, typed=bool(fields))

    def classify(
        self,
        labels: Sequence[str] | Mapping[str, str],
        prompt: str,
        llm: Backend | None = None,
        *,
        into: str = "label",
        store: Any = None,
        **sampling: Any,
    ) -> pd.DataFrame:
        """Have each row given one of a few labels: ``df.oai.classify(["good", "bad"], "Is this review good? {text}")``.

        The model cannot answer anything else. It is asked with temperature 0 unless another is given.

        Args:
            labels: The labels; a mapping says beside each what it means.
            prompt: What is asked, with columns in braces; or the name of a column. The labels are put below it.
            llm: The model; `connect` by default.
            into: The column for the labels, a category.
            store: A file to keep the answers in.
            **sampling: Sampling parameters; ``system`` may be among them.

        Returns:
            A copy with the column; beside it ``<into>_error`` where a row failed.

        Raises:
            InvalidRequestError: There are fewer than two labels, a name in the prompt is not a column, a row has no
                value there, or the new column exists.
            OAIKitError: The server is not there.
        """
        names = _checked_labels(labels)
        self._check_new([into, into + _ERROR])
        llm = _connected(llm)
        asked = [f"{text}\n\n{_choices(labels)}" for text in self._texts(prompt)]
        form = Schema({"type": "string", "enum": names}, "label")
        limits = (
            {"structured_outputs": {"choice": names}} if llm.is_vllm else {"response_format": _enum(names)}
        )
        longest = max(len(name.encode()) for name in names)
        # A token stands for a byte at least; 16 are room for the object that other servers put around the label.
        defaults: dict[str, Any] = {"temperature": 0, "max_tokens": longest + 16}
        answers = self._ask(asked, llm, store=store, **limits, **(defaults | sampling))
        found, errors = [], []
        for text, reason, error in answers.itertuples(index=False):
            label = None if error is not None else _label(text, names, form, reason)
            if error is None and label is None:
                error = f"the answer is none of the labels: {text[:80]!r}"
            found.append(label)
            errors.append(error)
        import pandas as pd

        made = self._with({into: found}, into, errors)
        made[into] = pd.Categorical(made[into], categories=names)
        return made

    def embed(
        self,
        prompt: str,
        llm: Backend | None = None,
        *,
        into: str = "embedding",
        dimensions: int | None = None,
        store: Any = None,
    ) -> pd.DataFrame:
        """Have vectors made of the rows: ``np.stack(df.oai.embed("review")["embedding"])``.

        Texts that are the same are sent once.

        Args:
            prompt: The name of a column, or a text with columns in braces.
            llm: A model that embeds (see `Backend.embed`); `connect` by default.
            into: The column for the vectors: arrays of float32.
            dimensions: The length of the vectors, for models that can make several.
            store: A file to keep the vectors in.

        Returns:
            A copy with the column.

        Raises:
            InvalidRequestError: There is no such column, a row has no value there, the new column exists, or the model
                does not embed. What came before an error is in the store.
            OAIKitError: The server is not there.
        """
        self._check_new([into])
        texts = self._texts(prompt)
        from oaikit.experiments.run.vectors import embedded

        vectors = embedded(_connected(llm), texts, store=store, dimensions=dimensions) if texts else []
        return self._with({into: vectors}, into, [None] * len(texts))

    # -- what the columns have in common -----------------------------------------------------------------------------

    def _check_new(self, names: Iterable[str]) -> None:
        for name in names:
            if name in self._df.columns:
                raise InvalidRequestError(f"there is a column {name!r} already: give into=…", param="into")

    def _texts(self, prompt: str, *, constant: bool = False) -> list[str]:
        """What is asked about each row. ``constant``: it may be the same for all."""
        from oaikit.experiments.design.templates import fill

        if prompt in self._df.columns:
            column = self._df[prompt]
            if (missing := column.isna()).any():
                place = self._df.index[int(missing.to_numpy().argmax())]
                raise InvalidRequestError(f"the row {place!r} has no value in {prompt!r}", param="prompt")
            return [str(value) for value in column]
        if "{" not in prompt and not constant:
            known = ", ".join(map(str, self._df.columns))
            raise InvalidRequestError(
                f"{prompt!r} is neither a column nor has one in braces; there are: {known}", param="prompt"
            )
        return [str(fill(prompt, item.data)) for item in self._items(prompt)]

    def _items(self, prompt: str) -> list[Item]:
        from oaikit.experiments.design.items import Item, check_filled

        records: list[Mapping[Any, Any]] = self._df.to_dict("records")  # type: ignore[assignment]
        items = [
            Item(id, {str(name): value for name, value in record.items()})
            for id, record in zip(self._df.index.tolist(), records, strict=True)
        ]
        if items:
            check_filled(items, [prompt], ())
        return items

    def _ask(self, texts: list[str], llm: Backend | None, **options: Any) -> pd.DataFrame:
        """An answer to each text: the columns ``text``, ``finish_reason`` and ``error`` (None: there is none).

        Raises:
            InvalidRequestError: Several answers are wanted.
        """
        import pandas as pd

        from oaikit.experiments.sweep import Sweep

        columns = ["text", "finish_reason", "error"]
        if "n" in options:
            raise InvalidRequestError(
                "a column has one answer per row; for several use ok.Sweep(n=…)", param="n"
            )
        if not texts:
            return pd.DataFrame({name: pd.Series(dtype=object) for name in columns})
        answers = Sweep(llm, prompts=texts, **options).run().df.set_index("item")[columns]
        plain = answers.reindex(range(len(texts))).astype(object)
        return plain.where(plain.notna(), None)

    def _with(
        self,
        columns: Mapping[str, Sequence[Any]],
        name: str,
        errors: Sequence[str | None],
        *,
        typed: bool = False,
    ) -> pd.DataFrame:
        """A copy of the frame with columns, and one for the errors if there are some."""
        import pandas as pd

        made = self._df.copy()
        for column, values in columns.items():
            series = pd.Series(list(values), index=made.index, dtype=object)
            made[column] = series.convert_dtypes() if typed else series
        if any(error is not None for error in errors):
            made[name + _ERROR] = list(errors)
        return made


def _connected(llm: Backend | None) -> Backend:
    from oaikit.connection import connect

    return connect() if llm is None else llm


def _room(llm: Backend) -> int | None:
    """As many tokens as an answer may need; None where the server sets no limit of its own."""
    return llm.context_length() if llm.is_vllm else None


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _checked_labels(labels: Sequence[str] | Mapping[str, str]) -> list[str]:
    names = list(labels)
    wrong = isinstance(labels, str) or not all(isinstance(each, str) and each for each in names)
    if wrong or len(set(names)) != len(names) or len(names) < 2:
        raise InvalidRequestError("`labels` are at least two different texts", param="labels")
    return names


def _choices(labels: Sequence[str] | Mapping[str, str]) -> str:
    """The labels as the model is told of them."""
    if isinstance(labels, Mapping):
        lines = "\n".join(f"{name}: {meaning}" for name, meaning in labels.items())
        return f"Answer with one of these labels:\n{lines}"
    return f"Answer with one of these labels: {', '.join(labels)}"


def _enum(names: list[str]) -> dict[str, Any]:
    """The form for servers that know JSON schemas alone, whose root is an object."""
    label = {"type": "string", "enum": names}
    schema = {
        "type": "object",
        "properties": {"label": label},
        "required": ["label"],
        "additionalProperties": False,
    }
    return Schema(schema, "label").response_format()


def _label(text: str, names: Sequence[str], form: Schema, reason: str | None) -> str | None:
    """The label that an answer gives, plain or as an object."""
    if (plain := text.strip()) in names:
        return plain
    try:
        found = form.parse(text, reason)
    except InvalidAnswerError:
        return None
    found = found.get("label") if isinstance(found, dict) else found
    return found if found in names else None
