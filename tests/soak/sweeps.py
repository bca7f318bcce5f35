"""Sweeps killed with SIGKILL at random moments: nothing that was committed is asked again."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from oaikit.experiments.store.database import Store
from tests.harness import Server, wait_until
from tests.server.test_experiments_faults import IN_ANOTHER_PROCESS, PROMPTS, Proxy, big, identity
from tests.soak.common import Check, Ground

FULL = 20  # kills
SEED = 15
MOST_ANSWERS = 24  # between the beginning of a run and its kill
WHOLE = PROMPTS * 4  # requests of the sweep
STARTED_S = 120.0


def run(ground: Ground, repeat: int) -> Iterator[Check]:
    """Kill one sweep again and again, and let it come to its end."""
    check = Check(
        f"SIGKILL of a sweep of {WHOLE} requests at a random moment", "nothing committed is asked again"
    )
    server = ground.server()
    with tempfile.TemporaryDirectory() as folder:
        proxy, path = Proxy(server), Path(folder) / "killed.db"
        try:
            draw = random.Random(SEED)
            for _ in range(repeat):
                check.record(_kill(proxy, server, path, draw.randint(0, MOST_ANSWERS), draw.random() / 20))
            before = committed(path)
            asked = len(proxy.asked)
            sweep = big(proxy.llm, path).run()
            again = before & {identity(body) for body in proxy.asked[asked:]}
            complete = len(sweep.df) == WHOLE and sweep.df["error"].isna().all()
            check.record(None if complete and not again else f"{len(again)} again, complete: {complete}")
            check.note = (
                f"{len(before)} of {WHOLE} requests were committed by the last kill; of {len(proxy.asked)} that "
                f"were sent in all, {len(proxy.asked) - WHOLE} were in flight at a kill"
            )
            sweep.close()
        finally:
            proxy.close()
    yield check


def committed(path: Path) -> set[str]:
    """The requests that the store has an answer to, as the proxy names them."""
    if not path.exists():
        return set()
    store = Store(path)
    rows = store._db.rows("SELECT body FROM requests JOIN results USING (request) WHERE error IS NULL")
    store.close()
    bodies = [json.loads(body) for (body,) in rows]
    return {identity({**each["body"], "seed": each["seed"]}) for each in bodies}


def _kill(proxy: Proxy, server: Server, path: Path, answers: int, later_s: float) -> str | None:
    """Run the sweep, and kill it some time after so many answers; says what was asked again."""
    before, asked, answered = committed(path), len(proxy.asked), len(proxy.answered)
    work = IN_ANOTHER_PROCESS + "big(llm, store).run()"
    command = [sys.executable, "-c", work, proxy.llm.url, server.token, str(path)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.DEVNULL) as killed:
        try:
            wait_until(
                lambda: len(proxy.answered) >= answered + answers or killed.poll() is not None,
                STARTED_S,
                every=0.002,
            )
            time.sleep(later_s)
        finally:
            killed.kill()
    again = before & {identity(body) for body in proxy.asked[asked:]}
    return f"{len(again)} of {len(before)} committed requests were asked again" if again else None
