"""Errors that come out of many requests at once are as short as others."""

from __future__ import annotations

import pytest

import oaikit as ok
from oaikit.errors import AuthenticationError
from tests.unit.test_chat_calls import Scripted, running  # noqa: F401  (a fixture)


def test_the_error_of_a_sweep_has_no_group_behind_it(running: Scripted) -> None:  # noqa: F811
    """IPython prints all of an error with an exception group among its contexts, whatever the error says of itself."""
    llm = running.llm(path="refuses/oaikit/v1")
    with pytest.raises(AuthenticationError) as caught:
        ok.Sweep(llm, prompts=["a", "b", "c"], max_tokens=1).run()
    error: BaseException | None = caught.value
    while error is not None:
        assert not isinstance(error, BaseExceptionGroup)
        error = error.__context__
