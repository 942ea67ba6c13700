"""Composes the invoicing screen."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable

import msgspec

from canonical.ids import ReleaseId
from canonical.moments import Moment
from canonical.money import Currency, Money, total
from canonical.references import LegalEntityCode
from canonical.releases import AgedValue, ReleaseCount, ReleaseStatistics, UnbilledContract, WaitingApproval
from canonical.work import ExceptionCase
from experience_api.lines import Cases, ExceptionLine, ReleaseLine, Releases, exception_line, release_line
from experience_api.processes import Processes
from experience_api.sections import Freshness, Sections
from servicekit.clock import Clock

_AGES = ("7", "30", "60", "older")


class UnbilledTotal(msgspec.Struct, frozen=True, kw_only=True):
    """The contracts of one currency together: currencies are never added to each other."""

    currency: Currency
    due: Money
    not_due: Money
    held: Money
    above_cap: Money
    ages: tuple[AgedValue, ...]


class UnbilledSection(msgspec.Struct, frozen=True, kw_only=True):
    """Approved value that no invoice holds yet, by due state and age: by currency, and by contract."""

    freshness: Freshness
    totals: tuple[UnbilledTotal, ...] | None
    contracts: tuple[UnbilledContract, ...] | None


class InvoicesSection(msgspec.Struct, frozen=True, kw_only=True):
    """Invoices by their three states - document, posting, payment - with their net value by currency."""

    freshness: Freshness
    invoices: tuple[ReleaseCount, ...] | None


class WaitingLine(msgspec.Struct, frozen=True, kw_only=True):
    """What waits for whose approval. The invoice is absent while it cannot be read."""

    approval: WaitingApproval
    invoice: ReleaseLine | None


class WaitingSection(msgspec.Struct, frozen=True, kw_only=True):
    """Approvals that are waited for, the one that is due first on top."""

    freshness: Freshness
    approvals: tuple[WaitingLine, ...] | None


class FailuresSection(msgspec.Struct, frozen=True, kw_only=True):
    """Invoices whose posting failed, or of which it is not known whether they stand in the ledger."""

    freshness: Freshness
    invoices: tuple[ReleaseLine, ...] | None


class InvoicingException(ExceptionLine, frozen=True, kw_only=True):
    """An exception of an invoice."""

    release_id: ReleaseId | None
    legal_entity_code: LegalEntityCode | None


class InvoicingExceptionsSection(msgspec.Struct, frozen=True, kw_only=True):
    """What needs a person, oldest first, with owner and suggested fix."""

    freshness: Freshness
    exceptions: tuple[InvoicingException, ...] | None


class Invoicing(msgspec.Struct, frozen=True, kw_only=True):
    """The invoicing screen, of one legal entity or of all."""

    legal_entity_code: LegalEntityCode | None
    unbilled: UnbilledSection
    invoices: InvoicesSection
    waiting: WaitingSection
    posting_failures: FailuresSection
    exceptions: InvoicingExceptionsSection
    as_of: Moment


class InvoicingScreen:
    """Asks for its sections at the same time."""

    def __init__(self, processes: Processes, sections: Sections, clock: Clock) -> None:
        self._processes = processes
        self._sections = sections
        self._clock = clock

    async def show(self, entity: str | None) -> Invoicing:
        (counted_at, counted), (waiting_at, waiting), (cases_at, cases) = await asyncio.gather(
            self._statistics(entity), self._waiting(entity), self._exceptions(entity)
        )
        beside = waiting if waiting_at.status == counted_at.status else None  # old and new are not told as one
        return Invoicing(
            legal_entity_code=entity,
            unbilled=UnbilledSection(
                freshness=counted_at,
                totals=None if counted is None else tuple(_totals(counted.unbilled)),
                contracts=None if counted is None else counted.unbilled,
            ),
            invoices=InvoicesSection(freshness=counted_at, invoices=None if counted is None else counted.releases),
            waiting=WaitingSection(
                freshness=counted_at,
                approvals=None if counted is None else tuple(_waiting_lines(counted.waiting, beside)),
            ),
            posting_failures=FailuresSection(
                freshness=counted_at,
                invoices=None if counted is None else tuple(map(release_line, counted.posting_failures)),
            ),
            exceptions=InvoicingExceptionsSection(
                freshness=cases_at, exceptions=None if cases is None else tuple(map(_line, cases.cases))
            ),
            as_of=self._clock.now(),
        )

    async def _statistics(self, entity: str | None) -> tuple[Freshness, ReleaseStatistics | None]:
        async def ask() -> ReleaseStatistics:
            return await self._processes.release_statistics(entity)

        return await self._sections.read(_name(entity, "statistics"), "invoice-release", ask, ReleaseStatistics)

    async def _waiting(self, entity: str | None) -> tuple[Freshness, Releases | None]:
        async def ask() -> Releases:
            return Releases(releases=await self._processes.waiting_releases(entity))

        return await self._sections.read(_name(entity, "waiting"), "invoice-release", ask, Releases)

    async def _exceptions(self, entity: str | None) -> tuple[Freshness, Cases | None]:
        async def ask() -> Cases:
            found = await self._processes.open_exceptions("invoice-release")
            return Cases(cases=tuple(one for one in found if entity in {None, one.legal_entity_code}))

        return await self._sections.read(_name(entity, "exceptions"), "operations", ask, Cases)


def _name(entity: str | None, section: str) -> str:
    return f"invoicing:{entity or 'all'}:{section}"


def _totals(contracts: Iterable[UnbilledContract]) -> Iterable[UnbilledTotal]:
    groups: dict[str, list[UnbilledContract]] = defaultdict(list)
    for contract in contracts:
        groups[contract.due.currency].append(contract)
    for currency, found in sorted(groups.items()):
        yield UnbilledTotal(
            currency=currency,
            due=total([one.due for one in found], currency),
            not_due=total([one.not_due for one in found], currency),
            held=total([one.held for one in found], currency),
            above_cap=total([one.above_cap for one in found], currency),
            ages=tuple(_ages(currency, found)),
        )


def _ages(currency: str, contracts: Iterable[UnbilledContract]) -> Iterable[AgedValue]:
    groups: dict[str, list[Money]] = {age: [] for age in _AGES}
    for contract in contracts:
        for aged in contract.ages:
            groups.setdefault(aged.age, []).append(aged.amount)
    return (AgedValue(age=age, amount=total(amounts, currency)) for age, amounts in groups.items())


def _waiting_lines(approvals: Iterable[WaitingApproval], waiting: Releases | None) -> Iterable[WaitingLine]:
    known = {} if waiting is None else {release.id: release_line(release) for release in waiting.releases}
    return (WaitingLine(approval=one, invoice=known.get(one.release_id)) for one in approvals)


def _line(case: ExceptionCase) -> InvoicingException:
    return InvoicingException(
        **msgspec.structs.asdict(exception_line(case)),
        release_id=case.refs.get("release_id"),
        legal_entity_code=case.legal_entity_code,
    )
