"""``df.oai``: vectors that are kept in a store, and what is refused before anything is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from oaikit.errors import InvalidRequestError
from oaikit.experiments import register
from tests.unit.test_texts import REFUSED, Server, server  # noqa: F401  (a fixture)

register()


def sent(server: Server) -> list[str]:  # noqa: F811
    """The texts that vectors were asked for, and forget them."""
    texts = [text for path, body in server.asked if path.endswith("embeddings") for text in body["input"]]
    server.asked.clear()
    return texts


def test_vectors_become_a_column_and_equal_texts_are_sent_once(server: Server) -> None:  # noqa: F811
    df = pd.DataFrame({"review": ["good", "bad", "good"]}, index=[7, 7, 9])
    made = df.oai.embed("review", server.llm)
    assert np.stack(made["embedding"]).tolist() == [[4, 103], [3, 98], [4, 103]]
    assert made.index.tolist() == [7, 7, 9]
    assert sorted(sent(server)) == ["bad", "good"]
    assert "embedding" not in df
    assert df.oai.embed("A {review} one", server.llm, into="v")["v"].iloc[0].tolist() == [10, 65]


def test_what_the_store_has_is_not_asked_again(server: Server, tmp_path: Path) -> None:  # noqa: F811
    store = tmp_path / "vectors.db"
    df = pd.DataFrame({"text": [f"{number} words" for number in range(100)]})
    first = df.head(60).oai.embed("text", server.llm, store=store)
    assert len(sent(server)) == 60
    again = df.oai.embed("text", server.llm, store=store)
    assert sorted(sent(server)) == sorted(df["text"][60:])
    assert np.array_equal(np.stack(first["embedding"]), np.stack(again["embedding"][:60]))
    df.oai.embed("text", server.llm, store=store, dimensions=2)
    assert len(sent(server)) == 100, "vectors of another length are others"


def test_what_came_before_an_error_is_kept(server: Server, tmp_path: Path) -> None:  # noqa: F811
    store = tmp_path / "vectors.db"
    df = pd.DataFrame({"text": [f"{number} words" for number in range(700)]})
    df.loc[650, "text"] = REFUSED
    with pytest.raises(InvalidRequestError, match="too long"):
        df.oai.embed("text", server.llm, store=store)
    sent(server)
    df.loc[650, "text"] = "650 words"
    df.oai.embed("text", server.llm, store=store)
    assert 1 <= len(sent(server)) <= 320, "the batch that failed, and those that were under way with it"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda oai: oai.embed("reviw"), "neither a column nor has one in braces; there are: review, n"),
        (lambda oai: oai.embed("review", into="n"), "a column 'n' already"),
        (lambda oai: oai.embed("n"), "the row 1 has no value in 'n'"),
        (lambda oai: oai.extract("Person", "review"), "a schema is a pydantic model"),
        (lambda oai: oai.extract({"properties": {"n": {}}}, "review"), "a column 'n' already"),
        (lambda oai: oai.extract(int, "Rate {text}"), "there are review, n"),
        (lambda oai: oai.classify(["good"], "review"), "at least two different texts"),
        (lambda oai: oai.classify("good", "review"), "at least two different texts"),
        (lambda oai: oai.classify(["a", "a"], "review"), "at least two different texts"),
        (lambda oai: oai.classify(["a", "b"], "review", into="review"), "a column 'review' already"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(call: Any, said: str) -> None:
    df = pd.DataFrame({"review": ["good", "bad"], "n": [1, None]})
    with pytest.raises(InvalidRequestError, match=said):
        call(df.oai)


def test_connecting_is_enough_to_have_the_columns() -> None:
    code = "import oaikit as ok, pandas as pd; ok.connect('http://127.0.0.1:9/v1', api_key='k'); pd.DataFrame().oai"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_empty_frame_needs_no_server() -> None:
    df = pd.DataFrame({"review": []})
    assert list(df.oai.embed("review").columns) == ["review", "embedding"]
