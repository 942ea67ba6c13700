"""The event-fed view: what happened to a matter, by its business correlation, for the pages that tell its story."""

import msgspec
from sqlalchemy import text

from canonical.envelope import Event
from canonical.moments import Moment
from servicekit.database import Database

_KEEP = text(
    "insert into event_view (id, type, source, subject, correlation_id, trace_id, at, refs)"
    " values (:id, :type, :source, :subject, :correlation_id, :trace_id, :at, cast(:refs as jsonb))"
    " on conflict (id) do nothing"
)
_OF = text(
    "select type, source, subject, trace_id, at from event_view"
    " where refs ?| cast(:ids as text[]) or subject = any(cast(:ids as text[])) order by at, id limit 500"
)


class EventSeen(msgspec.Struct, frozen=True, kw_only=True):
    """An event as a page tells it."""

    type: str
    source: str
    subject: str
    trace_id: str | None
    at: Moment


class EventView:
    """Keeps the ids and the moment of each event, no more; a repeat changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, event: Event) -> None:
        """The handler of every event."""
        data = msgspec.json.decode(event.data)
        refs = sorted({value for name, value in data.items() if name.endswith("_id") and isinstance(value, str)})
        values = {
            "id": event.id,
            "type": event.type,
            "source": event.source,
            "subject": event.subject,
            "correlation_id": event.correlationid,
            "trace_id": event.traceparent.split("-")[1] if event.traceparent else None,
            "at": event.time,
            "refs": msgspec.json.encode(refs).decode(),
        }
        async with self._database.begin() as session:
            await session.execute(_KEEP, values)

    async def of(self, ids: tuple[str, ...]) -> tuple[EventSeen, ...]:
        """The events that name any of the ids, in the order of time."""
        async with self._database.begin() as session:
            rows = (await session.execute(_OF, {"ids": list(ids)})).mappings().all()
        return tuple(EventSeen(**row) for row in rows)
