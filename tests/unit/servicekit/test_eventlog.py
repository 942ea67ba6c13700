"""The event log: once per id, counted per subject, and no late commit is ever skipped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from canonical.envelope import Event
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.eventlog import DeadLetter, EventLog, Recorded

NOW = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
TYPE = "syncline.project-approved.v1"


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, "events")
    yield database
    await database.close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


@pytest.fixture
def log(database: Database, clock: SettableClock) -> EventLog:
    return EventLog(database, clock)


def event(event_id: str, subject: str = "prj_1", source: str = "/system/psa/kantata") -> Event:
    return Event(id=event_id, source=source, type=TYPE, subject=subject, time=NOW, data=msgspec.Raw(b'{"n":1}'))


async def append(database: Database, log: EventLog, *events: Event) -> list[int | None]:
    async with database.begin() as connection:
        return [await log.append(connection, one) for one in events]


def ids(found: Sequence[Recorded]) -> list[str]:
    return [recorded.event.id for recorded in found]


async def test_an_event_is_read_as_it_was_written(database: Database, log: EventLog) -> None:
    """Every attribute survives; the log adds the sequence."""
    written = Event(
        id="evt_1",
        source="/system/psa/kantata",
        type=TYPE,
        subject="prj_1",
        time=NOW - timedelta(hours=3),
        data=msgspec.Raw('{"name": "Zürich", "amount": "12.50", "n": 1.10}'.encode()),
        dataschema="https://syncline.example/events/project-approved.v1.json",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        correlationid="cor_1",
        legalentity="de-01",
    )
    assert [1] == await append(database, log, written)
    [found] = await log.read(0, 10)
    assert 1 == found.position
    assert msgspec.structs.replace(written, sequence="1", data=found.event.data) == found.event
    assert {"name": "Zürich", "amount": "12.50", "n": 1.1} == msgspec.json.decode(found.event.data)


async def test_an_unset_attribute_stays_unset(database: Database, log: EventLog) -> None:
    """What was None comes back as None."""
    await append(database, log, event("evt_1"))
    [found] = await log.read(0, 10)
    attributes = (found.event.dataschema, found.event.traceparent, found.event.correlationid, found.event.legalentity)
    assert (None, None, None, None) == attributes


async def test_the_same_id_is_recorded_once(database: Database, log: EventLog) -> None:
    """A repeat answers None and neither takes a position nor counts."""
    assert [1] == await append(database, log, event("evt_1"))
    assert [None, 2] == await append(database, log, event("evt_1"), event("evt_2"))
    assert [("evt_1", "1"), ("evt_2", "2")] == [(one.event.id, one.event.sequence) for one in await log.read(0, 10)]


async def test_a_concurrent_repeat_waits_for_the_first(database: Database, log: EventLog) -> None:
    """Two transactions with the same id: the second learns how the first ended before it answers."""
    async with database.begin() as second:
        async with database.begin() as first:
            assert 1 == await log.append(first, event("evt_1"))
            waiting = asyncio.create_task(log.append(second, event("evt_1")))
            assert (set(), {waiting}) == await asyncio.wait({waiting}, timeout=0.1)
        assert await waiting is None


async def test_an_event_of_a_transaction_that_failed_never_was(database: Database, log: EventLog) -> None:
    """Rolling back frees the id and the number in the sequence; only the position leaves a hole."""
    async with database.begin() as connection:
        await log.append(connection, event("evt_1"))
        await connection.rollback()
    assert [2] == await append(database, log, event("evt_1"))
    assert [(2, "1")] == [(one.position, one.event.sequence) for one in await log.read(0, 10)]


async def test_each_source_counts_each_subject_by_itself(database: Database, log: EventLog) -> None:
    """The sequence is per (source, subject)."""
    events = (event("1", "a"), event("2", "b"), event("3", "a"), event("4", "a", source="/process/onboarding"))
    await append(database, log, *events)
    assert ["1", "1", "2", "1"] == [one.event.sequence for one in await log.read(0, 10)]


async def test_a_lower_position_that_commits_later_is_not_skipped(database: Database, log: EventLog) -> None:
    """A reader stops before a position that is still being written, whichever transaction began first."""
    async with database.begin() as early, database.begin() as late:
        await early.execute(text("select pg_current_xact_id()"))  # the lower transaction number, the higher position
        await log.append(late, event("low", "a"))
        await log.append(early, event("high", "b"))
        await early.commit()
        assert [] == await log.read(0, 10)
    assert ["low", "high"] == ids(await log.read(0, 10))


async def test_reading_goes_on_up_to_what_is_being_written(database: Database, log: EventLog) -> None:
    """What lies before a position in flight is served, what lies behind it waits; bystanders hold up nothing."""
    await append(database, log, event("1", "a"))
    async with database.begin() as bystander, database.begin() as slow:
        await bystander.execute(text("select pg_current_xact_id()"))
        await append(database, log, event("2", "b"))
        await log.append(slow, event("3", "c"))
        await append(database, log, event("4", "d"))
        assert ["1", "2"] == ids(await log.read(0, 10))
    assert ["3", "4"] == ids(await log.read(2, 10))


async def test_a_savepoint_that_was_rolled_back_leaves_the_rest_guarded(database: Database, log: EventLog) -> None:
    """The mark of a transaction at work follows its savepoints."""
    async with database.begin() as connection:
        inner = await connection.begin_nested()
        await log.append(connection, event("gone", "a"))
        await inner.rollback()
        await log.append(connection, event("kept", "b"))
        await append(database, log, event("after", "c"))
        assert [] == await log.read(0, 10)
    assert ["kept", "after"] == ids(await log.read(0, 10))


async def test_writers_at_work_lose_nothing_to_a_reader_that_follows(database: Database, log: EventLog) -> None:
    """Forty concurrent transactions, a third rolled back: a follower sees each event that stayed, once, in order."""
    writing = [asyncio.create_task(_write(database, log, number)) for number in range(40)]
    seen: list[Recorded] = []
    while not all(task.done() for task in writing):
        seen += await log.read(seen[-1].position if seen else 0, 7)
        await asyncio.sleep(0)
    await asyncio.gather(*writing)
    while found := await log.read(seen[-1].position if seen else 0, 7):
        seen += found
    kept = {f"{number}.{part}" for number in range(40) if number % 3 for part in range(5)}
    assert (len(kept), kept) == (len(seen), set(ids(seen)))
    by_subject: dict[str, list[int]] = {}
    for one in seen:
        by_subject.setdefault(one.event.subject, []).append(int(one.event.sequence or 0))
    assert [list(range(1, len(numbers) + 1)) for numbers in by_subject.values()] == list(by_subject.values())


async def _write(database: Database, log: EventLog, number: int) -> None:
    async with database.begin() as connection:
        for part in range(5):
            await log.append(connection, event(f"{number}.{part}", subject=f"s{part}"))
        if number % 3 == 0:
            await connection.rollback()


async def test_reading_under_a_frozen_view_is_refused(database: Database) -> None:
    """A snapshot older than the look at who is writing would lose events."""
    async with database.connect() as connection:
        await connection.execute(text("set transaction isolation level repeatable read"))
        with pytest.raises(DBAPIError, match="READ COMMITTED"):
            await connection.execute(text("select * from events.read(0, 1)"))


async def test_events_are_found_by_what_is_known_of_them(
    database: Database, log: EventLog, clock: SettableClock
) -> None:
    """Id, type, subject and time of recording narrow the search, together."""
    await append(database, log, event("1", "a"), event("2", "b"))
    clock.advance(timedelta(hours=1))
    await append(database, log, event("3", "a"))
    assert ["2"] == ids(await log.find(id="2"))
    assert ["1", "3"] == ids(await log.find(subject="a"))
    assert ["3"] == ids(await log.find(subject="a", since=clock.now()))
    assert ["1", "2"] == ids(await log.find(type=TYPE, until=clock.now()))
    assert ["3"] == ids(await log.find(subject="a", after_position=1))
    assert [] == await log.find(type="syncline.other.v1")


async def test_a_group_goes_forward_only(log: EventLog) -> None:
    """An acknowledgement that comes late changes nothing; joining again does not reset."""
    assert 0 == await log.join_group("views")
    assert 7 == await log.join_group("search", start_after=7)
    await log.acknowledge("views", 5)
    await log.acknowledge("views", 3)
    assert 5 == await log.join_group("views")
    assert {"search": 7, "views": 5} == await log.group_positions()


async def test_a_dead_letter_is_kept_until_it_is_dealt_with(database: Database, log: EventLog) -> None:
    """It names group, event and reason, and goes when it is unburied."""
    await append(database, log, event("evt_1"))
    [recorded] = await log.read(0, 1)
    await log.bury("views", recorded, "invalid: no such project")
    expected = DeadLetter(group="views", position=1, id="evt_1", reason="invalid: no such project", at=NOW)
    assert [expected] == await log.dead_letters("views")
    assert [] == await log.dead_letters("search")
    assert await log.unbury("views", 1)
    assert not await log.unbury("views", 1)


async def test_partitions_are_made_ahead_and_dropped_when_everybody_has_read_them(
    database: Database, log: EventLog, clock: SettableClock
) -> None:
    """A month goes once it is old enough and no group still needs it."""
    start = datetime(2031, 1, 31, 12, tzinfo=UTC)
    assert 3 == await _keep_partitions(database, start, 2)
    assert 0 == await _keep_partitions(database, start, 2)
    clock.advance(start - clock.now())
    await log.join_group("views")
    await append(database, log, event("1"))
    await _prune(database, before=datetime(2031, 3, 1, tzinfo=UTC))
    assert ["log_2031_01", "log_2031_03"] == await _partitions_of(database, 2031)
    await log.acknowledge("views", 1)
    assert 1 == await _prune(database, before=datetime(2031, 3, 1, tzinfo=UTC))
    assert ["log_2031_03"] == await _partitions_of(database, 2031)
    assert [] == await log.read(0, 10)


async def test_an_event_outside_of_every_month_is_kept_all_the_same(
    database: Database, log: EventLog, clock: SettableClock
) -> None:
    """A clock far ahead writes to the default partition, and that month's own is then not made."""
    clock.advance(timedelta(days=3650))
    await append(database, log, event("1"))
    assert 0 == await _keep_partitions(database, clock.now(), 0)
    assert ["1"] == ids(await log.read(0, 10))


