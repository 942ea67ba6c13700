"""Who may be assigned: employed and in the entity for the whole time, skilled, permitted, not on leave."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace
from sold import NOW

from canonical.delivery import NewResourceRequest, Resource
from canonical.effective import DateRange
from canonical.people import Absence, Eligibility, Employment, Worker, WorkTerms
from process_apis.project_onboarding.staffing import Candidate, choose, eligible

REQUEST = NewResourceRequest(
    role="Engineer", skills=("python", "sql"), hours=600, start_date=date(2026, 12, 1), end_date=date(2027, 6, 1)
)
TERMS = WorkTerms(
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


def worker(number: str = "W1", **changes: Any) -> Worker:
    """Somebody against whom nothing speaks; `employment_` in front of a name changes the employment."""
    of_employment = {
        name.removeprefix("employment_"): changes.pop(name) for name in [*changes] if "employment_" in name
    }
    employment = Employment(
        number=number,
        kind="employee",
        hire_date=date(2020, 1, 1),
        original_hire_date=date(2020, 1, 1),
        termination_date=None,
    )
    made = Worker(
        id=f"wrk_{number.lower().rjust(32, '0')}",
        person_id=f"per_{number.lower().rjust(32, '0')}",
        name=number,
        email=None,
        employment=replace(employment, **of_employment),
        terms=(TERMS,),
        skills=("python", "sql", "spark"),
        updated_at=NOW,
    )
    return replace(made, **changes)


def terms(entity: str, start: str, end: str | None = None) -> WorkTerms:
    span = DateRange(from_date=date.fromisoformat(start), to_date=None if end is None else date.fromisoformat(end))
    return replace(TERMS, legal_entity_code=entity, effective=span)


def absence(start: str, end: str | None, **changes: Any) -> Absence:
    span = DateRange(from_date=date.fromisoformat(start), to_date=None if end is None else date.fromisoformat(end))
    made = Absence(worker_id=worker().id, effective=span, affects="eligibility", approved=True)
    return replace(made, **changes)


def may(one: Worker, *absences: Absence) -> bool:
    return eligible(one, REQUEST, "DE01", absences)


def candidate(number: str, **changes: Any) -> Candidate:
    resource = Resource(id=f"res_{number}", worker_id=None, name=number, email=None, active=True)
    return Candidate(worker=worker(number, **changes), resource=resource, absences=())


def test_whoever_meets_every_rule_is_eligible() -> None:
    """Employed, in the entity, skilled, and nothing against it."""
    assert may(worker())


@pytest.mark.parametrize(
    ("employment", "held"),
    [
        ({"hire_date": date(2026, 12, 1)}, True),
        ({"hire_date": date(2026, 12, 2)}, False),
        ({"termination_date": date(2027, 6, 1)}, True),
        ({"termination_date": date(2027, 5, 31)}, False),
        ({"contract_end_date": date(2027, 6, 1)}, True),
        ({"contract_end_date": date(2027, 5, 31)}, False),
        ({"termination_date": date(2027, 12, 31), "contract_end_date": date(2027, 5, 31)}, False),
    ],
)
def test_the_employment_lasts_for_the_whole_time(employment: dict[str, date], held: bool) -> None:
    """Hired by the first day; neither notice nor a contractor's end falls before the last."""
    assert held is may(worker(**{f"employment_{name}": day for name, day in employment.items()}))


@pytest.mark.parametrize(("skills", "held"), [(("sql", "python"), True), (("python",), False), ((), False)])
def test_every_skill_is_there(skills: tuple[str, ...], held: bool) -> None:
    """Half of what is asked for is not enough."""
    assert held is may(worker(skills=skills))


@pytest.mark.parametrize(
    ("held_terms", "held"),
    [
        ((terms("DE01", "2026-12-01"),), True),
        ((terms("AT01", "2020-01-01"),), False),
        ((terms("DE01", "2026-12-02"),), False),  # not yet there on the first day
        ((terms("DE01", "2020-01-01", "2027-02-01"), terms("DE01", "2027-02-01")), True),
        ((terms("DE01", "2020-01-01", "2027-02-01"), terms("AT01", "2027-02-01")), False),  # moves away half-way
        ((terms("AT01", "2020-01-01", "2026-12-01"), terms("DE01", "2026-12-01")), True),  # has moved in time
        ((terms("DE01", "2020-01-01", "2027-06-01"), terms("AT01", "2027-06-01")), True),  # moves away afterwards
        ((), False),
    ],
)
def test_the_worker_is_with_the_entity_for_the_whole_time(held_terms: tuple[WorkTerms, ...], held: bool) -> None:
    """Whoever changes entity on the way is another company's then."""
    assert held is may(worker(terms=held_terms))


