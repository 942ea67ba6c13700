"""Step records that come together are written by one statement, and none fails for another's sake."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ids import PREFIXES
from process_apis.operations.steps import BEGUN, StepChange, StepRecords
from servicekit.database import Database
from servicekit.ids import mint

NOW = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)


class Counted(Database):
    """A database that counts the statements that go alone."""

    statements = 0

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[AsyncConnection]:
        self.statements += 1
        async with super().alone() as connection:
            yield connection


@pytest.fixture
async def database(process_database: str) -> AsyncIterator[Counted]:
    database = Counted(process_database, "process")
    yield database
    await database.close()


async def run_ids(database: Database, count: int) -> list[str]:
    """So many runs of no process in particular."""
    found = [f"made-up:{mint('opp')}:1" for _ in range(count)]
    async with database.begin() as session:
        for run_id in found:
            values = {"run_id": run_id, "id": mint(PREFIXES["onboarding"]), "key": run_id.split(":")[1], "now": NOW}
            await session.execute(
                text(
                    "insert into run (run_id, id, process, business_key, n, trigger, name, state, actor, trace_parent,"
                    " correlation_id, arose_at, started_at, updated_at, execution) values (:run_id, :id, 'made-up',"
                    " :key, 1, 't', 'n', 'running', 'a', '', '', :now, :now, :now, 1)"
                ),
                values,
            )
    return found


async def steps(database: Database, run_id: str) -> list[tuple[str, int, str, int, bool, str | None]]:
    async with database.connect() as session:
        rows = await session.execute(
            text(
                "select name, place, state, attempts, ended_at is null, detail from step where run_id = :run_id"
                " order by place"
            ),
            {"run_id": run_id},
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


def begun(run_id: str, name: str = "one") -> StepChange:
    return StepChange(run_id=run_id, execution=1, name=name, state=BEGUN, at=NOW, system="psa", trace_id="t")


def ended(run_id: str, state: str, detail: str | None = None) -> StepChange:
    return StepChange(run_id=run_id, execution=1, name="one", state=state, at=NOW, detail=detail)


async def test_records_of_several_runs_are_written_together(database: Counted) -> None:
    """What comes while a statement is under way waits for the next one, whoever it belongs to."""
    records, runs = StepRecords(database), await run_ids(database, 6)
    await asyncio.gather(*(records.write(begun(run_id)) for run_id in runs))
    assert 1 == database.statements
    await asyncio.gather(*(records.write(ended(run_id, "done")) for run_id in runs))
    assert 2 == database.statements
    assert [[("one", 0, "done", 1, False, None)]] * 6 == [await steps(database, run_id) for run_id in runs]


async def test_a_step_that_is_begun_again_is_one_more_try(database: Counted) -> None:
    """It keeps its place and its detail, and has no end; a further step has the next place."""
    records, (run_id,) = StepRecords(database), await run_ids(database, 1)
    for change in (begun(run_id), ended(run_id, "retrying", "away"), begun(run_id), begun(run_id, "two")):
        await records.write(change)
    assert [("one", 0, "running", 2, True, "away"), ("two", 1, "running", 1, True, None)] == await steps(
        database, run_id
    )


async def test_a_record_that_cannot_be_kept_fails_alone(database: Counted) -> None:
    """A text with NUL is refused by the database; the other runs' records are there."""
    records, (first, second) = StepRecords(database), await run_ids(database, 2)
    outcomes = await asyncio.gather(
        *(records.write(change) for change in (begun(first), begun(second, "a\0b"))), return_exceptions=True
    )
    assert [True, True] == [outcomes[0], isinstance(outcomes[1], Exception)]
    assert [1, 0] == [len(await steps(database, run_id)) for run_id in (first, second)]


async def test_what_was_done_is_kept_once_and_by_the_newest_execution(database: Counted) -> None:
    """An answer that was lost makes a write come again; a worker that was overtaken has its one refused."""
    records, (run_id,) = StepRecords(database), await run_ids(database, 1)
    done = replace(ended(run_id, "done"), n=1, result=msgspec.Raw(b'{"id":"P-1"}'))
    await records.write(begun(run_id))
    assert [True, True] == [await records.write(done), await records.write(done)]
    late = replace(done, execution=0, result=msgspec.Raw(b'{"id":"P-0"}'))
    assert not await records.write(late)
    async with database.begin() as session:
        rows = await session.execute(
            text("select n, execution, name, cast(result as text) from history where run_id = :run_id"),
            {"run_id": run_id},
        )
        assert [(1, 1, "one", '{"id":"P-1"}')] == [tuple(row) for row in rows]
