"""What a sweep asks: each point of the space with each item, as requests of which those that are alike are one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from oaikit._hints import did_you_mean
from oaikit.errors import InvalidRequestError
from oaikit.experiments.columns import check_axis_name
from oaikit.experiments.design.items import Item, check_filled, check_prompts
from oaikit.experiments.design.space import Point, Space, label_of, value_of
from oaikit.experiments.design.templates import fields_of, fill
from oaikit.experiments.store.database import Asked
from oaikit.experiments.store.keys import canonical, digest, digest_of, number_of
from oaikit.sampling import CHAT, COMPLETIONS, GREEDY_BELOW, PARAMETERS, Endpoint, parameters, validate

Mode = Literal["throughput", "latency"]

MODEL, SYSTEM, TEMPLATE = "model", "system", "template"
"""Axes that are no sampling parameters: who is asked, the system message, and the prompt before it is filled in."""
# Sweep's own business: an axis of these would have two meanings.
_NOT_AXES: Final = {
    "n": "it is the number of replicates: Sweep(n=…)",
    "seed": "every replicate gets one of its own, made from Sweep(seed=…)",
    "stream": "the mode decides: Sweep(mode=…)",
    "stream_options": "the mode decides: Sweep(mode=…)",
    "prompt": "give named templates on the axis `template`, or Sweep(prompt=…)",
    "messages": "give named templates on the axis `template`, or Sweep(messages=…)",
    "model": "give several models: Sweep([llm, other], …)",
    "user": "it does nothing to the answer",
    "request_id": "every request needs one of its own",
}
# What a greedy answer does not depend on.
_SAMPLING_ONLY: Final = ("top_p", "top_k", "min_p")
_TRUSTED: Final = tuple(parameter.name for parameter in PARAMETERS if parameter.trusted)


@dataclass(frozen=True)
class Design:
    """What is asked, checked; nothing in it needs the model.

    ``points`` have the values on the axes, ``fixed`` those that are the same everywhere. ``template`` is a text or
    messages, None where items or the axis `template` bring what is asked.
    """

    points: Sequence[Point]
    items: Sequence[Item]
    template: Any
    endpoint: Endpoint
    n: int
    seed: int | None
    mode: Mode
    fixed: Mapping[str, Any] = field(default_factory=dict)
    data: bytes | None = None
    """The data of the items, as `frames.encode` wrote it."""

    @property
    def axes(self) -> list[str]:
        """The names of the axes."""
        return Space(self.points).axes

    def check(self) -> None:
        """See that all of it can be asked.

        Raises:
            InvalidRequestError: an axis is no parameter, a value is out of range, a place in the prompt has no value.
        """
        if not self.points:
            raise InvalidRequestError("the space has no points: nothing would be asked", param="space")
        if self.n < 1:
            raise InvalidRequestError(f"n is the number of replicates, at least 1, not {self.n}", param="n")
        templates = self._templates()
        places = {name for template in templates for name in fields_of(template)}
        for name in [*self.axes, *self.fixed]:
            self._check_name(name, places)
        if twice := sorted({*self.axes} & {*self.fixed}):
            raise InvalidRequestError(
                f"{twice[0]!r} is an axis and given beside it: give one", param=twice[0]
            )
        check_filled(self.items, templates, [*self.axes, *self.fixed])
        if not templates:
            check_prompts(self.items, self.endpoint)
        for point in self.points:
            self._check_point(point)

    def _templates(self) -> list[Any]:
        """All that is filled in, wherever it comes from."""
        on_axis = [value_of(point[TEMPLATE]) for point in self.points if TEMPLATE in point]
        given = [item.prompt for item in self.items if item.prompt is not None]
        ways = [bool(on_axis), bool(given), self.template is not None]
        if sum(ways) != 1:
            raise InvalidRequestError(
                "say once what is asked: prompt=…, prompts=[…], messages=… or the axis `template`; "
                + ("there is nothing" if not any(ways) else "there are several"),
                param="prompt",
            )
        if on_axis and len(on_axis) < len(self.points):
            raise InvalidRequestError("some points of the space have no `template`", param="prompt")
        return on_axis or ([] if given else [self.template])

    def _check_name(self, name: str, places: set[str]) -> None:
        known = parameters(self.endpoint)
        if name in _NOT_AXES:
            raise InvalidRequestError(f"{name!r} can't be given here: {_NOT_AXES[name]}", param=name)
        if name in self.items[0].data:
            raise InvalidRequestError(f"{name!r} is a column of the data and an axis: rename one", param=name)
        if name == TEMPLATE or (name == SYSTEM and self.endpoint == CHAT) or name in places:
            check_axis_name(name)
            return
        if name not in known:
            raise InvalidRequestError(
                f"{name!r} is neither a sampling parameter of {self.endpoint} nor a place in the prompt"
                f"{did_you_mean(name, [*known, *places, SYSTEM])}",
                param=name,
            )

    def _check_point(self, point: Point) -> None:
        body = {"model": "any", **self.body(point, self.items[0])}
        try:
            validate(self.endpoint, body, allowed=_TRUSTED)
            if self.n > 1 and not (deterministic(body) or alone(body)):
                validate(self.endpoint, {**body, "n": min(self.n, MOST_AT_ONCE)}, allowed=_TRUSTED)
        except InvalidRequestError as exc:
            where = ", ".join(f"{axis}={label_of(value)!r}" for axis, value in point.items()) or "every point"
            several = isinstance(point.get(exc.param or ""), list | tuple)
            hint = f"; to try one after the other, give grid({exc.param}=[…])" if several else ""
            raise InvalidRequestError(f"{exc.message} (at {where}){hint}", param=exc.param) from exc

    def cell_key(self, point: Point) -> str:
        """Equal for points of which every item is asked the same."""
        return digest(_request(self, 0, point, self.items[0]).body)

    def body(self, point: Point, item: Item) -> dict[str, Any]:
        """The request of a point to an item, without model, seed, n."""
        given = {
            **self.fixed,
            **{axis: value_of(value) for axis, value in point.items()},
        }
        template = given.pop(TEMPLATE, self.template)
        asked = item.prompt if item.prompt is not None else fill(template, {**given, **item.data})
        known = parameters(self.endpoint)
        body = {name: value for name, value in given.items() if name in known and value is not None}
        if self.endpoint == COMPLETIONS:
            if body.get("logprobs") is True:
                body["logprobs"] = 0  # the tokens' own and no alternatives
            return {"prompt": asked, **body}
        messages = [{"role": "user", "content": asked}] if isinstance(asked, str) else list(asked)
        if (system := given.get(SYSTEM)) is not None:
            messages = [{"role": "system", "content": system}, *messages]
        return {"messages": messages, **body}


MOST_AT_ONCE: Final = 64
"""Replicates a request: what oaikit's servers take (`Limits.n`)."""


