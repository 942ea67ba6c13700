"""What a run works with in the process tests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from process_apis.engine.runtime import Engine
from process_apis.operations.desk import Desk
from process_apis.operations.runs import Runs
from process_apis.project_onboarding.starting import PROCESS
from process_apis.running import Tools
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.settings import Secret, ServiceSettings
from servicekit.telemetry import Telemetry


def tools_of(
    database: Database, engine: Engine, runs: Runs[Any], desk: Desk, clock: SettableClock, process: str = PROCESS
) -> Tools:
    return Tools(
        process=process,
        database=database,
        engine=engine,
        runs=runs,
        cases=desk.cases,
        decisions=desk.decisions,
        approvals=desk.approvals,
        announcer=desk.announcer(f"/process/{process}"),
        telemetry=_telemetry(),
        clock=clock,
        auto_retry_after=timedelta(seconds=60),
    )


def _telemetry() -> Telemetry:
    return Telemetry(
        ServiceSettings(
            name="process-test",
            layer="process",
            port=1,
            issuer="http://issuer.example",
            audience="syncline-process",
            client_id="t",
            client_secret=Secret("t"),
            database_url=Secret("t"),
            schema="process",
            redis_url="redis://t",
        )
    )
