"""The state machine of the engine's life, over every order of events."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field, replace

import pytest

from oaikit.engine.lifecycle import (
    RESTART_PAUSES_S,
    RESTART_WINDOW_S,
    Described,
    Died,
    Effect,
    Ended,
    Event,
    Lifecycle,
    Load,
    Ready,
    RestartDue,
    ScheduleRestart,
    Settle,
    Start,
    Stop,
    Unload,
    unavailable,
)
from oaikit.engine.state import EngineSpec, State
from oaikit.errors import EngineFailedError, EngineLoadingError, EngineStoppedError, OAIKitError

A, B = EngineSpec("a"), EngineSpec("b", ("bee",))
SETTLED = {State.READY, State.STOPPED, State.FAILED}


@dataclass
class World:
    """A lifecycle, and what its owner's effects have made of the world: at most one run, and pending restarts."""

    life: Lifecycle = field(default_factory=Lifecycle)
    now: float = 0.0
    run: int | None = None
    spec: EngineSpec | None = None
    told_to_stop: bool = False
    was_ready: bool = False
    restarts: set[int] = field(default_factory=set)
    asked: int = 0  # requests that were sent
    outcomes: dict[int, OAIKitError | None] = field(default_factory=dict)
    wanted: EngineSpec | None = None  # what the latest load or unload asked for

    def clone(self) -> World:
        """Another world like this one; the lifecycle has only immutable values."""
        return replace(self, life=copy(self.life), restarts=set(self.restarts), outcomes=dict(self.outcomes))

    def handle(self, event: Event) -> list[Effect]:
        effects = self.life.handle(event, self.now)
        for effect in effects:
            self._carry_out(effect)
        return effects

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Start(run, spec):
                assert self.run is None, "two runs at once"
                assert spec == self.wanted, "a run of something that nobody wants"
                self.run, self.spec, self.told_to_stop, self.was_ready = run, spec, False, False
            case Stop(run):
                assert run == self.run, "stopped a run that is over"
                assert not self.told_to_stop, "stopped twice"
                self.told_to_stop = True
            case ScheduleRestart(restart):
                self.restarts.add(restart)
            case Settle(request, error):
                assert request not in self.outcomes, "settled twice"
                self.outcomes[request] = error

    def load(self, spec: EngineSpec, *, if_stopped: bool = False) -> int:
        self.asked += 1
        if not if_stopped or self.life.status.state is State.STOPPED:
            self.wanted = spec
        self.handle(Load(self.asked, spec, if_stopped))
        return self.asked

    def unload(self) -> int:
        self.asked += 1
        self.wanted = None
        self.handle(Unload(self.asked))
        return self.asked

    def ready(self) -> None:
        assert self.run is not None
        self.was_ready = True
        self.handle(Ready(self.run, {"served_names": (self.life.status.model,)}))

    def end(self, error: OAIKitError | None = None) -> None:
        run, self.run = self.run, None
        assert run is not None
        self.handle(Ended(run, error))

    def restart_due(self, restart: int) -> None:
        self.restarts.discard(restart)
        self.handle(RestartDue(restart))


FAULT = EngineFailedError("no memory")

# What may happen, by name: whether it can, and what it does. The first four are people's, the others the world's.
HAPPENINGS = {
    "load a": (lambda w: True, lambda w: w.load(A)),
    "load b": (lambda w: True, lambda w: w.load(B)),
    "need a": (lambda w: True, lambda w: w.load(A, if_stopped=True)),
    "unload": (lambda w: True, lambda w: w.unload()),
    "ready": (lambda w: w.run is not None and not w.was_ready, lambda w: w.ready()),
    "crash": (lambda w: w.was_ready and w.run is not None, lambda w: w.handle(Died(w.run, "signal 9"))),
    "hang": (
        lambda w: w.was_ready and w.run is not None,
        lambda w: w.handle(Died(w.run, "silent", hung=True)),
    ),
    "end with an error": (lambda w: w.run is not None, lambda w: w.end(FAULT)),
    "end as told": (lambda w: w.told_to_stop and w.run is not None, lambda w: w.end()),
    "restart": (lambda w: bool(w.restarts), lambda w: w.restart_due(min(w.restarts))),
}


