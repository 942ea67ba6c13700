"""The rules of invoice-release on the real engine: order, claims, approvals, proof, doubt, periods, methods."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from firm import Firm
from running_money import APPROVER, CUT_OFF, MANAGER, OWNER, RunningMoney, gbp

from canonical.money import Money
from canonical.sales import PurchaseOrder
from canonical.work import ApprovalDecision
from servicekit.failures import Failure, Kind

IN_ORDER = [
    "create_invoice",
    "draft_receivable",
    "issue_invoice",
    "post_receivable",
    "mark_billed",
]


async def test_approved_work_becomes_an_issued_invoice_and_a_posted_receivable(money: RunningMoney, firm: Firm) -> None:
    """Drafts in billing and ERP, then the legal act, then the posting with the same dates, then the PSA's mark."""
    contract = money.agreed()
    entry = money.worked(contract, "7.5")
    release = await money.posted(contract)
    assert IN_ORDER == firm.calls
    assert ("issued", "posted", "N-0001") == (release.document_state, release.posting_state, release.invoice_number)
    assert (gbp("900.00"), gbp("1080.00")) == (release.net, release.gross)
    assert ((OWNER.actor, APPROVER.actor), "invoiced") == (
        tuple(sorted(release.approved_by, reverse=True)),
        firm.entries[entry.id].billing_state,
    )
    (receivable,) = firm.receivables.values()
    assert ("N-0001", release.document_date) == (receivable.reference, receivable.posting_date)


async def test_an_invoice_credits_the_contracts_balance_and_never_revenue(money: RunningMoney, firm: Firm) -> None:
    """Only revenue-recognition moves value into revenue (B1)."""
    contract = money.agreed()
    money.worked(contract, "10")
    await money.posted(contract)
    moved = {entry.account_role: entry.amount.amount for entry in firm.ledger}
    assert {"receivable": "1440.00", "unbilled_receivable": "-1200.00", "tax_payable": "-240.00"} == moved


async def test_the_same_request_is_one_run_and_one_invoice(money: RunningMoney, firm: Firm) -> None:
    """Asking again while it is under way gives the same run; afterwards nothing is left to bill."""
    contract = money.agreed()
    money.worked(contract, "8")
    first = await money.start(contract)
    assert first == await money.start(contract)
    await money.until(first, "waiting_for_approval")
    await money.approve(first)
    await money.until(first, "posted")
    again = await money.start(contract)
    assert first != again
    await money.until(again, "nothing_to_bill")
    assert 1 == len(firm.invoices)


async def test_late_time_goes_on_a_supplementary_invoice(money: RunningMoney, firm: Firm) -> None:
    """What was approved after the period was billed is billed by itself, and nothing of it twice (B9)."""
    contract = money.agreed()
    money.worked(contract, "8")
    await money.posted(contract)
    money.worked(contract, "2", date(2026, 12, 9))
    second = await money.posted(contract)
    assert ("supplementary", gbp("240.00"), 2) == (second.kind, second.net, second.revision)


async def test_work_without_a_rate_waits_for_the_deal_desk_and_goes_on_with_one(
    money: RunningMoney, firm: Firm
) -> None:
    """Missing is not zero: nothing is billed until somebody says the rate; then the same run goes on."""
    contract = money.agreed()
    entry = money.worked(contract, "8", bill_rate=None, role="Architect")
    run_id = await money.start(contract)
    case = await money.open_case(run_id)
    assert ("missing_rate", "deal-desk", []) == (case.code, case.owner_team, firm.calls)
    firm.entries[entry.id] = msgspec.structs.replace(entry, role="Engineer")
    await money.decide(run_id, "retry")
    await money.until(run_id, "waiting_for_approval")
    await money.approve(run_id)
    assert gbp("960.00") == (await money.until(run_id, "posted")).net


async def test_whoever_approved_the_time_does_not_approve_the_invoice(money: RunningMoney, firm: Firm) -> None:
    """The approver is within the limit and has not worked on what is billed (B12)."""
    contract = money.agreed()
    money.worked(contract, "8", approved_by=APPROVER.actor)
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    approvals = await money.desk.approvals.of_run(run_id)
    asked = next(one for one in approvals if one.required_role == "invoice-approver")
    with pytest.raises(Failure) as caught:
        await money.desk.approvals.decide(asked.id, ApprovalDecision(decision="approve", reason="it is fine"), APPROVER)
    assert (Kind.DENIED, "own_work") == (caught.value.kind, caught.value.code)


