"""How fast the built-in model is: from load to first token next to random weights of its size, and tokens per second.

``python benchmarks/demo_model.py [--rounds 3]``. Each load is a process of its own, the two kinds in turn.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from oaikit import demo

TOKENS = 256
STREAMS = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="loads of each (default: %(default)s)")
    parser.add_argument("--load", type=Path, help=argparse.SUPPRESS)  # what a process of its own does
    args = parser.parse_args()
    if args.load:
        print(json.dumps(measure(args.load)))
        return
    with tempfile.TemporaryDirectory() as folder:
        models = {"built-in": demo.FOLDER, "random": random_model(Path(folder) / "random")}
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in models}
        for _ in range(args.rounds):
            for name, path in models.items():
                figures[name].append(loaded(path))
    for name, measured in figures.items():
        for index, title in enumerate(("load to first token, s", "one stream, tokens/s")):
            values = [each[index] for each in measured]
            print(f"{name}, {title}: {statistics.median(values):.1f} ({min(values):.1f}–{max(values):.1f})")


def random_model(folder: Path) -> Path:
    """The same shape and tokenizer with weights that mean nothing."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(demo.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    torch.manual_seed(0)
    weights = {
        name: torch.randn_like(weight) * 0.02
        for name, weight in load_file(folder / "model.safetensors").items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def loaded(model: Path) -> tuple[float, float]:
    command = [sys.executable, __file__, "--load", str(model)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds, speed = json.loads(done.stdout.splitlines()[-1])
    return seconds, speed


def measure(model: Path) -> tuple[float, float]:
    """Seconds from here to the first token; tokens per second, the median of a few streams."""
    began = time.perf_counter()
    import oaikit as ok

    with ok.Engine(str(model), **demo.ENGINE_ARGS) as llm:
        llm.chat("Hello!", max_tokens=1)
        seconds = time.perf_counter() - began
        speeds = []
        for _ in range(STREAMS):
            reply = llm.stream("Tell me a story.", max_tokens=TOKENS, ignore_eos=True).wait()
            speeds.append(reply.tokens_per_s or 0.0)
    return seconds, statistics.median(speeds)


if __name__ == "__main__":
    main()
