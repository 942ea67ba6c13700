"""The six commands as a process of the house: started by an event, claimed, each command a write, the end noted down.

Everything is as in project-onboarding, but its business: starter, claim row, engine, records of run and steps, spans,
keys, and the client of the system layer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, cast

import msgspec
from targets import TRACE_RATIO
from workers import BODY, COMMANDS, Carry, Ended, Told

from canonical.delivery import Project
from canonical.envelope import Event
from canonical.events import OpportunityWon
from canonical.money import Money
from process_apis.engine.runtime import Engine, EngineSettings
from process_apis.operations.desk import Desk
from process_apis.operations.runs import Launch, RunChange
from process_apis.project_onboarding.onboardings import onboardings
from process_apis.project_onboarding.starting import PROCESS, Starter
from process_apis.running import Run, Tools
from servicekit.clock import SystemClock
from servicekit.database import Database
from servicekit.migrating import migrate_apart
from servicekit.settings import Secret, ServiceSettings
from servicekit.telemetry import Telemetry
from servicekit.upstream import Upstream

CLOCK = SystemClock()
POOL = 8
WON_AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
NEW_PROJECT = msgspec.Raw(BODY)


class SixCommands:
    """The process."""

    def __init__(self, tools: Tools, upstream: Upstream, ended: Ended) -> None:
        self._tools = tools
        self._upstream = upstream
        self._ended = ended

    async def workflow(self, request: Mapping[str, Any]) -> None:
        """Six writes in a row, and the end."""
        run = Run(msgspec.convert(request, Launch), self._tools)

        async def activated() -> None:
            await run.change(RunChange(state="activated"))

        for number in range(COMMANDS):
            await run.write(self.command, number, name=f"command:{number}", system="psa")
        await run.note("activated", activated)
        self._ended.tell(run.launch.business_key)

    async def command(self, number: int, key: str) -> Project:
        return await self._upstream.call("POST", f"/v1/commands/{number}", returns=Project, body=NEW_PROJECT, key=key)


@asynccontextmanager
async def ours(told: Told) -> AsyncIterator[Carry]:
    """The engine launched, and the starter of the process at hand."""
    migrate_apart(told.database_url, "process", "process_apis:migrations")
    database = Database(told.database_url, "process", pool_size=POOL)
    engine = Engine(PROCESS, told.database_url, EngineSettings(schema=told.engine_schema))
    ended, telemetry = Ended(), Telemetry(_settings(told))
    telemetry.activate()
    async with Upstream("psa", told.vendor) as upstream:
        process = SixCommands(_tools(database, engine, telemetry), upstream, ended)
        workflow = engine.workflow(PROCESS, process.workflow)
        starter = Starter(onboardings(database, CLOCK), cast("Any", None), engine, workflow)
        await engine.launch()

        async def carry(key: str) -> None:
            async with ended.waited_for(key):
                await starter.on_opportunity_won(_event(key))

        yield carry
        await engine.stop()
    await database.close()


def _tools(database: Database, engine: Engine, telemetry: Telemetry) -> Tools:
    desk = Desk(database, (), CLOCK)
    return Tools(
        process=PROCESS,
        database=database,
        engine=engine,
        runs=onboardings(database, CLOCK),
        cases=desk.cases,
        decisions=desk.decisions,
        approvals=desk.approvals,
        announcer=desk.announcer(f"/process/{PROCESS}"),
        telemetry=telemetry,
        clock=CLOCK,
    )


def _event(opportunity_id: str) -> Event:
    """A deal was won."""
    won = OpportunityWon(
        opportunity_id=opportunity_id,
        customer_id=f"cus_{4:032x}",
        contract_id=None,
        kind="new",
        value=Money(amount="184000.00", currency="EUR"),
        won_at=WON_AT,
    )
    return Event(
        id=opportunity_id,
        source="/system/crm",
        type="syncline.opportunity-won.v1",
        subject=opportunity_id,
        time=WON_AT,
        legalentity="DE01",
        data=msgspec.Raw(msgspec.json.encode(won)),
    )


def _settings(told: Told) -> ServiceSettings:
    """What the telemetry of a service asks for."""
    return ServiceSettings(
        name=f"process-{PROCESS}",
        layer="process",
        port=1,
        issuer=told.vendor,
        audience="syncline-process",
        client_id="none",
        client_secret=Secret("none"),
        database_url=Secret(told.database_url),
        schema="process",
        redis_url="redis://none",
        trace_ratio=TRACE_RATIO,
    )
