"""Composes one project's page."""

import asyncio

import msgspec
import structlog

from canonical.ids import ProjectId
from canonical.moments import Moment
from canonical.money import Money
from canonical.work import Onboarding, OnboardingSystems, SystemSection
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


class RunSection(msgspec.Struct, frozen=True, kw_only=True):
    """The onboarding of the project."""

    freshness: Freshness
    onboarding_id: str | None
    name: str | None
    state: str | None
    value: Money | None
    won_at: Moment | None
    activated_at: Moment | None
    trace_id: str | None


class SystemsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Each platform's id and state, with the moment it was read."""

    freshness: Freshness
    systems: tuple[SystemSection, ...] | None


class HopsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Every hop in the order of time."""

    freshness: Freshness
    hops: tuple[Hop, ...]


class ExceptionsSection(msgspec.Struct, frozen=True, kw_only=True):
    """What needed a person, open or not."""

    freshness: Freshness
    exceptions: tuple[ExceptionLine, ...] | None


class ProjectInvoicesSection(msgspec.Struct, frozen=True, kw_only=True):
    """The invoices of the project's contract and their corrections, newest first."""

    freshness: Freshness
    invoices: tuple[ReleaseLine, ...] | None


class ProjectPage(msgspec.Struct, frozen=True, kw_only=True):
    """One project, from the win to today."""

    project_id: ProjectId
    run: RunSection
    systems: SystemsSection
    hops: HopsSection
    exceptions: ExceptionsSection
    invoices: ProjectInvoicesSection
    as_of: Moment


class ProjectScreen:
    """Asks for the run first, then for everything that hangs on it at the same time."""

    def __init__(self, processes: Processes, sections: Sections, events: EventView, clock: Clock) -> None:
        self._processes = processes
        self._sections = sections
        self._events = events
        self._clock = clock

    async def show(self, project_id: str) -> ProjectPage:
        """Raises MISSING when no run of ours knows the project, and nothing is known of it from before."""

        async def ask() -> Onboarding | None:
            return await self._processes.onboarding_of(project_id)

        fresh, run = await self._sections.read(f"project:{project_id}:run", "project-onboarding", ask, Onboarding)
        if run is None and fresh.status == "fresh":
            raise Failure(Kind.MISSING, f"there is no project {project_id}")
        (systems_at, systems), (cases_at, cases), (hops_at, hops), billed = await asyncio.gather(
            self._systems(project_id, run),
            self._cases(project_id, run),
            self._hops(project_id, run, fresh),
            self._invoices(project_id, run),
        )
        return ProjectPage(
            project_id=project_id,
            run=_run_section(fresh, run),
            systems=SystemsSection(freshness=systems_at, systems=None if systems is None else systems.sections),
            hops=HopsSection(freshness=hops_at, hops=hops),
            exceptions=ExceptionsSection(
                freshness=cases_at, exceptions=None if cases is None else tuple(map(exception_line, cases.cases))
            ),
            invoices=billed,
            as_of=self._clock.now(),
        )

    async def _systems(self, project_id: str, run: Onboarding | None) -> tuple[Freshness, OnboardingSystems | None]:
        async def ask() -> OnboardingSystems | None:
            return await self._processes.systems_of(_known(run).id)

        return await self._sections.read(f"project:{project_id}:systems", "project-onboarding", ask, OnboardingSystems)

    async def _cases(self, project_id: str, run: Onboarding | None) -> tuple[Freshness, Cases | None]:
        async def ask() -> Cases | None:
            return Cases(cases=await self._processes.exceptions_of(_known(run).run_id))

        return await self._sections.read(f"project:{project_id}:exceptions", "operations", ask, Cases)

    async def _invoices(self, project_id: str, run: Onboarding | None) -> ProjectInvoicesSection:
        async def ask() -> Releases:
            contract_id = _known(run).refs.contract_id
            return Releases(releases=await self._processes.releases_of(contract_id) if contract_id else ())

        fresh, found = await self._sections.read(f"project:{project_id}:invoices", "invoice-release", ask, Releases)
        invoices = None if found is None else tuple(map(release_line, found.releases))
        return ProjectInvoicesSection(freshness=fresh, invoices=invoices)

    async def _hops(
        self, project_id: str, run: Onboarding | None, fresh: Freshness
    ) -> tuple[Freshness, tuple[Hop, ...]]:
        """Steps of the run and events that name the project or its opportunity; without the view, the steps alone."""
        ids = (project_id,) if run is None else (project_id, run.opportunity_id)
        try:
            events = await self._events.of(ids)
        except Failure as failure:
            structlog.get_logger(__name__).warning("hops_not_read", project=project_id, code=failure.code)
            events, fresh = (), msgspec.structs.replace(fresh, status="unavailable", as_of=None)
        hops = [*event_hops(events), *step_hops(run.steps if run else ())]
        return fresh, tuple(sorted(hops, key=lambda hop: hop.at))


def _known(run: Onboarding | None) -> Onboarding:
    if run is None:
        raise Failure(Kind.UNAVAILABLE, "the run is not known at the moment")
    return run


def _run_section(fresh: Freshness, run: Onboarding | None) -> RunSection:
    return RunSection(
        freshness=fresh,
        onboarding_id=run.id if run else None,
        name=run.name if run else None,
        state=run.state if run else None,
        value=run.value if run else None,
        won_at=run.won_at if run else None,
        activated_at=run.activated_at if run else None,
        trace_id=run.trace_id if run else None,
    )
