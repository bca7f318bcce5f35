"""One start of vLLM, from its import to the end of its last process."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from oaikit.engine import _child
from oaikit.engine._spawn import Spawner
from oaikit.engine.installation import explain_import_failure
from oaikit.engine.lifecycle import Described, Died, Ended, Event, Ready
from oaikit.engine.redaction import public_arguments, public_text
from oaikit.engine.state import STARTING_ENGINE_CORE, EngineSpec, Progress
from oaikit.engine.worker import WorkerThread
from oaikit.errors import EngineFailedError, EngineStoppedError, OAIKitError
from oaikit.settings import ENGINE_REPORT, ThreadEnvironment

if TYPE_CHECKING:
    from types import ModuleType

    from oaikit.engine._vllm import RunningEngine

log = logging.getLogger("oaikit.engine")

# Seconds between two looks at a running engine: a crash has to be noticed within one second.
_WATCH_S = 0.2
# While a load is broken off, vLLM may start another process just after one was killed.
_KILL_AGAIN_S = 0.02


class LoadProgress:
    """The phases of a load. Written by one thread, read by any."""

    def __init__(self, phase: str) -> None:
        self._began = time.monotonic()
        self._phase = (phase, self._began)
        self.report: str | None = None

    def begin(self, phase: str) -> None:
        """Enter a phase."""
        self._phase = (phase, time.monotonic())

    @property
    def seconds(self) -> float:
        """How long the load has taken so far."""
        return time.monotonic() - self._began

    def now(self) -> Progress:
        """The latest phase: of this process, or of vLLM's processes once they have reported more."""
        now = time.monotonic()
        phase, since = self._phase
        if phase == STARTING_ENGINE_CORE and self.report:
            for entry in _child.read(self.report):
                if entry.get("phase", phase) != phase:
                    phase, since = entry["phase"], now - (time.time() - float(entry["time"]))
        return Progress(phase, round(now - since, 1), round(now - self._began, 1))


class EngineRun:
    """Starts an engine, watches it, and ends it. Everything here belongs to the engine's loop.

    Args:
        number: Number of the run, for its events.
        spec: What to load.
        progress: Where the phases of the load are noted.
        post: Takes the run's events, on the loop.
        fail_requests: Ends the requests in flight with an error; returns when their clients have it, or soon.
        hang_timeout_s: Seconds without any output after which an engine that has work counts as hung; 0: never.
    """

    def __init__(
        self,
        number: int,
        spec: EngineSpec,
        progress: LoadProgress,
        post: Callable[[Event], object],
        fail_requests: Callable[[OAIKitError], Awaitable[None]],
        hang_timeout_s: float,
    ) -> None:
        self.engine: RunningEngine | None = None
        self._number, self._spec, self._progress, self._post = number, spec, progress, post
        self._fail_requests, self._hang_timeout_s = fail_requests, hang_timeout_s
        self._spawner = Spawner()
        self._worker = WorkerThread(f"oaikit-vllm-{number}")
        self._stop = asyncio.Event()
        self._last_error: OAIKitError = EngineStoppedError("the engine was stopped")
        self._breaking_off: asyncio.Task[None] | None = None
        self._report = ""
        self._ready_at = 0.0  # seconds since 1970, as in the report
        self._cause: str | None = None  # of the engine's death

    def stop(self, error: OAIKitError, *, kill: bool = False) -> None:
        """Fail the requests in flight with ``error`` and end the engine, or break off its load."""
        self._last_error = error
        self._stop.set()
        if self.engine is None:
            self._breaking_off = asyncio.create_task(self._break_off())
        elif kill:
            self._spawner.stop()

    async def live(self) -> None:
        """Run to the end, then post `Ended`."""
        error: OAIKitError | None = None
        try:
            await self._load_and_serve()
        except Exception as exc:
            if not self._stop.is_set():
                error = self._explain(exc)
        finally:
            if self._breaking_off is not None:
                self._breaking_off.cancel()
            self._worker.stop()
        self._post(Ended(self._number, error))

    async def _load_and_serve(self) -> None:
        self._progress.begin("importing vLLM")
        adapter = await self._worker.run(import_adapter)
        given = self._spec.engine_arguments()
        self._describe(adapter, given)
        args = await self._worker.run(adapter.parse_arguments, self._spec.source, given)
        with self._reports() as report:
            self._check_not_stopped()
            self._spawner.environment[ENGINE_REPORT] = report
            async with adapter.running(args, self._progress.begin, self._spawner, self._worker) as engine:
                self._check_not_stopped()
                await self._serve(engine)

    def _describe(self, adapter: ModuleType, given: dict[str, object]) -> None:
        arguments = public_arguments(adapter.with_defaults(given))
        facts = {"device": adapter.device_name(), "vllm_version": adapter.VERSION, "engine_args": arguments}
        self._post(Described(self._number, facts))

    async def _serve(self, engine: RunningEngine) -> None:
        self.engine, self._ready_at = engine, time.time()
        log.info("%s is ready after %.1f s", self._spec.model, self._progress.seconds)
        self._post(Ready(self._number, engine.facts()))
        try:
            await self._watch(engine)
        finally:
            self.engine = None
            await self._fail_requests(self._last_error)

    def _check_not_stopped(self) -> None:
        if self._stop.is_set():
            raise self._last_error

    async def _break_off(self) -> None:
        """Kill what the load has started, until it has noticed."""
        while True:
            self._spawner.stop()
            await asyncio.sleep(_KILL_AGAIN_S)

    # -- watching --------------------------------------------------------------------------------------------------

    async def _watch(self, engine: RunningEngine) -> None:
        """Look after the engine until somebody stops it, as the owner does with one that has died."""
        prober = _Prober(engine, self._hang_timeout_s)
        try:
            while not self._stop.is_set():
                if not self.notice_death():
                    silent_s = prober.look()
                    if silent_s is not None:
                        cause = f"vLLM's engine has given no sign of life for {silent_s:.0f} s"
                        self._post(Died(self._number, cause, hung=True))
                await self._wait(_WATCH_S)
        finally:
            prober.close()

    def notice_death(self) -> str | None:
        """Why the engine is dead, or None while it lives.

        Whoever notices first tells the owner, before clients know: one that tries again has to wait for the restart.
        """
        engine = self.engine
        if self._cause is None and engine is not None and (found := engine.cause_of_death()):
            # vLLM logs the exception that ends EngineCore before the process ends.
            reported = _child.errors(self._report, since=self._ready_at)
            self._cause = f"{found}: {reported[0]}" if reported else found
            self._post(Died(self._number, self._cause))
        return self._cause

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)

    # -- failures --------------------------------------------------------------------------------------------------

    @contextmanager
    def _reports(self) -> Iterator[str]:
        """A file for what vLLM's processes report. Of one that failed this process only learns that it ended."""
        with tempfile.TemporaryDirectory(prefix="oaikit-") as folder:
            self._report = self._progress.report = os.path.join(folder, "report")
            try:
                yield self._report
            except OAIKitError:
                raise
            except Exception as exc:
                reported = _child.errors(self._report)
                raise EngineFailedError(reported[0] if reported else _described(exc)) from exc

    def _explain(self, exc: Exception) -> OAIKitError:
        if isinstance(exc, OAIKitError):
            log.error("%s could not be loaded: %s", self._spec.model, exc)
            return exc
        error = EngineFailedError(_described(exc))
        log.error("%s could not be loaded: %s", self._spec.model, error, exc_info=exc)
        return error


