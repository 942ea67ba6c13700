"""What every billing connector keeps of invoices when answers are lost, keys are forgotten and callers meet."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
import pytest
from asked_invoices import credit_line, line, new_account, new_credit_note, new_invoice

from canonical.invoicing import CreditNote, Invoice, NewInvoice
from servicekit.failures import Failure, Kind

DAY_S = 86_400
KEY = "invoice-0001"


async def refused(awaitable: Awaitable[object]) -> tuple[Kind, str]:
    with pytest.raises(Failure) as caught:
        await awaitable
    return caught.value.kind, caught.value.code


async def asked(stage: Any, count: int = 2, **changes: Any) -> NewInvoice:
    """The account's one request, and the platform knows by now what an invoice of it needs."""
    account = await stage.billing.create_account(new_account(), "account-EUR")
    return new_invoice(account.id, *(line(f"L{n}", "8", "150") for n in range(1, count + 1)), **changes)


async def everything(stage: Any) -> tuple[Invoice, ...]:
    found: tuple[Invoice, ...] = (await stage.billing.invoices(None, 50)).items
    return found


@pytest.mark.parametrize("fault", ["lose_answer", "outage", "drop"])
@pytest.mark.parametrize("path", ["invoices$", "add_lines$", "products$"])
async def test_a_draft_is_completed_by_the_next_try(stage: Any, fault: str, path: str) -> None:
    """Whichever write failed: one draft, each line once; one without its lines is neither passed off nor issued."""
    new = await asked(stage, 12)
    await stage.fail(fault, method="POST", path=path)
    assert Kind.IN_DOUBT is (await refused(stage.billing.create_invoice(new, KEY)))[0]
    for unfinished in await everything(stage):
        if len(unfinished.lines) < 12:
            assert await stage.billing.created_invoice(new, KEY) is None
            early = stage.billing.issue_invoice(unfinished.id)
            assert (Kind.CONFLICT, "totals_differ") == await refused(early)
    made = await stage.billing.create_invoice(new, KEY)
    assert [f"L{n}" for n in range(1, 13)] == [one.key for one in made.lines]
    assert made == await stage.billing.created_invoice(new, KEY)
    assert (made,) == await everything(stage)


@pytest.mark.parametrize("later_s", [0, DAY_S + 60])
async def test_a_key_that_the_platform_forgot_makes_no_second_invoice(stage: Any, later_s: int) -> None:
    """A day later it is found by its reference; also when it is issued in between."""
    new = await asked(stage)
    made = await stage.billing.create_invoice(new, KEY)
    await stage.desk.pass_time(later_s)
    assert made == await stage.billing.create_invoice(new, KEY)
    issued = await stage.billing.issue_invoice(made.id)
    assert issued == await stage.billing.create_invoice(new, KEY) == await stage.billing.created_invoice(new, KEY)
    note = await stage.billing.create_credit_note(made.id, new_credit_note(), "credit-0001")
    await stage.desk.pass_time(2 * later_s)
    assert note == await stage.billing.create_credit_note(made.id, new_credit_note(), "credit-0001")
    assert ((await stage.billing.invoice(made.id),), (note,)) == (
        await everything(stage),
        await stage.billing.credit_notes(made.id),
    )


async def test_a_draft_that_lost_a_line_is_completed(stage: Any) -> None:
    """A person took one off: it is put back when the platform has forgotten the key, and told as missing before."""
    new = await asked(stage)
    made = await stage.billing.create_invoice(new, KEY)
    await stage.desk.take_line(made.id)
    assert await stage.billing.created_invoice(new, KEY) is None
    assert (Kind.CONFLICT, "totals_differ") == await refused(stage.billing.issue_invoice(made.id))
    again = await stage.billing.create_invoice(new, KEY)
    assert ([made.lines[0], made.lines[1]], made.gross) == (list(again.lines), again.gross)


