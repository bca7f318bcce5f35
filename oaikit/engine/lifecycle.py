"""The life of an engine as a state machine. It does no I/O and reads no clock.

`Lifecycle.handle` takes one event at a time, changes `Lifecycle.status`, and returns the effects that its owner has to
carry out. A *run* is one start of vLLM, from its import to the end of its last process. There is at most one run, and
the next one starts only after the `Ended` event of the one before.

    stopped ── Load ──> loading ── Ready ──> ready ── Unload ──> stopping ── Ended ──> stopped
                          │  ^                 │
                        Ended└── RestartDue ── Died (loading, or hung until the run has ended)
                          v
                        failed
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from oaikit.engine.state import EngineSpec, EngineStatus, State
from oaikit.errors import (
    EngineCrashedError,
    EngineFailedError,
    EngineLoadingError,
    EngineStoppedError,
    OAIKitError,
)

RESTART_PAUSES_S = (0.5, 2.0, 8.0)
"""Seconds before each restart. Within `RESTART_WINDOW_S` there are at most as many restarts as pauses."""

RESTART_WINDOW_S = 600.0
"""Crashes older than this no longer count."""


# -- events ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Load:
    """Somebody wants a model.

    Attributes:
        request: Number of the request, for `Settle`.
        spec: What to load.
        if_stopped: Load it only if no model is loaded, loading or failed; otherwise join what is there.
    """

    request: int
    spec: EngineSpec
    if_stopped: bool = False


@dataclass(frozen=True)
class Unload:
    """Somebody wants the device back. ``request`` is the number for `Settle`."""

    request: int


@dataclass(frozen=True)
class Described:
    """A run has learned something about the engine; ``facts`` are fields of `EngineStatus`."""

    run: int
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ready:
    """A run answers requests; ``facts`` are fields of `EngineStatus`."""

    run: int
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Died:
    """The engine of a run was found dead, or hung. Its processes may still be there."""

    run: int
    cause: str
    hung: bool = False


@dataclass(frozen=True)
class Ended:
    """A run is over and has left no process. ``error`` says why, unless it was asked to stop."""

    run: int
    error: OAIKitError | None = None


@dataclass(frozen=True)
class RestartDue:
    """The pause before a restart is over."""

    restart: int


Event: TypeAlias = Load | Unload | Described | Ready | Died | Ended | RestartDue


# -- effects -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Start:
    """Start a run."""

    run: int
    spec: EngineSpec


@dataclass(frozen=True)
class Stop:
    """Fail the run's requests in flight with ``error``, then end the run; with ``kill``, without asking vLLM."""

    run: int
    error: OAIKitError
    kill: bool = False


@dataclass(frozen=True)
class ScheduleRestart:
    """Send `RestartDue` with this number after so many seconds."""

    restart: int
    after_s: float


@dataclass(frozen=True)
class Settle:
    """Tell whoever sent a `Load` or `Unload` how it ended; ``error`` None is success."""

    request: int
    error: OAIKitError | None = None


Effect: TypeAlias = Start | Stop | ScheduleRestart | Settle


def unavailable(status: EngineStatus) -> OAIKitError:
    """The error for a request that finds no engine ready."""
    if status.state is State.FAILED:
        return EngineFailedError(f"the engine could not be started: {status.error}")
    if status.state.is_pending:
        return EngineLoadingError(f"{status.model} is loading; try again in a few seconds")
    return EngineStoppedError("no model is loaded")


def crashed(cause: str) -> EngineCrashedError:
    """The error for clients of an engine that died."""
    return EngineCrashedError(f"the engine crashed while it worked on this request: {cause}")


