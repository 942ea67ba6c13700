"""Who says what a contract has earned: Syncline by its measures, the PSA by its records, or the ledger by its entries.

Each is a `Calculator`. Where another system calculates, our own measure is kept beside its figure, as a control that
holds nothing up.
"""

from datetime import date
from typing import Protocol

import msgspec

from canonical.entries import RecognisedRevenue
from canonical.money import Money, total
from canonical.postings import NewJournal
from canonical.recognition import Measured
from canonical.sales import Contract
from process_apis.ledger.postings import Posting
from process_apis.operations.bindings import Bound
from process_apis.revenue_recognition.measuring import measure
from process_apis.revenue_recognition.reading import Readings
from process_apis.rules.reading import RevenueRules
from process_apis.running import Run
from servicekit.failures import Failure, Kind


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is recognised: a contract, up to but not including a day, by the connections of its entity."""

    contract: Contract
    bound: Bound
    period_end: date


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """What a document of the ledger moved and we do not keep yet, by role: in the contract's currency and its own."""

    document_number: str
    key: str  # the number of its last entry, and how many movements of it are kept already
    posting_date: date
    entered: dict[str, Money]
    accounted: dict[str, Money]


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What a contract has earned, what is posted of it, and what every account has to move by.

    `documents` are the ledger's own, where it has recognised by itself: `moved` is what they moved.
    """

    measured: Measured
    posted: Money
    moved: dict[str, str]
    documents: tuple[Movement, ...] = ()

    @property
    def settled(self) -> bool:
        """Whether there is nothing to bring into the books."""
        return not self.moved and not self.documents

    @property
    def revenue(self) -> Money:
        return self.measured.cumulative - self.posted


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """How it came to stand in the ledger: what is kept of it, and the document that people look for."""

    postings: tuple[Posting, ...]
    journal_id: str | None
    document_number: str
    posting_date: date


class Calculator(Protocol):
    """Its methods belong to a workflow: what they read and write are steps of the run."""

    async def earned(self, run: Run, subject: Subject) -> Earned: ...
    async def planned(self, run: Run, subject: Subject, earned: Earned) -> NewJournal | None: ...
    async def settled(self, run: Run, subject: Subject, earned: Earned) -> Settled: ...


class Figure(Protocol):
    """Cumulative revenue by the end of the period, read anew at every asking."""

    async def of(self, subject: Subject) -> Measured: ...


class Delivery:
    """The figure by what was delivered, with Syncline's own measures."""

    def __init__(self, readings: Readings, rules: RevenueRules) -> None:
        self._read = readings
        self._rules = rules

    async def of(self, subject: Subject) -> Measured:
        """Raises INVALID for what a measure lacks."""
        contract, measures = subject.contract, self._rules.measures
        by_cost = "cost_to_cost" in {measures[line.method] for line in contract.lines}
        delivered = await self._read.read_delivered(contract, subject.bound, subject.period_end, by_cost=by_cost)
        return _together(measure(delivered, measures), contract.currency)

    async def control(self, subject: Subject) -> Measured | None:
        """The same for comparison: none where it cannot be measured, which nobody has to mend then."""
        try:
            return await self.of(subject)
        except Failure as failure:
            if failure.kind is not Kind.INVALID:
                raise
            return None


class PsaRecords:
    """The figure that finance holds in the PSA."""

    def __init__(self, readings: Readings, delivery: Delivery) -> None:
        self._read = readings
        self._delivery = delivery

    async def of(self, subject: Subject) -> Measured:
        """Raises INVALID `psa_revenue_missing`, `psa_revenue_currency`."""
        records = await self._read.read_recognised(subject.contract, subject.bound)
        counted = _counted(records, subject)
        figure = total([one.amount for one in counted], subject.contract.currency)
        through = max(_last_day(one) for one in counted)
        facts = {"records": str(len(counted)), "through": through.isoformat()}
        return beside(figure, "psa_records", facts, await self._delivery.control(subject))


def beside(figure: Money, name: str, facts: dict[str, str], control: Measured | None) -> Measured:
    """Another system's figure, with our own measure and the difference between both among its facts."""
    if control is None:
        told = {**facts, "control": "not_measured"}
    else:
        difference = (figure - control.cumulative).amount
        told = {**facts, "control": control.cumulative.amount, "control_difference": difference}
        told |= {f"control.{name}": value for name, value in control.facts.items()}
    return Measured(measure=name, percent_complete=None, facts=told, cumulative=figure)


def _counted(records: tuple[RecognisedRevenue, ...], subject: Subject) -> list[RecognisedRevenue]:
    """Those of periods that have ended, once they reach to the end that is asked for, or to that of the contract."""
    contract, ends = subject.contract, subject.period_end
    counted = [one for one in records if _last_day(one) < ends]
    needed = min(ends, contract.end_date)
    if not any(_last_day(one).toordinal() + 1 >= needed.toordinal() for one in counted):
        message = f"the PSA holds no revenue of {contract.number} for the period before {ends}"
        raise Failure(Kind.INVALID, message, code="psa_revenue_missing")
    strange = sorted({one.amount.currency for one in counted} - {contract.currency})
    if strange:
        message = f"the PSA holds revenue of {contract.number} in {', '.join(strange)}, not in {contract.currency}"
        raise Failure(Kind.INVALID, message, code="psa_revenue_currency")
    return counted


def _last_day(record: RecognisedRevenue) -> date:
    """A period without an end never ends."""
    end = record.period.to_date
    return date.max if end is None else date.fromordinal(end.toordinal() - 1)


def _together(found: tuple[Measured, ...], currency: str) -> Measured:
    """Several methods in one contract add up; the first names the measure, and the facts are told together."""
    if len(found) == 1:
        return found[0]
    facts = {f"{one.measure}.{name}": value for one in found for name, value in one.facts.items()}
    cumulative = total([one.cumulative for one in found], currency)
    return Measured(measure=found[0].measure, percent_complete=None, facts=facts, cumulative=cumulative)
