"""What was earned, by whoever calculates it -> what is missing in the ledger. The business rule, top to bottom."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import msgspec

from canonical.events import RevenuePosted
from canonical.sales import Contract
from process_apis.ledger.postings import Postings
from process_apis.operations.runs import Launch, RunChange
from process_apis.revenue_recognition.calculating import Calculator, Delivery, Earned, PsaRecords, Settled, Subject
from process_apis.revenue_recognition.journalling import Journalling
from process_apis.revenue_recognition.reading import Readings
from process_apis.revenue_recognition.reading_back import ReadingBack
from process_apis.revenue_recognition.recognitions import Recognitions
from process_apis.rules.reading import RevenueRules
from process_apis.running import Discarded, Run, Tools
from process_apis.systems.connecting import Systems


class RevenueRecognition:
    """The process."""

    def __init__(
        self,
        tools: Tools,
        readings: Readings,
        systems: Systems,
        recognitions: Recognitions,
        postings: Postings,
        rules: RevenueRules,
    ) -> None:
        self._tools = tools
        self._read = readings
        self._recognitions = recognitions
        self._postings = postings
        self._rules = rules
        delivery = Delivery(readings, rules)
        self._calculators: dict[str, Calculator] = {
            "journal": Journalling(delivery, readings, systems, postings),
            "psa": Journalling(PsaRecords(readings, delivery), readings, systems, postings),
            "erp": ReadingBack(delivery, readings, postings),
        }

    async def workflow(self, request: Mapping[str, Any]) -> None:
        """The whole run. A journal is posted once; a run that is given up before has written nothing."""
        run = Run(msgspec.convert(request, Launch), self._tools)
        try:
            await self._go(run)
        except Discarded:
            await run.note("discarded", run.change, RunChange(state="discarded"))

    async def _go(self, run: Run) -> None:
        """Ask who calculates, compare with what is posted, and bring the difference into the books."""
        contract = await run.attempt(self._read.read_contract, run.launch.request["contract_id"], system="crm")
        self._tell_about(run, contract)
        bound = await run.attempt(self._read.read_bindings, contract.legal_entity_code)
        calculator = self._calculators[await run.note("calculator", self._calculator_of, contract.legal_entity_code)]
        period_end = date.fromisoformat(run.launch.request["period_end"])
        subject = Subject(contract=contract, bound=bound, period_end=period_end)
        earned = await calculator.earned(run, subject)
        await run.note("measured", self._measured, run, contract, bound.mode, earned)
        if bound.mode == "shadow" and not earned.settled:
            journal = await calculator.planned(run, subject, earned)
            plan = None if journal is None else msgspec.Raw(msgspec.json.encode(journal))
            await run.note("planned", run.change, RunChange(state="running", plan=plan))
        if earned.settled or bound.mode != "automatic":
            looked = {"read": "validated", "shadow": "shadowed"}.get(bound.mode, "nothing_to_post")
            await run.note("ended", run.change, RunChange(state=looked))
            return
        settled = await calculator.settled(run, subject, earned)
        await run.note("posted", self._posted, run, subject, earned, settled)

    async def _calculator_of(self, legal_entity_code: str) -> str:
        """Remembered with the run: a rule that changes meanwhile is for the next one."""
        return self._rules.calculator(legal_entity_code)

    async def _measured(self, run: Run, contract: Contract, mode: str, earned: Earned) -> None:
        tools, launch = self._tools, run.launch
        plan = msgspec.Raw(msgspec.json.encode(earned))
        refs = {"contract_id": contract.id}
        async with tools.database.begin() as session:
            change = RunChange(state="running", mode=mode, refs=refs, plan=plan)
            await tools.runs.change(session, launch.run_id, change)
            await self._recognitions.keep_measured(
                session, launch.run_id, earned.measured, earned.posted, earned.revenue
            )

    async def _posted(self, run: Run, subject: Subject, earned: Earned, settled: Settled) -> None:
        tools, launch, contract = self._tools, run.launch, subject.contract
        data = RevenuePosted(
            recognition_id=launch.id,
            contract_id=contract.id,
            legal_entity_code=contract.legal_entity_code,
            period_end=subject.period_end,
            posting_date=settled.posting_date,
            revenue=earned.revenue,
            cumulative_revenue=earned.measured.cumulative,
            document_number=settled.document_number,
            posted_at=tools.clock.now(),
        )
        async with tools.database.begin() as session:
            for posting in settled.postings:
                await self._postings.keep(session, posting)
            await self._recognitions.keep_posted(
                session, launch.run_id, settled.journal_id, settled.document_number, settled.posting_date
            )
            await tools.runs.change(session, launch.run_id, RunChange(state="recognised"))
            entity = contract.legal_entity_code
            await tools.announcer.announce(session, "revenue-posted", contract.id, data, entity, identity=launch.run_id)

    @staticmethod
    def _tell_about(run: Run, contract: Contract) -> None:
        run.about.legal_entity_code = contract.legal_entity_code
        run.about.value = contract.total_value
        run.about.refs = {
            "recognition_id": run.launch.id,
            "contract_id": contract.id,
            "contract_number": contract.number,
        }
