"""A sweep next to vLLM's own ``LLM.generate``: the same prompts and parameters, in the same run.

``python -m benchmarks.experiments`` has four contestants, each in a process of its own, of which one is asked at a
time, in turns: ``LLM.generate``, a sweep over HTTP from a Jupyter server, a loop of aiohttp that asks the same of the
same server and keeps nothing, and a sweep of an ``ok.Engine`` in its process. Ratios are taken within a round; medians
of the rounds are given with lowest and highest. The client's CPU is that of its whole process, while the clock runs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from oaikit.experiments.run.runner import WINDOW_PER_SEQUENCE
from tests.harness import SERVED, jupyter_server
from tools import tiny_model

TOKENS = 64
# A beginning and an end of some tenths of a second, when the engine isn't full, are in all of them.
REQUESTS = 2048
CASES: dict[str, dict[str, Any]] = {
    "greedy": {"temperature": 0, "n": 1},
    "sampled": {"temperature": 0.8, "n": 1},
    "seeded": {"temperature": 0.8, "n": 1, "seed": 1},
    "8 replicates": {"temperature": 0.8, "n": 8},
}
# The same for all engines: oaikit's defaults on a CPU, and what vLLM chooses for offline use.
ENGINE_ARGS: dict[str, Any] = {
    "dtype": "float32",
    "enforce_eager": True,
    "enable_chunked_prefill": False,
    "kv_cache_memory_bytes": 1 << 30,
    "enable_prefix_caching": False,  # every round asks the same
    "max_num_seqs": 256,  # these two are LLM.generate's defaults on a CPU; a server would have half of either
    "max_num_batched_tokens": 4096,
    "disable_log_stats": False,
}
AT_ONCE = WINDOW_PER_SEQUENCE * ENGINE_ARGS["max_num_seqs"]
VARIABLES = ("OAIKIT_BASE_URL", "OAIKIT_API_KEY")
Ask = Callable[[dict[str, Any], int], dict[str, float]]
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=REQUESTS)
    parser.add_argument("--cases", nargs="+", choices=[*CASES], default=[*CASES])
    parser.add_argument("--contestant", choices=[*WORKERS], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contestant:
        work(WORKERS[args.contestant])
        return
    with ExitStack() as stack:
        environment = served(stack)
        ask = {name: stack.enter_context(started(name, environment)) for name in WORKERS}
        for case in args.cases:
            for contestant in ask.values():  # a warm-up
                contestant(case, min(args.requests, 256))
            report(case, measured(ask, case, args.requests, args.rounds))


def measured(
    ask: dict[str, Callable[[str, int], dict[str, float]]], case: str, requests: int, rounds: int
) -> dict[str, list[dict[str, float]]]:
    """Seconds, and the client's CPU milliseconds per request, for each contestant and round."""
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ask}
    names = list(ask)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            run = ask[name](case, requests)
            found[name].append({"seconds": run["seconds"], "cpu_ms": 1000 * run["cpu_s"] / requests})
    return found


def report(case: str, found: dict[str, list[dict[str, float]]]) -> None:
    base = [each["seconds"] for each in found["LLM.generate"]]
    for name, rounds in found.items():
        ratios = [reference / each["seconds"] for reference, each in zip(base, rounds, strict=True)]
        cpu = statistics.median(each["cpu_ms"] for each in rounds)
        print(
            f"{case:14} {name:14} {statistics.median(each['seconds'] for each in rounds):7.2f} s  "
            f"throughput {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})  "
            f"client CPU {cpu:.2f} ms a request",
            flush=True,
        )


# -- contestants -----------------------------------------------------------------------------------------------------


