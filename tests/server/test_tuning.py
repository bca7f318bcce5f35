"""``ok.TuningTable`` in a real kernel: what it asks, what it makes of the answers, how it is stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Kernel, Server, kernel, printed, wait_until

LONG = "max_tokens=1500, ignore_eos=True"


@pytest.fixture(scope="module")
def cell(server: Server) -> Iterator[Kernel]:
    with kernel(server) as started:
        begin = (
            "import time, oaikit as ok; from oaikit.widgets.tuning.table import TuningTable; llm = ok.connect();"
            "print('ready')"
        )
        assert "ready" in printed(started.run(begin))
        yield started


def static(messages: list[dict[str, Any]]) -> dict[str, str]:
    """The display for notebooks without a kernel, as it was left."""
    shown = [m["content"]["data"] for m in messages if m["msg_type"] == "update_display_data"]
    return dict(shown[-1])


def test_rows_are_asked_and_become_a_frame_and_a_static_table(cell: Kernel) -> None:
    messages = cell.run(
        "table = TuningTable(llm, 'Tell {who}', [{'temperature': 0}, {'temperature': 0}, "
        "{'temperature': 1.5, 'seed': 7}], data=[{'who': 'Ada'}, {'who': 'Bob'}], max_tokens=12, ignore_eos=True)\n"
        "display(table); table.run(); df = table.df\n"
        "print(len(df), df['completion_tokens'].tolist(), df['error'].isna().all())\n"
        "print(df['prompt'].tolist()[:2], df['cell'].tolist(), df['seed'].tolist()[-1])\n"
        "print(df['text'][0] == df['text'][2], df['text'][0] != df['text'][4])\n"
        "print((df['mean_logprob'] < 0).all(), (df['ttft_s'] > 0).all(), (df['ttft_s'] < df['latency_s']).all(),"
        " df['tokens_per_s'].isna().all())\n"
        "print(df.attrs['axes'], bool(df.attrs['provenance']['models'][0]['vllm_version']))"
    )
    assert printed(messages).splitlines() == [
        "6 [12, 12, 12, 12, 12, 12] True",
        "['Tell Ada', 'Tell Bob'] [0, 0, 1, 1, 2, 2] 7",
        "True True",
        "True True True True",
        "['temperature'] True",
    ]
    messages = cell.run(
        "table.vote(2, 1); table.note(2, 'odd', 1); time.sleep(0.2); print(table.df['winner'].tolist())"
    )
    assert printed(messages).strip() == "[<NA>, 0.0, <NA>, 0.0, <NA>, 1.0]"
    assert "★ winner" in static(messages)["text/html"]
    assert "12 tokens" in static(messages)["text/plain"]
    assert "odd" in static(messages)["text/plain"]


def test_a_sweep_of_the_table_gives_the_same_answers(cell: Kernel) -> None:
    said = printed(
        cell.run(
            "table = TuningTable(llm, 'Hi', [{'temperature': 0}, {'temperature': 0, 'repetition_penalty': 1.5}], "
            "max_tokens=12)\n"
            "import contextlib, io\n"
            "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):\n"
            "    sweep = table.run().to_sweep().run()\n"
            "print(table.df['text'].tolist() == sweep.df['text'].tolist(),"
            " (table.df['mean_logprob'] - sweep.df['mean_logprob']).abs().max() < 0.01)"
        )
    )
    assert said.splitlines()[-1] == "True True"


def test_what_the_server_refuses_fails_alone(cell: Kernel) -> None:
    code = (
        "table = TuningTable(llm, '{x}', [{'x': 'word ' * 5000}, {'x': 'word'}], completion=True, max_tokens=5)\n"
        "df = table.run().df; print(df['error'].isna().tolist(), df['completion_tokens'].tolist()[1])\n"
        "print(df['error'][0])"
    )
    said = printed(cell.run(code)).splitlines()
    assert said[0] == "[False, True] 5"
    assert said[1].split(":")[0].endswith("Error")


def test_stop_ends_all_and_keeps_what_has_come(cell: Kernel) -> None:
    cell.run(f"table = TuningTable(llm, 'Tell', [{{}}, {{'top_k': 5}}], {LONG}); table.run(wait=False)")
    wait_until(lambda: cell.server.status()["running"] == 2, 20)
    time.sleep(0.3)
    began = time.monotonic()
    said = printed(
        cell.run("table.stop(); df = table.df; print(df['error'].tolist(), (df['text'].str.len() > 3).all())")
    )
    wait_until(lambda: cell.server.status()["in_flight"] == 0, 1)
    assert time.monotonic() - began < 3
    assert said.strip() == "['stopped before its end', 'stopped before its end'] True"


def test_an_interrupt_ends_a_run_that_is_waited_for(cell: Kernel) -> None:
    begun = cell.client.execute(f"table = TuningTable(llm, 'Tell', [{{}}, {{}}], {LONG}); table.run()")
    wait_until(lambda: cell.server.status()["running"] == 2, 20)
    cell.interrupt()
    assert "KeyboardInterrupt" in printed(list(cell.messages(begun)))
    wait_until(lambda: cell.server.status()["in_flight"] == 0, 1)
    assert "2" in printed(cell.run("print(len(table.df))"))
