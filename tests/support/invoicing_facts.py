"""What the invoicing processes say of a small firm: an invoice of two hours' work, its correction, its ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from canonical.money import Money
from canonical.recognition import ContractBalance, TieOut, TieOutLine
from canonical.releases import (
    AgedValue,
    ApprovedValue,
    Draft,
    DraftLine,
    Lineage,
    LineageEntry,
    LineSource,
    Release,
    ReleaseCount,
    ReleaseStatistics,
    UnbilledContract,
    WaitingApproval,
)

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HEX = "01933b5e8f7a7c3e9d2b4f6a8c0e1d2f"
RELEASE, CREDIT, CONTRACT, INVOICE = f"rel_{HEX}", "rel_" + "c" * 32, f"ctr_{HEX}", f"inv_{HEX}"
RUN = f"invoice-release:{CONTRACT}:1"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
DAY = date(2026, 11, 30)


def eur(amount: str | int) -> Money:
    return Money.of(amount, "EUR")


def source(number: int = 1, **changed: Any) -> LineSource:
    """An hour of work, approved before nine."""
    facts: dict[str, Any] = {
        "item_id": "ten_" + f"{number}" * 32,
        "kind": "time",
        "version": "1",
        "work_date": date(2026, 11, 20),
        "quantity": "1",
        "amount": eur(145),
        "description": "Analysis",
        "approved_by": "petra@firm.example",
        "approved_at": NINE - timedelta(minutes=number),
    }
    return LineSource(**facts | changed)


def draft(*sources: LineSource) -> Draft:
    """An invoice of one line."""
    line = DraftLine(
        key="1",
        description="Consultant, November",
        quantity="2",
        unit_price="145.00",
        amount=eur(290),
        account_role="unbilled_receivable",
        tax_code="DE19",
        tax_percent="19",
        tax=eur("55.10"),
        supply_from=date(2026, 11, 1),
        supply_to=date(2026, 12, 1),
        project_number="P-1",
        sources=sources,
    )
    return Draft(
        reference="INV-DE01-0001",
        kind="standard",
        contract_number="C-1",
        customer_name="Acme GmbH",
        legal_entity_code="DE01",
        currency="EUR",
        customer_reference=None,
        tax_treatment="domestic",
        document_date=DAY,
        posting_date=DAY,
        due_date=date(2026, 12, 30),
        supply_from=date(2026, 11, 1),
        supply_to=date(2026, 12, 1),
        note=None,
        lines=(line,),
        tax=(),
        net=eur(290),
        gross=eur("345.10"),
        net_in_entity_currency=eur(290),
        rate=None,
        left_out=(),
    )


_ABSENT = (
    *("customer_id", "credit_note_id", "receivable_id", "due_date", "posting_moved", "corrects_release_id"),
    "batch_id",
)
_MOMENTS = ("started_at", "approved_at", "issued_at", "posted_at", "ended_at", "updated_at")


def release(**changed: Any) -> Release:
    """A posted invoice."""
    facts: dict[str, Any] = {
        "id": RELEASE,
        "run_id": RUN,
        "reference": "INV-DE01-0001",
        "kind": "standard",
        "revision": 1,
        "state": "posted",
        "document_state": "issued",
        "posting_state": "posted",
        "payment_state": "open",
        "mode": "automatic",
        "contract_id": CONTRACT,
        "contract_number": "C-1",
        "project_id": f"prj_{HEX}",
        "customer_name": "Acme GmbH",
        "legal_entity_code": "DE01",
        "currency": "EUR",
        "cut_off": date(2026, 12, 1),
        "net": eur(290),
        "gross": eur("345.10"),
        "invoice_id": INVOICE,
        "invoice_number": "NWA-DE-0001",
        "document_number": "SI-1001",
        "document_date": DAY,
        "posting_date": DAY,
        "approved_by": ("dana",),
        "requested_by": "olga",
        "waiting_s": 0.0,
        "trace_id": TRACE,
    }
    return Release(**dict.fromkeys(_ABSENT) | dict.fromkeys(_MOMENTS, NINE) | facts | changed)


def credit(**changed: Any) -> Release:
    """A credit note that took the invoice back, an hour later."""
    facts: dict[str, Any] = {
        "id": CREDIT,
        "run_id": "invoice-release:credit:1",
        "reference": "CRN-DE01-0001",
        "kind": "credit",
        "corrects_release_id": RELEASE,
        "started_at": NINE + timedelta(hours=1),
    }
    return release(**facts | changed)


def lineage() -> Lineage:
    """What the invoice made in the ledger."""
    entries = tuple(
        LineageEntry(
            entry_number=number,
            posting_date=DAY,
            account_number=account,
            account_role=role,
            amount=eur(amount),
        )
        for number, account, role, amount in (
            ("1", "1400", "receivable", "345.10"),
            ("2", "1490", "unbilled_receivable", "-290"),
            ("3", "3806", "tax_payable", "-55.10"),
        )
    )
    return Lineage(release=release(), entries=entries, rate="1", rate_date=DAY, credits=(CREDIT,), as_of=NINE)


def unbilled(number: int, currency: str, due: int, held: int = 0, **ages: int) -> UnbilledContract:
    """What is approved of a contract and not billed, by age: `_7=10, older=5`."""
    return UnbilledContract(
        contract_id="ctr_" + f"{number}" * 32,
        contract_number=f"C-{number}",
        customer_name="Acme GmbH",
        legal_entity_code="DE01",
        due=Money.of(due, currency),
        not_due=Money.of(0, currency),
        held=Money.of(held, currency),
        above_cap=Money.of(0, currency),
        ages=tuple(AgedValue(age=age.strip("_"), amount=Money.of(amount, currency)) for age, amount in ages.items()),
    )


def statistics() -> ReleaseStatistics:
    """One invoice posted, one that waits for an approval, one whose posting failed."""
    count = ReleaseCount(
        state="posted",
        document_state="issued",
        posting_state="posted",
        payment_state="open",
        count=2,
        net=(eur(290), Money.of(80, "USD")),
    )
    waiting = WaitingApproval(
        release_id=RELEASE,
        approval_id=f"apr_{HEX}",
        required_role="finance-director",
        value=eur(290),
        requested_at=NINE,
        due_at=NINE + timedelta(days=1),
        reminded_at=None,
    )
    return ReleaseStatistics(
        releases=(count,),
        unbilled=(
            unbilled(1, "EUR", 100, 20, older=80, _7=40),
            unbilled(2, "USD", 70, _30=70),
            unbilled(3, "EUR", 5, _7=5),
        ),
        waiting=(waiting,),
        posting_failures=(release(state="in_exception", posting_state="failed"),),
        as_of=NINE,
    )


def approved_value(**changed: Any) -> ApprovedValue:
    """All that was approved is on invoices, but for what is due."""
    nothing = dict.fromkeys(ApprovedValue.__struct_fields__[3:], "0.00")
    facts = {"contract_id": CONTRACT, "contract_number": "C-1", "currency": "EUR"} | nothing
    return ApprovedValue(**facts | {"approved": "290.00", "invoiced": "145.00", "unbilled_due": "145.00"} | changed)


def tie_out() -> TieOut:
    """An entity whose receivables are a cent more in the ledger than what Syncline posted."""
    accounts = (("receivable", "345.10", "345.11", "0.01"), ("revenue", "-290", "-290", "0"))
    return TieOut(
        legal_entity_code="DE01",
        period_end=date(2026, 12, 1),
        base_currency="EUR",
        approved=(eur(290), Money.of(80, "USD")),
        billed=eur(290),
        posted=eur(290),
        recognised=eur(290),
        collected=eur(0),
        accounts=tuple(
            TieOutLine(account_role=role, syncline=eur(ours), ledger=eur(theirs), difference=eur(left), explained=None)
            for role, ours, theirs, left in accounts
        ),
        contracts=(
            ContractBalance(
                contract_id=CONTRACT,
                contract_number="C-1",
                legal_entity_code="DE01",
                currency="EUR",
                cumulative_revenue="290.00",
                cumulative_net_invoices="290.00",
                contract_asset="0.00",
                unbilled_receivable="0.00",
                contract_liability="0.00",
                difference="0.00",
            ),
        ),
        ties_out=False,
        as_of=NINE,
    )
