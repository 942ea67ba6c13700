"""How an onboarding starts: by the event of a win or by a partner's call; the same win always gives the same run."""

from datetime import datetime

import msgspec

from canonical.envelope import Event
from canonical.events import OpportunityWon
from canonical.money import Money
from canonical.work import Onboarding
from process_apis.engine.runtime import Engine, Workflow
from process_apis.operations.runs import Claim, Runs
from process_apis.systems.crm import Crm
from servicekit.failures import Failure, FieldError, Kind
from servicekit.telemetry import correlation_id, current_traceparent

PROCESS = "project-onboarding"
SYNCLINE = "syncline"  # the actor of what nobody asked for in person


class Starter:
    """Claims runs and launches them; a claim that was not launched is launched by the sweep."""

    def __init__(self, runs: Runs[Onboarding], crm: Crm, engine: Engine, workflow: Workflow) -> None:
        self._runs = runs
        self._crm = crm
        self._engine = engine
        self._workflow = workflow

    async def on_opportunity_won(self, event: Event) -> None:
        """The handler of `opportunity-won`. A repeat finds its run.

        Needs no platform: a win is never kept waiting, or set aside, because the CRM is away. The run reads the name.
        """
        won = msgspec.json.decode(event.data, type=OpportunityWon)
        await self._start(won.opportunity_id, won.won_at, won.opportunity_id, won.value, event.legalentity, SYNCLINE)

    async def on_request(self, opportunity_id: str, actor: str) -> str:
        """Returns the run id. Raises INVALID `opportunity_not_found` and `opportunity_not_won`."""
        try:
            opportunity = await self._crm.opportunity(opportunity_id)
        except Failure as failure:
            if failure.kind is Kind.MISSING:
                raise _unfit("opportunity_not_found", "the CRM has no such opportunity") from failure
            raise
        if opportunity.status != "won" or opportunity.won_at is None:
            raise _unfit("opportunity_not_won", f"the opportunity is {opportunity.status}")
        return await self._start(
            opportunity_id,
            opportunity.won_at,
            opportunity.name,
            opportunity.value,
            opportunity.legal_entity_code,
            actor,
        )

    async def launch_claimed(self, run_id: str | None = None) -> None:
        """Launch what was claimed and not launched, because something died in between; with *run_id* only that."""
        for launch in await self._runs.unlaunched(run_id):
            await self._engine.start(launch.run_id, self._workflow, msgspec.to_builtins(launch))
            await self._runs.launched(launch.run_id)

    async def _start(
        self, opportunity_id: str, won_at: datetime, name: str, value: Money, entity: str | None, actor: str
    ) -> str:
        claim = Claim(
            business_key=opportunity_id,
            trigger=f"won:{won_at.isoformat()}",
            name=name,
            value=value,
            legal_entity_code=entity,
            actor=actor,
            trace_parent=current_traceparent(),
            correlation_id=correlation_id(),
            arose_at=won_at,
        )
        run_id = await self._runs.claim(claim)
        await self.launch_claimed(run_id)
        return run_id


def _unfit(code: str, message: str) -> Failure:
    error = FieldError(pointer="/opportunity_id", code=code, message=message)
    return Failure(Kind.INVALID, message, code, (error,))
