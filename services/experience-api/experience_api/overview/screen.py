"""Composes the overview."""

import asyncio

import msgspec

from canonical.moments import Moment
from canonical.work import CycleTime, ExceptionStatistics, OnboardingStatistics, OwnerCount, StateCount
from experience_api.processes import Processes
from experience_api.sections import Freshness, Sections
from servicekit.clock import Clock


class OnboardingsByState(msgspec.Struct, frozen=True, kw_only=True):
    """Onboardings by state, with their value by currency."""

    freshness: Freshness
    states: tuple[StateCount, ...] | None


class ExceptionsByOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Open exceptions by owner, with age and value."""

    freshness: Freshness
    owners: tuple[OwnerCount, ...] | None


class SetUpCycleTime(msgspec.Struct, frozen=True, kw_only=True):
    """Project set-up cycle time of the last 30 days: activated_at - won_at, p50 and p90."""

    freshness: Freshness
    period_from: Moment | None
    period_to: Moment | None
    cycle_time: CycleTime | None


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """The first screen."""

    onboardings: OnboardingsByState
    exceptions: ExceptionsByOwner
    set_up_cycle_time: SetUpCycleTime
    as_of: Moment


class OverviewScreen:
    """Asks for its sections at the same time."""

    def __init__(self, processes: Processes, sections: Sections, clock: Clock) -> None:
        self._processes = processes
        self._sections = sections
        self._clock = clock

    async def show(self) -> Overview:
        read, processes = self._sections.read, self._processes
        (runs_at, runs), (cases_at, cases) = await asyncio.gather(
            read(
                "overview:onboardings",
                "project-onboarding",
                processes.onboarding_statistics,
                OnboardingStatistics,
            ),
            read("overview:exceptions", "operations", processes.exception_statistics, ExceptionStatistics),
        )
        return Overview(
            onboardings=OnboardingsByState(freshness=runs_at, states=None if runs is None else runs.states),
            exceptions=ExceptionsByOwner(freshness=cases_at, owners=None if cases is None else cases.owners),
            set_up_cycle_time=SetUpCycleTime(
                freshness=runs_at,
                period_from=None if runs is None else runs.period_from,
                period_to=None if runs is None else runs.period_to,
                cycle_time=None if runs is None else runs.cycle_time,
            ),
            as_of=self._clock.now(),
        )
