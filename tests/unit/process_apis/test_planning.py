"""The plan: pure, complete before the first write, and the same for the same contract."""

from datetime import date
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from sold import CONTRACT, CUSTOMER, END, HEX, ROLE, START, deal, line, milestone

from canonical.billing import ScheduleItem
from canonical.delivery import NewProject, NewTask
from canonical.money import Money, Rate
from canonical.sales import Contract, Retainer, TaxRegistration
from process_apis.project_onboarding.planning import Plan, plan, project_number, schedule_items

RETAINER = Retainer(kind="prepaid_draw_down", period="P1M", amount=Money.of(14500, "EUR"))


def contract(**changes: Any) -> Contract:
    return replace(CONTRACT, **changes)


def planned(**changes: Any) -> Plan:
    sold = deal(**changes)
    assert sold.contract is not None
    return plan(sold, sold.contract)


def test_a_project_is_numbered_by_entity_and_contract() -> None:
    """PSA and ERP agree on it: the same contract always has the same number."""
    assert "P-DE01-K-2026-17" == project_number(CONTRACT)
    assert "P-DE01-K-2026-17" == planned().project.number


def test_a_project_number_fits_the_erp() -> None:
    """Twenty characters at most; long numbers that begin alike are still two projects with numbers that stay."""
    assert "P-DE01-ABCDEFGHIJKLM" == project_number(contract(number="ABCDEFGHIJKLM"))
    assert "P-DE01-ABCD-EF823EC2" == project_number(contract(number="ABCDEFGHIJKLMNOPQ"))
    assert "P-DE01-ABCD-0878EEB6" == project_number(contract(number="ABCDEFGHIJKLMNOPR"))
    told = msgspec.json.encode(planned().project)
    assert planned().project == msgspec.json.decode(told, type=NewProject)


@pytest.mark.parametrize("method", ["time_and_materials", "capped_time_and_materials"])
def test_work_by_the_hour_is_billed_as_worked(method: str) -> None:
    """One item per priced role, at its rate."""
    other = replace(ROLE, key="R2", role="Tester", bill_rate=Rate(amount="110", currency="EUR"))
    wanted = (
        ScheduleItem(key="R1", title="Engineer", due_rule="as_worked", rate=Rate(amount="145", currency="EUR")),
        ScheduleItem(key="R2", title="Tester", due_rule="as_worked", rate=Rate(amount="110", currency="EUR")),
    )
    assert wanted == schedule_items(contract(lines=(line(method, 87000),), roles=(ROLE, other)))


@pytest.mark.parametrize(("bill_on", "rule"), [("acceptance", "on_acceptance"), ("completion", "on_completion")])
def test_a_milestone_is_billed_by_its_result(bill_on: str, rule: str) -> None:
    """On the customer's acceptance, or on completion where that was agreed."""
    sold = contract(lines=(line("milestone", 87000),), milestones=(milestone("M1", 87000, bill_on=bill_on),))
    wanted = ScheduleItem(
        key="M1", title="Part M1", due_rule=rule, amount=Money.of(87000, "EUR"), due_date=date(2027, 3, 31)
    )
    assert (wanted,) == schedule_items(sold)


def test_a_fixed_fee_is_billed_on_its_days() -> None:
    """By the calendar, whatever was accepted."""
    parts = (milestone("M1", 30000), milestone("M2", 57000, due_date=date(2027, 5, 31)))
    items = schedule_items(contract(lines=(line("fixed_fee", 87000),), milestones=parts))
    wanted = [("M1", "on_date", "30000.00", date(2027, 3, 31)), ("M2", "on_date", "57000.00", date(2027, 5, 31))]
    assert wanted == [(item.key, item.due_rule, item.amount and item.amount.amount, item.due_date) for item in items]


@pytest.mark.parametrize("method", ["prepaid_retainer", "fixed_availability"])
def test_a_retainer_is_billed_each_period(method: str) -> None:
    """One item with the period's amount, named as the line is."""
    wanted = ScheduleItem(
        key="L1", title="Line L1", due_rule="each_period", amount=Money.of(14500, "EUR"), period="P1M"
    )
    assert (wanted,) == schedule_items(contract(lines=(line(method, 87000),), retainer=RETAINER))


def test_each_line_is_billed_by_its_own_method() -> None:
    """A contract may have milestones, hours and a retainer side by side."""
    lines = (line("milestone", 60000), line("time_and_materials", 20000, "L2"), line("prepaid_retainer", 7000, "L3"))
    sold = contract(lines=lines, milestones=(milestone("M1", 60000),), retainer=RETAINER)
    wanted = [("M1", "on_acceptance"), ("R1", "as_worked"), ("L3", "each_period")]
    assert wanted == [(item.key, item.due_rule) for item in schedule_items(sold)]


