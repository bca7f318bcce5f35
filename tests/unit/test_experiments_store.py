"""The file that results are kept in."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from oaikit.errors import InvalidRequestError, StorageError
from oaikit.experiments.analysis.results import open_sweep
from oaikit.experiments.store.database import RESULT_FIELDS, Asked, Result, Store
from oaikit.experiments.store.keys import digest
from oaikit.experiments.store.spec import ItemSpec, ScorerSpec, SweepSpec

SPEC = SweepSpec(cells=[{}], items=[ItemSpec(0)])


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
    assert other._db.row("PRAGMA journal_mode") == ("wal",)


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
from oaikit.experiments.store.database import RESULT_FIELDS, Asked, Result, Store
from oaikit.experiments.store.spec import ItemSpec, SweepSpec
store = Store(sys.argv[1])
store.save_sweep("s", SweepSpec([{}], [ItemSpec(0)]), [Asked(0, 0, "a", 10**6)], {})
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


def test_a_file_that_is_no_store_or_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    text, other, newer = (tmp_path / name for name in ("text", "other", "newer"))
    text.write_text("not a database " * 100)
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    Store(newer).close()
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 99")
    for path, message in (
        (text, "damaged, or not a database at all: name another file"),
        (other, "no sweep store of oaikit: name another file"),
        (newer, "version 99, made by a newer release of oaikit"),
        (tmp_path / "no" / "folder", r"can't be opened: there is no folder .*no$"),
        (tmp_path, "can't be opened: it is a folder"),
    ):
        with pytest.raises(InvalidRequestError, match=message) as caught:
            Store(path)
        assert caught.value.param == "store"
    assert text.read_text().startswith("not a database")


def test_a_store_of_the_first_release_keeps_its_results(old_file: Callable[[str], Path]) -> None:
    store = Store(old_file("store_1"))
    assert store.sweeps() == ["s"]
    assert store.load_sweep("s") == SPEC
    assert store.last_run("s") == ("r", {"by": "main"})
    assert store.bodies("s") == {"a": {"x": 1}, "b": {"x": 2}}
    first, failed, second = store.rows("s")
    assert first == (
        0,
        0,
        4,
        "a",
        0,
        "r",
        "one\n'two' ü",
        "stop",
        2,
        10,
        0.5,
        0.1,
        -0.25,
        None,
        None,
        None,
        None,
    )
    assert (failed[4], failed[13]) == (1, "no")
    assert second == (0, 1, 1, "b", 0, "r", "", *[None] * 7, "hm", "[]", None)
    assert store.scores("s", "exact") == {("a", 0, "seven"): 1.0, ("a", 0, "eight"): None}
    assert store.trials("t") == [(0, {"temperature": 0.5}, 0.75), (1, {"temperature": 1.5}, None)]
    store.record([Result("a", 1, "r", text="now")])
    assert store.done("s") == {"a": {0, 1}, "b": {0}}


def test_a_store_that_can_only_be_read_says_so(open_folder: Path, request: pytest.FixtureRequest) -> None:
    path = open_folder / "s.db"
    filled(Store(path)).close()
    path.chmod(0o444)
    open_folder.chmod(0o555)
    request.getfixturevalue("unprivileged")
    store = Store(path)
    with pytest.raises(StorageError, match=r"s\.db can't be written: the file or its folder is read-only"):
        store.record([Result("a", 0, "r", text="x")])
    assert store.rows("s") == []
    asked = [Asked(0, 0, "a", 4), Asked(0, 1, "b", 1)]
    store.save_sweep("s", SPEC, asked, {})  # as a Sweep does before it looks for results
    with pytest.raises(StorageError, match="read-only"):
        store.save_sweep("another", SPEC, asked, {})
    assert open_sweep(path).id == "s"


def test_faults_while_a_sweep_runs_are_errors_that_say_what_happened(tmp_path: Path) -> None:
    store = filled(Store(tmp_path / "s.db"))
    store._db.rows("PRAGMA max_page_count = 12")
    with pytest.raises(StorageError, match=r"s\.db can't be written: the disk is full") as caught:
        store.record(Result("a", number, "r", text="x" * 9000) for number in range(100))
    assert (caught.value.param, caught.value.code) == ("store", "storage_error")
    (tmp_path / "s.db").unlink()
    with pytest.raises(StorageError, match=r"s\.db was deleted or replaced while it was open"):
        store.record([Result("a", 0, "r", text="x")])


def test_a_new_store_is_for_its_owner_alone(tmp_path: Path) -> None:
    store = filled(Store(tmp_path / "s.db"))
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    assert len(list(tmp_path.iterdir())) == 3
    store.close()


def test_results_can_be_closed_and_leave_one_file(tmp_path: Path) -> None:
    filled(Store(tmp_path / "s.db")).close()
    with open_sweep(tmp_path / "s.db") as results:
        assert results.id == "s"
        assert (tmp_path / "s.db-wal").exists()
    results.close()
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]
    with pytest.raises(StorageError, match=r"s\.db is closed: open it again"):
        _ = results.df


def test_a_new_file_may_be_made_by_several_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: Store(tmp_path / "s.db"), range(8)))
    filled(stores[0])
    assert all(store.load_sweep("s") == SPEC for store in stores)


def test_a_description_comes_back_equal_and_keeps_the_name_that_earlier_releases_gave_it() -> None:
    spec = SweepSpec(
        cells=[{"temperature": 0.5}, {"temperature": None}],
        items=[ItemSpec(0, {"question": "ü"}), ItemSpec("b", {"question": None})],
        axes=["temperature"],
        columns=["question"],
        fixed={"max_tokens": 4},
        n=2,
        mode="latency",
        scorers=[ScorerSpec("exact", "abc", ("answer",), "bounded", (0, 5.5))],
    )
    assert SweepSpec.from_json(spec.to_json()) == spec
    assert spec.rows == 8
    told = {
        "axes": ["temperature"],
        "cells": [{"temperature": 0.5}, {"temperature": None}],
        "items": [{"id": 0, "data": {"question": "ü"}}, {"id": "b", "data": {"question": None}}],
        "columns": ["question"],
        "fixed": {"max_tokens": 4},
        "n": 2,
        "mode": "latency",
        "endpoint": "chat/completions",
    }
    assert spec.identity(["a", "b"]) == digest([told, ["a", "b"]])


def test_keys_are_equal_for_what_means_the_same() -> None:
    assert digest({"a": 1, "b": [1.0, "x"]}) == digest({"b": (1, "x"), "a": 1.0})
    assert digest({"a": 1}) != digest({"a": "1"}) != digest({"a": True}) != digest({"a": 1})
    assert digest({"a": 0.1}) != digest({"a": 0.10000001})


def test_an_answer_with_half_of_a_surrogate_pair_is_kept(tmp_path: Path) -> None:
    store = filled(Store(tmp_path / "s.db"))
    store.record(
        [Result("a", 0, "r", text="good"), Result("a", 1, "r", text="a\ud83d b", reasoning="\udc00")]
    )
    assert store.done("s") == {"a": {0, 1}}
    assert [row[3 + RESULT_FIELDS.index("text")] for row in store.rows("s")] == ["good", "a\ufffd b"]
