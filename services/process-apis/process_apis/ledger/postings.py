"""Postings of ours: what each document moved, by account role, in the contract's currency and in the entity's own."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Self

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.money import Money
from canonical.postings import LedgerEntry
from servicekit.clock import Clock
from servicekit.database import Database

_COLUMNS = (
    "reference, kind, run_id, contract_id, legal_entity_code, document_number, posting_date, currency, entered,"
    " base_currency, accounted, rate"
)
_KEEP = text(
    f"insert into posting ({_COLUMNS}, at) values (:reference, :kind, :run_id, :contract_id,"
    " :legal_entity_code, :document_number, :posting_date, :currency, cast(:entered as jsonb), :base_currency,"
    " cast(:accounted as jsonb), :rate, :now) on conflict do nothing"
)
_OF_CONTRACT = text(f"select {_COLUMNS} from posting where contract_id = :contract_id order by at, reference")
_OF_ENTITY = text(
    f"select {_COLUMNS} from posting where legal_entity_code = :entity and posting_date < :before"
    " order by at, reference"
)


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """One document in the ledger. Amounts by account role, debit positive, each currency adding up to nothing.

    `rate` is what the ledger made of one unit of the document's currency, at the posting date.
    """

    reference: str
    kind: str
    run_id: str
    contract_id: str
    legal_entity_code: str
    document_number: str
    posting_date: date
    currency: str
    entered: dict[str, str]
    base_currency: str
    accounted: dict[str, str]
    rate: str

    @classmethod
    def of(
        cls,
        *,
        kind: str,
        reference: str,
        run_id: str,
        contract_id: str,
        legal_entity_code: str,
        document_number: str,
        posting_date: date,
        entered: Mapping[str, Money],
        entries: tuple[LedgerEntry, ...],
    ) -> Self:
        """What was entered, with what the ledger made of it. Raises ValueError unless both add up to nothing."""
        return cls.moving(
            kind=kind,
            reference=reference,
            run_id=run_id,
            contract_id=contract_id,
            legal_entity_code=legal_entity_code,
            document_number=document_number,
            posting_date=posting_date,
            entered=entered,
            accounted=by_role(entries),
        )

    @classmethod
    def moving(
        cls,
        *,
        kind: str,
        reference: str,
        run_id: str,
        contract_id: str,
        legal_entity_code: str,
        document_number: str,
        posting_date: date,
        entered: Mapping[str, Money],
        accounted: Mapping[str, Money],
    ) -> Self:
        """Both sides by account role. Raises ValueError unless both add up to nothing."""
        for amounts in (entered, accounted):
            if sum(amount.value for amount in amounts.values()) != 0:
                raise ValueError(f"{reference} does not balance: {dict(amounts)}")
        return cls(
            reference=reference,
            kind=kind,
            run_id=run_id,
            contract_id=contract_id,
            legal_entity_code=legal_entity_code,
            document_number=document_number,
            posting_date=posting_date,
            currency=next(iter(entered.values())).currency,
            entered=_texts(entered),
            base_currency=next(iter(accounted.values())).currency,
            accounted=_texts(accounted),
            rate=_rate(entered, accounted),
        )

    def moved(self, role: str) -> Decimal:
        """What it moved on the accounts of a role, in the contract's currency."""
        return Decimal(self.entered.get(role, "0"))

    def moved_in_base(self, role: str) -> Decimal:
        """The same in the entity's own currency."""
        return Decimal(self.accounted.get(role, "0"))


class Postings:
    """All postings of ours."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(self, session: AsyncConnection, posting: Posting) -> None:
        """Once, however often."""
        values: dict[str, Any] = msgspec.structs.asdict(posting) | {
            "entered": msgspec.json.encode(posting.entered).decode(),
            "accounted": msgspec.json.encode(posting.accounted).decode(),
            "now": self._clock.now(),
        }
        await session.execute(_KEEP, values)

    async def of_contract(self, contract_id: str) -> tuple[Posting, ...]:
        """In the order in which they were made."""
        return await self._many(_OF_CONTRACT, {"contract_id": contract_id})

    async def of_entity(self, legal_entity_code: str, before: date) -> tuple[Posting, ...]:
        """Those of a legal entity that are dated before a day."""
        return await self._many(_OF_ENTITY, {"entity": legal_entity_code, "before": before})

    async def _many(self, statement: Any, values: dict[str, Any]) -> tuple[Posting, ...]:
        async with self._database.begin() as session:
            rows = (await session.execute(statement, values)).mappings().all()
        return tuple(Posting(**row) for row in rows)


def by_role(entries: Iterable[LedgerEntry]) -> dict[str, Money]:
    """What the entries move, by role, or by number where the account has none."""
    moved: dict[str, Money] = {}
    for entry in entries:
        role = entry.account_role or entry.account_number
        moved[role] = moved[role] + entry.amount if role in moved else entry.amount
    return moved


def balance(postings: Iterable[Posting], role: str) -> Decimal:
    """What the postings leave on the accounts of a role, in the contract's currency; debit positive."""
    return sum((posting.moved(role) for posting in postings), Decimal(0))


def balance_in_base(postings: Iterable[Posting], role: str) -> Decimal:
    """The same in the entity's own currency."""
    return sum((posting.moved_in_base(role) for posting in postings), Decimal(0))


def _rate(entered: Mapping[str, Money], accounted: Mapping[str, Money]) -> str:
    """From the largest amount that both tell of, which rounding distorts least."""
    known = [role for role in entered if role in accounted and entered[role].value != 0]
    if not known:
        return "1"
    role = max(known, key=lambda one: abs(entered[one].value))
    return f"{(accounted[role].value / entered[role].value).quantize(Decimal('0.000001')).normalize():f}"


def _texts(amounts: Mapping[str, Money]) -> dict[str, str]:
    return {role: amount.amount for role, amount in amounts.items() if amount.value != 0}
