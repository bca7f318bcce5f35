"""``df.oai.generate("Summarise {text}")``: a column of a DataFrame made from others by a model.

Importing this costs nothing, so that pandas can be told of it early.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oaikit.experiments.derive import Derived

if TYPE_CHECKING:
    import pandas as pd

    from oaikit.backend import Backend


class Accessor(Derived):
    """``df.oai``: what a model makes of the rows."""

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

        Args:
            prompt: What is asked, with columns in braces.
            llm: The model; `connect` by default.
            into: The column that is added.
            completion: Whether the prompt is continued as a text.
            store: A file to keep the answers in.
            **sampling: Sampling parameters; ``system`` may be among them.

        Returns:
            A copy with the column; beside it ``<into>_error`` where a row failed.

        Raises:
            InvalidRequestError: A name in the prompt is not a column, a row has no value there, or the new column
                exists.
            OAIKitError: The server is not there.
        """
        self._check_new([into, f"{into}_error"])
        answers = self._ask(
            self._texts(prompt, constant=True), llm, completion=completion, store=store, **sampling
        )
        return self._with({into: answers["text"].tolist()}, into, answers["error"].tolist())


def register() -> None:
    """Make `Accessor` known to pandas as ``df.oai``."""
    import pandas as pd

    if not hasattr(pd.DataFrame, "oai"):
        pd.api.extensions.register_dataframe_accessor("oai")(Accessor)
