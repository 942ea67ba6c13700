"""One invoice's page tells the whole chain, from the work to the ledger, and survives whoever is away."""

from datetime import timedelta
from typing import Any, cast

import invoicing_facts as facts
import msgspec
import pytest
from invoicing_facts import CREDIT, HEX, INVOICE, NINE, RELEASE, RUN, TRACE, eur

from canonical.envelope import Event
from canonical.work import StepRecord
from experience_api.hops import EventView
from experience_api.invoice_page.screen import InvoicePage, InvoiceScreen
from experience_api.processes import Processes
from experience_api.sections import Sections
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

EVERYTHING = {"release", "lineage", "releases_of", "exceptions_of"}


@pytest.fixture
def screen(processes: Any, views: Database, still_clock: SettableClock) -> InvoiceScreen:
    """The page of a firm with one invoice of two hours and its credit note."""
    posted = facts.release(draft=facts.draft(facts.source(2), facts.source(1)), steps=(_step("issue", 5, "billing"),))
    processes.releases = {RELEASE: posted, CREDIT: facts.credit()}
    return _screen(processes, views, still_clock)


def _screen(processes: Any, database: Database, clock: SettableClock) -> InvoiceScreen:
    return InvoiceScreen(cast("Processes", processes), Sections(database, clock), EventView(database), clock)


def _step(name: str, minute: int, system: str | None = None) -> StepRecord:
    at = NINE + timedelta(minutes=minute)
    return StepRecord(
        name=name, state="done", system=system, attempts=1, started_at=at, ended_at=at, detail=None, trace_id=TRACE
    )