def deterministic(body: Mapping[str, Any]) -> bool:
    """Whether every replicate is the same: the likeliest token is taken each time, or the best beam."""
    temperature = body.get("temperature")
    return bool(body.get("use_beam_search")) or (temperature is not None and temperature < GREEDY_BELOW)


def alone(body: Mapping[str, Any]) -> bool:
    """Whether replicates must be requests of their own: where ``n`` has another meaning."""
    return bool(body.get("use_beam_search") or (body.get("best_of") or 1) > 1)


@dataclass(frozen=True)
class Request:
    """A request, without its replicates: whom it goes to, and what is sent.

    ``executions`` is the number of replicates that are executed: one where all would be the same. ``seed`` is the first
    one's; the others count up from it, as vLLM does for the answers of one request.
    """

    target: int
    body: Mapping[str, Any]
    executions: int
    seed: int | None

    @property
    def lane(self) -> int:
        """Greedy, unseeded and seeded requests are kept apart: vLLM samples batches of one kind faster."""
        return 0 if deterministic(self.body) else 1 if self.seed is None else 2


@dataclass(frozen=True)
class Questions:
    """All that a design asks of certain models: which cell asks what of which item, and the requests by name.

    ``bodies`` have all that changes a request's result, as JSON.
    """

    requests: Mapping[str, Request]
    asked: Sequence[Asked]
    bodies: Mapping[str, str]


def questions(design: Design, identities: Sequence[Mapping[str, Any]]) -> Questions:
    """The requests of a design, those that are alike once.

    Parameters: the design, and what each model is known by. The cells are those of the first model, then those of the
    next.
    """
    requests: dict[str, Request] = {}
    bodies: dict[str, str] = {}
    asked: list[Asked] = []
    for target, identity in enumerate(identities):
        for place, point in enumerate(design.points):
            for index, item in enumerate(design.items):
                request = _request(design, target, point, item)
                described = canonical(_described(design, request, identity))
                name = digest_of(described)
                requests.setdefault(name, request)
                bodies.setdefault(name, described)
                cell = target * len(design.points) + place
                asked.append(Asked(cell, index, name, request.executions))
    # n is no part of the name: a request may be known with fewer replicates, never with more.
    return Questions(requests, asked, bodies)


def _request(design: Design, target: int, point: Point, item: Item) -> Request:
    body = design.body(point, item)
    if not deterministic(body):
        return Request(target, body, design.n, _seed(design, body))
    if not body.get("use_beam_search"):
        body = {name: value for name, value in body.items() if name not in _SAMPLING_ONLY}
    # Its times differ each time all the same.
    return Request(target, body, design.n if design.mode == "latency" else 1, None)


def _seed(design: Design, body: Mapping[str, Any]) -> int | None:
    """The first replicate's seed. It differs between prompts, which would else all draw the same numbers and not be
    independent, and is the same for all settings of one, which makes their comparison sharper."""
    if design.seed is None:
        return None
    return number_of([design.seed, body.get("messages") or body.get("prompt")])


def _described(design: Design, request: Request, identity: Mapping[str, Any]) -> dict[str, Any]:
    """All that changes the result."""
    described: dict[str, Any] = {
        "model": identity,
        "endpoint": design.endpoint,
        "body": request.body,
        "seed": request.seed,
    }
    if design.mode == "latency":
        described["mode"] = design.mode  # the answer is the same, its times are not
    return described


def shown_prompt(body: Mapping[str, Any]) -> str:
    """What a table shows of what was asked: the user's message, or all messages as JSON where there are more."""
    if "messages" not in body:
        prompt = body.get("prompt")
        return prompt if isinstance(prompt, str) else json.dumps(prompt)
    rest = [message for message in body["messages"] if message.get("role") != "system"]
    if len(rest) == 1 and isinstance(rest[0].get("content"), str):
        return str(rest[0]["content"])
    return json.dumps(body["messages"], ensure_ascii=False)


def prefix_order(request: Request) -> tuple[int, str]:
    """Sorts requests so that those of a lane are together, and in it those that begin alike."""
    return request.lane, canonical(request.body.get("messages") or request.body.get("prompt"))
