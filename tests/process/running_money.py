"""How the tests of the money processes talk: agree a contract, enter work, release, decide, recognise, look."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import uuid4

import msgspec
from firm import NOW, Firm
from running_onboarding import eventually
from sqlalchemy import text

from canonical.billing import BillingSchedule
from canonical.delivery import Milestone, Project
from canonical.effective import DateRange
from canonical.entries import Expense, RecognisedRevenue, TimeEntry
from canonical.money import Money, Rate
from canonical.recognition import NewRecognition, Recognition
from canonical.releases import NewCredit, NewRelease, Release
from canonical.sales import Address, Contract, ContractLine, ContractMilestone, Customer, PlannedRole
from canonical.work import ApprovalDecision, ExceptionCase, ExceptionDecision
from servicekit.auth import Caller
from servicekit.clock import SettableClock
from servicekit.ids import mint

OWNER = Caller(subject="u1", client_id="console", scopes=frozenset(), actor="olga.owner@firm.example")
APPROVER = Caller(subject="u2", client_id="console", scopes=frozenset(), actor="anna.approver@firm.example")
CLERK = Caller(subject="u3", client_id="console", scopes=frozenset(), actor="carl.clerk@firm.example")
MANAGER = "mia.manager@firm.example"  # approves time
CUT_OFF = date(2027, 1, 1)


def gbp(amount: str | int) -> Money:
    return Money.of(amount, "GBP")


class RunningMoney:
    """Both processes on one engine over one firm. `release` and `revenue` hold each process's parts by name."""

    def __init__(self, firm: Firm, clock: SettableClock, release: dict[str, Any], revenue: dict[str, Any]) -> None:
        self.firm = firm
        self.clock = clock
        self.release = release
        self.revenue = revenue

    @property
    def desk(self) -> Any:
        return self.release["desk"]

    def agreed(self, method: str = "time_and_materials", amount: int = 50000, **changes: Any) -> Contract:
        """A contract with its customer, project and schedule; what is given replaces its parts."""
        customer = Customer(
            id=mint("cus"),
            name="Thames Insurance plc",
            number="C2008",
            address=Address(country="GB"),
            billing_email="ap@thames.example",
            updated_at=NOW,
        )
        contract = _contract(customer.id, method, amount, changes)
        self.firm.customers[customer.id] = customer
        self.firm.contracts[contract.id] = contract
        project = _project(contract, customer)
        self.firm.projects[project.id] = project
        self.firm.schedules[project.number] = _schedule(contract, project)
        self.firm.milestones[project.id] = [_milestone(project, one) for one in contract.milestones]
        return contract

    def project_of(self, contract: Contract) -> Project:
        return next(one for one in self.firm.projects.values() if one.contract_id == contract.id)

    def worked(self, contract: Contract, hours: str, day: date = date(2026, 12, 7), **changes: Any) -> TimeEntry:
        """An approved entry at the agreed rate."""
        entry = TimeEntry(
            id=mint("ten"),
            version=uuid4().hex[:16],
            project_id=self.project_of(contract).id,
            task_id=None,
            resource_id=f"res_{'1' * 32}",
            role="Engineer",
            work_date=day,
            hours=hours,
            billable_hours=hours,
            kind="billable",
            bill_rate=Rate(amount="120", currency=contract.currency),
            narrative="",
            status="approved",
            approved_by=MANAGER,
            approved_at=NOW,
            billing_state="unbilled",
            updated_at=NOW,
        )
        self.firm.entries[entry.id] = msgspec.structs.replace(entry, **changes)
        return self.firm.entries[entry.id]

    def spent(self, contract: Contract, amount: str, day: date = date(2026, 12, 8), **changes: Any) -> Expense:
        """An approved, billable expense."""
        money = Money.of(amount, contract.currency)
        expense = Expense(
            id=mint("xpn"),
            version=uuid4().hex[:16],
            project_id=self.project_of(contract).id,
            resource_id=f"res_{'1' * 32}",
            category="Travel",
            spend_date=day,
            amount=money,
            spent=money,
            billable=True,
            reimbursable=True,
            narrative="",
            status="approved",
            approved_by=MANAGER,
            approved_at=NOW,
            billing_state="unbilled",
            updated_at=NOW,
        )
        self.firm.expenses[expense.id] = msgspec.structs.replace(expense, **changes)
        return self.firm.expenses[expense.id]

    def entered_in_psa(self, contract: Contract, first: date, end: date, amount: str, currency: str = "") -> None:
        """Finance recognises revenue of a period in the PSA."""
        record = RecognisedRevenue(
            id=mint("rrv"),
            project_id=self.project_of(contract).id,
            period=DateRange(from_date=first, to_date=end),
            amount=Money.of(amount, currency or contract.currency),
            updated_at=NOW,
        )
        self.firm.recognised.append(record)

    def recognised_in_ledger(
        self, contract: Contract, document: str, day: date, amount: str, against: str = "unbilled_receivable"
    ) -> None:
        """The ERP recognises revenue by itself, in the entity's own currency, with the project as a dimension."""
        value, project = gbp(amount), self.project_of(contract).number
        self.firm.post(contract.legal_entity_code, document, day, {against: value, "revenue": -value}, project)

    async def start(self, contract: Contract, cut_off: date = CUT_OFF, document_date: date | None = None) -> str:
        new = NewRelease(contract_id=contract.id, cut_off=cut_off, document_date=document_date)
        return str(await self.release["starter"].on_request(new, CLERK.actor))

    async def credit(self, run_id: str, **asked: Any) -> str:
        release = await self.of(run_id)
        new = NewCredit(reason="the customer was right", **asked)
        return str(await self.release["starter"].credit(release, new, CLERK.actor))

    async def of(self, run_id: str) -> Release:
        found: Release = await self.release["releases"].of_run(run_id)
        return found

    async def until(self, run_id: str, *states: str) -> Release:
        """The release once its run is in one of the states."""

        async def reached() -> Release | None:
            found = await self.of(run_id)
            return found if found.state in states else None

        found: Release = await eventually(reached, f"{run_id} to become {' or '.join(states)}")
        return found

    async def approve(self, run_id: str, decision: str = "approve") -> None:
        """The owner reviews, the approver approves, whichever is asked; waits until somebody is."""

        async def asked() -> Any:
            pending = [one for one in await self.desk.approvals.of_run(run_id) if one.status == "pending"]
            return pending or None

        for approval in await eventually(asked, f"{run_id} to ask"):
            caller = OWNER if approval.required_role == "project-owner" else APPROVER
            chosen = ApprovalDecision(decision=decision, reason="looks right to me")
            await self.desk.approvals.decide(approval.id, chosen, caller)

    async def redrafted(self, run_id: str, drafts: int) -> None:
        """Until the release has been drafted that often, and asks for it."""

        async def again() -> Any:
            statement = text("select drafts from release where run_id = :run_id")
            async with self.release["database"].begin() as session:
                made = (await session.execute(statement, {"run_id": run_id})).scalar_one()
            pending = [one for one in await self.desk.approvals.of_run(run_id) if one.status == "pending"]
            return (made, pending) if made >= drafts and pending and f":{drafts - 1}" in pending[0].subject else None

        await eventually(again, f"{run_id} to be drafted {drafts} times")

    async def started_after(self, first: Release) -> Release:
        """The rebill that follows the credit of a release, once it asks."""

        async def found() -> Release | None:
            releases = await self.release["releases"].many({"contract_id": first.contract_id}, None, 10)
            return next((one for one in releases if one.kind == "rebill" and one.state == "waiting_for_approval"), None)

        release: Release = await eventually(found, "a rebill")
        return release

    async def posted(self, contract: Contract, cut_off: date = CUT_OFF) -> Release:
        """Released, agreed to, issued and posted."""
        run_id = await self.start(contract, cut_off)
        await self.until(run_id, "waiting_for_approval")
        await self.approve(run_id)
        return await self.until(run_id, "posted")

    async def open_case(self, run_id: str) -> ExceptionCase:
        async def found() -> ExceptionCase | None:
            cases = await self.desk.cases.many(open_only=True, run_id=run_id)
            return next((case for case in cases if case.status == "open" and case.blocking), None)

        case: ExceptionCase = await eventually(found, f"an exception of {run_id}")
        return case

    async def notices(self, run_id: str) -> dict[str, ExceptionCase]:
        """The exceptions that hold nothing up, by code."""
        return {one.code: one for one in await self.desk.cases.many(open_only=True, run_id=run_id) if not one.blocking}

    async def decide(self, run_id: str, decision: str) -> None:
        chosen = ExceptionDecision(decision=decision, reason="as agreed by phone")
        await self.desk.decisions.decide(await self.open_case(run_id), chosen, CLERK)

    async def recognised(self, contract: Contract, period_end: date) -> Recognition:
        """The recognition of the contract and period, once it has ended or waits for a person."""
        wanted = NewRecognition(contract_id=contract.id, period_end=period_end)
        return await self.ended(await self.revenue["starter"].on_request(wanted, CLERK.actor))

    async def ended(self, run_id: str, *more: str) -> Recognition:
        """The recognition of a run, once it is in one of the states."""
        states = more or ("recognised", "nothing_to_post", "shadowed", "in_exception")

        async def reached() -> Recognition | None:
            found: Recognition = await self.revenue["recognitions"].of_run(run_id)
            return found if found.state in states else None

        found: Recognition = await eventually(reached, f"{run_id} to end")
        return found

    async def balance(self, contract: Contract) -> Any:
        (found,) = await self.revenue["tying_out"].contract_balances(contract.id, None)
        return found

    async def approved_value(self, contract: Contract) -> Any:
        (found,) = await self.release["viewing"].approved_values(contract.id, None)
        return found


