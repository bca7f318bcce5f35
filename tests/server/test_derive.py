"""``df.oai.extract`` and ``df.oai.classify`` on a real engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from pydantic import BaseModel

import oaikit as ok
from oaikit.experiments import register
from tests.harness import Server

register()
DF = pd.DataFrame({"review": ["Good.", "Bad.", "So so."]}, index=["a", "b", "b"])


class Verdict(BaseModel):
    good: bool
    other: None


@pytest.fixture
def llm(server: Server) -> Iterator[ok.Connection]:
    with ok.connect(server.v1, api_key=server.token) as made:
        yield made


def test_fields_become_columns(llm: ok.Connection, tmp_path: Path) -> None:
    made = DF.oai.extract(Verdict, "Is it good? {review}", llm, temperature=1.5, store=tmp_path / "s.db")
    assert list(made.columns) == ["review", "good", "other"]
    assert made["good"].dtype == "boolean"
    assert made.index.tolist() == ["a", "b", "b"]
    objects = DF.oai.extract(
        Verdict, "Is it good? {review}", llm, into="verdict", temperature=1.5, store=tmp_path / "s.db"
    )
    assert all(isinstance(each, Verdict) for each in objects["verdict"])
    assert [each.good for each in objects["verdict"]] == made["good"].tolist(), "the store had them"


def test_an_answer_that_is_cut_off_is_an_error_of_its_row(llm: ok.Connection) -> None:
    made = DF.oai.extract(Verdict, "review", llm, max_tokens=1)
    assert made["good"].isna().all()
    assert made["extracted_error"].str.contains("max_tokens cut it off").all()


def test_each_row_gets_one_of_the_labels(llm: ok.Connection, tmp_path: Path) -> None:
    labels = {"good": "the customer is happy", "bad": "the customer is not"}
    made = DF.oai.classify(labels, "{review}", llm, temperature=2, store=tmp_path / "s.db")
    assert made["label"].isin(list(labels)).all()
    assert made["label"].cat.categories.tolist() == ["good", "bad"]
    again = DF.oai.classify(labels, "{review}", llm, temperature=2, store=tmp_path / "s.db")
    assert again["label"].tolist() == made["label"].tolist()
    assert "label_error" not in made
