"""How a batch ended, read in the vendors' own APIs and compared without numbers, ids and times.

Numbers are given in the order in which releases come to be issued, which nobody promises.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from batch_firm import ENTITY, Plan
from running_system import RunningSystem

from demo.books import Seen, read_all
from demo.firm import Firm

Facts = Counter[tuple[Any, ...]]


@dataclass(frozen=True, kw_only=True)
class End:
    """Documents and marks are counted one by one; balances are of the general ledger, by account."""

    documents: dict[str, Facts]
    balances: dict[str, Decimal]
    numbers: tuple[int, int]  # invoices issued, and different numbers among them


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a disturbed batch lacks and has too much of, and what else is not as it was."""

    lost: tuple[str, ...]
    doubled: tuple[str, ...]
    diverged: tuple[str, ...]


async def read_end(system: RunningSystem, firm: Firm) -> End:
    """One look at billing, ERP and PSA."""
    seen = await read_all(system.told, firm)
    balances: dict[str, Decimal] = defaultdict(Decimal)
    for entry in seen.entries[ENTITY]:
        balances[entry.account] += entry.amount
    numbers = [one.number for one in seen.documents]
    return End(documents=_documents(seen), balances=dict(balances), numbers=(len(numbers), len(set(numbers))))


def compared(undisturbed: End, disturbed: End) -> Compared:
    wanted, found = undisturbed.documents, disturbed.documents
    accounts = sorted({*undisturbed.balances, *disturbed.balances})
    return Compared(
        lost=tuple(f"{kind}: {one}" for kind in wanted for one in (wanted[kind] - found[kind]).elements()),
        doubled=tuple(f"{kind}: {one}" for kind in wanted for one in (found[kind] - wanted[kind]).elements()),
        diverged=tuple(
            f"account {one}: {disturbed.balances.get(one)}, not {undisturbed.balances.get(one)}"
            for one in accounts
            if disturbed.balances.get(one) != undisturbed.balances.get(one)
        ),
    )


def expected_counts(plan: Plan) -> dict[str, int]:
    """How many records of each kind a whole batch leaves: of the good projects alone."""
    marked = plan.good * plan.entries_of_a_project
    return {
        "invoices": plan.good,
        "posted documents": plan.good,
        "ledger entries": plan.good * 3,  # receivable, contract balance, tax
        "billing marks": plan.good,
        "marked entries": marked,
        "unmarked entries": plan.entries - marked,
        "drafts": 0,
    }


def counts(end: End) -> dict[str, int]:
    return {kind: facts.total() for kind, facts in end.documents.items()}


def _documents(seen: Seen) -> dict[str, Facts]:
    contracts = {one.number: one.contract for one in seen.documents}
    projects = {workspace: contract for contract, workspace in seen.workspaces.items()}
    marked = Counter(_entry(one, projects) for one in seen.time if one["is_invoiced"])
    return {
        "invoices": Counter((one.contract, one.net, one.tax, one.open) for one in seen.documents),
        "posted documents": Counter(
            (
                contracts.get(one["externalDocumentNumber"]),
                one["postingDate"],
                *(str(one[name]) for name in ("totalAmountExcludingTax", "totalAmountIncludingTax", "remainingAmount")),
            )
            for one in seen.posted[ENTITY]
        ),
        "ledger entries": Counter((one.contract, one.account, one.amount, one.day) for one in seen.entries[ENTITY]),
        "billing marks": Counter((len(one["time_entry_ids"]), one["status"]) for one in seen.marks),
        "marked entries": marked,
        "unmarked entries": Counter(_entry(one, projects) for one in seen.time) - marked,
        "drafts": Counter({("drafts",): seen.drafts}),
    }


def _entry(entry: dict[str, Any], projects: dict[str, str]) -> tuple[Any, ...]:
    return projects.get(str(entry["workspace_id"])), entry["id"]
