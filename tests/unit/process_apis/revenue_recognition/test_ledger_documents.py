"""What the ledger recognised by itself: whose it is, what of it is new, and what it is in the contract's currency."""

from datetime import date
from decimal import Decimal

import pytest

from canonical.money import Money
from canonical.postings import LedgerEntry
from process_apis.ledger.postings import Posting
from process_apis.revenue_recognition.ledger_documents import converted, of_project, unkept
from servicekit.failures import Failure

DAY = date(2026, 12, 31)
DOCUMENT = ("WIP-1", DAY)


def gbp(amount: str) -> Money:
    return Money.of(amount, "GBP")


def entry(role: str | None, amount: str, project: str | None = "P-1", account: str = "") -> LedgerEntry:
    return LedgerEntry(
        entry_number="1",
        legal_entity_code="GB01",
        posting_date=DAY,
        document_number="WIP-1",
        account_number=account or f"A-{role}",
        account_role=role,
        amount=gbp(amount),
        description="",
        project_number=project,
    )


def kept(**amounts: str) -> Posting:
    moved = {role: gbp(amount) for role, amount in amounts.items()}
    return Posting.moving(
        kind="revenue",
        reference="r",
        run_id="run",
        contract_id="ctr",
        legal_entity_code="GB01",
        document_number="WIP-1",
        posting_date=DAY,
        entered=moved,
        accounted=moved,
    )


def test_a_document_of_several_projects_is_parted() -> None:
    """Each project's entries balance by themselves; numbers are compared as ledgers write them."""
    mine = [entry("contract_asset", "10"), entry("revenue", "-10")]
    others = [entry("contract_asset", "7", "P-2"), entry("revenue", "-7", "P-2"), entry("tax_payable", "0", None)]
    assert tuple(mine) == of_project([*mine, *others], "p-1")


def test_a_document_whose_balance_side_has_no_project_is_whole() -> None:
    """Revenue carries the project, what stands against it does not: nobody else is in the document."""
    whole = [entry("contract_asset", "10", None), entry("revenue", "-10")]
    assert tuple(whole) == of_project(whole, "P-1")


def test_a_document_that_cannot_be_parted_is_refused() -> None:
    """Several projects against one line without any: whose the line is, nobody knows."""
    mixed = [entry("revenue", "-10"), entry("revenue", "-7", "P-2"), entry("contract_asset", "17", None)]
    with pytest.raises(Failure, match="several projects") as caught:
        of_project(mixed, "P-1")
    assert "revenue_not_separable" == caught.value.code


def test_what_is_kept_is_not_new() -> None:
    """Only what a document has moved since is left, and a document without that is left out."""
    entries = [entry("contract_asset", "10"), entry("revenue", "-10")]
    assert {DOCUMENT: {"contract_asset": gbp("10"), "revenue": gbp("-10")}} == unkept(entries, [])
    assert {} == unkept(entries, [kept(contract_asset="10", revenue="-10")])
    more = [*entries, entry("contract_asset", "2"), entry("revenue", "-2")]
    left = unkept(more, [kept(contract_asset="10", revenue="-10")])
    assert {DOCUMENT: {"contract_asset": gbp("2"), "revenue": gbp("-2")}} == left


def test_a_document_turned_round_is_new() -> None:
    """What came back in the same document takes back what was kept."""
    entries = [entry("contract_asset", "10"), entry("revenue", "-10"), entry("contract_asset", "-10")]
    left = unkept([*entries, entry("revenue", "10")], [kept(contract_asset="10", revenue="-10")])
    assert {DOCUMENT: {"contract_asset": gbp("-10"), "revenue": gbp("10")}} == left


def test_cost_in_the_same_document_is_no_concern() -> None:
    """Accounts without a role that even out are left out; one that does not is refused by its number."""
    entries = [entry("contract_asset", "10"), entry("revenue", "-10")]
    cost = [entry(None, "6", account="5000"), entry(None, "-6", account="2400")]
    assert {DOCUMENT: {"contract_asset": gbp("10"), "revenue": gbp("-10")}} == unkept([*entries, *cost], [])
    with pytest.raises(Failure, match="2999") as caught:
        unkept([entry(None, "10", account="2999"), entry("revenue", "-10")], [])
    assert "account_without_role" == caught.value.code


def test_the_contract_s_currency_balances_too() -> None:
    """Half up each, the remainder on the largest."""
    accounted = {"revenue": gbp("-1.00"), "contract_asset": gbp("0.50"), "unbilled_receivable": gbp("0.50")}
    assert {"revenue": "-0.34", "contract_asset": "0.17", "unbilled_receivable": "0.17"} == {
        role: amount.amount for role, amount in converted(accounted, Decimal(3), "EUR").items()
    }