def served(stack: ExitStack) -> dict[str, str]:
    """The environment of a program that is to find a Jupyter server with an engine."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
    options = (
        f"--OAIKit.model={tiny_model.build()}",
        f"--OAIKit.served_model_name={SERVED}",
        f"--OAIKit.engine_args={ENGINE_ARGS!r}",
    )
    server = stack.enter_context(jupyter_server(folder, *options))
    server.wait_for("ready")
    return {**os.environ, **dict(zip(VARIABLES, (server.v1, server.token), strict=True))}


@contextmanager
def started(name: str, environment: dict[str, str]) -> Iterator[Callable[[str, int], dict[str, float]]]:
    """A contestant's process; what it yields has it answer so many requests of a case."""
    command = [sys.executable, "-m", "benchmarks.experiments", "--contestant", name]
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    asked, told = process.stdin, process.stdout

    def ask(case: str, requests: int) -> dict[str, float]:
        asked.write(json.dumps([case, requests]) + "\n")
        asked.flush()
        for line in told:
            if line.startswith("{"):
                return dict(json.loads(line))
        raise RuntimeError(f"{name} ended")

    try:
        yield ask
    finally:
        asked.close()
        process.wait(60)


def work(make: Callable[[], Ask]) -> None:
    """In a contestant's process: do what the lines of standard input say."""
    ask = make()
    for line in sys.stdin:
        case, requests = json.loads(line)
        print(json.dumps(ask(dict(CASES[case]), requests)), flush=True)


def clocked(do: Callable[[], T]) -> tuple[T, dict[str, float]]:
    """What it comes to, and the seconds and CPU seconds that it takes."""
    began, before = time.perf_counter(), time.process_time()
    done = do()
    return done, {"seconds": time.perf_counter() - began, "cpu_s": time.process_time() - before}


def prompts(requests: int, replicates: int) -> list[str]:
    return [f"The {number}th day" for number in range(requests // replicates)]


def llm_generate() -> Ask:
    from vllm import LLM, SamplingParams

    llm = LLM(str(tiny_model.build()), **ENGINE_ARGS)

    def ask(case: dict[str, Any], requests: int) -> dict[str, float]:
        sampling = SamplingParams(max_tokens=TOKENS, ignore_eos=True, **case)
        texts = prompts(requests, case["n"])
        answers, taken = clocked(lambda: llm.generate(texts, sampling, use_tqdm=False))
        assert sum(len(each.token_ids) for answer in answers for each in answer.outputs) == requests * TOKENS
        return taken

    return ask


def bare_aiohttp() -> Ask:
    """What a sweep over HTTP can be measured by: as many at once, without its design, store and table."""
    import aiohttp
    import uvloop

    url, key = (os.environ[name] for name in VARIABLES)

    async def asked(bodies: list[dict[str, Any]]) -> int:
        async def work() -> int:
            tokens = 0
            while bodies:
                async with session.post(f"{url}/completions", json=bodies.pop()) as response:
                    tokens += json.loads(await response.text())["usage"]["completion_tokens"]
            return tokens

        async with aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            headers={"Authorization": f"Bearer {key}"},
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        ) as session:
            return sum(await asyncio.gather(*(work() for _ in range(AT_ONCE // bodies[0]["n"]))))

    def ask(case: dict[str, Any], requests: int) -> dict[str, float]:
        given = {"model": SERVED, "max_tokens": TOKENS, "ignore_eos": True, **case}
        bodies = [{**given, "prompt": text} for text in prompts(requests, case["n"])]
        tokens, taken = clocked(lambda: uvloop.run(asked(bodies)))
        assert tokens == requests * TOKENS
        return taken

    return ask


def sweep_http() -> Ask:
    import oaikit as ok

    return sweeping(ok.connect())


def sweep_engine() -> Ask:
    import oaikit as ok

    return sweeping(ok.Engine(str(tiny_model.build()), **ENGINE_ARGS))


def sweeping(llm: Any) -> Ask:
    import oaikit as ok

    def ask(case: dict[str, Any], requests: int) -> dict[str, float]:
        n, seed = case.pop("n"), case.pop("seed", None)
        texts = prompts(requests, n)
        sweep = ok.Sweep(
            llm, case, prompts=texts, completion=True, n=n, seed=seed, max_tokens=TOKENS, ignore_eos=True
        )
        _, taken = clocked(sweep.run)
        assert sweep.df["completion_tokens"].sum() == requests * TOKENS
        return taken

    return ask


WORKERS: dict[str, Callable[[], Ask]] = {
    "LLM.generate": llm_generate,
    "HTTP": sweep_http,
    "bare aiohttp": bare_aiohttp,
    "in process": sweep_engine,
}


if __name__ == "__main__":
    main()
