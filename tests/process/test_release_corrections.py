"""What people change: before the issue by holds, write-downs and words; after it by credit notes and rebills alone."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from firm import NOW, Firm
from running_money import CLERK, RunningMoney, gbp

from canonical.entries import TimeEntry
from canonical.envelope import Event
from canonical.events import MilestoneAccepted, TimeApprovalWithdrawn
from canonical.releases import CreditedLine, HoldRequest, NarrativeRequest, WriteDownRequest
from canonical.work import BindingChange
from servicekit.failures import Failure
from servicekit.ids import mint


async def test_a_held_item_leaves_the_draft_and_the_draft_is_agreed_to_anew(money: RunningMoney, firm: Firm) -> None:
    """Hold with a reason: what was asked is withdrawn, and asked again about the new draft."""
    contract = money.agreed()
    money.worked(contract, "8")
    held = money.worked(contract, "3", date(2026, 12, 9))
    run_id = await money.start(contract)
    release = await money.until(run_id, "waiting_for_approval")
    asked = HoldRequest(item_ids=(held.id,), reason="the client disputes it")
    await money.release["adjusting"].hold(release.id, asked, CLERK)
    await money.redrafted(run_id, 2)
    await money.approve(run_id)
    assert gbp("960.00") == (await money.until(run_id, "posted")).net
    assert ("360.00", "0.00") == ((value := await money.approved_value(contract)).held, value.difference)
    await money.release["adjusting"].let_go(held.id, "settled by phone", CLERK)
    assert gbp("360.00") == (await money.posted(contract)).net


async def test_a_write_down_bills_less_for_good(money: RunningMoney, firm: Firm) -> None:
    """A price concession with its reason: not billed later, and shown as such."""
    contract = money.agreed()
    entry = money.worked(contract, "8")
    run_id = await money.start(contract)
    release = await money.until(run_id, "waiting_for_approval")
    asked = WriteDownRequest(item_id=entry.id, amount=gbp("160.00"), reason="goodwill")
    await money.release["adjusting"].write_down(release.id, asked, CLERK)
    await money.redrafted(run_id, 2)
    await money.approve(run_id)
    assert gbp("800.00") == (await money.until(run_id, "posted")).net
    value = await money.approved_value(contract)
    assert ("160.00", "800.00", "0.00") == (value.written_down, value.invoiced, value.difference)
    recognised = await money.recognised(contract, date(2027, 1, 1))
    assert gbp("800.00") == recognised.revenue


async def test_nobody_writes_down_more_than_stands_on_the_draft(money: RunningMoney, firm: Firm) -> None:
    """The field and the limit are named."""
    contract = money.agreed()
    entry = money.worked(contract, "1")
    run_id = await money.start(contract)
    release = await money.until(run_id, "waiting_for_approval")
    asked = WriteDownRequest(item_id=entry.id, amount=gbp("120.01"), reason="goodwill")
    with pytest.raises(Failure) as caught:
        await money.release["adjusting"].write_down(release.id, asked, CLERK)
    assert ("more_than_it_is_worth", "/amount") == (caught.value.code, caught.value.errors[0].pointer)


async def test_a_narrative_is_said_in_other_words(money: RunningMoney, firm: Firm) -> None:
    """The invoice says what people want it to say; the entry in the PSA stays as it is."""
    contract = money.agreed()
    entry = money.worked(contract, "8", narrative="fixed stuff")
    run_id = await money.start(contract)
    release = await money.until(run_id, "waiting_for_approval")
    asked = NarrativeRequest(item_id=entry.id, narrative="Correction of the claims import", reason="clearer")
    await money.release["adjusting"].say(release.id, asked, CLERK)
    await money.redrafted(run_id, 2)
    await money.approve(run_id)
    await money.until(run_id, "posted")
    assert ["Correction of the claims import"] == [
        line.description for invoice in firm.invoices.values() for line in invoice.lines
    ]


async def test_a_credit_in_whole_and_a_rebill(money: RunningMoney, firm: Firm) -> None:
    """The credit reverses the same accounts and lets go of what was billed; the rebill names what it corrects."""
    contract = money.agreed()
    entry = money.worked(contract, "8")
    first = await money.posted(contract)
    credit_id = await money.credit(first.run_id, rebill=True)
    await money.until(credit_id, "waiting_for_approval")
    await money.approve(credit_id)
    await money.until(credit_id, "credited")
    assert {"0.00"} == {f"{firm.balance(role):.2f}" for role in ("receivable", "unbilled_receivable", "tax_payable")}
    assert "credited" == (await money.of(first.run_id)).document_state
    rebill = await money.started_after(first)
    await money.approve(rebill.run_id)
    posted = await money.until(rebill.run_id, "posted")
    assert ("rebill", gbp("960.00"), first.id) == (posted.kind, posted.net, posted.corrects_release_id)
    assert "invoiced" == firm.entries[entry.id].billing_state
    value = await money.approved_value(contract)
    assert ("1920.00", "960.00", "0.00") == (value.invoiced, value.credited, value.difference)


async def test_a_credit_of_a_part_lets_go_of_that_part(money: RunningMoney, firm: Firm) -> None:
    """A part of a line is credited with its tax; what is credited without a rebill is held for people."""
    contract = money.agreed()
    money.worked(contract, "8")
    first = await money.posted(contract)
    line = CreditedLine(line_key="L001", amount=gbp("120.00"))
    credit_id = await money.credit(first.run_id, lines=(line,))
    await money.approve(credit_id)
    credit = await money.until(credit_id, "credited")
    assert (gbp("120.00"), gbp("144.00")) == (credit.net, credit.gross)
    assert "issued" == (await money.of(first.run_id)).document_state
    value = await money.approved_value(contract)
    assert ("960.00", "120.00", "120.00", "0.00") == (value.invoiced, value.credited, value.held, value.difference)


async def test_an_invoice_that_is_credited_bit_by_bit_is_credited_in_the_end(money: RunningMoney, firm: Firm) -> None:
    """Two credits of two lines leave nothing, and each lets the PSA go of its own items alone."""
    contract = money.agreed()
    first_week, second_week = money.worked(contract, "8"), money.worked(contract, "4", date(2026, 12, 15))
    release = await money.posted(contract)
    for key, amount, states in (("L001", "960.00", ["unbilled", "invoiced"]), ("L002", "480.00", ["unbilled"] * 2)):
        credit_id = await money.credit(release.run_id, lines=(CreditedLine(line_key=key, amount=gbp(amount)),))
        await money.approve(credit_id)
        await money.until(credit_id, "credited")
        assert states == [firm.entries[one.id].billing_state for one in (first_week, second_week)]
    assert "credited" == (await money.of(release.run_id)).document_state
    assert "0.00" == (await money.approved_value(contract)).difference


async def test_nothing_is_credited_twice(money: RunningMoney, firm: Firm) -> None:
    """What an earlier credit took of a line cannot be taken again."""
    contract = money.agreed()
    money.worked(contract, "8")
    first = await money.posted(contract)
    credit_id = await money.credit(first.run_id)
    await money.approve(credit_id)
    await money.until(credit_id, "credited")
    again = await money.credit(first.run_id)
    assert "nothing_to_credit" == (await money.open_case(again)).code
    assert 1 == len(firm.credit_notes)


async def test_a_lost_answer_never_makes_a_second_credit_note(money: RunningMoney, firm: Firm) -> None:
    """Each write of a credit happens once too."""
    firm.losses |= {"credit_invoice": 1, "cancel_mark": 1}
    contract = money.agreed()
    money.worked(contract, "8")
    first = await money.posted(contract)
    firm.losses |= {"post_receivable": 1, "draft_receivable": 1}
    credit_id = await money.credit(first.run_id)
    await money.approve(credit_id)
    await money.until(credit_id, "credited")
    assert (1, 2) == (len(firm.credit_notes), len(firm.receivables))


async def test_billed_work_that_is_withdrawn_is_questioned(money: RunningMoney, firm: Firm) -> None:
    """After the issue nothing changes by itself: people are told what to credit, with the entry."""
    contract = money.agreed()
    entry = money.worked(contract, "8")
    release = await money.posted(contract)
    await money.release["watching"].on_time_approval_withdrawn(_withdrawn(entry))
    case = (await money.notices(release.run_id))["changed_after_invoicing"]
    assert ("accounts-receivable", entry.id) == (case.owner_team, case.refs["time_entry_id"])


async def test_work_that_is_withdrawn_while_people_decide_makes_the_draft_anew(money: RunningMoney, firm: Firm) -> None:
    """The event is enough: nobody has to approve first."""
    contract = money.agreed()
    money.worked(contract, "8")
    gone = money.worked(contract, "2", date(2026, 12, 9))
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    firm.entries[gone.id] = msgspec.structs.replace(gone, status="rejected")
    await money.release["watching"].on_time_approval_withdrawn(_withdrawn(gone))
    await money.redrafted(run_id, 2)
    await money.approve(run_id)
    assert gbp("960.00") == (await money.until(run_id, "posted")).net


async def test_new_work_is_seen_as_unbilled_without_a_release(money: RunningMoney, firm: Firm) -> None:
    """What was approved shows on the screens once its project has been looked at."""
    contract = money.agreed()
    money.worked(contract, "8")
    project = money.project_of(contract)
    approved = MilestoneAccepted(milestone_id=f"mil_{'3' * 32}", project_id=project.id, amount=None, accepted_at=NOW)
    await money.release["watching"].on_milestone_accepted(_event("milestone-accepted", project.id, approved))
    while await money.release["watching"].look():
        pass
    assert "960.00" == (await money.approved_value(contract)).unbilled_due


async def test_shadow_writes_nothing_and_shows_the_same_draft(money: RunningMoney, firm: Firm) -> None:
    """What shadow shows is, line by line, what automatic bills afterwards; nothing stays claimed."""
    contract = money.agreed()
    for day in range(1, 15):
        money.worked(contract, "7.75", date(2026, 12, day))
    await bind(money, "shadow")
    run_id = await money.start(contract)
    shadowed = await money.until(run_id, "shadowed")
    assert ([], []) == (firm.calls, firm.ledger)
    await bind(money, "automatic")
    posted = await money.posted(contract)
    assert shadowed.draft is not None
    assert posted.draft is not None
    assert shadowed.draft.lines == posted.draft.lines
    assert (shadowed.draft.tax, shadowed.draft.gross) == (posted.draft.tax, posted.draft.gross)


async def test_a_preview_has_no_effect(money: RunningMoney, firm: Firm) -> None:
    """It shows the lines and what stands in the way; nothing is claimed by it."""
    contract = money.agreed()
    entry = money.worked(contract, "8")
    preview = await money.release["previewing"].preview(contract.id, date(2027, 1, 1), None)
    assert (gbp("960.00"), ()) == (preview.draft.net, preview.findings)
    firm.entries[entry.id] = msgspec.structs.replace(entry, bill_rate=None, role="Architect", version="other")
    blocked = await money.release["previewing"].preview(contract.id, date(2027, 1, 1), None)
    assert (None, ["missing_rate"]) == (blocked.draft, [finding.code for finding in blocked.findings])
    firm.entries[entry.id] = entry
    assert gbp("960.00") == (await money.posted(contract)).net


async def bind(money: RunningMoney, mode: str) -> None:
    change = BindingChange(connection="erp-main", from_date=date(2026, 1, 1), mode=mode, reason="rehearsal")  # type: ignore[arg-type]
    await money.desk.bindings.put("GB01", "erp", change, CLERK)


def _withdrawn(entry: TimeEntry) -> Event:
    data = TimeApprovalWithdrawn(
        time_entry_id=entry.id,
        version=entry.version,
        project_id=entry.project_id,
        work_date=entry.work_date,
        withdrawn_at=NOW,
    )
    return _event("time-approval-withdrawn", entry.id, data)


def _event(name: str, subject: str, data: msgspec.Struct) -> Event:
    return Event(
        id=mint("evt"),
        source="/system/psa",
        type=f"syncline.{name}.v1",
        subject=subject,
        time=NOW,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )
