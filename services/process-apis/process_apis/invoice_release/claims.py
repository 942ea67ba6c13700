"""Claims on what is billable, in one transaction with the limits they use: no item is ever on two invoices.

The tables' own checks are the last guard: `billable_not_claimed_twice` and `spending_limit_kept`.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.sales import Contract
from process_apis.invoice_release.facts import Item
from process_apis.invoice_release.sharing import Limits, Shared, Standing, share_out
from servicekit.clock import Clock

CAP, PURCHASE_ORDER, HOURS = "cap", "purchase_order", "retainer_hours"

# One release of a contract claims at a time; the lock ends with the transaction.
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('claims ' || :contract_id, 0))")
_SEEN = text(
    "insert into billable (item_id, kind, version, contract_id, project_id, legal_entity_code, currency, quantity,"
    " amount, work_date, approved_by, approved_at, description, part_of_fixed_fee, due, updated_at)"
    " values (:item_id, :kind, :version, :contract_id, :project_id, :legal_entity_code, :currency, :quantity,"
    " :amount, :work_date, :approved_by, cast(:approved_at as timestamptz), :description, :part_of_fixed_fee, :due,"
    " :now)"
    " on conflict (item_id) do update set version = excluded.version, quantity = excluded.quantity,"
    " amount = excluded.amount, work_date = excluded.work_date, approved_by = excluded.approved_by,"
    " approved_at = excluded.approved_at, description = excluded.description, withdrawn = false, due = excluded.due,"
    " part_of_fixed_fee = excluded.part_of_fixed_fee, updated_at = excluded.updated_at"
    " where billable.claimed_amount = 0 and billable.claimed_quantity = 0"
)
_STANDING = text(
    "select b.item_id, b.claimed_quantity, b.claimed_amount, b.version, h.reason as held_because,"
    " d.amount as write_down, d.reason as write_down_because, t.narrative"
    " from billable b left join hold h using (item_id)"
    " left join adjustment d on d.item_id = b.item_id and d.release_id = :release_id and d.kind = 'write_down'"
    " left join adjustment t on t.item_id = b.item_id and t.release_id = :release_id and t.kind = 'narrative'"
    " where b.item_id = any(:item_ids)"
)
_GONE = text(
    "update billable set withdrawn = true, updated_at = :now where contract_id = :contract_id and claimed_amount = 0"
    " and claimed_quantity = 0 and not withdrawn and kind in ('time', 'expense') and work_date < :cut_off"
    " and not item_id = any(:item_ids)"
)
_LIMIT = text(
    "insert into spending_limit (contract_id, kind, currency, amount) values (:contract_id, :kind, :currency, :amount)"
    " on conflict (contract_id, kind) do update set amount = greatest(excluded.amount, spending_limit.used)"
    " returning amount - used"
)
_USE = text("update spending_limit set used = used + :amount where contract_id = :contract_id and kind = :kind")
_CLAIM = text(
    "insert into claim (release_id, item_id, item_version, disposition, quantity, amount, reason, at)"
    " values (:release_id, :item_id, :item_version, :disposition, :quantity, :amount, :reason, :now)"
)
_TAKE = text(
    "update billable set claimed_quantity = claimed_quantity + :quantity, claimed_amount = claimed_amount + :amount"
    " where item_id = :item_id"
)
_LET_GO = text(
    "update claim set state = 'let_go' where release_id = :release_id and state = 'live'"
    " returning item_id, disposition, quantity, amount"
)


class Claimant(msgspec.Struct, frozen=True, kw_only=True):
    """Whose claims they are."""

    release_id: str
    contract: Contract
    project_id: str
    cut_off: date
    included_hours: Decimal


class Claims:
    """The claims of all releases."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def make(self, session: AsyncConnection, claimant: Claimant, items: tuple[Item, ...]) -> Shared:
        """Claim what may be claimed of *items*, in place of what this release claimed before."""
        contract = claimant.contract
        await session.execute(_LOCK, {"contract_id": contract.id})
        await self.let_go(session, claimant.release_id, contract.id)
        await self.see(session, claimant, items)
        limits = await self._limits(session, claimant)
        shared = share_out(items, await self._standings(session, claimant.release_id, items), limits)
        await self._write(session, claimant, shared)
        return shared

    async def let_go(self, session: AsyncConnection, release_id: str, contract_id: str) -> None:
        """Nothing is claimed by the release any more; what it had used of the limits is free again."""
        await session.execute(_LOCK, {"contract_id": contract_id})
        rows = (await session.execute(_LET_GO, {"release_id": release_id})).mappings().all()
        for row in rows:
            await session.execute(_TAKE, {**row, "quantity": -row["quantity"], "amount": -row["amount"]})
        for kind, amount in _uses(rows).items():
            await session.execute(_USE, {"contract_id": contract_id, "kind": kind, "amount": -amount})

    async def see(self, session: AsyncConnection, claimant: Claimant, items: tuple[Item, ...]) -> None:
        """Remember each item as it is now; one that is on a claim stays as it was. What is seen no more is gone."""
        contract = claimant.contract
        rows = [
            {
                "item_id": item.item_id,
                "kind": item.kind,
                "version": item.version,
                "contract_id": contract.id,
                "project_id": claimant.project_id,
                "legal_entity_code": contract.legal_entity_code,
                "currency": contract.currency,
                "quantity": item.quantity,
                "amount": item.amount.value,
                "work_date": item.work_date,
                "approved_by": item.approved_by,
                "approved_at": item.approved_at,
                "description": item.description,
                "part_of_fixed_fee": item.part_of_fixed_fee,
                "due": item.due,
                "now": self._clock.now(),
            }
            for item in items
        ]
        if rows:
            await session.execute(_SEEN, rows)
        seen = [item.item_id for item in items]
        gone = {"contract_id": contract.id, "cut_off": claimant.cut_off, "item_ids": seen, "now": self._clock.now()}
        await session.execute(_GONE, gone)

    async def _standings(
        self, session: AsyncConnection, release_id: str, items: tuple[Item, ...]
    ) -> Mapping[str, Standing]:
        values = {"release_id": release_id, "item_ids": [item.item_id for item in items]}
        rows = (await session.execute(_STANDING, values)).mappings().all()
        return {row["item_id"]: _standing(dict(row)) for row in rows}

    async def _limits(self, session: AsyncConnection, claimant: Claimant) -> Limits:
        contract = claimant.contract
        order = contract.purchase_order
        hard = contract.cap if contract.cap is not None and contract.cap.hard else None  # a soft one only warns
        cap = await self._limit(session, contract, CAP, None if hard is None else hard.amount.value)
        ordered = None if order is None or order.amount is None else order.amount.value
        purchase_order = await self._limit(session, contract, PURCHASE_ORDER, ordered)
        hours = await self._limit(session, contract, HOURS, claimant.included_hours or None)
        return Limits(cap=cap, purchase_order=purchase_order, hours=hours or Decimal(0))

    @staticmethod
    async def _limit(session: AsyncConnection, contract: Contract, kind: str, amount: Decimal | None) -> Decimal | None:
        """What is left of a limit; none where the contract has none."""
        if amount is None:
            return None
        values = {"contract_id": contract.id, "kind": kind, "currency": contract.currency, "amount": amount}
        return Decimal((await session.execute(_LIMIT, values)).scalar_one())

    async def _write(self, session: AsyncConnection, claimant: Claimant, shared: Shared) -> None:
        now = self._clock.now()
        rows = [
            {
                "release_id": claimant.release_id,
                "item_id": share.item.item_id,
                "item_version": share.item.version,
                "disposition": share.disposition,
                "quantity": share.quantity,
                "amount": share.amount.value,
                "reason": share.reason,
                "now": now,
            }
            for share in shared.shares
        ]
        if not rows:
            return
        await session.execute(_CLAIM, rows)
        await session.execute(_TAKE, rows)
        for kind, amount in _uses(rows).items():
            await session.execute(_USE, {"contract_id": claimant.contract.id, "kind": kind, "amount": amount})


def _uses(rows: Any) -> dict[str, Decimal]:
    """What claims use of each limit, whether or not the contract has it (then nothing is updated)."""
    billed = sum((row["amount"] for row in rows if row["disposition"] == "billed"), Decimal(0))
    hours = sum((row["quantity"] for row in rows if row["disposition"] == "covered"), Decimal(0))
    return {kind: amount for kind, amount in ((CAP, billed), (PURCHASE_ORDER, billed), (HOURS, hours)) if amount}


def _standing(row: dict[str, Any]) -> Standing:
    claimed = row["claimed_amount"] > 0 or row["claimed_quantity"] > 0
    return Standing(
        claimed_quantity=row["claimed_quantity"],
        claimed_amount=row["claimed_amount"],
        claimed_version=row["version"] if claimed else None,
        held_because=row["held_because"],
        write_down=row["write_down"] or Decimal(0),
        write_down_because=row["write_down_because"],
        narrative=row["narrative"],
    )
