"""What was delivered -> what was earned -> the journal that is missing. The business rule, top to bottom."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from canonical.events import RevenuePosted
from canonical.money import Money, total
from canonical.postings import Journal, LedgerEntry, NewJournal
from canonical.recognition import Measured
from canonical.sales import Contract
from process_apis.ledger.postings import Posting, Postings
from process_apis.operations.bindings import Bound
from process_apis.operations.runs import Launch, RunChange
from process_apis.revenue_recognition.balancing import balances_of, journal_lines, moves
from process_apis.revenue_recognition.measuring import measure
from process_apis.revenue_recognition.reading import Ground, Readings
from process_apis.revenue_recognition.recognitions import Recognitions
from process_apis.revenue_recognition.starting import reference_of
from process_apis.rules.reading import RevenueRules
from process_apis.running import Discarded, Run, Tools
from process_apis.systems.connecting import Systems
from servicekit.failures import Failure, Kind


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract has earned, what is posted of it, and what every account has to move by."""

    measured: Measured
    posted: Money
    moved: dict[str, str]

    @property
    def revenue(self) -> Money:
        return self.measured.cumulative - self.posted


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
        self._systems = systems
        self._recognitions = recognitions
        self._postings = postings
        self._rules = rules

    async def workflow(self, request: Mapping[str, Any]) -> None:
        """The whole run. A journal is posted once; a run that is given up before has written nothing."""
        run = Run(msgspec.convert(request, Launch), self._tools)
        try:
            await self._go(run)
        except Discarded:
            await run.note("discarded", run.change, RunChange(state="discarded"))

    async def _go(self, run: Run) -> None:
        """Measure, compare with what is posted, post the difference, see it in the ledger."""
        period_end = date.fromisoformat(run.launch.request["period_end"])
        contract = await run.attempt(self._read.read_contract, run.launch.request["contract_id"], system="crm")
        self._tell_about(run, contract)
        bound = await run.attempt(self._read.read_bindings, contract.legal_entity_code)
        await run.attempt(self._check_calculator, contract.legal_entity_code)
        earned = await self._earned(run, contract, bound, period_end)
        await run.note("measured", self._measured, run, contract, bound.mode, earned)
        if not earned.moved or bound.mode not in {"automatic", "shadow"}:
            await self._end(run, bound)
            return
        ground = await run.attempt(self._read.read_ground, contract, bound, period_end, system="erp")
        new = _journal(run, contract, earned, ground)
        if bound.mode == "shadow":
            await run.note(
                "planned", run.change, RunChange(state="running", plan=msgspec.Raw(msgspec.json.encode(new)))
            )
            await self._end(run, bound)
            return
        journal = await self._post(run, bound, new)
        entries = await self._entries(run, contract, bound, journal)
        await run.note("posted", self._posted, run, contract, earned, ground, journal, entries, period_end)

    async def _check_calculator(self, legal_entity_code: str) -> None:
        """Raises INVALID `unsupported_revenue_mode` where the ledger or the PSA is said to calculate, and cannot."""
        calculator = self._rules.calculator(legal_entity_code)
        if calculator != "journal":
            detail = f"{legal_entity_code} is set to have revenue calculated by the {calculator}, which offers none"
            raise Failure(Kind.INVALID, detail, code="unsupported_revenue_mode")

    async def _earned(self, run: Run, contract: Contract, bound: Bound, period_end: date) -> Earned:
        async def measure_delivery() -> Earned:
            current = await self._read.read_contract(contract.id)  # it may have been mended since
            by_cost = "cost_to_cost" in {self._rules.measures[line.method] for line in current.lines}
            delivered = await self._read.read_delivered(current, bound, period_end, by_cost=by_cost)
            measured = _together(measure(delivered, self._rules.measures), current.currency)
            posted = balances_of(await self._postings.of_contract(current.id))
            methods = {line.method for line in current.lines}
            moved = moves(measured.cumulative.value, posted, methods)
            return Earned(
                measured=measured,
                posted=Money.of(posted.revenue, current.currency),
                moved={role: f"{amount:f}" for role, amount in moved.items()},
            )

        return await run.attempt(measure_delivery, system="psa")

    @staticmethod
    async def _end(run: Run, bound: Bound) -> None:
        """Without a journal: nothing is missing, or the mode only looks."""
        state = {"read": "validated", "shadow": "shadowed"}.get(bound.mode, "nothing_to_post")
        await run.note("ended", run.change, RunChange(state=state))

    async def _post(self, run: Run, bound: Bound, new: NewJournal) -> Journal:
        async def post_journal(key: str) -> Journal:
            return await self._systems.erp.post_journal(bound.connections["erp"], new, key)

        return await run.write(post_journal, system="erp")

    async def _entries(self, run: Run, contract: Contract, bound: Bound, journal: Journal) -> tuple[LedgerEntry, ...]:
        """What the journal made in the ledger. Some ledgers accept now and post hours later: the run waits for it."""

        async def see_in_ledger() -> tuple[LedgerEntry, ...]:
            erp = self._systems.erp
            now = await erp.journal(journal.id)
            if now.status == "failed":
                raise Failure(Kind.INVALID, f"the ledger refused journal {now.reference}", code="revenue_not_in_ledger")
            entity = contract.legal_entity_code
            found = await erp.ledger_entries(bound.connections["erp"], entity, journal.reference)
            if now.status != "posted" or not found:
                raise Failure(Kind.UNAVAILABLE, f"journal {journal.reference} is accepted and not posted yet")
            return found

        return await run.attempt(see_in_ledger, system="erp")

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

    async def _posted(
        self,
        run: Run,
        contract: Contract,
        earned: Earned,
        ground: Ground,
        journal: Journal,
        entries: tuple[LedgerEntry, ...],
        period_end: date,
    ) -> None:
        tools, launch, day = self._tools, run.launch, ground.posting.day
        posting = Posting.of(
            kind="revenue",
            reference=journal.reference,
            run_id=launch.run_id,
            contract_id=contract.id,
            legal_entity_code=contract.legal_entity_code,
            document_number=journal.reference,
            posting_date=day,
            entered={role: Money.of(amount, contract.currency) for role, amount in earned.moved.items()},
            entries=entries,
        )
        data = RevenuePosted(
            recognition_id=launch.id,
            contract_id=contract.id,
            legal_entity_code=contract.legal_entity_code,
            period_end=period_end,
            posting_date=day,
            revenue=earned.revenue,
            cumulative_revenue=earned.measured.cumulative,
            document_number=journal.reference,
            posted_at=tools.clock.now(),
        )
        async with tools.database.begin() as session:
            await self._postings.keep(session, posting)
            await self._recognitions.keep_posted(session, launch.run_id, journal.id, journal.reference, day)
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


def _journal(run: Run, contract: Contract, earned: Earned, ground: Ground) -> NewJournal:
    """What brings the ledger to what was earned, in the entity's own currency at the rate of the posting day."""
    description = f"Revenue of {contract.number}"
    moved = {role: Decimal(amount) for role, amount in earned.moved.items()}
    base_currency, rate = ground.entity.base_currency, Decimal(ground.rate)
    return NewJournal(
        reference=reference_of(run.launch.id),
        kind="revenue",
        legal_entity_code=contract.legal_entity_code,
        document_date=ground.posting.day,
        posting_date=ground.posting.day,
        description=description,
        lines=journal_lines(moved, contract.currency, base_currency, rate, description, contract.cost_centre_code),
    )


def _together(found: tuple[Measured, ...], currency: str) -> Measured:
    """Several methods in one contract add up; the first names the measure, and the facts are told together."""
    if len(found) == 1:
        return found[0]
    facts = {f"{one.measure}.{name}": value for one in found for name, value in one.facts.items()}
    cumulative = total([one.cumulative for one in found], currency)
    return Measured(measure=found[0].measure, percent_complete=None, facts=facts, cumulative=cumulative)
