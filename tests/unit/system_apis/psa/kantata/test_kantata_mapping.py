"""Kantata's records and the canonical model, without a network."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.delivery import NewAssignment, NewMilestone, NewProject, NewResourceRequest
from canonical.money import Money, Rate
from servicekit.failures import Failure, Kind
from system_apis.psa.kantata import mapping
from system_apis.psa.kantata.records import BillingMilestoneRecord, Envelope, WorkspaceRecord

DAY = date(2026, 12, 1)
MADE = "2026-11-23T10:00:00-08:00"


def envelope_of(**maps: dict[str, Any]) -> Envelope:
    document = {"results": [], **{kind: {row["id"]: row for row in rows.values()} for kind, rows in maps.items()}}
    return msgspec.convert(document, Envelope)


def workspace(**changes: Any) -> dict[str, Any]:
    record = {
        "id": "10",
        "title": "P-100 Grid data platform",
        "currency": "EUR",
        "currency_base_unit": 100,
        "price_in_cents": 17400050,
        "stage": "estimate",
        "archived": False,
        "start_date": "2026-12-01",
        "due_date": None,
        "updated_at": "2026-11-23T10:00:00-08:00",
    }
    return record | changes


def project_of(**changes: Any) -> Any:
    envelope = envelope_of(workspaces={"10": workspace(**changes)})
    return mapping.to_project(envelope, envelope.workspaces["10"], "Legal entity")


@pytest.mark.parametrize(
    ("title", "number", "name"),
    [
        ("P-100 Grid data platform", "P-100", "Grid data platform"),
        ("Grid data platform", "10", "Grid data platform"),
        ("ACME Rollout", "10", "ACME Rollout"),
        ("P-100", "10", "P-100"),
        ("P-1 \nTwo lines", "P-1", "\nTwo lines"),
    ],
)
def test_the_number_stands_before_the_title_if_at_all(title: str, number: str, name: str) -> None:
    """A leading word with a digit is the number; without one the record's own id stands for it."""
    project = project_of(title=title)
    assert (number, name) == (project.number, project.name)


@pytest.mark.parametrize(
    ("stage", "archived", "status"),
    [
        ("estimate", False, "set_up"),
        ("project", False, "open_for_time"),
        ("project", True, "closed"),
        ("estimate", True, "closed"),
    ],
)
def test_stage_and_archive_make_the_status(stage: str, archived: bool, status: str) -> None:
    """An estimate is being set up, a project is open, what is archived is closed."""
    assert status == project_of(stage=stage, archived=archived).status


def test_money_counts_in_the_currency_s_own_unit() -> None:
    """The base unit says how many make one; a project without financial access has no budget."""
    assert Money(amount="174000.50", currency="EUR") == project_of().budget
    yen = project_of(currency="JPY", currency_base_unit=1, price_in_cents=120000)
    assert Money(amount="120000", currency="JPY") == yen.budget
    assert project_of(price_in_cents=None).budget is None


def test_references_say_what_the_project_belongs_to() -> None:
    """Only our own service names count; ids may come as numbers."""
    refs = {
        "syncline-number": "P-2041",
        "syncline-opportunity": "opp_1",
        "syncline-contract": "ctr_1",
        "syncline-customer": "cus_1",
        "contract-number": "D01",
        "jira": "ABC-1",
    }
    rows = {
        str(n): {"id": str(n), "service_name": name, "service_model": "X", "service_model_ref": ref}
        for n, (name, ref) in enumerate(refs.items())
    }
    values = {"5": {"id": "5", "custom_field_name": "Legal entity", "value": "DE01"}}
    record = workspace(external_reference_ids=list(range(6)), custom_field_value_ids=[5])
    envelope = envelope_of(workspaces={"10": record}, external_references=rows, custom_field_values=values)
    project = mapping.to_project(envelope, envelope.workspaces["10"], "Legal entity")
    assert ("P-2041", "opp_1", "ctr_1", "cus_1", "D01", "DE01") == (
        project.number,
        project.opportunity_id,
        project.contract_id,
        project.customer_id,
        project.contract_number,
        project.legal_entity_code,
    )


@given(st.decimals(min_value=Decimal("0.01"), max_value=Decimal("999999999999.99"), places=2))
def test_every_cent_of_a_budget_is_sent(value: Decimal) -> None:
    """The JSON number has the digits of the amount; a float would lose some."""
    new = NewProject(
        number="P-100",
        name="Grid",
        opportunity_id=f"opp_{1:032x}",
        contract_id=f"ctr_{1:032x}",
        contract_number="D01",
        customer_id=f"cus_{1:032x}",
        customer_name="Alpenstrom AG",
        legal_entity_code="DE01",
        currency="EUR",
        start_date=DAY,
        end_date=DAY,
        budget=Money.of(value, "EUR"),
    )
    body = msgspec.json.encode(mapping.from_new_project(new, "501", "9"))
    sent = msgspec.json.decode(body, type=dict[str, Any], strict=True)
    assert b'"price":' + str(new.budget.value).encode() in body
    assert ("estimate", "P-100 Grid", ["501"]) == (sent["stage"], sent["title"], sent["workspace_group_ids"])


def test_an_amount_in_another_currency_is_refused() -> None:
    """A billing milestone has the currency of its project."""
    record = msgspec.convert(workspace(), WorkspaceRecord)
    new = NewMilestone(title="Pilot", due_date=DAY, amount=Money(amount="10.01", currency="EUR"))
    assert 1001 == mapping.from_milestone_amount(new, record, "7")["amount_in_cents"]
    with pytest.raises(Failure) as caught:
        mapping.in_cents(Money(amount="1.00", currency="USD"), record)
    assert (Kind.INVALID, "currency_mismatch") == (caught.value.kind, caught.value.code)