@pytest.mark.parametrize(
    ("result", "valid_to", "held"),
    [
        ("pass", None, True),
        ("pass", date(2027, 6, 1), True),
        ("pass", date(2027, 5, 31), False),  # the permit runs out half-way
        ("fail", None, False),
    ],
)
def test_every_dated_fact_is_passed_for_the_whole_time(result: str, valid_to: date | None, held: bool) -> None:
    """A work permit, a certificate: one that failed or runs out is enough to be out."""
    facts = (
        Eligibility(check="certificate", result="pass", valid_to=None),
        Eligibility(check="work_permit", result=result, valid_to=valid_to),
    )
    assert held is may(worker(eligibility=facts))


@pytest.mark.parametrize(
    ("leave", "held"),
    [
        (absence("2027-02-01", "2027-03-01"), False),
        (absence("2027-05-31", None), False),
        (absence("2026-11-01", "2026-12-01"), True),  # back on the first day
        (absence("2027-06-01", None), True),
        (absence("2027-02-01", "2027-03-01", approved=False), True),  # not yet a fact
        (absence("2027-02-01", "2027-03-01", affects="capacity"), True),  # a holiday: less of them, not none
    ],
)
def test_nobody_is_assigned_over_a_leave_that_rules_them_out(leave: Absence, held: bool) -> None:
    """An approved absence that affects eligibility, on any day of the work."""
    assert held is may(worker(), leave)


def test_nobody_is_chosen_when_nobody_is_eligible() -> None:
    """A shortage is an answer: none."""
    assert None is choose([], REQUEST, "DE01", "P-DE01-1", set())
    assert None is choose([candidate("W1", skills=())], REQUEST, "DE01", "P-DE01-1", set())


def test_an_eligible_candidate_is_chosen_over_one_who_is_not() -> None:
    """Whatever their order."""
    fit, unfit = candidate("W1"), candidate("W2", skills=())
    assert fit == choose([unfit, fit], REQUEST, "DE01", "P-DE01-1", set())


def test_a_candidate_on_leave_is_passed_over() -> None:
    """Each candidate brings their own absences."""
    away = replace(candidate("W1"), absences=(absence("2027-02-01", "2027-03-01"),))
    assert candidate("W2") == choose([away, candidate("W2")], REQUEST, "DE01", "P-DE01-1", set())


@pytest.mark.parametrize("taken", ["W1", "W2"])
def test_whoever_has_no_part_yet_comes_first(taken: str) -> None:
    """Two roles are two people, as long as there are two."""
    both = [candidate("W1"), candidate("W2")]
    (other,) = (one for one in both if one.worker.employment.number != taken)
    assert other == choose(both, REQUEST, "DE01", "P-DE01-1", {worker(taken).id})


def test_a_taken_person_is_better_than_nobody() -> None:
    """The proposal is tentative: resource management sees who is asked twice."""
    assert candidate("W1") == choose([candidate("W1")], REQUEST, "DE01", "P-DE01-1", {worker("W1").id})


def test_the_same_project_proposes_the_same_person() -> None:
    """A repeat changes nothing, in whatever order HR lists its workers."""
    crowd = [candidate(f"W{number}") for number in range(20)]
    assert choose(crowd, REQUEST, "DE01", "P-DE01-1", set()) == choose(crowd[::-1], REQUEST, "DE01", "P-DE01-1", set())


def test_projects_spread_over_people() -> None:
    """Not everything lands on whoever comes first in the alphabet."""
    crowd = [candidate(f"W{number}") for number in range(5)]
    chosen = [choose(crowd, REQUEST, "DE01", f"P-DE01-{number}", set()) for number in range(60)]
    assert {one.worker.id for one in crowd} == {one.worker.id for one in chosen if one is not None}
