"""Sources are hints: whatever says that a record changed, the record is read again and its transitions become events.

The same change by three roads is one event: its id is the hash of connection, type, canonical id and transition number.
"""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.envelope import Event
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.telemetry import correlation_id, current_traceparent
from system_apis.directory import METADATA

Fields = Mapping[str, str | None]

OBSERVED = sa.Table(
    "observed",
    METADATA,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("canonical_id", sa.Text, primary_key=True),
    sa.Column("fields", JSONB, nullable=False),
    sa.Column("transitions", sa.Integer, nullable=False),
    sa.Column("version", sa.DateTime(timezone=True), nullable=False),
)


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """Something that became true of a record: the event's short name, its data, the legal entity it belongs to."""

    event: str
    data: msgspec.Struct
    legal_entity_code: str | None = None


class Observer:
    """Sees transitions of records and writes them to the event log, each once."""

    def __init__(self, database: Database, log: EventLog, source: str, clock: Clock) -> None:
        self._database = database
        self._log = log
        self._source = source
        self._clock = clock

    async def observe(
        self,
        *,
        connection: str,
        canonical_id: str,
        version: datetime,
        fields: Fields,
        transitions: Callable[[Fields | None], list[Transition]],
    ) -> int:
        """Compare a freshly read record with what was last seen of it; returns how many events were new.

        `version` is the record's own moment of change: an older reading than the last one is left aside.
        `transitions` is told the former fields, or none for a record seen for the first time.
        """
        async with self._database.begin() as session:
            former = await self._lock(session, connection, canonical_id, version)
            if former is not None and former.version > version:
                return 0
            if former is not None and former.fields == dict(fields):  # no news, but what is older is older from now on
                await self._remember(session, connection, canonical_id, fields, former.transitions, version)
                return 0
            found = transitions(None if former is None or former.transitions < 0 else former.fields)
            number = max(former.transitions, 0) if former else 0
            events = [self._event(connection, canonical_id, n, one) for n, one in enumerate(found, number + 1)]
            number += len(events)
            await self._log.append_all(session, events)
            await self._remember(session, connection, canonical_id, fields, number, version)
            return len(found)

    async def _lock(
        self, session: AsyncConnection, connection: str, canonical_id: str, version: datetime
    ) -> "_Former | None":
        """The row of this record, locked; a record never seen gets an empty one first, so that there is one to lock."""
        await session.execute(
            sa.text(
                "insert into observed (connection, canonical_id, fields, transitions, version)"
                " values (:connection, :id, '{}', -1, :version) on conflict do nothing"
            ),
            {"connection": connection, "id": canonical_id, "version": version},
        )
        table = OBSERVED
        query = (
            sa.select(table.c.fields, table.c.transitions, table.c.version)
            .where(table.c.connection == connection, table.c.canonical_id == canonical_id)
            .with_for_update()
        )
        row = (await session.execute(query)).one()
        return _Former(fields=row.fields, transitions=row.transitions, version=row.version)

    async def _remember(
        self,
        session: AsyncConnection,
        connection: str,
        canonical_id: str,
        fields: Fields,
        number: int,
        version: datetime,
    ) -> None:
        table = OBSERVED
        await session.execute(
            sa.update(table)
            .where(table.c.connection == connection, table.c.canonical_id == canonical_id)
            .values(fields=dict(fields), transitions=number, version=version)
        )

    def _event(self, connection: str, canonical_id: str, number: int, transition: Transition) -> Event:
        kind = f"syncline.{transition.event}.v1"
        identity = "\n".join((connection, kind, canonical_id, str(number)))
        return Event(
            id=hashlib.sha256(identity.encode()).hexdigest()[:32],
            source=self._source,
            type=kind,
            subject=canonical_id,
            time=self._clock.now(),
            traceparent=current_traceparent(),
            correlationid=correlation_id(),
            legalentity=transition.legal_entity_code,
            data=msgspec.Raw(msgspec.json.encode(transition.data)),
        )


class _Former(msgspec.Struct, frozen=True, kw_only=True):
    fields: dict[str, str | None]
    transitions: int
    version: datetime
