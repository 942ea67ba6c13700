"""Reports as a service: the custom reports that a customer builds for us. Values are texts, empty ones are left out.

Records: `eligibility` {worker, check, result, validTo?}; `cost_rate` {worker, rate, currency, unit?, effective,
entered}.
"""

from collections.abc import Callable, Iterator
from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from sandboxkit.app import Context
from system_apis.hr.workday.sandbox.history import Row, Staff, WorkerFile, id_type
from system_apis.hr.workday.sandbox.wql import POSITIONS

COMPENSATION, QUALIFICATIONS = "Worker Data: Compensation", "Worker Data: Qualifications"
DOMAINS = {
    "Company": POSITIONS,
    "Cost_Center": POSITIONS,
    "Location": POSITIONS,
    "Job_Profile": POSITIONS,
    "Grade": POSITIONS,
    "Manager_ID": POSITIONS,
    "Cost_Rate": COMPENSATION,
    "Currency": COMPENSATION,
    "Check": QUALIFICATIONS,
    "Result": QUALIFICATIONS,
    "Valid_To": QUALIFICATIONS,
}
FAULT = '<?xml version="1.0"?><wd:error xmlns:wd="urn:com.workday/bsvc"><wd:message>{}</wd:message></wd:error>'


class Reports:
    """The reports by name."""

    def __init__(self, context: Context, staff: Staff) -> None:
        self._context = context
        self._staff = staff
        self._reports: dict[str, Callable[[WorkerFile], Iterator[Row]]] = {
            "Syncline_Worker_Terms": self._terms,
            "Syncline_Worker_Eligibility": self._eligibility,
            "Worker_Cost_Rates": self._cost_rates,
        }

    def answer(self, request: Request) -> Response | Row:
        """A whole report: there are no pages. `Worker!WID` and `Worker!Employee_ID` prompts narrow it."""
        owner, report = request.path_params["owner"], self._reports.get(request.path_params["report"])
        if owner != self._context.config.get("report_owner", self._context.config["username"]) or report is None:
            return fault(404, "The report does not exist or is not shared with you.")
        if request.query_params.get("format") != "json":
            return fault(400, "This tenant gives its reports as JSON only.")
        rows = [row for file in self._chosen(request) for row in report(file)]
        return {"Report_Entry": [self._shown(row) for row in rows]} if rows else {}

    def _chosen(self, request: Request) -> list[WorkerFile]:
        """Several values of a prompt are separated by an exclamation mark."""
        files = self._staff.files()
        for name, value in request.query_params.items():
            prompt, _, kind = name.partition("!")
            if prompt != "Worker":
                continue
            wanted = set(value.split("!"))
            files = [
                f for f in files if (f.wid in wanted if kind == "WID" else kind == id_type(f) and f.number in wanted)
            ]
        return files

    def _shown(self, row: Row) -> Row:
        hidden = self._staff.hidden()
        return {name: str(v) for name, v in row.items() if v not in (None, "") and DOMAINS.get(name) not in hidden}

    def _terms(self, file: WorkerFile) -> Iterator[Row]:
        for segment in file.segments():
            values = segment.values
            yield {
                "Worker_WID": file.wid,
                "Effective_From": self._dated(segment.from_day),
                "Effective_To": None if segment.to_day is None else self._dated(segment.to_day),
                "Entered_At": self._staff.stamp(segment.entered),
                "Company": values["company"]["code"],
                "Cost_Center": values["costCenter"]["code"],
                "Location": values["location"],
                "Time_Zone": values["timeZone"],
                "Job_Profile": values["jobProfile"],
                "Grade": values.get("grade"),
                "Weekly_Hours": values["weeklyHours"],
                "Manager_ID": values.get("manager"),
            }

    def _eligibility(self, file: WorkerFile) -> Iterator[Row]:
        for record in self._context.store.find("eligibility", lambda record: record["worker"] == file.wid):
            yield {
                "Worker_WID": file.wid,
                "Check": record["check"],
                "Result": record["result"],
                "Valid_To": record.get("validTo"),
            }

    def _cost_rates(self, file: WorkerFile) -> Iterator[Row]:
        for record in self._context.store.find("cost_rate", lambda record: record["worker"] == file.wid):
            yield {
                "Worker_WID": file.wid,
                "Cost_Rate": record["rate"],
                "Currency": record["currency"],
                "Unit": record.get("unit", "Hour"),
                "Effective_Date": record["effective"],
                "Entered_At": record["entered"],
            }

    def _dated(self, day: date) -> str:
        """A report's dates carry the tenant's zone: the day is the day, whatever the zone says."""
        offset = self._staff.now().astimezone(self._staff.zone).isoformat()[-6:]
        return f"{day.isoformat()}{offset}"


def fault(status: int, message: str) -> Response:
    return Response(FAULT.format(message), status, media_type="text/xml")
