"""The demo firm as Workday keeps it: hires and later changes, absence, cost rates, permits and certificates."""

import hashlib
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from demo.firm import Colleague, Firm

Body = dict[str, Any]
Row = dict[str, Any]

# Workers who together have every field: a contractor with an end, a holiday, a leave. See the connector's README.
KNOWN_WORKERS = ("W1008", "W1003", "W1005")
LOCATIONS = {"DE01": "Berlin", "US01": "New York", "GB01": "London"}
_ENTERED_BEFORE = timedelta(days=30)  # a change is typed a month before its day
_RAISED = 12  # months between the former cost rate and the present one
_CONTRACT = timedelta(days=730)


def records(firm: Firm) -> dict[str, list[Row]]:
    """What stands in the tenant on the morning of the day, by the kinds of the sandbox's control door."""
    found: dict[str, list[Row]] = {}
    for place, colleague in enumerate(firm.colleagues):
        for kind, rows in _person(firm, colleague, place).items():
            found.setdefault(kind, []).extend(rows)
    return found


def hire_deed(firm: Firm, colleague: Colleague) -> Body:
    """The input of the action `hire`: a person in HR enters a new colleague now, who starts on the hire date."""
    record = _worker(firm, colleague)
    told = {name: record[name] for name in ("wid", "personWid", "workerId", "type", "contractEndDate")}
    return told | {"effective": colleague.hire_date.isoformat(), "values": _values(firm, colleague)}


def move_deed(firm: Firm, colleague: Colleague, cost_centre: str, effective: date) -> Body:
    """The input of the action `enter`: a person in HR moves a colleague to another cost centre from a day on."""
    entity = firm.entity(colleague.entity)
    name = dict(entity.cost_centres)[cost_centre]
    return {
        "worker": worker_wid(colleague),
        "type": "Change Organization Assignments",
        "effective": effective.isoformat(),
        "values": {"costCenter": {"code": cost_centre, "name": name}},
    }


def worker_wid(colleague: Colleague) -> str:
    return _wid("worker", colleague.number)


def _person(firm: Firm, colleague: Colleague, place: int) -> dict[str, list[Row]]:
    kinds: dict[str, Iterator[Body]] = {
        "worker": iter([_worker(firm, colleague)]),
        "transaction": _transactions(firm, colleague, place),
        "time_off": _time_off(colleague),
        "leave": _leaves(colleague),
        "eligibility": _eligibility(firm, colleague, place),
        "cost_rate": _cost_rates(firm, colleague, place),
    }
    named = {"worker": "wid"}
    return {
        kind: [{"id": body[named.get(kind, "id")], "body": body} for body in bodies] for kind, bodies in kinds.items()
    }


def _worker(firm: Firm, colleague: Colleague) -> Body:
    contractor = colleague.kind == "contractor"
    return {
        "wid": worker_wid(colleague),
        "personWid": _wid("person", colleague.number),
        "workerId": colleague.number,
        "type": "Contingent Worker" if contractor else "Employee",
        "contractEndDate": (firm.today + _CONTRACT).isoformat() if contractor else None,
    }


def _values(firm: Firm, colleague: Colleague) -> Body:
    entity = firm.entity(colleague.entity)
    return {
        "firstName": colleague.first_name,
        "lastName": colleague.last_name,
        "email": colleague.email,
        "company": {"code": entity.code, "name": entity.name},
        "costCenter": {"code": colleague.cost_centre, "name": dict(entity.cost_centres)[colleague.cost_centre]},
        "location": LOCATIONS[colleague.entity],
        "timeZone": entity.time_zone,
        "jobProfile": colleague.job_profile,
        "grade": colleague.grade,
        "weeklyHours": str(colleague.weekly_hours),
        "manager": colleague.manager_number,
        "skills": list(colleague.skills),
    }


def _transactions(firm: Firm, colleague: Colleague, place: int) -> Iterator[Body]:
    """The start; for some a promotion in the past; the end of contractors; one move that is entered for later."""
    values = _values(firm, colleague)
    employee = colleague.kind == "employee"
    promoted = place % 7 == 3 and employee and colleague.hire_date < firm.today - timedelta(days=500)
    grades = int(colleague.grade[1:]) - 1, int(colleague.grade[1:])
    first = values | {"grade": f"G{grades[0]}"} if promoted else values
    start = "Hire Employee" if employee else "Contract Contingent Worker"
    yield _transaction(firm, colleague, start, colleague.hire_date, first)
    if promoted:
        day = firm.today - timedelta(days=200)
        yield _transaction(firm, colleague, "Promote Employee", day, {"grade": f"G{grades[1]}"})
    if not employee:
        end = firm.today + _CONTRACT
        yield _transaction(firm, colleague, "End Contingent Worker Contract", end, {}, ahead=timedelta(days=900))
    if place == 1:
        later = {"weeklyHours": "32"}
        yield _transaction(
            firm, colleague, "Change Job", firm.today + timedelta(days=60), later, ahead=timedelta(days=90)
        )


