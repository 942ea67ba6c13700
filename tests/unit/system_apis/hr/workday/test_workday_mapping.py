"""Rows of Workday as canonical people: nothing is filled in, nothing is converted that must not be."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from canonical.effective import DateRange
from canonical.money import Rate
from canonical.people import Absence
from servicekit.failures import Failure, Kind
from servicekit.settings import read
from system_apis.hr.workday import mapping
from system_apis.hr.workday.settings import Settings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WID = "3aa5550b7fe348b98d7b5741afc65534"
ROW = {
    "workdayID": WID,
    "employeeID": "21001",
    "person": {"id": "f" * 32, "descriptor": "Logan McNeil"},
    "fullName": "Logan McNeil",
    "workerType": {"id": "9", "descriptor": "Employee"},
    "workerActive": True,
    "hireDate": "2000-01-01",
    "originalHireDate": "1999-02-03",
    "email_Work": [{"id": "2", "descriptor": "lmcneil@workday.example"}],
    "skills": [{"id": "1", "descriptor": "Python"}, {"id": "2", "descriptor": "SAP"}],
    "lastFunctionallyUpdated": "2026-11-20T16:00:00.000-08:00",
}
TERMS = {
    "Worker_WID": WID,
    "Effective_From": "2026-01-01-08:00",
    "Entered_At": "2025-12-31T23:30:00.000-08:00",
    "Company": "DE01",
    "Cost_Center": "41100",
    "Location": "Berlin",
    "Time_Zone": "Europe/Berlin",
    "Job_Profile": "Consultant",
    "Weekly_Hours": "40",
}
RATE = {
    "Worker_WID": WID,
    "Cost_Rate": "95.5",
    "Currency": "USD",
    "Unit": "Hour",
    "Effective_Date": "2026-01-01",
    "Entered_At": "2025-12-01T00:00:00Z",
}
OFF = {"id": mapping.APPROVED_TIME_OFF, "descriptor": "Approved"}


def settings(**changes: Any) -> Settings:
    told = {
        "base_url": "http://127.0.0.1:1",
        "tenant": "acme",
        "client_id": "c",
        "client_secret": "s",
        "username": "isu",
        "password": "p",
        "known_workers": ["21001"],
    }
    return read(Settings, told | changes, {})


def refused(row: dict[str, Any], terms: list[dict[str, Any]]) -> str:
    """What is said about a record that is incomplete."""
    with pytest.raises(Failure) as caught:
        mapping.to_worker(row, terms, [], settings(), NOW)
    assert (Kind.INVALID, "record_incomplete") == (caught.value.kind, caught.value.code)
    return caught.value.detail


def test_a_row_becomes_a_worker() -> None:
    """Every field is where it belongs; absent optional ones are absent."""
    found = mapping.to_worker(ROW, [TERMS], [], settings(), NOW)
    assert (WID, "f" * 32, "Logan McNeil") == (found.id, found.person_id, found.name)
    assert ("lmcneil@workday.example", ("Python", "SAP"), ()) == (found.email, found.skills, found.eligibility)
    employment = found.employment
    assert ("21001", "employee", date(2000, 1, 1)) == (employment.number, employment.kind, employment.hire_date)
    assert (date(1999, 2, 3), None, None) == (
        employment.original_hire_date,
        employment.termination_date,
        employment.contract_end_date,
    )
    assert datetime(2026, 11, 21, tzinfo=UTC) == found.updated_at


@pytest.mark.parametrize(
    "field", ["workdayID", "employeeID", "person", "fullName", "workerType", "hireDate", "lastFunctionallyUpdated"]
)
def test_a_required_field_is_never_filled_in(field: str) -> None:
    """A row without it, or with an empty one, is incomplete and named so."""
    assert field in refused({name: value for name, value in ROW.items() if name != field}, [TERMS])
    assert field in refused(ROW | {field: ""}, [TERMS])


@pytest.mark.parametrize(
    "field",
    ["Effective_From", "Entered_At", "Company", "Cost_Center", "Location", "Time_Zone", "Job_Profile", "Weekly_Hours"],
)
def test_required_columns_of_terms_are_never_filled_in(field: str) -> None:
    """The same for dated terms; no terms at all name the report."""
    assert field in refused(ROW, [{name: value for name, value in TERMS.items() if name != field}])
    assert "Syncline_Worker_Terms" in refused(ROW, [])


def test_who_has_left_has_a_last_day() -> None:
    """An inactive worker without a termination date is incomplete; one who is still to start is not."""
    assert "terminationDate" in refused(ROW | {"workerActive": False}, [TERMS])
    starter = ROW | {"workerActive": False, "hireDate": "2026-12-01"}
    assert mapping.to_worker(starter, [TERMS], [], settings(), NOW).employment.termination_date is None


def test_a_date_is_cut_and_never_converted() -> None:
    """The zone behind a day is the tenant's and says nothing about the day; a moment is converted to UTC."""
    terms = mapping.to_terms(TERMS | {"Effective_To": "2026-06-30-07:00"}, settings())
    assert DateRange(from_date=date(2026, 1, 1), to_date=date(2026, 7, 1)) == terms.effective
    assert datetime(2026, 1, 1, 7, 30, tzinfo=UTC) == terms.recorded_at


