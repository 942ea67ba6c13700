"""How releases and credits start: the same request always gives the same run, while that run is under way."""

from datetime import date

import msgspec
from sqlalchemy import text

from canonical.releases import NewCredit, NewRelease, Release
from canonical.sales import Contract
from process_apis.engine.runtime import Engine, Workflow
from process_apis.invoice_release.releases import NewRow, Releases, reference_of
from process_apis.operations.runs import Claim, RunRecord, Runs
from process_apis.systems.crm import Crm
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, FieldError, Kind
from servicekit.telemetry import correlation_id, current_traceparent

PROCESS = "invoice-release"
_ENDED = text(
    "select count(*), count(*) filter (where state = 'posted') from run"
    " where process = :process and business_key = :business_key and ended_at is not null"
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A release to be started.

    Of a rebill: `corrects` is the release that it follows, `number` what that was issued under, `corrected_by` the
    credit between them.
    """

    contract_id: str
    cut_off: date
    document_date: date | None = None
    batch_id: str | None = None
    corrects: str | None = None
    number: str | None = None
    corrected_by: str | None = None


class Starter:
    """Claims runs and launches them; a claim that was not launched is launched by the sweep."""

    def __init__(
        self,
        database: Database,
        runs: Runs[RunRecord],
        releases: Releases,
        crm: Crm,
        engine: Engine,
        workflows: dict[str, Workflow],
        clock: Clock,
    ) -> None:
        self._database = database
        self._runs = runs
        self._releases = releases
        self._crm = crm
        self._engine = engine
        self._workflows = workflows
        self._clock = clock

    async def on_request(self, new: NewRelease, actor: str) -> str:
        """Returns the run id. Raises INVALID `contract_not_found`."""
        wanted = Wanted(contract_id=new.contract_id, cut_off=new.cut_off, document_date=new.document_date)
        return await self.start(wanted, actor)

    async def start(self, wanted: Wanted, actor: str) -> str:
        """The run of this contract and cut-off that is under way, or a new one: a revision of those that have ended."""
        run_id = await self.claim(wanted, actor)
        await self.launch_claimed(run_id)
        return run_id

    async def claim(self, wanted: Wanted, actor: str) -> str:
        """As `start`, for the sweep to launch."""
        contract = await self._contract(wanted.contract_id)
        business_key = f"{contract.id}:{wanted.cut_off.isoformat()}"
        ended, posted = await self._ended(business_key)
        kind = "rebill" if wanted.corrects else "supplementary" if posted else "standard"
        request = {
            "contract_id": contract.id,
            "cut_off": wanted.cut_off.isoformat(),
            "kind": kind,
            **_present(
                document_date=None if wanted.document_date is None else wanted.document_date.isoformat(),
                batch_id=wanted.batch_id,
                corrects_release_id=wanted.corrects,
                corrects_number=wanted.number,
            ),
        }
        trigger = f"rebill:{wanted.corrected_by}" if wanted.corrected_by else f"release:{ended}"
        return await self._claimed(contract, business_key, trigger, request, actor)

    async def credit(self, release: Release, new: NewCredit, actor: str) -> str:
        """The run of a credit. One at a time for a release: the same request gives the same run."""
        contract = await self._contract(release.contract_id)
        business_key = f"{release.id}:credit"
        ended, _ = await self._ended(business_key)
        request = {
            "contract_id": contract.id,
            "cut_off": release.cut_off.isoformat(),
            "kind": "credit",
            "corrects_release_id": release.id,
            "asked": msgspec.json.encode(new).decode(),
        }
        run_id = await self._claimed(contract, business_key, f"credit:{ended}", request, actor)
        await self.launch_claimed(run_id)
        return run_id

    async def launch_claimed(self, run_id: str | None = None) -> None:
        """Launch what was claimed and not launched, because something died in between; with *run_id* only that."""
        for launch in await self._runs.unlaunched(run_id):
            record = await self._runs.record(launch.id)
            reference = await self._keep_row(record)
            request = {**launch.request, "reference": reference}
            workflow = self._workflows["credit" if request["kind"] == "credit" else "release"]
            told = msgspec.structs.replace(launch, request=request)
            await self._engine.start(launch.run_id, workflow, msgspec.to_builtins(told))
            await self._runs.launched(launch.run_id)

    async def _claimed(
        self, contract: Contract, business_key: str, trigger: str, request: dict[str, str], actor: str
    ) -> str:
        claim = Claim(
            business_key=business_key,
            trigger=trigger,
            name=contract.number,
            legal_entity_code=contract.legal_entity_code,
            actor=actor,
            trace_parent=current_traceparent(),
            correlation_id=correlation_id(),
            arose_at=self._clock.now(),
            request={**request, "contract_number": contract.number, "currency": contract.currency},
        )
        return await self._runs.claim(claim)

    async def _keep_row(self, run: RunRecord) -> str:
        """The release beside its run, once. Returns what its document is called before it has a number."""
        request, entity = run.request, run.legal_entity_code or ""
        reference = reference_of(entity, run.id, "CRN" if request["kind"] == "credit" else "INV")
        row = NewRow(
            id=run.id,
            run_id=run.run_id,
            reference=reference,
            kind=request["kind"],
            revision=int(run.run_id.rpartition(":")[2]),
            batch_id=request.get("batch_id"),
            corrects_release_id=request.get("corrects_release_id"),
            contract_id=request["contract_id"],
            contract_number=request["contract_number"],
            legal_entity_code=entity,
            currency=request["currency"],
            cut_off=date.fromisoformat(request["cut_off"]),
        )
        async with self._database.begin() as session:
            await self._releases.create(session, row)
        return reference

    async def _contract(self, contract_id: str) -> Contract:
        try:
            return await self._crm.contract(contract_id)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise
            message = "the CRM has no such contract"
            error = FieldError(pointer="/contract_id", code="contract_not_found", message=message)
            raise Failure(Kind.INVALID, message, "contract_not_found", (error,)) from failure

    async def _ended(self, business_key: str) -> tuple[int, int]:
        """How many runs of the business key have ended, and how many of them with a posted invoice."""
        async with self._database.begin() as session:
            row = (await session.execute(_ENDED, {"process": PROCESS, "business_key": business_key})).one()
        return int(row[0]), int(row[1])


def _present(**values: str | None) -> dict[str, str]:
    return {name: value for name, value in values.items() if value is not None}
