"""What people change about a draft before it is issued: hold items, write them down, say them in other words."""

from decimal import Decimal
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.releases import HoldRequest, NarrativeRequest, Release, WriteDownRequest
from process_apis.invoice_release.releases import Releases
from process_apis.operations.audit import Audit
from process_apis.operations.waking import wake_row
from servicekit.auth import Caller
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, FieldError, Kind

_HOLD = text(
    "insert into hold (item_id, contract_id, reason, by_actor, at) values (:item_id, :contract_id, :reason, :by, :now)"
    " on conflict (item_id) do update set reason = excluded.reason, by_actor = excluded.by_actor, at = excluded.at"
)
_LET_GO = text("delete from hold where item_id = :item_id returning contract_id")
_ADJUST = text(
    "insert into adjustment (release_id, item_id, kind, amount, narrative, reason, by_actor, at)"
    " values (:release_id, :item_id, :kind, :amount, :narrative, :reason, :by, :now)"
    " on conflict (release_id, item_id, kind) do update set amount = excluded.amount,"
    " narrative = excluded.narrative, reason = excluded.reason, by_actor = excluded.by_actor, at = excluded.at"
)
_REDRAFT = text("update release set redraft = true, updated_at = :now where run_id = :run_id")


class Adjusting:
    """Each change is noted with its reason, makes the draft anew, and has it agreed to anew."""

    def __init__(self, database: Database, releases: Releases, audit: Audit, process: str, clock: Clock) -> None:
        self._database = database
        self._releases = releases
        self._audit = audit
        self._process = process
        self._clock = clock

    async def hold(self, release_id: str, asked: HoldRequest, caller: Caller) -> Release:
        """Raises MISSING, CONFLICT `already_approved`, INVALID `not_on_the_draft`."""
        release = await self._open(release_id, asked.item_ids)
        async with self._database.begin() as session:
            for item_id in asked.item_ids:
                values = {"item_id": item_id, "contract_id": release.contract_id, "reason": asked.reason}
                await session.execute(_HOLD, {**values, "by": caller.actor, "now": self._clock.now()})
            await self._redraft(session, release, caller, "release.hold", asked.reason)
        return await self._releases.one(release_id)

    async def let_go(self, item_id: str, reason: str, caller: Caller) -> None:
        """The item may be billed again, by the next release of its contract. Raises MISSING."""
        async with self._database.begin() as session:
            if (await session.execute(_LET_GO, {"item_id": item_id})).scalar_one_or_none() is None:
                raise Failure(Kind.MISSING, f"{item_id} is not held")
            await self._audit.note(session, caller, "hold.let_go", item_id, reason)

    async def write_down(self, release_id: str, asked: WriteDownRequest, caller: Caller) -> Release:
        """Raises MISSING, CONFLICT `already_approved`, INVALID `not_on_the_draft` and `more_than_it_is_worth`."""
        release = await self._open(release_id, (asked.item_id,))
        worth = _worth(release, asked.item_id)
        if asked.amount.currency != release.currency or asked.amount.value > worth:
            message = f"at most {worth} {release.currency} of it stand on the draft"
            error = FieldError(pointer="/amount", code="more_than_it_is_worth", message=message)
            raise Failure(Kind.INVALID, message, error.code, (error,))
        values = {"kind": "write_down", "amount": asked.amount.value, "narrative": None}
        return await self._adjust(release, asked.item_id, values, "release.write_down", asked.reason, caller)

    async def say(self, release_id: str, asked: NarrativeRequest, caller: Caller) -> Release:
        """Raises MISSING, CONFLICT `already_approved`, INVALID `not_on_the_draft`."""
        release = await self._open(release_id, (asked.item_id,))
        values = {"kind": "narrative", "amount": None, "narrative": asked.narrative}
        return await self._adjust(release, asked.item_id, values, "release.narrative", asked.reason, caller)

    async def _adjust(
        self, release: Release, item_id: str, values: dict[str, Any], action: str, reason: str, caller: Caller
    ) -> Release:
        noted = {**values, "release_id": release.id, "item_id": item_id, "reason": reason, "by": caller.actor}
        async with self._database.begin() as session:
            await session.execute(_ADJUST, {**noted, "now": self._clock.now()})
            await self._redraft(session, release, caller, action, reason)
        return await self._releases.one(release.id)

    async def _open(self, release_id: str, item_ids: tuple[str, ...]) -> Release:
        release = await self._releases.one(release_id)
        if release.kind == "credit" or release.approved_at is not None or release.ended_at is not None:
            raise Failure(Kind.CONFLICT, "the draft is agreed to, or over, already", code="already_approved")
        on_draft = (
            {source.item_id for line in release.draft.lines for source in line.sources} if release.draft else set()
        )
        found = tuple(
            FieldError(pointer=f"/item_ids/{place}", code="not_on_the_draft", message=f"{item_id} is not on the draft")
            for place, item_id in enumerate(item_ids)
            if item_id not in on_draft
        )
        if found:
            raise Failure(Kind.INVALID, "; ".join(error.message for error in found), "not_on_the_draft", found)
        return release

    async def _redraft(
        self, session: AsyncConnection, release: Release, caller: Caller, action: str, reason: str
    ) -> None:
        now = self._clock.now()
        await session.execute(_REDRAFT, {"run_id": release.run_id, "now": now})
        await self._audit.note(session, caller, action, release.id, reason)
        await wake_row(session, self._process, release.run_id, now)


def _worth(release: Release, item_id: str) -> Decimal:
    lines = () if release.draft is None else release.draft.lines
    sources = (source for line in lines for source in line.sources if source.item_id == item_id)
    return sum((source.amount.value for source in sources), Decimal(0))
