"""The invoicing screen shows what the processes say, by currency, and survives whoever is away."""

from datetime import timedelta
from typing import Any, cast

import invoicing_facts as facts
import pytest
from invoicing_facts import HEX, NINE, RELEASE, eur

from canonical.money import Money
from canonical.work import ExceptionCase
from experience_api.invoicing.screen import Invoicing, InvoicingScreen
from experience_api.processes import Processes
from experience_api.sections import Sections
from servicekit.clock import SettableClock
from servicekit.database import Database


@pytest.fixture
def screen(processes: Any, views: Database, still_clock: SettableClock) -> InvoicingScreen:
    return _screen(processes, views, still_clock)


def _screen(processes: Any, database: Database, clock: SettableClock) -> InvoicingScreen:
    return InvoicingScreen(cast("Processes", processes), Sections(database, clock), clock)


def _case(number: int, process: str = "invoice-release", entity: str | None = "DE01", **refs: str) -> ExceptionCase:
    return ExceptionCase(
        id="exc_" + f"{number}" * 32,
        exception_class="business",
        code="period_closed",
        title="The accounting period is closed",
        detail="November is closed",
        process=process,
        run_id="r",
        step="post",
        blocking=True,
        legal_entity_code=entity,
        owner_team="general-ledger",
        assignee=None,
        priority="high",
        value_at_stake=eur(290),
        raised_at=NINE,
        due_at=NINE,
        resolved_at=None,
        status="open",
        findings=(),
        suggested_fix="Post in the next open period.",
        refs=refs,
        comments=(),
        updated_at=NINE,
    )


def _statuses(shown: Invoicing) -> list[str]:
    parts = (shown.unbilled, shown.invoices, shown.waiting, shown.posting_failures, shown.exceptions)
    return [part.freshness.status for part in parts]


async def test_unbilled_value_is_shown_by_due_state_and_age(screen: InvoicingScreen) -> None:
    """By contract as the process says it, and together by currency: ages from young to old, none left out."""
    shown = (await screen.show(None)).unbilled
    assert facts.statistics().unbilled == shown.contracts
    assert [("EUR", eur(105), eur(0), eur(20), eur(0)), ("USD", *(Money.of(n, "USD") for n in (70, 0, 0, 0)))] == [
        (one.currency, one.due, one.not_due, one.held, one.above_cap) for one in shown.totals or ()
    ]
    assert [
        [("7", "45.00"), ("30", "0.00"), ("60", "0.00"), ("older", "80.00")],
        [("7", "0.00"), ("30", "70.00"), ("60", "0.00"), ("older", "0.00")],
    ] == [[(aged.age, aged.amount.amount) for aged in one.ages] for one in shown.totals or ()]


async def test_an_age_that_is_new_is_shown_last(screen: InvoicingScreen, processes: Any) -> None:
    """The process may come to tell more ages: nothing is dropped from a total."""
    said = facts.ReleaseStatistics(
        releases=(),
        unbilled=(facts.unbilled(1, "EUR", 9, ancient=9),),
        waiting=(),
        posting_failures=(),
        as_of=NINE,
    )

    async def answer(_entity: str | None) -> facts.ReleaseStatistics:
        return said

    processes.release_statistics = answer
    totals = (await screen.show(None)).unbilled.totals or ()
    assert ["7", "30", "60", "older", "ancient"] == [aged.age for aged in totals[0].ages]


async def test_invoices_are_counted_by_their_three_states(screen: InvoicingScreen) -> None:
    """Document, posting and payment, with net value by currency."""
    shown = await screen.show(None)
    assert [("issued", "posted", "open", 2, (eur(290), Money.of(80, "USD")))] == [
        (one.document_state, one.posting_state, one.payment_state, one.count, one.net)
        for one in shown.invoices.invoices or ()
    ]


async def test_what_waits_says_for_whom_and_of_which_invoice(screen: InvoicingScreen) -> None:
    """The role that is asked, until when, and the customer's name and reference to know it by."""
    (line,) = (await screen.show(None)).waiting.approvals or ()
    assert ("finance-director", NINE + timedelta(days=1)) == (line.approval.required_role, line.approval.due_at)
    assert line.invoice is not None
    assert (RELEASE, "INV-DE01-0001", "Acme GmbH") == (
        *(line.invoice.release_id, line.invoice.reference),
        line.invoice.customer_name,
    )