def test_a_demand_says_what_is_wanted() -> None:
    """Hours become minutes; skills and the agreed rate are written where resource managers read."""
    new = NewResourceRequest(
        role="Engineer",
        skills=("python", "cloud"),
        hours=600,
        start_date=DAY,
        end_date=DAY,
        bill_rate=Rate(amount="145.50", currency="EUR"),
    )
    demand = mapping.from_demand(new, "30")
    assert (36000, False, "Skills: python, cloud. Agreed rate: 145.50 EUR per hour.") == (
        demand["minutes"],
        demand["hard"],
        demand["notes"],
    )


def test_a_tentative_assignment_is_a_soft_allocation() -> None:
    """Firm is hard; a part of an hour counts as an hour when read."""
    new = NewAssignment(
        resource_request_id="r", resource_id="u", start_date=DAY, end_date=DAY, hours=40, tentative=False
    )
    assert (2400, True) == tuple(mapping.from_new_assignment(new)[name] for name in ("minutes", "hard"))
    row = {
        "id": "1",
        "start_date": "2026-12-01",
        "end_date": "2026-12-02",
        "minutes": 61,
        "hard": False,
        "workspace_id": 10,
    }
    envelope = envelope_of(workspace_allocations={"1": row})
    assignment = mapping.to_assignment(envelope.workspace_allocations["1"], "41")
    assert (2, True, "10", "41") == (
        assignment.hours,
        assignment.tentative,
        assignment.project_id,
        assignment.resource_id,
    )


def test_a_foreign_key_that_was_asked_for_must_be_there() -> None:
    """A record that does not say whose it is cannot be used."""
    envelope = envelope_of(stories={"7": {"id": "7", "title": "Design", "story_type": "task", "created_at": MADE}})
    with pytest.raises(Failure) as caught:
        mapping.to_task(envelope.stories["7"])
    assert Kind.BAD_UPSTREAM is caught.value.kind


def milestone_of(kept: mapping.Acceptance, billed: dict[str, Any] | None = None, **changes: Any) -> Any:
    story = {
        "id": "7",
        "title": "Pilot",
        "story_type": "milestone",
        "created_at": MADE,
        "state": "completed",
        "workspace_id": "10",
        "custom_field_value_ids": ["5", "6"],
        "story_state_change_ids": ["1", "2", "3"],
        **changes,
    }
    values = {
        "5": {"id": "5", "custom_field_name": "Accepted on", "value": "2026-12-05"},
        "6": {"id": "6", "custom_field_name": "Accepted by", "value": "Ines Wolf"},
    }
    states = {
        str(n): {"id": str(n), "state": state, "created_at": f"2026-12-0{n}T10:00:00-08:00"}
        for n, state in enumerate(("completed", "started", "completed"), start=1)
    }
    envelope = envelope_of(stories={"7": story}, custom_field_values=values, story_state_changes=states)
    record = None if billed is None else msgspec.convert(billed, BillingMilestoneRecord)
    return mapping.to_milestone(envelope, envelope.stories["7"], record, 100, kept)


def test_custom_fields_say_when_and_by_whom_the_customer_accepted() -> None:
    """Completed is the team's word, accepted the customer's: a day, told as noon where the account is."""
    berlin = mapping.Acceptance(day_field="Accepted on", person_field="Accepted by", time_zone="Europe/Berlin")
    read = milestone_of(berlin)
    assert (True, datetime(2026, 12, 5, 11, tzinfo=UTC), "Ines Wolf") == (
        read.accepted,
        read.accepted_at,
        read.accepted_by,
    )
    for kept in (mapping.Acceptance(), mapping.Acceptance(day_field="Another", person_field="Accepted by")):
        unkept = milestone_of(kept)
        assert (False, None, None) == (unkept.accepted, unkept.accepted_at, unkept.accepted_by)


def test_a_field_that_is_no_date_is_not_taken_for_one() -> None:
    """The wrong field in the settings fails the reading instead of accepting milestones."""
    with pytest.raises(Failure) as caught:
        milestone_of(mapping.Acceptance(day_field="Accepted by"))
    assert Kind.BAD_UPSTREAM is caught.value.kind


def test_a_milestone_was_completed_when_it_last_became_so() -> None:
    """Of several completions the last counts; a task that was reopened is not completed."""
    done = milestone_of(mapping.Acceptance())
    assert (True, datetime(2026, 12, 3, 18, tzinfo=UTC)) == (done.completed, done.completed_at)
    reopened = milestone_of(mapping.Acceptance(), state="started")
    assert (False, None) == (reopened.completed, reopened.completed_at)


@pytest.mark.parametrize(("invoice_id", "state"), [(None, "unbilled"), (9001, "invoiced")])
def test_an_invoice_on_its_amount_says_that_a_milestone_is_billed(invoice_id: int | None, state: str) -> None:
    """The billing milestone holds the invoice; without an amount nothing is billed."""
    billed = {"id": "3", "title": "Pilot", "amount_in_cents": 6000025, "currency": "EUR", "invoice_id": invoice_id}
    read = milestone_of(mapping.Acceptance(), billed)
    assert (Money(amount="60000.25", currency="EUR"), state) == (read.amount, read.billing_state)
    assert (None, "unbilled") == (
        milestone_of(mapping.Acceptance()).amount,
        milestone_of(mapping.Acceptance()).billing_state,
    )
