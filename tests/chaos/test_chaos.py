"""Nothing lost, nothing twice, nothing out of order: real processes, killed at random while families write.

make chaos                           2,000 messages, 100 contacts, each process killed ten times
CHAOS_SEED=123 … pytest tests/chaos  the same schedule again; CHAOS_SIZE is small, short (CI) or full
"""

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from puente.db import Database
from simulator.driver import Simulator
from tests.chaos import evidence, plan, servers, verdict
from tests.chaos.plan import DATABASE
from tests.chaos.run import Run

SQLITE = "sqlite"


@pytest.mark.parametrize("kind", [SQLITE, DATABASE])
async def test_every_message_is_answered_once_and_in_order(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = plan.draw(plan.chosen_seed(), plan.chosen_size(), with_database=kind == DATABASE)
    _say(capsys, f"\nchaos on {kind}: CHAOS_SEED={drawn.seed}, {drawn.size}")
    with _databases(kind) as (postgres, environment), servers.ChaosStack(tmp_path, **environment) as stack:
        database = Database(stack.settings.puente_database_url)
        async with Simulator(stack.simulator_url) as simulator:
            run = Run(drawn, stack, database, simulator, postgres)
            problems = []
            try:
                await run.play()
            except TimeoutError:
                problems.append(f"not finished after {drawn.size.deadline:.0f} s, {run.written} messages written")
            finally:
                took = time.monotonic() - run.began
                _say(capsys, f"{kind}: {took:.0f} s, killed {run.killed}\n  " + "\n  ".join(run.story))
            found = await evidence.gather(database, simulator, list(drawn.families))
            _say(capsys, f"{kind}: " + json.dumps(_numbers(found)))
        await database.close()
    problems += verdict.judge(found)
    if problems:
        pytest.fail(f"CHAOS_SEED={drawn.seed} on {kind}\n" + "\n".join(problems), pytrace=False)
    assert all(run.killed[name] == drawn.size.kills for name in plan.PROCESSES)


@contextlib.contextmanager
def _databases(kind: str) -> Iterator[tuple[servers.Postgres | None, dict[str, str]]]:
    """The database server, when there is one, and the variables that name Puente's database and Rasa's."""
    if kind == SQLITE:
        yield None, {}
        return
    with servers.postgres() as server:
        addresses = {"PUENTE_DATABASE_URL": server.create("puente"), "PUENTE_BOT_DATABASE_URL": server.create("rasa")}
        yield server, addresses


def _numbers(found: evidence.Evidence) -> dict[str, int]:
    rows = [row for story in found.stories for row in story.rows]
    inbound = [row for row in rows if row.direction == "in"]
    return {
        "written": len(inbound),
        "turns": len({row.turn_id for row in inbound if row.turn_id}),
        "joined": sum(1 for row in inbound if row.turn_id and row.turn_id != row.id),
        "by the gate": sum(1 for row in inbound if row.handled),
        "sent": sum(1 for row in rows if row.direction == "out"),
        "cases": sum(len(story.cases) for story in found.stories),
        "with a person": sum(1 for story in found.stories if story.handoffs),
    }


def _say(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Print even when nothing failed: the seed must be known before anything goes wrong."""
    with capsys.disabled():
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
