"""Processes that are spawned with an environment of their own and end with their parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from oaikit.engine._spawn import tied_command

# Spawns one child as vLLM does: the method "spawn", on a thread of its own. The child says what it finds.
PARENT = """
import json, multiprocessing, os, sys, threading, time
from oaikit.engine._spawn import Spawner

def child():
    names = ("OAIKIT_TEST_OWN", "OAIKIT_TEST_PARENT", "OAIKIT_TEST_HIDDEN")
    found = {"pid": os.getpid(), "group": os.getpgid(0), "env": {name: os.environ.get(name) for name in names}}
    print(json.dumps(found), flush=True)
    time.sleep(60)

if __name__ == "__main__":
    os.environ |= {"OAIKIT_TEST_PARENT": "p", "OAIKIT_TEST_HIDDEN": "h"}
    spawner = Spawner({"OAIKIT_TEST_OWN": "o", "OAIKIT_TEST_HIDDEN": None})
    spawn = multiprocessing.get_context("spawn")

    def start():
        with spawner.spawning():
            spawn.Process(target=child).start()
        time.sleep(60)

    threading.Thread(target=start, daemon=True).start()
    while not spawner.pids:
        time.sleep(0.001)
    %s
    time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def gone(pid: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def script(tmp_path):
    def write(statement: str) -> list[str]:
        path = tmp_path / "parent.py"
        path.write_text(PARENT % statement)
        return [sys.executable, str(path)]

    return write


def test_a_child_has_an_environment_of_its_own(script):
    command = script("pass")
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        found = json.loads(parent.stdout.readline())
        assert found["env"] == {
            "OAIKIT_TEST_OWN": "o",
            "OAIKIT_TEST_PARENT": "p",
            "OAIKIT_TEST_HIDDEN": None,
        }
        assert found["group"] == found["pid"], "Ctrl-C in the terminal is not for the engine"
        with open(f"/proc/{parent.pid}/environ") as file:
            assert "OAIKIT_TEST_OWN" not in file.read()
        parent.kill()
        assert gone(found["pid"])


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("delay_s", [0.0, 0.01, 0.03])
def test_a_child_ends_with_its_parent_from_its_first_moment(script, how, delay_s):
    """vLLM's processes import for seconds before any code of theirs runs; the parent may die at any moment of that."""
    code = f"print(spawner.pids[0], flush=True); time.sleep({delay_s}); os.kill(os.getpid(), {int(how)})"
    with subprocess.Popen(script(code), stdout=subprocess.PIPE) as parent:
        pid = int(parent.stdout.readline())
        parent.wait(30)
        assert gone(pid)


def test_a_spawner_that_was_stopped_kills_and_starts_nothing(script):
    code = """
    spawner.stop()
    pid = spawner.pids[0]
    while spawner.processes():
        time.sleep(0.01)
    try:
        with spawner.spawning():
            spawn.Process(target=child).start()
    except Exception as exc:
        print(json.dumps([type(exc).__name__, spawner.pids == [pid]]), flush=True)
    os._exit(0)
"""
    done = subprocess.run(script(code), capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == ["EngineStoppedError", True]


def test_other_processes_of_the_parent_are_left_alone(script):
    """Those of other threads, of other methods, and multiprocessing's own resource tracker."""
    code = """
    from multiprocessing import resource_tracker
    spawn.Process(target=child).start()
    print(spawner.pids[0], resource_tracker._resource_tracker._pid, flush=True)
    """
    with subprocess.Popen(script(code), stdout=subprocess.PIPE) as parent:
        lines = [parent.stdout.readline() for _ in range(3)]
        [(own, tracker)] = [map(int, line.split()) for line in lines if not line.startswith(b"{")]
        found = {each["pid"]: each for line in lines if line.startswith(b"{") for each in [json.loads(line)]}
        assert len(found) == 2
        other = next(pid for pid in found if pid != own)
        assert found[other]["env"]["OAIKIT_TEST_OWN"] is None
        assert found[other]["group"] != other
        with open(f"/proc/{tracker}/cmdline") as file:
            assert "prctl" not in file.read()
        parent.kill()
        assert gone(own)
        assert alive(other)
        os.kill(other, signal.SIGKILL)


def test_the_command():
    python, code = b"/usr/bin/python3", "from multiprocessing.spawn import spawn_main; spawn_main(1)"
    args = [python, "-X", "dev", "-c", code, "--multiprocessing-fork"]
    path, command = tied_command(python, args, 7, {})
    assert path == "/usr/bin/python3"
    assert command[:4] == ["/usr/bin/python3", "-X", "dev", "-c"]
    assert command[4].endswith(code)
    assert "getppid() == 7" in command[4]
    path, wrapped = tied_command(python, args, 7, {"A": "1 2", "B": None})
    assert path.endswith("/env")
    assert wrapped[1:4] == ["-u", "B", "A=1 2"]
    assert wrapped[4:] == command