async def test_a_line_that_came_twice_is_there_once(stage: Any) -> None:
    """Whichever of the two is not the one that was asked for goes."""
    new = await asked(stage)
    made = await stage.billing.create_invoice(new, KEY)
    await stage.desk.double_line(made.id)
    assert (Kind.CONFLICT, "totals_differ") == await refused(stage.billing.issue_invoice(made.id))
    assert made == await stage.billing.create_invoice(new, KEY)


async def test_a_line_that_a_person_added_is_noticed(stage: Any) -> None:
    """It stays, because it is not ours, and the document is neither passed off as the one asked for nor issued."""
    new = await asked(stage)
    made = await stage.billing.create_invoice(new, KEY)
    await stage.desk.add_line(made.id, 100)
    assert await stage.billing.created_invoice(new, KEY) is None
    assert (Kind.INVALID, "totals_differ") == await refused(stage.billing.create_invoice(new, KEY))
    assert (Kind.CONFLICT, "totals_differ") == await refused(stage.billing.issue_invoice(made.id))
    assert "discarded" == (await stage.billing.discard_invoice(made.id)).document_state


async def test_a_corrected_request_replaces_what_was_drafted(stage: Any) -> None:
    """Under the same key the draft becomes what is asked for now: lines that stay, that change and that are new."""
    first = await asked(stage)
    await stage.fail("lose_answer", method="POST", path="add_lines$")
    assert Kind.IN_DOUBT is (await refused(stage.billing.create_invoice(first, KEY)))[0]
    lines = (first.lines[0], line("L2", "9", "150"), line("L3", "1", "20"))
    corrected = new_invoice(first.billing_account_id, *lines, customer_reference="PO-4712")
    assert await stage.billing.created_invoice(corrected, KEY) is None
    made = await stage.billing.create_invoice(corrected, KEY)
    assert [("L1", "1200.00"), ("L2", "1350.00"), ("L3", "20.00")] == [
        (one.key, one.amount.amount) for one in made.lines
    ]
    assert (made,) == await everything(stage)
    assert "issued" == (await stage.billing.issue_invoice(made.id)).document_state


async def test_two_callers_under_one_key_make_one_draft(stage: Any) -> None:
    """At the same moment: who does not get it is told to come again, and gets it then."""
    new = await asked(stage)
    create = stage.billing.create_invoice
    both = await asyncio.gather(create(new, KEY), create(new, KEY), return_exceptions=True)
    assert {Kind.BUSY, Kind.IN_DOUBT} >= {one.kind for one in both if isinstance(one, Failure)}
    made = await create(new, KEY)
    assert (2, (made,)) == (len(made.lines), await everything(stage))


async def test_two_operations_cannot_use_one_reference(stage: Any) -> None:
    """One after the other, and at the same moment: one document at most, and nobody is given the other's."""
    new = await asked(stage)
    create = stage.billing.create_invoice
    both = await asyncio.gather(create(new, "invoice-one"), create(new, "invoice-two"), return_exceptions=True)
    failed = [(one.kind, one.code) for one in both if isinstance(one, Failure)]
    assert ([(Kind.CONFLICT, "invoice_exists")], 1) == (failed, len(await everything(stage)))
    assert (Kind.CONFLICT, "invoice_exists") == await refused(create(new, "invoice-three"))


async def test_a_key_whose_draft_was_discarded_is_used_up(stage: Any) -> None:
    """The platform would only repeat its answer; another key makes another draft under the reference."""
    new = await asked(stage)
    made = await stage.billing.create_invoice(new, KEY)
    await stage.billing.discard_invoice(made.id)
    assert await stage.billing.created_invoice(new, KEY) is None
    assert (Kind.CONFLICT, "invoice_discarded") == await refused(stage.billing.create_invoice(new, KEY))
    second = await stage.billing.create_invoice(new, "invoice-0002")
    assert (second,) == await everything(stage)