class Lifecycle:
    """The state machine. One owner calls `handle`; ``status`` may be read by anybody, because it is never mutated."""

    def __init__(self) -> None:
        self.status = EngineStatus()
        self._spec: EngineSpec | None = None  # what runs, or shall run; None after an unload
        self._run: int | None = None
        self._runs = 0
        self._stopping = False  # the run has been told to stop
        self._restart: int | None = None  # the number of the pending restart
        self._restarts = 0  # of all models, so that a late `RestartDue` is never taken for another
        self._crash: str | None = None  # why the run that is ending died
        self._crash_times: tuple[float, ...] = ()
        self._loads: tuple[int, ...] = ()  # requests that wait for the state to settle
        self._unloads: tuple[int, ...] = ()

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event.

        Args:
            event: What happened.
            now: Seconds of a monotonic clock.

        Returns:
            What to do, in order. ``status`` has already changed.
        """
        match event:
            case Load():
                return list(self._load(event))
            case Unload(request):
                return list(self._unload(request))
            case RestartDue(restart):
                return list(self._restart_due(restart))
            case Ended(run, error) if run == self._run:
                return list(self._ended(error, now))
            case Described(run, facts) if run == self._run and not self._stopping:
                self.status = replace(self.status, **facts)
            case Ready(run, facts) if run == self._run and not self._stopping:
                self.status = replace(self.status, state=State.READY, **facts)
                return list(self._settle_loads(None))
            case Died(run, cause, hung) if run == self._run and not self._stopping:
                return list(self._died(cause, hung))
        return []  # of a run that is over or ending

    # -- what somebody wants ---------------------------------------------------------------------------------------

    def _load(self, event: Load) -> Iterator[Effect]:
        if event.if_stopped and self.status.state is not State.STOPPED:
            yield from self._join(event.request)
            return
        yield from self._settle_loads(
            EngineStoppedError("another model was asked for before this one was ready")
        )
        self._loads = (event.request,)
        self._spec, self._crash, self._crash_times, self._restart = event.spec, None, (), None
        before = self.status
        self.status = EngineStatus(
            state=State.LOADING,
            model=event.spec.model,
            served_names=event.spec.served_names,
            device=before.device,
            vllm_version=before.vllm_version,
        )
        if self._run is None:
            yield self._start()
        else:
            yield from self._stop("the engine was stopped to load another model")

    def _join(self, request: int) -> Iterator[Effect]:
        if self.status.state.is_pending:
            self._loads = (*self._loads, request)
        elif self.status.state is State.READY:
            yield Settle(request)
        else:
            yield Settle(request, unavailable(self.status))

    def _unload(self, request: int) -> Iterator[Effect]:
        yield from self._settle_loads(EngineStoppedError("the engine was stopped"))
        self._spec, self._restart = None, None
        if self._run is None:
            self._be_stopped()
            yield Settle(request)
            return
        self._unloads = (*self._unloads, request)
        self.status = replace(self.status, state=State.STOPPING, error=None)
        yield from self._stop("the engine was stopped while it worked on this request")

    def _stop(self, message: str) -> Iterator[Effect]:
        if not self._stopping:
            assert self._run is not None
            self._stopping = True
            yield Stop(self._run, EngineStoppedError(message))

    # -- what happens to a run -------------------------------------------------------------------------------------

    def _start(self) -> Start:
        assert self._spec is not None
        self._runs += 1
        self._run, self._stopping = self._runs, False
        return Start(self._run, self._spec)

    def _died(self, cause: str, hung: bool) -> Iterator[Effect]:
        assert self._run is not None
        if self.status.state is not State.READY:
            return  # a load that fails ends by itself, with a better explanation
        self.status = replace(self.status, state=State.HUNG if hung else State.LOADING, error=cause)
        self._crash, self._stopping = cause, True
        yield Stop(self._run, crashed(cause), kill=True)

    def _ended(self, error: OAIKitError | None, now: float) -> Iterator[Effect]:
        stopped, crash = self._stopping, self._crash
        self._run, self._stopping, self._crash = None, False, None
        for request in self._unloads:
            yield Settle(request)
        self._unloads = ()
        if self._spec is None:
            self._be_stopped()
        elif crash is not None:
            yield from self._crashed(crash, now)
        elif stopped:  # to make room for another model
            yield self._start()
        elif self.status.state is State.READY or self._crash_times:
            yield from self._crashed(str(error or "the engine ended by itself"), now)
        else:
            yield from self._fail(error or EngineFailedError("the engine ended before it was ready"))

    def _crashed(self, cause: str, now: float) -> Iterator[Effect]:
        recent = (*(time for time in self._crash_times if time >= now - RESTART_WINDOW_S), now)
        self._crash_times = recent
        if len(recent) > len(RESTART_PAUSES_S):
            window = f"{len(recent)} crashes in {RESTART_WINDOW_S / 60:.0f} minutes"
            yield from self._fail(EngineFailedError(f"{cause} ({window})"))
            return
        restarts = self.status.restarts + 1
        self.status = replace(self.status, state=State.LOADING, error=cause, restarts=restarts)
        self._restarts += 1
        self._restart = self._restarts
        yield ScheduleRestart(self._restart, RESTART_PAUSES_S[len(recent) - 1])

    def _restart_due(self, restart: int) -> Iterator[Effect]:
        if restart == self._restart:
            self._restart = None
            yield self._start()

    def _fail(self, error: OAIKitError) -> Iterator[Effect]:
        self.status = replace(self.status, state=State.FAILED, error=str(error))
        yield from self._settle_loads(error)

    def _be_stopped(self) -> None:
        self.status = replace(self.status, state=State.STOPPED, error=None)

    def _settle_loads(self, error: OAIKitError | None) -> Iterator[Effect]:
        loads, self._loads = self._loads, ()
        for request in loads:
            yield Settle(request, error)
