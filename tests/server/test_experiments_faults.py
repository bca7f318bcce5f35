"""Sweeps through what goes wrong: kills, interrupts, refusals, servers that go away. Between the sweep and the engine
stands a proxy that counts requests and makes faults."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pandas as pd
import pytest
from aiohttp import web

import oaikit as ok
from oaikit.connection import Connection
from oaikit.errors import (
    AuthenticationError,
    NotFoundError,
    OAIKitError,
    ServerNotFoundError,
    StorageError,
)
from oaikit.experiments.analysis.results import open_sweep
from oaikit.experiments.design.space import grid
from oaikit.experiments.run.outcome import SweepWarning
from oaikit.experiments.run.runner import CRASHES
from oaikit.experiments.scoring.scorers import judge
from oaikit.experiments.store.database import Store
from oaikit.experiments.sweep import Sweep
from oaikit.experiments.tune import Tuning
from tests.harness import Server, wait_until

Fault = Callable[[int, dict[str, Any]], web.StreamResponse | dict[str, Any] | None]
"""Of the number of a completion and its body: what is answered in its place, or another body, or nothing."""


class Proxy:
    """Passes requests on, on a thread of its own."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.asked: list[dict[str, Any]] = []
        self.answered: list[dict[str, Any]] = []
        self.fault: Fault = lambda number, body: None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.port = 0
        self.up()
        url = f"http://127.0.0.1:{self.port}{server.path}oaikit/v1"
        self.llm = ok.connect(url, api_key=server.token)

    def up(self) -> None:
        asyncio.run_coroutine_threadsafe(self._up(), self._loop).result()

    def down(self) -> None:
        asyncio.run_coroutine_threadsafe(self._down(), self._loop).result()

    def close(self) -> None:
        self.llm.close()
        self.down()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _up(self) -> None:
        self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    async def _down(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        sent, body = await request.read(), {}
        if request.path.endswith("completions"):
            body = json.loads(sent)
            self.asked.append(body)
            fault = self.fault(len(self.asked), body)
            if isinstance(fault, web.StreamResponse):
                return fault
            sent = sent if fault is None else json.dumps(fault).encode()
        url = self._server.url.removesuffix(self._server.path) + request.path
        headers = {
            name: request.headers[name]
            for name in ("Authorization", "Content-Type")
            if name in request.headers
        }
        async with self._client.request(request.method, url, data=sent, headers=headers) as answer:
            whole = await answer.read()
            if body:
                self.answered.append(body)
            return web.Response(status=answer.status, body=whole, content_type=answer.content_type)


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    made = Proxy(server)
    yield made
    made.close()


def refusal(status: int, **headers: str) -> web.Response:
    return web.json_response({"error": {"message": f"refused with {status}"}}, status=status, headers=headers)


def identity(body: dict[str, Any]) -> str:
    return json.dumps([body["messages"], body["temperature"], body["seed"]])


def results_in(store: Store) -> int:
    """How many are committed. Of what the proxy has answered, some may still be on its way."""
    ((count,),) = store._db.rows("SELECT COUNT(*) FROM results")
    return int(count)


PROMPTS = 100
GIVEN: dict[str, Any] = {"seed": 0, "max_tokens": 3, "concurrency": 24}


def big(llm: Connection, store: Any) -> Sweep:
    prompts = [f"Tell me of {n}" for n in range(PROMPTS)]
    return Sweep(llm, grid(temperature=[0.5, 0.7, 0.9, 1.1]), prompts=prompts, store=store, **GIVEN)


IN_ANOTHER_PROCESS = """
import sys
import oaikit as ok
from tests.server.test_experiments_faults import big, search
llm, store = ok.connect(sys.argv[1], api_key=sys.argv[2]), sys.argv[3]
"""


def kill_half_way(work: str, requests: int, proxy: Proxy, server: Server, store: Path) -> None:
    """Do that in a process that is killed when half of its requests have been answered."""
    command = [sys.executable, "-c", IN_ANOTHER_PROCESS + work, proxy.llm.url, server.token, str(store)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL) as killed:
        try:
            wait_until(lambda: len(proxy.answered) >= requests // 2, 120, every=0.005)
        finally:
            killed.kill()


MADE = [
    "temperature",
    "item",
    "replicate",
    "seed",
    "prompt",
    "text",
    "finish_reason",
    "completion_tokens",
    "key",
]


def test_a_kill_loses_nothing_that_was_committed(proxy: Proxy, tmp_path: Path, server: Server) -> None:
    store, whole = tmp_path / "killed.db", PROMPTS * 4
    kill_half_way("big(llm, store).run()", whole, proxy, server, store)
    committed = len(open_sweep(store).df)
    assert whole // 4 <= committed < whole

    sweep = big(proxy.llm, store)
    assert sweep.plan().cached == committed
    before = Counter(map(identity, proxy.asked))
    df = sweep.run().df
    after = Counter(map(identity, proxy.asked)) - before
    assert sum(after.values()) == whole - committed  # each committed request was made once
    assert max(after.values()) == 1
    assert df["cached"].sum() == committed

    undisturbed = big(proxy.llm, tmp_path / "whole.db").run().df
    pd.testing.assert_frame_equal(df[MADE], undisturbed[MADE])


TRIALS = 24


def brief(text: str, temperature: float) -> float:
    return -abs(temperature - 0.7) - len(text) / 1e6


def search(llm: Connection, store: Any) -> Tuning:
    given = GIVEN | {"prompts": [f"Tell me of {n}" for n in range(4)], "max_tokens": 8}
    return Sweep(llm, score=brief, store=store, **given).tune(
        temperature=(0.1, 1.5), trials=TRIALS, batch=6, maximize="brief"
    )


def test_a_kill_loses_no_trial(proxy: Proxy, tmp_path: Path, server: Server) -> None:
    path, whole = tmp_path / "killed.db", TRIALS * 4
    kill_half_way("search(llm, store)", whole, proxy, server, path)
    store = Store(path)
    ((name,),) = store._db.rows("SELECT DISTINCT tuning FROM trials")
    kept = store.trials(name)
    valued = [value for _, _, value in kept if value is not None]
    assert 6 <= len(valued) < TRIALS
    committed = results_in(store)

    before = len(proxy.asked)
    found = search(proxy.llm, path)
    assert len(proxy.asked) - before == whole - committed  # no committed request was made again
    assert len(found.df) == found.df["temperature"].nunique() == TRIALS
    assert found.df["brief"].notna().all()
    assert found.df["temperature"].head(len(kept)).tolist() == [point["temperature"] for _, point, _ in kept]
    assert found.df["brief"].head(len(valued)).tolist() == valued


def test_an_interrupt_keeps_what_is_done(proxy: Proxy, tmp_path: Path, server: Server) -> None:
    def interrupt() -> None:
        wait_until(lambda: results_in(sweep._store) > 20, 60)
        os.kill(os.getpid(), signal.SIGINT)

    sweep = big(proxy.llm, tmp_path / "s.db")
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        sweep.run()
    thread.join()
    kept = len(sweep.df)
    assert 20 <= kept < PROMPTS * 4
    assert sweep.plan().cached == kept
    wait_until(lambda: server.status()["in_flight"] == 0, 10)  # what was on its way has been aborted
    assert len(sweep.run().df) == PROMPTS * 4


def test_a_store_that_is_deleted_ends_the_run(proxy: Proxy, tmp_path: Path, server: Server) -> None:
    def delete() -> None:
        wait_until(lambda: results_in(sweep._store) > 20, 60)
        (tmp_path / "s.db").unlink()

    sweep = big(proxy.llm, tmp_path / "s.db")
    thread = threading.Thread(target=delete)
    thread.start()
    with pytest.raises(StorageError, match=r"s\.db was deleted or replaced while it was open"):
        sweep.run()
    thread.join()
    assert len(proxy.asked) < PROMPTS * 4
    wait_until(lambda: server.status()["in_flight"] == 0, 10)


def test_more_replicates_settings_and_scores_cost_only_what_is_new(proxy: Proxy, tmp_path: Path) -> None:
    def made() -> int:
        return sum(body.get("n", 1) for body in proxy.asked)

    given: dict[str, Any] = {
        "prompts": ["Hello", "Who?"],
        "store": tmp_path / "s.db",
        "max_tokens": 2,
        **GIVEN,
    }
    Sweep(proxy.llm, grid(temperature=[0.5]), n=8, **given).run()
    assert made() == 16
    assert len(proxy.asked) == 2  # replicates go together
    Sweep(proxy.llm, grid(temperature=[0.5]), n=12, **given).run()
    assert made() == 24
    sweep = Sweep(proxy.llm, grid(temperature=[0.5, 1, 0]), n=12, **given).run()
    assert made() == 24 + 24 + 2
    assert sweep.rescore(len).run().df["len"].notna().all()
    assert made() == 50


def test_refusals_wait_as_they_are_told(proxy: Proxy) -> None:
    def busy(number: int, body: dict[str, Any]) -> web.Response | None:
        times.append(time.monotonic())
        return refusal(429, **{"Retry-After": "1"}) if number == 1 else refusal(503) if number == 2 else None

    times: list[float] = []
    proxy.fault = busy
    df = Sweep(proxy.llm, prompts=["Hello"], max_tokens=2).run().df
    assert df["error"].isna().all()
    assert times[1] - times[0] >= 1
    assert times[2] - times[1] >= 0.2
    assert len(times) == 3


def test_a_server_that_takes_few_at_once(proxy: Proxy) -> None:
    """As one with MAX_CONCURRENCY: the sweep learns how much it may ask."""
    most, refused = 4, 0

    def limited(number: int, body: dict[str, Any]) -> web.Response | None:
        nonlocal refused
        if len(proxy.asked) - len(proxy.answered) - refused <= most:
            return None
        refused += 1
        return refusal(429)

    proxy.fault = limited
    df = Sweep(proxy.llm, prompts=[f"Hi {n}" for n in range(60)], max_tokens=2, concurrency=32).run().df
    assert df["error"].isna().all()
    assert 28 <= refused < 120  # not as many each time


def test_a_server_that_goes_away_is_waited_for(proxy: Proxy, tmp_path: Path) -> None:
    def restart() -> None:
        wait_until(lambda: len(proxy.answered) > 20, 60)
        proxy.down()
        time.sleep(1)
        proxy.up()

    thread = threading.Thread(target=restart)
    thread.start()
    df = big(proxy.llm, tmp_path / "s.db").run().df
    thread.join()
    assert len(df) == PROMPTS * 4
    assert df["error"].isna().all()


def test_a_server_that_stays_away_is_given_up_in_time(proxy: Proxy, tmp_path: Path) -> None:
    def stop() -> None:
        wait_until(lambda: results_in(sweep._store) > 20, 60)
        proxy.down()

    sweep = big(proxy.llm, tmp_path / "s.db")
    sweep._options = type(sweep._options)(24, 1.0)
    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(ServerNotFoundError, match="did not come back within 1 s"):
        sweep.run()
    thread.join()
    kept = len(open_sweep(tmp_path / "s.db").df)
    assert 20 <= kept < PROMPTS * 4
    proxy.up()
    assert len(sweep.run().df) == PROMPTS * 4


def test_a_request_that_breaks_the_connection_each_time_stops_nothing(proxy: Proxy) -> None:
    def breaking(number: int, body: dict[str, Any]) -> web.StreamResponse | None:
        return Broken() if "poison" in str(body["messages"]) else None

    proxy.fault = breaking
    df = Sweep(proxy.llm, prompts=["Hello", "poison", "Who?"], max_tokens=2, n=2).run().df
    assert df.groupby("item")["error"].count().tolist() == [0, 2, 0]
    assert len(proxy.asked) == 2 + CRASHES + 1


class Broken(web.StreamResponse):
    """Half an answer."""

    async def prepare(self, request: web.BaseRequest) -> Any:
        assert request.transport is not None
        request.transport.close()
        return await super().prepare(request)


def test_a_server_that_knows_no_n(proxy: Proxy) -> None:
    proxy.fault = lambda number, body: {name: value for name, value in body.items() if name != "n"}
    df = Sweep(proxy.llm, prompts=["Hello"], max_tokens=4, n=4, temperature=1, seed=3, concurrency=8).run().df
    assert df["replicate"].tolist() == [0, 1, 2, 3]
    assert df["text"].nunique() > 1
    assert [body["seed"] - proxy.asked[0]["seed"] for body in proxy.asked] == [0, 1, 2, 3]


def test_a_server_that_sends_elsewhere_is_followed(proxy: Proxy) -> None:
    def moved(number: int, body: dict[str, Any]) -> web.Response | None:
        return web.Response(status=307, headers={"Location": "completions?moved"}) if number == 1 else None

    proxy.fault = moved
    df = Sweep(proxy.llm, prompts=["Hello"], max_tokens=4).run().df
    assert df["completion_tokens"].tolist() == [4]
    assert proxy.asked[0] == proxy.asked[1]


def test_a_server_that_streams_unasked(proxy: Proxy) -> None:
    pieces = ["Se", "a\N{LINE SEPARATOR}s"]
    chunks = [{"choices": [{"index": 0, "delta": {"content": piece}}]} for piece in pieces]
    events = "".join(f"data: {json.dumps(each, ensure_ascii=False)}\r\n\r\n" for each in chunks)
    proxy.fault = lambda number, body: web.Response(
        text=f"{events}data: [DONE]\r\n\r\n", content_type="text/event-stream"
    )
    df = Sweep(proxy.llm, prompts=["Hello"], max_tokens=4).run().df
    assert df["text"].tolist() == ["".join(pieces)]
    assert df["ttft_s"].isna().all()  # of an answer that was read when it was whole


def test_the_environments_proxy_is_asked(
    proxy: Proxy, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with ok.connect(f"http://models.example{server.path}oaikit/v1", api_key=server.token) as llm:
        df = Sweep(llm, prompts=["Hello", "Who?"], max_tokens=4).run().df
    assert df["completion_tokens"].tolist() == [4, 4]
    assert len(proxy.answered) == 2


@pytest.mark.parametrize(
    ("status", "error"), [(401, AuthenticationError), (404, NotFoundError)], ids=["no key", "no model"]
)
def test_what_every_request_would_get_ends_the_sweep(
    proxy: Proxy, status: int, error: type[OAIKitError]
) -> None:
    proxy.fault = lambda number, body: refusal(status)
    with pytest.raises(error, match=f"refused with {status}"):
        Sweep(proxy.llm, prompts=[f"Hi {n}" for n in range(50)], max_tokens=2, concurrency=4).run()
    assert len(proxy.asked) <= 4


def test_nobody_is_there() -> None:
    sweep = Sweep(ok.connect("http://127.0.0.1:9/v1", model="m"), prompts=["Hello"])
    with pytest.raises(ServerNotFoundError, match="is the server running"):
        sweep.plan()
    with suppress(ServerNotFoundError):
        sweep.run()
    assert Store().sweeps() == []


def test_judges_that_fail_are_asked_again(proxy: Proxy) -> None:
    broken = True

    def failing(number: int, body: dict[str, Any]) -> web.Response | None:
        return refusal(500) if broken and "Question about" in str(body["messages"]) else None

    proxy.fault = failing
    sweep = Sweep(proxy.llm, prompts=["Hello"], score=judge("Is it?", proxy.llm), max_tokens=2)
    with pytest.warns(SweepWarning, match="judge"):
        sweep.run()
    assert sweep.df["judge"].isna().all()
    broken = False
    assert sweep.run().df["judge"].notna().all()
    assert len(proxy.asked) == 3
