"""The fortnight after the day: work is done and approved, invoiced, credited and paid, and its revenue recognised.

The clock is moved twice: to the last noon of the first month, when invoices are made, and a day further, when the month
is closed. Both times mode `shadow` comes first, which writes nothing, and then the same in mode `automatic`. Everything
is done where people would do it: in the platforms' own APIs, and at Syncline's edge.
"""

import asyncio
import contextlib
from datetime import timedelta

from canonical.recognition import Recognition
from canonical.releases import Release
from demo import books, clockwork, rehearsal, work
from demo.authorities import CFO, CONTROLLERS, DELEGATE, DELEGATED, PROJECT_OWNER
from demo.checks import COUNTRY, Check
from demo.firm import Firm
from demo.fortnight_checks import Told, judge
from demo.hands import finance
from demo.hands.kantata import Timekeeping
from demo.invoicing import Invoicing
from demo.morning import demo_firm
from demo.surroundings import Surroundings
from demo.syncline import signed_in
from demo.waiting import until
from servicekit.clock import Clock

FINANCE = "fiona.finance@northwind-advisory.example"
SETTLED = frozenset({"posted", "credited", "nothing_to_bill", "waiting_for_approval", "in_exception", "discarded"})
ENDED = frozenset({"recognised", "nothing_to_post", "in_exception", "discarded", "shadowed"})
CLOSING = "GB01"  # the entity that closes its month while an invoice waits
_DAY = timedelta(days=1)


async def play(told: Surroundings, clock: Clock) -> list[Check]:
    """The whole fortnight; returns what was expected at its end and what was seen. Played once, judged any time."""
    firm = demo_firm(clock.now().date())
    noon = work.last_noon(firm)
    if await books.was_played(told):
        await clockwork.move_to(told, noon + _DAY, clock)
    else:
        await clockwork.move_to(told, noon, clock)
        await _work(told, firm)
        await _rehearse(told, firm)
        await _invoice(told, firm)
        await clockwork.move_to(told, noon + _DAY, clock)
        await _rehearse_revenue(told, firm)
        await _close(told, firm)
    async with signed_in(told) as syncline:
        invoicing = Invoicing(syncline)
        return judge(firm, await books.read_all(told, firm), await _told(told, firm, invoicing))


async def _work(told: Surroundings, firm: Firm) -> None:
    """Consultants, managers and project leads in Kantata."""
    timekeeping = Timekeeping(told, firm)
    entries = await timekeeping.work()
    day = work.working_days(firm)[-1]
    story = await timekeeping.complete(*work.ACCEPTED)
    await timekeeping.accept(story, day, "the customer's project lead")
    await timekeeping.complete(*work.ONLY_COMPLETED)
    _say(f"{entries} time entries are approved; one milestone is accepted, another one only completed.")


async def _rehearse(told: Surroundings, firm: Firm) -> None:
    """The month's invoices in shadow: drafted, shown, and nothing of them written anywhere."""
    async with signed_in(told) as syncline, rehearsal.in_shadow(told, firm, syncline):
        await rehearsal.rehearse_invoices(firm, Invoicing(syncline), FINANCE)


async def _invoice(told: Surroundings, firm: Firm) -> None:
    """A batch for each entity, its approvals, a missing rate, a correction, and the first payments."""
    async with signed_in(told) as syncline:
        invoicing = Invoicing(syncline)
        cut_off = work.month_ends(firm)
        batches = {one.code: await invoicing.start_batch(one.code, cut_off, FINANCE) for one in firm.entities}
        await until(lambda: _settled(invoicing, len(work.OUTCOMES)), "the drafts of all batches")
        await _mend_the_rate(told, firm, invoicing)
        for entity, batch in batches.items():
            await _approve(invoicing, entity, batch.id)
        await until(lambda: _agreed(invoicing, work.UNPRICED), f"{work.UNPRICED} to be agreed to")
        waiting = {work.WAITING}
        await until(lambda: _posted(invoicing, waiting), "the approved invoices in the ledger")
        _tell(await _released(invoicing))
        await _correct(invoicing)
        await until(lambda: _posted(invoicing, waiting), "the rebill in the ledger")
        await _pay(told, firm, invoicing)


async def _mend_the_rate(told: Surroundings, firm: Firm, invoicing: Invoicing) -> None:
    """An administrator of Kantata prices the entry that nobody had agreed a rate for, and the draft is tried again."""
    stuck = await invoicing.release_of(work.UNPRICED)
    await Timekeeping(told, firm).set_missing_rate(work.LATE_PRICE)
    await invoicing.retry(stuck, f"{work.UNPRICED_ROLE} is agreed at {work.LATE_PRICE} an hour", FINANCE)
    await until(lambda: _waits(invoicing, work.UNPRICED), "the draft with the late price")
    _say(f"{work.UNPRICED}: {work.UNPRICED_ROLE} was given its rate, and the draft was made.")


async def _approve(invoicing: Invoicing, entity: str, batch_id: str) -> None:
    """The project owner reviews all; whoever approves invoices takes what is within the limit, and one that waits."""
    reviewed = await invoicing.approve_batch(batch_id, "the work is as reported", PROJECT_OWNER)
    _say(f"{entity}: the project owner reviewed the batch: {reviewed}.")
    controller = CONTROLLERS[entity][0]
    if entity == CLOSING:
        for release in await invoicing.releases(batch_id=batch_id):
            if release.state == "waiting_for_approval" and release.contract_number != work.WAITING:
                await invoicing.approve(release, "within the limit", controller)
        return
    approver = DELEGATE if entity == DELEGATED else controller
    decided = await invoicing.approve_batch(batch_id, "within the limit", approver)
    _say(f"{entity}: {approver} decided: {decided}.")


