"""What a notebook shows of an error: the mistakes of docs/errors.md that need no server, made in a kernel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.mistakes import MISTAKES, MOST_LINES, TARGET, Notebook, notebook, row

NOWHERE = "http://127.0.0.1:9/v1"
ROWS = set(TARGET.read_text().splitlines())


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Notebook]:
    with notebook(tmp_path_factory.mktemp("kernel"), NOWHERE, "key", "tiny") as started:
        yield started


def test_the_page_has_every_mistake() -> None:
    assert len(MISTAKES) >= 30
    assert len([line for line in ROWS if line.startswith("| `")]) == len(MISTAKES)


def test_a_mistake_shows_what_the_page_says(cells: Notebook) -> None:
    for mistake in MISTAKES:
        if not mistake.needs_server:
            shown = cells.shown_for(mistake.code)
            assert 1 <= len(shown.splitlines()) <= MOST_LINES
            assert row(mistake.code, shown) in ROWS


def test_an_unreachable_server_is_three_lines_and_tb_shows_the_rest(cells: Notebook) -> None:
    first, place, hint = cells.shown_for('x = 1\nreply = llm.chat("Hi")').splitlines()
    assert first.startswith("ServerNotFoundError: http://127.0.0.1:9/v1 does not answer")
    assert place.strip() == 'Cell In[1], line 1: reply = llm.chat("Hi")'  # the cell's number is masked
    assert hint.strip() == "%tb shows the full traceback"
    full = cells.shown_for("%tb")
    assert "oaikit/connection.py" in full or "oaikit/backend.py" in full
    assert "Traceback (most recent call last)" in full


def test_verbose_mode_shows_everything_at_once(cells: Notebook) -> None:
    cells.shown_for("%xmode Verbose")
    try:
        assert "Traceback (most recent call last)" in cells.shown_for("llm.chat(42)")
    finally:
        cells.shown_for("%xmode Context")


def test_the_line_is_the_innermost_of_the_users_own_code(cells: Notebook, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("def ask(llm):\n    # first\n    return llm.chat(42)\n")
    cells.shown_for(f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import helper")
    _, place, _ = cells.shown_for("helper.ask(llm)").splitlines()
    assert place.strip() == f"File {tmp_path}/helper.py, line 3: return llm.chat(42)"


def test_an_error_of_an_awaited_call_is_as_short(cells: Notebook) -> None:
    first, place, _ = cells.shown_for('await nowhere.achat("Hi")').splitlines()
    assert first.startswith("ServerNotFoundError: ")
    assert 'await nowhere.achat("Hi")' in place


def test_a_long_message_is_cut(cells: Notebook) -> None:
    cell = "raise ok.OAIKitError('\\n'.join(f'line {n}' for n in range(500)))"
    shown = cells.shown_for(cell).splitlines()
    assert len(shown) <= MOST_LINES
    assert "… and 492 more lines" in shown


def test_an_error_of_the_users_own_is_ipythons_to_show(cells: Notebook) -> None:
    assert "ZeroDivisionError                         Traceback" in cells.shown_for("1 / 0")


def test_a_script_gets_pythons_traceback_without_the_clients_insides(tmp_path: Path) -> None:
    script = tmp_path / "ask.py"
    script.write_text(f'import oaikit as ok\nok.connect("{NOWHERE}", api_key="key", model="m").chat("Hi")\n')
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60)
    assert "ServerNotFoundError: http://127.0.0.1:9/v1 does not answer: nothing listens" in run.stderr
    assert "site-packages/openai" not in run.stderr
