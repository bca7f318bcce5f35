"""The built-in model, oaikit-demo: small enough to ship, trained by tools/demo_model. README.md is its card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

NAME = "oaikit-demo"
"""What is given as a model's name to mean this one, and the name that it is served under."""

FOLDER = Path(__file__).resolve().parent

ENGINE_ARGS: Mapping[str, Any] = {
    "max_model_len": 1024,
    # 64 whole contexts in float32. Without it vLLM would fill nine tenths of a GPU for these four million weights.
    "kv_cache_memory_bytes": 512 * 2**20,
    # The share of a GPU that must be free at the start. With a fixed KV cache that is all it does; vLLM's default of
    # 0.92 would keep the model from a GPU that something else is using.
    "gpu_memory_utilization": 0.02,
    "enable_auto_tool_choice": True,
    "tool_call_parser": "hermes",
    # Of vLLM's parsers for <think>…</think> the one that takes thinking to be off unless the request asks for it.
    "reasoning_parser": "deepseek_v3",
}
"""vLLM's engine arguments for it, where the user has not said otherwise."""
