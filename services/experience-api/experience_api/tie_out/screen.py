"""Composes the tie-out of a legal entity and period."""

import asyncio
from datetime import date

import msgspec

from canonical.moments import Moment
from canonical.money import Currency, Money
from canonical.recognition import ContractBalance, TieOut, TieOutLine
from canonical.references import LegalEntityCode
from canonical.releases import ApprovedValue
from experience_api.processes import Processes
from experience_api.sections import Freshness, Sections
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """In the entity's own currency; `approved` in each contract's. `read_at` is when the ERP was asked."""

    base_currency: Currency
    approved: tuple[Money, ...]
    billed: Money
    posted: Money
    recognised: Money
    collected: Money
    read_at: Moment


class FiguresSection(msgspec.Struct, frozen=True, kw_only=True):
    """Approved, billed, posted, recognised, collected."""

    freshness: Freshness
    figures: Figures | None


class AccountsSection(msgspec.Struct, frozen=True, kw_only=True):
    """Each control account: what Syncline posted, what the ERP says, the difference. `ties_out`: nothing differs."""

    freshness: Freshness
    ties_out: bool | None
    accounts: tuple[TieOutLine, ...] | None


class ContractBalancesSection(msgspec.Struct, frozen=True, kw_only=True):
    """Each contract at the end of the period: revenue minus net invoices is what is left between them."""

    freshness: Freshness
    contracts: tuple[ContractBalance, ...] | None


class ApprovedValuesSection(msgspec.Struct, frozen=True, kw_only=True):
    """Where each approved amount of the entity's contracts went, as of now, whatever the period."""

    freshness: Freshness
    contracts: tuple[ApprovedValue, ...] | None


class TieOutPage(msgspec.Struct, frozen=True, kw_only=True):
    """One legal entity at the end of a period, against its ledger."""

    legal_entity_code: LegalEntityCode
    period_end: date
    figures: FiguresSection
    accounts: AccountsSection
    contract_balances: ContractBalancesSection
    approved_values: ApprovedValuesSection
    as_of: Moment


class _Values(msgspec.Struct, frozen=True, kw_only=True):
    values: tuple[ApprovedValue, ...]


class TieOutScreen:
    """Asks for its sections at the same time."""

    def __init__(self, processes: Processes, sections: Sections, clock: Clock) -> None:
        self._processes = processes
        self._sections = sections
        self._clock = clock

    async def show(self, entity: str, period_end: date) -> TieOutPage:
        """Raises MISSING for an entity of which no books are kept."""
        (tied_at, tied), (values_at, values) = await asyncio.gather(
            self._tie_out(entity, period_end), self._approved_values(entity)
        )
        if tied is None and tied_at.status == "fresh":
            raise Failure(Kind.MISSING, f"no books are kept of a legal entity {entity}")
        return TieOutPage(
            legal_entity_code=entity,
            period_end=period_end,
            figures=FiguresSection(freshness=tied_at, figures=None if tied is None else _figures(tied)),
            accounts=AccountsSection(
                freshness=tied_at,
                ties_out=None if tied is None else tied.ties_out,
                accounts=None if tied is None else tied.accounts,
            ),
            contract_balances=ContractBalancesSection(
                freshness=tied_at, contracts=None if tied is None else tied.contracts
            ),
            approved_values=ApprovedValuesSection(
                freshness=values_at, contracts=None if values is None else values.values
            ),
            as_of=self._clock.now(),
        )

    async def _tie_out(self, entity: str, period_end: date) -> tuple[Freshness, TieOut | None]:
        async def ask() -> TieOut | None:
            return await self._processes.tie_out(entity, period_end)

        name = f"tie-out:{entity}:{period_end.isoformat()}"
        return await self._sections.read(name, "revenue-recognition", ask, TieOut)

    async def _approved_values(self, entity: str) -> tuple[Freshness, _Values | None]:
        async def ask() -> _Values:
            return _Values(values=await self._processes.approved_values(entity))

        return await self._sections.read(f"tie-out:{entity}:approved-values", "invoice-release", ask, _Values)


def _figures(tied: TieOut) -> Figures:
    return Figures(
        base_currency=tied.base_currency,
        approved=tied.approved,
        billed=tied.billed,
        posted=tied.posted,
        recognised=tied.recognised,
        collected=tied.collected,
        read_at=tied.as_of,
    )
