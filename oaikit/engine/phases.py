"""The phases of a load, read from what vLLM logs while it starts.

vLLM has no other sign of how far a load has come. `tools/contract/table.py` says for each text where the code of a GPU
and that of a CPU log it, and ``make contract`` looks it up in the sources of the supported releases. A text that
changes costs a phase's name, nothing else.
"""

from __future__ import annotations

import logging
import re
from typing import Final

# Each text and the phase that begins with it. vLLM logs no line when it begins to capture CUDA graphs in its second
# model runner, the default on GPUs: there the phase "warming up" covers it.
PHASES: Final = (
    (re.compile(r"^Loading model from scratch"), "loading weights"),  # vLLM's second model runner
    (re.compile(r"^Starting to load model "), "loading weights"),  # its first one
    (re.compile(r"^Model loading took "), "profiling memory"),
    (re.compile(r"Starting torch\.compile$"), "compiling"),
    (re.compile(r"^Compile and warming up model for size "), "compiling"),
    (re.compile(r"^Warming up model for the compilation"), "compiling"),
    (re.compile(r"^Available KV cache memory: "), "allocating the KV cache"),
    (re.compile(r" KV cache size: .* tokens"), "allocating the KV cache"),
    (re.compile(r"^JIT kernel warmup starting"), "warming up"),
    (re.compile(r"^Running FlashInfer autotune with "), "warming up"),
    (re.compile(r"^Rank \d+: Torch profiler (en|dis)abled for CUDA graph capture"), "capturing CUDA graphs"),
    (re.compile(r"^init engine \(profile, create kv cache, warmup model\) took "), "starting the scheduler"),
)

# The processes of a tensor-parallel group are called VllmWorker-0, VllmWorker-1, …, those of data-parallel ranks
# EngineCore_DP0, EngineCore_DP1, …
_LATER_RANK: Final = re.compile(r"^(VllmWorker-|EngineCore_DP)[1-9]")


def phase_of(record: logging.LogRecord) -> str | None:
    """The phase that begins with a line of vLLM's log, or None.

    Only the first of several ranks counts. The others say the same a little later, and would turn the phase back.
    """
    if record.levelno != logging.INFO or _LATER_RANK.match(record.processName or ""):
        return None
    text = record.getMessage()
    return next((phase for pattern, phase in PHASES if pattern.search(text)), None)