def _contract(customer_id: str, method: str, amount: int, changes: dict[str, Any]) -> Contract:
    identity, currency = mint("ctr"), changes.pop("currency", "GBP")
    value = Money.of(amount, currency)
    role = PlannedRole(
        key="R1",
        role="Engineer",
        skills=("python",),
        hours=changes.pop("planned_hours", 400),
        start_date=date(2026, 12, 1),
        end_date=date(2027, 6, 1),
        bill_rate=Rate(amount="120", currency=currency),
    )
    milestones = changes.pop("milestones", ())
    contract = Contract(
        id=identity,
        number=identity[-10:].upper(),
        customer_id=customer_id,
        amends_contract_id=None,
        status="signed",
        signed_date=date(2026, 11, 20),
        legal_entity_code="GB01",
        cost_centre_code="CC-G10",
        currency=currency,
        start_date=date(2026, 12, 1),
        end_date=date(2027, 6, 1),
        total_value=value,
        lines=(ContractLine(key="1", description="Services", method=method, amount=value),),
        milestones=tuple(
            ContractMilestone(key=key, title=title, amount=Money.of(part, currency), due_date=due)
            for key, title, part, due in milestones
        ),
        roles=(role,),
        tax_treatment="standard",
        payment_terms="30 DAYS",
        updated_at=NOW,
    )
    return msgspec.structs.replace(contract, **changes)


def _project(contract: Contract, customer: Customer) -> Project:
    return Project(
        id=mint("prj"),
        number=f"P-{contract.number}",
        name="Claims automation",
        opportunity_id=None,
        contract_id=contract.id,
        contract_number=contract.number,
        customer_id=customer.id,
        legal_entity_code=contract.legal_entity_code,
        currency=contract.currency,
        status="open_for_time",
        start_date=contract.start_date,
        end_date=contract.end_date,
        budget=contract.total_value,
        updated_at=NOW,
    )


def _schedule(contract: Contract, project: Project) -> BillingSchedule:
    return BillingSchedule(
        id=mint("sch"),
        project_id=project.id,
        contract_id=contract.id,
        billing_account_id=f"bac_{'2' * 32}",
        legal_entity_code=contract.legal_entity_code,
        currency=contract.currency,
        method=contract.lines[0].method,
        total=contract.total_value,
        status="active",
        items=(),
        updated_at=NOW,
    )


def _milestone(project: Project, agreed: ContractMilestone) -> Milestone:
    return Milestone(
        id=mint("mil"),
        project_id=project.id,
        title=agreed.title,
        due_date=agreed.due_date,
        amount=agreed.amount,
        completed=False,
        accepted=False,
    )
