"""The tie-out shows each figure beside the ledger's, differences included, and survives whoever is away."""

from datetime import date, timedelta
from typing import Any, cast

import invoicing_facts as facts
import pytest
from invoicing_facts import NINE, eur

from canonical.money import Money
from experience_api.processes import Processes
from experience_api.sections import Sections
from experience_api.tie_out.screen import TieOutPage, TieOutScreen
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

END = date(2026, 12, 1)


@pytest.fixture
def screen(processes: Any, views: Database, still_clock: SettableClock) -> TieOutScreen:
    return TieOutScreen(cast("Processes", processes), Sections(views, still_clock), still_clock)


def _statuses(shown: TieOutPage) -> list[str]:
    parts = (shown.figures, shown.accounts, shown.contract_balances, shown.approved_values)
    return [part.freshness.status for part in parts]


async def test_the_five_figures_are_shown(screen: TieOutScreen, processes: Any) -> None:
    """In the entity's currency; what is approved in each contract's, and never added."""
    figures = (await screen.show("DE01", END)).figures.figures
    assert figures is not None
    assert ("EUR", eur(290), eur(290), eur(290), eur(0)) == (
        *(figures.base_currency, figures.billed, figures.posted),
        *(figures.recognised, figures.collected),
    )
    assert ((eur(290), Money.of(80, "USD")), NINE) == (figures.approved, figures.read_at)
    assert ["tie_out DE01 2026-12-01", "approved_values DE01"] == processes.asked


async def test_each_account_has_its_difference(screen: TieOutScreen) -> None:
    """As the process reckoned it: a cent is shown as a cent, and then the page does not tie out."""
    shown = (await screen.show("DE01", END)).accounts
    assert [("receivable", "345.10", "345.11", "0.01"), ("revenue", "-290.00", "-290.00", "0.00")] == [
        (one.account_role, one.syncline.amount, one.ledger.amount, one.difference.amount)
        for one in shown.accounts or ()
    ]
    assert shown.ties_out is False


async def test_balances_and_approved_values_are_shown_by_contract(screen: TieOutScreen) -> None:
    """Each with its identity, whose difference is the process's too."""
    shown = await screen.show("DE01", END)
    assert facts.tie_out().contracts == shown.contract_balances.contracts
    assert (facts.approved_value(),) == shown.approved_values.contracts
    assert ["fresh"] * 4 == _statuses(shown)
    assert ("DE01", END, NINE) == (shown.legal_entity_code, shown.period_end, shown.as_of)
    sources = (shown.accounts.freshness.source, shown.approved_values.freshness.source)
    assert ("revenue-recognition", "invoice-release") == sources


async def test_an_entity_without_books_is_missing(screen: TieOutScreen) -> None:
    """Where the process says that there are none, no empty page is shown."""
    with pytest.raises(Failure, match="no books are kept of a legal entity ZZ99") as caught:
        await screen.show("ZZ99", END)
    assert Kind.MISSING is caught.value.kind


@pytest.mark.parametrize(
    ("down", "statuses"),
    [
        ({"tie_out"}, ["unavailable"] * 3 + ["fresh"]),
        ({"approved_values"}, ["fresh"] * 3 + ["unavailable"]),
        ({"tie_out", "approved_values"}, ["unavailable"] * 4),
    ],
)
async def test_a_failing_process_never_breaks_the_page(
    screen: TieOutScreen, processes: Any, down: set[str], statuses: list[str]
) -> None:
    """What was not read neither ties out nor does not."""
    processes.down = down
    shown = await screen.show("DE01", END)
    assert statuses == _statuses(shown)
    if "tie_out" in down:
        assert [None] * 4 == [
            *(shown.figures.figures, shown.accounts.ties_out, shown.accounts.accounts),
            shown.contract_balances.contracts,
        ]


async def test_a_page_seen_before_is_shown_from_its_copies(
    screen: TieOutScreen, processes: Any, still_clock: SettableClock
) -> None:
    """Stale, as of then, and of that period alone."""
    before = await screen.show("DE01", END)
    still_clock.advance(timedelta(minutes=10))
    processes.down = {"tie_out", "approved_values"}
    after = await screen.show("DE01", END)
    assert (["stale"] * 4, NINE) == (_statuses(after), after.figures.freshness.as_of)
    assert (before.figures.figures, before.accounts.accounts) == (after.figures.figures, after.accounts.accounts)
    another = await screen.show("DE01", date(2026, 11, 1))
    assert ["unavailable"] * 3 + ["stale"] == _statuses(another)
