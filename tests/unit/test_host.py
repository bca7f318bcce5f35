"""The engine's life as far as it goes without vLLM: states, waiting, the policy of restarts."""

from __future__ import annotations

import asyncio
import json
import sys
import time

import pytest

import oaikit.engine
from oaikit.engine import _child
from oaikit.engine.call import http_scope
from oaikit.engine.host import EngineHost
from oaikit.engine.state import EngineSpec, State
from oaikit.errors import EngineFailedError, EngineLoadingError, EngineStoppedError

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


def test_a_load_shows_its_progress(host, tmp_path):
    host._begin(SPEC)
    first = host.status()
    assert (first.state, first.model, first.served_names) == (
        State.LOADING,
        "some/model",
        ("chat", "default"),
    )
    host._phase("starting EngineCore")
    host._report = str(tmp_path / "report")
    assert host.status().progress.phase == "starting EngineCore"
    _child.append(host._report, {"phase": "loading weights"})
    time.sleep(0.11)
    progress = host.status().progress
    assert progress.phase == "loading weights", "vLLM's own processes know better"
    assert 0.1 <= progress.phase_s <= progress.load_s < 5


def test_waiting_for_a_load_has_an_end(host):
    host._begin(SPEC)
    for timeout_s in (0.0, 0.05):
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            wait_until_ready(host, timeout_s)
        assert time.monotonic() - began < 1.0
    assert host.status().state is State.LOADING, (
        "who gives up waiting does not break off the load of the others"
    )


def test_requests_during_a_load_are_told_to_try_again(host):
    host._begin(SPEC)
    assert isinstance(host._unavailable(), EngineLoadingError)


def test_unload_breaks_off_a_load(host):
    outcome = host._begin(SPEC)
    host.unload().result(5)
    assert isinstance(outcome.exception(0), EngineStoppedError)
    assert host.status().state is State.STOPPED
    with pytest.raises(EngineStoppedError):
        wait_until_ready(host)


def test_another_load_takes_the_place_of_the_first(host):
    first, second = host._begin(SPEC), host._begin(EngineSpec("other/model"))
    assert isinstance(first.exception(0), EngineStoppedError)
    assert not second.done()
    assert (host.status().model, host.status().served_names) == ("other/model", ())


def test_without_vllm_the_user_is_told_what_to_install(host, no_vllm):
    outcome = host.load(SPEC)
    with pytest.raises(EngineFailedError, match=r"pip install 'jupyter-oaikit\[gpu\]'"):
        outcome.result(30)
    status = host.status()
    assert status.state is State.FAILED
    assert "pip install" in status.error
    with pytest.raises(EngineFailedError, match="pip install"):
        wait_until_ready(host)


def test_everybody_who_waits_for_a_load_learns_how_it_went(host, no_vllm):
    async def scenario() -> list:
        host.loop.call(time.sleep, 0.1)  # so that both wait
        host.load(SPEC)
        waiting = [host.until_ready(30), host.until_ready(30)]
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(error) for error in asyncio.run(scenario())] == [EngineFailedError] * 2


def test_a_failed_host_can_load_again(host, no_vllm):
    host.load(SPEC).exception(30)
    again = host.load(EngineSpec("other/model"))
    assert isinstance(again.exception(30), EngineFailedError)
    assert host.status().model == "other/model"


def test_a_load_that_was_asked_for_after_an_unload_is_not_lost(host, no_vllm):
    """Unloading takes seconds; who asks for the next model meanwhile means it."""
    host.loop.call(time.sleep, 0.1)  # the engine's loop is busy with the end of the old model
    host.unload()
    outcome = host.load(SPEC)
    assert isinstance(outcome.exception(30), EngineFailedError), "it got as far as importing vLLM"
    assert host.status().state is State.FAILED


def test_the_status_is_json_in_every_state(host, no_vllm):
    states = [host.status()]
    host._begin(SPEC)
    states.append(host.status())
    host.load(SPEC).exception(30)
    states.append(host.status())
    dicts = [status.as_dict() for status in states]
    assert json.loads(json.dumps(dicts)) == dicts
    assert [entry["state"] for entry in dicts] == ["stopped", "loading", "failed"]
    assert set(dicts[1]["progress"]) == {"phase", "phase_s", "load_s"}
    assert dicts[1]["served_names"] == ["chat", "default"]


# -- crashes -----------------------------------------------------------------------------------------------------------


def crash(host: EngineHost) -> float | None:
    host._begin(SPEC)
    return host._pause_before_restart("vLLM's EngineCore process was killed by signal 9")


def test_the_engine_is_restarted_three_times_each_time_later(host):
    assert [crash(host) for _ in range(3)] == [0.5, 2.0, 8.0]
    status = host.status()
    assert (status.state, status.restarts) == (State.LOADING, 3)
    assert status.error == "vLLM's EngineCore process was killed by signal 9"
    assert status.progress.phase == "waiting before a restart"


def test_the_fourth_crash_in_ten_minutes_is_the_last(host):
    pauses = [crash(host) for _ in range(4)]
    assert pauses[3] is None
    status = host.status()
    assert status.state is State.FAILED
    assert "killed by signal 9" in status.error
    assert "4 crashes in 10 minutes" in status.error
    with pytest.raises(EngineFailedError, match="killed by signal 9"):
        wait_until_ready(host)


def test_requests_that_wait_for_a_restart_learn_that_there_is_none(host):
    for _ in range(3):
        crash(host)
    outcome = host._begin(SPEC)
    host._pause_before_restart("it died")
    assert isinstance(outcome.exception(0), EngineFailedError)
    assert "it died" in str(outcome.exception(0))


def test_crashes_older_than_ten_minutes_are_forgotten(host):
    now = time.monotonic()
    host._crashes.extend([now - 700, now - 650, now - 601])
    assert crash(host) == 0.5
    host._crashes.clear()
    host._crashes.extend([now - 601, now - 590, now - 5])
    assert crash(host) == 8.0
    assert crash(host) is None
