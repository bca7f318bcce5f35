"""The engine's thread as far as it goes without vLLM. test_lifecycle.py has the states."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
import time

import pytest

import oaikit.engine
from oaikit.engine import _child, run
from oaikit.engine.call import http_scope
from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec, State
from oaikit.errors import EngineFailedError, EngineStoppedError

SPEC = EngineSpec("some/model", ("chat", "default"), {"max_model_len": 512})


@pytest.fixture
def host():
    host = EngineHost()
    yield host
    host.close()


@pytest.fixture
def no_vllm(monkeypatch):
    """This process as it would be had vLLM never been installed."""
    monkeypatch.setitem(sys.modules, "vllm", None)
    monkeypatch.delitem(sys.modules, "oaikit.engine._vllm", raising=False)
    monkeypatch.delattr(oaikit.engine, "_vllm", raising=False)


@pytest.fixture
def slow_import(monkeypatch, no_vllm):
    """The import of vLLM takes until this event is set, and fails then."""
    proceed, import_adapter = threading.Event(), run.import_adapter

    def slowly():
        proceed.wait(30)
        return import_adapter()

    monkeypatch.setattr(run, "import_adapter", slowly)
    yield proceed
    proceed.set()


def wait_until_ready(host: EngineHost, timeout_s: float | None = 5.0) -> None:
    asyncio.run(host.until_ready(timeout_s))


# -- before any load ---------------------------------------------------------------------------------------------------


def test_a_new_host_is_stopped(host):
    status = host.status()
    assert status.state is State.STOPPED
    assert (status.model, status.error, status.restarts, status.progress) == (None, None, 0, None)
    with pytest.raises(EngineStoppedError, match="no model is loaded"):
        wait_until_ready(host)


def test_a_host_costs_no_thread_until_it_is_used(host):
    host.close()
    assert not host.loop.running


def test_a_request_without_an_engine_is_refused(host):
    messages = []

    async def send(message) -> None:
        messages.append(message)

    host.open(http_scope("POST", "/v1/completions", b"", []), b"{}", send)
    deadline = time.monotonic() + 5
    while len(messages) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    start, body = messages
    assert start["status"] == 503
    assert json.loads(body["body"])["error"]["code"] == "engine_stopped"


def test_the_arguments_of_a_spec():
    assert EngineSpec("m").engine_arguments() == {}
    assert SPEC.engine_arguments() == {
        "max_model_len": 512,
        "served_model_name": ["chat", "default", SPEC.model],
    }
    assert EngineSpec("m", ("m", "chat")).engine_arguments() == {"served_model_name": ["m", "chat"]}
    assert SPEC.options == {"max_model_len": 512}, (
        "the spec itself is as it was: it is used again after a crash"
    )


# -- loading -----------------------------------------------------------------------------------------------------------


def load(host: EngineHost, spec: EngineSpec = SPEC):
    """Ask for a load, and return when the status shows it."""
    outcome = host.load(spec)
    asyncio.run(host.until_handled())
    return outcome


def test_a_load_shows_its_progress(host, slow_import):
    load(host)
    status = host.status()
    assert (status.state, status.model, status.served_names) == (
        State.LOADING,
        SPEC.model,
        ("chat", "default"),
    )
    assert status.progress.phase == "importing vLLM"
    time.sleep(0.11)
    progress = host.status().progress
    assert 0.1 <= progress.phase_s <= progress.load_s < 5


def test_the_progress_of_vllms_own_processes(tmp_path):
    progress = run.LoadProgress("importing vLLM")
    progress.report = str(tmp_path / "report")
    _child.append(progress.report, {"phase": "loading weights"})
    assert progress.now().phase == "importing vLLM", "it is of another load, or early"
    progress.begin("starting EngineCore")
    time.sleep(0.11)
    assert progress.now().phase == "loading weights", "vLLM's own processes know better"
    assert 0.1 <= progress.now().phase_s <= progress.now().load_s + 0.1
    progress.begin("starting the API")
    assert progress.now().phase == "starting the API"


def test_waiting_for_a_load_has_an_end(host, slow_import):
    load(host)
    for timeout_s in (0.0, 0.05):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            wait_until_ready(host, timeout_s)
        assert time.monotonic() - began < 1.0
    assert host.status().state is State.LOADING, "the load goes on for the others who wait"


def test_requests_during_a_load_are_told_to_try_again(host, slow_import):
    load(host)
    messages = []

    async def send(message) -> None:
        messages.append(message)

    host.open(http_scope("POST", "/v1/completions", b"", []), b"{}", send)
    asyncio.run(host.until_handled())
    deadline = time.monotonic() + 5
    while len(messages) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert json.loads(messages[1]["body"])["error"]["code"] == "model_loading"


def test_unload_breaks_off_a_load(host, slow_import):
    outcome = load(host)
    unloaded = host.unload()
    assert isinstance(outcome.exception(5), EngineStoppedError)
    assert host.status().state is State.STOPPING, "its thread is still importing"
    with pytest.raises(EngineStoppedError):
        wait_until_ready(host)
    assert not unloaded.done()
    slow_import.set()
    unloaded.result(5)
    assert host.status().state is State.STOPPED
    with pytest.raises(EngineStoppedError):
        wait_until_ready(host)


def test_another_load_takes_the_place_of_the_first(host, slow_import):
    first, second = load(host), load(host, EngineSpec("other/model"))
    assert isinstance(first.exception(0), EngineStoppedError)
    assert not second.done()
    assert (host.status().model, host.status().served_names) == ("other/model", ())
    slow_import.set()
    assert isinstance(second.exception(30), EngineFailedError)


def test_without_vllm_the_user_is_told_what_to_install(host, no_vllm):
    outcome = host.load(SPEC)
    with pytest.raises(EngineFailedError, match=r"pip install 'jupyter-oaikit\[gpu\]'"):
        outcome.result(30)
    status = host.status()
    assert status.state is State.FAILED
    assert "pip install" in status.error
    with pytest.raises(EngineFailedError, match="pip install"):
        wait_until_ready(host)


def test_everybody_who_waits_for_a_load_learns_how_it_went(host, slow_import):
    async def scenario() -> list:
        host.load(SPEC)
        await host.until_handled()
        waiting = [asyncio.ensure_future(host.until_ready(30)) for _ in range(2)]
        await asyncio.sleep(0)
        slow_import.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(error) for error in asyncio.run(scenario())] == [EngineFailedError] * 2


def test_requests_that_need_a_model_load_it_once(host, slow_import):
    outcomes = [host.load(SPEC, if_stopped=True) for _ in range(3)]
    slow_import.set()
    assert {type(outcome.exception(30)) for outcome in outcomes} == {EngineFailedError}
    assert isinstance(host.load(EngineSpec("other/model"), if_stopped=True).exception(5), EngineFailedError)
    assert host.status().model == SPEC.model


def test_a_failed_host_can_load_again(host, no_vllm):
    host.load(SPEC).exception(30)
    again = host.load(EngineSpec("other/model"))
    assert isinstance(again.exception(30), EngineFailedError)
    assert host.status().model == "other/model"


def test_a_load_that_was_asked_for_after_an_unload_is_not_lost(host, slow_import):
    """Unloading takes seconds, in which somebody may ask for the next model."""
    load(host)
    unloaded = host.unload()
    outcome = load(host, EngineSpec("other/model"))
    assert host.status().state is State.LOADING
    slow_import.set()
    unloaded.result(30)
    assert isinstance(outcome.exception(30), EngineFailedError), "it got as far as importing vLLM"
    assert (host.status().state, host.status().model) == (State.FAILED, "other/model")


def test_many_threads_at_once_leave_one_state(host, no_vllm):
    """200 loads and unloads from ten threads: each is answered, and the state is that of the last."""
    outcomes, chosen = [], random.Random(7)

    def some(choices: list[bool]) -> None:
        for is_load in choices:
            outcomes.append(host.load(SPEC) if is_load else host.unload())

    threads = [
        threading.Thread(target=some, args=([chosen.random() < 0.6 for _ in range(20)],)) for _ in range(10)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for outcome in outcomes:
        assert isinstance(outcome.exception(30), (EngineStoppedError, EngineFailedError, type(None)))
    host.unload().result(30)
    assert host.status().state is State.STOPPED
    deadline = time.monotonic() + 5
    while any(each.name.startswith("oaikit-vllm") for each in threading.enumerate()):
        assert time.monotonic() < deadline, "a run has left its thread"
        time.sleep(0.01)


def test_the_status_is_json_in_every_state(host, slow_import):
    states = [host.status()]
    outcome = load(host)
    states.append(host.status())
    slow_import.set()
    outcome.exception(30)
    states.append(host.status())
    dicts = [status.as_dict() for status in states]
    assert json.loads(json.dumps(dicts)) == dicts
    assert [entry["state"] for entry in dicts] == ["stopped", "loading", "failed"]
    assert set(dicts[1]["progress"]) == {"phase", "phase_s", "load_s"}
    assert dicts[1]["served_names"] == ["chat", "default"]