async def test_nobody_approves_beyond_their_limit(money: RunningMoney, firm: Firm) -> None:
    """The limit is compared in the entity's own currency."""
    contract = money.agreed(amount=900000, currency="EUR")
    for day in range(1, 28):
        money.worked(contract, "40", date(2026, 12, day))
    run_id = await money.start(contract)
    release = await money.until(run_id, "waiting_for_approval")
    assert release.draft is not None
    assert (Money.of("129600.00", "EUR"), gbp("111456.00")) == (release.net, release.draft.net_in_entity_currency)
    with pytest.raises(Failure) as caught:
        await money.approve(run_id)
    assert "beyond_authority" == caught.value.code


async def test_a_rejected_draft_is_an_exception_and_is_asked_for_anew(money: RunningMoney, firm: Firm) -> None:
    """A refusal writes nothing; a retry drafts anew and asks again."""
    contract = money.agreed()
    money.worked(contract, "8")
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    await money.approve(run_id, "reject")
    assert ("approval_rejected", []) == ((await money.open_case(run_id)).code, firm.calls)
    await money.decide(run_id, "retry")
    await money.approve(run_id)
    await money.until(run_id, "posted")


async def test_silence_is_reminded_of_and_expires(money: RunningMoney, firm: Firm) -> None:
    """Half the time: a reminder. All of it: an exception, and a retry asks again (the clock is ours)."""
    contract = money.agreed()
    money.worked(contract, "8")
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    money.clock.advance(timedelta(hours=41))
    case = await money.open_case(run_id)
    reminded = {one.reminded_at is not None for one in await money.desk.approvals.of_run(run_id)}
    assert ("approval_expired", {True}) == (case.code, reminded)
    await money.decide(run_id, "retry")
    await money.approve(run_id)
    await money.until(run_id, "posted")


async def test_totals_that_differ_by_a_penny_stop_the_legal_act(money: RunningMoney, firm: Firm) -> None:
    """The ERP's total equals the draft's or the invoice is not issued; a discard leaves nothing behind (B2, B33)."""
    firm.erp_tax_off_by = gbp("0.01").value
    contract = money.agreed()
    entry = money.worked(contract, "8")
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    await money.approve(run_id)
    case = await money.open_case(run_id)
    assert "totals_differ" == case.code
    assert "issue_invoice" not in firm.calls
    await money.decide(run_id, "discard")
    release = await money.until(run_id, "discarded")
    assert "discarded" == release.document_state
    assert ["discard_receivable", "discard_invoice"] == firm.calls[-2:]
    assert [] == firm.ledger
    firm.erp_tax_off_by = gbp("0.00").value
    assert gbp("960.00") == (await money.posted(contract)).net
    assert "invoiced" == firm.entries[entry.id].billing_state


async def test_a_period_that_closes_between_draft_and_issue_moves_both_dates(money: RunningMoney, firm: Firm) -> None:
    """Next open period by policy, never silently, and nothing is reopened (B28)."""
    contract = money.agreed()
    money.worked(contract, "8")
    run_id = await money.start(contract, document_date=date(2026, 12, 29))
    await money.until(run_id, "waiting_for_approval")
    firm.open_from = date(2027, 1, 1)
    await money.approve(run_id)
    release = await money.until(run_id, "posted")
    assert (date(2027, 1, 1), date(2027, 1, 1)) == (release.document_date, release.posting_date)
    assert "2026-12 takes no postings; 2027-01-01 is the next day that does" == release.posting_moved


async def test_an_invoice_that_the_ledger_refuses_after_issue_waits_and_is_posted_as_it_is(
    money: RunningMoney, firm: Firm
) -> None:
    """`issued_not_posted`: nobody edits amounts; a retry posts it with its own document date (B2)."""
    firm.refusals["post_receivable"] = [Failure(Kind.INVALID, "the customer is blocked", code="customer_blocked")]
    contract = money.agreed()
    money.worked(contract, "8")
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    await money.approve(run_id)
    case = await money.open_case(run_id)
    waiting = await money.of(run_id)
    assert ("issued_not_posted", "issued", "failed") == (case.code, waiting.document_state, waiting.posting_state)
    assert ["the customer is blocked"] == [finding.message for finding in case.findings]
    await money.decide(run_id, "retry")
    release = await money.until(run_id, "posted")
    assert waiting.document_date == release.document_date


async def test_an_issued_invoice_that_is_given_up_is_voided_and_its_number_registered(
    money: RunningMoney, firm: Firm
) -> None:
    """A gap in the numbers is explained; the work may be billed again (B29)."""
    firm.refusals["post_receivable"] = [Failure(Kind.INVALID, "no", code="refused")]
    contract = money.agreed()
    money.worked(contract, "8")
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    await money.approve(run_id)
    await money.decide(run_id, "discard")
    release = await money.until(run_id, "discarded")
    assert ("void", "N-0001") == (release.document_state, release.invoice_number)
    assert ["N-0001"] == [
        one.number for one in await money.release["releases"].voided("GB01") if one.release_id == release.id
    ]
    assert "N-0002" == (await money.posted(contract)).invoice_number


