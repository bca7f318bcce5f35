"""The scheduler's figures, from metrics as vLLM keeps them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from oaikit.engine import metrics

LABELS = ("model_name", "engine")


@pytest.fixture
def ranks() -> CollectorRegistry:
    """The metrics of two data-parallel ranks; vLLM labels each with its number.

    The registry is not the process-wide one, which holds vLLM's own metrics if an earlier test ran an engine.
    """
    registry = CollectorRegistry()
    gauges = {
        name: Gauge(f"vllm:{name}", name, LABELS, registry=registry)
        for name in ("num_requests_running", "num_requests_waiting", "kv_cache_usage_perc")
    }
    tokens = Counter("vllm:generation_tokens", "tokens", LABELS, registry=registry)
    for rank, (running, waiting, usage, generated) in enumerate([(3, 1, 0.9, 100), (5, 0, 0.6, 50)]):
        for gauge, value in zip(gauges.values(), (running, waiting, usage), strict=True):
            gauge.labels("m", rank).set(value)
        tokens.labels("m", rank).inc(generated)
    return registry


def test_counts_are_added_up_and_a_share_is_averaged(ranks: CollectorRegistry) -> None:
    assert metrics.scheduler_figures(ranks) == {
        "running": 8,
        "waiting": 1,
        "kv_cache_usage": pytest.approx(0.75),
        "generated_tokens": 150,
    }


def test_without_an_engine_everything_is_zero() -> None:
    assert set(metrics.scheduler_figures(CollectorRegistry()).values()) == {0.0}
