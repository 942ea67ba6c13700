"""A run that is taken up again goes on where it was left: what was done is told, and only one execution writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from platforms import NOW
from run_tools import tools_of
from running_onboarding import CALLER, eventually
from sqlalchemy import text

from canonical.money import Money
from canonical.work import ExceptionDecision
from process_apis.engine.runtime import Engine, EngineSettings, superseded
from process_apis.operations.desk import Desk
from process_apis.operations.forgetting import Forgetting
from process_apis.operations.history import HistoryError
from process_apis.operations.runs import Claim, Launch, RunChange
from process_apis.project_onboarding.onboardings import onboardings
from process_apis.project_onboarding.starting import PROCESS
from process_apis.running import Run, Tools
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

ENGINE = EngineSettings(schema="engine_history", retries=0, slot_idle_s=600)
FEE = Money.of("1200.00", "EUR")


class Steps:
    """The steps of a made-up process; what was done is written down. One waits, or is refused, while it is told to."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.reached = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.refused = False

    async def first(self) -> Money:
        self.done.append("first")
        return FEE

    async def second(self, fee: Money) -> Money:
        self.done.append("second")
        self.reached.set()
        await self.may_go_on.wait()
        if self.refused:
            raise Failure(Kind.INVALID, "no such project", code="project_missing")
        return fee

    async def third(self) -> None:
        self.done.append("third")


class Life:
    """One life of the process."""

    def __init__(self, database: Database, steps: Steps) -> None:
        clock = SettableClock(NOW)
        self.desk = Desk(database, (), clock)
        self.engine = Engine(PROCESS, database.url, ENGINE)
        self.tools: Tools = tools_of(database, self.engine, onboardings(database, clock), self.desk, clock)
        self.steps = steps
        self.workflow = self.engine.workflow(PROCESS, self._workflow)

    async def _workflow(self, request: Mapping[str, Any]) -> None:
        await self.carried_out(msgspec.convert(request, Launch))

    async def carried_out(self, launch: Launch) -> Money:
        """The workflow: three steps, and the end."""
        run = Run(launch, self.tools)
        fee = await run.attempt(self.steps.second, await run.attempt(self.steps.first))
        await run.note("third", self.steps.third)
        await run.note("activated", run.change, RunChange(state="activated"))
        return fee


@pytest.fixture
async def database(process_database: str) -> AsyncIterator[Database]:
    database = Database(process_database, "process")
    yield database
    await database.close()


async def launched(life: Life) -> Launch:
    """A run that is claimed."""
    opportunity = mint("opp")
    claim = Claim(
        business_key=opportunity,
        trigger="won",
        name="Made up",
        legal_entity_code="DE01",
        actor="a",
        trace_parent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        correlation_id="c",
        arose_at=NOW,
    )
    run_id = await life.tools.runs.claim(claim)
    (launch,) = await life.tools.runs.unlaunched(run_id)
    return launch