@pytest.mark.parametrize(
    "write", ["create_invoice", "draft_receivable", "issue_invoice", "post_receivable", "mark_billed"]
)
async def test_a_lost_answer_never_makes_a_second_document(money: RunningMoney, firm: Firm, write: str) -> None:
    """Each write is asked for again under its own key, and happened once."""
    firm.losses[write] = 1
    contract = money.agreed()
    money.worked(contract, "8")
    await money.posted(contract)
    assert IN_ORDER == firm.calls
    assert (1, 1) == (len(firm.invoices), len(firm.receivables))


async def test_withdrawn_work_leaves_the_draft_before_it_is_issued(money: RunningMoney, firm: Firm) -> None:
    """What the PSA takes back while people decide makes another draft, which is asked for anew."""
    contract = money.agreed()
    money.worked(contract, "8")
    gone = money.worked(contract, "3", date(2026, 12, 10))
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    firm.entries[gone.id] = msgspec.structs.replace(gone, status="rejected")
    await money.approve(run_id)
    await money.approve(run_id)
    assert gbp("960.00") == (await money.until(run_id, "posted")).net


async def test_a_required_purchase_order_holds_the_invoice(money: RunningMoney, firm: Firm) -> None:
    """Set-up runs on without it; billing does not."""
    contract = money.agreed(purchase_order=PurchaseOrder(required=True))
    money.worked(contract, "8")
    run_id = await money.start(contract)
    assert ("po_missing", "account-management") == (
        (case := await money.open_case(run_id)).code,
        case.owner_team,
    )
    order = PurchaseOrder(required=True, number="PO-7781")
    firm.contracts[contract.id] = msgspec.structs.replace(contract, purchase_order=order)
    await money.decide(run_id, "retry")
    await money.approve(run_id)
    release = await money.until(run_id, "posted")
    assert "PO-7781" == release.draft.customer_reference if release.draft else None


@pytest.mark.parametrize(
    ("part", "value", "code", "owner"),
    [
        ("blocked", True, "customer_blocked", "credit-control"),
        ("tax_percent", None, "invoice_tax_unresolved", "tax"),
    ],
)
async def test_what_stands_in_the_way_is_told_before_anything_is_written(
    money: RunningMoney, firm: Firm, part: str, value: object, code: str, owner: str
) -> None:
    """Each with its owner, its value and nothing written."""
    money.clock.advance(timedelta(seconds=31))  # reference data is kept for half a minute
    mended = getattr(firm, part)
    setattr(firm, part, value)
    contract = money.agreed()
    money.worked(contract, "8")
    run_id = await money.start(contract)
    case = await money.open_case(run_id)
    assert (code, owner, []) == (case.code, case.owner_team, firm.calls)
    setattr(firm, part, mended)
    await money.decide(run_id, "retry")
    await money.until(run_id, "waiting_for_approval")


async def test_a_currency_without_a_rate_waits_for_treasury(money: RunningMoney, firm: Firm) -> None:
    """Nothing is converted at a rate that nobody loaded."""
    contract = money.agreed(currency="CHF")
    money.worked(contract, "8")
    case = await money.open_case(await money.start(contract))
    assert ("exchange_rate_missing", "treasury") == (case.code, case.owner_team)


async def test_submitted_time_is_missed_and_does_not_hold_the_invoice(money: RunningMoney, firm: Firm) -> None:
    """Bill without it and carry it over; people see how much is missing."""
    contract = money.agreed()
    money.worked(contract, "8")
    money.worked(contract, "5", date(2026, 12, 9), status="submitted", approved_by=None, approved_at=None)
    release = await money.posted(contract)
    notice = (await money.notices(release.run_id))["time_missing"]
    assert (gbp("960.00"), gbp("600.00"), "line-management") == (release.net, notice.value_at_stake, notice.owner_team)


async def test_a_release_names_who_approved_the_time(money: RunningMoney, firm: Firm) -> None:
    """Each source on a line says which entry it is, what it is worth, and who approved it."""
    contract = money.agreed()
    entry = money.worked(contract, "8")
    release = await money.posted(contract)
    assert release.draft is not None
    (source,) = release.draft.lines[0].sources
    assert (entry.id, gbp("960.00"), MANAGER) == (source.item_id, source.amount, source.approved_by)
    assert CUT_OFF == release.cut_off
