"""vLLM's Prometheus metrics, which it keeps in the process-wide registry beside Jupyter's own."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.metrics_core import Metric

__all__ = ["CONTENT_TYPE", "exposition", "scheduler_figures"]

_FIGURES = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "kv_cache_usage",
    "vllm:generation_tokens": "generated_tokens",
}


class _VLLMMetrics(CollectorRegistry):
    """The families whose name begins with ``vllm:``."""

    def collect(self) -> Iterator[Metric]:
        return (family for family in REGISTRY.collect() if family.name.startswith("vllm:"))


def exposition() -> bytes:
    """vLLM's metrics in Prometheus' text format; empty while no engine has run."""
    return generate_latest(_VLLMMetrics())


def scheduler_figures() -> dict[str, float]:
    """What vLLM's scheduler last said: ``running`` and ``waiting`` requests, ``kv_cache_usage`` from 0 to 1, and
    ``generated_tokens`` since the process began."""
    figures = dict.fromkeys(_FIGURES.values(), 0.0)
    for family in _VLLMMetrics().collect():
        if family.name in _FIGURES:
            samples = (sample.value for sample in family.samples if not sample.name.endswith("_created"))
            figures[_FIGURES[family.name]] = sum(samples)
    return figures