async def people_see(database: Database, run_id: str) -> list[tuple[str, str, int]]:
    async with database.connect() as session:
        rows = await session.execute(
            text("select name, state, attempts from step where run_id = :run_id order by place"), {"run_id": run_id}
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


async def test_an_execution_that_follows_does_only_what_is_left(database: Database) -> None:
    """What was done is told in its own type; the step that was under way is done again."""
    life = Life(database, Steps())
    launch = await launched(life)
    left = asyncio.create_task(life.carried_out(launch))
    await life.steps.reached.wait()
    left.cancel()
    await asyncio.gather(left, return_exceptions=True)
    life.steps.may_go_on.set()
    assert FEE == await life.carried_out(launch)
    assert ["first", "second", "second", "third"] == life.steps.done
    assert FEE == await life.carried_out(launch)
    assert ["first", "second", "second", "third"] == life.steps.done
    assert [("first", "done", 1), ("second", "done", 2)] == await people_see(database, launch.run_id)


async def test_an_execution_that_was_overtaken_writes_and_does_nothing_more(database: Database) -> None:
    """A worker that was frozen wakes up when another one has done its work: it rests, and people see the other's."""
    frozen, awake = Life(database, Steps()), Life(database, Steps())
    launch = await launched(frozen)
    asleep = asyncio.create_task(frozen.carried_out(launch))
    await frozen.steps.reached.wait()
    awake.steps.may_go_on.set()
    await awake.carried_out(launch)
    frozen.steps.may_go_on.set()
    with pytest.raises(type(superseded(launch.run_id))):
        await asleep
    assert (["first", "second"], ["second", "third"]) == (frozen.steps.done, awake.steps.done)
    assert [("first", "done", 1), ("second", "done", 2)] == await people_see(database, launch.run_id)
    assert "activated" == (await awake.tools.runs.of_run(launch.run_id)).state


async def test_what_an_ended_run_has_done_is_forgotten_after_a_month(database: Database) -> None:
    """Not before, and not while it is open; what people see of it stays."""
    life = Life(database, Steps())
    ended, still_open = await launched(life), await launched(life)
    life.steps.may_go_on.set()
    await life.carried_out(ended)
    await Run(still_open, life.tools).attempt(life.steps.first)
    for days, kept in ((30, 4), (31, 0)):
        await Forgetting(database, SettableClock(NOW + timedelta(days=days))).forget()
        assert [kept, 1] == [await _done(database, one.run_id) for one in (ended, still_open)]
    assert [("first", "done", 1), ("second", "done", 1)] == await people_see(database, ended.run_id)
    with pytest.raises(HistoryError, match="is forgotten"):  # by an engine that was away when the run ended
        await life.carried_out(ended)
    assert ["first", "second", "third", "first"] == life.steps.done


async def _done(database: Database, run_id: str) -> int:
    async with database.connect() as session:
        found = await session.execute(text("select count(*) from history where run_id = :id"), {"id": run_id})
        return int(found.scalar_one())


async def test_a_run_whose_workflow_has_changed_under_it_is_not_carried_on(database: Database) -> None:
    """Its history would be told to the wrong steps: a changed order needs another version of the workflow."""
    life = Life(database, Steps())
    launch = await launched(life)
    life.steps.may_go_on.set()
    await life.carried_out(launch)
    run = Run(launch, life.tools)
    with pytest.raises(HistoryError, match="step 1 was first, and is third now"):
        await run.note("third", life.steps.third)


async def test_a_run_that_was_parked_goes_on_in_the_next_life_of_its_process(database: Database) -> None:
    """What a step was refused for is history as well; the decision is, and the step is done again after it."""
    first = Life(database, Steps())
    launch = await launched(first)
    first.steps.may_go_on.set()
    first.steps.refused = True
    async with asyncio.timeout(60):
        await first.engine.launch()
        await first.engine.start(launch.run_id, first.workflow, msgspec.to_builtins(launch))
        case = await eventually(lambda: _case(first, launch.run_id), "an exception")
        await first.engine.stop()
        second = Life(database, Steps())
        second.steps.may_go_on.set()
        await second.engine.launch()
        chosen = ExceptionDecision(decision="retry", reason="the project is there now")
        await second.desk.decisions.decide(case, chosen, CALLER)
        await second.engine.wake(launch.run_id, "decided")
        await eventually(lambda: _ended(second, launch.run_id), "the end")
        await second.engine.stop()
    assert ("project_missing", ["first", "second"], ["second", "third"]) == (
        *(case.code, first.steps.done),
        second.steps.done,
    )
    assert [("first", "done", 1), ("second", "done", 2)] == await people_see(database, launch.run_id)


async def _case(life: Life, run_id: str) -> Any:
    return next(iter(await life.desk.cases.many(open_only=True, run_id=run_id)), None)


async def _ended(life: Life, run_id: str) -> bool | None:
    return True if (await life.tools.runs.of_run(run_id)).state == "activated" else None
