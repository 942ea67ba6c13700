"""WQL: SELECT fields FROM a source, with simple conditions, an order and a limit. Empty fields are left out of a row.

Multi-instance fields are arrays even with one value, numbers are texts, booleans are real.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.requests import Request

from system_apis.hr.workday.sandbox.history import Row, Staff, WorkerFile, wid
from system_apis.hr.workday.sandbox.refusals import invalid
from system_apis.hr.workday.sandbox.rest import DATES, SKILLS, reference_to

MAX_PAGE = 1000
CONTACT, POSITIONS = "Person Data: Work Contact Information", "Worker Data: Current Staffing Information"
# A field whose security domain was taken from us stays empty in every row, without a word.
DOMAINS = {
    "hireDate": DATES,
    "originalHireDate": DATES,
    "terminationDate": DATES,
    "contractEndDate": DATES,
    "email_Work": CONTACT,
    "skills": SKILLS,
    "company": POSITIONS,
    "costCenter": POSITIONS,
    "location": POSITIONS,
    "jobProfile": POSITIONS,
    "workersManager": POSITIONS,
}
Reader = Callable[[WorkerFile, date], Any]

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*|\d+|!=|[=(),])")
_SHAPE = re.compile(
    r"\s*SELECT\s+(?P<fields>.+?)\s+FROM\s+(?P<source>\w+)(?:\s+WHERE\s+(?P<where>.+?))?"
    r"(?:\s+ORDER\s+BY\s+(?P<order>\w+)(?:\s+(?P<direction>ASC|DESC))?)?(?:\s+LIMIT\s+(?P<limit>\d+))?\s*",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Condition:
    field: str
    values: tuple[str, ...]
    negated: bool


class Wql:
    """Queries over workers."""

    def __init__(self, staff: Staff) -> None:
        self._staff = staff
        self._fields: dict[str, Reader] = {
            "worker": lambda file, day: {"descriptor": file.descriptor(day), "id": file.wid},
            "workdayID": lambda file, _: file.wid,
            "employeeID": lambda file, _: file.number,
            "person": lambda file, _: {"descriptor": file.name(), "id": file.record["personWid"]},
            "fullName": lambda file, _: file.name(),
            "workerType": lambda file, _: reference_to("workerType", file.record["type"]),
            "workerActive": lambda file, day: file.active_on(day),
            "hireDate": lambda file, _: _iso(file.hire_date),
            "originalHireDate": lambda file, _: _iso(file.original_hire_date),
            "terminationDate": lambda file, _: _iso(file.termination_date),
            "contractEndDate": lambda file, _: file.record.get("contractEndDate"),
            "email_Work": lambda file, day: _many("email", [file.values_on(day).get("email")]),
            "skills": lambda file, day: _many("skill", file.values_on(day).get("skills", [])),
            "company": lambda file, day: _organisation("company", file.values_on(day)["company"]),
            "costCenter": lambda file, day: _organisation("costCenter", file.values_on(day)["costCenter"]),
            "location": lambda file, day: reference_to("location", file.values_on(day)["location"]),
            "jobProfile": lambda file, day: reference_to("jobProfile", file.values_on(day)["jobProfile"]),
            "workersManager": lambda file, day: self._manager(file.values_on(day).get("manager"), day),
            "FTE": lambda file, day: str(int(file.values_on(day)["weeklyHours"]) / 40),
            "lastFunctionallyUpdated": lambda file, _: self._staff.stamp(file.updated),
        }

    def data(self, request: Request, query: str) -> Row:
        """The rows of a query, a page of them, and how many there are in all."""
        match = _SHAPE.fullmatch(query)
        if match is None:
            raise invalid("the query cannot be parsed", "query")
        asked = self._asked(match["fields"])
        today = self._staff.today()
        found = self._source(match["source"], today)
        for condition in self._conditions(match["where"] or ""):
            found = [file for file in found if self._holds(condition, file, today)]
        if match["order"]:
            order = self._reader(match["order"])
            found.sort(key=lambda file: _key(order(file, today)), reverse=(match["direction"] or "").upper() == "DESC")
        if match["limit"]:
            found = found[: int(match["limit"])]
        limit, offset = (self._number(request, name, most) for name, most in (("limit", MAX_PAGE), ("offset", 0)))
        rows = [self._row(file, asked, today) for file in found[offset : offset + limit]]
        return {"total": len(found), "data": rows}

    def sources(self) -> Row:
        names = ("allWorkers", "allActiveEmployees", "allActiveAndTerminatedWorkers")
        return {"total": len(names), "data": [{"id": wid("source", name), "alias": name} for name in names]}

    def described(self) -> Row:
        """The fields that our security lets us see."""
        seen = [name for name in self._fields if DOMAINS.get(name) not in self._staff.hidden()]
        return {"total": len(seen), "data": [{"id": wid("field", name), "alias": name} for name in seen]}

    def _asked(self, text: str) -> list[str]:
        asked = [name.strip() for name in text.split(",")]
        for name in asked:
            self._reader(name)
        return asked

    def _reader(self, name: str) -> Reader:
        reader = self._fields.get(name)
        if reader is None:
            raise invalid(f"unknown field {name}", "query")
        return reader

    def _source(self, name: str, today: date) -> list[WorkerFile]:
        files = self._staff.files()
        if name == "allWorkers":
            return files
        if name == "allActiveEmployees":
            return [file for file in files if file.is_employee and file.active_on(today)]
        if name == "allActiveAndTerminatedWorkers":
            return [file for file in files if file.hire_date is not None and file.hire_date <= today]
        raise invalid(f"unknown data source {name}", "query")

    def _conditions(self, text: str) -> list[Condition]:
        """`field = value`, `field != value` and `field IN (value, ...)`, joined by AND."""
        tokens, place = [], 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise invalid("the condition cannot be parsed", "query")
            tokens.append(match[1])
            place = match.end()
        found: list[Condition] = []
        while tokens:
            found.append(self._condition(tokens))
            if tokens and tokens.pop(0).upper() != "AND":
                raise invalid("conditions are joined by AND", "query")
        return found

    def _condition(self, tokens: list[str]) -> Condition:
        try:
            field, sign = tokens.pop(0), tokens.pop(0).upper()
            self._reader(field)
            if sign in {"=", "!="}:
                return Condition(field, (_literal(tokens.pop(0)),), negated=sign == "!=")
            if sign == "IN" and tokens.pop(0) == "(":
                values = []
                while (word := tokens.pop(0)) != ")":
                    if word != ",":
                        values.append(_literal(word))
                return Condition(field, tuple(values), negated=False)
        except IndexError as error:
            raise invalid("the condition ends too early", "query") from error
        raise invalid(f"unknown operator {sign}", "query")

    def _holds(self, condition: Condition, file: WorkerFile, today: date) -> bool:
        value = self._reader(condition.field)(file, today)
        if isinstance(value, list):
            return bool({entry["id"] for entry in value} & set(condition.values)) != condition.negated
        return (_key(value) in condition.values) != condition.negated

    def _row(self, file: WorkerFile, asked: list[str], today: date) -> Row:
        hidden = self._staff.hidden()
        row = {name: self._fields[name](file, today) for name in asked if DOMAINS.get(name) not in hidden}
        return {name: value for name, value in row.items() if value not in (None, "", [])}

    def _manager(self, number: str | None, today: date) -> Row | None:
        found = next((f for f in self._staff.files() if f.number == number), None) if number else None
        return None if found is None else {"descriptor": found.descriptor(today), "id": found.wid}

    def _number(self, request: Request, name: str, default: int) -> int:
        text = request.query_params.get(name, str(default))
        if not text.isdigit() or (name == "limit" and not 1 <= int(text) <= MAX_PAGE):
            raise invalid(f"{name} is out of range", name)
        return int(text)


def _literal(token: str) -> str:
    if token.startswith("'"):
        return token[1:-1].replace("''", "'")
    return token.lower() if token.lower() in {"true", "false"} else token


def _key(value: Any) -> str:
    """What conditions and the order look at: an instance's id, or the text."""
    if isinstance(value, dict):
        return str(value["id"])
    return str(value).lower() if isinstance(value, bool) else str(value or "")


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _many(kind: str, names: list[str | None]) -> list[Row]:
    return [reference_to(kind, name) for name in names if name]


def _organisation(kind: str, value: Row) -> Row:
    return {"id": wid(kind, value["code"]), "descriptor": value["name"]}
