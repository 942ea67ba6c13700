"""Each platform's view of a run's project, read now; a platform that is away is said to be away."""

import asyncio
from collections.abc import Awaitable

from canonical.billing import BillingSchedule
from canonical.delivery import Project
from canonical.ledger import ProjectShell
from canonical.references import ExternalId, Source
from canonical.sales import Opportunity
from canonical.work import Onboarding, OnboardingSystems, SystemSection
from process_apis.systems.connecting import Systems
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind

Record = Opportunity | Project | BillingSchedule | ProjectShell


class Viewing:
    """Asks every platform at the same time."""

    def __init__(self, systems: Systems, clock: Clock) -> None:
        self._systems = systems
        self._clock = clock

    async def systems_of(self, onboarding: Onboarding) -> OnboardingSystems:
        refs, systems = onboarding.refs, self._systems
        sections = await asyncio.gather(
            self._section("crm", onboarding.opportunity_id, systems.crm.opportunity(onboarding.opportunity_id)),
            self._section("psa", refs.project_id, refs.project_id and systems.psa.project(refs.project_id)),
            self._section(
                "billing",
                refs.billing_schedule_id,
                refs.billing_schedule_id and systems.billing.schedule(refs.billing_schedule_id),
            ),
            self._section(
                "erp", refs.project_shell_id, refs.project_shell_id and systems.erp.shell(refs.project_shell_id)
            ),
        )
        return OnboardingSystems(onboarding_id=onboarding.id, sections=tuple(sections))

    async def _section(
        self, system: str, record_id: str | None, reading: Awaitable[Record] | str | None
    ) -> SystemSection:
        if reading is None or isinstance(reading, str):
            return SystemSection(system=system, status="absent", record_id=None, state=None)
        try:
            record = await reading
        except Failure as failure:
            status = "absent" if failure.kind is Kind.MISSING else "unavailable"
            return SystemSection(system=system, status=status, record_id=record_id, state=None)
        return SystemSection(
            system=system,
            status="fresh",
            record_id=record.id,
            state=record.status,
            external_ids=record.external_ids,
            source=self._source(record.external_ids),
        )

    def _source(self, external_ids: tuple[ExternalId, ...]) -> Source | None:
        if not external_ids:
            return None
        return Source(connection=external_ids[0].connection, as_of=self._clock.now())
