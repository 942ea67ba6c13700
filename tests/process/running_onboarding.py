"""How the process tests talk about runs: start one, wait for what becomes of it, decide as people would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from platforms import NOW, Platforms

from canonical.effective import DateRange
from canonical.envelope import Event
from canonical.events import OpportunityWon
from canonical.money import Money, Rate
from canonical.people import Employment, Worker, WorkTerms
from canonical.sales import Address, Contract, ContractLine, Customer, Opportunity, PlannedRole
from canonical.work import ExceptionCase, ExceptionDecision, Onboarding
from process_apis.operations.desk import Desk
from process_apis.operations.runs import Runs
from process_apis.operations.waking import Waker
from process_apis.project_onboarding.starting import Starter
from servicekit.auth import Caller
from servicekit.clock import SettableClock
from servicekit.ids import mint

PATIENCE_S = 20.0
CALLER = Caller(subject="usr_ops", client_id="console", scopes=frozenset(), actor="olga@firm.example")
DIRECTOR = Caller(subject="usr_dir", client_id="console", scopes=frozenset(), actor="dana@firm.example")


class RunningOnboarding:
    """Starts runs, waits for what becomes of them, and decides as people would."""

    def __init__(self, platforms: Platforms, desk: Desk, runs: Runs[Onboarding], clock: SettableClock) -> None:
        self.platforms = platforms
        self.desk = desk
        self.runs = runs
        self.clock = clock
        self.starter: Starter
        self.waker: Waker

    def won(self, **changes: Any) -> str:
        """A won deal of our own; `contract_` in front of a name changes the contract. Returns the opportunity's id."""
        customer = _customer()
        of_contract = {name.removeprefix("contract_"): changes.pop(name) for name in [*changes] if "contract_" in name}
        contract = msgspec.structs.replace(_contract(customer.id), **of_contract)
        opportunity = msgspec.structs.replace(_opportunity(customer.id, contract), **changes)
        self.platforms.customers[customer.id] = customer
        self.platforms.contracts[contract.id] = contract
        self.platforms.opportunities[opportunity.id] = opportunity
        return opportunity.id

    def event_of(self, won: Opportunity) -> Event:
        """The event that tells of a win."""
        data = OpportunityWon(
            opportunity_id=won.id,
            customer_id=won.customer_id,
            contract_id=won.contract_id,
            kind=won.kind,
            value=won.value,
            won_at=won.won_at or NOW,
        )
        return Event(
            id=mint("evt"),
            source="/system/crm",
            type="syncline.opportunity-won.v1",
            subject=won.id,
            time=NOW,
            legalentity=won.legal_entity_code,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )

    async def start(self, opportunity_id: str) -> str:
        return await self.starter.on_request(opportunity_id, "pia@partner.example")

    async def until(self, run_id: str, *states: str) -> Onboarding:
        """The run once it is in one of the states; fails after a while of waiting."""

        async def reached() -> Onboarding | None:
            run = await self.runs.of_run(run_id)
            return run if run.state in states else None

        return await eventually(reached, f"{run_id} to become {' or '.join(states)}")

    async def open_case(self, run_id: str) -> ExceptionCase:
        async def found() -> ExceptionCase | None:
            cases = await self.desk.cases.many(open_only=True, run_id=run_id)
            return next((case for case in cases if case.status == "open"), None)

        return await eventually(found, f"an exception of {run_id}")

    async def decide(self, run_id: str, decision: str, **more: Any) -> None:
        await self.decide_on(await self.open_case(run_id), decision, **more)

    async def decide_on(self, case: ExceptionCase, decision: str, **more: Any) -> None:
        chosen = ExceptionDecision(decision=decision, reason="as agreed by phone", **more)
        await self.desk.decisions.decide(case, chosen, CALLER)


async def eventually(found: Callable[[], Awaitable[Any]], what: str) -> Any:
    """What `found` returns once it returns anything, asked again and again."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            value = await found()
            if value is not None:
                return value
            await asyncio.sleep(0.02)  # the engine works in threads of its own; there is nothing to await
    raise AssertionError(f"waited in vain for {what}")


def _customer() -> Customer:
    return Customer(
        id=mint("cus"),
        name="Alpenstrom AG",
        number="C2001",
        address=Address(country="DE"),
        billing_email="ap@alpenstrom.example",
        updated_at=NOW,
    )


def _contract(customer_id: str) -> Contract:
    identity = mint("ctr")
    value = Money.of(87000, "EUR")
    role = PlannedRole(
        key="R1",
        role="Engineer",
        skills=("python",),
        hours=600,
        start_date=date(2026, 12, 1),
        end_date=date(2027, 6, 1),
        bill_rate=Rate(amount="145", currency="EUR"),
    )
    return Contract(
        id=identity,
        number=identity[-12:].upper(),
        customer_id=customer_id,
        amends_contract_id=None,
        status="signed",
        signed_date=date(2026, 11, 20),
        legal_entity_code="DE01",
        cost_centre_code="CC-D10",
        currency="EUR",
        start_date=date(2026, 12, 1),
        end_date=date(2027, 6, 1),
        total_value=value,
        lines=(ContractLine(key="L1", description="Work", method="time_and_materials", amount=value),),
        roles=(role,),
        tax_treatment="standard",
        payment_terms="30 DAYS",
        planned_margin_percent=35,
        updated_at=NOW,
    )


def _opportunity(customer_id: str, contract: Contract) -> Opportunity:
    return Opportunity(
        id=mint("opp"),
        name="Plant analytics",
        customer_id=customer_id,
        contract_id=contract.id,
        status="won",
        kind="new",
        value=contract.total_value,
        close_date=date(2026, 11, 23),
        won_at=datetime(2026, 11, 23, 8, tzinfo=UTC),
        legal_entity_code="DE01",
        owner_email="sal@firm.example",
        updated_at=NOW,
    )


def worker(number: str, skills: tuple[str, ...]) -> Worker:
    terms = WorkTerms(
        effective=DateRange(from_date=date(2020, 1, 1)),
        recorded_at=NOW,
        legal_entity_code="DE01",
        cost_centre_code="CC-D10",
        location="Berlin",
        time_zone="Europe/Berlin",
        job_profile="Engineer",
        grade="G4",
        weekly_hours=40,
        manager_worker_number=None,
    )
    employment = Employment(
        number=number,
        kind="employee",
        hire_date=date(2020, 1, 1),
        original_hire_date=date(2020, 1, 1),
        termination_date=None,
    )
    return Worker(
        id=mint("wrk"),
        person_id=mint("per"),
        name=number,
        email=None,
        employment=employment,
        terms=(terms,),
        skills=skills,
        updated_at=NOW,
    )
