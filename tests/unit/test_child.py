"""What runs inside vLLM's processes: the report of a load, and the tie to the parent's life."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
import subprocess
import sys
import time

import pytest

from oaikit import settings
from oaikit.engine import _child


@pytest.fixture
def report(tmp_path):
    return str(tmp_path / "report")


@pytest.fixture
def logger(report):
    """A logger that reports as vLLM's does in its processes."""
    logger = logging.getLogger("test_child")
    handler = _child._Reporter(report)
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    logger.removeHandler(handler)


def entries(report: str, name: str) -> list[str]:
    return [entry[name] for entry in _child.read(report) if name in entry]


def test_what_is_appended_can_be_read(report):
    before = time.time()
    _child.append(report, {"phase": "loading weights"})
    _child.append(report, {"error": "ValueError: ü\nsecond line"})
    first, second = _child.read(report)
    assert (first["phase"], second["error"]) == ("loading weights", "ValueError: ü\nsecond line")
    assert before <= first["time"] <= second["time"] <= time.time()


def test_a_line_that_is_half_written_is_left_for_later(report):
    _child.append(report, {"phase": "loading weights"})
    with open(report, "a") as file:
        file.write('{"phase": "compi')
    assert entries(report, "phase") == ["loading weights"]
    with open(report, "a") as file:
        file.write('ling", "time": 1}\n')
    assert entries(report, "phase") == ["loading weights", "compiling"]


def test_a_report_that_is_not_there_is_empty(tmp_path):
    assert _child.read(str(tmp_path / "none")) == []
    _child.append(
        str(tmp_path / "gone" / "report"), {"phase": "x"}
    )  # the load was broken off: no error either


@pytest.mark.parametrize(
    ("message", "phase"),
    [
        ("Loading model from scratch...", "loading weights"),
        ("Starting to load model Qwen/Qwen3-0.6B...", "loading weights"),
        ("Model loading took 1.12 GiB memory and 0.5 seconds", "profiling memory"),
        ("Warming up model for the compilation...", "compiling"),
        ("Starting torch.compile", "compiling"),
        ("[backbone] Starting torch.compile", "compiling"),
        ("Compile and warming up model for size 8192", "compiling"),
        (
            "GPU KV cache size: 1,024 tokens, Maximum concurrency for 2,048 tokens per request: 2.00x",
            "allocating the KV cache",
        ),
        ("Available KV cache memory: 60.1 GiB", "allocating the KV cache"),
        ("JIT kernel warmup starting.", "warming up"),
        ("Running FlashInfer autotune with 8192 tokens and token buckets (1, 2).", "warming up"),
        ("Rank 0: Torch profiler disabled for CUDA graph capture", "capturing CUDA graphs"),
        (
            "init engine (profile, create kv cache, warmup model) took 2.10 s",
            "starting the scheduler",
        ),
    ],
)
def test_vllms_messages_become_phases(logger, report, message, phase):
    logger.info("%s", message)
    assert entries(report, "phase") == [phase]


@pytest.mark.parametrize(
    ("process", "reported"),
    [
        ("EngineCore", True),
        ("EngineCore_DP0", True),
        ("EngineCore_DP1", False),
        ("VllmWorker-0", True),
        ("VllmWorker-1", False),
        ("VllmWorker-10", False),
    ],
)
def test_only_the_first_rank_reports_phases(logger, report, monkeypatch, process, reported):
    monkeypatch.setattr(multiprocessing.current_process(), "name", process)
    logger.info("Model loading took 1.12 GiB memory and 0.5 seconds")
    assert bool(entries(report, "phase")) is reported
    try:
        raise ValueError("out of memory")
    except ValueError:
        logger.exception("failed")
    assert entries(report, "error") == ["ValueError: out of memory"], "every rank reports what ends it"


def test_other_messages_are_not_reported(logger, report):
    logger.info("torch.compile took 12.30 s in total")  # ends a phase that is long over
    logger.info("Graph capturing finished in 5 secs, took 0.4 GiB")  # logged by the memory's profile too
    logger.info("Using FLASH_ATTN attention backend")
    logger.debug("Starting to load model x...")
    logger.warning("Starting to load model x...")
    logger.error("EngineCore failed to start.")
    assert _child.read(report) == []


def test_exceptions_become_errors(logger, report):
    try:
        raise ValueError("No available memory for the cache blocks.")
    except ValueError:
        logger.exception("EngineCore failed to start.")
    assert _child.errors(report) == ["ValueError: No available memory for the cache blocks."]
    assert _child.errors(report, since=time.time() + 1) == []


# A main process, then two children of its: one whose environment names a report, one whose does not.
INSTALL = """
import json, logging, multiprocessing, os, sys
from oaikit import settings
from oaikit.engine import _child, _spawn

def state():
    return {"tied": _spawn._process_wide is not None, "handlers": len(logging.getLogger("vllm").handlers)}

def child():
    before = state()
    _child.install()
    _child.install()
    logging.getLogger("vllm").setLevel(logging.INFO)
    logging.getLogger("vllm").info("Starting to load model x...")
    print(json.dumps([before, state()]), flush=True)

def run():
    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    process.join()

os.environ.pop("OAIKIT_ENGINE_REPORT", None)
run()
os.environ["OAIKIT_ENGINE_REPORT"] = sys.argv[1]
child()
run()
"""


def test_install_touches_only_children_of_oaikits_engine(report):
    """The entry point runs in every vLLM process of the machine: other people's must not notice."""
    run = subprocess.run(
        [sys.executable, "-c", INSTALL, report], capture_output=True, text=True, timeout=60, check=True
    )
    foreign, main, own = (json.loads(line) for line in run.stdout.splitlines())
    assert foreign[0] == foreign[1], "a child of somebody else's engine"
    assert main[0] == main[1], "a main process, such as a kernel of the server"
    assert own[1]["handlers"] == own[0]["handlers"] + 1, "once, however often vLLM calls it"
    assert own[1]["tied"], "so are the workers that it starts"
    assert entries(report, "phase") == ["loading weights"]


def test_a_script_that_a_new_process_imports_makes_no_engine(report, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing, sys\n"
        "import oaikit as ok\n"
        "if __name__ == '__main__':\n"
        "    process = multiprocessing.get_context('spawn').Process(target=print)\n"
        "    process.start()\n"
        "    process.join()\n"
        "    sys.exit(process.exitcode)\n"
        "ok.Engine('nothing')\n"
    )
    environment = {**os.environ, settings.ENGINE_REPORT: report}
    ended = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True)
    assert ended.returncode == 1
    assert "EngineFailedError: vLLM's process imports this script" in ended.stderr
    [told] = entries(report, "error")
    assert 'under `if __name__ == "__main__":`' in told
