"""Workday's own traps, beyond what every HR vendor must do: doors, reports, numbers used twice, incomplete records."""

import dataclasses
from datetime import timedelta
from typing import Any

import pytest
from hr.workday.stage import WorkdayStage

from demo.seeds import workday as workday_seeds
from servicekit.failures import Failure, Kind


@pytest.mark.parametrize("told", [{"refresh_token": None}, {"report_sign_in": "password"}, {"concurrency": 1}])
async def test_each_way_in_gives_the_same(stage: WorkdayStage, told: dict[str, Any]) -> None:
    """Both grants, and reports by token or by the integration user's password."""
    other = stage.reconnected(**told)
    await other.check()
    assert await stage.worker("W1003") == await other.worker(stage.native_id("W1003"))
    await other.close()


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"client_secret": "wrong"}, "hr_login_refused"),
        ({"refresh_token": "wrong"}, "hr_login_refused"),
        ({"password": "wrong"}, "misconfigured"),
        ({"report_owner": "somebody"}, "hr_report_missing"),
        ({"terms": {"report": "Renamed"}}, "hr_report_missing"),
        ({"terms": {"grade": "Renamed_Alias"}}, "hr_field_hidden"),
        ({"workers": {"email": "no_such_field"}}, "misconfigured"),
        ({"known_workers": ["W9999"]}, "hr_field_hidden"),
        ({"known_workers": ["W1003"]}, "hr_field_hidden"),
    ],
)
async def test_what_is_set_up_wrongly_is_found_by_the_check(
    stage: WorkdayStage, told: dict[str, Any], code: str
) -> None:
    """Credentials, reports, aliases, fields, and known workers who do not have everything."""
    other = stage.reconnected(**told)
    with pytest.raises(Failure) as caught:
        await other.check()
    assert (Kind.MISCONFIGURED, code) == (caught.value.kind, caught.value.code)
    await other.close()


async def test_what_a_firm_does_not_keep_is_not_missed(stage: WorkdayStage) -> None:
    """A field, column or report without a name is not asked for: nothing of it is told, and nothing fails."""
    other = stage.reconnected(eligibility={"report": ""}, terms={"grade": ""}, workers={"contract_end_date": ""})
    await stage.act("revoke_domain", {"domain": "Worker Data: Qualifications"})
    found = await other.worker(stage.native_id("W1008"))
    assert ((), {None}) == (found.eligibility, {terms.grade for terms in found.terms})
    assert found.employment.contract_end_date is None
    await other.close()


async def test_an_incomplete_record_stops_nobody_else(stage: WorkdayStage) -> None:
    """Somebody without a cost centre is left out of lists; asked for alone, it is said what is empty."""
    newcomer = dataclasses.replace(stage.colleague("W1003"), number="W2001")
    deed = workday_seeds.hire_deed(stage.firm, newcomer)
    deed["values"]["costCenter"] = {"code": "", "name": ""}
    await stage.act("hire", deed)
    assert 40 == len((await stage.hr.workers(None, None, 200)).items)
    with pytest.raises(Failure) as caught:
        await stage.hr.worker(workday_seeds.worker_wid(newcomer))
    assert (Kind.INVALID, "record_incomplete") == (caught.value.kind, caught.value.code)
    assert "Cost_Center" in caught.value.detail


async def test_one_number_may_be_an_employees_and_a_contractors(stage: WorkdayStage) -> None:
    """Their numbers are spaces of their own: the id is the WID, and both are told."""
    twin = dataclasses.replace(stage.colleague("W1003"), kind="contractor", first_name="Carl")
    deed = workday_seeds.hire_deed(stage.firm, twin) | {"wid": "c" * 32, "personWid": "d" * 32}
    await stage.act("hire", deed)
    found = [w for w in (await stage.hr.workers(None, None, 200)).items if w.employment.number == "W1003"]
    assert {("employee", "Clara Weiss"), ("contractor", "Carl Weiss")} == {(w.employment.kind, w.name) for w in found}
    assert 2 == len({worker.id for worker in found})


async def test_a_back_dated_change_shines_through(stage: WorkdayStage) -> None:
    """An earlier day that is entered later changes the days after it too, and says when it was recorded."""
    await stage.move("W1007", "CC-D20", stage.today + timedelta(days=40))
    await stage.pass_time(hours=1)
    hours = {"type": "Change Job", "effective": (stage.today - timedelta(days=10)).isoformat()}
    await stage.act("enter", hours | {"worker": stage.native_id("W1007"), "values": {"weeklyHours": "30"}})
    _, now, later = (await stage.worker("W1007")).terms
    assert [("CC-D10", 30), ("CC-D20", 30)] == [(t.cost_centre_code, t.weekly_hours) for t in (now, later)]
    assert now.recorded_at == later.recorded_at > stage.clock.now() - timedelta(seconds=1)


async def test_a_token_that_goes_stale_in_between_is_replaced(stage: WorkdayStage) -> None:
    """One 401 leads to one new token and one replay; a second in a row is MISCONFIGURED."""
    await stage.fault("expire_token", path="/wql/", times=1)
    assert "Clara Weiss" == (await stage.worker("W1003")).name
    await stage.fault("expire_token", path="/wql/", times=2)
    with pytest.raises(Failure) as caught:
        await stage.worker("W1003")
    assert Kind.MISCONFIGURED is caught.value.kind
