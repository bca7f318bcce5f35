"""The file that results are kept in."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from oaikit.errors import InvalidRequestError, SettingError
from oaikit.experiments.keys import digest
from oaikit.experiments.store import VERSION, Asked, Result, Store

SPEC: dict[str, Any] = {"cells": [{}], "items": [{"id": 0, "data": {}}]}


def filled(store: Store) -> Store:
    store.save_sweep("s", SPEC, [Asked(0, 0, "a", 4), Asked(0, 1, "b", 1)], {"a": '{"x":1}', "b": '{"x":2}'})
    store.begin_run("r", "s", {"by": "test"})
    return store


def test_results_are_there_for_another_process_before_the_run_ends(tmp_path: Path) -> None:
    store = filled(Store(tmp_path / "s.db"))
    store.record([Result("a", 0, "r", text="x"), Result("a", 2, "r", error="no")])
    other = Store(tmp_path / "s.db")
    assert other.done("s") == {"a": {0}}
    assert [row[:5] for row in other.rows("s")] == [(0, 0, 4, "a", 0), (0, 0, 4, "a", 2)]
    assert other.bodies("s") == {"a": {"x": 1}, "b": {"x": 2}}
    assert other.last_run("s") == ("r", {"by": "test"})
    assert other.load_sweep("s") == SPEC
    assert other.sweeps() == ["s"]
    assert other._pragma("journal_mode") == "wal"


def test_an_error_is_replaced_and_an_answer_never() -> None:
    store = filled(Store())
    store.record([Result("a", 0, "r", error="no")])
    store.record([Result("a", 0, "r", text="first")])
    store.record([Result("a", 0, "r", text="second"), Result("a", 0, "r", error="late")])
    assert store.done("s") == {"a": {0}}
    assert store.rows("s")[0][6] == "first"


def test_replicates_beyond_what_is_asked_are_left_out() -> None:
    store = filled(Store())
    store.record([Result("b", each, "r", text="x") for each in range(3)])
    assert store.done("s") == {"b": {0}}
    assert len(store.rows("s")) == 1


def test_scores_are_of_a_scorer_and_a_context() -> None:
    store = filled(Store())
    store.record_scores(
        [("a", 0, "exact", "seven", 1.0), ("a", 0, "exact", "eight", None), ("a", 0, "len", "", 3.0)]
    )
    assert store.scores("s", "exact") == {("a", 0, "seven"): 1.0, ("a", 0, "eight"): None}
    store.forget_scores("exact")
    assert store.scores("s", "exact") == {}
    assert len(store.scores("s", "len")) == 1


def test_what_earlier_runs_made_is_the_rate() -> None:
    store = filled(Store())
    assert store.rate() is None
    store.record([Result("a", 0, "r", text="x", prompt_tokens=2, completion_tokens=10)])
    time.sleep(0.02)
    store.end_run("r")
    rate = store.rate()
    assert rate is not None
    assert rate[0] > 0
    assert rate[1:] == (10, len('{"x":1}') / 2)


WRITER = """
import sys
from oaikit.experiments.store import Asked, Result, Store
store = Store(sys.argv[1])
store.save_sweep("s", {}, [Asked(0, 0, "a", 10**6)], {})
store.begin_run("r", "s", {})
for number in range(10**6):
    store.record([Result("a", number, "r", text="x" * 200)])
    print(number, flush=True)
"""


def test_what_was_committed_outlives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    for _ in range(200):
        last = writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    rest = writer.communicate()[0].splitlines()
    reported = int(rest[-1] if rest and rest[-1].isdigit() else last)
    done = Store(path).done("s")["a"]
    assert done == set(range(len(done)))
    assert len(done) >= reported  # what it said is there; one more may be
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_two_may_write_at_once(tmp_path: Path) -> None:
    one, two = filled(Store(tmp_path / "s.db")), Store(tmp_path / "s.db")
    for number in range(50):
        (one if number % 2 else two).record([Result("a", number, "r", text="x")])
    assert one.done("s") == two.done("s") == {"a": {0, 1, 2, 3}}


def test_a_file_that_is_no_store_or_of_another_version_is_refused(tmp_path: Path) -> None:
    text, other, old = (tmp_path / name for name in ("text", "other", "old"))
    text.write_text("not a database " * 100)
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    Store(old).close()
    with sqlite3.connect(old) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    for path, message in (
        (text, "not a database"),
        (other, "no store of oaikit's"),
        (old, f"version {VERSION + 1}.*reads version {VERSION}"),
        (tmp_path / "no" / "folder", "can't be used as a store"),
    ):
        with pytest.raises(InvalidRequestError, match=message) as caught:
            Store(path)
        assert caught.value.param == "store"
    assert text.read_text().startswith("not a database")


def test_a_store_that_can_be_read_and_not_written_says_so(tmp_path: Path) -> None:
    store = filled(Store(tmp_path / "s.db"))
    store._db.execute("PRAGMA query_only = 1")
    with pytest.raises(SettingError, match=r"s\.db can't be written: attempt to write a readonly database"):
        store.record([Result("a", 0, "r", text="x")])
    assert store.rows("s") == []


def test_a_new_file_may_be_made_by_several_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store(tmp_path / "s.db"), range(8)))
    filled(stores[0])
    assert all(store.load_sweep("s") == SPEC for store in stores)


def test_keys_are_equal_for_what_means_the_same() -> None:
    assert digest({"a": 1, "b": [1.0, "x"]}) == digest({"b": (1, "x"), "a": 1.0})
    assert digest({"a": 1}) != digest({"a": "1"}) != digest({"a": True}) != digest({"a": 1})
    assert digest({"a": 0.1}) != digest({"a": 0.10000001})
