"""Sweeps against the engine: what is asked, what comes back, and how it is shown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pytest

import oaikit as ok
from oaikit._stream import Stream
from oaikit.backend import Backend
from oaikit.connection import Connection
from oaikit.experiments.accessor import register
from oaikit.experiments.design.space import grid, named
from oaikit.experiments.oneoff import compare
from oaikit.experiments.scoring.scorers import contains, judge, regex
from oaikit.experiments.store.database import Store
from oaikit.experiments.sweep import Sweep
from oaikit.sampling import Endpoint
from tests.harness import SERVED, Server, kernel, printed

DATA = pd.DataFrame({"question": ["Hello", "Where is the river?", "Who sings?"], "answer": ["a", "river", 7]})
# vLLM's CPU engine dies of a seeded prompt that is computed in two steps: few enough at once fit into one.
SEEDED: dict[str, Any] = {"seed": 1, "concurrency": 16}


@pytest.fixture
def llm(server: Server) -> Iterator[Connection]:
    with ok.connect(server.v1, api_key=server.token) as connection:
        yield connection


class OfAnotherKind(Backend):
    """A backend that is not a `Connection`, as an Engine is not."""

    def __init__(self, llm: Connection) -> None:
        self._llm = llm

    @property
    def model(self) -> str:
        return self._llm.model

    def request(self, endpoint: Endpoint, body: Mapping[str, Any], *, abort: str | None = None) -> Stream:
        return self._llm.request(endpoint, body, abort=abort)


def test_a_sweep_becomes_a_table(llm: Connection) -> None:
    space = grid(temperature=[0, 0.8], system=named(terse="Be terse.", kind="Be kind."))
    sweep = Sweep(
        llm,
        space,
        data=DATA,
        prompt="Q: {question}\nA:",
        n=3,
        score=[contains("answer"), regex(r"\w"), len],
        max_tokens=6,
        **SEEDED,
    )
    plan = sweep.plan()
    assert (plan.rows, plan.to_run, plan.cached) == (36, 2 * 3 + 2 * 3 * 3, 0)
    assert plan.prompt_tokens > 0
    df = sweep.run().df
    assert len(df) == 36
    assert df["error"].isna().all()
    assert df["text"].str.len().gt(0).all()
    assert df["completion_tokens"].eq(6).all()  # of each replicate, not of the request
    assert df["regex"].eq(1).all()
    assert df["len"].eq(df["text"].str.len()).all()
    assert df["finish_reason"].eq("length").all()
    assert df["prompt_tokens"].between(10, 100).all()
    assert df["latency_s"].gt(0).all()
    assert df["ttft_s"].isna().all()
    seeds = df[df["temperature"] > 0].groupby(["item", "system"], observed=True)["seed"].agg(list)
    assert [[seed - each[0] for seed in each] for each in seeds] == [[0, 1, 2]] * 6
    (made_by,) = df.attrs["provenance"]["models"]
    assert made_by["served_model"] == SERVED
    assert made_by["device"] == "cpu"
    assert made_by["engine_args"]["dtype"] == "float32"
    assert sweep.plan().to_run == 0


def test_replicates_of_one_request_are_those_of_single_ones(llm: Connection) -> None:
    """A seeded replicate is the same whether it came alone or among others: so more can be added later."""
    given: dict[str, Any] = {
        "prompts": ["The river"],
        "completion": True,
        "temperature": 1,
        "max_tokens": 6,
        **SEEDED,
    }
    df = Sweep(llm, n=4, **given).run().df
    single = [
        llm.complete("The river", temperature=1, max_tokens=6, seed=int(seed)).text for seed in df["seed"]
    ]
    assert df["text"].tolist() == single
    assert df["text"].nunique() > 1


def test_more_of_a_sweep_makes_only_what_is_new(llm: Connection, tmp_path: Any) -> None:
    given: dict[str, Any] = {
        "prompts": ["Hello", "Who?"],
        "store": tmp_path / "s.db",
        "max_tokens": 4,
        **SEEDED,
    }
    first = Sweep(llm, grid(temperature=[0.5]), n=2, **given).run().df
    more = Sweep(llm, grid(temperature=[0.5, 1]), n=3, **given)
    assert (more.plan().cached, more.plan().to_run) == (4, 8)
    df = more.run().df
    assert df["cached"].sum() == 4
    old = df[df["cached"]].reset_index(drop=True)
    pd.testing.assert_series_equal(old["text"], first["text"])
    texts = more.run().df
    assert texts["cached"].all()


def test_log_probabilities(llm: Connection) -> None:
    for completion in (False, True):
        df = (
            Sweep(
                llm,
                grid(temperature=[0, 1]),
                prompts=["Hi"],
                n=2,
                logprobs=True,
                max_tokens=5,
                completion=completion,
            )
            .run()
            .df
        )
        assert df["mean_logprob"].lt(0).all()
        assert df["completion_tokens"].eq(5).all()


def test_latency_mode(llm: Connection) -> None:
    sweep = Sweep(llm, grid(max_tokens=[4, 12]), prompts=["Hello"], n=4, temperature=0, mode="latency").run()
    df = sweep.df
    assert len(df) == 8
    assert not df["shared"].any()
    assert df["mode"].eq("latency").all()
    assert (df["ttft_s"] < df["latency_s"]).all()
    assert df["completion_tokens"].tolist() == [4] * 4 + [12] * 4
    # The server counts in every event: what came with the first read is not in the rate.
    assert df["later_tokens"].eq(df["later_tokens"].round()).all()
    assert df["later_tokens"].between(0, df["completion_tokens"] - 1).all()
    assert df["text"].nunique() == 2
    # One after the other: what they took together passed by.
    assert df["latency_s"].sum() < sweep_seconds(sweep)


def sweep_seconds(sweep: Sweep) -> float:
    began, ended = sweep._store._db.rows("SELECT MIN(began), MAX(ended) FROM runs")[0]
    return float(ended - began)


def test_a_request_that_fails_is_a_row_for_each_replicate(llm: Connection) -> None:
    sweep = Sweep(llm, prompts=["word " * 3000, "Hello"], n=3, max_tokens=4).run()
    df = sweep.df
    assert df["error"].notna().tolist() == [True] * 3 + [False] * 3
    assert df["error"].iloc[0].startswith("InvalidRequestError: ")
    assert sweep.errors["rows"].tolist() == [3]
    assert sweep.plan().to_run == 3  # the next run tries them again


def test_a_backend_of_another_kind(llm: Connection) -> None:
    given: dict[str, Any] = {"prompts": ["Hello"], "n": 2, "temperature": 1, "max_tokens": 4, **SEEDED}
    other = OfAnotherKind(llm)
    df = Sweep([llm, other], **given).run().df
    assert df["model"].cat.categories.tolist() == [f"{SERVED} #1", f"{SERVED} #2"]
    texts = df.groupby("model", observed=True)["text"].agg(list).tolist()
    assert texts[0] == texts[1]
    latency = Sweep(other, mode="latency", **given | {"concurrency": 1}).run().df
    assert latency["ttft_s"].notna().all()


def test_a_judge_is_asked_once_per_answer(llm: Connection) -> None:
    sweep = Sweep(
        llm, grid(temperature=[0, 0.1]), prompts=["Hello", "Who?"], max_tokens=4, seed=1, concurrency=8
    ).run()
    before = sweep.df["text"].tolist()
    sweep.rescore([judge("Is it polite?", llm), len])
    assert sweep.plan().to_run == 0
    df = sweep.run().df
    assert df["text"].tolist() == before
    assert df["judge"].isin([0, 1]).all()
    assert df["cached"].all()
    again = sweep.rescore(judge("Is it polite?", llm, name="polite")).df
    assert again["polite"].tolist() == df["judge"].tolist()


def test_awaited(llm: Connection) -> None:
    async def sweep() -> pd.DataFrame:
        done = await Sweep(llm, prompts=["Hello"], max_tokens=4).arun()
        return done.df

    assert len(asyncio.run(sweep())) == 1


def test_cancelled(llm: Connection, tmp_path: Any) -> None:
    async def sweep() -> None:
        work = Sweep(
            llm, prompts=[f"Hello {n}" for n in range(200)], max_tokens=200, store=tmp_path / "s.db"
        ).arun()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(work, 1)

    asyncio.run(sweep())


def test_one_offs(llm: Connection) -> None:
    found = compare(
        "Tell me", [{"temperature": 0}, {"temperature": 1, "system": "Be kind."}], llm, max_tokens=4
    )
    assert found["temperature"].tolist() == [0, 1]
    assert found["system"].isna().tolist() == [True, False]
    assert found["text"].str.len().gt(0).all()
    register()
    df = pd.DataFrame({"text": ["one", "two"]}, index=[5, 5])
    made = df.oai.generate("Summarise {text}", llm, temperature=0, max_tokens=4)
    assert made.index.tolist() == [5, 5]
    assert made["generated"].tolist() == [
        llm.chat(f"Summarise {text}", temperature=0, max_tokens=4).text for text in df["text"]
    ]
    assert "generated" not in df
    failed = pd.DataFrame({"size": [3000, 1]}).assign(text=lambda rows: [" word" * n for n in rows["size"]])
    made = failed.oai.generate("{text}", llm, into="said", max_tokens=4)
    assert made["said"].isna().tolist() == made["said_error"].notna().tolist() == [True, False]


def test_tuning_finds_the_optimum_and_asks_no_cell_twice(llm: Connection, tmp_path: Any) -> None:

    def near(text: str, temperature: float, top_k: int) -> float:
        return -((temperature - 0.7) ** 2) - abs(top_k - 20) / 100

    def tuned(trials: int) -> Any:
        sweep = Sweep(llm, prompts=["Hello"], score=near, max_tokens=1, store=tmp_path / "s.db", **SEEDED)
        return sweep.tune(temperature=(0.0, 1.5), top_k=[-1, 20, 40], trials=trials, batch=8, maximize="near")

    found = tuned(40)
    assert found.best["top_k"] == 20
    assert found.best["temperature"] == pytest.approx(0.7, abs=0.1)
    assert found.value == found.df["near"].max()
    assert not found.df.duplicated(["temperature", "top_k"]).any()
    again = tuned(48)  # goes on where it was
    pd.testing.assert_frame_equal(again.df.head(40), found.df)
    store = Store(tmp_path / "s.db")
    ((name,),) = store._db.rows("SELECT DISTINCT tuning FROM trials")
    for number, point, _ in store.trials(name)[45:]:
        store.record_trial(name, number, point, None)  # as a kill in the last batch leaves it
    pd.testing.assert_frame_equal(tuned(48).df, again.df)
    few = Sweep(llm, prompts=["Hello"], score=len, max_tokens=1, store=tmp_path / "s.db", **SEEDED).tune(
        temperature=[0.5, 1.0], trials=20, minimize="len"
    )
    assert len(few.df) == 2  # there are no more


IN_A_KERNEL = """
from oaikit.experiments.store.database import Store
from oaikit.experiments.sweep import Sweep
from oaikit.experiments.design.space import grid
sweep = Sweep(space=grid(temperature=[0.5, 1]), prompts=[f"Say {n} & <b>" for n in range(40)], n=2, max_tokens=24)
sweep.run()
print(len(sweep.df))
"""


def test_in_a_notebook_a_table_shows_how_far_it_is(server: Server) -> None:
    with kernel(server) as started:
        began = time.monotonic()
        messages = started.run(IN_A_KERNEL)
        seconds = time.monotonic() - began
    assert printed(messages).splitlines()[-1] == "160", printed(messages)
    shown = [m["content"]["data"]["text/html"] for m in messages if "display_data" in m["msg_type"]]
    assert 1 <= len(shown) <= 4 * seconds + 2
    assert "80 of 80" in shown[-1]
    assert "160 of 160 rows" in shown[-1]
    assert "<script" not in shown[-1]