@pytest.mark.parametrize(
    ("methods", "keys"),
    [
        (("milestone", "milestone"), ["M1", "M2"]),
        (("fixed_fee", "milestone"), ["M1", "M2"]),
        (("time_and_materials", "capped_time_and_materials"), ["R1"]),
    ],
)
def test_what_several_lines_share_is_billed_once(methods: tuple[str, str], keys: list[str]) -> None:
    """Milestones and roles belong to the contract, not to a line: two lines do not bill them twice."""
    lines = tuple(line(method, 43500, f"L{place}") for place, method in enumerate(methods, 1))
    sold = contract(lines=lines, milestones=(milestone("M1", 40000), milestone("M2", 47000)))
    assert keys == [item.key for item in schedule_items(sold)]


def test_there_is_a_task_per_role_and_one_for_coordination() -> None:
    """Time is booked on what was sold; coordination is nobody's to pay. Two plans of one role share its task."""
    roles = (ROLE, replace(ROLE, key="R2", role="Tester"), replace(ROLE, key="R3"))
    wanted = [("Engineer", True), ("Tester", True), ("Coordination", False)]
    tasks = planned(roles=roles).tasks
    assert wanted == [(task.title, task.billable) for task in tasks]
    assert {(START, END)} == {(task.start_date, task.end_date) for task in tasks}


def test_a_contract_without_roles_has_a_task_all_the_same() -> None:
    """There is always something to book on."""
    wanted = (
        NewTask(title="Delivery", billable=True, start_date=START, end_date=END),
        NewTask(title="Coordination", billable=False, start_date=START, end_date=END),
    )
    assert wanted == planned(roles=()).tasks


def test_milestones_and_requests_are_the_contracts() -> None:
    """As agreed: title, day and amount; role, skills, hours, days and rate."""
    made = planned(lines=(line("milestone", 87000),), milestones=(milestone("M1", 87000),))
    assert [("Part M1", date(2027, 3, 31), Money.of(87000, "EUR"))] == [
        (one.title, one.due_date, one.amount) for one in made.milestones
    ]
    assert [("Engineer", ("python",), 600, START, END, ROLE.bill_rate)] == [
        (one.role, one.skills, one.hours, one.start_date, one.end_date, one.bill_rate) for one in made.requests
    ]


def test_the_project_is_the_contracts() -> None:
    """Entity, currency, days and budget come from what was signed, its name from the deal."""
    project = planned().project
    wanted = ("Plant analytics", f"opp_{HEX}", f"ctr_{HEX}", "K-2026-17", f"cus_{HEX}", "DE01", "EUR", START, END)
    names = ("name", "opportunity_id", "contract_id", "contract_number", "customer_id", "legal_entity_code")
    assert wanted == tuple(getattr(project, name) for name in (*names, "currency", "start_date", "end_date"))
    assert Money.of(87000, "EUR") == project.budget


def test_the_accounts_are_of_entity_and_currency() -> None:
    """One receivables account and one billing account for the customer; the tax id is of the customer's country."""
    registrations = (TaxRegistration(country="IT", id="IT00743110157"), *CUSTOMER.tax_registrations)
    made = planned(customer_tax_registrations=registrations)
    ledger, payer = made.customer_account, made.billing_account
    assert ("C2001", "DE01", "EUR", "AT", "ATU13585627", "30 DAYS") == (
        *(ledger.customer_number, ledger.legal_entity_code, ledger.currency, ledger.country),
        *(ledger.tax_registration_id, ledger.payment_terms_code),
    )
    assert (CUSTOMER.id, "DE01", "EUR", "ap@alpenstrom.example", "AT") == (
        *(payer.customer_id, payer.legal_entity_code, payer.currency),
        *(payer.email, payer.country),
    )


def test_a_customer_without_a_tax_id_of_its_country_has_none() -> None:
    """Another country's registration is not taken for it."""
    told = (TaxRegistration(country="IT", id="IT00743110157"),)
    assert None is planned(customer_tax_registrations=told).customer_account.tax_registration_id


def test_the_same_deal_has_the_same_plan() -> None:
    """Shadow mode shows exactly what automatic mode would write."""
    assert msgspec.json.encode(planned()) == msgspec.json.encode(planned())
    assert ("time_and_materials", "CC-D10", Money.of(87000, "EUR")) == (
        planned().method,
        planned().shell.cost_centre_code,
        planned().total,
    )