@pytest.mark.parametrize("fault", ["lose_answer", "outage", "drop"])
async def test_issuing_voiding_and_discarding_survive_a_lost_answer(stage: Any, fault: str) -> None:
    """Each ends in its state, once: the number is one, and no second one is used up."""
    new = await asked(stage)
    made = await stage.billing.create_invoice(new, KEY)
    await stage.fail(fault, method="POST", path="finalize$")
    issued = await stage.billing.issue_invoice(made.id)
    assert ("issued", "DE01-0001") == (issued.document_state, issued.number)
    await stage.fail(fault, method="POST", path="void$")
    assert "void" == (await stage.billing.void_invoice(made.id)).document_state
    other = msgspec.structs.replace(new, reference="INV-DE01-0002")
    draft = await stage.billing.create_invoice(other, "invoice-0002")
    await stage.fail(fault, method="DELETE")
    assert "discarded" == (await stage.billing.discard_invoice(draft.id)).document_state
    third = msgspec.structs.replace(new, reference="INV-DE01-0003")
    last = await stage.billing.issue_invoice((await stage.billing.create_invoice(third, "invoice-0003")).id)
    assert "DE01-0002" == last.number


async def test_a_draft_that_a_person_deleted_is_discarded(stage: Any) -> None:
    """Discarding ends where he ended."""
    made = await stage.billing.create_invoice(await asked(stage), KEY)
    await stage.desk.delete_draft(made.id)
    gone = await stage.billing.discard_invoice(made.id)
    assert ("discarded", made.gross, "INV-DE01-0001") == (gone.document_state, gone.gross, gone.reference)


@pytest.mark.parametrize("fault", ["lose_answer", "outage", "drop"])
async def test_a_credit_note_whose_answer_is_lost_is_made_once(stage: Any, fault: str) -> None:
    """In doubt until it is looked for; a second try under the key gives the same one, another key is refused."""
    made = await stage.billing.create_invoice(await asked(stage), KEY)
    await stage.billing.issue_invoice(made.id)
    new, credit = new_credit_note(), stage.billing.create_credit_note
    await stage.fail(fault, method="POST", path="credit_notes$")
    assert Kind.IN_DOUBT is (await refused(credit(made.id, new, "credit-0001")))[0]
    found = await stage.billing.created_credit_note(made.id, new, "credit-0001")
    note = await credit(made.id, new, "credit-0001")
    assert ({"lose_answer": note}.get(fault), (note,)) == (found, await stage.billing.credit_notes(made.id))
    assert (Kind.CONFLICT, "credit_note_exists") == await refused(credit(made.id, new, "credit-0002"))


async def test_two_credit_notes_at_once_never_take_back_more_than_there_is(stage: Any) -> None:
    """Each of them most of the invoice: one is made."""
    made = await stage.billing.create_invoice(await asked(stage), KEY)
    await stage.billing.issue_invoice(made.id)
    most = credit_line("L1", "1200.00", "228.00"), credit_line("L2", "900.00", "171.00")
    news = [new_credit_note(*most, reference=f"CRN-DE01-000{n}") for n in (1, 2)]
    both = await asyncio.gather(
        *(stage.billing.create_credit_note(made.id, new, f"key-{new.reference}") for new in news),
        return_exceptions=True,
    )
    assert (1, 1) == (
        len([one for one in both if isinstance(one, CreditNote)]),
        len(await stage.billing.credit_notes(made.id)),
    )


async def test_an_invoice_takes_few_requests(stage: Any) -> None:
    """Twelve lines are three writes: the draft, all of its lines, the number. None of them is sent to anyone."""
    await stage.billing.create_invoice(await asked(stage, reference="INV-DE01-0000"), "invoice-0000")
    before = len(await stage.desk.writes())
    made = await stage.billing.create_invoice(await asked(stage, 12), KEY)
    await stage.billing.issue_invoice(made.id)
    written = (await stage.desk.writes())[before:]
    assert [
        "/v1/invoices",
        f"/v1/invoices/{made.id}/add_lines",
        f"/v1/invoices/{made.id}/finalize",
    ] == written
