"""The mistakes of docs/errors.md that need a server."""

from __future__ import annotations

import pytest

from tests.harness import SERVED, Server
from tools.mistakes import MISTAKES, MOST_LINES, TARGET, notebook, row


def test_a_mistake_shows_the_error_that_the_page_names(server: Server) -> None:
    page = TARGET.read_text()
    with notebook(server.folder, server.v1, server.token, SERVED) as cells:
        for mistake in MISTAKES:
            if mistake.needs_server:
                shown = cells.shown_for(mistake.code)
                assert 1 <= len(shown.splitlines()) <= MOST_LINES, mistake.code
                # The page was made with another model, whose name and limits stand in some sentences.
                begun = row(mistake.code, shown).partition(":")[0]
                assert begun in page, mistake.code


@pytest.mark.parametrize("code", ['llm.chat("Hi", temperature=3)'])
def test_a_refused_request_is_three_lines(server: Server, code: str) -> None:
    with notebook(server.folder, server.v1, server.token, SERVED) as cells:
        first, place, hint = cells.shown_for(code).splitlines()
    assert first == "InvalidRequestError: `temperature` must be a number from 0 to 2, not 3"
    assert place.endswith(f"line 1: {code}")
    assert "%tb" in hint
