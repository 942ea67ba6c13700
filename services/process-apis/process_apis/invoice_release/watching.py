"""What the PSA's events mean to invoicing: new work is seen, withdrawn work leaves drafts, billed work is questioned.

Handlers only note; a role looks at each project that was noted once, however many events told of it.
"""

import asyncio
from typing import Any

import msgspec
import structlog
from sqlalchemy import Row, text

from canonical.envelope import Event
from canonical.events import ExpenseApproved, MilestoneAccepted, TimeApprovalWithdrawn, TimeApproved
from canonical.work import Finding
from process_apis.invoice_release.claims import Claimant, Claims
from process_apis.invoice_release.collecting import collect, included_hours
from process_apis.invoice_release.reading import Readings
from process_apis.operations.cases import Cases, Problem
from process_apis.operations.waking import wake_row
from process_apis.rules.reading import Rules
from process_apis.systems.psa import Psa
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure

_NOTE = text(
    "insert into work_to_see (project_id, at) values (:project_id, :now)"
    " on conflict (project_id) do update set at = greatest(excluded.at, work_to_see.at)"
)
_NOTED = text("select project_id, at from work_to_see order by at limit 5")
_SEEN = text("delete from work_to_see where project_id = :project_id and at <= :at")
_WITHDRAWN = text(
    "update billable set withdrawn = true, updated_at = :now where item_id = :item_id and claimed_amount = 0"
)
_HOLDING = text(
    "select l.id, l.run_id, l.document_state, l.invoice_number, l.legal_entity_code, c.amount, l.currency"
    " from claim c join release l on l.id = c.release_id where c.item_id = :item_id and c.state = 'live'"
)
_REDRAFT = text("update release set redraft = true where run_id = :run_id")


class Watching:
    """Handlers of events, and the role that looks at what they noted."""

    def __init__(
        self,
        database: Database,
        psa: Psa,
        readings: Readings,
        claims: Claims,
        cases: Cases,
        rules: Rules,
        process: str,
        clock: Clock,
    ) -> None:
        self._database = database
        self._psa = psa
        self._read = readings
        self._claims = claims
        self._cases = cases
        self._rules = rules
        self._process = process
        self._clock = clock

    async def on_time_approved(self, event: Event) -> None:
        await self._note(msgspec.json.decode(event.data, type=TimeApproved).project_id)

    async def on_expense_approved(self, event: Event) -> None:
        await self._note(msgspec.json.decode(event.data, type=ExpenseApproved).project_id)

    async def on_milestone_accepted(self, event: Event) -> None:
        await self._note(msgspec.json.decode(event.data, type=MilestoneAccepted).project_id)

    async def on_time_approval_withdrawn(self, event: Event) -> None:
        """A draft that holds the entry is made anew; for an issued invoice people are asked to credit it."""
        withdrawn = msgspec.json.decode(event.data, type=TimeApprovalWithdrawn)
        now = self._clock.now()
        async with self._database.begin() as session:
            await session.execute(_NOTE, {"project_id": withdrawn.project_id, "now": now})
            await session.execute(_WITHDRAWN, {"item_id": withdrawn.time_entry_id, "now": now})
            for held in (await session.execute(_HOLDING, {"item_id": withdrawn.time_entry_id})).all():
                if held.document_state == "draft":
                    await session.execute(_REDRAFT, {"run_id": held.run_id})
                    await wake_row(session, self._process, held.run_id, now)
                else:
                    await self._cases.raise_case(session, self._problem(withdrawn, held))

    async def run(self, every_s: float) -> None:
        """Look at what was noted, until cancelled."""
        while True:
            seen = 0
            try:
                seen = await self.look()
            except Exception as error:  # noqa: BLE001  whatever ended a round, the next one is due
                structlog.get_logger(__name__).warning("work_not_seen", exc_info=error)
            if not seen:
                await asyncio.sleep(every_s)

    async def look(self) -> int:
        """See the work of a few projects that were noted; returns how many. What may heal is looked at again."""
        async with self._database.begin() as session:
            noted = (await session.execute(_NOTED)).all()
        seen = 0
        for row in noted:
            try:
                await self._see(row.project_id)
            except Failure as failure:
                structlog.get_logger(__name__).warning("work_not_seen", project=row.project_id, code=failure.code)
                if failure.kind.retryable:
                    continue
            async with self._database.begin() as session:
                await session.execute(_SEEN, {"project_id": row.project_id, "at": row.at})
            seen += 1
        return seen

    async def _see(self, project_id: str) -> None:
        """Keep what the project has to bill, priced, without claiming any of it."""
        project = await self._psa.project(project_id)
        if project.contract_id is None:
            return
        agreement = await self._read.read_agreement(project.contract_id)
        bound = await self._read.read_bindings(agreement.contract.legal_entity_code)
        cut_off = await self._read.tomorrow(agreement.contract.legal_entity_code, bound)
        matter = await self._read.read_matter(agreement, bound, cut_off, None, None)
        items, _ = collect(matter, self._rules.invoicing.rate_drift_tolerance_percent)
        claimant = Claimant(
            release_id="",
            contract=agreement.contract,
            project_id=project.id,
            cut_off=cut_off,
            included_hours=included_hours(agreement.contract, cut_off),
        )
        async with self._database.begin() as session:
            await self._claims.see(session, claimant, items)

    async def _note(self, project_id: str) -> None:
        async with self._database.begin() as session:
            await session.execute(_NOTE, {"project_id": project_id, "now": self._clock.now()})

    def _problem(self, withdrawn: TimeApprovalWithdrawn, row: Row[Any]) -> Problem:
        message = f"time entry {withdrawn.time_entry_id} of {withdrawn.work_date} stands on {row.invoice_number}"
        finding = Finding(
            code="changed_after_invoicing", field=f"/time/{withdrawn.time_entry_id}", message=message, fix=""
        )
        return Problem(
            run_id=row.run_id,
            process=self._process,
            step=f"billed:{withdrawn.time_entry_id}",
            failure_class="business",
            code="changed_after_invoicing",
            detail=f"the approval of billed work was withdrawn: {message}",
            findings=(finding,),
            blocking=False,
            legal_entity_code=row.legal_entity_code,
            value=None,
            refs={"release_id": row.id, "time_entry_id": withdrawn.time_entry_id},
        )
