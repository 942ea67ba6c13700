"""Composes one invoice's page."""

import asyncio
from collections.abc import Iterable
from datetime import date

import msgspec
import structlog

from canonical.ids import ReleaseId
from canonical.moments import Moment
from canonical.releases import Lineage, LineageEntry, Release
from experience_api.hops import EventView
from experience_api.lines import (
    Cases,
    ExceptionLine,
    Hop,
    ReleaseLine,
    Releases,
    event_hops,
    exception_line,
    release_line,
    step_hops,
)
from experience_api.processes import Processes
from experience_api.sections import Freshness, Sections
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind


class InvoiceSection(msgspec.Struct, frozen=True, kw_only=True):
    """The invoice with its three states, every id and date, and its lines down to each entry and who approved it."""

    freshness: Freshness
    release: Release | None


class LedgerSection(msgspec.Struct, frozen=True, kw_only=True):
    """What it made in the ledger, read there. The rate is the contract's currency in the entity's, at posting."""

    freshness: Freshness
    entries: tuple[LineageEntry, ...] | None
    rate: str | None
    rate_date: date | None


class CorrectionsSection(msgspec.Struct, frozen=True, kw_only=True):
    """What this corrects, and what has corrected it since, oldest first."""

    freshness: Freshness
    corrects: ReleaseLine | None
    corrected_by: tuple[ReleaseLine, ...] | None


class ChainSection(msgspec.Struct, frozen=True, kw_only=True):
    """Approvals of work, steps and events, in the order of time."""

    freshness: Freshness
    hops: tuple[Hop, ...]


class InvoiceExceptionsSection(msgspec.Struct, frozen=True, kw_only=True):
    """What needed a person on the way, open or not."""

    freshness: Freshness
    exceptions: tuple[ExceptionLine, ...] | None


class InvoicePage(msgspec.Struct, frozen=True, kw_only=True):
    """One invoice or one correction, from the work to the ledger."""

    release_id: ReleaseId
    invoice: InvoiceSection
    ledger: LedgerSection
    corrections: CorrectionsSection
    chain: ChainSection
    exceptions: InvoiceExceptionsSection
    as_of: Moment


class InvoiceScreen:
    """Asks for the invoice first, then for everything that hangs on it at the same time."""

    def __init__(self, processes: Processes, sections: Sections, events: EventView, clock: Clock) -> None:
        self._processes = processes
        self._sections = sections
        self._events = events
        self._clock = clock

    async def show(self, release_id: str) -> InvoicePage:
        """Raises MISSING when invoice-release knows no such invoice."""

        async def ask() -> Release | None:
            return await self._processes.release(release_id)

        fresh, release = await self._sections.read(f"invoice:{release_id}:invoice", "invoice-release", ask, Release)
        if release is None and fresh.status == "fresh":
            raise Failure(Kind.MISSING, f"there is no invoice {release_id}")
        (ledger_at, ledger), (related_at, related), (cases_at, cases), (hops_at, hops) = await asyncio.gather(
            self._ledger(release_id),
            self._related(release_id, release),
            self._cases(release_id, release),
            self._hops(release_id, release, fresh),
        )
        shown = None if release is None else msgspec.structs.replace(release, steps=())  # they are hops of the chain
        return InvoicePage(
            release_id=release_id,
            invoice=InvoiceSection(freshness=fresh, release=shown),
            ledger=_ledger_section(ledger_at, ledger),
            corrections=_corrections(related_at, release, related),
            chain=ChainSection(freshness=hops_at, hops=hops),
            exceptions=InvoiceExceptionsSection(
                freshness=cases_at, exceptions=None if cases is None else tuple(map(exception_line, cases.cases))
            ),
            as_of=self._clock.now(),
        )

    async def _ledger(self, release_id: str) -> tuple[Freshness, Lineage | None]:
        async def ask() -> Lineage:
            return await self._processes.lineage(release_id)

        return await self._sections.read(f"invoice:{release_id}:ledger", "invoice-release", ask, Lineage)

    async def _related(self, release_id: str, release: Release | None) -> tuple[Freshness, Releases | None]:
        async def ask() -> Releases:
            found = await self._processes.releases_of(_known(release).contract_id)
            return Releases(releases=tuple(one for one in found if _is_related(one, _known(release))))

        return await self._sections.read(f"invoice:{release_id}:corrections", "invoice-release", ask, Releases)

    async def _cases(self, release_id: str, release: Release | None) -> tuple[Freshness, Cases | None]:
        async def ask() -> Cases:
            return Cases(cases=await self._processes.exceptions_of(_known(release).run_id))

        return await self._sections.read(f"invoice:{release_id}:exceptions", "operations", ask, Cases)

    async def _hops(
        self, release_id: str, release: Release | None, fresh: Freshness
    ) -> tuple[Freshness, tuple[Hop, ...]]:
        """Approvals of the work, steps, and events that name the invoice; without the view, all but the events."""
        try:
            events = await self._events.of(_names(release_id, release))
        except Failure as failure:
            structlog.get_logger(__name__).warning("hops_not_read", release=release_id, code=failure.code)
            events, fresh = (), msgspec.structs.replace(fresh, status="unavailable", as_of=None)
        hops = [*_approvals(release), *step_hops(release.steps if release else ()), *event_hops(events)]
        return fresh, tuple(sorted(hops, key=lambda hop: hop.at))


def _known(release: Release | None) -> Release:
    if release is None:
        raise Failure(Kind.UNAVAILABLE, "the invoice is not known at the moment")
    return release


def _names(release_id: str, release: Release | None) -> tuple[str, ...]:
    """What events call the invoice by; exceptions name the run."""
    if release is None:
        return (release_id,)
    named = (release.run_id, release.invoice_id, release.credit_note_id, release.receivable_id)
    return (release_id, *(name for name in named if name is not None))


def _approvals(release: Release | None) -> Iterable[Hop]:
    """Each piece of work on the invoice once, though it may stand on two lines."""
    if release is None or release.draft is None:
        return ()
    sources = {source.item_id: source for line in release.draft.lines for source in line.sources}
    return (
        Hop(
            at=source.approved_at,
            kind="approval",
            name=source.item_id,
            system=None,
            state=None,
            trace_id=None,
            by=source.approved_by,
        )
        for source in sources.values()
        if source.approved_at is not None
    )


def _is_related(other: Release, release: Release) -> bool:
    return other.corrects_release_id == release.id or other.id == release.corrects_release_id


def _ledger_section(fresh: Freshness, found: Lineage | None) -> LedgerSection:
    return LedgerSection(
        freshness=fresh,
        entries=None if found is None else found.entries,
        rate=None if found is None else found.rate,
        rate_date=None if found is None else found.rate_date,
    )


def _corrections(fresh: Freshness, release: Release | None, related: Releases | None) -> CorrectionsSection:
    if release is None or related is None:
        return CorrectionsSection(freshness=fresh, corrects=None, corrected_by=None)
    lines = [release_line(one) for one in sorted(related.releases, key=lambda one: (one.started_at, one.id))]
    return CorrectionsSection(
        freshness=fresh,
        corrects=next((line for line in lines if line.release_id == release.corrects_release_id), None),
        corrected_by=tuple(line for line in lines if line.corrects_release_id == release.id),
    )
