"""What happened to whom: an event store with two clocks, and every worker as it was on a day, known at a moment.

Records: `worker` {wid, personWid, workerId, type, contractEndDate?}; `transaction` {worker, type, effective, entered,
values}, its values changing what earlier ones said; one that `rescinds` another takes it back.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandboxkit.app import Context

Row = dict[str, Any]

STARTS = ("Hire Employee", "Contract Contingent Worker")
ENDS = ("Terminate Employee", "End Contingent Worker Contract")
POSITION = ("company", "costCenter", "location", "timeZone", "jobProfile", "grade", "weeklyHours", "manager")


def wid(*parts: str) -> str:
    """A Workday ID: 32 lower-case hexadecimal digits, the same for the same thing."""
    return hashlib.md5("/".join(parts).encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Transaction:
    """A business process that was completed. `effective` is the business's day, `entered` the moment of typing."""

    id: str
    worker: str
    type: str
    effective: date
    entered: datetime
    values: Row
    rescinds: str | None


@dataclass(frozen=True)
class Segment:
    """A range of days, both included, on which nothing about the position changed."""

    from_day: date
    to_day: date | None
    entered: datetime
    values: Row


class WorkerFile:
    """One worker, with the transactions that were known at a moment."""

    def __init__(self, record: Row, transactions: list[Transaction]) -> None:
        self.record = record
        self.all = transactions
        taken_back = {transaction.rescinds for transaction in transactions if transaction.rescinds}
        valid = [t for t in transactions if t.id not in taken_back and t.rescinds is None]
        self.valid = sorted(valid, key=lambda t: (t.effective, t.entered))

    @property
    def wid(self) -> str:
        return str(self.record["wid"])

    @property
    def number(self) -> str:
        return str(self.record["workerId"])

    @property
    def is_employee(self) -> bool:
        return bool(self.record["type"] == "Employee")

    @property
    def hire_date(self) -> date | None:
        return max((t.effective for t in self.valid if t.type in STARTS), default=None)

    @property
    def original_hire_date(self) -> date | None:
        return min((t.effective for t in self.valid if t.type in STARTS), default=None)

    @property
    def termination_date(self) -> date | None:
        """The last day, also while it is still to come; none after a rehire."""
        hired = self.hire_date
        ends = [t.effective for t in self.valid if t.type in ENDS]
        return max((end for end in ends if hired is None or end >= hired), default=None)

    @property
    def updated(self) -> datetime:
        return max(t.entered for t in self.all)

    def active_on(self, day: date) -> bool:
        hired, ended = self.hire_date, self.termination_date
        return hired is not None and hired <= day and (ended is None or day <= ended)

    def values_on(self, day: date) -> Row:
        """What was true on the day; for someone who is still to start, what is true on the first day."""
        hired = self.hire_date
        seen_from = day if hired is None else max(day, hired)
        merged: Row = {}
        for transaction in self.valid:
            if transaction.effective <= seen_from:
                merged |= transaction.values
        return merged

    def segments(self) -> Iterator[Segment]:
        """The position's history and future. A later entry with an earlier day shines through to the days after it."""
        days = sorted({t.effective for t in self.valid if t.type in STARTS or t.values.keys() & set(POSITION)})
        last = self.termination_date
        for index, day in enumerate(days):
            if last is not None and day > last:
                return
            following = days[index + 1] - timedelta(days=1) if index + 1 < len(days) else None
            to_day = min((end for end in (following, last) if end is not None), default=None)
            entered = max(t.entered for t in self.valid if t.effective <= day)
            yield Segment(day, to_day, entered, self.values_on(day))

    def name(self) -> str:
        values = self.values_on(date.max)
        return f"{values['firstName']} {values['lastName']}"

    def descriptor(self, today: date) -> str:
        """What people see; it carries suffixes and is no key."""
        ended = self.termination_date
        suffix = " (Terminated)" if ended is not None and ended < today else ""
        return self.name() + ("" if self.is_employee else " [C]") + suffix


class Staff:
    """Everybody who is or was in the tenant, read from the store for each request."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.zone = ZoneInfo(str(context.config.get("time_zone", "America/Los_Angeles")))

    def now(self) -> datetime:
        return self._context.clock.now()

    def today(self) -> date:
        """The tenant's day, which rolls over at its own midnight."""
        return self.now().astimezone(self.zone).date()

    def stamp(self, moment: datetime) -> str:
        return moment.astimezone(self.zone).isoformat(timespec="milliseconds")

    def files(self, known_at: datetime | None = None) -> list[WorkerFile]:
        """All whose start had been entered by then."""
        moment = known_at or self.now()
        by_worker: dict[str, list[Transaction]] = {}
        for body in self._context.store.all("transaction"):
            transaction = _transaction(body)
            if transaction.entered <= moment:
                by_worker.setdefault(transaction.worker, []).append(transaction)
        found = [WorkerFile(r, by_worker[r["wid"]]) for r in self._context.store.all("worker") if r["wid"] in by_worker]
        return [file for file in found if file.hire_date is not None]

    def file(self, reference: str) -> WorkerFile | None:
        """By WID, or as `Employee_ID=21001` or `Contingent_Worker_ID=...`."""
        kind, _, number = reference.rpartition("=")
        for file in self.files():
            if not kind and file.wid == reference:
                return file
            if kind == id_type(file) and file.number == number:
                return file
        return None

    def enter(self, body: Row) -> Row:
        """Write a transaction down as completed now, unless it says when. Raises ValueError for an unknown worker."""
        number = str(body["worker"])
        known = {r["workerId"]: r["wid"] for r in self._context.store.all("worker")} | {
            r["wid"]: r["wid"] for r in self._context.store.all("worker")
        }
        if number not in known:
            raise ValueError(f"there is no worker {number}")
        count = self._context.store.next_number("transaction")
        transaction_id = wid("transaction", str(count), self.now().isoformat())
        kept = {
            "id": transaction_id,
            "worker": known[number],
            "type": body["type"],
            "effective": body.get("effective", self.today().isoformat()),
            "entered": body.get("entered", self.now().isoformat()),
            "values": body.get("values", {}),
            "rescinds": body.get("rescinds"),
        }
        return self._context.store.put("transaction", transaction_id, kept)

    def hidden(self) -> frozenset[str]:
        """The security domains that were taken from the integration user."""
        return frozenset(record["domain"] for record in self._context.store.all("revoked_domain"))


def id_type(file: WorkerFile) -> str:
    return "Employee_ID" if file.is_employee else "Contingent_Worker_ID"


def _transaction(body: Row) -> Transaction:
    return Transaction(
        id=body["id"],
        worker=body["worker"],
        type=body["type"],
        effective=date.fromisoformat(body["effective"]),
        entered=datetime.fromisoformat(body["entered"]).astimezone(UTC),
        values=body.get("values") or {},
        rescinds=body.get("rescinds"),
    )
