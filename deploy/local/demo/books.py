"""The money in the vendors' own APIs, as a suspicious auditor reads it: not through Syncline, page after page.

Amounts are decimals of main units. By contract: Stripe's invoices name it in their metadata, Business Central's
documents carry Stripe's number, its revenue journals name it in their description.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from demo.checks import COUNTRY, project_number
from demo.firm import CHART, Firm
from demo.platforms import BC_API, BusinessCentral, Kantata, Record, Stripe
from demo.surroundings import Surroundings

_CENT = Decimal(100)
_CONTRACT = "syncline_contract_number"
_REVENUE = "Revenue of "  # what a journal says of itself, before the contract and what was entered
ROLES = {account.number: account.role for account in CHART if account.role is not None}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an invoice of Stripe's."""

    description: str
    net: Decimal
    tax: Decimal


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """An issued invoice of Stripe's, or a credit note (its amounts are then below zero)."""

    number: str
    contract: str
    entity: str
    net: Decimal
    tax: Decimal
    open: Decimal
    paid: bool
    replaces: str | None = None
    lines: tuple[Line, ...] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the general ledger in the company's own currency, debit positive; `role` None: no role of ours."""

    number: str
    day: str
    account: str
    role: str | None
    amount: Decimal
    description: str
    contract: str | None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the checks of the money look at; by legal entity where a platform has several books."""

    documents: tuple[Document, ...]
    drafts: int  # that Stripe and Business Central still hold
    posted: dict[str, list[Record]]  # Business Central's posted sales invoices and credit memos
    entries: dict[str, list[Entry]]
    windows: dict[str, Record]  # Business Central's general ledger setup
    time: list[Record]
    expenses: list[Record]
    milestones: list[Record]
    marks: list[Record]
    workspaces: dict[str, str]  # Kantata's project of each contract
    made_at: tuple[datetime, ...]  # each invoice, credit note, ledger entry and mark

    def of(self, contract: str) -> list[Document]:
        return [one for one in self.documents if one.contract == contract]

    def ledger(self, entity: str, *roles: str, contract: str | None = None) -> Decimal:
        """What the accounts of these roles hold, in all or of one contract."""
        found = (one for one in self.entries[entity] if one.role in roles and contract in {None, one.contract})
        return sum((one.amount for one in found), Decimal(0))


async def read_all(told: Surroundings, firm: Firm) -> Seen:
    """One look at billing, ERP and PSA."""
    kantata = Kantata(told.platforms["kantata"])
    erp = BusinessCentral(told.platforms["business_central"], firm)
    invoices = await Stripe(told.platforms["stripe"]).all("invoices")
    notes = await Stripe(told.platforms["stripe"]).all("credit_notes")
    documents = tuple(_documents(firm, invoices, notes))
    sales, memos = await erp.all("salesInvoices", BC_API), await erp.all("salesCreditMemos", BC_API)
    posted = {code: [*sales[code], *memos[code]] for code in sales}
    lines = await erp.all("generalLedgerEntries", BC_API)
    titles = {one["title"]: one["id"] for one in await kantata.all("workspaces", include_archived="true")}
    projects = {deal.key: f"{project_number(deal)} {deal.name}" for deal in (*firm.deals, *firm.history)}
    marks = await kantata.all("invoices", include="time_entries")
    return Seen(
        documents=documents,
        drafts=len([one for found in invoices.values() for one in found if one["status"] == "draft"])
        + len([one for found in posted.values() for one in found if _is_draft(one)]),
        posted={code: [one for one in found if not _is_draft(one)] for code, found in posted.items()},
        entries={code: list(_entries(lines[code], posted[code], documents)) for code in lines},
        windows={code: found[0] for code, found in (await erp.all("generalLedgerSetup", BC_API)).items()},
        time=await kantata.all("time_entries", include="workspace"),
        expenses=await kantata.all("expenses", include="workspace"),
        milestones=await kantata.all("billing_milestones", include="workspace,invoice"),
        marks=marks,
        workspaces={key: titles[title] for key, title in projects.items() if title in titles},
        made_at=tuple(_made(invoices, notes, lines, marks)),
    )


async def was_played(told: Surroundings) -> bool:
    """Whether anything was billed before: then the fortnight was played on this copy's data."""
    invoices = await Stripe(told.platforms["stripe"]).all("invoices")
    return any(invoices.values())


async def stripe_id(told: Surroundings, number: str) -> str:
    """The id of the invoice with that number. Raises StopIteration where there is none."""
    found = (await Stripe(told.platforms["stripe"]).all("invoices")).values()
    invoice: str = next(one["id"] for listed in found for one in listed if one["number"] == number)
    return invoice


def _documents(firm: Firm, invoices: dict[str, list[Record]], notes: dict[str, list[Record]]) -> Iterator[Document]:
    for entity in firm.entities:
        issued = {one["id"]: one for one in invoices[COUNTRY[entity.code]] if one["status"] != "draft"}
        for one in issued.values():
            printed = {field["name"]: field["value"] for field in one["custom_fields"] or ()}
            yield _document(entity.code, one, one["metadata"].get(_CONTRACT, ""), 1, printed.get("Replaces invoice"))
        for note in notes[COUNTRY[entity.code]]:
            yield _document(entity.code, note, issued[note["invoice"]]["metadata"].get(_CONTRACT, ""), -1, None)


def _document(entity: str, record: Record, contract: str, sign: int, replaces: str | None) -> Document:
    net = record["total_excluding_tax"]
    return Document(
        number=record["number"],
        contract=contract,
        entity=entity,
        net=sign * net / _CENT,
        tax=sign * (record["total"] - net) / _CENT,
        open=Decimal(record.get("amount_remaining", 0)) / _CENT,
        paid=bool(record.get("amount_paid")),
        replaces=replaces,
        lines=tuple(_line(one) for one in record["lines"]["data"]) if sign > 0 else (),
    )


def _line(record: Record) -> Line:
    tax = sum(one["amount"] for one in record["taxes"] or ())
    return Line(description=record["description"], net=record["amount"] / _CENT, tax=tax / _CENT)


def _made(
    invoices: dict[str, list[Record]],
    notes: dict[str, list[Record]],
    lines: dict[str, list[Record]],
    marks: list[Record],
) -> Iterator[datetime]:
    """When each record came about, as its vendor says."""
    for found in (*invoices.values(), *notes.values()):
        yield from (datetime.fromtimestamp(one["created"], UTC) for one in found)
    for found in lines.values():
        yield from (datetime.fromisoformat(one["lastModifiedDateTime"]) for one in found)
    yield from (datetime.fromisoformat(one["created_at"]) for one in marks)


def _is_draft(record: Record) -> bool:
    return record["status"] in {"Draft", "In Review"}


def _entries(lines: list[Record], posted: list[Record], documents: Iterable[Document]) -> Iterator[Entry]:
    """Each line with its contract: by the document's number in billing, or by what a journal says of itself."""
    contracts = {document.number: document.contract for document in documents}
    by_number = {one["number"]: contracts.get(one["externalDocumentNumber"]) for one in posted}
    for line in lines:
        said = line["description"]
        journal = said.removeprefix(_REVENUE).split(" ")[0] if said.startswith(_REVENUE) else None
        yield Entry(
            number=line["documentNumber"],
            day=line["postingDate"],
            account=line["accountNumber"],
            role=ROLES.get(line["accountNumber"]),
            amount=_exact(line["debitAmount"]) - _exact(line["creditAmount"]),
            description=said,
            contract=journal or by_number.get(line["documentNumber"]),
        )


def _exact(value: Any) -> Decimal:
    return Decimal(str(value))
