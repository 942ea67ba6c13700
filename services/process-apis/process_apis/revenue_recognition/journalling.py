"""Syncline posts: the figure minus what is posted already, by a journal, seen in the ledger before it counts."""

from decimal import Decimal

import msgspec

from canonical.money import Money
from canonical.postings import Journal, LedgerEntry, NewJournal
from canonical.sales import Contract
from process_apis.ledger.postings import Posting, Postings
from process_apis.revenue_recognition.balancing import balances_of, journal_lines, moves
from process_apis.revenue_recognition.calculating import Earned, Figure, Settled, Subject
from process_apis.revenue_recognition.reading import Ground, Readings
from process_apis.revenue_recognition.starting import reference_of
from process_apis.running import Run
from process_apis.systems.connecting import Systems
from servicekit.failures import Failure, Kind


class Journalling:
    """A `Calculator` for figures that are not in the ledger yet, whoever reckons them."""

    def __init__(self, figure: Figure, readings: Readings, systems: Systems, postings: Postings) -> None:
        self._figure = figure
        self._read = readings
        self._systems = systems
        self._postings = postings

    async def earned(self, run: Run, subject: Subject) -> Earned:
        """Measure, and compare with what is posted."""

        async def measure_delivery() -> Earned:
            current = await self._read.read_contract(subject.contract.id)  # it may have been mended since
            measured = await self._figure.of(msgspec.structs.replace(subject, contract=current))
            posted = balances_of(await self._postings.of_contract(current.id))
            moved = moves(measured.cumulative.value, posted, {line.method for line in current.lines})
            return Earned(
                measured=measured,
                posted=Money.of(posted.revenue, current.currency),
                moved={role: f"{amount:f}" for role, amount in moved.items()},
            )

        return await run.attempt(measure_delivery, system="psa")

    async def planned(self, run: Run, subject: Subject, earned: Earned) -> NewJournal:
        """The journal of the difference; nothing is written."""
        contract, bound = subject.contract, subject.bound
        ground = await run.attempt(self._read.read_ground, contract, bound, subject.period_end, system="erp")
        return _journal(run, contract, earned, ground)

    async def settled(self, run: Run, subject: Subject, earned: Earned) -> Settled:
        """The difference, posted once and seen in the ledger."""
        contract = subject.contract
        new = await self.planned(run, subject, earned)
        journal = await self._post(run, subject, new)
        entries = await self._entries(run, subject, journal)
        posting = Posting.of(
            kind="revenue",
            reference=journal.reference,
            run_id=run.launch.run_id,
            contract_id=contract.id,
            legal_entity_code=contract.legal_entity_code,
            document_number=journal.reference,
            posting_date=new.posting_date,
            entered={role: Money.of(amount, contract.currency) for role, amount in earned.moved.items()},
            entries=entries,
        )
        return Settled(
            postings=(posting,),
            journal_id=journal.id,
            document_number=journal.reference,
            posting_date=new.posting_date,
        )

    async def _post(self, run: Run, subject: Subject, new: NewJournal) -> Journal:
        async def post_journal(key: str) -> Journal:
            return await self._systems.erp.post_journal(subject.bound.connections["erp"], new, key)

        return await run.write(post_journal, system="erp")

    async def _entries(self, run: Run, subject: Subject, journal: Journal) -> tuple[LedgerEntry, ...]:
        """What the journal made in the ledger. Some ledgers accept now and post hours later: the run waits for it."""

        async def see_in_ledger() -> tuple[LedgerEntry, ...]:
            erp = self._systems.erp
            now = await erp.journal(journal.id)
            if now.status == "failed":
                raise Failure(Kind.INVALID, f"the ledger refused journal {now.reference}", code="revenue_not_in_ledger")
            entity = subject.contract.legal_entity_code
            found = await erp.ledger_entries(subject.bound.connections["erp"], entity, journal.reference)
            if now.status != "posted" or not found:
                raise Failure(Kind.UNAVAILABLE, f"journal {journal.reference} is accepted and not posted yet")
            return found

        return await run.attempt(see_in_ledger, system="erp")


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