def _event(name: str, minute: int, subject: str, **data: str) -> Event:
    return Event(
        id=f"{name}-{subject}",
        source="/process/test",
        type=f"syncline.{name}.v1",
        subject=subject,
        time=NINE + timedelta(minutes=minute),
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


def _statuses(shown: InvoicePage) -> list[str]:
    parts = (shown.invoice, shown.ledger, shown.corrections, shown.chain, shown.exceptions)
    return [part.freshness.status for part in parts]


async def test_the_invoice_is_shown_down_to_entry_and_approver(screen: InvoiceScreen) -> None:
    """Its three states, numbers, dates, and for each line the work, its rate and who approved it."""
    release = (await screen.show(RELEASE)).invoice.release
    assert release is not None
    assert ("issued", "posted", "open") == (release.document_state, release.posting_state, release.payment_state)
    assert ("NWA-DE-0001", "SI-1001", TRACE) == (release.invoice_number, release.document_number, release.trace_id)
    assert release.draft is not None
    (line,) = release.draft.lines
    assert ("145.00", eur(290)) == (line.unit_price, line.amount)
    assert [("ten_" + "2" * 32, "petra@firm.example"), ("ten_" + "1" * 32, "petra@firm.example")] == [
        (one.item_id, one.approved_by) for one in line.sources
    ]


async def test_steps_are_told_once(screen: InvoiceScreen) -> None:
    """As hops of the chain, not beside it."""
    shown = await screen.show(RELEASE)
    assert ((), ["issue"]) == (
        shown.invoice.release and shown.invoice.release.steps,
        [hop.name for hop in shown.chain.hops if hop.kind == "step"],
    )


async def test_the_ledger_lines_are_shown_with_their_rate(screen: InvoiceScreen) -> None:
    """As they stand in the ERP, with the rate at posting and its date."""
    ledger = (await screen.show(RELEASE)).ledger
    assert [("1", "1400", eur("345.10")), ("2", "1490", eur(-290)), ("3", "3806", eur("-55.10"))] == [
        (one.entry_number, one.account_number, one.amount) for one in ledger.entries or ()
    ]
    assert ("1", facts.DAY) == (ledger.rate, ledger.rate_date)


async def test_corrections_are_linked_both_ways(screen: InvoiceScreen, processes: Any) -> None:
    """The invoice names what corrected it, oldest first; each of them names the invoice."""
    rebill = "rel_" + "e" * 32
    processes.releases[rebill] = facts.credit(id=rebill, kind="rebill", started_at=NINE + timedelta(hours=2))
    processes.releases["other"] = facts.release(id="rel_" + "9" * 32)
    processes.releases = dict(reversed(processes.releases.items()))
    invoice, credit = (await screen.show(RELEASE)).corrections, (await screen.show(CREDIT)).corrections
    assert invoice.corrects is None
    assert [(CREDIT, "credit"), (rebill, "rebill")] == [
        (one.release_id, one.kind) for one in invoice.corrected_by or ()
    ]
    assert (RELEASE, ()) == (credit.corrects and credit.corrects.release_id, credit.corrected_by)


async def test_the_chain_is_told_in_the_order_of_time(screen: InvoiceScreen, views: Database) -> None:
    """Approvals of the work with the person, then steps and events of the invoice; not those of others."""
    view = EventView(views)
    for event in (
        _event("invoice-posted", 9, RELEASE, release_id=RELEASE, invoice_id=INVOICE),
        _event("invoice-approved", 3, RELEASE, release_id=RELEASE),
        _event("invoice-issued", 6, INVOICE, invoice_id=INVOICE),
        _event("exception-raised", 7, f"exc_{HEX}", run_id=RUN),
        _event("invoice-issued", 4, "inv_" + "8" * 32, invoice_id="inv_" + "8" * 32),
    ):
        await view.keep(event)
    hops = (await screen.show(RELEASE)).chain.hops
    assert [
        (-2, "approval", "ten_" + "2" * 32, "petra@firm.example"),
        (-1, "approval", "ten_" + "1" * 32, "petra@firm.example"),
        (3, "event", "syncline.invoice-approved.v1", None),
        (5, "step", "issue", None),
        (6, "event", "syncline.invoice-issued.v1", None),
        (7, "event", "syncline.exception-raised.v1", None),
        (9, "event", "syncline.invoice-posted.v1", None),
    ] == [((hop.at - NINE) // timedelta(minutes=1), hop.kind, hop.name, hop.by) for hop in hops]


async def test_work_is_a_hop_once_and_only_when_approved(screen: InvoiceScreen, processes: Any) -> None:
    """A piece of work on two lines was approved once; an amount by date was approved by nobody."""
    due = facts.source(3, kind="schedule", approved_by=None, approved_at=None)
    drafted = facts.draft(facts.source(1), due)
    twice = msgspec.structs.replace(drafted, lines=drafted.lines * 2)
    processes.releases[RELEASE] = facts.release(draft=twice)
    assert ["ten_" + "1" * 32] == [hop.name for hop in (await screen.show(RELEASE)).chain.hops]


async def test_an_invoice_without_a_draft_has_no_work_yet(screen: InvoiceScreen, processes: Any) -> None:
    """A run that has only begun is a page too."""
    processes.releases[RELEASE] = facts.release(state="running", invoice_id=None)
    shown = await screen.show(RELEASE)
    assert ((), "running") == (shown.chain.hops, shown.invoice.release and shown.invoice.release.state)


async def test_an_invoice_that_nobody_knows_is_missing(screen: InvoiceScreen, processes: Any) -> None:
    """Where the process answers and knows nothing, nothing else is asked."""
    with pytest.raises(Failure, match="there is no invoice") as caught:
        await screen.show("rel_" + "0" * 32)
    assert Kind.MISSING is caught.value.kind
    assert ["release"] == processes.asked


@pytest.mark.parametrize(
    ("down", "statuses"),
    [
        ({"lineage"}, ["fresh", "unavailable", "fresh", "fresh", "fresh"]),
        ({"releases_of"}, ["fresh", "fresh", "unavailable", "fresh", "fresh"]),
        ({"exceptions_of"}, ["fresh", "fresh", "fresh", "fresh", "unavailable"]),
        ({"release"}, ["unavailable", "fresh", "unavailable", "unavailable", "unavailable"]),
    ],
)
async def test_a_failing_process_never_breaks_the_page(
    screen: InvoiceScreen, processes: Any, down: set[str], statuses: list[str]
) -> None:
    """Its section is unavailable and empty; without the invoice nothing can be asked that hangs on it."""
    processes.down = down
    shown = await screen.show(RELEASE)
    assert statuses == _statuses(shown)
    told = (shown.invoice.release, shown.ledger.entries, shown.corrections.corrected_by, shown.exceptions.exceptions)
    wanted = [status == "unavailable" for status in (*statuses[:3], statuses[4])]
    assert wanted == [part is None for part in told]


async def test_a_page_seen_before_is_shown_from_its_copies(
    screen: InvoiceScreen, processes: Any, still_clock: SettableClock
) -> None:
    """Everything is away: the page of ten minutes ago, and says so."""
    before = await screen.show(RELEASE)
    still_clock.advance(timedelta(minutes=10))
    processes.down = EVERYTHING
    after = await screen.show(RELEASE)
    assert ["stale"] * 5 == _statuses(after)
    assert (before.invoice.release, before.chain.hops) == (after.invoice.release, after.chain.hops)
    assert (before.ledger.entries, before.corrections.corrected_by) == (
        after.ledger.entries,
        after.corrections.corrected_by,
    )
    assert (NINE, NINE + timedelta(minutes=10)) == (after.ledger.freshness.as_of, after.as_of)


async def test_events_are_told_while_the_invoice_is_not_known(
    screen: InvoiceScreen, processes: Any, views: Database
) -> None:
    """The view is our own: what it holds of the invoice is shown whoever is away."""
    await EventView(views).keep(_event("invoice-approved", 3, RELEASE, release_id=RELEASE))
    processes.down = EVERYTHING
    assert ["syncline.invoice-approved.v1"] == [hop.name for hop in (await screen.show(RELEASE)).chain.hops]


async def test_a_database_that_is_down_takes_no_page_with_it(
    processes: Any, no_database: Database, still_clock: SettableClock
) -> None:
    """What the processes say is shown; of the chain, all but the events."""
    processes.releases = {RELEASE: facts.release(draft=facts.draft(facts.source(1)))}
    shown = await _screen(processes, no_database, still_clock).show(RELEASE)
    assert ["fresh", "fresh", "fresh", "unavailable", "fresh"] == _statuses(shown)
    assert ["ten_" + "1" * 32] == [hop.name for hop in shown.chain.hops]