class _Prober:
    """Finds out whether a silent engine is idle or hung, by asking it for one token.

    An engine without work says nothing. After half of the timeout in silence it is given work; if it says nothing for
    the other half either, it is hung. Each data-parallel rank is judged by itself.
    """

    def __init__(self, engine: RunningEngine, timeout_s: float) -> None:
        self._engine, self._half_s = engine, timeout_s / 2
        self._probes: dict[int, tuple[float, asyncio.Task[None]]] = {}

    def look(self) -> float | None:
        """Seconds of silence of a rank that is hung; None if there is none."""
        if not self._half_s:
            return None
        now = time.monotonic()
        for rank, heard_at in enumerate(self._engine.heard_at):
            silent_s = now - heard_at
            began, probe = self._probes.get(rank, (0.0, None))
            if silent_s < self._half_s:
                if probe is not None and probe.done():
                    del self._probes[rank]
            elif probe is None or began < heard_at:
                if probe is not None:
                    probe.cancel()
                self._probes[rank] = now, asyncio.create_task(self._probe(rank))
            elif now - began >= self._half_s and not probe.done():
                return silent_s
        return None

    async def _probe(self, rank: int) -> None:
        try:
            await self._engine.probe(rank)
        except Exception as exc:  # a dead engine is noticed elsewhere; one that refuses a request is not hung
            log.debug("the engine refused a probe: %s", exc)
        self._engine.heard_at[rank] = time.monotonic()

    def close(self) -> None:
        """Send no more probes."""
        for _, probe in self._probes.values():
            probe.cancel()


def import_adapter() -> ModuleType:
    """Import vLLM, which takes seconds.

    Raises:
        EngineFailedError: It is not installed, or does not work here.
    """
    with ThreadEnvironment():  # the import alone sets half a dozen variables
        _keep_root_logger()
        try:
            from oaikit.engine import _vllm
        except Exception as exc:  # a broken installation raises whatever its libraries raise
            raise EngineFailedError(explain_import_failure(exc)) from exc
    _child.end_without_collecting()
    return _vllm


def _keep_root_logger() -> None:
    """Undo what a dependency of vLLM's SageMaker routes does when it is first imported.

    It sets the level of the root logger and of its handlers to ERROR, and both belong to the host program.
    """
    parts: list[logging.Logger | logging.Handler] = [logging.root, *logging.root.handlers]
    levels = [part.level for part in parts]
    with suppress(ImportError):  # not every release has it
        importlib.import_module("model_hosting_container_standards.logging_config")
    for part, level in zip(parts, levels, strict=True):
        part.setLevel(level)


def _described(exc: Exception) -> str:
    return public_text(f"{type(exc).__name__}: {exc}")
