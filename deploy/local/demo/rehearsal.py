"""The rehearsal before the month is billed: the same flows with the ERP in mode `shadow`, which writes nothing.

So a firm goes live: what shadow shows is held against what is posted afterwards, line by line, and only then trusted.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any

import httpx
import msgspec

from canonical.recognition import Recognition
from canonical.rehearsals import ReleaseRehearsal, RevenueRehearsal
from canonical.releases import Release
from demo import work
from demo.clockwork import of_the_rehearsal
from demo.day import connection_of
from demo.firm import Firm
from demo.invoicing import Invoicing
from demo.surroundings import Surroundings
from demo.syncline import Syncline
from demo.waiting import until

SHADOW = "shadow"
_ENDED = frozenset({"shadowed", "in_exception"})
_ONLY_ASKS = ("/cometd/", "/wql/")  # what these take by POST changes nothing


class Rehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """What was rehearsed, what followed it, and what the vendors were asked to write meanwhile.

    By contract: each release with its draft, `followed` what was posted first of the same contract and period.
    """

    releases: dict[str, Release]
    followed: dict[str, Release]
    recognitions: dict[str, Recognition]
    recognised: dict[str, Recognition]
    reports: tuple[ReleaseRehearsal, ...]
    revenue_reports: tuple[RevenueRehearsal, ...]
    written: dict[str, int]
    written_for_revenue: dict[str, int]
    ended_at: datetime


@asynccontextmanager
async def in_shadow(told: Surroundings, firm: Firm, syncline: Syncline) -> AsyncIterator[None]:
    """Every entity's ERP in mode `shadow` from today on, and in mode `automatic` from the same day on afterwards."""
    today = of_the_rehearsal(told).now().date()
    await _bind(told, firm, syncline, today, SHADOW)
    yield
    await _bind(told, firm, syncline, today, "automatic")


async def rehearse_invoices(firm: Firm, invoicing: Invoicing, actor: str) -> None:
    """A batch for each entity, until nothing of them moves; what waits for a person is given up, to be met anew."""
    cut_off = work.month_ends(firm)
    batches = await asyncio.gather(*(invoicing.start_batch(one.code, cut_off, actor) for one in firm.entities))
    ids = {batch.id for batch in batches}

    async def ended() -> list[Release] | None:
        found = [one for one in await invoicing.releases() if one.batch_id in ids]
        return found if sum(one.state in _ENDED for one in found) == len(work.OUTCOMES) else None

    found = await until(ended, "the rehearsed invoices")
    stuck = [one for one in found if one.state == "in_exception"]
    for one in stuck:
        await invoicing.discard(one, "it was a rehearsal: the invoice itself will wait for the same", actor)

    async def given_up() -> bool | None:
        states = {one.id: one.state for one in await invoicing.releases()}
        return True if all(states[one.id] == "discarded" for one in stuck) else None

    await until(given_up, "the rehearsals that are given up")
    names = ", ".join(one.contract_number for one in stuck)
    print(f"{len(found) - len(stuck)} invoices are rehearsed in shadow; waiting for a person: {names}.", flush=True)


async def read_rehearsed(told: Surroundings, firm: Firm, invoicing: Invoicing) -> Rehearsed:
    """From Syncline's pages and the vendors' own journals; as often as anybody asks."""
    listed, recognitions = await invoicing.releases(), await invoicing.recognitions()
    shadows = [one for one in listed if one.mode == SHADOW]
    firsts = {one.contract_number: one for one in listed if one.mode == "automatic" and one.kind == "standard"}
    looked = [one for one in recognitions if one.mode == SHADOW]
    first_recognitions = [one for one in reversed(recognitions) if one.mode == "automatic"]
    recognised: dict[str, Recognition] = {}
    for one in first_recognitions:
        recognised.setdefault(one.contract_number, one)
    entities, end = [one.code for one in firm.entities], work.month_ends(firm)
    reports = [one for code in entities for one in await invoicing.rehearsals(code, end)]
    revenue_reports = [one for code in entities for one in await invoicing.revenue_rehearsals(code, end)]
    return Rehearsed(
        releases=await _whole(invoicing, {one.contract_number: one for one in shadows}),
        followed=await _whole(invoicing, firsts),
        recognitions={one.contract_number: one for one in looked},
        recognised=recognised,
        reports=tuple(reports),
        revenue_reports=tuple(revenue_reports),
        written=await _written(told, shadows),
        written_for_revenue=await _written(told, looked),
        ended_at=max(one.ended_at or one.updated_at for one in shadows),
    )


async def _bind(told: Surroundings, firm: Firm, syncline: Syncline, day: date, mode: str) -> None:
    for entity in firm.entities:
        connection = connection_of(told.connections["erp"], entity.code)
        await syncline.bind(entity.code, "erp", connection, day, mode=mode, reason=f"from now on in {mode}")


async def _whole(invoicing: Invoicing, releases: dict[str, Release]) -> dict[str, Release]:
    """With their drafts."""
    found = await asyncio.gather(*(invoicing.release(one.id) for one in releases.values()))
    return {one.contract_number: one for one in found}


async def _written(told: Surroundings, rehearsals: list[Any]) -> dict[str, int]:
    """The requests to write that the vendors had between the first start and the last end, by vendor and method."""
    begins = min(one.started_at for one in rehearsals)
    ends = max(one.ended_at for one in rehearsals)
    found: Counter[str] = Counter()
    headers = {"Sandbox-Control-Key": told.control_key}
    for name, platform in told.platforms.items():
        async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
            journal = (await http.get("/_sandbox/journal")).raise_for_status().json()
        within = [one for one in journal if begins <= datetime.fromisoformat(one["at"]) <= ends]
        found.update(f"{name} {one['method']} {one['path']}" for one in within if not _only_asks(one))
    return dict(found)


def _only_asks(request: dict[str, Any]) -> bool:
    """Salesforce's long poll, Workday's queries and its SOAP reads are sent by POST."""
    return any(part in request["path"] for part in _ONLY_ASKS) or "Get_" in request["body"]
