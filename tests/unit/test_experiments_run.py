"""Runs against a server of another make, on real sockets: it fails, cuts off and ignores as it is told."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

import oaikit as ok
from oaikit.errors import InvalidRequestError, SweepStoppedError
from oaikit.experiments.run.outcome import SweepWarning
from oaikit.experiments.store.claims import Claims
from oaikit.experiments.store.database import Store
from oaikit.experiments.sweep import Sweep


class Other:
    """A server that knows OpenAI's chats and nothing else."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: Callable[[dict[str, Any]], str | int] = lambda body: "yes"
        self.finish_reason, self.takes_s = "stop", 0.0
        self.gives = 1  # answers to a request, whatever its n
        self.most_at_once = self._at_once = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._runner = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        runner = web.AppRunner(app, shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    async def _models(self, _: web.Request) -> web.Response:
        adapter = {"id": "adapter", "object": "model", "root": "/adapters/one", "parent": "m"}
        return web.json_response({"data": [{"id": "m", "object": "model"}, adapter]})

    async def _chat(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked.append(body)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self._at_once -= 1
        said = self.answer(body)
        if isinstance(said, int):
            return web.json_response({"error": {"message": f"refused with {said}"}}, status=said)
        message = {"role": "assistant", "content": said}
        choices = [
            {"index": index, "message": message, "finish_reason": self.finish_reason}
            for index in range(min(self.gives, body.get("n") or 1))
        ]
        usage = {"prompt_tokens": 2, "completion_tokens": 3 * len(choices), "total_tokens": 0}
        return web.json_response({"choices": choices, "usage": usage})

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def other() -> Iterator[Other]:
    made = Other()
    yield made
    made.close()


@pytest.fixture
def llm(other: Other) -> Iterator[ok.Connection]:
    made = ok.connect(other.url, api_key="k")
    yield made
    made.close()


def sweep(llm: ok.Connection, count: int = 20, **given: Any) -> Sweep:
    return Sweep(
        llm, prompts=[f"{n:03}" for n in range(count)], **{"max_tokens": 3, "concurrency": 4, **given}
    )


def content(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


# -- what went wrong is said -------------------------------------------------------------------------------------------


def test_a_run_in_which_all_failed_says_what_and_how_often(other: Other, llm: ok.Connection) -> None:
    other.answer = lambda body: 400
    sw = sweep(llm)
    for _ in range(2):  # each time: Python shows a warning of one line once
        with pytest.warns(
            SweepWarning, match=r"all 20 rows .* InvalidRequestError: refused with 400 \(20 times\)"
        ):
            sw.run()
    assert sw.errors["rows"].tolist() == [20]


def test_a_run_in_which_some_answered_warns_of_nothing(other: Other, llm: ok.Connection) -> None:
    other.answer = lambda body: 400 if content(body) < "015" else "yes"
    sw = sweep(llm).run()
    assert sw.cells["errors"].tolist() == [15]


def test_a_judge_that_fails_is_a_row_with_an_error(other: Other, llm: ok.Connection) -> None:
    def answer(body: dict[str, Any]) -> str | int:
        return 400 if content(body).startswith("Text:") else "an answer"

    other.answer = answer
    sw = sweep(llm, 5, score=ok.judge("Is it kind?", llm, name="kind"))
    with pytest.warns(SweepWarning, match=r"the judge 'kind' failed on all 5 answers.*refused with 400"):
        sw.run()
    assert sw.df["error"].isna().all(), "the answers are there"
    assert sw.df["kind"].isna().all()
    assert set(sw.df["score_error"]) == {"kind: InvalidRequestError: refused with 400"}
    other.answer = lambda body: "yes"
    before = len(other.asked)
    sw.run()
    assert len(other.asked) - before == 5, "only the judge is asked again"
    assert sw.df["kind"].tolist() == [1.0] * 5
    assert "score_error" not in sw.df


def test_a_judge_that_says_something_else_each_time_is_named(other: Other, llm: ok.Connection) -> None:
    other.answer = lambda body: "perhaps"
    with pytest.warns(SweepWarning, match="'kind' gave none of its answers to any of 5 questions"):
        sweep(llm, 5, score=ok.judge("Is it kind?", llm, name="kind")).run()


def test_a_function_that_fails_leaves_its_error_in_the_row(llm: ok.Connection) -> None:
    def broken(text: str) -> float:
        raise ValueError("no such thing")

    sw = sweep(llm, 3, score=broken)
    with pytest.warns(UserWarning, match="'broken' failed on 3 rows"):
        sw.run()
    with pytest.warns(UserWarning, match="'broken' failed"):
        assert set(sw.df["score_error"]) == {"broken: ValueError: no such thing"}


def test_answers_that_were_cut_off_are_counted_and_said_once(
    other: Other, llm: ok.Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    other.finish_reason = "length"
    sw = sweep(llm, n=2).run()
    assert sw.cells["truncated"].tolist() == [40]
    last = re.split(r"[\r\n]+", capsys.readouterr().err.strip())[-1]
    assert last.count("40 cut off at max_tokens") == 1


def test_a_plan_counts_judges(llm: ok.Connection) -> None:
    sw = sweep(llm, 5, n=2, score=[ok.judge("Is it kind?", llm, name="kind"), len], temperature=1)
    assert sw.plan().judge_requests == 10
    assert "10 requests to judges" in str(sw.plan())
    sw.run()
    assert sw.plan().judge_requests == 0
    assert "judges" not in str(sw.plan())


# -- a server that knows no n ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gives", [1, 3])
def test_a_server_that_ignores_n_is_still_asked_side_by_side(
    other: Other, llm: ok.Connection, gives: int
) -> None:
    other.gives, other.takes_s = gives, 0.01
    sw = sweep(llm, 1, n=60, concurrency=12, temperature=1).run()
    assert len(sw.df) == 60
    assert sw.df["error"].isna().all()
    assert other.most_at_once >= 12 // gives, "one at a time"
    assert other.most_at_once <= 12


def test_no_more_sequences_are_in_flight_than_were_asked_for(other: Other, llm: ok.Connection) -> None:
    other.gives, other.takes_s = 8, 0.01
    sweep(llm, 12, n=8, concurrency=16, temperature=1).run()
    assert other.most_at_once == 2


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_run_ends_at_max_requests_and_the_next_goes_on(other: Other, llm: ok.Connection) -> None:
    sw = sweep(llm)
    with pytest.warns(SweepWarning, match=r"stopped at max_requests=7\. 13 rows are left"):
        sw.run(max_requests=7)
    assert len(other.asked) == len(sw.df) == 7
    sw.run()
    assert len(other.asked) == len(sw.df) == 20


def test_judges_are_within_the_limit(other: Other, llm: ok.Connection) -> None:
    sw = sweep(llm, 5, score=ok.judge("Is it kind?", llm), max_requests=8)
    with pytest.warns(SweepWarning, match="max_requests=8"):
        sw.run()
    assert len(other.asked) == 8
    with pytest.warns(SweepWarning, match="max_requests=1"):
        sw.run(max_requests=1)
    sw.run()
    assert len(other.asked) == 10


def test_a_run_ends_before_more_tokens_than_allowed(other: Other, llm: ok.Connection) -> None:
    sw = sweep(llm, concurrency=20)  # an answer and its prompt have 5 tokens
    with pytest.warns(SweepWarning, match="max_tokens_total=52"):
        sw.run(max_tokens_total=52)
    assert 8 <= len(sw.df) <= 10
    sw.run()
    assert len(other.asked) == 20


def test_a_run_ends_when_too_much_of_it_fails(other: Other, llm: ok.Connection) -> None:
    other.answer = lambda body: 400 if content(body) >= "010" else "yes"
    sw = sweep(llm, 200, concurrency=1)
    with pytest.raises(SweepStoppedError, match=r"stop_if_errors=0\.2 .*refused with 400.*run\(\) goes on"):
        sw.run(stop_if_errors=0.2)
    assert len(other.asked) == 13  # 3 of 13 is more than a fifth
    assert sw.df["error"].isna().sum() == 10, "what was answered is kept"
    other.answer = lambda body: "yes"
    sw.run(stop_if_errors=0.2)
    assert len(other.asked) == 13 + 190


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"max_requests": 0}, "max_requests is a whole number of at least 1"),
        ({"max_requests": 2.5}, "max_requests"),
        ({"max_requests": True}, "max_requests"),
        ({"max_tokens_total": -1}, "max_tokens_total"),
        ({"stop_if_errors": 20}, r"a share from 0 to 1, such as 0\.2"),
        ({"stop_if_errors": "0.2"}, "a share"),
        ({"stop_if_errors": float("nan")}, "a share"),
    ],
)
def test_limits_that_make_no_sense(
    other: Other, llm: ok.Connection, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        sweep(llm).run(**given)
    with pytest.raises(InvalidRequestError, match=message):
        sweep(llm, **given)
    assert not other.asked


# -- several runs on one store -----------------------------------------------------------------------------------------


def in_threads(*works: Callable[[], Any]) -> None:
    failed: list[BaseException] = []

    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        except BaseException as exc:
            failed.append(exc)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failed, failed
    assert not any(thread.is_alive() for thread in threads)


def test_two_runs_on_one_store_share_the_work(other: Other, llm: ok.Connection, tmp_path: Path) -> None:
    other.takes_s, path = 0.005, tmp_path / "s.db"
    judge = ok.judge("Is it kind?", llm, name="kind")
    sweeps = [sweep(llm, 150, store=path, score=judge) for _ in range(2)]
    in_threads(*(each.run for each in sweeps))
    assert len(other.asked) == 300, "150 prompts and 150 judgements, each once"
    for each in sweeps:
        assert len(each.df) == 150
        assert each.df["kind"].notna().all()
        assert each._store._db.rows("SELECT * FROM claims") == []
        each.close()


def test_an_error_of_another_run_is_not_tried_again_meanwhile(
    other: Other, llm: ok.Connection, tmp_path: Path
) -> None:
    other.takes_s, path = 0.005, tmp_path / "s.db"
    other.answer = lambda body: 400 if content(body) < "010" else "yes"
    sweeps = [sweep(llm, 100, store=path) for _ in range(2)]
    in_threads(*(each.run for each in sweeps))
    assert len(other.asked) == 100
    other.answer = lambda body: "yes"
    sweeps[0].run()
    assert len(other.asked) == 110
    for each in sweeps:
        each.close()


def test_a_run_that_needs_more_replicates_makes_only_those(
    other: Other, llm: ok.Connection, tmp_path: Path
) -> None:
    other.takes_s, path = 0.005, tmp_path / "s.db"
    few, more = (sweep(llm, 30, store=path, n=n, seed=1, temperature=1) for n in (2, 5))
    in_threads(few.run, more.run)
    assert len(more.df) == 150
    assert len(few.df) == 60
    made = Counter((content(body), body["seed"]) for body in other.asked if body.get("n") is None)
    assert max(made.values()) == 1, "the same replicate was made twice"
    few.close()
    more.close()


def test_what_a_dead_run_claimed_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, again = Store(tmp_path / "s.db"), Store(tmp_path / "s.db")
    keys = [("a", 0), ("b", 0)]
    store.claims.begin("one")
    assert store.claims.take("one", keys) == {*keys}
    again.claims.begin("two")
    assert again.claims.take("two", [*keys, ("c", 0)]) == {("c", 0)}
    stopped = time.time() + 31  # the first one has not been heard of for so long
    monkeypatch.setattr("oaikit.experiments.store.claims.time.time", lambda: stopped)
    again.claims.beat("two")
    assert again.claims.take("two", keys) == {*keys}
    store.close()
    again.close()


KILLED = """
import os, signal, sys
from oaikit.experiments.store.database import Store
store = Store(sys.argv[1])
store.claims.begin("one")
assert store.claims.take("one", [("a", 0)])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_was_killed_holds_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    assert subprocess.run([sys.executable, "-c", KILLED, str(path)], timeout=60).returncode == -signal.SIGKILL
    store = Store(path)
    assert store._db.rows("SELECT run FROM claims") == [("one",)]
    store.claims.begin("two")
    assert store.claims.take("two", [("a", 0)]) == {("a", 0)}
    store.close()


def test_in_memory_nothing_is_claimed(llm: ok.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Claims, "take", lambda *_: pytest.fail("there is nobody to share with"))
    assert len(sweep(llm).run().df) == 20


# -- who is asked ------------------------------------------------------------------------------------------------------


def test_servers_adapters_and_judges_of_one_name_are_told_apart(
    other: Other, llm: ok.Connection, tmp_path: Path
) -> None:
    second = Other()

    def base(body: dict[str, Any]) -> str:
        if content(body).startswith("Text:"):
            return "yes"
        return "base" if body["model"] == "m" else "adapted"

    other.answer = base
    second.answer = lambda body: "no" if content(body).startswith("Text:") else "elsewhere"
    elsewhere, adapter = (
        ok.connect(url, api_key="k", model=name) for url, name in ((second.url, "m"), (other.url, "adapter"))
    )
    path = tmp_path / "s.db"
    sweep(llm, 2, store=path).run().close()
    judges = {name: ok.judge("Is it?", judge) for name, judge in (("one", llm), ("two", elsewhere))}
    sw = Sweep([llm, elsewhere, adapter], prompts=["000", "001"], store=path, score=judges, max_tokens=3)
    assert sw.plan().cached == 2
    other.asked.clear()
    sw.run()
    said = {str(model): {*rows["text"]} for model, rows in sw.df.groupby("model", observed=True)}
    assert said == {"m #1": {"base"}, "m #2": {"elsewhere"}, "adapter": {"adapted"}}
    assert sw.df["two"].tolist() == [0.0] * 6
    assert sw.df["one"].tolist() == [1.0] * 6
    asked = Counter((body["model"], content(body).startswith("Text:")) for body in other.asked)
    assert asked == {("adapter", False): 2, ("m", True): 6}, "what the base was asked is not asked again"
    assert len(second.asked) == 2 + 6
    for each in (sw, elsewhere, adapter):
        each.close()
    second.close()


# -- scoring -----------------------------------------------------------------------------------------------------------


def test_scoring_that_is_interrupted_keeps_what_it_scored(llm: ok.Connection) -> None:
    scored: list[str] = []

    interrupts = [None]

    def slow(text: str, prompt: str) -> int:
        if len(scored) == 7 and interrupts:
            interrupts.pop()
            raise KeyboardInterrupt
        scored.append(prompt)
        return 1

    sw = sweep(llm, score=slow)
    with pytest.raises(KeyboardInterrupt):
        sw.run()
    sw.run()
    assert len(scored) == len(set(scored)) == 20


def test_async_scorers_are_awaited_side_by_side(llm: ok.Connection) -> None:
    at_once, most = 0, 0

    async def slow(text: str) -> float:
        nonlocal at_once, most
        at_once, most = at_once + 1, max(most, at_once + 1)
        await asyncio.sleep(0.01)
        at_once -= 1
        return len(text)

    sw = sweep(llm, 40, score=slow).run()
    assert sw.df["slow"].tolist() == [3.0] * 40
    assert 2 <= most <= 16


def test_several_numbers_of_one_function(llm: ok.Connection) -> None:
    calls: list[str] = []

    def figures(text: str, prompt: str) -> dict[str, float]:
        calls.append(prompt)
        return {"letters": len(text), "short": text < "z"}

    several = ok.scorer(figures, names=["letters", "short"], kind={"letters": "count", "short": "binary"})
    sw = sweep(llm, 5, score=[several, len]).run()
    assert len(calls) == 5, "once per row"
    assert sw.df[["letters", "short"]].values.tolist() == [[3.0, 1.0]] * 5
    assert sw.df.attrs["kinds"]["letters"][0] == "count"
    assert {"letters_low", "short_high"} <= {*sw.cells.columns}


def test_nothing_is_warned_of_a_run_that_went_well(llm: ok.Connection) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sweep(llm, score=len).run()


# -- searches ----------------------------------------------------------------------------------------------------------


def test_settings_are_chosen_on_some_items_and_reported_on_others(other: Other, llm: ok.Connection) -> None:
    other.answer = lambda body: "yes" if body["temperature"] < 1 else "no"
    sw = Sweep(
        llm, prompts=[f"{n % 10}" for n in range(20)], score=ok.one_of(["yes"]), max_tokens=3, concurrency=8
    )
    found = sw.tune(temperature=[0.5, 1.5], maximize="one_of", holdout=0.3, trials=2)
    assert found.best == {"temperature": 0.5}
    assert found.value == 1.0
    assert found.holdout is not None
    assert found.holdout["items"].tolist() == [6], "three of ten prompts, each of which stands there twice"
    assert found.holdout["one_of_low"].iloc[0] < 1
    asked_with = {t: {content(body) for body in other.asked if body["temperature"] == t} for t in (0.5, 1.5)}
    assert len(asked_with[0.5]) == 10
    assert len(asked_with[1.5]) == 7, "what was not chosen is not asked about the held-out items"
    before = len(other.asked)
    again = sw.tune(temperature=[0.5, 1.5], maximize="one_of", holdout=0.3, trials=2)
    assert len(other.asked) == before
    assert again.holdout is not None
    assert again.holdout.equals(found.holdout)


def test_failures_on_held_out_items_count(other: Other, llm: ok.Connection) -> None:
    sw = sweep(llm, 10, score=ok.one_of(["yes"]))
    sw.tune(temperature=[0.5], maximize="one_of", holdout=0.5, trials=1)
    chosen_on = {content(body) for body in other.asked[:5]}
    other.answer = lambda body: "yes" if content(body) in chosen_on else 400
    with pytest.warns(SweepWarning, match="all 5 rows"):
        found = sweep(llm, 10, score=ok.one_of(["yes"])).tune(
            temperature=[0.5], maximize="one_of", holdout=0.5, trials=1
        )
    assert found.value == 0.0
    assert found.df["one_of"].tolist() == [1.0]
    assert found.holdout is not None
    assert found.holdout["errors"].tolist() == [5]


def test_several_objectives_have_a_front(other: Other, llm: ok.Connection) -> None:
    other.answer = lambda body: {1: "no", 2: "yes", 3: "yes and more", 4: "no and more"}[body["max_tokens"]]

    def right(text: str) -> bool:
        return text.startswith("yes")

    found = Sweep(llm, prompts=["a", "b"], score=[right, len]).tune(
        max_tokens=[1, 2, 3, 4], maximize="right", minimize=["len"], trials=4, batch=2
    )
    assert found.front["max_tokens"].tolist() == [2, 1]
    assert found.best == {"max_tokens": 2}
    assert {each.params["max_tokens"] for each in found.study.best_trials} == {0, 1}
    before = len(other.asked)
    assert len(found.df) == 4
    assert before == 8


def test_log_ranges_are_searched_by_orders_of_magnitude(llm: ok.Connection) -> None:
    found = sweep(llm, 1, score=len).tune(temperature=(0.01, 1.0, "log"), maximize="len", trials=24, batch=24)
    assert 6 <= (found.df["temperature"] < 0.1).sum() <= 18, "half of them, not a tenth"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"temperature": (0.0, 1.0, "log"), "maximize": "len"}, "no logarithm"),
        ({"temperature": (0.1, 1.0, "lin"), "maximize": "len"}, '"log"'),
        ({"temperature": (0.1, float("nan")), "maximize": "len"}, "a range"),
        ({"temperature": (0.1, 1.0), "maximize": ["len", "len"]}, "say once"),
        ({"temperature": (0.1, 1.0), "maximize": "len", "minimize": "len"}, "say once"),
        ({"temperature": (0.1, 1.0), "maximize": "length"}, "'length' is no score"),
        ({"temperature": (0.1, 1.0), "maximize": []}, "say what to search for"),
        ({"temperature": (0.1, 1.0), "maximize": "len", "holdout": 30}, "such as 0.3"),
        ({"temperature": (0.1, 1.0), "maximize": "len", "holdout": 0}, "such as 0.3"),
    ],
)
def test_searches_that_make_no_sense(
    other: Other, llm: ok.Connection, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        sweep(llm, 3, score=len).tune(**given)
    with pytest.raises(InvalidRequestError, match="at least two items"):
        sweep(llm, 1, score=len).tune(temperature=[1], maximize="len", holdout=0.5)
    assert not other.asked
