"""Requests in flight, their queue, and the requests of a key in a minute."""

from __future__ import annotations

import asyncio

import pytest

from oaikit.errors import RateLimitError
from oaikit_server.limits import Gate, RateLimits


def test_beyond_the_limit_requests_wait_in_line_and_beyond_the_queue_they_are_refused():
    async def scenario():
        gate = Gate(limit=2, queue=2)
        first, second, third, fourth = (gate.enter() for _ in range(4))
        assert await first.granted()
        assert await second.granted()
        assert not third.inside.done()
        with pytest.raises(RateLimitError) as caught:
            gate.enter()
        assert (caught.value.status, caught.value.code) == (429, "rate_limit_exceeded")
        assert int(caught.value.headers()["Retry-After"]) > 0
        second.leave()
        assert await third.granted()
        assert not fourth.inside.done()
        assert (gate.in_flight, gate.waiting) == (2, 1)
        for place in (first, third, fourth):
            place.leave()
        assert (gate.in_flight, gate.waiting) == (0, 0)

    asyncio.run(scenario())


def test_who_leaves_the_queue_gives_the_turn_to_the_next():
    async def scenario():
        gate = Gate(limit=1, queue=2)
        inside, gone, patient = gate.enter(), gate.enter(), gate.enter()
        waits = asyncio.create_task(gone.granted())
        await asyncio.sleep(0)
        gone.leave()
        assert await waits is False
        inside.leave()
        assert await patient.granted()
        assert (gate.in_flight, gate.waiting) == (1, 0)

    asyncio.run(scenario())


def test_leaving_twice_makes_room_once():
    async def scenario():
        gate = Gate(limit=1, queue=3)
        first, _, _ = gate.enter(), gate.enter(), gate.enter()
        first.leave()
        first.leave()
        assert (gate.in_flight, gate.waiting) == (1, 1)

    asyncio.run(scenario())


def test_a_cancelled_wait_keeps_no_place():
    async def scenario():
        gate = Gate(limit=1, queue=1)
        first, second = gate.enter(), gate.enter()
        waits = asyncio.create_task(second.granted())
        await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        second.leave()
        assert gate.waiting == 0
        first.leave()
        assert gate.in_flight == 0

    asyncio.run(scenario())


def test_no_limit_and_no_queue():
    async def scenario():
        free = Gate(limit=0, queue=0)
        places = [free.enter() for _ in range(100)]
        assert all([await place.granted() for place in places])
        assert free.in_flight == 100
        strict = Gate(limit=1, queue=0)
        strict.enter()
        with pytest.raises(RateLimitError):
            strict.enter()

    asyncio.run(scenario())


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_key_may_make_so_many_requests_in_any_minute():
    clock = Clock()
    limits = RateLimits(clock)
    limits.count("a", 2)
    clock.now += 20
    limits.count("a", 2)
    clock.now += 10
    with pytest.raises(RateLimitError) as caught:
        limits.count("a", 2)
    assert caught.value.retry_after_s == 30
    clock.now += 29.9
    with pytest.raises(RateLimitError) as caught:
        limits.count("a", 2)
    assert caught.value.retry_after_s == 1, "OpenAI's clients take no notice of 0"
    clock.now += 0.1
    limits.count("a", 2)
    with pytest.raises(RateLimitError) as caught:
        limits.count("a", 2)
    assert caught.value.retry_after_s == 20


def test_keys_are_counted_apart():
    limits = RateLimits(Clock())
    limits.count("a", 1)
    limits.count("b", 1)
    with pytest.raises(RateLimitError):
        limits.count("a", 1)
