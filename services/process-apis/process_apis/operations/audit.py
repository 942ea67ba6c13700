"""The audit trail: who did what to which thing, when and why. Append-only."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.work import AuditRecord
from servicekit.auth import Caller
from servicekit.clock import Clock
from servicekit.database import Database

_INSERT = text(
    "insert into audit (at, actor, client_id, action, subject, reason, detail)"
    " values (:at, :actor, :client_id, :action, :subject, :reason, cast(:detail as jsonb))"
)
_READ = text(
    "select n, at, actor, client_id, action, subject, reason, detail from audit"
    " where (cast(:subject as text) is null or subject = :subject) and n > :after order by n limit :limit"
)


class Audit:
    """Written in the transaction of the deed that it records."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def note(
        self,
        session: AsyncConnection,
        caller: Caller,
        action: str,
        subject: str,
        reason: str,
        detail: dict[str, str] | None = None,
    ) -> None:
        values = {
            "at": self._clock.now(),
            "actor": caller.actor,
            "client_id": caller.client_id,
            "action": action,
            "subject": subject,
            "reason": reason,
            "detail": msgspec.json.encode(detail or {}).decode(),
        }
        await session.execute(_INSERT, values)

    async def records(self, subject: str | None, after: int, limit: int) -> tuple[tuple[AuditRecord, ...], int | None]:
        """The records after a number, oldest first, and the number to go on from, absent at the end."""
        async with self._database.begin() as session:
            found = await session.execute(_READ, {"subject": subject, "after": after, "limit": limit + 1})
            rows = found.mappings().all()
        records = tuple(msgspec.convert({k: row[k] for k in row if k != "n"}, AuditRecord) for row in rows[:limit])
        return records, rows[limit - 1]["n"] if len(rows) > limit else None
