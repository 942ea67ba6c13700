"""What every HR connector must do, whoever the vendor is. Facts: the demo firm."""

import dataclasses
from datetime import date, timedelta
from typing import Any

import pytest
from hr.stage import Stage

from canonical.effective import DateRange, as_of
from canonical.money import Rate
from canonical.people import Absence, Eligibility
from servicekit.failures import Failure, Kind
from system_apis.hr.port import Hr

DAY = timedelta(days=1)


async def test_a_connector_is_an_hr(stage: Stage) -> None:
    """The connector has every method of the port, and its check passes on a well connection."""
    assert isinstance(stage.hr, Hr)
    await stage.hr.check()


async def test_everyone_is_told_once_over_all_pages(stage: Stage) -> None:
    """Pages follow each other by id, starters to come included, until there is no cursor."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = await stage.hr.workers(None, cursor, 7)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    assert [f"W{1001 + n}" for n in range(40)] == sorted(worker.employment.number for worker in found)
    assert found == sorted(found, key=lambda worker: worker.id)
    assert 2 == sum(worker.employment.hire_date > stage.today for worker in found)


async def test_a_worker_is_told_as_it_stands(stage: Stage) -> None:
    """Name, e-mail, employment, place in the firm and skills come over."""
    colleague = stage.colleague("W1003")
    found = await stage.worker("W1003")
    assert (found.id, found.name, found.email) == (stage.native_id("W1003"), "Clara Weiss", colleague.email)
    assert (found.employment.number, found.employment.kind) == ("W1003", "employee")
    assert (found.employment.hire_date, found.employment.termination_date) == (colleague.hire_date, None)
    assert found.skills == colleague.skills
    (terms,) = found.terms
    assert terms.effective == DateRange(from_date=colleague.hire_date)
    assert (terms.legal_entity_code, terms.cost_centre_code, terms.location) == ("DE01", "CC-D10", "Berlin")
    assert (terms.time_zone, terms.job_profile, terms.grade) == ("Europe/Berlin", "Engineer", "G5")
    assert (terms.weekly_hours, terms.manager_worker_number) == (40, "W1001")


async def test_a_contractor_has_an_end_and_facts_that_decide_on_assignments(stage: Stage) -> None:
    """The kind, both ends and the dated eligibility of a contractor come over; terms end after the last day."""
    found = await stage.worker("W1008")
    end = stage.today + timedelta(days=730)
    assert (found.employment.kind, found.employment.termination_date) == ("contractor", end)
    assert found.employment.contract_end_date == end
    assert found.terms[-1].effective.to_date == end + DAY
    permit = Eligibility(check="Work Permit", result="pass", valid_to=stage.today + timedelta(days=600))
    assert permit in found.eligibility


async def test_terms_of_the_past_and_of_later_are_told(stage: Stage) -> None:
    """A promotion and a change that is entered for later are ranges of their own, without gap or overlap."""
    promoted, part_time = await stage.worker("W1004"), await stage.worker("W1002")
    assert ["G5", "G6"] == [terms.grade for terms in promoted.terms]
    assert [40, 32] == [terms.weekly_hours for terms in part_time.terms]
    assert promoted.terms[0].effective.to_date == promoted.terms[1].effective.from_date
    change = stage.today + timedelta(days=60)
    assert change == part_time.terms[1].effective.from_date
    assert (40, 32) == tuple(as_of(part_time.terms, day).weekly_hours for day in (change - DAY, change))  # type: ignore[union-attr]


async def test_what_is_entered_is_a_change_by_its_entry(stage: Stage) -> None:
    """A change for next month is told of as soon as it is entered, and nobody else is."""
    since = stage.clock.now()
    await stage.pass_time(minutes=1)
    await stage.move("W1007", "CC-D20", stage.today + timedelta(days=40))
    await stage.pass_time(minutes=1)
    assert {"W1007"} == await stage.changed(since)
    found = await stage.worker("W1007")
    assert ["CC-D10", "CC-D20"] == [terms.cost_centre_code for terms in found.terms]
    assert since < found.updated_at <= stage.clock.now()


async def test_what_becomes_effective_is_a_change_on_its_day(stage: Stage) -> None:
    """A change that was entered long before is told of again when its day comes."""
    await stage.move("W1007", "CC-D20", stage.today + timedelta(days=10))
    await stage.pass_time(days=5)
    assert set() == await stage.changed(stage.clock.now() - timedelta(hours=1))
    await stage.pass_time(days=6)
    since = stage.clock.now() - timedelta(days=3)
    assert {"W1007"} == await stage.changed(since)
    assert since < (await stage.worker("W1007")).updated_at


async def test_a_starter_to_come_is_a_change_at_once(stage: Stage) -> None:
    """Who is hired for later is known from the entry on; a conversion is a new worker and the same person."""
    since = stage.clock.now()
    await stage.pass_time(minutes=1)
    model = stage.colleague("W1003")
    starts = stage.today + timedelta(days=90)
    await stage.hire(dataclasses.replace(model, number="W2001", first_name="New", hire_date=starts))
    await stage.pass_time(minutes=1)
    assert {"W2001"} == await stage.changed(since)
    page = await stage.hr.workers(None, None, 200)
    (found,) = (worker for worker in page.items if worker.employment.number == "W2001")
    assert (found.name, found.employment.hire_date) == ("New Weiss", starts)
    assert DateRange(from_date=starts) == found.terms[0].effective


async def test_what_is_taken_back_is_not_told_any_more(stage: Stage) -> None:
    """A rescinded change leaves no terms, and the taking back is a change."""
    entered = await stage.move("W1007", "CC-D20", stage.today + timedelta(days=40))
    await stage.pass_time(hours=1)
    since = stage.clock.now()
    await stage.pass_time(minutes=1)
    await stage.take_back(entered)
    await stage.pass_time(minutes=1)
    assert {"W1007"} == await stage.changed(since)
    assert ["CC-D10"] == [terms.cost_centre_code for terms in (await stage.worker("W1007")).terms]


async def test_a_moment_to_come_has_no_changes(stage: Stage) -> None:
    """Nothing has changed since tomorrow."""
    page = await stage.hr.workers(stage.clock.now() + DAY, None, 10)
    assert ((), None) == (page.items, page.cursor)


async def test_time_off_shrinks_capacity(stage: Stage) -> None:
    """Days off in a row are one range, of working days only, and say nothing of their kind."""
    (holiday,) = stage.colleague("W1003").absences
    native_id = stage.native_id("W1003")
    found = await stage.hr.absences(native_id, holiday.from_date, holiday.to_date)
    days = {absence.effective.from_date + DAY * n for absence in found for n in range(_length(absence))}
    wanted = {holiday.from_date + DAY * n for n in range((holiday.to_date - holiday.from_date).days)}
    assert {day for day in wanted if day.weekday() < 5} == days
    assert {("capacity", True, native_id)} == {(a.affects, a.approved, a.worker_id) for a in found}
    assert () == await stage.hr.absences(native_id, holiday.to_date, holiday.to_date + DAY)


async def test_a_leave_takes_eligibility(stage: Stage) -> None:
    """A leave that touches the range is told whole; the day after its last day is not."""
    (leave,) = stage.colleague("W1005").absences
    native_id = stage.native_id("W1005")
    wanted = Absence(
        worker_id=native_id,
        effective=DateRange(from_date=leave.from_date, to_date=leave.to_date),
        affects="eligibility",
        approved=True,
    )
    assert (wanted,) == await stage.hr.absences(native_id, stage.today, stage.today + DAY)
    assert (wanted,) == await stage.hr.absences(native_id, leave.to_date - DAY, leave.to_date)
    assert () == await stage.hr.absences(native_id, leave.to_date, leave.to_date + DAY)
    assert () == await stage.hr.absences(native_id, stage.today, stage.today)
    assert () == await stage.hr.absences(stage.native_id("W1001"), date(2020, 1, 1), date(2020, 2, 1))


async def test_cost_rates_are_dated(stage: Stage) -> None:
    """A rate holds until the next one begins, exactly as HR has it."""
    first, second = await stage.hr.cost_rates(stage.native_id("W1001"))
    assert (Rate(amount="54.00", currency="EUR"), Rate(amount="58.00", currency="EUR")) == (first.rate, second.rate)
    assert first.effective.to_date == second.effective.from_date
    assert second.effective.to_date is None
    assert stage.native_id("W1001") == second.worker_id


async def test_a_hidden_field_fails_and_is_never_empty(stage: Stage) -> None:
    """Whatever right is taken from us, check, list and single read are MISCONFIGURED, until it is given back."""
    for right in stage.rights:
        await stage.take_right(right)
        for attempt in (stage.hr.check(), stage.hr.workers(None, None, 200), stage.worker("W1003")):
            with pytest.raises(Failure) as caught:
                await attempt
            assert (Kind.MISCONFIGURED, "hr_field_hidden") == (caught.value.kind, caught.value.code)
        await stage.give_right(right)
        assert 40 == len((await stage.hr.workers(None, None, 200)).items)


async def test_hidden_cost_rates_and_absence_fail(stage: Stage) -> None:
    """No cost rate and no absence are never told for the reason that we may not see them."""
    for right in stage.of_money_and_absence:
        await stage.take_right(right)
    for attempt in (
        stage.hr.cost_rates(stage.native_id("W1001")),
        stage.hr.absences(stage.native_id("W1001"), stage.today, stage.today + DAY),
    ):
        with pytest.raises(Failure) as caught:
            await attempt
        assert Kind.MISCONFIGURED is caught.value.kind


@pytest.mark.parametrize("native_id", ["0" * 32, "no-such-id", "' OR 'a' = 'a", "../workers", ""])
async def test_an_unknown_id_is_missing(stage: Stage, native_id: str) -> None:
    """Whatever an id looks like, one that HR does not have is MISSING."""
    for attempt in (
        stage.hr.worker(native_id),
        stage.hr.cost_rates(native_id),
        stage.hr.absences(native_id, stage.today, stage.today + DAY),
    ):
        with pytest.raises(Failure) as caught:
            await attempt
        assert Kind.MISSING is caught.value.kind


@pytest.mark.parametrize("cursor", ["x", "entered|x|y", "entered|1|2026-11-23", "-1"])
async def test_a_cursor_that_is_none_of_ours_is_malformed(stage: Stage, cursor: str) -> None:
    """A cursor that cannot be read says so."""
    for since in (None, stage.clock.now() - DAY):
        with pytest.raises(Failure) as caught:
            await stage.hr.workers(since, cursor, 10)
        assert Kind.MALFORMED is caught.value.kind


async def test_a_stale_token_is_renewed_once(stage: Stage) -> None:
    """A call that is refused for its token is done with a new one."""
    await stage.worker("W1003")
    await stage.expire_tokens()
    assert "Clara Weiss" == (await stage.worker("W1003")).name


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("outage", Kind.UNAVAILABLE), ("throttle", Kind.THROTTLED), ("drop", Kind.UNAVAILABLE)],
)
async def test_a_vendor_in_trouble_is_told_as_such(stage: Stage, fault: str, kind: Kind) -> None:
    """What can help is waiting, and the failure says so without the vendor's words; a short trouble is not noticed."""
    await stage.worker("W1003")
    await stage.fault(fault, times=1)
    assert "Clara Weiss" == (await stage.worker("W1003")).name
    await stage.fault(fault, times=None)
    for attempt in (stage.worker("W1003"), stage.hr.workers(stage.clock.now() - DAY, None, 5)):
        with pytest.raises(Failure) as caught:
            await attempt
        assert (kind, True) == (caught.value.kind, caught.value.kind.retryable)
        assert stage.vendor not in caught.value.detail.lower()


def _length(absence: Absence) -> int:
    assert absence.effective.to_date is not None
    return (absence.effective.to_date - absence.effective.from_date).days