async def test_what_waits_is_shown_though_its_invoice_cannot_be_read(screen: InvoicingScreen, processes: Any) -> None:
    """The approval is known without it; an invoice of before is not put beside an approval of now."""
    await screen.show(None)
    processes.down = {"waiting_releases"}
    shown = await screen.show(None)
    assert [(f"apr_{HEX}", None)] == [(one.approval.approval_id, one.invoice) for one in shown.waiting.approvals or ()]
    assert "fresh" == shown.waiting.freshness.status


async def test_posting_failures_name_the_invoice(screen: InvoicingScreen) -> None:
    """Its number, its state in the ledger and its value."""
    shown = await screen.show(None)
    assert [("NWA-DE-0001", "failed", eur("345.10"))] == [
        (one.invoice_number, one.posting_state, one.gross) for one in shown.posting_failures.invoices or ()
    ]


async def test_exceptions_of_invoices_have_owner_fix_and_invoice(screen: InvoicingScreen, processes: Any) -> None:
    """Those of invoicing alone."""
    processes.cases = (_case(1, release_id=RELEASE), _case(2, process="project-onboarding"), _case(3, entity=None))
    shown = await screen.show(None)
    assert [("1", RELEASE, "DE01"), ("3", None, None)] == [
        (one.id[-1], one.release_id, one.legal_entity_code) for one in shown.exceptions.exceptions or ()
    ]
    assert [("general-ledger", "Post in the next open period.", eur(290))] * 2 == [
        (one.owner_team, one.suggested_fix, one.value_at_stake) for one in shown.exceptions.exceptions or ()
    ]


async def test_one_legal_entity_is_shown_alone(screen: InvoicingScreen, processes: Any) -> None:
    """The processes are asked for it, and exceptions of others or of none are left out."""
    processes.cases = (_case(1), _case(2, entity="US01"), _case(3, entity=None))
    shown = await screen.show("DE01")
    assert ["release_statistics DE01", "waiting_releases DE01", "open_exceptions"] == processes.asked
    assert ["1"] == [one.id[-1] for one in shown.exceptions.exceptions or ()]
    assert "DE01" == shown.legal_entity_code


async def test_everything_is_fresh_and_says_who_told_it(screen: InvoicingScreen) -> None:
    """As of now."""
    shown = await screen.show(None)
    assert ["fresh"] * 5 == _statuses(shown)
    assert ("invoice-release", "operations") == (shown.unbilled.freshness.source, shown.exceptions.freshness.source)
    assert NINE == shown.as_of


@pytest.mark.parametrize(
    ("down", "statuses"),
    [
        ({"release_statistics"}, ["unavailable"] * 4 + ["fresh"]),
        ({"open_exceptions"}, ["fresh"] * 4 + ["unavailable"]),
        ({"release_statistics", "waiting_releases", "open_exceptions"}, ["unavailable"] * 5),
    ],
)
async def test_a_failing_process_never_breaks_the_screen(
    screen: InvoicingScreen, processes: Any, down: set[str], statuses: list[str]
) -> None:
    """What cannot be said is said to be unavailable, and shows nothing rather than zero."""
    processes.down = down
    shown = await screen.show(None)
    assert statuses == _statuses(shown)
    if "release_statistics" in down:
        assert [None] * 5 == [
            *(shown.unbilled.totals, shown.unbilled.contracts, shown.invoices.invoices),
            *(shown.waiting.approvals, shown.posting_failures.invoices),
        ]


async def test_a_screen_seen_before_is_shown_from_its_copies(
    screen: InvoicingScreen, processes: Any, still_clock: SettableClock
) -> None:
    """Stale, as of then; of each legal entity its own."""
    before = await screen.show("DE01")
    still_clock.advance(timedelta(minutes=10))
    processes.down = {"release_statistics", "waiting_releases", "open_exceptions"}
    after = await screen.show("DE01")
    assert ["stale"] * 5 == _statuses(after)
    assert (before.unbilled.totals, before.waiting.approvals) == (after.unbilled.totals, after.waiting.approvals)
    assert NINE == after.unbilled.freshness.as_of
    assert ["unavailable"] * 5 == _statuses(await screen.show("US01"))
    assert ["unavailable"] * 5 == _statuses(await screen.show(None))


async def test_a_database_that_is_down_takes_no_screen_with_it(
    processes: Any, no_database: Database, still_clock: SettableClock
) -> None:
    """What the processes say is shown all the same."""
    assert ["fresh"] * 5 == _statuses(await _screen(processes, no_database, still_clock).show(None))
