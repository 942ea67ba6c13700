"""The ledger recognises by itself: nothing is posted, its entries are read back and kept as postings of ours."""

from collections import Counter
from datetime import date
from decimal import Decimal

import msgspec

from canonical.money import Money
from canonical.postings import LedgerEntry
from canonical.recognition import Measured
from process_apis.ledger.postings import Posting, Postings, balance
from process_apis.revenue_recognition.calculating import Delivery, Earned, Movement, Settled, Subject, beside
from process_apis.revenue_recognition.ledger_documents import converted, unkept
from process_apis.revenue_recognition.reading import Readings
from process_apis.running import Run
from servicekit.failures import Failure, Kind

REVENUE = "revenue"


class ReadingBack:
    """A `Calculator` of entities whose ERP calculates."""

    def __init__(self, delivery: Delivery, readings: Readings, postings: Postings) -> None:
        self._delivery = delivery
        self._read = readings
        self._postings = postings

    async def earned(self, run: Run, subject: Subject) -> Earned:
        """What the ledger has recognised by the end of the period, and what of it we do not keep yet."""

        async def read_back() -> Earned:
            current = await self._read.read_contract(subject.contract.id)
            return await self._seen(msgspec.structs.replace(subject, contract=current))

        return await run.attempt(read_back, system="erp")

    async def planned(self, run: Run, subject: Subject, earned: Earned) -> None:
        """Nothing: the ledger has posted by itself."""

    async def settled(self, run: Run, subject: Subject, earned: Earned) -> Settled:
        """Kept under their keys: the same entries twice are kept once."""
        contract = subject.contract
        postings = tuple(
            Posting.moving(
                kind="revenue",
                reference=f"{contract.id}:{one.key}",
                run_id=run.launch.run_id,
                contract_id=contract.id,
                legal_entity_code=contract.legal_entity_code,
                document_number=one.document_number,
                posting_date=one.posting_date,
                entered=one.entered,
                accounted=one.accounted,
            )
            for one in earned.documents
        )
        newest = postings[-1]
        return Settled(
            postings=postings,
            journal_id=None,
            document_number=newest.document_number,
            posting_date=newest.posting_date,
        )

    async def _seen(self, subject: Subject) -> Earned:
        contract, bound = subject.contract, subject.bound
        entries = await self._read.read_recognised_in_ledger(contract, bound, subject.period_end)
        every = await self._postings.of_contract(contract.id)
        kept = [one for one in every if one.posting_date < subject.period_end]
        documents = await self._movements(subject, entries, kept)
        control = await self._delivery.control(subject)
        if not documents and bound.mode == "automatic":
            await self._require_recognised(subject, entries, control)
        posted = Money.of(-balance(kept, REVENUE), contract.currency)
        moved = _together(documents)
        revenue = Money.of(-moved.get(REVENUE, Decimal(0)), contract.currency)
        facts = {"entries": str(sum(one.account_role == REVENUE for one in entries))}
        facts["documents"] = ", ".join(sorted({one.document_number for one in entries}))
        return Earned(
            measured=beside(posted + revenue, "erp_entries", facts, control),
            posted=posted,
            moved={role: f"{amount:f}" for role, amount in moved.items()},
            documents=documents,
        )

    async def _movements(
        self, subject: Subject, entries: tuple[LedgerEntry, ...], kept: list[Posting]
    ) -> tuple[Movement, ...]:
        """In the order of their days; the contract's currency by the rate of each."""
        last = {(one.document_number, one.posting_date): one.entry_number for one in entries}
        times = Counter((one.document_number, one.posting_date) for one in kept)
        found: list[Movement] = []
        for document, accounted in sorted(unkept(entries, kept).items(), key=lambda pair: (pair[0][1], pair[0][0])):
            number, day = document
            base = next(iter(accounted.values())).currency
            rate = await self._read.read_rate(subject.contract, subject.bound, base, day)
            entered = converted(accounted, Decimal(rate), subject.contract.currency)
            movement = Movement(
                document_number=number,
                key=f"{last[document]}.{times[document]}",
                posting_date=day,
                entered=entered,
                accounted=accounted,
            )
            found.append(movement)
        return tuple(found)

    async def _require_recognised(
        self, subject: Subject, entries: tuple[LedgerEntry, ...], control: Measured | None
    ) -> None:
        """Raises UNAVAILABLE `revenue_not_in_ledger` where the period earned something and the ledger has nothing.

        It may come hours later: the run waits, and tells a person who owns the ledger meanwhile.
        """
        contract, bound, period_end = subject.contract, subject.bound, subject.period_end
        begins = await self._read.read_period_start(contract, bound, period_end)
        if control is None or any(_is_in(one, begins, period_end) for one in entries):
            return
        before = await self._delivery.control(msgspec.structs.replace(subject, period_end=begins))
        if before is not None and before.cumulative != control.cumulative:
            detail = f"the ledger has no revenue of {contract.number} from {begins} to {period_end}, and work was done"
            raise Failure(Kind.UNAVAILABLE, detail, code="revenue_not_in_ledger")


def _is_in(entry: LedgerEntry, begins: date, ends: date) -> bool:
    return entry.account_role == REVENUE and begins <= entry.posting_date < ends


def _together(documents: tuple[Movement, ...]) -> dict[str, Decimal]:
    """What they all move, by role, in the contract's currency."""
    moved: dict[str, Decimal] = {}
    for role, amount in (pair for one in documents for pair in one.entered.items()):
        moved[role] = moved.get(role, Decimal(0)) + amount.value
    return {role: amount for role, amount in moved.items() if amount}
