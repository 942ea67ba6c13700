"""A running project-onboarding: the real engine on real PostgreSQL, the platforms in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import msgspec
import psycopg
import pytest
from api_callers import TokenSaysAll, calling, process_service
from firm import NOW as FIRM_NOW
from firm import Firm, FirmBilling, FirmCrm, FirmHr, FirmPsa
from firm_books import ENTITIES, FirmErp
from msgspec.structs import replace
from operations_caller import NINE, Operations
from platforms import NOW, FakeBilling, FakeCrm, FakeErp, FakeHr, FakePsa, Platforms
from psycopg import sql
from run_tools import tools_of
from running_money import APPROVER, OWNER, RunningMoney
from running_onboarding import CALLER, DIRECTOR, RunningOnboarding, worker

from canonical.work import BindingChange
from process_apis.engine.runtime import Engine, EngineSettings
from process_apis.invoice_release.app import declared as invoice_release
from process_apis.operations.app import create_app
from process_apis.operations.approvals import Authority
from process_apis.operations.desk import Desk
from process_apis.operations.waking import Waker
from process_apis.project_onboarding.onboardings import onboardings
from process_apis.project_onboarding.reading import CAPABILITIES, Readings
from process_apis.project_onboarding.starting import PROCESS, Starter
from process_apis.project_onboarding.workflow import ProjectOnboarding
from process_apis.project_onboarding.writing import Writings
from process_apis.revenue_recognition.app import declared as revenue_recognition
from process_apis.rules.reading import read_rules
from process_apis.service import Process
from process_apis.settings import OperationsSettings
from process_apis.systems.connecting import Systems
from servicekit.answers import StoredAnswers
from servicekit.clock import SettableClock
from servicekit.database import Database, driver_url
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret

#: Retries without much ado. A machine that stands still for a while must not end the tests with their engine.
ENGINE = EngineSettings(schema="engine", retries=2, retry_first_s=0.05, slot_idle_s=600)


@pytest.fixture(scope="session")
def process_database(postgres_url: str, template_database: str) -> str:
    """A database for the process tests of this session, with the process layer's tables."""
    name = "process_tests"
    with psycopg.connect(driver_url(postgres_url), autocommit=True) as connection:
        create = sql.SQL("create database {} template {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template_database)))
    url = postgres_url.replace("/postgres?", f"/{name}?")
    migrate(url, "process", "process_apis:migrations")
    return url


@pytest.fixture(scope="module")
async def onboarding(process_database: str) -> AsyncIterator[RunningOnboarding]:
    """One engine for the module (the engine is one per process); every test has deals of its own."""
    clock, platforms = SettableClock(NOW), Platforms()
    database = Database(process_database, "process", pool_size=10)
    authority = Authority(
        actor=DIRECTOR.actor,
        role="delivery-director",
        currency="EUR",
        limit=Decimal(500000),
        legal_entity_codes=("DE01",),
    )
    desk, runs = Desk(database, (authority,), clock), onboardings(database, clock)
    engine = Engine(PROCESS, process_database, ENGINE)
    running = RunningOnboarding(platforms, desk, runs, clock)
    systems, tools = _systems(platforms), tools_of(database, engine, runs, desk, clock)
    process = ProjectOnboarding(tools, Readings(systems, desk.bindings, clock), Writings(systems), desk.rules)
    running.starter = Starter(runs, systems.crm, engine, engine.workflow(PROCESS, process.workflow))
    await engine.launch()
    running.waker = Waker(
        database, engine, PROCESS, clock, launch=running.starter.launch_claimed, fallen=desk.fallen, every_s=0.02
    )
    sweeping = asyncio.create_task(running.waker.run())
    for capability in CAPABILITIES:
        change = BindingChange(
            connection=f"{capability}-main", from_date=date(2026, 1, 1), mode="automatic", reason="set-up"
        )
        await desk.bindings.put("DE01", capability, change, CALLER)
    yield running
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    await engine.stop()
    await database.close()


@pytest.fixture
def platforms(onboarding: RunningOnboarding) -> Platforms:
    """The platforms, empty of what other tests did to them."""
    fresh = Platforms(workers=[worker("W1", ("python",)), worker("W2", ("erp-finance",))])
    for name in fresh.__dataclass_fields__:
        setattr(onboarding.platforms, name, getattr(fresh, name))
    return onboarding.platforms


@pytest.fixture(scope="module")
async def money(process_database: str) -> AsyncIterator[RunningMoney]:
    """Both money processes on one engine for the module; every test has contracts of its own.

    Revenue is calculated by Syncline in GB01, by the PSA in GB02, by the ledger in GB03.
    """
    clock, firm = SettableClock(FIRM_NOW), Firm()
    database = Database(process_database, "process", pool_size=16)
    limits = (("project-owner", OWNER.actor, 900000), ("invoice-approver", APPROVER.actor, 100000))
    said = read_rules()
    calculated_by = {**said.revenue.calculated_by, "GB02": "psa", "GB03": "erp"}
    rules = replace(said, revenue=replace(said.revenue, calculated_by=calculated_by))
    desk = Desk(database, tuple(_authority(role, actor, limit) for role, actor, limit in limits), clock, rules)
    engine = Engine("money", process_database, msgspec.structs.replace(ENGINE, schema="engine_money"))
    systems = SimpleNamespace(
        crm=FirmCrm(firm), psa=FirmPsa(firm), billing=FirmBilling(firm), erp=FirmErp(firm), hr=FirmHr(firm)
    )
    release = _parts(invoice_release(), database, engine, desk, systems, clock)
    revenue = _parts(revenue_recognition(), database, engine, desk, systems, clock)
    await engine.launch()
    sweeping = [asyncio.create_task(_waker(parts, clock).run()) for parts in (release, revenue)]
    for capability in ("psa", "hr", "billing", "erp"):
        change = BindingChange(
            connection=f"{capability}-main", from_date=date(2026, 1, 1), mode="automatic", reason="set-up"
        )
        for entity in ENTITIES:
            await desk.bindings.put(entity, capability, change, CALLER)
    yield RunningMoney(firm, clock, release, revenue)
    for task in sweeping:
        task.cancel()
    await asyncio.gather(*sweeping, return_exceptions=True)
    await engine.stop()
    await database.close()


@pytest.fixture
def firm(money: RunningMoney) -> Firm:
    """The firm, empty of what other tests did to it, on the morning of 30 December."""
    fresh = Firm()
    for name in fresh.__dataclass_fields__:
        setattr(money.firm, name, getattr(fresh, name))
    return money.firm


def _authority(role: str, actor: str, limit: int) -> Authority:
    return Authority(actor=actor, role=role, currency="GBP", limit=Decimal(limit), legal_entity_codes=ENTITIES)


def _parts(
    process: Process, database: Database, engine: Engine, desk: Desk, systems: object, clock: SettableClock
) -> dict[str, Any]:
    """What the service would make of the process, over a firm in memory and without its routes."""
    runs = process.runs(database, clock)
    tools = tools_of(database, engine, runs, desk, clock, process.name)
    state: dict[str, Any] = {"database": database, "desk": desk, "systems": systems, "engine": engine, "runs": runs}
    state |= {"tools": tools, "answers": StoredAnswers(database, clock, owner="test")}
    for name, make in process.parts.items():
        state[name] = make(cast("Any", state))
    return state


def _waker(parts: dict[str, Any], clock: SettableClock) -> Waker:
    tools = parts["tools"]
    return Waker(
        tools.database,
        tools.engine,
        tools.process,
        clock,
        launch=parts["starter"].launch_claimed,
        fallen=parts["desk"].fallen,
        every_s=0.02,
    )


@pytest.fixture(scope="module")
async def operations(postgres_url: str, template_database: str, redis_url: str) -> AsyncIterator[Operations]:
    """The operations API on a database of its own; its relay ends with the module."""
    name = f"operations_{uuid4().hex}"
    with psycopg.connect(driver_url(postgres_url), autocommit=True) as connection:
        create = sql.SQL("create database {} template {}")
        connection.execute(create.format(sql.Identifier(name), sql.Identifier(template_database)))
    url = postgres_url.replace("/postgres?", f"/{name}?")
    migrate(url, "process", "process_apis:migrations")
    authority = Authority(
        actor="dana@firm.example",
        role="delivery-director",
        currency="EUR",
        limit=Decimal(300000),
        legal_entity_codes=("DE01",),
    )
    settings = OperationsSettings(
        service=process_service("process-operations", url, redis_url),
        cursor_key=Secret("a key for cursors of thirty-two b"),
        authorities=(authority,),
    )
    clock, database = SettableClock(NINE), Database(url, "process")
    app = create_app(settings, clock=clock, verifier=TokenSaysAll(), limiter=Limiter(10_000, clock=clock))
    async with calling(app) as http:
        yield Operations(http, database, clock)
    await database.close()


def _systems(platforms: Platforms) -> Systems:
    return cast(
        "Systems",
        SimpleNamespace(
            crm=FakeCrm(platforms),
            psa=FakePsa(platforms),
            hr=FakeHr(platforms),
            billing=FakeBilling(platforms),
            erp=FakeErp(platforms),
        ),
    )
