"""The scheduler's figures, from metrics as vLLM keeps them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY, Counter, Gauge

from oaikit.engine import metrics

LABELS = ("model_name", "engine")


@pytest.fixture
def ranks() -> Iterator[None]:
    """Two data-parallel ranks; vLLM labels each with its number."""
    gauges = {
        name: Gauge(f"vllm:{name}", name, LABELS)
        for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")
    }
    tokens = Counter("vllm:generation_tokens", "tokens", LABELS)
    for rank, (running, waiting, usage, generated) in enumerate([(3, 1, 0.9, 100), (5, 0, 0.6, 50)]):
        for gauge, value in zip(gauges.values(), (running, waiting, usage), strict=True):
            gauge.labels("m", rank).set(value)
        tokens.labels("m", rank).inc(generated)
    yield
    for collector in (*gauges.values(), tokens):
        REGISTRY.unregister(collector)


def test_counts_are_added_up_and_a_share_is_averaged(ranks: None) -> None:
    assert metrics.scheduler_figures() == {
        "running": 8,
        "waiting": 1,
        "kv_cache_usage": pytest.approx(0.75),
        "generated_tokens": 150,
    }


def test_without_an_engine_everything_is_zero() -> None:
    assert set(metrics.scheduler_figures().values()) == {0.0}
