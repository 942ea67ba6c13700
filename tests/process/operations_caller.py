"""The operations API in-process, and what processes bring before the people who use it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from api_callers import person, token

from canonical.money import Money
from process_apis.operations.approvals import Wanted
from process_apis.operations.cases import Problem
from process_apis.operations.desk import Desk
from process_apis.operations.runs import Claim, Runs
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.ids import mint

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
READ = token("operations.exceptions.read")
AUDIT = token("operations.audit.read")
OLGA = person("olga@firm.example", "operations.exceptions.read", "operations.exceptions.write")
DANA = person("dana@firm.example", "operations.approvals.read", "operations.approvals.decide")
BINDER = person("ivan@firm.example", "operations.bindings.read", "operations.bindings.write")


class Operations:
    """The running API, and what processes bring before it."""

    def __init__(self, http: httpx.AsyncClient, database: Database, clock: SettableClock) -> None:
        self.http = http
        self.clock = clock
        self._database = database
        self._desk = Desk(database, (), clock)
        self._runs = Runs(database, "rehearsal", clock, "onboarding", lambda run: run)

    async def run(self) -> str:
        """A run of a process that no engine works on."""
        claim = Claim(
            business_key=mint("opp"),
            trigger="test",
            name="Plant analytics",
            value=Money.of(87000, "EUR"),
            legal_entity_code="DE01",
            actor="syncline",
            trace_parent="",
            correlation_id="",
            arose_at=self.clock.now(),
        )
        return await self._runs.claim(claim)

    async def case(self, run_id: str = "", *, step: str = "check_contract", blocking: bool = True) -> dict[str, Any]:
        """An open exception, as the API shows it."""
        problem = Problem(
            run_id=run_id or await self.run(),
            process="rehearsal",
            step=step,
            failure_class="business",
            code="unknown_cost_centre",
            detail="DE01 has no cost centre CC-X",
            findings=(),
            blocking=blocking,
            legal_entity_code="DE01",
            value=Money.of(87000, "EUR"),
            refs={},
        )
        async with self._database.begin() as session:
            raised = await self._desk.cases.raise_case(session, problem)
        return (await self.http.get(f"/v1/exceptions/{raised.id}", headers=READ)).json()

    async def approval(self, *, amount: int = 250000, requested_by: str = "sal@firm.example") -> dict[str, Any]:
        """Something that waits for a delivery director."""
        wanted = Wanted(
            process="rehearsal",
            run_id=await self.run(),
            subject="delivery-director:0",
            required_role="delivery-director",
            because=("the contract is worth 200,000 or more",),
            legal_entity_code="DE01",
            value=Money.of(amount, "EUR"),
            requested_by=requested_by,
            within=timedelta(hours=40),
        )
        async with self._database.begin() as session:
            await self._desk.approvals.request(session, wanted)
        (asked,) = await self._desk.approvals.of_run(wanted.run_id)
        return (await self.http.get(f"/v1/approvals/{asked.id}", headers=DANA)).json()

    async def decide(self, path: str, body: dict[str, Any], headers: dict[str, str], key: str = "") -> httpx.Response:
        keyed = {**headers, "Idempotency-Key": key or uuid4().hex}
        return await self.http.post(f"/v1/{path}/decisions", json=body, headers=keyed)

    async def audited(self, subject: str) -> list[tuple[str, str, str, str]]:
        """What the audit trail tells of a subject: actor, client, action and reason."""
        found = await self.http.get("/v1/audit-records", params={"subject": subject}, headers=AUDIT)
        return [(one["actor"], one["client_id"], one["action"], one["reason"]) for one in found.json()["items"]]


def told(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    assert "application/problem+json" == answer.headers["content-type"]
    return answer.status_code, answer.json()["code"]
