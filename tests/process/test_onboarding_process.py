"""The rules of project-onboarding, on the real engine: order, parking, edits, discards, approvals, modes."""

from __future__ import annotations

from datetime import date, timedelta

import msgspec
import pytest
from platforms import Platforms
from running_onboarding import CALLER, DIRECTOR, RunningOnboarding

from canonical.money import Money
from canonical.sales import ContractLine, PlannedRole
from canonical.work import Approval, ApprovalDecision, BindingChange, OnboardingEdits
from servicekit.failures import Failure, Kind

SET_UP = [
    "ensure_customer_account",
    "create_project",
    "create_task",
    "create_task",
    "create_resource_request",
    "create_assignment",
    "ensure_billing_account",
    "create_schedule",
    "create_shell",
    "activate_schedule",
    "open_project",
]


async def test_a_won_deal_is_set_up_in_order_and_opened_for_time_last(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Customer account, closed project with its plan, schedule as draft, shell; then active, and open last."""
    run_id = await onboarding.start(onboarding.won())
    run = await onboarding.until(run_id, "activated")
    assert SET_UP == platforms.calls
    assert ["open_for_time"] == [project.status for project in platforms.projects.values()]
    assert ["active"] == [schedule.status for schedule in platforms.schedules.values()]
    assert ["approved"] == [shell.status for shell in platforms.shells.values()]
    assert run.refs.project_id == next(iter(platforms.projects))


async def test_the_same_win_has_one_run_however_often_it_is_told(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Asking again gives the same run, and nothing is written twice."""
    opportunity_id = onboarding.won()
    first = await onboarding.start(opportunity_id)
    assert first == await onboarding.start(opportunity_id)
    await onboarding.until(first, "activated")
    assert first == await onboarding.start(opportunity_id)
    assert SET_UP == platforms.calls
    assert f"project-onboarding:{opportunity_id}:1" == first


async def test_a_missing_cost_centre_refuses_before_anything_is_written(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Validation has no effects; its exception says whose it is, how much it holds up, and what is missing."""
    run_id = await onboarding.start(onboarding.won(contract_cost_centre_code="CC-D77"))
    case = await onboarding.open_case(run_id)
    assert [] == platforms.calls
    assert ("unknown_cost_centre", "finance-master-data", "business", True) == (
        case.code,
        case.owner_team,
        case.exception_class,
        case.blocking,
    )
    assert Money.of(87000, "EUR") == case.value_at_stake
    assert ["DE01 has no cost centre CC-D77"] == [finding.message for finding in case.findings]


async def test_a_run_goes_on_from_the_refused_step_once_the_cause_is_mended(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """After a retry the run activates and its exception resolves by itself."""
    run_id = await onboarding.start(onboarding.won(contract_cost_centre_code="CC-D77"))
    await onboarding.open_case(run_id)
    platforms.cost_centres.add("CC-D77")
    await onboarding.decide(run_id, "retry")
    await onboarding.until(run_id, "activated")
    assert SET_UP == platforms.calls
    assert () == await onboarding.desk.cases.many(open_only=True, run_id=run_id)


async def test_an_edit_changes_what_the_run_goes_by_and_not_the_crm(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """The shell is approved under the cost centre that a person chose."""
    run_id = await onboarding.start(onboarding.won(contract_cost_centre_code="CC-D77"))
    await onboarding.decide(run_id, "edit", edits=OnboardingEdits(cost_centre_code="CC-D10"))
    await onboarding.until(run_id, "activated")
    assert ["CC-D10"] == [shell.cost_centre_code for shell in platforms.shells.values()]
    assert {"CC-D77"} == {contract.cost_centre_code for contract in platforms.contracts.values()}


async def test_a_refused_write_parks_and_a_discard_undoes_in_reverse(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Nothing is undone while a person may still mend it; a discard undoes what was done, last first."""
    platforms.refusals["create_shell"] = [Failure(Kind.CONFLICT, "the number is taken", code="number_taken")]
    run_id = await onboarding.start(onboarding.won())
    case = await onboarding.open_case(run_id)
    assert "number_taken" == case.code
    assert "set_up" == next(iter(platforms.projects.values())).status
    await onboarding.decide(run_id, "discard")
    await onboarding.until(run_id, "discarded")
    assert ["cancel_schedule", "close_project"] == platforms.calls[-2:]


async def test_an_outage_heals_by_itself(onboarding: RunningOnboarding, platforms: Platforms) -> None:
    """What may heal is tried again without an exception."""
    platforms.refusals["create_project"] = [Failure(Kind.UNAVAILABLE, "the platform is down")]
    run_id = await onboarding.start(onboarding.won())
    await onboarding.until(run_id, "activated")
    assert SET_UP == platforms.calls
    assert () == await onboarding.desk.cases.many(run_id=run_id)


async def test_a_long_outage_is_a_technical_exception_that_resumes_by_itself(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """When the retries are used up people see it; when our clock says so it is tried again without them."""
    platforms.refusals["create_project"] = [Failure(Kind.UNAVAILABLE, "the platform is down")] * 3
    run_id = await onboarding.start(onboarding.won())
    case = await onboarding.open_case(run_id)
    assert ("technical", "unavailable") == (case.exception_class, case.code)
    onboarding.clock.advance(timedelta(seconds=61))
    await onboarding.until(run_id, "activated")
    assert SET_UP == platforms.calls


async def test_missing_staff_leaves_an_open_request_and_holds_nothing_up(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """A skill that nobody has becomes an exception with resource management; the project is set up all the same."""
    role = PlannedRole(
        key="R1",
        role="Engineer",
        skills=("quantum-computing",),
        hours=600,
        start_date=date(2026, 12, 1),
        end_date=date(2027, 6, 1),
        bill_rate=None,
    )
    value = Money.of(87000, "EUR")
    line = ContractLine(key="L1", description="Result", method="out_of_scope", amount=value)
    run_id = await onboarding.start(onboarding.won(contract_roles=(role,), contract_lines=(line,)))
    await onboarding.until(run_id, "activated")
    (case,) = await onboarding.desk.cases.many(open_only=True, run_id=run_id)
    assert ("skill_not_available", "resource-management", False) == (case.code, case.owner_team, case.blocking)
    assert [] == platforms.assignments
    assert 1 == platforms.calls.count("create_resource_request")


async def test_a_large_deal_waits_for_the_approval_of_somebody_with_the_authority(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Nothing is set up before the approval; who lacks the authority, or asked for it, cannot give it."""
    value = Money.of(240000, "EUR")
    line = ContractLine(key="L1", description="Work", method="time_and_materials", amount=value)
    run_id = await onboarding.start(onboarding.won(value=value, contract_total_value=value, contract_lines=(line,)))
    await onboarding.until(run_id, "waiting_for_approval")
    (approval,) = await onboarding.desk.approvals.of_run(run_id)
    assert ("delivery-director", ("the contract is worth 200,000 or more",)) == (
        approval.required_role,
        approval.because,
    )
    decision = ApprovalDecision(decision="approve", reason="margin is fine")
    with pytest.raises(Failure) as caught:
        await onboarding.desk.approvals.decide(approval.id, decision, CALLER)
    assert "beyond_authority" == caught.value.code
    assert [] == platforms.calls
    decided: Approval = await onboarding.desk.approvals.decide(approval.id, decision, DIRECTOR)
    assert ("approved", DIRECTOR.actor) == (decided.status, decided.decided_by)
    await onboarding.until(run_id, "activated")
    assert SET_UP == platforms.calls


async def test_a_deal_without_services_is_closed_without_a_project(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Not every won deal is a project."""
    run_id = await onboarding.start(onboarding.won(kind="no_services", contract_id=None))
    await onboarding.until(run_id, "closed_without_project")
    assert [] == platforms.calls


async def test_an_extension_amends_the_running_project(onboarding: RunningOnboarding, platforms: Platforms) -> None:
    """No second project: project, schedule and shell follow the new contract."""
    first = onboarding.won()
    await onboarding.until(await onboarding.start(first), "activated")
    platforms.calls.clear()
    contract_id = platforms.opportunities[first].contract_id
    second = onboarding.won(
        kind="extension", contract_amends_contract_id=contract_id, contract_end_date=date(2027, 12, 1)
    )
    await onboarding.until(await onboarding.start(second), "amended")
    assert ["amend_project", "amend_schedule", "amend_shell"] == platforms.calls
    (project,) = platforms.projects.values()
    assert (date(2027, 12, 1), Money.of(174000, "EUR")) == (project.end_date, project.budget)


@pytest.mark.parametrize(("mode", "state"), [("shadow", "shadowed"), ("read", "validated")])
async def test_a_mode_that_writes_nothing_writes_nothing_and_shows_its_plan(
    onboarding: RunningOnboarding, platforms: Platforms, mode: str, state: str
) -> None:
    """The least mode of the entity's bindings is the mode of the run."""

    async def bind(wanted: str) -> None:
        change = BindingChange(connection="erp-main", from_date=date(2026, 1, 1), mode=wanted, reason="rehearsal")
        await onboarding.desk.bindings.put("DE01", "erp", change, CALLER)

    await bind(mode)
    try:
        run_id = await onboarding.start(onboarding.won())
        run = await onboarding.until(run_id, state)
    finally:
        await bind("automatic")
    assert [] == platforms.calls
    assert mode == run.mode
    assert b'"cost_centre_code":"CC-D10"' in bytes((await onboarding.runs.plan(run.id)) or b"")


async def test_a_switched_off_flow_waits_until_it_is_switched_on(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """The stop switch parks runs; it loses none."""
    change = BindingChange(connection="psa-main", from_date=date(2026, 1, 1), mode="off", reason="stop")
    await onboarding.desk.bindings.put("DE01", "psa", change, CALLER)
    run_id = await onboarding.start(onboarding.won())
    assert "flow_stopped" == (await onboarding.open_case(run_id)).code
    change = BindingChange(connection="psa-main", from_date=date(2026, 1, 1), mode="automatic", reason="go")
    await onboarding.desk.bindings.put("DE01", "psa", change, CALLER)
    await onboarding.decide(run_id, "retry")
    await onboarding.until(run_id, "activated")
    assert SET_UP == platforms.calls


async def test_a_decision_is_taken_once(onboarding: RunningOnboarding, platforms: Platforms) -> None:
    """While a run tries again there is nothing to decide about it."""
    run_id = await onboarding.start(onboarding.won(contract_cost_centre_code="CC-D77"))
    case = await onboarding.open_case(run_id)
    await onboarding.decide(run_id, "discard")
    await onboarding.until(run_id, "discarded")
    with pytest.raises(Failure) as caught:
        await onboarding.decide_on(case, "retry")
    assert "nothing_to_decide" == caught.value.code


async def test_the_event_of_a_win_starts_its_run_while_the_crm_is_away(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """The win is claimed from the event alone; the run waits for the CRM, the event does not."""
    opportunity_id = onboarding.won()
    hidden = platforms.opportunities.pop(opportunity_id)
    await onboarding.starter.on_opportunity_won(onboarding.event_of(hidden))
    run_id = f"project-onboarding:{opportunity_id}:1"
    await onboarding.open_case(run_id)
    platforms.opportunities[opportunity_id] = hidden
    await onboarding.decide(run_id, "retry")
    run = await onboarding.until(run_id, "activated")
    assert hidden.name == run.name
    assert run_id == await onboarding.start(opportunity_id)


async def test_what_was_mended_in_the_crm_is_seen_by_a_retry(
    onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """The checks read the contract again."""
    run_id = await onboarding.start(onboarding.won(contract_status="in_approval"))
    assert "contract_unsigned" == (await onboarding.open_case(run_id)).code
    for contract_id, contract in platforms.contracts.items():
        platforms.contracts[contract_id] = msgspec.structs.replace(contract, status="signed")
    await onboarding.decide(run_id, "retry")
    await onboarding.until(run_id, "activated")
    assert SET_UP == platforms.calls
