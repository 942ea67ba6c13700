"""A service's database: own schema, whole transactions, failures that say whether trying again helps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import psycopg
import pytest
from sqlalchemy import Column, Integer, MetaData, Table, func, insert, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import IntegrityError

from servicekit.database import Database, driver_url
from servicekit.failures import Failure, Kind

PROJECTS = Table("projects", MetaData(), Column("id", Integer, primary_key=True), Column("facts", JSONB))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    with psycopg.connect(driver_url(database_url), autocommit=True) as connection:
        connection.execute("create schema psa")
        connection.execute("create table psa.projects (id int primary key, facts jsonb)")
    database = Database(database_url, "psa", pool_size=2)
    yield database
    await database.close()


async def count(database: Database) -> int:
    async with database.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(PROJECTS))).scalar_one())


async def end_sessions(database: Database) -> None:
    """Cuts off every other session of the database, as a restart of the server does."""
    connection = await psycopg.AsyncConnection.connect(driver_url(database.url), autocommit=True)
    async with connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )


async def test_a_transaction_is_kept_when_it_ends_well(database: Database) -> None:
    """Leaving the block commits; tables are found in the service's own schema."""
    async with database.begin() as connection:
        await connection.execute(insert(PROJECTS).values(id=1))
    assert 1 == await count(database)


async def test_a_transaction_is_dropped_when_it_ends_badly(database: Database) -> None:
    """Any exception rolls back, and reaches the caller as it was."""
    with pytest.raises(ZeroDivisionError):
        await _insert_and_fail(database)
    assert 0 == await count(database)


async def _insert_and_fail(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(PROJECTS).values(id=1))
        raise ZeroDivisionError


async def test_what_is_only_connected_is_not_kept(database: Database) -> None:
    """Connect is for reading: nothing is committed unasked."""
    async with database.connect() as connection:
        await connection.execute(insert(PROJECTS).values(id=1))
    assert 0 == await count(database)


async def test_sessions_run_read_committed_in_utc(database: Database) -> None:
    """Whatever the server's defaults are."""
    async with database.connect() as connection:
        settings = [
            (await connection.execute(text(f"show {name}"))).scalar_one()
            for name in ("transaction_isolation", "timezone", "search_path", "idle_in_transaction_session_timeout")
        ]
    assert ["read committed", "UTC", '"psa"', "1min"] == settings


async def test_json_is_written_by_msgspec(database: Database) -> None:
    """Decimals become strings, never floats; what is read is plain JSON."""
    async with database.begin() as connection:
        await connection.execute(insert(PROJECTS).values(id=1, facts={"amount": Decimal("12.50"), "name": "Zürich"}))
        facts = (await connection.execute(select(PROJECTS.c.facts))).scalar_one()
    assert {"amount": "12.50", "name": "Zürich"} == facts


async def test_a_broken_rule_is_the_callers_business(database: Database) -> None:
    """Constraint violations are not dressed up."""
    with pytest.raises(IntegrityError):
        await _insert_twice(database)


async def _insert_twice(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(PROJECTS), [{"id": 1}, {"id": 1}])


async def test_an_unreachable_database_is_unavailable() -> None:
    """Nothing of the driver's text is shown."""
    database = Database("postgresql+psycopg://nobody@/nothing?host=/nonexistent", "psa")
    with pytest.raises(Failure) as caught:
        await database.ready()
    await database.close()
    assert (Kind.UNAVAILABLE, "database_unavailable") == (caught.value.kind, caught.value.code)
    assert "nonexistent" not in str(caught.value)


async def test_a_restart_between_transactions_is_not_noticed(database: Database) -> None:
    """Pooled connections are tried before they are used."""
    assert await database.ready()
    await end_sessions(database)
    assert await database.ready()


async def test_a_restart_within_a_transaction_is_unavailable(database: Database) -> None:
    """Nothing was kept, so the caller may try again."""
    with pytest.raises(Failure) as caught:
        await _cut_off_at_work(database)
    assert (Kind.UNAVAILABLE, "database_unavailable") == (caught.value.kind, caught.value.code)
    assert 0 == await count(database)


async def _cut_off_at_work(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(PROJECTS).values(id=1))
        await end_sessions(database)
        await connection.execute(insert(PROJECTS).values(id=2))


async def test_a_connection_that_breaks_at_the_commit_leaves_doubt(database: Database) -> None:
    """Nobody knows whether the work was kept."""
    with pytest.raises(Failure) as caught:
        await _cut_off_at_commit(database)
    assert (Kind.IN_DOUBT, "database_commit_lost") == (caught.value.kind, caught.value.code)


async def _cut_off_at_commit(database: Database) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(PROJECTS).values(id=1))
        await end_sessions(database)


async def test_a_deadlock_may_be_tried_again(database: Database) -> None:
    """One of two that block each other is UNAVAILABLE `database_collision`, the other goes through."""
    async with database.begin() as connection:
        await connection.execute(insert(PROJECTS), [{"id": 1}, {"id": 2}])
    meeting = asyncio.Barrier(2)
    results = await asyncio.gather(
        _lock_both(database, meeting, 1, 2), _lock_both(database, meeting, 2, 1), return_exceptions=True
    )
    [failure] = [result for result in results if isinstance(result, Failure)]
    assert (Kind.UNAVAILABLE, "database_collision") == (failure.kind, failure.code)
    assert 1 == results.count(None)


async def _lock_both(database: Database, meeting: asyncio.Barrier, first: int, second: int) -> None:
    async with database.begin() as connection:
        await connection.execute(select(PROJECTS).where(PROJECTS.c.id == first).with_for_update())
        await meeting.wait()
        await connection.execute(select(PROJECTS).where(PROJECTS.c.id == second).with_for_update())


async def test_what_a_statement_was_given_is_in_no_error(database: Database) -> None:
    """An error ends in a log; the values of a statement are the business's."""
    with pytest.raises(Exception, match="division by zero") as caught:
        async with database.begin() as session:
            await session.execute(text("select 1 / 0, cast(:iban as text)"), {"iban": "DE02120300000000202051"})
    assert "DE02120300000000202051" not in str(caught.value)


async def test_a_statement_alone_is_kept_at_once(database: Database) -> None:
    """It is a transaction by itself: what comes after it in the block cannot take it back."""
    with pytest.raises(ZeroDivisionError):
        await _insert_alone_and_fail(database)
    assert 1 == await count(database)
    async with database.begin() as connection:  # the connection is as it was
        await connection.execute(insert(PROJECTS).values(id=2))
        await connection.rollback()
    assert 1 == await count(database)


async def _insert_alone_and_fail(database: Database) -> None:
    async with database.alone() as connection:
        await connection.execute(insert(PROJECTS).values(id=1))
        raise ZeroDivisionError


async def test_a_restart_before_a_statement_alone_is_not_noticed(database: Database) -> None:
    """A connection whose end has come meanwhile is not taken."""
    assert 0 == await count(database)
    await end_sessions(database)
    async with database.alone() as connection:
        await connection.execute(insert(PROJECTS).values(id=1))
    assert 1 == await count(database)
