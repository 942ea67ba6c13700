"""Rows of Workday as canonical people. An empty required field is never filled in: the record is incomplete instead."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from canonical.effective import DateRange
from canonical.moments import start_of
from canonical.money import Rate
from canonical.people import Absence, CostRate, Eligibility, Employment, Worker, WorkTerms
from servicekit.failures import Failure, Kind
from system_apis.hr.workday.settings import Settings

Row = dict[str, Any]

DAY = timedelta(days=1)
APPROVED_TIME_OFF = "0391102bd1b542538d996936c8fa2fa7"  # delivered by Workday: the same in every tenant
UNITS = {"hour": "hour", "hours": "hour", "hourly": "hour", "day": "day", "days": "day", "daily": "day"} | {
    "month": "month",
    "months": "month",
    "monthly": "month",
}
RESULTS = {"pass": "pass", "fail": "fail", "yes": "pass", "no": "fail", "1": "pass", "0": "fail"}
_DECIMALS = Decimal("0.00001")  # a rate's


def to_worker(row: Row, terms: Sequence[Row], eligibility: Sequence[Row], settings: Settings, now: datetime) -> Worker:
    """Raises INVALID `record_incomplete` naming the field that did not arrive."""
    names = settings.workers
    dated = tuple(sorted((to_terms(entry, settings) for entry in terms), key=_by_day))
    if not dated:
        _incomplete(settings.terms.report)
    employment = _employment(row, settings, now)
    known_at = max([moment(row, names.updated), *(entry.recorded_at for entry in dated)])
    return Worker(
        id=required(row, names.wid),
        person_id=_id_of(row, names.person),
        name=required(row, names.name),
        email=next(iter(_descriptors(row, names.email)), None),
        employment=employment,
        terms=dated,
        skills=tuple(_descriptors(row, names.skills)),
        eligibility=tuple(_eligibility(entry, settings) for entry in eligibility),
        updated_at=max([known_at, *(start for start in _turns(dated) if start <= now)]),
    )


def to_terms(row: Row, settings: Settings) -> WorkTerms:
    names = settings.terms
    company, zone = required(row, names.company), required(row, names.time_zone)
    last_day = optional_day(row, names.effective_to)
    return WorkTerms(
        effective=_range(day(row, names.effective_from), last_day, names.effective_to),
        recorded_at=moment(row, names.entered_at),
        legal_entity_code=settings.legal_entities.get(company, company),
        cost_centre_code=required(row, names.cost_centre),
        location=required(row, names.location),
        time_zone=_zone(settings.time_zones.get(zone, zone)),
        job_profile=required(row, names.job_profile),
        grade=text(row, names.grade),
        weekly_hours=int(_number(row, names.weekly_hours).quantize(Decimal(1), rounding=ROUND_HALF_UP)),
        manager_worker_number=text(row, names.manager),
    )


def to_cost_rates(rows: Sequence[Row], settings: Settings) -> tuple[CostRate, ...]:
    """By day. A rate holds until the next day on which one begins; a later entry for the same day corrects it."""
    names = settings.cost_rates
    days = sorted({day(row, names.effective_date) for row in rows})
    following = dict(itertools.zip_longest(days, days[1:]))
    rates = [
        CostRate(
            worker_id=required(row, names.worker),
            rate=_rate(row, settings),
            effective=DateRange(from_date=from_day, to_date=following[from_day]),
            recorded_at=moment(row, names.entered_at),
        )
        for row in rows
        for from_day in (day(row, names.effective_date),)
    ]
    return tuple(sorted(rates, key=_by_day))


def to_time_off(worker_id: str, rows: Sequence[Row]) -> Iterator[Absence]:
    """Approved days off, days in a row as one range. A correction is a second entry, its quantity negative."""
    quantities: dict[date, Decimal] = {}
    for row in rows:
        if _id_of(row, "status") == APPROVED_TIME_OFF:
            off = day(row, "date")
            quantities[off] = quantities.get(off, Decimal(0)) + _number(row, "quantity")
    for days in _runs(off for off, quantity in quantities.items() if quantity > 0):
        effective = DateRange(from_date=days[0], to_date=days[-1] + DAY)
        yield Absence(worker_id=worker_id, effective=effective, affects="capacity", approved=True)


def to_leaves(worker_id: str, rows: Sequence[Row], settings: Settings) -> Iterator[Absence]:
    """Approved leaves; one whose end nobody knows yet is open."""
    for row in rows:
        if _descriptor(row, "status") not in settings.leave_statuses:
            continue
        last = optional_day(row, "actualLastDayOfLeave") or optional_day(row, "estimatedLastDayOfLeave")
        effective = _range(day(row, "firstDayOfLeave"), last, "estimatedLastDayOfLeave")
        yield Absence(worker_id=worker_id, effective=effective, affects="eligibility", approved=True)


def required(row: Row, name: str) -> str:
    """The text of a field. Raises INVALID `record_incomplete` where it did not arrive."""
    found = text(row, name)
    return _incomplete(name) if found is None else found


def text(row: Row, name: str) -> str | None:
    value = row.get(name)
    return str(value).strip() or None if isinstance(value, str | int) else None


def day(row: Row, name: str) -> date:
    """A day. Some carry a zone behind it: it is cut off, never converted."""
    try:
        return date.fromisoformat(required(row, name)[:10])
    except ValueError:
        return _incomplete(name)


def optional_day(row: Row, name: str) -> date | None:
    return None if text(row, name) is None else day(row, name)


def moment(row: Row, name: str) -> datetime:
    """A moment, with the tenant's offset on the wire."""
    try:
        found = datetime.fromisoformat(required(row, name))
    except ValueError:
        return _incomplete(name)
    return _incomplete(name) if found.tzinfo is None else found.astimezone(UTC)


