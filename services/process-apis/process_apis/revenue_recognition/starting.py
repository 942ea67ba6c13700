"""How recognitions start: the same contract and period give the same run, while that run is under way."""

from datetime import date

import msgspec
from sqlalchemy import text

from canonical.recognition import NewRecognition, NewRecognitionRun
from canonical.sales import Contract
from process_apis.engine.runtime import Engine, Workflow
from process_apis.operations.runs import Claim, RunRecord, Runs
from process_apis.revenue_recognition.reading import Readings
from process_apis.revenue_recognition.recognitions import NewRow, Recognitions
from process_apis.rules.reading import RevenueRules
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, FieldError, Kind
from servicekit.telemetry import correlation_id, current_traceparent

PROCESS = "revenue-recognition"
_ENDED = text(
    "select count(*) from run where process = :process and business_key = :business_key and ended_at is not null"
)


class Starter:
    """Claims runs and launches them; a claim that was not launched is launched by the sweep."""

    def __init__(
        self,
        database: Database,
        runs: Runs[RunRecord],
        recognitions: Recognitions,
        readings: Readings,
        rules: RevenueRules,
        engine: Engine,
        workflow: Workflow,
        clock: Clock,
    ) -> None:
        self._database = database
        self._runs = runs
        self._recognitions = recognitions
        self._read = readings
        self._rules = rules
        self._engine = engine
        self._workflow = workflow
        self._clock = clock

    async def on_request(self, new: NewRecognition, actor: str) -> str:
        """Returns the run id. Raises INVALID `contract_not_found`, `period_not_over`."""
        run_id = await self._claim(new.contract_id, new.period_end, actor)
        await self.launch_claimed(run_id)
        return run_id

    async def on_entity(self, new: NewRecognitionRun, actor: str) -> tuple[str, ...]:
        """The runs of all contracts of an entity that have a project."""
        bound = await self._read.read_bindings(new.legal_entity_code)
        projects = await self._read.projects(bound, new.legal_entity_code)
        begun = [one for one in projects if one.start_date is not None and one.start_date < new.period_end]
        found = tuple([await self._claim(one.contract_id or "", new.period_end, actor) for one in begun])
        await self.launch_claimed()
        return found

    async def launch_claimed(self, run_id: str | None = None) -> None:
        """Launch what was claimed and not launched, because something died in between; with *run_id* only that."""
        for launch in await self._runs.unlaunched(run_id):
            await self._keep_row(await self._runs.record(launch.id))
            await self._engine.start(launch.run_id, self._workflow, msgspec.to_builtins(launch))
            await self._runs.launched(launch.run_id)

    async def _claim(self, contract_id: str, period_end: date, actor: str) -> str:
        contract = await self._contract(contract_id)
        business_key = f"{contract.id}:{period_end.isoformat()}"
        async with self._database.begin() as session:
            values = {"process": PROCESS, "business_key": business_key}
            ended = (await session.execute(_ENDED, values)).scalar_one()
        method = contract.lines[0].method
        claim = Claim(
            business_key=business_key,
            trigger=f"recognise:{ended}",
            name=f"{contract.number}, before {period_end}",
            legal_entity_code=contract.legal_entity_code,
            actor=actor,
            trace_parent=current_traceparent(),
            correlation_id=correlation_id(),
            arose_at=self._clock.now(),
            request={
                "contract_id": contract.id,
                "contract_number": contract.number,
                "currency": contract.currency,
                "period_end": period_end.isoformat(),
                "method": method,
                "measure": self._rules.measures[method],
            },
        )
        return await self._runs.claim(claim)

    async def _keep_row(self, run: RunRecord) -> None:
        request = run.request
        row = NewRow(
            id=run.id,
            run_id=run.run_id,
            reference=reference_of(run.id),
            contract_id=request["contract_id"],
            contract_number=request["contract_number"],
            legal_entity_code=run.legal_entity_code or "",
            currency=request["currency"],
            method=request["method"],
            measure=request["measure"],
            period_end=date.fromisoformat(request["period_end"]),
        )
        await self._recognitions.create(row)

    async def _contract(self, contract_id: str) -> Contract:
        try:
            return await self._read.read_contract(contract_id)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise
            message = "the CRM has no such contract"
            error = FieldError(pointer="/contract_id", code="contract_not_found", message=message)
            raise Failure(Kind.INVALID, message, error.code, (error,)) from failure


def reference_of(recognition_id: str) -> str:
    """The journal's document number: what the shortest field for it takes (20 characters)."""
    return f"RR-{recognition_id[-14:].upper()}"