async def _correct(invoicing: Invoicing) -> None:
    """One invoice went out wrong: it is credited and billed anew, each agreed to by a person."""
    wrong = await invoicing.release_of(work.REBILLED)
    controller = CONTROLLERS[wrong.legal_entity_code][0]
    await invoicing.credit_and_rebill(wrong, "the customer wants another description", FINANCE)
    credit = await until(lambda: _waits(invoicing, work.REBILLED, "credit"), "the credit to be agreed to")
    await invoicing.approve(credit, "it was billed in error", controller)
    rebill = await until(lambda: _waits(invoicing, work.REBILLED, "rebill"), "the rebill's draft")
    await invoicing.approve(rebill, "the work is as reported", PROJECT_OWNER)
    await invoicing.approve(rebill, "within the limit", controller)
    _say(f"{work.REBILLED}: {wrong.invoice_number} is credited and billed anew.")


async def _pay(told: Surroundings, firm: Firm, invoicing: Invoicing) -> None:
    """Some customers pay at once: registered in Stripe and booked in Business Central."""
    day = work.month_ends(firm) - _DAY
    for number in work.PAID:
        paid = await invoicing.release_of(number)
        entity = paid.legal_entity_code
        await finance.register_payment(told, COUNTRY[entity], await books.stripe_id(told, paid.invoice_number or ""))
        await finance.book_payment(told, firm, entity, paid.document_number or "", day)
    _say(f"{len(work.PAID)} invoices are paid.")


async def _rehearse_revenue(told: Surroundings, firm: Firm) -> None:
    """The month's revenue in shadow: measured and shown as the journals that would be posted."""
    async with signed_in(told) as syncline, rehearsal.in_shadow(told, firm, syncline):
        looked = await _recognise(firm, Invoicing(syncline))
        _say(f"Revenue of {len(looked)} contracts is rehearsed in shadow.")


async def _close(told: Surroundings, firm: Firm) -> None:
    """Revenue, then the month is closed; what waited is posted in the next, and a second look finds nothing to post."""
    async with signed_in(told) as syncline:
        invoicing = Invoicing(syncline)
        first = await _recognise(firm, invoicing)
        revenue = sum(one.state == "recognised" for one in first)
        _say(f"Revenue of {revenue} contracts is posted.")
        await finance.close_before(told, firm, CLOSING, work.month_ends(firm))
        late = await invoicing.release_of(work.WAITING)
        await invoicing.approve(late, "within the limit", CONTROLLERS[CLOSING][0])
        await until(lambda: _posted(invoicing, set()), "the late invoice in the ledger")
        late = await invoicing.release_of(work.WAITING)
        _say(f"{late.invoice_number} is posted on {late.posting_date}: {late.posting_moved}.")
        await _recognise(firm, invoicing)


async def _recognise(firm: Firm, invoicing: Invoicing) -> list[Recognition]:
    """For every entity, until all have ended or wait for a person."""
    period_end = work.month_ends(firm)
    asked = await asyncio.gather(*(invoicing.recognise(one.code, period_end, FINANCE) for one in firm.entities))
    ids = {one for found in asked for one in found}

    async def ended() -> list[Recognition] | None:
        found = [one for one in await invoicing.recognitions() if one.id in ids and one.state in ENDED]
        return found if len(found) == len(ids) else None

    return await until(ended, f"{len(ids)} recognitions")


async def _told(told: Surroundings, firm: Firm, invoicing: Invoicing) -> Told:
    """What Syncline itself says at the end; what was rehearsed is told apart."""
    end = work.month_ends(firm) + _DAY
    return Told(
        releases=await _released(invoicing),
        recognitions=tuple(one for one in await invoicing.recognitions() if one.mode != rehearsal.SHADOW),
        approved_values=await invoicing.approved_values(),
        tie_outs={one.code: await invoicing.tie_out(one.code, end) for one in firm.entities},
        rehearsed=await rehearsal.read_rehearsed(told, firm, invoicing),
    )


async def _released(invoicing: Invoicing) -> tuple[Release, ...]:
    """All but the rehearsals."""
    return tuple(one for one in await invoicing.releases() if one.mode != rehearsal.SHADOW)


async def _settled(invoicing: Invoicing, wanted: int) -> tuple[Release, ...] | None:
    found = await _released(invoicing)
    return found if len([one for one in found if one.state in SETTLED]) == wanted else None


async def _waits(invoicing: Invoicing, contract_number: str, kind: str = "standard") -> Release | None:
    found = (one for one in await invoicing.releases() if (one.contract_number, one.kind) == (contract_number, kind))
    return next((one for one in found if one.state == "waiting_for_approval"), None)


async def _agreed(invoicing: Invoicing, contract_number: str) -> Release | None:
    """The release once it is agreed to. Its late price is news from the PSA: it may be drafted, and asked for, anew."""
    release = await invoicing.release_of(contract_number)
    if release.state == "waiting_for_approval":
        for person in (PROJECT_OWNER, CFO):
            with contextlib.suppress(RuntimeError):  # nothing waits for that person, or not any more
                await invoicing.approve(release, "the work was agreed with the customer", person)
    return None if release.approved_at is None else release


async def _posted(invoicing: Invoicing, waiting: set[str]) -> bool | None:
    """Whether everything has ended but what waits on purpose."""
    busy = [one for one in await invoicing.releases() if one.ended_at is None and one.contract_number not in waiting]
    return None if busy else True


def _tell(releases: tuple[Release, ...]) -> None:
    for one in sorted(releases, key=lambda release: release.contract_number):
        gross = "" if one.gross is None else f"{one.gross.amount} {one.gross.currency}"
        _say(f"  {one.contract_number:<5} {one.invoice_number or '':<12} {gross:>14}  {one.state}")


def _say(text: str) -> None:
    print(text, flush=True)