def _employment(row: Row, settings: Settings, now: datetime) -> Employment:
    names = settings.workers
    hired = day(row, names.hire_date)
    ended = optional_day(row, names.termination_date)
    if ended is None and row.get(names.active) is False and hired < (now - DAY).date():
        _incomplete(names.termination_date)  # who has left has a last day
    return Employment(
        number=required(row, names.number),
        kind=settings.worker_kinds.get(kind := _descriptor(row, names.kind), kind.lower()),
        hire_date=hired,
        original_hire_date=day(row, names.original_hire_date),
        termination_date=ended,
        contract_end_date=optional_day(row, names.contract_end_date),
    )


def _eligibility(row: Row, settings: Settings) -> Eligibility:
    names = settings.eligibility
    result = RESULTS.get(required(row, names.result).lower())
    if result is None:
        _incomplete(names.result)
    valid_to = optional_day(row, names.valid_to)
    return Eligibility(check=required(row, names.check), result=result, valid_to=valid_to)


def _rate(row: Row, settings: Settings) -> Rate:
    names = settings.cost_rates
    amount = _number(row, names.rate)
    unit = UNITS.get(required(row, names.unit).lower())
    if unit is None or amount < 0:
        _incomplete(names.unit if unit is None else names.rate)
    exact = amount if amount == amount.quantize(_DECIMALS) else amount.quantize(_DECIMALS, rounding=ROUND_HALF_UP)
    return Rate(amount=f"{exact:f}", currency=required(row, names.currency), unit=unit)


def _range(first: date, last: date | None, name: str) -> DateRange:
    """Workday tells the last day, we the day after it."""
    if last is not None and last < first:
        _incomplete(name)
    return DateRange(from_date=first, to_date=None if last is None else last + DAY)


def _number(row: Row, name: str) -> Decimal:
    """Numbers come as texts."""
    value = row.get(name)
    try:
        found = Decimal(str(value)) if isinstance(value, str | int | float | Decimal) else None
    except InvalidOperation:
        found = None
    return _incomplete(name) if found is None or not found.is_finite() else found


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        detail = f"HR's time zone {name} is no IANA zone; the settings' time_zones translate"
        raise Failure(Kind.MISCONFIGURED, detail, code="hr_time_zone_unknown") from error
    return name


def _id_of(row: Row, name: str) -> str:
    value = row.get(name)
    found = value.get("id") if isinstance(value, dict) else value
    return found if isinstance(found, str) and found else _incomplete(name)


def _descriptor(row: Row, name: str) -> str:
    found = next(iter(_descriptors(row, name)), None)
    return _incomplete(name) if found is None else found


def _descriptors(row: Row, name: str) -> list[str]:
    """A multi-instance field is an array even with one value; naive converters make it an object."""
    value = row.get(name) or []
    entries = value if isinstance(value, list) else [value]
    told = [entry.get("descriptor") if isinstance(entry, dict) else entry for entry in entries]
    return [entry for entry in told if isinstance(entry, str) and entry]


def _turns(terms: Iterable[WorkTerms]) -> Iterator[datetime]:
    """The moments at which something becomes true by the calendar alone."""
    for entry in terms:
        yield start_of(entry.effective.from_date, entry.time_zone)
        if entry.effective.to_date is not None:
            yield start_of(entry.effective.to_date, entry.time_zone)


def _by_day(entry: WorkTerms | CostRate) -> tuple[date, datetime]:
    return entry.effective.from_date, entry.recorded_at


def _runs(days: Iterable[date]) -> Iterator[list[date]]:
    """Days in a row, together."""
    ordered = sorted(days)
    for _, group in itertools.groupby(enumerate(ordered), key=lambda pair: pair[1].toordinal() - pair[0]):
        yield [off for _, off in group]


def _incomplete(name: str) -> NoReturn:
    raise Failure(Kind.INVALID, f"HR's record has no usable {name}", code="record_incomplete")
