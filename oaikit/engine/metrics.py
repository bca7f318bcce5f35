"""vLLM's Prometheus metrics, which it keeps in the process-wide registry beside Jupyter's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from statistics import fmean
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST as CONTENT_TYPE
from prometheus_client.metrics_core import Metric

__all__ = ["CONTENT_TYPE", "exposition", "scheduler_figures"]

# Each data-parallel rank has a sample of its own: a share is averaged over them, everything else is added up.
_FIGURES: Final[Mapping[str, tuple[str, Callable[[list[float]], float]]]] = {
    "vllm:num_requests_running": ("running", math.fsum),
    "vllm:num_requests_waiting": ("waiting", math.fsum),
    "vllm:kv_cache_usage_perc": ("kv_cache_usage", fmean),
    "vllm:generation_tokens": ("generated_tokens", math.fsum),
}


class _VLLMMetrics(CollectorRegistry):
    """The families of another registry whose name begins with ``vllm:``."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        return (family for family in self._registry.collect() if family.name.startswith("vllm:"))


def exposition() -> bytes:
    """vLLM's metrics in Prometheus' text format; empty while no engine has run."""
    return generate_latest(_VLLMMetrics(REGISTRY))


def scheduler_figures(registry: CollectorRegistry = REGISTRY) -> dict[str, float]:
    """The latest figures of vLLM's scheduler, over all data-parallel ranks.

    Args:
        registry: Where vLLM keeps its metrics: the process-wide one.

    Returns:
        ``running`` and ``waiting`` requests, the mean ``kv_cache_usage`` (0 to 1), and ``generated_tokens`` since the
        process began.
    """
    figures = {name: 0.0 for name, _ in _FIGURES.values()}
    for family in _VLLMMetrics(registry).collect():
        if family.name in _FIGURES:
            name, together = _FIGURES[family.name]
            samples = [sample.value for sample in family.samples if not sample.name.endswith("_created")]
            if samples:
                figures[name] = together(samples)
    return figures
