"""Sections of a screen: fresh, stale from their last copy, or unavailable. What is down never breaks a page."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
import structlog
from msgspec import Meta
from sqlalchemy import text

from canonical.moments import Moment
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure

SectionStatus = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["fresh", "stale", "unavailable"]})]

T = TypeVar("T", bound=msgspec.Struct)

_KEEP = text(
    "insert into section_copy (name, as_of, body) values (:name, :as_of, :body)"
    " on conflict (name) do update set as_of = excluded.as_of, body = excluded.body"
)
_COPY = text("select as_of, body from section_copy where name = :name")


class Freshness(msgspec.Struct, frozen=True, kw_only=True):
    """How far a section can be trusted: `as_of` is the moment its data was read, `source` who told it."""

    status: SectionStatus
    source: str
    as_of: Moment | None


class Sections:
    """Reads sections, keeps the last good copy of each, and falls back to it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def read(
        self, name: str, source: str, ask: Callable[[], Awaitable[T | None]], returns: type[T]
    ) -> tuple[Freshness, T | None]:
        """What *ask* says now, else the last copy, else nothing; a Failure never gets through."""
        try:
            found = await ask()
        except Failure as failure:
            structlog.get_logger(__name__).warning("section_failed", section=name, code=failure.code)
            return await self._copy(name, source, returns)
        now = self._clock.now()
        if found is not None:
            await self._keep(name, now, found)
        return Freshness(status="fresh", source=source, as_of=now), found

    async def _keep(self, name: str, as_of: datetime, found: msgspec.Struct) -> None:
        values = {"name": name, "as_of": as_of, "body": msgspec.json.encode(found)}
        try:
            async with self._database.begin() as session:
                await session.execute(_KEEP, values)
        except Failure as failure:  # the section itself is well; only its copy is not kept
            structlog.get_logger(__name__).warning("copy_not_kept", section=name, code=failure.code)

    async def _copy(self, name: str, source: str, returns: type[T]) -> tuple[Freshness, T | None]:
        try:
            async with self._database.begin() as session:
                row = (await session.execute(_COPY, {"name": name})).one_or_none()
            body = None if row is None else msgspec.json.decode(bytes(row.body), type=returns)
        except (Failure, msgspec.ValidationError):  # the database is away, or an older release kept the copy
            row = None
        if row is None:
            return Freshness(status="unavailable", source=source, as_of=None), None
        return Freshness(status="stale", source=source, as_of=row.as_of), body