def _transaction(
    firm: Firm, colleague: Colleague, kind: str, effective: date, values: Body, ahead: timedelta = _ENTERED_BEFORE
) -> Body:
    """Entered a time ahead of its day, and before the day of the demo in any case."""
    entered = min(effective - ahead, firm.today - timedelta(days=1))
    return {
        "id": _wid("transaction", colleague.number, kind, effective.isoformat()),
        "worker": worker_wid(colleague),
        "type": kind,
        "effective": effective.isoformat(),
        "entered": _moment(firm, colleague, entered),
        "values": values,
        "rescinds": None,
    }


def _time_off(colleague: Colleague) -> Iterator[Body]:
    """A holiday is an entry for each working day."""
    for absence in colleague.absences:
        if absence.affects != "capacity":
            continue
        for offset in range((absence.to_date - absence.from_date).days):
            day = absence.from_date + timedelta(days=offset)
            if day.weekday() < 5:
                yield {
                    "id": _wid("time off", colleague.number, day.isoformat()),
                    "worker": worker_wid(colleague),
                    "date": day.isoformat(),
                    "quantity": str(colleague.weekly_hours // 5),
                    "unit": "Hours",
                    "timeOffType": "Vacation",
                    "status": "Approved",
                }


def _leaves(colleague: Colleague) -> Iterator[Body]:
    for absence in colleague.absences:
        if absence.affects == "eligibility":
            yield {
                "id": _wid("leave", colleague.number, absence.from_date.isoformat()),
                "worker": worker_wid(colleague),
                "leaveType": "Parental Leave",
                "status": "Approved",
                "firstDayOfLeave": absence.from_date.isoformat(),
                "lastDayOfWork": (absence.from_date - timedelta(days=1)).isoformat(),
                "estimatedLastDayOfLeave": (absence.to_date - timedelta(days=1)).isoformat(),
            }


def _eligibility(firm: Firm, colleague: Colleague, place: int) -> Iterator[Body]:
    """Work permits of a few, one of them running out soon, and a certificate that everyone in one role has."""
    if place % 9 == 7:
        left = timedelta(days=45 if place == 16 else 600)
        yield _fact(colleague, "Work Permit", (firm.today + left).isoformat())
    if "cloud-architecture" in colleague.skills and place % 2 == 0:
        yield _fact(colleague, "Cloud Security Certificate", (firm.today + timedelta(days=400)).isoformat())


def _fact(colleague: Colleague, check: str, valid_to: str) -> Body:
    return {
        "id": _wid("eligibility", colleague.number, check),
        "worker": worker_wid(colleague),
        "check": check,
        "result": "Pass",
        "validTo": valid_to,
    }


def _cost_rates(firm: Firm, colleague: Colleague, place: int) -> Iterator[Body]:
    """The present rate, and for every third who is here long enough the one before it."""
    began = firm.today.replace(year=firm.today.year - _RAISED // 12, month=1, day=1)
    if place % 3 == 0 and colleague.hire_date < began:
        yield _cost_rate(firm, colleague, colleague.hire_date, colleague.cost_rate - 4)
        yield _cost_rate(firm, colleague, began, colleague.cost_rate)
    else:
        yield _cost_rate(firm, colleague, colleague.hire_date, colleague.cost_rate)


def _cost_rate(firm: Firm, colleague: Colleague, effective: date, rate: object) -> Body:
    return {
        "id": _wid("cost rate", colleague.number, effective.isoformat()),
        "worker": worker_wid(colleague),
        "rate": str(rate),
        "currency": colleague.currency,
        "unit": "Hour",
        "effective": effective.isoformat(),
        "entered": _moment(firm, colleague, min(effective, firm.today) - timedelta(days=1)),
    }


def _moment(firm: Firm, colleague: Colleague, day: date) -> str:
    """Ten o'clock where the colleague is."""
    return datetime.combine(day, time(10), ZoneInfo(firm.entity(colleague.entity).time_zone)).isoformat()


def _wid(*parts: str) -> str:
    """A Workday ID: 32 lower-case hexadecimal digits."""
    return hashlib.md5("/".join(("northwind", *parts)).encode(), usedforsecurity=False).hexdigest()
