"""The engine's thread and its life: loading, ready, failed, stopped; crashes and restarts."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from oaikit._loop import LoopThread
from oaikit.engine import _child
from oaikit.engine.call import Call, Send, crashed
from oaikit.engine.installation import explain_import_failure
from oaikit.engine.redaction import public_arguments
from oaikit.engine.state import EngineSpec, EngineStatus, Progress, State
from oaikit.errors import (
    EngineFailedError,
    EngineLoadingError,
    EngineStoppedError,
    OAIKitError,
)
from oaikit.settings import PreservedEnvironment

if TYPE_CHECKING:
    from types import ModuleType

    from oaikit.engine._vllm import RunningEngine

log = logging.getLogger("oaikit.engine")

# Seconds between two looks at a running engine: a crash has to be noticed within one second.
_WATCH_S = 0.2
# Restarts after crashes: at most as many as there are pauses here (seconds, before each), within the window.
_BACKOFF_S = (0.5, 2.0, 8.0)
_RESTART_WINDOW_S = 600.0
# How long requests have to pass on their last message when the engine ends.
_LAST_WORDS_S = 1.0


class _StopSignal:
    """Asks a life to end. `asked` is seen at once even while the loop is blocked, which an asyncio.Event is not."""

    def __init__(self, loop: LoopThread) -> None:
        self.asked = False
        self._loop, self._event = loop, asyncio.Event()

    def ask(self) -> None:
        self.asked = True
        self._loop.call(self._event.set)

    async def wait(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_s)


class EngineHost:
    """One vLLM engine, on a thread and event loop of its own. Its public methods may be called from any thread.

    The loop is blocked while vLLM starts its processes; the state can be read and a load broken off all the same.
    """

    def __init__(self) -> None:
        self.loop = LoopThread("oaikit-engine", fast=True)
        self._lock = threading.Lock()  # for the three that follow: they change together
        self._status = EngineStatus()
        self._outcome: Future[None] = Future()
        self._phases: list[tuple[str, float]] = []
        self._report: str | None = None
        self._ready_at = 0.0
        self._spec: EngineSpec | None = None
        self._stop: _StopSignal | None = None
        self._life: asyncio.Task[None] | None = None
        self._engine: RunningEngine | None = None
        self._calls: set[Call] = set()
        self._crashes: deque[float] = deque()

    # -- from any thread -----------------------------------------------------------------------------------------

    def status(self) -> EngineStatus:
        """The state now."""
        status = self._status
        if status.state is State.LOADING:
            return replace(status, progress=self._progress())
        if status.state is State.READY:
            return replace(status, uptime_s=time.monotonic() - self._ready_at)
        return status

    @property
    def last_change(self) -> EngineStatus:
        """The state without the times that `status` adds: the same object until something changes."""
        return self._status

    def load(self, spec: EngineSpec) -> Future[None]:
        """Load a model, in place of the one that is loaded if there is one. Returns at once.

        The future is done when the engine is ready. It raises EngineArgumentError for a bad argument, EngineFailedError
        with the cause when vLLM could not start, EngineStoppedError when `unload` or another `load` came between.
        """
        self._ask_to_stop()
        outcome = self._begin(spec)
        self.loop.submit(self._start_life(spec, outcome))
        return outcome

    def unload(self) -> Future[None]:
        """Stop the engine, or break off its load. Requests in flight end with an error."""
        self._ask_to_stop()
        return self.loop.submit(self._unload(self._outcome))

    async def until_ready(self, timeout_s: float | None = None) -> None:
        """Wait for the current load, on the caller's loop.

        Raises:
            TimeoutError: it took longer than ``timeout_s`` seconds.
            EngineUnavailableError, EngineArgumentError: why there is no engine.
        """
        if self._engine is None:
            with self._lock:
                status, outcome = self._status, self._outcome
            if status.state is not State.LOADING:
                raise self._unavailable()
            await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(outcome)), timeout_s)

    async def check(self, spec: EngineSpec) -> None:
        """Have vLLM check the model and the arguments, in another thread. Nothing is started or stopped.

        The first call imports vLLM, which takes seconds.

        Raises:
            EngineArgumentError: vLLM would refuse the model or an argument.
            EngineFailedError: vLLM cannot be imported, or there is no device.
        """
        adapter = await asyncio.to_thread(_import_adapter)
        await asyncio.to_thread(adapter.check_arguments, spec.source, spec.engine_arguments())

    def open(
        self, scope: dict[str, Any], body: bytes, send: Send, ended: Callable[[], None] | None = None
    ) -> Call:
        """Begin a request to the engine's app.

        On the engine's loop ``send`` gets the app's ASGI messages, and ``ended`` is called when no more can come.
        """
        call = Call(scope, body, send)
        self.loop.call(self._begin_call, call, ended)
        return call

    def disconnect(self, call: Call) -> None:
        """The client of a request went away."""
        self.loop.call(call.disconnect)

    def fail(self, call: Call, error: OAIKitError) -> None:
        """End a request with an error, for its client and at the engine."""
        self.loop.submit(call.fail(error))

    def close(self) -> None:
        """Stop the engine and its thread. Waits."""
        if self.loop.running:
            self.unload().result()
            self.loop.stop()

    # -- the state -----------------------------------------------------------------------------------------------

    def _begin(self, spec: EngineSpec) -> Future[None]:
        with self._lock:
            before, self._outcome = self._outcome, Future()
            self._status = replace(
                self._status,
                state=State.LOADING,
                model=spec.model,
                served_names=spec.served_names,
                error=None,
            )
            self._phases = [("waiting for the engine's thread", time.monotonic())]
            outcome = self._outcome
        _settle(before, EngineStoppedError("another model was asked for before this one was ready"))
        return outcome

    def _end(self, state: State, error: OAIKitError) -> None:
        with self._lock:
            self._status = replace(
                self._status, state=state, error=None if state is State.STOPPED else str(error)
            )
            outcome = self._outcome
        _settle(outcome, error)

    def _ask_to_stop(self) -> None:
        stop = self._stop
        if stop is not None:
            stop.ask()

    def _unavailable(self) -> OAIKitError:
        status = self._status
        if status.state is State.FAILED:
            return EngineFailedError(f"the engine could not be started: {status.error}")
        if status.state is State.LOADING:
            return EngineLoadingError(f"{status.model} is loading; try again in a few seconds")
        return EngineStoppedError("no model is loaded")

    def _phase(self, name: str) -> None:
        self._phases.append((name, time.monotonic()))

    def _progress(self) -> Progress:
        """The latest phase: of this process, or of vLLM's processes if they have said more."""
        now, began = time.monotonic(), self._phases[0][1]
        name, since = self._phases[-1]
        report = self._report
        if name == "starting EngineCore" and report:
            for entry in _child.read(report):
                if "phase" in entry:
                    name, since = entry["phase"], now - (time.time() - float(entry["time"]))
        return Progress(name, round(now - since, 1), round(now - began, 1))

    # -- on the engine's loop ------------------------------------------------------------------------------------

    async def _start_life(self, spec: EngineSpec, outcome: Future[None]) -> None:
        await self._end_life()
        if outcome.done():  # a newer load or an unload came between
            return
        self._crashes.clear()
        self._status = replace(self._status, restarts=0)
        self._stop = _StopSignal(self.loop)
        self._life = asyncio.create_task(self._live(spec, self._stop))

    async def _unload(self, outcome: Future[None]) -> None:
        await self._end_life()
        if self._outcome is outcome:  # else a load has been asked for since
            self._end(State.STOPPED, EngineStoppedError("the engine was stopped"))

    async def _end_life(self) -> None:
        if self._life is not None and self._stop is not None:
            self._stop.ask()
            await asyncio.wait([self._life])
        self._life = self._stop = None

    async def _live(self, spec: EngineSpec, stop: _StopSignal) -> None:
        """Load and serve, again after a crash, until asked to stop."""
        while not stop.asked:
            try:
                crash = await self._serve(spec, stop)
            except Exception as exc:
                if not stop.asked:
                    self._fail_to_load(exc)
                return
            pause = self._pause_before_restart(crash) if crash else None
            if pause is None:
                return
            await stop.wait(pause)

    async def _serve(self, spec: EngineSpec, stop: _StopSignal) -> str | None:
        """One engine, from its load to its end. Returns how it crashed, or None when it was stopped."""
        self._spec = spec
        self._phase("importing vLLM")
        adapter = await asyncio.to_thread(_import_adapter)
        given = spec.engine_arguments()
        self._status = replace(
            self._status,
            device=adapter.device_name(),
            vllm_version=adapter.VERSION,
            engine_args=public_arguments(adapter.with_defaults(given)),
        )
        args = await asyncio.to_thread(adapter.parse_arguments, spec.source, given)
        if stop.asked:
            return None
        with self._reports() as report:
            async with adapter.running(args, report, self._phase, lambda: stop.asked) as engine:
                self._become_ready(engine)
                error: OAIKitError = EngineStoppedError(
                    "the engine was stopped while it worked on this request"
                )
                try:
                    crash = await self._watch(engine, stop)
                    if crash:
                        error = crashed(crash)
                finally:
                    self._engine = None
                    await self._end_calls(error)
        return crash

    @contextmanager
    def _reports(self) -> Iterator[str]:
        """A file for what vLLM's processes report. Of those that failed this process only learns that they ended."""
        with tempfile.TemporaryDirectory(prefix="oaikit-") as folder:
            self._report = report = os.path.join(folder, "report")
            try:
                yield report
            except OAIKitError:
                raise
            except Exception as exc:
                said = [entry["error"] for entry in _child.read(report) if "error" in entry]
                raise EngineFailedError(said[0] if said else f"{type(exc).__name__}: {exc}") from exc
            finally:
                self._report = None

    def _become_ready(self, engine: RunningEngine) -> None:
        self._engine, self._ready_at = engine, time.monotonic()
        with self._lock:
            self._status = replace(self._status, state=State.READY, **engine.facts())
            outcome = self._outcome
        seconds = self._ready_at - self._phases[0][1]
        log.info("%s is ready on %s after %.1f s", self._status.model, self._status.device, seconds)
        _settle(outcome)

    async def _watch(self, engine: RunningEngine, stop: _StopSignal) -> str | None:
        while not stop.asked:
            if cause := self._cause_of_death(engine):
                return cause
            await stop.wait(_WATCH_S)
        return None

    def _cause_of_death(self, engine: RunningEngine) -> str | None:
        """Why the engine is dead, or None while it lives. Who notices first changes the state, before clients know:
        one that tries again has to wait for the restart."""
        cause = engine.cause_of_death()
        if cause and self._engine is engine and self._spec is not None:
            self._engine = None
            self._begin(self._spec)
            self._status = replace(self._status, error=cause)
        return cause

    async def _end_calls(self, error: OAIKitError) -> None:
        """Every request in flight gets its error before the engine goes."""
        if self._calls:
            ending = [asyncio.create_task(call.fail(error)) for call in self._calls]
            await asyncio.wait(ending, timeout=_LAST_WORDS_S)

    def _begin_call(self, call: Call, ended: Callable[[], None] | None) -> None:
        asyncio.get_running_loop().create_task(self._run(call, ended))

    async def _run(self, call: Call, ended: Callable[[], None] | None) -> None:
        self._calls.add(call)
        try:
            if self._engine is None:
                await call.refuse(self._unavailable())
            else:
                await call.run(self._engine.app, partial(self._cause_of_death, self._engine))
        finally:
            self._calls.discard(call)
            if ended is not None:
                ended()

    # -- failures ------------------------------------------------------------------------------------------------

    def _pause_before_restart(self, crash: str) -> float | None:
        """Seconds to wait before the engine is started again; None when it has crashed too often."""
        now = time.monotonic()
        self._crashes.append(now)
        while self._crashes[0] < now - _RESTART_WINDOW_S:
            self._crashes.popleft()
        if len(self._crashes) > len(_BACKOFF_S):
            window = f"{len(self._crashes)} crashes in {_RESTART_WINDOW_S / 60:.0f} minutes"
            log.error("%s; %s, so the engine stays down", crash, window)
            self._end(State.FAILED, EngineFailedError(f"{crash} ({window})"))
            return None
        pause = _BACKOFF_S[len(self._crashes) - 1]
        log.error("%s; starting it again in %g s", crash, pause)
        self._status = replace(self._status, error=crash, restarts=self._status.restarts + 1)
        self._phase("waiting before a restart")
        return pause

    def _fail_to_load(self, exc: Exception) -> None:
        if isinstance(exc, OAIKitError):
            error, trace = exc, None
        else:
            error, trace = EngineFailedError(f"{type(exc).__name__}: {exc}"), exc
        log.error("%s could not be loaded: %s", self._status.model, error, exc_info=trace)
        self._end(State.FAILED, error)


def _import_adapter() -> ModuleType:
    """Import vLLM, which takes seconds.

    Raises:
        EngineFailedError: it is not installed, or does not work here.
    """
    environment = PreservedEnvironment()  # the import alone sets half a dozen variables
    try:
        from oaikit.engine import _vllm
    except Exception as exc:  # a broken installation raises whatever its libraries raise
        raise EngineFailedError(explain_import_failure(exc)) from exc
    finally:
        environment.restore()
    _child.end_without_collecting()
    return _vllm


def _settle(outcome: Future[None], error: OAIKitError | None = None) -> None:
    """End a future, unless it has ended."""
    if outcome.done():
        return
    if error is None:
        outcome.set_result(None)
    else:
        outcome.set_exception(error)