def test_a_future_day_is_no_change_before_it_comes() -> None:
    """The moment of change follows the calendar where the worker is: Berlin's midnight, not UTC's."""
    terms = [TERMS | {"Effective_To": "2026-11-30"}, TERMS | {"Effective_From": "2026-12-01"}]
    midnight = datetime(2026, 11, 30, 23, tzinfo=UTC)
    before, after = (mapping.to_worker(ROW, terms, [], settings(), now) for now in (NOW, midnight))
    assert (datetime(2026, 11, 21, tzinfo=UTC), midnight) == (before.updated_at, after.updated_at)


def test_settings_translate_companies_time_zones_and_words() -> None:
    """Where the tenant's words are not ours, settings say what they mean; a zone that nobody knows is MISCONFIGURED."""
    chosen = settings(
        legal_entities={"DE01": "GER"},
        time_zones={"CET (Berlin)": "Europe/Berlin"},
        worker_kinds={"Associate": "employee"},
    )
    terms = mapping.to_terms(TERMS | {"Time_Zone": "CET (Berlin)"}, chosen)
    assert ("GER", "Europe/Berlin") == (terms.legal_entity_code, terms.time_zone)
    associate = mapping.to_worker(ROW | {"workerType": {"descriptor": "Associate"}}, [TERMS], [], chosen, NOW)
    assert "employee" == associate.employment.kind
    with pytest.raises(Failure) as caught:
        mapping.to_terms(TERMS | {"Time_Zone": "CET (Berlin)"}, settings())
    assert (Kind.MISCONFIGURED, "hr_time_zone_unknown") == (caught.value.kind, caught.value.code)


@pytest.mark.parametrize(("told", "hours"), [("40", 40), ("37.5", 38), ("37.49", 37)])
def test_weekly_hours_are_whole(told: str, hours: int) -> None:
    """Numbers come as texts; canonical hours are whole, rounded half up."""
    assert hours == mapping.to_terms(TERMS | {"Weekly_Hours": told}, settings()).weekly_hours


def test_rates_hold_until_the_next_one() -> None:
    """Amounts are exact; two entries for a day are both told, the later one is the correction."""
    corrected = RATE | {"Cost_Rate": "96.25", "Entered_At": "2026-01-15T00:00:00Z"}
    later = RATE | {"Cost_Rate": "1000.12345", "Effective_Date": "2026-07-01", "Unit": "Daily"}
    found = mapping.to_cost_rates([later, corrected, RATE], settings())
    first_half = DateRange(from_date=date(2026, 1, 1), to_date=date(2026, 7, 1))
    assert [
        (Rate(amount="95.5", currency="USD"), first_half),
        (Rate(amount="96.25", currency="USD"), first_half),
        (Rate(amount="1000.12345", currency="USD", unit="day"), DateRange(from_date=date(2026, 7, 1))),
    ] == [(rate.rate, rate.effective) for rate in found]


def test_who_has_no_rate_yet_has_none() -> None:
    """A new worker stands in HR before anybody has entered a cost rate."""
    assert () == mapping.to_cost_rates([], settings())


@pytest.mark.parametrize(
    "wrong", [{"Cost_Rate": ""}, {"Cost_Rate": "n/a"}, {"Cost_Rate": "-1"}, {"Currency": ""}, {"Unit": "fortnight"}]
)
def test_an_unusable_rate_is_never_zero(wrong: dict[str, str]) -> None:
    """An empty cost rate would be a margin of a hundred per cent."""
    with pytest.raises(Failure) as caught:
        mapping.to_cost_rates([RATE | wrong], settings())
    assert "record_incomplete" == caught.value.code


def test_days_off_in_a_row_are_one_range() -> None:
    """Unapproved days are left out, and a day whose correction takes it back."""
    days = [("2026-12-01", "8"), ("2026-12-02", "4"), ("2026-12-03", "8"), ("2026-12-03", "-8"), ("2026-12-04", "8")]
    rows = [{"date": day, "quantity": quantity, "status": OFF} for day, quantity in days]
    rows.append({"date": "2026-12-07", "quantity": "8", "status": {"id": "dd817fe688db4ac7bf84e3ef79f72948"}})
    assert [
        DateRange(from_date=date(2026, 12, 1), to_date=date(2026, 12, 3)),
        DateRange(from_date=date(2026, 12, 4), to_date=date(2026, 12, 5)),
    ] == [absence.effective for absence in mapping.to_time_off(WID, rows)]


def test_a_leave_ends_as_it_ended_or_as_it_is_thought_to() -> None:
    """The actual last day wins; without any the leave is open; one that is not approved is none."""
    leave = {"status": {"descriptor": "Approved"}, "firstDayOfLeave": "2026-12-01"}
    thought = leave | {"estimatedLastDayOfLeave": "2026-12-31"}
    ended = thought | {"actualLastDayOfLeave": "2026-12-15"}
    rows = [leave, thought, ended, leave | {"status": {"descriptor": "In Progress"}}]
    found = list(mapping.to_leaves(WID, rows, settings()))
    assert [None, date(2027, 1, 1), date(2026, 12, 16)] == [absence.effective.to_date for absence in found]
    assert {("eligibility", True)} == {(absence.affects, absence.approved) for absence in found}
    assert {"worker_id", "effective", "affects", "approved"} == set(Absence.__struct_fields__)