def check(world: World) -> None:
    """What holds at every moment."""
    state, life = world.life.status.state, world.life
    waiting = set(range(1, world.asked + 1)) - set(world.outcomes)
    if state in SETTLED:
        assert not waiting or world.run is not None, "somebody waits, and nothing will happen"
    if state.is_pending:
        assert world.run is not None or life._restart in world.restarts, "it says loading, and nothing loads"
        assert isinstance(unavailable(life.status), EngineLoadingError)
    if state is State.READY:
        assert world.was_ready
        assert not world.told_to_stop
        assert world.spec == world.wanted
    if state is State.STOPPED:
        assert world.run is None
        assert world.wanted is None
    if state is State.STOPPING:
        assert world.told_to_stop
    if state is State.FAILED:
        assert life.status.error
        assert isinstance(unavailable(life.status), EngineFailedError)


def settle(world: World) -> None:
    """Let the world go on without people and faults: what was told to stop stops, what loads becomes ready."""
    for _ in range(10):
        if world.told_to_stop and world.run is not None:
            world.end()
        elif world.run is not None and not world.was_ready:
            world.ready()
        elif world.restarts:
            world.restart_due(min(world.restarts))
        else:
            break
        check(world)
    assert world.life.status.state in SETTLED
    assert set(world.outcomes) == set(range(1, world.asked + 1)), "a request was never answered"
    if world.wanted is None:
        assert world.life.status.state is State.STOPPED
        assert world.run is None
    elif world.life.status.state is State.READY:
        assert world.life.status.served_names == (world.wanted.model,)


def orders(world: World, depth: int, so_far: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], World]]:
    """Every order of at most so many happenings, and the world after it."""
    yield so_far, world
    if depth == 0:
        return
    for name, (possible, happen) in HAPPENINGS.items():
        if possible(world):
            after = world.clone()
            happen(after)
            yield from orders(after, depth - 1, (*so_far, name))


def test_every_order_of_six_events() -> None:
    """Also: with whatever six events it begins, all that wait are answered, and the last wish is what there is."""
    seen, states = 0, set()
    for so_far, world in orders(World(), 6):
        seen += 1
        states.add(world.life.status.state)
        try:
            check(world)
            settle(world.clone())
        except AssertionError as exc:
            raise AssertionError(f"after {', '.join(so_far)}: {exc}") from exc
    assert seen > 40_000
    assert states == set(State), "every state was met"


def test_events_of_a_run_that_is_over_change_nothing() -> None:
    world = World()
    world.load(A)
    world.ready()
    world.load(B)
    before = world.life.status
    for event in (
        Ready(1, {"served_names": ("a",)}),
        Died(1, "late"),
        Described(1, {"device": "cpu"}),
        Ended(7),
        RestartDue(3),
    ):
        assert world.handle(event) == []
        assert world.life.status is before


def test_the_status_of_a_load() -> None:
    world = World()
    world.load(B)
    assert (world.life.status.state, world.life.status.model) == (State.LOADING, "b")
    assert world.life.status.served_names == ("bee",)
    world.handle(Described(1, {"device": "cpu", "vllm_version": "0.33.0"}))
    assert world.life.status.device == "cpu"
    world.handle(Ready(1, {"served_names": ("bee",), "max_model_len": 2048}))
    assert (world.life.status.state, world.life.status.max_model_len) == (State.READY, 2048)
    world.load(A)
    status = world.life.status
    assert (status.state, status.model, status.max_model_len) == (State.LOADING, "a", None)
    assert status.vllm_version == "0.33.0"


def test_requests_that_come_together_load_the_model_once() -> None:
    world = World()
    first, second = world.load(A, if_stopped=True), world.load(A, if_stopped=True)
    assert world.run == 1
    world.ready()
    third = world.load(A, if_stopped=True)
    assert world.outcomes == {first: None, second: None, third: None}


