"""Screens are composed of what the processes say; a process that fails takes its section with it, never the page."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import invoicing_facts as facts
import msgspec
import pytest

from canonical.envelope import Event
from canonical.money import Money
from canonical.work import ExceptionCase, Onboarding, OnboardingRefs, StepRecord
from experience_api.hops import EventView
from experience_api.overview.screen import OverviewScreen
from experience_api.processes import Processes
from experience_api.project_page.screen import ProjectScreen
from experience_api.sections import Sections
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HEX = "01933b5e8f7a7c3e9d2b4f6a8c0e1d2f"
PROJECT, DEAL = f"prj_{HEX}", f"opp_{HEX}"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def overview(processes: Any, views: Database, still_clock: SettableClock) -> OverviewScreen:
    return OverviewScreen(cast("Processes", processes), Sections(views, still_clock), still_clock)


@pytest.fixture
def page(processes: Any, views: Database, still_clock: SettableClock, onboarding: Onboarding) -> ProjectScreen:
    """The page of a firm with one project."""
    processes.runs[PROJECT] = onboarding
    return _page(processes, views, still_clock)


def _page(processes: Any, database: Database, clock: SettableClock) -> ProjectScreen:
    sections = Sections(database, clock)
    return ProjectScreen(cast("Processes", processes), sections, EventView(database), clock)


def _step(name: str, minute: int, system: str | None = None) -> StepRecord:
    at = NINE + timedelta(minutes=minute)
    return StepRecord(
        name=name, state="done", system=system, attempts=1, started_at=at, ended_at=at, detail=None, trace_id=TRACE
    )


def _event(name: str, minute: int, **data: str) -> Event:
    return Event(
        id=name,
        source="/system/crm/test",
        type=f"syncline.{name}.v1",
        subject=DEAL,
        time=NINE + timedelta(minutes=minute),
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


def _case() -> ExceptionCase:
    return ExceptionCase(
        id=f"exc_{HEX}",
        exception_class="business",
        code="unknown_cost_centre",
        title="The cost centre does not exist for the entity",
        detail="DE01 has no cost centre CC-X",
        process="project-onboarding",
        run_id="r",
        step="check_contract",
        blocking=True,
        legal_entity_code="DE01",
        owner_team="finance-master-data",
        assignee=None,
        priority="high",
        value_at_stake=Money.of(87000, "EUR"),
        raised_at=NINE,
        due_at=NINE,
        resolved_at=None,
        status="open",
        findings=(),
        suggested_fix="Open the cost centre in the ERP.",
        refs={},
        comments=(),
        updated_at=NINE,
    )


async def test_the_overview_shows_what_the_processes_count(overview: OverviewScreen) -> None:
    """Onboardings by state with value by currency, exceptions by owner, cycle time; everything fresh."""
    shown = await overview.show()
    assert shown.onboardings.states is not None
    assert [("activated", 3, (Money.of(87000, "EUR"), Money.of(5, "USD")))] == [
        (state.state, state.count, state.value) for state in shown.onboardings.states
    ]
    assert ["tax"] == [owner.owner_team for owner in shown.exceptions.owners or ()]
    assert (3, 120.0) == ((cycle := shown.set_up_cycle_time.cycle_time) and cycle.activated, cycle and cycle.p50_s)
    parts = (shown.onboardings, shown.exceptions, shown.set_up_cycle_time)
    assert ["fresh"] * 3 == [part.freshness.status for part in parts]
    assert ["project-onboarding", "operations", "project-onboarding"] == [part.freshness.source for part in parts]
    assert NINE == shown.as_of


@pytest.mark.parametrize(
    ("down", "statuses"),
    [
        ({"onboarding_statistics"}, ["unavailable", "fresh", "unavailable"]),
        ({"exception_statistics"}, ["fresh", "unavailable", "fresh"]),
        ({"onboarding_statistics", "exception_statistics"}, ["unavailable"] * 3),
    ],
)
async def test_a_failing_process_never_breaks_the_overview(
    overview: OverviewScreen, processes: Any, down: set[str], statuses: list[str]
) -> None:
    """What cannot be said is said to be unavailable; the rest is there."""
    processes.down = down
    shown = await overview.show()
    parts = (shown.onboardings, shown.exceptions, shown.set_up_cycle_time)
    assert statuses == [part.freshness.status for part in parts]
    if "onboarding_statistics" in down:
        assert (None, None, None) == (
            *(shown.onboardings.states, shown.set_up_cycle_time.cycle_time),
            shown.set_up_cycle_time.period_from,
        )


async def test_an_overview_seen_before_is_shown_from_its_copies(
    overview: OverviewScreen, processes: Any, still_clock: SettableClock
) -> None:
    """Stale, as of then, under a page that is as of now."""
    before = await overview.show()
    still_clock.advance(timedelta(minutes=10))
    processes.down = {"onboarding_statistics", "exception_statistics"}
    after = await overview.show()
    assert (before.onboardings.states, before.exceptions.owners) == (after.onboardings.states, after.exceptions.owners)
    told = [("stale", NINE)] * 3
    parts = (after.onboardings, after.exceptions, after.set_up_cycle_time)
    assert told == [(part.freshness.status, part.freshness.as_of) for part in parts]
    assert NINE + timedelta(minutes=10) == after.as_of


async def test_the_project_page_tells_the_whole_story(page: ProjectScreen, processes: Any) -> None:
    """The run, each system, and what needed a person."""
    processes.cases = (_case(),)
    shown = await page.show(PROJECT)
    assert (PROJECT, "activated", "Plant analytics", Money.of(87000, "EUR"), TRACE) == (
        *(shown.project_id, shown.run.state, shown.run.name),
        *(shown.run.value, shown.run.trace_id),
    )
    assert [("psa", "open_for_time")] == [(one.system, one.state) for one in shown.systems.systems or ()]
    assert [(f"exc_{HEX}", "finance-master-data", "Open the cost centre in the ERP.")] == [
        (one.id, one.owner_team, one.suggested_fix) for one in shown.exceptions.exceptions or ()
    ]
    parts = (shown.run, shown.systems, shown.hops, shown.exceptions)
    assert ["fresh"] * 4 == [part.freshness.status for part in parts]


async def test_the_project_page_lists_its_invoices(page: ProjectScreen, processes: Any) -> None:
    """Those of its contract, with state, number and net."""
    processes.releases = {"one": facts.release(), "other": facts.release(contract_id="ctr_" + "9" * 32)}
    shown = (await page.show(PROJECT)).invoices
    assert [("posted", "NWA-DE-0001", Money.of(290, "EUR"))] == [
        (one.state, one.invoice_number, one.net) for one in shown.invoices or ()
    ]
    assert ("fresh", "invoice-release") == (shown.freshness.status, shown.freshness.source)


async def test_a_project_without_a_contract_has_no_invoices(
    page: ProjectScreen, processes: Any, onboarding: Onboarding
) -> None:
    """A run that has not found the contract yet has nothing to ask by."""
    processes.runs[PROJECT] = msgspec.structs.replace(onboarding, refs=OnboardingRefs(project_id=PROJECT))
    assert () == (await page.show(PROJECT)).invoices.invoices
    assert "releases_of" not in processes.asked


async def test_hops_are_told_in_the_order_of_time(
    page: ProjectScreen, processes: Any, views: Database, onboarding: Onboarding
) -> None:
    """Steps of the run and events of the project and of its deal, in one line of time; not those of others."""
    steps = (_step("read_deal", 1, "crm"), _step("create_project", 4, "psa"))
    processes.runs[PROJECT] = msgspec.structs.replace(onboarding, steps=steps)
    view = EventView(views)
    for event in (
        _event("project-activated", 5, project_id=PROJECT),
        _event("opportunity-won", 0, opportunity_id=DEAL),
        _event("project-approved", 3, opportunity_id=DEAL),
    ):
        await view.keep(event)
    await view.keep(msgspec.structs.replace(_event("employee-created", 2, worker_id="wrk_1"), subject="wrk_1"))
    shown = await page.show(PROJECT)
    wanted = [
        ("event", "syncline.opportunity-won.v1", "/system/crm/test"),
        ("step", "read_deal", "crm"),
        ("event", "syncline.project-approved.v1", "/system/crm/test"),
        ("step", "create_project", "psa"),
        ("event", "syncline.project-activated.v1", "/system/crm/test"),
    ]
    assert wanted == [(hop.kind, hop.name, hop.system) for hop in shown.hops.hops]
    assert [NINE + timedelta(minutes=minute) for minute in (0, 1, 3, 4, 5)] == [hop.at for hop in shown.hops.hops]


@pytest.mark.parametrize(
    ("down", "statuses"),
    [
        ("systems_of", ["fresh", "unavailable", "fresh", "fresh", "fresh"]),
        ("exceptions_of", ["fresh", "fresh", "fresh", "unavailable", "fresh"]),
        ("releases_of", ["fresh", "fresh", "fresh", "fresh", "unavailable"]),
        ("onboarding_of", ["unavailable"] * 5),
    ],
)
async def test_a_failing_process_never_breaks_the_page(
    page: ProjectScreen, processes: Any, down: str, statuses: list[str]
) -> None:
    """Its section is unavailable; without the run nothing can be asked that hangs on it."""
    processes.down = {down}
    shown = await page.show(PROJECT)
    parts = (shown.run, shown.systems, shown.hops, shown.exceptions, shown.invoices)
    assert statuses == [part.freshness.status for part in parts]


async def test_a_page_seen_before_is_shown_from_its_copies(
    page: ProjectScreen, processes: Any, still_clock: SettableClock
) -> None:
    """Everything is away: the page of ten minutes ago, and says so."""
    before = await page.show(PROJECT)
    still_clock.advance(timedelta(minutes=10))
    processes.down = {"onboarding_of", "systems_of", "exceptions_of", "releases_of"}
    after = await page.show(PROJECT)
    parts = (after.run, after.systems, after.hops, after.exceptions, after.invoices)
    assert [("stale", NINE)] * 5 == [(part.freshness.status, part.freshness.as_of) for part in parts]
    assert (before.run.state, before.systems.systems) == (after.run.state, after.systems.systems)


async def test_events_are_told_while_the_run_is_not_known(page: ProjectScreen, processes: Any, views: Database) -> None:
    """The view is our own: what it holds of the project is shown whoever is away."""
    await EventView(views).keep(_event("project-activated", 5, project_id=PROJECT))
    processes.down = {"onboarding_of"}
    shown = await page.show(PROJECT)
    assert ["syncline.project-activated.v1"] == [hop.name for hop in shown.hops.hops]


async def test_a_project_that_nobody_knows_is_missing(page: ProjectScreen, processes: Any) -> None:
    """Where the process answers and knows nothing, there is nothing; nothing else is asked then."""
    with pytest.raises(Failure, match="there is no project") as caught:
        await page.show("prj_" + "0" * 32)
    assert Kind.MISSING is caught.value.kind
    assert ["onboarding_of"] == processes.asked


async def test_a_database_that_is_down_takes_no_page_with_it(
    processes: Any, no_database: Database, still_clock: SettableClock, onboarding: Onboarding
) -> None:
    """What the processes say is shown; of the hops, those that the run itself tells."""
    processes.runs[PROJECT] = msgspec.structs.replace(onboarding, steps=(_step("read_deal", 1, "crm"),))
    shown = await _page(processes, no_database, still_clock).show(PROJECT)
    assert ["read_deal"] == [hop.name for hop in shown.hops.hops]
    parts = (shown.run, shown.systems, shown.hops, shown.exceptions)
    assert ["fresh", "fresh", "unavailable", "fresh"] == [part.freshness.status for part in parts]
