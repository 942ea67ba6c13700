"""Staffing v6 and absence management over REST: workers, service dates, skills, leaves and time off."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from starlette.requests import Request

from sandboxkit.app import Context
from system_apis.hr.workday.sandbox.history import Row, Staff, WorkerFile, wid
from system_apis.hr.workday.sandbox.refusals import denied, invalid, malformed_id, not_found

MAX_PAGE, DEFAULT_PAGE = 100, 20
# Delivered statuses have one WID in every tenant.
TIME_OFF_STATUSES = {
    "Approved": "0391102bd1b542538d996936c8fa2fa7",
    "Submitted": "dd817fe688db4ac7bf84e3ef79f72948",
    "Sent Back": "070b249867f747a19bca64f73eafc9b8",
    "Not Submitted": "eddf5968e6d4430ca4bce9a4cfaba337",
}
DATES, SKILLS, ABSENCE = "Worker Data: Service Dates", "Worker Data: Skills", "Worker Data: Leave of Absence"
_WID = re.compile(r"[0-9a-f]{32}")


class Rest:
    """The REST resources; every answer is `{data, total}` or one object."""

    def __init__(self, context: Context, staff: Staff) -> None:
        self._store = context.store
        self._base_url = context.base_url
        self._tenant = context.config["tenant"]
        self._staff = staff

    def workers(self, request: Request) -> Row:
        """Leavers only when asked for; those who are still to start never."""
        words = request.query_params.get("search", "").lower().split()
        leavers = request.query_params.get("includeTerminatedWorkers", "false").lower() == "true"
        today = self._staff.today()
        found = [file for file in self._staff.files() if file.hire_date is not None and file.hire_date <= today]
        found = [file for file in found if leavers or file.active_on(today)]
        if words:
            found = [file for file in found if any(word in file.name().lower() for word in words)]
        return page(request, found, self._worker)

    def worker(self, request: Request) -> Row:
        return self._worker(self._file(request))

    def service_dates(self, request: Request) -> Row:
        file = self._file(request)
        if DATES in self._staff.hidden():
            return {"data": [], "total": 0}
        dates = {"hireDate": _text(file.hire_date), "continuousServiceDate": _text(file.original_hire_date)}
        return page(request, [dates], dict)

    def explicit_skills(self, request: Request) -> Row:
        file = self._file(request)
        if SKILLS in self._staff.hidden():
            raise denied()
        skills = file.values_on(self._staff.today()).get("skills", [])
        return page(request, skills, self._skill)

    def leaves(self, request: Request) -> Row:
        file = self._file(request)
        return page(request, self._of(file, "leave"), self._leave)

    def time_off(self, request: Request) -> Row:
        """One entry a day; `fromDate`, `toDate` (both included) and `status` narrow it."""
        file, params = self._file(request), request.query_params
        first, last = _day(params.get("fromDate"), "fromDate"), _day(params.get("toDate"), "toDate")
        status = params.get("status")
        found = [
            entry
            for entry in self._of(file, "time_off")
            if (first is None or date.fromisoformat(entry["date"]) >= first)
            and (last is None or date.fromisoformat(entry["date"]) <= last)
            and (status is None or TIME_OFF_STATUSES.get(entry["status"]) == status)
        ]
        return page(request, sorted(found, key=lambda entry: str(entry["date"])), self._entry)

    def _of(self, file: WorkerFile, kind: str) -> list[Row]:
        if ABSENCE in self._staff.hidden():
            raise denied()
        return self._store.find(kind, lambda record: record["worker"] == file.wid)

    def _file(self, request: Request) -> WorkerFile:
        reference = request.path_params["worker"]
        if "=" not in reference and not _WID.fullmatch(reference):
            raise malformed_id(reference)
        file = self._staff.file(reference)
        if file is None:
            raise not_found()
        return file

    def _worker(self, file: WorkerFile) -> Row:
        values, kind = file.values_on(self._staff.today()), file.record["type"]
        person = {"id": file.record["personWid"]} | ({"email": values["email"]} if values.get("email") else {})
        profile = values["jobProfile"]
        organisation = f"{values['company']['name']} {values['costCenter']['name']}"
        job = {
            "id": wid("position", file.wid),
            "descriptor": f"P-{file.number} {profile}",
            "businessTitle": values.get("businessTitle", profile),
            "supervisoryOrganization": reference_to("supervisory", organisation),
            "jobType": reference_to("jobType", "Regular"),
            "jobProfile": reference_to("jobProfile", profile),
            "location": reference_to("location", values["location"]),
        }
        return {
            "id": file.wid,
            "descriptor": file.descriptor(self._staff.today()),
            "workerId": file.number,
            "workerType": reference_to("workerType", kind)
            | {"href": self._href("workerTypes", wid("workerType", kind))},
            "person": person,
            "primaryJob": job,
            "additionalJobs": [],
        }

    def _href(self, resource: str, record_id: str) -> str:
        return f"{self._base_url}/ccx/api/staffing/v6/{self._tenant}/{resource}/{record_id}"

    def _skill(self, name: str) -> Row:
        item = reference_to("skill", name)
        return {"id": wid("explicitSkill", name), "descriptor": name, "skillItem": item, "skillSources": []}

    def _leave(self, record: Row) -> Row:
        """`status` and `leaveType` are references; days that are not known are left out."""
        days = ("firstDayOfLeave", "lastDayOfWork", "estimatedLastDayOfLeave", "actualLastDayOfLeave")
        return {
            "id": record["id"],
            "descriptor": record["leaveType"],
            "status": reference_to("leaveStatus", record["status"]),
            "leaveType": reference_to("leaveType", record["leaveType"]),
        } | {day: record[day] for day in days if record.get(day)}

    def _entry(self, record: Row) -> Row:
        status = record["status"]
        return {
            "id": record["id"],
            "date": record["date"],
            "quantity": str(record["quantity"]),
            "unit": reference_to("unit", record.get("unit", "Hours")),
            "timeOffType": reference_to("timeOffType", record["timeOffType"]),
            "status": {"id": TIME_OFF_STATUSES[status], "descriptor": status},
        }


def reference_to(kind: str, name: str) -> Row:
    return {"id": wid(kind, name), "descriptor": name}


def page(request: Request, records: list[Any], shown: Callable[[Any], Row]) -> Row:
    """At most a hundred at a time; asking for more is an error."""
    limit = _number(request.query_params.get("limit", str(DEFAULT_PAGE)), "limit")
    offset = _number(request.query_params.get("offset", "0"), "offset")
    if not 1 <= limit <= MAX_PAGE:
        raise invalid(f"limit is between 1 and {MAX_PAGE}", "limit")
    return {"data": [shown(record) for record in records[offset : offset + limit]], "total": len(records)}


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise invalid(f"{name} is a number", name)
    return int(text)


def _day(text: str | None, name: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise invalid(f"{name} is a date", name) from error


def _text(day: date | None) -> str:
    return "" if day is None else day.isoformat()