def test_a_load_takes_the_place_of_another() -> None:
    world = World()
    first = world.load(A)
    second = world.load(B)
    assert isinstance(world.outcomes[first], EngineStoppedError)
    world.end(FAULT)  # it was told to stop: how it ends doesn't matter
    assert world.spec == B
    world.ready()
    assert world.outcomes[second] is None


def test_a_load_that_fails_is_not_tried_again() -> None:
    world = World()
    first = world.load(A)
    world.end(FAULT)
    assert world.outcomes[first] is FAULT
    assert (world.life.status.state, world.life.status.error) == (State.FAILED, "no memory")
    assert not world.restarts


@pytest.mark.parametrize("again", ["crash", "fault"])
def test_restarts_come_later_each_time_and_end(again: str) -> None:
    """A restart that fails, as it may while memory is not free yet, counts as a crash, and is tried again too."""
    world, pauses = World(), []
    world.load(A)
    world.ready()
    for _ in range(len(RESTART_PAUSES_S) + 1):
        if world.was_ready:
            world.handle(Died(world.run or 0, "signal 9"))
            effects = world.life.handle(Ended(world.run or 0), world.now)
        else:
            effects = world.life.handle(Ended(world.run or 0, FAULT), world.now)
        world.run = None
        match effects:
            case [ScheduleRestart(restart, pause)]:
                pauses.append(pause)
                assert world.life.status.state is State.LOADING
                world.handle(RestartDue(restart))
                if again == "crash":
                    world.ready()
    assert tuple(pauses) == RESTART_PAUSES_S
    status = world.life.status
    assert (status.state, status.restarts) == (State.FAILED, 3)
    assert status.error is not None
    assert status.error.startswith("signal 9" if again == "crash" else "no memory")
    assert "4 crashes in 10 minutes" in status.error


def test_crashes_of_long_ago_do_not_count() -> None:
    world = World()
    world.load(A)
    for _ in range(10):
        world.ready()
        world.handle(Died(world.run or 0, "signal 9"))
        world.end()
        world.restart_due(min(world.restarts))
        world.now += RESTART_WINDOW_S + 1
    assert world.life.status.restarts == 10


def test_clients_learn_of_a_crash_before_its_processes_are_gone() -> None:
    world = World()
    world.load(A)
    world.ready()
    [stop] = world.handle(Died(1, "signal 9"))
    assert isinstance(stop, Stop)
    assert stop.kill
    assert stop.error.code == "engine_crashed"
    assert "signal 9" in stop.error.message
    assert (world.life.status.state, world.life.status.error) == (State.LOADING, "signal 9")


def test_a_hung_engine_is_killed_and_started_again() -> None:
    world = World()
    world.load(A)
    world.ready()
    [stop] = world.handle(Died(1, "no sign of life for 120 s", hung=True))
    assert isinstance(stop, Stop)
    assert stop.kill
    assert world.life.status.state is State.HUNG
    world.end()
    assert (world.life.status.state, world.life.status.restarts) == (State.LOADING, 1)


def test_unloading_ends_when_the_last_process_has() -> None:
    world = World()
    world.load(A)
    world.ready()
    first, second = world.unload(), world.unload()
    assert world.life.status.state is State.STOPPING
    assert first not in world.outcomes
    world.end()
    assert world.life.status.state is State.STOPPED
    assert world.outcomes[first] is world.outcomes[second] is None


def test_numbers_of_runs_and_restarts_are_never_used_twice() -> None:
    starts, restarts = [], []
    world = World()
    for _ in range(3):
        world.load(A)
        starts.append(world.run)
        world.ready()
        world.handle(Died(world.run or 0, "signal 9"))
        world.end()
        restarts.extend(world.restarts)
        world.restarts.clear()
        world.unload()
    assert len(set(starts)) == len(set(restarts)) == 3
