"""The event log in PostgreSQL: the truth about what happened, written inside the transaction that made it true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.envelope import Event
from servicekit.clock import Clock
from servicekit.database import Database

SCHEMA = "events"
HISTORY = "servicekit:migrations/events"
#: What every service may call; the rest of the schema is the operator's. `servicekit.migrate.provision` grants these.
FUNCTIONS = (
    "append",
    "append_all",
    "read",
    "find",
    "join_group",
    "acknowledge",
    "group_positions",
    "bounds",
    "bury",
    "unbury",
    "buried",
    "keep_partitions",
)
CHANNEL = "syncline_events"
COLUMNS = (
    "position, id, source, type, subject, sequence, time, legal_entity, trace_parent, correlation_id, data_schema,"
    " data::text"
)

_APPEND = text(
    "select events.append(:id, :source, :type, :subject, :time, :legal_entity, :trace_parent, :correlation_id,"
    " :data_schema, cast(:data as jsonb), :recorded_at)"
)
_APPEND_ALL = text("select events.append_all(cast(:envelopes as json), :recorded_at)")
_READ = text(f"select {COLUMNS} from events.read(:after_position, :at_most)")
_FIND = text(f"select {COLUMNS} from events.find(:id, :type, :subject, :since, :until, :after_position, :at_most)")
_BURIED = text("select group_name, position, id, reason, at from events.buried(:group, :at_most)")


class Recorded(msgspec.Struct, frozen=True):
    """An event and its place in the log. Positions rise, with holes where a transaction was rolled back."""

    position: int
    event: Event


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """An event that a group could not handle. `reason` is safe to show."""

    group: str
    position: int
    id: str
    reason: str
    at: datetime


class EventLog:
    """Appends to and reads from the log."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def append(self, connection: AsyncConnection, event: Event) -> int | None:
        """Writes *event* in the caller's transaction and returns its position; None when its id is already there.

        `event.sequence` is ignored: the log counts per (source, subject), and holds that counter until the caller
        commits, so append last. Events of several subjects go in the order of their subjects, or two callers may
        deadlock (which Database reports as UNAVAILABLE).
        """
        parameters = {
            "id": event.id,
            "source": event.source,
            "type": event.type,
            "subject": event.subject,
            "time": event.time,
            "legal_entity": event.legalentity,
            "trace_parent": event.traceparent,
            "correlation_id": event.correlationid,
            "data_schema": event.dataschema,
            "data": bytes(event.data).decode(),
            "recorded_at": self._clock.now(),
        }
        position: int | None = (await connection.execute(_APPEND, parameters)).scalar_one()
        return position

    async def append_all(self, connection: AsyncConnection, events: Sequence[Event]) -> list[int | None]:
        """Writes the events in their order, as `append` does one; by one statement, which costs a tenth for a hundred.

        The order of the subjects does not matter among them.
        """
        if not events:
            return []
        parameters = {"envelopes": msgspec.json.encode(events).decode(), "recorded_at": self._clock.now()}
        positions: list[int | None] = (await connection.execute(_APPEND_ALL, parameters)).scalar_one()
        return positions

    async def read(self, after_position: int, limit: int) -> list[Recorded]:
        """The next events in order, leaving none behind: stops before the first position still being written."""
        return await self._rows(_READ, {"after_position": after_position, "at_most": limit})

    async def find(
        self,
        *,
        id: str | None = None,  # noqa: A002  the attribute's name
        type: str | None = None,  # noqa: A002  the attribute's name
        subject: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        after_position: int = 0,
        limit: int = 100,
    ) -> list[Recorded]:
        """The events that match everything given, in order. *since* and *until* (exclusive) are times of recording."""
        wanted = {"id": id, "type": type, "subject": subject, "since": since, "until": until}
        return await self._rows(_FIND, {**wanted, "after_position": after_position, "at_most": limit})

    async def dead_letters(self, group: str | None = None, limit: int = 100) -> list[DeadLetter]:
        """What could not be handled, newest first; None means by any group."""
        async with self._database.connect() as connection:
            rows = await connection.execute(_BURIED, {"group": group, "at_most": limit})
            return [DeadLetter(group=row[0], position=row[1], id=row[2], reason=row[3], at=row[4]) for row in rows]

    async def join_group(self, group: str, start_after: int = 0) -> int:
        """The position up to which *group* is done; a new group begins after *start_after*."""
        return int(await self._call("join_group", group, start_after, self._clock.now()))

    async def acknowledge(self, group: str, position: int) -> None:
        """*group* is done with everything up to *position*. Never goes back."""
        await self._call("acknowledge", group, position, self._clock.now())

    async def bury(self, group: str, recorded: Recorded, reason: str) -> None:
        """Sets an event aside as a dead letter of *group*."""
        await self._call("bury", group, recorded.position, recorded.event.id, reason, self._clock.now())

    async def unbury(self, group: str, position: int) -> bool:
        """Removes a dead letter once it has been replayed or given up; False when there was none."""
        return bool(await self._call("unbury", group, position))

    async def group_positions(self) -> Mapping[str, int]:
        """How far each group is."""
        async with self._database.connect() as connection:
            rows = await connection.execute(text("select name, position from events.group_positions()"))
            return {row[0]: row[1] for row in rows}

    async def _rows(self, statement: TextClause, parameters: Mapping[str, Any]) -> list[Recorded]:
        async with self._database.connect() as connection:
            return [to_recorded(row) for row in await connection.execute(statement, parameters)]

    async def _call(self, function: str, *arguments: Any) -> Any:
        names = [f"a{number}" for number in range(len(arguments))]
        statement = text(f"select events.{function}({', '.join(f':{name}' for name in names)})")
        async with self._database.begin() as connection:
            return (await connection.execute(statement, dict(zip(names, arguments, strict=True)))).scalar_one()


def to_recorded(row: Sequence[Any]) -> Recorded:
    """One row of COLUMNS."""
    event = Event(
        id=row[1],
        source=row[2],
        type=row[3],
        subject=row[4],
        sequence=str(row[5]),
        time=row[6].astimezone(UTC),
        legalentity=row[7],
        traceparent=row[8],
        correlationid=row[9],
        dataschema=row[10],
        data=msgspec.Raw(row[11].encode()),
    )
    return Recorded(row[0], event)
