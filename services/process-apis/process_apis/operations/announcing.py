"""Writes the process layer's own events into the log, in the transaction of what they tell."""

import hashlib

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.envelope import Event
from servicekit.clock import Clock
from servicekit.eventlog import EventLog
from servicekit.telemetry import correlation_id, current_traceparent


class Announcer:
    """Announces facts of one source; the same fact of the same subject is announced once."""

    def __init__(self, log: EventLog, source: str, clock: Clock) -> None:
        self._log = log
        self._source = source
        self._clock = clock

    async def announce(
        self,
        session: AsyncConnection,
        name: str,
        subject: str,
        data: msgspec.Struct,
        legal_entity_code: str | None,
        *,
        identity: str = "",
    ) -> None:
        """*identity* tells facts of one subject apart, such as the run that made it so; by default the subject."""
        kind = f"syncline.{name}.v1"
        event = Event(
            id=hashlib.sha256(f"{self._source}\n{kind}\n{identity or subject}".encode()).hexdigest()[:32],
            source=self._source,
            type=kind,
            subject=subject,
            time=self._clock.now(),
            traceparent=current_traceparent() or None,
            correlationid=correlation_id() or None,
            legalentity=legal_entity_code,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )
        await self._log.append(session, event)