async def _keep_partitions(database: Database, at: datetime, ahead: int) -> int:
    async with database.begin() as connection:
        made = await connection.execute(text("select events.keep_partitions(:at, :ahead)"), {"at": at, "ahead": ahead})
        return int(made.scalar_one())


async def _prune(database: Database, before: datetime) -> int:
    async with database.begin() as connection:
        pruned = await connection.execute(text("select events.prune(:before)"), {"before": before})
        return int(pruned.scalar_one())


async def _partitions_of(database: Database, year: int) -> list[str]:
    statement = text("select relname from pg_class where relkind = 'r' and relname like :like order by relname")
    async with database.connect() as connection:
        return list((await connection.execute(statement, {"like": f"log_{year}_%"})).scalars())


async def append_all(database: Database, log: EventLog, *events: Event) -> list[int | None]:
    async with database.begin() as connection:
        return await log.append_all(connection, events)


async def test_many_events_are_appended_as_one_after_the_other(database: Database, log: EventLog) -> None:
    """Positions rise in the order given, and each subject goes on counting where it was."""
    await append(database, log, event("evt_0", "prj_2"))
    given = (event("evt_9", "prj_2"), event("evt_3", "prj_1"), event("evt_5", "prj_2"))
    positions = await append_all(database, log, *given)
    found = await log.read(0, 10)
    assert ["evt_0", "evt_9", "evt_3", "evt_5"] == ids(found)
    assert ["1", "2", "1", "3"] == [one.event.sequence for one in found]
    assert positions == [one.position for one in found[1:]]
    assert (NOW, TYPE, b'{"n": 1}') == (found[2].event.time, found[2].event.type, bytes(found[2].event.data))


async def test_of_many_events_those_that_are_known_are_left_out(database: Database, log: EventLog) -> None:
    """An id that is in the log has no second position, nor has one that is given twice; nor is it counted."""
    await append(database, log, event("evt_1"))
    given = (event("evt_1"), event("evt_2"), event("evt_2", "prj_2"), event("evt_3"))
    first, second, third, fourth = await append_all(database, log, *given)
    assert [None, None] == [first, third]
    found = await log.read(0, 10)
    assert [("evt_1", "1"), ("evt_2", "2"), ("evt_3", "3")] == [(one.event.id, one.event.sequence) for one in found]
    assert [second, fourth] == [one.position for one in found[1:]]
    assert [None] * 4 == await append_all(database, log, *given)
    assert [] == await append_all(database, log)
