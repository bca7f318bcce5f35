"""``df.oai.generate("Summarise {text}")``: a column of a DataFrame made from others by a model.

Importing this costs nothing, so that pandas can be told of it early.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from oaikit.errors import InvalidRequestError

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.backend import Backend
    from oaikit.experiments.design.items import Item


class Accessor:
    """``df.oai``: what a model makes of the rows."""

    def __init__(self, df: pd.DataFrame) -> None:
        self._df = df

    def generate(
        self,
        prompt: str,
        llm: Backend | None = None,
        *,
        into: str = "generated",
        completion: bool = False,
        store: Any = None,
        **sampling: Any,
    ) -> pd.DataFrame:
        """Ask for each row, and add what is answered: ``df.oai.generate("Summarise {text}", max_tokens=64)``.

        Parameters: the prompt with columns in braces, the model (default: `connect`), the column that is added, whether
        to continue the prompt as a text, a store to keep answers in, and sampling parameters (``system`` may be among
        them).

        Returns:
            A copy with the column; beside it ``<into>_error`` where a row failed.

        Raises:
            InvalidRequestError: a name in the prompt is no column, a row has no value there, the new column exists.
            OAIKitError: the server is not there.
        """
        for name in (into, f"{into}_error"):
            if name in self._df.columns:
                raise InvalidRequestError(f"there is a column {name!r} already: give into=…", param="into")
        if "n" in sampling:
            raise InvalidRequestError(
                "a column has one answer per row; for several use ok.Sweep(n=…)", param="n"
            )
        from oaikit.experiments.design.templates import fill
        from oaikit.experiments.sweep import Sweep

        items = self._items(prompt)
        texts = [fill(prompt, item.data) for item in items]
        made = self._df.copy()
        if not texts:
            return made.assign(**{into: ""})
        sweep = Sweep(llm, prompts=texts, completion=completion, store=store, **sampling).run()
        answers = sweep.df.set_index("item")[["text", "error"]].reindex(range(len(texts)))
        made[into] = answers["text"].to_numpy()
        if answers["error"].notna().any():
            made[f"{into}_error"] = answers["error"].to_numpy()
        return made

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


def register() -> None:
    """Make `Accessor` known to pandas as ``df.oai``."""
    import pandas as pd

    if not hasattr(pd.DataFrame, "oai"):
        pd.api.extensions.register_dataframe_accessor("oai")(Accessor)
