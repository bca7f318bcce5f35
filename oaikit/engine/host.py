"""The engine's thread: the one owner of the engine's life, and of the requests that it answers."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from oaikit._loop import LoopThread
from oaikit.engine.call import Call, Receive, Send
from oaikit.engine.lifecycle import (
    Effect,
    Event,
    Lifecycle,
    Load,
    RestartDue,
    ScheduleRestart,
    Settle,
    Start,
    Stop,
    Unload,
    unavailable,
)
from oaikit.engine.run import EngineRun, LoadProgress, import_adapter
from oaikit.engine.state import EngineSpec, EngineStatus, State
from oaikit.errors import OAIKitError

if TYPE_CHECKING:
    from oaikit.engine._vllm import RunningEngine

log = logging.getLogger("oaikit.engine")

HANG_TIMEOUT_S = 120.0
"""Seconds without any output after which an engine that has work counts as hung, unless the host is told otherwise.

One step of the engine may take long: a prompt of thousands of tokens on a CPU, or a kernel that is compiled.
"""

# How long requests have to pass on their last message when the engine ends.
_LAST_MESSAGE_S = 1.0


@dataclass(frozen=True)
class _Published:
    """What other threads may know: one object, replaced as a whole."""

    status: EngineStatus
    settled: Future[None] | None = None  # done when the state is no longer pending; None if it is not pending
    progress: LoadProgress | None = None
    ready_at: float = 0.0


class EngineHost:
    """One vLLM engine, on a thread and event loop of its own. Its public methods may be called from any thread.

    The loop takes the events of the engine's life one at a time, and carries out what `Lifecycle` decides. Nothing
    blocks it: vLLM starts and stops on another thread.

    Args:
        hang_timeout_s: Seconds without any output after which an engine that has work counts as hung and is started
            again. 0: never.
    """

    def __init__(self, hang_timeout_s: float = HANG_TIMEOUT_S) -> None:
        self.loop = LoopThread("oaikit-engine", fast=True)
        self._hang_timeout_s = hang_timeout_s
        self._published = _Published(EngineStatus())
        self._numbers = itertools.count(1)
        # These belong to the engine's loop.
        self._lifecycle = Lifecycle()
        self._outcomes: dict[int, Future[None]] = {}
        self._run: EngineRun | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # asyncio itself holds tasks weakly
        self._calls: set[Call] = set()

    # -- from any thread -----------------------------------------------------------------------------------------

    def status(self) -> EngineStatus:
        """The state now."""
        published = self._published
        status = published.status
        if status.state is State.LOADING and published.progress is not None:
            return replace(status, progress=published.progress.now())
        if status.state is State.READY:
            return replace(status, uptime_s=time.monotonic() - published.ready_at)
        return status

    @property
    def last_change(self) -> EngineStatus:
        """The state without the times that `status` adds: the same object until something changes."""
        return self._published.status

    def load(self, spec: EngineSpec, *, if_stopped: bool = False) -> Future[None]:
        """Load a model, in place of the one that is loaded if there is one. Returns at once.

        Args:
            spec: What to load.
            if_stopped: Only if no model is loaded, loading or failed; otherwise wait for that one.

        Returns:
            A future that is done when the engine is ready. It raises EngineArgumentError for a bad argument,
            EngineFailedError with the cause when vLLM could not start, and EngineStoppedError when `unload` or another
            `load` came in between.
        """
        return self._send(lambda number: Load(number, spec, if_stopped))

    def unload(self) -> Future[None]:
        """Stop the engine, or break off its load. Requests in flight end with an error.

        Returns:
            A future that is done when the last process of the engine has ended.
        """
        return self._send(Unload)

    async def until_ready(self, timeout_s: float | None = None) -> None:
        """Wait while the engine is loading or restarting, on the caller's loop.

        Raises:
            TimeoutError: It took longer than ``timeout_s`` seconds.
            EngineUnavailableError, EngineArgumentError: There is no engine; the message says why.
        """
        published = self._published
        if published.status.state is State.READY:
            return
        if published.settled is None:
            raise unavailable(published.status)
        await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(published.settled)), timeout_s)

    async def until_handled(self) -> None:
        """Wait until the loop has taken every event that was sent before, so that `status` shows it."""
        done: Future[None] = Future()
        self.loop.call(done.set_result, None)
        await asyncio.wrap_future(done)

    async def check(self, spec: EngineSpec) -> None:
        """Have vLLM check the model and the arguments, in another thread. Nothing is started or stopped.

        The first call imports vLLM, which takes seconds.

        Raises:
            EngineArgumentError: vLLM would refuse the model or an argument.
            EngineFailedError: vLLM cannot be imported, or there is no device.
        """
        adapter = await asyncio.to_thread(import_adapter)
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

    def _send(self, event: Callable[[int], Load | Unload]) -> Future[None]:
        number, outcome = next(self._numbers), Future[None]()
        self.loop.call(self._begin, event(number), number, outcome)
        return outcome

    # -- the engine's life, on the engine's loop -----------------------------------------------------------------

    def _begin(self, event: Load | Unload, number: int, outcome: Future[None]) -> None:
        self._outcomes[number] = outcome
        self._handle(event)

    def _handle(self, event: Event) -> None:
        before = self._lifecycle.status
        effects = self._lifecycle.handle(event, time.monotonic())
        if self._lifecycle.status is not before:
            self._publish(
                before, asked=isinstance(event, Load)
            )  # first, because whoever is woken looks at it
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Start(run, spec):
                assert self._published.progress is not None
                self._run = EngineRun(
                    run, spec, self._published.progress, self._handle, self._fail_calls, self._hang_timeout_s
                )
                self._keep(asyncio.get_running_loop().create_task(self._run.live()))
            case Stop(_, error, kill):
                assert self._run is not None
                self._run.stop(error, kill=kill)
            case ScheduleRestart(restart, after_s):
                log.error("%s; starting it again in %g s", self._lifecycle.status.error, after_s)
                assert self._published.progress is not None
                self._published.progress.begin("waiting before a restart")
                asyncio.get_running_loop().call_later(after_s, self._handle, RestartDue(restart))
            case Settle(request, error):
                _settle(self._outcomes.pop(request), error)

    def _publish(self, before: EngineStatus, *, asked: bool) -> None:
        status, published = self._lifecycle.status, self._published
        settled, progress, ready_at = published.settled, published.progress, published.ready_at
        if status.state.is_pending and settled is None:
            settled = Future()
        elif not status.state.is_pending:
            settled = None
        if status.state is State.LOADING and (asked or before.state is not State.LOADING):
            progress = LoadProgress("stopping the engine that is in the way")
        if status.state is State.READY and before.state is not State.READY:
            ready_at = time.monotonic()
        if status.state is State.FAILED and before.state is not State.FAILED:
            log.error("%s stays unloaded: %s", status.model, status.error)
        self._published = _Published(status, settled, progress, ready_at)
        if published.settled is not None and settled is None:
            ready = status.state is State.READY
            _settle(published.settled, None if ready else unavailable(status))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- requests, on the engine's loop --------------------------------------------------------------------------

    async def app(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request as ASGI app, for a server that runs on the engine's loop.

        If the engine is not ready, dies or is stopped, the client gets an error.
        """
        body, more = bytearray(), True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        call = Call(scope, bytes(body), send)
        listening = asyncio.create_task(_until_gone(receive, call))
        try:
            await self._run_call(call, None)
        finally:
            listening.cancel()

    def _begin_call(self, call: Call, ended: Callable[[], None] | None) -> None:
        self._keep(asyncio.get_running_loop().create_task(self._run_call(call, ended)))

    async def _run_call(self, call: Call, ended: Callable[[], None] | None) -> None:
        self._calls.add(call)
        try:
            run, engine = self._run, self._ready_engine()
            if run is None or engine is None:
                await call.refuse(unavailable(self._lifecycle.status))
            else:
                await call.run(engine.app, run.notice_death)
        finally:
            self._calls.discard(call)
            if ended is not None:
                ended()

    def _ready_engine(self) -> RunningEngine | None:
        if self._lifecycle.status.state is not State.READY or self._run is None:
            return None
        return self._run.engine

    async def _fail_calls(self, error: OAIKitError) -> None:
        """Every request in flight gets its error before the engine goes."""
        if self._calls:
            ending = [asyncio.create_task(call.fail(error)) for call in self._calls]
            await asyncio.wait(ending, timeout=_LAST_MESSAGE_S)


async def _until_gone(receive: Receive, call: Call) -> None:
    """Wait until the client of a request goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    call.disconnect()


def _settle(outcome: Future[None], error: OAIKitError | None = None) -> None:
    """End a future, unless it has ended or its holder has cancelled it."""
    with suppress(Exception):
        if error is None:
            outcome.set_result(None)
        else:
            outcome.set_exception(error)
